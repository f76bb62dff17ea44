/* The schema model: a message type of a FileDescriptorSet, flattened into a tree of nodes.
 *
 * One node is one column of a batch. Nodes are numbered in preorder, root = 0 (the event itself).
 * A node's *slots* are the places where it could stand: one per present instance of its parent, or
 * one per element where the parent is repeated. Per node kind, what a column holds:
 *
 *   presence bitmap[n_slots]  nodes with explicit presence: `optional`, proto2 fields, every singular message
 *   lengths[n_slots]          repeated fields and maps (Apache Arrow's lists); elements = their sum
 *   case[n_slots]             a oneof: the field number that is set, 0 = none; its members' slots are
 *                             those where case is their number, so members need no bitmap
 *   values[present or elements]
 *
 * A map is a repeated message with two fields, key (1) and value (2). Every message node has one
 * extra bytes child, `unknown`, with explicit presence: the wire bytes of fields the schema lacks.
 * A field whose message type contains itself, or stands deeper than HRP_MAX_FLAT_DEPTH, is an opaque
 * bytes leaf (node->opaque); its messages are read by a schema of their own, hrp_schema_of_msg. A map's
 * entry is never opaque (its value may be) and is no level of its own. Key and value of an entry have no
 * presence (absent means default), but for values that are messages.
 *
 * Source of names and numbers: google/protobuf/descriptor.proto. Presence comes from features (editions.h), of
 * which proto2 and proto3 are two sets of defaults; synthetic oneofs are dissolved. A group is a message here, and
 * only on the wire something else. */
#ifndef HRP_SCHEMA_H
#define HRP_SCHEMA_H
#include "bytes.h"
#include "errors.h"
#include "frame.h"
#include "options.h"

#define HRP_MAX_FLAT_DEPTH 16

enum hrp_node_kind { HRP_NODE_MESSAGE, HRP_NODE_ONEOF, HRP_NODE_LEAF };

/* How a leaf's values lie in memory. */
enum hrp_phys {
    HRP_PHYS_NONE,  /* message, oneof */
    HRP_PHYS_I64,   /* int32 int64 sint32 sint64 sfixed32 sfixed64 enum bool: int64_t */
    HRP_PHYS_U64,   /* uint32 uint64 fixed32 fixed64: uint64_t */
    HRP_PHYS_F64,   /* double */
    HRP_PHYS_F32,   /* float */
    HRP_PHYS_BYTES, /* string, bytes, opaque messages, unknown fields */
};

struct hrp_enum {
    const char *full_name;
    uint32_t n_values;
    const struct hrp_enum_value {
        const char *name;
        int32_t number;
    } *values; /* in file order; aliases kept */
};

struct hrp_node {
    uint32_t id;             /* = column number */
    uint32_t parent;         /* id; root: 0 */
    uint32_t end;            /* one past the last descendant: subtree = [id, end) */
    enum hrp_node_kind kind;
    enum hrp_phys phys;
    uint8_t pb_type;         /* FieldDescriptorProto.Type 1..18; 10, group: also a message that features say is delimited;
                                0 for root, oneof, unknown */
    bool repeated, is_map, explicit_presence, required, packed, opaque, unknown;
    bool oneof_member;       /* parent is the oneof node */
    uint32_t number;         /* field number; 0 for root, oneof, unknown */
    const char *name;        /* as in the .proto; root: "" ; unknown: "" */
    const char *json_name;   /* lowerCamelCase name of protobuf JSON, accepted on input */
    const char *path;        /* dotted from the root: "address.city"; root: "". A oneof's name is no part of its members' paths;
                                unknown: "address._unknown" */
    const struct hrp_enum *enm;   /* enum leaves */
    const char *msg_name;    /* full name of a message node's or opaque leaf's type, else NULL */
    const struct hrp_field_options *options; /* headrace.field (options.h); NULL: none */
};

struct hrp_schema;  /* immutable after open; may be read by any thread; counted references */

/* Build from a serialized google.protobuf.FileDescriptorSet. full_name: "shop.CheckoutCompleted", no leading dot.
 * The bytes are pre-scanned and copied. err names the place: file, message, field. HR_ESCHEMA, HR_ENOENT (no such
 * message), HR_ELIMIT, HR_ENOMEM, HR_ECORRUPT. */
int hrp_schema_open(const uint8_t *fdset, size_t n, const char *full_name, const struct hrp_limits *lim,
                    struct hrp_schema **ret, struct hr_error *err);
struct hrp_schema *hrp_schema_ref(struct hrp_schema *s);
void hrp_schema_unref(struct hrp_schema *s); /* NULL is fine */

const char *hrp_schema_name(const struct hrp_schema *s);
const struct hrp_event_options *hrp_schema_event(const struct hrp_schema *s); /* headrace.event; never NULL: defaults when not set */
/* A field's personal data must not travel or be stored as it came: some action is not KEEP. Then raw rows have no bytes. */
bool hrp_schema_secret(const struct hrp_schema *s);
/* 16 bytes, content-addressed: XXH3-128 of (full name, 0, the canonical set): the files the type needs, in dependency
 * order, source_code_info removed, each packed by protobuf-c. The same type from a larger set has the same print. */
const uint8_t *hrp_schema_fingerprint(const struct hrp_schema *s);
/* The canonical set itself; borrowed, lives as long as s. */
const uint8_t *hrp_schema_bytes(const struct hrp_schema *s, size_t *ret_n);
uint32_t hrp_schema_n_nodes(const struct hrp_schema *s);
const struct hrp_node *hrp_schema_nodes(const struct hrp_schema *s); /* [n_nodes], preorder */
/* Child of `parent` (or of a oneof of it) with that field number; NULL: unknown field. O(1) or O(log n). */
const struct hrp_node *hrp_schema_field(const struct hrp_schema *s, const struct hrp_node *parent, uint32_t number);
/* All fields of a message node, those of its oneofs among them, sorted by number; unknown fields are not there. */
struct hrp_field {
    uint32_t number, id;
};
const struct hrp_field *hrp_schema_fields(const struct hrp_schema *s, const struct hrp_node *parent, uint32_t *ret_n);
/* By .proto name or JSON name; NULL: none. */
const struct hrp_node *hrp_schema_field_by_name(const struct hrp_schema *s, const struct hrp_node *parent, const char *name, size_t n_name);
/* Node by dotted path; NULL: none. */
const struct hrp_node *hrp_schema_by_path(const struct hrp_schema *s, const char *path);
/* Schema of an opaque leaf's message type, from the same set; cached in s, borrowed (its own reference holds s, too).
 * NULL: HR_ENOMEM. Thread: any. */
struct hrp_schema *hrp_schema_of_msg(struct hrp_schema *s, const struct hrp_node *opaque_leaf);
/* Names of all top-level message types in a set, for `headrace send --type ?` and the generator's errors:
 * calls fn for each full name. */
int hrp_schema_list(const uint8_t *fdset, size_t n, void (*fn)(void *arg, const char *full_name), void *arg, struct hr_error *err);
#endif
