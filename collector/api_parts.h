/* What the files of the HTTP API share. api.c: life and routes; api_job.c: reader threads; api_answer.c: answers in pieces;
 * api_events.c, api_quarantine.c, api_replay.c, api_quality.c: what is read from the store; api_json.c, api_metrics.c: what is told from
 * the status; api_disk.c: sizes; api_page.c: the page; api_params.c: queries. All on the main loop, but for what a job's
 * `work` and an answer's `fill` do. */
#ifndef HRD_API_PARTS_H
#define HRD_API_PARTS_H
#include "api.h"
#include "counters.h"
#include "http.h"
#include "log.h"
#include "mailbox.h"
#include "registry.h"
#include "sinks/sink.h"
#include "status.h"

#define HRD_API_READERS 2u         /* threads in the store at a time, for all answers */
#define HRD_API_ANSWERS 16u        /* answers in pieces at a time; each may hold one decoded block */

/* Something that runs on a reader thread, then comes back. */
struct hrd_api_job {
    uv_work_t req;
    struct hrd_api *api;
    void (*work)(struct hrd_api_job *job);  /* reader thread; left out when the API closes first */
    void (*after)(struct hrd_api_job *job); /* loop; exactly once */
    struct hrd_api_job *next;
};

struct hrp_schema;
struct hrd_api_waiter;             /* api_disk.c: a request that waits for sizes */

struct hrd_api {
    uv_loop_t *loop;
    struct hrd_api_cfg cfg;
    struct hrd_http *http;         /* NULL: closed */
    struct hrd_mailbox inbox;      /* the keeper's answers */
    struct hrd_status *status;     /* the newest; NULL: none yet */
    struct hrd_counters counters[HRD_API_SLOTS];
    int64_t started_ns;

    struct hrd_api_job *first, **last; /* waiting for a reader thread */
    unsigned n_reading, n_answers;
    unsigned n_out;                /* jobs and queries that will come back */

    struct hrd_api_job disk_job;
    struct hrd_disk disk, disk_read; /* as last seen; as being read */
    int disk_error;
    bool disk_busy;
    uv_timer_t disk_timer;
    struct hrd_api_waiter *waiters;

    bool closing, handles_closing;
    unsigned n_handles;            /* not closed yet */
    void (*done)(void *arg);
    void *done_arg;
};
void hrd_api_out(struct hrd_api *api);  /* something will come back: the API stays until then */
void hrd_api_back(struct hrd_api *api); /* it has; the last call that touches the API */
bool hrd_api_ready(const struct hrd_api *api, const char **ret_reason);

/* ---- jobs ---- */
void hrd_api_run(struct hrd_api *api, struct hrd_api_job *job);     /* when a reader thread is free; in order */
void hrd_api_run_now(struct hrd_api *api, struct hrd_api_job *job); /* besides them */

/* ---- an answer in pieces that reader threads fill; the first member of what fills it ---- */
struct hrd_api_answer {
    struct hrd_api_job job;
    struct hrd_http_conn *conn;    /* NULL: the client has gone */
    void (*fill)(struct hrd_api_answer *a); /* reader thread: appends to piece while hrd_api_room; sets done or error */
    void (*free)(struct hrd_api_answer *a); /* its contents and itself */
    const char *type;              /* NULL: NDJSON */
    struct hrp_buf piece;
    uint64_t deadline_ns;          /* of one fill */
    int error;                     /* HR_E* */
    bool done, started, busy;
};
/* Takes it, as made by hrp_calloc with fill and free set. */
void hrd_api_answer(struct hrd_api *api, struct hrd_http_conn *conn, struct hrd_api_answer *a);
bool hrd_api_room(const struct hrd_api_answer *a); /* go on filling? */

/* ---- answers ---- */
void hrd_api_put_schemas(struct hrd_api *api, struct hrp_buf *out);
void hrd_api_schema(struct hrd_api *api, struct hrd_http_conn *conn, const struct hrd_http_req *req);
void hrd_api_schema_descriptor(struct hrd_api *api, struct hrd_http_conn *conn, const struct hrd_http_req *req);
void hrd_api_events(struct hrd_api *api, struct hrd_http_conn *conn, const struct hrd_http_req *req,
                    const struct hrd_stream_info *s);
void hrd_api_quarantine(struct hrd_api *api, struct hrd_http_conn *conn, const struct hrd_http_req *req,
                        const struct hrd_stream_info *s);
/* api_replay.c */
void hrd_api_quarantine_row(struct hrd_api *api, struct hrd_http_conn *conn, const struct hrd_http_req *req, const struct hrd_stream_info *s);
void hrd_api_quarantine_groups(struct hrd_api *api, struct hrd_http_conn *conn, const struct hrd_http_req *req, const struct hrd_stream_info *s);
void hrd_api_replay(struct hrd_api *api, struct hrd_http_conn *conn, const struct hrd_http_req *req, const struct hrd_stream_info *s);
struct hrd_quarantined;
/* api_quarantine.c: a row set aside as a JSON object, but for its closing brace; what it says: `,"data":{..}`, `,"text":".."`, or nothing. */
void hrd_api_put_row(struct hrp_buf *out, uint64_t number, const struct hrd_quarantined *q);
void hrd_api_put_row_data(struct hrp_buf *out, const struct hrd_quarantined *q, struct hrp_schema *schema);
void hrd_api_quality(struct hrd_api *api, struct hrd_http_conn *conn, const struct hrd_http_req *req,
                     const struct hrd_stream_info *s);
bool hrd_api_page(struct hrd_http_conn *conn, const struct hrd_http_req *req, const char *name); /* false: no such file */
/* Calls answer once the store's sizes were read, or after a moment with those seen before. */
void hrd_api_with_disk(struct hrd_api *api, struct hrd_http_conn *conn,
                       void (*answer)(struct hrd_api *api, struct hrd_http_conn *conn));
void hrd_api_put_streams(struct hrd_api *api, struct hrp_buf *out);
void hrd_api_put_ledger(struct hrd_api *api, struct hrp_buf *out);
void hrd_api_put_producers(struct hrd_api *api, struct hrp_buf *out);
void hrd_api_put_sinks(struct hrd_api *api, struct hrp_buf *out);
void hrd_api_put_micro(struct hrd_api *api, struct hrp_buf *out);
void hrd_api_micro_reset(struct hrd_api *api, struct hrd_http_conn *conn, const struct hrd_http_req *req);
void hrd_api_put_metrics(struct hrd_api *api, struct hrp_buf *out);
bool hrd_api_line_balanced(const struct hrd_ledger_line *l);
/* Of a ledger line or a profile; "" is not there any more. */
const char *hrd_api_stream_name(const struct hrd_status *st, uint32_t stream_id);

/* ---- JSON ---- */
void hrd_json_text(struct hrp_buf *out, const char *key, const char *text); /* "key":"text" */
void hrd_json_time_or_null(struct hrp_buf *out, const char *key, int64_t time_ns); /* 0: null */
void hrd_json_u64(struct hrp_buf *out, const char *key, uint64_t v);

struct hrd_profile;
/* One JSON object for each field that was profiled, separated by commas; *first: none was written before. */
void hrd_api_put_fields(struct hrp_buf *out, struct hrp_schema *schema, const struct hrd_profile *prof, bool *first);
void hrd_api_on_mail(void *owner); /* the keeper's answers */

/* ---- queries; an error is answered here, and 0 is false ---- */
struct hrd_api_query {
    uint64_t from, limit, windows;
    int64_t since_ns, until_ns;
};
#define HRD_API_FROM 1u            /* which parameters there are */
#define HRD_API_TIMES 2u
#define HRD_API_LIMIT 4u
#define HRD_API_WINDOWS 8u
int hrd_api_query(const struct hrd_http_req *req, unsigned allowed, struct hrd_api_query *ret, struct hr_error *err);
int hrd_api_time(const char *text, int64_t *ret_ns); /* RFC 3339, or nanoseconds since 1970. HR_EINVAL */
#endif
