/* Values against rules: numbers, strings, times, masks, lists without repetitions.
 *
 * Bounds on integers are one pass without a branch, which the compiler makes vectors of; a dictionary's entries are looked at
 * once each, whatever the number of rows; one value that stands for all is one value. Only when something was found are the values
 * gone through one by one. */
#include "rules_impl.h"
#include "alloc.h"
#include "wire_check.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- integers ---- */

#define INTEGERS(NAME, TYPE, M)                                                                                                             \
    static bool any_outside_##NAME(const TYPE *v, uint32_t n, TYPE lo, TYPE hi)                                                             \
    {                                                                                                                                       \
        unsigned bad = 0;                                                                                                                   \
                                                                                                                                            \
        for (uint32_t i = 0; i < n; i++)                                                                                                    \
            bad |= (unsigned)(v[i] < lo) | (unsigned)(v[i] > hi);                                                                           \
        return bad != 0;                                                                                                                    \
    }                                                                                                                                       \
    static bool listed_##NAME(const struct rule_check *ck, TYPE v)                                                                          \
    {                                                                                                                                       \
        uint32_t from = 0, to = ck->n_list;                                                                                                 \
                                                                                                                                            \
        while (from < to) {                                                                                                                 \
            uint32_t mid = from + (to - from) / 2;                                                                                          \
                                                                                                                                            \
            if (ck->list[mid].M < v)                                                                                                        \
                from = mid + 1;                                                                                                             \
            else                                                                                                                            \
                to = mid;                                                                                                                   \
        }                                                                                                                                   \
        return from < ck->n_list && ck->list[from].M == v;                                                                                  \
    }

INTEGERS(i64, int64_t, i)
INTEGERS(u64, uint64_t, u)

static bool good_i64(const struct rule_check *ck, int64_t v)
{
    if (ck->skip_zero && v == ck->zero)
        return true;
    switch (ck->test) {
    case TEST_RANGE:
        return v >= ck->lo.i && v <= ck->hi.i;
    case TEST_OUTSIDE: /* hi is below lo: what lies between them is refused */
        return v < ck->hi.i || v > ck->lo.i;
    default:
        return listed_i64(ck, v) == (ck->test == TEST_IN);
    }
}

static bool good_u64(const struct rule_check *ck, uint64_t v)
{
    if (ck->skip_zero && v == (uint64_t)ck->zero)
        return true;
    switch (ck->test) {
    case TEST_RANGE:
        return v >= ck->lo.u && v <= ck->hi.u;
    case TEST_OUTSIDE:
        return v < ck->hi.u || v > ck->lo.u;
    default:
        return listed_u64(ck, v) == (ck->test == TEST_IN);
    }
}

/* ---- floating point: NaN is in no range and in no list ---- */

static bool listed_f64(const struct rule_check *ck, double v)
{
    for (uint32_t i = 0; i < ck->n_list; i++)
        if (ck->list[i].f == v)
            return true;
    return false;
}

static bool good_f64(const struct rule_check *ck, double v)
{
    bool above = !ck->has_lo || (ck->lo_open ? v > ck->lo.f : v >= ck->lo.f);
    bool below = !ck->has_hi || (ck->hi_open ? v < ck->hi.f : v <= ck->hi.f);

    if (ck->skip_zero && v == 0 && (ck->minus_zero || !signbit(v)))
        return true;
    switch (ck->test) {
    case TEST_RANGE:
        return above && below;
    case TEST_OUTSIDE:
        return above || below;
    case TEST_FINITE:
        return isfinite(v);
    default:
        return listed_f64(ck, v) == (ck->test == TEST_IN);
    }
}

/* ---- numeric columns ---- */

static bool good_number(const struct rule_check *ck, const struct hrp_column *c, uint32_t i)
{
    switch (c->node->phys) {
    case HRP_PHYS_I64:
        return good_i64(ck, c->i64[i]);
    case HRP_PHYS_U64:
        return good_u64(ck, c->u64[i]);
    case HRP_PHYS_F32:
        return good_f64(ck, (double)c->f32[i]);
    default:
        return good_f64(ck, c->f64[i]);
    }
}

/* One pass for the usual case; false: all is good. */
static bool maybe_bad(const struct rule_check *ck, const struct hrp_column *c)
{
    bool range = ck->test == TEST_RANGE, one = ck->test == TEST_IN && ck->n_list == 1;

    if (c->node->phys == HRP_PHYS_I64 && (range || one)) {
        int64_t lo = range ? ck->lo.i : ck->list[0].i, hi = range ? ck->hi.i : lo;

        return any_outside_i64(c->i64, c->n_values, lo, hi);
    }
    if (c->node->phys == HRP_PHYS_U64 && (range || one)) {
        uint64_t lo = range ? ck->lo.u : ck->list[0].u, hi = range ? ck->hi.u : lo;

        return any_outside_u64(c->u64, c->n_values, lo, hi);
    }
    return true;
}

static void fail_all(struct checking *k, const struct rule_check *ck, uint32_t n_values)
{
    for (uint32_t i = 0; i < n_values && k->res == 0; i++)
        hrp_check_fail(k, ck, i);
}

void hrp_check_numbers(struct checking *k, const struct rule_check *ck)
{
    const struct hrp_column *c = &k->cols[ck->node];

    if (c->n_values == 0)
        return;
    if (c->constant) {
        if (!good_number(ck, c, 0))
            fail_all(k, ck, c->n_values);
        return;
    }
    if (!maybe_bad(ck, c))
        return;
    for (uint32_t i = 0; i < c->n_values && k->res == 0; i++)
        if (!good_number(ck, c, i))
            hrp_check_fail(k, ck, i);
}

/* ---- strings and bytes ---- */

static uint64_t code_points(const uint8_t *p, uint32_t n)
{
    uint64_t points = 0;

    for (uint32_t i = 0; i < n; i++)
        points += (p[i] & 0xc0) != 0x80;
    return points;
}

static int compare(const struct check_text *t, const uint8_t *p, uint32_t n)
{
    int c = memcmp(t->p, p, t->n < n ? t->n : n);

    return c != 0 ? c : (t->n > n) - (t->n < n);
}

static bool listed(const struct rule_check *ck, const uint8_t *p, uint32_t n)
{
    uint32_t from = 0, to = ck->n_list;

    while (from < to) {
        uint32_t mid = from + (to - from) / 2;
        int c = compare(&ck->texts[mid], p, n);

        if (c == 0)
            return true;
        if (c < 0)
            from = mid + 1;
        else
            to = mid;
    }
    return false;
}

static bool contains(const struct check_text *t, const uint8_t *p, uint32_t n)
{
    return t->n == 0 || (n != 0 && memmem(p, n, t->p, t->n) != NULL);
}

/* bytes.pattern is of text; protovalidate fails the whole message over other bytes, as a failure of its own kind. */
static bool matches(struct checking *k, const struct rule_check *ck, const uint8_t *p, uint32_t n)
{
    if (hrp_utf8_valid(p, n))
        return k->rules->regex->match(ck->re, p, n);
    snprintf(k->ret->runtime, sizeof k->ret->runtime, "%.200s: must be valid UTF-8 to apply its pattern", k->cols[ck->node].node->path);
    return false;
}

static bool good_bytes(struct checking *k, const struct rule_check *ck, const uint8_t *p, uint32_t n)
{
    const struct check_text *t = ck->texts;
    uint64_t points;

    if (ck->skip_zero && n == 0)
        return true;
    switch (ck->test) {
    case TEST_CHARS:
        points = code_points(p, n);
        return points >= ck->lo.u && points <= ck->hi.u;
    case TEST_BYTES:
        return n >= ck->lo.u && n <= ck->hi.u;
    case TEST_SIZES:
        return n == ck->lo.u || n == ck->hi.u;
    case TEST_NOT_EMPTY:
        return n != 0;
    case TEST_PREFIX:
        return n >= t->n && memcmp(p, t->p, t->n) == 0;
    case TEST_SUFFIX:
        return n >= t->n && memcmp(p + n - t->n, t->p, t->n) == 0;
    case TEST_CONTAINS:
        return contains(t, p, n);
    case TEST_NOT_CONTAINS:
        return !contains(t, p, n);
    case TEST_PATTERN:
        return matches(k, ck, p, n);
    case TEST_FORMAT:
        return ck->format(p, n);
    default:
        return listed(ck, p, n) == (ck->test == TEST_IN);
    }
}

static bool good_entry(struct checking *k, const struct rule_check *ck, const struct hrp_column *c, uint32_t entry)
{
    return good_bytes(k, ck, c->data + c->offsets[entry], c->offsets[entry + 1] - c->offsets[entry]);
}

/* Each distinct value once; then the values by their entries. */
static void check_dictionary(struct checking *k, const struct rule_check *ck, const struct hrp_column *c)
{
    uint8_t *bad = hrp_calloc(1, c->n_dict);
    bool any = false;

    if (bad == NULL) {
        k->res = HR_ENOMEM;
        return;
    }
    for (uint32_t e = 0; e < c->n_dict; e++) {
        bad[e] = !good_entry(k, ck, c, e);
        any |= bad[e];
    }
    for (uint32_t i = 0; any && i < c->n_values && k->res == 0; i++)
        if (bad[c->codes[i]])
            hrp_check_fail(k, ck, i);
    hrp_free(bad);
}

void hrp_check_bytes(struct checking *k, const struct rule_check *ck)
{
    const struct hrp_column *c = &k->cols[ck->node];

    if (c->n_values == 0)
        return;
    if (c->constant) {
        if (!good_entry(k, ck, c, 0))
            fail_all(k, ck, c->n_values);
    } else if (c->codes != NULL) {
        check_dictionary(k, ck, c);
    } else {
        for (uint32_t i = 0; i < c->n_values && k->res == 0; i++)
            if (!good_entry(k, ck, c, i))
                hrp_check_fail(k, ck, i);
    }
}

/* ---- Timestamp and Duration: columns of seconds and nanos ---- */

static __int128 time_at(const struct hrp_column *seconds, const struct hrp_column *nanos, uint32_t i)
{
    return (__int128)seconds->i64[seconds->constant ? 0 : i] * 1000000000 + nanos->i64[nanos->constant ? 0 : i];
}

static bool good_time(const struct checking *k, const struct rule_check *ck, __int128 t)
{
    bool above = !ck->has_lo || (ck->lo_open ? t > ck->lo.t : t >= ck->lo.t);
    bool below = !ck->has_hi || (ck->hi_open ? t < ck->hi.t : t <= ck->hi.t);
    bool in = false;

    switch (ck->test) {
    case TEST_RANGE:
        return above && below;
    case TEST_OUTSIDE:
        return above || below;
    case TEST_LT_NOW:
        return t <= k->now;
    case TEST_GT_NOW:
        return t >= k->now;
    case TEST_WITHIN:
        return t >= k->now - ck->hi.t && t <= k->now + ck->hi.t;
    default:
        for (uint32_t i = 0; i < ck->n_list && !in; i++)
            in = ck->times[i] == t;
        return in == (ck->test == TEST_IN);
    }
}

void hrp_check_times(struct checking *k, const struct rule_check *ck)
{
    const struct hrp_column *c = &k->cols[ck->node];
    const struct hrp_node *s = hrp_schema_field(k->program->schema, c->node, 1), *n = hrp_schema_field(k->program->schema, c->node, 2);

    if (c->n_values == 0 || s == NULL || n == NULL || s->phys != HRP_PHYS_I64 || n->phys != HRP_PHYS_I64)
        return;
    for (uint32_t i = 0; i < c->n_values && k->res == 0; i++)
        if (!good_time(k, ck, time_at(&k->cols[s->id], &k->cols[n->id], i)))
            hrp_check_fail(k, ck, i);
}

/* ---- FieldMask: a column of paths ---- */

/* path, or something below it, is listed. */
static bool covered(const struct rule_check *ck, const uint8_t *p, uint32_t n)
{
    for (uint32_t i = 0; i < ck->n_list; i++) {
        const struct check_text *t = &ck->texts[i];

        if (n >= t->n && memcmp(p, t->p, t->n) == 0 && (n == t->n || p[t->n] == '.'))
            return true;
    }
    return false;
}

/* Its paths joined by commas, as the rule has them. */
static bool same_mask(const struct check_text *whole, const struct hrp_column *paths, uint32_t from, uint32_t to)
{
    size_t at = 0;

    for (uint32_t i = from; i < to; i++) {
        uint32_t n;
        const uint8_t *p = hrp_column_bytes(paths, i, &n);

        if (i != from && (at == whole->n || whole->p[at++] != ','))
            return false;
        if (n > whole->n - at || memcmp(whole->p + at, p, n) != 0)
            return false;
        at += n;
    }
    return at == whole->n;
}

static bool good_mask(const struct rule_check *ck, const struct hrp_column *paths, uint32_t from, uint32_t to)
{
    if (ck->required)
        return same_mask(ck->texts, paths, from, to);
    for (uint32_t i = from; i < to; i++) {
        uint32_t n;
        const uint8_t *p = hrp_column_bytes(paths, i, &n);

        if (covered(ck, p, n) != (ck->test == TEST_IN))
            return false;
    }
    return true;
}

void hrp_check_masks(struct checking *k, const struct rule_check *ck)
{
    const struct hrp_column *c = &k->cols[ck->node], *paths;
    const struct hrp_node *node = hrp_schema_field(k->program->schema, c->node, 1);
    uint32_t at = 0;

    if (c->n_values == 0 || node == NULL || !node->repeated || node->phys != HRP_PHYS_BYTES)
        return;
    paths = &k->cols[node->id];
    for (uint32_t i = 0; i < c->n_values && k->res == 0; i++) {
        uint32_t n = paths->lengths != NULL ? paths->lengths[i] : 0;

        if (!good_mask(ck, paths, at, at + n))
            hrp_check_fail(k, ck, i);
        at += n;
    }
}

/* ---- lists without repetitions ---- */

static int order(const struct hrp_column *c, uint32_t x, uint32_t y)
{
    uint32_t nx, ny;
    const uint8_t *px, *py;
    int r;

    switch (c->node->phys) {
    case HRP_PHYS_I64:
        return (c->i64[x] > c->i64[y]) - (c->i64[x] < c->i64[y]);
    case HRP_PHYS_U64:
        return (c->u64[x] > c->u64[y]) - (c->u64[x] < c->u64[y]);
    case HRP_PHYS_F64:
        return (c->f64[x] > c->f64[y]) - (c->f64[x] < c->f64[y]);
    case HRP_PHYS_F32:
        return (c->f32[x] > c->f32[y]) - (c->f32[x] < c->f32[y]);
    default:
        px = hrp_column_bytes(c, x, &nx);
        py = hrp_column_bytes(c, y, &ny);
        r = memcmp(px, py, nx < ny ? nx : ny);
        return r != 0 ? r : (nx > ny) - (nx < ny);
    }
}

static int by_value(const void *a, const void *b, void *c) { return order(c, *(const uint32_t *)a, *(const uint32_t *)b); }

static bool is_nan(const struct hrp_column *c, uint32_t i)
{
    return (c->node->phys == HRP_PHYS_F64 && isnan(c->f64[i])) || (c->node->phys == HRP_PHYS_F32 && isnan(c->f32[i]));
}

static bool unique(const struct hrp_column *c, uint32_t from, uint32_t n, uint32_t *scratch)
{
    uint32_t m = 0;

    if (c->constant)
        return n < 2 || is_nan(c, 0);
    for (uint32_t i = 0; i < n; i++)
        if (!is_nan(c, from + i)) /* equals nothing */
            scratch[m++] = from + i;
    qsort_r(scratch, m, sizeof *scratch, by_value, (void *)(uintptr_t)c);
    for (uint32_t i = 1; i < m; i++)
        if (order(c, scratch[i - 1], scratch[i]) == 0)
            return false;
    return true;
}

void hrp_check_unique(struct checking *k, const struct rule_check *ck)
{
    const struct hrp_column *c = &k->cols[ck->node];
    uint32_t *scratch, at = 0;

    if (c->lengths == NULL)
        return;
    scratch = hrp_arena_take(k->scratch, (uint64_t)c->n_values + 1, sizeof *scratch);
    if (scratch == NULL) {
        k->res = hrp_arena_err(k->scratch);
        return;
    }
    for (uint32_t s = 0; s < c->n_slots && k->res == 0; s++) {
        if (!unique(c, at, c->lengths[s], scratch))
            hrp_check_fail_slot(k, ck, s);
        at += c->lengths[s];
    }
}
