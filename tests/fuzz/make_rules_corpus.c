/* Writes the seeds of fuzz_rules into the folder given: `make_rules_corpus tests/fuzz/corpus/rules`. */
#include "json.h"
#include "rules_seed.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct {
    const char *file, *type;
    const char *rows[4];
} seeds[] = {
    {"order", "shop.Order",
     {"{\"id\":1,\"items\":[{\"sku\":\"s-1\",\"price\":2}],\"email\":\"a@b.example\",\"note\":\"x\",\"odd\":20,\"sizes\":[36,41,36]}",
      "{\"id\":-4,\"phone\":\"12\",\"stock\":{\"ok\":-1,\"a\":2},\"rating\":{\"value\":6},\"took\":\"61s\",\"paid\":\"2020-01-01T00:00:00Z\"}",
      "{\"category\":{\"name\":\"a\",\"parent\":{\"parent\":{\"name\":\"\"}}},\"coupon\":\"1\",\"discount\":3,\"color\":9}"}},
    {"hostile", "hostile.Slow",
     {"{\"a\":\"aaaaaaaaaaaaaaaaaaaaaaaaab\",\"b\":\"aaaaaaaaaaaaaaaaaaaaaaaaab\",\"c\":\"a a a a a a a a a a a a a a!\",\"d\":[\"xxxxxxxxxx\",\"y\"]}",
      "{\"in\":{\"in\":{\"a\":\"b\"}},\"kids\":{\"k\":{\"a\":\"aab\"},\"l\":{},\"m\":{\"kids\":{\"n\":{}}}}}"}},
    {"hostile", "hostile.Large", {"{\"a\":\"aaaa\"}"}},
};

static void put_row(struct hrp_buf *out, struct hrp_schema *s, const char *json)
{
    struct hrp_buf row = HRP_BUF_INIT;
    struct hr_error err = {0, ""};

    if (hrp_json_to_wire(s, json, strlen(json), &row, &err) != 0 || row.n > 255) {
        fprintf(stderr, "%s: %s\n", json, err.text);
        exit(1);
    }
    hrp_put_u8(out, (uint8_t)row.n);
    hrp_put_bytes(out, row.p, row.n);
    hrp_buf_fini(&row);
}

static void write_seed(const char *dir, const char *name, const struct hrp_buf *seed)
{
    char path[1024];
    FILE *f;

    snprintf(path, sizeof path, "%s/%s", dir, name);
    f = fopen(path, "wb");
    if (f == NULL || fwrite(seed->p, 1, seed->n, f) != seed->n || fclose(f) != 0) {
        perror(path);
        exit(1);
    }
}

int main(int argc, char **argv)
{
    for (size_t i = 0; argc == 2 && i < sizeof seeds / sizeof *seeds; i++) {
        struct hrp_schema *s = test_schema(seeds[i].file, seeds[i].type);
        struct hrp_buf out = HRP_BUF_INIT;
        size_t n, from;
        uint8_t *set = test_set_read(seeds[i].file, &n);

        from = last_file(set, n);
        hrp_put_u8(&out, (uint8_t)(n - from));
        hrp_put_u8(&out, (uint8_t)((n - from) >> 8));
        hrp_put_bytes(&out, set + from, n - from);
        free(set);
        for (size_t k = 0; k < 4 && seeds[i].rows[k] != NULL; k++)
            put_row(&out, s, seeds[i].rows[k]);
        write_seed(argv[1], seeds[i].type, &out);
        hrp_buf_fini(&out);
        hrp_schema_unref(s);
    }
    return argc == 2 ? 0 : 2;
}
