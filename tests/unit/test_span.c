/* Values found in a line of NDJSON in place: collector/cli/span.c. */
#include "span.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static struct cli_span span(const char *s) { return (struct cli_span){s, strlen(s)}; }

static void gets_each_member(void **state)
{
    struct cli_span obj = span(" { \"a\" : 1 ,\"b\":\"x,}\\\"\", \"c\":{\"a\":[2,{\"d\":\"]\"}]},\"d\":null , \"e\":-1.5e3}"), v;

    (void)state;
    assert_true(cli_span_get(obj, "a", &v) && cli_span_is(v, "1"));
    assert_true(cli_span_get(obj, "b", &v) && cli_span_is(v, "\"x,}\\\"\""));
    assert_true(cli_span_get(obj, "c", &v) && cli_span_is(v, "{\"a\":[2,{\"d\":\"]\"}]}"));
    assert_true(cli_span_get(v, "a", &v) && cli_span_is(v, "[2,{\"d\":\"]\"}]"));
    assert_true(cli_span_get(obj, "d", &v) && cli_span_is(v, "null"));
    assert_true(cli_span_get(obj, "e", &v) && cli_span_is(v, "-1.5e3"));
    assert_false(cli_span_get(obj, "f", &v));
    assert_false(cli_span_get(span("{}"), "a", &v));
    assert_false(cli_span_get(span("[1]"), "a", &v));
    assert_false(cli_span_get(span(""), "a", &v));
}

/* Each prefix in a block of its own size, so that ASan sees a read past its end. */
static void cut_lines_are_read_within_their_bounds(void **state)
{
    static const char whole[] = "{\"k\":{\"a\":[\"x\\\"\",1]},\"z\":\"yy\"}";
    struct cli_span v;

    (void)state;
    for (size_t n = 1; n < sizeof whole; n++) {
        char *cut = malloc(n);

        memcpy(cut, whole, n);
        if (cli_span_get((struct cli_span){cut, n}, "z", &v))
            assert_true(v.p + v.n <= cut + n && n >= sizeof whole - 2);
        cli_span_get((struct cli_span){cut, n}, "k", &v);
        cli_span_get((struct cli_span){cut, n}, "none", &v);
        free(cut);
    }
}

static void strings_lose_their_escapes(void **state)
{
    struct hrp_buf out = HRP_BUF_INIT;

    (void)state;
    assert_true(cli_span_str(span("\"a\\n\\\"\\u00e9\\ud83d\\ude00\\/z\""), &out));
    hrp_put_u8(&out, 0);
    assert_string_equal((const char *)out.p, "a\n\"\xc3\xa9\xf0\x9f\x98\x80/z");
    assert_false(cli_span_str(span("12"), &out));
    assert_false(cli_span_str(span("\"\\x\""), &out));
    assert_false(cli_span_str(span("\"\\u12\""), &out));
    assert_false(cli_span_str(span("\""), &out));
    hrp_buf_fini(&out);
}

static void numbers_keep_every_digit(void **state)
{
    uint64_t u;
    int64_t i;

    (void)state;
    assert_true(cli_span_u64(span("18446744073709551615"), &u) && u == UINT64_MAX);
    assert_false(cli_span_u64(span("18446744073709551616"), &u));
    assert_false(cli_span_u64(span("-1"), &u));
    assert_true(cli_span_i64(span("-9223372036854775808"), &i) && i == INT64_MIN);
    assert_false(cli_span_i64(span("9223372036854775808"), &i));
    assert_false(cli_span_i64(span("1.5"), &i));
    assert_false(cli_span_i64(span("\"1\""), &i));
    assert_false(cli_span_i64(span(""), &i));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(gets_each_member), cmocka_unit_test(cut_lines_are_read_within_their_bounds),
                                       cmocka_unit_test(strings_lose_their_escapes), cmocka_unit_test(numbers_keep_every_digit)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
