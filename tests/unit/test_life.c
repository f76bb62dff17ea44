/* A client among the accidents of a process's life: threads, signals, exits, plugins, clocks, names and cables. */
#include "event_type.h"
#include "fake_collector.h"
#include "proxy.h"
#include <arpa/inet.h>
#include <dlfcn.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <cmocka.h>

#define FLUSH_MS 60000
#define HOUR_NS INT64_C(3600000000000)

/* ---- a resolver and a wall clock that the tests turn: these definitions go before libc's ---- */

static pthread_mutex_t names_mutex = PTHREAD_MUTEX_INITIALIZER;
static const char *names[4]; /* what collector.test means now, in this order */
static _Atomic unsigned n_lookups;
static _Atomic int64_t wall_offset_ns;

HR_API int getaddrinfo(const char *node, const char *service, const struct addrinfo *hints, struct addrinfo **ret)
{
    struct addrinfo **next = ret;

    *ret = NULL;
    atomic_fetch_add(&n_lookups, 1);
    if (strcmp(node, "collector.test") != 0)
        return EAI_NONAME;
    pthread_mutex_lock(&names_mutex);
    for (int i = 0; i < 4 && names[i] != NULL; i++) {
        struct addrinfo *ai = calloc(1, sizeof *ai + sizeof(struct sockaddr_in6));
        struct sockaddr_in *a4 = (struct sockaddr_in *)(void *)(ai + 1);
        struct sockaddr_in6 *a6 = (struct sockaddr_in6 *)(void *)(ai + 1);
        bool six = inet_pton(AF_INET6, names[i], &a6->sin6_addr) == 1;

        if (!six)
            inet_pton(AF_INET, names[i], &a4->sin_addr);
        ai->ai_addr = (struct sockaddr *)(void *)(ai + 1);
        ai->ai_family = ai->ai_addr->sa_family = six ? AF_INET6 : AF_INET;
        ai->ai_addrlen = six ? sizeof *a6 : sizeof *a4;
        ai->ai_socktype = SOCK_STREAM;
        a4->sin_port = htons((uint16_t)atoi(service)); /* the same place in both */
        *next = ai;
        next = &ai->ai_next;
    }
    pthread_mutex_unlock(&names_mutex);
    return *ret != NULL ? 0 : EAI_NONAME;
}

HR_API void freeaddrinfo(struct addrinfo *ai)
{
    while (ai != NULL) {
        struct addrinfo *next = ai->ai_next;

        free(ai);
        ai = next;
    }
}

HR_API int clock_gettime(clockid_t id, struct timespec *ts)
{
    int64_t offset = atomic_load(&wall_offset_ns);

    if (syscall(SYS_clock_gettime, id, ts) != 0)
        return -1;
    if (id == CLOCK_REALTIME)
        ts->tv_sec += offset / 1000000000;
    return 0;
}

static void name_is(const char *a, const char *b)
{
    pthread_mutex_lock(&names_mutex);
    names[0] = a;
    names[1] = b;
    names[2] = NULL;
    pthread_mutex_unlock(&names_mutex);
}

/* ---- fixture ---- */

struct fixture {
    struct fake_collector *fc;
    uint16_t port;
    char dir[64];
};

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);

    f->fc = fake_collector_start();
    f->port = (uint16_t)atoi(strrchr(fake_collector_url(f->fc), ':') + 1);
    snprintf(f->dir, sizeof f->dir, "/tmp/hrlifeXXXXXX");
    *state = f;
    atomic_store(&wall_offset_ns, 0);
    return mkdtemp(f->dir) != NULL ? 0 : -1;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    char cmd[128];

    fake_collector_stop(f->fc);
    snprintf(cmd, sizeof cmd, "rm -r %s", f->dir);
    free(f);
    return system(cmd) == 0 ? 0 : -1;
}

static hr_client *open_at(const char *url, const char *name, ...)
{
    hr_options *opt = hr_options_new();
    struct hr_error err = {0};
    hr_client *c = NULL;
    va_list ap;

    assert_int_equal(hr_options_set(opt, "url", url, NULL), 0);
    assert_int_equal(hr_options_set(opt, "backoff_max_ms", "100", NULL), 0);
    assert_int_equal(hr_options_set(opt, "adopt_ms", "50", NULL), 0);
    va_start(ap, name);
    for (; name != NULL; name = va_arg(ap, const char *))
        assert_int_equal(hr_options_set(opt, name, va_arg(ap, const char *), NULL), 0);
    va_end(ap);
    if (hr_open(opt, &c, &err) != 0)
        fail_msg("%s", err.text);
    hr_options_free(opt);
    return c;
}

static const char *url_of(const char *host, uint16_t port)
{
    static char url[128];

    snprintf(url, sizeof url, "headrace://%s:%u", host, port);
    return url;
}

static void log_ids(hr_client *c, uint64_t from, uint64_t to)
{
    for (uint64_t id = from; id <= to; id++)
        while (event_log(c, event_type("Event"), id, "hello") == HR_EFULL)
            hr_flush(c, 1000);
}

static void close_and_check(struct fixture *f, hr_client *c, uint64_t n)
{
    assert_int_equal(hr_close(c, FLUSH_MS), 0);
    assert_int_equal(fake_collector_count(f->fc, FAKE_ACCEPTED), n);
    assert_int_equal(fake_collector_count(f->fc, FAKE_MISSING), 0);
    assert_int_equal(fake_collector_count(f->fc, FAKE_BROKEN), 0);
}

/* ThreadSanitizer can't follow a thread that a forked child starts. */
#if defined(__SANITIZE_THREAD__)
#define SKIP_WITHOUT_FORK() skip()
#else
#define SKIP_WITHOUT_FORK() (void)0
#endif

/* ---- signals ---- */

static _Atomic pid_t stranger; /* a thread that ran the handler and may not */
static _Atomic unsigned n_signals;
static pid_t main_thread;

static void on_alarm(int sig)
{
    pid_t me = (pid_t)syscall(SYS_gettid);

    if (me != main_thread)
        atomic_store(&stranger, me);
    atomic_fetch_add(&n_signals, 1);
}

static void signals_go_to_the_application_alone(void **state)
{
    struct fixture *f = *state;
    struct itimerval often = {{0, 200}, {0, 200}}, never = {{0, 0}, {0, 0}};
    struct sigaction act = {.sa_handler = on_alarm}, old; /* no SA_RESTART: every wait is interrupted */
    hr_client *c;

    main_thread = (pid_t)syscall(SYS_gettid);
    sigaction(SIGALRM, &act, &old);
    setitimer(ITIMER_REAL, &often, NULL);
    c = open_at(fake_collector_url(f->fc), "spool_dir", f->dir, NULL);
    for (uint64_t i = 0; i < 20 || atomic_load(&n_signals) < 100; i++)
        log_ids(c, i * 500 + 1, i * 500 + 500);
    assert_int_equal(hr_flush(c, FLUSH_MS), 0);
    close_and_check(f, c, hr_stats_get(c, HR_STAT_ACKED_ROWS));
    setitimer(ITIMER_REAL, &never, NULL);
    sigaction(SIGALRM, &old, NULL);
    /* the fake collector's thread may run the handler: it is the test's; ours is named */
    if (atomic_load(&stranger) != 0) {
        char path[64], name[32] = "";
        FILE *comm;

        snprintf(path, sizeof path, "/proc/self/task/%d/comm", (int)atomic_load(&stranger));
        comm = fopen(path, "r");
        if (comm != NULL && fgets(name, sizeof name, comm) != NULL)
            assert_string_not_equal(name, "headrace\n");
        if (comm != NULL)
            fclose(comm);
    }
}

/* ---- exits ---- */

static int exit_of(pid_t pid)
{
    int status = -1;

    assert_int_equal(waitpid(pid, &status, 0), pid);
    return status;
}

/* In a child of its own: cmocka's state and its handlers are not for it. */
static void exit_waits_for_what_was_logged(void **state)
{
    struct fixture *f = *state;
    pid_t pid;

    SKIP_WITHOUT_FORK();
    pid = fork();
    if (pid == 0) {
        hr_client *c = open_at(fake_collector_url(f->fc), "exit_ms", "60s", NULL); /* memory alone: what exit leaves is lost */

        log_ids(c, 1, 3000);
        exit(0);
    }
    assert_int_equal(exit_of(pid), 0);
    assert_int_equal(fake_collector_count(f->fc, FAKE_ACCEPTED), 3000);
}

static void exit_leaves_the_rest_in_the_spool_when_its_time_is_over(void **state)
{
    struct fixture *f = *state;
    hr_client *c;
    pid_t pid;

    SKIP_WITHOUT_FORK();
    fake_collector_pause(f->fc);
    pid = fork();
    if (pid == 0) {
        c = open_at(fake_collector_url(f->fc), "spool_dir", f->dir, "exit_ms", "20", NULL);
        log_ids(c, 1, 200);
        exit(0);
    }
    assert_int_equal(exit_of(pid), 0); /* it ends, though nobody listens */
    fake_collector_resume(f->fc);
    c = open_at(fake_collector_url(f->fc), "spool_dir", f->dir, NULL);
    assert_true(fake_collector_wait(f->fc, FAKE_ACCEPTED, 200));
    close_and_check(f, c, 200);
}

/* The parent's client is not the child's to wait for: its sender is not there. */
static void a_forked_child_exits_at_once(void **state)
{
    struct fixture *f = *state;
    hr_client *c;
    pid_t pid;

    SKIP_WITHOUT_FORK();
    c = open_at(fake_collector_url(f->fc), "exit_ms", "10m", NULL);
    log_ids(c, 1, 10);
    pid = fork();
    if (pid == 0) {
        char text[8] = "?";

        hr_status_text(c, text, sizeof text); /* must not wait for a lock, either */
        exit(text[0] == '\0' && event_log(c, event_type("Event"), 11, "") == HR_EFORK ? 0 : 1);
    }
    assert_int_equal(exit_of(pid), 0);
    close_and_check(f, c, 10);
}

/* A child forked while other threads are inside of calls, again and again. AddressSanitizer's allocator forks with its locks held. */
static _Atomic bool stop_logging;

static void *log_until_stopped(void *arg)
{
    for (uint64_t id = 1; !atomic_load(&stop_logging); id++)
        if (event_log(arg, event_type("Event"), id, "while others fork") == HR_EFULL)
            hr_flush(arg, 1000);
    return NULL;
}

static void forking_while_threads_log(void **state)
{
    struct fixture *f = *state;
    pthread_t t[3];
    hr_client *c;

    SKIP_WITHOUT_FORK();
#if defined(__SANITIZE_ADDRESS__)
    skip();
#endif
    c = open_at(fake_collector_url(f->fc), NULL, NULL);
    atomic_store(&stop_logging, false);
    for (int i = 0; i < 3; i++)
        assert_int_equal(pthread_create(&t[i], NULL, log_until_stopped, c), 0);
    for (int i = 0; i < 30; i++) {
        pid_t pid = fork();

        if (pid == 0) {
            hr_client *own = NULL;
            hr_options *opt = hr_options_new();
            int r = event_log(c, event_type("Event"), 1, "") == HR_EFORK ? 0 : 1;

            hr_options_set(opt, "url", "headrace://127.0.0.1:1", NULL);
            r |= hr_open(opt, &own, NULL) != 0 || event_log(own, event_type("Event"), 1, "") != 0; /* no lock is held */
            r |= hr_close(own, 0) != HR_ETIMEOUT;
            hr_options_free(opt);
            _exit(r);
        }
        assert_int_equal(exit_of(pid), 0);
    }
    atomic_store(&stop_logging, true);
    for (int i = 0; i < 3; i++)
        pthread_join(t[i], NULL);
    assert_int_equal(hr_close(c, FLUSH_MS), 0);
    assert_int_equal(fake_collector_count(f->fc, FAKE_MISSING), 0);
    assert_int_equal(fake_collector_count(f->fc, FAKE_BROKEN), 0);
}

/* ---- plugins ---- */

struct plugin_thread {
    int (*log)(const void *row, size_t n_bytes);
    uint64_t id;
    pthread_barrier_t logged, closed;
};

static void *log_by_plugin(void *arg)
{
    struct plugin_thread *p = arg;
    uint8_t row[64];
    int r = p->log(row, event_row(row, p->id, "from a plugin"));

    pthread_barrier_wait(&p->logged);
    pthread_barrier_wait(&p->closed);
    return r == 0 ? p : NULL; /* the library's destructor runs now: the plugin was closed */
}

static void a_plugin_may_be_closed_before_its_threads_end(struct fixture *f, const char *file)
{
    size_t n;
    uint8_t *set = event_type_set("Event", 0, &n);

    for (uint64_t round = 1; round <= 3; round++) {
        void *lib = dlopen(file, RTLD_NOW | RTLD_LOCAL), *ret;
        int (*open)(const char *url, const uint8_t *set, size_t n_bytes, const char *name), (*close)(void);
        struct plugin_thread p = {.id = round};
        pthread_t t;

        if (lib == NULL)
            fail_msg("%s", dlerror());
        *(void **)&open = dlsym(lib, "plugin_open");
        *(void **)&p.log = dlsym(lib, "plugin_log");
        *(void **)&close = dlsym(lib, "plugin_close");
        assert_int_equal(open(fake_collector_url(f->fc), set, n, "t.Event"), 0);
        pthread_barrier_init(&p.logged, NULL, 2);
        pthread_barrier_init(&p.closed, NULL, 2);
        assert_int_equal(pthread_create(&t, NULL, log_by_plugin, &p), 0);
        pthread_barrier_wait(&p.logged);
        assert_int_equal(close(), 0);
        assert_int_equal(dlclose(lib), 0);
        pthread_barrier_wait(&p.closed);
        pthread_join(t, &ret);
        assert_ptr_equal(ret, &p);
        assert_true(fake_collector_wait(f->fc, FAKE_ACCEPTED, round));
    }
    free(set);
}

static void a_plugin_with_the_shared_library(void **state) { a_plugin_may_be_closed_before_its_threads_end(*state, PLUGIN_SHARED); }
static void a_plugin_with_the_library_inside(void **state) { a_plugin_may_be_closed_before_its_threads_end(*state, PLUGIN_STATIC); }

/* ---- clocks ---- */

static void wall_clock_jumps_move_event_times_and_no_timer(void **state)
{
    static const int64_t jumps[] = {0, 30 * 24 * HOUR_NS, -60 * 24 * HOUR_NS, 400 * 24 * HOUR_NS, 0};
    struct fixture *f = *state;
    hr_client *c = open_at(fake_collector_url(f->fc), "batch_age_ms", "60s", "ping_after_ms", "10", NULL);
    const struct fake_row *rows;
    struct timespec now;
    size_t n;

    syscall(SYS_clock_gettime, CLOCK_REALTIME, &now);
    for (uint64_t i = 0; i < 5; i++) {
        atomic_store(&wall_offset_ns, jumps[i]);
        poll(NULL, 0, 2); /* longer than a log call's time may be old */
        log_ids(c, i + 1, i + 1);
        assert_int_equal(hr_flush(c, FLUSH_MS), 0);
    }
    assert_int_equal(hr_stats_get(c, HR_STAT_CONNECTS), 1); /* no ping, deadline or backoff took a jump for time */
    close_and_check(f, c, 5);
    rows = fake_collector_rows(f->fc, &n);
    for (size_t i = 0; i < n; i++) {
        int64_t off = rows[i].event_time_ns - ((int64_t)now.tv_sec * 1000000000 + jumps[event_row_id(rows[i].bytes, rows[i].n_bytes) - 1]);

        assert_true(off > -HOUR_NS && off < HOUR_NS);
    }
}

/* ---- collectors that are not there ---- */

static void a_collector_may_come_later(void **state)
{
    struct fixture *f = *state;
    hr_client *c;

    fake_collector_pause(f->fc);
    c = open_at(fake_collector_url(f->fc), NULL, NULL);
    log_ids(c, 1, 1000);
    assert_int_equal(hr_flush(c, 50), HR_ETIMEOUT);
    fake_collector_resume(f->fc);
    assert_int_equal(hr_flush(c, FLUSH_MS), 0);
    close_and_check(f, c, 1000);
}

static void a_name_is_asked_for_again_at_each_connecting(void **state)
{
    struct fixture *f = *state;
    struct proxy *a = proxy_start("127.0.0.1", 0, f->port), *b = proxy_start("127.0.0.2", proxy_port(a), f->port);
    hr_client *c;

    assert_non_null(b);
    name_is("127.0.0.1", NULL);
    c = open_at(url_of("collector.test", proxy_port(a)), NULL, NULL);
    log_ids(c, 1, 100);
    assert_int_equal(hr_flush(c, FLUSH_MS), 0);
    assert_int_equal(proxy_connections(b), 0);
    name_is("127.0.0.2", NULL);
    proxy_stop(a);
    log_ids(c, 101, 200);
    assert_int_equal(hr_flush(c, FLUSH_MS), 0);
    assert_int_equal(proxy_connections(b), 1);
    close_and_check(f, c, 200);
    proxy_stop(b);
}

static void a_name_that_is_unknown_for_a_while_is_told_and_survived(void **state)
{
    struct fixture *f = *state;
    hr_client *c;
    char text[256];

    name_is(NULL, NULL);
    c = open_at(url_of("collector.test", f->port), NULL, NULL);
    log_ids(c, 1, 10);
    do {
        assert_int_equal(hr_flush(c, 10), HR_ETIMEOUT);
        hr_status_text(c, text, sizeof text);
    } while (strstr(text, "collector.test") == NULL);
    name_is("127.0.0.1", NULL);
    assert_int_equal(hr_flush(c, FLUSH_MS), 0);
    close_and_check(f, c, 10);
}

/* ---- addresses ---- */

static bool have_ipv6(void)
{
    struct proxy *p = proxy_start("::1", 0, 1);

    if (p != NULL)
        proxy_stop(p);
    return p != NULL;
}

static void an_ipv6_address_in_brackets(void **state)
{
    struct fixture *f = *state;
    struct proxy *p;
    hr_client *c;

    if (!have_ipv6())
        skip();
    p = proxy_start("::1", 0, f->port);
    c = open_at(url_of("[::1]", proxy_port(p)), NULL, NULL);
    log_ids(c, 1, 100);
    assert_int_equal(hr_flush(c, FLUSH_MS), 0);
    assert_int_equal(proxy_connections(p), 1);
    close_and_check(f, c, 100);
    proxy_stop(p);
}

static void ipv4_when_nobody_listens_on_ipv6(void **state)
{
    struct fixture *f = *state;
    hr_client *c;

    name_is("::1", "127.0.0.1");
    c = open_at(url_of("collector.test", f->port), NULL, NULL);
    log_ids(c, 1, 100);
    assert_int_equal(hr_flush(c, FLUSH_MS), 0);
    close_and_check(f, c, 100);
}

/* A port whose queue is full answers no SYN, as an address that leads nowhere. */
struct hole {
    int listen_fd, fill[8];
};

static void dig(struct hole *h, const char *ip, uint16_t port)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(port)};
    int one = 1;

    inet_pton(AF_INET, ip, &a.sin_addr);
    h->listen_fd = socket(AF_INET, SOCK_STREAM, 0);
    setsockopt(h->listen_fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    assert_int_equal(bind(h->listen_fd, (struct sockaddr *)&a, sizeof a), 0);
    assert_int_equal(listen(h->listen_fd, 0), 0);
    for (int i = 0; i < 8; i++) {
        h->fill[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
        if (connect(h->fill[i], (struct sockaddr *)&a, sizeof a) != 0)
            assert_int_equal(errno, EINPROGRESS);
    }
}

static void fill_in(struct hole *h)
{
    for (int i = 0; i < 8; i++)
        close(h->fill[i]);
    close(h->listen_fd);
}

static void an_address_that_leads_nowhere_does_not_hide_the_next(void **state)
{
    struct fixture *f = *state;
    struct hole h;
    hr_client *c;

    dig(&h, "127.0.0.3", f->port);
    name_is("127.0.0.3", "127.0.0.1");
    c = open_at(url_of("collector.test", f->port), "connect_timeout_ms", "400", NULL);
    log_ids(c, 1, 100);
    assert_int_equal(hr_flush(c, FLUSH_MS), 0);
    close_and_check(f, c, 100);
    fill_in(&h);
}

/* ---- cables ---- */

static void a_half_open_connection_is_noticed(void **state)
{
    struct fixture *f = *state;
    struct proxy *p = proxy_start("127.0.0.1", 0, f->port);
    hr_client *c = open_at(url_of("127.0.0.1", proxy_port(p)), "ping_after_ms", "50", "ping_timeout_ms", "50", NULL);

    log_ids(c, 1, 100);
    assert_int_equal(hr_flush(c, FLUSH_MS), 0);
    for (uint64_t i = 1; i <= 3; i++) {
        unsigned before = proxy_connections(p);

        proxy_swallow(p);
        log_ids(c, i * 100 + 1, i * 100 + 100);
        assert_int_equal(hr_flush(c, FLUSH_MS), 0); /* over another connection: this one stays open and says nothing */
        assert_true(proxy_connections(p) > before);
    }
    close_and_check(f, c, 400);
    proxy_stop(p);
}

int main(int argc, char **argv)
{
#define T(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(signals_go_to_the_application_alone),
        T(exit_waits_for_what_was_logged),
        T(exit_leaves_the_rest_in_the_spool_when_its_time_is_over),
        T(a_forked_child_exits_at_once),
        T(forking_while_threads_log),
        T(a_plugin_with_the_shared_library),
        T(a_plugin_with_the_library_inside),
        T(wall_clock_jumps_move_event_times_and_no_timer),
        T(a_collector_may_come_later),
        T(a_name_is_asked_for_again_at_each_connecting),
        T(a_name_that_is_unknown_for_a_while_is_told_and_survived),
        T(an_ipv6_address_in_brackets),
        T(ipv4_when_nobody_listens_on_ipv6),
        T(an_address_that_leads_nowhere_does_not_hide_the_next),
        T(a_half_open_connection_is_noticed),
    };

    if (argc > 1)
        cmocka_set_test_filter(argv[1]);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
