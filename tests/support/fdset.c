#include "fdset.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct block {
    struct block *next;
    _Alignas(16) uint8_t bytes[];
};
struct fd_set {
    Google__Protobuf__FileDescriptorSet set;
    struct block *blocks;
};

void *fd_alloc(struct fd_set *set, size_t n_bytes)
{
    struct block *b = calloc(1, sizeof *b + n_bytes);

    if (b == NULL)
        abort();
    b->next = set->blocks;
    set->blocks = b;
    return b->bytes;
}

char *fd_str(struct fd_set *set, const char *s)
{
    return s != NULL ? memcpy(fd_alloc(set, strlen(s) + 1), s, strlen(s) + 1) : NULL;
}

/* One more place at the end of a repeated field. */
static void *grow(struct fd_set *set, void *items, size_t *n, size_t size)
{
    uint8_t *p = fd_alloc(set, (*n + 1) * size);

    if (*n != 0)
        memcpy(p, items, *n * size);
    ++*n;
    return p;
}
#define APPEND(set, array, n, value) ((array) = grow(set, array, &(n), sizeof *(array)), (array)[(n) - 1] = (value))

struct fd_set *fd_set_new(void)
{
    struct fd_set *set = calloc(1, sizeof *set);

    if (set == NULL)
        abort();
    google__protobuf__file_descriptor_set__init(&set->set);
    return set;
}

void fd_set_free(struct fd_set *set)
{
    while (set != NULL && set->blocks != NULL) {
        struct block *b = set->blocks;

        set->blocks = b->next;
        free(b);
    }
    free(set);
}

uint8_t *fd_set_pack(const struct fd_set *set, size_t *ret_n)
{
    uint8_t *p;

    *ret_n = google__protobuf__file_descriptor_set__get_packed_size(&set->set);
    p = malloc(*ret_n + 1);
    if (p == NULL)
        abort();
    google__protobuf__file_descriptor_set__pack(&set->set, p);
    return p;
}

fd_file *fd_file_add(struct fd_set *set, const char *name, const char *package, const char *syntax)
{
    fd_file *f = fd_alloc(set, sizeof *f);

    google__protobuf__file_descriptor_proto__init(f);
    f->name = fd_str(set, name);
    f->package = fd_str(set, package);
    f->syntax = fd_str(set, syntax);
    APPEND(set, set->set.file, set->set.n_file, f);
    return f;
}

void fd_unknown_varint(struct fd_set *set, ProtobufCMessage *m, uint32_t number, uint64_t v)
{
    uint8_t *p = fd_alloc(set, 10);
    size_t n = 0;
    ProtobufCMessageUnknownField *u;
    ProtobufCMessageUnknownField add;
    size_t n_fields = m->n_unknown_fields;

    for (; v >= 0x80; v >>= 7)
        p[n++] = (uint8_t)(v | 0x80);
    p[n++] = (uint8_t)v;
    add = (ProtobufCMessageUnknownField){number, PROTOBUF_C_WIRE_TYPE_VARINT, n, p};
    u = m->unknown_fields;
    APPEND(set, u, n_fields, add);
    m->unknown_fields = u;
    m->n_unknown_fields = (unsigned)n_fields;
}

void fd_unknown_bytes(struct fd_set *set, ProtobufCMessage *m, uint32_t number, const void *p, size_t n)
{
    uint8_t *copy = fd_alloc(set, n + 1);
    size_t n_fields = m->n_unknown_fields;
    ProtobufCMessageUnknownField *u = m->unknown_fields, add = {number, PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED, n + 1, copy};

    if (n > 127)
        abort();
    copy[0] = (uint8_t)n;
    memcpy(copy + 1, p, n);
    APPEND(set, u, n_fields, add);
    m->unknown_fields = u;
    m->n_unknown_fields = (unsigned)n_fields;
}

ProtobufCMessage *fd_file_options(struct fd_set *set, fd_file *file)
{
    if (file->options == NULL) {
        file->options = fd_alloc(set, sizeof *file->options);
        google__protobuf__file_options__init(file->options);
    }
    return &file->options->base;
}

ProtobufCMessage *fd_message_options(struct fd_set *set, fd_message *msg)
{
    if (msg->options == NULL) {
        msg->options = fd_alloc(set, sizeof *msg->options);
        google__protobuf__message_options__init(msg->options);
    }
    return &msg->options->base;
}

ProtobufCMessage *fd_field_options(struct fd_set *set, fd_field *f)
{
    if (f->options == NULL) {
        f->options = fd_alloc(set, sizeof *f->options);
        google__protobuf__field_options__init(f->options);
    }
    return &f->options->base;
}

void fd_feature(struct fd_set *set, ProtobufCMessage *options, uint32_t number, int feature, int value)
{
    uint8_t bytes[] = {(uint8_t)(feature << 3), (uint8_t)value};

    fd_unknown_bytes(set, options, number, bytes, sizeof bytes);
}

fd_file *fd_edition_add(struct fd_set *set, const char *name, const char *package, int edition)
{
    fd_file *f = fd_file_add(set, name, package, "editions");

    fd_unknown_varint(set, &f->base, 14, (uint64_t)edition);
    return f;
}

void fd_import(struct fd_set *set, fd_file *file, const char *name)
{
    APPEND(set, file->dependency, file->n_dependency, fd_str(set, name));
}

static fd_message *message_new(struct fd_set *set, const char *name)
{
    fd_message *m = fd_alloc(set, sizeof *m);

    google__protobuf__descriptor_proto__init(m);
    m->name = fd_str(set, name);
    return m;
}

fd_message *fd_message_add(struct fd_set *set, fd_file *file, const char *name)
{
    fd_message *m = message_new(set, name);

    APPEND(set, file->message_type, file->n_message_type, m);
    return m;
}

fd_message *fd_nested_add(struct fd_set *set, fd_message *msg, const char *name)
{
    fd_message *m = message_new(set, name);

    APPEND(set, msg->nested_type, msg->n_nested_type, m);
    return m;
}

fd_enum *fd_enum_add(struct fd_set *set, fd_file *file, const char *name)
{
    fd_enum *e = fd_alloc(set, sizeof *e);

    google__protobuf__enum_descriptor_proto__init(e);
    e->name = fd_str(set, name);
    APPEND(set, file->enum_type, file->n_enum_type, e);
    return e;
}

void fd_enum_value_add(struct fd_set *set, fd_enum *e, const char *name, int32_t number)
{
    Google__Protobuf__EnumValueDescriptorProto *v = fd_alloc(set, sizeof *v);

    google__protobuf__enum_value_descriptor_proto__init(v);
    v->name = fd_str(set, name);
    v->has_number = 1;
    v->number = number;
    APPEND(set, e->value, e->n_value, v);
}

fd_field *fd_field_add(struct fd_set *set, fd_message *msg, const char *name, int32_t number, int type)
{
    fd_field *f = fd_alloc(set, sizeof *f);

    google__protobuf__field_descriptor_proto__init(f);
    f->name = fd_str(set, name);
    f->has_number = f->has_label = f->has_type = 1;
    f->number = number;
    f->label = GOOGLE__PROTOBUF__FIELD_DESCRIPTOR_PROTO__LABEL__LABEL_OPTIONAL;
    f->type = (Google__Protobuf__FieldDescriptorProto__Type)type;
    APPEND(set, msg->field, msg->n_field, f);
    return f;
}

fd_field *fd_typed_add(struct fd_set *set, fd_message *msg, const char *name, int32_t number, int type, const char *type_name)
{
    fd_field *f = fd_field_add(set, msg, name, number, type);

    f->type_name = fd_str(set, type_name);
    return f;
}

int32_t fd_oneof_add(struct fd_set *set, fd_message *msg, const char *name)
{
    Google__Protobuf__OneofDescriptorProto *o = fd_alloc(set, sizeof *o);

    google__protobuf__oneof_descriptor_proto__init(o);
    o->name = fd_str(set, name);
    APPEND(set, msg->oneof_decl, msg->n_oneof_decl, o);
    return (int32_t)msg->n_oneof_decl - 1;
}

fd_field *fd_repeated(fd_field *f)
{
    f->label = GOOGLE__PROTOBUF__FIELD_DESCRIPTOR_PROTO__LABEL__LABEL_REPEATED;
    return f;
}

fd_field *fd_required(fd_field *f)
{
    f->label = GOOGLE__PROTOBUF__FIELD_DESCRIPTOR_PROTO__LABEL__LABEL_REQUIRED;
    return f;
}

fd_field *fd_in_oneof(fd_field *f, int32_t index)
{
    f->has_oneof_index = 1;
    f->oneof_index = index;
    return f;
}

fd_field *fd_packed(struct fd_set *set, fd_field *f, int packed)
{
    fd_field_options(set, f);
    f->options->has_packed = 1;
    f->options->packed = packed;
    return f;
}

fd_field *fd_optional3(struct fd_set *set, fd_message *msg, fd_field *f)
{
    char name[300];

    snprintf(name, sizeof name, "_%s", f->name);
    f->has_proto3_optional = f->proto3_optional = 1;
    return fd_in_oneof(f, fd_oneof_add(set, msg, name));
}

fd_field *fd_map_add(struct fd_set *set, fd_message *msg, const char *msg_name, const char *name, int32_t number, int key_type,
                     int value_type, const char *value_type_name)
{
    char entry_name[300], full[1200];
    fd_message *entry;

    snprintf(entry_name, sizeof entry_name, "%s_Entry", name);
    snprintf(full, sizeof full, "%s.%s", msg_name, entry_name);
    entry = fd_nested_add(set, msg, entry_name);
    entry->options = fd_alloc(set, sizeof *entry->options);
    google__protobuf__message_options__init(entry->options);
    entry->options->has_map_entry = entry->options->map_entry = 1;
    fd_field_add(set, entry, "key", 1, key_type);
    fd_typed_add(set, entry, "value", 2, value_type, value_type_name);
    return fd_repeated(fd_typed_add(set, msg, name, number, FD_MESSAGE, full));
}
