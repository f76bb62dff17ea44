#include "hll.h"
#include "alloc.h"
#include "errors.h"
#include "murmur3.h"
#include <math.h>
#include <stdlib.h>

#define ADDRESS_BITS 26
#define ADDRESS_MASK ((1u << ADDRESS_BITS) - 1)
#define MAX_VALUE 63
#define LG_SET_MIN 3
#define LG_SET_MAX 9

static uint32_t coupon(const uint64_t h[2])
{
    unsigned lz = h[1] != 0 ? (unsigned)__builtin_clzll(h[1]) : 64;

    return ((lz > 62 ? 62 : lz) + 1) << ADDRESS_BITS | ((uint32_t)h[0] & ADDRESS_MASK);
}

uint32_t hrd_hll_coupon_u64(uint64_t v)
{
    uint64_t h[2];

    hrd_murmur3_u64(v, HRD_HLL_SEED, h);
    return coupon(h);
}

uint32_t hrd_hll_coupon_i64(int64_t v) { return hrd_hll_coupon_u64((uint64_t)v); }

uint32_t hrd_hll_coupon_f64(double v)
{
    uint64_t bits;

    if (v == 0)
        v = 0; /* -0.0 too */
    memcpy(&bits, &v, sizeof bits);
    return hrd_hll_coupon_u64(v != v ? UINT64_C(0x7ff8000000000000) : bits);
}

uint32_t hrd_hll_coupon_bytes(const void *p, size_t n)
{
    uint64_t h[2];

    hrd_murmur3(p, n, HRD_HLL_SEED, h);
    return coupon(h);
}

void hrd_hll_fini(struct hrd_hll *h)
{
    hrp_free(h->set);
    hrp_free(h->registers);
    memset(h, 0, sizeof *h);
}

/* The slot of c, or the free one where it belongs. Never full: it grows at 3/4. */
static uint32_t *slot(uint32_t *set, uint32_t lg_set, uint32_t c)
{
    uint32_t mask = (1u << lg_set) - 1, i = (c * 2654435761u) >> (32 - lg_set);

    while (set[i] != 0 && set[i] != c)
        i = (i + 1) & mask;
    return &set[i];
}

static int to_registers(struct hrd_hll *h)
{
    uint8_t *registers = hrp_calloc(1, HRD_HLL_K);

    if (registers == NULL)
        return HR_ENOMEM;
    for (uint32_t i = 0; h->set != NULL && i < 1u << h->lg_set; i++)
        if (h->set[i] != 0)
            hrd_hll_raise(registers, h->set[i]);
    hrd_hll_fini(h);
    h->registers = registers;
    return 0;
}

static int grow_set(struct hrd_hll *h)
{
    uint32_t lg = h->set == NULL ? LG_SET_MIN : h->lg_set + 1;
    uint32_t *set;

    if (lg > LG_SET_MAX)
        return to_registers(h);
    set = hrp_calloc((size_t)1 << lg, sizeof *set);
    if (set == NULL)
        return HR_ENOMEM;
    for (uint32_t i = 0; h->set != NULL && i < 1u << h->lg_set; i++)
        if (h->set[i] != 0)
            *slot(set, lg, h->set[i]) = h->set[i];
    hrp_free(h->set);
    h->set = set;
    h->lg_set = lg;
    return 0;
}

int hrd_hll_add_small(struct hrd_hll *h, uint32_t c)
{
    uint32_t *s = h->set != NULL ? slot(h->set, h->lg_set, c) : NULL;
    int r;

    if (s != NULL && *s == c)
        return 0;
    if (s == NULL || h->n_coupons >= 3u << (h->lg_set - 2)) {
        r = grow_set(h);
        if (r != 0)
            return r;
        return hrd_hll_add(h, c);
    }
    *s = c;
    h->n_coupons++;
    return 0;
}

int hrd_hll_merge(struct hrd_hll *into, const struct hrd_hll *from)
{
    int r = 0;

    if (from->registers != NULL) {
        if (into->registers == NULL)
            r = to_registers(into);
        for (uint32_t i = 0; r == 0 && i < HRD_HLL_K; i++)
            if (from->registers[i] > into->registers[i])
                into->registers[i] = from->registers[i];
        return r;
    }
    for (uint32_t i = 0; r == 0 && from->set != NULL && i < 1u << from->lg_set; i++)
        if (from->set[i] != 0)
            r = hrd_hll_add(into, from->set[i]);
    return r;
}

/* Ertl 2017, formulas 18 and 19, summed until they no longer change. */
static double sigma(double x)
{
    double y = 1, z = x, last;

    if (x == 1)
        return INFINITY;
    do {
        x *= x;
        last = z;
        z += x * y;
        y += y;
    } while (z != last);
    return z;
}

static double tau(double x)
{
    double y = 1, z = 1 - x, last;

    if (x == 0 || x == 1)
        return 0;
    do {
        x = sqrt(x);
        last = z;
        y *= 0.5;
        z -= (1 - x) * (1 - x) * y;
    } while (z != last);
    return z / 3;
}

/* Ertl 2017, algorithm 6, with q = 62: register values run from 0 to q + 1 = 63. */
static double estimate_registers(const uint8_t *registers)
{
    const int q = MAX_VALUE - 1;
    uint32_t count[MAX_VALUE + 1] = {0};
    double m = HRD_HLL_K, z;

    for (uint32_t i = 0; i < HRD_HLL_K; i++)
        count[registers[i]]++;
    z = m * tau(1 - count[q + 1] / m);
    for (int k = q; k >= 1; k--)
        z = 0.5 * (z + count[k]);
    z += m * sigma(count[0] / m);
    return m * m / (2 * M_LN2 * z);
}

double hrd_hll_estimate(const struct hrd_hll *h)
{
    return h->registers != NULL ? estimate_registers(h->registers) : (double)h->n_coupons;
}

size_t hrd_hll_bytes(const struct hrd_hll *h)
{
    return h->registers != NULL ? HRD_HLL_K : h->set != NULL ? sizeof *h->set << h->lg_set : 0;
}

enum { STORED_COUPONS = 0, STORED_REGISTERS = 1 };

static int compare_u32(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

    return x < y ? -1 : x > y;
}

static void put_coupons(struct hrp_buf *out, const struct hrd_hll *h)
{
    uint32_t sorted[HRD_HLL_COUPONS], n = 0, last = 0;

    for (uint32_t i = 0; h->set != NULL && i < 1u << h->lg_set; i++)
        if (h->set[i] != 0)
            sorted[n++] = h->set[i];
    qsort(sorted, n, sizeof *sorted, compare_u32);
    hrp_put_u8(out, STORED_COUPONS);
    hrp_put_varint(out, n);
    for (uint32_t i = 0; i < n; last = sorted[i++])
        hrp_put_varint(out, sorted[i] - last);
}

/* As in HLL_4: nearly all registers lie within 15 of the least. Four bits hold the difference, 15 sends to the list. */
static void put_registers(struct hrp_buf *out, const uint8_t *registers)
{
    uint8_t base = MAX_VALUE;
    uint32_t n_more = 0;

    for (uint32_t i = 0; i < HRD_HLL_K; i++)
        if (registers[i] < base)
            base = registers[i];
    hrp_put_u8(out, STORED_REGISTERS);
    hrp_put_u8(out, base);
    for (uint32_t i = 0; i < HRD_HLL_K; i += 2) {
        uint8_t lo = (uint8_t)(registers[i] - base), hi = (uint8_t)(registers[i + 1] - base);

        n_more += (lo >= 15) + (hi >= 15);
        hrp_put_u8(out, (uint8_t)((lo < 15 ? lo : 15) | (hi < 15 ? hi : 15) << 4));
    }
    hrp_put_varint(out, n_more);
    for (uint32_t i = 0; i < HRD_HLL_K; i++)
        if (registers[i] - base >= 15)
            hrp_put_u8(out, registers[i]);
}

void hrd_hll_put(struct hrp_buf *out, const struct hrd_hll *h)
{
    if (h->registers != NULL)
        put_registers(out, h->registers);
    else
        put_coupons(out, h);
}

static int read_coupons(struct hrp_reader *r, struct hrd_hll *ret)
{
    uint64_t n = hrp_read_varint(r), c = 0;
    int e = n > HRD_HLL_COUPONS ? HR_ECORRUPT : 0;

    for (uint64_t i = 0; e == 0 && i < n; i++) {
        uint64_t step = hrp_read_varint(r);

        if (r->bad || step == 0 || step > UINT32_MAX - c || (c += step) >> ADDRESS_BITS == 0)
            e = HR_ECORRUPT;
        else
            e = hrd_hll_add(ret, (uint32_t)c);
    }
    return e;
}

static int read_registers(struct hrp_reader *r, struct hrd_hll *ret)
{
    uint8_t base = hrp_read_u8(r);
    const uint8_t *packed = hrp_read_bytes(r, HRD_HLL_K / 2);
    uint64_t n_more = hrp_read_varint(r), seen = 0;
    int e = r->bad || base > MAX_VALUE ? HR_ECORRUPT : to_registers(ret);

    for (uint32_t i = 0; e == 0 && i < HRD_HLL_K; i++) {
        uint8_t nibble = i & 1 ? packed[i / 2] >> 4 : packed[i / 2] & 15, v = (uint8_t)(base + nibble);

        if (nibble == 15) {
            v = hrp_read_u8(r);
            seen++;
        }
        if (v > MAX_VALUE)
            e = HR_ECORRUPT;
        ret->registers[i] = v;
    }
    return e == 0 && (r->bad || seen != n_more) ? HR_ECORRUPT : e;
}

int hrd_hll_read(struct hrp_reader *r, struct hrd_hll *ret)
{
    uint8_t form = hrp_read_u8(r);
    int e = HR_ECORRUPT;

    memset(ret, 0, sizeof *ret);
    if (!r->bad && form == STORED_COUPONS)
        e = read_coupons(r, ret);
    else if (!r->bad && form == STORED_REGISTERS)
        e = read_registers(r, ret);
    if (e == 0 && r->bad)
        e = HR_ECORRUPT;
    if (e != 0)
        hrd_hll_fini(ret);
    return e;
}
