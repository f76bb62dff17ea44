/* A collector: what worker.c and committer_thread.c do around the logic, on one thread and virtual time. Mail waits, so that
 * groups gather; answers wait, so that connections end between a commit and its ack; writes fail, before or after they took
 * effect; and the process is killed at any moment and starts again on the same store. */
#include "sim.h"
#include "alloc.h"

void sim_server_start(struct sim *s)
{
    struct sim_server *v = &s->server;
    struct hrd_committer_cfg cfg = {.group_bytes = s->k.group_bytes};
    struct hr_error err = {0, ""};
    int r = v->log->ops->reopen(v->log, &err);

    if (r != 0) { /* whoever watches over it starts it again */
        v->start_ns = sim_soon(s, 300 * SIM_MS);
        return;
    }
    r = hrd_registry_open(v->log, &v->registry, &err);
    if (r == 0)
        r = hrd_committer_open(v->log, v->registry, &cfg, sim_wall(s), &v->committer, &err);
    if (r != 0) {
        sim_fail(s, "the collector does not start: %s", err.text);
        return;
    }
    v->cfg = hrd_session_cfg_default;
    v->cfg.registry = v->registry;
    v->cfg.generation = v->log->generation;
    v->cfg.window_bytes = s->k.window_bytes;
    v->cfg.ping_after_ns = 3 * SIM_S;
    v->cfg.ping_timeout_ns = SIM_S;
    v->up = true;
    v->commit_ns = v->answer_ns = v->reopen_ns = SIM_NEVER;
    sim_trace(s, "the collector starts");
}

void sim_server_crash(struct sim *s)
{
    struct sim_server *v = &s->server;

    sim_trace(s, "the collector crashes");
    s->seen[SIM_CRASHES]++;
    for (struct sim_link *l = s->links; l != NULL; l = l->next) {
        if (l->session == NULL)
            continue;
        hrd_session_free(l->session);
        l->session = NULL;
        sim_net_end(s, &l->down, true);
    }
    hrd_msgs_free(&v->inbox);
    hrd_msgs_free(&v->answers);
    hrd_committer_free(v->committer);
    hrd_registry_free(v->registry);
    v->committer = NULL;
    v->registry = NULL;
    v->up = false;
    v->commit_ns = v->answer_ns = v->reopen_ns = SIM_NEVER;
    v->start_ns = sim_soon(s, 500 * SIM_MS);
}

/* ---- sessions ---- */

static void soon(struct sim *s, int64_t *at, int64_t most_ns)
{
    if (*at == SIM_NEVER)
        *at = sim_soon(s, most_ns);
}

/* A batch that is sent back undecided: over a quota, or for want of memory. */
static bool send_back(struct sim *s, struct hrd_msg *msg)
{
    struct hrd_batch_msg *bat = (struct hrd_batch_msg *)msg;

    if (msg->type != HRD_MSG_BATCH || !s->k.retries || s->quiet || !sim_chance(s, 80))
        return false;
    bat->code = sim_chance(s, 700) ? HRD_RETRY : HRD_PARK;
    bat->error = HR_EFULL;
    msg->type = HRD_MSG_COMMITTED;
    hrd_msgs_add(&s->server.answers, msg);
    soon(s, &s->server.answer_ns, 20 * SIM_MS);
    s->seen[SIM_SENT_BACK]++;
    return true;
}

/* What a session wants after an event. */
static void serve(struct sim *s, struct sim_link *l)
{
    struct hrp_buf *out = hrd_session_output(l->session);
    struct hrd_msg *msg;

    while ((msg = hrd_session_take(l->session)) != NULL) {
        if (send_back(s, msg))
            continue;
        hrd_msgs_add(&s->server.inbox, msg);
        soon(s, &s->server.commit_ns, 20 * SIM_MS);
    }
    sim_net_send(s, &l->down, out->p, out->n);
    hrp_buf_clear(out);
    if (hrd_session_state(l->session) != HRD_SESSION_CLOSED)
        return;
    if (hrd_session_error(l->session) == HR_EPROTO || hrd_session_error(l->session) == HR_ECORRUPT)
        sim_fail(s, "the collector blames the client: %s", hrd_session_why(l->session));
    hrd_session_free(l->session);
    l->session = NULL;
    sim_net_end(s, &l->down, false);
}

void sim_server_accept(struct sim *s, struct sim_link *l)
{
    if (hrd_session_open(&s->server.cfg, ++s->server.next_session, &s->server.counters, s->now_ns, &l->session) != 0)
        sim_fail(s, "no memory for a session");
}

void sim_server_heard(struct sim *s, struct sim_link *l, const uint8_t *p, size_t n)
{
#ifdef HRP_FAULTS
    if (s->k.memory_fails && !s->quiet && sim_chance(s, 30))
        hrp_alloc_fail_at(1 + (unsigned long)sim_below(s, 60));
#endif
    hrd_session_input(l->session, p, n, s->now_ns, sim_wall(s));
#ifdef HRP_FAULTS
    hrp_alloc_fail_at(0);
#endif
    serve(s, l);
}

void sim_server_ended(struct sim *s, struct sim_link *l)
{
    hrd_session_lost(l->session, "the connection has ended");
    serve(s, l);
}

/* ---- committer ---- */

static void commit(struct sim *s)
{
    struct sim_server *v = &s->server;
    struct hrd_msg *msg;
    int r;

    v->commit_ns = SIM_NEVER;
    while ((msg = hrd_msgs_take(&v->inbox)) != NULL)
        hrd_committer_add(v->committer, &msg);
    r = hrd_committer_commit(v->committer, sim_wall(s));
    while ((msg = hrd_committer_take(v->committer)) != NULL) {
        hrd_msgs_add(&v->answers, msg);
        soon(s, &v->answer_ns, 20 * SIM_MS);
    }
    if (r == 0) {
        sim_oracle_commit(s);
        if (hrd_committer_pending(v->committer))
            soon(s, &v->commit_ns, 5 * SIM_MS);
        return;
    }
    sim_trace(s, "a write failed: %s", hr_strerror(r));
    s->seen[SIM_FAILED_WRITES]++;
    if (s->k.crashes && !s->quiet && sim_below(s, 3) == 0) {
        sim_server_crash(s);
        return;
    }
    if (!s->quiet)
        hrd_log_memory_fail_reopen(v->log, (unsigned)sim_below(s, 3));
    soon(s, &v->reopen_ns, 200 * SIM_MS);
}

static void reopen(struct sim *s)
{
    struct sim_server *v = &s->server;
    struct hr_error err = {0, ""};

    v->reopen_ns = SIM_NEVER;
    if (hrd_committer_reopen(v->committer, sim_wall(s), &err) != 0)
        v->reopen_ns = sim_soon(s, 200 * SIM_MS);
    else
        v->commit_ns = sim_soon(s, 5 * SIM_MS);
}

static struct sim_link *link_of(struct sim *s, uint64_t session)
{
    for (struct sim_link *l = s->links; l != NULL; l = l->next)
        if (l->session != NULL && hrd_session_id(l->session) == session)
            return l;
    return NULL;
}

static void answer(struct sim *s)
{
    struct hrd_msg *msg;

    s->server.answer_ns = SIM_NEVER;
    while ((msg = hrd_msgs_take(&s->server.answers)) != NULL) {
        struct sim_link *l = link_of(s, msg->session);

        if (l != NULL) {
            hrd_session_answer(l->session, msg, s->now_ns);
            serve(s, l);
        }
        hrd_msg_free(msg);
    }
}

/* ---- time ---- */

int64_t sim_server_next(const struct sim *s)
{
    const struct sim_server *v = &s->server;
    int64_t at = v->commit_ns < v->answer_ns ? v->commit_ns : v->answer_ns;

    if (!v->up)
        return v->start_ns;
    if (v->reopen_ns != SIM_NEVER) /* mail waits until the store works again */
        at = v->reopen_ns < v->answer_ns ? v->reopen_ns : v->answer_ns;
    for (const struct sim_link *l = s->links; l != NULL; l = l->next)
        if (l->session != NULL && hrd_session_deadline(l->session) < at)
            at = hrd_session_deadline(l->session);
    return at;
}

void sim_server_run(struct sim *s)
{
    struct sim_server *v = &s->server;

    if (!v->up && s->now_ns >= v->start_ns)
        sim_server_start(s);
    if (!v->up)
        return;
    if (s->now_ns >= v->answer_ns)
        answer(s);
    if (s->now_ns >= v->reopen_ns)
        reopen(s);
    else if (s->now_ns >= v->commit_ns && v->reopen_ns == SIM_NEVER)
        commit(s);
    for (struct sim_link *l = s->links; v->up && l != NULL; l = l->next)
        if (l->session != NULL && s->now_ns >= hrd_session_deadline(l->session)) {
            hrd_session_tick(l->session, s->now_ns, sim_wall(s));
            serve(s, l);
        }
}
