/* One producer's connection as a state machine: bytes in; bytes out and messages for the committer. It knows no socket,
 * clock or thread: a worker (or the simulator) moves the bytes, hands over the messages and brings the answers.
 *
 *   HELLO > READY      [Hello: Welcome is sent]
 *   READY > READY      Announce, Offer, Batch, Report, Ping
 *   READY > LEAVING    [hrd_session_goaway, or the peer's Goaway: what is in flight is still answered]
 *   any > CLOSED       [protocol error, timeout, slow reader; LEAVING with nothing in flight]
 *
 * Promises:
 * (1) Before Hello nothing but Hello is read, at most a control frame of memory is used, for at most handshake_ns.
 * (2) A batch is answered exactly once, with what the committer said, unless the connection ends first.
 * (3) A batch is submitted only after its incarnation was announced and its type was offered and decided.
 * (4) More bytes in flight than the window and one frame: the connection ends.
 * (5) After CLOSED: one HRD_MSG_GONE was given out, as the last message. */
#ifndef HRD_SESSION_H
#define HRD_SESSION_H
#include "msg.h"
#include "registry.h"
struct hrd_personal;
struct hrd_session;

struct hrd_session_cfg {             /* borrowed for the session's life */
    const struct hrp_limits *lim;
    struct hrd_registry *registry;
    const struct hrd_personal *personal; /* the project's key; NULL: batches of types that need it are set aside, without bytes */
    struct hrp_id generation;        /* of the store */
    bool memory_only;
    const char *server;              /* name and version, for Welcome */
    uint64_t window_bytes;           /* batch bytes a producer may have in flight */
    uint64_t out_cap_bytes;          /* answers a producer may leave unread */
    int64_t handshake_ns, ping_after_ns, ping_timeout_ns;
    uint32_t max_incarnations, max_types; /* per session; types per incarnation */
};
extern const struct hrd_session_cfg hrd_session_cfg_default; /* all but registry and generation */

enum hrd_session_state { HRD_SESSION_HELLO, HRD_SESSION_READY, HRD_SESSION_LEAVING, HRD_SESSION_CLOSED };

int hrd_session_open(const struct hrd_session_cfg *cfg, uint64_t id, struct hrd_counters *counters, int64_t now_mono_ns,
                     struct hrd_session **ret);
void hrd_session_free(struct hrd_session *ses); /* messages not taken are freed; so take GONE first */

/* ---- events. Afterwards: take the messages, write the output, look at state and deadline ---- */
void hrd_session_input(struct hrd_session *ses, const void *p, size_t n_bytes, int64_t now_mono_ns, int64_t now_wall_ns);
/* An answer of the committer (VERDICT, COMMITTED, REPORTED); borrowed for the call. */
void hrd_session_answer(struct hrd_session *ses, const struct hrd_msg *msg, int64_t now_mono_ns);
void hrd_session_tick(struct hrd_session *ses, int64_t now_mono_ns, int64_t now_wall_ns); /* its deadline has passed */
void hrd_session_goaway(struct hrd_session *ses, int error, const char *reason, uint32_t retry_after_ms); /* end in order */
void hrd_session_lost(struct hrd_session *ses, const char *why); /* the socket has ended: CLOSED */

/* ---- what it wants ---- */
struct hrd_msg *hrd_session_take(struct hrd_session *ses);   /* next message for the committer, owned by the caller; NULL: none */
struct hrp_buf *
hrd_session_output(struct hrd_session *ses); /* bytes to write; whoever has written them removes them from its front */
int64_t hrd_session_deadline(const struct hrd_session *ses); /* monotonic; INT64_MAX: none */
enum hrd_session_state hrd_session_state(const struct hrd_session *ses);
uint64_t hrd_session_id(const struct hrd_session *ses);
uint64_t hrd_session_in_flight(const struct hrd_session *ses); /* bytes */
const char *hrd_session_why(const struct hrd_session *ses);  /* why it closed, for the log; "" */
int hrd_session_error(const struct hrd_session *ses);        /* HR_E* when it was ended because of what the producer did; 0 */
#endif
