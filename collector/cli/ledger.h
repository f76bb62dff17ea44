/* The ledger as the API tells it: each call to log is in exactly one term. */
#ifndef CLI_LEDGER_H
#define CLI_LEDGER_H
#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

struct cli_http;
struct cli_ledger_sum {
    uint64_t logged, accepted, quarantined, dropped, in_flight, missing, trimmed;
    unsigned n_lines, n_unbalanced; /* lines whose terms do not add up to logged */
};
int cli_ledger_fetch(struct cli_http *http, json_t **ret); /* json_decref it */
/* Adds up the lines of one stream and app version; NULL: of all. */
void cli_ledger_add(const json_t *root, const char *stream, const char *version, struct cli_ledger_sum *ret);
/* Asks until nothing is in flight, or the time is over; *ret is the last answer in both cases. 0, an exit code after
 * printing why; still in flight is 0 too: look at the sum. */
int cli_ledger_wait(struct cli_http *http, const char *stream, const char *version, int64_t timeout_ms, json_t **ret);
#endif
