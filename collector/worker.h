/* A worker: one thread with its loop, serving the producers whose sockets main gave it. It moves bytes between sockets and
 * sessions, messages between sessions and the committer, and adds what was committed to profiles of its own.
 *
 *   SERVING > DRAINING  [DRAIN: Goaway to all, no new socket; DRAINED to main once nothing is left]
 *   any > STOPPING      [STOP: sockets closed at once; what the committer has yet to answer is waited for]
 *   STOPPING > ended    [profiles to the keeper, counters and STOP to main; it can be joined]
 *
 * When the committer's mailbox is full, the message and all after it wait here, in order, and no socket is read: so memory
 * is bounded by what the mailbox and one read of each worker hold, and producers feel a slow disk as a slow connection. */
#ifndef HRD_WORKER_H
#define HRD_WORKER_H
#include "mailbox.h"
#include "session.h"
struct hrd_worker;
struct hrp_tls;

struct hrd_worker_cfg {                  /* copied; what it points to is borrowed until join */
    unsigned slot;                       /* of its counters at main */
    unsigned max_sessions;
    const struct hrd_session_cfg *session;
    struct hrd_mailbox *committer, *main;
    struct hrd_mailbox *keeper;          /* NULL: no profiles */
};
/* Of a socket that was accepted: the worker closes it, and so does freeing the message. */
struct hrd_conn_msg {
    struct hrd_msg msg;
    int fd;
    struct hrp_tls *tls;                 /* NULL: plain */
    char peer[64];
};
struct hrd_conn_msg *hrd_conn_msg_new(void);

int hrd_worker_start(const struct hrd_worker_cfg *cfg, struct hrd_worker **ret, struct hr_error *err);
struct hrd_mailbox *hrd_worker_inbox(struct hrd_worker *wrk);
void hrd_worker_join(struct hrd_worker *wrk); /* after its STOP to main; frees it */
#endif
