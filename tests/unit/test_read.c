/* Reading a stream back: from any offset, through selections, past what is damaged or gone. */
#include "read.h"
#include "alloc.h"
#include "commit_kit.h"
#include "unit.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MOST 256u

struct fixture {
    struct ck ck;
    uint64_t next_n;
};
/* What one reading found. */
struct got {
    uint64_t n_of[MOST];                 /* by offset; 0: not seen */
    uint64_t rows, gap_rows, gaps;
    char causes[64];
};

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);

    ck_init(&f->ck);
    ck_start(&f->ck, 1);
    f->next_n = 1;
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    ck_fini(&f->ck);
    free(f);
    return 0;
}

static void commit(struct fixture *f, uint64_t rows)
{
    assert_int_equal(ck_commit(&f->ck, ck_rows(&f->ck, 1, 0, f->next_n, rows)).accepted, rows);
    f->next_n += rows;
}

/* Offsets 0..29: n 1..30. Two blocks with selections: resends in front of the rows, and around them. */
static void fill(struct fixture *f)
{
    commit(f, 10);
    assert_int_equal(ck_commit(&f->ck, ck_rows(&f->ck, 1, 0, 6, 10)).accepted, 5); /* n 6..10 are known */
    f->next_n = 16;
    commit(f, 5);
    f->next_n = 26;
    assert_int_equal(ck_commit(&f->ck, ck_rows(&f->ck, 1, 0, 18, 10)).accepted, 7); /* n 18..20 are known */
    assert_int_equal(ck_commit(&f->ck, ck_rows(&f->ck, 1, 0, 26, 5)).accepted, 3);
    f->next_n = 31;
}

static void read_rows(const struct hrd_read_block *blk, uint64_t from, struct got *got)
{
    struct hrd_rows *rows;
    struct hrp_row_id id;
    uint64_t offset;

    assert_int_equal(hrd_rows_open(blk, from, &rows), 0);
    while (hrd_rows_next(rows, &id, &offset) == 1) {
        assert_true(offset < MOST && offset >= from && got->n_of[offset] == 0);
        got->n_of[offset] = id.n;
        got->rows++;
        assert_int_equal(hrd_rows_skip(rows), 0);
    }
    hrd_rows_free(rows);
}

static struct hrd_reader *open_reader(struct fixture *f, uint64_t from)
{
    struct hrd_reader *reader;

    assert_int_equal(hrd_reader_open(f->ck.log, f->ck.reg, f->ck.stream_id, from, &reader), 0);
    return reader;
}

static struct got read_from(struct fixture *f, uint64_t from, const struct hrd_times *times)
{
    struct got got = {.rows = 0};
    struct hrd_reader *reader = open_reader(f, from);
    const struct hrd_read_block *blk;
    struct hrd_gap gap;
    int r;

    if (times != NULL)
        hrd_reader_times(reader, times);
    while ((r = hrd_reader_next(reader, &blk, &gap)) > 0) {
        if (r == 1) {
            read_rows(blk, from, &got);
        } else {
            got.gaps++;
            got.gap_rows += gap.to - gap.from;
            strncat(got.causes, gap.cause, sizeof got.causes - strlen(got.causes) - 1);
        }
    }
    assert_int_equal(r, 0);
    hrd_reader_free(reader);
    return got;
}

static void change(struct fixture *f, enum hrd_cf cf, uint64_t first_offset, const char *value) /* NULL: delete */
{
    struct hrd_group g;
    uint8_t key[12];

    hrd_block_key(f->ck.stream_id, first_offset, key);
    hrd_group_init(&g);
    if (value != NULL)
        hrd_group_put(&g, cf, key, sizeof key, value, strlen(value));
    else
        hrd_group_del(&g, cf, key, sizeof key);
    assert_int_equal(f->ck.log->ops->commit(f->ck.log, &g), 0);
    hrd_group_fini(&g);
}

/* ---- tests ---- */

static void test_from_every_offset(void **state)
{
    struct fixture *f = *state;

    fill(f);
    for (uint64_t from = 0; from <= 31; from++) {
        struct got got = read_from(f, from, NULL);

        assert_int_equal(got.rows, from < 30 ? 30 - from : 0);
        assert_int_equal(got.gaps, 0);
        for (uint64_t i = from; i < 30; i++)
            assert_int_equal(got.n_of[i], i + 1);
    }
}

static void test_a_reader_goes_on_where_the_stream_grew(void **state)
{
    struct fixture *f = *state;
    struct hrd_reader *reader = open_reader(f, 0);
    const struct hrd_read_block *blk;
    struct hrd_gap gap;

    assert_int_equal(hrd_reader_next(reader, &blk, &gap), 0);
    for (unsigned i = 0; i < 3; i++) {
        commit(f, 4);
        assert_int_equal(hrd_reader_next(reader, &blk, &gap), 1);
        assert_int_equal(blk->head.first_offset, i * 4);
        assert_int_equal(hrd_reader_offset(reader), i * 4 + 4);
        assert_int_equal(hrd_reader_next(reader, &blk, &gap), 0);
    }
    hrd_reader_free(reader);
}

static void test_streams_do_not_run_into_each_other(void **state)
{
    struct fixture *f = *state;
    struct hrd_reader *reader;
    const struct hrd_read_block *blk;
    struct hrd_gap gap;
    uint64_t end;

    commit(f, 4);
    for (int away = -1; away <= 1; away += 2) {
        assert_int_equal(hrd_reader_open(f->ck.log, f->ck.reg, f->ck.stream_id + (uint32_t)away, 0, &reader), 0);
        assert_int_equal(hrd_reader_next(reader, &blk, &gap), 0);
        hrd_reader_free(reader);
        assert_int_equal(hrd_stream_end(f->ck.log, f->ck.stream_id + (uint32_t)away, &end), 0);
        assert_int_equal(end, 0);
    }
    assert_int_equal(hrd_stream_end(f->ck.log, f->ck.stream_id, &end), 0);
    assert_int_equal(end, 4);
}

static void test_a_damaged_block_is_a_gap(void **state)
{
    struct fixture *f = *state;
    struct got got;

    fill(f);
    change(f, HRD_CF_BLOCKS, 10, "damage");
    got = read_from(f, 0, NULL);
    assert_int_equal(got.rows, 25);
    assert_int_equal(got.gap_rows, 5);
    assert_string_equal(got.causes, "damaged");
    assert_int_equal(read_from(f, 12, NULL).gap_rows, 3); /* from within it */
    change(f, HRD_CF_BLOCKS, 10, NULL);
    assert_int_equal(read_from(f, 0, NULL).gap_rows, 5);
}

static void test_a_damaged_head_is_a_gap_up_to_the_next(void **state)
{
    struct fixture *f = *state;
    struct got got;
    uint64_t end;

    fill(f);
    change(f, HRD_CF_INDEX, 10, "damage");
    got = read_from(f, 0, NULL);
    assert_int_equal(got.rows, 25);
    assert_int_equal(got.gap_rows, 5);
    change(f, HRD_CF_INDEX, 27, "damage"); /* the last one: how far it reached, nobody knows yet */
    got = read_from(f, 0, NULL);
    assert_int_equal(got.rows, 22);
    assert_int_equal(got.gap_rows, 5);
    assert_int_equal(hrd_stream_end(f->ck.log, f->ck.stream_id, &end), 0);
    assert_true(end == UINT64_MAX);
    commit(f, 2);
    got = read_from(f, 0, NULL);
    assert_int_equal(got.rows, 24);
    assert_int_equal(got.gap_rows, 8);
}

static void test_what_is_gone_is_a_gap(void **state)
{
    struct fixture *f = *state;
    struct got got;

    fill(f);
    for (unsigned i = 0; i < 2; i++) {
        change(f, HRD_CF_INDEX, i * 10, NULL);
        change(f, HRD_CF_BLOCKS, i * 10, NULL);
    }
    got = read_from(f, 0, NULL);
    assert_int_equal(got.rows, 15);
    assert_int_equal(got.gap_rows, 15);
    assert_string_equal(got.causes, "retention");
}

static void test_times_pass_blocks_unread(void **state)
{
    struct fixture *f = *state;
    struct hrd_times times = HRD_TIMES_ALL;

    for (unsigned i = 0; i < 5; i++) {
        commit(f, 10);
        f->ck.now_ns += 1000;
    }
    change(f, HRD_CF_BLOCKS, 0, "damage"); /* passed by its head, so nobody sees it */
    times.receive_since_ns = CK_TIME_NS + 1000;
    times.receive_until_ns = CK_TIME_NS + 3000;
    assert_int_equal(read_from(f, 0, &times).rows, 20);
    assert_int_equal(read_from(f, 0, &times).gaps, 0);
    times = HRD_TIMES_ALL;
    times.event_since_ns = CK_TIME_NS + 45; /* n 45 is in the block of 41..50 */
    assert_int_equal(read_from(f, 0, &times).rows, 10);
}

static void test_heads_alone(void **state)
{
    struct fixture *f = *state;
    const struct hrd_read_block *blk;
    struct hrd_reader *reader;
    struct hrd_gap gap;
    uint64_t at = 0;

    fill(f);
    change(f, HRD_CF_BLOCKS, 10, "damage"); /* not read, not seen */
    reader = open_reader(f, 0);
    while (hrd_reader_next_head(reader, &blk, &gap) == 1) {
        assert_int_equal(blk->head.first_offset, at);
        assert_null(blk->batch);
        at += blk->head.n_rows;
        assert_int_equal(hrd_reader_offset(reader), at);
    }
    assert_int_equal(at, 30);
    hrd_reader_free(reader);
}

static void test_an_event_as_json(void **state)
{
    struct fixture *f = *state;
    struct hrd_reader *reader;
    const struct hrd_read_block *blk;
    struct hrp_buf out = HRP_BUF_INIT;
    struct hrd_rows *rows;
    struct hrp_row_id id;
    struct hrd_gap gap;
    uint64_t offset;

    commit(f, 3);
    reader = open_reader(f, 0);
    assert_int_equal(hrd_reader_next(reader, &blk, &gap), 1);
    assert_int_equal(hrd_rows_open(blk, 1, &rows), 0);
    assert_int_equal(hrd_rows_next(rows, &id, &offset), 1);
    assert_int_equal(offset, 1);
    assert_int_equal(hrd_rows_json(rows, "a\"b", "", &out), 0);
    hrp_put_u8(&out, '\0');
    assert_string_equal((const char *)out.p,
                        "{\"offset\":1,\"event_time\":\"2027-01-15T08:00:00.000000002Z\",\"receive_time\":\"2027-01-15T08:00:00.000000000Z\","
                        "\"incarnation\":\"c0000100000000000000000000000000\",\"lane\":0,\"n\":2,\"app\":\"a\\\"b\",\"version\":\"\","
                        "\"data\":{\"time_us\":1800000000000000,\"delay\":2,\"distance\":0,\"origin\":\"SFO\",\"destination\":\"LAX\"}}");
    hrd_rows_free(rows);
    hrd_reader_free(reader);
    hrp_buf_fini(&out);
}

static void test_every_allocation_may_fail(void **state)
{
    struct fixture *f = *state;
    const struct hrd_read_block *blk = NULL;
    struct hrd_reader *reader;
    struct hrd_gap gap;
    int r = HR_ENOMEM;

    if (!unit_faults())
        skip();
    fill(f);
    for (unsigned n = 1; r == HR_ENOMEM; n++) {
        reader = open_reader(f, 10);
        hrp_alloc_fail_at(n);
        r = hrd_reader_next(reader, &blk, &gap);
        hrp_alloc_fail_at(0);
        assert_true(r == 1 || r == HR_ENOMEM);
        if (r == HR_ENOMEM) { /* and works the next time */
            assert_int_equal(hrd_reader_next(reader, &blk, &gap), 1);
            assert_int_equal(blk->head.first_offset, 10);
        }
        hrd_reader_free(reader);
        assert_true(n < 1000);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_from_every_offset, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_reader_goes_on_where_the_stream_grew, setup, teardown),
        cmocka_unit_test_setup_teardown(test_streams_do_not_run_into_each_other, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_damaged_block_is_a_gap, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_damaged_head_is_a_gap_up_to_the_next, setup, teardown),
        cmocka_unit_test_setup_teardown(test_what_is_gone_is_a_gap, setup, teardown),
        cmocka_unit_test_setup_teardown(test_times_pass_blocks_unread, setup, teardown),
        cmocka_unit_test_setup_teardown(test_heads_alone, setup, teardown),
        cmocka_unit_test_setup_teardown(test_an_event_as_json, setup, teardown),
        cmocka_unit_test_setup_teardown(test_every_allocation_may_fail, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
