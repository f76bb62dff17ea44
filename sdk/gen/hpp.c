/* The C++17 header of one file: for each event a struct in the namespace of its package, and log(client, event).
 *
 *   int32 x                 int32_t x{};                        as in C: zero is left out
 *   optional int32 x        std::optional<int32_t> x{};
 *   string x, bytes x       std::string_view x{};
 *   Money x                 const ::shop_money *x{};            nullptr: absent
 *   repeated int32 x        headrace::span<const int32_t> x{};
 *   oneof x { A a; B b; }   an optional or a pointer for each; when several are set, the last one counts
 *
 * It fills the C struct on the stack and calls the C function: nothing is encoded here. Messages inside of events are the C
 * structs, by another name: to turn a list of C++ structs into one of those would mean to allocate in a log call. */
#include "gen.h"
#include <string.h>

static const char *package_of(const struct gen_file *f) { return f->d->package != NULL ? f->d->package : ""; }

/* shop.v1.Cart.Item, in package shop.v1: Cart_Item */
static char *cpp_name(const struct gen_file *f, const char *full_name)
{
    size_t n = strlen(package_of(f));
    char *name = gen_fmt("%s", full_name + (n != 0 ? n + 1 : 0));

    for (char *p = name; *p != '\0'; p++)
        if (*p == '.')
            *p = '_';
    return (char *)(uintptr_t)gen_safe(name);
}

/* "shop::v1"; "" without a package. */
static const char *namespace_of(const struct gen_file *f)
{
    const char *p = package_of(f), *name = "";

    while (*p != '\0') {
        size_t n = strcspn(p, ".");
        const char *part = gen_safe(gen_fmt("%.*s", (int)n, p));

        if (strcmp(part, "std") == 0)
            part = "std_";
        name = gen_fmt("%s%s%s", name, *name != '\0' ? "::" : "", part);
        p += n + (p[n] == '.');
    }
    return name;
}

/* A value's type in the C++ struct; trailing space or star as gen_c_type has it. */
static const char *value_type(const struct gen_field *f)
{
    switch (f->kind) {
    case GEN_BYTES:
        return "::std::string_view ";
    case GEN_MESSAGE:
        return gen_fmt("const ::%s *", f->msg->name);
    default:
        return f->enm != NULL ? gen_fmt("::%s ", f->enm->name) : gen_c_type(f);
    }
}

static const char *element_type(const struct gen_field *f)
{
    const char *type = f->kind == GEN_BYTES ? "::hr_bytes" : f->kind == GEN_MESSAGE ? gen_fmt("::%s", f->msg->name) : value_type(f);
    size_t n = strlen(type);

    return gen_fmt("%.*s", (int)(type[n - 1] == ' ' ? n - 1 : n), type);
}

static bool optional(const struct gen_field *f) { return f->kind != GEN_MESSAGE && (f->aux != NULL || f->oneof != 0); }

static void put_member(struct hrp_buf *out, const struct gen_msg *m, const struct gen_field *f)
{
    const char *type = value_type(f);

    gen_put_above(out, m->file, &f->path, "    ");
    if (f->said != NULL)
        hrp_put_fmt(out, "    /* %s */\n", f->said);
    if (f->repeated)
        hrp_put_fmt(out, "    ::headrace::span<const %s> %s{};", element_type(f), f->name);
    else if (optional(f))
        hrp_put_fmt(out, "    ::std::optional<%.*s> %s{};", (int)strlen(type) - 1, type, f->name);
    else
        hrp_put_fmt(out, "    %s%s{};", type, f->name);
    gen_put_line_end(out, m->file, &f->path);
}

static void put_struct(struct hrp_buf *out, const struct gen_msg *m, const char *name)
{
    gen_put_above(out, m->file, &m->path, "");
    hrp_put_fmt(out, "struct %s {\n", name);
    for (size_t i = 0; i < m->d->n_field; i++)
        put_member(out, m, gen_declared(m, i));
    hrp_put_fmt(out, "    ::std::int64_t %s{}; /* since 1970-01-01T00:00:00Z; 0: now. Not a field of the message */\n};\n\n", m->time_name);
}

/* ---- from the C++ struct to the C one ---- */

static const char *value(const struct gen_field *f, const char *from)
{
    return f->kind == GEN_BYTES ? gen_fmt("::headrace::bytes(%s)", from) : from;
}

static void put_assignment(struct hrp_buf *out, const struct gen_msg *m, const struct gen_field *f)
{
    const char *from = gen_fmt("event.%s", f->name), *inner = gen_fmt("*event.%s", f->name);

    if (f->repeated)
        hrp_put_fmt(out, "    row.%s = %s.data();\n    row.%s = %s.size();\n", f->name, from, f->aux, from);
    else if (f->oneof != 0) {
        const struct gen_oneof *o = &m->oneofs[f->oneof - 1];

        hrp_put_fmt(out, "    if (%s) {\n        row.%s = %s;\n        row.%s.%s = %s;\n    }\n", from, o->aux, f->constant, o->name, f->name,
                    f->kind == GEN_MESSAGE ? from : value(f, inner));
    } else if (optional(f))
        hrp_put_fmt(out, "    if (%s) {\n        row.%s = true;\n        row.%s = %s;\n    }\n", from, f->aux, f->name, value(f, inner));
    else
        hrp_put_fmt(out, "    row.%s = %s;\n", f->name, value(f, from));
}

static void put_log(struct hrp_buf *out, const struct gen_msg *m, const char *name)
{
    hrp_put_fmt(out,
                "/* Log one %s; as %s_log: never blocks or throws, and what it returns may be ignored. */\n"
                "inline int log(::hr_client *client, const %s &event) noexcept\n{\n    ::%s row{};\n\n",
                m->full_name, m->name, name, m->name);
    for (size_t i = 0; i < m->d->n_field; i++)
        put_assignment(out, m, gen_declared(m, i));
    hrp_put_fmt(out, "    row.%s = event.%s;\n    return ::%s_log(client, &row);\n}\n", m->time_name, m->time_name, m->name);
    hrp_put_fmt(out, "inline int log(const ::headrace::Client &client, const %s &event) noexcept { return log(client.get(), event); }\n\n", name);
}

/* ---- the file ---- */

struct taken {
    const char **names;
    uint32_t n;
};

static const char *take(struct taken *t, const struct gen_file *f, const char *full_name)
{
    const char *name = gen_free_name(cpp_name(f, full_name), t->names, t->n);

    t->names[t->n++] = name;
    return name;
}

static void put_types(const struct gen *g, const struct gen_file *f, struct hrp_buf *out)
{
    struct taken t = {gen_alloc((g->n_msgs + g->n_enums) * sizeof *t.names), 0};
    const char *name;

    for (uint32_t i = 0; i < g->n_enums; i++)
        if (g->enums[i].file == f)
            hrp_put_fmt(out, "using %s = ::%s;\n", take(&t, f, g->enums[i].full_name), g->enums[i].name);
    for (uint32_t i = 0; i < g->n_msgs; i++)
        if (g->msgs[i].file == f && g->msgs[i].time_name == NULL)
            hrp_put_fmt(out, "using %s = ::%s;\n", take(&t, f, g->msgs[i].full_name), g->msgs[i].name);
    hrp_put_fmt(out, "\n");
    for (uint32_t i = 0; i < g->n_msgs; i++) {
        if (g->msgs[i].file != f || g->msgs[i].time_name == NULL)
            continue;
        name = take(&t, f, g->msgs[i].full_name);
        put_struct(out, &g->msgs[i], name);
        put_log(out, &g->msgs[i], name);
    }
}

void gen_hpp(const struct gen *g, const struct gen_file *f, struct hrp_buf *out)
{
    const char *guard = gen_guard(f, "HPP"), *ns = namespace_of(f);

    hrp_put_fmt(out, "/* Made by protoc-gen-headrace " HEADRACE_VERSION " from %s: change that, not this. C++17. */\n", f->d->name);
    hrp_put_fmt(out, "#ifndef %s\n#define %s\n\n", guard, guard);
    hrp_put_fmt(out, "#include \"%s.headrace.h\"\n#include <headrace.hpp>\n#include <cstdint>\n#include <optional>\n#include <string_view>\n\n", f->base);
    if (*ns != '\0')
        hrp_put_fmt(out, "namespace %s {\n\n", ns);
    put_types(g, f, out);
    if (*ns != '\0')
        hrp_put_fmt(out, "} // namespace %s\n", ns);
    hrp_put_fmt(out, "#endif\n");
}
