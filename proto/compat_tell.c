/* The list of findings, and what is reserved: the two things every part of the comparison asks. */
#include "compat_impl.h"
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_REASON 1024 /* bytes; names are up to 1023, so one that is longer is cut */

/* ---- memory ---- */

int hrp_compat_fail(struct hrp_compat *c, int r)
{
    if (c->res == 0)
        c->res = hr_error_set(c->err, r, r == HR_ELIMIT ? "the two schemas differ in more places than are told" : "out of memory");
    return c->res;
}

static void *take(struct hrp_compat *c, struct hrp_arena *arena, uint64_t n, size_t size)
{
    void *p = c->res == 0 ? hrp_arena_take(arena, n, size) : NULL;

    if (p == NULL && c->res == 0)
        hrp_compat_fail(c, hrp_arena_err(arena));
    return p;
}

void *hrp_compat_take(struct hrp_compat *c, uint64_t n, size_t size)
{
    return take(c, c->scratch, n, size);
}

static const char *text_v(struct hrp_compat *c, struct hrp_arena *arena, const char *fmt, va_list ap)
{
    char text[MAX_REASON + HRP_MAX_FULL_NAME];
    int n = vsnprintf(text, sizeof text, fmt, ap);
    size_t n_text = n < 0 ? 0 : (size_t)n < sizeof text ? (size_t)n : sizeof text - 1;
    char *p = take(c, arena, n_text + 1, 1);

    if (p != NULL) {
        memcpy(p, text, n_text);
        p[n_text] = '\0';
    }
    return p;
}

const char *hrp_compat_text(struct hrp_compat *c, const char *fmt, ...)
{
    const char *p;
    va_list ap;

    va_start(ap, fmt);
    p = text_v(c, c->scratch, fmt, ap);
    va_end(ap);
    return p;
}

/* ---- findings ---- */

static struct hrp_change *change_add(struct hrp_compat *c)
{
    struct hrp_changes *out = c->out;

    if (out->n == out->cap) {
        uint32_t cap = out->cap != 0 ? 2 * out->cap : 16;
        struct hrp_change *list = take(c, c->arena, cap, sizeof *list);

        if (list == NULL)
            return NULL;
        if (out->n != 0)
            memcpy(list, out->list, out->n * sizeof *list);
        out->list = list;
        out->cap = cap;
    }
    return &out->list[out->n];
}

static const char *path_text(struct hrp_compat *c, const char *fmt, ...)
{
    const char *p;
    va_list ap;

    va_start(ap, fmt);
    p = text_v(c, c->arena, fmt, ap);
    va_end(ap);
    return p;
}

static void tell_v(struct hrp_compat *c, struct hrp_change with, const char *path, const char *name, const char *fmt, va_list ap)
{
    struct hrp_change *change = change_add(c);

    if (change == NULL)
        return;
    with.path = name != NULL ? path_text(c, "%s.%s", path, name) : path_text(c, "%s", path);
    with.reason = text_v(c, c->arena, fmt, ap);
    if (c->res != 0)
        return;
    *change = with;
    c->out->n++;
}

void hrp_compat_tell(struct hrp_compat *c, unsigned what, const char *code, const char *path, const char *name, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    tell_v(c, (struct hrp_change){.what = what, .code = code}, path, name, fmt, ap);
    va_end(ap);
}

void hrp_compat_tell_rule(struct hrp_compat *c, bool tightened, const char *code, const char *path, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    tell_v(c, (struct hrp_change){.what = HRP_SEMANTIC, .tightened = tightened, .code = code}, path, NULL, fmt, ap);
    va_end(ap);
}

/* ---- reserved numbers and names ---- */

static int range_cmp(const void *a, const void *b)
{
    int64_t x = ((const struct hrp_reserved_range *)a)->first, y = ((const struct hrp_reserved_range *)b)->first;

    return (x > y) - (x < y);
}

static int str_cmp(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* protoc refuses ranges that overlap; a set from elsewhere may have them. */
static void ranges_merge(struct hrp_reserved *r)
{
    uint32_t n = 0;

    qsort(r->ranges, r->n_ranges, sizeof *r->ranges, range_cmp);
    for (uint32_t i = 0; i < r->n_ranges; i++) {
        const struct hrp_reserved_range *from = &r->ranges[i];

        if (from->last < from->first)
            continue;
        if (n != 0 && from->first <= r->ranges[n - 1].last + 1) {
            if (from->last > r->ranges[n - 1].last)
                r->ranges[n - 1].last = from->last;
        } else {
            r->ranges[n++] = *from;
        }
    }
    r->n_ranges = n;
}

static int reserved_take(struct hrp_compat *c, size_t n_ranges, char *const *names, size_t n_names, struct hrp_reserved *ret)
{
    *ret = (struct hrp_reserved){
        .ranges = hrp_compat_take(c, n_ranges + 1, sizeof *ret->ranges),
        .names = hrp_compat_take(c, n_names + 1, sizeof *ret->names),
        .n_ranges = (uint32_t)n_ranges,
        .n_names = (uint32_t)n_names,
    };
    if (c->res != 0)
        return c->res;
    for (size_t i = 0; i < n_names; i++)
        ret->names[i] = names[i];
    qsort(ret->names, n_names, sizeof *ret->names, str_cmp);
    return 0;
}

int hrp_reserved_of_message(struct hrp_compat *c, const pb_message *m, struct hrp_reserved *ret)
{
    int r = reserved_take(c, m->n_reserved_range, m->reserved_name, m->n_reserved_name, ret);

    for (size_t i = 0; i < m->n_reserved_range && r == 0; i++) /* descriptor.proto: the end of a message's range is not in it */
        ret->ranges[i] = (struct hrp_reserved_range){m->reserved_range[i]->start, (int64_t)m->reserved_range[i]->end - 1};
    if (r == 0)
        ranges_merge(ret);
    return r;
}

int hrp_reserved_of_enum(struct hrp_compat *c, const pb_enum *e, struct hrp_reserved *ret)
{
    int r = reserved_take(c, e->n_reserved_range, e->reserved_name, e->n_reserved_name, ret);

    for (size_t i = 0; i < e->n_reserved_range && r == 0; i++) /* an enum's is */
        ret->ranges[i] = (struct hrp_reserved_range){e->reserved_range[i]->start, e->reserved_range[i]->end};
    if (r == 0)
        ranges_merge(ret);
    return r;
}

/* The range that holds the number, or NULL. */
static const struct hrp_reserved_range *range_of(const struct hrp_reserved *r, int64_t number)
{
    uint32_t lo = 0, hi = r->n_ranges;

    while (lo < hi) {
        uint32_t mid = lo + (hi - lo) / 2;

        if (r->ranges[mid].last < number)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo < r->n_ranges && r->ranges[lo].first <= number ? &r->ranges[lo] : NULL;
}

bool hrp_reserved_number(const struct hrp_reserved *r, int64_t number)
{
    return range_of(r, number) != NULL;
}

bool hrp_reserved_name(const struct hrp_reserved *r, const char *name)
{
    return bsearch(&name, r->names, r->n_names, sizeof *r->names, str_cmp) != NULL;
}

void hrp_compat_reserved(struct hrp_compat *c, const struct hrp_reserved *old, const struct hrp_reserved *now, const char *path)
{
    for (uint32_t i = 0; i < old->n_ranges; i++) {
        const struct hrp_reserved_range *was = &old->ranges[i], *is = range_of(now, was->first);

        if (is == NULL || is->last < was->last)
            hrp_compat_tell(c, HRP_BREAKS_BOTH, "reservation_dropped", path, NULL,
                            "numbers %lld to %lld were reserved, and not all of them are now", (long long)was->first,
                            (long long)was->last);
    }
    for (uint32_t i = 0; i < old->n_names; i++) {
        if (!hrp_reserved_name(now, old->names[i]))
            hrp_compat_tell(c, HRP_BREAKS_BOTH, "reservation_dropped", path, NULL, "the name `%s` was reserved and is not now",
                            old->names[i]);
    }
}
