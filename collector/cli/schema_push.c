/* `headrace schema push` and `check`: what the collector decides of a schema. */
#include "schema_verbs.h"

#define PROTOBUF "application/x-protobuf"

/* POST /api/v1/schemas: the set as it is, with the places of its source, so that a refusal can name them. */
static int offer(struct cli_schema_call *call, const struct cli_schema_set *set, bool dry_run)
{
    struct hrp_buf path = HRP_BUF_INIT;
    json_t *verdict = NULL;
    int r = cli_schema_http(call);

    hrp_put_fmt(&path, "/api/v1/schemas?type=");
    cli_http_put_encoded(&path, set->type);
    hrp_put_fmt(&path, "%s", dry_run ? "&dry_run=1" : "");
    hrp_put_u8(&path, 0);
    if (path.err != 0) {
        cli_error("out of memory");
        r = CLI_FAILED;
    }
    if (r == 0)
        r = cli_http_send(call->http, "POST", (const char *)path.p, PROTOBUF, set->bytes.p, set->bytes.n, &verdict);
    if (r == 0)
        r = cli_verdict_print(call, verdict);
    json_decref(verdict);
    hrp_buf_fini(&path);
    return r;
}

static int load_and_offer(struct cli_schema_call *call, bool dry_run)
{
    struct cli_schema_set set;
    int r = cli_schema_load(call, call->args[0], &set);

    if (r == 0)
        r = offer(call, &set, dry_run);
    if (r == 0 && dry_run && !call->json)
        puts("nothing was registered");
    cli_schema_set_fini(&set);
    return r;
}

int cli_schema_push(struct cli_schema_call *call) { return load_and_offer(call, call->dry_run); }

int cli_schema_check(struct cli_schema_call *call)
{
    if (call->against != NULL)
        return cli_schema_check_against(call);
    if (call->mode != NULL)
        return cli_usage(call->verb, "--mode goes with --against; the collector has a setting for it (`headrace schema compatibility`)");
    return load_and_offer(call, true);
}
