#include "link.h"
#include "alloc.h"
#include <netdb.h>
#include <stdlib.h>
#include <stdio.h>
#include <time.h>

#define READ_BYTES 65536
#define KEEPALIVE_S 30

struct hrs_attempt {
    struct hrs_link *link;       /* NULL: given up; only its handles still close */
    uv_tcp_t tcp;
    uv_getaddrinfo_t resolve;
    uv_connect_t connect;
    uv_write_t write;
    struct hrp_buf writing;      /* borrowed by the write in progress */
    struct addrinfo *addrs, *next_addr;
    bool resolving, tcp_open, is_writing, closing_tcp;
    bool carried;                /* bytes can be sent */
    bool up;                     /* and conn knows; with TLS, after its handshake */
    int64_t next_at_mono_ns;     /* then this address has had its share of time; INT64_MAX: it is the last, or it answered */
    const struct hrp_tls_ops *ops;
    struct hrp_tls *tls;         /* NULL: plain */
    int err;                     /* of the last address that failed */
    char read[READ_BYTES];
};

static int64_t clock_ns(clockid_t id)
{
    struct timespec t;

    clock_gettime(id, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}
int64_t hrs_mono_ns(void) { return clock_ns(CLOCK_MONOTONIC); }
int64_t hrs_wall_ns(void) { return clock_ns(CLOCK_REALTIME); }

void hrs_link_init(struct hrs_link *l, uv_loop_t *loop, struct hrs_conn *conn, const hr_options *opt, const struct hrp_tls_ops *tls)
{
    memset(l, 0, sizeof *l);
    l->loop = loop;
    l->conn = conn;
    l->opt = opt;
    l->tls = tls;
}

/* ---- ending ---- */

static void free_if_done(struct hrs_attempt *a)
{
    if (a->link != NULL || a->resolving || a->tcp_open)
        return;
    uv_freeaddrinfo(a->addrs);
    if (a->tls != NULL)
        a->ops->close(a->tls);
    hrp_buf_fini(&a->writing);
    hrp_free(a);
}

static void try_next(struct hrs_attempt *a);

static void on_closed(uv_handle_t *h)
{
    struct hrs_attempt *a = h->data;

    a->tcp_open = a->closing_tcp = false;
    if (a->link != NULL)
        try_next(a);
    else
        free_if_done(a);
}

static void close_tcp(struct hrs_attempt *a)
{
    if (!a->tcp_open || a->closing_tcp)
        return;
    a->closing_tcp = true;
    uv_close((uv_handle_t *)&a->tcp, on_closed);
}

void hrs_link_close(struct hrs_link *l)
{
    struct hrs_attempt *a = l->attempt;

    if (a == NULL)
        return;
    l->attempt = NULL;
    a->link = NULL;
    if (a->resolving)
        uv_cancel((uv_req_t *)&a->resolve);
    close_tcp(a);
    free_if_done(a);
}

static void lost(struct hrs_link *l, const char *why)
{
    hrs_link_close(l);
    hrs_conn_lost(l->conn, hrs_mono_ns(), why);
}

static void lost_why(struct hrs_link *l, const char *text)
{
    char why[800];

    snprintf(why, sizeof why, "%s:%s: %s", l->host, l->port, text);
    lost(l, why);
}

static void lost_err(struct hrs_link *l, int uv_err) { lost_why(l, uv_strerror(uv_err)); }

/* ---- writing ---- */

/* What conn has to say and what TLS has, as ciphertext. */
static int encrypt(struct hrs_attempt *a, struct hrp_buf *plain, struct hrp_buf *ret)
{
    uint8_t *p;
    size_t n;
    int r = 0;

    if (a->up && plain->n != 0) {
        r = a->ops->output(a->tls, plain->p, plain->n);
        hrp_buf_clear(plain);
    }
    n = a->ops->pending(a->tls);
    p = n != 0 ? hrp_buf_reserve(ret, n) : NULL;
    if (p != NULL)
        ret->n += a->ops->take(a->tls, p, n);
    return r != 0 ? r : ret->err;
}

/* Two buffers in turn: conn fills one while the other is written. */
static int fill(struct hrs_attempt *a)
{
    struct hrs_conn *c = a->link->conn;
    struct hrp_buf full = c->out;

    if (a->tls != NULL)
        return encrypt(a, &c->out, &a->writing);
    c->out = a->writing;
    a->writing = full;
    return 0;
}

static void on_written(uv_write_t *req, int status)
{
    struct hrs_attempt *a = req->data;

    a->is_writing = false;
    hrp_buf_clear(&a->writing);
    if (a->link == NULL)
        return;
    if (status != 0)
        lost_err(a->link, status);
    else
        hrs_link_act(a->link);
}

static void write_out(struct hrs_attempt *a)
{
    uv_buf_t buf;
    int r;

    if (!a->carried || a->is_writing || (a->tls == NULL && a->link->conn->out.n == 0))
        return;
    r = fill(a);
    if (r != 0) {
        lost_why(a->link, hr_strerror(r));
        return;
    }
    if (a->writing.n == 0)
        return;
    buf = uv_buf_init((char *)a->writing.p, (unsigned)a->writing.n);
    a->write.data = a;
    r = uv_write(&a->write, (uv_stream_t *)&a->tcp, &buf, 1, on_written);
    if (r == 0)
        a->is_writing = true;
    else
        lost_err(a->link, r);
}

/* TLS's alert or goodbye, if the socket takes it at once. */
static void last_words(struct hrs_attempt *a)
{
    struct hrp_buf none = HRP_BUF_INIT;
    uv_buf_t buf;

    if (a->tls == NULL || a->is_writing || encrypt(a, &none, &a->writing) != 0 || a->writing.n == 0)
        return;
    buf = uv_buf_init((char *)a->writing.p, (unsigned)a->writing.n);
    uv_try_write((uv_stream_t *)&a->tcp, &buf, 1);
    hrp_buf_clear(&a->writing);
}

/* ---- reading ---- */

static void come_up(struct hrs_attempt *a)
{
    if (a->up)
        return;
    a->up = true;
    hrs_conn_connected(a->link->conn, hrs_mono_ns(), hrs_wall_ns());
}

static int on_plain(void *arg, const void *p, size_t n)
{
    struct hrs_attempt *a = arg;

    come_up(a);
    return hrs_conn_bytes(a->link->conn, p, n, hrs_mono_ns(), hrs_wall_ns());
}

static void read_tls(struct hrs_attempt *a, const char *p, size_t n)
{
    struct hr_error err = {0, ""};
    int r = a->ops->input(a->tls, p, n, on_plain, a, &err);

    if (r == 0) {
        if (a->ops->established(a->tls))
            come_up(a);
        hrs_link_act(a->link);
        return;
    }
    last_words(a);
    if (r == HR_EPROTO && !a->up)
        lost_why(a->link, "TLS: the collector does not speak it on this port; see its option tls_cert");
    else
        lost_why(a->link, err.code != 0 ? err.text : hr_strerror(r));
}

static void read_plain(struct hrs_attempt *a, const char *p, size_t n)
{
    struct hrs_link *l = a->link;
    int r;

    if (l->conn->state == HRS_CONN_HELLO && l->conn->in.n == 0 && hrp_tls_like(p, n)) {
        lost_why(l, "the collector speaks TLS on this port: set the option tls");
        return;
    }
    r = hrs_conn_bytes(l->conn, p, n, hrs_mono_ns(), hrs_wall_ns());
    if (r != 0)
        lost(l, hr_strerror(r));
}

static void on_alloc(uv_handle_t *h, size_t hint, uv_buf_t *ret)
{
    struct hrs_attempt *a = h->data;

    *ret = uv_buf_init(a->read, sizeof a->read);
}

static void on_read(uv_stream_t *h, ssize_t n, const uv_buf_t *buf)
{
    struct hrs_attempt *a = h->data;

    if (a->link == NULL || n == 0)
        return;
    if (n == UV_EOF)
        lost(a->link, a->up ? "the collector closed the connection" : "the collector closed the connection before TLS was agreed on");
    else if (n < 0)
        lost_err(a->link, (int)n);
    else if (a->tls != NULL)
        read_tls(a, buf->base, (size_t)n);
    else
        read_plain(a, buf->base, (size_t)n);
}

/* ---- connecting ---- */

static int start_tls(struct hrs_attempt *a)
{
    struct hrs_link *l = a->link;
    struct hr_error err = {0, ""};

    a->ops = l->tls;
    if (hrs_tls_open(l->opt, l->tls, l->host, &a->tls, &err) == 0)
        return 0;
    lost_why(l, err.text);
    return err.code;
}

static void on_connected(uv_connect_t *req, int status)
{
    struct hrs_attempt *a = req->data;
    int n = sizeof a->link->good;

    if (a->link == NULL || a->closing_tcp)
        return;
    if (status != 0) {
        a->err = status;
        close_tcp(a); /* then the next address */
        return;
    }
    a->carried = true;
    a->next_at_mono_ns = INT64_MAX;
    uv_tcp_getpeername(&a->tcp, (struct sockaddr *)&a->link->good, &n);
    uv_tcp_nodelay(&a->tcp, 1);
    uv_tcp_keepalive(&a->tcp, 1, KEEPALIVE_S);
    if (a->link->tls != NULL && start_tls(a) != 0)
        return;
    status = uv_read_start((uv_stream_t *)&a->tcp, on_alloc, on_read);
    if (status != 0)
        lost_err(a->link, status);
    else if (a->tls == NULL)
        come_up(a);
    else
        write_out(a);
}

static void connect_to(struct hrs_attempt *a, const struct sockaddr *addr)
{
    int r = uv_tcp_init(a->link->loop, &a->tcp);

    if (r == 0) {
        a->tcp_open = true;
        a->tcp.data = a;
        a->connect.data = a;
        r = uv_tcp_connect(&a->connect, &a->tcp, addr, on_connected);
    }
    if (r == 0)
        return;
    a->err = r;
    if (a->tcp_open)
        close_tcp(a);
    else
        lost_err(a->link, r);
}

/* An equal part of what is left of the time to connect. */
static int64_t share_until(const struct hrs_attempt *a)
{
    const struct hrs_conn *c = a->link->conn;
    int64_t now = hrs_mono_ns(), left = c->since_mono_ns + c->cfg->connect_timeout_ns - now;
    int n = 1;

    for (const struct addrinfo *ai = a->next_addr; ai != NULL; ai = ai->ai_next)
        n++;
    return n == 1 ? INT64_MAX : now + (left > 0 ? left / n : 0);
}

static void try_next(struct hrs_attempt *a)
{
    const struct addrinfo *ai = a->next_addr;

    if (ai == NULL) {
        lost_err(a->link, a->err != 0 ? a->err : UV_EAI_NODATA);
        return;
    }
    a->next_addr = ai->ai_next;
    a->next_at_mono_ns = share_until(a);
    connect_to(a, ai->ai_addr);
}

static void drop_slow(struct hrs_attempt *a)
{
    if (hrs_mono_ns() < a->next_at_mono_ns || !a->tcp_open)
        return;
    a->next_at_mono_ns = INT64_MAX;
    a->err = UV_ETIMEDOUT;
    close_tcp(a); /* then the next address */
}

/* The address that worked last goes to the front, if the name still has it. */
static struct addrinfo *good_first(struct addrinfo *list, const struct sockaddr_storage *good)
{
    for (struct addrinfo **p = &list; *p != NULL; p = &(*p)->ai_next) {
        struct addrinfo *ai = *p;

        if (ai->ai_family != good->ss_family || memcmp(ai->ai_addr, good, ai->ai_addrlen) != 0)
            continue;
        *p = ai->ai_next;
        ai->ai_next = list;
        return ai;
    }
    return list;
}

static void on_resolved(uv_getaddrinfo_t *req, int status, struct addrinfo *res)
{
    struct hrs_attempt *a = req->data;

    a->resolving = false;
    a->addrs = a->next_addr = a->link != NULL && status == 0 ? good_first(res, &a->link->good) : res;
    if (a->link == NULL)
        free_if_done(a);
    else if (status != 0)
        lost_err(a->link, status);
    else
        try_next(a);
}

static int literal(const struct hrs_link *l, struct sockaddr_storage *ret)
{
    int port = atoi(l->port);

    return uv_ip4_addr(l->host, port, (struct sockaddr_in *)ret) == 0 ? 0 : uv_ip6_addr(l->host, port, (struct sockaddr_in6 *)ret);
}

static void start(struct hrs_link *l)
{
    struct hrs_attempt *a = hrp_calloc(1, sizeof *a);
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_family = AF_UNSPEC};
    struct sockaddr_storage addr;
    int r;

    if (a == NULL) {
        hrs_conn_lost(l->conn, hrs_mono_ns(), hr_strerror(HR_ENOMEM));
        return;
    }
    a->link = l;
    a->next_at_mono_ns = INT64_MAX;
    l->attempt = a;
    /* An address needs no resolver, and so no thread pool inside somebody's application. */
    if (literal(l, &addr) == 0) {
        connect_to(a, (struct sockaddr *)&addr);
        return;
    }
    a->resolve.data = a;
    r = uv_getaddrinfo(l->loop, &a->resolve, on_resolved, l->host, l->port, &hints);
    if (r == 0)
        a->resolving = true;
    else
        lost_err(l, r);
}

/* ---- wishes ---- */

/* A connection that leaves writes its goodbye first; one that is given up has nothing to write. */
static bool may_close(const struct hrs_link *l)
{
    const struct hrs_attempt *a = l->attempt;

    return a == NULL || !a->up || l->conn->state != HRS_CONN_LEAVING || (!a->is_writing && l->conn->out.n == 0);
}

static void say_bye(struct hrs_attempt *a)
{
    if (a == NULL || a->tls == NULL || !a->up)
        return;
    a->ops->bye(a->tls);
    last_words(a);
}

void hrs_link_act(struct hrs_link *l)
{
    if (l->conn->want == HRS_WANT_CONNECT && l->attempt == NULL) {
        l->conn->want = HRS_WANT_NOTHING;
        start(l);
    }
    if (l->attempt != NULL)
        drop_slow(l->attempt);
    if (l->attempt != NULL)
        write_out(l->attempt);
    if (l->conn->want == HRS_WANT_CLOSE && may_close(l)) {
        say_bye(l->attempt);
        lost(l, NULL);
    }
}
