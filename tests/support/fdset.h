/* Descriptor sets made by hand, with no compiler at hand: for schemas protoc would refuse, and for random ones.
 *
 *     struct fd_set *set = fd_set_new();
 *     fd_file *file = fd_file_add(set, "shop.proto", "shop", "proto3");
 *     fd_message *msg = fd_message_add(set, file, "Order");
 *     fd_field_add(set, msg, "id", 1, FD_INT64);
 *     uint8_t *bytes = fd_set_pack(set, &n);      // free()
 *     fd_set_free(set);
 *
 * What an add returns is protobuf-c's struct, to be bent as a test likes until the set is packed. Out of memory: abort. */
#ifndef FDSET_H
#define FDSET_H
#include <google/protobuf/descriptor.pb-c.h>

typedef Google__Protobuf__FileDescriptorProto fd_file;
typedef Google__Protobuf__DescriptorProto fd_message;
typedef Google__Protobuf__FieldDescriptorProto fd_field;
typedef Google__Protobuf__EnumDescriptorProto fd_enum;
enum { /* FieldDescriptorProto.Type */
    FD_DOUBLE = 1, FD_FLOAT, FD_INT64, FD_UINT64, FD_INT32, FD_FIXED64, FD_FIXED32, FD_BOOL, FD_STRING, FD_GROUP, FD_MESSAGE,
    FD_BYTES, FD_UINT32, FD_ENUM, FD_SFIXED32, FD_SFIXED64, FD_SINT32, FD_SINT64
};

enum { /* where options keep their features; numbers of google.protobuf.FeatureSet */
    FD_FEATURES_FILE = 50, FD_FEATURES_MESSAGE = 12, FD_FEATURES_FIELD = 21, FD_FEATURES_ONEOF = 1, FD_FEATURES_ENUM = 7,
    FD_PRESENCE = 1, FD_ENUM_TYPE = 2, FD_ENCODING = 3, FD_UTF8 = 4, FD_MESSAGE_ENCODING = 5
};

struct fd_set;
struct fd_set *fd_set_new(void);
void fd_set_free(struct fd_set *set);
uint8_t *fd_set_pack(const struct fd_set *set, size_t *ret_n); /* free() */
void *fd_alloc(struct fd_set *set, size_t n_bytes);            /* zeroed, lives as long as the set */
char *fd_str(struct fd_set *set, const char *s);

fd_file *fd_file_add(struct fd_set *set, const char *name, const char *package, const char *syntax); /* package, syntax: NULL leaves it out */
fd_file *fd_edition_add(struct fd_set *set, const char *name, const char *package, int edition); /* 1000: 2023 */
/* What protobuf-c's descriptor.proto has no field for, added behind. Options are made where there are none. */
void fd_unknown_varint(struct fd_set *set, ProtobufCMessage *m, uint32_t number, uint64_t v);
void fd_unknown_bytes(struct fd_set *set, ProtobufCMessage *m, uint32_t number, const void *p, size_t n); /* at most 127 */
ProtobufCMessage *fd_file_options(struct fd_set *set, fd_file *file);
ProtobufCMessage *fd_message_options(struct fd_set *set, fd_message *msg);
ProtobufCMessage *fd_field_options(struct fd_set *set, fd_field *f);
void fd_feature(struct fd_set *set, ProtobufCMessage *options, uint32_t number, int feature, int value);
void fd_import(struct fd_set *set, fd_file *file, const char *name);
fd_message *fd_message_add(struct fd_set *set, fd_file *file, const char *name);
fd_message *fd_nested_add(struct fd_set *set, fd_message *msg, const char *name);
fd_enum *fd_enum_add(struct fd_set *set, fd_file *file, const char *name);
void fd_enum_value_add(struct fd_set *set, fd_enum *e, const char *name, int32_t number);
fd_field *fd_field_add(struct fd_set *set, fd_message *msg, const char *name, int32_t number, int type);
/* type_name with its leading dot. */
fd_field *fd_typed_add(struct fd_set *set, fd_message *msg, const char *name, int32_t number, int type, const char *type_name);
int32_t fd_oneof_add(struct fd_set *set, fd_message *msg, const char *name); /* its index, for fd_in_oneof */
/* All return f. */
fd_field *fd_repeated(fd_field *f);
fd_field *fd_required(fd_field *f);
fd_field *fd_in_oneof(fd_field *f, int32_t index);
fd_field *fd_packed(struct fd_set *set, fd_field *f, int packed);
fd_field *fd_optional3(struct fd_set *set, fd_message *msg, fd_field *f); /* proto3 `optional`, with its synthetic oneof */
/* map<key_type, value_type>; value_type_name for messages and enums, else NULL. msg_name: full name of msg, with a leading dot. */
fd_field *fd_map_add(struct fd_set *set, fd_message *msg, const char *msg_name, const char *name, int32_t number, int key_type,
                     int value_type, const char *value_type_name);
#endif
