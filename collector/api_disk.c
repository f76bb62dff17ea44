/* Sizes on disk: asked of the store by a reader thread, since a store in trouble may keep one waiting. Requests that come
 * meanwhile share one look; after a moment they are answered with what was seen before, because metrics matter most when
 * the store is in trouble. */
#include "alloc.h"
#include "api_parts.h"

#define WAIT_MS 250

struct hrd_api_waiter {
    struct hrd_api *api;
    struct hrd_http_conn *conn;
    void (*answer)(struct hrd_api *api, struct hrd_http_conn *conn);
    struct hrd_api_waiter *next;
};

static void answer_all(struct hrd_api *api)
{
    struct hrd_api_waiter *w;

    uv_timer_stop(&api->disk_timer);
    while ((w = api->waiters) != NULL) {
        api->waiters = w->next;
        hrd_http_on_gone(w->conn, NULL, NULL);
        w->answer(api, w->conn);
        hrp_free(w);
    }
}

static void on_gone(void *arg)
{
    struct hrd_api_waiter *w = arg, **at = &w->api->waiters;

    while (*at != w)
        at = &(*at)->next;
    *at = w->next;
    hrp_free(w);
}

static void look(struct hrd_api_job *job)
{
    struct hrd_api *api = job->api;

    api->disk_error = api->cfg.log->ops->disk(api->cfg.log, &api->disk_read);
}

static void seen(struct hrd_api_job *job)
{
    struct hrd_api *api = job->api;

    api->disk_busy = false;
    if (api->disk_error == 0)
        api->disk = api->disk_read;
    answer_all(api);
}

static void on_waited(uv_timer_t *timer) { answer_all(timer->data); }

void hrd_api_with_disk(struct hrd_api *api, struct hrd_http_conn *conn,
                       void (*answer)(struct hrd_api *api, struct hrd_http_conn *conn))
{
    struct hrd_api_waiter *w = hrp_calloc(1, sizeof *w);

    if (w == NULL) {
        answer(api, conn);
        return;
    }
    *w = (struct hrd_api_waiter){api, conn, answer, api->waiters};
    api->waiters = w;
    hrd_http_on_gone(conn, on_gone, w);
    if (!uv_is_active((uv_handle_t *)&api->disk_timer))
        uv_timer_start(&api->disk_timer, on_waited, WAIT_MS, 0);
    if (api->disk_busy)
        return;
    api->disk_busy = true;
    api->disk_job.work = look;
    api->disk_job.after = seen;
    hrd_api_run_now(api, &api->disk_job);
}
