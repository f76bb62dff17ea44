/* GET /api/v1/schemas and what is below it: all schemas that were accepted, stream by stream, version by version. */
#include "api_parts.h"
#include "alloc.h"
#include "json.h"
#include "registry.h"
#include "schema.h"
#include <string.h>

static const char *mode_name(enum hrd_mode mode)
{
    return mode == HRD_MODE_OPEN ? "open" : mode == HRD_MODE_LOCKED ? "locked" : "readonly";
}

static void put_version(struct hrd_api *api, struct hrp_buf *out, const struct hrd_stream_info *s, const struct hrd_version *v, bool first)
{
    struct hrp_schema *schema = hrd_registry_schema(api->cfg.registry, v->schema_id);
    struct hrd_settings set;

    if (schema == NULL || hrd_registry_settings(api->cfg.registry, s->stream_id, &set) != 0) {
        hrp_schema_unref(schema);
        return;
    }
    hrp_put_fmt(out, "%s{\"id\":%u,\"subject\":", first ? "" : ",", v->schema_id);
    hrp_json_str(out, s->name, strlen(s->name));
    hrp_put_fmt(out, ",\"version\":%u,\"deleted\":%s,\"pushed\":%s,\"mode\":\"%s\",\"compatibility\":\"%s\",", v->version,
                v->deleted ? "true" : "false", v->pushed ? "true" : "false", mode_name(set.mode), hrp_compat_mode_name(set.compat));
    hrd_json_time_or_null(out, "registered", v->registered_ns);
    hrp_put_fmt(out, ",\"fingerprint\":\"");
    for (unsigned i = 0; i < 16; i++)
        hrp_put_fmt(out, "%02x", hrp_schema_fingerprint(schema)[i]);
    hrp_put_fmt(out, "\"}");
    hrp_schema_unref(schema);
}

void hrd_api_put_schemas(struct hrd_api *api, struct hrp_buf *out)
{
    uint32_t n_streams = hrd_registry_n_streams(api->cfg.registry);
    bool first = true;

    hrp_put_fmt(out, "{\"schemas\":[");
    for (uint32_t id = 1; id <= n_streams; id++) {
        struct hrd_version *list = NULL;
        struct hrd_stream_info s;
        uint32_t n = 0;

        if (hrd_registry_stream(api->cfg.registry, id, &s) != 0)
            continue;
        if (hrd_registry_versions(api->cfg.registry, id, &list, &n) == HR_ENOMEM)
            out->err = HR_ENOMEM;
        for (uint32_t i = 0; i < n; i++, first = false)
            put_version(api, out, &s, &list[i], first);
        hrp_free(list);
    }
    hrp_put_fmt(out, "]}\n");
}

/* 1 to 9 digits, no sign, no leading zero; 0: none. */
static uint32_t read_id(const char *text)
{
    size_t n = strspn(text, "0123456789");
    uint32_t id = 0;

    if (n == 0 || n > 9 || text[n] != '\0' || *text == '0')
        return 0;
    for (; *text != '\0'; text++)
        id = id * 10 + (uint32_t)(*text - '0');
    return id;
}

void hrd_api_schema(struct hrd_api *api, struct hrd_http_conn *conn, const struct hrd_http_req *req)
{
    struct hrp_buf body = HRP_BUF_INIT;
    struct hrd_stream_info s;
    struct hrd_version v;

    if (hrd_registry_version_of(api->cfg.registry, read_id(req->segments[3]), &v) != 0 ||
        hrd_registry_stream(api->cfg.registry, v.stream_id, &s) != 0) {
        hrd_http_error(conn, 0, HR_ENOENT, "no schema %.20s", req->segments[3]);
        return;
    }
    put_version(api, &body, &s, &v, true);
    hrd_http_reply(conn, 200, "application/json", NULL, &body);
}

void hrd_api_schema_descriptor(struct hrd_api *api, struct hrd_http_conn *conn, const struct hrd_http_req *req)
{
    uint32_t id = read_id(req->segments[3]);
    struct hrp_schema *schema = id != 0 ? hrd_registry_schema(api->cfg.registry, id) : NULL;
    struct hrp_buf body = HRP_BUF_INIT;
    const uint8_t *p;
    size_t n;

    if (schema == NULL) {
        hrd_http_error(conn, 0, HR_ENOENT, "no schema %.20s", req->segments[3]);
        return;
    }
    p = hrp_schema_bytes(schema, &n);
    hrp_put_bytes(&body, p, n);
    hrp_schema_unref(schema);
    hrd_http_reply(conn, 200, "application/octet-stream", NULL, &body);
}
