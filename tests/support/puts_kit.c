#include "puts_kit.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DEADLINE_NS UINT64_C(60000000000)

static void must(bool ok, const char *what)
{
    if (ok)
        return;
    fprintf(stderr, "puts kit: %s\n", what);
    abort();
}

static void on_mail(void *owner)
{
    struct puts_kit *p = owner;
    struct hrd_msgs all = hrd_mailbox_take(&p->inbox);
    struct hrd_msg *msg;

    while ((msg = hrd_msgs_take(&all)) != NULL) {
        must(msg->type == HRD_MSG_PUTS, "not a group");
        hrd_msgs_add(&p->waiting, msg);
    }
}

static void on_tick(uv_timer_t *t) {}

void puts_open(struct puts_kit *p, struct hrd_log *log)
{
    memset(p, 0, sizeof *p);
    p->log = log;
    must(uv_loop_init(&p->loop) == 0, "loop");
    must(hrd_mailbox_open(&p->inbox, &p->loop, 0, on_mail, p) == 0, "mailbox");
    uv_timer_init(&p->loop, &p->tick);
}

void puts_close(struct puts_kit *p)
{
    uv_run(&p->loop, UV_RUN_NOWAIT);
    must(p->waiting.first == NULL, "a group was left");
    hrd_mailbox_close(&p->inbox);
    uv_close((uv_handle_t *)&p->tick, NULL);
    uv_run(&p->loop, UV_RUN_DEFAULT);
    must(uv_loop_close(&p->loop) == 0, "the loop is busy");
}

/* Waits for mail, but not for ever: who waits may wait for something else, too. */
static void wait_a_little(struct puts_kit *p)
{
    uv_update_time(&p->loop); /* else the timer is over before the loop waits */
    uv_timer_start(&p->tick, on_tick, 2, 0);
    uv_run(&p->loop, UV_RUN_ONCE);
    uv_timer_stop(&p->tick);
}

struct hrd_puts_msg *puts_next(struct puts_kit *p)
{
    uint64_t start = uv_hrtime();

    while (p->waiting.first == NULL) {
        must(uv_hrtime() - start < DEADLINE_NS, "no group came");
        wait_a_little(p);
    }
    return (struct hrd_puts_msg *)p->waiting.first;
}

void puts_do(struct puts_kit *p)
{
    struct hrd_puts_msg *puts = puts_next(p);
    struct hrd_msg *msg = hrd_msgs_take(&p->waiting);

    must(puts->group.err == 0, "a group without memory");
    if (!p->dead)
        must(p->log->ops->commit(p->log, &puts->group) == 0, "commit");
    p->n_written += !p->dead;
    puts->commit = !p->dead;
    msg->type = HRD_MSG_PUTS_DONE;
    must(hrd_mailbox_send(msg->reply, &msg) == 0, "nobody waits for the answer");
}

void puts_until(struct puts_kit *p, bool (*done)(void *arg), void *arg)
{
    uint64_t start = uv_hrtime();

    while (!done(arg)) {
        must(uv_hrtime() - start < DEADLINE_NS, "it does not come");
        if (p->waiting.first != NULL)
            puts_do(p);
        else
            wait_a_little(p);
    }
}

struct helper {
    void (*fn)(void *arg);
    void *arg;
    uv_mutex_t lock;
    bool over;
};

static void help(void *arg)
{
    struct helper *h = arg;

    h->fn(h->arg);
    uv_mutex_lock(&h->lock);
    h->over = true;
    uv_mutex_unlock(&h->lock);
}

static bool is_over(void *arg)
{
    struct helper *h = arg;
    bool over;

    uv_mutex_lock(&h->lock);
    over = h->over;
    uv_mutex_unlock(&h->lock);
    return over;
}

void puts_while(struct puts_kit *p, void (*fn)(void *arg), void *arg)
{
    struct helper h = {.fn = fn, .arg = arg};
    uv_thread_t thread;

    must(uv_mutex_init(&h.lock) == 0, "mutex");
    must(uv_thread_create(&thread, help, &h) == 0, "thread");
    puts_until(p, is_over, &h);
    uv_thread_join(&thread);
    uv_mutex_destroy(&h.lock);
}
