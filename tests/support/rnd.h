/* Numbers that look random and are the same for the same seed (splitmix64). A failing test prints its seed; HEADRACE_SEED
 * runs it again. */
#ifndef TEST_RND_H
#define TEST_RND_H
#include <stdint.h>
#include <stdlib.h>

struct rnd {
    uint64_t state;
};
static inline uint64_t rnd_next(struct rnd *r)
{
    uint64_t z = r->state += 0x9e3779b97f4a7c15u;

    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}
static inline uint32_t rnd_below(struct rnd *r, uint32_t n)
{
    return (uint32_t)(rnd_next(r) % n);
}
static inline int rnd_one_in(struct rnd *r, uint32_t n)
{
    return rnd_below(r, n) == 0;
}
/* A number of a random count of bits, so that small ones are as usual as large ones; often an end of a range. */
static inline uint64_t rnd_number(struct rnd *r)
{
    static const uint64_t ends[] = {0, 1, UINT64_MAX, INT64_MAX, (uint64_t)INT64_MIN, INT32_MAX, (uint64_t)INT32_MIN, UINT32_MAX, 127, 128};
    uint64_t v = rnd_next(r) >> rnd_below(r, 64);

    switch (rnd_below(r, 4)) {
    case 0:
        return ends[rnd_below(r, sizeof ends / sizeof ends[0])];
    case 1:
        return 0 - v;
    default:
        return v;
    }
}
static inline uint64_t rnd_seed(uint64_t otherwise)
{
    const char *s = getenv("HEADRACE_SEED");

    return s != NULL ? strtoull(s, NULL, 10) : otherwise;
}
#endif
