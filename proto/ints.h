/* Integer streams: n values (n >= 1) of 64 or 32 bits, encoded the smallest way. Private to proto/.
 * What a column of integers, list lengths, oneof cases, dictionary codes and byte lengths are all made of.
 * The bytes: PROTOCOL.md, "Integer streams". */
#ifndef HRP_INTS_H
#define HRP_INTS_H
#include "arena.h"
#include "bytes.h"

/* Memory the encoders work in; kept from seal to seal. */
struct hrp_widths { /* bit widths of blocks while a stream is planned */
    struct hrp_buf work, of_for, of_delta;
};
struct hrp_scratch {
    struct hrp_widths outer, inner;        /* inner: streams within a stream */
    struct hrp_buf table, codes, distinct; /* dictionaries */
    struct hrp_buf dense;                  /* values without zeros */
    struct hrp_buf wide;                   /* 32-bit input as 64-bit */
    struct hrp_buf scaled, exceptions;     /* doubles as integers */
    struct hrp_buf other;                  /* another way to write a column, to be compared */
};
/* Tables of dictionaries are at most half full: a longer search means values chosen to collide, and is not worth it. */
#define HRP_MOST_PROBES 256u
void hrp_scratch_fini(struct hrp_scratch *s);
/* Room for n items of size bytes in a scratch buffer, contents undefined. NULL: no memory, b->err is set. */
void *hrp_scratch_room(struct hrp_buf *b, size_t n, size_t size);

/* Append v[n] to out. No memory: out->err. */
void hrp_ints_put(struct hrp_scratch *s, struct hrp_buf *out, const uint64_t *v, size_t n);
void hrp_ints_put_simple(struct hrp_scratch *s, struct hrp_buf *out, const uint64_t *v, size_t n); /* no DICT, no ZEROS */
void hrp_ints_put_u32(struct hrp_scratch *s, struct hrp_buf *out, const uint32_t *v, size_t n);

/* The unpacker loads whole words: so many bytes past the reader's end must be readable. */
#define HRP_INTS_PAD 16

size_t hrp_bits_count(const uint8_t *bits, size_t n); /* how many of the first n bits are set */

/* Decode n values of elem bytes (8, or 4: modulo 2^32) into out. 0, HR_ECORRUPT, or what the arena failed with. */
int hrp_ints_get(struct hrp_reader *r, struct hrp_arena *a, size_t n, size_t elem, void *out);
/* The same into memory of the arena; a constant is kept as one element. */
int hrp_ints_take(struct hrp_reader *r, struct hrp_arena *a, size_t n, size_t elem, const void **ret, bool *ret_constant);
#endif
