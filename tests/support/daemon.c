#include "daemon.h"
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define START_S 30
#define STOP_S 60
#define HTTP_S 60
#define MAX_ARGS 32

static int64_t mono_ms(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

int test_daemon_init(struct test_daemon *d, const char *const *args)
{
    const char *tmp = getenv("TMPDIR");

    memset(d, 0, sizeof *d);
    d->args = args;
    snprintf(d->dir, sizeof d->dir, "%.400s/headrace-test.XXXXXX", tmp != NULL && *tmp != '\0' ? tmp : "/tmp");
    if (mkdtemp(d->dir) == NULL)
        return -1;
    snprintf(d->data, sizeof d->data, "%s/data", d->dir);
    return 0;
}

static const char *program(char *buf, size_t n)
{
    const char *given = getenv("HEADRACED"), *build = getenv("HEADRACE_BUILD");

    if (given != NULL)
        return given;
    snprintf(buf, n, "%s/bin/headraced", build != NULL ? build : ".");
    return buf;
}

/* In the child: ends with the starting thread, logs into the folder, keeps no descriptor of the test. */
static _Noreturn void child(const struct test_daemon *d, pid_t parent)
{
    char prog[1024], ingest[32], http[32], ports[544], log[544];
    const char *argv[MAX_ARGS];
    int n = 0, fd;

    snprintf(ingest, sizeof ingest, "127.0.0.1:%u", d->ingest_port);
    snprintf(http, sizeof http, "127.0.0.1:%u", d->http_port);
    snprintf(ports, sizeof ports, "%s/ports", d->dir);
    snprintf(log, sizeof log, "%s/log", d->dir);
    argv[n++] = program(prog, sizeof prog);
    argv[n++] = "--data-dir", argv[n++] = d->data;
    argv[n++] = "--ingest", argv[n++] = ingest;
    argv[n++] = "--http", argv[n++] = http;
    argv[n++] = "--ports-file", argv[n++] = ports;
    for (int i = 0; d->args != NULL && d->args[i] != NULL && n < MAX_ARGS - 1; i++)
        argv[n++] = d->args[i];
    argv[n] = NULL;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent)
        _exit(126);
    fd = open(log, O_WRONLY | O_CREAT | O_APPEND, 0600);
    dup2(fd, 1);
    dup2(fd, 2);
    for (fd = 3; fd < 256; fd++)
        close(fd);
    execv(argv[0], (char *const *)argv);
    dprintf(2, "%s: %s\n", argv[0], strerror(errno));
    _exit(127);
}

static int read_ports(struct test_daemon *d)
{
    char path[544];
    unsigned ingest = 0, http = 0;
    int n;
    FILE *f;

    snprintf(path, sizeof path, "%s/ports", d->dir);
    f = fopen(path, "r");
    if (f == NULL)
        return -1;
    n = fscanf(f, "ingest=%u http=%u", &ingest, &http);
    fclose(f);
    if (n != 2 || ingest == 0 || ingest > 65535 || http == 0 || http > 65535)
        return -1;
    d->ingest_port = (uint16_t)ingest;
    d->http_port = (uint16_t)http;
    snprintf(d->url, sizeof d->url, "headrace://127.0.0.1:%u", ingest);
    snprintf(d->http, sizeof d->http, "http://127.0.0.1:%u", http);
    return 0;
}

static void print_log(const struct test_daemon *d)
{
    char path[544], line[1024];
    FILE *f;

    snprintf(path, sizeof path, "%s/log", d->dir);
    f = fopen(path, "r");
    fprintf(stderr, "headraced did not start; its log, %s:\n", path);
    while (f != NULL && fgets(line, sizeof line, f) != NULL)
        fputs(line, stderr);
    if (f != NULL)
        fclose(f);
}

/* Woken by the folder's changes; the short timeout is only for a daemon that died without one. */
static int wait_ports(struct test_daemon *d, int watch_fd)
{
    int64_t deadline = mono_ms() + START_S * 1000;
    struct pollfd p = {.fd = watch_fd, .events = POLLIN};
    char events[4096];

    while (read_ports(d) != 0) {
        if (waitpid(d->pid, NULL, WNOHANG) == d->pid) {
            d->pid = 0;
            return -1;
        }
        if (mono_ms() > deadline)
            return -1;
        if (poll(&p, 1, 100) == 1 && read(watch_fd, events, sizeof events) < 0)
            return -1;
    }
    return 0;
}

int test_daemon_start(struct test_daemon *d)
{
    char ports[544];
    pid_t parent = getpid();
    int watch_fd = inotify_init1(IN_CLOEXEC), r;

    if (watch_fd < 0)
        return -1;
    inotify_add_watch(watch_fd, d->dir, IN_CLOSE_WRITE | IN_MOVED_TO);
    snprintf(ports, sizeof ports, "%s/ports", d->dir);
    unlink(ports);
    fflush(NULL);
    d->pid = fork();
    if (d->pid == 0)
        child(d, parent);
    r = d->pid < 0 ? -1 : wait_ports(d, watch_fd);
    close(watch_fd);
    if (r != 0) {
        print_log(d);
        test_daemon_stop(d, SIGKILL);
    }
    return r;
}

int test_daemon_stop(struct test_daemon *d, int sig)
{
    int64_t deadline = mono_ms() + STOP_S * 1000;
    int status = 0;

    if (d->pid <= 0)
        return 0;
    kill(d->pid, sig);
    while (sig != SIGKILL && waitpid(d->pid, &status, WNOHANG) == 0) {
        if (mono_ms() > deadline) {
            fprintf(stderr, "headraced (pid %d) did not end in %d s after signal %d: SIGKILL\n", (int)d->pid, STOP_S, sig);
            kill(d->pid, sig = SIGKILL);
        } else {
            poll(NULL, 0, 5);
        }
    }
    if (sig == SIGKILL)
        waitpid(d->pid, &status, 0);
    d->pid = 0;
    return status;
}

static int rm_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st, (void)type, (void)ftw;
    return remove(path);
}

void test_rm_tree(const char *path) { nftw(path, rm_one, 32, FTW_DEPTH | FTW_PHYS); }

void test_daemon_fini(struct test_daemon *d)
{
    test_daemon_stop(d, SIGTERM);
    if (d->dir[0] == '\0')
        return;
    if (getenv("HEADRACE_KEEP") != NULL)
        fprintf(stderr, "kept: %s\n", d->dir);
    else
        test_rm_tree(d->dir);
    d->dir[0] = '\0';
}

static int dial(uint16_t port)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct timeval tv = {.tv_sec = HTTP_S};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd < 0)
        return -1;
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof tv);
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &tv, sizeof tv);
    if (connect(fd, (struct sockaddr *)&a, sizeof a) != 0) {
        close(fd);
        return -1;
    }
    return fd;
}

/* Reads to the end of the connection; NUL-terminated. */
static char *read_all(int fd, size_t *ret_n)
{
    size_t n = 0, cap = 65536;
    char *p = malloc(cap), *q;
    ssize_t got;

    while (p != NULL && (got = read(fd, p + n, cap - n - 1)) > 0) {
        n += (size_t)got;
        if (cap - n > 1)
            continue;
        q = realloc(p, cap *= 2);
        if (q == NULL)
            free(p);
        p = q;
    }
    if (p == NULL)
        return NULL;
    p[n] = '\0';
    *ret_n = n;
    return got < 0 ? (free(p), NULL) : p;
}

/* Chunked coding (RFC 9112, 7.1) taken out in place. -1: the body ends before its last chunk. */
static int dechunk(char *p, size_t n, size_t *ret_n)
{
    size_t at = 0, out = 0;

    while (at < n) {
        char *end;
        size_t len = strtoul(p + at, &end, 16);

        end = strstr(end, "\r\n");
        if (end == NULL)
            return -1;
        at = (size_t)(end - p) + 2;
        if (len == 0) {
            p[out] = '\0';
            *ret_n = out;
            return 0;
        }
        if (len + 2 > n - at)
            return -1;
        memmove(p + out, p + at, len);
        out += len;
        at += len + 2;
    }
    return -1;
}

/* Splits the answer into status and body; a body that is shorter than it says is no answer. */
static int parse_answer(char *p, size_t n, char **ret, size_t *ret_n)
{
    char *body = strstr(p, "\r\n\r\n"), *len;
    int status = -1;
    size_t n_body;

    if (body == NULL || sscanf(p, "HTTP/1.%*c %d", &status) != 1)
        return -1;
    body[2] = '\0';
    body += 4;
    n_body = n - (size_t)(body - p);
    len = strcasestr(p, "\r\nContent-Length:");
    if (strcasestr(p, "\r\nTransfer-Encoding: chunked") != NULL) {
        if (dechunk(body, n_body, &n_body) != 0)
            return -1;
    } else if (len != NULL && strtoull(len + 17, NULL, 10) != n_body) {
        return -1;
    }
    memmove(p, body, n_body);
    p[n_body] = '\0';
    *ret = p;
    *ret_n = n_body;
    return status;
}

int test_http_get(uint16_t port, const char *path, char **ret, size_t *ret_n)
{
    char req[2048], *p = NULL;
    size_t n = 0;
    int fd = dial(port), status = -1;
    int len = snprintf(req, sizeof req, "GET %s HTTP/1.1\r\nHost: 127.0.0.1:%u\r\nConnection: close\r\n\r\n", path, port);

    if (fd < 0)
        return -1;
    if (len > 0 && (size_t)len < sizeof req && send(fd, req, (size_t)len, MSG_NOSIGNAL) == len)
        p = read_all(fd, &n);
    close(fd);
    if (p != NULL)
        status = parse_answer(p, n, ret, ret_n);
    if (status < 0)
        free(p);
    return status;
}

int test_http_until(uint16_t port, const char *path, int (*done)(void *arg, const char *body), void *arg, int deadline_s)
{
    int64_t deadline = mono_ms() + (int64_t)deadline_s * 1000;

    do {
        char *body;
        size_t n;
        int ok = 0;

        if (test_http_get(port, path, &body, &n) == 200) {
            ok = done(arg, body);
            free(body);
        }
        if (ok)
            return 0;
        poll(NULL, 0, 20);
    } while (mono_ms() < deadline);
    return -1;
}
