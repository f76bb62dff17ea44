/* /api/v1/streams/{stream}/quarantine: rows that were set aside, as NDJSON, ascending by their number. */
#include "alloc.h"
#include "api_parts.h"
#include "block.h"
#include "json.h"
#include <string.h>

#define KEY_BYTES 12 /* stream id u32be, number u64be */

struct quarantine {
    struct hrd_api_answer a;
    struct hrd_log *log;
    uint32_t stream_id;
    uint64_t next, left;
};

struct listed {
    struct hrp_buf *out;
    bool first;
};

static void put_violation(void *arg, const struct hrp_stored_violation *v)
{
    struct listed *l = arg;
    struct hrp_buf path = HRP_BUF_INIT;

    if (v->field != NULL)
        hrp_path_text_put(&path, v->field, v->n_field, true);
    hrp_put_fmt(l->out, "%s{\"rule_id\":", l->first ? "" : ",");
    hrp_json_str(l->out, v->rule_id, v->n_rule_id);
    hrp_put_fmt(l->out, ",\"path\":");
    hrp_json_str(l->out, path.n != 0 ? (const char *)path.p : "", path.n);
    hrp_put_fmt(l->out, ",\"message\":");
    hrp_json_str(l->out, v->message, v->n_message);
    hrp_put_fmt(l->out, "%s}", v->for_key ? ",\"for_key\":true" : "");
    l->first = false;
    hrp_buf_fini(&path);
}

static void put_violations(struct hrp_buf *out, const struct hrd_quarantined *q)
{
    struct listed l = {out, true};

    hrp_put_fmt(out, ",\"violations\":[");
    hrp_violations_each(q->violations, q->n_violations, put_violation, &l);
    hrp_put_u8(out, ']');
}

/* The row as a person reads it: its fields by the schema (NULL: there is none), or the text that it was. */
void hrd_api_put_row_data(struct hrp_buf *out, const struct hrd_quarantined *q, struct hrp_schema *schema)
{
    struct hrp_buf data = HRP_BUF_INIT;

    if (q->form == HRD_FORM_WIRE && schema != NULL && hrp_json_from_wire(schema, q->bytes, q->n_bytes, &data, NULL) == 0) {
        hrp_put_fmt(out, ",\"data\":");
        hrp_put_bytes(out, data.p, data.n);
    } else if (q->form == HRD_FORM_RAW) {
        hrp_put_fmt(out, ",\"text\":");
        hrp_json_str(out, (const char *)q->bytes, q->n_bytes);
    }
    hrp_buf_fini(&data);
}

void hrd_api_put_row(struct hrp_buf *out, uint64_t number, const struct hrd_quarantined *q)
{
    static const char *const forms[] = {"protobuf", "raw", "batch"};
    char incarnation[33], producer[33];

    hrp_id_hex(&q->incarnation, incarnation);
    hrp_id_hex(&q->producer, producer);
    hrp_put_fmt(out, "{\"number\":%llu,", (unsigned long long)number);
    hrd_json_text(out, "reason", q->reason);
    put_violations(out, q);
    hrp_put_fmt(out, ",\"count\":%llu,\"schema_id\":%u,", (unsigned long long)q->n_count, q->schema_id);
    hrd_json_text(out, "app", q->app);
    hrp_put_u8(out, ',');
    hrd_json_text(out, "version", q->version);
    hrp_put_fmt(out, ",\"producer\":\"%s\",\"event_time\":", producer);
    hrp_json_time(out, q->event_time_ns);
    hrp_put_fmt(out, ",\"receive_time\":");
    hrp_json_time(out, q->receive_time_ns);
    hrp_put_fmt(out, ",\"incarnation\":\"%s\",\"lane\":%u,\"n\":%llu,\"form\":\"%s\",\"bytes\":", incarnation, q->lane,
                (unsigned long long)q->n, forms[q->form]);
    hrp_json_base64(out, q->bytes, q->n_bytes);
}

static bool of_stream(const struct quarantine *qu, const uint8_t *key, size_t n_key, uint64_t *ret_number)
{
    uint8_t mine[KEY_BYTES];
    uint64_t number;

    hrd_block_key(qu->stream_id, 0, mine);
    if (n_key != KEY_BYTES || memcmp(key, mine, 4) != 0)
        return false;
    memcpy(&number, key + 4, sizeof number);
    *ret_number = __builtin_bswap64(number);
    return true;
}

/* 1: a line was written; 0: no more; HR_E*. */
static int step(struct quarantine *qu, struct hrd_iter *it)
{
    const uint8_t *key, *value;
    size_t n_key, n_value;
    uint64_t number;
    struct hrd_quarantined row;
    int r = qu->log->ops->next(it, &key, &n_key, &value, &n_value);

    if (r <= 0 || !of_stream(qu, key, n_key, &number))
        return r < 0 ? r : 0;
    if (hrd_quarantined_read(value, n_value, &row) == 0)
        hrd_api_put_row(&qu->a.piece, number, &row);
    else
        hrp_put_fmt(&qu->a.piece, "{\"number\":%llu,\"reason\":\"damaged: this row cannot be read any more\",\"count\":1",
                    (unsigned long long)number);
    hrp_put_fmt(&qu->a.piece, "}\n");
    qu->next = number + 1;
    qu->left--;
    return 1;
}

/* One snapshot for each piece, so that a slow client never holds up a reopen of the store. */
static void fill(struct hrd_api_answer *a)
{
    struct quarantine *qu = (struct quarantine *)a;
    const struct hrd_log_ops *ops = qu->log->ops;
    struct hrd_snapshot *snap;
    struct hrd_iter *it;
    uint8_t key[KEY_BYTES];
    int r;

    a->error = ops->snapshot(qu->log, &snap);
    if (a->error != 0)
        return;
    hrd_block_key(qu->stream_id, qu->next, key);
    r = ops->iter(snap, HRD_CF_QUARANTINE, key, sizeof key, &it);
    if (r == 0) {
        do
            r = step(qu, it);
        while (r == 1 && qu->left != 0 && hrd_api_room(a));
        a->done = r == 0 || qu->left == 0;
        ops->iter_free(it);
    }
    ops->snapshot_free(snap);
    a->error = r < 0 ? r : 0;
}

static void quarantine_free(struct hrd_api_answer *a) { hrp_free(a); }

void hrd_api_quarantine(struct hrd_api *api, struct hrd_http_conn *conn, const struct hrd_http_req *req,
                        const struct hrd_stream_info *s)
{
    struct hrd_api_query q;
    struct hr_error err = {0, ""};
    struct quarantine *qu;

    if (hrd_api_query(req, HRD_API_FROM | HRD_API_LIMIT, &q, &err) != 0) {
        hrd_http_error(conn, 0, err.code, "%s", err.text);
        return;
    }
    qu = hrp_calloc(1, sizeof *qu);
    if (qu == NULL) {
        hrd_http_error(conn, 0, HR_ENOMEM, "out of memory");
        return;
    }
    qu->a.fill = fill;
    qu->a.free = quarantine_free;
    qu->log = api->cfg.log;
    qu->stream_id = s->stream_id;
    qu->next = q.from;
    qu->left = q.limit;
    hrd_api_answer(api, conn, &qu->a);
}
