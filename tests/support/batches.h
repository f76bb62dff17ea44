/* What tests do to batches. */
#ifndef TEST_BATCHES_H
#define TEST_BATCHES_H
#include "batch.h"

/* Make both checksums of the batch at p right again, as somebody would who means harm; what is too damaged to find them in
 * stays as it is. */
void test_batch_fix_checks(uint8_t *p, size_t n);
/* Open with s, and walk all rows as wire, JSON and skipped; 0 or what the reader answered. ret_wire (may be NULL) gets
 * every row as hrp_put_lenbytes. Aborts when a cursor that was given a good batch fails. */
int test_batch_walk(const uint8_t *p, size_t n, struct hrp_schema *s, const struct hrp_limits *lim, struct hrp_buf *ret_wire);
#endif
