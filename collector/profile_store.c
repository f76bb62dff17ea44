/* A profile's stored form:
 *
 *   u8 version 1, varint stream id, schema id, minute, rows, svarint least and greatest event time, ranges of offsets,
 *   varint n_fields, varint fields that follow, each: varint distance of its id from the one before, u8 phys,
 *   varint slots, present, values, zeros, nans, infs, moments, least and greatest as u64 when moments.n > 0, distinct;
 *   u32 check32 of all before */
#include "profile.h"
#include "alloc.h"
#include <string.h>

#define VERSION 1
#define MAX_FIELDS 65536

void hrd_profile_key(char window, uint32_t stream_id, uint32_t minute, uint32_t schema_id, uint8_t ret[HRD_PROFILE_KEY_BYTES])
{
    const uint32_t part[3] = {__builtin_bswap32(stream_id), __builtin_bswap32(minute), __builtin_bswap32(schema_id)};

    ret[0] = (uint8_t)window;
    memcpy(ret + 1, part, sizeof part);
}

void hrd_profiled_key(uint32_t stream_id, uint8_t ret[HRD_PROFILED_KEY_BYTES])
{
    const uint32_t id = __builtin_bswap32(stream_id);

    ret[0] = 's';
    memcpy(ret + 1, &id, sizeof id);
}

static void put_field(struct hrp_buf *out, const struct hrd_field_profile *f)
{
    hrp_put_u8(out, f->phys);
    hrp_put_varint(out, f->slots);
    hrp_put_varint(out, f->present);
    hrp_put_varint(out, f->values);
    hrp_put_varint(out, f->zeros);
    hrp_put_varint(out, f->nans);
    hrp_put_varint(out, f->infs);
    hrd_moments_put(out, &f->moments);
    if (f->moments.n > 0) {
        hrp_put_u64(out, f->min.u64);
        hrp_put_u64(out, f->max.u64);
    }
    hrd_hll_put(out, &f->distinct);
}

void hrd_profile_put(struct hrp_buf *out, const struct hrd_profile *prof)
{
    size_t start = out->n;
    uint32_t n = 0, last = 0;

    hrp_put_u8(out, VERSION);
    hrp_put_varint(out, prof->stream_id);
    hrp_put_varint(out, prof->schema_id);
    hrp_put_varint(out, prof->minute);
    hrp_put_varint(out, prof->rows);
    hrp_put_svarint(out, prof->min_event_time_ns);
    hrp_put_svarint(out, prof->max_event_time_ns);
    hrd_ranges_put(out, &prof->offsets);
    hrp_put_varint(out, prof->n_fields);
    for (uint32_t i = 0; i < prof->n_fields; i++)
        n += prof->fields[i].slots != 0;
    hrp_put_varint(out, n);
    for (uint32_t i = 0; i < prof->n_fields; i++) {
        if (prof->fields[i].slots == 0)
            continue;
        hrp_put_varint(out, i - last);
        put_field(out, &prof->fields[i]);
        last = i;
    }
    if (out->err == 0)
        hrp_put_u32(out, hrp_check32(out->p + start, out->n - start));
}

static int read_field(struct hrp_reader *r, struct hrd_field_profile *f)
{
    f->phys = hrp_read_u8(r);
    f->slots = hrp_read_varint(r);
    f->present = hrp_read_varint(r);
    f->values = hrp_read_varint(r);
    f->zeros = hrp_read_varint(r);
    f->nans = hrp_read_varint(r);
    f->infs = hrp_read_varint(r);
    hrd_moments_read(r, &f->moments);
    if (f->moments.n > 0) {
        f->min.u64 = hrp_read_u64(r);
        f->max.u64 = hrp_read_u64(r);
    }
    if (r->bad || f->phys > HRP_PHYS_BYTES || f->phys == HRP_PHYS_F32 || f->slots == 0)
        return HR_ECORRUPT;
    return hrd_hll_read(r, &f->distinct);
}

static int read_fields(struct hrp_reader *r, struct hrd_profile *prof)
{
    uint64_t n_fields = hrp_read_varint(r), n = hrp_read_varint(r), id = 0;
    int e;

    if (r->bad || n_fields > MAX_FIELDS || n > n_fields)
        return HR_ECORRUPT;
    e = hrd_profile_reserve(prof, (uint32_t)n_fields);
    for (uint64_t i = 0; e == 0 && i < n; i++) {
        uint64_t step = hrp_read_varint(r);

        if (step >= n_fields - id || (i > 0 && step == 0))
            e = HR_ECORRUPT;
        else
            e = read_field(r, &prof->fields[id += step]);
    }
    return e;
}

static int read_body(struct hrp_reader *r, struct hrd_profile *prof)
{
    int e;

    prof->stream_id = (uint32_t)hrp_read_varint(r);
    prof->schema_id = (uint32_t)hrp_read_varint(r);
    prof->minute = (uint32_t)hrp_read_varint(r);
    prof->rows = hrp_read_varint(r);
    prof->min_event_time_ns = hrp_read_svarint(r);
    prof->max_event_time_ns = hrp_read_svarint(r);
    e = hrd_ranges_read(r, &prof->offsets);
    if (e == 0)
        e = read_fields(r, prof);
    return e == 0 && (r->bad || hrp_reader_left(r) != 0) ? HR_ECORRUPT : e;
}

int hrd_profile_read(const uint8_t *p, size_t n, struct hrd_profile **ret)
{
    struct hrp_reader check = hrp_reader(n >= 5 ? p + n - 4 : p, n >= 5 ? 4 : 0), r = hrp_reader(p, n >= 5 ? n - 4 : 0);
    struct hrd_profile *prof;
    int e;

    if (n < 5 || hrp_read_u32(&check) != hrp_check32(p, n - 4))
        return HR_ECORRUPT;
    if (hrp_read_u8(&r) != VERSION)
        return HR_EVERSION;
    e = hrd_profile_new(0, 0, 0, &prof);
    if (e != 0)
        return e;
    e = read_body(&r, prof);
    if (e == 0)
        *ret = prof;
    else
        hrd_profile_free(prof);
    return e;
}
