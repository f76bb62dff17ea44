/* A lane: the ring of one application thread. One writer (that thread), one reader (the sender, or whoever adopts the
 * folder of a dead process). It lives in a region that the caller maps, so that it outlives the process as a file does.
 *
 *   0      head: magic, version, lane, ring size, incarnation, check     written once
 *   64     head position                                                 writer
 *   128    tail position                                                 reader
 *   4096   slots[1024]: per event type the next number, drops by reason, floor
 *   ...    ring: records one after another, at any alignment; none straddles the end
 *
 *   record    u64  bits 0-16 size with this header, 17-26 type, 27-28 kind, 29-63 low 35 bits of n
 *             i64  event time
 *             row  protobuf wire; or, for kind EXT: u8 flags, [u64 n], [u32 weight], [u8 length, reason], row or raw bytes
 *
 * Promises, each with a test of that number:
 * (1) A call is a whole record or a counted drop or left no trace. Record: head moves first, next_n second. Drop: next_n
 *     first, the reason second. So a reader that takes next_n and then head knows that a number below next_n without a
 *     record was dropped; a drop without reason belongs to a call that never returned.
 * (2) floor_n moves after the batch with all numbers below it is published and before the tail passes their records: what
 *     is below floor_n is never made into a row or a drop again, what is not was never freed.
 * (3) n of a record is found again from 35 bits: the writer stores it whole when 2^33 numbers passed since the last one.
 * (4) Nothing read from the region is trusted: positions, sizes, types, order of numbers.
 *
 * Nothing here allocates, takes locks or calls the system. */
#ifndef HRS_LANE_H
#define HRS_LANE_H
#include "batch.h"
#include <stdatomic.h>
#include <string.h>

#define HRS_MAX_TYPES 1024u
#define HRS_LANE_SLOTS_AT 4096u
#define HRS_LANE_RING_AT (HRS_LANE_SLOTS_AT + HRS_MAX_TYPES * (uint32_t)sizeof(struct hrs_slot))
#define HRS_LANE_MIN_RING 4096u
#define HRS_REC_HEAD 16u
#define HRS_REC_MAX 131071u       /* 17 bits */
#define HRS_REC_WIDE (UINT64_C(1) << 33)

/* Why the writer dropped; the place in dropped[]. hrs_lane_reason_drop gives the wire's number. */
enum hrs_lane_reason { HRS_LANE_FULL, HRS_LANE_TOOBIG, HRS_LANE_CLOSED, HRS_LANE_MEMORY, HRS_LANE_SAMPLED, HRS_LANE_OFF, HRS_LANE_REASONS };
uint8_t hrs_lane_reason_drop(enum hrs_lane_reason r);

struct hrs_slot {
    /* the writer's cache line */
    _Atomic uint64_t next_n;    /* number of the next call; 0: the type was not used in this lane yet */
    uint64_t last_n;            /* of the newest record; the writer alone reads it */
    _Atomic uint64_t dropped[HRS_LANE_REASONS];
    /* the reader's cache line */
    _Atomic uint64_t floor_n;   /* every number below it is in a published batch */
    _Atomic uint64_t reported[HRS_LANE_REASONS]; /* drops that are */
    _Atomic uint32_t control;   /* what the collector asks of this stream: 0 log, HRS_CONTROL_OFF, n: keep one call in n */
    uint32_t spare;
};
#define HRS_CONTROL_OFF UINT32_MAX

struct hrs_lane_head {
    char magic[8];
    uint32_t version, number;
    uint64_t ring_bytes;
    struct hrp_id incarnation;
    uint32_t reserved, check;   /* check32 of all before it */
    uint8_t pad[64 - 48];
    _Atomic uint64_t head;      /* bytes ever written, skips included */
    uint8_t pad2[56];
    _Atomic uint64_t tail;      /* bytes ever freed */
    uint8_t pad3[56];
};

/* This process's view of a lane. */
struct hrs_lane {
    struct hrs_lane_head *map;
    struct hrs_slot *slots;     /* [HRS_MAX_TYPES] */
    uint8_t *ring;
    uint64_t ring_bytes;        /* power of two */
    uint32_t number;
    uint64_t w_head, w_tail;    /* writer: its head, and the newest tail it has seen */
    _Atomic uint32_t n_opened;  /* writer > reader: types used in this lane, in order of first use */
    uint16_t opened[HRS_MAX_TYPES];
};

/* Bytes of a region for a ring of ring_bytes. */
size_t hrs_lane_region_bytes(uint64_t ring_bytes);
/* Make a lane in a zeroed, 64-byte aligned region. ring_bytes: power of two, at least HRS_LANE_MIN_RING. */
void hrs_lane_init(struct hrs_lane *l, void *region, uint64_t ring_bytes, uint32_t number, const struct hrp_id *incarnation);
/* Look at an existing one, for reading. HR_ECORRUPT: head damaged, or of another incarnation, or head and tail can't be. */
int hrs_lane_attach(struct hrs_lane *l, void *region, size_t n_bytes, const struct hrp_id *incarnation);

/* ---- writer ---- */

/* Before a type's first row in this lane: its slot starts at 1, after n_before calls that were dropped for want of memory. */
void hrs_lane_open_type(struct hrs_lane *l, uint32_t type, uint64_t n_before);

/* A drop takes a number (promise 1). release: pairs with the acquire in hrs_lane_look and hrs_lane_unreported. */
static inline void hrs_lane_drop(struct hrs_lane *l, uint32_t type, enum hrs_lane_reason reason)
{
    struct hrs_slot *s = &l->slots[type];
    uint64_t n = atomic_load_explicit(&s->next_n, memory_order_relaxed);
    uint64_t d = atomic_load_explicit(&s->dropped[reason], memory_order_relaxed);

    atomic_store_explicit(&s->next_n, n + 1, memory_order_release);
    atomic_store_explicit(&s->dropped[reason], d + 1, memory_order_release);
}

static inline bool hrs_lane_wide(const struct hrs_slot *s)
{
    return atomic_load_explicit(&s->next_n, memory_order_relaxed) - s->last_n >= HRS_REC_WIDE;
}

/* The EXT part of a row whose number must be stored whole; returns its 9 bytes' count. */
uint32_t hrs_lane_put_wide(struct hrs_lane *l, uint32_t type, uint8_t *p);

/* Room for a record of at most need bytes, header included; NULL: the lane is full. Nothing is published yet. */
static inline uint8_t *hrs_lane_reserve(struct hrs_lane *l, uint64_t need)
{
    uint64_t at = l->w_head & (l->ring_bytes - 1), to_end = l->ring_bytes - at;
    uint64_t total = need <= to_end ? need : to_end + need;

    if (l->w_head + total - l->w_tail > l->ring_bytes) {
        l->w_tail = atomic_load_explicit(&l->map->tail, memory_order_acquire); /* pairs with the release in hrs_lane_free */
        if (l->w_head + total - l->w_tail > l->ring_bytes)
            return NULL;
    }
    return l->ring + (need <= to_end ? at : 0);
}

#define HRS_REC_ROW 0u
#define HRS_REC_EXT 1u
#define HRS_REC_SKIP 2u
static inline uint64_t hrs_rec_word(uint64_t size, uint32_t type, uint32_t kind, uint64_t n)
{
    return size | (uint64_t)type << 17 | (uint64_t)kind << 27 | n << 29;
}

/* Publish the record that stands at rec: size bytes, its time already at rec + 8. */
static inline void hrs_lane_publish(struct hrs_lane *l, uint32_t type, uint32_t kind, uint8_t *rec, uint32_t size)
{
    struct hrs_slot *s = &l->slots[type];
    uint64_t at = l->w_head & (l->ring_bytes - 1), rec_at = (uint64_t)(rec - l->ring), word;
    uint64_t n = atomic_load_explicit(&s->next_n, memory_order_relaxed);

    if (rec_at != at) { /* it went to the start: what is left before the end is skipped */
        uint64_t skip = l->ring_bytes - at;

        if (skip >= HRS_REC_HEAD) {
            word = hrs_rec_word(skip < HRS_REC_MAX ? skip : HRS_REC_MAX, 0, HRS_REC_SKIP, 0);
            memcpy(l->ring + at, &word, sizeof word);
        }
        l->w_head += skip;
    }
    word = hrs_rec_word(size, type, kind, n);
    memcpy(rec, &word, sizeof word);
    l->w_head += size;
    s->last_n = n;
    atomic_store_explicit(&l->map->head, l->w_head, memory_order_release); /* pairs with the acquire in hrs_lane_look */
    atomic_store_explicit(&s->next_n, n + 1, memory_order_release);
}

/* Whole calls for what is not the hot path (weights, raw rows, the simulator). 0; HR_EFULL, HR_ETOOBIG: dropped and counted.
 * reason NULL: a row; else raw bytes (a reason longer than 255 bytes is cut). weight 1 is not stored. */
int hrs_lane_log(struct hrs_lane *l, uint32_t type, int64_t event_time_ns, uint32_t weight, const char *reason, const void *bytes,
                 size_t n_bytes);

/* ---- reader ---- */

struct hrs_record {
    uint64_t at, end;           /* positions: the tail may move to end when the record's batch is published */
    uint32_t type, n_bytes, weight;
    uint64_t n;                 /* whole if wide, else its low 35 bits */
    bool wide;
    int64_t event_time_ns;
    const uint8_t *bytes;       /* in the ring: until the tail passes */
    const char *reason;         /* raw row: n_reason bytes, no NUL; row: NULL */
    uint32_t n_reason;
};
uint64_t hrs_lane_tail(const struct hrs_lane *l);
/* Head, to drain up to. Take the numbers (hrs_lane_next_n) before it. HR_ECORRUPT: it can't be. */
int hrs_lane_look(const struct hrs_lane *l, uint64_t *ret_head);
uint64_t hrs_lane_next_n(const struct hrs_lane *l, uint32_t type); /* 0: never used */
/* How many of l->opened[] may be read. */
uint32_t hrs_lane_n_opened(const struct hrs_lane *l);
/* The record at *at, below head: 1 and *at moved behind it; 0: none left; HR_ECORRUPT: *at unmoved. */
int hrs_lane_read(const struct hrs_lane *l, uint64_t *at, uint64_t head, struct hrs_record *ret);
/* n of a record, given the number expected next for its type (promise 3). */
uint64_t hrs_record_n(const struct hrs_record *r, uint64_t expect_n);
/* Drops by reason that the slot counts. */
void hrs_lane_dropped(const struct hrs_lane *l, uint32_t type, uint64_t ret[HRS_LANE_REASONS]);
uint64_t hrs_lane_floor(const struct hrs_lane *l, uint32_t type);
void hrs_lane_reported(const struct hrs_lane *l, uint32_t type, uint64_t ret[HRS_LANE_REASONS]);
/* What calls of this type do from now on; the writer sees it soon, not at once. */
static inline void hrs_lane_set_control(struct hrs_lane *l, uint32_t type, uint32_t control)
{
    atomic_store_explicit(&l->slots[type].control, control, memory_order_relaxed);
}
/* After the batch was published: (2) first the floor of each of its types, then the tail. */
void hrs_lane_set_floor(struct hrs_lane *l, uint32_t type, uint64_t floor_n, const uint64_t reported[HRS_LANE_REASONS]);
void hrs_lane_free(struct hrs_lane *l, uint64_t tail);
#endif
