#include "ranges.h"
#include "alloc.h"
#include <string.h>

void hrd_ranges_fini(struct hrd_ranges *s)
{
    hrp_free(s->r);
    memset(s, 0, sizeof *s);
}

/* Index of the first range that ends at or after `at`: the only one that could touch it from the left. */
static uint32_t lower(const struct hrd_ranges *s, uint64_t at)
{
    uint32_t lo = 0, hi = s->n;

    while (lo < hi) {
        uint32_t mid = lo + (hi - lo) / 2;

        if (s->r[mid].to < at)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

static int reserve(struct hrd_ranges *s, uint32_t n)
{
    uint32_t cap = s->cap != 0 ? s->cap : 4;
    struct hrd_range *r;

    if (n <= s->cap)
        return 0;
    while (cap < n)
        cap *= 2;
    r = hrp_realloc(s->r, (size_t)cap * sizeof *r);
    if (r == NULL)
        return HR_ENOMEM;
    s->r = r;
    s->cap = cap;
    return 0;
}

int hrd_ranges_add(struct hrd_ranges *s, uint64_t from, uint64_t to)
{
    uint32_t first = lower(s, from), last = first;

    if (from >= to)
        return 0;
    while (last < s->n && s->r[last].from <= to)
        last++;
    if (first == last) { /* touches none */
        if (reserve(s, s->n + 1) != 0)
            return HR_ENOMEM;
        memmove(&s->r[first + 1], &s->r[first], (s->n - first) * sizeof *s->r);
        s->r[first] = (struct hrd_range){from, to};
        s->n++;
        return 0;
    }
    if (s->r[first].from < from)
        from = s->r[first].from;
    if (s->r[last - 1].to > to)
        to = s->r[last - 1].to;
    s->r[first] = (struct hrd_range){from, to};
    memmove(&s->r[first + 1], &s->r[last], (s->n - last) * sizeof *s->r);
    s->n -= last - first - 1;
    return 0;
}

bool hrd_ranges_meets(const struct hrd_ranges *s, uint64_t from, uint64_t to)
{
    uint32_t i = lower(s, from);

    if (i < s->n && s->r[i].to == from) /* only touches */
        i++;
    return from < to && i < s->n && s->r[i].from < to;
}

bool hrd_ranges_meet(const struct hrd_ranges *a, const struct hrd_ranges *b)
{
    for (uint32_t i = 0; i < b->n; i++)
        if (hrd_ranges_meets(a, b->r[i].from, b->r[i].to))
            return true;
    return false;
}

int hrd_ranges_merge(struct hrd_ranges *into, const struct hrd_ranges *from)
{
    int r = reserve(into, into->n + from->n); /* then none of the additions below can fail half-way */

    for (uint32_t i = 0; r == 0 && i < from->n; i++)
        r = hrd_ranges_add(into, from->r[i].from, from->r[i].to);
    return r;
}

uint64_t hrd_ranges_count(const struct hrd_ranges *s)
{
    uint64_t n = 0;

    for (uint32_t i = 0; i < s->n; i++)
        n += s->r[i].to - s->r[i].from;
    return n;
}

uint64_t hrd_ranges_hole(const struct hrd_ranges *s, uint64_t from)
{
    uint32_t i = lower(s, from);

    if (i < s->n && s->r[i].to == from)
        i++;
    return i < s->n && s->r[i].from <= from ? s->r[i].to : from;
}

/* varint n, then for each: varint distance from the end of the one before, varint length. */
void hrd_ranges_put(struct hrp_buf *out, const struct hrd_ranges *s)
{
    uint64_t last = 0;

    hrp_put_varint(out, s->n);
    for (uint32_t i = 0; i < s->n; i++) {
        hrp_put_varint(out, s->r[i].from - last);
        hrp_put_varint(out, s->r[i].to - s->r[i].from);
        last = s->r[i].to;
    }
}

int hrd_ranges_read(struct hrp_reader *r, struct hrd_ranges *ret)
{
    uint64_t n = hrp_read_varint(r), at = 0;
    int e = 0;

    memset(ret, 0, sizeof *ret);
    if (r->bad || n > hrp_reader_left(r) / 2) /* two bytes each at least */
        return HR_ECORRUPT;
    for (uint64_t i = 0; e == 0 && i < n; i++) {
        uint64_t gap = hrp_read_varint(r), len = hrp_read_varint(r);

        if (r->bad || len == 0 || (i > 0 && gap == 0) || gap > UINT64_MAX - at || len > UINT64_MAX - at - gap)
            e = HR_ECORRUPT;
        else
            e = hrd_ranges_add(ret, at + gap, at + gap + len);
        at += gap + len;
    }
    if (e != 0)
        hrd_ranges_fini(ret);
    return e;
}
