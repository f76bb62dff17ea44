/* Integer streams: whatever goes in comes out, in never much more bytes; what is cut off or too long is seen. */
#include "unit.h"
#include "alloc.h"
#include "errors.h"
#include "ints.h"
#include "rnd.h"
#include <string.h>

#define MOST 3000u

/* ---- streams as they occur, and as they should not ---- */

static uint64_t value_of(unsigned pattern, struct rnd *r, size_t i, uint64_t last, uint64_t base, uint64_t step)
{
    static const uint64_t ends[] = {0, UINT64_MAX, INT64_MAX, (uint64_t)INT64_MIN, 1};

    switch (pattern) {
    case 0:
        return base;
    case 1: /* counter */
        return base + i * step;
    case 2: /* clock with a tick */
        return last + 60000000000u * rnd_below(r, 3);
    case 3: /* clock that runs unevenly, also back */
        return last + rnd_below(r, 2000) - 300;
    case 4: /* small codes */
        return rnd_below(r, 7);
    case 5: /* few values far apart */
        return base * (1 + rnd_below(r, 5));
    case 6: /* mostly zero */
        return rnd_one_in(r, 20) ? rnd_next(r) : 0;
    case 7: /* small with outliers */
        return rnd_one_in(r, 100) ? rnd_next(r) : rnd_below(r, 200);
    case 8: /* multiples */
        return base + step * rnd_below(r, 1000);
    case 9:
        return ends[rnd_below(r, 5)];
    case 10:
        return rnd_number(r);
    default:
        return rnd_next(r);
    }
}
#define PATTERNS 12

static void fill(uint64_t *v, size_t n, unsigned pattern, struct rnd *r)
{
    uint64_t base = rnd_number(r), step = rnd_number(r), last = base;

    for (size_t i = 0; i < n; i++)
        last = v[i] = value_of(pattern, r, i, last, base, step);
}

static size_t n_random(struct rnd *r)
{
    static const size_t edges[] = {1, 2, 3, 7, 8, 15, 16, 17, 31, 32, 33, 64, 65, 255, 256, 257, 1024, 2048};

    return rnd_one_in(r, 2) ? edges[rnd_below(r, 18)] : 1 + rnd_below(r, MOST);
}

/* ---- there and back ---- */

static struct hrp_buf padded(const struct hrp_buf *b, size_t n)
{
    struct hrp_buf p = HRP_BUF_INIT;
    static const uint8_t pad[HRP_INTS_PAD];

    hrp_put_bytes(&p, b->p, n);
    hrp_put_bytes(&p, pad, sizeof pad);
    return p;
}

static void assert_reads_back(const struct hrp_buf *stream, const uint64_t *v, size_t n)
{
    struct hrp_arena *a = hrp_arena_new(4u << 20);
    struct hrp_buf p = padded(stream, stream->n);
    struct hrp_reader r = hrp_reader(p.p, stream->n);
    uint64_t *wide = malloc(n * 8);
    uint32_t *narrow = malloc(n * 4);
    const void *taken;
    bool constant;

    assert_int_equal(hrp_ints_get(&r, a, n, 8, wide), 0);
    assert_int_equal(hrp_reader_left(&r), 0);
    assert_memory_equal(wide, v, n * 8);
    r = hrp_reader(p.p, stream->n);
    assert_int_equal(hrp_ints_get(&r, a, n, 4, narrow), 0);
    for (size_t i = 0; i < n; i++)
        assert_int_equal(narrow[i], (uint32_t)v[i]);
    r = hrp_reader(p.p, stream->n);
    assert_int_equal(hrp_ints_take(&r, a, n, 8, &taken, &constant), 0);
    assert_memory_equal(taken, v, constant ? 8 : n * 8);
    free(wide);
    free(narrow);
    hrp_buf_fini(&p);
    hrp_arena_free(a);
}

static void whatever_goes_in_comes_out(void **state)
{
    struct hrp_scratch s = {0};
    struct hrp_buf out = HRP_BUF_INIT;
    uint64_t *v = malloc(MOST * 8), seed = rnd_seed(1);

    (void)state;
    assert_non_null(v);
    print_message("seed %llu\n", (unsigned long long)seed);
    for (unsigned i = 0; i < 1200; i++) {
        struct rnd r = {seed + i};
        size_t n = n_random(&r);

        fill(v, n, i % PATTERNS, &r);
        hrp_buf_clear(&out);
        if (rnd_one_in(&r, 3))
            hrp_ints_put_simple(&s, &out, v, n);
        else
            hrp_ints_put(&s, &out, v, n);
        assert_int_equal(out.err, 0);
        assert_true(out.n <= 8 * n + 24); /* never much larger than it was */
        assert_reads_back(&out, v, n);
    }
    hrp_buf_fini(&out);
    hrp_scratch_fini(&s);
    free(v);
}

static void u32_goes_the_same_way(void **state)
{
    static const uint32_t v[] = {0, UINT32_MAX, 1, 7, UINT32_MAX - 1};
    static const uint64_t wide[] = {0, UINT32_MAX, 1, 7, UINT32_MAX - 1};
    struct hrp_scratch s = {0};
    struct hrp_buf out = HRP_BUF_INIT;

    (void)state;
    hrp_ints_put_u32(&s, &out, v, 5);
    assert_reads_back(&out, wide, 5);
    hrp_buf_fini(&out);
    hrp_scratch_fini(&s);
}

/* ---- sizes that the design counts on ---- */

static size_t bytes_of(const uint64_t *v, size_t n)
{
    struct hrp_scratch s = {0};
    struct hrp_buf out = HRP_BUF_INIT;
    size_t n_bytes;

    hrp_ints_put(&s, &out, v, n);
    n_bytes = out.n;
    hrp_buf_fini(&out);
    hrp_scratch_fini(&s);
    return n_bytes;
}

static void streams_are_as_small_as_they_should_be(void **state)
{
    uint64_t *v = malloc(MOST * 8);
    struct rnd r = {7};

    (void)state;
    assert_non_null(v);
    for (size_t i = 0; i < MOST; i++)
        v[i] = 12345;
    assert_int_equal(bytes_of(v, MOST), 4);
    for (size_t i = 0; i < MOST; i++)
        v[i] = 1700000000000000000u + i * 1000;
    assert_true(bytes_of(v, MOST) <= 20); /* an even clock */
    for (size_t i = 0; i < MOST; i++)
        v[i] = 1700000000000000000u + i / 5 * 60000000000u;
    assert_true(bytes_of(v, MOST) <= MOST / 8 + 30); /* nanoseconds that tick in minutes: a bit each */
    for (size_t i = 0; i < MOST; i++)
        v[i] = rnd_below(&r, 4);
    assert_true(bytes_of(v, MOST) <= MOST / 4 + 16);
    for (size_t i = 0; i < MOST; i++)
        v[i] = rnd_below(&r, 2) != 0 ? 0xdeadbeefcafe : 42;
    assert_true(bytes_of(v, MOST) <= MOST / 8 + 30);
    for (size_t i = 0; i < MOST; i++)
        v[i] = i % 64 == 0 ? rnd_next(&r) : 0;
    assert_true(bytes_of(v, MOST) <= MOST / 8 + MOST / 64 * 9 + 30);
    free(v);
}

/* ---- damage ---- */

static int get_damaged(const struct hrp_buf *stream, size_t n_bytes, size_t n)
{
    struct hrp_arena *a = hrp_arena_new(1u << 20);
    struct hrp_buf p = padded(stream, n_bytes);
    uint8_t *exact = hrp_memdup(p.p, p.n);
    struct hrp_reader r = hrp_reader(exact, n_bytes);
    uint64_t *v = malloc(n * 8);
    int res = hrp_ints_get(&r, a, n, 8, v);

    free(v);
    hrp_free(exact);
    hrp_buf_fini(&p);
    hrp_arena_free(a);
    return res;
}

static void what_is_cut_off_is_seen(void **state)
{
    struct hrp_scratch s = {0};
    struct hrp_buf out = HRP_BUF_INIT;
    uint64_t v[300];

    (void)state;
    for (unsigned pattern = 0; pattern < PATTERNS; pattern++) {
        struct rnd r = {pattern};

        fill(v, 300, pattern, &r);
        hrp_buf_clear(&out);
        hrp_ints_put(&s, &out, v, 300);
        for (size_t n = 0; n < out.n; n++)
            assert_int_equal(get_damaged(&out, n, 300), HR_ECORRUPT);
    }
    hrp_buf_fini(&out);
    hrp_scratch_fini(&s);
}

static void changed_bytes_do_no_harm(void **state)
{
    struct hrp_scratch s = {0};
    struct hrp_buf out = HRP_BUF_INIT;
    uint64_t v[300];

    (void)state;
    for (unsigned i = 0; i < 2000; i++) {
        struct rnd r = {i};

        fill(v, 300, i % PATTERNS, &r);
        hrp_buf_clear(&out);
        hrp_ints_put(&s, &out, v, 300);
        for (unsigned k = 0; k < 3; k++)
            out.p[rnd_below(&r, out.n < 20 || rnd_one_in(&r, 2) ? (uint32_t)out.n : 20)] = (uint8_t)rnd_next(&r);
        get_damaged(&out, out.n, 1 + rnd_below(&r, 400));
    }
    hrp_buf_fini(&out);
    hrp_scratch_fini(&s);
}

static void bits_are_counted(void **state)
{
    struct rnd r = {3};
    uint8_t bits[64];

    (void)state;
    for (size_t i = 0; i < sizeof bits; i++)
        bits[i] = (uint8_t)rnd_next(&r);
    for (size_t n = 0; n <= 8 * sizeof bits; n++) {
        size_t sum = 0;

        for (size_t i = 0; i < n; i++)
            sum += bits[i / 8] >> i % 8 & 1;
        assert_int_equal(hrp_bits_count(bits, n), sum);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whatever_goes_in_comes_out),
        cmocka_unit_test(u32_goes_the_same_way),
        cmocka_unit_test(streams_are_as_small_as_they_should_be),
        cmocka_unit_test(what_is_cut_off_is_seen),
        cmocka_unit_test(changed_bytes_do_no_harm),
        cmocka_unit_test(bits_are_counted),
    };

    return cmocka_run_group_tests_name("integer streams", tests, NULL, NULL);
}
