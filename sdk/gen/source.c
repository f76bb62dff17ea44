/* The source of one file: a straight-line encoder for each of its events and for what they contain, and the descriptor sets.
 *
 * Two functions for each message: size_of_x, exact, and put_x, which writes the fields in number order, one pass, tags as
 * constant bytes. The log function of an event reserves room by an upper bound: a constant for its numbers, the lengths of
 * its strings, the exact size of what is nested or repeated. So a flat event pays one addition a string. Where the bound
 * passes the limit the exact size decides, so that no event is refused for what it might have needed.
 * A nested value is written before its length is known, see hr_end_len: a length asked of size_of_x at each level would walk
 * a message as often as it is deep. All functions are static, also for imported messages: a source needs no other one. */
#include "gen.h"
#include <string.h>

enum { MAX_STRING_LEN_BYTES = 3 }; /* of a length below 2 MiB; more is refused anyway, by the exact size */

#define PB_TYPE(t) GOOGLE__PROTOBUF__FIELD_DESCRIPTOR_PROTO__TYPE__TYPE_##t

/* ---- what a field costs ---- */

static uint32_t wire_type(const struct gen_field *f)
{
    if (f->packed)
        return 2;
    switch (f->kind) {
    case GEN_FIXED64:
    case GEN_DOUBLE:
        return 1;
    case GEN_FIXED32:
    case GEN_FLOAT:
        return 5;
    case GEN_BYTES:
    case GEN_MESSAGE:
        return 2;
    default:
        return 0;
    }
}

static uint64_t tag_of(const struct gen_field *f)
{
    return (uint64_t)(uint32_t)f->d->number << 3 | wire_type(f);
}

static uint32_t tag_bytes(const struct gen_field *f)
{
    uint32_t n = 1;

    for (uint64_t v = tag_of(f); v >= 0x80; v >>= 7)
        n++;
    return n;
}

static uint32_t fixed_bytes(const struct gen_field *f) /* 0: it depends on the value */
{
    switch (f->kind) {
    case GEN_BOOL:
        return 1;
    case GEN_FIXED32:
    case GEN_FLOAT:
        return 4;
    case GEN_FIXED64:
    case GEN_DOUBLE:
        return 8;
    default:
        return 0;
    }
}

static uint32_t most_bytes(const struct gen_field *f) /* of a number, without its tag */
{
    if (fixed_bytes(f) != 0)
        return fixed_bytes(f);
    return f->d->type == PB_TYPE(UINT32) || f->d->type == PB_TYPE(SINT32) ? 5 : 10;
}

static bool is_number(const struct gen_field *f)
{
    return f->kind != GEN_BYTES && f->kind != GEN_MESSAGE;
}

/* The value as the unsigned number that travels. */
static const char *as_varint(const struct gen_field *f, const char *value)
{
    if (f->kind == GEN_ZIGZAG)
        return gen_fmt("hr_zigzag64(%s)", value);
    if (f->d->type == PB_TYPE(UINT32) || f->d->type == PB_TYPE(UINT64))
        return value;
    return gen_fmt(f->d->type == PB_TYPE(INT64) ? "(uint64_t)%s" : "(uint64_t)(int64_t)%s", value);
}

static const char *non_zero(const struct gen_field *f, const char *value)
{
    switch (f->kind) {
    case GEN_BYTES:
        return gen_fmt("%s.n != 0", value);
    case GEN_BOOL:
        return value;
    case GEN_DOUBLE:
        return gen_fmt("hr_double_bits(%s) != 0", value);
    case GEN_FLOAT:
        return gen_fmt("hr_float_bits(%s) != 0", value);
    default:
        return gen_fmt("%s != 0", value);
    }
}

static const char *member(const struct gen_msg *m, const struct gen_field *f)
{
    return f->oneof != 0 ? gen_fmt("row->%s.%s", m->oneofs[f->oneof - 1].name, f->name) : gen_fmt("row->%s", f->name);
}

static const char *element(const struct gen_msg *m, const struct gen_field *f)
{
    return gen_fmt(f->kind == GEN_MESSAGE ? "&%s[i]" : "%s[i]", member(m, f));
}

/* When a singular field outside oneofs travels; NULL: always. */
static const char *condition(const struct gen_msg *m, const struct gen_field *f)
{
    const char *value = member(m, f);

    if (f->kind == GEN_MESSAGE)
        return m->is_entry ? NULL : gen_fmt("%s != NULL", value);
    if (f->aux != NULL)
        return gen_fmt("row->%s", f->aux);
    return gen_implicit(f) ? non_zero(f, value) : NULL;
}

/* ---- statements, one level of indent each ---- */

struct writer {
    struct hrp_buf *out;
    const struct gen_msg *m;
    const char *depth; /* what a recursive message's size function is told */
    bool puts;         /* put_x, else sizes */
    bool reads_row;    /* some statement did; otherwise a compiler would complain of `row` */
};

static void line(struct writer *w, int level, const char *text)
{
    w->reads_row = w->reads_row || strstr(text, "row->") != NULL;
    hrp_put_fmt(w->out, "%*s%s\n", 4 * level, "", text);
}

static void put_tag(struct writer *w, int level, const struct gen_field *f)
{
    uint64_t tag = tag_of(f);

    for (; tag >= 0x80; tag >>= 7)
        line(w, level, gen_fmt("*p++ = 0x%02x;", (unsigned)(tag & 0x7f) | 0x80));
    line(w, level, gen_fmt("*p++ = 0x%02x;", (unsigned)tag));
}

static const char *put_value(const struct gen_msg *m, const struct gen_field *f, const char *value)
{
    switch (f->kind) {
    case GEN_BOOL:
        return gen_fmt("*p++ = (uint8_t)%s;", value);
    case GEN_FIXED32:
        return gen_fmt("p = hr_put_fixed32(p, (uint32_t)%s);", value);
    case GEN_FIXED64:
        return gen_fmt("p = hr_put_fixed64(p, (uint64_t)%s);", value);
    case GEN_FLOAT:
        return gen_fmt("p = hr_put_float(p, %s);", value);
    case GEN_DOUBLE:
        return gen_fmt("p = hr_put_double(p, %s);", value);
    case GEN_BYTES:
        return gen_fmt("p = hr_put_str(p, %s.p, %s.n);", value, value);
    case GEN_MESSAGE:
        if (m->is_entry) /* a map's value is always there; NULL is an empty message */
            return gen_fmt("p = hr_end_len(p, %s != NULL ? put_%s(p + 1, %s) : p + 1);", value, f->msg->name, value);
        return gen_fmt("p = hr_end_len(p, put_%s(p + 1, %s));", f->msg->name, value);
    default:
        return gen_fmt("p = hr_put_varint(p, %s);", as_varint(f, value));
    }
}

static const char *size_value(const struct writer *w, const struct gen_field *f, const char *value)
{
    if (fixed_bytes(f) != 0)
        return gen_fmt("%u", fixed_bytes(f));
    if (f->kind == GEN_BYTES)
        return gen_fmt("hr_len_bytes(%s.n)", value);
    if (f->kind == GEN_MESSAGE) {
        const char *call = f->msg->recursive ? gen_fmt("size_of_%s(%s, %s)", f->msg->name, value, w->depth)
                                             : gen_fmt("size_of_%s(%s)", f->msg->name, value);

        return w->m->is_entry ? gen_fmt("hr_len_bytes(%s != NULL ? %s : 0)", value, call) : gen_fmt("hr_len_bytes(%s)", call);
    }
    return gen_fmt("hr_varint_bytes(%s)", as_varint(f, value));
}

static void one_value(struct writer *w, int level, const struct gen_field *f, const char *value)
{
    if (w->puts) {
        put_tag(w, level, f);
        line(w, level, put_value(w->m, f, value));
    } else {
        line(w, level, gen_fmt("n += %u + %s;", tag_bytes(f), size_value(w, f, value)));
    }
}

/* Fixed-width numbers lie in memory as they travel: little-endian hosts only, as headrace_row.h says. */
static void packed(struct writer *w, const struct gen_field *f)
{
    const char *values = member(w->m, f), *count = gen_fmt("row->%s", f->aux);
    const char *bytes = fixed_bytes(f) > 1 ? gen_fmt("%s * %u", count, fixed_bytes(f)) : count;

    line(w, 1, gen_fmt("if (%s != 0) {", count));
    if (w->puts)
        put_tag(w, 2, f);
    if (fixed_bytes(f) != 0) {
        line(w, 2, w->puts ? gen_fmt("p = hr_put_str(p, %s, %s);", values, bytes)
                           : gen_fmt("n += %u + hr_len_bytes(%s);", tag_bytes(f), bytes));
    } else {
        line(w, 2, w->puts ? "uint8_t *start = p++;\n" : "size_t len = 0;\n");
        line(w, 2, gen_fmt("for (size_t i = 0; i < %s; i++)", count));
        line(w, 3, w->puts ? put_value(w->m, f, element(w->m, f)) : gen_fmt("len += %s;", size_value(w, f, element(w->m, f))));
        line(w, 2, w->puts ? "p = hr_end_len(start, p);" : gen_fmt("n += %u + hr_len_bytes(len);", tag_bytes(f)));
    }
    line(w, 1, "}");
}

static void field(struct writer *w, const struct gen_field *f)
{
    const char *when;

    if (f->packed) {
        packed(w, f);
        return;
    }
    if (f->repeated) {
        line(w, 1, gen_fmt("for (size_t i = 0; i < row->%s; i++) {", f->aux));
        one_value(w, 2, f, element(w->m, f));
        line(w, 1, "}");
        return;
    }
    when = condition(w->m, f);
    if (when != NULL)
        line(w, 1, gen_fmt("if (%s) {", when));
    one_value(w, when != NULL ? 2 : 1, f, member(w->m, f));
    if (when != NULL)
        line(w, 1, "}");
}

/* Members of one oneof that stand next to each other by number: one switch. Returns how many. */
static size_t oneof_run(struct writer *w, size_t at)
{
    const struct gen_msg *m = w->m;
    uint32_t which = m->fields[at].oneof;
    size_t i;

    line(w, 1, gen_fmt("switch (row->%s) {", m->oneofs[which - 1].aux));
    for (i = at; i < m->d->n_field && m->fields[i].oneof == which; i++) {
        const struct gen_field *f = &m->fields[i];

        line(w, 1, gen_fmt("case %s:", f->constant));
        if (f->kind == GEN_MESSAGE) {
            line(w, 2, gen_fmt("if (%s != NULL) {", member(m, f)));
            one_value(w, 3, f, member(m, f));
            line(w, 2, "}");
        } else {
            one_value(w, 2, f, member(m, f));
        }
        line(w, 2, "break;");
    }
    line(w, 1, "default:");
    line(w, 2, "break;");
    line(w, 1, "}");
    return i - at;
}

static void all_fields(struct writer *w)
{
    for (size_t i = 0; i < w->m->d->n_field;) {
        if (w->m->fields[i].oneof != 0) {
            i += oneof_run(w, i);
        } else {
            field(w, &w->m->fields[i]);
            i++;
        }
    }
}

/* ---- functions ---- */

static void size_head(struct hrp_buf *out, const struct gen_msg *m, const char *end)
{
    hrp_put_fmt(out, "static size_t size_of_%s(const struct %s *row%s)%s\n", m->name, m->name, m->recursive ? ", int depth" : "", end);
}

static void put_head(struct hrp_buf *out, const struct gen_msg *m, const char *end)
{
    hrp_put_fmt(out, "static uint8_t *put_%s(uint8_t *p, const struct %s *row)%s\n", m->name, m->name, end);
}

static void put_functions(struct hrp_buf *out, const struct gen_msg *m)
{
    struct writer size = {out, m, m->recursive ? "depth - 1" : "HR_MAX_DEPTH - 1", false, false},
                  put = {out, m, "", true, false};

    size_head(out, m, "");
    hrp_put_fmt(out, "{\n    size_t n = 0;\n\n");
    if (m->recursive)
        hrp_put_fmt(out, "    if (depth == 0)\n        return HR_TOO_DEEP;\n");
    all_fields(&size);
    hrp_put_fmt(out, "%s    return n;\n}\n\n", size.reads_row ? "" : "    (void)row;\n");
    put_head(out, m, "");
    hrp_put_fmt(out, "{\n");
    all_fields(&put);
    hrp_put_fmt(out, "%s    return p;\n}\n\n", put.reads_row ? "" : "    (void)row;\n");
}

/* What a message contains comes before it; in a circle the prototypes have to do. */
static void put_functions_below(struct gen *g, struct hrp_buf *out, struct gen_msg *m)
{
    if (m->mark == g->mark)
        return;
    m->mark = g->mark;
    for (size_t i = 0; i < m->d->n_field; i++)
        if (m->fields[i].msg != NULL)
            put_functions_below(g, out, gen_find_msg(g, m->fields[i].msg->full_name));
    put_functions(out, m);
}

static void put_prototypes_below(struct gen *g, struct hrp_buf *out, struct gen_msg *m)
{
    if (m->mark == g->mark)
        return;
    m->mark = g->mark;
    for (size_t i = 0; i < m->d->n_field; i++)
        if (m->fields[i].msg != NULL)
            put_prototypes_below(g, out, gen_find_msg(g, m->fields[i].msg->full_name));
    if (m->recursive) {
        size_head(out, m, ";");
        put_head(out, m, ";\n");
    }
}

/* The bound: what is not a plain number or string is sized exactly. */
static void put_bound(struct hrp_buf *out, const struct gen_msg *m)
{
    struct writer size = {out, m, "HR_MAX_DEPTH - 1", false, false}; /* the event is a level, too */
    uint32_t constant = 0;

    for (size_t i = 0; i < m->d->n_field; i++) {
        const struct gen_field *f = &m->fields[i];

        if (!f->repeated && f->oneof == 0 && f->kind != GEN_MESSAGE)
            constant += tag_bytes(f) + (is_number(f) ? most_bytes(f) : MAX_STRING_LEN_BYTES);
    }
    hrp_put_fmt(out, "    size_t n = %u;\n    hr_row r;\n    uint8_t *p;\n\n    if (row == NULL)\n        return HR_EINVAL;\n", constant);
    for (size_t i = 0; i < m->d->n_field; i++) {
        const struct gen_field *f = &m->fields[i];

        if (f->oneof != 0)
            i += oneof_run(&size, i) - 1;
        else if (f->repeated || f->kind == GEN_MESSAGE)
            field(&size, f);
        else if (f->kind == GEN_BYTES)
            hrp_put_fmt(out, f->aux != NULL ? "    n += row->%s ? row->%s.n : 0;\n" : "    n += row->%s.n;\n",
                        f->aux != NULL ? f->aux : f->name, f->name);
    }
}

static void put_log(struct hrp_buf *out, const struct gen_msg *m)
{
    hrp_put_fmt(out, "int %s_log(hr_client *client, const struct %s *row)\n{\n", m->name, m->name);
    put_bound(out, m);
    hrp_put_fmt(out,
                "    if (n > HR_MAX_EVENT_BYTES)\n        n = size_of_%s(row%s);\n"
                "    p = hr_row_begin(client, &%s_type, n, row->%s, &r);\n"
                "    return p != NULL ? hr_row_end(&r, put_%s(p, row)) : r.err;\n}\n\n",
                m->name, m->recursive ? ", HR_MAX_DEPTH" : "", m->name, m->time_name, m->name);
}

/* ---- descriptor sets ---- */

static bool same_set(const struct gen_msg *a, const struct gen_msg *b)
{
    return a->n_set == b->n_set && memcmp(a->set, b->set, a->n_set) == 0;
}

static bool is_event_of(const struct gen_msg *m, const struct gen_file *f)
{
    return m->file == f && m->time_name != NULL;
}

/* Events of one file mostly need the same files: their sets are the same bytes, which stand here once. */
static const struct gen_msg *first_with_set(const struct gen *g, const struct gen_msg *m)
{
    for (uint32_t i = 0; i < g->n_msgs; i++)
        if (is_event_of(&g->msgs[i], m->file) && same_set(&g->msgs[i], m))
            return &g->msgs[i];
    return m;
}

static void put_set(struct hrp_buf *out, const struct gen_msg *m)
{
    hrp_put_fmt(out, "static const uint8_t set_of_%s[] = {", m->name);
    for (size_t i = 0; i < m->n_set; i++)
        hrp_put_fmt(out, i % 24 == 0 ? "\n    %u," : " %u,", m->set[i]);
    hrp_put_fmt(out, "\n};\n\n");
}

static void put_type(const struct gen *g, struct hrp_buf *out, const struct gen_msg *m)
{
    const struct gen_msg *with = first_with_set(g, m);

    if (with == m)
        put_set(out, m);
    hrp_put_fmt(out, "hr_type %s_type = {\"%s\", set_of_%s, sizeof set_of_%s, 0};\n\n", m->name, m->full_name, with->name,
                with->name);
}

void gen_source(struct gen *g, const struct gen_file *f, struct hrp_buf *out)
{
    hrp_put_fmt(out, "/* Made by protoc-gen-headrace " HEADRACE_VERSION " from %s: change that, not this. */\n", f->d->name);
    hrp_put_fmt(out, "#include \"%s.headrace.h\"\n#include <headrace_row.h>\n\n", f->base);
    for (uint32_t i = 0; i < g->n_msgs; i++)
        if (is_event_of(&g->msgs[i], f))
            put_type(g, out, &g->msgs[i]);
    g->mark++;
    for (uint32_t i = 0; i < g->n_msgs; i++)
        if (is_event_of(&g->msgs[i], f))
            put_prototypes_below(g, out, &g->msgs[i]);
    g->mark++;
    for (uint32_t i = 0; i < g->n_msgs; i++)
        if (is_event_of(&g->msgs[i], f))
            put_functions_below(g, out, &g->msgs[i]);
    for (uint32_t i = 0; i < g->n_msgs; i++)
        if (is_event_of(&g->msgs[i], f))
            put_log(out, &g->msgs[i]);
}
