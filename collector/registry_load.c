/* Streams and schemas as stored, in HRD_CF_SCHEMAS, and read back:
 *   'f', fingerprint 16 bytes   > schema id u32be; version u32be, stream id u32be (older stores: not there)
 *   'i', schema id u32be        > u8 2; varint stream id; fingerprint; descriptor set with its length; varint version, varint flags,
 *                                 u64 registered (format 1: none of the three); u32 check32 of all before
 *   'g'; 'p', stream id u32be   > registry_settings.c
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

static uint32_t u32be(const uint8_t *p) { return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3]; }

static int load_fingerprint(struct hrd_registry *reg, const uint8_t *fingerprint, size_t n_key, const uint8_t *value, size_t n)
{
    uint32_t id = n >= 4 ? u32be(value) : 0;
    struct reg_schema *s;

    if (n_key != 16 || id == 0 || id > REG_MAX_IDS)
        return 0; /* a schema that can't be found is learned again */
    if (id <= reg->published_schemas)
        return 0;
    if (reg_reserve_schemas(reg, id) != 0)
        return HR_ENOMEM;
    s = &reg->schemas[id - 1];
    memcpy(s->fingerprint, fingerprint, 16);
    if (n == 12 && u32be(value + 8) <= reg->n_streams) {
        s->meta.version = u32be(value + 4);
        s->stream_id = u32be(value + 8);
    }
    if (id > reg->n_schemas)
        reg->n_schemas = id;
    return 0;
}

struct stored_schema {
    uint64_t stream_id;
    const uint8_t *fingerprint, *set;
    size_t n_set;
    struct reg_meta meta;
};

static int read_schema(const uint8_t *value, size_t n, struct stored_schema *ret)
{
    struct hrp_reader r = hrp_reader(value, n);
    uint8_t format = hrp_read_u8(&r);
    uint64_t version = 0, flags = 0;

    *ret = (struct stored_schema){.stream_id = hrp_read_varint(&r)};
    ret->fingerprint = hrp_read_bytes(&r, 16);
    ret->set = hrp_read_lenbytes(&r, &ret->n_set);
    if (format == REG_FORMAT) {
        version = hrp_read_varint(&r);
        flags = hrp_read_varint(&r);
        ret->meta.registered_ns = (int64_t)hrp_read_u64(&r);
    }
    if (r.bad || (format != REG_FORMAT && format != REG_FORMAT_UNNUMBERED) || hrp_reader_left(&r) != 4 ||
        hrp_read_u32(&r) != hrp_check32(value, n - 4) || version > REG_MAX_IDS)
        return HR_ECORRUPT;
    ret->meta.version = (uint32_t)version;
    ret->meta.flags = (uint32_t)flags & (REG_DELETED | REG_PUSHED);
    return 0;
}

/* HR_ECORRUPT: to be left out. */
static int open_schema(struct hrd_registry *reg, const struct stored_schema *st, struct reg_schema *ret)
{
    const char *name = st->stream_id != 0 && st->stream_id <= reg->n_streams ? reg->streams[st->stream_id - 1].name : NULL;
    int e;

    if (name == NULL)
        return HR_ECORRUPT;
    e = hrp_schema_open(st->set, st->n_set, name, &hrp_limits_default, &ret->schema, NULL);
    if (e != 0)
        return e == HR_ENOMEM ? e : HR_ECORRUPT;
    memcpy(ret->fingerprint, st->fingerprint, 16);
    ret->stream_id = (uint32_t)st->stream_id;
    ret->meta = st->meta;
    return 0;
}

/* Of one that is there: a write that seemed to fail may have changed these all the same. */
static void load_meta(struct hrd_registry *reg, uint32_t id, const struct reg_meta *meta)
{
    pthread_mutex_lock(&reg->lock);
    if (meta->version != 0)
        reg->schemas[id - 1].meta = *meta;
    pthread_mutex_unlock(&reg->lock);
}

static int load_schema(struct hrd_registry *reg, const uint8_t *key, size_t n_key, const uint8_t *value, size_t n)
{
    uint32_t id = n_key == 4 ? u32be(key) : 0;
    bool there = id != 0 && id <= reg->published_schemas && reg->schemas[id - 1].schema != NULL;
    struct reg_schema s = {.stream_id = 0};
    struct stored_schema st;
    int r;

    if (id == 0 || id > REG_MAX_IDS)
        return 0;
    r = read_schema(value, n, &st);
    if (there) {
        if (r == 0)
            load_meta(reg, id, &st.meta);
        return 0;
    }
    if (r == 0)
        r = open_schema(reg, &st, &s);
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

/* Damaged settings are an error: going on with others could store what was to be refused. */
static int load_settings(struct hrd_registry *reg, const uint8_t *key, size_t n_key, const uint8_t *value, size_t n)
{
    struct hrd_settings s;
    uint32_t id = n_key == 4 ? u32be(key) : 0;
    int r = reg_settings_read(value, n, &s);

    if (r != 0 || (n_key != 0 && (id == 0 || id > reg->n_streams)))
        return HR_ECORRUPT;
    pthread_mutex_lock(&reg->lock);
    if (n_key == 0)
        reg->global = s;
    else
        reg->streams[id - 1].settings = s;
    pthread_mutex_unlock(&reg->lock);
    return 0;
}

/* Schemas of older stores get the number after those of their stream that came before. */
static void number_versions(struct hrd_registry *reg)
{
    pthread_mutex_lock(&reg->lock);
    for (uint32_t i = 0; i < reg->n_schemas; i++) {
        struct reg_schema *s = &reg->schemas[i];
        uint32_t most = 0;

        if (s->meta.version != 0 || s->schema == NULL)
            continue;
        for (uint32_t k = 0; k < i; k++)
            if (reg->schemas[k].stream_id == s->stream_id && reg->schemas[k].meta.version > most)
                most = reg->schemas[k].meta.version;
        s->meta.version = most + 1;
    }
    pthread_mutex_unlock(&reg->lock);
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
    if (r == 0)
        r = load_kind(reg, snap, 'g', load_settings);
    if (r == 0)
        r = load_kind(reg, snap, 'p', load_settings);
    reg->log->ops->snapshot_free(snap);
    if (r == 0) {
        number_versions(reg);
        reg_publish_all(reg);
    } else {
        hrd_registry_rollback(reg);
    }
    return r == 0 ? 0 : hr_error_set(err, r, "streams and schemas can't be read: %s", hr_strerror(r));
}
