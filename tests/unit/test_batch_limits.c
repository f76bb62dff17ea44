/* Batches at their ends: full, small, damaged, evicted, without memory. */
#include "unit.h"
#include "alloc.h"
#include "batches.h"
#include "rows.h"
#include "schemas.h"
#include <string.h>

/* ---- limits ---- */

static void a_full_builder_says_so_before_readers_would_refuse(void **state)
{
    struct hrp_schema *s = test_flight_schema();
    struct hrp_builder *b = test_builder(s);
    struct hrp_buf row = HRP_BUF_INIT, p;
    struct hrp_batch *batch;
    char *big = malloc(HRP_ROW_MAX_BYTES + 1);
    uint64_t n = 1;

    (void)state;
    assert_non_null(big);
    test_flight_row(&row, 1, 2, 3, "A", "B");
    while (hrp_builder_add(b, 0, n, 0, 1, 0, row.p, row.n, NULL) == 0)
        n++;
    assert_int_equal(n, 65537);
    assert_true(hrp_builder_full(b));
    assert_int_equal(hrp_builder_add_raw(b, 0, n, 0, "r", row.p, row.n), HR_EFULL);
    p = test_sealed(b);
    batch = test_opened(&p, s);
    assert_int_equal(batch->head.n_rows, 65536);
    assert_true(p.n < 100); /* all columns are constant, and stay so */
    for (uint32_t id = 1; id < 6; id++)
        assert_true(batch->columns[id].constant && batch->columns[id].n_values == 65536);
    assert_true(batch->event_time_ns[65535] == 0);
    hrp_batch_free(batch);
    hrp_buf_fini(&p);

    memset(big, 'x', HRP_ROW_MAX_BYTES);
    big[HRP_ROW_MAX_BYTES] = '\0';
    hrp_buf_clear(&row);
    hrp_put_varint(&row, 4 << 3 | 2);
    hrp_put_lenbytes(&row, big, HRP_ROW_MAX_BYTES - 8);
    for (n = 1; hrp_builder_add(b, 0, n, 0, 1, 0, row.p, row.n, NULL) == 0; n++)
        ;
    assert_int_equal(n, 4); /* 3 MiB of rows */
    p = test_sealed(b);
    assert_int_equal(test_batch_walk(p.p, p.n, s, &hrp_limits_default, NULL), 0);
    hrp_buf_fini(&p);
    hrp_put_bytes(&row, row.p, 0);
    hrp_put_lenbytes(&row, big, 20);
    assert_int_equal(hrp_builder_add(b, 0, 1, 0, 1, 0, row.p, row.n, NULL), HR_ETOOBIG);
    for (n = 1; hrp_builder_add_drop(b, 0, 2 * n, 1, HRP_DROP_FULL) == 0; n++)
        ;
    assert_int_equal(n, 16385);
    p = test_sealed(b);
    assert_int_equal(test_batch_walk(p.p, p.n, s, &hrp_limits_default, NULL), 0);
    hrp_buf_fini(&p);
    hrp_buf_fini(&row);
    hrp_builder_free(b);
    hrp_schema_unref(s);
    free(big);
}

static void readers_hold_to_their_limits(void **state)
{
    struct hrp_schema *s = test_flight_schema();
    struct hrp_builder *b = test_builder(s);
    struct hrp_buf p;

    (void)state;
    test_add_flights(b, 1, 1000);
    assert_int_equal(hrp_builder_add_drop(b, 1, 5, 1, HRP_DROP_OFF), 0);
    p = test_sealed(b);
    for (int k = 0; k < 5; k++) {
        struct hrp_limits lim = hrp_limits_default;

        if (k == 0)
            lim.rows = 999;
        else if (k == 1)
            lim.segments = 1;
        else if (k == 2)
            lim.frame_bytes = 1000;
        else if (k == 3)
            lim.raw_bytes = 1000;
        else
            lim.decoded_bytes = 20000;
        assert_int_equal(test_batch_walk(p.p, p.n, s, &lim, NULL), HR_ELIMIT);
    }
    hrp_buf_fini(&p);
    hrp_builder_free(b);
    hrp_schema_unref(s);
}

static void numbers_are_checked(void **state)
{
    struct hrp_schema *s = test_flight_schema();
    struct hrp_builder *b = test_builder(s);

    (void)state;
    assert_int_equal(hrp_builder_add(b, 0, 0, 0, 1, 0, (const uint8_t *)"", 0, NULL), HR_EINVAL);
    assert_int_equal(hrp_builder_add_raw(b, 0, UINT64_MAX, 0, "r", (const uint8_t *)"", 0), HR_EINVAL);
    assert_int_equal(hrp_builder_add_drop(b, 0, 0, 1, 1), HR_EINVAL);
    assert_int_equal(hrp_builder_add_drop(b, 0, 1, 0, 1), HR_EINVAL);
    assert_int_equal(hrp_builder_add_drop(b, 0, 2, UINT64_MAX - 1, 1), HR_EINVAL);
    assert_int_equal(hrp_builder_add_drop(b, 0, 2, UINT64_MAX - 2, 1), 0);
    assert_false(hrp_builder_empty(b));
    assert_int_equal(hrp_builder_rows(b), 0);
    hrp_builder_free(b);
    hrp_schema_unref(s);
}

/* ---- size ---- */

static void few_rows_stay_cheap(void **state)
{
    struct hrp_schema *s = test_flight_schema();
    struct hrp_builder *b = test_builder(s);
    struct hrp_batch_sizes sizes;
    struct hrp_batch *batch;
    struct hrp_buf p;

    (void)state;
    test_add_flights(b, 1, 5);
    p = test_sealed(b);
    batch = test_opened(&p, s);
    assert_int_equal(hrp_batch_sizes(batch, &sizes), 0);
    assert_int_equal(sizes.header + sizes.envelope + sizes.fields + sizes.raw, p.n);
    assert_true(sizes.header + sizes.envelope <= 64);
    hrp_batch_free(batch);
    hrp_buf_fini(&p);
    hrp_builder_free(b);
    hrp_schema_unref(s);
}

/* ---- damage ---- */

static struct hrp_buf small_batch(struct hrp_schema *s)
{
    struct hrp_builder *b = test_builder(s);
    struct hrp_buf p;

    test_add_flights(b, 1, 30);
    assert_int_equal(hrp_builder_add_raw(b, 0, 31, 5000, "why", (const uint8_t *)"raw", 3), 0);
    assert_int_equal(hrp_builder_add_drop(b, 0, 32, 4, HRP_DROP_FULL), 0);
    p = test_sealed(b);
    hrp_builder_free(b);
    return p;
}

static void each_damaged_bit_is_seen(void **state)
{
    struct hrp_schema *s = test_flight_schema();
    struct hrp_buf p = small_batch(s);

    (void)state;
    for (size_t i = 0; i < p.n; i++) {
        for (unsigned bit = 0; bit < 8; bit++) {
            p.p[i] ^= (uint8_t)(1u << bit);
            assert_true(test_batch_walk(p.p, p.n, s, &hrp_limits_default, NULL) < 0);
            p.p[i] ^= (uint8_t)(1u << bit);
        }
    }
    assert_int_equal(test_batch_walk(p.p, p.n, s, &hrp_limits_default, NULL), 0);
    hrp_buf_fini(&p);
    hrp_schema_unref(s);
}

static void a_head_stands_by_itself(void **state)
{
    struct hrp_schema *s = test_flight_schema();
    struct hrp_buf p = small_batch(s);
    struct hrp_batch_head whole, h;

    (void)state;
    assert_int_equal(hrp_batch_head_read(p.p, p.n, &hrp_limits_default, &whole), 0);
    assert_int_equal(whole.total_bytes, p.n);
    for (size_t n = 0; n < p.n; n++) { /* cut off anywhere */
        uint8_t *exact = hrp_memdup(p.p, n);

        assert_true(test_batch_walk(exact, n, s, &hrp_limits_default, NULL) < 0);
        if (n < whole.header_bytes) {
            assert_int_equal(hrp_batch_head_read(exact, n, &hrp_limits_default, &h), HR_ECORRUPT);
        } else {
            assert_int_equal(hrp_batch_head_read(exact, n, &hrp_limits_default, &h), 0);
            assert_true(h.total_bytes == p.n && h.n_rows == 30 && h.n_segments == whole.n_segments);
            hrp_batch_head_fini(&h);
        }
        hrp_free(exact);
    }
    hrp_put_u8(&p, 0); /* too long is wrong, too */
    assert_int_equal(test_batch_walk(p.p, p.n, s, &hrp_limits_default, NULL), HR_ECORRUPT);
    p.p[2] = 9;
    assert_int_equal(hrp_batch_head_read(p.p, p.n, &hrp_limits_default, &h), HR_EVERSION);
    hrp_batch_head_fini(&whole);
    hrp_buf_fini(&p);
    hrp_schema_unref(s);
}

/* Each bit of a body changed and the checksums made right: an error or rows, never harm. */
static void a_body_is_never_believed(void **state)
{
    struct hrp_schema *s = test_flight_schema();
    struct hrp_buf p = small_batch(s), changed = HRP_BUF_INIT;

    (void)state;
    for (size_t i = 4; i < p.n; i++) {
        for (unsigned bit = 0; bit < 8; bit++) {
            hrp_buf_clear(&changed);
            hrp_put_bytes(&changed, p.p, p.n);
            changed.p[i] ^= (uint8_t)(1u << bit);
            test_batch_fix_checks(changed.p, changed.n);
            test_batch_walk(changed.p, changed.n, s, &hrp_limits_default, NULL);
        }
    }
    hrp_buf_fini(&changed);
    hrp_buf_fini(&p);
    hrp_schema_unref(s);
}

/* ---- eviction ---- */

static void eviction_keeps_the_numbers(void **state)
{
    struct hrp_schema *s = test_flight_schema();
    struct hrp_buf p = small_batch(s), out = HRP_BUF_INIT;
    struct hrp_batch_head h, left;
    struct hrp_batch *batch;

    (void)state;
    assert_int_equal(hrp_batch_head_read(p.p, p.n, &hrp_limits_default, &h), 0);
    assert_int_equal(hrp_batch_evict(&h, 77, HRP_DROP_EVICTED, &out), 0);
    assert_int_equal(hrp_batch_head_read(out.p, out.n, &hrp_limits_default, &left), 0);
    assert_true(left.batch_id == 77 && left.type_id == 3 && left.n_rows == 0 && left.n_raw == 0 && left.n_segments == 2);
    assert_int_equal(left.segments[0].reason, HRP_DROP_EVICTED);
    assert_true(left.segments[0].first_n == 1 && left.segments[0].count == 31);
    assert_int_equal(left.segments[1].reason, HRP_DROP_FULL); /* dropped before: stays what it was */
    assert_true(left.segments[1].first_n == 32 && left.segments[1].count == 4);
    batch = test_opened(&out, s);
    assert_int_equal(batch->head.n_rows, 0);
    hrp_batch_free(batch);
    hrp_batch_head_fini(&h);
    hrp_batch_head_fini(&left);
    hrp_buf_fini(&p);
    hrp_buf_fini(&out);
    hrp_schema_unref(s);
}

/* ---- memory ---- */

static void random_rows(struct hrp_schema *s, struct hrp_buf rows[4])
{
    for (unsigned i = 0; i < 4; i++) {
        struct rnd r = {i + 5};

        rows[i] = (struct hrp_buf)HRP_BUF_INIT;
        test_row_random(&r, s, &rows[i]);
    }
}

/* A step that has no memory is done again; returns how many had none. */
static unsigned build_stubbornly(struct hrp_schema *s, const struct hrp_buf rows[4], struct hrp_buf *out)
{
    struct hrp_builder *b = NULL;
    unsigned n_failed = 0;
    int res;

    for (unsigned step = 0; step < 6; step += res == 0) {
        if (step == 0)
            res = hrp_builder_new(s, &b);
        else if (step < 5)
            res = hrp_builder_add(b, 0, step, step, 1, 0, rows[step - 1].p, rows[step - 1].n, NULL);
        else
            res = hrp_builder_seal(b, &test_incarnation, 42, 3, out);
        assert_true(res == 0 || res == HR_ENOMEM);
        n_failed += res != 0;
        assert_true(n_failed < 2); /* only one allocation fails */
    }
    hrp_builder_free(b);
    return n_failed;
}

/* Fail the first allocation, then the second, ... until none fails: the call answers HR_ENOMEM and works the next time. */
static void no_allocation_is_taken_for_granted(void **state)
{
    struct hrp_schema *s = test_schema("everything", "every.Thing");
    struct hrp_buf rows[4], expected = HRP_BUF_INIT, out = HRP_BUF_INIT;
    unsigned long at = 0;
    unsigned n_failed = 1;

    (void)state;
    if (!unit_faults())
        skip();
    random_rows(s, rows);
    assert_int_equal(build_stubbornly(s, rows, &expected), 0);
    while (n_failed != 0) {
        hrp_buf_fini(&out);
        hrp_alloc_fail_at(++at);
        n_failed = build_stubbornly(s, rows, &out);
        hrp_alloc_fail_at(0);
        assert_int_equal(out.n, expected.n);
        assert_memory_equal(out.p, expected.p, out.n);
    }
    assert_true(at > 50);
    for (unsigned i = 0; i < 4; i++)
        hrp_buf_fini(&rows[i]);
    hrp_buf_fini(&expected);
    hrp_buf_fini(&out);
    hrp_schema_unref(s);
}

static int open_and_print(const struct hrp_buf *p, struct hrp_schema *s, struct hrp_buf *out)
{
    struct hrp_batch *batch = NULL;
    struct hrp_cursor *c = NULL;
    int r = hrp_batch_open(p->p, p->n, s, &hrp_limits_default, &batch, NULL);

    hrp_buf_clear(out);
    if (r == 0)
        r = hrp_cursor_new(batch, &c);
    while (r == 0)
        r = hrp_cursor_json(c, out);
    hrp_cursor_free(c);
    hrp_batch_free(batch);
    return r == HR_ENOENT ? 0 : r;
}

static void readers_survive_without_memory(void **state)
{
    struct hrp_schema *s = test_schema("everything", "every.Thing");
    struct hrp_buf rows[4], p = HRP_BUF_INIT, expected = HRP_BUF_INIT, out = HRP_BUF_INIT;
    unsigned long at = 0;
    int res = HR_ENOMEM;

    (void)state;
    if (!unit_faults())
        skip();
    random_rows(s, rows);
    build_stubbornly(s, rows, &p);
    assert_int_equal(open_and_print(&p, s, &expected), 0);
    while (res != 0) {
        hrp_buf_fini(&out);
        hrp_alloc_fail_at(++at);
        res = open_and_print(&p, s, &out);
        hrp_alloc_fail_at(0);
        assert_true(res == 0 || res == HR_ENOMEM);
    }
    assert_true(at > 10);
    assert_int_equal(out.n, expected.n);
    assert_memory_equal(out.p, expected.p, out.n);
    for (unsigned i = 0; i < 4; i++)
        hrp_buf_fini(&rows[i]);
    hrp_buf_fini(&p);
    hrp_buf_fini(&expected);
    hrp_buf_fini(&out);
    hrp_schema_unref(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_full_builder_says_so_before_readers_would_refuse),
        cmocka_unit_test(readers_hold_to_their_limits),
        cmocka_unit_test(numbers_are_checked),
        cmocka_unit_test(few_rows_stay_cheap),
        cmocka_unit_test(each_damaged_bit_is_seen),
        cmocka_unit_test(a_head_stands_by_itself),
        cmocka_unit_test(a_body_is_never_believed),
        cmocka_unit_test(eviction_keeps_the_numbers),
        cmocka_unit_test(no_allocation_is_taken_for_granted),
        cmocka_unit_test(readers_survive_without_memory),
    };

    return cmocka_run_group_tests_name("limits of batches", tests, NULL, NULL);
}
