#include "spool_impl.h"
#include "alloc.h"
#include <stdlib.h>

#define CAP_BATCHES 65536u             /* small batches cost more than their bytes */
#define FILE_UNIT 4096u
#define HEAP_KEEP_BYTES (1u << 20)     /* published batches whose bytes are kept at hand until they are sent */
#define BLAME_FREE 3u                  /* bad ends that may be chance */
#define BLAME_MIN_NS INT64_C(1000000000)
#define BLAME_MAX_NS INT64_C(300000000000)

void hrs_spool_init(struct hrs_spool *sp, const struct hrs_store_ops *ops, void *arg, uint64_t cap_bytes, struct hrs_stats *stats)
{
    *sp = (struct hrs_spool){.ops = ops, .arg = arg, .stats = stats, .cap_bytes = cap_bytes, .heap_keep_bytes = HEAP_KEEP_BYTES,
                             .cap_batches = CAP_BATCHES, .retry_due_mono_ns = INT64_MAX};
}

/* ---- the list ---- */

/* What a batch takes of the cap: a file takes whole pages. */
uint64_t hrs_sp_cost(const struct hrs_spool *sp, uint64_t n_bytes)
{
    return sp->ops != NULL ? (n_bytes + FILE_UNIT - 1) / FILE_UNIT * FILE_UNIT : n_bytes;
}

void hrs_sp_levels(struct hrs_spool *sp)
{
    hrs_stats_set(sp->stats, HR_STAT_SPOOL_BYTES, sp->n_bytes);
    hrs_stats_set(sp->stats, HR_STAT_SPOOL_BATCHES, sp->n_batches);
    hrs_stats_set(sp->stats, HR_STAT_AVOIDED, sp->n_avoided);
}

void hrs_sp_drop_heap(struct hrs_spool *sp, struct hrs_batch *b)
{
    if (b->bytes != NULL)
        sp->heap_bytes -= b->n_bytes;
    hrp_free(b->bytes);
    b->bytes = NULL;
}

static void link_after(struct hrs_spool *sp, struct hrs_batch *b, struct hrs_batch *after)
{
    b->prev = after;
    b->next = after != NULL ? after->next : sp->first;
    *(b->prev != NULL ? &b->prev->next : &sp->first) = b;
    *(b->next != NULL ? &b->next->prev : &sp->last) = b;
    sp->used_bytes += hrs_sp_cost(sp, b->n_bytes);
    sp->n_bytes += b->n_bytes;
    sp->n_batches++;
    sp->n_unpublished += !b->published;
    hrs_sp_levels(sp);
}

void hrs_sp_forget(struct hrs_spool *sp, struct hrs_batch *b)
{
    *(b->prev != NULL ? &b->prev->next : &sp->first) = b->next;
    *(b->next != NULL ? &b->next->prev : &sp->last) = b->prev;
    if (b->state == HRS_B_IN_FLIGHT)
        sp->in_flight_bytes -= b->n_bytes;
    hrs_sp_drop_heap(sp, b);
    sp->used_bytes -= hrs_sp_cost(sp, b->n_bytes);
    sp->n_bytes -= b->n_bytes;
    sp->n_batches--;
    sp->n_unpublished -= !b->published;
    sp->n_avoided -= b->blamed >= BLAME_FREE;
    hrs_sp_levels(sp);
    hrp_free(b->spans);
    hrp_free(b);
}

void hrs_spool_fini(struct hrs_spool *sp)
{
    while (sp->first != NULL)
        hrs_sp_forget(sp, sp->first);
    hrp_free(sp->incs);
    sp->incs = NULL;
    sp->n_incs = sp->cap_incs = 0;
}

int hrs_spool_add_inc(struct hrs_spool *sp, struct hrs_inc *inc)
{
    if (sp->n_incs == sp->cap_incs) {
        uint32_t cap = sp->cap_incs == 0 ? 8 : sp->cap_incs * 2;
        struct hrs_inc **p = hrp_realloc(sp->incs, cap * sizeof *p);

        if (p == NULL)
            return HR_ENOMEM;
        sp->incs = p;
        sp->cap_incs = cap;
    }
    sp->incs[sp->n_incs++] = inc;
    return 0;
}

void hrs_spool_remove_inc(struct hrs_spool *sp, struct hrs_inc *inc)
{
    for (struct hrs_batch *b = sp->first, *next; b != NULL; b = next) {
        next = b->next;
        if (b->inc == inc)
            hrs_sp_forget(sp, b);
    }
    for (uint32_t i = 0; i < sp->n_incs; i++)
        if (sp->incs[i] == inc) {
            sp->incs[i] = sp->incs[--sp->n_incs];
            return;
        }
}

/* One span per lane: in a batch the numbers of a lane follow each other. */
int hrs_sp_spans_of(const struct hrp_batch_head *h, struct hrs_batch *b)
{
    b->spans = hrp_calloc(h->n_segments != 0 ? h->n_segments : 1, sizeof *b->spans);
    if (b->spans == NULL)
        return HR_ENOMEM;
    for (uint32_t i = 0; i < h->n_segments; i++) {
        const struct hrp_segment *s = &h->segments[i];
        uint32_t k = b->n_spans;

        while (k > 0 && b->spans[k - 1].lane != s->lane)
            k--;
        if (k == 0) {
            b->spans[b->n_spans++] = (struct hrs_span){s->lane, s->first_n, s->first_n + s->count};
            continue;
        }
        if (s->first_n < b->spans[k - 1].first_n)
            b->spans[k - 1].first_n = s->first_n;
        if (s->first_n + s->count > b->spans[k - 1].end_n)
            b->spans[k - 1].end_n = s->first_n + s->count;
    }
    return 0;
}

static struct hrs_batch *batch_new(struct hrs_inc *inc, const struct hrp_batch_head *head, uint32_t n_bytes)
{
    struct hrs_batch *b = hrp_calloc(1, sizeof *b);

    if (b == NULL)
        return NULL;
    b->inc = inc;
    b->id = head->batch_id;
    b->type_id = head->type_id;
    b->n_rows = head->n_rows + head->n_raw;
    b->n_bytes = n_bytes;
    b->n_segments = head->n_segments;
    if (hrs_sp_spans_of(head, b) != 0) {
        hrp_free(b);
        return NULL;
    }
    return b;
}

/* ---- what a dead process left ---- */

struct ids {
    uint64_t *v;
    size_t n, cap;
};

static int collect(void *ctx, uint64_t id)
{
    struct ids *ids = ctx;

    if (ids->n == ids->cap) {
        size_t cap = ids->cap == 0 ? 64 : ids->cap * 2;
        uint64_t *v = hrp_realloc(ids->v, cap * sizeof *v);

        if (v == NULL)
            return HR_ENOMEM;
        ids->v = v;
        ids->cap = cap;
    }
    ids->v[ids->n++] = id;
    return 0;
}

static int by_id(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

    return x < y ? -1 : x > y;
}

/* Adds one stored batch after *after. A damaged one, whose numbers nobody can know any more, is deleted and counted. */
static int load_one(struct hrs_spool *sp, struct hrs_inc *inc, uint64_t id, struct hrs_batch **after,
                    void (*each)(void *arg, const struct hrp_batch_head *head), void *arg)
{
    struct hrp_buf buf = HRP_BUF_INIT;
    struct hrp_batch_head head;
    struct hrs_batch *b;
    int r = sp->ops->get(sp->arg, inc, id, &buf);

    if (r == 0)
        r = hrp_batch_head_read(buf.p, buf.n, &hrp_limits_default, &head);
    if (r == 0 && (head.batch_id != id || hrp_id_cmp(&head.incarnation, &inc->id) != 0 || head.total_bytes != buf.n ||
                   head.type_id >= HRS_MAX_TYPES || hrs_inc_type(inc, head.type_id) == NULL)) {
        hrp_batch_head_fini(&head);
        r = HR_ECORRUPT;
    }
    if (r == 0) {
        b = batch_new(inc, &head, (uint32_t)buf.n);
        if (b != NULL) {
            each(arg, &head);
            b->published = true;
            b->sent = inc->store_known;
            b->sent_to = inc->store;
            link_after(sp, b, *after);
            *after = b;
        } else {
            r = HR_ENOMEM;
        }
        hrp_batch_head_fini(&head);
    }
    hrp_buf_fini(&buf);
    if (r == 0 || r == HR_ENOMEM || hr_error_retriable(r))
        return r;
    hrs_stats_add(sp->stats, HR_STAT_TORN, 1);
    sp->ops->del(sp->arg, inc, id);
    return 0;
}

int hrs_spool_load(struct hrs_spool *sp, struct hrs_inc *inc, void (*each)(void *arg, const struct hrp_batch_head *head), void *arg)
{
    struct ids ids = {NULL, 0, 0};
    struct hrs_batch *after = NULL;
    int r = sp->ops != NULL ? sp->ops->list(sp->arg, inc, collect, &ids) : 0;

    if (r == 0 && ids.n != 0) {
        qsort(ids.v, ids.n, sizeof *ids.v, by_id);
        inc->next_batch_id = ids.v[ids.n - 1] + 1;
    }
    for (size_t i = 0; r == 0 && i < ids.n; i++)
        r = load_one(sp, inc, ids.v[i], &after, each, arg);
    hrp_free(ids.v);
    return r;
}

/* ---- adding ---- */

static void publish(struct hrs_spool *sp, struct hrs_batch *b)
{
    b->published = sp->ops == NULL || sp->ops->put(sp->arg, b->inc, b->id, b->bytes, b->n_bytes) == 0;
    if (b->published && sp->ops != NULL && sp->heap_bytes > sp->heap_keep_bytes)
        hrs_sp_drop_heap(sp, b);
}

int hrs_spool_add(struct hrs_spool *sp, struct hrs_inc *inc, const struct hrp_batch_head *head, uint8_t **bytes, uint32_t n_bytes)
{
    struct hrs_batch *b;
    int r = hrs_sp_make_room(sp, n_bytes);

    if (r != 0)
        return r;
    b = batch_new(inc, head, n_bytes);
    if (b == NULL)
        return HR_ENOMEM;
    b->bytes = *bytes;
    *bytes = NULL;
    sp->heap_bytes += n_bytes;
    publish(sp, b);
    link_after(sp, b, sp->last);
    hrs_stats_add(sp->stats, HR_STAT_SEALED_BATCHES, 1);
    hrs_stats_add(sp->stats, HR_STAT_SEALED_ROWS, b->n_rows);
    hrs_stats_add(sp->stats, HR_STAT_SEALED_BYTES, n_bytes);
    return 0;
}

bool hrs_spool_safe(const struct hrs_spool *sp, const struct hrs_inc *inc, uint64_t id)
{
    const struct hrs_batch *b = hrs_spool_find(sp, &inc->id, id);

    return b == NULL || b->published;
}

void hrs_spool_retry_puts(struct hrs_spool *sp)
{
    for (struct hrs_batch *b = sp->first; b != NULL && sp->n_unpublished != 0; b = b->next)
        if (!b->published) {
            publish(sp, b);
            if (!b->published)
                return; /* the disk is as it was; the others would fail too */
            sp->n_unpublished--;
        }
}

/* ---- sending ---- */

static bool held(const struct hrs_batch *b, const struct hrp_id *generation)
{
    return b->sent && hrp_id_cmp(&b->sent_to, generation) != 0;
}

struct hrs_batch *hrs_spool_next(struct hrs_spool *sp, const struct hrp_id *generation, int64_t now_mono_ns,
                                 bool (*ready)(void *arg, const struct hrs_batch *b), void *arg)
{
    for (struct hrs_batch *b = sp->first; b != NULL; b = b->next)
        if (b->state != HRS_B_IN_FLIGHT && b->retry_at_mono_ns <= now_mono_ns && !held(b, generation) && ready(arg, b))
            return b;
    return NULL;
}

int64_t hrs_spool_next_retry(struct hrs_spool *sp, int64_t now_mono_ns)
{
    if (sp->retry_due_mono_ns > now_mono_ns)
        return sp->retry_due_mono_ns;
    sp->retry_due_mono_ns = INT64_MAX;
    for (const struct hrs_batch *b = sp->first; b != NULL; b = b->next)
        if (b->state != HRS_B_IN_FLIGHT && b->retry_at_mono_ns > now_mono_ns && b->retry_at_mono_ns < sp->retry_due_mono_ns)
            sp->retry_due_mono_ns = b->retry_at_mono_ns;
    return sp->retry_due_mono_ns;
}

int hrs_spool_bytes(struct hrs_spool *sp, struct hrs_batch *b, struct hrp_buf *scratch, const uint8_t **ret)
{
    int r;

    hrp_buf_clear(scratch);
    r = hrs_sp_bytes_of(sp, b, scratch, ret);
    return r == HR_ECORRUPT || r == HR_ENOENT || r == HR_ETOOBIG ? hrs_sp_make_torn(sp, b) : r;
}

/* (3) Where the incarnation's batches go is written down before the first one does: whoever adopts them must know. With
 * batches held for another store the older name stays; a disk that refuses is no reason not to send. */
static void note_store(struct hrs_spool *sp, struct hrs_inc *inc, const struct hrp_id *generation)
{
    if (inc->store_known && hrp_id_cmp(&inc->store, generation) == 0)
        return;
    for (const struct hrs_batch *b = sp->first; b != NULL; b = b->next)
        if (b->inc == inc && held(b, generation))
            return;
    if (sp->ops == NULL || sp->ops->put_store(sp->arg, inc, generation) == 0) {
        inc->store = *generation;
        inc->store_known = true;
    }
}

void hrs_spool_sent(struct hrs_spool *sp, struct hrs_batch *b, const struct hrp_id *generation)
{
    note_store(sp, b->inc, generation);
    if (b->sent)
        hrs_stats_add(sp->stats, HR_STAT_RESENT_BATCHES, 1);
    b->state = HRS_B_IN_FLIGHT;
    b->sent = true;
    b->sent_to = *generation;
    b->retry_at_mono_ns = 0;
    sp->in_flight_bytes += b->n_bytes;
    if (b->published && sp->ops != NULL)
        hrs_sp_drop_heap(sp, b); /* a resend is rare and reads it back */
}

struct hrs_batch *hrs_spool_find(const struct hrs_spool *sp, const struct hrp_id *inc, uint64_t id)
{
    for (struct hrs_batch *b = sp->first; b != NULL; b = b->next)
        if (b->id == id && hrp_id_cmp(&b->inc->id, inc) == 0)
            return b;
    return NULL;
}

void hrs_spool_acked(struct hrs_spool *sp, struct hrs_batch *b)
{
    hrs_stats_add(sp->stats, HR_STAT_ACKED_BATCHES, 1);
    hrs_stats_add(sp->stats, HR_STAT_ACKED_ROWS, b->n_rows);
    if (sp->ops != NULL && b->published)
        sp->ops->del(sp->arg, b->inc, b->id); /* one that stays is sent again by whoever adopts it, and trimmed */
    hrs_sp_forget(sp, b);
}

static void back(struct hrs_spool *sp, struct hrs_batch *b, enum hrs_bstate state)
{
    if (b->state == HRS_B_IN_FLIGHT)
        sp->in_flight_bytes -= b->n_bytes;
    b->state = state;
}

static void wait_until(struct hrs_spool *sp, struct hrs_batch *b, int64_t at_mono_ns)
{
    b->retry_at_mono_ns = at_mono_ns;
    if (at_mono_ns < sp->retry_due_mono_ns)
        sp->retry_due_mono_ns = at_mono_ns;
}

void hrs_spool_retry(struct hrs_spool *sp, struct hrs_batch *b, int64_t at_mono_ns)
{
    back(sp, b, HRS_B_SEALED);
    wait_until(sp, b, at_mono_ns);
}

void hrs_spool_park(struct hrs_spool *sp, struct hrs_batch *b, int64_t at_mono_ns)
{
    back(sp, b, HRS_B_PARKED);
    wait_until(sp, b, at_mono_ns);
}

/* (4) The collector reads in order, so a batch that ends connections comes to be the first in flight: those before it are
 * acknowledged sooner or later. One that was blamed before is the likelier cause. */
static struct hrs_batch *suspect(const struct hrs_spool *sp)
{
    struct hrs_batch *most = NULL;

    for (struct hrs_batch *b = sp->first; b != NULL && sp->in_flight_bytes != 0; b = b->next)
        if (b->state == HRS_B_IN_FLIGHT && (most == NULL || b->blamed > most->blamed))
            most = b;
    return most;
}

static void blame(struct hrs_spool *sp, struct hrs_batch *b, int64_t now_mono_ns)
{
    int64_t wait_ns = BLAME_MIN_NS;

    if (++b->blamed < BLAME_FREE)
        return;
    if (b->blamed == BLAME_FREE)
        sp->n_avoided++;
    for (uint32_t i = BLAME_FREE; i < b->blamed && wait_ns < BLAME_MAX_NS; i++)
        wait_ns *= 2;
    hrs_spool_retry(sp, b, now_mono_ns + (wait_ns < BLAME_MAX_NS ? wait_ns : BLAME_MAX_NS));
    hrs_sp_levels(sp);
}

void hrs_spool_lost(struct hrs_spool *sp, bool badly, int64_t now_mono_ns)
{
    struct hrs_batch *b = badly ? suspect(sp) : NULL;

    if (b != NULL)
        blame(sp, b, now_mono_ns);
    for (b = sp->first; b != NULL; b = b->next) {
        if (b->state == HRS_B_PARKED)
            b->retry_at_mono_ns = 0;
        if (b->state != HRS_B_SEALED)
            back(sp, b, HRS_B_SEALED);
    }
}

uint64_t hrs_spool_held(const struct hrs_spool *sp, const struct hrp_id *generation)
{
    uint64_t n = 0;

    for (const struct hrs_batch *b = sp->first; b != NULL; b = b->next)
        n += held(b, generation);
    return n;
}

uint64_t hrs_spool_release(struct hrs_spool *sp, const struct hrp_id *generation)
{
    uint64_t n = 0;

    for (struct hrs_batch *b = sp->first; b != NULL; b = b->next)
        if (held(b, generation)) {
            b->sent = false;
            n++;
        }
    return n;
}

uint64_t hrs_spool_floor(const struct hrs_spool *sp, const struct hrs_inc *inc, uint32_t type_id, uint32_t lane)
{
    /* Numbers of a lane and type only grow from batch to batch, so the first one found holds the least. */
    for (const struct hrs_batch *b = sp->first; b != NULL; b = b->next)
        for (uint32_t i = 0; b->inc == inc && b->type_id == type_id && i < b->n_spans; i++)
            if (b->spans[i].lane == lane)
                return b->spans[i].first_n;
    return UINT64_MAX;
}

uint64_t hrs_spool_min_id(const struct hrs_spool *sp, const struct hrs_inc *inc)
{
    for (const struct hrs_batch *b = sp->first; b != NULL; b = b->next)
        if (b->inc == inc)
            return b->id;
    return UINT64_MAX;
}
