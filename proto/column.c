/* Doubles and byte strings, written.
 *
 * Most doubles in logs were typed or printed as decimals once: prices, coordinates, seconds. Such a value is an integer
 * divided by a power of ten, exactly, since division rounds correctly (the idea of ALP: Afroozeh, Kuffo, Boncz, SIGMOD
 * 2024). The integers then go the way of all integers. What does not come back bit for bit (NaN, -0.0, more digits)
 * is an exception: its place and its eight bytes. A column with too many of those is split into byte planes, whose upper
 * ones repeat, for LZ4 to find, or it is a stream of bit patterns, when these repeat.
 *
 * Strings: constant, one after the other, or a dictionary in order of first appearance. */
#include "column.h"
#include "column_format.h"
#include "alloc.h"
#include "errors.h"
#include <string.h>

/* ---- doubles ---- */

#define SAMPLES 32u
#define ROUND 6755399441055744.0 /* 1.5 * 2^52: adding and taking it away rounds to an integer */
#define LARGEST 2251799813685248.0 /* 2^51: up to here */

static bool same_bits(double a, double b)
{
    return memcmp(&a, &b, sizeof a) == 0;
}

/* v as integer / 10^e, if that gives v back bit for bit. For floats, after rounding to float. */
static inline bool decimal_of(double v, unsigned e, bool is_float, int64_t *ret)
{
    double x = v * power_of_ten[e], back;

    if (!(x < LARGEST && x > -LARGEST))
        return false;
    x = (x + ROUND) - ROUND;
    back = x / power_of_ten[e];
    if (is_float)
        back = (float)back;
    *ret = (int64_t)x;
    return same_bits(back, v);
}

/* The least exponent that fits the samples, or -1: too few of them are decimals. */
static int decimal_exponent(const double *v, size_t n, bool is_float)
{
    size_t step = n / SAMPLES + 1, n_samples = 0, n_bad = 0;
    unsigned best = 0;

    for (size_t i = 0; i < n; i += step, n_samples++) {
        unsigned e = best;
        int64_t x;

        while (e <= DECIMAL_MOST && !decimal_of(v[i], e, is_float, &x))
            e++;
        if (e <= DECIMAL_MOST)
            best = e;
        else
            n_bad++;
    }
    return n_bad > n_samples / 8 ? -1 : (int)best;
}

/* Exceptions: the distance to the one before, as a varint, and the value's own bytes, which are in raw, since a float NaN
 * may change on its way through a double. Their place in the integers repeats the one before, which costs the least. */
static bool put_decimal(struct hrp_scratch *s, struct hrp_buf *out, const double *v, size_t n, const void *raw, size_t size)
{
    bool is_float = size == 4;
    int e = decimal_exponent(v, n, is_float);
    uint64_t *x = e < 0 ? NULL : hrp_scratch_room(&s->scaled, n, 8);
    size_t n_exceptions = 0, last = 0, most = n / 8 + 1;
    int64_t now = 0;

    if (x == NULL)
        return false;
    hrp_buf_clear(&s->exceptions);
    for (size_t i = 0; i < n; i++) {
        int64_t d = 0;

        if (decimal_of(v[i], (unsigned)e, is_float, &d)) {
            now = d;
        } else {
            if (++n_exceptions > most)
                return false;
            hrp_put_varint(&s->exceptions, i - last);
            hrp_put_bytes(&s->exceptions, (const uint8_t *)raw + i * size, size);
            last = i;
        }
        x[i] = (uint64_t)now;
    }
    if (s->exceptions.err != 0)
        return false;
    hrp_put_u8(out, FLOAT_DECIMAL);
    hrp_put_u8(out, (uint8_t)e);
    hrp_put_varint(out, n_exceptions);
    hrp_put_bytes(out, s->exceptions.p, s->exceptions.n);
    hrp_ints_put(s, out, x, n);
    return true;
}

/* Planes of values of size bytes, in v. A plane that is constant costs two bytes. */
static void put_split(struct hrp_buf *out, const uint8_t *v, size_t n, size_t size)
{
    hrp_put_u8(out, FLOAT_SPLIT);
    for (size_t k = 0; k < size; k++) {
        uint8_t *p = hrp_buf_reserve(out, n + 2);
        bool constant = true;

        if (p == NULL)
            return;
        for (size_t i = 0; i < n; i++) {
            p[1 + i] = v[i * size + k];
            constant = constant && p[1 + i] == v[k];
        }
        p[0] = constant;
        out->n += constant ? 2 : 1 + n;
    }
}

/* Bit patterns in bits[n], the values of size bytes in v: as integers, or by planes when that is not clearly larger, since
 * LZ4 finds what repeats in a plane. */
static void put_patterns(struct hrp_scratch *s, struct hrp_buf *out, const uint64_t *bits, const void *v, size_t n, size_t size)
{
    size_t start = out->n;

    hrp_put_u8(out, FLOAT_BITS);
    hrp_ints_put(s, out, bits, n);
    if (out->err != 0 || out->n - start <= n * size - n * size / 4)
        return;
    hrp_buf_clear(&s->other);
    put_split(&s->other, v, n, size);
    if (s->other.err == 0 && s->other.n < out->n - start + n / 2) {
        out->n = start;
        hrp_put_bytes(out, s->other.p, s->other.n);
    }
}

void hrp_doubles_put(struct hrp_scratch *s, struct hrp_buf *out, const double *v, size_t n)
{
    size_t start = out->n;
    uint64_t *bits;

    if (put_decimal(s, out, v, n, v, 8) && (out->n - start <= 6 * n || out->err != 0))
        return;
    out->n = start;
    bits = hrp_scratch_room(&s->scaled, n, 8);
    if (bits == NULL) {
        out->err = HR_ENOMEM;
        return;
    }
    memcpy(bits, v, n * 8);
    put_patterns(s, out, bits, v, n, 8);
}

void hrp_floats_put(struct hrp_scratch *s, struct hrp_buf *out, const float *v, size_t n)
{
    double *wide = hrp_scratch_room(&s->wide, n, 8);
    size_t start = out->n;
    uint64_t *bits;

    for (size_t i = 0; i < n && wide != NULL; i++)
        wide[i] = (double)v[i];
    if (wide != NULL && put_decimal(s, out, wide, n, v, 4) && (out->n - start <= 3 * n || out->err != 0))
        return;
    out->n = start;
    bits = hrp_scratch_room(&s->scaled, n, 8);
    if (bits == NULL || wide == NULL) {
        out->err = HR_ENOMEM;
        return;
    }
    for (size_t i = 0; i < n; i++) {
        uint32_t b;

        memcpy(&b, &v[i], 4);
        bits[i] = b;
    }
    put_patterns(s, out, bits, v, n, 4);
}

/* ---- strings ---- */

struct entry {
    uint64_t key; /* the bytes of a short string, the hash of a longer one */
    uint32_t at, length;
};

/* Short strings are compared and hashed as one word; hence the 8 readable bytes past the end of data. */
static inline uint64_t key_of(const uint8_t *p, uint32_t length)
{
    uint64_t word;

    if (length > 8)
        return hrp_hash64(p, length);
    memcpy(&word, p, 8);
    return length == 8 ? word : word & ((1ull << 8 * length) - 1);
}

static inline size_t slot_of(uint64_t key, uint32_t length, unsigned bits)
{
    return (size_t)(((key ^ length) * 0x9e3779b97f4a7c15u ^ (key >> 29)) * 0xbf58476d1ce4e5b9u >> (64 - bits));
}

struct dictionary {
    struct entry *entries;
    uint64_t *codes;
    uint32_t *table; /* entry + 1; 0: free */
    unsigned bits;
    size_t n, most, n_bytes; /* n_bytes: of all entries */
};

static bool dictionary_init(struct dictionary *d, struct hrp_scratch *s, size_t n)
{
    d->most = n / 2 < 65536 ? n / 2 : 65536;
    d->bits = 65 - (unsigned)__builtin_clzll(d->most * 2);
    d->entries = hrp_scratch_room(&s->distinct, d->most, sizeof *d->entries);
    d->codes = hrp_scratch_room(&s->codes, n, 8);
    d->table = hrp_scratch_room(&s->table, (size_t)1 << d->bits, 4);
    d->n = d->n_bytes = 0;
    if (d->entries == NULL || d->codes == NULL || d->table == NULL)
        return false;
    memset(d->table, 0, sizeof *d->table << d->bits);
    return true;
}

/* The entry of a string, added if new; -1: no room for another, or strings that were chosen to collide. */
static inline int64_t dictionary_code(struct dictionary *d, const uint8_t *data, uint32_t at, uint32_t length)
{
    uint64_t key = key_of(data + at, length);
    size_t mask = ((size_t)1 << d->bits) - 1, h = slot_of(key, length, d->bits);

    for (unsigned probes = 0; d->table[h] != 0; h = (h + 1) & mask) {
        const struct entry *e = &d->entries[d->table[h] - 1];

        if (++probes > HRP_MOST_PROBES)
            return -1;
        if (e->key == key && e->length == length && (length <= 8 || memcmp(data + e->at, data + at, length) == 0))
            return (int64_t)d->table[h] - 1;
    }
    if (d->n == d->most)
        return -1;
    d->entries[d->n] = (struct entry){key, at, length};
    d->n_bytes += length;
    d->table[h] = (uint32_t)++d->n;
    return (int64_t)d->n - 1;
}

/* Strings repeat enough when entries and codes are smaller than the strings. Seen early that they hardly do: give up. */
static bool dictionary_build(struct dictionary *d, const uint32_t *lengths, const uint8_t *data, size_t n, size_t n_bytes)
{
    uint32_t at = 0;

    for (size_t i = 0; i < n; i++) {
        int64_t code = dictionary_code(d, data, at, lengths[i]);

        if (code < 0 || (i >= 256 && d->n > i - i / 8))
            return false;
        d->codes[i] = (uint64_t)code;
        at += lengths[i];
    }
    return d->n_bytes + d->n + n * (64 - (size_t)__builtin_clzll(d->n)) / 8 < n_bytes + n / 8;
}

static void put_dictionary(struct hrp_scratch *s, struct hrp_buf *out, const struct dictionary *d, const uint8_t *data, size_t n)
{
    uint64_t *lengths = hrp_scratch_room(&s->scaled, d->n, 8);

    if (lengths == NULL) {
        out->err = HR_ENOMEM;
        return;
    }
    hrp_put_u8(out, STRING_DICT);
    hrp_put_varint(out, d->n);
    for (size_t i = 0; i < d->n; i++)
        lengths[i] = d->entries[i].length;
    hrp_ints_put_simple(s, out, lengths, d->n);
    for (size_t i = 0; i < d->n; i++)
        hrp_put_bytes(out, data + d->entries[i].at, d->entries[i].length);
    hrp_ints_put_simple(s, out, d->codes, n);
}

static bool all_equal(const uint32_t *lengths, const uint8_t *data, size_t n)
{
    for (size_t i = 1; i < n; i++) {
        if (lengths[i] != lengths[0] || (lengths[0] != 0 && memcmp(data + i * lengths[0], data, lengths[0]) != 0))
            return false;
    }
    return true;
}

void hrp_strings_put(struct hrp_scratch *s, struct hrp_buf *out, const uint32_t *lengths, const uint8_t *data, size_t n)
{
    struct dictionary d;
    size_t n_bytes = 0;

    if (all_equal(lengths, data, n)) {
        hrp_put_u8(out, STRING_CONST);
        hrp_put_lenbytes(out, data, lengths[0]);
        return;
    }
    for (size_t i = 0; i < n; i++)
        n_bytes += lengths[i];
    if (n >= 4 && !dictionary_init(&d, s, n)) {
        out->err = HR_ENOMEM;
    } else if (n >= 4 && dictionary_build(&d, lengths, data, n, n_bytes)) {
        put_dictionary(s, out, &d, data, n);
    } else {
        hrp_put_u8(out, STRING_PLAIN);
        hrp_ints_put_u32(s, out, lengths, n);
        hrp_put_bytes(out, data, n_bytes);
    }
}
