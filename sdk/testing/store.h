/* What the collector of tests keeps: event types as offered, rows as JSON in order of arrival, what they broke, what was dropped.
 * All under the caller's mutex. */
#ifndef HRS_TESTING_STORE_H
#define HRS_TESTING_STORE_H
#include "batch.h"
#include "rules.h"

struct hrs_kind {            /* one schema of one stream */
    struct hrs_kind *next;
    char *stream;
    uint8_t fingerprint[16];
    struct hrp_schema *schema;
    struct hrp_rules *rules; /* without patterns */
};
struct hrs_seen {            /* one event */
    struct hrs_seen *next;
    const struct hrs_kind *kind;
    char *json;              /* NULL: it has no types; then broken says why */
    char *broken;            /* "order_id: must be ... [string.min_len]", a line each; NULL: it keeps all rules */
    bool taken;
};
struct hrs_number {          /* numbers of one (incarnation, type, lane) below it are resolved: a resend brings nothing new */
    struct hrs_number *next;
    struct hrp_id incarnation;
    uint32_t type_id, lane;
    uint64_t next_n;
};
struct hrs_store {
    struct hrs_kind *kinds;
    struct hrs_seen *first, *last;
    struct hrs_number *numbers;
    uint64_t dropped[HRP_DROP_N];
    struct hr_error refused; /* the first type that cannot be checked; code 0: none */
};
void hrs_store_clear(struct hrs_store *st); /* forgets events and drops; types and numbers stay */
void hrs_store_fini(struct hrs_store *st);

/* NULL: not known. */
const struct hrs_kind *hrs_store_kind(const struct hrs_store *st, const char *stream, const uint8_t fingerprint[16]);
int hrs_store_learn(struct hrs_store *st, const char *stream, const uint8_t fingerprint[16], const uint8_t *set, size_t n_set,
                    const struct hrs_kind **ret, struct hr_error *err);
int hrs_store_batch(struct hrs_store *st, const struct hrs_kind *kind, const uint8_t *p, size_t n);
#endif
