/* The log of headraced --micro: what it counts, what it forgets, and that a lack of memory costs nothing but counts. */
#include "unit.h"
#include "alloc.h"
#include "block.h"
#include "micro.h"
#include <string.h>

static struct hrd_log *log_of(uint64_t cap_bytes)
{
    struct hrd_log *log;

    assert_int_equal(hrd_micro_open(cap_bytes, &log), 0);
    return log;
}

/* Blocks of batch_bytes nothings: the log looks at the head alone. */
static void put_block(struct hrd_group *g, uint32_t stream_id, uint64_t first, uint32_t n_rows, uint32_t n_flagged, uint64_t batch_bytes)
{
    struct hrd_range flagged = {1, 1 + n_flagged};
    struct hrd_block_head head = {.stream_id = stream_id, .schema_id = 1, .first_offset = first, .n_rows = n_rows, .receive_time_ns = 1,
                                  .n_flagged = n_flagged != 0, .flagged = n_flagged != 0 ? &flagged : NULL, .batch_bytes = batch_bytes};
    struct hrp_buf text = HRP_BUF_INIT;
    uint8_t key[12], *batch = hrp_calloc(1, batch_bytes + 1);

    hrd_block_head_put(&text, &head);
    hrd_block_key(stream_id, first, key);
    hrd_group_put(g, HRD_CF_INDEX, key, sizeof key, text.p, text.n);
    hrd_group_put2(g, HRD_CF_BLOCKS, key, sizeof key, text.p, text.n, batch, batch_bytes);
    hrp_buf_fini(&text);
    hrp_free(batch);
}

static void put_bad(struct hrd_group *g, uint32_t stream_id, uint64_t number, uint64_t n_count)
{
    struct hrd_quarantined q = {.stream_id = stream_id, .app = "", .version = "", .reason = "bad", .bytes = (const uint8_t *)"x", .n_bytes = 1,
                                .n_count = n_count};
    struct hrp_buf text = HRP_BUF_INIT;
    uint8_t key[12];

    hrd_quarantined_put(&text, &q);
    hrd_block_key(stream_id, number, key);
    hrd_group_put(g, HRD_CF_QUARANTINE, key, sizeof key, text.p, text.n);
    hrp_buf_fini(&text);
}

static int commit(struct hrd_log *log, struct hrd_group *g)
{
    int r = log->ops->commit(log, g);

    hrd_group_fini(g);
    hrd_group_init(g);
    return r;
}

static void counts(struct hrd_log *log, uint32_t stream_id, uint64_t good, uint64_t flagged, uint64_t bad, uint64_t forgotten_good,
                   uint64_t forgotten_bad)
{
    struct hrd_micro_counts c;

    hrd_micro_counts(log, stream_id, &c);
    assert_int_equal(c.good, good);
    assert_int_equal(c.flagged, flagged);
    assert_int_equal(c.bad, bad);
    assert_int_equal(c.forgotten_good, forgotten_good);
    assert_int_equal(c.forgotten_bad, forgotten_bad);
}

static bool there(struct hrd_log *log, enum hrd_cf cf, uint32_t stream_id, uint64_t number)
{
    struct hrp_buf value = HRP_BUF_INIT;
    struct hrd_snapshot *snap;
    uint8_t key[12];
    int r;

    hrd_block_key(stream_id, number, key);
    assert_int_equal(log->ops->snapshot(log, &snap), 0);
    r = log->ops->get(snap, cf, key, sizeof key, &value);
    log->ops->snapshot_free(snap);
    hrp_buf_fini(&value);
    return r == 0;
}

static void rows_are_counted_by_stream(void **state)
{
    struct hrd_log *log = log_of(1 << 20);
    struct hrd_group g;

    hrd_group_init(&g);
    put_block(&g, 1, 0, 10, 3, 100);
    put_block(&g, 70, 0, 5, 0, 100); /* beyond the first room for streams */
    put_bad(&g, 70, 1, 4);           /* a batch that could not be read stands for four */
    assert_int_equal(commit(log, &g), 0);
    counts(log, 0, 15, 3, 4, 0, 0);
    counts(log, 1, 10, 3, 0, 0, 0);
    counts(log, 70, 5, 0, 4, 0, 0);
    counts(log, 7, 0, 0, 0, 0, 0);
    counts(log, 7000, 0, 0, 0, 0, 0);
    assert_true(there(log, HRD_CF_BLOCKS, 1, 0) && there(log, HRD_CF_INDEX, 70, 0) && there(log, HRD_CF_QUARANTINE, 70, 1));
    hrd_group_fini(&g);
    log->ops->close(log);
}

static void the_oldest_go_whatever_their_stream(void **state)
{
    struct hrd_log *log = log_of(4000);
    struct hrd_group g;

    hrd_group_init(&g);
    put_block(&g, 2, 0, 10, 0, 1500);
    put_bad(&g, 1, 1, 1);
    put_block(&g, 1, 0, 20, 0, 1500);
    assert_int_equal(commit(log, &g), 0);
    counts(log, 0, 30, 0, 1, 0, 0);
    put_block(&g, 1, 20, 5, 0, 1500);
    assert_int_equal(commit(log, &g), 0);
    counts(log, 0, 35, 0, 1, 10, 0);
    assert_false(there(log, HRD_CF_BLOCKS, 2, 0) || there(log, HRD_CF_INDEX, 2, 0));
    assert_true(there(log, HRD_CF_BLOCKS, 1, 0) && there(log, HRD_CF_QUARANTINE, 1, 1));
    assert_true(hrd_micro_bytes(log) <= 4000);
    put_block(&g, 2, 10, 7, 0, 5000); /* larger than all there may be: it goes, too */
    assert_int_equal(commit(log, &g), 0);
    counts(log, 0, 42, 0, 1, 42, 1);
    counts(log, 2, 17, 0, 0, 17, 0);
    assert_int_equal(hrd_micro_bytes(log), 0);
    hrd_group_fini(&g);
    log->ops->close(log);
}

static void a_reset_forgets_what_came_before_it(void **state)
{
    struct hrd_log *log = log_of(1 << 20);
    struct hrd_group g;

    hrd_group_init(&g);
    put_block(&g, 1, 0, 10, 2, 100);
    put_bad(&g, 1, 1, 1);
    assert_int_equal(commit(log, &g), 0);
    hrd_micro_forget_drops(log, 5);
    hrd_group_put(&g, HRD_CF_META, HRD_MICRO_RESET, strlen(HRD_MICRO_RESET), "", 0);
    assert_int_equal(commit(log, &g), 0);
    counts(log, 0, 0, 0, 0, 0, 0);
    counts(log, 1, 0, 0, 0, 0, 0);
    assert_int_equal(hrd_micro_bytes(log), 0);
    assert_int_equal(hrd_micro_drops(log, 7), 2);
    assert_false(there(log, HRD_CF_INDEX, 1, 0) || there(log, HRD_CF_QUARANTINE, 1, 1));
    put_block(&g, 1, 10, 3, 0, 100);
    assert_int_equal(commit(log, &g), 0);
    counts(log, 0, 3, 0, 0, 0, 0);
    hrd_group_fini(&g);
    log->ops->close(log);
}

static void what_others_delete_is_forgotten(void **state)
{
    struct hrd_log *log = log_of(1 << 20);
    struct hrd_group g;
    uint8_t key[12];

    hrd_group_init(&g);
    put_bad(&g, 1, 1, 1);
    put_bad(&g, 1, 2, 1);
    assert_int_equal(commit(log, &g), 0);
    hrd_block_key(1, 2, key); /* a replay: the last one leaves, and a block comes */
    hrd_group_del(&g, HRD_CF_QUARANTINE, key, sizeof key);
    put_block(&g, 1, 0, 1, 0, 100);
    assert_int_equal(commit(log, &g), 0);
    counts(log, 1, 1, 0, 2, 0, 1);
    hrd_block_key(1, 9, key); /* was never there */
    hrd_group_del(&g, HRD_CF_QUARANTINE, key, sizeof key);
    assert_int_equal(commit(log, &g), 0);
    counts(log, 1, 1, 0, 2, 0, 1);
    hrd_group_fini(&g);
    log->ops->close(log);
}

/* Each allocation fails once: either the commit fails and counts nothing, or the rows are there. */
static void no_memory_is_an_error_or_nothing(void **state)
{
    for (unsigned long n = 1;; n++) {
        struct hrd_log *log = log_of(3000);
        struct hrd_micro_counts c;
        struct hrd_group g;
        unsigned long made;
        int r;

        hrd_group_init(&g);
        put_block(&g, 1, 0, 10, 0, 1500);
        assert_int_equal(commit(log, &g), 0);
        put_block(&g, 40, 0, 5, 0, 1500);
        hrp_alloc_fail_at(n);
        r = log->ops->commit(log, &g);
        made = hrp_alloc_fail_at(0);
        hrd_micro_counts(log, 0, &c);
        if (r != 0) {
            assert_int_equal(c.good, 10);
            assert_int_equal(log->ops->reopen(log, NULL), 0);
            assert_int_equal(log->ops->commit(log, &g), 0);
            counts(log, 0, 15, 0, 0, 10, 0);
        } else {
            assert_int_equal(c.good, 15);
            assert_true(there(log, HRD_CF_BLOCKS, 40, 0));
            put_block(&g, 1, 10, 1, 0, 10); /* what could not go then goes now */
            assert_int_equal(commit(log, &g), 0);
            assert_true(hrd_micro_bytes(log) <= 3000);
        }
        hrd_group_fini(&g);
        log->ops->close(log);
        if (made < n)
            return;
    }
}

static void open_fails_cleanly(void **state)
{
    struct hrd_log *log = NULL;
    unsigned long n = 1;

    for (;; n++) {
        int r;

        hrp_alloc_fail_at(n);
        r = hrd_micro_open(1 << 20, &log);
        if (hrp_alloc_fail_at(0) < n) {
            assert_int_equal(r, 0);
            break;
        }
        assert_int_equal(r, HR_ENOMEM);
        assert_null(log);
    }
    assert_true(n > 3 || !unit_faults());
    log->ops->close(log);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_are_counted_by_stream),
        cmocka_unit_test(the_oldest_go_whatever_their_stream),
        cmocka_unit_test(a_reset_forgets_what_came_before_it),
        cmocka_unit_test(what_others_delete_is_forgotten),
        cmocka_unit_test(no_memory_is_an_error_or_nothing),
        cmocka_unit_test(open_fails_cleanly),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
