/* Nothing lost, nothing twice, with real processes: an application of four threads and a collector, both killed with SIGKILL
 * at random moments, again and again, the application on the same spool folder. In the end everything is drained, and every
 * call that returned 0 is in the store once and in the file sink's folder once, and each term of the ledger is exact.
 *
 *   fault_kill [--rounds N] [--calls N] [--seed N]     N kills of each side; N calls at least
 *
 * With HEADRACE_PLANT in the daemon's environment the same must fail: see fault.cmake. */
#include "run.h"
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

static void kill_collector(struct fault_run *r)
{
    test_daemon_stop(&r->daemon, SIGKILL);
    poll(NULL, 0, (int)(fault_random(r) % 150));
    fault_start_daemon(r);
}

/* The application logs at a pace that spreads its calls over the kills. */
static void trouble(struct fault_run *r, unsigned rounds, uint64_t n_calls)
{
    unsigned collector = rounds, app = rounds;

    while (collector + app != 0 || fault_calls(r) < n_calls) {
        unsigned left = collector + app;
        bool behind = fault_calls(r) * 2 * rounds < n_calls * (2 * rounds - left);

        atomic_store(&r->oracle->pace_us, behind ? 3000u : 12000u);
        poll(NULL, 0, (int)(20 + fault_random(r) % 400));
        if (left == 0)
            continue;
        if (fault_random(r) % left < collector) {
            collector--;
            kill_collector(r);
        } else {
            app--;
            fault_kill_app(r);
            fault_start_app(r);
        }
    }
}

static int sink_is_through(void *arg, const char *body)
{
    return strstr(body, "\"lag_rows\":0}") != NULL || strstr(body, "\"lag_rows\":0,") != NULL;
}

int main(int argc, char **argv)
{
    static struct fault_run r;
    static char files[560];
    unsigned rounds = (unsigned)fault_argument(argc, argv, "--rounds", 20);
    uint64_t n_calls = fault_argument(argc, argv, "--calls", 1000000), rows;
    const char *args[] = {"--file-sink", files, NULL};
    int wrong;

    fault_init(&r, fault_argument(argc, argv, "--seed", (uint64_t)time(NULL)), n_calls * 4 + 1000000, args);
    printf("%u kills of each side, %llu calls\n", rounds, (unsigned long long)n_calls);
    snprintf(files, sizeof files, "%s/files", r.daemon.dir);
    fault_start_daemon(&r);
    fault_start_app(&r);
    trouble(&r, rounds, n_calls);
    fault_wait_app(&r);
    wrong = fault_check(&r, &rows);
    if (test_http_until(r.daemon.http_port, "/api/v1/sinks", sink_is_through, NULL, 60) != 0)
        wrong += printf("the file sink does not come to an end\n") > 0;
    wrong += oracle_check_files(r.oracle, files, rows);
    fault_fini(&r);
    return wrong != 0;
}
