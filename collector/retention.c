#include "retention.h"
#include "block.h"
#include "slog.h"
#include <string.h>

#define STEP_RECORDS 4096u
#define STEP_BYTES (8u << 20)

void hrd_retention_init(struct hrd_retention *ret, struct hrd_log *log, const struct hrd_retention_cfg *cfg)
{
    memset(ret, 0, sizeof *ret);
    ret->log = log;
    ret->cfg = *cfg;
}

static uint32_t stream_of(const uint8_t *key)
{
    return (uint32_t)key[0] << 24 | (uint32_t)key[1] << 16 | (uint32_t)key[2] << 8 | key[3];
}

static void say(struct hrd_retention *ret)
{
    if (ret->records != 0)
        hrd_slog(HRD_INFO, "quarantine_expired", "stream=%u records=%llu bytes=%llu", ret->stream_id, (unsigned long long)ret->records,
                 (unsigned long long)ret->freed);
    ret->records = ret->freed = 0;
}

static void begin_stream(struct hrd_retention *ret, uint32_t stream_id)
{
    ret->stream_id = stream_id;
    ret->trimming = ret->young = false;
    ret->n_bytes = 0;
}

/* True: its beginning is walked again, to free what is too much. */
static bool end_stream(struct hrd_retention *ret)
{
    if (!ret->trimming && ret->cfg.bytes != 0 && ret->n_bytes > ret->cfg.bytes) {
        ret->trimming = true;
        ret->n_bytes -= ret->cfg.bytes;
        hrd_block_key(ret->stream_id, 0, ret->at);
        return true;
    }
    say(ret);
    hrd_block_key(ret->stream_id + 1, 0, ret->at);
    begin_stream(ret, 0);
    return false;
}

static void drop(struct hrd_retention *ret, struct hrd_group *g, const uint8_t *key, size_t n_key, uint64_t n_bytes)
{
    hrd_group_del(g, HRD_CF_QUARANTINE, key, n_key);
    ret->records++;
    ret->freed += n_bytes;
}

/* A record that can't be read has no age: it goes by its bytes alone. */
static bool too_old(const struct hrd_retention *ret, const uint8_t *value, size_t n, int64_t now_wall_ns)
{
    struct hrd_quarantined q;

    return ret->cfg.age_ns != 0 && hrd_quarantined_read(value, n, &q) == 0 && q.receive_time_ns < now_wall_ns - ret->cfg.age_ns;
}

/* False: this walk over the stream has ended before it. */
static bool look_at(struct hrd_retention *ret, struct hrd_group *g, const uint8_t *key, size_t n_key, const uint8_t *value, size_t n,
                    int64_t now_wall_ns)
{
    uint64_t n_bytes = n_key + n;

    if (ret->trimming) {
        if (ret->n_bytes == 0)
            return false;
        drop(ret, g, key, n_key, n_bytes);
        ret->n_bytes -= n_bytes < ret->n_bytes ? n_bytes : ret->n_bytes;
        return true;
    }
    if (!ret->young && too_old(ret, value, n, now_wall_ns)) {
        drop(ret, g, key, n_key, n_bytes);
        return true;
    }
    ret->young = true;
    ret->n_bytes += n_bytes;
    return true;
}

static int walk(struct hrd_retention *ret, struct hrd_iter *it, int64_t now_wall_ns, struct hrd_group *g)
{
    const uint8_t *key, *value;
    size_t n_key, n_value, seen = 0;
    int r = 1;

    for (uint32_t i = 0; i < STEP_RECORDS && seen < STEP_BYTES; i++, seen += n_value) {
        r = ret->log->ops->next(it, &key, &n_key, &value, &n_value);
        if (r < 0)
            return r;
        if (r == 0 || n_key != sizeof ret->at || (ret->stream_id != 0 && stream_of(key) != ret->stream_id)) {
            if (ret->stream_id == 0)
                return 0;
            (void)end_stream(ret); /* the next step goes on there */
            return 1;
        }
        if (ret->stream_id == 0)
            begin_stream(ret, stream_of(key));
        if (!look_at(ret, g, key, n_key, value, n_value, now_wall_ns)) {
            (void)end_stream(ret);
            return 1;
        }
        hrd_block_key(ret->stream_id, hrd_block_number(key) + 1, ret->at);
    }
    return 1;
}

int hrd_retention_step(struct hrd_retention *ret, int64_t now_wall_ns, struct hrd_group *g)
{
    const struct hrd_log_ops *ops = ret->log->ops;
    struct hrd_snapshot *snap;
    struct hrd_iter *it;
    int r = ops->snapshot(ret->log, &snap);

    if (r != 0)
        return r;
    r = ops->iter(snap, HRD_CF_QUARANTINE, ret->at, sizeof ret->at, &it);
    if (r == 0) {
        r = walk(ret, it, now_wall_ns, g);
        ops->iter_free(it);
    }
    ops->snapshot_free(snap);
    if (r == 0) /* from the beginning, the next time */
        memset(ret->at, 0, sizeof ret->at);
    return r;
}
