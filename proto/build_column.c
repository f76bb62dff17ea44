/* Columns while rows come in: slots, values, and taking a row back. */
#include "build.h"
#include "wire_check.h"
#include "alloc.h"
#include <string.h>

#define TABLE_MOST 1024u /* field numbers found by an array; larger ones by the schema */
#define SLOT_WEIGHT 8u   /* bytes a decoded slot takes at most */

/* ---- setting up ---- */

static uint8_t value_bytes_of(enum hrp_phys phys)
{
    switch (phys) {
    case HRP_PHYS_NONE:
        return 0;
    case HRP_PHYS_F32:
    case HRP_PHYS_BYTES:
        return 4;
    default:
        return 8;
    }
}

static enum shape shape_of(const struct hrp_node *node)
{
    if (node->kind == HRP_NODE_ONEOF)
        return SHAPE_ONEOF;
    if (node->repeated)
        return SHAPE_REPEATED;
    if (node->oneof_member || node->id == 0)
        return SHAPE_DENSE;
    return node->explicit_presence || node->kind == HRP_NODE_MESSAGE ? SHAPE_OPTIONAL : SHAPE_DENSE;
}

/* Enter c into the table of its message, made large enough. */
static int enter(struct bcol *msg, struct bcol *c)
{
    uint32_t number = c->node->number, n = number + 1;
    struct bcol **table;

    if (number >= TABLE_MOST)
        return 0;
    if (n > msg->n_by_number) {
        table = hrp_realloc(msg->by_number, n * sizeof(*table));
        if (table == NULL)
            return HR_ENOMEM;
        memset(table + msg->n_by_number, 0, (n - msg->n_by_number) * sizeof(*table));
        msg->by_number = table;
        msg->n_by_number = n;
    }
    msg->by_number[number] = c;
    return 0;
}

/* What the SDK does to personal data; a hash is made by the collector, which has the key. */
static void personal_init(struct bcol *c)
{
    const struct hrp_field_options *o = c->node->options;

    if (o == NULL || (o->action != HRP_PERSONAL_DROP && o->action != HRP_PERSONAL_TRUNCATE))
        return;
    c->wire = WIRE_PERSONAL;
    c->may_pack = false;
    c->truncate_to = o->action == HRP_PERSONAL_TRUNCATE ? o->truncate_to : 0;
}

int hrp_bcol_init(struct hrp_builder *b, uint32_t id)
{
    const struct hrp_node *node = &hrp_schema_nodes(b->schema)[id];
    struct bcol *c = &b->cols[id], *parent = &b->cols[node->parent];

    c->node = node;
    c->shape = shape_of(node);
    c->pb_type = node->pb_type;
    c->wire = (uint8_t)hrp_wire_of(node->pb_type);
    c->value_bytes = value_bytes_of(node->phys);
    if (id == 0)
        return 0;
    c->may_pack = node->repeated && c->wire != HRP_WIRE_GROUP;
    personal_init(c);
    c->is_member = node->oneof_member;
    c->oneof = c->is_member ? parent : NULL;
    c->owner = c->is_member ? parent->owner : parent;
    if (node->unknown) {
        c->owner->unknown = c;
        return 0;
    }
    return node->kind == HRP_NODE_ONEOF ? 0 : enter(c->owner, c);
}

void hrp_bcol_fini(struct bcol *c)
{
    hrp_free(c->values);
    hrp_free(c->data);
    hrp_free(c->slots);
    hrp_free(c->by_number);
}

/* ---- memory ---- */

/* Make *p hold need bytes. Doubles, so that adding is cheap; the 8 more are what reading short strings as words needs. */
static int grow(uint8_t **p, size_t *cap, size_t need)
{
    size_t want = *cap < 128 ? 256 : *cap * 2;
    uint8_t *q;

    if (need + 8 <= *cap)
        return 0;
    if (want < need + 8)
        want = need + 8;
    q = hrp_realloc(*p, want);
    if (q == NULL)
        return HR_ENOMEM;
    *p = q;
    *cap = want;
    return 0;
}

static inline void set32(uint8_t *array, uint32_t i, uint32_t v)
{
    ((uint32_t *)(void *)array)[i] = v;
}

static inline uint32_t get32(const uint8_t *array, uint32_t i)
{
    return ((const uint32_t *)(const void *)array)[i];
}

/* ---- undo ---- */

void hrp_bcol_touch_first(struct hrp_builder *b, struct bcol *c)
{
    c->row = b->row;
    c->before = c->now;
    b->touched[b->n_touched++] = c;
    if (!c->used && c->owner != NULL) {
        c->owner->n_used++;
        b->weight += (uint64_t)SLOT_WEIGHT * c->owner->now.n_values;
    }
    c->used = true;
}

static void clear_bits_past(uint8_t *bits, uint32_t n)
{
    if (n % 8 != 0)
        bits[n / 8] &= (uint8_t)((1u << n % 8) - 1);
}

void hrp_bcol_take_back(struct hrp_builder *b)
{
    for (uint32_t i = 0; i < b->n_touched; i++) {
        struct bcol *c = b->touched[i];

        c->now = c->before;
        if (c->shape == SHAPE_OPTIONAL)
            clear_bits_past(c->slots, c->slots != NULL ? c->now.n_slots : 0);
        if (c->now.n_slots == 0 && c->now.n_values == 0) {
            c->used = false;
            if (c->owner != NULL)
                c->owner->n_used--;
        }
    }
    b->n_touched = 0;
}

void hrp_bcol_reset(struct bcol *c)
{
    memset(&c->now, 0, sizeof c->now);
    c->used = false;
    c->row = 0;
    c->n_used = 0;
}

/* ---- slots ---- */

static int fill_values(struct bcol *c, uint32_t n)
{
    if (n <= c->now.n_values || c->value_bytes == 0)
        return 0;
    if (grow(&c->values, &c->cap_values, (size_t)n * c->value_bytes) != 0)
        return HR_ENOMEM;
    memset(c->values + (size_t)c->now.n_values * c->value_bytes, 0, (size_t)(n - c->now.n_values) * c->value_bytes);
    c->now.n_values = n;
    return 0;
}

int hrp_bcol_fill(struct bcol *c, uint32_t n_slots)
{
    uint32_t have = c->now.n_slots;

    if (c->shape == SHAPE_DENSE)
        return fill_values(c, n_slots);
    if (n_slots <= have)
        return 0;
    if (c->shape == SHAPE_OPTIONAL) {
        size_t from = (have + 7u) / 8, to = (n_slots + 7u) / 8;

        if (grow(&c->slots, &c->cap_slots, to) != 0)
            return HR_ENOMEM;
        memset(c->slots + from, 0, to - from);
    } else {
        if (grow(&c->slots, &c->cap_slots, (size_t)n_slots * 4) != 0)
            return HR_ENOMEM;
        memset(c->slots + (size_t)have * 4, 0, (size_t)(n_slots - have) * 4);
    }
    c->now.n_slots = n_slots;
    return 0;
}

/* ---- a oneof that changes its mind within one row: what the earlier member held goes away ---- */

static void cut_slot(struct hrp_builder *b, struct bcol *c, uint32_t slot);

static void cut_value(struct hrp_builder *b, struct bcol *c)
{
    uint32_t last = c->now.n_values - 1;

    if (c->node->kind == HRP_NODE_MESSAGE) {
        for (uint32_t id = c->node->id + 1; id < c->node->end; id++) {
            if (b->cols[id].owner == c && !b->cols[id].is_member)
                cut_slot(b, &b->cols[id], last);
        }
    } else if (c->node->phys == HRP_PHYS_BYTES) {
        c->now.n_data -= get32(c->values, last);
    }
    c->now.n_values = last;
}

/* Columns in the subtree were touched by this row, as they hold something of it; so the undo sizes are set. */
static void cut_slot(struct hrp_builder *b, struct bcol *c, uint32_t slot)
{
    uint32_t n;

    if (c->shape == SHAPE_DENSE) {
        if (c->now.n_values > slot)
            cut_value(b, c);
        return;
    }
    if (c->now.n_slots <= slot)
        return;
    if (c->shape == SHAPE_OPTIONAL) {
        if ((c->slots[slot / 8] >> slot % 8 & 1) != 0)
            cut_value(b, c);
        clear_bits_past(c->slots, slot);
        if (slot % 8 == 0)
            c->slots[slot / 8] = 0;
    } else if (c->shape == SHAPE_REPEATED) {
        for (n = get32(c->slots, slot); n > 0; n--)
            cut_value(b, c);
    } else if (get32(c->slots, slot) != 0) {
        struct bcol *member = &b->cols[hrp_schema_field(b->schema, c->owner->node, get32(c->slots, slot))->id];

        cut_value(b, member);
        member->now.n_slots--;
    }
    c->now.n_slots = slot;
}

/* ---- values ---- */

/* Open the newest slot for a value. 1: there is one already, which is to be replaced or added to; 0: append. */
static int open_member(struct hrp_builder *b, struct bcol *c)
{
    struct bcol *oneof = c->oneof;
    uint32_t slot = c->owner->now.n_values - 1, chosen;

    hrp_bcol_touch(b, oneof);
    chosen = oneof->now.n_slots > slot ? get32(oneof->slots, slot) : 0;
    if (chosen == c->node->number)
        return 1;
    if (chosen != 0)
        cut_slot(b, oneof, slot);
    if (hrp_bcol_fill(oneof, slot + 1) != 0)
        return HR_ENOMEM;
    set32(oneof->slots, slot, c->node->number);
    c->now.n_slots++;
    return 0;
}

static int open_slot(struct hrp_builder *b, struct bcol *c)
{
    uint32_t slot = c->owner->now.n_values - 1;

    hrp_bcol_touch(b, c);
    if (c->is_member)
        return open_member(b, c);
    if (c->shape == SHAPE_DENSE)
        return c->now.n_values > slot ? 1 : fill_values(c, slot);
    if (c->shape == SHAPE_OPTIONAL && c->now.n_slots > slot)
        return 1;
    if (hrp_bcol_fill(c, slot + 1) != 0)
        return HR_ENOMEM;
    if (c->shape == SHAPE_OPTIONAL) {
        c->slots[slot / 8] |= (uint8_t)(1u << slot % 8);
    } else {
        set32(c->slots, slot, get32(c->slots, slot) + 1);
        b->weight += SLOT_WEIGHT;
    }
    return 0;
}

int hrp_bcol_add_number(struct hrp_builder *b, struct bcol *c, uint64_t bits)
{
    int r = open_slot(b, c);
    uint32_t i;

    if (r < 0 || grow(&c->values, &c->cap_values, ((size_t)c->now.n_values + 1) * c->value_bytes) != 0)
        return HR_ENOMEM;
    i = r == 1 ? c->now.n_values - 1 : c->now.n_values++;
    if (c->value_bytes == 8)
        ((uint64_t *)(void *)c->values)[i] = bits;
    else
        set32(c->values, i, (uint32_t)bits);
    return 0;
}

static int append(struct bcol *c, uint32_t i, uint32_t held, const uint8_t *p, size_t n)
{
    if (grow(&c->data, &c->cap_data, c->now.n_data + n) != 0 ||
        grow(&c->values, &c->cap_values, ((size_t)i + 1) * 4) != 0)
        return HR_ENOMEM;
    if (n != 0)
        memcpy(c->data + c->now.n_data, p, n);
    c->now.n_data += n;
    set32(c->values, i, held + (uint32_t)n);
    c->now.n_values = i + 1;
    return 0;
}

int hrp_bcol_add_string(struct hrp_builder *b, struct bcol *c, const uint8_t *p, size_t n)
{
    int r = open_slot(b, c);

    if (r < 0)
        return HR_ENOMEM;
    if (r == 1)
        cut_value(b, c);
    return append(c, c->now.n_values, 0, p, n);
}

int hrp_bcol_add_bytes_on(struct hrp_builder *b, struct bcol *c, const uint8_t *p, size_t n)
{
    int r = open_slot(b, c);
    uint32_t last;

    if (r < 0)
        return HR_ENOMEM;
    if (r == 0)
        return append(c, c->now.n_values, 0, p, n);
    last = c->now.n_values - 1;
    return append(c, last, get32(c->values, last), p, n);
}

int hrp_bcol_add_instance(struct hrp_builder *b, struct bcol *c)
{
    int r = open_slot(b, c);

    if (r < 0)
        return HR_ENOMEM;
    if (r == 1)
        return 0;
    c->now.n_values++;
    b->weight += (uint64_t)SLOT_WEIGHT * c->n_used + (c->node->end - c->node->id); /* readers count all fields of an instance */
    return 0;
}
