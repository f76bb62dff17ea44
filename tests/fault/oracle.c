#include "oracle.h"
#include "event_type.h"
#include <dirent.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

#define BURST 200
#define PAGE 20000
#define SHOWN 10 /* wrong rows that are named */

static size_t map_bytes(uint64_t n_most) { return sizeof(struct oracle) + ORACLE_THREADS * n_most; }

struct oracle *oracle_new(uint64_t n_most)
{
    struct oracle *o = mmap(NULL, map_bytes(n_most), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    if (o == MAP_FAILED)
        return NULL;
    o->n_most = n_most;
    return o;
}

void oracle_free(struct oracle *o) { munmap(o, map_bytes(o->n_most)); }

uint64_t oracle_count(const struct oracle *o, enum oracle_result result)
{
    uint64_t n = 0;

    for (uint64_t i = 0; i < ORACLE_THREADS * o->n_most; i++)
        n += o->results[i] == result;
    return n;
}

/* ---- the application ---- */

struct logger {
    struct oracle *o;
    hr_client *client;
    hr_type *type;
    unsigned thread;
};

static void random_text(uint64_t id, uint32_t n, char *ret)
{
    for (uint32_t i = 0; i < n; i++) {
        id = id * UINT64_C(6364136223846793005) + 1442695040888963407;
        ret[i] = (char)('0' + (id >> 33) % 64);
        ret[i] = ret[i] == '\\' ? '~' : ret[i];
    }
    ret[n] = '\0';
}

static void log_one(struct logger *lg)
{
    char text[ORACLE_TEXT_MAX + 1] = "a row of a process that will be killed";
    struct oracle *o = lg->o;
    uint64_t call = atomic_load(&o->n_calls[lg->thread]);
    uint8_t *result = &o->results[lg->thread * o->n_most + call];
    int r;

    if (o->text_bytes != 0)
        random_text((uint64_t)lg->thread << 40 | call, o->text_bytes, text);
    *result = ORACLE_NEVER;
    atomic_store(&o->n_calls[lg->thread], call + 1);
    r = event_log(lg->client, lg->type, (uint64_t)lg->thread << 40 | (call + 1), text);
    *result = r == 0 ? ORACLE_OK : r == HR_EFULL ? ORACLE_FULL : ORACLE_OTHER;
}

static void *log_all(void *arg)
{
    struct logger *lg = arg;
    struct oracle *o = lg->o;

    while (!atomic_load(&o->stop) && atomic_load(&o->n_calls[lg->thread]) < o->n_most) {
        for (unsigned i = 0; i < BURST && atomic_load(&o->n_calls[lg->thread]) < o->n_most; i++)
            log_one(lg);
        usleep(atomic_load(&o->pace_us));
    }
    return NULL;
}

static _Noreturn void app(struct oracle *o, const char *url, const char *spool, const char *spool_cap, int close_ms)
{
    struct logger lg[ORACLE_THREADS];
    pthread_t threads[ORACLE_THREADS];
    struct hr_error err = {0};
    hr_options *opt = hr_options_new();
    hr_client *client;

    if (opt == NULL || hr_options_set(opt, "url", url, &err) != 0 || hr_options_set(opt, "spool_dir", spool, &err) != 0 ||
        hr_options_set(opt, "spool_cap_bytes", spool_cap, &err) != 0 || hr_options_set(opt, "app", "fault", &err) != 0 ||
        hr_options_set(opt, "backoff_max_ms", "200", &err) != 0 || hr_options_set(opt, "adopt_ms", "100", &err) != 0 ||
        hr_open(opt, &client, &err) != 0) {
        fprintf(stderr, "application: %s\n", err.text);
        _exit(3);
    }
    for (unsigned i = 0; i < ORACLE_THREADS; i++) {
        lg[i] = (struct logger){o, client, event_type("Event"), i};
        if (pthread_create(&threads[i], NULL, log_all, &lg[i]) != 0)
            _exit(4);
    }
    for (unsigned i = 0; i < ORACLE_THREADS; i++)
        pthread_join(threads[i], NULL);
    while (!atomic_load(&o->stop))
        usleep(1000);
    _exit(hr_close(client, close_ms) == 0 ? 0 : 5);
}

pid_t oracle_app_start(struct oracle *o, const char *url, const char *spool, const char *spool_cap, int close_ms)
{
    pid_t parent = getpid(), pid;

    fflush(NULL);
    pid = fork();
    if (pid != 0)
        return pid;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent)
        _exit(2);
    app(o, url, spool, spool_cap, close_ms);
}

int oracle_drain(const char *spool, const char *url)
{
    struct hr_error err = {0};
    int r = hr_spool_drain(spool, url, 120000, &err);

    if (r != 0)
        printf("drain: %s\n", err.text);
    return r;
}

/* ---- rows ---- */

struct seen {
    const struct oracle *o;
    uint8_t *v;
    uint64_t n, next_offset;
    int wrong;
};

static void complain(struct seen *s, const char *what, uint64_t id)
{
    if (s->wrong++ < SHOWN)
        printf("%s: thread %llu, call %llu\n", what, (unsigned long long)(id >> 40), (unsigned long long)(id & ((UINT64_C(1) << 40) - 1)));
}

static void see(struct seen *s, uint64_t id)
{
    uint64_t thread = id >> 40, call = id & ((UINT64_C(1) << 40) - 1), at = thread * s->o->n_most + call - 1;

    s->n++;
    if (thread >= ORACLE_THREADS || call == 0 || call > s->o->n_most || s->o->results[at] == ORACLE_NOT_MADE)
        complain(s, "a row that nobody logged", id);
    else if (s->o->results[at] == ORACLE_FULL || s->o->results[at] == ORACLE_OTHER)
        complain(s, "a row whose call was refused", id);
    else if (s->v[at]++ != 0)
        complain(s, "twice", id);
}

static uint64_t number_after(const char *line, const char *key)
{
    const char *p = strstr(line, key);

    if (p == NULL)
        return UINT64_MAX;
    p += strlen(key);
    return strtoull(p + (*p == '"'), NULL, 10);
}

static void see_line(struct seen *s, const char *line)
{
    uint64_t offset = number_after(line, "\"offset\":"), id = number_after(line, "\"id\":");

    if (id == UINT64_MAX) {
        if (s->wrong++ < SHOWN)
            printf("not an event: %.200s\n", line);
        return;
    }
    if (offset != s->next_offset && s->wrong++ < SHOWN)
        printf("offset %llu where %llu was due\n", (unsigned long long)offset, (unsigned long long)s->next_offset);
    s->next_offset = offset + 1;
    see(s, id);
}

static uint64_t see_lines(struct seen *s, char *body)
{
    uint64_t n = 0;

    for (char *line = strtok(body, "\n"); line != NULL; line = strtok(NULL, "\n"), n++)
        see_line(s, line);
    return n;
}

static int finish(struct seen *s, const char *where)
{
    for (uint64_t i = 0; i < ORACLE_THREADS * s->o->n_most; i++)
        if (s->o->results[i] == ORACLE_OK && s->v[i] == 0)
            complain(s, "lost", (i / s->o->n_most) << 40 | (i % s->o->n_most + 1));
    if (s->wrong != 0)
        printf("%s: %d rows are wrong\n", where, s->wrong);
    free(s->v);
    return s->wrong;
}

int oracle_check_events(const struct oracle *o, uint16_t http_port, uint64_t *ret_rows)
{
    struct seen s = {.o = o, .v = calloc(ORACLE_THREADS, o->n_most)};
    uint64_t n = PAGE;
    char path[128], *body;
    size_t n_body;

    while (n == PAGE) {
        snprintf(path, sizeof path, "/api/v1/streams/t.Event/events?from=%llu&limit=%d", (unsigned long long)s.next_offset, PAGE);
        if (test_http_get(http_port, path, &body, &n_body) != 200) {
            printf("%s: no answer\n", path);
            s.wrong++;
            break;
        }
        n = see_lines(&s, body);
        free(body);
    }
    *ret_rows = s.n;
    return finish(&s, "events");
}

static void see_file(struct seen *s, const char *path)
{
    char line[4096];
    FILE *f = fopen(path, "r");

    while (f != NULL && fgets(line, sizeof line, f) != NULL) {
        uint64_t id = number_after(line, "\"id\":");

        if (id != UINT64_MAX)
            see(s, id);
        else if (s->wrong++ < SHOWN)
            printf("%s: not an event: %.200s\n", path, line);
    }
    if (f != NULL)
        fclose(f);
}

static void see_folder(struct seen *s, const char *dir)
{
    char path[1024];
    struct dirent *e;
    DIR *d = opendir(dir);

    while (d != NULL && (e = readdir(d)) != NULL) {
        size_t n = strlen(e->d_name);

        if (e->d_name[0] == '.')
            continue;
        snprintf(path, sizeof path, "%s/%s", dir, e->d_name);
        if (n > 7 && strcmp(e->d_name + n - 7, ".ndjson") == 0)
            see_file(s, path);
        else if (e->d_type == DT_DIR)
            see_folder(s, path);
    }
    if (d != NULL)
        closedir(d);
}

int oracle_check_files(const struct oracle *o, const char *dir, uint64_t rows)
{
    struct seen s = {.o = o, .v = calloc(ORACLE_THREADS, o->n_most)};

    see_folder(&s, dir);
    if (s.n != rows && s.wrong++ < SHOWN)
        printf("%s: %llu rows, the store has %llu\n", dir, (unsigned long long)s.n, (unsigned long long)rows);
    return finish(&s, dir);
}

/* ---- the ledger ---- */

static uint64_t sum_of(const char *body, const char *key)
{
    uint64_t sum = 0;

    for (const char *p = strstr(body, key); p != NULL; p = strstr(p, key)) {
        p += strlen(key);
        sum += strtoull(p, NULL, 10);
    }
    return sum;
}

static int term(const char *name, uint64_t is, uint64_t least, uint64_t most)
{
    if (is >= least && is <= most)
        return 0;
    printf("ledger: %s is %llu, and should be %llu..%llu\n", name, (unsigned long long)is, (unsigned long long)least, (unsigned long long)most);
    return 1;
}

/* A call that never returned may have left a row, a drop, or nothing. */
int oracle_check_ledger(const struct oracle *o, uint16_t http_port, uint64_t rows)
{
    uint64_t ok = oracle_count(o, ORACLE_OK), full = oracle_count(o, ORACLE_FULL), never = oracle_count(o, ORACLE_NEVER);
    uint64_t logged, aborted, dropped_full;
    char *body;
    size_t n;
    int wrong = 0;

    if (test_http_get(http_port, "/api/v1/ledger", &body, &n) != 200) {
        printf("ledger: no answer\n");
        return 1;
    }
    logged = sum_of(body, "\"logged\":");
    aborted = sum_of(body, "\"aborted\":");
    dropped_full = sum_of(body, "\"full\":");
    wrong += term("logged", logged, ok + full, ok + full + never);
    wrong += term("accepted", sum_of(body, "\"accepted\":"), rows, rows);
    wrong += term("rows stored", rows, ok, ok + never);
    wrong += term("dropped: full", dropped_full, full, full + never);
    wrong += term("dropped: aborted", aborted, 0, never);
    wrong += term("logged, by parts", logged, rows + dropped_full + aborted, rows + dropped_full + aborted);
    wrong += term("quarantined", sum_of(body, "\"quarantined\":"), 0, 0);
    wrong += term("dropped: evicted", sum_of(body, "\"evicted\":"), 0, 0);
    wrong += term("dropped: torn", sum_of(body, "\"torn\":"), 0, 0);
    wrong += term("in flight", sum_of(body, "\"in_flight\":"), 0, 0);
    wrong += term("missing", sum_of(body, "\"missing\":"), 0, 0);
    wrong += strstr(body, "\"balanced\":true") == NULL && printf("ledger: it does not balance\n") > 0;
    if (wrong != 0)
        printf("%s\n", body);
    free(body);
    return wrong;
}
