#include "types.h"
#include "options_read.h"
#include <stdlib.h>
#include <string.h>

#define MAX_NUMBER 536870911 /* 2^29 - 1, protobuf.dev/programming-guides/proto3, "Assigning Field Numbers" */

#define TYPE(name) GOOGLE__PROTOBUF__FIELD_DESCRIPTOR_PROTO__TYPE__TYPE_##name
#define LABEL(name) GOOGLE__PROTOBUF__FIELD_DESCRIPTOR_PROTO__LABEL__LABEL_##name

bool hrp_field_is_map(const struct hrp_type_field *f)
{
    return f->msg != NULL && f->msg->map_entry;
}

bool hrp_field_in_oneof(const struct hrp_type *t, const struct hrp_type_field *f)
{
    return f->d->has_oneof_index && t->oneof_members[f->d->oneof_index] != 0;
}

uint32_t hrp_field_depth(const struct hrp_type_field *f, uint32_t depth)
{
    return hrp_field_is_map(f) ? depth : depth + 1;
}

bool hrp_field_is_opaque(const struct hrp_type_field *f, uint32_t depth)
{
    return f->msg != NULL && !f->msg->map_entry && (f->msg->recursive || depth + 1 > HRP_MAX_FLAT_DEPTH);
}

/* ---- one field ---- */

enum { MESSAGE_FIELD = 2, MESSAGE_ONEOF = 8 }; /* field numbers of DescriptorProto */

const char *hrp_field_place(const struct hrp_type *t, const struct hrp_type_field *f, const int32_t *below, size_t n_below,
                            char ret[HRP_MAX_PLACE])
{
    int32_t path[2 + 16] = {MESSAGE_FIELD, (int32_t)(f - t->fields)};

    n_below = n_below < 16 ? n_below : 16; /* the nearest place around it will do */
    if (n_below != 0)
        memcpy(path + 2, below, n_below * sizeof *below);
    return hrp_symbol_place(t->sym, path, 2 + n_below, ret);
}

struct check {
    struct hrp_types *ts;
    struct hrp_type *t;
    struct hr_error *err;
    char place[HRP_MAX_PLACE];
};

static const char *or_empty(const char *s)
{
    return s != NULL ? s : "";
}

#define refuse_at(c, where, what, fmt, ...)                                                                                        \
    hr_error_set((c)->err, HR_ESCHEMA, "%s: %s.%s: " fmt, where, (c)->t->sym->name, or_empty(what), __VA_ARGS__)
#define refuse(c, f, fmt, ...) refuse_at(c, hrp_field_place((c)->t, f, NULL, 0, (c)->place), (f)->d->name, fmt, __VA_ARGS__)

static struct hrp_type *type_of(struct hrp_types *ts, struct hrp_symbol *sym, struct hr_error *err, int *ret_err)
{
    struct hrp_type *t = sym->type;
    char place[HRP_MAX_PLACE];

    if (t != NULL)
        return t;
    if (ts->n == ts->lim->columns) {
        *ret_err = hr_error_set(err, HR_ELIMIT, "%s: %s: the event reaches more than %u message types",
                                hrp_symbol_place(sym, NULL, 0, place), sym->name, ts->lim->columns);
        return NULL;
    }
    t = hrp_arena_take(ts->ds->arena, 1, sizeof *t);
    if (t == NULL) {
        *ret_err = hrp_descset_nomem(ts->ds, err);
        return NULL;
    }
    memset(t, 0, sizeof *t);
    t->sym = sym;
    t->map_entry = sym->msg->options != NULL && sym->msg->options->has_map_entry && sym->msg->options->map_entry;
    sym->type = t;
    ts->list[ts->n++] = t;
    return t;
}

static int enum_check(struct check *c, struct hrp_symbol *sym)
{
    const char *place = hrp_symbol_place(sym, NULL, 0, c->place);

    if (sym->enm->n_value == 0)
        return hr_error_set(c->err, HR_ESCHEMA, "%s: %s: an enum without values", place, sym->name);
    for (size_t i = 0; i < sym->enm->n_value && !sym->checked; i++) {
        const char *name = sym->enm->value[i]->name;

        if (!hrp_is_identifier(name) || strlen(name) > HRP_MAX_NAME)
            return hr_error_set(c->err, HR_ESCHEMA, "%s: %s: \"%s\" is not a name", place, sym->name, name != NULL ? name : "");
    }
    if (sym->features.bad)
        return hr_error_set(c->err, HR_ESCHEMA, "%s: %s: a feature that this version does not know", place, sym->name);
    sym->checked = true;
    return 0;
}

static int field_resolve(struct check *c, struct hrp_type_field *f)
{
    const pb_field *d = f->d;
    bool wants_enum = d->type == TYPE(ENUM);
    struct hrp_symbol *sym;
    int r = 0;

    if (d->type_name == NULL || d->type_name[0] != '.')
        return refuse(c, f, "type name \"%s\" is not a full name with a leading dot",
                      d->type_name != NULL ? d->type_name : "");
    sym = hrp_descset_find(c->ts->ds, d->type_name + 1);
    if (sym == NULL)
        return refuse(c, f, "its type %s is not in the set", d->type_name + 1);
    if (!hrp_descset_imports(c->ts->ds, c->t->sym->file, sym->file))
        return refuse(c, f, "its type %s is in %s, which is not imported", sym->name, sym->file->name);
    if (wants_enum != (sym->enm != NULL))
        return refuse(c, f, "%s is %s", sym->name, wants_enum ? "a message, not an enum" : "an enum, not a message");
    f->enm = wants_enum ? sym : NULL;
    if (wants_enum)
        return enum_check(c, sym);
    f->msg = type_of(c->ts, sym, c->err, &r);
    return r;
}

static int field_check(struct check *c, struct hrp_type_field *f)
{
    const pb_field *d = f->d;

    if (!hrp_is_identifier(d->name) || strlen(d->name) > HRP_MAX_NAME)
        return refuse(c, f, "not a field name of at most %d bytes", HRP_MAX_NAME);
    if (strcmp(d->name, "_unknown") == 0)
        return refuse(c, f, "the name is taken: rows as JSON have their unknown fields there%s", "");
    if (!d->has_number || d->number < 1 || d->number > MAX_NUMBER)
        return refuse(c, f, "field number %d is not within 1 and %d", d->has_number ? d->number : 0, MAX_NUMBER);
    if (d->has_label && (d->label < LABEL(OPTIONAL) || d->label > LABEL(REPEATED)))
        return refuse(c, f, "unknown label %d", (int)d->label);
    if (!d->has_type || d->type < TYPE(DOUBLE) || d->type > TYPE(SINT64))
        return refuse(c, f, "unknown type %d", d->has_type ? (int)d->type : 0);
    if (d->has_oneof_index && (d->oneof_index < 0 || (uint32_t)d->oneof_index >= c->t->n_oneofs))
        return refuse(c, f, "oneof %d of %u", d->oneof_index, c->t->n_oneofs);
    if (d->has_oneof_index && d->has_label && d->label != LABEL(OPTIONAL))
        return refuse(c, f, "a member of a oneof can't be repeated or required%s", "");
    return d->type == TYPE(MESSAGE) || d->type == TYPE(GROUP) || d->type == TYPE(ENUM) ? field_resolve(c, f) : 0;
}

/* ---- one message ---- */

static int by_number(const void *a, const void *b)
{
    int32_t x = (*(const struct hrp_type_field *const *)a)->d->number, y = (*(const struct hrp_type_field *const *)b)->d->number;

    return (x > y) - (x < y);
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static int numbers_check(struct check *c)
{
    const struct hrp_type_field **sorted = hrp_arena_take(c->ts->ds->arena, c->t->n_fields + 1, sizeof *sorted);

    if (sorted == NULL)
        return hrp_descset_nomem(c->ts->ds, c->err);
    for (uint32_t i = 0; i < c->t->n_fields; i++)
        sorted[i] = &c->t->fields[i];
    qsort(sorted, c->t->n_fields, sizeof *sorted, by_number);
    for (uint32_t i = 1; i < c->t->n_fields; i++) {
        if (sorted[i]->d->number == sorted[i - 1]->d->number)
            return refuse(c, sorted[i], "field number %d is also that of %s", sorted[i]->d->number,
                          sorted[i - 1]->d->name);
    }
    return 0;
}

/* Fields and oneofs share one space of names. */
static int names_check(struct check *c)
{
    const char **names = hrp_arena_take(c->ts->ds->arena, c->t->n_fields + c->t->n_oneofs + 1, sizeof *names);
    uint32_t n = 0;

    if (names == NULL)
        return hrp_descset_nomem(c->ts->ds, c->err);
    for (uint32_t i = 0; i < c->t->n_fields; i++)
        names[n++] = c->t->fields[i].d->name;
    for (uint32_t i = 0; i < c->t->n_oneofs; i++) {
        const int32_t at[] = {MESSAGE_ONEOF, (int32_t)i};
        const char *name = c->t->sym->msg->oneof_decl[i]->name;

        if (!hrp_is_identifier(name) || strlen(name) > HRP_MAX_NAME)
            return refuse_at(c, hrp_symbol_place(c->t->sym, at, 2, c->place), name, "not a oneof name of at most %d bytes", HRP_MAX_NAME);
        names[n++] = name;
    }
    qsort(names, n, sizeof *names, by_text);
    for (uint32_t i = 1; i < n; i++) {
        if (strcmp(names[i], names[i - 1]) == 0)
            return refuse_at(c, hrp_symbol_place(c->t->sym, NULL, 0, c->place), names[i], "the name is there twice%s", "");
    }
    return 0;
}

/* A oneof that only carries a proto3 `optional` is dissolved: it keeps 0 members. */
static int oneofs_check(struct check *c)
{
    struct hrp_type *t = c->t;

    for (uint32_t i = 0; i < t->n_fields; i++) {
        if (t->fields[i].d->has_oneof_index)
            t->oneof_members[t->fields[i].d->oneof_index]++;
    }
    for (uint32_t i = 0; i < t->n_fields; i++) {
        const pb_field *d = t->fields[i].d;

        if (!d->has_proto3_optional || !d->proto3_optional || !d->has_oneof_index)
            continue;
        if (t->oneof_members[d->oneof_index] != 1)
            return refuse(c, &t->fields[i], "an `optional` field shares its oneof%s", "");
        t->oneof_members[d->oneof_index] = 0;
    }
    return 0;
}

static bool map_key_ok(const pb_field *d)
{
    return d->type != TYPE(DOUBLE) && d->type != TYPE(FLOAT) && d->type != TYPE(BYTES) && d->type != TYPE(MESSAGE) &&
           d->type != TYPE(GROUP) && d->type != TYPE(ENUM);
}

static bool enum_starts_at_zero(const struct hrp_symbol *enm)
{
    return enm == NULL || enm->enm->n_value == 0 || enm->enm->value[0]->number == 0;
}

/* protoc makes map entries; a set from elsewhere may hold anything. */
static int map_entry_check(struct check *c)
{
    const struct hrp_type *t = c->t;

    if (t->n_fields != 2 || t->n_oneofs != 0 || t->fields[0].d->number != 1 || t->fields[1].d->number != 2 ||
        strcmp(t->fields[0].d->name, "key") != 0 || strcmp(t->fields[1].d->name, "value") != 0)
        return refuse_at(c, hrp_symbol_place(t->sym, NULL, 0, c->place), "key", "a map entry needs exactly `key` = 1 and `value` = 2%s", "");
    for (int i = 0; i < 2; i++) {
        if (t->fields[i].d->has_label && t->fields[i].d->label != LABEL(OPTIONAL))
            return refuse(c, &t->fields[i], "a map entry's field can't be repeated or required%s", "");
    }
    if (!map_key_ok(t->fields[0].d))
        return refuse(c, &t->fields[0], "a map's key is an integer, a bool or a string%s", "");
    if (hrp_field_is_map(&t->fields[1]))
        return refuse(c, &t->fields[1], "a map's value can't be a map%s", "");
    if (!enum_starts_at_zero(t->fields[1].enm))
        return refuse(c, &t->fields[1], "%s can't be the value of a map: its first number is not 0", t->fields[1].enm->name);
    return 0;
}

static int fields_check(struct check *c)
{
    for (uint32_t i = 0; i < c->t->n_fields; i++) {
        struct hrp_type_field *f = &c->t->fields[i];
        int r;

        f->d = c->t->sym->msg->field[i];
        r = field_check(c, f);
        if (r != 0)
            return r;
        if (hrp_field_is_map(f) && (!f->d->has_label || f->d->label != LABEL(REPEATED) || f->d->type == TYPE(GROUP)))
            return refuse(c, f, "a map must be repeated, and no group%s", "");
    }
    return 0;
}

static bool may_be_packed(const pb_field *d)
{
    return d->type != TYPE(STRING) && d->type != TYPE(BYTES) && d->type != TYPE(MESSAGE) && d->type != TYPE(GROUP);
}

static struct hrp_features features_of(const struct hrp_type *t, const struct hrp_type_field *f)
{
    struct hrp_features features = t->sym->features;
    const Google__Protobuf__OneofDescriptorProto *oneof = f->d->has_oneof_index ? t->sym->msg->oneof_decl[f->d->oneof_index] : NULL;

    if (oneof != NULL && oneof->options != NULL)
        hrp_features_overlay(&oneof->options->base, HRP_FEATURES_ONEOF, &features);
    hrp_features_overlay(f->d->options != NULL ? &f->d->options->base : NULL, HRP_FEATURES_FIELD, &features);
    if (f->d->has_label && f->d->label == LABEL(REQUIRED))
        features.presence = HRP_PRESENCE_REQUIRED;
    else if (f->d->has_proto3_optional && f->d->proto3_optional)
        features.presence = HRP_PRESENCE_EXPLICIT;
    if (!features.edition && f->d->options != NULL && f->d->options->has_packed)
        features.packed = f->d->options->packed;
    return features;
}

/* From syntax, features and label: what the rest of us asks. Oneofs are known. */
static int features_check(struct check *c)
{
    for (uint32_t i = 0; i < c->t->n_fields; i++) {
        struct hrp_type_field *f = &c->t->fields[i];
        struct hrp_features features = features_of(c->t, f);

        if (features.bad)
            return refuse(c, f, "a feature that this version does not know%s", "");
        f->repeated = f->d->has_label && f->d->label == LABEL(REPEATED);
        f->required = !f->repeated && !f->d->has_oneof_index && features.presence == HRP_PRESENCE_REQUIRED;
        f->packed = f->repeated && may_be_packed(f->d) && features.packed;
        f->explicit_presence = !f->repeated && !hrp_field_in_oneof(c->t, f) &&
                               (f->msg != NULL || (!c->t->map_entry && features.presence != HRP_PRESENCE_IMPLICIT));
        f->pb_type = (uint8_t)f->d->type;
        if (f->d->type == TYPE(MESSAGE) && features.delimited && !f->msg->map_entry && !c->t->map_entry)
            f->pb_type = TYPE(GROUP);
    }
    return 0;
}

static int type_check(struct hrp_types *ts, struct hrp_type *t, struct hr_error *err)
{
    const pb_message *m = t->sym->msg;
    struct check c = {.ts = ts, .t = t, .err = err};
    int r;

    if (m->options != NULL && m->options->message_set_wire_format)
        return hr_error_set(err, HR_ESCHEMA, "%s: %s: a message set, whose wire format is not supported: use extensions, or Any",
                            hrp_symbol_place(t->sym, NULL, 0, c.place), t->sym->name);
    if (t->sym->features.bad)
        return hr_error_set(err, HR_ESCHEMA, "%s: %s: a feature that this version does not know",
                            hrp_symbol_place(t->sym, NULL, 0, c.place), t->sym->name);
    if (m->n_field > ts->lim->columns || m->n_oneof_decl > ts->lim->columns)
        return hr_error_set(err, HR_ELIMIT, "%s: %s: more than %u fields", hrp_symbol_place(t->sym, NULL, 0, c.place), t->sym->name,
                            ts->lim->columns);
    t->n_fields = (uint32_t)m->n_field;
    t->n_oneofs = (uint32_t)m->n_oneof_decl;
    t->fields = hrp_arena_take(ts->ds->arena, t->n_fields + 1, sizeof *t->fields);
    t->oneof_members = hrp_arena_take(ts->ds->arena, t->n_oneofs + 1, sizeof *t->oneof_members);
    if (t->fields == NULL || t->oneof_members == NULL)
        return hrp_descset_nomem(ts->ds, err);
    memset(t->fields, 0, t->n_fields * sizeof *t->fields);
    memset(t->oneof_members, 0, t->n_oneofs * sizeof *t->oneof_members);
    r = fields_check(&c);
    if (r == 0)
        r = numbers_check(&c);
    if (r == 0)
        r = names_check(&c);
    if (r == 0)
        r = oneofs_check(&c);
    if (r == 0)
        r = features_check(&c);
    if (r == 0 && t->map_entry)
        r = map_entry_check(&c);
    return r;
}

/* ---- how many nodes ---- */

static void path_see(struct hrp_type *t, uint32_t depth, size_t n_path)
{
    if (n_path > t->path[depth])
        t->path[depth] = (uint32_t)n_path; /* names are short, and levels few */
}

/* Nodes below a node of type t at `depth`; stops counting past the limit. Recursion ends: what contains itself is closed. */
static uint32_t type_size(struct hrp_types *ts, struct hrp_type *t, uint32_t depth)
{
    uint32_t n = 1; /* unknown fields */

    if (t->size[depth] != 0)
        return t->size[depth];
    path_see(t, depth, strlen("_unknown"));
    for (uint32_t i = 0; i < t->n_oneofs; i++) {
        n += t->oneof_members[i] != 0;
        path_see(t, depth, strlen(t->sym->msg->oneof_decl[i]->name));
    }
    for (uint32_t i = 0; i < t->n_fields && n <= ts->lim->columns; i++) {
        struct hrp_type_field *f = &t->fields[i];
        size_t n_path = strlen(f->d->name);

        n++;
        if (f->msg != NULL && hrp_field_is_opaque(f, depth)) {
            f->msg->opaque_somewhere = true;
        } else if (f->msg != NULL) {
            uint32_t below = hrp_field_depth(f, depth);

            n += type_size(ts, f->msg, below);
            n_path += 1 + f->msg->path[below];
        }
        path_see(t, depth, n_path);
    }
    t->size[depth] = n;
    return n;
}

static int size_check(struct hrp_types *ts, struct hrp_type *t, uint32_t *ret, struct hr_error *err)
{
    char place[HRP_MAX_PLACE];

    *ret = 1 + type_size(ts, t, 0);
    if (*ret > ts->lim->columns)
        return hr_error_set(err, HR_ELIMIT, "%s: %s: more than %u fields, those of nested messages included",
                            hrp_symbol_place(t->sym, NULL, 0, place), t->sym->name, ts->lim->columns);
    if (t->path[0] > HRP_MAX_FULL_NAME)
        return hr_error_set(err, HR_ELIMIT, "%s: %s: the path of a field is longer than %d bytes",
                            hrp_symbol_place(t->sym, NULL, 0, place), t->sym->name, HRP_MAX_FULL_NAME);
    return 0;
}

/* Types behind opaque leaves get schemas of their own while rows are read: all of them must fit, too. */
static int family_check(struct hrp_types *ts, struct hr_error *err)
{
    uint64_t n_nodes = ts->n_nodes;
    uint32_t n_types = 0, size;
    char place[HRP_MAX_PLACE];
    bool more = true;

    while (more) {
        more = false;
        for (uint32_t i = 0; i < ts->n; i++) {
            struct hrp_type *t = ts->list[i];
            int r;

            if (!t->opaque_somewhere || t->counted)
                continue;
            t->counted = more = true;
            r = size_check(ts, t, &size, err);
            if (r != 0)
                return r;
            n_nodes += size;
            n_types++;
            if (n_types > HRP_MAX_OPAQUE_TYPES || n_nodes > (uint64_t)HRP_MAX_FAMILY_COLUMNS * ts->lim->columns)
                return hr_error_set(err, HR_ELIMIT, "%s: %s: too many fields or types in messages that contain themselves",
                                    hrp_symbol_place(t->sym, NULL, 0, place), t->sym->name);
        }
    }
    return 0;
}

int hrp_types_collect(struct hrp_descset *ds, struct hrp_symbol *root, const struct hrp_limits *lim, struct hrp_types *ret,
                      struct hr_error *err)
{
    struct hrp_types ts = {.ds = ds, .lim = lim};
    int r = 0;

    ts.list = hrp_arena_take(ds->arena, lim->columns, sizeof *ts.list);
    if (ts.list == NULL)
        return hrp_descset_nomem(ds, err);
    type_of(&ts, root, err, &r);
    for (uint32_t i = 0; r == 0 && i < ts.n; i++) /* grows while it is walked */
        r = type_check(&ts, ts.list[i], err);
    if (r == 0)
        r = hrp_types_cycles(&ts, err);
    if (r == 0)
        r = size_check(&ts, ts.list[0], &ts.n_nodes, err);
    if (r == 0)
        r = family_check(&ts, err);
    if (r == 0)
        r = hrp_options_read(&ts, err);
    if (r == 0)
        *ret = ts;
    return r;
}
