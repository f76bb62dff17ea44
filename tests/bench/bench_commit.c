/* What the commit path costs by itself: batches of flights-like rows, already decoded, through the committer into RocksDB.
 *
 *     bench_commit [rows, millions (2)] [rows of a batch (8000)] [batches of a group (8)] [folder]
 *     strace -f -c -e trace=fsync,fdatasync bench_commit     how often a group syncs
 *
 * Prints next to it what the disk takes for as many bytes in as many writes, each with fdatasync: the floor. */
#include "alloc.h"
#include "committer.h"
#include "log.h"
#include "registry.h"
#include "schemas.h"
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

struct bench {
    uint64_t n_rows, rows, group;      /* all; of a batch; batches of a group */
    const char *dir;
    struct hrd_log *log;
    struct hrd_registry *reg;
    struct hrd_committer *cm;
    struct hrp_schema *schema;
    struct hrp_id inc;
    uint32_t stream_id, schema_id;
    uint64_t seed, batch_bytes, groups;
    int64_t time_ns;
};

static void must(int r, const char *what)
{
    if (r == 0)
        return;
    fprintf(stderr, "%s: %s\n", what, hr_strerror(r));
    exit(1);
}

static double now_s(clockid_t clock)
{
    struct timespec t;

    clock_gettime(clock, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static uint32_t rnd(struct bench *b, uint32_t n)
{
    b->seed = b->seed * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(b->seed >> 33) % n;
}

static struct hrd_msg *next_batch(struct bench *b, struct hrp_builder *builder, uint64_t first_n)
{
    static const char *const airports[] = {"ATL", "ORD", "DFW", "LAX", "PHX", "STL", "DTW", "LAS", "MSP", "DEN", "SEA", "BOS"};
    struct hrd_batch_msg *bat = hrd_batch_msg_new();
    struct hrp_buf row = HRP_BUF_INIT, out = HRP_BUF_INIT;

    for (uint64_t i = 0; i < b->rows; i++) {
        uint32_t from = rnd(b, 12), to = rnd(b, 12);

        b->time_ns += rnd(b, 2000000);
        hrp_buf_clear(&row);
        test_flight_row(&row, b->time_ns / 60000000000 * 60000000, (int32_t)rnd(b, 90) - 20, (int32_t)(200 + from * 37 + to * 101), airports[from], airports[to]);
        must(hrp_builder_add(builder, 0, first_n + i, b->time_ns, 1, 0, row.p, row.n, NULL), "row");
    }
    must(hrp_builder_seal(builder, &b->inc, first_n, 1, &out), "seal");
    hrp_buf_fini(&row);
    bat->bytes = out.p;
    bat->n_bytes = out.n;
    bat->stream_id = b->stream_id;
    bat->schema_id = b->schema_id;
    must(hrp_batch_head_read(bat->bytes, bat->n_bytes, &hrp_limits_default, &bat->head), "head");
    must(hrp_batch_open(bat->bytes, bat->n_bytes, NULL, &hrp_limits_default, &bat->batch, NULL), "batch");
    b->batch_bytes += out.n;
    return &bat->msg;
}

static void commit(struct bench *b)
{
    struct hrd_msg *msg;

    must(hrd_committer_commit(b->cm, (int64_t)1800000000 * 1000000000), "commit");
    while ((msg = hrd_committer_take(b->cm)) != NULL) {
        if (msg->type == HRD_MSG_VERDICT) {
            b->stream_id = ((struct hrd_offer_msg *)msg)->stream_id;
            b->schema_id = ((struct hrd_offer_msg *)msg)->schema_id;
        }
        hrd_msg_free(msg);
    }
}

static void open_all(struct bench *b)
{
    struct hr_error err = {0, ""};
    struct hrd_committer_cfg cfg = {.group_bytes = UINT64_MAX};
    struct hrd_announce_msg *ann = hrd_announce_msg_new();
    struct hrd_offer_msg *off = hrd_offer_msg_new();
    struct hrd_log_damage damage;
    struct hrd_msg *msg;

    must(hrd_log_rocksdb_open(b->dir, true, &b->log, &damage, &err), err.text);
    must(hrd_registry_open(b->log, &b->reg, &err), err.text);
    must(hrd_committer_open(b->log, b->reg, &cfg, 0, &b->cm, &err), err.text);
    b->schema = test_flight_schema();
    ann->incarnation = b->inc;
    ann->app = hrp_strdup("bench");
    ann->version = hrp_strdup("1");
    ann->host = hrp_strdup("here");
    ann->born_ns = INT64_MAX / 2;
    msg = &ann->msg;
    hrd_committer_add(b->cm, &msg);
    off->stream = hrp_strdup("Flight");
    off->schema = hrp_schema_ref(b->schema);
    msg = &off->msg;
    hrd_committer_add(b->cm, &msg);
    commit(b);
}

/* The same bytes into one file, synced as often. */
static double floor_s(const struct bench *b)
{
    size_t n = (size_t)(b->batch_bytes / b->groups);
    uint8_t *bytes = calloc(1, n);
    char path[512];
    double start;
    int fd;

    snprintf(path, sizeof path, "%s/floor", b->dir);
    fd = open(path, O_CREAT | O_TRUNC | O_WRONLY, 0600);
    if (fd < 0 || bytes == NULL)
        must(HR_EIO, path);
    start = now_s(CLOCK_MONOTONIC);
    for (uint64_t i = 0; i < b->groups; i++)
        if (write(fd, bytes, n) != (ssize_t)n || fdatasync(fd) != 0)
            must(HR_EIO, path);
    start = now_s(CLOCK_MONOTONIC) - start;
    close(fd);
    unlink(path);
    free(bytes);
    return start;
}

int main(int argc, char **argv)
{
    char made[] = "/tmp/headrace-bench-XXXXXX";
    struct bench b = {.n_rows = argc > 1 ? strtoull(argv[1], NULL, 10) * 1000000 : 2000000, .rows = argc > 2 ? strtoull(argv[2], NULL, 10) : 8000,
                      .group = argc > 3 ? strtoull(argv[3], NULL, 10) : 8, .dir = argc > 4 ? argv[4] : mkdtemp(made), .seed = 1,
                      .inc = {{1}}, .time_ns = INT64_C(1800000000000000000)};
    double wall = 0, cpu = 0, base;
    struct hrp_builder *builder;

    if (b.dir == NULL || b.rows == 0 || b.group == 0)
        must(HR_EINVAL, "bench_commit");
    open_all(&b);
    must(hrp_builder_new(b.schema, &builder), "builder");
    for (uint64_t n = 1; n <= b.n_rows;) {
        double wall_at, cpu_at;

        for (uint64_t i = 0; i < b.group && n <= b.n_rows; i++, n += b.rows) {
            struct hrd_msg *msg = next_batch(&b, builder, n);

            hrd_committer_add(b.cm, &msg);
        }
        wall_at = now_s(CLOCK_MONOTONIC);
        cpu_at = now_s(CLOCK_PROCESS_CPUTIME_ID); /* RocksDB's own threads too */
        commit(&b);
        wall += now_s(CLOCK_MONOTONIC) - wall_at;
        cpu += now_s(CLOCK_PROCESS_CPUTIME_ID) - cpu_at;
        b.groups++;
    }
    base = floor_s(&b);
    printf("rows %llu, batches of %llu, groups of %llu batches: %llu groups, %.2f bytes a row\n", (unsigned long long)b.n_rows, (unsigned long long)b.rows,
           (unsigned long long)b.group, (unsigned long long)b.groups, (double)b.batch_bytes / (double)b.n_rows);
    printf("commit   %.2f million rows/s, %.2f ms a group, %.3f CPU s a million rows\n", (double)b.n_rows / wall / 1e6, wall / (double)b.groups * 1e3,
           cpu / (double)b.n_rows * 1e6);
    printf("floor    %.2f ms a write with fdatasync of as many bytes\n", base / (double)b.groups * 1e3);
    hrp_builder_free(builder);
    hrd_committer_free(b.cm);
    hrd_registry_free(b.reg);
    b.log->ops->close(b.log);
    hrp_schema_unref(b.schema);
    return 0;
}
