/* One walk over the rows that have something: violations come by row, marks are in the flags, so the two are merged.
 *
 * The row's action is the gravest that the policy has for any of its kinds: quarantine before drop before flag. A flagged row
 * stays in its columns; one that is set aside leaves them as the bytes it had, with all that was found. The bytes come last
 * (hrd_findings_keep), from the batch as it will be stored: between the two, personal data is taken out of it. */
#include "findings.h"
#include "alloc.h"
#include "schema.h"
#include <stdio.h>
#include <string.h>

#define MOST_KEPT (64u << 20)       /* bytes of rows set aside; a batch unfolds to more only when somebody means harm */
#define MOST_VIOLATIONS (16u << 20) /* bytes of violations; rows after that keep their first one only */

static const struct hrp_site marked_site = {.rule_id = "headrace.marked", .message = "its producer says that it breaks a rule"};

struct judge {
    struct hrd_batch_msg *bat;
    const struct hrd_policy *policy;
    struct hrp_violations found;
    uint32_t cap_asides, cap_findings;
    const struct hrp_site *last_site; /* and its cause: neighbours tend to break the same rule */
    uint8_t last_action;
    uint32_t last_cause;
};

void hrd_findings_forget(struct hrd_batch_msg *bat)
{
    hrp_free(bat->asides);
    hrp_free(bat->raw_asides);
    hrp_free(bat->findings);
    hrp_buf_fini(&bat->aside_bytes);
    hrd_ranges_fini(&bat->flagged);
    hrd_causes_fini(&bat->causes);
    bat->asides = bat->raw_asides = NULL;
    bat->findings = NULL;
    bat->n_asides = bat->n_findings = 0;
    bat->aside_bytes = (struct hrp_buf)HRP_BUF_INIT;
    bat->flagged = (struct hrd_ranges){NULL, 0, 0};
}

void hrd_violation_put(struct hrp_buf *out, const char *rule_id, const char *message)
{
    struct hrp_site site = {.rule_id = rule_id, .message = message};
    struct hrp_violation v = {.site = &site};

    hrp_violations_put(out, &v, 1);
}

/* ---- counting ---- */

static int cause_of(struct judge *j, const struct hrp_site *site, uint8_t action, uint32_t *ret)
{
    struct hrp_buf path = HRP_BUF_INIT;
    int r;

    if (site == j->last_site && action == j->last_action) {
        *ret = j->last_cause;
        return 0;
    }
    hrp_site_path_put(&path, site, NULL);
    hrp_put_u8(&path, 0);
    r = path.err != 0 ? path.err
                      : hrd_causes_find(&j->bat->causes, site->rule_id, (const char *)path.p, (uint8_t)hrd_kind_of(site->rule_id), action, ret);
    hrp_buf_fini(&path);
    j->last_site = site;
    j->last_action = action;
    j->last_cause = *ret;
    return r;
}

static int count(struct judge *j, uint32_t row, const struct hrp_site *site, uint8_t action)
{
    struct hrd_batch_msg *bat = j->bat;
    uint32_t cause = 0;
    int r = cause_of(j, site, action, &cause);

    for (uint32_t i = bat->n_findings; r == 0 && i > 0 && bat->findings[i - 1].row == row; i--)
        if (bat->findings[i - 1].cause == cause)
            return 0; /* at another place of the same row */
    if (r == 0 && bat->n_findings == j->cap_findings) {
        uint32_t cap = j->cap_findings != 0 ? 2 * j->cap_findings : 16;
        struct hrd_finding *findings = hrp_realloc(bat->findings, cap * sizeof *findings);

        if (findings == NULL)
            return HR_ENOMEM;
        bat->findings = findings;
        j->cap_findings = cap;
    }
    if (r == 0)
        bat->findings[bat->n_findings++] = (struct hrd_finding){row, cause};
    return r;
}

/* ---- setting aside ---- */

static void put_reason(const struct hrp_violation *v, char *ret, size_t n)
{
    struct hrp_buf path = HRP_BUF_INIT;

    hrp_site_path_put(&path, v->site, v->subs);
    snprintf(ret, n, "%.*s%s%s", (int)(path.n < 80 ? path.n : 80), path.p != NULL ? (const char *)path.p : "", path.n != 0 ? ": " : "",
             v->site->message);
    hrp_buf_fini(&path);
}

static int set_aside(struct judge *j, uint32_t row, uint8_t action, const struct hrp_violation *v, uint32_t n)
{
    struct hrd_batch_msg *bat = j->bat;
    struct hrd_aside aside = {.row = row, .action = action};

    aside.violations_at = (uint32_t)bat->aside_bytes.n;
    if (action == HRD_ACTION_QUARANTINE)
        hrp_violations_put(&bat->aside_bytes, v, bat->aside_bytes.n < MOST_VIOLATIONS ? n : 1);
    aside.n_violations = (uint32_t)(bat->aside_bytes.n - aside.violations_at);
    put_reason(v, aside.reason, sizeof aside.reason);
    if (bat->aside_bytes.err != 0)
        return bat->aside_bytes.err;
    if (bat->aside_bytes.n > MOST_KEPT)
        return HR_ELIMIT;
    if (bat->n_asides == j->cap_asides) {
        uint32_t cap = j->cap_asides != 0 ? 2 * j->cap_asides : 16;
        struct hrd_aside *asides = hrp_realloc(bat->asides, cap * sizeof *asides);

        if (asides == NULL)
            return HR_ENOMEM;
        bat->asides = asides;
        j->cap_asides = cap;
    }
    bat->asides[bat->n_asides++] = aside;
    return 0;
}

static uint8_t graver(uint8_t a, uint8_t b)
{
    if (a == HRD_ACTION_QUARANTINE || b == HRD_ACTION_QUARANTINE)
        return HRD_ACTION_QUARANTINE;
    return a == HRD_ACTION_DROP || b == HRD_ACTION_DROP ? HRD_ACTION_DROP : HRD_ACTION_FLAG;
}

uint8_t hrd_findings_action(const struct hrd_policy *policy, const char *rule_id)
{
    enum hrd_kind kind = hrd_kind_of(rule_id);

    return kind < HRD_KIND_N ? policy->action[kind] : HRD_ACTION_QUARANTINE;
}

static int judge_row(struct judge *j, uint32_t row, const struct hrp_violation *v, uint32_t n)
{
    uint8_t action = HRD_ACTION_FLAG;
    int r = 0;

    for (uint32_t i = 0; i < n; i++)
        action = graver(action, hrd_findings_action(j->policy, v[i].site->rule_id));
    for (uint32_t i = 0; r == 0 && i < n; i++)
        r = count(j, row, v[i].site, action);
    if (r != 0)
        return r;
    return action == HRD_ACTION_FLAG ? hrd_ranges_add(&j->bat->flagged, row, (uint64_t)row + 1) : set_aside(j, row, action, v, n);
}

/* ---- typed rows ---- */

static bool is_marked(const struct hrp_batch *batch, uint32_t row) { return batch->flags != NULL && (batch->flags[row] & HRP_ROW_INVALID) != 0; }

static int judge_rows(struct judge *j)
{
    const struct hrp_batch *batch = j->bat->batch;
    uint32_t next_marked = 0, at = 0;
    int r = 0;

    while (r == 0) {
        uint32_t row = at < j->found.n ? j->found.v[at].row : batch->head.n_rows, n = 0;
        struct hrp_violation mark = {.site = &marked_site};

        while (next_marked < row && !is_marked(batch, next_marked))
            next_marked++;
        if (next_marked == batch->head.n_rows)
            break;
        if (next_marked < row) { /* we find nothing, perhaps for want of its producer's newer rules */
            mark.row = next_marked;
            r = judge_row(j, next_marked++, &mark, 1);
            continue;
        }
        while (at + n < j->found.n && j->found.v[at + n].row == row)
            n++;
        r = judge_row(j, row, &j->found.v[at], n);
        at += n;
        next_marked = row + 1;
    }
    return r;
}

static int refuse_rows(struct judge *j, const struct hrp_site *site)
{
    struct hrp_violation v = {.site = site};
    int r = 0;

    for (uint32_t row = 0; r == 0 && row < j->bat->batch->head.n_rows; row++)
        r = judge_row(j, row, &v, 1);
    return r;
}

/* ---- raw rows: their reason begins with the field, where there is one ---- */

#define MAX_PATH 32u

static uint32_t path_of(struct hrp_schema *schema, const char *reason, struct hrp_path_element path[MAX_PATH], const char **ret_message)
{
    const char *colon = strstr(reason, ": ");
    const struct hrp_node *node = NULL, *nodes = schema != NULL ? hrp_schema_nodes(schema) : NULL;
    char name[256];
    uint32_t n = 0;

    *ret_message = reason;
    if (colon != NULL && schema != NULL && (size_t)(colon - reason) < sizeof name) {
        snprintf(name, sizeof name, "%.*s", (int)(colon - reason), reason);
        node = hrp_schema_by_path(schema, name);
    }
    for (const struct hrp_node *p = node; p != NULL && p->id != 0; p = &nodes[p->parent])
        n += p->kind != HRP_NODE_ONEOF;
    if (n == 0 || n > MAX_PATH)
        return 0;
    *ret_message = colon + 2;
    for (uint32_t i = n; node->id != 0; node = &nodes[node->parent])
        if (node->kind != HRP_NODE_ONEOF)
            path[--i] = (struct hrp_path_element){.number = node->number, .name = node->name, .type = node->pb_type, .subscripted = node->repeated};
    return n;
}

/* What its producer says of a row whose type has personal data must not repeat what stood there: our reader's words do not. */
static const char *discreet(const struct hrp_schema *schema, const char *message)
{
    static const char end[] = ", found something else";
    size_t n = strlen(message), n_end = sizeof end - 1;

    if (schema == NULL || !hrp_schema_secret(schema) || (n >= n_end && strcmp(message + n - n_end, end) == 0))
        return message;
    return "not of its type; the producer's words are not kept, for they may repeat personal data";
}

static int judge_raw(struct judge *j, uint32_t i, const struct hrp_site *cause)
{
    struct hrd_batch_msg *bat = j->bat;
    struct hrd_aside *aside = &bat->raw_asides[i];
    struct hrp_path_element path[MAX_PATH];
    struct hrp_site site = {.rule_id = "headrace.untyped", .field = path};
    struct hrp_violation v = {.site = &site};

    if (cause != NULL) {
        site = *cause;
    } else {
        site.n_field = path_of(bat->batch->schema, bat->batch->raw[i].reason, path, &site.message);
        site.message = discreet(bat->batch->schema, site.message);
    }
    *aside = (struct hrd_aside){.row = i, .action = hrd_findings_action(j->policy, site.rule_id), .violations_at = (uint32_t)bat->aside_bytes.n};
    hrp_violations_put(&bat->aside_bytes, &v, 1);
    aside->n_violations = (uint32_t)(bat->aside_bytes.n - aside->violations_at);
    put_reason(&v, aside->reason, sizeof aside->reason);
    if (bat->aside_bytes.err != 0 || bat->aside_bytes.n > MOST_KEPT)
        return bat->aside_bytes.err != 0 ? bat->aside_bytes.err : HR_ELIMIT;
    j->last_site = NULL; /* the site is of this row alone */
    return count(j, bat->head.n_rows + i, &site, aside->action);
}

static int judge_all_raw(struct judge *j, const struct hrp_site *cause)
{
    uint32_t n = j->bat->batch->head.n_raw;
    int r = 0;

    if (n == 0)
        return 0;
    j->bat->raw_asides = hrp_calloc(n, sizeof *j->bat->raw_asides);
    if (j->bat->raw_asides == NULL)
        return HR_ENOMEM;
    for (uint32_t i = 0; r == 0 && i < n; i++)
        r = judge_raw(j, i, cause);
    j->last_site = NULL;
    return r;
}

/* ---- all ---- */

/* cause: of every row; NULL: each is looked at. */
static int judge(struct hrd_batch_msg *bat, const struct hrp_rules *rules, const struct hrd_policy *policy, const struct hrp_site *cause)
{
    struct judge j = {.bat = bat, .policy = policy};
    bool typed = bat->batch->columns != NULL && bat->head.n_rows != 0;
    int r = typed && cause == NULL && rules != NULL ? hrp_rules_check(rules, bat->batch, HRD_MOST_VIOLATIONS, &j.found) : 0;

    if (r == 0 && typed)
        r = cause != NULL ? refuse_rows(&j, cause) : judge_rows(&j);
    if (r == 0)
        r = judge_all_raw(&j, cause);
    hrp_violations_fini(&j.found);
    if (r != 0)
        hrd_findings_forget(bat);
    return r;
}

int hrd_findings_judge(struct hrd_batch_msg *bat, const struct hrp_rules *rules, const struct hrd_policy *policy, const char *refusal)
{
    const struct hrp_site unregistered = {.rule_id = "headrace.unregistered", .message = refusal};

    return judge(bat, rules, policy, refusal != NULL ? &unregistered : NULL);
}

int hrd_findings_refuse(struct hrd_batch_msg *bat, const char *rule_id, const char *message)
{
    const struct hrp_site site = {.rule_id = rule_id, .message = message};

    int r;

    hrd_findings_forget(bat);
    r = judge(bat, NULL, &hrd_policy_default, &site);
    return r == 0 ? hrd_findings_keep(bat) : r;
}

/* ---- the rows themselves ---- */

static int keep_row(struct hrp_cursor *cursor, uint32_t *at_row, struct hrd_aside *aside, struct hrp_buf *out)
{
    int r = 0;

    for (; r == 0 && *at_row < aside->row; ++*at_row)
        r = hrp_cursor_skip(cursor);
    aside->at = (uint32_t)out->n;
    if (r == 0)
        r = hrp_cursor_wire(cursor, out);
    ++*at_row;
    aside->n_bytes = (uint32_t)(out->n - aside->at);
    return r == 0 && out->n > MOST_KEPT ? HR_ELIMIT : r;
}

int hrd_findings_keep(struct hrd_batch_msg *bat)
{
    struct hrp_cursor *cursor = NULL;
    uint32_t at_row = 0;
    int r = 0;

    for (uint32_t i = 0; r == 0 && i < bat->n_asides; i++) {
        if (bat->asides[i].action != HRD_ACTION_QUARANTINE)
            continue;
        if (cursor == NULL)
            r = hrp_cursor_new(bat->batch, &cursor);
        if (r == 0)
            r = keep_row(cursor, &at_row, &bat->asides[i], &bat->aside_bytes);
    }
    hrp_cursor_free(cursor);
    if (r != 0)
        hrd_findings_forget(bat);
    return r;
}

size_t hrd_findings_bytes(const struct hrd_batch_msg *bat)
{
    size_t n_raw = bat->raw_asides != NULL ? bat->head.n_raw : 0;

    return bat->aside_bytes.n + (bat->n_asides + n_raw) * sizeof *bat->asides + bat->n_findings * sizeof *bat->findings;
}
