/* What becomes of a row that is not as its type says: chosen per stream and kind of violation. Every outcome is counted. */
#ifndef HRD_POLICY_H
#define HRD_POLICY_H
#include <stdbool.h>
#include <stdint.h>

enum hrd_kind {
    HRD_KIND_RULE,          /* breaks a rule of its schema */
    HRD_KIND_UNTYPED,       /* has no types: text where a number belongs; can't be flagged, for there are no columns to keep it in */
    HRD_KIND_UNKNOWN_FIELD, /* has a field number that its schema lacks; kept in the unknown column when allowed */
    HRD_KIND_UNKNOWN_ENUM,  /* has a number that an enum of its schema has no name for */
    HRD_KIND_UNREGISTERED,  /* of an unknown type, or of a schema that was not accepted; can't be flagged */
    HRD_KIND_N              /* what can't be read, or has expired, always goes to quarantine */
};
enum hrd_action { HRD_ACTION_QUARANTINE, HRD_ACTION_FLAG, HRD_ACTION_DROP };
struct hrd_policy {
    uint8_t action[HRD_KIND_N]; /* enum hrd_action */
};
extern const struct hrd_policy hrd_policy_default; /* quarantine; unknown fields and enum values: flag */
const char *hrd_kind_name(enum hrd_kind kind);       /* "rule", "untyped", "unknown_field", "unknown_enum", "unregistered" */
const char *hrd_action_name(enum hrd_action action); /* "quarantine", "flag", "drop" */
bool hrd_kind_parse(const char *name, enum hrd_kind *ret);
bool hrd_action_parse(const char *name, enum hrd_action *ret);
bool hrd_policy_allowed(enum hrd_kind kind, enum hrd_action action);
/* The kind of a violation by its rule id: "headrace.unknown_field" ...; HRD_KIND_N: always quarantined. */
enum hrd_kind hrd_kind_of(const char *rule_id);
#endif
