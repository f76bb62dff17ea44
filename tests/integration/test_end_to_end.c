/* The whole way: a real daemon, the real library, and what the HTTP API says afterwards. Every test ends by asking whether
 * the counts add up: rows read back one by one, and each term of the ledger. */
#include "unit.h"
#include "daemon.h"
#include "event_type.h"
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <headrace.h>
#include <jansson.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define THREADS 4u
#define TYPES 3u
#define WAIT_S 60
#define FLUSH_MS 60000
#define PAGE 20000u

static const char *const type_names[TYPES] = {"Alpha", "Beta", "Gamma"};

/* ---- the producer ---- */

struct producer {
    hr_client *client;
    hr_type *types[TYPES];
    uint64_t per_thread;             /* typed rows of each thread at most, spread over the types */
    unsigned pace;                   /* rows between two pauses of a millisecond; 0: no pause */
    atomic_bool enough;
    uint64_t raw_every;              /* a raw row of type 0 after each so many; 0: none */
    pthread_t threads[THREADS];
    atomic_ulong calls[TYPES], raw[TYPES], refused[TYPES]; /* by result: returned 0, and not */
};
struct share {
    struct producer *p;
    unsigned thread;
};

static uint64_t row_id(unsigned thread, uint64_t i) { return thread * UINT64_C(10000000) + i + 1; }

static void pause_ms(long ms) { nanosleep(&(struct timespec){.tv_nsec = ms * 1000000}, NULL); }

/* Until there is room: a call that is refused took a number of its own and is a drop in the ledger. */
static void log_row(struct producer *p, unsigned type, uint64_t id)
{
    while (event_log(p->client, p->types[type], id, "over the wheel") != 0) {
        atomic_fetch_add(&p->refused[type], 1);
        pause_ms(1);
    }
    atomic_fetch_add(&p->calls[type], 1);
}

static void log_raw(struct producer *p)
{
    while (hr_log_raw(p->client, p->types[0], "{\"id\":\"x\"}", 10, "id: a number is expected") != 0) {
        atomic_fetch_add(&p->refused[0], 1);
        pause_ms(1);
    }
    atomic_fetch_add(&p->raw[0], 1);
}

static void *log_share(void *arg)
{
    struct share *s = arg;

    for (uint64_t i = 0; i < s->p->per_thread && !atomic_load(&s->p->enough); i++) {
        if (s->p->pace != 0 && i % s->p->pace == 0)
            pause_ms(1);
        log_row(s->p, (unsigned)((i + s->thread) % TYPES), row_id(s->thread, i));
        if (s->p->raw_every != 0 && i % s->p->raw_every == 0)
            log_raw(s->p);
    }
    free(s);
    return NULL;
}

static void producer_open(struct producer *p, const struct test_daemon *d, const char *spool)
{
    struct hr_error err = {0, ""};
    hr_options *opt = hr_options_new();

    memset(p, 0, sizeof *p);
    assert_int_equal(hr_options_set(opt, "url", d->url, &err), 0);
    assert_int_equal(hr_options_set(opt, "app", "mill", &err), 0);
    assert_int_equal(hr_options_set(opt, "app_version", "1.2.3", &err), 0);
    assert_int_equal(hr_options_set(opt, "backoff_max_ms", "200", &err), 0); /* it comes back soon, so the tests are short */
    if (spool != NULL)
        assert_int_equal(hr_options_set(opt, "spool_dir", spool, &err), 0);
    if (spool != NULL) /* many batches, so that an end falls between a commit and its ack */
        assert_int_equal(hr_options_set(opt, "batch_rows", "50", &err), 0);
    if (hr_open(opt, &p->client, &err) != 0)
        fail_msg("hr_open: %s", err.text);
    hr_options_free(opt);
    for (unsigned i = 0; i < TYPES; i++)
        p->types[i] = event_type(type_names[i]);
}

static void producer_run(struct producer *p, uint64_t per_thread, unsigned pace, uint64_t raw_every)
{
    p->per_thread = per_thread;
    p->pace = pace;
    p->raw_every = raw_every;
    for (unsigned i = 0; i < THREADS; i++) {
        struct share *s = malloc(sizeof *s);

        *s = (struct share){p, i};
        assert_int_equal(pthread_create(&p->threads[i], NULL, log_share, s), 0);
    }
}

static void producer_join(struct producer *p)
{
    for (unsigned i = 0; i < THREADS; i++)
        pthread_join(p->threads[i], NULL);
}

static void producer_close(struct producer *p)
{
    assert_int_equal(hr_flush(p->client, FLUSH_MS), 0);
    assert_int_equal(hr_close(p->client, FLUSH_MS), 0);
}

/* ---- what is stored ---- */

static json_t *get_json(uint16_t port, const char *path)
{
    json_error_t e;
    json_t *j;
    char *body;
    size_t n;

    assert_int_equal(test_http_get(port, path, &body, &n), 200);
    j = json_loadb(body, n, 0, &e);
    if (j == NULL)
        fail_msg("%s:%d: %s", path, e.line, e.text);
    free(body);
    return j;
}

static uint64_t number(const json_t *j, const char *key)
{
    const json_t *v = json_object_get(j, key);

    assert_true(json_is_integer(v));
    return (uint64_t)json_integer_value(v);
}

/* Which rows a stream may hold, and how often each was seen. */
struct seen {
    uint64_t per_thread, rows;
    unsigned type;
    uint8_t *count; /* [THREADS * per_thread] */
};

static void see_row(struct seen *s, const json_t *row, uint64_t offset)
{
    uint64_t id = number(json_object_get(row, "data"), "id") - 1, thread = id / 10000000, i = id % 10000000;

    assert_int_equal(number(row, "offset"), offset);
    assert_true(thread < THREADS && i < s->per_thread);
    assert_int_equal((i + thread) % TYPES, s->type);
    assert_string_equal(json_string_value(json_object_get(json_object_get(row, "data"), "text")), "over the wheel");
    assert_string_equal(json_string_value(json_object_get(row, "app")), "mill");
    assert_string_equal(json_string_value(json_object_get(row, "version")), "1.2.3");
    if (s->count[thread * s->per_thread + i]++ != 0)
        fail_msg("row %llu is there twice", (unsigned long long)id + 1);
    s->rows++;
}

static uint64_t see_page(struct seen *s, uint16_t port, uint64_t from)
{
    char path[128], *body, *line, *save = NULL;
    uint64_t n_rows = 0;
    size_t n;

    snprintf(path, sizeof path, "/api/v1/streams/t.%s/events?from=%llu&limit=%u", type_names[s->type], (unsigned long long)from,
             PAGE);
    assert_int_equal(test_http_get(port, path, &body, &n), 200);
    for (line = strtok_r(body, "\n", &save); line != NULL; line = strtok_r(NULL, "\n", &save)) {
        json_t *row = json_loads(line, 0, NULL);

        assert_non_null(row);
        see_row(s, row, from + n_rows++);
        json_decref(row);
    }
    free(body);
    return n_rows;
}

/* Each row whose call returned 0 is stored once, at dense offsets, and nothing else. */
static void check_rows(const struct producer *p, const struct test_daemon *d)
{
    for (unsigned t = 0; t < TYPES; t++) {
        struct seen s = {.per_thread = p->per_thread, .type = t};
        uint64_t n;

        s.count = calloc(THREADS, p->per_thread);
        do
            n = see_page(&s, d->http_port, s.rows);
        while (n == PAGE);
        assert_int_equal(s.rows, p->calls[t]); /* none twice, and as many as there were calls: none is missing */
        free(s.count);
    }
}

static const json_t *line_of(const json_t *ledger, const char *type)
{
    const json_t *lines = json_object_get(ledger, "lines"), *found = NULL;
    char stream[64];

    snprintf(stream, sizeof stream, "t.%s", type);
    for (size_t i = 0; i < json_array_size(lines); i++)
        if (strcmp(json_string_value(json_object_get(json_array_get(lines, i), "stream")), stream) == 0) {
            assert_null(found); /* one app, one version: one line */
            found = json_array_get(lines, i);
        }
    assert_non_null(found);
    return found;
}

static uint64_t dropped(const json_t *line)
{
    uint64_t sum = 0;
    const char *key;
    json_t *v;

    json_object_foreach(json_object_get(line, "dropped"), key, v)
        sum += (uint64_t)json_integer_value(v);
    return sum;
}

/* The ledger of what was closed: nothing in flight, nothing missing, each term as counted by the caller. */
static int ledger_settled(void *arg, const char *body)
{
    json_t *ledger = json_loads(body, 0, NULL);
    const json_t *lines = json_object_get(ledger, "lines");
    int settled = json_array_size(lines) == TYPES;

    for (size_t i = 0; i < json_array_size(lines); i++)
        settled = settled && number(json_array_get(lines, i), "in_flight") == 0;
    json_decref(ledger);
    return settled;
}

static void check_ledger(const struct producer *p, const struct test_daemon *d)
{
    json_t *ledger;

    assert_int_equal(test_http_until(d->http_port, "/api/v1/ledger", ledger_settled, NULL, WAIT_S), 0);
    ledger = get_json(d->http_port, "/api/v1/ledger");
    assert_true(json_is_true(json_object_get(ledger, "balanced")));
    for (unsigned t = 0; t < TYPES; t++) {
        const json_t *line = line_of(ledger, type_names[t]);

        assert_string_equal(json_string_value(json_object_get(line, "app")), "mill");
        assert_string_equal(json_string_value(json_object_get(line, "version")), "1.2.3");
        assert_int_equal(number(line, "accepted"), p->calls[t]);
        assert_int_equal(number(line, "quarantined"), p->raw[t]);
        assert_int_equal(dropped(line), p->refused[t]);
        assert_int_equal(number(json_object_get(line, "dropped"), "full"), p->refused[t]);
        assert_int_equal(number(line, "missing"), 0);
        assert_int_equal(number(line, "in_flight"), 0);
        assert_int_equal(number(line, "logged"), p->calls[t] + p->raw[t] + p->refused[t]);
    }
    json_decref(ledger);
}

/* ---- fixture ---- */

static int setup(void **state)
{
    struct test_daemon *d = malloc(sizeof *d);

    *state = d;
    return test_daemon_init(d, NULL);
}

static int teardown(void **state)
{
    test_daemon_fini(*state);
    free(*state);
    return 0;
}

static void exited_in_order(int status)
{
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
        fail_msg("wait status 0x%x", (unsigned)status);
}

/* ---- tests ---- */

static void rows_of_many_threads_and_types(void **state)
{
    struct test_daemon *d = *state;
    struct producer p;

    assert_int_equal(test_daemon_start(d), 0);
    producer_open(&p, d, NULL);
    producer_run(&p, 15000, 0, 500);
    producer_join(&p);
    producer_close(&p);
    check_rows(&p, d);
    check_ledger(&p, d);
    exited_in_order(test_daemon_stop(d, SIGTERM));

    assert_int_equal(test_daemon_start(d), 0); /* what was acknowledged was on the disk */
    check_rows(&p, d);
    check_ledger(&p, d);
}

static void raw_rows_are_in_quarantine_with_their_reason(void **state)
{
    struct test_daemon *d = *state;
    struct producer p;
    char *body, *line, *save = NULL;
    size_t n;
    unsigned rows = 0;

    assert_int_equal(test_daemon_start(d), 0);
    producer_open(&p, d, NULL);
    for (int i = 0; i < 7; i++)
        log_raw(&p);
    producer_close(&p);
    assert_int_equal(test_http_get(d->http_port, "/api/v1/streams/t.Alpha/quarantine?limit=100", &body, &n), 200);
    for (line = strtok_r(body, "\n", &save); line != NULL; line = strtok_r(NULL, "\n", &save)) {
        json_t *q = json_loads(line, 0, NULL);

        assert_int_equal(number(q, "number"), rows++);
        assert_string_equal(json_string_value(json_object_get(q, "reason")), "id: a number is expected");
        assert_string_equal(json_string_value(json_object_get(q, "bytes")), "eyJpZCI6IngifQ==");
        assert_int_equal(number(q, "count"), 1);
        json_decref(q);
    }
    assert_int_equal(rows, 7);
    free(body);
}

/* How many rows are committed: what the killing waits for. */
static int has_rows(void *arg, const char *body)
{
    json_t *streams = json_loads(body, 0, NULL);
    const json_t *list = json_object_get(streams, "streams");
    uint64_t rows = 0;

    for (size_t i = 0; i < json_array_size(list); i++)
        rows += number(json_array_get(list, i), "rows");
    json_decref(streams);
    return rows >= *(const uint64_t *)arg;
}

/* Ends the daemon with sig again and again, each time after it has stored more, while rows keep coming. */
static void disturb(struct test_daemon *d, struct producer *p, int sig, unsigned times)
{
    for (unsigned i = 0; i < times; i++) {
        uint64_t rows = 0;
        int status;

        for (unsigned t = 0; t < TYPES; t++)
            rows += p->calls[t];
        rows += 1000;
        assert_int_equal(test_http_until(d->http_port, "/api/v1/streams", has_rows, &rows, WAIT_S), 0);
        status = test_daemon_stop(d, sig);
        if (sig == SIGTERM)
            exited_in_order(status);
        assert_int_equal(test_daemon_start(d), 0);
    }
    atomic_store(&p->enough, true);
}

static void once_though_the_daemon_is_killed(void **state)
{
    struct test_daemon *d = *state;
    struct producer p;
    char spool[600];

    snprintf(spool, sizeof spool, "%s/spool", d->dir);
    assert_int_equal(test_daemon_start(d), 0);
    producer_open(&p, d, spool);
    producer_run(&p, 1000000, 5, 1000);
    disturb(d, &p, SIGKILL, 6);
    producer_join(&p);
    producer_close(&p);
    check_rows(&p, d);
    check_ledger(&p, d);
}

static void sigterm_drains_while_rows_arrive(void **state)
{
    struct test_daemon *d = *state;
    struct producer p;

    assert_int_equal(test_daemon_start(d), 0);
    producer_open(&p, d, NULL);
    producer_run(&p, 1000000, 5, 1000);
    disturb(d, &p, SIGTERM, 2);
    producer_join(&p);
    producer_close(&p);
    check_rows(&p, d);
    check_ledger(&p, d);
    exited_in_order(test_daemon_stop(d, SIGTERM));
}

/* Runs headraced with these arguments to its end; what it said on stderr. Returns the exit status. */
static int run_daemon(const char *const *args, char *ret_text, size_t n_text)
{
    const char *given = getenv("HEADRACED"), *build = getenv("HEADRACE_BUILD");
    const char *argv[16] = {"headraced"};
    int fds[2], status, n = 1;
    char prog[1024];
    size_t at = 0;
    ssize_t got;
    pid_t pid;

    snprintf(prog, sizeof prog, "%s%s", given != NULL ? given : build != NULL ? build : ".", given != NULL ? "" : "/bin/headraced");
    for (int i = 0; args[i] != NULL && n < 15; i++)
        argv[n++] = args[i];
    assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
    pid = fork();
    if (pid == 0) {
        dup2(fds[1], 2);
        execv(prog, (char *const *)(uintptr_t)argv);
        _exit(127);
    }
    close(fds[1]);
    while (at + 1 < n_text && (got = read(fds[0], ret_text + at, n_text - at - 1)) > 0)
        at += (size_t)got;
    ret_text[at] = '\0';
    close(fds[0]);
    waitpid(pid, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void a_second_daemon_on_the_same_folder_is_refused(void **state)
{
    struct test_daemon *d = *state;
    char text[4096], wanted[700];
    const char *args[] = {"--data-dir", d->data, "--ingest", "127.0.0.1:0", "--http", "127.0.0.1:0", NULL};

    assert_int_equal(test_daemon_start(d), 0);
    assert_int_equal(run_daemon(args, text, sizeof text), 1);
    snprintf(wanted, sizeof wanted, "%s: in use by another headraced", d->data);
    if (strstr(text, wanted) == NULL)
        fail_msg("it said: %s", text);
}

static void a_port_in_use_is_named(void **state)
{
    struct test_daemon *d = *state;
    char text[4096], other[600], address[64];
    const char *args[] = {"--data-dir", other, "--ingest", address, "--http", "127.0.0.1:0", NULL};

    assert_int_equal(test_daemon_start(d), 0);
    snprintf(other, sizeof other, "%s/other", d->dir);
    snprintf(address, sizeof address, "127.0.0.1:%u", d->ingest_port);
    assert_int_equal(run_daemon(args, text, sizeof text), 1); /* and all that had started has ended in order */
    if (strstr(text, address + 10) == NULL || strstr(text, "in use") == NULL)
        fail_msg("it said: %s", text);
}

static void write_file(const char *path, const char *text)
{
    FILE *f = fopen(path, "w");

    assert_non_null(f);
    fputs(text, f);
    fclose(f);
}

static void options_from_yaml(void **state)
{
    struct test_daemon *d = *state;
    char yaml[600], log[600], text[65536], wanted[700];
    const char *args[] = {"--config", yaml, NULL};
    size_t n;
    FILE *f;

    snprintf(yaml, sizeof yaml, "%s/headraced.yaml", d->dir);
    write_file(yaml, "# a mill\nworkers: 3\nhttp: 127.0.0.1:1\n");
    d->args = args;
    assert_int_equal(test_daemon_start(d), 0); /* its --http wins over the file's */
    snprintf(log, sizeof log, "%s/log", d->dir);
    f = fopen(log, "r");
    n = fread(text, 1, sizeof text - 1, f);
    text[n] = '\0';
    fclose(f);
    assert_non_null(strstr(text, "workers=3"));

    write_file(yaml, "workers: 3\nqueue: 12 barrels\n");
    assert_int_equal(run_daemon(args, text, sizeof text), 2);
    snprintf(wanted, sizeof wanted, "headraced: %s:2:8: queue: \"12 barrels\" is not a number of bytes", yaml);
    if (strstr(text, wanted) == NULL)
        fail_msg("it said: %s", text);
}

static int dial(uint16_t port)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_int_equal(connect(fd, (const struct sockaddr *)&a, sizeof a), 0);
    return fd;
}

/* Reads to the end of the connection, which must be an orderly one: what was said could be read. */
static void must_say(int fd, const char *what)
{
    char answer[4096];
    ssize_t n, all = 0;

    while ((n = read(fd, answer + all, sizeof answer - (size_t)all)) > 0)
        all += n;
    assert_int_equal(n, 0);
    assert_true(all > 12);
    assert_memory_equal(answer, "HR", 2);
    assert_non_null(memmem(answer, (size_t)all, what, strlen(what)));
}

/* Somebody who speaks another protocol is told so and let go; the others notice nothing. */
static void strangers_are_turned_away(void **state)
{
    struct test_daemon *d = *state;
    struct producer p;
    int fd;

    assert_int_equal(test_daemon_start(d), 0);
    fd = dial(d->ingest_port);
    assert_int_equal(write(fd, "GET / HTTP/1.1\r\n\r\n", 18), 18);
    must_say(fd, "not a frame");
    close(fd);

    producer_open(&p, d, NULL);
    producer_run(&p, 100, 0, 0);
    producer_join(&p);
    producer_close(&p);
    check_rows(&p, d);
    check_ledger(&p, d);
}

static void one_too_many_is_told_and_a_silent_one_holds_no_stop(void **state)
{
    static const char *const args[] = {"--max-sessions", "1", "--workers", "1", NULL};
    struct test_daemon *d = *state;
    int silent, other;

    d->args = args;
    assert_int_equal(test_daemon_start(d), 0);
    silent = dial(d->ingest_port);
    other = dial(d->ingest_port);
    must_say(other, "max_sessions");
    close(other);
    exited_in_order(test_daemon_stop(d, SIGTERM));
    must_say(silent, "the collector stops");
    close(silent);
}

/* A peer that does not hang up holds an orderly end for its linger; whoever can't wait asks again. The second signal may come
 * while the first is still being taken, so it is sent until the daemon has gone. */
static void a_second_signal_ends_it_at_once(void **state)
{
    struct test_daemon *d = *state;
    int silent, status = 0;

    assert_int_equal(test_daemon_start(d), 0);
    silent = dial(d->ingest_port);
    do {
        kill(d->pid, SIGTERM);
        poll(NULL, 0, 5);
    } while (waitpid(d->pid, &status, WNOHANG) == 0);
    d->pid = 0;
    assert_true(WIFSIGNALED(status));
    assert_int_equal(WTERMSIG(status), SIGTERM);
    close(silent);
    assert_int_equal(test_daemon_start(d), 0); /* and the store is none the worse */
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(rows_of_many_threads_and_types), T(raw_rows_are_in_quarantine_with_their_reason), T(once_though_the_daemon_is_killed),
        T(sigterm_drains_while_rows_arrive), T(a_second_daemon_on_the_same_folder_is_refused), T(a_port_in_use_is_named),
        T(options_from_yaml), T(strangers_are_turned_away), T(one_too_many_is_told_and_a_silent_one_holds_no_stop),
        T(a_second_signal_ends_it_at_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
