/* The keeper: one thread that keeps the quality profiles of all streams.
 *
 * It merges the sets that workers hand over, and every two seconds has the committer write what changed, with the offsets
 * it contains, in one group. At its start it reads again the blocks whose offsets no stored profile contains; so kill -9
 * neither loses nor doubles a count (promise of DESIGN.md, step 8). In memory: the last minutes only. */
#ifndef HRD_KEEPER_H
#define HRD_KEEPER_H
#include "msg.h"
#include "profile.h"
#include "retention.h"
struct hrd_keeper;
struct hrd_log;
struct hrd_mailbox;
struct hrd_registry;

struct hrd_keeper_cfg {
    struct hrd_log *log;
    struct hrd_registry *registry;
    struct hrd_mailbox *committer;     /* writes for the keeper */
    unsigned checkpoint_ms;            /* 0: 2,000 */
    struct hrd_retention_cfg quarantine; /* zeroes: kept for ever */
};
/* Start after the store and the committer, before the ingest listener: the blocks that are there now and in no profile are
 * read again, by the keeper's thread. Everything in cfg is borrowed until stop. */
int hrd_keeper_start(const struct hrd_keeper_cfg *cfg, struct hrd_keeper **ret, struct hr_error *err);
/* What a worker hands over: its profiles since the last time. Made by the worker (hrd_msg_new); no answer. */
struct hrd_profiles_msg {
    struct hrd_msg msg;
    struct hrd_profile_set *set;       /* owned; the receiver may take it and leave NULL */
};
/* Takes the set; NULL: no memory, and it stays the caller's. */
struct hrd_msg *hrd_profiles_msg_new(struct hrd_profile_set *set);
/* Takes HRD_MSG_PROFILES (a worker's set, owned) and HRD_MSG_QUERY (of the API). */
struct hrd_mailbox *hrd_keeper_inbox(struct hrd_keeper *keeper);
/* What is newer than the store: asked by the API, which reads the stored profiles itself (a reader thread's work, not the
 * keeper's) and takes of each key the one with more rows. msg.type HRD_MSG_QUERY both ways; the answer goes to msg.reply. */
struct hrd_query_msg {
    struct hrd_msg msg;
    uint32_t stream_id;
    uint32_t from_minute, to_minute;   /* [from, to) */
    int error;                         /* answer: 0, HR_ENOMEM */
    struct hrd_profile_set *profiles;  /* answer, owned: copies of those in memory; each has all that its stored one has */
};
/* After the last worker has stopped, while the committer still runs: writes what it has, joins the thread, frees. */
void hrd_keeper_stop(struct hrd_keeper *keeper);
#endif
