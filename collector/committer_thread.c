/* The committer's thread: a loop with a mailbox around the plain logic of committer.c.
 *
 * While one group syncs, the next one gathers in the mailbox; there is no other delay. As long as the store works, groups are
 * written until nothing waits. When it does not, mail stays in the mailbox (whose cap then holds the senders back) and the
 * store is opened again after 100 ms, 200 ms, ... 5 s. */
#include "committer.h"
#include "alloc.h"
#include "mailbox.h"
#include "slog.h"
#include "status.h"
#include <string.h>
#include <time.h>

#define RETRY_FIRST_MS 100u
#define RETRY_MOST_MS 5000u
#define STATUS_SHARE 20u                 /* making statuses takes at most a twentieth of the thread's time */
#define TELL_MS 20u                      /* what was too early then is told this much later */
#define COUNTERS_NS UINT64_C(1000000000)

struct hrd_committer_thread {
    struct hrd_committer *cm;
    struct hrd_mailbox *main_inbox;     /* borrowed; NULL: nobody wants to know */
    unsigned counters_slot;
    uv_loop_t loop;
    uv_thread_t thread;
    struct hrd_mailbox inbox;
    uv_async_t stop;
    uv_timer_t retry, tell;
    uint64_t retry_ms;
    bool stopping, changed;             /* changed: there is something to tell */
    uint64_t told_status_ns, told_counters_ns; /* monotonic */
    uint64_t status_cost_ns;            /* of the last one: small for few streams and producers, so it is told with each commit */
    struct hrd_counters told;
};

static int64_t now_wall(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_REALTIME, &ts);
    return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

/* ---- what it tells ---- */

static void send_or_free(struct hrd_mailbox *to, struct hrd_msg *msg)
{
    if (to == NULL || hrd_mailbox_send(to, &msg) != 0)
        hrd_msg_free(msg); /* its receiver has gone */
}

static void tell_status(struct hrd_committer_thread *ct)
{
    struct hrd_status_msg *msg = hrd_status_msg_new();
    uint64_t start = uv_hrtime();

    if (msg == NULL)
        return;
    if (hrd_committer_status(ct->cm, now_wall(), &msg->status) != 0) {
        hrd_msg_free(&msg->msg);
        return;
    }
    ct->changed = false;
    ct->told_status_ns = uv_hrtime();
    ct->status_cost_ns = ct->told_status_ns - start;
    send_or_free(ct->main_inbox, &msg->msg);
}

static void tell_counters(struct hrd_committer_thread *ct)
{
    const struct hrd_counters *now = hrd_committer_counters(ct->cm);
    struct hrd_counters_msg *msg;

    if (memcmp(now, &ct->told, sizeof *now) == 0)
        return;
    msg = hrd_counters_msg_new();
    if (msg == NULL)
        return;
    msg->thread = ct->counters_slot;
    msg->counters = ct->told = *now;
    ct->told_counters_ns = uv_hrtime();
    send_or_free(ct->main_inbox, &msg->msg);
}

static void tell(struct hrd_committer_thread *ct, bool now)
{
    uint64_t t = uv_hrtime();

    if (ct->main_inbox == NULL)
        return;
    if (ct->changed && (now || t - ct->told_status_ns >= STATUS_SHARE * ct->status_cost_ns))
        tell_status(ct);
    if (now || t - ct->told_counters_ns >= COUNTERS_NS)
        tell_counters(ct);
}

/* What was too early to tell is told once it is time; the last numbers always arrive. */
static void on_tell(uv_timer_t *timer)
{
    struct hrd_committer_thread *ct = timer->data;

    tell(ct, false);
    if (ct->changed || memcmp(hrd_committer_counters(ct->cm), &ct->told, sizeof ct->told) != 0)
        uv_timer_start(&ct->tell, on_tell, TELL_MS, 0);
}

static void tell_later(struct hrd_committer_thread *ct)
{
    ct->changed = true;
    tell(ct, false);
    if (!ct->stopping && !uv_is_active((uv_handle_t *)&ct->tell))
        uv_timer_start(&ct->tell, on_tell, TELL_MS, 0);
}

/* ---- committing ---- */

static void give_answers(struct hrd_committer_thread *ct)
{
    struct hrd_msg *msg;

    while ((msg = hrd_committer_take(ct->cm)) != NULL)
        send_or_free(msg->reply, msg);
}

static void take_mail(struct hrd_committer_thread *ct)
{
    struct hrd_msgs mail = hrd_mailbox_take(&ct->inbox);
    struct hrd_msg *msg;

    while ((msg = hrd_msgs_take(&mail)) != NULL)
        hrd_committer_add(ct->cm, &msg);
}

static void on_retry(uv_timer_t *timer);

static void retry_later(struct hrd_committer_thread *ct)
{
    if (!ct->stopping)
        uv_timer_start(&ct->retry, on_retry, ct->retry_ms, 0);
    ct->retry_ms = ct->retry_ms * 2 < RETRY_MOST_MS ? ct->retry_ms * 2 : RETRY_MOST_MS;
}

static void commit_one(struct hrd_committer_thread *ct)
{
    uint64_t start = uv_hrtime();
    int r = hrd_committer_commit(ct->cm, now_wall());

    hrd_committer_counters(ct->cm)->commit_ns += uv_hrtime() - start;
    if (r != 0) {
        hrd_slog(HRD_ERROR, "store_failed", "reason=%s retry_ms=%llu", hr_strerror(r), (unsigned long long)ct->retry_ms);
        retry_later(ct);
        ct->told_status_ns = 0; /* that it is not ready can't wait */
    } else {
        ct->retry_ms = RETRY_FIRST_MS;
    }
    tell_later(ct);
    give_answers(ct);
}

static void drain(struct hrd_committer_thread *ct)
{
    while (!hrd_committer_broken(ct->cm)) {
        if (!hrd_committer_pending(ct->cm))
            take_mail(ct);
        if (!hrd_committer_pending(ct->cm))
            return;
        commit_one(ct);
    }
}

static void on_mail(void *owner) { drain(owner); }

static bool reopen(struct hrd_committer_thread *ct)
{
    struct hr_error err = {0, ""};
    int r = hrd_committer_reopen(ct->cm, now_wall(), &err);

    if (r == 0)
        hrd_slog(HRD_INFO, "store_reopened", "commits=%llu", (unsigned long long)hrd_committer_commits(ct->cm));
    else
        hrd_slog(HRD_ERROR, "store_reopen_failed", "reason=%s retry_ms=%llu", err.text, (unsigned long long)ct->retry_ms);
    ct->told_status_ns = 0;
    tell_later(ct);
    return r == 0;
}

static void on_retry(uv_timer_t *timer)
{
    struct hrd_committer_thread *ct = timer->data;

    if (reopen(ct))
        drain(ct);
    else
        retry_later(ct);
}

/* ---- life ---- */

static void on_stop(uv_async_t *async)
{
    struct hrd_committer_thread *ct = async->data;

    ct->stopping = true;
    if (hrd_committer_broken(ct->cm))
        reopen(ct); /* one more chance for what waits */
    drain(ct);
    tell(ct, true);
    hrd_mailbox_close(&ct->inbox);
    uv_close((uv_handle_t *)&ct->stop, NULL);
    uv_close((uv_handle_t *)&ct->retry, NULL);
    uv_close((uv_handle_t *)&ct->tell, NULL);
}

static void run(void *arg)
{
    struct hrd_committer_thread *ct = arg;

    hrd_mailbox_claim(&ct->inbox);
    tell_later(ct);
    uv_run(&ct->loop, UV_RUN_DEFAULT); /* until every handle is closed */
}

static void close_one(uv_handle_t *handle, void *arg)
{
    if (!uv_is_closing(handle))
        uv_close(handle, NULL);
}

/* Closes what start has opened so far. */
static void undo_start(struct hrd_committer_thread *ct, bool mailbox)
{
    if (mailbox)
        hrd_mailbox_close(&ct->inbox);
    uv_walk(&ct->loop, close_one, NULL);
    uv_run(&ct->loop, UV_RUN_DEFAULT);
    uv_loop_close(&ct->loop);
    hrp_free(ct);
}

int hrd_committer_start(struct hrd_committer *cm, struct hrd_mailbox *main_inbox, unsigned counters_slot, size_t inbox_cap_bytes,
                        struct hrd_committer_thread **ret)
{
    struct hrd_committer_thread *ct = hrp_calloc(1, sizeof *ct);

    if (ct == NULL)
        return HR_ENOMEM;
    if (uv_loop_init(&ct->loop) != 0) {
        hrp_free(ct);
        return HR_EIO;
    }
    ct->cm = cm;
    ct->main_inbox = main_inbox;
    ct->counters_slot = counters_slot;
    ct->retry_ms = RETRY_FIRST_MS;
    uv_timer_init(&ct->loop, &ct->retry);
    uv_timer_init(&ct->loop, &ct->tell);
    ct->retry.data = ct->tell.data = ct->stop.data = ct;
    if (uv_async_init(&ct->loop, &ct->stop, on_stop) != 0 ||
        hrd_mailbox_open(&ct->inbox, &ct->loop, inbox_cap_bytes, on_mail, ct) != 0) {
        undo_start(ct, false);
        return HR_EIO;
    }
    ct->stop.data = ct;
    if (uv_thread_create(&ct->thread, run, ct) != 0) {
        undo_start(ct, true);
        return HR_EAGAIN;
    }
    *ret = ct;
    return 0;
}

struct hrd_mailbox *hrd_committer_inbox(struct hrd_committer_thread *ct) { return &ct->inbox; }

void hrd_committer_stop(struct hrd_committer_thread *ct)
{
    if (ct == NULL)
        return;
    uv_async_send(&ct->stop);
    uv_thread_join(&ct->thread);
    uv_loop_close(&ct->loop);
    hrp_free(ct);
}
