/* Field columns, top down: each column's number of slots follows from its parent, so nothing is said twice in the bytes,
 * and nothing needs to be believed. */
#include "batch_fields.h"
#include "batch_format.h"
#include "errors.h"
#include <string.h>

struct fields {
    struct hrp_batch *batch;
    struct hrp_reader *r;
    struct hrp_column *cols;
    const struct hrp_limits *lim;
    uint64_t expanded_left; /* what all values may take once written out: bounds what a walk over the rows can produce */
};

/* What stands for a column that was not sent. */
static const uint64_t zero = 0;
static const uint32_t empty_offsets[2] = {0, 0};

static void set_zero(struct hrp_column *c)
{
    c->n_values = c->n_slots;
    c->constant = true;
    switch (c->node->phys) {
    case HRP_PHYS_I64:
        c->i64 = (const int64_t *)&zero;
        break;
    case HRP_PHYS_U64:
        c->u64 = &zero;
        break;
    case HRP_PHYS_F64:
        c->f64 = (const double *)(const void *)&zero;
        break;
    case HRP_PHYS_F32:
        c->f32 = (const float *)(const void *)&zero;
        break;
    default:
        c->offsets = empty_offsets;
        c->data = (const uint8_t *)"";
        c->n_dict = 1;
        break;
    }
}

static bool is_optional(const struct hrp_node *node)
{
    return node->id != 0 && !node->repeated && !node->oneof_member && (node->explicit_presence || node->kind == HRP_NODE_MESSAGE);
}

void hrp_column_not_sent(struct hrp_column *c)
{
    const struct hrp_node *node = c->node;

    if (node->kind == HRP_NODE_ONEOF || node->repeated || is_optional(node) || c->n_slots == 0)
        return; /* nothing there */
    if (node->kind == HRP_NODE_MESSAGE)
        c->n_values = c->n_slots; /* the root, or a oneof's member: one in each slot */
    else
        set_zero(c);
}

/* ---- slots ---- */

static int get_presence(struct fields *f, struct hrp_column *c)
{
    uint8_t mode = hrp_read_u8(f->r);
    uint32_t n = c->n_slots;

    c->n_values = n;
    if (f->r->bad || mode > PRESENCE_BITMAP)
        return HR_ECORRUPT;
    if (mode == PRESENCE_ALL)
        return 0;
    c->present = hrp_read_bytes(f->r, n / 8 + (n % 8 != 0));
    if (c->present == NULL || (n % 8 != 0 && c->present[n / 8] >> n % 8 != 0))
        return HR_ECORRUPT;
    c->n_values = (uint32_t)hrp_bits_count(c->present, n);
    return c->n_values == 0 ? HR_ECORRUPT : 0;
}

static int get_u32s(struct fields *f, struct hrp_column *c, const uint32_t **ret)
{
    uint32_t *v = hrp_arena_take(f->batch->arena, c->n_slots, sizeof *v);

    if (v == NULL)
        return hrp_arena_err(f->batch->arena);
    *ret = v;
    return hrp_ints_get(f->r, f->batch->arena, c->n_slots, sizeof *v, v);
}

static int get_lengths(struct fields *f, struct hrp_column *c)
{
    uint64_t sum = 0;
    int res = get_u32s(f, c, &c->lengths);

    if (res != 0)
        return res;
    for (uint32_t i = 0; i < c->n_slots; i++)
        sum += c->lengths[i];
    if (sum > f->lim->decoded_bytes || sum > UINT32_MAX)
        return HR_ELIMIT;
    c->n_values = (uint32_t)sum;
    return sum == 0 ? HR_ECORRUPT : 0;
}

/* Each member gets as many slots as it was chosen. Runs of the same case are usual. */
static int get_cases(struct fields *f, struct hrp_column *c)
{
    const struct hrp_node *parent = &hrp_schema_nodes(f->batch->schema)[c->node->parent], *member = NULL;
    int res = get_u32s(f, c, &c->cases);

    for (uint32_t i = 0; i < c->n_slots && res == 0; i++) {
        if (c->cases[i] == 0)
            continue;
        if (member == NULL || member->number != c->cases[i])
            member = hrp_schema_field(f->batch->schema, parent, c->cases[i]);
        if (member == NULL || !member->oneof_member || member->parent != c->node->id)
            return HR_ECORRUPT;
        f->cols[member->id].n_slots++;
    }
    c->n_values = c->n_slots;
    return res;
}

static int get_slots(struct fields *f, struct hrp_column *c)
{
    if (c->node->kind == HRP_NODE_ONEOF)
        return get_cases(f, c);
    if (c->node->repeated)
        return get_lengths(f, c);
    if (is_optional(c->node))
        return get_presence(f, c);
    c->n_values = c->n_slots;
    return c->node->kind == HRP_NODE_MESSAGE ? HR_ECORRUPT : 0; /* a message member says nothing of its own */
}

/* ---- columns ---- */

static int spend(struct fields *f, uint64_t n)
{
    if (n > f->expanded_left)
        return HR_ELIMIT;
    f->expanded_left -= n;
    return 0;
}

static int get_column(struct fields *f, struct hrp_column *c)
{
    int res = c->n_slots == 0 ? HR_ECORRUPT : get_slots(f, c);
    uint64_t expanded = 0;

    if (res != 0)
        return res;
    if (c->node->kind == HRP_NODE_MESSAGE)
        return spend(f, (uint64_t)c->n_values * (c->node->end - c->node->id));
    if (c->node->kind == HRP_NODE_ONEOF)
        return 0;
    res = hrp_column_values_get(f->r, f->batch->arena, c, &expanded);
    if (res == 0)
        res = spend(f, expanded);
    if (res == 0 && !hrp_column_fits(f->batch->schema, c, f->lim->depth, &res) && res == 0)
        res = HR_ECORRUPT;
    return res;
}

static uint32_t slots_of(const struct fields *f, const struct hrp_column *c)
{
    if (c->node->id == 0)
        return f->batch->head.n_rows;
    return c->node->oneof_member ? c->n_slots : f->cols[c->node->parent].n_values;
}

/* The id of the next column that was sent; 0: no more. */
static int next_id(struct fields *f, uint32_t n_nodes, uint32_t *id)
{
    uint64_t step;

    if (hrp_reader_left(f->r) == 0) {
        *id = 0;
        return 0;
    }
    step = hrp_read_varint(f->r);
    if (f->r->bad || step == 0 || step >= n_nodes - *id)
        return HR_ECORRUPT;
    *id += (uint32_t)step;
    return 0;
}

static int read_columns(struct fields *f, const struct hrp_node *nodes, uint32_t n_nodes, uint32_t *ret_id)
{
    uint32_t sent = 0;
    int res = next_id(f, n_nodes, &sent);

    for (uint32_t id = 0; id < n_nodes && res == 0; id++) {
        struct hrp_column *c = &f->cols[id];

        *ret_id = id;
        c->node = &nodes[id];
        c->n_slots = slots_of(f, c);
        if (id == 0 || id != sent) {
            hrp_column_not_sent(c);
            continue;
        }
        res = get_column(f, c);
        if (res == 0)
            res = next_id(f, n_nodes, &sent);
    }
    return res;
}

int hrp_batch_read_fields(struct hrp_batch *b, struct hrp_reader *r, const struct hrp_limits *lim, struct hr_error *err)
{
    uint32_t n_nodes = hrp_schema_n_nodes(b->schema), id = 0;
    const struct hrp_node *nodes = hrp_schema_nodes(b->schema);
    struct fields f = {b, r, hrp_arena_take(b->arena, n_nodes, sizeof *f.cols), lim, lim->decoded_bytes};
    int res;

    if (f.cols == NULL)
        res = hrp_arena_err(b->arena);
    else {
        memset(f.cols, 0, n_nodes * sizeof *f.cols);
        res = read_columns(&f, nodes, n_nodes, &id);
    }
    if (res != 0)
        return hr_error_set(err, res, "column \"%s\": %s", nodes[id].path, hr_strerror(res));
    b->columns = f.cols;
    return 0;
}
