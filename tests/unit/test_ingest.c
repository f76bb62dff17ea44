/* From a batch's bytes to rows that can be stored, or to a reason why not. */
#include "unit.h"
#include "alloc.h"
#include "ingest.h"
#include "schemas.h"
#include <stdlib.h>
#include <string.h>

static struct hrp_schema *flight;
static struct hrd_ingest_type flights = {.policy = &hrd_policy_default};

static int open_flight(void **state)
{
    flight = test_flight_schema();
    flights.schema = flight;
    return 0;
}

static int close_flight(void **state)
{
    hrp_schema_unref(flight);
    return 0;
}

/* Rows 1..n_rows, each whose number is divisible by `every` marked (0: none); then n_raw raw rows; then three drops. */
static struct hrd_batch_msg *made(uint32_t n_rows, uint32_t every, uint32_t n_raw)
{
    struct hrp_id inc = {{1, 2, 3}};
    struct hrd_batch_msg *bat = hrd_batch_msg_new();
    struct hrp_buf row = HRP_BUF_INIT, out = HRP_BUF_INIT;
    struct hrp_builder *b;

    assert_int_equal(hrp_builder_new(flight, &b), 0);
    for (uint32_t i = 1; i <= n_rows; i++) {
        hrp_buf_clear(&row);
        test_flight_row(&row, i, (int32_t)i, 0, "SFO", "");
        assert_int_equal(
            hrp_builder_add(b, 0, i, 1000 + i, 1, every != 0 && i % every == 0 ? HRP_ROW_INVALID : 0, row.p, row.n, NULL), 0);
    }
    for (uint32_t i = 1; i <= n_raw; i++)
        assert_int_equal(hrp_builder_add_raw(b, 0, n_rows + i, 1000, "why", (const uint8_t *)"{}", 2), 0);
    assert_int_equal(hrp_builder_add_drop(b, 0, n_rows + n_raw + 1, 3, HRP_DROP_FULL), 0);
    assert_int_equal(hrp_builder_seal(b, &inc, 5, 6, &out), 0);
    bat->bytes = hrp_memdup(out.p, out.n);
    bat->n_bytes = out.n;
    hrp_buf_fini(&out);
    hrp_buf_fini(&row);
    hrp_builder_free(b);
    return bat;
}

static struct hrd_batch_msg *head_read(struct hrd_batch_msg *bat)
{
    assert_int_equal(hrd_ingest_head(bat, &hrp_limits_default), 0);
    return bat;
}

static void a_good_batch(void **state)
{
    struct hrd_batch_msg *bat = head_read(made(10, 0, 2));

    assert_int_equal(bat->head.n_rows, 10);
    assert_int_equal(bat->head.n_raw, 2);
    assert_int_equal(bat->head.n_segments, 3);
    assert_int_equal(hrd_ingest_body(bat, &flights, &hrp_limits_default), 0);
    assert_non_null(bat->batch);
    assert_string_equal(bat->reason, "");
    assert_int_equal(bat->n_asides, 0);
    assert_int_equal(bat->sizes.header + bat->sizes.envelope + bat->sizes.fields + bat->sizes.raw, bat->n_bytes);
    hrd_msg_free(&bat->msg);
}

static void marked_rows_are_set_aside_in_order(void **state)
{
    struct hrd_batch_msg *bat = head_read(made(10, 3, 0));
    struct hrp_buf row = HRP_BUF_INIT;

    assert_int_equal(hrd_ingest_body(bat, &flights, &hrp_limits_default), 0);
    assert_int_equal(bat->n_asides, 3);
    for (uint32_t i = 0; i < 3; i++) {
        assert_int_equal(bat->asides[i].row, 3 * i + 2);
        assert_true(bat->asides[i].reason[0] != '\0');
        hrp_buf_clear(&row);
        test_flight_row(&row, 3 * i + 3, (int32_t)(3 * i + 3), 0, "SFO", "");
        assert_int_equal(bat->asides[i].n_bytes, row.n);
        assert_memory_equal(bat->aside_bytes.p + bat->asides[i].at, row.p, row.n);
    }
    hrp_buf_fini(&row);
    hrd_msg_free(&bat->msg);
}

static void refused_schema(void **state)
{
    struct hrd_batch_msg *bat = head_read(made(10, 0, 2));

    struct hrd_ingest_type refused = {.policy = &hrd_policy_default, .refusal = ""};

    assert_int_equal(hrd_ingest_body(bat, &refused, &hrp_limits_default), 0);
    assert_null(bat->batch);
    assert_string_equal(bat->reason, "its schema was refused");
    hrd_msg_free(&bat->msg);

    bat = head_read(made(10, 0, 2));
    refused.refusal = "shop.proto:3: no";
    assert_int_equal(hrd_ingest_body(bat, &refused, &hrp_limits_default), 0);
    assert_string_equal(bat->reason, "shop.proto:3: no");
    hrd_msg_free(&bat->msg);

    bat = head_read(made(0, 0, 2)); /* raw rows have no types to be refused */
    assert_int_equal(hrd_ingest_body(bat, &refused, &hrp_limits_default), 0);
    assert_non_null(bat->batch);
    assert_int_equal(bat->batch->head.n_raw, 2);
    hrd_msg_free(&bat->msg);
}

/* Each byte changed: the header is unreadable, or the batch is set aside whole, by its header; never half a batch. */
static void any_changed_byte(void **state)
{
    struct hrd_batch_msg *whole = made(40, 7, 3);

    for (size_t i = 0; i < whole->n_bytes; i++) {
        struct hrd_batch_msg *bat = hrd_batch_msg_new();

        bat->bytes = hrp_memdup(whole->bytes, whole->n_bytes);
        bat->n_bytes = whole->n_bytes;
        bat->bytes[i] ^= 0x10;
        if (hrd_ingest_head(bat, &hrp_limits_default) == 0) {
            assert_int_equal(bat->head.n_rows, 40);
            assert_int_equal(hrd_ingest_body(bat, &flights, &hrp_limits_default), 0);
            assert_null(bat->batch);
            assert_int_equal(bat->n_asides, 0);
            assert_non_null(strstr(bat->reason, "can't be decoded"));
        }
        hrd_msg_free(&bat->msg);
    }
    hrd_msg_free(&whole->msg);
}

static void cut_off(void **state)
{
    struct hrd_batch_msg *bat = made(40, 0, 0);
    size_t header;

    bat = head_read(bat);
    header = bat->head.header_bytes;
    hrp_batch_head_fini(&bat->head);
    bat->n_bytes = header;
    bat = head_read(bat);
    assert_int_equal(hrd_ingest_body(bat, &flights, &hrp_limits_default), 0);
    assert_null(bat->batch);
    assert_non_null(strstr(bat->reason, "can't be decoded"));
    hrd_msg_free(&bat->msg);
}

static void more_than_the_limits(void **state)
{
    struct hrp_limits lim = hrp_limits_default;
    struct hrd_batch_msg *bat = made(40, 0, 0);

    lim.rows = 39;
    assert_int_equal(hrd_ingest_head(bat, &lim), HR_ELIMIT);
    hrd_msg_free(&bat->msg);

    lim = hrp_limits_default;
    lim.decoded_bytes = 100;
    bat = head_read(made(40, 0, 0));
    assert_int_equal(hrd_ingest_body(bat, &flights, &lim), 0);
    assert_null(bat->batch);
    assert_non_null(strstr(bat->reason, "can't be decoded"));
    hrd_msg_free(&bat->msg);
}

static void no_memory_at_any_point(void **state)
{
    struct hrd_batch_msg *bat = head_read(made(40, 7, 3));
    unsigned long n = 0;
    int r;

    if (!unit_faults()) {
        hrd_msg_free(&bat->msg);
        skip();
    }
    do {
        hrp_alloc_fail_at(++n);
        r = hrd_ingest_body(bat, &flights, &hrp_limits_default);
        hrp_alloc_fail_at(0);
        assert_true(r == 0 || r == HR_ENOMEM);
        assert_true(r == 0 || (bat->batch == NULL && bat->asides == NULL && bat->n_asides == 0));
    } while (r != 0);
    assert_true(n > 3);
    assert_int_equal(bat->n_asides, 5);
    hrd_msg_free(&bat->msg);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_good_batch), cmocka_unit_test(marked_rows_are_set_aside_in_order), cmocka_unit_test(refused_schema),
        cmocka_unit_test(any_changed_byte), cmocka_unit_test(cut_off), cmocka_unit_test(more_than_the_limits),
        cmocka_unit_test(no_memory_at_any_point),
    };

    return cmocka_run_group_tests(tests, open_flight, close_flight);
}
