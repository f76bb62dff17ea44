/* What a log call costs the thread that makes it.
 *
 *     bench_call empty    FLIGHTS [bursts]    a call of a function that does nothing, with the same argument: the floor
 *     bench_call clock    FLIGHTS [bursts]    what a call that stamps its event can't do without: clock_gettime
 *     bench_call headrace FLIGHTS [bursts]    the generated call; HEADRACE_URL names a collector that takes what is logged
 *     bench_call send     FLIGHTS             all flights, once, in file order, waiting for room; ends when they are durable
 *
 * A burst is as many calls as the lane has room for; between bursts everything is flushed, outside the time that counts.
 * Prints: nanoseconds per call, and calls. */
#include "demo.headrace.h"
#include "flights.h"

#define BURST 100000u
#define FLUSH_MS 60000

static __attribute__((noinline)) int empty(hr_client *client, const struct demo_flight *row)
{
    __asm__ volatile("" : : "r"(client), "r"(row) : "memory");
    return 0;
}

static __attribute__((noinline)) int read_clock(hr_client *client, const struct demo_flight *row)
{
    struct timespec t;

    return clock_gettime(CLOCK_REALTIME, &t);
}

static hr_client *client_open(void)
{
    hr_options *opt = hr_options_new();
    struct hr_error err = {0, ""};
    hr_client *c = NULL;

    hr_options_set(opt, "app", "bench", NULL);
    hr_options_set(opt, "lane_bytes", "33554432", NULL);
    if (hr_open(opt, &c, &err) != 0) {
        fprintf(stderr, "%s\n", err.text);
        exit(1);
    }
    hr_options_free(opt);
    return c;
}

static struct demo_flight *rows_of(const struct flight *f, size_t n)
{
    struct demo_flight *rows = calloc(n, sizeof *rows);

    for (size_t i = 0; rows != NULL && i < n; i++) {
        rows[i].time_us = f[i].time_us;
        rows[i].delay = f[i].delay;
        rows[i].distance = f[i].distance;
        rows[i].origin = hr_str(f[i].origin);
        rows[i].destination = hr_str(f[i].destination);
    }
    return rows;
}

static void calls(int (*volatile log)(hr_client *client, const struct demo_flight *row), hr_client *c, const struct demo_flight *rows,
                  size_t n_rows, unsigned bursts)
{
    double sum = 0;
    uint64_t n = 0, refused = 0;

    for (unsigned b = 0; b <= bursts; b++) { /* the first one is not counted: pages are touched, types made known */
        double start = seconds(), took;

        for (size_t i = 0; i < n_rows; i++)
            refused += log(c, &rows[i]) != 0;
        took = seconds() - start;
        if (b != 0) {
            sum += took;
            n += n_rows;
        }
        if (c != NULL && hr_flush(c, FLUSH_MS) != 0)
            fprintf(stderr, "not flushed\n");
    }
    if (refused != 0)
        fprintf(stderr, "%llu calls were refused\n", (unsigned long long)refused);
    printf("%.2f %llu\n", sum / (double)n * 1e9, (unsigned long long)n);
}

static void send_all(const struct demo_flight *rows, size_t n)
{
    hr_client *c = client_open();
    double start = seconds();

    for (size_t i = 0; i < n; i++)
        while (demo_flight_log(c, &rows[i]) != 0)
            hr_flush(c, FLUSH_MS);
    if (hr_close(c, FLUSH_MS) != 0) {
        fprintf(stderr, "not all was acknowledged\n");
        exit(1);
    }
    printf("%.3f %zu\n", seconds() - start, n);
}

int main(int argc, char **argv)
{
    unsigned bursts = argc > 3 ? (unsigned)atoi(argv[3]) : 20;
    struct flight *f;
    struct demo_flight *rows;
    hr_client *c;
    size_t n;

    if (argc < 3) {
        fprintf(stderr, "usage: bench_call empty|clock|headrace|send FLIGHTS [bursts]\n");
        return 2;
    }
    f = flights_read(argv[2], strcmp(argv[1], "send") == 0 ? 0 : BURST, &n);
    rows = rows_of(f, n);
    if (rows == NULL)
        return 1;
    if (strcmp(argv[1], "send") == 0) {
        send_all(rows, n);
    } else if (strcmp(argv[1], "empty") == 0) {
        calls(empty, NULL, rows, n, bursts * 10);
    } else if (strcmp(argv[1], "clock") == 0) {
        calls(read_clock, NULL, rows, n, bursts);
    } else {
        c = client_open();
        calls(demo_flight_log, c, rows, n, bursts);
        hr_close(c, FLUSH_MS);
    }
    free(rows);
    free(f);
    return 0;
}
