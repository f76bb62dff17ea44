/* `headrace send`: each line of NDJSON becomes one event, through the SDK like any application's.
 *
 * An application never waits for room; a command may, and must not drop. So it logs at most a quarter of its lane, then waits
 * until all of that is acknowledged as durable (hr_flush): the lane is never full and the spool never near its cap, whatever the
 * collector does. Rejected: calling again on HR_EFULL, since a refused call counts as a drop in the ledger. */
#include "alloc.h"
#include "cli.h"
#include "descriptor.h"
#include "json.h"
#include "reasons.h"
#include "schema.h"
#include "span.h"
#include "table.h"
#include "verbs.h"
#include <errno.h>
#include <headrace.h>
#include <stdlib.h>
#include <string.h>

#define LANE_BYTES (8u << 20)
#define WINDOW_BYTES (LANE_BYTES / 4)
#define ROW_OVERHEAD_BYTES 64 /* more than a lane's record head */
#define FLUSH_STEP_MS 500
#define MAX_DIRS 32
#define MAX_REPORTED 20       /* lines set aside that are told one by one */
#define MAX_ASIDE_BYTES (HR_MAX_EVENT_BYTES - 1024) /* with its reason a row set aside is no larger than an event may be */

static const char help_text[] =
    "usage: headrace send (--proto FILE [-I DIR]... | --descriptor-set FILE) [--type NAME] [options] [FILE]...\n"
    "\n"
    "Sends NDJSON, one event a line, from FILEs or stdin, and waits until the collector has all of it on disk. A line that does\n"
    "not fit its type is told with its number and reason and sent as it is: it ends in quarantine, not in a terminal.\n"
    "\n"
    "  --proto FILE           the .proto with the event's type\n"
    "  -I DIR                 where imports are found (the folder of the .proto unless told)\n"
    "  --descriptor-set FILE  instead of --proto: what `protoc --include_imports --descriptor_set_out` wrote\n"
    "  --type NAME            full name of the message, shop.CheckoutCompleted; may be left out when there is only one\n"
    "  --time-field F[:UNIT]  event time from this top-level field: a number in UNIT (s, ms, us or ns; ns unless told) or an\n"
    "                         RFC 3339 string; lines without it get the time of sending\n"
    "  --url URL              where to send (HEADRACE_URL, else headrace://127.0.0.1:7411)\n"
    "  --spool DIR            keep what is not acknowledged in DIR (HEADRACE_SPOOL)\n"
    "  --app NAME             name of the application in ledger and lists (headrace-send)\n"
    "  --app-version TEXT     its version\n"
    "  --timeout SECONDS      give up when the collector acknowledges nothing for this long (60)\n"
    "\n"
    "Exit code 4: all was sent, and some lines were set aside; the end of the output counts them by reason.\n";

struct sending {
    const char *proto, *set_path, *type_name, *url, *spool, *app, *app_version;
    const char *dirs[MAX_DIRS];
    unsigned n_dirs;
    char *time_field;
    int64_t time_unit_ns, timeout_ms;

    struct hrp_schema *schema;
    hr_type *type;
    hr_client *client;
    struct hrp_buf wire;
    const char *place;                   /* "line", or "FILE, line" when there are several */
    uint64_t n_lines, n_events, n_aside; /* lines of this file; events + aside = rows sent */
    size_t unflushed_bytes;
    struct cli_reasons reasons;          /* of lines that have no types */
};

/* Waits until what was logged is durable; patient as long as something moves. */
static int flush(struct sending *s)
{
    int64_t moved_mono_ns = cli_mono_ns();
    uint64_t acked = hr_stats_get(s->client, HR_STAT_ACKED_ROWS), now;
    char why[256], n[32];

    while (hr_flush(s->client, FLUSH_STEP_MS) != 0) {
        if (cli_stopped()) {
            cli_error("interrupted after line %s", cli_number(s->n_lines, n));
            return CLI_FAILED;
        }
        now = hr_stats_get(s->client, HR_STAT_ACKED_ROWS);
        if (now != acked)
            moved_mono_ns = cli_mono_ns();
        acked = now;
        cli_progress("%s lines read; waiting for the collector", cli_number(s->n_lines, n));
        if (cli_mono_ns() - moved_mono_ns < s->timeout_ms * 1000000)
            continue;
        hr_status_text(s->client, why, sizeof why);
        cli_error("the collector acknowledged nothing for %lld s%s%s; is headraced running? --url names another address",
                  (long long)(s->timeout_ms / 1000), why[0] != '\0' ? ": " : "", why);
        return CLI_UNREACHABLE;
    }
    s->unflushed_bytes = 0;
    return 0;
}

static int make_room(struct sending *s, size_t n_bytes)
{
    s->unflushed_bytes += n_bytes + ROW_OVERHEAD_BYTES;
    return s->unflushed_bytes <= WINDOW_BYTES ? 0 : flush(s);
}

/* The field's value in ns; absent or null leaves 0, the time of sending. */
static int event_time(const struct sending *s, struct cli_span line, int64_t *ret_ns, struct hr_error *err)
{
    struct hrp_buf text = HRP_BUF_INIT;
    struct cli_span v;
    int64_t number;
    bool ok;

    *ret_ns = 0;
    if (s->time_field == NULL || !cli_span_get(line, s->time_field, &v) || cli_span_is(v, "null"))
        return 0;
    if (v.p[0] != '"') {
        ok = cli_span_i64(v, &number) && !__builtin_mul_overflow(number, s->time_unit_ns, ret_ns);
    } else {
        ok = cli_span_str(v, &text);
        hrp_put_u8(&text, 0);
        ok = ok && text.err == 0 && cli_time_rfc3339((const char *)text.p, ret_ns);
        hrp_buf_fini(&text);
    }
    if (ok)
        return 0;
    return hr_error_set(err, HR_EROW, "%s: expected a time, found %.*s", s->time_field, (int)(v.n < 60 ? v.n : 60), v.p);
}

/* A line too large to be kept whole is cut: enough of it stays to find where it came from. */
static int send_aside(struct sending *s, struct cli_span line, const char *reason)
{
    size_t n = line.n < MAX_ASIDE_BYTES ? line.n : MAX_ASIDE_BYTES;
    int r = make_room(s, n + strlen(reason));

    if (r != 0)
        return r;
    s->n_aside++;
    cli_reasons_add(&s->reasons, reason);
    if (s->n_aside <= MAX_REPORTED)
        cli_error("%s %llu is set aside: %s", s->place, (unsigned long long)s->n_lines, reason);
    else if (s->n_aside == MAX_REPORTED + 1)
        cli_error("more lines are set aside; the last line counts them all");
    r = hr_log_raw(s->client, s->type, line.p, n, reason);
    if (r == 0)
        return 0;
    cli_error("%s %llu cannot be sent even as raw bytes: %s", s->place, (unsigned long long)s->n_lines, hr_strerror(r));
    return CLI_FAILED;
}

static int send_line(struct sending *s, struct cli_span line)
{
    struct hr_error err;
    int64_t time_ns;
    int r;

    hrp_buf_clear(&s->wire);
    r = hrp_json_to_wire(s->schema, line.p, line.n, &s->wire, &err);
    if (r == 0)
        r = event_time(s, line, &time_ns, &err);
    if (r == 0 && s->wire.n > HR_MAX_EVENT_BYTES)
        r = hr_error_set(&err, HR_ETOOBIG, "the event takes %zu bytes, more than %d", s->wire.n, HR_MAX_EVENT_BYTES);
    if (r == HR_ENOMEM) {
        cli_error("out of memory");
        return CLI_FAILED;
    }
    if (r != 0)
        return send_aside(s, line, err.text);
    r = make_room(s, s->wire.n);
    if (r != 0)
        return r;
    r = hr_log_wire(s->client, s->type, time_ns, s->wire.p, s->wire.n);
    if (r != 0) {
        cli_error("%s %llu was not taken: %s", s->place, (unsigned long long)s->n_lines, hr_strerror(r));
        return CLI_FAILED;
    }
    s->n_events++;
    return 0;
}

static bool blank(const char *p, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (p[i] != ' ' && p[i] != '\t' && p[i] != '\r')
            return false;
    return true;
}

static int send_stream(struct sending *s, FILE *in, const char *name)
{
    char *line = NULL, n_text[32];
    size_t cap = 0;
    ssize_t n;
    int r = 0;

    while (r == 0 && !cli_stopped() && (n = getline(&line, &cap, in)) >= 0) {
        s->n_lines++;
        if (n > 0 && line[n - 1] == '\n')
            n--;
        if (!blank(line, (size_t)n))
            r = send_line(s, (struct cli_span){line, (size_t)n});
        if (s->n_lines % 5000 == 0)
            cli_progress("%s lines read", cli_number(s->n_lines, n_text));
    }
    free(line);
    if (r == 0 && ferror(in)) {
        cli_error("cannot read %s: %s", name, strerror(errno));
        r = CLI_FAILED;
    }
    return r;
}

static int send_files(struct sending *s, char **paths, int n_paths)
{
    char place[512];
    int r = 0;

    if (n_paths == 0)
        return send_stream(s, stdin, "the input");
    for (int i = 0; r == 0 && i < n_paths; i++) {
        bool is_stdin = strcmp(paths[i], "-") == 0;
        FILE *in = is_stdin ? stdin : fopen(paths[i], "r");

        if (in == NULL) {
            cli_error("cannot open %s: %s", paths[i], strerror(errno));
            return CLI_FAILED;
        }
        if (n_paths > 1) {
            snprintf(place, sizeof place, "%s, line", paths[i]);
            s->place = place;
        }
        s->n_lines = 0;
        r = send_stream(s, in, paths[i]);
        if (!is_stdin)
            fclose(in);
    }
    s->place = "line";
    return r;
}

static int open_type(struct sending *s)
{
    struct hrp_buf set = HRP_BUF_INIT;
    struct hr_error err;
    char *name = NULL;
    int r = s->proto != NULL ? cli_descriptor_compile(s->proto, s->dirs, s->n_dirs, &set) : cli_descriptor_read(s->set_path, &set);

    if (r == 0)
        r = cli_descriptor_type(&set, s->type_name, &name);
    if (r == 0 && (hrp_schema_open(set.p, set.n, name, &hrp_limits_default, &s->schema, &err) != 0 ||
                   hr_type_open(set.p, set.n, name, &s->type, &err) != 0)) {
        cli_error("%s", err.text);
        r = CLI_FAILED;
    }
    hrp_free(name);
    hrp_buf_fini(&set);
    return r;
}

static int open_client(struct sending *s)
{
    hr_options *opt = hr_options_new();
    struct hr_error err = {0};
    char lane[24];
    int r = opt != NULL ? 0 : HR_ENOMEM;

    snprintf(lane, sizeof lane, "%u", LANE_BYTES);
    if (r == 0)
        r = hr_options_set(opt, "lane_bytes", lane, &err);
    if (r == 0)
        r = hr_options_set(opt, "app", s->app, &err);
    if (r == 0 && s->app_version != NULL)
        r = hr_options_set(opt, "app_version", s->app_version, &err);
    if (r == 0 && s->url != NULL)
        r = hr_options_set(opt, "url", s->url, &err);
    if (r == 0 && s->spool != NULL)
        r = hr_options_set(opt, "spool_dir", s->spool, &err);
    if (r == 0)
        r = hr_open(opt, &s->client, &err);
    hr_options_free(opt);
    if (r == 0)
        return 0;
    cli_error("%s", err.text[0] != '\0' ? err.text : hr_strerror(r));
    return r == HR_EINVAL || r == HR_ENOENT ? CLI_USAGE : CLI_FAILED;
}

static int summary(struct sending *s)
{
    char rows[32], events[32], aside[32];
    /* The collector may have set aside rows that we took for good: it checks again. */
    uint64_t quarantined = hr_stats_get(s->client, HR_STAT_QUARANTINED_ROWS);
    uint64_t sent = s->n_events + s->n_aside;

    if (quarantined < s->n_aside)
        quarantined = s->n_aside;
    if (quarantined > sent)
        quarantined = sent;
    cli_progress_end();
    fprintf(stderr, "sent %s rows: %s as events, %s set aside (in quarantine)\n", cli_number(sent, rows),
            cli_number(sent - quarantined, events), cli_number(quarantined, aside));
    cli_reasons_print(&s->reasons, stderr);
    if (quarantined > s->n_aside)
        fprintf(stderr, "  %s: by the collector; `headrace quarantine groups %s` says why\n", cli_number(quarantined - s->n_aside, aside),
                hrp_schema_name(s->schema));
    return quarantined > 0 ? CLI_SET_ASIDE : CLI_OK;
}

/* What stands when it did not end well: nothing is left unsaid. */
static void left_over(struct sending *s)
{
    uint64_t sent = s->n_events + s->n_aside, acked = hr_stats_get(s->client, HR_STAT_ACKED_ROWS);
    char n_sent[32], n_acked[32];

    cli_error("%s rows were read, %s of them are on the collector's disk%s", cli_number(sent, n_sent),
              cli_number(acked < sent ? acked : sent, n_acked),
              acked >= sent      ? ""
              : s->spool != NULL ? "; the rest is in the spool folder: `headrace spool drain` sends it"
                                 : "; the rest is lost: with --spool DIR it would have been kept");
}

static int send_all(struct sending *s, char **paths, int n_paths)
{
    int r = send_files(s, paths, n_paths);

    if (r == 0)
        r = flush(s);
    if (r == 0 && cli_stopped()) {
        cli_error("interrupted");
        r = CLI_FAILED;
    }
    if (r == 0)
        r = summary(s);
    else
        left_over(s);
    hr_close(s->client, r == CLI_OK || r == CLI_SET_ASIDE ? s->timeout_ms : 0);
    return r;
}

static int parse_time_field(const struct cli_verb *verb, struct sending *s, char *text)
{
    static const struct {
        const char *name;
        int64_t ns;
    } units[] = {{"s", 1000000000}, {"ms", 1000000}, {"us", 1000}, {"ns", 1}};
    char *unit = strchr(text, ':');

    s->time_field = text;
    if (unit == NULL)
        return 0;
    *unit++ = '\0';
    for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
        if (strcmp(unit, units[i].name) == 0) {
            s->time_unit_ns = units[i].ns;
            return 0;
        }
    }
    return cli_usage(verb, "--time-field knows the units s, ms, us and ns, not \"%s\"", unit);
}

static int parse_one(const struct cli_verb *verb, int c, struct sending *s)
{
    switch (c) {
    case 'p': s->proto = optarg; return 0;
    case 'D': s->set_path = optarg; return 0;
    case 'T': s->type_name = optarg; return 0;
    case 'u': s->url = optarg; return 0;
    case 's': s->spool = optarg; return 0;
    case 'a': s->app = optarg; return 0;
    case 'v': s->app_version = optarg; return 0;
    case 'f': return parse_time_field(verb, s, optarg);
    case 't': return cli_parse_seconds(verb, "--timeout", optarg, &s->timeout_ms);
    case 'I':
        if (s->n_dirs == MAX_DIRS)
            return cli_usage(verb, "at most %d -I", MAX_DIRS);
        s->dirs[s->n_dirs++] = optarg;
        return 0;
    default: return CLI_USAGE;
    }
}

static int parse(const struct cli_verb *verb, int argc, char **argv, struct sending *s)
{
    static const struct option options[] = {
        {"proto", required_argument, NULL, 'p'},      {"descriptor-set", required_argument, NULL, 'D'},
        {"type", required_argument, NULL, 'T'},       {"url", required_argument, NULL, 'u'},
        {"spool", required_argument, NULL, 's'},      {"app", required_argument, NULL, 'a'},
        {"app-version", required_argument, NULL, 'v'}, {"time-field", required_argument, NULL, 'f'},
        {"timeout", required_argument, NULL, 't'},    {0}};
    int c;

    while ((c = cli_option(verb, argc, argv, ":I:", options)) != -1)
        if (parse_one(verb, c, s) != 0)
            return CLI_USAGE;
    if ((s->proto == NULL) == (s->set_path == NULL))
        return cli_usage(verb, "say the event's type with --proto FILE, or with --descriptor-set FILE");
    if (s->spool == NULL)
        s->spool = getenv("HEADRACE_SPOOL");
    return 0;
}

static int run(const struct cli_verb *verb, int argc, char **argv)
{
    struct sending s = {.app = "headrace-send", .place = "line", .time_unit_ns = 1, .timeout_ms = 60000};
    int r = parse(verb, argc, argv, &s);

    if (r == 0)
        r = open_type(&s);
    if (r == 0)
        r = open_client(&s);
    if (r == 0) {
        cli_catch_signals();
        r = send_all(&s, argv + optind, argc - optind);
    }
    hrp_schema_unref(s.schema);
    hrp_buf_fini(&s.wire);
    return r;
}

const struct cli_verb cli_send = {"send", "send NDJSON as events", help_text, run};
