/* The quarantine's retention: a step a beat while there is something to look at, then a minute's rest. Nobody waits for the answer:
 * a deletion that was lost is found again by the next walk. */
#include "keeper_impl.h"
#include "slog.h"

#define BEAT_MS 200u
#define REST_MS 60000u

static void on_beat(uv_timer_t *timer)
{
    struct hrd_keeper *k = timer->data;
    struct hrd_puts_msg *puts = hrd_puts_msg_new();
    struct hrd_msg *msg;
    int r;

    if (puts == NULL)
        return;
    r = hrd_retention_step(&k->retention, kp_wall_ns(), &puts->group);
    if (r < 0 && r != HR_EAGAIN)
        hrd_slog(HRD_WARN, "quarantine_unread", "reason=%s", hr_strerror(r));
    msg = &puts->msg;
    if (puts->group.n_puts == 0 || puts->group.err != 0 || hrd_mailbox_send(k->cfg.committer, &msg) != 0)
        hrd_msg_free(msg);
    uv_timer_start(timer, on_beat, r == 1 ? BEAT_MS : REST_MS, 0);
}

void kp_retention_start(struct hrd_keeper *k)
{
    hrd_retention_init(&k->retention, k->cfg.log, &k->cfg.quarantine);
    if (k->cfg.quarantine.age_ns != 0 || k->cfg.quarantine.bytes != 0)
        uv_timer_start(&k->retain, on_beat, BEAT_MS, 0);
}
