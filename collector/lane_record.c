/* The algebra of resolved numbers: one lane of one stream of one incarnation. Plain functions.
 *
 * Stored form: u8 1; varints next, floor, accepted, quarantined; varint k, then k x (u8 reason, varint count) of drops that
 * are not 0; varint trimmed; resolved ranges (ranges.h); u32 check32 of all before. */
#include "producers.h"
#include "plant.h"
#include <string.h>

#define FORMAT 1

#ifdef HRP_FAULTS
enum hrd_plant hrd_plant = HRD_PLANT_NONE;
#endif

void hrd_lane_record_init(struct hrd_lane_record *rec, uint32_t stream_id, uint32_t lane)
{
    *rec = (struct hrd_lane_record){.stream_id = stream_id, .lane = lane, .next = 1, .floor = 1};
}

void hrd_lane_record_fini(struct hrd_lane_record *rec) { hrd_ranges_fini(&rec->resolved); }

static uint64_t highest(const struct hrd_lane_record *rec)
{
    return rec->resolved.n != 0 ? rec->resolved.r[rec->resolved.n - 1].to - 1 : 0;
}

/* Index of the first range that ends after n. */
static uint32_t first_after(const struct hrd_ranges *s, uint64_t n)
{
    uint32_t lo = 0, hi = s->n;

    while (lo < hi) {
        uint32_t mid = lo + (hi - lo) / 2;

        if (s->r[mid].to <= n)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

/* What of [from, to) is not in s. */
static int holes(const struct hrd_ranges *s, uint64_t from, uint64_t to, struct hrd_ranges *ret)
{
    uint32_t i = first_after(s, from);
    int r = 0;

    for (; r == 0 && from < to; i++) {
        uint64_t stop = i < s->n && s->r[i].from < to ? s->r[i].from : to;

        if (from < stop)
            r = hrd_ranges_add(ret, from, stop);
        from = i < s->n ? s->r[i].to : to;
    }
    return r;
}

static int unresolved(const struct hrd_lane_record *rec, uint64_t from, uint64_t to, struct hrd_ranges *ret)
{
    if (hrd_plant == HRD_PLANT_TRIM_OFF)
        return hrd_ranges_add(ret, from, to);
    if (hrd_plant == HRD_PLANT_WATERMARK)
        return hrd_ranges_add(ret, from > highest(rec) ? from : highest(rec) + 1, to);
    return holes(&rec->resolved, from, to, ret);
}

int hrd_lane_record_resolve(struct hrd_lane_record *rec, uint64_t first_n, uint64_t count, struct hrd_ranges *fresh)
{
    int r;

    fresh->n = 0;
    if (count == 0)
        return 0;
    r = unresolved(rec, first_n, first_n + count, fresh);
    if (r == 0)
        r = hrd_ranges_add(&rec->resolved, first_n, first_n + count);
    if (r != 0) {
        fresh->n = 0;
        return r;
    }
    rec->trimmed += count - hrd_ranges_count(fresh);
    return 0;
}

void hrd_lane_record_report(struct hrd_lane_record *rec, uint64_t next, uint64_t floor)
{
    if (next > rec->next)
        rec->next = next;
    if (floor > rec->floor)
        rec->floor = floor;
}

static uint64_t resolved_below(const struct hrd_ranges *s, uint64_t n)
{
    uint64_t sum = 0;

    for (uint32_t i = 0; i < s->n && s->r[i].from < n; i++)
        sum += (s->r[i].to < n ? s->r[i].to : n) - s->r[i].from;
    return sum;
}

void hrd_lane_record_terms(const struct hrd_lane_record *rec, bool closed, struct hrd_terms *ret)
{
    uint64_t below, open;

    memset(ret, 0, sizeof *ret);
    ret->logged = rec->next - 1 > highest(rec) ? rec->next - 1 : highest(rec);
    ret->accepted = rec->accepted;
    ret->quarantined = rec->quarantined;
    memcpy(ret->dropped, rec->dropped, sizeof ret->dropped);
    ret->trimmed = rec->trimmed;
    open = ret->logged - hrd_ranges_count(&rec->resolved);
    below = rec->floor - 1 < ret->logged ? rec->floor : ret->logged + 1;
    ret->missing = closed ? open : below - 1 - resolved_below(&rec->resolved, below);
    ret->in_flight = open - ret->missing;
}

bool hrd_terms_balanced(const struct hrd_terms *t)
{
    uint64_t sum = t->accepted + t->quarantined + t->in_flight + t->missing;

    for (unsigned i = 0; i < HRP_DROP_N; i++)
        sum += t->dropped[i];
    return sum == t->logged;
}

void hrd_lane_record_put(struct hrp_buf *out, const struct hrd_lane_record *rec)
{
    size_t from = out->n;
    uint32_t k = 0;

    hrp_put_u8(out, FORMAT);
    hrp_put_varint(out, rec->next);
    hrp_put_varint(out, rec->floor);
    hrp_put_varint(out, rec->accepted);
    hrp_put_varint(out, rec->quarantined);
    for (unsigned i = 0; i < HRP_DROP_N; i++)
        k += rec->dropped[i] != 0;
    hrp_put_varint(out, k);
    for (unsigned i = 0; i < HRP_DROP_N; i++) {
        if (rec->dropped[i] == 0)
            continue;
        hrp_put_u8(out, (uint8_t)i);
        hrp_put_varint(out, rec->dropped[i]);
    }
    hrp_put_varint(out, rec->trimmed);
    hrd_ranges_put(out, &rec->resolved);
    if (out->err == 0)
        hrp_put_u32(out, hrp_check32(out->p + from, out->n - from));
}

static int read_dropped(struct hrp_reader *r, struct hrd_lane_record *rec)
{
    uint64_t k = hrp_read_varint(r);

    if (k > HRP_DROP_N)
        return HR_ECORRUPT;
    while (k-- > 0) {
        uint8_t reason = hrp_read_u8(r);

        if (r->bad || reason >= HRP_DROP_N)
            return HR_ECORRUPT;
        rec->dropped[reason] = hrp_read_varint(r);
    }
    return 0;
}

int hrd_lane_record_read(const uint8_t *p, size_t n, struct hrd_lane_record *ret)
{
    struct hrp_reader r = hrp_reader(p, n);
    struct hrd_lane_record rec;
    int e;

    hrd_lane_record_init(&rec, ret->stream_id, ret->lane);
    if (n > 0 && p[0] != FORMAT)
        return HR_EVERSION;
    hrp_read_u8(&r);
    rec.next = hrp_read_varint(&r);
    rec.floor = hrp_read_varint(&r);
    rec.accepted = hrp_read_varint(&r);
    rec.quarantined = hrp_read_varint(&r);
    e = read_dropped(&r, &rec);
    rec.trimmed = hrp_read_varint(&r);
    if (e == 0)
        e = hrd_ranges_read(&r, &rec.resolved);
    if (e == 0 && (rec.next == 0 || rec.floor == 0 || hrp_reader_left(&r) != 4 || hrp_read_u32(&r) != hrp_check32(p, n - 4)))
        e = HR_ECORRUPT;
    if (e != 0) {
        hrd_lane_record_fini(&rec);
        return e;
    }
    *ret = rec;
    return 0;
}
