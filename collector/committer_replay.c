/* Rows that leave the quarantine: the record goes, the row comes, and the ledger's term moves, in one write.
 *
 * Whether a record is still there is asked of the store, which knows nothing of the group being decided: so a group takes one
 * replay at most (committer.c). A record that is gone, or whose number the ledger does not have as set aside, is left out. */
#include "committer_impl.h"
#include "alloc.h"

static int is_there(struct cm_work *w, struct hrd_snapshot *snap, uint64_t number, uint8_t key[12])
{
    int r;

    hrd_block_key(w->stream->rec.stream_id, number, key);
    hrp_buf_clear(&w->cm->value);
    r = w->cm->log->ops->get(snap, HRD_CF_QUARANTINE, key, 12, &w->cm->value);
    return r == 0 ? 1 : r == HR_ENOENT ? 0 : r;
}

static int move_row(struct cm_work *w, struct hrd_snapshot *snap, uint32_t lane, uint32_t row)
{
    struct hrd_lane_record *rec;
    uint8_t key[12];
    int r = is_there(w, snap, w->bat->replay[row], key);

    if (r != 1)
        return r;
    r = hrd_producers_lane(w->cm->prd, w->inc, w->stream->rec.stream_id, lane, &rec);
    if (r != 0 || rec->quarantined == 0)
        return r;
    rec->quarantined--;
    rec->accepted++;
    w->stream->rec.quarantined -= w->stream->rec.quarantined != 0;
    hrd_producers_touch(w->cm->prd, w->inc, rec, w->now_wall_ns);
    hrd_group_del(&w->cm->group, HRD_CF_QUARANTINE, key, sizeof key);
    r = hrd_ranges_add(&w->cm->selection, row, (uint64_t)row + 1);
    return r == 0 ? w->cm->group.err : r;
}

int cm_take_replay(struct cm_work *w)
{
    const struct hrp_batch_head *h = &w->bat->head;
    struct hrd_snapshot *snap;
    uint32_t row = 0;
    int r = w->cm->log->ops->snapshot(w->cm->log, &snap);

    if (r != 0)
        return r;
    w->cm->selection.n = 0;
    for (uint32_t i = 0; r == 0 && i < h->n_segments; i++)
        for (uint64_t k = 0; r == 0 && k < h->segments[i].count; k++)
            r = move_row(w, snap, h->segments[i].lane, row++);
    w->cm->log->ops->snapshot_free(snap);
    if (r == 0)
        r = cm_put_block(w);
    if (r == 0 && w->bat->accepted != 0)
        cm_stream_touch(w->cm, w->stream);
    return r;
}
