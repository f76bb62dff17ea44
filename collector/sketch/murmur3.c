#include "murmur3.h"

static uint64_t load64(const uint8_t *p)
{
    uint64_t v;

    memcpy(&v, p, sizeof v); /* little-endian machines only, as all of headrace */
    return v;
}

/* Up to 8 bytes as a little-endian number. */
static uint64_t load_tail(const uint8_t *p, size_t n)
{
    uint64_t v = 0;

    memcpy(&v, p, n);
    return v;
}

void hrd_murmur3(const void *bytes, size_t n, uint64_t seed, uint64_t ret[2])
{
    const uint8_t *p = bytes, *end = p + (n & ~(size_t)15);
    uint64_t h1 = seed, h2 = seed, k1, k2;
    size_t tail = n & 15;

    for (; p < end; p += 16) {
        k1 = hrd_murmur_rotl(load64(p) * HRD_MURMUR_C1, 31) * HRD_MURMUR_C2;
        h1 = (hrd_murmur_rotl(h1 ^ k1, 27) + h2) * 5 + 0x52dce729;
        k2 = hrd_murmur_rotl(load64(p + 8) * HRD_MURMUR_C2, 33) * HRD_MURMUR_C1;
        h2 = (hrd_murmur_rotl(h2 ^ k2, 31) + h1) * 5 + 0x38495ab5;
    }
    if (tail > 8)
        h2 ^= hrd_murmur_rotl(load_tail(p + 8, tail - 8) * HRD_MURMUR_C2, 33) * HRD_MURMUR_C1;
    if (tail > 0)
        h1 ^= hrd_murmur_rotl(load_tail(p, tail < 8 ? tail : 8) * HRD_MURMUR_C1, 31) * HRD_MURMUR_C2;
    hrd_murmur_end(h1, h2, n, ret);
}
