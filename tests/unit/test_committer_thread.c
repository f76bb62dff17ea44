/* The committer's thread: what is sent comes back, durable, whatever the store does meanwhile. Run under ThreadSanitizer too. */
#include "commit_kit.h"
#include "alloc.h"
#include "mailbox.h"
#include "status.h"
#include "unit.h"
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct fixture {
    struct ck k;
    uv_loop_t loop;                  /* of this thread, which plays main and the workers */
    struct hrd_mailbox main_inbox, worker_inbox;
    struct hrd_committer_thread *ct;
    uint64_t committed, accepted, trimmed, verdicts, reported, statuses, counter_msgs;
    uint64_t last_commit;
    struct hrd_status *status;       /* the newest */
    struct hrd_counters counters;
};

static void on_main(void *owner)
{
    struct fixture *f = owner;
    struct hrd_msgs mail = hrd_mailbox_take(&f->main_inbox);
    struct hrd_msg *msg;

    while ((msg = hrd_msgs_take(&mail)) != NULL) {
        if (msg->type == HRD_MSG_STATUS) {
            hrd_status_unref(f->status);
            f->status = hrd_status_ref(((struct hrd_status_msg *)msg)->status);
            f->statuses++;
        } else if (msg->type == HRD_MSG_COUNTERS) {
            assert_int_equal(((struct hrd_counters_msg *)msg)->thread, 5);
            f->counters = ((struct hrd_counters_msg *)msg)->counters;
            f->counter_msgs++;
        }
        hrd_msg_free(msg);
    }
}

static void on_worker(void *owner)
{
    struct fixture *f = owner;
    struct hrd_msgs mail = hrd_mailbox_take(&f->worker_inbox);
    struct hrd_msg *msg;

    while ((msg = hrd_msgs_take(&mail)) != NULL) {
        if (msg->type == HRD_MSG_COMMITTED) {
            struct hrd_batch_msg *bat = (struct hrd_batch_msg *)msg;

            assert_int_equal(bat->code, HRD_COMMITTED);
            f->committed++;
            f->accepted += bat->accepted;
            f->trimmed += bat->trimmed;
            assert_true(bat->commit >= f->last_commit); /* answers in order */
            f->last_commit = bat->commit;
        }
        f->verdicts += msg->type == HRD_MSG_VERDICT;
        f->reported += msg->type == HRD_MSG_REPORTED;
        hrd_msg_free(msg);
    }
}

static void start(struct fixture *f)
{
    memset(f, 0, sizeof *f);
    ck_init(&f->k);
    ck_start(&f->k, 1);
    assert_int_equal(uv_loop_init(&f->loop), 0);
    assert_int_equal(hrd_mailbox_open(&f->main_inbox, &f->loop, 0, on_main, f), 0);
    assert_int_equal(hrd_mailbox_open(&f->worker_inbox, &f->loop, 0, on_worker, f), 0);
}

static void run(struct fixture *f, size_t cap_bytes)
{
    assert_int_equal(hrd_committer_start(f->k.cm, &f->main_inbox, 5, cap_bytes, &f->ct), 0);
}

static void give(struct fixture *f, void *message, bool answered)
{
    struct hrd_msg *msg = message;

    msg->reply = answered ? &f->worker_inbox : NULL;
    while (hrd_mailbox_send(hrd_committer_inbox(f->ct), &msg) != 0)
        sched_yield(); /* full: it is ours still */
}

static void stop(struct fixture *f)
{
    hrd_committer_stop(f->ct);
    while (uv_run(&f->loop, UV_RUN_NOWAIT) != 0 && uv_backend_timeout(&f->loop) == 0)
        ;
    on_worker(f);
    on_main(f);
}

static void finish(struct fixture *f)
{
    hrd_mailbox_close(&f->main_inbox);
    hrd_mailbox_close(&f->worker_inbox);
    uv_run(&f->loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&f->loop), 0);
    hrd_status_unref(f->status);
    if (!hrd_committer_broken(f->k.cm))
        ck_sound(&f->k);
    ck_fini(&f->k);
}

static void test_what_is_sent_comes_back_durable(void **state)
{
    struct fixture f;

    start(&f);
    run(&f, 0);
    for (unsigned i = 0; i < 200; i++)
        give(&f, ck_rows(&f.k, 1, i % 4, 1 + i / 4 * 5, 5), true);
    while (f.committed < 200)
        uv_run(&f.loop, UV_RUN_ONCE);
    assert_int_equal(f.accepted, 1000);
    stop(&f);
    assert_non_null(f.status);
    assert_true(f.status->ready);
    assert_int_equal(f.status->streams[0].rows, 1000); /* the last numbers always arrive */
    assert_int_equal(f.counters.rows_accepted, 1000);
    assert_true(f.counters.commits > 0);
    finish(&f);
}

static void test_a_store_that_fails_is_reopened_and_nothing_is_lost(void **state)
{
    for (int applied = 0; applied < 2; applied++) {
        struct fixture f;
        bool seen_unready = false;

        start(&f);
        hrd_log_memory_fail(f.k.log, 3, applied != 0);
        hrd_log_memory_fail_reopen(f.k.log, 1);
        run(&f, 0);
        for (unsigned i = 0; i < 50; i++) {
            give(&f, ck_rows(&f.k, 1, 0, 1 + i * 2, 2), true);
            if (i < 6) /* some groups of one batch, so that the third is there */
                while (f.committed <= i && !seen_unready) {
                    uv_run(&f.loop, UV_RUN_ONCE);
                    seen_unready = f.status != NULL && !f.status->ready;
                }
        }
        while (f.committed < 50) {
            uv_run(&f.loop, UV_RUN_ONCE);
            seen_unready = seen_unready || (f.status != NULL && !f.status->ready);
        }
        assert_true(seen_unready);
        assert_int_equal(f.accepted + f.trimmed, 100);
        stop(&f);
        assert_true(f.status->ready);
        assert_int_equal(f.status->streams[0].rows, 100);
        assert_int_equal(f.counters.reopens, 1);
        finish(&f);
    }
}

struct sender {
    struct fixture *f;
    struct hrd_msgs msgs;
};

static void send_all(void *arg)
{
    struct sender *s = arg;
    struct hrd_msg *msg;

    while ((msg = hrd_msgs_take(&s->msgs)) != NULL)
        give(s->f, msg, true);
}

static void test_many_senders_and_a_full_mailbox(void **state)
{
    struct sender senders[4];
    uv_thread_t threads[4];
    struct fixture f;

    start(&f);
    for (unsigned t = 0; t < 4; t++) {
        senders[t] = (struct sender){&f, {NULL, NULL}};
        for (unsigned i = 0; i < 100; i++) {
            struct hrd_batch_msg *bat = ck_rows(&f.k, 1, t, 1 + i * 3, 4); /* each overlaps the next by one */

            bat->msg.n_bytes = bat->n_bytes;
            hrd_msgs_add(&senders[t].msgs, &bat->msg);
        }
    }
    run(&f, 2000);
    for (unsigned t = 0; t < 4; t++)
        assert_int_equal(uv_thread_create(&threads[t], send_all, &senders[t]), 0);
    while (f.committed < 400)
        uv_run(&f.loop, UV_RUN_ONCE);
    for (unsigned t = 0; t < 4; t++)
        uv_thread_join(&threads[t]);
    assert_int_equal(f.accepted, 4 * 301);
    assert_int_equal(f.trimmed, 4 * 99);
    stop(&f);
    finish(&f);
}

struct reader {
    struct hrd_registry *reg;
    uint32_t n_wanted;
};

/* Any thread may read while the committer learns; what it sees is whole. */
static void read_all(void *arg)
{
    struct reader *rd = arg;
    struct hrd_stream_info info;
    uint32_t n = 0;

    while (n < rd->n_wanted) {
        n = hrd_registry_n_streams(rd->reg);
        for (uint32_t id = 1; id <= n; id++) {
            struct hrp_schema *schema;

            if (hrd_registry_stream(rd->reg, id, &info) != 0 || info.name[0] == '\0')
                abort();
            schema = hrd_registry_schema(rd->reg, info.schema_id);
            if (schema != NULL && strcmp(hrp_schema_name(schema), info.name) != 0)
                abort();
            hrp_schema_unref(schema);
        }
    }
}

static void test_streams_are_read_while_others_are_learned(void **state)
{
    struct fixture f;
    struct reader rd;
    uv_thread_t thread;

    start(&f);
    rd = (struct reader){f.k.reg, 101};
    assert_int_equal(uv_thread_create(&thread, read_all, &rd), 0);
    run(&f, 0);
    for (unsigned i = 0; i < 100; i++) {
        struct hrd_offer_msg *off = hrd_offer_msg_new();
        char name[16];

        snprintf(name, sizeof name, "s%u", i);
        off->incarnation = ck_id(1);
        off->stream = hrp_strdup(name);
        give(&f, off, true);
    }
    while (f.verdicts < 100)
        uv_run(&f.loop, UV_RUN_ONCE);
    assert_int_equal(hrd_registry_n_streams(f.k.reg), 101); /* whoever has an answer finds the stream */
    uv_thread_join(&thread);
    stop(&f);
    ck_crash(&f.k);
    ck_open(&f.k);
    assert_int_equal(hrd_registry_n_streams(f.k.reg), 101);
    finish(&f);
}

static void test_stop_commits_what_waits(void **state)
{
    struct fixture f;

    start(&f);
    run(&f, 0);
    for (unsigned i = 0; i < 20; i++)
        give(&f, ck_rows(&f.k, 1, 0, 1 + i, 1), true);
    stop(&f);
    assert_int_equal(f.committed, 20);
    assert_int_equal(f.accepted, 20);
    finish(&f);
}

static void test_stop_with_a_store_that_stays_broken_answers_nothing(void **state)
{
    struct fixture f;

    start(&f);
    hrd_log_memory_fail(f.k.log, 1, false);
    hrd_log_memory_fail_reopen(f.k.log, 1000000);
    run(&f, 0);
    give(&f, ck_rows(&f.k, 1, 0, 1, 5), true);
    while (f.status == NULL || f.status->ready)
        uv_run(&f.loop, UV_RUN_ONCE);
    assert_string_not_equal(f.status->reason, "");
    stop(&f);
    assert_int_equal(f.committed, 0);
    finish(&f);
}

static void test_connected_shows_without_any_row(void **state)
{
    struct fixture f;
    struct hrd_gone_msg *gone = hrd_gone_msg_new();

    start(&f);
    run(&f, 0);
    while (f.status == NULL)
        uv_run(&f.loop, UV_RUN_ONCE);
    assert_int_equal(f.status->n_producers, 1);
    assert_true(f.status->producers[0].connected);
    gone->incarnations = hrp_malloc(sizeof *gone->incarnations);
    gone->incarnations[0] = ck_id(1);
    gone->n_incarnations = 1;
    give(&f, gone, false);
    while (f.status->producers[0].connected)
        uv_run(&f.loop, UV_RUN_ONCE);
    stop(&f);
    finish(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_sent_comes_back_durable),
        cmocka_unit_test(test_a_store_that_fails_is_reopened_and_nothing_is_lost),
        cmocka_unit_test(test_many_senders_and_a_full_mailbox),
        cmocka_unit_test(test_streams_are_read_while_others_are_learned),
        cmocka_unit_test(test_stop_commits_what_waits),
        cmocka_unit_test(test_stop_with_a_store_that_stays_broken_answers_nothing),
        cmocka_unit_test(test_connected_shows_without_any_row),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
