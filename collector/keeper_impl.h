/* What keeper.c, keeper_minutes.c and keeper_reread.c share. All of it belongs to the keeper's thread. */
#ifndef HRD_KEEPER_IMPL_H
#define HRD_KEEPER_IMPL_H
#include "keeper.h"
#include "log.h"
#include "mailbox.h"
#include "read.h"
#include "registry.h"
#include "retention.h"

#define KEEPER_BYTES (64u << 20)         /* of profiles in memory; above it those that are stored go, whatever their age */

/* One profile in memory. It has all that the stored one of its key has. */
struct kp_minute {
    struct hrd_profile *prof;
    size_t n_bytes;                      /* as last added to the keeper's sum */
    bool dirty, in_flight;               /* differs from the stored one; is in the group that is being written */
    struct kp_minute *next;
};
struct kp_stream {
    struct hrd_ranges contained;         /* offsets that some profile has, stored or in memory, and those that can't be read */
    struct kp_minute *minutes;           /* the last used first */
    uint64_t end;                        /* of its blocks at the start: the limit of the first pass over them */
    bool dirty, in_flight;               /* contained, or one of minutes */
};
struct kp_reread {                       /* a pass over all streams, a few blocks at a time */
    struct hrd_reader *reader;           /* of the stream; NULL: not begun */
    uint32_t stream_id;                  /* 0: no pass is under way */
    int64_t before_ns;                   /* blocks received since then are left to the workers; INT64_MAX: the first pass */
    bool soon;                           /* something was dropped: the next pass must not wait its minute */
};
struct hrd_keeper {
    struct hrd_keeper_cfg cfg;
    uv_loop_t loop;
    uv_thread_t thread;
    struct hrd_mailbox inbox;
    uv_async_t stop;
    uv_timer_t checkpoint, reread, retain;
    struct kp_stream *streams;           /* [n_streams], id - 1 */
    uint32_t n_streams, next_stream;     /* next_stream: where the next checkpoint begins */
    size_t n_bytes;                      /* of all minutes */
    struct kp_reread pass;
    bool in_flight, stopping, closed;    /* in_flight: a group is at the committer */
    struct hrd_retention retention;      /* of the quarantine */
    unsigned failures;                   /* checkpoints in a row that could not be made */
};

int64_t kp_wall_ns(void);
struct kp_stream *kp_stream(struct hrd_keeper *k, uint32_t stream_id); /* NULL: no memory, or none can have that id */
void kp_checkpoint_soon(struct hrd_keeper *k, bool now);

/* keeper_minutes.c: the profiles in memory and in the store */
int kp_load(struct hrd_keeper *k, struct hr_error *err);  /* what each stream's profiles contain; before the thread */
void kp_free_streams(struct hrd_keeper *k);
/* Takes it. Dropped when some of its offsets are contained already, or the store can't tell now: then it is read again. */
void kp_merge(struct hrd_keeper *k, struct hrd_profile *prof);
/* Adds the rows of one block that no profile has. Error: try again later. */
int kp_add_block(struct hrd_keeper *k, uint32_t stream_id, const struct hrd_read_block *blk);
void kp_drop_old(struct hrd_keeper *k, int64_t now_wall_ns); /* from memory: what is stored and not of the last minutes */

/* keeper_reread.c */
void kp_reread_start(struct hrd_keeper *k); /* after loading: the first pass begins at once */
void kp_reread_soon(struct hrd_keeper *k);
void kp_reread_stop(struct hrd_keeper *k);

/* keeper_quarantine.c */
void kp_retention_start(struct hrd_keeper *k);
#endif
