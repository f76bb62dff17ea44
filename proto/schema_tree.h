/* A schema's tree and its indexes, made by flatten.c and asked by schema.c. Private to proto/. */
#ifndef HRP_SCHEMA_TREE_H
#define HRP_SCHEMA_TREE_H
#include "types.h"

struct hrp_tree_name {
    const char *name;
    uint32_t n_name;
    uint32_t id;
    bool json; /* after a .proto name that is the same */
};
struct hrp_tree_span { /* part of an index that belongs to one message node */
    uint32_t at, n;
};
struct hrp_tree {
    struct hrp_node *nodes; /* [n_nodes] */
    uint32_t n_nodes;
    bool has_opaque;
    bool has_secret;        /* a field is dropped, truncated or hashed */
    struct hrp_event_options event;
    struct hrp_field *fields;       /* [n_nodes]: per message node, sorted by number */
    struct hrp_tree_name *names;    /* [2 * n_nodes]: per message node, sorted by name */
    struct hrp_tree_span *field_span, *name_span; /* [n_nodes] */
};

/* Flatten ts->list[0]; all memory from `arena`. */
int hrp_tree_make(const struct hrp_types *ts, struct hrp_arena *arena, struct hrp_tree *ret, struct hr_error *err);
int hrp_tree_name_cmp(const char *a, size_t n_a, const char *b, size_t n_b);
#endif
