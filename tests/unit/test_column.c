/* Columns of doubles, floats and strings: every value back bit for bit, special ones too. */
#include "unit.h"
#include "alloc.h"
#include "column.h"
#include "rnd.h"
#include <math.h>
#include <string.h>

#define MOST 1500u

/* ---- doubles and floats ---- */

static double double_of(unsigned pattern, struct rnd *r, double last)
{
    static const double special[] = {0.0, -0.0, INFINITY, -INFINITY, 5e-324, 1.7976931348623157e308, 2251799813685248.0, 9007199254740993.0};
    uint64_t bits = rnd_next(r);
    double v;

    switch (pattern) {
    case 0:
        return 12.99;
    case 1: /* prices */
        return rnd_below(r, 100000) / 100.0;
    case 2: /* coordinates */
        return (double)(int64_t)rnd_below(r, 360000000) / 1e6 - 180;
    case 3: /* measures with all their digits */
        return last + (double)(bits >> 11) / 9007199254740992.0 - 0.5;
    case 4: /* decimals, now and then something else */
        return rnd_one_in(r, 30) ? special[rnd_below(r, 8)] : rnd_below(r, 1000) / 10.0;
    case 5:
        return special[rnd_below(r, 8)];
    case 6: /* whole numbers, large ones too */
        return (double)(int64_t)rnd_number(r);
    default: /* anything, NaNs with payloads too */
        memcpy(&v, &bits, 8);
        return v;
    }
}
#define PATTERNS 8

static struct hrp_column column(const struct hrp_node *node, size_t n)
{
    return (struct hrp_column){.node = node, .n_slots = (uint32_t)n, .n_values = (uint32_t)n};
}

/* Read what out holds, which must be used up. The bytes are copied with the room behind them that decoders count on. */
static uint8_t *read_back(const struct hrp_buf *out, struct hrp_arena *a, struct hrp_column *c)
{
    uint8_t *copy = hrp_malloc(out->n + HRP_INTS_PAD);
    struct hrp_reader r = hrp_reader(copy, out->n);
    uint64_t expanded = 0;

    memcpy(copy, out->p, out->n);
    memset(copy + out->n, 0, HRP_INTS_PAD);
    assert_int_equal(hrp_column_values_get(&r, a, c, &expanded), 0);
    assert_int_equal(hrp_reader_left(&r), 0);
    assert_true(expanded >= c->n_values);
    return copy;
}

static void assert_numbers(const struct hrp_buf *out, enum hrp_phys phys, const void *v, size_t n)
{
    const struct hrp_node node = {.kind = HRP_NODE_LEAF, .phys = phys};
    struct hrp_arena *a = hrp_arena_new(1u << 20);
    struct hrp_column c = column(&node, n);
    uint8_t *bytes = read_back(out, a, &c);
    const uint8_t *got = phys == HRP_PHYS_F64 ? (const uint8_t *)c.f64 : (const uint8_t *)c.f32;
    size_t size = phys == HRP_PHYS_F64 ? 8 : 4;

    for (size_t i = 0; i < n; i++)
        assert_memory_equal(got + (c.constant ? 0 : i) * size, (const uint8_t *)v + i * size, size);
    hrp_free(bytes);
    hrp_arena_free(a);
}

static void numbers_keep_every_bit(void **state)
{
    struct hrp_scratch s = {0};
    struct hrp_buf out = HRP_BUF_INIT;
    double *v = malloc(MOST * 8);
    float *f = malloc(MOST * 4);
    uint64_t seed = rnd_seed(1);

    (void)state;
    assert_true(v != NULL && f != NULL);
    for (unsigned i = 0; i < 600; i++) {
        struct rnd r = {seed + i};
        size_t n = 1 + (rnd_one_in(&r, 2) ? rnd_below(&r, 20) : rnd_below(&r, MOST));
        double last = 0;

        for (size_t k = 0; k < n; k++) {
            last = v[k] = double_of(i % PATTERNS, &r, last);
            f[k] = (float)v[k];
            if (i % PATTERNS == 7) {
                uint32_t bits = (uint32_t)rnd_next(&r);

                memcpy(&f[k], &bits, 4);
            }
        }
        hrp_buf_clear(&out);
        hrp_doubles_put(&s, &out, v, n);
        assert_true(out.n <= 8 * n + 24);
        assert_numbers(&out, HRP_PHYS_F64, v, n);
        hrp_buf_clear(&out);
        hrp_floats_put(&s, &out, f, n);
        assert_true(out.n <= 4 * n + 24);
        assert_numbers(&out, HRP_PHYS_F32, f, n);
    }
    hrp_buf_fini(&out);
    hrp_scratch_fini(&s);
    free(v);
    free(f);
}

static void prices_take_the_room_of_integers(void **state)
{
    struct hrp_scratch s = {0};
    struct hrp_buf out = HRP_BUF_INIT;
    double v[1024];
    float f[1024];
    struct rnd r = {4};

    (void)state;
    for (size_t i = 0; i < 1024; i++) {
        v[i] = rnd_below(&r, 4096) / 100.0;
        f[i] = (float)v[i];
    }
    v[17] = NAN; /* one that is no decimal does not spoil it */
    hrp_doubles_put(&s, &out, v, 1024);
    assert_true(out.n <= 1024 * 12 / 8 + 60);
    hrp_buf_clear(&out);
    hrp_floats_put(&s, &out, f, 1024);
    assert_true(out.n <= 1024 * 12 / 8 + 60);
    hrp_buf_fini(&out);
    hrp_scratch_fini(&s);
}

/* ---- strings ---- */

static void string_of(unsigned pattern, struct rnd *r, struct hrp_buf *out)
{
    static const char *const codes[] = {"SFO", "LAX", "JFK", "", "a code that is longer than eight bytes"};
    uint32_t n;

    switch (pattern) {
    case 0:
        hrp_put_fmt(out, "always");
        break;
    case 1:
        break;
    case 2:
        hrp_put_fmt(out, "%s", codes[rnd_below(r, 5)]);
        break;
    case 3:
        hrp_put_fmt(out, "user-%u", rnd_below(r, 1000000));
        break;
    case 4: /* equal in the first eight bytes, and zeros, which short keys must tell apart */
        n = rnd_below(r, 12);
        for (uint32_t i = 0; i < n; i++)
            hrp_put_u8(out, (uint8_t)(i < 8 ? 0 : rnd_below(r, 2)));
        break;
    default:
        n = rnd_below(r, 30);
        for (uint32_t i = 0; i < n; i++)
            hrp_put_u8(out, (uint8_t)rnd_next(r));
        break;
    }
}

static void assert_strings(const struct hrp_buf *out, const uint32_t *lengths, const uint8_t *data, size_t n)
{
    const struct hrp_node node = {.kind = HRP_NODE_LEAF, .phys = HRP_PHYS_BYTES};
    struct hrp_arena *a = hrp_arena_new(1u << 20);
    struct hrp_column c = column(&node, n);
    uint8_t *bytes = read_back(out, a, &c);
    size_t at = 0;

    for (uint32_t i = 0; i < n; i++) {
        uint32_t length;
        const uint8_t *p = hrp_column_bytes(&c, i, &length);

        assert_int_equal(length, lengths[i]);
        assert_memory_equal(p, data + at, length);
        at += length;
    }
    hrp_free(bytes);
    hrp_arena_free(a);
}

static void strings_come_back(void **state)
{
    struct hrp_scratch s = {0};
    struct hrp_buf out = HRP_BUF_INIT, data = HRP_BUF_INIT;
    uint32_t *lengths = malloc(MOST * 4);
    uint64_t seed = rnd_seed(1);

    (void)state;
    assert_non_null(lengths);
    for (unsigned i = 0; i < 600; i++) {
        struct rnd r = {seed + i};
        size_t n = 1 + (rnd_one_in(&r, 2) ? rnd_below(&r, 20) : rnd_below(&r, MOST));

        hrp_buf_clear(&data);
        for (size_t k = 0; k < n; k++) {
            size_t before = data.n;

            string_of(i % 6, &r, &data);
            lengths[k] = (uint32_t)(data.n - before);
        }
        hrp_buf_reserve(&data, 8);
        hrp_buf_clear(&out);
        hrp_strings_put(&s, &out, lengths, data.p, n);
        assert_true(out.n <= data.n + 4 * n + 24);
        assert_strings(&out, lengths, data.p, n);
    }
    hrp_buf_fini(&out);
    hrp_buf_fini(&data);
    hrp_scratch_fini(&s);
    free(lengths);
}

static void a_dictionary_is_written_where_it_pays(void **state)
{
    static const char *const codes[] = {"San Francisco", "Los Angeles", "New York", "Oakland"};
    struct hrp_scratch s = {0};
    struct hrp_buf out = HRP_BUF_INIT, data = HRP_BUF_INIT;
    uint32_t lengths[1000];
    struct rnd r = {1};

    (void)state;
    for (size_t i = 0; i < 1000; i++) {
        const char *c = codes[rnd_below(&r, 4)];

        lengths[i] = (uint32_t)strlen(c);
        hrp_put_bytes(&data, c, lengths[i]);
    }
    hrp_buf_reserve(&data, 8);
    hrp_strings_put(&s, &out, lengths, data.p, 1000);
    assert_true(out.n <= 1000 / 4 + 80); /* two bits each */
    hrp_buf_fini(&out);
    hrp_buf_fini(&data);
    hrp_scratch_fini(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_keep_every_bit),
        cmocka_unit_test(prices_take_the_room_of_integers),
        cmocka_unit_test(strings_come_back),
        cmocka_unit_test(a_dictionary_is_written_where_it_pays),
    };

    return cmocka_run_group_tests_name("columns", tests, NULL, NULL);
}
