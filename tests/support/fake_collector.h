/* A collector for tests of the SDK: speaks frames on a loopback socket, resolves numbers as the real one does (first
 * resolution wins), keeps everything in memory, and misbehaves as told. One thread.
 *
 *     struct fake_collector *fc = fake_collector_start();
 *     ... fake_collector_url(fc) ... log ... hr_flush ...
 *     assert_int_equal(fake_collector_count(fc, FAKE_ACCEPTED), n);
 *     fake_collector_stop(fc); */
#ifndef FAKE_COLLECTOR_H
#define FAKE_COLLECTOR_H
#include "batch.h"
#include <stdatomic.h>

struct fake_collector;

enum fake_verdict {
    FAKE_COMMIT,      /* commit, acknowledge */
    FAKE_COMMIT_CUT,  /* commit, then cut the connection: the ack is lost */
    FAKE_CUT,         /* cut the connection, commit nothing */
    FAKE_COMMIT_LATE, /* commit, never acknowledge */
    FAKE_IGNORE,      /* neither */
    FAKE_RETRY,       /* ack: RETRY after 10 ms */
    FAKE_PARK,        /* ack: PARK */
    FAKE_WRONG_STORE, /* commit, acknowledge for another store generation */
};
enum fake_count {
    FAKE_ACCEPTED,    /* typed rows stored */
    FAKE_RAW,         /* raw rows set aside */
    FAKE_DROPPED,     /* numbers resolved as drops */
    FAKE_TRIMMED,     /* numbers that came again */
    FAKE_BATCHES,     /* batches received */
    FAKE_CONNECTS, FAKE_ANNOUNCES, FAKE_OFFERS, FAKE_WHOLE_OFFERS, FAKE_REPORTS, FAKE_PINGS,
    FAKE_CLOSED,      /* incarnations closed by a report */
    FAKE_MISSING,     /* in closed incarnations: numbers below next that nothing resolved */
    FAKE_BROKEN,      /* what broke the protocol */
    FAKE_COUNT_N
};
struct fake_row {     /* as stored, in order of commits */
    struct hrp_id incarnation;
    char stream[128];
    uint32_t lane, weight;
    uint64_t n;
    int64_t event_time_ns;
    uint32_t n_bytes;
    uint8_t *bytes;   /* protobuf wire */
};

struct fake_collector *fake_collector_start(void);  /* NULL: no socket */
void fake_collector_stop(struct fake_collector *fc);
const char *fake_collector_url(const struct fake_collector *fc);
void fake_collector_pause(struct fake_collector *fc);  /* closes all connections and the port, until resumed */
void fake_collector_resume(struct fake_collector *fc);

/* Decides about each batch, on the collector's thread; nth counts from 1. NULL: FAKE_COMMIT. */
void fake_collector_on_batch(struct fake_collector *fc, enum fake_verdict (*fn)(void *arg, const struct hrp_batch_head *h, uint64_t nth), void *arg);
void fake_collector_set_window(struct fake_collector *fc, uint64_t window_bytes); /* of the next Welcome */
void fake_collector_set_generation(struct fake_collector *fc, uint8_t first_byte);
void fake_collector_refuse_schemas(struct fake_collector *fc, bool refuse);
void fake_collector_keep_rows(struct fake_collector *fc, bool keep); /* default true; false: only counts */

uint64_t fake_collector_count(struct fake_collector *fc, enum fake_count what);
uint64_t fake_collector_dropped(struct fake_collector *fc, uint8_t reason); /* enum hrp_drop */
/* Waits until the count is at least this; false after 60 s. */
bool fake_collector_wait(struct fake_collector *fc, enum fake_count what, uint64_t at_least);
/* Rows so far; borrowed, complete while the collector is stopped or idle. */
const struct fake_row *fake_collector_rows(struct fake_collector *fc, size_t *ret_n);
#endif
