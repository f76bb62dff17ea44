/* Builders into batches, batches into the spool, and what a lane may free then. Batches go to the spool in the order of their
 * ids, and become safe in it, so a floor never passes one that is not. */
#include "batcher_impl.h"
#include "alloc.h"
#include "planted.h"

#ifdef HRP_FAULTS
bool hrs_plant_free_early;
#endif

/* What a lane may free: all before the oldest record in a builder or in a batch that is not safe yet. */
void hrs_bt_lane_release(struct hrs_batcher *b, struct lane_state *ls)
{
    uint64_t tail = ls->pin != NONE ? ls->pin : ls->cursor;

    for (const struct seal *s = hrs_plant_free_early ? NULL : b->first; s != NULL; s = s->next)
        for (uint32_t i = 0; i < s->n_marks; i++)
            if (s->marks[i].ls == ls && s->marks[i].pin < tail)
                tail = s->marks[i].pin;
    if (tail != hrs_lane_tail(ls->lane))
        hrs_lane_free(ls->lane, tail);
}

static void seal_done(struct hrs_batcher *b, struct seal *s)
{
    b->first = s->next;
    if (b->first == NULL)
        b->last = NULL;
    for (uint32_t i = 0; i < s->n_marks; i++) {
        struct mark *m = &s->marks[i];

        hrs_lane_set_floor(m->ls->lane, s->type, m->floor_n, m->reported);
    }
    for (uint32_t i = 0; i < s->n_marks; i++)
        hrs_bt_lane_release(b, s->marks[i].ls);
    hrp_free(s);
}

static int give_to_spool(struct hrs_batcher *b, struct seal *s)
{
    struct hrp_batch_head head;
    int r = hrp_batch_head_read(s->bytes, s->n_bytes, &hrp_limits_default, &head);

    if (r != 0)
        return r;
    r = hrs_spool_add(b->sp, b->inc, &head, &s->bytes, s->n_bytes);
    hrp_batch_head_fini(&head);
    if (r != 0)
        return r;
    s->in_spool = true;
    for (uint32_t i = 0; i < s->n_marks; i++)
        s->marks[i].ls->tracks[s->marks[i].track].sealed_n = s->marks[i].floor_n;
    return 0;
}

/* Batches go to the spool in order, and become safe in order, so a floor never passes one that is not. */
bool hrs_bt_push_seals(struct hrs_batcher *b)
{
    for (struct seal *s = b->first; s != NULL; s = s->next)
        if (!s->in_spool && give_to_spool(b, s) != 0)
            return false;
    while (b->first != NULL && hrs_spool_safe(b->sp, b->inc, b->first->id))
        seal_done(b, b->first);
    return true;
}

bool hrs_bt_has_news(const struct track *t) { return t->expect_n > t->sealed_n || t->pin != NONE; }

static uint32_t count_marks(const struct hrs_batcher *b, uint32_t type)
{
    uint32_t n = 0;

    for (uint32_t i = 0; i < b->n_lanes; i++) {
        const struct lane_state *ls = b->lanes[i];

        n += ls->index[type] != 0 && hrs_bt_has_news(&ls->tracks[ls->index[type] - 1]);
    }
    return n;
}

static void lane_find_pin(struct lane_state *ls)
{
    ls->pin = NONE;
    for (uint32_t i = 0; i < ls->n_tracks; i++)
        if (ls->tracks[i].pin < ls->pin)
            ls->pin = ls->tracks[i].pin;
}

static void take_marks(struct hrs_batcher *b, struct seal *s)
{
    for (uint32_t i = 0; i < b->n_lanes; i++) {
        struct lane_state *ls = b->lanes[i];
        struct track *t = ls->index[s->type] != 0 ? &ls->tracks[ls->index[s->type] - 1] : NULL;
        struct mark *m = &s->marks[s->n_marks];

        if (t == NULL || !hrs_bt_has_news(t))
            continue;
        s->n_marks++;
        *m = (struct mark){.ls = ls, .track = (uint32_t)(t - ls->tracks), .floor_n = t->expect_n, .pin = t->pin};
        memcpy(m->reported, t->taken, sizeof m->reported);
        t->pin = NONE;
        lane_find_pin(ls);
    }
}

/* Rows that break a rule travel as they are, marked: so the application can be told here, and the collector, which trusts nobody,
 * looks again. What finds no memory stays unmarked. Returns how many were marked. */
static uint64_t mark_broken(struct stream *st)
{
    struct hrp_violations found;
    const struct hrp_batch *view;
    uint64_t n = 0;

    if (st->rules == NULL || hrp_rules_empty(st->rules) || hrp_builder_view(st->bld, &view) != 0 ||
        hrp_rules_check(st->rules, view, 1, &found) != 0)
        return 0;
    for (uint32_t i = 0; i < found.n; i++) /* one of each row */
        n += hrp_builder_mark(st->bld, found.v[i].row, HRP_ROW_INVALID) == 0;
    hrp_violations_fini(&found);
    return n;
}

/* Seal one stream's builder. 0 also when there was nothing to seal; else nothing is lost: try again. A batch that finds no
 * room in the spool waits at the end of the list of seals. */
int hrs_bt_seal(struct hrs_batcher *b, uint32_t type)
{
    struct stream *st = &b->streams[type];
    struct hrp_buf buf = HRP_BUF_INIT;
    struct seal *s;
    uint64_t n_broken;
    uint8_t *fit;
    int r = hrs_bt_push_seals(b) ? hrs_bt_add_trailing(b, type) : HR_EFULL; /* one batch that the spool has no room for is enough */

    if (r == 0 && hrp_builder_empty(st->bld))
        st->since_mono_ns = INT64_MAX; /* what was touched needs no batch: numbers lost in a reboot */
    if (r != 0 || hrp_builder_empty(st->bld))
        return r;
    s = hrp_calloc(1, sizeof *s + count_marks(b, type) * sizeof s->marks[0]);
    if (s == NULL)
        return HR_ENOMEM;
    s->id = b->inc->next_batch_id;
    s->type = type;
    n_broken = mark_broken(st);
    r = hrp_builder_seal(st->bld, &b->inc->id, s->id, type, &buf);
    if (r != 0) {
        hrp_buf_fini(&buf);
        hrp_free(s);
        return r;
    }
    b->inc->next_batch_id++;
    hrs_stats_add(b->sp->stats, HR_STAT_INVALID_ROWS, n_broken);
    st->since_mono_ns = INT64_MAX;
    fit = hrp_realloc(buf.p, buf.n);
    s->bytes = fit != NULL ? fit : buf.p;
    s->n_bytes = (uint32_t)buf.n;
    take_marks(b, s);
    *(b->last != NULL ? &b->last->next : &b->first) = s;
    b->last = s;
    for (uint32_t i = 0; hrs_plant_free_early && i < b->n_lanes; i++)
        hrs_bt_lane_release(b, b->lanes[i]);
    return hrs_bt_push_seals(b) ? 0 : HR_EFULL;
}

/* (2) Every builder that holds rows of this lane. */
int hrs_bt_seal_lane(struct hrs_batcher *b, struct lane_state *ls)
{
    for (uint32_t i = 0; i < ls->n_tracks; i++) {
        int r = ls->tracks[i].pin != NONE ? hrs_bt_seal(b, ls->tracks[i].type) : 0;

        if (r != 0)
            return r;
    }
    return 0;
}
