#include "agent.h"

#define STUCK_NS INT64_C(50000000)
#define OFFLINE_AGE_NS INT64_C(3600000000000) /* a batch for each tenth of a second of an outage would fill the spool with crumbs */
#define RETRY_PUTS_NS INT64_C(200000000)

void hrs_agent_init(struct hrs_agent *a, const struct hrs_store_ops *ops, void *ops_arg, uint64_t spool_cap_bytes,
                    const struct hrs_batch_limits *limits, const struct hrs_conn_config *conn_cfg, struct hrs_stats *stats, uint64_t seed)
{
    *a = (struct hrs_agent){.stats = stats, .limits = *limits, .conn_cfg = *conn_cfg};
    hrs_spool_init(&a->spool, ops, ops_arg, spool_cap_bytes, stats);
    hrs_conn_init(&a->conn, &a->conn_cfg, &a->spool, stats, seed);
}

void hrs_agent_fini(struct hrs_agent *a)
{
    while (a->spool.n_incs != 0) {
        struct hrs_inc *inc = a->spool.incs[0];

        hrs_spool_remove_inc(&a->spool, inc);
        hrs_inc_free(inc);
    }
    hrs_conn_fini(&a->conn);
    hrs_spool_fini(&a->spool);
}

int hrs_agent_own(struct hrs_agent *a, struct hrs_inc *inc)
{
    struct hrs_batcher *batcher;
    int r = hrs_batcher_new(inc, &a->spool, &a->limits, true, &batcher);

    if (r == 0)
        r = hrs_spool_add_inc(&a->spool, inc);
    if (r == 0) {
        inc->own = true;
        a->own = inc;
    }
    return r;
}

int hrs_agent_adopt(struct hrs_agent *a, struct hrs_inc *inc, struct hrs_lane **lanes, uint32_t n_lanes)
{
    struct hrs_batcher *batcher;
    int r = hrs_batcher_new(inc, &a->spool, &a->limits, false, &batcher);

    inc->finishing = true;
    for (uint32_t i = 0; r == 0 && i < n_lanes; i++)
        r = hrs_batcher_add_lane(batcher, lanes[i]);
    if (r == 0)
        r = hrs_spool_load(&a->spool, inc, hrs_batcher_published, batcher);
    if (r == 0)
        r = hrs_spool_add_inc(&a->spool, inc);
    if (r != 0)
        hrs_spool_remove_inc(&a->spool, inc); /* also what was loaded */
    else
        hrs_stats_add(a->stats, HR_STAT_ADOPTED, 1);
    return r;
}

/* ---- rounds ---- */

/* An incarnation that never counted a call has nothing to tell; without a connection it ends without telling it. */
static void close_unused(struct hrs_agent *a, struct hrs_inc *inc)
{
    if (inc->finishing && a->conn.state != HRS_CONN_READY && hrs_batcher_unused(inc->batcher) &&
        hrs_spool_min_id(&a->spool, inc) == UINT64_MAX)
        inc->closed = true;
}

static void step_inc(struct hrs_agent *a, struct hrs_inc *inc, int64_t now_mono_ns, struct hrs_step *sum)
{
    struct hrs_step step;
    uint64_t id;

    hrs_batcher_set_age(inc->batcher, a->conn.state == HRS_CONN_READY ? a->limits.age_ns : OFFLINE_AGE_NS);
    hrs_batcher_step(inc->batcher, now_mono_ns, &step);
    if (inc->finishing && !step.stuck && !hrs_batcher_empty(inc->batcher))
        step.stuck = !hrs_batcher_seal_all(inc->batcher, now_mono_ns, &id);
    close_unused(a, inc);
    sum->n_bytes += step.n_bytes;
    sum->stuck = sum->stuck || step.stuck;
    if (step.max_fill > sum->max_fill)
        sum->max_fill = step.max_fill;
    if (step.due_mono_ns < sum->due_mono_ns)
        sum->due_mono_ns = step.due_mono_ns;
}

static void step_batchers(struct hrs_agent *a, int64_t now_mono_ns, struct hrs_step *sum)
{
    if (now_mono_ns < a->stuck_until_mono_ns && a->spool.used_bytes >= a->stuck_bytes) {
        sum->stuck = true;
        return;
    }
    a->stuck_until_mono_ns = 0;
    for (uint32_t i = 0; i < a->spool.n_incs; i++)
        step_inc(a, a->spool.incs[i], now_mono_ns, sum);
    if (sum->stuck) {
        a->stuck_until_mono_ns = now_mono_ns + STUCK_NS;
        a->stuck_bytes = a->spool.used_bytes;
    }
}

static void step_flush(struct hrs_agent *a, int64_t now_mono_ns, const struct hrs_step *sum)
{
    if (!a->flush_wanted)
        return;
    if (a->own == NULL)
        a->flush_sealed = true;
    else if (!a->flush_sealed && !sum->stuck)
        a->flush_sealed = hrs_batcher_seal_all(a->own->batcher, now_mono_ns, &a->flush_id);
    if (!a->flush_sealed || (a->own != NULL && hrs_spool_min_id(&a->spool, a->own) < a->flush_id))
        return;
    a->flush_wanted = false;
    a->flush_done = true;
}

static void release_closed(struct hrs_agent *a)
{
    for (uint32_t i = 0; i < a->spool.n_incs;) {
        struct hrs_inc *inc = a->spool.incs[i];

        if (!inc->closed && !inc->gone) {
            i++;
            continue;
        }
        hrs_spool_remove_inc(&a->spool, inc);
        if (inc == a->own)
            a->own = NULL;
        if (a->release != NULL)
            a->release(a->arg, inc);
        hrs_inc_free(inc);
    }
}

void hrs_agent_step(struct hrs_agent *a, int64_t now_mono_ns, int64_t now_wall_ns, struct hrs_step *ret)
{
    *ret = (struct hrs_step){.due_mono_ns = INT64_MAX};
    if (a->spool.n_unpublished != 0 && now_mono_ns >= a->retry_puts_at_mono_ns) {
        hrs_spool_retry_puts(&a->spool);
        a->retry_puts_at_mono_ns = now_mono_ns + RETRY_PUTS_NS;
    }
    step_batchers(a, now_mono_ns, ret);
    step_flush(a, now_mono_ns, ret);
    hrs_conn_step(&a->conn, now_mono_ns, now_wall_ns);
    release_closed(a);
    a->deadline_mono_ns = ret->due_mono_ns;
    if (hrs_conn_deadline(&a->conn) < a->deadline_mono_ns)
        a->deadline_mono_ns = hrs_conn_deadline(&a->conn);
    if (a->spool.n_unpublished != 0 && a->retry_puts_at_mono_ns < a->deadline_mono_ns)
        a->deadline_mono_ns = a->retry_puts_at_mono_ns;
    if (a->stuck_until_mono_ns != 0 && a->stuck_until_mono_ns < a->deadline_mono_ns)
        a->deadline_mono_ns = a->stuck_until_mono_ns;
}

int64_t hrs_agent_deadline(const struct hrs_agent *a) { return a->deadline_mono_ns; }

/* ---- wishes ---- */

void hrs_agent_flush(struct hrs_agent *a)
{
    a->flush_wanted = true;
    a->flush_sealed = a->flush_done = false;
}

void hrs_agent_close(struct hrs_agent *a)
{
    a->close_wanted = true;
    if (a->own == NULL)
        return;
    hrs_batcher_finish(a->own->batcher);
    a->own->finishing = true;
}

bool hrs_agent_closed(const struct hrs_agent *a) { return a->close_wanted && a->own == NULL; }
bool hrs_agent_drained(const struct hrs_agent *a) { return a->spool.n_incs == 0; }
