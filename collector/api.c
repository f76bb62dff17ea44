#include "api.h"
#include "alloc.h"
#include "api_parts.h"
#include "api_task.h"
#include "schema.h"
#include <stdio.h>
#include <string.h>
#include <time.h>

static void handle(void *arg, struct hrd_http_conn *conn, const struct hrd_http_req *req);

/* ---- the end ---- */

static void closed_one(struct hrd_api *api)
{
    void (*done)(void *arg) = api->done;
    void *arg = api->done_arg;

    if (--api->n_handles != 0)
        return;
    hrd_status_unref(api->status);
    hrp_free(api);
    if (done != NULL)
        done(arg);
}

static void on_inbox_closed(void *owner) { closed_one(owner); }
static void on_timer_closed(uv_handle_t *h) { closed_one(h->data); }

/* The listener is closed, and nothing that was sent out is still to come back. */
static void maybe_close_handles(struct hrd_api *api)
{
    if (!api->closing || api->handles_closing || api->http != NULL || api->n_out != 0)
        return;
    api->handles_closing = true;
    api->inbox.on_closed = on_inbox_closed;
    uv_close((uv_handle_t *)&api->disk_timer, on_timer_closed);
    hrd_mailbox_close(&api->inbox);
}

static void on_http_closed(void *arg)
{
    struct hrd_api *api = arg;

    api->http = NULL;
    maybe_close_handles(api);
}

void hrd_api_out(struct hrd_api *api) { api->n_out++; }

void hrd_api_back(struct hrd_api *api)
{
    api->n_out--;
    maybe_close_handles(api);
}

/* Jobs that wait for a thread come back at once: whoever asked is gone. */
static void drop_waiting_jobs(struct hrd_api *api)
{
    struct hrd_api_job *job;

    while ((job = api->first) != NULL) {
        api->first = job->next;
        if (api->first == NULL)
            api->last = &api->first;
        job->after(job);
        api->n_out--;
    }
}

void hrd_api_close(struct hrd_api *api, void (*done)(void *arg), void *arg)
{
    if (api == NULL)
        return;
    api->closing = true;
    api->done = done;
    api->done_arg = arg;
    if (api->http != NULL)
        hrd_http_close(api->http, on_http_closed, api);
    drop_waiting_jobs(api);
    maybe_close_handles(api);
}

/* ---- the start ---- */

int hrd_api_open(uv_loop_t *loop, const struct hrd_api_cfg *cfg, struct hrd_api **ret, struct hr_error *err)
{
    struct hrd_http_cfg http = hrd_http_cfg_default;
    struct hrd_api *api = hrp_calloc(1, sizeof *api);
    struct timespec now;
    int r;

    if (api == NULL || hrd_mailbox_open(&api->inbox, loop, 0, hrd_api_on_mail, api) != 0) {
        hrp_free(api);
        return hr_error_set(err, HR_ENOMEM, "HTTP: out of memory");
    }
    clock_gettime(CLOCK_REALTIME, &now);
    api->started_ns = (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
    api->loop = loop;
    api->cfg = *cfg;
    api->last = &api->first;
    uv_timer_init(loop, &api->disk_timer);
    api->disk_timer.data = api;
    api->n_handles = 2;
    http.host = cfg->host;
    http.port = cfg->port;
    http.hosts = cfg->hosts;
    if (cfg->max_connections != 0)
        http.max_connections = cfg->max_connections;
    http.handler = handle;
    http.arg = api;
    r = hrd_http_open(loop, &http, &api->http, err);
    if (r != 0)
        hrd_api_close(api, NULL, NULL);
    else
        *ret = api;
    return r;
}

uint16_t hrd_api_port(const struct hrd_api *api) { return hrd_http_port(api->http); }

/* ---- what other threads told ---- */

void hrd_api_status(struct hrd_api *api, struct hrd_status *status)
{
    hrd_status_unref(api->status);
    api->status = status;
}

void hrd_api_counters(struct hrd_api *api, unsigned slot, const struct hrd_counters *counters)
{
    if (slot < HRD_API_SLOTS)
        api->counters[slot] = *counters;
}

bool hrd_api_ready(const struct hrd_api *api, const char **ret_reason)
{
    const struct hrd_status *st = api->status;

    *ret_reason = st == NULL ? "starting" : st->ready ? "" : st->reason;
    return st != NULL && st->ready;
}

/* ---- answers ---- */

static void reply_json(struct hrd_api *api, struct hrd_http_conn *conn, void (*put)(struct hrd_api *api, struct hrp_buf *out))
{
    struct hrp_buf body = HRP_BUF_INIT;

    put(api, &body);
    hrd_http_reply(conn, 200, "application/json", NULL, &body);
}

static void put_streams(struct hrd_api *api, struct hrd_http_conn *conn) { reply_json(api, conn, hrd_api_put_streams); }

static void streams(struct hrd_api *api, struct hrd_http_conn *conn, const struct hrd_http_req *req)
{
    (void)req;
    hrd_api_with_disk(api, conn, put_streams);
}

static void put_metrics(struct hrd_api *api, struct hrd_http_conn *conn)
{
    struct hrp_buf body = HRP_BUF_INIT;

    hrd_api_put_metrics(api, &body);
    hrd_http_reply(conn, 200, "text/plain; version=0.0.4; charset=utf-8", NULL, &body);
}

static void metrics(struct hrd_api *api, struct hrd_http_conn *conn, const struct hrd_http_req *req)
{
    (void)req;
    hrd_api_with_disk(api, conn, put_metrics);
}

static void healthz(struct hrd_api *api, struct hrd_http_conn *conn, const struct hrd_http_req *req)
{
    static const char ok[] = "ok\n";

    (void)api;
    (void)req;
    hrd_http_reply_static(conn, 200, "text/plain; charset=utf-8", NULL, ok, sizeof ok - 1);
}

static void readyz(struct hrd_api *api, struct hrd_http_conn *conn, const struct hrd_http_req *req)
{
    struct hrp_buf body = HRP_BUF_INIT;
    const char *reason;
    bool ready = hrd_api_ready(api, &reason);

    (void)req;
    hrp_put_fmt(&body, "%s\n", ready ? "ok" : reason);
    hrd_http_reply(conn, ready ? 200 : 503, "text/plain; charset=utf-8", NULL, &body);
}

static void descriptor(struct hrd_api *api, struct hrd_http_conn *conn, const struct hrd_http_req *req, const struct hrd_stream_info *s)
{
    struct hrp_schema *schema = s->schema_id != 0 ? hrd_registry_schema(api->cfg.registry, s->schema_id) : NULL;
    struct hrp_buf body = HRP_BUF_INIT;
    const uint8_t *p;
    size_t n;

    (void)req;
    if (schema == NULL) {
        hrd_http_error(conn, 0, HR_ENOENT, "no schema of %s was ever accepted", s->name);
        return;
    }
    p = hrp_schema_bytes(schema, &n);
    hrp_put_bytes(&body, p, n);
    hrp_schema_unref(schema);
    hrd_http_reply(conn, 200, "application/octet-stream", NULL, &body);
}

/* ---- routes ---- */

static void no_such_page(struct hrd_http_conn *conn)
{
    hrd_http_error(conn, 0, HR_ENOENT, "no such page; dashboard/API.md lists those there are");
}

static void page(struct hrd_api *api, struct hrd_http_conn *conn, const struct hrd_http_req *req)
{
    (void)api;
    if (!hrd_api_page(conn, req, req->n_segments != 0 ? req->segments[0] : ""))
        no_such_page(conn);
}

/* A path is matched segment by segment, "*" is any one but an empty one; the first route of path and method is taken. GET stands
 * for HEAD, too. One of fn, put, task and of_stream: the last for paths whose fourth segment is a stream that there must be. */
struct route {
    const char *method, *path;
    void (*fn)(struct hrd_api *api, struct hrd_http_conn *conn, const struct hrd_http_req *req);
    void (*put)(struct hrd_api *api, struct hrp_buf *out);
    void (*task)(struct hrd_api_task *t); /* on a reader thread */
    void (*of_stream)(struct hrd_api *api, struct hrd_http_conn *conn, const struct hrd_http_req *req, const struct hrd_stream_info *s);
    bool micro; /* with --micro only */
};
static const struct route routes[] = {
    {"GET", "", .fn = page},
    {"GET", "healthz", .fn = healthz},
    {"GET", "readyz", .fn = readyz},
    {"GET", "metrics", .fn = metrics},
    {"GET", "api/v1/streams", .fn = streams},
    {"GET", "api/v1/ledger", .put = hrd_api_put_ledger},
    {"GET", "api/v1/producers", .put = hrd_api_put_producers},
    {"GET", "api/v1/sinks", .put = hrd_api_put_sinks},
    {"GET", "api/v1/schemas", .put = hrd_api_put_schemas},
    {"GET", "api/v1/schemas/*/descriptor", .fn = hrd_api_schema_descriptor},
    {"GET", "api/v1/streams/*/events", .of_stream = hrd_api_events},
    {"GET", "api/v1/streams/*/quarantine", .of_stream = hrd_api_quarantine},
    {"GET", "api/v1/streams/*/quarantine/groups", .of_stream = hrd_api_quarantine_groups},
    {"POST", "api/v1/streams/*/quarantine/replay", .of_stream = hrd_api_replay},
    {"GET", "api/v1/streams/*/quarantine/*", .of_stream = hrd_api_quarantine_row},
    {"GET", "api/v1/streams/*/quality", .of_stream = hrd_api_quality},
    {"GET", "api/v1/streams/*/descriptor", .of_stream = descriptor},
    {"POST", "api/v1/schemas", .task = hrd_api_push},
    {"GET", "api/v1/schemas/*", .fn = hrd_api_schema},
    {"GET", "api/v1/streams/*/policy", .task = hrd_api_policy},
    {"PUT", "api/v1/streams/*/policy", .task = hrd_api_policy},
    {"DELETE", "api/v1/streams/*/policy", .task = hrd_api_policy},
    {"GET", "micro/all", .put = hrd_api_put_micro, .micro = true},
    {"GET", "micro/good", .task = hrd_api_micro_good, .micro = true},
    {"GET", "micro/bad", .task = hrd_api_micro_bad, .micro = true},
    {"POST", "micro/reset", .fn = hrd_api_micro_reset, .micro = true},
    /* as Confluent's registry has them */
    {"GET", "subjects", .task = hrd_confluent_subjects},
    {"POST", "subjects/*", .task = hrd_confluent_subject},
    {"DELETE", "subjects/*", .task = hrd_confluent_subject},
    {"GET", "subjects/*/versions", .task = hrd_confluent_versions},
    {"POST", "subjects/*/versions", .task = hrd_confluent_versions},
    {"GET", "subjects/*/versions/*", .task = hrd_confluent_version},
    {"DELETE", "subjects/*/versions/*", .task = hrd_confluent_version},
    {"GET", "subjects/*/versions/*/schema", .task = hrd_confluent_version},
    {"GET", "schemas/types", .task = hrd_confluent_types},
    {"GET", "schemas/ids/*", .task = hrd_confluent_id},
    {"GET", "schemas/ids/*/versions", .task = hrd_confluent_id},
    {"GET", "schemas/ids/*/subjects", .task = hrd_confluent_id},
    {"POST", "compatibility/subjects/*/versions", .task = hrd_confluent_compatibility},
    {"POST", "compatibility/subjects/*/versions/*", .task = hrd_confluent_compatibility},
    {"GET", "config", .task = hrd_confluent_config},
    {"PUT", "config", .task = hrd_confluent_config},
    {"DELETE", "config", .task = hrd_confluent_config},
    {"GET", "config/*", .task = hrd_confluent_config},
    {"PUT", "config/*", .task = hrd_confluent_config},
    {"DELETE", "config/*", .task = hrd_confluent_config},
    {"GET", "mode", .task = hrd_confluent_mode},
    {"PUT", "mode", .task = hrd_confluent_mode},
    {"DELETE", "mode", .task = hrd_confluent_mode},
    {"GET", "mode/*", .task = hrd_confluent_mode},
    {"PUT", "mode/*", .task = hrd_confluent_mode},
    {"DELETE", "mode/*", .task = hrd_confluent_mode},
    {"GET", "*", .fn = page},
};

static bool path_matches(const char *path, const struct hrd_http_req *req)
{
    for (unsigned i = 0; i < req->n_segments; i++) {
        const char *seg = req->segments[i];
        size_t n = strcspn(path, "/");

        if (n == 1 && *path == '*' ? *seg == '\0' : strlen(seg) != n || n == 0 || memcmp(path, seg, n) != 0)
            return false;
        path += n;
        if (*path == '/')
            path++;
        else if (i + 1 < req->n_segments)
            return false;
    }
    return *path == '\0';
}

static bool method_matches(const char *method, enum hrd_http_method have)
{
    static const char *const names[] = {
        [HRD_HTTP_GET] = "GET", [HRD_HTTP_HEAD] = "GET", [HRD_HTTP_POST] = "POST", [HRD_HTTP_PUT] = "PUT", [HRD_HTTP_DELETE] = "DELETE",
    };

    return have < HRD_HTTP_OTHER && strcmp(names[have], method) == 0;
}

static void take(struct hrd_api *api, struct hrd_http_conn *conn, const struct hrd_http_req *req, const struct route *route)
{
    struct hrd_stream_info s;

    if (route->fn != NULL)
        route->fn(api, conn, req);
    else if (route->put != NULL)
        reply_json(api, conn, route->put);
    else if (route->task != NULL)
        hrd_api_task(api, conn, req, route->task);
    else if (hrd_registry_stream_by_name(api->cfg.registry, req->segments[3], &s) != 0)
        hrd_http_error(conn, 0, HR_ENOENT, "no stream %.255s", req->segments[3]);
    else
        route->of_stream(api, conn, req, &s);
}

static void handle(void *arg, struct hrd_http_conn *conn, const struct hrd_http_req *req)
{
    const struct hrd_api *api = arg;
    char allow[64] = "";
    size_t n = 0;

    for (unsigned i = 0; i < sizeof routes / sizeof *routes; i++) {
        const char *method = routes[i].method;

        if (!path_matches(routes[i].path, req) || (routes[i].micro && !api->cfg.micro))
            continue;
        if (method_matches(method, req->method)) {
            take(arg, conn, req, &routes[i]);
            return;
        }
        if (strstr(allow, method) == NULL && n < sizeof allow)
            n += (size_t)snprintf(allow + n, sizeof allow - n, "%s%s", n != 0 ? ", " : "", strcmp(method, "GET") == 0 ? "GET, HEAD" : method);
    }
    if (n != 0)
        hrd_http_not_allowed(conn, allow);
    else
        no_such_page(conn);
}
