/* What generated code calls, and nobody else. The generated log function is straight-line:
 *
 *     uint8_t *p = hr_row_begin(client, &type, max_bytes, row->event_time_ns, &r);
 *     if (p == NULL) return r.err;
 *     *p++ = (3 << 3) | 2; p = hr_put_str(p, row->origin.p, row->origin.n); ...
 *     return hr_row_end(&r, p);
 *
 * Between begin and end nothing may fail, block or call out: max_bytes is an upper bound the generator
 * computes from the schema and the lengths of the row's strings. Behind it are HR_ROW_SLACK bytes more, so that a number
 * can be stored by whole words: what a put leaves behind the end it returns means nothing and is overwritten. */
#ifndef HEADRACE_ROW_H
#define HEADRACE_ROW_H
#include <headrace.h>
#include <string.h>

#ifdef __cplusplus
extern "C" {
#endif

#define HR_MAX_DEPTH 100 /* levels of messages in one event, itself the first; a deeper one is dropped as too big */
#define HR_ROW_SLACK 8 /* bytes that a put may touch behind the bound */
#define HR_TOO_DEEP (1u << 24) /* the size such an event is given: more than any lane has room for */

typedef struct hr_row {
    void *lane;     /* private */
    uint8_t *start; /* private */
    uint32_t index; /* private */
    int err;        /* why begin returned NULL */
} hr_row;

/* Reserve room for one row in this thread's lane. NULL: dropped and counted, r->err says why. Keeps errno. */
HR_API uint8_t *hr_row_begin(hr_client *client, hr_type *type, size_t max_bytes, int64_t event_time_ns, hr_row *r);
/* Publish the row: `end` is one past its last byte, at most begin + max_bytes. Returns 0. */
HR_API int hr_row_end(hr_row *r, uint8_t *end);

/* The plain way, that touches no byte but the number's: for a number with something behind it already. */
static inline uint8_t *hr_put_varint_exactly(uint8_t *p, uint64_t v)
{
    for (; v >= 0x80; v >>= 7)
        *p++ = (uint8_t)(v | 0x80);
    *p++ = (uint8_t)v;
    return p;
}
/* Upper bounds: 10 bytes a varint, 5 a 32-bit one. All return the new end. */
static inline uint8_t *hr_put_varint(uint8_t *p, uint64_t v)
{
    if (v < 0x80) {
        *p = (uint8_t)v;
        return p + 1;
    }
    if (v < UINT64_C(1) << 56) { /* eight groups of seven bits spread to eight bytes, all but the last with the top bit */
        unsigned n = (unsigned)(63 - __builtin_clzll(v)) / 7; /* bytes that continue: 1 to 7 */
        uint64_t x = (v & 0x0fffffff) | (v & 0xfffffff0000000) << 4;

        x = (x & 0x00003fff00003fff) | (x & 0x0fffc0000fffc000) << 2;
        x = (x & 0x007f007f007f007f) | (x & 0x3f803f803f803f80) << 1;
        x |= UINT64_C(0x8080808080808080) & ((UINT64_C(1) << 8 * n) - 1);
        memcpy(p, &x, 8);
        return p + n + 1;
    }
    return hr_put_varint_exactly(p, v);
}
static inline uint8_t *hr_put_fixed32(uint8_t *p, uint32_t v) { memcpy(p, &v, 4); return p + 4; } /* little-endian hosts only, checked in CMake */
static inline uint8_t *hr_put_fixed64(uint8_t *p, uint64_t v) { memcpy(p, &v, 8); return p + 8; }
static inline uint64_t hr_zigzag64(int64_t v) { return ((uint64_t)v << 1) ^ (uint64_t)(v >> 63); }
/* Most strings are short: copied in place, as two words that may overlap, they cost a fraction of a call. Of s nothing is read
 * but its n bytes. */
static inline uint8_t *hr_put_bytes(uint8_t *p, const void *s, size_t n)
{
    const uint8_t *from = (const uint8_t *)s;
    uint64_t a, b;
    uint32_t c, d;

    if (n > 16) {
        memcpy(p, from, n);
    } else if (n >= 8) {
        memcpy(&a, from, 8);
        memcpy(&b, from + n - 8, 8);
        memcpy(p, &a, 8);
        memcpy(p + n - 8, &b, 8);
    } else if (n >= 4) {
        memcpy(&c, from, 4);
        memcpy(&d, from + n - 4, 4);
        memcpy(p, &c, 4);
        memcpy(p + n - 4, &d, 4);
    } else if (n != 0) {
        p[0] = from[0];
        p[n / 2] = from[n / 2];
        p[n - 1] = from[n - 1];
    }
    return p + n;
}
static inline uint8_t *hr_put_str(uint8_t *p, const void *s, size_t n)
{
    return hr_put_bytes(hr_put_varint(p, n), s, n);
}
static inline uint8_t *hr_put_double(uint8_t *p, double v) { memcpy(p, &v, 8); return p + 8; }
static inline uint8_t *hr_put_float(uint8_t *p, float v) { memcpy(p, &v, 4); return p + 4; }
/* protobuf leaves a number out by its bits: -0.0 is sent, 0.0 is not. */
static inline uint64_t hr_double_bits(double v) { uint64_t b; memcpy(&b, &v, 8); return b; }
static inline uint32_t hr_float_bits(float v) { uint32_t b; memcpy(&b, &v, 4); return b; }

static inline size_t hr_varint_bytes(uint64_t v)
{
    size_t n = 1;
    while (v >= 0x80) {
        v >>= 7;
        n++;
    }
    return n;
}
/* Bytes of a length-delimited value of n bytes, its length included. */
static inline size_t hr_len_bytes(size_t n) { return hr_varint_bytes(n) + n; }
/* A value whose length is known only afterwards was written from start + 1 up to end: put the length before it. A value of
 * 128 bytes or more moves up by what its length needs; the row never grows past its exact size on the way. */
static inline uint8_t *hr_end_len(uint8_t *start, uint8_t *end)
{
    size_t n = (size_t)(end - (start + 1));
    size_t k;

    if (n < 0x80) {
        *start = (uint8_t)n;
        return end;
    }
    k = hr_varint_bytes(n);
    memmove(start + k, start + 1, n);
    hr_put_varint_exactly(start, n);
    return start + k + n;
}

#ifdef __cplusplus
}
#endif
#endif
