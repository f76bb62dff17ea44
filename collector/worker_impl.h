/* Between worker.c and conn.c. All of it belongs to the worker's thread. */
#ifndef HRD_WORKER_IMPL_H
#define HRD_WORKER_IMPL_H
#include "keeper.h"
#include "tls_ops.h"
#include "worker.h"

enum worker_state { WORKER_SERVING, WORKER_DRAINING, WORKER_STOPPING };

struct hrd_conn {
    uv_tcp_t tcp;                        /* its close callback frees the object */
    uv_write_t write;
    uv_shutdown_t shutdown;
    struct hrd_worker *wrk;
    struct hrd_session *ses;
    struct hrp_tls *tls;                 /* NULL: plain */
    struct hrp_buf writing;              /* lent to the loop while `busy` */
    bool busy, reading, shut, peer_gone, closing, bye_said, heard;
    bool dirty;                          /* in wrk->dirty */
    struct hrd_conn *next_dirty;
    uint32_t slot;                       /* in wrk->conns */
    int64_t linger_until_ns;             /* monotonic; 0: its session lives */
    char peer[64];
};
struct hrd_worker {
    struct hrd_worker_cfg cfg;
    uv_thread_t thread;
    uv_loop_t loop;
    struct hrd_mailbox inbox;
    uv_timer_t beat, retry;              /* deadlines and reports; the committer's full mailbox */
    enum worker_state state;
    bool beating, said_drained, ended;
    struct hrd_conn **conns;             /* [cap_conns], by slot; NULL: free */
    uint32_t n_conns, cap_conns, n_opened;
    struct hrd_conn *dirty;              /* those that were given answers */
    struct hrd_msgs outbox;              /* the committer's mailbox was full: no socket is read meanwhile */
    bool stalled;
    uint64_t n_unanswered;
    struct hrd_profile_set *profiles;    /* NULL: none since the last time */
    int64_t handed_over_ns, told_ns;     /* monotonic */
    struct hrd_counters counters, told;
    struct hrd_msg *drained, *ended_msg; /* made at the start: the end needs no memory */
    char *buf;                           /* what sockets are read into, one at a time */
};
#define WORKER_READ_BYTES (256u << 10)

int64_t worker_mono_ns(void);
int64_t worker_wall_ns(void);
/* To the committer, or into the outbox behind what waits there. */
void worker_submit(struct hrd_worker *wrk, struct hrd_msg *msg);
void worker_conn_gone(struct hrd_worker *wrk); /* one of them is closed and freed */

/* conn.c */
void conn_open(struct hrd_worker *wrk, struct hrd_conn_msg *msg); /* takes msg's socket */
struct hrd_conn *conn_of(struct hrd_worker *wrk, uint64_t session);
void conn_after(struct hrd_conn *conn);        /* its session was given something: moves what it wants moved */
void conn_beat(struct hrd_conn *conn, int64_t now_mono_ns);
void conn_goaway(struct hrd_conn *conn, int code, const char *why);
void conn_abort(struct hrd_conn *conn, const char *why);
void conn_read(struct hrd_conn *conn, bool on);

/* conn_tls.c: of a connection with `tls` */
void conn_tls_input(struct hrd_conn *conn, const void *p, size_t n); /* may end the session, or TLS (then `tls` is NULL) */
int conn_tls_fill(struct hrd_conn *conn);      /* the session's output and TLS's own words, as ciphertext, into `writing` */
void conn_tls_bye(struct hrd_conn *conn);      /* once; NULL is fine */
void conn_tls_close(struct hrp_tls *state);
#endif
