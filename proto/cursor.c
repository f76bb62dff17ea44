#include "batch.h"
int hrp_cursor_new(const struct hrp_batch *b, struct hrp_cursor **ret) { return HR_EVERSION; }
void hrp_cursor_free(struct hrp_cursor *c) {}
int hrp_cursor_id(const struct hrp_cursor *c, struct hrp_row_id *ret) { return HR_EVERSION; }
int hrp_cursor_skip(struct hrp_cursor *c) { return HR_EVERSION; }
int hrp_cursor_wire(struct hrp_cursor *c, struct hrp_buf *out) { return HR_EVERSION; }
int hrp_cursor_json(struct hrp_cursor *c, struct hrp_buf *out) { return HR_EVERSION; }
