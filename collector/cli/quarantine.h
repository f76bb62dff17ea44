/* What the verbs of `headrace quarantine` share: their call. */
#ifndef CLI_QUARANTINE_H
#define CLI_QUARANTINE_H
#include "cli.h"
#include "http.h"

struct cli_quarantine_call { /* of one `headrace quarantine VERB`, as parsed */
    const struct cli_verb *verb;
    const char *stream, *rule, *base;
    bool dry_run, json;
    uint64_t schema, from, limit; /* schema 0: not said */
    char **args;                  /* the stream is the first */
    int n_args;
    struct cli_http *http;
};
/* Return an exit code, after printing why when it is not 0. */
int cli_quarantine_list(struct cli_quarantine_call *call);
int cli_quarantine_show(struct cli_quarantine_call *call);
int cli_quarantine_groups(struct cli_quarantine_call *call);
int cli_quarantine_replay(struct cli_quarantine_call *call);
int cli_quarantine_policy(struct cli_quarantine_call *call);
#endif
