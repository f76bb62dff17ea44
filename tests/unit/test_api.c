/* The HTTP API over a store in memory that does what the test says: stands still, is being reopened, has lost or damaged
 * blocks. The API runs on the test's loop; the client is a thread of its own. */
#include "unit.h"
#include "alloc.h"
#include "api.h"
#include "block.h"
#include "findings.h"
#include "counters.h"
#include "../support/daemon.h" /* the collector has one, too */
#include "log_memory.h"
#include "profile.h"
#include "registry.h"
#include "schemas.h"
#include "status.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#define BLOCK_ROWS 4000u
#define N_BLOCKS 4u
#define SECOND INT64_C(1000000000)

/* ---- a store with moods ---- */

struct moody_log {
    struct hrd_log log;
    struct hrd_log *memory;
    struct hrd_log_ops ops;
    int snapshot_error;        /* what snapshots answer; atomic */
    uv_sem_t disk_may_go;
    bool disk_stands_still;
};
static struct moody_log *moody; /* one at a time: ops have no other way to it */

static int moody_snapshot(struct hrd_log *log, struct hrd_snapshot **ret)
{
    int e = __atomic_load_n(&moody->snapshot_error, __ATOMIC_ACQUIRE);

    (void)log;
    return e != 0 ? e : moody->memory->ops->snapshot(moody->memory, ret);
}

static int moody_disk(struct hrd_log *log, struct hrd_disk *ret)
{
    (void)log;
    if (moody->disk_stands_still)
        uv_sem_wait(&moody->disk_may_go);
    memset(ret, 0, sizeof *ret);
    ret->wal_bytes = 77;
    return 0;
}

static int moody_commit(struct hrd_log *log, const struct hrd_group *g)
{
    (void)log;
    return moody->memory->ops->commit(moody->memory, g);
}

/* ---- the fixture ---- */

struct fixture {
    struct moody_log log;
    struct hrd_registry *registry;
    struct hrp_schema *schema;
    uint32_t stream_id, schema_id;
    struct hrp_id incarnation;
    uv_loop_t loop;
    uv_async_t finished;       /* the client thread has nothing more to ask */
    uv_thread_t client;
    struct hrd_api *api;
    uint16_t port;
    bool closed;
    void (*ask)(struct fixture *f);
};

static void put_block(struct fixture *f, uint32_t at)
{
    struct hrd_block_head head = {.stream_id = f->stream_id, .schema_id = f->schema_id, .first_offset = at * BLOCK_ROWS, .n_rows = BLOCK_ROWS,
                                  .incarnation = f->incarnation, .receive_time_ns = (at + 1) * SECOND, .min_event_time_ns = at * 100 * SECOND,
                                  .max_event_time_ns = at * 100 * SECOND + BLOCK_ROWS - 1};
    struct hrp_buf bytes = HRP_BUF_INIT, row = HRP_BUF_INIT, text = HRP_BUF_INIT;
    struct hrp_builder *b;
    struct hrd_group g;
    uint8_t key[12];

    assert_int_equal(hrp_builder_new(f->schema, &b), 0);
    for (uint32_t i = 0; i < BLOCK_ROWS; i++) {
        hrp_buf_clear(&row);
        test_flight_row(&row, i, (int32_t)at, (int32_t)i, "AAA", "BBB");
        assert_int_equal(hrp_builder_add(b, 0, 1 + head.first_offset + i, head.min_event_time_ns + i, 1, 0, row.p, row.n, NULL), 0);
    }
    assert_int_equal(hrp_builder_seal(b, &f->incarnation, at + 1, 1, &bytes), 0);
    head.batch_bytes = bytes.n;
    hrd_block_head_put(&text, &head);
    hrd_block_key(f->stream_id, head.first_offset, key);
    hrd_group_init(&g);
    hrd_group_put(&g, HRD_CF_INDEX, key, sizeof key, text.p, text.n);
    hrd_group_put2(&g, HRD_CF_BLOCKS, key, sizeof key, text.p, text.n, bytes.p, bytes.n);
    assert_int_equal(f->log.memory->ops->commit(f->log.memory, &g), 0);
    hrd_group_fini(&g);
    hrp_builder_free(b);
    hrp_buf_fini(&bytes);
    hrp_buf_fini(&row);
    hrp_buf_fini(&text);
}

static void learn(struct fixture *f)
{
    struct hrd_group g;
    bool known;

    hrd_group_init(&g);
    assert_int_equal(hrd_registry_stage_stream(f->registry, "Flight", &g, &f->stream_id), 0);
    assert_int_equal(hrd_registry_stage_schema(f->registry, f->schema, f->stream_id, NULL, &g, &f->schema_id, &known), 0);
    assert_int_equal(f->log.memory->ops->commit(f->log.memory, &g), 0);
    hrd_registry_publish(f->registry);
    hrd_group_fini(&g);
}

static void on_finished(uv_async_t *a) { uv_stop(a->loop); }

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);

    assert_int_equal(hrd_log_memory_open(&f->log.memory), 0);
    moody = &f->log;
    f->log.ops = *f->log.memory->ops;
    f->log.ops.snapshot = moody_snapshot;
    f->log.ops.disk = moody_disk;
    f->log.ops.commit = moody_commit;
    f->log.log = *f->log.memory;
    f->log.log.ops = &f->log.ops;
    uv_sem_init(&f->log.disk_may_go, 0);
    assert_int_equal(hrd_registry_open(&f->log.log, &f->registry, NULL), 0);
    f->schema = test_flight_schema();
    learn(f);
    for (uint32_t at = 0; at < N_BLOCKS; at++)
        put_block(f, at);
    assert_int_equal(uv_loop_init(&f->loop), 0);
    uv_async_init(&f->loop, &f->finished, on_finished);
    struct hrd_api_cfg cfg = {.host = "127.0.0.1", .log = &f->log.log, .registry = f->registry};
    assert_int_equal(hrd_api_open(&f->loop, &cfg, &f->api, NULL), 0);
    f->port = hrd_api_port(f->api);
    *state = f;
    return 0;
}

static void on_closed(void *arg) { ((struct fixture *)arg)->closed = true; }

static int teardown(void **state)
{
    struct fixture *f = *state;

    hrd_api_close(f->api, on_closed, f);
    uv_close((uv_handle_t *)&f->finished, NULL);
    uv_run(&f->loop, UV_RUN_DEFAULT);
    assert_true(f->closed);
    assert_int_equal(uv_loop_close(&f->loop), 0); /* no handle was left */
    hrd_registry_free(f->registry);
    hrp_schema_unref(f->schema);
    f->log.memory->ops->close(f->log.memory);
    uv_sem_destroy(&f->log.disk_may_go);
    free(f);
    return 0;
}

static void client_main(void *arg)
{
    struct fixture *f = arg;

    f->ask(f);
    uv_async_send(&f->finished);
}

/* Runs the loop while `ask` asks. */
static void while_asking(struct fixture *f, void (*ask)(struct fixture *f))
{
    f->ask = ask;
    assert_int_equal(uv_thread_create(&f->client, client_main, f), 0);
    uv_run(&f->loop, UV_RUN_DEFAULT);
    uv_thread_join(&f->client);
}

/* In the client's thread cmocka must not jump: a wrong answer ends the process, and so the test. */
#define MUST(condition)                                                         \
    do {                                                                        \
        if (!(condition)) {                                                     \
            fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition);     \
            abort();                                                            \
        }                                                                       \
    } while (0)

static char *get(struct fixture *f, const char *path, int status)
{
    char *body = NULL;
    size_t n;
    int found = test_http_get(f->port, path, &body, &n);

    if (found != status)
        fprintf(stderr, "%s: status %d: %s\n", path, found, body != NULL ? body : "");
    MUST(found == status);
    return body;
}

static void expect(struct fixture *f, const char *path, int status, const char *part)
{
    char *body = get(f, path, status);

    if (strstr(body, part) == NULL)
        fprintf(stderr, "%s: no %s in: %.2000s\n", path, part, body);
    MUST(strstr(body, part) != NULL);
    free(body);
}

/* Not by strstr: under ASan each call of it walks the whole text. */
static unsigned count(const char *text, const char *part)
{
    unsigned n = 0;

    for (; *text != '\0'; text++) {
        size_t i = 0;

        while (part[i] != '\0' && text[i] == part[i])
            i++;
        n += part[i] == '\0';
    }
    return n;
}

static unsigned count_of(struct fixture *f, const char *path, const char *part)
{
    char *body = get(f, path, 200);
    unsigned n = count(body, part);

    free(body);
    return n;
}

#define EVENTS "/api/v1/streams/Flight/events"

/* ---- events ---- */

static void ask_events(struct fixture *f)
{
    MUST(count_of(f, EVENTS "?limit=100000", "\"offset\":") == N_BLOCKS * BLOCK_ROWS);
    MUST(count_of(f, EVENTS, "\"offset\":") == 1000);
    MUST(count_of(f, EVENTS "?from=3998&limit=5", "\"offset\":") == 5);
    expect(f, EVENTS "?from=15999", 200, "{\"offset\":15999,");
    MUST(count_of(f, EVENTS "?from=15999", "\n") == 1);
    MUST(count_of(f, EVENTS "?from=16000", "\n") == 0);
    MUST(count_of(f, EVENTS "?since=100000000000&limit=100000", "\n") == 3 * BLOCK_ROWS);
    MUST(count_of(f, EVENTS "?since=100000000010&until=100000000020", "\n") == 10);
    expect(f, EVENTS "?since=1970-01-01T00:01:40.00000001Z&limit=1", 200, "{\"offset\":4010,");
    expect(f, EVENTS "?since=1970-01-01T02:01:40.00000001+02:00&limit=1", 200, "{\"offset\":4010,");
}

static void events_come_in_pieces_and_by_time(void **state) { while_asking(*state, ask_events); }

static void ask_gaps(struct fixture *f)
{
    expect(f, EVENTS "?limit=100000", 200, "{\"gap\":{\"from\":0,\"to\":4000,\"cause\":\"retention\"}}\n{\"offset\":4000,");
    expect(f, EVENTS "?from=4000&limit=100000", 200, "{\"gap\":{\"from\":8000,\"to\":12000,\"cause\":\"damaged\"}}\n{\"offset\":12000,");
    MUST(count_of(f, EVENTS "?limit=6000", "\"offset\":") == 6000);
    MUST(count_of(f, EVENTS "?limit=6000", "\"gap\":") == 2);
}

static void what_cannot_be_read_is_a_line_of_its_own(void **state)
{
    struct fixture *f = *state;
    struct hrd_group g;
    uint8_t key[12];

    hrd_group_init(&g);
    hrd_block_key(f->stream_id, 0, key);
    hrd_group_del(&g, HRD_CF_INDEX, key, sizeof key);
    hrd_group_del(&g, HRD_CF_BLOCKS, key, sizeof key);
    hrd_block_key(f->stream_id, 2 * BLOCK_ROWS, key);
    hrd_group_put(&g, HRD_CF_BLOCKS, key, sizeof key, "damaged", 7);
    assert_int_equal(f->log.memory->ops->commit(f->log.memory, &g), 0);
    hrd_group_fini(&g);
    while_asking(f, ask_gaps);
}

static void ask_quarantine(struct fixture *f)
{
    char *body = get(f, "/api/v1/streams/Flight/quarantine", 200);

    MUST(count(body, "\n") == 3);
    MUST(strstr(body, "{\"number\":0,\"reason\":\"a \\\"quoted\\\" reason\",\"violations\":[{\"rule_id\":\"string.min_len\","
                      "\"path\":\"\",\"message\":\"must be \\\"more\\\"\"}],\"count\":1,\"schema_id\":3,\"app\":\"shop\",\"version\":\"1\",") != NULL);
    MUST(strstr(body, "\"n\":9,\"form\":\"raw\",\"bytes\":\"AP8=\"}\n") != NULL);
    MUST(strstr(body, "{\"number\":1,\"reason\":\"damaged: this row cannot be read any more\",\"count\":1}\n") != NULL);
    MUST(strstr(body, "{\"number\":2,") != NULL);
    free(body);
    MUST(count_of(f, "/api/v1/streams/Flight/quarantine?from=1&limit=1", "\n") == 1);
    MUST(count_of(f, "/api/v1/streams/Flight/quarantine?from=3", "\n") == 0);
}

static void rows_set_aside_are_listed(void **state)
{
    struct fixture *f = *state;
    struct hrp_buf violations = HRP_BUF_INIT;
    struct hrd_quarantined q = {.stream_id = f->stream_id, .schema_id = 3, .app = "shop", .version = "1", .form = HRD_FORM_RAW, .n = 9, .reason = "a \"quoted\" reason", .bytes = (const uint8_t *)"\0\xff", .n_bytes = 2, .n_count = 1};
    struct hrp_buf text = HRP_BUF_INIT;
    struct hrd_group g;
    uint8_t key[12];

    hrd_violation_put(&violations, "string.min_len", "must be \"more\"");
    q.violations = violations.p;
    q.n_violations = violations.n;
    hrd_quarantined_put(&text, &q);
    hrp_buf_fini(&violations);
    hrd_group_init(&g);
    for (unsigned number = 0; number < 3; number++) {
        hrd_block_key(f->stream_id, number, key);
        hrd_group_put(&g, HRD_CF_QUARANTINE, key, sizeof key, text.p, number == 1 ? text.n - 1 : text.n);
    }
    hrd_block_key(f->stream_id + 1, 0, key); /* of another stream */
    hrd_group_put(&g, HRD_CF_QUARANTINE, key, sizeof key, text.p, text.n);
    assert_int_equal(f->log.memory->ops->commit(f->log.memory, &g), 0);
    hrd_group_fini(&g);
    hrp_buf_fini(&text);
    while_asking(f, ask_quarantine);
}

/* ---- quality ---- */

#define QUALITY "/api/v1/streams/Flight/quality"

static void ask_quality(struct fixture *f)
{
    char *body = get(f, QUALITY, 200);

    MUST(count(body, "\"rows\":4000,") == 2); /* a window for each minute */
    MUST(strstr(body, "\"total\":{\"from\":\"1970-01-01T00:01:00.000000000Z\",\"to\":\"1970-01-01T00:04:00.000000000Z\",\"rows\":8000,") != NULL);
    MUST(strstr(body, "{\"path\":\"distance\",\"type\":\"int32\",\"present\":8000,\"null\":0,\"zero\":2,\"min\":0,\"max\":3999,\"mean\":1999.5,") != NULL);
    MUST(strstr(body, "{\"path\":\"origin\",\"type\":\"string\",\"present\":8000,\"null\":0,\"zero\":0,\"min_length\":3,\"max_length\":3,\"mean_length\":3,\"distinct\":1}") != NULL);
    MUST(strstr(body, "\"damaged\":1}") != NULL);
    free(body);
    expect(f, QUALITY "?windows=0", 200, "\"windows\":[],\"total\":{\"from\":");
    expect(f, QUALITY "?windows=1", 200, "\"windows\":[{\"from\":\"1970-01-01T00:03:00.000000000Z\"");
    expect(f, QUALITY "?since=180000000000", 200, "\"rows\":4000,\"fields\":[{\"path\":\"time_us\"");
    expect(f, QUALITY "?until=120000000000", 200, "\"total\":{\"from\":\"1970-01-01T00:01:00.000000000Z\",\"to\":\"1970-01-01T00:02:00.000000000Z\",\"rows\":4000,");
    expect(f, QUALITY "?since=240000000000", 200, "\"windows\":[],\"total\":{\"from\":null,\"to\":null,\"rows\":0,\"fields\":[]}");
}

static void put_profile(struct fixture *f, struct hrd_group *g, uint32_t at, uint32_t minute)
{
    struct hrp_buf value = HRP_BUF_INIT;
    struct hrd_profile *prof;
    struct hrd_block_head head;
    struct hrp_batch *batch;
    struct hrd_snapshot *snap;
    uint8_t key[12], profile_key[HRD_PROFILE_KEY_BYTES];
    size_t used;

    assert_int_equal(f->log.memory->ops->snapshot(f->log.memory, &snap), 0);
    hrd_block_key(f->stream_id, at * BLOCK_ROWS, key);
    assert_int_equal(f->log.memory->ops->get(snap, HRD_CF_BLOCKS, key, sizeof key, &value), 0);
    f->log.memory->ops->snapshot_free(snap);
    assert_int_equal(hrd_block_head_read(value.p, value.n, &head, &used), 0);
    assert_int_equal(hrp_batch_open(value.p + used, value.n - used, f->schema, &hrp_limits_default, &batch, NULL), 0);
    assert_int_equal(hrd_profile_new(f->stream_id, f->schema_id, minute, &prof), 0);
    assert_int_equal(hrd_profile_add(prof, &head, batch), 0);
    hrp_buf_clear(&value);
    hrd_profile_put(&value, prof);
    hrd_profile_key('m', f->stream_id, minute, f->schema_id, profile_key);
    hrd_group_put(g, HRD_CF_PROFILES, profile_key, sizeof profile_key, value.p, value.n);
    hrd_profile_free(prof);
    hrp_batch_free(batch);
    hrd_block_head_fini(&head);
    hrp_buf_fini(&value);
}

static void profiles_are_merged_over_minutes(void **state)
{
    struct fixture *f = *state;
    uint8_t key[HRD_PROFILE_KEY_BYTES];
    struct hrd_group g;

    hrd_group_init(&g);
    put_profile(f, &g, 0, 1);
    put_profile(f, &g, 1, 3);
    hrd_profile_key('m', f->stream_id, 2, f->schema_id, key);
    hrd_group_put(&g, HRD_CF_PROFILES, key, sizeof key, "damaged", 7);
    hrd_profile_key('m', f->stream_id + 1, 1, f->schema_id, key); /* of another stream */
    hrd_group_put(&g, HRD_CF_PROFILES, key, sizeof key, "damaged", 7);
    assert_int_equal(f->log.memory->ops->commit(f->log.memory, &g), 0);
    hrd_group_fini(&g);
    while_asking(f, ask_quality);
}

/* ---- trouble ---- */

static void ask_while_reopening(struct fixture *f)
{
    __atomic_store_n(&f->log.snapshot_error, HR_EAGAIN, __ATOMIC_RELEASE);
    expect(f, EVENTS, 503, "{\"error\":{\"code\":\"HR_EAGAIN\",");
    expect(f, QUALITY, 503, "{\"error\":{\"code\":\"HR_EAGAIN\",");
    expect(f, "/api/v1/streams/Flight/quarantine", 503, "{\"error\":{\"code\":\"HR_EAGAIN\",");
    expect(f, "/api/v1/streams/Flight/descriptor", 200, ""); /* known without the store */
    __atomic_store_n(&f->log.snapshot_error, 0, __ATOMIC_RELEASE);
    MUST(count_of(f, EVENTS, "\n") == 1000);
}

static void a_store_that_reopens_is_503(void **state) { while_asking(*state, ask_while_reopening); }

static void ask_while_standing_still(struct fixture *f)
{
    expect(f, "/metrics", 200, "headrace_store_file_bytes{kind=\"wal\"} 0\n");
    expect(f, "/api/v1/streams", 200, "\"wal_bytes\":0,");
    uv_sem_post(&f->log.disk_may_go);
    uv_sem_post(&f->log.disk_may_go);
    for (char *body = NULL; body == NULL || strstr(body, "kind=\"wal\"} 77\n") == NULL;) {
        free(body);
        body = get(f, "/metrics", 200);
        uv_sem_post(&f->log.disk_may_go);
        if (strstr(body, "kind=\"wal\"} 77\n") != NULL) {
            free(body);
            break;
        }
    }
}

static void metrics_do_not_wait_for_a_store_that_stands_still(void **state)
{
    struct fixture *f = *state;

    f->log.disk_stands_still = true;
    while_asking(f, ask_while_standing_still);
    uv_sem_post(&f->log.disk_may_go); /* for one that is still under way */
}

/* Answers of all kinds are begun and nobody reads them; then the API closes (teardown), with jobs under way and waiting. */
static void ask_and_leave_open(struct fixture *f)
{
    static const char *const paths[] = {EVENTS "?limit=100000", QUALITY, "/metrics", "/api/v1/streams/Flight/quarantine", EVENTS "?since=5"};

    for (unsigned i = 0; i < 20; i++) {
        struct sockaddr_in a;
        char text[256];
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

        uv_ip4_addr("127.0.0.1", f->port, &a);
        MUST(connect(fd, (struct sockaddr *)&a, sizeof a) == 0);
        snprintf(text, sizeof text, "GET %s HTTP/1.1\r\nHost: localhost\r\n\r\n", paths[i % 5]);
        MUST(write(fd, text, strlen(text)) == (ssize_t)strlen(text));
    } /* they end with the process */
}

static void closing_ends_what_is_open(void **state) { while_asking(*state, ask_and_leave_open); }

/* ---- status and metrics ---- */

static struct hrd_status *status_of(uint32_t n_streams)
{
    struct hrd_status *st = hrp_calloc(1, sizeof *st);
    char name[32];

    st->refs = 1;
    st->ready = true;
    st->commits = 5;
    st->time_ns = SECOND;
    st->n_streams = n_streams;
    st->n_lines = n_streams;
    st->streams = hrp_calloc(n_streams + 1, sizeof *st->streams);
    st->lines = hrp_calloc(n_streams + 1, sizeof *st->lines);
    for (uint32_t i = 0; i < n_streams; i++) {
        snprintf(name, sizeof name, "s.T%u", i + 1);
        st->streams[i] = (struct hrd_stream_status){.stream_id = i + 1, .name = hrp_strdup(name), .rows = 1000 + i};
        st->lines[i] = (struct hrd_ledger_line){.stream_id = i + 1, .app = hrp_strdup("a\"\\\n"), .version = hrp_strdup("1"), .logged = 7,
                                                .accepted = 3, .quarantined = 1, .in_flight = 1, .missing = 1};
        st->lines[i].dropped[HRP_DROP_TOOBIG] = 1;
    }
    return st;
}

static void ask_status(struct fixture *f)
{
    char *body = get(f, "/metrics", 200);

    MUST(count(body, "\nheadrace_logged_total{") == 201);
    MUST(strstr(body, "headrace_logged_total{stream=\"s.T200\"} 7\n") != NULL);
    MUST(strstr(body, "headrace_logged_total{stream=\"(other)\"} 700\n") != NULL);
    MUST(strstr(body, "headrace_dropped_total{stream=\"(other)\",reason=\"too_big\"} 100\n") != NULL);
    MUST(strstr(body, "headrace_sessions_opened_total 5\n") != NULL);
    MUST(strstr(body, "headrace_commit_seconds_total 1.500000000\n") != NULL);
    free(body);
    expect(f, "/readyz", 200, "ok\n");
    expect(f, "/api/v1/ledger", 200, "\"balanced\":true,");
    expect(f, "/api/v1/ledger", 200, "{\"stream\":\"s.T300\",\"app\":\"a\\\"\\\\\\n\",\"version\":\"1\",\"logged\":7,\"accepted\":3,\"quarantined\":1,\"dropped\":{\"full\":0,\"too_big\":1,");
    expect(f, "/api/v1/streams", 200, "{\"name\":\"s.T300\",\"stream_id\":300,");
}

static void many_streams_keep_metrics_bounded(void **state)
{
    struct fixture *f = *state;
    struct hrd_counters c = {.sessions_opened = 2, .commit_ns = 1500000000};

    hrd_api_status(f->api, status_of(2));
    hrd_api_status(f->api, status_of(300));
    hrd_api_counters(f->api, 3, &c);
    c = (struct hrd_counters){.sessions_opened = 1};
    hrd_api_counters(f->api, 4, &c);
    c.sessions_opened = 3;
    hrd_api_counters(f->api, 4, &c); /* in place of what it told before */
    while_asking(f, ask_status);
}

static void ask_unready(struct fixture *f)
{
    expect(f, "/readyz", 503, "no space left\n");
    expect(f, "/api/v1/streams", 200, "\"ready\":false,\"reason\":\"no space left\",");
    expect(f, "/healthz", 200, "ok\n");
    expect(f, "/api/v1/ledger", 200, "\"balanced\":false,");
}

static void not_ready_says_why(void **state)
{
    struct fixture *f = *state;
    struct hrd_status *st = status_of(1);

    st->ready = false;
    st->lines[0].logged = 8;
    snprintf(st->reason, sizeof st->reason, "no space left");
    hrd_api_status(f->api, st);
    while_asking(f, ask_unready);
}

static void ask_before_status(struct fixture *f)
{
    expect(f, "/readyz", 503, "starting\n");
    expect(f, "/api/v1/streams", 200, "\"time\":null,\"commit\":0,\"ready\":false,\"reason\":\"starting\",");
    expect(f, "/api/v1/ledger", 200, "\"lines\":[]");
    expect(f, "/api/v1/producers", 200, "\"producers\":[]");
    expect(f, "/metrics", 200, "headrace_ready 0\n");
}

static void before_the_first_status_it_is_starting(void **state) { while_asking(*state, ask_before_status); }

/* ---- no memory ---- */

static unsigned long fail_n;

static void ask_once(struct fixture *f)
{
    static const char *const paths[] = {EVENTS "?limit=3", QUALITY, "/metrics", "/api/v1/streams", "/api/v1/ledger"};
    char *body = NULL;
    size_t n;
    int status = test_http_get(f->port, paths[fail_n % 5], &body, &n);

    MUST(status == 200 || status == 503 || status == -1);
    if (status == 503)
        MUST(strstr(body, "HR_ENOMEM") != NULL || strstr(body, "HR_ELIMIT") != NULL);
    if (status == 200)
        MUST(n > 0 && body[n - 1] == '\n');
    free(body);
}

static void each_failed_allocation_is_an_error_not_an_end(void **state)
{
    struct fixture *f = *state;

    if (!unit_faults())
        skip();
    hrd_api_status(f->api, status_of(3));
    for (fail_n = 1; fail_n <= 400; fail_n++) {
        hrp_alloc_fail_at(1 + fail_n / 5);
        while_asking(f, ask_once);
        hrp_alloc_fail_at(0);
    }
    while_asking(f, ask_events);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(events_come_in_pieces_and_by_time),
        T(what_cannot_be_read_is_a_line_of_its_own),
        T(rows_set_aside_are_listed),
        T(profiles_are_merged_over_minutes),
        T(a_store_that_reopens_is_503),
        T(metrics_do_not_wait_for_a_store_that_stands_still),
        T(closing_ends_what_is_open),
        T(many_streams_keep_metrics_bounded),
        T(not_ready_says_why),
        T(before_the_first_status_it_is_starting),
        T(each_failed_allocation_is_an_error_not_an_end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
