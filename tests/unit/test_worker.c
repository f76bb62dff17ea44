/* A worker between sockets and mailboxes that the test holds: order under a full mailbox, and an end that loses nothing. */
#include "unit.h"
#include "keeper.h"
#include "session_kit.h"
#include "worker.h"
#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define FLIGHT 3u
#define SLOT 2u

struct fixture {
    struct session_kit k;            /* its registry knows Flight; its `in` is what the producer says */
    uv_loop_t loop;                  /* of the three mailboxes, run by the test */
    struct hrd_mailbox committer, main, keeper;
    struct hrd_msgs to_committer, to_main, to_keeper; /* taken from them, oldest first */
    struct hrd_worker *wrk;
    int fd;                          /* the producer's socket */
};

static void on_committer(void *arg)
{
    struct fixture *f = arg;
    struct hrd_msgs mail = hrd_mailbox_take(&f->committer);
    struct hrd_msg *msg;

    while ((msg = hrd_msgs_take(&mail)) != NULL)
        hrd_msgs_add(&f->to_committer, msg);
}

static void on_main(void *arg)
{
    struct fixture *f = arg;
    struct hrd_msgs mail = hrd_mailbox_take(&f->main);
    struct hrd_msg *msg;

    while ((msg = hrd_msgs_take(&mail)) != NULL)
        hrd_msgs_add(&f->to_main, msg);
}

static void on_keeper(void *arg)
{
    struct fixture *f = arg;
    struct hrd_msgs mail = hrd_mailbox_take(&f->keeper);
    struct hrd_msg *msg;

    while ((msg = hrd_msgs_take(&mail)) != NULL)
        hrd_msgs_add(&f->to_keeper, msg);
}

/* The kit's own session teaches the registry Flight. */
static void learn_flight(struct session_kit *k)
{
    kit_init(k);
    kit_open(k);
    kit_hello(k);
    kit_announce(k, kit_id(9));
    kit_offer(k, kit_id(9), FLIGHT, NULL, true);
    kit_feed(k, 0);
    hrd_msg_free(kit_take(k, HRD_MSG_ANNOUNCE));
    kit_answer(k, kit_take(k, HRD_MSG_OFFER), 0);
}

static void connect_producer(struct fixture *f)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct hrd_conn_msg *m = hrd_conn_msg_new();
    int lis = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct hrd_msg *msg = &m->msg;
    socklen_t n = sizeof a;

    assert_int_equal(bind(lis, (const struct sockaddr *)&a, sizeof a), 0);
    assert_int_equal(listen(lis, 1), 0);
    assert_int_equal(getsockname(lis, (struct sockaddr *)&a, &n), 0);
    f->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(f->fd, (const struct sockaddr *)&a, sizeof a), 0);
    m->fd = accept4(lis, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    strcpy(m->peer, "test");
    close(lis);
    assert_int_equal(hrd_mailbox_send(hrd_worker_inbox(f->wrk), &msg), 0);
}

static void start(struct fixture *f, size_t committer_cap_bytes)
{
    struct hrd_worker_cfg cfg = {
        .slot = SLOT, .max_sessions = 4, .session = &f->k.cfg, .committer = &f->committer, .main = &f->main, .keeper = &f->keeper};

    assert_int_equal(hrd_mailbox_open(&f->committer, &f->loop, committer_cap_bytes, on_committer, f), 0);
    assert_int_equal(hrd_mailbox_open(&f->main, &f->loop, 0, on_main, f), 0);
    assert_int_equal(hrd_mailbox_open(&f->keeper, &f->loop, 0, on_keeper, f), 0);
    assert_int_equal(hrd_worker_start(&cfg, &f->wrk, NULL), 0);
    connect_producer(f);
}

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);

    learn_flight(&f->k);
    uv_loop_init(&f->loop);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    hrd_mailbox_close(&f->committer);
    hrd_mailbox_close(&f->main);
    hrd_mailbox_close(&f->keeper);
    uv_run(&f->loop, UV_RUN_DEFAULT);
    uv_loop_close(&f->loop);
    hrd_msgs_free(&f->to_committer);
    hrd_msgs_free(&f->to_main);
    hrd_msgs_free(&f->to_keeper);
    close(f->fd);
    kit_fini(&f->k);
    free(f);
    return 0;
}

/* ---- steps ---- */

static void say(struct fixture *f)
{
    assert_int_equal(write(f->fd, f->k.in.p, f->k.in.n), (ssize_t)f->k.in.n);
    hrp_buf_clear(&f->k.in);
}

/* The next message of a mailbox, which must be of this type. Counters may come at any time: they are skipped. */
static struct hrd_msg *next(struct fixture *f, struct hrd_msgs *from, enum hrd_msg_type type)
{
    struct hrd_msg *msg;

    for (;;) {
        while ((msg = hrd_msgs_take(from)) == NULL)
            uv_run(&f->loop, UV_RUN_ONCE);
        if (msg->type != HRD_MSG_COUNTERS)
            break;
        hrd_msg_free(msg);
    }
    assert_int_equal(msg->type, type);
    return msg;
}

static void tell(struct fixture *f, enum hrd_msg_type type)
{
    struct hrd_msg *msg = &hrd_gone_msg_new()->msg; /* any that frees itself */

    msg->type = type;
    assert_int_equal(hrd_mailbox_send(hrd_worker_inbox(f->wrk), &msg), 0);
}

/* Durable: all rows, from first_offset on. */
static void commit(struct hrd_msg *msg, uint64_t first_offset)
{
    struct hrd_batch_msg *bat = (struct hrd_batch_msg *)msg;

    bat->code = HRD_COMMITTED;
    bat->accepted = bat->head.n_rows;
    bat->block = (struct hrd_block_head){.stream_id = bat->stream_id,
                                         .schema_id = bat->schema_id,
                                         .first_offset = first_offset,
                                         .n_rows = bat->head.n_rows,
                                         .incarnation = bat->head.incarnation,
                                         .receive_time_ns = INT64_C(1700000000000000000)};
    msg->type = HRD_MSG_COMMITTED;
    assert_int_equal(hrd_mailbox_send(msg->reply, &msg), 0);
}

/* Reads frames from the socket until one of this type. */
static void hear(struct fixture *f, uint8_t type)
{
    struct hrp_frame frame;
    size_t used, need;

    for (;;) {
        struct hrp_buf *out = &f->k.out;
        int r = hrp_frame_next(out->p, out->n, &hrp_limits_default, &frame, &used, &need);
        uint8_t got = r == 1 ? frame.type : 0;
        ssize_t n;

        assert_true(r >= 0);
        if (r == 1) {
            memmove(out->p, out->p + used, out->n - used);
            out->n -= used;
            if (got == type)
                return;
            continue;
        }
        assert_non_null(hrp_buf_reserve(out, 65536));
        n = read(f->fd, out->p + out->n, 65536);
        assert_true(n > 0);
        out->n += (size_t)n;
    }
}

static void introduce(struct fixture *f)
{
    hrp_buf_clear(&f->k.out);
    kit_hello(&f->k);
    kit_announce(&f->k, kit_id(1));
    kit_offer(&f->k, kit_id(1), FLIGHT, NULL, false);
    say(f);
    hear(f, HRP_FRAME_VERDICT);
    hrd_msg_free(next(f, &f->to_committer, HRD_MSG_ANNOUNCE));
}

static void end(struct fixture *f)
{
    hrd_msg_free(next(f, &f->to_main, HRD_MSG_DRAINED));
    hrd_msg_free(next(f, &f->to_main, HRD_MSG_STOP));
    hrd_worker_join(f->wrk);
}

/* ---- tests ---- */

static void order_holds_when_the_mailbox_is_full(void **state)
{
    struct fixture *f = *state;
    struct hrd_msg *report;

    start(f, 1); /* room for one message */
    introduce(f);
    for (uint64_t i = 0; i < 50; i++)
        kit_batch(&f->k, kit_id(1), FLIGHT, i + 1, i * 10 + 1, 10);
    kit_report(&f->k, kit_id(1), 1, FLIGHT, 501, 1, false);
    say(f);
    for (uint64_t i = 0; i < 50; i++) {
        struct hrd_msg *msg = next(f, &f->to_committer, HRD_MSG_BATCH);

        assert_int_equal(((struct hrd_batch_msg *)msg)->head.batch_id, i + 1);
        commit(msg, i * 10);
    }
    for (int i = 0; i < 50; i++)
        hear(f, HRP_FRAME_ACK);
    report = next(f, &f->to_committer, HRD_MSG_REPORT);
    close(f->fd);
    f->fd = -1;
    hrd_msg_free(next(f, &f->to_committer, HRD_MSG_GONE));
    report->type = HRD_MSG_REPORTED; /* to a session that has gone */
    assert_int_equal(hrd_mailbox_send(report->reply, &report), 0);
    tell(f, HRD_MSG_STOP);
    end(f);
}

static void what_is_under_way_is_answered_before_the_end(void **state)
{
    struct fixture *f = *state;
    struct hrd_msg *msg, *prof;

    start(f, 0);
    introduce(f);
    kit_batch(&f->k, kit_id(1), FLIGHT, 1, 1, 10);
    say(f);
    msg = next(f, &f->to_committer, HRD_MSG_BATCH);
    tell(f, HRD_MSG_DRAIN);
    hear(f, HRP_FRAME_GOAWAY);
    commit(msg, 0);
    hear(f, HRP_FRAME_ACK);
    hrd_msg_free(next(f, &f->to_committer, HRD_MSG_GONE));
    close(f->fd);
    f->fd = -1;
    hrd_msg_free(next(f, &f->to_main, HRD_MSG_DRAINED));
    tell(f, HRD_MSG_STOP);
    hrd_msg_free(next(f, &f->to_main, HRD_MSG_STOP));
    hrd_worker_join(f->wrk);
    prof = next(f, &f->to_keeper, HRD_MSG_PROFILES);
    assert_int_equal(((struct hrd_profiles_msg *)prof)->set->first->rows, 10);
    hrd_msg_free(prof);
}

/* The connection is cut at once, but the rows that were committed are in the profiles: whoever sent them. */
static void a_stop_waits_for_answers_not_for_producers(void **state)
{
    struct fixture *f = *state;
    struct hrd_msg *msg, *prof;

    start(f, 0);
    introduce(f);
    kit_batch(&f->k, kit_id(1), FLIGHT, 1, 1, 10);
    say(f);
    msg = next(f, &f->to_committer, HRD_MSG_BATCH);
    tell(f, HRD_MSG_STOP);
    hrd_msg_free(next(f, &f->to_committer, HRD_MSG_GONE));
    commit(msg, 0);
    end(f);
    prof = next(f, &f->to_keeper, HRD_MSG_PROFILES);
    assert_int_equal(((struct hrd_profiles_msg *)prof)->set->first->rows, 10);
    hrd_msg_free(prof);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(order_holds_when_the_mailbox_is_full), T(what_is_under_way_is_answered_before_the_end),
        T(a_stop_waits_for_answers_not_for_producers),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
