/* The inside of the validator: rules as a list of checks on columns, and one run of them over a batch.
 * rules.c opens and keeps them; rules_compile.c makes checks of a schema's rules, rules_text.c their messages; rules_check.c
 * runs them and finds the rows of what failed, rules_number.c, rules_bytes.c and rules_message.c look at values. Private to proto/. */
#ifndef HRP_RULES_IMPL_H
#define HRP_RULES_IMPL_H
#include "rules.h"
#include "rules_read.h"

#define RULES_MAX_DEPTH 100u /* child batches inside child batches */

enum check_kind {
    CHECK_REQUIRED,       /* of slots: something stands there */
    CHECK_ONEOF,          /* of slots: a member is set */
    CHECK_MESSAGE_ONEOF,  /* of instances: at most, or exactly, one of some fields is set */
    CHECK_SIZE,           /* of slots: elements or pairs */
    CHECK_UNIQUE,         /* of slots */
    CHECK_NUMBER,         /* of values */
    CHECK_BYTES,          /* of values: strings and bytes */
    CHECK_TIME,           /* of instances of Timestamp and Duration */
    CHECK_MASK,           /* of instances of FieldMask */
    CHECK_UNKNOWN,        /* of values of the unknown column: each is one */
    CHECK_CHILD,          /* of values of an opaque leaf: by the program of its type */
};
enum check_test {
    TEST_RANGE,           /* numbers, times: between lo and hi; size and lengths: at least lo, at most hi */
    TEST_OUTSIDE,         /* numbers, times: not between: flipped bounds */
    TEST_IN,              /* const, too */
    TEST_NOT_IN,
    TEST_FINITE,
    TEST_LT_NOW, TEST_GT_NOW, TEST_WITHIN,
    TEST_CHARS, TEST_BYTES, TEST_PREFIX, TEST_SUFFIX, TEST_CONTAINS, TEST_NOT_CONTAINS, TEST_PATTERN, TEST_FORMAT, TEST_NOT_EMPTY,
    TEST_SIZES,           /* bytes: one of two lengths, or empty */
};
typedef bool format_fn(const uint8_t *p, size_t n);
struct check_text {
    const uint8_t *p;
    size_t n;
};
struct rule_check {
    uint8_t kind, test;   /* enum check_kind, check_test */
    bool skip_zero;       /* zero, empty: not checked */
    bool minus_zero;      /* -0 is zero, too: of an element; a field whose value is -0 is present */
    bool lo_open, hi_open, has_lo, has_hi; /* floating point and times */
    bool required;        /* CHECK_MESSAGE_ONEOF: exactly one */
    uint32_t node;        /* whose slots, values or instances */
    int64_t zero;         /* skip_zero: what zero is (enums: their first value) */
    union {
        int64_t i;
        uint64_t u;
        double f;
        __int128 t;       /* ns */
    } lo, hi;
    uint32_t n_list;
    const union hrp_rule_value *list; /* numbers: sorted, none twice */
    const __int128 *times;
    const struct check_text *texts;   /* sorted; PREFIX and the like: one */
    format_fn *format;
    void *re;
    const uint32_t *fields;           /* CHECK_MESSAGE_ONEOF: [n_list] nodes */
    uint32_t program;                 /* CHECK_CHILD */
    struct hrp_site site;
};
struct rule_program {     /* of one message type */
    struct hrp_schema *schema;        /* borrowed: the top's, or of its family */
    struct rule_check *checks;
    uint32_t n, cap;
    bool active;          /* it, or one it leads to, has a check that can fail */
};
struct hrp_rules {
    struct hrp_schema *schema;        /* a reference */
    const struct hrp_regex *regex;
    struct hrp_descset ds;            /* texts and values lie in its arena */
    struct rule_program *programs;    /* [0]: the event's */
    uint32_t n_programs, cap_programs;
    uint32_t left;
    bool empty;
    bool door;            /* unknown fields and enum values are findings, too */
};

/* ---- making them: all return 0, or an error that is set ---- */
struct compile {
    struct hrp_rules *rules;
    struct rule_program *program;     /* by index: the array moves */
    uint32_t i_program;
    const struct hrp_node *nodes;
    struct hrp_path_element field[64], rule[8]; /* 16 levels, a map or a list on each, and what a wrapper adds */
    uint32_t n_field, n_rule;
    bool for_key;
    struct hr_error *err;
};
int hrp_rules_compile(struct hrp_rules *rules, struct hr_error *err);
/* rules_typed.c: the checks of one field's typed rules, for the values of `node`. */
int hrp_rules_typed(struct compile *c, const struct hrp_node *node, const struct hrp_type_field *f, const struct hrp_field_rules *fr,
                    bool skip_zero, int64_t zero);
/* The numbers that the enum of f has names for: anything else breaks this. */
int hrp_rules_enum_values(struct compile *c, const struct hrp_node *node, const struct hrp_type_field *f, const char *id, const char *message,
                          const struct hrp_rule_def *def);
void *hrp_rules_take(struct compile *c, uint64_t n, size_t size); /* zeroed; NULL: err is set */
int hrp_rules_nomem(struct compile *c);
/* A new check for node, with its place so far and the rule's name; number 0: a rule without a path. */
struct rule_check *hrp_rules_add(struct compile *c, const struct hrp_node *node, uint8_t kind, uint8_t test, const char *id, const char *message,
                                 const struct hrp_rule_def *def);
int hrp_rules_err(const struct compile *c); /* after one of them returned NULL */
/* rules_text.c: the text in the arena; NULL: no memory. */
const char *hrp_rules_text(struct compile *c, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
const char *hrp_rules_value_text(struct compile *c, const struct hrp_rule_def *def, const union hrp_rule_value *v, uint32_t n, bool list);

/* ---- a run ---- */
struct checking {
    const struct hrp_rules *rules;
    const struct rule_program *program;
    const struct hrp_batch *batch;
    const struct hrp_column *cols;
    struct hrp_violations *ret;
    struct hrp_arena *scratch;
    uint32_t **slot_of;      /* [n_nodes] slot of each value, once asked for; in scratch */
    uint16_t *found;         /* [n_rows] violations of each row so far */
    uint32_t most, depth;
    __int128 now;
    int res;                 /* the first failure */
    const struct hrp_site *joined, *joined_child; /* the last site of a child and what it was made of; NULL: none */
};
void hrp_check_fail(struct checking *k, const struct rule_check *ck, uint32_t value);      /* value or instance of ck->node */
void hrp_check_fail_slot(struct checking *k, const struct rule_check *ck, uint32_t slot);  /* slot of ck->node */
bool hrp_check_is_set(const struct checking *k, const struct hrp_node *node, uint32_t slot);
void hrp_check_numbers(struct checking *k, const struct rule_check *ck);
void hrp_check_bytes(struct checking *k, const struct rule_check *ck);
void hrp_check_times(struct checking *k, const struct rule_check *ck);
void hrp_check_masks(struct checking *k, const struct rule_check *ck);
void hrp_check_unique(struct checking *k, const struct rule_check *ck);
void hrp_check_children(struct checking *k, const struct rule_check *ck);
int hrp_check_run(const struct hrp_rules *rules, uint32_t program, const struct hrp_batch *batch, uint32_t most, uint32_t depth, __int128 now,
                  struct hrp_violations *ret);
#endif
