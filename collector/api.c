#include "api.h"
#include "alloc.h"
#include "api_parts.h"
#include "schema.h"
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

static void streams(struct hrd_api *api, struct hrd_http_conn *conn) { reply_json(api, conn, hrd_api_put_streams); }

static void metrics(struct hrd_api *api, struct hrd_http_conn *conn)
{
    struct hrp_buf body = HRP_BUF_INIT;

    hrd_api_put_metrics(api, &body);
    hrd_http_reply(conn, 200, "text/plain; version=0.0.4; charset=utf-8", NULL, &body);
}

static void readyz(struct hrd_api *api, struct hrd_http_conn *conn)
{
    struct hrp_buf body = HRP_BUF_INIT;
    const char *reason;
    bool ready = hrd_api_ready(api, &reason);

    hrp_put_fmt(&body, "%s\n", ready ? "ok" : reason);
    hrd_http_reply(conn, ready ? 200 : 503, "text/plain; charset=utf-8", NULL, &body);
}

static void descriptor(struct hrd_api *api, struct hrd_http_conn *conn, const struct hrd_stream_info *s)
{
    struct hrp_schema *schema = s->schema_id != 0 ? hrd_registry_schema(api->cfg.registry, s->schema_id) : NULL;
    struct hrp_buf body = HRP_BUF_INIT;
    const uint8_t *p;
    size_t n;

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

static void handle_short(struct hrd_api *api, struct hrd_http_conn *conn, const struct hrd_http_req *req, const char *name)
{
    static const char ok[] = "ok\n";

    if (strcmp(name, "healthz") == 0)
        hrd_http_reply_static(conn, 200, "text/plain; charset=utf-8", NULL, ok, sizeof ok - 1);
    else if (strcmp(name, "readyz") == 0)
        readyz(api, conn);
    else if (strcmp(name, "metrics") == 0)
        hrd_api_with_disk(api, conn, metrics);
    else if (*name == '\0' || !hrd_api_page(conn, req, name))
        no_such_page(conn);
}

static void handle_list(struct hrd_api *api, struct hrd_http_conn *conn, const char *what)
{
    if (strcmp(what, "streams") == 0)
        hrd_api_with_disk(api, conn, streams);
    else if (strcmp(what, "ledger") == 0)
        reply_json(api, conn, hrd_api_put_ledger);
    else if (strcmp(what, "producers") == 0)
        reply_json(api, conn, hrd_api_put_producers);
    else if (strcmp(what, "sinks") == 0)
        reply_json(api, conn, hrd_api_put_sinks);
    else
        no_such_page(conn);
}

static void handle_stream(struct hrd_api *api, struct hrd_http_conn *conn, const struct hrd_http_req *req)
{
    const char *name = req->segments[3], *what = req->segments[4];
    struct hrd_stream_info s;

    if (hrd_registry_stream_by_name(api->cfg.registry, name, &s) != 0)
        hrd_http_error(conn, 0, HR_ENOENT, "no stream %.255s", name);
    else if (strcmp(what, "events") == 0)
        hrd_api_events(api, conn, req, &s);
    else if (strcmp(what, "quarantine") == 0)
        hrd_api_quarantine(api, conn, req, &s);
    else if (strcmp(what, "quality") == 0)
        hrd_api_quality(api, conn, req, &s);
    else if (strcmp(what, "descriptor") == 0)
        descriptor(api, conn, &s);
    else
        no_such_page(conn);
}

static void handle(void *arg, struct hrd_http_conn *conn, const struct hrd_http_req *req)
{
    struct hrd_api *api = arg;
    const char *const *seg = req->segments;
    bool v1 = req->n_segments >= 3 && strcmp(seg[0], "api") == 0 && strcmp(seg[1], "v1") == 0;

    if (req->n_segments == 0)
        hrd_api_page(conn, req, "");
    else if (req->n_segments == 1)
        handle_short(api, conn, req, seg[0]);
    else if (v1 && req->n_segments == 3)
        handle_list(api, conn, seg[2]);
    else if (v1 && req->n_segments == 5 && strcmp(seg[2], "streams") == 0)
        handle_stream(api, conn, req);
    else
        no_such_page(conn);
}
