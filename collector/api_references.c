/* Which registered schemas a schema imports, found by content: the imported file, byte for byte, is the main file of a version of some
 * subject. So nothing is stored, and what was pushed as one set has references as well, as soon as its parts are registered. */
#include "api_task.h"
#include "alloc.h"
#include "schema.h"
#include <google/protobuf/descriptor.pb-c.h>
#include <string.h>

typedef Google__Protobuf__FileDescriptorSet pb_set;
typedef Google__Protobuf__FileDescriptorProto pb_file;

static pb_set *unpack(struct hrp_schema *schema, const uint8_t **ret_p, size_t *ret_n)
{
    *ret_p = hrp_schema_bytes(schema, ret_n);
    return google__protobuf__file_descriptor_set__unpack(NULL, *ret_n, *ret_p);
}

static bool same_file(const pb_file *a, const pb_file *b)
{
    size_t n = google__protobuf__file_descriptor_proto__get_packed_size(a);
    uint8_t *x, *y;
    bool same;

    if (n != google__protobuf__file_descriptor_proto__get_packed_size(b))
        return false;
    x = hrp_malloc(n + 1);
    y = hrp_malloc(n + 1);
    same = x != NULL && y != NULL && google__protobuf__file_descriptor_proto__pack(a, x) == n &&
           google__protobuf__file_descriptor_proto__pack(b, y) == n && memcmp(x, y, n) == 0;
    hrp_free(x);
    hrp_free(y);
    return same;
}

/* A set that has the file in it and is smaller than the one that imports it is worth unpacking. */
static bool is_main_file(struct hrp_schema *schema, const pb_file *file, size_t below)
{
    size_t n;
    const uint8_t *p = hrp_schema_bytes(schema, &n);
    pb_set *set;
    bool same;

    if (n >= below || memmem(p, n, file->name, strlen(file->name)) == NULL)
        return false;
    set = unpack(schema, &p, &n);
    same = set != NULL && set->n_file != 0 && strcmp(set->file[set->n_file - 1]->name, file->name) == 0 &&
           same_file(set->file[set->n_file - 1], file);
    google__protobuf__file_descriptor_set__free_unpacked(set, NULL);
    return same;
}

/* The first of them that is not deleted, or else one that is. */
static bool find(const struct hrd_api_task *t, const pb_file *file, size_t below, struct hrd_version *ret)
{
    bool found = false;
    struct hrd_version v = {0};

    for (uint32_t stream = hrd_registry_n_streams(t->cfg->registry); stream > 0; stream--) {
        struct hrd_version *list = NULL;
        uint32_t n = 0;

        if (hrd_registry_versions(t->cfg->registry, stream, &list, &n) != 0)
            continue;
        for (uint32_t i = 0; i < n; i++) {
            struct hrp_schema *schema = found && list[i].deleted ? NULL : hrd_registry_schema(t->cfg->registry, list[i].schema_id);

            v = list[i];
            if (schema != NULL && is_main_file(schema, file, below) && (!found || (ret->deleted && !v.deleted))) {
                *ret = v;
                found = true;
            }
            hrp_schema_unref(schema);
        }
        hrp_free(list);
        if (found && !ret->deleted)
            return true;
    }
    return found;
}

static const pb_file *file_named(const pb_set *set, const char *name)
{
    for (size_t i = 0; i < set->n_file; i++)
        if (strcmp(set->file[i]->name, name) == 0)
            return set->file[i];
    return NULL;
}

json_t *hrd_api_references(const struct hrd_api_task *t, struct hrp_schema *schema)
{
    const uint8_t *p;
    size_t n;
    pb_set *set = unpack(schema, &p, &n);
    const pb_file *main_file = set != NULL && set->n_file != 0 ? set->file[set->n_file - 1] : NULL;
    json_t *list = json_array();

    for (size_t i = 0; main_file != NULL && i < main_file->n_dependency; i++) {
        const char *name = main_file->dependency[i];
        const pb_file *file = strncmp(name, "google/protobuf/", 16) != 0 ? file_named(set, name) : NULL;
        struct hrd_stream_info info;
        struct hrd_version v = {0};

        if (file != NULL && find(t, file, n, &v) && hrd_registry_stream(t->cfg->registry, v.stream_id, &info) == 0)
            json_array_append_new(list, json_pack("{s:s,s:s,s:I}", "name", name, "subject", info.name, "version", (json_int_t)v.version));
    }
    google__protobuf__file_descriptor_set__free_unpacked(set, NULL);
    return list;
}
