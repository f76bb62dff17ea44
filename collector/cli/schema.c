/* `headrace schema`: the verbs for schemas. Each is a line of a table: what it takes, how it is used, what does it. */
#include "schema_verbs.h"
#include "alloc.h"
#include "verbs.h"
#include <string.h>

static const char help_text[] =
    "usage: headrace schema VERB [options]\n"
    "\n"
    "The .proto file is the contract of a stream. SCHEMA is FILE.proto, a descriptor set (protoc --descriptor_set_out), or\n"
    "SUBJECT[@VERSION] of the collector, the newest version unless told. A subject is the event's full name, shop.Order.\n"
    "\n"
    "  push FILE           register a schema: the subject's next version, or a sentence why not\n"
    "                        [-I DIR]... [--type NAME] [--dry-run]\n"
    "  check FILE          the same without registering it, for CI: exit code 1 when it would be refused; with --against it\n"
    "                      compares two files, without a collector\n"
    "                        [-I DIR]... [--type NAME] [--against SCHEMA] [--mode MODE]\n"
    "  list                subjects and versions\n"
    "  show SUBJECT        the text of a version\n"
    "                        [--version N] [--format proto|json|descriptor]\n"
    "  diff OLD NEW        every change between two SCHEMAs, with whom it hurts\n"
    "  lint FILE           what it could say and does not: owner, description, units, personal data; exit code 1 on an error\n"
    "                        [-I DIR]... [--type NAME]\n"
    "  samples SCHEMA      example events as NDJSON: valid ones, and for each rule one that breaks it and nothing else\n"
    "                        [-I DIR]... [--type NAME] [--count N] [--seed N]\n"
    "  mode [SUBJECT] [MODE]\n"
    "                      show or set who may add versions: open (learnt from whoever connects), locked (only pushed ones),\n"
    "                      readonly (nobody); without SUBJECT for all that have no setting of their own\n"
    "  compatibility [SUBJECT] [MODE]\n"
    "                      show or set what a new version is held to: NONE, BACKWARD, FORWARD, FULL, each also with _TRANSITIVE\n"
    "  delete SUBJECT --version N\n"
    "                      refuse clients of that version from now on; stored events stay readable\n"
    "\n"
    "  -I DIR           where imports are found (the folder of the .proto unless told); google/protobuf, buf/validate/validate.proto\n"
    "                   and headrace/options.proto are always there\n"
    "  --type NAME      full name of the event; may be left out when the file has only one\n"
    "  --against SCHEMA what came before: then no collector is asked; --mode MODE is what it is held to (BACKWARD_TRANSITIVE)\n"
    "  --count N        valid examples (3); --seed N makes others\n"
    "  --dry-run        decide, but register nothing\n"
    "  --json           for machines: what the collector answers\n"
    "  --http URL       the collector's HTTP address\n"
    "\n"
    "Exit codes: 0 done or compatible; 1 refused, incompatible, or an error, which names file, line and column; 2 used wrongly;\n"
    "3 the collector cannot be reached.\n";

enum {
    TAKES_FILE = 1,    /* -I, --type */
    TAKES_DRY_RUN = 2,
    TAKES_AGAINST = 4, /* --against, --mode */
    TAKES_VERSION = 8,
    TAKES_FORMAT = 16,
    TAKES_COUNT = 32,  /* --count, --seed */
};
static const struct sub {
    const char *name, *full_name, *usage;
    unsigned takes;
    int min_args, max_args;
    int (*run)(struct cli_schema_call *call);
} subs[] = {
    {"push", "schema push", "FILE", TAKES_FILE | TAKES_DRY_RUN, 1, 1, cli_schema_push},
    {"check", "schema check", "FILE", TAKES_FILE | TAKES_AGAINST, 1, 1, cli_schema_check},
    {"list", "schema list", "no argument", 0, 0, 0, cli_schema_list},
    {"show", "schema show", "SUBJECT", TAKES_FILE | TAKES_VERSION | TAKES_FORMAT, 1, 1, cli_schema_show},
    {"lint", "schema lint", "FILE", TAKES_FILE, 1, 1, cli_schema_lint},
    {"diff", "schema diff", "two SCHEMAs", TAKES_FILE, 2, 2, cli_schema_diff},
    {"samples", "schema samples", "SCHEMA", TAKES_FILE | TAKES_COUNT, 1, 1, cli_schema_samples},
    {"mode", "schema mode", "[SUBJECT] [open|locked|readonly]", 0, 0, 2, cli_schema_mode},
    {"compatibility", "schema compatibility", "[SUBJECT] [MODE]", 0, 0, 2, cli_schema_compatibility},
    {"delete", "schema delete", "SUBJECT --version N", TAKES_VERSION, 1, 1, cli_schema_delete},
};

static unsigned needed(int c)
{
    switch (c) {
    case 'I': case 'T': return TAKES_FILE;
    case 'n': return TAKES_DRY_RUN;
    case 'a': case 'm': return TAKES_AGAINST;
    case 'V': return TAKES_VERSION;
    case 'f': return TAKES_FORMAT;
    case 'c': case 's': return TAKES_COUNT;
    default: return 0;
    }
}

static int parse_one(int c, struct cli_schema_call *call)
{
    switch (c) {
    case 'T': call->type = optarg; return 0;
    case 'n': call->dry_run = true; return 0;
    case 'j': call->json = true; return 0;
    case 'H': call->base = optarg; return 0;
    case 'a': call->against = optarg; return 0;
    case 'm': call->mode = optarg; return 0;
    case 'f': call->format = optarg; return 0;
    case 'V': return cli_parse_u64(call->verb, "--version", optarg, 1, UINT32_MAX, &call->version);
    case 'c': return cli_parse_u64(call->verb, "--count", optarg, 0, 1000000, &call->count);
    case 's': return cli_parse_u64(call->verb, "--seed", optarg, 0, UINT64_MAX, &call->seed);
    case 'I':
        if (call->n_dirs == CLI_MAX_DIRS)
            return cli_usage(call->verb, "at most %d -I", CLI_MAX_DIRS);
        call->dirs[call->n_dirs++] = optarg;
        return 0;
    default: return CLI_USAGE;
    }
}

static int parse(const struct sub *sub, int argc, char **argv, struct cli_schema_call *call)
{
    static const struct option options[] = {
        {"type", required_argument, NULL, 'T'}, {"dry-run", no_argument, NULL, 'n'},        {"json", no_argument, NULL, 'j'},
        {"http", required_argument, NULL, 'H'}, {"against", required_argument, NULL, 'a'},  {"mode", required_argument, NULL, 'm'},
        {"format", required_argument, NULL, 'f'}, {"version", required_argument, NULL, 'V'}, {"count", required_argument, NULL, 'c'},
        {"seed", required_argument, NULL, 's'}, {0}};
    int c;

    while ((c = cli_option(call->verb, argc, argv, ":I:", options)) != -1) {
        if (c != '?' && (needed(c) & ~sub->takes) != 0)
            return cli_usage(call->verb, "does not take %s", argv[optind - (optarg != NULL && argv[optind - 1] == optarg ? 2 : 1)]);
        if (parse_one(c, call) != 0)
            return CLI_USAGE;
    }
    call->args = argv + optind;
    call->n_args = argc - optind;
    if (call->n_args < sub->min_args || call->n_args > sub->max_args)
        return cli_usage(call->verb, "takes %s", sub->usage);
    return 0;
}

static int run(const struct cli_verb *verb, int argc, char **argv)
{
    for (size_t i = 0; argc > 1 && i < sizeof subs / sizeof *subs; i++) {
        const struct cli_verb as = {subs[i].full_name, verb->summary, verb->help, verb->run};
        struct cli_schema_call call = {.verb = &as};
        int r;

        if (strcmp(subs[i].name, argv[1]) != 0)
            continue;
        r = parse(&subs[i], argc - 1, argv + 1, &call);
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

const struct cli_verb cli_schema = {"schema", "register, check and compare schemas", help_text, run};
