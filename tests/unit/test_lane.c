/* Lanes: the promises of lane.h by number, on plain memory. */
#include "lane.h"
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <cmocka.h>

static const struct hrp_id inc = {{1, 2, 3}};

struct fixture {
    struct hrs_lane lane;
    void *region;
    size_t n_bytes;
};

static void make(struct fixture *f, uint64_t ring_bytes)
{
    f->n_bytes = hrs_lane_region_bytes(ring_bytes);
    f->region = aligned_alloc(64, f->n_bytes);
    assert_non_null(f->region);
    memset(f->region, 0, f->n_bytes);
    hrs_lane_init(&f->lane, f->region, ring_bytes, 7, &inc);
}

static uint64_t rnd(uint64_t *s)
{
    *s = *s * 6364136223846793005u + 1442695040888963407u;
    return *s >> 33;
}

static struct hrs_record next(struct hrs_lane *l, uint64_t *at)
{
    struct hrs_record r;
    uint64_t head;

    assert_int_equal(hrs_lane_look(l, &head), 0);
    assert_int_equal(hrs_lane_read(l, at, head, &r), 1);
    return r;
}

static void records_come_back_as_they_went(void **state)
{
    struct fixture f;
    struct hrs_record r;
    uint64_t at = 0, head;

    make(&f, 4096);
    hrs_lane_open_type(&f.lane, 3, 0);
    assert_int_equal(hrs_lane_log(&f.lane, 3, -5, 1, NULL, "abc", 3), 0);
    assert_int_equal(hrs_lane_log(&f.lane, 3, 77, 9, NULL, "", 0), 0);
    assert_int_equal(hrs_lane_log(&f.lane, 3, 78, 1, "no number", "{x", 2), 0);
    r = next(&f.lane, &at);
    assert_int_equal(r.n, 1);
    assert_int_equal(r.event_time_ns, -5);
    assert_int_equal(r.weight, 1);
    assert_int_equal(r.n_bytes, 3);
    assert_memory_equal(r.bytes, "abc", 3);
    assert_int_equal(r.end - r.at, HRS_REC_HEAD + 3);
    r = next(&f.lane, &at);
    assert_int_equal(r.weight, 9);
    assert_int_equal(r.n_bytes, 0);
    r = next(&f.lane, &at);
    assert_int_equal(r.n_reason, 9);
    assert_memory_equal(r.reason, "no number", 9);
    assert_memory_equal(r.bytes, "{x", 2);
    assert_int_equal(hrs_lane_look(&f.lane, &head), 0);
    assert_int_equal(hrs_lane_read(&f.lane, &at, head, &r), 0);
    free(f.region);
}

/* (1) Whatever sizes, through many laps: each call is a record or a counted drop, in order. */
static void one_every_call_is_a_record_or_a_drop(void **state)
{
    struct fixture f;
    uint64_t seed = 42, at = 0, expect = 1, records = 0, dropped[HRS_LANE_REASONS], head;
    uint8_t row[600];
    struct hrs_record r;

    make(&f, 4096);
    hrs_lane_open_type(&f.lane, 0, 0);
    memset(row, 0x5a, sizeof row);
    for (int i = 0; i < 20000; i++) {
        hrs_lane_log(&f.lane, 0, i, 1, NULL, row, rnd(&seed) % sizeof row);
        if (rnd(&seed) % 8 != 0)
            continue;
        assert_int_equal(hrs_lane_look(&f.lane, &head), 0);
        while (hrs_lane_read(&f.lane, &at, head, &r) == 1) {
            uint64_t n = hrs_record_n(&r, expect);

            assert_true(n >= expect);
            expect = n + 1;
            records++;
            for (uint32_t k = 0; k < r.n_bytes; k++)
                assert_int_equal(r.bytes[k], 0x5a);
        }
        assert_int_equal(at, head);
        hrs_lane_free(&f.lane, at);
    }
    assert_int_equal(hrs_lane_look(&f.lane, &head), 0);
    while (hrs_lane_read(&f.lane, &at, head, &r) == 1)
        records++;
    hrs_lane_dropped(&f.lane, 0, dropped);
    assert_int_equal(hrs_lane_next_n(&f.lane, 0), 20001);
    assert_true(dropped[HRS_LANE_FULL] > 100);
    assert_int_equal(records + dropped[HRS_LANE_FULL], 20000);
    free(f.region);
}

static void too_big_is_told_apart_from_full(void **state)
{
    struct fixture f;
    uint64_t dropped[HRS_LANE_REASONS];
    static uint8_t row[200000];

    make(&f, 4096);
    hrs_lane_open_type(&f.lane, 1, 5);
    assert_int_equal(hrs_lane_log(&f.lane, 1, 0, 1, NULL, row, 3000), HR_ETOOBIG);
    assert_int_equal(hrs_lane_log(&f.lane, 1, 0, 1, NULL, row, sizeof row), HR_ETOOBIG);
    hrs_lane_dropped(&f.lane, 1, dropped);
    assert_int_equal(dropped[HRS_LANE_TOOBIG], 2);
    assert_int_equal(dropped[HRS_LANE_MEMORY], 5); /* those before the slot could be made have their numbers */
    assert_int_equal(hrs_lane_next_n(&f.lane, 1), 8);
    assert_int_equal(hrs_lane_reason_drop(HRS_LANE_TOOBIG), HRP_DROP_TOOBIG);
    assert_int_equal(hrs_lane_reason_drop(HRS_LANE_MEMORY), HRP_DROP_MEMORY);
    free(f.region);
}

/* (3) */
static void three_n_is_found_again_from_its_low_bits(void **state)
{
    struct fixture f;
    struct hrs_record r;
    uint64_t at = 0;
    const uint64_t far = (UINT64_C(1) << 35) * 3 - 2;

    make(&f, 4096);
    hrs_lane_open_type(&f.lane, 0, 0);
    hrs_lane_log(&f.lane, 0, 0, 1, NULL, "a", 1);
    atomic_store(&f.lane.slots[0].next_n, far); /* as after that many drops */
    for (int i = 0; i < 5; i++)
        hrs_lane_log(&f.lane, 0, 0, 1, NULL, "b", 1);
    atomic_store(&f.lane.slots[0].next_n, far + 5 + HRS_REC_WIDE - 2);
    hrs_lane_log(&f.lane, 0, 0, 1, NULL, "c", 1);
    r = next(&f.lane, &at);
    assert_int_equal(hrs_record_n(&r, 1), 1);
    r = next(&f.lane, &at);
    assert_true(r.wide);
    assert_int_equal(hrs_record_n(&r, 2), far);
    for (uint64_t i = 1; i < 5; i++) {
        r = next(&f.lane, &at);
        assert_false(r.wide);
        assert_int_equal(hrs_record_n(&r, far + i), far + i);
        assert_int_equal(hrs_record_n(&r, far + i + 1000), far + i); /* below what is expected, after a crash */
    }
    r = next(&f.lane, &at);
    assert_false(r.wide);
    assert_int_equal(hrs_record_n(&r, far + 5), far + 5 + HRS_REC_WIDE - 2);
    free(f.region);
}

static void attach_sees_what_was_there(void **state)
{
    struct fixture f;
    struct hrs_lane l;
    struct hrs_record r;
    uint64_t at;

    make(&f, 4096);
    hrs_lane_open_type(&f.lane, 9, 0);
    hrs_lane_open_type(&f.lane, 2, 0);
    hrs_lane_log(&f.lane, 9, 1, 1, NULL, "xy", 2);
    assert_int_equal(hrs_lane_attach(&l, f.region, f.n_bytes, &inc), 0);
    assert_int_equal(l.number, 7);
    assert_int_equal(hrs_lane_n_opened(&l), 2);
    at = hrs_lane_tail(&l);
    r = next(&l, &at);
    assert_int_equal(r.type, 9);
    free(f.region);
}

/* (4) A head that was changed anywhere is refused. */
static void four_a_damaged_head_is_refused(void **state)
{
    struct hrp_id other = {{9}};
    struct hrs_lane l;
    struct fixture f;

    make(&f, 4096);
    assert_int_equal(hrs_lane_attach(&l, f.region, f.n_bytes, &other), HR_ECORRUPT);
    assert_int_equal(hrs_lane_attach(&l, f.region, f.n_bytes - 1, &inc), HR_ECORRUPT);
    assert_int_equal(hrs_lane_attach(&l, f.region, 100, &inc), HR_ECORRUPT);
    for (size_t i = 0; i < 48; i++) {
        ((uint8_t *)f.region)[i] ^= 1;
        assert_int_equal(hrs_lane_attach(&l, f.region, f.n_bytes, &inc), HR_ECORRUPT);
        ((uint8_t *)f.region)[i] ^= 1;
    }
    atomic_store(&f.lane.map->head, 4097);
    assert_int_equal(hrs_lane_attach(&l, f.region, f.n_bytes, &inc), HR_ECORRUPT);
    free(f.region);
}

/* (4) Any bytes in the ring: reading ends, and stays inside (ASan). */
static void four_a_damaged_ring_is_read_within_its_bounds(void **state)
{
    struct fixture f;
    uint64_t seed = 7;

    make(&f, 4096);
    hrs_lane_open_type(&f.lane, 0, 0);
    for (int round = 0; round < 3000; round++) {
        uint64_t at = rnd(&seed), head = at + rnd(&seed) % 4097, before;
        struct hrs_record r;
        int k;

        for (int i = 0; i < 4096; i++)
            f.lane.ring[i] = (uint8_t)rnd(&seed);
        for (int i = 0; i + 8 < 4096; i += 40) { /* heads that look likely, too */
            uint64_t word = hrs_rec_word(rnd(&seed) % 80, (uint32_t)rnd(&seed) % HRS_MAX_TYPES, (uint32_t)rnd(&seed) % 3, 5);

            memcpy(f.lane.ring + i, &word, 8);
        }
        do {
            before = at;
            k = hrs_lane_read(&f.lane, &at, head, &r);
            if (k == 1) {
                volatile uint8_t sum = 0;

                for (uint32_t i = 0; i < r.n_bytes; i++)
                    sum = (uint8_t)(sum + r.bytes[i]);
                for (uint32_t i = 0; i < r.n_reason; i++)
                    sum = (uint8_t)(sum + (uint8_t)r.reason[i]);
                assert_true(at > before && head - at <= 4096);
            }
        } while (k == 1);
        assert_true(k == 0 || k == HR_ECORRUPT);
    }
    free(f.region);
}

/* One writer, one reader, at once (TSan watches the order of things). */
#define CALLS 300000

static void *write_all(void *arg)
{
    struct hrs_lane *l = arg;

    for (uint64_t i = 1; i <= CALLS; i++)
        hrs_lane_log(l, 0, (int64_t)i, 1, NULL, &i, sizeof i);
    return NULL;
}

static void a_reader_beside_a_writer_misses_nothing(void **state)
{
    struct fixture f;
    uint64_t at = 0, expect = 1, records = 0, gaps = 0, next_n, head, dropped[HRS_LANE_REASONS];
    struct hrs_record r;
    pthread_t t;

    make(&f, 4096);
    hrs_lane_open_type(&f.lane, 0, 0);
    assert_int_equal(pthread_create(&t, NULL, write_all, &f.lane), 0);
    do {
        next_n = hrs_lane_next_n(&f.lane, 0); /* the numbers first, then the head */
        assert_int_equal(hrs_lane_look(&f.lane, &head), 0);
        while (hrs_lane_read(&f.lane, &at, head, &r) == 1) {
            uint64_t n = hrs_record_n(&r, expect), stored;

            memcpy(&stored, r.bytes, sizeof stored);
            assert_int_equal(stored, n);
            gaps += n - expect;
            expect = n + 1;
            records++;
        }
        hrs_lane_free(&f.lane, at);
        if (next_n > expect) { /* drops at the end */
            gaps += next_n - expect;
            expect = next_n;
        }
    } while (expect <= CALLS);
    pthread_join(t, NULL);
    hrs_lane_dropped(&f.lane, 0, dropped);
    assert_int_equal(dropped[HRS_LANE_FULL], gaps);
    assert_int_equal(records + gaps, CALLS);
    free(f.region);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(records_come_back_as_they_went),
        cmocka_unit_test(one_every_call_is_a_record_or_a_drop),
        cmocka_unit_test(too_big_is_told_apart_from_full),
        cmocka_unit_test(three_n_is_found_again_from_its_low_bits),
        cmocka_unit_test(attach_sees_what_was_there),
        cmocka_unit_test(four_a_damaged_head_is_refused),
        cmocka_unit_test(four_a_damaged_ring_is_read_within_its_bounds),
        cmocka_unit_test(a_reader_beside_a_writer_misses_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
