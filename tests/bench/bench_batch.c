/* What a row costs on its way through a batch: bytes, and nanoseconds in the builder, the seal, the reader and the cursor.
 *
 *     bench_batch flights.tsv [rows]
 *
 * Lines of the file: time in microseconds since 1970, delay, distance, origin, destination, separated by tabs. The event
 * time of a row is the flight's own, in nanoseconds. */
#include "batch.h"
#include "json.h"
#include "schemas.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct rows { /* in wire format, behind each other */
    struct hrp_buf bytes;
    size_t n;
    size_t *at;       /* [n + 1] */
    int64_t *time_ns; /* [n] */
};

struct cost {
    uint64_t bytes, header, envelope, fields;
    double add_s, seal_s, open_s, wire_s, json_s;
};

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

static void read_rows(const char *path, size_t most, struct rows *ret)
{
    FILE *f = fopen(path, "r");
    char line[512], from[64], to[64];
    long long time_us;
    int delay, distance;

    if (f == NULL) {
        perror(path);
        exit(1);
    }
    ret->at = malloc((most + 1) * sizeof *ret->at);
    ret->time_ns = malloc(most * sizeof *ret->time_ns);
    if (ret->at == NULL || ret->time_ns == NULL)
        must(HR_ENOMEM, path);
    while (ret->n < most && fgets(line, sizeof line, f) != NULL) {
        if (sscanf(line, "%lld\t%d\t%d\t%63s\t%63s", &time_us, &delay, &distance, from, to) != 5)
            continue;
        ret->at[ret->n] = ret->bytes.n;
        ret->time_ns[ret->n++] = time_us * 1000;
        test_flight_row(&ret->bytes, time_us, delay, distance, from, to);
    }
    ret->at[ret->n] = ret->bytes.n;
    must(ret->bytes.err, path);
    fclose(f);
}

static void add_rows(struct hrp_builder *b, const struct rows *rows, size_t first, size_t n)
{
    for (size_t i = first; i < first + n; i++)
        must(hrp_builder_add(b, 0, i + 1, rows->time_ns[i], 1, 0, rows->bytes.p + rows->at[i], rows->at[i + 1] - rows->at[i], NULL), "add");
}

static double walk(const struct hrp_batch *b, int (*step)(struct hrp_cursor *c, struct hrp_buf *out), struct hrp_buf *out)
{
    double start = now_s();
    struct hrp_cursor *c;
    int r;

    must(hrp_cursor_new(b, &c), "cursor");
    do {
        hrp_buf_clear(out);
        r = step(c, out);
    } while (r == 0);
    must(r == HR_ENOENT ? 0 : r, "row");
    hrp_cursor_free(c);
    return now_s() - start;
}

static void read_batch(const struct hrp_buf *sealed, struct hrp_schema *s, struct hrp_buf *out, struct cost *c)
{
    struct hrp_batch_sizes sizes;
    struct hrp_batch *batch;
    double start = now_s();

    must(hrp_batch_open(sealed->p, sealed->n, s, &hrp_limits_default, &batch, NULL), "open");
    c->open_s += now_s() - start;
    hrp_batch_sizes(batch, &sizes);
    c->bytes += sealed->n;
    c->header += sizes.header;
    c->envelope += sizes.envelope;
    c->fields += sizes.fields;
    c->wire_s += walk(batch, hrp_cursor_wire, out);
    c->json_s += walk(batch, hrp_cursor_json, out);
    hrp_batch_free(batch);
}

static void measure(struct hrp_schema *s, const struct rows *rows, size_t per_batch)
{
    static const struct hrp_id id = {{1}};
    struct hrp_buf sealed = HRP_BUF_INIT, out = HRP_BUF_INIT;
    struct cost c = {0};
    struct hrp_builder *b;
    size_t n = rows->n / per_batch * per_batch;
    double per_row = 1e9 / (double)n;

    must(hrp_builder_new(s, &b), "builder");
    for (size_t i = 0; i < n; i += per_batch) {
        double start = now_s(), added;

        add_rows(b, rows, i, per_batch);
        added = now_s();
        hrp_buf_clear(&sealed);
        must(hrp_builder_seal(b, &id, i, 1, &sealed), "seal");
        c.seal_s += now_s() - added;
        c.add_s += added - start;
        read_batch(&sealed, s, &out, &c);
    }
    printf("%6zu %8.3f %8.3f %8.3f %8.3f %8.1f %8.1f %8.1f %8.1f %8.1f\n", per_batch, (double)c.bytes / (double)n,
           (double)c.header / (double)n, (double)c.envelope / (double)n, (double)c.fields / (double)n, c.add_s * per_row,
           c.seal_s * per_row, c.open_s * per_row, c.wire_s * per_row, c.json_s * per_row);
    hrp_builder_free(b);
    hrp_buf_fini(&sealed);
    hrp_buf_fini(&out);
}

int main(int argc, char **argv)
{
    static const size_t per_batch[] = {5, 100, 1000, 3500, 8000, 16000, 65536};
    struct hrp_schema *s = test_flight_schema();
    struct rows rows = {.bytes = HRP_BUF_INIT};

    if (argc < 2) {
        fprintf(stderr, "usage: bench_batch flights.tsv [rows]\n");
        return 2;
    }
    read_rows(argv[1], argc > 2 ? strtoul(argv[2], NULL, 10) : 500000, &rows);
    printf("%zu rows, %.2f wire bytes each\n", rows.n, (double)rows.bytes.n / (double)rows.n);
    printf("  rows/   bytes/row: all   header envelope   fields  ns/row: add    seal     open     wire     json\n");
    for (size_t i = 0; i < sizeof per_batch / sizeof per_batch[0]; i++)
        measure(s, &rows, per_batch[i]);
    hrp_buf_fini(&rows.bytes);
    free(rows.at);
    free(rows.time_ns);
    hrp_schema_unref(s);
    return 0;
}
