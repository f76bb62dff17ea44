#include "ledger.h"
#include "answer.h"
#include "bytes.h"
#include "http.h"
#include "table.h"
#include "verbs.h"
#include <string.h>

#define ASK_AGAIN_MS 100

static const char help_text[] =
    "usage: headrace ledger [--json] [--wait-settled SECONDS] [--http URL]\n"
    "\n"
    "Prints what became of every call to log, by stream, app and version:\n"
    "  logged = accepted + set aside + dropped (by reason) + in flight + missing\n"
    "TRIMMED counts resends that were already decided; it stands outside the sum. Exit code 1 when a line does not add up.\n"
    "\n"
    "  --wait-settled SECONDS  wait until nothing is in flight; exit code 1 when something still is\n"
    "  --json                  the answer of /api/v1/ledger as it is\n"
    "  --http URL              the collector's HTTP address\n";

static uint64_t dropped(const json_t *line)
{
    json_t *reasons = json_object_get(line, "dropped"), *v;
    const char *reason;
    uint64_t sum = 0;

    json_object_foreach(reasons, reason, v)
        sum += (uint64_t)json_integer_value(v);
    return sum;
}

static bool matches(const char *wanted, const char *found) { return wanted == NULL || strcmp(wanted, found) == 0; }

static uint64_t decided(const json_t *line)
{
    return cli_json_number(line, "accepted") + cli_json_number(line, "quarantined") + dropped(line) +
           cli_json_number(line, "in_flight") + cli_json_number(line, "missing");
}

void cli_ledger_add(const json_t *root, const char *stream, const char *version, struct cli_ledger_sum *ret)
{
    const json_t *line;
    size_t i;

    json_array_foreach(json_object_get(root, "lines"), i, line) {
        if (!matches(stream, cli_json_text(line, "stream", "")) || !matches(version, cli_json_text(line, "version", "")))
            continue;
        ret->logged += cli_json_number(line, "logged");
        ret->accepted += cli_json_number(line, "accepted");
        ret->quarantined += cli_json_number(line, "quarantined");
        ret->dropped += dropped(line);
        ret->in_flight += cli_json_number(line, "in_flight");
        ret->missing += cli_json_number(line, "missing");
        ret->trimmed += cli_json_number(line, "trimmed");
        ret->n_lines++;
        ret->n_unbalanced += decided(line) != cli_json_number(line, "logged");
    }
}

int cli_ledger_fetch(struct cli_http *http, json_t **ret)
{
    int r = cli_http_json(http, "/api/v1/ledger", ret);

    if (r == 0 && !json_is_array(json_object_get(*ret, "lines"))) {
        cli_error("%s/api/v1/ledger has no \"lines\"; is that a headraced of this version?", cli_http_base(http));
        json_decref(*ret);
        *ret = NULL;
        r = CLI_FAILED;
    }
    return r;
}

int cli_ledger_wait(struct cli_http *http, const char *stream, const char *version, int64_t timeout_ms, json_t **ret)
{
    int64_t deadline_mono_ns = cli_mono_ns() + timeout_ms * 1000000;

    for (;;) {
        struct cli_ledger_sum sum = {0};
        char n[32];
        int r = cli_ledger_fetch(http, ret);

        if (r != 0)
            return r;
        cli_ledger_add(*ret, stream, version, &sum);
        if (sum.in_flight == 0 || cli_mono_ns() >= deadline_mono_ns || cli_stopped())
            return 0;
        json_decref(*ret);
        *ret = NULL;
        cli_progress("%s events in flight", cli_number(sum.in_flight, n));
        cli_pause_ms(ASK_AGAIN_MS);
    }
}

static void add_line(struct cli_table *t, const json_t *line)
{
    uint64_t logged = cli_json_number(line, "logged"), sum = decided(line);

    cli_table_text(t, cli_json_text(line, "stream", ""));
    cli_table_text(t, cli_json_text(line, "app", ""));
    cli_table_text(t, cli_json_text(line, "version", ""));
    cli_table_number(t, logged);
    cli_table_number(t, cli_json_number(line, "accepted"));
    cli_table_number(t, cli_json_number(line, "quarantined"));
    cli_table_number(t, dropped(line));
    cli_table_number(t, cli_json_number(line, "in_flight"));
    cli_table_number(t, cli_json_number(line, "missing"));
    cli_table_number(t, cli_json_number(line, "trimmed"));
    if (sum == logged)
        cli_table_text(t, "balances");
    else
        cli_table_fmt(t, "OFF BY %lld", (long long)(logged - sum));
}

static void print_reasons(const json_t *line)
{
    json_t *reasons = json_object_get(line, "dropped"), *v;
    const char *reason;
    char n[32];
    bool first = true;

    json_object_foreach(reasons, reason, v) {
        if (json_integer_value(v) <= 0)
            continue;
        if (first)
            printf("dropped of %s (%s %s):", cli_json_text(line, "stream", ""), cli_json_text(line, "app", ""),
                   cli_json_text(line, "version", ""));
        printf("%s %s %s", first ? "" : ",", cli_number((uint64_t)json_integer_value(v), n), reason);
        first = false;
    }
    if (!first)
        puts("");
}

static int print_ledger(const json_t *root)
{
    static const char *const heads[] = {"STREAM", "APP", "VERSION", ">LOGGED", ">ACCEPTED", ">SET ASIDE", ">DROPPED", ">IN FLIGHT",
                                        ">MISSING", ">TRIMMED", "SUM"};
    const json_t *lines = json_object_get(root, "lines"), *line;
    struct cli_table t;
    size_t i;
    int r;

    cli_table_init(&t, heads, sizeof heads / sizeof *heads);
    json_array_foreach(lines, i, line)
        add_line(&t, line);
    r = cli_table_print(&t, stdout);
    cli_table_fini(&t);
    json_array_foreach(lines, i, line)
        print_reasons(line);
    return r;
}

static int verdict(const json_t *root, bool must_be_settled)
{
    struct cli_ledger_sum sum = {0};
    char n[32];

    cli_ledger_add(root, NULL, NULL, &sum);
    if (sum.n_unbalanced != 0) {
        cli_error("%u of %u lines of the ledger do not add up", sum.n_unbalanced, sum.n_lines);
        return CLI_FAILED;
    }
    if (must_be_settled && sum.in_flight != 0) {
        cli_error("%s events are still in flight: their producers are slow, stopped or cut off", cli_number(sum.in_flight, n));
        return CLI_FAILED;
    }
    return CLI_OK;
}

static int answer(struct cli_http *http, int64_t wait_ms, bool json)
{
    json_t *root = NULL;
    int r = wait_ms >= 0 ? cli_ledger_wait(http, NULL, NULL, wait_ms, &root) : cli_ledger_fetch(http, &root);

    cli_progress_end();
    if (r == 0 && json)
        r = cli_json_print(root);
    else if (r == 0)
        r = print_ledger(root);
    if (r == 0)
        r = verdict(root, wait_ms >= 0);
    json_decref(root);
    return r;
}

static int run(const struct cli_verb *verb, int argc, char **argv)
{
    static const struct option options[] = {
        {"json", no_argument, NULL, 'j'}, {"wait-settled", required_argument, NULL, 'w'}, {"http", required_argument, NULL, 'H'}, {0}};
    const char *base = NULL;
    bool json = false;
    int64_t wait_ms = -1;
    struct cli_http *http;
    int c, r;

    while ((c = cli_option(verb, argc, argv, ":jw:H:", options)) != -1) {
        if (c == '?' || (c == 'w' && cli_parse_seconds(verb, "--wait-settled", optarg, &wait_ms) != 0))
            return CLI_USAGE;
        if (c == 'j')
            json = true;
        if (c == 'H')
            base = optarg;
    }
    if (optind < argc)
        return cli_usage(verb, "takes no argument: %s", argv[optind]);
    r = cli_http_open(base, &http);
    if (r != 0)
        return r;
    cli_catch_signals();
    r = answer(http, wait_ms, json);
    cli_http_close(http);
    return r;
}

const struct cli_verb cli_ledger = {"ledger", "what became of every call to log", help_text, run};
