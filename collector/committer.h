/* The committer: groups what waits, has the log make it durable as one, and only then answers. Plain logic; its thread is
 * committer_thread.c, and the simulator drives it the same way:
 *
 *     hrd_committer_add(cm, &msg); ...          batches, offers, announces, reports, foreign puts, in order of arrival
 *     r = hrd_committer_commit(cm, now);        one group of them
 *     while ((msg = hrd_committer_take(cm)))    answers: to msg->reply, or freed
 *     if (r != 0) hrd_committer_reopen(cm, now, &err);   until it says 0; then commit again
 *
 * Promises:
 * (1) Nothing is answered as committed before the one write is durable that holds its rows, ranges, offsets and counts.
 * (2) After a failed write nothing staged counts: all of memory is read again from the reopened store, and the same
 *     messages are decided anew, against what turned out to be there.
 * (3) Only here are rows trimmed, against durable and staged ranges (rules 5 and 6).
 * (4) Offsets of a stream are dense and never used twice. */
#ifndef HRD_COMMITTER_H
#define HRD_COMMITTER_H
#include "log.h"
#include "msg.h"
struct hrd_committer;
struct hrd_registry;
struct hrd_status;

struct hrd_committer_cfg {
    uint64_t group_bytes;            /* a group is cut when its batches reach this; 0: 16 MiB */
    int64_t horizon_ns;              /* rule 10; 0: 30 days */
};
int hrd_committer_open(struct hrd_log *log, struct hrd_registry *reg, const struct hrd_committer_cfg *cfg, int64_t now_wall_ns,
                       struct hrd_committer **ret, struct hr_error *err);
void hrd_committer_free(struct hrd_committer *cm); /* messages not taken or not decided are freed */

void hrd_committer_add(struct hrd_committer *cm, struct hrd_msg **msg); /* takes it; cannot fail */
bool hrd_committer_pending(const struct hrd_committer *cm);            /* something waits for a commit */
bool hrd_committer_broken(const struct hrd_committer *cm);             /* reopen before the next commit */
/* One group of what waits. 0: durable, answers are there; may be called again while pending. HR_E*: broken. */
int hrd_committer_commit(struct hrd_committer *cm, int64_t now_wall_ns);
int hrd_committer_reopen(struct hrd_committer *cm, int64_t now_wall_ns, struct hr_error *err); /* 0: healthy again */
struct hrd_msg *hrd_committer_take(struct hrd_committer *cm);          /* answers, oldest first; NULL: none */

uint64_t hrd_committer_commits(const struct hrd_committer *cm);        /* number of the last durable group, of this store */
struct hrd_counters *hrd_committer_counters(struct hrd_committer *cm);
int hrd_committer_status(struct hrd_committer *cm, int64_t now_wall_ns, struct hrd_status **ret); /* one reference; HR_ENOMEM */

/* ---- the thread around it (committer_thread.c) ---- */
struct hrd_committer_thread;
int hrd_committer_start(struct hrd_committer *cm, struct hrd_mailbox *main_inbox, unsigned counters_slot, size_t inbox_cap_bytes,
                        struct hrd_committer_thread **ret); /* cm is the thread's until stop */
struct hrd_mailbox *hrd_committer_inbox(struct hrd_committer_thread *ct);
/* A mailbox that answers go to (msg->reply) stays open until they all have come. */
/* After its last sender has joined: commits what waits (while the store works), joins, frees the shell; not cm. */
void hrd_committer_stop(struct hrd_committer_thread *ct);
#endif
