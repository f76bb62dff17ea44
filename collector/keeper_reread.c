/* Blocks whose rows are in no profile are read again: at the start those that no checkpoint contains, and once a minute
 * those whose profile a worker or the keeper had no memory for.
 *
 * A worker tells of its rows a second after their commit. So a later pass leaves the last seconds alone; should a worker
 * come later yet, its profile meets offsets that are contained and is dropped, and what else it had is found by the next pass.
 * A pass works a few milliseconds at a time, and waits for a checkpoint when it has filled the memory. */
#include "keeper_impl.h"
#include "slog.h"

#define PASS_MS 60000u
#define SOON_MS 15000u
#define WORKERS_NS INT64_C(10000000000)  /* blocks younger than this are still with a worker */
#define SLICE_NS UINT64_C(5000000)
#define FULL_MS 20u

static void on_reread(uv_timer_t *timer);

static void close_reader(struct kp_reread *pass)
{
    hrd_reader_free(pass->reader);
    pass->reader = NULL;
}

static void end_pass(struct hrd_keeper *k)
{
    close_reader(&k->pass);
    k->pass.stream_id = 0;
    if (!k->stopping)
        uv_timer_start(&k->reread, on_reread, k->pass.soon ? SOON_MS : PASS_MS, 0);
    k->pass.soon = false;
}

/* Offsets from here on are with the workers. */
static uint64_t limit(const struct hrd_keeper *k, const struct kp_stream *st)
{
    return k->pass.before_ns == INT64_MAX ? st->end : UINT64_MAX;
}

/* At the first offset from `from` on that is in no profile. 1: reader opened; 0: none is left in this stream. */
static int open_reader(struct hrd_keeper *k, const struct kp_stream *st, uint64_t from)
{
    struct hrd_times times = HRD_TIMES_ALL;
    int r;

    close_reader(&k->pass);
    from = hrd_ranges_hole(&st->contained, from);
    if (from >= limit(k, st))
        return 0;
    r = hrd_reader_open(k->cfg.log, k->cfg.registry, k->pass.stream_id, from, &k->pass.reader);
    if (r != 0)
        return r;
    times.receive_until_ns = k->pass.before_ns;
    hrd_reader_times(k->pass.reader, &times);
    return 1;
}

/* What can't be read is contained from now on: no profile will ever have it, and no start needs to try again. */
static int pass_gap(struct hrd_keeper *k, struct kp_stream *st, const struct hrd_gap *gap)
{
    hrd_slog(HRD_DEBUG, "profile_gap", "stream_id=%u from=%llu to=%llu cause=%s", k->pass.stream_id, (unsigned long long)gap->from,
             (unsigned long long)gap->to, gap->cause);
    st->dirty = true;
    kp_checkpoint_soon(k, false);
    return hrd_ranges_add(&st->contained, gap->from, gap->to);
}

/* One block of the stream. 1: there may be more; 0: its end. */
static int step_stream(struct hrd_keeper *k, struct kp_stream *st)
{
    struct kp_reread *pass = &k->pass;
    const struct hrd_read_block *blk;
    struct hrd_gap gap;
    uint64_t at;
    int r = pass->reader != NULL ? 1 : open_reader(k, st, 0);

    if (r != 1)
        return r;
    r = hrd_reader_next(pass->reader, &blk, &gap);
    if (r == 1 && blk->head.first_offset >= limit(k, st))
        return 0;
    if (r == 2)
        r = pass_gap(k, st, &gap);
    else if (r == 1)
        r = kp_add_block(k, pass->stream_id, blk);
    else
        return r;
    at = hrd_reader_offset(pass->reader);
    if (r == 0 && hrd_ranges_hole(&st->contained, at) != at)
        return open_reader(k, st, at);
    return r == 0 ? 1 : r;
}

/* 1: there may be more; 0: the pass is through. */
static int step(struct hrd_keeper *k)
{
    struct kp_stream *st = kp_stream(k, k->pass.stream_id);
    int r;

    if (st == NULL)
        return k->pass.stream_id <= hrd_registry_n_streams(k->cfg.registry) ? HR_ENOMEM : 0;
    r = step_stream(k, st);
    if (r == 0) {
        close_reader(&k->pass);
        k->pass.stream_id++;
    }
    return r < 0 ? r : 1;
}

static void on_reread(uv_timer_t *timer)
{
    struct hrd_keeper *k = timer->data;
    uint64_t until = uv_hrtime() + SLICE_NS;
    int r = 1;

    if (k->pass.stream_id == 0) {
        k->pass.stream_id = 1;
        k->pass.before_ns = kp_wall_ns() - WORKERS_NS;
    }
    while (r == 1 && k->n_bytes <= KEEPER_BYTES && uv_hrtime() < until)
        r = step(k);
    if (r < 0) {
        hrd_slog(HRD_DEBUG, "reread_later", "stream_id=%u reason=%s", k->pass.stream_id, hr_strerror(r));
        k->pass.soon = true;
    }
    if (r != 1) {
        end_pass(k);
        return;
    }
    if (k->n_bytes > KEEPER_BYTES)
        kp_checkpoint_soon(k, true);
    uv_timer_start(&k->reread, on_reread, k->n_bytes > KEEPER_BYTES ? FULL_MS : 0, 0);
}

void kp_reread_start(struct hrd_keeper *k)
{
    k->pass.stream_id = 1;
    k->pass.before_ns = INT64_MAX; /* all that was there before the first worker */
    uv_timer_start(&k->reread, on_reread, 0, 0);
}

void kp_reread_soon(struct hrd_keeper *k)
{
    if (k->pass.stream_id != 0)
        k->pass.soon = true; /* after the pass that is under way */
    else if (!k->stopping && uv_timer_get_due_in(&k->reread) > SOON_MS)
        uv_timer_start(&k->reread, on_reread, SOON_MS, 0);
}

void kp_reread_stop(struct hrd_keeper *k)
{
    close_reader(&k->pass);
    k->pass.stream_id = 0;
    uv_timer_stop(&k->reread);
}
