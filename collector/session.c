#include "session_impl.h"
#include "alloc.h"
#include <protobuf-c/protobuf-c.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define CONTROL_UNPACK_BYTES (1u << 20)
#define RETRY_AFTER_MS 1000u       /* after an error: a client that repeats it does so at leisure */
#define KEEP_IN_BYTES (256u << 10) /* a larger input buffer is given back once it is empty */

const struct hrd_session_cfg hrd_session_cfg_default = {
    .lim = &hrp_limits_default,
    .server = "headraced " HEADRACE_VERSION,
    .window_bytes = 8u << 20,
    .out_cap_bytes = 1u << 20,
    .handshake_ns = INT64_C(10000000000),
    .ping_after_ns = INT64_C(30000000000),
    .ping_timeout_ns = INT64_C(30000000000),
    .max_incarnations = 4096,
    .max_types = 1024,
};

int hrd_session_open(const struct hrd_session_cfg *cfg, uint64_t id, struct hrd_counters *counters, int64_t now_mono_ns,
                     struct hrd_session **ret)
{
    struct hrd_session *ses = hrp_calloc(1, sizeof *ses);

    if (ses == NULL)
        return HR_ENOMEM;
    ses->gone = hrd_gone_msg_new();
    if (ses->gone == NULL) {
        hrp_free(ses);
        return HR_ENOMEM;
    }
    ses->cfg = cfg;
    ses->id = id;
    ses->counters = counters;
    ses->state = HRD_SESSION_HELLO;
    ses->now_mono_ns = ses->opened_mono_ns = ses->heard_mono_ns = now_mono_ns;
    *ret = ses;
    return 0;
}

void hrd_session_free(struct hrd_session *ses)
{
    if (ses == NULL)
        return;
    ses_incs_fini(ses);
    hrd_msgs_free(&ses->msgs);
    if (ses->gone != NULL)
        hrd_msg_free(&ses->gone->msg);
    hrp_buf_fini(&ses->in);
    hrp_buf_fini(&ses->out);
    hrp_free(ses);
}

/* ---- ends ---- */

/* (5) GONE was made at the start, so no lack of memory can leave the committer with a session that never ends. */
static void enter_closed(struct hrd_session *ses, const char *why)
{
    if (ses->state == HRD_SESSION_CLOSED)
        return;
    ses->state = HRD_SESSION_CLOSED;
    if (ses->why[0] == '\0')
        snprintf(ses->why, sizeof ses->why, "%s", why);
    ses_submit(ses, &ses->gone->msg, false);
    ses->gone = NULL;
}

static void say_goaway(struct hrd_session *ses, int code, const char *reason, uint32_t retry_after_ms)
{
    Headrace__Wire__Goaway m = HEADRACE__WIRE__GOAWAY__INIT;

    m.has_error = m.has_retry_after_ms = true;
    m.error = code;
    m.reason = (char *)(uintptr_t)reason; /* packing reads only */
    m.retry_after_ms = retry_after_ms;
    hrp_frame_put_msg(&ses->out, HRP_FRAME_GOAWAY, &m.base);
}

void ses_fail(struct hrd_session *ses, int code, const char *fmt, ...)
{
    va_list ap;

    if (ses->state == HRD_SESSION_CLOSED)
        return;
    va_start(ap, fmt);
    vsnprintf(ses->why, sizeof ses->why, fmt, ap);
    va_end(ap);
    ses->error = code;
    if (code == HR_ETIMEOUT)
        ses->counters->sessions_timeout++;
    else if (code != HR_ENOMEM)
        ses->counters->sessions_protocol++;
    say_goaway(ses, code, ses->why, RETRY_AFTER_MS);
    enter_closed(ses, "");
}

void hrd_session_goaway(struct hrd_session *ses, int error, const char *reason, uint32_t retry_after_ms)
{
    if (ses->state == HRD_SESSION_CLOSED || ses->state == HRD_SESSION_LEAVING)
        return;
    snprintf(ses->why, sizeof ses->why, "%s", reason);
    say_goaway(ses, error, reason, retry_after_ms);
    if (ses->state == HRD_SESSION_READY && ses->n_unanswered != 0)
        ses->state = HRD_SESSION_LEAVING;
    else
        enter_closed(ses, reason);
}

void hrd_session_lost(struct hrd_session *ses, const char *why) { enter_closed(ses, why); }

/* ---- for the other files ---- */

/* A producer that does not read its answers may not fill our memory; what it has unread is worth no Goaway. */
static void check_output(struct hrd_session *ses)
{
    if (ses->state == HRD_SESSION_CLOSED)
        return;
    if (ses->out.err != 0) {
        snprintf(ses->why, sizeof ses->why, "no memory for an answer");
        enter_closed(ses, "");
    } else if (ses->out.n > ses->cfg->out_cap_bytes) {
        snprintf(ses->why, sizeof ses->why, "%zu bytes of answers were not read", ses->out.n);
        ses->error = HR_EFULL;
        ses->counters->sessions_slow++;
        enter_closed(ses, "");
    }
}

void ses_say(struct hrd_session *ses, uint8_t type, const ProtobufCMessage *msg)
{
    if (ses->state == HRD_SESSION_CLOSED)
        return;
    hrp_frame_put_msg(&ses->out, type, msg);
    check_output(ses);
}

void ses_submit(struct hrd_session *ses, struct hrd_msg *msg, bool answered)
{
    msg->session = ses->id;
    ses->n_unanswered += answered;
    hrd_msgs_add(&ses->msgs, msg);
}

void ses_answered(struct hrd_session *ses)
{
    ses->n_unanswered--;
    if (ses->state == HRD_SESSION_LEAVING && ses->n_unanswered == 0)
        enter_closed(ses, "all that was under way is answered");
}

void *ses_unpack(struct hrd_session *ses, const ProtobufCMessageDescriptor *d, const struct hrp_frame *f, size_t cap_bytes)
{
    ProtobufCMessage *msg = NULL;
    int r = hrp_msg_unpack(d, f->payload, f->n_bytes, cap_bytes, &msg);

    if (r != 0)
        ses_fail(ses, r == HR_ECORRUPT ? HR_EPROTO : r, "%s: %s", d->short_name,
                 r == HR_ECORRUPT ? "not a message of its type" : hr_strerror(r));
    return msg;
}

void ses_free_msg(void *msg) { protobuf_c_message_free_unpacked(msg, hrp_pb_allocator()); }

ProtobufCBinaryData ses_bytes(const void *p, size_t n) { return (ProtobufCBinaryData){n, (uint8_t *)(uintptr_t)p}; }

/* ---- Hello, Ping, Goaway ---- */

static void welcome(struct hrd_session *ses)
{
    Headrace__Wire__Welcome m = HEADRACE__WIRE__WELCOME__INIT;

    m.has_protocol = m.has_store_generation = m.has_window_bytes = m.has_max_frame_bytes = m.has_server_time_ns =
        m.has_memory_only = true;
    m.protocol = HRP_PROTOCOL_VERSION;
    m.store_generation = ses_bytes(&ses->cfg->generation, sizeof ses->cfg->generation);
    m.window_bytes = ses->cfg->window_bytes;
    m.max_frame_bytes = ses->cfg->lim->frame_bytes;
    m.server_time_ns = (uint64_t)ses->now_wall_ns;
    m.server = (char *)(uintptr_t)ses->cfg->server;
    m.memory_only = ses->cfg->memory_only;
    ses_say(ses, HRP_FRAME_WELCOME, &m.base);
}

static void on_hello(struct hrd_session *ses, const struct hrp_frame *f)
{
    Headrace__Wire__Hello *m = ses_unpack(ses, &headrace__wire__hello__descriptor, f, CONTROL_UNPACK_BYTES);

    if (m == NULL)
        return;
    if (ses->state != HRD_SESSION_HELLO)
        ses_fail(ses, HR_EPROTO, "a second Hello");
    else if (!m->has_protocol_min || !m->has_protocol_max || m->protocol_min > HRP_PROTOCOL_VERSION ||
             m->protocol_max < HRP_PROTOCOL_VERSION)
        ses_fail(ses, HR_EVERSION, "Hello: protocol %u to %u; this collector speaks %d", m->protocol_min, m->protocol_max,
                 HRP_PROTOCOL_VERSION);
    else {
        ses->state = HRD_SESSION_READY;
        welcome(ses);
    }
    ses_free_msg(m);
}

static void on_ping(struct hrd_session *ses, const struct hrp_frame *f)
{
    Headrace__Wire__Ping *m = ses_unpack(ses, &headrace__wire__ping__descriptor, f, CONTROL_UNPACK_BYTES);

    if (m == NULL)
        return;
    m->has_time_ns = true;
    m->time_ns = (uint64_t)ses->now_wall_ns;
    ses_say(ses, HRP_FRAME_PONG, &m->base);
    ses_free_msg(m);
}

static void on_goaway(struct hrd_session *ses)
{
    snprintf(ses->why, sizeof ses->why, "the producer said goodbye");
    if (ses->n_unanswered != 0)
        ses->state = HRD_SESSION_LEAVING;
    else
        enter_closed(ses, "");
}

/* ---- frames ---- */

static void on_frame(struct hrd_session *ses, const struct hrp_frame *f)
{
    switch (f->type) {
    case HRP_FRAME_HELLO:
        on_hello(ses, f);
        return;
    case HRP_FRAME_ANNOUNCE:
        ses_on_announce(ses, f);
        return;
    case HRP_FRAME_OFFER:
        ses_on_offer(ses, f);
        return;
    case HRP_FRAME_BATCH:
        ses_on_batch(ses, f);
        return;
    case HRP_FRAME_REPORT:
        ses_on_report(ses, f);
        return;
    case HRP_FRAME_PING:
        on_ping(ses, f);
        return;
    case HRP_FRAME_PONG:
        return; /* that anything was heard is all there is to it */
    case HRP_FRAME_GOAWAY:
        on_goaway(ses);
        return;
    default:
        ses_fail(ses, HR_EPROTO, "a frame of type %u, which only a collector sends", f->type);
        return;
    }
}

static void bad_frame(struct hrd_session *ses, int code, const uint8_t *head)
{
    uint32_t n_bytes = 0;

    if (code == HR_EPROTO)
        ses_fail(ses, code, "not a frame of this protocol");
    else if (code == HR_EVERSION)
        ses_fail(ses, code, "a frame of protocol version %u; this collector speaks %d", head[2], HRP_PROTOCOL_VERSION);
    else if (code == HR_ETOOBIG) {
        memcpy(&n_bytes, head + 4, sizeof n_bytes);
        ses_fail(ses, code, "a frame of type %u and %u bytes: %s", head[3], n_bytes, hr_strerror(code));
    } else
        ses_fail(ses, code, "a frame whose checksum does not hold");
}

/* (1) The type is known after four bytes: nothing else is collected before Hello. */
static bool may_come(struct hrd_session *ses, const uint8_t *p, size_t n)
{
    if (ses->state != HRD_SESSION_HELLO || n < 4 || p[3] == HRP_FRAME_HELLO || p[0] != 'H' || p[1] != 'R' ||
        p[2] != HRP_PROTOCOL_VERSION)
        return true;
    ses_fail(ses, HR_EPROTO, "a frame of type %u before Hello", p[3]);
    return false;
}

/* How many bytes of p[n] were whole frames. */
static size_t read_frames(struct hrd_session *ses, const uint8_t *p, size_t n)
{
    size_t at = 0, used = 0, need = 0;
    struct hrp_frame f;

    while (at < n && (ses->state == HRD_SESSION_HELLO || ses->state == HRD_SESSION_READY) && may_come(ses, p + at, n - at)) {
        int r = hrp_frame_next(p + at, n - at, ses->cfg->lim, &f, &used, &need);

        if (r == 0)
            break;
        if (r < 0)
            bad_frame(ses, r, p + at);
        else
            on_frame(ses, &f);
        at += r == 1 ? used : 0;
    }
    return at;
}

void hrd_session_input(struct hrd_session *ses, const void *p, size_t n_bytes, int64_t now_mono_ns, int64_t now_wall_ns)
{
    struct hrp_buf *in = &ses->in;
    bool direct = in->n == 0; /* whole frames need no copy */
    size_t used;

    ses->now_mono_ns = ses->heard_mono_ns = now_mono_ns;
    ses->now_wall_ns = now_wall_ns;
    ses->ping_sent_mono_ns = 0;
    ses->counters->received_bytes += n_bytes;
    if (ses->state != HRD_SESSION_HELLO && ses->state != HRD_SESSION_READY)
        return;
    if (!direct)
        hrp_put_bytes(in, p, n_bytes);
    used = direct ? read_frames(ses, p, n_bytes) : in->err == 0 ? read_frames(ses, in->p, in->n) : 0;
    if (ses->state != HRD_SESSION_HELLO && ses->state != HRD_SESSION_READY)
        return;
    if (direct)
        hrp_put_bytes(in, (const uint8_t *)p + used, n_bytes - used);
    else if (used != 0)
        memmove(in->p, in->p + used, in->n -= used);
    if (in->err != 0)
        ses_fail(ses, HR_ENOMEM, "no memory for a frame");
    else if (in->n == 0 && in->cap > KEEP_IN_BYTES) {
        hrp_buf_fini(in);
        *in = (struct hrp_buf)HRP_BUF_INIT;
    }
}

/* ---- answers, time ---- */

void hrd_session_answer(struct hrd_session *ses, const struct hrd_msg *msg, int64_t now_mono_ns)
{
    ses->now_mono_ns = now_mono_ns;
    if (msg->type == HRD_MSG_VERDICT)
        ses_on_verdict(ses, (const struct hrd_offer_msg *)msg);
    else if (msg->type == HRD_MSG_COMMITTED)
        ses_on_committed(ses, (const struct hrd_batch_msg *)msg);
    else if (msg->type == HRD_MSG_REPORTED)
        ses_on_reported(ses, (const struct hrd_report_msg *)msg);
    ses_answered(ses);
}

static void ask(struct hrd_session *ses)
{
    Headrace__Wire__Ping m = HEADRACE__WIRE__PING__INIT;

    m.has_sent_ns = true;
    m.sent_ns = (uint64_t)ses->now_wall_ns;
    ses_say(ses, HRP_FRAME_PING, &m.base);
    ses->ping_sent_mono_ns = ses->now_mono_ns;
}

void hrd_session_tick(struct hrd_session *ses, int64_t now_mono_ns, int64_t now_wall_ns)
{
    ses->now_mono_ns = now_mono_ns;
    ses->now_wall_ns = now_wall_ns;
    if (now_mono_ns < hrd_session_deadline(ses))
        return;
    if (ses->state == HRD_SESSION_HELLO)
        ses_fail(ses, HR_ETIMEOUT, "no Hello within %lld ms", (long long)(ses->cfg->handshake_ns / 1000000));
    else if (ses->ping_sent_mono_ns != 0)
        ses_fail(ses, HR_ETIMEOUT, "silent for %lld ms", (long long)((now_mono_ns - ses->heard_mono_ns) / 1000000));
    else
        ask(ses);
}

int64_t hrd_session_deadline(const struct hrd_session *ses)
{
    if (ses->state == HRD_SESSION_HELLO)
        return ses->opened_mono_ns + ses->cfg->handshake_ns;
    if (ses->state != HRD_SESSION_READY)
        return INT64_MAX;
    return ses->ping_sent_mono_ns != 0 ? ses->ping_sent_mono_ns + ses->cfg->ping_timeout_ns
                                       : ses->heard_mono_ns + ses->cfg->ping_after_ns;
}

struct hrd_msg *hrd_session_take(struct hrd_session *ses) { return hrd_msgs_take(&ses->msgs); }
struct hrp_buf *hrd_session_output(struct hrd_session *ses) { return &ses->out; }
enum hrd_session_state hrd_session_state(const struct hrd_session *ses) { return ses->state; }
uint64_t hrd_session_id(const struct hrd_session *ses) { return ses->id; }
uint64_t hrd_session_in_flight(const struct hrd_session *ses) { return ses->in_flight_bytes; }
const char *hrd_session_why(const struct hrd_session *ses) { return ses->why; }
int hrd_session_error(const struct hrd_session *ses) { return ses->error; }
