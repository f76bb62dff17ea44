/* What the client says once it is welcome: incarnations, types, batches, reports. */
#include "alloc.h"
#include "batcher.h"
#include "conn.h"
#include "wire.pb-c.h"

#define REPORT_POSITIONS 1000u /* in one report: well below the limit of a control frame */

static ProtobufCBinaryData id_field(const struct hrp_id *id)
{
    return (ProtobufCBinaryData){sizeof id->b, (uint8_t *)(uintptr_t)id->b}; /* packing reads only */
}

static char *text_field(const char *s) { return (char *)(uintptr_t)s; }

void hrs_conn_send_hello(struct hrs_conn *c)
{
    Headrace__Wire__Hello m = HEADRACE__WIRE__HELLO__INIT;

    m.has_protocol_min = m.has_protocol_max = m.has_client_time_ns = true;
    m.protocol_min = m.protocol_max = HRP_PROTOCOL_VERSION;
    m.sdk = text_field(c->cfg->sdk);
    m.token = text_field(c->cfg->token);
    m.client_time_ns = (uint64_t)c->now_wall_ns;
    hrp_frame_put_msg(&c->out, HRP_FRAME_HELLO, &m.base);
}

static void announce(struct hrs_conn *c, struct hrs_inc *inc)
{
    Headrace__Wire__Announce m = HEADRACE__WIRE__ANNOUNCE__INIT;

    if (inc->announced)
        return;
    m.has_incarnation = m.has_producer = m.has_pid = m.has_born_ns = true;
    m.incarnation = id_field(&inc->id);
    m.producer = id_field(&inc->producer);
    m.app = inc->app;
    m.app_version = inc->app_version;
    m.host = inc->host;
    m.pid = inc->pid;
    m.born_ns = (uint64_t)inc->born_ns;
    hrp_frame_put_msg(&c->out, HRP_FRAME_ANNOUNCE, &m.base);
    inc->announced = true;
}

/* A type by its fingerprint first; whole only when asked: most collectors know most types. */
static void offer(struct hrs_conn *c, struct hrs_inc *inc, uint32_t type_id, bool whole)
{
    Headrace__Wire__SchemaOffer m = HEADRACE__WIRE__SCHEMA_OFFER__INIT;
    const struct hrs_type *t = hrs_inc_type(inc, type_id);

    if (t == NULL)
        return;
    announce(c, inc);
    m.has_incarnation = m.has_type_id = m.has_fingerprint = true;
    m.incarnation = id_field(&inc->id);
    m.type_id = type_id;
    m.stream = t->stream;
    m.fingerprint = (ProtobufCBinaryData){sizeof t->fingerprint, (uint8_t *)(uintptr_t)t->fingerprint};
    m.has_descriptor_set = whole;
    if (whole)
        m.descriptor_set = (ProtobufCBinaryData){t->n_set, t->set};
    hrp_frame_put_msg(&c->out, HRP_FRAME_OFFER, &m.base);
    inc->offers[type_id] = whole ? HRS_OFFER_SENT : HRS_OFFER_ASKED;
}

static bool offered(struct hrs_conn *c, struct hrs_inc *inc, uint32_t type_id)
{
    if (inc->offers[type_id] == HRS_OFFER_NONE)
        offer(c, inc, type_id, false);
    return inc->offers[type_id] == HRS_OFFER_DONE;
}

int hrs_conn_verdict(struct hrs_conn *c, const uint8_t *p, size_t n)
{
    Headrace__Wire__SchemaVerdict *m;
    int r = hrp_msg_unpack(&headrace__wire__schema_verdict__descriptor, p, n, 1u << 20, (ProtobufCMessage **)&m);
    struct hrs_inc *inc;

    if (r != 0)
        return r;
    inc = hrs_conn_inc(c, m->incarnation.len, m->incarnation.data);
    if (inc == NULL || m->type_id >= HRS_MAX_TYPES || inc->offers[m->type_id] == HRS_OFFER_NONE) {
        r = inc == NULL ? 0 : HR_EPROTO; /* one that closed meanwhile is no offence */
    } else if (m->code == HEADRACE__WIRE__SCHEMA_VERDICT__CODE__SEND) {
        if (inc->offers[m->type_id] == HRS_OFFER_SENT)
            r = HR_EPROTO; /* or both would go on for ever */
        else
            offer(c, inc, m->type_id, true);
    } else {
        /* A refused type's batches travel all the same: the collector sets their rows aside and counts them. */
        inc->offers[m->type_id] = HRS_OFFER_DONE;
        inc->refused[m->type_id] = m->code == HEADRACE__WIRE__SCHEMA_VERDICT__CODE__REFUSED;
        if (inc->refused[m->type_id])
            hrs_conn_why(c, false, "%s: %s", hrs_inc_type(inc, m->type_id)->stream,
                         m->reason != NULL && m->reason[0] != '\0' ? m->reason : hr_strerror(HR_ESCHEMA));
    }
    protobuf_c_message_free_unpacked(&m->base, hrp_pb_allocator());
    return r;
}

/* ---- batches ---- */

static bool type_ready(void *arg, const struct hrs_batch *b) { return offered(arg, b->inc, b->type_id); }

/* (3) A batch larger than the window goes alone; with a window of 0 the collector wants nothing now. */
static bool fits(const struct hrs_conn *c, const struct hrs_batch *b)
{
    uint64_t window = c->window_bytes < c->cfg->window_bytes ? c->window_bytes : c->cfg->window_bytes;

    if (c->out.n >= c->cfg->out_cap_bytes || window == 0)
        return false;
    return c->spool->in_flight_bytes == 0 || c->spool->in_flight_bytes + b->n_bytes <= window;
}

static void send_batches(struct hrs_conn *c)
{
    struct hrs_batch *b;

    while ((b = hrs_spool_next(c->spool, &c->generation, c->now_mono_ns, type_ready, c)) != NULL && fits(c, b)) {
        const uint8_t *p;
        int r = hrs_spool_bytes(c->spool, b, &c->scratch, &p);

        if (r == HR_ECORRUPT)
            continue; /* its numbers go instead */
        if (r != 0) {
            hrs_spool_retry(c->spool, b, c->now_mono_ns + INT64_C(1000000000));
            continue;
        }
        hrp_frame_put(&c->out, HRP_FRAME_BATCH, p, b->n_bytes);
        if (c->out.err != 0)
            return;
        hrs_spool_sent(c->spool, b, &c->generation); /* p may go with it */
    }
}

/* ---- reports ---- */

struct report {
    struct hrs_conn *c;
    struct hrs_inc *inc;
    bool closing, whole;  /* whole: every type with a position is known to the collector */
    uint32_t n, cap;
    int err;
    uint64_t sum;
    Headrace__Wire__Report__Position *v, **ptrs;
};

static bool room(struct report *rep)
{
    uint32_t cap = rep->cap == 0 ? 16 : rep->cap * 2;
    Headrace__Wire__Report__Position *v;

    if (rep->n < rep->cap)
        return true;
    v = hrp_realloc(rep->v, cap * sizeof *v);
    if (v == NULL) {
        rep->err = HR_ENOMEM;
        return false;
    }
    rep->v = v;
    rep->cap = cap;
    return true;
}

static void add_position(void *arg, uint32_t type_id, uint32_t lane, uint64_t next, uint64_t floor)
{
    struct report *rep = arg;
    Headrace__Wire__Report__Position *p;

    if (hrs_inc_type(rep->inc, type_id) == NULL)
        return; /* an adopted lane whose type is lost: nobody can name its stream */
    if (!offered(rep->c, rep->inc, type_id)) {
        rep->whole = false;
        return;
    }
    if (!room(rep))
        return;
    p = &rep->v[rep->n++];
    headrace__wire__report__position__init(p);
    p->has_type_id = p->has_lane = p->has_next = p->has_floor = true;
    p->type_id = type_id;
    p->lane = lane;
    p->next = next;
    p->floor = rep->closing || floor > next ? next : floor;
    rep->sum = (rep->sum ^ p->next) * UINT64_C(0x100000001b3); /* FNV-1a's step: only "the same as last time?" */
    rep->sum = (rep->sum ^ p->floor) * UINT64_C(0x100000001b3);
}

static void send_report(struct report *rep, uint32_t from, uint32_t n, bool closing)
{
    Headrace__Wire__Report m = HEADRACE__WIRE__REPORT__INIT;

    for (uint32_t i = 0; i < n; i++)
        rep->ptrs[i] = &rep->v[from + i];
    m.has_incarnation = m.has_report_id = true;
    m.incarnation = id_field(&rep->inc->id);
    m.report_id = ++rep->inc->report_id;
    m.n_positions = n;
    m.positions = rep->ptrs;
    m.has_closing = closing;
    m.closing = closing;
    hrp_frame_put_msg(&rep->c->out, HRP_FRAME_REPORT, &m.base);
    if (closing)
        rep->inc->closing_report_id = rep->inc->report_id;
}

/* A large report goes in parts; the closing word is in the last. */
static void send_parts(struct report *rep)
{
    uint32_t from = 0;

    rep->ptrs = hrp_calloc(REPORT_POSITIONS, sizeof *rep->ptrs);
    if (rep->ptrs == NULL)
        return;
    announce(rep->c, rep->inc);
    do {
        uint32_t n = rep->n - from < REPORT_POSITIONS ? rep->n - from : REPORT_POSITIONS;

        send_report(rep, from, n, rep->closing && from + n == rep->n);
        from += n;
    } while (from < rep->n);
    hrp_free(rep->ptrs);
}

static bool wants_to_close(const struct hrs_conn *c, const struct hrs_inc *inc)
{
    return inc->finishing && !inc->closed && inc->closing_report_id == 0 && hrs_batcher_empty(inc->batcher) &&
           hrs_spool_min_id(c->spool, inc) == UINT64_MAX;
}

static void report(struct hrs_conn *c, struct hrs_inc *inc)
{
    struct report rep = {.c = c, .inc = inc, .whole = true, .sum = UINT64_C(0xcbf29ce484222325)};

    rep.closing = wants_to_close(c, inc);
    if (inc->closed || inc->closing_report_id != 0 || (!rep.closing && c->now_mono_ns < inc->report_at_mono_ns))
        return;
    inc->report_at_mono_ns = c->now_mono_ns + c->cfg->report_every_ns;
    hrs_batcher_positions(inc->batcher, add_position, &rep);
    rep.closing = rep.closing && rep.whole;
    if (rep.err == 0 && (rep.closing || (rep.n != 0 && rep.sum != inc->reported_sum))) {
        send_parts(&rep);
        inc->reported_sum = rep.sum;
    }
    hrp_free(rep.v);
}

int hrs_conn_report_ack(struct hrs_conn *c, const uint8_t *p, size_t n)
{
    Headrace__Wire__ReportAck *m;
    int r = hrp_msg_unpack(&headrace__wire__report_ack__descriptor, p, n, 1u << 20, (ProtobufCMessage **)&m);
    struct hrs_inc *inc;

    if (r != 0)
        return r;
    inc = hrs_conn_inc(c, m->incarnation.len, m->incarnation.data);
    if (inc != NULL && inc->closing_report_id != 0 && m->report_id == inc->closing_report_id && m->store_generation.len == 16 &&
        memcmp(m->store_generation.data, c->generation.b, 16) == 0)
        inc->closed = true;
    protobuf_c_message_free_unpacked(&m->base, hrp_pb_allocator());
    return 0;
}

void hrs_conn_send_work(struct hrs_conn *c)
{
    for (uint32_t i = 0; i < c->spool->n_incs; i++)
        if (c->spool->incs[i]->own)
            announce(c, c->spool->incs[i]); /* seen as connected before its first batch */
    send_batches(c);
    for (uint32_t i = 0; i < c->spool->n_incs && c->out.err == 0; i++)
        report(c, c->spool->incs[i]);
}
