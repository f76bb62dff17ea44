#include "events.h"
#include "cli.h"
#include "http.h"
#include <string.h>

#define PAGE_EVENTS 20000u

struct page {
    const struct cli_events_query *q;
    cli_event_fn *fn;
    void *arg;
    uint64_t next;
    unsigned n_events;
};

/* {"gap":{"from":10,"to":20,"cause":"retention"}} */
static int take_gap(struct page *page, struct cli_span gap)
{
    struct cli_span from, to, cause = {"", 0};
    uint64_t from_offset, to_offset;

    if (!cli_span_get(gap, "from", &from) || !cli_span_u64(from, &from_offset) || !cli_span_get(gap, "to", &to) ||
        !cli_span_u64(to, &to_offset))
        return CLI_FAILED;
    cli_span_get(gap, "cause", &cause);
    cli_error("%s: events %llu to %llu cannot be read any more: %.*s", page->q->stream, (unsigned long long)from_offset,
              (unsigned long long)to_offset - 1, (int)(cause.n < 100 ? cause.n : 100), cause.p);
    page->next = to_offset;
    return 0;
}

#define END_OF_RANGE (-1)

static int take_line(void *arg, const char *p, size_t n)
{
    struct page *page = arg;
    struct cli_span line = {p, n}, value;
    uint64_t offset;
    int r;

    if (cli_span_get(line, "offset", &value) && cli_span_u64(value, &offset)) {
        if (offset >= page->q->to)
            return END_OF_RANGE;
        r = page->fn(page->arg, line, offset);
        if (r == 0) {
            page->next = offset + 1;
            page->n_events++;
        }
        return r;
    }
    if (cli_span_get(line, "gap", &value))
        return take_gap(page, value);
    cli_error("%s: a line that is neither an event nor a gap: %.*s", page->q->stream, (int)(n < 200 ? n : 200), p);
    return CLI_FAILED;
}

static void put_path(struct hrp_buf *path, const struct cli_events_query *q, uint64_t from, unsigned limit)
{
    hrp_buf_clear(path);
    cli_http_stream_path(path, q->stream, "events");
    if (path->n > 0)
        path->n--; /* the query goes before the NUL */
    hrp_put_fmt(path, "?from=%llu&limit=%u", (unsigned long long)from, limit);
    if (q->has_since)
        hrp_put_fmt(path, "&since=%lld", (long long)q->since_ns);
    if (q->has_until)
        hrp_put_fmt(path, "&until=%lld", (long long)q->until_ns);
    hrp_put_u8(path, 0);
}

int cli_events_read(struct cli_http *http, const struct cli_events_query *q, cli_event_fn *fn, void *arg, uint64_t *ret_next)
{
    struct page page = {.q = q, .fn = fn, .arg = arg, .next = q->from};
    struct hrp_buf path = HRP_BUF_INIT;
    unsigned limit;
    int r = 0;

    do {
        if (page.next >= q->to || cli_stopped())
            break;
        limit = q->to - page.next < PAGE_EVENTS ? (unsigned)(q->to - page.next) : PAGE_EVENTS;
        page.n_events = 0;
        put_path(&path, q, page.next, limit);
        r = path.err != 0 ? CLI_FAILED : cli_http_lines(http, (const char *)path.p, take_line, &page);
    } while (r == 0 && page.n_events == limit);
    hrp_buf_fini(&path);
    *ret_next = page.next;
    return r == END_OF_RANGE ? 0 : r;
}

int cli_stream_info(struct cli_http *http, const char *stream, bool may_be_absent, struct cli_stream_info *ret)
{
    json_t *root = NULL, *streams, *s;
    size_t i;
    int r = cli_http_json(http, "/api/v1/streams", &root), found = 0;

    if (r != 0)
        return r;
    memset(ret, 0, sizeof *ret);
    streams = json_object_get(root, "streams");
    json_array_foreach(streams, i, s) {
        const char *name = json_string_value(json_object_get(s, "name"));

        if (name == NULL || strcmp(name, stream) != 0)
            continue;
        ret->next_offset = (uint64_t)json_integer_value(json_object_get(s, "next_offset"));
        ret->rows = (uint64_t)json_integer_value(json_object_get(s, "rows"));
        ret->quarantined = (uint64_t)json_integer_value(json_object_get(s, "quarantined"));
        found = 1;
    }
    json_decref(root);
    if (found || may_be_absent)
        return 0;
    cli_error("no stream %s; `headrace streams` lists those there are", stream);
    return CLI_FAILED;
}
