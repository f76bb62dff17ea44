#include "alloc.h"
#include "cli.h"
#include "csv.h"
#include "events.h"
#include "http.h"
#include "schema.h"
#include "table.h"
#include "verbs.h"
#include <errno.h>
#include <string.h>
#include <unistd.h>

static const char help_text[] =
    "usage: headrace export STREAM --format ndjson|csv [--from OFFSET] [--to OFFSET] [--since TIME] [--until TIME]\n"
    "                       [--data-only] [--csv-safe] [-o FILE] [--http URL]\n"
    "\n"
    "Writes a stream's events, in order of their offsets.\n"
    "  ndjson  one event a line: offset, times, app, and the event under \"data\"\n"
    "  csv     RFC 4180: _offset, _event_time, _receive_time, _app, _version, then a column per field, dotted for nested\n"
    "          messages; lists and maps as JSON text. Absent: an empty cell; an empty string: \"\"\n"
    "\n"
    "  --from, --to OFFSET   offsets, the first included, the last not\n"
    "  --since, --until TIME event times likewise: 2026-11-23T18:00:00Z, 15m (ago), or nanoseconds since 1970\n"
    "  --data-only           ndjson without the envelope: what `headrace send` takes\n"
    "  --csv-safe            texts that begin with = + - @ get an apostrophe, so that a spreadsheet does not run them\n"
    "  -o FILE               written aside and renamed when complete, so that FILE is never half of it\n"
    "  --http URL            the collector's HTTP address\n";

struct exporting {
    struct cli_http *http;
    struct cli_events_query query;
    const char *format, *path;
    bool safe, data_only;
    FILE *out;
    struct hrp_schema *schema;
    struct cli_csv *csv;
    struct hrp_buf line;
    uint64_t n_events;
};

static int write_failed(const struct exporting *ex)
{
    cli_error("cannot write %s: %s", ex->path != NULL ? ex->path : "the output", strerror(errno));
    return CLI_FAILED;
}

static int write_event(void *arg, struct cli_span line, uint64_t offset)
{
    struct exporting *ex = arg;
    struct cli_span data = line;

    (void)offset;
    hrp_buf_clear(&ex->line);
    if (ex->csv != NULL) {
        cli_csv_row(ex->csv, line, &ex->line);
    } else {
        if (ex->data_only)
            cli_span_get(line, "data", &data);
        hrp_put_bytes(&ex->line, data.p, data.n);
        hrp_put_u8(&ex->line, '\n');
    }
    if (ex->line.err != 0) {
        cli_error("out of memory");
        return CLI_FAILED;
    }
    if (fwrite(ex->line.p, 1, ex->line.n, ex->out) != ex->line.n)
        return write_failed(ex);
    if (++ex->n_events % 50000 == 0) {
        char n[32];

        cli_progress("%s events", cli_number(ex->n_events, n));
    }
    return 0;
}

/* The columns are those of the newest schema, known before the first row. */
static int open_csv(struct exporting *ex)
{
    struct hrp_buf path = HRP_BUF_INIT, set = HRP_BUF_INIT;
    struct hr_error err;
    int r;

    cli_http_stream_path(&path, ex->query.stream, "descriptor");
    r = path.err != 0 ? CLI_FAILED : cli_http_get(ex->http, (const char *)path.p, &set);
    if (r == 0 && hrp_schema_open(set.p, set.n, ex->query.stream, &hrp_limits_default, &ex->schema, &err) != 0) {
        cli_error("the schema of %s cannot be read: %s", ex->query.stream, err.text);
        r = CLI_FAILED;
    }
    if (r == 0 && cli_csv_open(ex->schema, ex->safe, &ex->csv) != 0)
        r = CLI_FAILED;
    if (r == 0) {
        cli_csv_head(ex->csv, &ex->line);
        r = fwrite(ex->line.p, 1, ex->line.n, ex->out) == ex->line.n ? 0 : write_failed(ex);
    }
    hrp_buf_fini(&path);
    hrp_buf_fini(&set);
    return r;
}

static int export_events(struct exporting *ex)
{
    struct cli_stream_info info;
    uint64_t next;
    int r = cli_stream_info(ex->http, ex->query.stream, false, &info);

    if (r == 0 && strcmp(ex->format, "csv") == 0)
        r = open_csv(ex);
    if (r == 0 && info.next_offset < ex->query.to)
        ex->query.to = info.next_offset; /* what arrives meanwhile is the next export's */
    if (r == 0)
        r = cli_events_read(ex->http, &ex->query, write_event, ex, &next);
    if (r == 0 && cli_stopped()) {
        cli_error("interrupted before offset %llu", (unsigned long long)next);
        r = CLI_FAILED;
    }
    if (r == 0 && fflush(ex->out) != 0)
        r = write_failed(ex);
    return r;
}

static int export_to_file(struct exporting *ex)
{
    struct hrp_buf aside = HRP_BUF_INIT;
    char n[32];
    int r;

    hrp_put_fmt(&aside, "%s.part", ex->path);
    hrp_put_u8(&aside, 0);
    ex->out = aside.err == 0 ? fopen((const char *)aside.p, "w") : NULL;
    if (ex->out == NULL) {
        hrp_buf_fini(&aside);
        return write_failed(ex);
    }
    r = export_events(ex);
    if (r == 0 && fsync(fileno(ex->out)) != 0 && errno != EINVAL)
        r = write_failed(ex);
    if (fclose(ex->out) != 0 && r == 0)
        r = write_failed(ex);
    if (r == 0 && rename((const char *)aside.p, ex->path) != 0)
        r = write_failed(ex);
    if (r != 0)
        unlink((const char *)aside.p);
    hrp_buf_fini(&aside);
    if (r == 0)
        fprintf(stderr, "%s events written to %s\n", cli_number(ex->n_events, n), ex->path);
    return r;
}

static int parse_one(const struct cli_verb *verb, int c, struct exporting *ex, const char **base)
{
    switch (c) {
    case 'm':
        ex->format = optarg;
        return strcmp(optarg, "csv") == 0 || strcmp(optarg, "ndjson") == 0
                   ? 0
                   : cli_usage(verb, "--format takes ndjson or csv, not \"%s\"", optarg);
    case 'F':
        return cli_parse_u64(verb, "--from", optarg, 0, UINT64_MAX, &ex->query.from);
    case 'T':
        return cli_parse_u64(verb, "--to", optarg, 0, UINT64_MAX, &ex->query.to);
    case 'S':
        ex->query.has_since = true;
        return cli_parse_time(verb, "--since", optarg, &ex->query.since_ns);
    case 'U':
        ex->query.has_until = true;
        return cli_parse_time(verb, "--until", optarg, &ex->query.until_ns);
    case 'd':
        ex->data_only = true;
        return 0;
    case 's':
        ex->safe = true;
        return 0;
    case 'o':
        ex->path = optarg;
        return 0;
    case 'H':
        *base = optarg;
        return 0;
    default:
        return CLI_USAGE;
    }
}

static int parse(const struct cli_verb *verb, int argc, char **argv, struct exporting *ex, const char **base)
{
    static const struct option options[] = {
        {"format", required_argument, NULL, 'm'}, {"from", required_argument, NULL, 'F'},  {"to", required_argument, NULL, 'T'},
        {"since", required_argument, NULL, 'S'},  {"until", required_argument, NULL, 'U'}, {"data-only", no_argument, NULL, 'd'},
        {"csv-safe", no_argument, NULL, 's'},     {"http", required_argument, NULL, 'H'},  {"output", required_argument, NULL, 'o'}, {0}};
    int c;

    while ((c = cli_option(verb, argc, argv, ":o:", options)) != -1)
        if (parse_one(verb, c, ex, base) != 0)
            return CLI_USAGE;
    if (optind + 1 != argc)
        return cli_usage(verb, optind == argc ? "name a stream; `headrace streams` lists them" : "one stream at a time");
    if (ex->format == NULL)
        return cli_usage(verb, "say --format ndjson or --format csv");
    if (ex->data_only && strcmp(ex->format, "csv") == 0)
        return cli_usage(verb, "--data-only goes with --format ndjson");
    ex->query.stream = argv[optind];
    return 0;
}

static int run(const struct cli_verb *verb, int argc, char **argv)
{
    struct exporting ex = {.query = CLI_EVENTS_QUERY(NULL), .out = stdout};
    const char *base = NULL;
    int r = parse(verb, argc, argv, &ex, &base);

    if (r == 0)
        r = cli_http_open(base, &ex.http);
    if (r != 0)
        return r;
    cli_catch_signals();
    r = ex.path != NULL ? export_to_file(&ex) : export_events(&ex);
    cli_csv_free(ex.csv);
    hrp_schema_unref(ex.schema);
    hrp_buf_fini(&ex.line);
    cli_http_close(ex.http);
    return r;
}

const struct cli_verb cli_export = {"export", "write a stream's events as NDJSON or CSV", help_text, run};
