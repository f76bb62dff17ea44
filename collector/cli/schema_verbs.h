/* What the verbs of `headrace schema` share: their call, and where a schema comes from. */
#ifndef CLI_SCHEMA_VERBS_H
#define CLI_SCHEMA_VERBS_H
#include "cli.h"
#include "http.h"

#define CLI_MAX_DIRS 32

struct cli_schema_call { /* of one `headrace schema VERB`, as parsed */
    const struct cli_verb *verb; /* named "schema push": for usage errors */
    const char *type, *against, *mode, *format, *base;
    const char *dirs[CLI_MAX_DIRS];
    unsigned n_dirs;
    bool dry_run, json;
    uint64_t version, count, seed; /* 0: not said */
    char **args;
    int n_args;
    struct cli_http *http;         /* NULL until cli_schema_http */
};
struct cli_schema_set {
    struct hrp_buf bytes; /* FileDescriptorSet */
    char *type;           /* full name of the event */
    uint64_t version, id; /* of one that came from the collector */
};
void cli_schema_set_fini(struct cli_schema_set *set); /* fine on a zeroed one */

/* Every function: 0, or the exit code after printing why. */
int cli_schema_http(struct cli_schema_call *call);
/* text: FILE.proto, a descriptor set, or SUBJECT[@VERSION] of the collector (the newest unless told). */
int cli_schema_load(struct cli_schema_call *call, const char *text, struct cli_schema_set *ret);
int cli_schema_read(const struct cli_schema_call *call, const char *path, struct hrp_buf *ret); /* a file alone, whatever its types */
/* The entry of /api/v1/schemas of a subject's version; 0: the newest that is not deleted. *ret_all is to be decref'd. */
int cli_schema_find(struct cli_schema_call *call, const char *subject, uint64_t version, json_t **ret_all, const json_t **ret_entry);

/* A verdict as the collector gives it: what was decided, each change, the shadow run. Returns CLI_OK or CLI_FAILED by the verdict. */
int cli_verdict_print(const struct cli_schema_call *call, const json_t *verdict);
void cli_verdict_changes(const json_t *changes);

int cli_schema_push(struct cli_schema_call *call);
int cli_schema_check(struct cli_schema_call *call);
int cli_schema_check_against(struct cli_schema_call *call);
int cli_schema_diff(struct cli_schema_call *call);
int cli_schema_samples(struct cli_schema_call *call);
int cli_schema_list(struct cli_schema_call *call);
int cli_schema_show(struct cli_schema_call *call);
int cli_schema_lint(struct cli_schema_call *call);
int cli_schema_mode(struct cli_schema_call *call);
int cli_schema_compatibility(struct cli_schema_call *call);
int cli_schema_delete(struct cli_schema_call *call);
#endif
