/* The flights of the benchmarks, in memory: what demo/convert.mjs writes to flights.tsv. C and C++. */
#ifndef BENCH_FLIGHTS_H
#define BENCH_FLIGHTS_H
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct flight {
    int64_t time_us;
    int32_t delay, distance;
    char origin[8], destination[8];
};

/* n_most 0: all. Exits when there are none. */
static inline struct flight *flights_read(const char *path, size_t n_most, size_t *ret_n)
{
    FILE *f = fopen(path, "r");
    size_t n = 0, cap = 1u << 16;
    struct flight *v = (struct flight *)malloc(cap * sizeof *v);
    char line[256];

    while (f != NULL && v != NULL && (n_most == 0 || n < n_most) && fgets(line, sizeof line, f) != NULL) {
        long long time_us;

        if (n == cap)
            v = (struct flight *)realloc(v, (cap *= 2) * sizeof *v);
        if (v != NULL && sscanf(line, "%lld\t%d\t%d\t%7s\t%7s", &time_us, &v[n].delay, &v[n].distance, v[n].origin, v[n].destination) == 5)
            v[n++].time_us = time_us;
    }
    if (f == NULL || v == NULL || n == 0) {
        fprintf(stderr, "%s: no flights\n", path);
        exit(1);
    }
    fclose(f);
    *ret_n = n;
    return v;
}

static inline double seconds(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}
#endif
