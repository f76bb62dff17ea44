/* A loop of our own for each question: answers come to a mailbox, and a mailbox needs a loop. */
#include "ask.h"
#include "alloc.h"
#include "mailbox.h"

#define PATIENCE_MS 30000u

struct waiter {
    uv_loop_t loop;
    struct hrd_mailbox inbox;
    uv_timer_t patience;
    struct hrd_msg *answer;
};

static void on_answer(void *owner)
{
    struct waiter *w = owner;
    struct hrd_msgs mail = hrd_mailbox_take(&w->inbox);

    w->answer = hrd_msgs_take(&mail); /* one question, one answer */
    if (w->answer != NULL)
        uv_stop(&w->loop);
}

static void on_patience(uv_timer_t *timer) { uv_stop(timer->loop); }

static int waiter_open(struct waiter **ret)
{
    struct waiter *w = hrp_calloc(1, sizeof *w);

    if (w == NULL || uv_loop_init(&w->loop) != 0) {
        hrp_free(w);
        return HR_ENOMEM;
    }
    if (hrd_mailbox_open(&w->inbox, &w->loop, 0, on_answer, w) != 0) {
        uv_loop_close(&w->loop);
        hrp_free(w);
        return HR_ENOMEM;
    }
    uv_timer_init(&w->loop, &w->patience);
    *ret = w;
    return 0;
}

static void waiter_free(struct waiter *w)
{
    uv_close((uv_handle_t *)&w->patience, NULL);
    hrd_mailbox_close(&w->inbox);
    uv_run(&w->loop, UV_RUN_DEFAULT);
    uv_loop_close(&w->loop);
    hrp_free(w);
}

int hrd_ask(struct hrd_mailbox *to, struct hrd_msg **msg)
{
    struct waiter *w;
    int r = waiter_open(&w);

    if (r != 0)
        return r;
    (*msg)->reply = &w->inbox;
    r = hrd_mailbox_send(to, msg);
    if (r == 0) {
        uv_timer_start(&w->patience, on_patience, PATIENCE_MS, 0);
        uv_run(&w->loop, UV_RUN_DEFAULT);
        if (w->answer == NULL)
            return HR_ETIMEOUT; /* w stays: the answer may still come to it */
        *msg = w->answer;
    }
    waiter_free(w);
    return r;
}
