/* From one column of a batch to the numbers of its field.
 *
 * Numbers go in chunks through an array of doubles on the stack: one pass finds least, greatest, zeros and converts, the
 * moments then read the chunk twice. Integers in a small span are counted as distinct by a bitmap first, so that delays or
 * enums are hashed once per value and batch; text in a dictionary likewise, by its codes. */
#include "profile.h"
#include "alloc.h"
#include <math.h>
#include <string.h>

#define CHUNK 1024
#define SPAN_BITS 65536 /* 8 KiB on the stack */

static double as_double(uint8_t phys, union hrd_number v)
{
    return phys == HRP_PHYS_F64 ? v.f64 : phys == HRP_PHYS_I64 ? (double)v.i64 : (double)v.u64;
}

/* One value stands for all. */
static int count_constant(union hrd_number v, uint32_t coupon, struct hrd_hll *distinct, struct hrd_field_delta *ret)
{
    if (ret->phys == HRP_PHYS_F64 && !isfinite(v.f64)) {
        *(isnan(v.f64) ? &ret->nans : &ret->infs) = ret->values;
    } else {
        ret->min = ret->max = v;
        ret->zeros = (ret->phys == HRP_PHYS_F64 ? v.f64 == 0 : v.u64 == 0) ? ret->values : 0;
        hrd_moments_add_n(&ret->moments, as_double(ret->phys, v), ret->values);
    }
    return hrd_hll_add(distinct, coupon);
}

/* Distinct integers min .. min + span: mark, then hash the marked. The low 64 bits are the same, signed or not. */
static int distinct_span(const uint64_t *v, uint32_t n, uint64_t min, uint64_t span, struct hrd_hll *distinct)
{
    uint64_t bits[SPAN_BITS / 64];
    size_t n_words = (size_t)(span / 64 + 1);
    int r = 0;

    memset(bits, 0, n_words * sizeof *bits);
    for (uint32_t i = 0; i < n; i++) {
        uint64_t d = v[i] - min;

        bits[d / 64] |= UINT64_C(1) << (d % 64);
    }
    for (size_t w = 0; w < n_words; w++)
        for (uint64_t left = bits[w]; left != 0 && r == 0; left &= left - 1)
            r = hrd_hll_add(distinct, hrd_hll_coupon_u64(min + w * 64 + (unsigned)__builtin_ctzll(left)));
    return r;
}

static int distinct_integers(const uint64_t *v, uint32_t n, uint64_t min, uint64_t max, struct hrd_hll *distinct)
{
    uint64_t last = v[0];
    int r;

    if (max - min < SPAN_BITS && max - min < (uint64_t)n * 8)
        return distinct_span(v, n, min, max - min, distinct);
    r = hrd_hll_add(distinct, hrd_hll_coupon_u64(last));
    for (uint32_t i = 1; i < n && r == 0; i++)
        if (v[i] != last)
            r = hrd_hll_add(distinct, hrd_hll_coupon_u64(last = v[i]));
    return r;
}

static int count_i64(const int64_t *v, uint32_t n, struct hrd_hll *distinct, struct hrd_field_delta *ret)
{
    int64_t min = v[0], max = v[0];
    double x[CHUNK];

    for (uint32_t at = 0; at < n; at += CHUNK) {
        uint32_t k = n - at < CHUNK ? n - at : CHUNK, zeros = 0;

        for (uint32_t i = 0; i < k; i++) {
            int64_t a = v[at + i];

            min = a < min ? a : min;
            max = a > max ? a : max;
            zeros += a == 0;
            x[i] = (double)a;
        }
        ret->zeros += zeros;
        hrd_moments_add_array(&ret->moments, x, k);
    }
    ret->min.i64 = min;
    ret->max.i64 = max;
    return distinct_integers((const uint64_t *)v, n, (uint64_t)min, (uint64_t)max, distinct);
}

static int count_u64(const uint64_t *v, uint32_t n, struct hrd_hll *distinct, struct hrd_field_delta *ret)
{
    uint64_t min = v[0], max = v[0];
    double x[CHUNK];

    for (uint32_t at = 0; at < n; at += CHUNK) {
        uint32_t k = n - at < CHUNK ? n - at : CHUNK, zeros = 0;

        for (uint32_t i = 0; i < k; i++) {
            uint64_t a = v[at + i];

            min = a < min ? a : min;
            max = a > max ? a : max;
            zeros += a == 0;
            x[i] = (double)a;
        }
        ret->zeros += zeros;
        hrd_moments_add_array(&ret->moments, x, k);
    }
    ret->min.u64 = min;
    ret->max.u64 = max;
    return distinct_integers(v, n, min, max, distinct);
}

/* Finite values move to the front of x; returns how many there are. */
static uint32_t keep_finite(double *x, uint32_t n, struct hrd_field_delta *ret)
{
    uint32_t k = 0;

    for (uint32_t i = 0; i < n; i++) {
        double a = x[i];

        x[k] = a;
        k += a - a == 0;
        ret->nans += a != a;
    }
    ret->infs += n - k;
    return k;
}

static void count_doubles(double *x, uint32_t n, struct hrd_field_delta *ret)
{
    uint32_t k = keep_finite(x, n, ret), zeros = 0;
    double min, max;

    if (k == 0)
        return;
    min = ret->moments.n > 0 ? ret->min.f64 : x[0];
    max = ret->moments.n > 0 ? ret->max.f64 : x[0];
    for (uint32_t i = 0; i < k; i++) {
        min = x[i] < min ? x[i] : min;
        max = x[i] > max ? x[i] : max;
        zeros += x[i] == 0;
    }
    ret->min.f64 = min;
    ret->max.f64 = max;
    ret->zeros += zeros;
    hrd_moments_add_array(&ret->moments, x, k);
}

static int distinct_doubles(const double *x, uint32_t n, struct hrd_hll *distinct)
{
    int r = hrd_hll_add(distinct, hrd_hll_coupon_f64(x[0]));

    for (uint32_t i = 1; i < n && r == 0; i++)
        if (x[i] != x[i - 1]) /* also true of a NaN */
            r = hrd_hll_add(distinct, hrd_hll_coupon_f64(x[i]));
    return r;
}

static int count_floats(const struct hrp_column *c, struct hrd_hll *distinct, struct hrd_field_delta *ret)
{
    double x[CHUNK];
    int r = 0;

    for (uint32_t at = 0; r == 0 && at < c->n_values; at += CHUNK) {
        uint32_t k = c->n_values - at < CHUNK ? c->n_values - at : CHUNK;

        for (uint32_t i = 0; i < k; i++)
            x[i] = c->f64 != NULL ? c->f64[at + i] : (double)c->f32[at + i];
        r = distinct_doubles(x, k, distinct);
        count_doubles(x, k, ret);
    }
    ret->infs -= ret->nans; /* keep_finite counts a NaN in both */
    return r;
}

static int count_entry(const struct hrp_column *c, uint32_t entry, uint64_t count, struct hrd_hll *distinct, struct hrd_field_delta *ret)
{
    uint64_t len = c->offsets[entry + 1] - c->offsets[entry];

    if (ret->moments.n == 0)
        ret->min.u64 = ret->max.u64 = len;
    ret->min.u64 = len < ret->min.u64 ? len : ret->min.u64;
    ret->max.u64 = len > ret->max.u64 ? len : ret->max.u64;
    hrd_moments_add_n(&ret->moments, (double)len, count);
    if (len == 0) {
        ret->zeros += count;
        return 0;
    }
    return hrd_hll_add(distinct, hrd_hll_coupon_bytes(c->data + c->offsets[entry], len));
}

static int count_dictionary(const struct hrp_column *c, struct hrd_hll *distinct, struct hrd_field_delta *ret)
{
    uint32_t *counts = hrp_calloc(c->n_dict, sizeof *counts);
    int r = 0;

    if (counts == NULL)
        return HR_ENOMEM;
    for (uint32_t i = 0; i < c->n_values; i++)
        counts[c->codes[i]]++;
    for (uint32_t i = 0; i < c->n_dict && r == 0; i++)
        if (counts[i] != 0)
            r = count_entry(c, i, counts[i], distinct, ret);
    hrp_free(counts);
    return r;
}

static int count_texts(const struct hrp_column *c, struct hrd_hll *distinct, struct hrd_field_delta *ret)
{
    double x[CHUNK];
    int r = 0;

    for (uint32_t at = 0; r == 0 && at < c->n_values; at += CHUNK) {
        uint32_t k = c->n_values - at < CHUNK ? c->n_values - at : CHUNK;

        for (uint32_t i = 0; i < k && r == 0; i++) {
            uint32_t from = c->offsets[at + i], len = c->offsets[at + i + 1] - from;

            if (at + i == 0)
                ret->min.u64 = ret->max.u64 = len;
            ret->min.u64 = len < ret->min.u64 ? len : ret->min.u64;
            ret->max.u64 = len > ret->max.u64 ? len : ret->max.u64;
            ret->zeros += len == 0;
            x[i] = len;
            if (len != 0)
                r = hrd_hll_add(distinct, hrd_hll_coupon_bytes(c->data + from, len));
        }
        hrd_moments_add_array(&ret->moments, x, k);
    }
    return r;
}

static int count_bytes(const struct hrp_column *c, struct hrd_hll *distinct, struct hrd_field_delta *ret)
{
    if (c->constant)
        return count_entry(c, 0, c->n_values, distinct, ret);
    return c->codes != NULL ? count_dictionary(c, distinct, ret) : count_texts(c, distinct, ret);
}

int hrd_column_count(const struct hrp_column *c, struct hrd_hll *distinct, struct hrd_field_delta *ret)
{
    enum hrp_phys phys = c->node->phys;
    union hrd_number v;

    ret->values = c->n_values;
    ret->phys = (uint8_t)(phys == HRP_PHYS_F32 ? HRP_PHYS_F64 : phys);
    if (c->n_values == 0)
        return 0;
    switch (phys) {
    case HRP_PHYS_I64:
        v.i64 = c->i64[0];
        return c->constant ? count_constant(v, hrd_hll_coupon_i64(v.i64), distinct, ret) : count_i64(c->i64, c->n_values, distinct, ret);
    case HRP_PHYS_U64:
        v.u64 = c->u64[0];
        return c->constant ? count_constant(v, hrd_hll_coupon_u64(v.u64), distinct, ret) : count_u64(c->u64, c->n_values, distinct, ret);
    case HRP_PHYS_F64:
    case HRP_PHYS_F32:
        v.f64 = phys == HRP_PHYS_F64 ? c->f64[0] : (double)c->f32[0];
        return c->constant ? count_constant(v, hrd_hll_coupon_f64(v.f64), distinct, ret) : count_floats(c, distinct, ret);
    case HRP_PHYS_BYTES:
        return count_bytes(c, distinct, ret);
    default:
        return 0;
    }
}
