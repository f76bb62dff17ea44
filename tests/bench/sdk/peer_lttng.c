/* LTTng-UST: a tracepoint with the same five typed fields. run.py starts a session daemon of its own, which enables it; a
 * program that finds its tracepoint off would measure a branch, so it says so and ends. */
#define LTTNG_UST_TRACEPOINT_CREATE_PROBES
#define LTTNG_UST_TRACEPOINT_DEFINE
#include "flight_tp.h"
#include "peer.h"
#include <unistd.h>

static const char *peer_version(void) { return LTTNG_UST_VERSION_TEXT; }

static void peer_open(const struct bench *b)
{
    (void)b;
    for (int i = 0; !lttng_ust_tracepoint_enabled(headrace_bench, flight); i++) {
        if (i == 1000) {
            fprintf(stderr, "no session has enabled headrace_bench:flight\n");
            exit(1);
        }
        usleep(10000);
    }
}

static void peer_thread(const struct bench *b) { (void)b; }

static inline bool peer_log(const struct row *r)
{
    lttng_ust_tracepoint(headrace_bench, flight, r->time_us, r->delay, r->distance, r->origin, r->destination);
    return true;
}

static void peer_settle(void) { usleep(2000); } /* its consumer daemon reads meanwhile; what it discards, run.py asks the session */
static uint64_t peer_lost(void) { return 0; }
static void peer_close(void) {}
