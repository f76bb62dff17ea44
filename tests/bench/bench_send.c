/* All flights, once, in file order, waiting for room; ends when they are durable. HEADRACE_URL names the collector.
 *
 *     bench_send FLIGHTS
 *
 * Prints: seconds, and events. */
#include "demo.headrace.h"
#include "flights.h"

#define FLUSH_MS 60000

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
    struct flight *f;
    struct demo_flight *rows;
    size_t n;

    if (argc != 2) {
        fprintf(stderr, "usage: bench_send FLIGHTS\n");
        return 2;
    }
    f = flights_read(argv[1], 0, &n);
    rows = rows_of(f, n);
    if (rows == NULL)
        return 1;
    send_all(rows, n);
    free(rows);
    free(f);
    return 0;
}
