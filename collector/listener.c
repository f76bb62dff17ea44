#include "listener.h"
#include "alloc.h"
#include "slog.h"
#include "tls_ops.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define BACKLOG 511
#define PAUSE_MS 100   /* after an accept that failed for lack of descriptors or memory */
#define ACCEPTS 64     /* in a row, before the loop's other work has its turn */

struct hrd_listener {
    uv_poll_t poll;                  /* level-triggered: what is left is told again */
    uv_timer_t pause;
    int fd;
    uint16_t port;
    struct hrp_tls_ctx *tls;         /* NULL: plain */
    struct hrd_worker *const *workers;
    unsigned n_workers, next;
    unsigned n_handles;              /* not yet closed */
    bool short_of;                   /* of descriptors; logged once until it is over */
};

static void hand_over(struct hrd_listener *lis, int fd, const struct sockaddr_storage *from)
{
    struct hrd_conn_msg *m = hrd_conn_msg_new();
    const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)from;
    char ip[INET6_ADDRSTRLEN] = "?";
    struct hrd_msg *msg;

    if (m == NULL) {
        close(fd);
        return;
    }
    m->fd = fd;
    if (lis->tls != NULL && HRP_TLS_SYMBOL.open(lis->tls, "", &m->tls) != 0) {
        hrd_msg_free(&m->msg);
        return;
    }
    uv_ip_name((const struct sockaddr *)from, ip, sizeof ip);
    /* the port has the same place in both families */
    snprintf(m->peer, sizeof m->peer, from->ss_family == AF_INET6 ? "[%s]:%u" : "%s:%u", ip, ntohs(in6->sin6_port));
    msg = &m->msg;
    if (hrd_mailbox_send(hrd_worker_inbox(lis->workers[lis->next]), &msg) != 0)
        hrd_msg_free(msg);
    lis->next = (lis->next + 1) % lis->n_workers;
}

static void on_ready(uv_poll_t *h, int status, int events);

static void on_pause_over(uv_timer_t *t)
{
    struct hrd_listener *lis = t->data;

    uv_poll_start(&lis->poll, UV_READABLE, on_ready);
}

/* Connections that wait stay in the kernel's queue; a busy loop would not make descriptors. */
static void pause_accepting(struct hrd_listener *lis, int err)
{
    if (!lis->short_of)
        hrd_slog(HRD_WARN, "accept_failed", "why=%s", strerror(err));
    lis->short_of = true;
    uv_poll_stop(&lis->poll);
    uv_timer_start(&lis->pause, on_pause_over, PAUSE_MS, 0);
}

static void on_ready(uv_poll_t *h, int status, int events)
{
    struct hrd_listener *lis = h->data;

    for (int i = 0; i < ACCEPTS; i++) {
        struct sockaddr_storage from;
        socklen_t n = sizeof from;
        int fd;

        memset(&from, 0, sizeof from);
        fd = accept4(lis->fd, (struct sockaddr *)&from, &n, SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (fd >= 0) {
            lis->short_of = false;
            hand_over(lis, fd, &from);
        } else if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
            pause_accepting(lis, errno);
            return;
        } else if (errno != EINTR && errno != ECONNABORTED) {
            return;
        }
    }
}

/* ---- opening ---- */

static int address(const char *host, uint16_t port, struct sockaddr_storage *ret)
{
    memset(ret, 0, sizeof *ret);
    if (uv_ip4_addr(host, port, (struct sockaddr_in *)ret) == 0)
        return 0;
    return uv_ip6_addr(host, port, (struct sockaddr_in6 *)ret) == 0 ? 0 : HR_EINVAL;
}

static int bind_on(const struct sockaddr_storage *a, int *ret_fd)
{
    int one = 1, zero = 0, fd = socket(a->ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    socklen_t n = a->ss_family == AF_INET6 ? sizeof(struct sockaddr_in6) : sizeof(struct sockaddr_in);

    if (fd < 0)
        return errno;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one); /* a restart need not wait for connections of before */
    if (a->ss_family == AF_INET6)
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &zero, sizeof zero);
    if (bind(fd, (const struct sockaddr *)a, n) != 0 || listen(fd, BACKLOG) != 0) {
        int err = errno;

        close(fd);
        return err;
    }
    *ret_fd = fd;
    return 0;
}

static int listen_on(const char *host, uint16_t port, int *ret_fd, struct hr_error *err)
{
    struct sockaddr_storage a;
    int e;

    if (address(host, port, &a) != 0)
        return hr_error_set(err, HR_EINVAL, "ingest: %s: not an IP address", host);
    e = bind_on(&a, ret_fd);
    if (e == EAFNOSUPPORT && strcmp(host, "::") == 0 && address("0.0.0.0", port, &a) == 0) /* any address, without IPv6 */
        e = bind_on(&a, ret_fd);
    if (e != 0)
        return hr_error_set(err, e == EADDRINUSE ? HR_EBUSY : HR_EIO, "ingest: %s port %u: %s", host, port, strerror(e));
    return 0;
}

static uint16_t port_of(int fd)
{
    struct sockaddr_in6 a;
    socklen_t n = sizeof a;

    memset(&a, 0, sizeof a);
    return getsockname(fd, (struct sockaddr *)&a, &n) == 0 ? ntohs(a.sin6_port) : 0;
}

int hrd_listener_open(uv_loop_t *loop, const char *host, uint16_t port, struct hrd_worker *const *workers, unsigned n_workers,
                      struct hrd_listener **ret, struct hr_error *err)
{
    struct hrd_listener *lis = hrp_calloc(1, sizeof *lis);
    int r;

    if (lis == NULL)
        return hr_error_set(err, HR_ENOMEM, "ingest: %s", hr_strerror(HR_ENOMEM));
    r = listen_on(host, port, &lis->fd, err);
    if (r == 0 && uv_poll_init(loop, &lis->poll, lis->fd) != 0) {
        close(lis->fd);
        r = hr_error_set(err, HR_EIO, "ingest: the socket can't be watched");
    }
    if (r != 0) {
        hrp_free(lis);
        return r;
    }
    uv_timer_init(loop, &lis->pause);
    lis->poll.data = lis->pause.data = lis;
    lis->n_handles = 2;
    lis->port = port_of(lis->fd);
    lis->workers = workers;
    lis->n_workers = n_workers;
    uv_poll_start(&lis->poll, UV_READABLE, on_ready);
    *ret = lis;
    return 0;
}

void hrd_listener_tls(struct hrd_listener *lis, struct hrp_tls_ctx *ctx)
{
    HRP_TLS_SYMBOL.ctx_free(lis->tls);
    lis->tls = ctx;
}

uint16_t hrd_listener_port(const struct hrd_listener *lis) { return lis->port; }

static void on_closed(uv_handle_t *h)
{
    struct hrd_listener *lis = h->data;

    if (--lis->n_handles != 0)
        return;
    close(lis->fd);
    HRP_TLS_SYMBOL.ctx_free(lis->tls);
    hrp_free(lis);
}

void hrd_listener_close(struct hrd_listener *lis)
{
    if (lis == NULL)
        return;
    shutdown(lis->fd, SHUT_RDWR); /* stops listening at once: who comes now is refused, not left waiting */
    uv_close((uv_handle_t *)&lis->poll, on_closed);
    uv_close((uv_handle_t *)&lis->pause, on_closed);
}
