/* What the quality numbers cost: batches of flights, as a worker has them after the committer's verdict, into profiles.
 *
 *     bench_profile flights.tsv [rows of a batch (8000)] [rows in all (3000000)]
 *
 * Prints nanoseconds per event of opening a batch (for comparison: every worker does that anyway), of adding it to a
 * profile, and of reading all its bytes once, the floor; and what a checkpoint of the profile takes. Best of five rounds. */
#include "flights.h"
#include "profile.h"
#include "schemas.h"

#define ROUNDS 5

struct batches {
    struct hrp_buf *bytes;               /* [n] */
    uint32_t *rows;
    size_t n;
};
struct cost {
    double open_s, add_s, read_s, put_s;
    size_t stored, decoded;
};

static void must(int r, const char *what)
{
    if (r == 0)
        return;
    fprintf(stderr, "%s: %s\n", what, hr_strerror(r));
    exit(1);
}

static double now_s(void)
{
    struct timespec t;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static struct batches build(struct hrp_schema *s, const struct flight *v, size_t n, size_t per_batch)
{
    static const struct hrp_id someone = {{1}};
    struct batches all = {.n = (n + per_batch - 1) / per_batch};
    struct hrp_buf row = HRP_BUF_INIT;
    struct hrp_builder *b;

    all.bytes = calloc(all.n, sizeof *all.bytes);
    all.rows = calloc(all.n, sizeof *all.rows);
    must(all.bytes == NULL || all.rows == NULL ? HR_ENOMEM : hrp_builder_new(s, &b), "builder");
    for (size_t i = 0; i < n; i++) {
        hrp_buf_clear(&row);
        test_flight_row(&row, v[i].time_us, v[i].delay, v[i].distance, v[i].origin, v[i].destination);
        must(hrp_builder_add(b, 0, i + 1, v[i].time_us * 1000, 1, 0, row.p, row.n, NULL), "row");
        all.rows[i / per_batch]++;
        if (i + 1 == n || (i + 1) % per_batch == 0)
            must(hrp_builder_seal(b, &someone, i, 1, &all.bytes[i / per_batch]), "seal");
    }
    hrp_builder_free(b);
    hrp_buf_fini(&row);
    return all;
}

/* The arrays a profile looks at, read once. */
static size_t read_columns(const struct hrp_schema *s, const struct hrp_batch *b, uint64_t *sum)
{
    size_t bytes = 0;

    for (uint32_t id = 1; id < hrp_schema_n_nodes(s); id++) {
        const struct hrp_column *c = &b->columns[id];

        if (c->constant || c->n_values == 0)
            continue;
        if (c->i64 != NULL && c->node->phys == HRP_PHYS_I64) {
            for (uint32_t i = 0; i < c->n_values; i++)
                *sum += (uint64_t)c->i64[i];
            bytes += c->n_values * sizeof *c->i64;
        } else if (c->codes != NULL) {
            for (uint32_t i = 0; i < c->n_values; i++)
                *sum += c->codes[i];
            bytes += c->n_values * sizeof *c->codes;
        }
    }
    return bytes;
}

static struct cost round_of(struct hrp_schema *s, const struct batches *all)
{
    struct cost c = {0};
    struct hrp_buf out = HRP_BUF_INIT;
    struct hrd_profile *prof;
    uint64_t sum = 0, offset = 0;
    double t;

    must(hrd_profile_new(1, 1, 0, &prof), "profile");
    for (size_t i = 0; i < all->n; i++) {
        struct hrd_block_head head = {.stream_id = 1, .schema_id = 1, .first_offset = offset, .n_rows = all->rows[i]};
        struct hrp_batch *batch;

        t = now_s();
        must(hrp_batch_open(all->bytes[i].p, all->bytes[i].n, s, &hrp_limits_default, &batch, NULL), "open");
        c.open_s += now_s() - t;
        t = now_s();
        c.decoded += read_columns(s, batch, &sum);
        c.read_s += now_s() - t;
        t = now_s();
        must(hrd_profile_add(prof, &head, batch), "add");
        c.add_s += now_s() - t;
        offset += all->rows[i];
        hrp_batch_free(batch);
    }
    t = now_s();
    hrd_profile_put(&out, prof);
    c.put_s = now_s() - t;
    c.stored = out.n;
    if (sum == 42) /* so that reading is not left out */
        puts("");
    hrp_buf_fini(&out);
    hrd_profile_free(prof);
    return c;
}

static double less(double a, double b) { return a < b ? a : b; }

int main(int argc, char **argv)
{
    size_t per_batch = argc > 2 ? strtoul(argv[2], NULL, 10) : 8000, most = argc > 3 ? strtoul(argv[3], NULL, 10) : 3000000, n;
    struct hrp_schema *s = test_flight_schema();
    struct cost best = {0};
    struct batches all;
    struct flight *v;

    if (argc < 2 || per_batch == 0) {
        fprintf(stderr, "usage: bench_profile flights.tsv [rows of a batch] [rows in all]\n");
        return 2;
    }
    v = flights_read(argv[1], most, &n);
    all = build(s, v, n, per_batch);
    for (unsigned i = 0; i < ROUNDS; i++) {
        struct cost c = round_of(s, &all);

        best = i == 0 ? c : (struct cost){less(best.open_s, c.open_s), less(best.add_s, c.add_s), less(best.read_s, c.read_s), less(best.put_s, c.put_s), c.stored, c.decoded};
    }
    printf("%zu flights in batches of %zu, ns per event, CPU: open %.1f, profile %.1f, reading the columns once %.1f\n", n, per_batch,
           best.open_s / (double)n * 1e9, best.add_s / (double)n * 1e9, best.read_s / (double)n * 1e9);
    printf("the profile: %zu bytes stored, written in %.0f us\n", best.stored, best.put_s * 1e6);
    for (size_t i = 0; i < all.n; i++)
        hrp_buf_fini(&all.bytes[i]);
    free(all.bytes);
    free(all.rows);
    free(v);
    hrp_schema_unref(s);
    return 0;
}
