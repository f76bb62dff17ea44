#include "cli.h"
#include "table.h"
#include "verbs.h"
#include <headrace.h>
#include <stdlib.h>
#include <string.h>

#define DEFAULT_DRAIN_MS 60000

static const char help_text[] =
    "usage: headrace spool list DIR\n"
    "       headrace spool drain DIR [--url URL] [--timeout SECONDS]\n"
    "\n"
    "A spool folder keeps what an application logged until the collector has it on disk, also when the application was killed.\n"
    "  list   what DIR holds, one line per start of a client\n"
    "  drain  sends what dead processes left in DIR and removes their folders; those of living ones are left alone\n"
    "\n"
    "  --url URL          where to send (HEADRACE_URL, else headrace://127.0.0.1:7411)\n"
    "  --timeout SECONDS  give up after this long (60); what was not sent stays in DIR\n";

struct listing {
    struct cli_table table;
    uint64_t n_batches, n_bytes;
    unsigned n_folders, n_living;
};

static void add_folder(void *arg, const char *incarnation, int locked, uint64_t n_batches, uint64_t n_bytes)
{
    struct listing *l = arg;

    cli_table_text(&l->table, incarnation);
    cli_table_text(&l->table, locked ? "in use" : "left behind");
    cli_table_number(&l->table, n_batches);
    cli_table_number(&l->table, n_bytes);
    l->n_batches += n_batches;
    l->n_bytes += n_bytes;
    l->n_folders++;
    l->n_living += locked != 0;
}

static int look(const char *dir, struct listing *l)
{
    static const char *const heads[] = {"CLIENT START", "STATE", ">BATCHES", ">BYTES"};
    struct hr_error err = {0};

    memset(l, 0, sizeof *l);
    cli_table_init(&l->table, heads, sizeof heads / sizeof *heads);
    if (hr_spool_list(dir, add_folder, l, &err) == 0)
        return 0;
    cli_table_fini(&l->table);
    cli_error("%s", err.text);
    return CLI_FAILED;
}

static int list(const char *dir)
{
    struct listing l;
    int r = look(dir, &l);

    if (r != 0)
        return r;
    r = cli_table_print(&l.table, stdout);
    cli_table_fini(&l.table);
    return r;
}

static int drain(const char *dir, const char *url, int64_t timeout_ms)
{
    struct hr_error err = {0};
    struct listing before, after;
    char n[32];
    int r = look(dir, &before), h;

    if (r != 0)
        return r;
    cli_table_fini(&before.table);
    cli_progress("sending what %u dead processes left in %s", before.n_folders - before.n_living, dir);
    h = hr_spool_drain(dir, url, timeout_ms, &err);
    cli_progress_end();
    if (h != 0) {
        cli_error("%s is not drained: %s; what was not sent stays there", dir, err.text[0] != '\0' ? err.text : hr_strerror(h));
        return h == HR_ETIMEOUT ? CLI_UNREACHABLE : CLI_FAILED;
    }
    r = look(dir, &after);
    if (r != 0)
        return r;
    cli_table_fini(&after.table);
    printf("drained %s folders of dead processes; %u in use left alone\n",
           cli_number(before.n_folders - before.n_living, n), after.n_living);
    return CLI_OK;
}

static int run(const struct cli_verb *verb, int argc, char **argv)
{
    static const struct option options[] = {{"url", required_argument, NULL, 'u'}, {"timeout", required_argument, NULL, 't'}, {0}};
    const char *url = NULL;
    int64_t timeout_ms = DEFAULT_DRAIN_MS;
    int c;

    while ((c = cli_option(verb, argc, argv, ":", options)) != -1) {
        if (c == '?' || (c == 't' && cli_parse_seconds(verb, "--timeout", optarg, &timeout_ms) != 0))
            return CLI_USAGE;
        if (c == 'u')
            url = optarg;
    }
    if (optind + 2 != argc)
        return cli_usage(verb, "takes a word and a folder: list DIR, or drain DIR");
    if (strcmp(argv[optind], "list") == 0)
        return list(argv[optind + 1]);
    if (strcmp(argv[optind], "drain") != 0)
        return cli_usage(verb, "no such thing to do: %s; there are list and drain", argv[optind]);
    if (url == NULL)
        url = getenv("HEADRACE_URL");
    return drain(argv[optind + 1], url != NULL && *url != '\0' ? url : HR_DEFAULT_URL, timeout_ms);
}

const struct cli_verb cli_spool = {"spool", "list or drain a spool folder", help_text, run};
