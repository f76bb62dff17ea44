/* A builder that is filled until it says HR_EFULL makes a batch that readers with the default limits take: whatever the
 * schema, whatever the rows. Otherwise good rows would end in quarantine. */
#include "unit.h"
#include "batches.h"
#include "fdset.h"
#include "rows.h"
#include "schemas.h"
#include <stdio.h>
#include <string.h>

#define KINDS 24 /* rows to choose from */

static void add_until_full(struct hrp_schema *s, const struct hrp_buf rows[], unsigned n_kinds)
{
    struct hrp_builder *b = test_builder(s);
    struct rnd r = {1};
    struct hrp_buf p;
    uint64_t n = 1;
    int res;

    do {
        const struct hrp_buf *row = &rows[rnd_below(&r, n_kinds)];

        res = hrp_builder_add(b, 0, n, (int64_t)(rnd_next(&r) >> 20), (uint32_t)rnd_next(&r), 0, row->p, row->n, NULL);
        n += res == 0;
    } while (res == 0);
    assert_true(res == HR_EFULL || (res == HR_EROW && n == 1)); /* a row alone can be too much */
    p = test_sealed(b);
    hrp_batch_free(test_opened(&p, s));
    hrp_buf_fini(&p);
    hrp_builder_free(b);
}

static void random_schemas(void **state)
{
    uint64_t seed = rnd_seed(1);

    (void)state;
    print_message("seed %llu and the next 11\n", (unsigned long long)seed);
    for (unsigned i = 0; i < 12; i++) {
        struct rnd r = {seed + i};
        struct hrp_schema *s = test_schema_random(&r);
        struct hrp_buf rows[KINDS];

        for (unsigned k = 0; k < KINDS; k++) {
            rows[k] = (struct hrp_buf)HRP_BUF_INIT;
            for (uint32_t times = 1 + rnd_below(&r, 8); times > 0; times--) /* a row is a row again behind another */
                test_row_random(&r, s, &rows[k]);
        }
        add_until_full(s, rows, KINDS);
        for (unsigned k = 0; k < KINDS; k++)
            hrp_buf_fini(&rows[k]);
        hrp_schema_unref(s);
    }
}

/* message Wide { optional int32 f1 = 1; ... } message Event { Wide one = 1; repeated Wide many = 2; } */
static struct hrp_schema *wide_schema(unsigned n_fields)
{
    struct fd_set *set = fd_set_new();
    fd_file *file = fd_file_add(set, "wide.proto", NULL, "proto3");
    fd_message *event = fd_message_add(set, file, "Event"), *wide = fd_message_add(set, file, "Wide");
    struct hrp_schema *s = NULL;
    uint8_t *bytes;
    char name[16];
    size_t n;

    fd_typed_add(set, event, "one", 1, FD_MESSAGE, ".Wide");
    fd_repeated(fd_typed_add(set, event, "many", 2, FD_MESSAGE, ".Wide"));
    for (unsigned i = 1; i <= n_fields; i++) {
        snprintf(name, sizeof name, "f%u", i);
        fd_field_add(set, wide, name, (int32_t)i, FD_INT32);
    }
    bytes = fd_set_pack(set, &n);
    assert_int_equal(hrp_schema_open(bytes, n, "Event", &hrp_limits_default, &s, NULL), 0);
    free(bytes);
    fd_set_free(set);
    return s;
}

static void wide(unsigned kind, struct hrp_buf *row)
{
    unsigned n = kind < 8 ? 1 : 1u << kind;

    if (kind % 2 == 0)
        hrp_put_bytes(row, "\x0a\x02\x08\x01", 4);
    else
        hrp_put_bytes(row, "\x0a", 2); /* one {} */
    for (unsigned i = 0; i < n && kind >= 4; i++)
        hrp_put_bytes(row, "\x12", 2); /* many {} */
}

static void wide_messages(void **state)
{
    (void)state;
    for (unsigned n_fields = 20; n_fields < 2000; n_fields *= 9) {
        struct hrp_schema *s = wide_schema(n_fields);

        for (unsigned kind = 0; kind < 20; kind++) {
            struct hrp_buf row = HRP_BUF_INIT;

            wide(kind, &row);
            if (row.n <= HRP_ROW_MAX_BYTES / 4)
                add_until_full(s, &row, 1);
            hrp_buf_fini(&row);
        }
        hrp_schema_unref(s);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(random_schemas), cmocka_unit_test(wide_messages)};

    return cmocka_run_group_tests_name("full batches", tests, NULL, NULL);
}
