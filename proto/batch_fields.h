/* The field columns of a batch that is being opened. Private to proto/. */
#ifndef HRP_BATCH_FIELDS_H
#define HRP_BATCH_FIELDS_H
#include "batch.h"
#include "column.h"

/* Read the rest of r into b->columns. err names the column. */
int hrp_batch_read_fields(struct hrp_batch *b, struct hrp_reader *r, const struct hrp_limits *lim, struct hr_error *err);
/* What stands for a column that was not sent: nothing, or zeros. node and n_slots are set. */
void hrp_column_not_sent(struct hrp_column *c);
/* Are the values what the field's type allows: number ranges, UTF-8, well-formed messages? Clients are not trusted. */
bool hrp_column_fits(struct hrp_schema *s, const struct hrp_column *c, uint32_t depth, int *ret_err);
#endif
