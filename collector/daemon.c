#include "daemon.h"
#include "alloc.h"
#include "api.h"
#include "committer.h"
#include "io.h"
#include "keeper.h"
#include "listener.h"
#include "micro.h"
#include "notify.h"
#include "personal.h"
#include "registry.h"
#include "slog.h"
#include "status.h"
#include "tls_ops.h"
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#define MAX_WORKERS 64u
#define MAX_HOSTS 32u
#define COMMITTER_SLOT 1u
#define FIRST_WORKER_SLOT 2u
#define STOP_S 20u                       /* for all that follows the drain, before it counts as hanging */

struct daemon {
    const struct hrd_config *cfg;
    uv_loop_t loop;
    struct hrd_mailbox inbox;
    uv_signal_t sigterm, sigint, sighup;
    uv_timer_t drain;
    struct hrd_log *log;
    struct hrd_registry *registry;
    struct hrd_personal *personal;
    struct hrd_committer *committer;
    struct hrd_committer_thread *committer_thread;
    struct hrd_keeper *keeper;
    struct hrd_sinks *sinks;
    struct hrd_session_cfg session;
    struct hrd_worker *workers[MAX_WORKERS];
    unsigned n_workers, n_drained, n_ended;
    struct hrd_listener *listener;
    struct hrd_api *api;
    char api_host[64];
    char *hosts_text;                    /* http_hosts, cut into hosts[] */
    const char *hosts[MAX_HOSTS + 1];
    struct hrd_status *status;           /* told before there was an API to show it */
    bool stopping, workers_told;
    int exit_status;
};

static int64_t wall_ns(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_REALTIME, &ts);
    return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

/* ---- stopping ---- */

static void tell_workers(struct daemon *d, enum hrd_msg_type type);

static void on_api_closed(void *arg)
{
    struct daemon *d = arg;

    d->api = NULL;
    uv_stop(&d->loop); /* nothing that waits for the loop is left but main's own handles */
}

static void close_api(struct daemon *d)
{
    if (d->api != NULL)
        hrd_api_close(d->api, on_api_closed, d);
    else
        uv_stop(&d->loop);
}

/* The workers' last word: drained or not, they end now. */
static void end_workers(struct daemon *d)
{
    if (d->workers_told)
        return;
    d->workers_told = true;
    uv_timer_stop(&d->drain);
    if (d->n_drained < d->n_workers)
        hrd_slog(HRD_WARN, "drain_ended", "why=%s drain_ms=%llu", "some batches were still under way",
                 (unsigned long long)d->cfg->drain_ms);
    tell_workers(d, HRD_MSG_STOP);
    if (d->n_workers == 0)
        close_api(d);
}

static void on_drain_over(uv_timer_t *t) { end_workers(t->data); }

/* In a signal handler: write and _exit only. */
static void on_alarm(int sig)
{
    static const char text[] = "level=error event=stop_hangs why=\"the process ends at once\"\n";
    ssize_t n = write(STDERR_FILENO, text, sizeof text - 1);

    (void)n;
    _exit(1);
}

static void begin_stop(struct daemon *d)
{
    if (d->stopping)
        return;
    d->stopping = true;
    hrd_notify("STOPPING=1");
    signal(SIGALRM, on_alarm);
    alarm((unsigned)(d->cfg->drain_ms / 1000) + STOP_S);
    hrd_listener_close(d->listener);
    d->listener = NULL;
    tell_workers(d, HRD_MSG_DRAIN);
    if (d->n_workers == 0)
        end_workers(d);
    else
        uv_timer_start(&d->drain, on_drain_over, d->cfg->drain_ms, 0);
}

/* libuv gives a signal without handles its default back: so the second one ends the process. */
static void on_signal(uv_signal_t *h, int sig)
{
    struct daemon *d = h->data;

    hrd_slog(HRD_INFO, "stopping", "signal=%s drain_ms=%llu", sig == SIGTERM ? "SIGTERM" : "SIGINT",
             (unsigned long long)d->cfg->drain_ms);
    uv_signal_stop(&d->sigterm);
    uv_signal_stop(&d->sigint);
    begin_stop(d);
}

/* ---- TLS ---- */

static bool wants_tls(const struct hrd_config *cfg)
{
    return cfg->tls_cert[0] != '\0' || cfg->tls_key[0] != '\0' || cfg->tls_client_ca[0] != '\0';
}

static int load_tls(struct daemon *d, struct hr_error *err)
{
    struct hrp_tls_settings s = {.server = true, .cert = d->cfg->tls_cert, .key = d->cfg->tls_key, .ca = d->cfg->tls_client_ca};
    struct hrp_tls_ctx *ctx;
    int r = HRP_TLS_SYMBOL.ctx_new(&s, &ctx, err);

    if (r == 0)
        hrd_listener_tls(d->listener, ctx);
    return r;
}

/* Certificates are renewed more often than collectors are restarted. What can't be read leaves the old ones in use. */
static void on_hup(uv_signal_t *h, int sig)
{
    struct daemon *d = h->data;
    struct hr_error err = {0, ""};

    if (d->listener == NULL)
        return;
    if (load_tls(d, &err) == 0)
        hrd_slog(HRD_INFO, "tls_reloaded", "tls_cert=%s", d->cfg->tls_cert);
    else
        hrd_slog(HRD_ERROR, "tls_not_reloaded", "why=%s", err.text);
}

/* The daemon ends of SIGHUP as ever when there is nothing to read again. */
static int start_tls(struct daemon *d, struct hr_error *err)
{
    if (!wants_tls(d->cfg))
        return 0;
    uv_signal_start(&d->sighup, on_hup, SIGHUP);
    return load_tls(d, err);
}

/* ---- mail ---- */

static void plain_free(struct hrd_msg *msg) { hrp_free(msg); }

static void tell_workers(struct daemon *d, enum hrd_msg_type type)
{
    for (unsigned i = 0; i < d->n_workers; i++) {
        struct hrd_msg *msg = hrd_msg_new(type, sizeof *msg, plain_free);

        if (msg == NULL) /* without it the stop would hang until the alarm */
            _exit(1);
        if (hrd_mailbox_send(hrd_worker_inbox(d->workers[i]), &msg) != 0)
            hrd_msg_free(msg);
    }
}

static void on_worker_ended(struct daemon *d, unsigned slot)
{
    hrd_worker_join(d->workers[slot - FIRST_WORKER_SLOT]);
    d->workers[slot - FIRST_WORKER_SLOT] = NULL;
    if (++d->n_ended == d->n_workers)
        close_api(d);
}

static void take_status(struct daemon *d, struct hrd_status_msg *m)
{
    if (d->api != NULL)
        hrd_api_status(d->api, m->status);
    else {
        hrd_status_unref(d->status);
        d->status = m->status;
    }
    m->status = NULL;
}

static void take_mail(struct daemon *d, struct hrd_msg *msg)
{
    switch (msg->type) {
    case HRD_MSG_STATUS:
        take_status(d, (struct hrd_status_msg *)msg);
        break;
    case HRD_MSG_COUNTERS:
        if (d->api != NULL)
            hrd_api_counters(d->api, ((struct hrd_counters_msg *)msg)->thread, &((struct hrd_counters_msg *)msg)->counters);
        break;
    case HRD_MSG_DRAINED:
        if (++d->n_drained == d->n_workers)
            end_workers(d);
        break;
    case HRD_MSG_STOP:
        on_worker_ended(d, (unsigned)msg->session);
        break;
    default:
        break;
    }
}

static void on_mail(void *owner)
{
    struct daemon *d = owner;
    struct hrd_msgs mail = hrd_mailbox_take(&d->inbox);
    struct hrd_msg *msg;

    while ((msg = hrd_msgs_take(&mail)) != NULL) {
        take_mail(d, msg);
        hrd_msg_free(msg);
    }
}

/* ---- starting ---- */

static void raise_fd_limit(void)
{
    struct rlimit lim;

    if (getrlimit(RLIMIT_NOFILE, &lim) == 0 && lim.rlim_cur < lim.rlim_max) {
        lim.rlim_cur = lim.rlim_max;
        setrlimit(RLIMIT_NOFILE, &lim);
    }
}

static int open_key(struct daemon *d, struct hr_error *err)
{
    const char *file = d->cfg->personal_key_file;
    char path[4096];

    if (file[0] == '\0' && (size_t)snprintf(path, sizeof path, "%s/personal.key", d->cfg->data_dir) >= sizeof path)
        return hr_error_set(err, HR_EINVAL, "data_dir: too long");
    return hrd_personal_open(file[0] != '\0' ? file : path, &d->personal, err);
}

/* A key of this life's alone: hashes in memory have nobody to be compared with. */
static int open_micro(struct daemon *d, struct hr_error *err)
{
    uint8_t key[HRD_PERSONAL_KEY_BYTES];
    int r = hrd_micro_open(d->cfg->micro_bytes, &d->log);

    if (r == 0)
        r = getentropy(key, sizeof key) == 0 ? hrd_personal_of_key(key, &d->personal) : HR_EIO;
    if (r != 0)
        return hr_error_set(err, r, "the store in memory: %s", hr_strerror(r));
    hrd_slog(HRD_WARN, "memory_only", "why=%s micro_bytes=%llu", "--micro is for tests: acknowledged events are lost when the process ends",
             (unsigned long long)d->cfg->micro_bytes);
    return 0;
}

static int open_store(struct daemon *d, struct hr_error *err)
{
    struct hrd_log_damage damage;
    char generation[33], *real = realpath(d->cfg->data_dir, NULL); /* the folder may be a link to a larger disk */
    int r = hrd_log_rocksdb_open(real != NULL ? real : d->cfg->data_dir, d->cfg->sync, &d->log, &damage, err);

    free(real);
    if (r != 0)
        return r;
    hrp_id_hex(&d->log->generation, generation);
    hrd_slog(HRD_INFO, "store_opened", "data_dir=%s generation=%s", d->cfg->data_dir, generation);
    if (!d->cfg->sync)
        hrd_slog(HRD_WARN, "no_sync", "why=%s", "acknowledgements do not wait for the disk: a power cut loses acknowledged events");
    if (damage.files != 0 || damage.wal_bytes != 0)
        hrd_slog(HRD_ERROR, "store_damaged", "files=%llu wal_bytes=%llu what=%s", (unsigned long long)damage.files,
                 (unsigned long long)damage.wal_bytes, damage.text);
    return open_key(d, err);
}

static int start_store(struct daemon *d, struct hr_error *err)
{
    struct hrd_committer_cfg cfg = {.group_bytes = d->cfg->group,
                                    .horizon_ns = (int64_t)d->cfg->horizon_days * 86400 * INT64_C(1000000000)};
    int r = d->cfg->micro ? open_micro(d, err) : open_store(d, err);

    if (r == 0)
        r = hrd_registry_open(d->log, &d->registry, err);
    if (r == 0)
        r = hrd_committer_open(d->log, d->registry, &cfg, wall_ns(), &d->committer, err);
    if (r == 0) {
        r = hrd_committer_start(d->committer, &d->inbox, COMMITTER_SLOT, d->cfg->queue, &d->committer_thread);
        if (r != 0)
            hr_error_set(err, r, "committer: %s", hr_strerror(r));
    }
    return r;
}

static int start_readers(struct daemon *d, struct hr_error *err)
{
    struct hrd_mailbox *committer = hrd_committer_inbox(d->committer_thread);
    struct hrd_keeper_cfg keeper = {.log = d->log, .registry = d->registry, .committer = committer};
    struct hrd_sinks_cfg sinks = {
        .log = d->log, .registry = d->registry, .committer = committer, .sinks = d->cfg->sinks, .n_sinks = d->cfg->n_sinks};
    int r;

    keeper.quarantine.age_ns = (int64_t)d->cfg->quarantine_days * 86400 * INT64_C(1000000000);
    keeper.quarantine.bytes = d->cfg->quarantine_bytes;
    r = hrd_keeper_start(&keeper, &d->keeper, err);

    return r == 0 ? hrd_sinks_start(&sinks, &d->sinks, err) : r;
}

static unsigned count_workers(const struct hrd_config *cfg)
{
    unsigned half = uv_available_parallelism() / 2;

    if (cfg->workers != 0)
        return (unsigned)cfg->workers;
    return half == 0 ? 1 : half < MAX_WORKERS ? half : MAX_WORKERS;
}

static int start_workers(struct daemon *d, struct hr_error *err)
{
    unsigned n = count_workers(d->cfg);
    struct hrd_worker_cfg cfg = {.session = &d->session,
                                 .main = &d->inbox,
                                 .committer = hrd_committer_inbox(d->committer_thread),
                                 .keeper = hrd_keeper_inbox(d->keeper),
                                 .max_sessions = (unsigned)((d->cfg->max_sessions + n - 1) / n)};
    int r = 0;

    d->session = hrd_session_cfg_default;
    d->session.registry = d->registry;
    d->session.personal = d->personal;
    d->session.generation = d->log->generation;
    d->session.window_bytes = d->cfg->window;
    d->session.memory_only = d->cfg->micro;
    while (r == 0 && d->n_workers < n) {
        cfg.slot = FIRST_WORKER_SLOT + d->n_workers;
        r = hrd_worker_start(&cfg, &d->workers[d->n_workers], err);
        d->n_workers += r == 0;
    }
    return r;
}

static int cut_hosts(struct daemon *d, struct hr_error *err)
{
    unsigned n = 0;
    char *save = NULL;

    d->hosts_text = hrp_strdup(d->cfg->http_hosts);
    if (d->hosts_text == NULL)
        return hr_error_set(err, HR_ENOMEM, "%s", hr_strerror(HR_ENOMEM));
    for (char *h = strtok_r(d->hosts_text, ", ", &save); h != NULL; h = strtok_r(NULL, ", ", &save)) {
        if (n == MAX_HOSTS)
            return hr_error_set(err, HR_ELIMIT, "http_hosts: more than %u names", MAX_HOSTS);
        d->hosts[n++] = h;
    }
    return 0;
}

static const char *open_bracket(const char *host) { return strchr(host, ':') != NULL ? "[" : ""; }
static const char *close_bracket(const char *host) { return strchr(host, ':') != NULL ? "]" : ""; }

static void say_listening(const struct daemon *d, const char *host)
{
    const char *api = d->api_host;

    hrd_slog(HRD_INFO, "listening", "ingest=headrace://%s%s%s:%u http=http://%s%s%s:%u/ tls=%s", open_bracket(host), host,
             close_bracket(host), hrd_listener_port(d->listener), open_bracket(api), api, close_bracket(api), hrd_api_port(d->api),
             wants_tls(d->cfg) ? "yes" : "no");
}

static int start_doors(struct daemon *d, struct hr_error *err)
{
    struct hrd_api_cfg api = {
        .host = d->api_host, .hosts = d->hosts, .log = d->log, .registry = d->registry, .keeper = d->keeper, .sinks = d->sinks,
        .committer = hrd_committer_inbox(d->committer_thread), .micro = d->cfg->micro, .personal = d->personal};
    char host[64];
    uint16_t port;
    int r = cut_hosts(d, err);

    if (r == 0)
        r = hrd_address_parse(d->cfg->http, d->api_host, sizeof d->api_host, &api.port, err);
    if (r == 0)
        r = hrd_api_open(&d->loop, &api, &d->api, err);
    if (r == 0 && d->status != NULL) {
        hrd_api_status(d->api, d->status);
        d->status = NULL;
    }
    if (r == 0)
        r = hrd_address_parse(d->cfg->ingest, host, sizeof host, &port, err);
    if (r == 0)
        r = hrd_listener_open(&d->loop, host, port, d->workers, d->n_workers, &d->listener, err);
    if (r == 0)
        r = start_tls(d, err);
    if (r == 0)
        say_listening(d, host);
    return r;
}

/* Aside and renamed: who sees the file sees all of it. */
static int write_ports(const struct daemon *d, struct hr_error *err)
{
    const char *path = d->cfg->ports_file;
    char aside[4096], text[64];
    int fd = -1, r, n;

    if (path[0] == '\0')
        return 0;
    if ((size_t)snprintf(aside, sizeof aside, "%s.new", path) >= sizeof aside)
        return hr_error_set(err, HR_EINVAL, "ports_file: too long");
    n = snprintf(text, sizeof text, "ingest=%u\nhttp=%u\n", hrd_listener_port(d->listener), hrd_api_port(d->api));
    r = hrp_open_at(AT_FDCWD, aside, O_WRONLY | O_CREAT | O_TRUNC, 0644, &fd);
    if (r == 0)
        r = hrp_write_all(fd, text, (size_t)n);
    if (r == 0)
        r = hrp_rename_at(AT_FDCWD, aside, path);
    if (r != 0)
        hr_error_set(err, r, "ports_file: %.300s: %s", path, strerror(errno));
    hrp_close(fd);
    return r;
}

static int start(struct daemon *d, struct hr_error *err)
{
    int r = start_store(d, err);

    if (r == 0)
        r = start_readers(d, err);
    if (r == 0)
        r = start_workers(d, err);
    if (r == 0)
        r = start_doors(d, err);
    return r == 0 ? write_ports(d, err) : r;
}

/* ---- the whole life ---- */

static int open_main(struct daemon *d, struct hr_error *err)
{
    if (uv_loop_init(&d->loop) != 0)
        return hr_error_set(err, HR_ENOMEM, "main loop: %s", hr_strerror(HR_ENOMEM));
    uv_signal_init(&d->loop, &d->sigterm);
    uv_signal_init(&d->loop, &d->sigint);
    uv_signal_init(&d->loop, &d->sighup);
    uv_timer_init(&d->loop, &d->drain);
    d->sigterm.data = d->sigint.data = d->sighup.data = d->drain.data = d;
    if (hrd_mailbox_open(&d->inbox, &d->loop, 0, on_mail, d) != 0)
        return hr_error_set(err, HR_ENOMEM, "main loop: %s", hr_strerror(HR_ENOMEM));
    hrd_mailbox_claim(&d->inbox);
    uv_signal_start(&d->sigterm, on_signal, SIGTERM);
    uv_signal_start(&d->sigint, on_signal, SIGINT);
    return 0;
}

/* --micro's verdict, when all that came has been committed. */
static int judge(struct daemon *d)
{
    struct hrd_micro_counts c;
    struct hrd_status *st = NULL;
    uint64_t dropped;
    int status;

    if (!d->cfg->micro || d->log == NULL || d->committer == NULL)
        return 0;
    hrd_micro_counts(d->log, 0, &c);
    dropped = hrd_committer_status(d->committer, wall_ns(), &st) == 0 ? hrd_micro_drops(d->log, hrd_status_lost(st)) : 0;
    hrd_status_unref(st);
    status = c.bad != 0 || c.flagged != 0 || dropped != 0 ? HRD_EXIT_BAD : d->cfg->expect != 0 && c.good != d->cfg->expect ? HRD_EXIT_COUNT : 0;
    hrd_slog(status == 0 ? HRD_INFO : HRD_ERROR, "micro", "good=%llu flagged=%llu bad=%llu dropped=%llu expect=%llu exit=%d",
             (unsigned long long)c.good, (unsigned long long)c.flagged, (unsigned long long)c.bad, (unsigned long long)dropped,
             (unsigned long long)d->cfg->expect, status);
    return status;
}

/* What is left when no loop but main's runs any more: threads whose senders have all ended, then the store. */
static void close_all(struct daemon *d)
{
    if (d->sinks != NULL)
        hrd_sinks_stop(d->sinks);
    if (d->keeper != NULL)
        hrd_keeper_stop(d->keeper);
    if (d->committer_thread != NULL)
        hrd_committer_stop(d->committer_thread);
    d->exit_status = judge(d);
    if (d->committer != NULL)
        hrd_committer_free(d->committer);
    hrd_mailbox_close(&d->inbox);
    uv_close((uv_handle_t *)&d->sigterm, NULL);
    uv_close((uv_handle_t *)&d->sigint, NULL);
    uv_close((uv_handle_t *)&d->sighup, NULL);
    uv_close((uv_handle_t *)&d->drain, NULL);
    uv_run(&d->loop, UV_RUN_DEFAULT);
    uv_loop_close(&d->loop);
    if (d->registry != NULL)
        hrd_registry_free(d->registry);
    if (d->log != NULL)
        d->log->ops->close(d->log);
    hrd_personal_free(d->personal);
    hrd_status_unref(d->status);
    hrp_free(d->hosts_text);
}

int hrd_daemon_run(const struct hrd_config *cfg, int *ret_status, struct hr_error *err)
{
    struct daemon *d = hrp_calloc(1, sizeof *d);
    int r;

    if (d == NULL)
        return hr_error_set(err, HR_ENOMEM, "%s", hr_strerror(HR_ENOMEM));
    d->cfg = cfg;
    raise_fd_limit();
    signal(SIGPIPE, SIG_IGN); /* a peer that has gone is an error of write, not our end */
    r = open_main(d, err);
    if (r != 0) {
        hrp_free(d);
        return r;
    }
    r = start(d, err);
    if (r == 0) {
        hrd_notify("READY=1");
        hrd_slog(HRD_INFO, "ready", "version=%s pid=%d workers=%u", HEADRACE_VERSION, (int)getpid(), d->n_workers);
    } else {
        begin_stop(d); /* in the same order, whatever was started */
    }
    uv_run(&d->loop, UV_RUN_DEFAULT);
    close_all(d);
    hrd_slog(r == 0 ? HRD_INFO : HRD_DEBUG, "stopped", "drained=%s", d->n_drained == d->n_workers ? "yes" : "no");
    if (r == 0)
        *ret_status = d->exit_status;
    hrp_free(d);
    return r;
}
