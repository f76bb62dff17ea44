#include "ingest.h"
#include "findings.h"
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
        r = hrd_findings_judge(bat, type->rules, type->policy, refusal);
        if (r != 0)
            hr_error_set(&err, r, "rows set aside: %s", hr_strerror(r));
    }
    if (r == 0 || r == HR_ENOMEM) {
        if (r != 0)
            forget_body(bat);
        return r;
    }
    forget_body(bat);
    snprintf(bat->reason, sizeof bat->reason, "can't be decoded: %.230s", err.text);
    return 0;
}
