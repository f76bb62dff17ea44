/* A committed batch into a profile: its columns as they are, or, where resends were trimmed, the selected rows' part of
 * each column as a column of its own. Selections are rare, so that way may copy. */
#include "profile.h"
#include "alloc.h"
#include <string.h>

/* For each node, which of its instances (message: those present, or elements; oneof: its slots) belong to selected rows. */
struct selection {
    uint8_t **keep; /* [n_nodes]; NULL for leaves */
    uint32_t n_nodes;
};

struct part { /* a column of the selected rows only */
    struct hrp_column column;
    void *values;          /* owned; i64, u64, f64, f32 or codes */
    uint64_t slots, present;
};

static bool is_present(const struct hrp_column *c, uint32_t slot)
{
    if (c->present == NULL)
        return c->n_values != 0;
    return (c->present[slot / 8] >> (slot % 8) & 1) != 0;
}

static uint64_t lists_with_elements(const struct hrp_column *c)
{
    uint64_t n = 0;

    for (uint32_t i = 0; c->lengths != NULL && i < c->n_slots; i++)
        n += c->lengths[i] != 0;
    return n;
}

/* Places of a oneof's member are all the oneof's, though its column has a slot only where it is the case. */
static void count_places(const struct hrp_batch *b, const struct hrp_column *c, struct hrd_field_delta *d)
{
    d->slots = c->node->oneof_member ? b->columns[c->node->parent].n_slots : c->n_slots;
    d->present = c->node->repeated ? lists_with_elements(c) : c->n_values;
}

static bool profiled(const struct hrp_column *c)
{
    const struct hrp_node *node = c->node;

    if (node->id == 0 || node->kind == HRP_NODE_ONEOF)
        return false;
    return !node->unknown || c->n_values != 0;
}

static bool has_values(const struct hrp_node *node) { return node->kind == HRP_NODE_LEAF && !node->unknown; }

static int count_all(const struct hrp_batch *b, uint32_t id, struct hrd_field_profile *f, struct hrd_field_delta *ret)
{
    const struct hrp_column *c = &b->columns[id];

    if (!profiled(c))
        return 0;
    count_places(b, c, ret);
    return has_values(c->node) ? hrd_column_count(c, &f->distinct, ret) : 0;
}

/* Which slots of column id belong to selected rows; `buf` is for a oneof's member, whose slots are some of the oneof's. */
static int slots_kept(const struct hrp_batch *b, const struct selection *sel, uint32_t id, uint8_t **buf, const uint8_t **ret)
{
    const struct hrp_column *c = &b->columns[id], *parent = &b->columns[c->node->parent];
    uint32_t at = 0;

    *ret = sel->keep[c->node->parent];
    if (!c->node->oneof_member)
        return 0;
    *buf = hrp_malloc(c->n_slots);
    if (*buf == NULL)
        return HR_ENOMEM;
    for (uint32_t i = 0; parent->cases != NULL && i < parent->n_slots && at < c->n_slots; i++)
        if (parent->cases[i] == c->node->number)
            (*buf)[at++] = (*ret)[i];
    memset(*buf + at, 0, c->n_slots - at);
    *ret = *buf;
    return 0;
}

/* Which values (or instances, or elements) belong to selected rows; counts the places on the way. */
static void values_kept(const struct hrp_column *c, const uint8_t *slots, uint8_t *ret_keep, struct part *part)
{
    uint32_t value = 0;

    for (uint32_t i = 0; i < c->n_slots; i++) {
        uint32_t n = c->node->repeated ? (c->lengths != NULL ? c->lengths[i] : 0) : is_present(c, i);

        part->slots += slots[i];
        part->present += slots[i] && n != 0;
        for (uint32_t k = 0; k < n && value < c->n_values; k++)
            ret_keep[value++] = slots[i];
    }
}

static size_t value_size(const struct hrp_column *c)
{
    return c->node->phys == HRP_PHYS_BYTES ? sizeof *c->codes : c->node->phys == HRP_PHYS_F32 ? sizeof *c->f32 : sizeof *c->i64;
}

static void copy_value(const struct hrp_column *c, uint32_t from, uint32_t to, void *values)
{
    switch (c->node->phys) {
    case HRP_PHYS_I64:
        ((int64_t *)values)[to] = c->i64[from];
        break;
    case HRP_PHYS_U64:
        ((uint64_t *)values)[to] = c->u64[from];
        break;
    case HRP_PHYS_F64:
        ((double *)values)[to] = c->f64[from];
        break;
    case HRP_PHYS_F32:
        ((float *)values)[to] = c->f32[from];
        break;
    default:
        ((uint32_t *)values)[to] = c->codes != NULL ? c->codes[from] : from; /* plain texts become a dictionary */
    }
}

static int cut_values(const struct hrp_column *c, const uint8_t *keep, struct part *part)
{
    uint32_t n = 0;

    part->column = *c;
    if (!c->constant && c->n_values != 0) {
        part->values = hrp_malloc(c->n_values * value_size(c));
        if (part->values == NULL)
            return HR_ENOMEM;
    }
    for (uint32_t i = 0; i < c->n_values; i++) {
        if (!keep[i])
            continue;
        if (!c->constant)
            copy_value(c, i, n, part->values);
        n++;
    }
    part->column.n_values = n;
    if (c->constant || c->n_values == 0)
        return 0;
    part->column.i64 = part->values;
    part->column.u64 = part->values;
    part->column.f64 = c->node->phys == HRP_PHYS_F64 ? part->values : NULL;
    part->column.f32 = part->values;
    part->column.codes = part->values;
    return 0;
}

static int cut_leaf(const struct hrp_column *c, const uint8_t *keep, const struct part *places, struct hrd_field_profile *f,
                    struct hrd_field_delta *ret)
{
    struct part part = *places;
    int r = 0;

    ret->slots = part.slots;
    ret->present = part.present;
    if (has_values(c->node)) {
        r = cut_values(c, keep, &part);
        if (r == 0)
            r = hrd_column_count(&part.column, &f->distinct, ret);
        hrp_free(part.values);
    }
    return r;
}

static uint64_t ones(const uint8_t *keep, uint32_t n)
{
    uint64_t sum = 0;

    for (uint32_t i = 0; i < n; i++)
        sum += keep[i];
    return sum;
}

static int count_selected(const struct hrp_batch *b, struct selection *sel, uint32_t id, struct hrd_field_profile *f,
                          struct hrd_field_delta *ret)
{
    const struct hrp_column *c = &b->columns[id];
    uint32_t n = c->node->kind == HRP_NODE_ONEOF ? c->n_slots : c->n_values;
    uint8_t *member = NULL, *keep = hrp_malloc(n);
    struct part part = {.slots = 0};
    const uint8_t *slots = NULL;
    int r = keep == NULL ? HR_ENOMEM : slots_kept(b, sel, id, &member, &slots);

    if (r == 0 && c->node->kind == HRP_NODE_ONEOF)
        memcpy(keep, slots, n);
    else if (r == 0)
        values_kept(c, slots, keep, &part);
    if (r == 0 && c->node->oneof_member)
        part.slots = ones(sel->keep[c->node->parent], b->columns[c->node->parent].n_slots);
    if (r == 0 && profiled(c))
        r = cut_leaf(c, keep, &part, f, ret);
    hrp_free(member);
    if (r == 0 && c->node->kind != HRP_NODE_LEAF)
        sel->keep[id] = keep;
    else
        hrp_free(keep);
    return r;
}

static int selection_open(const struct hrd_block_head *head, const struct hrp_batch *b, uint32_t n_nodes, struct selection *ret)
{
    uint32_t n_rows = b->head.n_rows;

    ret->n_nodes = n_nodes;
    ret->keep = hrp_calloc(n_nodes, sizeof *ret->keep);
    if (ret->keep == NULL || (ret->keep[0] = hrp_calloc(n_rows, 1)) == NULL)
        return HR_ENOMEM;
    for (uint32_t i = 0; i < head->n_selection; i++)
        for (uint64_t row = head->selection[i].from; row < head->selection[i].to && row < n_rows; row++)
            ret->keep[0][row] = 1;
    return 0;
}

static void selection_close(struct selection *sel)
{
    for (uint32_t i = 0; sel->keep != NULL && i < sel->n_nodes; i++)
        hrp_free(sel->keep[i]);
    hrp_free(sel->keep);
}

static int count_columns(struct hrd_profile *prof, const struct hrd_block_head *head, const struct hrp_batch *b,
                         uint32_t n_nodes, struct hrd_field_delta *deltas)
{
    struct selection sel = {NULL, 0};
    int r = head->n_selection != 0 ? selection_open(head, b, n_nodes, &sel) : 0;

    for (uint32_t id = 1; r == 0 && id < n_nodes; id++) {
        if (sel.keep != NULL)
            r = count_selected(b, &sel, id, &prof->fields[id], &deltas[id]);
        else
            r = count_all(b, id, &prof->fields[id], &deltas[id]);
    }
    selection_close(&sel);
    return r;
}

int hrd_profile_add(struct hrd_profile *prof, const struct hrd_block_head *head, const struct hrp_batch *batch)
{
    uint64_t from = head->first_offset, to = from + head->n_rows;
    uint32_t n_nodes = batch->columns != NULL ? hrp_schema_n_nodes(batch->schema) : 0;
    struct hrd_field_delta *deltas;
    int r;

    if (hrd_ranges_meets(&prof->offsets, from, to))
        return HR_EINVAL;
    deltas = hrp_calloc(n_nodes, sizeof *deltas);
    r = deltas == NULL ? HR_ENOMEM : hrd_profile_reserve(prof, n_nodes);
    if (r == 0)
        r = count_columns(prof, head, batch, n_nodes, deltas);
    if (r == 0)
        r = hrd_ranges_add(&prof->offsets, from, to);
    for (uint32_t id = 1; r == 0 && id < n_nodes; id++)
        hrd_field_apply(&prof->fields[id], &deltas[id]);
    if (r == 0)
        hrd_profile_apply_rows(prof, head->n_rows, head->min_event_time_ns, head->max_event_time_ns);
    hrp_free(deltas);
    return r;
}
