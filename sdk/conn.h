/* The client's side of the ingest protocol (PROTOCOL.md): a state machine. It never calls libuv, the clock, the disk or
 * random numbers: time and a seed are given to it, bytes to send are appended to `out`, wishes are in `want`.
 *
 *   IDLE > CONNECTING   [hrs_conn_step, when retry_at has come]     want = CONNECT until the shell takes it
 *   CONNECTING > HELLO  [hrs_conn_connected]                        Hello is sent
 *   HELLO > READY       [Welcome]                                   Announce, offers, batches, reports, pings
 *   READY > LEAVING     [Goaway, or hrs_conn_leave]                 nothing new is sent; the peer or a timer ends it
 *   any > IDLE          [hrs_conn_lost]                             backoff with full jitter
 *
 * Promises:
 * (1) A batch leaves the spool only on COMMITTED that names its incarnation, its id and the generation it was sent to.
 * (2) Refusal, retry and parking touch the one batch they name.
 * (3) No more than the window is in flight, except that one batch larger than the window may go alone.
 * (4) What the collector sends is bounded: a frame over the control limit ends the connection. */
#ifndef HRS_CONN_H
#define HRS_CONN_H
#include "spool.h"
#include "frame.h"

struct hrs_conn_config {
    const char *token;            /* borrowed; NULL: none */
    const char *sdk;              /* name and version for Hello */
    uint64_t window_bytes;        /* own limit; the collector's Window may make it smaller */
    int64_t connect_timeout_ns, ping_after_ns, ping_timeout_ns;
    int64_t backoff_min_ns, backoff_max_ns;
    int64_t report_every_ns;
    uint64_t out_cap_bytes;       /* no further batch is appended while out holds more */
    bool send_to_new_store;       /* release what is held for another store (rule 9) */
};
enum hrs_conn_state { HRS_CONN_IDLE, HRS_CONN_CONNECTING, HRS_CONN_HELLO, HRS_CONN_READY, HRS_CONN_LEAVING };
enum hrs_want { HRS_WANT_NOTHING, HRS_WANT_CONNECT, HRS_WANT_CLOSE };

struct hrs_conn {
    const struct hrs_conn_config *cfg;
    struct hrs_spool *spool;      /* its incs are announced, its batches sent */
    struct hrs_stats *stats;
    enum hrs_conn_state state;
    enum hrs_want want;           /* the shell acts and sets it back to NOTHING */
    struct hrp_buf out, in, scratch;
    uint64_t random;              /* state of the generator, seeded by the caller */
    uint64_t window_bytes;        /* the collector's */
    uint32_t failures;            /* in a row: backoff */
    int64_t now_mono_ns, now_wall_ns; /* of the call in progress */
    int64_t since_mono_ns;        /* in this state */
    int64_t retry_at_mono_ns, heard_mono_ns, ping_sent_mono_ns; /* ping_sent: 0 when none is out */
    int64_t deadline_mono_ns;
    struct hrp_id generation;
    int64_t clock_offset_ns;      /* collector's wall clock minus ours, by Welcome and Pong */
    bool memory_only;
    bool polite;                  /* this connection's end was announced, for no fault of a batch */
    bool passing;                 /* the reason ends with the next success */
    char reason[256];             /* why the last thing was refused; "" */
};
void hrs_conn_init(struct hrs_conn *c, const struct hrs_conn_config *cfg, struct hrs_spool *sp, struct hrs_stats *stats, uint64_t seed);
void hrs_conn_fini(struct hrs_conn *c);

/* events */
void hrs_conn_connected(struct hrs_conn *c, int64_t now_mono_ns, int64_t now_wall_ns);
/* HR_E*: the peer broke the protocol; the shell closes and calls lost. */
int hrs_conn_bytes(struct hrs_conn *c, const void *p, size_t n_bytes, int64_t now_mono_ns, int64_t now_wall_ns);
void hrs_conn_lost(struct hrs_conn *c, int64_t now_mono_ns, const char *why);
/* Timers, and whatever can be sent now. Call after every event, after the batcher, and when the deadline passes. */
void hrs_conn_step(struct hrs_conn *c, int64_t now_mono_ns, int64_t now_wall_ns);
int64_t hrs_conn_deadline(const struct hrs_conn *c); /* monotonic; INT64_MAX: none */
void hrs_conn_leave(struct hrs_conn *c); /* say goodbye: Goaway, then want = CLOSE once `out` is written */

/* ---- between conn.c and conn_send.c ---- */
void hrs_conn_why(struct hrs_conn *c, bool passing, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
void hrs_conn_send_hello(struct hrs_conn *c);
void hrs_conn_send_work(struct hrs_conn *c); /* batches within the window with the announces and offers they need; reports */
int hrs_conn_verdict(struct hrs_conn *c, const uint8_t *p, size_t n);
int hrs_conn_report_ack(struct hrs_conn *c, const uint8_t *p, size_t n);
/* The incarnation a collector's message names (16 bytes); NULL: none of ours any more. */
struct hrs_inc *hrs_conn_inc(struct hrs_conn *c, size_t n, const uint8_t *id);
#endif
