/* From lanes to sealed batches: one batcher per incarnation, one builder per event type. No libuv, clock or files.
 *
 * Promises:
 * (1) A lane's tail passes a record only when the batch with it is safe in the spool; records in a builder pin it.
 * (2) A lane whose drained but pinned part reaches half of the ring seals every builder that holds its rows.
 * (3) Every number below next_n becomes a row, a raw row or a drop with its reason, exactly once per batcher.
 * When nothing can be sealed (spool full, no memory), draining stops and the lanes fill: their writers count the drops. */
#ifndef HRS_BATCHER_H
#define HRS_BATCHER_H
#include "spool.h"

struct hrs_batch_limits {
    uint32_t rows;          /* 65,536 */
    uint64_t bytes;         /* of wire bytes in one builder */
    int64_t age_ns;         /* oldest row or drop in a builder */
};
struct hrs_batcher;
/* inc and spool are borrowed; inc->batcher is set. live: the lanes' writers may still be running. */
int hrs_batcher_new(struct hrs_inc *inc, struct hrs_spool *sp, const struct hrs_batch_limits *lim, bool live, struct hrs_batcher **ret);
void hrs_batcher_free(struct hrs_batcher *b);
/* Borrowed until the batcher is freed. Adopted lanes: before the first step. */
int hrs_batcher_add_lane(struct hrs_batcher *b, struct hrs_lane *lane);
/* Adopted: a batch that the spool holds, by ascending id, after the lanes and before the first step. Moves the floors that the
 * dead process did not come to move: else the drops in it would be made again, perhaps by other reasons. */
void hrs_batcher_published(void *batcher, const struct hrp_batch_head *head);

struct hrs_step {           /* what a step found, for pacing */
    uint64_t n_bytes;       /* drained from lanes */
    uint64_t max_fill;      /* of the fullest lane when the step came to it: bytes not yet freed, times 256, by ring size */
    bool stuck;             /* something could not be sealed or published: try again in a while */
    int64_t due_mono_ns;    /* when the next builder gets too old; INT64_MAX: none */
};
/* How long a row may wait for others; longer while there is nobody to send to, since it is as safe in its lane. */
void hrs_batcher_set_age(struct hrs_batcher *b, int64_t age_ns);
/* Drain all lanes up to the heads they have now, seal what is full, half a lane or too old. */
void hrs_batcher_step(struct hrs_batcher *b, int64_t now_mono_ns, struct hrs_step *ret);
/* Drain up to the heads of now and seal everything. True: done, all of it is in batches of ids below *ret_id;
 * false: stuck, call again after the next step. */
bool hrs_batcher_seal_all(struct hrs_batcher *b, int64_t now_mono_ns, uint64_t *ret_id);
/* The lanes' writers are gone (the process is dead, or the client closes): a number without record and reason is ABORTED. */
void hrs_batcher_finish(struct hrs_batcher *b);
/* Nothing in lanes or builders, every batch safe. */
bool hrs_batcher_empty(const struct hrs_batcher *b);
bool hrs_batcher_unused(const struct hrs_batcher *b); /* no call was ever counted in its lanes */

/* Position of every (type, lane) ever used, for reports: next, and the floor below which nothing will be sent again. */
void hrs_batcher_positions(const struct hrs_batcher *b, void (*fn)(void *arg, uint32_t type_id, uint32_t lane, uint64_t next, uint64_t floor),
                           void *arg);
#endif
