/* What a delivery is, and carrying it out.
 *
 * It is planned by the heads of blocks alone, which a plan remembers: each look goes on where the one before ended. A plan is
 * whole when it is full, when the next block is of another hour, or when its first row has waited long enough. Bytes are
 * those of the blocks as stored, so a plan need not decode what it only counts. */
#include "alloc.h"
#include "producers.h"
#include "sink_impl.h"
#include <string.h>

#define HOUR_NS INT64_C(3600000000000)

static int64_t hour_of(int64_t time_ns)
{
    int64_t rest = time_ns % HOUR_NS;

    return time_ns - (rest < 0 ? rest + HOUR_NS : rest);
}

/* 1: with this block, or without it, the plan is whole. */
static int plan_block(const struct hrd_sink_settings *set, struct sink_plan *plan, const struct hrd_block_head *head, uint64_t now_mono_ns)
{
    uint64_t from = head->first_offset > plan->to ? head->first_offset : plan->to, n = head->first_offset + head->n_rows - from;
    int64_t hour_ns = hour_of(head->receive_time_ns);

    if (plan->rows != 0 && plan->hour_ns != hour_ns)
        return 1;
    if (plan->rows == 0) {
        plan->hour_ns = hour_ns;
        plan->since_ns = head->receive_time_ns;
        plan->since_mono_ns = now_mono_ns;
    }
    if (n > set->max_rows - plan->rows)
        n = set->max_rows - plan->rows;
    plan->rows += n;
    plan->to = from + n;
    plan->bytes += head->batch_bytes;
    return plan->rows >= set->max_rows || plan->bytes >= set->max_bytes;
}

static bool old_enough(const struct hrd_sink_settings *set, const struct sink_plan *plan, int64_t now_wall_ns, uint64_t now_mono_ns)
{
    uint64_t age_ns = set->max_age_ms * UINT64_C(1000000);

    if (plan->rows == 0)
        return false;
    return now_mono_ns - plan->since_mono_ns >= age_ns || (now_wall_ns > plan->since_ns && (uint64_t)(now_wall_ns - plan->since_ns) >= age_ns);
}

int sink_plan(struct sink *snk, uint32_t stream_id, struct sink_stream *st, int64_t now_wall_ns, uint64_t now_mono_ns)
{
    struct hrd_reader *reader;
    const struct hrd_read_block *blk;
    struct hrd_gap gap;
    bool whole = false;
    int r;

    if (st->plan.rows == 0 && st->plan.to < st->cursor)
        st->plan = (struct sink_plan){.to = st->cursor};
    r = hrd_reader_open(snk->log, snk->registry, stream_id, st->plan.to, &reader);
    if (r != 0)
        return r;
    while (!whole && (r = hrd_reader_next_head(reader, &blk, &gap)) > 0) {
        if (r == 2)
            st->plan.to = gap.to;
        else
            whole = plan_block(&snk->settings, &st->plan, &blk->head, now_mono_ns) == 1;
    }
    hrd_reader_free(reader);
    if (r < 0)
        return r;
    return whole || old_enough(&snk->settings, &st->plan, now_wall_ns, now_mono_ns);
}

/* ---- carrying it out ---- */

struct delivering {
    struct sink *snk;
    const struct sink_stream *st;
    struct hrp_id who;                   /* whose info it is */
    struct hrd_incarnation_info info;
    bool has_who;
    uint64_t rows, bytes, gap_rows;
};

/* App and version of the block's incarnation; without a readable record there are none. */
static int find_who(struct delivering *d, const struct hrp_id *id)
{
    int r;

    if (d->has_who && hrp_id_cmp(&d->who, id) == 0)
        return 0;
    hrd_incarnation_info_fini(&d->info);
    memset(&d->info, 0, sizeof d->info);
    d->who = *id;
    d->has_who = true;
    r = hrd_incarnation_get(d->snk->log, id, &d->info);
    return r == HR_ENOENT || r == HR_ECORRUPT || r == HR_EVERSION ? 0 : r;
}

static int give_row(struct delivering *d, struct hrd_rows *rows, uint64_t offset, struct hr_error *err)
{
    struct hrp_buf *json = &d->snk->json;
    struct hrd_sink_row row = {.offset = offset};
    int r;

    hrp_buf_clear(json);
    r = hrd_rows_json(rows, d->info.app != NULL ? d->info.app : "", d->info.version != NULL ? d->info.version : "", json);
    if (r != 0)
        return r;
    row.json = json->p;
    row.n_json = json->n;
    r = d->snk->kind->row(d->snk->dest, &row, err);
    d->rows++;
    d->bytes += json->n;
    return r;
}

/* A row that can't be read takes the rest of its block with it. What the destination says is another matter: it fills err. */
static int give_rows(struct delivering *d, const struct hrd_read_block *blk, struct hr_error *err)
{
    uint64_t end = blk->head.first_offset + blk->head.n_rows, offset = blk->head.first_offset;
    struct hrp_row_id id;
    struct hrd_rows *rows;
    int r = find_who(d, &blk->head.incarnation);

    if (end > d->st->intent.to)
        end = d->st->intent.to;
    if (r == 0)
        r = hrd_rows_open(blk, d->st->cursor, &rows);
    if (r != 0)
        return r;
    while ((r = hrd_rows_next(rows, &id, &offset)) == 1 && offset < end)
        if ((r = give_row(d, rows, offset, err)) != 0)
            break;
    hrd_rows_free(rows);
    if (r < 0 && err->code == 0 && r != HR_ENOMEM) {
        d->gap_rows += end - offset;
        return 0;
    }
    return r < 0 ? r : 0;
}

static int give_all(struct delivering *d, uint32_t stream_id, struct hr_error *err)
{
    const struct hrd_read_block *blk;
    struct hrd_reader *reader;
    struct hrd_gap gap;
    int r = hrd_reader_open(d->snk->log, d->snk->registry, stream_id, d->st->cursor, &reader);

    if (r != 0)
        return r;
    while (hrd_reader_offset(reader) < d->st->intent.to && (r = hrd_reader_next(reader, &blk, &gap)) > 0) {
        uint64_t to = gap.to < d->st->intent.to ? gap.to : d->st->intent.to;

        if (r == 2)
            d->gap_rows += to > gap.from ? to - gap.from : 0;
        else if (blk->head.first_offset >= d->st->intent.to)
            break;
        else if ((r = give_rows(d, blk, err)) != 0)
            break;
    }
    if (r >= 0 && hrd_reader_offset(reader) < d->st->intent.to) /* its rows were there when it was planned */
        r = hr_error_set(err, HR_ECORRUPT, "the stream ends at offset %llu", (unsigned long long)hrd_reader_offset(reader));
    hrd_reader_free(reader);
    return r < 0 ? r : 0;
}

static int carry_out(struct delivering *d, const struct hrd_delivery *what, struct hr_error *err)
{
    struct sink *snk = d->snk;
    struct hr_error ignored = {0, ""};
    int r = snk->kind->begin(snk->dest, what, err);

    if (r == 0)
        r = give_all(d, what->stream_id, err);
    if (r == 0)
        return snk->kind->finish(snk->dest, true, err);
    snk->kind->finish(snk->dest, false, &ignored);
    return r;
}

int sink_deliver(struct sink *snk, uint32_t stream_id, const struct sink_stream *st, struct hr_error *err)
{
    struct delivering d = {.snk = snk, .st = st};
    struct hrd_stream_info info;
    struct hrd_delivery what = {.stream_id = stream_id, .generation = st->intent.generation, .from = st->cursor, .to = st->intent.to,
                                .hour_ns = st->intent.hour_ns};
    int r = hrd_registry_stream(snk->registry, stream_id, &info);

    what.stream = info.name;
    if (r == 0)
        r = carry_out(&d, &what, err);
    hrd_incarnation_info_fini(&d.info);
    if (r != 0)
        return err->code != 0 ? r : hr_error_set(err, r, "offsets %llu to %llu: %s", (unsigned long long)what.from,
                                                 (unsigned long long)what.to, hr_strerror(r));
    snk->status.rows += d.rows;
    snk->status.bytes += d.bytes;
    snk->status.gap_rows += d.gap_rows;
    snk->status.deliveries++;
    return 0;
}
