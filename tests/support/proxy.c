#include "proxy.h"
#include <arpa/inet.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define MAX_PAIRS 32

struct pair {
    int fd[2]; /* the client's, the collector's; -1: none */
    bool swallowed;
};
struct proxy {
    pthread_t thread;
    int listen_fd, wake[2];
    uint16_t port, target_port;
    atomic_bool stop, swallow;
    atomic_uint n_accepted;
    atomic_uint n_obeyed;
    struct pair pairs[MAX_PAIRS];
};

static int dial(uint16_t port)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (connect(fd, (struct sockaddr *)&a, sizeof a) == 0)
        return fd;
    close(fd);
    return -1;
}

static void end(struct pair *pr)
{
    for (int i = 0; i < 2; i++) {
        if (pr->fd[i] >= 0)
            close(pr->fd[i]);
        pr->fd[i] = -1;
    }
}

static void take_connection(struct proxy *p)
{
    int fd = accept(p->listen_fd, NULL, NULL);

    if (fd < 0)
        return;
    for (int i = 0; i < MAX_PAIRS; i++)
        if (p->pairs[i].fd[0] < 0) {
            p->pairs[i] = (struct pair){.fd = {fd, dial(p->target_port)}};
            atomic_fetch_add(&p->n_accepted, 1);
            if (p->pairs[i].fd[1] < 0)
                end(&p->pairs[i]);
            return;
        }
    close(fd);
}

static void forward(struct pair *pr, int from)
{
    char buf[65536];
    ssize_t n = recv(pr->fd[from], buf, sizeof buf, MSG_DONTWAIT), done = 0;

    if (n <= 0) {
        end(pr);
        return;
    }
    while (done < n) {
        ssize_t w = send(pr->fd[1 - from], buf + done, (size_t)(n - done), MSG_NOSIGNAL);

        if (w <= 0) {
            end(pr);
            return;
        }
        done += w;
    }
}

static void obey(struct proxy *p)
{
    char byte;

    if (read(p->wake[0], &byte, 1) != 1)
        return;
    if (atomic_exchange(&p->swallow, false))
        for (int i = 0; i < MAX_PAIRS; i++)
            p->pairs[i].swallowed = true;
    atomic_fetch_add(&p->n_obeyed, 1);
}

static void *run(void *arg)
{
    struct proxy *p = arg;
    struct pollfd fds[2 + 2 * MAX_PAIRS];

    while (!atomic_load(&p->stop)) {
        fds[0] = (struct pollfd){.fd = p->wake[0], .events = POLLIN};
        fds[1] = (struct pollfd){.fd = p->listen_fd, .events = POLLIN};
        for (int i = 0; i < 2 * MAX_PAIRS; i++) /* of what is swallowed nothing is read, no end either */
            fds[2 + i] = (struct pollfd){.fd = p->pairs[i / 2].swallowed ? -1 : p->pairs[i / 2].fd[i % 2], .events = POLLIN};
        if (poll(fds, 2 + 2 * MAX_PAIRS, -1) < 0)
            continue;
        for (int i = 0; i < 2 * MAX_PAIRS; i++)
            if (fds[2 + i].revents != 0 && p->pairs[i / 2].fd[i % 2] == fds[2 + i].fd && fds[2 + i].fd >= 0)
                forward(&p->pairs[i / 2], i % 2);
        if (fds[0].revents != 0)
            obey(p);
        if (fds[1].revents != 0)
            take_connection(p);
    }
    return NULL;
}

static int listen_on(const char *ip, uint16_t port, uint16_t *ret_port)
{
    struct sockaddr_in6 a6 = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
    struct sockaddr_in a4 = {.sin_family = AF_INET, .sin_port = htons(port)};
    bool six = inet_pton(AF_INET6, ip, &a6.sin6_addr) == 1;
    struct sockaddr *a = six ? (struct sockaddr *)&a6 : (struct sockaddr *)&a4;
    socklen_t n = six ? sizeof a6 : sizeof a4;
    int fd = socket(a->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0), one = 1;

    if (fd < 0 || (!six && inet_pton(AF_INET, ip, &a4.sin_addr) != 1))
        return -1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (bind(fd, a, n) != 0 || listen(fd, 16) != 0 || getsockname(fd, a, &n) != 0) {
        close(fd);
        return -1;
    }
    *ret_port = ntohs(six ? a6.sin6_port : a4.sin_port);
    return fd;
}

struct proxy *proxy_start(const char *ip, uint16_t port, uint16_t target_port)
{
    struct proxy *p = calloc(1, sizeof *p);

    p->target_port = target_port;
    for (int i = 0; i < MAX_PAIRS; i++)
        p->pairs[i].fd[0] = p->pairs[i].fd[1] = -1;
    p->listen_fd = listen_on(ip, port, &p->port);
    if (p->listen_fd < 0 || pipe(p->wake) != 0 || pthread_create(&p->thread, NULL, run, p) != 0) {
        free(p);
        return NULL;
    }
    return p;
}

uint16_t proxy_port(const struct proxy *p) { return p->port; }
unsigned proxy_connections(struct proxy *p) { return atomic_load(&p->n_accepted); }

static void wake(struct proxy *p)
{
    if (write(p->wake[1], "", 1) != 1)
        abort();
}

void proxy_swallow(struct proxy *p)
{
    unsigned before = atomic_load(&p->n_obeyed);

    atomic_store(&p->swallow, true);
    wake(p);
    while (atomic_load(&p->n_obeyed) == before)
        poll(NULL, 0, 1);
}

void proxy_stop(struct proxy *p)
{
    atomic_store(&p->stop, true);
    wake(p);
    pthread_join(p->thread, NULL);
    for (int i = 0; i < MAX_PAIRS; i++)
        end(&p->pairs[i]);
    close(p->listen_fd);
    close(p->wake[0]);
    close(p->wake[1]);
    free(p);
}
