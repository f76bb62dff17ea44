/* Rows that leave the quarantine: each once, wholly or not at all, whatever fails in between and however often it is asked. */
#include "commit_kit.h"
#include "alloc.h"
#include "unit.h"
#include <stdlib.h>
#include <string.h>

#define ROWS 6u

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

    ck_sound(k);
    ck_fini(k);
    free(k);
    return 0;
}

/* Rows 1 to 6, all set aside: quarantine numbers 0 to 5. */
static void set_aside(struct ck *k)
{
    struct hrd_batch_msg *bat = ck_rows(k, 1, 0, 1, ROWS);

    for (uint32_t row = 0; row < ROWS; row++)
        ck_aside(bat, row, "delay: too large");
    assert_int_equal(ck_commit(k, bat).quarantined, ROWS);
}

/* The same rows under their own numbers, as a replay sends them. */
static struct hrd_batch_msg *replayed(struct ck *k, uint64_t first_n, uint32_t n)
{
    struct hrd_batch_msg *bat = ck_rows(k, 1, 0, first_n, n);

    bat->replay = hrp_calloc(n, sizeof *bat->replay);
    for (uint32_t i = 0; i < n; i++)
        bat->replay[i] = first_n - 1 + i;
    return bat;
}

static void expect(struct ck *k, uint64_t accepted, uint64_t quarantined)
{
    struct ck_audit a;
    const struct hrd_lane_record *rec;

    ck_audit(k, &a);
    assert_string_equal(a.wrong, "");
    rec = ck_lane(&a, 1, k->stream_id, 0);
    assert_int_equal(rec->accepted, accepted);
    assert_int_equal(rec->quarantined, quarantined);
    assert_int_equal(a.n_rows, accepted);
    assert_int_equal(a.quarantined[k->stream_id], quarantined);
    ck_audit_fini(&a);
}

static void rows_move_once(void **state)
{
    struct ck *k = *state;
    struct ck_verdict v;

    set_aside(k);
    v = ck_commit(k, replayed(k, 2, 3));
    assert_int_equal(v.code, HRD_COMMITTED);
    assert_int_equal(v.accepted, 3);
    expect(k, 3, 3);
    v = ck_commit(k, replayed(k, 1, 5)); /* three of them are gone already */
    assert_int_equal(v.accepted, 2);
    expect(k, 5, 1);
    v = ck_commit(k, replayed(k, 1, 5));
    assert_int_equal(v.accepted, 0);
    expect(k, 5, 1);
}

static void two_at_once(void **state)
{
    struct ck *k = *state;
    struct hrd_msg *a, *b;

    set_aside(k);
    a = &replayed(k, 1, ROWS)->msg;
    b = &replayed(k, 1, ROWS)->msg;
    hrd_committer_add(k->cm, &a);
    hrd_committer_add(k->cm, &b);
    ck_settle(k);
    assert_int_equal(ck_verdict(k).accepted, ROWS);
    assert_int_equal(ck_verdict(k).accepted, 0);
    expect(k, ROWS, 0);
}

static void a_write_that_fails(void **state)
{
    struct ck *k = *state;

    set_aside(k);
    for (int applied = 0; applied < 2; applied++) { /* lost; or there, though it was said to have failed */
        struct hrd_msg *msg = &replayed(k, 1 + 3 * (uint64_t)applied, 3)->msg;

        hrd_log_memory_fail(k->log, 1, applied);
        hrd_committer_add(k->cm, &msg);
        ck_settle(k);
        assert_int_equal(ck_verdict(k).accepted, applied ? 0 : 3);
        expect(k, 3 + 3 * (uint64_t)applied, applied ? 0 : 3);
    }
}

static void after_a_crash(void **state)
{
    struct ck *k = *state;

    set_aside(k);
    assert_int_equal(ck_commit(k, replayed(k, 1, 2)).accepted, 2);
    ck_crash(k);
    ck_open(k);
    ck_announce(k, 1, CK_TIME_NS);
    assert_int_equal(ck_commit(k, replayed(k, 1, 4)).accepted, 2);
    expect(k, 4, 2);
}

/* A resend of a row that was set aside and then admitted is trimmed, as any. */
static void a_resend_after_it(void **state)
{
    struct ck *k = *state;
    struct ck_verdict v;

    set_aside(k);
    assert_int_equal(ck_commit(k, replayed(k, 1, ROWS)).accepted, ROWS);
    v = ck_commit(k, ck_rows(k, 1, 0, 1, ROWS));
    assert_int_equal(v.accepted, 0);
    assert_int_equal(v.trimmed, ROWS);
    expect(k, ROWS, 0);
}

static void an_incarnation_nobody_speaks_for(void **state)
{
    struct ck *k = *state;
    struct ck_verdict v;

    set_aside(k);
    ck_gone(k, 1);
    ck_settle(k);
    v = ck_commit(k, replayed(k, 1, ROWS));
    assert_int_equal(v.code, HRD_PARK); /* it has to be announced first */
    ck_announce(k, 1, CK_TIME_NS);
    assert_int_equal(ck_commit(k, replayed(k, 1, ROWS)).accepted, ROWS);
    expect(k, ROWS, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(rows_move_once, setup, teardown),
        cmocka_unit_test_setup_teardown(two_at_once, setup, teardown),
        cmocka_unit_test_setup_teardown(a_write_that_fails, setup, teardown),
        cmocka_unit_test_setup_teardown(after_a_crash, setup, teardown),
        cmocka_unit_test_setup_teardown(a_resend_after_it, setup, teardown),
        cmocka_unit_test_setup_teardown(an_incarnation_nobody_speaks_for, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
