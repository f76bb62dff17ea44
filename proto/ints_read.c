/* Integer streams, read. Every length is checked before it is used; DICT and ZEROS hold simple streams only, so a
 * stream cannot nest. What is unpacked lies in memory of the caller or of the arena, never more than n elements. */
#include "ints.h"
#include "ints_format.h"
#include "errors.h"
#include <string.h>

/* ---- bits to integers: hot, hence pointers, on a range that was checked as a whole ---- */

static inline uint64_t load64(const uint8_t *p)
{
    uint64_t v;

    memcpy(&v, p, 8);
    return v;
}

static inline uint64_t load_bits(const uint8_t *p, size_t bit, unsigned width)
{
    const uint8_t *at = p + bit / 8;
    unsigned shift = bit % 8;
    uint64_t v = load64(at) >> shift;

    if (width > 57 && shift != 0) /* reaches into a ninth byte */
        v |= (uint64_t)at[8] << (64 - shift);
    return v;
}

/* The same loop for 64-bit and 32-bit elements, each with and without a scale. Widths 8 and 16 are common (codes, clocks)
 * and whole bytes: the compiler vectorises those. */
#define DEFINE_UNPACK(name, type)                                                                                                \
    static void name(const uint8_t *p, size_t n, unsigned width, uint64_t base, uint64_t scale, type *out)                       \
    {                                                                                                                            \
        uint64_t mask = width == 64 ? UINT64_MAX : (1ull << width) - 1;                                                          \
                                                                                                                                 \
        if (width == 0) {                                                                                                        \
            for (size_t i = 0; i < n; i++)                                                                                       \
                out[i] = (type)base;                                                                                             \
        } else if (width == 8 && scale == 1) {                                                                                   \
            for (size_t i = 0; i < n; i++)                                                                                       \
                out[i] = (type)(base + p[i]);                                                                                    \
        } else if (width == 16 && scale == 1) {                                                                                  \
            for (size_t i = 0; i < n; i++)                                                                                       \
                out[i] = (type)(base + (uint64_t)(p[2 * i] | p[2 * i + 1] << 8));                                                \
        } else if (width <= 57 && scale == 1) {                                                                                  \
            for (size_t i = 0, bit = 0; i < n; i++, bit += width)                                                                \
                out[i] = (type)(base + (load64(p + bit / 8) >> bit % 8 & mask));                                                 \
        } else {                                                                                                                 \
            for (size_t i = 0, bit = 0; i < n; i++, bit += width)                                                                \
                out[i] = (type)(base + scale * (load_bits(p, bit, width) & mask));                                               \
        }                                                                                                                        \
    }
DEFINE_UNPACK(unpack64, uint64_t)
DEFINE_UNPACK(unpack32, uint32_t)

static void unpack(const uint8_t *p, size_t n, unsigned width, uint64_t base, uint64_t scale, size_t elem, uint8_t *out)
{
    if (elem == 8)
        unpack64(p, n, width, base, scale, (uint64_t *)(void *)out);
    else
        unpack32(p, n, width, base, scale, (uint32_t *)(void *)out);
}

static void fill(void *out, size_t n, size_t elem, uint64_t v)
{
    unpack((const uint8_t *)"", n, 0, v, 1, elem, out);
}

static void add_up(void *out, size_t n, size_t elem, uint64_t first)
{
    if (elem == 8) {
        uint64_t *v = out, sum = v[0] = first;

        for (size_t i = 1; i < n; i++)
            v[i] = sum += v[i];
    } else {
        uint32_t *v = out, sum = v[0] = (uint32_t)first;

        for (size_t i = 1; i < n; i++)
            v[i] = sum += v[i];
    }
}

/* ---- streams ---- */

static int get_blocks(struct hrp_reader *r, size_t n, unsigned code, uint64_t base, uint64_t scale, size_t elem, uint8_t *out)
{
    size_t block = code == BLOCK_WHOLE ? n : (size_t)MIN_BLOCK << code;
    size_t n_blocks = n / block + (n % block != 0);
    const uint8_t *widths = hrp_read_bytes(r, n_blocks);

    if (widths == NULL)
        return HR_ECORRUPT;
    for (size_t i = 0; i < n_blocks; i++) {
        size_t cnt = i + 1 < n_blocks || n % block == 0 ? block : n % block;
        const uint8_t *p;

        if (widths[i] > 64)
            return HR_ECORRUPT;
        p = hrp_read_bytes(r, (cnt * widths[i] + 7) / 8);
        if (p == NULL)
            return HR_ECORRUPT;
        unpack(p, cnt, widths[i], base, scale, elem, out);
        out += cnt * elem;
    }
    return 0;
}

static int get_packed(struct hrp_reader *r, uint8_t head, size_t n, size_t elem, uint8_t *out)
{
    bool delta = (head & KIND_MASK) == KIND_DELTA;
    uint64_t first = delta ? (uint64_t)hrp_read_svarint(r) : 0;
    uint64_t base = (uint64_t)hrp_read_svarint(r);
    uint64_t scale = (head & SCALED) != 0 ? hrp_read_varint(r) : 1;
    unsigned code = head >> BLOCK_SHIFT;
    int res;

    if (r->bad || (head & 0x80) != 0 || (delta && n < 2))
        return HR_ECORRUPT;
    if (!delta)
        return get_blocks(r, n, code, base, scale, elem, out);
    res = get_blocks(r, n - 1, code, base * scale, scale, elem, out + elem);
    if (res == 0)
        add_up(out, n, elem, first);
    return res;
}

static int get_varints(struct hrp_reader *r, size_t n, size_t elem, void *out)
{
    if (n > hrp_reader_left(r))
        return HR_ECORRUPT;
    for (size_t i = 0; i < n; i++) {
        uint64_t v = (uint64_t)hrp_read_svarint(r);

        fill((uint8_t *)out + i * elem, 1, elem, v);
    }
    return r->bad ? HR_ECORRUPT : 0;
}

static int get_simple(struct hrp_reader *r, uint8_t head, size_t n, size_t elem, void *out)
{
    switch (head & KIND_MASK) {
    case KIND_CONST:
        fill(out, n, elem, (uint64_t)hrp_read_svarint(r));
        return r->bad || head != KIND_CONST ? HR_ECORRUPT : 0;
    case KIND_FOR:
    case KIND_DELTA:
        return get_packed(r, head, n, elem, out);
    case KIND_VARINT:
        return head != KIND_VARINT ? HR_ECORRUPT : get_varints(r, n, elem, out);
    default:
        return HR_ECORRUPT;
    }
}

/* Codes to values, in place. */
static int look_up(const void *distinct, size_t d, size_t n, size_t elem, void *out)
{
    if (elem == 8) {
        const uint64_t *from = distinct;
        uint64_t *v = out;

        for (size_t i = 0; i < n; i++) {
            if (v[i] >= d)
                return HR_ECORRUPT;
            v[i] = from[v[i]];
        }
    } else {
        const uint32_t *from = distinct;
        uint32_t *v = out;

        for (size_t i = 0; i < n; i++) {
            if (v[i] >= d)
                return HR_ECORRUPT;
            v[i] = from[v[i]];
        }
    }
    return 0;
}

static int get_dict(struct hrp_reader *r, struct hrp_arena *a, size_t n, size_t elem, void *out)
{
    uint64_t d = hrp_read_varint(r);
    void *distinct;
    int res;

    if (r->bad || d == 0 || d > n)
        return HR_ECORRUPT;
    distinct = hrp_arena_take(a, d, elem);
    if (distinct == NULL)
        return hrp_arena_err(a);
    res = get_simple(r, hrp_read_u8(r), (size_t)d, elem, distinct);
    if (res == 0)
        res = get_simple(r, hrp_read_u8(r), n, elem, out);
    return res != 0 ? res : look_up(distinct, (size_t)d, n, elem, out);
}

/* The k values other than 0 stand at the front: move them to their places, from the back, so that none is overwritten. */
static void spread(const uint8_t *bits, size_t n, size_t k, size_t elem, uint8_t *out)
{
    for (size_t i = n; i-- > 0;) {
        if ((bits[i / 8] >> i % 8 & 1) != 0)
            memmove(out + i * elem, out + --k * elem, elem);
        else
            memset(out + i * elem, 0, elem);
    }
}

size_t hrp_bits_count(const uint8_t *bits, size_t n)
{
    size_t sum = 0, i = 0;

    for (; i + 64 <= n; i += 64)
        sum += (size_t)__builtin_popcountll(load64(bits + i / 8));
    for (; i < n; i++)
        sum += bits[i / 8] >> i % 8 & 1;
    return sum;
}

static int get_zeros(struct hrp_reader *r, size_t n, size_t elem, void *out)
{
    const uint8_t *bits = hrp_read_bytes(r, n / 8 + (n % 8 != 0));
    size_t k;
    int res;

    if (bits == NULL)
        return HR_ECORRUPT;
    k = hrp_bits_count(bits, n);
    if (k == 0)
        return HR_ECORRUPT;
    res = get_simple(r, hrp_read_u8(r), k, elem, out);
    if (res == 0)
        spread(bits, n, k, elem, out);
    return res;
}

static int get_any(struct hrp_reader *r, struct hrp_arena *a, uint8_t head, size_t n, size_t elem, void *out)
{
    if (head == KIND_DICT)
        return get_dict(r, a, n, elem, out);
    if (head == KIND_ZEROS)
        return get_zeros(r, n, elem, out);
    return get_simple(r, head, n, elem, out);
}

int hrp_ints_get(struct hrp_reader *r, struct hrp_arena *a, size_t n, size_t elem, void *out)
{
    uint8_t head = hrp_read_u8(r);

    return r->bad ? HR_ECORRUPT : get_any(r, a, head, n, elem, out);
}

int hrp_ints_take(struct hrp_reader *r, struct hrp_arena *a, size_t n, size_t elem, const void **ret, bool *ret_constant)
{
    uint8_t head = hrp_read_u8(r);
    bool constant = head == KIND_CONST;
    void *out;
    int res;

    if (r->bad)
        return HR_ECORRUPT;
    out = hrp_arena_take(a, constant ? 1 : n, elem);
    if (out == NULL)
        return hrp_arena_err(a);
    res = get_any(r, a, head, constant ? 1 : n, elem, out);
    if (res != 0)
        return res;
    *ret = out;
    *ret_constant = constant;
    return 0;
}
