/* How long the quarantine is kept: records older than so many days go, and of each stream the oldest beyond so many bytes. In steps,
 * so that no thread reads for long: one walk over all records measures a stream and finds what is too old, a second one over its
 * beginning what is too much. The ledger and the counts of causes stay: they say what happened, not what is still there.
 * A plain object: no thread, no clock; the deletions go through the committer (keeper_quarantine.c). */
#ifndef HRD_RETENTION_H
#define HRD_RETENTION_H
#include "log.h"
#include <stdbool.h>

struct hrd_retention_cfg {
    int64_t age_ns;          /* 0: for ever */
    uint64_t bytes;          /* of each stream's records; 0: no limit */
};
struct hrd_retention {
    struct hrd_log *log;
    struct hrd_retention_cfg cfg;
    uint8_t at[12];          /* key of the next record */
    uint32_t stream_id;      /* of the walk; 0: at the beginning */
    bool trimming;           /* the second walk over this stream */
    bool young;              /* a record was too young: those behind it are so, too */
    uint64_t n_bytes;        /* of the stream: measured so far; trimming: too much still */
    uint64_t records, freed; /* deleted from this stream in this walk */
};
void hrd_retention_init(struct hrd_retention *ret, struct hrd_log *log, const struct hrd_retention_cfg *cfg);
/* Looks at some thousand records, and adds deletions of the old ones to g. 1: there is more to look at; 0: all streams were walked;
 * HR_E*: try again later (HR_EAGAIN: reopening). */
int hrd_retention_step(struct hrd_retention *ret, int64_t now_wall_ns, struct hrd_group *g);
#endif
