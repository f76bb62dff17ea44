#include "lane.h"

#define LANE_MAGIC "HRLANE1\n"
#define LANE_VERSION 1u

#define EXT_WEIGHT 1u
#define EXT_WIDE 2u
#define EXT_RAW 4u

_Static_assert(sizeof(struct hrs_slot) == 128, "a slot is two cache lines: one for the writer, one for the reader");
_Static_assert(offsetof(struct hrs_slot, floor_n) == 64, "the reader's line");
_Static_assert(offsetof(struct hrs_lane_head, head) == 64 && offsetof(struct hrs_lane_head, tail) == 128, "as drawn in lane.h");
_Static_assert(ATOMIC_LLONG_LOCK_FREE == 2, "positions are shared between processes");

uint8_t hrs_lane_reason_drop(enum hrs_lane_reason r)
{
    static const uint8_t drop[HRS_LANE_REASONS] = {
        [HRS_LANE_FULL] = HRP_DROP_FULL,     [HRS_LANE_TOOBIG] = HRP_DROP_TOOBIG,   [HRS_LANE_CLOSED] = HRP_DROP_CLOSED,
        [HRS_LANE_MEMORY] = HRP_DROP_MEMORY, [HRS_LANE_SAMPLED] = HRP_DROP_SAMPLED, [HRS_LANE_OFF] = HRP_DROP_OFF,
    };

    return drop[r];
}

size_t hrs_lane_region_bytes(uint64_t ring_bytes)
{
    return HRS_LANE_RING_AT + (size_t)ring_bytes;
}

static void view(struct hrs_lane *l, void *region)
{
    memset(l, 0, sizeof *l);
    l->map = region;
    l->slots = (struct hrs_slot *)((uint8_t *)region + HRS_LANE_SLOTS_AT);
    l->ring = (uint8_t *)region + HRS_LANE_RING_AT;
    l->ring_bytes = l->map->ring_bytes;
    l->number = l->map->number;
}

static uint32_t head_check(const struct hrs_lane_head *h)
{
    return hrp_check32(h, offsetof(struct hrs_lane_head, check));
}

static void note_opened(struct hrs_lane *l, uint32_t type)
{
    uint32_t n = atomic_load_explicit(&l->n_opened, memory_order_relaxed);

    l->opened[n] = (uint16_t)type;
    atomic_store_explicit(&l->n_opened, n + 1, memory_order_release); /* pairs with the acquire in hrs_lane_n_opened */
}

uint32_t hrs_lane_n_opened(const struct hrs_lane *l)
{
    return atomic_load_explicit(&l->n_opened, memory_order_acquire);
}

void hrs_lane_init(struct hrs_lane *l, void *region, uint64_t ring_bytes, uint32_t number, const struct hrp_id *incarnation)
{
    struct hrs_lane_head *h = region;

    memcpy(h->magic, LANE_MAGIC, sizeof h->magic);
    h->version = LANE_VERSION;
    h->number = number;
    h->ring_bytes = ring_bytes;
    h->incarnation = *incarnation;
    h->check = head_check(h);
    view(l, region);
}

int hrs_lane_attach(struct hrs_lane *l, void *region, size_t n_bytes, const struct hrp_id *incarnation)
{
    struct hrs_lane_head *h = region;
    uint64_t head;

    if (n_bytes < HRS_LANE_RING_AT + HRS_LANE_MIN_RING || memcmp(h->magic, LANE_MAGIC, sizeof h->magic) != 0 ||
        h->version != LANE_VERSION || h->check != head_check(h) || hrp_id_cmp(&h->incarnation, incarnation) != 0)
        return HR_ECORRUPT;
    if ((h->ring_bytes & (h->ring_bytes - 1)) != 0 || h->ring_bytes != n_bytes - HRS_LANE_RING_AT)
        return HR_ECORRUPT;
    view(l, region);
    for (uint32_t type = 0; type < HRS_MAX_TYPES; type++)
        if (hrs_lane_next_n(l, type) != 0)
            note_opened(l, type);
    return hrs_lane_look(l, &head);
}

/* ---- writer ---- */

void hrs_lane_open_type(struct hrs_lane *l, uint32_t type, uint64_t n_before)
{
    struct hrs_slot *s = &l->slots[type];

    atomic_store_explicit(&s->floor_n, 1, memory_order_relaxed);
    s->last_n = n_before;
    atomic_store_explicit(&s->dropped[HRS_LANE_MEMORY], n_before, memory_order_relaxed);
    atomic_store_explicit(&s->next_n, n_before + 1, memory_order_release); /* pairs with the acquire in hrs_lane_next_n */
    note_opened(l, type);
}

/* What stands between the record's head and its bytes, for a record of kind EXT. */
static uint32_t put_ext(uint8_t *p, const struct hrs_slot *s, bool wide, uint32_t weight, const char *reason, size_t n_reason)
{
    uint8_t *start = p;
    uint64_t n = atomic_load_explicit(&s->next_n, memory_order_relaxed);

    *p++ = (uint8_t)((weight != 1 ? EXT_WEIGHT : 0) | (wide ? EXT_WIDE : 0) | (reason != NULL ? EXT_RAW : 0));
    if (wide) {
        memcpy(p, &n, 8);
        p += 8;
    }
    if (weight != 1) {
        memcpy(p, &weight, 4);
        p += 4;
    }
    if (reason != NULL) {
        *p++ = (uint8_t)n_reason;
        memcpy(p, reason, n_reason);
        p += n_reason;
    }
    return (uint32_t)(p - start);
}

uint32_t hrs_lane_put_wide(struct hrs_lane *l, uint32_t type, uint8_t *p)
{
    return put_ext(p, &l->slots[type], true, 1, NULL, 0);
}

int hrs_lane_log(struct hrs_lane *l, uint32_t type, int64_t event_time_ns, uint32_t weight, const char *reason, const void *bytes,
                 size_t n_bytes)
{
    struct hrs_slot *s = &l->slots[type];
    bool wide = hrs_lane_wide(s), ext = wide || weight != 1 || reason != NULL;
    size_t n_reason = reason != NULL ? strnlen(reason, 255) : 0;
    size_t need = HRS_REC_HEAD + (ext ? 1 + 8 + 4 + 1 + n_reason : 0) + n_bytes;
    uint32_t size = HRS_REC_HEAD;
    uint8_t *rec;

    if (n_bytes > HRS_REC_MAX || need > HRS_REC_MAX || need > l->ring_bytes / 2) {
        hrs_lane_drop(l, type, HRS_LANE_TOOBIG);
        return HR_ETOOBIG;
    }
    rec = hrs_lane_reserve(l, need);
    if (rec == NULL) {
        hrs_lane_drop(l, type, HRS_LANE_FULL);
        return HR_EFULL;
    }
    memcpy(rec + 8, &event_time_ns, 8);
    if (ext)
        size += put_ext(rec + size, s, wide, weight, reason, n_reason);
    if (n_bytes != 0)
        memcpy(rec + size, bytes, n_bytes);
    hrs_lane_publish(l, type, ext ? HRS_REC_EXT : HRS_REC_ROW, rec, size + (uint32_t)n_bytes);
    return 0;
}

/* ---- reader ---- */

uint64_t hrs_lane_tail(const struct hrs_lane *l)
{
    return atomic_load_explicit(&l->map->tail, memory_order_relaxed); /* the reader's own */
}

int hrs_lane_look(const struct hrs_lane *l, uint64_t *ret_head)
{
    uint64_t head = atomic_load_explicit(&l->map->head, memory_order_acquire); /* pairs with the release in hrs_lane_publish */

    if (head - hrs_lane_tail(l) > l->ring_bytes)
        return HR_ECORRUPT;
    *ret_head = head;
    return 0;
}

uint64_t hrs_lane_next_n(const struct hrs_lane *l, uint32_t type)
{
    return atomic_load_explicit(&l->slots[type].next_n, memory_order_acquire); /* pairs with the releases of the writer */
}

static int read_ext(struct hrp_reader *r, struct hrs_record *ret)
{
    uint8_t flags = hrp_read_u8(r);

    if ((flags & ~(EXT_WEIGHT | EXT_WIDE | EXT_RAW)) != 0)
        return HR_ECORRUPT;
    ret->wide = (flags & EXT_WIDE) != 0;
    if (ret->wide)
        ret->n = hrp_read_u64(r);
    if ((flags & EXT_WEIGHT) != 0)
        ret->weight = hrp_read_u32(r);
    if ((flags & EXT_RAW) != 0) {
        ret->n_reason = hrp_read_u8(r);
        ret->reason = (const char *)hrp_read_bytes(r, ret->n_reason);
    }
    return r->bad ? HR_ECORRUPT : 0;
}

int hrs_lane_read(const struct hrs_lane *l, uint64_t *at, uint64_t head, struct hrs_record *ret)
{
    uint64_t from = *at, place = from & (l->ring_bytes - 1), to_end = l->ring_bytes - place, word = 0, size;
    struct hrp_reader r;

    if (from == head)
        return 0;
    if (to_end >= HRS_REC_HEAD)
        memcpy(&word, l->ring + place, 8);
    if (to_end < HRS_REC_HEAD || (word >> 27 & 3) == HRS_REC_SKIP) {
        from += to_end;
        place = 0;
        to_end = l->ring_bytes;
        if (head - *at < from - *at + HRS_REC_HEAD) /* a skip is published together with the record behind it */
            return HR_ECORRUPT;
        memcpy(&word, l->ring, 8);
    }
    size = word & HRS_REC_MAX;
    if (size < HRS_REC_HEAD || size > to_end || size > head - from || (word >> 27 & 3) > HRS_REC_EXT)
        return HR_ECORRUPT;
    r = hrp_reader(l->ring + place + 8, size - 8);
    *ret = (struct hrs_record){.at = *at, .end = from + size, .type = word >> 17 & (HRS_MAX_TYPES - 1), .n = word >> 29, .weight = 1};
    ret->event_time_ns = (int64_t)hrp_read_u64(&r);
    if ((word >> 27 & 3) == HRS_REC_EXT && read_ext(&r, ret) != 0)
        return HR_ECORRUPT;
    ret->n_bytes = (uint32_t)hrp_reader_left(&r);
    ret->bytes = hrp_read_bytes(&r, ret->n_bytes);
    *at = ret->end;
    return 1;
}

uint64_t hrs_record_n(const struct hrs_record *r, uint64_t expect_n)
{
    const uint64_t span = UINT64_C(1) << 35;
    uint64_t ahead = (r->n - expect_n) & (span - 1);

    if (r->wide)
        return r->n;
    /* The nearer of the two: records already published stand a little below what is expected, after a crash. */
    return ahead < span / 2 || expect_n + ahead < span ? expect_n + ahead : expect_n + ahead - span;
}

void hrs_lane_dropped(const struct hrs_lane *l, uint32_t type, uint64_t ret[HRS_LANE_REASONS])
{
    for (unsigned i = 0; i < HRS_LANE_REASONS; i++)
        ret[i] = atomic_load_explicit(&l->slots[type].dropped[i], memory_order_acquire); /* pairs with hrs_lane_drop */
}

uint64_t hrs_lane_floor(const struct hrs_lane *l, uint32_t type)
{
    return atomic_load_explicit(&l->slots[type].floor_n, memory_order_relaxed); /* the reader's own */
}

void hrs_lane_reported(const struct hrs_lane *l, uint32_t type, uint64_t ret[HRS_LANE_REASONS])
{
    for (unsigned i = 0; i < HRS_LANE_REASONS; i++)
        ret[i] = atomic_load_explicit(&l->slots[type].reported[i], memory_order_relaxed);
}

void hrs_lane_set_floor(struct hrs_lane *l, uint32_t type, uint64_t floor_n, const uint64_t reported[HRS_LANE_REASONS])
{
    for (unsigned i = 0; i < HRS_LANE_REASONS; i++)
        atomic_store_explicit(&l->slots[type].reported[i], reported[i], memory_order_relaxed);
    atomic_store_explicit(&l->slots[type].floor_n, floor_n, memory_order_release); /* before the tail, for an adopter */
}

void hrs_lane_free(struct hrs_lane *l, uint64_t tail)
{
    atomic_store_explicit(&l->map->tail, tail, memory_order_release); /* pairs with the acquire in hrs_lane_reserve */
}
