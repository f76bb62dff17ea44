/* MurmurHash3 x64-128, A. Appleby's public-domain algorithm (github.com/aappleby/smhasher, MurmurHash3.cpp). Only because
 * the sketches we export must hash as Apache DataSketches does; for anything of our own there is hrp_hash64. */
#ifndef HRD_MURMUR3_H
#define HRD_MURMUR3_H
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define HRD_MURMUR_C1 UINT64_C(0x87c37b91114253d5)
#define HRD_MURMUR_C2 UINT64_C(0x4cf5ad432745937f)

static inline uint64_t hrd_murmur_rotl(uint64_t x, int r) { return (x << r) | (x >> (64 - r)); }

static inline uint64_t hrd_murmur_mix(uint64_t k)
{
    k ^= k >> 33;
    k *= UINT64_C(0xff51afd7ed558ccd);
    k ^= k >> 33;
    k *= UINT64_C(0xc4ceb9fe1a85ec53);
    return k ^ (k >> 33);
}

static inline void hrd_murmur_end(uint64_t h1, uint64_t h2, size_t n, uint64_t ret[2])
{
    h1 ^= n;
    h2 ^= n;
    h1 += h2;
    h2 += h1;
    h1 = hrd_murmur_mix(h1);
    h2 = hrd_murmur_mix(h2);
    h1 += h2;
    ret[0] = h1;
    ret[1] = h2 + h1;
}

/* Eight bytes, the case of every number: straight line, so that a loop over a column pipelines. */
static inline void hrd_murmur3_u64(uint64_t v, uint64_t seed, uint64_t ret[2])
{
    v *= HRD_MURMUR_C1;
    v = hrd_murmur_rotl(v, 31);
    hrd_murmur_end(seed ^ (v * HRD_MURMUR_C2), seed, 8, ret);
}

void hrd_murmur3(const void *p, size_t n, uint64_t seed, uint64_t ret[2]);
#endif
