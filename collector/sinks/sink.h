/* A sink: an exporter's destination, and the thread that feeds it.
 *
 * A kind of sink (file, later S3, PostgreSQL, Elasticsearch, Redis, Kafka) is five functions. Around them the same shell
 * (sink.c) reads blocks from the cursor, cuts deliveries, keeps intent and cursor in the store, waits when the destination
 * fails, and says so in its status. So a sink delays only itself, and no kind has exactly-once code of its own but this:
 *
 *   (1) Before a delivery the intent (generation, stream, from, to, hour) is durable in the store.
 *   (2) After a crash the same range is delivered again, whatever blocks were merged since; a delivery is idempotent:
 *       the same intent leaves the same thing at the destination.
 *   (3) The cursor moves, and the intent goes, in one durable write after finish() has said 0. */
#ifndef HRD_SINK_H
#define HRD_SINK_H
#include "read.h"
struct hrd_mailbox;
struct hrd_registry;
struct hrd_sink_settings;

/* What one delivery is: stream, range and hour, as stored before it begins. */
struct hrd_delivery {
    const char *stream;
    uint32_t stream_id;
    struct hrp_id generation;    /* of the store: another one is another name at the destination (rule 9) */
    uint64_t from, to;           /* offsets [from, to); those in gaps are left out */
    int64_t hour_ns;             /* start of the hour of receive time (UTC) that all its rows are in */
};
struct hrd_sink_row {
    uint64_t offset;
    const uint8_t *json;         /* the event as read.h shows it, without newline; borrowed */
    size_t n_json;
};
struct hrd_sink_kind {
    const char *type;            /* "file" */
    /* settings: the sink's part of the configuration. Checks and opens what can be opened now. */
    int (*open)(const struct hrd_sink_settings *settings, void **ret, struct hr_error *err);
    /* A delivery begins; what an earlier try of it left is removed or replaced. */
    int (*begin)(void *sink, const struct hrd_delivery *d, struct hr_error *err);
    int (*row)(void *sink, const struct hrd_sink_row *row, struct hr_error *err);
    /* Makes all of it durable and visible at the destination, at once. 0: the cursor may move. On failure of this or of the
     * two above the shell calls abort by finish(sink, false, ..) and begins again later. */
    int (*finish)(void *sink, bool deliver, struct hr_error *err);
    void (*close)(void *sink);
};
struct hrd_sink_settings {
    const char *name;            /* cursors are kept under it: unique, fixed */
    const char *type;
    const char *dir;             /* file */
    uint64_t max_rows, max_bytes; /* a delivery is cut at these, bytes being those of the blocks as stored; 0: 100,000 rows, 64 MiB */
    unsigned max_age_ms;         /* and when its first row is this old; 0: 10 s */
};
extern const struct hrd_sink_kind hrd_sink_file;

struct hrd_sink_status {         /* a copy */
    char name[64], type[16], target[256];
    bool failing;
    char reason[256];            /* of the last failure, while failing */
    uint64_t rows, bytes, deliveries, failures, lag_rows, gap_rows; /* gap_rows: offsets that could not be read, left out */
};
struct hrd_sinks;
struct hrd_sinks_cfg {           /* borrowed until stop */
    struct hrd_log *log;
    struct hrd_registry *registry;
    struct hrd_mailbox *committer;
    const struct hrd_sink_settings *sinks;
    unsigned n_sinks;
};
/* After the store and the committer: a thread for each sink. n_sinks 0 is fine. */
int hrd_sinks_start(const struct hrd_sinks_cfg *cfg, struct hrd_sinks **ret, struct hr_error *err);
unsigned hrd_sinks_count(const struct hrd_sinks *s);
void hrd_sinks_status(struct hrd_sinks *s, unsigned i, struct hrd_sink_status *ret); /* any thread */
/* While the committer still runs, after ingest has ended: deliveries that are open are finished or left to the next start. */
void hrd_sinks_stop(struct hrd_sinks *s);
#endif
