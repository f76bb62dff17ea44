/* A compiled .proto of the tests, taken apart: protoc writes what a file imports before the file itself. */
#ifndef RULES_SEED_H
#define RULES_SEED_H
#include "schemas.h"
#include <stdlib.h>

/* Where the last file of a set begins. */
static inline size_t last_file(const uint8_t *set, size_t n)
{
    struct hrp_reader r = hrp_reader(set, n);
    size_t last = 0, len;

    while (hrp_reader_left(&r) != 0 && !r.bad) {
        last = n - hrp_reader_left(&r);
        hrp_read_varint(&r);
        hrp_read_lenbytes(&r, &len);
    }
    return last;
}

/* All that order.proto imports. */
static inline void put_imports(struct hrp_buf *out)
{
    static uint8_t *set;
    static size_t n;

    if (set == NULL)
        set = test_set_read("order", &n);
    hrp_put_bytes(out, set, last_file(set, n));
}
#endif
