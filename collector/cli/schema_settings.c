/* `headrace schema mode`, `compatibility` and `delete`: by the registry's Confluent face, /mode, /config and /subjects. */
#include "answer.h"
#include "schema_verbs.h"
#include <string.h>
#include <stdlib.h>
#include <strings.h>

struct setting {
    const char *path;            /* "/mode" */
    const char *key, *ret_key;   /* in what is sent, and in the answer, where the two differ */
    const char *const (*names)[2]; /* for a person, and on the wire; NULL: the same */
};
static const char *const mode_names[][2] = {{"open", "READWRITE"}, {"locked", "LOCKED"}, {"readonly", "READONLY"}, {NULL, NULL}};
static const struct setting mode = {"/mode", "mode", "mode", mode_names};
static const struct setting compatibility = {"/config", "compatibility", "compatibilityLevel", NULL};

static const char *named(const struct setting *s, const char *text, int from)
{
    for (size_t i = 0; s->names != NULL && s->names[i][0] != NULL; i++)
        if (strcasecmp(s->names[i][from], text) == 0)
            return s->names[i][!from];
    return text;
}

static int ask(struct cli_schema_call *call, const struct setting *s, const char *subject, const char *value)
{
    struct hrp_buf path = HRP_BUF_INIT;
    json_t *root = NULL, *body = value != NULL ? json_pack("{s:s}", s->key, named(s, value, 0)) : NULL;
    char *text = body != NULL ? json_dumps(body, JSON_COMPACT) : NULL;
    int r = cli_schema_http(call);

    hrp_put_fmt(&path, "%s", s->path);
    if (subject != NULL) {
        hrp_put_u8(&path, '/');
        cli_http_put_encoded(&path, subject);
    }
    hrp_put_fmt(&path, "%s", subject != NULL && value == NULL ? "?defaultToGlobal=true" : "");
    hrp_put_u8(&path, 0);
    if (r == 0)
        r = cli_http_send(call->http, value != NULL ? "PUT" : "GET", (const char *)path.p, NULL, text, text != NULL ? strlen(text) : 0, &root);
    if (r == 0 && call->json)
        r = cli_json_print(root);
    else if (r == 0)
        printf("%s: %s\n", subject != NULL ? subject : "all others",
               named(s, cli_json_text(root, s->ret_key, cli_json_text(root, s->key, "?")), 1));
    json_decref(root);
    json_decref(body);
    free(text);
    hrp_buf_fini(&path);
    return r;
}

static bool is_value(const struct setting *s, const char *text)
{
    static const char *const levels[] = {"NONE", "BACKWARD", "BACKWARD_TRANSITIVE", "FORWARD", "FORWARD_TRANSITIVE", "FULL", "FULL_TRANSITIVE"};

    if (s->names != NULL)
        return named(s, text, 0) != text;
    for (size_t i = 0; i < sizeof levels / sizeof *levels; i++)
        if (strcmp(levels[i], text) == 0)
            return true;
    return false;
}

/* One argument is a value when it is one's name, else a subject. */
static int get_or_set(struct cli_schema_call *call, const struct setting *s)
{
    const char *last = call->n_args > 0 ? call->args[call->n_args - 1] : NULL;
    bool sets = last != NULL && is_value(s, last);

    if (call->n_args == 2 && !sets)
        return cli_usage(call->verb, "there is no such %s: %s", s->key, last);
    return ask(call, s, call->n_args == 2 || (call->n_args == 1 && !sets) ? call->args[0] : NULL, sets ? last : NULL);
}

int cli_schema_mode(struct cli_schema_call *call) { return get_or_set(call, &mode); }
int cli_schema_compatibility(struct cli_schema_call *call) { return get_or_set(call, &compatibility); }

int cli_schema_delete(struct cli_schema_call *call)
{
    struct hrp_buf path = HRP_BUF_INIT;
    json_t *root = NULL;
    int r;

    if (call->version == 0)
        return cli_usage(call->verb, "say which version: --version N");
    r = cli_schema_http(call);
    hrp_put_fmt(&path, "/subjects/");
    cli_http_put_encoded(&path, call->args[0]);
    hrp_put_fmt(&path, "/versions/%llu", (unsigned long long)call->version);
    hrp_put_u8(&path, 0);
    if (r == 0)
        r = cli_http_send(call->http, "DELETE", (const char *)path.p, NULL, NULL, 0, &root);
    if (r == 0 && call->json)
        r = cli_json_print(root);
    else if (r == 0)
        printf("%s: version %llu is deleted; its stored events stay readable\n", call->args[0], (unsigned long long)call->version);
    json_decref(root);
    hrp_buf_fini(&path);
    return r;
}
