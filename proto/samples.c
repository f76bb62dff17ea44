/* Example events by generate and test. A valid row is made by walking the event's type and picking, field by field, a value that
 * its rules should like. For the invalid ones the same walk is repeated with one twist: at one place, one odd value (too small, too
 * long, empty, left out, ...). What the validator says of the result decides what it is an example of; so nobody has to know
 * which odd value breaks which rule, and no sample is handed over that does not come out as said. */
#include "samples.h"
#include "alloc.h"
#include "rules_impl.h"
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define PB(name) GOOGLE__PROTOBUF__FIELD_DESCRIPTOR_PROTO__TYPE__TYPE_##name
#define MAX_DEPTH 4u      /* of messages in a sample */
#define MAX_PLACES 4096u
#define TRIES 64u         /* for a valid row */
#define NONE UINT32_MAX

enum variant { LEFT_OUT, ZERO, LOW, HIGH, ODD, EMPTY, SHORT, LONG, STRANGE, OTHER, N_VARIANTS };

struct gen {
    struct hrp_descset *ds;
    uint64_t seed, state;
    uint32_t place, twist;   /* places so far; the one that is twisted */
    enum variant variant;
    uint32_t depth, item;    /* item: index in the list or map around the value */
    bool all;                /* optional fields, too */
    int res;
};

static uint64_t random64(struct gen *g) /* splitmix64 (Steele, Lea, Flood 2014) */
{
    uint64_t z = g->state += UINT64_C(0x9e3779b97f4a7c15);

    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

/* The next place; true: it is the twisted one. Each has random numbers of its own, so that a twist changes no other value. */
static bool twisted(struct gen *g)
{
    g->state = g->seed * UINT64_C(0x2545f4914f6cdd1d) + g->place * UINT64_C(0xd1342543de82ef95) + 1;
    return g->place++ == g->twist;
}

/* ---- wire ---- */

static void put_tag(struct hrp_buf *out, uint32_t number, uint32_t wire) { hrp_put_varint(out, (uint64_t)number << 3 | wire); }

static void put_bytes(struct hrp_buf *out, uint32_t number, const void *p, size_t n)
{
    put_tag(out, number, 2);
    hrp_put_lenbytes(out, p, n);
}

static void put_number(struct hrp_buf *out, uint32_t number, uint8_t pb_type, long double v)
{
    uint64_t u = v < 0 ? (uint64_t)(int64_t)v : (uint64_t)v;
    double d = (double)v;
    float f = (float)v;

    switch (pb_type) {
    case PB(DOUBLE):
        put_tag(out, number, 1);
        hrp_put_bytes(out, &d, sizeof d);
        break;
    case PB(FLOAT):
        put_tag(out, number, 5);
        hrp_put_bytes(out, &f, sizeof f);
        break;
    case PB(FIXED64):
    case PB(SFIXED64):
        put_tag(out, number, 1);
        hrp_put_u64(out, u);
        break;
    case PB(FIXED32):
    case PB(SFIXED32):
        put_tag(out, number, 5);
        hrp_put_u32(out, (uint32_t)u);
        break;
    case PB(SINT32):
    case PB(SINT64):
        put_tag(out, number, 0);
        hrp_put_varint(out, hrp_zigzag((int64_t)u));
        break;
    default:
        put_tag(out, number, 0);
        hrp_put_varint(out, u);
        break;
    }
}

/* ---- numbers ---- */

static long double value_of(const struct hrp_rule *rule, uint32_t i)
{
    const union hrp_rule_value *v = &rule->values[i % rule->n];

    switch (rule->def->pb_type) {
    case PB(FLOAT):
    case PB(DOUBLE):
        return v->f;
    case PB(UINT32):
    case PB(UINT64):
    case PB(FIXED32):
    case PB(FIXED64):
        return v->u;
    default:
        return v->i;
    }
}

static void limits_of(uint8_t pb_type, long double *lo, long double *hi)
{
    bool wide = pb_type == PB(INT64) || pb_type == PB(SINT64) || pb_type == PB(SFIXED64);
    bool wide_unsigned = pb_type == PB(UINT64) || pb_type == PB(FIXED64);

    *lo = pb_type == PB(UINT32) || pb_type == PB(FIXED32) || wide_unsigned || pb_type == PB(BOOL) ? 0 : wide ? INT64_MIN : INT32_MIN;
    *hi = wide ? INT64_MAX : wide_unsigned ? UINT64_MAX : pb_type == PB(UINT32) || pb_type == PB(FIXED32) ? UINT32_MAX : INT32_MAX;
    if (pb_type == PB(FLOAT) || pb_type == PB(DOUBLE)) {
        *lo = -1e30L;
        *hi = 1e30L;
    }
    if (pb_type == PB(BOOL))
        *hi = 1;
}

struct range {
    const struct hrp_rule *lo, *hi;
    long double from, to, step;
};

static struct range range_of(const struct hrp_field_rules *fr, uint8_t pb_type)
{
    struct range r = {hrp_rule_find(fr, "gt"), hrp_rule_find(fr, "lt"), 0, 0, 1};

    r.lo = r.lo != NULL ? r.lo : hrp_rule_find(fr, "gte");
    r.hi = r.hi != NULL ? r.hi : hrp_rule_find(fr, "lte");
    limits_of(pb_type, &r.from, &r.to);
    if (r.lo != NULL)
        r.from = value_of(r.lo, 0);
    if (r.hi != NULL)
        r.to = value_of(r.hi, 0);
    return r;
}

static long double good_number(struct gen *g, const struct hrp_field_rules *fr, uint8_t pb_type)
{
    const struct hrp_rule *one = hrp_rule_find(fr, "const"), *in = hrp_rule_find(fr, "in");
    struct range r = range_of(fr, pb_type);
    long double span;

    if (one != NULL)
        return value_of(one, 0);
    if (in != NULL)
        return value_of(in, g->item);
    if (r.lo == NULL && r.hi == NULL)
        return pb_type == PB(BOOL) ? 1 : (long double)(1 + random64(g) % 100 + g->item);
    if (r.lo != NULL && r.hi != NULL && r.to < r.from) /* turned inside out */
        return r.from + 1 + g->item;
    if (r.lo == NULL)
        return r.to - 1 - g->item;
    if (r.hi == NULL)
        return r.from + 1 + g->item;
    span = r.to - r.from;
    if (pb_type == PB(FLOAT) || pb_type == PB(DOUBLE))
        return r.from + span * ((long double)(1 + random64(g) % 98) / 100);
    if (span < 2)
        return strcmp(r.lo->def->name, "gte") == 0 ? r.from : r.to;
    return r.from + 1 + floorl(fmodl((long double)(random64(g) % 1000000 + g->item), span - 1));
}

static long double odd_number(struct gen *g, const struct hrp_field_rules *fr, uint8_t pb_type)
{
    struct range r = range_of(fr, pb_type);
    const struct hrp_rule *no = hrp_rule_find(fr, "not_in");
    long double lo, hi;

    limits_of(pb_type, &lo, &hi);
    switch (g->variant) {
    case LOW:
        return r.lo != NULL && r.from - 1 >= lo ? r.from - 1 : lo;
    case HIGH:
        return r.hi != NULL && r.to + 1 <= hi ? r.to + 1 : hi;
    case ODD:
        return r.lo != NULL && r.hi != NULL && r.to < r.from ? floorl((r.from + r.to) / 2) : 12345;
    case STRANGE:
        return pb_type == PB(DOUBLE) || pb_type == PB(FLOAT) ? (long double)NAN : 99999;
    case OTHER:
        return no != NULL ? value_of(no, 0) : -1 >= lo ? -1 : 7;
    default:
        return 0;
    }
}

/* ---- text ---- */

static const char *format_sample(const struct hrp_field_rules *fr)
{
    static const struct {
        const char *rule, *text;
    } all[] = {
        {"email", "ann@shop.example"}, {"hostname", "www.shop.example"}, {"ip", "192.0.2.1"}, {"ipv4", "192.0.2.1"}, {"ipv6", "2001:db8::1"},
        {"uri", "https://shop.example/a?b=c"}, {"uri_ref", "/a?b=c"}, {"address", "shop.example"},
        {"uuid", "123e4567-e89b-42d3-a456-426614174000"}, {"tuuid", "123e4567e89b42d3a456426614174000"}, {"ulid", "01ARZ3NDEKTSV4RRFFQ69G5FAV"},
        {"ip_with_prefixlen", "192.0.2.1/24"}, {"ipv4_with_prefixlen", "192.0.2.1/24"}, {"ipv6_with_prefixlen", "2001:db8::1/32"},
        {"ip_prefix", "192.0.2.0/24"}, {"ipv4_prefix", "192.0.2.0/24"}, {"ipv6_prefix", "2001:db8::/32"},
        {"host_and_port", "shop.example:443"}, {"protobuf_fqn", "shop.Order"}, {"protobuf_dot_fqn", ".shop.Order"},
    };
    const struct hrp_rule *known = hrp_rule_find(fr, "well_known_regex");

    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        const struct hrp_rule *rule = hrp_rule_find(fr, all[i].rule);

        if (rule != NULL && rule->values[0].i != 0)
            return all[i].text;
    }
    return known != NULL ? (known->values[0].i == 1 ? "content-type" : "text/plain") : NULL;
}

/* What many patterns are of; the validator says whether it is. */
static const char *pattern_guess(struct gen *g)
{
    static const char *const pool[] = {"abc", "ABC", "123", "a", "A", "1", "+123456", "a-1", "A1", "ab_cd", "2026-01-31", "12:34:56", "SFO", "en", "en-US", "EUR",
                                       "v1.2.3", "#00ff00", "a.b", "abc123", "1.5", "-1", "A-1", "AB-1234"};

    return pool[random64(g) % (sizeof pool / sizeof *pool)];
}

static uint64_t number_rule(const struct hrp_field_rules *fr, const char *a, const char *b, uint64_t otherwise)
{
    const struct hrp_rule *rule = hrp_rule_find(fr, a);

    rule = rule != NULL ? rule : hrp_rule_find(fr, b);
    return rule != NULL ? rule->values[0].u : otherwise;
}

static void put_text(struct hrp_buf *out, const struct hrp_rule *rule)
{
    if (rule != NULL)
        hrp_put_bytes(out, rule->values[0].s.p, rule->values[0].s.n);
}

static void fill_to(struct hrp_buf *out, uint64_t n, char c)
{
    for (n = n < 65536 ? n : 65536; out->n < n && out->err == 0;)
        hrp_put_u8(out, (uint8_t)c);
}

static void good_text(struct gen *g, const struct hrp_field_rules *fr, bool text, struct hrp_buf *out)
{
    const struct hrp_rule *one = hrp_rule_find(fr, "const"), *in = hrp_rule_find(fr, "in"), *suffix = hrp_rule_find(fr, "suffix");
    uint64_t least = number_rule(fr, "min_len", "min_bytes", 0), exact = number_rule(fr, "len", "len_bytes", 0);
    const char *known = text ? format_sample(fr) : NULL;
    struct hrp_buf end = HRP_BUF_INIT;

    if (one != NULL || in != NULL) {
        const union hrp_rule_value *v = one != NULL ? &one->values[0] : &in->values[g->item % in->n];

        hrp_put_bytes(out, v->s.p, v->s.n);
        return;
    }
    if (known != NULL) {
        hrp_put_bytes(out, known, strlen(known));
        return;
    }
    if (!text && (hrp_rule_find(fr, "ip") != NULL || hrp_rule_find(fr, "ipv4") != NULL))
        least = exact = 4;
    if (!text && (hrp_rule_find(fr, "ipv6") != NULL || hrp_rule_find(fr, "uuid") != NULL))
        least = exact = 16;
    put_text(out, hrp_rule_find(fr, "prefix"));
    put_text(&end, hrp_rule_find(fr, "contains"));
    put_text(&end, suffix);
    if (hrp_rule_find(fr, "pattern") != NULL)
        hrp_put_fmt(out, "%s", pattern_guess(g));
    else if (fr->n_rules == 0 || (least == 0 && exact == 0 && end.n == 0))
        hrp_put_fmt(out, "%s%u", out->n == 0 ? "text" : "", g->item);
    if (exact > end.n || least > end.n)
        fill_to(out, (exact != 0 ? exact : least) - end.n, (char)('a' + g->item % 26));
    if (out->n + end.n > number_rule(fr, "max_len", "max_bytes", UINT64_MAX) && out->n != 0 && exact == 0)
        out->n = 1;
    hrp_put_bytes(out, end.p, end.n);
    hrp_buf_fini(&end);
}

static void odd_text(struct gen *g, const struct hrp_field_rules *fr, struct hrp_buf *out)
{
    const struct hrp_rule *no = hrp_rule_find(fr, "not_in");

    switch (g->variant) {
    case SHORT:
        fill_to(out, number_rule(fr, "min_len", "min_bytes", 2) - 1, 'x');
        break;
    case LONG:
        fill_to(out, number_rule(fr, "max_len", "max_bytes", 256) + 1, 'x');
        break;
    case STRANGE:
        hrp_put_fmt(out, "not \x01 valid!");
        break;
    case OTHER:
        put_text(out, no != NULL ? no : hrp_rule_find(fr, "not_contains"));
        break;
    case ODD:
        good_text(g, fr, true, out);
        hrp_put_fmt(out, "x");
        break;
    case LOW:
        hrp_put_fmt(out, "x");
        good_text(g, fr, true, out);
        break;
    case HIGH:
        fill_to(out, number_rule(fr, "len", "len_bytes", number_rule(fr, "min_len", "min_bytes", 8)), 'z');
        break;
    default:
        break;
    }
}

/* ---- messages with rules of their own ---- */

static void put_time(struct gen *g, uint32_t number, const struct hrp_field_rules *fr, bool odd, struct hrp_buf *out)
{
    const struct hrp_rule *one = hrp_rule_find(fr, "const"), *in = hrp_rule_find(fr, "in"), *lo = hrp_rule_find(fr, "gt"), *hi = hrp_rule_find(fr, "lt");
    int64_t s = fr->type == HRP_RULES_DURATION ? 30 : 1750000000, nanos = 0;
    struct hrp_buf m = HRP_BUF_INIT;

    lo = lo != NULL ? lo : hrp_rule_find(fr, "gte");
    hi = hi != NULL ? hi : hrp_rule_find(fr, "lte");
    if (one != NULL || in != NULL) {
        s = (one != NULL ? one : in)->values[0].t.seconds;
        nanos = (one != NULL ? one : in)->values[0].t.nanos;
    } else if (lo != NULL && lo->def->pb_type == PB(MESSAGE)) {
        s = lo->values[0].t.seconds + 1;
    } else if (hi != NULL && hi->def->pb_type == PB(MESSAGE)) {
        s = hi->values[0].t.seconds - 1;
    } else if (hrp_rule_find(fr, "gt_now") != NULL) {
        s = INT64_C(4102444800);
    } else if (hrp_rule_find(fr, "within") != NULL) {
        s = (int64_t)time(NULL);
    }
    if (odd && g->variant == LOW)
        s = lo != NULL && lo->def->pb_type == PB(MESSAGE) ? lo->values[0].t.seconds - 1 : fr->type == HRP_RULES_DURATION ? -100000 : 1;
    else if (odd && g->variant == HIGH)
        s = hi != NULL && hi->def->pb_type == PB(MESSAGE) ? hi->values[0].t.seconds + 1 : fr->type == HRP_RULES_DURATION ? 100000000 : INT64_C(4102444801);
    else if (odd)
        s += 12345;
    put_number(&m, 1, PB(INT64), (long double)s);
    if (nanos != 0)
        put_number(&m, 2, PB(INT32), (long double)nanos);
    put_bytes(out, number, m.p, m.n);
    hrp_buf_fini(&m);
}

static void put_mask_or_any(struct gen *g, uint32_t number, const struct hrp_field_rules *fr, bool odd, struct hrp_buf *out)
{
    const struct hrp_rule *in = hrp_rule_find(fr, "in"), *one = hrp_rule_find(fr, "const"), *no = hrp_rule_find(fr, "not_in");
    const struct hrp_rule *take = odd ? (g->variant == OTHER ? no : NULL) : one != NULL ? one : in;
    struct hrp_buf m = HRP_BUF_INIT;

    if (take != NULL)
        put_bytes(&m, 1, take->values[0].s.p, take->values[0].s.n);
    else
        put_bytes(&m, 1, "type.googleapis.com/some.Type", fr->type == HRP_RULES_ANY ? 29 : 4);
    put_bytes(out, number, m.p, m.n);
    hrp_buf_fini(&m);
}

/* ---- values, fields, messages ---- */

static void put_message(struct gen *g, const struct hrp_type *t, struct hrp_buf *out);
static const struct hrp_field_rules none;

static void put_scalar(struct gen *g, uint32_t number, uint8_t pb_type, const struct hrp_field_rules *fr, struct hrp_buf *out)
{
    bool odd = twisted(g);
    struct hrp_buf text = HRP_BUF_INIT;

    if (odd && g->variant == LEFT_OUT)
        return;
    if (pb_type != PB(STRING) && pb_type != PB(BYTES)) {
        put_number(out, number, pb_type, odd ? odd_number(g, fr, pb_type) : good_number(g, fr, pb_type));
        return;
    }
    if (odd)
        odd_text(g, fr, &text);
    else
        good_text(g, fr, pb_type == PB(STRING), &text);
    put_bytes(out, number, text.p, text.n);
    hrp_buf_fini(&text);
}

static void put_enum(struct gen *g, const struct hrp_type_field *f, const struct hrp_field_rules *fr, struct hrp_buf *out)
{
    const struct hrp_rule *one = hrp_rule_find(fr, "const"), *in = hrp_rule_find(fr, "in");
    const pb_enum *e = f->enm->enm;
    bool odd = twisted(g);
    int32_t v = e->value[e->n_value > 1 ? 1 + (random64(g) + g->item) % (e->n_value - 1) : 0]->number;

    if (odd && g->variant == LEFT_OUT)
        return;
    if (odd)
        v = g->variant == STRANGE ? 99999 : (int32_t)odd_number(g, fr, PB(INT32));
    else if (one != NULL || in != NULL)
        v = (int32_t)value_of(one != NULL ? one : in, g->item);
    put_number(out, (uint32_t)f->d->number, PB(INT32), v);
}

static void put_value(struct gen *g, const struct hrp_type_field *f, const struct hrp_field_rules *fr, struct hrp_buf *out)
{
    struct hrp_buf m = HRP_BUF_INIT;
    uint32_t number = (uint32_t)f->d->number;

    if (f->enm != NULL) {
        put_enum(g, f, fr, out);
    } else if (f->msg == NULL) {
        put_scalar(g, number, f->pb_type, fr, out);
    } else if (fr->type == HRP_RULES_TIMESTAMP || fr->type == HRP_RULES_DURATION || fr->type == HRP_RULES_ANY || fr->type == HRP_RULES_FIELD_MASK) {
        bool odd = twisted(g);

        if (odd && g->variant == LEFT_OUT)
            return;
        (fr->type == HRP_RULES_TIMESTAMP || fr->type == HRP_RULES_DURATION ? put_time : put_mask_or_any)(g, number, fr, odd, out);
    } else {
        if (twisted(g) && g->variant == LEFT_OUT)
            return;
        if (fr->type != HRP_RULES_NONE) /* a wrapper */
            put_scalar(g, 1, f->msg->fields[0].pb_type, fr, &m);
        else if (hrp_rules_type_of_element(f) == HRP_RULES_NONE && g->depth < MAX_DEPTH) /* deeper ones are empty */
            put_message(g, f->msg, &m);
        if (f->pb_type == PB(GROUP)) {
            put_tag(out, number, 3);
            hrp_put_bytes(out, m.p, m.n);
            put_tag(out, number, 4);
        } else {
            put_bytes(out, number, m.p, m.n);
        }
        hrp_buf_fini(&m);
    }
}

static void put_entry(struct gen *g, const struct hrp_type_field *f, const struct hrp_field_rules *fr, struct hrp_buf *out)
{
    struct hrp_buf m = HRP_BUF_INIT;

    for (uint32_t i = 0; i < f->msg->n_fields; i++) {
        const struct hrp_type_field *part = &f->msg->fields[i];
        const struct hrp_field_rules *rules = part->d->number == 1 ? fr->keys : fr->values;

        put_value(g, part, rules != NULL ? rules : &none, &m);
    }
    put_bytes(out, (uint32_t)f->d->number, m.p, m.n);
    hrp_buf_fini(&m);
}

static void put_list(struct gen *g, const struct hrp_type_field *f, const struct hrp_field_rules *fr, struct hrp_buf *out)
{
    uint64_t least = number_rule(fr, "min_items", "min_pairs", 1), most = number_rule(fr, "max_items", "max_pairs", UINT64_MAX), n = least;
    uint32_t around = g->item;
    bool odd = twisted(g), same = odd && g->variant == ODD;

    if (odd && (g->variant == LEFT_OUT || g->variant == EMPTY))
        n = 0;
    else if (odd && g->variant == SHORT)
        n = least - (least != 0);
    else if (odd && g->variant == LONG)
        n = most < 4096 ? most + 1 : 2;
    else if (same)
        n = 2;
    n = n < most || odd ? n : most;
    for (uint64_t i = 0; i < n && i < 5000 && g->res == 0; i++) {
        g->item = same ? 0 : (uint32_t)i;
        if (hrp_field_is_map(f))
            put_entry(g, f, fr, out);
        else
            put_value(g, f, fr->items != NULL ? fr->items : &none, out);
    }
    g->item = around;
}

static bool wanted(struct gen *g, const struct hrp_type *t, const struct hrp_type_field *f, const struct hrp_field_rules *fr,
                   const struct hrp_message_rules *mr)
{
    if (g->place >= MAX_PLACES || (f->msg != NULL && !f->msg->map_entry && g->depth >= MAX_DEPTH))
        return false;
    for (uint32_t i = 0; mr != NULL && i < mr->n_oneofs; i++) /* of those that exclude each other, the first */
        for (uint32_t k = 1; k < mr->oneofs[i].n_fields; k++)
            if (strcmp(mr->oneofs[i].fields[k], f->d->name) == 0)
                return twisted(g) && g->variant == ODD;
    if (hrp_field_in_oneof(t, f)) { /* the first member, or by the seed another */
        uint32_t members = t->oneof_members[f->d->oneof_index], at = 0;

        for (const struct hrp_type_field *m = t->fields; m != f; m++)
            at += hrp_field_in_oneof(t, m) && m->d->oneof_index == f->d->oneof_index;
        return members != 0 && at == g->seed % members;
    }
    return fr->required || f->required || g->all || !f->explicit_presence || random64(g) % 4 != 0;
}

static void put_message(struct gen *g, const struct hrp_type *t, struct hrp_buf *out)
{
    const struct hrp_message_rules *mr = NULL;

    g->depth++;
    if (hrp_rules_of_message(g->ds, t, &mr, NULL) != 0)
        mr = NULL;
    for (uint32_t i = 0; i < t->n_fields && g->res == 0; i++) {
        const struct hrp_type_field *f = &t->fields[i];
        const struct hrp_field_rules *fr = NULL;

        if (hrp_rules_of_field(g->ds, t, f, &fr, NULL) != 0 || fr == NULL)
            fr = &none;
        if (!wanted(g, t, f, fr, mr))
            continue;
        if (f->repeated || hrp_field_is_map(f))
            put_list(g, f, fr, out);
        else
            put_value(g, f, fr, out);
    }
    g->depth--;
    g->res = g->res != 0 ? g->res : out->err;
}

/* ---- testing ---- */

struct sampler {
    struct hrp_schema *schema;
    const struct hrp_rules *rules;
    struct hrp_descset ds;
    struct hrp_types types;
    struct hrp_builder *builder;
    bool *found;             /* [programs[0].n] checks that have their sample */
    int (*fn)(void *arg, const uint8_t *wire, size_t n, const char *rule_id, const char *path);
    void *arg;
};

static int make(struct sampler *s, struct gen *g, struct hrp_buf *out)
{
    hrp_buf_clear(out);
    g->ds = &s->ds;
    g->state = g->seed * UINT64_C(0x2545f4914f6cdd1d) + 1;
    g->place = 0;
    g->depth = g->item = 0;
    put_message(g, s->types.list[0], out);
    return g->res;
}

/* What the validator says; HR_EROW: it is no row of the type. */
static int judge(struct sampler *s, const struct hrp_buf *row, struct hrp_violations *ret)
{
    const struct hrp_batch *view;
    int r;

    memset(ret, 0, sizeof *ret);
    hrp_builder_clear(s->builder);
    r = hrp_builder_add(s->builder, 0, 1, 0, 1, 0, row->p, row->n, NULL);
    if (r == 0)
        r = hrp_builder_view(s->builder, &view);
    return r == 0 ? hrp_rules_check(s->rules, view, 16, ret) : r;
}

static int tell(struct sampler *s, const struct hrp_buf *row, const struct hrp_site *site)
{
    struct hrp_buf path = HRP_BUF_INIT;
    int r;

    if (site != NULL)
        hrp_site_path_put(&path, site, NULL);
    hrp_put_u8(&path, 0);
    r = path.err != 0 ? path.err
                      : s->fn(s->arg, row != NULL ? row->p : NULL, row != NULL ? row->n : 0, site != NULL ? site->rule_id : "", (const char *)path.p);
    hrp_buf_fini(&path);
    return r;
}

/* A seed whose row is valid: *ret_seed; false: none of those that were tried. */
static bool find_valid(struct sampler *s, uint64_t seed, bool all, struct hrp_buf *row, uint64_t *ret_seed, int *ret_err)
{
    for (uint64_t i = 0; i < TRIES; i++) {
        struct gen g = {.seed = seed + i, .twist = NONE, .all = all};
        struct hrp_violations found;
        int r = make(s, &g, row);
        bool good;

        if (r == 0)
            r = judge(s, row, &found);
        if (r != 0 && r != HR_EROW && r != HR_ETOOBIG) {
            *ret_err = r;
            return false;
        }
        good = r == 0 && found.n == 0;
        if (r == 0)
            hrp_violations_fini(&found);
        if (good) {
            *ret_seed = g.seed;
            return true;
        }
    }
    return false;
}

static int tell_invalid(struct sampler *s, const struct hrp_buf *row, const struct hrp_violations *found)
{
    const struct rule_program *p = &s->rules->programs[0];

    for (uint32_t i = 0; found->n == 1 && i < p->n; i++)
        if (&p->checks[i].site == found->v[0].site && !s->found[i]) {
            s->found[i] = true;
            return tell(s, row, found->v[0].site);
        }
    return 0;
}

static int twist_all(struct sampler *s, uint64_t seed, struct hrp_buf *row)
{
    struct gen plain = {.seed = seed, .twist = NONE, .all = true};
    int r = make(s, &plain, row);
    uint32_t n_places = plain.place;

    for (uint32_t place = 0; r == 0 && place < n_places; place++)
        for (unsigned variant = 0; r == 0 && variant < N_VARIANTS; variant++) {
            struct gen g = {.seed = seed, .twist = place, .variant = (enum variant)variant, .all = true};
            struct hrp_violations found;

            r = make(s, &g, row);
            if (r == 0)
                r = judge(s, row, &found);
            if (r == HR_EROW || r == HR_ETOOBIG) {
                r = 0;
                continue;
            }
            if (r == 0) {
                r = tell_invalid(s, row, &found);
                hrp_violations_fini(&found);
            }
        }
    return r;
}

/* Oneofs differ by seed, so a few valid rows are twisted. */
static int invalid(struct sampler *s, uint64_t seed, struct hrp_buf *row)
{
    const struct rule_program *p = &s->rules->programs[0];
    int r = 0;

    for (uint64_t i = 0; r == 0 && i < 4; i++) {
        uint64_t good;

        if (find_valid(s, seed + i, true, row, &good, &r))
            r = twist_all(s, good, row);
    }
    for (uint32_t i = 0; r == 0 && i < p->n; i++)
        if (!s->found[i] && p->checks[i].kind != CHECK_CHILD)
            r = tell(s, NULL, &p->checks[i].site);
    return r;
}

static int sampler_open(struct sampler *s, struct hr_error *err)
{
    struct hrp_buf canonical = HRP_BUF_INIT;
    struct hrp_symbol *sym;
    size_t n;
    const uint8_t *set = hrp_schema_bytes(s->schema, &n);
    int r = hrp_descset_open(set, n, &hrp_limits_default, &s->ds, err);

    if (r != 0)
        return r;
    sym = hrp_descset_find(&s->ds, hrp_schema_name(s->schema));
    r = hrp_descset_canonical(&s->ds, sym->file, &canonical, err);
    hrp_buf_fini(&canonical);
    if (r == 0)
        r = hrp_types_collect(&s->ds, sym, &hrp_limits_default, &s->types, err);
    if (r == 0 && hrp_builder_new(s->schema, &s->builder) != 0)
        r = hr_error_set(err, HR_ENOMEM, "out of memory");
    s->found = r == 0 ? hrp_calloc(s->rules->programs[0].n + 1u, sizeof *s->found) : NULL;
    return r != 0 || s->found != NULL ? r : hr_error_set(err, HR_ENOMEM, "out of memory");
}

int hrp_samples(struct hrp_schema *schema, const struct hrp_rules *rules, uint64_t seed, uint32_t n_valid,
                int (*fn)(void *arg, const uint8_t *wire, size_t n, const char *rule_id, const char *path), void *arg, struct hr_error *err)
{
    struct sampler s = {.schema = schema, .rules = rules, .fn = fn, .arg = arg};
    struct hrp_buf row = HRP_BUF_INIT;
    int r = sampler_open(&s, err), out = 0;
    uint64_t at = seed;

    for (uint32_t i = 0; r == 0 && out == 0 && i < n_valid; i++, at++)
        if (find_valid(&s, at, i == 0, &row, &at, &r))
            out = tell(&s, &row, NULL);
    if (r == 0 && out == 0)
        r = invalid(&s, seed, &row);
    if (r != 0 && (err == NULL || err->code == 0))
        hr_error_set(err, r, "%s", hr_strerror(r));
    hrp_builder_free(s.builder);
    hrp_free(s.found);
    hrp_descset_fini(&s.ds);
    hrp_buf_fini(&row);
    return r != 0 ? r : out;
}
