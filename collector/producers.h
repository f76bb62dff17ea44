/* Which numbers are resolved, and how: the collector's half of exactly-once (rules 4, 5, 6 and 10).
 *
 * A row's identity is (incarnation, lane, stream, n). For each (incarnation, stream, lane) a record keeps the set of
 * resolved n, and how they were resolved; the first resolution wins, later ones are trimmed. A highest n per lane was
 * rejected: as soon as a batch is retried or spooled while a later one commits, it loses rows.
 *
 * Ledger of a record, a partition of 1..logged at every moment:
 *   logged      = max(next - 1, highest resolved n)
 *   missing     = unresolved n below floor, or any unresolved n of a closed or expired incarnation
 *   in flight   = the other unresolved n
 * Totals per (stream, app, version) are kept by adding what each change of a record changes.
 *
 * Records of incarnations that some session speaks for are in memory; they are loaded when one announces it and dropped
 * when the last session has gone. Thread: the committer's. No clock, no random numbers.
 *
 * HRD_CF_PRODUCERS:
 *   incarnation 16 bytes, 0                        > who it is, times, closed
 *   incarnation, 1, stream id u32be, lane u32be    > next, floor, terms, resolved ranges */
#ifndef HRD_PRODUCERS_H
#define HRD_PRODUCERS_H
#include "log.h"
#include "msg.h"
#include "ranges.h"
#include "status.h"

#define HRD_N_MAX (UINT64_C(1) << 56) /* n and next stay below: sums over lanes then never wrap */

struct hrd_terms {
    uint64_t logged, accepted, quarantined, dropped[HRP_DROP_N], in_flight, missing, trimmed;
};
bool hrd_terms_balanced(const struct hrd_terms *t);

/* ---- one lane of one stream of one incarnation ---- */
struct hrd_lane_record {
    uint32_t stream_id, lane;
    uint64_t next, floor;            /* as reported; 1 before any report */
    uint64_t accepted, quarantined, dropped[HRP_DROP_N], trimmed;
    struct hrd_ranges resolved;
    /* in memory only */
    bool dirty;
    struct hrd_lane_record *next_dirty;
    uint32_t line;                   /* of the ledger (totals.h) */
    struct hrd_terms last;           /* what the totals have of it */
};
void hrd_lane_record_init(struct hrd_lane_record *rec, uint32_t stream_id, uint32_t lane);
void hrd_lane_record_fini(struct hrd_lane_record *rec);
/* Resolves those of [first_n, first_n + count) that are not yet; fresh becomes them, as ranges of n; the rest is counted as
 * trimmed. Whoever asked adds fresh to accepted, quarantined or dropped. HR_ENOMEM: nothing changed. */
int hrd_lane_record_resolve(struct hrd_lane_record *rec, uint64_t first_n, uint64_t count, struct hrd_ranges *fresh);
void hrd_lane_record_report(struct hrd_lane_record *rec, uint64_t next, uint64_t floor); /* neither ever goes back */
void hrd_lane_record_terms(const struct hrd_lane_record *rec, bool closed, struct hrd_terms *ret);
void hrd_lane_record_put(struct hrp_buf *out, const struct hrd_lane_record *rec);
int hrd_lane_record_read(const uint8_t *p, size_t n, struct hrd_lane_record *ret); /* HR_ECORRUPT, HR_EVERSION, HR_ENOMEM */

/* ---- who an incarnation is, as stored ---- */
struct hrd_incarnation_info {
    struct hrp_id producer;
    char *app, *version, *host;      /* owned, never NULL once read */
    uint64_t pid;
    int64_t born_ns, last_seen_ns;
    bool closed, expired;            /* expired: it was born before the horizon and nobody knew it: its rows go to quarantine */
};
void hrd_incarnation_info_fini(struct hrd_incarnation_info *info);
void hrd_incarnation_info_put(struct hrp_buf *out, const struct hrd_incarnation_info *info);
int hrd_incarnation_info_read(const uint8_t *p, size_t n, struct hrd_incarnation_info *ret);
/* From the store; any thread. HR_ENOENT, HR_ECORRUPT. */
int hrd_incarnation_get(struct hrd_log *log, const struct hrp_id *incarnation, struct hrd_incarnation_info *ret);

/* ---- all of them ---- */
#define HRD_MAX_LANES 65536u         /* records of one incarnation */
#define HRD_MAX_RANGES 131072u       /* of one record */
#define HRD_MAX_LINES 4096u          /* of the ledger in memory; what comes later is summed as app "(other)" */
struct hrd_producers;
struct hrd_incarnation;              /* borrowed from hrd_producers; valid until gone or reload */
int hrd_producers_open(struct hrd_log *log, int64_t horizon_ns, int64_t now_wall_ns, struct hrd_producers **ret, struct hr_error *err);
void hrd_producers_free(struct hrd_producers *prd);
uint64_t hrd_producers_damaged(const struct hrd_producers *prd); /* places where records could not be read: the sums lack them */
/* After a failed write and a reopen: forgets what was staged, reads totals and live records again. */
int hrd_producers_reload(struct hrd_producers *prd, int64_t now_wall_ns, struct hr_error *err);

/* A session speaks for it from now on: +1 reference once published; loaded at the first. HR_ENOMEM, and what the store says:
 * with HR_ECORRUPT its records can't be read, so nobody knows what is resolved: it stays unknown. */
int hrd_producers_announce(struct hrd_producers *prd, const struct hrd_announce_msg *ann, int64_t now_wall_ns);
void hrd_producers_gone( /* a session has ended; after publish */
    struct hrd_producers *prd, const struct hrp_id *incarnation);
struct hrd_incarnation *hrd_producers_find(struct hrd_producers *prd, const struct hrp_id *incarnation); /* a live one; NULL */
bool hrd_incarnation_expired(const struct hrd_incarnation *inc);
const struct hrd_incarnation_info *hrd_incarnation_who(const struct hrd_incarnation *inc); /* borrowed, as inc is */
/* The record, made when new. HR_ENOMEM, HR_ELIMIT. */
int hrd_producers_lane(struct hrd_producers *prd, struct hrd_incarnation *inc, uint32_t stream_id, uint32_t lane,
                       struct hrd_lane_record **ret);
/* A record was changed: the next stage counts it into the totals and writes it. */
void hrd_producers_touch(struct hrd_producers *prd, struct hrd_incarnation *inc, struct hrd_lane_record *rec, int64_t now_wall_ns);
int hrd_producers_close_incarnation(struct hrd_producers *prd, struct hrd_incarnation *inc, int64_t now_wall_ns);
int hrd_producers_stage(struct hrd_producers *prd, struct hrd_group *g); /* appends all that was touched */
void hrd_producers_publish(struct hrd_producers *prd);                   /* the group is durable */

/* Ledger lines and producers for the status: copies, freed with it. */
int hrd_producers_status(const struct hrd_producers *prd, struct hrd_status *st);
#endif
