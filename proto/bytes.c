#include "bytes.h"
#include "alloc.h"
#include "errors.h"
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#define XXH_INLINE_ALL
#include <xxhash.h>

/* ---- reading ---- */

uint8_t hrp_read_u8(struct hrp_reader *r)
{
    const uint8_t *p = hrp_read_bytes(r, 1);

    return p != NULL ? *p : 0;
}

uint16_t hrp_read_u16(struct hrp_reader *r)
{
    const uint8_t *p = hrp_read_bytes(r, 2);

    return p != NULL ? (uint16_t)(p[0] | p[1] << 8) : 0;
}

uint32_t hrp_read_u32(struct hrp_reader *r)
{
    const uint8_t *p = hrp_read_bytes(r, 4);
    uint32_t v = 0;

    if (p != NULL)
        memcpy(&v, p, 4);
    return v;
}

uint64_t hrp_read_u64(struct hrp_reader *r)
{
    const uint8_t *p = hrp_read_bytes(r, 8);
    uint64_t v = 0;

    if (p != NULL)
        memcpy(&v, p, 8);
    return v;
}

uint64_t hrp_read_varint_long(struct hrp_reader *r)
{
    const uint8_t *p = r->p;
    size_t left = (size_t)(r->end - p), most = left < 10 ? left : 10;
    uint64_t v = 0;

    for (size_t i = 0; i < most; i++) {
        v |= (uint64_t)(p[i] & 0x7f) << (7 * i);
        if (p[i] >= 0x80)
            continue;
        if (i == 9 && p[i] > 1) /* the tenth byte holds one bit */
            break;
        r->p = p + i + 1;
        return v;
    }
    r->bad = true;
    r->p = r->end;
    return 0;
}

int64_t hrp_read_svarint(struct hrp_reader *r)
{
    return hrp_unzigzag(hrp_read_varint(r));
}

const uint8_t *hrp_read_lenbytes(struct hrp_reader *r, size_t *ret_n)
{
    uint64_t n = hrp_read_varint(r);
    const uint8_t *p = hrp_read_bytes(r, n > SIZE_MAX ? SIZE_MAX : (size_t)n);

    *ret_n = p != NULL ? (size_t)n : 0;
    return p;
}

/* ---- writing ---- */

void hrp_buf_fini(struct hrp_buf *b)
{
    hrp_free(b->p);
    *b = (struct hrp_buf)HRP_BUF_INIT;
}

void hrp_buf_clear(struct hrp_buf *b)
{
    b->n = 0;
    b->err = 0;
}

uint8_t *hrp_buf_reserve(struct hrp_buf *b, size_t n_bytes)
{
    size_t cap = b->cap;
    uint8_t *p;

    if (b->err != 0)
        return NULL;
    if (b->p != NULL && n_bytes <= b->cap - b->n)
        return b->p + b->n;
    if (n_bytes > SIZE_MAX / 2 - b->n) {
        b->err = HR_ENOMEM;
        return NULL;
    }
    cap = cap < 64 ? 64 : cap + cap / 2;
    if (cap < b->n + n_bytes)
        cap = b->n + n_bytes;
    p = hrp_realloc(b->p, cap);
    if (p == NULL) {
        b->err = HR_ENOMEM;
        return NULL;
    }
    b->p = p;
    b->cap = cap;
    return b->p + b->n;
}

void hrp_put_bytes_slow(struct hrp_buf *b, const void *p, size_t n_bytes)
{
    uint8_t *dst = hrp_buf_reserve(b, n_bytes);

    if (dst == NULL || n_bytes == 0)
        return;
    memcpy(dst, p, n_bytes);
    b->n += n_bytes;
}

/* Little-endian hosts only; the build refuses others. */
void hrp_put_u16(struct hrp_buf *b, uint16_t v)
{
    hrp_put_bytes(b, &v, 2);
}

void hrp_put_u32(struct hrp_buf *b, uint32_t v)
{
    hrp_put_bytes(b, &v, 4);
}

void hrp_put_u64(struct hrp_buf *b, uint64_t v)
{
    hrp_put_bytes(b, &v, 8);
}

void hrp_put_u32be(struct hrp_buf *b, uint32_t v)
{
    hrp_put_u32(b, __builtin_bswap32(v));
}

void hrp_put_u64be(struct hrp_buf *b, uint64_t v)
{
    hrp_put_u64(b, __builtin_bswap64(v));
}

void hrp_put_varint(struct hrp_buf *b, uint64_t v)
{
    uint8_t *p = hrp_buf_reserve(b, 10);
    size_t n = 0;

    if (p == NULL)
        return;
    for (; v >= 0x80; v >>= 7)
        p[n++] = (uint8_t)(v | 0x80);
    p[n++] = (uint8_t)v;
    b->n += n;
}

void hrp_put_svarint(struct hrp_buf *b, int64_t v)
{
    hrp_put_varint(b, hrp_zigzag(v));
}

void hrp_put_lenbytes(struct hrp_buf *b, const void *p, size_t n_bytes)
{
    hrp_put_varint(b, n_bytes);
    hrp_put_bytes(b, p, n_bytes);
}

void hrp_put_str(struct hrp_buf *b, const char *s)
{
    hrp_put_lenbytes(b, s, strlen(s));
}

void hrp_put_fmt(struct hrp_buf *b, const char *fmt, ...)
{
    va_list ap, again;
    uint8_t *p;
    int n;

    va_start(ap, fmt);
    va_copy(again, ap);
    n = vsnprintf(NULL, 0, fmt, ap);
    p = n < 0 ? NULL : hrp_buf_reserve(b, (size_t)n + 1);
    if (p != NULL) {
        vsnprintf((char *)p, (size_t)n + 1, fmt, again);
        b->n += (size_t)n;
    }
    va_end(again);
    va_end(ap);
}

/* ---- hashes ---- */

uint64_t hrp_hash64(const void *p, size_t n_bytes)
{
    return XXH3_64bits(p, n_bytes);
}

uint64_t hrp_hash64_seeded(const void *p, size_t n_bytes, uint64_t seed)
{
    return XXH3_64bits_withSeed(p, n_bytes, seed);
}

void hrp_hash128(const void *p, size_t n_bytes, uint8_t ret[16])
{
    XXH128_canonical_t c;

    XXH128_canonicalFromHash(&c, XXH3_128bits(p, n_bytes));
    memcpy(ret, c.digest, 16);
}

/* ---- random names ---- */

int hrp_id_cmp(const struct hrp_id *a, const struct hrp_id *b)
{
    return memcmp(a->b, b->b, sizeof a->b);
}

void hrp_id_hex(const struct hrp_id *id, char ret[33])
{
    static const char hex[] = "0123456789abcdef";

    for (size_t i = 0; i < sizeof id->b; i++) {
        ret[2 * i] = hex[id->b[i] >> 4];
        ret[2 * i + 1] = hex[id->b[i] & 15];
    }
    ret[32] = '\0';
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

int hrp_id_parse(const char *hex32, struct hrp_id *ret)
{
    struct hrp_id id;

    for (size_t i = 0; i < sizeof id.b; i++) {
        int hi = hex_digit(hex32[2 * i]);
        int lo = hi < 0 ? -1 : hex_digit(hex32[2 * i + 1]); /* never past the NUL */

        if (lo < 0)
            return HR_EINVAL;
        id.b[i] = (uint8_t)(hi << 4 | lo);
    }
    if (hex32[32] != '\0')
        return HR_EINVAL;
    *ret = id;
    return 0;
}
