#include "worker_impl.h"
#include "alloc.h"
#include "slog.h"
#include <string.h>
#include <time.h>
#include <unistd.h>

#define BEAT_MS 250
#define RETRY_MS 2
#define HAND_OVER_NS INT64_C(1000000000)
#define PROFILE_BYTES (8u << 20)        /* handed over early */
#define LOST_PROFILE_BYTES (64u << 20)  /* the keeper takes none: given up, and read again from the store at the next start */

static int64_t clock_ns(clockid_t id)
{
    struct timespec ts;

    clock_gettime(id, &ts);
    return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}
int64_t worker_mono_ns(void) { return clock_ns(CLOCK_MONOTONIC); }
int64_t worker_wall_ns(void) { return clock_ns(CLOCK_REALTIME); }

static void conn_msg_free(struct hrd_msg *msg)
{
    struct hrd_conn_msg *m = (struct hrd_conn_msg *)msg;

    if (m->fd >= 0)
        close(m->fd);
    conn_tls_close(m->tls);
    hrp_free(m);
}

struct hrd_conn_msg *hrd_conn_msg_new(void)
{
    struct hrd_conn_msg *m = (struct hrd_conn_msg *)(void *)hrd_msg_new(HRD_MSG_CONN, sizeof *m, conn_msg_free);

    if (m != NULL)
        m->fd = -1;
    return m;
}

static void plain_free(struct hrd_msg *msg) { hrp_free(msg); }

/* ---- to the committer ---- */

static bool has_answer(const struct hrd_msg *msg)
{
    return msg->type == HRD_MSG_OFFER || msg->type == HRD_MSG_BATCH || msg->type == HRD_MSG_REPORT;
}

static void read_all(struct hrd_worker *wrk, bool on)
{
    for (uint32_t i = 0; i < wrk->cap_conns; i++)
        if (wrk->conns[i] != NULL)
            conn_read(wrk->conns[i], on || wrk->conns[i]->linger_until_ns != 0);
}

static void check_end(struct hrd_worker *wrk);
static void on_retry(uv_timer_t *t);

static void stall(struct hrd_worker *wrk, bool on)
{
    if (wrk->stalled == on)
        return;
    wrk->stalled = on;
    if (on)
        uv_timer_start(&wrk->retry, on_retry, RETRY_MS, RETRY_MS);
    else
        uv_timer_stop(&wrk->retry);
    read_all(wrk, !on);
}

void worker_submit(struct hrd_worker *wrk, struct hrd_msg *msg)
{
    if (has_answer(msg)) {
        msg->reply = &wrk->inbox;
        wrk->n_unanswered++;
    }
    if (wrk->outbox.first == NULL && hrd_mailbox_send(wrk->cfg.committer, &msg) == 0)
        return;
    hrd_msgs_add(&wrk->outbox, msg);
    stall(wrk, true);
}

/* The mailbox tells nobody that it has room, and those who wait for it are few: they ask every two milliseconds. */
static void flush_outbox(struct hrd_worker *wrk)
{
    while (wrk->outbox.first != NULL) {
        struct hrd_msg *msg = hrd_msgs_take(&wrk->outbox);

        if (hrd_mailbox_send(wrk->cfg.committer, &msg) != 0) {
            msg->next = wrk->outbox.first; /* back to the front */
            wrk->outbox.first = msg;
            if (wrk->outbox.last == NULL)
                wrk->outbox.last = msg;
            return;
        }
    }
    stall(wrk, false);
}

static void on_retry(uv_timer_t *t)
{
    struct hrd_worker *wrk = t->data;

    flush_outbox(wrk);
    check_end(wrk);
}

/* ---- profiles, counters ---- */

/* After the verdict: only rows that are stored count, and each once, however often its batch was sent. */
static void add_profile(struct hrd_worker *wrk, const struct hrd_batch_msg *bat)
{
    if (wrk->cfg.keeper == NULL || bat->code != HRD_COMMITTED || bat->block.n_rows == 0 || bat->batch == NULL)
        return;
    if (wrk->profiles == NULL)
        wrk->profiles = hrd_profile_set_new();
    if (wrk->profiles != NULL)
        hrd_profile_set_add(wrk->profiles, &bat->block, bat->batch); /* what it has no memory for is read again at the next start */
}

static void hand_over(struct hrd_worker *wrk)
{
    struct hrd_msg *msg;

    wrk->handed_over_ns = worker_mono_ns();
    if (wrk->profiles == NULL)
        return;
    msg = hrd_profiles_msg_new(wrk->profiles);
    if (msg != NULL) {
        struct hrd_profiles_msg *pm = (struct hrd_profiles_msg *)msg;

        if (hrd_mailbox_send(wrk->cfg.keeper, &msg) == 0) {
            wrk->profiles = NULL;
            return;
        }
        pm->set = NULL; /* it stays ours, for the next time */
        hrd_msg_free(msg);
    }
    if (wrk->profiles->n_bytes > LOST_PROFILE_BYTES) {
        hrd_slog(HRD_WARN, "profiles_given_up", "why=%s", "the keeper takes none; they are made again at the next start");
        hrd_profile_set_free(wrk->profiles);
        wrk->profiles = NULL;
    }
}

static void tell_counters(struct hrd_worker *wrk)
{
    struct hrd_counters_msg *cm;
    struct hrd_msg *msg;

    wrk->told_ns = worker_mono_ns();
    if (memcmp(&wrk->told, &wrk->counters, sizeof wrk->told) == 0 || (cm = hrd_counters_msg_new()) == NULL)
        return;
    cm->thread = wrk->cfg.slot;
    cm->counters = wrk->told = wrk->counters;
    msg = &cm->msg;
    if (hrd_mailbox_send(wrk->cfg.main, &msg) != 0)
        hrd_msg_free(msg);
}

/* ---- the beat ---- */

static bool idle(const struct hrd_worker *wrk)
{
    return wrk->n_conns == 0 && wrk->profiles == NULL && memcmp(&wrk->told, &wrk->counters, sizeof wrk->told) == 0;
}

static void on_beat(uv_timer_t *t)
{
    struct hrd_worker *wrk = t->data;
    int64_t now = worker_mono_ns();

    for (uint32_t i = 0; i < wrk->cap_conns; i++)
        if (wrk->conns[i] != NULL)
            conn_beat(wrk->conns[i], now);
    if (now - wrk->handed_over_ns >= HAND_OVER_NS)
        hand_over(wrk);
    if (now - wrk->told_ns >= HAND_OVER_NS)
        tell_counters(wrk);
    if (idle(wrk)) { /* a daemon that nobody talks to sleeps */
        uv_timer_stop(t);
        wrk->beating = false;
    }
    check_end(wrk);
}

static void keep_beating(struct hrd_worker *wrk)
{
    if (wrk->beating || wrk->ended)
        return;
    wrk->beating = true;
    uv_timer_start(&wrk->beat, on_beat, BEAT_MS, BEAT_MS);
}

/* ---- the end ---- */

static void send_prepared(struct hrd_worker *wrk, struct hrd_msg **msg)
{
    if (*msg != NULL && hrd_mailbox_send(wrk->cfg.main, msg) != 0) {
        hrd_msg_free(*msg);
        *msg = NULL;
    }
}

static void end(struct hrd_worker *wrk)
{
    wrk->ended = true;
    hand_over(wrk);
    tell_counters(wrk);
    uv_close((uv_handle_t *)&wrk->beat, NULL);
    uv_close((uv_handle_t *)&wrk->retry, NULL);
    hrd_mailbox_close(&wrk->inbox);
}

/* The inbox has one sender left besides main: the committer, with answers. So it is open while any is due. */
static void check_end(struct hrd_worker *wrk)
{
    if (wrk->ended || wrk->state == WORKER_SERVING || wrk->n_conns != 0 || wrk->outbox.first != NULL || wrk->n_unanswered != 0)
        return;
    send_prepared(wrk, &wrk->drained);
    if (wrk->state == WORKER_STOPPING)
        end(wrk);
}

void worker_conn_gone(struct hrd_worker *wrk) { check_end(wrk); }

static void drain(struct hrd_worker *wrk)
{
    if (wrk->state == WORKER_SERVING)
        wrk->state = WORKER_DRAINING;
    for (uint32_t i = 0; i < wrk->cap_conns; i++)
        if (wrk->conns[i] != NULL)
            conn_goaway(wrk->conns[i], 0, "the collector stops");
}

static void stop(struct hrd_worker *wrk)
{
    wrk->state = WORKER_STOPPING;
    for (uint32_t i = 0; i < wrk->cap_conns; i++)
        if (wrk->conns[i] != NULL)
            conn_abort(wrk->conns[i], "the collector stops");
}

/* ---- mail ---- */

static void answer(struct hrd_worker *wrk, const struct hrd_msg *msg, int64_t now_mono_ns)
{
    struct hrd_conn *conn = conn_of(wrk, msg->session);

    wrk->n_unanswered--;
    if (conn == NULL)
        return;
    hrd_session_answer(conn->ses, msg, now_mono_ns);
    if (!conn->dirty) {
        conn->dirty = true;
        conn->next_dirty = wrk->dirty;
        wrk->dirty = conn;
    }
}

/* Acks of one wake-up leave in one write for each connection, and before the profiles take their time. */
static void flush_dirty(struct hrd_worker *wrk)
{
    while (wrk->dirty != NULL) {
        struct hrd_conn *conn = wrk->dirty;

        wrk->dirty = conn->next_dirty;
        conn->dirty = false;
        conn_after(conn);
    }
}

/* True: it is done with; false: a batch, whose rows are yet to be profiled. */
static bool take_mail(struct hrd_worker *wrk, struct hrd_msg *msg, int64_t now_mono_ns)
{
    switch (msg->type) {
    case HRD_MSG_CONN:
        if (wrk->state == WORKER_SERVING)
            conn_open(wrk, (struct hrd_conn_msg *)msg);
        return true;
    case HRD_MSG_COMMITTED:
        answer(wrk, msg, now_mono_ns);
        return false;
    case HRD_MSG_VERDICT:
    case HRD_MSG_REPORTED:
        answer(wrk, msg, now_mono_ns);
        return true;
    case HRD_MSG_DRAIN:
        drain(wrk);
        return true;
    case HRD_MSG_STOP:
        stop(wrk);
        return true;
    default:
        return true;
    }
}

static void on_mail(void *owner)
{
    struct hrd_worker *wrk = owner;
    struct hrd_msgs mail = hrd_mailbox_take(&wrk->inbox), batches = {NULL, NULL};
    int64_t now = worker_mono_ns();
    struct hrd_msg *msg;

    hrd_on_thread(&wrk->inbox);
    while ((msg = hrd_msgs_take(&mail)) != NULL)
        if (take_mail(wrk, msg, now))
            hrd_msg_free(msg);
        else
            hrd_msgs_add(&batches, msg);
    flush_dirty(wrk);
    while ((msg = hrd_msgs_take(&batches)) != NULL) {
        add_profile(wrk, (const struct hrd_batch_msg *)msg);
        hrd_msg_free(msg);
    }
    if (wrk->profiles != NULL && wrk->profiles->n_bytes > PROFILE_BYTES)
        hand_over(wrk);
    if (wrk->stalled)
        flush_outbox(wrk);
    keep_beating(wrk);
    check_end(wrk);
}

/* ---- the thread ---- */

static void run(void *arg)
{
    struct hrd_worker *wrk = arg;

    hrd_mailbox_claim(&wrk->inbox);
    uv_run(&wrk->loop, UV_RUN_DEFAULT);
    send_prepared(wrk, &wrk->ended_msg);
}

static void worker_free(struct hrd_worker *wrk)
{
    hrd_profile_set_free(wrk->profiles);
    hrd_msgs_free(&wrk->outbox);
    hrd_msg_free(wrk->drained);
    hrd_msg_free(wrk->ended_msg);
    hrp_free(wrk->conns);
    hrp_free(wrk->buf);
    hrp_free(wrk);
}

static int open_loop(struct hrd_worker *wrk)
{
    if (uv_loop_init(&wrk->loop) != 0)
        return HR_ENOMEM;
    uv_timer_init(&wrk->loop, &wrk->beat);
    uv_timer_init(&wrk->loop, &wrk->retry);
    wrk->beat.data = wrk->retry.data = wrk;
    return hrd_mailbox_open(&wrk->inbox, &wrk->loop, 0, on_mail, wrk);
}

static void close_loop(struct hrd_worker *wrk)
{
    uv_close((uv_handle_t *)&wrk->beat, NULL);
    uv_close((uv_handle_t *)&wrk->retry, NULL);
    hrd_mailbox_close(&wrk->inbox);
    uv_run(&wrk->loop, UV_RUN_DEFAULT);
    uv_loop_close(&wrk->loop);
}

int hrd_worker_start(const struct hrd_worker_cfg *cfg, struct hrd_worker **ret, struct hr_error *err)
{
    struct hrd_worker *wrk = hrp_calloc(1, sizeof *wrk);

    if (wrk == NULL)
        return hr_error_set(err, HR_ENOMEM, "worker: %s", hr_strerror(HR_ENOMEM));
    wrk->cfg = *cfg;
    wrk->buf = hrp_malloc(WORKER_READ_BYTES);
    wrk->drained = hrd_msg_new(HRD_MSG_DRAINED, sizeof *wrk->drained, plain_free);
    wrk->ended_msg = hrd_msg_new(HRD_MSG_STOP, sizeof *wrk->ended_msg, plain_free);
    if (wrk->buf == NULL || wrk->drained == NULL || wrk->ended_msg == NULL || open_loop(wrk) != 0) {
        worker_free(wrk);
        return hr_error_set(err, HR_ENOMEM, "worker: %s", hr_strerror(HR_ENOMEM));
    }
    wrk->drained->session = wrk->ended_msg->session = cfg->slot;
    if (uv_thread_create(&wrk->thread, run, wrk) != 0) {
        close_loop(wrk);
        worker_free(wrk);
        return hr_error_set(err, HR_EIO, "worker: no thread could be started");
    }
    *ret = wrk;
    return 0;
}

struct hrd_mailbox *hrd_worker_inbox(struct hrd_worker *wrk) { return &wrk->inbox; }

void hrd_worker_join(struct hrd_worker *wrk)
{
    uv_thread_join(&wrk->thread);
    uv_loop_close(&wrk->loop);
    worker_free(wrk);
}
