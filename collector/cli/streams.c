#include "cli.h"
#include "http.h"
#include "table.h"
#include "verbs.h"

static const char help_text[] =
    "usage: headrace streams [--json] [--http URL]\n"
    "\n"
    "Lists the streams: events stored, rows set aside in quarantine, and how many bytes an event takes on disk, by part:\n"
    "  fields    the columns of the event's fields\n"
    "  envelope  lane, number, event time, weight, flags\n"
    "  header    heads of batches and blocks\n"
    "  raw       rows without types, as bytes\n"
    "  keys      keys and the index of blocks\n"
    "The write-ahead log and the profiles are the whole store's; they are told apart, in the last line.\n"
    "\n"
    "  --json      the answer of /api/v1/streams as it is\n"
    "  --http URL  the collector's HTTP address\n";

static const char *const parts[] = {"fields", "envelope", "header", "raw", "index"};
#define N_PARTS (sizeof parts / sizeof *parts)

static uint64_t number(const json_t *object, const char *key)
{
    json_int_t v = json_integer_value(json_object_get(object, key));

    return v > 0 ? (uint64_t)v : 0;
}

static const char *text(const json_t *object, const char *key)
{
    const char *s = json_string_value(json_object_get(object, key));

    return s != NULL ? s : "-";
}

static void add_stream(struct cli_table *t, const json_t *s)
{
    const json_t *stored = json_object_get(s, "stored_bytes");
    uint64_t rows = number(s, "rows"), total = 0;

    cli_table_text(t, text(s, "name"));
    cli_table_number(t, rows);
    cli_table_number(t, number(s, "quarantined"));
    for (size_t i = 0; i < N_PARTS; i++)
        total += number(stored, parts[i]);
    if (rows == 0) {
        for (size_t i = 0; i < N_PARTS + 1; i++)
            cli_table_text(t, "-");
    } else {
        cli_table_fmt(t, "%.2f", (double)total / (double)rows);
        for (size_t i = 0; i < N_PARTS; i++)
            cli_table_fmt(t, "%.3f", (double)number(stored, parts[i]) / (double)rows);
    }
    cli_table_fmt(t, "%.19s", text(s, "newest_receive_time"));
}

static int print_streams(const json_t *root)
{
    static const char *const heads[] = {"STREAM", ">EVENTS", ">SET ASIDE", ">BYTES/EVENT", ">FIELDS", ">ENVELOPE",
                                        ">HEADER", ">RAW", ">KEYS", "NEWEST (UTC)"};
    const json_t *store = json_object_get(root, "store"), *streams = json_object_get(root, "streams"), *s;
    struct cli_table t;
    char wal[32], files[32], profiles[32];
    size_t i;
    int r;

    cli_table_init(&t, heads, sizeof heads / sizeof *heads);
    json_array_foreach(streams, i, s)
        add_stream(&t, s);
    r = cli_table_print(&t, stdout);
    cli_table_fini(&t);
    printf("store on disk: %s bytes in files, %s in the write-ahead log, %s of profiles\n",
           cli_number(number(store, "blob_bytes") + number(store, "sst_bytes"), files), cli_number(number(store, "wal_bytes"), wal),
           cli_number(number(store, "profile_bytes"), profiles));
    if (json_is_false(json_object_get(root, "ready")))
        cli_error("the collector does not commit at the moment: %s", text(root, "reason"));
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
    r = cli_http_json(http, "/api/v1/streams", &root);
    if (r == 0 && json)
        r = json_dumpf(root, stdout, JSON_INDENT(2)) != 0 || puts("") < 0 ? CLI_FAILED : CLI_OK;
    else if (r == 0)
        r = print_streams(root);
    json_decref(root);
    cli_http_close(http);
    return r;
}

const struct cli_verb cli_streams = {"streams", "list streams, events and bytes stored", help_text, run};
