/* What the rest of the daemon may know about streams, producers and the ledger: copies, made by the thread that owns the
 * truth (the committer) and handed over by message. Immutable once published; freed by the last reader. */
#ifndef HRD_STATUS_H
#define HRD_STATUS_H
#include "batch.h"
#include "causes.h"

/* One line of the ledger: logged = accepted + quarantined + sum(dropped) + in_flight + missing, always. */
struct hrd_ledger_line {
    uint32_t stream_id;
    char *app, *version;
    uint64_t logged, accepted, quarantined, dropped[HRP_DROP_N], in_flight, missing;
    uint64_t trimmed; /* resends, outside the sum */
};
struct hrd_stream_status {
    uint32_t stream_id, schema_id; /* newest */
    char *name;
    uint64_t next_offset, rows, blocks, quarantined;
    uint64_t header_bytes, envelope_bytes, field_bytes, raw_bytes, index_bytes; /* stored, uncompressed-by-RocksDB figures */
    int64_t newest_receive_ns, newest_event_ns;
    struct hrd_causes causes;      /* why rows were set aside, flagged or dropped */
};
struct hrd_producer_status {
    struct hrp_id incarnation, producer;
    char *app, *version, *host;
    uint64_t pid;
    int64_t born_ns, last_seen_ns;
    bool connected, closed;
    uint64_t logged, accepted, quarantined, dropped, in_flight, missing;
};
struct hrd_status {
    int refs;                       /* atomic */
    uint64_t commits;               /* number of the commit it shows */
    int64_t time_ns;
    bool ready;                     /* the store commits */
    char reason[256];               /* why not */
    uint32_t n_streams, n_lines, n_producers; /* producers: live ones, then the newest closed, 1,000 at most */
    struct hrd_stream_status *streams;
    struct hrd_ledger_line *lines;
    struct hrd_producer_status *producers;
};
/* Calls that were dropped in all lines and that nobody asked to be dropped (sampled, off). NULL: 0. */
uint64_t hrd_status_lost(const struct hrd_status *s);
struct hrd_status *hrd_status_ref(struct hrd_status *s);
void hrd_status_unref(struct hrd_status *s);
int hrd_status_copy(const struct hrd_status *s, struct hrd_status **ret); /* one reference; HR_ENOMEM */
#endif
