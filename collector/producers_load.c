/* Reading records back: all of them once, for the sums; those of one incarnation when a session speaks for it. */
#include "producers_impl.h"
#include "alloc.h"
#include <string.h>

/* A record's key after the incarnation: 1, stream id u32be, lane u32be. */
static bool record_key(const uint8_t *key, size_t n, uint32_t *ret_stream_id, uint32_t *ret_lane)
{
    if (n != 25 || key[16] != 1)
        return false;
    *ret_stream_id = (uint32_t)key[17] << 24 | (uint32_t)key[18] << 16 | (uint32_t)key[19] << 8 | key[20];
    *ret_lane = (uint32_t)key[21] << 24 | (uint32_t)key[22] << 16 | (uint32_t)key[23] << 8 | key[24];
    return true;
}

static bool is_info(const uint8_t *key, size_t n) { return n == 17 && key[16] == 0; }

/* ---- all of them: the incarnation's line comes first, then its records ---- */

struct scan {
    struct hrd_producers *prd;
    struct hrp_id at;    /* of the last key seen */
    bool any;            /* id, info and sum are of an incarnation that was begun */
    struct hrp_id id;
    struct hrd_incarnation_info info;
    struct hrd_terms sum;
};

static int end_one(struct scan *s)
{
    int r = 0;

    if (s->any)
        r = hrd_totals_past_add(&s->prd->totals, &s->id, &s->info, &s->sum);
    s->any = false;
    memset(&s->sum, 0, sizeof s->sum);
    return r;
}

static int start_one(struct scan *s, const uint8_t *key, const uint8_t *value, size_t n)
{
    int r = end_one(s);

    if (r == 0)
        r = hrd_incarnation_info_read(value, n, &s->info);
    if (r == HR_ECORRUPT || r == HR_EVERSION) {
        s->prd->damaged++;
        return 0;
    }
    memcpy(s->id.b, key, sizeof s->id.b);
    s->any = r == 0;
    return r;
}

static int add_record(struct scan *s, const uint8_t *key, uint32_t stream_id, uint32_t lane, const uint8_t *value, size_t n)
{
    static const struct hrd_terms none;
    struct hrd_totals *t = &s->prd->totals;
    bool known = s->any && memcmp(key, s->id.b, sizeof s->id.b) == 0;
    struct hrd_lane_record rec;
    struct hrd_terms terms;
    uint32_t line;
    int r;

    hrd_lane_record_init(&rec, stream_id, lane);
    r = hrd_lane_record_read(value, n, &rec);
    if (r == HR_ECORRUPT || r == HR_EVERSION) {
        s->prd->damaged++;
        return 0;
    }
    if (r == 0)
        r = hrd_totals_line(t, stream_id, known ? s->info.app : "(unknown)", known ? s->info.version : "", &line);
    if (r == 0) {
        hrd_lane_record_terms(&rec, known && prd_ended(&s->info), &terms);
        hrd_totals_add(t, line, &none, &terms);
        hrd_terms_add(&s->sum, &none, &terms);
    }
    hrd_lane_record_fini(&rec);
    return r;
}

/* Up to the end, or to the first error. */
static int scan_from(struct scan *s, struct hrd_snapshot *snap)
{
    const struct hrd_log_ops *ops = s->prd->log->ops;
    struct hrd_iter *it;
    const uint8_t *key, *value;
    size_t n_key, n;
    uint32_t stream_id, lane;
    int r = ops->iter(snap, HRD_CF_PRODUCERS, s->at.b, sizeof s->at.b, &it);

    if (r != 0)
        return r;
    while ((r = ops->next(it, &key, &n_key, &value, &n)) == 1) {
        if (n_key > sizeof s->at.b)
            memcpy(s->at.b, key, sizeof s->at.b);
        if (is_info(key, n_key))
            r = start_one(s, key, value, n);
        else if (record_key(key, n_key, &stream_id, &lane))
            r = add_record(s, key, stream_id, lane, value, n);
        if (r < 0)
            break;
    }
    ops->iter_free(it);
    return r;
}

/* A block of the store is damaged: on behind it. Nobody knows where it ends, but ids are random, so ever longer steps from the
 * last good one find its end soon; what was in between stays out of the sums. False: past the last id. */
static bool skip_damage(struct scan *s, uint64_t step)
{
    uint64_t at = 0;

    for (unsigned i = 0; i < 8; i++)
        at = at << 8 | s->at.b[i];
    if (at + step < at)
        return false;
    at += step;
    memset(s->at.b, 0, sizeof s->at.b);
    for (unsigned i = 0; i < 8; i++)
        s->at.b[i] = (uint8_t)(at >> (56 - 8 * i));
    return true;
}

int prd_scan(struct hrd_producers *prd)
{
    struct scan s = {.prd = prd};
    struct hrd_snapshot *snap;
    uint64_t step = UINT64_C(1) << 40;
    int r = prd->log->ops->snapshot(prd->log, &snap);

    if (r != 0)
        return r;
    while ((r = scan_from(&s, snap)) == HR_ECORRUPT && end_one(&s) == 0) {
        prd->damaged++;
        if (!skip_damage(&s, step)) {
            r = 0;
            break;
        }
        step *= 2;
    }
    if (r == 0)
        r = end_one(&s);
    if (s.any)
        hrd_incarnation_info_fini(&s.info);
    prd->log->ops->snapshot_free(snap);
    return r;
}

/* ---- one ---- */

static int load_record(struct hrd_producers *prd, struct hrd_incarnation *inc, uint32_t stream_id, uint32_t lane, const uint8_t *value, size_t n)
{
    static const struct hrd_terms none;
    struct hrd_lane_record *rec = hrp_calloc(1, sizeof *rec);
    int r;

    if (rec == NULL)
        return HR_ENOMEM;
    hrd_lane_record_init(rec, stream_id, lane);
    r = hrd_lane_record_read(value, n, rec);
    if (r == 0)
        r = hrd_totals_line(&prd->totals, stream_id, inc->info.app, inc->info.version, &rec->line);
    if (r == 0)
        r = prd_insert_record(inc, rec);
    if (r != 0) {
        hrd_lane_record_fini(rec);
        hrp_free(rec);
        return r;
    }
    hrd_lane_record_terms(rec, prd_ended(&inc->info), &rec->last); /* the totals have it already */
    hrd_terms_add(&inc->sum, &none, &rec->last);
    return 0;
}

static int load_all(struct hrd_producers *prd, struct hrd_snapshot *snap, struct hrd_incarnation *inc)
{
    const struct hrd_log_ops *ops = prd->log->ops;
    struct hrd_iter *it;
    const uint8_t *key, *value;
    size_t n_key, n;
    uint32_t stream_id, lane;
    bool known = false;
    int r = ops->iter(snap, HRD_CF_PRODUCERS, inc->id.b, sizeof inc->id.b, &it);

    if (r != 0)
        return r;
    while ((r = ops->next(it, &key, &n_key, &value, &n)) == 1 && n_key > 16 && memcmp(key, inc->id.b, 16) == 0) {
        if (is_info(key, n_key)) {
            r = hrd_incarnation_info_read(value, n, &inc->info);
            known = r == 0;
        } else if (record_key(key, n_key, &stream_id, &lane))
            r = known ? load_record(prd, inc, stream_id, lane, value, n) : HR_ECORRUPT;
        if (r < 0)
            break;
    }
    ops->iter_free(it);
    if (r < 0)
        return r;
    return known ? 0 : HR_ENOENT;
}

int prd_load(struct hrd_producers *prd, const struct hrp_id *id, struct hrd_incarnation **ret)
{
    struct hrd_incarnation *inc = hrp_calloc(1, sizeof *inc);
    struct hrd_snapshot *snap;
    int r = inc != NULL ? prd->log->ops->snapshot(prd->log, &snap) : HR_ENOMEM;

    if (r != 0) {
        hrp_free(inc);
        return r;
    }
    inc->id = *id;
    r = load_all(prd, snap, inc);
    prd->log->ops->snapshot_free(snap);
    if (r == 0)
        r = prd_insert(prd, inc);
    if (r != 0) {
        prd_incarnation_free(inc);
        return r;
    }
    hrd_totals_past_remove(&prd->totals, id);
    *ret = inc;
    return 0;
}
