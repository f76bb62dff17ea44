/* Features of a declaration: what proto2, proto3 and the editions after them differ in.
 *
 * The syntax word is only the name of a set of defaults; an edition's file, message, oneof or field may overrule each, and
 * what stands inside inherits. Source of names, numbers and defaults: google/protobuf/descriptor.proto, message FeatureSet
 * (protobuf 32). protoc-c's descriptor.proto is older, so that all of it arrives as unknown fields. Private to proto/. */
#ifndef HRP_EDITIONS_H
#define HRP_EDITIONS_H
#include <google/protobuf/descriptor.pb-c.h>
#include <stdbool.h>
#include <stdint.h>

enum hrp_presence { HRP_PRESENCE_EXPLICIT = 1, HRP_PRESENCE_IMPLICIT = 2, HRP_PRESENCE_REQUIRED = 3 };
struct hrp_features {
    uint8_t presence;    /* enum hrp_presence: of singular scalars */
    bool closed;         /* enums: other numbers are no values */
    bool packed;         /* repeated numbers are written packed */
    bool unverified;     /* protobuf does not look whether strings are UTF-8; we do */
    bool delimited;      /* messages are written as groups */
    bool edition;        /* the file has one: only there may features be set */
    bool bad;            /* a value that FeatureSet does not have, here or around it */
};

enum { /* numbers of `features` in each kind of options */
    HRP_FEATURES_ONEOF = 1, HRP_FEATURES_ENUM = 7, HRP_FEATURES_MESSAGE = 12, HRP_FEATURES_FIELD = 21, HRP_FEATURES_FILE = 50
};
/* NULL, or why the file cannot be read: a sentence without its place. */
const char *hrp_features_of_file(const Google__Protobuf__FileDescriptorProto *f, struct hrp_features *ret);
/* What `options` (NULL: none) say at field `number` goes over *io. */
void hrp_features_overlay(const ProtobufCMessage *options, uint32_t number, struct hrp_features *io);
#endif
