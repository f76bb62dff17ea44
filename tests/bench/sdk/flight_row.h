/* The generated call for one row, as headrace and the null logger make it. */
#ifndef BENCH_FLIGHT_ROW_H
#define BENCH_FLIGHT_ROW_H
#include "demo.headrace.h"
#include "peer.h"

static inline bool log_flight(hr_client *client, const struct row *r)
{
    struct demo_flight f = {.time_us = r->time_us, .delay = r->delay, .distance = r->distance,
        .origin = {r->origin, r->n_origin}, .destination = {r->destination, r->n_destination}};

    return demo_flight_log(client, &f) == 0;
}
#endif
