/* What threads of the daemon hand to each other. A message has one owner at any time; sending it makes it the receiver's.
 * Those for the committer come back as answers, the same object with its answer filled in and its type changed. */
#ifndef HRD_MSG_H
#define HRD_MSG_H
#include "causes.h"
#include "counters.h"
#include "log.h"
#include "ranges.h"
struct hrd_mailbox;
struct hrd_status;

enum hrd_msg_type {      /* sender > receiver: what changes hands */
    HRD_MSG_CONN,        /* main > worker: hrd_conn_msg, an accepted socket (worker.h) */
    HRD_MSG_ANNOUNCE,    /* worker > committer: hrd_announce_msg, an incarnation this session will speak for; no answer */
    HRD_MSG_OFFER,       /* worker > committer: hrd_offer_msg, a schema to learn or the refusal of one */
    HRD_MSG_VERDICT,     /* committer > worker: the same, durable: stream and schema id */
    HRD_MSG_BATCH,       /* worker > committer: hrd_batch_msg */
    HRD_MSG_COMMITTED,   /* committer > worker: the same; durable, or refused: see code */
    HRD_MSG_REPORT,      /* worker > committer: hrd_report_msg, positions of lanes */
    HRD_MSG_REPORTED,    /* committer > worker: the same, durable */
    HRD_MSG_GONE,        /* worker > committer: hrd_gone_msg, the session has ended; its last message; no answer */
    HRD_MSG_PUTS,        /* keeper, sink > committer: hrd_puts_msg, a filled group */
    HRD_MSG_PUTS_DONE,   /* committer > keeper, sink: the same, durable */
    HRD_MSG_REGISTER,    /* API > committer: hrd_register_msg, a schema pushed or deleted, or settings */
    HRD_MSG_REGISTERED,  /* committer > API: the same, durable, or refused: see error */
    HRD_MSG_STATUS,      /* committer > main: hrd_status_msg, a reference */
    HRD_MSG_COUNTERS,    /* any thread > main: hrd_counters_msg, a copy, about once a second while they change */
    HRD_MSG_PROFILES,    /* worker > keeper: a set of profiles (keeper.c) */
    HRD_MSG_QUERY,       /* API > keeper or reader, and back (api.c) */
    HRD_MSG_DRAIN,       /* main > worker: finish what is there, take nothing new */
    HRD_MSG_DRAINED,     /* worker > main: no session is left */
    HRD_MSG_STOP,        /* main > any thread: its last message; worker > main: it has ended, and can be joined */
};
struct hrd_msg {
    enum hrd_msg_type type;
    struct hrd_msg *next;        /* in the list of its owner */
    size_t n_bytes;              /* what it counts for in a mailbox's cap; 0: never refused as full */
    struct hrd_mailbox *reply;   /* where the answer goes; borrowed; NULL: the owner frees it */
    uint64_t session;            /* of the worker, for its answers; 0: none */
    void (*free)(struct hrd_msg *msg); /* its contents and itself */
};
static inline void hrd_msg_free(struct hrd_msg *msg)
{
    if (msg != NULL)
        msg->free(msg);
}
/* Zeroed, with type and a free that fits: size is that of the whole message, msg its first member. NULL: no memory. */
struct hrd_msg *hrd_msg_new(enum hrd_msg_type type, size_t size, void (*free_contents)(struct hrd_msg *msg));

struct hrd_announce_msg {
    struct hrd_msg msg;
    struct hrp_id incarnation, producer;
    char *app, *version, *host; /* owned, never NULL */
    uint64_t pid;
    int64_t born_ns;
};
struct hrd_offer_msg {
    struct hrd_msg msg;
    struct hrp_id incarnation;
    uint32_t type_id;
    char *stream;                /* owned, a valid name (registry.h) */
    struct hrp_schema *schema;   /* a reference; NULL: refused, only the stream is wanted */
    uint8_t fingerprint[16];
    uint32_t newest;             /* what it was admitted against (registry.h); 0: nothing, or nobody looked */
    uint64_t n_changes;
    char reason[256];            /* why refused; "". Also the answer's, when the committer refuses it */
    /* answer */
    bool known;                  /* another session was faster */
    uint32_t stream_id, schema_id; /* schema_id 0: refused */
};

enum hrd_register_verb { HRD_REGISTER_PUSH, HRD_REGISTER_DELETE, HRD_REGISTER_SETTINGS };
struct hrd_settings_change;
struct hrd_register_msg {
    struct hrd_msg msg;
    enum hrd_register_verb verb;
    char *stream;                /* owned, a valid name; NULL: settings of all. Made by PUSH, and by SETTINGS that are to be kept */
    struct hrp_schema *schema;   /* PUSH: a reference */
    uint32_t newest;             /* PUSH: as of an offer */
    uint64_t n_changes;
    uint32_t *schema_ids;        /* DELETE: [n_ids]; owned */
    uint32_t n_ids;
    struct hrd_settings_change *change; /* SETTINGS; owned */
    /* answer */
    int error;                   /* HR_ESCHEMA: refused, reason says why; HR_ENOENT, HR_ELIMIT */
    char reason[256];
    uint32_t stream_id, schema_id;
    bool known;
};

/* A row that does not go into the block: set aside, or dropped. In row order. */
struct hrd_aside {
    uint32_t row;                /* of the typed rows; of the raw rows in raw_asides */
    uint8_t action;              /* enum hrd_action: QUARANTINE or DROP */
    uint32_t at, n_bytes;        /* its wire bytes in aside_bytes (raw rows: what lies in the batch counts) */
    uint32_t violations_at, n_violations; /* buf.validate.Violations, there too */
    char reason[160];            /* the first violation: path and message */
};
/* One row and one of the batch's causes. In row order; raw rows are counted from n_rows on. */
struct hrd_finding {
    uint32_t row, cause;
};
struct hrd_batch_msg {
    struct hrd_msg msg;
    uint8_t *bytes;              /* the batch as received; owned */
    size_t n_bytes;
    struct hrp_batch_head head;  /* owned; of the batch also when its body can't be read */
    struct hrp_batch *batch;     /* decoded; NULL: set aside whole, reason says why */
    struct hrp_batch_sizes sizes;
    char reason[256];            /* of a batch set aside whole */
    uint32_t stream_id, schema_id; /* schema_id 0: refused */
    struct hrd_aside *asides;    /* [n_asides]; owned */
    uint32_t n_asides;
    struct hrd_aside *raw_asides; /* [head.n_raw] in order; NULL: no raw rows */
    struct hrp_buf aside_bytes;
    struct hrd_ranges flagged;   /* row indexes that are stored, and marked as broken */
    struct hrd_finding *findings; /* [n_findings]; owned */
    uint32_t n_findings;
    struct hrd_causes causes;    /* of the findings; their counts are not used */
    uint64_t frame_bytes;        /* what it takes of the session's window */
    uint64_t *replay;            /* [head.n_rows] numbers of the quarantined rows that these are; owned; NULL: rows of a session */
    /* answer */
    uint8_t code;                /* enum hrd_batch_code */
    int error;                   /* HR_E* behind RETRY, PARK, or rows set aside */
    uint64_t commit;             /* number of the group that made it durable */
    struct hrd_block_head block; /* n_rows 0: no row of it was stored */
    uint64_t accepted, quarantined, dropped, trimmed;
#ifdef HRP_FAULTS
    struct hrd_range *planted;   /* plant.h: TRIM_IN_WORKER */
    uint32_t n_planted;
    bool has_planted;
#endif
};
enum hrd_batch_code { HRD_COMMITTED = 0, HRD_RETRY = 1, HRD_PARK = 2 }; /* as Ack.Code */

struct hrd_position {
    uint32_t stream_id, lane;
    uint64_t next, floor;        /* 1 <= floor <= next */
};
struct hrd_report_msg {
    struct hrd_msg msg;
    struct hrp_id incarnation;
    uint64_t report_id;
    bool closing;
    uint32_t n_positions;
    struct hrd_position *positions; /* owned */
};
struct hrd_gone_msg {
    struct hrd_msg msg;
    uint32_t n_incarnations;
    struct hrp_id *incarnations; /* owned: those it announced, once each */
};
struct hrd_puts_msg {
    struct hrd_msg msg;
    struct hrd_group group;      /* owned */
    uint64_t commit;             /* answer; 0: nothing was written, for its group had run out of memory when it was filled */
    void *arg;                   /* the sender's */
};
struct hrd_status_msg {
    struct hrd_msg msg;
    struct hrd_status *status;   /* a reference */
};
struct hrd_counters_msg {
    struct hrd_msg msg;
    unsigned thread;             /* slot of the sender at main */
    struct hrd_counters counters;
};
struct hrd_announce_msg *hrd_announce_msg_new(void);
struct hrd_offer_msg *hrd_offer_msg_new(void);
struct hrd_register_msg *hrd_register_msg_new(void);
struct hrd_batch_msg *hrd_batch_msg_new(void);
struct hrd_report_msg *hrd_report_msg_new(void);
struct hrd_gone_msg *hrd_gone_msg_new(void);
struct hrd_puts_msg *hrd_puts_msg_new(void);       /* its group is initialised */
struct hrd_status_msg *hrd_status_msg_new(void);
struct hrd_counters_msg *hrd_counters_msg_new(void);

/* A list of messages, oldest first; whoever holds it owns them. */
struct hrd_msgs {
    struct hrd_msg *first, *last;
};
void hrd_msgs_add(struct hrd_msgs *list, struct hrd_msg *msg);
struct hrd_msg *hrd_msgs_take(struct hrd_msgs *list); /* NULL: empty */
void hrd_msgs_free(struct hrd_msgs *list);
#endif
