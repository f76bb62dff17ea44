/* Batches from outside: prelude and header, checks, LZ4, envelope and raw rows. Fields: batch_fields.c.
 *
 * The header has a checksum of its own, so that a batch whose body is damaged still says which rows it was about. */
#include "batch.h"
#include "batch_fields.h"
#include "batch_format.h"
#include "alloc.h"
#include "errors.h"
#include <lz4.h>
#include <string.h>

const char *hrp_drop_name(unsigned reason)
{
    static const char *const names[HRP_DROP_N] = {
        [HRP_DROP_FULL] = "full",       [HRP_DROP_TOOBIG] = "too_big",  [HRP_DROP_CLOSED] = "closed",
        [HRP_DROP_EVICTED] = "evicted", [HRP_DROP_ABORTED] = "aborted", [HRP_DROP_TORN] = "torn",
        [HRP_DROP_SAMPLED] = "sampled", [HRP_DROP_OFF] = "off",         [HRP_DROP_MEMORY] = "memory",
        [HRP_DROP_INVALID] = "invalid",
    };

    return reason < HRP_DROP_N && names[reason] != NULL ? names[reason] : "other";
}

/* ---- prelude and header ---- */

struct prelude {
    uint64_t n_header, n_body, raw_bytes; /* raw_bytes: of the body once decompressed */
    bool lz4;
    uint32_t body_check;
};

static int read_prelude(struct hrp_reader *r, const struct hrp_limits *lim, struct prelude *ret)
{
    const uint8_t *magic = hrp_read_bytes(r, 2);
    uint8_t version = hrp_read_u8(r), flags = hrp_read_u8(r);

    if (magic == NULL || memcmp(magic, "HB", 2) != 0)
        return HR_ECORRUPT;
    if (!r->bad && (version != BATCH_VERSION || (flags & ~BATCH_LZ4) != 0))
        return HR_EVERSION;
    ret->lz4 = (flags & BATCH_LZ4) != 0;
    ret->n_header = hrp_read_varint(r);
    ret->n_body = hrp_read_varint(r);
    ret->raw_bytes = ret->lz4 ? hrp_read_varint(r) : ret->n_body;
    ret->body_check = hrp_read_u32(r);
    if (r->bad)
        return HR_ECORRUPT;
    if (ret->n_body > lim->frame_bytes || ret->raw_bytes > lim->raw_bytes)
        return HR_ELIMIT;
    /* LZ4 cannot do better than 255 to 1 (lz4_Block_format.md): more is a lie */
    return ret->lz4 && (ret->raw_bytes == 0 || ret->raw_bytes > 255 * ret->n_body) ? HR_ECORRUPT : 0;
}

static int read_segment(struct hrp_reader *r, uint64_t expected, struct hrp_segment *ret)
{
    uint64_t lane_kind = hrp_read_varint(r);

    ret->kind = lane_kind & 3;
    ret->reason = ret->kind == HRP_SEG_DROP ? hrp_read_u8(r) : 0;
    ret->lane = (uint32_t)(lane_kind >> 2);
    ret->first_n = expected + (uint64_t)hrp_read_svarint(r);
    ret->count = hrp_read_varint(r);
    if (r->bad || ret->kind > HRP_SEG_DROP || lane_kind >> 2 > UINT32_MAX || ret->first_n == 0 || ret->count == 0 ||
        ret->count > UINT64_MAX - ret->first_n)
        return HR_ECORRUPT;
    return 0;
}

/* Walk the segments that are the rest of r; into s[], or only counted when s is NULL. */
static int read_segments(struct hrp_reader r, const struct hrp_limits *lim, struct hrp_segment *s, struct hrp_batch_head *h)
{
    uint64_t expected = 1, rows = 0, raw = 0;
    struct hrp_segment one;
    uint32_t n = 0;

    for (; hrp_reader_left(&r) != 0; n++) {
        if (n == lim->segments)
            return HR_ELIMIT;
        if (read_segment(&r, expected, &one) != 0)
            return HR_ECORRUPT;
        expected = one.first_n + one.count;
        if (one.kind != HRP_SEG_DROP && one.count > lim->rows)
            return HR_ELIMIT;
        rows += one.kind == HRP_SEG_ROWS ? one.count : 0;
        raw += one.kind == HRP_SEG_RAW ? one.count : 0;
        if (s != NULL)
            s[n] = one;
    }
    if (rows + raw > lim->rows)
        return HR_ELIMIT;
    h->n_segments = n;
    h->n_rows = (uint32_t)rows;
    h->n_raw = (uint32_t)raw;
    return 0;
}

static int read_header(struct hrp_reader r, const struct hrp_limits *lim, struct hrp_batch_head *h)
{
    const uint8_t *id = hrp_read_bytes(&r, sizeof h->incarnation.b);
    uint64_t type_id, span;
    int res;

    if (id != NULL)
        memcpy(h->incarnation.b, id, sizeof h->incarnation.b);
    h->batch_id = hrp_read_varint(&r);
    type_id = hrp_read_varint(&r);
    h->min_event_time_ns = hrp_read_svarint(&r);
    span = hrp_read_varint(&r);
    if (r.bad || type_id > UINT32_MAX || span > (uint64_t)INT64_MAX - (uint64_t)h->min_event_time_ns)
        return HR_ECORRUPT;
    h->type_id = (uint32_t)type_id;
    h->max_event_time_ns = (int64_t)((uint64_t)h->min_event_time_ns + span);
    res = read_segments(r, lim, NULL, h);
    if (res != 0)
        return res;
    h->segments = hrp_malloc(h->n_segments * sizeof *h->segments);
    return h->segments == NULL ? HR_ENOMEM : read_segments(r, lim, h->segments, h);
}

static int read_head(const uint8_t *p, size_t n, const struct hrp_limits *lim, struct prelude *pre, struct hrp_batch_head *ret)
{
    struct hrp_reader r = hrp_reader(p, n);
    int res = read_prelude(&r, lim, pre);
    const uint8_t *header = res == 0 ? hrp_read_bytes(&r, (size_t)pre->n_header) : NULL;
    size_t n_checked = (size_t)(r.p - p);
    uint32_t check = hrp_read_u32(&r);

    if (res != 0)
        return res;
    if (r.bad || check != hrp_check32(p, n_checked))
        return HR_ECORRUPT;
    memset(ret, 0, sizeof *ret);
    res = read_header(hrp_reader(header, (size_t)pre->n_header), lim, ret);
    if (res != 0) {
        hrp_batch_head_fini(ret);
        return res;
    }
    ret->header_bytes = (size_t)(r.p - p);
    ret->total_bytes = ret->header_bytes + (size_t)pre->n_body;
    return 0;
}

int hrp_batch_head_read(const uint8_t *p, size_t n, const struct hrp_limits *lim, struct hrp_batch_head *ret)
{
    struct prelude pre;

    return read_head(p, n, lim, &pre, ret);
}

void hrp_batch_head_fini(struct hrp_batch_head *h)
{
    hrp_free(h->segments);
    memset(h, 0, sizeof *h);
}

int hrp_batch_evict(const struct hrp_batch_head *h, uint64_t batch_id, uint8_t reason, struct hrp_buf *out)
{
    struct hrp_segment *drops = hrp_malloc(h->n_segments * sizeof *drops);
    struct hrp_seal seal = {&h->incarnation, batch_id, h->type_id, 0, 0, drops, 0};
    size_t start = out->n;

    if (drops == NULL)
        return HR_ENOMEM;
    for (uint32_t i = 0; i < h->n_segments; i++) {
        struct hrp_segment s = h->segments[i], *last = seal.n_segments != 0 ? &drops[seal.n_segments - 1] : NULL;

        s.reason = s.kind == HRP_SEG_DROP ? s.reason : reason; /* what was dropped before stays so */
        s.kind = HRP_SEG_DROP;
        if (last != NULL && last->lane == s.lane && last->reason == s.reason && last->first_n + last->count == s.first_n)
            last->count += s.count;
        else
            drops[seal.n_segments++] = s;
    }
    hrp_batch_put(out, &seal, NULL, 0, 0);
    hrp_free(drops);
    if (out->err != 0) {
        out->n = start;
        out->err = 0;
        return HR_ENOMEM;
    }
    return 0;
}

/* ---- body ---- */

static int unpack_body(struct hrp_batch *b, const struct prelude *pre, const uint8_t *stored, struct hrp_reader *ret)
{
    size_t n = (size_t)pre->raw_bytes;
    uint8_t *body;

    if (hrp_check32(stored, (size_t)pre->n_body) != pre->body_check)
        return HR_ECORRUPT;
    body = hrp_arena_take(b->arena, n + HRP_INTS_PAD, 1);
    if (body == NULL)
        return hrp_arena_err(b->arena);
    if (!pre->lz4)
        memcpy(body, stored, n);
    else if (LZ4_decompress_safe((const char *)stored, (char *)body, (int)pre->n_body, (int)n) != (int)n)
        return HR_ECORRUPT;
    memset(body + n, 0, HRP_INTS_PAD);
    *ret = hrp_reader(body, n);
    return 0;
}

static int read_times(struct hrp_reader *r, struct hrp_batch *b)
{
    uint64_t span = (uint64_t)b->head.max_event_time_ns - (uint64_t)b->head.min_event_time_ns, over = 0;
    uint64_t *t = hrp_arena_take(b->arena, b->head.n_rows, sizeof *t);
    int res;

    if (t == NULL)
        return hrp_arena_err(b->arena);
    res = hrp_ints_get(r, b->arena, b->head.n_rows, sizeof *t, t);
    if (res != 0)
        return res;
    for (uint32_t i = 0; i < b->head.n_rows; i++) {
        over |= t[i] > span;
        t[i] += (uint64_t)b->head.min_event_time_ns;
    }
    b->event_time_ns = (const int64_t *)t;
    return over != 0 ? HR_ECORRUPT : 0;
}

static int read_u32s(struct hrp_reader *r, struct hrp_batch *b, const uint32_t **ret)
{
    uint32_t *v = hrp_arena_take(b->arena, b->head.n_rows, sizeof *v);

    if (v == NULL)
        return hrp_arena_err(b->arena);
    *ret = v;
    return hrp_ints_get(r, b->arena, b->head.n_rows, sizeof *v, v);
}

static int read_envelope(struct hrp_reader *r, struct hrp_batch *b)
{
    int res = read_times(r, b);
    uint8_t which = res == 0 ? hrp_read_u8(r) : 0;

    if (res == 0 && (r->bad || (which & ~(ENVELOPE_WEIGHTS | ENVELOPE_FLAGS)) != 0))
        res = HR_ECORRUPT;
    if (res == 0 && (which & ENVELOPE_WEIGHTS) != 0)
        res = read_u32s(r, b, &b->weight);
    if (res == 0 && (which & ENVELOPE_FLAGS) != 0)
        res = read_u32s(r, b, &b->flags);
    return res;
}

static int read_raw_row(struct hrp_reader *r, const struct hrp_batch_head *h, struct hrp_raw_row *ret)
{
    uint64_t time = hrp_read_varint(r);
    size_t n_reason, n_bytes;
    const uint8_t *reason = hrp_read_lenbytes(r, &n_reason);

    ret->bytes = hrp_read_lenbytes(r, &n_bytes);
    if (r->bad || time > (uint64_t)h->max_event_time_ns - (uint64_t)h->min_event_time_ns || n_reason == 0 ||
        memchr(reason, 0, n_reason) != reason + n_reason - 1)
        return HR_ECORRUPT;
    ret->event_time_ns = (int64_t)((uint64_t)h->min_event_time_ns + time);
    ret->reason = (const char *)reason;
    ret->n_bytes = (uint32_t)n_bytes;
    return 0;
}

static int read_raw(struct hrp_reader *r, struct hrp_batch *b)
{
    struct hrp_raw_row *raw = hrp_arena_take(b->arena, b->head.n_raw, sizeof *raw);
    int res = raw == NULL ? hrp_arena_err(b->arena) : 0;

    for (uint32_t i = 0; i < b->head.n_raw && res == 0; i++)
        res = read_raw_row(r, &b->head, &raw[i]);
    b->raw = raw;
    return res;
}

static int read_body(struct hrp_batch *b, struct hrp_reader r, const struct hrp_limits *lim, struct hr_error *err)
{
    const uint8_t *start = r.p, *end = r.end;
    int res = b->head.n_rows != 0 ? read_envelope(&r, b) : 0;

    if (res != 0)
        return hr_error_set(err, res, "envelope: %s", hr_strerror(res));
    b->parts.envelope = (uint64_t)(r.p - start);
    res = b->head.n_raw != 0 ? read_raw(&r, b) : 0;
    if (res != 0)
        return hr_error_set(err, res, "raw rows: %s", hr_strerror(res));
    b->parts.raw = (uint64_t)(r.p - start) - b->parts.envelope;
    b->parts.fields = (uint64_t)(end - r.p);
    if (b->schema != NULL)
        return hrp_batch_read_fields(b, &r, lim, err);
    return 0;
}

static int open_body(struct hrp_batch *b, const uint8_t *stored, const struct prelude *pre, const struct hrp_limits *lim,
                     struct hr_error *err)
{
    struct hrp_reader r;
    int res;

    b->arena = hrp_arena_new(lim->decoded_bytes);
    if (b->arena == NULL)
        return hr_error_set(err, HR_ENOMEM, "%s", hr_strerror(HR_ENOMEM));
    res = unpack_body(b, pre, stored, &r);
    if (res != 0)
        return hr_error_set(err, res, "body: %s", hr_strerror(res));
    return read_body(b, r, lim, err);
}

int hrp_batch_open(const uint8_t *p, size_t n, struct hrp_schema *schema, const struct hrp_limits *lim, struct hrp_batch **ret,
                   struct hr_error *err)
{
    struct hrp_batch *b = hrp_calloc(1, sizeof *b);
    struct prelude pre;
    int res = b == NULL ? HR_ENOMEM : read_head(p, n, lim, &pre, &b->head);

    if (res == 0 && b->head.total_bytes != n)
        res = HR_ECORRUPT;
    if (res != 0) {
        hrp_batch_free(b);
        return hr_error_set(err, res, "header: %s", hr_strerror(res));
    }
    b->schema = schema != NULL ? hrp_schema_ref(schema) : NULL;
    res = open_body(b, p + b->head.header_bytes, &pre, lim, err);
    if (res != 0) {
        hrp_batch_free(b);
        return res;
    }
    *ret = b;
    return 0;
}

void hrp_batch_free(struct hrp_batch *b)
{
    if (b == NULL)
        return;
    hrp_batch_head_fini(&b->head);
    hrp_schema_unref(b->schema);
    hrp_arena_free(b->arena);
    hrp_free(b);
}

int hrp_batch_sizes(const struct hrp_batch *b, struct hrp_batch_sizes *ret)
{
    uint64_t stored = b->head.total_bytes - b->head.header_bytes;
    uint64_t all = b->parts.envelope + b->parts.raw + b->parts.fields;

    ret->header = b->head.header_bytes;
    ret->envelope = all != 0 ? b->parts.envelope * stored / all : 0;
    ret->raw = all != 0 ? b->parts.raw * stored / all : 0;
    ret->fields = stored - ret->envelope - ret->raw; /* so that the parts add up */
    return 0;
}
