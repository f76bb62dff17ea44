#include "answer.h"
#include "table.h"
#include "verbs.h"

static const char help_text[] = "usage: headrace producers [--json] [--http URL]\n"
                                "\n"
                                "Lists the clients that send or sent events, one line per start of a client.\n"
                                "\n"
                                "  --json      the answer of /api/v1/producers as it is\n"
                                "  --http URL  the collector's HTTP address\n";

static void number(struct cli_table *t, const json_t *object, const char *key)
{
    cli_table_number(t, (uint64_t)json_integer_value(json_object_get(object, key)));
}

static void add_producer(struct cli_table *t, const json_t *p)
{
    cli_table_fmt(t, "%.8s", cli_json_text(p, "incarnation", "-"));
    cli_table_text(t, cli_json_text(p, "app", "-"));
    cli_table_text(t, cli_json_text(p, "version", "-"));
    cli_table_text(t, cli_json_text(p, "host", "-"));
    cli_table_fmt(t, "%lld", (long long)json_integer_value(json_object_get(p, "pid")));
    cli_table_text(t, json_is_true(json_object_get(p, "connected")) ? "connected"
                      : json_is_true(json_object_get(p, "closed"))  ? "closed"
                                                                    : "away");
    cli_table_fmt(t, "%.19s", cli_json_text(p, "last_seen", "-"));
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
    return cli_answer(verb, argc, argv, "/api/v1/producers", print_producers);
}

const struct cli_verb cli_producers = {"producers", "list the clients that send events", help_text, run};
