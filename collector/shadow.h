/* A tightened rule before it holds: what it would have refused of the rows that are stored already. Nothing is changed. */
#ifndef HRD_SHADOW_H
#define HRD_SHADOW_H
#include "causes.h"
#include "errors.h"
#include "rules.h"
struct hrd_log;
struct hrd_registry;

#define HRD_SHADOW_ROWS 2000000u     /* looked at, at most */
#define HRD_SHADOW_NS INT64_C(86400000000000) /* the last day */

struct hrd_shadow {
    uint64_t rows;                   /* looked at */
    uint64_t refused;
    bool cut;                        /* there were more */
    struct hrd_causes causes;        /* of the refusals; the caller's: hrd_causes_fini */
};
/* Rows of the stream received at since_ns or later, oldest first, judged by the schema and its rules (as hrp_rules_open_door makes them)
 * under the stream's policy. Blocks: for a thread that may. ret is filled in any case. HR_EAGAIN: the store is being reopened. */
int hrd_shadow_run(struct hrd_log *log, struct hrd_registry *reg, uint32_t stream_id, struct hrp_schema *schema, const struct hrp_rules *rules,
                   int64_t since_ns, struct hrd_shadow *ret);
#endif
