/* A batch out: what a builder holds, as bytes. Nothing of the builder changes before all of it is written, so a seal that
 * ran out of memory can be called again. */
#include "build.h"
#include "batch_format.h"
#include "column.h"
#include "alloc.h"
#include <lz4.h>
#include <string.h>

/* ---- prelude and header ---- */

static void put_segment(struct hrp_buf *out, const struct hrp_segment *s, uint64_t expected)
{
    hrp_put_varint(out, (uint64_t)s->lane << 2 | s->kind);
    if (s->kind == HRP_SEG_DROP)
        hrp_put_u8(out, s->reason);
    hrp_put_svarint(out, (int64_t)(s->first_n - expected)); /* modulo 2^64; 0 when it goes on where the last one ended */
    hrp_put_varint(out, s->count);
}

static void put_header(struct hrp_buf *out, const struct hrp_seal *h)
{
    uint64_t expected = 1;

    hrp_put_bytes(out, h->incarnation->b, sizeof h->incarnation->b);
    hrp_put_varint(out, h->batch_id);
    hrp_put_varint(out, h->type_id);
    hrp_put_svarint(out, h->min_time);
    hrp_put_varint(out, (uint64_t)h->max_time - (uint64_t)h->min_time);
    for (uint32_t i = 0; i < h->n_segments; i++) {
        put_segment(out, &h->segments[i], expected);
        expected = h->segments[i].first_n + h->segments[i].count;
    }
}

void hrp_batch_put(struct hrp_buf *out, const struct hrp_seal *h, const uint8_t *body, size_t n_body, size_t raw_bytes)
{
    struct hrp_buf header = HRP_BUF_INIT;
    size_t start = out->n;

    put_header(&header, h);
    if (header.err != 0)
        out->err = header.err;
    hrp_put_bytes(out, "HB", 2);
    hrp_put_u8(out, BATCH_VERSION);
    hrp_put_u8(out, raw_bytes != 0 ? BATCH_LZ4 : 0);
    hrp_put_varint(out, header.n);
    hrp_put_varint(out, n_body);
    if (raw_bytes != 0)
        hrp_put_varint(out, raw_bytes);
    hrp_put_u32(out, hrp_check32(body, n_body));
    hrp_put_bytes(out, header.p, header.n);
    if (out->err == 0)
        hrp_put_u32(out, hrp_check32(out->p + start, out->n - start));
    hrp_put_bytes(out, body, n_body);
    hrp_buf_fini(&header);
}

/* ---- body ---- */

static void put_u32s_if(struct hrp_builder *b, bool there, const struct hrp_buf *v)
{
    if (there)
        hrp_ints_put_u32(&b->scratch, &b->body, (const uint32_t *)(const void *)v->p, b->n_rows);
}

/* Times are relative to the least, which the header has. */
static void put_envelope(struct hrp_builder *b)
{
    const uint64_t *times = (const uint64_t *)(const void *)b->times.p;
    uint64_t *relative = hrp_scratch_room(&b->scratch.wide, b->n_rows, 8);

    if (b->n_rows == 0)
        return;
    if (relative == NULL) {
        b->body.err = HR_ENOMEM;
        return;
    }
    for (uint32_t i = 0; i < b->n_rows; i++)
        relative[i] = times[i] - (uint64_t)b->min_time;
    hrp_ints_put(&b->scratch, &b->body, relative, b->n_rows);
    hrp_put_u8(&b->body, (uint8_t)((b->has_weights ? ENVELOPE_WEIGHTS : 0) | (b->has_flags ? ENVELOPE_FLAGS : 0)));
    put_u32s_if(b, b->has_weights, &b->weights);
    put_u32s_if(b, b->has_flags, &b->flags);
}

static void put_raw(struct hrp_builder *b)
{
    const struct raw_row *rows = (const struct raw_row *)(const void *)b->raw.p;
    const uint8_t *p = b->raw_bytes.p;

    for (uint32_t i = 0; i < b->n_raw; i++) {
        hrp_put_varint(&b->body, (uint64_t)rows[i].event_time_ns - (uint64_t)b->min_time);
        hrp_put_lenbytes(&b->body, p, rows[i].n_reason + 1); /* with its NUL, so that readers can borrow it */
        p += rows[i].n_reason + 1;
        hrp_put_lenbytes(&b->body, p, rows[i].n_bytes);
        p += rows[i].n_bytes;
    }
}

static bool all_zero(const uint8_t *p, size_t n)
{
    return n == 0 || (p[0] == 0 && memcmp(p, p + 1, n - 1) == 0);
}

/* Readers take a column that was not sent for nothing, or for zeros. */
static bool says_nothing(const struct bcol *c)
{
    if (c->node->id == 0)
        return true;
    if (c->shape == SHAPE_DENSE)
        return c->value_bytes == 0 || all_zero(c->values, (size_t)c->now.n_values * c->value_bytes);
    if (c->shape == SHAPE_ONEOF)
        return all_zero(c->slots, (size_t)c->now.n_slots * 4);
    return c->now.n_values == 0;
}

static void put_slots(struct hrp_builder *b, const struct bcol *c)
{
    uint32_t n = c->now.n_slots;

    if (c->shape == SHAPE_REPEATED || c->shape == SHAPE_ONEOF) {
        hrp_ints_put_u32(&b->scratch, &b->body, (const uint32_t *)(const void *)c->slots, n);
    } else if (c->shape == SHAPE_OPTIONAL && c->now.n_values == n) {
        hrp_put_u8(&b->body, PRESENCE_ALL);
    } else if (c->shape == SHAPE_OPTIONAL) {
        hrp_put_u8(&b->body, PRESENCE_BITMAP);
        hrp_put_bytes(&b->body, c->slots, (n + 7u) / 8);
    }
}

static void put_values(struct hrp_builder *b, const struct bcol *c)
{
    const void *v = c->values;

    switch (c->node->phys) {
    case HRP_PHYS_NONE:
        break;
    case HRP_PHYS_I64:
    case HRP_PHYS_U64:
        hrp_ints_put(&b->scratch, &b->body, v, c->now.n_values);
        break;
    case HRP_PHYS_F64:
        hrp_doubles_put(&b->scratch, &b->body, v, c->now.n_values);
        break;
    case HRP_PHYS_F32:
        hrp_floats_put(&b->scratch, &b->body, v, c->now.n_values);
        break;
    case HRP_PHYS_BYTES:
        hrp_strings_put(&b->scratch, &b->body, v, c->data, c->now.n_values);
        break;
    }
}

/* Slots a column must have filled: those of its message, or how often a oneof's member was chosen. */
static uint32_t slots_of(const struct bcol *c)
{
    return c->is_member ? c->now.n_slots : c->owner->now.n_values;
}

static int put_fields(struct hrp_builder *b)
{
    uint32_t last = 0;

    for (uint32_t id = 1; id < b->n_cols; id++) {
        struct bcol *c = &b->cols[id];

        if (!c->used)
            continue;
        if (hrp_bcol_fill(c, slots_of(c)) != 0)
            return HR_ENOMEM;
        if (says_nothing(c))
            continue;
        hrp_put_varint(&b->body, id - last);
        last = id;
        put_slots(b, c);
        put_values(b, c);
    }
    return b->body.err;
}

/* ---- sealing ---- */

void hrp_builder_clear(struct hrp_builder *b)
{
    struct hrp_buf *bufs[] = {&b->times, &b->weights, &b->flags, &b->segments, &b->raw, &b->raw_bytes};

    for (size_t i = 0; i < sizeof bufs / sizeof bufs[0]; i++)
        hrp_buf_clear(bufs[i]);
    for (uint32_t id = 0; id < b->n_cols; id++)
        hrp_bcol_reset(&b->cols[id]);
    b->n_rows = b->n_raw = b->n_segments = 0;
    b->n_wire = 0;
    b->row = 0;
    b->weight = 0;
    b->has_weights = b->has_flags = false;
    b->min_time = b->max_time = 0;
}

/* LZ4 over the whole body, if that saves more than a 64th: bit-packed columns have little left to find. */
static size_t compress(struct hrp_builder *b)
{
    int bound = LZ4_compressBound((int)b->body.n), n;

    if (b->body.n < 64)
        return 0;
    if (hrp_scratch_room(&b->packed, (size_t)bound, 1) == NULL)
        return 0;
    n = LZ4_compress_default((const char *)b->body.p, (char *)b->packed.p, (int)b->body.n, bound);
    return n > 0 && (size_t)n + b->body.n / 64 + 3 < b->body.n ? (size_t)n : 0;
}

int hrp_builder_seal(struct hrp_builder *b, const struct hrp_id *incarnation, uint64_t batch_id, uint32_t type_id, struct hrp_buf *out)
{
    struct hrp_seal h = {incarnation, batch_id, type_id, b->min_time, b->max_time, (const void *)b->segments.p, b->n_segments};
    size_t start = out->n, n_packed;
    int r;

    hrp_buf_clear(&b->body);
    put_envelope(b);
    put_raw(b);
    r = b->schema != NULL ? put_fields(b) : 0;
    if (r != 0 || b->body.err != 0)
        return HR_ENOMEM;
    n_packed = compress(b);
    if (n_packed != 0)
        hrp_batch_put(out, &h, b->packed.p, n_packed, b->body.n);
    else
        hrp_batch_put(out, &h, b->body.p, b->body.n, 0);
    if (out->err != 0) {
        out->n = start;
        out->err = 0;
        return HR_ENOMEM;
    }
    hrp_builder_clear(b);
    return 0;
}
