/* The collector's disk is full, and later it is not: it says so, acknowledges nothing, does not die, and goes on by itself.
 * The application spools meanwhile; nothing is lost. Skipped where a tmpfs can't be mounted.
 *
 *   fault_full [--cycles N] [--seed N] */
#include "mount.h"
#include "run.h"
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>

#define CURE_S 30 /* generous: a busy machine is no failure */

static int until(struct fault_run *r, int status, int seconds)
{
    for (int i = 0; i < seconds * 50; i++) {
        char *body;
        size_t n;
        int got = test_http_get(r->daemon.http_port, "/readyz", &body, &n);

        if (got >= 0)
            free(body);
        if (got == status)
            return 0;
        poll(NULL, 0, 20);
    }
    return -1;
}

static void cycle(struct fault_run *r, struct fault_mount *m)
{
    int status;

    if (fault_mount_fill(m) != 0)
        fault_fail(r, "the disk can't be filled");
    if (until(r, 503, 60) != 0)
        fault_fail(r, "the disk is full and the collector says it is well");
    poll(NULL, 0, (int)(fault_random(r) % 500));
    if (waitpid(r->daemon.pid, &status, WNOHANG) != 0)
        fault_fail(r, "the collector died of a full disk");
    if (fault_mount_empty(m) != 0 || until(r, 200, CURE_S) != 0)
        fault_fail(r, "there is room again and the collector does not go on");
}

int main(int argc, char **argv)
{
    static struct fault_run r;
    struct fault_mount m;
    unsigned cycles = (unsigned)fault_argument(argc, argv, "--cycles", 5);
    const char *why;
    uint64_t rows;
    int wrong;

    fault_init(&r, fault_argument(argc, argv, "--seed", (uint64_t)time(NULL)), 2000000, NULL);
    why = fault_mount_open(&m, r.daemon.dir, false, 1024);
    if (why != NULL) {
        printf("skipped: %s\n", why);
        fault_fini(&r);
        return 77;
    }
    snprintf(r.daemon.data, sizeof r.daemon.data, "%.500s/data", m.dir);
    atomic_store(&r.oracle->pace_us, 40000);
    r.oracle->text_bytes = 300;
    fault_start_daemon(&r);
    fault_start_app(&r);
    for (unsigned i = 0; i < cycles; i++)
        cycle(&r, &m);
    fault_wait_app(&r);
    wrong = fault_check(&r, &rows);
    printf("%u times full\n", cycles);
    test_daemon_stop(&r.daemon, SIGTERM);
    fault_mount_close(&m);
    fault_fini(&r);
    return wrong != 0;
}
