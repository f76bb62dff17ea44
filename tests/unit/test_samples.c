/* Examples of schemas: the valid ones pass, each invalid one breaks what it says and nothing else, the same seed gives the same, and
 * a rule without an example is told. */
#include "unit.h"
#include "batches.h"
#include "re2.h"
#include "samples.h"
#include "schemas.h"
#include <stdio.h>
#include <string.h>

struct seen {
    struct hrp_schema *schema;
    struct hrp_rules *rules;
    struct hrp_builder *builder;
    unsigned valid, invalid, without;
    uint64_t hash;
    char missing[512];
};

static void expect_one(struct seen *s, const struct hrp_violations *found, const char *rule_id, const char *path)
{
    struct hrp_buf text = HRP_BUF_INIT;

    assert_int_equal(found->n, 1);
    hrp_site_path_put(&text, found->v[0].site, NULL);
    hrp_put_u8(&text, 0);
    assert_string_equal((const char *)text.p, path);
    assert_string_equal(found->v[0].site->rule_id, rule_id);
    hrp_buf_fini(&text);
}

static int look(void *arg, const uint8_t *wire, size_t n, const char *rule_id, const char *path)
{
    struct seen *s = arg;
    const struct hrp_batch *view;
    struct hrp_violations found;

    if (wire == NULL) {
        s->without++;
        snprintf(s->missing + strlen(s->missing), sizeof s->missing - strlen(s->missing), "%s %s; ", path, rule_id);
        return 0;
    }
    hrp_builder_clear(s->builder);
    assert_int_equal(hrp_builder_add(s->builder, 0, 1, 0, 1, 0, wire, n, NULL), 0);
    assert_int_equal(hrp_builder_view(s->builder, &view), 0);
    assert_int_equal(hrp_rules_check(s->rules, view, 16, &found), 0);
    s->hash = hrp_hash64_seeded(wire, n, s->hash);
    if (*rule_id == '\0') {
        assert_int_equal(found.n, 0);
        s->valid++;
    } else {
        expect_one(s, &found, rule_id, path);
        s->invalid++;
    }
    hrp_violations_fini(&found);
    return 0;
}

static struct seen run(const char *file, const char *message, uint64_t seed)
{
    struct seen s = {.schema = test_schema(file, message)};
    struct hr_error err = {0, ""};

    assert_int_equal(hrp_rules_open(s.schema, &hrd_re2, &s.rules, &err), 0);
    s.builder = test_builder(s.schema);
    if (hrp_samples(s.schema, s.rules, seed, 5, look, &s, &err) != 0)
        fail_msg("%s", err.text);
    hrp_builder_free(s.builder);
    hrp_rules_free(s.rules);
    hrp_schema_unref(s.schema);
    return s;
}

static void flights(void **state)
{
    struct seen s = run("strict_flight", "Flight", 1);

    assert_int_equal(s.valid, 5);
    assert_int_equal(s.invalid, 5); /* one for each rule */
    assert_string_equal(s.missing, "");
}

static void orders(void **state)
{
    struct seen s = run("order", "shop.Order", 1), again = run("order", "shop.Order", 1), other = run("order", "shop.Order", 7);

    assert_int_equal(s.valid, 5);
    if (s.without != 0)
        print_message("without an example: %s\n", s.missing);
    assert_true(s.invalid >= 20 && s.without <= 3);
    assert_true(s.hash == again.hash);
    assert_true(s.hash != other.hash);
}

static void a_schema_without_rules(void **state)
{
    struct seen s = run("everything", "every.Thing", 3);

    assert_int_equal(s.valid, 5);
    assert_int_equal(s.invalid + s.without, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(flights), cmocka_unit_test(orders), cmocka_unit_test(a_schema_without_rules)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
