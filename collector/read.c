#include "read.h"
#include "alloc.h"
#include "json.h"
#include "registry.h"
#include <string.h>

struct hrd_reader {
    struct hrd_log *log;
    struct hrd_registry *registry;
    uint32_t stream_id;
    uint64_t offset;
    struct hrd_times times;
    struct hrd_read_block block;
    struct hrp_buf bytes;        /* of the value being read; reused */
};

int hrd_reader_open(struct hrd_log *log, struct hrd_registry *reg, uint32_t stream_id, uint64_t from_offset, struct hrd_reader **ret)
{
    struct hrd_reader *r = hrp_calloc(1, sizeof *r);

    if (r == NULL)
        return HR_ENOMEM;
    r->log = log;
    r->registry = reg;
    r->stream_id = stream_id;
    r->offset = from_offset;
    r->times = HRD_TIMES_ALL;
    *ret = r;
    return 0;
}

static void drop_block(struct hrd_reader *r)
{
    hrp_batch_free(r->block.batch);
    r->block.batch = NULL;
    hrd_block_head_fini(&r->block.head);
}

void hrd_reader_free(struct hrd_reader *r)
{
    if (r == NULL)
        return;
    drop_block(r);
    hrp_buf_fini(&r->bytes);
    hrp_free(r);
}

uint64_t hrd_reader_offset(const struct hrd_reader *r) { return r->offset; }
void hrd_reader_times(struct hrd_reader *r, const struct hrd_times *times) { r->times = *times; }

static bool in_times(const struct hrd_times *t, const struct hrd_block_head *h)
{
    return h->max_event_time_ns >= t->event_since_ns && h->min_event_time_ns < t->event_until_ns &&
           h->receive_time_ns >= t->receive_since_ns && h->receive_time_ns < t->receive_until_ns;
}

/* Is the key one of this stream's blocks? Then *ret_first is its offset. */
static bool of_stream(const struct hrd_reader *r, const uint8_t *key, size_t n_key, uint64_t *ret_first)
{
    uint8_t mine[12];
    uint64_t first;

    hrd_block_key(r->stream_id, 0, mine);
    if (n_key != sizeof mine || memcmp(key, mine, 4) != 0)
        return false;
    memcpy(&first, key + 4, sizeof first);
    *ret_first = __builtin_bswap64(first);
    return true;
}

/* What stands in the index at the cursor. */
struct place {
    uint64_t first, end;         /* offsets of the block found; end 0: its head can't be read */
    bool found;
};

/* One step over the index: 1 and *ret, 0: no more, HR_E*. On 1 with end != 0, r->block.head is filled. */
static int index_step(struct hrd_reader *r, struct hrd_iter *it, struct place *ret)
{
    const uint8_t *key, *value;
    size_t n_key, n_value, used;
    uint64_t first;
    int e = r->log->ops->next(it, &key, &n_key, &value, &n_value);

    if (e <= 0)
        return e;
    if (!of_stream(r, key, n_key, &first))
        return 0;
    *ret = (struct place){.first = first, .found = true};
    hrd_block_head_fini(&r->block.head);
    e = hrd_block_head_read(value, n_value, &r->block.head, &used);
    if (e == HR_ENOMEM)
        return e;
    if (e == 0 && r->block.head.first_offset == first && r->block.head.n_rows != 0)
        ret->end = first + r->block.head.n_rows;
    return 1;
}

/* Finds the block that holds the offset, or the first after it that the times let through. Blocks they do not are passed
 * without being read. 1: found; 0: end for now; 2: a gap before it, the offset is moved past. */
static int seek(struct hrd_reader *r, struct hrd_iter *it, struct place *p, struct hrd_gap *ret_gap)
{
    struct place before = {.found = false};
    int e;

    while ((e = index_step(r, it, p)) == 1) {
        if (before.found && before.end == 0 && before.first < p->first) { /* how far the damaged one reached, this one tells */
            *ret_gap = (struct hrd_gap){before.first > r->offset ? before.first : r->offset, p->first, "damaged"};
            r->offset = p->first;
            return 2;
        }
        before = *p;
        if (p->end == 0 || p->end <= r->offset)
            continue;
        if (p->first > r->offset) {
            *ret_gap = (struct hrd_gap){r->offset, p->first, "retention"};
            r->offset = p->first;
            return 2;
        }
        if (in_times(&r->times, &r->block.head))
            return 1;
        r->offset = p->end;
    }
    return e;
}

static int find(struct hrd_reader *r, struct hrd_snapshot *snap, struct place *p, struct hrd_gap *ret_gap)
{
    const struct hrd_log_ops *ops = r->log->ops;
    uint8_t key[12];
    struct hrd_iter *it;
    const uint8_t *k, *v;
    size_t n_k, n_v;
    uint64_t first;
    int e;

    hrd_block_key(r->stream_id, r->offset, key);
    e = ops->iter_back(snap, HRD_CF_INDEX, key, sizeof key, &it); /* the block that began at or before the offset */
    if (e != 0)
        return e;
    e = ops->next(it, &k, &n_k, &v, &n_v);
    if (e > 0 && of_stream(r, k, n_k, &first))
        memcpy(key, k, sizeof key);
    ops->iter_free(it);
    if (e < 0)
        return e;
    e = ops->iter(snap, HRD_CF_INDEX, key, sizeof key, &it);
    if (e != 0)
        return e;
    e = seek(r, it, p, ret_gap);
    ops->iter_free(it);
    return e;
}

/* The block's own bytes. HR_ECORRUPT: it, or what it needs, is damaged. */
static int load(struct hrd_reader *r, struct hrd_snapshot *snap)
{
    struct hrd_block_head *head = &r->block.head, stored;
    struct hrp_schema *schema;
    uint8_t key[12];
    size_t used = 0;
    int e;

    hrd_block_key(r->stream_id, head->first_offset, key);
    hrp_buf_clear(&r->bytes);
    e = r->log->ops->get(snap, HRD_CF_BLOCKS, key, sizeof key, &r->bytes);
    if (e == 0)
        e = r->bytes.err;
    if (e == 0)
        e = hrd_block_head_read(r->bytes.p, r->bytes.n, &stored, &used);
    if (e != 0)
        return e == HR_ENOENT || e == HR_EVERSION ? HR_ECORRUPT : e;
    hrd_block_head_fini(&stored);
    schema = hrd_registry_schema(r->registry, head->schema_id);
    if (schema == NULL)
        return HR_ECORRUPT;
    e = hrp_batch_open(r->bytes.p + used, r->bytes.n - used, schema, &hrp_limits_stored, &r->block.batch, NULL);
    hrp_schema_unref(schema);
    return e == 0 || e == HR_ENOMEM ? e : HR_ECORRUPT;
}

static bool selection_fits(const struct hrd_block_head *h, const struct hrp_batch *b)
{
    uint64_t n = h->n_selection == 0 ? b->head.n_rows : 0, last = 0;

    for (uint32_t i = 0; i < h->n_selection; i++) {
        if (h->selection[i].from < last || h->selection[i].to <= h->selection[i].from || h->selection[i].to > b->head.n_rows)
            return false;
        last = h->selection[i].to;
        n += last - h->selection[i].from;
    }
    return n == h->n_rows;
}

/* The block found, with its batch. A damaged one becomes a gap. */
static int load_or_gap(struct hrd_reader *r, struct hrd_snapshot *snap, const struct place *p, struct hrd_gap *ret_gap)
{
    int e = load(r, snap);

    if (e == 0 && !selection_fits(&r->block.head, r->block.batch))
        e = HR_ECORRUPT;
    if (e == HR_ECORRUPT) {
        *ret_gap = (struct hrd_gap){r->offset, p->end, "damaged"};
        return 2;
    }
    return e == 0 ? 1 : e;
}

static int next(struct hrd_reader *r, bool whole, const struct hrd_read_block **ret, struct hrd_gap *ret_gap)
{
    struct place p = {.found = false};
    struct hrd_snapshot *snap;
    int e = r->log->ops->snapshot(r->log, &snap);

    if (e != 0)
        return e;
    drop_block(r);
    e = find(r, snap, &p, ret_gap);
    if (e == 1) {
        e = whole ? load_or_gap(r, snap, &p, ret_gap) : 1;
        if (e == 1)
            *ret = &r->block;
        if (e > 0)
            r->offset = p.end;
    }
    r->log->ops->snapshot_free(snap);
    return e;
}

int hrd_reader_next(struct hrd_reader *r, const struct hrd_read_block **ret, struct hrd_gap *ret_gap) { return next(r, true, ret, ret_gap); }

int hrd_reader_next_head(struct hrd_reader *r, const struct hrd_read_block **ret, struct hrd_gap *ret_gap)
{
    return next(r, false, ret, ret_gap);
}

static int last_end(const struct hrd_log_ops *ops, struct hrd_iter *it, const uint8_t mine[12], uint64_t *ret)
{
    const uint8_t *key, *value;
    struct hrd_block_head head;
    size_t n_key, n_value, used;
    int e = ops->next(it, &key, &n_key, &value, &n_value);

    *ret = 0;
    if (e < 0 || e == 0 || n_key != 12 || memcmp(key, mine, 4) != 0)
        return e < 0 ? e : 0;
    *ret = UINT64_MAX;
    e = hrd_block_head_read(value, n_value, &head, &used);
    if (e == 0) {
        *ret = head.first_offset + head.n_rows;
        hrd_block_head_fini(&head);
    }
    return e == HR_ENOMEM ? e : 0;
}

int hrd_stream_end(struct hrd_log *log, uint32_t stream_id, uint64_t *ret)
{
    struct hrd_snapshot *snap;
    struct hrd_iter *it;
    uint8_t last[12];
    int e = log->ops->snapshot(log, &snap);

    if (e != 0)
        return e;
    hrd_block_key(stream_id, UINT64_MAX, last);
    e = log->ops->iter_back(snap, HRD_CF_INDEX, last, sizeof last, &it);
    if (e == 0) {
        e = last_end(log->ops, it, last, ret);
        log->ops->iter_free(it);
    }
    log->ops->snapshot_free(snap);
    return e;
}

/* ---- rows of one block ---- */

struct hrd_rows {
    const struct hrd_block_head *head;
    struct hrp_cursor *cursor;
    uint64_t from, offset;       /* of the row the cursor will stand on once it is selected */
    uint32_t row, in_selection;  /* row of the cursor; the selection's range it is in or before */
    struct hrp_row_id id;
};

int hrd_rows_open(const struct hrd_read_block *blk, uint64_t from_offset, struct hrd_rows **ret)
{
    struct hrd_rows *rows = hrp_calloc(1, sizeof *rows);
    int r = rows == NULL ? HR_ENOMEM : hrp_cursor_new(blk->batch, &rows->cursor);

    if (r != 0) {
        hrp_free(rows);
        return r;
    }
    rows->head = &blk->head;
    rows->from = from_offset;
    rows->offset = blk->head.first_offset;
    *ret = rows;
    return 0;
}

void hrd_rows_free(struct hrd_rows *rows)
{
    if (rows == NULL)
        return;
    hrp_cursor_free(rows->cursor);
    hrp_free(rows);
}

static bool selected(struct hrd_rows *rows)
{
    const struct hrd_block_head *h = rows->head;

    if (h->n_selection == 0)
        return true;
    while (rows->in_selection < h->n_selection && rows->row >= h->selection[rows->in_selection].to)
        rows->in_selection++;
    return rows->in_selection < h->n_selection && rows->row >= h->selection[rows->in_selection].from;
}

int hrd_rows_next(struct hrd_rows *rows, struct hrp_row_id *ret_id, uint64_t *ret_offset)
{
    uint64_t end = rows->head->first_offset + rows->head->n_rows;
    int r = 0;

    while (r == 0 && rows->offset < end) {
        bool wanted = selected(rows);

        if (wanted && rows->offset >= rows->from) {
            r = hrp_cursor_id(rows->cursor, &rows->id);
            if (r != 0)
                return r;
            rows->id.flags |= hrd_block_flagged(rows->head, rows->row) ? HRP_ROW_INVALID : 0;
            *ret_id = rows->id;
            *ret_offset = rows->offset;
            return 1;
        }
        r = hrp_cursor_skip(rows->cursor);
        rows->row++;
        rows->offset += wanted;
    }
    return r;
}

static int moved(struct hrd_rows *rows, int r)
{
    rows->row++;
    rows->offset++;
    return r;
}

int hrd_rows_skip(struct hrd_rows *rows) { return moved(rows, hrp_cursor_skip(rows->cursor)); }
int hrd_rows_wire(struct hrd_rows *rows, struct hrp_buf *out) { return moved(rows, hrp_cursor_wire(rows->cursor, out)); }
int hrd_rows_data(struct hrd_rows *rows, struct hrp_buf *out) { return moved(rows, hrp_cursor_json(rows->cursor, out)); }

int hrd_rows_json(struct hrd_rows *rows, const char *app, const char *version, struct hrp_buf *out)
{
    const struct hrp_row_id *id = &rows->id;
    char incarnation[33];
    int r;

    hrp_id_hex(&rows->head->incarnation, incarnation);
    hrp_put_fmt(out, "{\"offset\":%llu,\"event_time\":", (unsigned long long)rows->offset);
    hrp_json_time(out, id->event_time_ns);
    hrp_put_fmt(out, ",\"receive_time\":");
    hrp_json_time(out, rows->head->receive_time_ns);
    hrp_put_fmt(out, ",\"incarnation\":\"%s\",\"lane\":%u,\"n\":%llu,\"app\":", incarnation, id->lane, (unsigned long long)id->n);
    hrp_json_str(out, app, strlen(app));
    hrp_put_fmt(out, ",\"version\":");
    hrp_json_str(out, version, strlen(version));
    if (id->weight != 1)
        hrp_put_fmt(out, ",\"weight\":%u", id->weight);
    if ((id->flags & HRP_ROW_INVALID) != 0)
        hrp_put_fmt(out, ",\"flagged\":true");
    hrp_put_fmt(out, ",\"data\":");
    r = hrd_rows_data(rows, out);
    hrp_put_u8(out, '}');
    return r != 0 ? r : out->err;
}
