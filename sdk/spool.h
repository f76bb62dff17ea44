/* The outbox: every sealed batch of every incarnation this client answers for, until the collector has it on disk.
 * A state machine over a small storage interface: files in the incarnation's folder (spool_dir.c), the simulator's disk,
 * or none, in which case the bytes stay on the heap.
 *
 *   SEALED > IN_FLIGHT [hrs_spool_sent]       IN_FLIGHT > SEALED [hrs_spool_lost, hrs_spool_retry]
 *   IN_FLIGHT > PARKED [hrs_spool_park]       PARKED > SEALED    [hrs_spool_lost], > IN_FLIGHT [when its time has come]
 *   IN_FLIGHT > gone   [hrs_spool_acked]      SEALED, PARKED > drops [evict_oldest, inside hrs_spool_add]
 *
 * Promises:
 * (1) A batch whose put succeeded is published: it outlives the process. One whose put failed is kept on the heap and
 *     tried again; the rows of its lanes stay pinned until it is published or acknowledged (hrs_spool_safe).
 * (2) At the cap the oldest batch not in flight is given up: its numbers become drops, under the same id or in an older
 *     batch of drops, in the same step in which its rows end. If that makes no room, add says HR_EFULL and the rows stay
 *     in their lanes.
 * (3) A batch that may have reached one store is not sent to another one: it is held until released (rule 9).
 * (4) A batch that a collector can't bear holds up nobody: after a few connections that ended with it, it is tried ever
 *     more rarely, and the others go on. It is never given up for that alone: the next collector may know it. */
#ifndef HRS_SPOOL_H
#define HRS_SPOOL_H
#include "inc.h"
#include "stats.h"

struct hrs_store_ops { /* 0 or HR_E*; the shell's virtual disk. All NULL-able as a whole: no storage */
    /* Publish under the id, or replace it, atomically with respect to a kill. */
    int (*put)(void *arg, struct hrs_inc *inc, uint64_t id, const void *p, size_t n_bytes);
    int (*get)(void *arg, struct hrs_inc *inc, uint64_t id, struct hrp_buf *out); /* appends */
    int (*del)(void *arg, struct hrs_inc *inc, uint64_t id);
    int (*list)(void *arg, struct hrs_inc *inc, int (*fn)(void *ctx, uint64_t id), void *ctx);
    /* Remember that inc's batches go to this store generation, before the first one is sent. */
    int (*put_store)(void *arg, struct hrs_inc *inc, const struct hrp_id *generation);
};

enum hrs_bstate { HRS_B_SEALED, HRS_B_IN_FLIGHT, HRS_B_PARKED };

struct hrs_span { /* numbers of one lane that a batch resolves: least and one past the greatest */
    uint32_t lane;
    uint64_t first_n, end_n;
};
struct hrs_batch {
    struct hrs_inc *inc;
    struct hrs_batch *prev, *next;   /* age order */
    uint64_t id;
    uint32_t type_id, n_rows, n_bytes, n_segments; /* n_rows 0: drops only */
    enum hrs_bstate state;
    bool published, sent;            /* sent: ever, so its outcome may be unknown */
    bool merged;                     /* drops of several batches: its spans have holes */
    struct hrp_id sent_to;           /* when sent: the store generation */
    int64_t retry_at_mono_ns;        /* not before, when SEALED or PARKED */
    uint32_t blamed;                 /* connections that ended badly while it was the first in flight */
    uint8_t *bytes;                  /* or NULL: to be read back from storage */
    uint32_t n_spans;
    struct hrs_span *spans;
};

struct hrs_spool {
    const struct hrs_store_ops *ops; /* NULL: heap only */
    void *arg;
    struct hrs_stats *stats;
    uint64_t cap_bytes, used_bytes;  /* used: of the cap, files in whole pages */
    uint64_t n_bytes, heap_bytes, heap_keep_bytes, in_flight_bytes;
    uint32_t cap_batches, n_batches, n_unpublished;
    uint32_t n_avoided;              /* tried rarely (4) */
    int64_t retry_due_mono_ns;       /* no retry is due between the last look and this; INT64_MAX: none */
    struct hrs_batch *first, *last;
    struct hrs_inc **incs;           /* all incarnations the client answers for; owned by the agent */
    uint32_t n_incs, cap_incs;
};

void hrs_spool_init(struct hrs_spool *sp, const struct hrs_store_ops *ops, void *arg, uint64_t cap_bytes, struct hrs_stats *stats);
void hrs_spool_fini(struct hrs_spool *sp);
int hrs_spool_add_inc(struct hrs_spool *sp, struct hrs_inc *inc);
void hrs_spool_remove_inc(struct hrs_spool *sp, struct hrs_inc *inc); /* forgets its batches; leaves storage as it is */
/* Sealed batches that storage already holds for an adopted incarnation. Sets inc->next_batch_id. Damaged ones are deleted
 * and counted (HR_STAT_TORN) when not even their numbers can be read. each: called for every one kept, by ascending id. */
int hrs_spool_load(struct hrs_spool *sp, struct hrs_inc *inc, void (*each)(void *arg, const struct hrp_batch_head *head), void *arg);

/* Add a sealed batch; takes *bytes (a copy of nothing: the buffer changes hands, *bytes is NULL after success).
 * 0: published, or kept on the heap for now (hrs_spool_safe tells). HR_EFULL: no room even by evicting; HR_ENOMEM. */
int hrs_spool_add(struct hrs_spool *sp, struct hrs_inc *inc, const struct hrp_batch_head *head, uint8_t **bytes, uint32_t n_bytes);
bool hrs_spool_safe(const struct hrs_spool *sp, const struct hrs_inc *inc, uint64_t id); /* published, or gone */
void hrs_spool_retry_puts(struct hrs_spool *sp); /* try unpublished ones again; called now and then */

/* The next batch that may go to the store `generation` now, oldest first; NULL: none. ready(): its type's offer is through. */
struct hrs_batch *hrs_spool_next(struct hrs_spool *sp, const struct hrp_id *generation, int64_t now_mono_ns,
                                 bool (*ready)(void *arg, const struct hrs_batch *b), void *arg);
/* When the next retry after now is due; INT64_MAX: none. */
int64_t hrs_spool_next_retry(struct hrs_spool *sp, int64_t now_mono_ns);
/* Bytes of a batch: *ret points to those on the heap, or into scratch, where they were read from storage. HR_ECORRUPT:
 * damaged; its numbers now go as drops (torn) under the same id, or b is gone: begin again. Another error: not now. */
int hrs_spool_bytes(struct hrs_spool *sp, struct hrs_batch *b, struct hrp_buf *scratch, const uint8_t **ret);
void hrs_spool_sent(struct hrs_spool *sp, struct hrs_batch *b, const struct hrp_id *generation);
struct hrs_batch *hrs_spool_find(const struct hrs_spool *sp, const struct hrp_id *inc, uint64_t id); /* NULL: none */
void hrs_spool_acked(struct hrs_spool *sp, struct hrs_batch *b);   /* durable: deleted everywhere */
void hrs_spool_retry(struct hrs_spool *sp, struct hrs_batch *b, int64_t at_mono_ns);
void hrs_spool_park(struct hrs_spool *sp, struct hrs_batch *b, int64_t at_mono_ns); /* until then, or the next connection */
/* Connection gone: all in flight or parked is to be sent again. badly: the peer or the network ended it, not a goodbye. */
void hrs_spool_lost(struct hrs_spool *sp, bool badly, int64_t now_mono_ns);
uint64_t hrs_spool_held(const struct hrs_spool *sp, const struct hrp_id *generation);    /* how many wait for another store */
uint64_t hrs_spool_release(struct hrs_spool *sp, const struct hrp_id *generation); /* the operator's word: send those here; returns how many */

/* Least n of (incarnation, type, lane) in any batch not yet acknowledged; UINT64_MAX: none. */
uint64_t hrs_spool_floor(const struct hrs_spool *sp, const struct hrs_inc *inc, uint32_t type_id, uint32_t lane);
/* Least batch id of the incarnation not yet acknowledged; UINT64_MAX: none. */
uint64_t hrs_spool_min_id(const struct hrs_spool *sp, const struct hrs_inc *inc);
#endif
