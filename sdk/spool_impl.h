/* What spool.c and spool_evict.c share. */
#ifndef HRS_SPOOL_IMPL_H
#define HRS_SPOOL_IMPL_H
#include "spool.h"

/* spool.c: the list */
uint64_t hrs_sp_cost(const struct hrs_spool *sp, uint64_t n_bytes); /* of the cap */
void hrs_sp_levels(struct hrs_spool *sp);                           /* into the counters */
void hrs_sp_drop_heap(struct hrs_spool *sp, struct hrs_batch *b);   /* its bytes, not the batch */
void hrs_sp_forget(struct hrs_spool *sp, struct hrs_batch *b);      /* leaves storage as it is */
int hrs_sp_spans_of(const struct hrp_batch_head *h, struct hrs_batch *b);

/* spool_evict.c */
int hrs_sp_bytes_of(struct hrs_spool *sp, const struct hrs_batch *b, struct hrp_buf *buf, const uint8_t **ret); /* its own, or read into buf */
int hrs_sp_make_torn(struct hrs_spool *sp, struct hrs_batch *b); /* HR_ECORRUPT: done, b resolves its numbers as drops now, or is gone */
int hrs_sp_make_room(struct hrs_spool *sp, uint32_t n_bytes);    /* HR_EFULL: nothing more can be given up */
#endif
