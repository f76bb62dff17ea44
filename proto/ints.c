/* Integer streams, written.
 *
 * Real columns are clocks, counters, small codes and skewed measures. Six ways to write one cover them; the smallest wins:
 *
 *   CONST   one value for all
 *   FOR     frame of reference: value - least, bit-packed in blocks with a width of their own, so that an outlier
 *           costs its block only (as Parquet's DELTA_BINARY_PACKED does it)
 *   DELTA   the same for the differences of neighbours: clocks and counters
 *   VARINT  zigzag varints: a few values of very different size
 *   DICT    distinct values, and codes: few values far apart
 *   ZEROS   a bitmap of what is not 0, and that: fields of proto3 which are mostly unset
 *
 * FOR and DELTA also divide by the greatest common divisor of all differences: a clock in nanoseconds that ticks in
 * minutes needs one bit, not thirty-six. The block size is chosen per stream too: widths are computed once for blocks of
 * 16, and those of the larger sizes are maxima of pairs. Arithmetic is modulo 2^64 everywhere, so no value is special.
 */
#include "ints.h"
#include "ints_format.h"
#include "alloc.h"
#include "errors.h"
#include <string.h>

#define DICT_MAX 65536u
#define DICT_LOOK 256u /* values after which a dictionary must have shown that values repeat */

/* What is known of a stream after looking through it. */
struct plan {
    uint8_t kind, block_code;
    const uint8_t *widths; /* of its blocks */
    size_t n_widths;
    uint64_t base, scale;  /* base: least value, or least difference divided by scale */
    size_t n_bytes;        /* of the stream, header included */
};

void hrp_scratch_fini(struct hrp_scratch *s)
{
    struct hrp_buf *all[] = {
        &s->outer.work, &s->outer.of_for, &s->outer.of_delta, &s->inner.work, &s->inner.of_for, &s->inner.of_delta,
        &s->table,      &s->codes,        &s->distinct,       &s->dense,      &s->wide,         &s->scaled,
        &s->exceptions, &s->other,
    };

    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        hrp_buf_fini(all[i]);
}

void *hrp_scratch_room(struct hrp_buf *b, size_t n, size_t size)
{
    hrp_buf_clear(b);
    return hrp_buf_reserve(b, n * size + 8); /* 8: short strings are read as words */
}

static size_t varint_bytes(uint64_t v)
{
    return (size_t)(70 - __builtin_clzll(v | 1)) / 7;
}

static size_t svarint_bytes(uint64_t v)
{
    return varint_bytes(hrp_zigzag((int64_t)v));
}

static unsigned bits_of(uint64_t v)
{
    return v != 0 ? 64 - (unsigned)__builtin_clzll(v) : 0;
}

/* ---- exact division: by the inverse modulo 2^64 of the odd part (Warren, Hacker's Delight, section 10-16) ---- */

struct divisor {
    uint64_t inverse, most; /* most: quotients of multiples are at most this */
    unsigned shift;
};

static struct divisor divisor_of(uint64_t g)
{
    struct divisor d;
    uint64_t odd;

    d.shift = (unsigned)__builtin_ctzll(g);
    odd = g >> d.shift;
    d.inverse = odd;
    for (int i = 0; i < 5; i++) /* doubles the right bits each time */
        d.inverse *= 2 - odd * d.inverse;
    d.most = UINT64_MAX / odd;
    return d;
}

static inline bool divides(const struct divisor *d, uint64_t v)
{
    return (v & ((1ull << d->shift) - 1)) == 0 && (v >> d->shift) * d->inverse <= d->most >> d->shift;
}

/* v is a multiple. */
static inline uint64_t divide(const struct divisor *d, uint64_t v)
{
    return (v >> d->shift) * d->inverse;
}

static uint64_t gcd(uint64_t a, uint64_t b)
{
    while (b != 0) {
        uint64_t t = a % b;

        a = b;
        b = t;
    }
    return a;
}

static uint64_t magnitude(uint64_t difference)
{
    return (int64_t)difference < 0 ? 0 - difference : difference;
}

/* Of all differences of neighbours; most columns answer 1 after a few values. 0: all values are equal. */
static uint64_t common_divisor(const uint64_t *v, size_t n)
{
    struct divisor d = {0, 0, 0};
    uint64_t g = 0;

    for (size_t i = 1; i < n && g != 1; i++) {
        uint64_t m = magnitude(v[i] - v[i - 1]);

        if (m == 0 || (g != 0 && divides(&d, m)))
            continue;
        g = gcd(m, g);
        d = divisor_of(g);
    }
    return g;
}

/* ---- planning ---- */

struct range {
    int64_t min, max, dmin, dmax;
    size_t n_zeros;
};

static struct range range_of(const uint64_t *v, size_t n)
{
    struct range r = {(int64_t)v[0], (int64_t)v[0], INT64_MAX, INT64_MIN, v[0] == 0};

    for (size_t i = 1; i < n; i++) {
        int64_t x = (int64_t)v[i], d = (int64_t)(v[i] - v[i - 1]);

        r.min = x < r.min ? x : r.min;
        r.max = x > r.max ? x : r.max;
        r.dmin = d < r.dmin ? d : r.dmin;
        r.dmax = d > r.dmax ? d : r.dmax;
        r.n_zeros += x == 0;
    }
    return r;
}

/* Widths of blocks of 16 values v[i] - back * v[i - 1] - base, before division by scale. */
static void block_widths(const uint64_t *v, size_t n, bool delta, uint64_t base, uint64_t scale, uint8_t *ret)
{
    const uint64_t *before = delta ? v - 1 : v;

    for (size_t i = 0; i < n; i += MIN_BLOCK) {
        size_t end = i + MIN_BLOCK < n ? i + MIN_BLOCK : n;
        uint64_t most = 0;

        for (size_t j = i; j < end; j++) {
            uint64_t x = v[j] - base - (delta ? before[j] : 0);

            most = x > most ? x : most;
        }
        ret[i / MIN_BLOCK] = (uint8_t)bits_of(scale == 1 ? most : most / scale);
    }
}

static size_t packed_bytes(const uint8_t *widths, size_t n, size_t block)
{
    size_t sum = 0, n_full = n / block, rest = n % block;

    for (size_t i = 0; i < n_full; i++)
        sum += 1 + block / 8 * widths[i];
    return sum + (rest != 0 ? 1 + (rest * widths[n_full] + 7) / 8 : 0);
}

/* Choose the block size. w holds the widths of blocks of 16, and is used up; best becomes those of the best size. */
static size_t choose_block(uint8_t *w, size_t n, uint8_t *best, uint8_t *ret_code, size_t *ret_n_widths)
{
    size_t least = SIZE_MAX, n_w = (n + MIN_BLOCK - 1) / MIN_BLOCK;

    for (uint8_t code = 0; code < BLOCK_CODES; code++) {
        size_t block = code == BLOCK_WHOLE ? n : (size_t)MIN_BLOCK << code;
        size_t bytes;

        while (code == BLOCK_WHOLE && n_w > 1) {
            w[n_w - 2] = w[n_w - 1] > w[n_w - 2] ? w[n_w - 1] : w[n_w - 2];
            n_w--;
        }
        bytes = code == BLOCK_WHOLE ? 1 + (n * w[0] + 7) / 8 : packed_bytes(w, n, block);
        if (bytes <= least) { /* fewer blocks are faster to read */
            least = bytes;
            memcpy(best, w, n_w);
            *ret_code = code;
            *ret_n_widths = n_w;
        }
        if (code >= BLOCK_WHOLE - 1)
            continue;
        for (size_t i = 0; i < n_w; i += 2)
            w[i / 2] = i + 1 < n_w && w[i + 1] > w[i] ? w[i + 1] : w[i];
        n_w = (n_w + 1) / 2;
    }
    return least;
}

static bool plan_packed(struct hrp_widths *s, const uint64_t *v, size_t n, bool delta, uint64_t base, uint64_t scale, struct plan *ret)
{
    size_t n_w = (n + MIN_BLOCK - 1) / MIN_BLOCK;
    uint8_t *w = hrp_scratch_room(&s->work, n_w, 1);
    uint8_t *best = hrp_scratch_room(delta ? &s->of_delta : &s->of_for, n_w, 1);

    if (w == NULL || best == NULL)
        return false;
    block_widths(v, n, delta, base, scale, w);
    ret->kind = delta ? KIND_DELTA : KIND_FOR;
    ret->scale = scale;
    ret->base = base;
    ret->widths = best;
    ret->n_bytes = 1 + choose_block(w, n, best, &ret->block_code, &ret->n_widths);
    if (delta && scale != 1)
        ret->base = (uint64_t)((int64_t)base / (int64_t)scale);
    ret->n_bytes += svarint_bytes(ret->base) + (scale != 1 ? varint_bytes(scale) : 0) + (delta ? svarint_bytes(v[-1]) : 0);
    return true;
}

static void plan_varint(const uint64_t *v, size_t n, struct plan *best)
{
    size_t sum = 1;

    for (size_t i = 0; i < n && sum < best->n_bytes; i++)
        sum += svarint_bytes(v[i]);
    if (sum < best->n_bytes) {
        best->kind = KIND_VARINT;
        best->n_bytes = sum;
    }
}

/* The best of CONST, FOR, DELTA and VARINT. */
static bool plan_simple(struct hrp_widths *s, const uint64_t *v, size_t n, const struct range *r, struct plan *ret)
{
    uint64_t scale = 1;
    struct plan delta;

    if (r->min == r->max) {
        ret->kind = KIND_CONST;
        ret->n_bytes = 1 + svarint_bytes(v[0]);
        return true;
    }
    scale = common_divisor(v, n);
    /* A difference that wrapped is no multiple of the true range's divisor. */
    if ((uint64_t)r->max - (uint64_t)r->min > (uint64_t)INT64_MAX)
        scale = 1;
    if (!plan_packed(s, v, n, false, (uint64_t)r->min, scale, ret))
        return false;
    if (n > 2) {
        if (!plan_packed(s, v + 1, n - 1, true, (uint64_t)r->dmin, scale, &delta))
            return false;
        if (delta.n_bytes < ret->n_bytes)
            *ret = delta;
    }
    if (n <= 64 || ret->n_bytes > 2 * n)
        plan_varint(v, n, ret);
    return true;
}

/* ---- writing ---- */

/* Bits are filled from the least of the first byte on. Hot: pointers, into room that was reserved for the whole stream. */
static inline uint8_t *pack(uint8_t *p, const uint64_t *v, size_t n, unsigned width, bool delta, uint64_t base, const struct divisor *d)
{
    const uint64_t *before = delta ? v - 1 : v;
    uint64_t acc = 0;
    unsigned held = 0;

    for (size_t i = 0; i < n; i++) {
        uint64_t x = v[i] - base - (delta ? before[i] : 0);

        if (d != NULL)
            x = divide(d, x);
        acc |= x << held;
        held += width;
        if (held >= 64) {
            memcpy(p, &acc, 8);
            p += 8;
            held -= 64;
            acc = held != 0 ? x >> (width - held) : 0;
        }
    }
    memcpy(p, &acc, 8);
    return p + (held + 7) / 8;
}

static void put_blocks(struct hrp_buf *out, const struct plan *pl, const uint64_t *v, size_t n)
{
    size_t block = pl->block_code == BLOCK_WHOLE ? n : (size_t)MIN_BLOCK << pl->block_code;
    struct divisor d = divisor_of(pl->scale);
    bool delta = pl->kind == KIND_DELTA;
    uint64_t base = delta ? pl->base * pl->scale : pl->base;
    uint8_t *p;

    hrp_put_bytes(out, pl->widths, pl->n_widths);
    p = hrp_buf_reserve(out, pl->n_bytes + 8);
    if (p == NULL)
        return;
    for (size_t i = 0, k = 0; i < n; i += block, k++) {
        size_t cnt = n - i < block ? n - i : block;

        if (pl->widths[k] == 0)
            continue;
        if (pl->scale != 1)
            p = pack(p, v + i, cnt, pl->widths[k], delta, base, &d);
        else if (delta)
            p = pack(p, v + i, cnt, pl->widths[k], true, base, NULL);
        else
            p = pack(p, v + i, cnt, pl->widths[k], false, base, NULL);
    }
    out->n = (size_t)(p - out->p);
}

static void put_simple(struct hrp_buf *out, const struct plan *pl, const uint64_t *v, size_t n)
{
    bool delta = pl->kind == KIND_DELTA;

    if (pl->kind == KIND_CONST || pl->kind == KIND_VARINT) {
        hrp_put_u8(out, pl->kind);
        for (size_t i = 0; i < (pl->kind == KIND_CONST ? 1 : n); i++)
            hrp_put_svarint(out, (int64_t)v[i]);
        return;
    }
    hrp_put_u8(out, (uint8_t)(pl->kind | (pl->scale != 1 ? SCALED : 0) | pl->block_code << BLOCK_SHIFT));
    if (delta)
        hrp_put_svarint(out, (int64_t)v[0]);
    hrp_put_svarint(out, (int64_t)pl->base);
    if (pl->scale != 1)
        hrp_put_varint(out, pl->scale);
    put_blocks(out, pl, v + delta, n - delta);
}

void hrp_ints_put_simple(struct hrp_scratch *s, struct hrp_buf *out, const uint64_t *v, size_t n)
{
    struct range r = range_of(v, n);
    struct plan pl;

    if (plan_simple(&s->inner, v, n, &r, &pl))
        put_simple(out, &pl, v, n);
    else
        out->err = HR_ENOMEM;
}

/* ---- dictionary ---- */

/* The most distinct values with which a dictionary is still smaller than best_bytes. */
static size_t dict_most(size_t n, size_t best_bytes)
{
    size_t most = 0;

    for (unsigned bits = 1; bits <= 16; bits++) {
        size_t codes = (n * bits + 7) / 8, room;

        if (codes + 8 >= best_bytes)
            break;
        room = (best_bytes - codes - 8) * n / (best_bytes + 1); /* an entry costs about what a value costs now */
        room = room > (size_t)1 << bits ? (size_t)1 << bits : room;
        most = room > most ? room : most;
    }
    return most < n / 2 ? most : n / 2;
}

/* Fill codes[n] and distinct; returns how many distinct values there are, 0: more than most, no memory, or values that
 * collide as if chosen to. */
static size_t dict_build(struct hrp_scratch *s, const uint64_t *v, size_t n, size_t most)
{
    unsigned bits = bits_of(most * 2);
    uint64_t *distinct = hrp_scratch_room(&s->distinct, most, 8);
    uint64_t *codes = hrp_scratch_room(&s->codes, n, 8);
    uint32_t *table = hrp_scratch_room(&s->table, (size_t)1 << bits, 4); /* code + 1; 0: free */
    size_t d = 0, mask = ((size_t)1 << bits) - 1;

    if (distinct == NULL || codes == NULL || table == NULL)
        return 0;
    memset(table, 0, sizeof *table << bits);
    for (size_t i = 0; i < n; i++) {
        size_t h = (size_t)((v[i] * 0x9e3779b97f4a7c15u) >> (64 - bits));
        unsigned probes = 0;

        while (table[h] != 0 && distinct[table[h] - 1] != v[i] && ++probes <= HRP_MOST_PROBES)
            h = (h + 1) & mask;
        if (probes > HRP_MOST_PROBES)
            return 0;
        if (table[h] == 0) {
            if (d == most || (i > DICT_LOOK && d > i - i / 8))
                return 0;
            distinct[d++] = v[i];
            table[h] = (uint32_t)d;
        }
        codes[i] = table[h] - 1;
    }
    return d;
}

static bool put_dict(struct hrp_scratch *s, struct hrp_buf *out, const uint64_t *v, size_t n, size_t best_bytes)
{
    size_t most = n < 16 ? 0 : dict_most(n, best_bytes), d = most < 2 ? 0 : dict_build(s, v, n, most);
    size_t start = out->n;

    if (d == 0)
        return false;
    hrp_put_u8(out, KIND_DICT);
    hrp_put_varint(out, d);
    hrp_ints_put_simple(s, out, (const uint64_t *)(const void *)s->distinct.p, d);
    hrp_ints_put_simple(s, out, (const uint64_t *)(const void *)s->codes.p, n);
    if (out->err == 0 && out->n - start < best_bytes)
        return true;
    out->n = start;
    return false;
}

/* ---- zeros ---- */

static bool put_zeros(struct hrp_scratch *s, struct hrp_buf *out, const uint64_t *v, size_t n, size_t n_zeros, size_t best_bytes)
{
    size_t start = out->n, bitmap = (n + 7) / 8, k = 0;
    uint64_t *dense;
    uint8_t *bits;

    if (n < 16 || n_zeros < n / 2 || bitmap + 2 >= best_bytes)
        return false;
    hrp_put_u8(out, KIND_ZEROS);
    bits = hrp_buf_reserve(out, bitmap);
    dense = hrp_scratch_room(&s->dense, n - n_zeros, 8);
    if (bits == NULL || dense == NULL) {
        out->n = start;
        return false;
    }
    memset(bits, 0, bitmap);
    for (size_t i = 0; i < n; i++) {
        if (v[i] == 0)
            continue;
        bits[i / 8] |= (uint8_t)(1u << i % 8);
        dense[k++] = v[i];
    }
    out->n += bitmap;
    hrp_ints_put_simple(s, out, dense, k);
    if (out->err == 0 && out->n - start < best_bytes)
        return true;
    out->n = start;
    return false;
}

void hrp_ints_put(struct hrp_scratch *s, struct hrp_buf *out, const uint64_t *v, size_t n)
{
    struct range r = range_of(v, n);
    struct plan pl;

    if (!plan_simple(&s->outer, v, n, &r, &pl)) {
        out->err = HR_ENOMEM;
        return;
    }
    if (pl.kind != KIND_CONST &&
        (put_zeros(s, out, v, n, r.n_zeros, pl.n_bytes) || put_dict(s, out, v, n, pl.n_bytes)))
        return;
    put_simple(out, &pl, v, n);
}

void hrp_ints_put_u32(struct hrp_scratch *s, struct hrp_buf *out, const uint32_t *v, size_t n)
{
    uint64_t *wide = hrp_scratch_room(&s->wide, n, 8);

    if (wide == NULL) {
        out->err = HR_ENOMEM;
        return;
    }
    for (size_t i = 0; i < n; i++)
        wide[i] = v[i];
    hrp_ints_put(s, out, wide, n);
}
