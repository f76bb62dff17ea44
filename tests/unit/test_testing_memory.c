/* libheadrace-test when memory fails: one allocation of a whole test after the other. It may fail, but it ends, says why, and leaks nothing. */
#include "alloc.h"
#include "placed.headrace.h"
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

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(allocations_fail)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
