/* From a batch's bytes and its schema to rows that can be stored: decode, check, set aside. A plain function: no thread,
 * no clock, no store. What a batch resolves comes from its checksummed header, so a body that can't be read is no reason
 * to have it sent for ever: it is set aside whole, by its header (rule 8). Which rows are resends is the committer's matter. */
#ifndef HRD_INGEST_H
#define HRD_INGEST_H
#include "msg.h"

/* Fill bat->head from bat->bytes[n_bytes]. An error: the header itself is unreadable. */
int hrd_ingest_head(struct hrd_batch_msg *bat, const struct hrp_limits *lim);
/* After the head: decode with schema, check each row. bat->batch stays NULL and bat->reason says why when it is set aside
 * whole; a NULL schema (refused) does so for batches with typed rows. 0 or HR_ENOMEM: have it sent again later. */
int hrd_ingest_body(struct hrd_batch_msg *bat, struct hrp_schema *schema, const struct hrp_limits *lim);
#endif
