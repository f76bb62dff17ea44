/* Owned messages from any thread to one loop. Wraps uv_async: wake-ups coalesce, so on_mail takes all that is there.
 *
 * (1) A message that was sent is delivered once, in the order of its sender, or freed when the mailbox closes.
 * (2) A full mailbox refuses and the message stays the sender's; messages that count for 0 bytes are never refused as full.
 * (3) on_mail runs on the loop's thread only. */
#ifndef HRD_MAILBOX_H
#define HRD_MAILBOX_H
#include "msg.h"
#include <uv.h>

struct hrd_mailbox {
    uv_async_t async;
    uv_mutex_t lock;             /* guards the rest */
    struct hrd_msgs waiting;
    size_t n_bytes, cap_bytes;
    bool open;
    uv_thread_t thread;          /* the loop's, once it has said so */
    bool has_thread;
    void (*on_mail)(void *owner);
    void *owner;
    void (*on_closed)(void *owner); /* may be set before close: the memory may go */
};
/* cap_bytes 0: none. The loop need not run yet. */
int hrd_mailbox_open(struct hrd_mailbox *mb, uv_loop_t *loop, size_t cap_bytes, void (*on_mail)(void *owner), void *owner);
/* 0: *msg is NULL now, it is theirs. HR_EFULL, HR_ECLOSED: it stays the caller's. Thread: any. */
int hrd_mailbox_send(struct hrd_mailbox *mb, struct hrd_msg **msg);
/* All that waits, oldest first. Thread: the loop's. */
struct hrd_msgs hrd_mailbox_take(struct hrd_mailbox *mb);
/* After its last sender has joined, on the loop's thread: frees what waits and closes the handle. The memory may go once
 * the loop has run the close callbacks (uv_run until no handle is left). */
void hrd_mailbox_close(struct hrd_mailbox *mb);
/* Names the thread that runs the loop; hrd_on_thread asserts that the caller is on it. */
void hrd_mailbox_claim(struct hrd_mailbox *mb);
void hrd_on_thread(const struct hrd_mailbox *mb);
#endif
