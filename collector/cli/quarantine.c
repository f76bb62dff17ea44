/* `headrace quarantine`: rows that were set aside, by row and by cause; replaying them; and what is set aside at all. */
#include "quarantine.h"
#include "answer.h"
#include "table.h"
#include "verbs.h"
#include <string.h>

static const char help_text[] =
    "usage: headrace quarantine VERB STREAM [options]\n"
    "\n"
    "A row that is not as its schema says is set aside, alone: its batch goes on. Here such rows are looked at, and let in\n"
    "when a schema allows them after all.\n"
    "\n"
    "  list STREAM              one row a line: number, time, cause\n"
    "                             [--from N] [--limit N]\n"
    "  show STREAM NUMBER       one row: its violations, where it came from, its bytes\n"
    "  groups STREAM            causes with their counts and up to three examples each\n"
    "  replay STREAM            checks rows again, and stores those that are good now; run twice, it changes nothing\n"
    "                             [--dry-run] [--schema ID] [--rule ID]\n"
    "  policy STREAM [KIND=ACTION]...\n"
    "                           show or set what becomes of each kind of row: rule, untyped, unknown_field, unknown_enum,\n"
    "                           unregistered = quarantine, flag (store it, marked) or drop (count it only)\n"
    "\n"
    "  --dry-run    count only: \"would admit 9,812 of 10,000\"\n"
    "  --schema ID  check against this schema (the newest of the stream)\n"
    "  --rule ID    only rows that broke this rule, string.min_len\n"
    "  --json       for machines: what the collector answers\n"
    "  --http URL   the collector's HTTP address\n";

static const struct sub {
    const char *name, *full_name, *usage;
    bool pages, replays; /* --from and --limit; --dry-run, --schema and --rule */
    int min_args, max_args;
    int (*run)(struct cli_quarantine_call *call);
} subs[] = {
    {"list", "quarantine list", "STREAM", true, false, 1, 1, cli_quarantine_list},
    {"show", "quarantine show", "STREAM NUMBER", false, false, 2, 2, cli_quarantine_show},
    {"groups", "quarantine groups", "STREAM", false, false, 1, 1, cli_quarantine_groups},
    {"replay", "quarantine replay", "STREAM", false, true, 1, 1, cli_quarantine_replay},
    {"policy", "quarantine policy", "STREAM [KIND=ACTION]...", false, false, 1, 64, cli_quarantine_policy},
};

static int parse_one(int c, struct cli_quarantine_call *call)
{
    switch (c) {
    case 'j': call->json = true; return 0;
    case 'H': call->base = optarg; return 0;
    case 'n': call->dry_run = true; return 0;
    case 'r': call->rule = optarg; return 0;
    case 's': return cli_parse_u64(call->verb, "--schema", optarg, 1, UINT32_MAX, &call->schema);
    case 'f': return cli_parse_u64(call->verb, "--from", optarg, 0, INT64_MAX, &call->from);
    case 'l': return cli_parse_u64(call->verb, "--limit", optarg, 1, 100000, &call->limit);
    default: return CLI_USAGE;
    }
}

static int parse(const struct sub *sub, int argc, char **argv, struct cli_quarantine_call *call)
{
    static const struct option options[] = {
        {"json", no_argument, NULL, 'j'},         {"http", required_argument, NULL, 'H'}, {"dry-run", no_argument, NULL, 'n'},
        {"schema", required_argument, NULL, 's'}, {"rule", required_argument, NULL, 'r'}, {"from", required_argument, NULL, 'f'},
        {"limit", required_argument, NULL, 'l'},  {0}};
    int c;

    while ((c = cli_option(call->verb, argc, argv, ":", options)) != -1) {
        if ((!sub->pages && (c == 'f' || c == 'l')) || (!sub->replays && (c == 'n' || c == 's' || c == 'r')))
            return cli_usage(call->verb, "does not take %s", argv[optind - (optarg != NULL && argv[optind - 1] == optarg ? 2 : 1)]);
        if (parse_one(c, call) != 0)
            return CLI_USAGE;
    }
    call->args = argv + optind;
    call->n_args = argc - optind;
    if (call->n_args < sub->min_args || call->n_args > sub->max_args)
        return cli_usage(call->verb, "takes %s", sub->usage);
    call->stream = call->args[0];
    return 0;
}

static int run(const struct cli_verb *verb, int argc, char **argv)
{
    for (size_t i = 0; argc > 1 && i < sizeof subs / sizeof *subs; i++) {
        const struct cli_verb as = {subs[i].full_name, verb->summary, verb->help, verb->run};
        struct cli_quarantine_call call = {.verb = &as, .limit = 100};
        int r;

        if (strcmp(subs[i].name, argv[1]) != 0)
            continue;
        r = parse(&subs[i], argc - 1, argv + 1, &call);
        if (r == 0)
            r = cli_http_open(call.base, &call.http);
        if (r == 0)
            r = subs[i].run(&call);
        cli_http_close(call.http);
        return r;
    }
    if (argc < 2) {
        fputs(help_text, stderr);
        return CLI_USAGE;
    }
    return cli_usage(verb, "no such verb: %s", argv[1]);
}

const struct cli_verb cli_quarantine = {"quarantine", "look at rows set aside, replay them", help_text, run};
