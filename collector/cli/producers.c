#include "cli.h"
#include "http.h"
#include "table.h"
#include "verbs.h"

static const char help_text[] = "usage: headrace producers [--json] [--http URL]\n"
                                "\n"
                                "Lists the clients that send or sent events, one line per start of a client.\n"
                                "\n"
                                "  --json      the answer of /api/v1/producers as it is\n"
                                "  --http URL  the collector's HTTP address\n";

static const char *text(const json_t *object, const char *key)
{
    const char *s = json_string_value(json_object_get(object, key));

    return s != NULL ? s : "-";
}

static void number(struct cli_table *t, const json_t *object, const char *key)
{
    cli_table_number(t, (uint64_t)json_integer_value(json_object_get(object, key)));
}

static void add_producer(struct cli_table *t, const json_t *p)
{
    cli_table_fmt(t, "%.8s", text(p, "incarnation"));
    cli_table_text(t, text(p, "app"));
    cli_table_text(t, text(p, "version"));
    cli_table_text(t, text(p, "host"));
    cli_table_fmt(t, "%lld", (long long)json_integer_value(json_object_get(p, "pid")));
    cli_table_text(t, json_is_true(json_object_get(p, "connected")) ? "connected"
                      : json_is_true(json_object_get(p, "closed"))  ? "closed"
                                                                    : "away");
    cli_table_fmt(t, "%.19s", text(p, "last_seen"));
    number(t, p, "logged");
    number(t, p, "accepted");
    number(t, p, "quarantined");
    number(t, p, "dropped");
    number(t, p, "in_flight");
    number(t, p, "missing");
}

static int print_producers(const json_t *root)
{
    static const char *const heads[] = {"START",      "APP",        "VERSION",  "HOST",       ">PID",     "STATE", "LAST SEEN (UTC)", ">LOGGED",
                                        ">ACCEPTED", ">SET ASIDE", ">DROPPED", ">IN FLIGHT", ">MISSING"};
    const json_t *p;
    struct cli_table t;
    size_t i;
    int r;

    cli_table_init(&t, heads, sizeof heads / sizeof *heads);
    json_array_foreach(json_object_get(root, "producers"), i, p)
        add_producer(&t, p);
    r = cli_table_print(&t, stdout);
    cli_table_fini(&t);
    return r;
}

static int run(const struct cli_verb *verb, int argc, char **argv)
{
    static const struct option options[] = {{"json", no_argument, NULL, 'j'}, {"http", required_argument, NULL, 'H'}, {0}};
    const char *base = NULL;
    bool json = false;
    struct cli_http *http;
    json_t *root = NULL;
    int c, r;

    while ((c = cli_option(verb, argc, argv, ":jH:", options)) != -1) {
        if (c == '?')
            return CLI_USAGE;
        if (c == 'j')
            json = true;
        else
            base = optarg;
    }
    if (optind < argc)
        return cli_usage(verb, "takes no argument: %s", argv[optind]);
    r = cli_http_open(base, &http);
    if (r != 0)
        return r;
    r = cli_http_json(http, "/api/v1/producers", &root);
    if (r == 0 && json)
        r = json_dumpf(root, stdout, JSON_INDENT(2)) != 0 || puts("") < 0 ? CLI_FAILED : CLI_OK;
    else if (r == 0)
        r = print_producers(root);
    json_decref(root);
    cli_http_close(http);
    return r;
}

const struct cli_verb cli_producers = {"producers", "list the clients that send events", help_text, run};
