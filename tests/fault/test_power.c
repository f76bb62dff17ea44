/* The collector's machine loses power, again and again: its file system is shut down without its journal, the daemon stopped
 * first and killed afterwards, the file system mounted again. The application lives on; what was acknowledged it has
 * forgotten, so an acknowledged row that is gone stays gone, and shows. Skipped where loop mounts are not allowed.
 *
 *   fault_power [--cuts N] [--seed N] [--unsynced]     unsynced: the control, which must lose rows */
#include "mount.h"
#include "run.h"
#include <poll.h>
#include <stdio.h>
#include <time.h>

static void cut(struct fault_run *r, struct fault_mount *m)
{
    poll(NULL, 0, (int)(100 + fault_random(r) % 300));
    kill(r->daemon.pid, SIGSTOP);
    if (fault_mount_cut(m) != 0)
        fault_fail(r, "the file system does not shut down");
    test_daemon_stop(&r->daemon, SIGKILL);
    if (fault_mount_mend(m) != 0)
        fault_fail(r, "the file system does not come back");
    fault_start_daemon(r);
}

int main(int argc, char **argv)
{
    static struct fault_run r;
    struct fault_mount m;
    unsigned cuts = (unsigned)fault_argument(argc, argv, "--cuts", 40);
    const char *unsynced[] = {"--no-sync", NULL}, *why;
    uint64_t rows;
    int wrong;

    fault_init(&r, fault_argument(argc, argv, "--seed", (uint64_t)time(NULL)), 10000000,
               fault_flag(argc, argv, "--unsynced") ? unsynced : NULL);
    why = fault_mount_open(&m, r.daemon.dir, true, 2048);
    if (why != NULL) {
        printf("skipped: %s\n", why);
        fault_fini(&r);
        return 77;
    }
    snprintf(r.daemon.data, sizeof r.daemon.data, "%.500s/data", m.dir);
    atomic_store(&r.oracle->pace_us, 20000);
    fault_start_daemon(&r);
    fault_start_app(&r);
    for (unsigned i = 0; i < cuts; i++)
        cut(&r, &m);
    fault_wait_app(&r);
    wrong = fault_check(&r, &rows);
    printf("%u cuts\n", cuts);
    test_daemon_stop(&r.daemon, SIGTERM);
    fault_mount_close(&m);
    fault_fini(&r);
    return wrong != 0;
}
