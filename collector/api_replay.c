/* /api/v1/streams/{stream}/quarantine/...: one row that was set aside, all of them by cause, and another chance for them. Each is one
 * piece of work of a reader thread, bounded, with one answer at its end. */
#include "alloc.h"
#include "api_parts.h"
#include "block.h"
#include "json.h"
#include "keeper.h"
#include "replay.h"
#include <stdlib.h>
#include <string.h>

#define MOST_REPLAYED 1000000u /* rows of one request; the answer says where to go on */
#define MOST_SCANNED 1000000u  /* records of one grouping */
#define MOST_GROUPS 256u
#define EXAMPLES 3u
#define MOST_EXAMPLE_BYTES 4096u

struct task {
    struct hrd_api_job job;
    struct hrd_http_conn *conn;      /* NULL: the client has gone */
    void (*run)(struct task *t);     /* reader thread: body, or r and err */
    struct hrd_log *log;
    struct hrd_registry *registry;
    struct hrd_stream_info stream;
    uint64_t number;                 /* of the one row */
    struct hrd_replay_cfg cfg;
    struct hrd_replay_what what;
    char *rule, *path;               /* owned; what points to them */
    struct hrp_buf body;
    int r;
    struct hr_error err;
};

static void task_free(struct task *t)
{
    hrp_free(t->rule);
    hrp_free(t->path);
    hrp_buf_fini(&t->body);
    hrp_free(t);
}

static void work(struct hrd_api_job *job)
{
    struct task *t = (struct task *)job;

    t->run(t);
    if (t->r == 0 && t->body.err != 0)
        t->r = hr_error_set(&t->err, t->body.err, "out of memory");
}

static void after(struct hrd_api_job *job)
{
    struct task *t = (struct task *)job;

    if (t->conn != NULL && t->r != 0)
        hrd_http_error(t->conn, 0, t->r, "%s", t->err.text[0] != '\0' ? t->err.text : hr_strerror(t->r));
    else if (t->conn != NULL)
        hrd_http_reply(t->conn, 200, "application/json", NULL, &t->body);
    task_free(t);
}

static void on_gone(void *arg) { ((struct task *)arg)->conn = NULL; }

static struct task *task_new(struct hrd_api *api, struct hrd_http_conn *conn, const struct hrd_stream_info *s, void (*run)(struct task *t))
{
    struct task *t = hrp_calloc(1, sizeof *t);

    if (t == NULL) {
        hrd_http_error(conn, 0, HR_ENOMEM, "out of memory");
        return NULL;
    }
    t->job.work = work;
    t->job.after = after;
    t->conn = conn;
    t->run = run;
    t->log = api->cfg.log;
    t->registry = api->cfg.registry;
    t->stream = *s;
    return t;
}

static void start(struct hrd_api *api, struct task *t)
{
    hrd_http_on_gone(t->conn, on_gone, t);
    hrd_api_run(api, &t->job);
}

/* The schema that a row was read by, or else the stream's newest. */
static struct hrp_schema *schema_of(const struct task *t, const struct hrd_quarantined *q)
{
    struct hrp_schema *schema = q->schema_id != 0 ? hrd_registry_schema(t->registry, q->schema_id) : NULL;

    return schema != NULL || t->stream.schema_id == 0 ? schema : hrd_registry_schema(t->registry, t->stream.schema_id);
}

static bool decimal(const char *text, uint64_t *ret)
{
    char *end;

    *ret = strtoull(text, &end, 10);
    return *text >= '0' && *text <= '9' && *end == '\0' && end - text <= 19;
}

/* ---- one row ---- */

static void run_row(struct task *t)
{
    const struct hrd_log_ops *ops = t->log->ops;
    struct hrp_buf value = HRP_BUF_INIT;
    struct hrd_snapshot *snap;
    struct hrd_quarantined q;
    struct hrp_schema *schema;
    uint8_t key[12];

    t->r = ops->snapshot(t->log, &snap);
    if (t->r != 0)
        return;
    hrd_block_key(t->stream.stream_id, t->number, key);
    t->r = ops->get(snap, HRD_CF_QUARANTINE, key, sizeof key, &value);
    ops->snapshot_free(snap);
    if (t->r == 0)
        t->r = hrd_quarantined_read(value.p, value.n, &q);
    if (t->r == HR_ENOENT) {
        hr_error_set(&t->err, t->r, "%s has no row %llu in quarantine", t->stream.name, (unsigned long long)t->number);
    } else if (t->r == 0) {
        schema = schema_of(t, &q);
        hrd_api_put_row(&t->body, t->number, &q);
        hrd_api_put_row_data(&t->body, &q, schema);
        hrp_put_u8(&t->body, '}');
        hrp_schema_unref(schema);
    }
    hrp_buf_fini(&value);
}

void hrd_api_quarantine_row(struct hrd_api *api, struct hrd_http_conn *conn, const struct hrd_http_req *req, const struct hrd_stream_info *s)
{
    struct task *t;
    uint64_t number;

    if (!decimal(req->segments[5], &number)) {
        hrd_http_error(conn, 0, HR_EINVAL, "\"%.40s\" is not the number of a row", req->segments[5]);
        return;
    }
    t = task_new(api, conn, s, run_row);
    if (t == NULL)
        return;
    t->number = number;
    start(api, t);
}

/* ---- by cause ---- */

struct group {
    char *rule, *path, *message;
    uint64_t rows;
    int64_t first_ns, last_ns;
    uint32_t n_examples;
    struct hrp_buf examples[EXAMPLES]; /* JSON objects */
};
struct grouping {
    struct task *t;
    struct group *groups;
    uint32_t n;
    uint64_t scanned, ungrouped;
    /* of the row at hand */
    const struct hrd_quarantined *q;
    uint64_t number;
    uint32_t seen[16], n_seen;       /* its groups so far */
    int r;
};

static void groups_fini(struct grouping *g)
{
    for (uint32_t i = 0; i < g->n; i++) {
        hrp_free(g->groups[i].rule);
        hrp_free(g->groups[i].path);
        hrp_free(g->groups[i].message);
        for (uint32_t k = 0; k < EXAMPLES; k++)
            hrp_buf_fini(&g->groups[i].examples[k]);
    }
    hrp_free(g->groups);
}

static bool same(const char *text, const void *p, size_t n) { return strlen(text) == n && memcmp(text, p, n) == 0; }

static char *text_of(const void *p, size_t n)
{
    char *text = hrp_malloc(n + 1);

    if (text == NULL)
        return NULL;
    if (n != 0)
        memcpy(text, p, n);
    text[n] = '\0';
    return text;
}

static struct group *find_group(struct grouping *g, const struct hrp_stored_violation *v, const struct hrp_buf *path)
{
    struct group *grp;

    for (uint32_t i = 0; i < g->n; i++)
        if (same(g->groups[i].rule, v->rule_id, v->n_rule_id) && same(g->groups[i].path, path->p, path->n))
            return &g->groups[i];
    if (g->n == MOST_GROUPS)
        return NULL;
    grp = &g->groups[g->n++];
    grp->rule = text_of(v->rule_id, v->n_rule_id);
    grp->path = text_of(path->p, path->n);
    grp->message = text_of(v->message, v->n_message);
    grp->first_ns = g->q->receive_time_ns;
    if (grp->rule != NULL && grp->path != NULL && grp->message != NULL)
        return grp;
    g->r = HR_ENOMEM;
    return NULL;
}

static void add_example(struct grouping *g, struct group *grp)
{
    struct hrp_buf *out = &grp->examples[grp->n_examples];
    struct hrp_schema *schema = schema_of(g->t, g->q);

    hrp_put_fmt(out, "{\"number\":%llu", (unsigned long long)g->number);
    if (g->q->n_bytes <= MOST_EXAMPLE_BYTES)
        hrd_api_put_row_data(out, g->q, schema);
    hrp_put_u8(out, '}');
    hrp_schema_unref(schema);
    grp->n_examples++;
}

static void group_violation(void *arg, const struct hrp_stored_violation *v)
{
    struct grouping *g = arg;
    struct hrp_buf path = HRP_BUF_INIT;
    struct group *grp;

    if (v->field != NULL)
        hrp_path_text_put(&path, v->field, v->n_field, false);
    grp = find_group(g, v, &path);
    hrp_buf_fini(&path);
    if (grp == NULL) {
        g->ungrouped++;
        return;
    }
    for (uint32_t i = 0; i < g->n_seen; i++)
        if (g->seen[i] == (uint32_t)(grp - g->groups))
            return; /* the same rule at another place of the row */
    if (g->n_seen < sizeof g->seen / sizeof *g->seen)
        g->seen[g->n_seen++] = (uint32_t)(grp - g->groups);
    grp->rows += g->q->n_count;
    grp->last_ns = g->q->receive_time_ns;
    if (grp->n_examples < EXAMPLES)
        add_example(g, grp);
}

static void group_record(struct grouping *g, const uint8_t *key, const uint8_t *value, size_t n_value)
{
    static const struct hrp_stored_violation none = {.rule_id = "headrace.marked", .n_rule_id = 15, .message = "", .n_message = 0};
    struct hrd_quarantined q;

    if (hrd_quarantined_read(value, n_value, &q) != 0)
        return;
    g->q = &q;
    g->n_seen = 0;
    g->number = 0;
    for (unsigned i = 4; i < 12; i++)
        g->number = g->number << 8 | key[i];
    if (q.n_violations == 0)
        group_violation(g, &none); /* of an older store */
    else
        hrp_violations_each(q.violations, q.n_violations, group_violation, g);
}

static int by_rows(const void *a, const void *b)
{
    uint64_t x = ((const struct group *)a)->rows, y = ((const struct group *)b)->rows;

    return (x < y) - (x > y);
}

static void put_groups(struct grouping *g, bool cut, struct hrp_buf *out)
{
    qsort(g->groups, g->n, sizeof *g->groups, by_rows);
    hrp_put_fmt(out, "{\"scanned\":%llu,\"cut\":%s,\"groups\":[", (unsigned long long)g->scanned, cut || g->ungrouped != 0 ? "true" : "false");
    for (uint32_t i = 0; i < g->n; i++) {
        const struct group *grp = &g->groups[i];

        hrp_put_fmt(out, "%s{", i != 0 ? "," : "");
        hrd_json_text(out, "rule_id", grp->rule);
        hrp_put_u8(out, ',');
        hrd_json_text(out, "path", grp->path);
        hrp_put_u8(out, ',');
        hrd_json_text(out, "message", grp->message);
        hrp_put_fmt(out, ",\"rows\":%llu,\"first\":", (unsigned long long)grp->rows);
        hrp_json_time(out, grp->first_ns);
        hrp_put_fmt(out, ",\"last\":");
        hrp_json_time(out, grp->last_ns);
        hrp_put_fmt(out, ",\"examples\":[");
        for (uint32_t k = 0; k < grp->n_examples; k++) {
            hrp_put_fmt(out, "%s", k != 0 ? "," : "");
            hrp_put_bytes(out, grp->examples[k].p, grp->examples[k].n);
        }
        hrp_put_fmt(out, "]}");
    }
    hrp_put_fmt(out, "]}");
}

static void run_groups(struct task *t)
{
    const struct hrd_log_ops *ops = t->log->ops;
    struct grouping g = {.t = t, .groups = hrp_calloc(MOST_GROUPS, sizeof *g.groups)};
    struct hrd_snapshot *snap;
    struct hrd_iter *it;
    const uint8_t *key, *value;
    size_t n_key, n_value;
    uint8_t from[12];
    int r = g.groups != NULL ? ops->snapshot(t->log, &snap) : HR_ENOMEM;

    t->r = r;
    if (r != 0) {
        hrp_free(g.groups);
        return;
    }
    hrd_block_key(t->stream.stream_id, 0, from);
    r = ops->iter(snap, HRD_CF_QUARANTINE, from, sizeof from, &it);
    if (r == 0) {
        while (g.r == 0 && g.scanned < MOST_SCANNED && (r = ops->next(it, &key, &n_key, &value, &n_value)) == 1 && n_key == sizeof from &&
               memcmp(key, from, 4) == 0) {
            group_record(&g, key, value, n_value);
            g.scanned++;
        }
        ops->iter_free(it);
    }
    ops->snapshot_free(snap);
    t->r = r < 0 ? r : g.r;
    if (t->r == 0)
        put_groups(&g, g.scanned == MOST_SCANNED, &t->body);
    groups_fini(&g);
}

void hrd_api_quarantine_groups(struct hrd_api *api, struct hrd_http_conn *conn, const struct hrd_http_req *req, const struct hrd_stream_info *s)
{
    struct task *t = task_new(api, conn, s, run_groups);

    (void)req;
    if (t != NULL)
        start(api, t);
}

/* ---- replay ---- */

static void run_replay(struct task *t)
{
    struct hrd_replay_result res;

    t->r = hrd_replay(&t->cfg, &t->what, &res, &t->err);
    if (t->r == 0) {
        hrp_put_fmt(&t->body, "{\"dry_run\":%s,\"schema_id\":%u,\"rows\":%llu,\"admitted\":%llu,\"gone\":%llu,\"more\":%s,\"next\":%llu,\"stay\":[",
                    t->what.dry_run ? "true" : "false", res.schema_id, (unsigned long long)res.rows, (unsigned long long)res.admitted,
                    (unsigned long long)res.gone, res.more ? "true" : "false", (unsigned long long)res.next);
        for (uint32_t i = 0; i < res.stay.n; i++) {
            hrp_put_fmt(&t->body, "%s{", i != 0 ? "," : "");
            hrd_json_text(&t->body, "rule_id", res.stay.list[i].rule);
            hrp_put_u8(&t->body, ',');
            hrd_json_text(&t->body, "path", res.stay.list[i].path);
            hrp_put_fmt(&t->body, ",\"rows\":%llu}", (unsigned long long)res.stay.list[i].rows);
        }
        hrp_put_fmt(&t->body, "]}");
    }
    hrd_causes_fini(&res.stay);
}

static int replay_params(const struct hrd_http_req *req, struct task *t)
{
    const char *dry = hrd_http_param(req, "dry_run"), *schema = hrd_http_param(req, "schema"), *from = hrd_http_param(req, "from");
    const char *rule = hrd_http_param(req, "rule"), *path = hrd_http_param(req, "path");
    uint64_t id = 0;

    t->what.stream_id = t->stream.stream_id;
    t->what.most = MOST_REPLAYED;
    if (dry != NULL && strcmp(dry, "0") != 0 && strcmp(dry, "1") != 0)
        return hr_error_set(&t->err, HR_EINVAL, "dry_run: \"%.40s\" is neither 0 nor 1", dry);
    if (schema != NULL && (!decimal(schema, &id) || id == 0 || id > UINT32_MAX))
        return hr_error_set(&t->err, HR_EINVAL, "schema: \"%.40s\" is no id", schema);
    if (from != NULL && !decimal(from, &t->what.from))
        return hr_error_set(&t->err, HR_EINVAL, "from: \"%.40s\" is not the number of a row", from);
    t->what.dry_run = dry != NULL && *dry == '1';
    t->what.schema_id = (uint32_t)id;
    t->rule = rule != NULL ? hrp_strdup(rule) : NULL;
    t->path = path != NULL ? hrp_strdup(path) : NULL;
    if ((rule != NULL && t->rule == NULL) || (path != NULL && t->path == NULL))
        return hr_error_set(&t->err, HR_ENOMEM, "out of memory");
    t->what.rule = t->rule;
    t->what.path = t->path;
    return 0;
}

void hrd_api_replay(struct hrd_api *api, struct hrd_http_conn *conn, const struct hrd_http_req *req, const struct hrd_stream_info *s)
{
    struct task *t = task_new(api, conn, s, run_replay);

    if (t == NULL)
        return;
    t->cfg = (struct hrd_replay_cfg){.log = api->cfg.log, .registry = api->cfg.registry, .committer = api->cfg.committer,
                                     .personal = api->cfg.personal,
                                     .keeper = api->cfg.keeper != NULL ? hrd_keeper_inbox(api->cfg.keeper) : NULL};
    if (replay_params(req, t) == 0 && !t->what.dry_run && t->cfg.committer == NULL)
        hr_error_set(&t->err, HR_EINVAL, "this collector can't change its store");
    if (t->err.code != 0) {
        hrd_http_error(conn, 0, t->err.code, "%s", t->err.text);
        task_free(t);
        return;
    }
    start(api, t);
}
