/* Bounds-checked reader and growable writer: the only code that walks a byte range.
 * Integers are little-endian; varints are those of protobuf (LEB128, at most 10 bytes). */
#ifndef HRP_BYTES_H
#define HRP_BYTES_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* Reader over borrowed bytes. The first read past the end, or of a malformed varint, sets `bad`;
 * from then on every read returns 0 or NULL, so a caller may check once at the end. */
struct hrp_reader {
    const uint8_t *p, *end;
    bool bad;
};
static inline struct hrp_reader hrp_reader(const void *p, size_t n_bytes)
{
    const uint8_t *b = p != NULL ? (const uint8_t *)p : (const uint8_t *)""; /* NULL with 0 bytes is an empty range */
    struct hrp_reader r = {b, b + n_bytes, false};

    return r;
}
static inline size_t hrp_reader_left(const struct hrp_reader *r) { return r->bad ? 0 : (size_t)(r->end - r->p); }
/* Borrowed from the range; NULL: past its end. These few are inline, since rows are parsed with them. */
static inline const uint8_t *hrp_read_bytes(struct hrp_reader *r, size_t n_bytes)
{
    const uint8_t *p = r->p;

    if (n_bytes > (size_t)(r->end - p) || r->bad) {
        r->bad = true;
        r->p = r->end;
        return NULL;
    }
    r->p = p + n_bytes;
    return p;
}
uint64_t hrp_read_varint_long(struct hrp_reader *r); /* of any length: for hrp_read_varint */
static inline uint64_t hrp_read_varint(struct hrp_reader *r)
{
    if (r->p != r->end && *r->p < 0x80)
        return *r->p++;
    return hrp_read_varint_long(r);
}
uint8_t hrp_read_u8(struct hrp_reader *r);
uint16_t hrp_read_u16(struct hrp_reader *r);
uint32_t hrp_read_u32(struct hrp_reader *r);
uint64_t hrp_read_u64(struct hrp_reader *r);
int64_t hrp_read_svarint(struct hrp_reader *r);                  /* zigzag */
/* A varint length, then that many bytes; *ret_n set also on failure (0). */
const uint8_t *hrp_read_lenbytes(struct hrp_reader *r, size_t *ret_n);

/* Growable writer. A failed growth sets `err` (HR_ENOMEM) and later writes do nothing: check once. */
struct hrp_buf {
    uint8_t *p;
    size_t n, cap;
    int err;
};
#define HRP_BUF_INIT {NULL, 0, 0, 0}
void hrp_buf_fini(struct hrp_buf *b);
void hrp_buf_clear(struct hrp_buf *b); /* n = 0, err = 0, keeps the memory */
uint8_t *hrp_buf_reserve(struct hrp_buf *b, size_t n_bytes); /* room at p + n; NULL: err is set; n is not moved */
void hrp_put_bytes_slow(struct hrp_buf *b, const void *p, size_t n_bytes); /* grows: for hrp_put_bytes */
static inline void hrp_put_bytes(struct hrp_buf *b, const void *p, size_t n_bytes) /* inline, as rows are written with it */
{
    if (n_bytes <= b->cap - b->n && n_bytes != 0 && b->err == 0) {
        memcpy(b->p + b->n, p, n_bytes);
        b->n += n_bytes;
    } else {
        hrp_put_bytes_slow(b, p, n_bytes);
    }
}
static inline void hrp_put_u8(struct hrp_buf *b, uint8_t v) { hrp_put_bytes(b, &v, 1); }
void hrp_put_u16(struct hrp_buf *b, uint16_t v);
void hrp_put_u32(struct hrp_buf *b, uint32_t v);
void hrp_put_u64(struct hrp_buf *b, uint64_t v);
void hrp_put_u32be(struct hrp_buf *b, uint32_t v); /* big-endian: for keys that must sort */
void hrp_put_u64be(struct hrp_buf *b, uint64_t v);
void hrp_put_varint(struct hrp_buf *b, uint64_t v);
void hrp_put_svarint(struct hrp_buf *b, int64_t v);
void hrp_put_lenbytes(struct hrp_buf *b, const void *p, size_t n_bytes);
void hrp_put_str(struct hrp_buf *b, const char *s); /* as hrp_put_lenbytes(s, strlen(s)) */
void hrp_put_fmt(struct hrp_buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3))); /* text, no NUL */

static inline uint64_t hrp_zigzag(int64_t v) { return ((uint64_t)v << 1) ^ (uint64_t)(v >> 63); }
static inline int64_t hrp_unzigzag(uint64_t v) { return (int64_t)(v >> 1) ^ -(int64_t)(v & 1); }

/* XXH3 64 of the bytes (xxHash 0.8, xxhash.h included inline: no library to link). */
uint64_t hrp_hash64(const void *p, size_t n_bytes);
uint64_t hrp_hash64_seeded(const void *p, size_t n_bytes, uint64_t seed); /* for tables of what comes from outside */
void hrp_hash128(const void *p, size_t n_bytes, uint8_t ret[16]);
static inline uint32_t hrp_check32(const void *p, size_t n_bytes) { return (uint32_t)hrp_hash64(p, n_bytes); }

/* A random 128-bit name: incarnation, store generation. */
struct hrp_id {
    uint8_t b[16];
};
int hrp_id_cmp(const struct hrp_id *a, const struct hrp_id *b);
void hrp_id_hex(const struct hrp_id *id, char ret[33]);
int hrp_id_parse(const char *hex32, struct hrp_id *ret); /* exactly 32 lower-case hex digits, else HR_EINVAL */
#endif
