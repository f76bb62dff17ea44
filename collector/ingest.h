/* From a batch's bytes and its schema to rows that can be stored: decode, check, set aside. A plain function: no thread,
 * no clock, no store. What a batch resolves comes from its checksummed header, so a body that can't be read is no reason
 * to have it sent for ever: it is set aside whole, by its header (rule 8). Which rows are resends is the committer's matter. */
#ifndef HRD_INGEST_H
#define HRD_INGEST_H
#include "msg.h"
#include "rules.h"
struct hrd_personal;

/* Fill bat->head from bat->bytes[n_bytes]. An error: the header itself is unreadable. */
int hrd_ingest_head(struct hrd_batch_msg *bat, const struct hrp_limits *lim);
struct hrd_ingest_type {             /* what is known of the batch's type; all borrowed for the call */
    struct hrp_schema *schema;           /* NULL: there is none to read its rows by */
    const struct hrp_rules *rules;       /* NULL: none */
    const struct hrd_policy *policy;
    const struct hrd_personal *personal; /* the key; may be NULL for a type without personal data to hash */
    const char *refusal;                 /* the schema was refused, and why: its rows are set aside; NULL: it was not */
};
/* After the head: decode with the schema, judge each row (findings.h). bat->batch stays NULL and bat->reason says why when it is
 * set aside whole: its body can't be read, or there is no schema for its typed rows. Of a type with personal data that must not be kept as it came, what
 * must not is gone afterwards, from bat->bytes as well (personal.h); set aside whole, such a batch keeps no bytes at all.
 * 0 or HR_ENOMEM: have it sent again later. */
int hrd_ingest_body(struct hrd_batch_msg *bat, const struct hrd_ingest_type *type, const struct hrp_limits *lim);
#endif
