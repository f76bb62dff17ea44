/* The tracepoint of peer_lttng.c: five typed fields, as the event of demo.proto. LTTng reads this file more than once. */
#undef LTTNG_UST_TRACEPOINT_PROVIDER
#define LTTNG_UST_TRACEPOINT_PROVIDER headrace_bench
#undef LTTNG_UST_TRACEPOINT_INCLUDE
#define LTTNG_UST_TRACEPOINT_INCLUDE "flight_tp.h"
#if !defined(BENCH_FLIGHT_TP_H) || defined(LTTNG_UST_TRACEPOINT_HEADER_MULTI_READ)
#define BENCH_FLIGHT_TP_H
#include <lttng/tracepoint.h>
#include <stdint.h>

LTTNG_UST_TRACEPOINT_EVENT(headrace_bench, flight,
    LTTNG_UST_TP_ARGS(int64_t, time_us, int32_t, delay, int32_t, distance, const char *, origin, const char *, destination),
    LTTNG_UST_TP_FIELDS(
        lttng_ust_field_integer(int64_t, time_us, time_us)
        lttng_ust_field_integer(int32_t, delay, delay)
        lttng_ust_field_integer(int32_t, distance, distance)
        lttng_ust_field_string(origin, origin)
        lttng_ust_field_string(destination, destination)))
#endif
#include <lttng/tracepoint-event.h>
