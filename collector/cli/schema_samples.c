/* `headrace schema samples`: example events as NDJSON, for a test of an application, a sink or a rule. */
#include "answer.h"
#include "batch.h"
#include "re2.h"
#include "samples.h"
#include "schema_verbs.h"
#include <stdlib.h>
#include <string.h>

struct sampling {
    struct hrp_schema *schema;
    struct hrp_builder *builder;
    uint64_t n;
};

/* A batch of one row: the cursor's JSON is then that of `headrace tail`. */
static int row_json(struct sampling *s, const uint8_t *wire, size_t n, struct hrp_buf *out)
{
    static const struct hrp_id nobody;
    struct hrp_buf bytes = HRP_BUF_INIT;
    struct hrp_batch *batch = NULL;
    struct hrp_cursor *cursor = NULL;
    struct hr_error err;
    int r = hrp_builder_add(s->builder, 0, s->n, 0, 1, 0, wire, n, &err);

    if (r == 0)
        r = hrp_builder_seal(s->builder, &nobody, 1, 1, &bytes);
    if (r == 0)
        r = hrp_batch_open(bytes.p, bytes.n, s->schema, &hrp_limits_default, &batch, &err);
    if (r == 0)
        r = hrp_cursor_new(batch, &cursor);
    if (r == 0)
        r = hrp_cursor_json(cursor, out);
    hrp_cursor_free(cursor);
    hrp_batch_free(batch);
    hrp_buf_fini(&bytes);
    return r;
}

/* {"valid":true,"data":{..}}; {"valid":false,"rule_id":..,"path":..,"data":{..}}, with a note when no example can be made. The
 * data goes out as it is: a JSON library would not keep all 64 bits of an unsigned number. */
static int put_line(const char *rule_id, const char *path, const struct hrp_buf *data)
{
    json_t *line = *rule_id == '\0' ? json_pack("{s:b}", "valid", 1) : json_pack("{s:b,s:s,s:s}", "valid", 0, "rule_id", rule_id, "path", path);
    char *head = json_dumps(line, JSON_COMPACT);
    int r = HR_ENOMEM;

    if (head != NULL && data != NULL)
        r = printf("%.*s,\"data\":%.*s}\n", (int)strlen(head) - 1, head, (int)data->n, (const char *)data->p) < 0 ? HR_EIO : 0;
    else if (head != NULL)
        r = printf("%.*s,\"note\":\"no example can be made for this rule\"}\n", (int)strlen(head) - 1, head) < 0 ? HR_EIO : 0;
    free(head);
    json_decref(line);
    return r;
}

static int take(void *arg, const uint8_t *wire, size_t n, const char *rule_id, const char *path)
{
    struct sampling *s = arg;
    struct hrp_buf json = HRP_BUF_INIT;
    int r = 0;

    s->n++;
    if (wire != NULL)
        r = row_json(s, wire, n, &json);
    if (r == 0)
        r = put_line(rule_id, path, wire != NULL ? &json : NULL);
    hrp_buf_fini(&json);
    return r;
}

static int sample(const struct cli_schema_call *call, const struct cli_schema_set *set)
{
    struct sampling s = {.n = 0};
    struct hrp_rules *rules = NULL;
    struct hr_error err = {0};
    int r = hrp_schema_open(set->bytes.p, set->bytes.n, set->type, &hrp_limits_default, &s.schema, &err);

    if (r == 0)
        r = hrp_rules_open(s.schema, &hrd_re2, &rules, &err);
    if (r == 0)
        r = hrp_builder_new(s.schema, &s.builder);
    if (r == 0)
        r = hrp_samples(s.schema, rules, call->seed, call->count != 0 ? (uint32_t)call->count : 3, take, &s, &err);
    if (r != 0)
        cli_error("%s", err.text[0] != '\0' ? err.text : hr_strerror(r));
    hrp_builder_free(s.builder);
    hrp_rules_free(rules);
    hrp_schema_unref(s.schema);
    return r == 0 ? CLI_OK : CLI_FAILED;
}

int cli_schema_samples(struct cli_schema_call *call)
{
    struct cli_schema_set set;
    int r = cli_schema_load(call, call->args[0], &set);

    if (r == 0)
        r = sample(call, &set);
    cli_schema_set_fini(&set);
    return r;
}
