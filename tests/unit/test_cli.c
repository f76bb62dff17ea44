/* Times, numbers and tables of the headrace command: collector/cli/cli.c and table.c. */
#include "cli.h"
#include "table.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static const struct cli_verb verb = {.name = "test"};

static void times_in_rfc3339(void **state)
{
    static const struct {
        const char *text;
        int64_t ns;
    } good[] = {
        {"1970-01-01T00:00:00Z", 0},
        {"1970-01-01", 0},
        {"2001-09-09T01:46:40Z", 1000000000000000000},
        {"2001-09-09T01:46:40.000000001Z", 1000000000000000001},
        {"2001-09-09T01:46:40.5z", 1000000000500000000},
        {"2001-09-09T03:46:40.1234567899+02:00", 1000000000123456789},
        {"2001-09-08 23:46:40-02:00", 1000000000000000000},
        {"1969-12-31T23:59:59.25Z", -750000000},
    };
    static const char *const bad[] = {"", "now", "2001-13-01", "2001-09-09T01:46Z", "2001-09-09T01:46:40", "2001-09-09T01:46:40Zx", "2400-01-01"};
    int64_t ns;

    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        assert_true(cli_time_rfc3339(good[i].text, &ns));
        assert_true(ns == good[i].ns);
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_false(cli_time_rfc3339(bad[i], &ns));
}

static void times_on_the_command_line(void **state)
{
    int64_t ns, now = cli_wall_ns();

    (void)state;
    assert_int_equal(cli_parse_time(&verb, "--since", "1500000000000000000", &ns), 0);
    assert_true(ns == 1500000000000000000);
    assert_int_equal(cli_parse_time(&verb, "--since", "2h", &ns), 0);
    assert_true(ns >= now - INT64_C(7200000000000) && ns <= cli_wall_ns() - INT64_C(7200000000000));
    assert_int_equal(cli_parse_time(&verb, "--since", "-2h", &ns), CLI_USAGE);
    assert_int_equal(cli_parse_time(&verb, "--since", "2w", &ns), CLI_USAGE);
    assert_int_equal(cli_parse_time(&verb, "--since", "99999999999d", &ns), CLI_USAGE);
}

static void numbers_on_the_command_line(void **state)
{
    uint64_t v;
    int64_t ms;

    (void)state;
    assert_int_equal(cli_parse_u64(&verb, "--n", "12", 1, 12, &v), 0);
    assert_int_equal(v, 12);
    assert_int_equal(cli_parse_u64(&verb, "--n", "13", 1, 12, &v), CLI_USAGE);
    assert_int_equal(cli_parse_u64(&verb, "--n", "-1", 0, UINT64_MAX, &v), CLI_USAGE);
    assert_int_equal(cli_parse_u64(&verb, "--n", "1x", 0, 12, &v), CLI_USAGE);
    assert_int_equal(cli_parse_u64(&verb, "--n", "", 0, 12, &v), CLI_USAGE);
    assert_int_equal(cli_parse_seconds(&verb, "--t", "0.25", &ms), 0);
    assert_int_equal(ms, 250);
    assert_int_equal(cli_parse_seconds(&verb, "--t", "nan", &ms), CLI_USAGE);
}

static void thousands_are_separated(void **state)
{
    char s[32];

    (void)state;
    assert_string_equal(cli_number(0, s), "0");
    assert_string_equal(cli_number(999, s), "999");
    assert_string_equal(cli_number(3201, s), "3,201");
    assert_string_equal(cli_number(UINT64_MAX, s), "18,446,744,073,709,551,615");
}

static void tables_line_up_and_are_harmless(void **state)
{
    static const char *const heads[] = {"NAME", ">N"};
    struct cli_table t;
    char *text = NULL;
    size_t n;
    FILE *out = open_memstream(&text, &n);

    (void)state;
    cli_table_init(&t, heads, 2);
    cli_table_text(&t, "caf\xc3\xa9");
    cli_table_number(&t, 1234);
    cli_table_text(&t, "\x1b[2J");
    cli_table_number(&t, 5);
    assert_int_equal(cli_table_print(&t, out), 0);
    fclose(out);
    cli_table_fini(&t);
    assert_string_equal(text, "NAME         N\n"
                              "caf\xc3\xa9     1,234\n"
                              "\\x1b[2J      5\n");
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(times_in_rfc3339), cmocka_unit_test(times_on_the_command_line),
                                       cmocka_unit_test(numbers_on_the_command_line), cmocka_unit_test(thousands_are_separated),
                                       cmocka_unit_test(tables_line_up_and_are_harmless)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
