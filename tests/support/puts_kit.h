/* In the committer's place for those who only hand it groups (keeper, sinks): each group waits until the test says what
 * becomes of it. So a test can end a life between any two writes. What fails in the kit itself aborts. */
#ifndef PUTS_KIT_H
#define PUTS_KIT_H
#include "log.h"
#include "mailbox.h"

struct puts_kit {
    uv_loop_t loop;
    uv_timer_t tick;
    struct hrd_mailbox inbox;            /* for cfg.committer */
    struct hrd_log *log;                 /* borrowed */
    struct hrd_msgs waiting;
    bool dead;                           /* writes nothing and says so: who waits can do nothing more, as if the process had ended */
    unsigned n_written;
};
void puts_open(struct puts_kit *p, struct hrd_log *log);
void puts_close(struct puts_kit *p);     /* after those who send have stopped */
/* Runs the loop until the next group is there; the kit's still. */
struct hrd_puts_msg *puts_next(struct puts_kit *p);
/* Writes the oldest group (not when dead) and answers it. */
void puts_do(struct puts_kit *p);
/* Does groups until `done` says so; aborts after a minute. */
void puts_until(struct puts_kit *p, bool (*done)(void *arg), void *arg);
/* Does groups while fn runs in a thread of its own: for what waits for its last group. */
void puts_while(struct puts_kit *p, void (*fn)(void *arg), void *arg);
#endif
