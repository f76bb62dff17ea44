/* POST /api/v1/schemas?type=NAME[&dry_run=1][&file=NAME]: a schema, and the verdict: what it changes, whom that hurts, and of what is
 * tightened, how many stored rows it would have refused. */
#include "api_task.h"
#include "re2.h"
#include "schema.h"
#include "shadow.h"
#include <string.h>
#include <time.h>

static const char *const verdicts[] = {[HRD_ADMIT_ACCEPTED] = "accepted", [HRD_ADMIT_KNOWN] = "known", [HRD_ADMIT_SEMANTIC] = "semantic",
                                       [HRD_ADMIT_INCOMPATIBLE] = "incompatible", [HRD_ADMIT_MODE] = "refused"};

static json_t *changes_json(const struct hrd_admission *adm)
{
    json_t *list = json_array();

    for (uint32_t i = 0; i < adm->changes.n; i++) {
        const struct hrp_change *c = &adm->changes.list[i];
        json_t *what = json_array();

        if ((c->what & HRP_BREAKS_BACKWARD) != 0)
            json_array_append_new(what, json_string("backward"));
        if ((c->what & HRP_BREAKS_FORWARD) != 0)
            json_array_append_new(what, json_string("forward"));
        if ((c->what & HRP_SEMANTIC) != 0)
            json_array_append_new(what, json_string("semantic"));
        json_array_append_new(list, json_pack("{s:s,s:s,s:s,s:o,s:b,s:I}", "code", c->code, "path", c->path, "reason", c->reason, "what",
                                              what, "tightened", c->tightened, "against_version", (json_int_t)adm->against));
    }
    return list;
}

static bool tightened(const struct hrd_admission *adm)
{
    for (uint32_t i = 0; i < adm->changes.n; i++)
        if (adm->changes.list[i].tightened)
            return true;
    return false;
}

static json_t *shadow_json(const struct hrd_api_task *t, const struct hrd_submission *sub)
{
    struct hrd_shadow shadow = {0};
    struct hrp_rules *rules = NULL;
    struct hr_error err = {0, ""};
    struct timespec now;
    json_t *causes;
    int r = hrp_rules_open_door(sub->schema, &hrd_re2, &rules, &err);

    clock_gettime(CLOCK_REALTIME, &now);
    if (r == 0)
        r = hrd_shadow_run(t->cfg->log, t->cfg->registry, sub->stream_id, sub->schema, rules,
                           (int64_t)now.tv_sec * 1000000000 + now.tv_nsec - HRD_SHADOW_NS, &shadow);
    hrp_rules_free(rules);
    if (r != 0) {
        hrd_causes_fini(&shadow.causes);
        return json_pack("{s:s}", "reason", err.text[0] != '\0' ? err.text : hr_strerror(r));
    }
    causes = json_array();
    for (uint32_t i = 0; i < shadow.causes.n; i++)
        json_array_append_new(causes, json_pack("{s:s,s:s,s:I}", "rule_id", shadow.causes.list[i].rule, "path", shadow.causes.list[i].path,
                                                "rows", (json_int_t)shadow.causes.list[i].rows));
    hrd_causes_fini(&shadow.causes);
    return json_pack("{s:I,s:I,s:b,s:o}", "rows", (json_int_t)shadow.rows, "refused", (json_int_t)shadow.refused, "cut", shadow.cut,
                     "causes", causes);
}

static void answer(struct hrd_api_task *t, const struct hrd_submission *sub)
{
    enum hrd_admit verdict = sub->admission.verdict;
    json_t *json = json_pack("{s:s,s:s,s:o}", "subject", hrp_schema_name(sub->schema), "verdict", verdicts[verdict], "changes",
                             changes_json(&sub->admission));

    if (sub->refused != 0)
        json_object_set_new(json, "reason", json_string(sub->why.text));
    if (sub->schema_id != 0)
        json_object_set_new(json, "id", json_integer(sub->schema_id));
    if (sub->version != 0)
        json_object_set_new(json, "version", json_integer(sub->version));
    if (sub->stream_id != 0 && tightened(&sub->admission))
        json_object_set_new(json, "shadow", shadow_json(t, sub));
    t->type = "application/json";
    hrd_api_task_json(t, verdict == HRD_ADMIT_INCOMPATIBLE ? 409 : verdict == HRD_ADMIT_MODE ? 403 : 200, json);
}

static int open_body(const struct hrd_api_task *t, const char *type, struct hrd_submission *sub, struct hr_error *err)
{
    const char *kind = t->content_type != NULL ? t->content_type : "";
    struct hrp_buf text = HRP_BUF_INIT;
    int r;

    if (strncmp(kind, "application/x-protobuf", 22) == 0 || strncmp(kind, "application/octet-stream", 24) == 0)
        return hrd_submission_open(t->body, t->n_body, type, sub, err);
    if (strncmp(kind, "text/x-proto", 12) != 0)
        return hr_error_set(err, HR_EINVAL, "Content-Type: application/x-protobuf for a FileDescriptorSet, text/x-proto for .proto text");
    hrp_put_bytes(&text, t->body, t->n_body);
    hrp_put_u8(&text, 0);
    if (text.err != 0)
        r = hr_error_set(err, HR_ENOMEM, "out of memory");
    else if (strlen((const char *)text.p) != t->n_body)
        r = hr_error_set(err, HR_ESCHEMA, "the text has a NUL");
    else
        r = hrd_submission_parse(t, type, hrd_api_task_param(t, "file"), (const char *)text.p, NULL, sub, err);
    hrp_buf_fini(&text);
    return r;
}

void hrd_api_push(struct hrd_api_task *t)
{
    struct hrd_submission sub = {0};
    const char *type = hrd_api_task_param(t, "type");
    int r = type != NULL ? open_body(t, type, &sub, &t->error) : hr_error_set(&t->error, HR_EINVAL, "type: the message's full name is needed");

    if (r == 0)
        r = hrd_submission_admit(t, &sub, &t->error);
    if (r == 0 && sub.refused == 0 && !hrd_api_task_flag(t, "dry_run"))
        r = hrd_submission_push(t, &sub, &t->error);
    if (r == 0)
        answer(t, &sub);
    hrd_submission_fini(&sub);
}
