#include "cursor.h"
#include "wire_check.h"
#include "alloc.h"
#include "errors.h"
#include <string.h>

/* ---- life ---- */

static enum step_form form_of(const struct hrp_node *node)
{
    if (node->unknown)
        return FORM_RAW;
    if (node->kind != HRP_NODE_LEAF)
        return FORM_MESSAGE;
    if (node->pb_type == 17 || node->pb_type == 18) /* sint32, sint64 */
        return FORM_ZIGZAG;
    switch (hrp_wire_of(node->pb_type)) {
    case HRP_WIRE_64:
        return FORM_64;
    case HRP_WIRE_32:
        return FORM_32;
    case HRP_WIRE_LEN:
    case HRP_WIRE_GROUP: /* one that stays closed */
        return FORM_BYTES;
    default:
        return FORM_VARINT;
    }
}

static enum step_shape shape_of(const struct hrp_column *col)
{
    const struct hrp_node *node = col->node;

    if (node->repeated)
        return STEP_REPEATED;
    if (node->oneof_member)
        return STEP_MEMBER;
    if (node->id == 0 || !(node->explicit_presence || node->kind == HRP_NODE_MESSAGE))
        return STEP_DENSE;
    return col->present != NULL ? STEP_OPTIONAL : STEP_ALL;
}

static const void *values_of(const struct hrp_column *col)
{
    switch (col->node->phys) {
    case HRP_PHYS_I64:
        return col->i64;
    case HRP_PHYS_U64:
        return col->u64;
    case HRP_PHYS_F64:
        return col->f64;
    case HRP_PHYS_F32:
        return col->f32;
    default:
        return NULL;
    }
}

static void set_tag(struct step *s, uint64_t tag)
{
    for (; tag >= 0x80; tag >>= 7)
        s->tag |= ((tag & 0x7f) | 0x80) << 8 * s->n_tag++;
    s->tag |= tag << 8 * s->n_tag++;
}

static void step_init(struct hrp_cursor *c, uint32_t id)
{
    const struct hrp_column *col = &c->batch->columns[id];
    const struct hrp_node *node = col->node;
    struct step *s = &c->steps[id];

    s->col = col;
    s->node = node;
    s->shape = (uint8_t)shape_of(col);
    s->form = (uint8_t)form_of(node);
    s->every = col->constant ? 0 : UINT32_MAX;
    s->present = col->present;
    s->in_slot = node->repeated ? col->lengths : node->oneof_member ? c->batch->columns[node->parent].cases : NULL;
    s->values = values_of(col);
    s->always = id != 0 && c->steps[node->parent].node->is_map;
    s->packed = node->packed;
    s->group = node->pb_type != 0 && hrp_wire_of(node->pb_type) == HRP_WIRE_GROUP;
    if (node->number != 0)
        set_tag(s, (uint64_t)node->number << 3 | (s->packed ? HRP_WIRE_LEN : (unsigned)hrp_wire_of(node->pb_type)));
}

/* A field that no row has needs no step at all; of a schema of 500 columns few are left. */
static bool is_there(const struct step *s)
{
    return s->shape == STEP_DENSE || s->col->n_values != 0;
}

/* The ids of a message's fields behind each other at kids; returns how many. */
static uint32_t kids_init(struct hrp_cursor *c, struct step *msg, uint32_t *kids)
{
    uint32_t n_fields, n = 0, unknown = msg->node->end - 1; /* always the last one below */
    const struct hrp_field *fields = hrp_schema_fields(c->batch->schema, msg->node, &n_fields);

    for (uint32_t i = 0; i < n_fields; i++) {
        if (is_there(&c->steps[fields[i].id]))
            kids[n++] = fields[i].id;
    }
    if (is_there(&c->steps[unknown]))
        kids[n++] = unknown;
    msg->kids = kids;
    msg->n_kids = n;
    return n;
}

static int steps_init(struct hrp_cursor *c)
{
    uint32_t n = hrp_schema_n_nodes(c->batch->schema), n_kids = 0;

    c->steps = hrp_calloc(n, sizeof *c->steps);
    c->kids = hrp_malloc(n * sizeof *c->kids);
    if (c->steps == NULL || c->kids == NULL)
        return HR_ENOMEM;
    c->n_steps = n;
    for (uint32_t id = 0; id < n; id++)
        step_init(c, id);
    for (uint32_t id = 0; id < n; id++) {
        if (c->steps[id].node->kind == HRP_NODE_MESSAGE)
            n_kids += kids_init(c, &c->steps[id], c->kids + n_kids);
    }
    return 0;
}

/* Stand on the segment of the current row. */
static void find_segment(struct hrp_cursor *c)
{
    const struct hrp_batch_head *h = &c->batch->head;

    while (c->segment < h->n_segments &&
           (h->segments[c->segment].kind != HRP_SEG_ROWS || c->in_segment == h->segments[c->segment].count)) {
        c->segment++;
        c->in_segment = 0;
    }
}

int hrp_cursor_new(const struct hrp_batch *b, struct hrp_cursor **ret)
{
    struct hrp_cursor *c = hrp_calloc(1, sizeof *c);
    int r = 0;

    if (c == NULL)
        return HR_ENOMEM;
    c->batch = b;
    if (b->columns != NULL)
        r = steps_init(c);
    if (r != 0) {
        hrp_cursor_free(c);
        return r;
    }
    find_segment(c);
    *ret = c;
    return 0;
}

void hrp_cursor_free(struct hrp_cursor *c)
{
    if (c == NULL)
        return;
    hrp_buf_fini(&c->keys);
    hrp_buf_fini(&c->seen);
    hrp_free(c->steps);
    hrp_free(c->kids);
    hrp_free(c);
}

/* ---- rows ---- */

int hrp_cursor_id(const struct hrp_cursor *c, struct hrp_row_id *ret)
{
    const struct hrp_batch *b = c->batch;
    const struct hrp_segment *s;

    if (c->row >= b->head.n_rows)
        return HR_ENOENT;
    s = &b->head.segments[c->segment];
    ret->row = c->row;
    ret->lane = s->lane;
    ret->n = s->first_n + c->in_segment;
    ret->event_time_ns = b->event_time_ns[c->row];
    ret->weight = b->weight != NULL ? b->weight[c->row] : 1;
    ret->flags = b->flags != NULL ? b->flags[c->row] : 0;
    return 0;
}

static void next_row(struct hrp_cursor *c)
{
    c->row++;
    c->in_segment++;
    find_segment(c);
}

int hrp_cursor_done(struct hrp_cursor *c, struct hrp_buf *out, size_t start)
{
    next_row(c);
    if (out->err == 0)
        return 0;
    out->n = start;
    return HR_ENOMEM;
}

static void skip_message(struct hrp_cursor *c, const struct step *msg, uint32_t i)
{
    for (uint32_t k = 0; k < msg->n_kids; k++) {
        struct step *s = &c->steps[msg->kids[k]];
        uint32_t at, n = step_take(s, i, &at);

        if (s->form != FORM_MESSAGE)
            continue;
        for (; n > 0; n--)
            skip_message(c, s, at++);
    }
}

int hrp_cursor_skip(struct hrp_cursor *c)
{
    if (c->row >= c->batch->head.n_rows)
        return HR_ENOENT;
    if (c->steps != NULL)
        skip_message(c, &c->steps[0], c->row);
    next_row(c);
    return 0;
}

/* ---- wire; hot, hence pointers, into room that was reserved as a whole ---- */

#define TAG_AND_NUMBER 16 /* at most 5 + 10 bytes; and a tag is written as a word of 8 */

static inline uint8_t *room(struct hrp_buf *out, size_t n)
{
    return n <= out->cap - out->n && out->err == 0 ? out->p + out->n : hrp_buf_reserve(out, n);
}

static inline uint8_t *write_tag(const struct step *s, uint8_t *p)
{
    memcpy(p, &s->tag, sizeof s->tag);
    return p + s->n_tag;
}

static inline uint8_t *write_end_tag(const struct step *s, uint8_t *p)
{
    uint64_t tag = s->tag + HRP_WIRE_GROUP_END - HRP_WIRE_GROUP; /* the wire type is the first byte's low bits */

    memcpy(p, &tag, sizeof tag);
    return p + s->n_tag;
}

static inline uint8_t *write_varint(uint8_t *p, uint64_t v)
{
    for (; v >= 0x80; v >>= 7)
        *p++ = (uint8_t)(v | 0x80);
    *p++ = (uint8_t)v;
    return p;
}

static inline uint64_t number_at(const struct step *s, uint32_t i)
{
    return s->node->phys == HRP_PHYS_F32 ? step_u32(s, i) : step_u64(s, i);
}

static inline uint8_t *write_number(const struct step *s, uint8_t *p, uint64_t v)
{
    switch (s->form) {
    case FORM_32:
        memcpy(p, &v, 4);
        return p + 4;
    case FORM_64:
        memcpy(p, &v, 8);
        return p + 8;
    case FORM_ZIGZAG:
        return write_varint(p, hrp_zigzag((int64_t)v));
    default:
        return write_varint(p, v);
    }
}

static void put_number(struct hrp_buf *out, const struct step *s, uint32_t i)
{
    uint64_t v = number_at(s, i);
    uint8_t *p;

    if (v == 0 && s->shape == STEP_DENSE && !s->always)
        return;
    p = room(out, TAG_AND_NUMBER);
    if (p != NULL)
        out->n = (size_t)(write_number(s, write_tag(s, p), v) - out->p);
}

static void put_string(struct hrp_buf *out, const struct step *s, uint32_t i)
{
    uint32_t n;
    const uint8_t *v = hrp_column_bytes(s->col, i, &n);
    uint8_t *p;

    if (n == 0 && s->shape == STEP_DENSE && !s->always)
        return;
    p = room(out, (size_t)n + 2 * TAG_AND_NUMBER);
    if (p == NULL)
        return;
    p = write_tag(s, p);
    if (s->form != FORM_RAW && !s->group)
        p = write_varint(p, n);
    memcpy(p, v, n);
    p += n;
    if (s->group)
        p = write_end_tag(s, p);
    out->n = (size_t)(p - out->p);
}

/* Tag, and one byte for a length that is known at the end; most are below 128, others are moved once. */
static size_t begin_length(struct hrp_buf *out, const struct step *s)
{
    uint8_t *p = room(out, TAG_AND_NUMBER);

    if (p != NULL)
        out->n = (size_t)(write_tag(s, p) + 1 - out->p);
    return out->n;
}

static void end_length(struct hrp_buf *out, size_t start)
{
    size_t n = out->n - start;
    uint8_t length[10];
    size_t more = (size_t)(write_varint(length, n) - length) - 1;

    if (out->err != 0 || room(out, more) == NULL)
        return;
    if (more != 0)
        memmove(out->p + start + more, out->p + start, n);
    memcpy(out->p + start - 1, length, more + 1);
    out->n += more;
}

static void put_packed(struct hrp_buf *out, const struct step *s, uint32_t at, uint32_t n)
{
    size_t start;

    if (n == 0)
        return;
    start = begin_length(out, s);
    for (; n > 0; n--, at++) {
        uint8_t *p = room(out, TAG_AND_NUMBER);

        if (p != NULL)
            out->n = (size_t)(write_number(s, p, number_at(s, at)) - out->p);
    }
    end_length(out, start);
}

static void put_fields(struct hrp_cursor *c, struct hrp_buf *out, const struct step *msg, uint32_t i);

static void put_group(struct hrp_cursor *c, struct hrp_buf *out, const struct step *s, uint32_t i)
{
    uint8_t *p = room(out, TAG_AND_NUMBER);

    if (p != NULL)
        out->n = (size_t)(write_tag(s, p) - out->p);
    put_fields(c, out, s, i);
    p = room(out, TAG_AND_NUMBER);
    if (p != NULL)
        out->n = (size_t)(write_end_tag(s, p) - out->p);
}

static void put_message(struct hrp_cursor *c, struct hrp_buf *out, const struct step *s, uint32_t i)
{
    size_t start;

    if (s->group) {
        put_group(c, out, s, i);
        return;
    }
    start = begin_length(out, s);
    put_fields(c, out, s, i);
    end_length(out, start);
}

static void put_value(struct hrp_cursor *c, struct hrp_buf *out, const struct step *s, uint32_t i)
{
    if (s->form == FORM_MESSAGE)
        put_message(c, out, s, i);
    else if (s->form >= FORM_BYTES)
        put_string(out, s, i);
    else
        put_number(out, s, i);
}

static void put_fields(struct hrp_cursor *c, struct hrp_buf *out, const struct step *msg, uint32_t i)
{
    for (uint32_t k = 0; k < msg->n_kids; k++) {
        struct step *s = &c->steps[msg->kids[k]];
        uint32_t at, n = step_take(s, i, &at);

        if (s->packed) {
            put_packed(out, s, at, n);
            continue;
        }
        for (; n > 0; n--)
            put_value(c, out, s, at++);
    }
}

int hrp_cursor_wire(struct hrp_cursor *c, struct hrp_buf *out)
{
    size_t start = out->n;

    if (c->row >= c->batch->head.n_rows)
        return HR_ENOENT;
    if (c->steps == NULL)
        return HR_ESCHEMA;
    put_fields(c, out, &c->steps[0], c->row);
    return hrp_cursor_done(c, out, start);
}
