/* A session with everything around it made by hand: a store in memory, a producer that writes any frame, a committer that
 * answers when told to. For unit tests of the protocol and for its fuzzer. What fails in the kit itself aborts. */
#ifndef SESSION_KIT_H
#define SESSION_KIT_H
#include "counters.h"
#include "frame.h"
#include "session.h"
#include "wire.pb-c.h"

struct session_kit {
    struct hrd_log *log;
    struct hrd_registry *registry;
    struct hrd_session_cfg cfg;      /* may be changed before the session is opened */
    struct hrd_counters counters;
    struct hrd_session *ses;
    int64_t mono_ns, wall_ns;
    struct hrp_buf in;               /* what the producer has written and the session not yet seen */
    struct hrp_buf out;              /* what the session has said and the producer not yet read */
    struct hrd_msgs got;             /* what the committer was given */
    uint64_t commits;
};
void kit_init(struct session_kit *k);  /* no session yet */
void kit_open(struct session_kit *k);
void kit_fini(struct session_kit *k);

/* ---- the producer ---- */
struct hrp_id kit_id(uint8_t first_byte);
void kit_put(struct session_kit *k, uint8_t type, const ProtobufCMessage *msg);
void kit_hello(struct session_kit *k);
void kit_announce(struct session_kit *k, struct hrp_id inc);
/* The type Flight; whole: with its descriptor set. stream NULL: "Flight". */
void kit_offer(struct session_kit *k, struct hrp_id inc, uint32_t type_id, const char *stream, bool whole);
/* n_rows rows of Flight, numbers from first_n on, lane 0; n_raw raw ones after them. */
void kit_batch_bytes(struct hrp_buf *out, struct hrp_id inc, uint32_t type_id, uint64_t batch_id, uint64_t first_n, uint32_t n_rows,
                     uint32_t n_raw);
void kit_batch(struct session_kit *k, struct hrp_id inc, uint32_t type_id, uint64_t batch_id, uint64_t first_n, uint32_t n_rows);
void kit_report(struct session_kit *k, struct hrp_id inc, uint64_t report_id, uint32_t type_id, uint64_t next, uint64_t floor,
                bool closing);
/* Gives the session what was written, in pieces of at most `piece` bytes (0: as one), and takes its messages. */
void kit_feed(struct session_kit *k, size_t piece);
/* The next frame the session said. NULL: none. Freed by kit_free; *ret_type: enum hrp_frame_type. */
ProtobufCMessage *kit_heard(struct session_kit *k, uint8_t *ret_type);
void kit_free(ProtobufCMessage *msg);

/* ---- the committer ---- */
struct hrd_msg *kit_take(struct session_kit *k, enum hrd_msg_type type); /* the oldest message, which must be of this type; owned */
/* Decides msg as the committer would, with this code for batches, gives the session the answer, and frees it. */
void kit_answer(struct session_kit *k, struct hrd_msg *msg, uint8_t code);
#endif
