/* A sink's cursor of one stream, as stored:
 *
 *   u8 version 1, varint cursor, u8 intent follows, [16 bytes generation, varint to - cursor, svarint start of the hour,]
 *   u32 check32 of all before */
#include "sink_impl.h"
#include <string.h>

#define VERSION 1

size_t sink_cursor_key(const struct sink *snk, uint32_t stream_id, uint8_t ret[SINK_KEY_MAX])
{
    const uint32_t id = __builtin_bswap32(stream_id);
    size_t n = strlen(snk->settings.name) + 1; /* at most 63 bytes: sink.c checks */

    memcpy(ret, snk->settings.name, n);
    memcpy(ret + n, &id, sizeof id);
    return n + sizeof id;
}

void sink_cursor_put(struct hrp_buf *out, const struct sink_stream *st)
{
    size_t from = out->n;

    hrp_put_u8(out, VERSION);
    hrp_put_varint(out, st->cursor);
    hrp_put_u8(out, st->intent.out);
    if (st->intent.out) {
        hrp_put_bytes(out, st->intent.generation.b, sizeof st->intent.generation.b);
        hrp_put_varint(out, st->intent.to - st->cursor);
        hrp_put_svarint(out, st->intent.hour_ns);
    }
    if (out->err == 0)
        hrp_put_u32(out, hrp_check32(out->p + from, out->n - from));
}

static int read_intent(struct hrp_reader *r, uint64_t cursor, struct sink_intent *ret)
{
    const uint8_t *id = hrp_read_bytes(r, sizeof ret->generation.b);
    uint64_t n = hrp_read_varint(r);

    if (id == NULL || n == 0 || n > UINT64_MAX - cursor)
        return HR_ECORRUPT;
    memcpy(ret->generation.b, id, sizeof ret->generation.b);
    ret->to = cursor + n;
    ret->hour_ns = hrp_read_svarint(r);
    return 0;
}

int sink_cursor_read(const uint8_t *p, size_t n, struct sink_stream *ret)
{
    struct hrp_reader r = hrp_reader(p, n >= 4 ? n - 4 : 0), check = hrp_reader(n >= 4 ? p + n - 4 : p, n >= 4 ? 4 : 0);
    struct sink_intent intent = {.out = false};
    uint64_t cursor;
    uint8_t out;
    int e = 0;

    if (n < 4 || hrp_read_u32(&check) != hrp_check32(p, n - 4))
        return HR_ECORRUPT;
    if (hrp_read_u8(&r) != VERSION)
        return HR_EVERSION;
    cursor = hrp_read_varint(&r);
    out = hrp_read_u8(&r);
    intent.out = out == 1;
    if (intent.out)
        e = read_intent(&r, cursor, &intent);
    if (e != 0 || out > 1 || r.bad || hrp_reader_left(&r) != 0)
        return HR_ECORRUPT;
    ret->cursor = cursor;
    ret->intent = intent;
    return 0;
}

int sink_cursor_load(struct sink *snk, uint32_t stream_id, struct sink_stream *st)
{
    struct hrp_buf value = HRP_BUF_INIT;
    uint8_t key[SINK_KEY_MAX];
    size_t n_key = sink_cursor_key(snk, stream_id, key);
    struct hrd_snapshot *snap;
    int r = snk->log->ops->snapshot(snk->log, &snap);

    if (r != 0)
        return r;
    r = snk->log->ops->get(snap, HRD_CF_CURSORS, key, n_key, &value);
    snk->log->ops->snapshot_free(snap);
    if (r == 0)
        r = value.err != 0 ? value.err : sink_cursor_read(value.p, value.n, st);
    hrp_buf_fini(&value);
    return r == HR_ENOENT ? 0 : r;
}
