/* A batch from outside: its head, what eviction makes of it, and all its rows, which must mean the same to a builder again.
 * A checksum would stop nearly every mutation, so they are made right first. */
#include "batch_schemas.h"
#include "batches.h"
#include "alloc.h"
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

static struct hrp_schema *schema_of(uint8_t which)
{
    static struct hrp_schema *schemas[FUZZ_SCHEMAS];

    which %= FUZZ_SCHEMAS;
    if (schemas[which] == NULL)
        schemas[which] = fuzz_schema(which);
    return schemas[which];
}

static void look_at_head(const uint8_t *p, size_t n, const struct hrp_limits *lim)
{
    struct hrp_batch_head h, again;
    struct hrp_buf out = HRP_BUF_INIT;

    if (hrp_batch_head_read(p, n, lim, &h) != 0)
        return;
    if (hrp_batch_evict(&h, 7, HRP_DROP_EVICTED, &out) != 0 || hrp_batch_head_read(out.p, out.n, lim, &again) != 0)
        abort();
    if (again.n_rows != 0 || again.n_raw != 0 || test_batch_walk(out.p, out.n, NULL, lim, NULL) != 0)
        abort();
    hrp_batch_head_fini(&h);
    hrp_batch_head_fini(&again);
    hrp_buf_fini(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
    struct hrp_limits lim = hrp_limits_default;
    uint8_t *copy;

    lim.rows = 2000;
    lim.decoded_bytes = 2u << 20;
    lim.raw_bytes = 1u << 20;
    if (n == 0)
        return 0;
    copy = hrp_memdup(p + 1, n - 1);
    if (copy == NULL)
        return 0;
    test_batch_fix_checks(copy, n - 1);
    look_at_head(copy, n - 1, &lim);
    test_batch_walk(copy, n - 1, schema_of(p[0]), &lim, NULL);
    hrp_free(copy);
    return 0;
}
