#include "totals.h"
#include "alloc.h"
#include <string.h>

void hrd_totals_fini(struct hrd_totals *t)
{
    for (uint32_t i = 0; i < t->n_lines; i++) {
        hrp_free(t->lines[i].app);
        hrp_free(t->lines[i].version);
    }
    for (uint32_t i = 0; i < t->n_past; i++)
        hrd_incarnation_info_fini(&t->past[i].info);
    hrp_free(t->lines);
    hrp_free(t->slots);
    hrp_free(t->past);
    memset(t, 0, sizeof *t);
}

/* ---- lines ---- */

static uint64_t hash(uint32_t stream_id, const char *app, const char *version)
{
    return hrp_hash64(app, strlen(app)) * 31 + hrp_hash64(version, strlen(version)) + stream_id * UINT64_C(0x9e3779b97f4a7c15);
}

/* Its slot, or the free one where it belongs. */
static uint32_t *slot(const struct hrd_totals *t, uint32_t stream_id, const char *app, const char *version)
{
    for (uint64_t h = hash(stream_id, app, version);; h++) {
        uint32_t *s = &t->slots[h & (t->n_slots - 1)];
        const struct hrd_total *line = *s != 0 ? &t->lines[*s - 1] : NULL;

        if (line == NULL || (line->stream_id == stream_id && strcmp(line->app, app) == 0 && strcmp(line->version, version) == 0))
            return s;
    }
}

static int reserve(struct hrd_totals *t)
{
    uint32_t n = t->n_slots != 0 ? t->n_slots * 2 : 64, cap = n / 2;
    struct hrd_total *lines;
    uint32_t *slots;

    if (t->n_lines < t->cap_lines)
        return 0;
    lines = hrp_realloc(t->lines, cap * sizeof *lines);
    if (lines == NULL)
        return HR_ENOMEM;
    t->lines = lines;
    slots = hrp_calloc(n, sizeof *slots);
    if (slots == NULL)
        return HR_ENOMEM;
    hrp_free(t->slots);
    t->slots = slots;
    t->n_slots = n;
    t->cap_lines = cap;
    for (uint32_t i = 0; i < t->n_lines; i++)
        *slot(t, lines[i].stream_id, lines[i].app, lines[i].version) = i + 1;
    return 0;
}

int hrd_totals_line(struct hrd_totals *t, uint32_t stream_id, const char *app, const char *version, uint32_t *ret)
{
    int r = reserve(t);
    uint32_t *s = r == 0 ? slot(t, stream_id, app, version) : NULL;
    struct hrd_total line = {.stream_id = stream_id};

    if (s != NULL && *s == 0 && t->n_lines >= HRD_MAX_LINES) {
        app = HRD_OTHER;
        version = "";
        s = slot(t, stream_id, app, version);
    }
    if (s == NULL)
        return r;
    if (*s == 0) {
        line.app = hrp_strdup(app);
        line.version = hrp_strdup(version);
        if (line.app == NULL || line.version == NULL) {
            hrp_free(line.app);
            hrp_free(line.version);
            return HR_ENOMEM;
        }
        t->lines[t->n_lines++] = line;
        *s = t->n_lines;
    }
    *ret = *s - 1;
    return 0;
}

void hrd_terms_add(struct hrd_terms *into, const struct hrd_terms *was, const struct hrd_terms *is)
{
    into->logged += is->logged - was->logged; /* differences may be negative: unsigned sums come out right */
    into->accepted += is->accepted - was->accepted;
    into->quarantined += is->quarantined - was->quarantined;
    for (unsigned i = 0; i < HRP_DROP_N; i++)
        into->dropped[i] += is->dropped[i] - was->dropped[i];
    into->in_flight += is->in_flight - was->in_flight;
    into->missing += is->missing - was->missing;
    into->trimmed += is->trimmed - was->trimmed;
}

void hrd_totals_add(struct hrd_totals *t, uint32_t line, const struct hrd_terms *was, const struct hrd_terms *is)
{
    hrd_terms_add(&t->lines[line].terms, was, is);
}

/* ---- incarnations nobody speaks for ---- */

static void find_oldest(struct hrd_totals *t)
{
    t->oldest = 0;
    for (uint32_t i = 1; i < t->n_past; i++)
        if (t->past[i].info.last_seen_ns < t->past[t->oldest].info.last_seen_ns)
            t->oldest = i;
}

int hrd_totals_past_add(struct hrd_totals *t, const struct hrp_id *id, struct hrd_incarnation_info *info, const struct hrd_terms *terms)
{
    struct hrd_past *past = t->past, p = {*id, *info, *terms};
    uint32_t cap = t->cap_past != 0 ? t->cap_past * 2 : 16;

    if (t->n_past == HRD_PAST_MAX) {
        struct hrd_incarnation_info *gives_way = &t->past[t->oldest].info;

        if (info->last_seen_ns <= gives_way->last_seen_ns) {
            hrd_incarnation_info_fini(info);
            return 0;
        }
        hrd_incarnation_info_fini(gives_way);
        t->past[t->oldest] = p;
    } else {
        if (t->n_past == t->cap_past)
            past = hrp_realloc(past, cap * sizeof *past);
        if (past == NULL) {
            hrd_incarnation_info_fini(info);
            return HR_ENOMEM;
        }
        t->past = past;
        t->cap_past = t->n_past == t->cap_past ? cap : t->cap_past;
        past[t->n_past++] = p;
    }
    info->app = info->version = info->host = NULL;
    if (t->n_past == HRD_PAST_MAX)
        find_oldest(t);
    return 0;
}

void hrd_totals_past_remove(struct hrd_totals *t, const struct hrp_id *id)
{
    for (uint32_t i = 0; i < t->n_past; i++)
        if (hrp_id_cmp(&t->past[i].incarnation, id) == 0) {
            hrd_incarnation_info_fini(&t->past[i].info);
            t->past[i] = t->past[--t->n_past];
            return;
        }
}
