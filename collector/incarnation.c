/* Who an incarnation is, as stored: u8 1; u8 flags (1 closed, 2 expired); 16 bytes producer; app, version, host with their
 * lengths; varint pid; svarint born, last seen; u32 check32 of all before. Key: its 16 bytes, then 0. */
#include "producers.h"
#include "alloc.h"
#include <string.h>

#define FORMAT 1
#define CLOSED 1u
#define EXPIRED 2u

void hrd_incarnation_info_fini(struct hrd_incarnation_info *info)
{
    hrp_free(info->app);
    hrp_free(info->version);
    hrp_free(info->host);
    info->app = info->version = info->host = NULL;
}

void hrd_incarnation_info_put(struct hrp_buf *out, const struct hrd_incarnation_info *info)
{
    size_t from = out->n;

    hrp_put_u8(out, FORMAT);
    hrp_put_u8(out, (uint8_t)((info->closed ? CLOSED : 0) | (info->expired ? EXPIRED : 0)));
    hrp_put_bytes(out, info->producer.b, sizeof info->producer.b);
    hrp_put_str(out, info->app);
    hrp_put_str(out, info->version);
    hrp_put_str(out, info->host);
    hrp_put_varint(out, info->pid);
    hrp_put_svarint(out, info->born_ns);
    hrp_put_svarint(out, info->last_seen_ns);
    if (out->err == 0)
        hrp_put_u32(out, hrp_check32(out->p + from, out->n - from));
}

static int read_text(struct hrp_reader *r, char **ret)
{
    size_t n;
    const uint8_t *p = hrp_read_lenbytes(r, &n);
    char *s;

    if (p == NULL)
        return HR_ECORRUPT;
    s = hrp_malloc(n + 1);
    if (s == NULL)
        return HR_ENOMEM;
    memcpy(s, p, n);
    s[n] = '\0';
    *ret = s;
    return 0;
}

int hrd_incarnation_info_read(const uint8_t *p, size_t n, struct hrd_incarnation_info *ret)
{
    struct hrd_incarnation_info info = {.app = NULL};
    struct hrp_reader r = hrp_reader(p, n);
    const uint8_t *producer;
    uint8_t flags;
    int e;

    if (n < 4)
        return HR_ECORRUPT;
    if (hrp_read_u8(&r) != FORMAT)
        return HR_EVERSION;
    flags = hrp_read_u8(&r);
    producer = hrp_read_bytes(&r, sizeof info.producer.b);
    if (producer != NULL)
        memcpy(info.producer.b, producer, sizeof info.producer.b);
    e = read_text(&r, &info.app);
    if (e == 0)
        e = read_text(&r, &info.version);
    if (e == 0)
        e = read_text(&r, &info.host);
    info.pid = hrp_read_varint(&r);
    info.born_ns = hrp_read_svarint(&r);
    info.last_seen_ns = hrp_read_svarint(&r);
    info.closed = flags & CLOSED;
    info.expired = flags & EXPIRED;
    if (e == 0 && (hrp_reader_left(&r) != 4 || hrp_read_u32(&r) != hrp_check32(p, n - 4)))
        e = HR_ECORRUPT;
    if (e != 0) {
        hrd_incarnation_info_fini(&info);
        return e;
    }
    *ret = info;
    return 0;
}

int hrd_incarnation_get(struct hrd_log *log, const struct hrp_id *incarnation, struct hrd_incarnation_info *ret)
{
    struct hrp_buf value = HRP_BUF_INIT;
    struct hrd_snapshot *snap;
    uint8_t key[17];
    int r = log->ops->snapshot(log, &snap);

    if (r != 0)
        return r;
    memcpy(key, incarnation->b, 16);
    key[16] = 0;
    r = log->ops->get(snap, HRD_CF_PRODUCERS, key, sizeof key, &value);
    log->ops->snapshot_free(snap);
    if (r == 0)
        r = hrd_incarnation_info_read(value.p, value.n, ret);
    hrp_buf_fini(&value);
    return r;
}
