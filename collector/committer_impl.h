/* What committer.c, committer_batch.c and committer_streams.c share. */
#ifndef HRD_COMMITTER_IMPL_H
#define HRD_COMMITTER_IMPL_H
#include "committer.h"
#include "plant.h"
#include "producers.h"
#include "registry.h"

struct cm_stream {
    char *name;                     /* NULL: no such stream */
    struct hrd_stream_record rec;   /* as it will be once the group being decided is durable */
    struct hrd_causes causes;       /* likewise */
    bool dirty, causes_dirty;
    uint32_t next_dirty;            /* stream id; 0: the last */
};
struct hrd_committer {
    struct hrd_log *log;
    struct hrd_registry *reg;
    struct hrd_producers *prd;
    struct hrd_committer_cfg cfg;
    struct hrd_msgs waiting;        /* to be decided */
    struct hrd_msgs decided;        /* in the group that is being written */
    struct hrd_msgs answers;        /* durable */
    struct hrd_group group;
    struct cm_stream *streams;      /* [n_streams], id - 1 */
    uint32_t n_streams, cap_streams, dirty;
    uint64_t commits;
    bool broken;
    char reason[256];               /* why broken */
    struct hrd_status *last;        /* what was true before it broke; a reference */
    struct hrd_counters counters;
    struct hrp_buf value;           /* scratch */
    struct hrd_ranges fresh, selection;
    bool has_replay;                /* in the group being decided */
};

struct cm_work {
    struct hrd_committer *cm;
    struct hrd_batch_msg *bat;
    struct hrd_incarnation *inc;
    struct cm_stream *stream;
    int64_t now_wall_ns;
    bool whole;             /* set aside as one record */
    uint32_t row, raw;      /* typed and raw rows in the segments so far */
    uint32_t aside;         /* the next of bat->asides */
    uint32_t whole_lane;    /* identity of the first fresh row of a batch set aside whole */
    uint64_t whole_n;
    uint64_t position;      /* numbers in the segments so far */
};

/* committer_batch.c: the selected rows as a block, which is counted; none: nothing. */
int cm_put_block(struct cm_work *w);
/* committer_replay.c: rows of the quarantine (bat->replay). An error concerns the whole group. */
int cm_take_replay(struct cm_work *w);
/* committer_batch.c: 0, also when the batch was refused by itself; an error concerns the whole group. */
int cm_decide_batch(struct hrd_committer *cm, struct hrd_batch_msg *bat, int64_t now_wall_ns);
#ifdef HRP_FAULTS
void cm_plant_trim(struct hrd_committer *cm, struct hrd_batch_msg *bat); /* HRD_PLANT_TRIM_IN_WORKER */
#endif

/* committer_register.c: what is learnt, pushed, deleted and set. An error concerns the whole group. */
int cm_decide_offer(struct hrd_committer *cm, struct hrd_offer_msg *off, int64_t now_wall_ns);
int cm_decide_register(struct hrd_committer *cm, struct hrd_register_msg *reg, int64_t now_wall_ns);

/* committer_streams.c */
struct cm_stream *cm_stream(struct hrd_committer *cm, uint32_t stream_id); /* NULL: none */
int cm_stream_add(struct hrd_committer *cm, uint32_t stream_id, const char *name);
/* Also touches it in the end: with the rows that are counted here something else of it changes, too. HR_ENOMEM. */
int cm_cause_count(struct cm_stream *stream, const char *rule, const char *path, enum hrd_kind kind, uint8_t action, uint64_t rows,
                   int64_t now_wall_ns);
void cm_stream_touch(struct hrd_committer *cm, struct cm_stream *stream);
int cm_streams_load(struct hrd_committer *cm); /* from the store, instead of what was there */
int cm_streams_stage(struct hrd_committer *cm);
void cm_streams_fini(struct hrd_committer *cm);
#endif
