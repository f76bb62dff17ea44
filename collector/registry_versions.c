/* Versions of a stream: each schema's record has its number, given once. Those of stores that did not number them are counted in the
 * order of their ids when they are read (registry_load.c). */
#include "registry_impl.h"
#include "alloc.h"
#include <stdlib.h>

static struct hrd_version version(const struct hrd_registry *reg, uint32_t schema_id)
{
    const struct reg_schema *s = &reg->schemas[schema_id - 1];

    return (struct hrd_version){.version = s->meta.version, .schema_id = schema_id, .stream_id = s->stream_id,
                                .deleted = (s->meta.flags & REG_DELETED) != 0, .pushed = (s->meta.flags & REG_PUSHED) != 0,
                                .registered_ns = s->meta.registered_ns};
}

static bool counts(const struct hrd_registry *reg, uint32_t schema_id, uint32_t stream_id)
{
    const struct reg_schema *s = &reg->schemas[schema_id - 1];

    return s->schema != NULL && s->stream_id == stream_id;
}

/* A damaged one that was learned again has its own number, but not its place among the ids. */
static int by_version(const void *a, const void *b)
{
    uint32_t x = ((const struct hrd_version *)a)->version, y = ((const struct hrd_version *)b)->version;

    return (x > y) - (x < y);
}

int hrd_registry_versions(struct hrd_registry *reg, uint32_t stream_id, struct hrd_version **ret, uint32_t *ret_n)
{
    struct hrd_version *list = NULL;
    uint32_t n = 0, at = 0;
    int r = 0;

    pthread_mutex_lock(&reg->lock);
    if (stream_id == 0 || stream_id > reg->published_streams || reg->streams[stream_id - 1].name == NULL)
        r = HR_ENOENT;
    for (uint32_t id = 1; r == 0 && id <= reg->published_schemas; id++)
        n += counts(reg, id, stream_id);
    if (r == 0 && n != 0 && (list = hrp_calloc(n, sizeof *list)) == NULL)
        r = HR_ENOMEM;
    for (uint32_t id = 1; r == 0 && at < n; id++)
        if (counts(reg, id, stream_id))
            list[at++] = version(reg, id);
    pthread_mutex_unlock(&reg->lock);
    if (r == 0) {
        if (n != 0)
            qsort(list, n, sizeof *list, by_version);
        *ret = list;
        *ret_n = n;
    }
    return r;
}

int hrd_registry_version_of(struct hrd_registry *reg, uint32_t schema_id, struct hrd_version *ret)
{
    int r = HR_ENOENT;

    pthread_mutex_lock(&reg->lock);
    if (schema_id != 0 && schema_id <= reg->published_schemas && reg->schemas[schema_id - 1].schema != NULL) {
        *ret = version(reg, schema_id);
        r = 0;
    }
    pthread_mutex_unlock(&reg->lock);
    return r;
}
