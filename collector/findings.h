/* What is wrong with the rows of a batch, and what becomes of each: by its schema's rules, its producer's marks, and the stream's
 * policy. No decision about a row is taken for its batch. A plain function: no thread, no clock but the rules' own, no store. */
#ifndef HRD_FINDINGS_H
#define HRD_FINDINGS_H
#include "msg.h"
#include "rules.h"

#define HRD_MOST_VIOLATIONS 16u /* kept of a row; a row that breaks more has the first of them */

/* bat->batch is open. Fills asides (but not their rows' bytes), raw_asides, flagged, findings and causes. rules NULL: nothing but marks is looked at.
 * refusal: why the schema was refused, though the rows could be read: each is set aside with it; NULL: it was not.
 * HR_ENOMEM, HR_ELIMIT: nothing is filled. */
int hrd_findings_judge(struct hrd_batch_msg *bat, const struct hrp_rules *rules, const struct hrd_policy *policy, const char *refusal);
/* The bytes of rows set aside, from bat->batch as it is now: after judge, and after personal.h. HR_ENOMEM, HR_ELIMIT: all is forgotten. */
int hrd_findings_keep(struct hrd_batch_msg *bat);
size_t hrd_findings_bytes(const struct hrd_batch_msg *bat); /* memory that all of it takes */
/* Set every row of an open batch aside by one cause ("headrace.expired"), bytes and all, whatever was found before. HR_ENOMEM, HR_ELIMIT. */
int hrd_findings_refuse(struct hrd_batch_msg *bat, const char *rule_id, const char *message);
void hrd_findings_forget(struct hrd_batch_msg *bat); /* what judge has filled */
/* What the policy has for a finding by its rule id; what can't be read or has expired is always set aside. */
uint8_t hrd_findings_action(const struct hrd_policy *policy, const char *rule_id);
/* A violation that is no rule's, as stored bytes: "headrace.unreadable" and its sentence. */
void hrd_violation_put(struct hrp_buf *out, const char *rule_id, const char *message);
#endif
