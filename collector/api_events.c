/* /api/v1/streams/{stream}/events: rows of a stream as NDJSON, ascending by offset. Blocks outside the times asked for are
 * passed by their heads; what cannot be read is a line that says so, never a silent hole. */
#include "alloc.h"
#include "api_parts.h"
#include "producers.h"
#include "read.h"
#include <string.h>

struct events {
    struct hrd_api_answer a;
    struct hrd_log *log;
    struct hrd_reader *reader;
    const struct hrd_read_block *block;
    struct hrd_rows *rows;       /* of block; NULL: the next one is wanted */
    struct hrp_id incarnation;   /* whose app and version these are */
    struct hrd_incarnation_info info;
    int64_t since_ns, until_ns;
    uint64_t from;               /* first offset wanted */
    uint64_t left;               /* events still wanted */
};

static void put_gap(struct hrp_buf *out, uint64_t from, uint64_t to, const char *cause)
{
    hrp_put_fmt(out, "{\"gap\":{\"from\":%llu,\"to\":%llu,\"cause\":\"%s\"}}\n", (unsigned long long)from, (unsigned long long)to,
                cause);
}

/* App and version of the block's incarnation. An unknown one (its record is damaged) has none. */
static int who(struct events *ev)
{
    const struct hrp_id *id = &ev->block->head.incarnation;
    int r;

    if (ev->info.app != NULL && hrp_id_cmp(&ev->incarnation, id) == 0)
        return 0;
    hrd_incarnation_info_fini(&ev->info);
    memset(&ev->info, 0, sizeof ev->info);
    ev->incarnation = *id;
    r = hrd_incarnation_get(ev->log, id, &ev->info);
    return r == HR_ENOENT || r == HR_ECORRUPT || r == HR_EVERSION ? 0 : r;
}

static int next_block(struct events *ev)
{
    struct hrd_gap gap;
    int r = hrd_reader_next(ev->reader, &ev->block, &gap);

    if (r == 0)
        ev->a.done = true;
    if (r == 2)
        put_gap(&ev->a.piece, gap.from, gap.to, gap.cause);
    if (r != 1)
        return r < 0 ? r : 0;
    r = who(ev);
    return r != 0 ? r : hrd_rows_open(ev->block, ev->from, &ev->rows);
}

static void leave_block(struct events *ev)
{
    hrd_rows_free(ev->rows);
    ev->rows = NULL;
}

/* A row that can't be shown takes the rest of its block with it: the columns' positions are lost. */
static int pass_damaged(struct events *ev, uint64_t offset, int error)
{
    if (error == HR_ENOMEM)
        return error;
    put_gap(&ev->a.piece, offset, ev->block->head.first_offset + ev->block->head.n_rows, "damaged");
    leave_block(ev);
    return 0;
}

static int next_row(struct events *ev)
{
    struct hrp_buf *out = &ev->a.piece;
    struct hrp_row_id id;
    uint64_t offset = ev->block->head.first_offset;
    size_t start = out->n;
    int r = hrd_rows_next(ev->rows, &id, &offset);

    if (r == 0) {
        leave_block(ev);
        return 0;
    }
    if (r == 1) {
        if (id.event_time_ns < ev->since_ns || id.event_time_ns >= ev->until_ns)
            return hrd_rows_skip(ev->rows) == 0 ? 0 : HR_ECORRUPT;
        r = hrd_rows_json(ev->rows, ev->info.app != NULL ? ev->info.app : "", ev->info.version != NULL ? ev->info.version : "",
                          out);
    }
    if (r != 0) {
        out->n = start;
        return pass_damaged(ev, offset, out->err != 0 ? out->err : r);
    }
    hrp_put_u8(out, '\n');
    ev->a.done = --ev->left == 0;
    return out->err;
}

static void fill(struct hrd_api_answer *a)
{
    struct events *ev = (struct events *)a;

    while (hrd_api_room(a))
        a->error = ev->rows != NULL ? next_row(ev) : next_block(ev);
}

static void events_free(struct hrd_api_answer *a)
{
    struct events *ev = (struct events *)a;

    hrd_rows_free(ev->rows);
    hrd_reader_free(ev->reader);
    hrd_incarnation_info_fini(&ev->info);
    hrp_free(ev);
}

void hrd_api_events(struct hrd_api *api, struct hrd_http_conn *conn, const struct hrd_http_req *req,
                    const struct hrd_stream_info *s)
{
    struct hrd_times times = HRD_TIMES_ALL;
    struct hrd_api_query q;
    struct hr_error err = {0, ""};
    struct events *ev;

    if (hrd_api_query(req, HRD_API_FROM | HRD_API_TIMES | HRD_API_LIMIT, &q, &err) != 0) {
        hrd_http_error(conn, 0, err.code, "%s", err.text);
        return;
    }
    ev = hrp_calloc(1, sizeof *ev);
    if (ev == NULL || hrd_reader_open(api->cfg.log, api->cfg.registry, s->stream_id, q.from, &ev->reader) != 0) {
        hrp_free(ev);
        hrd_http_error(conn, 0, HR_ENOMEM, "out of memory");
        return;
    }
    ev->a.fill = fill;
    ev->a.free = events_free;
    ev->log = api->cfg.log;
    ev->from = q.from;
    ev->left = q.limit;
    times.event_since_ns = ev->since_ns = q.since_ns;
    times.event_until_ns = ev->until_ns = q.until_ns;
    hrd_reader_times(ev->reader, &times);
    hrd_api_answer(api, conn, &ev->a);
}
