/* Requests for a reader thread: a copy of what was asked goes there, an answer comes back. */
#include "api_task.h"
#include "alloc.h"
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

static void task_free(struct hrd_api_task *t)
{
    for (unsigned i = 0; i < t->n_segments; i++)
        hrp_free(t->segments[i]);
    for (unsigned i = 0; i < t->n_params; i++) {
        hrp_free(t->params[i].name);
        hrp_free(t->params[i].value);
    }
    hrp_free(t->content_type);
    hrp_free(t->body);
    hrp_buf_fini(&t->out);
    hrp_free(t);
}

static void work(struct hrd_api_job *job)
{
    struct hrd_api_task *t = (struct hrd_api_task *)job;

    t->run(t);
}

static void after(struct hrd_api_job *job)
{
    struct hrd_api_task *t = (struct hrd_api_task *)job;

    if (t->conn != NULL && t->status != 0)
        hrd_http_reply(t->conn, t->status, t->type, NULL, &t->out);
    else if (t->conn != NULL)
        hrd_http_error(t->conn, t->error.code == HR_ESCHEMA ? 422 : 0, t->error.code, "%s", t->error.text);
    task_free(t);
}

static void on_gone(void *arg) { ((struct hrd_api_task *)arg)->conn = NULL; }

static char *copy(const char *text, bool *ok)
{
    char *p = hrp_strdup(text);

    *ok &= p != NULL;
    return p;
}

static bool copy_request(struct hrd_api_task *t, const struct hrd_http_req *req)
{
    bool ok = true;

    t->method = req->method == HRD_HTTP_HEAD ? HRD_HTTP_GET : req->method;
    for (; t->n_segments < req->n_segments; t->n_segments++)
        t->segments[t->n_segments] = copy(req->segments[t->n_segments], &ok);
    for (; t->n_params < req->n_params; t->n_params++) {
        t->params[t->n_params].name = copy(req->params[t->n_params].name, &ok);
        t->params[t->n_params].value = copy(req->params[t->n_params].value, &ok);
    }
    if (req->content_type != NULL)
        t->content_type = copy(req->content_type, &ok);
    if (req->n_body != 0) {
        t->body = hrp_memdup(req->body, req->n_body);
        t->n_body = req->n_body;
        ok &= t->body != NULL;
    }
    return ok;
}

void hrd_api_task(struct hrd_api *api, struct hrd_http_conn *conn, const struct hrd_http_req *req, void (*run)(struct hrd_api_task *t))
{
    struct hrd_api_task *t = hrp_calloc(1, sizeof *t);

    if (t == NULL || !copy_request(t, req)) {
        if (t != NULL)
            task_free(t);
        hrd_http_error(conn, 0, HR_ENOMEM, "out of memory");
        return;
    }
    t->job.work = work;
    t->job.after = after;
    t->conn = conn;
    t->run = run;
    t->cfg = &api->cfg;
    hrd_http_on_gone(conn, on_gone, t);
    hrd_api_run(api, &t->job);
}

const char *hrd_api_task_param(const struct hrd_api_task *t, const char *name)
{
    for (unsigned i = 0; i < t->n_params; i++)
        if (strcmp(t->params[i].name, name) == 0)
            return t->params[i].value;
    return NULL;
}

bool hrd_api_task_flag(const struct hrd_api_task *t, const char *name)
{
    const char *v = hrd_api_task_param(t, name);

    return v != NULL && (strcmp(v, "1") == 0 || strcmp(v, "true") == 0);
}

void hrd_api_task_json(struct hrd_api_task *t, int status, json_t *json)
{
    char *text = json != NULL ? json_dumps(json, JSON_COMPACT | JSON_ENCODE_ANY) : NULL;

    hrp_buf_clear(&t->out);
    if (text != NULL)
        hrp_put_bytes(&t->out, text, strlen(text));
    if (text == NULL || t->out.err != 0) {
        t->status = 0;
        hr_error_set(&t->error, HR_ENOMEM, "out of memory");
    } else {
        t->status = status;
        if (t->type == NULL)
            t->type = HRD_CONFLUENT;
    }
    free(text);
    json_decref(json);
}

void hrd_api_task_confluent(struct hrd_api_task *t, int code, const char *fmt, ...)
{
    char text[600];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    t->type = HRD_CONFLUENT;
    hrd_api_task_json(t, code >= 10000 ? code / 100 : code, json_pack("{s:i,s:s}", "error_code", code, "message", text));
}
