/* Prometheus text format 0.0.4 (prometheus.io/docs/instrumenting/exposition_formats). All samples of a metric stand
 * together after its HELP and TYPE; units are base units. Label values come from a bounded set: streams beyond MAX_STREAMS
 * are summed as stream "(other)", apps and versions are not labels at all (the ledger's JSON has them). */
#include "alloc.h"
#include "api_parts.h"
#include <string.h>

#define MAX_STREAMS 200u

/* What is shown of one stream: its own, or the sum of the rest. */
struct shown {
    const char *name;
    struct hrd_stream_status s;      /* sums; times: the newest */
    struct hrd_ledger_line l;        /* sums over apps and versions */
    uint64_t violations[HRD_KIND_N + 1][HRD_ACTION_DROP + 1]; /* rows, by kind and action */
};
struct all {
    const struct hrd_api *api;
    struct hrp_buf *out;
    struct shown *streams;           /* [n] */
    uint32_t n;
};

static void metric(struct hrp_buf *out, const char *name, const char *type, const char *help)
{
    hrp_put_fmt(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static void put_label(struct hrp_buf *out, const char *value)
{
    for (; *value != '\0'; value++) {
        if (*value == '\n')
            hrp_put_fmt(out, "\\n");
        else if (*value == '"' || *value == '\\')
            hrp_put_fmt(out, "\\%c", *value);
        else
            hrp_put_u8(out, (uint8_t)*value);
    }
}

static void put_count(struct hrp_buf *out, uint64_t v) { hrp_put_fmt(out, " %llu\n", (unsigned long long)v); }
static void put_seconds(struct hrp_buf *out, uint64_t ns)
{
    hrp_put_fmt(out, " %llu.%09llu\n", (unsigned long long)(ns / 1000000000), (unsigned long long)(ns % 1000000000));
}

static void one(struct hrp_buf *out, const char *name, const char *type, const char *help, uint64_t v)
{
    metric(out, name, type, help);
    hrp_put_fmt(out, "%s", name);
    put_count(out, v);
}

/* name{stream="...",key="value"} without its end of line; key NULL: none. */
static void put_sample(struct all *all, const char *name, const struct shown *s, const char *key, const char *value)
{
    hrp_put_fmt(all->out, "%s{stream=\"", name);
    put_label(all->out, s->name);
    if (key != NULL)
        hrp_put_fmt(all->out, "\",%s=\"%s", key, value);
    hrp_put_fmt(all->out, "\"}");
}

/* ---- the table of counters ---- */

static void put_counters(struct hrd_api *api, struct hrp_buf *out)
{
    struct hrd_counters sum;
    const char *last = "";

    memset(&sum, 0, sizeof sum);
    for (unsigned slot = 0; slot < HRD_API_SLOTS; slot++)
        hrd_counters_add(&sum, &api->counters[slot]);
    for (unsigned i = 0; i < HRD_N_COUNTERS; i++) {
        const struct hrd_counter_info *info = &hrd_counter_infos[i];
        size_t n = strlen(info->name);

        if (strcmp(info->metric, last) != 0)
            metric(out, info->metric, "counter", info->sentence);
        last = info->metric;
        hrp_put_fmt(out, *info->labels != '\0' ? "%s{%s}" : "%s", info->metric, info->labels);
        if (n > 3 && strcmp(info->name + n - 3, "_ns") == 0)
            put_seconds(out, hrd_counter_value(&sum, i));
        else
            put_count(out, hrd_counter_value(&sum, i));
    }
}

/* ---- streams ---- */

static void add_stream(struct shown *into, const struct hrd_stream_status *s)
{
    into->s.rows += s->rows;
    into->s.blocks += s->blocks;
    into->s.header_bytes += s->header_bytes;
    into->s.envelope_bytes += s->envelope_bytes;
    into->s.field_bytes += s->field_bytes;
    into->s.raw_bytes += s->raw_bytes;
    into->s.index_bytes += s->index_bytes;
    for (uint32_t i = 0; i < s->causes.n; i++)
        into->violations[s->causes.list[i].kind][s->causes.list[i].action] += s->causes.list[i].rows;
    if (s->newest_receive_ns > into->s.newest_receive_ns)
        into->s.newest_receive_ns = s->newest_receive_ns;
}

static void add_line(struct shown *into, const struct hrd_ledger_line *l)
{
    into->l.logged += l->logged;
    into->l.accepted += l->accepted;
    into->l.quarantined += l->quarantined;
    for (unsigned reason = 0; reason < HRP_DROP_N; reason++)
        into->l.dropped[reason] += l->dropped[reason];
    into->l.in_flight += l->in_flight;
    into->l.missing += l->missing;
    into->l.trimmed += l->trimmed;
}

static bool collect(struct all *all)
{
    const struct hrd_status *st = all->api->status;
    uint32_t n = st == NULL ? 0 : st->n_streams;
    uint32_t n_shown = n > MAX_STREAMS ? MAX_STREAMS + 1 : n;

    all->streams = hrp_calloc(n_shown + 1, sizeof *all->streams);
    if (all->streams == NULL)
        return false;
    all->n = n_shown;
    for (uint32_t i = 0; i < n; i++) {
        struct shown *s = &all->streams[i < MAX_STREAMS ? i : MAX_STREAMS];

        s->name = i < MAX_STREAMS ? st->streams[i].name : "(other)";
        s->s.stream_id = i < MAX_STREAMS ? st->streams[i].stream_id : 0;
        add_stream(s, &st->streams[i]);
    }
    for (uint32_t i = 0; n != 0 && i < st->n_lines; i++) {
        uint32_t id = st->lines[i].stream_id, at = 0;

        if (id >= 1 && id <= n_shown && all->streams[id - 1].s.stream_id == id)
            at = id - 1;
        else
            while (at < n_shown - 1 && all->streams[at].s.stream_id != id)
                at++;
        add_line(&all->streams[at], &st->lines[i]);
    }
    return true;
}

#define STREAMS(all, metric_name, type, help, member)                \
    do {                                                             \
        metric((all)->out, metric_name, type, help);                 \
        for (uint32_t i_ = 0; i_ < (all)->n; i_++) {                 \
            put_sample(all, metric_name, &(all)->streams[i_], NULL, NULL); \
            put_count((all)->out, (all)->streams[i_].member);        \
        }                                                            \
    } while (0)

static void put_ledger(struct all *all)
{
    STREAMS(all, "headrace_logged_total", "counter", "Calls to log known to have been made, of all time.", l.logged);
    STREAMS(all, "headrace_accepted_total", "counter", "Events stored, of all time.", l.accepted);
    STREAMS(all, "headrace_quarantined_total", "counter", "Events set aside, of all time.", l.quarantined);
    metric(all->out, "headrace_dropped_total", "counter", "Calls that became no event, by reason, of all time.");
    for (uint32_t i = 0; i < all->n; i++)
        for (unsigned reason = 1; reason < HRP_DROP_N; reason++) {
            put_sample(all, "headrace_dropped_total", &all->streams[i], "reason", hrp_drop_name(reason));
            put_count(all->out, all->streams[i].l.dropped[reason]);
        }
    STREAMS(all, "headrace_trimmed_total", "counter", "Resends of decided events, of all time; outside the ledger's sum.",
            l.trimmed);
    STREAMS(all, "headrace_in_flight", "gauge", "Calls not decided yet whose producer may still send them.", l.in_flight);
    STREAMS(all, "headrace_missing", "gauge", "Calls that no producer will send any more.", l.missing);
}

static void put_stored(struct all *all)
{
    static const char *const parts[] = {"fields", "envelope", "header", "raw", "index"};
    static const char name[] = "headrace_stream_stored_bytes", newest[] = "headrace_stream_newest_receive_timestamp_seconds";

    STREAMS(all, "headrace_stream_events", "gauge", "Events in the store.", s.rows);
    STREAMS(all, "headrace_stream_blocks", "gauge", "Blocks in the store.", s.blocks);
    metric(all->out, name, "gauge", "What a stream's events take in the store, by part.");
    for (uint32_t i = 0; i < all->n; i++) {
        const struct hrd_stream_status *s = &all->streams[i].s;
        uint64_t bytes[] = {s->field_bytes, s->envelope_bytes, s->header_bytes, s->raw_bytes, s->index_bytes};

        for (unsigned part = 0; part < sizeof parts / sizeof *parts; part++) {
            put_sample(all, name, &all->streams[i], "part", parts[part]);
            put_count(all->out, bytes[part]);
        }
    }
    metric(all->out, newest, "gauge", "When the newest event was received; 0: none yet.");
    for (uint32_t i = 0; i < all->n; i++) {
        put_sample(all, newest, &all->streams[i], NULL, NULL);
        put_seconds(all->out, (uint64_t)all->streams[i].s.newest_receive_ns);
    }
}

static void put_violations(struct all *all)
{
    static const char name[] = "headrace_violations_total";

    metric(all->out, name, "counter", "Findings in rows, of all time, by kind and by what became of the row; a row with two causes counts for each.");
    for (uint32_t i = 0; i < all->n; i++)
        for (unsigned kind = 0; kind <= HRD_KIND_N; kind++)
            for (unsigned action = 0; action <= HRD_ACTION_DROP; action++) {
                uint64_t rows = all->streams[i].violations[kind][action];

                if (rows == 0)
                    continue;
                hrp_put_fmt(all->out, "%s{stream=\"", name);
                put_label(all->out, all->streams[i].name);
                hrp_put_fmt(all->out, "\",kind=\"%s\",action=\"%s\"}", hrd_kind_name(kind), hrd_action_name(action));
                put_count(all->out, rows);
            }
}

/* ---- the daemon ---- */

static void put_store(const struct hrd_api *api, struct hrp_buf *out)
{
    static const char *const families[HRD_CF_N] = {"meta",       "schemas",   "index",    "blocks",
                                                   "quarantine", "producers", "profiles", "cursors"};
    const struct hrd_disk *d = &api->disk;

    metric(out, "headrace_store_file_bytes", "gauge", "Size of the store's files, by kind.");
    hrp_put_fmt(out, "headrace_store_file_bytes{kind=\"wal\"} %llu\n", (unsigned long long)d->wal_bytes);
    hrp_put_fmt(out, "headrace_store_file_bytes{kind=\"blob\"} %llu\n", (unsigned long long)d->blob_bytes);
    hrp_put_fmt(out, "headrace_store_file_bytes{kind=\"sst\"} %llu\n", (unsigned long long)d->sst_bytes);
    metric(out, "headrace_store_family_bytes", "gauge",
           "Size of what the store holds, by column family, without the write-ahead log.");
    for (unsigned cf = 0; cf < HRD_CF_N; cf++)
        hrp_put_fmt(out, "headrace_store_family_bytes{family=\"%s\"} %llu\n", families[cf], (unsigned long long)d->cf_bytes[cf]);
}

static void put_http(const struct hrd_api *api, struct hrp_buf *out)
{
    const struct hrd_http_counts *c = hrd_http_counts(api->http);

    one(out, "headrace_http_connections_total", "counter", "HTTP connections accepted.", c->connections);
    one(out, "headrace_http_refused_total", "counter", "HTTP connections turned away because there were too many.", c->refused);
    one(out, "headrace_http_requests_total", "counter", "HTTP requests read.", c->requests);
    metric(out, "headrace_http_responses_total", "counter", "HTTP answers, by class of status.");
    for (unsigned i = 2; i < 6; i++)
        hrp_put_fmt(out, "headrace_http_responses_total{class=\"%uxx\"} %llu\n", i, (unsigned long long)c->by_class[i]);
    one(out, "headrace_http_sent_bytes_total", "counter", "Bytes of HTTP answers.", c->bytes_sent);
    one(out, "headrace_http_open_connections", "gauge", "HTTP connections open now.", c->open);
}

#define SINKS(api, out, n, metric_name, type, help, member)              \
    do {                                                                 \
        metric(out, metric_name, type, help);                            \
        for (unsigned i_ = 0; i_ < (n); i_++) {                          \
            struct hrd_sink_status s_;                                   \
                                                                         \
            hrd_sinks_status((api)->cfg.sinks, i_, &s_);                 \
            hrp_put_fmt(out, "%s{sink=\"", metric_name);                 \
            put_label(out, s_.name);                                     \
            hrp_put_fmt(out, "\"}");                                     \
            put_count(out, s_.member);                                   \
        }                                                                \
    } while (0)

static void put_sinks(const struct hrd_api *api, struct hrp_buf *out)
{
    unsigned n = api->cfg.sinks != NULL ? hrd_sinks_count(api->cfg.sinks) : 0;

    if (n == 0)
        return;
    SINKS(api, out, n, "headrace_sink_events_total", "counter", "Events delivered by a sink since the start.", rows);
    SINKS(api, out, n, "headrace_sink_bytes_total", "counter", "Bytes delivered by a sink since the start.", bytes);
    SINKS(api, out, n, "headrace_sink_deliveries_total", "counter", "Deliveries made by a sink since the start.", deliveries);
    SINKS(api, out, n, "headrace_sink_failures_total", "counter", "Deliveries of a sink that failed; they are tried again.",
          failures);
    SINKS(api, out, n, "headrace_sink_lag_events", "gauge", "Stored events that a sink has not delivered yet.", lag_rows);
    SINKS(api, out, n, "headrace_sink_failing", "gauge", "1 while the destination fails.", failing);
}

static uint64_t connected(const struct hrd_status *st)
{
    uint64_t n = 0;

    for (uint32_t i = 0; st != NULL && i < st->n_producers; i++)
        n += st->producers[i].connected;
    return n;
}

static void put_process(const struct hrd_api *api, struct hrp_buf *out)
{
    uv_rusage_t use;
    size_t rss = 0;
    const char *reason;

    metric(out, "headrace_build_info", "gauge", "1, with the version as a label.");
    hrp_put_fmt(out, "headrace_build_info{version=\"%s\"} 1\n", HEADRACE_VERSION);
    metric(out, "headrace_memory_only", "gauge", "1 when nothing is stored on disk (--micro), else 0.");
    hrp_put_fmt(out, "headrace_memory_only %d\n", api->cfg.micro);
    one(out, "headrace_ready", "gauge", "1 while the store commits.", hrd_api_ready(api, &reason));
    one(out, "headrace_producers_connected", "gauge", "Starts of clients that are connected now.", connected(api->status));
    metric(out, "process_start_time_seconds", "gauge", "When the daemon started, in seconds since 1970.");
    hrp_put_fmt(out, "process_start_time_seconds");
    put_seconds(out, (uint64_t)api->started_ns);
    if (uv_resident_set_memory(&rss) == 0)
        one(out, "process_resident_memory_bytes", "gauge", "Resident memory.", rss);
    if (uv_getrusage(&use) == 0) {
        metric(out, "process_cpu_seconds_total", "counter", "User and system time, all threads.");
        hrp_put_fmt(out, "process_cpu_seconds_total");
        put_seconds(out, (uint64_t)(use.ru_utime.tv_sec + use.ru_stime.tv_sec) * 1000000000 +
                             (uint64_t)(use.ru_utime.tv_usec + use.ru_stime.tv_usec) * 1000);
    }
}

void hrd_api_put_metrics(struct hrd_api *api, struct hrp_buf *out)
{
    struct all all = {.api = api, .out = out};

    put_process(api, out);
    put_counters(api, out);
    put_store(api, out);
    put_http(api, out);
    put_sinks(api, out);
    if (!collect(&all)) {
        out->err = HR_ENOMEM;
        return;
    }
    if (all.n != 0) {
        put_ledger(&all);
        put_stored(&all);
    put_violations(&all);
    }
    hrp_free(all.streams);
}
