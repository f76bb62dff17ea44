/* The model: every message and enum of every file, with its C names, linked to each other.
 *
 * An event is a top-level message of a file that protoc was asked for, google.protobuf's own apart: a rule that one can
 * keep in mind, and that does not change when another message starts to use this one as a field.
 * Names that would clash get a '_': first the members take their .proto names, then has_x, n_x and x_case take what is
 * free. event_time_ns is ours in an event. Two types that come out with one C name are refused. */
#include "gen.h"
#include "frame.h"
#include "schema.h"
#include <stdlib.h>
#include <string.h>

/* Field numbers in descriptor.proto. */
enum { FILE_MESSAGE = 4, FILE_ENUM = 5, MSG_FIELD = 2, MSG_NESTED = 3, MSG_ENUM = 4, MSG_ONEOF = 8 };

static const char event_time[] = "event_time_ns";

static void count_msgs(const gen_msg_pb *d, struct gen *g)
{
    g->n_msgs++;
    g->n_enums += (uint32_t)d->n_enum_type;
    for (size_t i = 0; i < d->n_nested_type; i++)
        count_msgs(d->nested_type[i], g);
}

static void add_enum(struct gen *g, struct gen_file *f, const gen_enum_pb *d, const char *scope, struct gen_path path)
{
    struct gen_enum *e = &g->enums[g->n_enums++];

    e->d = d;
    e->file = f;
    e->path = path;
    e->full_name = scope[0] != '\0' ? gen_fmt("%s.%s", scope, d->name) : d->name;
    e->name = gen_safe(gen_snake(e->full_name));
}

static void add_msg(struct gen *g, struct gen_file *f, const gen_msg_pb *d, const char *scope, struct gen_path path)
{
    struct gen_msg *m = &g->msgs[g->n_msgs++];

    m->d = d;
    m->file = f;
    m->path = path;
    m->full_name = scope[0] != '\0' ? gen_fmt("%s.%s", scope, d->name) : d->name;
    m->name = gen_safe(gen_snake(m->full_name));
    m->is_entry = d->options != NULL && d->options->has_map_entry && d->options->map_entry;
    for (size_t i = 0; i < d->n_enum_type; i++)
        add_enum(g, f, d->enum_type[i], m->full_name, gen_path_at(&path, MSG_ENUM, (int32_t)i));
    for (size_t i = 0; i < d->n_nested_type; i++)
        add_msg(g, f, d->nested_type[i], m->full_name, gen_path_at(&path, MSG_NESTED, (int32_t)i));
}

static void index_types(struct gen *g)
{
    for (uint32_t i = 0; i < g->n_files; i++) {
        const gen_file_pb *d = g->files[i].d;

        for (size_t j = 0; j < d->n_message_type; j++)
            count_msgs(d->message_type[j], g);
        g->n_enums += (uint32_t)d->n_enum_type;
    }
    g->msgs = gen_alloc(g->n_msgs * sizeof *g->msgs);
    g->enums = gen_alloc(g->n_enums * sizeof *g->enums);
    g->n_msgs = g->n_enums = 0;
    for (uint32_t i = 0; i < g->n_files; i++) {
        struct gen_file *f = &g->files[i];
        const char *package = f->d->package != NULL ? f->d->package : "";
        struct gen_path root = {0};

        for (size_t j = 0; j < f->d->n_enum_type; j++)
            add_enum(g, f, f->d->enum_type[j], package, gen_path_at(&root, FILE_ENUM, (int32_t)j));
        for (size_t j = 0; j < f->d->n_message_type; j++)
            add_msg(g, f, f->d->message_type[j], package, gen_path_at(&root, FILE_MESSAGE, (int32_t)j));
    }
}

struct gen_msg *gen_find_msg(const struct gen *g, const char *full_name)
{
    for (uint32_t i = 0; i < g->n_msgs; i++)
        if (strcmp(g->msgs[i].full_name, full_name + (full_name[0] == '.')) == 0)
            return &g->msgs[i];
    return NULL;
}

static const struct gen_enum *find_enum(const struct gen *g, const char *full_name)
{
    for (uint32_t i = 0; i < g->n_enums; i++)
        if (strcmp(g->enums[i].full_name, full_name + (full_name[0] == '.')) == 0)
            return &g->enums[i];
    return NULL;
}

#define PB_TYPE(t) GOOGLE__PROTOBUF__FIELD_DESCRIPTOR_PROTO__TYPE__TYPE_##t
#define PB_LABEL(l) GOOGLE__PROTOBUF__FIELD_DESCRIPTOR_PROTO__LABEL__LABEL_##l

static bool kind_of(const gen_field_pb *d, enum gen_kind *ret)
{
    switch (d->type) {
    case PB_TYPE(DOUBLE):
        *ret = GEN_DOUBLE;
        return true;
    case PB_TYPE(FLOAT):
        *ret = GEN_FLOAT;
        return true;
    case PB_TYPE(INT32):
    case PB_TYPE(INT64):
    case PB_TYPE(UINT32):
    case PB_TYPE(UINT64):
    case PB_TYPE(ENUM):
        *ret = GEN_VARINT;
        return true;
    case PB_TYPE(SINT32):
    case PB_TYPE(SINT64):
        *ret = GEN_ZIGZAG;
        return true;
    case PB_TYPE(FIXED32):
    case PB_TYPE(SFIXED32):
        *ret = GEN_FIXED32;
        return true;
    case PB_TYPE(FIXED64):
    case PB_TYPE(SFIXED64):
        *ret = GEN_FIXED64;
        return true;
    case PB_TYPE(BOOL):
        *ret = GEN_BOOL;
        return true;
    case PB_TYPE(STRING):
    case PB_TYPE(BYTES):
        *ret = GEN_BYTES;
        return true;
    case PB_TYPE(MESSAGE):
        *ret = GEN_MESSAGE;
        return true;
    default: /* a group */
        return false;
    }
}

bool gen_implicit(const struct gen_field *f)
{
    return f->aux == NULL && f->oneof == 0 && !f->repeated && !f->always && f->kind != GEN_MESSAGE;
}

static bool is_proto3(const struct gen_file *f)
{
    return f->d->syntax != NULL && strcmp(f->d->syntax, "proto3") == 0;
}

static int by_number(const void *a, const void *b)
{
    const struct gen_field *x = a, *y = b;

    return x->d->number < y->d->number ? -1 : x->d->number > y->d->number;
}

/* A member wants has_x: it can be absent and its C type has no value that says so. */
static bool wants_has(const struct gen_msg *m, const struct gen_field *f)
{
    if (f->repeated || f->oneof != 0 || f->always || f->kind == GEN_MESSAGE)
        return false;
    return f->d->has_proto3_optional && f->d->proto3_optional ? true : !is_proto3(m->file);
}

static int link_field(const struct gen *g, struct gen_msg *m, struct gen_field *f, struct hr_error *err)
{
    const gen_field_pb *d = f->d;
    const Google__Protobuf__FieldOptions *opt = d->options;
    bool synthetic = d->has_proto3_optional && d->proto3_optional;

    if (!kind_of(d, &f->kind))
        return hr_error_set(err, HR_ESCHEMA, "%s: %s.%s is a group, which only proto2 has: make it a message field",
                            gen_place(m->file, &f->path), m->full_name, d->name);
    if (f->kind == GEN_MESSAGE)
        f->msg = gen_find_msg(g, d->type_name);
    if (d->type == PB_TYPE(ENUM))
        f->enm = find_enum(g, d->type_name);
    if ((f->kind == GEN_MESSAGE && f->msg == NULL) || (d->type == PB_TYPE(ENUM) && f->enm == NULL))
        return hr_error_set(err, HR_ESCHEMA, "%s: %s.%s: type %s is in none of the files", gen_place(m->file, &f->path),
                            m->full_name, d->name, d->type_name);
    f->repeated = d->label == PB_LABEL(REPEATED);
    f->always = m->is_entry || d->label == PB_LABEL(REQUIRED);
    f->oneof = d->has_oneof_index && !synthetic ? (uint32_t)d->oneof_index + 1 : 0;
    f->packed = f->repeated && f->kind != GEN_BYTES && f->kind != GEN_MESSAGE &&
                (opt != NULL && opt->has_packed ? opt->packed : is_proto3(m->file));
    return 0;
}

/* protoc puts the oneofs it makes for proto3 `optional` behind the real ones. */
static uint32_t count_oneofs(const gen_msg_pb *d)
{
    uint32_t n = (uint32_t)d->n_oneof_decl;

    for (size_t i = 0; i < d->n_field; i++)
        if (d->field[i]->has_proto3_optional && d->field[i]->proto3_optional)
            n--;
    return n;
}

static bool starts(const char *s, const char *with)
{
    return strncmp(s, with, strlen(with)) == 0;
}

/* Also where it is only imported now: its members have the names they have where it is an event. */
static bool may_be_event(const struct gen_msg *m)
{
    return m->path.n == 2 && !starts(m->full_name, "google.protobuf.");
}

static void name_members(struct gen_msg *m)
{
    const char **taken = gen_alloc((2 * m->d->n_field + 2 * m->n_oneofs + 1) * sizeof *taken);
    uint32_t n = 0;

    if (may_be_event(m))
        taken[n++] = event_time;
    for (size_t i = 0; i < m->d->n_field; i++)
        if (m->fields[i].oneof == 0)
            taken[n] = m->fields[i].name = gen_free_name(gen_safe(m->fields[i].d->name), taken, n), n++;
    for (uint32_t i = 0; i < m->n_oneofs; i++)
        taken[n] = m->oneofs[i].name = gen_free_name(gen_safe(m->d->oneof_decl[i]->name), taken, n), n++;
    for (size_t i = 0; i < m->d->n_field; i++) {
        struct gen_field *f = &m->fields[i];

        if (f->oneof != 0)
            f->name = gen_safe(f->d->name); /* in a union of its own */
        else if (f->repeated || wants_has(m, f))
            taken[n] = f->aux = gen_free_name(gen_fmt("%s_%s", f->repeated ? "n" : "has", f->d->name), taken, n), n++;
    }
    for (uint32_t i = 0; i < m->n_oneofs; i++)
        taken[n] = m->oneofs[i].aux = gen_free_name(gen_fmt("%s_case", m->d->oneof_decl[i]->name), taken, n), n++;
}

static int make_fields(const struct gen *g, struct gen_msg *m, struct hr_error *err)
{
    int r = 0;

    m->fields = gen_alloc(m->d->n_field * sizeof *m->fields);
    m->n_oneofs = count_oneofs(m->d);
    m->oneofs = gen_alloc(m->n_oneofs * sizeof *m->oneofs);
    for (size_t i = 0; r == 0 && i < m->d->n_field; i++) {
        m->fields[i].d = m->d->field[i];
        m->fields[i].path = gen_path_at(&m->path, MSG_FIELD, (int32_t)i);
        r = link_field(g, m, &m->fields[i], err);
    }
    if (r != 0)
        return r;
    for (uint32_t i = 0; i < m->n_oneofs; i++) {
        m->oneofs[i].path = gen_path_at(&m->path, MSG_ONEOF, (int32_t)i);
        m->oneofs[i].type = gen_fmt("%s_%s_case", m->name, gen_snake(m->d->oneof_decl[i]->name));
    }
    if (m->d->n_field != 0)
        qsort(m->fields, m->d->n_field, sizeof *m->fields, by_number);
    name_members(m);
    return 0;
}

/* CURRENCY_EUR of enum Currency is SHOP_CURRENCY_EUR, not SHOP_CURRENCY_CURRENCY_EUR. */
static void name_constants(struct gen_enum *e)
{
    const char *prefix = gen_upper(e->name), *own = gen_fmt("%s_", gen_upper(gen_snake(e->d->name)));
    bool strip = true;

    for (size_t i = 0; strip && i < e->d->n_value; i++) {
        const char *name = e->d->value[i]->name;

        strip = starts(name, own) && name[strlen(own)] != '\0';
    }
    e->constants = gen_alloc(e->d->n_value * sizeof *e->constants);
    for (size_t i = 0; i < e->d->n_value; i++)
        e->constants[i] = gen_free_name(gen_fmt("%s_%s", prefix, e->d->value[i]->name + (strip ? strlen(own) : 0)), e->constants,
                                        (uint32_t)i);
}

static void name_cases(struct gen_msg *m)
{
    const char **taken = gen_alloc((m->d->n_field + m->n_oneofs) * sizeof *taken);
    uint32_t n = 0;

    for (size_t i = 0; i < m->d->n_field; i++) {
        struct gen_field *f = &m->fields[i];

        if (f->oneof != 0)
            taken[n] = f->constant = gen_free_name(gen_upper(gen_fmt("%s_%s_%s", m->name, m->d->oneof_decl[f->oneof - 1]->name,
                                                                     f->d->name)), taken, n), n++;
    }
    for (uint32_t i = 0; i < m->n_oneofs; i++)
        taken[n] = m->oneofs[i].constant =
            gen_free_name(gen_upper(gen_fmt("%s_%s_NOT_SET", m->name, m->d->oneof_decl[i]->name)), taken, n), n++;
}

/* One table of all names at file scope that come from a wanted or given file. */
struct scope {
    struct known {
        const char *name, *what, *place;
    } *known;
    size_t n;
};

static void scope_add(struct scope *s, const char *name, const char *what, const char *place)
{
    s->known[s->n++] = (struct known){name, what, place};
}

static int by_name(const void *a, const void *b)
{
    const struct known *x = a, *y = b;
    int r = strcmp(x->name, y->name);

    return r != 0 ? r : strcmp(x->place, y->place);
}

static int scope_check(struct scope *s, struct hr_error *err)
{
    if (s->n != 0)
        qsort(s->known, s->n, sizeof *s->known, by_name);
    for (size_t i = 1; i < s->n; i++)
        if (strcmp(s->known[i - 1].name, s->known[i].name) == 0)
            return hr_error_set(err, HR_ESCHEMA, "%s: %s and %s (%s) would both be %s in C", s->known[i].place, s->known[i].what,
                                s->known[i - 1].what, s->known[i - 1].place, s->known[i].name);
    return 0;
}

static bool is_shown(const struct gen_file *f)
{
    return f->wanted || f->given;
}

static void scope_msg(struct scope *tags, struct scope *names, const struct gen_msg *m)
{
    const char *place = gen_place(m->file, &m->path);

    scope_add(tags, m->name, m->full_name, place);
    for (uint32_t i = 0; i < m->n_oneofs; i++) {
        const char *what = gen_fmt("%s.%s", m->full_name, m->d->oneof_decl[i]->name);

        scope_add(tags, m->oneofs[i].type, what, gen_place(m->file, &m->oneofs[i].path));
        scope_add(names, m->oneofs[i].constant, what, gen_place(m->file, &m->oneofs[i].path));
    }
    for (size_t i = 0; i < m->d->n_field; i++)
        if (m->fields[i].constant != NULL)
            scope_add(names, m->fields[i].constant, gen_fmt("%s.%s", m->full_name, m->fields[i].d->name),
                      gen_place(m->file, &m->fields[i].path));
    if (m->time_name != NULL) {
        scope_add(names, gen_fmt("%s_log", m->name), m->full_name, place);
        scope_add(names, gen_fmt("%s_type", m->name), m->full_name, place);
    }
}

/* C has one space for struct and enum tags, one for functions, objects and constants. In C++ a tag is a name too, but gives
 * way to a function of that name. */
static int check_names(const struct gen *g, struct hr_error *err)
{
    size_t n_tags = g->n_enums, n_names = 0;
    struct scope tags = {0}, names = {0};
    int r;

    for (uint32_t i = 0; i < g->n_msgs; i++) {
        n_tags += 1 + g->msgs[i].n_oneofs;
        n_names += 2 + g->msgs[i].n_oneofs + g->msgs[i].d->n_field;
    }
    for (uint32_t i = 0; i < g->n_enums; i++)
        n_names += g->enums[i].d->n_value;
    tags.known = gen_alloc(n_tags * sizeof *tags.known);
    names.known = gen_alloc(n_names * sizeof *names.known);
    for (uint32_t i = 0; i < g->n_msgs; i++)
        if (is_shown(g->msgs[i].file))
            scope_msg(&tags, &names, &g->msgs[i]);
    for (uint32_t i = 0; i < g->n_enums; i++) {
        const struct gen_enum *e = &g->enums[i];

        if (!is_shown(e->file))
            continue;
        scope_add(&tags, e->name, e->full_name, gen_place(e->file, &e->path));
        for (size_t j = 0; j < e->d->n_value; j++)
            scope_add(&names, e->constants[j], gen_fmt("%s.%s", e->full_name, e->d->value[j]->name), gen_place(e->file, &e->path));
    }
    r = scope_check(&tags, err);
    return r != 0 ? r : scope_check(&names, err);
}

static bool reaches(struct gen *g, struct gen_msg *from, const struct gen_msg *to)
{
    for (size_t i = 0; i < from->d->n_field; i++) {
        struct gen_msg *m = (struct gen_msg *)from->fields[i].msg;

        if (m == NULL || m->mark == g->mark)
            continue;
        m->mark = g->mark;
        if (m == to || reaches(g, m, to))
            return true;
    }
    return false;
}

static void use_file(struct gen_file *by, struct gen_file *of)
{
    if (of == by)
        return;
    for (uint32_t i = 0; i < by->n_uses; i++)
        if (by->uses[i] == of)
            return;
    by->uses[by->n_uses++] = of;
}

/* Which headers a file needs; those of google.protobuf come along, so that nobody has to generate them. */
static void link_files(struct gen *g)
{
    for (uint32_t i = 0; i < g->n_files; i++)
        g->files[i].uses = gen_alloc(g->n_files * sizeof(struct gen_file *));
    for (uint32_t i = 0; i < g->n_msgs; i++)
        for (size_t j = 0; j < g->msgs[i].d->n_field; j++) {
            const struct gen_field *f = &g->msgs[i].fields[j];

            if (f->msg != NULL)
                use_file(g->msgs[i].file, f->msg->file);
            if (f->enm != NULL)
                use_file(g->msgs[i].file, f->enm->file);
        }
    for (uint32_t i = g->n_files; i-- != 0;) /* imports come first: backwards, a user before what it uses */
        for (uint32_t j = 0; is_shown(&g->files[i]) && j < g->files[i].n_uses; j++) {
            struct gen_file *u = g->files[i].uses[j];

            u->given = u->given || (!u->wanted && starts(u->d->name, "google/protobuf/"));
        }
}

int gen_model(struct gen *g, struct hr_error *err)
{
    int r = 0;

    index_types(g);
    for (uint32_t i = 0; r == 0 && i < g->n_msgs; i++) {
        struct gen_msg *m = &g->msgs[i];

        m->time_name = m->file->wanted && may_be_event(m) ? event_time : NULL;
        r = make_fields(g, m, err);
        if (r == 0)
            name_cases(m);
    }
    if (r != 0)
        return r;
    for (uint32_t i = 0; i < g->n_enums; i++)
        name_constants(&g->enums[i]);
    for (uint32_t i = 0; i < g->n_msgs; i++) {
        g->mark++;
        g->msgs[i].recursive = reaches(g, &g->msgs[i], &g->msgs[i]);
    }
    link_files(g);
    return check_names(g, err);
}
