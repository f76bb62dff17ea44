/* Formats. All integers are varints unless a width is named; svarint is zigzag.
 *
 *   block head   u8 1 (2: with flagged rows); stream id; schema id; first offset; rows; 16 bytes incarnation; svarint receive time;
 *                svarint (least event time - receive time); (greatest - least event time); batch bytes;
 *                n selection; n x (gap from the end of the one before, length); in 2 the flagged rows likewise;
 *                u32 check32 of all before
 *   quarantined  u8 2; stream id; schema id; 16 bytes incarnation; lane; n; svarint event time; svarint receive time;
 *                n count; u8 form; 16 bytes producer; app, version, violations, reason, bytes with their lengths, texts with
 *                their NUL; u32 check32 of all before. In 1 nothing stood between the count and the reason. */
#include "block.h"
#include "alloc.h"
#include <string.h>

#define FORMAT 1
#define FORMAT_2 2

static void put_check(struct hrp_buf *out, size_t from)
{
    if (out->err == 0)
        hrp_put_u32(out, hrp_check32(out->p + from, out->n - from));
}

static void put_rows(struct hrp_buf *out, const struct hrd_range *r, uint32_t n)
{
    uint64_t at = 0;

    hrp_put_varint(out, n);
    for (uint32_t i = 0; i < n; i++) {
        hrp_put_varint(out, r[i].from - at);
        hrp_put_varint(out, r[i].to - r[i].from);
        at = r[i].to;
    }
}

void hrd_block_head_put(struct hrp_buf *out, const struct hrd_block_head *h)
{
    size_t from = out->n;

    hrp_put_u8(out, h->n_flagged != 0 ? FORMAT_2 : FORMAT);
    hrp_put_varint(out, h->stream_id);
    hrp_put_varint(out, h->schema_id);
    hrp_put_varint(out, h->first_offset);
    hrp_put_varint(out, h->n_rows);
    hrp_put_bytes(out, h->incarnation.b, sizeof h->incarnation.b);
    hrp_put_svarint(out, h->receive_time_ns);
    hrp_put_svarint(out, (int64_t)((uint64_t)h->min_event_time_ns - (uint64_t)h->receive_time_ns));
    hrp_put_varint(out, (uint64_t)h->max_event_time_ns - (uint64_t)h->min_event_time_ns);
    hrp_put_varint(out, h->batch_bytes);
    put_rows(out, h->selection, h->n_selection);
    if (h->n_flagged != 0)
        put_rows(out, h->flagged, h->n_flagged);
    put_check(out, from);
}

/* Ranges of row indexes; *ret_rows: how many rows they are. */
static int read_rows(struct hrp_reader *r, struct hrd_range **ret, uint32_t *ret_n, uint64_t *ret_rows)
{
    uint64_t n = hrp_read_varint(r), at = 0;

    *ret_rows = 0;
    if (n == 0)
        return 0;
    if (r->bad || n > hrp_reader_left(r) / 2) /* two bytes each at least */
        return HR_ECORRUPT;
    *ret = hrp_malloc(n * sizeof **ret);
    if (*ret == NULL)
        return HR_ENOMEM;
    *ret_n = (uint32_t)n;
    for (uint64_t i = 0; i < n; i++) {
        uint64_t gap = hrp_read_varint(r), len = hrp_read_varint(r);

        if (r->bad || len == 0 || (i > 0 && gap == 0) || gap > UINT32_MAX || len > UINT32_MAX || at + gap + len > UINT32_MAX)
            return HR_ECORRUPT;
        (*ret)[i] = (struct hrd_range){at + gap, at + gap + len};
        at += gap + len;
        *ret_rows += len;
    }
    return 0;
}

static int read_selections(struct hrp_reader *r, bool with_flagged, struct hrd_block_head *h)
{
    uint64_t rows, flagged = 0;
    int e = read_rows(r, &h->selection, &h->n_selection, &rows);

    if (e == 0 && with_flagged)
        e = read_rows(r, &h->flagged, &h->n_flagged, &flagged);
    if (e == 0 && ((h->n_selection != 0 && rows != h->n_rows) || (with_flagged && flagged == 0)))
        e = HR_ECORRUPT;
    return e;
}

static uint32_t read_u32v(struct hrp_reader *r)
{
    uint64_t v = hrp_read_varint(r);

    if (v > UINT32_MAX)
        r->bad = true;
    return (uint32_t)v;
}

static void read_id(struct hrp_reader *r, struct hrp_id *id)
{
    const uint8_t *p = hrp_read_bytes(r, sizeof id->b);

    if (p != NULL)
        memcpy(id->b, p, sizeof id->b);
}

static int read_fixed(struct hrp_reader *r, struct hrd_block_head *h)
{
    h->stream_id = read_u32v(r);
    h->schema_id = read_u32v(r);
    h->first_offset = hrp_read_varint(r);
    h->n_rows = read_u32v(r);
    read_id(r, &h->incarnation);
    h->receive_time_ns = hrp_read_svarint(r);
    h->min_event_time_ns = (int64_t)((uint64_t)h->receive_time_ns + (uint64_t)hrp_read_svarint(r));
    h->max_event_time_ns = (int64_t)((uint64_t)h->min_event_time_ns + hrp_read_varint(r));
    h->batch_bytes = hrp_read_varint(r);
    return r->bad ? HR_ECORRUPT : 0;
}

int hrd_block_head_read(const uint8_t *p, size_t n, struct hrd_block_head *ret, size_t *ret_used)
{
    struct hrp_reader r = hrp_reader(p, n);
    struct hrd_block_head h;
    bool with_flagged;
    size_t used;
    int e;

    memset(&h, 0, sizeof h);
    if (n > 0 && p[0] != FORMAT && p[0] != FORMAT_2)
        return HR_EVERSION;
    e = hrp_read_u8(&r);
    with_flagged = e == FORMAT_2;
    e = read_fixed(&r, &h);
    if (e == 0)
        e = read_selections(&r, with_flagged, &h);
    used = n - hrp_reader_left(&r);
    if (e == 0 && (hrp_read_u32(&r) != hrp_check32(p, used) || r.bad))
        e = HR_ECORRUPT;
    if (e != 0) {
        hrd_block_head_fini(&h);
        return e;
    }
    *ret = h;
    *ret_used = used + 4;
    return 0;
}

void hrd_block_head_fini(struct hrd_block_head *h)
{
    hrp_free(h->selection);
    hrp_free(h->flagged);
    h->selection = h->flagged = NULL;
    h->n_selection = h->n_flagged = 0;
}

bool hrd_block_flagged(const struct hrd_block_head *h, uint32_t row)
{
    uint32_t from = 0, to = h->n_flagged;

    while (from < to) {
        uint32_t mid = from + (to - from) / 2;

        if (h->flagged[mid].to <= row)
            from = mid + 1;
        else
            to = mid;
    }
    return from < h->n_flagged && h->flagged[from].from <= row;
}

void hrd_block_key(uint32_t stream_id, uint64_t first_offset, uint8_t ret[12])
{
    for (unsigned i = 0; i < 4; i++)
        ret[i] = (uint8_t)(stream_id >> (24 - 8 * i));
    for (unsigned i = 0; i < 8; i++)
        ret[4 + i] = (uint8_t)(first_offset >> (56 - 8 * i));
}

uint64_t hrd_block_number(const uint8_t key[12])
{
    uint64_t n = 0;

    for (unsigned i = 4; i < 12; i++)
        n = n << 8 | key[i];
    return n;
}

/* With its NUL, so that a reader can borrow it. */
static void put_text(struct hrp_buf *out, const char *text)
{
    hrp_put_lenbytes(out, text != NULL ? text : "", text != NULL ? strlen(text) + 1 : 1);
}

void hrd_quarantined_put(struct hrp_buf *out, const struct hrd_quarantined *q)
{
    size_t from = out->n;

    hrp_put_u8(out, FORMAT_2);
    hrp_put_varint(out, q->stream_id);
    hrp_put_varint(out, q->schema_id);
    hrp_put_bytes(out, q->incarnation.b, sizeof q->incarnation.b);
    hrp_put_varint(out, q->lane);
    hrp_put_varint(out, q->n);
    hrp_put_svarint(out, q->event_time_ns);
    hrp_put_svarint(out, q->receive_time_ns);
    hrp_put_varint(out, q->n_count);
    hrp_put_u8(out, q->form);
    hrp_put_bytes(out, q->producer.b, sizeof q->producer.b);
    put_text(out, q->app);
    put_text(out, q->version);
    hrp_put_lenbytes(out, q->violations, q->n_violations);
    put_text(out, q->reason);
    hrp_put_lenbytes(out, q->bytes, q->n_bytes);
    put_check(out, from);
}

static const char *read_text(struct hrp_reader *r)
{
    size_t n;
    const char *text = (const char *)hrp_read_lenbytes(r, &n);

    if (text == NULL || n == 0 || text[n - 1] != '\0')
        r->bad = true;
    return r->bad ? "" : text;
}

static void read_format_2(struct hrp_reader *r, struct hrd_quarantined *q)
{
    q->form = hrp_read_u8(r);
    read_id(r, &q->producer);
    q->app = read_text(r);
    q->version = read_text(r);
    q->violations = hrp_read_lenbytes(r, &q->n_violations);
    if (q->form > HRD_FORM_BATCH)
        r->bad = true;
}

int hrd_quarantined_read(const uint8_t *p, size_t n, struct hrd_quarantined *ret)
{
    struct hrp_reader r = hrp_reader(p, n);
    struct hrd_quarantined q = {.app = "", .version = ""};
    size_t n_bytes, used;
    uint8_t format;

    if (n > 0 && p[0] != FORMAT && p[0] != FORMAT_2)
        return HR_EVERSION;
    format = hrp_read_u8(&r);
    q.stream_id = read_u32v(&r);
    q.schema_id = read_u32v(&r);
    read_id(&r, &q.incarnation);
    q.lane = read_u32v(&r);
    q.n = hrp_read_varint(&r);
    q.event_time_ns = hrp_read_svarint(&r);
    q.receive_time_ns = hrp_read_svarint(&r);
    q.n_count = hrp_read_varint(&r);
    if (format == FORMAT_2)
        read_format_2(&r, &q);
    else
        q.form = q.n_count == 1 ? HRD_FORM_RAW : HRD_FORM_BATCH;
    q.reason = read_text(&r);
    q.bytes = hrp_read_lenbytes(&r, &n_bytes);
    q.n_bytes = n_bytes;
    used = n - hrp_reader_left(&r);
    if (r.bad || hrp_read_u32(&r) != hrp_check32(p, used) || r.bad)
        return HR_ECORRUPT;
    *ret = q;
    return 0;
}
