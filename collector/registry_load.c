/* Streams and schemas as stored, in HRD_CF_SCHEMAS, and read back:
 *   'f', fingerprint 16 bytes   > schema id u32be
 *   'i', schema id u32be        > u8 1; varint stream id; fingerprint; descriptor set with its length; u32 check32 of all before
 *   's', stream name            > stream_record.c
 * Names come first, then fingerprints, so that a schema whose own bytes are damaged keeps its number and can be learned again. */
#include "registry_impl.h"
#include "alloc.h"
#include <string.h>

static int load_stream(struct hrd_registry *reg, const uint8_t *name, size_t n_name, const uint8_t *value, size_t n)
{
    struct hrd_stream_record rec;
    int r = hrd_stream_record_read(value, n, &rec);
    char *copy;

    if (r != 0)
        return r;
    if (rec.stream_id == 0 || rec.stream_id > REG_MAX_IDS + 1 || n_name > HRD_STREAM_NAME_MAX)
        return HR_ECORRUPT;
    if (rec.stream_id <= reg->published_streams)
        return 0;
    r = reg_reserve_streams(reg, rec.stream_id);
    copy = r == 0 ? hrp_malloc(n_name + 1) : NULL;
    if (copy == NULL)
        return HR_ENOMEM;
    memcpy(copy, name, n_name);
    copy[n_name] = '\0';
    hrp_free(reg->streams[rec.stream_id - 1].name);
    reg->streams[rec.stream_id - 1].name = copy;
    if (rec.stream_id > reg->n_streams)
        reg->n_streams = rec.stream_id;
    return 0;
}

static int load_fingerprint(struct hrd_registry *reg, const uint8_t *fingerprint, size_t n_key, const uint8_t *value, size_t n)
{
    struct hrp_reader r = hrp_reader(value, n);
    const uint8_t *be = hrp_read_bytes(&r, 4);
    uint32_t id = be != NULL ? (uint32_t)be[0] << 24 | (uint32_t)be[1] << 16 | (uint32_t)be[2] << 8 | be[3] : 0;

    if (n_key != 16 || id == 0 || id > REG_MAX_IDS)
        return 0; /* a schema that can't be found is learned again */
    if (id <= reg->published_schemas)
        return 0;
    if (reg_reserve_schemas(reg, id) != 0)
        return HR_ENOMEM;
    memcpy(reg->schemas[id - 1].fingerprint, fingerprint, 16);
    if (id > reg->n_schemas)
        reg->n_schemas = id;
    return 0;
}

/* HR_ECORRUPT: to be left out. */
static int open_schema(struct hrd_registry *reg, const uint8_t *value, size_t n, struct reg_schema *ret)
{
    struct hrp_reader r = hrp_reader(value, n);
    uint8_t format = hrp_read_u8(&r);
    uint64_t stream_id = hrp_read_varint(&r);
    const uint8_t *fingerprint = hrp_read_bytes(&r, 16);
    size_t n_set;
    const uint8_t *set = hrp_read_lenbytes(&r, &n_set);
    int e;

    if (r.bad || format != REG_FORMAT || hrp_reader_left(&r) != 4 || hrp_read_u32(&r) != hrp_check32(value, n - 4))
        return HR_ECORRUPT;
    if (stream_id == 0 || stream_id > reg->n_streams || reg->streams[stream_id - 1].name == NULL)
        return HR_ECORRUPT;
    e = hrp_schema_open(set, n_set, reg->streams[stream_id - 1].name, &hrp_limits_default, &ret->schema, NULL);
    if (e != 0)
        return e == HR_ENOMEM ? e : HR_ECORRUPT;
    memcpy(ret->fingerprint, fingerprint, 16);
    ret->stream_id = (uint32_t)stream_id;
    return 0;
}

static int load_schema(struct hrd_registry *reg, const uint8_t *key, size_t n_key, const uint8_t *value, size_t n)
{
    uint32_t id = n_key == 4 ? (uint32_t)key[0] << 24 | (uint32_t)key[1] << 16 | (uint32_t)key[2] << 8 | key[3] : 0;
    struct reg_schema s = {.stream_id = 0};
    int r;

    if (id == 0 || id > REG_MAX_IDS || (id <= reg->published_schemas && reg->schemas[id - 1].schema != NULL))
        return 0;
    r = open_schema(reg, value, n, &s);
    if (r == HR_ECORRUPT) {
        pthread_mutex_lock(&reg->lock);
        reg->damaged++;
        pthread_mutex_unlock(&reg->lock);
        return 0;
    }
    if (r == 0)
        r = reg_reserve_schemas(reg, id);
    if (r != 0) {
        hrp_schema_unref(s.schema);
        return r;
    }
    pthread_mutex_lock(&reg->lock); /* a published slot may have waited for its schema */
    reg->schemas[id - 1] = s;
    pthread_mutex_unlock(&reg->lock);
    if (id > reg->n_schemas)
        reg->n_schemas = id;
    return 0;
}

typedef int load_fn(struct hrd_registry *reg, const uint8_t *key, size_t n_key, const uint8_t *value, size_t n);

static int load_kind(struct hrd_registry *reg, struct hrd_snapshot *snap, char kind, load_fn *fn)
{
    const struct hrd_log_ops *ops = reg->log->ops;
    const uint8_t *key, *value;
    size_t n_key, n;
    struct hrd_iter *it;
    int r = ops->iter(snap, HRD_CF_SCHEMAS, &kind, 1, &it);

    if (r != 0)
        return r;
    while ((r = ops->next(it, &key, &n_key, &value, &n)) == 1 && n_key > 0 && key[0] == (uint8_t)kind) {
        r = fn(reg, key + 1, n_key - 1, value, n);
        if (r != 0)
            break;
    }
    ops->iter_free(it);
    return r < 0 ? r : 0;
}

int hrd_registry_reload(struct hrd_registry *reg, struct hr_error *err)
{
    struct hrd_snapshot *snap;
    int r = reg->log->ops->snapshot(reg->log, &snap);

    if (r != 0)
        return hr_error_set(err, r, "streams and schemas: %s", hr_strerror(r));
    pthread_mutex_lock(&reg->lock);
    reg->damaged = 0;
    pthread_mutex_unlock(&reg->lock);
    r = load_kind(reg, snap, 's', load_stream);
    if (r == 0)
        r = load_kind(reg, snap, 'f', load_fingerprint);
    if (r == 0)
        r = load_kind(reg, snap, 'i', load_schema);
    reg->log->ops->snapshot_free(snap);
    if (r == 0)
        reg_publish_all(reg);
    else
        hrd_registry_rollback(reg);
    return r == 0 ? 0 : hr_error_set(err, r, "streams and schemas can't be read: %s", hr_strerror(r));
}
