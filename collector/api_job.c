/* Reader threads: libuv's, at most HRD_API_READERS of them in the store for answers, so that readers never crowd out the
 * committer, and a queue in order of arrival. Each job is a bounded piece of work, so a large answer waits its turn again
 * and again beside the small ones. */
#include "api_parts.h"

static void start_next(struct hrd_api *api);

static void work(uv_work_t *req)
{
    struct hrd_api_job *job = req->data;

    job->work(job);
}

static void after(uv_work_t *req, int status)
{
    struct hrd_api_job *job = req->data;
    struct hrd_api *api = job->api;

    (void)status; /* nothing here is cancelled */
    api->n_reading--;
    start_next(api);
    job->after(job);
    hrd_api_back(api);
}

static void after_now(uv_work_t *req, int status)
{
    struct hrd_api_job *job = req->data;
    struct hrd_api *api = job->api;

    (void)status;
    job->after(job);
    hrd_api_back(api);
}

static void start_next(struct hrd_api *api)
{
    while (api->n_reading < HRD_API_READERS && api->first != NULL) {
        struct hrd_api_job *job = api->first;

        api->first = job->next;
        if (api->first == NULL)
            api->last = &api->first;
        api->n_reading++;
        uv_queue_work(api->loop, &job->req, work, after);
    }
}

static void prepare(struct hrd_api *api, struct hrd_api_job *job)
{
    job->api = api;
    job->req.data = job;
    job->next = NULL;
    hrd_api_out(api);
}

void hrd_api_run(struct hrd_api *api, struct hrd_api_job *job)
{
    prepare(api, job);
    *api->last = job;
    api->last = &job->next;
    start_next(api);
}

void hrd_api_run_now(struct hrd_api *api, struct hrd_api_job *job)
{
    prepare(api, job);
    uv_queue_work(api->loop, &job->req, work, after_now);
}
