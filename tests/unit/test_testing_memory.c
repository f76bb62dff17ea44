/* libheadrace-test from inside: batches that come again bring nothing new; and when one allocation of a whole test after the other
 * fails, it may fail, but it ends, says why, and leaks nothing. */
#include "alloc.h"
#include "placed.headrace.h"
#include "store.h"
#include "unit.h"
#include <headrace_test.h>
#include <stdlib.h>
#include <string.h>

static int whole_test(void)
{
    struct order_placed row = {.id = hr_str("A-1"), .amount = 2};
    struct hr_error err = {0, ""};
    hr_client *client = NULL;
    hr_test *t = NULL;
    int r = hr_test_open(&t, &client, &err), closed;

    if (r != 0) {
        assert_int_equal(err.code, r);
        assert_true(err.text[0] != '\0');
        return r;
    }
    r = order_placed_log(client, &row);
    if (r == 0)
        r = hr_test_expect(t, "order.Placed", "{\"id\": \"A-1\", \"amount\": 2}");
    if (r == 0) {
        r = hr_test_expect_none(t, NULL);
        hr_test_free(hr_test_rows_json(t, NULL));
    }
    closed = hr_test_close(t);
    assert_null(getenv("HR_TEST"));
    return r != 0 ? r : closed;
}

static void allocations_fail(void **state)
{
    unsigned long made;

    if (!unit_faults())
        skip();
    hrp_alloc_fail_at(0);
    assert_int_equal(whole_test(), 0);
    made = hrp_alloc_fail_at(0);
    for (unsigned long n = 1; n <= made; n += n < 64 ? 1 : 5) { /* three threads allocate: no n is the same twice */
        int r;

        hrp_alloc_fail_at(n);
        r = whole_test();
        hrp_alloc_fail_at(0);
        if (r != 0 && r != HR_ENOMEM && r != HR_ETIMEOUT && r != HR_EROW && r != HR_ESCHEMA && r != HR_ENOENT)
            fail_msg("allocation %lu of %lu: %s", n, made, hr_strerror(r));
    }
}

/* ---- resends ---- */

static int send(struct hrs_store *st, const struct hrs_kind *kind, uint64_t first_n, uint64_t end_n)
{
    static const struct hrp_id incarnation = {{7}};
    static const uint8_t row[] = {0x0a, 2, 'A', '1'};
    struct hrp_buf batch = HRP_BUF_INIT;
    struct hrp_builder *b;
    int r;

    assert_int_equal(hrp_builder_new(kind->schema, &b), 0);
    for (uint64_t n = first_n; n < end_n; n++)
        assert_int_equal(hrp_builder_add(b, 1, n, 1, 1, 0, row, sizeof row, NULL), 0);
    assert_int_equal(hrp_builder_add_raw(b, 1, end_n, 1, "raw", row, sizeof row), 0);
    assert_int_equal(hrp_builder_add_drop(b, 1, end_n + 1, 2, HRP_DROP_FULL), 0);
    assert_int_equal(hrp_builder_seal(b, &incarnation, first_n, 1, &batch), 0);
    r = hrs_store_batch(st, kind, batch.p, batch.n);
    hrp_builder_free(b);
    hrp_buf_fini(&batch);
    return r;
}

static void counts(const struct hrs_store *st, unsigned events, uint64_t dropped)
{
    unsigned n = 0;

    for (const struct hrs_seen *s = st->first; s != NULL; s = s->next)
        n++;
    assert_int_equal(n, events);
    assert_int_equal(st->dropped[HRP_DROP_FULL], dropped);
}

static void what_comes_again_is_not_new(void **state)
{
    static const uint8_t print[16] = {1};
    struct hrs_store st = {0};
    const struct hrs_kind *kind = NULL;

    assert_int_equal(hrs_store_learn(&st, "order.Placed", print, order_placed_type.descriptor_set, order_placed_type.descriptor_bytes, &kind, NULL), 0);
    assert_ptr_equal(hrs_store_kind(&st, "order.Placed", print), kind);
    assert_int_equal(send(&st, kind, 1, 4), 0); /* 1..3, raw 4, dropped 5 and 6 */
    counts(&st, 4, 2);
    assert_int_equal(send(&st, kind, 1, 4), 0);
    counts(&st, 4, 2);
    assert_int_equal(send(&st, kind, 5, 8), 0); /* 7, raw 8, dropped 9 and 10: the others are known */
    counts(&st, 6, 4);
    hrs_store_fini(&st);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(what_comes_again_is_not_new), cmocka_unit_test(allocations_fail)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
