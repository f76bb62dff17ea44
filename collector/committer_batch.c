/* One batch: which of its numbers are fresh, and what becomes of them.
 *
 *   typed row, fresh            the block, at the stream's next offset, flagged or not
 *   the same, set aside         quarantine, a record for each; or counted as dropped: as the stream's policy says (findings.h)
 *   raw row, fresh              likewise
 *   drop, fresh                 counted by its reason
 *   any of them, resolved       trimmed: the first resolution wins
 *
 * A batch whose body can't be read becomes one record that stands for its fresh rows. Nothing is changed before it is sure that the batch can be taken: limits first, then work. */
#include "committer_impl.h"
#include "alloc.h"
#include "findings.h"
#include <stdio.h>
#include <string.h>

#define EXPIRED "its incarnation is unknown, and was born before the horizon"

/* ---- may it be taken? ---- */

/* Ranges that a segment adds to a record: 0 when it touches one that is there. */
static bool adds_range(const struct hrd_lane_record *rec, const struct hrp_segment *seg)
{
    return !hrd_ranges_meets(&rec->resolved, seg->first_n - 1, seg->first_n + seg->count + 1);
}

/* 0, HR_ELIMIT or HR_ENOMEM. Records made here and not used are as if they had never been: nothing touched them. */
static int check_segments(const struct cm_work *w)
{
    const struct hrp_batch_head *h = &w->bat->head;
    uint64_t added = 0;

    for (uint32_t i = 0; i < h->n_segments; i++) {
        const struct hrp_segment *seg = &h->segments[i];
        struct hrd_lane_record *rec;
        int r;

        if (seg->first_n >= HRD_N_MAX || seg->count > HRD_N_MAX - seg->first_n)
            return HR_ELIMIT;
        r = hrd_producers_lane(w->cm->prd, w->inc, w->stream->rec.stream_id, seg->lane, &rec);
        if (r != 0)
            return r;
        added += adds_range(rec, seg);
        if (added != 0 && rec->resolved.n + added > HRD_MAX_RANGES)
            return HR_ELIMIT;
    }
    return 0;
}

static void park(struct hrd_batch_msg *bat, int error)
{
    bat->code = HRD_PARK;
    bat->error = error;
    snprintf(bat->reason, sizeof bat->reason, "%s", hr_strerror(error));
}

/* ---- quarantine ---- */

static int quarantine(struct cm_work *w, struct hrd_quarantined *q)
{
    const struct hrd_incarnation_info *who = hrd_incarnation_who(w->inc);
    struct hrd_stream_record *rec = &w->stream->rec;
    struct hrp_buf *value = &w->cm->value;
    uint8_t key[12];

    q->stream_id = rec->stream_id;
    q->schema_id = w->bat->schema_id;
    q->incarnation = w->bat->head.incarnation;
    q->receive_time_ns = w->now_wall_ns;
    q->app = who->app;
    q->version = who->version;
    q->producer = who->producer;
    hrp_buf_clear(value);
    hrd_quarantined_put(value, q);
    if (value->err != 0)
        return value->err;
    hrd_block_key(rec->stream_id, rec->next_quarantine++, key);
    rec->quarantined += q->n_count;
    hrd_group_put(&w->cm->group, HRD_CF_QUARANTINE, key, sizeof key, value->p, value->n);
    return w->cm->group.err;
}

/* A row that is not stored: kept apart, or only counted. */
static int put_aside(struct cm_work *w, struct hrd_lane_record *rec, const struct hrd_aside *aside, struct hrd_quarantined *q)
{
    if (aside->action == HRD_ACTION_DROP) {
        rec->dropped[HRP_DROP_INVALID]++;
        w->bat->dropped++;
        return 0;
    }
    rec->quarantined++;
    w->bat->quarantined++;
    q->n_count = 1;
    q->reason = aside->reason;
    q->violations = w->bat->aside_bytes.p + aside->violations_at;
    q->n_violations = aside->n_violations;
    return quarantine(w, q);
}

static int aside_row(struct cm_work *w, struct hrd_lane_record *rec, const struct hrp_segment *seg, const struct hrd_aside *aside)
{
    struct hrd_quarantined q = {.lane = seg->lane, .n = seg->first_n + (aside->row - w->row), .form = HRD_FORM_WIRE,
                                .bytes = w->bat->aside_bytes.p + aside->at, .n_bytes = aside->n_bytes,
                                .event_time_ns = w->bat->batch->event_time_ns[aside->row]};

    return put_aside(w, rec, aside, &q);
}

static int aside_raw(struct cm_work *w, struct hrd_lane_record *rec, const struct hrp_segment *seg, uint64_t n)
{
    uint32_t i = w->raw + (uint32_t)(n - seg->first_n);
    const struct hrp_raw_row *raw = &w->bat->batch->raw[i];
    struct hrd_quarantined q = {.lane = seg->lane, .n = n, .form = HRD_FORM_RAW, .bytes = raw->bytes, .n_bytes = raw->n_bytes,
                                .event_time_ns = raw->event_time_ns};

    return put_aside(w, rec, &w->bat->raw_asides[i], &q);
}

static int quarantine_whole(struct cm_work *w)
{
    const struct hrd_batch_msg *bat = w->bat;
    const char *id = bat->schema_id == 0 ? "headrace.unregistered" : "headrace.unreadable";
    struct hrp_buf violations = HRP_BUF_INIT;
    struct hrd_quarantined q = {.lane = w->whole_lane, .n = w->whole_n, .n_count = bat->quarantined, .form = HRD_FORM_BATCH,
                                .reason = bat->reason, .bytes = bat->bytes, .n_bytes = bat->n_bytes,
                                .event_time_ns = bat->head.min_event_time_ns};
    int r;

    if (bat->quarantined == 0)
        return 0;
    r = cm_cause_count(w->stream, id, "", hrd_kind_of(id), HRD_ACTION_QUARANTINE, bat->quarantined, w->now_wall_ns);
    hrd_violation_put(&violations, id, bat->reason);
    q.violations = violations.p;
    q.n_violations = violations.n;
    if (r == 0)
        r = violations.err != 0 ? violations.err : quarantine(w, &q);
    hrp_buf_fini(&violations);
    return r;
}

/* ---- causes ---- */

static uint32_t first_finding(const struct hrd_batch_msg *bat, uint64_t row)
{
    uint32_t from = 0, to = bat->n_findings;

    while (from < to) {
        uint32_t mid = from + (to - from) / 2;

        if (bat->findings[mid].row < row)
            from = mid + 1;
        else
            to = mid;
    }
    return from;
}

/* Those of rows [from, to), which are fresh; raw rows are counted from n_rows on. */
static int count_findings(struct cm_work *w, uint64_t from, uint64_t to)
{
    const struct hrd_batch_msg *bat = w->bat;
    int r = 0;

    for (uint32_t i = first_finding(bat, from); r == 0 && i < bat->n_findings && bat->findings[i].row < to; i++) {
        const struct hrd_cause *c = &bat->causes.list[bat->findings[i].cause];

        r = cm_cause_count(w->stream, c->rule, c->path, c->kind, c->action, 1, w->now_wall_ns);
    }
    return r;
}

/* ---- segments ---- */

/* Fresh rows from..to of the batch, but those set aside, are selected. */
static int select_rows(struct cm_work *w, const struct hrp_segment *seg, struct hrd_lane_record *rec, const struct hrd_range *fresh)
{
    uint64_t at = w->row + (fresh->from - seg->first_n), end = w->row + (fresh->to - seg->first_n);
    const struct hrd_batch_msg *bat = w->bat;
    int r = count_findings(w, at, end);

    while (w->aside < bat->n_asides && bat->asides[w->aside].row < at) /* resends */
        w->aside++;
    for (; r == 0 && w->aside < bat->n_asides && bat->asides[w->aside].row < end; w->aside++) {
        const struct hrd_aside *aside = &bat->asides[w->aside];

        r = hrd_ranges_add(&w->cm->selection, at, aside->row);
        if (r == 0)
            r = aside_row(w, rec, seg, aside);
        rec->accepted += aside->row - at;
        at = (uint64_t)aside->row + 1;
    }
    rec->accepted += end - at;
    return r == 0 ? hrd_ranges_add(&w->cm->selection, at, end) : r;
}

static int take_rows(struct cm_work *w, const struct hrp_segment *seg, struct hrd_lane_record *rec, const struct hrd_ranges *fresh)
{
    int r = 0;

    for (uint32_t i = 0; r == 0 && i < fresh->n; i++)
        r = select_rows(w, seg, rec, &fresh->r[i]);
    return r;
}

static int take_raw(struct cm_work *w, const struct hrp_segment *seg, struct hrd_lane_record *rec, const struct hrd_ranges *fresh)
{
    int r = 0;

    for (uint32_t i = 0; r == 0 && i < fresh->n; i++) {
        uint64_t at = w->bat->head.n_rows + (uint64_t)w->raw + (fresh->r[i].from - seg->first_n);

        r = count_findings(w, at, at + (fresh->r[i].to - fresh->r[i].from));
        for (uint64_t n = fresh->r[i].from; r == 0 && n < fresh->r[i].to; n++)
            r = aside_raw(w, rec, seg, n);
    }
    return r;
}

static void take_whole(struct cm_work *w, const struct hrp_segment *seg, struct hrd_lane_record *rec, const struct hrd_ranges *fresh)
{
    if (fresh->n != 0 && w->bat->quarantined == 0) {
        w->whole_lane = seg->lane;
        w->whole_n = fresh->r[0].from;
    }
    rec->quarantined += hrd_ranges_count(fresh);
    w->bat->quarantined += hrd_ranges_count(fresh);
}

static void take_drop(struct cm_work *w, const struct hrp_segment *seg, struct hrd_lane_record *rec, const struct hrd_ranges *fresh)
{
    uint64_t n = hrd_ranges_count(fresh);

    rec->dropped[seg->reason < HRP_DROP_N ? seg->reason : 0] += n; /* a reason of a newer client: 0, "other" */
    w->bat->dropped += n;
}

#ifdef HRP_FAULTS
/* What TRIM_IN_WORKER found fresh when the batch arrived; positions count all numbers of the batch. */
static int planted(const struct cm_work *w, const struct hrp_segment *seg, struct hrd_ranges *fresh)
{
    uint64_t from = w->position, to = w->position + seg->count;
    int r = 0;

    fresh->n = 0;
    for (uint32_t i = 0; r == 0 && i < w->bat->n_planted; i++) {
        const struct hrd_range *p = &w->bat->planted[i];
        uint64_t a = p->from > from ? p->from : from, b = p->to < to ? p->to : to;

        if (a < b)
            r = hrd_ranges_add(fresh, seg->first_n + (a - from), seg->first_n + (b - from));
    }
    return r;
}

void cm_plant_trim(struct hrd_committer *cm, struct hrd_batch_msg *bat)
{
    struct hrd_incarnation *inc = hrd_producers_find(cm->prd, &bat->head.incarnation);
    struct hrd_ranges found = {NULL, 0, 0};
    uint64_t at = 0;

    for (uint32_t i = 0; i < bat->head.n_segments; at += bat->head.segments[i++].count) {
        const struct hrp_segment *seg = &bat->head.segments[i];
        struct hrd_lane_record *rec = NULL;

        if (inc == NULL || hrd_producers_lane(cm->prd, inc, bat->stream_id, seg->lane, &rec) != 0)
            rec = NULL;
        for (uint64_t n = seg->first_n; n < seg->first_n + seg->count; n++)
            if (rec == NULL || !hrd_ranges_meets(&rec->resolved, n, n + 1))
                (void)hrd_ranges_add(&found, at + (n - seg->first_n), at + (n - seg->first_n) + 1);
    }
    bat->planted = found.r;
    bat->n_planted = found.n;
    bat->has_planted = true;
}
#endif

static int take_segment(struct cm_work *w, const struct hrp_segment *seg)
{
    struct hrd_ranges *fresh = &w->cm->fresh;
    struct hrd_lane_record *rec;
    int r = hrd_producers_lane(w->cm->prd, w->inc, w->stream->rec.stream_id, seg->lane, &rec);

    if (r == 0)
        r = hrd_lane_record_resolve(rec, seg->first_n, seg->count, fresh);
    if (r != 0)
        return r;
#ifdef HRP_FAULTS
    if (w->bat->has_planted)
        r = planted(w, seg, fresh);
#endif
    hrd_producers_touch(w->cm->prd, w->inc, rec, w->now_wall_ns);
    w->bat->trimmed += seg->count - hrd_ranges_count(fresh);
    if (seg->kind == HRP_SEG_DROP)
        take_drop(w, seg, rec, fresh);
    else if (w->whole)
        take_whole(w, seg, rec, fresh);
    else if (r == 0)
        r = seg->kind == HRP_SEG_ROWS ? take_rows(w, seg, rec, fresh) : take_raw(w, seg, rec, fresh);
    w->row += seg->kind == HRP_SEG_ROWS ? (uint32_t)seg->count : 0;
    w->raw += seg->kind == HRP_SEG_RAW ? (uint32_t)seg->count : 0;
    w->position += seg->count;
    return r;
}

/* ---- the block ---- */

static void event_times(const struct cm_work *w, struct hrd_block_head *b)
{
    const struct hrd_ranges *sel = &w->cm->selection;
    const int64_t *t = w->bat->batch->event_time_ns;

    b->min_event_time_ns = INT64_MAX;
    b->max_event_time_ns = INT64_MIN;
    for (uint32_t i = 0; i < sel->n; i++)
        for (uint64_t row = sel->r[i].from; row < sel->r[i].to; row++) {
            b->min_event_time_ns = t[row] < b->min_event_time_ns ? t[row] : b->min_event_time_ns;
            b->max_event_time_ns = t[row] > b->max_event_time_ns ? t[row] : b->max_event_time_ns;
        }
}

static int fill_head(const struct cm_work *w, uint64_t n_rows)
{
    const struct hrd_ranges *sel = &w->cm->selection;
    const struct hrp_batch_head *h = &w->bat->head;
    struct hrd_block_head *b = &w->bat->block;

    *b = (struct hrd_block_head){.stream_id = w->stream->rec.stream_id, .schema_id = w->bat->schema_id, .n_rows = (uint32_t)n_rows,
                                 .first_offset = w->stream->rec.next_offset, .incarnation = h->incarnation,
                                 .receive_time_ns = w->now_wall_ns, .batch_bytes = w->bat->n_bytes};
    event_times(w, b);
    if (w->bat->flagged.n != 0) {
        b->flagged = hrp_memdup(w->bat->flagged.r, w->bat->flagged.n * sizeof *b->flagged);
        if (b->flagged == NULL)
            return HR_ENOMEM;
        b->n_flagged = w->bat->flagged.n;
    }
    if (n_rows == h->n_rows)
        return 0;
    b->selection = hrp_memdup(sel->r, sel->n * sizeof *sel->r);
    if (b->selection == NULL)
        return HR_ENOMEM;
    b->n_selection = sel->n;
    return 0;
}

static void count_block(struct cm_work *w, uint64_t index_bytes)
{
    struct hrd_stream_record *rec = &w->stream->rec;
    const struct hrd_block_head *b = &w->bat->block;
    const struct hrp_batch_sizes *sizes = &w->bat->sizes;

    rec->next_offset += b->n_rows;
    rec->rows += b->n_rows;
    rec->blocks++;
    rec->header_bytes += sizes->header;
    rec->envelope_bytes += sizes->envelope;
    rec->field_bytes += sizes->fields;
    rec->raw_bytes += sizes->raw;
    rec->index_bytes += index_bytes;
    rec->newest_receive_ns = w->now_wall_ns;
    if (rec->rows == b->n_rows || b->max_event_time_ns > rec->newest_event_ns)
        rec->newest_event_ns = b->max_event_time_ns;
}

int cm_put_block(struct cm_work *w)
{
    uint64_t n_rows = hrd_ranges_count(&w->cm->selection);
    struct hrd_group *g = &w->cm->group;
    struct hrp_buf *head = &w->cm->value;
    uint8_t key[12];
    int r;

    if (n_rows == 0)
        return 0;
    r = fill_head(w, n_rows);
    hrp_buf_clear(head);
    if (r == 0)
        hrd_block_head_put(head, &w->bat->block);
    if (r != 0 || head->err != 0)
        return HR_ENOMEM;
    hrd_block_key(w->bat->block.stream_id, w->bat->block.first_offset, key);
    hrd_group_put(g, HRD_CF_INDEX, key, sizeof key, head->p, head->n);
    hrd_group_put2(g, HRD_CF_BLOCKS, key, sizeof key, head->p, head->n, w->bat->bytes, w->bat->n_bytes);
    count_block(w, 2 * (sizeof key + head->n));
    w->bat->accepted = n_rows;
    return g->err;
}

/* ---- all of it ---- */

/* Also of what a write that failed has left in it. */
static void clear_answer(struct hrd_batch_msg *bat)
{
    hrd_block_head_fini(&bat->block);
    memset(&bat->block, 0, sizeof bat->block);
    bat->accepted = bat->quarantined = bat->dropped = bat->trimmed = bat->commit = 0;
    bat->code = HRD_COMMITTED;
    bat->error = 0;
}

static int error_of(const struct cm_work *w)
{
    if (w->bat->quarantined == 0)
        return 0;
    if (hrd_incarnation_expired(w->inc))
        return HR_EEXPIRED;
    if (!w->whole)
        return w->bat->schema_id == 0 ? HR_ESCHEMA : HR_EROW;
    return w->bat->schema_id == 0 ? HR_ESCHEMA : HR_ECORRUPT;
}

static int take_all(struct cm_work *w)
{
    int r = 0;

    w->cm->selection.n = 0;
    for (uint32_t i = 0; r == 0 && i < w->bat->head.n_segments; i++)
        r = take_segment(w, &w->bat->head.segments[i]);
    if (r == 0)
        r = w->whole ? quarantine_whole(w) : cm_put_block(w);
    if (w->bat->accepted + w->bat->quarantined != 0 || w->stream->causes_dirty)
        cm_stream_touch(w->cm, w->stream);
    w->bat->error = error_of(w);
    return r;
}

int cm_decide_batch(struct hrd_committer *cm, struct hrd_batch_msg *bat, int64_t now_wall_ns)
{
    struct cm_work w = {.cm = cm, .bat = bat, .now_wall_ns = now_wall_ns};
    int r;

    clear_answer(bat);
    w.inc = hrd_producers_find(cm->prd, &bat->head.incarnation);
    w.stream = cm_stream(cm, bat->stream_id);
    if (w.inc == NULL || w.stream == NULL) { /* its records are damaged: who decided now would store rows twice */
        park(bat, HR_ECORRUPT);
        return 0;
    }
    if (bat->replay != NULL)
        return cm_take_replay(&w);
    w.whole = bat->batch == NULL;
    if (!w.whole && hrd_incarnation_expired(w.inc)) {
        r = hrd_findings_refuse(bat, "headrace.expired", EXPIRED);
        if (r == HR_ELIMIT) { /* its rows unfold to more than may be kept one by one */
            hrp_batch_free(bat->batch);
            bat->batch = NULL;
            snprintf(bat->reason, sizeof bat->reason, "%s", EXPIRED);
            w.whole = true;
        } else if (r != 0) {
            return r;
        }
    }
    r = check_segments(&w);
    if (r == HR_ELIMIT) {
        park(bat, r);
        return 0;
    }
    return r == 0 ? take_all(&w) : r;
}
