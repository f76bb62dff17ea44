#include "ingest.h"
#include "alloc.h"
#include <stdio.h>

int hrd_ingest_head(struct hrd_batch_msg *bat, const struct hrp_limits *lim)
{
    return hrp_batch_head_read(bat->bytes, bat->n_bytes, lim, &bat->head);
}

static uint32_t count_marked(const struct hrp_batch *batch)
{
    uint32_t n = 0;

    for (uint32_t i = 0; batch->flags != NULL && i < batch->head.n_rows; i++)
        n += (batch->flags[i] & HRP_ROW_INVALID) != 0;
    return n;
}

static int set_row_aside(struct hrd_batch_msg *bat, struct hrp_cursor *cur, uint32_t row)
{
    struct hrd_aside *aside = &bat->asides[bat->n_asides];
    size_t at = bat->aside_bytes.n;
    int r = hrp_cursor_wire(cur, &bat->aside_bytes);

    if (r == 0)
        r = bat->aside_bytes.err;
    if (r != 0)
        return r;
    if (bat->aside_bytes.n > UINT32_MAX)
        return HR_ELIMIT;
    *aside = (struct hrd_aside){.row = row, .at = (uint32_t)at, .n_bytes = (uint32_t)(bat->aside_bytes.n - at)};
    snprintf(aside->reason, sizeof aside->reason, "marked by its producer as breaking a rule");
    bat->n_asides++;
    return 0;
}

/* Rows that break a rule leave the columns here, as bytes: the block's selection will not have them. */
static int set_marked_aside(struct hrd_batch_msg *bat)
{
    uint32_t n = count_marked(bat->batch);
    struct hrp_cursor *cur;
    int r;

    if (n == 0)
        return 0;
    bat->asides = hrp_calloc(n, sizeof *bat->asides);
    r = bat->asides == NULL ? HR_ENOMEM : hrp_cursor_new(bat->batch, &cur);
    if (r != 0)
        return r;
    for (uint32_t row = 0; r == 0 && row < bat->head.n_rows; row++)
        if ((bat->batch->flags[row] & HRP_ROW_INVALID) != 0)
            r = set_row_aside(bat, cur, row);
        else
            r = hrp_cursor_skip(cur);
    hrp_cursor_free(cur);
    return r;
}

static void forget_body(struct hrd_batch_msg *bat)
{
    hrp_batch_free(bat->batch);
    bat->batch = NULL;
    hrp_free(bat->asides);
    bat->asides = NULL;
    bat->n_asides = 0;
    hrp_buf_fini(&bat->aside_bytes);
    bat->aside_bytes = (struct hrp_buf)HRP_BUF_INIT;
}

int hrd_ingest_body(struct hrd_batch_msg *bat, struct hrp_schema *schema, const struct hrp_limits *lim)
{
    struct hr_error err = {0, ""};
    int r;

    if (schema == NULL && bat->head.n_rows != 0) {
        if (bat->reason[0] == '\0') /* whoever knows the refusal's reason has put it there */
            snprintf(bat->reason, sizeof bat->reason, "its schema was refused");
        return 0;
    }
    r = hrp_batch_open(bat->bytes, bat->n_bytes, schema, lim, &bat->batch, &err);
    if (r == 0) {
        bat->reason[0] = '\0';
        hrp_batch_sizes(bat->batch, &bat->sizes);
        r = set_marked_aside(bat);
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
