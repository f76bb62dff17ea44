/* What both faces of the registry do with a schema that was sent: open it, look whether it may, have the committer register it. */
#include "api_task.h"
#include "alloc.h"
#include "ask.h"
#include "proto_text.h"
#include "re2.h"
#include "schema.h"
#include <google/protobuf/descriptor.pb-c.h>
#include <stdio.h>
#include <string.h>

#define MOST_FILES 256u /* that a text may import by reference, theirs among them */

/* ---- from bytes to a schema ---- */

char *hrd_api_main_file(struct hrp_schema *schema)
{
    size_t n;
    const uint8_t *p = hrp_schema_bytes(schema, &n);
    Google__Protobuf__FileDescriptorSet *set = google__protobuf__file_descriptor_set__unpack(NULL, n, p);
    char *name = NULL;

    if (set != NULL && set->n_file != 0) /* the canonical set: each file after those it imports */
        name = hrp_strdup(set->file[set->n_file - 1]->name);
    google__protobuf__file_descriptor_set__free_unpacked(set, NULL);
    return name;
}

int hrd_submission_open(const uint8_t *set, size_t n, const char *subject, struct hrd_submission *ret, struct hr_error *err)
{
    int r;

    if (!hrd_stream_name_valid(subject))
        return hr_error_set(err, HR_ESCHEMA, "%.200s: not a message name; a subject is the full name of its message", subject);
    r = hrp_schema_open(set, n, subject, &hrp_limits_default, &ret->schema, err);
    if (r == 0)
        r = hrp_rules_vet(set, n, subject, &hrp_limits_default, &hrd_re2, err);
    if (r == HR_ENOENT)
        r = hr_error_set(err, HR_ESCHEMA, "no message %.200s in this schema; a subject is the full name of its message", subject);
    return r == HR_ECORRUPT ? (err->code = HR_ESCHEMA) : r;
}

struct files {
    struct hrd_proto_file list[MOST_FILES];
    char *names[MOST_FILES];
    struct hrp_buf texts[MOST_FILES];
    uint32_t n;
};

static void files_free(struct files *f)
{
    for (uint32_t i = 0; f != NULL && i < f->n; i++) {
        hrp_free(f->names[i]);
        hrp_buf_fini(&f->texts[i]);
    }
    hrp_free(f);
}

static bool has_file(const struct files *f, const char *name)
{
    for (uint32_t i = 0; i < f->n; i++)
        if (strcmp(f->names[i], name) == 0)
            return true;
    return false;
}

/* One file of a registered set, under a name that the text imports it by. */
static int add_printed(struct files *f, const char *as, struct hrp_schema *schema, const char *file, struct hr_error *err)
{
    size_t n;
    const uint8_t *set = hrp_schema_bytes(schema, &n);
    int r;

    if (has_file(f, as))
        return 0;
    if (f->n == MOST_FILES)
        return hr_error_set(err, HR_ELIMIT, "more than %u files are referred to", MOST_FILES);
    f->names[f->n] = hrp_strdup(as);
    if (f->names[f->n] == NULL)
        return hr_error_set(err, HR_ENOMEM, "out of memory");
    r = hrd_proto_print(set, n, file, &f->texts[f->n], err);
    hrp_put_u8(&f->texts[f->n], 0);
    f->list[f->n] = (struct hrd_proto_file){f->names[f->n], (const char *)f->texts[f->n].p};
    f->n++;
    return r;
}

/* A referenced schema: its file as `name`, and what it imports under their own names. */
static int add_reference(struct files *f, const char *name, struct hrp_schema *schema, struct hr_error *err)
{
    size_t n;
    const uint8_t *p = hrp_schema_bytes(schema, &n);
    Google__Protobuf__FileDescriptorSet *set = google__protobuf__file_descriptor_set__unpack(NULL, n, p);
    int r = set != NULL ? 0 : hr_error_set(err, HR_ENOMEM, "out of memory");

    for (size_t i = set != NULL ? set->n_file : 0; r == 0 && i > 0; i--) {
        const char *file = set->file[i - 1]->name;

        if (strncmp(file, "google/protobuf/", 16) != 0)
            r = add_printed(f, i == set->n_file ? name : file, schema, file, err);
    }
    google__protobuf__file_descriptor_set__free_unpacked(set, NULL);
    return r;
}

static struct hrp_schema *referenced(const struct hrd_api_task *t, const char *subject, uint32_t version)
{
    struct hrd_registry *reg = t->cfg->registry;
    struct hrd_stream_info info;
    struct hrd_version *list = NULL;
    struct hrp_schema *schema = NULL;
    uint32_t n = 0;

    if (hrd_registry_stream_by_name(reg, subject, &info) != 0 || hrd_registry_versions(reg, info.stream_id, &list, &n) != 0)
        return NULL;
    for (uint32_t i = 0; i < n; i++)
        if (list[i].version == version)
            schema = hrd_registry_schema(reg, list[i].schema_id);
    hrp_free(list);
    return schema;
}

static int add_references(const struct hrd_api_task *t, const json_t *references, struct files *f, struct hr_error *err)
{
    const json_t *ref;
    size_t i;
    int r = 0;

    json_array_foreach(references, i, ref) {
        const char *name = json_string_value(json_object_get(ref, "name")), *subject = json_string_value(json_object_get(ref, "subject"));
        json_int_t version = json_integer_value(json_object_get(ref, "version"));
        struct hrp_schema *schema;

        if (name == NULL || subject == NULL || version <= 0 || version > UINT32_MAX)
            return hr_error_set(err, HR_ESCHEMA, "a reference has a name, a subject and a version");
        schema = referenced(t, subject, (uint32_t)version);
        if (schema == NULL)
            return hr_error_set(err, HR_ESCHEMA, "reference %.100s: no version %lld of %.100s", name, (long long)version, subject);
        r = add_reference(f, name, schema, err);
        hrp_schema_unref(schema);
        if (r != 0)
            return r;
    }
    return 0;
}

/* The name that the newest version's file has, so that the same text is the same schema; else one made of the subject. */
static char *file_name(const struct hrd_api_task *t, const char *subject)
{
    struct hrd_stream_info info;
    struct hrp_schema *newest = NULL;
    struct hrp_buf out = HRP_BUF_INIT;
    char *name;

    if (hrd_registry_stream_by_name(t->cfg->registry, subject, &info) == 0 && info.schema_id != 0)
        newest = hrd_registry_schema(t->cfg->registry, info.schema_id);
    if (newest != NULL) {
        name = hrd_api_main_file(newest);
        hrp_schema_unref(newest);
        return name;
    }
    for (const char *p = subject; *p != '\0'; p++)
        hrp_put_u8(&out, *p == '.' ? '/' : (uint8_t)*p);
    hrp_put_fmt(&out, ".proto");
    hrp_put_u8(&out, 0);
    name = out.err == 0 ? hrp_strdup((const char *)out.p) : NULL;
    hrp_buf_fini(&out);
    return name;
}

int hrd_submission_parse(const struct hrd_api_task *t, const char *subject, const char *file, const char *text,
                         const json_t *references, struct hrd_submission *ret, struct hr_error *err)
{
    struct files *f = hrp_calloc(1, sizeof *f);
    struct hrp_buf set = HRP_BUF_INIT;
    int r = f != NULL ? 0 : HR_ENOMEM;

    if (r == 0) {
        f->names[0] = file != NULL ? hrp_strdup(file) : file_name(t, subject);
        f->list[0] = (struct hrd_proto_file){f->names[0], text};
        f->n = 1;
        r = f->names[0] != NULL ? 0 : HR_ENOMEM;
    }
    if (r != 0)
        hr_error_set(err, r, "out of memory");
    if (r == 0)
        r = add_references(t, references, f, err);
    if (r == 0)
        r = hrd_proto_parse(f->list, f->n, &set, err);
    if (r == 0)
        r = hrd_submission_open(set.p, set.n, subject, ret, err);
    files_free(f);
    hrp_buf_fini(&set);
    return r;
}

void hrd_submission_fini(struct hrd_submission *sub)
{
    hrp_schema_unref(sub->schema);
    hrd_admission_fini(&sub->admission);
}

/* ---- asking ---- */

int hrd_submission_admit(const struct hrd_api_task *t, struct hrd_submission *sub, struct hr_error *err)
{
    struct hrd_stream_info info;
    int r;

    if (hrd_registry_stream_by_name(t->cfg->registry, hrp_schema_name(sub->schema), &info) == 0)
        sub->stream_id = info.stream_id;
    r = hrd_registry_admit(t->cfg->registry, sub->stream_id, sub->schema, true, &sub->admission, &sub->why);
    sub->refused = r == HR_ESCHEMA ? r : 0;
    sub->schema_id = sub->admission.known_id;
    sub->version = sub->admission.known_version;
    if (r != 0 && r != HR_ESCHEMA)
        *err = sub->why;
    return r == HR_ESCHEMA ? 0 : r;
}

/* Sends it, waits; the answer in *msg, or NULL. */
static int ask(const struct hrd_api_task *t, struct hrd_register_msg **reg, struct hr_error *err)
{
    struct hrd_msg *msg = &(*reg)->msg;
    int r = t->cfg->committer != NULL ? hrd_ask(t->cfg->committer, &msg) : HR_ECLOSED;

    *reg = (struct hrd_register_msg *)msg;
    if (r == HR_ETIMEOUT)
        return hr_error_set(err, HR_EAGAIN, "the store does not commit now; it may still be registered");
    return r == 0 ? 0 : hr_error_set(err, r, "%s", hr_strerror(r));
}

int hrd_submission_push(const struct hrd_api_task *t, struct hrd_submission *sub, struct hr_error *err)
{
    struct hrd_register_msg *reg = hrd_register_msg_new();
    struct hrd_version v;
    int r;

    if (reg == NULL || (reg->stream = hrp_strdup(hrp_schema_name(sub->schema))) == NULL) {
        hrd_msg_free(reg != NULL ? &reg->msg : NULL);
        return hr_error_set(err, HR_ENOMEM, "out of memory");
    }
    reg->verb = HRD_REGISTER_PUSH;
    reg->schema = hrp_schema_ref(sub->schema);
    reg->newest = sub->admission.newest;
    reg->n_changes = sub->admission.n_changes;
    r = ask(t, &reg, err);
    if (r == 0 && reg->error == HR_ESCHEMA) {
        sub->refused = hr_error_set(&sub->why, reg->error, "%s", reg->reason);
        sub->admission.verdict = HRD_ADMIT_INCOMPATIBLE;
    } else if (r == 0 && reg->error != 0) {
        r = hr_error_set(err, reg->error, "%s", reg->reason);
    } else if (r == 0) {
        sub->schema_id = reg->schema_id;
        sub->version = hrd_registry_version_of(t->cfg->registry, reg->schema_id, &v) == 0 ? v.version : 0;
    }
    hrd_msg_free(reg != NULL ? &reg->msg : NULL);
    return r;
}

int hrd_api_delete(const struct hrd_api_task *t, const uint32_t *schema_ids, uint32_t n, struct hr_error *err)
{
    struct hrd_register_msg *reg = hrd_register_msg_new();
    int r;

    if (reg == NULL || (reg->schema_ids = hrp_memdup(schema_ids, n * sizeof *schema_ids)) == NULL) {
        hrd_msg_free(reg != NULL ? &reg->msg : NULL);
        return hr_error_set(err, HR_ENOMEM, "out of memory");
    }
    reg->verb = HRD_REGISTER_DELETE;
    reg->n_ids = n;
    r = ask(t, &reg, err);
    hrd_msg_free(reg != NULL ? &reg->msg : NULL);
    return r;
}

int hrd_api_set(const struct hrd_api_task *t, const char *stream, const struct hrd_settings_change *change, struct hr_error *err)
{
    struct hrd_register_msg *reg = hrd_register_msg_new();
    int r = 0;

    if (reg != NULL) {
        reg->change = hrp_memdup(change, sizeof *change);
        reg->stream = stream != NULL ? hrp_strdup(stream) : NULL;
    }
    if (reg == NULL || reg->change == NULL || (stream != NULL && reg->stream == NULL)) {
        hrd_msg_free(reg != NULL ? &reg->msg : NULL);
        return hr_error_set(err, HR_ENOMEM, "out of memory");
    }
    reg->verb = HRD_REGISTER_SETTINGS;
    r = ask(t, &reg, err);
    if (r == 0 && reg->error != 0)
        r = hr_error_set(err, reg->error, "%s", reg->reason);
    hrd_msg_free(reg != NULL ? &reg->msg : NULL);
    return r;
}
