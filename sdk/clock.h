/* The time of a log call: wall-clock nanoseconds at the price of reading the processor's counter.
 *
 * clock_gettime orders the pipeline around its read and costs a multiple of the bare counter. So each thread keeps an anchor
 * (counter, time) that the kernel told, and counts from it for at most HRS_CLOCK_SPAN_NS; then it asks again. A clock that is
 * set or slewed is followed within that span, and an error of the rate, measured over 10 ms and more, has no longer to add up.
 *
 * The counter is believed only where the kernel keeps its own time by it (clock source "tsc" on x86-64; aarch64 has one by
 * architecture). Elsewhere, and until the rate is known, every call asks the kernel. */
#ifndef HRS_CLOCK_H
#define HRS_CLOCK_H
#include <stdatomic.h>
#include <stdint.h>
#if defined __x86_64__
#include <x86intrin.h>
#endif

#define HRS_CLOCK_SPAN_NS 1000000

struct hrs_anchor {         /* a thread's own; zeroed: none yet */
    uint64_t ticks;
    int64_t ns;
    uint64_t most_ticks;    /* how far it may be counted from; 0: not at all */
    uint64_t ns_per_tick;   /* times 2^32 */
    uint32_t asked;
};

static inline uint64_t hrs_ticks(void)
{
#if defined __x86_64__
    return __rdtsc();
#elif defined __aarch64__
    uint64_t v;
    __asm__ volatile("mrs %0, cntvct_el0" : "=r"(v));
    return v;
#else
    return 0;
#endif
}

/* Before a client's first log call: may the counter be used? Any thread; the first call of a process reads a file of /sys. */
void hrs_clock_init(void);
/* Ask the kernel and set the anchor; keeps errno, makes no system call where the vDSO has the clock. */
int64_t hrs_clock_ask(struct hrs_anchor *a);

static inline int64_t hrs_clock_now(struct hrs_anchor *a)
{
    uint64_t d = hrs_ticks() - a->ticks;

    if (__builtin_expect(d < a->most_ticks, 1))
        return a->ns + (int64_t)(d * a->ns_per_tick >> 32);
    return hrs_clock_ask(a);
}
#endif
