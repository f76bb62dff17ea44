#include "batch.h"
const char *hrp_drop_name(unsigned reason)
{
    static const char *const names[HRP_DROP_N] = {
        [HRP_DROP_FULL] = "full",       [HRP_DROP_TOOBIG] = "toobig", [HRP_DROP_CLOSED] = "closed",
        [HRP_DROP_EVICTED] = "evicted", [HRP_DROP_ABORTED] = "aborted", [HRP_DROP_TORN] = "torn",
        [HRP_DROP_SAMPLED] = "sampled", [HRP_DROP_OFF] = "off",       [HRP_DROP_MEMORY] = "memory",
    };

    return reason < HRP_DROP_N && names[reason] != NULL ? names[reason] : "other";
}
int hrp_batch_head_read(const uint8_t *p, size_t n, const struct hrp_limits *lim, struct hrp_batch_head *ret) { return HR_EVERSION; }
void hrp_batch_head_fini(struct hrp_batch_head *h) {}
int hrp_batch_evict(const struct hrp_batch_head *h, uint64_t batch_id, uint8_t reason, struct hrp_buf *out) { return HR_EVERSION; }
int hrp_batch_open(const uint8_t *p, size_t n, struct hrp_schema *schema, const struct hrp_limits *lim, struct hrp_batch **ret,
                   struct hr_error *err) { return HR_EVERSION; }
void hrp_batch_free(struct hrp_batch *b) {}
const uint8_t *hrp_column_bytes(const struct hrp_column *c, uint32_t i, uint32_t *ret_n) { *ret_n = 0; return NULL; }
int hrp_batch_sizes(const struct hrp_batch *b, struct hrp_batch_sizes *ret) { return HR_EVERSION; }
