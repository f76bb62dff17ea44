/* What lint finds, where, and that it is silent when all is said. */
#include "unit.h"
#include "frame.h"
#include "lint.h"
#include "schemas.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct heard {
    char lines[80][512];
    unsigned n;
};

static void hear(void *arg, const struct hrp_finding *f)
{
    struct heard *h = arg;

    assert_true(h->n < 80);
    assert_true(f->sentence[0] != '\0');
    snprintf(h->lines[h->n++], sizeof h->lines[0], "%s: %s: %s: %s", f->place, hrp_lint_severity_name(f->severity), f->code, f->path);
}

static struct heard lint(const char *name, const char *today)
{
    struct heard h = {.n = 0};
    struct hr_error err = {0};
    size_t n;
    uint8_t *set = test_set_read("lint", &n);

    if (hrp_lint(set, n, name, today, &hrp_limits_default, NULL, hear, &h, &err) != 0)
        fail_msg("%s", err.text);
    free(set);
    return h;
}

static unsigned count(const struct heard *h, const char *line)
{
    unsigned n = 0;

    for (unsigned i = 0; i < h->n; i++)
        n += strstr(h->lines[i], line) != NULL;
    return n;
}

static void must_say(const struct heard *h, const char *line)
{
    for (unsigned i = 0; i < h->n; i++) {
        if (strcmp(h->lines[i], line) == 0)
            return;
    }
    for (unsigned i = 0; i < h->n; i++)
        print_message("%s\n", h->lines[i]);
    fail_msg("missing: %s", line);
}

static void what_is_missing(void **state)
{
    struct heard h = lint("shop.Bare", NULL);

    must_say(&h, "lint.proto:17:1: warning: owner_missing: shop.Bare");
    must_say(&h, "lint.proto:17:1: warning: description_missing: shop.Bare");
    must_say(&h, "lint.proto:18:3: warning: description_missing: shop.Bare.price");
    must_say(&h, "lint.proto:18:3: warning: unit_missing: shop.Bare.price");
    must_say(&h, "lint.proto:18:3: note: rules_missing: shop.Bare.price");
    must_say(&h, "lint.proto:19:3: warning: time_without_unit: shop.Bare.created_at");
    must_say(&h, "lint.proto:20:3: warning: personal_missing: shop.Bare.email");
    must_say(&h, "lint.proto:7:1: warning: enum_zero: shop.Color");
    must_say(&h, "lint.proto:23:3: warning: name_style: shop.Bare.camelCase");
    must_say(&h, "lint.proto:27:3: warning: unit_missing: shop.Bare.weight");
    must_say(&h, "lint.proto:34:3: note: personal_kept: shop.Line.street");
}

static void what_is_not(void **state)
{
    struct heard h = lint("shop.Bare", NULL);

    assert_int_equal(count(&h, "shop.Size"), 0);
    assert_int_equal(count(&h, "unit_missing: shop.Bare.latency_ms"), 0);
    assert_int_equal(count(&h, "time_without_unit: shop.Bare.at"), 0);
    assert_int_equal(count(&h, "unit_missing: shop.Bare.seat"), 0);
    assert_int_equal(count(&h, "shop.Line.phone"), 1); /* no rules */
    assert_int_equal(count(&h, "google.protobuf"), 0);
    assert_int_equal(count(&h, "Entry"), 0);
    assert_int_equal(count(&h, "shop.Said"), 0);
}

static void all_is_said(void **state)
{
    struct heard h = lint("shop.Said", "2026-06-30");

    assert_int_equal(h.n, 1);
    must_say(&h, "lint.proto:39:3: note: rules_missing: shop.Said.price");
    h = lint("shop.Said", "2026-07-01");
    must_say(&h, "lint.proto:37:1: error: expired: shop.Said");
}

static void refusals_are_findings(void **state)
{
    struct heard h = lint("shop.Refused", NULL);

    assert_int_equal(h.n, 1);
    must_say(&h, "lint.proto:43:17: error: refused: shop.Refused");
}

/* Line is no event: Bare has it. What two events share is told once. */
static void all_events(void **state)
{
    struct heard h = lint(NULL, NULL);

    assert_int_equal(count(&h, "owner_missing"), 1);
    assert_int_equal(count(&h, "enum_zero: shop.Color"), 1);
    assert_int_equal(count(&h, "refused: shop.Refused"), 1);
    assert_int_equal(count(&h, "rules_missing: shop.Said.price"), 1);
}

static void no_such_event(void **state)
{
    struct hr_error err = {0};
    struct heard h = {.n = 0};
    size_t n;
    uint8_t *set = test_set_read("lint", &n);

    assert_int_equal(hrp_lint(set, n, "shop.bare", NULL, &hrp_limits_default, NULL, hear, &h, &err), HR_ENOENT);
    assert_string_equal(err.text, "the set has no message shop.bare; did you mean shop.Bare?");
    assert_int_equal(hrp_lint((const uint8_t *)"x", 1, NULL, NULL, &hrp_limits_default, NULL, hear, &h, &err), HR_ECORRUPT);
    free(set);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_missing),
        cmocka_unit_test(what_is_not),
        cmocka_unit_test(all_is_said),
        cmocka_unit_test(refusals_are_findings),
        cmocka_unit_test(all_events),
        cmocka_unit_test(no_such_event),
    };

    return cmocka_run_group_tests_name("lint", tests, NULL, NULL);
}
