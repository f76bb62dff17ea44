#include "trial.h"
#include "alloc.h"
#include "findings.h"
#include "json.h"
#include "personal.h"
#include <stdio.h>
#include <string.h>

#define MOST_ROWS 4096u
#define MOST_BYTES (4u << 20)

struct trial_row {
    uint32_t at, n_bytes;    /* wire bytes, in t->wire */
    uint8_t verdict;         /* enum hrd_verdict */
    bool typed;              /* it stands in the builder, at index `column` */
    uint32_t column;
    char reason[160];        /* why it has no types; of one that is held: the field's path */
    char held[64];           /* the rule of a hashed field that it broke; "": none */
};
struct hrd_trial {
    struct hrp_schema *schema;
    const struct hrp_rules *rules;
    struct hrd_policy policy;
    const struct hrd_personal *personal;
    bool hashes;             /* the schema has fields that are stored as hashes */
    struct hrp_builder *builder;
    struct hrp_buf clear;    /* scratch: a row before its hashes */
    struct hrp_buf wire;
    struct trial_row *rows;  /* [n_rows] of MOST_ROWS */
    uint32_t *row_of;        /* [n_typed] row of each typed one */
    uint32_t n_rows, n_typed;
};

int hrd_trial_new(struct hrp_schema *schema, const struct hrp_rules *rules, const struct hrd_policy *policy, struct hrd_trial **ret)
{
    struct hrd_trial *t = hrp_calloc(1, sizeof *t);

    if (t == NULL)
        return HR_ENOMEM;
    t->schema = hrp_schema_ref(schema);
    t->rules = rules;
    t->policy = *policy;
    t->hashes = hrd_personal_any(schema);
    t->rows = hrp_calloc(MOST_ROWS, sizeof *t->rows);
    t->row_of = hrp_calloc(MOST_ROWS, sizeof *t->row_of);
    if (t->rows == NULL || t->row_of == NULL || hrp_builder_new(schema, &t->builder) != 0) {
        hrd_trial_free(t);
        return HR_ENOMEM;
    }
    *ret = t;
    return 0;
}

void hrd_trial_free(struct hrd_trial *t)
{
    if (t == NULL)
        return;
    hrp_builder_free(t->builder);
    hrp_schema_unref(t->schema);
    hrp_buf_fini(&t->wire);
    hrp_buf_fini(&t->clear);
    hrp_free(t->rows);
    hrp_free(t->row_of);
    hrp_free(t);
}

void hrd_trial_personal(struct hrd_trial *t, const struct hrd_personal *personal) { t->personal = personal; }

/* ---- rows in ---- */

static bool hashed_by(void *arg, const struct hrp_node *node)
{
    struct hrp_schema *by = arg;
    const struct hrp_node *was = by != NULL ? hrp_schema_by_path(by, node->path) : NULL;

    return was != NULL && hrd_personal_hashed(was);
}

/* The row that was appended at r->at, with hashes where it had clear values. One that has no place in the types stays as it is. */
static int hide(struct hrd_trial *t, const struct hrd_trial_row *row, struct trial_row *r)
{
    struct hrp_schema *by = row->form == HRD_FORM_WIRE ? row->by : NULL;
    int res;

    if (!t->hashes || by == t->schema || r->n_bytes == 0)
        return 0;
    if (t->personal == NULL)
        return HR_EROW;
    hrp_buf_clear(&t->clear);
    hrp_put_bytes(&t->clear, t->wire.p + r->at, r->n_bytes);
    t->wire.n = r->at;
    res = t->clear.err != 0 ? t->clear.err : hrd_personal_hide_row(t->personal, t->schema, hashed_by, by, t->clear.p, t->clear.n, &t->wire);
    r->n_bytes = (uint32_t)(t->wire.n - r->at);
    return res;
}

struct holding {
    const struct hrd_trial *t;
    struct trial_row *r;
};

static void hold(void *arg, const struct hrp_stored_violation *v)
{
    struct holding *h = arg;
    struct hrp_buf path = HRP_BUF_INIT;
    const struct hrp_node *node = NULL;

    if (v->field != NULL && hrp_path_text_put(&path, v->field, v->n_field, false) == 0) {
        char *text = h->r->reason;

        snprintf(text, sizeof h->r->reason, "%.*s", (int)(path.n < 150 ? path.n : 150), (const char *)path.p);
        for (char *p = strstr(text, "[]"); p != NULL; p = strstr(p, "[]")) /* a node's path has none */
            memmove(p, p + 2, strlen(p + 2) + 1);
        node = hrp_schema_by_path(h->t->schema, text);
    }
    hrp_buf_fini(&path);
    if (node != NULL && hrd_personal_hashed(node) && h->r->held[0] == '\0')
        snprintf(h->r->held, sizeof h->r->held, "%.*s", (int)(v->n_rule_id < 60 ? v->n_rule_id : 60), v->rule_id);
}

/* Its clear value broke a rule, and is gone. */
static int look_back(const struct hrd_trial *t, const struct hrd_trial_row *row, struct trial_row *r)
{
    struct holding h = {t, r};

    if (!t->hashes || row->n_violations == 0 || row->by == NULL)
        return 0;
    return hrp_violations_each(row->violations, row->n_violations, hold, &h) == HR_ENOMEM ? HR_ENOMEM : 0;
}

static int to_wire(struct hrd_trial *t, const struct hrd_trial_row *row, struct trial_row *r)
{
    struct hr_error err = {0, ""};
    int res = 0;

    r->at = (uint32_t)t->wire.n;
    if (row->form == HRD_FORM_WIRE)
        hrp_put_bytes(&t->wire, row->bytes, row->n_bytes);
    else
        res = hrp_json_to_wire(t->schema, (const char *)row->bytes, row->n_bytes, &t->wire, &err);
    if (t->wire.err != 0) {
        res = t->wire.err;
        t->wire.err = 0;
    }
    r->n_bytes = (uint32_t)(t->wire.n - r->at);
    if (res != 0)
        snprintf(r->reason, sizeof r->reason, "%.150s", err.text);
    return res;
}

int hrd_trial_add(struct hrd_trial *t, const struct hrd_trial_row *row)
{
    struct trial_row *r = &t->rows[t->n_rows];
    struct hr_error err = {0, ""};
    int res;

    if (t->n_rows == MOST_ROWS || t->wire.n > MOST_BYTES)
        return HR_EFULL;
    memset(r, 0, sizeof *r);
    res = look_back(t, row, r);
    if (res == 0)
        res = to_wire(t, row, r);
    if (res == 0)
        res = hide(t, row, r);
    if (res == 0)
        res = hrp_builder_add(t->builder, row->lane, row->n, row->event_time_ns, 1, 0, t->wire.p + r->at, r->n_bytes, &err);
    if (res == HR_EFULL && t->n_rows != 0) {
        t->wire.n = r->at;
        return res;
    }
    if (res == HR_ENOMEM)
        return res;
    r->typed = res == 0;
    if (r->typed) {
        r->column = t->n_typed;
        t->row_of[t->n_typed++] = t->n_rows;
    } else if (r->reason[0] == '\0') {
        snprintf(r->reason, sizeof r->reason, "%.150s", err.text[0] != '\0' ? err.text : hr_strerror(res));
    }
    t->n_rows++;
    return 0;
}

/* ---- verdicts ---- */

static int count(struct hrd_causes *stay, const char *rule, const char *path)
{
    uint32_t at;
    int r = hrd_causes_find(stay, rule, path, (uint8_t)hrd_kind_of(rule), HRD_ACTION_QUARANTINE, &at);

    if (r == 0)
        stay->list[at].rows++;
    return r;
}

static bool of_hashed(const struct hrd_trial *t, const struct hrp_site *site)
{
    const struct hrp_node *node = hrp_schema_nodes(t->schema);

    for (uint32_t i = 0; t->hashes && i < site->n_field; i++) {
        node = hrp_schema_field(t->schema, node, (uint32_t)site->field[i].number);
        if (node == NULL || hrd_personal_hashed(node))
            return node != NULL;
    }
    return false;
}

/* Of one row: flagged, or why it stays. */
static int judge_row(struct hrd_trial *t, struct trial_row *r, const struct hrp_violation *v, uint32_t n, struct hrd_causes *stay)
{
    int res = 0;

    r->verdict = HRD_ADMITTED;
    for (uint32_t i = 0; i < n; i++) {
        if (of_hashed(t, v[i].site))
            continue;
        if (r->verdict == HRD_ADMITTED)
            r->verdict = HRD_ADMITTED_FLAGGED;
        if (hrd_findings_action(&t->policy, v[i].site->rule_id) != HRD_ACTION_FLAG)
            r->verdict = HRD_STAYS;
    }
    for (uint32_t i = 0; res == 0 && r->verdict == HRD_STAYS && i < n; i++) {
        struct hrp_buf path = HRP_BUF_INIT;
        bool again = false;

        for (uint32_t k = 0; k < i; k++)
            again |= v[k].site == v[i].site;
        again |= of_hashed(t, v[i].site);
        hrp_site_path_put(&path, v[i].site, NULL);
        hrp_put_u8(&path, 0);
        if (!again)
            res = path.err != 0 ? path.err : count(stay, v[i].site->rule_id, (const char *)path.p);
        hrp_buf_fini(&path);
    }
    return res;
}

static int judge_typed(struct hrd_trial *t, struct hrd_causes *stay)
{
    struct hrp_violations found = {0};
    const struct hrp_batch *view;
    int r = hrp_builder_view(t->builder, &view);

    if (r == 0 && t->rules != NULL)
        r = hrp_rules_check(t->rules, view, HRD_MOST_VIOLATIONS, &found);
    for (uint32_t i = 0, n; r == 0 && i < found.n; i += n) {
        for (n = 1; i + n < found.n && found.v[i + n].row == found.v[i].row; n++)
            ;
        r = judge_row(t, &t->rows[t->row_of[found.v[i].row]], &found.v[i], n, stay);
    }
    hrp_violations_fini(&found);
    return r;
}

/* "title: expected a string": the field is the cause's path. */
static int count_untyped(struct hrd_trial *t, const struct trial_row *r, struct hrd_causes *stay)
{
    const char *colon = strstr(r->reason, ": ");
    char path[sizeof r->reason] = "";

    if (colon != NULL)
        snprintf(path, sizeof path, "%.*s", (int)(colon - r->reason), r->reason);
    if (hrp_schema_by_path(t->schema, path) == NULL)
        path[0] = '\0';
    return count(stay, "headrace.untyped", path);
}

int hrd_trial_judge(struct hrd_trial *t, struct hrd_causes *stay)
{
    int r = 0;

    for (uint32_t i = 0; i < t->n_rows; i++)
        t->rows[i].verdict = t->rows[i].typed ? HRD_ADMITTED : HRD_STAYS;
    if (t->n_typed != 0)
        r = judge_typed(t, stay);
    for (uint32_t i = 0; r == 0 && i < t->n_rows; i++) {
        struct trial_row *row = &t->rows[i];

        if (row->held[0] != '\0') {
            row->verdict = HRD_STAYS;
            r = count(stay, row->held, row->reason);
        } else if (!row->typed) {
            r = count_untyped(t, row, stay);
        }
    }
    return r;
}

uint32_t hrd_trial_rows(const struct hrd_trial *t) { return t->n_rows; }
enum hrd_verdict hrd_trial_verdict(const struct hrd_trial *t, uint32_t row) { return t->rows[row].verdict; }

const uint8_t *hrd_trial_wire(const struct hrd_trial *t, uint32_t row, size_t *ret_n)
{
    *ret_n = t->rows[row].n_bytes;
    return t->wire.p + t->rows[row].at;
}

void hrd_trial_clear(struct hrd_trial *t)
{
    hrp_builder_clear(t->builder);
    hrp_buf_clear(&t->wire);
    t->n_rows = t->n_typed = 0;
}
