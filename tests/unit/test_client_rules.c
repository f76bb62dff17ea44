/* What a client does with rows that break a rule: they are counted, and travel typed. Patterns are left to the collector. */
#include "unit.h"
#include "event_type.h"
#include "fake_collector.h"
#include "schemas.h"
#include <stdlib.h>
#include <string.h>

static int log_flight(hr_client *client, hr_type *type, int32_t delay, const char *origin)
{
    struct hrp_buf row = HRP_BUF_INIT;
    int r;

    test_flight_row(&row, 1, delay, 1, origin, "LAX");
    r = hr_log_wire(client, type, 0, row.p, row.n);
    hrp_buf_fini(&row);
    return r;
}

static void broken_rows_are_counted_and_travel(void **state)
{
    struct fake_collector *fc = fake_collector_start();
    hr_options *opt = hr_options_new();
    struct hr_error err = {0};
    hr_client *c = NULL;
    size_t n;
    uint8_t *set = test_set_read("strict_flight", &n);
    hr_type *type = NULL;

    assert_int_equal(hr_options_set(opt, "url", fake_collector_url(fc), NULL), 0);
    assert_int_equal(hr_open(opt, &c, &err), 0);
    assert_int_equal(hr_type_open(set, n, "Flight", &type, &err), 0);
    for (int i = 0; i < 10; i++)
        assert_int_equal(log_flight(c, type, i % 5 == 0 ? 99999 : i, i == 3 ? "no pattern here" : "SFO"), 0);
    assert_int_equal(hr_flush(c, 30000), 0);
    assert_int_equal(fake_collector_count(fc, FAKE_ACCEPTED), 10);
    assert_int_equal(hr_stats_get(c, HR_STAT_INVALID_ROWS), 2);
    assert_int_equal(hr_close(c, 30000), 0);
    hr_options_free(opt);
    fake_collector_stop(fc);
    free(set);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(broken_rows_are_counted_and_travel)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
