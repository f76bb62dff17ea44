#include "door.h"
#include "errors.h"
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

/* ---- one connection ---- */

static void drop(struct hrs_door_conn *c)
{
    close(c->fd);
    c->fd = -1;
    hrs_peer_fini(&c->peer);
}

/* Blocking: answers are few bytes, and a client always reads. */
static bool say(struct hrs_door_conn *c)
{
    size_t at = 0;

    while (at < c->peer.out.n) {
        ssize_t n = send(c->fd, c->peer.out.p + at, c->peer.out.n - at, MSG_NOSIGNAL);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return false;
        at += (size_t)n;
    }
    hrp_buf_clear(&c->peer.out);
    return true;
}

static void hear(struct hrs_door *d, struct hrs_door_conn *c)
{
    uint8_t bytes[65536];
    ssize_t n = recv(c->fd, bytes, sizeof bytes, MSG_DONTWAIT);
    int r;

    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n <= 0) {
        drop(c);
        return;
    }
    pthread_mutex_lock(&d->mutex);
    r = hrs_peer_input(&c->peer, bytes, (size_t)n);
    if (r != 0 && r != HR_ECLOSED && d->broken == 0)
        d->broken = r;
    pthread_mutex_unlock(&d->mutex);
    if (r != 0 || !say(c))
        drop(c);
}

static struct hrs_door_conn *free_conn(struct hrs_door *d)
{
    for (int i = 0; i < HRS_DOOR_CONNS; i++)
        if (d->conns[i].fd < 0)
            return &d->conns[i];
    return NULL;
}

static void let_in(struct hrs_door *d, struct hrs_door_conn *c)
{
    c->fd = accept4(d->listen_fd, NULL, NULL, SOCK_CLOEXEC);
    if (c->fd >= 0)
        hrs_peer_init(&c->peer, &d->store, &d->generation);
}

/* ---- thread ---- */

static void *run(void *arg)
{
    struct hrs_door *d = arg;
    struct pollfd fds[HRS_DOOR_CONNS + 2];

    for (;;) {
        struct hrs_door_conn *free_one = free_conn(d);

        fds[0] = (struct pollfd){.fd = d->stop_fds[0], .events = POLLIN};
        fds[1] = (struct pollfd){.fd = free_one != NULL ? d->listen_fd : -1, .events = POLLIN};
        for (int i = 0; i < HRS_DOOR_CONNS; i++)
            fds[i + 2] = (struct pollfd){.fd = d->conns[i].fd, .events = POLLIN};
        if (poll(fds, HRS_DOOR_CONNS + 2, -1) < 0)
            continue;
        if (fds[0].revents != 0)
            return NULL;
        for (int i = 0; i < HRS_DOOR_CONNS; i++)
            if (fds[i + 2].revents != 0)
                hear(d, &d->conns[i]);
        if (fds[1].revents != 0)
            let_in(d, free_one);
    }
}

/* ---- life ---- */

static int listen_somewhere(struct hrs_door *d)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t n = sizeof a;

    d->listen_fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (d->listen_fd < 0 || bind(d->listen_fd, (struct sockaddr *)&a, n) != 0 || listen(d->listen_fd, HRS_DOOR_CONNS) != 0 ||
        getsockname(d->listen_fd, (struct sockaddr *)&a, &n) != 0)
        return HR_EIO;
    d->port = ntohs(a.sin_port);
    return 0;
}

static int start(struct hrs_door *d)
{
    sigset_t all, old;
    int r;

    sigfillset(&all); /* signals are the test's */
    pthread_sigmask(SIG_SETMASK, &all, &old);
    r = pthread_create(&d->thread, NULL, run, d);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    return r == 0 ? 0 : HR_ENOMEM;
}

static void close_fds(struct hrs_door *d)
{
    int fds[] = {d->listen_fd, d->stop_fds[0], d->stop_fds[1]};

    for (int i = 0; i < 3; i++)
        if (fds[i] >= 0)
            close(fds[i]);
}

int hrs_door_open(struct hrs_door *d, struct hr_error *err)
{
    int r;

    *d = (struct hrs_door){.listen_fd = -1, .stop_fds = {-1, -1}};
    for (int i = 0; i < HRS_DOOR_CONNS; i++)
        d->conns[i].fd = -1;
    r = getrandom(d->generation.b, sizeof d->generation.b, 0) == (ssize_t)sizeof d->generation.b ? listen_somewhere(d) : HR_EIO;
    if (r == 0 && pipe2(d->stop_fds, O_CLOEXEC) != 0)
        r = HR_EIO;
    pthread_mutex_init(&d->mutex, NULL);
    if (r == 0)
        r = start(d);
    if (r == 0)
        return 0;
    close_fds(d);
    pthread_mutex_destroy(&d->mutex);
    return hr_error_set(err, r, "no collector on 127.0.0.1: %s", hr_strerror(r));
}

void hrs_door_close(struct hrs_door *d)
{
    close(d->stop_fds[1]);
    d->stop_fds[1] = -1; /* the other end hears it */
    pthread_join(d->thread, NULL);
    for (int i = 0; i < HRS_DOOR_CONNS; i++)
        if (d->conns[i].fd >= 0)
            drop(&d->conns[i]);
    close_fds(d);
    hrs_store_fini(&d->store);
    pthread_mutex_destroy(&d->mutex);
}
