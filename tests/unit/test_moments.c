#include "sketch/moments.h"
#include "unit.h"
#include <math.h>
#include <stdlib.h>

#define N 1001

static void near(double got, double want, double relative)
{
    double scale = fabs(want) > 1e-300 ? fabs(want) : 1;

    if (!(fabs(got - want) <= relative * scale))
        fail_msg("%.17g, not %.17g", got, want);
}

/* NIST StRD, univariate summary statistics NumAcc1 to NumAcc4: certified mean and standard deviation. */
static void nist_numacc(void **state)
{
    static const struct {
        double first, a, b, mean, sd, tolerance;
        size_t n;
    } set[] = {
        {10000001, 10000003, 10000002, 10000002, 1, 0, 3},
        {1.2, 1.1, 1.3, 1.2, 0.1, 1e-14, N},
        {1000000.2, 1000000.1, 1000000.3, 1000000.2, 0.1, 1e-9, N},
        {10000000.2, 10000000.1, 10000000.3, 10000000.2, 0.1, 1e-7, N},
    };

    for (unsigned s = 0; s < sizeof set / sizeof *set; s++) {
        double x[N];
        struct hrd_moments array = {0}, single = {0}, merged = {0}, half = {0};

        x[0] = set[s].first;
        for (size_t i = 1; i < set[s].n; i++)
            x[i] = i & 1 ? set[s].a : set[s].b;
        hrd_moments_add_array(&array, x, set[s].n);
        for (size_t i = 0; i < set[s].n; i++)
            hrd_moments_add(&single, x[i]);
        hrd_moments_add_array(&merged, x, set[s].n / 3);
        hrd_moments_add_array(&half, x + set[s].n / 3, set[s].n - set[s].n / 3);
        hrd_moments_merge(&merged, &half);
        const struct hrd_moments *ways[] = {&array, &single, &merged};
        for (unsigned w = 0; w < 3; w++) {
            assert_int_equal(ways[w]->n, set[s].n);
            near(ways[w]->mean, set[s].mean, 1e-15);
            near(hrd_moments_stddev(ways[w]), set[s].sd, set[s].tolerance + 1e-15);
        }
    }
}

static void naive(const double *x, size_t n, long double ret[4])
{
    long double mean = 0;

    for (size_t i = 0; i < n; i++)
        mean += x[i];
    mean /= n;
    ret[0] = mean, ret[1] = ret[2] = ret[3] = 0;
    for (size_t i = 0; i < n; i++) {
        long double d = x[i] - mean;

        ret[1] += d * d, ret[2] += d * d * d, ret[3] += d * d * d * d;
    }
}

static double exponential(void) { return -log((rand() + 1.0) / (RAND_MAX + 2.0)); }

/* Skewed values, any split and any order of merging: all agree with long double. */
static void any_split_gives_the_same(void **state)
{
    enum { MOST = 5000 };
    double *x = calloc(MOST, sizeof *x);

    srand(7);
    for (unsigned round = 0; round < 200; round++) {
        size_t n = 2 + (size_t)rand() % (MOST - 2), at = 0;
        struct hrd_moments m = {0};
        long double want[4];

        for (size_t i = 0; i < n; i++)
            x[i] = 50 + 3 * exponential();
        naive(x, n, want);
        while (at < n) {
            struct hrd_moments part = {0};
            size_t k = 1 + (size_t)rand() % (n - at);

            hrd_moments_add_array(&part, x + at, k);
            if (rand() & 1) {
                hrd_moments_merge(&m, &part);
            } else {
                hrd_moments_merge(&part, &m);
                m = part;
            }
            at += k;
        }
        assert_int_equal(m.n, n);
        near(m.mean, (double)want[0], 1e-13);
        near(m.m2, (double)want[1], 1e-11);
        near(m.m3, (double)want[2], 1e-8);
        near(m.m4, (double)want[3], 1e-10);
    }
    free(x);
}

static void one_value_many_times(void **state)
{
    struct hrd_moments m = {0}, each = {0};

    hrd_moments_add_n(&m, 2, 1000);
    hrd_moments_add_n(&m, 5, 500);
    hrd_moments_add_n(&m, 9, 0);
    for (unsigned i = 0; i < 1500; i++)
        hrd_moments_add(&each, i < 1000 ? 2 : 5);
    assert_int_equal(m.n, 1500);
    near(m.mean, 3, 1e-15);
    near(hrd_moments_variance(&m), 3000.0 / 1499, 1e-14);
    near(m.m3, each.m3, 1e-12);
    near(m.m4, each.m4, 1e-12);
    near(hrd_moments_skewness(&m), 0.70710678118654757, 1e-14); /* (1 - 2p) / sqrt(p (1 - p)), p = 1/3 */
    near(hrd_moments_kurtosis(&m), -1.5, 1e-13);                /* (1 - 6p (1 - p)) / (p (1 - p)) */
}

static void too_few_values(void **state)
{
    struct hrd_moments m = {0};

    assert_true(isnan(hrd_moments_variance(&m)) && isnan(hrd_moments_skewness(&m)));
    hrd_moments_add(&m, 4);
    assert_true(isnan(hrd_moments_stddev(&m)) && m.mean == 4);
}

static void stored_and_read_again(void **state)
{
    struct hrd_moments m = {0}, none = {0}, back;
    struct hrp_buf buf = HRP_BUF_INIT;
    struct hrp_reader r;

    hrd_moments_add(&m, 0.1), hrd_moments_add(&m, 1e200), hrd_moments_add(&m, -3);
    hrd_moments_put(&buf, &m);
    hrd_moments_put(&buf, &none);
    r = hrp_reader(buf.p, buf.n);
    hrd_moments_read(&r, &back);
    assert_memory_equal(&m, &back, sizeof m);
    hrd_moments_read(&r, &back);
    assert_memory_equal(&none, &back, sizeof none);
    assert_true(!r.bad && hrp_reader_left(&r) == 0);
    hrp_buf_fini(&buf);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nist_numacc),          cmocka_unit_test(any_split_gives_the_same), cmocka_unit_test(one_value_many_times),
        cmocka_unit_test(too_few_values), cmocka_unit_test(stored_and_read_again),
    };

    return cmocka_run_group_tests_name("moments", tests, NULL, NULL);
}
