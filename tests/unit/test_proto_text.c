/* .proto text to a descriptor set and back: collector/proto_text.cc, proto_scan.cc, proto_print.cc. */
#include "proto_text.h"
#include "alloc.h"
#include "schema.h"
#include "unit.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int parse(const char *text, struct hrp_buf *set, struct hr_error *err)
{
    struct hrd_proto_file file = {"a.proto", text};

    return hrd_proto_parse(&file, 1, set, err);
}

static void refuses(const char *text, const char *why)
{
    struct hrp_buf set = HRP_BUF_INIT;
    struct hr_error err = {0};
    int r = parse(text, &set, &err);

    if (r != HR_ESCHEMA || strstr(err.text, why) == NULL)
        fail_msg("%d \"%s\", not \"%s\"", r, err.text, why);
    assert_int_equal(set.n, 0);
    hrp_buf_fini(&set);
}

static void a_file_becomes_a_schema(void **state)
{
    struct hrp_buf set = HRP_BUF_INIT;
    struct hrp_schema *s;
    struct hr_error err = {0};

    (void)state;
    assert_int_equal(parse("syntax = \"proto3\"; package shop;\nimport \"google/protobuf/timestamp.proto\";\n"
                           "message Order { int64 id = 1; google.protobuf.Timestamp at = 2; }\n", &set, &err), 0);
    assert_int_equal(hrp_schema_open(set.p, set.n, "shop.Order", &hrp_limits_default, &s, &err), 0);
    assert_non_null(hrp_schema_by_path(s, "at.seconds"));
    hrp_schema_unref(s);
    hrp_buf_fini(&set);
}

static void errors_name_file_line_and_column(void **state)
{
    (void)state;
    refuses("syntax = \"proto3\";\nmessage A {\n  int32 a = ;\n}\n", "a.proto:3:13: Expected field number.");
    refuses("syntax = \"proto3\";\nmessage A {\n  Nobody a = 1;\n}\n", "a.proto:3:3: \"Nobody\" is not defined.");
    refuses("syntax = \"proto3\";\nmessage A {}\nmessage A {}\n", "a.proto:3:9: \"A\" is already defined");
    refuses("syntax = \"proto3\";\nmessage A { int32 a = 1; int32 a = 1; }\nmessage A {}\n", "more)");
    refuses("syntax = \"proto3\";\nimport \"b.proto\";\n", "a.proto:2:1: Import \"b.proto\" was not found or had errors. (b.proto: no such file)");
    refuses("syntax = \"proto3\";\nmessage A { int32 a = 1 [(nobody.knows) = 1]; }\n", "a.proto:2:");
    refuses("\n  edition = \"2023\";\nmessage A {}\n", "a.proto:2:3: text must be proto2 or proto3");
    refuses("syntax = \"proto9\";\n", "a.proto:1:10: ");
    refuses("\xff\xfe\1", "a.proto:1:1: ");
}

static void a_file_imports_those_given_with_it(void **state)
{
    static const struct hrd_proto_file files[] = {
        {"a.proto", "syntax = \"proto3\"; import \"x/b.proto\"; message A { x.B b = 1; }"},
        {"x/b.proto", "syntax = \"proto2\"; package x; message B { optional int32 v = 1; }"},
        {"x/unused.proto", "this is nothing"},
    };
    struct hrp_buf set = HRP_BUF_INIT;
    struct hrp_schema *s;
    struct hr_error err = {0};

    (void)state;
    assert_int_equal(hrd_proto_parse(files, 3, &set, &err), 0);
    assert_int_equal(hrp_schema_open(set.p, set.n, "A", &hrp_limits_default, &s, &err), 0);
    assert_non_null(hrp_schema_by_path(s, "b.v"));
    hrp_schema_unref(s);
    hrp_buf_clear(&set);
    assert_int_equal(hrd_proto_parse(files, 1, &set, &err), HR_ESCHEMA);
    hrp_buf_fini(&set);
    assert_int_equal(hrd_proto_parse(NULL, 0, &set, &err), HR_EINVAL);
}

static void files_that_import_each_other_are_refused(void **state)
{
    static const struct hrd_proto_file files[] = {
        {"a.proto", "syntax = \"proto3\"; import \"b.proto\";"}, {"b.proto", "syntax = \"proto3\"; import \"a.proto\";"}};
    struct hrp_buf set = HRP_BUF_INIT;
    struct hr_error err = {0};

    (void)state;
    assert_int_equal(hrd_proto_parse(files, 2, &set, &err), HR_ESCHEMA);
    assert_non_null(strstr(err.text, "recursively imports itself"));
    hrp_buf_fini(&set);
}

/* ---- bounds ---- */

static char *repeated(const char *head, const char *unit, unsigned n, const char *tail)
{
    size_t n_head = strlen(head), n_unit = strlen(unit);
    char *text = malloc(n_head + n * n_unit + strlen(tail) + 1), *p = text + n_head;

    memcpy(text, head, n_head);
    for (unsigned i = 0; i < n; i++, p += n_unit)
        memcpy(p, unit, n_unit);
    strcpy(p, tail);
    return text;
}

static void refuses_many(const char *head, const char *unit, unsigned n, const char *tail, const char *why)
{
    char *text = repeated(head, unit, n, tail);

    refuses(text, why);
    free(text);
}

static void hostile_texts_are_refused_before_they_cost(void **state)
{
    char name[202], unit[512];

    (void)state;
    refuses_many("syntax = \"proto3\";\n", "message M{", 65, "", "a.proto:2:650: nested deeper than 64 levels");
    refuses_many("", "message M{", 100000, "", "nested deeper");
    refuses_many("option a = ", "{a:", 100000, "", "nested deeper");
    refuses_many("option a = ", "[", 100000, "", "nested deeper");
    refuses_many("message M { map", "<", 100000, "", "nested deeper");
    refuses_many("message M { reserved 1", ",3", 100000, "; }", "more than 4,096 reserved");
    refuses_many("message M {", "reserved 1;", 10000, "}", "more than 4,096 reserved");
    refuses_many("message M { int32 a = 1 [x=1", ",x=1", 10000, "]; }", "more than 4,096 options in one list");
    refuses_many("", "option x=1;", 10000, "", "more than 4,096 option statements");
    refuses_many("enum E { A = 0;", "A=1;", 100000, "}", "more than 32,768 fields");
    refuses_many("message ", "x", 300, "{}", "a.proto:1:9: a name is longer than 256 bytes");
    refuses_many("/*", "x", 1 << 20, "*/", "a.proto:1:1: the file is larger than 1 MiB");
    memset(name, 'x', 200);
    name[200] = '\0';
    snprintf(unit, sizeof unit, "message %s{", name);
    refuses_many("", unit, 64, "", "a.proto:");
    snprintf(unit, sizeof unit, "package %s.%s;", name, name);
    refuses_many(unit, "message a{}", 90000, "", "64 MiB");
}

static void what_is_within_the_bounds_is_taken(void **state)
{
    char *text = repeated("syntax = \"proto3\";\n", "message M{", 30, "");
    char *whole = repeated(text, "}", 30, "\n");
    struct hrp_buf set = HRP_BUF_INIT;
    struct hr_error err = {0};

    (void)state;
    if (parse(whole, &set, &err) != 0)
        fail_msg("%s", err.text);
    hrp_buf_fini(&set);
    free(text);
    free(whole);
}

/* ---- folders ---- */

static void put(const char *dir, const char *name, const char *text)
{
    char path[512];
    FILE *f;

    snprintf(path, sizeof path, "%s/%s", dir, name);
    f = fopen(path, "w");
    assert_non_null(f);
    assert_true(fputs(text, f) >= 0);
    fclose(f);
}

static void paths_are_looked_up_in_folders(void **state)
{
    char dir[] = "/tmp/proto_text.XXXXXX", path[256], link_path[256];
    const char *dirs[1] = {dir};
    struct hrp_buf set = HRP_BUF_INIT;
    struct hr_error err = {0};

    (void)state;
    assert_non_null(mkdtemp(dir));
    put(dir, "a.proto", "syntax = \"proto3\";\nimport \"b.proto\";\nmessage A { B b = 1; }\n");
    put(dir, "b.proto", "syntax = \"proto3\"; message B { int32 v = 1; }\n");
    put(dir, "up.proto", "syntax = \"proto3\";\nimport \"../b.proto\";\n");
    snprintf(path, sizeof path, "%s/./a.proto", dir);
    assert_int_equal(hrd_proto_parse_path(path, dirs, 1, &set, &err), 0);
    assert_non_null(memmem(set.p, set.n, "\x07" "a.proto", 8)); /* named as others import it */
    hrp_buf_clear(&set);
    assert_int_equal(hrd_proto_parse_path("a.proto", dirs, 1, &set, &err), 0);
    hrp_buf_clear(&set);
    snprintf(link_path, sizeof link_path, "%s/l.proto", dir);
    assert_int_equal(symlink(path, link_path), 0);
    assert_int_equal(hrd_proto_parse_path("l.proto", dirs, 1, &set, &err), 0);
    hrp_buf_clear(&set);
    assert_int_equal(hrd_proto_parse_path("up.proto", dirs, 1, &set, &err), HR_ESCHEMA);
    assert_non_null(strstr(err.text, "up.proto:2:1: "));
    assert_int_equal(hrd_proto_parse_path("nobody.proto", dirs, 1, &set, &err), HR_ESCHEMA);
    assert_string_equal(err.text, "nobody.proto: no such file");
    assert_int_equal(hrd_proto_parse_path("/etc/passwd", dirs, 1, &set, &err), HR_ESCHEMA);
    hrp_buf_fini(&set);
    for (const char *const *n = (const char *const[]){"a.proto", "b.proto", "up.proto", "l.proto", NULL}; *n != NULL; n++) {
        snprintf(path, sizeof path, "%s/%s", dir, *n);
        unlink(path);
    }
    rmdir(dir);
}

/* ---- back to text ---- */

static void text_comes_back_with_options_and_comments(void **state)
{
    static const char text[] = "syntax = \"proto2\";\npackage p;\nimport \"google/protobuf/descriptor.proto\";\n"
                               "extend google.protobuf.FieldOptions { optional string unit = 50001; }\n"
                               "message A {\n  // What it weighs.\n  optional double w = 1 [(p.unit) = \"kg\"];\n}\n";
    struct hrp_buf set = HRP_BUF_INIT, out = HRP_BUF_INIT, again = HRP_BUF_INIT;
    struct hr_error err = {0};

    (void)state;
    assert_int_equal(parse(text, &set, &err), 0);
    assert_int_equal(hrd_proto_print(set.p, set.n, "a.proto", &out, &err), 0);
    hrp_put_u8(&out, 0);
    assert_non_null(strstr((char *)out.p, "(.p.unit) = \"kg\""));
    assert_non_null(strstr((char *)out.p, "// What it weighs."));
    assert_int_equal(parse((char *)out.p, &again, &err), 0); /* and is a .proto again */
    assert_int_equal(hrd_proto_print(set.p, set.n, "b.proto", &out, &err), HR_ENOENT);
    assert_int_equal(hrd_proto_print((const uint8_t *)"\xff", 1, "b.proto", &out, &err), HR_ECORRUPT);
    hrp_buf_fini(&set);
    hrp_buf_fini(&out);
    hrp_buf_fini(&again);
}

/* headrace/options.proto is built in, and a set may come without it: its options still have names. */
static void our_options_are_always_there(void **state)
{
    static const char text[] = "syntax = \"proto3\";\npackage p;\nimport \"headrace/options.proto\";\n"
                               "message A { double w = 1 [(headrace.field) = { unit: \"kg\" }]; }\n";
    struct hrp_buf set = HRP_BUF_INIT, alone = HRP_BUF_INIT, out = HRP_BUF_INIT;
    struct hr_error err = {0};
    struct hrp_reader r;
    const uint8_t *file = NULL;
    size_t n = 0;

    (void)state;
    if (parse(text, &set, &err) != 0)
        fail_msg("%s", err.text);
    r = hrp_reader(set.p, set.n);
    while (hrp_reader_left(&r) > 0 && hrp_read_varint(&r) == (1 << 3 | 2))
        file = hrp_read_lenbytes(&r, &n); /* the last is ours */
    assert_false(r.bad);
    hrp_put_varint(&alone, 1 << 3 | 2);
    hrp_put_lenbytes(&alone, file, n);
    if (hrd_proto_print(alone.p, alone.n, "a.proto", &out, &err) != 0)
        fail_msg("%s", err.text);
    hrp_put_u8(&out, 0);
    assert_non_null(strstr((char *)out.p, "(.headrace.field) = {\n"));
    assert_non_null(strstr((char *)out.p, "unit: \"kg\""));
    hrp_buf_fini(&set);
    hrp_buf_fini(&alone);
    hrp_buf_fini(&out);
}

/* validate.proto is ours, its names and numbers are everybody's: each rule we know is one of it. */
static void every_rule_has_a_word(void **state)
{
    static const struct {
        const char *rules, *type;
    } some[] = {
        {"int32 = { gte: 1 lt: 5 in: [1, 2] }", "int32"}, {"string = { len: 3 well_known_regex: KNOWN_REGEX_HTTP_HEADER_NAME strict: false }", "string"},
        {"double = { finite: true not_in: [nan] }", "double"}, {"bytes = { ipv4: true }", "bytes"},
        {"timestamp = { lt_now: true within: { seconds: 5 } }", "google.protobuf.Timestamp"},
        {"duration = { gt: {} }", "google.protobuf.Duration"}, {"map = { keys: { string: { min_len: 1 } } values: { required: true } }", "map<string, int32>"},
        {"repeated = { unique: true items: { enum: { defined_only: true } } }", "repeated int32"}, {"field_mask = { in: [\"a\"] }", "google.protobuf.FieldMask"},
    };
    struct hrp_buf set = HRP_BUF_INIT;
    struct hr_error err = {0};
    char text[1024];

    (void)state;
    for (size_t i = 0; i < sizeof some / sizeof *some; i++) {
        uint8_t tag[2] = {0xba, 0x48}; /* 1159 << 3 | 2 */

        snprintf(text, sizeof text,
                 "syntax = \"proto3\"; import \"buf/validate/validate.proto\"; import \"google/protobuf/timestamp.proto\"; "
                 "import \"google/protobuf/duration.proto\"; import \"google/protobuf/field_mask.proto\"; "
                 "message A { %s f = 1 [(buf.validate.field).%s]; }", some[i].type, some[i].rules);
        hrp_buf_clear(&set);
        if (parse(text, &set, &err) != 0)
            fail_msg("%s: %s", some[i].rules, err.text);
        assert_non_null(memmem(set.p, set.n, tag, sizeof tag));
    }
    hrp_buf_fini(&set);
}

/* Made by a newer compiler: the text's language has no word for it. */
static void an_edition_is_not_written_as_text(void **state)
{
    static const uint8_t set[] = "\x0a\x13\x0a\x07" "a.proto" "\x62\x08" "editions";
    struct hrp_buf out = HRP_BUF_INIT;
    struct hr_error err = {0};

    (void)state;
    assert_int_equal(hrd_proto_print(set, sizeof set - 1, "a.proto", &out, &err), HR_ESCHEMA);
    assert_non_null(strstr(err.text, "proto2 and proto3"));
    hrp_buf_fini(&out);
}

static void no_memory_for_the_answer_is_told(void **state)
{
    struct hrp_buf set = HRP_BUF_INIT;
    struct hr_error err = {0};

    (void)state;
    if (!unit_faults())
        skip();
    hrp_alloc_fail_at(1);
    assert_int_equal(parse("syntax = \"proto3\"; message A {}", &set, &err), HR_ENOMEM);
    hrp_alloc_fail_at(0);
    hrp_buf_fini(&set);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_file_becomes_a_schema),
        cmocka_unit_test(errors_name_file_line_and_column),
        cmocka_unit_test(a_file_imports_those_given_with_it),
        cmocka_unit_test(files_that_import_each_other_are_refused),
        cmocka_unit_test(hostile_texts_are_refused_before_they_cost),
        cmocka_unit_test(what_is_within_the_bounds_is_taken),
        cmocka_unit_test(paths_are_looked_up_in_folders),
        cmocka_unit_test(text_comes_back_with_options_and_comments),
        cmocka_unit_test(our_options_are_always_there),
        cmocka_unit_test(every_rule_has_a_word),
        cmocka_unit_test(an_edition_is_not_written_as_text),
        cmocka_unit_test(no_memory_for_the_answer_is_told),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
