#include "moments.h"
#include <math.h>
#include <string.h>

#define CHUNK 1024 /* 8 KiB: read twice, stays in the first cache */

/* Two sums in a register, as every x86-64 and arm64 has; two registers of them hide the latency. Memory need not be aligned. */
typedef double v2 __attribute__((vector_size(16)));
#define STEP 4

static v2 load(const double *p)
{
    v2 v;

    memcpy(&v, p, sizeof v);
    return v;
}

static double chunk_mean(const double *x, size_t n)
{
    v2 a = {0}, b = {0};
    double sum;
    size_t i;

    for (i = 0; i + STEP <= n; i += STEP) {
        a += load(x + i);
        b += load(x + i + 2);
    }
    a += b;
    sum = a[0] + a[1];
    for (; i < n; i++)
        sum += x[i];
    return sum / (double)n;
}

struct powers {
    v2 s1, s2, s3, s4;
};

static inline void powers_add(struct powers *p, v2 d)
{
    v2 q = d * d;

    p->s1 += d;
    p->s2 += q;
    p->s3 += q * d;
    p->s4 += q * q;
}

/* Central moments of one chunk around its own mean; the sum of deviations corrects the mean's rounding (Chan, Golub and
 * LeVeque 1983, the corrected two-pass algorithm). */
static void chunk(const double *x, size_t n, struct hrd_moments *ret)
{
    double mean = chunk_mean(x, n), s1, s2, s3, s4;
    struct powers a = {{0}, {0}, {0}, {0}}, b = a;
    v2 c = {mean, mean};
    size_t i;

    for (i = 0; i + STEP <= n; i += STEP) {
        powers_add(&a, load(x + i) - c);
        powers_add(&b, load(x + i + 2) - c);
    }
    a.s1 += b.s1, a.s2 += b.s2, a.s3 += b.s3, a.s4 += b.s4;
    s1 = a.s1[0] + a.s1[1], s2 = a.s2[0] + a.s2[1], s3 = a.s3[0] + a.s3[1], s4 = a.s4[0] + a.s4[1];
    for (; i < n; i++) {
        double d = x[i] - mean;

        s1 += d, s2 += d * d, s3 += d * d * d, s4 += d * d * d * d;
    }
    ret->n = n;
    ret->mean = mean + s1 / (double)n;
    ret->m2 = s2 - s1 * s1 / (double)n;
    ret->m3 = s3;
    ret->m4 = s4;
    if (ret->m2 < 0)
        ret->m2 = 0;
}

void hrd_moments_add_array(struct hrd_moments *m, const double *x, size_t n)
{
    struct hrd_moments part;

    for (size_t at = 0; at < n; at += CHUNK) {
        chunk(x + at, n - at < CHUNK ? n - at : CHUNK, &part);
        hrd_moments_merge(m, &part);
    }
}

void hrd_moments_add(struct hrd_moments *m, double x) { hrd_moments_add_n(m, x, 1); }

void hrd_moments_add_n(struct hrd_moments *m, double x, uint64_t count)
{
    struct hrd_moments part = {.n = count, .mean = x};

    hrd_moments_merge(m, &part);
}

/* SAND2008-6212, pairwise: delta = mean_b - mean_a, n = n_a + n_b. */
void hrd_moments_merge(struct hrd_moments *a, const struct hrd_moments *b)
{
    double na = (double)a->n, nb = (double)b->n, n = na + nb, delta, d_n, d2;

    if (b->n == 0)
        return;
    if (a->n == 0) {
        *a = *b;
        return;
    }
    delta = b->mean - a->mean;
    d_n = delta / n;
    d2 = delta * d_n;
    a->m4 += b->m4 + d2 * d_n * d_n * na * nb * (na * na - na * nb + nb * nb) +
             6 * d_n * d_n * (na * na * b->m2 + nb * nb * a->m2) + 4 * d_n * (na * b->m3 - nb * a->m3);
    a->m3 += b->m3 + d2 * d_n * na * nb * (na - nb) + 3 * d_n * (na * b->m2 - nb * a->m2);
    a->m2 += b->m2 + d2 * na * nb;
    a->mean += d_n * nb;
    a->n += b->n;
}

double hrd_moments_variance(const struct hrd_moments *m) { return m->n < 2 ? NAN : m->m2 / (double)(m->n - 1); }
double hrd_moments_stddev(const struct hrd_moments *m) { return sqrt(hrd_moments_variance(m)); }

double hrd_moments_skewness(const struct hrd_moments *m)
{
    return m->n == 0 || m->m2 <= 0 ? NAN : sqrt((double)m->n) * m->m3 / pow(m->m2, 1.5);
}

double hrd_moments_kurtosis(const struct hrd_moments *m)
{
    return m->n == 0 || m->m2 <= 0 ? NAN : (double)m->n * m->m4 / (m->m2 * m->m2) - 3;
}

static void put_double(struct hrp_buf *out, double v)
{
    uint64_t u;

    memcpy(&u, &v, sizeof u);
    hrp_put_u64(out, u);
}

static double read_double(struct hrp_reader *r)
{
    uint64_t u = hrp_read_u64(r);
    double v;

    memcpy(&v, &u, sizeof v);
    return v;
}

/* varint n; then, when there are values, mean, m2, m3, m4 as f64. */
void hrd_moments_put(struct hrp_buf *out, const struct hrd_moments *m)
{
    hrp_put_varint(out, m->n);
    if (m->n == 0)
        return;
    put_double(out, m->mean);
    put_double(out, m->m2);
    put_double(out, m->m3);
    put_double(out, m->m4);
}

void hrd_moments_read(struct hrp_reader *r, struct hrd_moments *ret)
{
    memset(ret, 0, sizeof *ret);
    ret->n = hrp_read_varint(r);
    if (ret->n == 0)
        return;
    ret->mean = read_double(r);
    ret->m2 = read_double(r);
    ret->m3 = read_double(r);
    ret->m4 = read_double(r);
}
