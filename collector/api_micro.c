/* /micro/...: what a test asks of headraced --micro: how many events were good and bad, which ones, and to forget them. */
#include "alloc.h"
#include "api_task.h"
#include "ask.h"
#include "micro.h"
#include "msg.h"
#include "producers.h"
#include "read.h"
#include <stdlib.h>

#define MOST_ROWS 10000u

/* ---- counts; on the main loop ---- */

static void put_counts(struct hrp_buf *out, const struct hrd_micro_counts *c)
{
    hrp_put_fmt(out, "\"good\":%llu,\"flagged\":%llu,\"bad\":%llu,\"forgotten\":{\"good\":%llu,\"bad\":%llu}", (unsigned long long)c->good,
                (unsigned long long)c->flagged, (unsigned long long)c->bad, (unsigned long long)c->forgotten_good,
                (unsigned long long)c->forgotten_bad);
}

void hrd_api_put_micro(struct hrd_api *api, struct hrp_buf *out)
{
    uint32_t n = hrd_registry_n_streams(api->cfg.registry);
    struct hrd_stream_info info;
    struct hrd_micro_counts c;
    bool first = true;

    hrd_micro_counts(api->cfg.log, 0, &c);
    hrp_put_fmt(out, "{\"memory_only\":true,");
    put_counts(out, &c);
    hrp_put_fmt(out, ",\"dropped\":%llu,\"bytes\":%llu,\"streams\":[", (unsigned long long)hrd_micro_drops(api->cfg.log, hrd_status_lost(api->status)),
                (unsigned long long)hrd_micro_bytes(api->cfg.log));
    for (uint32_t id = 1; id <= n; id++) {
        hrd_micro_counts(api->cfg.log, id, &c);
        if (hrd_registry_stream(api->cfg.registry, id, &info) != 0 || (c.good == 0 && c.bad == 0))
            continue;
        hrp_put_fmt(out, "%s{", first ? "" : ",");
        hrd_json_text(out, "stream", info.name);
        hrp_put_u8(out, ',');
        put_counts(out, &c);
        hrp_put_u8(out, '}');
        first = false;
    }
    hrp_put_fmt(out, "]}\n");
}

/* ---- rows; on a reader thread ---- */

struct listing {
    struct hrd_api_task *t;
    uint32_t stream_id;
    const char *stream;
    uint64_t left;
};

static void begin_line(struct listing *l)
{
    hrp_put_u8(&l->t->out, '{');
    hrd_json_text(&l->t->out, "stream", l->stream);
    hrp_put_fmt(&l->t->out, ",\"event\":");
}

static int good_rows(struct listing *l, const struct hrd_read_block *blk)
{
    struct hrd_incarnation_info who = {0};
    struct hrd_rows *rows;
    struct hrp_row_id id;
    uint64_t offset;
    int r = hrd_incarnation_get(l->t->cfg->log, &blk->head.incarnation, &who);

    if (r == 0 || r == HR_ENOENT)
        r = hrd_rows_open(blk, 0, &rows);
    if (r == 0) {
        while (l->left != 0 && (r = hrd_rows_next(rows, &id, &offset)) == 1) {
            begin_line(l);
            r = hrd_rows_json(rows, who.app != NULL ? who.app : "", who.version != NULL ? who.version : "", &l->t->out);
            hrp_put_fmt(&l->t->out, "}\n");
            l->left--;
            if (r != 0)
                break;
        }
        hrd_rows_free(rows);
    }
    hrd_incarnation_info_fini(&who);
    return r < 0 ? r : 0;
}

static int good(struct listing *l)
{
    const struct hrd_read_block *blk;
    struct hrd_reader *reader;
    struct hrd_gap gap;
    int r = hrd_reader_open(l->t->cfg->log, l->t->cfg->registry, l->stream_id, 0, &reader);

    if (r != 0)
        return r;
    while (l->left != 0 && (r = hrd_reader_next(reader, &blk, &gap)) > 0)
        if (r == 1 && (r = good_rows(l, blk)) != 0) /* 2: forgotten ones */
            break;
    hrd_reader_free(reader);
    return r < 0 ? r : 0;
}

static int bad_row(struct listing *l, const uint8_t *key, const uint8_t *value, size_t n_value)
{
    struct hrd_quarantined row;
    struct hrp_schema *schema;
    int r = hrd_quarantined_read(value, n_value, &row);

    if (r != 0)
        return r;
    schema = row.schema_id != 0 ? hrd_registry_schema(l->t->cfg->registry, row.schema_id) : NULL;
    begin_line(l);
    hrd_api_put_row(&l->t->out, hrd_block_number(key), &row);
    hrd_api_put_row_data(&l->t->out, &row, schema);
    hrp_put_fmt(&l->t->out, "}}\n");
    hrp_schema_unref(schema);
    l->left--;
    return 0;
}

static int bad(struct listing *l)
{
    const struct hrd_log_ops *ops = l->t->cfg->log->ops;
    const uint8_t *k, *value;
    struct hrd_snapshot *snap;
    struct hrd_iter *it;
    size_t n_key, n_value;
    uint8_t key[12];
    int r = ops->snapshot(l->t->cfg->log, &snap);

    if (r != 0)
        return r;
    hrd_block_key(l->stream_id, 0, key);
    r = ops->iter(snap, HRD_CF_QUARANTINE, key, sizeof key, &it);
    if (r == 0) {
        while (l->left != 0 && (r = ops->next(it, &k, &n_key, &value, &n_value)) == 1 && n_key == sizeof key && memcmp(k, key, 4) == 0)
            if ((r = bad_row(l, k, value, n_value)) != 0)
                break;
        ops->iter_free(it);
    }
    ops->snapshot_free(snap);
    return r < 0 ? r : 0;
}

static void list(struct hrd_api_task *t, int (*one)(struct listing *l))
{
    const char *only = hrd_api_task_param(t, "stream"), *most = hrd_api_task_param(t, "limit");
    uint32_t n = hrd_registry_n_streams(t->cfg->registry);
    struct listing l = {.t = t, .left = most != NULL ? strtoull(most, NULL, 10) : MOST_ROWS};
    struct hrd_stream_info info;
    int r = 0;

    if (l.left == 0 || l.left > MOST_ROWS) {
        hr_error_set(&t->error, HR_EINVAL, "limit: a number from 1 to %u", MOST_ROWS);
        return;
    }
    for (uint32_t id = 1; r == 0 && id <= n; id++) {
        if (hrd_registry_stream(t->cfg->registry, id, &info) != 0 || (only != NULL && strcmp(only, info.name) != 0))
            continue;
        l.stream_id = id;
        l.stream = info.name;
        r = one(&l);
    }
    t->status = r == 0 ? 200 : 0;
    t->type = "application/x-ndjson";
    if (r != 0)
        hr_error_set(&t->error, r, "%s", hr_strerror(r));
}

void hrd_api_micro_good(struct hrd_api_task *t) { list(t, good); }
void hrd_api_micro_bad(struct hrd_api_task *t) { list(t, bad); }

/* ---- reset ---- */

static void reset(struct hrd_api_task *t)
{
    struct hrd_puts_msg *puts = hrd_puts_msg_new();
    struct hrd_msg *msg = puts != NULL ? &puts->msg : NULL;
    int r = HR_ENOMEM;

    if (puts != NULL) {
        hrd_group_put(&puts->group, HRD_CF_META, HRD_MICRO_RESET, strlen(HRD_MICRO_RESET), "", 0);
        r = hrd_ask(t->cfg->committer, &msg);
        hrd_msg_free(msg);
    }
    if (r != 0) {
        hr_error_set(&t->error, r, "%s", hr_strerror(r));
        return;
    }
    t->status = 200;
    t->type = "application/json";
    hrp_put_fmt(&t->out, "{\"memory_only\":true,\"good\":0,\"flagged\":0,\"bad\":0,\"dropped\":0}\n");
}

void hrd_api_micro_reset(struct hrd_api *api, struct hrd_http_conn *conn, const struct hrd_http_req *req)
{
    hrd_micro_forget_drops(api->cfg.log, hrd_status_lost(api->status));
    hrd_api_task(api, conn, req, reset);
}
