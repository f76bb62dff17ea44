/* `headrace quarantine list`, `show` and `groups`. */
#include "answer.h"
#include "quarantine.h"
#include "table.h"
#include <stdlib.h>
#include <string.h>

struct listing {
    bool json;
    struct cli_table table;
};

static int take_line(void *arg, const char *line, size_t n)
{
    struct listing *l = arg;
    json_t *row;

    if (l->json)
        return printf("%.*s\n", (int)n, line) < 0 ? CLI_FAILED : 0;
    row = json_loadb(line, n, 0, NULL);
    if (row == NULL) {
        cli_error("the collector's answer is not JSON");
        return CLI_FAILED;
    }
    cli_table_number(&l->table, cli_json_number(row, "number"));
    cli_table_fmt(&l->table, "%.19s", cli_json_text(row, "receive_time", "-"));
    cli_table_fmt(&l->table, "%.40s %.20s", cli_json_text(row, "app", "-"), cli_json_text(row, "version", ""));
    cli_table_number(&l->table, cli_json_number(row, "schema_id"));
    cli_table_text(&l->table, cli_json_text(row, "reason", "-"));
    json_decref(row);
    return 0;
}

int cli_quarantine_list(struct cli_quarantine_call *call)
{
    static const char *const heads[] = {">NUMBER", "RECEIVED (UTC)", "APP", ">SCHEMA", "REASON"};
    struct listing l = {.json = call->json};
    struct hrp_buf path = HRP_BUF_INIT;
    char what[96];
    int r;

    cli_table_init(&l.table, heads, sizeof heads / sizeof *heads);
    snprintf(what, sizeof what, "quarantine?from=%llu&limit=%llu", (unsigned long long)call->from, (unsigned long long)call->limit);
    cli_http_stream_path(&path, call->stream, what);
    r = cli_http_lines(call->http, (const char *)path.p, take_line, &l);
    if (r == 0 && !call->json)
        r = cli_table_print(&l.table, stdout);
    cli_table_fini(&l.table);
    hrp_buf_fini(&path);
    return r;
}

static void line(const char *name, const char *text)
{
    if (*text == '\0')
        return;
    printf("%-12s", name);
    cli_say(text);
    puts("");
}

static int show_row(const json_t *row)
{
    const json_t *v;
    size_t i;
    char n[32];

    line("number", cli_number(cli_json_number(row, "number"), n));
    line("reason", cli_json_text(row, "reason", ""));
    line("schema", cli_number(cli_json_number(row, "schema_id"), n));
    line("app", cli_json_text(row, "app", ""));
    line("version", cli_json_text(row, "version", ""));
    line("producer", cli_json_text(row, "producer", ""));
    line("received", cli_json_text(row, "receive_time", ""));
    line("event time", cli_json_text(row, "event_time", ""));
    json_array_foreach(json_object_get(row, "violations"), i, v) {
        char text[480];

        snprintf(text, sizeof text, "%.150s: %.200s (%.100s)", cli_json_text(v, "path", ""), cli_json_text(v, "message", ""),
                 cli_json_text(v, "rule_id", ""));
        line("violation", text);
    }
    v = json_object_get(row, "data");
    if (v != NULL && !json_is_null(v)) {
        fputs("row         ", stdout);
        json_dumpf(v, stdout, JSON_ENCODE_ANY | JSON_COMPACT);
        puts("");
    } else {
        line("row", cli_json_text(row, "text", ""));
        line("base64", cli_json_text(row, "bytes", ""));
    }
    return CLI_OK;
}

int cli_quarantine_show(struct cli_quarantine_call *call)
{
    struct hrp_buf path = HRP_BUF_INIT;
    json_t *root = NULL;
    uint64_t number;
    char what[64];
    int r = cli_parse_u64(call->verb, "NUMBER", call->args[1], 0, INT64_MAX, &number);

    snprintf(what, sizeof what, "quarantine/%llu", (unsigned long long)number);
    cli_http_stream_path(&path, call->stream, what);
    if (r == 0)
        r = cli_http_json(call->http, (const char *)path.p, &root);
    if (r == 0)
        r = call->json ? cli_json_print(root) : show_row(root);
    json_decref(root);
    hrp_buf_fini(&path);
    return r;
}

static void show_example(const json_t *e)
{
    const json_t *data = json_object_get(e, "data");
    char text[200];

    if (json_is_integer(e)) {
        printf("      number %llu\n", (unsigned long long)json_integer_value(e));
        return;
    }
    printf("      number %llu", (unsigned long long)cli_json_number(e, "number"));
    if (data != NULL && !json_is_null(data)) {
        char *dump = json_dumps(data, JSON_ENCODE_ANY | JSON_COMPACT);

        snprintf(text, sizeof text, "%.190s", dump != NULL ? dump : "");
        free(dump);
    } else {
        snprintf(text, sizeof text, "%.190s", cli_json_text(e, "text", ""));
    }
    printf("%s", *text != '\0' ? "  " : "");
    cli_say(text);
    puts("");
}

static int show_groups(const json_t *root)
{
    const json_t *groups = json_object_get(root, "groups"), *g, *e;
    size_t i, k;
    char n[32];

    if (json_array_size(groups) == 0)
        puts("no row is set aside");
    json_array_foreach(groups, i, g) {
        char text[480];

        snprintf(text, sizeof text, "%.150s%s%.200s (%.100s)", cli_json_text(g, "path", ""), *cli_json_text(g, "path", "") != '\0' ? ": " : "",
                 cli_json_text(g, "message", ""), cli_json_text(g, "rule_id", ""));
        line(cli_number(cli_json_number(g, "rows"), n), text);
        json_array_foreach(json_object_get(g, "examples"), k, e)
            show_example(e);
    }
    return CLI_OK;
}

int cli_quarantine_groups(struct cli_quarantine_call *call)
{
    struct hrp_buf path = HRP_BUF_INIT;
    json_t *root = NULL;
    int r;

    cli_http_stream_path(&path, call->stream, "quarantine/groups");
    r = cli_http_json(call->http, (const char *)path.p, &root);
    if (r == 0)
        r = call->json ? cli_json_print(root) : show_groups(root);
    json_decref(root);
    hrp_buf_fini(&path);
    return r;
}
