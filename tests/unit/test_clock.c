/* The clock of the log call: never outside what the kernel says before and after, by more than its span. */
#include "clock.h"
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <time.h>
#include <cmocka.h>

static int64_t kernel_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_REALTIME, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

/* Between two readings of the kernel's clock lies ours, give or take what a slewed clock and a rate of 100 ppm can do in a span. */
static void hold(struct hrs_anchor *a)
{
    int64_t before = kernel_ns(), ours = hrs_clock_now(a), after = kernel_ns();

    assert_true(ours >= before - HRS_CLOCK_SPAN_NS / 50);
    assert_true(ours <= after + HRS_CLOCK_SPAN_NS / 50);
}

static void it_is_the_kernels_time(void **state)
{
    struct hrs_anchor a = {0};
    int64_t until = kernel_ns() + 50000000; /* the rate is measured on the way */

    hrs_clock_init();
    while (kernel_ns() < until)
        hold(&a);
}

static void *others(void *arg)
{
    it_is_the_kernels_time(NULL);
    return NULL;
}

static void threads_share_the_rate_only(void **state)
{
    pthread_t t[4];

    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&t[i], NULL, others, NULL), 0);
    for (int i = 0; i < 4; i++)
        pthread_join(t[i], NULL);
}

/* An anchor of long ago, or of another processor whose counter is ahead, is not counted from. */
static void a_stale_anchor_is_asked_again(void **state)
{
    struct hrs_anchor a = {0};

    hrs_clock_init();
    hold(&a);
    a.ns -= 5000000000;
    a.ticks -= a.most_ticks + 1;
    hold(&a);
    a.ticks = hrs_ticks() + (UINT64_C(1) << 40);
    a.ns += 5000000000;
    hold(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_is_the_kernels_time),
        cmocka_unit_test(threads_share_the_rate_only),
        cmocka_unit_test(a_stale_anchor_is_asked_again),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
