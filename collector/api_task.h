/* A request that is answered by a reader thread in one piece: what it says is copied, its function runs there, may block, and leaves a
 * status and a body. For what parses, compares, prints or asks the committer; api_answer.c is for what is long. */
#ifndef HRD_API_TASK_H
#define HRD_API_TASK_H
#include "api_parts.h"
#include <jansson.h>

#define HRD_CONFLUENT "application/vnd.schemaregistry.v1+json"

struct hrd_api_task {
    struct hrd_api_job job;
    struct hrd_http_conn *conn;      /* NULL: the client has gone */
    void (*run)(struct hrd_api_task *t);
    const struct hrd_api_cfg *cfg;
    enum hrd_http_method method;     /* HEAD is GET here */
    unsigned n_segments, n_params;
    char *segments[HRD_HTTP_SEGMENTS]; /* owned, as all below */
    struct { char *name, *value; } params[HRD_HTTP_PARAMS];
    char *content_type;              /* or NULL */
    uint8_t *body;
    size_t n_body;
    /* the answer */
    int status;                      /* 0: error_code and error, as hrd_http_error writes them */
    const char *type;
    struct hrp_buf out;
    struct hr_error error;
};
void hrd_api_task(struct hrd_api *api, struct hrd_http_conn *conn, const struct hrd_http_req *req, void (*run)(struct hrd_api_task *t));
const char *hrd_api_task_param(const struct hrd_api_task *t, const char *name); /* NULL: not given */
bool hrd_api_task_flag(const struct hrd_api_task *t, const char *name);         /* "1" or "true" */
void hrd_api_task_json(struct hrd_api_task *t, int status, json_t *json);       /* takes it; NULL: out of memory */
/* {"error_code":40401,"message":".."} with the status that the code begins with. */
void hrd_api_task_confluent(struct hrd_api_task *t, int code, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* ---- api_register.c: what both faces of the registry do ---- */
struct hrd_submission {
    struct hrp_schema *schema;       /* a reference */
    uint32_t stream_id;              /* 0: the subject is new */
    struct hrd_admission admission;
    struct hr_error why;             /* of an admission that failed */
    int refused;                     /* 0, or HR_ESCHEMA */
    uint32_t schema_id, version;     /* once known or registered */
};
/* Text of a file, or a descriptor set, as schema of subject. HR_ESCHEMA, HR_ELIMIT, HR_ENOMEM: err is the sentence, by place. */
int hrd_submission_parse(const struct hrd_api_task *t, const char *subject, const char *file, const char *text,
                         const json_t *references, struct hrd_submission *ret, struct hr_error *err);
int hrd_submission_open(const uint8_t *set, size_t n, const char *subject, struct hrd_submission *ret, struct hr_error *err);
int hrd_submission_admit(const struct hrd_api_task *t, struct hrd_submission *sub, struct hr_error *err); /* 0 also when refused */
int hrd_submission_push(const struct hrd_api_task *t, struct hrd_submission *sub, struct hr_error *err);  /* likewise */
void hrd_submission_fini(struct hrd_submission *sub);
/* Deletes these, or sets; 0 when it is durable. */
int hrd_api_delete(const struct hrd_api_task *t, const uint32_t *schema_ids, uint32_t n, struct hr_error *err);
int hrd_api_set(const struct hrd_api_task *t, const char *stream, const struct hrd_settings_change *change, struct hr_error *err);
/* api_references.c: registered schemas that its file imports, [{"name","subject","version"}]. */
json_t *hrd_api_references(const struct hrd_api_task *t, struct hrp_schema *schema);
/* Name of the file that holds the type: NUL-terminated, the caller's. NULL: out of memory. */
char *hrd_api_main_file(struct hrp_schema *schema);

/* ---- the routes' functions ---- */
void hrd_api_push(struct hrd_api_task *t);                /* POST /api/v1/schemas */
void hrd_api_policy(struct hrd_api_task *t);              /* GET, PUT, DELETE /api/v1/streams/{stream}/policy */
void hrd_api_micro_good(struct hrd_api_task *t);          /* GET /micro/good, /micro/bad */
void hrd_api_micro_bad(struct hrd_api_task *t);
void hrd_confluent_subjects(struct hrd_api_task *t);      /* GET /subjects */
void hrd_confluent_subject(struct hrd_api_task *t);       /* POST, DELETE /subjects/{subject} */
void hrd_confluent_versions(struct hrd_api_task *t);      /* GET, POST /subjects/{subject}/versions */
void hrd_confluent_version(struct hrd_api_task *t);       /* GET, DELETE /subjects/{subject}/versions/{version}[/schema] */
void hrd_confluent_id(struct hrd_api_task *t);            /* GET /schemas/ids/{id}[/versions|/subjects] */
void hrd_confluent_types(struct hrd_api_task *t);         /* GET /schemas/types */
void hrd_confluent_compatibility(struct hrd_api_task *t); /* POST /compatibility/subjects/{subject}/versions[/{version}] */
void hrd_confluent_config(struct hrd_api_task *t);        /* GET, PUT, DELETE /config[/{subject}] */
void hrd_confluent_mode(struct hrd_api_task *t);          /* GET, PUT, DELETE /mode[/{subject}] */
#endif
