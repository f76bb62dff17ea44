/* One run of a program over a batch: each check looks at its column; what fails is led back to its row.
 *
 * A value knows its place in its column only. Its slot follows from the bitmap, the lengths or the cases before it, and the slot
 * is an instance of the message around it, and so on up to the row. Those maps are made when a column first fails, so that
 * a clean batch pays for none. */
#include "rules_impl.h"
#include "alloc.h"
#include <stdlib.h>
#include <string.h>

#define SCRATCH_BYTES (UINT64_C(256) << 20)
#define TEXTS_BYTES (UINT64_C(32) << 20) /* of subscripts; beyond it violations are told without them */

static void fail_with(struct checking *k, int r)
{
    if (k->res == 0)
        k->res = r;
}

/* ---- from a value up to its row ---- */

static const struct hrp_node *owner_of(const struct checking *k, const struct hrp_node *node)
{
    const struct hrp_node *parent = k->cols[node->parent].node;

    return parent->kind == HRP_NODE_ONEOF ? k->cols[parent->parent].node : parent;
}

static uint32_t value_slots(const struct hrp_column *c, const struct hrp_column *oneof, uint32_t number, uint32_t *map)
{
    uint32_t n = 0;

    if (oneof != NULL) {
        for (uint32_t s = 0; s < oneof->n_slots && n < c->n_values; s++)
            if (oneof->cases[s] == number)
                map[n++] = s;
    } else if (c->lengths != NULL) {
        for (uint32_t s = 0; s < c->n_slots; s++)
            for (uint32_t i = 0; i < c->lengths[s] && n < c->n_values; i++)
                map[n++] = s;
    } else {
        for (uint32_t s = 0; s < c->n_slots && n < c->n_values; s++)
            if ((c->present[s / 8] >> s % 8 & 1) != 0)
                map[n++] = s;
    }
    return n;
}

/* NULL: slots are values, one each. */
static const uint32_t *slots_of(struct checking *k, const struct hrp_node *node)
{
    const struct hrp_column *c = &k->cols[node->id], *oneof = node->oneof_member ? &k->cols[node->parent] : NULL;
    uint32_t *map = k->slot_of[node->id];

    if (map != NULL || (oneof == NULL && c->lengths == NULL && c->present == NULL))
        return map;
    map = hrp_arena_take(k->scratch, (uint64_t)c->n_values + 1, sizeof *map);
    if (map == NULL) {
        fail_with(k, hrp_arena_err(k->scratch));
        return NULL;
    }
    value_slots(c, oneof, node->number, map);
    k->slot_of[node->id] = map;
    return map;
}

static uint32_t slot_of(struct checking *k, const struct hrp_node *node, uint32_t value)
{
    const uint32_t *map = slots_of(k, node);

    return map != NULL ? map[value] : value;
}

static uint32_t index_in_list(struct checking *k, const struct hrp_node *node, uint32_t value)
{
    const uint32_t *map = slots_of(k, node);
    uint32_t first = value;

    while (map != NULL && first != 0 && map[first - 1] == map[value])
        first--;
    return value - first;
}

/* ---- subscripts ---- */

static void map_key(struct checking *k, const struct hrp_node *map, uint32_t entry, struct hrp_subscript *ret)
{
    const struct hrp_node *key = hrp_schema_field(k->program->schema, map, 1);
    const struct hrp_column *c = &k->cols[key->id];
    uint32_t i = c->constant ? 0 : entry;

    *ret = (struct hrp_subscript){.kind = HRP_SUB_STRING};
    if (key->phys == HRP_PHYS_BYTES) {
        ret->p = hrp_column_bytes(c, entry, &ret->n);
        return;
    }
    ret->number = key->phys == HRP_PHYS_U64 ? c->u64[i] : (uint64_t)c->i64[i];
    ret->kind = key->pb_type == 8 ? HRP_SUB_BOOL : key->phys == HRP_PHYS_U64 ? HRP_SUB_UINT : HRP_SUB_INT;
}

static void subscript(struct checking *k, const struct hrp_node *node, uint32_t value, struct hrp_subscript *ret)
{
    if (node->is_map)
        map_key(k, node, value, ret);
    else
        *ret = (struct hrp_subscript){.kind = HRP_SUB_INDEX, .number = index_in_list(k, node, value)};
}

/* From an instance of `node` up; subs (NULL: not wanted) are filled from the end, [*at .. n). Returns the row. */
static uint32_t climb(struct checking *k, const struct hrp_node *node, uint32_t value, struct hrp_subscript *subs, uint32_t *at)
{
    while (node->id != 0 && k->res == 0) {
        if (node->repeated && subs != NULL && *at != 0)
            subscript(k, node, value, &subs[--*at]);
        value = slot_of(k, node, value);
        node = owner_of(k, node);
    }
    return value;
}

/* ---- keeping ---- */

static bool room(struct hrp_violations *list)
{
    uint32_t cap = list->cap != 0 ? 2 * list->cap : 16;
    struct hrp_violation *v;

    if (list->n < list->cap)
        return true;
    v = hrp_realloc(list->v, cap * sizeof *v);
    if (v == NULL)
        return false;
    list->v = v;
    list->cap = cap;
    return true;
}

static void *text_room(struct checking *k, uint64_t n, size_t size)
{
    if (k->ret->arena == NULL)
        k->ret->arena = hrp_arena_new(TEXTS_BYTES);
    return k->ret->arena != NULL ? hrp_arena_take(k->ret->arena, n, size) : NULL;
}

/* Of their own, since keys may lie in a builder that is emptied next. Without room there are none. */
static const struct hrp_subscript *keep_subs(struct checking *k, const struct hrp_subscript *subs, uint32_t *n)
{
    struct hrp_subscript *own = *n != 0 ? text_room(k, *n, sizeof *own) : NULL;

    for (uint32_t i = 0; own != NULL && i < *n; i++) {
        uint8_t *p = subs[i].kind == HRP_SUB_STRING ? text_room(k, (uint64_t)subs[i].n + 1, 1) : NULL;

        own[i] = subs[i];
        if (p != NULL && subs[i].n != 0)
            memcpy(p, subs[i].p, subs[i].n);
        own[i].p = p;
        own[i].n = p != NULL ? subs[i].n : 0;
    }
    if (own == NULL)
        *n = 0;
    return own;
}

static bool wanted(struct checking *k, uint32_t row)
{
    if (k->res != 0)
        return false;
    if (k->found[row] >= k->most) {
        k->ret->left_out++;
        return false;
    }
    if (!room(k->ret)) {
        fail_with(k, HR_ENOMEM);
        return false;
    }
    k->found[row]++;
    return true;
}

#define MAX_SUBS (RULES_MAX_DEPTH + 28u) /* one for each message on the way, and for the list at its end */

static void keep(struct checking *k, const struct hrp_site *site, const struct hrp_node *node, uint32_t value)
{
    struct hrp_subscript subs[MAX_SUBS];
    uint32_t at = MAX_SUBS, n, row = climb(k, node, value, NULL, NULL);

    if (!wanted(k, row))
        return;
    climb(k, node, value, subs, &at);
    n = MAX_SUBS - at;
    k->ret->v[k->ret->n] = (struct hrp_violation){.row = row, .site = site, .subs = keep_subs(k, subs + at, &n)};
    k->ret->v[k->ret->n++].n_subs = n;
}

void hrp_check_fail(struct checking *k, const struct rule_check *ck, uint32_t value) { keep(k, &ck->site, k->cols[ck->node].node, value); }

void hrp_check_fail_slot(struct checking *k, const struct rule_check *ck, uint32_t slot)
{
    const struct hrp_node *node = k->cols[ck->node].node;

    if (ck->kind != CHECK_MESSAGE_ONEOF)
        node = owner_of(k, node);
    keep(k, &ck->site, node, slot);
}

/* ---- presence ---- */

static bool is_zero(const struct hrp_column *c, uint32_t i)
{
    uint32_t n;

    if (c->node->phys == HRP_PHYS_BYTES) {
        hrp_column_bytes(c, i, &n);
        return n == 0;
    }
    if (c->constant)
        i = 0;
    if (c->node->phys == HRP_PHYS_F32) { /* by its bits: minus zero is set */
        uint32_t bits;

        memcpy(&bits, &c->f32[i], sizeof bits);
        return bits == 0;
    }
    if (c->node->phys == HRP_PHYS_F64) {
        uint64_t bits;

        memcpy(&bits, &c->f64[i], sizeof bits);
        return bits == 0;
    }
    return (c->node->phys == HRP_PHYS_U64 ? c->u64[i] : (uint64_t)c->i64[i]) == 0;
}

bool hrp_check_is_set(const struct checking *k, const struct hrp_node *node, uint32_t slot)
{
    const struct hrp_column *c = &k->cols[node->id];

    if (node->oneof_member)
        return k->cols[node->parent].cases != NULL && k->cols[node->parent].cases[slot] == node->number;
    if (node->repeated)
        return c->lengths != NULL && c->lengths[slot] != 0;
    if (node->explicit_presence || node->kind == HRP_NODE_MESSAGE)
        return c->present != NULL ? (c->present[slot / 8] >> slot % 8 & 1) != 0 : c->n_values != 0;
    return !is_zero(c, slot);
}

static uint32_t owner_slots(const struct checking *k, const struct hrp_node *node)
{
    const struct hrp_node *owner = owner_of(k, node);

    return owner->id == 0 ? k->batch->head.n_rows : k->cols[owner->id].n_values;
}

static void check_required(struct checking *k, const struct rule_check *ck)
{
    const struct hrp_column *c = &k->cols[ck->node];
    uint32_t n = owner_slots(k, c->node);

    if (!c->node->oneof_member && !c->node->repeated && c->node->explicit_presence && c->present == NULL && c->n_values == n)
        return;
    for (uint32_t s = 0; s < n && k->res == 0; s++)
        if (!hrp_check_is_set(k, c->node, s))
            hrp_check_fail_slot(k, ck, s);
}

static void check_oneof(struct checking *k, const struct rule_check *ck)
{
    const struct hrp_column *c = &k->cols[ck->node];
    uint32_t n = owner_slots(k, c->node);

    for (uint32_t s = 0; s < n && k->res == 0; s++)
        if (c->cases == NULL || c->cases[s] == 0)
            hrp_check_fail_slot(k, ck, s);
}

static void check_message_oneof(struct checking *k, const struct rule_check *ck)
{
    uint32_t n = ck->node == 0 ? k->batch->head.n_rows : k->cols[ck->node].n_values;

    for (uint32_t s = 0; s < n && k->res == 0; s++) {
        uint32_t set = 0;

        for (uint32_t i = 0; i < ck->n_list; i++)
            set += hrp_check_is_set(k, k->cols[ck->fields[i]].node, s);
        if (ck->required ? set == 0 : set > 1)
            hrp_check_fail_slot(k, ck, s);
    }
}

static void check_size(struct checking *k, const struct rule_check *ck)
{
    const struct hrp_column *c = &k->cols[ck->node];
    uint32_t n = owner_slots(k, c->node);

    for (uint32_t s = 0; s < n && k->res == 0; s++) {
        uint32_t size = c->lengths != NULL ? c->lengths[s] : 0;

        if ((size != 0 || !ck->skip_zero) && (size < ck->lo.u || size > ck->hi.u))
            hrp_check_fail_slot(k, ck, s);
    }
}

static void check_unknown(struct checking *k, const struct rule_check *ck)
{
    for (uint32_t i = 0; i < k->cols[ck->node].n_values && k->res == 0; i++)
        hrp_check_fail(k, ck, i);
}

/* ---- the run ---- */

static void run_check(struct checking *k, const struct rule_check *ck)
{
    static void (*const checks[])(struct checking *, const struct rule_check *) = {
        [CHECK_REQUIRED] = check_required, [CHECK_ONEOF] = check_oneof, [CHECK_MESSAGE_ONEOF] = check_message_oneof, [CHECK_SIZE] = check_size,
        [CHECK_UNIQUE] = hrp_check_unique, [CHECK_NUMBER] = hrp_check_numbers, [CHECK_BYTES] = hrp_check_bytes, [CHECK_TIME] = hrp_check_times,
        [CHECK_MASK] = hrp_check_masks, [CHECK_UNKNOWN] = check_unknown, [CHECK_CHILD] = hrp_check_children,
    };

    checks[ck->kind](k, ck);
}

/* By row; of one row in the order they were found. */
static int by_row(const void *a, const void *b, void *list)
{
    const struct hrp_violation *v = list;
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

    if (v[x].row != v[y].row)
        return v[x].row < v[y].row ? -1 : 1;
    return (x > y) - (x < y);
}

static int sort(struct hrp_violations *list)
{
    uint32_t *order;
    struct hrp_violation *v;

    if (list->n < 2)
        return 0;
    order = hrp_malloc(list->n * sizeof *order);
    v = hrp_malloc(list->n * sizeof *v);
    if (order == NULL || v == NULL) {
        hrp_free(order);
        hrp_free(v);
        return HR_ENOMEM;
    }
    for (uint32_t i = 0; i < list->n; i++)
        order[i] = i;
    qsort_r(order, list->n, sizeof *order, by_row, list->v);
    for (uint32_t i = 0; i < list->n; i++)
        v[i] = list->v[order[i]];
    hrp_free(order);
    hrp_free(list->v);
    list->v = v;
    list->cap = list->n;
    return 0;
}

int hrp_check_run(const struct hrp_rules *rules, uint32_t program, const struct hrp_batch *batch, uint32_t most, uint32_t depth, __int128 now,
                  struct hrp_violations *ret)
{
    struct checking k = {.rules = rules, .program = &rules->programs[program], .batch = batch, .cols = batch->columns, .ret = ret,
                         .most = most < UINT16_MAX ? most : UINT16_MAX, .depth = depth, .now = now};
    uint32_t n_nodes = hrp_schema_n_nodes(k.program->schema);

    memset(ret, 0, sizeof *ret);
    if (!k.program->active || batch->head.n_rows == 0)
        return 0;
    k.scratch = hrp_arena_new(SCRATCH_BYTES);
    k.slot_of = hrp_calloc(n_nodes, sizeof *k.slot_of);
    k.found = hrp_calloc(batch->head.n_rows, sizeof *k.found);
    if (k.scratch == NULL || k.slot_of == NULL || k.found == NULL)
        k.res = HR_ENOMEM;
    for (uint32_t i = 0; k.res == 0 && i < k.program->n; i++)
        run_check(&k, &k.program->checks[i]);
    if (k.res == 0)
        k.res = sort(ret);
    hrp_arena_free(k.scratch);
    hrp_free(k.slot_of);
    hrp_free(k.found);
    if (k.res != 0)
        hrp_violations_fini(ret);
    return k.res;
}

/* ---- children ---- */

/* A child's site behind the path of the leaf it lies in. Neighbours tend to break the same rule: the last one is kept. */
static const struct hrp_site *joined(struct checking *k, const struct hrp_site *leaf, const struct hrp_site *child)
{
    struct hrp_site *site;
    uint32_t n = leaf->n_field + child->n_field;
    struct hrp_path_element *path;

    if (k->joined != NULL && k->joined_child == child)
        return k->joined;
    site = text_room(k, 1, sizeof *site);
    path = site != NULL ? text_room(k, n + UINT64_C(1), sizeof *path) : NULL;
    if (path == NULL)
        return child;
    memcpy(path, leaf->field, leaf->n_field * sizeof *path);
    memcpy(path + leaf->n_field, child->field, child->n_field * sizeof *path);
    *site = *child;
    site->field = path;
    site->n_field = n;
    k->joined = site;
    k->joined_child = child;
    return site;
}

/* What lies behind a leaf was held against its type when the batch was opened, so this is not met; if it is, it is told. */
static void cannot_look(struct checking *k, const struct rule_check *ck, uint32_t value, const char *message)
{
    struct hrp_site *site = text_room(k, 1, sizeof *site);

    if (site == NULL) {
        fail_with(k, HR_ENOMEM);
        return;
    }
    *site = (struct hrp_site){.rule_id = "headrace.untyped", .message = message, .field = ck->site.field, .n_field = ck->site.n_field};
    keep(k, site, k->cols[ck->node].node, value);
}

/* False: there was no room for them, so those before it would stand in the wrong places. */
static bool has_its_subs(const struct hrp_violation *v)
{
    uint32_t n = 0;

    for (uint32_t i = 0; i < v->site->n_field; i++)
        n += v->site->field[i].subscripted;
    return v->n_subs == n;
}

static void keep_child(struct checking *k, const struct rule_check *ck, const struct hrp_violation *child, uint32_t value)
{
    const struct hrp_node *leaf = k->cols[ck->node].node;
    struct hrp_subscript subs[MAX_SUBS];
    uint32_t at = MAX_SUBS, n, row = climb(k, leaf, value, NULL, NULL);

    if (!wanted(k, row))
        return;
    for (uint32_t i = child->n_subs; i-- > 0 && at != 0;)
        subs[--at] = child->subs[i];
    climb(k, leaf, value, subs, &at);
    n = has_its_subs(child) ? MAX_SUBS - at : 0;
    k->ret->v[k->ret->n] = (struct hrp_violation){.row = row, .site = joined(k, &ck->site, child->site), .subs = keep_subs(k, subs + at, &n)};
    k->ret->v[k->ret->n++].n_subs = n;
}

/* The rows in b are the values [from, to) of the leaf. */
static void run_children(struct checking *k, const struct rule_check *ck, struct hrp_builder *b, uint32_t from)
{
    const struct hrp_batch *view;
    struct hrp_violations found = {0};
    int r = hrp_builder_view(b, &view);

    if (r == 0)
        r = hrp_check_run(k->rules, ck->program, view, k->most, k->depth + 1, k->now, &found);
    if (r != 0)
        fail_with(k, r);
    for (uint32_t i = 0; i < found.n && k->res == 0; i++)
        keep_child(k, ck, &found.v[i], from + found.v[i].row);
    k->ret->left_out += found.left_out;
    if (found.runtime[0] != '\0')
        memcpy(k->ret->runtime, found.runtime, sizeof found.runtime);
    k->joined = NULL; /* its child's site may go with what was found */
    hrp_violations_fini(&found);
}

/* Fills b with values from `from` on, as many as it takes; how many. One that can't be read stands there as empty, and is told. */
static uint32_t fill(struct checking *k, const struct rule_check *ck, const struct hrp_column *c, struct hrp_builder *b, uint32_t from)
{
    uint32_t i = from;

    while (i < c->n_values && k->res == 0) {
        struct hr_error why = {0, ""};
        uint32_t n;
        const uint8_t *p = hrp_column_bytes(c, i, &n);
        int r = hrp_builder_add(b, 0, i + UINT64_C(1), 0, 1, 0, p, n, &why);

        if (r == HR_EFULL && i != from)
            break;
        if (r == HR_EROW || r == HR_ETOOBIG || r == HR_EFULL) {
            cannot_look(k, ck, i, "is not what its type says");
            r = hrp_builder_add(b, 0, i + UINT64_C(1), 0, 1, 0, NULL, 0, &why);
        }
        if (r != 0)
            fail_with(k, r);
        i++;
    }
    return i - from;
}

void hrp_check_children(struct checking *k, const struct rule_check *ck)
{
    const struct hrp_column *c = &k->cols[ck->node];
    struct hrp_schema *schema = k->rules->programs[ck->program].schema;
    uint32_t from = 0;

    if (!k->rules->programs[ck->program].active)
        return;
    for (uint32_t i = 0; k->depth == RULES_MAX_DEPTH && i < c->n_values; i++)
        cannot_look(k, ck, i, "is nested too deeply");
    if (k->depth == RULES_MAX_DEPTH)
        return;
    while (from < c->n_values && k->res == 0) {
        struct hrp_builder *b; /* a new one each time: what a view shows is not sealed away */
        uint32_t n;
        int r = hrp_builder_new(schema, &b);

        if (r != 0) {
            fail_with(k, r);
            return;
        }
        n = fill(k, ck, c, b, from);
        if (k->res == 0)
            run_children(k, ck, b, from);
        hrp_builder_free(b);
        from += n;
    }
}
