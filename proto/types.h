/* The message types an event reaches, checked and resolved, before they are flattened: which field holds which
 * message or enum, which oneofs are real, which types contain themselves, how many nodes each becomes.
 * Private to proto/. */
#ifndef HRP_TYPES_H
#define HRP_TYPES_H
#include "descriptor.h"

#define HRP_MAX_OPAQUE_TYPES 1024   /* types behind opaque leaves, per event */
#define HRP_MAX_FAMILY_COLUMNS 16u  /* times limits.columns: nodes of an event's schema and of those behind its leaves */

struct hrp_type_field {
    const pb_field *d;
    struct hrp_type *msg;           /* message fields */
    const struct hrp_symbol *enm;   /* enum fields */
    uint8_t pb_type;                /* d->type; of a message that an edition writes delimited: a group's */
    bool repeated, required;
    bool explicit_presence;         /* it can be absent: not of lists, of members of oneofs, and of numbers in a map's entry */
    bool packed;                    /* how we write it; both ways are read */
    const struct hrp_field_options *options; /* NULL: none */
};
struct hrp_type {
    const struct hrp_symbol *sym;
    struct hrp_type_field *fields;  /* [n_fields], as declared */
    uint32_t n_fields;
    uint32_t n_oneofs;
    uint32_t *oneof_members;        /* [n_oneofs]; 0: synthetic or empty, no node */
    bool map_entry, recursive;      /* recursive: contains itself, perhaps through others */
    bool opaque_somewhere, counted; /* stands behind an opaque leaf */
    bool behind;                    /* the same, or in such a one, however deep */
    uint32_t index, low;            /* of the search for cycles */
    bool on_stack;
    uint32_t size[HRP_MAX_FLAT_DEPTH + 1]; /* nodes below a node of this type at that depth; 0: not counted yet */
    uint32_t path[HRP_MAX_FLAT_DEPTH + 1]; /* bytes of the longest path to one of them; counted with size */
};
struct hrp_types {
    struct hrp_descset *ds;
    const struct hrp_limits *lim;
    struct hrp_type **list;         /* list[0]: the event */
    uint32_t n;
    uint32_t n_nodes;               /* of the event, its root included */
    struct hrp_event_options event;
};

/* Everything `root` reaches; memory is the set's scratch. HR_ESCHEMA, HR_ELIMIT, HR_ENOMEM, with the place. */
int hrp_types_collect(struct hrp_descset *ds, struct hrp_symbol *root, const struct hrp_limits *lim, struct hrp_types *ret, struct hr_error *err);
/* Sets `recursive`. HR_ELIMIT, HR_ENOMEM. */
int hrp_types_cycles(struct hrp_types *ts, struct hr_error *err);
/* Place of a field (hrp_descset_place), or of what lies at `below` in its FieldDescriptorProto: {8, 1159} is an option. */
const char *hrp_field_place(const struct hrp_type *t, const struct hrp_type_field *f, const int32_t *below, size_t n_below,
                            char ret[HRP_MAX_PLACE]);
bool hrp_field_is_map(const struct hrp_type_field *f);
bool hrp_field_in_oneof(const struct hrp_type *t, const struct hrp_type_field *f); /* a real one */
/* Depth of the message a field at `depth` holds (a map's entry is no level of its own), and whether it stays closed. */
uint32_t hrp_field_depth(const struct hrp_type_field *f, uint32_t depth);
bool hrp_field_is_opaque(const struct hrp_type_field *f, uint32_t depth);
#endif
