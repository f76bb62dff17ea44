/* `headrace schema lint`: what a schema could say and does not, line by line as compilers write it. */
#include "answer.h"
#include "lint.h"
#include "re2.h"
#include "schema_verbs.h"
#include <time.h>

struct linting {
    const struct cli_schema_call *call;
    json_t *list;                    /* NULL: for a person */
    unsigned n[HRP_LINT_ERROR + 1];
};

static void take(void *arg, const struct hrp_finding *f)
{
    struct linting *l = arg;
    const char *severity = hrp_lint_severity_name(f->severity);

    if (f->severity <= HRP_LINT_ERROR)
        l->n[f->severity]++;
    if (l->list != NULL) {
        json_array_append_new(l->list, json_pack("{s:s,s:s,s:s,s:s,s:s}", "place", f->place, "severity", severity, "code", f->code, "path", f->path,
                                                 "text", f->sentence));
        return;
    }
    cli_say(*f->place != '\0' ? f->place : l->call->args[0]);
    printf(": %s: ", severity);
    if (*f->path != '\0') {
        cli_say(f->path);
        fputs(": ", stdout);
    }
    cli_say(f->sentence);
    printf(" [%s]\n", f->code);
}

static void today(char ret[11])
{
    time_t now = time(NULL);
    struct tm tm;

    gmtime_r(&now, &tm);
    if (strftime(ret, 11, "%Y-%m-%d", &tm) == 0)
        ret[0] = '\0';
}

static int told(const struct linting *l)
{
    int r = CLI_OK;

    if (l->list != NULL) {
        json_t *root = json_pack("{s:O}", "findings", l->list);

        r = cli_json_print(root);
        json_decref(root);
    } else {
        printf("%u errors, %u warnings, %u notes\n", l->n[HRP_LINT_ERROR], l->n[HRP_LINT_WARNING], l->n[HRP_LINT_NOTE]);
    }
    return l->n[HRP_LINT_ERROR] > 0 ? CLI_FAILED : r;
}

int cli_schema_lint(struct cli_schema_call *call)
{
    struct linting l = {.call = call, .list = call->json ? json_array() : NULL};
    struct hrp_buf set = HRP_BUF_INIT;
    struct hr_error err;
    char date[11];
    int r = cli_schema_read(call, call->args[0], &set);

    today(date);
    if (r == 0 && hrp_lint(set.p, set.n, call->type, date[0] != '\0' ? date : NULL, &hrp_limits_default, &hrd_re2, take, &l, &err) != 0) {
        cli_error("%s", err.text);
        r = CLI_FAILED;
    } else if (r == 0) {
        r = told(&l);
    }
    json_decref(l.list);
    hrp_buf_fini(&set);
    return r;
}
