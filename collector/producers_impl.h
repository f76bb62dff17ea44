/* What producers.c, producers_load.c and producers_status.c share. */
#ifndef HRD_PRODUCERS_IMPL_H
#define HRD_PRODUCERS_IMPL_H
#include "producers.h"
#include "totals.h"

struct hrd_incarnation {
    struct hrp_id id;
    struct hrd_incarnation_info info;
    uint32_t refs;                     /* sessions that speak for it */
    uint32_t pending;                  /* announced in the group that is being decided */
    bool info_dirty, listed;
    struct hrd_lane_record **slots;    /* [n_slots], a power of two; by stream and lane; owned */
    uint32_t n_recs, n_slots;
    struct hrd_lane_record *dirty;     /* touched ones */
    struct hrd_terms sum;              /* of all its records */
    struct hrd_incarnation *next, *next_dirty;
};
struct hrd_producers {
    struct hrd_log *log;
    int64_t horizon_ns;
    struct hrd_totals totals;
    struct hrd_incarnation **buckets;  /* [n_buckets], a power of two; live ones; owned */
    uint32_t n_incs, n_buckets;
    struct hrd_incarnation *dirty;     /* changed in the group that is being decided */
    struct hrp_buf scratch;
    uint64_t damaged;                  /* records that could not be read: left out of the sums */
};

static inline bool prd_ended(const struct hrd_incarnation_info *info) { return info->closed || info->expired; }

/* producers.c */
void prd_list(struct hrd_producers *prd, struct hrd_incarnation *inc);
int prd_insert(struct hrd_producers *prd, struct hrd_incarnation *inc);
int prd_insert_record(struct hrd_incarnation *inc, struct hrd_lane_record *rec);
void prd_incarnation_free(struct hrd_incarnation *inc);
void prd_fini(struct hrd_producers *prd);

/* producers_load.c */
int prd_scan(struct hrd_producers *prd);            /* the sums of all there is in the store */
int prd_load(struct hrd_producers *prd, const struct hrp_id *id, struct hrd_incarnation **ret); /* HR_ENOENT: the store does not know it */
#endif
