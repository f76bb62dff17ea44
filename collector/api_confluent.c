/* The registry in the shape of Confluent's, for Protobuf: subjects are the full names of messages, ids are ours. Text of a schema is
 * printed from its descriptors, so comments and layout are not those of the text that came. */
#include "api_task.h"
#include "alloc.h"
#include "proto_text.h"
#include "schema.h"
#include <string.h>

/* ---- finding; an error is answered here ---- */

struct subject {
    const char *name;
    struct hrd_version *list;        /* ascending; owned */
    uint32_t n, n_live;              /* n_live: that are not deleted */
};

static void subject_fini(struct subject *s) { hrp_free(s->list); }

static void load(const struct hrd_api_task *t, const char *name, struct subject *ret)
{
    struct hrd_stream_info info;

    *ret = (struct subject){.name = name};
    if (hrd_registry_stream_by_name(t->cfg->registry, name, &info) != 0 ||
        hrd_registry_versions(t->cfg->registry, info.stream_id, &ret->list, &ret->n) != 0)
        return;
    for (uint32_t i = 0; i < ret->n; i++)
        ret->n_live += !ret->list[i].deleted;
}

static bool find_subject(struct hrd_api_task *t, const char *name, struct subject *ret)
{
    load(t, name, ret);
    if (hrd_api_task_flag(t, "deleted") ? ret->n != 0 : ret->n_live != 0)
        return true;
    hrd_api_task_confluent(t, 40401, "Subject '%.255s' not found.", name);
    subject_fini(ret);
    return false;
}

/* 1 to 9 digits, no sign, no leading zero; 0: none. */
static uint32_t decimal(const char *text)
{
    size_t n = strspn(text, "0123456789");
    uint32_t id = 0;

    if (n == 0 || n > 9 || text[n] != '\0' || *text == '0')
        return 0;
    for (; *text != '\0'; text++)
        id = id * 10 + (uint32_t)(*text - '0');
    return id;
}

static const struct hrd_version *find_version(struct hrd_api_task *t, const struct subject *s, const char *text)
{
    bool latest = strcmp(text, "latest") == 0 || strcmp(text, "-1") == 0, deleted = hrd_api_task_flag(t, "deleted");
    uint32_t number = latest ? 0 : decimal(text);

    if (!latest && number == 0) {
        hrd_api_task_confluent(t, 42202,
                               "The specified version '%.40s' is not a valid version id. Allowed values are between [1, 2^31-1] and the "
                               "string \"latest\"", text);
        return NULL;
    }
    for (uint32_t i = s->n; i > 0; i--)
        if ((deleted || !s->list[i - 1].deleted) && (latest || s->list[i - 1].version == number))
            return &s->list[i - 1];
    hrd_api_task_confluent(t, 40402, "Version %.40s not found.", text);
    return NULL;
}

/* ---- answers ---- */

static int text_of(struct hrp_schema *schema, struct hrp_buf *out, struct hr_error *err)
{
    char *file = hrd_api_main_file(schema);
    size_t n;
    const uint8_t *set = hrp_schema_bytes(schema, &n);
    int r = file != NULL ? hrd_proto_print(set, n, file, out, err) : HR_ENOMEM;

    hrp_free(file);
    return r == 0 ? out->err : r;
}

/* {"schemaType","schema"} of an id; what stands for it else is answered. */
static json_t *schema_json(struct hrd_api_task *t, uint32_t schema_id)
{
    struct hrp_schema *schema = hrd_registry_schema(t->cfg->registry, schema_id);
    struct hrp_buf text = HRP_BUF_INIT;
    struct hr_error err = {0, ""};
    json_t *json = NULL;

    if (schema == NULL)
        hrd_api_task_confluent(t, 40403, "Schema %u not found", schema_id);
    else if (text_of(schema, &text, &err) != 0)
        hrd_api_task_confluent(t, 50001, "schema %u can't be printed: %.200s", schema_id, err.text);
    else if ((json = json_pack("{s:s,s:s%}", "schemaType", "PROTOBUF", "schema", (const char *)text.p, text.n)) == NULL)
        hrd_api_task_json(t, 500, NULL);
    if (json != NULL) {
        json_t *references = hrd_api_references(t, schema);

        if (json_array_size(references) != 0)
            json_object_set(json, "references", references);
        json_decref(references);
    }
    hrp_schema_unref(schema);
    hrp_buf_fini(&text);
    return json;
}

static json_t *version_json(struct hrd_api_task *t, const char *subject, const struct hrd_version *v)
{
    json_t *json = schema_json(t, v->schema_id);

    if (json != NULL) {
        json_object_set_new(json, "subject", json_string(subject));
        json_object_set_new(json, "version", json_integer(v->version));
        json_object_set_new(json, "id", json_integer(v->schema_id));
    }
    return json;
}

static void store_failed(struct hrd_api_task *t, const struct hr_error *err)
{
    hrd_api_task_confluent(t, err->code == HR_EAGAIN ? 50002 : 50001, "%s", err->text);
}

/* ---- GET ---- */

void hrd_confluent_subjects(struct hrd_api_task *t)
{
    uint32_t n = hrd_registry_n_streams(t->cfg->registry);
    const char *prefix = hrd_api_task_param(t, "subjectPrefix");
    bool deleted = hrd_api_task_flag(t, "deleted");
    json_t *list = json_array();

    for (uint32_t id = 1; id <= n; id++) {
        struct hrd_stream_info info;
        struct subject s;

        if (hrd_registry_stream(t->cfg->registry, id, &info) != 0 || (prefix != NULL && strncmp(info.name, prefix, strlen(prefix)) != 0))
            continue;
        load(t, info.name, &s);
        if (deleted ? s.n != 0 : s.n_live != 0)
            json_array_append_new(list, json_string(info.name));
        subject_fini(&s);
    }
    hrd_api_task_json(t, 200, list);
}

void hrd_confluent_types(struct hrd_api_task *t) { hrd_api_task_json(t, 200, json_pack("[s]", "PROTOBUF")); }

void hrd_confluent_id(struct hrd_api_task *t)
{
    uint32_t id = decimal(t->segments[2]);
    struct hrd_stream_info info;
    struct hrd_version v;
    json_t *json;

    if (id == 0 || hrd_registry_version_of(t->cfg->registry, id, &v) != 0 || hrd_registry_stream(t->cfg->registry, v.stream_id, &info) != 0) {
        hrd_api_task_confluent(t, 40403, "Schema %.40s not found", t->segments[2]);
    } else if (t->n_segments == 3) {
        json = schema_json(t, id);
        if (json != NULL)
            hrd_api_task_json(t, 200, json);
    } else if (strcmp(t->segments[3], "versions") == 0) {
        hrd_api_task_json(t, 200, v.deleted ? json_array() : json_pack("[{s:s,s:I}]", "subject", info.name, "version", (json_int_t)v.version));
    } else {
        hrd_api_task_json(t, 200, v.deleted ? json_array() : json_pack("[s]", info.name));
    }
}

static void list_versions(struct hrd_api_task *t, const struct subject *s)
{
    bool deleted = hrd_api_task_flag(t, "deleted");
    json_t *list = json_array();

    for (uint32_t i = 0; i < s->n; i++)
        if (deleted || !s->list[i].deleted)
            json_array_append_new(list, json_integer(s->list[i].version));
    hrd_api_task_json(t, 200, list);
}

/* ---- DELETE: soft. permanent=true is refused, for stored rows want their schema ---- */

static void delete_versions(struct hrd_api_task *t, const struct hrd_version *list, uint32_t n, bool one)
{
    uint32_t *ids = hrp_calloc(n + 1, sizeof *ids), n_ids = 0;
    struct hr_error err = {0, ""};
    json_t *gone = json_array();
    int r = ids != NULL ? 0 : hr_error_set(&err, HR_ENOMEM, "out of memory");

    for (uint32_t i = 0; r == 0 && i < n; i++)
        if (!list[i].deleted) {
            json_array_append_new(gone, json_integer(list[i].version));
            ids[n_ids++] = list[i].schema_id;
        }
    if (r == 0 && hrd_api_task_flag(t, "permanent")) {
        hrd_api_task_confluent(t, 42205, "versions are deleted softly only: stored events need their schema");
    } else if (r != 0 || hrd_api_delete(t, ids, n_ids, &err) != 0) {
        store_failed(t, &err);
    } else if (one) {
        hrd_api_task_json(t, 200, json_integer(list[0].version));
    } else {
        hrd_api_task_json(t, 200, json_incref(gone));
    }
    json_decref(gone);
    hrp_free(ids);
}

void hrd_confluent_version(struct hrd_api_task *t)
{
    const struct hrd_version *v;
    struct subject s;
    json_t *json;

    if (!find_subject(t, t->segments[1], &s))
        return;
    v = find_version(t, &s, t->segments[3]);
    if (v != NULL && t->method == HRD_HTTP_DELETE) {
        delete_versions(t, v, 1, true);
    } else if (v != NULL && (json = version_json(t, s.name, v)) != NULL) {
        hrd_api_task_json(t, 200, t->n_segments == 4 ? json_incref(json) : json_incref(json_object_get(json, "schema")));
        json_decref(json);
    }
    subject_fini(&s);
}

/* ---- what comes with a schema in its body ---- */

/* HR_ESCHEMA and the like are answered here: false. */
static bool submitted(struct hrd_api_task *t, const char *subject, struct hrd_submission *ret)
{
    json_t *root = t->n_body != 0 ? json_loadb((const char *)t->body, t->n_body, 0, NULL) : NULL;
    const char *text = json_string_value(json_object_get(root, "schema")), *type = json_string_value(json_object_get(root, "schemaType"));
    struct hr_error err = {0, ""};
    int r = HR_EINVAL;

    if (text == NULL)
        hrd_api_task_confluent(t, 42201, "a JSON object with \"schemaType\":\"PROTOBUF\" and \"schema\" is needed");
    else if (type == NULL || strcmp(type, "PROTOBUF") != 0)
        hrd_api_task_confluent(t, 42201, "schemaType: PROTOBUF is the only one here, not %.40s", type != NULL ? type : "AVRO");
    else if ((r = hrd_submission_parse(t, subject, NULL, text, json_object_get(root, "references"), ret, &err)) == HR_ENOMEM)
        store_failed(t, &err);
    else if (r != 0)
        hrd_api_task_confluent(t, 42201, "%s", err.text);
    json_decref(root);
    return r == 0;
}

static void refuse(struct hrd_api_task *t, const struct hrd_submission *sub)
{
    if (sub->admission.verdict == HRD_ADMIT_INCOMPATIBLE)
        hrd_api_task_confluent(t, 409, "Schema being registered is incompatible with an earlier schema: %s", sub->why.text);
    else
        hrd_api_task_confluent(t, 42205, "%s", sub->why.text);
}

static void register_version(struct hrd_api_task *t)
{
    struct hrd_submission sub = {0};
    struct hr_error err = {0, ""};
    int r;

    if (submitted(t, t->segments[1], &sub)) {
        r = hrd_submission_admit(t, &sub, &err);
        if (r == 0 && sub.refused == 0)
            r = hrd_submission_push(t, &sub, &err);
        if (r != 0)
            store_failed(t, &err);
        else if (sub.refused != 0)
            refuse(t, &sub);
        else
            hrd_api_task_json(t, 200, json_pack("{s:I,s:I,s:s}", "id", (json_int_t)sub.schema_id, "version", (json_int_t)sub.version,
                                                "schemaType", "PROTOBUF"));
    }
    hrd_submission_fini(&sub);
}

void hrd_confluent_versions(struct hrd_api_task *t)
{
    struct subject s;

    if (t->method == HRD_HTTP_POST) {
        register_version(t);
    } else if (find_subject(t, t->segments[1], &s)) {
        list_versions(t, &s);
        subject_fini(&s);
    }
}

/* POST: is this schema a version of the subject? DELETE: all of it. */
void hrd_confluent_subject(struct hrd_api_task *t)
{
    struct hrd_submission sub = {0};
    uint32_t schema_id, stream_id;
    struct hrd_version v;
    struct subject s;
    json_t *json;

    if (!find_subject(t, t->segments[1], &s))
        return;
    if (t->method == HRD_HTTP_DELETE) {
        delete_versions(t, s.list, s.n, false);
    } else if (submitted(t, s.name, &sub)) {
        if (hrd_registry_by_fingerprint(t->cfg->registry, hrp_schema_fingerprint(sub.schema), &schema_id, &stream_id) != 0 ||
            hrd_registry_version_of(t->cfg->registry, schema_id, &v) != 0 || (v.deleted && !hrd_api_task_flag(t, "deleted")))
            hrd_api_task_confluent(t, 40403, "Schema not found");
        else if ((json = version_json(t, s.name, &v)) != NULL)
            hrd_api_task_json(t, 200, json);
    }
    hrd_submission_fini(&sub);
    subject_fini(&s);
}

/* ---- compatibility ---- */

/* With one version: that version alone, whatever the mode's reach. */
static int against_one(struct hrd_api_task *t, const struct hrd_submission *sub, const struct hrd_version *v, json_t *messages, struct hr_error *err)
{
    struct hrp_schema *old = hrd_registry_schema(t->cfg->registry, v->schema_id);
    struct hrp_changes changes = {0};
    struct hrd_settings set;
    int r = old != NULL ? hrd_registry_settings(t->cfg->registry, v->stream_id, &set) : hr_error_set(err, HR_ENOENT, "no schema %u", v->schema_id);

    if (r == 0)
        r = hrp_compat_diff(old, sub->schema, &changes, err);
    for (uint32_t i = 0; r == 0 && i < changes.n; i++)
        if (hrp_change_breaks(&changes.list[i], set.compat))
            json_array_append_new(messages, json_sprintf("%s: %s (%s)", changes.list[i].path, changes.list[i].reason, changes.list[i].code));
    hrp_changes_fini(&changes);
    hrp_schema_unref(old);
    return r;
}

static int against_all(struct hrd_api_task *t, struct hrd_submission *sub, json_t *messages, struct hr_error *err)
{
    int r = hrd_submission_admit(t, sub, err);

    if (r == 0 && sub->admission.verdict == HRD_ADMIT_INCOMPATIBLE)
        json_array_append_new(messages, json_string(sub->why.text));
    return r;
}

void hrd_confluent_compatibility(struct hrd_api_task *t)
{
    struct hrd_submission sub = {0};
    const struct hrd_version *v = NULL;
    json_t *messages = json_array(), *json;
    struct hr_error err = {0, ""};
    struct subject s;
    bool one = t->n_segments == 5;

    load(t, t->segments[2], &s);
    if (one && s.n_live == 0)
        hrd_api_task_confluent(t, 40401, "Subject '%.255s' not found.", s.name);
    else if (one && (v = find_version(t, &s, t->segments[4])) == NULL)
        ; /* answered */
    else if (submitted(t, s.name, &sub)) {
        if ((one ? against_one(t, &sub, v, messages, &err) : against_all(t, &sub, messages, &err)) != 0) {
            store_failed(t, &err);
        } else {
            json = json_pack("{s:b}", "is_compatible", json_array_size(messages) == 0);
            if (hrd_api_task_flag(t, "verbose"))
                json_object_set(json, "messages", messages);
            hrd_api_task_json(t, 200, json);
        }
    }
    json_decref(messages);
    hrd_submission_fini(&sub);
    subject_fini(&s);
}
