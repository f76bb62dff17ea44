#include "sketch/hll.h"
#include "alloc.h"
#include "errors.h"
#include "sketch/murmur3.h"
#include "unit.h"
#include <math.h>

/* What Apache DataSketches 5.2.0 (Python) holds as the only coupon after update(value) of an hll_sketch(12, HLL_8). */
static void coupons_are_those_of_datasketches(void **state)
{
    assert_int_equal(hrd_hll_coupon_i64(0), 0x4c2d7cb);
    assert_int_equal(hrd_hll_coupon_i64(1), 0x6fbf22b);
    assert_int_equal(hrd_hll_coupon_i64(-1), 0xbe764d9);
    assert_int_equal(hrd_hll_coupon_i64(2001), 0x48250fd);
    assert_int_equal(hrd_hll_coupon_i64(INT64_MAX), 0xdb4baff);
    assert_int_equal(hrd_hll_coupon_i64(INT64_MIN), 0xcc21975);
    assert_int_equal(hrd_hll_coupon_f64(0.0), 0x4c2d7cb);
    assert_int_equal(hrd_hll_coupon_f64(-0.0), 0x4c2d7cb);
    assert_int_equal(hrd_hll_coupon_f64(1.5), 0x142a8222);
    assert_int_equal(hrd_hll_coupon_f64(-2.25), 0x203f4d0b);
    assert_int_equal(hrd_hll_coupon_f64(1e300), 0xb77f43c);
    assert_int_equal(hrd_hll_coupon_f64(NAN), 0x18bd31eb);
    assert_int_equal(hrd_hll_coupon_f64(-NAN), 0x18bd31eb);
    assert_int_equal(hrd_hll_coupon_f64(INFINITY), 0x4db9e28);
    assert_int_equal(hrd_hll_coupon_bytes("a", 1), 0x43b822f);
    assert_int_equal(hrd_hll_coupon_bytes("SFO", 3), 0x13f250dc);
    assert_int_equal(hrd_hll_coupon_bytes("headrace", 8), 0x7c50c3a);
    assert_int_equal(hrd_hll_coupon_bytes("sixteen bytes 16", 16), 0xf1cb711);
    assert_int_equal(hrd_hll_coupon_bytes("a string of more than thirty-two bytes, to loop", 47), 0x6a692b9);
    assert_int_equal(hrd_hll_coupon_bytes("K\xc3\xb6ln", 5), 0x7d1cdd3);
}

/* The vector that the algorithm's users quote, seed 0. */
static void murmur3_of_the_quick_brown_fox(void **state)
{
    uint64_t h[2];

    hrd_murmur3("The quick brown fox jumps over the lazy dog", 43, 0, h);
    assert_true(h[0] == UINT64_C(0xe34bbc7bbc071b6c) && h[1] == UINT64_C(0x7a433ca9c49a9347));
}

static void fill(struct hrd_hll *h, uint64_t from, uint64_t to)
{
    for (uint64_t i = from; i < to; i++)
        assert_int_equal(hrd_hll_add(h, hrd_hll_coupon_u64(i)), 0);
}

/* The registers of DataSketches' sketch after update(0) .. update(99999). */
static void registers_are_those_of_datasketches(void **state)
{
    struct hrd_hll h = {0};
    uint32_t sum = 0, poly = 0;

    fill(&h, 0, 100000);
    assert_non_null(h.registers);
    for (unsigned i = 0; i < HRD_HLL_K; i++) {
        sum += h.registers[i];
        poly = poly * 31 + h.registers[i];
    }
    assert_int_equal(sum, 24479);
    assert_int_equal(poly, 0x8257af97);
    hrd_hll_fini(&h);
}

static void small_counts_are_exact(void **state)
{
    struct hrd_hll h = {0};

    assert_true(hrd_hll_estimate(&h) == 0);
    for (unsigned n = 1; n <= HRD_HLL_COUPONS; n++) {
        fill(&h, n - 1, n);
        fill(&h, n / 2, n); /* again */
        assert_true(hrd_hll_estimate(&h) == n);
    }
    assert_null(h.registers);
    fill(&h, HRD_HLL_COUPONS, HRD_HLL_COUPONS + 1);
    assert_non_null(h.registers);
    assert_true(fabs(hrd_hll_estimate(&h) - 385) < 385 * 0.05);
    hrd_hll_fini(&h);
}

/* Five standard errors over four magnitudes and 40 disjoint sets of values: chance has no say. And no bias: their mean
 * lies within four standard errors of a mean. */
static void estimates_keep_their_error(void **state)
{
    static const uint64_t sizes[] = {500, 3000, 20000, 400000};

    for (unsigned s = 0; s < sizeof sizes / sizeof *sizes; s++) {
        double sum = 0;
        unsigned runs = sizes[s] > 100000 ? 5 : 40;

        for (unsigned run = 0; run < runs; run++) {
            struct hrd_hll h = {0};
            uint64_t from = (uint64_t)run << 40 | (uint64_t)s << 56;
            double e;

            fill(&h, from, from + sizes[s]);
            e = hrd_hll_estimate(&h) / (double)sizes[s] - 1;
            assert_true(fabs(e) < 5 * 0.0163);
            sum += e;
            hrd_hll_fini(&h);
        }
        assert_true(fabs(sum / runs) < 4 * 0.0163 / sqrt(runs));
    }
}

static void merging_is_the_union(void **state)
{
    static const uint64_t n[] = {0, 5, 300, 384, 385, 5000};

    for (unsigned i = 0; i < 6; i++) {
        for (unsigned j = 0; j < 6; j++) {
            struct hrd_hll a = {0}, b = {0}, all = {0};

            fill(&a, 0, n[i]);
            fill(&b, n[i] / 2, n[i] / 2 + n[j]); /* half of it is in both */
            fill(&all, 0, n[i]);
            fill(&all, n[i] / 2, n[i] / 2 + n[j]);
            assert_int_equal(hrd_hll_merge(&a, &b), 0);
            if (a.registers != NULL && all.registers != NULL)
                assert_memory_equal(a.registers, all.registers, HRD_HLL_K);
            else
                assert_true(hrd_hll_estimate(&a) == hrd_hll_estimate(&all));
            hrd_hll_fini(&a), hrd_hll_fini(&b), hrd_hll_fini(&all);
        }
    }
}

static void stored_and_read_again(void **state)
{
    static const uint64_t n[] = {0, 1, 6, 7, 384, 385, 100000};

    for (unsigned i = 0; i < 7; i++) {
        struct hrd_hll h = {0}, back;
        struct hrp_buf buf = HRP_BUF_INIT;
        struct hrp_reader r;

        fill(&h, 0, n[i]);
        if (n[i] == 100000)
            h.registers[7] = 63, h.registers[8] = 0, h.registers[9] = 62; /* far from the others */
        hrd_hll_put(&buf, &h);
        assert_true(buf.err == 0 && buf.n <= 2100);
        r = hrp_reader(buf.p, buf.n);
        assert_int_equal(hrd_hll_read(&r, &back), 0);
        assert_int_equal(hrp_reader_left(&r), 0);
        assert_true(hrd_hll_estimate(&h) == hrd_hll_estimate(&back));
        if (h.registers != NULL)
            assert_memory_equal(h.registers, back.registers, HRD_HLL_K);
        for (size_t cut = 0; cut < buf.n; cut++) { /* a shorter one is refused */
            struct hrd_hll none;

            r = hrp_reader(buf.p, cut);
            assert_int_equal(hrd_hll_read(&r, &none), HR_ECORRUPT);
        }
        hrd_hll_fini(&h), hrd_hll_fini(&back), hrp_buf_fini(&buf);
    }
}

static void bad_bytes_are_refused(void **state)
{
    static const uint8_t forms[][8] = {
        {2, 0}, {0, 0x81, 3}, {0, 1, 0}, {0, 1, 5}, {0, 2, 0x80, 0x80, 0x80, 0x20, 0}, {1, 64}, {0, 1, 0xff, 0xff, 0xff, 0xff, 0x7f},
    };

    for (unsigned i = 0; i < sizeof forms / sizeof *forms; i++) {
        struct hrp_reader r = hrp_reader(forms[i], sizeof forms[i]);
        struct hrd_hll h;

        assert_int_equal(hrd_hll_read(&r, &h), HR_ECORRUPT);
        assert_true(h.set == NULL && h.registers == NULL);
    }
}

static void without_memory_it_stays_as_it_was(void **state)
{
    if (!unit_faults())
        skip();
    for (unsigned long fail = 1; fail < 20; fail++) {
        struct hrd_hll h = {0};
        uint64_t added = 0;
        int r = 0;

        hrp_alloc_fail_at(fail);
        for (uint64_t i = 0; r == 0 && i < 400; i++) {
            r = hrd_hll_add(&h, hrd_hll_coupon_u64(i));
            added += r == 0;
        }
        hrp_alloc_fail_at(0);
        if (r != 0) {
            assert_int_equal(r, HR_ENOMEM);
            assert_true(hrd_hll_estimate(&h) == (double)added);
            fill(&h, added, added + 1);
            assert_true(h.registers != NULL || hrd_hll_estimate(&h) == (double)added + 1);
        }
        hrd_hll_fini(&h);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(coupons_are_those_of_datasketches),
        cmocka_unit_test(murmur3_of_the_quick_brown_fox),
        cmocka_unit_test(registers_are_those_of_datasketches),
        cmocka_unit_test(small_counts_are_exact),
        cmocka_unit_test(estimates_keep_their_error),
        cmocka_unit_test(merging_is_the_union),
        cmocka_unit_test(stored_and_read_again),
        cmocka_unit_test(bad_bytes_are_refused),
        cmocka_unit_test(without_memory_it_stays_as_it_was),
    };

    return cmocka_run_group_tests_name("hll", tests, NULL, NULL);
}
