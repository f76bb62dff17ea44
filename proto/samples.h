/* Example events of a schema: valid ones, and for each rule one that breaks it and nothing else. Deterministic by seed. */
#ifndef HRP_SAMPLES_H
#define HRP_SAMPLES_H
#include "rules.h"

/* Each sample is handed over as protobuf wire bytes, borrowed for the call. rule_id and path: what an invalid one breaks ("" for a
 * valid one). Samples are checked with rules before they are handed over: one that does not come out as said is left out.
 * A rule for which no sample can be made (a pattern) is told with wire NULL. fn returns 0 to go on. */
int hrp_samples(struct hrp_schema *schema, const struct hrp_rules *rules, uint64_t seed, uint32_t n_valid,
                int (*fn)(void *arg, const uint8_t *wire, size_t n, const char *rule_id, const char *path), void *arg, struct hr_error *err);
#endif
