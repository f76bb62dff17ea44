#include "ingest.h"
#include "alloc.h"
#include "findings.h"
#include "personal.h"
#include <stdio.h>

int hrd_ingest_head(struct hrd_batch_msg *bat, const struct hrp_limits *lim)
{
    return hrp_batch_head_read(bat->bytes, bat->n_bytes, lim, &bat->head);
}

static void forget_body(struct hrd_batch_msg *bat)
{
    hrd_findings_forget(bat);
    hrp_batch_free(bat->batch);
    bat->batch = NULL;
}

/* What is personal in bytes that nobody can take apart can't be taken out of them. */
static void keep_no_bytes(struct hrd_batch_msg *bat)
{
    hrp_free(bat->bytes);
    bat->bytes = NULL;
    bat->n_bytes = 0;
}

static bool must_hide(const struct hrd_batch_msg *bat, const struct hrp_schema *schema)
{
    return schema != NULL && hrp_schema_secret(schema) && (bat->head.n_raw != 0 || (bat->head.n_rows != 0 && hrd_personal_any(schema)));
}

static int judge(struct hrd_batch_msg *bat, const struct hrd_ingest_type *type, struct hr_error *err)
{
    int r = hrd_findings_judge(bat, type->rules, type->policy, type->refusal);

    if (r == 0 && must_hide(bat, type->schema))
        r = type->personal != NULL ? hrd_personal_hide(type->personal, bat) : HR_EINVAL;
    if (r == 0)
        r = hrd_findings_keep(bat);
    return r == 0 ? 0 : hr_error_set(err, r, "its rows can't be kept one by one: %s", hr_strerror(r));
}

int hrd_ingest_body(struct hrd_batch_msg *bat, const struct hrd_ingest_type *type, const struct hrp_limits *lim)
{
    struct hr_error err = {0, ""};
    const char *refusal = type->refusal;
    int r;

    if (type->schema == NULL && bat->head.n_rows != 0) {
        snprintf(bat->reason, sizeof bat->reason, "%s", refusal != NULL && *refusal != '\0' ? refusal : "its schema was refused");
        return 0;
    }
    r = hrp_batch_open(bat->bytes, bat->n_bytes, type->schema, lim, &bat->batch, &err);
    if (r == 0) {
        hrp_batch_sizes(bat->batch, &bat->sizes);
        r = judge(bat, type, &err);
    }
    if (r == 0)
        return 0;
    forget_body(bat);
    if (r == HR_ENOMEM)
        return r;
    if (type->schema != NULL && hrp_schema_secret(type->schema))
        keep_no_bytes(bat);
    snprintf(bat->reason, sizeof bat->reason, "can't be decoded: %.230s", err.text);
    return 0;
}
