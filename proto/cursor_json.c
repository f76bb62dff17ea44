/* Rows of a batch as JSON; the rules stand in json.h. */
#include "cursor.h"
#include "json.h"
#include "errors.h"
#include <string.h>

static void put_message(struct hrp_cursor *c, struct hrp_buf *out, struct step *s, uint32_t i);

/* ---- keys ---- */

static int keys_init(struct hrp_cursor *c)
{
    for (uint32_t id = 1; id < c->n_steps; id++) {
        struct step *s = &c->steps[id];
        const char *name = s->node->unknown ? "_unknown" : s->node->name;

        s->key_at = (uint32_t)c->keys.n;
        hrp_put_u8(&c->keys, ',');
        hrp_json_str(&c->keys, name, strlen(name));
        hrp_put_u8(&c->keys, ':');
        s->n_key = (uint32_t)c->keys.n - s->key_at;
    }
    if (c->keys.err == 0)
        return 0;
    hrp_buf_clear(&c->keys); /* the next call tries again */
    return HR_ENOMEM;
}

static void put_key(struct hrp_cursor *c, struct hrp_buf *out, const struct step *s, bool *first)
{
    hrp_put_bytes(out, c->keys.p + s->key_at + *first, s->n_key - *first); /* the first one without its comma */
    *first = false;
}

/* ---- scalars ---- */

static void put_u64(struct hrp_buf *out, uint64_t v, bool minus)
{
    char text[21], *p = text + sizeof text;

    do {
        *--p = (char)('0' + v % 10);
        v /= 10;
    } while (v != 0);
    if (minus)
        *--p = '-';
    hrp_put_bytes(out, p, (size_t)(text + sizeof text - p));
}

static void put_i64(struct hrp_buf *out, int64_t v)
{
    put_u64(out, v < 0 ? 0 - (uint64_t)v : (uint64_t)v, v < 0);
}

/* Most enums are numbered in order, from 0. */
static const char *enum_name(const struct hrp_enum *e, int64_t v)
{
    if (v >= 0 && v < e->n_values && e->values[v].number == v)
        return e->values[v].name;
    for (uint32_t i = 0; i < e->n_values; i++) {
        if (e->values[i].number == v)
            return e->values[i].name;
    }
    return NULL;
}

static void put_enum(struct hrp_buf *out, const struct hrp_enum *e, int64_t v)
{
    const char *name = enum_name(e, v);

    if (name != NULL)
        hrp_json_str(out, name, strlen(name));
    else
        put_i64(out, v);
}

static void put_integer(struct hrp_buf *out, const struct hrp_node *node, uint64_t v)
{
    if (node->enm != NULL)
        put_enum(out, node->enm, (int64_t)v);
    else if (node->pb_type == 8)
        hrp_put_bytes(out, v != 0 ? "true" : "false", v != 0 ? 4 : 5);
    else if (node->phys == HRP_PHYS_U64)
        put_u64(out, v, false);
    else
        put_i64(out, (int64_t)v);
}

/* What lies behind an opaque leaf was checked with the batch; what has no place all the same, since it is too large or too
 * deep for a row of its own, goes out as a message of which all is unknown. */
static void put_opaque(struct hrp_cursor *c, struct hrp_buf *out, const struct hrp_node *node, const uint8_t *p, uint32_t n)
{
    struct hrp_schema *sub = hrp_schema_of_msg(c->batch->schema, node);
    size_t start = out->n;
    int r = sub != NULL ? hrp_json_from_wire(sub, p, n, out, NULL) : HR_ENOMEM;

    if (r == HR_ENOMEM)
        out->err = HR_ENOMEM;
    if (r == 0 || r == HR_ENOMEM)
        return;
    out->n = start;
    hrp_put_bytes(out, "{\"_unknown\":", 12);
    hrp_json_base64(out, p, n);
    hrp_put_u8(out, '}');
}

static void put_string(struct hrp_cursor *c, struct hrp_buf *out, const struct hrp_node *node, const uint8_t *p, uint32_t n)
{
    if (node->opaque)
        put_opaque(c, out, node, p, n);
    else if (node->pb_type == 9)
        hrp_json_str(out, (const char *)p, n);
    else
        hrp_json_base64(out, p, n);
}

static void put_value(struct hrp_cursor *c, struct hrp_buf *out, struct step *s, uint32_t i)
{
    const uint8_t *p;
    uint32_t n;

    switch (s->node->phys) {
    case HRP_PHYS_NONE:
        put_message(c, out, s, i);
        break;
    case HRP_PHYS_F64:
        hrp_json_double(out, ((const double *)s->values)[i & s->every]);
        break;
    case HRP_PHYS_F32:
        hrp_json_float(out, ((const float *)s->values)[i & s->every]);
        break;
    case HRP_PHYS_BYTES:
        p = hrp_column_bytes(s->col, i, &n);
        put_string(c, out, s->node, p, n);
        break;
    default:
        put_integer(out, s->node, step_u64(s, i));
        break;
    }
}

/* ---- what is not there, but has to be written: the value of a map's entry that came without one ---- */

static void put_nothing(struct hrp_cursor *c, struct hrp_buf *out, const struct step *s)
{
    const struct hrp_node *nodes = hrp_schema_nodes(c->batch->schema), *node = s->node;
    bool first = true;

    if (node->opaque) {
        put_opaque(c, out, node, (const uint8_t *)"", 0);
    } else if (strcmp(node->msg_name, HRP_TIMESTAMP) == 0) {
        hrp_json_timestamp(out, 0, 0);
    } else if (strcmp(node->msg_name, HRP_DURATION) == 0) {
        hrp_json_duration(out, 0, 0);
    } else {
        hrp_put_u8(out, '{');
        for (uint32_t id = node->id + 1; id < node->end; id = nodes[id].end) {
            const struct hrp_node *f = &nodes[id];

            if (f->kind != HRP_NODE_LEAF || f->repeated || f->explicit_presence)
                continue;
            put_key(c, out, &c->steps[id], &first);
            if (f->phys == HRP_PHYS_BYTES)
                put_string(c, out, f, (const uint8_t *)"", 0);
            else if (f->phys == HRP_PHYS_F64 || f->phys == HRP_PHYS_F32)
                hrp_json_double(out, 0);
            else
                put_integer(out, f, 0);
        }
        hrp_put_u8(out, '}');
    }
}

/* ---- maps ---- */

struct map {
    struct step *key, *value, *unknown;
    uint32_t at, n; /* entries */
};

static struct map map_of(struct hrp_cursor *c, const struct step *s, uint32_t at, uint32_t n)
{
    const struct hrp_field *f;
    uint32_t n_fields;
    struct map m = {.at = at, .n = n, .unknown = &c->steps[s->node->end - 1]};

    f = hrp_schema_fields(c->batch->schema, s->node, &n_fields);
    m.key = &c->steps[f[0].id];
    m.value = &c->steps[f[1].id];
    return m;
}

static bool has_unknown(const struct map *m)
{
    const struct step *u = m->unknown;
    uint32_t n = 0;

    if (u->col->n_values == 0)
        return false;
    if (u->shape == STEP_ALL)
        return true;
    for (uint32_t i = m->at; i < m->at + m->n; i++)
        n += u->present[i / 8] >> i % 8 & 1;
    return n != 0;
}

static bool same_key(const struct step *k, uint32_t i, uint32_t j)
{
    const uint8_t *a, *b;
    uint32_t n_a, n_b;

    if (k->form != FORM_BYTES)
        return step_u64(k, i) == step_u64(k, j);
    a = hrp_column_bytes(k->col, i, &n_a);
    b = hrp_column_bytes(k->col, j, &n_b);
    return n_a == n_b && memcmp(a, b, n_a) == 0;
}

static bool few_keys_twice(const struct map *m)
{
    for (uint32_t i = m->at + 1; i < m->at + m->n; i++) {
        for (uint32_t j = m->at; j < i; j++) {
            if (same_key(m->key, i, j))
                return true;
        }
    }
    return false;
}

/* The seed is an address, which whoever chose the keys does not know: so nobody can choose them to collide. */
static uint64_t key_hash(const struct hrp_cursor *c, const struct step *k, uint32_t i)
{
    uint64_t number, seed = (uintptr_t)c;
    uint32_t n;
    const uint8_t *p;

    if (k->form != FORM_BYTES) {
        number = step_u64(k, i);
        return hrp_hash64_seeded(&number, sizeof number, seed);
    }
    p = hrp_column_bytes(k->col, i, &n);
    return hrp_hash64_seeded(p, n, seed);
}

/* Open addressing, at most half full; the table stays with the cursor. */
static bool many_keys_twice(struct hrp_cursor *c, const struct map *m, int *ret_err)
{
    unsigned bits = 33u - (unsigned)__builtin_clz(m->n);
    size_t size = (size_t)1 << bits, mask = size - 1;
    uint32_t *table;

    hrp_buf_clear(&c->seen);
    table = (uint32_t *)(void *)hrp_buf_reserve(&c->seen, size * sizeof *table); /* index of an entry + 1; 0: free */
    if (table == NULL) {
        *ret_err = HR_ENOMEM;
        return false;
    }
    memset(table, 0, size * sizeof *table);
    for (uint32_t i = m->at; i < m->at + m->n; i++) {
        size_t h = (size_t)(key_hash(c, m->key, i) >> (64 - bits));

        for (; table[h] != 0; h = (h + 1) & mask) {
            if (same_key(m->key, i, table[h] - 1))
                return true;
        }
        table[h] = i + 1;
    }
    return false;
}

static bool keys_twice(struct hrp_cursor *c, const struct map *m, int *ret_err)
{
    return m->n <= 16 ? few_keys_twice(m) : many_keys_twice(c, m, ret_err);
}

static void put_map_value(struct hrp_cursor *c, struct hrp_buf *out, const struct map *m, uint32_t i)
{
    bool there = m->value->shape == STEP_DENSE || m->value->col->n_values != 0;
    uint32_t at = 0;

    if (there && step_take(m->value, i, &at) != 0)
        put_value(c, out, m->value, at);
    else
        put_nothing(c, out, m->value);
}

static void put_map_object(struct hrp_cursor *c, struct hrp_buf *out, const struct map *m)
{
    bool quote = m->key->form != FORM_BYTES;

    hrp_put_u8(out, '{');
    for (uint32_t i = m->at; i < m->at + m->n; i++) {
        if (i != m->at)
            hrp_put_u8(out, ',');
        if (quote)
            hrp_put_u8(out, '"');
        put_value(c, out, m->key, i);
        if (quote)
            hrp_put_u8(out, '"');
        hrp_put_u8(out, ':');
        put_map_value(c, out, m, i);
    }
    hrp_put_u8(out, '}');
}

/* ---- messages ---- */

static void put_list(struct hrp_cursor *c, struct hrp_buf *out, struct step *s, uint32_t at, uint32_t n)
{
    hrp_put_u8(out, '[');
    for (uint32_t i = 0; i < n; i++) {
        if (i != 0)
            hrp_put_u8(out, ',');
        put_value(c, out, s, at + i);
    }
    hrp_put_u8(out, ']');
}

static void put_repeated(struct hrp_cursor *c, struct hrp_buf *out, struct step *s, uint32_t at, uint32_t n)
{
    struct map m;
    int err = 0;

    if (!s->node->is_map) {
        put_list(c, out, s, at, n);
        return;
    }
    m = map_of(c, s, at, n);
    if (has_unknown(&m) || keys_twice(c, &m, &err))
        put_list(c, out, s, at, n);
    else
        put_map_object(c, out, &m);
    if (err != 0)
        out->err = err;
}

/* Timestamp and Duration have one text, if nothing else is in them. */
static bool put_time(struct hrp_cursor *c, struct hrp_buf *out, const struct step *s, uint32_t i)
{
    const struct hrp_node *node = s->node;
    bool timestamp = strcmp(node->msg_name, HRP_TIMESTAMP) == 0;
    const struct step *seconds = s + 1, *nanos = s + 2, *unknown = s + 3;
    int64_t sec, ns;

    if (!timestamp && strcmp(node->msg_name, HRP_DURATION) != 0)
        return false;
    if (node->end - node->id != 4 || seconds->shape != STEP_DENSE || seconds->node->pb_type != 3 || nanos->shape != STEP_DENSE ||
        nanos->node->pb_type != 5)
        return false; /* somebody's own type of that name */
    if (unknown->shape == STEP_OPTIONAL ? unknown->present[i / 8] >> i % 8 & 1 : unknown->col->n_values != 0)
        return false;
    sec = (int64_t)step_u64(seconds, i);
    ns = (int64_t)step_u64(nanos, i);
    return timestamp ? hrp_json_timestamp(out, sec, ns) : hrp_json_duration(out, sec, ns);
}

static void put_field(struct hrp_cursor *c, struct hrp_buf *out, struct step *s, uint32_t i, bool *first)
{
    uint32_t at, n = step_take(s, i, &at);

    if (n == 0)
        return;
    put_key(c, out, s, first);
    if (s->shape == STEP_REPEATED)
        put_repeated(c, out, s, at, n);
    else
        put_value(c, out, s, at);
}

static void put_message(struct hrp_cursor *c, struct hrp_buf *out, struct step *s, uint32_t i)
{
    bool first = true;

    if (put_time(c, out, s, i))
        return;
    hrp_put_u8(out, '{');
    for (uint32_t k = 0; k < s->n_kids; k++)
        put_field(c, out, &c->steps[s->kids[k]], i, &first);
    hrp_put_u8(out, '}');
}

int hrp_cursor_json(struct hrp_cursor *c, struct hrp_buf *out)
{
    size_t start = out->n;

    if (c->row >= c->batch->head.n_rows)
        return HR_ENOENT;
    if (c->steps == NULL)
        return HR_ESCHEMA;
    if (c->keys.n == 0 && keys_init(c) != 0)
        return HR_ENOMEM;
    put_message(c, out, &c->steps[0], c->row);
    return hrp_cursor_done(c, out, start);
}
