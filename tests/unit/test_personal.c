/* Our own options: read as written, refused by place when they make no sense; and what they say of personal data is done to
 * each row before it leaves the process. */
#include "unit.h"
#include "batches.h"
#include "fdset.h"
#include "json.h"
#include "schemas.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

static const struct hrp_field_options *of(struct hrp_schema *s, const char *path)
{
    const struct hrp_node *n = hrp_schema_by_path(s, path);

    assert_non_null(n);
    return n->options;
}

/* ---- reading ---- */

static void read_as_written(void **state)
{
    struct hrp_schema *s = test_schema("personal", "crm.Signup");
    const struct hrp_event_options *e = hrp_schema_event(s);

    assert_string_equal(e->owner, "growth@example.org");
    assert_string_equal(e->description, "Somebody opened an account.");
    assert_string_equal(e->expires, "2031-02-28");
    assert_int_equal(e->delivery, HRP_DELIVERY_CRITICAL);
    assert_string_equal(of(s, "plan")->description, "As in the price list");
    assert_string_equal(of(s, "plan")->unit, "");
    assert_false(of(s, "plan")->monitored);
    assert_string_equal(of(s, "seconds")->unit, "s");
    assert_true(of(s, "seconds")->monitored && of(s, "seconds")->max_null_share == 0.25 && of(s, "seconds")->min_value == 0);
    assert_true(isnan(of(s, "seconds")->max_value));
    assert_int_equal(of(s, "email")->personal, HRP_PERSONAL_CONTACT);
    assert_int_equal(of(s, "email")->action, HRP_PERSONAL_HASH);
    assert_int_equal(of(s, "billing.street")->truncate_to, 4);
    assert_null(of(s, "desk"));
    assert_true(hrp_schema_secret(s));
    hrp_schema_unref(s);
}

static void nothing_said(void **state)
{
    struct hrp_schema *s = test_flight_schema();

    assert_string_equal(hrp_schema_event(s)->owner, "");
    assert_string_equal(hrp_schema_event(s)->expires, "");
    assert_int_equal(hrp_schema_event(s)->delivery, HRP_DELIVERY_NORMAL);
    assert_null(of(s, "delay"));
    assert_false(hrp_schema_secret(s));
    hrp_schema_unref(s);
}

/* message M { <type> x = 1; M2 in = 2; } with `n` bytes of headrace.field at x, or of headrace.event */
static void says(int type, bool event, const char *bytes, size_t n, const char *sentence)
{
    struct fd_set *set = fd_set_new();
    fd_file *file = fd_file_add(set, "a.proto", "p", "proto2");
    fd_message *m = fd_message_add(set, file, "M");
    fd_field *f = fd_field_add(set, m, "x", 1, type);
    struct hrp_schema *s = NULL;
    struct hr_error err = {0};
    uint8_t *p;
    size_t n_set;
    int r;

    fd_unknown_bytes(set, event ? fd_message_options(set, m) : fd_field_options(set, f), 74110, bytes, n);
    p = fd_set_pack(set, &n_set);
    r = hrp_schema_open(p, n_set, "p.M", &hrp_limits_default, &s, &err);
    if (sentence == NULL) {
        assert_int_equal(r, 0);
    } else {
        assert_int_equal(r, HR_ESCHEMA);
        assert_string_equal(err.text, sentence);
    }
    hrp_schema_unref(s);
    free(p);
    fd_set_free(set);
}

#define SAYS(type, bytes, sentence) says(type, false, bytes, sizeof(bytes) - 1, sentence)
#define EVENT_SAYS(bytes, sentence) says(FD_INT32, true, bytes, sizeof(bytes) - 1, sentence)

static void nonsense_is_refused(void **state)
{
    SAYS(FD_STRING, "\x1a\x04\x08\x02\x10\x03", NULL); /* CONTACT, HASH */
    SAYS(FD_BYTES, "\x1a\x04\x08\x02\x10\x03", NULL);
    SAYS(FD_INT32, "\x1a\x04\x08\x02\x10\x03", "a.proto: p.M.x: (headrace.field).personal.action: only strings and bytes can be truncated or hashed: drop it instead");
    SAYS(FD_INT32, "\x1a\x06\x08\x02\x10\x01\x18\x02", "a.proto: p.M.x: (headrace.field).personal.action: only strings and bytes can be truncated or hashed: drop it instead");
    SAYS(FD_INT32, "\x1a\x04\x08\x02\x10\x02", NULL); /* DROP */
    SAYS(FD_STRING, "\x1a\x04\x08\x02\x10\x01", "a.proto: p.M.x: (headrace.field).personal.action: TRUNCATE needs truncate_to, how much to keep");
    SAYS(FD_STRING, "\x1a\x06\x08\x02\x10\x03\x18\x02", "a.proto: p.M.x: (headrace.field).personal.truncate_to: only action TRUNCATE needs it");
    SAYS(FD_STRING, "\x1a\x02\x10\x02", "a.proto: p.M.x: (headrace.field).personal.action: say the class, too: what kind of personal data is it?");
    SAYS(FD_STRING, "\x1a\x02\x08\x05", "a.proto: p.M.x: (headrace.field).personal.class: a value that this version does not know");
    SAYS(FD_STRING, "\x1a\x02\x10\x04", "a.proto: p.M.x: (headrace.field).personal.action: a value that this version does not know");
    SAYS(FD_STRING, "\x28\x01", "a.proto: p.M.x: (headrace.field): an option that this version does not know");
    SAYS(FD_STRING, "\x08\x01", "a.proto: p.M.x: (headrace.field): an option that this version does not know"); /* no string */
    SAYS(FD_STRING, "\x0a\x05z", "a.proto: p.M.x: (headrace.field).description: not text");
    SAYS(FD_STRING, "\x12\x03k m", "a.proto: p.M.x: (headrace.field).unit: not a unit: at most 32 printable characters without spaces");
    SAYS(FD_INT32, "\x22\x09\x11\0\0\0\0\0\0\0\x40", "a.proto: p.M.x: (headrace.field).monitor.max_null_share: not between 0 and 1");
}

static void a_day_is_a_day(void **state)
{
    static const char sentence[] = "a.proto: p.M: (headrace.event).expires: not a day: expected YYYY-MM-DD";

    EVENT_SAYS("\x1a\x0a" "2028-02-29", NULL);
    EVENT_SAYS("\x1a\x0a" "2026-02-29", sentence);
    EVENT_SAYS("\x1a\x0a" "2026-13-01", sentence);
    EVENT_SAYS("\x1a\x0a" "2026-04-31", sentence);
    EVENT_SAYS("\x1a\x0a" "31.12.2026", sentence);
    EVENT_SAYS("\x1a\x04" "2026", sentence);
    EVENT_SAYS("\x20\x03", "a.proto: p.M: (headrace.event).delivery: a value that this version does not know");
}

static void required_fields_are_not_dropped(void **state)
{
    struct fd_set *set = fd_set_new();
    fd_message *m = fd_message_add(set, fd_file_add(set, "a.proto", "p", "proto2"), "M");
    fd_field *f = fd_required(fd_field_add(set, m, "x", 1, FD_STRING));
    struct hr_error err = {0};
    struct hrp_schema *s;
    size_t n;
    uint8_t *p;

    fd_unknown_bytes(set, fd_field_options(set, f), 74110, "\x1a\x04\x08\x02\x10\x02", 6);
    p = fd_set_pack(set, &n);
    assert_int_equal(hrp_schema_open(p, n, "p.M", &hrp_limits_default, &s, &err), HR_ESCHEMA);
    assert_string_equal(err.text, "a.proto: p.M.x: (headrace.field).personal.action: a required field cannot be dropped: make it optional");
    free(p);
    fd_set_free(set);
}

/* A message that contains itself is stored as one piece, so nothing could be taken out of it. */
static void not_behind_closed_leaves(void **state)
{
    struct fd_set *set = fd_set_new();
    fd_file *file = fd_file_add(set, "a.proto", "p", "proto2");
    fd_message *m = fd_message_add(set, file, "M"), *ring = fd_message_add(set, file, "Ring"), *in = fd_message_add(set, file, "In");
    struct hr_error err = {0};
    struct hrp_schema *s;
    size_t n;
    uint8_t *p;

    fd_typed_add(set, m, "ring", 1, FD_MESSAGE, ".p.Ring");
    fd_typed_add(set, ring, "next", 1, FD_MESSAGE, ".p.Ring");
    fd_typed_add(set, ring, "in", 2, FD_MESSAGE, ".p.In");
    fd_unknown_bytes(set, fd_field_options(set, fd_field_add(set, in, "x", 1, FD_STRING)), 74110, "\x1a\x04\x08\x02\x10\x02", 6);
    p = fd_set_pack(set, &n);
    assert_int_equal(hrp_schema_open(p, n, "p.M", &hrp_limits_default, &s, &err), HR_ESCHEMA);
    assert_memory_equal(err.text, "a.proto: p.In.x: ", 17);
    assert_non_null(strstr(err.text, "contains itself"));
    free(p);
    fd_set_free(set);
}

/* ---- rows ---- */

static void put_text(struct hrp_buf *b, uint32_t number, const char *s)
{
    hrp_put_varint(b, number << 3 | 2);
    hrp_put_str(b, s);
}

static void put_int(struct hrp_buf *b, uint32_t number, uint64_t v)
{
    hrp_put_varint(b, number << 3);
    hrp_put_varint(b, v);
}

static struct hrp_buf signup(void)
{
    struct hrp_buf row = HRP_BUF_INIT;

    put_text(&row, 1, "gold");
    put_text(&row, 3, "bob@example.org");
    put_text(&row, 4, "\xc3\xa9\xe2\x82\xac" "123"); /* é€123 */
    put_text(&row, 5, "555-SECRET");
    put_text(&row, 6, "red");
    put_text(&row, 6, "");
    put_text(&row, 6, "\xf0\x9f\x99\x82z");
    put_text(&row, 7, "JPEG-SECRET");
    put_text(&row, 8, "\x0a\x06SECRET");
    put_int(&row, 9, 1234);
    put_text(&row, 9, "\x01\x02");
    put_text(&row, 10, "SECRET");
    put_text(&row, 12, "\x0a\x01q\x12\x06SECRET");
    put_int(&row, 13, 41);
    put_text(&row, 14, "\x0a\x0cMain Street \x10\x03");
    return row;
}

static void rows_lose_what_must_not_travel(void **state)
{
    struct hrp_schema *s = test_schema("personal", "crm.Signup");
    struct hrp_builder *b = test_builder(s);
    struct hrp_buf row = signup(), sealed, got = HRP_BUF_INIT, text = HRP_BUF_INIT;
    struct hrp_batch *batch;
    struct hrp_cursor *c;

    test_add_row(b, 1, &row);
    sealed = test_sealed(b);
    batch = test_opened(&sealed, s);
    assert_int_equal(hrp_cursor_new(batch, &c), 0);
    assert_int_equal(hrp_cursor_json(c, &text), 0);
    hrp_put_u8(&text, 0);
    assert_string_equal((char *)text.p,
                        "{\"plan\":\"gold\",\"seconds\":0,\"email\":\"bob@example.org\",\"postcode\":\"\xc3\xa9\xe2\x82\xac\","
                        "\"tags\":[\"r\",\"\",\"\xf0\x9f\x99\x82\"],\"face\":\"SlBF\",\"age\":41,"
                        "\"billing\":{\"street\":\"Main\",\"floor\":3}}");
    hrp_cursor_free(c);
    hrp_batch_free(batch);
    hrp_buf_fini(&row);
    hrp_buf_fini(&sealed);
    hrp_buf_fini(&got);
    hrp_buf_fini(&text);
    hrp_builder_free(b);
    hrp_schema_unref(s);
}

static void dropped_fields_are_still_fields(void **state)
{
    struct hrp_schema *s = test_schema("personal", "crm.Signup");
    struct hrp_builder *b = test_builder(s);
    struct hr_error err = {0};

    assert_int_equal(hrp_builder_add(b, 0, 1, 0, 1, 0, (const uint8_t *)"\x28\x01", 2, &err), HR_EROW);
    assert_string_equal(err.text, "phone: a wire type that is not the field's");
    assert_int_equal(hrp_builder_add(b, 0, 1, 0, 1, 0, (const uint8_t *)"\x2a\x09x", 3, &err), HR_EROW);
    assert_string_equal(err.text, "phone: cut off");
    assert_int_equal(hrp_builder_add(b, 0, 1, 0, 1, 0, (const uint8_t *)"\x22\x01\xff", 3, &err), HR_EROW);
    assert_int_equal(hrp_builder_rows(b), 0);
    hrp_builder_free(b);
    hrp_schema_unref(s);
}

static void raw_rows_keep_their_reason_only(void **state)
{
    struct hrp_schema *secret = test_schema("personal", "crm.Signup"), *open = test_flight_schema();
    struct hrp_schema *schemas[] = {secret, open, NULL};

    for (unsigned i = 0; i < 3; i++) {
        struct hrp_builder *b = test_builder(schemas[i]);
        struct hrp_buf sealed;
        struct hrp_batch *batch;

        assert_int_equal(hrp_builder_add_raw(b, 0, 1, 0, "email: not valid UTF-8", (const uint8_t *)"SECRET", 6), 0);
        sealed = test_sealed(b);
        batch = test_opened(&sealed, schemas[i]);
        assert_int_equal(batch->head.n_raw, 1);
        assert_string_equal(batch->raw[0].reason, "email: not valid UTF-8");
        assert_int_equal(batch->raw[0].n_bytes, schemas[i] == secret ? 0 : 6);
        hrp_batch_free(batch);
        hrp_buf_fini(&sealed);
        hrp_builder_free(b);
    }
    hrp_schema_unref(secret);
    hrp_schema_unref(open);
}

#ifdef HAVE_JSON_READER
static void reasons_do_not_repeat_the_text(void **state)
{
    static const char *const texts[] = {"{\"age\":\"SECRET\"}", "{\"seconds\":SECRET}", "{\"answers\":{\"SECRET\":1}}", "{\"email\":{\"SECRET\":1}}",
                                        "{\"answers\":{\"SECRET\":\"\",\"SECRET\":\"\"}}"};
    struct hrp_schema *s = test_schema("personal", "crm.Signup");

    for (unsigned i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct hrp_buf out = HRP_BUF_INIT;
        struct hr_error err = {0};

        assert_int_equal(hrp_json_to_wire(s, texts[i], strlen(texts[i]), &out, &err), HR_EROW);
        assert_null(strstr(err.text, "SECRET"));
        hrp_buf_fini(&out);
    }
    hrp_schema_unref(s);
}
#endif

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(read_as_written),
        cmocka_unit_test(nothing_said),
        cmocka_unit_test(nonsense_is_refused),
        cmocka_unit_test(a_day_is_a_day),
        cmocka_unit_test(required_fields_are_not_dropped),
        cmocka_unit_test(not_behind_closed_leaves),
        cmocka_unit_test(rows_lose_what_must_not_travel),
        cmocka_unit_test(dropped_fields_are_still_fields),
        cmocka_unit_test(raw_rows_keep_their_reason_only),
#ifdef HAVE_JSON_READER
        cmocka_unit_test(reasons_do_not_repeat_the_text),
#endif
    };

    return cmocka_run_group_tests_name("options and personal data", tests, NULL, NULL);
}
