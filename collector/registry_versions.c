/* Versions of a stream: its schemas in the order of their ids, counted from 1. A schema's record holds no number, so one whose
 * bytes are damaged is missing in the count until it is learned again, and those after it move up for as long. */
#include "registry_impl.h"
#include "alloc.h"

static bool counts(const struct hrd_registry *reg, uint32_t schema_id, uint32_t stream_id)
{
    const struct reg_schema *s = &reg->schemas[schema_id - 1];

    return s->schema != NULL && s->stream_id == stream_id;
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
        if (counts(reg, id, stream_id)) {
            list[at] = (struct hrd_version){.version = at + 1, .schema_id = id, .stream_id = stream_id};
            at++;
        }
    pthread_mutex_unlock(&reg->lock);
    if (r == 0) {
        *ret = list;
        *ret_n = n;
    }
    return r;
}

int hrd_registry_version_of(struct hrd_registry *reg, uint32_t schema_id, struct hrd_version *ret)
{
    struct hrd_version v = {.schema_id = schema_id};

    pthread_mutex_lock(&reg->lock);
    if (schema_id != 0 && schema_id <= reg->published_schemas && reg->schemas[schema_id - 1].schema != NULL) {
        v.stream_id = reg->schemas[schema_id - 1].stream_id;
        for (uint32_t id = 1; id <= schema_id; id++)
            v.version += counts(reg, id, v.stream_id);
    }
    pthread_mutex_unlock(&reg->lock);
    if (v.version == 0)
        return HR_ENOENT;
    *ret = v;
    return 0;
}
