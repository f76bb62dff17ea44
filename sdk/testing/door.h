/* The thread and the sockets of the collector of tests: loopback connections, each with its peer. */
#ifndef HRS_TESTING_DOOR_H
#define HRS_TESTING_DOOR_H
#include "peer.h"
#include <pthread.h>

#define HRS_DOOR_CONNS 64 /* clients at a time; a further one waits */

struct hrs_door_conn {
    int fd;               /* -1: free */
    struct hrs_peer peer;
};
struct hrs_door {
    struct hrs_store store;
    pthread_mutex_t mutex; /* store, broken */
    int broken;            /* first HR_E* that ended a connection */
    struct hrp_id generation;
    int listen_fd, stop_fds[2];
    uint16_t port;
    pthread_t thread;
    struct hrs_door_conn conns[HRS_DOOR_CONNS]; /* the thread's */
};
int hrs_door_open(struct hrs_door *d, struct hr_error *err);
void hrs_door_close(struct hrs_door *d);
#endif
