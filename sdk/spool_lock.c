/* Locks of incarnation folders, and forks. A flock belongs to the open file, which a forked child shares: the child would
 * keep a dead parent's folder locked. So every lock's descriptor is listed here, and closed in every child. */
#include "spool_file.h"
#include "alloc.h"
#include "io.h"
#include <fcntl.h>
#include <pthread.h>
#include <unistd.h>

static pthread_mutex_t locks_mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_once_t locks_once = PTHREAD_ONCE_INIT;
static int *lock_fds; /* of every folder this process owns */
static size_t n_lock_fds, cap_lock_fds;

static void before_fork(void) { pthread_mutex_lock(&locks_mutex); }
static void after_fork_parent(void) { pthread_mutex_unlock(&locks_mutex); }
static void after_fork_child(void)
{
    for (size_t i = 0; i < n_lock_fds; i++)
        close(lock_fds[i]); /* the parent's lock stays: only the last close of the open file ends it */
    n_lock_fds = 0;
    pthread_mutex_unlock(&locks_mutex);
}
static void watch_forks(void) { pthread_atfork(before_fork, after_fork_parent, after_fork_child); }

/* Open and lock in one, as seen by a fork. */
int hrs_lock_take(int dir_fd, int flags, int *ret_fd)
{
    int fd = -1, r = 0;

    pthread_once(&locks_once, watch_forks);
    pthread_mutex_lock(&locks_mutex);
    if (n_lock_fds == cap_lock_fds) {
        size_t cap = cap_lock_fds == 0 ? 16 : cap_lock_fds * 2;
        int *p = hrp_realloc(lock_fds, cap * sizeof *p);

        if (p != NULL) {
            lock_fds = p;
            cap_lock_fds = cap;
        } else {
            r = HR_ENOMEM;
        }
    }
    if (r == 0)
        r = hrp_open_at(dir_fd, "lock", O_RDWR | flags, 0600, &fd);
    if (r == 0)
        r = hrp_lock(fd);
    if (r == 0)
        lock_fds[n_lock_fds++] = *ret_fd = fd;
    else
        hrp_close(fd);
    pthread_mutex_unlock(&locks_mutex);
    return r;
}

void hrs_lock_drop(int fd)
{
    if (fd < 0)
        return;
    pthread_mutex_lock(&locks_mutex);
    for (size_t i = 0; i < n_lock_fds; i++)
        if (lock_fds[i] == fd) {
            lock_fds[i] = lock_fds[--n_lock_fds];
            close(fd);
            break;
        }
    if (n_lock_fds == 0) {
        hrp_free(lock_fds);
        lock_fds = NULL;
        cap_lock_fds = 0;
    }
    pthread_mutex_unlock(&locks_mutex);
}
