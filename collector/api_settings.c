/* Settings: /config and /mode in the shape of Confluent's registry, and what becomes of rows, /api/v1/streams/{stream}/policy. */
#include "api_task.h"
#include "alloc.h"
#include <string.h>

static const char *const modes[] = {[HRD_MODE_OPEN] = "READWRITE", [HRD_MODE_LOCKED] = "LOCKED", [HRD_MODE_READONLY] = "READONLY"};

static int stream_of(struct hrd_api_task *t, const char *name, uint32_t *ret)
{
    struct hrd_stream_info info;
    int r = 0;

    *ret = 0;
    if (name != NULL && (r = hrd_registry_stream_by_name(t->cfg->registry, name, &info)) == 0)
        *ret = info.stream_id;
    return r;
}

/* {"key":"VALUE"} of the body; NULL: something else. */
static json_t *body_of(const struct hrd_api_task *t, const char *key, const char **ret_value)
{
    json_t *root = t->n_body != 0 ? json_loadb((const char *)t->body, t->n_body, 0, NULL) : NULL;

    *ret_value = json_string_value(json_object_get(root, key));
    return root;
}

static void failed(struct hrd_api_task *t, const struct hr_error *err)
{
    hrd_api_task_confluent(t, err->code == HR_EAGAIN ? 50002 : err->code == HR_ELIMIT ? 42201 : 50001, "%s", err->text);
}

static bool parse_mode(const char *text, enum hrd_mode *ret)
{
    for (unsigned i = 0; i < sizeof modes / sizeof *modes; i++)
        if (text != NULL && strcmp(text, modes[i]) == 0) {
            *ret = (enum hrd_mode)i;
            return true;
        }
    return false;
}

/* One of the two: what differs. */
struct setting {
    const char *key, *get_key;
    int unset_code, wrong_code;
    const char *wrong;
};
static const struct setting config = {"compatibility", "compatibilityLevel", 40408, 42203,
                                      "Invalid compatibility level: NONE, BACKWARD, FORWARD, FULL, or one of these and _TRANSITIVE"};
static const struct setting mode = {"mode", "mode", 40409, 42204,
                                    "Invalid mode: READWRITE, LOCKED or READONLY"};

static const char *value_of(const struct setting *s, const struct hrd_settings *set)
{
    return s == &config ? hrp_compat_mode_name(set->compat) : modes[set->mode];
}

static void get(struct hrd_api_task *t, const struct setting *s, const char *subject)
{
    struct hrd_settings set = {0};
    uint32_t stream_id;
    bool own = stream_of(t, subject, &stream_id) == 0 && hrd_registry_settings(t->cfg->registry, stream_id, &set) == 0;

    own = own && (s == &config ? set.own_compat : set.own_mode);
    if (subject != NULL && !own && !hrd_api_task_flag(t, "defaultToGlobal")) {
        hrd_api_task_confluent(t, s->unset_code, s == &config ? "Subject '%.255s' does not have subject-level compatibility configured"
                                                              : "Subject '%.255s' does not have subject-level mode configured", subject);
        return;
    }
    if (!own)
        hrd_registry_settings(t->cfg->registry, 0, &set);
    hrd_api_task_json(t, 200, json_pack("{s:s}", s->get_key, value_of(s, &set)));
}

static void put(struct hrd_api_task *t, const struct setting *s, const char *subject)
{
    struct hrd_settings_change c = {.compat = s == &config, .mode = s == &mode};
    struct hr_error err = {0, ""};
    const char *value;
    json_t *root = body_of(t, s->key, &value);

    if (subject != NULL && !hrd_stream_name_valid(subject))
        hrd_api_task_confluent(t, 42201, "%.200s: not a message name; a subject is the full name of its message", subject);
    else if (s == &config ? value == NULL || hrp_compat_mode_parse(value, &c.to.compat) != 0 : !parse_mode(value, &c.to.mode))
        hrd_api_task_confluent(t, s->wrong_code, "%s", s->wrong);
    else if (hrd_api_set(t, subject, &c, &err) != 0)
        failed(t, &err);
    else
        hrd_api_task_json(t, 200, json_pack("{s:s}", s->key, value));
    json_decref(root);
}

static void unset(struct hrd_api_task *t, const struct setting *s, const char *subject)
{
    struct hrd_settings_change c = {.compat = s == &config, .mode = s == &mode, .unset = true};
    struct hrd_settings before = {0};
    struct hr_error err = {0, ""};
    uint32_t stream_id;

    if (stream_of(t, subject, &stream_id) != 0 || hrd_registry_settings(t->cfg->registry, stream_id, &before) != 0)
        hrd_api_task_confluent(t, 40401, "Subject '%.255s' not found.", subject);
    else if (hrd_api_set(t, subject, &c, &err) != 0)
        failed(t, &err);
    else
        hrd_api_task_json(t, 200, json_pack("{s:s}", s->get_key, value_of(s, &before)));
}

static void serve(struct hrd_api_task *t, const struct setting *s)
{
    const char *subject = t->n_segments > 1 ? t->segments[1] : NULL;

    if (t->method == HRD_HTTP_GET)
        get(t, s, subject);
    else if (t->method == HRD_HTTP_PUT)
        put(t, s, subject);
    else
        unset(t, s, subject);
}

void hrd_confluent_config(struct hrd_api_task *t) { serve(t, &config); }
void hrd_confluent_mode(struct hrd_api_task *t) { serve(t, &mode); }

/* ---- what becomes of rows ---- */

static int read_policy(const struct hrd_api_task *t, struct hrd_settings_change *c, struct hr_error *err)
{
    json_t *root = t->n_body != 0 ? json_loadb((const char *)t->body, t->n_body, 0, NULL) : NULL, *value;
    const char *key;
    int r = json_is_object(root) ? 0 : hr_error_set(err, HR_EINVAL, "a JSON object is needed: {\"rule\":\"drop\"}");

    if (r == 0)
        json_object_foreach(root, key, value) {
            enum hrd_action action;
            enum hrd_kind kind;

            if (!hrd_kind_parse(key, &kind))
                r = hr_error_set(err, HR_EINVAL, "%.40s: there is rule, untyped, unknown_field, unknown_enum and unregistered", key);
            else if (!json_is_string(value) || !hrd_action_parse(json_string_value(value), &action))
                r = hr_error_set(err, HR_EINVAL, "%s: there is quarantine, flag and drop", key);
            else if (!hrd_policy_allowed(kind, action))
                r = hr_error_set(err, HR_EINVAL, "%s: such rows have no columns to keep them in, so they can't be flagged", key);
            if (r != 0)
                break;
            c->kinds |= 1u << kind;
            c->to.policy.action[kind] = (uint8_t)action;
        }
    json_decref(root);
    return r;
}

void hrd_api_policy(struct hrd_api_task *t)
{
    struct hrd_settings_change c = {.unset = t->method == HRD_HTTP_DELETE, .kinds = t->method == HRD_HTTP_DELETE ? ~0u : 0};
    struct hrd_settings set;
    const char *stream = t->segments[3];
    uint32_t stream_id;
    json_t *json;
    int r = stream_of(t, stream, &stream_id);

    if (r != 0)
        hr_error_set(&t->error, r, "no stream %.255s", stream);
    if (r == 0 && t->method == HRD_HTTP_PUT)
        r = read_policy(t, &c, &t->error);
    if (r == 0 && c.kinds != 0)
        r = hrd_api_set(t, stream, &c, &t->error);
    if (r != 0 || hrd_registry_settings(t->cfg->registry, stream_id, &set) != 0)
        return;
    json = json_object();
    for (unsigned i = 0; i < HRD_KIND_N; i++)
        json_object_set_new(json, hrd_kind_name((enum hrd_kind)i), json_string(hrd_action_name((enum hrd_action)set.policy.action[i])));
    t->type = "application/json";
    hrd_api_task_json(t, 200, json);
}
