#include "batch.h"
#include "alloc.h"
int hrp_builder_new(struct hrp_schema *schema, struct hrp_builder **ret) { return HR_EVERSION; }
void hrp_builder_free(struct hrp_builder *b) {}
int hrp_builder_add(struct hrp_builder *b, uint32_t lane, uint64_t n, int64_t event_time_ns, uint32_t weight, uint32_t flags,
                    const uint8_t *row, size_t n_bytes, struct hr_error *err) { return HR_EVERSION; }
int hrp_builder_add_raw(struct hrp_builder *b, uint32_t lane, uint64_t n, int64_t event_time_ns, const char *reason,
                        const uint8_t *bytes, size_t n_bytes) { return HR_EVERSION; }
int hrp_builder_add_drop(struct hrp_builder *b, uint32_t lane, uint64_t first_n, uint64_t count, uint8_t reason) { return HR_EVERSION; }
uint32_t hrp_builder_rows(const struct hrp_builder *b) { return 0; }
size_t hrp_builder_bytes(const struct hrp_builder *b) { return 0; }
bool hrp_builder_empty(const struct hrp_builder *b) { return true; }
int hrp_builder_seal(struct hrp_builder *b, const struct hrp_id *incarnation, uint64_t batch_id, uint32_t type_id, struct hrp_buf *out) { return HR_EVERSION; }
bool hrp_builder_full(const struct hrp_builder *b) { return false; }
