/* Formats. All integers are varints unless a width is named; svarint is zigzag.
 *
 *   block head   u8 1; stream id; schema id; first offset; rows; 16 bytes incarnation; svarint receive time;
 *                svarint (least event time - receive time); (greatest - least event time); batch bytes;
 *                n selection; n x (gap from the end of the one before, length); u32 check32 of all before
 *   quarantined  u8 1; stream id; schema id; 16 bytes incarnation; lane; n; svarint event time; svarint receive time;
 *                n count; reason with its length; bytes with their length; u32 check32 of all before */
#include "block.h"
#include "alloc.h"
#include <string.h>

#define FORMAT 1

static void put_check(struct hrp_buf *out, size_t from)
{
    if (out->err == 0)
        hrp_put_u32(out, hrp_check32(out->p + from, out->n - from));
}

void hrd_block_head_put(struct hrp_buf *out, const struct hrd_block_head *h)
{
    size_t from = out->n;
    uint64_t at = 0;

    hrp_put_u8(out, FORMAT);
    hrp_put_varint(out, h->stream_id);
    hrp_put_varint(out, h->schema_id);
    hrp_put_varint(out, h->first_offset);
    hrp_put_varint(out, h->n_rows);
    hrp_put_bytes(out, h->incarnation.b, sizeof h->incarnation.b);
    hrp_put_svarint(out, h->receive_time_ns);
    hrp_put_svarint(out, (int64_t)((uint64_t)h->min_event_time_ns - (uint64_t)h->receive_time_ns));
    hrp_put_varint(out, (uint64_t)h->max_event_time_ns - (uint64_t)h->min_event_time_ns);
    hrp_put_varint(out, h->batch_bytes);
    hrp_put_varint(out, h->n_selection);
    for (uint32_t i = 0; i < h->n_selection; i++) {
        hrp_put_varint(out, h->selection[i].from - at);
        hrp_put_varint(out, h->selection[i].to - h->selection[i].from);
        at = h->selection[i].to;
    }
    put_check(out, from);
}

static int read_selection(struct hrp_reader *r, struct hrd_block_head *h)
{
    uint64_t n = hrp_read_varint(r), at = 0, rows = 0;

    if (n == 0)
        return 0;
    if (r->bad || n > hrp_reader_left(r) / 2) /* two bytes each at least */
        return HR_ECORRUPT;
    h->selection = hrp_malloc(n * sizeof *h->selection);
    if (h->selection == NULL)
        return HR_ENOMEM;
    h->n_selection = (uint32_t)n;
    for (uint64_t i = 0; i < n; i++) {
        uint64_t gap = hrp_read_varint(r), len = hrp_read_varint(r);

        if (r->bad || len == 0 || (i > 0 && gap == 0) || gap > UINT32_MAX || len > UINT32_MAX || at + gap + len > UINT32_MAX)
            return HR_ECORRUPT;
        h->selection[i] = (struct hrd_range){at + gap, at + gap + len};
        at += gap + len;
        rows += len;
    }
    return rows == h->n_rows ? 0 : HR_ECORRUPT;
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
    size_t used;
    int e;

    memset(&h, 0, sizeof h);
    if (n > 0 && p[0] != FORMAT)
        return HR_EVERSION;
    hrp_read_u8(&r);
    e = read_fixed(&r, &h);
    if (e == 0)
        e = read_selection(&r, &h);
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
    h->selection = NULL;
    h->n_selection = 0;
}

void hrd_block_key(uint32_t stream_id, uint64_t first_offset, uint8_t ret[12])
{
    for (unsigned i = 0; i < 4; i++)
        ret[i] = (uint8_t)(stream_id >> (24 - 8 * i));
    for (unsigned i = 0; i < 8; i++)
        ret[4 + i] = (uint8_t)(first_offset >> (56 - 8 * i));
}

void hrd_quarantined_put(struct hrp_buf *out, const struct hrd_quarantined *q)
{
    size_t from = out->n;

    hrp_put_u8(out, FORMAT);
    hrp_put_varint(out, q->stream_id);
    hrp_put_varint(out, q->schema_id);
    hrp_put_bytes(out, q->incarnation.b, sizeof q->incarnation.b);
    hrp_put_varint(out, q->lane);
    hrp_put_varint(out, q->n);
    hrp_put_svarint(out, q->event_time_ns);
    hrp_put_svarint(out, q->receive_time_ns);
    hrp_put_varint(out, q->n_count);
    hrp_put_lenbytes(out, q->reason, strlen(q->reason) + 1); /* with its NUL, so that a reader can borrow it */
    hrp_put_lenbytes(out, q->bytes, q->n_bytes);
    put_check(out, from);
}

int hrd_quarantined_read(const uint8_t *p, size_t n, struct hrd_quarantined *ret)
{
    struct hrp_reader r = hrp_reader(p, n);
    struct hrd_quarantined q;
    size_t n_reason, n_bytes, used;

    memset(&q, 0, sizeof q);
    if (n > 0 && p[0] != FORMAT)
        return HR_EVERSION;
    hrp_read_u8(&r);
    q.stream_id = read_u32v(&r);
    q.schema_id = read_u32v(&r);
    read_id(&r, &q.incarnation);
    q.lane = read_u32v(&r);
    q.n = hrp_read_varint(&r);
    q.event_time_ns = hrp_read_svarint(&r);
    q.receive_time_ns = hrp_read_svarint(&r);
    q.n_count = hrp_read_varint(&r);
    q.reason = (const char *)hrp_read_lenbytes(&r, &n_reason);
    q.bytes = hrp_read_lenbytes(&r, &n_bytes);
    q.n_bytes = n_bytes;
    used = n - hrp_reader_left(&r);
    if (r.bad || n_reason == 0 || q.reason[n_reason - 1] != '\0' || hrp_read_u32(&r) != hrp_check32(p, used) || r.bad)
        return HR_ECORRUPT;
    *ret = q;
    return 0;
}
