/* A committer, mostly on a log in memory, fed by hand, and an audit of what it left in the store. What fails in the kit itself aborts. */
#ifndef COMMIT_KIT_H
#define COMMIT_KIT_H
#include "committer.h"
#include "log_memory.h"
#include "producers.h"
#include "registry.h"
#include "schemas.h"

#define CK_TIME_NS INT64_C(1800000000000000000)
#define CK_STREAMS 128 /* the audit knows ids below */

struct ck {
    struct hrd_log *log;
    struct hrd_registry *reg;
    struct hrd_committer *cm;
    struct hrd_committer_cfg cfg;    /* for the next open */
    struct hrp_schema *schema;       /* Flight */
    int64_t now_ns;
    uint32_t stream_id, schema_id;   /* of Flight, once ck_start has learned it */
    uint64_t next_batch;
};
void ck_init(struct ck *k);          /* a log in memory, and the committer opened on it */
void ck_init_on(struct ck *k, struct hrd_log *log); /* on this log, the kit's from now on */
void ck_open(struct ck *k);          /* registry and committer on the log that is there */
void ck_crash(struct ck *k);         /* all but the log goes */
void ck_fini(struct ck *k);
void ck_start(struct ck *k, unsigned inc); /* announces incarnation inc and learns Flight: one group */

struct hrp_id ck_id(unsigned inc);   /* incarnations have small numbers here */
void ck_add(struct ck *k, void *msg); /* any message; the committer's now */
void ck_announce(struct ck *k, unsigned inc, int64_t born_ns);
void ck_gone(struct ck *k, unsigned inc);
void ck_offer(struct ck *k, unsigned inc, const char *stream, struct hrp_schema *schema); /* schema NULL: refused; borrowed */
void ck_report(struct ck *k, unsigned inc, uint32_t lane, uint64_t next, uint64_t floor, bool closing);
/* A batch of Flight with these segments, decoded as a worker does. Event time of row n: CK_TIME_NS + lane * 1,000,000 + n. */
struct hrd_batch_msg *ck_batch(struct ck *k, unsigned inc, const struct hrp_segment *segs, uint32_t n_segs);
struct hrd_batch_msg *ck_rows(struct ck *k, unsigned inc, uint32_t lane, uint64_t first_n, uint64_t count);
void ck_aside(struct hrd_batch_msg *bat, uint32_t row, const char *reason); /* rows in order */
void ck_whole(struct hrd_batch_msg *bat, const char *reason);               /* its body could not be read */

/* Commits until nothing waits; reopens when a write fails. */
void ck_settle(struct ck *k);
/* The oldest answer, which must be of that type; freed with hrd_msg_free. */
void *ck_answer(struct ck *k, enum hrd_msg_type type);
/* One batch through all of it: what became of it. */
struct ck_verdict {
    uint8_t code;
    int error;
    uint64_t accepted, quarantined, dropped, trimmed, commit, first_offset;
};
struct ck_verdict ck_commit(struct ck *k, struct hrd_batch_msg *bat);
struct ck_verdict ck_verdict(struct ck *k); /* of the oldest answer, a batch */

/* ---- audit ---- */
struct ck_row {
    struct hrp_id incarnation;
    uint32_t stream_id, lane;
    uint64_t n, offset;
};
struct ck_lane {
    struct hrp_id incarnation;
    struct hrd_lane_record rec;
};
struct ck_audit {
    char wrong[256];                 /* the first promise that does not hold; "" */
    struct ck_row *rows;             /* [n_rows] stored, by incarnation, stream, lane, n */
    size_t n_rows, cap_rows;
    struct ck_lane *lanes;           /* [n_lanes] */
    size_t n_lanes, cap_lanes;
    uint64_t quarantined[CK_STREAMS]; /* rows in quarantine, by stream id */
    uint64_t n_quarantine_records;
};
/* Reads the whole store: offsets dense, every row once, counts of records and streams equal to what is there, and the ledger of
 * the committer (as it is in memory) equal to the sum of the records. */
void ck_audit(struct ck *k, struct ck_audit *ret);
void ck_audit_fini(struct ck_audit *a);
bool ck_stored(const struct ck_audit *a, unsigned inc, uint32_t lane, uint64_t n);
const struct hrd_lane_record *ck_lane(const struct ck_audit *a, unsigned inc, uint32_t stream_id, uint32_t lane); /* NULL: none */
/* Audits, and prints and aborts when something is wrong. */
void ck_sound(struct ck *k);
#endif
