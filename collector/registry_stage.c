/* What is learned, pushed, deleted or set: staged here with the puts of its write, then published when the write is durable, or rolled
 * back. A new stream or schema has an id above `published`; a change of one that is there lies beside it. The committer's thread. */
#include "registry_impl.h"
#include "alloc.h"
#include <string.h>

struct hrp_schema *reg_staged_schema(const struct reg_schema *s) { return s->staged != NULL ? s->staged : s->schema; }
const struct reg_meta *reg_staged_meta(const struct reg_schema *s) { return s->has_staged_meta ? &s->staged_meta : &s->meta; }

/* ---- streams ---- */

int hrd_registry_stage_stream(struct hrd_registry *reg, const char *name, struct hrd_group *g, uint32_t *ret_stream_id)
{
    struct hrd_stream_record rec = {.stream_id = reg_find_stream(reg, name, reg->n_streams)};
    struct hrp_buf scratch = HRP_BUF_INIT;
    char *copy;

    if (rec.stream_id != 0) {
        *ret_stream_id = rec.stream_id;
        return 0;
    }
    /* One above the limit, so that there is always a place for rows of offers without one. */
    if (reg->n_streams >= REG_MAX_IDS && strcmp(name, HRD_STREAM_INVALID) != 0)
        return HR_ELIMIT;
    if (reg_reserve_streams(reg, reg->n_streams + 1) != 0 || (copy = hrp_strdup(name)) == NULL)
        return HR_ENOMEM;
    reg->staged = true;
    reg->streams[reg->n_streams++] = (struct reg_stream){.name = copy};
    rec.stream_id = *ret_stream_id = reg->n_streams;
    hrd_stream_record_put(g, name, &rec, &scratch);
    hrp_buf_fini(&scratch);
    return g->err;
}

/* ---- schemas ---- */

/* The fingerprint's record has the version, too: it is not given again when the schema's own bytes are damaged. */
static void put_schema(struct hrd_group *g, uint32_t schema_id, const struct reg_schema *s)
{
    struct hrp_buf key = HRP_BUF_INIT, value = HRP_BUF_INIT;
    const struct reg_meta *meta = &s->staged_meta;
    size_t n;
    const uint8_t *set = hrp_schema_bytes(reg_staged_schema(s), &n);

    hrp_put_u8(&key, 'i');
    hrp_put_u32be(&key, schema_id);
    hrp_put_u8(&value, REG_FORMAT);
    hrp_put_varint(&value, s->stream_id);
    hrp_put_bytes(&value, s->fingerprint, 16);
    hrp_put_lenbytes(&value, set, n);
    hrp_put_varint(&value, meta->version);
    hrp_put_varint(&value, meta->flags);
    hrp_put_u64(&value, (uint64_t)meta->registered_ns);
    if (value.err == 0)
        hrp_put_u32(&value, hrp_check32(value.p, value.n));
    if (key.err != 0 || value.err != 0) {
        g->err = HR_ENOMEM;
    } else {
        hrd_group_put(g, HRD_CF_SCHEMAS, key.p, key.n, value.p, value.n);
        hrp_put_u32be(&key, meta->version);
        hrp_put_u32be(&key, s->stream_id);
        hrp_buf_clear(&value);
        hrp_put_u8(&value, 'f');
        hrp_put_bytes(&value, s->fingerprint, 16);
        if (key.err != 0 || value.err != 0)
            g->err = HR_ENOMEM;
        else
            hrd_group_put(g, HRD_CF_SCHEMAS, value.p, value.n, key.p + 1, key.n - 1);
    }
    hrp_buf_fini(&key);
    hrp_buf_fini(&value);
}

static uint32_t next_version(const struct hrd_registry *reg, uint32_t stream_id)
{
    uint32_t most = 0;

    for (uint32_t i = 0; i < reg->n_schemas; i++) {
        uint32_t v = reg_staged_meta(&reg->schemas[i])->version;

        if (reg->schemas[i].stream_id == stream_id && v > most)
            most = v;
    }
    return most + 1;
}

static int stage_meta(struct hrd_registry *reg, uint32_t schema_id, const struct reg_meta *meta, struct hrd_group *g)
{
    struct reg_schema *s = &reg->schemas[schema_id - 1];

    s->staged_meta = *meta;
    s->has_staged_meta = true;
    reg->staged = true;
    put_schema(g, schema_id, s);
    return g->err;
}

/* A schema that is there: pushed now, it is one that was pushed, and not deleted any more. */
static int stage_again(struct hrd_registry *reg, uint32_t schema_id, const struct hrd_origin *from, struct hrd_group *g)
{
    struct reg_meta meta = *reg_staged_meta(&reg->schemas[schema_id - 1]);

    if (from == NULL || !from->pushed || meta.flags == REG_PUSHED)
        return 0;
    meta.flags = REG_PUSHED;
    return stage_meta(reg, schema_id, &meta, g);
}

int hrd_registry_stage_schema(struct hrd_registry *reg, struct hrp_schema *schema, uint32_t stream_id, const struct hrd_origin *from,
                              struct hrd_group *g, uint32_t *ret_schema_id, bool *ret_known)
{
    uint32_t id = reg_find_schema(reg, hrp_schema_fingerprint(schema), reg->n_schemas);
    struct reg_meta meta = {.flags = from != NULL && from->pushed ? REG_PUSHED : 0, .registered_ns = from != NULL ? from->now_ns : 0};
    struct reg_schema *s;

    *ret_known = id != 0 && reg_staged_schema(&reg->schemas[id - 1]) != NULL;
    if (*ret_known) {
        *ret_schema_id = id;
        return stage_again(reg, id, from, g);
    }
    if (id == 0 && reg->n_schemas >= REG_MAX_IDS)
        return HR_ELIMIT;
    if (id == 0 && reg_reserve_schemas(reg, reg->n_schemas + 1) != 0)
        return HR_ENOMEM;
    if (id == 0)
        id = ++reg->n_schemas;
    s = &reg->schemas[id - 1];
    memcpy(s->fingerprint, hrp_schema_fingerprint(schema), 16);
    meta.version = s->meta.version != 0 && s->stream_id == stream_id ? s->meta.version : next_version(reg, stream_id);
    pthread_mutex_lock(&reg->lock); /* a damaged one's slot is published already */
    s->stream_id = stream_id;
    pthread_mutex_unlock(&reg->lock);
    s->staged = hrp_schema_ref(schema);
    *ret_schema_id = id;
    return stage_meta(reg, id, &meta, g);
}

int hrd_registry_stage_delete(struct hrd_registry *reg, uint32_t schema_id, struct hrd_group *g)
{
    struct reg_meta meta;

    if (schema_id == 0 || schema_id > reg->n_schemas || reg_staged_schema(&reg->schemas[schema_id - 1]) == NULL)
        return HR_ENOENT;
    meta = *reg_staged_meta(&reg->schemas[schema_id - 1]);
    if ((meta.flags & REG_DELETED) != 0)
        return 0;
    meta.flags |= REG_DELETED;
    return stage_meta(reg, schema_id, &meta, g);
}

/* ---- the end of it ---- */

static void publish_schemas(struct hrd_registry *reg)
{
    for (uint32_t i = 0; i < reg->n_streams; i++)
        reg->streams[i].schema_id = 0;
    for (uint32_t i = 0; i < reg->n_schemas; i++) {
        struct reg_schema *s = &reg->schemas[i];

        if (s->staged != NULL) {
            hrp_schema_unref(s->schema);
            s->schema = s->staged;
            s->staged = NULL;
        }
        if (s->has_staged_meta) {
            s->meta = s->staged_meta;
            s->has_staged_meta = false;
        }
        if (s->schema != NULL && s->stream_id != 0 && s->stream_id <= reg->n_streams && (s->meta.flags & REG_DELETED) == 0)
            reg->streams[s->stream_id - 1].schema_id = i + 1; /* the greatest id is the newest */
    }
}

static void publish_settings(struct hrd_registry *reg)
{
    for (uint32_t i = 0; i < reg->n_streams; i++)
        if (reg->streams[i].has_staged) {
            reg->streams[i].settings = reg->streams[i].staged;
            reg->streams[i].has_staged = false;
        }
    if (reg->has_staged_global)
        reg->global = reg->staged_global;
    reg->has_staged_global = false;
    atomic_fetch_add(&reg->n_settings, 1);
}

void reg_publish_all(struct hrd_registry *reg)
{
    pthread_mutex_lock(&reg->lock);
    publish_schemas(reg);
    publish_settings(reg);
    reg->published_streams = reg->n_streams;
    reg->published_schemas = reg->n_schemas;
    reg->staged = false;
    pthread_mutex_unlock(&reg->lock);
}

void hrd_registry_publish(struct hrd_registry *reg)
{
    if (reg->staged)
        reg_publish_all(reg);
}

void hrd_registry_rollback(struct hrd_registry *reg)
{
    pthread_mutex_lock(&reg->lock);
    while (reg->n_streams > reg->published_streams) {
        struct reg_stream *s = &reg->streams[--reg->n_streams];

        hrp_free(s->name);
        *s = (struct reg_stream){.name = NULL};
    }
    for (uint32_t i = 0; i < reg->n_streams; i++)
        reg->streams[i].has_staged = false;
    for (uint32_t i = 0; i < reg->n_schemas; i++) {
        hrp_schema_unref(reg->schemas[i].staged);
        reg->schemas[i].staged = NULL;
        reg->schemas[i].has_staged_meta = false;
    }
    while (reg->n_schemas > reg->published_schemas) {
        struct reg_schema *s = &reg->schemas[--reg->n_schemas];

        hrp_schema_unref(s->schema);
        *s = (struct reg_schema){.stream_id = 0};
    }
    reg->has_staged_global = false;
    reg->staged = false;
    pthread_mutex_unlock(&reg->lock);
}
