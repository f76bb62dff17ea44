/* TLS between a connection's socket and its session. The listener gave the connection its state, with the certificates of that
 * moment; here bytes go through it. A producer that speaks no TLS is told so in plain words, for it reads no others; one whose
 * certificate is not accepted gets TLS's alert, and the connection lingers so that it can be read. */
#include "worker_impl.h"
#include "slog.h"

static const struct hrp_tls_ops *const tls = &HRP_TLS_SYMBOL;

static int on_plain(void *arg, const void *p, size_t n)
{
    struct hrd_conn *conn = arg;

    hrd_session_input(conn->ses, p, n, worker_mono_ns(), worker_wall_ns());
    return 0;
}

static void fall_back(struct hrd_conn *conn)
{
    tls->close(conn->tls);
    conn->tls = NULL;
    hrd_session_goaway(conn->ses, HR_EPROTO, "this port speaks TLS: set the option tls", 1000);
}

void conn_tls_input(struct hrd_conn *conn, const void *p, size_t n)
{
    struct hr_error err = {0, ""};
    int r;

    if (hrd_session_state(conn->ses) == HRD_SESSION_CLOSED)
        return;
    r = tls->input(conn->tls, p, n, on_plain, conn, &err);
    if (r == 0)
        return;
    if (r == HR_EPROTO) {
        fall_back(conn);
    } else if (r == HR_ECLOSED) {
        conn->peer_gone = true;
        hrd_session_lost(conn->ses, "the producer closed the connection");
    } else {
        hrd_slog(HRD_WARN, "tls_failed", "peer=%s why=%s", conn->peer, err.text);
        hrd_session_lost(conn->ses, err.text);
    }
}

int conn_tls_fill(struct hrd_conn *conn)
{
    struct hrp_buf *out = hrd_session_output(conn->ses);
    int r = out->n != 0 ? tls->output(conn->tls, out->p, out->n) : 0;
    size_t n = tls->pending(conn->tls);
    uint8_t *p = n != 0 ? hrp_buf_reserve(&conn->writing, n) : NULL;

    if (p != NULL)
        conn->writing.n += tls->take(conn->tls, p, n);
    if (r != HR_EAGAIN || hrd_session_state(conn->ses) == HRD_SESSION_CLOSED) /* who has no keys can't read a last word */
        hrp_buf_clear(out);
    return r == HR_EAGAIN || r == HR_ECLOSED ? conn->writing.err : r != 0 ? r : conn->writing.err;
}

void conn_tls_bye(struct hrd_conn *conn)
{
    if (conn->tls == NULL || conn->bye_said)
        return;
    conn->bye_said = true;
    tls->bye(conn->tls);
}

void conn_tls_close(struct hrp_tls *state) { tls->close(state); }
