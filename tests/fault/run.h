/* What the tests of this folder share: a daemon, an application, chance. */
#ifndef FAULT_RUN_H
#define FAULT_RUN_H
#include "oracle.h"

struct fault_run {
    struct test_daemon daemon;
    struct oracle *oracle;
    char spool[560];
    pid_t app;
    uint64_t random;
};
uint64_t fault_random(struct fault_run *r);
_Noreturn void fault_fail(struct fault_run *r, const char *what); /* prints, kills what runs, exits with 1 */
/* Prints the seed. args: the daemon's, borrowed; data: its folder, NULL: the usual one. Starts nothing. */
void fault_init(struct fault_run *r, uint64_t seed, uint64_t n_most, const char *const *args);
void fault_start_daemon(struct fault_run *r);
void fault_start_app(struct fault_run *r);
void fault_kill_app(struct fault_run *r);
void fault_wait_app(struct fault_run *r);  /* tells it to stop; it has sent everything */
uint64_t fault_calls(const struct fault_run *r);
/* Drains the folder, then rows and ledger; how much is wrong. */
int fault_check(struct fault_run *r, uint64_t *ret_rows);
void fault_fini(struct fault_run *r);
uint64_t fault_argument(int argc, char **argv, const char *name, uint64_t otherwise);
bool fault_flag(int argc, char **argv, const char *name);
#endif
