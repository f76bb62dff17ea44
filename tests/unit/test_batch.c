/* Rows by hand: what they come back as, who they are, what a refused one leaves behind. */
#include "unit.h"
#include "batches.h"
#include "json.h"
#include "rows.h"
#include "schemas.h"
#include <string.h>

static void assert_json(struct hrp_schema *s, const struct hrp_buf *row, const char *expected)
{
    struct hrp_buf text = HRP_BUF_INIT;
    struct hr_error err = {0};

    if (hrp_json_from_wire(s, row->p, row->n, &text, &err) != 0)
        fail_msg("%s", err.text);
    hrp_put_u8(&text, 0);
    assert_string_equal((const char *)text.p, expected);
    hrp_buf_fini(&text);
}

/* ---- rows ---- */

/* Fields by hand, below their tag: so a test reads like the row. */
static void varint(struct hrp_buf *b, uint32_t number, uint64_t v)
{
    hrp_put_varint(b, (uint64_t)number << 3);
    hrp_put_varint(b, v);
}
static void text(struct hrp_buf *b, uint32_t number, const char *s)
{
    hrp_put_varint(b, (uint64_t)number << 3 | 2);
    hrp_put_str(b, s);
}
static void fixed64(struct hrp_buf *b, uint32_t number, uint64_t v)
{
    hrp_put_varint(b, (uint64_t)number << 3 | 1);
    hrp_put_u64(b, v);
}
static void number(struct hrp_buf *b, uint32_t number_, double v)
{
    uint64_t bits;

    memcpy(&bits, &v, 8);
    fixed64(b, number_, bits);
}
static void below(struct hrp_buf *b, uint32_t number_, struct hrp_buf *inner)
{
    hrp_put_varint(b, (uint64_t)number_ << 3 | 2);
    hrp_put_lenbytes(b, inner->p, inner->n);
    hrp_buf_clear(inner);
}

static void every_kind_of_field(void **state)
{
    struct hrp_schema *s = test_schema("everything", "every.Thing");
    struct hrp_buf row = HRP_BUF_INIT, in = HRP_BUF_INIT, deep = HRP_BUF_INIT;

    (void)state;
    number(&row, 1, 12.99);
    varint(&row, 3, UINT64_MAX); /* -1 */
    varint(&row, 6, UINT64_MAX);
    varint(&row, 8, 1); /* zigzag: -1 */
    varint(&row, 13, 2);
    text(&row, 14, "caf\xc3\xa9 \"x\"\n");
    text(&row, 15, "\x01\x02");
    varint(&row, 16, 5);
    number(&in, 2, -2);
    below(&row, 17, &in);
    varint(&in, 1, 1);
    varint(&in, 2, 500000000);
    below(&row, 18, &in);
    text(&in, 1, "root");
    text(&deep, 1, "leaf");
    below(&in, 2, &deep);
    below(&row, 20, &in);
    text(&row, 32, "");
    varint(&row, 41, 1); /* packed in the schema, not here */
    varint(&row, 41, 2);
    text(&row, 43, "a");
    text(&row, 43, "");
    varint(&row, 45, 1);
    varint(&row, 45, 77);
    text(&in, 1, "k");
    varint(&in, 2, 7);
    below(&row, 51, &in);
    varint(&in, 1, 9);
    below(&row, 52, &in); /* an entry without a value */
    varint(&in, 1, 1);
    text(&in, 2, "yes");
    below(&row, 53, &in);
    varint(&row, 64, 0); /* a oneof says what it is, also when that is zero */
    text(&row, 999, "new");
    assert_json(s, &row,
                "{\"a_double\":12.99,\"a_float\":0,\"an_int32\":-1,\"an_int64\":0,\"a_uint32\":0,\"a_uint64\":18446744073709551615,"
                "\"a_sint32\":0,\"a_sint64\":-1,\"a_fixed32\":0,\"a_fixed64\":0,\"an_sfixed32\":0,\"an_sfixed64\":0,\"a_bool\":true,"
                "\"a_string\":\"caf\xc3\xa9 \\\"x\\\"\\n\",\"some_bytes\":\"AQI=\",\"color\":\"BLUE\",\"point\":{\"x\":0,\"y\":-2},"
                "\"at\":\"1970-01-01T00:00:01.500Z\",\"tree\":{\"name\":\"root\",\"children\":[{\"name\":\"leaf\"}]},\"opt_string\":\"\","
                "\"ints\":[1,2],\"strings\":[\"a\",\"\"],\"colors\":[\"GREEN\",77],\"counts\":{\"k\":7},\"places\":{\"9\":{\"x\":0,\"y\":0}},"
                "\"flags\":{\"true\":\"yes\"},\"free\":false,\"big_number\":0,\"_unknown\":\"uj4DbmV3\"}");
    hrp_buf_fini(&row);
    hrp_buf_fini(&in);
    hrp_buf_fini(&deep);
    hrp_schema_unref(s);
}

static void presence_of_proto2(void **state)
{
    struct hrp_schema *s = test_schema("proto2", "old2.Item");
    struct hrp_buf row = HRP_BUF_INIT, in = HRP_BUF_INIT;

    (void)state;
    assert_json(s, &row, "{}");
    varint(&row, 1, 0);
    varint(&row, 8, 0);
    varint(&in, 1, 2);
    varint(&in, 3, 2);
    below(&row, 7, &in);
    assert_json(s, &row, "{\"id\":0,\"next\":{\"id\":2,\"size\":\"LARGE\"},\"flag\":false}");
    hrp_buf_fini(&row);
    hrp_buf_fini(&in);
    hrp_schema_unref(s);
}

/* json.h: what an object has no place for is an array of entries. */
static void odd_maps_are_arrays(void **state)
{
    struct hrp_schema *s = test_schema("everything", "every.Thing");
    struct hrp_buf row = HRP_BUF_INIT, in = HRP_BUF_INIT, all = HRP_BUF_INIT;
    const char *at;

    (void)state;
    for (int i = 0; i < 2; i++) {
        text(&in, 1, "twice");
        varint(&in, 2, (uint64_t)i);
        below(&row, 51, &in);
    }
    varint(&in, 3, 1);
    below(&row, 52, &in);
    assert_int_equal(hrp_json_from_wire(s, row.p, row.n, &all, NULL), 0);
    hrp_put_u8(&all, 0);
    at = strstr((const char *)all.p, "\"counts\"");
    assert_non_null(at);
    assert_string_equal(at, "\"counts\":[{\"key\":\"twice\",\"value\":0},{\"key\":\"twice\",\"value\":1}],"
                            "\"places\":[{\"key\":0,\"_unknown\":\"GAE=\"}],\"big_number\":0}");
    hrp_buf_fini(&row);
    hrp_buf_fini(&in);
    hrp_buf_fini(&all);
    hrp_schema_unref(s);
}

static void large_maps_find_keys_that_stand_twice(void **state)
{
    struct hrp_schema *s = test_schema("everything", "every.Thing");

    (void)state;
    for (uint64_t keys = 15; keys < 600; keys += keys / 2) {
        for (int twice = 0; twice < 2; twice++) {
            struct hrp_buf row = HRP_BUF_INIT, in = HRP_BUF_INIT, all = HRP_BUF_INIT;

            for (uint64_t i = 0; i < keys; i++) {
                varint(&in, 1, i);
                below(&row, 54, &in);
            }
            if (twice) {
                varint(&in, 1, keys / 2);
                below(&row, 54, &in);
            }
            assert_int_equal(hrp_json_from_wire(s, row.p, row.n, &all, NULL), 0);
            hrp_put_u8(&all, 0);
            assert_non_null(strstr((const char *)all.p, twice ? "\"shades\":[{\"key\":0," : "\"shades\":{\"0\":\"RED\""));
            hrp_buf_fini(&row);
            hrp_buf_fini(&in);
            hrp_buf_fini(&all);
        }
    }
    hrp_schema_unref(s);
}

/* Numbers that fall into one slot of a dictionary's table, as dict_build of ints.c has it: the search gives up early. */
static void numbers_chosen_to_collide_cost_little(void **state)
{
    struct hrp_schema *s = test_flight_schema();
    struct hrp_builder *b = test_builder(s);
    struct hrp_buf row = HRP_BUF_INIT, p;
    uint64_t found = 0, inverse = 1;
    struct hrp_batch *batch;
    struct rnd r = {1};

    (void)state;
    for (int i = 0; i < 6; i++)
        inverse *= 2 - 0x9e3779b97f4a7c15u * inverse;
    while (found < 20000) {
        uint64_t v = (rnd_next(&r) >> 16) * inverse; /* times the factor: a number whose upper 16 bits are zero */

        hrp_buf_clear(&row);
        varint(&row, 1, v);
        for (int i = 0; i < 3; i++) /* or no dictionary would be tried */
            test_add_row(b, ++found, &row);
    }
    p = test_sealed(b);
    batch = test_opened(&p, s);
    assert_true(batch->parts.fields > found * 8); /* a dictionary would have made it smaller */
    hrp_batch_free(batch);
    hrp_buf_fini(&p);
    hrp_buf_fini(&row);
    hrp_builder_free(b);
    hrp_schema_unref(s);
}

static void times_that_have_no_text_are_objects(void **state)
{
    struct hrp_schema *s = test_schema("everything", "every.Thing");
    struct hrp_buf row = HRP_BUF_INIT, in = HRP_BUF_INIT, all = HRP_BUF_INIT;

    (void)state;
    varint(&in, 2, UINT64_MAX); /* -1 ns */
    below(&row, 18, &in);
    varint(&in, 1, (uint64_t)-2);
    below(&row, 19, &in);
    assert_int_equal(hrp_json_from_wire(s, row.p, row.n, &all, NULL), 0);
    hrp_put_u8(&all, 0);
    assert_non_null(strstr((const char *)all.p, "\"at\":{\"seconds\":0,\"nanos\":-1},\"took\":\"-2s\""));
    hrp_buf_fini(&row);
    hrp_buf_fini(&in);
    hrp_buf_fini(&all);
    hrp_schema_unref(s);
}

/* ---- identity ---- */

static void rows_know_who_they_are(void **state)
{
    struct hrp_schema *s = test_flight_schema();
    struct hrp_builder *b = test_builder(s);
    struct hrp_buf row = HRP_BUF_INIT, p;
    struct hrp_batch *batch;
    struct hrp_cursor *c;
    struct hrp_row_id id;
    static const struct { uint32_t lane; uint64_t n; int64_t time; uint32_t weight, flags; } rows[] = {
        {0, 5, INT64_MIN, 1, 0}, {0, 6, INT64_MAX, 10, 0}, {7, 1, 0, 1, HRP_ROW_INVALID}, {0, 9, -1, UINT32_MAX, 0}, {7, UINT64_MAX - 1, 3, 0, 0},
    };

    (void)state;
    test_flight_row(&row, 1, 2, 3, "A", "B");
    for (size_t i = 0; i < 5; i++) {
        assert_int_equal(hrp_builder_add(b, rows[i].lane, rows[i].n, rows[i].time, rows[i].weight, rows[i].flags, row.p, row.n, NULL), 0);
        if (i == 1)
            assert_int_equal(hrp_builder_add_drop(b, 0, 7, 2, HRP_DROP_FULL), 0);
    }
    assert_int_equal(hrp_builder_add_raw(b, 7, 3, 17, "title: not a string", (const uint8_t *)"{\0}", 3), 0);
    p = test_sealed(b);
    batch = test_opened(&p, s);
    assert_int_equal(batch->head.n_rows, 5);
    assert_int_equal(batch->head.n_segments, 6);
    assert_int_equal(batch->head.segments[1].kind, HRP_SEG_DROP);
    assert_int_equal(batch->head.segments[1].count, 2);
    assert_true(batch->head.min_event_time_ns == INT64_MIN && batch->head.max_event_time_ns == INT64_MAX);
    assert_int_equal(batch->head.batch_id, 42);
    assert_int_equal(batch->head.type_id, 3);
    assert_int_equal(hrp_id_cmp(&batch->head.incarnation, &test_incarnation), 0);
    assert_int_equal(hrp_cursor_new(batch, &c), 0);
    for (uint32_t i = 0; i < 5; i++) {
        assert_int_equal(hrp_cursor_id(c, &id), 0);
        assert_true(id.row == i && id.lane == rows[i].lane && id.n == rows[i].n && id.event_time_ns == rows[i].time);
        assert_true(id.weight == rows[i].weight && id.flags == rows[i].flags);
        assert_int_equal(hrp_cursor_skip(c), 0);
    }
    assert_int_equal(hrp_cursor_id(c, &id), HR_ENOENT);
    assert_int_equal(hrp_cursor_skip(c), HR_ENOENT);
    assert_int_equal(batch->head.n_raw, 1);
    assert_string_equal(batch->raw[0].reason, "title: not a string");
    assert_int_equal(batch->raw[0].n_bytes, 3);
    assert_memory_equal(batch->raw[0].bytes, "{\0}", 3);
    assert_int_equal(batch->raw[0].event_time_ns, 17);
    hrp_cursor_free(c);
    hrp_batch_free(batch);
    hrp_buf_fini(&p);
    hrp_buf_fini(&row);
    hrp_builder_free(b);
    hrp_schema_unref(s);
}

static void without_a_schema_the_fields_stay_closed(void **state)
{
    struct hrp_schema *s = test_flight_schema();
    struct hrp_builder *b = test_builder(s), *none = test_builder(NULL);
    struct hrp_buf p, out = HRP_BUF_INIT;
    struct hrp_batch *batch;
    struct hrp_cursor *c;
    struct hrp_row_id id;

    (void)state;
    test_add_flights(b, 1, 3);
    p = test_sealed(b);
    batch = test_opened(&p, NULL);
    assert_null(batch->columns);
    assert_int_equal(hrp_cursor_new(batch, &c), 0);
    assert_int_equal(hrp_cursor_skip(c), 0);
    assert_int_equal(hrp_cursor_id(c, &id), 0);
    assert_true(id.n == 2 && id.event_time_ns == 2000);
    assert_int_equal(hrp_cursor_wire(c, &out), HR_ESCHEMA);
    assert_int_equal(hrp_cursor_json(c, &out), HR_ESCHEMA);
    hrp_cursor_free(c);
    hrp_batch_free(batch);
    hrp_buf_fini(&p);
    assert_int_equal(hrp_builder_add(none, 0, 1, 0, 1, 0, (const uint8_t *)"", 0, NULL), HR_EINVAL);
    assert_int_equal(hrp_builder_add_raw(none, 0, 1, -5, "closed", (const uint8_t *)"x", 1), 0);
    p = test_sealed(none);
    batch = test_opened(&p, NULL);
    assert_true(batch->head.n_raw == 1 && batch->head.min_event_time_ns == -5 && batch->head.max_event_time_ns == -5);
    hrp_batch_free(batch);
    hrp_buf_fini(&p);
    hrp_builder_free(b);
    hrp_builder_free(none);
    hrp_schema_unref(s);
}

/* ---- refused rows ---- */

static void refused(struct hrp_builder *b, const struct hrp_buf *row, const char *why)
{
    struct hr_error err = {0};

    assert_int_equal(hrp_builder_add(b, 0, 2, 0, 1, 0, row->p, row->n, &err), HR_EROW);
    assert_string_equal(err.text, why);
}

static void bad_rows_leave_no_trace(void **state)
{
    struct hrp_schema *s = test_schema("everything", "every.Thing");
    struct hrp_builder *clean = test_builder(s), *b = test_builder(s);
    struct hrp_buf good = HRP_BUF_INIT, bad = HRP_BUF_INIT, in = HRP_BUF_INIT, expected, got;

    (void)state;
    text(&good, 43, "one");
    varint(&good, 63, 7);
    text(&in, 1, "4000");
    test_add_row(clean, 1, &good);
    test_add_row(b, 1, &good);

    below(&bad, 61, &in); /* touches a oneof, lists, messages, a map, strings, and then breaks */
    text(&bad, 62, "voucher");
    text(&bad, 43, "two");
    text(&in, 1, "k");
    below(&bad, 51, &in);
    number(&in, 1, 3);
    below(&bad, 44, &in);
    text(&bad, 999, "unknown");
    text(&bad, 14, "\xff");
    refused(b, &bad, "a_string: not valid UTF-8, which a string has to be whatever its utf8_validation; bytes may hold anything");
    bad.n -= 2;
    refused(b, &bad, "a_string: longer than the message it is in");
    bad.n = 0;
    fixed64(&bad, 3, 1);
    refused(b, &bad, "an_int32: a wire type that is not the field's");
    bad.n = 0;
    text(&bad, 3, "1"); /* a singular field is never packed */
    refused(b, &bad, "an_int32: a wire type that is not the field's");
    bad.n = 0;
    hrp_put_u8(&bad, 0x1b);
    refused(b, &bad, "an_int32: a wire type that is not the field's");
    bad.n = 0;
    hrp_put_varint(&bad, 900u << 3 | 3);
    refused(b, &bad, "an unknown field is cut off, or a group that does not end as it began");
    bad.n = 0;
    hrp_put_u8(&bad, 2);
    refused(b, &bad, "not a field tag");
    bad.n = 0;
    text(&in, 1, "\xc0\x80");
    below(&bad, 20, &in);
    refused(b, &bad, "tree: in it, name: not valid UTF-8, which a string has to be whatever its utf8_validation; bytes may hold anything");

    test_add_row(clean, 2, &good);
    test_add_row(b, 2, &good);
    expected = test_sealed(clean);
    got = test_sealed(b);
    assert_int_equal(got.n, expected.n);
    assert_memory_equal(got.p, expected.p, got.n);
    hrp_buf_fini(&good);
    hrp_buf_fini(&bad);
    hrp_buf_fini(&in);
    hrp_buf_fini(&expected);
    hrp_buf_fini(&got);
    hrp_builder_free(clean);
    hrp_builder_free(b);
    hrp_schema_unref(s);
}

static void messages_nest_a_hundred_deep_and_no_deeper(void **state)
{
    struct hrp_schema *s = test_schema("everything", "every.Thing");
    struct hrp_builder *b = test_builder(s);
    struct hrp_buf row = HRP_BUF_INIT, next = HRP_BUF_INIT;
    struct hr_error err = {0};

    (void)state;
    for (unsigned depth = 2; depth <= 102; depth++) { /* the event itself is the first */
        hrp_buf_clear(&next);
        hrp_put_varint(&next, (depth == 2 ? 1u : 2u) << 3 | 2);
        hrp_put_lenbytes(&next, row.p, row.n);
        hrp_buf_clear(&row);
        hrp_put_bytes(&row, next.p, next.n);
        hrp_buf_clear(&next);
        hrp_put_varint(&next, 20u << 3 | 2);
        hrp_put_lenbytes(&next, row.p, row.n);
        assert_int_equal(hrp_builder_add(b, 0, depth, 0, 1, 0, next.p, next.n, &err), depth <= 101 - 1 ? 0 : HR_EROW);
    }
    assert_string_equal(err.text, "tree: in it, children: messages nested too deeply");
    hrp_buf_fini(&row);
    hrp_buf_fini(&next);
    hrp_builder_free(b);
    hrp_schema_unref(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_kind_of_field),
        cmocka_unit_test(presence_of_proto2),
        cmocka_unit_test(odd_maps_are_arrays),
        cmocka_unit_test(large_maps_find_keys_that_stand_twice),
        cmocka_unit_test(times_that_have_no_text_are_objects),
        cmocka_unit_test(numbers_chosen_to_collide_cost_little),
        cmocka_unit_test(rows_know_who_they_are),
        cmocka_unit_test(without_a_schema_the_fields_stay_closed),
        cmocka_unit_test(bad_rows_leave_no_trace),
        cmocka_unit_test(messages_nest_a_hundred_deep_and_no_deeper),
    };

    return cmocka_run_group_tests_name("rows of batches", tests, NULL, NULL);
}
