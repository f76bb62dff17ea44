/* The shell around every kind of sink: its thread, its cursors, its patience. Promises (1) to (3) are those of sink.h.
 *
 *   IDLE > INTENT    [look: a plan is whole; (1) its intent goes to the committer]
 *   INTENT > CURSOR  [on_done: the intent is durable; the delivery is carried out, its cursor goes to the committer]
 *   INTENT > IDLE    [the delivery failed: again after 100 ms, 200 ms, ... 30 s, the same range: (2)]
 *   IDLE > CURSOR    [look: an intent of before, and its delivery succeeded]
 *   CURSOR > IDLE    [on_done: (3) cursor moved and intent gone, in one write]
 *
 * Streams take turns; one that fails waits by itself. What waits for its age or its hour is looked at once a second. */
#include "alloc.h"
#include "sink_impl.h"
#include "slog.h"
#include <stdio.h>
#include <string.h>
#include <time.h>

#define MAX_ROWS 100000u
#define MAX_BYTES (64u << 20)
#define MAX_AGE_MS 10000u
#define LOOK_MS 1000u
#define LEAST_LOOK_MS 20u
#define BACKOFF_MS 100u
#define MOST_BACKOFF_MS 30000u
#define NAME_MAX_BYTES 63u

struct hrd_sinks {
    unsigned n;
    struct sink *sinks[];
};

static const struct hrd_sink_kind *const kinds[] = {&hrd_sink_file};

static int64_t wall_ns(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_REALTIME, &ts);
    return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

static void look_later(struct sink *snk);

/* ---- what it tells ---- */

static void tell(struct sink *snk)
{
    struct hrd_sink_status *s = &snk->status;

    s->failing = false;
    s->reason[0] = '\0';
    s->lag_rows = 0;
    for (uint32_t i = 0; i < snk->n_streams; i++) {
        const struct sink_stream *st = &snk->streams[i];

        s->lag_rows += st->end > st->cursor ? st->end - st->cursor : 0;
        if (st->reason[0] != '\0') {
            s->failing = true;
            snprintf(s->reason, sizeof s->reason, "%s", st->reason);
        }
    }
    uv_mutex_lock(&snk->lock);
    snk->told = *s;
    uv_mutex_unlock(&snk->lock);
}

static void failed(struct sink *snk, uint32_t stream_id, struct sink_stream *st, const char *why)
{
    struct hrd_stream_info info = {.name = ""};

    hrd_registry_stream(snk->registry, stream_id, &info);
    st->backoff_ms = st->backoff_ms == 0 ? BACKOFF_MS : st->backoff_ms * 2 < MOST_BACKOFF_MS ? st->backoff_ms * 2 : MOST_BACKOFF_MS;
    st->retry_mono_ns = uv_hrtime() + st->backoff_ms * 1000000;
    if (strncmp(st->reason, why, sizeof st->reason - 1) != 0) /* once for each reason, not for each try */
        hrd_slog(HRD_WARN, "sink_failing", "sink=%s stream=%s reason=%s", snk->settings.name, info.name, why);
    snprintf(st->reason, sizeof st->reason, "%s", why);
    snk->status.failures++;
}

static void worked(struct sink *snk, uint32_t stream_id, struct sink_stream *st)
{
    if (st->reason[0] != '\0')
        hrd_slog(HRD_INFO, "sink_works_again", "sink=%s stream_id=%u", snk->settings.name, stream_id);
    st->reason[0] = '\0';
    st->backoff_ms = 0;
}

/* ---- one stream ---- */

static struct sink_stream *stream_of(struct sink *snk, uint32_t stream_id)
{
    struct sink_stream *streams;

    if (stream_id > snk->n_streams) {
        streams = hrp_realloc(snk->streams, (size_t)stream_id * sizeof *streams);
        if (streams == NULL)
            return NULL;
        memset(streams + snk->n_streams, 0, (size_t)(stream_id - snk->n_streams) * sizeof *streams);
        snk->streams = streams;
        snk->n_streams = stream_id;
    }
    return &snk->streams[stream_id - 1];
}

/* Reads its cursor, once. A damaged one is not guessed: a wrong guess would be a hole or duplicates. */
static int load(struct sink *snk, uint32_t stream_id, struct sink_stream *st)
{
    int r = st->loaded ? 0 : sink_cursor_load(snk, stream_id, st);

    st->damaged = r == HR_ECORRUPT || r == HR_EVERSION;
    if (st->damaged && st->reason[0] == '\0')
        failed(snk, stream_id, st, r == HR_EVERSION ? "the stored cursor is of a newer version" : "the stored cursor is damaged");
    st->loaded = r == 0;
    return r;
}

/* Cursor and intent as they are now to the committer. */
static int store(struct sink *snk, uint32_t stream_id, const struct sink_stream *st)
{
    struct hrd_puts_msg *puts = hrd_puts_msg_new();
    uint8_t key[SINK_KEY_MAX];
    struct hrd_msg *msg;
    int r;

    if (puts == NULL)
        return HR_ENOMEM;
    hrp_buf_clear(&snk->value);
    sink_cursor_put(&snk->value, st);
    hrd_group_put(&puts->group, HRD_CF_CURSORS, key, sink_cursor_key(snk, stream_id, key), snk->value.p, snk->value.n);
    puts->msg.reply = &snk->inbox;
    msg = &puts->msg;
    r = snk->value.err != 0 ? snk->value.err : puts->group.err;
    if (r == 0)
        r = hrd_mailbox_send(snk->committer, &msg);
    hrd_msg_free(msg);
    return r;
}

/* (3) The rows are there: the cursor passes them and the intent goes. Without memory now, the delivery is made once more. */
static void move_cursor(struct sink *snk, uint32_t stream_id, struct sink_stream *st)
{
    struct sink_stream moved = *st;
    int r;

    moved.cursor = st->intent.to;
    moved.intent.out = false;
    r = store(snk, stream_id, &moved);
    if (r != 0) {
        failed(snk, stream_id, st, hr_strerror(r));
        return;
    }
    snk->state = SINK_CURSOR;
}

static void deliver(struct sink *snk, uint32_t stream_id, struct sink_stream *st)
{
    struct hr_error err = {0, ""};

    snk->state = SINK_IDLE;
    if (sink_deliver(snk, stream_id, st, &err) == 0)
        move_cursor(snk, stream_id, st);
    else
        failed(snk, stream_id, st, err.text);
}

static void begin(struct sink *snk, uint32_t stream_id, struct sink_stream *st)
{
    int r;

    st->intent = (struct sink_intent){.out = true, .generation = snk->log->generation, .to = st->plan.to, .hour_ns = st->plan.hour_ns};
    r = store(snk, stream_id, st);
    if (r == 0) {
        snk->state = SINK_INTENT;
    } else {
        st->intent.out = false;
        failed(snk, stream_id, st, hr_strerror(r));
    }
}

/* One stream's turn. Afterwards state says whether something is under way. */
static void look_at(struct sink *snk, uint32_t stream_id, struct sink_stream *st)
{
    uint64_t now = uv_hrtime();
    int r;

    if (st->damaged || (st->backoff_ms != 0 && now < st->retry_mono_ns))
        return;
    r = load(snk, stream_id, st);
    if (r == 0 && st->intent.out) {
        deliver(snk, stream_id, st);
        return;
    }
    if (r == 0)
        r = sink_plan(snk, stream_id, st, wall_ns(), now);
    if (r == 1)
        begin(snk, stream_id, st);
    else if (r == 0)
        worked(snk, stream_id, st);
    else if (!st->damaged)
        failed(snk, stream_id, st, hr_strerror(r));
}

/* ---- all of them in turn ---- */

/* How far each stream and its cursor are, so that the status never says less than there is to do. */
static void refresh(struct sink *snk)
{
    uint32_t n = hrd_registry_n_streams(snk->registry);
    uint64_t end;

    for (uint32_t id = 1; id <= n; id++) {
        struct sink_stream *st = stream_of(snk, id);

        if (st == NULL)
            return;
        if (!st->loaded && !st->damaged && st->backoff_ms == 0)
            load(snk, id, st);
        if (hrd_stream_end(snk->log, id, &end) == 0 && end != UINT64_MAX)
            st->end = end;
    }
}

static void look(struct sink *snk)
{
    uint32_t n = hrd_registry_n_streams(snk->registry);

    refresh(snk);
    for (uint32_t i = 0; i < n && snk->state == SINK_IDLE && !snk->stopping; i++) {
        struct sink_stream *st;

        snk->at = snk->at % n + 1;
        st = stream_of(snk, snk->at);
        if (st != NULL)
            look_at(snk, snk->at, st);
    }
    tell(snk);
    if (snk->state == SINK_IDLE)
        look_later(snk);
}

static void on_look(uv_timer_t *timer) { look(timer->data); }

static void look_later(struct sink *snk)
{
    unsigned ms = snk->settings.max_age_ms < LOOK_MS ? snk->settings.max_age_ms : LOOK_MS;

    if (!snk->stopping)
        uv_timer_start(&snk->look, on_look, ms > LEAST_LOOK_MS ? ms : LEAST_LOOK_MS, 0);
}

static void close_all(struct sink *snk)
{
    snk->state = SINK_CLOSED;
    hrd_mailbox_close(&snk->inbox);
    uv_close((uv_handle_t *)&snk->stop, NULL);
    uv_close((uv_handle_t *)&snk->look, NULL);
}

/* What was sent is durable, or, for want of memory, was not written at all. */
static void on_done(struct sink *snk, bool written)
{
    struct sink_stream *st = &snk->streams[snk->at - 1];

    if (snk->state == SINK_INTENT) {
        st->intent.out = written;
        if (written && !snk->stopping)
            deliver(snk, snk->at, st);
        else
            snk->state = SINK_IDLE;
    } else if (snk->state == SINK_CURSOR) {
        snk->state = SINK_IDLE;
        if (written) {
            st->cursor = st->intent.to;
            st->intent.out = false;
            st->plan = (struct sink_plan){.to = st->cursor};
            worked(snk, snk->at, st);
        } /* else the intent is still out: the next look delivers it again */
    }
    if (!written)
        failed(snk, snk->at, st, hr_strerror(HR_ENOMEM));
}

static void on_mail(void *owner)
{
    struct sink *snk = owner;
    struct hrd_msgs all = hrd_mailbox_take(&snk->inbox);
    struct hrd_msg *msg;
    bool done = false;

    while ((msg = hrd_msgs_take(&all)) != NULL) {
        if (msg->type == HRD_MSG_PUTS_DONE) {
            on_done(snk, ((struct hrd_puts_msg *)msg)->commit != 0);
            done = true;
        }
        hrd_msg_free(msg);
    }
    if (snk->stopping && snk->state == SINK_IDLE)
        close_all(snk);
    else if (done && snk->state == SINK_IDLE)
        look(snk); /* there may be more */
}

static void on_stop(uv_async_t *async)
{
    struct sink *snk = async->data;

    snk->stopping = true;
    uv_timer_stop(&snk->look);
    if (snk->state == SINK_IDLE)
        close_all(snk);
}

/* ---- life ---- */

static void run(void *arg)
{
    struct sink *snk = arg;

    hrd_mailbox_claim(&snk->inbox);
    look(snk);
    uv_run(&snk->loop, UV_RUN_DEFAULT); /* until every handle is closed */
}

static void sink_free(struct sink *snk)
{
    if (snk->has_loop) {
        if (snk->state != SINK_CLOSED)
            close_all(snk);
        uv_run(&snk->loop, UV_RUN_DEFAULT);
        uv_loop_close(&snk->loop);
        uv_mutex_destroy(&snk->lock);
    }
    if (snk->dest != NULL)
        snk->kind->close(snk->dest);
    hrp_buf_fini(&snk->json);
    hrp_buf_fini(&snk->value);
    hrp_free(snk->streams);
    hrp_free(snk);
}

static int open_loop(struct sink *snk)
{
    if (uv_loop_init(&snk->loop) != 0)
        return HR_ENOMEM;
    uv_timer_init(&snk->loop, &snk->look);
    snk->look.data = snk;
    if (uv_mutex_init(&snk->lock) == 0) {
        if (uv_async_init(&snk->loop, &snk->stop, on_stop) == 0) {
            snk->stop.data = snk;
            if (hrd_mailbox_open(&snk->inbox, &snk->loop, 0, on_mail, snk) == 0) {
                snk->has_loop = true;
                return 0;
            }
            uv_close((uv_handle_t *)&snk->stop, NULL);
        }
        uv_mutex_destroy(&snk->lock);
    }
    uv_close((uv_handle_t *)&snk->look, NULL);
    uv_run(&snk->loop, UV_RUN_DEFAULT);
    uv_loop_close(&snk->loop);
    return HR_EIO;
}

static int check(const struct hrd_sinks_cfg *cfg, unsigned i, const struct hrd_sink_kind **ret, struct hr_error *err)
{
    const struct hrd_sink_settings *set = &cfg->sinks[i];

    if (set->name == NULL || set->name[0] == '\0' || strlen(set->name) > NAME_MAX_BYTES)
        return hr_error_set(err, HR_EINVAL, "sink %u: a name of 1 to %u bytes is wanted", i + 1, NAME_MAX_BYTES);
    for (unsigned k = 0; k < i; k++) {
        if (strcmp(cfg->sinks[k].name, set->name) == 0)
            return hr_error_set(err, HR_EINVAL, "sink %s: the name is another sink's, too", set->name);
        if (cfg->sinks[k].dir != NULL && set->dir != NULL && strcmp(cfg->sinks[k].dir, set->dir) == 0)
            return hr_error_set(err, HR_EINVAL, "sink %s: the folder %s is another sink's, too", set->name, set->dir);
    }
    for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++)
        if (set->type != NULL && strcmp(kinds[k]->type, set->type) == 0) {
            *ret = kinds[k];
            return 0;
        }
    return hr_error_set(err, HR_EINVAL, "sink %s: no such type: %s", set->name, set->type != NULL ? set->type : "");
}

static void set_defaults(struct sink *snk)
{
    struct hrd_sink_settings *set = &snk->settings;

    set->max_rows = set->max_rows != 0 ? set->max_rows : MAX_ROWS;
    set->max_bytes = set->max_bytes != 0 ? set->max_bytes : MAX_BYTES;
    set->max_age_ms = set->max_age_ms != 0 ? set->max_age_ms : MAX_AGE_MS;
    snprintf(snk->status.name, sizeof snk->status.name, "%s", set->name);
    snprintf(snk->status.type, sizeof snk->status.type, "%s", set->type);
    snprintf(snk->status.target, sizeof snk->status.target, "%s", set->dir != NULL ? set->dir : "");
    snk->told = snk->status;
}

static int start_one(const struct hrd_sinks_cfg *cfg, unsigned i, struct sink **ret, struct hr_error *err)
{
    const struct hrd_sink_kind *kind;
    struct sink *snk;
    int r = check(cfg, i, &kind, err);

    if (r != 0)
        return r;
    snk = hrp_calloc(1, sizeof *snk);
    if (snk == NULL)
        return hr_error_set(err, HR_ENOMEM, "sink %s: %s", cfg->sinks[i].name, hr_strerror(HR_ENOMEM));
    snk->settings = cfg->sinks[i];
    snk->log = cfg->log;
    snk->registry = cfg->registry;
    snk->committer = cfg->committer;
    snk->kind = kind;
    set_defaults(snk);
    r = kind->open(&snk->settings, &snk->dest, err);
    if (r == 0 && (r = open_loop(snk)) != 0)
        hr_error_set(err, r, "sink %s: %s", snk->settings.name, hr_strerror(r));
    if (r == 0) {
        refresh(snk);
        tell(snk);
    }
    if (r == 0 && uv_thread_create(&snk->thread, run, snk) != 0)
        r = hr_error_set(err, HR_EAGAIN, "sink %s: no thread", snk->settings.name);
    if (r != 0) {
        sink_free(snk);
        return r;
    }
    *ret = snk;
    return 0;
}

int hrd_sinks_start(const struct hrd_sinks_cfg *cfg, struct hrd_sinks **ret, struct hr_error *err)
{
    struct hrd_sinks *s = hrp_calloc(1, sizeof *s + cfg->n_sinks * sizeof *s->sinks);
    int r = 0;

    if (s == NULL)
        return hr_error_set(err, HR_ENOMEM, "sinks: %s", hr_strerror(HR_ENOMEM));
    while (r == 0 && s->n < cfg->n_sinks) {
        r = start_one(cfg, s->n, &s->sinks[s->n], err);
        s->n += r == 0;
    }
    if (r != 0)
        hrd_sinks_stop(s);
    else
        *ret = s;
    return r;
}

unsigned hrd_sinks_count(const struct hrd_sinks *s) { return s->n; }

void hrd_sinks_status(struct hrd_sinks *s, unsigned i, struct hrd_sink_status *ret)
{
    uv_mutex_lock(&s->sinks[i]->lock);
    *ret = s->sinks[i]->told;
    uv_mutex_unlock(&s->sinks[i]->lock);
}

void hrd_sinks_stop(struct hrd_sinks *s)
{
    if (s == NULL)
        return;
    for (unsigned i = 0; i < s->n; i++) /* all at once: they write at the same time */
        uv_async_send(&s->sinks[i]->stop);
    for (unsigned i = 0; i < s->n; i++) {
        uv_thread_join(&s->sinks[i]->thread);
        sink_free(s->sinks[i]);
    }
    hrp_free(s);
}
