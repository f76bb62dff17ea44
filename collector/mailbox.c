#include "mailbox.h"
#include <assert.h>
#include <string.h>

static void wake(uv_async_t *async)
{
    struct hrd_mailbox *mb = async->data;

    mb->on_mail(mb->owner);
}

int hrd_mailbox_open(struct hrd_mailbox *mb, uv_loop_t *loop, size_t cap_bytes, void (*on_mail)(void *owner), void *owner)
{
    memset(mb, 0, sizeof *mb);
    if (uv_mutex_init(&mb->lock) != 0)
        return HR_ENOMEM;
    if (uv_async_init(loop, &mb->async, wake) != 0) {
        uv_mutex_destroy(&mb->lock);
        return HR_EIO;
    }
    mb->async.data = mb;
    mb->cap_bytes = cap_bytes;
    mb->on_mail = on_mail;
    mb->owner = owner;
    mb->open = true;
    return 0;
}

/* uv_async_send stays inside the lock, so that after hrd_mailbox_close no sender can still be on its way to the handle. */
int hrd_mailbox_send(struct hrd_mailbox *mb, struct hrd_msg **msg)
{
    size_t n = (*msg)->n_bytes;
    int r = 0;

    uv_mutex_lock(&mb->lock);
    if (!mb->open)
        r = HR_ECLOSED;
    else if (n != 0 && mb->cap_bytes != 0 && mb->n_bytes != 0 && n > mb->cap_bytes - (mb->n_bytes < mb->cap_bytes ? mb->n_bytes : mb->cap_bytes))
        r = HR_EFULL; /* an empty one takes a message of any size */
    if (r == 0) {
        mb->n_bytes += n;
        hrd_msgs_add(&mb->waiting, *msg);
        *msg = NULL;
        uv_async_send(&mb->async);
    }
    uv_mutex_unlock(&mb->lock);
    return r;
}

struct hrd_msgs hrd_mailbox_take(struct hrd_mailbox *mb)
{
    struct hrd_msgs all;

    uv_mutex_lock(&mb->lock);
    all = mb->waiting;
    mb->waiting = (struct hrd_msgs){NULL, NULL};
    mb->n_bytes = 0;
    uv_mutex_unlock(&mb->lock);
    return all;
}

static void closed(uv_handle_t *h)
{
    struct hrd_mailbox *mb = h->data;

    uv_mutex_destroy(&mb->lock);
    if (mb->on_closed != NULL)
        mb->on_closed(mb->owner);
}

void hrd_mailbox_close(struct hrd_mailbox *mb)
{
    struct hrd_msgs rest;

    uv_mutex_lock(&mb->lock);
    mb->open = false;
    rest = mb->waiting;
    mb->waiting = (struct hrd_msgs){NULL, NULL};
    uv_mutex_unlock(&mb->lock);
    hrd_msgs_free(&rest);
    uv_close((uv_handle_t *)&mb->async, closed);
}

void hrd_mailbox_claim(struct hrd_mailbox *mb)
{
    mb->thread = uv_thread_self();
    mb->has_thread = true;
}

void hrd_on_thread(const struct hrd_mailbox *mb)
{
    uv_thread_t self = uv_thread_self();

    assert(!mb->has_thread || uv_thread_equal(&self, &mb->thread));
    (void)self;
}
