/* What the newest status says, as JSON. A status is immutable and whole: terms of one answer belong together. */
#include "api_parts.h"
#include "json.h"
#include <string.h>
#include <time.h>

void hrd_json_text(struct hrp_buf *out, const char *key, const char *text)
{
    hrp_put_fmt(out, "\"%s\":", key);
    hrp_json_str(out, text, strlen(text));
}

void hrd_json_u64(struct hrp_buf *out, const char *key, uint64_t v) { hrp_put_fmt(out, "\"%s\":%llu", key, (unsigned long long)v); }

void hrd_json_time_or_null(struct hrp_buf *out, const char *key, int64_t time_ns)
{
    hrp_put_fmt(out, "\"%s\":", key);
    if (time_ns == 0)
        hrp_put_fmt(out, "null");
    else
        hrp_json_time(out, time_ns);
}

static void comma(struct hrp_buf *out) { hrp_put_u8(out, ','); }

static void put_u64(struct hrp_buf *out, const char *key, uint64_t v)
{
    comma(out);
    hrd_json_u64(out, key, v);
}

static void put_text(struct hrp_buf *out, const char *key, const char *text)
{
    comma(out);
    hrd_json_text(out, key, text);
}

static void put_time(struct hrp_buf *out, const char *key, int64_t time_ns)
{
    comma(out);
    hrd_json_time_or_null(out, key, time_ns);
}

static int64_t now_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static void put_bool(struct hrp_buf *out, const char *key, bool v) { hrp_put_fmt(out, ",\"%s\":%s", key, v ? "true" : "false"); }

/* {"time":...,"commit":N: of the commit that is shown. */
static void put_head(const struct hrd_api *api, struct hrp_buf *out)
{
    const struct hrd_status *st = api->status;

    hrp_put_u8(out, '{');
    hrd_json_time_or_null(out, "time", st != NULL ? st->time_ns : 0);
    put_u64(out, "commit", st != NULL ? st->commits : 0);
}

const char *hrd_api_stream_name(const struct hrd_status *st, uint32_t stream_id)
{
    if (stream_id >= 1 && stream_id <= st->n_streams && st->streams[stream_id - 1].stream_id == stream_id)
        return st->streams[stream_id - 1].name;
    for (uint32_t i = 0; i < st->n_streams; i++)
        if (st->streams[i].stream_id == stream_id)
            return st->streams[i].name;
    return "";
}

static void put_cause(struct hrp_buf *out, const struct hrd_cause *c, bool first)
{
    hrp_put_fmt(out, "%s{", first ? "" : ",");
    hrd_json_text(out, "rule", c->rule);
    hrp_put_u8(out, ',');
    hrd_json_text(out, "path", c->path);
    hrp_put_fmt(out, ",\"kind\":\"%s\",\"action\":\"%s\"", hrd_kind_name(c->kind), hrd_action_name(c->action));
    put_u64(out, "rows", c->rows);
    put_time(out, "newest", c->newest_ns);
    hrp_put_u8(out, '}');
}

static void put_stream(struct hrp_buf *out, const struct hrd_stream_status *s)
{
    hrp_put_u8(out, '{');
    hrd_json_text(out, "name", s->name);
    put_u64(out, "stream_id", s->stream_id);
    put_u64(out, "schema_id", s->schema_id);
    put_u64(out, "next_offset", s->next_offset);
    put_u64(out, "rows", s->rows);
    put_u64(out, "blocks", s->blocks);
    put_u64(out, "quarantined", s->quarantined);
    put_time(out, "newest_receive_time", s->newest_receive_ns);
    put_time(out, "newest_event_time", s->newest_event_ns);
    hrp_put_fmt(out, ",\"stored_bytes\":{");
    hrd_json_u64(out, "fields", s->field_bytes);
    put_u64(out, "envelope", s->envelope_bytes);
    put_u64(out, "header", s->header_bytes);
    put_u64(out, "raw", s->raw_bytes);
    put_u64(out, "index", s->index_bytes);
    hrp_put_fmt(out, "},\"violations\":[");
    for (uint32_t i = 0; i < s->causes.n; i++)
        put_cause(out, &s->causes.list[i], i == 0);
    hrp_put_fmt(out, "]}");
}

static void put_store(const struct hrd_api *api, struct hrp_buf *out)
{
    const struct hrd_disk *d = &api->disk;

    hrp_put_fmt(out, ",\"store\":{");
    hrd_json_u64(out, "wal_bytes", d->wal_bytes);
    put_u64(out, "blob_bytes", d->blob_bytes);
    put_u64(out, "sst_bytes", d->sst_bytes);
    put_u64(out, "profile_bytes", d->cf_bytes[HRD_CF_PROFILES]);
    hrp_put_u8(out, '}');
}

void hrd_api_put_streams(struct hrd_api *api, struct hrp_buf *out)
{
    const struct hrd_status *st = api->status;
    const char *reason;
    bool ready = hrd_api_ready(api, &reason);

    put_head(api, out);
    put_bool(out, "ready", ready);
    put_text(out, "reason", reason);
    put_text(out, "version", HEADRACE_VERSION);
    put_bool(out, "memory_only", api->cfg.micro);
    put_time(out, "started", api->started_ns);
    put_time(out, "now", now_ns());
    hrp_put_fmt(out, ",\"streams\":[");
    for (uint32_t i = 0; st != NULL && i < st->n_streams; i++) {
        if (i != 0)
            comma(out);
        put_stream(out, &st->streams[i]);
    }
    hrp_put_u8(out, ']');
    put_store(api, out);
    hrp_put_fmt(out, "}\n");
}

bool hrd_api_line_balanced(const struct hrd_ledger_line *l)
{
    uint64_t sum = l->accepted + l->quarantined + l->in_flight + l->missing;

    for (unsigned reason = 0; reason < HRP_DROP_N; reason++)
        sum += l->dropped[reason];
    return sum == l->logged;
}

static void put_dropped(struct hrp_buf *out, const uint64_t dropped[HRP_DROP_N])
{
    hrp_put_fmt(out, ",\"dropped\":{");
    for (unsigned reason = 1; reason < HRP_DROP_N; reason++) {
        if (reason != 1)
            comma(out);
        hrd_json_u64(out, hrp_drop_name(reason), dropped[reason]);
    }
    if (dropped[0] != 0) /* a reason that this build does not know */
        put_u64(out, hrp_drop_name(0), dropped[0]);
    hrp_put_u8(out, '}');
}

static void put_line(struct hrp_buf *out, const struct hrd_status *st, const struct hrd_ledger_line *l)
{
    hrp_put_u8(out, '{');
    hrd_json_text(out, "stream", hrd_api_stream_name(st, l->stream_id));
    put_text(out, "app", l->app);
    put_text(out, "version", l->version);
    put_u64(out, "logged", l->logged);
    put_u64(out, "accepted", l->accepted);
    put_u64(out, "quarantined", l->quarantined);
    put_dropped(out, l->dropped);
    put_u64(out, "in_flight", l->in_flight);
    put_u64(out, "missing", l->missing);
    put_u64(out, "trimmed", l->trimmed);
    hrp_put_u8(out, '}');
}

void hrd_api_put_ledger(struct hrd_api *api, struct hrp_buf *out)
{
    const struct hrd_status *st = api->status;
    uint32_t n = st != NULL ? st->n_lines : 0;
    bool balanced = true;

    for (uint32_t i = 0; i < n; i++)
        balanced = balanced && hrd_api_line_balanced(&st->lines[i]);
    put_head(api, out);
    put_bool(out, "balanced", balanced);
    hrp_put_fmt(out, ",\"lines\":[");
    for (uint32_t i = 0; i < n; i++) {
        if (i != 0)
            comma(out);
        put_line(out, st, &st->lines[i]);
    }
    hrp_put_fmt(out, "]}\n");
}

static void put_id(struct hrp_buf *out, const char *key, const struct hrp_id *id)
{
    char hex[33];

    hrp_id_hex(id, hex);
    hrp_put_fmt(out, "\"%s\":\"%s\"", key, hex);
}

static void put_producer(struct hrp_buf *out, const struct hrd_producer_status *p)
{
    hrp_put_u8(out, '{');
    put_id(out, "incarnation", &p->incarnation);
    comma(out);
    put_id(out, "producer", &p->producer);
    put_text(out, "app", p->app);
    put_text(out, "version", p->version);
    put_text(out, "host", p->host);
    put_u64(out, "pid", p->pid);
    put_time(out, "born", p->born_ns);
    put_time(out, "last_seen", p->last_seen_ns);
    put_bool(out, "connected", p->connected);
    put_bool(out, "closed", p->closed);
    put_u64(out, "logged", p->logged);
    put_u64(out, "accepted", p->accepted);
    put_u64(out, "quarantined", p->quarantined);
    put_u64(out, "dropped", p->dropped);
    put_u64(out, "in_flight", p->in_flight);
    put_u64(out, "missing", p->missing);
    hrp_put_u8(out, '}');
}

void hrd_api_put_producers(struct hrd_api *api, struct hrp_buf *out)
{
    const struct hrd_status *st = api->status;

    put_head(api, out);
    hrp_put_fmt(out, ",\"producers\":[");
    for (uint32_t i = 0; st != NULL && i < st->n_producers; i++) {
        if (i != 0)
            comma(out);
        put_producer(out, &st->producers[i]);
    }
    hrp_put_fmt(out, "]}\n");
}

static void put_sink(struct hrp_buf *out, const struct hrd_sink_status *s)
{
    hrp_put_u8(out, '{');
    hrd_json_text(out, "name", s->name);
    put_text(out, "type", s->type);
    put_text(out, "target", s->target);
    put_bool(out, "failing", s->failing);
    put_text(out, "reason", s->reason);
    put_u64(out, "rows", s->rows);
    put_u64(out, "bytes", s->bytes);
    put_u64(out, "deliveries", s->deliveries);
    put_u64(out, "failures", s->failures);
    put_u64(out, "lag_rows", s->lag_rows);
    put_u64(out, "gap_rows", s->gap_rows);
    hrp_put_u8(out, '}');
}

void hrd_api_put_sinks(struct hrd_api *api, struct hrp_buf *out)
{
    unsigned n = api->cfg.sinks != NULL ? hrd_sinks_count(api->cfg.sinks) : 0;
    struct hrd_sink_status s;

    hrp_put_fmt(out, "{\"sinks\":[");
    for (unsigned i = 0; i < n; i++) {
        if (i != 0)
            comma(out);
        hrd_sinks_status(api->cfg.sinks, i, &s);
        put_sink(out, &s);
    }
    hrp_put_fmt(out, "]}\n");
}
