/* The rules of a schema as they were written, before they become checks: what compatibility, samples and lint look at.
 *
 * One rule is a line of rules.def: the message it stands in (StringRules), field number, name, type. Read from the custom
 * options (extension 1159) of a checked descriptor set; repeated occurrences merge as protobuf merges messages. What cannot be
 * checked (CEL, predefined rules, extensions) is refused with its place. Memory: the descriptor set's arena, or the one given. */
#ifndef HRP_RULES_READ_H
#define HRP_RULES_READ_H
#include "types.h"

/* Numbers of the oneof FieldRules.type. */
enum hrp_rules_type {
    HRP_RULES_NONE = 0, HRP_RULES_FLOAT = 1, HRP_RULES_DOUBLE, HRP_RULES_INT32, HRP_RULES_INT64, HRP_RULES_UINT32, HRP_RULES_UINT64,
    HRP_RULES_SINT32, HRP_RULES_SINT64, HRP_RULES_FIXED32, HRP_RULES_FIXED64, HRP_RULES_SFIXED32, HRP_RULES_SFIXED64, HRP_RULES_BOOL,
    HRP_RULES_STRING, HRP_RULES_BYTES, HRP_RULES_ENUM = 16, HRP_RULES_REPEATED = 18, HRP_RULES_MAP, HRP_RULES_ANY, HRP_RULES_DURATION,
    HRP_RULES_TIMESTAMP, HRP_RULES_FIELD_MASK = 28,
};
enum hrp_ignore { HRP_IGNORE_UNSPECIFIED = 0, HRP_IGNORE_IF_ZERO_VALUE = 1, HRP_IGNORE_ALWAYS = 3 };

struct hrp_rule_def {        /* a line of rules.def */
    uint8_t type;            /* enum hrp_rules_type: the message it stands in */
    uint32_t number;
    const char *name;        /* "min_len" */
    uint8_t pb_type;         /* FieldDescriptorProto.Type of its value */
    bool repeated;
    uint8_t oneof;           /* 0: none; else of those with the same number the last one written holds */
};
union hrp_rule_value {       /* by def->pb_type */
    int64_t i;               /* signed integers, enum, bool */
    uint64_t u;
    double f;                /* float and double */
    struct {
        const uint8_t *p;
        size_t n;
    } s;                     /* string, bytes, FieldMask's paths joined by ',' */
    struct {
        int64_t seconds;
        int32_t nanos;
    } t;                     /* Duration, Timestamp (in range or not: as written) */
};
struct hrp_rule {
    const struct hrp_rule_def *def;
    uint32_t n;              /* values: 1, or those of a repeated one */
    const union hrp_rule_value *values;
};
struct hrp_field_rules {
    bool required;
    uint8_t ignore;          /* enum hrp_ignore */
    bool has_ignore;         /* it was written, if only as unspecified */
    uint8_t type;            /* enum hrp_rules_type; NONE: no typed rules */
    uint32_t n_rules;
    const struct hrp_rule *rules; /* ascending by number */
    const struct hrp_field_rules *items, *keys, *values; /* repeated, map; NULL: none */
};
struct hrp_message_oneof {   /* MessageRules.oneof */
    uint32_t n_fields;
    const char *const *fields;
    bool required;
};
struct hrp_message_rules {
    uint32_t n_oneofs;
    const struct hrp_message_oneof *oneofs;
};

/* NULL in *ret: no rules there. HR_ESCHEMA with the place (line and column where the set has source_code_info), HR_ENOMEM. */
int hrp_rules_of_field(struct hrp_descset *ds, const struct hrp_type *t, const struct hrp_type_field *f, const struct hrp_field_rules **ret,
                       struct hr_error *err);
int hrp_rules_of_message(struct hrp_descset *ds, const struct hrp_type *t, const struct hrp_message_rules **ret, struct hr_error *err);
/* OneofRules.required of oneof i of the message. */
int hrp_rules_of_oneof(struct hrp_descset *ds, const struct hrp_type *t, uint32_t i, bool *ret_required, struct hr_error *err);
/* What the values of a field, or the elements of a list, can have rules of; MAP and REPEATED are the field's own. */
enum hrp_rules_type hrp_rules_type_of_field(const struct hrp_type_field *f);
enum hrp_rules_type hrp_rules_type_of_element(const struct hrp_type_field *f);
const char *hrp_rules_type_name(enum hrp_rules_type type);           /* "uint32", "field_mask" */
const struct hrp_rule_def *hrp_rule_defs(uint32_t *ret_n);           /* all of rules.def */
const struct hrp_rule *hrp_rule_find(const struct hrp_field_rules *fr, const char *name); /* NULL: not set, or fr is NULL */
#endif
