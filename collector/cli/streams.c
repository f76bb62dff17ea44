#include "answer.h"
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

static void add_stream(struct cli_table *t, const json_t *s)
{
    const json_t *stored = json_object_get(s, "stored_bytes");
    uint64_t rows = cli_json_number(s, "rows"), total = 0;

    cli_table_text(t, cli_json_text(s, "name", "-"));
    cli_table_number(t, rows);
    cli_table_number(t, cli_json_number(s, "quarantined"));
    for (size_t i = 0; i < N_PARTS; i++)
        total += cli_json_number(stored, parts[i]);
    if (rows == 0) {
        for (size_t i = 0; i < N_PARTS + 1; i++)
            cli_table_text(t, "-");
    } else {
        cli_table_fmt(t, "%.2f", (double)total / (double)rows);
        for (size_t i = 0; i < N_PARTS; i++)
            cli_table_fmt(t, "%.3f", (double)cli_json_number(stored, parts[i]) / (double)rows);
    }
    cli_table_fmt(t, "%.19s", cli_json_text(s, "newest_receive_time", "-"));
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
           cli_number(cli_json_number(store, "blob_bytes") + cli_json_number(store, "sst_bytes"), files),
           cli_number(cli_json_number(store, "wal_bytes"), wal), cli_number(cli_json_number(store, "profile_bytes"), profiles));
    if (json_is_false(json_object_get(root, "ready")))
        cli_error("the collector does not commit at the moment: %s", cli_json_text(root, "reason", "-"));
    return r;
}

static int run(const struct cli_verb *verb, int argc, char **argv)
{
    return cli_answer(verb, argc, argv, "/api/v1/streams", print_streams);
}

const struct cli_verb cli_streams = {"streams", "list streams, events and bytes stored", help_text, run};
