/* Would these rows be stored, were they of that schema? The question behind a replay, its dry run, and a tightened rule that is tried
 * on yesterday's rows before it holds. Rows go into columns of the schema, the one validator looks at them, the stream's
 * policy says what that means. A plain object: no thread, no store. */
#ifndef HRD_TRIAL_H
#define HRD_TRIAL_H
#include "block.h"
#include "causes.h"
#include "rules.h"
struct hrd_trial;

struct hrd_trial_row {
    uint8_t form;            /* enum hrd_quarantined_form: WIRE, or RAW that is JSON */
    const uint8_t *bytes;
    size_t n_bytes;
    uint32_t lane;
    uint64_t n;
    int64_t event_time_ns;
};
enum hrd_verdict { HRD_STAYS, HRD_ADMITTED, HRD_ADMITTED_FLAGGED };

/* rules: of the schema, at the door (hrp_rules_open_door); NULL: none. All borrowed but for the schema, of which it takes a reference. */
int hrd_trial_new(struct hrp_schema *schema, const struct hrp_rules *rules, const struct hrd_policy *policy, struct hrd_trial **ret);
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
