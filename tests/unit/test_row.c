/* What generated code writes with: numbers and strings against the plain way of writing them, and never past the slack. */
#include <headrace_row.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <cmocka.h>

static size_t plain_varint(uint8_t *p, uint64_t v)
{
    size_t n = 0;

    for (; v >= 0x80; v >>= 7)
        p[n++] = (uint8_t)(v | 0x80);
    p[n++] = (uint8_t)v;
    return n;
}

static void hold_varint(uint64_t v)
{
    uint8_t *got = malloc(10 + HR_ROW_SLACK), want[10]; /* a byte more touched is found by the sanitizer */
    size_t n = plain_varint(want, v);
    uint8_t *at = got + 10 - n; /* the bound ends where the number does */

    assert_non_null(got);
    assert_int_equal(hr_put_varint(at, v) - at, n);
    assert_memory_equal(at, want, n);
    assert_int_equal(hr_varint_bytes(v), n);
    free(got);
}

static void varints(void **state)
{
    uint64_t s = 1;

    for (unsigned bit = 0; bit < 64; bit++)
        for (int d = -2; d <= 2; d++)
            hold_varint((UINT64_C(1) << bit) + (uint64_t)(int64_t)d);
    for (int i = 0; i < 200000; i++) {
        s = s * 6364136223846793005u + 1442695040888963407u;
        hold_varint(s >> (s >> 58));
    }
}

static void strings(void **state)
{
    for (size_t n = 0; n < 300; n++) {
        uint8_t *from = malloc(n != 0 ? n : 1), *got = malloc(n + 2 + HR_ROW_SLACK), *end, len[10];
        size_t k = plain_varint(len, n);

        assert_true(from != NULL && got != NULL);
        for (size_t i = 0; i < n; i++)
            from[i] = (uint8_t)(i * 7 + n);
        end = hr_put_str(got, n != 0 ? from : NULL, n);
        assert_int_equal(end - got, k + n);
        assert_memory_equal(got, len, k);
        assert_memory_equal(got + k, from, n);
        free(from);
        free(got);
    }
}

/* A length that is put before what was written already leaves that as it was. */
static void lengths(void **state)
{
    for (size_t n = 0; n < 40000; n = n < 300 ? n + 1 : n * 2 + 1) {
        uint8_t *got = malloc(n + 10 + HR_ROW_SLACK), len[10];
        size_t k = plain_varint(len, n);

        assert_non_null(got);
        for (size_t i = 0; i < n; i++)
            got[1 + i] = (uint8_t)(i * 7 + n + 1);
        assert_int_equal(hr_end_len(got, got + 1 + n) - got, k + n);
        assert_memory_equal(got, len, k);
        for (size_t i = 0; i < n; i++)
            assert_int_equal(got[k + i], (uint8_t)(i * 7 + n + 1));
        free(got);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(varints),
        cmocka_unit_test(strings),
        cmocka_unit_test(lengths),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
