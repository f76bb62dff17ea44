/* Processes: they log, flush, close, are killed at any moment, also inside a call, and start again beside what they left. */
#include "sim.h"
#include "alloc.h"
#include "event_type.h"

#define MAX_ADOPTED 2u

static void release(void *arg, struct hrs_inc *inc)
{
    struct sim_client *c = arg;
    struct sim_folder *f = inc->owner;

    if (f == NULL || c->dying)
        return;
    if (c->own == f)
        c->own = NULL;
    if (inc->closed)
        sim_folder_removed(f);
    else
        f->locked_by = NULL;
}

/* ---- starting ---- */

static void configure(const struct sim *s, struct hrs_batch_limits *lim, struct hrs_conn_config *cfg)
{
    *lim = (struct hrs_batch_limits){.rows = s->k.batch_rows, .bytes = 65536, .age_ns = s->k.batch_age_ns};
    *cfg = (struct hrs_conn_config){
        .sdk = "simulated",
        .window_bytes = s->k.window_bytes,
        .connect_timeout_ns = SIM_S,
        .ping_after_ns = 2 * SIM_S,
        .ping_timeout_ns = SIM_S,
        .backoff_min_ns = 10 * SIM_MS,
        .backoff_max_ns = 500 * SIM_MS,
        .report_every_ns = 300 * SIM_MS,
        .out_cap_bytes = 16384,
    };
}

static void make_own(struct sim_client *c)
{
    struct sim *s = c->s;
    struct hrp_id id, producer = {{(uint8_t)(1 + c->host)}};
    struct hrs_inc *inc;

    sim_id(s, &id);
    if (hrs_inc_new(&id, &producer, "sim", s->seed % 2 == 0 ? "1" : "2", "host", "boot", 100 + c->slot, sim_wall(s), &inc) != 0 ||
        hrs_agent_own(&c->agent, inc) != 0) {
        sim_fail(s, "no memory for an incarnation");
        return;
    }
    c->own = sim_folder_new(s, c);
    for (uint32_t i = 0; i < c->own->n_lanes; i++)
        if (hrs_batcher_add_lane(inc->batcher, &c->own->lanes[i].lane) != 0)
            sim_fail(s, "no memory for a lane");
}

void sim_client_start(struct sim_client *c, bool drains)
{
    struct sim *s = c->s;
    struct hrs_batch_limits lim;
    struct hrs_conn_config cfg;

    sim_trace(s, "client %u starts%s", c->slot, drains ? " to drain" : "");
    c->state = drains ? SIM_CLOSING : SIM_RUNNING;
    c->stats = (struct hrs_stats){0};
    c->own = NULL;
    c->link = NULL;
    c->die_in = 0;
    c->dying = false;
    c->full_until_ns = 0;
    configure(s, &lim, &cfg);
    hrs_agent_init(&c->agent, &sim_disk_ops, c, s->k.cap_bytes, &lim, &cfg, &c->stats, sim_below(s, UINT64_MAX));
    c->agent.release = release;
    c->agent.arg = c;
    c->next_ns = c->adopt_ns = s->now_ns;
    c->log_ns = drains ? SIM_NEVER : sim_soon(s, 50 * SIM_MS);
    if (!drains)
        make_own(c);
}

/* ---- logging ---- */

static bool open_type(struct sim_client *c, uint32_t lane, uint32_t type)
{
    struct sim *s = c->s;
    struct hrs_lane *l = &c->own->lanes[lane].lane;
    uint64_t before = 0;

    if (hrs_lane_next_n(l, type) != 0)
        return true;
    if (hrs_inc_type(c->agent.own, type) == NULL) {
        hrs_types_encode(type, sim_type(type), &c->own->types);
        atomic_store_explicit(&c->agent.own->types[type], sim_type(type), memory_order_release);
    }
    before = sim_chance(s, 200) ? 1 + sim_below(s, 3) : 0;
    hrs_lane_open_type(l, type, before);
    for (uint64_t i = 0; i < before; i++)
        sim_oracle_call(s, c->own, lane, type, 0, SIM_MEMORY);
    return true;
}

static enum sim_outcome outcome_of(int r, enum sim_outcome when_ok)
{
    return r == 0 ? when_ok : r == HR_EFULL ? SIM_FULL : SIM_TOOBIG;
}

static void log_call(struct sim_client *c, uint32_t lane, uint32_t type)
{
    static const uint8_t big[70000];
    struct sim *s = c->s;
    struct hrs_lane *l = &c->own->lanes[lane].lane;
    uint64_t value = ++s->next_value;
    uint8_t row[SIM_TEXT_MAX + 64];
    char text[SIM_TEXT_MAX + 1];
    unsigned what = (unsigned)sim_below(s, 100);
    size_t n;
    int r;

    sim_text(value, text);
    n = event_row(row, value, text);
    if (what < 4) {
        r = hrs_lane_log(l, type, sim_wall(s), 1, "does not fit", row, n);
        sim_oracle_call(s, c->own, lane, type, value, outcome_of(r, SIM_RAW));
    } else if (what < 6) {
        r = hrs_lane_log(l, type, sim_wall(s), 1, NULL, big, sizeof big);
        sim_oracle_call(s, c->own, lane, type, value, outcome_of(r, SIM_ROW));
    } else {
        r = hrs_lane_log(l, type, sim_wall(s), what < 10 ? 7 : 1, NULL, row, n);
        sim_oracle_call(s, c->own, lane, type, value, outcome_of(r, SIM_ROW));
    }
    s->n_logged++;
}

/* Killed inside a call: after the record was published and before its number was counted, or after a drop took its number
 * and before its reason was counted, or before anything. */
static void die_in_a_call(struct sim_client *c, uint32_t lane, uint32_t type)
{
    struct sim *s = c->s;
    struct hrs_lane *l = &c->own->lanes[lane].lane;
    struct hrs_slot *slot = &l->slots[type];
    uint64_t n = hrs_lane_next_n(l, type), value = ++s->next_value;
    uint8_t row[SIM_TEXT_MAX + 64];
    char text[SIM_TEXT_MAX + 1];
    unsigned how = (unsigned)sim_below(s, 3);

    sim_text(value, text);
    if (how == 0 && hrs_lane_log(l, type, sim_wall(s), 1, NULL, row, event_row(row, value, text)) == 0) {
        atomic_store_explicit(&slot->next_n, n, memory_order_relaxed);
        sim_oracle_call(s, c->own, lane, type, value, SIM_MAYBE_ROW);
    } else if (how == 0) {
        sim_oracle_call(s, c->own, lane, type, value, SIM_FULL);
    } else if (how == 1) {
        atomic_store_explicit(&slot->next_n, n + 1, memory_order_relaxed);
        sim_oracle_call(s, c->own, lane, type, value, SIM_ABORTED);
    }
    sim_trace(s, "client %u is killed inside a call (%u)", c->slot, how);
    sim_client_kill(c);
}

static void log_some(struct sim_client *c)
{
    struct sim *s = c->s;
    unsigned n = sim_chance(s, 100) ? 60 : 1 + (unsigned)sim_below(s, 12);

    c->log_ns = sim_soon(s, 60 * SIM_MS);
    for (unsigned i = 0; i < n; i++) {
        uint32_t lane = (uint32_t)sim_below(s, c->own->n_lanes), type = (uint32_t)sim_below(s, SIM_TYPES);

        if (!open_type(c, lane, type))
            continue;
        if (s->k.kills_inside && sim_chance(s, 3)) {
            die_in_a_call(c, lane, type);
            return;
        }
        log_call(c, lane, type);
    }
}

/* ---- adopting ---- */

static void adopt(struct sim_client *c)
{
    struct sim *s = c->s;

    c->adopt_ns = sim_soon(s, 400 * SIM_MS);
    for (unsigned i = 0; i < s->n_folders; i++) {
        struct sim_folder *f = &s->folders[i];
        int r;

        if (!f->there || f->locked_by != NULL || f->host != c->host || c->agent.spool.n_incs > MAX_ADOPTED)
            continue;
        r = sim_folder_adopt(f, c);
        s->seen[SIM_ADOPTED] += r == 0;
        if (r == 0)
            sim_trace(s, "client %u adopts folder %u (%zu batches)", c->slot, i, f->n_files);
        else if (r != HR_EIO && r != HR_ENOMEM && r != HR_ENOSPC)
            sim_fail(s, "folder %u can't be adopted: %s", i, hr_strerror(r));
    }
}

/* ---- one round ---- */

static void act(struct sim_client *c)
{
    struct hrs_conn *conn = &c->agent.conn;

    if (conn->want == HRS_WANT_CONNECT && c->link == NULL) {
        conn->want = HRS_WANT_NOTHING;
        sim_net_connect(c);
    }
    if (c->link != NULL && c->link->opened && conn->out.n != 0) {
        sim_net_send(c->s, &c->link->up, conn->out.p, conn->out.n);
        hrp_buf_clear(&conn->out);
    }
    if (conn->want == HRS_WANT_CLOSE) {
        sim_net_leave(c, false);
        hrs_conn_lost(conn, c->s->now_ns, NULL);
    }
}

/* Everything it answers for is done: nothing of the host is left for a drain to wait for. */
static bool has_ended(const struct sim_client *c)
{
    const struct sim *s = c->s;

    if (c->state != SIM_CLOSING)
        return false;
    if (c->agent.close_wanted && c->own == NULL)
        return true; /* a client that closed leaves what it had adopted to the next one */
    if (c->agent.close_wanted || !hrs_agent_drained(&c->agent))
        return false;
    for (unsigned i = 0; i < s->n_folders; i++)
        if (s->folders[i].there && s->folders[i].host == c->host && s->folders[i].locked_by == NULL)
            return false;
    return true;
}

static void end(struct sim_client *c)
{
    sim_trace(c->s, "client %u ends", c->slot);
    sim_net_leave(c, false);
    for (unsigned i = 0; i < c->s->n_folders; i++)
        if (c->s->folders[i].locked_by == c)
            c->s->folders[i].locked_by = NULL;
    hrs_agent_fini(&c->agent);
    c->state = SIM_DEAD;
    c->start_ns = sim_soon(c->s, 300 * SIM_MS);
}

void sim_client_run(struct sim_client *c)
{
    struct sim *s = c->s;
    struct hrs_step step;
    int64_t rest;

    if (s->now_ns >= c->log_ns && c->own != NULL && c->state == SIM_RUNNING)
        log_some(c);
    if (c->state == SIM_DEAD)
        return;
    if (s->now_ns >= c->adopt_ns)
        adopt(c);
    if (c->state == SIM_RUNNING && sim_chance(s, 20))
        hrs_agent_flush(&c->agent);
    hrs_agent_step(&c->agent, s->now_ns, sim_wall(s), &step);
    if (c->dying) {
        sim_trace(s, "client %u is killed inside a file operation", c->slot);
        sim_client_kill(c);
        return;
    }
    act(c);
    if (has_ended(c)) {
        end(c);
        return;
    }
    rest = s->quiet ? 400 * SIM_MS : 1 + (int64_t)sim_below(s, 10 * SIM_MS);
    c->next_ns = s->now_ns + rest;
    if (hrs_agent_deadline(&c->agent) < c->next_ns)
        c->next_ns = hrs_agent_deadline(&c->agent) > s->now_ns ? hrs_agent_deadline(&c->agent) : s->now_ns + 1;
    if (c->adopt_ns < c->next_ns)
        c->next_ns = c->adopt_ns;
}

void sim_client_heard(struct sim_client *c, const uint8_t *p, size_t n)
{
    int r = hrs_conn_bytes(&c->agent.conn, p, n, c->s->now_ns, sim_wall(c->s));

    c->next_ns = c->s->now_ns;
    if (c->dying) {
        sim_trace(c->s, "client %u is killed inside a file operation", c->slot);
        sim_client_kill(c);
    } else if (r != 0) {
        sim_fail(c->s, "the client does not understand the collector: %s", hr_strerror(r));
    }
}

void sim_client_lost(struct sim_client *c, const char *why)
{
    sim_trace(c->s, "client %u has lost its connection: %s", c->slot, why);
    hrs_conn_lost(&c->agent.conn, c->s->now_ns, why);
    c->next_ns = c->s->now_ns;
}

/* ---- ends ---- */

void sim_client_kill(struct sim_client *c)
{
    sim_trace(c->s, "client %u is dead", c->slot);
    c->s->seen[SIM_KILLS]++;
    c->s->seen[SIM_KILLS_INSIDE] += c->dying;
    sim_net_leave(c, sim_below(c->s, 2) == 0);
    sim_disk_killed(c);
    hrs_agent_fini(&c->agent);
    c->state = SIM_DEAD;
    c->own = NULL;
    c->start_ns = sim_soon(c->s, 300 * SIM_MS);
}

void sim_client_close(struct sim_client *c)
{
    sim_trace(c->s, "client %u closes", c->slot);
    c->state = SIM_CLOSING;
    hrs_agent_close(&c->agent);
    c->next_ns = c->s->now_ns;
}

void sim_client_forget(struct sim_client *c)
{
    if (c->state == SIM_DEAD)
        return;
    hrs_agent_fini(&c->agent);
    c->state = SIM_DEAD;
}
