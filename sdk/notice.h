/* What a client tells the application's logger: differences between one look at the sender's state and the next, so that no
 * state machine knows that anybody listens, and a storm of refusals is a line a second. The sender's thread, without a lock. */
#ifndef HRS_NOTICE_H
#define HRS_NOTICE_H
#include "agent.h"
#include "options.h"

#define HRS_NOTICE_COUNTS 5

struct hrs_notice {
    const hr_options *opt;             /* borrowed: the logger is in it */
    hr_client *client;
    const struct hrs_agent *agent;
    bool connected;
    char reason[sizeof ((struct hrs_conn *)0)->reason];
    uint64_t told[HRS_NOTICE_COUNTS];  /* counters, as of the last line about them */
    int64_t reason_at_mono_ns, counts_at_mono_ns; /* no line of the kind before */
};
void hrs_notice_init(struct hrs_notice *no, hr_client *client, const hr_options *opt, const struct hrs_agent *agent);
void hrs_notice_look(struct hrs_notice *no, int64_t now_mono_ns); /* after each round; INT64_MAX: the last one */
#endif
