/* The keeper's thread: mail, checkpoints, the end.
 *
 * A checkpoint is one group: for each stream that changed, its changed profiles and the set of offsets that its profiles
 * contain. The next one waits for the answer to it, so what is in memory is never older than what is in the store.
 *
 *   (1) The stored set of a stream and the stored profiles' own sets are equal, whenever the process ends: one write.
 *   (2) A row is in a profile once: offsets that are contained are refused, those that are not are found and read again. */
#include "alloc.h"
#include "keeper_impl.h"
#include "slog.h"
#include <string.h>
#include <time.h>

#define CHECKPOINT_MS 2000u
#define GROUP_BYTES (8u << 20)           /* a group is cut after the stream that reaches this */
#define INBOX_BYTES (32u << 20)
#define LAST_TRIES 3u                    /* of the last checkpoint, when there is no memory for it */

int64_t kp_wall_ns(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_REALTIME, &ts);
    return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

/* ---- checkpoints ---- */

static void put_minute(struct hrd_group *g, struct kp_minute *min, struct hrp_buf *value)
{
    uint8_t key[HRD_PROFILE_KEY_BYTES];

    hrd_profile_key('m', min->prof->stream_id, min->prof->minute, min->prof->schema_id, key);
    hrp_buf_clear(value);
    hrd_profile_put(value, min->prof);
    hrd_group_put(g, HRD_CF_PROFILES, key, sizeof key, value->p, value->n);
    if (value->err != 0)
        g->err = value->err;
}

static void put_stream(struct hrd_group *g, uint32_t stream_id, struct kp_stream *st, struct hrp_buf *value)
{
    uint8_t key[HRD_PROFILED_KEY_BYTES];

    for (struct kp_minute *min = st->minutes; min != NULL; min = min->next) {
        if (!min->dirty)
            continue;
        put_minute(g, min, value);
        min->dirty = false;
        min->in_flight = true;
    }
    hrd_profiled_key(stream_id, key);
    hrp_buf_clear(value);
    hrd_ranges_put(value, &st->contained);
    hrd_group_put(g, HRD_CF_PROFILES, key, sizeof key, value->p, value->n);
    if (value->err != 0)
        g->err = value->err;
    st->dirty = false;
    st->in_flight = true;
}

/* From next_stream on, so that one that always changes cannot keep another waiting. */
static void fill_group(struct hrd_keeper *k, struct hrd_group *g)
{
    struct hrp_buf value = HRP_BUF_INIT;

    for (uint32_t n = k->n_streams; n != 0 && g->err == 0 && g->bytes.n < GROUP_BYTES; n--) {
        if (k->next_stream >= k->n_streams)
            k->next_stream = 0;
        if (k->streams[k->next_stream].dirty)
            put_stream(g, k->next_stream + 1, &k->streams[k->next_stream], &value);
        k->next_stream++;
    }
    hrp_buf_fini(&value);
}

/* The group that was out is durable, or was not written at all: then all in it is as changed as before. */
static void end_flight(struct hrd_keeper *k, bool written)
{
    for (uint32_t i = 0; i < k->n_streams; i++) {
        struct kp_stream *st = &k->streams[i];

        for (struct kp_minute *min = st->minutes; min != NULL; min = min->next) {
            min->dirty |= min->in_flight && !written;
            min->in_flight = false;
        }
        st->dirty |= st->in_flight && !written;
        st->in_flight = false;
    }
    k->in_flight = false;
    k->failures = written ? 0 : k->failures + 1;
}

static bool any_dirty(const struct hrd_keeper *k)
{
    for (uint32_t i = 0; i < k->n_streams; i++)
        if (k->streams[i].dirty)
            return true;
    return false;
}

static void send_checkpoint(struct hrd_keeper *k)
{
    struct hrd_puts_msg *puts = hrd_puts_msg_new();
    struct hrd_msg *msg;

    k->in_flight = true;
    if (puts == NULL) {
        end_flight(k, false);
        return;
    }
    fill_group(k, &puts->group);
    puts->msg.reply = &k->inbox;
    msg = &puts->msg;
    if (puts->group.err == 0 && hrd_mailbox_send(k->cfg.committer, &msg) == 0)
        return;
    hrd_msg_free(msg);
    end_flight(k, false);
}

static void on_checkpoint(uv_timer_t *timer)
{
    struct hrd_keeper *k = timer->data;

    if (k->in_flight)
        return; /* the answer to it looks what else there is */
    kp_drop_old(k, kp_wall_ns());
    if (any_dirty(k))
        send_checkpoint(k);
    if (!k->in_flight && any_dirty(k))
        kp_checkpoint_soon(k, false);
}

void kp_checkpoint_soon(struct hrd_keeper *k, bool now)
{
    uint64_t ms = now ? 0 : k->cfg.checkpoint_ms;

    if (!uv_is_active((uv_handle_t *)&k->checkpoint) || uv_timer_get_due_in(&k->checkpoint) > ms)
        uv_timer_start(&k->checkpoint, on_checkpoint, ms, 0);
}

/* ---- the end ---- */

static void close_all(struct hrd_keeper *k)
{
    k->closed = true;
    hrd_mailbox_close(&k->inbox);
    uv_close((uv_handle_t *)&k->stop, NULL);
    uv_close((uv_handle_t *)&k->checkpoint, NULL);
    uv_close((uv_handle_t *)&k->reread, NULL);
    uv_close((uv_handle_t *)&k->retain, NULL);
}

/* Writes what is left, group by group, and closes when nothing is, or there is no memory for it: a start reads it again. */
static void go_on_stopping(struct hrd_keeper *k)
{
    while (!k->in_flight && any_dirty(k) && k->failures < LAST_TRIES)
        send_checkpoint(k);
    if (!k->in_flight && !k->closed)
        close_all(k);
}

/* ---- mail ---- */

static void take_profiles(struct hrd_keeper *k, struct hrd_profiles_msg *pm)
{
    struct hrd_profile *prof;

    if (pm->set->lost_rows != 0)
        kp_reread_soon(k);
    while ((prof = pm->set->first) != NULL) {
        pm->set->first = prof->next;
        prof->next = NULL;
        kp_merge(k, prof);
    }
}

static int copy_minute(const struct hrd_profile *prof, struct hrd_profile_set *set)
{
    struct hrd_profile *copy;
    int r = hrd_profile_new(prof->stream_id, prof->schema_id, prof->minute, &copy);

    if (r != 0)
        return r;
    copy->next = set->first;
    set->first = copy;
    r = hrd_profile_merge(copy, prof);
    set->n_bytes += hrd_profile_bytes(copy);
    return r;
}

/* Bounded by what is in memory: the last minutes. */
static int answer(struct hrd_keeper *k, struct hrd_query_msg *query)
{
    struct kp_stream *st = kp_stream(k, query->stream_id);
    int r = 0;

    query->profiles = hrd_profile_set_new();
    if (query->profiles == NULL)
        return HR_ENOMEM;
    for (struct kp_minute *min = st != NULL ? st->minutes : NULL; r == 0 && min != NULL; min = min->next)
        if (min->prof->minute >= query->from_minute && min->prof->minute < query->to_minute)
            r = copy_minute(min->prof, query->profiles);
    if (r == 0)
        return 0;
    hrd_profile_set_free(query->profiles);
    query->profiles = NULL;
    return r;
}

static void take_query(struct hrd_keeper *k, struct hrd_msg *msg)
{
    struct hrd_query_msg *query = (struct hrd_query_msg *)msg;

    query->error = answer(k, query);
    if (msg->reply == NULL || hrd_mailbox_send(msg->reply, &msg) != 0)
        hrd_msg_free(msg);
}

static void take_done(struct hrd_keeper *k, const struct hrd_puts_msg *puts)
{
    end_flight(k, puts->commit != 0);
    kp_drop_old(k, kp_wall_ns());
    if (any_dirty(k))
        kp_checkpoint_soon(k, k->n_bytes > KEEPER_BYTES || puts->group.bytes.n >= GROUP_BYTES);
}

static void on_mail(void *owner)
{
    struct hrd_keeper *k = owner;
    struct hrd_msgs all = hrd_mailbox_take(&k->inbox);
    struct hrd_msg *msg;

    while ((msg = hrd_msgs_take(&all)) != NULL) {
        switch (msg->type) {
        case HRD_MSG_PROFILES:
            take_profiles(k, (struct hrd_profiles_msg *)msg);
            break;
        case HRD_MSG_PUTS_DONE:
            take_done(k, (struct hrd_puts_msg *)msg);
            break;
        case HRD_MSG_QUERY:
            take_query(k, msg);
            continue; /* it is the asker's again */
        default:
            break;
        }
        hrd_msg_free(msg);
    }
    if (k->stopping)
        go_on_stopping(k);
}

static void on_stop(uv_async_t *async)
{
    struct hrd_keeper *k = async->data;

    kp_reread_stop(k);
    k->stopping = true;
    uv_timer_stop(&k->checkpoint);
    uv_timer_stop(&k->retain);
    on_mail(k); /* the workers' last sets, and then the last checkpoint */
}

/* ---- life ---- */

static void run(void *arg)
{
    struct hrd_keeper *k = arg;

    hrd_mailbox_claim(&k->inbox);
    kp_reread_start(k);
    kp_retention_start(k);
    uv_run(&k->loop, UV_RUN_DEFAULT); /* until every handle is closed */
}

static int open_loop(struct hrd_keeper *k)
{
    if (uv_loop_init(&k->loop) != 0)
        return HR_ENOMEM;
    uv_timer_init(&k->loop, &k->checkpoint);
    uv_timer_init(&k->loop, &k->reread);
    uv_timer_init(&k->loop, &k->retain);
    k->checkpoint.data = k->reread.data = k->retain.data = k;
    if (uv_async_init(&k->loop, &k->stop, on_stop) == 0) {
        k->stop.data = k;
        if (hrd_mailbox_open(&k->inbox, &k->loop, INBOX_BYTES, on_mail, k) == 0)
            return 0;
        uv_close((uv_handle_t *)&k->stop, NULL);
    }
    uv_close((uv_handle_t *)&k->checkpoint, NULL);
    uv_close((uv_handle_t *)&k->reread, NULL);
    uv_close((uv_handle_t *)&k->retain, NULL);
    uv_run(&k->loop, UV_RUN_DEFAULT);
    uv_loop_close(&k->loop);
    return HR_EIO;
}

static void keeper_free(struct hrd_keeper *k)
{
    uv_run(&k->loop, UV_RUN_DEFAULT);
    uv_loop_close(&k->loop);
    kp_free_streams(k);
    hrp_free(k);
}

int hrd_keeper_start(const struct hrd_keeper_cfg *cfg, struct hrd_keeper **ret, struct hr_error *err)
{
    struct hrd_keeper *k = hrp_calloc(1, sizeof *k);
    int r = k == NULL ? HR_ENOMEM : open_loop(k);

    if (r != 0) {
        hrp_free(k);
        return hr_error_set(err, r, "keeper: %s", hr_strerror(r));
    }
    k->cfg = *cfg;
    if (k->cfg.checkpoint_ms == 0)
        k->cfg.checkpoint_ms = CHECKPOINT_MS;
    r = kp_load(k, err);
    if (r == 0 && uv_thread_create(&k->thread, run, k) != 0)
        r = hr_error_set(err, HR_EAGAIN, "keeper: no thread");
    if (r != 0) {
        close_all(k);
        keeper_free(k);
        return r;
    }
    *ret = k;
    return 0;
}

struct hrd_mailbox *hrd_keeper_inbox(struct hrd_keeper *keeper) { return &keeper->inbox; }

void hrd_keeper_stop(struct hrd_keeper *k)
{
    if (k == NULL)
        return;
    uv_async_send(&k->stop);
    uv_thread_join(&k->thread);
    keeper_free(k);
}

/* ---- what workers hand over ---- */

static void profiles_msg_free(struct hrd_msg *msg)
{
    hrd_profile_set_free(((struct hrd_profiles_msg *)msg)->set);
    hrp_free(msg);
}

struct hrd_msg *hrd_profiles_msg_new(struct hrd_profile_set *set)
{
    struct hrd_msg *msg = hrd_msg_new(HRD_MSG_PROFILES, sizeof(struct hrd_profiles_msg), profiles_msg_free);

    if (msg == NULL)
        return NULL;
    ((struct hrd_profiles_msg *)msg)->set = set;
    msg->n_bytes = set->n_bytes;
    return msg;
}
