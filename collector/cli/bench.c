/* `headrace bench`: load through the SDK, and then the proof that what was stored is what was logged.
 *
 * Event k's fields are a function of k alone, so nothing needs to be remembered but one bit per call: did it return 0? All
 * events of the run are read back over HTTP; each must have the right fields, come once, and come if and only if its call
 * returned 0. The app's version is a random word, which tells this run's rows and ledger lines from earlier ones. */
#include "alloc.h"
#include "bench.headrace.h"
#include "cli.h"
#include "events.h"
#include "http.h"
#include "ledger.h"
#include "table.h"
#include "verbs.h"
#include <headrace.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#define STREAM "headrace.bench.Flight"
#define MAX_THREADS 256
#define MAX_EVENTS 10000000000u
#define CHUNK 64                      /* calls between two looks at clock and room */
#define LANE_BYTES "33554432"
#define MAX_UNSEALED_ROWS 150000u     /* x less than 100 bytes a record: half a lane, if one lane had them all */
#define MAX_OUTBOX_BYTES (32u << 20)
#define FIRST_TIME_US 978307200000000 /* 2001-01-01 */

static const char help_text[] =
    "usage: headrace bench [--threads N] [--count N] [--rate EVENTS_PER_SECOND] [--url URL] [--http URL] [--spool DIR]\n"
    "\n"
    "Logs N events like those of a flights log through the SDK, waits until all are durable, reads them back over HTTP and\n"
    "compares: each event whose call returned 0 must be stored once, with the same fields. Prints OK, or exits with 1.\n"
    "\n"
    "  --threads N   threads that log (1)\n"
    "  --count N     events in all (1000000)\n"
    "  --rate R      events a second in all; as fast as there is room unless told. It waits for room and does not drop\n"
    "  --url URL     where to send (HEADRACE_URL, else headrace://127.0.0.1:7411)\n"
    "  --http URL    where to read back\n"
    "  --spool DIR   a spool folder for the client; in memory unless told\n"
    "  --timeout S   give up when the collector needs longer than this for what is left (60)\n";

struct bench {
    const char *url, *base, *spool;
    uint64_t n_threads, n_events, rate;
    int64_t timeout_ms;
    char version[24];
    hr_client *client;
    uint64_t per_thread;        /* a multiple of 64: two threads never share a word of bits */
    uint64_t *logged, *stored;  /* bit k: the call returned 0; event k was read back */
    _Atomic uint64_t n_calls;   /* relaxed: for the room and the progress only */
    int64_t start_mono_ns, end_mono_ns;
    uint64_t n_stored, n_wrong;
};

struct worker {
    struct bench *bench;
    pthread_t thread;
    uint64_t from, to;          /* its events */
    uint64_t n_failed;
    int64_t in_calls_ns;
};

/* ---- event k ---- */

static const char airports[64][4] = {"ATL", "ORD", "DFW", "LAX", "PHX", "DEN", "DTW", "IAH", "MSP", "STL", "LAS", "PHL", "CLT",
                                     "SFO", "EWR", "PIT", "SEA", "MCO", "SLC", "BOS", "LGA", "CVG", "DCA", "BWI", "TPA", "SAN",
                                     "MIA", "CLE", "PDX", "MDW", "OAK", "MCI", "BNA", "SJC", "FLL", "RDU", "IAD", "HOU", "SMF",
                                     "MSY", "SNA", "MEM", "DAL", "JFK", "IND", "AUS", "CMH", "SAT", "ABQ", "BDL", "MKE", "ONT",
                                     "PVD", "JAX", "BUF", "RNO", "OMA", "TUS", "BUR", "OKC", "RIC", "TUL", "ELP", "HNL"};

/* splitmix64 (Steele, Lea, Flood, "Fast splittable pseudorandom number generators", OOPSLA 2014) */
static uint64_t mix(uint64_t k)
{
    k += 0x9e3779b97f4a7c15u;
    k = (k ^ (k >> 30)) * 0xbf58476d1ce4e5b9u;
    k = (k ^ (k >> 27)) * 0x94d049bb133111ebu;
    return k ^ (k >> 31);
}

static void fill(struct headrace_bench_flight *row, uint64_t k)
{
    uint64_t m = mix(k);

    row->event_time_ns = 0;
    row->time_us = FIRST_TIME_US + (int64_t)k * 1000;
    row->delay = (int32_t)(m & 0x7f) - 30;
    row->distance = (int32_t)(m >> 8) & 0xfff;
    row->origin = (hr_bytes){airports[m >> 32 & 63], 3};
    row->destination = (hr_bytes){airports[m >> 40 & 63], 3};
}

static bool equals(struct cli_span data, const char *key, int64_t expected)
{
    struct cli_span v;
    int64_t found;

    return cli_span_get(data, key, &v) && cli_span_i64(v, &found) && found == expected;
}

static bool equals_text(struct cli_span data, const char *key, hr_bytes expected)
{
    struct cli_span v;

    return cli_span_get(data, key, &v) && v.n == expected.n + 2 && memcmp(v.p + 1, expected.p, expected.n) == 0;
}

static bool same(struct cli_span data, uint64_t k)
{
    struct headrace_bench_flight row;

    fill(&row, k);
    return equals(data, "time_us", row.time_us) && equals(data, "delay", row.delay) && equals(data, "distance", row.distance) &&
           equals_text(data, "origin", row.origin) && equals_text(data, "destination", row.destination);
}

static bool bit(const uint64_t *bits, uint64_t k) { return bits[k / 64] >> k % 64 & 1; }
static void set_bit(uint64_t *bits, uint64_t k) { bits[k / 64] |= UINT64_C(1) << k % 64; }

/* ---- logging ---- */

/* A bench measures what is taken in, not how fast calls can be refused. */
static void wait_for_room(struct bench *b)
{
    while (atomic_load_explicit(&b->n_calls, memory_order_relaxed) - hr_stats_get(b->client, HR_STAT_SEALED_ROWS) > MAX_UNSEALED_ROWS ||
           hr_stats_get(b->client, HR_STAT_SPOOL_BYTES) > MAX_OUTBOX_BYTES) {
        if (cli_stopped())
            return;
        cli_pause_ms(1);
    }
}

static void wait_for_turn(const struct bench *b)
{
    uint64_t done = atomic_load_explicit(&b->n_calls, memory_order_relaxed);
    int64_t due_mono_ns = b->start_mono_ns + (int64_t)((double)done * 1e9 / (double)b->rate);

    while (cli_mono_ns() < due_mono_ns && !cli_stopped())
        cli_pause_ms(1);
}

static uint64_t log_chunk(struct worker *w, uint64_t k, uint64_t end)
{
    struct headrace_bench_flight rows[CHUNK];
    int results[CHUNK];
    uint64_t n = end - k;
    int64_t start_ns;

    for (uint64_t i = 0; i < n; i++)
        fill(&rows[i], k + i);
    start_ns = cli_mono_ns();
    for (uint64_t i = 0; i < n; i++)
        results[i] = headrace_bench_flight_log(w->bench->client, &rows[i]);
    w->in_calls_ns += cli_mono_ns() - start_ns;
    for (uint64_t i = 0; i < n; i++) {
        if (results[i] == 0)
            set_bit(w->bench->logged, k + i);
        else
            w->n_failed++;
    }
    return n;
}

static void *work(void *arg)
{
    struct worker *w = arg;
    struct bench *b = w->bench;

    for (uint64_t k = w->from; k < w->to && !cli_stopped(); k += CHUNK) {
        uint64_t n = log_chunk(w, k, w->to - k < CHUNK ? w->to : k + CHUNK);

        atomic_fetch_add_explicit(&b->n_calls, n, memory_order_relaxed);
        wait_for_room(b);
        if (b->rate != 0)
            wait_for_turn(b);
    }
    return NULL;
}

static int log_events(struct bench *b, uint64_t *ret_failed, int64_t *ret_in_calls_ns)
{
    struct worker workers[MAX_THREADS] = {{0}};
    uint64_t n_started = 0;

    b->start_mono_ns = cli_mono_ns();
    for (uint64_t i = 0; i < b->n_threads; i++) {
        struct worker *w = &workers[i];

        w->bench = b;
        w->from = i * b->per_thread < b->n_events ? i * b->per_thread : b->n_events;
        w->to = w->from + b->per_thread < b->n_events ? w->from + b->per_thread : b->n_events;
        if (pthread_create(&w->thread, NULL, work, w) != 0)
            break;
        n_started++;
    }
    for (uint64_t i = 0; i < n_started; i++) {
        pthread_join(workers[i].thread, NULL);
        *ret_failed += workers[i].n_failed;
        *ret_in_calls_ns += workers[i].in_calls_ns;
    }
    if (n_started == b->n_threads && !cli_stopped())
        return 0;
    cli_error(cli_stopped() ? "interrupted" : "cannot start so many threads");
    return CLI_FAILED;
}

static int send_events(struct bench *b)
{
    char calls[32], rate[32], why[256];
    uint64_t n_failed = 0, n_calls;
    int64_t in_calls_ns = 0;
    double seconds;
    int r = log_events(b, &n_failed, &in_calls_ns);

    if (r != 0)
        return r;
    n_calls = atomic_load(&b->n_calls);
    if (hr_flush(b->client, b->timeout_ms) != 0) {
        hr_status_text(b->client, why, sizeof why);
        cli_error("not everything is durable after %lld s%s%s; is headraced running? --url names another address",
                  (long long)(b->timeout_ms / 1000), why[0] != '\0' ? ": " : "", why);
        return CLI_UNREACHABLE;
    }
    b->end_mono_ns = cli_mono_ns();
    seconds = (double)(b->end_mono_ns - b->start_mono_ns) / 1e9;
    printf("%s events from %llu threads, durable after %.3f s: %s events/s; %.1f ns per call\n", cli_number(n_calls, calls),
           (unsigned long long)b->n_threads, seconds, cli_number((uint64_t)((double)n_calls / seconds), rate),
           (double)in_calls_ns / (double)n_calls);
    if (n_failed != 0)
        printf("%s calls were refused and are counted as dropped\n", cli_number(n_failed, calls));
    return 0;
}

/* ---- reading back ---- */

static void wrong(struct bench *b, uint64_t offset, const char *what)
{
    if (b->n_wrong++ < 10)
        cli_error("offset %llu: %s", (unsigned long long)offset, what);
}

static int check_event(void *arg, struct cli_span line, uint64_t offset)
{
    struct bench *b = arg;
    struct cli_span v = {"", 0}, data = {"", 0};
    int64_t time_us = 0;
    uint64_t k;

    if (!cli_span_get(line, "version", &v) || v.n != strlen(b->version) + 2 || memcmp(v.p + 1, b->version, v.n - 2) != 0)
        return 0; /* another run's */
    cli_span_get(line, "data", &data);
    if (cli_span_get(data, "time_us", &v))
        cli_span_i64(v, &time_us);
    k = (uint64_t)(time_us - FIRST_TIME_US) / 1000;
    if (time_us < FIRST_TIME_US || k >= b->n_events || !same(data, k)) {
        wrong(b, offset, "an event that was never logged like this");
    } else if (bit(b->stored, k)) {
        wrong(b, offset, "an event that is stored already");
    } else {
        set_bit(b->stored, k);
        if (!bit(b->logged, k))
            wrong(b, offset, "an event whose call was refused");
    }
    if (++b->n_stored % 50000 == 0)
        cli_progress("%llu events read back", (unsigned long long)b->n_stored);
    return 0;
}

static uint64_t count_bits(const uint64_t *bits, uint64_t n)
{
    uint64_t sum = 0;

    for (uint64_t i = 0; i < (n + 63) / 64; i++)
        sum += (uint64_t)__builtin_popcountll(bits[i]);
    return sum;
}

static int check_ledger(struct bench *b, struct cli_http *http, uint64_t n_logged)
{
    struct cli_ledger_sum sum = {0};
    uint64_t n_calls = atomic_load(&b->n_calls);
    json_t *root = NULL;
    int r = cli_ledger_wait(http, STREAM, b->version, b->timeout_ms, &root);

    if (r != 0)
        return r;
    cli_ledger_add(root, STREAM, b->version, &sum);
    json_decref(root);
    if (sum.logged == n_calls && sum.accepted == n_logged && sum.dropped == n_calls - n_logged && sum.quarantined == 0 &&
        sum.in_flight == 0 && sum.missing == 0)
        return 0;
    cli_error("the ledger has logged %llu, accepted %llu, set aside %llu, dropped %llu, in flight %llu, missing %llu;\n"
              "%llu calls were made, and %llu returned 0",
              (unsigned long long)sum.logged, (unsigned long long)sum.accepted, (unsigned long long)sum.quarantined,
              (unsigned long long)sum.dropped, (unsigned long long)sum.in_flight, (unsigned long long)sum.missing,
              (unsigned long long)n_calls, (unsigned long long)n_logged);
    return CLI_FAILED;
}

static int verify(struct bench *b, struct cli_http *http, uint64_t from)
{
    struct cli_events_query q = CLI_EVENTS_QUERY(STREAM);
    uint64_t next, n_logged = count_bits(b->logged, b->n_events), n_found;
    char logged[32], found[32];
    int r;

    q.from = from;
    r = cli_events_read(http, &q, check_event, b, &next);
    if (r == 0)
        r = check_ledger(b, http, n_logged);
    if (r != 0)
        return r;
    n_found = count_bits(b->stored, b->n_events);
    if (b->n_wrong != 0 || n_found != n_logged || memcmp(b->logged, b->stored, (b->n_events + 63) / 64 * 8) != 0) {
        cli_error("%s events were logged, %s of them are stored; %llu rows are wrong", cli_number(n_logged, logged),
                  cli_number(n_found, found), (unsigned long long)b->n_wrong);
        return CLI_FAILED;
    }
    printf("%s events read back, each once, all fields equal, the ledger agrees: OK\n", cli_number(n_found, found));
    return 0;
}

/* ---- start and end ---- */

static int open_client(struct bench *b)
{
    hr_options *opt = hr_options_new();
    struct hr_error err = {0};
    int r = opt != NULL ? hr_options_set(opt, "app", "headrace-bench", &err) : HR_ENOMEM;

    if (r == 0)
        r = hr_options_set(opt, "app_version", b->version, &err);
    if (r == 0)
        r = hr_options_set(opt, "lane_bytes", LANE_BYTES, &err);
    if (r == 0 && b->url != NULL)
        r = hr_options_set(opt, "url", b->url, &err);
    if (r == 0 && b->spool != NULL)
        r = hr_options_set(opt, "spool_dir", b->spool, &err);
    if (r == 0)
        r = hr_open(opt, &b->client, &err);
    hr_options_free(opt);
    if (r != 0)
        cli_error("%s", err.text[0] != '\0' ? err.text : hr_strerror(r));
    return r == 0 ? 0 : CLI_FAILED;
}

static int prepare(struct bench *b)
{
    uint64_t seed, n_words;

    if (getrandom(&seed, sizeof seed, 0) != sizeof seed)
        seed = (uint64_t)cli_wall_ns();
    snprintf(b->version, sizeof b->version, "%016llx", (unsigned long long)seed);
    b->per_thread = (b->n_events / b->n_threads + 64) / 64 * 64;
    n_words = (b->n_events + 63) / 64;
    b->logged = hrp_calloc(n_words, 8);
    b->stored = hrp_calloc(n_words, 8);
    if (b->logged != NULL && b->stored != NULL)
        return 0;
    cli_error("out of memory");
    return CLI_FAILED;
}

static int bench(struct bench *b, struct cli_http *http)
{
    struct cli_stream_info info;
    int r = cli_stream_info(http, STREAM, true, &info); /* also: is the collector there? */

    if (r == 0)
        r = prepare(b);
    if (r == 0)
        r = open_client(b);
    if (r == 0)
        r = send_events(b);
    if (hr_close(b->client, r == 0 ? b->timeout_ms : 0) != 0 && r == 0)
        r = (cli_error("the client did not close in time"), CLI_UNREACHABLE);
    if (r == 0)
        r = verify(b, http, info.next_offset);
    return r;
}

static int parse(const struct cli_verb *verb, int argc, char **argv, struct bench *b)
{
    static const struct option options[] = {
        {"threads", required_argument, NULL, 't'}, {"count", required_argument, NULL, 'n'}, {"rate", required_argument, NULL, 'r'},
        {"url", required_argument, NULL, 'u'},     {"http", required_argument, NULL, 'H'},  {"spool", required_argument, NULL, 's'},
        {"timeout", required_argument, NULL, 'T'}, {0}};
    int c, r = 0;

    while (r == 0 && (c = cli_option(verb, argc, argv, ":t:n:r:", options)) != -1) {
        switch (c) {
        case 't': r = cli_parse_u64(verb, "--threads", optarg, 1, MAX_THREADS, &b->n_threads); break;
        case 'n': r = cli_parse_u64(verb, "--count", optarg, 1, MAX_EVENTS, &b->n_events); break;
        case 'r': r = cli_parse_u64(verb, "--rate", optarg, 1, 1000000000, &b->rate); break;
        case 'T': r = cli_parse_seconds(verb, "--timeout", optarg, &b->timeout_ms); break;
        case 'u': b->url = optarg; break;
        case 'H': b->base = optarg; break;
        case 's': b->spool = optarg; break;
        default: r = CLI_USAGE;
        }
    }
    if (r == 0 && optind < argc)
        r = cli_usage(verb, "takes no argument: %s", argv[optind]);
    return r;
}

static int run(const struct cli_verb *verb, int argc, char **argv)
{
    struct bench b = {.n_threads = 1, .n_events = 1000000, .timeout_ms = 60000};
    struct cli_http *http;
    int r = parse(verb, argc, argv, &b);

    if (r == 0)
        r = cli_http_open(b.base, &http);
    if (r != 0)
        return r;
    cli_catch_signals();
    r = bench(&b, http);
    cli_http_close(http);
    hrp_free(b.logged);
    hrp_free(b.stored);
    return r;
}

const struct cli_verb cli_bench = {"bench", "put load on a collector and verify what it stored", help_text, run};
