/* What tests do to batches. */
#ifndef TEST_BATCHES_H
#define TEST_BATCHES_H
#include "batch.h"

extern const struct hrp_id test_incarnation;
struct hrp_builder *test_builder(struct hrp_schema *s); /* as the rest: whatever fails aborts, with a sentence */
void test_add_row(struct hrp_builder *b, uint64_t n, const struct hrp_buf *row); /* lane 0, n microseconds after 1970 */
void test_add_flights(struct hrp_builder *b, uint64_t first_n, unsigned n);
struct hrp_buf test_sealed(struct hrp_builder *b); /* batch 42 of type 3 */
struct hrp_batch *test_opened(const struct hrp_buf *p, struct hrp_schema *s);

/* Make both checksums of the batch at p right again, as somebody would who means harm; what is too damaged to find them in
 * stays as it is. */
void test_batch_fix_checks(uint8_t *p, size_t n);
/* Open with s, and walk all rows as wire, JSON and skipped; 0 or what the reader answered. ret_wire (may be NULL) gets
 * every row as hrp_put_lenbytes. Aborts when a cursor that was given a good batch fails. */
int test_batch_walk(const uint8_t *p, size_t n, struct hrp_schema *s, const struct hrp_limits *lim, struct hrp_buf *ret_wire);
#endif
