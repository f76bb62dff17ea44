#include "status.h"
#include "alloc.h"
#include <string.h>

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
    for (uint32_t i = 0; i < s->n_streams; i++) {
        hrp_free(s->streams[i].name);
        hrd_causes_fini(&s->streams[i].causes);
    }
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

static int copy_text(char **at)
{
    *at = hrp_strdup(*at);
    return *at != NULL ? 0 : HR_ENOMEM;
}

/* The arrays as they are; their strings are s's still, but those counted in ret. */
static int copy_streams(const struct hrd_status *s, struct hrd_status *ret)
{
    int r = 0;

    ret->streams = hrp_memdup(s->streams, s->n_streams * sizeof *s->streams);
    if (ret->streams == NULL)
        return HR_ENOMEM;
    while (r == 0 && ret->n_streams < s->n_streams) {
        struct hrd_stream_status *st = &ret->streams[ret->n_streams++];
        int second = hrd_causes_copy(&s->streams[ret->n_streams - 1].causes, &st->causes);

        r = copy_text(&st->name) | second;
    }
    return r;
}

static int copy_lines(const struct hrd_status *s, struct hrd_status *ret)
{
    int r = 0;

    ret->lines = hrp_memdup(s->lines, s->n_lines * sizeof *s->lines);
    if (ret->lines == NULL)
        return HR_ENOMEM;
    while (r == 0 && ret->n_lines < s->n_lines) {
        struct hrd_ledger_line *line = &ret->lines[ret->n_lines++];
        int second = copy_text(&line->version); /* both, whatever becomes of one: unref frees both */

        r = copy_text(&line->app) | second;
    }
    return r;
}

static int copy_producers(const struct hrd_status *s, struct hrd_status *ret)
{
    int r = 0;

    ret->producers = hrp_memdup(s->producers, s->n_producers * sizeof *s->producers);
    if (ret->producers == NULL)
        return HR_ENOMEM;
    while (r == 0 && ret->n_producers < s->n_producers) {
        struct hrd_producer_status *p = &ret->producers[ret->n_producers++];
        int second = copy_text(&p->version), third = copy_text(&p->host);

        r = copy_text(&p->app) | second | third;
    }
    return r;
}

int hrd_status_copy(const struct hrd_status *s, struct hrd_status **ret)
{
    struct hrd_status *copy = hrp_calloc(1, sizeof *copy);

    if (copy == NULL)
        return HR_ENOMEM;
    copy->refs = 1; /* field by field: other threads count references of s meanwhile */
    copy->commits = s->commits;
    copy->time_ns = s->time_ns;
    copy->ready = s->ready;
    memcpy(copy->reason, s->reason, sizeof copy->reason);
    if (copy_streams(s, copy) != 0 || copy_lines(s, copy) != 0 || copy_producers(s, copy) != 0) {
        hrd_status_unref(copy);
        return HR_ENOMEM;
    }
    *ret = copy;
    return 0;
}

uint64_t hrd_status_lost(const struct hrd_status *s)
{
    uint64_t n = 0;

    for (uint32_t i = 0; s != NULL && i < s->n_lines; i++)
        for (unsigned reason = 0; reason < HRP_DROP_N; reason++)
            if (reason != HRP_DROP_SAMPLED && reason != HRP_DROP_OFF)
                n += s->lines[i].dropped[reason];
    return n;
}
