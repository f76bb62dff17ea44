/* Quality numbers of one stream, one schema version and one minute of receive time: a profile.
 *
 * A worker adds every batch that the committer accepted, with its selection, to a set of profiles of its own and hands the
 * set to the keeper about once a second. Profiles merge: of workers, minutes, restarts, later hours, days and collectors.
 * Each carries the offset ranges it contains, so that nothing is ever counted twice; what is in none is read again.
 *
 * Cost: arrays are walked in chunks that stay in the first cache, a dictionary column costs one addition per row and the
 * sketches once per distinct value, a constant column nothing per row. Plain functions; no thread, no I/O. */
#ifndef HRD_PROFILE_H
#define HRD_PROFILE_H
#include "block.h"
#include "ranges.h"
#include "sketch/hll.h"
#include "sketch/moments.h"

#define HRD_MINUTE_NS INT64_C(60000000000)

/* One node of the schema. Counts are of places: a field of a message that is absent itself has no place there. */
struct hrd_field_profile {
    uint8_t phys;            /* enum hrp_phys of the values; F32 counts as F64; NONE: messages, or nothing seen yet */
    uint64_t slots;          /* places seen; of a oneof's member: those of the oneof. 0: the node is not profiled */
    uint64_t present;        /* places that hold a value, a message, or a list with elements */
    uint64_t values;         /* values seen: present, or elements of lists */
    uint64_t zeros;          /* values that are the type's default: 0, false, "". Without explicit presence: not set, maybe */
    uint64_t nans, infs;     /* outside the moments, least and greatest */
    union hrd_number {
        int64_t i64;
        uint64_t u64;
        double f64;
    } min, max;              /* by phys; hold when moments.n > 0. BYTES: lengths, u64 */
    struct hrd_moments moments; /* of numbers; BYTES: of lengths in bytes */
    struct hrd_hll distinct; /* "" is not in it, as DataSketches has it: hrd_field_distinct adds it */
};
struct hrd_profile {
    uint32_t stream_id, schema_id;
    uint32_t minute;         /* receive time / 60 s since 1970 */
    uint64_t rows;
    int64_t min_event_time_ns, max_event_time_ns;
    struct hrd_ranges offsets; /* what is counted in here */
    uint32_t n_fields;
    struct hrd_field_profile *fields; /* [n_fields], by node id; oneofs and the root have none */
    struct hrd_profile *next; /* of its set */
};
int hrd_profile_new(uint32_t stream_id, uint32_t schema_id, uint32_t minute, struct hrd_profile **ret);
void hrd_profile_free(struct hrd_profile *prof);
/* Adds the block's selected rows. All or nothing: HR_ENOMEM leaves the profile as it was but for sketches of some values,
 * which the same rows, read again, do not change. HR_EINVAL: some of the offsets are in already. */
int hrd_profile_add(struct hrd_profile *prof, const struct hrd_block_head *head, const struct hrp_batch *batch);
/* From another minute, worker or restart; of the same stream and schema. HR_EINVAL: some offsets are in both. HR_ENOMEM. */
int hrd_profile_merge(struct hrd_profile *into, const struct hrd_profile *from);
/* What one column adds, counted but not yet added: hrd_profile_add's first half. */
struct hrd_field_delta {
    uint8_t phys;
    uint64_t slots, present, values, zeros, nans, infs;
    union hrd_number min, max;
    struct hrd_moments moments;
};
/* Counts all values of the column (those of a selection are a column of their own) and adds them to `distinct`. */
int hrd_column_count(const struct hrp_column *c, struct hrd_hll *distinct, struct hrd_field_delta *ret);
/* The second half, and what else profile_*.c share. */
void hrd_field_apply(struct hrd_field_profile *f, const struct hrd_field_delta *d);
int hrd_profile_reserve(struct hrd_profile *prof, uint32_t n_fields);
void hrd_profile_apply_rows(struct hrd_profile *prof, uint64_t rows, int64_t min_event_time_ns, int64_t max_event_time_ns);
/* Receive time to minute; what lies before 1970 counts for the first. (The last fits: 2^63 ns are 153,722,867 minutes.) */
static inline uint32_t hrd_profile_minute(int64_t receive_time_ns)
{
    return receive_time_ns < 0 ? 0 : (uint32_t)(receive_time_ns / HRD_MINUTE_NS);
}
uint64_t hrd_field_distinct(const struct hrd_field_profile *f);
size_t hrd_profile_bytes(const struct hrd_profile *prof); /* memory it takes, roughly */

/* Stored form: a format version first, check32 last. HR_ECORRUPT, HR_EVERSION, HR_ENOMEM. */
void hrd_profile_put(struct hrp_buf *out, const struct hrd_profile *prof);
int hrd_profile_read(const uint8_t *p, size_t n, struct hrd_profile **ret);

/* HRD_CF_PROFILES:
 *   'm', stream id u32be, minute u32be, schema id u32be > profile; 'h' and 'd' are left for hours and days
 *   's', stream id u32be > the stream's offsets that some profile contains (ranges.h), in the same write as the profiles */
#define HRD_PROFILE_KEY_BYTES 13
#define HRD_PROFILED_KEY_BYTES 5
void hrd_profile_key(char window, uint32_t stream_id, uint32_t minute, uint32_t schema_id, uint8_t ret[HRD_PROFILE_KEY_BYTES]);
void hrd_profiled_key(uint32_t stream_id, uint8_t ret[HRD_PROFILED_KEY_BYTES]);

/* A worker's profiles since it last handed them over. */
struct hrd_profile_set {
    struct hrd_profile *first;
    size_t n_bytes;          /* memory, roughly: hand over early when it grows large */
    uint64_t lost_rows;      /* rows not added for lack of memory: the keeper reads them again at the next start */
};
struct hrd_profile_set *hrd_profile_set_new(void); /* NULL: no memory */
void hrd_profile_set_free(struct hrd_profile_set *set); /* NULL is fine */
/* One committed block: stream, schema, first_offset, n_rows, receive time and selection of the head count. */
int hrd_profile_set_add(struct hrd_profile_set *set, const struct hrd_block_head *head, const struct hrp_batch *batch);
#endif
