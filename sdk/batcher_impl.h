/* What batcher.c and batcher_seal.c share: the inside of a batcher. */
#ifndef HRS_BATCHER_IMPL_H
#define HRS_BATCHER_IMPL_H
#include "batcher.h"
#include "rules.h"

#define NONE UINT64_MAX

/* One event type in one lane. */
struct track {
    uint32_t type;
    uint64_t expect_n;   /* every number below it went into a builder, or was published before this process looked */
    uint64_t start_n;    /* expect_n at first sight: records below it are in batches already */
    uint64_t limit_n;    /* every number below it is a record before the cursor, or a drop */
    uint64_t next_seen;  /* limit_n to be, once drained up to the head that was taken after it */
    uint64_t sealed_n;   /* every number below it is in the spool or was acknowledged */
    uint64_t pin;        /* position of the oldest record in the builder, NONE */
    uint64_t taken[HRS_LANE_REASONS]; /* drops that went into a builder */
    bool seen;
};

struct lane_state {
    struct hrs_lane *lane;
    uint64_t cursor;     /* records before it are in builders or batches */
    uint64_t pin;        /* oldest position pinned by a builder, NONE */
    bool torn;           /* records were damaged: a number without a record may be one of them */
    uint32_t n_tracks, cap_tracks;
    struct track *tracks; /* in the lane's order of first use */
    uint16_t index[HRS_MAX_TYPES]; /* type > track + 1 */
};

struct stream {          /* one event type: its builder */
    struct hrp_builder *bld;
    struct hrp_rules *rules; /* what can be checked here; NULL: nothing, or they can't be read: the collector says so */
    int64_t since_mono_ns; /* of its oldest row or drop; INT64_MAX: nothing to seal */
};

/* A sealed batch that is not yet safe: on success of its put its marks move floors and tails. */
struct mark {
    struct lane_state *ls;
    uint32_t track;
    uint64_t floor_n, pin, reported[HRS_LANE_REASONS];
};
struct seal {
    struct seal *next;
    uint64_t id;
    uint32_t type, n_bytes;
    uint8_t *bytes;      /* until the spool has taken it */
    bool in_spool;
    uint32_t n_marks;
    struct mark marks[];
};

struct hrs_batcher {
    struct hrs_inc *inc;
    struct hrs_spool *sp;
    struct hrs_batch_limits lim;
    bool live;
    int64_t now_mono_ns;
    struct lane_state **lanes;
    uint32_t n_lanes, cap_lanes;
    struct stream streams[HRS_MAX_TYPES];
    uint16_t used[HRS_MAX_TYPES]; /* types with a builder */
    uint32_t n_used;
    struct seal *first, *last;    /* in order of sealing */
};

/* batcher.c */
int hrs_bt_add_trailing(struct hrs_batcher *b, uint32_t type); /* drops after a lane's last record, into the builder */

/* batcher_seal.c */
bool hrs_bt_push_seals(struct hrs_batcher *b);                 /* false: the spool has no room for one */
/* Seal one stream's builder. 0 also when there was nothing to seal; else nothing is lost: try again. */
int hrs_bt_seal(struct hrs_batcher *b, uint32_t type);
int hrs_bt_seal_lane(struct hrs_batcher *b, struct lane_state *ls); /* every builder that holds rows of this lane */
/* What a lane may free: all before the oldest record in a builder or in a batch that is not safe yet. */
void hrs_bt_lane_release(struct hrs_batcher *b, struct lane_state *ls);
bool hrs_bt_has_news(const struct track *t);
#endif
