/* The keeper, life after life on one store. Promises are those of keeper.c:
 * (1) the stored set of a stream and the stored profiles' sets are equal; (2) a row is in a profile once. */
#include "keeper.h"
#include "alloc.h"
#include "commit_kit.h"
#include "puts_kit.h"
#include "read.h"
#include "rnd.h"
#include "unit.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define N_LIVES 40

struct lives {
    struct ck ck;
    struct puts_kit puts;
    struct hrd_keeper *keeper;
    struct hrd_profile_set *set;         /* the worker's */
    uint64_t next_n, stored;             /* rows of the stream */
    struct rnd rnd;
};

static void *must_have(void *p)
{
    assert_non_null(p);
    return p;
}

/* ---- the worker ---- */

/* One batch through the committer; the worker profiles it, or has no memory for it. `again`: that many rows are resends. */
static void commit(struct lives *l, uint64_t rows, uint64_t again, bool profiled)
{
    struct hrd_batch_msg *bat;

    again = again < l->next_n - 1 ? again : l->next_n - 1;
    ck_add(&l->ck, ck_rows(&l->ck, 1, 0, l->next_n - again, rows + again));
    ck_settle(&l->ck);
    bat = ck_answer(&l->ck, HRD_MSG_COMMITTED);
    assert_int_equal(bat->accepted, rows);
    l->next_n += rows;
    l->stored += rows;
    if (l->set == NULL)
        l->set = must_have(hrd_profile_set_new());
    if (profiled)
        assert_int_equal(hrd_profile_set_add(l->set, &bat->block, bat->batch), 0);
    else
        l->set->lost_rows += rows;
    hrd_msg_free(&bat->msg);
}

static void profiles_free(struct hrd_msg *msg)
{
    hrd_profile_set_free(((struct hrd_profiles_msg *)msg)->set);
    hrp_free(msg);
}

static void hand_over_failing(struct lives *l, unsigned nth_allocation) /* 0: none fails */
{
    struct hrd_msg *msg = must_have(hrd_msg_new(HRD_MSG_PROFILES, sizeof(struct hrd_profiles_msg), profiles_free));

    if (l->set == NULL)
        l->set = must_have(hrd_profile_set_new());
    ((struct hrd_profiles_msg *)msg)->set = l->set;
    l->set = NULL;
    if (nth_allocation != 0)
        hrp_alloc_fail_at(nth_allocation);
    assert_int_equal(hrd_mailbox_send(hrd_keeper_inbox(l->keeper), &msg), 0);
}

static void hand_over(struct lives *l) { hand_over_failing(l, 0); }

/* ---- a life ---- */

static void start(struct lives *l)
{
    struct hrd_keeper_cfg cfg = {.log = l->ck.log, .registry = l->ck.reg, .committer = &l->puts.inbox, .checkpoint_ms = 1};
    struct hr_error err = {0, ""};

    if (hrd_keeper_start(&cfg, &l->keeper, &err) != 0)
        fail_msg("%s", err.text);
}

static void stop_keeper(void *arg)
{
    struct lives *l = arg;

    hrd_keeper_stop(l->keeper);
    l->keeper = NULL;
}

static void stop(struct lives *l)
{
    if (l->set != NULL)
        hand_over(l);
    puts_while(&l->puts, stop_keeper, l);
}

/* From now on nothing is written; what a worker had not handed over goes with it. */
static void kill_keeper(struct lives *l)
{
    l->puts.dead = true;
    hrd_profile_set_free(l->set);
    l->set = NULL;
    puts_while(&l->puts, stop_keeper, l);
    l->puts.dead = false;
}

static int setup(void **state)
{
    struct lives *l = calloc(1, sizeof *l);

    ck_init(&l->ck);
    ck_start(&l->ck, 1);
    puts_open(&l->puts, l->ck.log);
    l->next_n = 1;
    *state = l;
    return 0;
}

static int teardown(void **state)
{
    struct lives *l = *state;

    hrd_profile_set_free(l->set);
    puts_close(&l->puts);
    ck_fini(&l->ck);
    free(l);
    return 0;
}

/* ---- what is stored ---- */

static void get_contained(struct lives *l, struct hrd_ranges *ret)
{
    const struct hrd_log_ops *ops = l->ck.log->ops;
    uint8_t key[HRD_PROFILED_KEY_BYTES];
    struct hrp_buf value = HRP_BUF_INIT;
    struct hrd_snapshot *snap;
    struct hrp_reader in;

    memset(ret, 0, sizeof *ret);
    hrd_profiled_key(l->ck.stream_id, key);
    assert_int_equal(ops->snapshot(l->ck.log, &snap), 0);
    if (ops->get(snap, HRD_CF_PROFILES, key, sizeof key, &value) == 0) {
        in = hrp_reader(value.p, value.n);
        assert_int_equal(hrd_ranges_read(&in, ret), 0);
    }
    ops->snapshot_free(snap);
    hrp_buf_fini(&value);
}

/* Every stored profile, merged into one by value; *ret_offsets: the union of their sets, which must not meet. */
static uint64_t read_profiles(struct lives *l, struct hrd_profile *ret, struct hrd_ranges *ret_offsets)
{
    const struct hrd_log_ops *ops = l->ck.log->ops;
    uint8_t from[HRD_PROFILE_KEY_BYTES];
    const uint8_t *key, *value;
    size_t n_key, n_value;
    struct hrd_snapshot *snap;
    struct hrd_iter *it;
    uint64_t n = 0;

    hrd_profile_key('m', l->ck.stream_id, 0, 0, from);
    assert_int_equal(ops->snapshot(l->ck.log, &snap), 0);
    assert_int_equal(ops->iter(snap, HRD_CF_PROFILES, from, sizeof from, &it), 0);
    while (ops->next(it, &key, &n_key, &value, &n_value) == 1 && n_key == sizeof from && key[0] == 'm') {
        struct hrd_profile *prof;

        assert_int_equal(hrd_profile_read(value, n_value, &prof), 0);
        assert_false(hrd_ranges_meet(ret_offsets, &prof->offsets));
        assert_int_equal(hrd_ranges_merge(ret_offsets, &prof->offsets), 0);
        assert_int_equal(hrd_ranges_count(&prof->offsets), prof->rows);
        assert_int_equal(hrd_profile_merge(ret, prof), 0);
        hrd_profile_free(prof);
        n++;
    }
    ops->iter_free(it);
    ops->snapshot_free(snap);
    return n;
}

static bool equal(const struct hrd_ranges *a, const struct hrd_ranges *b)
{
    return a->n == b->n && (a->n == 0 || memcmp(a->r, b->r, a->n * sizeof *a->r) == 0);
}

/* (1) */
static uint64_t check_sets(struct lives *l)
{
    struct hrd_ranges contained, offsets = {NULL, 0, 0};
    struct hrd_profile *sum;
    uint64_t rows;

    assert_int_equal(hrd_profile_new(l->ck.stream_id, l->ck.schema_id, 0, &sum), 0);
    get_contained(l, &contained);
    read_profiles(l, sum, &offsets);
    assert_true(equal(&contained, &offsets));
    rows = sum->rows;
    hrd_profile_free(sum);
    hrd_ranges_fini(&contained);
    hrd_ranges_fini(&offsets);
    return rows;
}

/* The stream as its blocks say, in one go. */
static struct hrd_profile *from_blocks(struct lives *l)
{
    const struct hrd_read_block *blk;
    struct hrd_profile *prof;
    struct hrd_reader *reader;
    struct hrd_gap gap;

    assert_int_equal(hrd_profile_new(l->ck.stream_id, l->ck.schema_id, 0, &prof), 0);
    assert_int_equal(hrd_reader_open(l->ck.log, l->ck.reg, l->ck.stream_id, 0, &reader), 0);
    while (hrd_reader_next(reader, &blk, &gap) == 1)
        assert_int_equal(hrd_profile_add(prof, &blk->head, blk->batch), 0);
    hrd_reader_free(reader);
    return prof;
}

static void check_field(const struct hrd_field_profile *got, const struct hrd_field_profile *want)
{
    double rounding = 1e-14 * fabs(want->moments.mean); /* after many merges; times differ by little more */

    assert_int_equal(got->phys, want->phys);
    assert_int_equal(got->slots, want->slots);
    assert_int_equal(got->present, want->present);
    assert_int_equal(got->values, want->values);
    assert_int_equal(got->zeros, want->zeros);
    assert_int_equal(got->min.u64, want->min.u64);
    assert_int_equal(got->max.u64, want->max.u64);
    assert_int_equal(got->moments.n, want->moments.n);
    assert_true(fabs(got->moments.mean - want->moments.mean) <= 1e-9 * (1 + fabs(want->moments.mean)));
    assert_true(fabs(got->moments.m2 - want->moments.m2) <= 1e-6 * (1 + want->moments.m2) + rounding * rounding * (double)want->moments.n);
    assert_int_equal(hrd_field_distinct(got), hrd_field_distinct(want));
}

/* (2) All rows, each once. */
static void check_all(struct lives *l)
{
    struct hrd_profile *want = from_blocks(l), *got;
    struct hrd_ranges offsets = {NULL, 0, 0};

    assert_int_equal(hrd_profile_new(l->ck.stream_id, l->ck.schema_id, 0, &got), 0);
    read_profiles(l, got, &offsets);
    assert_int_equal(want->rows, l->stored);
    assert_int_equal(got->rows, want->rows);
    assert_int_equal(got->n_fields, want->n_fields);
    for (uint32_t i = 1; i < want->n_fields; i++)
        check_field(&got->fields[i], &want->fields[i]);
    hrd_profile_free(want);
    hrd_profile_free(got);
    hrd_ranges_fini(&offsets);
}

static bool all_contained(void *arg)
{
    struct lives *l = arg;
    struct hrd_ranges contained;
    bool all;

    get_contained(l, &contained);
    all = hrd_ranges_count(&contained) == l->stored;
    hrd_ranges_fini(&contained);
    return all;
}

/* ---- tests ---- */

static void test_an_orderly_stop_leaves_nothing_to_read(void **state)
{
    struct lives *l = *state;

    start(l);
    commit(l, 100, 0, true);
    hand_over(l);
    commit(l, 50, 0, true);
    stop(l);
    assert_int_equal(check_sets(l), 150);
    check_all(l);
}

static void test_what_no_checkpoint_has_is_read_at_the_next_start(void **state)
{
    struct lives *l = *state;

    start(l);
    commit(l, 100, 0, true);
    hand_over(l);
    puts_until(&l->puts, all_contained, l);
    commit(l, 30, 20, true); /* with resends: a selection */
    hand_over(l);
    kill_keeper(l);
    commit(l, 7, 0, true);
    hrd_profile_set_free(l->set);
    l->set = NULL;
    assert_int_equal(check_sets(l), 100);
    start(l);
    puts_until(&l->puts, all_contained, l);
    stop(l);
    check_all(l);
}

static void test_a_profile_of_rows_that_are_contained_is_dropped(void **state)
{
    struct lives *l = *state;
    struct hrd_profile_set *late;

    commit(l, 100, 0, true);
    late = l->set;
    l->set = NULL;
    start(l); /* reads the block by itself */
    puts_until(&l->puts, all_contained, l);
    l->set = late;
    hand_over(l);
    stop(l);
    assert_int_equal(check_sets(l), 100);
    check_all(l);
}

static void test_late_rows_join_a_stored_minute(void **state)
{
    struct lives *l = *state;
    struct hrd_ranges offsets = {NULL, 0, 0};
    struct hrd_profile *sum;

    commit(l, 10, 0, true);
    start(l);
    hand_over(l);
    stop(l);
    commit(l, 10, 0, true); /* the same minute of a clock that stands still, which is long past: not in memory any more */
    start(l);
    hand_over(l);
    stop(l);
    assert_int_equal(hrd_profile_new(l->ck.stream_id, l->ck.schema_id, 0, &sum), 0);
    assert_int_equal(read_profiles(l, sum, &offsets), 1);
    assert_int_equal(sum->rows, 20);
    hrd_profile_free(sum);
    hrd_ranges_fini(&offsets);
    check_all(l);
}

static void overwrite(struct lives *l, const void *key, size_t n_key)
{
    struct hrd_group g;

    hrd_group_init(&g);
    hrd_group_put(&g, HRD_CF_PROFILES, key, n_key, "damage", 6);
    assert_int_equal(l->ck.log->ops->commit(l->ck.log, &g), 0);
    hrd_group_fini(&g);
}

static void test_a_damaged_set_is_counted_anew(void **state)
{
    struct lives *l = *state;
    uint8_t key[HRD_PROFILED_KEY_BYTES];

    commit(l, 100, 0, true);
    start(l);
    hand_over(l);
    stop(l);
    hrd_profiled_key(l->ck.stream_id, key);
    overwrite(l, key, sizeof key);
    commit(l, 10, 0, true);
    start(l);
    hand_over(l);
    stop(l);
    assert_int_equal(check_sets(l), 110);
    check_all(l);
}

static void test_a_damaged_profile_is_read_again_from_the_blocks(void **state)
{
    struct lives *l = *state;
    uint8_t key[HRD_PROFILE_KEY_BYTES];

    commit(l, 100, 0, true);
    start(l);
    hand_over(l);
    stop(l);
    hrd_profile_key('m', l->ck.stream_id, hrd_profile_minute(l->ck.now_ns), l->ck.schema_id, key);
    overwrite(l, key, sizeof key);
    commit(l, 10, 0, true);
    start(l); /* the late rows meet the damage */
    hand_over(l);
    stop(l);
    start(l);
    puts_until(&l->puts, all_contained, l);
    stop(l);
    assert_int_equal(check_sets(l), 110);
    check_all(l);
}

/* As after blocks were merged: of one block, some offsets are in a stored profile, others not. */
static void test_the_rest_of_a_block_is_read(void **state)
{
    struct lives *l = *state;
    struct hrd_range some = {20, 30};
    uint8_t key[HRD_PROFILE_KEY_BYTES];
    struct hrp_buf value = HRP_BUF_INIT;
    const struct hrd_read_block *blk;
    struct hrd_block_head part;
    struct hrd_profile *prof;
    struct hrd_reader *reader;
    struct hrd_group g;
    struct hrd_gap gap;

    commit(l, 100, 0, true);
    assert_int_equal(hrd_reader_open(l->ck.log, l->ck.reg, l->ck.stream_id, 0, &reader), 0);
    assert_int_equal(hrd_reader_next(reader, &blk, &gap), 1);
    part = blk->head;
    part.first_offset = 20;
    part.n_rows = 10;
    part.selection = &some;
    part.n_selection = 1;
    assert_int_equal(hrd_profile_new(l->ck.stream_id, l->ck.schema_id, hrd_profile_minute(part.receive_time_ns), &prof), 0);
    assert_int_equal(hrd_profile_add(prof, &part, blk->batch), 0);
    hrd_reader_free(reader);
    hrd_group_init(&g);
    hrd_profile_put(&value, prof);
    hrd_profile_key('m', prof->stream_id, prof->minute, prof->schema_id, key);
    hrd_group_put(&g, HRD_CF_PROFILES, key, sizeof key, value.p, value.n);
    hrp_buf_clear(&value);
    hrd_ranges_put(&value, &prof->offsets);
    hrd_profiled_key(prof->stream_id, key);
    hrd_group_put(&g, HRD_CF_PROFILES, key, HRD_PROFILED_KEY_BYTES, value.p, value.n);
    assert_int_equal(l->ck.log->ops->commit(l->ck.log, &g), 0);
    hrd_group_fini(&g);
    hrp_buf_fini(&value);
    hrd_profile_free(prof);

    start(l);
    puts_until(&l->puts, all_contained, l);
    hrd_profile_set_free(l->set);
    l->set = NULL;
    stop(l);
    assert_int_equal(check_sets(l), 100);
    check_all(l);
}

static void query_free(struct hrd_msg *msg)
{
    hrd_profile_set_free(((struct hrd_query_msg *)msg)->profiles);
    hrp_free(msg);
}

static void asker(void *owner) {}

static bool has_mail(void *arg)
{
    struct hrd_mailbox *mb = arg;
    bool mail;

    uv_mutex_lock(&mb->lock);
    mail = mb->waiting.first != NULL;
    uv_mutex_unlock(&mb->lock);
    return mail;
}

static uint64_t ask(struct lives *l, struct hrd_mailbox *mb, uint32_t from_minute, uint32_t to_minute)
{
    struct hrd_msg *msg = must_have(hrd_msg_new(HRD_MSG_QUERY, sizeof(struct hrd_query_msg), query_free));
    struct hrd_query_msg *query = (struct hrd_query_msg *)msg;
    struct hrd_msgs mail;
    uint64_t rows = 0;

    *query = (struct hrd_query_msg){.msg = query->msg, .stream_id = l->ck.stream_id, .from_minute = from_minute, .to_minute = to_minute};
    msg->reply = mb;
    assert_int_equal(hrd_mailbox_send(hrd_keeper_inbox(l->keeper), &msg), 0);
    puts_until(&l->puts, has_mail, mb);
    mail = hrd_mailbox_take(mb);
    query = (struct hrd_query_msg *)hrd_msgs_take(&mail);
    assert_int_equal(query->error, 0);
    for (const struct hrd_profile *prof = query->profiles->first; prof != NULL; prof = prof->next)
        rows += prof->rows;
    hrd_msg_free(&query->msg);
    return rows;
}

static void test_a_question_is_answered_from_memory(void **state)
{
    struct lives *l = *state;
    uint32_t minute = hrd_profile_minute(l->ck.now_ns);
    struct hrd_mailbox mb;

    assert_int_equal(hrd_mailbox_open(&mb, &l->puts.loop, 0, asker, NULL), 0);
    start(l);
    commit(l, 100, 0, true);
    hand_over(l);
    (void)puts_next(&l->puts); /* not answered: it stays in memory */
    assert_int_equal(ask(l, &mb, minute, minute + 1), 100);
    stop(l);
    hrd_mailbox_close(&mb);
    uv_run(&l->puts.loop, UV_RUN_NOWAIT);
}

/* The n-th allocation fails while the keeper takes a set and copies it for a question. What it drops, a start makes good. */
static void test_every_allocation_may_fail(void **state)
{
    struct lives *l = *state;
    struct hrd_mailbox mb;

    if (!unit_faults())
        skip();
    assert_int_equal(hrd_mailbox_open(&mb, &l->puts.loop, 0, asker, NULL), 0);
    for (unsigned n = 1; n <= 40; n++) {
        struct hrd_msg *msg = must_have(hrd_msg_new(HRD_MSG_QUERY, sizeof(struct hrd_query_msg), query_free));
        struct hrd_query_msg *query = (struct hrd_query_msg *)msg;
        struct hrd_msgs mail;

        query->stream_id = l->ck.stream_id;
        query->to_minute = UINT32_MAX;
        msg->reply = &mb;
        start(l);
        commit(l, 20, n % 3, true);
        hand_over_failing(l, n);
        assert_int_equal(hrd_mailbox_send(hrd_keeper_inbox(l->keeper), &msg), 0);
        while (!has_mail(&mb))
            uv_run(&l->puts.loop, UV_RUN_NOWAIT); /* takes groups but does none: nothing here allocates */
        hrp_alloc_fail_at(0);
        mail = hrd_mailbox_take(&mb);
        query = (struct hrd_query_msg *)hrd_msgs_take(&mail);
        assert_true(query->error == 0 ? query->profiles != NULL : query->error == HR_ENOMEM && query->profiles == NULL);
        hrd_msg_free(&query->msg);
        stop(l);
        check_sets(l);
    }
    hrd_mailbox_close(&mb);
    uv_run(&l->puts.loop, UV_RUN_NOWAIT);
    start(l);
    puts_until(&l->puts, all_contained, l);
    stop(l);
    check_all(l);
}

/* ---- at random ---- */

static void act(struct lives *l)
{
    switch (rnd_below(&l->rnd, 8)) {
    case 0:
        hand_over(l);
        break;
    case 1:
        l->ck.now_ns += rnd_below(&l->rnd, 2) * HRD_MINUTE_NS;
        break;
    case 2:
        if (l->puts.waiting.first != NULL)
            puts_do(&l->puts);
        break;
    case 3:
        uv_run(&l->puts.loop, UV_RUN_NOWAIT);
        break;
    case 4:
        commit(l, 1 + rnd_below(&l->rnd, 20), rnd_below(&l->rnd, 30), rnd_below(&l->rnd, 4) != 0);
        break;
    default:
        commit(l, 1 + rnd_below(&l->rnd, 100), 0, true);
    }
}

static void test_no_life_loses_or_doubles_a_row(void **state)
{
    struct lives *l = *state;
    uint64_t seed = rnd_seed(20261123);

    print_message("HEADRACE_SEED=%llu\n", (unsigned long long)seed);
    l->rnd.state = seed;
    for (unsigned life = 0; life < N_LIVES; life++) {
        start(l);
        for (uint32_t n = rnd_below(&l->rnd, 60); n != 0; n--)
            act(l);
        if (rnd_one_in(&l->rnd, 5))
            stop(l);
        else
            kill_keeper(l);
        check_sets(l);
    }
    start(l);
    puts_until(&l->puts, all_contained, l);
    stop(l);
    assert_int_equal(check_sets(l), l->stored);
    check_all(l);
}

/* The control: rows counted twice must be seen. */
static void test_a_double_count_is_seen(void **state)
{
    struct lives *l = *state;
    uint8_t key[HRD_PROFILED_KEY_BYTES];
    struct hrd_group g;

    commit(l, 100, 0, true);
    start(l);
    hand_over(l);
    stop(l);
    hrd_profiled_key(l->ck.stream_id, key);
    hrd_group_init(&g);
    hrd_group_del(&g, HRD_CF_PROFILES, key, sizeof key); /* as if the set were not in the profiles' own write */
    assert_int_equal(l->ck.log->ops->commit(l->ck.log, &g), 0);
    hrd_group_fini(&g);
    start(l);
    puts_until(&l->puts, all_contained, l); /* the profile itself refuses the rows it has */
    stop(l);
    check_all(l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_an_orderly_stop_leaves_nothing_to_read, setup, teardown),
        cmocka_unit_test_setup_teardown(test_what_no_checkpoint_has_is_read_at_the_next_start, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_profile_of_rows_that_are_contained_is_dropped, setup, teardown),
        cmocka_unit_test_setup_teardown(test_late_rows_join_a_stored_minute, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_damaged_set_is_counted_anew, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_damaged_profile_is_read_again_from_the_blocks, setup, teardown),
        cmocka_unit_test_setup_teardown(test_the_rest_of_a_block_is_read, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_question_is_answered_from_memory, setup, teardown),
        cmocka_unit_test_setup_teardown(test_every_allocation_may_fail, setup, teardown),
        cmocka_unit_test_setup_teardown(test_no_life_loses_or_doubles_a_row, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_double_count_is_seen, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
