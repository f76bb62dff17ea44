/* A client: what its application threads and its sender thread share, and who may touch what. */
#ifndef HRS_CLIENT_H
#define HRS_CLIENT_H
#include "options.h"
#include "spool_dir.h"
#include "stats.h"
#include <pthread.h>

#define HRS_MAX_LANES 1024u /* threads logging at once; lane 0 counts the calls of those that got none */

/* One lane of this process. It belongs to the thread that holds it; a thread that ends leaves it to a later one. */
struct hrs_own_lane {
    struct hrs_mapping *map;
    bool held;                          /* client->mutex */
    uint32_t unopened[HRS_MAX_TYPES];   /* the holder's: calls dropped because their type's slot could not be made */
};

struct hrs_sender;
struct hrp_tls_ops;
struct hr_client {
    hr_options *opt;                    /* fixed since open, as the next five */
    uint64_t serial;                    /* never used twice in a process */
    uint32_t fork_count;                /* of the process that opened it */
    uint64_t ring_bytes;
    struct hrs_dir dir;                 /* fd -1: memory only */
    const struct hrp_tls_ops *tls;      /* NULL: the option is off */
    struct hr_client *next;             /* list of open clients, its mutex */
    struct hrs_stats stats;             /* any thread */

    pthread_mutex_t mutex;              /* slow path: lanes handed out, types made known; wishes and answers below */
    pthread_cond_t answered;
    pthread_mutex_t zero_mutex;         /* writers of lane 0 */
    struct hrs_own_lane *lanes[HRS_MAX_LANES];
    _Atomic uint32_t n_lanes;           /* release: pairs with the acquire in the sender and in hr_stats_get */
    uint64_t flush_asked, flush_done;   /* tickets */
    bool close_asked, closed, drained, stop;
    char status[256];

    struct hrs_inc *inc;                /* its types: any thread through hrs_inc_type; the rest: the sender's. NULL: a drain */
    struct hrs_folder *folder;          /* its folder; NULL: memory only */
    struct hrs_sender *sender;
};

extern _Atomic uint64_t hrs_epoch;      /* changes when a client closes and in a forked child: threads' caches end */
extern _Atomic uint32_t hrs_forks;      /* +1 in a forked child */

/* The slow way into the log: the calling thread's lane with the type's slot open. 0; else the call was counted where it
 * could be: HR_EFORK, HR_ECLOSED, HR_ESCHEMA, HR_ELIMIT, HR_ENOMEM, HR_ENOSPC, HR_EIO. Keeps errno. */
int hrs_client_enter(hr_client *c, hr_type *type, struct hrs_lane **ret_lane, uint32_t *ret_index);
bool hrs_client_alive(const hr_client *c); /* opened in this process, not in its parent */
struct hrs_own_lane *hrs_client_lane(hr_client *c, int *ret_err); /* makes or reuses one for the calling thread */
/* At exit: waits for the client's events until its exit_ms have passed since then. */
void hrs_client_exit(hr_client *c, int64_t since_mono_ns);
void hrs_client_lane_leave(uint64_t serial, struct hrs_own_lane *lane);

int hrs_sender_start(hr_client *c, struct hrs_sender **ret);
void hrs_sender_wake(struct hrs_sender *s);
void hrs_sender_stop(struct hrs_sender *s); /* joins and frees; folders that are not done are let go */
#endif
