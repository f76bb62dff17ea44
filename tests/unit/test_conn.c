/* The client's side of a connection, by frames, on a clock of this test. Named after the promises of conn.h. */
#include "alloc.h"
#include "batcher.h"
#include "conn.h"
#include "event_type.h"
#include "unit.h"
#include "wire.pb-c.h"
#include <stdlib.h>

#define MS INT64_C(1000000)

static const struct hrs_conn_config config = {
    .sdk = "test", .window_bytes = 4 << 20, .connect_timeout_ns = 1000 * MS, .ping_after_ns = 1000 * MS, .ping_timeout_ns = 500 * MS,
    .backoff_min_ns = 10 * MS, .backoff_max_ns = 1000 * MS, .report_every_ns = 100000 * MS, .out_cap_bytes = 1 << 20,
};
static const struct hrp_id store = {{9}};

struct fixture {
    struct hrs_stats stats;
    struct hrs_spool sp;
    struct hrs_conn conn;
    struct hrs_inc *inc;
    struct hrs_type *type;
    int64_t now;
    uint64_t next_n;
};

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    struct hrs_batch_limits lim = {.rows = 100, .bytes = 1 << 20, .age_ns = 1};
    struct hrp_id id = {{7}};
    struct hrs_batcher *b;
    size_t n;
    uint8_t *set = event_type_set("Sent", 0, &n);

    assert_int_equal(hrs_type_new(set, n, "t.Sent", &f->type, NULL), 0);
    free(set);
    assert_int_equal(hrs_inc_new(&id, &id, "a", "1", "h", "b", 1, 1, &f->inc), 0);
    f->inc->own = true;
    atomic_store(&f->inc->types[0], f->type);
    f->now = 1000 * MS;
    f->next_n = 1;
    hrs_spool_init(&f->sp, NULL, NULL, 1 << 20, &f->stats);
    assert_int_equal(hrs_batcher_new(f->inc, &f->sp, &lim, true, &b), 0);
    assert_int_equal(hrs_spool_add_inc(&f->sp, f->inc), 0);
    hrs_conn_init(&f->conn, &config, &f->sp, &f->stats, 1);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    hrs_conn_fini(&f->conn);
    hrs_spool_fini(&f->sp);
    hrs_inc_free(f->inc);
    hrs_type_free(f->type);
    free(f);
    return 0;
}

/* ---- the other side ---- */

static int tell(struct fixture *f, uint8_t type, const ProtobufCMessage *m)
{
    struct hrp_buf out = HRP_BUF_INIT;
    int r;

    hrp_frame_put_msg(&out, type, m);
    r = hrs_conn_bytes(&f->conn, out.p, out.n, f->now, f->now);
    hrp_buf_fini(&out);
    return r;
}

static void step(struct fixture *f) { hrs_conn_step(&f->conn, f->now, f->now); }

/* Frames of a type that were written since the last look. */
static unsigned written(struct fixture *f, uint8_t type)
{
    size_t at = 0, used, need;
    struct hrp_frame frame;
    unsigned n = 0;

    while (hrp_frame_next(f->conn.out.p + at, f->conn.out.n - at, &hrp_limits_default, &frame, &used, &need) == 1) {
        n += frame.type == type;
        at += used;
    }
    assert_int_equal(at, f->conn.out.n); /* whole frames only */
    hrp_buf_clear(&f->conn.out);
    return n;
}

static int welcome(struct fixture *f, const struct hrp_id *generation, uint64_t window)
{
    Headrace__Wire__Welcome m = HEADRACE__WIRE__WELCOME__INIT;

    m.has_store_generation = m.has_window_bytes = true;
    m.store_generation = (ProtobufCBinaryData){16, (uint8_t *)(uintptr_t)generation->b};
    m.window_bytes = window;
    return tell(f, HRP_FRAME_WELCOME, &m.base);
}

static int verdict(struct fixture *f)
{
    Headrace__Wire__SchemaVerdict m = HEADRACE__WIRE__SCHEMA_VERDICT__INIT;

    m.has_incarnation = m.has_code = true;
    m.incarnation = (ProtobufCBinaryData){16, f->inc->id.b};
    m.code = HEADRACE__WIRE__SCHEMA_VERDICT__CODE__KNOWN;
    return tell(f, HRP_FRAME_VERDICT, &m.base);
}

static int ack(struct fixture *f, uint64_t id, Headrace__Wire__Ack__Code code, const struct hrp_id *generation)
{
    Headrace__Wire__Ack m = HEADRACE__WIRE__ACK__INIT;

    m.has_incarnation = m.has_batch_id = m.has_code = m.has_store_generation = m.has_retry_after_ms = true;
    m.incarnation = (ProtobufCBinaryData){16, f->inc->id.b};
    m.batch_id = id;
    m.code = code;
    m.retry_after_ms = 100;
    m.store_generation = (ProtobufCBinaryData){16, (uint8_t *)(uintptr_t)generation->b};
    return tell(f, HRP_FRAME_ACK, &m.base);
}

static void add_batch(struct fixture *f)
{
    struct hrp_buf buf = HRP_BUF_INIT;
    struct hrp_batch_head head;
    struct hrp_builder *bld;
    uint8_t row[64];

    assert_int_equal(hrp_builder_new(f->type->schema, &bld), 0);
    assert_int_equal(hrp_builder_add(bld, 0, f->next_n, 1, 1, 0, row, event_row(row, f->next_n, "text"), NULL), 0);
    f->next_n++;
    assert_int_equal(hrp_builder_seal(bld, &f->inc->id, f->inc->next_batch_id++, 0, &buf), 0);
    assert_int_equal(hrp_batch_head_read(buf.p, buf.n, &hrp_limits_default, &head), 0);
    assert_int_equal(hrs_spool_add(&f->sp, f->inc, &head, &buf.p, (uint32_t)buf.n), 0);
    hrp_batch_head_fini(&head);
    hrp_builder_free(bld);
}

static void connect_to(struct fixture *f, uint64_t window)
{
    step(f);
    assert_int_equal(f->conn.want, HRS_WANT_CONNECT);
    f->conn.want = HRS_WANT_NOTHING;
    hrs_conn_connected(&f->conn, f->now, f->now);
    assert_int_equal(written(f, HRP_FRAME_HELLO), 1);
    assert_int_equal(welcome(f, &store, window), 0);
    assert_int_equal(f->conn.state, HRS_CONN_READY);
}

/* Connected, the type offered and known: batches go. */
static void ready(struct fixture *f, uint64_t window)
{
    connect_to(f, window);
    step(f);
    assert_int_equal(written(f, HRP_FRAME_BATCH), 0); /* not before its type is decided */
    assert_int_equal(verdict(f), 0);
    step(f);
}

/* ---- promises ---- */

static void promise_1_only_the_store_it_went_to_can_acknowledge(void **state)
{
    struct fixture *f = *state;
    static const struct hrp_id other = {{8}};

    add_batch(f);
    ready(f, 1 << 20);
    assert_int_equal(written(f, HRP_FRAME_BATCH), 1);
    assert_int_equal(ack(f, 1, HEADRACE__WIRE__ACK__CODE__COMMITTED, &other), 0);
    assert_int_equal(ack(f, 2, HEADRACE__WIRE__ACK__CODE__COMMITTED, &store), 0); /* there is none */
    assert_int_equal(f->sp.n_batches, 1);
    assert_int_equal(ack(f, 1, HEADRACE__WIRE__ACK__CODE__COMMITTED, &store), 0);
    assert_int_equal(f->sp.n_batches, 0);
    assert_int_equal(ack(f, 1, HEADRACE__WIRE__ACK__CODE__COMMITTED, &store), 0); /* once more: nothing */
}

static void promise_2_retry_and_parking_touch_one_batch(void **state)
{
    struct fixture *f = *state;

    add_batch(f);
    add_batch(f);
    add_batch(f);
    ready(f, 1 << 20);
    assert_int_equal(written(f, HRP_FRAME_BATCH), 3);
    assert_int_equal(ack(f, 1, HEADRACE__WIRE__ACK__CODE__RETRY, &store), 0);
    assert_int_equal(ack(f, 2, HEADRACE__WIRE__ACK__CODE__PARK, &store), 0);
    step(f);
    assert_int_equal(written(f, HRP_FRAME_BATCH), 0);
    f->now += 100 * MS;
    step(f);
    assert_int_equal(written(f, HRP_FRAME_BATCH), 1); /* the one to be retried */
    assert_int_equal(ack(f, 3, HEADRACE__WIRE__ACK__CODE__COMMITTED, &store), 0);
    assert_int_equal(ack(f, 1, HEADRACE__WIRE__ACK__CODE__COMMITTED, &store), 0);
    assert_int_equal(f->sp.n_batches, 1);
}

static void promise_3_the_window_is_kept(void **state)
{
    struct fixture *f = *state;
    uint64_t one;

    for (int i = 0; i < 5; i++)
        add_batch(f);
    one = f->sp.first->n_bytes;
    ready(f, one * 2 + 1);
    assert_int_equal(written(f, HRP_FRAME_BATCH), 2);
    assert_int_equal(ack(f, 1, HEADRACE__WIRE__ACK__CODE__COMMITTED, &store), 0);
    step(f);
    assert_int_equal(written(f, HRP_FRAME_BATCH), 1);
}

static void promise_3_a_batch_larger_than_the_window_goes_alone(void **state)
{
    struct fixture *f = *state;

    add_batch(f);
    add_batch(f);
    ready(f, 1);
    assert_int_equal(written(f, HRP_FRAME_BATCH), 1);
    assert_int_equal(ack(f, 1, HEADRACE__WIRE__ACK__CODE__COMMITTED, &store), 0);
    step(f);
    assert_int_equal(written(f, HRP_FRAME_BATCH), 1);
}

static void promise_4_what_the_collector_sends_is_bounded(void **state)
{
    struct fixture *f = *state;
    uint32_t n = hrp_limits_default.control_bytes + 1;
    uint8_t *big = calloc(1, n);
    struct hrp_buf out = HRP_BUF_INIT;

    connect_to(f, 1 << 20);
    hrp_frame_put(&out, HRP_FRAME_ACK, big, n);
    assert_int_equal(hrs_conn_bytes(&f->conn, out.p, HRP_FRAME_HEADER_BYTES, f->now, f->now), HR_ETOOBIG);
    hrp_buf_fini(&out);
    free(big);
}

static void before_welcome_nothing_else_is_heard(void **state)
{
    struct fixture *f = *state;

    step(f);
    f->conn.want = HRS_WANT_NOTHING;
    hrs_conn_connected(&f->conn, f->now, f->now);
    assert_int_equal(verdict(f), HR_EPROTO);
}

static void welcome_is_said_once(void **state)
{
    struct fixture *f = *state;

    connect_to(f, 1);
    assert_int_equal(welcome(f, &store, 1), HR_EPROTO);
}

/* ---- time ---- */

static void attempts_are_further_and_further_apart(void **state)
{
    struct fixture *f = *state;
    int64_t most = 0;

    for (int i = 0; i < 60; i++) {
        int64_t wait;

        while (f->conn.want != HRS_WANT_CONNECT) {
            f->now = hrs_conn_deadline(&f->conn) > f->now ? hrs_conn_deadline(&f->conn) : f->now + 1;
            step(f);
        }
        f->conn.want = HRS_WANT_NOTHING;
        hrs_conn_lost(&f->conn, f->now, "refused");
        wait = f->conn.retry_at_mono_ns - f->now;
        assert_true(wait >= 0 && wait <= config.backoff_max_ns);
        assert_true(i > 0 || wait <= config.backoff_min_ns);
        most = wait > most ? wait : most;
    }
    assert_true(most > config.backoff_max_ns / 2);
}

static void a_goodbye_names_the_time_to_come_back(void **state)
{
    struct fixture *f = *state;
    Headrace__Wire__Goaway m = HEADRACE__WIRE__GOAWAY__INIT;

    connect_to(f, 1 << 20);
    m.has_retry_after_ms = true;
    m.retry_after_ms = 5000;
    assert_int_equal(tell(f, HRP_FRAME_GOAWAY, &m.base), 0);
    hrs_conn_lost(&f->conn, f->now, "closed");
    assert_true(f->conn.retry_at_mono_ns >= f->now + 5000 * MS);
    step(f);
    assert_int_equal(f->conn.want, HRS_WANT_NOTHING);
}

static void a_silent_collector_is_asked_and_then_left(void **state)
{
    struct fixture *f = *state;

    connect_to(f, 1 << 20);
    hrp_buf_clear(&f->conn.out);
    f->now += config.ping_after_ns;
    step(f);
    assert_int_equal(written(f, HRP_FRAME_PING), 1);
    f->now += config.ping_timeout_ns;
    step(f);
    assert_int_equal(f->conn.want, HRS_WANT_CLOSE);
    assert_string_not_equal(f->conn.reason, "");
}

int main(void)
{
#define T(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(promise_1_only_the_store_it_went_to_can_acknowledge),
        T(promise_2_retry_and_parking_touch_one_batch),
        T(promise_3_the_window_is_kept),
        T(promise_3_a_batch_larger_than_the_window_goes_alone),
        T(promise_4_what_the_collector_sends_is_bounded),
        T(before_welcome_nothing_else_is_heard),
        T(welcome_is_said_once),
        T(attempts_are_further_and_further_apart),
        T(a_goodbye_names_the_time_to_come_back),
        T(a_silent_collector_is_asked_and_then_left),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
