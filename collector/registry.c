/* Streams and schemas in memory, and how they are read. What is staged (registry_stage.c) lies above `published`, or beside what is
 * published; publishing moves the borders under the lock, so a reader sees a change only when the write that holds it is durable. */
#include "registry_impl.h"
#include "alloc.h"
#include "re2.h"
#include <string.h>

bool hrd_stream_name_valid(const char *name)
{
    bool start = true; /* of a part */
    size_t n = 0;

    for (; name[n] != '\0'; n++) {
        char c = name[n];
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';

        if (n == HRD_STREAM_NAME_MAX || (start && !letter) || (!letter && c != '.' && !(c >= '0' && c <= '9')))
            return false;
        start = c == '.';
    }
    return n != 0 && !start;
}

/* ---- slots ---- */

static void *grow(void *list, uint32_t n, uint32_t *cap, size_t size)
{
    uint32_t more = *cap != 0 ? *cap : 16;
    void *p;

    while (more < n)
        more *= 2;
    if (n <= *cap)
        return list;
    p = hrp_realloc(list, more * size);
    if (p == NULL)
        return NULL;
    memset((char *)p + *cap * size, 0, (more - *cap) * size);
    *cap = more;
    return p;
}

int reg_reserve_streams(struct hrd_registry *reg, uint32_t n)
{
    struct reg_stream *streams;

    pthread_mutex_lock(&reg->lock);
    streams = grow(reg->streams, n, &reg->cap_streams, sizeof *streams);
    if (streams != NULL)
        reg->streams = streams;
    pthread_mutex_unlock(&reg->lock);
    return streams != NULL || n == 0 ? 0 : HR_ENOMEM;
}

int reg_reserve_schemas(struct hrd_registry *reg, uint32_t n)
{
    struct reg_schema *schemas;

    pthread_mutex_lock(&reg->lock);
    schemas = grow(reg->schemas, n, &reg->cap_schemas, sizeof *schemas);
    if (schemas != NULL)
        reg->schemas = schemas;
    pthread_mutex_unlock(&reg->lock);
    return schemas != NULL || n == 0 ? 0 : HR_ENOMEM;
}

uint32_t reg_find_stream(const struct hrd_registry *reg, const char *name, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++)
        if (reg->streams[i].name != NULL && strcmp(reg->streams[i].name, name) == 0)
            return i + 1;
    return 0;
}

uint32_t reg_find_schema(const struct hrd_registry *reg, const uint8_t fingerprint[16], uint32_t n)
{
    for (uint32_t i = 0; i < n; i++)
        if (memcmp(reg->schemas[i].fingerprint, fingerprint, 16) == 0)
            return i + 1;
    return 0;
}

int hrd_registry_open(struct hrd_log *log, struct hrd_registry **ret, struct hr_error *err)
{
    struct hrd_registry *reg = hrp_calloc(1, sizeof *reg);
    int r;

    if (reg == NULL)
        return hr_error_set(err, HR_ENOMEM, "streams and schemas: %s", hr_strerror(HR_ENOMEM));
    reg->log = log;
    reg->global = reg_settings_default;
    atomic_init(&reg->n_settings, 1);
    pthread_mutex_init(&reg->lock, NULL);
    r = hrd_registry_reload(reg, err);
    if (r != 0)
        hrd_registry_free(reg);
    else
        *ret = reg;
    return r;
}

void hrd_registry_free(struct hrd_registry *reg)
{
    if (reg == NULL)
        return;
    for (uint32_t i = 0; i < reg->n_streams; i++)
        hrp_free(reg->streams[i].name);
    for (uint32_t i = 0; i < reg->n_schemas; i++) {
        hrp_schema_unref(reg->schemas[i].schema);
        hrp_schema_unref(reg->schemas[i].staged);
        hrp_rules_free(reg->schemas[i].rules);
        hrp_free(reg->schemas[i].rules_wrong);
    }
    hrp_free(reg->streams);
    hrp_free(reg->schemas);
    pthread_mutex_destroy(&reg->lock);
    hrp_free(reg);
}

/* ---- reading ---- */

static int info(const struct hrd_registry *reg, uint32_t stream_id, struct hrd_stream_info *ret)
{
    const struct reg_stream *s = stream_id != 0 && stream_id <= reg->published_streams ? &reg->streams[stream_id - 1] : NULL;

    if (s == NULL || s->name == NULL)
        return HR_ENOENT;
    ret->stream_id = stream_id;
    ret->schema_id = s->schema_id;
    memcpy(ret->name, s->name, strlen(s->name) + 1);
    return 0;
}

uint32_t hrd_registry_n_streams(struct hrd_registry *reg)
{
    uint32_t n;

    pthread_mutex_lock(&reg->lock);
    n = reg->published_streams;
    pthread_mutex_unlock(&reg->lock);
    return n;
}

int hrd_registry_stream(struct hrd_registry *reg, uint32_t stream_id, struct hrd_stream_info *ret)
{
    int r;

    pthread_mutex_lock(&reg->lock);
    r = info(reg, stream_id, ret);
    pthread_mutex_unlock(&reg->lock);
    return r;
}

int hrd_registry_stream_by_name(struct hrd_registry *reg, const char *name, struct hrd_stream_info *ret)
{
    int r;

    pthread_mutex_lock(&reg->lock);
    r = info(reg, reg_find_stream(reg, name, reg->published_streams), ret);
    pthread_mutex_unlock(&reg->lock);
    return r;
}

struct hrp_schema *hrd_registry_schema(struct hrd_registry *reg, uint32_t schema_id)
{
    struct hrp_schema *schema = NULL;

    pthread_mutex_lock(&reg->lock);
    if (schema_id != 0 && schema_id <= reg->published_schemas && reg->schemas[schema_id - 1].schema != NULL)
        schema = hrp_schema_ref(reg->schemas[schema_id - 1].schema);
    pthread_mutex_unlock(&reg->lock);
    return schema;
}

int hrd_registry_by_fingerprint(struct hrd_registry *reg, const uint8_t fingerprint[16], uint32_t *ret_schema_id, uint32_t *ret_stream_id)
{
    uint32_t id;

    pthread_mutex_lock(&reg->lock);
    id = reg_find_schema(reg, fingerprint, reg->published_schemas);
    if (id != 0) {
        *ret_schema_id = id;
        *ret_stream_id = reg->schemas[id - 1].stream_id;
    }
    pthread_mutex_unlock(&reg->lock);
    return id != 0 ? 0 : HR_ENOENT;
}

/* Asked for by several workers at once, the first one's stays. */
static const struct hrp_rules *keep_rules(struct hrd_registry *reg, uint32_t schema_id, struct hrp_rules *rules, const struct hr_error *why)
{
    struct reg_schema *s;
    const struct hrp_rules *kept;

    pthread_mutex_lock(&reg->lock);
    s = &reg->schemas[schema_id - 1];
    if (s->rules == NULL && rules != NULL) {
        s->rules = rules;
        rules = NULL;
    }
    if (s->rules == NULL && s->rules_wrong == NULL && why->code == HR_ESCHEMA)
        s->rules_wrong = hrp_strdup(why->text);
    kept = s->rules;
    pthread_mutex_unlock(&reg->lock);
    hrp_rules_free(rules);
    return kept;
}

const struct hrp_rules *hrd_registry_rules(struct hrd_registry *reg, uint32_t schema_id, struct hr_error *err)
{
    struct hrp_schema *schema = hrd_registry_schema(reg, schema_id);
    struct hrp_rules *made = NULL;
    const struct hrp_rules *rules;
    struct hr_error why = {0, ""};

    if (schema == NULL) {
        hr_error_set(err, HR_ENOENT, "no schema %u", schema_id);
        return NULL;
    }
    pthread_mutex_lock(&reg->lock);
    rules = reg->schemas[schema_id - 1].rules;
    if (rules == NULL && reg->schemas[schema_id - 1].rules_wrong != NULL)
        hr_error_set(&why, HR_ESCHEMA, "%s", reg->schemas[schema_id - 1].rules_wrong);
    pthread_mutex_unlock(&reg->lock);
    if (rules == NULL && why.code == 0) {
        if (hrp_rules_open_door(schema, &hrd_re2, &made, &why) != 0)
            made = NULL;
        rules = keep_rules(reg, schema_id, made, &why);
    }
    hrp_schema_unref(schema);
    if (rules == NULL && err != NULL)
        *err = why;
    return rules;
}

uint32_t hrd_registry_damaged(struct hrd_registry *reg)
{
    uint32_t n;

    pthread_mutex_lock(&reg->lock);
    n = reg->damaged;
    pthread_mutex_unlock(&reg->lock);
    return n;
}
