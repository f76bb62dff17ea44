/* The client as an application sees it, against a collector that misbehaves as told. */
#include "alloc.h"
#include "event_type.h"
#include "fake_collector.h"
#include "io.h"
#include <dirent.h>
#include <errno.h>
#include <headrace_row.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#define FLUSH_MS 60000

/* ---- fixture ---- */

struct fixture {
    struct fake_collector *fc;
    char dir[64];
};

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);

    f->fc = fake_collector_start();
    snprintf(f->dir, sizeof f->dir, "/tmp/hrclientXXXXXX");
    *state = f;
    return f->fc != NULL && mkdtemp(f->dir) != NULL ? 0 : -1;
}

static void rm(const char *path)
{
    char sub[512];
    struct dirent *e;
    DIR *d = opendir(path);

    while (d != NULL && (e = readdir(d)) != NULL) {
        if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
            continue;
        snprintf(sub, sizeof sub, "%s/%s", path, e->d_name);
        if (unlink(sub) != 0)
            rm(sub);
    }
    if (d != NULL)
        closedir(d);
    rmdir(path);
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    if (f->fc != NULL)
        fake_collector_stop(f->fc);
    rm(f->dir);
    free(f);
    return 0;
}

static hr_client *open_with(struct fixture *f, const char *dir, const char *name, const char *value)
{
    hr_options *opt = hr_options_new();
    struct hr_error err = {0};
    hr_client *c = NULL;

    assert_int_equal(hr_options_set(opt, "url", fake_collector_url(f->fc), NULL), 0);
    assert_int_equal(hr_options_set(opt, "app", "test", NULL), 0);
    assert_int_equal(hr_options_set(opt, "backoff_max_ms", "200", NULL), 0);
    assert_int_equal(hr_options_set(opt, "adopt_ms", "50", NULL), 0);
    if (dir != NULL)
        assert_int_equal(hr_options_set(opt, "spool_dir", dir, NULL), 0);
    if (name != NULL)
        assert_int_equal(hr_options_set(opt, name, value, NULL), 0);
    if (hr_open(opt, &c, &err) != 0)
        fail_msg("%s", err.text);
    hr_options_free(opt);
    return c;
}

static int folders(const char *dir)
{
    struct dirent *e;
    DIR *d = opendir(dir);
    int n = 0;

    while ((e = readdir(d)) != NULL)
        n += strlen(e->d_name) == 32;
    closedir(d);
    return n;
}

/* Each id of 1..n is there once, with its text. */
static void check_rows(struct fixture *f, uint64_t n)
{
    uint8_t *seen = calloc(n + 1, 1);
    const struct fake_row *rows;
    size_t n_rows;

    rows = fake_collector_rows(f->fc, &n_rows);
    assert_int_equal(n_rows, n);
    for (size_t i = 0; i < n_rows; i++) {
        uint64_t id = event_row_id(rows[i].bytes, rows[i].n_bytes);

        assert_true(id >= 1 && id <= n);
        assert_int_equal(seen[id], 0);
        seen[id] = 1;
    }
    free(seen);
}

static void log_ids(hr_client *c, uint64_t from, uint64_t to)
{
    hr_type *t = event_type("Event");

    for (uint64_t id = from; id <= to; id++) {
        int r;

        while ((r = event_log(c, t, id, "hello")) == HR_EFULL) /* a retry is another call, with another number */
            hr_flush(c, 1000);
        assert_int_equal(r, 0);
    }
}

/* ---- whole ways ---- */

static void rows_arrive_once_and_the_folder_goes(void **state)
{
    struct fixture *f = *state;
    hr_client *c = open_with(f, f->dir, NULL, NULL);

    log_ids(c, 1, 2000);
    assert_int_equal(hr_flush(c, FLUSH_MS), 0);
    check_rows(f, 2000);
    assert_int_equal(hr_stats_get(c, HR_STAT_ACKED_ROWS), 2000);
    assert_int_equal(hr_stats_get(c, HR_STAT_SPOOL_BATCHES), 0);
    assert_int_equal(hr_stats_get(c, HR_STAT_CONNECTED), 1);
    assert_int_equal(folders(f->dir), 1);
    log_ids(c, 2001, 2500);
    assert_int_equal(hr_close(c, FLUSH_MS), 0);
    check_rows(f, 2500);
    assert_int_equal(folders(f->dir), 0);
    assert_int_equal(fake_collector_count(f->fc, FAKE_CLOSED), 1);
    assert_int_equal(fake_collector_count(f->fc, FAKE_MISSING), 0);
    assert_int_equal(fake_collector_count(f->fc, FAKE_BROKEN), 0);
}

static void memory_is_enough_for_a_client_that_is_not_killed(void **state)
{
    struct fixture *f = *state;
    hr_client *c = open_with(f, NULL, NULL, NULL);

    log_ids(c, 1, 3000);
    assert_int_equal(hr_close(c, FLUSH_MS), 0);
    check_rows(f, 3000);
    assert_int_equal(fake_collector_count(f->fc, FAKE_MISSING), 0);
}

static void rows_keep_time_weight_and_reason(void **state)
{
    struct fixture *f = *state;
    hr_client *c = open_with(f, f->dir, NULL, NULL);
    const struct fake_row *rows;
    uint8_t row[64];
    size_t n;

    assert_int_equal(hr_log_wire(c, event_type("Event"), 123456789, row, event_row(row, 1, "x")), 0);
    assert_int_equal(hr_log_raw(c, event_type("Event"), "{no", 3, "not a row"), 0);
    assert_int_equal(hr_log_wire(c, event_type("Event"), 0, "\xff\xff", 2), 0); /* not wire format: set aside, not lost */
    assert_int_equal(hr_log_wire(c, NULL, 0, row, 1), HR_EINVAL);
    assert_int_equal(hr_close(c, FLUSH_MS), 0);
    rows = fake_collector_rows(f->fc, &n);
    assert_int_equal(n, 1);
    assert_int_equal(rows[0].event_time_ns, 123456789);
    assert_string_equal(rows[0].stream, "t.Event");
    assert_int_equal(fake_collector_count(f->fc, FAKE_RAW), 2);
}

static void too_big_is_dropped_and_counted(void **state)
{
    struct fixture *f = *state;
    hr_client *c = open_with(f, f->dir, NULL, NULL);
    char *big = malloc(HR_MAX_EVENT_BYTES + 1);
    hr_row r;
    uint8_t *p;

    memset(big, 'x', HR_MAX_EVENT_BYTES + 1);
    big[HR_MAX_EVENT_BYTES] = '\0';
    assert_int_equal(event_log(c, event_type("Event"), 1, big), HR_ETOOBIG);
    big[HR_MAX_EVENT_BYTES - 16] = '\0';
    assert_int_equal(event_log(c, event_type("Event"), 2, big), 0);
    assert_null(hr_row_begin(c, event_type("Event"), 1 << 20, 0, &r));
    assert_int_equal(r.err, HR_ETOOBIG);
    p = hr_row_begin(c, event_type("Event"), HR_MAX_EVENT_BYTES + 5, 0, &r); /* a bound may be larger than the row */
    assert_non_null(p);
    assert_int_equal(hr_row_end(&r, p + event_row(p, 3, "small")), 0);
    assert_int_equal(hr_log_raw(c, event_type("Event"), big, HR_MAX_EVENT_BYTES + 1, "big"), HR_ETOOBIG);
    assert_int_equal(hr_stats_get(c, HR_STAT_DROPPED_TOOBIG), 3);
    assert_int_equal(hr_stats_get(c, HR_STAT_LOGGED), 5);
    assert_int_equal(hr_close(c, FLUSH_MS), 0);
    assert_int_equal(fake_collector_dropped(f->fc, HRP_DROP_TOOBIG), 3);
    assert_int_equal(fake_collector_count(f->fc, FAKE_ACCEPTED), 2);
    free(big);
}

/* ---- threads ---- */

struct worker {
    hr_client *c;
    uint64_t from, to;
};

static void *work(void *arg)
{
    struct worker *w = arg;

    log_ids(w->c, w->from, w->to);
    return NULL;
}

static void threads_have_lanes_and_leave_them(void **state)
{
    struct fixture *f = *state;
    hr_client *c = open_with(f, f->dir, NULL, NULL);
    uint64_t logged;

    for (unsigned round = 0; round < 3; round++) {
        struct worker w[4];
        pthread_t t[4];

        for (unsigned i = 0; i < 4; i++) {
            w[i] = (struct worker){c, (round * 4 + i) * 1000 + 1, (round * 4 + i + 1) * 1000};
            assert_int_equal(pthread_create(&t[i], NULL, work, &w[i]), 0);
        }
        for (unsigned i = 0; i < 4; i++)
            pthread_join(t[i], NULL);
    }
    assert_true(hr_stats_get(c, HR_STAT_LANES) <= 4);
    logged = hr_stats_get(c, HR_STAT_LOGGED);
    assert_int_equal(logged - hr_stats_get(c, HR_STAT_DROPPED), 12000);
    assert_int_equal(hr_close(c, FLUSH_MS), 0);
    check_rows(f, 12000);
    assert_int_equal(fake_collector_count(f->fc, FAKE_ACCEPTED) + fake_collector_count(f->fc, FAKE_DROPPED), logged);
    assert_int_equal(fake_collector_count(f->fc, FAKE_MISSING), 0);
}

static void two_clients_in_one_thread(void **state)
{
    struct fixture *f = *state;
    hr_client *a = open_with(f, f->dir, NULL, NULL), *b = open_with(f, f->dir, NULL, NULL);

    for (uint64_t i = 1; i <= 200; i += 2) {
        assert_int_equal(event_log(a, event_type("Event"), i, ""), 0);
        assert_int_equal(event_log(b, event_type("Event"), i + 1, ""), 0);
    }
    assert_int_equal(hr_close(a, FLUSH_MS), 0);
    a = open_with(f, f->dir, NULL, NULL);
    log_ids(a, 201, 300);
    assert_int_equal(hr_close(b, FLUSH_MS), 0);
    assert_int_equal(hr_close(a, FLUSH_MS), 0);
    check_rows(f, 300);
    assert_int_equal(fake_collector_count(f->fc, FAKE_CLOSED), 3);
}

/* ---- trouble ---- */

static enum fake_verdict cut_at_times(void *arg, const struct hrp_batch_head *h, uint64_t nth)
{
    return nth % 7 == 3 ? FAKE_COMMIT_CUT : nth % 7 == 5 ? FAKE_CUT : FAKE_COMMIT;
}

static void lost_acks_make_no_duplicates(void **state)
{
    struct fixture *f = *state;
    hr_client *c = open_with(f, f->dir, "batch_rows", "50");

    fake_collector_on_batch(f->fc, cut_at_times, NULL);
    log_ids(c, 1, 5000);
    assert_int_equal(hr_close(c, FLUSH_MS), 0);
    check_rows(f, 5000);
    assert_true(fake_collector_count(f->fc, FAKE_TRIMMED) > 0); /* the control: without trimming they would be there twice */
    assert_true(fake_collector_count(f->fc, FAKE_CONNECTS) > 3);
    assert_int_equal(fake_collector_count(f->fc, FAKE_BROKEN), 0);
}

static enum fake_verdict be_difficult(void *arg, const struct hrp_batch_head *h, uint64_t nth)
{
    static const enum fake_verdict v[] = {FAKE_RETRY, FAKE_COMMIT, FAKE_PARK, FAKE_COMMIT, FAKE_WRONG_STORE, FAKE_COMMIT};

    return nth <= 6 ? v[nth - 1] : nth == 12 ? FAKE_CUT /* ends the parking */ : FAKE_COMMIT;
}

static void retry_and_parking_touch_one_batch(void **state)
{
    struct fixture *f = *state;
    hr_client *c = open_with(f, f->dir, "batch_rows", "50");

    fake_collector_on_batch(f->fc, be_difficult, NULL);
    log_ids(c, 1, 2000);
    assert_int_equal(hr_close(c, FLUSH_MS), 0);
    check_rows(f, 2000);
}

static void an_outage_is_survived(void **state)
{
    struct fixture *f = *state;
    hr_client *c = open_with(f, f->dir, NULL, NULL);
    char why[256];

    log_ids(c, 1, 100);
    assert_int_equal(hr_flush(c, FLUSH_MS), 0);
    hr_status_text(c, why, sizeof why);
    assert_string_equal(why, "");
    fake_collector_pause(f->fc);
    for (uint64_t i = 101; i <= 3000; i++)
        assert_int_equal(event_log(c, event_type("Event"), i, ""), 0);
    assert_int_equal(hr_flush(c, 20), HR_ETIMEOUT);
    hr_status_text(c, why, sizeof why);
    assert_string_not_equal(why, "");
    assert_int_equal(hr_stats_get(c, HR_STAT_CONNECTED), 0);
    fake_collector_resume(f->fc);
    assert_int_equal(hr_flush(c, FLUSH_MS), 0);
    check_rows(f, 3000);
    assert_int_equal(hr_close(c, FLUSH_MS), 0);
}

/* At the cap the oldest are given up: counted by reason at both ends, and nothing is missing. */
static void at_the_cap_the_ledger_balances(void **state)
{
    struct fixture *f = *state;
    hr_client *c = open_with(f, f->dir, "spool_cap_bytes", "1MiB");
    char text[1000];
    uint64_t ok = 0, logged;

    fake_collector_pause(f->fc);
    memset(text, 'y', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    for (uint64_t i = 1; hr_stats_get(c, HR_STAT_DROPPED_EVICTED) < 500; i++) {
        for (int k = 0; k < 900; k += 7)
            text[k] = (char)('a' + (i * 31 + (uint64_t)k * k) % 26); /* so that compression does not take the point away */
        ok += event_log(c, event_type("Event"), i, text) == 0;
    }
    assert_true(hr_stats_get(c, HR_STAT_SPOOL_BYTES) <= 1 << 20);
    logged = hr_stats_get(c, HR_STAT_LOGGED);
    fake_collector_resume(f->fc);
    assert_int_equal(hr_flush(c, FLUSH_MS), 0);
    assert_int_equal(fake_collector_dropped(f->fc, HRP_DROP_EVICTED), hr_stats_get(c, HR_STAT_DROPPED_EVICTED));
    assert_int_equal(fake_collector_dropped(f->fc, HRP_DROP_FULL), hr_stats_get(c, HR_STAT_DROPPED_FULL));
    assert_int_equal(fake_collector_count(f->fc, FAKE_ACCEPTED), ok - hr_stats_get(c, HR_STAT_DROPPED_EVICTED));
    assert_int_equal(fake_collector_count(f->fc, FAKE_ACCEPTED) + fake_collector_count(f->fc, FAKE_DROPPED), logged);
    assert_int_equal(hr_close(c, FLUSH_MS), 0);
    assert_int_equal(fake_collector_count(f->fc, FAKE_MISSING), 0);
}

static void what_close_could_not_send_the_next_client_does(void **state)
{
    struct fixture *f = *state;
    hr_client *c = open_with(f, f->dir, NULL, NULL);

    fake_collector_pause(f->fc);
    log_ids(c, 1, 700);
    assert_int_equal(hr_close(c, 10), HR_ETIMEOUT);
    assert_int_equal(folders(f->dir), 1);
    fake_collector_resume(f->fc);
    c = open_with(f, f->dir, NULL, NULL);
    assert_true(fake_collector_wait(f->fc, FAKE_CLOSED, 1));
    check_rows(f, 700);
    assert_int_equal(hr_stats_get(c, HR_STAT_ADOPTED), 1);
    assert_int_equal(hr_close(c, FLUSH_MS), 0);
    assert_int_equal(folders(f->dir), 0);
}

static void a_refused_schema_is_told_and_its_rows_still_travel(void **state)
{
    struct fixture *f = *state;
    hr_client *c = open_with(f, f->dir, NULL, NULL);
    char why[256];

    fake_collector_refuse_schemas(f->fc, true);
    log_ids(c, 1, 10);
    assert_int_equal(hr_flush(c, FLUSH_MS), 0);
    hr_status_text(c, why, sizeof why);
    assert_string_equal(why, "t.Event: refused by the test");
    assert_int_equal(hr_close(c, FLUSH_MS), 0);
}

/* Rule 9: what may be in one store does not go to another by itself. */
static enum fake_verdict ignore_first(void *arg, const struct hrp_batch_head *h, uint64_t nth) { return nth == 1 ? FAKE_IGNORE : FAKE_COMMIT; }

static void a_batch_of_unknown_outcome_waits_for_its_store(void **state)
{
    struct fixture *f = *state;
    hr_client *c = open_with(f, f->dir, NULL, NULL);
    char why[256];

    fake_collector_on_batch(f->fc, ignore_first, NULL);
    log_ids(c, 1, 10);
    assert_true(fake_collector_wait(f->fc, FAKE_BATCHES, 1));
    fake_collector_pause(f->fc);
    fake_collector_set_generation(f->fc, 2);
    fake_collector_resume(f->fc);
    log_ids(c, 11, 20);
    assert_true(fake_collector_wait(f->fc, FAKE_ACCEPTED, 10));
    assert_int_equal(hr_flush(c, 50), HR_ETIMEOUT);
    hr_status_text(c, why, sizeof why);
    assert_non_null(strstr(why, "send_to_new_store"));
    assert_int_equal(hr_close(c, 10), HR_ETIMEOUT);
    c = open_with(f, f->dir, NULL, NULL); /* adopted, and still held */
    assert_true(fake_collector_wait(f->fc, FAKE_ANNOUNCES, 3));
    assert_int_equal(fake_collector_count(f->fc, FAKE_ACCEPTED), 10);
    assert_int_equal(hr_close(c, FLUSH_MS), 0);
    c = open_with(f, f->dir, "send_to_new_store", "true");
    assert_true(fake_collector_wait(f->fc, FAKE_ACCEPTED, 20));
    assert_int_equal(hr_close(c, FLUSH_MS), 0);
    check_rows(f, 20);
}

/* ---- death ---- */

struct shared {
    _Atomic uint64_t returned; /* ids up to here: their calls returned 0 */
};

/* ThreadSanitizer can't follow a thread that a forked child starts. */
#if defined(__SANITIZE_THREAD__)
#define SKIP_WITHOUT_FORK() skip()
#else
#define SKIP_WITHOUT_FORK() (void)0
#endif

static void child_logs(struct fixture *f, struct shared *sh, uint64_t from)
{
    hr_client *c = open_with(f, f->dir, NULL, NULL);

    for (uint64_t id = from;; id++) {
        while (event_log(c, event_type("Event"), id, "from a process that dies") != 0)
            ;
        atomic_store(&sh->returned, id);
    }
}

static void wait_returned(struct shared *sh, uint64_t at_least, pid_t pid)
{
    while (atomic_load(&sh->returned) < at_least)
        if (waitpid(pid, NULL, WNOHANG) != 0)
            fail_msg("the child ended by itself");
}

/* Every call that returned before SIGKILL arrives once; one more per life may have been whole. */
static void what_a_killed_process_logged_arrives(void **state)
{
    struct fixture *f = *state;
    struct shared *sh = mmap(NULL, sizeof *sh, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    uint64_t must = 0, id = 0, n_rows_seen = 0, lives = 6;
    const struct fake_row *rows;
    uint8_t *seen;
    hr_client *c;
    size_t n_rows;

    SKIP_WITHOUT_FORK();
    for (uint64_t life = 0; life < lives; life++) {
        pid_t pid = fork();

        if (pid == 0)
            child_logs(f, sh, id + 1);
        wait_returned(sh, id + 1 + life * 700, pid);
        kill(pid, SIGKILL);
        waitpid(pid, NULL, 0);
        id = atomic_load(&sh->returned) + 1; /* skipped: its call may have been whole or not */
        atomic_store(&sh->returned, id);
    }
    must = id;
    assert_int_equal(folders(f->dir) >= 1, 1);
    c = open_with(f, f->dir, NULL, NULL);
    assert_true(fake_collector_wait(f->fc, FAKE_CLOSED, lives));
    assert_int_equal(hr_close(c, FLUSH_MS), 0);
    assert_int_equal(folders(f->dir), 0);
    rows = fake_collector_rows(f->fc, &n_rows);
    seen = calloc(must + 2, 1);
    for (size_t i = 0; i < n_rows; i++) {
        uint64_t got = event_row_id(rows[i].bytes, rows[i].n_bytes);

        assert_true(got <= must);
        assert_int_equal(seen[got], 0);
        seen[got] = 1;
        n_rows_seen++;
    }
    assert_true(n_rows_seen >= must - lives);
    assert_int_equal(fake_collector_count(f->fc, FAKE_MISSING), 0);
    assert_int_equal(fake_collector_count(f->fc, FAKE_BROKEN), 0);
    free(seen);
    munmap(sh, sizeof *sh);
}

static void a_forked_child_can_not_log_and_holds_no_lock(void **state)
{
    struct fixture *f = *state;
    int go[2], done[2];
    pid_t owner;
    char byte;

    SKIP_WITHOUT_FORK();
    assert_int_equal(pipe(go), 0);
    assert_int_equal(pipe(done), 0);
    owner = fork();
    if (owner == 0) { /* a process that logs, forks, and is killed while its child lives */
        hr_client *c = open_with(f, f->dir, NULL, NULL), *own;

        event_log(c, event_type("Event"), 1, "");
        hr_flush(c, FLUSH_MS); /* the sender rests: of AddressSanitizer's allocator a child inherits the locks that threads hold */
        if (fork() == 0) {
            close(go[1]);
            byte = event_log(c, event_type("Event"), 99, "") == HR_EFORK && hr_flush(c, 0) == HR_EFORK && hr_close(c, 0) == HR_EFORK;
            own = open_with(f, NULL, NULL, NULL); /* a client of its own works */
            byte = byte && event_log(own, event_type("Event"), 6, "") == 0 && hr_close(own, FLUSH_MS) == 0;
            if (write(done[1], &byte, 1) != 1 || read(go[0], &byte, 1) != 0)
                _exit(1);
            _exit(0);
        }
        for (uint64_t i = 2; i <= 5; i++)
            event_log(c, event_type("Event"), i, "");
        if (write(done[1], "\1", 1) == 1)
            pause();
        _exit(1);
    }
    close(go[0]);
    for (int i = 0; i < 2; i++) { /* of both */
        assert_int_equal(read(done[0], &byte, 1), 1);
        assert_int_equal(byte, 1);
    }
    kill(owner, SIGKILL);
    waitpid(owner, NULL, 0);
    {
        hr_client *c = open_with(f, f->dir, NULL, NULL); /* while the grandchild lives */

        assert_true(fake_collector_wait(f->fc, FAKE_ACCEPTED, 6));
        assert_int_equal(hr_close(c, FLUSH_MS), 0);
    }
    check_rows(f, 6);
    close(go[1]);
    close(done[0]);
    close(done[1]);
}

/* ---- spool folders from outside ---- */

struct listed {
    int n, locked;
    uint64_t batches;
};

static void list(void *arg, const char *incarnation, int locked, uint64_t n_batches, uint64_t n_bytes)
{
    struct listed *l = arg;

    assert_int_equal(strlen(incarnation), 32);
    l->n++;
    l->locked += locked;
    l->batches += n_batches;
}

static void folders_are_listed_and_drained(void **state)
{
    struct fixture *f = *state;
    struct hr_error err = {0};
    struct listed l = {0};
    hr_client *c, *living;

    fake_collector_pause(f->fc);
    c = open_with(f, f->dir, NULL, NULL);
    log_ids(c, 1, 50);
    assert_int_equal(hr_close(c, 300), HR_ETIMEOUT);
    assert_int_equal(hr_spool_drain(f->dir, fake_collector_url(f->fc), 50, &err), HR_ETIMEOUT);
    assert_non_null(strstr(err.text, f->dir));
    fake_collector_resume(f->fc);
    living = open_with(f, NULL, NULL, NULL);
    assert_int_equal(hr_spool_list(f->dir, list, &l, &err), 0);
    assert_int_equal(l.n, 1);
    assert_int_equal(l.locked, 0);
    assert_int_equal(hr_spool_drain(f->dir, fake_collector_url(f->fc), FLUSH_MS, &err), 0);
    check_rows(f, 50);
    assert_int_equal(folders(f->dir), 0);
    assert_int_equal(hr_close(living, FLUSH_MS), 0);
    living = open_with(f, f->dir, NULL, NULL);
    log_ids(living, 51, 51);
    assert_int_equal(hr_spool_drain(f->dir, fake_collector_url(f->fc), FLUSH_MS, &err), 0); /* leaves the living alone */
    l = (struct listed){0};
    assert_int_equal(hr_spool_list(f->dir, list, &l, &err), 0);
    assert_int_equal(l.n, 1);
    assert_int_equal(l.locked, 1);
    assert_int_equal(hr_close(living, FLUSH_MS), 0);
    assert_int_equal(hr_spool_list("/nonexistent/spool", list, &l, &err), HR_ENOENT);
    assert_int_equal(hr_spool_drain("/nonexistent/spool", NULL, 0, &err), HR_ENOENT);
}

static void a_spool_folder_open_to_others_is_refused(void **state)
{
    struct fixture *f = *state;
    hr_options *opt = hr_options_new();
    struct hr_error err = {0};
    hr_client *c;

    chmod(f->dir, 0777);
    assert_int_equal(hr_options_set(opt, "spool_dir", f->dir, NULL), 0);
    assert_int_equal(hr_open(opt, &c, &err), HR_EINVAL);
    assert_non_null(strstr(err.text, f->dir));
    chmod(f->dir, 0700);
    assert_int_equal(hr_options_set(opt, "url", "headrace://", NULL), 0);
    assert_int_equal(hr_open(opt, &c, &err), HR_EINVAL);
    hr_options_free(opt);
}

static void the_environment_stands_in(void **state)
{
    struct fixture *f = *state;
    hr_client *c;

    setenv("HEADRACE_URL", fake_collector_url(f->fc), 1);
    setenv("HEADRACE_SPOOL", f->dir, 1);
    assert_int_equal(hr_open(NULL, &c, NULL), 0);
    assert_int_equal(folders(f->dir), 1);
    log_ids(c, 1, 3);
    assert_int_equal(hr_close(c, FLUSH_MS), 0);
    check_rows(f, 3);
    unsetenv("HEADRACE_URL");
    unsetenv("HEADRACE_SPOOL");
}

static void one_schema_per_stream(void **state)
{
    size_t n;
    uint8_t *set = event_type_set("Event", 1, &n);
    struct hr_error err = {0};
    hr_type fixed = {.stream = "t.Event", .descriptor_set = set, .descriptor_bytes = n}, *t;
    struct fixture *f = *state;
    hr_client *c = open_with(f, NULL, NULL, NULL);

    assert_ptr_equal(event_type("Event"), event_type("Event"));
    assert_int_equal(hr_type_open(set, n, "t.Event", &t, &err), HR_ESCHEMA);
    assert_non_null(strstr(err.text, "t.Event"));
    assert_int_equal(hr_log_wire(c, &fixed, 0, "", 0), HR_ESCHEMA);
    assert_int_equal(hr_log_wire(c, &fixed, 0, "", 0), HR_ESCHEMA);
    assert_int_equal(hr_stats_get(c, HR_STAT_DROPPED), 2);
    assert_int_equal(hr_close(c, FLUSH_MS), 0);
    free(set);
}

/* ---- failures at opening, and what a call may not do ---- */

static void open_survives_the_nth_failure(struct fixture *f, bool io)
{
    hr_options *opt = hr_options_new();
    hr_client *c;
    int failures = 0;

    hr_options_set(opt, "url", fake_collector_url(f->fc), NULL);
    hr_options_set(opt, "spool_dir", f->dir, NULL);
    event_type("Event");
    for (unsigned long n = 1; n < 200; n++) {
        struct hr_error err = {0};
        int r;

        if (io)
            hrp_io_fail_at(n, ENOSPC);
        else
            hrp_alloc_fail_at(n);
        r = hr_open(opt, &c, &err);
        if (io)
            hrp_io_fail_at(0, 0);
        else
            hrp_alloc_fail_at(0);
        if (r != 0) {
            assert_int_equal(err.code, r);
            assert_true(r == HR_ENOMEM || r == HR_ENOSPC || r == HR_EIO);
            failures++;
        } else {
            assert_int_equal(event_log(c, event_type("Event"), n, ""), 0);
            assert_int_equal(hr_close(c, FLUSH_MS), 0);
        }
    }
    hr_options_free(opt);
#ifdef HRP_FAULTS
    assert_true(failures > 5);
#endif
    assert_int_equal(folders(f->dir), 0);
}

static void open_fails_cleanly_without_memory(void **state) { open_survives_the_nth_failure(*state, false); }
static void open_fails_cleanly_without_disk(void **state) { open_survives_the_nth_failure(*state, true); }

static void a_call_keeps_errno(void **state)
{
    struct fixture *f = *state;
    hr_client *c = open_with(f, f->dir, "lane_bytes", "1MiB");
    hr_type *t = event_type("Event");

    fake_collector_pause(f->fc);
    hr_flush(c, 50); /* the sender is at rest: whatever it seals next is later than this loop */
    errno = 0;
    assert_int_equal(event_log(c, t, 1, "first"), 0);
    assert_int_equal(errno, 0);
    errno = 4711;
    for (uint64_t i = 2; i <= 200; i++)
        event_log(c, t, i, "second");
    assert_int_equal(errno, 4711);
    fake_collector_resume(f->fc);
    assert_int_equal(hr_close(c, FLUSH_MS), 0);
}

static void counters_have_names(void **state)
{
    for (int i = 0; i < HR_STAT_N; i++)
        assert_true(strlen(hr_stats_name((enum hr_stat)i)) > 2);
    assert_null(hr_stats_name(HR_STAT_N));
    assert_int_equal(hr_stats_get(NULL, HR_STAT_LOGGED), 0);
    assert_int_equal(hr_close(NULL, 0), 0);
    assert_int_equal(hr_flush(NULL, 0), HR_EINVAL);
    assert_int_equal(hr_str(NULL).n, 0);
    assert_int_equal(hr_str("ab").n, 2);
}

int main(int argc, char **argv)
{
#define T(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(rows_arrive_once_and_the_folder_goes),
        T(memory_is_enough_for_a_client_that_is_not_killed),
        T(rows_keep_time_weight_and_reason),
        T(too_big_is_dropped_and_counted),
        T(threads_have_lanes_and_leave_them),
        T(two_clients_in_one_thread),
        T(lost_acks_make_no_duplicates),
        T(retry_and_parking_touch_one_batch),
        T(an_outage_is_survived),
        T(at_the_cap_the_ledger_balances),
        T(what_close_could_not_send_the_next_client_does),
        T(a_refused_schema_is_told_and_its_rows_still_travel),
        T(a_batch_of_unknown_outcome_waits_for_its_store),
        T(what_a_killed_process_logged_arrives),
        T(a_forked_child_can_not_log_and_holds_no_lock),
        T(folders_are_listed_and_drained),
        T(a_spool_folder_open_to_others_is_refused),
        T(the_environment_stands_in),
        T(one_schema_per_stream),
        T(open_fails_cleanly_without_memory),
        T(open_fails_cleanly_without_disk),
        T(a_call_keeps_errno),
        T(counters_have_names),
    };

    if (argc > 1)
        cmocka_set_test_filter(argv[1]);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
