/* Would these rows be stored, were they of that schema? The question behind a replay, its dry run, and a tightened rule that is tried
 * on yesterday's rows before it holds. Rows go into columns of the schema, the one validator looks at them, the stream's
 * policy says what that means. A plain object: no thread, no store. */
#ifndef HRD_TRIAL_H
#define HRD_TRIAL_H
#include "block.h"
#include "causes.h"
#include "rules.h"
struct hrd_personal;
struct hrd_trial;

struct hrd_trial_row {
    uint8_t form;            /* enum hrd_quarantined_form: WIRE, or RAW that is JSON */
    const uint8_t *bytes;
    size_t n_bytes;
    uint32_t lane;
    uint64_t n;
    int64_t event_time_ns;
    const uint8_t *violations; /* as they were stored with it (violation.h); NULL: none */
    size_t n_violations;
    struct hrp_schema *by;   /* by which it was stored, so its hashed fields are hashes already; NULL: not known */
};
enum hrd_verdict { HRD_STAYS, HRD_ADMITTED, HRD_ADMITTED_FLAGGED };

/* rules: of the schema, at the door (hrp_rules_open_door); NULL: none. Borrowed; of the schema it takes a reference, of the policy a copy.
 *
 * A field that is stored as a hash (personal.h) has no clear value any more, so its rules are not asked again: a row that had broken
 * one of them stays, others go by their other fields. What the row's own schema had not hashed is hashed on the way. */
int hrd_trial_new(struct hrp_schema *schema, const struct hrp_rules *rules, const struct hrd_policy *policy, struct hrd_trial **ret);
void hrd_trial_personal(struct hrd_trial *t, const struct hrd_personal *personal); /* the key; without it rows that need it stay */
void hrd_trial_free(struct hrd_trial *t); /* NULL is fine */
/* The next row; rows are numbered from 0 in the order they are added. HR_EFULL: judge and clear first. HR_ENOMEM. A row that has no
 * place in the schema's types is taken, and stays. */
int hrd_trial_add(struct hrd_trial *t, const struct hrd_trial_row *row);
/* Verdicts on all rows so far; causes of those that stay are counted into `stay`, each row once a cause. HR_ENOMEM. */
int hrd_trial_judge(struct hrd_trial *t, struct hrd_causes *stay);
uint32_t hrd_trial_rows(const struct hrd_trial *t);
enum hrd_verdict hrd_trial_verdict(const struct hrd_trial *t, uint32_t row);
/* The row's bytes in wire format, as they were or as the JSON became; valid until clear. */
const uint8_t *hrd_trial_wire(const struct hrd_trial *t, uint32_t row, size_t *ret_n);
void hrd_trial_clear(struct hrd_trial *t);
#endif
