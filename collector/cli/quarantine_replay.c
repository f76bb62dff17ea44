/* `headrace quarantine replay` and `policy`. */
#include "answer.h"
#include "quarantine.h"
#include "table.h"
#include <stdlib.h>
#include <string.h>

static int show_replay(const json_t *root, bool dry_run)
{
    char admitted[32], rows[32], left[32];
    uint64_t n = cli_json_number(root, "rows"), n_admitted = cli_json_number(root, "admitted");

    printf("%s %s of %s\n", dry_run ? "would admit" : "admitted", cli_number(n_admitted, admitted), cli_number(n, rows));
    if (n > n_admitted && !dry_run)
        printf("%s stay in quarantine; `headrace quarantine groups` says why\n", cli_number(n - n_admitted, left));
    return CLI_OK;
}

int cli_quarantine_replay(struct cli_quarantine_call *call)
{
    struct hrp_buf path = HRP_BUF_INIT;
    json_t *root = NULL;
    int r;

    cli_http_stream_path(&path, call->stream, "quarantine/replay");
    path.n -= path.err == 0; /* the query goes on where it ends */
    hrp_put_fmt(&path, "?dry_run=%d", call->dry_run);
    if (call->schema != 0)
        hrp_put_fmt(&path, "&schema=%llu", (unsigned long long)call->schema);
    if (call->rule != NULL) {
        hrp_put_fmt(&path, "&rule=");
        cli_http_put_encoded(&path, call->rule);
    }
    hrp_put_u8(&path, 0);
    if (path.err != 0) {
        cli_error("out of memory");
        return CLI_FAILED;
    }
    r = cli_http_send(call->http, "POST", (const char *)path.p, NULL, "", 0, &root);
    if (r == 0)
        r = call->json ? cli_json_print(root) : show_replay(root, call->dry_run);
    json_decref(root);
    hrp_buf_fini(&path);
    return r;
}

/* {"rule":"quarantine",...} */
static int show_policy(const json_t *root)
{
    static const char *const heads[] = {"KIND", "ACTION"};
    const json_t *policy = json_object_get(root, "policy"), *action;
    struct cli_table t;
    const char *kind;
    int r;

    cli_table_init(&t, heads, 2);
    if (!json_is_object(policy))
        policy = root;
    json_object_foreach((json_t *)(uintptr_t)policy, kind, action) {
        if (!json_is_string(action))
            continue;
        cli_table_text(&t, kind);
        cli_table_text(&t, json_string_value(action));
    }
    r = cli_table_print(&t, stdout);
    cli_table_fini(&t);
    return r;
}

/* "rule=drop" ...: the collector knows which kinds and actions there are, and says so. */
static int parse_policy(struct cli_quarantine_call *call, json_t *policy)
{
    for (int i = 1; i < call->n_args; i++) {
        const char *text = call->args[i], *eq = strchr(text, '=');
        char kind[64];

        if (eq == NULL || eq == text || (size_t)(eq - text) >= sizeof kind || eq[1] == '\0')
            return cli_usage(call->verb, "takes KIND=ACTION, not \"%s\"", text);
        snprintf(kind, sizeof kind, "%.*s", (int)(eq - text), text);
        json_object_set_new(policy, kind, json_string(eq + 1));
    }
    return 0;
}

int cli_quarantine_policy(struct cli_quarantine_call *call)
{
    struct hrp_buf path = HRP_BUF_INIT;
    json_t *root = NULL, *policy = json_object();
    char *text = NULL;
    int r = parse_policy(call, policy);

    cli_http_stream_path(&path, call->stream, "policy");
    if (r == 0 && call->n_args > 1) {
        text = json_dumps(policy, JSON_COMPACT);
        r = cli_http_send(call->http, "PUT", (const char *)path.p, NULL, text, text != NULL ? strlen(text) : 0, &root);
    } else if (r == 0) {
        r = cli_http_json(call->http, (const char *)path.p, &root);
    }
    if (r == 0)
        r = call->json ? cli_json_print(root) : show_policy(root);
    free(text);
    json_decref(policy);
    json_decref(root);
    hrp_buf_fini(&path);
    return r;
}
