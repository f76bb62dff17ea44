/* Rules on columns: what each shape of schema finds, at which path, by which rule; that a builder's view and an opened batch give
 * the same, that a distinct value is looked at once, and that no allocation that fails is forgotten. */
#include "unit.h"
#include "alloc.h"
#include "batches.h"
#include "formats.h"
#include "json.h"
#include "re2.h"
#include "rules.h"
#include "schemas.h"
#include <stdio.h>
#include <string.h>

static struct hrp_schema *order;
static struct hrp_rules *rules;

static int open_order(void **state)
{
    struct hr_error err;

    order = test_schema("order", "shop.Order");
    if (hrp_rules_open(order, &hrd_re2, &rules, &err) == 0)
        return 0;
    fprintf(stderr, "%s\n", err.text);
    return 1;
}

static int close_order(void **state)
{
    hrp_rules_free(rules);
    hrp_schema_unref(order);
    return 0;
}

/* ---- one row, by its JSON ---- */

#define GOOD "\"id\":1,\"items\":[{\"sku\":\"s-1\",\"price\":2}],\"email\":\"a@b.example\",\"note\":\"x\",\"odd\":20"

static void add_json(struct hrp_builder *b, uint64_t n, const char *json)
{
    struct hrp_buf row = HRP_BUF_INIT;
    struct hr_error err = {0, ""};

    if (hrp_json_to_wire(order, json, strlen(json), &row, &err) != 0)
        fail_msg("%s", err.text);
    test_add_row(b, n, &row);
    hrp_buf_fini(&row);
}

/* Each violation as "row path rule_id" with a newline, keys marked. */
static char *told(const struct hrp_violations *list)
{
    struct hrp_buf out = HRP_BUF_INIT;

    for (uint32_t i = 0; i < list->n; i++) {
        const struct hrp_violation *v = &list->v[i];

        hrp_put_fmt(&out, "%u ", v->row);
        hrp_site_path_put(&out, v->site, v->subs);
        hrp_put_fmt(&out, " %s%s\n", v->site->rule_id, v->site->for_key ? " key" : "");
    }
    hrp_put_u8(&out, 0);
    return (char *)out.p;
}

/* What the rules find in the rows, sealed and opened, and in the builder before that: the same. */
static void expect_rows(const char *const *json, unsigned n, const char *expected)
{
    struct hrp_builder *b = test_builder(order);
    struct hrp_violations found, seen;
    const struct hrp_batch *view;
    struct hrp_batch *batch;
    struct hrp_buf sealed;
    char *text;

    for (unsigned i = 0; i < n; i++)
        add_json(b, i + 1, json[i]);
    assert_int_equal(hrp_builder_view(b, &view), 0);
    assert_int_equal(hrp_rules_check(rules, view, 16, &seen), 0);
    text = told(&seen);
    assert_string_equal(text, expected);
    hrp_free(text);
    sealed = test_sealed(b);
    batch = test_opened(&sealed, order);
    assert_int_equal(hrp_rules_check(rules, batch, 16, &found), 0);
    text = told(&found);
    assert_string_equal(text, expected);
    hrp_free(text);
    hrp_violations_fini(&found);
    hrp_violations_fini(&seen);
    hrp_batch_free(batch);
    hrp_buf_fini(&sealed);
    hrp_builder_free(b);
}

static void expect(const char *json, const char *expected) { expect_rows(&json, 1, expected); }

static void good_rows(void **state)
{
    expect("{" GOOD "}", "");
    expect("{" GOOD ",\"stock\":{\"ab\":3},\"color\":\"RED\",\"other\":7,\"rating\":{\"value\":5},\"took\":\"1s\",\"sizes\":[36,38]}", "");
    expect("{" GOOD ",\"paid\":\"2020-01-01T00:00:00Z\",\"category\":{\"name\":\"a\",\"parent\":{\"name\":\"b\"}}}", "");
}

static void fields(void **state)
{
    expect("{" GOOD ",\"rating\":{\"value\":6}}", "0 rating int32.gte_lte\n");
    expect("{" GOOD ",\"color\":9}", "0 color enum.defined_only\n");
    expect("{" GOOD ",\"paid\":\"2999-01-01T00:00:00Z\"}", "0 paid timestamp.lt_now\n");
    expect("{" GOOD ",\"took\":\"61s\"}", "0 took duration.gte_lte\n");
    expect("{\"id\":-4,\"items\":[{\"sku\":\"s-1\"}],\"phone\":\"12\",\"note\":\"x\",\"odd\":20}", "0 id int64.gt\n0 phone string.pattern\n");
    expect("{\"id\":1,\"items\":[{\"sku\":\"s-1\"}],\"email\":\"\",\"odd\":20}", "0 email string.email_empty\n0 note required\n");
    expect("{\"id\":1,\"items\":[{\"sku\":\"s-1\"}],\"note\":\"\",\"odd\":7}", "0 contact required\n0 odd int32.gt_lt_exclusive\n");
}

static void lists_and_maps(void **state)
{
    expect("{\"id\":1,\"email\":\"a@b.example\",\"note\":\"x\",\"odd\":20}", "0 items repeated.min_items\n");
    expect("{\"id\":1,\"items\":[{\"sku\":\"s-1\"},{\"sku\":\"x\",\"price\":1000}],\"email\":\"a@b.example\",\"note\":\"x\",\"odd\":20}",
           "0 items[1].sku string.min_len\n0 items[1].sku string.prefix\n0 items[1].price double.gte_lt\n");
    expect("{" GOOD ",\"stock\":{\"ok\":-1,\"a\":2}}", "0 stock[\"a\"] string.min_len key\n0 stock[\"ok\"] int32.gte\n");
    expect("{" GOOD ",\"sizes\":[36,41,36]}", "0 sizes repeated.unique\n0 sizes[1] int32.in\n");
}

static void messages(void **state)
{
    expect("{" GOOD ",\"category\":{\"name\":\"a\",\"parent\":{\"parent\":{\"name\":\"\"}}}}",
           "0 category.parent.name string.min_len\n0 category.parent.parent.name string.min_len\n");
    expect("{" GOOD ",\"coupon\":\"12345678\",\"discount\":3}", "0  message.oneof\n");
    expect("{" GOOD ",\"coupon\":\"1\"}", "0 coupon string.len\n");
}

/* A value is led back to its row, whatever lies before it. */
static void rows_are_told_apart(void **state)
{
    static const char *const json[] = {
        "{" GOOD "}",
        "{" GOOD ",\"sizes\":[38,40]}",
        "{" GOOD ",\"sizes\":[36,1],\"rating\":{\"value\":0}}",
        "{" GOOD ",\"stock\":{\"ab\":1,\"cd\":-2}}",
        "{\"id\":1,\"items\":[{\"sku\":\"s-1\"},{\"sku\":\"s-2\"}],\"phone\":\"+1\",\"note\":\"x\",\"odd\":20}",
        "{\"id\":1,\"items\":[{\"sku\":\"s-1\"},{\"sku\":\"s\"}],\"phone\":\"1\",\"note\":\"x\",\"odd\":20}",
    };

    expect_rows(json, 6,
                "2 rating int32.gte_lte\n2 sizes[1] int32.in\n3 stock[\"cd\"] int32.gte\n"
                "5 items[1].sku string.min_len\n5 items[1].sku string.prefix\n5 phone string.pattern\n");
}

static void most_per_row(void **state)
{
    struct hrp_builder *b = test_builder(order);
    const struct hrp_batch *view;
    struct hrp_violations found;

    add_json(b, 1, "{\"id\":0}");
    add_json(b, 2, "{" GOOD ",\"rating\":{\"value\":0}}");
    assert_int_equal(hrp_builder_view(b, &view), 0);
    assert_int_equal(hrp_rules_check(rules, view, 2, &found), 0);
    assert_int_equal(found.n, 3);
    assert_int_equal(found.v[2].row, 1);
    assert_true(found.left_out >= 2); /* of the first row; never all of a row */
    hrp_violations_fini(&found);
    hrp_builder_free(b);
}

/* ---- stored form ---- */

static void one_stored(void *arg, const struct hrp_stored_violation *v)
{
    struct hrp_buf *out = arg;

    hrp_put_fmt(out, "%.*s|", (int)v->n_rule_id, v->rule_id);
    assert_int_equal(hrp_path_text_put(out, v->field, v->n_field, true), 0);
    hrp_put_fmt(out, "|");
    assert_int_equal(hrp_path_text_put(out, v->field, v->n_field, false), 0);
    hrp_put_fmt(out, "|%.*s|", (int)v->n_message, v->message);
    assert_int_equal(hrp_path_text_put(out, v->rule, v->n_rule, true), 0);
    hrp_put_fmt(out, "%s\n", v->for_key ? "|key" : "");
}

static void stored_and_read_back(void **state)
{
    struct hrp_builder *b = test_builder(order);
    struct hrp_buf stored = HRP_BUF_INIT, text = HRP_BUF_INIT;
    const struct hrp_batch *view;
    struct hrp_violations found;

    add_json(b, 1, "{" GOOD ",\"stock\":{\"a\":-1}}");
    assert_int_equal(hrp_builder_view(b, &view), 0);
    assert_int_equal(hrp_rules_check(rules, view, 16, &found), 0);
    hrp_violations_put(&stored, found.v, found.n);
    assert_int_equal(stored.err, 0);
    assert_int_equal(hrp_violations_each(stored.p, stored.n, one_stored, &text), 0);
    hrp_put_u8(&text, 0);
    assert_string_equal((char *)text.p, "string.min_len|stock[\"a\"]|stock[]|must be at least 2 characters|map.keys.string.min_len|key\n"
                                        "int32.gte|stock[\"a\"]|stock[]|must be greater than or equal to 0|map.values.int32.gte\n");
    for (size_t n = 1; n < stored.n; n++) { /* cut off anywhere: an error, or fewer; nothing is read beyond */
        hrp_buf_clear(&text);
        (void)hrp_violations_each(stored.p, n, one_stored, &text);
    }
    hrp_buf_fini(&stored);
    hrp_buf_fini(&text);
    hrp_violations_fini(&found);
    hrp_builder_free(b);
}

/* ---- dictionaries ---- */

static unsigned matches;
static int count_open(const char *p, size_t n, void **ret, struct hr_error *err)
{
    *ret = &matches;
    return 0;
}
static bool count_match(void *re, const uint8_t *p, size_t n)
{
    matches++;
    return n == 3;
}
static void count_close(void *re) {}

static void a_distinct_value_is_looked_at_once(void **state)
{
    static const struct hrp_regex counting = {count_open, count_match, count_close};
    struct hrp_schema *flight = test_schema("strict_flight", "Flight");
    struct hrp_builder *b = test_builder(flight);
    struct hrp_violations found;
    struct hrp_rules *strict;
    struct hrp_batch *batch;
    struct hrp_buf sealed;

    assert_int_equal(hrp_rules_open(flight, &counting, &strict, NULL), 0);
    for (unsigned i = 0; i < 5000; i++) {
        struct hrp_buf row = HRP_BUF_INIT;

        test_flight_row(&row, i + 1, 1, 2, i % 1000 == 7 ? "AB" : i % 2 != 0 ? "SFO" : "JFK", "LAX");
        test_add_row(b, i + 1, &row);
        hrp_buf_fini(&row);
    }
    sealed = test_sealed(b);
    batch = test_opened(&sealed, flight);
    assert_non_null(batch->columns[hrp_schema_by_path(flight, "origin")->id].codes);
    matches = 0;
    assert_int_equal(hrp_rules_check(strict, batch, 4, &found), 0);
    assert_int_equal(matches, 3);
    assert_int_equal(found.n, 5);
    for (unsigned i = 0; i < 5; i++)
        assert_int_equal(found.v[i].row, 1000 * i + 7);
    hrp_violations_fini(&found);
    hrp_batch_free(batch);
    hrp_buf_fini(&sealed);
    hrp_builder_free(b);
    hrp_rules_free(strict);
    hrp_schema_unref(flight);
}

/* ---- without an engine, without memory, with a bad pattern ---- */

static void patterns_are_left_without_an_engine(void **state)
{
    struct hrp_rules *sdk;

    assert_int_equal(hrp_rules_left(rules), 0);
    assert_int_equal(hrp_rules_open(order, NULL, &sdk, NULL), 0);
    assert_int_equal(hrp_rules_left(sdk), 1);
    hrp_rules_free(sdk);
}

static void hostile_patterns(void **state)
{
    static const char *const bad[] = {"(a{1000}){1000}", "((((((((((a{9}){9}){9}){9}){9}){9}){9}){9}){9}){9}", "[", "(?<name>a)b)", "\\8", "a**"};
    static char longest[5000];
    struct hr_error err;
    void *re;

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        if (hrd_re2.open(bad[i], strlen(bad[i]), &re, &err) == 0)
            hrd_re2.close(re); /* small enough after all */
        else
            assert_int_equal(err.code, HR_ESCHEMA);
    }
    assert_int_equal(hrd_re2.open("[", 1, &re, &err), HR_ESCHEMA);
    memset(longest, 'a', sizeof longest);
    assert_int_equal(hrd_re2.open(longest, sizeof longest, &re, &err), HR_ESCHEMA);
    assert_int_equal(hrd_re2.open("^(a+)+$", 7, &re, &err), 0);
    assert_false(hrd_re2.match(re, (const uint8_t *)"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab", 58));
    hrd_re2.close(re);
}

#ifdef HRP_FAULTS
static void every_allocation_fails_once(void **state)
{
    struct hrp_builder *b = test_builder(order);
    const struct hrp_batch *view;
    struct hrp_violations found;
    int r = HR_ENOMEM;

    add_json(b, 1, "{" GOOD ",\"stock\":{\"a\":-1},\"category\":{\"name\":\"\"}}");
    for (unsigned long n = 1; r != 0; n++) {
        struct hrp_rules *some;

        hrp_alloc_fail_at(n);
        r = hrp_rules_open(order, &hrd_re2, &some, NULL);
        hrp_alloc_fail_at(0);
        if (r == 0)
            hrp_rules_free(some);
        else
            assert_int_equal(r, HR_ENOMEM);
    }
    r = HR_ENOMEM;
    for (unsigned long n = 1; r != 0; n++) {
        hrp_alloc_fail_at(n);
        r = hrp_builder_view(b, &view);
        if (r == 0)
            r = hrp_rules_check(rules, view, 16, &found);
        hrp_alloc_fail_at(0);
        if (r != 0) {
            assert_int_equal(r, HR_ENOMEM);
            continue;
        }
        assert_int_equal(found.n, 3);
        hrp_violations_fini(&found);
    }
    hrp_builder_free(b);
}
#endif

/* ---- formats: a few of each; the rest is the conformance suite's ---- */

#define YES(f, text, ...) assert_true(f((const uint8_t *)(text), strlen(text), ##__VA_ARGS__))
#define NO(f, text, ...) assert_false(f((const uint8_t *)(text), strlen(text), ##__VA_ARGS__))

static bool is_ip(const uint8_t *p, size_t n, int v) { return hrp_is_ip(p, n, v); }
static bool is_prefix(const uint8_t *p, size_t n, int v, bool strict) { return hrp_is_ip_prefix(p, n, v, strict); }
static bool is_host_and_port(const uint8_t *p, size_t n, bool port) { return hrp_is_host_and_port(p, n, port); }

static void formats(void **state)
{
    YES(hrp_is_email, "a.b+c@d-e.example");
    NO(hrp_is_email, "a@-b.example");
    NO(hrp_is_email, "@b.example");
    YES(hrp_is_hostname, "a-b.example.");
    NO(hrp_is_hostname, "a..b");
    NO(hrp_is_hostname, "a.12");
    NO(hrp_is_hostname, "");
    YES(is_ip, "255.0.10.1", 4);
    NO(is_ip, "01.2.3.4", 0);
    NO(is_ip, "1.2.3", 0);
    YES(is_ip, "::ffff:192.0.2.1", 6);
    YES(is_ip, "1:2:3:4:5:6:7::", 6);
    YES(is_ip, "fe80::a%en1", 6);
    NO(is_ip, "1:2:3:4:5:6:7:8:9", 6);
    NO(is_ip, "1::2::3", 6);
    NO(is_ip, ":1", 6);
    YES(is_prefix, "10.1.0.0/16", 0, true);
    NO(is_prefix, "10.1.0.1/16", 0, true);
    YES(is_prefix, "10.1.0.1/16", 4, false);
    YES(is_prefix, "2001:db8::/32", 6, true);
    NO(is_prefix, "2001:db8::1/32", 6, true);
    NO(is_prefix, "::/129", 6, false);
    YES(is_host_and_port, "[::1]:80", true);
    YES(is_host_and_port, "a.example", false);
    NO(is_host_and_port, "a.example:65536", true);
    YES(hrp_is_uri, "https://u:p@[2001:db8::1%25e1]:80/a//b?c#d");
    YES(hrp_is_uri, "urn:a:b");
    NO(hrp_is_uri, "https://a b/");
    NO(hrp_is_uri, "https://a/%zz");
    NO(hrp_is_uri, "https://%ff/");
    YES(hrp_is_uri_ref, "./a?b#c");
    YES(hrp_is_uri_ref, "");
    NO(hrp_is_uri, "");
    NO(hrp_is_uri_ref, "a#b#c");
    YES(hrp_is_uuid, "00112233-4455-6677-8899-aAbBcCdDeEfF");
    NO(hrp_is_tuuid, "00112233");
    YES(hrp_is_ulid, "7ZZZZZZZZZZZZZZZZZZZZZZZZZ");
    NO(hrp_is_ulid, "8ZZZZZZZZZZZZZZZZZZZZZZZZZ");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_rows),
        cmocka_unit_test(fields),
        cmocka_unit_test(lists_and_maps),
        cmocka_unit_test(messages),
        cmocka_unit_test(rows_are_told_apart),
        cmocka_unit_test(most_per_row),
        cmocka_unit_test(stored_and_read_back),
        cmocka_unit_test(a_distinct_value_is_looked_at_once),
        cmocka_unit_test(patterns_are_left_without_an_engine),
        cmocka_unit_test(hostile_patterns),
#ifdef HRP_FAULTS
        cmocka_unit_test(every_allocation_fails_once),
#endif
        cmocka_unit_test(formats),
    };

    return cmocka_run_group_tests(tests, open_order, close_order);
}
