/* What others may know of the committer's streams, ledger and producers: copies of what is durable. */
#include "committer_impl.h"
#include "alloc.h"
#include <string.h>

static int copy_streams(struct hrd_committer *cm, struct hrd_status *st)
{
    struct hrd_stream_info info;

    st->streams = hrp_calloc(cm->n_streams + 1, sizeof *st->streams);
    if (st->streams == NULL)
        return HR_ENOMEM;
    for (uint32_t i = 0; i < cm->n_streams; i++) {
        const struct hrd_stream_record *rec = &cm->streams[i].rec;
        struct hrd_stream_status *s = &st->streams[st->n_streams];

        if (cm->streams[i].name == NULL)
            continue;
        *s = (struct hrd_stream_status){
            .stream_id = rec->stream_id, .name = hrp_strdup(cm->streams[i].name),
            .next_offset = rec->next_offset, .rows = rec->rows, .blocks = rec->blocks, .quarantined = rec->quarantined,
            .header_bytes = rec->header_bytes, .envelope_bytes = rec->envelope_bytes, .field_bytes = rec->field_bytes,
            .raw_bytes = rec->raw_bytes, .index_bytes = rec->index_bytes,
            .newest_receive_ns = rec->newest_receive_ns, .newest_event_ns = rec->newest_event_ns};
        if (s->name == NULL)
            return HR_ENOMEM;
        if (hrd_causes_copy(&cm->streams[i].causes, &s->causes) != 0) {
            hrp_free(s->name);
            return HR_ENOMEM;
        }
        s->schema_id = hrd_registry_stream(cm->reg, rec->stream_id, &info) == 0 ? info.schema_id : 0;
        st->n_streams++;
    }
    return 0;
}

/* While broken, memory has what was staged: what is shown stays what was durable. */
static int status_of(struct hrd_committer *cm, struct hrd_status **ret)
{
    struct hrd_status *st;
    int r;

    if (cm->broken && cm->last != NULL)
        return hrd_status_copy(cm->last, ret);
    st = hrp_calloc(1, sizeof *st);
    if (st == NULL)
        return HR_ENOMEM;
    st->refs = 1;
    st->commits = cm->commits;
    r = cm->broken ? 0 : copy_streams(cm, st);
    if (r == 0 && !cm->broken)
        r = hrd_producers_status(cm->prd, st);
    if (r != 0) {
        hrd_status_unref(st);
        return r;
    }
    *ret = st;
    return 0;
}

int hrd_committer_status(struct hrd_committer *cm, int64_t now_wall_ns, struct hrd_status **ret)
{
    struct hrd_status *st;
    int r = status_of(cm, &st);

    if (r != 0)
        return r;
    st->time_ns = now_wall_ns;
    st->ready = !cm->broken;
    memcpy(st->reason, cm->reason, sizeof st->reason);
    hrd_status_unref(cm->last);
    cm->last = hrd_status_ref(st);
    *ret = st;
    return 0;
}
