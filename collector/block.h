/* Stored forms: the block (rows of one batch that the committer accepted) and the quarantined row.
 *
 * A block is a head and the batch as received. The head tells which rows of the batch count (the selection: the others
 * were resends), so no batch is ever rewritten on the way in. Offsets of the selected rows are dense, first_offset on.
 * The same encoded head stands in HRD_CF_INDEX, so scans by time and for retention read no batch. */
#ifndef HRD_BLOCK_H
#define HRD_BLOCK_H
#include "batch.h"
#include "violation.h"

struct hrd_range {
    uint64_t from, to; /* [from, to) */
};
struct hrd_block_head {
    uint32_t stream_id, schema_id;
    uint64_t first_offset;
    uint32_t n_rows;                 /* selected */
    struct hrp_id incarnation;
    int64_t receive_time_ns;         /* collector's wall clock at commit */
    int64_t min_event_time_ns, max_event_time_ns;
    uint32_t n_selection;            /* 0: all rows of the batch */
    struct hrd_range *selection;     /* row indexes, ascending; owned */
    uint32_t n_flagged;              /* rows that broke something their stream allows; 0: none. Ranges as of the selection */
    struct hrd_range *flagged;       /* row indexes of the batch, selected or not; owned */
    uint64_t batch_bytes;
};
void hrd_block_head_put(struct hrp_buf *out, const struct hrd_block_head *h); /* format version first, check32 last */
/* Reads a head from the start of p; *ret_used = its length: in HRD_CF_BLOCKS the batch follows. HR_ECORRUPT, HR_EVERSION. */
int hrd_block_head_read(const uint8_t *p, size_t n, struct hrd_block_head *ret, size_t *ret_used);
void hrd_block_head_fini(struct hrd_block_head *h);
void hrd_block_key(uint32_t stream_id, uint64_t first_offset, uint8_t ret[12]);
uint64_t hrd_block_number(const uint8_t key[12]); /* first_offset, or the number of a quarantined row */

enum hrd_quarantined_form {
    HRD_FORM_WIRE = 0,  /* protobuf wire format of the event's type */
    HRD_FORM_RAW = 1,   /* as the client had it: text, mostly JSON, that has no types */
    HRD_FORM_BATCH = 2, /* the whole undecodable batch: stands for n_count rows */
};
struct hrd_quarantined {
    uint32_t stream_id, schema_id;   /* schema_id 0: none could be used */
    struct hrp_id incarnation;
    uint32_t lane;
    uint64_t n;
    int64_t event_time_ns, receive_time_ns;
    uint8_t form;                    /* enum hrd_quarantined_form */
    const char *app, *version;       /* of the incarnation; borrowed; "" when it is not known */
    struct hrp_id producer;
    const uint8_t *violations;       /* buf.validate.Violations (violation.h); borrowed; empty in records of older stores */
    size_t n_violations;
    const char *reason;              /* borrowed; a sentence: the first violation's path and message */
    const uint8_t *bytes;            /* borrowed: the row as the client had it, or the whole undecodable batch */
    uint64_t n_bytes, n_count;       /* n_count: rows it stands for: 1, or those of the batch */
};
void hrd_quarantined_put(struct hrp_buf *out, const struct hrd_quarantined *q);
int hrd_quarantined_read(const uint8_t *p, size_t n, struct hrd_quarantined *ret); /* borrows p */
bool hrd_block_flagged(const struct hrd_block_head *h, uint32_t row); /* row index of the batch */
#endif
