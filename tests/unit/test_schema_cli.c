/* Parts of `headrace send` and `headrace schema`: reasons.c, and which file and type of a set is meant, descriptor.c. */
#include "cli.h"
#include "descriptor.h"
#include "alloc.h"
#include "proto_text.h"
#include "reasons.h"
#include "unit.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char *printed(const struct cli_reasons *r)
{
    char *text = NULL;
    size_t n = 0;
    FILE *out = open_memstream(&text, &n);

    assert_non_null(out);
    cli_reasons_print(r, out);
    fclose(out);
    return text;
}

static void reasons_that_differ_in_numbers_are_one(void **state)
{
    struct cli_reasons r = {.n = 0};
    char *text;

    (void)state;
    cli_reasons_add(&r, "b: expected a string, found the number 12");
    cli_reasons_add(&r, "a: no such field\n");
    cli_reasons_add(&r, "b: expected a string, found the number 7");
    text = printed(&r);
    assert_string_equal(text, "  2: b: expected a string, found the number #\n  1: a: no such field\\x0a\n");
    free(text);
}

static void more_reasons_than_there_is_room_are_counted(void **state)
{
    struct cli_reasons r = {.n = 0};
    char reason[512], *text;

    (void)state;
    for (int i = 0; i < CLI_MAX_REASONS + 5; i++) {
        memset(reason, 'a' + i, sizeof reason - 1); /* longer than is kept, too */
        reason[sizeof reason - 1] = '\0';
        cli_reasons_add(&r, reason);
    }
    text = printed(&r);
    assert_non_null(strstr(text, "\n  5: for other reasons\n"));
    free(text);
}

static void parse(const char *text, struct hrp_buf *set)
{
    struct hrd_proto_file file = {"x/a.proto", text};
    struct hr_error err;

    if (hrd_proto_parse(&file, 1, set, &err) != 0)
        fail_msg("%s", err.text);
}

static void the_last_file_is_the_one_that_is_meant(void **state)
{
    struct hrp_buf set = HRP_BUF_INIT;
    char *file, *type = NULL;

    (void)state;
    parse("syntax = \"proto3\"; package p; import \"google/protobuf/struct.proto\"; message A { google.protobuf.Struct s = 1; }", &set);
    file = cli_descriptor_file(&set);
    assert_string_equal(file, "x/a.proto");
    hrp_free(file);
    assert_int_equal(cli_descriptor_type(&set, NULL, &type), 0); /* its imports' types are no candidates */
    assert_string_equal(type, "p.A");
    hrp_free(type);
    assert_int_equal(cli_descriptor_type(&set, "google.protobuf.Struct", &type), 0); /* unless they are asked for */
    hrp_free(type);
    hrp_buf_clear(&set);
    parse("syntax = \"proto3\"; message A {} message B {}", &set);
    assert_int_equal(cli_descriptor_type(&set, NULL, &type), CLI_USAGE);
    hrp_buf_fini(&set);
}

static void what_is_no_set_is_told(void **state)
{
    static const char *const bad[] = {"", "\x0a", "\x0a\x7f", "\x0a\x02\x0a\x05", "\x12\x01x", "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"};

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct hrp_buf set = HRP_BUF_INIT;
        char *type = NULL;

        hrp_put_bytes(&set, bad[i], strlen(bad[i]));
        assert_null(cli_descriptor_file(&set));
        assert_int_not_equal(cli_descriptor_type(&set, NULL, &type), 0);
        hrp_buf_fini(&set);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reasons_that_differ_in_numbers_are_one),
        cmocka_unit_test(more_reasons_than_there_is_room_are_counted),
        cmocka_unit_test(the_last_file_is_the_one_that_is_meant),
        cmocka_unit_test(what_is_no_set_is_told),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
