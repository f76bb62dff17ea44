/* The header of one file: enums, structs and what logs them, with the comments of the .proto.
 *
 * How a field stands in its struct, so that its presence is natural:
 *
 *   int32 x                 int32_t x;                          zero: left out, as proto3 does
 *   optional int32 x        bool has_x; int32_t x;
 *   string x, bytes x       hr_bytes x;
 *   Money x                 const struct shop_money *x;         NULL: absent
 *   repeated int32 x        const int32_t *x; size_t n_x;
 *   map<string, Money> x    const struct shop_cart_x_entry *x; size_t n_x;
 *   oneof x { ... }         enum shop_cart_x_case x_case; union { ... } x; */
#include "gen.h"
#include <string.h>

/* ---- comments ---- */

/* The text of a .proto must not end our comment, nor look as if it began another. */
static void put_comment_text(struct hrp_buf *out, const char *s, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if ((unsigned char)s[i] < ' ' && s[i] != '\t')
            continue;
        hrp_put_u8(out, (uint8_t)s[i]);
        if (i + 1 < n && ((s[i] == '*' && s[i + 1] == '/') || (s[i] == '/' && s[i + 1] == '*')))
            hrp_put_u8(out, ' ');
    }
}

static const char *skip_blank_lines(const char *s)
{
    for (const char *p = s; *p == ' ' || *p == '\n'; p++)
        if (*p == '\n')
            s = p + 1;
    return s;
}

static size_t trimmed(const char *s)
{
    size_t n = strlen(s);

    while (n != 0 && (s[n - 1] == '\n' || s[n - 1] == ' '))
        n--;
    return n;
}

static void put_comment_body(struct hrp_buf *out, const char *text, const char *indent)
{
    const char *s = skip_blank_lines(text), *end = s + trimmed(s);
    bool first = true;

    for (; s < end; first = false) {
        const char *eol = memchr(s, '\n', (size_t)(end - s));
        size_t n = (size_t)((eol != NULL ? eol : end) - s);

        if (!first)
            hrp_put_fmt(out, "\n%s *", indent);
        if (n != 0 && *s != ' ')
            hrp_put_u8(out, ' ');
        put_comment_text(out, s, n);
        s += n + (eol != NULL);
    }
}

static bool is_blank(const char *text)
{
    return trimmed(skip_blank_lines(text)) == 0;
}

static bool one_line(const char *text)
{
    const char *s = skip_blank_lines(text);

    return memchr(s, '\n', trimmed(s)) == NULL;
}

static void put_comment(struct hrp_buf *out, const char *text, const char *indent)
{
    if (is_blank(text))
        return;
    hrp_put_fmt(out, "%s/*", indent);
    put_comment_body(out, text, indent);
    hrp_put_fmt(out, " */\n");
}

/* A declaration is put in three steps: what stands above it, itself, and the end of its line. */
void gen_put_above(struct hrp_buf *out, const struct gen_file *f, const struct gen_path *p, const char *indent)
{
    const char *before, *behind;

    gen_comments(f, p, &before, &behind);
    put_comment(out, before, indent);
    if (!one_line(behind))
        put_comment(out, behind, indent);
}

void gen_put_line_end(struct hrp_buf *out, const struct gen_file *f, const struct gen_path *p)
{
    const char *before, *behind;

    gen_comments(f, p, &before, &behind);
    if (!is_blank(behind) && one_line(behind)) {
        hrp_put_fmt(out, " /*");
        put_comment_body(out, behind, "");
        hrp_put_fmt(out, " */");
    }
    hrp_put_fmt(out, "\n");
}

/* ---- types ---- */

#define PB_TYPE(t) GOOGLE__PROTOBUF__FIELD_DESCRIPTOR_PROTO__TYPE__TYPE_##t

const char *gen_c_type(const struct gen_field *f)
{
    switch (f->d->type) {
    case PB_TYPE(INT32):
    case PB_TYPE(SINT32):
    case PB_TYPE(SFIXED32):
        return "int32_t ";
    case PB_TYPE(INT64):
    case PB_TYPE(SINT64):
    case PB_TYPE(SFIXED64):
        return "int64_t ";
    case PB_TYPE(UINT32):
    case PB_TYPE(FIXED32):
        return "uint32_t ";
    case PB_TYPE(UINT64):
    case PB_TYPE(FIXED64):
        return "uint64_t ";
    case PB_TYPE(DOUBLE):
        return "double ";
    case PB_TYPE(FLOAT):
        return "float ";
    case PB_TYPE(BOOL):
        return "bool ";
    case PB_TYPE(ENUM):
        return gen_fmt("enum %s ", f->enm->name);
    case PB_TYPE(MESSAGE):
        return gen_fmt("const struct %s *", f->msg->name);
    default:
        return "hr_bytes ";
    }
}

static void put_member(struct hrp_buf *out, const struct gen_msg *m, const struct gen_field *f, const char *indent)
{
    gen_put_above(out, m->file, &f->path, indent);
    if (f->said != NULL)
        put_comment(out, f->said, indent);
    if (f->repeated) {
        const char *type = gen_c_type(f);

        hrp_put_fmt(out, "%s%s%s%s%s;", indent, f->kind == GEN_MESSAGE ? "" : "const ", type, f->kind == GEN_MESSAGE ? "" : "*",
                    f->name);
        gen_put_line_end(out, m->file, &f->path);
        hrp_put_fmt(out, "%ssize_t %s;\n", indent, f->aux);
        return;
    }
    if (f->aux != NULL)
        hrp_put_fmt(out, "%sbool %s;\n", indent, f->aux);
    hrp_put_fmt(out, "%s%s%s;", indent, gen_c_type(f), f->name);
    gen_put_line_end(out, m->file, &f->path);
}

const struct gen_field *gen_declared(const struct gen_msg *m, size_t i)
{
    for (size_t j = 0; j < m->d->n_field; j++)
        if (m->fields[j].d == m->d->field[i])
            return &m->fields[j];
    return NULL;
}

static void put_oneof(struct hrp_buf *out, const struct gen_msg *m, uint32_t which)
{
    const struct gen_oneof *o = &m->oneofs[which - 1];

    gen_put_above(out, m->file, &o->path, "    ");
    hrp_put_fmt(out, "    enum %s %s;", o->type, o->aux);
    gen_put_line_end(out, m->file, &o->path);
    hrp_put_fmt(out, "    union {\n");
    for (size_t i = 0; i < m->d->n_field; i++)
        if (gen_declared(m, i)->oneof == which)
            put_member(out, m, gen_declared(m, i), "        ");
    hrp_put_fmt(out, "    } %s;\n", o->name);
}

static bool first_of_oneof(const struct gen_msg *m, size_t i)
{
    for (size_t j = 0; j < i; j++)
        if (gen_declared(m, j)->oneof == gen_declared(m, i)->oneof)
            return false;
    return true;
}

static void put_struct(struct hrp_buf *out, const struct gen_msg *m)
{
    gen_put_above(out, m->file, &m->path, "");
    hrp_put_fmt(out, "struct %s {", m->name);
    gen_put_line_end(out, m->file, &m->path);
    for (size_t i = 0; i < m->d->n_field; i++) {
        const struct gen_field *f = gen_declared(m, i);

        if (f->oneof == 0)
            put_member(out, m, f, "    ");
        else if (first_of_oneof(m, i))
            put_oneof(out, m, f->oneof);
    }
    if (m->time_name != NULL)
        hrp_put_fmt(out, "    int64_t %s; /* since 1970-01-01T00:00:00Z; 0: now. Not a field of the message */\n", m->time_name);
    else if (m->d->n_field == 0)
        hrp_put_fmt(out, "    char nothing_; /* C has no empty struct */\n");
    hrp_put_fmt(out, "};\n\n");
}

static void put_cases(struct hrp_buf *out, const struct gen_msg *m)
{
    for (uint32_t i = 0; i < m->n_oneofs; i++) {
        hrp_put_fmt(out, "enum %s {\n    %s = 0,\n", m->oneofs[i].type, m->oneofs[i].constant);
        for (size_t j = 0; j < m->d->n_field; j++)
            if (m->fields[j].oneof == i + 1)
                hrp_put_fmt(out, "    %s = %d,\n", m->fields[j].constant, m->fields[j].d->number);
        hrp_put_fmt(out, "};\n\n");
    }
}

static void put_enum(struct hrp_buf *out, const struct gen_enum *e)
{
    const int32_t enum_value = 2; /* EnumDescriptorProto.value */
    const char *wide = gen_free_name(gen_fmt("%s_INT_", gen_upper(e->name)), e->constants, (uint32_t)e->d->n_value);

    gen_put_above(out, e->file, &e->path, "");
    hrp_put_fmt(out, "enum %s {", e->name);
    gen_put_line_end(out, e->file, &e->path);
    for (size_t i = 0; i < e->d->n_value; i++) {
        struct gen_path path = gen_path_at(&e->path, enum_value, (int32_t)i);
        int32_t v = e->d->value[i]->number;

        gen_put_above(out, e->file, &path, "    ");
        if (v == INT32_MIN)
            hrp_put_fmt(out, "    %s = -2147483647 - 1,", e->constants[i]);
        else
            hrp_put_fmt(out, "    %s = %d,", e->constants[i], v);
        gen_put_line_end(out, e->file, &path);
    }
    hrp_put_fmt(out, "    %s = -2147483647 - 1 /* makes the type an int; not a value */\n};\n\n", wide);
}

static void put_log_declaration(struct hrp_buf *out, const struct gen_msg *m)
{
    hrp_put_fmt(out,
                "/* Log one %s. Never blocks, keeps errno; no lock, allocation or system call.\n"
                " * thread:  any, also several at once; a thread's first call differs: it maps the thread's lane\n"
                " * owns:    nothing; `row` and all it points to are read before it returns\n"
                " * returns: 0; HR_EFULL, HR_ETOOBIG, HR_ECLOSED, HR_ELIMIT, HR_EFORK: dropped and counted by reason, may be ignored.\n"
                " *          HR_EINVAL: row is NULL */\n"
                "int %s_log(hr_client *client, const struct %s *row);\n"
                "extern hr_type %s_type; /* for hr_log_raw and hr_log_wire */\n\n",
                m->full_name, m->name, m->name, m->name);
}

const char *gen_guard(const struct gen_file *f, const char *suffix)
{
    char *s = gen_fmt("%s_HEADRACE_%s", gen_upper(f->base), suffix);

    for (char *p = s; *p != '\0'; p++)
        if (!((*p >= 'A' && *p <= 'Z') || (*p >= '0' && *p <= '9')))
            *p = '_';
    return s[0] >= '0' && s[0] <= '9' ? gen_fmt("PROTO_%s", s) : s;
}

static void put_includes(struct hrp_buf *out, const struct gen_file *f)
{
    hrp_put_fmt(out, "#include <headrace.h>\n#include <stdbool.h>\n#include <stddef.h>\n#include <stdint.h>\n");
    for (uint32_t i = 0; i < f->n_uses; i++)
        hrp_put_fmt(out, "#include \"%s.headrace.h\"\n", f->uses[i]->base);
    hrp_put_fmt(out, "\n");
}

void gen_header(const struct gen *g, const struct gen_file *f, struct hrp_buf *out)
{
    const char *guard = gen_guard(f, "H");

    hrp_put_fmt(out, "/* Made by protoc-gen-headrace " HEADRACE_VERSION " from %s: change that, not this. */\n", f->d->name);
    hrp_put_fmt(out, "#ifndef %s\n#define %s\n\n", guard, guard);
    put_includes(out, f);
    hrp_put_fmt(out, "#ifdef __cplusplus\nextern \"C\" {\n#endif\n\n");
    for (uint32_t i = 0; i < g->n_enums; i++)
        if (g->enums[i].file == f)
            put_enum(out, &g->enums[i]);
    for (uint32_t i = 0; i < g->n_msgs; i++)
        if (g->msgs[i].file == f)
            put_cases(out, &g->msgs[i]);
    for (uint32_t i = 0; i < g->n_msgs; i++)
        if (g->msgs[i].file == f)
            hrp_put_fmt(out, "struct %s;\n", g->msgs[i].name);
    hrp_put_fmt(out, "\n");
    for (uint32_t i = 0; i < g->n_msgs; i++)
        if (g->msgs[i].file == f)
            put_struct(out, &g->msgs[i]);
    for (uint32_t i = 0; i < g->n_msgs; i++)
        if (g->msgs[i].file == f && g->msgs[i].time_name != NULL)
            put_log_declaration(out, &g->msgs[i]);
    hrp_put_fmt(out, "#ifdef __cplusplus\n}\n#endif\n#endif\n");
}
