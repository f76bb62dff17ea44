/* Stored values, every kind of them. The first byte says which kind the rest is; its checksum is made right first, since it
 * would stop nearly every mutation, and the bytes are also tried as they are. What is read is used, written and read again:
 * it must come back as the same bytes. */
#include "sinks/sink_impl.h"
#include "alloc.h"
#include "block.h"
#include "producers.h"
#include "profile.h"
#include "registry.h"
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

/* Reads p and appends what it would store again to out: 0, or what the reader answered. */
typedef int (*again_fn)(const uint8_t *p, size_t n, struct hrp_buf *out);

static void must(int ok)
{
    if (!ok)
        abort();
}

static int head_again(const uint8_t *p, size_t n, struct hrp_buf *out)
{
    struct hrd_block_head h;
    size_t used;
    int r = hrd_block_head_read(p, n, &h, &used);

    if (r != 0)
        return r;
    must(used <= n);
    hrd_block_head_put(out, &h);
    hrd_block_head_fini(&h);
    return 0;
}

static int quarantined_again(const uint8_t *p, size_t n, struct hrp_buf *out)
{
    struct hrd_quarantined q;
    int r = hrd_quarantined_read(p, n, &q);

    if (r != 0)
        return r;
    must(q.bytes >= p && q.n_bytes <= n && q.bytes + q.n_bytes <= p + n);
    if (strlen(q.reason) + 1 < n) /* a NUL inside is not told by put */
        hrd_quarantined_put(out, &q);
    return 0;
}

static int profile_again(const uint8_t *p, size_t n, struct hrp_buf *out)
{
    struct hrd_profile *prof, *copy;
    int r = hrd_profile_read(p, n, &prof);

    if (r != 0)
        return r;
    must(hrd_profile_new(prof->stream_id, prof->schema_id, prof->minute, &copy) == 0);
    must(hrd_profile_merge(copy, prof) == 0);
    for (uint32_t i = 0; i < copy->n_fields; i++) {
        must(hrd_field_distinct(&copy->fields[i]) <= copy->fields[i].values);
        (void)hrd_moments_stddev(&copy->fields[i].moments);
    }
    hrd_profile_put(out, prof);
    hrd_profile_free(prof);
    hrd_profile_free(copy);
    return 0;
}

static int ranges_again(const uint8_t *p, size_t n, struct hrp_buf *out)
{
    struct hrp_reader in = hrp_reader(p, n);
    struct hrd_ranges s;
    int r = hrd_ranges_read(&in, &s);

    if (r != 0)
        return r;
    for (uint32_t i = 0; i < s.n; i++)
        must(s.r[i].from < s.r[i].to && (i == 0 || s.r[i].from > s.r[i - 1].to));
    hrd_ranges_put(out, &s);
    hrd_ranges_fini(&s);
    return 0;
}

static int lane_again(const uint8_t *p, size_t n, struct hrp_buf *out)
{
    struct hrd_lane_record rec;
    struct hrd_terms terms;
    int r = hrd_lane_record_read(p, n, &rec);

    if (r != 0)
        return r;
    hrd_lane_record_terms(&rec, true, &terms);
    hrd_lane_record_put(out, &rec);
    hrd_lane_record_fini(&rec);
    return 0;
}

static int incarnation_again(const uint8_t *p, size_t n, struct hrp_buf *out)
{
    struct hrd_incarnation_info info;
    int r = hrd_incarnation_info_read(p, n, &info);

    if (r != 0)
        return r;
    hrd_incarnation_info_put(out, &info);
    hrd_incarnation_info_fini(&info);
    return 0;
}

static int stream_again(const uint8_t *p, size_t n, struct hrp_buf *out)
{
    struct hrd_stream_record rec;
    struct hrd_group g;
    int r = hrd_stream_record_read(p, n, &rec);

    if (r != 0)
        return r;
    hrd_group_init(&g);
    hrd_stream_record_put(&g, "s", &rec, out);
    must(g.n_puts == 1);
    hrp_buf_clear(out);
    hrp_put_bytes(out, g.bytes.p + g.puts[0].value_at, g.puts[0].n_value);
    hrd_group_fini(&g);
    return 0;
}

static int cursor_again(const uint8_t *p, size_t n, struct hrp_buf *out)
{
    struct sink_stream st = {.cursor = 0};
    int r = sink_cursor_read(p, n, &st);

    if (r != 0)
        return r;
    must(!st.intent.out || st.intent.to > st.cursor);
    sink_cursor_put(out, &st);
    return 0;
}

static const again_fn kinds[] = {head_again, quarantined_again, profile_again, ranges_again, lane_again, incarnation_again, stream_again, cursor_again};

/* A varint may be longer than it must be, so the first writing may differ from what was read; the second may not. */
static void try(again_fn again, const uint8_t *p, size_t n)
{
    struct hrp_buf one = HRP_BUF_INIT, two = HRP_BUF_INIT;

    if (again(p, n, &one) == 0 && one.n != 0) {
        must(again(one.p, one.n, &two) == 0);
        must(two.n == one.n && memcmp(one.p, two.p, one.n) == 0);
    }
    hrp_buf_fini(&one);
    hrp_buf_fini(&two);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
    again_fn again;
    uint8_t *right;
    uint32_t check;

    if (n == 0)
        return 0;
    again = kinds[p[0] % (sizeof kinds / sizeof *kinds)];
    p++;
    n--;
    try(again, p, n);
    if (n < sizeof check)
        return 0;
    right = malloc(n);
    must(right != NULL);
    memcpy(right, p, n);
    check = hrp_check32(right, n - sizeof check);
    memcpy(right + n - sizeof check, &check, sizeof check);
    try(again, right, n);
    free(right);
    return 0;
}
