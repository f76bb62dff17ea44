/* What a typed event can't cost less than: the generated call of the same rows, over null_row.c instead of the library. */
#include "flight_row.h"

static const char *peer_version(void) { return "-"; }
static void peer_open(const struct bench *b) { (void)b; }
static void peer_thread(const struct bench *b) { (void)b; }
static inline bool peer_log(const struct row *r) { return log_flight(NULL, r); }
static void peer_settle(void) {}
static uint64_t peer_lost(void) { return 0; }
static void peer_close(void) {}
