#include "shadow.h"
#include "alloc.h"
#include "read.h"
#include "registry.h"
#include "trial.h"
#include <string.h>

struct run {
    struct hrd_trial *trial;
    struct hrp_schema *by;   /* the trial's own: nothing is stored here, so nothing need be hashed */
    struct hrp_buf row;
    struct hrd_shadow *ret;
};

static int judge(struct run *run)
{
    int r = hrd_trial_judge(run->trial, &run->ret->causes);

    for (uint32_t i = 0; r == 0 && i < hrd_trial_rows(run->trial); i++)
        run->ret->refused += hrd_trial_verdict(run->trial, i) == HRD_STAYS;
    run->ret->rows += hrd_trial_rows(run->trial);
    hrd_trial_clear(run->trial);
    return r;
}

static int add(struct run *run, const struct hrp_row_id *id)
{
    const struct hrd_trial_row row = {.form = HRD_FORM_WIRE, .bytes = run->row.p, .n_bytes = run->row.n, .lane = id->lane, .n = id->n,
                                      .event_time_ns = id->event_time_ns, .by = run->by};
    int r = hrd_trial_add(run->trial, &row);

    if (r != HR_EFULL)
        return r;
    r = judge(run);
    return r == 0 ? hrd_trial_add(run->trial, &row) : r;
}

static int block(struct run *run, const struct hrd_read_block *blk)
{
    struct hrd_rows *rows;
    struct hrp_row_id id;
    uint64_t offset;
    int r = hrd_rows_open(blk, blk->head.first_offset, &rows);

    if (r != 0)
        return r;
    while ((r = hrd_rows_next(rows, &id, &offset)) == 1) {
        hrp_buf_clear(&run->row);
        r = hrd_rows_wire(rows, &run->row);
        if (r == 0)
            r = run->row.err != 0 ? run->row.err : add(run, &id);
        if (r != 0)
            break;
    }
    hrd_rows_free(rows);
    return r;
}

static int blocks(struct run *run, struct hrd_reader *reader)
{
    const struct hrd_read_block *blk;
    struct hrd_gap gap;
    int r;

    while ((r = hrd_reader_next(reader, &blk, &gap)) > 0) {
        if (r == 2)
            continue; /* what can't be read can't be refused */
        if (run->ret->rows + hrd_trial_rows(run->trial) >= HRD_SHADOW_ROWS) {
            run->ret->cut = true;
            return 0;
        }
        r = block(run, blk);
        if (r != 0)
            return r;
    }
    return r;
}

int hrd_shadow_run(struct hrd_log *log, struct hrd_registry *reg, uint32_t stream_id, struct hrp_schema *schema, const struct hrp_rules *rules,
                   int64_t since_ns, struct hrd_shadow *ret)
{
    struct hrd_times times = HRD_TIMES_ALL;
    struct run run = {.by = schema, .ret = ret, .row = HRP_BUF_INIT};
    struct hrd_settings settings = {.policy = hrd_policy_default};
    struct hrd_reader *reader;
    int r;

    memset(ret, 0, sizeof *ret);
    (void)hrd_registry_settings(reg, stream_id, &settings);
    r = hrd_reader_open(log, reg, stream_id, 0, &reader);
    if (r != 0)
        return r;
    times.receive_since_ns = since_ns;
    hrd_reader_times(reader, &times);
    r = hrd_trial_new(schema, rules, &settings.policy, &run.trial);
    if (r == 0)
        r = blocks(&run, reader);
    if (r == 0)
        r = judge(&run);
    hrd_trial_free(run.trial);
    hrd_reader_free(reader);
    hrp_buf_fini(&run.row);
    return r;
}
