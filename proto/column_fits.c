/* Values of a column against the field's type. A builder writes only what fits; what comes from outside is checked. */
#include "batch_fields.h"
#include "wire_check.h"
#include "errors.h"

/* Hot: one pass without branches, so that the compiler vectorises it. */
static bool all_within(const uint64_t *v, size_t n, uint64_t least, unsigned bits)
{
    uint64_t over = 0;

    for (size_t i = 0; i < n; i++)
        over |= (v[i] - least) >> bits;
    return over == 0;
}

static bool integers_fit(const struct hrp_column *c)
{
    const uint64_t *v = c->i64 != NULL ? (const uint64_t *)c->i64 : c->u64;
    size_t n = c->constant ? 1 : c->n_values;

    switch (c->node->pb_type) {
    case 5:  /* int32 */
    case 14: /* enum */
    case 15: /* sfixed32 */
    case 17: /* sint32 */
        return all_within(v, n, (uint64_t)INT32_MIN, 32);
    case 7:  /* fixed32 */
    case 13: /* uint32 */
        return all_within(v, n, 0, 32);
    case 8: /* bool */
        return all_within(v, n, 0, 1);
    default:
        return true;
    }
}

static bool entry_fits(struct hrp_schema *s, const struct hrp_node *node, const uint8_t *p, uint32_t n, uint32_t depth, int *ret_err)
{
    const struct hrp_node *at;
    struct hrp_schema *sub;
    const char *wrong;

    if (node->pb_type == 9)
        return hrp_utf8_valid(p, n);
    if (node->unknown)
        return n != 0 && hrp_wire_check_unknown(s, &hrp_schema_nodes(s)[node->parent], p, n);
    if (!node->opaque)
        return true;
    sub = hrp_schema_of_msg(s, node);
    wrong = sub != NULL ? hrp_wire_check(sub, p, n, depth, &at) : hrp_wire_no_memory;
    if (wrong == hrp_wire_no_memory)
        *ret_err = HR_ENOMEM;
    return wrong == NULL;
}

bool hrp_column_fits(struct hrp_schema *s, const struct hrp_column *c, uint32_t depth, int *ret_err)
{
    if (c->node->phys == HRP_PHYS_I64 || c->node->phys == HRP_PHYS_U64)
        return integers_fit(c);
    if (c->node->phys != HRP_PHYS_BYTES || (c->node->pb_type == 12 && !c->node->opaque))
        return true;
    for (uint32_t i = 0; i < c->n_dict; i++) {
        if (!entry_fits(s, c->node, c->data + c->offsets[i], c->offsets[i + 1] - c->offsets[i], depth, ret_err))
            return false;
    }
    return true;
}
