/* Resolved ranges and ledger terms of a lane, who an incarnation is, and the sums over all of them. */
#include "producers.h"
#include "alloc.h"
#include "log_memory.h"
#include "totals.h"
#include "unit.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- a lane's record ---- */

struct lane {
    struct hrd_lane_record rec;
    struct hrd_ranges fresh;
};

static void lane_init(struct lane *l)
{
    memset(l, 0, sizeof *l);
    hrd_lane_record_init(&l->rec, 1, 0);
}

static void lane_fini(struct lane *l)
{
    hrd_lane_record_fini(&l->rec);
    hrd_ranges_fini(&l->fresh);
}

static uint64_t accept(struct lane *l, uint64_t first, uint64_t count)
{
    uint64_t n;

    assert_int_equal(hrd_lane_record_resolve(&l->rec, first, count, &l->fresh), 0);
    n = hrd_ranges_count(&l->fresh);
    l->rec.accepted += n;
    return n;
}

static struct hrd_terms terms(const struct lane *l, bool closed)
{
    struct hrd_terms t;

    hrd_lane_record_terms(&l->rec, closed, &t);
    assert_true(hrd_terms_balanced(&t));
    return t;
}

static void test_fresh_is_what_was_not_resolved(void **state)
{
    struct lane l;

    lane_init(&l);
    assert_int_equal(accept(&l, 5, 5), 5); /* 5-9 */
    assert_int_equal(accept(&l, 20, 1), 1);
    assert_int_equal(accept(&l, 1, 30), 24); /* 1-4, 10-19, 21-30 */
    assert_int_equal(l.fresh.n, 3);
    assert_int_equal(l.fresh.r[0].from, 1);
    assert_int_equal(l.fresh.r[0].to, 5);
    assert_int_equal(l.fresh.r[1].from, 10);
    assert_int_equal(l.fresh.r[1].to, 20);
    assert_int_equal(l.fresh.r[2].to, 31);
    assert_int_equal(l.rec.trimmed, 6);
    assert_int_equal(l.rec.resolved.n, 1);
    assert_int_equal(accept(&l, 7, 3), 0);
    assert_int_equal(accept(&l, 31, 0), 0);
    lane_fini(&l);
}

static void test_terms_partition_what_was_logged(void **state)
{
    struct lane l;

    lane_init(&l);
    assert_int_equal(terms(&l, false).logged, 0);
    accept(&l, 3, 2);
    assert_int_equal(terms(&l, false).logged, 4); /* from a cover, before any report */
    assert_int_equal(terms(&l, false).in_flight, 2);
    hrd_lane_record_report(&l.rec, 11, 4); /* 1 and 2 will not come again, says the client */
    assert_int_equal(terms(&l, false).logged, 10);
    assert_int_equal(terms(&l, false).missing, 2);
    assert_int_equal(terms(&l, false).in_flight, 6);
    assert_int_equal(terms(&l, true).missing, 8);
    assert_int_equal(terms(&l, true).in_flight, 0);
    hrd_lane_record_report(&l.rec, 6, 1);
    assert_int_equal(terms(&l, false).logged, 10);
    hrd_lane_record_report(&l.rec, 11, 11);
    assert_int_equal(terms(&l, false).missing, 8);
    hrd_lane_record_report(&l.rec, 11, 1000); /* a floor above all that was logged */
    assert_int_equal(terms(&l, false).missing, 8);
    accept(&l, 1, 10);
    assert_int_equal(terms(&l, true).missing, 0);
    lane_fini(&l);
}

static void test_random_resolutions_agree_with_a_bitmap(void **state)
{
    uint64_t seed = 7;
    bool bits[300] = {false};
    struct lane l;

    lane_init(&l);
    for (unsigned step = 0; step < 2000; step++) {
        uint64_t first, count, expect = 0;

        seed = seed * 6364136223846793005u + 1442695040888963407u;
        first = 1 + (seed >> 33) % 280;
        count = 1 + (seed >> 50) % 12;
        if (step % 200 == 199) { /* a new life, from its stored form */
            struct hrp_buf b = HRP_BUF_INIT;

            hrd_lane_record_put(&b, &l.rec);
            hrd_lane_record_fini(&l.rec);
            hrd_lane_record_init(&l.rec, 1, 0);
            assert_int_equal(hrd_lane_record_read(b.p, b.n, &l.rec), 0);
            hrp_buf_fini(&b);
        }
        for (uint64_t n = first; n < first + count; n++) {
            expect += !bits[n];
            bits[n] = true;
        }
        assert_int_equal(accept(&l, first, count), expect);
        (void)terms(&l, false);
    }
    lane_fini(&l);
}

static void test_a_stored_record_notices_damage(void **state)
{
    struct hrp_buf b = HRP_BUF_INIT;
    struct hrd_lane_record got;
    struct lane l;

    lane_init(&l);
    accept(&l, 5, 5);
    accept(&l, 50, 500);
    l.rec.dropped[HRP_DROP_FULL] = 3;
    l.rec.quarantined = 1;
    hrd_lane_record_report(&l.rec, 2000, 3);
    hrd_lane_record_put(&b, &l.rec);
    hrd_lane_record_init(&got, 1, 0);
    assert_int_equal(hrd_lane_record_read(b.p, b.n, &got), 0);
    assert_int_equal(got.dropped[HRP_DROP_FULL], 3);
    assert_int_equal(got.next, 2000);
    assert_int_equal(got.resolved.n, 2);
    hrd_lane_record_fini(&got);
    for (size_t i = 0; i < b.n; i++) {
        b.p[i] ^= 0x21;
        hrd_lane_record_init(&got, 1, 0);
        assert_int_not_equal(hrd_lane_record_read(b.p, b.n, &got), 0);
        b.p[i] ^= 0x21;
        assert_int_not_equal(hrd_lane_record_read(b.p, i, &got), 0);
    }
    hrp_buf_fini(&b);
    lane_fini(&l);
}

static void test_a_stored_incarnation_notices_damage(void **state)
{
    char app[] = "shop", version[] = "", host[] = "h\xc3\xb6st";
    struct hrd_incarnation_info info = {.app = app, .version = version, .host = host, .pid = 12345, .born_ns = -5, .last_seen_ns = 99, .closed = true}, got;
    struct hrp_buf b = HRP_BUF_INIT;

    info.producer.b[3] = 9;
    hrd_incarnation_info_put(&b, &info);
    assert_int_equal(hrd_incarnation_info_read(b.p, b.n, &got), 0);
    assert_string_equal(got.host, host);
    assert_int_equal(got.born_ns, -5);
    assert_true(got.closed);
    assert_false(got.expired);
    hrd_incarnation_info_fini(&got);
    for (size_t i = 0; i < b.n; i++) {
        b.p[i] ^= 0x42;
        assert_int_not_equal(hrd_incarnation_info_read(b.p, b.n, &got), 0);
        b.p[i] ^= 0x42;
        assert_int_not_equal(hrd_incarnation_info_read(b.p, i, &got), 0);
    }
    hrp_buf_fini(&b);
}

/* ---- sums ---- */

static void test_lines_past_the_limit_are_summed_as_other(void **state)
{
    static const struct hrd_terms none, one = {.logged = 1, .accepted = 1};
    struct hrd_totals t;
    uint32_t line, first, again;
    char app[32];

    memset(&t, 0, sizeof t);
    assert_int_equal(hrd_totals_line(&t, 1, "app", "1", &first), 0);
    for (unsigned i = 0; i < HRD_MAX_LINES + 10; i++) {
        snprintf(app, sizeof app, "app%u", i);
        assert_int_equal(hrd_totals_line(&t, 1, app, "1", &line), 0);
        hrd_totals_add(&t, line, &none, &one);
    }
    assert_int_equal(t.n_lines, HRD_MAX_LINES + 1);
    assert_string_equal(t.lines[HRD_MAX_LINES].app, HRD_OTHER);
    assert_int_equal(t.lines[HRD_MAX_LINES].terms.accepted, 11);
    assert_int_equal(hrd_totals_line(&t, 1, "app", "1", &again), 0);
    assert_int_equal(again, first);
    hrd_totals_fini(&t);
}

static void test_of_the_past_the_newest_are_kept(void **state)
{
    static const struct hrd_terms none;
    struct hrd_totals t;
    uint64_t least = UINT64_MAX;

    memset(&t, 0, sizeof t);
    for (unsigned i = 0; i < 3 * HRD_PAST_MAX; i++) {
        struct hrp_id id = {{(uint8_t)(i >> 8), (uint8_t)i}};
        struct hrd_incarnation_info info = {.app = hrp_strdup("a"), .version = hrp_strdup(""), .host = hrp_strdup(""),
                                            .last_seen_ns = (int64_t)(i * 7919u % (3 * HRD_PAST_MAX))};

        assert_int_equal(hrd_totals_past_add(&t, &id, &info, &none), 0);
    }
    assert_int_equal(t.n_past, HRD_PAST_MAX);
    for (unsigned i = 0; i < t.n_past; i++)
        least = (uint64_t)t.past[i].info.last_seen_ns < least ? (uint64_t)t.past[i].info.last_seen_ns : least;
    assert_int_equal(least, 2 * HRD_PAST_MAX);
    hrd_totals_past_remove(&t, &t.past[5].incarnation);
    assert_int_equal(t.n_past, HRD_PAST_MAX - 1);
    hrd_totals_fini(&t);
}

/* ---- all of them ---- */

struct fixture {
    struct hrd_log *log;
    struct hrd_producers *prd;
    struct hrd_group g;
};

static void open_producers(struct fixture *f)
{
    struct hr_error err = {0, ""};

    if (hrd_producers_open(f->log, 1000, 5000, &f->prd, &err) != 0)
        fail_msg("%s", err.text);
}

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);

    assert_int_equal(hrd_log_memory_open(&f->log), 0);
    hrd_group_init(&f->g);
    open_producers(f);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    hrd_producers_free(f->prd);
    hrd_group_fini(&f->g);
    f->log->ops->close(f->log);
    free(f);
    return 0;
}

static void publish(struct fixture *f)
{
    assert_int_equal(hrd_producers_stage(f->prd, &f->g), 0);
    assert_int_equal(f->log->ops->commit(f->log, &f->g), 0);
    hrd_group_clear(&f->g);
    hrd_producers_publish(f->prd);
}

static struct hrd_incarnation *announce(struct fixture *f, uint8_t id)
{
    struct hrd_announce_msg *ann = hrd_announce_msg_new();
    struct hrd_incarnation *inc;

    ann->incarnation.b[0] = id;
    ann->app = hrp_strdup("shop");
    ann->version = hrp_strdup("1");
    ann->host = hrp_strdup("h");
    ann->born_ns = id == 200 ? 3999 : 4000; /* the horizon is at 4000 */
    assert_int_equal(hrd_producers_announce(f->prd, ann, 5000), 0);
    inc = hrd_producers_find(f->prd, &ann->incarnation);
    assert_non_null(inc);
    hrd_msg_free(&ann->msg);
    return inc;
}

static void resolve(struct fixture *f, struct hrd_incarnation *inc, uint32_t lane, uint64_t first, uint64_t count)
{
    struct hrd_ranges fresh = {NULL, 0, 0};
    struct hrd_lane_record *rec;

    assert_int_equal(hrd_producers_lane(f->prd, inc, 1, lane, &rec), 0);
    assert_int_equal(hrd_lane_record_resolve(rec, first, count, &fresh), 0);
    rec->accepted += hrd_ranges_count(&fresh);
    hrd_producers_touch(f->prd, inc, rec, 5000);
    hrd_ranges_fini(&fresh);
}

static struct hrd_status *status(struct fixture *f)
{
    struct hrd_status *st = hrp_calloc(1, sizeof *st);

    st->refs = 1;
    assert_int_equal(hrd_producers_status(f->prd, st), 0);
    return st;
}

static void test_many_lanes_of_many_incarnations_come_back(void **state)
{
    struct fixture *f = *state;
    struct hrd_status *st;

    for (uint8_t id = 1; id <= 100; id++) {
        struct hrd_incarnation *inc = announce(f, id);

        for (uint32_t lane = 0; lane < 50; lane++)
            resolve(f, inc, lane * 1000003u, 1, id);
    }
    publish(f);
    hrd_producers_free(f->prd);
    open_producers(f);
    st = status(f);
    assert_int_equal(st->n_lines, 1);
    assert_int_equal(st->lines[0].accepted, 50 * 5050);
    assert_int_equal(st->n_producers, 100);
    assert_false(st->producers[0].connected);
    hrd_status_unref(st);
    resolve(f, announce(f, 10), 1000003u, 1, 12);
    publish(f);
    st = status(f);
    assert_int_equal(st->lines[0].accepted, 50 * 5050 + 2);
    assert_int_equal(st->lines[0].trimmed, 10);
    assert_int_equal(st->n_producers, 100);
    assert_true(st->producers[0].connected);
    assert_int_equal(st->producers[0].accepted, 50 * 10 + 2);
    hrd_status_unref(st);
}

static void test_a_reload_forgets_what_was_staged(void **state)
{
    struct fixture *f = *state;
    struct hrp_id known = {{1}}, staged = {{2}};
    struct hrd_status *st;

    resolve(f, announce(f, 1), 0, 1, 5);
    publish(f);
    resolve(f, hrd_producers_find(f->prd, &known), 0, 6, 5);
    announce(f, 2);
    assert_int_equal(hrd_producers_reload(f->prd, 5000, NULL), 0);
    assert_null(hrd_producers_find(f->prd, &staged));
    assert_non_null(hrd_producers_find(f->prd, &known)); /* a session speaks for it still */
    st = status(f);
    assert_int_equal(st->lines[0].accepted, 5);
    assert_true(st->producers[0].connected);
    hrd_status_unref(st);
    resolve(f, hrd_producers_find(f->prd, &known), 0, 6, 5);
    publish(f);
    st = status(f);
    assert_int_equal(st->lines[0].accepted, 10);
    hrd_status_unref(st);
}

static void test_who_has_gone_is_not_in_memory(void **state)
{
    struct fixture *f = *state;
    struct hrp_id id = {{1}};
    struct hrd_status *st;

    announce(f, 1);
    resolve(f, announce(f, 1), 0, 1, 5); /* two sessions */
    publish(f);
    hrd_producers_gone(f->prd, &id);
    assert_non_null(hrd_producers_find(f->prd, &id));
    hrd_producers_gone(f->prd, &id);
    assert_null(hrd_producers_find(f->prd, &id));
    hrd_producers_gone(f->prd, &id); /* once too often */
    st = status(f);
    assert_int_equal(st->n_producers, 1);
    assert_int_equal(st->producers[0].accepted, 5);
    hrd_status_unref(st);
}

static void test_born_before_the_horizon_and_unknown_is_expired(void **state)
{
    struct fixture *f = *state;

    assert_true(hrd_incarnation_expired(announce(f, 200)));
    assert_false(hrd_incarnation_expired(announce(f, 1)));
}

static void test_lanes_are_limited(void **state)
{
    struct fixture *f = *state;
    struct hrd_incarnation *inc = announce(f, 1);
    struct hrd_lane_record *rec;

    for (uint32_t lane = 0; lane < HRD_MAX_LANES; lane++)
        assert_int_equal(hrd_producers_lane(f->prd, inc, 1, lane, &rec), 0);
    assert_int_equal(hrd_producers_lane(f->prd, inc, 1, HRD_MAX_LANES, &rec), HR_ELIMIT);
    assert_int_equal(hrd_producers_lane(f->prd, inc, 1, 7, &rec), 0);
    assert_int_equal(rec->lane, 7);
}

#define T(name) cmocka_unit_test_setup_teardown(test_##name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fresh_is_what_was_not_resolved),
        cmocka_unit_test(test_terms_partition_what_was_logged),
        cmocka_unit_test(test_random_resolutions_agree_with_a_bitmap),
        cmocka_unit_test(test_a_stored_record_notices_damage),
        cmocka_unit_test(test_a_stored_incarnation_notices_damage),
        cmocka_unit_test(test_lines_past_the_limit_are_summed_as_other),
        cmocka_unit_test(test_of_the_past_the_newest_are_kept),
        T(many_lanes_of_many_incarnations_come_back),
        T(a_reload_forgets_what_was_staged),
        T(who_has_gone_is_not_in_memory),
        T(born_before_the_horizon_and_unknown_is_expired),
        T(lanes_are_limited),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
