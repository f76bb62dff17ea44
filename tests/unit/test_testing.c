/* libheadrace-test as the test of an application uses it. */
#include "placed.headrace.h"
#include <headrace_test.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

struct fixture {
    hr_test *t;
    hr_client *client;
};

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    struct hr_error err = {0};

    *state = f;
    return hr_test_open(&f->t, &f->client, &err);
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    int r = hr_test_close(f->t);

    free(f);
    return r;
}

static void place(hr_client *c, const char *id, double amount)
{
    struct order_placed row = {.id = hr_str(id), .amount = amount};

    assert_int_equal(order_placed_log(c, &row), 0);
}

static void cancel(hr_client *c, const char *id)
{
    struct order_cancelled row = {.id = hr_str(id)};

    assert_int_equal(order_cancelled_log(c, &row), 0);
}

static void says(struct fixture *f, int r, int code, const char *why)
{
    assert_int_equal(r, code);
    assert_string_equal(hr_test_why(f->t), why);
}

static void has(const struct fixture *f, const char *text)
{
    if (strstr(hr_test_why(f->t), text) == NULL)
        fail_msg("\"%s\" should say \"%s\"", hr_test_why(f->t), text);
}

/* ---- what is as expected ---- */

static void an_event_is_exactly_as_expected(void **state)
{
    struct fixture *f = *state;

    place(f->client, "A-17", 12.5);
    says(f, hr_test_expect(f->t, "order.Placed", "{\"id\": \"A-17\", \"amount\": 12.50}"), 0, "");
    says(f, hr_test_expect_none(f->t, NULL), 0, "");
    assert_int_equal(hr_test_count(f->t, "order.Placed"), 1);
    assert_int_equal(hr_test_count(f->t, "order.Cancelled"), 0);
}

static void events_are_taken_in_order(void **state)
{
    struct fixture *f = *state;

    place(f->client, "A-1", 1);
    cancel(f->client, "A-1");
    place(f->client, "A-2", 2);
    says(f, hr_test_expect(f->t, "order.Cancelled", "{\"id\": \"A-1\"}"), 0, "");
    says(f, hr_test_expect(f->t, "order.Placed", "{\"id\": \"A-2\", \"amount\": 2}"), HR_EROW,
         "id: expected \"A-2\", got \"A-1\"\namount: expected 2, got 1");
    says(f, hr_test_expect_any(f->t, "order.Placed", "{\"id\": \"A-2\", \"amount\": 2}"), 0, "");
    says(f, hr_test_expect(f->t, "order.Placed", NULL), 0, "");
    says(f, hr_test_expect_none(f->t, NULL), 0, "");
}

/* All kinds of fields, in another order and other spellings than our writer's. */
static void json_means_what_protobuf_says(void **state)
{
    struct fixture *f = *state;
    struct order_item items[] = {{.name = hr_str("cup"), .has_price = true, .price = 3}, {.name = hr_str("tea")}};
    struct order_placed_stock_entry stock[] = {{.key = hr_str("a"), .value = 1}, {.key = hr_str("b"), .value = 2}};
    hr_bytes tags[] = {hr_str("x, \"}"), hr_str("[y")};
    struct order_placed row = {.id = hr_str("A-1"), .has_coupon = true, .coupon = INT64_MAX, .items = items, .n_items = 2, .stock = stock,
                               .n_stock = 2, .state = ORDER_STATE_PAID, .token = {"\1\2", 2}, .tags = tags, .n_tags = 2};

    assert_int_equal(order_placed_log(f->client, &row), 0);
    says(f, hr_test_expect(f->t, "order.Placed", "{\"tags\": [\"x, \\\"}\", \"[y\"], \"token\": \"AQI=\", \"state\": 1, \"stock\": {\"b\": 2, \"a\": 1},"
                           "\"items\": [{\"price\": 3.0, \"name\": \"cup\"}, {\"name\": \"tea\"}], \"coupon\": \"9223372036854775807\", \"id\": \"A-1\"}"), 0, "");
}

/* ---- what is not ---- */

static void differences_are_told_by_their_place(void **state)
{
    struct fixture *f = *state;
    struct order_item items[] = {{.name = hr_str("cup"), .has_price = true, .price = 3}, {.name = hr_str("tea")}};
    struct order_placed_stock_entry stock[] = {{.key = hr_str("a"), .value = 1}};
    struct order_placed row = {.id = hr_str("A-1"), .items = items, .n_items = 2, .stock = stock, .n_stock = 1};

    assert_int_equal(order_placed_log(f->client, &row), 0);
    says(f, hr_test_expect(f->t, "order.Placed", "{\"id\": \"A-1\", \"coupon\": 7, \"items\": [{\"name\": \"cup\", \"price\": 4}], \"stock\": {\"a\": 2},"
                           "\"state\": \"STATE_PAID\"}"), HR_EROW,
         "coupon: expected 7, got nothing\nitems[0].price: expected 4, got 3\nitems[1]: expected nothing, got {\"name\":\"tea\"}\n"
         "stock.a: expected 2, got 1\nstate: expected \"STATE_PAID\", got \"STATE_UNKNOWN\"");
    says(f, hr_test_expect(f->t, "order.Placed", NULL), 0, ""); /* what did not match was not taken */
    row = (struct order_placed){.id = hr_str("A-1"), .has_coupon = true, .stock = stock, .n_stock = 1};
    assert_int_equal(order_placed_log(f->client, &row), 0);
    says(f, hr_test_expect(f->t, "order.Placed", "{\"id\": \"A-1\"}"), HR_EROW, "coupon: expected nothing, got 0\nstock: expected nothing, got {\"a\":1}");
}

static void what_cannot_be_expected_is_said(void **state)
{
    struct fixture *f = *state;

    place(f->client, "A-1", 1);
    assert_int_equal(hr_test_expect(f->t, "order.Placed", "{\"ident\": \"A-1\"}"), HR_EROW);
    has(f, "the expected JSON: order.Placed has no field \"ident\"");
    assert_int_equal(hr_test_expect(f->t, "order.Placed", "{\"amount\": \"much\"}"), HR_EROW);
    has(f, "the expected JSON: amount: expected");
    says(f, hr_test_expect(f->t, "order.Cancelled", NULL), HR_ENOENT,
         "no event of order.Cancelled\n1 of order.Placed, the first: "
         "{\"id\":\"A-1\",\"amount\":1,\"state\":\"STATE_UNKNOWN\",\"token\":\"\"}");
    assert_int_equal(hr_test_expect(f->t, NULL, NULL), HR_EINVAL);
}

static void what_is_left_is_listed(void **state)
{
    struct fixture *f = *state;

    cancel(f->client, "A-1");
    cancel(f->client, "A-2");
    says(f, hr_test_expect_none(f->t, NULL), HR_EROW, "2 of order.Cancelled, the first: {\"id\":\"A-1\"}");
    says(f, hr_test_expect_none(f->t, "order.Placed"), 0, "");
    hr_test_reset(f->t);
    says(f, hr_test_expect_none(f->t, NULL), 0, "");
    assert_int_equal(hr_test_count(f->t, NULL), 0);
}

static void a_broken_rule_is_never_as_expected(void **state)
{
    struct fixture *f = *state;

    place(f->client, "A", 1);
    assert_int_equal(hr_test_expect(f->t, "order.Placed", "{\"id\": \"A\", \"amount\": 1}"), HR_EROW);
    has(f, "id: ");
    has(f, "[string.min_len]");
    assert_int_equal(hr_test_expect_broken(f->t, "order.Placed", NULL, "string.len"), HR_EROW);
    has(f, "it does not break string.len");
    says(f, hr_test_expect_broken(f->t, "order.Placed", "{\"id\": \"A\", \"amount\": 1}", "string.min_len"), 0, "");
    place(f->client, "A-1", 1);
    says(f, hr_test_expect_broken(f->t, "order.Placed", NULL, NULL), HR_EROW, "it does not break a rule");
}

static void what_has_no_types_is_told_with_its_reason(void **state)
{
    struct fixture *f = *state;

    place(f->client, "A-1", 1);
    assert_int_equal(hr_log_raw(f->client, &order_placed_type, "{", 1, "cut off"), 0);
    says(f, hr_test_expect(f->t, "order.Placed", NULL), 0, "");
    says(f, hr_test_expect(f->t, "order.Placed", NULL), HR_EROW, "not of its type: cut off [headrace.untyped]");
    says(f, hr_test_expect_broken(f->t, "order.Placed", NULL, "headrace.untyped"), 0, "");
}

static void a_dropped_call_is_told(void **state)
{
    struct fixture *f = *state;
    char *big = calloc(1, HR_MAX_EVENT_BYTES + 1);
    struct order_cancelled row;

    memset(big, 'x', HR_MAX_EVENT_BYTES);
    row = (struct order_cancelled){.id = hr_str(big)};
    assert_int_equal(order_cancelled_log(f->client, &row), HR_ETOOBIG);
    says(f, hr_test_expect_none(f->t, NULL), HR_EROW, "1 calls dropped: too_big");
    free(big);
}

/* ---- the application's own clients ---- */

static void options_of_the_application_do_not_matter(void **state)
{
    struct fixture *f = *state;
    hr_options *opt = hr_options_new();
    char dir[] = "/tmp/hrtestingXXXXXX", sub[64];
    struct hr_error err = {0};
    hr_client *own = NULL;

    assert_non_null(mkdtemp(dir));
    snprintf(sub, sizeof sub, "%s/spool", dir);
    hr_options_set(opt, "url", "headrace://collector.invalid:7411", &err);
    hr_options_set(opt, "spool_dir", sub, &err);
    hr_options_set(opt, "token", "secret", &err);
    assert_int_equal(hr_open(opt, &own, &err), 0);
    hr_options_free(opt);
    place(own, "A-1", 1);
    says(f, hr_test_expect(f->t, "order.Placed", "{\"id\": \"A-1\", \"amount\": 1}"), 0, "");
    assert_int_equal(hr_close(own, 10000), 0);
    assert_int_equal(rmdir(dir), 0); /* nothing was made in it */
}

static void *log_some(void *arg)
{
    for (int i = 0; i < 100; i++)
        place(arg, "T-1", i);
    return NULL;
}

static void threads_are_seen_without_waiting(void **state)
{
    struct fixture *f = *state;
    pthread_t threads[4];
    char json[64];

    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, log_some, f->client), 0);
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(hr_test_count(f->t, "order.Placed"), 400);
    for (int i = 0; i < 100; i++)
        for (int k = 0; k < 4; k++) {
            snprintf(json, sizeof json, "{\"id\": \"T-1\", \"amount\": %d}", i);
            assert_int_equal(hr_test_expect_any(f->t, "order.Placed", json), 0);
        }
    says(f, hr_test_expect_none(f->t, NULL), 0, "");
}

static void all_rows_as_json(void **state)
{
    struct fixture *f = *state;
    char *text;

    text = hr_test_rows_json(f->t, NULL);
    assert_string_equal(text, "[]");
    hr_test_free(text);
    cancel(f->client, "A-1");
    cancel(f->client, "A-2");
    place(f->client, "A", 1);
    text = hr_test_rows_json(f->t, "order.Cancelled");
    assert_string_equal(text, "[{\"stream\": \"order.Cancelled\", \"row\": {\"id\":\"A-1\"}},\n {\"stream\": \"order.Cancelled\", \"row\": {\"id\":\"A-2\"}}]");
    hr_test_free(text);
    text = hr_test_rows_json(f->t, "order.Placed");
    assert_non_null(strstr(text, "\"broken\": \"id: "));
    hr_test_free(text);
}

static void what_is_no_url_is_refused(void **state)
{
    struct hr_error err = {0};
    hr_client *c = NULL;

    setenv("HR_TEST", "1", 1);
    assert_int_equal(hr_open(NULL, &c, &err), HR_EINVAL);
    assert_non_null(strstr(err.text, "headrace://"));
    setenv("HR_TEST", "", 1); /* as unset */
    assert_int_equal(hr_open(NULL, &c, &err), 0);
    hr_close(c, 0);
    unsetenv("HR_TEST");
}

static void the_environment_is_as_before(void **state)
{
    hr_test *a, *b;
    char *url;

    assert_null(getenv("HR_TEST"));
    assert_int_equal(hr_test_open(&a, NULL, NULL), 0);
    assert_string_equal(getenv("HR_TEST"), hr_test_url(a));
    assert_int_equal(hr_test_open(&b, NULL, NULL), 0);
    url = strdup(hr_test_url(b));
    assert_int_equal(hr_test_close(a), 0);
    assert_string_equal(getenv("HR_TEST"), url); /* b's, not a's to take away */
    assert_int_equal(hr_test_close(b), 0);
    assert_null(getenv("HR_TEST"));
    assert_int_equal(hr_test_close(NULL), 0);
    free(url);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(an_event_is_exactly_as_expected),
        TEST(events_are_taken_in_order),
        TEST(json_means_what_protobuf_says),
        TEST(differences_are_told_by_their_place),
        TEST(what_cannot_be_expected_is_said),
        TEST(what_is_left_is_listed),
        TEST(a_broken_rule_is_never_as_expected),
        TEST(what_has_no_types_is_told_with_its_reason),
        TEST(a_dropped_call_is_told),
        TEST(options_of_the_application_do_not_matter),
        TEST(threads_are_seen_without_waiting),
        TEST(all_rows_as_json),
        cmocka_unit_test(what_is_no_url_is_refused),
        cmocka_unit_test(the_environment_is_as_before),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
