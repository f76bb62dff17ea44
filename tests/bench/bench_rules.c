/* What rules cost: flights with a rule on each of five fields, in batches as they are sent, per event and field; beside a pass
 * over the same columns that only adds them up, which is what touching the memory costs.
 *
 *     bench_rules flights.tsv [rows]
 *
 * Lines of the file: as bench_batch's. */
#include "batch.h"
#include "re2.h"
#include "rules.h"
#include "schemas.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define PER_BATCH 65000u
#define ROUNDS 9
#define FIELDS 5

static double now_s(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void must(int r, const char *what)
{
    if (r == 0)
        return;
    fprintf(stderr, "%s: %s\n", what, hr_strerror(r));
    exit(1);
}

static struct hrp_batch *read_batch(FILE *f, struct hrp_schema *s)
{
    static const struct hrp_id id = {{1}};
    struct hrp_buf sealed = HRP_BUF_INIT, row = HRP_BUF_INIT;
    struct hrp_batch *batch = NULL;
    struct hrp_builder *b;
    char line[512], from[64], to[64];
    long long time_us;
    int delay, distance;

    must(hrp_builder_new(s, &b), "builder");
    while (hrp_builder_rows(b) < PER_BATCH && fgets(line, sizeof line, f) != NULL) {
        if (sscanf(line, "%lld\t%d\t%d\t%63s\t%63s", &time_us, &delay, &distance, from, to) != 5)
            continue;
        hrp_buf_clear(&row);
        test_flight_row(&row, time_us, delay, distance, from, to);
        must(hrp_builder_add(b, 0, hrp_builder_rows(b) + UINT64_C(1), time_us * 1000, 1, 0, row.p, row.n, NULL), "row");
    }
    if (hrp_builder_rows(b) != 0) {
        must(hrp_builder_seal(b, &id, 1, 1, &sealed), "seal");
        must(hrp_batch_open(sealed.p, sealed.n, s, &hrp_limits_default, &batch, NULL), "open");
    }
    hrp_builder_free(b);
    hrp_buf_fini(&sealed);
    hrp_buf_fini(&row);
    return batch;
}

/* Reads what the rules read: numbers, and the dictionary codes of strings. */
static uint64_t floor_pass(const struct hrp_batch *batch)
{
    uint64_t sum = 0;

    for (uint32_t id = 1; id < hrp_schema_n_nodes(batch->schema); id++) {
        const struct hrp_column *c = &batch->columns[id];

        for (uint32_t i = 0; i < c->n_values && !c->constant; i++)
            sum += c->i64 != NULL ? (uint64_t)c->i64[i] : c->codes != NULL ? c->codes[i] : 0;
    }
    return sum;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

int main(int argc, char **argv)
{
    struct hrp_schema *s = test_schema("strict_flight", "Flight");
    FILE *f = argc > 1 ? fopen(argv[1], "r") : NULL;
    size_t most = argc > 2 ? strtoul(argv[2], NULL, 10) / PER_BATCH : 20, n = 0, rows = 0, bad = 0;
    struct hrp_batch **batches = calloc(most + 1, sizeof *batches);
    double rule_ns[ROUNDS], floor_ns[ROUNDS];
    struct hrp_rules *rules;
    uint64_t sink = 0;

    if (f == NULL || batches == NULL) {
        fprintf(stderr, "usage: bench_rules flights.tsv [rows]\n");
        return 2;
    }
    must(hrp_rules_open(s, &hrd_re2, &rules, NULL), "rules");
    while (n < most && (batches[n] = read_batch(f, s)) != NULL)
        rows += batches[n++]->head.n_rows;
    for (int round = 0; round < ROUNDS; round++) {
        double start = now_s(), middle;

        for (size_t i = 0; i < n; i++)
            sink += floor_pass(batches[i]);
        middle = now_s();
        bad = 0;
        for (size_t i = 0; i < n; i++) {
            struct hrp_violations found;

            must(hrp_rules_check(rules, batches[i], 16, &found), "check");
            bad += found.n;
            hrp_violations_fini(&found);
        }
        floor_ns[round] = (middle - start) * 1e9 / (double)rows / FIELDS;
        rule_ns[round] = (now_s() - middle) * 1e9 / (double)rows / FIELDS;
    }
    qsort(rule_ns, ROUNDS, sizeof *rule_ns, by_value);
    qsort(floor_ns, ROUNDS, sizeof *floor_ns, by_value);
    printf("%zu rows in %zu batches, %zu violations; per event and field, median of %d (least, most):\n", rows, n, bad, ROUNDS);
    printf("rules %.2f ns (%.2f, %.2f); adding the columns up %.2f ns (%.2f, %.2f)%s\n", rule_ns[ROUNDS / 2], rule_ns[0], rule_ns[ROUNDS - 1],
           floor_ns[ROUNDS / 2], floor_ns[0], floor_ns[ROUNDS - 1], sink == 1 ? "." : "");
    for (size_t i = 0; i < n; i++)
        hrp_batch_free(batches[i]);
    free(batches);
    hrp_rules_free(rules);
    hrp_schema_unref(s);
    fclose(f);
    return 0;
}
