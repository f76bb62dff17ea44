/* One producer's socket: bytes to its session and from it (through conn_tls.c, if the port speaks TLS), and an orderly end.
 *
 * A session that has closed may have said why (Goaway). Closing a socket that holds unread bytes makes the kernel send a
 * reset, which throws away what the peer has not read yet; so a connection lingers: its own side is shut down, and what the
 * peer still sends is read and forgotten until it closes, too, or two seconds have passed. */
#include "worker_impl.h"
#include "alloc.h"
#include "slog.h"
#include <string.h>
#include <unistd.h>

#define LINGER_NS INT64_C(2000000000)
#define KEEP_ALIVE_S 60

static void conn_closed(uv_handle_t *h)
{
    struct hrd_conn *conn = h->data;
    struct hrd_worker *wrk = conn->wrk;

    wrk->conns[conn->slot] = NULL;
    wrk->n_conns--;
    wrk->counters.sessions_closed++;
    hrp_buf_fini(&conn->writing);
    hrd_session_free(conn->ses);
    conn_tls_close(conn->tls);
    hrp_free(conn);
    worker_conn_gone(wrk);
}

static void conn_close(struct hrd_conn *conn)
{
    if (conn->closing)
        return;
    conn->closing = true;
    uv_close((uv_handle_t *)&conn->tcp, conn_closed);
}

/* ---- in ---- */

static void on_alloc(uv_handle_t *h, size_t wanted, uv_buf_t *buf)
{
    struct hrd_conn *conn = h->data;

    *buf = uv_buf_init(conn->wrk->buf, WORKER_READ_BYTES);
}

/* TLS on a plain port: worth a better word than "not a frame". */
static bool speaks_tls(struct hrd_conn *conn, const char *p, size_t n)
{
    bool first = !conn->heard;

    conn->heard = true;
    return first && hrp_tls_like(p, n);
}

static void on_read(uv_stream_t *s, ssize_t n, const uv_buf_t *buf)
{
    struct hrd_conn *conn = s->data;

    if (n == 0)
        return;
    if (n > 0 && conn->tls != NULL) {
        conn_tls_input(conn, buf->base, (size_t)n);
    } else if (n > 0 && speaks_tls(conn, buf->base, (size_t)n)) {
        hrd_session_goaway(conn->ses, HR_EPROTO, "this port does not speak TLS", 1000);
    } else if (n > 0) {
        hrd_session_input(conn->ses, buf->base, (size_t)n, worker_mono_ns(), worker_wall_ns());
    } else {
        conn->peer_gone = true;
        hrd_session_lost(conn->ses, n == UV_EOF ? "the producer closed the connection" : uv_strerror((int)n));
    }
    conn_after(conn);
}

/* A lingering one is read also when the others are not: nothing of it is kept. */
void conn_read(struct hrd_conn *conn, bool on)
{
    on = on && !conn->closing && !conn->peer_gone;
    if (on && !conn->reading)
        conn->reading = uv_read_start((uv_stream_t *)&conn->tcp, on_alloc, on_read) == 0;
    else if (!on && conn->reading) {
        uv_read_stop((uv_stream_t *)&conn->tcp);
        conn->reading = false;
    }
}

/* ---- out ---- */

static void on_written(uv_write_t *req, int status)
{
    struct hrd_conn *conn = req->data;

    conn->busy = false;
    if (status == 0)
        conn->wrk->counters.sent_bytes += conn->writing.n;
    hrp_buf_clear(&conn->writing);
    if (status != 0 && !conn->closing) {
        conn->peer_gone = true;
        hrd_session_lost(conn->ses, uv_strerror(status));
    }
    if (!conn->closing)
        conn_after(conn);
}

/* The session's bytes are lent whole, and it goes on with an empty buffer: no copy. */
static int fill(struct hrd_conn *conn)
{
    struct hrp_buf *out = hrd_session_output(conn->ses), spare = conn->writing;

    if (conn->tls != NULL)
        return conn_tls_fill(conn);
    conn->writing = *out;
    *out = spare;
    return 0;
}

static void write_output(struct hrd_conn *conn)
{
    uv_buf_t b;
    int r;

    if (conn->busy || conn->peer_gone)
        return;
    r = fill(conn);
    if (r != 0) {
        conn->peer_gone = true;
        hrd_session_lost(conn->ses, hr_strerror(r));
    }
    if (r != 0 || conn->writing.n == 0)
        return;
    b = uv_buf_init((char *)conn->writing.p, (unsigned)conn->writing.n);
    conn->write.data = conn;
    conn->busy = true;
    if (uv_write(&conn->write, (uv_stream_t *)&conn->tcp, &b, 1, on_written) == 0)
        return;
    conn->busy = false;
    conn->peer_gone = true;
    hrd_session_lost(conn->ses, "it can't be written to");
}

/* ---- the end ---- */

static void on_shutdown(uv_shutdown_t *req, int status)
{
    struct hrd_conn *conn = req->data;

    if (status != 0)
        conn_close(conn);
}

static void say_ended(const struct hrd_conn *conn)
{
    int code = hrd_session_error(conn->ses);

    hrd_slog(code != 0 ? HRD_WARN : HRD_DEBUG, "session_ended", "peer=%s code=%s why=%s", conn->peer,
             code != 0 ? hr_errname(code) : "ok", hrd_session_why(conn->ses));
}

static void linger(struct hrd_conn *conn)
{
    if (conn->linger_until_ns == 0) {
        conn->linger_until_ns = worker_mono_ns() + LINGER_NS;
        say_ended(conn);
    }
    if (conn->peer_gone) {
        conn_close(conn);
        return;
    }
    conn_read(conn, true);
    conn_tls_bye(conn);
    write_output(conn);
    if (conn->busy || hrd_session_output(conn->ses)->n != 0 || conn->shut)
        return;
    conn->shut = true;
    conn->shutdown.data = conn;
    if (uv_shutdown(&conn->shutdown, (uv_stream_t *)&conn->tcp, on_shutdown) != 0)
        conn_close(conn);
}

void conn_after(struct hrd_conn *conn)
{
    struct hrd_msg *msg;

    if (conn->closing)
        return;
    write_output(conn);
    while ((msg = hrd_session_take(conn->ses)) != NULL)
        worker_submit(conn->wrk, msg);
    if (hrd_session_state(conn->ses) == HRD_SESSION_CLOSED)
        linger(conn);
}

void conn_beat(struct hrd_conn *conn, int64_t now_mono_ns)
{
    if (conn->closing)
        return;
    if (conn->linger_until_ns != 0 && now_mono_ns >= conn->linger_until_ns) {
        conn_close(conn);
        return;
    }
    if (now_mono_ns >= hrd_session_deadline(conn->ses)) {
        hrd_session_tick(conn->ses, now_mono_ns, worker_wall_ns());
        conn_after(conn);
    }
}

void conn_goaway(struct hrd_conn *conn, int code, const char *why)
{
    hrd_session_goaway(conn->ses, code, why, 1000);
    conn_after(conn);
}

void conn_abort(struct hrd_conn *conn, const char *why)
{
    struct hrd_msg *msg;

    hrd_session_lost(conn->ses, why);
    while ((msg = hrd_session_take(conn->ses)) != NULL)
        worker_submit(conn->wrk, msg);
    conn_close(conn);
}

/* ---- the beginning ---- */

/* A session's id: its slot, and which of the slot's sessions it is, so that an answer to one that has gone finds none. */
static uint64_t session_id(const struct hrd_worker *wrk, uint32_t slot) { return (uint64_t)wrk->n_opened << 32 | slot; }

struct hrd_conn *conn_of(struct hrd_worker *wrk, uint64_t session)
{
    uint32_t slot = (uint32_t)session;
    struct hrd_conn *conn = slot < wrk->cap_conns ? wrk->conns[slot] : NULL;

    return conn != NULL && !conn->closing && hrd_session_id(conn->ses) == session ? conn : NULL;
}

static int take_slot(struct hrd_worker *wrk, uint32_t *ret)
{
    uint32_t cap = wrk->cap_conns == 0 ? 16 : wrk->cap_conns * 2;
    struct hrd_conn **conns;

    for (uint32_t i = 0; wrk->n_conns < wrk->cap_conns && i < wrk->cap_conns; i++)
        if (wrk->conns[i] == NULL) {
            *ret = i;
            return 0;
        }
    conns = hrp_realloc(wrk->conns, cap * sizeof *conns);
    if (conns == NULL)
        return HR_ENOMEM;
    memset(conns + wrk->cap_conns, 0, (cap - wrk->cap_conns) * sizeof *conns);
    *ret = wrk->cap_conns;
    wrk->conns = conns;
    wrk->cap_conns = cap;
    return 0;
}

static struct hrd_conn *conn_new(struct hrd_worker *wrk)
{
    struct hrd_conn *conn = hrp_calloc(1, sizeof *conn);
    uint32_t slot;

    if (conn == NULL || take_slot(wrk, &slot) != 0) {
        hrp_free(conn);
        return NULL;
    }
    wrk->n_opened++;
    if (hrd_session_open(wrk->cfg.session, session_id(wrk, slot), &wrk->counters, worker_mono_ns(), &conn->ses) != 0) {
        hrp_free(conn);
        return NULL;
    }
    conn->wrk = wrk;
    conn->slot = slot;
    uv_tcp_init(&wrk->loop, &conn->tcp);
    conn->tcp.data = conn;
    wrk->conns[slot] = conn;
    wrk->n_conns++;
    wrk->counters.sessions_opened++;
    return conn;
}

void conn_open(struct hrd_worker *wrk, struct hrd_conn_msg *msg)
{
    bool many = wrk->n_conns >= wrk->cfg.max_sessions;
    struct hrd_conn *conn = wrk->n_conns < wrk->cfg.max_sessions + 64 ? conn_new(wrk) : NULL; /* a few, to tell them why */

    if (conn == NULL) {
        wrk->counters.sessions_refused++;
        return;
    }
    memcpy(conn->peer, msg->peer, sizeof conn->peer);
    if (uv_tcp_open(&conn->tcp, msg->fd) != 0) {
        conn_abort(conn, "the socket can't be used");
        return;
    }
    msg->fd = -1;
    conn->tls = msg->tls;
    msg->tls = NULL;
    uv_tcp_nodelay(&conn->tcp, 1);
    uv_tcp_keepalive(&conn->tcp, 1, KEEP_ALIVE_S);
    hrd_slog(HRD_DEBUG, "session_opened", "peer=%s", conn->peer);
    conn_read(conn, !wrk->stalled);
    if (many) {
        wrk->counters.sessions_refused++;
        conn_goaway(conn, HR_ELIMIT, "this collector has no room for another connection (max_sessions)");
    }
}
