/* A verdict for a person: what was decided, each change with its place and reason, and what the shadow run found. */
#include "answer.h"
#include "schema_verbs.h"
#include "table.h"
#include <string.h>

/* "what" is an array of "backward", "forward", "semantic"; empty: harmless. */
static void say_what(const json_t *what)
{
    const json_t *w;
    size_t i;

    if (json_array_size(what) == 0)
        fputs("harmless", stdout);
    json_array_foreach(what, i, w) {
        const char *s = json_string_value(w);

        fputs(i > 0 ? ", " : "", stdout);
        if (s != NULL && strcmp(s, "semantic") != 0)
            fputs("breaks ", stdout);
        cli_say(s != NULL ? s : "?");
    }
}

void cli_verdict_changes(const json_t *changes)
{
    const json_t *c;
    size_t i;

    json_array_foreach(changes, i, c) {
        uint64_t against = cli_json_number(c, "against_version");

        fputs("  ", stdout);
        cli_say(cli_json_text(c, "path", "?"));
        fputs(": ", stdout);
        cli_say(cli_json_text(c, "reason", ""));
        fputs(" (", stdout);
        say_what(json_object_get(c, "what"));
        if (against != 0)
            printf("; against version %llu", (unsigned long long)against);
        puts(")");
    }
}

static void say_shadow(const json_t *shadow)
{
    char refused[32], rows[32], n[32];
    const json_t *causes = json_object_get(shadow, "causes"), *c;
    size_t i;

    if (!json_is_object(shadow))
        return;
    if (json_object_get(shadow, "rows") == NULL) {
        fputs("the rules were not tried on stored rows: ", stdout);
        cli_say(cli_json_text(shadow, "reason", "?"));
        puts("");
        return;
    }
    printf("%s of %s rows of the last day would be refused%s\n", cli_number(cli_json_number(shadow, "refused"), refused),
           cli_number(cli_json_number(shadow, "rows"), rows), json_array_size(causes) > 0 ? ":" : "");
    json_array_foreach(causes, i, c) {
        printf("  %s: ", cli_number(cli_json_number(c, "rows"), n));
        cli_say(cli_json_text(c, "path", ""));
        fputs(": ", stdout);
        cli_say(cli_json_text(c, "message", cli_json_text(c, "rule_id", "?")));
        puts("");
    }
}

static bool refused(const char *verdict)
{
    return strcmp(verdict, "incompatible") == 0 || strcmp(verdict, "refused") == 0;
}

int cli_verdict_print(const struct cli_schema_call *call, const json_t *v)
{
    const char *verdict = cli_json_text(v, "verdict", "?"), *reason = cli_json_text(v, "reason", "");
    uint64_t id = cli_json_number(v, "id"), version = cli_json_number(v, "version");
    int code = refused(verdict) ? CLI_FAILED : CLI_OK;

    if (call->json)
        return cli_json_print(v) != CLI_OK ? CLI_FAILED : code;
    cli_say(cli_json_text(v, "subject", "schema"));
    fputs(": ", stdout);
    cli_say(verdict);
    if (version != 0 && code == CLI_OK)
        printf(", version %llu", (unsigned long long)version);
    if (id != 0 && code == CLI_OK)
        printf(", id %llu", (unsigned long long)id);
    if (*reason != '\0') {
        fputs(": ", stdout);
        cli_say(reason);
    }
    puts("");
    cli_verdict_changes(json_object_get(v, "changes"));
    say_shadow(json_object_get(v, "shadow"));
    return code;
}
