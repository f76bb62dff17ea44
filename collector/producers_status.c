/* Copies of the ledger and the producers for those who show them. */
#include "producers_impl.h"
#include "alloc.h"
#include <stdlib.h>
#include <string.h>

static int copy_line(struct hrd_ledger_line *to, const struct hrd_total *from)
{
    const struct hrd_terms *t = &from->terms;

    *to = (struct hrd_ledger_line){
        .stream_id = from->stream_id, .app = hrp_strdup(from->app), .version = hrp_strdup(from->version),
        .logged = t->logged, .accepted = t->accepted, .quarantined = t->quarantined,
        .in_flight = t->in_flight, .missing = t->missing, .trimmed = t->trimmed};
    memcpy(to->dropped, t->dropped, sizeof to->dropped);
    return to->app != NULL && to->version != NULL ? 0 : HR_ENOMEM;
}

static int copy_producer(struct hrd_producer_status *to, const struct hrp_id *id, const struct hrd_incarnation_info *info,
                         const struct hrd_terms *t, bool connected)
{
    *to = (struct hrd_producer_status){
        .incarnation = *id, .producer = info->producer,
        .app = hrp_strdup(info->app), .version = hrp_strdup(info->version), .host = hrp_strdup(info->host),
        .pid = info->pid, .born_ns = info->born_ns, .last_seen_ns = info->last_seen_ns, .connected = connected, .closed = info->closed,
        .logged = t->logged, .accepted = t->accepted, .quarantined = t->quarantined, .in_flight = t->in_flight, .missing = t->missing};
    for (unsigned i = 0; i < HRP_DROP_N; i++)
        to->dropped += t->dropped[i];
    return to->app != NULL && to->version != NULL && to->host != NULL ? 0 : HR_ENOMEM;
}

static int newest_first(const void *a, const void *b)
{
    int64_t x = (*(const struct hrd_past *const *)a)->info.last_seen_ns, y = (*(const struct hrd_past *const *)b)->info.last_seen_ns;

    return x < y ? 1 : x > y ? -1 : 0;
}

static int copy_past(const struct hrd_totals *t, struct hrd_status *st, uint32_t most)
{
    const struct hrd_past **order = hrp_malloc((t->n_past + 1) * sizeof *order);
    int r = order != NULL ? 0 : HR_ENOMEM;

    for (uint32_t i = 0; r == 0 && i < t->n_past; i++)
        order[i] = &t->past[i];
    if (r == 0)
        qsort(order, t->n_past, sizeof *order, newest_first);
    for (uint32_t i = 0; r == 0 && i < t->n_past && i < most; i++)
        r = copy_producer(&st->producers[st->n_producers++], &order[i]->incarnation, &order[i]->info, &order[i]->terms, false);
    hrp_free(order);
    return r;
}

static int copy_live(const struct hrd_producers *prd, struct hrd_status *st)
{
    int r = 0;

    for (uint32_t i = 0; i < prd->n_buckets; i++)
        for (const struct hrd_incarnation *inc = prd->buckets[i]; r == 0 && inc != NULL; inc = inc->next)
            r = copy_producer(&st->producers[st->n_producers++], &inc->id, &inc->info, &inc->sum, inc->refs != 0);
    return r;
}

int hrd_producers_status(const struct hrd_producers *prd, struct hrd_status *st)
{
    const struct hrd_totals *t = &prd->totals;
    uint32_t past = prd->n_incs < HRD_PAST_MAX ? HRD_PAST_MAX - prd->n_incs : 0;
    int r = 0;

    st->lines = hrp_calloc(t->n_lines + 1, sizeof *st->lines);
    st->producers = hrp_calloc(prd->n_incs + t->n_past + 1, sizeof *st->producers);
    if (st->lines == NULL || st->producers == NULL)
        return HR_ENOMEM;
    for (uint32_t i = 0; r == 0 && i < t->n_lines; i++)
        r = copy_line(&st->lines[st->n_lines++], &t->lines[i]);
    if (r == 0)
        r = copy_live(prd, st);
    return r == 0 ? copy_past(t, st, past) : r;
}
