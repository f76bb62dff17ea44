#include "conn.h"
#include "wire.pb-c.h"
#include <stdarg.h>
#include <stdio.h>

#define LEAVE_NS INT64_C(3000000000)   /* how long a connection that ends may still bring acks */
#define UNPACK_CAP_BYTES (1u << 20)
#define MIN_RETRY_NS INT64_C(10000000)
#define PARKED_NS INT64_C(60000000000) /* a quota that was lifted is nobody's message to us: ask again now and then */

void hrs_conn_init(struct hrs_conn *c, const struct hrs_conn_config *cfg, struct hrs_spool *sp, struct hrs_stats *stats, uint64_t seed)
{
    *c = (struct hrs_conn){.cfg = cfg, .spool = sp, .stats = stats, .random = seed, .deadline_mono_ns = INT64_MIN};
}

void hrs_conn_fini(struct hrs_conn *c)
{
    hrp_buf_fini(&c->out);
    hrp_buf_fini(&c->in);
    hrp_buf_fini(&c->scratch);
}

void hrs_conn_why(struct hrs_conn *c, bool passing, const char *fmt, ...)
{
    va_list ap;

    c->passing = passing;
    va_start(ap, fmt);
    vsnprintf(c->reason, sizeof c->reason, fmt, ap);
    va_end(ap);
}

/* SplitMix64 (Steele, Lea, Flood 2014): the generator's state is an input, so that a seed replays a life. */
static uint64_t next_random(struct hrs_conn *c)
{
    uint64_t z = c->random += UINT64_C(0x9e3779b97f4a7c15);

    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

static void enter(struct hrs_conn *c, enum hrs_conn_state state)
{
    c->state = state;
    c->since_mono_ns = c->now_mono_ns;
    hrs_stats_set(c->stats, HR_STAT_CONNECTED, state == HRS_CONN_READY);
}

static void set_now(struct hrs_conn *c, int64_t now_mono_ns, int64_t now_wall_ns)
{
    c->now_mono_ns = now_mono_ns;
    c->now_wall_ns = now_wall_ns;
    c->deadline_mono_ns = INT64_MIN; /* whatever happened, look again */
}

struct hrs_inc *hrs_conn_inc(struct hrs_conn *c, size_t n, const uint8_t *id)
{
    for (uint32_t i = 0; n == 16 && i < c->spool->n_incs; i++)
        if (memcmp(c->spool->incs[i]->id.b, id, 16) == 0)
            return c->spool->incs[i];
    return NULL;
}

/* ---- connection ---- */

void hrs_conn_connected(struct hrs_conn *c, int64_t now_mono_ns, int64_t now_wall_ns)
{
    set_now(c, now_mono_ns, now_wall_ns);
    hrp_buf_clear(&c->out);
    hrp_buf_clear(&c->in);
    c->heard_mono_ns = now_mono_ns;
    c->ping_sent_mono_ns = 0;
    c->polite = false;
    enter(c, HRS_CONN_HELLO);
    hrs_conn_send_hello(c);
}

/* Full jitter: anything from 0 to the cap is as likely, so that a crowd that lost its collector does not return as one
 * (M. Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog, 2015). */
static int64_t backoff_ns(struct hrs_conn *c)
{
    uint64_t cap = (uint64_t)c->cfg->backoff_min_ns;

    for (uint32_t i = 1; i < c->failures && cap < (uint64_t)c->cfg->backoff_max_ns; i++)
        cap *= 2;
    if (cap > (uint64_t)c->cfg->backoff_max_ns)
        cap = (uint64_t)c->cfg->backoff_max_ns;
    return (int64_t)(next_random(c) % (cap + 1));
}

void hrs_conn_lost(struct hrs_conn *c, int64_t now_mono_ns, const char *why)
{
    int64_t at;

    set_now(c, now_mono_ns, c->now_wall_ns);
    c->failures++;
    at = now_mono_ns + backoff_ns(c);
    if (at > c->retry_at_mono_ns) /* a Goaway may have named a later time */
        c->retry_at_mono_ns = at;
    if (why != NULL && (c->state != HRS_CONN_LEAVING || c->reason[0] == '\0'))
        hrs_conn_why(c, true, "%s", why);
    c->want = HRS_WANT_NOTHING;
    enter(c, HRS_CONN_IDLE);
    hrp_buf_clear(&c->out);
    hrp_buf_clear(&c->in);
    hrs_spool_lost(c->spool, !c->polite, now_mono_ns);
    for (uint32_t i = 0; i < c->spool->n_incs; i++) {
        struct hrs_inc *inc = c->spool->incs[i];

        inc->announced = false;
        inc->closing_report_id = 0;
        inc->reported_sum = 0;
        inc->report_at_mono_ns = 0;
        memset(inc->offers, HRS_OFFER_NONE, sizeof inc->offers);
    }
}

void hrs_conn_leave(struct hrs_conn *c)
{
    Headrace__Wire__Goaway bye = HEADRACE__WIRE__GOAWAY__INIT;

    if (c->state == HRS_CONN_READY) {
        hrp_frame_put_msg(&c->out, HRP_FRAME_GOAWAY, &bye.base);
        c->polite = true;
        enter(c, HRS_CONN_LEAVING);
    }
    if (c->state != HRS_CONN_IDLE)
        c->want = HRS_WANT_CLOSE;
}

/* ---- what the collector says ---- */

static int unpack(const ProtobufCMessageDescriptor *d, const uint8_t *p, size_t n, void *ret)
{
    return hrp_msg_unpack(d, p, n, UNPACK_CAP_BYTES, (ProtobufCMessage **)ret);
}

static void release(void *msg) { protobuf_c_message_free_unpacked(msg, hrp_pb_allocator()); }

/* Another store than the one some batches went to: their outcome there is unknown (rule 9). */
static void check_store(struct hrs_conn *c)
{
    uint64_t n = c->cfg->send_to_new_store ? hrs_spool_release(c->spool, &c->generation) : 0;

    if (n != 0)
        hrs_conn_why(c, true, "%llu batches that may be in another store were released to this one", (unsigned long long)n);
    n = hrs_spool_held(c->spool, &c->generation);
    atomic_store_explicit(&c->stats->held, n, memory_order_relaxed);
    if (n != 0)
        hrs_conn_why(c, false, "%llu batches wait for the store they were sent to; this collector has another one "
                     "(option send_to_new_store sends them here)", (unsigned long long)n);
}

static int on_welcome(struct hrs_conn *c, const uint8_t *p, size_t n)
{
    Headrace__Wire__Welcome *m;
    int r = c->state == HRS_CONN_HELLO ? unpack(&headrace__wire__welcome__descriptor, p, n, &m) : HR_EPROTO;

    if (r != 0)
        return r;
    if (m->store_generation.len != 16)
        r = HR_EPROTO;
    else if (m->has_protocol && m->protocol != HRP_PROTOCOL_VERSION)
        r = HR_EVERSION;
    else {
        memcpy(c->generation.b, m->store_generation.data, 16);
        c->window_bytes = m->has_window_bytes ? m->window_bytes : UINT64_MAX;
        c->memory_only = m->has_memory_only && m->memory_only;
        if (m->has_server_time_ns)
            c->clock_offset_ns = (int64_t)m->server_time_ns - c->now_wall_ns;
        c->failures = 0;
        c->retry_at_mono_ns = 0;
        c->reason[0] = '\0';
        enter(c, HRS_CONN_READY);
        hrs_stats_add(c->stats, HR_STAT_CONNECTS, 1);
        check_store(c);
    }
    release(m);
    return r;
}

/* (1), (2): only the batch the ack names, and only if it was decided in the store the batch went to. */
static void ack_batch(struct hrs_conn *c, const Headrace__Wire__Ack *m)
{
    struct hrs_inc *inc = hrs_conn_inc(c, m->incarnation.len, m->incarnation.data);
    struct hrs_batch *b = inc != NULL ? hrs_spool_find(c->spool, &inc->id, m->batch_id) : NULL;
    const char *why = m->reason != NULL && m->reason[0] != '\0' ? m->reason : hr_strerror(m->error);

    if (b == NULL || b->state == HRS_B_SEALED)
        return;
    if (m->code == HEADRACE__WIRE__ACK__CODE__COMMITTED) {
        if (m->store_generation.len != 16 || memcmp(m->store_generation.data, b->sent_to.b, 16) != 0)
            return;
        hrs_stats_add(c->stats, HR_STAT_QUARANTINED_ROWS, m->quarantined);
        if (m->error != 0)
            hrs_conn_why(c, true, "%s", why);
        else if (c->passing)
            c->reason[0] = '\0';
        hrs_spool_acked(c->spool, b);
    } else if (m->code == HEADRACE__WIRE__ACK__CODE__PARK) {
        hrs_conn_why(c, false, "%s", why);
        hrs_spool_park(c->spool, b, c->now_mono_ns + PARKED_NS);
    } else {
        int64_t wait_ns = (int64_t)m->retry_after_ms * 1000000;

        hrs_conn_why(c, true, "%s", why);
        hrs_spool_retry(c->spool, b, c->now_mono_ns + (wait_ns > MIN_RETRY_NS ? wait_ns : MIN_RETRY_NS));
    }
}

static int on_ack(struct hrs_conn *c, const uint8_t *p, size_t n)
{
    Headrace__Wire__Ack *m;
    int r = unpack(&headrace__wire__ack__descriptor, p, n, &m);

    if (r != 0)
        return r;
    ack_batch(c, m);
    release(m);
    return 0;
}

static int on_window(struct hrs_conn *c, const uint8_t *p, size_t n)
{
    Headrace__Wire__Window *m;
    int r = unpack(&headrace__wire__window__descriptor, p, n, &m);

    if (r != 0)
        return r;
    c->window_bytes = m->window_bytes;
    release(m);
    return 0;
}

static int on_goaway(struct hrs_conn *c, const uint8_t *p, size_t n)
{
    Headrace__Wire__Goaway *m;
    int r = unpack(&headrace__wire__goaway__descriptor, p, n, &m);

    if (r != 0)
        return r;
    if (m->error != 0 || (m->reason != NULL && m->reason[0] != '\0'))
        hrs_conn_why(c, true, "%s", m->reason != NULL && m->reason[0] != '\0' ? m->reason : hr_strerror(m->error));
    c->retry_at_mono_ns = c->now_mono_ns + (int64_t)m->retry_after_ms * 1000000;
    c->polite = m->error == 0 || hr_error_retriable(m->error);
    enter(c, HRS_CONN_LEAVING);
    release(m);
    return 0;
}

static int on_ping(struct hrs_conn *c, const uint8_t *p, size_t n)
{
    Headrace__Wire__Ping *m;
    int r = unpack(&headrace__wire__ping__descriptor, p, n, &m);

    if (r != 0)
        return r;
    m->has_time_ns = true;
    m->time_ns = (uint64_t)c->now_wall_ns;
    hrp_frame_put_msg(&c->out, HRP_FRAME_PONG, &m->base);
    release(m);
    return 0;
}

/* Clock offset by the symmetric estimate: the answer was made half-way between asking and hearing it. */
static int on_pong(struct hrs_conn *c, const uint8_t *p, size_t n)
{
    Headrace__Wire__Ping *m;
    int r = unpack(&headrace__wire__ping__descriptor, p, n, &m);

    if (r != 0)
        return r;
    if (m->has_time_ns && m->has_sent_ns)
        c->clock_offset_ns = (int64_t)(m->time_ns - m->sent_ns - ((uint64_t)c->now_wall_ns - m->sent_ns) / 2);
    release(m);
    return 0;
}

static int on_frame(struct hrs_conn *c, const struct hrp_frame *f)
{
    switch (f->type) {
    case HRP_FRAME_WELCOME:
        return on_welcome(c, f->payload, f->n_bytes);
    case HRP_FRAME_GOAWAY:
        return on_goaway(c, f->payload, f->n_bytes);
    case HRP_FRAME_PING:
        return on_ping(c, f->payload, f->n_bytes);
    case HRP_FRAME_PONG:
        return on_pong(c, f->payload, f->n_bytes);
    default:
        break;
    }
    if (c->state != HRS_CONN_READY && c->state != HRS_CONN_LEAVING)
        return HR_EPROTO;
    switch (f->type) {
    case HRP_FRAME_VERDICT:
        return hrs_conn_verdict(c, f->payload, f->n_bytes);
    case HRP_FRAME_ACK:
        return on_ack(c, f->payload, f->n_bytes);
    case HRP_FRAME_REPORT_ACK:
        return hrs_conn_report_ack(c, f->payload, f->n_bytes);
    case HRP_FRAME_WINDOW:
        return on_window(c, f->payload, f->n_bytes);
    default:
        return HR_EPROTO;
    }
}

int hrs_conn_bytes(struct hrs_conn *c, const void *p, size_t n_bytes, int64_t now_mono_ns, int64_t now_wall_ns)
{
    struct hrp_limits lim = hrp_limits_default;
    size_t at = 0, used, need;
    struct hrp_frame f;
    int r;

    set_now(c, now_mono_ns, now_wall_ns);
    c->heard_mono_ns = now_mono_ns;
    c->ping_sent_mono_ns = 0;
    lim.frame_bytes = lim.schema_bytes = lim.control_bytes; /* (4) nothing large comes this way */
    hrp_put_bytes(&c->in, p, n_bytes);
    if (c->in.err != 0)
        return c->in.err;
    while ((r = hrp_frame_next(c->in.p + at, c->in.n - at, &lim, &f, &used, &need)) == 1) {
        at += used;
        r = on_frame(c, &f);
        if (r != 0)
            return r;
    }
    if (at != 0) {
        memmove(c->in.p, c->in.p + at, c->in.n - at);
        c->in.n -= at;
    }
    return r;
}

/* ---- time ---- */

static void due(struct hrs_conn *c, int64_t at_mono_ns)
{
    if (at_mono_ns < c->deadline_mono_ns)
        c->deadline_mono_ns = at_mono_ns;
}

static void give_up(struct hrs_conn *c, const char *why)
{
    hrs_conn_why(c, true, "%s", why);
    hrp_buf_clear(&c->out); /* nobody reads it */
    c->want = HRS_WANT_CLOSE;
}

static void send_ping(struct hrs_conn *c)
{
    Headrace__Wire__Ping m = HEADRACE__WIRE__PING__INIT;

    m.has_sent_ns = true;
    m.sent_ns = (uint64_t)c->now_wall_ns;
    hrp_frame_put_msg(&c->out, HRP_FRAME_PING, &m.base);
    c->ping_sent_mono_ns = c->now_mono_ns;
}

static void step_ready(struct hrs_conn *c)
{
    if (c->ping_sent_mono_ns != 0 && c->now_mono_ns - c->ping_sent_mono_ns >= c->cfg->ping_timeout_ns) {
        give_up(c, "the collector does not answer");
        return;
    }
    if (c->ping_sent_mono_ns == 0 && c->now_mono_ns - c->heard_mono_ns >= c->cfg->ping_after_ns)
        send_ping(c);
    hrs_conn_send_work(c);
    if (c->out.err != 0) {
        give_up(c, hr_strerror(c->out.err)); /* half a frame may be in it */
        return;
    }
    due(c, c->ping_sent_mono_ns != 0 ? c->ping_sent_mono_ns + c->cfg->ping_timeout_ns : c->heard_mono_ns + c->cfg->ping_after_ns);
    due(c, hrs_spool_next_retry(c->spool, c->now_mono_ns));
    due(c, c->now_mono_ns + c->cfg->report_every_ns);
}

void hrs_conn_step(struct hrs_conn *c, int64_t now_mono_ns, int64_t now_wall_ns)
{
    set_now(c, now_mono_ns, now_wall_ns);
    c->deadline_mono_ns = INT64_MAX;
    if (c->want != HRS_WANT_NOTHING)
        return;
    switch (c->state) {
    case HRS_CONN_IDLE:
        if (now_mono_ns < c->retry_at_mono_ns) {
            due(c, c->retry_at_mono_ns);
            return;
        }
        enter(c, HRS_CONN_CONNECTING);
        c->want = HRS_WANT_CONNECT;
        return;
    case HRS_CONN_CONNECTING:
    case HRS_CONN_HELLO:
        if (now_mono_ns - c->since_mono_ns >= c->cfg->connect_timeout_ns)
            give_up(c, c->state == HRS_CONN_HELLO ? "the collector did not answer in time" : "no connection in time");
        due(c, c->since_mono_ns + c->cfg->connect_timeout_ns);
        return;
    case HRS_CONN_READY:
        step_ready(c);
        return;
    case HRS_CONN_LEAVING:
        if (now_mono_ns - c->since_mono_ns >= LEAVE_NS)
            c->want = HRS_WANT_CLOSE;
        due(c, c->since_mono_ns + LEAVE_NS);
        return;
    }
}

int64_t hrs_conn_deadline(const struct hrs_conn *c) { return c->deadline_mono_ns; }
