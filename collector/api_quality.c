/* /api/v1/streams/{stream}/quality: profiles of the store, minute by minute, with the newest of each from the keeper.
 *
 * First the keeper is asked for what it has in memory, then a reader thread walks the stored profiles. Both are cumulative,
 * so of one key the one with more rows has all that the other has. Memory is bounded however long the span is: minutes are
 * merged into one total per schema as they pass, and of each a text is kept, of the newest ones only. */
#include "alloc.h"
#include "api_parts.h"
#include "json.h"
#include "keeper.h"
#include "schema.h"
#include <string.h>

#define WINDOWS_BYTES (16u << 20)  /* of texts kept */

struct window {                    /* one profile's text */
    struct hrp_buf text;
    struct window *next;
};
struct quality {
    struct hrd_api_answer a;
    struct hrd_log *log;
    struct hrd_registry *registry;
    struct hrd_stream_info stream;
    uint32_t to_minute;
    uint64_t least_minute, end_minute; /* of what was found; 0 and 0: nothing */
    struct hrd_profile_set *fresh; /* the keeper's, sorted by key; taken from the front */
    uint8_t key[HRD_PROFILE_KEY_BYTES]; /* the next stored one is at or after it */
    struct hrd_profile *totals;    /* one for each schema, newest schema first; linked by next */
    struct window *first, **last;
    size_t n_windows, max_windows, window_bytes;
    uint64_t damaged;              /* profiles that cannot be read */
};

static void quality_free(struct hrd_api_answer *a)
{
    struct quality *qu = (struct quality *)a;
    struct hrd_profile *prof;
    struct window *w;

    while ((w = qu->first) != NULL) {
        qu->first = w->next;
        hrp_buf_fini(&w->text);
        hrp_free(w);
    }
    while ((prof = qu->totals) != NULL) {
        qu->totals = prof->next;
        hrd_profile_free(prof);
    }
    hrd_profile_set_free(qu->fresh);
    hrp_free(qu);
}

/* ---- texts ---- */

static void put_span(struct hrp_buf *out, uint64_t from_minute, uint64_t to_minute)
{
    hrp_put_fmt(out, "\"from\":");
    hrp_json_time(out, (int64_t)from_minute * HRD_MINUTE_NS);
    hrp_put_fmt(out, ",\"to\":");
    hrp_json_time(out, (int64_t)to_minute * HRD_MINUTE_NS);
}

static void put_fields_of(struct quality *qu, struct hrp_buf *out, const struct hrd_profile *prof, bool *first)
{
    struct hrp_schema *schema = hrd_registry_schema(qu->registry, prof->schema_id);

    if (schema != NULL)
        hrd_api_put_fields(out, schema, prof, first);
    hrp_schema_unref(schema);
}

static void drop_oldest_window(struct quality *qu)
{
    struct window *w = qu->first;

    qu->first = w->next;
    if (qu->first == NULL)
        qu->last = &qu->first;
    qu->n_windows--;
    qu->window_bytes -= w->text.n;
    hrp_buf_fini(&w->text);
    hrp_free(w);
}

static int keep_window(struct quality *qu, const struct hrd_profile *prof)
{
    struct window *w = qu->max_windows != 0 ? hrp_calloc(1, sizeof *w) : NULL;
    bool first = true;
    int r;

    if (w == NULL)
        return qu->max_windows != 0 ? HR_ENOMEM : 0;
    hrp_put_u8(&w->text, '{');
    put_span(&w->text, prof->minute, (uint64_t)prof->minute + 1);
    hrp_put_fmt(&w->text, ",\"schema_id\":%u,\"rows\":%llu,\"fields\":[", prof->schema_id, (unsigned long long)prof->rows);
    put_fields_of(qu, &w->text, prof, &first);
    hrp_put_fmt(&w->text, "]}");
    r = w->text.err;
    *qu->last = w;
    qu->last = &w->next;
    qu->n_windows++;
    qu->window_bytes += w->text.n;
    while (qu->n_windows > qu->max_windows || qu->window_bytes > WINDOWS_BYTES)
        drop_oldest_window(qu);
    return r;
}

/* ---- merging ---- */

static int add_to_total(struct quality *qu, struct hrd_profile *prof)
{
    struct hrd_profile **at = &qu->totals;
    int r;

    while (*at != NULL && (*at)->schema_id > prof->schema_id)
        at = &(*at)->next;
    if (*at == NULL || (*at)->schema_id != prof->schema_id) {
        prof->next = *at;
        *at = prof;
        return 0;
    }
    r = hrd_profile_merge(*at, prof);
    if (r == HR_EINVAL) /* rows that are counted already */
        qu->damaged++;
    hrd_profile_free(prof);
    return r == HR_EINVAL ? 0 : r;
}

/* Takes it. */
static int add(struct quality *qu, struct hrd_profile *prof)
{
    int r = prof->rows != 0 ? keep_window(qu, prof) : 0;

    if (r != 0) {
        hrd_profile_free(prof);
        return r;
    }
    if (qu->end_minute == 0)
        qu->least_minute = prof->minute;
    qu->end_minute = (uint64_t)prof->minute + 1;
    return add_to_total(qu, prof);
}

/* A field of an older schema that the newest one has, too, by path and type, becomes one with it. */
static int join_field(struct hrd_profile *into, struct hrp_schema *newest, const struct hrp_node *node, struct hrd_field_profile *f)
{
    const struct hrp_node *same = f->slots != 0 ? hrp_schema_by_path(newest, node->path) : NULL;
    struct hrd_field_delta d = {.phys = f->phys, .slots = f->slots, .present = f->present, .values = f->values, .zeros = f->zeros,
                                .nans = f->nans, .infs = f->infs, .min = f->min, .max = f->max, .moments = f->moments};
    int r;

    if (same == NULL || same->id == 0 || same->pb_type != node->pb_type || same->repeated != node->repeated)
        return 0;
    r = hrd_profile_reserve(into, hrp_schema_n_nodes(newest));
    if (r == 0)
        r = hrd_hll_merge(&into->fields[same->id].distinct, &f->distinct);
    if (r != 0)
        return r;
    hrd_field_apply(&into->fields[same->id], &d);
    f->slots = 0; /* it is told with the newest */
    return 0;
}

static int join_schemas(struct quality *qu)
{
    struct hrp_schema *newest = qu->totals != NULL ? hrd_registry_schema(qu->registry, qu->totals->schema_id) : NULL;
    int r = 0;

    for (struct hrd_profile *old = newest != NULL ? qu->totals->next : NULL; r == 0 && old != NULL; old = old->next) {
        struct hrp_schema *schema = hrd_registry_schema(qu->registry, old->schema_id);
        uint32_t n = schema != NULL ? hrp_schema_n_nodes(schema) : 0;

        for (uint32_t i = 1; r == 0 && i < n && i < old->n_fields; i++)
            r = join_field(qu->totals, newest, &hrp_schema_nodes(schema)[i], &old->fields[i]);
        hrp_schema_unref(schema);
    }
    hrp_schema_unref(newest);
    return r;
}

/* ---- the walk ---- */

/* The profile under the iterator's key: 1 and *ret (NULL: damaged), 0: no more, HR_E*. */
static int stored_next(struct quality *qu, struct hrd_iter *it, struct hrd_profile **ret)
{
    const uint8_t *key, *value;
    uint8_t end[HRD_PROFILE_KEY_BYTES];
    size_t n_key, n_value;
    int r = qu->log->ops->next(it, &key, &n_key, &value, &n_value);

    hrd_profile_key('m', qu->stream.stream_id, qu->to_minute, 0, end);
    if (r <= 0 || n_key != sizeof end || memcmp(key, end, sizeof end) >= 0)
        return r < 0 ? r : 0;
    memcpy(qu->key, key, n_key);
    for (unsigned i = n_key; i-- != 0 && ++qu->key[i] == 0;)
        ; /* where to go on: the next key */
    *ret = NULL;
    r = hrd_profile_read(value, n_value, ret);
    if (r == HR_ENOMEM)
        return r;
    qu->damaged += r != 0;
    return 1;
}

static int compare(const struct hrd_profile *a, const struct hrd_profile *b)
{
    if (a->minute != b->minute)
        return a->minute < b->minute ? -1 : 1;
    return a->schema_id < b->schema_id ? -1 : a->schema_id > b->schema_id;
}

static struct hrd_profile *fresh_take(struct quality *qu)
{
    struct hrd_profile *prof = qu->fresh->first;

    qu->fresh->first = prof->next;
    prof->next = NULL;
    return prof;
}

/* Adds what the keeper has before `stored`, or of the same key; NULL: all the rest. */
static int add_with_fresh(struct quality *qu, struct hrd_profile *stored)
{
    int r = 0;

    while (r == 0 && qu->fresh != NULL && qu->fresh->first != NULL && (stored == NULL || compare(qu->fresh->first, stored) <= 0)) {
        struct hrd_profile *prof = fresh_take(qu);

        if (stored != NULL && compare(prof, stored) == 0 && stored->rows > prof->rows) {
            hrd_profile_free(prof);
            continue;
        }
        if (stored != NULL && compare(prof, stored) == 0) {
            hrd_profile_free(stored);
            return add(qu, prof);
        }
        r = add(qu, prof);
    }
    if (stored == NULL)
        return r;
    if (r != 0) {
        hrd_profile_free(stored);
        return r;
    }
    return add(qu, stored);
}

static void put_total(struct quality *qu, struct hrp_buf *out)
{
    uint64_t rows = 0;
    bool first = true;

    for (const struct hrd_profile *prof = qu->totals; prof != NULL; prof = prof->next)
        rows += prof->rows;
    hrp_put_fmt(out, "\"total\":{");
    if (qu->end_minute != 0)
        put_span(out, qu->least_minute, qu->end_minute);
    else
        hrp_put_fmt(out, "\"from\":null,\"to\":null");
    hrp_put_fmt(out, ",\"rows\":%llu,\"fields\":[", (unsigned long long)rows);
    for (const struct hrd_profile *prof = qu->totals; prof != NULL; prof = prof->next)
        put_fields_of(qu, out, prof, &first);
    hrp_put_fmt(out, "]}");
}

static void put_answer(struct quality *qu)
{
    struct hrp_buf *out = &qu->a.piece;

    hrp_put_u8(out, '{');
    hrd_json_text(out, "stream", qu->stream.name);
    hrp_put_fmt(out, ",\"windows\":[");
    for (const struct window *w = qu->first; w != NULL; w = w->next) {
        if (w != qu->first)
            hrp_put_u8(out, ',');
        hrp_put_bytes(out, w->text.p, w->text.n);
    }
    hrp_put_fmt(out, "],");
    put_total(qu, out);
    hrp_put_fmt(out, ",\"damaged\":%llu}\n", (unsigned long long)qu->damaged);
}

/* 1: its time is over, there is more; 0: all were read. */
static int walk(struct quality *qu, struct hrd_snapshot *snap)
{
    struct hrd_profile *prof = NULL;
    struct hrd_iter *it;
    int r = qu->log->ops->iter(snap, HRD_CF_PROFILES, qu->key, sizeof qu->key, &it);

    if (r != 0)
        return r;
    do {
        r = stored_next(qu, it, &prof);
        if (r == 1 && prof != NULL)
            r = add_with_fresh(qu, prof) == 0 ? 1 : HR_ENOMEM;
    } while (r == 1 && hrd_api_room(&qu->a));
    qu->log->ops->iter_free(it);
    return r;
}

static void fill(struct hrd_api_answer *a)
{
    struct quality *qu = (struct quality *)a;
    struct hrd_snapshot *snap;
    int r = qu->log->ops->snapshot(qu->log, &snap);

    if (r == 0) {
        r = walk(qu, snap);
        qu->log->ops->snapshot_free(snap);
    }
    if (r == 0)
        r = add_with_fresh(qu, NULL);
    if (r == 0)
        r = join_schemas(qu);
    if (r == 0) {
        put_answer(qu);
        a->done = true;
    }
    a->error = r < 0 ? r : 0;
}

/* ---- asking the keeper ---- */

struct question {
    struct hrd_query_msg query;
    struct hrd_api *api;
    struct hrd_http_conn *conn;    /* NULL: the client has gone */
    struct quality *qu;
};

static void question_free(struct hrd_msg *msg)
{
    struct question *qn = (struct question *)msg;

    hrd_profile_set_free(qn->query.profiles);
    if (qn->qu != NULL)
        quality_free(&qn->qu->a);
    hrp_free(qn);
}

static void on_gone(void *arg) { ((struct question *)arg)->conn = NULL; }

/* Ascending by key; lists of a few minutes. */
static void sort(struct hrd_profile_set *set)
{
    struct hrd_profile *from = set != NULL ? set->first : NULL, *prof;

    if (set != NULL)
        set->first = NULL;
    while ((prof = from) != NULL) {
        struct hrd_profile **at = &set->first;

        from = prof->next;
        while (*at != NULL && compare(*at, prof) < 0)
            at = &(*at)->next;
        prof->next = *at;
        *at = prof;
    }
}

static void answered(struct question *qn)
{
    struct quality *qu = qn->qu;

    if (qn->conn == NULL)
        return;
    if (qn->query.error != 0) {
        hrd_http_error(qn->conn, 0, qn->query.error, "%s", hr_strerror(qn->query.error));
        return;
    }
    qn->qu = NULL;
    qu->fresh = qn->query.profiles;
    qn->query.profiles = NULL;
    sort(qu->fresh);
    hrd_api_answer(qn->api, qn->conn, &qu->a);
}

void hrd_api_on_mail(void *owner)
{
    struct hrd_api *api = owner;
    struct hrd_msgs all = hrd_mailbox_take(&api->inbox);
    struct hrd_msg *msg;

    while ((msg = hrd_msgs_take(&all)) != NULL) {
        answered((struct question *)msg);
        hrd_msg_free(msg);
        hrd_api_back(api);
    }
}

/* Takes qu. */
static void ask(struct hrd_api *api, struct hrd_http_conn *conn, struct quality *qu, uint32_t from_minute)
{
    struct hrd_msg *msg = hrd_msg_new(HRD_MSG_QUERY, sizeof(struct question), question_free);
    struct question *qn = (struct question *)msg;

    if (msg == NULL) {
        quality_free(&qu->a);
        hrd_http_error(conn, 0, HR_ENOMEM, "out of memory");
        return;
    }
    msg->reply = &api->inbox;
    qn->query.stream_id = qu->stream.stream_id;
    qn->query.from_minute = from_minute;
    qn->query.to_minute = qu->to_minute;
    qn->api = api;
    qn->conn = conn;
    qn->qu = qu;
    hrd_http_on_gone(conn, on_gone, qn);
    hrd_api_out(api);
    if (hrd_mailbox_send(hrd_keeper_inbox(api->cfg.keeper), &msg) != 0) {
        hrd_http_error(conn, 0, HR_ECLOSED, "the collector is stopping");
        hrd_msg_free(msg);
        hrd_api_back(api);
    }
}

static uint32_t minute_at_or_after(int64_t time_ns)
{
    uint32_t minute = hrd_profile_minute(time_ns);

    return time_ns > (int64_t)minute * HRD_MINUTE_NS ? minute + 1 : minute;
}

void hrd_api_quality(struct hrd_api *api, struct hrd_http_conn *conn, const struct hrd_http_req *req,
                     const struct hrd_stream_info *s)
{
    struct hrd_api_query q;
    struct hr_error err = {0, ""};
    struct quality *qu;

    if (hrd_api_query(req, HRD_API_TIMES | HRD_API_WINDOWS, &q, &err) != 0) {
        hrd_http_error(conn, 0, err.code, "%s", err.text);
        return;
    }
    qu = hrp_calloc(1, sizeof *qu);
    if (qu == NULL) {
        hrd_http_error(conn, 0, HR_ENOMEM, "out of memory");
        return;
    }
    qu->a.fill = fill;
    qu->a.free = quality_free;
    qu->a.type = "application/json";
    qu->log = api->cfg.log;
    qu->registry = api->cfg.registry;
    qu->stream = *s;
    qu->to_minute = minute_at_or_after(q.until_ns);
    qu->max_windows = q.windows;
    qu->last = &qu->first;
    hrd_profile_key('m', s->stream_id, hrd_profile_minute(q.since_ns), 0, qu->key);
    if (api->cfg.keeper != NULL)
        ask(api, conn, qu, hrd_profile_minute(q.since_ns));
    else
        hrd_api_answer(api, conn, &qu->a);
}
