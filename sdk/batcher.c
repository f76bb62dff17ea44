#include "batcher_impl.h"
#include "alloc.h"

#define STEP_BYTES (1u << 20)               /* of one lane in one step, so that the connection gets its turn */
#define MAX_GAP (UINT64_C(1) << 40)         /* a next_n further above its floor than this is damage, not a count */

int hrs_batcher_new(struct hrs_inc *inc, struct hrs_spool *sp, const struct hrs_batch_limits *lim, bool live, struct hrs_batcher **ret)
{
    struct hrs_batcher *b = hrp_calloc(1, sizeof *b);

    if (b == NULL)
        return HR_ENOMEM;
    b->inc = inc;
    b->sp = sp;
    b->lim = *lim;
    b->live = live;
    inc->batcher = b;
    *ret = b;
    return 0;
}

void hrs_batcher_free(struct hrs_batcher *b)
{
    if (b == NULL)
        return;
    for (uint32_t i = 0; i < b->n_lanes; i++) {
        hrp_free(b->lanes[i]->tracks);
        hrp_free(b->lanes[i]);
    }
    hrp_free(b->lanes);
    for (uint32_t i = 0; i < b->n_used; i++) {
        hrp_builder_free(b->streams[b->used[i]].bld);
        hrp_rules_free(b->streams[b->used[i]].rules);
    }
    while (b->first != NULL) {
        struct seal *s = b->first;

        b->first = s->next;
        hrp_free(s->bytes);
        hrp_free(s);
    }
    hrp_free(b);
}

int hrs_batcher_add_lane(struct hrs_batcher *b, struct hrs_lane *lane)
{
    struct lane_state *ls;

    if (b->n_lanes == b->cap_lanes) {
        uint32_t cap = b->cap_lanes == 0 ? 8 : b->cap_lanes * 2;
        struct lane_state **p = hrp_realloc(b->lanes, cap * sizeof *p);

        if (p == NULL)
            return HR_ENOMEM;
        b->lanes = p;
        b->cap_lanes = cap;
    }
    ls = hrp_calloc(1, sizeof *ls);
    if (ls == NULL)
        return HR_ENOMEM;
    ls->lane = lane;
    ls->cursor = hrs_lane_tail(lane);
    ls->pin = NONE;
    b->lanes[b->n_lanes++] = ls;
    return 0;
}

/* ---- tracks and streams ---- */

static int stream_open(struct hrs_batcher *b, uint32_t type)
{
    struct stream *st = &b->streams[type];
    struct hrs_type *t = hrs_inc_type(b->inc, type);
    int r;

    if (st->bld != NULL)
        return 0;
    r = hrp_builder_new(t != NULL ? t->schema : NULL, &st->bld);
    if (r != 0)
        return r;
    if (t != NULL && t->schema != NULL && hrp_rules_open(t->schema, NULL, &st->rules, NULL) != 0)
        st->rules = NULL;
    st->since_mono_ns = INT64_MAX;
    b->used[b->n_used++] = (uint16_t)type;
    return 0;
}

static void stream_touch(struct hrs_batcher *b, uint32_t type)
{
    if (b->streams[type].since_mono_ns == INT64_MAX)
        b->streams[type].since_mono_ns = b->now_mono_ns;
}

static int track_add(struct hrs_batcher *b, struct lane_state *ls, uint32_t type)
{
    struct track *t;
    int r = stream_open(b, type);

    if (r != 0)
        return r;
    if (ls->n_tracks == ls->cap_tracks) {
        uint32_t cap = ls->cap_tracks == 0 ? 4 : ls->cap_tracks * 2;

        t = hrp_realloc(ls->tracks, cap * sizeof *t);
        if (t == NULL)
            return HR_ENOMEM;
        ls->tracks = t;
        ls->cap_tracks = cap;
    }
    t = &ls->tracks[ls->n_tracks];
    *t = (struct track){.type = type, .pin = NONE};
    t->expect_n = t->start_n = t->limit_n = t->sealed_n = hrs_lane_floor(ls->lane, type);
    if (b->inc->other_boot)
        t->start_n = t->limit_n = 1;
    hrs_lane_reported(ls->lane, type, t->taken);
    ls->index[type] = (uint16_t)++ls->n_tracks;
    return 0;
}

/* Tracks for types that the lane's writer has begun to use. */
static int tracks_refresh(struct hrs_batcher *b, struct lane_state *ls)
{
    uint32_t n = hrs_lane_n_opened(ls->lane);

    for (uint32_t i = ls->n_tracks; i < n; i++) {
        int r = track_add(b, ls, ls->lane->opened[i]);

        if (r != 0)
            return r;
    }
    return 0;
}

static void lane_published(struct hrs_lane *lane, uint32_t type, const struct hrp_segment *seg)
{
    uint64_t reported[HRS_LANE_REASONS], floor_n = hrs_lane_floor(lane, type);

    if (hrs_lane_next_n(lane, type) == 0 || seg->first_n != floor_n)
        return;
    hrs_lane_reported(lane, type, reported);
    for (unsigned i = 0; i < HRS_LANE_REASONS && seg->kind == HRP_SEG_DROP; i++)
        if (hrs_lane_reason_drop((enum hrs_lane_reason)i) == seg->reason)
            reported[i] += seg->count;
    hrs_lane_set_floor(lane, type, floor_n + seg->count, reported);
}

void hrs_batcher_published(void *batcher, const struct hrp_batch_head *head)
{
    struct hrs_batcher *b = batcher;

    for (uint32_t i = 0; i < head->n_segments && !b->inc->other_boot; i++)
        for (uint32_t k = 0; k < b->n_lanes; k++)
            if (b->lanes[k]->lane->number == head->segments[i].lane)
                lane_published(b->lanes[k]->lane, head->type_id, &head->segments[i]);
}

/* ---- drops ---- */

static uint64_t explained(const struct lane_state *ls, const struct track *t, uint64_t ret[HRS_LANE_REASONS])
{
    uint64_t sum = 0;

    hrs_lane_dropped(ls->lane, t->type, ret);
    for (unsigned i = 0; i < HRS_LANE_REASONS; i++) {
        ret[i] = ret[i] >= t->taken[i] && ret[i] - t->taken[i] < MAX_GAP ? ret[i] - t->taken[i] : 0;
        sum += ret[i];
    }
    return sum;
}

static int add_drop(struct hrs_batcher *b, struct lane_state *ls, struct track *t, uint64_t count, uint8_t reason)
{
    int r = hrp_builder_add_drop(b->streams[t->type].bld, ls->lane->number, t->expect_n, count, reason);

    if (r != 0)
        return r;
    t->expect_n += count;
    stream_touch(b, t->type);
    return 0;
}

/* Numbers from expect_n to end_n have no record: drops, by the reasons their counters tell, the rest without. */
static int add_gap(struct hrs_batcher *b, struct lane_state *ls, struct track *t, uint64_t end_n)
{
    uint64_t why[HRS_LANE_REASONS];
    int r = 0;

    if (b->inc->other_boot) {
        t->sealed_n = t->sealed_n == t->expect_n ? end_n : t->sealed_n; /* nothing to seal for these */
        t->expect_n = end_n;
        return 0;
    }
    explained(ls, t, why);
    for (unsigned i = 0; r == 0 && i < HRS_LANE_REASONS && t->expect_n < end_n; i++) {
        uint64_t count = why[i] < end_n - t->expect_n ? why[i] : end_n - t->expect_n;

        if (count == 0)
            continue;
        r = add_drop(b, ls, t, count, hrs_lane_reason_drop(i));
        if (r == 0)
            t->taken[i] += count;
    }
    if (r == 0 && t->expect_n < end_n)
        r = add_drop(b, ls, t, end_n - t->expect_n, ls->torn ? HRP_DROP_TORN : HRP_DROP_ABORTED);
    return r;
}

/* Up to where a gap at the end of the lane is known to be drops. A live writer may be between taking the number and
 * counting the reason: then the last number waits. */
static uint64_t trailing_end(const struct hrs_batcher *b, const struct lane_state *ls, const struct track *t)
{
    uint64_t why[HRS_LANE_REASONS];

    if (t->limit_n <= t->expect_n || !b->live)
        return t->limit_n;
    return explained(ls, t, why) >= t->limit_n - t->expect_n ? t->limit_n : t->limit_n - 1;
}

int hrs_bt_add_trailing(struct hrs_batcher *b, uint32_t type)
{
    for (uint32_t i = 0; i < b->n_lanes; i++) {
        struct lane_state *ls = b->lanes[i];
        struct track *t = ls->index[type] != 0 ? &ls->tracks[ls->index[type] - 1] : NULL;
        uint64_t end_n = t != NULL ? trailing_end(b, ls, t) : 0;
        int r = t != NULL && end_n > t->expect_n ? add_gap(b, ls, t, end_n) : 0;

        if (r == HR_EFULL)
            return 0; /* the next batch takes the rest */
        if (r != 0)
            return r;
    }
    return 0;
}

/* ---- draining ---- */

static int add_row(struct hrs_batcher *b, struct lane_state *ls, uint64_t n, const struct hrs_record *rec)
{
    struct hrp_builder *bld = b->streams[rec->type].bld;
    struct hr_error err = {0};
    char reason[256];
    int r;

    if (rec->reason != NULL) {
        memcpy(reason, rec->reason, rec->n_reason);
        reason[rec->n_reason] = '\0';
        return hrp_builder_add_raw(bld, ls->lane->number, n, rec->event_time_ns, reason, rec->bytes, rec->n_bytes);
    }
    r = hrp_builder_add(bld, ls->lane->number, n, rec->event_time_ns, rec->weight, 0, rec->bytes, rec->n_bytes, &err);
    if (r == 0 || r == HR_ENOMEM || r == HR_EFULL)
        return r;
    return hrp_builder_add_raw(bld, ls->lane->number, n, rec->event_time_ns, err.text[0] != '\0' ? err.text : hr_strerror(r),
                               rec->bytes, rec->n_bytes);
}

/* HR_EFULL, HR_ENOMEM: not taken, or its gap in part; the same call later goes on from there. */
static int take_row(struct hrs_batcher *b, struct lane_state *ls, struct track *t, uint64_t n, const struct hrs_record *rec)
{
    int r = n > t->expect_n ? add_gap(b, ls, t, n) : 0;

    if (r == 0)
        r = add_row(b, ls, n, rec);
    if (r != 0)
        return r;
    t->expect_n = n + 1;
    t->seen = true;
    if (t->pin == NONE)
        t->pin = rec->at;
    if (ls->pin == NONE)
        ls->pin = rec->at;
    stream_touch(b, t->type);
    return 0;
}

static struct track *track_of(struct hrs_batcher *b, struct lane_state *ls, uint32_t type)
{
    if (ls->index[type] == 0 && tracks_refresh(b, ls) != 0) /* its first record came after the step's look */
        return NULL;
    return ls->index[type] != 0 ? &ls->tracks[ls->index[type] - 1] : NULL;
}

/* HR_ECORRUPT: this record can't stand here. The cursor still stands before it, so that a seal frees nothing of it. */
static int take_record(struct hrs_batcher *b, struct lane_state *ls, const struct hrs_record *rec)
{
    struct track *t = track_of(b, ls, rec->type);
    uint64_t n;
    int r;

    if (t == NULL)
        return hrs_lane_next_n(ls->lane, rec->type) == 0 ? HR_ECORRUPT : HR_ENOMEM;
    n = hrs_record_n(rec, t->expect_n);
    if (b->inc->other_boot && !t->seen && n != 0)
        t->expect_n = t->sealed_n = n;
    if (n < t->expect_n)
        return n < t->start_n ? 0 : HR_ECORRUPT; /* published before the crash; or a page of another moment */
    if (n - t->expect_n >= MAX_GAP)
        return HR_ECORRUPT;
    r = take_row(b, ls, t, n, rec);
    if (r != HR_EFULL)
        return r;
    r = hrs_bt_seal(b, t->type);
    return r == 0 ? take_row(b, ls, t, n, rec) : r;
}

static bool stream_full(const struct hrs_batcher *b, uint32_t type)
{
    const struct hrp_builder *bld = b->streams[type].bld;

    return hrp_builder_rows(bld) >= b->lim.rows || hrp_builder_bytes(bld) >= b->lim.bytes || hrp_builder_full(bld);
}

/* The rest of the lane is damage: its numbers become drops (torn); what was read before stays. */
static void lane_torn(struct hrs_batcher *b, struct lane_state *ls, uint64_t head)
{
    ls->torn = true;
    ls->cursor = head;
    hrs_stats_add(b->sp->stats, HR_STAT_TORN, 1);
}

/* Drain up to head, or until the cursor has passed stop. False: stuck. */
static bool drain(struct hrs_batcher *b, struct lane_state *ls, uint64_t head, uint64_t stop)
{
    struct hrs_record rec;

    while (ls->cursor != head && ls->cursor < stop) {
        uint64_t at = ls->cursor;
        int r = hrs_lane_read(ls->lane, &at, head, &rec);

        r = r == 1 ? take_record(b, ls, &rec) : HR_ECORRUPT;
        if (r == HR_ECORRUPT) {
            lane_torn(b, ls, head);
            return true;
        }
        if (r != 0)
            return false;
        ls->cursor = at;
        if (stream_full(b, rec.type) && hrs_bt_seal(b, rec.type) != 0)
            return false;
        if (ls->pin != NONE && ls->cursor - ls->pin >= ls->lane->ring_bytes / 2 && hrs_bt_seal_lane(b, ls) != 0)
            return false;
    }
    return true;
}

/* (3) The numbers first, the head second: then a number without a record before that head is a drop. */
static int look(struct hrs_batcher *b, struct lane_state *ls, uint64_t *ret_head)
{
    int r = tracks_refresh(b, ls);

    if (r != 0)
        return r;
    for (uint32_t i = 0; i < ls->n_tracks; i++) {
        struct track *t = &ls->tracks[i];

        t->next_seen = hrs_lane_next_n(ls->lane, t->type);
        if (t->next_seen < t->limit_n || t->next_seen - t->limit_n >= MAX_GAP)
            t->next_seen = t->limit_n; /* damaged: what it would have told is not known */
    }
    if (hrs_lane_look(ls->lane, ret_head) == 0)
        return 0;
    /* A live lane that something else wrote into. Its writer goes on from its own head and mends this. */
    *ret_head = ls->cursor;
    if (!ls->torn)
        lane_torn(b, ls, ls->cursor);
    return 0;
}

/* Look and drain one lane, at most budget bytes. 0; 1: more is there; HR_E*: stuck. */
static int lane_step(struct hrs_batcher *b, struct lane_state *ls, uint64_t budget, struct hrs_step *ret)
{
    uint64_t head, fill, from = ls->cursor;
    bool ok;

    if (look(b, ls, &head) != 0)
        return HR_ENOMEM;
    fill = ((head - hrs_lane_tail(ls->lane)) << 8) / ls->lane->ring_bytes;
    if (fill > ret->max_fill)
        ret->max_fill = fill;
    ok = drain(b, ls, head, budget < head - from ? from + budget : NONE);
    ret->n_bytes += ls->cursor - from;
    if (!ok)
        return HR_EAGAIN;
    if (ls->cursor != head)
        return 1;
    for (uint32_t i = 0; i < ls->n_tracks; i++) {
        struct track *t = &ls->tracks[i];

        t->limit_n = t->next_seen;
        if (t->limit_n > t->expect_n && trailing_end(b, ls, t) > t->expect_n)
            stream_touch(b, t->type);
    }
    return 0;
}

static void seal_due(struct hrs_batcher *b, struct hrs_step *ret)
{
    for (uint32_t i = 0; i < b->n_used; i++) {
        struct stream *st = &b->streams[b->used[i]];

        if (st->since_mono_ns == INT64_MAX)
            continue;
        if ((b->now_mono_ns - st->since_mono_ns >= b->lim.age_ns || stream_full(b, b->used[i])) && hrs_bt_seal(b, b->used[i]) != 0)
            ret->stuck = true;
        if (st->since_mono_ns != INT64_MAX && st->since_mono_ns + b->lim.age_ns < ret->due_mono_ns)
            ret->due_mono_ns = st->since_mono_ns + b->lim.age_ns;
    }
}

void hrs_batcher_set_age(struct hrs_batcher *b, int64_t age_ns) { b->lim.age_ns = age_ns; }

void hrs_batcher_step(struct hrs_batcher *b, int64_t now_mono_ns, struct hrs_step *ret)
{
    *ret = (struct hrs_step){.due_mono_ns = INT64_MAX};
    b->now_mono_ns = now_mono_ns;
    if (!hrs_bt_push_seals(b)) {
        ret->stuck = true;
        return;
    }
    for (uint32_t i = 0; i < b->n_lanes; i++)
        if (lane_step(b, b->lanes[i], STEP_BYTES, ret) < 0)
            ret->stuck = true;
    seal_due(b, ret);
    for (uint32_t i = 0; i < b->n_lanes; i++)
        hrs_bt_lane_release(b, b->lanes[i]);
}

/* All of one stream: also drops that did not fit into the first batch. */
static int seal_stream(struct hrs_batcher *b, uint32_t type)
{
    uint64_t before;
    int r;

    do {
        before = b->inc->next_batch_id;
        r = hrs_bt_seal(b, type);
    } while (r == 0 && b->inc->next_batch_id != before);
    return r;
}

bool hrs_batcher_seal_all(struct hrs_batcher *b, int64_t now_mono_ns, uint64_t *ret_id)
{
    struct hrs_step step = {0};
    bool ok = hrs_bt_push_seals(b);

    b->now_mono_ns = now_mono_ns;
    for (uint32_t i = 0; ok && i < b->n_lanes; i++)
        ok = lane_step(b, b->lanes[i], NONE, &step) == 0;
    for (uint32_t i = 0; ok && i < b->n_used; i++)
        ok = seal_stream(b, b->used[i]) == 0;
    for (uint32_t i = 0; i < b->n_lanes; i++)
        hrs_bt_lane_release(b, b->lanes[i]);
    *ret_id = b->inc->next_batch_id;
    return ok;
}

void hrs_batcher_finish(struct hrs_batcher *b) { b->live = false; }

bool hrs_batcher_empty(const struct hrs_batcher *b)
{
    if (b->first != NULL)
        return false;
    for (uint32_t i = 0; i < b->n_lanes; i++) {
        const struct lane_state *ls = b->lanes[i];
        uint64_t head;

        if (hrs_lane_look(ls->lane, &head) == 0 && (ls->cursor != head || ls->n_tracks != hrs_lane_n_opened(ls->lane)))
            return false;
        for (uint32_t k = 0; k < ls->n_tracks; k++)
            if (hrs_bt_has_news(&ls->tracks[k]) || trailing_end(b, ls, &ls->tracks[k]) > ls->tracks[k].expect_n)
                return false;
    }
    return true;
}

bool hrs_batcher_unused(const struct hrs_batcher *b)
{
    for (uint32_t i = 0; i < b->n_lanes; i++)
        if (hrs_lane_n_opened(b->lanes[i]->lane) != 0)
            return false;
    return true;
}

void hrs_batcher_positions(const struct hrs_batcher *b, void (*fn)(void *arg, uint32_t type_id, uint32_t lane, uint64_t next, uint64_t floor),
                           void *arg)
{
    for (uint32_t i = 0; i < b->n_lanes; i++)
        for (uint32_t k = 0; k < b->lanes[i]->n_tracks; k++) {
            const struct lane_state *ls = b->lanes[i];
            const struct track *t = &ls->tracks[k];
            uint64_t next = hrs_lane_next_n(ls->lane, t->type), floor = hrs_spool_floor(b->sp, b->inc, t->type, ls->lane->number);

            if (next < t->limit_n || next - t->limit_n >= MAX_GAP)
                next = t->limit_n;
            if (next < t->expect_n)
                next = t->expect_n; /* a record whose call did not come to count it */
            fn(arg, t->type, ls->lane->number, next, b->inc->other_boot ? 1 : t->sealed_n < floor ? t->sealed_n : floor);
        }
}
