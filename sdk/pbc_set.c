/* A FileDescriptorSet from protobuf-c's descriptors.
 *
 * protobuf-c keeps names, numbers, labels and types, but not files, which types are nested where, what a oneof was called,
 * nor that a field was a map. What is needed to read rows is made up again:
 *
 *   nesting   from the full name less the package: shop.Order.Item is Item in Order. A type that only serves as a name for
 *             others (nothing refers to it) becomes an empty message.
 *   files     one for each top-level type; types that use each other in a circle share one, since files can't. Circles are
 *             Tarjan's strongly connected components (SIAM J. Comput. 1 (2), 1972), which come out imports first.
 *   syntax    proto3 where a field has no label, which only proto3 has
 *   oneofs    members share the place where their case is kept; called after the first member
 *   maps      a repeated field whose type is named and built as protoc names and builds a map's entry */
#include "pbc.h"
#include "alloc.h"
#include <ctype.h>
#include <string.h>

enum { MAX_TYPES = 4096 };

struct type { /* a message, or an enum */
    const ProtobufCMessageDescriptor *msg;
    const ProtobufCEnumDescriptor *enm;
    const char *path; /* its name less the package: Order.Item */
    uint32_t unit;
};

struct unit { /* a top-level type and all within it */
    const char *package, *name;
    size_t n_name;            /* name ends at a dot, or with the string */
    uint32_t index, low;      /* Tarjan's; 0: not seen */
    uint32_t file;            /* number + 1 of its file; 0: none yet */
};

struct set {
    struct type *types;
    struct unit *units;
    uint32_t n_types, n_units;
    uint32_t *stack, n_stack, n_seen; /* Tarjan's; stack[n_units] */
    uint32_t n_files;
    struct hrp_buf *out;
    struct hr_error *err;
    int r;
};

/* ---- wire ---- */

static void put_tag(struct hrp_buf *b, uint32_t number, uint32_t wire) { hrp_put_varint(b, number << 3 | wire); }

static void put_int(struct hrp_buf *b, uint32_t number, int64_t v)
{
    put_tag(b, number, 0);
    hrp_put_varint(b, (uint64_t)v);
}

static void put_text(struct hrp_buf *b, uint32_t number, const char *s, size_t n)
{
    put_tag(b, number, 2);
    hrp_put_lenbytes(b, s, n);
}

/* A message that was built aside; frees it. */
static void put_built(struct hrp_buf *b, uint32_t number, struct hrp_buf *built)
{
    put_text(b, number, (const char *)built->p, built->n);
    if (built->err != 0)
        b->err = built->err;
    hrp_buf_fini(built);
}

/* ---- collecting types ---- */

static int refuse(struct set *s, const char *what, const char *why)
{
    s->r = hr_error_set(s->err, HR_ESCHEMA, "%s: %s", what != NULL ? what : "a type of protobuf-c", why);
    return s->r;
}

static uint32_t unit_of(struct set *s, const char *package, const char *path)
{
    size_t n = strcspn(path, ".");

    for (uint32_t i = 0; i < s->n_units; i++)
        if (strcmp(s->units[i].package, package) == 0 && s->units[i].n_name == n && memcmp(s->units[i].name, path, n) == 0)
            return i;
    s->units[s->n_units] = (struct unit){package, path, n, 0, 0, 0};
    return s->n_units++;
}

static void add_type(struct set *s, const ProtobufCMessageDescriptor *msg, const ProtobufCEnumDescriptor *enm)
{
    const char *name = msg != NULL ? msg->name : enm->name, *package = msg != NULL ? msg->package_name : enm->package_name;
    struct type *t;
    size_t n;

    for (uint32_t i = 0; i < s->n_types; i++)
        if (s->types[i].msg == msg && s->types[i].enm == enm)
            return;
    if (s->n_types == MAX_TYPES) {
        refuse(s, name, "uses too many other types");
        return;
    }
    if (name == NULL || package == NULL) {
        refuse(s, name, "its descriptor has no names: generate it without optimize_for = CODE_SIZE");
        return;
    }
    n = strlen(package);
    if (n != 0 && (strncmp(name, package, n) != 0 || name[n] != '.')) {
        refuse(s, name, "is not in its package");
        return;
    }
    t = &s->types[s->n_types++];
    *t = (struct type){msg, enm, name + (n != 0 ? n + 1 : 0), 0};
    t->unit = unit_of(s, package, t->path);
}

static void add_types_of(struct set *s, const ProtobufCMessageDescriptor *d)
{
    for (unsigned i = 0; s->r == 0 && i < d->n_fields; i++) {
        const ProtobufCFieldDescriptor *f = &d->fields[i];

        if (f->name == NULL)
            refuse(s, d->name, "its descriptor has no names: generate it without optimize_for = CODE_SIZE");
        else if (f->type == PROTOBUF_C_TYPE_MESSAGE)
            add_type(s, f->descriptor, NULL);
        else if (f->type == PROTOBUF_C_TYPE_ENUM)
            add_type(s, NULL, f->descriptor);
    }
}

/* ---- fields ---- */

static int64_t pb_type(ProtobufCType t) /* FieldDescriptorProto.Type */
{
    switch (t) {
    case PROTOBUF_C_TYPE_INT32: return 5;
    case PROTOBUF_C_TYPE_SINT32: return 17;
    case PROTOBUF_C_TYPE_SFIXED32: return 15;
    case PROTOBUF_C_TYPE_INT64: return 3;
    case PROTOBUF_C_TYPE_SINT64: return 18;
    case PROTOBUF_C_TYPE_SFIXED64: return 16;
    case PROTOBUF_C_TYPE_UINT32: return 13;
    case PROTOBUF_C_TYPE_FIXED32: return 7;
    case PROTOBUF_C_TYPE_UINT64: return 4;
    case PROTOBUF_C_TYPE_FIXED64: return 6;
    case PROTOBUF_C_TYPE_FLOAT: return 2;
    case PROTOBUF_C_TYPE_DOUBLE: return 1;
    case PROTOBUF_C_TYPE_BOOL: return 8;
    case PROTOBUF_C_TYPE_ENUM: return 14;
    case PROTOBUF_C_TYPE_STRING: return 9;
    case PROTOBUF_C_TYPE_BYTES: return 12;
    case PROTOBUF_C_TYPE_MESSAGE: return 11;
    }
    return 0;
}

static bool is_packable(const ProtobufCFieldDescriptor *f)
{
    return f->label == PROTOBUF_C_LABEL_REPEATED && f->type != PROTOBUF_C_TYPE_STRING && f->type != PROTOBUF_C_TYPE_BYTES &&
           f->type != PROTOBUF_C_TYPE_MESSAGE;
}

static bool in_oneof(const ProtobufCFieldDescriptor *f)
{
    return (f->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) != 0;
}

/* The first field of f's oneof, by number. */
static const ProtobufCFieldDescriptor *oneof_head(const ProtobufCMessageDescriptor *d, const ProtobufCFieldDescriptor *f)
{
    const ProtobufCFieldDescriptor *g = d->fields;

    while (!in_oneof(g) || g->quantifier_offset != f->quantifier_offset)
        g++;
    return g;
}

static uint32_t oneofs_before(const ProtobufCMessageDescriptor *d, const ProtobufCFieldDescriptor *f)
{
    uint32_t n = 0;

    for (const ProtobufCFieldDescriptor *g = d->fields; g < f; g++)
        n += in_oneof(g) && oneof_head(d, g) == g;
    return n;
}

/* proto3's `optional`: its presence is a oneof of its own, behind the real ones. */
static bool is_proto3_optional(const ProtobufCFieldDescriptor *f, bool proto3)
{
    return proto3 && f->label == PROTOBUF_C_LABEL_OPTIONAL && !in_oneof(f) && f->type != PROTOBUF_C_TYPE_MESSAGE;
}

static uint32_t oneof_index(const ProtobufCMessageDescriptor *d, const ProtobufCFieldDescriptor *f, bool proto3)
{
    uint32_t n;

    if (in_oneof(f))
        return oneofs_before(d, oneof_head(d, f));
    n = oneofs_before(d, d->fields + d->n_fields);
    for (const ProtobufCFieldDescriptor *g = d->fields; g < f; g++)
        n += is_proto3_optional(g, proto3);
    return n;
}

static void put_field(struct hrp_buf *b, const ProtobufCMessageDescriptor *d, const ProtobufCFieldDescriptor *f, bool proto3)
{
    struct hrp_buf field = HRP_BUF_INIT, options = HRP_BUF_INIT;

    put_text(&field, 1, f->name, strlen(f->name));
    put_int(&field, 3, f->id);
    put_int(&field, 4, f->label == PROTOBUF_C_LABEL_REPEATED ? 3 : f->label == PROTOBUF_C_LABEL_REQUIRED ? 2 : 1);
    put_int(&field, 5, pb_type(f->type));
    if (f->type == PROTOBUF_C_TYPE_MESSAGE || f->type == PROTOBUF_C_TYPE_ENUM) {
        const char *name = f->type == PROTOBUF_C_TYPE_MESSAGE ? ((const ProtobufCMessageDescriptor *)f->descriptor)->name
                                                              : ((const ProtobufCEnumDescriptor *)f->descriptor)->name;

        put_tag(&field, 6, 2);
        hrp_put_varint(&field, strlen(name) + 1);
        hrp_put_fmt(&field, ".%s", name);
    }
    if (is_packable(f)) {
        put_int(&options, 2, (f->flags & PROTOBUF_C_FIELD_FLAG_PACKED) != 0);
        put_built(&field, 8, &options);
    }
    if (in_oneof(f) || is_proto3_optional(f, proto3))
        put_int(&field, 9, oneof_index(d, f, proto3));
    if (is_proto3_optional(f, proto3))
        put_int(&field, 17, 1);
    put_built(b, 2, &field);
}

static void put_oneof(struct hrp_buf *b, const char *prefix, const char *field)
{
    struct hrp_buf oneof = HRP_BUF_INIT;

    put_tag(&oneof, 1, 2);
    hrp_put_varint(&oneof, strlen(prefix) + strlen(field));
    hrp_put_fmt(&oneof, "%s%s", prefix, field);
    put_built(b, 8, &oneof);
}

static void put_fields(struct hrp_buf *b, const ProtobufCMessageDescriptor *d, bool proto3)
{
    for (unsigned i = 0; i < d->n_fields; i++)
        put_field(b, d, &d->fields[i], proto3);
    for (unsigned i = 0; i < d->n_fields; i++)
        if (in_oneof(&d->fields[i]) && oneof_head(d, &d->fields[i]) == &d->fields[i])
            put_oneof(b, "one_of_", d->fields[i].name);
    for (unsigned i = 0; i < d->n_fields; i++)
        if (is_proto3_optional(&d->fields[i], proto3))
            put_oneof(b, "_", d->fields[i].name);
}

/* ---- maps ---- */

/* Is `entry` what protoc calls the entry of a map field: line_items > LineItemsEntry? */
static bool is_entry_name(const char *field, const char *entry)
{
    bool up = true;

    for (; *field != '\0'; field++) {
        if (*field == '_') {
            up = true;
            continue;
        }
        if (*entry++ != (up ? (char)toupper((unsigned char)*field) : *field))
            return false;
        up = false;
    }
    return strcmp(entry, "Entry") == 0;
}

static bool is_entry_shape(const ProtobufCMessageDescriptor *d)
{
    const ProtobufCFieldDescriptor *k = d->fields, *v = d->fields + 1;

    return d->n_fields == 2 && k->id == 1 && v->id == 2 && strcmp(k->name, "key") == 0 && strcmp(v->name, "value") == 0 &&
           k->label != PROTOBUF_C_LABEL_REPEATED && v->label != PROTOBUF_C_LABEL_REPEATED && !in_oneof(k) && !in_oneof(v) &&
           k->type != PROTOBUF_C_TYPE_FLOAT && k->type != PROTOBUF_C_TYPE_DOUBLE && k->type != PROTOBUF_C_TYPE_BYTES &&
           k->type != PROTOBUF_C_TYPE_ENUM && k->type != PROTOBUF_C_TYPE_MESSAGE;
}

/* `name` is the entry's name within `outer`, which may be unknown. */
static bool is_map_entry(const ProtobufCMessageDescriptor *outer, const ProtobufCMessageDescriptor *d, const char *name)
{
    if (outer == NULL || d == NULL || !is_entry_shape(d))
        return false;
    for (unsigned i = 0; i < outer->n_fields; i++)
        if (outer->fields[i].descriptor == d && outer->fields[i].label == PROTOBUF_C_LABEL_REPEATED)
            return is_entry_name(outer->fields[i].name, name);
    return false;
}

/* ---- types in types ---- */

static void put_enum(struct hrp_buf *b, uint32_t number, const ProtobufCEnumDescriptor *d, const char *name, size_t n_name)
{
    struct hrp_buf enm = HRP_BUF_INIT, options = HRP_BUF_INIT;

    put_text(&enm, 1, name, n_name);
    for (int pass = 0; pass < 2; pass++) /* proto3 wants its zero first */
        for (unsigned i = 0; i < d->n_value_names; i++) {
            const ProtobufCEnumValueIndex *v = &d->values_by_name[i];
            struct hrp_buf value = HRP_BUF_INIT;

            if ((d->values[v->index].value == 0) != (pass == 0))
                continue;
            put_text(&value, 1, v->name, strlen(v->name));
            put_int(&value, 2, d->values[v->index].value);
            put_built(&enm, 2, &value);
        }
    if (d->n_value_names > d->n_values) {
        put_int(&options, 2, 1); /* allow_alias */
        put_built(&enm, 3, &options);
    }
    put_built(b, number, &enm);
}

static const struct type *type_at(const struct set *s, uint32_t unit, const char *path, size_t n_path)
{
    for (uint32_t i = 0; i < s->n_types; i++)
        if (s->types[i].unit == unit && strlen(s->types[i].path) == n_path && memcmp(s->types[i].path, path, n_path) == 0)
            return &s->types[i];
    return NULL;
}

/* Length of the path of t's ancestor (or itself) one level within path[n_path], or 0: t is not within. */
static size_t step_within(const struct type *t, const char *path, size_t n_path)
{
    if (strncmp(t->path, path, n_path) != 0 || t->path[n_path] != '.')
        return 0;
    return n_path + 1 + strcspn(t->path + n_path + 1, ".");
}

static bool seen_before(const struct set *s, uint32_t i, size_t n_path)
{
    for (uint32_t j = 0; j < i; j++)
        if (s->types[j].unit == s->types[i].unit && strncmp(s->types[j].path, s->types[i].path, n_path) == 0 &&
            (s->types[j].path[n_path] == '.' || s->types[j].path[n_path] == '\0'))
            return true;
    return false;
}

/* The type at path[n_path], known or only a name, whose own name starts at `at`. number_*: fields of what it stands in. */
static void put_type(const struct set *s, struct hrp_buf *b, uint32_t unit, const char *path, size_t n_path, size_t at,
                     const ProtobufCMessageDescriptor *outer, uint32_t number_msg, uint32_t number_enum, bool proto3)
{
    const struct type *t = type_at(s, unit, path, n_path);
    struct hrp_buf msg = HRP_BUF_INIT, options = HRP_BUF_INIT;

    if (t != NULL && t->enm != NULL) {
        put_enum(b, number_enum, t->enm, path + at, n_path - at);
        return;
    }
    put_text(&msg, 1, path + at, n_path - at);
    if (t != NULL)
        put_fields(&msg, t->msg, proto3);
    for (uint32_t i = 0; i < s->n_types; i++) {
        size_t n = s->types[i].unit == unit ? step_within(&s->types[i], path, n_path) : 0;

        if (n != 0 && !seen_before(s, i, n))
            put_type(s, &msg, unit, s->types[i].path, n, n_path + 1, t != NULL ? t->msg : NULL, 3, 4, proto3);
    }
    if (t != NULL && is_map_entry(outer, t->msg, t->path + at)) {
        put_int(&options, 7, 1);
        put_built(&msg, 7, &options);
    }
    put_built(b, number_msg, &msg);
}

/* ---- files ---- */

static bool is_in(const struct set *s, const struct type *t, uint32_t file)
{
    return s->units[t->unit].file == file;
}

static bool is_proto3_file(const struct set *s, uint32_t file)
{
    bool zeros = true, fields = false;

    for (uint32_t i = 0; i < s->n_types; i++) {
        const struct type *t = &s->types[i];

        if (!is_in(s, t, file))
            continue;
        for (unsigned j = 0; t->msg != NULL && j < t->msg->n_fields; j++) {
            if (t->msg->fields[j].label == PROTOBUF_C_LABEL_NONE)
                return true;
            fields = true;
        }
        if (t->enm != NULL)
            zeros = zeros && protobuf_c_enum_descriptor_get_value(t->enm, 0) != NULL;
    }
    return !fields && zeros; /* enums alone: proto3, so that messages of both kinds may use them */
}

/* A file is called after its first unit. */
static void put_file_name(const struct set *s, struct hrp_buf *b, uint32_t number, uint32_t file)
{
    struct hrp_buf name = HRP_BUF_INIT;
    const struct unit *u = s->units;

    while (u->file != file)
        u++;
    hrp_put_fmt(&name, "protobuf-c/%s%s%.*s.proto", u->package, u->package[0] != '\0' ? "." : "", (int)u->n_name, u->name);
    put_built(b, number, &name);
}

static uint32_t unit_used(const struct set *s, const ProtobufCFieldDescriptor *f)
{
    for (uint32_t i = 0; i < s->n_types; i++)
        if ((f->type == PROTOBUF_C_TYPE_MESSAGE && s->types[i].msg == f->descriptor) ||
            (f->type == PROTOBUF_C_TYPE_ENUM && s->types[i].enm == f->descriptor))
            return s->types[i].unit;
    return UINT32_MAX;
}

static bool imports(const struct set *s, uint32_t file, uint32_t other)
{
    for (uint32_t i = 0; i < s->n_types; i++) {
        const ProtobufCMessageDescriptor *d = s->types[i].msg;

        for (unsigned j = 0; d != NULL && is_in(s, &s->types[i], file) && j < d->n_fields; j++) {
            uint32_t u = unit_used(s, &d->fields[j]);

            if (u != UINT32_MAX && s->units[u].file == other)
                return true;
        }
    }
    return false;
}

static void put_file(struct set *s, uint32_t file)
{
    struct hrp_buf b = HRP_BUF_INIT;
    bool proto3 = is_proto3_file(s, file);
    const char *package = NULL;

    put_file_name(s, &b, 1, file);
    for (uint32_t u = 0; package == NULL; u++)
        if (s->units[u].file == file)
            package = s->units[u].package;
    if (package[0] != '\0')
        put_text(&b, 2, package, strlen(package));
    for (uint32_t other = 1; other < file; other++)
        if (imports(s, file, other))
            put_file_name(s, &b, 3, other);
    for (uint32_t u = 0; u < s->n_units; u++)
        if (s->units[u].file == file)
            put_type(s, &b, u, s->units[u].name, s->units[u].n_name, 0, NULL, 4, 5, proto3);
    if (proto3)
        put_text(&b, 12, "proto3", 6);
    put_built(s->out, 1, &b);
}

/* ---- circles ---- */

static void connect(struct set *s, uint32_t u);

static void follow(struct set *s, uint32_t u, uint32_t v)
{
    if (s->units[v].index == 0) {
        connect(s, v);
        if (s->units[v].low < s->units[u].low)
            s->units[u].low = s->units[v].low;
    } else if (s->units[v].file == 0 && s->units[v].index < s->units[u].low) { /* on the stack */
        s->units[u].low = s->units[v].index;
    }
}

/* Tarjan's STRONGCONNECT: u's component, after those it uses. */
static void connect(struct set *s, uint32_t u)
{
    s->units[u].index = s->units[u].low = ++s->n_seen;
    s->stack[s->n_stack++] = u;
    for (uint32_t i = 0; i < s->n_types; i++) {
        const ProtobufCMessageDescriptor *d = s->types[i].unit == u ? s->types[i].msg : NULL;

        for (unsigned j = 0; d != NULL && j < d->n_fields; j++) {
            uint32_t v = unit_used(s, &d->fields[j]);

            if (v != UINT32_MAX)
                follow(s, u, v);
        }
    }
    if (s->units[u].low != s->units[u].index)
        return;
    s->n_files++;
    do
        s->units[s->stack[--s->n_stack]].file = s->n_files;
    while (s->stack[s->n_stack] != u);
}

int hrs_pbc_set(const ProtobufCMessageDescriptor *d, struct hrp_buf *out, struct hr_error *err)
{
    struct set s = {.out = out, .err = err};

    s.types = hrp_calloc(MAX_TYPES, sizeof *s.types);
    s.units = hrp_calloc(MAX_TYPES, sizeof *s.units);
    s.stack = hrp_calloc(MAX_TYPES, sizeof *s.stack);
    if (s.types == NULL || s.units == NULL || s.stack == NULL)
        s.r = hr_error_set(err, HR_ENOMEM, "%s", hr_strerror(HR_ENOMEM));
    if (s.r == 0)
        add_type(&s, d, NULL);
    for (uint32_t i = 0; s.r == 0 && i < s.n_types; i++) /* grows as it goes */
        if (s.types[i].msg != NULL)
            add_types_of(&s, s.types[i].msg);
    if (s.r == 0) {
        connect(&s, s.types[0].unit);
        for (uint32_t file = 1; file <= s.n_files; file++)
            put_file(&s, file);
        s.r = out->err;
    }
    hrp_free(s.types);
    hrp_free(s.units);
    hrp_free(s.stack);
    return s.r;
}
