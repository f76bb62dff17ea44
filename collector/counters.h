/* What is counted: counters.def has a line for each. Every thread has a struct of its own; main gets copies by message. */
#ifndef HRD_COUNTERS_H
#define HRD_COUNTERS_H
#include <stdint.h>

struct hrd_counters {
#define HRD_COUNTER(name, metric, labels, sentence) uint64_t name;
#include "counters.def"
#undef HRD_COUNTER
};
struct hrd_counter_info {
    const char *name, *metric, *labels, *sentence; /* labels: "" or `reason="full"` */
};
#define HRD_N_COUNTERS (sizeof(struct hrd_counters) / sizeof(uint64_t))
extern const struct hrd_counter_info hrd_counter_infos[HRD_N_COUNTERS];
uint64_t hrd_counter_value(const struct hrd_counters *c, unsigned i);
void hrd_counters_add(struct hrd_counters *into, const struct hrd_counters *from);
#endif
