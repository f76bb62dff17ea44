/* Why rows of a stream were set aside, flagged or dropped: counts by rule and field, kept in the rows' own write, so that they are
 * as exact as the ledger and outlive the rows. Bounded: what comes after HRD_MAX_CAUSES is summed as one. */
#ifndef HRD_CAUSES_H
#define HRD_CAUSES_H
#include "bytes.h"
#include "policy.h"

#define HRD_MAX_CAUSES 256u
#define HRD_CAUSE_OTHER "(other)"

struct hrd_cause {
    char *rule, *path;       /* owned; path without subscripts: "items[].price"; "" for the whole row */
    uint8_t kind, action;    /* enum hrd_kind (HRD_KIND_N: can't be read, expired), enum hrd_action */
    uint64_t rows;           /* each row once a cause, also when it breaks the rule at several places */
    int64_t newest_ns;       /* receive time */
};
struct hrd_causes {
    struct hrd_cause *list;  /* [n] in the order they first came */
    uint32_t n, cap;
};
void hrd_causes_fini(struct hrd_causes *c); /* fine on a zeroed one */
/* The cause, made when new. HR_ENOMEM. */
int hrd_causes_find(struct hrd_causes *c, const char *rule, const char *path, uint8_t kind, uint8_t action, uint32_t *ret);
int hrd_causes_copy(const struct hrd_causes *c, struct hrd_causes *ret);
void hrd_causes_put(struct hrp_buf *out, const struct hrd_causes *c); /* format version first, check32 last */
int hrd_causes_read(const uint8_t *p, size_t n, struct hrd_causes *ret); /* HR_ECORRUPT, HR_EVERSION, HR_ENOMEM */
#endif
