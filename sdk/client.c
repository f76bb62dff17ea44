/* Opening and closing a client. What a client is made of, in order: options, spool folder, own incarnation with lane 0,
 * sender thread; given back in reverse. */
#include "client.h"
#include "alloc.h"
#include "clients.h"
#include "clock.h"
#include "tls.h"
#include <errno.h>
#include <stdlib.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#define MAX_WAIT_MS (INT64_C(1) << 40) /* thirty years are for ever */

static int64_t clock_ns(clockid_t id)
{
    struct timespec t;

    clock_gettime(id, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

/* ---- open ---- */

static int from_env(hr_options *opt, enum hrs_option i, const char *name, const char *env, struct hr_error *err)
{
    const char *value = getenv(env);

    if (opt->set[i] || value == NULL || value[0] == '\0')
        return 0;
    return hr_options_set(opt, name, value, err);
}

/* Under a test everything goes to its collector, whatever the application's options say, and nothing outlives it. */
static int divert(hr_options *opt, struct hr_error *err)
{
    const char *url = getenv("HR_TEST");
    int r;

    if (url == NULL || url[0] == '\0')
        return 0;
    r = hr_options_set(opt, "url", url, err);
    if (r == 0)
        r = hr_options_set(opt, "spool_dir", "", err);
    if (r == 0)
        r = hr_options_set(opt, "tls", "false", err);
    return r == 0 ? hr_options_set(opt, "token", "", err) : r;
}

static int take_options(hr_client *c, const hr_options *opt, bool drain, struct hr_error *err)
{
    char host[256], port[8];
    int r;

    c->opt = hrs_options_copy(opt);
    if (c->opt == NULL)
        return hr_error_set(err, HR_ENOMEM, "%s", hr_strerror(HR_ENOMEM));
    r = from_env(c->opt, HRS_OPT_url, "url", "HEADRACE_URL", err);
    if (r == 0)
        r = from_env(c->opt, HRS_OPT_spool_dir, "spool_dir", "HEADRACE_SPOOL", err);
    if (r == 0 && !drain) /* a spool folder is drained to where its caller says: it may hold what is no test's */
        r = divert(c->opt, err);
    if (r == 0)
        r = hrs_url_parse(c->opt->text[HRS_OPT_url], host, port, err);
    if (r == 0 && c->opt->number[HRS_OPT_backoff_min_ms] > c->opt->number[HRS_OPT_backoff_max_ms])
        r = hr_error_set(err, HR_EINVAL, "backoff_min_ms is larger than backoff_max_ms");
    if (r != 0)
        return r;
    for (c->ring_bytes = 4096; c->ring_bytes < (uint64_t)c->opt->number[HRS_OPT_lane_bytes];)
        c->ring_bytes *= 2;
    return 0;
}

static int new_inc(hr_client *c)
{
    char host[256] = "", boot[40];
    const char *app = c->opt->text[HRS_OPT_app];
    struct hrp_id id, producer;

    if (getrandom(id.b, sizeof id.b, 0) != (ssize_t)sizeof id.b)
        return HR_EIO;
    producer = c->dir.fd >= 0 ? c->dir.producer : id; /* without a folder there is no lineage */
    gethostname(host, sizeof host - 1);
    hrs_boot_id(boot);
    return hrs_inc_new(&id, &producer, app[0] != '\0' ? app : program_invocation_short_name, c->opt->text[HRS_OPT_app_version], host, boot,
                       (uint64_t)getpid(), clock_ns(CLOCK_REALTIME), &c->inc);
}

static int open_inc(hr_client *c)
{
    int r = new_inc(c);

    if (r == 0)
        c->inc->own = true;
    if (r == 0 && c->dir.fd >= 0)
        r = hrs_folder_create(&c->dir, c->inc);
    if (r == 0) {
        c->folder = c->inc->owner;
        r = hrs_client_lane_zero(c);
    }
    return r;
}

static void free_client(hr_client *c)
{
    uint32_t n = atomic_load_explicit(&c->n_lanes, memory_order_relaxed);

    for (uint32_t i = 0; i < n; i++) {
        hrs_lane_unmap(c->lanes[i]->map);
        hrp_free(c->lanes[i]);
    }
    if (c->dir.fd >= 0)
        hrs_dir_close(&c->dir);
    hr_options_free(c->opt);
    pthread_cond_destroy(&c->answered);
    pthread_mutex_destroy(&c->mutex);
    pthread_mutex_destroy(&c->zero_mutex);
    hrp_free(c);
}

static hr_client *new_client(void)
{
    hr_client *c = hrp_calloc(1, sizeof *c);
    pthread_condattr_t attr;

    if (c == NULL)
        return NULL;
    hrs_clock_init();
    c->dir.fd = -1;
    pthread_mutex_init(&c->mutex, NULL);
    pthread_mutex_init(&c->zero_mutex, NULL);
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&c->answered, &attr);
    pthread_condattr_destroy(&attr);
    return c;
}

/* drain: no incarnation of its own. */
static int open_parts(hr_client *c, const hr_options *opt, bool drain, struct hr_error *err)
{
    const char *dir;
    int r = take_options(c, opt, drain, err);

    if (r == 0)
        r = hrs_tls_load(c->opt, &c->tls, err);
    if (r != 0)
        return r;
    dir = c->opt->text[HRS_OPT_spool_dir];
    if (dir[0] != '\0' && (r = hrs_dir_open(dir, &c->dir, err)) != 0)
        return r;
    if (!drain && (r = open_inc(c)) != 0)
        return hr_error_set(err, r, "%s%sopening: %s", dir, dir[0] != '\0' ? ": " : "", hr_strerror(r));
    r = hrs_clients_add(c);
    if (r == 0)
        r = hrs_sender_start(c, &c->sender);
    if (r != 0)
        hr_error_set(err, r, "the sender thread did not start: %s", hr_strerror(r));
    return r;
}

static int open_client(const hr_options *opt, bool drain, hr_client **ret, struct hr_error *err)
{
    hr_client *c = new_client();
    int r = c != NULL ? open_parts(c, opt, drain, err) : hr_error_set(err, HR_ENOMEM, "%s", hr_strerror(HR_ENOMEM));

    if (r == 0) {
        *ret = c;
        return 0;
    }
    if (c == NULL)
        return r;
    if (c->folder != NULL)
        hrs_folder_remove(c->folder);
    hrs_inc_free(c->inc);
    hrs_clients_remove(c);
    free_client(c);
    return r;
}

int hr_open(const hr_options *opt, hr_client **ret, struct hr_error *err)
{
    if (ret == NULL)
        return hr_error_set(err, HR_EINVAL, "hr_open needs a place for the client");
    return open_client(opt, false, ret, err);
}

/* ---- waiting for the sender ---- */

static struct timespec deadline_of(int64_t timeout_ms)
{
    int64_t at = clock_ns(CLOCK_MONOTONIC) + (timeout_ms < MAX_WAIT_MS ? timeout_ms : MAX_WAIT_MS) * 1000000;

    return (struct timespec){.tv_sec = at / 1000000000, .tv_nsec = at % 1000000000};
}

static bool flushed(const hr_client *c, uint64_t ticket) { return c->flush_done >= ticket; }
static bool closed(const hr_client *c, uint64_t ticket) { return c->closed; }
static bool drained(const hr_client *c, uint64_t ticket) { return c->drained; }

/* With the mutex. */
static int wait_for(hr_client *c, bool (*done)(const hr_client *c, uint64_t ticket), uint64_t ticket, int64_t timeout_ms)
{
    struct timespec until = deadline_of(timeout_ms);

    hrs_sender_wake(c->sender);
    while (!done(c, ticket))
        if (pthread_cond_timedwait(&c->answered, &c->mutex, &until) == ETIMEDOUT)
            return done(c, ticket) ? 0 : HR_ETIMEOUT;
    return 0;
}

int hr_flush(hr_client *client, int64_t timeout_ms)
{
    uint64_t ticket;
    int r;

    if (client == NULL || timeout_ms < 0)
        return HR_EINVAL;
    if (!hrs_client_alive(client))
        return HR_EFORK;
    pthread_mutex_lock(&client->mutex);
    ticket = ++client->flush_asked;
    r = wait_for(client, flushed, ticket, timeout_ms);
    pthread_mutex_unlock(&client->mutex);
    return r;
}

int hr_flush_all(int64_t timeout_ms)
{
    int64_t end, left_ms;
    uint64_t serial = 0;
    hr_client *c;
    int r, first = 0;

    if (timeout_ms < 0)
        return HR_EINVAL;
    end = clock_ns(CLOCK_MONOTONIC) + (timeout_ms < MAX_WAIT_MS ? timeout_ms : MAX_WAIT_MS) * 1000000;
    while ((c = hrs_clients_after(serial)) != NULL) {
        serial = c->serial;
        left_ms = (end - clock_ns(CLOCK_MONOTONIC)) / 1000000;
        r = hr_flush(c, left_ms > 0 ? left_ms : 0);
        first = first != 0 ? first : r;
    }
    return first;
}

void hrs_client_exit(hr_client *c, int64_t since_mono_ns)
{
    int64_t left_ms = c->opt->number[HRS_OPT_exit_ms] - (clock_ns(CLOCK_MONOTONIC) - since_mono_ns) / 1000000;

    if (c->inc != NULL && left_ms > 0)
        hr_flush(c, left_ms);
}

int hr_close(hr_client *client, int64_t timeout_ms)
{
    int r;

    if (client == NULL)
        return 0;
    if (timeout_ms < 0)
        return HR_EINVAL;
    if (!hrs_client_alive(client))
        return HR_EFORK; /* the parent's, and its to close */
    pthread_mutex_lock(&client->mutex);
    client->close_asked = true;
    r = wait_for(client, closed, 0, timeout_ms);
    pthread_mutex_unlock(&client->mutex);
    hrs_clients_remove(client);
    hrs_sender_stop(client->sender);
    free_client(client);
    return r;
}

/* ---- spool folders ---- */

struct listing {
    struct hrs_dir *dir;
    void (*fn)(void *arg, const char *incarnation, int locked, uint64_t n_batches, uint64_t n_bytes);
    void *arg;
};

static int list_one(void *arg, const char *name)
{
    struct listing *l = arg;
    uint64_t n_batches, n_bytes;
    int locked;

    if (hrs_folder_look(l->dir, name, &locked, &n_batches, &n_bytes) == 0)
        l->fn(l->arg, name, locked, n_batches, n_bytes);
    return 0; /* one that has just gone is no error */
}

int hr_spool_list(const char *spool_dir, void (*fn)(void *arg, const char *incarnation, int locked, uint64_t n_batches, uint64_t n_bytes),
                  void *arg, struct hr_error *err)
{
    struct hrs_dir dir;
    struct listing l = {&dir, fn, arg};
    int r;

    if (spool_dir == NULL || spool_dir[0] == '\0' || fn == NULL)
        return hr_error_set(err, HR_EINVAL, "a spool folder is needed");
    if (access(spool_dir, F_OK) != 0) /* listing makes nothing */
        return hr_error_set(err, HR_ENOENT, "%s: %s", spool_dir, hr_strerror(HR_ENOENT));
    r = hrs_dir_open(spool_dir, &dir, err);
    if (r != 0)
        return r;
    r = hrs_dir_each(&dir, list_one, &l);
    hrs_dir_close(&dir);
    return r != 0 ? hr_error_set(err, r, "%s: %s", spool_dir, hr_strerror(r)) : 0;
}

static int drain_wait(hr_client *c, const char *spool_dir, int64_t timeout_ms, struct hr_error *err)
{
    int r;

    pthread_mutex_lock(&c->mutex);
    r = wait_for(c, drained, 0, timeout_ms);
    if (r != 0)
        hr_error_set(err, r, "%s: not all was sent in time%s%s", spool_dir, c->status[0] != '\0' ? ": " : "", c->status);
    pthread_mutex_unlock(&c->mutex);
    return r;
}

int hr_spool_drain(const char *spool_dir, const char *url, int64_t timeout_ms, struct hr_error *err)
{
    hr_options *opt;
    hr_client *c;
    int r;

    if (spool_dir == NULL || spool_dir[0] == '\0' || timeout_ms < 0)
        return hr_error_set(err, HR_EINVAL, "a spool folder and a time are needed");
    if (access(spool_dir, F_OK) != 0)
        return hr_error_set(err, HR_ENOENT, "%s: %s", spool_dir, hr_strerror(HR_ENOENT));
    opt = hr_options_new();
    if (opt == NULL)
        return hr_error_set(err, HR_ENOMEM, "%s", hr_strerror(HR_ENOMEM));
    r = hr_options_set(opt, "spool_dir", spool_dir, err);
    if (r == 0 && url != NULL)
        r = hr_options_set(opt, "url", url, err);
    if (r == 0)
        r = open_client(opt, true, &c, err);
    hr_options_free(opt);
    if (r != 0)
        return r;
    r = drain_wait(c, spool_dir, timeout_ms, err);
    hrs_clients_remove(c);
    hrs_sender_stop(c->sender);
    free_client(c);
    return r;
}
