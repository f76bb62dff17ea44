/* The committer, promise by promise: those of committer.h, and of the ten rules those that are kept here. */
#include "commit_kit.h"
#include "alloc.h"
#include "status.h"
#include "unit.h"
#include <stdlib.h>
#include <string.h>

static int setup(void **state)
{
    struct ck *k = malloc(sizeof *k);

    ck_init(k);
    ck_start(k, 1);
    *state = k;
    return 0;
}

static int teardown(void **state)
{
    struct ck *k = *state;

    if (!hrd_committer_broken(k->cm))
        ck_sound(k);
    ck_fini(k);
    free(k);
    return 0;
}

static struct hrp_segment seg(uint32_t lane, uint8_t kind, uint64_t first_n, uint64_t count)
{
    return (struct hrp_segment){.lane = lane, .kind = kind, .reason = kind == HRP_SEG_DROP ? HRP_DROP_EVICTED : 0, .first_n = first_n, .count = count};
}

static struct hrd_ledger_line line(struct ck *k)
{
    struct hrd_ledger_line sum = {0};
    struct hrd_status *st;

    assert_int_equal(hrd_committer_status(k->cm, k->now_ns, &st), 0);
    for (uint32_t i = 0; i < st->n_lines; i++) {
        const struct hrd_ledger_line *l = &st->lines[i];

        sum.logged += l->logged;
        sum.accepted += l->accepted;
        sum.quarantined += l->quarantined;
        for (unsigned d = 0; d < HRP_DROP_N; d++)
            sum.dropped[d] += l->dropped[d];
        sum.in_flight += l->in_flight;
        sum.missing += l->missing;
        sum.trimmed += l->trimmed;
    }
    hrd_status_unref(st);
    return sum;
}

/* ---- (1) answers after the write ---- */

static void test_no_answer_before_the_write_is_durable(void **state)
{
    struct ck *k = *state;
    struct ck_verdict v;

    ck_add(k, ck_rows(k, 1, 0, 1, 10));
    assert_null(hrd_committer_take(k->cm));
    hrd_log_memory_fail(k->log, 1, false);
    assert_int_equal(hrd_committer_commit(k->cm, k->now_ns), HR_EIO);
    assert_null(hrd_committer_take(k->cm));
    assert_true(hrd_committer_broken(k->cm));
    assert_int_equal(hrd_committer_commit(k->cm, k->now_ns), HR_EAGAIN);
    ck_settle(k);
    v = ck_verdict(k);
    assert_int_equal(v.code, HRD_COMMITTED);
    assert_int_equal(v.accepted, 10);
    assert_int_equal(v.commit, hrd_committer_commits(k->cm));
}

static void test_commit_numbers_go_on_after_a_restart(void **state)
{
    struct ck *k = *state;
    uint64_t before = ck_commit(k, ck_rows(k, 1, 0, 1, 1)).commit;

    ck_crash(k);
    ck_open(k);
    assert_int_equal(hrd_committer_commits(k->cm), before);
    ck_start(k, 1);
    assert_true(ck_commit(k, ck_rows(k, 1, 0, 2, 1)).commit > before);
}

/* ---- (2) unknown outcome ---- */

static void unknown_outcome(struct ck *k, bool applied)
{
    struct ck_verdict v;

    ck_commit(k, ck_rows(k, 1, 0, 1, 5));
    ck_add(k, ck_rows(k, 1, 0, 6, 5));
    ck_add(k, ck_rows(k, 1, 1, 1, 3));
    hrd_log_memory_fail(k->log, 1, applied);
    hrd_log_memory_fail_reopen(k->log, 2);
    assert_int_equal(hrd_committer_commit(k->cm, k->now_ns), HR_EIO);
    ck_settle(k);
    v = ck_verdict(k);
    assert_int_equal(v.code, HRD_COMMITTED);
    assert_int_equal(v.accepted, applied ? 0 : 5);
    assert_int_equal(v.trimmed, applied ? 5 : 0);
    v = ck_verdict(k);
    assert_int_equal(v.accepted, applied ? 0 : 3);
    assert_int_equal(line(k).accepted, 13);
    v = ck_commit(k, ck_rows(k, 1, 0, 6, 5)); /* the client had no ack yet: it sends again */
    assert_int_equal(v.trimmed, 5);
}

static void test_a_write_that_failed_and_was_lost_is_decided_anew(void **state) { unknown_outcome(*state, false); }
static void test_a_write_that_failed_and_was_applied_is_trimmed(void **state) { unknown_outcome(*state, true); }

static void test_learning_a_schema_survives_a_failed_write(void **state)
{
    struct ck *k = *state;
    struct hrd_offer_msg *off;

    for (int applied = 0; applied < 2; applied++) {
        ck_offer(k, 1, applied ? "b.Other" : "a.Refused", NULL);
        ck_offer(k, 1, "Flight", k->schema);
        hrd_log_memory_fail(k->log, 1, applied);
        ck_settle(k);
        off = ck_answer(k, HRD_MSG_VERDICT);
        assert_int_equal(off->stream_id, k->stream_id + 1 + (unsigned)applied);
        assert_int_equal(off->schema_id, 0);
        hrd_msg_free(&off->msg);
        off = ck_answer(k, HRD_MSG_VERDICT);
        assert_true(off->known);
        assert_int_equal(off->schema_id, k->schema_id);
        hrd_msg_free(&off->msg);
    }
    assert_int_equal(hrd_registry_n_streams(k->reg), k->stream_id + 2);
}

static void test_all_of_memory_comes_back_after_a_crash(void **state)
{
    struct ck *k = *state;
    struct hrd_ledger_line before;

    ck_commit(k, ck_rows(k, 1, 0, 1, 7));
    ck_report(k, 1, 0, 21, 10, false);
    ck_settle(k);
    hrd_msg_free(ck_answer(k, HRD_MSG_REPORTED));
    before = line(k);
    assert_int_equal(before.logged, 20);
    assert_int_equal(before.missing, 2);
    assert_int_equal(before.in_flight, 11);
    ck_crash(k);
    ck_open(k);
    assert_int_equal(line(k).missing, 2);
    assert_int_equal(line(k).in_flight, 11);
    ck_start(k, 1);
    assert_int_equal(ck_commit(k, ck_rows(k, 1, 0, 5, 5)).trimmed, 3);
    assert_int_equal(line(k).accepted, 9);
    assert_int_equal(line(k).missing, 0);
}

/* ---- (3) trimming; rules 5 and 6 ---- */

static void test_send_order_is_free(void **state)
{
    struct ck *k = *state;

    assert_int_equal(ck_commit(k, ck_rows(k, 1, 0, 21, 10)).accepted, 10);
    assert_int_equal(ck_commit(k, ck_rows(k, 1, 0, 1, 10)).accepted, 10);
    assert_int_equal(ck_commit(k, ck_rows(k, 1, 0, 11, 10)).accepted, 10);
    assert_int_equal(ck_commit(k, ck_rows(k, 1, 0, 1, 30)).trimmed, 30);
    assert_int_equal(line(k).accepted, 30);
    assert_int_equal(line(k).trimmed, 30);
}

static void test_a_resend_that_overlaps_stores_only_what_is_new(void **state)
{
    struct ck *k = *state;
    struct ck_verdict v;
    struct ck_audit a;

    ck_commit(k, ck_rows(k, 1, 0, 5, 3));
    v = ck_commit(k, ck_rows(k, 1, 0, 1, 10)); /* 1-4 and 8-10 are new */
    assert_int_equal(v.accepted, 7);
    assert_int_equal(v.trimmed, 3);
    assert_int_equal(v.first_offset, 3);
    ck_audit(k, &a);
    assert_int_equal(a.n_rows, 10);
    assert_int_equal(a.rows[0].offset, 3);
    assert_int_equal(a.rows[4].offset, 0);
    assert_int_equal(a.rows[9].offset, 9);
    ck_audit_fini(&a);
}

static void test_batches_of_one_group_see_each_other(void **state)
{
    struct ck *k = *state;

    ck_add(k, ck_rows(k, 1, 0, 1, 10));
    ck_add(k, ck_rows(k, 1, 0, 1, 10));
    ck_add(k, ck_rows(k, 1, 0, 6, 10));
    ck_settle(k);
    assert_int_equal(ck_verdict(k).accepted, 10);
    assert_int_equal(ck_verdict(k).trimmed, 10);
    assert_int_equal(ck_verdict(k).accepted, 5);
}

static void test_lanes_and_incarnations_do_not_mix(void **state)
{
    struct ck *k = *state;
    struct hrp_segment segs[2] = {seg(0, HRP_SEG_ROWS, 1, 4), seg(9, HRP_SEG_ROWS, 1, 4)};

    ck_start(k, 2);
    assert_int_equal(ck_commit(k, ck_batch(k, 1, segs, 2)).accepted, 8);
    assert_int_equal(ck_commit(k, ck_batch(k, 2, segs, 2)).accepted, 8);
    assert_int_equal(ck_commit(k, ck_batch(k, 2, segs, 2)).trimmed, 8);
}

static void test_the_first_resolution_wins_rows_then_eviction(void **state)
{
    struct ck *k = *state;
    struct hrp_segment drop = seg(0, HRP_SEG_DROP, 1, 10);
    struct ck_verdict v;

    ck_commit(k, ck_rows(k, 1, 0, 1, 6));
    v = ck_commit(k, ck_batch(k, 1, &drop, 1));
    assert_int_equal(v.dropped, 4);
    assert_int_equal(v.trimmed, 6);
    assert_int_equal(line(k).accepted, 6);
    assert_int_equal(line(k).dropped[HRP_DROP_EVICTED], 4);
}

static void test_the_first_resolution_wins_eviction_then_rows(void **state)
{
    struct ck *k = *state;
    struct hrp_segment drop = seg(0, HRP_SEG_DROP, 1, 10);

    ck_add(k, ck_batch(k, 1, &drop, 1));
    ck_add(k, ck_rows(k, 1, 0, 1, 12));
    ck_settle(k);
    assert_int_equal(ck_verdict(k).dropped, 10);
    assert_int_equal(ck_verdict(k).accepted, 2);
    assert_int_equal(line(k).logged, 12);
}

static void test_a_drop_reason_of_a_newer_client_is_counted_as_other(void **state)
{
    struct ck *k = *state;
    struct hrp_segment drop = {.kind = HRP_SEG_DROP, .reason = 77, .first_n = 1, .count = 3};

    assert_int_equal(ck_commit(k, ck_batch(k, 1, &drop, 1)).dropped, 3);
    assert_int_equal(line(k).dropped[0], 3);
}

/* ---- (4) offsets ---- */

static void test_offsets_are_dense_over_failures_and_restarts(void **state)
{
    struct ck *k = *state;
    uint64_t n = 1;

    for (int i = 0; i < 12; i++) {
        if (i % 3 == 1)
            hrd_log_memory_fail(k->log, 1, i % 2);
        if (i % 5 == 4) {
            ck_crash(k);
            ck_open(k);
            ck_start(k, 1);
        }
        ck_commit(k, ck_rows(k, 1, 0, n, 3));
        n += 3;
    }
    ck_sound(k);
    assert_int_equal(line(k).accepted, n - 1);
}

static unsigned n_quarantine_records(struct ck *k)
{
    const struct hrd_log_ops *ops = k->log->ops;
    const uint8_t *key, *value;
    struct hrd_snapshot *snap;
    struct hrd_iter *it;
    size_t n_key, n;
    unsigned count = 0;

    assert_int_equal(ops->snapshot(k->log, &snap), 0);
    assert_int_equal(ops->iter(snap, HRD_CF_QUARANTINE, "", 0, &it), 0);
    while (ops->next(it, &key, &n_key, &value, &n) == 1)
        count++;
    ops->iter_free(it);
    ops->snapshot_free(snap);
    return count;
}

static void test_a_lost_stream_record_reuses_no_offset(void **state)
{
    struct ck *k = *state;
    struct hrd_stream_record rec = {.stream_id = k->stream_id};
    struct hrp_segment before = seg(1, HRP_SEG_RAW, 1, 2), after = seg(1, HRP_SEG_RAW, 3, 1);
    struct hrp_buf scratch = HRP_BUF_INIT;
    struct hrd_group g;

    ck_commit(k, ck_rows(k, 1, 0, 1, 5));
    ck_commit(k, ck_batch(k, 1, &before, 1));
    hrd_group_init(&g);
    hrd_stream_record_put(&g, "Flight", &rec, &scratch); /* as a salvaged store may have it */
    assert_int_equal(k->log->ops->commit(k->log, &g), 0);
    hrd_group_fini(&g);
    hrp_buf_fini(&scratch);
    ck_crash(k);
    ck_open(k);
    ck_start(k, 1);
    assert_int_equal(ck_commit(k, ck_rows(k, 1, 0, 6, 5)).first_offset, 5);
    assert_int_equal(ck_commit(k, ck_batch(k, 1, &after, 1)).quarantined, 1);
    assert_int_equal(n_quarantine_records(k), 3);
    ck_fini(k); /* its counts of rows are not those of the blocks any more: no audit */
    ck_init(k);
}

/* ---- rule 8: quarantine ---- */

static void test_rows_set_aside_go_to_quarantine_one_by_one(void **state)
{
    struct ck *k = *state;
    struct hrd_batch_msg *bat = ck_rows(k, 1, 0, 1, 10);
    struct ck_verdict v;
    struct ck_audit a;

    ck_aside(bat, 0, "amount < 0");
    ck_aside(bat, 4, "amount < 0");
    ck_aside(bat, 9, "no currency");
    v = ck_commit(k, bat);
    assert_int_equal(v.accepted, 7);
    assert_int_equal(v.quarantined, 3);
    assert_int_equal(v.error, HR_EROW);
    ck_audit(k, &a);
    assert_int_equal(a.n_quarantine_records, 3);
    assert_false(ck_stored(&a, 1, 0, 1));
    assert_true(ck_stored(&a, 1, 0, 2));
    assert_false(ck_stored(&a, 1, 0, 5));
    ck_audit_fini(&a);
    bat = ck_rows(k, 1, 0, 1, 12);
    ck_aside(bat, 4, "amount < 0");
    ck_aside(bat, 10, "amount < 0");
    v = ck_commit(k, bat);
    assert_int_equal(v.trimmed, 10);
    assert_int_equal(v.accepted, 1);
    assert_int_equal(v.quarantined, 1);
}

static void test_raw_rows_go_to_quarantine_one_by_one(void **state)
{
    struct ck *k = *state;
    struct hrp_segment segs[4] = {seg(0, HRP_SEG_RAW, 1, 2), seg(0, HRP_SEG_ROWS, 3, 2), seg(0, HRP_SEG_RAW, 5, 3), seg(1, HRP_SEG_DROP, 1, 2)};
    struct ck_verdict v = ck_commit(k, ck_batch(k, 1, segs, 4));

    assert_int_equal(v.accepted, 2);
    assert_int_equal(v.quarantined, 5);
    assert_int_equal(v.dropped, 2);
    v = ck_commit(k, ck_batch(k, 1, segs, 4));
    assert_int_equal(v.trimmed, 9);
    assert_int_equal(v.error, 0);
}

static void test_an_undecodable_batch_is_resolved_by_its_header(void **state)
{
    struct ck *k = *state;
    struct hrp_segment segs[3] = {seg(0, HRP_SEG_ROWS, 1, 10), seg(0, HRP_SEG_RAW, 11, 2), seg(0, HRP_SEG_DROP, 13, 4)};
    struct hrd_batch_msg *bat;
    struct ck_verdict v;
    struct ck_audit a;

    ck_commit(k, ck_rows(k, 1, 0, 1, 3));
    bat = ck_batch(k, 1, segs, 3);
    ck_whole(bat, "can't be decoded");
    v = ck_commit(k, bat);
    assert_int_equal(v.code, HRD_COMMITTED);
    assert_int_equal(v.error, HR_ECORRUPT);
    assert_int_equal(v.quarantined, 9);
    assert_int_equal(v.dropped, 4);
    assert_int_equal(v.trimmed, 3);
    bat = ck_batch(k, 1, segs, 3);
    ck_whole(bat, "can't be decoded");
    v = ck_commit(k, bat); /* sent for ever it is not, and stored once */
    assert_int_equal(v.trimmed, 16);
    assert_int_equal(v.error, 0);
    ck_audit(k, &a);
    assert_int_equal(a.n_quarantine_records, 1);
    assert_int_equal(a.quarantined[k->stream_id], 9);
    ck_audit_fini(&a);
}

static void test_a_refused_schema_sets_its_rows_aside(void **state)
{
    struct ck *k = *state;
    struct hrd_offer_msg *off;
    struct hrd_batch_msg *bat;
    struct ck_verdict v;

    ck_offer(k, 1, HRD_STREAM_INVALID, NULL);
    ck_settle(k);
    off = ck_answer(k, HRD_MSG_VERDICT);
    assert_int_equal(off->schema_id, 0);
    assert_int_not_equal(off->stream_id, k->stream_id);
    bat = ck_rows(k, 1, 0, 1, 4);
    bat->stream_id = off->stream_id;
    bat->schema_id = 0;
    ck_whole(bat, "not a message name");
    v = ck_commit(k, bat);
    assert_int_equal(v.error, HR_ESCHEMA);
    assert_int_equal(v.quarantined, 4);
    hrd_msg_free(&off->msg);
}

static void test_what_can_not_be_decided_parks_that_batch_only(void **state)
{
    struct ck *k = *state;
    struct hrd_batch_msg *bat = ck_rows(k, 1, 0, 1, 1);

    bat->head.segments[0].first_n = HRD_N_MAX;
    ck_add(k, bat);
    ck_add(k, ck_rows(k, 7, 0, 1, 1)); /* nobody announced it: as if its records were damaged */
    ck_add(k, ck_rows(k, 1, 0, 1, 5));
    ck_settle(k);
    assert_int_equal(ck_verdict(k).code, HRD_PARK);
    assert_int_equal(ck_verdict(k).code, HRD_PARK);
    assert_int_equal(ck_verdict(k).accepted, 5);
    assert_int_equal(line(k).logged, 5);
}

static void test_a_damaged_record_parks_its_incarnation_only(void **state)
{
    struct ck *k = *state;
    struct hrp_id id = ck_id(1);
    struct hrd_group g;
    uint8_t key[25] = {0};

    ck_commit(k, ck_rows(k, 1, 0, 1, 5));
    hrd_group_init(&g);
    memcpy(key, id.b, 16);
    key[16] = 1;
    key[20] = (uint8_t)k->stream_id;
    hrd_group_put(&g, HRD_CF_PRODUCERS, key, sizeof key, "\x01garbage", 8);
    assert_int_equal(k->log->ops->commit(k->log, &g), 0);
    hrd_group_fini(&g);
    ck_crash(k);
    ck_open(k); /* no reason not to start */
    ck_announce(k, 1, k->now_ns);
    ck_start(k, 2);
    assert_int_equal(ck_commit(k, ck_rows(k, 1, 0, 1, 5)).code, HRD_PARK);
    assert_int_equal(ck_commit(k, ck_rows(k, 2, 0, 1, 5)).accepted, 5);
    ck_fini(k);
    ck_init(k);
}

/* ---- rule 10: reports, closing, the horizon ---- */

static void test_reports_tell_what_is_in_flight_and_what_is_missing(void **state)
{
    struct ck *k = *state;

    ck_report(k, 1, 0, 11, 1, false);
    ck_settle(k);
    assert_int_equal(line(k).logged, 10);
    assert_int_equal(line(k).in_flight, 10);
    ck_commit(k, (hrd_msg_free(ck_answer(k, HRD_MSG_REPORTED)), ck_rows(k, 1, 0, 3, 3)));
    ck_report(k, 1, 0, 11, 8, false);
    ck_report(k, 1, 0, 5, 2, false); /* an old one, overtaken: nothing goes back */
    ck_settle(k);
    assert_int_equal(line(k).missing, 4); /* 1 2 6 7 */
    assert_int_equal(line(k).in_flight, 3);
    hrd_msg_free(ck_answer(k, HRD_MSG_REPORTED));
    hrd_msg_free(ck_answer(k, HRD_MSG_REPORTED));
    assert_int_equal(ck_commit(k, ck_rows(k, 1, 0, 1, 2)).accepted, 2); /* late, and welcome */
    assert_int_equal(line(k).missing, 2);
}

static void test_closing_makes_the_unresolved_missing_and_stays_in_the_sums(void **state)
{
    struct ck *k = *state;

    ck_commit(k, ck_rows(k, 1, 0, 1, 5));
    ck_report(k, 1, 0, 11, 6, true);
    ck_gone(k, 1);
    ck_settle(k);
    hrd_msg_free(ck_answer(k, HRD_MSG_REPORTED));
    assert_int_equal(line(k).logged, 10);
    assert_int_equal(line(k).missing, 5);
    ck_crash(k);
    ck_open(k);
    assert_int_equal(line(k).missing, 5);
    assert_int_equal(line(k).accepted, 5);
    ck_start(k, 1); /* its folder was adopted: what it left is sent by another */
    assert_int_equal(ck_commit(k, ck_rows(k, 1, 0, 4, 4)).accepted, 2);
    assert_int_equal(line(k).missing, 3);
    assert_int_equal(line(k).in_flight, 0);
}

static void test_an_unknown_incarnation_older_than_the_horizon_is_expired(void **state)
{
    struct ck *k = *state;
    int64_t day = INT64_C(86400000000000);
    struct ck_verdict v;
    struct ck_audit a;

    ck_announce(k, 5, k->now_ns - 31 * day);
    ck_settle(k);
    v = ck_commit(k, ck_rows(k, 5, 0, 1, 8));
    assert_int_equal(v.error, HR_EEXPIRED);
    assert_int_equal(v.quarantined, 8);
    assert_int_equal(v.accepted, 0);
    assert_int_equal(ck_commit(k, ck_rows(k, 5, 0, 1, 8)).trimmed, 8);
    k->now_ns += 40 * day; /* known ones are told apart still */
    assert_int_equal(ck_commit(k, ck_rows(k, 1, 0, 1, 2)).accepted, 2);
    ck_crash(k);
    ck_open(k);
    ck_announce(k, 1, CK_TIME_NS);
    ck_announce(k, 5, CK_TIME_NS);
    assert_int_equal(ck_commit(k, ck_rows(k, 1, 0, 2, 2)).accepted, 1);
    assert_int_equal(ck_commit(k, ck_rows(k, 5, 0, 9, 2)).quarantined, 2); /* once expired, always */
    ck_audit(k, &a);
    assert_string_equal(a.wrong, "");
    ck_audit_fini(&a);
}

/* ---- sessions ---- */

static const struct hrd_producer_status *producer(const struct hrd_status *st, unsigned inc)
{
    struct hrp_id id = ck_id(inc);

    for (uint32_t i = 0; i < st->n_producers; i++)
        if (hrp_id_cmp(&st->producers[i].incarnation, &id) == 0)
            return &st->producers[i];
    return NULL;
}

static bool connected(struct ck *k, unsigned inc)
{
    struct hrd_status *st;
    bool is;

    assert_int_equal(hrd_committer_status(k->cm, k->now_ns, &st), 0);
    assert_non_null(producer(st, inc));
    is = producer(st, inc)->connected;
    hrd_status_unref(st);
    return is;
}

static void test_an_incarnation_lives_while_any_session_speaks_for_it(void **state)
{
    struct ck *k = *state;

    assert_true(connected(k, 1));
    ck_gone(k, 1);
    ck_announce(k, 1, k->now_ns); /* the client was faster than the old connection's end */
    ck_settle(k);
    assert_true(connected(k, 1));
    ck_announce(k, 1, k->now_ns);
    ck_gone(k, 1);
    hrd_log_memory_fail(k->log, 1, false);
    ck_settle(k);
    assert_true(connected(k, 1));
    ck_gone(k, 1);
    ck_settle(k);
    assert_false(connected(k, 1));
    assert_int_equal(ck_commit(k, ck_rows(k, 1, 0, 1, 1)).code, HRD_PARK);
}

static void test_status_shows_what_is_durable_while_the_store_fails(void **state)
{
    struct ck *k = *state;
    struct hrd_status *st;

    ck_commit(k, ck_rows(k, 1, 0, 1, 5));
    assert_int_equal(line(k).accepted, 5);
    ck_add(k, ck_rows(k, 1, 0, 6, 5));
    hrd_log_memory_fail(k->log, 1, false);
    assert_int_equal(hrd_committer_commit(k->cm, k->now_ns), HR_EIO);
    assert_int_equal(line(k).accepted, 5);
    hrd_log_memory_fail_reopen(k->log, 1);
    assert_int_equal(hrd_committer_reopen(k->cm, k->now_ns, NULL), HR_EIO);
    assert_int_equal(hrd_committer_status(k->cm, k->now_ns, &st), 0);
    assert_false(st->ready);
    assert_string_equal(st->reason, "the store in memory was told not to open");
    assert_int_equal(st->n_streams, 1);
    assert_string_equal(st->streams[0].name, "Flight");
    assert_int_equal(st->streams[0].rows, 5);
    hrd_status_unref(st);
    ck_settle(k);
    assert_int_equal(hrd_committer_status(k->cm, k->now_ns, &st), 0);
    assert_true(st->ready);
    assert_string_equal(st->reason, "");
    assert_int_equal(st->streams[0].rows, 10);
    hrd_status_unref(st);
}

/* ---- others' puts; groups ---- */

static void test_puts_of_others_are_written_in_the_same_group(void **state)
{
    struct ck *k = *state;
    struct hrd_puts_msg *puts = hrd_puts_msg_new(), *bad = hrd_puts_msg_new();
    struct hrp_buf value = HRP_BUF_INIT;
    struct hrd_snapshot *snap;
    uint64_t before = hrd_committer_commits(k->cm);

    hrd_group_put(&puts->group, HRD_CF_CURSORS, "sink", 4, "42", 2);
    bad->group.err = HR_ENOMEM;
    ck_add(k, ck_rows(k, 1, 0, 1, 2));
    ck_add(k, puts);
    ck_add(k, bad);
    hrd_log_memory_fail(k->log, 1, false);
    ck_settle(k);
    assert_int_equal(hrd_committer_commits(k->cm), before + 1);
    assert_int_equal(ck_verdict(k).commit, before + 1);
    puts = ck_answer(k, HRD_MSG_PUTS_DONE);
    assert_int_equal(puts->commit, before + 1);
    hrd_msg_free(&puts->msg);
    bad = ck_answer(k, HRD_MSG_PUTS_DONE);
    assert_int_equal(bad->commit, 0);
    hrd_msg_free(&bad->msg);
    assert_int_equal(k->log->ops->snapshot(k->log, &snap), 0);
    assert_int_equal(k->log->ops->get(snap, HRD_CF_CURSORS, "sink", 4, &value), 0);
    assert_int_equal(value.n, 2);
    k->log->ops->snapshot_free(snap);
    hrp_buf_fini(&value);
}

static void test_a_group_is_cut_at_its_bytes(void **state)
{
    struct ck *k = *state;
    uint64_t before;

    ck_crash(k);
    k->cfg.group_bytes = 1;
    ck_open(k);
    ck_start(k, 1);
    before = hrd_committer_commits(k->cm);
    for (unsigned i = 0; i < 5; i++)
        ck_add(k, ck_rows(k, 1, 0, 1 + i, 1));
    ck_settle(k);
    assert_int_equal(hrd_committer_commits(k->cm), before + 5);
    for (unsigned i = 0; i < 5; i++)
        assert_int_equal(ck_verdict(k).commit, before + 1 + i);
}

static void test_counters_follow_durable_groups_only(void **state)
{
    struct ck *k = *state;
    const struct hrd_counters *c = hrd_committer_counters(k->cm);

    ck_add(k, ck_rows(k, 1, 0, 1, 4));
    hrd_log_memory_fail(k->log, 1, false);
    assert_int_equal(hrd_committer_commit(k->cm, k->now_ns), HR_EIO);
    assert_int_equal(c->rows_accepted, 0);
    assert_int_equal(c->commit_failures, 1);
    ck_settle(k);
    assert_int_equal(ck_verdict(k).accepted, 4);
    assert_int_equal(ck_commit(k, ck_rows(k, 1, 0, 1, 4)).trimmed, 4);
    assert_int_equal(c->rows_accepted, 4);
    assert_int_equal(c->rows_trimmed, 4);
    assert_int_equal(c->reopens, 1);
    assert_int_equal(c->schemas_learned, 1);
}

/* ---- memory ---- */

static void test_a_failed_allocation_anywhere_loses_nothing(void **state)
{
    struct ck *k = *state;
    uint64_t next = 1;
    bool failed = true;

    if (!unit_faults())
        skip();
    for (unsigned long n = 1; failed; n++, next += 2) {
        struct hrd_batch_msg *bat = ck_rows(k, 1, 0, next, 4); /* the last two are those of the next */
        struct hrd_batch_msg *odd = ck_rows(k, 1, (uint32_t)n, 1, 3);
        int r;

        ck_aside(odd, 1, "odd");
        ck_announce(k, 100 + (unsigned)n, k->now_ns);
        ck_add(k, bat);
        ck_add(k, odd);
        ck_report(k, 1, 0, next + 4, next, false);
        hrp_alloc_fail_at(n);
        r = hrd_committer_commit(k->cm, k->now_ns);
        hrp_alloc_fail_at(0);
        assert_true(r == 0 || r == HR_ENOMEM);
        failed = r != 0;
        ck_settle(k);
        assert_int_equal(ck_verdict(k).accepted, next == 1 ? 4 : 2);
        assert_int_equal(ck_verdict(k).quarantined, 1);
        hrd_msg_free(ck_answer(k, HRD_MSG_REPORTED));
        assert_true(n < 10000);
    }
    ck_sound(k);
}

static void test_a_failed_allocation_while_reopening_is_tried_again(void **state)
{
    struct ck *k = *state;
    bool failed = true;

    if (!unit_faults())
        skip();
    ck_start(k, 2);
    ck_commit(k, ck_rows(k, 1, 0, 1, 5));
    for (unsigned long n = 1; failed; n++) {
        struct hr_error err = {0, ""};
        int r;

        ck_add(k, ck_rows(k, 2, 1, 2 * n - 1, 2));
        hrd_log_memory_fail(k->log, 1, n % 2);
        assert_int_equal(hrd_committer_commit(k->cm, k->now_ns), HR_EIO);
        hrp_alloc_fail_at(n);
        r = hrd_committer_reopen(k->cm, k->now_ns, &err);
        hrp_alloc_fail_at(0);
        failed = r != 0;
        ck_settle(k);
        assert_int_equal(ck_verdict(k).code, HRD_COMMITTED);
    }
    ck_sound(k);
}

#define T(name) cmocka_unit_test_setup_teardown(test_##name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(no_answer_before_the_write_is_durable),
        T(commit_numbers_go_on_after_a_restart),
        T(a_write_that_failed_and_was_lost_is_decided_anew),
        T(a_write_that_failed_and_was_applied_is_trimmed),
        T(learning_a_schema_survives_a_failed_write),
        T(all_of_memory_comes_back_after_a_crash),
        T(send_order_is_free),
        T(a_resend_that_overlaps_stores_only_what_is_new),
        T(batches_of_one_group_see_each_other),
        T(lanes_and_incarnations_do_not_mix),
        T(the_first_resolution_wins_rows_then_eviction),
        T(the_first_resolution_wins_eviction_then_rows),
        T(a_drop_reason_of_a_newer_client_is_counted_as_other),
        T(offsets_are_dense_over_failures_and_restarts),
        T(a_lost_stream_record_reuses_no_offset),
        T(rows_set_aside_go_to_quarantine_one_by_one),
        T(raw_rows_go_to_quarantine_one_by_one),
        T(an_undecodable_batch_is_resolved_by_its_header),
        T(a_refused_schema_sets_its_rows_aside),
        T(what_can_not_be_decided_parks_that_batch_only),
        T(a_damaged_record_parks_its_incarnation_only),
        T(reports_tell_what_is_in_flight_and_what_is_missing),
        T(closing_makes_the_unresolved_missing_and_stays_in_the_sums),
        T(an_unknown_incarnation_older_than_the_horizon_is_expired),
        T(an_incarnation_lives_while_any_session_speaks_for_it),
        T(status_shows_what_is_durable_while_the_store_fails),
        T(puts_of_others_are_written_in_the_same_group),
        T(a_group_is_cut_at_its_bytes),
        T(counters_follow_durable_groups_only),
        T(a_failed_allocation_anywhere_loses_nothing),
        T(a_failed_allocation_while_reopening_is_tried_again),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
