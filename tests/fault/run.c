#include "run.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#define CLOSE_MS 120000

uint64_t fault_random(struct fault_run *r)
{
    uint64_t z = r->random += UINT64_C(0x9e3779b97f4a7c15);

    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

void fault_fail(struct fault_run *r, const char *what)
{
    printf("FAILED: %s; what there is stays in %s\n", what, r->daemon.dir);
    if (r->app > 0)
        kill(r->app, SIGKILL);
    test_daemon_stop(&r->daemon, SIGKILL);
    exit(1);
}

void fault_init(struct fault_run *r, uint64_t seed, uint64_t n_most, const char *const *args)
{
    setvbuf(stdout, NULL, _IOLBF, 0);
    printf("seed %llu\n", (unsigned long long)seed);
    r->random = seed;
    r->oracle = oracle_new(n_most);
    if (r->oracle == NULL || test_daemon_init(&r->daemon, args) != 0)
        fault_fail(r, "no room for the test");
    snprintf(r->spool, sizeof r->spool, "%s/spool", r->daemon.dir);
}

void fault_start_daemon(struct fault_run *r)
{
    if (test_daemon_start(&r->daemon) != 0)
        fault_fail(r, "the collector did not start");
}

void fault_start_app(struct fault_run *r)
{
    r->app = oracle_app_start(r->oracle, r->daemon.url, r->spool, "1GiB", CLOSE_MS);
    if (r->app < 0)
        fault_fail(r, "no process for the application");
}

void fault_kill_app(struct fault_run *r)
{
    int status;

    kill(r->app, SIGKILL);
    if (waitpid(r->app, &status, 0) != r->app || !WIFSIGNALED(status))
        fault_fail(r, "the application ended before it was killed");
    r->app = 0;
}

void fault_wait_app(struct fault_run *r)
{
    int status;

    atomic_store(&r->oracle->stop, true);
    if (waitpid(r->app, &status, 0) != r->app || !WIFEXITED(status) || WEXITSTATUS(status) != 0)
        fault_fail(r, "the application did not get rid of its rows in two minutes");
    r->app = 0;
}

uint64_t fault_calls(const struct fault_run *r)
{
    uint64_t n = 0;

    for (unsigned i = 0; i < ORACLE_THREADS; i++)
        n += atomic_load(&r->oracle->n_calls[i]);
    return n;
}

int fault_check(struct fault_run *r, uint64_t *ret_rows)
{
    int wrong = oracle_drain(r->spool, r->daemon.url) != 0;

    wrong += oracle_check_events(r->oracle, r->daemon.http_port, ret_rows);
    wrong += oracle_check_ledger(r->oracle, r->daemon.http_port, *ret_rows);
    printf("%llu calls returned 0, %llu were refused, %llu never returned; %llu rows stored; %d wrong\n",
           (unsigned long long)oracle_count(r->oracle, ORACLE_OK), (unsigned long long)oracle_count(r->oracle, ORACLE_FULL),
           (unsigned long long)oracle_count(r->oracle, ORACLE_NEVER), (unsigned long long)*ret_rows, wrong);
    return wrong;
}

void fault_fini(struct fault_run *r)
{
    test_daemon_fini(&r->daemon);
    oracle_free(r->oracle);
}

uint64_t fault_argument(int argc, char **argv, const char *name, uint64_t otherwise)
{
    for (int i = 1; i + 1 < argc; i++)
        if (strcmp(argv[i], name) == 0)
            return strtoull(argv[i + 1], NULL, 10);
    return otherwise;
}

bool fault_flag(int argc, char **argv, const char *name)
{
    for (int i = 1; i < argc; i++)
        if (strcmp(argv[i], name) == 0)
            return true;
    return false;
}
