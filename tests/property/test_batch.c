/* Random rows of random schemas go into a builder and come out of a cursor with the same meaning; rows that are refused
 * leave no trace; bytes that were tampered with never do harm. */
#include "unit.h"
#include "batches.h"
#include "json.h"
#include "rows.h"
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#define SCHEMAS 150
#define ROWS 60

static const struct hrp_id someone = {{1, 2, 3}};

static void damage(struct rnd *r, struct hrp_buf *row)
{
    uint32_t at = row->n != 0 ? rnd_below(r, (uint32_t)row->n) : 0;

    if (row->n == 0)
        return;
    if (rnd_one_in(r, 2))
        row->n = at;
    else
        row->p[at] = (uint8_t)rnd_next(r);
}

/* One row more, maybe a damaged one; expected gets what the reader has to see. */
static void add_random(struct rnd *r, struct hrp_schema *s, struct hrp_builder *b, uint64_t *n, struct hrp_buf *expected)
{
    struct hrp_buf row = HRP_BUF_INIT, canonical = HRP_BUF_INIT;
    int res;

    test_row_random(r, s, &row);
    if (rnd_one_in(r, 4))
        damage(r, &row);
    res = hrp_builder_add(b, 0, *n + 1, (int64_t)rnd_number(r), 1, 0, row.p, row.n, NULL);
    if (res == 0) {
        assert_true(test_row_canonical(s, row.p, row.n, &canonical));
        hrp_put_lenbytes(expected, canonical.p, canonical.n);
        ++*n;
    } else {
        assert_int_equal(res, HR_EROW);
    }
    hrp_buf_fini(&row);
    hrp_buf_fini(&canonical);
}

static void random_batch(struct rnd *r, struct hrp_schema *s, struct hrp_builder *b, struct hrp_buf *sealed, struct hrp_buf *expected)
{
    uint64_t n = 0;

    for (uint32_t i = rnd_below(r, ROWS); i > 0; i--)
        add_random(r, s, b, &n, expected);
    assert_int_equal(hrp_builder_rows(b), n);
    assert_int_equal(hrp_builder_seal(b, &someone, 1, 1, sealed), 0);
    assert_true(hrp_builder_empty(b));
}

static void rows_come_back(void **state)
{
    uint64_t seed = rnd_seed(1);

    (void)state;
    print_message("seed %llu and the next %d\n", (unsigned long long)seed, SCHEMAS - 1);
    for (unsigned i = 0; i < SCHEMAS; i++, seed++) {
        struct rnd r = {seed};
        struct hrp_schema *s = test_schema_random(&r);
        struct hrp_builder *b;

        assert_int_equal(hrp_builder_new(s, &b), 0);
        for (unsigned k = 0; k < 3; k++) { /* a builder is used again */
            struct hrp_buf sealed = HRP_BUF_INIT, expected = HRP_BUF_INIT, got = HRP_BUF_INIT;

            random_batch(&r, s, b, &sealed, &expected);
            assert_int_equal(test_batch_walk(sealed.p, sealed.n, s, &hrp_limits_default, &got), 0);
            if (got.n != expected.n || (got.n != 0 && memcmp(got.p, expected.p, got.n) != 0))
                fail_msg("HEADRACE_SEED=%llu: rows differ", (unsigned long long)seed);
            hrp_buf_fini(&sealed);
            hrp_buf_fini(&expected);
            hrp_buf_fini(&got);
        }
        hrp_builder_free(b);
        hrp_schema_unref(s);
    }
}

static void json_is_json(void **state)
{
    uint64_t seed = rnd_seed(1000);

    (void)state;
    for (unsigned i = 0; i < SCHEMAS; i++, seed++) {
        struct rnd r = {seed};
        struct hrp_schema *s = test_schema_random(&r);
        struct hrp_buf row = HRP_BUF_INIT, text = HRP_BUF_INIT;
        json_error_t wrong;
        json_t *j;

        test_row_random(&r, s, &row);
        assert_int_equal(hrp_json_from_wire(s, row.p, row.n, &text, NULL), 0);
        j = json_loadb((const char *)text.p, text.n, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &wrong);
        if (j == NULL && strstr(wrong.text, "integer") == NULL) /* jansson knows no more than 64 bits with a sign */
            fail_msg("HEADRACE_SEED=%llu: %s in %.*s", (unsigned long long)seed, wrong.text, (int)text.n, (const char *)text.p);
        json_decref(j);
        hrp_buf_fini(&row);
        hrp_buf_fini(&text);
        hrp_schema_unref(s);
    }
}

/* Bytes changed, checksums made right: an error, or rows that can be walked. The sanitizers see the rest. */
static void tampered_batches_do_no_harm(void **state)
{
    struct hrp_limits lim = hrp_limits_default;
    uint64_t seed = rnd_seed(2000);
    unsigned refused = 0, taken = 0;

    (void)state;
    lim.decoded_bytes = 8u << 20;
    for (unsigned i = 0; i < SCHEMAS; i++, seed++) {
        struct rnd r = {seed};
        struct hrp_schema *s = test_schema_random(&r);
        struct hrp_buf sealed = HRP_BUF_INIT, expected = HRP_BUF_INIT, changed = HRP_BUF_INIT;
        struct hrp_builder *b;

        assert_int_equal(hrp_builder_new(s, &b), 0);
        random_batch(&r, s, b, &sealed, &expected);
        for (unsigned k = 0; k < 40; k++) {
            hrp_buf_clear(&changed);
            hrp_put_bytes(&changed, sealed.p, sealed.n);
            for (uint32_t j = 1 + rnd_below(&r, 3); j > 0; j--)
                changed.p[4 + rnd_below(&r, (uint32_t)sealed.n - 4)] = (uint8_t)(rnd_one_in(&r, 2) ? rnd_next(&r) : rnd_below(&r, 9));
            test_batch_fix_checks(changed.p, changed.n);
            if (test_batch_walk(changed.p, changed.n, s, &lim, NULL) == 0)
                taken++;
            else
                refused++;
        }
        hrp_builder_free(b);
        hrp_buf_fini(&sealed);
        hrp_buf_fini(&expected);
        hrp_buf_fini(&changed);
        hrp_schema_unref(s);
    }
    assert_true(refused > 100 && taken > 100); /* the test looks at both */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_come_back),
        cmocka_unit_test(json_is_json),
        cmocka_unit_test(tampered_batches_do_no_harm),
    };

    return cmocka_run_group_tests_name("batches of random rows", tests, NULL, NULL);
}
