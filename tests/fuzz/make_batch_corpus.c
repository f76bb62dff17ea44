/* Writes the seeds of fuzz_batch into the folder given: `make_batch_corpus tests/fuzz/corpus/batch`. */
#include "batch_schemas.h"
#include "batch.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct hrp_id someone = {{0x11, 0x22, 0x33}};
static const char *const names[FUZZ_SCHEMAS] = {"flight", "everything", "proto2", "random", "none"};

static void add_typed(struct hrp_builder *b, struct hrp_schema *s, unsigned which, struct rnd *r, uint64_t n)
{
    static const char *const codes[] = {"SFO", "LAX", "JFK", "", "OAK"};
    struct hrp_buf row = HRP_BUF_INIT;

    if (which == FUZZ_FLIGHT)
        test_flight_row(&row, (int64_t)n * 60000000, (int32_t)rnd_below(r, 100) - 20, (int32_t)rnd_below(r, 2000), codes[rnd_below(r, 5)], codes[rnd_below(r, 5)]);
    else
        test_row_random(r, s, &row);
    hrp_builder_add(b, (uint32_t)(n / 8), n, (int64_t)n * 60000000000, n % 7 == 0 ? 10 : 1, n % 5 == 0, row.p, row.n, NULL);
    hrp_buf_fini(&row);
}

static void write_seed(const char *dir, unsigned which, unsigned k, const struct hrp_buf *sealed)
{
    char path[1024];
    FILE *f;

    snprintf(path, sizeof path, "%s/%s-%u", dir, names[which], k);
    f = fopen(path, "wb");
    if (f == NULL || fputc((int)which, f) == EOF || fwrite(sealed->p, 1, sealed->n, f) != sealed->n || fclose(f) != 0) {
        perror(path);
        exit(1);
    }
}

static void make_seed(const char *dir, unsigned which, unsigned k, struct hrp_schema *s)
{
    static const unsigned n_rows[] = {3, 12, 40};
    struct rnd r = {which * 100 + k};
    struct hrp_buf sealed = HRP_BUF_INIT;
    struct hrp_builder *b;
    uint64_t n = 1;

    if (hrp_builder_new(s, &b) != 0)
        exit(1);
    for (; s != NULL && n <= n_rows[k]; n++)
        add_typed(b, s, which, &r, n);
    if (k != 0) {
        hrp_builder_add_raw(b, 1, n++, 5, "no such field", (const uint8_t *)"{}", 2);
        hrp_builder_add_drop(b, 1, n, 3, HRP_DROP_FULL);
    }
    if (hrp_builder_seal(b, &someone, 9, 1, &sealed) != 0)
        exit(1);
    write_seed(dir, which, k, &sealed);
    hrp_buf_fini(&sealed);
    hrp_builder_free(b);
}

int main(int argc, char **argv)
{
    if (argc != 2) {
        fprintf(stderr, "usage: make_batch_corpus <folder>\n");
        return 2;
    }
    for (unsigned which = 0; which < FUZZ_SCHEMAS; which++) {
        struct hrp_schema *s = fuzz_schema(which);

        for (unsigned k = 0; k < 3; k++)
            make_seed(argv[1], which, k, s);
        hrp_schema_unref(s);
    }
    return 0;
}
