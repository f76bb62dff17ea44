#include "counters.h"
#include <string.h>

const struct hrd_counter_info hrd_counter_infos[HRD_N_COUNTERS] = {
#define HRD_COUNTER(name, metric, labels, sentence) {#name, metric, labels, sentence},
#include "counters.def"
#undef HRD_COUNTER
};

/* The struct has nothing but uint64_t in the order of the table. */
uint64_t hrd_counter_value(const struct hrd_counters *c, unsigned i)
{
    uint64_t v;

    memcpy(&v, (const char *)c + i * sizeof v, sizeof v);
    return v;
}

void hrd_counters_add(struct hrd_counters *into, const struct hrd_counters *from)
{
#define HRD_COUNTER(name, metric, labels, sentence) into->name += from->name;
#include "counters.def"
#undef HRD_COUNTER
}
