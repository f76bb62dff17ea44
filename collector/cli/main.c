#include "cli.h"
#include "verbs.h"
#include <signal.h>
#include <string.h>


static const struct cli_verb *const verbs[] = {
    &cli_send, &cli_tail, &cli_streams, &cli_ledger, &cli_producers, &cli_export, &cli_schema, &cli_quarantine, &cli_spool, &cli_bench,
};
#define N_VERBS (sizeof verbs / sizeof *verbs)

static void print_help(FILE *out)
{
    fputs("usage: headrace VERB [options]\n\n", out);
    for (size_t i = 0; i < N_VERBS; i++)
        fprintf(out, "  %-10s %s\n", verbs[i]->name, verbs[i]->summary);
    fputs("  help       `headrace help VERB` explains one verb\n"
          "\n"
          "Exit codes:\n"
          "  0  done\n"
          "  1  failed; the first line on stderr says why\n"
          "  2  used wrongly\n"
          "  3  the collector cannot be reached\n"
          "  4  done, but some rows were set aside (send)\n"
          "\n"
          "Environment:\n"
          "  HEADRACE_HTTP   the collector's HTTP address, http://127.0.0.1:7412 by default\n"
          "  HEADRACE_URL    where events are sent, headrace://127.0.0.1:7411 by default\n"
          "  HEADRACE_SPOOL  spool folder of `send`, when --spool is not given\n",
          out);
}

static const struct cli_verb *find(const char *name)
{
    for (size_t i = 0; i < N_VERBS; i++)
        if (strcmp(verbs[i]->name, name) == 0)
            return verbs[i];
    return NULL;
}

static int unknown(const char *name)
{
    cli_error("no such verb: %s; `headrace help` lists them", name);
    return CLI_USAGE;
}

static int help(const char *name)
{
    const struct cli_verb *verb = name != NULL ? find(name) : NULL;

    if (name != NULL && verb == NULL)
        return unknown(name);
    if (verb == NULL)
        print_help(stdout);
    else
        fputs(verb->help, stdout);
    return CLI_OK;
}

static bool wants_help(int argc, char **argv)
{
    for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++)
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0)
            return true;
    return false;
}

int main(int argc, char **argv)
{
    const struct cli_verb *verb;
    int r;

    signal(SIGPIPE, SIG_IGN); /* `headrace tail X | head` ends with a write error that the verb sees */
    if (argc < 2) {
        print_help(stderr);
        return CLI_USAGE;
    }
    if (strcmp(argv[1], "--version") == 0)
        return printf("headrace %s\n", HEADRACE_VERSION) < 0;
    if (strcmp(argv[1], "help") == 0 || strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)
        return help(argc > 2 ? argv[2] : NULL);
    verb = find(argv[1]);
    if (verb == NULL)
        return unknown(argv[1]);
    if (wants_help(argc - 1, argv + 1))
        return help(verb->name);
    r = verb->run(verb, argc - 1, argv + 1);
    cli_progress_end();
    if (fflush(stdout) != 0 && r == CLI_OK)
        r = CLI_FAILED;
    return r;
}
