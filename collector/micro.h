/* headraced --micro: a store in memory for tests of applications, that counts what it is given and forgets the oldest.
 *
 * A log like the others (log.h) around the one in memory. It looks at what is committed: a block's head tells how many rows were
 * taken, a record of the quarantine how many were not. When blocks and records are more than the cap, the oldest go, of
 * whatever stream they are; their rows stay counted, as forgotten. Schemas, producers and profiles stay: they are few.
 *
 * A reset comes through the committer, as a put of HRD_MICRO_RESET in HRD_CF_META, so that it stands between two groups. */
#ifndef HRD_MICRO_H
#define HRD_MICRO_H
#include "log.h"

#define HRD_MICRO_RESET "micro.reset"

struct hrd_micro_counts {        /* rows, since the start or the last reset */
    uint64_t good;               /* taken */
    uint64_t flagged;            /* of these: they break something that their stream allows */
    uint64_t bad;                /* set aside */
    uint64_t forgotten_good, forgotten_bad; /* of these: no longer to be read */
};
/* Takes no file, needs no folder. */
int hrd_micro_open(uint64_t cap_bytes, struct hrd_log **ret);
/* Of one stream, or of all (0). log is one of hrd_micro_open. Any thread. */
void hrd_micro_counts(struct hrd_log *log, uint32_t stream_id, struct hrd_micro_counts *ret);
/* Calls that clients dropped, of which the ledger forgets nothing: those since the reset, given all; and the reset itself. */
uint64_t hrd_micro_drops(struct hrd_log *log, uint64_t n_all);
void hrd_micro_forget_drops(struct hrd_log *log, uint64_t n_all);
uint64_t hrd_micro_bytes(struct hrd_log *log); /* of blocks and records kept */
#endif
