/* The rows in a builder seen as an open batch, without sealing and decoding them: columns point into the builder's own arrays.
 * Only strings need something new: a reader has offsets where the builder keeps lengths. */
#include "batch_fields.h"
#include "build.h"
#include "alloc.h"
#include <string.h>

struct hrp_view {
    struct hrp_batch batch;
    struct hrp_buf offsets; /* uint32_t[], of all columns of strings */
    struct hrp_column cols[];
};

void hrp_view_free(struct hrp_view *view)
{
    if (view != NULL)
        hrp_buf_fini(&view->offsets);
    hrp_free(view);
}

static uint32_t n_slots_of(const struct hrp_builder *b, const struct hrp_column *cols, const struct bcol *c)
{
    if (c->node->id == 0)
        return b->n_rows;
    return c->is_member ? c->now.n_slots : cols[c->node->parent].n_values;
}

static void set_slots(const struct bcol *c, struct hrp_column *col)
{
    if (c->shape == SHAPE_ONEOF)
        col->cases = (const uint32_t *)(const void *)c->slots;
    else if (c->shape == SHAPE_REPEATED)
        col->lengths = (const uint32_t *)(const void *)c->slots;
    else if (c->shape == SHAPE_OPTIONAL && c->now.n_values != col->n_slots)
        col->present = c->slots;
    col->n_values = c->shape == SHAPE_ONEOF ? col->n_slots : c->now.n_values;
}

static void set_values(const struct bcol *c, struct hrp_column *col)
{
    const void *v = c->values;

    switch (c->node->phys) {
    case HRP_PHYS_I64:
        col->i64 = v;
        break;
    case HRP_PHYS_U64:
        col->u64 = v;
        break;
    case HRP_PHYS_F64:
        col->f64 = v;
        break;
    case HRP_PHYS_F32:
        col->f32 = v;
        break;
    case HRP_PHYS_BYTES:
        col->data = c->data != NULL ? c->data : (const uint8_t *)"";
        col->n_dict = col->n_values;
        break;
    case HRP_PHYS_NONE:
        break;
    }
}

static int set_column(struct hrp_builder *b, struct hrp_view *view, struct bcol *c, uint64_t *n_offsets)
{
    struct hrp_column *col = &view->cols[c->node->id];
    bool nothing = !c->used || (c->shape != SHAPE_DENSE && c->shape != SHAPE_ONEOF && c->now.n_values == 0);

    memset(col, 0, sizeof *col);
    col->node = c->node;
    col->n_slots = n_slots_of(b, view->cols, c);
    if (nothing && c->node->id != 0) {
        hrp_column_not_sent(col);
        return 0;
    }
    if (c->node->id != 0 && hrp_bcol_fill(c, col->n_slots) != 0)
        return HR_ENOMEM;
    set_slots(c, col);
    if (c->node->kind == HRP_NODE_MESSAGE && c->shape == SHAPE_DENSE)
        col->n_values = col->n_slots;
    set_values(c, col);
    if (c->node->phys == HRP_PHYS_BYTES)
        *n_offsets += (uint64_t)col->n_values + 1;
    return 0;
}

static uint32_t *put_offsets(const struct bcol *c, struct hrp_column *col, uint32_t *to)
{
    const uint32_t *lengths = (const uint32_t *)(const void *)c->values;
    uint32_t at = 0;

    col->offsets = to;
    for (uint32_t i = 0; i < col->n_values; i++) {
        *to++ = at;
        at += lengths[i];
    }
    *to++ = at;
    return to;
}

int hrp_builder_view(struct hrp_builder *b, const struct hrp_batch **ret)
{
    struct hrp_view *view = b->view;
    uint64_t n_offsets = 0;
    uint32_t *to;
    int r = 0;

    if (view == NULL)
        view = b->view = hrp_calloc(1, sizeof *view + b->n_cols * sizeof *view->cols);
    if (view == NULL)
        return HR_ENOMEM;
    for (uint32_t id = 0; r == 0 && id < b->n_cols; id++)
        r = set_column(b, view, &b->cols[id], &n_offsets);
    hrp_buf_clear(&view->offsets);
    to = r == 0 ? (uint32_t *)(void *)hrp_buf_reserve(&view->offsets, n_offsets * sizeof *to + 1) : NULL;
    if (to == NULL)
        return HR_ENOMEM;
    for (uint32_t id = 0; id < b->n_cols; id++)
        if (b->cols[id].node->phys == HRP_PHYS_BYTES && view->cols[id].offsets == NULL && view->cols[id].data != NULL)
            to = put_offsets(&b->cols[id], &view->cols[id], to);
    view->batch = (struct hrp_batch){.head = {.n_rows = b->n_rows}, .schema = b->schema, .event_time_ns = (const int64_t *)(const void *)b->times.p,
                                     .flags = b->has_flags ? (const uint32_t *)(const void *)b->flags.p : NULL, .columns = view->cols};
    *ret = &view->batch;
    return 0;
}

int hrp_builder_mark(struct hrp_builder *b, uint32_t row, uint32_t flags)
{
    uint32_t *all = (uint32_t *)(void *)b->flags.p;

    if (row >= b->n_rows)
        return HR_EINVAL;
    all[row] |= flags;
    b->has_flags |= flags != 0;
    return 0;
}
