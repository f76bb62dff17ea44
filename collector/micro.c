#include "micro.h"
#include "alloc.h"
#include "block.h"
#include <uv.h>

#define KEY_BYTES 12u

struct kept {                    /* a block, or a record of the quarantine, in order of arrival */
    struct kept *next;
    bool bad;
    uint32_t stream_id;
    uint8_t key[KEY_BYTES];
    uint64_t n_rows, n_flagged, n_bytes;
};
struct micro {
    struct hrd_log log;          /* what others see */
    struct hrd_log *memory;
    uint64_t cap_bytes;
    uv_mutex_t lock;             /* the rest, against readers; only the committer's thread writes */
    struct kept *first, *last;
    uint64_t n_bytes;
    struct hrd_micro_counts *streams; /* by id; [0]: all */
    uint32_t n_streams;
    uint64_t drops_before;
};

/* ---- counts ---- */

static struct hrd_micro_counts *of_stream(struct micro *m, uint32_t stream_id)
{
    struct hrd_micro_counts *v;
    uint32_t n = m->n_streams;

    if (stream_id < n)
        return &m->streams[stream_id];
    while (n <= stream_id)
        n = n != 0 ? 2 * n : 16;
    v = hrp_realloc(m->streams, n * sizeof *v);
    if (v == NULL)
        return NULL;
    memset(v + m->n_streams, 0, (n - m->n_streams) * sizeof *v);
    m->streams = v;
    m->n_streams = n;
    return &v[stream_id];
}

static void count(struct hrd_micro_counts *c, const struct kept *k)
{
    *(k->bad ? &c->bad : &c->good) += k->n_rows;
    c->flagged += k->n_flagged;
}

/* Both counters are there since the block or record came. */
static void count_forgotten(struct micro *m, const struct kept *k)
{
    struct hrd_micro_counts *c[2] = {&m->streams[0], &m->streams[k->stream_id]};

    for (int i = 0; i < 2; i++)
        *(k->bad ? &c[i]->forgotten_bad : &c[i]->forgotten_good) += k->n_rows;
}

static uint64_t flagged_rows(const struct hrd_block_head *h)
{
    uint64_t n = 0;

    for (uint32_t i = 0; i < h->n_flagged; i++)
        n += h->flagged[i].to - h->flagged[i].from;
    return n;
}

static void free_kept(struct kept *k)
{
    for (struct kept *next; k != NULL; k = next) {
        next = k->next;
        hrp_free(k);
    }
}

/* ---- what is put ---- */

static int look(const struct hrd_group *g, const struct hrd_put *p, struct kept *k)
{
    const uint8_t *value = g->bytes.p + p->value_at;
    struct hrd_block_head head;
    struct hrd_quarantined row;
    size_t used;
    int r;

    memcpy(k->key, g->bytes.p + p->key_at, KEY_BYTES);
    k->bad = p->cf == HRD_CF_QUARANTINE;
    if (k->bad) {
        r = hrd_quarantined_read(value, p->n_value, &row);
        if (r == 0) {
            k->stream_id = row.stream_id;
            k->n_rows = row.n_count;
            k->n_bytes = p->n_value;
        }
        return r;
    }
    r = hrd_block_head_read(value, p->n_value, &head, &used);
    if (r == 0) {
        k->stream_id = head.stream_id;
        k->n_rows = head.n_rows;
        k->n_bytes = 2 * p->n_value + head.batch_bytes; /* the head stands in both places */
        k->n_flagged = flagged_rows(&head);
        hrd_block_head_fini(&head);
    }
    return r;
}

/* All memory is taken before the commit, so that what is stored is counted. HR_ENOMEM: none was kept. */
static int prepare(struct micro *m, const struct hrd_group *g, struct kept **ret)
{
    struct kept *first = NULL, **end = &first;
    int r = 0;

    for (uint32_t i = 0; r == 0 && i < g->n_puts; i++) {
        const struct hrd_put *p = &g->puts[i];

        if (p->del || (p->cf != HRD_CF_INDEX && p->cf != HRD_CF_QUARANTINE) || p->n_key != KEY_BYTES)
            continue;
        *end = hrp_calloc(1, sizeof **end);
        r = *end != NULL ? look(g, p, *end) : HR_ENOMEM;
        if (r == 0 && of_stream(m, (*end)->stream_id) == NULL)
            r = HR_ENOMEM;
        if (*end != NULL)
            end = &(*end)->next;
    }
    if (r != 0)
        free_kept(first);
    else
        *ret = first;
    return r;
}

static void keep(struct micro *m, struct kept *k)
{
    for (struct kept *next; k != NULL; k = next) {
        next = k->next;
        k->next = NULL;
        count(&m->streams[k->stream_id], k);
        count(&m->streams[0], k);
        m->n_bytes += k->n_bytes;
        *(m->last != NULL ? &m->last->next : &m->first) = k;
        m->last = k;
    }
}

/* Somebody else deleted it: a replay, the quarantine's own retention. */
static void unkeep(struct micro *m, const struct hrd_group *g, const struct hrd_put *p)
{
    bool bad = p->cf == HRD_CF_QUARANTINE;
    struct kept *before = NULL, *k = m->first;

    while (k != NULL && (k->bad != bad || memcmp(k->key, g->bytes.p + p->key_at, KEY_BYTES) != 0)) {
        before = k;
        k = k->next;
    }
    if (k == NULL)
        return;
    *(before != NULL ? &before->next : &m->first) = k->next;
    if (m->last == k)
        m->last = before;
    m->n_bytes -= k->n_bytes;
    count_forgotten(m, k);
    hrp_free(k);
}

/* ---- what goes ---- */

/* The oldest ones down to so many bytes, from the store first. */
static int forget(struct micro *m, uint64_t to_bytes)
{
    struct kept *k, *end = m->first;
    uint64_t n_bytes = m->n_bytes;
    struct hrd_group g;
    int r;

    hrd_group_init(&g);
    for (; end != NULL && n_bytes > to_bytes; end = end->next) {
        hrd_group_del(&g, end->bad ? HRD_CF_QUARANTINE : HRD_CF_BLOCKS, end->key, KEY_BYTES);
        if (!end->bad)
            hrd_group_del(&g, HRD_CF_INDEX, end->key, KEY_BYTES);
        n_bytes -= end->n_bytes;
    }
    r = end != m->first ? m->memory->ops->commit(m->memory, &g) : 0;
    hrd_group_fini(&g);
    if (r != 0)
        m->memory->ops->reopen(m->memory, NULL); /* the next group is nobody's fault */
    while (r == 0 && m->first != end) {
        k = m->first;
        m->first = k->next;
        count_forgotten(m, k);
        hrp_free(k);
    }
    if (m->first == NULL)
        m->last = NULL;
    m->n_bytes = r == 0 ? n_bytes : m->n_bytes;
    return r;
}

static bool is_reset(const struct hrd_group *g, const struct hrd_put *p)
{
    return p->cf == HRD_CF_META && p->n_key == strlen(HRD_MICRO_RESET) && memcmp(g->bytes.p + p->key_at, HRD_MICRO_RESET, p->n_key) == 0;
}

/* What cannot go for want of memory goes with a later commit. */
static void after_commit(struct micro *m, const struct hrd_group *g, struct kept *fresh)
{
    bool reset = false;

    keep(m, fresh);
    for (uint32_t i = 0; i < g->n_puts; i++) {
        const struct hrd_put *p = &g->puts[i];

        reset = reset || is_reset(g, p);
        if (p->del && (p->cf == HRD_CF_INDEX || p->cf == HRD_CF_QUARANTINE) && p->n_key == KEY_BYTES)
            unkeep(m, g, p);
    }
    if (forget(m, reset ? 0 : m->cap_bytes) == 0 && reset)
        memset(m->streams, 0, m->n_streams * sizeof *m->streams);
}

/* ---- the log ---- */

static int micro_commit(struct hrd_log *log, const struct hrd_group *g)
{
    struct micro *m = (struct micro *)log;
    struct kept *fresh = NULL;
    int r;

    uv_mutex_lock(&m->lock);
    r = g->err != 0 ? g->err : prepare(m, g, &fresh);
    if (r == 0)
        r = m->memory->ops->commit(m->memory, g);
    if (r == 0)
        after_commit(m, g, fresh);
    else
        free_kept(fresh);
    uv_mutex_unlock(&m->lock);
    return r;
}

static int micro_reopen(struct hrd_log *log, struct hr_error *err)
{
    struct micro *m = (struct micro *)log;
    int r = m->memory->ops->reopen(m->memory, err);

    log->opened = m->memory->opened;
    return r;
}

static void micro_close(struct hrd_log *log)
{
    struct micro *m = (struct micro *)log;

    free_kept(m->first);
    m->memory->ops->close(m->memory);
    uv_mutex_destroy(&m->lock);
    hrp_free(m->streams);
    hrp_free((void *)(uintptr_t)log->ops);
    hrp_free(m);
}

static int micro_snapshot(struct hrd_log *log, struct hrd_snapshot **ret)
{
    struct micro *m = (struct micro *)log;

    return m->memory->ops->snapshot(m->memory, ret);
}

static int micro_disk(struct hrd_log *log, struct hrd_disk *ret)
{
    struct micro *m = (struct micro *)log;

    return m->memory->ops->disk(m->memory, ret);
}

static int micro_flush(struct hrd_log *log) { return 0; }

int hrd_micro_open(uint64_t cap_bytes, struct hrd_log **ret)
{
    struct micro *m = hrp_calloc(1, sizeof *m);
    struct hrd_log_ops *ops = hrp_calloc(1, sizeof *ops);
    int r = m != NULL && ops != NULL && of_stream(m, 0) != NULL ? hrd_log_memory_open(&m->memory) : HR_ENOMEM;

    if (r == 0 && uv_mutex_init(&m->lock) != 0) {
        m->memory->ops->close(m->memory);
        r = HR_EIO;
    }
    if (r != 0) {
        hrp_free(m != NULL ? m->streams : NULL);
        hrp_free(ops);
        hrp_free(m);
        return r;
    }
    *ops = *m->memory->ops; /* snapshots are the inner log's, and so is what reads them */
    ops->commit = micro_commit;
    ops->reopen = micro_reopen;
    ops->close = micro_close;
    ops->snapshot = micro_snapshot;
    ops->disk = micro_disk;
    ops->flush = micro_flush;
    m->log = *m->memory; /* generation and opened */
    m->log.ops = ops;
    m->cap_bytes = cap_bytes;
    *ret = &m->log;
    return 0;
}

void hrd_micro_counts(struct hrd_log *log, uint32_t stream_id, struct hrd_micro_counts *ret)
{
    struct micro *m = (struct micro *)log;

    uv_mutex_lock(&m->lock);
    *ret = stream_id < m->n_streams ? m->streams[stream_id] : (struct hrd_micro_counts){0};
    uv_mutex_unlock(&m->lock);
}

uint64_t hrd_micro_bytes(struct hrd_log *log)
{
    struct micro *m = (struct micro *)log;
    uint64_t n;

    uv_mutex_lock(&m->lock);
    n = m->n_bytes;
    uv_mutex_unlock(&m->lock);
    return n;
}

uint64_t hrd_micro_drops(struct hrd_log *log, uint64_t n_all)
{
    struct micro *m = (struct micro *)log;
    uint64_t n;

    uv_mutex_lock(&m->lock);
    n = n_all - m->drops_before;
    uv_mutex_unlock(&m->lock);
    return n;
}

void hrd_micro_forget_drops(struct hrd_log *log, uint64_t n_all)
{
    struct micro *m = (struct micro *)log;

    uv_mutex_lock(&m->lock);
    m->drops_before = n_all;
    uv_mutex_unlock(&m->lock);
}
