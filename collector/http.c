#include "http.h"
#include "alloc.h"
#include "json.h"
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#define READ_BYTES 4096u
#define BODIES_BYTES ((size_t)8 * HRD_HTTP_BODY_BYTES) /* of all connections together */

enum state { READING, ANSWERING, LINGERING, CLOSED };

struct hrd_http_conn {
    uv_tcp_t tcp;
    uv_timer_t timer;
    struct hrd_http *http;
    struct hrd_http_conn *prev, *next;
    struct hrd_http_parser parser;
    enum state state;
    unsigned n_handles;          /* not closed yet; the last one frees */
    char in[READ_BYTES];         /* [in_at, in_n): read, not parsed: pipelined requests */
    size_t in_at, in_n;

    /* the answer */
    uv_write_t write;
    struct hrp_buf head, body;   /* being written */
    bool writing, keep, head_only, chunked, streaming, ending;
    void (*on_room)(void *arg);
    void (*on_gone)(void *arg);
    void *arg, *gone_arg;
};

struct hrd_http {
    uv_tcp_t tcp, spare;         /* spare: accepts what is turned away; no memory is needed for that */
    struct hrd_http_cfg cfg;
    struct hrd_http_conn *conns;
    struct hrd_http_counts counts;
    struct hrd_http_bodies bodies;
    uint16_t port;
    bool closing, listener_closed, spare_busy, one_waits;
    void (*done)(void *arg);
    void *done_arg;
};

const struct hrd_http_cfg hrd_http_cfg_default = {
    .max_connections = 1024, .header_ms = 10000, .idle_ms = 60000, .write_ms = 60000, .linger_ms = 2000,
};

static void parse_more(struct hrd_http_conn *conn);
static void conn_close(struct hrd_http_conn *conn);

/* ---- the end of connections, and of the server ---- */

static void maybe_done(struct hrd_http *http)
{
    void (*done)(void *arg) = http->done;
    void *arg = http->done_arg;

    if (!http->closing || !http->listener_closed || http->spare_busy || http->conns != NULL)
        return;
    hrp_free(http);
    if (done != NULL)
        done(arg);
}

static void on_conn_closed(uv_handle_t *h)
{
    struct hrd_http_conn *conn = h->data;
    struct hrd_http *http = conn->http;

    if (--conn->n_handles > 0)
        return;
    if (conn->prev != NULL)
        conn->prev->next = conn->next;
    else
        http->conns = conn->next;
    if (conn->next != NULL)
        conn->next->prev = conn->prev;
    http->counts.open--;
    hrd_http_parser_fini(&conn->parser);
    hrp_buf_fini(&conn->head);
    hrp_buf_fini(&conn->body);
    hrp_free(conn);
    maybe_done(http);
}

static void conn_close(struct hrd_http_conn *conn)
{
    void (*on_gone)(void *arg) = conn->on_gone;

    if (conn->state == CLOSED)
        return;
    conn->state = CLOSED;
    conn->on_gone = NULL;
    conn->on_room = NULL;
    uv_close((uv_handle_t *)&conn->tcp, on_conn_closed);
    uv_close((uv_handle_t *)&conn->timer, on_conn_closed);
    if (on_gone != NULL)
        on_gone(conn->gone_arg);
}

static void on_deadline(uv_timer_t *timer);

static void deadline(struct hrd_http_conn *conn, unsigned ms) { uv_timer_start(&conn->timer, on_deadline, ms, 0); }

static void alloc_rest(uv_handle_t *h, size_t hint, uv_buf_t *ret)
{
    struct hrd_http_conn *conn = h->data;

    (void)hint;
    *ret = uv_buf_init(conn->in, sizeof conn->in);
}

static void on_linger(uv_stream_t *s, ssize_t n, const uv_buf_t *buf)
{
    (void)buf;
    if (n < 0)
        conn_close(s->data);
}

static void linger(struct hrd_http_conn *conn)
{
    int fd;

    conn->state = LINGERING;
    if (uv_fileno((uv_handle_t *)&conn->tcp, &fd) == 0)
        shutdown(fd, SHUT_WR); /* nothing of ours is unsent in libuv; the kernel sends the rest first */
    deadline(conn, conn->http->cfg.linger_ms);
    uv_read_stop((uv_stream_t *)&conn->tcp);
    if (uv_read_start((uv_stream_t *)&conn->tcp, alloc_rest, on_linger) != 0)
        conn_close(conn);
}

/* ---- answers ---- */

static const char *status_text(int status)
{
    switch (status) {
#define XX(number, name, text) \
    case number: \
        return #text;
        HTTP_STATUS_MAP(XX)
#undef XX
    default:
        return "Status";
    }
}

int hrd_http_status_of(int code)
{
    switch (code) {
    case HR_EINVAL:
        return 400;
    case HR_ENOENT:
        return 404;
    case HR_ELIMIT:
        return 429;
    case HR_EAGAIN:
    case HR_ENOMEM:
    case HR_ECLOSED:
        return 503;
    default:
        return 500;
    }
}

static void put_line(struct hrp_buf *out, const char *text) { hrp_put_bytes(out, text, strlen(text)); }

/* Headers that every answer has: no sniffing, no framing, nothing from elsewhere, no address told to others. */
static void put_head(struct hrd_http_conn *conn, int status, const char *type, const char *headers)
{
    struct hrp_buf *out = &conn->head;

    conn->http->counts.by_class[status / 100 < 6 ? status / 100 : 0]++;
    hrp_buf_clear(out);
    hrp_put_fmt(out, "HTTP/1.1 %d %s\r\n", status, status_text(status));
    put_line(out, "Server: headraced\r\nX-Content-Type-Options: nosniff\r\nReferrer-Policy: no-referrer\r\n"
                  "Cross-Origin-Resource-Policy: same-origin\r\n"
                  "Content-Security-Policy: default-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'\r\n");
    if (type != NULL)
        hrp_put_fmt(out, "Content-Type: %s\r\n", type);
    if (headers != NULL)
        put_line(out, headers);
    else
        put_line(out, "Cache-Control: no-store\r\n");
    hrp_put_fmt(out, "Connection: %s\r\n", conn->keep ? "keep-alive" : "close");
}

static void answer_ended(struct hrd_http_conn *conn)
{
    hrp_buf_fini(&conn->body);
    conn->on_gone = NULL;
    conn->on_room = NULL;
    conn->streaming = conn->ending = false;
    if (!conn->keep || conn->http->closing) {
        linger(conn);
        return;
    }
    conn->state = READING;
    hrd_http_parser_next(&conn->parser);
    deadline(conn, conn->http->cfg.idle_ms);
    parse_more(conn);
}

static void on_written(uv_write_t *w, int status)
{
    struct hrd_http_conn *conn = w->data;

    conn->writing = false;
    if (conn->state == CLOSED)
        return;
    if (status < 0) {
        conn_close(conn);
        return;
    }
    uv_timer_stop(&conn->timer);
    if (conn->streaming && conn->head_only && conn->on_gone != NULL)
        conn->on_gone(conn->gone_arg); /* who would write a body has nothing to write */
    if (!conn->streaming || conn->ending || conn->head_only)
        answer_ended(conn);
    else if (conn->on_room != NULL)
        conn->on_room(conn->arg);
}

/* Writes the head, when there is one, and then n bytes. */
static void write_out(struct hrd_http_conn *conn, const void *p, size_t n, const char *tail)
{
    uv_buf_t bufs[3] = {
        uv_buf_init((char *)conn->head.p, (unsigned)conn->head.n),
        uv_buf_init((char *)(uintptr_t)p, (unsigned)n),
        uv_buf_init((char *)(uintptr_t)tail, (unsigned)strlen(tail)),
    };

    if (conn->state == CLOSED)
        return;
    conn->write.data = conn;
    conn->writing = true;
    conn->http->counts.bytes_sent += conn->head.n + n + strlen(tail);
    deadline(conn, conn->http->cfg.write_ms);
    if (conn->head.err != 0 || uv_write(&conn->write, (uv_stream_t *)&conn->tcp, bufs, 3, on_written) != 0) {
        conn->writing = false;
        conn_close(conn);
    }
}

void hrd_http_reply_static(struct hrd_http_conn *conn, int status, const char *type, const char *headers, const void *body, size_t n)
{
    hrd_http_on_gone(conn, NULL, NULL);
    put_head(conn, status, type, headers);
    if (status != 304)
        hrp_put_fmt(&conn->head, "Content-Length: %zu\r\n", n);
    hrp_put_bytes(&conn->head, "\r\n", 2);
    write_out(conn, body, conn->head_only ? 0 : n, "");
}

void hrd_http_reply(struct hrd_http_conn *conn, int status, const char *type, const char *headers, struct hrp_buf *body)
{
    static const char no_memory[] = "{\"error\":{\"code\":\"HR_ENOMEM\",\"text\":\"out of memory\"}}\n";

    if (body->err != 0) {
        hrp_buf_fini(body);
        hrd_http_reply_static(conn, 503, "application/json", NULL, no_memory, sizeof no_memory - 1);
        return;
    }
    hrp_buf_fini(&conn->body);
    conn->body = *body;
    *body = (struct hrp_buf)HRP_BUF_INIT;
    hrd_http_reply_static(conn, status, type, headers, conn->body.p, conn->body.n);
}

static void reply_error(struct hrd_http_conn *conn, int status, int code, const char *headers, const char *text)
{
    struct hrp_buf body = HRP_BUF_INIT;

    hrp_put_fmt(&body, "{\"error\":{\"code\":\"%s\",\"text\":", hr_errname(code));
    hrp_json_str(&body, text, strlen(text));
    hrp_put_fmt(&body, "}}\n");
    hrd_http_reply(conn, status, "application/json", headers, &body);
}

void hrd_http_not_allowed(struct hrd_http_conn *conn, const char *allow)
{
    char headers[128], text[128];

    snprintf(headers, sizeof headers, "Allow: %s\r\nCache-Control: no-store\r\n", allow);
    snprintf(text, sizeof text, "only %s here", allow);
    reply_error(conn, 405, HR_EINVAL, headers, text);
}

void hrd_http_error(struct hrd_http_conn *conn, int status, int code, const char *fmt, ...)
{
    char text[512];
    va_list args;

    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    reply_error(conn, status != 0 ? status : hrd_http_status_of(code), code, NULL, text);
}

void hrd_http_on_gone(struct hrd_http_conn *conn, void (*on_gone)(void *arg), void *arg)
{
    conn->on_gone = on_gone;
    conn->gone_arg = arg;
}

void hrd_http_stream(struct hrd_http_conn *conn, int status, const char *type, void (*on_room)(void *arg), void *arg)
{
    conn->chunked = !conn->parser.req.http_1_0;
    conn->keep = conn->keep && conn->chunked; /* to HTTP/1.0 the end of the connection is the end of the answer */
    conn->streaming = true;
    conn->on_room = on_room;
    conn->arg = arg;
    put_head(conn, status, type, NULL);
    put_line(&conn->head, conn->chunked ? "Transfer-Encoding: chunked\r\n\r\n" : "\r\n");
    write_out(conn, NULL, 0, "");
}

void hrd_http_write(struct hrd_http_conn *conn, struct hrp_buf *piece)
{
    hrp_buf_fini(&conn->body);
    conn->body = *piece;
    *piece = (struct hrp_buf)HRP_BUF_INIT;
    hrp_buf_clear(&conn->head);
    if (conn->chunked && conn->body.n != 0)
        hrp_put_fmt(&conn->head, "%zx\r\n", conn->body.n);
    write_out(conn, conn->body.p, conn->body.n, conn->chunked && conn->body.n != 0 ? "\r\n" : "");
}

void hrd_http_end(struct hrd_http_conn *conn, bool complete)
{
    if (!complete) { /* no last chunk: the client sees an answer that was cut off */
        hrd_http_on_gone(conn, NULL, NULL);
        conn_close(conn);
        return;
    }
    hrd_http_on_gone(conn, NULL, NULL);
    conn->ending = true;
    hrp_buf_clear(&conn->head);
    write_out(conn, NULL, 0, conn->chunked ? "0\r\n\r\n" : "");
}

/* ---- requests ---- */

static void on_deadline(uv_timer_t *timer)
{
    struct hrd_http_conn *conn = timer->data;

    if (conn->state == READING && conn->parser.started && !conn->writing) {
        conn->state = ANSWERING;
        conn->keep = conn->head_only = false;
        uv_read_stop((uv_stream_t *)&conn->tcp);
        hrd_http_error(conn, 408, HR_ETIMEOUT, "no whole request in time");
        return;
    }
    conn_close(conn);
}

static bool host_allowed(const struct hrd_http *http, const char *host)
{
    if (*host == '\0' || strcmp(host, "localhost") == 0 || hrd_http_host_is_address(host))
        return true;
    for (unsigned i = 0; http->cfg.hosts != NULL && http->cfg.hosts[i] != NULL; i++)
        if (strcmp(host, http->cfg.hosts[i]) == 0)
            return true;
    return false;
}

/* The types that a browser sends to another origin without asking first (Fetch, 2.2.2) are refused, and none at all. */
static bool type_allowed(const struct hrd_http_req *req)
{
    static const char *const forms[] = {"application/x-www-form-urlencoded", "multipart/form-data", "text/plain"};
    const char *type = req->content_type;
    size_t n;

    if (type == NULL)
        return req->n_body == 0;
    n = strcspn(type, "; \t,");
    for (unsigned i = 0; i < sizeof forms / sizeof *forms; i++)
        if (strlen(forms[i]) == n && strncasecmp(type, forms[i], n) == 0)
            return false;
    return n != 0;
}

static void answer(struct hrd_http_conn *conn)
{
    const struct hrd_http_req *req = &conn->parser.req;
    struct hrd_http *http = conn->http;

    http->counts.requests++;
    conn->keep = req->keep_alive && !http->closing;
    conn->head_only = req->method == HRD_HTTP_HEAD;
    if (!host_allowed(http, req->host))
        hrd_http_error(conn, 403, HR_EAUTH, "this server is not reached by the name %.100s; http_hosts adds names", req->host);
    else if (req->method == HRD_HTTP_OTHER)
        hrd_http_not_allowed(conn, "GET, HEAD, POST, PUT, DELETE");
    else if (hrd_http_changes(req->method) && req->foreign)
        hrd_http_error(conn, 403, HR_EAUTH, "nothing is changed for a page of another origin");
    else if (hrd_http_changes(req->method) && !type_allowed(req))
        hrd_http_error(conn, 415, HR_EINVAL, "a body needs a Content-Type that no form can send, such as application/json");
    else
        http->cfg.handler(http->cfg.arg, conn, req);
}

static int code_of(int status)
{
    switch (status) {
    case 404:
        return HR_ENOENT;
    case 413:
    case 414:
    case 431:
        return HR_ETOOBIG;
    case 503:
        return HR_ENOMEM;
    default:
        return HR_EINVAL;
    }
}

static void refuse(struct hrd_http_conn *conn)
{
    conn->http->counts.requests++;
    conn->keep = conn->head_only = false;
    hrd_http_error(conn, conn->parser.status, code_of(conn->parser.status), "%s", conn->parser.reason);
}

static void on_read(uv_stream_t *s, ssize_t n, const uv_buf_t *buf)
{
    struct hrd_http_conn *conn = s->data;

    (void)buf;
    if (n == 0)
        return;
    if (n < 0) {
        conn_close(conn);
        return;
    }
    conn->in_at = 0;
    conn->in_n = (size_t)n;
    parse_more(conn);
}

/* Nothing else is being written while a request is read, so the line goes out at once or, with a full socket, not at all: then
 * the client sends its body unasked after a moment (RFC 9110, 10.1.1). False: cut in the middle. */
static bool tell_to_continue(struct hrd_http_conn *conn)
{
    static const char go_on[] = "HTTP/1.1 100 Continue\r\n\r\n";
    uv_buf_t buf = uv_buf_init((char *)(uintptr_t)go_on, sizeof go_on - 1);
    int r = uv_try_write((uv_stream_t *)&conn->tcp, &buf, 1);

    conn->parser.wants_continue = false;
    return r == UV_EAGAIN || r == (int)sizeof go_on - 1;
}

/* Feeds what is there; stops at a whole request, and goes on when it is answered. */
static void parse_more(struct hrd_http_conn *conn)
{
    size_t used = 0;
    bool started = conn->parser.started;
    int r = 0;

    if (conn->in_at < conn->in_n)
        r = hrd_http_parser_feed(&conn->parser, conn->in + conn->in_at, conn->in_n - conn->in_at, &used);
    conn->in_at += used;
    if (r == 0) {
        if (!started && conn->parser.started) /* the deadline of a request runs from its first byte */
            deadline(conn, conn->http->cfg.header_ms);
        if (conn->parser.wants_continue && !tell_to_continue(conn)) {
            conn_close(conn);
            return;
        }
        r = uv_read_start((uv_stream_t *)&conn->tcp, alloc_rest, on_read);
        if (r != 0 && r != UV_EALREADY)
            conn_close(conn);
        return;
    }
    uv_read_stop((uv_stream_t *)&conn->tcp);
    uv_timer_stop(&conn->timer);
    conn->state = ANSWERING;
    if (r > 0)
        answer(conn);
    else
        refuse(conn);
}

/* ---- connections ---- */

static void turn_away(struct hrd_http *http);

static void on_turned_away(uv_handle_t *h)
{
    struct hrd_http *http = h->data;
    bool again = http->one_waits && !http->closing;

    http->spare_busy = http->one_waits = false;
    if (again)
        turn_away(http);
    maybe_done(http);
}

/* libuv accepts no further connection before this one is taken, so at most one waits for the spare handle. */
static void turn_away(struct hrd_http *http)
{
    static const char busy[] = "HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\nContent-Type: application/json\r\n\r\n"
                               "{\"error\":{\"code\":\"HR_ELIMIT\",\"text\":\"too many connections; try later\"}}\n";
    uv_buf_t buf = uv_buf_init((char *)(uintptr_t)busy, sizeof busy - 1);

    if (http->spare_busy) {
        http->one_waits = true;
        return;
    }
    http->counts.refused++;
    if (uv_tcp_init(http->tcp.loop, &http->spare) != 0)
        return;
    http->spare_busy = true;
    http->spare.data = http;
    if (uv_accept((uv_stream_t *)&http->tcp, (uv_stream_t *)&http->spare) == 0)
        uv_try_write((uv_stream_t *)&http->spare, &buf, 1);
    uv_close((uv_handle_t *)&http->spare, on_turned_away);
}

static void on_connection(uv_stream_t *server, int status)
{
    struct hrd_http *http = server->data;
    struct hrd_http_conn *conn;

    if (status < 0 || http->closing)
        return;
    conn = http->counts.open < http->cfg.max_connections ? hrp_calloc(1, sizeof *conn) : NULL;
    if (conn == NULL) {
        turn_away(http);
        return;
    }
    conn->http = http;
    conn->n_handles = 2;
    hrd_http_parser_init(&conn->parser);
    conn->parser.bodies = &http->bodies;
    uv_tcp_init(server->loop, &conn->tcp);
    uv_timer_init(server->loop, &conn->timer);
    conn->tcp.data = conn->timer.data = conn;
    conn->next = http->conns;
    if (conn->next != NULL)
        conn->next->prev = conn;
    http->conns = conn;
    http->counts.open++;
    http->counts.connections++;
    if (uv_accept(server, (uv_stream_t *)&conn->tcp) != 0) {
        conn_close(conn);
        return;
    }
    uv_tcp_nodelay(&conn->tcp, 1);
    deadline(conn, http->cfg.header_ms);
    parse_more(conn);
}

static void on_listener_closed(uv_handle_t *h)
{
    struct hrd_http *http = h->data;

    http->listener_closed = true;
    maybe_done(http);
}

static int listen_on(struct hrd_http *http, struct hr_error *err)
{
    struct sockaddr_storage addr;
    int n = sizeof addr, r = uv_ip4_addr(http->cfg.host, http->cfg.port, (struct sockaddr_in *)&addr);

    if (r != 0)
        r = uv_ip6_addr(http->cfg.host, http->cfg.port, (struct sockaddr_in6 *)&addr);
    if (r != 0)
        return hr_error_set(err, HR_EINVAL, "%s: not an IP address", http->cfg.host);
    r = uv_tcp_bind(&http->tcp, (struct sockaddr *)&addr, 0);
    if (r == 0)
        r = uv_listen((uv_stream_t *)&http->tcp, 511, on_connection);
    if (r == 0)
        r = uv_tcp_getsockname(&http->tcp, (struct sockaddr *)&addr, &n);
    if (r != 0)
        return hr_error_set(err, r == UV_EADDRINUSE ? HR_EBUSY : HR_EIO, "%s port %u: %s", http->cfg.host, http->cfg.port, uv_strerror(r));
    http->port = ntohs(addr.ss_family == AF_INET ? ((struct sockaddr_in *)&addr)->sin_port : ((struct sockaddr_in6 *)&addr)->sin6_port);
    return 0;
}

int hrd_http_open(uv_loop_t *loop, const struct hrd_http_cfg *cfg, struct hrd_http **ret, struct hr_error *err)
{
    struct hrd_http *http = hrp_calloc(1, sizeof *http);
    int r;

    if (http == NULL)
        return hr_error_set(err, HR_ENOMEM, "HTTP: out of memory");
    http->cfg = *cfg;
    http->bodies.cap = BODIES_BYTES;
    if (uv_tcp_init(loop, &http->tcp) != 0) {
        hrp_free(http);
        return hr_error_set(err, HR_EIO, "HTTP: no socket");
    }
    http->tcp.data = http;
    r = listen_on(http, err);
    if (r == 0)
        *ret = http;
    else
        hrd_http_close(http, NULL, NULL);
    return r;
}

uint16_t hrd_http_port(const struct hrd_http *http) { return http->port; }
const struct hrd_http_counts *hrd_http_counts(const struct hrd_http *http) { return &http->counts; }

void hrd_http_close(struct hrd_http *http, void (*done)(void *arg), void *arg)
{
    struct hrd_http_conn *conn, *next;

    http->closing = true;
    http->done = done;
    http->done_arg = arg;
    uv_close((uv_handle_t *)&http->tcp, on_listener_closed);
    for (conn = http->conns; conn != NULL; conn = next) {
        next = conn->next;
        conn_close(conn);
    }
}
