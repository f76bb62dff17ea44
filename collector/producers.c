/* Live incarnations and their records, as they will be once the group that is being decided is durable. A group that fails
 * leaves them in an unknown state, so hrd_producers_reload makes them anew from the store rather than undoing anything. */
#include "producers_impl.h"
#include "alloc.h"
#include <string.h>

#define LAST_SEEN_NS INT64_C(60000000000) /* how stale the stored time may be: it costs a write of its own */

/* ---- tables ---- */

static uint32_t record_place(const struct hrd_incarnation *inc, uint32_t stream_id, uint32_t lane)
{
    uint64_t h = (((uint64_t)stream_id << 32) | lane) * UINT64_C(0x9e3779b97f4a7c15);
    uint32_t i = (uint32_t)(h >> 32) & (inc->n_slots - 1);

    while (inc->slots[i] != NULL && (inc->slots[i]->stream_id != stream_id || inc->slots[i]->lane != lane))
        i = (i + 1) & (inc->n_slots - 1);
    return i;
}

static int grow_records(struct hrd_incarnation *inc)
{
    uint32_t n = inc->n_slots != 0 ? inc->n_slots * 2 : 16, n_old = inc->n_slots;
    struct hrd_lane_record **old = inc->slots, **slots;

    if (inc->n_recs < inc->n_slots / 2)
        return 0;
    slots = hrp_calloc(n, sizeof(*slots));
    if (slots == NULL)
        return HR_ENOMEM;
    inc->slots = slots;
    inc->n_slots = n;
    for (uint32_t i = 0; i < n_old; i++)
        if (old[i] != NULL)
            slots[record_place(inc, old[i]->stream_id, old[i]->lane)] = old[i];
    hrp_free(old);
    return 0;
}

int prd_insert_record(struct hrd_incarnation *inc, struct hrd_lane_record *rec)
{
    int r = grow_records(inc);

    if (r != 0)
        return r;
    inc->slots[record_place(inc, rec->stream_id, rec->lane)] = rec;
    inc->n_recs++;
    return 0;
}

static struct hrd_incarnation **bucket(const struct hrd_producers *prd, const struct hrp_id *id)
{
    return &prd->buckets[hrp_hash64(id->b, sizeof id->b) & (prd->n_buckets - 1)];
}

static int grow_buckets(struct hrd_producers *prd)
{
    uint32_t n = prd->n_buckets != 0 ? prd->n_buckets * 2 : 64, n_old = prd->n_buckets;
    struct hrd_incarnation **old = prd->buckets, **buckets;

    if (prd->n_incs < prd->n_buckets)
        return 0;
    buckets = hrp_calloc(n, sizeof(*buckets));
    if (buckets == NULL)
        return HR_ENOMEM;
    prd->buckets = buckets;
    prd->n_buckets = n;
    for (uint32_t i = 0; i < n_old; i++)
        for (struct hrd_incarnation *inc = old[i], *next; inc != NULL; inc = next) {
            struct hrd_incarnation **b = bucket(prd, &inc->id);

            next = inc->next;
            inc->next = *b;
            *b = inc;
        }
    hrp_free(old);
    return 0;
}

int prd_insert(struct hrd_producers *prd, struct hrd_incarnation *inc)
{
    int r = grow_buckets(prd);
    struct hrd_incarnation **b;

    if (r != 0)
        return r;
    b = bucket(prd, &inc->id);
    inc->next = *b;
    *b = inc;
    prd->n_incs++;
    return 0;
}

struct hrd_incarnation *hrd_producers_find(struct hrd_producers *prd, const struct hrp_id *incarnation)
{
    struct hrd_incarnation *inc = prd->n_buckets != 0 ? *bucket(prd, incarnation) : NULL;

    while (inc != NULL && hrp_id_cmp(&inc->id, incarnation) != 0)
        inc = inc->next;
    return inc;
}

/* ---- life ---- */

void prd_incarnation_free(struct hrd_incarnation *inc)
{
    for (uint32_t i = 0; i < inc->n_slots; i++)
        if (inc->slots[i] != NULL) {
            hrd_lane_record_fini(inc->slots[i]);
            hrp_free(inc->slots[i]);
        }
    hrp_free(inc->slots);
    hrd_incarnation_info_fini(&inc->info);
    hrp_free(inc);
}

void prd_fini(struct hrd_producers *prd)
{
    for (uint32_t i = 0; i < prd->n_buckets; i++)
        for (struct hrd_incarnation *inc = prd->buckets[i], *next; inc != NULL; inc = next) {
            next = inc->next;
            prd_incarnation_free(inc);
        }
    hrp_free(prd->buckets);
    hrd_totals_fini(&prd->totals);
    hrp_buf_fini(&prd->scratch);
    memset(prd, 0, sizeof *prd);
}

int hrd_producers_open(struct hrd_log *log, int64_t horizon_ns, int64_t now_wall_ns, struct hrd_producers **ret, struct hr_error *err)
{
    struct hrd_producers *prd = hrp_calloc(1, sizeof *prd);
    int r = prd != NULL ? 0 : HR_ENOMEM;

    if (r == 0) {
        prd->log = log;
        prd->horizon_ns = horizon_ns;
        r = prd_scan(prd);
    }
    if (r != 0) {
        hrd_producers_free(prd);
        return hr_error_set(err, r, "the producers' records can't be read: %s", hr_strerror(r));
    }
    *ret = prd;
    return 0;
}

void hrd_producers_free(struct hrd_producers *prd)
{
    if (prd == NULL)
        return;
    prd_fini(prd);
    hrp_free(prd);
}

/* One that was live stays so, also if the store does not know it any more (a daemon without fsync, after a power cut): its
 * sessions go on, and its next write tells who it is. */
static int reload_one(struct hrd_producers *fresh, struct hrd_incarnation *old)
{
    struct hrd_incarnation *inc;
    int r = prd_load(fresh, &old->id, &inc);

    if (r == HR_ENOENT) {
        inc = hrp_calloc(1, sizeof *inc);
        if (inc == NULL)
            return HR_ENOMEM;
        inc->id = old->id;
        inc->info = old->info;
        inc->info.app = hrp_strdup(old->info.app);
        inc->info.version = hrp_strdup(old->info.version);
        inc->info.host = hrp_strdup(old->info.host);
        inc->info_dirty = true;
        r = inc->info.app != NULL && inc->info.version != NULL && inc->info.host != NULL ? prd_insert(fresh, inc) : HR_ENOMEM;
        if (r != 0)
            prd_incarnation_free(inc);
    }
    if (r == HR_ECORRUPT || r == HR_EVERSION) { /* as if it had announced itself now: nobody speaks for it, its batches are parked */
        fresh->damaged++;
        return 0;
    }
    if (r == 0) {
        inc->refs = old->refs;
        if (inc->info_dirty)
            prd_list(fresh, inc);
    }
    return r;
}

int hrd_producers_reload(struct hrd_producers *prd, int64_t now_wall_ns, struct hr_error *err)
{
    struct hrd_producers fresh = {.log = prd->log, .horizon_ns = prd->horizon_ns};
    int r = prd_scan(&fresh);

    for (uint32_t i = 0; r == 0 && i < prd->n_buckets; i++)
        for (struct hrd_incarnation *inc = prd->buckets[i]; r == 0 && inc != NULL; inc = inc->next)
            if (inc->refs != 0)
                r = reload_one(&fresh, inc);
    if (r != 0) {
        prd_fini(&fresh);
        return hr_error_set(err, r, "the producers' records can't be read: %s", hr_strerror(r));
    }
    prd_fini(prd);
    *prd = fresh;
    return 0;
}

/* ---- changes ---- */

void prd_list(struct hrd_producers *prd, struct hrd_incarnation *inc)
{
    if (inc->listed)
        return;
    inc->listed = true;
    inc->next_dirty = prd->dirty;
    prd->dirty = inc;
}

static void seen(struct hrd_producers *prd, struct hrd_incarnation *inc, int64_t now_wall_ns)
{
    if (now_wall_ns - inc->info.last_seen_ns < LAST_SEEN_NS)
        return;
    inc->info.last_seen_ns = now_wall_ns;
    inc->info_dirty = true;
    prd_list(prd, inc);
}

static int make(struct hrd_producers *prd, const struct hrd_announce_msg *ann, int64_t now_wall_ns, struct hrd_incarnation **ret)
{
    struct hrd_incarnation *inc = hrp_calloc(1, sizeof *inc);
    struct hrd_incarnation_info *info;
    int r = HR_ENOMEM;

    if (inc == NULL)
        return HR_ENOMEM;
    info = &inc->info;
    inc->id = ann->incarnation;
    *info = (struct hrd_incarnation_info){
        .producer = ann->producer, .app = hrp_strdup(ann->app), .version = hrp_strdup(ann->version), .host = hrp_strdup(ann->host),
        .pid = ann->pid, .born_ns = ann->born_ns, .last_seen_ns = now_wall_ns, .expired = ann->born_ns < now_wall_ns - prd->horizon_ns};
    inc->info_dirty = true;
    if (info->app != NULL && info->version != NULL && info->host != NULL)
        r = prd_insert(prd, inc);
    if (r != 0)
        prd_incarnation_free(inc);
    else
        *ret = inc;
    return r;
}

int hrd_producers_announce(struct hrd_producers *prd, const struct hrd_announce_msg *ann, int64_t now_wall_ns)
{
    struct hrd_incarnation *inc = hrd_producers_find(prd, &ann->incarnation);
    int r = 0;

    if (inc == NULL) {
        r = prd_load(prd, &ann->incarnation, &inc);
        if (r == HR_ENOENT)
            r = make(prd, ann, now_wall_ns, &inc);
    }
    if (r != 0)
        return r;
    inc->pending++;
    prd_list(prd, inc);
    seen(prd, inc, now_wall_ns);
    return 0;
}

void hrd_producers_gone(struct hrd_producers *prd, const struct hrp_id *incarnation)
{
    struct hrd_incarnation *inc = hrd_producers_find(prd, incarnation), **at;

    if (inc == NULL || inc->refs == 0 || --inc->refs != 0)
        return;
    for (at = bucket(prd, incarnation); *at != inc; at = &(*at)->next)
        ;
    *at = inc->next;
    prd->n_incs--;
    (void)hrd_totals_past_add(&prd->totals, incarnation, &inc->info, &inc->sum); /* without memory it is only not shown */
    prd_incarnation_free(inc);
}

uint64_t hrd_producers_damaged(const struct hrd_producers *prd) { return prd->damaged; }
bool hrd_incarnation_expired(const struct hrd_incarnation *inc) { return inc->info.expired; }
const struct hrd_incarnation_info *hrd_incarnation_who(const struct hrd_incarnation *inc) { return &inc->info; }

int hrd_producers_lane(struct hrd_producers *prd, struct hrd_incarnation *inc, uint32_t stream_id, uint32_t lane, struct hrd_lane_record **ret)
{
    struct hrd_lane_record *rec = inc->n_slots != 0 ? inc->slots[record_place(inc, stream_id, lane)] : NULL;
    int r;

    if (rec != NULL) {
        *ret = rec;
        return 0;
    }
    if (inc->n_recs >= HRD_MAX_LANES)
        return HR_ELIMIT;
    rec = hrp_malloc(sizeof *rec);
    if (rec == NULL)
        return HR_ENOMEM;
    memset(rec, 0, sizeof *rec);
    hrd_lane_record_init(rec, stream_id, lane);
    r = hrd_totals_line(&prd->totals, stream_id, inc->info.app, inc->info.version, &rec->line);
    if (r == 0)
        r = prd_insert_record(inc, rec);
    if (r != 0)
        hrp_free(rec);
    else
        *ret = rec;
    return r;
}

/* The totals follow what changed in the record, or in the state of its incarnation. */
static void recount(struct hrd_producers *prd, struct hrd_incarnation *inc, struct hrd_lane_record *rec)
{
    struct hrd_terms terms;

    hrd_lane_record_terms(rec, prd_ended(&inc->info), &terms);
    hrd_totals_add(&prd->totals, rec->line, &rec->last, &terms);
    hrd_terms_add(&inc->sum, &rec->last, &terms);
    rec->last = terms;
}

void hrd_producers_touch(struct hrd_producers *prd, struct hrd_incarnation *inc, struct hrd_lane_record *rec, int64_t now_wall_ns)
{
    seen(prd, inc, now_wall_ns);
    if (rec->dirty)
        return;
    rec->dirty = true;
    rec->next_dirty = inc->dirty;
    inc->dirty = rec;
    prd_list(prd, inc);
}

int hrd_producers_close_incarnation(struct hrd_producers *prd, struct hrd_incarnation *inc, int64_t now_wall_ns)
{
    if (inc->info.closed)
        return 0;
    inc->info.closed = true;
    inc->info.last_seen_ns = now_wall_ns;
    inc->info_dirty = true;
    for (uint32_t i = 0; i < inc->n_slots; i++)
        if (inc->slots[i] != NULL)
            recount(prd, inc, inc->slots[i]);
    prd_list(prd, inc);
    return 0;
}

/* ---- writing ---- */

static void key_of(uint8_t key[25], const struct hrd_incarnation *inc, const struct hrd_lane_record *rec)
{
    memcpy(key, inc->id.b, 16);
    key[16] = 1;
    for (unsigned i = 0; i < 4; i++) {
        key[17 + i] = (uint8_t)(rec->stream_id >> (24 - 8 * i));
        key[21 + i] = (uint8_t)(rec->lane >> (24 - 8 * i));
    }
}

static void stage_one(struct hrd_producers *prd, struct hrd_incarnation *inc, struct hrd_group *g)
{
    struct hrp_buf *value = &prd->scratch;
    uint8_t key[25];

    memcpy(key, inc->id.b, 16);
    key[16] = 0;
    if (inc->info_dirty) {
        hrp_buf_clear(value);
        hrd_incarnation_info_put(value, &inc->info);
        hrd_group_put(g, HRD_CF_PRODUCERS, key, 17, value->p, value->n);
        if (value->err != 0)
            g->err = HR_ENOMEM;
        inc->info_dirty = false;
    }
    for (struct hrd_lane_record *rec; (rec = inc->dirty) != NULL;) {
        inc->dirty = rec->next_dirty;
        rec->dirty = false;
        recount(prd, inc, rec); /* once a group, however many segments of its batches touched it */
        key_of(key, inc, rec);
        hrp_buf_clear(value);
        hrd_lane_record_put(value, rec);
        hrd_group_put(g, HRD_CF_PRODUCERS, key, sizeof key, value->p, value->n);
        if (value->err != 0)
            g->err = HR_ENOMEM;
    }
}

int hrd_producers_stage(struct hrd_producers *prd, struct hrd_group *g)
{
    for (struct hrd_incarnation *inc = prd->dirty; inc != NULL; inc = inc->next_dirty)
        stage_one(prd, inc, g);
    return g->err;
}

void hrd_producers_publish(struct hrd_producers *prd)
{
    for (struct hrd_incarnation *inc; (inc = prd->dirty) != NULL;) {
        prd->dirty = inc->next_dirty;
        inc->listed = false;
        inc->refs += inc->pending;
        inc->pending = 0;
    }
}
