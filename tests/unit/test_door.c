/* Through door and committer: a batch of which no row is good, rows that are flagged, and how long the quarantine is kept. */
#include "unit.h"
#include "commit_kit.h"
#include "findings.h"
#include "read.h"
#include "retention.h"
#include <stdio.h>
#include <string.h>

#define DAY_NS INT64_C(86400000000000)

static uint32_t refused_bytes(struct hrd_batch_msg *bat)
{
    return (uint32_t)hrd_findings_bytes(bat);
}

/* As many rows as a batch can have, all set aside by one cause: each is a record, and all of it counts in the queue. */
static void no_row_is_good(void **state)
{
    struct hrd_batch_msg *bat;
    struct ck_verdict v;
    uint64_t n = 65536;
    struct ck k;

    ck_init(&k);
    ck_start(&k, 1);
    bat = ck_rows(&k, 1, 0, 1, n);
    hrd_findings_forget(bat);
    assert_int_equal(hrd_findings_judge(bat, NULL, &hrd_policy_default, "no such thing"), 0);
    assert_int_equal(hrd_findings_keep(bat), 0);
    assert_int_equal(bat->n_asides, n);
    assert_true(refused_bytes(bat) >= n * sizeof *bat->asides + n * sizeof *bat->findings);
    assert_true(refused_bytes(bat) < 64u << 20);
    v = ck_commit(&k, bat);
    assert_int_equal(v.code, HRD_COMMITTED);
    assert_int_equal(v.quarantined, n);
    assert_int_equal(v.accepted, 0);
    ck_sound(&k);
    ck_fini(&k);
}

static void flagged_rows_say_so(void **state)
{
    const struct hrd_read_block *blk;
    struct hrp_buf line = HRP_BUF_INIT;
    struct hrd_batch_msg *bat;
    struct hrd_reader *reader;
    struct hrd_rows *rows;
    struct hrp_row_id id;
    struct hrd_gap gap;
    uint64_t offset;
    struct ck k;

    ck_init(&k);
    ck_start(&k, 1);
    bat = ck_rows(&k, 1, 0, 1, 3);
    assert_int_equal(hrd_ranges_add(&bat->flagged, 1, 2), 0);
    assert_int_equal(ck_commit(&k, bat).accepted, 3);
    assert_int_equal(hrd_reader_open(k.log, k.reg, k.stream_id, 0, &reader), 0);
    assert_int_equal(hrd_reader_next(reader, &blk, &gap), 1);
    assert_int_equal(hrd_rows_open(blk, 0, &rows), 0);
    for (unsigned i = 0; i < 3; i++) {
        hrp_buf_clear(&line);
        assert_int_equal(hrd_rows_next(rows, &id, &offset), 1);
        assert_int_equal(hrd_rows_json(rows, "", "", &line), 0);
        hrp_put_u8(&line, 0);
        assert_int_equal(strstr((char *)line.p, ",\"flagged\":true,\"data\":") != NULL, i == 1);
        assert_null(strstr((char *)line.p, "\"flags\""));
    }
    hrp_buf_fini(&line);
    hrd_rows_free(rows);
    hrd_reader_free(reader);
    ck_fini(&k);
}

/* ---- retention ---- */

static void set_aside(struct ck *k, uint64_t first_n, uint64_t count)
{
    struct hrd_batch_msg *bat = ck_rows(k, 1, 0, first_n, count);

    hrd_findings_forget(bat);
    assert_int_equal(hrd_findings_refuse(bat, "headrace.test", "no"), 0);
    assert_int_equal(ck_commit(k, bat).quarantined, count);
}

/* Numbers that are left of the first stream; *ret_bytes: their keys and values. */
static uint64_t left(struct ck *k, uint64_t *ret_first, uint64_t *ret_bytes)
{
    struct hrd_snapshot *snap;
    struct hrd_iter *it;
    const uint8_t *key, *value;
    size_t n_key, n_value;
    uint64_t n = 0;

    *ret_bytes = 0;
    assert_int_equal(k->log->ops->snapshot(k->log, &snap), 0);
    assert_int_equal(k->log->ops->iter(snap, HRD_CF_QUARANTINE, "", 0, &it), 0);
    while (k->log->ops->next(it, &key, &n_key, &value, &n_value) == 1) {
        if (n++ == 0)
            *ret_first = hrd_block_number(key);
        *ret_bytes += n_key + n_value;
    }
    k->log->ops->iter_free(it);
    k->log->ops->snapshot_free(snap);
    return n;
}

/* All streams once, each step committed before the next. */
static void retain(struct ck *k, struct hrd_retention *ret)
{
    int r = 1;

    for (unsigned steps = 0; r == 1; steps++) {
        struct hrd_puts_msg *puts = hrd_puts_msg_new();

        assert_true(steps < 100);
        r = hrd_retention_step(ret, k->now_ns, &puts->group);
        assert_true(r >= 0);
        assert_true(puts->group.n_puts <= 4096);
        ck_add(k, puts);
        ck_settle(k);
        hrd_msg_free(&((struct hrd_puts_msg *)ck_answer(k, HRD_MSG_PUTS_DONE))->msg);
    }
}

static void by_age_and_by_bytes(void **state)
{
    struct hrd_retention_cfg cfg = {.age_ns = 30 * DAY_NS};
    struct hrd_retention ret;
    uint64_t first, bytes, before, accepted;
    struct hrd_lane_record was;
    struct ck_audit a;
    struct ck k;

    ck_init(&k);
    ck_start(&k, 1);
    set_aside(&k, 1, 6000); /* more than one step */
    k.now_ns += 20 * DAY_NS;
    set_aside(&k, 6001, 1000);
    hrd_retention_init(&ret, k.log, &cfg);
    retain(&k, &ret);
    assert_int_equal(left(&k, &first, &bytes), 7000);

    ck_audit(&k, &a);
    was = *ck_lane(&a, 1, k.stream_id, 0);
    ck_audit_fini(&a);
    k.now_ns += 15 * DAY_NS;
    retain(&k, &ret);
    assert_int_equal(left(&k, &first, &bytes), 1000);
    assert_int_equal(hrd_committer_counters(k.cm)->quarantine_expired, 6000);

    before = bytes;
    cfg.bytes = before / 2;
    hrd_retention_init(&ret, k.log, &cfg);
    retain(&k, &ret);
    accepted = left(&k, &first, &bytes);
    assert_true(bytes <= before / 2 && bytes > before / 2 - 1000);
    assert_true(accepted > 490 && accepted <= 500);
    ck_audit(&k, &a); /* its terms are what they were */
    assert_int_equal(ck_lane(&a, 1, k.stream_id, 0)->quarantined, was.quarantined);
    assert_int_equal(was.quarantined, 7000);
    ck_audit_fini(&a);

    retain(&k, &ret); /* and nothing more goes */
    assert_int_equal(left(&k, &first, &bytes), accepted);
    ck_fini(&k);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_row_is_good),
        cmocka_unit_test(flagged_rows_say_so),
        cmocka_unit_test(by_age_and_by_bytes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
