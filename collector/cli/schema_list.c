/* `headrace schema list` and `show`: what the collector knows. */
#include "alloc.h"
#include "answer.h"
#include "descriptor.h"
#include "proto_text.h"
#include "schema_verbs.h"
#include "table.h"
#include <string.h>

static int print_list(const json_t *root)
{
    static const char *const heads[] = {"SUBJECT", ">VERSION", ">ID", "HOW", "MODE", "COMPATIBILITY", "REGISTERED (UTC)"};
    struct cli_table t;
    const json_t *e;
    size_t i;
    int r;

    cli_table_init(&t, heads, sizeof heads / sizeof *heads);
    json_array_foreach(json_object_get(root, "schemas"), i, e) {
        cli_table_text(&t, cli_json_text(e, "subject", "-"));
        cli_table_number(&t, cli_json_number(e, "version"));
        cli_table_number(&t, cli_json_number(e, "id"));
        cli_table_text(&t, json_is_true(json_object_get(e, "deleted"))  ? "deleted"
                           : json_is_true(json_object_get(e, "pushed")) ? "pushed"
                                                                        : "learnt");
        cli_table_text(&t, cli_json_text(e, "mode", "-"));
        cli_table_text(&t, cli_json_text(e, "compatibility", "-"));
        cli_table_fmt(&t, "%.19s", cli_json_text(e, "registered", "-"));
    }
    r = cli_table_print(&t, stdout);
    cli_table_fini(&t);
    return r;
}

int cli_schema_list(struct cli_schema_call *call)
{
    json_t *root = NULL;
    int r = cli_schema_http(call);

    if (r == 0)
        r = cli_http_json(call->http, "/api/v1/schemas", &root);
    if (r == 0)
        r = call->json ? cli_json_print(root) : print_list(root);
    json_decref(root);
    return r;
}

static int show_text(const struct cli_schema_set *set)
{
    struct hrp_buf text = HRP_BUF_INIT;
    struct hr_error err;
    char *file = cli_descriptor_file(&set->bytes);
    int r = file != NULL ? hrd_proto_print(set->bytes.p, set->bytes.n, file, &text, &err) : hr_error_set(&err, HR_ECORRUPT, "not a descriptor set");

    if (r == 0 && set->version != 0)
        printf("// %s, version %llu, id %llu\n", set->type, (unsigned long long)set->version, (unsigned long long)set->id);
    if (r == 0)
        fwrite(text.p, 1, text.n, stdout);
    else
        cli_error("%s; --format descriptor gives it as a set", err.text);
    hrp_free(file);
    hrp_buf_fini(&text);
    return r == 0 ? CLI_OK : CLI_FAILED;
}

static int show_entry(struct cli_schema_call *call)
{
    const json_t *entry;
    json_t *all;
    int r = cli_schema_find(call, call->args[0], call->version, &all, &entry);

    if (r != 0)
        return r;
    r = cli_json_print(entry);
    json_decref(all);
    return r;
}

int cli_schema_show(struct cli_schema_call *call)
{
    const char *format = call->format != NULL ? call->format : call->json ? "json" : "proto";
    struct cli_schema_set set;
    int r;

    if (strcmp(format, "proto") != 0 && strcmp(format, "json") != 0 && strcmp(format, "descriptor") != 0)
        return cli_usage(call->verb, "--format knows proto, json and descriptor, not \"%s\"", format);
    if (strcmp(format, "json") == 0)
        return show_entry(call);
    r = cli_schema_load(call, call->args[0], &set);
    if (r != 0)
        return r;
    if (strcmp(format, "proto") == 0)
        r = show_text(&set);
    else
        r = fwrite(set.bytes.p, 1, set.bytes.n, stdout) == set.bytes.n ? CLI_OK : CLI_FAILED;
    cli_schema_set_fini(&set);
    return r;
}
