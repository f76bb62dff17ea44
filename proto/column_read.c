/* A column's values, read. Every array is charged to the arena before it is made; constants stay one element. */
#include "column.h"
#include "column_format.h"
#include "errors.h"
#include <string.h>

/* ---- doubles and floats ---- */

static int get_exceptions(struct hrp_reader *r, size_t n, size_t size, const uint8_t **ret_from, uint64_t *ret_n)
{
    uint64_t n_exceptions = hrp_read_varint(r);

    *ret_from = r->p;
    *ret_n = n_exceptions;
    if (r->bad || n_exceptions > n)
        return HR_ECORRUPT;
    for (uint64_t i = 0; i < n_exceptions && !r->bad; i++) {
        hrp_read_varint(r);
        hrp_read_bytes(r, size);
    }
    return r->bad ? HR_ECORRUPT : 0;
}

/* Put them over what the integers gave. from: checked by get_exceptions. */
static int put_exceptions(const uint8_t *from, const uint8_t *end, uint64_t n_exceptions, size_t n, size_t size, uint8_t *out)
{
    struct hrp_reader r = hrp_reader(from, (size_t)(end - from));
    uint64_t at = 0;

    for (uint64_t i = 0; i < n_exceptions; i++) {
        uint64_t step = hrp_read_varint(&r);
        const uint8_t *v = hrp_read_bytes(&r, size);

        if (v == NULL || step > n || at + step >= n)
            return HR_ECORRUPT;
        at += step;
        memcpy(out + at * size, v, size);
    }
    return 0;
}

/* Integers in the place of the doubles they become. */
static void divide64(void *values, size_t n, unsigned e)
{
    uint8_t *p = values;

    for (size_t i = 0; i < n; i++) {
        int64_t x;
        double v;

        memcpy(&x, p + 8 * i, 8);
        v = (double)x / power_of_ten[e];
        memcpy(p + 8 * i, &v, 8);
    }
}

static void divide32(const int64_t *x, float *out, size_t n, unsigned e)
{
    for (size_t i = 0; i < n; i++)
        out[i] = (float)((double)x[i] / power_of_ten[e]);
}

static int get_decimal(struct hrp_reader *r, struct hrp_arena *a, size_t n, size_t size, uint8_t *out)
{
    unsigned e = hrp_read_u8(r);
    const uint8_t *from, *end;
    uint64_t n_exceptions;
    void *x = out;
    int res;

    if (r->bad || e > DECIMAL_MOST)
        return HR_ECORRUPT;
    res = get_exceptions(r, n, size, &from, &n_exceptions);
    end = r->p;
    if (res == 0 && size == 4 && (x = hrp_arena_take(a, n, 8)) == NULL)
        return hrp_arena_err(a);
    if (res == 0)
        res = hrp_ints_get(r, a, n, 8, x);
    if (res != 0)
        return res;
    if (size == 8)
        divide64(out, n, e);
    else
        divide32(x, (float *)(void *)out, n, e);
    return put_exceptions(from, end, n_exceptions, n, size, out);
}

static int get_split(struct hrp_reader *r, size_t n, size_t size, uint8_t *out)
{
    for (size_t k = 0; k < size; k++) {
        uint8_t constant = hrp_read_u8(r);
        const uint8_t *p = hrp_read_bytes(r, constant == 1 ? 1 : n);

        if (p == NULL || constant > 1)
            return HR_ECORRUPT;
        for (size_t i = 0; i < n; i++)
            out[i * size + k] = constant == 1 ? *p : p[i];
    }
    return 0;
}

static int get_floats(struct hrp_reader *r, struct hrp_arena *a, size_t n, size_t size, const void **ret, bool *ret_constant)
{
    uint8_t kind = hrp_read_u8(r);
    void *out;
    int res;

    if (r->bad || kind > FLOAT_SPLIT)
        return HR_ECORRUPT;
    if (kind == FLOAT_BITS)
        return hrp_ints_take(r, a, n, size, ret, ret_constant);
    out = hrp_arena_take(a, n, size);
    if (out == NULL)
        return hrp_arena_err(a);
    res = kind == FLOAT_DECIMAL ? get_decimal(r, a, n, size, out) : get_split(r, n, size, out);
    if (res != 0)
        return res;
    *ret = out;
    *ret_constant = false;
    return 0;
}

/* ---- strings ---- */

/* n lengths and the bytes they count: offsets[n + 1] and data of the column. */
static int get_entries(struct hrp_reader *r, struct hrp_arena *a, size_t n, struct hrp_column *c)
{
    uint32_t *offsets = hrp_arena_take(a, (uint64_t)n + 1, sizeof *offsets);
    uint64_t sum = 0;
    int res;

    if (offsets == NULL)
        return hrp_arena_err(a);
    offsets[0] = 0;
    res = hrp_ints_get(r, a, n, sizeof *offsets, offsets + 1);
    if (res != 0)
        return res;
    for (size_t i = 1; i <= n; i++) {
        sum += offsets[i];
        if (sum > hrp_reader_left(r))
            return HR_ECORRUPT;
        offsets[i] = (uint32_t)sum;
    }
    c->offsets = offsets;
    c->data = hrp_read_bytes(r, (size_t)sum);
    c->n_dict = (uint32_t)n;
    return c->data != NULL ? 0 : HR_ECORRUPT;
}

static int get_codes(struct hrp_reader *r, struct hrp_arena *a, struct hrp_column *c, uint64_t *ret_expanded)
{
    uint32_t *codes = hrp_arena_take(a, c->n_values, sizeof *codes);
    uint64_t sum = 0;
    int res;

    if (codes == NULL)
        return hrp_arena_err(a);
    res = hrp_ints_get(r, a, c->n_values, sizeof *codes, codes);
    if (res != 0)
        return res;
    for (uint32_t i = 0; i < c->n_values; i++) {
        if (codes[i] >= c->n_dict)
            return HR_ECORRUPT;
        sum += c->offsets[codes[i] + 1] - c->offsets[codes[i]];
    }
    c->codes = codes;
    *ret_expanded = sum;
    return 0;
}

static int get_constant_string(struct hrp_reader *r, struct hrp_arena *a, struct hrp_column *c, uint64_t *ret_expanded)
{
    uint32_t *offsets = hrp_arena_take(a, 2, sizeof *offsets);
    size_t length;

    if (offsets == NULL)
        return hrp_arena_err(a);
    c->data = hrp_read_lenbytes(r, &length);
    if (c->data == NULL || length > UINT32_MAX)
        return HR_ECORRUPT;
    offsets[0] = 0;
    offsets[1] = (uint32_t)length;
    c->offsets = offsets;
    c->n_dict = 1;
    c->constant = true;
    *ret_expanded = (uint64_t)c->n_values * length;
    return 0;
}

static int get_strings(struct hrp_reader *r, struct hrp_arena *a, struct hrp_column *c, uint64_t *ret_expanded)
{
    uint64_t n_dict;
    int res;

    switch (hrp_read_u8(r)) {
    case STRING_CONST:
        return get_constant_string(r, a, c, ret_expanded);
    case STRING_PLAIN:
        res = get_entries(r, a, c->n_values, c);
        *ret_expanded = res == 0 ? c->offsets[c->n_values] : 0;
        return res;
    case STRING_DICT:
        n_dict = hrp_read_varint(r);
        if (r->bad || n_dict == 0 || n_dict > c->n_values)
            return HR_ECORRUPT;
        res = get_entries(r, a, (size_t)n_dict, c);
        return res != 0 ? res : get_codes(r, a, c, ret_expanded);
    default:
        return HR_ECORRUPT;
    }
}

int hrp_column_values_get(struct hrp_reader *r, struct hrp_arena *a, struct hrp_column *c, uint64_t *ret_expanded)
{
    const void *array = NULL;
    uint64_t strings = 0;
    int res;

    switch (c->node->phys) {
    case HRP_PHYS_I64:
    case HRP_PHYS_U64:
        res = hrp_ints_take(r, a, c->n_values, 8, &array, &c->constant);
        break;
    case HRP_PHYS_F64:
        res = get_floats(r, a, c->n_values, 8, &array, &c->constant);
        break;
    case HRP_PHYS_F32:
        res = get_floats(r, a, c->n_values, 4, &array, &c->constant);
        break;
    case HRP_PHYS_BYTES:
        res = get_strings(r, a, c, &strings);
        break;
    default:
        return HR_ECORRUPT;
    }
    if (res == 0 && r->bad)
        res = HR_ECORRUPT;
    c->i64 = c->node->phys == HRP_PHYS_I64 ? array : NULL;
    c->u64 = c->node->phys == HRP_PHYS_U64 ? array : NULL;
    c->f64 = c->node->phys == HRP_PHYS_F64 ? array : NULL;
    c->f32 = c->node->phys == HRP_PHYS_F32 ? array : NULL;
    *ret_expanded = (uint64_t)8 * c->n_values + strings;
    return res;
}
