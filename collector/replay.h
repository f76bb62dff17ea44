/* Rows of the quarantine, given another chance under a schema: counted only (a dry run), or moved into the stream.
 *
 * A row moves in one write: its record goes, its block comes, the ledger's term with it; so a replay that is killed has moved a row
 * wholly or not at all, and the next one goes on where it stopped. A record that is gone is left out: two replays at once, or one
 * that is run twice, admit each row once. */
#ifndef HRD_REPLAY_H
#define HRD_REPLAY_H
#include "causes.h"
#include "errors.h"
struct hrd_log;
struct hrd_mailbox;
struct hrd_personal;
struct hrd_registry;

struct hrd_replay_cfg {              /* borrowed for the call */
    struct hrd_log *log;
    struct hrd_registry *registry;
    struct hrd_mailbox *committer;   /* NULL: dry runs only */
    const struct hrd_personal *personal; /* the key, for values that a newer schema hashes; NULL: rows that need it stay */
    struct hrd_mailbox *keeper;      /* gets the profiles of what was admitted; NULL: they are made at the next start */
};
struct hrd_replay_what {
    uint32_t stream_id;
    uint32_t schema_id;              /* 0: the stream's newest */
    const char *rule, *path;         /* only rows with this cause (path without subscripts); NULL: any */
    uint64_t from, most;             /* record numbers from here on, and how many are looked at */
    bool dry_run;
};
struct hrd_replay_result {
    uint64_t rows;                   /* looked at, and with that cause */
    uint64_t admitted;               /* moved; a dry run: would be */
    uint64_t gone;                   /* somebody else was faster */
    uint64_t next;                   /* where the next call goes on */
    bool more;                       /* `most` was reached */
    uint32_t schema_id;              /* by which it was judged */
    struct hrd_causes stay;          /* why the others stay; the caller's: hrd_causes_fini */
};
/* Blocks: for a thread that may. HR_ENOENT: no such schema; HR_ESCHEMA: its rules can't be checked; HR_ETIMEOUT: the store does not
 * commit now, and what was sent to it may still be moved. ret is filled in any case with what was done so far. */
int hrd_replay(const struct hrd_replay_cfg *cfg, const struct hrd_replay_what *what, struct hrd_replay_result *ret, struct hr_error *err);
#endif
