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
    bool resolving, tcp_open, up, is_writing, closing_tcp;
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

void hrs_link_init(struct hrs_link *l, uv_loop_t *loop, struct hrs_conn *conn)
{
    l->loop = loop;
    l->conn = conn;
    l->attempt = NULL;
}

/* ---- ending ---- */

static void free_if_done(struct hrs_attempt *a)
{
    if (a->link != NULL || a->resolving || a->tcp_open)
        return;
    uv_freeaddrinfo(a->addrs);
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

static void lost_err(struct hrs_link *l, int uv_err)
{
    char why[400];

    snprintf(why, sizeof why, "%s:%s: %s", l->host, l->port, uv_strerror(uv_err));
    lost(l, why);
}

/* ---- reading and writing ---- */

static void on_alloc(uv_handle_t *h, size_t hint, uv_buf_t *ret)
{
    struct hrs_attempt *a = h->data;

    *ret = uv_buf_init(a->read, sizeof a->read);
}

static void on_read(uv_stream_t *h, ssize_t n, const uv_buf_t *buf)
{
    struct hrs_attempt *a = h->data;
    int r;

    if (a->link == NULL || n == 0)
        return;
    if (n < 0) {
        if (n == UV_EOF)
            lost(a->link, "the collector closed the connection");
        else
            lost_err(a->link, (int)n);
        return;
    }
    r = hrs_conn_bytes(a->link->conn, buf->base, (size_t)n, hrs_mono_ns(), hrs_wall_ns());
    if (r != 0)
        lost(a->link, hr_strerror(r));
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

/* Two buffers in turn: conn fills one while the other is written. */
static void write_out(struct hrs_attempt *a)
{
    struct hrs_conn *c = a->link->conn;
    struct hrp_buf full = c->out;
    uv_buf_t buf;
    int r;

    if (!a->up || a->is_writing || c->out.n == 0)
        return;
    c->out = a->writing;
    a->writing = full;
    buf = uv_buf_init((char *)full.p, (unsigned)full.n);
    a->write.data = a;
    r = uv_write(&a->write, (uv_stream_t *)&a->tcp, &buf, 1, on_written);
    if (r == 0)
        a->is_writing = true;
    else
        lost_err(a->link, r);
}

/* ---- connecting ---- */

static void on_connected(uv_connect_t *req, int status)
{
    struct hrs_attempt *a = req->data;

    if (a->link == NULL)
        return;
    if (status != 0) {
        a->err = status;
        close_tcp(a); /* then the next address */
        return;
    }
    a->up = true;
    uv_tcp_nodelay(&a->tcp, 1);
    uv_tcp_keepalive(&a->tcp, 1, KEEPALIVE_S);
    status = uv_read_start((uv_stream_t *)&a->tcp, on_alloc, on_read);
    if (status != 0) {
        lost_err(a->link, status);
        return;
    }
    hrs_conn_connected(a->link->conn, hrs_mono_ns(), hrs_wall_ns());
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

static void try_next(struct hrs_attempt *a)
{
    const struct addrinfo *ai = a->next_addr;

    if (ai == NULL) {
        lost_err(a->link, a->err != 0 ? a->err : UV_EAI_NODATA);
        return;
    }
    a->next_addr = ai->ai_next;
    connect_to(a, ai->ai_addr);
}

static void on_resolved(uv_getaddrinfo_t *req, int status, struct addrinfo *res)
{
    struct hrs_attempt *a = req->data;

    a->resolving = false;
    a->addrs = a->next_addr = res;
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

void hrs_link_act(struct hrs_link *l)
{
    if (l->conn->want == HRS_WANT_CONNECT && l->attempt == NULL) {
        l->conn->want = HRS_WANT_NOTHING;
        start(l);
    }
    if (l->attempt != NULL)
        write_out(l->attempt);
    if (l->conn->want == HRS_WANT_CLOSE && may_close(l))
        lost(l, NULL);
}
