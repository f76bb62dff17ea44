#include "cli.h"
#include "events.h"
#include "http.h"
#include "verbs.h"

#define ASK_AGAIN_MS 200
#define DEFAULT_LAST 10

static const char help_text[] =
    "usage: headrace tail STREAM [-n N | --from OFFSET | --since TIME] [-f] [--http URL]\n"
    "\n"
    "Prints the newest events of a stream as NDJSON: offset, times, app and the event itself under \"data\".\n"
    "\n"
    "  -n N           the last N events (10 unless told)\n"
    "  --from OFFSET  all events from an offset on\n"
    "  --since TIME   all events whose time is TIME or later: 2026-11-23T18:00:00Z, 15m (ago), or nanoseconds since 1970\n"
    "  -f, --follow   then wait for more, also across restarts of the collector, until interrupted\n"
    "  --http URL     the collector's HTTP address\n";

struct tail {
    struct cli_http *http;
    struct cli_events_query query;
    uint64_t last;  /* used when neither --from nor --since is given */
    bool has_from, follow;
};

static int print_event(void *arg, struct cli_span line, uint64_t offset)
{
    (void)arg, (void)offset;
    if (fwrite(line.p, 1, line.n, stdout) == line.n && putchar('\n') != EOF)
        return 0;
    return CLI_FAILED; /* the reader went away: `| head` */
}

/* Where the last N events begin. Read at the end only: a stream may hold billions. */
static int find_start(struct tail *t)
{
    struct cli_stream_info info;
    int r = cli_stream_info(t->http, t->query.stream, t->follow, &info);

    if (r == 0 && !t->has_from && !t->query.has_since)
        t->query.from = info.next_offset > t->last ? info.next_offset - t->last : 0;
    return r;
}

/* One round of `tail -f`: a collector that is away is said once, and asked again. */
static int follow_once(struct tail *t, bool *away)
{
    struct cli_stream_info info;
    int r;

    cli_http_quiet(t->http, *away);
    r = cli_stream_info(t->http, t->query.stream, true, &info);
    if (r == 0 && info.next_offset > t->query.from)
        r = cli_events_read(t->http, &t->query, print_event, NULL, &t->query.from);
    *away = r == CLI_UNREACHABLE;
    if (fflush(stdout) != 0)
        return CLI_FAILED;
    return *away ? 0 : r;
}

static int tail(struct tail *t)
{
    bool away = false;
    int r = find_start(t);

    if (r == 0 && !t->follow)
        return cli_events_read(t->http, &t->query, print_event, NULL, &t->query.from);
    while (r == 0 && !cli_stopped()) {
        r = follow_once(t, &away);
        if (r == 0 && !cli_stopped())
            cli_pause_ms(ASK_AGAIN_MS);
    }
    return cli_stopped() ? CLI_OK : r;
}

static int parse(const struct cli_verb *verb, int argc, char **argv, struct tail *t, const char **base)
{
    static const struct option options[] = {{"from", required_argument, NULL, 'F'},
                                            {"since", required_argument, NULL, 'S'},
                                            {"follow", no_argument, NULL, 'f'},
                                            {"http", required_argument, NULL, 'H'},
                                            {0}};
    int c, r = 0;

    while (r == 0 && (c = cli_option(verb, argc, argv, ":n:fF:S:H:", options)) != -1) {
        if (c == '?')
            r = CLI_USAGE;
        else if (c == 'n')
            r = cli_parse_u64(verb, "-n", optarg, 0, UINT64_MAX, &t->last);
        else if (c == 'F')
            r = cli_parse_u64(verb, "--from", optarg, 0, UINT64_MAX, &t->query.from), t->has_from = true;
        else if (c == 'S')
            r = cli_parse_time(verb, "--since", optarg, &t->query.since_ns), t->query.has_since = true;
        else if (c == 'f')
            t->follow = true;
        else
            *base = optarg;
    }
    if (r == 0 && optind + 1 != argc)
        r = cli_usage(verb, optind == argc ? "name a stream; `headrace streams` lists them" : "one stream at a time");
    if (r == 0)
        t->query.stream = argv[optind];
    return r;
}

static int run(const struct cli_verb *verb, int argc, char **argv)
{
    struct tail t = {.query = CLI_EVENTS_QUERY(NULL), .last = DEFAULT_LAST};
    const char *base = NULL;
    int r = parse(verb, argc, argv, &t, &base);

    if (r == 0)
        r = cli_http_open(base, &t.http);
    if (r != 0)
        return r;
    if (t.follow)
        cli_catch_signals();
    r = tail(&t);
    cli_http_close(t.http);
    return r;
}

const struct cli_verb cli_tail = {"tail", "print the newest events of a stream, and follow it", help_text, run};
