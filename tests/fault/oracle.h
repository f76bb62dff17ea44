/* What an application logged, as it counted itself, in memory that outlives it; and what a collector then has, read back row
 * by row. Shared by the tests of this folder, whose applications are processes that get killed. */
#ifndef FAULT_ORACLE_H
#define FAULT_ORACLE_H
#include "daemon.h"
#include <headrace.h>
#include <stdatomic.h>
#include <stdbool.h>

#define ORACLE_THREADS 4u
#define ORACLE_TEXT_MAX 1000u

/* One call: what it returned. Written after it returned; a call inside which the process was killed stays at NEVER. */
enum oracle_result { ORACLE_NOT_MADE, ORACLE_NEVER, ORACLE_OK, ORACLE_FULL, ORACLE_OTHER };
struct oracle {
    uint64_t n_most;                     /* calls of one thread at most */
    _Atomic bool stop;                   /* the application closes */
    _Atomic uint32_t pace_us;            /* rest after a burst of calls */
    uint32_t text_bytes;                 /* of each row, hard to compress; at most ORACLE_TEXT_MAX; 0: a sentence. Before the start */
    _Atomic uint64_t n_calls[ORACLE_THREADS];
    uint8_t results[];                   /* [ORACLE_THREADS][n_most]; the row's id is thread << 40 | call + 1 */
};
struct oracle *oracle_new(uint64_t n_most); /* in shared memory */
void oracle_free(struct oracle *o);
uint64_t oracle_count(const struct oracle *o, enum oracle_result result);

/* The application: a process of its own, with ORACLE_THREADS threads that log until oracle->stop or n_most, or its death.
 * Then it closes, with close_ms for what is not sent. Its pid, or -1. */
pid_t oracle_app_start(struct oracle *o, const char *url, const char *spool, const char *spool_cap, int close_ms);
/* Its rows that returned OK, spread over rows: fails (prints, returns how many are wrong) unless each is there once. A row of
 * a call that never returned may be there, once. */
int oracle_check_events(const struct oracle *o, uint16_t http_port, uint64_t *ret_rows);
/* The same of a file sink's folder. */
int oracle_check_files(const struct oracle *o, const char *dir, uint64_t rows);
/* Each term of the ledger, when all is drained: nothing in flight, nothing missing. evicted: rows may have been given up. */
int oracle_check_ledger(const struct oracle *o, uint16_t http_port, uint64_t rows);
/* Sends what is left in the folder; 0, or prints why not. */
int oracle_drain(const char *spool, const char *url);
#endif
