/* Nothing lost, nothing twice, with real processes: an application of four threads and a collector, both killed with SIGKILL
 * at random moments, again and again, the application on the same spool folder. In the end everything is drained, and every
 * call that returned 0 is in the store once and in the file sink's folder once, and each term of the ledger is exact.
 *
 *   test_kill [--rounds N] [--calls N] [--seed N]     N kills of each side; N calls that returned at least
 *
 * Once more with HEADRACE_PLANT in the daemon's environment the same must fail: see fault.cmake. */
#include "oracle.h"
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

struct run {
    struct test_daemon daemon;
    struct oracle *oracle;
    char spool[560], files[560];
    pid_t app;
    uint64_t random;
};

static uint64_t next_random(struct run *r)
{
    uint64_t z = r->random += UINT64_C(0x9e3779b97f4a7c15);

    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

static void fail(const char *what)
{
    printf("FAILED: %s\n", what);
    exit(1);
}

static void start_app(struct run *r, int close_ms)
{
    r->app = oracle_app_start(r->oracle, r->daemon.url, r->spool, "1GiB", close_ms);
    if (r->app < 0)
        fail("no process for the application");
}

static void kill_app(struct run *r)
{
    int status;

    kill(r->app, SIGKILL);
    if (waitpid(r->app, &status, 0) != r->app || !WIFSIGNALED(status))
        fail("the application ended before it was killed");
}

static uint64_t calls(const struct run *r)
{
    uint64_t n = 0;

    for (unsigned i = 0; i < ORACLE_THREADS; i++)
        n += atomic_load(&r->oracle->n_calls[i]);
    return n;
}

/* The application logs at a pace that spreads its calls over the kills. */
static void trouble(struct run *r, unsigned rounds, uint64_t n_calls)
{
    unsigned collector = rounds, app = rounds;

    while (collector + app != 0 || calls(r) < n_calls) {
        unsigned left = collector + app;
        uint64_t done = calls(r);

        atomic_store(&r->oracle->pace_us, done * 2 * rounds < n_calls * (2 * rounds - left) ? 200u : 4000u);
        poll(NULL, 0, (int)(20 + next_random(r) % 400));
        if (left == 0)
            continue;
        if (next_random(r) % left < collector) {
            collector--;
            test_daemon_stop(&r->daemon, SIGKILL);
            poll(NULL, 0, (int)(next_random(r) % 150));
            if (test_daemon_start(&r->daemon) != 0)
                fail("the collector did not start again");
        } else {
            app--;
            kill_app(r);
            start_app(r, 120000);
        }
    }
}

static void wait_app(struct run *r)
{
    int status;

    atomic_store(&r->oracle->stop, true);
    if (waitpid(r->app, &status, 0) != r->app || !WIFEXITED(status) || WEXITSTATUS(status) != 0)
        fail("the application did not get rid of its rows in two minutes");
}

static int sink_is_through(void *arg, const char *body) { return strstr(body, "\"lag_rows\":0}") != NULL || strstr(body, "\"lag_rows\":0,") != NULL; }

static int check(struct run *r)
{
    uint64_t rows;
    int wrong = oracle_check_events(r->oracle, r->daemon.http_port, &rows);

    wrong += oracle_check_ledger(r->oracle, r->daemon.http_port, rows);
    if (test_http_until(r->daemon.http_port, "/api/v1/sinks", sink_is_through, NULL, 60) != 0)
        wrong += printf("the file sink does not come to an end\n") > 0;
    wrong += oracle_check_files(r->oracle, r->files, rows);
    printf("%llu calls returned 0, %llu were refused, %llu never returned; %llu rows stored; %d wrong\n",
           (unsigned long long)oracle_count(r->oracle, ORACLE_OK), (unsigned long long)oracle_count(r->oracle, ORACLE_FULL),
           (unsigned long long)oracle_count(r->oracle, ORACLE_NEVER), (unsigned long long)rows, wrong);
    return wrong;
}

static uint64_t argument(int argc, char **argv, const char *name, uint64_t otherwise)
{
    for (int i = 1; i + 1 < argc; i++)
        if (strcmp(argv[i], name) == 0)
            return strtoull(argv[i + 1], NULL, 10);
    return otherwise;
}

int main(int argc, char **argv)
{
    static struct run r;
    unsigned rounds = (unsigned)argument(argc, argv, "--rounds", 20);
    uint64_t n_calls = argument(argc, argv, "--calls", 1000000), seed = argument(argc, argv, "--seed", (uint64_t)time(NULL));
    const char *args[] = {"--file-sink", r.files, NULL};
    int wrong;

    setvbuf(stdout, NULL, _IOLBF, 0);
    printf("seed %llu, %u kills of each side, %llu calls\n", (unsigned long long)seed, rounds, (unsigned long long)n_calls);
    r.random = seed;
    r.oracle = oracle_new(n_calls * 4 + 1000000);
    if (r.oracle == NULL || test_daemon_init(&r.daemon, args) != 0)
        fail("no room for the test");
    snprintf(r.files, sizeof r.files, "%s/files", r.daemon.dir);
    snprintf(r.spool, sizeof r.spool, "%s/spool", r.daemon.dir);
    if (test_daemon_start(&r.daemon) != 0)
        fail("the collector did not start");
    start_app(&r, 120000);
    trouble(&r, rounds, n_calls);
    wait_app(&r);
    wrong = oracle_drain(r.spool, r.daemon.url) != 0;
    wrong += check(&r);
    test_daemon_fini(&r.daemon);
    oracle_free(r.oracle);
    return wrong != 0;
}
