/* Where a schema comes from: text, a set in a file, or a version of the collector's. */
#include "alloc.h"
#include "answer.h"
#include "descriptor.h"
#include "schema_verbs.h"
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void cli_schema_set_fini(struct cli_schema_set *set)
{
    hrp_buf_fini(&set->bytes);
    hrp_free(set->type);
    set->type = NULL;
}

int cli_schema_http(struct cli_schema_call *call)
{
    return call->http != NULL ? 0 : cli_http_open(call->base, &call->http);
}

static bool ends_with(const char *text, const char *end)
{
    size_t n = strlen(text), n_end = strlen(end);

    return n >= n_end && strcmp(text + n - n_end, end) == 0;
}

int cli_schema_read(const struct cli_schema_call *call, const char *path, struct hrp_buf *ret)
{
    return ends_with(path, ".proto") ? cli_descriptor_compile(path, call->dirs, call->n_dirs, ret) : cli_descriptor_read(path, ret);
}

static int load_file(const struct cli_schema_call *call, const char *path, struct cli_schema_set *ret)
{
    int r = cli_schema_read(call, path, &ret->bytes);

    return r != 0 ? r : cli_descriptor_type(&ret->bytes, call->type, &ret->type);
}

int cli_schema_find(struct cli_schema_call *call, const char *subject, uint64_t version, json_t **ret_all, const json_t **ret_entry)
{
    const json_t *e;
    size_t i;
    int r = cli_schema_http(call);

    *ret_all = NULL;
    *ret_entry = NULL;
    if (r == 0)
        r = cli_http_json(call->http, "/api/v1/schemas", ret_all);
    if (r != 0)
        return r;
    json_array_foreach(json_object_get(*ret_all, "schemas"), i, e) {
        if (strcmp(cli_json_text(e, "subject", ""), subject) != 0)
            continue;
        if (version != 0 ? cli_json_number(e, "version") == version
                         : !json_is_true(json_object_get(e, "deleted")) &&
                               (*ret_entry == NULL || cli_json_number(e, "version") > cli_json_number(*ret_entry, "version")))
            *ret_entry = e;
    }
    if (*ret_entry != NULL)
        return 0;
    if (version != 0)
        cli_error("the collector has no version %llu of %s; `headrace schema list` shows what there is", (unsigned long long)version, subject);
    else
        cli_error("the collector has no schema %s, and there is no such file; `headrace schema list` shows what there is", subject);
    json_decref(*ret_all);
    *ret_all = NULL;
    return CLI_FAILED;
}

static int load_version(struct cli_schema_call *call, const char *subject, uint64_t version, struct cli_schema_set *ret)
{
    const json_t *entry;
    json_t *all;
    char path[64];
    int r = cli_schema_find(call, subject, version, &all, &entry);

    if (r != 0)
        return r;
    ret->id = cli_json_number(entry, "id");
    ret->version = cli_json_number(entry, "version");
    json_decref(all);
    snprintf(path, sizeof path, "/api/v1/schemas/%llu/descriptor", (unsigned long long)ret->id);
    r = cli_http_get(call->http, path, &ret->bytes);
    ret->type = r == 0 ? hrp_strdup(subject) : NULL;
    return r;
}

int cli_schema_load(struct cli_schema_call *call, const char *text, struct cli_schema_set *ret)
{
    const char *at = strrchr(text, '@');
    uint64_t version = call->version;
    char subject[256];
    int r;

    memset(ret, 0, sizeof *ret);
    if (ends_with(text, ".proto") || access(text, F_OK) == 0) {
        r = load_file(call, text, ret);
    } else {
        r = at != NULL ? cli_parse_u64(call->verb, "a version", at + 1, 1, UINT32_MAX, &version) : 0;
        snprintf(subject, sizeof subject, "%.*s", at != NULL ? (int)(at - text) : 255, text);
        if (r == 0)
            r = load_version(call, subject, version, ret);
    }
    if (r == 0 && ret->type == NULL) {
        cli_error("out of memory");
        r = CLI_FAILED;
    }
    if (r != 0)
        cli_schema_set_fini(ret);
    return r;
}
