/* A stream's events read back over HTTP, page by page. */
#ifndef CLI_EVENTS_H
#define CLI_EVENTS_H
#include "span.h"

struct cli_http;
struct cli_events_query {
    const char *stream;
    uint64_t from, to;            /* offsets [from, to); to UINT64_MAX: all there are */
    int64_t since_ns, until_ns;   /* event time [since, until) */
    bool has_since, has_until;
};
#define CLI_EVENTS_QUERY(name) {.stream = (name), .to = UINT64_MAX}

/* For each event: its line and offset. Non-zero ends the reading and is returned. */
typedef int cli_event_fn(void *arg, struct cli_span line, uint64_t offset);
/* Reads until there is nothing more for now. *ret_next: the offset after the last event or gap seen (from, if none). Gaps
 * are told on stderr. 0, an exit code after printing why, or what fn returned; *ret_next is set in every case. */
int cli_events_read(struct cli_http *http, const struct cli_events_query *q, cli_event_fn *fn, void *arg, uint64_t *ret_next);
/* What /api/v1/streams says about one stream. CLI_FAILED after saying that it is not there. */
struct cli_stream_info {
    uint64_t next_offset, rows, quarantined;
};
int cli_stream_info(struct cli_http *http, const char *stream, bool may_be_absent, struct cli_stream_info *ret);
#endif
