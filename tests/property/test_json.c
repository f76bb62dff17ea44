/* Random rows of random schemas: what is written as JSON and read again means the same, byte for byte in canonical form.
 * HEADRACE_SEED=n runs one seed again. */
#include "unit.h"
#include "json.h"
#include "rnd.h"
#include "rows.h"
#include "schemas.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SCHEMAS = 60, ROWS = 40 };

static void must(int r, uint64_t seed, const struct hr_error *err, const struct hrp_buf *json)
{
    if (r != 0)
        fail_msg("HEADRACE_SEED=%llu: %s\n%.*s", (unsigned long long)seed, err->text, (int)json->n, (const char *)json->p);
}

static void same(const struct hrp_buf *a, const struct hrp_buf *b, uint64_t seed, const struct hrp_buf *json)
{
    if (a->n != b->n || (a->n != 0 && memcmp(a->p, b->p, a->n) != 0))
        fail_msg("HEADRACE_SEED=%llu: another row came back:\n%.*s", (unsigned long long)seed, (int)json->n, (const char *)json->p);
}

/* JSON keeps what a row means, not how it was said: an opaque message may have been written in any order, and a map's value
 * that is not there is an empty message. */
static bool says_it_one_way(const struct hrp_schema *s)
{
    const struct hrp_node *n = hrp_schema_nodes(s);

    for (uint32_t i = 0; i < hrp_schema_n_nodes(s); i++)
        if (n[i].opaque || (n[n[i].parent].is_map && n[i].kind == HRP_NODE_MESSAGE))
            return false;
    return true;
}

static unsigned n_compared; /* rows whose wire bytes were compared, too */

static void same_wire(struct hrp_schema *s, const struct hrp_buf *row, const struct hrp_buf *wire, uint64_t seed,
                      const struct hrp_buf *json)
{
    struct hrp_buf want = HRP_BUF_INIT, got = HRP_BUF_INIT;

    assert_true(test_row_canonical(s, row->p, row->n, &want));
    assert_true(test_row_canonical(s, wire->p, wire->n, &got));
    if (says_it_one_way(s) && memmem(json->p, json->n, "\"NaN\"", 5) == NULL) { /* of NaNs JSON has one, doubles have many */
        same(&want, &got, seed, json);
        n_compared++;
    }
    hrp_buf_fini(&want);
    hrp_buf_fini(&got);
}

static void round_trip(struct hrp_schema *s, const struct hrp_buf *row, uint64_t seed)
{
    struct hrp_buf json = HRP_BUF_INIT, wire = HRP_BUF_INIT, again = HRP_BUF_INIT;
    struct hr_error err = {0};

    must(hrp_json_from_wire(s, row->p, row->n, &json, &err), seed, &err, &json);
    must(hrp_json_to_wire(s, (const char *)json.p, json.n, &wire, &err), seed, &err, &json);
    must(hrp_json_from_wire(s, wire.p, wire.n, &again, &err), seed, &err, &json);
    same(&json, &again, seed, &json);
    same_wire(s, row, &wire, seed, &json);
    hrp_buf_fini(&json);
    hrp_buf_fini(&wire);
    hrp_buf_fini(&again);
}

static void rows_of(struct hrp_schema *s, struct rnd *r, uint64_t seed)
{
    for (int i = 0; i < ROWS; i++) {
        struct hrp_buf row = HRP_BUF_INIT;

        test_row_random(r, s, &row);
        round_trip(s, &row, seed);
        hrp_buf_fini(&row);
    }
}

static void one_seed(uint64_t seed)
{
    struct rnd r = {seed};
    struct hrp_schema *s = test_schema_random(&r);

    rows_of(s, &r, seed);
    hrp_schema_unref(s);
}

static void random_schemas(void **state)
{
    const char *given = getenv("HEADRACE_SEED");

    if (given != NULL) {
        one_seed(strtoull(given, NULL, 0));
        return;
    }
    for (uint64_t seed = 1; seed <= SCHEMAS; seed++)
        one_seed(seed);
    assert_true(n_compared > SCHEMAS * ROWS / 10);
}

static void every_type(void **state)
{
    struct hrp_schema *s = test_schema("everything", "every.Thing");
    struct rnd r = {7};

    rows_of(s, &r, 7);
    hrp_schema_unref(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(random_schemas), cmocka_unit_test(every_type)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
