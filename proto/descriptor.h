/* A FileDescriptorSet as it was read: its files, the names they define, and the part of it that one file needs.
 * Everything comes from outside, so nothing is unpacked before hrp_pb_prescan, all memory has a budget, and what
 * protoc would have refused is refused here with its place. Private to proto/. */
#ifndef HRP_DESCRIPTOR_H
#define HRP_DESCRIPTOR_H
#include "arena.h"
#include "editions.h"
#include "schema.h"
#include <google/protobuf/descriptor.pb-c.h>

typedef Google__Protobuf__FileDescriptorSet pb_set; /* protobuf-c's names, made readable */
typedef Google__Protobuf__FileDescriptorProto pb_file;
typedef Google__Protobuf__DescriptorProto pb_message;
typedef Google__Protobuf__FieldDescriptorProto pb_field;
typedef Google__Protobuf__EnumDescriptorProto pb_enum;

#define HRP_MAX_NAME 255       /* bytes of one name; protoc has no limit, a set from outside needs one */
#define HRP_MAX_FULL_NAME 1023 /* bytes of a full name or a path */
#define HRP_MAX_FILES 4096     /* of a set */

struct hrp_type;
struct hrp_symbol { /* a message or an enum */
    const char *name; /* full name, no leading dot */
    const pb_file *file;
    const pb_message *msg; /* one of the two */
    const pb_enum *enm;
    struct hrp_features features; /* what its fields and values start from */
    const int32_t *path;   /* [n_path], in its file: SourceCodeInfo.Location.path */
    uint32_t n_path;
    struct hrp_type *type; /* types.c: what is known about the message so far */
    bool checked;          /* types.c: the enum's values are good */
};
struct hrp_import { /* a file of the set, by name */
    pb_file *file;
    bool seen, done;
    uint64_t *reach; /* once done: bit i stands for imports[i], which it is or needs, perhaps through others */
};
struct hrp_descset {
    pb_set *set;
    struct hrp_arena *arena; /* scratch, as long as the set is open */
    struct hrp_symbol *symbols; /* [n_symbols], sorted by name */
    uint32_t n_symbols;
    struct hrp_import *imports; /* [set->n_file], sorted by name */
};

int hrp_descset_open(const uint8_t *p, size_t n, const struct hrp_limits *lim, struct hrp_descset *ret, struct hr_error *err);
void hrp_descset_fini(struct hrp_descset *ds); /* fine on a zeroed one */
struct hrp_symbol *hrp_descset_find(const struct hrp_descset *ds, const char *name);
/* HR_ENOENT with the nearest message name, for a name a person typed. */
int hrp_descset_no_message(const struct hrp_descset *ds, const char *name, struct hr_error *err);
/* Append the canonical set of `file`: it and what it imports, in dependency order, without source_code_info. Refuses
 * missing and circular imports, and files of an unknown syntax or edition. The set keeps its source_code_info. */
int hrp_descset_canonical(struct hrp_descset *ds, const pb_file *file, struct hrp_buf *out, struct hr_error *err);
/* After hrp_descset_canonical: does `file`, which is part of it, import `other`, perhaps through others? */
bool hrp_descset_imports(const struct hrp_descset *ds, const pb_file *file, const pb_file *other);
/* "shop.proto:14:3", counted from 1: where what is at `path` (descriptor.proto, SourceCodeInfo.Location) is declared, or
 * else the nearest thing around it; "shop.proto" where the set has no source_code_info. ret is written always. */
#define HRP_MAX_PLACE (HRP_MAX_FULL_NAME + 32)
const char *hrp_descset_place(const pb_file *file, const int32_t *path, size_t n_path, char ret[HRP_MAX_PLACE]);
/* The same of a message or enum, or of what lies at `below` in it: {2, 0} is a message's first field, {2, 0, 8} its options. */
const char *hrp_symbol_place(const struct hrp_symbol *sym, const int32_t *below, size_t n_below, char ret[HRP_MAX_PLACE]);
bool hrp_is_identifier(const char *s);
/* HR_ELIMIT or HR_ENOMEM of the scratch arena, as an error with a sentence. */
int hrp_descset_nomem(const struct hrp_descset *ds, struct hr_error *err);
#endif
