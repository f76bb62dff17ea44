#include "policy.h"
#include <string.h>

const struct hrd_policy hrd_policy_default = {.action = {[HRD_KIND_RULE] = HRD_ACTION_QUARANTINE,
                                                         [HRD_KIND_UNTYPED] = HRD_ACTION_QUARANTINE,
                                                         [HRD_KIND_UNKNOWN_FIELD] = HRD_ACTION_FLAG,
                                                         [HRD_KIND_UNKNOWN_ENUM] = HRD_ACTION_FLAG,
                                                         [HRD_KIND_UNREGISTERED] = HRD_ACTION_QUARANTINE}};

static const char *const kinds[HRD_KIND_N] = {"rule", "untyped", "unknown_field", "unknown_enum", "unregistered"};
static const char *const actions[] = {"quarantine", "flag", "drop"};

const char *hrd_kind_name(enum hrd_kind kind) { return kind < HRD_KIND_N ? kinds[kind] : "unreadable"; }
const char *hrd_action_name(enum hrd_action action) { return actions[action]; }

bool hrd_kind_parse(const char *name, enum hrd_kind *ret)
{
    for (unsigned i = 0; i < HRD_KIND_N; i++)
        if (strcmp(name, kinds[i]) == 0) {
            *ret = (enum hrd_kind)i;
            return true;
        }
    return false;
}

bool hrd_action_parse(const char *name, enum hrd_action *ret)
{
    for (unsigned i = 0; i < sizeof actions / sizeof *actions; i++)
        if (strcmp(name, actions[i]) == 0) {
            *ret = (enum hrd_action)i;
            return true;
        }
    return false;
}

bool hrd_policy_allowed(enum hrd_kind kind, enum hrd_action action)
{
    return kind < HRD_KIND_N && (action != HRD_ACTION_FLAG || (kind != HRD_KIND_UNTYPED && kind != HRD_KIND_UNREGISTERED));
}

enum hrd_kind hrd_kind_of(const char *rule_id)
{
    static const char ours[] = "headrace.";

    if (strncmp(rule_id, ours, sizeof ours - 1) != 0 || strcmp(rule_id, "headrace.marked") == 0)
        return HRD_KIND_RULE;
    for (unsigned i = HRD_KIND_UNTYPED; i < HRD_KIND_N; i++)
        if (strcmp(rule_id + sizeof ours - 1, kinds[i]) == 0)
            return (enum hrd_kind)i;
    return HRD_KIND_N;
}
