/* One column's values as bytes: integers (ints.h), doubles, floats, byte strings. Private to proto/.
 * The bytes: PROTOCOL.md, "Values". Nothing is written for a column without values. */
#ifndef HRP_COLUMN_H
#define HRP_COLUMN_H
#include "batch.h"
#include "ints.h"

/* Append n >= 1 values. No memory: out->err. */
void hrp_doubles_put(struct hrp_scratch *s, struct hrp_buf *out, const double *v, size_t n);
void hrp_floats_put(struct hrp_scratch *s, struct hrp_buf *out, const float *v, size_t n);
/* Strings lie behind each other in data, of which at least 8 bytes past the last must be readable. */
void hrp_strings_put(struct hrp_scratch *s, struct hrp_buf *out, const uint32_t *lengths, const uint8_t *data, size_t n);

/* Read c->n_values >= 1 values by c->node->phys into the arena; sets constant and the arrays of c. Strings are borrowed
 * from the reader's range. *ret_expanded: a bound of what the values take once constants and codes are written out. */
int hrp_column_values_get(struct hrp_reader *r, struct hrp_arena *a, struct hrp_column *c, uint64_t *ret_expanded);
#endif
