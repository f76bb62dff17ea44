/* The rate of the counter: measured between a first reading of counter and clock and a later one, process-wide. */
#include "clock.h"
#include "io.h"
#include <fcntl.h>
#include <pthread.h>
#include <stdbool.h>
#include <string.h>
#include <time.h>

#define SETTLED_NS 10000000      /* a shorter distance tells too little */
#define AGAIN_NS 1000000000      /* after it the rate is measured anew: a virtual machine may have moved */
#define MOST_WIDE_TICKS 100000   /* two readings further apart: the thread was interrupted between them */
#define TRIES 4

static _Atomic uint64_t rate;    /* ns per tick times 2^32; 0: not known yet, or the counter is not to be trusted */
static pthread_once_t once = PTHREAD_ONCE_INIT;
static bool usable;
static atomic_flag measuring = ATOMIC_FLAG_INIT;
static struct { uint64_t ticks; int64_t mono_ns; } from; /* whoever holds `measuring` */

static int64_t clock_ns(clockid_t id)
{
    struct timespec t;

    clock_gettime(id, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

/* Counter and clock of one moment; false: interrupted at each try. */
static bool pair(clockid_t id, uint64_t *ret_ticks, int64_t *ret_ns)
{
    for (int i = 0; i < TRIES; i++) {
        uint64_t before = hrs_ticks(), width;

        *ret_ns = clock_ns(id);
        width = hrs_ticks() - before;
        *ret_ticks = before + width / 2;
        if (width < MOST_WIDE_TICKS)
            return true;
    }
    return false;
}

#if defined __x86_64__
static bool kernel_trusts(void)
{
    char name[4];
    int fd = -1, r = hrp_open_at(AT_FDCWD, "/sys/devices/system/clocksource/clocksource0/current_clocksource", O_RDONLY, 0, &fd);

    if (r == 0)
        r = hrp_read_exact(fd, name, sizeof name);
    hrp_close(fd);
    return r == 0 && memcmp(name, "tsc\n", sizeof name) == 0;
}
#else
static bool kernel_trusts(void)
{
#if defined __aarch64__
    return true;
#else
    return false;
#endif
}
#endif

static void set_up(void)
{
    usable = kernel_trusts() && pair(CLOCK_MONOTONIC, &from.ticks, &from.mono_ns);
}

void hrs_clock_init(void)
{
    pthread_once(&once, set_up);
}

/* The monotone clock: a rate must not know of clocks that are set. */
static void measure(void)
{
    uint64_t ticks, known = atomic_load_explicit(&rate, memory_order_relaxed);
    int64_t mono_ns, distance_ns;

    if (atomic_flag_test_and_set_explicit(&measuring, memory_order_acquire)) /* another thread is at it */
        return;
    if (pair(CLOCK_MONOTONIC, &ticks, &mono_ns)) {
        distance_ns = mono_ns - from.mono_ns;
        if (distance_ns >= (known == 0 ? SETTLED_NS : AGAIN_NS) && ticks > from.ticks) {
            atomic_store_explicit(&rate, (uint64_t)((double)distance_ns / (double)(ticks - from.ticks) * 4294967296.0), memory_order_relaxed);
            if (known != 0) {
                from.ticks = ticks;
                from.mono_ns = mono_ns;
            }
        }
    }
    atomic_flag_clear_explicit(&measuring, memory_order_release);
}

int64_t hrs_clock_ask(struct hrs_anchor *a)
{
    uint64_t r;

    if (!usable) /* written before the first client was there */
        return clock_ns(CLOCK_REALTIME);
    if (!pair(CLOCK_REALTIME, &a->ticks, &a->ns)) {
        a->most_ticks = 0;
        return a->ns;
    }
    r = atomic_load_explicit(&rate, memory_order_relaxed);
    if (r == 0 || a->asked++ % 1024 == 0)
        measure();
    a->ns_per_tick = r;
    a->most_ticks = r != 0 ? ((uint64_t)HRS_CLOCK_SPAN_NS << 32) / r : 0;
    return a->ns;
}
