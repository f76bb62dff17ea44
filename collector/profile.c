#include "profile.h"
#include "alloc.h"
#include <string.h>

int hrd_profile_new(uint32_t stream_id, uint32_t schema_id, uint32_t minute, struct hrd_profile **ret)
{
    struct hrd_profile *prof = hrp_calloc(1, sizeof *prof);

    if (prof == NULL)
        return HR_ENOMEM;
    prof->stream_id = stream_id;
    prof->schema_id = schema_id;
    prof->minute = minute;
    prof->min_event_time_ns = INT64_MAX;
    prof->max_event_time_ns = INT64_MIN;
    *ret = prof;
    return 0;
}

void hrd_profile_free(struct hrd_profile *prof)
{
    if (prof == NULL)
        return;
    for (uint32_t i = 0; i < prof->n_fields; i++)
        hrd_hll_fini(&prof->fields[i].distinct);
    hrp_free(prof->fields);
    hrd_ranges_fini(&prof->offsets);
    hrp_free(prof);
}

int hrd_profile_reserve(struct hrd_profile *prof, uint32_t n_fields)
{
    struct hrd_field_profile *fields;

    if (n_fields <= prof->n_fields)
        return 0;
    fields = hrp_realloc(prof->fields, n_fields * sizeof *fields);
    if (fields == NULL)
        return HR_ENOMEM;
    memset(fields + prof->n_fields, 0, (n_fields - prof->n_fields) * sizeof *fields);
    prof->fields = fields;
    prof->n_fields = n_fields;
    return 0;
}

static bool less(uint8_t phys, union hrd_number a, union hrd_number b)
{
    return phys == HRP_PHYS_F64 ? a.f64 < b.f64 : phys == HRP_PHYS_I64 ? a.i64 < b.i64 : a.u64 < b.u64;
}

void hrd_field_apply(struct hrd_field_profile *f, const struct hrd_field_delta *d)
{
    f->slots += d->slots;
    f->present += d->present;
    f->values += d->values;
    f->zeros += d->zeros;
    f->nans += d->nans;
    f->infs += d->infs;
    if (f->phys == HRP_PHYS_NONE)
        f->phys = d->phys;
    if (d->moments.n == 0)
        return;
    if (f->moments.n == 0 || less(d->phys, d->min, f->min))
        f->min = d->min;
    if (f->moments.n == 0 || less(d->phys, f->max, d->max))
        f->max = d->max;
    hrd_moments_merge(&f->moments, &d->moments);
}

static void merge_field(struct hrd_field_profile *into, const struct hrd_field_profile *from)
{
    struct hrd_field_delta d = {
        .phys = from->phys, .slots = from->slots, .present = from->present, .values = from->values, .zeros = from->zeros,
        .nans = from->nans, .infs = from->infs, .min = from->min, .max = from->max, .moments = from->moments,
    };

    hrd_field_apply(into, &d);
}

void hrd_profile_apply_rows(struct hrd_profile *prof, uint64_t rows, int64_t min_event_time_ns, int64_t max_event_time_ns)
{
    prof->rows += rows;
    if (min_event_time_ns < prof->min_event_time_ns)
        prof->min_event_time_ns = min_event_time_ns;
    if (max_event_time_ns > prof->max_event_time_ns)
        prof->max_event_time_ns = max_event_time_ns;
}

int hrd_profile_merge(struct hrd_profile *into, const struct hrd_profile *from)
{
    int r;

    if (hrd_ranges_meet(&into->offsets, &from->offsets))
        return HR_EINVAL;
    r = hrd_profile_reserve(into, from->n_fields);
    for (uint32_t i = 0; r == 0 && i < from->n_fields; i++)
        r = hrd_hll_merge(&into->fields[i].distinct, &from->fields[i].distinct);
    if (r == 0)
        r = hrd_ranges_merge(&into->offsets, &from->offsets);
    if (r != 0)
        return r;
    for (uint32_t i = 0; i < from->n_fields; i++)
        merge_field(&into->fields[i], &from->fields[i]);
    hrd_profile_apply_rows(into, from->rows, from->min_event_time_ns, from->max_event_time_ns);
    return 0;
}

uint64_t hrd_field_distinct(const struct hrd_field_profile *f)
{
    uint64_t n = (uint64_t)(hrd_hll_estimate(&f->distinct) + 0.5);

    if (f->phys == HRP_PHYS_BYTES && f->zeros > 0)
        n++;
    return n < f->values ? n : f->values; /* never more than there are values */
}

size_t hrd_profile_bytes(const struct hrd_profile *prof)
{
    size_t n = sizeof *prof + prof->n_fields * sizeof *prof->fields + prof->offsets.cap * sizeof *prof->offsets.r;

    for (uint32_t i = 0; i < prof->n_fields; i++)
        n += hrd_hll_bytes(&prof->fields[i].distinct);
    return n;
}

struct hrd_profile_set *hrd_profile_set_new(void) { return hrp_calloc(1, sizeof(struct hrd_profile_set)); }

void hrd_profile_set_free(struct hrd_profile_set *set)
{
    struct hrd_profile *prof, *next;

    for (prof = set != NULL ? set->first : NULL; prof != NULL; prof = next) {
        next = prof->next;
        hrd_profile_free(prof);
    }
    hrp_free(set);
}

/* A list, the last used first: a worker has a handful of streams in a second, and their blocks come in runs. */
static struct hrd_profile *find(struct hrd_profile_set *set, uint32_t stream_id, uint32_t schema_id, uint32_t minute)
{
    struct hrd_profile **at = &set->first, *prof;

    while ((prof = *at) != NULL && (prof->stream_id != stream_id || prof->schema_id != schema_id || prof->minute != minute))
        at = &prof->next;
    if (prof != NULL) {
        *at = prof->next;
        prof->next = set->first;
        set->first = prof;
    }
    return prof;
}

int hrd_profile_set_add(struct hrd_profile_set *set, const struct hrd_block_head *head, const struct hrp_batch *batch)
{
    uint32_t minute = hrd_profile_minute(head->receive_time_ns);
    struct hrd_profile *prof = find(set, head->stream_id, head->schema_id, minute);
    size_t before = prof != NULL ? hrd_profile_bytes(prof) : 0;
    int r = 0;

    if (prof == NULL) {
        r = hrd_profile_new(head->stream_id, head->schema_id, minute, &prof);
        if (r == 0) {
            prof->next = set->first;
            set->first = prof;
        }
    }
    if (r == 0)
        r = hrd_profile_add(prof, head, batch);
    if (r != 0)
        set->lost_rows += head->n_rows;
    if (prof != NULL)
        set->n_bytes += hrd_profile_bytes(prof) - before;
    return r;
}
