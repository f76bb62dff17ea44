/* What a row breaks: which rule, at which place.
 *
 * Names, numbers and meaning are those of buf.validate.Violations (github.com/bufbuild/protovalidate, validate.proto), which
 * is also the stored form: any protovalidate client reads it. A site is one rule at one field of a schema; its texts depend on
 * the schema alone, so a violation is a row, a site and the subscripts on the way (list indexes and map keys).
 *
 * Findings that are no rule have sites, too; their ids begin with "headrace.":
 *   headrace.untyped         the row is not what its type says (text where a number belongs, cut off, not UTF-8)
 *   headrace.unknown_field   a field number that the schema lacks
 *   headrace.unknown_enum    a number that the enum has no name for
 *   headrace.unregistered    its schema was not accepted: unknown type, locked registry, incompatible change
 *   headrace.unreadable      the batch's body could not be decoded
 *   headrace.expired         its incarnation is older than the horizon
 *   headrace.marked          its producer says that it breaks a rule, and this end could not find which */
#ifndef HRP_VIOLATION_H
#define HRP_VIOLATION_H
#include "arena.h"
#include "bytes.h"
#include "errors.h"

enum hrp_subscript_kind { HRP_SUB_NONE, HRP_SUB_INDEX, HRP_SUB_BOOL, HRP_SUB_INT, HRP_SUB_UINT, HRP_SUB_STRING };
struct hrp_subscript {
    uint8_t kind;            /* enum hrp_subscript_kind */
    uint64_t number;         /* index, bool, uint; int: its two's complement */
    const uint8_t *p;        /* string: not NUL-terminated */
    uint32_t n;
};
struct hrp_path_element {    /* FieldPathElement */
    uint32_t number;         /* 0: none (a oneof) */
    const char *name;
    uint8_t type;            /* FieldDescriptorProto.Type; 0: none */
    uint8_t key_type, value_type; /* of a map's entry; 0: none */
    bool subscripted;        /* field paths: takes the violation's next subscript; rule paths: see sub */
    struct hrp_subscript sub;/* rule paths only */
};
struct hrp_site {
    const char *rule_id;     /* "string.min_len" */
    const char *message;     /* "must be at least 3 characters" */
    bool for_key;
    uint32_t n_field, n_rule;
    const struct hrp_path_element *field, *rule; /* n_field 0: the whole message; n_rule 0: no path (message rules) */
};
struct hrp_violation {
    uint32_t row;
    uint32_t n_subs;
    const struct hrp_site *site;       /* lives as long as the rules, or static */
    const struct hrp_subscript *subs;  /* [n_subs], in the list's arena */
};
struct hrp_violations {      /* ascending by row; zeroed: an empty list */
    struct hrp_violation *v;
    uint32_t n, cap;
    uint64_t left_out;       /* found beyond the most per row */
    char runtime[256];       /* a rule could not be applied to a value (bytes.pattern on bytes that are not UTF-8); "" */
    struct hrp_arena *arena;
};
void hrp_violations_fini(struct hrp_violations *list);

/* Append as buf.validate.Violations; v[0..n) are of one row. out->err on no memory. */
void hrp_violations_put(struct hrp_buf *out, const struct hrp_violation *v, uint32_t n);
/* "items[3].name", "tags[\"a\"]" as protovalidate writes paths; subs NULL: "items[].name", which is the cause's name. */
void hrp_site_path_put(struct hrp_buf *out, const struct hrp_site *site, const struct hrp_subscript *subs);

/* One violation of the stored form, read back; texts are borrowed from p. */
struct hrp_stored_violation {
    const char *rule_id, *message;     /* not NUL-terminated: n_ bytes */
    uint32_t n_rule_id, n_message;
    const uint8_t *field, *rule;       /* FieldPath, as stored; NULL: none */
    size_t n_field, n_rule;
    bool for_key;
};
/* Calls fn for each. HR_ECORRUPT. */
int hrp_violations_each(const uint8_t *p, size_t n, void (*fn)(void *arg, const struct hrp_stored_violation *v), void *arg);
/* The text of a stored FieldPath; with_subscripts false: "items[].name". HR_ECORRUPT. */
int hrp_path_text_put(struct hrp_buf *out, const uint8_t *path, size_t n, bool with_subscripts);
#endif
