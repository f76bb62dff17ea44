/* What session.c, session_types.c and session_batch.c share. */
#ifndef HRD_SESSION_IMPL_H
#define HRD_SESSION_IMPL_H
#include "counters.h"
#include "policy.h"
#include "session.h"
#include "wire.pb-c.h"

enum type_state { TYPE_ASKED, TYPE_DECIDING, TYPE_DECIDED };

/* A type of an incarnation, by the client's number. */
struct ses_type {
    uint32_t type_id;
    uint8_t state;               /* enum type_state */
    uint8_t fingerprint[16];     /* as offered */
    uint32_t stream_id, schema_id; /* once decided; schema_id 0: refused */
    struct hrp_schema *schema;   /* a reference; NULL: refused, and its set can't be opened */
    const struct hrp_rules *rules; /* the registry's; NULL: refused */
    bool refused;
    char *reason;                /* of a refusal; NULL: none was noted */
    uint32_t offer_bytes;        /* of the offer under way */
    struct hrd_policy policy;    /* of its stream */
    uint64_t policy_of;          /* hrd_registry_changes when it was read; 0: not yet */
};
struct ses_inc {
    struct hrp_id id;
    struct ses_type *types;      /* [n_types], by type_id */
    uint32_t n_types, cap_types;
};
struct hrd_session {
    const struct hrd_session_cfg *cfg;
    uint64_t id;
    struct hrd_counters *counters;
    enum hrd_session_state state;
    struct hrp_buf in, out;
    struct hrd_msgs msgs;        /* for the committer */
    struct hrd_gone_msg *gone;   /* made at the start, so that it can always be sent; holds the incarnations' ids */
    uint32_t cap_gone;
    struct ses_inc *incs;        /* [n_incs] */
    uint32_t n_incs, cap_incs, last_inc, n_all_types;
    uint64_t in_flight_bytes, offer_bytes, report_bytes;
    uint32_t n_unanswered;       /* messages the committer has yet to answer */
    int64_t now_mono_ns, now_wall_ns;
    int64_t opened_mono_ns, heard_mono_ns, ping_sent_mono_ns; /* ping_sent: 0 when none is out */
    int error;                   /* of ses_fail, and of a slow reader */
    char why[256];
};

/* Ends the connection with a Goaway that says why; counts by code. */
void ses_fail(struct hrd_session *ses, int code, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
void ses_say(struct hrd_session *ses, uint8_t type, const ProtobufCMessage *msg);
void ses_submit(struct hrd_session *ses, struct hrd_msg *msg, bool answered);
void ses_answered(struct hrd_session *ses); /* one of them: a session that leaves may end with it */
/* NULL: the session has failed. The message is freed with ses_free_msg. */
void *ses_unpack(struct hrd_session *ses, const ProtobufCMessageDescriptor *d, const struct hrp_frame *f, size_t cap_bytes);
void ses_free_msg(void *msg);
ProtobufCBinaryData ses_bytes(const void *p, size_t n);

/* session_types.c: who speaks, and of what */
void ses_on_announce(struct hrd_session *ses, const struct hrp_frame *f);
void ses_on_offer(struct hrd_session *ses, const struct hrp_frame *f);
void ses_on_verdict(struct hrd_session *ses, const struct hrd_offer_msg *off);
/* The incarnation of these n bytes, announced on this connection; NULL: the session has failed. */
struct ses_inc *ses_inc(struct hrd_session *ses, const char *frame, const uint8_t *id, size_t n);
struct ses_type *ses_type(const struct ses_inc *inc, uint32_t type_id); /* NULL: never offered */
/* What becomes of its rows that break something: its stream's policy, read again when some setting has changed. */
const struct hrd_policy *ses_policy(struct hrd_session *ses, struct ses_type *t);
void ses_incs_fini(struct hrd_session *ses);

/* session_batch.c: batches, reports and their answers */
void ses_on_batch(struct hrd_session *ses, const struct hrp_frame *f);
void ses_on_report(struct hrd_session *ses, const struct hrp_frame *f);
void ses_on_committed(struct hrd_session *ses, const struct hrd_batch_msg *bat);
void ses_on_reported(struct hrd_session *ses, const struct hrd_report_msg *rep);
#endif
