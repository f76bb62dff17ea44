/* A set of offsets as ascending ranges that neither touch nor overlap. */
#ifndef HRD_RANGES_H
#define HRD_RANGES_H
#include "block.h"

struct hrd_ranges {
    struct hrd_range *r; /* [n], ascending, none empty, none touching */
    uint32_t n, cap;
};
void hrd_ranges_fini(struct hrd_ranges *s);
int hrd_ranges_add(struct hrd_ranges *s, uint64_t from, uint64_t to); /* a union; HR_ENOMEM */
bool hrd_ranges_meets(const struct hrd_ranges *s, uint64_t from, uint64_t to); /* some of [from, to) is in */
bool hrd_ranges_meet(const struct hrd_ranges *a, const struct hrd_ranges *b);
int hrd_ranges_merge(struct hrd_ranges *into, const struct hrd_ranges *from);
uint64_t hrd_ranges_count(const struct hrd_ranges *s);
/* The first offset >= from that is not in the set. */
uint64_t hrd_ranges_hole(const struct hrd_ranges *s, uint64_t from);
void hrd_ranges_put(struct hrp_buf *out, const struct hrd_ranges *s);
int hrd_ranges_read(struct hrp_reader *r, struct hrd_ranges *ret); /* HR_ECORRUPT, HR_ENOMEM; ret is empty then */
#endif
