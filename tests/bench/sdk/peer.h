/* What a call costs, measured alike for every peer. A peer is a program of one file that includes this header, which has the
 * main function, and defines the functions below; the call is inlined into the loop as it would be in an application.
 *
 *     peer_NAME calls   FLIGHTS FOLDER THREADS BURSTS    the cost of a call
 *     peer_NAME sustain FLIGHTS FOLDER THREADS EVENTS    events per second, none dropped, until all are where they go
 *
 * `calls` is made of bursts that a queue at its default size can hold: every thread makes BURST calls, then all wait until what
 * was logged is where it goes, outside the time that counts. Bursts take turns: one is timed as a whole (the mean), one call by
 * call (the percentiles; reading the counter is part of each, and the peer `empty` shows how much that is). The first bursts
 * are not counted: pages are touched, threads made known. A call that is refused counts as a call and is told.
 *
 * Prints one JSON object. C and C++. */
#ifndef BENCH_PEER_H
#define BENCH_PEER_H
#include "../flights.h"
#include <pthread.h>
#include <sched.h>
#include <stdbool.h>
#include <sys/resource.h>
#if defined(__x86_64__)
#include <x86intrin.h>
#endif

#define BURST 4096u
#define WARM_BURSTS 4u

struct row { /* five values, as they are in the application's variables */
    int64_t time_us;
    int32_t delay, distance;
    const char *origin, *destination;
    size_t n_origin, n_destination;
};

struct bench {
    const char *folder;   /* for what the peer writes */
    unsigned n_threads;
    const struct row *rows;
    size_t n_rows;
    /* the rest is peer.h's own */
    bool sustain;
    size_t n;             /* bursts, or events of a thread */
    pthread_barrier_t turn;
};

struct logging {          /* one thread */
    struct bench *b;
    unsigned number;
    pthread_t thread;
    uint32_t *ticks;      /* [n_ticks], of the calls timed one by one */
    size_t n_ticks, n_calls, refused;
    double seconds;       /* of the n_calls calls timed as a whole */
};

/* ---- what a peer defines ---- */

static const char *peer_version(void);
static void peer_open(const struct bench *b);
static void peer_thread(const struct bench *b); /* in each logging thread, before its first call */
static inline bool peer_log(const struct row *r); /* false: refused */
static void peer_settle(void);                  /* no thread logs: wait until all is where it goes */
static uint64_t peer_lost(void);                /* taken, and known not to have arrived; after peer_settle */
static void peer_close(void);

/* ---- time ---- */

static inline uint64_t ticks_now(void)
{
#if defined(__x86_64__)
    unsigned cpu;

    return __rdtscp(&cpu);
#else
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
#endif
}

/* Against the kernel's clock, over a tenth of a second. */
static double ns_per_tick(void)
{
    double start = seconds();
    uint64_t t = ticks_now();

    while (seconds() - start < 0.1)
        ;
    return (seconds() - start) * 1e9 / (double)(ticks_now() - t);
}

/* ---- bursts ---- */

static inline const struct row *row_of(const struct logging *l, size_t i)
{
    return &l->b->rows[i % l->b->n_rows];
}

static __attribute__((noinline)) size_t burst(const struct row *rows)
{
    size_t refused = 0;

    for (size_t i = 0; i < BURST; i++)
        refused += !peer_log(&rows[i]);
    return refused;
}

static __attribute__((noinline)) size_t burst_call_by_call(const struct row *rows, uint32_t *ticks)
{
    uint64_t last = ticks_now();
    size_t refused = 0;

    for (size_t i = 0; i < BURST; i++) {
        uint64_t now;

        refused += !peer_log(&rows[i]);
        now = ticks_now();
        ticks[i] = now - last < UINT32_MAX ? (uint32_t)(now - last) : UINT32_MAX;
        last = now;
    }
    return refused;
}

static void one_burst(struct logging *l, size_t k)
{
    const struct row *rows = row_of(l, (k * l->b->n_threads + l->number) % (l->b->n_rows / BURST) * BURST);
    size_t refused;
    double start;

    if (k % 2 == 1) {
        refused = burst_call_by_call(rows, l->ticks + l->n_ticks);
        l->n_ticks += k < WARM_BURSTS ? 0 : BURST;
    } else {
        start = seconds();
        refused = burst(rows);
        l->seconds += k < WARM_BURSTS ? 0 : seconds() - start;
        l->n_calls += k < WARM_BURSTS ? 0 : BURST;
    }
    l->refused += k < WARM_BURSTS ? 0 : refused;
}

static void log_all(struct logging *l)
{
    for (size_t i = 0; i < l->b->n; i++)
        while (!peer_log(row_of(l, i * l->b->n_threads + l->number))) {
            l->refused++; /* tried again, so nothing is dropped */
            sched_yield();
        }
}

static void *thread_main(void *arg)
{
    struct logging *l = (struct logging *)arg;

    peer_thread(l->b);
    if (l->b->sustain) {
        log_all(l);
        return NULL;
    }
    for (size_t k = 0; k < l->b->n; k++) {
        pthread_barrier_wait(&l->b->turn);
        one_burst(l, k);
        pthread_barrier_wait(&l->b->turn); /* main settles meanwhile */
    }
    return NULL;
}

/* ---- results ---- */

static int by_value(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

    return (x > y) - (x < y);
}

static void tell_percentiles(struct logging *l, unsigned n_threads)
{
    static const struct { const char *name; double part; } at[] = {{"p50", 0.5}, {"p99", 0.99}, {"p999", 0.999}, {"max", 1}};
    double ns = ns_per_tick();
    uint32_t *all;
    size_t n = 0;

    for (unsigned t = 0; t < n_threads; t++)
        n += l[t].n_ticks;
    all = (uint32_t *)malloc(n * sizeof *all);
    if (all == NULL || n == 0)
        exit(1);
    n = 0;
    for (unsigned t = 0; t < n_threads; t++) {
        memcpy(all + n, l[t].ticks, l[t].n_ticks * sizeof *all);
        n += l[t].n_ticks;
    }
    qsort(all, n, sizeof *all, by_value);
    for (size_t i = 0; i < sizeof at / sizeof at[0]; i++)
        printf("\"%s\": %.1f, ", at[i].name, all[(size_t)(at[i].part * (double)(n - 1))] * ns);
    free(all);
}

static long peak_kib(void) /* not getrusage's, which begins with what the parent had */
{
    FILE *f = fopen("/proc/self/status", "r");
    char line[128];
    long kib = 0;

    while (f != NULL && fgets(line, sizeof line, f) != NULL)
        sscanf(line, "VmHWM: %ld", &kib);
    if (f != NULL)
        fclose(f);
    return kib;
}

static void tell(struct logging *l, const struct bench *b, double took)
{
    struct rusage use;
    double sum = 0;
    size_t calls = 0, refused = 0;

    getrusage(RUSAGE_SELF, &use);
    for (unsigned t = 0; t < b->n_threads; t++) {
        sum += l[t].seconds;
        calls += l[t].n_calls;
        refused += l[t].refused;
    }
    printf("{\"version\": \"%s\", \"threads\": %u, \"refused\": %zu, \"lost\": %llu, ", peer_version(), b->n_threads, refused,
           (unsigned long long)peer_lost());
    if (b->sustain) {
        printf("\"per_second\": %.0f, ", (double)(b->n * b->n_threads) / took);
    } else {
        printf("\"mean\": %.2f, ", sum / (double)calls * 1e9);
        tell_percentiles(l, b->n_threads);
    }
    printf("\"rss_kib\": %ld, \"cpu_s\": %.3f}\n", peak_kib(),
           (double)(use.ru_utime.tv_sec + use.ru_stime.tv_sec) + (double)(use.ru_utime.tv_usec + use.ru_stime.tv_usec) / 1e6);
}

/* ---- main ---- */

static struct row *rows_of(const struct flight *f, size_t n)
{
    struct row *rows = (struct row *)calloc(n, sizeof *rows);

    for (size_t i = 0; rows != NULL && i < n; i++) {
        rows[i].time_us = f[i].time_us;
        rows[i].delay = f[i].delay;
        rows[i].distance = f[i].distance;
        rows[i].origin = f[i].origin;
        rows[i].n_origin = strlen(f[i].origin);
        rows[i].destination = f[i].destination;
        rows[i].n_destination = strlen(f[i].destination);
    }
    return rows;
}

/* Every page of it is there already: else each 1,024th call would seem to fault. */
static uint32_t *touched_ticks(size_t n)
{
    uint32_t *ticks = (uint32_t *)malloc(n * sizeof *ticks);

    if (ticks == NULL)
        exit(1);
    memset(ticks, 1, n * sizeof *ticks);
    return ticks;
}

static double run(struct bench *b, struct logging *l)
{
    double start = seconds();

    for (unsigned t = 0; t < b->n_threads; t++) {
        l[t].b = b;
        l[t].number = t;
        l[t].ticks = b->sustain ? NULL : touched_ticks((b->n / 2 + 1) * BURST);
        if (pthread_create(&l[t].thread, NULL, thread_main, &l[t]) != 0)
            exit(1);
    }
    for (size_t k = 0; !b->sustain && k < b->n; k++) {
        pthread_barrier_wait(&b->turn);
        pthread_barrier_wait(&b->turn);
        peer_settle();
    }
    for (unsigned t = 0; t < b->n_threads; t++)
        pthread_join(l[t].thread, NULL);
    peer_settle();
    return seconds() - start;
}

int main(int argc, char **argv)
{
    struct bench b;
    struct logging *l;
    struct flight *f;
    double took;

    if (argc != 6) {
        fprintf(stderr, "usage: %s calls|sustain FLIGHTS FOLDER THREADS BURSTS|EVENTS\n", argv[0]);
        return 2;
    }
    memset(&b, 0, sizeof b);
    b.sustain = strcmp(argv[1], "sustain") == 0;
    f = flights_read(argv[2], 32 * BURST, &b.n_rows);
    b.rows = rows_of(f, b.n_rows);
    b.folder = argv[3];
    b.n_threads = (unsigned)atoi(argv[4]);
    b.n = strtoul(argv[5], NULL, 10) / (b.sustain ? b.n_threads : 1);
    l = (struct logging *)calloc(b.n_threads, sizeof *l);
    if (b.rows == NULL || l == NULL || b.n_rows < BURST || (!b.sustain && b.n <= WARM_BURSTS + 1)) {
        fprintf(stderr, "%u flights and %u bursts are the least\n", BURST, WARM_BURSTS + 2);
        return 2;
    }
    pthread_barrier_init(&b.turn, NULL, b.n_threads + 1);
    peer_open(&b);
    took = run(&b, l);
    tell(l, &b, took);
    peer_close();
    return 0;
}
#endif
