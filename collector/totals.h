/* Sums of the ledger: one line per (stream, app, version) over all incarnations there ever were, and the last known terms of
 * those that are not in memory. Lines are only ever added, so a record keeps the number of its line. Thread: the committer's. */
#ifndef HRD_TOTALS_H
#define HRD_TOTALS_H
#include "producers.h"

#define HRD_PAST_MAX 1000u /* incarnations that are shown though nobody speaks for them */
#define HRD_OTHER "(other)"

struct hrd_total {
    uint32_t stream_id;
    char *app, *version;
    struct hrd_terms terms;
};
struct hrd_past {
    struct hrp_id incarnation;
    struct hrd_incarnation_info info;
    struct hrd_terms terms;
};
struct hrd_totals {
    struct hrd_total *lines; /* [n_lines] */
    uint32_t n_lines, cap_lines;
    uint32_t *slots;         /* [n_slots] line + 1, 0: free; n_slots is a power of two */
    uint32_t n_slots;
    struct hrd_past *past;   /* [n_past], in no order */
    uint32_t n_past, cap_past, oldest; /* oldest: valid when n_past is HRD_PAST_MAX */
};
void hrd_totals_fini(struct hrd_totals *t);
/* The line, made when new; past HRD_MAX_LINES that of app HRD_OTHER. HR_ENOMEM. */
int hrd_totals_line(struct hrd_totals *t, uint32_t stream_id, const char *app, const char *version, uint32_t *ret);
void hrd_totals_add(struct hrd_totals *t, uint32_t line, const struct hrd_terms *was, const struct hrd_terms *is);
void hrd_terms_add(struct hrd_terms *into, const struct hrd_terms *was, const struct hrd_terms *is); /* into += is - was */
/* Keeps it while it is among the newest. Takes info's strings: they are NULL afterwards, or freed. */
int hrd_totals_past_add(struct hrd_totals *t, const struct hrp_id *id, struct hrd_incarnation_info *info, const struct hrd_terms *terms);
void hrd_totals_past_remove(struct hrd_totals *t, const struct hrp_id *id);
#endif
