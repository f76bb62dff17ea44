/* A client's counters. Any thread adds and reads; each counter stands alone, so relaxed order is enough. */
#ifndef HRS_STATS_H
#define HRS_STATS_H
#include <headrace.h>
#include <stdatomic.h>

struct hrs_stats {
    _Atomic uint64_t v[HR_STAT_N];
    _Atomic uint64_t held;       /* batches kept back for another store (rule 9) */
};
static inline void hrs_stats_add(struct hrs_stats *s, enum hr_stat stat, uint64_t n)
{
    atomic_fetch_add_explicit(&s->v[stat], n, memory_order_relaxed);
}
static inline void hrs_stats_set(struct hrs_stats *s, enum hr_stat stat, uint64_t n)
{
    atomic_store_explicit(&s->v[stat], n, memory_order_relaxed);
}
static inline uint64_t hrs_stats_read(const struct hrs_stats *s, enum hr_stat stat)
{
    return atomic_load_explicit(&s->v[stat], memory_order_relaxed);
}
#endif
