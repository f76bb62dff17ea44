/* Personal data at the door: the key's file, hashes wherever a field can stand, and no clear value in anything that goes on. */
#include "unit.h"
#include "alloc.h"
#include "batches.h"
#include "ingest.h"
#include "json.h"
#include "personal.h"
#include "re2.h"
#include "schemas.h"
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define ADA "ada@example.org"
#define ADA_HASH "c2ca8524eab3e540e13d4e2397be333a" /* HMAC-SHA256 by Python's hmac: key 00 01 .. 1f, the first 16 bytes */

static struct hrp_schema *visit;
static struct hrp_rules *rules;
static struct hrd_personal *key;
static struct hrd_ingest_type type = {.policy = &hrd_policy_default};

static int open_all(void **state)
{
    uint8_t k[HRD_PERSONAL_KEY_BYTES];

    for (unsigned i = 0; i < sizeof k; i++)
        k[i] = (uint8_t)i;
    visit = test_schema("hashed", "crm.Visit");
    assert_int_equal(hrp_rules_open_door(visit, &hrd_re2, &rules, NULL), 0);
    assert_int_equal(hrd_personal_of_key(k, &key), 0);
    type.schema = visit;
    type.rules = rules;
    type.personal = key;
    return 0;
}

static int close_all(void **state)
{
    hrp_rules_free(rules);
    hrp_schema_unref(visit);
    hrd_personal_free(key);
    return 0;
}

/* ---- batches ---- */

static const char *const rows[] = {
    "{\"email\":\"" ADA "\",\"seconds\":3,\"device\":\"Y2FuYXJ5\",\"friends\":[\"canary-1\",\"\",\"canary-1\",\"" ADA "\"],\"page\":\"/\"}",
    "{\"email\":\"" ADA "\",\"seconds\":-1,\"person\":{\"name\":\"canary-2\",\"age\":7},\"account\":\"canary-3\"}", /* set aside */
    "{\"email\":\"canary is no address\",\"seconds\":1,\"family\":{\"aunt\":{\"name\":\"canary-4\"},\"dog\":{\"age\":3}}}", /* likewise */
    "{\"seconds\":0,\"device\":\"\",\"person\":{\"name\":\"\"},\"guest\":5}",
};

static struct hrd_batch_msg *of(struct hrp_builder *b)
{
    struct hrd_batch_msg *bat = hrd_batch_msg_new();
    struct hrp_buf out = HRP_BUF_INIT;

    assert_int_equal(hrp_builder_seal(b, &test_incarnation, 42, 3, &out), 0);
    bat->bytes = out.p;
    bat->n_bytes = out.n;
    assert_int_equal(hrd_ingest_head(bat, &hrp_limits_default), 0);
    hrp_builder_free(b);
    return bat;
}

/* The rows, the second with a weight, in two lanes; a drop; and one raw row, of a producer that is not ours: its builder knows
 * no schema, and keeps what it is given. */
static struct hrd_batch_msg *visits(void)
{
    struct hrp_builder *b = test_builder(visit);
    struct hrp_buf row = HRP_BUF_INIT;

    for (unsigned i = 0; i < 4; i++) {
        hrp_buf_clear(&row);
        assert_int_equal(hrp_json_to_wire(visit, rows[i], strlen(rows[i]), &row, NULL), 0);
        assert_int_equal(hrp_builder_add(b, i / 2, 10 + i, 1000 + i, i == 1 ? 5 : 1, 0, row.p, row.n, NULL), 0);
        if (i == 2)
            assert_int_equal(hrp_builder_add_drop(b, 7, 1, 3, HRP_DROP_FULL), 0);
    }
    hrp_buf_fini(&row);
    return of(b);
}

static struct hrd_batch_msg *raw_rows(void)
{
    struct hrp_builder *b = test_builder(NULL);

    assert_int_equal(hrp_builder_add_raw(b, 0, 1, 9, "seconds: \"canary-5\" is no number", (const uint8_t *)"{\"x\":\"canary-6\"}", 16), 0);
    assert_int_equal(hrp_builder_add_raw(b, 0, 2, 9, "seconds: expected an integer, found something else", (const uint8_t *)"canary", 6), 0);
    return of(b);
}

static bool holds(const void *p, size_t n, const char *what)
{
    return n != 0 && memmem(p, n, what, strlen(what)) != NULL;
}

/* Nothing that the committer, the profiles or a log would see has a clear value. */
static void expect_clean(const struct hrd_batch_msg *bat)
{
    static const char *const secrets[] = {"canary", ADA, "example.org"};
    struct hrp_buf seen = HRP_BUF_INIT;
    struct hrp_cursor *c;

    hrp_put_bytes(&seen, bat->bytes, bat->n_bytes);
    hrp_put_bytes(&seen, bat->aside_bytes.p, bat->aside_bytes.n);
    hrp_put_bytes(&seen, bat->reason, strlen(bat->reason));
    for (uint32_t i = 0; i < bat->n_asides; i++)
        hrp_put_bytes(&seen, bat->asides[i].reason, strlen(bat->asides[i].reason));
    for (uint32_t i = 0; bat->batch != NULL && i < bat->head.n_raw; i++) {
        assert_int_equal(bat->batch->raw[i].n_bytes, 0);
        hrp_put_bytes(&seen, bat->batch->raw[i].reason, strlen(bat->batch->raw[i].reason));
        hrp_put_bytes(&seen, bat->raw_asides[i].reason, strlen(bat->raw_asides[i].reason));
    }
    if (bat->batch != NULL && bat->head.n_rows != 0) {
        assert_int_equal(hrp_cursor_new(bat->batch, &c), 0);
        while (hrp_cursor_json(c, &seen) == 0)
            ;
        hrp_cursor_free(c);
    }
    for (unsigned i = 0; i < sizeof secrets / sizeof *secrets; i++)
        assert_false(holds(seen.p, seen.n, secrets[i]));
    hrp_buf_fini(&seen);
}

static char *row_json(const struct hrd_batch_msg *bat, uint32_t row)
{
    struct hrp_buf out = HRP_BUF_INIT;
    struct hrp_cursor *c;

    assert_int_equal(hrp_cursor_new(bat->batch, &c), 0);
    for (uint32_t i = 0; i < row; i++)
        assert_int_equal(hrp_cursor_skip(c), 0);
    assert_int_equal(hrp_cursor_json(c, &out), 0);
    hrp_cursor_free(c);
    hrp_put_u8(&out, 0);
    return (char *)out.p;
}

/* ---- tests ---- */

static void hashed_wherever_it_stands(void **state)
{
    struct hrd_batch_msg *bat = visits();
    char *first, *last, *second;

    assert_int_equal(hrd_ingest_body(bat, &type, &hrp_limits_default), 0);
    assert_non_null(bat->batch);
    expect_clean(bat);
    first = row_json(bat, 0);
    second = row_json(bat, 1);
    last = row_json(bat, 3);
    assert_non_null(strstr(first, "\"email\":\"" ADA_HASH "\""));
    assert_non_null(strstr(first, "\"\",")); /* an empty one stays */
    assert_non_null(strstr(first, ADA_HASH "\"],")); /* the same value, in another field */
    assert_non_null(strstr(first, "\"page\":\"/\""));
    assert_non_null(strstr(second, "\"email\":\"" ADA_HASH "\""));
    assert_non_null(strstr(second, "\"age\":7"));
    assert_string_equal(last, "{\"email\":\"\",\"seconds\":0,\"device\":\"\",\"person\":{\"name\":\"\",\"age\":0},\"guest\":5,\"page\":\"\"}");
    hrp_free(first);
    hrp_free(second);
    hrp_free(last);
    hrd_msg_free(&bat->msg);
}

static void all_else_stays(void **state)
{
    struct hrd_batch_msg *bat = visits(), *was = visits();
    struct hrp_batch *clear;

    assert_int_equal(hrd_ingest_body(bat, &type, &hrp_limits_default), 0);
    assert_int_equal(hrp_batch_open(was->bytes, was->n_bytes, visit, &hrp_limits_default, &clear, NULL), 0);
    assert_int_equal(bat->head.batch_id, 42);
    assert_int_equal(bat->head.type_id, 3);
    assert_memory_equal(&bat->head.incarnation, &test_incarnation, sizeof test_incarnation);
    assert_int_equal(bat->head.n_segments, was->head.n_segments);
    for (uint32_t i = 0; i < was->head.n_segments; i++) {
        assert_int_equal(bat->head.segments[i].lane, was->head.segments[i].lane);
        assert_int_equal(bat->head.segments[i].kind, was->head.segments[i].kind);
        assert_int_equal(bat->head.segments[i].first_n, was->head.segments[i].first_n);
        assert_int_equal(bat->head.segments[i].count, was->head.segments[i].count);
    }
    assert_memory_equal(bat->batch->event_time_ns, clear->event_time_ns, 4 * sizeof *clear->event_time_ns);
    assert_memory_equal(bat->batch->weight, clear->weight, 4 * sizeof *clear->weight);
    assert_int_equal(bat->sizes.header + bat->sizes.envelope + bat->sizes.fields + bat->sizes.raw, bat->n_bytes);
    hrp_batch_free(clear);
    hrd_msg_free(&was->msg);
    hrd_msg_free(&bat->msg);
}

/* The mail address is one when it is checked; what is set aside for other reasons has the hash. */
static void rules_see_the_clear_value(void **state)
{
    struct hrd_batch_msg *bat = visits();
    struct hrp_buf json = HRP_BUF_INIT;
    char *second;

    assert_int_equal(hrd_ingest_body(bat, &type, &hrp_limits_default), 0);
    assert_int_equal(bat->n_asides, 3); /* an empty address is none, too */
    assert_int_equal(bat->asides[0].row, 1);
    assert_string_equal(bat->asides[0].reason, "seconds: must be greater than or equal to 0");
    assert_int_equal(bat->asides[1].row, 2);
    assert_int_equal(strncmp(bat->asides[1].reason, "email: ", 7), 0);
    assert_int_equal(hrp_json_from_wire(visit, bat->aside_bytes.p + bat->asides[0].at, bat->asides[0].n_bytes, &json, NULL), 0);
    hrp_put_u8(&json, 0);
    second = row_json(bat, 1);
    assert_string_equal((char *)json.p, second);
    hrp_free(second);
    hrp_buf_fini(&json);
    hrd_msg_free(&bat->msg);
}

static void raw_rows_keep_no_bytes(void **state)
{
    struct hrd_batch_msg *bat = raw_rows();

    assert_int_equal(hrd_ingest_body(bat, &type, &hrp_limits_default), 0);
    expect_clean(bat);
    assert_non_null(strstr(bat->raw_asides[0].reason, "seconds: not of its type"));
    assert_string_equal(bat->raw_asides[1].reason, "seconds: expected an integer, found something else");
    hrd_msg_free(&bat->msg);
}

static void what_cannot_be_read_is_not_kept(void **state)
{
    struct hrd_batch_msg *bat = visits();

    bat->bytes[bat->n_bytes - 1] ^= 1;
    assert_int_equal(hrd_ingest_body(bat, &type, &hrp_limits_default), 0);
    assert_null(bat->batch);
    assert_int_equal(bat->n_bytes, 0);
    assert_true(bat->reason[0] != '\0');
    hrd_msg_free(&bat->msg);

    bat = visits();
    type.personal = NULL; /* nor what could not be hashed */
    assert_int_equal(hrd_ingest_body(bat, &type, &hrp_limits_default), 0);
    type.personal = key;
    assert_null(bat->batch);
    assert_int_equal(bat->n_bytes, 0);
    hrd_msg_free(&bat->msg);
}

/* As many rows as a batch can have, each value its own, and as short as can be: the hashes take many times their room. */
static void a_full_batch_grows(void **state)
{
    struct hrp_builder *b = test_builder(visit);
    struct hrp_buf row = HRP_BUF_INIT;
    struct hrd_batch_msg *bat;
    struct hrp_rules *with = rules;
    uint32_t n = 0;
    int r = 0;

    while (r == 0) {
        hrp_buf_clear(&row);
        hrp_put_fmt(&row, "\x1a\x03%03u\x22\x02%02u\x22\x02%02u\x3a\x03%03u", n % 1000, n % 100, n / 100 % 100, n / 1000);
        r = hrp_builder_add(b, 0, 1 + n, 1, 1, 0, row.p, row.n, NULL);
        n += r == 0;
    }
    assert_int_equal(r, HR_EFULL);
    bat = of(b);
    type.rules = NULL;
    assert_int_equal(hrd_ingest_body(bat, &type, &hrp_limits_default), 0);
    type.rules = with;
    assert_non_null(bat->batch);
    assert_int_equal(bat->head.n_rows, n);
    hrp_buf_fini(&row);
    hrd_msg_free(&bat->msg);
}

static void the_key_is_made_once(void **state)
{
    char dir[] = "/tmp/headrace-key.XXXXXX", path[64];
    struct hrd_personal *p, *again;
    struct hr_error err = {0, ""};
    uint8_t a[HRD_PERSONAL_HASH_BYTES], b[HRD_PERSONAL_HASH_BYTES];
    struct stat st;

    assert_non_null(mkdtemp(dir));
    snprintf(path, sizeof path, "%s/personal.key", dir);
    assert_int_equal(hrd_personal_open(path, &p, &err), 0);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    assert_int_equal(st.st_size, 32);
    assert_int_equal(hrd_personal_open(path, &again, &err), 0);
    assert_int_equal(hrd_personal_hash(p, "x", 1, a), 0);
    assert_int_equal(hrd_personal_hash(again, "x", 1, b), 0);
    assert_memory_equal(a, b, sizeof a);
    assert_int_equal(hrd_personal_hash(key, "x", 1, b), 0);
    assert_memory_not_equal(a, b, sizeof a);
    hrd_personal_free(p);
    hrd_personal_free(again);

    assert_int_equal(chmod(path, 0640), 0);
    assert_int_equal(hrd_personal_open(path, &p, &err), HR_EINVAL);
    assert_non_null(strstr(err.text, "others than its owner may read it"));
    assert_int_equal(chmod(path, 0600), 0);
    assert_int_equal(truncate(path, 31), 0);
    assert_int_equal(hrd_personal_open(path, &p, &err), HR_EINVAL);
    assert_non_null(strstr(err.text, "31 bytes instead of 32"));
    unlink(path);
    rmdir(dir);
    assert_int_not_equal(hrd_personal_open(path, &p, &err), 0); /* no such folder */
    assert_non_null(strstr(err.text, "personal_key_file: "));
}

#ifdef HRP_FAULTS
static void every_allocation_fails_once(void **state)
{
    int r = HR_ENOMEM;

    for (unsigned long n = 1; r != 0; n++) {
        struct hrd_batch_msg *bat = visits();

        hrp_alloc_fail_at(n);
        r = hrd_ingest_body(bat, &type, &hrp_limits_default);
        hrp_alloc_fail_at(0);
        assert_true(r == 0 || r == HR_ENOMEM);
        if (r == 0)
            expect_clean(bat);
        else
            assert_null(bat->batch);
        hrd_msg_free(&bat->msg);
    }
}
#endif

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hashed_wherever_it_stands),
        cmocka_unit_test(all_else_stays),
        cmocka_unit_test(rules_see_the_clear_value),
        cmocka_unit_test(raw_rows_keep_no_bytes),
        cmocka_unit_test(what_cannot_be_read_is_not_kept),
        cmocka_unit_test(a_full_batch_grows),
        cmocka_unit_test(the_key_is_made_once),
#ifdef HRP_FAULTS
        cmocka_unit_test(every_allocation_fails_once),
#endif
    };

    return cmocka_run_group_tests(tests, open_all, close_all);
}
