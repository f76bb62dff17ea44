/* `headrace schema diff`, and `check --against`: two schemas compared here, without a collector. */
#include "answer.h"
#include "compat.h"
#include "re2.h"
#include "rules.h"
#include "schema_verbs.h"
#include <string.h>

static int open_set(const struct cli_schema_set *set, struct hrp_schema **ret)
{
    struct hr_error err;

    if (hrp_schema_open(set->bytes.p, set->bytes.n, set->type, &hrp_limits_default, ret, &err) == 0)
        return 0;
    cli_error("%s", err.text);
    return CLI_FAILED;
}

static json_t *what_json(unsigned what)
{
    json_t *list = json_array();

    if ((what & HRP_BREAKS_BACKWARD) != 0)
        json_array_append_new(list, json_string("backward"));
    if ((what & HRP_BREAKS_FORWARD) != 0)
        json_array_append_new(list, json_string("forward"));
    if ((what & HRP_SEMANTIC) != 0)
        json_array_append_new(list, json_string("semantic"));
    return list;
}

/* The collector's form of a verdict, so that both are printed and read in one way. */
static json_t *verdict_of(const char *subject, const struct hrp_changes *changes, enum hrp_compat_mode mode, uint64_t against_version)
{
    const char *verdict = "compatible";
    json_t *list = json_array();

    for (uint32_t i = 0; i < changes->n; i++) {
        const struct hrp_change *c = &changes->list[i];

        if (hrp_change_breaks(c, mode))
            verdict = "incompatible";
        else if ((c->what & HRP_SEMANTIC) != 0 && strcmp(verdict, "compatible") == 0)
            verdict = "semantic";
        json_array_append_new(list, json_pack("{s:s,s:s,s:s,s:o,s:b,s:I}", "code", c->code, "path", c->path, "reason", c->reason, "what",
                                              what_json(c->what), "tightened", c->tightened, "against_version", (json_int_t)against_version));
    }
    return json_pack("{s:s,s:s,s:s,s:o}", "subject", subject, "verdict", verdict, "mode", hrp_compat_mode_name(mode), "changes", list);
}

static int compare(const struct cli_schema_set *before, const struct cli_schema_set *after, enum hrp_compat_mode mode, json_t **ret)
{
    struct hrp_schema *old_schema = NULL, *new_schema = NULL;
    struct hrp_changes changes = {0};
    struct hr_error err;
    int r = open_set(before, &old_schema);

    if (r == 0)
        r = open_set(after, &new_schema);
    if (r == 0 && hrp_compat_diff(old_schema, new_schema, &changes, &err) != 0) {
        cli_error("%s", err.text);
        r = CLI_FAILED;
    }
    if (r == 0) {
        *ret = verdict_of(after->type, &changes, mode, before->version);
        r = *ret != NULL ? 0 : CLI_FAILED;
    }
    hrp_changes_fini(&changes);
    hrp_schema_unref(old_schema);
    hrp_schema_unref(new_schema);
    return r;
}

static int parse_mode(const struct cli_schema_call *call, enum hrp_compat_mode *ret)
{
    *ret = HRP_COMPAT_BACKWARD_TRANSITIVE;
    if (call->mode == NULL || hrp_compat_mode_parse(call->mode, ret) == 0)
        return 0;
    return cli_usage(call->verb, "--mode knows NONE, BACKWARD, FORWARD and FULL, also with _TRANSITIVE, not \"%s\"", call->mode);
}

/* What the collector would refuse whatever there was before: rules that cannot be checked. */
static int vet(const struct cli_schema_set *set)
{
    struct hr_error err;

    if (hrp_rules_vet(set->bytes.p, set->bytes.n, set->type, &hrp_limits_default, &hrd_re2, &err) == 0)
        return 0;
    cli_error("%s", err.text);
    return CLI_FAILED;
}

static int load_and_compare(struct cli_schema_call *call, const char *before_text, const char *after_text, enum hrp_compat_mode mode,
                            json_t **ret)
{
    struct cli_schema_set before = {0}, after = {0};
    int r = cli_schema_load(call, after_text, &after);

    if (r == 0)
        r = vet(&after);
    if (r == 0)
        r = cli_schema_load(call, before_text, &before);
    if (r == 0)
        r = compare(&before, &after, mode, ret);
    cli_schema_set_fini(&before);
    cli_schema_set_fini(&after);
    return r;
}

int cli_schema_check_against(struct cli_schema_call *call)
{
    enum hrp_compat_mode mode;
    json_t *verdict = NULL;
    int r = parse_mode(call, &mode);

    if (r == 0)
        r = load_and_compare(call, call->against, call->args[0], mode, &verdict);
    if (r == 0)
        r = cli_verdict_print(call, verdict);
    json_decref(verdict);
    return r;
}

int cli_schema_diff(struct cli_schema_call *call)
{
    json_t *verdict = NULL;
    int r = load_and_compare(call, call->args[0], call->args[1], HRP_COMPAT_FULL, &verdict);

    if (r == 0 && call->json) {
        r = cli_json_print(verdict);
    } else if (r == 0) {
        if (json_array_size(json_object_get(verdict, "changes")) == 0)
            puts("no difference");
        cli_verdict_changes(json_object_get(verdict, "changes"));
    }
    json_decref(verdict);
    return r;
}
