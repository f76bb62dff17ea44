/* What is kept per stream: its next offset and what it has stored. Written with the rows, so both are right or neither is. */
#include "committer_impl.h"
#include "alloc.h"
#include <string.h>

void cm_streams_fini(struct hrd_committer *cm)
{
    for (uint32_t i = 0; i < cm->n_streams; i++) {
        hrp_free(cm->streams[i].name);
        hrd_causes_fini(&cm->streams[i].causes);
    }
    hrp_free(cm->streams);
    cm->streams = NULL;
    cm->n_streams = cm->cap_streams = cm->dirty = 0;
}

struct cm_stream *cm_stream(struct hrd_committer *cm, uint32_t stream_id)
{
    struct cm_stream *s = stream_id != 0 && stream_id <= cm->n_streams ? &cm->streams[stream_id - 1] : NULL;

    return s != NULL && s->name != NULL ? s : NULL;
}

int cm_stream_add(struct hrd_committer *cm, uint32_t stream_id, const char *name)
{
    uint32_t cap = cm->cap_streams != 0 ? cm->cap_streams : 16;
    struct cm_stream *streams = cm->streams;
    char *copy;

    if (cm_stream(cm, stream_id) != NULL)
        return 0;
    while (cap < stream_id)
        cap = cap > UINT32_MAX / 2 ? UINT32_MAX : cap * 2;
    if (cap > cm->cap_streams) {
        streams = hrp_realloc(streams, cap * sizeof *streams);
        if (streams == NULL)
            return HR_ENOMEM;
        memset(streams + cm->cap_streams, 0, (cap - cm->cap_streams) * sizeof *streams);
        cm->streams = streams;
        cm->cap_streams = cap;
    }
    copy = hrp_strdup(name);
    if (copy == NULL)
        return HR_ENOMEM;
    streams[stream_id - 1] = (struct cm_stream){.name = copy, .rec = {.stream_id = stream_id}};
    if (stream_id > cm->n_streams)
        cm->n_streams = stream_id;
    return 0;
}

void cm_stream_touch(struct hrd_committer *cm, struct cm_stream *stream)
{
    if (stream->dirty)
        return;
    stream->dirty = true;
    stream->next_dirty = cm->dirty;
    cm->dirty = stream->rec.stream_id;
}

int cm_cause_count(struct cm_stream *stream, const char *rule, const char *path, enum hrd_kind kind, uint8_t action, uint64_t rows,
                   int64_t now_wall_ns)
{
    uint32_t i;
    int r = hrd_causes_find(&stream->causes, rule, path, (uint8_t)kind, action, &i);

    if (r != 0)
        return r;
    stream->causes.list[i].rows += rows;
    stream->causes.list[i].newest_ns = now_wall_ns;
    stream->causes_dirty = true;
    return 0;
}

static void causes_key(uint32_t stream_id, uint8_t ret[5])
{
    ret[0] = 'c';
    for (unsigned i = 0; i < 4; i++)
        ret[1 + i] = (uint8_t)(stream_id >> (24 - 8 * i));
}

static void stage_causes(struct hrd_committer *cm, struct cm_stream *s)
{
    uint8_t key[5];

    if (!s->causes_dirty)
        return;
    s->causes_dirty = false;
    causes_key(s->rec.stream_id, key);
    hrp_buf_clear(&cm->value);
    hrd_causes_put(&cm->value, &s->causes);
    if (cm->value.err != 0)
        cm->group.err = cm->value.err;
    else
        hrd_group_put(&cm->group, HRD_CF_SCHEMAS, key, sizeof key, cm->value.p, cm->value.n);
}

int cm_streams_stage(struct hrd_committer *cm)
{
    while (cm->dirty != 0) {
        struct cm_stream *s = &cm->streams[cm->dirty - 1];

        cm->dirty = s->next_dirty;
        s->dirty = false;
        hrd_stream_record_put(&cm->group, s->name, &s->rec, &cm->value);
        stage_causes(cm, s);
    }
    return cm->group.err;
}

/* ---- from the store ---- */

static int load_one(struct hrd_committer *cm, const uint8_t *name, size_t n_name, const uint8_t *value, size_t n)
{
    char text[HRD_STREAM_NAME_MAX + 1];
    struct hrd_stream_record rec;
    int r = hrd_stream_record_read(value, n, &rec);

    if (r != 0 || n_name > HRD_STREAM_NAME_MAX || rec.stream_id == 0)
        return r != 0 ? r : HR_ECORRUPT;
    memcpy(text, name, n_name);
    text[n_name] = '\0';
    r = cm_stream_add(cm, rec.stream_id, text);
    if (r == 0)
        cm->streams[rec.stream_id - 1].rec = rec;
    return r;
}

static int load_records(struct hrd_committer *cm, struct hrd_snapshot *snap)
{
    const struct hrd_log_ops *ops = cm->log->ops;
    const uint8_t *key, *value;
    size_t n_key, n;
    struct hrd_iter *it;
    int r = ops->iter(snap, HRD_CF_SCHEMAS, "s", 1, &it);

    if (r != 0)
        return r;
    while ((r = ops->next(it, &key, &n_key, &value, &n)) == 1 && n_key > 0 && key[0] == 's') {
        r = load_one(cm, key + 1, n_key - 1, value, n);
        if (r != 0)
            break;
    }
    ops->iter_free(it);
    return r < 0 ? r : 0;
}

/* Damaged ones are begun anew: they are counts beside the rows, and the rows are there. */
static int load_causes(struct hrd_committer *cm, struct hrd_snapshot *snap, struct cm_stream *s)
{
    uint8_t key[5];
    int r;

    causes_key(s->rec.stream_id, key);
    hrp_buf_clear(&cm->value);
    r = cm->log->ops->get(snap, HRD_CF_SCHEMAS, key, sizeof key, &cm->value);
    if (r == 0)
        r = hrd_causes_read(cm->value.p, cm->value.n, &s->causes);
    return r == HR_ENOENT || r == HR_ECORRUPT || r == HR_EVERSION ? 0 : r;
}

/* The stream's last entry in cf: 1, and ret_it to be closed, by which the value lives; 0: it has none. */
static int last_of(struct hrd_committer *cm, struct hrd_snapshot *snap, enum hrd_cf cf, uint32_t stream_id, struct hrd_iter **ret_it,
                   uint64_t *ret_number, const uint8_t **ret_value, size_t *ret_n)
{
    const struct hrd_log_ops *ops = cm->log->ops;
    const uint8_t *found;
    size_t n_found;
    uint8_t key[12];
    int r;

    hrd_block_key(stream_id, UINT64_MAX, key);
    r = ops->iter_back(snap, cf, key, sizeof key, ret_it);
    if (r != 0)
        return r;
    r = ops->next(*ret_it, &found, &n_found, ret_value, ret_n);
    if (r == 1 && n_found == sizeof key && memcmp(found, key, 4) == 0) {
        *ret_number = 0;
        for (unsigned i = 4; i < sizeof key; i++)
            *ret_number = *ret_number << 8 | found[i];
        return 1;
    }
    ops->iter_free(*ret_it);
    return r < 0 ? r : 0;
}

/* (4) No offset twice, whatever a salvaged store has lost: none below the end of the stream's last block is given out; and no
 * number of a quarantined row, whose record would be overwritten. */
static int check_end(struct hrd_committer *cm, struct hrd_snapshot *snap, struct cm_stream *s)
{
    struct hrd_block_head head;
    struct hrd_iter *it;
    const uint8_t *value;
    uint64_t last;
    size_t n, used;
    int r = last_of(cm, snap, HRD_CF_INDEX, s->rec.stream_id, &it, &last, &value, &n);

    if (r == 1) {
        if (hrd_block_head_read(value, n, &head, &used) == 0) {
            if (s->rec.next_offset < head.first_offset + head.n_rows)
                s->rec.next_offset = head.first_offset + head.n_rows;
            hrd_block_head_fini(&head);
        }
        cm->log->ops->iter_free(it);
    }
    if (r >= 0)
        r = last_of(cm, snap, HRD_CF_QUARANTINE, s->rec.stream_id, &it, &last, &value, &n);
    if (r == 1) {
        if (s->rec.next_quarantine <= last)
            s->rec.next_quarantine = last + 1;
        cm->log->ops->iter_free(it);
    }
    return r < 0 ? r : 0;
}

int cm_streams_load(struct hrd_committer *cm)
{
    struct hrd_snapshot *snap;
    int r = cm->log->ops->snapshot(cm->log, &snap);

    if (r != 0)
        return r;
    cm_streams_fini(cm);
    r = load_records(cm, snap);
    for (uint32_t i = 0; r == 0 && i < cm->n_streams; i++)
        if (cm->streams[i].name != NULL) {
            r = check_end(cm, snap, &cm->streams[i]);
            if (r == 0)
                r = load_causes(cm, snap, &cm->streams[i]);
        }
    cm->log->ops->snapshot_free(snap);
    return r;
}
