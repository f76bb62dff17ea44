/* Editions and groups: presence, packing and delimiting come from features, and a group stays one on the wire. */
#include "unit.h"
#include "batches.h"
#include "fdset.h"
#include "schemas.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct made {
    struct fd_set *set;
    fd_file *file;
    fd_message *msg, *inner;
};

/* message M { int32 x = 1; repeated int32 xs = 2; Inner in = 3; map<string, Inner> map = 4; } message Inner { string s = 1; } */
static struct made make(int edition)
{
    struct made m = {.set = fd_set_new()};

    m.file = edition != 0 ? fd_edition_add(m.set, "a.proto", "p", edition) : fd_file_add(m.set, "a.proto", "p", "proto2");
    m.msg = fd_message_add(m.set, m.file, "M");
    m.inner = fd_message_add(m.set, m.file, "Inner");
    fd_field_add(m.set, m.inner, "s", 1, FD_STRING);
    fd_field_add(m.set, m.msg, "x", 1, FD_INT32);
    fd_repeated(fd_field_add(m.set, m.msg, "xs", 2, FD_INT32));
    fd_typed_add(m.set, m.msg, "in", 3, FD_MESSAGE, ".p.Inner");
    fd_map_add(m.set, m.msg, ".p.M", "map", 4, FD_STRING, FD_MESSAGE, ".p.Inner");
    return m;
}

static void feature_of_field(struct made *m, unsigned field, int feature, int value)
{
    fd_feature(m->set, fd_field_options(m->set, m->msg->field[field]), FD_FEATURES_FIELD, feature, value);
}

static struct hrp_schema *opened(struct made m)
{
    struct hrp_schema *s = NULL;
    struct hr_error err = {0};
    size_t n;
    uint8_t *bytes = fd_set_pack(m.set, &n);

    if (hrp_schema_open(bytes, n, "p.M", &hrp_limits_default, &s, &err) != 0)
        fail_msg("%s", err.text);
    free(bytes);
    fd_set_free(m.set);
    return s;
}

static void says(struct made m, const char *sentence)
{
    struct hrp_schema *s = NULL;
    struct hr_error err = {0};
    size_t n;
    uint8_t *bytes = fd_set_pack(m.set, &n);

    assert_int_equal(hrp_schema_open(bytes, n, "p.M", &hrp_limits_default, &s, &err), HR_ESCHEMA);
    assert_string_equal(err.text, sentence);
    free(bytes);
    fd_set_free(m.set);
}

static const struct hrp_node *at(struct hrp_schema *s, const char *path)
{
    const struct hrp_node *n = hrp_schema_by_path(s, path);

    if (n == NULL)
        fail_msg("no node %s", path);
    return n;
}

/* ---- features ---- */

static void defaults(void **state)
{
    struct hrp_schema *s = opened(make(1000));

    assert_true(at(s, "x")->explicit_presence);
    assert_true(at(s, "xs")->packed);
    assert_false(at(s, "x")->required);
    assert_int_equal(at(s, "in")->pb_type, FD_MESSAGE);
    assert_false(at(s, "map.key")->explicit_presence);
    hrp_schema_unref(s);
    s = opened(make(1001));
    assert_true(at(s, "x")->explicit_presence && at(s, "xs")->packed);
    hrp_schema_unref(s);
    s = opened(make(0));
    assert_true(at(s, "x")->explicit_presence);
    assert_false(at(s, "xs")->packed);
    hrp_schema_unref(s);
}

static void the_file_says_it_for_all(void **state)
{
    struct made m = make(1000);
    struct hrp_schema *s;

    fd_feature(m.set, fd_file_options(m.set, m.file), FD_FEATURES_FILE, FD_PRESENCE, 2);
    fd_feature(m.set, fd_file_options(m.set, m.file), FD_FEATURES_FILE, FD_ENCODING, 2);
    fd_feature(m.set, fd_file_options(m.set, m.file), FD_FEATURES_FILE, FD_MESSAGE_ENCODING, 2);
    s = opened(m);
    assert_false(at(s, "x")->explicit_presence);
    assert_false(at(s, "xs")->packed);
    assert_true(at(s, "in")->explicit_presence); /* a message always has it */
    assert_int_equal(at(s, "in")->pb_type, FD_GROUP);
    assert_int_equal(at(s, "map")->pb_type, FD_MESSAGE);
    assert_int_equal(at(s, "map.value")->pb_type, FD_MESSAGE);
    hrp_schema_unref(s);
}

static void the_nearest_says_it_last(void **state)
{
    struct made m = make(1000);
    struct hrp_schema *s;

    fd_feature(m.set, fd_file_options(m.set, m.file), FD_FEATURES_FILE, FD_PRESENCE, 2);
    fd_feature(m.set, fd_message_options(m.set, m.msg), FD_FEATURES_MESSAGE, FD_ENCODING, 2);
    feature_of_field(&m, 0, FD_PRESENCE, 1);
    feature_of_field(&m, 0, FD_PRESENCE, 3); /* options merge: the last one counts */
    feature_of_field(&m, 1, FD_ENCODING, 1);
    s = opened(m);
    assert_true(at(s, "x")->required && at(s, "x")->explicit_presence);
    assert_true(at(s, "xs")->packed);
    assert_false(at(s, "in.s")->explicit_presence);
    hrp_schema_unref(s);
}

static void features_are_of_editions_only(void **state)
{
    struct made m = make(0);
    struct hrp_schema *s;

    feature_of_field(&m, 0, FD_PRESENCE, 2);
    s = opened(m);
    assert_true(at(s, "x")->explicit_presence);
    hrp_schema_unref(s);
}

static void what_is_not_known_is_refused(void **state)
{
    struct made m = make(1002);

    says(m, "a.proto: its edition is none of 2023 and 2024");
    m = make(0);
    m.file->syntax = fd_str(m.set, "proto4");
    says(m, "a.proto: its syntax is none of proto2, proto3 and editions");
    m = make(1000);
    feature_of_field(&m, 0, FD_PRESENCE, 9);
    says(m, "a.proto: p.M.x: a feature that this version does not know");
    m = make(1000);
    fd_feature(m.set, fd_message_options(m.set, m.inner), FD_FEATURES_MESSAGE, FD_UTF8, 1);
    says(m, "a.proto: p.Inner: a feature that this version does not know");
    m = make(0);
    fd_message_options(m.set, m.inner);
    m.inner->options->has_message_set_wire_format = m.inner->options->message_set_wire_format = 1;
    says(m, "a.proto: p.Inner: a message set, whose wire format is not supported: use extensions, or Any");
}

static void a_canonical_set_keeps_them(void **state)
{
    struct made m = make(1000);
    struct hrp_schema *s, *again = NULL;
    const uint8_t *set;
    size_t n;

    feature_of_field(&m, 0, FD_PRESENCE, 2);
    feature_of_field(&m, 2, FD_MESSAGE_ENCODING, 2);
    s = opened(m);
    set = hrp_schema_bytes(s, &n);
    assert_int_equal(hrp_schema_open(set, n, "p.M", &hrp_limits_default, &again, NULL), 0);
    assert_memory_equal(hrp_schema_fingerprint(s), hrp_schema_fingerprint(again), 16);
    assert_false(at(again, "x")->explicit_presence);
    assert_int_equal(at(again, "in")->pb_type, FD_GROUP);
    hrp_schema_unref(s);
    hrp_schema_unref(again);
}

/* ---- groups ---- */

static struct hrp_schema *group_schema(void)
{
    struct made m = make(0);
    fd_message *ring = fd_message_add(m.set, m.file, "Ring");

    m.msg->field[2]->type = (Google__Protobuf__FieldDescriptorProto__Type)FD_GROUP;
    fd_repeated(fd_typed_add(m.set, m.msg, "many", 5, FD_GROUP, ".p.Inner"));
    fd_typed_add(m.set, m.msg, "ring", 600, FD_GROUP, ".p.Ring"); /* contains itself: stays closed */
    fd_typed_add(m.set, ring, "next", 1, FD_GROUP, ".p.Ring");
    fd_field_add(m.set, ring, "s", 2, FD_STRING);
    return opened(m);
}

#define ROW(s) ((const struct hrp_buf){(uint8_t *)(s), sizeof(s) - 1, 0, 0})

static int add(struct hrp_builder *b, const struct hrp_buf *row, struct hr_error *err)
{
    return hrp_builder_add(b, 0, 1, 0, 1, 0, row->p, row->n, err);
}

static void comes_back(struct hrp_schema *s, struct hrp_buf row, struct hrp_buf as)
{
    struct hrp_builder *b = test_builder(s);
    struct hrp_buf sealed, got = HRP_BUF_INIT;

    test_add_row(b, 1, &row);
    sealed = test_sealed(b);
    assert_int_equal(test_batch_walk(sealed.p, sealed.n, s, &hrp_limits_default, &got), 0);
    assert_int_equal(got.n, as.n + 1);
    assert_memory_equal(got.p + 1, as.p, as.n);
    hrp_buf_fini(&sealed);
    hrp_buf_fini(&got);
    hrp_builder_free(b);
}

static void groups_come_back(void **state)
{
    struct hrp_schema *s = group_schema();

    comes_back(s, ROW("\x1b\x0a\x01k\x1c"), ROW("\x1b\x0a\x01k\x1c"));                           /* in { s: "k" } */
    comes_back(s, ROW("\x1b\x1c\x08\x05\x1b\x0a\x01k\x1c"), ROW("\x08\x05\x1b\x0a\x01k\x1c"));  /* two are one */
    comes_back(s, ROW("\x2b\x2c\x2b\x0a\x01k\x2c"), ROW("\x2b\x2c\x2b\x0a\x01k\x2c"));          /* many */
    comes_back(s, ROW("\xc3\x25\x0b\x12\x01z\x0c\xc4\x25"), ROW("\xc3\x25\x0b\x12\x01z\x0c\xc4\x25")); /* ring { next { s: "z" } } */
    hrp_schema_unref(s);
}

static void unknown_groups_are_kept(void **state)
{
    struct hrp_schema *s = group_schema();

    comes_back(s, ROW("\x4b\x08\x01\x53\x54\x4c"), ROW("\x4b\x08\x01\x53\x54\x4c")); /* 9 { 1: 1 10 {} } */
    comes_back(s, ROW("\x1b\x4b\x4c\x1c"), ROW("\x1b\x4b\x4c\x1c"));
    hrp_schema_unref(s);
}

static void refused(struct hrp_builder *b, struct hrp_buf row, const char *why)
{
    struct hr_error err = {0};

    assert_int_equal(add(b, &row, &err), HR_EROW);
    assert_string_equal(err.text, why);
}

static void groups_end_as_they_began(void **state)
{
    static const char unknown[] = "an unknown field is cut off, or a group that does not end as it began";
    struct hrp_schema *s = group_schema();
    struct hrp_builder *b = test_builder(s);

    refused(b, ROW("\x1b\x0a\x01k"), "in: a group without its end");
    refused(b, ROW("\x1b\x0a\x01k\x24"), "in: the end of another group");
    refused(b, ROW("\x1c"), "the end of a group that did not begin");
    refused(b, ROW("\x1a\x01\x1c"), "in: a wire type that is not the field's");
    refused(b, ROW("\x2a\x01\x2c"), "many: a wire type that is not the field's"); /* no list is packed of groups */
    refused(b, ROW("\xc3\x25\x12\x01z"), "ring: a group without its end");
    refused(b, ROW("\xc3\x25\x12\x01\xff\xc4\x25"),
            "ring: in it, s: not valid UTF-8, which a string has to be whatever its utf8_validation; bytes may hold anything");
    refused(b, ROW("\xc3\x25\x0b\x14\xc4\x25"), "ring: a group without its end");
    refused(b, ROW("\x4b\x54"), unknown);
    refused(b, ROW("\x4b\x08"), unknown);
    assert_int_equal(hrp_builder_rows(b), 0);
    hrp_builder_free(b);
    hrp_schema_unref(s);
}

static void nested(struct hrp_buf *row, uint8_t start, uint8_t end, unsigned levels)
{
    hrp_buf_clear(row);
    for (unsigned i = 0; i < levels; i++)
        hrp_put_u8(row, start);
    for (unsigned i = 0; i < levels; i++)
        hrp_put_u8(row, end);
}

static void groups_nest_a_hundred_deep(void **state)
{
    struct hrp_schema *s = group_schema();
    struct hrp_builder *b = test_builder(s);
    struct hrp_buf row = HRP_BUF_INIT, in = HRP_BUF_INIT;

    nested(&row, 0x4b, 0x4c, 100);
    assert_int_equal(add(b, &row, NULL), 0);
    nested(&row, 0x4b, 0x4c, 101);
    assert_int_equal(add(b, &row, NULL), HR_EROW);
    for (unsigned levels = 98; levels <= 99; levels++) { /* the event and the first ring are levels, too */
        nested(&in, 0x0b, 0x0c, levels);
        hrp_buf_clear(&row);
        hrp_put_bytes(&row, "\xc3\x25", 2);
        hrp_put_bytes(&row, in.p, in.n);
        hrp_put_bytes(&row, "\xc4\x25", 2);
        assert_int_equal(add(b, &row, NULL), levels == 98 ? 0 : HR_EROW);
    }
    hrp_buf_fini(&row);
    hrp_buf_fini(&in);
    hrp_builder_free(b);
    hrp_schema_unref(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(defaults),
        cmocka_unit_test(the_file_says_it_for_all),
        cmocka_unit_test(the_nearest_says_it_last),
        cmocka_unit_test(features_are_of_editions_only),
        cmocka_unit_test(what_is_not_known_is_refused),
        cmocka_unit_test(a_canonical_set_keeps_them),
        cmocka_unit_test(groups_come_back),
        cmocka_unit_test(unknown_groups_are_kept),
        cmocka_unit_test(groups_end_as_they_began),
        cmocka_unit_test(groups_nest_a_hundred_deep),
    };

    return cmocka_run_group_tests_name("editions and groups", tests, NULL, NULL);
}
