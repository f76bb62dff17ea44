/* What a spool gives up, and how it counts that: at the cap the oldest rows, and what is damaged. Either way the numbers stay, as
 * drops, under the same id or in an older batch of drops: no number is without an end. */
#include "spool_impl.h"
#include "alloc.h"

#define MAX_MERGED 4096u               /* segments of one batch of drops */

/* The bytes of b: its own, or read into buf. */
int hrs_sp_bytes_of(struct hrs_spool *sp, const struct hrs_batch *b, struct hrp_buf *buf, const uint8_t **ret)
{
    int r;

    *ret = b->bytes;
    if (b->bytes != NULL)
        return 0;
    if (sp->ops == NULL)
        return HR_ENOENT;
    r = sp->ops->get(sp->arg, b->inc, b->id, buf);
    if (r == 0 && buf->n != b->n_bytes)
        r = HR_ECORRUPT;
    *ret = buf->p;
    return r;
}

/* Other bytes under the same id: in storage first, then here. */
static int replace(struct hrs_spool *sp, struct hrs_batch *b, struct hrp_buf *with)
{
    int r = sp->ops != NULL ? sp->ops->put(sp->arg, b->inc, b->id, with->p, with->n) : 0;

    if (r != 0)
        return r;
    hrs_sp_drop_heap(sp, b);
    sp->used_bytes = sp->used_bytes - hrs_sp_cost(sp, b->n_bytes) + hrs_sp_cost(sp, with->n);
    sp->n_bytes = sp->n_bytes - b->n_bytes + with->n;
    b->n_bytes = (uint32_t)with->n;
    if (sp->ops == NULL) {
        b->bytes = hrp_realloc(with->p, with->n);
        if (b->bytes == NULL)
            b->bytes = with->p;
        sp->heap_bytes += b->n_bytes;
        *with = (struct hrp_buf)HRP_BUF_INIT;
    }
    hrs_sp_levels(sp);
    return 0;
}

/* What a batch whose bytes are damaged still resolves: its numbers, as drops. */
static int torn_form(const struct hrs_batch *b, struct hrp_buf *out)
{
    struct hrp_builder *bld;
    int r = hrp_builder_new(NULL, &bld);

    if (r != 0)
        return r;
    for (uint32_t i = 0; r == 0 && i < b->n_spans; i++)
        r = hrp_builder_add_drop(bld, b->spans[i].lane, b->spans[i].first_n, b->spans[i].end_n - b->spans[i].first_n, HRP_DROP_TORN);
    if (r == 0)
        r = hrp_builder_seal(bld, &b->inc->id, b->id, b->type_id, out);
    hrp_builder_free(bld);
    return r;
}

/* Gone without a trace: what it resolved stays missing in the ledger. */
static void lose(struct hrs_spool *sp, struct hrs_batch *b)
{
    hrs_stats_add(sp->stats, HR_STAT_TORN, 1);
    if (sp->ops != NULL)
        sp->ops->del(sp->arg, b->inc, b->id);
    hrs_sp_forget(sp, b);
}

/* HR_ECORRUPT: done, b resolves its numbers as drops now, or is gone. */
int hrs_sp_make_torn(struct hrs_spool *sp, struct hrs_batch *b)
{
    struct hrp_buf form = HRP_BUF_INIT;
    int r;

    if (b->merged) { /* its spans have holes that belong to others */
        lose(sp, b);
        return HR_ECORRUPT;
    }
    r = torn_form(b, &form);
    if (r == 0)
        r = replace(sp, b, &form);
    if (r == 0) {
        b->n_rows = 0;
        hrs_stats_add(sp->stats, HR_STAT_TORN, 1);
    }
    hrp_buf_fini(&form);
    return r != 0 ? r : HR_ECORRUPT;
}

static int head_of(struct hrs_spool *sp, struct hrs_batch *b, struct hrp_batch_head *ret)
{
    struct hrp_buf buf = HRP_BUF_INIT;
    const uint8_t *p;
    int r = hrs_sp_bytes_of(sp, b, &buf, &p);

    if (r == 0)
        r = hrp_batch_head_read(p, b->n_bytes, &hrp_limits_default, ret);
    hrp_buf_fini(&buf);
    return r;
}

static int add_drops(struct hrp_builder *bld, const struct hrp_batch_head *h, uint8_t reason)
{
    int r = 0;

    for (uint32_t i = 0; r == 0 && i < h->n_segments; i++) {
        const struct hrp_segment *s = &h->segments[i];

        r = hrp_builder_add_drop(bld, s->lane, s->first_n, s->count, s->kind == HRP_SEG_DROP ? s->reason : reason);
    }
    return r;
}

/* Drops of two batches as one; the builder joins neighbours. */
static int join(const struct hrp_batch_head *a, const struct hrp_batch_head *b, struct hrp_buf *out)
{
    struct hrp_builder *bld;
    int r = hrp_builder_new(NULL, &bld);

    if (r != 0)
        return r;
    r = add_drops(bld, a, HRP_DROP_EVICTED);
    if (r == 0)
        r = add_drops(bld, b, HRP_DROP_EVICTED);
    if (r == 0)
        r = hrp_builder_seal(bld, &a->incarnation, a->batch_id, a->type_id, out);
    hrp_builder_free(bld);
    return r;
}

static bool movable(const struct hrs_batch *b) { return b->state != HRS_B_IN_FLIGHT && b->published; }

/* An older batch of drops that b's drops can join: a long outage leaves a few of them, not one per batch given up. */
static struct hrs_batch *older_form(const struct hrs_spool *sp, const struct hrs_batch *b)
{
    for (struct hrs_batch *o = sp->first; o != NULL && o != b; o = o->next)
        if (movable(o) && o->n_rows == 0 && o->inc == b->inc && o->type_id == b->type_id && o->n_segments < MAX_MERGED)
            return o;
    return NULL;
}

/* b's numbers move into `into`, as drops, under its id; a kill between the two steps leaves both: first resolution wins. */
static int evict_into(struct hrs_spool *sp, struct hrs_batch *into, struct hrs_batch *b, const struct hrp_batch_head *h)
{
    struct hrp_buf form = HRP_BUF_INIT;
    struct hrs_span *old = into->spans;
    uint32_t n_old = into->n_spans;
    struct hrp_batch_head ih, mh;
    int r = head_of(sp, into, &ih);

    if (r != 0)
        return r == HR_ECORRUPT || r == HR_ENOENT ? hrs_sp_make_torn(sp, into) : r;
    r = join(&ih, h, &form);
    hrp_batch_head_fini(&ih);
    if (r == 0)
        r = hrp_batch_head_read(form.p, form.n, &hrp_limits_default, &mh);
    if (r == 0) {
        into->n_spans = 0;
        r = hrs_sp_spans_of(&mh, into);
        into->n_segments = mh.n_segments;
        hrp_batch_head_fini(&mh);
        if (r == 0)
            r = replace(sp, into, &form);
        if (r != 0) {
            hrp_free(into->spans);
            into->spans = old;
            into->n_spans = n_old;
        } else {
            hrp_free(old);
            into->merged = true;
            into->sent = into->sent || b->sent;
            if (sp->ops != NULL)
                sp->ops->del(sp->arg, b->inc, b->id);
            hrs_sp_forget(sp, b);
        }
    }
    hrp_buf_fini(&form);
    return r;
}

static int evict_alone(struct hrs_spool *sp, struct hrs_batch *b, const struct hrp_batch_head *h)
{
    struct hrp_buf form = HRP_BUF_INIT;
    int r = hrp_batch_evict(h, b->id, HRP_DROP_EVICTED, &form);

    if (r == 0)
        r = replace(sp, b, &form);
    if (r == 0)
        b->n_rows = 0;
    hrp_buf_fini(&form);
    return r;
}

/* (2) Gives up the oldest rows. The form that is put is itself the count, in one step with the rows' end. */
static int evict_oldest(struct hrs_spool *sp)
{
    struct hrs_batch *b = sp->first, *into;
    struct hrp_batch_head head;
    uint32_t n_rows;
    int r;

    while (b != NULL && (!movable(b) || b->n_rows == 0))
        b = b->next;
    if (b == NULL)
        return HR_EFULL;
    r = head_of(sp, b, &head);
    if (r == HR_ECORRUPT || r == HR_ENOENT)
        r = hrs_sp_make_torn(sp, b);
    if (r != 0)
        return r == HR_ECORRUPT ? 0 : r;
    n_rows = b->n_rows;
    into = older_form(sp, b);
    r = into != NULL && hrp_id_cmp(&into->sent_to, &b->sent_to) == 0 ? evict_into(sp, into, b, &head) : evict_alone(sp, b, &head);
    hrp_batch_head_fini(&head);
    if (r == 0)
        hrs_stats_add(sp->stats, HR_STAT_DROPPED_EVICTED, n_rows);
    return r == HR_ECORRUPT ? 0 : r; /* the older form was damaged and is gone: again, without it */
}

static bool full(const struct hrs_spool *sp, uint32_t n_bytes)
{
    return sp->used_bytes + hrs_sp_cost(sp, n_bytes) > sp->cap_bytes || sp->n_batches >= sp->cap_batches;
}

int hrs_sp_make_room(struct hrs_spool *sp, uint32_t n_bytes)
{
    while (full(sp, n_bytes))
        if (evict_oldest(sp) != 0)
            return HR_EFULL;
    return 0;
}
