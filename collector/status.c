#include "status.h"
#include "alloc.h"

struct hrd_status *hrd_status_ref(struct hrd_status *s)
{
    __atomic_add_fetch(&s->refs, 1, __ATOMIC_RELAXED);
    return s;
}

void hrd_status_unref(struct hrd_status *s)
{
    /* acq_rel: the last one to leave sees what the others have read as done */
    if (s == NULL || __atomic_sub_fetch(&s->refs, 1, __ATOMIC_ACQ_REL) != 0)
        return;
    for (uint32_t i = 0; i < s->n_streams; i++)
        hrp_free(s->streams[i].name);
    for (uint32_t i = 0; i < s->n_lines; i++) {
        hrp_free(s->lines[i].app);
        hrp_free(s->lines[i].version);
    }
    for (uint32_t i = 0; i < s->n_producers; i++) {
        hrp_free(s->producers[i].app);
        hrp_free(s->producers[i].version);
        hrp_free(s->producers[i].host);
    }
    hrp_free(s->streams);
    hrp_free(s->lines);
    hrp_free(s->producers);
    hrp_free(s);
}
