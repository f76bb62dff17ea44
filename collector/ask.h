/* One message to another thread and the wait for its answer: for a thread that may block, as a reader thread of the API. */
#ifndef HRD_ASK_H
#define HRD_ASK_H
#include "msg.h"

/* Sends *msg, and waits. 0: *msg is the answer, the same object, the caller's again. HR_ETIMEOUT: none came within 30 s, *msg is NULL,
 * and what was asked for may still happen. HR_ECLOSED, HR_EFULL, HR_ENOMEM: nothing was sent, *msg stays the caller's. */
int hrd_ask(struct hrd_mailbox *to, struct hrd_msg **msg);
#endif
