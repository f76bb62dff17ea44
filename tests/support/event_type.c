#include "event_type.h"
#include <google/protobuf/descriptor.pb-c.h>
#include <headrace_row.h>
#include <stdio.h>
#include <stdlib.h>

static Google__Protobuf__FieldDescriptorProto field(const char *name, int number, Google__Protobuf__FieldDescriptorProto__Type type)
{
    Google__Protobuf__FieldDescriptorProto f = GOOGLE__PROTOBUF__FIELD_DESCRIPTOR_PROTO__INIT;

    f.name = (char *)(uintptr_t)name;
    f.has_number = f.has_label = f.has_type = 1;
    f.number = number;
    f.label = GOOGLE__PROTOBUF__FIELD_DESCRIPTOR_PROTO__LABEL__LABEL_OPTIONAL;
    f.type = type;
    return f;
}

uint8_t *event_type_set(const char *name, int variant, size_t *ret_n)
{
    Google__Protobuf__FileDescriptorSet set = GOOGLE__PROTOBUF__FILE_DESCRIPTOR_SET__INIT;
    Google__Protobuf__FileDescriptorProto file = GOOGLE__PROTOBUF__FILE_DESCRIPTOR_PROTO__INIT, *files[] = {&file};
    Google__Protobuf__DescriptorProto msg = GOOGLE__PROTOBUF__DESCRIPTOR_PROTO__INIT, *msgs[] = {&msg};
    Google__Protobuf__FieldDescriptorProto f[3] = {
        field("id", 1, GOOGLE__PROTOBUF__FIELD_DESCRIPTOR_PROTO__TYPE__TYPE_INT64),
        field("text", 2, GOOGLE__PROTOBUF__FIELD_DESCRIPTOR_PROTO__TYPE__TYPE_STRING),
        field("more", 3, GOOGLE__PROTOBUF__FIELD_DESCRIPTOR_PROTO__TYPE__TYPE_INT64),
    }, *fields[] = {&f[0], &f[1], &f[2]};
    uint8_t *p;

    msg.name = (char *)(uintptr_t)name;
    msg.n_field = variant == 0 ? 2 : 3;
    msg.field = fields;
    file.name = (char *)(uintptr_t)"t.proto";
    file.package = (char *)(uintptr_t)"t";
    file.syntax = (char *)(uintptr_t)"proto3";
    file.n_message_type = 1;
    file.message_type = msgs;
    set.n_file = 1;
    set.file = files;
    *ret_n = google__protobuf__file_descriptor_set__get_packed_size(&set);
    p = malloc(*ret_n);
    if (p == NULL)
        abort();
    google__protobuf__file_descriptor_set__pack(&set, p);
    return p;
}

hr_type *event_type(const char *name)
{
    char full[128];
    struct hr_error err = {0};
    size_t n;
    uint8_t *set = event_type_set(name, 0, &n);
    hr_type *type;

    snprintf(full, sizeof full, "t.%s", name);
    if (hr_type_open(set, n, full, &type, &err) != 0) {
        fprintf(stderr, "%s\n", err.text);
        abort();
    }
    free(set);
    return type;
}

size_t event_row(uint8_t *p, uint64_t id, const char *text)
{
    uint8_t *start = p;

    *p++ = 1 << 3 | 0;
    p = hr_put_varint(p, id);
    *p++ = 2 << 3 | 2;
    p = hr_put_str(p, text, strlen(text));
    return (size_t)(p - start);
}

uint64_t event_row_id(const uint8_t *p, size_t n_bytes)
{
    uint64_t v = 0;

    if (n_bytes < 2 || p[0] != (1 << 3 | 0))
        return 0;
    for (size_t i = 1; i < n_bytes && i <= 10; i++) {
        v |= (uint64_t)(p[i] & 0x7f) << 7 * (i - 1);
        if ((p[i] & 0x80) == 0)
            return v;
    }
    return 0;
}

int event_log(hr_client *client, hr_type *type, uint64_t id, const char *text)
{
    hr_row r;
    uint8_t *p = hr_row_begin(client, type, 32 + strlen(text), 0, &r);

    return p != NULL ? hr_row_end(&r, p + event_row(p, id, text)) : r.err;
}
