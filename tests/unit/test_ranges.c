/* Sets of offsets against an array of bits. */
#include "ranges.h"
#include "alloc.h"
#include "rnd.h"
#include "unit.h"
#include <stdio.h>
#include <string.h>

#define MOST 160u

struct bits {
    bool in[MOST + 1];
};

static uint64_t hole(const struct bits *b, uint64_t from)
{
    while (from < MOST && b->in[from])
        from++;
    return from;
}

static void check(const struct hrd_ranges *s, const struct bits *b)
{
    uint64_t count = 0;

    for (uint32_t i = 0; i < s->n; i++) {
        assert_true(s->r[i].from < s->r[i].to);
        assert_true(i == 0 || s->r[i].from > s->r[i - 1].to); /* neither touching nor overlapping */
    }
    for (uint64_t i = 0; i < MOST; i++) {
        count += b->in[i];
        assert_int_equal(hrd_ranges_meets(s, i, i + 1), b->in[i]);
        assert_int_equal(hrd_ranges_hole(s, i), hole(b, i));
    }
    assert_int_equal(hrd_ranges_count(s), count);
}

static bool meets(const struct bits *b, uint64_t from, uint64_t to)
{
    for (uint64_t i = from; i < to; i++)
        if (b->in[i])
            return true;
    return false;
}

static void add(struct hrd_ranges *s, struct bits *b, uint64_t from, uint64_t to)
{
    assert_int_equal(hrd_ranges_add(s, from, to), 0);
    for (uint64_t i = from; i < to; i++)
        b->in[i] = true;
}

static void random_range(struct rnd *r, uint64_t *from, uint64_t *to)
{
    *from = rnd_below(r, MOST);
    *to = *from + rnd_below(r, rnd_one_in(r, 4) ? 40 : 5);
    if (*to > MOST)
        *to = MOST;
}

static void test_add_is_a_union(void **state)
{
    struct rnd r = {rnd_seed(1)};

    for (unsigned life = 0; life < 200; life++) {
        struct hrd_ranges s = {NULL, 0, 0};
        struct bits b = {{false}};
        uint64_t from, to;

        for (unsigned i = 0; i < 40; i++) {
            random_range(&r, &from, &to);
            assert_int_equal(hrd_ranges_meets(&s, from, to), meets(&b, from, to));
            random_range(&r, &from, &to);
            add(&s, &b, from, to);
            check(&s, &b);
        }
        hrd_ranges_fini(&s);
    }
}

static void random_set(struct rnd *r, struct hrd_ranges *s, struct bits *b)
{
    uint64_t from, to;

    memset(s, 0, sizeof *s);
    memset(b, 0, sizeof *b);
    for (uint32_t n = rnd_below(r, 12); n != 0; n--) {
        random_range(r, &from, &to);
        add(s, b, from, to);
    }
}

static void test_merge_and_meet(void **state)
{
    struct rnd r = {rnd_seed(2)};

    for (unsigned life = 0; life < 500; life++) {
        struct hrd_ranges x, y;
        struct bits a, b;
        bool common = false;

        random_set(&r, &x, &a);
        random_set(&r, &y, &b);
        for (unsigned i = 0; i < MOST; i++) {
            common = common || (a.in[i] && b.in[i]);
            a.in[i] = a.in[i] || b.in[i];
        }
        assert_int_equal(hrd_ranges_meet(&x, &y), common);
        assert_int_equal(hrd_ranges_merge(&x, &y), 0);
        check(&x, &a);
        check(&y, &b);
        hrd_ranges_fini(&x);
        hrd_ranges_fini(&y);
    }
}

static void test_stored_and_read_back(void **state)
{
    struct rnd r = {rnd_seed(3)};

    for (unsigned life = 0; life < 300; life++) {
        struct hrp_buf buf = HRP_BUF_INIT;
        struct hrd_ranges x, y;
        struct hrp_reader in;
        struct bits b;

        random_set(&r, &x, &b);
        hrd_ranges_put(&buf, &x);
        in = hrp_reader(buf.p, buf.n);
        assert_int_equal(hrd_ranges_read(&in, &y), 0);
        assert_int_equal(hrp_reader_left(&in), 0);
        check(&y, &b);
        hrd_ranges_fini(&y);
        for (size_t n = 0; n < buf.n; n++) { /* cut off anywhere: an error and nothing left */
            in = hrp_reader(buf.p, n);
            assert_int_equal(hrd_ranges_read(&in, &y), HR_ECORRUPT);
            assert_null(y.r);
        }
        hrd_ranges_fini(&x);
        hrp_buf_fini(&buf);
    }
}

static void test_ends_of_the_number_line(void **state)
{
    struct hrd_ranges s = {NULL, 0, 0}, back;
    struct hrp_buf buf = HRP_BUF_INIT;
    struct hrp_reader in;

    assert_int_equal(hrd_ranges_add(&s, UINT64_MAX - 1, UINT64_MAX), 0);
    assert_int_equal(hrd_ranges_add(&s, 0, 1), 0);
    assert_int_equal(hrd_ranges_add(&s, 5, 5), 0); /* nothing */
    assert_int_equal(hrd_ranges_add(&s, 9, 3), 0); /* nothing */
    assert_int_equal(s.n, 2);
    assert_int_equal(hrd_ranges_count(&s), 2);
    hrd_ranges_put(&buf, &s);
    in = hrp_reader(buf.p, buf.n);
    assert_int_equal(hrd_ranges_read(&in, &back), 0);
    assert_int_equal(back.r[1].to, UINT64_MAX);
    hrd_ranges_fini(&back);
    hrd_ranges_fini(&s);
    hrp_buf_fini(&buf);
}

static void refused(const uint8_t *p, size_t n)
{
    struct hrp_reader in = hrp_reader(p, n);
    struct hrd_ranges s;

    assert_int_equal(hrd_ranges_read(&in, &s), HR_ECORRUPT);
}

static void test_what_is_no_set_is_refused(void **state)
{
    static const uint8_t empty_range[] = {1, 5, 0}, touching[] = {2, 1, 1, 0, 1}, too_many[] = {200, 1, 1, 1};
    static const uint8_t wraps[] = {1, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01, 2};

    refused(empty_range, sizeof empty_range);
    refused(touching, sizeof touching);
    refused(too_many, sizeof too_many);
    refused(wraps, sizeof wraps);
}

/* Every allocation may fail: the set is as it was, or as it should be. */
static void test_without_memory_nothing_changes(void **state)
{
    struct rnd r = {rnd_seed(4)};

    if (!unit_faults())
        skip();
    for (unsigned life = 0; life < 300; life++) {
        struct hrd_ranges x, y;
        struct bits a, b;
        int e;

        random_set(&r, &x, &a);
        random_set(&r, &y, &b);
        hrp_alloc_fail_at(1 + rnd_below(&r, 2));
        e = hrd_ranges_merge(&x, &y);
        hrp_alloc_fail_at(0);
        assert_true(e == 0 || e == HR_ENOMEM);
        for (unsigned i = 0; e == 0 && i < MOST; i++)
            a.in[i] = a.in[i] || b.in[i];
        check(&x, &a);
        hrd_ranges_fini(&x);
        hrd_ranges_fini(&y);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_add_is_a_union),
        cmocka_unit_test(test_merge_and_meet),
        cmocka_unit_test(test_stored_and_read_back),
        cmocka_unit_test(test_ends_of_the_number_line),
        cmocka_unit_test(test_what_is_no_set_is_refused),
        cmocka_unit_test(test_without_memory_nothing_changes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
