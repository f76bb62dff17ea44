/* Profiles in memory, and their stored forms.
 *
 * A profile that is not in memory is read from the store before anything is merged into it, so one in memory always has all
 * that the stored one has, and a checkpoint simply overwrites. What can't be merged now is dropped: its offsets are in no
 * profile then, and keeper_reread.c finds them. So there is one way to recover, and it runs at every start.
 *
 * A stored profile that is damaged is one that contains nothing: what the stream's profiles contain is counted anew from
 * those that can be read, and the rest is read again from the blocks. */
#include "alloc.h"
#include "keeper_impl.h"
#include "slog.h"
#include <string.h>

#define KEEP_MINUTES 3u /* in memory though stored: late rows, and what the page asks for */

struct kp_stream *kp_stream(struct hrd_keeper *k, uint32_t stream_id)
{
    struct kp_stream *streams;
    uint32_t n = stream_id;

    if (stream_id == 0 || stream_id > hrd_registry_n_streams(k->cfg.registry))
        return NULL;
    if (stream_id > k->n_streams) {
        streams = hrp_realloc(k->streams, (size_t)n * sizeof *streams);
        if (streams == NULL)
            return NULL;
        memset(streams + k->n_streams, 0, (size_t)(n - k->n_streams) * sizeof *streams);
        k->streams = streams;
        k->n_streams = n;
    }
    return &k->streams[stream_id - 1];
}

static void minute_free(struct hrd_keeper *k, struct kp_minute *min)
{
    k->n_bytes -= min->n_bytes;
    hrd_profile_free(min->prof);
    hrp_free(min);
}

void kp_free_streams(struct hrd_keeper *k)
{
    struct kp_minute *min;

    for (uint32_t i = 0; i < k->n_streams; i++) {
        while ((min = k->streams[i].minutes) != NULL) {
            k->streams[i].minutes = min->next;
            minute_free(k, min);
        }
        hrd_ranges_fini(&k->streams[i].contained);
    }
    hrp_free(k->streams);
    k->streams = NULL;
    k->n_streams = 0;
}

/* ---- what is stored ---- */

static int get(struct hrd_keeper *k, const uint8_t *key, size_t n_key, struct hrp_buf *ret)
{
    struct hrd_snapshot *snap;
    int r = k->cfg.log->ops->snapshot(k->cfg.log, &snap);

    if (r != 0)
        return r;
    r = k->cfg.log->ops->get(snap, HRD_CF_PROFILES, key, n_key, ret);
    k->cfg.log->ops->snapshot_free(snap);
    return r == 0 ? ret->err : r;
}

static int read_contained(struct hrd_keeper *k, uint32_t stream_id, struct hrd_ranges *ret)
{
    uint8_t key[HRD_PROFILED_KEY_BYTES];
    struct hrp_buf value = HRP_BUF_INIT;
    struct hrp_reader in;
    int r;

    hrd_profiled_key(stream_id, key);
    r = get(k, key, sizeof key, &value);
    in = hrp_reader(value.p, value.n);
    if (r == 0)
        r = hrd_ranges_read(&in, ret);
    if (r == 0 && hrp_reader_left(&in) != 0) {
        hrd_ranges_fini(ret);
        r = HR_ECORRUPT;
    }
    hrp_buf_fini(&value);
    return r == HR_ENOENT ? 0 : r;
}

/* The value of one profile: its offsets into ret, nothing if it is damaged. */
static int add_offsets(const uint8_t *value, size_t n, struct hrd_ranges *ret)
{
    struct hrd_profile *prof;
    int r = hrd_profile_read(value, n, &prof);

    if (r != 0)
        return r == HR_ENOMEM ? r : 0;
    r = hrd_ranges_merge(ret, &prof->offsets);
    hrd_profile_free(prof);
    return r;
}

static int walk_offsets(struct hrd_keeper *k, struct hrd_snapshot *snap, uint32_t stream_id, struct hrd_ranges *ret)
{
    const struct hrd_log_ops *ops = k->cfg.log->ops;
    uint8_t from[HRD_PROFILE_KEY_BYTES];
    const uint8_t *key, *value;
    size_t n_key, n_value;
    struct hrd_iter *it;
    int r;

    hrd_profile_key('m', stream_id, 0, 0, from);
    r = ops->iter(snap, HRD_CF_PROFILES, from, sizeof from, &it);
    if (r != 0)
        return r;
    while ((r = ops->next(it, &key, &n_key, &value, &n_value)) == 1 && n_key == sizeof from && memcmp(key, from, 5) == 0)
        if ((r = add_offsets(value, n_value, ret)) != 0)
            break;
    ops->iter_free(it);
    return r < 0 ? r : 0;
}

/* Counts anew what the stream's profiles contain. */
static int recount(struct hrd_keeper *k, uint32_t stream_id, struct kp_stream *st)
{
    struct hrd_ranges all = {NULL, 0, 0};
    struct hrd_snapshot *snap;
    int r = k->cfg.log->ops->snapshot(k->cfg.log, &snap);

    if (r != 0)
        return r;
    r = walk_offsets(k, snap, stream_id, &all);
    k->cfg.log->ops->snapshot_free(snap);
    for (const struct kp_minute *min = st->minutes; r == 0 && min != NULL; min = min->next)
        r = hrd_ranges_merge(&all, &min->prof->offsets);
    if (r != 0) {
        hrd_ranges_fini(&all);
        return r;
    }
    hrd_ranges_fini(&st->contained);
    st->contained = all;
    st->dirty = true;
    kp_reread_soon(k);
    return 0;
}

int kp_load(struct hrd_keeper *k, struct hr_error *err)
{
    uint32_t n = hrd_registry_n_streams(k->cfg.registry);
    int r = 0;

    for (uint32_t id = 1; r == 0 && id <= n; id++) {
        struct kp_stream *st = kp_stream(k, id);

        if (st == NULL)
            return hr_error_set(err, HR_ENOMEM, "keeper: %s", hr_strerror(HR_ENOMEM));
        r = read_contained(k, id, &st->contained);
        if (r == HR_ECORRUPT) {
            hrd_slog(HRD_WARN, "profiles_damaged", "stream_id=%u why=%s", id, "counted anew from the profiles and blocks");
            r = recount(k, id, st);
        }
        if (r == 0)
            r = hrd_stream_end(k->cfg.log, id, &st->end);
    }
    if (r != 0)
        hr_error_set(err, r, "keeper: the profiles can't be read: %s", hr_strerror(r));
    return r;
}

/* ---- one profile ---- */

static struct kp_minute *find(struct kp_stream *st, uint32_t schema_id, uint32_t minute)
{
    struct kp_minute **at = &st->minutes, *min;

    while ((min = *at) != NULL && (min->prof->schema_id != schema_id || min->prof->minute != minute))
        at = &min->next;
    if (min != NULL) {
        *at = min->next;
        min->next = st->minutes;
        st->minutes = min;
    }
    return min;
}

static int read_stored(struct hrd_keeper *k, uint32_t stream_id, uint32_t schema_id, uint32_t minute, struct hrd_profile **ret)
{
    struct hrp_buf value = HRP_BUF_INIT;
    uint8_t key[HRD_PROFILE_KEY_BYTES];
    int r;

    hrd_profile_key('m', stream_id, minute, schema_id, key);
    r = get(k, key, sizeof key, &value);
    if (r == 0)
        r = hrd_profile_read(value.p, value.n, ret);
    if (r == 0 && ((*ret)->stream_id != stream_id || (*ret)->schema_id != schema_id || (*ret)->minute != minute)) {
        hrd_profile_free(*ret);
        r = HR_ECORRUPT;
    }
    hrp_buf_fini(&value);
    return r;
}

/* The profile in memory, first read from the store when it is not there. */
static int open_minute(struct hrd_keeper *k, uint32_t stream_id, struct kp_stream *st, uint32_t schema_id, uint32_t minute,
                       struct kp_minute **ret)
{
    struct kp_minute *min = find(st, schema_id, minute);
    bool damaged;
    int r;

    if (min != NULL) {
        *ret = min;
        return 0;
    }
    min = hrp_calloc(1, sizeof *min);
    r = min == NULL ? HR_ENOMEM : read_stored(k, stream_id, schema_id, minute, &min->prof);
    damaged = r == HR_ECORRUPT || r == HR_EVERSION;
    if (damaged)
        hrd_slog(HRD_WARN, "profile_damaged", "stream_id=%u schema_id=%u minute=%u reason=%s", stream_id, schema_id, minute, hr_strerror(r));
    if (damaged || r == HR_ENOENT)
        r = hrd_profile_new(stream_id, schema_id, minute, &min->prof);
    if (r == 0 && damaged && (r = recount(k, stream_id, st)) != 0)
        hrd_profile_free(min->prof);
    if (r != 0) {
        hrp_free(min);
        return r;
    }
    min->next = st->minutes;
    st->minutes = min;
    *ret = min;
    return 0;
}

/* After rows were added to it, or refused as known. All its offsets are contained, also when memory was short for that once. */
static int changed(struct hrd_keeper *k, struct kp_stream *st, struct kp_minute *min)
{
    k->n_bytes -= min->n_bytes;
    min->n_bytes = hrd_profile_bytes(min->prof);
    k->n_bytes += min->n_bytes;
    min->dirty = st->dirty = true;
    kp_checkpoint_soon(k, k->n_bytes > KEEPER_BYTES);
    return hrd_ranges_merge(&st->contained, &min->prof->offsets);
}

static int merge(struct hrd_keeper *k, struct hrd_profile *prof)
{
    struct kp_stream *st = kp_stream(k, prof->stream_id);
    struct kp_minute *min;
    int r;

    if (st == NULL)
        return HR_ENOMEM;
    if (hrd_ranges_meet(&st->contained, &prof->offsets))
        return HR_EINVAL;
    r = open_minute(k, prof->stream_id, st, prof->schema_id, prof->minute, &min);
    if (r != 0)
        return r;
    r = hrd_profile_merge(min->prof, prof);
    if (r == 0 || r == HR_EINVAL) {
        int e = changed(k, st, min);

        r = r != 0 ? r : e;
    }
    return r;
}

void kp_merge(struct hrd_keeper *k, struct hrd_profile *prof)
{
    int r = merge(k, prof);

    if (r != 0) {
        hrd_slog(HRD_DEBUG, "profile_dropped", "stream_id=%u minute=%u rows=%llu reason=%s", prof->stream_id, prof->minute,
                 (unsigned long long)prof->rows, hr_strerror(r));
        kp_reread_soon(k);
    }
    hrd_profile_free(prof);
}

/* ---- one block ---- */

/* The part of a block with offsets [from, to): another selection of its batch. cut->selection is the caller's to free. */
static int cut_block(const struct hrd_block_head *head, uint64_t from, uint64_t to, struct hrd_block_head *cut)
{
    struct hrd_range all = {0, head->n_rows};
    const struct hrd_range *sel = head->n_selection != 0 ? head->selection : &all;
    uint32_t n = head->n_selection != 0 ? head->n_selection : 1;
    uint64_t offset = head->first_offset;

    *cut = *head;
    cut->selection = hrp_malloc(n * sizeof *cut->selection);
    if (cut->selection == NULL)
        return HR_ENOMEM;
    cut->first_offset = from;
    cut->n_rows = (uint32_t)(to - from);
    cut->n_selection = 0;
    for (uint32_t i = 0; i < n; i++) {
        uint64_t len = sel[i].to - sel[i].from, a = from > offset ? from - offset : 0, b = to > offset ? to - offset : 0;

        if (b > len)
            b = len;
        if (a < b)
            cut->selection[cut->n_selection++] = (struct hrd_range){sel[i].from + a, sel[i].from + b};
        offset += len;
    }
    return 0;
}

static int add_part(struct hrd_keeper *k, struct kp_stream *st, const struct hrd_read_block *blk, uint64_t from, uint64_t to)
{
    struct hrd_block_head cut;
    struct kp_minute *min;
    int r = open_minute(k, blk->head.stream_id, st, blk->head.schema_id, hrd_profile_minute(blk->head.receive_time_ns), &min);

    if (r != 0)
        return r;
    if (from == blk->head.first_offset && to == from + blk->head.n_rows) {
        r = hrd_profile_add(min->prof, &blk->head, blk->batch);
    } else if ((r = cut_block(&blk->head, from, to, &cut)) == 0) {
        r = hrd_profile_add(min->prof, &cut, blk->batch);
        hrd_block_head_fini(&cut);
    }
    return r == 0 || r == HR_EINVAL ? changed(k, st, min) : r;
}

/* Where the run of offsets from `from` on that no profile has ends; `from` is one of them. */
static uint64_t hole_end(const struct hrd_ranges *contained, uint64_t from, uint64_t end)
{
    for (uint32_t i = 0; i < contained->n; i++)
        if (contained->r[i].from > from)
            return contained->r[i].from < end ? contained->r[i].from : end;
    return end;
}

int kp_add_block(struct hrd_keeper *k, uint32_t stream_id, const struct hrd_read_block *blk)
{
    struct kp_stream *st = kp_stream(k, stream_id);
    uint64_t end = blk->head.first_offset + blk->head.n_rows, from = blk->head.first_offset, to;
    int r = st == NULL ? HR_ENOMEM : 0;

    while (r == 0 && (from = hrd_ranges_hole(&st->contained, from)) < end) {
        to = hole_end(&st->contained, from, end);
        r = add_part(k, st, blk, from, to);
        from = to;
    }
    return r;
}

void kp_drop_old(struct hrd_keeper *k, int64_t now_wall_ns)
{
    uint32_t now = hrd_profile_minute(now_wall_ns);

    for (uint32_t i = 0; i < k->n_streams; i++) {
        struct kp_minute **at = &k->streams[i].minutes, *min;

        while ((min = *at) != NULL) {
            bool recent = min->prof->minute + KEEP_MINUTES > now && k->n_bytes <= KEEPER_BYTES;

            if (min->dirty || min->in_flight || recent) {
                at = &min->next;
                continue;
            }
            *at = min->next;
            minute_free(k, min);
        }
    }
}
