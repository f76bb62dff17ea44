/* The log call. Hot path: the calling thread's cache names its lane, the type's slot is open, there is room: then a row
 * costs its encoding, a time stamp and three stores. Everything else, and everything that can fail, is hrs_client_enter. */
#include "client.h"
#include "clock.h"
#include <headrace_row.h>

/* The generator's bound counts each varint at its longest; the row itself is held against HR_MAX_EVENT_BYTES at its end. */
#define MAX_BOUND 98304u
#define WIDE_BYTES 9u

/* initial-exec: no call to find it. A library opened late finds room for these few bytes in glibc's reserve. */
static __thread __attribute__((tls_model("initial-exec"))) struct {
    const hr_client *client;
    uint64_t epoch;
    struct hrs_lane *lane;
    struct hrs_anchor clock;
} cache;

static __attribute__((noinline)) int enter(hr_client *client, hr_type *type, struct hrs_lane **ret, uint32_t *ret_index)
{
    int r = hrs_client_enter(client, type, ret, ret_index);

    if (r == 0) {
        cache.client = client;
        cache.epoch = atomic_load_explicit(&hrs_epoch, memory_order_acquire);
        cache.lane = *ret;
    }
    return r;
}

/* The lane of this thread, with the type's slot open. */
static inline int find_lane(hr_client *client, hr_type *type, struct hrs_lane **ret, uint32_t *ret_index)
{
    uint32_t index = __atomic_load_n(&type->index, __ATOMIC_ACQUIRE) - 1; /* pairs with the release in type.c */

    if (__builtin_expect(cache.client == client && cache.epoch == atomic_load_explicit(&hrs_epoch, memory_order_relaxed) &&
                         index < HRS_MAX_TYPES && atomic_load_explicit(&cache.lane->slots[index].next_n, memory_order_relaxed) != 0, 1)) {
        *ret = cache.lane;
        *ret_index = index;
        return 0;
    }
    return enter(client, type, ret, ret_index);
}

static __attribute__((noinline)) uint8_t *refuse(hr_row *r, struct hrs_lane *l, uint32_t index, enum hrs_lane_reason reason, int err)
{
    hrs_lane_drop(l, index, reason);
    r->err = err;
    return NULL;
}

uint8_t *hr_row_begin(hr_client *client, hr_type *type, size_t max_bytes, int64_t event_time_ns, hr_row *r)
{
    struct hrs_lane *l;
    uint8_t *rec;
    bool wide;

    r->err = find_lane(client, type, &l, &r->index);
    if (__builtin_expect(r->err != 0, 0))
        return NULL;
    if (__builtin_expect(max_bytes > MAX_BOUND, 0))
        return refuse(r, l, r->index, HRS_LANE_TOOBIG, HR_ETOOBIG);
    wide = hrs_lane_wide(&l->slots[r->index]);
    rec = hrs_lane_reserve(l, HRS_REC_HEAD + WIDE_BYTES + max_bytes + HR_ROW_SLACK);
    if (__builtin_expect(rec == NULL, 0))
        return refuse(r, l, r->index, HRS_LANE_FULL, HR_EFULL);
    if (event_time_ns == 0)
        event_time_ns = hrs_clock_now(&cache.clock);
    memcpy(rec + 8, &event_time_ns, sizeof event_time_ns);
    r->lane = l;
    r->start = rec + HRS_REC_HEAD + (__builtin_expect(wide, 0) ? hrs_lane_put_wide(l, r->index, rec + HRS_REC_HEAD) : 0);
    return r->start;
}

int hr_row_end(hr_row *r, uint8_t *end)
{
    struct hrs_lane *l = r->lane;
    size_t n_bytes = (size_t)(end - r->start);
    bool wide = hrs_lane_wide(&l->slots[r->index]);
    uint32_t head = HRS_REC_HEAD + (__builtin_expect(wide, 0) ? WIDE_BYTES : 0);

    if (__builtin_expect(n_bytes > HR_MAX_EVENT_BYTES, 0)) {
        hrs_lane_drop(l, r->index, HRS_LANE_TOOBIG);
        return HR_ETOOBIG;
    }
    hrs_lane_publish(l, r->index, wide ? HRS_REC_EXT : HRS_REC_ROW, r->start - head, head + (uint32_t)n_bytes);
    return 0;
}

int hr_log_wire(hr_client *client, hr_type *type, int64_t event_time_ns, const void *row, size_t n_bytes)
{
    uint8_t *p;
    hr_row r;

    if (type == NULL || (row == NULL && n_bytes != 0))
        return HR_EINVAL;
    p = hr_row_begin(client, type, n_bytes, event_time_ns, &r);
    if (p == NULL)
        return r.err;
    if (n_bytes != 0)
        memcpy(p, row, n_bytes);
    return hr_row_end(&r, p + n_bytes);
}

int hr_log_raw(hr_client *client, hr_type *type, const void *bytes, size_t n_bytes, const char *reason)
{
    struct hrs_lane *l;
    uint32_t index;
    int r;

    if (type == NULL || (bytes == NULL && n_bytes != 0))
        return HR_EINVAL;
    r = find_lane(client, type, &l, &index);
    if (r != 0)
        return r;
    if (n_bytes > HR_MAX_EVENT_BYTES) {
        hrs_lane_drop(l, index, HRS_LANE_TOOBIG);
        return HR_ETOOBIG;
    }
    return hrs_lane_log(l, index, hrs_clock_now(&cache.clock), 1, reason != NULL ? reason : "", bytes, n_bytes);
}

hr_bytes hr_str(const char *s)
{
    return s != NULL ? (hr_bytes){s, strlen(s)} : (hr_bytes){NULL, 0};
}
