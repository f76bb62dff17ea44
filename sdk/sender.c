/* The sender: one thread with one libuv loop. It gives the agent time, sockets, lanes and wishes, and decides only how
 * long to sleep. Application threads never wake it (that would be a system call in a log call), so it looks at the lanes:
 * at once again while a lane is a quarter full, or would be before a timer could fire; each millisecond while there are
 * rows; ever more rarely, down to 20 ms, when there are none. */
#include "agent.h"
#include "alloc.h"
#include "client.h"
#include "link.h"
#include "notice.h"
#include <signal.h>
#include <stdio.h>
#include <time.h>

#define MS INT64_C(1000000)
#define IDLE_MAX_NS (20 * MS)
#define NAP_MIN_NS 100000          /* a shorter nap is no rest */
#define MAX_ADOPTED 8u             /* folders at once: each has builders */
#define GOODBYE_NS (200 * MS)

struct hrs_sender {
    hr_client *client;
    pthread_t thread;
    uv_loop_t loop;
    uv_async_t wake;
    uv_timer_t timer;
    struct hrs_link link;
    struct hrs_agent agent;
    struct hrs_notice notice;
    uint32_t n_lanes;              /* of the client's, known to the batcher */
    uint64_t flush_running;        /* ticket */
    int64_t adopt_at_mono_ns, last_mono_ns, idle_ns;
    bool adopted_all;              /* the last search left nothing behind that could be had */
};

/* ---- wishes and answers ---- */

static void take_lanes(struct hrs_sender *s)
{
    uint32_t n = atomic_load_explicit(&s->client->n_lanes, memory_order_acquire); /* pairs with the release in lanes.c */

    while (s->agent.own != NULL && s->n_lanes < n) {
        if (hrs_batcher_add_lane(s->agent.own->batcher, &s->client->lanes[s->n_lanes]->map->lane) != 0)
            return; /* no memory: at the next round */
        s->n_lanes++;
    }
}

/* Wishes first, lanes second: then a flush covers every lane that was there when it was asked for. */
static bool take_wishes(struct hrs_sender *s)
{
    hr_client *c = s->client;
    bool stop;

    pthread_mutex_lock(&c->mutex);
    stop = c->stop;
    if (c->flush_asked > c->flush_done && !s->agent.flush_wanted) {
        s->flush_running = c->flush_asked;
        hrs_agent_flush(&s->agent);
    }
    if (c->close_asked && !s->agent.close_wanted) {
        take_lanes(s); /* before the batchers conclude that nothing more comes */
        hrs_agent_close(&s->agent);
    }
    pthread_mutex_unlock(&c->mutex);
    take_lanes(s);
    return !stop;
}

static void answer(struct hrs_sender *s)
{
    hr_client *c = s->client;
    bool drained = c->inc == NULL && s->adopted_all && hrs_agent_drained(&s->agent), news;

    pthread_mutex_lock(&c->mutex);
    news = s->agent.flush_done || c->closed != hrs_agent_closed(&s->agent) || c->drained != drained;
    if (s->agent.flush_done) {
        c->flush_done = s->flush_running;
        s->agent.flush_done = false;
    }
    c->closed = hrs_agent_closed(&s->agent);
    c->drained = drained;
    if (strcmp(c->status, s->agent.conn.reason) != 0)
        snprintf(c->status, sizeof c->status, "%s", s->agent.conn.reason);
    if (news)
        pthread_cond_broadcast(&c->answered);
    pthread_mutex_unlock(&c->mutex);
}

/* ---- what dead processes left ---- */

static void release_folder(void *arg, struct hrs_inc *inc)
{
    struct hrs_folder *f = inc->owner;

    inc->owner = NULL;
    if (f == NULL)
        return;
    if (inc->closed)
        hrs_folder_remove(f);
    else
        hrs_folder_close(f);
}

static int adopt_lanes(struct hrs_sender *s, struct hrs_inc *inc)
{
    struct hrs_folder *f = inc->owner;
    struct hrs_lane **lanes = hrp_calloc(f->n_lanes + 1, sizeof *lanes);
    int r;

    if (lanes == NULL)
        return HR_ENOMEM;
    for (uint32_t i = 0; i < f->n_lanes; i++)
        lanes[i] = &f->lanes[i]->lane;
    r = hrs_agent_adopt(&s->agent, inc, lanes, f->n_lanes);
    hrp_free(lanes);
    return r;
}

static bool ours(const struct hrs_sender *s, const char *name)
{
    for (uint32_t i = 0; i < s->agent.spool.n_incs; i++) {
        const struct hrs_folder *f = s->agent.spool.incs[i]->owner;

        if (f != NULL && strcmp(f->name, name) == 0)
            return true;
    }
    return false;
}

static int adopt_one(void *arg, const char *name)
{
    struct hrs_sender *s = arg;
    struct hrs_inc *inc;
    uint64_t torn;
    int r;

    if (ours(s, name))
        return 0;
    if (s->agent.spool.n_incs >= MAX_ADOPTED + (s->agent.own != NULL)) {
        s->adopted_all = false;
        return 1; /* the rest when these are done */
    }
    r = hrs_folder_adopt(&s->client->dir, name, &inc, &torn);
    if (r == HR_EBUSY || r == HR_ENOENT)
        return 0; /* its owner lives, or somebody was faster */
    if (r == 0) {
        hrs_stats_add(&s->client->stats, HR_STAT_TORN, torn);
        r = adopt_lanes(s, inc);
        if (r != 0) {
            release_folder(s, inc);
            hrs_inc_free(inc);
        }
    }
    if (r != 0)
        s->adopted_all = false;
    return 0;
}

static void adopt(struct hrs_sender *s, int64_t now_mono_ns)
{
    bool room = s->agent.spool.n_incs < MAX_ADOPTED + (s->agent.own != NULL);
    bool early = !s->adopted_all && s->agent.spool.n_incs == (s->agent.own != NULL); /* all of the last lot are done */

    if (s->client->dir.fd < 0 || s->agent.close_wanted || !room || (now_mono_ns < s->adopt_at_mono_ns && !early))
        return;
    s->adopt_at_mono_ns = now_mono_ns + s->client->opt->number[HRS_OPT_adopt_ms] * MS;
    s->adopted_all = true;
    hrs_dir_sweep(&s->client->dir);
    if (hrs_dir_each(&s->client->dir, adopt_one, s) < 0)
        s->adopted_all = false;
}

/* ---- pace ---- */

/* How long the lanes may be left alone. */
static int64_t rest_ns(struct hrs_sender *s, const struct hrs_step *step, int64_t now_mono_ns)
{
    int64_t elapsed = now_mono_ns - s->last_mono_ns, quarter;

    s->last_mono_ns = now_mono_ns;
    if (step->n_bytes == 0) {
        s->idle_ns = s->idle_ns * 2 < IDLE_MAX_NS ? s->idle_ns * 2 : IDLE_MAX_NS;
        return s->idle_ns;
    }
    s->idle_ns = MS;
    if (step->max_fill >= 64 && !step->stuck)
        return 0;
    /* At the rate of the last round, as if all were one lane: when would it be a quarter full? */
    quarter = (int64_t)((double)s->client->ring_bytes / 4 * (double)(elapsed > 0 ? elapsed : 1) / (double)step->n_bytes);
    return quarter < MS ? quarter / 2 : MS;
}

static void on_timer(uv_timer_t *t) {}
static void on_wake(uv_async_t *a) {}

static void nap(int64_t ns)
{
    struct timespec t = {.tv_nsec = (long)ns};

    nanosleep(&t, NULL);
}

/* Repeating: libuv runs timers before it polls, and one that was due already would leave the poll without an end. */
static void run_once(struct hrs_sender *s, uint64_t ms)
{
    uv_update_time(&s->loop);
    uv_timer_start(&s->timer, on_timer, ms, ms);
    uv_run(&s->loop, UV_RUN_ONCE);
}

static void wait_for_events(struct hrs_sender *s, const struct hrs_step *step)
{
    int64_t now = hrs_mono_ns(), rest = rest_ns(s, step, now), due = hrs_agent_deadline(&s->agent);

    if (s->client->inc == NULL && rest > 5 * MS)
        rest = 5 * MS;
    if (due != INT64_MAX && due - now < rest)
        rest = due > now ? due - now : 0;
    if (rest < MS) {
        if (rest >= NAP_MIN_NS)
            nap(rest);
        uv_run(&s->loop, UV_RUN_NOWAIT);
        return;
    }
    run_once(s, (uint64_t)(rest / MS));
}

/* ---- thread ---- */

static void round_trip(struct hrs_sender *s, struct hrs_step *step)
{
    int64_t now = hrs_mono_ns();

    adopt(s, now);
    hrs_agent_step(&s->agent, now, hrs_wall_ns(), step);
    hrs_link_act(&s->link);
    hrs_notice_look(&s->notice, now);
    answer(s);
}

/* A word to the collector, if it can be said at once. */
static void say_goodbye(struct hrs_sender *s)
{
    int64_t until = hrs_mono_ns() + GOODBYE_NS;

    hrs_conn_leave(&s->agent.conn);
    hrs_link_act(&s->link);
    while (s->link.attempt != NULL && hrs_mono_ns() < until) {
        run_once(s, 10);
        hrs_link_act(&s->link);
    }
    hrs_link_close(&s->link);
}

static void *run(void *arg)
{
    struct hrs_sender *s = arg;
    struct hrs_step step;

    while (take_wishes(s)) {
        round_trip(s, &step);
        wait_for_events(s, &step);
    }
    hrs_notice_look(&s->notice, INT64_MAX);
    say_goodbye(s);
    return NULL;
}

/* ---- life ---- */

static void configure(const hr_client *c, struct hrs_batch_limits *lim, struct hrs_conn_config *cfg)
{
    const int64_t *n = c->opt->number;

    *lim = (struct hrs_batch_limits){.rows = (uint32_t)n[HRS_OPT_batch_rows], .bytes = (uint64_t)n[HRS_OPT_batch_bytes],
                                     .age_ns = n[HRS_OPT_batch_age_ms] * MS};
    *cfg = (struct hrs_conn_config){
        .token = c->opt->text[HRS_OPT_token],
        .sdk = "libheadrace 0.1.0",
        .window_bytes = (uint64_t)n[HRS_OPT_window_bytes],
        .connect_timeout_ns = n[HRS_OPT_connect_timeout_ms] * MS,
        .ping_after_ns = n[HRS_OPT_ping_after_ms] * MS,
        .ping_timeout_ns = n[HRS_OPT_ping_timeout_ms] * MS,
        .backoff_min_ns = n[HRS_OPT_backoff_min_ms] * MS,
        .backoff_max_ns = n[HRS_OPT_backoff_max_ms] * MS,
        .report_every_ns = n[HRS_OPT_report_ms] * MS,
        .out_cap_bytes = 512 << 10,
        .send_to_new_store = n[HRS_OPT_send_to_new_store] != 0,
    };
}

static int open_loop(struct hrs_sender *s)
{
    int r = uv_loop_init(&s->loop);

    if (r != 0)
        return r == UV_ENOMEM ? HR_ENOMEM : HR_EIO;
    r = uv_async_init(&s->loop, &s->wake, on_wake);
    if (r != 0) {
        uv_loop_close(&s->loop);
        return HR_EIO;
    }
    uv_timer_init(&s->loop, &s->timer);
    return 0;
}

static void close_loop(struct hrs_sender *s)
{
    uv_close((uv_handle_t *)&s->wake, NULL);
    uv_close((uv_handle_t *)&s->timer, NULL);
    while (uv_run(&s->loop, UV_RUN_DEFAULT) != 0)
        ;
    uv_loop_close(&s->loop);
}

/* Signals are the application's: none is handled on our thread. */
static int start_thread(struct hrs_sender *s)
{
    sigset_t all, old;
    int r;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    r = pthread_create(&s->thread, NULL, run, s);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    if (r != 0)
        return HR_ENOMEM;
    pthread_setname_np(s->thread, "headrace");
    return 0;
}

static int set_up(struct hrs_sender *s)
{
    hr_client *c = s->client;
    struct hrs_batch_limits lim;
    struct hrs_conn_config cfg;
    uint64_t seed = (uint64_t)hrs_mono_ns() ^ (uint64_t)(uintptr_t)s;

    if (c->inc != NULL)
        memcpy(&seed, c->inc->id.b, sizeof seed);
    configure(c, &lim, &cfg);
    hrs_agent_init(&s->agent, c->dir.fd >= 0 ? &hrs_dir_ops : NULL, NULL, (uint64_t)c->opt->number[HRS_OPT_spool_cap_bytes], &lim, &cfg,
                   &c->stats, seed);
    s->agent.release = release_folder;
    s->agent.arg = s;
    hrs_link_init(&s->link, &s->loop, &s->agent.conn, c->opt, c->tls);
    hrs_notice_init(&s->notice, c, c->opt, &s->agent);
    s->idle_ns = MS;
    s->last_mono_ns = hrs_mono_ns();
    return hrs_url_parse(c->opt->text[HRS_OPT_url], s->link.host, s->link.port, NULL);
}

int hrs_sender_start(hr_client *c, struct hrs_sender **ret)
{
    struct hrs_sender *s = hrp_calloc(1, sizeof *s);
    int r;

    if (s == NULL)
        return HR_ENOMEM;
    s->client = c;
    r = open_loop(s);
    if (r != 0) {
        hrp_free(s);
        return r;
    }
    r = set_up(s);
    if (r == 0 && c->inc != NULL)
        r = hrs_agent_own(&s->agent, c->inc);
    if (r == 0)
        r = start_thread(s);
    if (r == 0) {
        *ret = s;
        return 0;
    }
    if (c->inc != NULL)
        hrs_spool_remove_inc(&s->agent.spool, c->inc); /* it stays the client's */
    hrs_agent_fini(&s->agent);
    close_loop(s);
    hrp_free(s);
    return r;
}

void hrs_sender_wake(struct hrs_sender *s) { uv_async_send(&s->wake); }

void hrs_sender_stop(struct hrs_sender *s)
{
    pthread_mutex_lock(&s->client->mutex);
    s->client->stop = true;
    pthread_mutex_unlock(&s->client->mutex);
    hrs_sender_wake(s);
    pthread_join(s->thread, NULL);
    for (uint32_t i = 0; i < s->agent.spool.n_incs; i++)
        release_folder(s, s->agent.spool.incs[i]);
    hrs_agent_fini(&s->agent);
    close_loop(s);
    hrp_free(s);
}
