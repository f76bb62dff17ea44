/* What becomes of each row of a batch, kind by kind and action by action; and that causes are counted as they should. */
#include "unit.h"
#include "alloc.h"
#include "batches.h"
#include "findings.h"
#include "re2.h"
#include "schemas.h"
#include <stdio.h>
#include <string.h>

static struct hrp_schema *flight;
static struct hrp_rules *rules;

static int open_all(void **state)
{
    flight = test_schema("strict_flight", "Flight");
    return hrp_rules_open_door(flight, &hrd_re2, &rules, NULL);
}

static int close_all(void **state)
{
    hrp_rules_free(rules);
    hrp_schema_unref(flight);
    return 0;
}

/* Rows: 0 good; 1 delay out of range; 2 marked by its producer; 3 a field the schema lacks; 4 origin and distance wrong; 5 good.
 * Then two raw ones, of which one names a field. */
static struct hrd_batch_msg *six_rows(void)
{
    static const struct {
        int32_t delay, distance;
        const char *origin;
        uint32_t flags;
        const char *more;
    } all[] = {{1, 1, "SFO", 0, ""}, {99999, 1, "SFO", 0, ""}, {1, 1, "JFK", HRP_ROW_INVALID, ""}, {1, 1, "LAX", 0, "\x78\x05"},
               {1, -1, "sfo", 0, ""}, {2, 2, "SFO", 0, ""}};
    struct hrd_batch_msg *bat = hrd_batch_msg_new();
    struct hrp_builder *b = test_builder(flight);
    struct hrp_buf row = HRP_BUF_INIT, sealed;

    for (unsigned i = 0; i < sizeof all / sizeof *all; i++) {
        hrp_buf_clear(&row);
        test_flight_row(&row, i + 1, all[i].delay, all[i].distance, all[i].origin, "LAX");
        hrp_put_bytes(&row, all[i].more, strlen(all[i].more));
        assert_int_equal(hrp_builder_add(b, 0, i + 1, i, 1, all[i].flags, row.p, row.n, NULL), 0);
    }
    assert_int_equal(hrp_builder_add_raw(b, 0, 7, 7, "delay: expected an integer, found \"x\"", (const uint8_t *)"{}", 2), 0);
    assert_int_equal(hrp_builder_add_raw(b, 0, 8, 8, "no JSON object", (const uint8_t *)"{", 1), 0);
    sealed = test_sealed(b);
    bat->bytes = sealed.p;
    bat->n_bytes = sealed.n;
    assert_int_equal(hrp_batch_head_read(bat->bytes, bat->n_bytes, &hrp_limits_default, &bat->head), 0);
    bat->batch = test_opened(&sealed, flight);
    hrp_builder_free(b);
    hrp_buf_fini(&row);
    return bat;
}

static char *causes_of(const struct hrd_batch_msg *bat)
{
    struct hrp_buf out = HRP_BUF_INIT;

    for (uint32_t i = 0; i < bat->n_findings; i++) {
        const struct hrd_cause *c = &bat->causes.list[bat->findings[i].cause];

        hrp_put_fmt(&out, "%u %s %s %s %s\n", bat->findings[i].row, c->rule, c->path, hrd_kind_name(c->kind), hrd_action_name(c->action));
    }
    hrp_put_u8(&out, 0);
    return (char *)out.p;
}

static void expect_causes(const struct hrd_batch_msg *bat, const char *expected)
{
    char *text = causes_of(bat);

    assert_string_equal(text, expected);
    hrp_free(text);
}

static void each_row_by_itself(void **state)
{
    struct hrd_batch_msg *bat = six_rows();

    assert_int_equal(hrd_findings_judge(bat, rules, &hrd_policy_default, NULL), 0);
    expect_causes(bat, "1 int32.gte_lte delay rule quarantine\n2 headrace.marked  rule quarantine\n"
                       "3 headrace.unknown_field  unknown_field flag\n"
                       "4 int32.gte_lt distance rule quarantine\n4 string.pattern origin rule quarantine\n"
                       "6 headrace.untyped delay untyped quarantine\n7 headrace.untyped  untyped quarantine\n");
    assert_int_equal(bat->n_asides, 3);
    assert_int_equal(bat->asides[0].row, 1);
    assert_string_equal(bat->asides[0].reason, "delay: must be greater than or equal to -2000 and less than or equal to 10000");
    assert_int_equal(bat->asides[2].row, 4);
    assert_true(bat->asides[2].n_violations > bat->asides[1].n_violations);
    assert_int_equal(bat->flagged.n, 1);
    assert_int_equal(bat->flagged.r[0].from, 3);
    assert_string_equal(bat->raw_asides[1].reason, "no JSON object");
    hrd_msg_free(&bat->msg);
}

static void drop_and_flag(void **state)
{
    struct hrd_policy policy = hrd_policy_default;
    struct hrd_batch_msg *bat = six_rows();

    policy.action[HRD_KIND_RULE] = HRD_ACTION_DROP;
    policy.action[HRD_KIND_UNTYPED] = HRD_ACTION_DROP;
    assert_int_equal(hrd_findings_judge(bat, rules, &policy, NULL), 0);
    assert_int_equal(hrd_findings_keep(bat), 0);
    assert_int_equal(bat->n_asides, 3);
    for (uint32_t i = 0; i < bat->n_asides; i++) {
        assert_int_equal(bat->asides[i].action, HRD_ACTION_DROP);
        assert_int_equal(bat->asides[i].n_bytes, 0); /* nothing is kept of it */
    }
    assert_int_equal(bat->raw_asides[0].action, HRD_ACTION_DROP);
    hrd_msg_free(&bat->msg);

    bat = six_rows();
    policy.action[HRD_KIND_RULE] = HRD_ACTION_FLAG;
    policy.action[HRD_KIND_UNKNOWN_FIELD] = HRD_ACTION_QUARANTINE;
    assert_int_equal(hrd_findings_judge(bat, rules, &policy, NULL), 0);
    assert_int_equal(bat->n_asides, 1);
    assert_int_equal(bat->asides[0].row, 3);
    assert_int_equal(bat->flagged.n, 2); /* 1 to 2, and 4 */
    assert_int_equal(bat->flagged.r[0].from, 1);
    assert_int_equal(bat->flagged.r[0].to, 3);
    hrd_msg_free(&bat->msg);
}

static void a_refused_schema_refuses_each_row(void **state)
{
    struct hrd_batch_msg *bat = six_rows();

    assert_int_equal(hrd_findings_judge(bat, NULL, &hrd_policy_default, "shop.proto:3:1: no"), 0);
    assert_int_equal(hrd_findings_keep(bat), 0);
    assert_int_equal(bat->n_asides, 6);
    for (uint32_t i = 0; i < 6; i++) {
        assert_int_equal(bat->asides[i].row, i);
        assert_true(bat->asides[i].n_bytes != 0);
        assert_string_equal(bat->asides[i].reason, "shop.proto:3:1: no");
    }
    assert_int_equal(bat->causes.n, 1);
    assert_int_equal(bat->causes.list[0].kind, HRD_KIND_UNREGISTERED);
    assert_int_equal(hrd_findings_refuse(bat, "headrace.expired", "too old"), 0);
    assert_int_equal(bat->n_asides, 6);
    assert_string_equal(bat->asides[5].reason, "too old");
    assert_true(bat->asides[5].n_bytes != 0);
    assert_string_equal(bat->raw_asides[1].reason, "too old"); /* the cause's, as for the others */
    assert_string_equal(bat->causes.list[0].rule, "headrace.expired");
    hrd_msg_free(&bat->msg);
}

static void causes_are_bounded_and_stored(void **state)
{
    struct hrd_causes causes = {0}, again;
    struct hrp_buf bytes = HRP_BUF_INIT;
    char rule[32];
    uint32_t at;

    for (unsigned i = 0; i < 400; i++) {
        snprintf(rule, sizeof rule, "rule.%u", i);
        assert_int_equal(hrd_causes_find(&causes, rule, "a.b", HRD_KIND_RULE, HRD_ACTION_FLAG, &at), 0);
        causes.list[at].rows++;
    }
    assert_int_equal(causes.n, HRD_MAX_CAUSES);
    assert_string_equal(causes.list[HRD_MAX_CAUSES - 1].rule, HRD_CAUSE_OTHER);
    assert_int_equal(causes.list[HRD_MAX_CAUSES - 1].rows, 400 - (HRD_MAX_CAUSES - 1));
    hrd_causes_put(&bytes, &causes);
    assert_int_equal(hrd_causes_read(bytes.p, bytes.n, &again), 0);
    assert_int_equal(again.n, causes.n);
    assert_string_equal(again.list[17].rule, "rule.17");
    assert_int_equal(again.list[HRD_MAX_CAUSES - 1].rows, causes.list[HRD_MAX_CAUSES - 1].rows);
    hrd_causes_fini(&again);
    for (size_t i = 0; i < bytes.n; i++) {
        bytes.p[i] ^= 1;
        assert_int_not_equal(hrd_causes_read(bytes.p, bytes.n, &again), 0);
        bytes.p[i] ^= 1;
    }
    hrp_buf_fini(&bytes);
    hrd_causes_fini(&causes);
}

#ifdef HRP_FAULTS
static void every_allocation_fails_once(void **state)
{
    int r = HR_ENOMEM;

    for (unsigned long n = 1; r != 0; n++) {
        struct hrd_batch_msg *bat = six_rows();

        hrp_alloc_fail_at(n);
        r = hrd_findings_judge(bat, rules, &hrd_policy_default, NULL);
        if (r == 0)
            r = hrd_findings_keep(bat);
        hrp_alloc_fail_at(0);
        assert_true(r == 0 || (r == HR_ENOMEM && bat->n_asides == 0 && bat->n_findings == 0 && bat->raw_asides == NULL));
        hrd_msg_free(&bat->msg);
    }
}
#endif

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_row_by_itself),
        cmocka_unit_test(drop_and_flag),
        cmocka_unit_test(a_refused_schema_refuses_each_row),
        cmocka_unit_test(causes_are_bounded_and_stored),
#ifdef HRP_FAULTS
        cmocka_unit_test(every_allocation_fails_once),
#endif
    };

    return cmocka_run_group_tests(tests, open_all, close_all);
}
