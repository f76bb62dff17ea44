/* Violations as protobuf, and their paths as text. Source of the format: buf.validate.Violations in validate.proto. */
#include "violation.h"
#include "alloc.h"
#include <string.h>

enum { WIRE_VARINT = 0, WIRE_LEN = 2 };

void hrp_violations_fini(struct hrp_violations *list)
{
    hrp_free(list->v);
    hrp_arena_free(list->arena);
    memset(list, 0, sizeof *list);
}

/* ---- as protobuf ---- */

static void put_number(struct hrp_buf *out, uint32_t number, uint64_t v)
{
    hrp_put_varint(out, number << 3 | WIRE_VARINT);
    hrp_put_varint(out, v);
}

static void put_field(struct hrp_buf *out, uint32_t number, const void *p, size_t n)
{
    hrp_put_varint(out, number << 3 | WIRE_LEN);
    hrp_put_lenbytes(out, p, n);
}

static void put_subscript(struct hrp_buf *out, const struct hrp_subscript *s)
{
    if (s->kind == HRP_SUB_STRING)
        put_field(out, 10, s->p, s->n);
    else if (s->kind != HRP_SUB_NONE)
        put_number(out, 5u + s->kind, s->number); /* index = 6, bool_key, int_key, uint_key */
}

static void put_element(struct hrp_buf *out, const struct hrp_path_element *e, const struct hrp_subscript *sub)
{
    struct hrp_buf one = HRP_BUF_INIT;

    if (e->number != 0)
        put_number(&one, 1, e->number);
    put_field(&one, 2, e->name, strlen(e->name));
    if (e->type != 0)
        put_number(&one, 3, e->type);
    if (e->key_type != 0 && sub != NULL) {
        put_number(&one, 4, e->key_type);
        put_number(&one, 5, e->value_type);
    }
    if (sub != NULL)
        put_subscript(&one, sub);
    if (one.err != 0)
        out->err = one.err;
    put_field(out, 1, one.p, one.n);
    hrp_buf_fini(&one);
}

static void put_path(struct hrp_buf *out, uint32_t number, const struct hrp_path_element *path, uint32_t n, const struct hrp_subscript *subs,
                     uint32_t n_subs)
{
    struct hrp_buf one = HRP_BUF_INIT;
    uint32_t at = 0;

    if (n == 0)
        return;
    for (uint32_t i = 0; i < n; i++) {
        const struct hrp_subscript *sub = path[i].subscripted && at < n_subs ? &subs[at++] : NULL;

        put_element(&one, &path[i], sub);
    }
    if (one.err != 0)
        out->err = one.err;
    put_field(out, number, one.p, one.n);
    hrp_buf_fini(&one);
}

static void put_violation(struct hrp_buf *out, const struct hrp_violation *v)
{
    const struct hrp_site *s = v->site;

    put_field(out, 2, s->rule_id, strlen(s->rule_id));
    put_field(out, 3, s->message, strlen(s->message));
    if (s->for_key)
        put_number(out, 4, 1);
    put_path(out, 5, s->field, s->n_field, v->subs, v->n_subs);
    put_path(out, 6, s->rule, s->n_rule, NULL, 0);
}

void hrp_violations_put(struct hrp_buf *out, const struct hrp_violation *v, uint32_t n)
{
    struct hrp_buf one = HRP_BUF_INIT;

    for (uint32_t i = 0; i < n; i++) {
        hrp_buf_clear(&one);
        put_violation(&one, &v[i]);
        if (one.err != 0)
            out->err = one.err;
        put_field(out, 1, one.p, one.n);
    }
    hrp_buf_fini(&one);
}

/* ---- as text ---- */

static void put_quoted(struct hrp_buf *out, const uint8_t *p, size_t n)
{
    hrp_put_u8(out, '"');
    for (size_t i = 0; i < n; i++) {
        if (p[i] == '"' || p[i] == '\\')
            hrp_put_u8(out, '\\');
        if (p[i] < 0x20 || p[i] == 0x7f)
            hrp_put_fmt(out, "\\x%02x", p[i]);
        else
            hrp_put_u8(out, p[i]);
    }
    hrp_put_u8(out, '"');
}

/* NULL: "[]" */
static void put_brackets(struct hrp_buf *out, const struct hrp_subscript *s)
{
    hrp_put_u8(out, '[');
    switch (s != NULL ? s->kind : HRP_SUB_NONE) {
    case HRP_SUB_STRING:
        put_quoted(out, s->p, s->n);
        break;
    case HRP_SUB_BOOL:
        hrp_put_fmt(out, "%s", s->number != 0 ? "true" : "false");
        break;
    case HRP_SUB_INT:
        hrp_put_fmt(out, "%lld", (long long)s->number);
        break;
    case HRP_SUB_NONE:
        break;
    default:
        hrp_put_fmt(out, "%llu", (unsigned long long)s->number);
        break;
    }
    hrp_put_u8(out, ']');
}

void hrp_site_path_put(struct hrp_buf *out, const struct hrp_site *site, const struct hrp_subscript *subs)
{
    for (uint32_t i = 0; i < site->n_field; i++) {
        hrp_put_fmt(out, "%s%s", i != 0 ? "." : "", site->field[i].name);
        if (site->field[i].subscripted)
            put_brackets(out, subs != NULL ? subs++ : NULL);
    }
}

/* ---- read back ---- */

struct part {
    uint32_t number, wire;
    uint64_t v;
    const uint8_t *p;
    size_t n;
};

/* 1, 0 at the end, HR_ECORRUPT. Only what we write: varints and lengths. */
static int next_part(struct hrp_reader *r, struct part *e)
{
    uint64_t tag;

    if (hrp_reader_left(r) == 0)
        return r->bad ? HR_ECORRUPT : 0;
    tag = hrp_read_varint(r);
    *e = (struct part){.number = (uint32_t)(tag >> 3), .wire = tag & 7};
    if (e->wire == WIRE_VARINT)
        e->v = hrp_read_varint(r);
    else if (e->wire == WIRE_LEN)
        e->p = hrp_read_lenbytes(r, &e->n);
    else
        return HR_ECORRUPT;
    return r->bad || tag > UINT32_MAX ? HR_ECORRUPT : 1;
}

static int read_violation(const uint8_t *p, size_t n, struct hrp_stored_violation *ret)
{
    struct hrp_reader r = hrp_reader(p, n);
    struct part e;
    int res;

    *ret = (struct hrp_stored_violation){.rule_id = "", .message = ""};
    while ((res = next_part(&r, &e)) == 1) {
        if (e.wire == WIRE_LEN && e.n > UINT32_MAX)
            return HR_ECORRUPT;
        if (e.number == 2 && e.wire == WIRE_LEN) {
            ret->rule_id = (const char *)e.p;
            ret->n_rule_id = (uint32_t)e.n;
        } else if (e.number == 3 && e.wire == WIRE_LEN) {
            ret->message = (const char *)e.p;
            ret->n_message = (uint32_t)e.n;
        } else if (e.number == 4 && e.wire == WIRE_VARINT) {
            ret->for_key = e.v != 0;
        } else if (e.number == 5 && e.wire == WIRE_LEN) {
            ret->field = e.p;
            ret->n_field = e.n;
        } else if (e.number == 6 && e.wire == WIRE_LEN) {
            ret->rule = e.p;
            ret->n_rule = e.n;
        }
    }
    return res;
}

int hrp_violations_each(const uint8_t *p, size_t n, void (*fn)(void *arg, const struct hrp_stored_violation *v), void *arg)
{
    struct hrp_reader r = hrp_reader(p, n);
    struct hrp_stored_violation v;
    struct part e;
    int res;

    while ((res = next_part(&r, &e)) == 1) {
        if (e.number != 1 || e.wire != WIRE_LEN)
            continue;
        if (read_violation(e.p, e.n, &v) != 0)
            return HR_ECORRUPT;
        fn(arg, &v);
    }
    return res;
}

static int put_stored_element(struct hrp_buf *out, const uint8_t *p, size_t n, bool with_subscripts)
{
    static const uint8_t kinds[] = {HRP_SUB_INDEX, HRP_SUB_BOOL, HRP_SUB_INT, HRP_SUB_UINT, HRP_SUB_STRING}; /* of 6 to 10 */
    struct hrp_reader r = hrp_reader(p, n);
    struct hrp_subscript sub = {.kind = HRP_SUB_NONE};
    struct part e;
    int res;

    while ((res = next_part(&r, &e)) == 1) {
        if (e.number == 2 && e.wire == WIRE_LEN)
            hrp_put_bytes(out, e.p, e.n);
        if (e.number < 6 || e.number > 10 || e.wire != (e.number == 10 ? WIRE_LEN : WIRE_VARINT))
            continue;
        sub = (struct hrp_subscript){.kind = kinds[e.number - 6], .number = e.v, .p = e.p, .n = (uint32_t)e.n};
    }
    if (sub.kind != HRP_SUB_NONE)
        put_brackets(out, with_subscripts ? &sub : NULL);
    return res;
}

int hrp_path_text_put(struct hrp_buf *out, const uint8_t *path, size_t n, bool with_subscripts)
{
    struct hrp_reader r = hrp_reader(path, n);
    size_t start = out->n;
    struct part e;
    int res;

    while ((res = next_part(&r, &e)) == 1) {
        if (e.number != 1 || e.wire != WIRE_LEN)
            continue;
        if (out->n != start)
            hrp_put_u8(out, '.');
        res = put_stored_element(out, e.p, e.n, with_subscripts);
        if (res != 0)
            return res;
    }
    return res;
}
