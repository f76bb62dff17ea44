/* The clock, the order of things, and the faults. Whatever is due first happens first; at the same moment: faults, network,
 * collector, processes. */
#include "sim.h"
#include "alloc.h"
#include "event_type.h"
#include <stdarg.h>
#include <stdlib.h>

#define HEAL_NS (4 * 3600 * SIM_S) /* how long the second part may take: longer than any wait in it */
#define MAX_ROUNDS 400000u

/* ---- chance: SplitMix64 ---- */

static uint64_t next_random(struct sim *s)
{
    uint64_t z = s->random += UINT64_C(0x9e3779b97f4a7c15);

    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

uint64_t sim_below(struct sim *s, uint64_t n) { return next_random(s) % n; }
bool sim_chance(struct sim *s, unsigned per_mille) { return sim_below(s, 1000) < per_mille; }
int64_t sim_soon(struct sim *s, int64_t most_ns) { return s->now_ns + 1 + (int64_t)sim_below(s, (uint64_t)most_ns); }
int64_t sim_wall(const struct sim *s) { return INT64_C(1700000000) * SIM_S + s->now_ns + s->wall_ahead_ns; }

void sim_id(struct sim *s, struct hrp_id *ret)
{
    for (int i = 0; i < 16; i += 8) {
        uint64_t v = next_random(s);

        memcpy(ret->b + i, &v, 8);
    }
}

void sim_trace(struct sim *s, const char *fmt, ...)
{
    va_list ap;

    if (!s->trace)
        return;
    fprintf(stderr, "%12.6f  ", (double)s->now_ns / 1e9);
    va_start(ap, fmt);
    vfprintf(stderr, fmt, ap);
    va_end(ap);
    fputc('\n', stderr);
}

void sim_fail(struct sim *s, const char *fmt, ...)
{
    va_list ap;

    if (s->failure[0] != '\0')
        return;
    va_start(ap, fmt);
    vsnprintf(s->failure, sizeof s->failure, fmt, ap);
    va_end(ap);
    sim_trace(s, "FAILED: %s", s->failure);
}

/* ---- types, made once ---- */

static const char *const names[SIM_TYPES] = {"First", "Second", "Third"};
static char full[SIM_TYPES][32];
static struct hrs_type *types[SIM_TYPES];

int sim_open_types(void)
{
    for (unsigned i = 0; i < SIM_TYPES; i++) {
        struct hr_error err = {0};
        size_t n;
        uint8_t *set = event_type_set(names[i], 0, &n);
        int r;

        snprintf(full[i], sizeof full[i], "t.%s", names[i]);
        r = hrs_type_new(set, n, full[i], &types[i], &err);
        free(set);
        if (r != 0) {
            fprintf(stderr, "%s\n", err.text);
            return r;
        }
    }
    return 0;
}

void sim_close_types(void)
{
    for (unsigned i = 0; i < SIM_TYPES; i++)
        hrs_type_free(types[i]);
}

struct hrs_type *sim_type(unsigned type) { return types[type]; }
const char *sim_type_name(unsigned type) { return full[type]; }

/* ---- what kind of life ---- */

static bool half(struct sim *s) { return sim_below(s, 2) == 0; }

/* Each kind of fault is there in about half of the lives, so that no kind hides another. */
static void choose(struct sim *s)
{
    static const uint32_t rows[] = {3, 10, 40, 200};
    static const int64_t ages[] = {5 * SIM_MS, 50 * SIM_MS, 400 * SIM_MS}, delays[] = {SIM_MS / 5, 5 * SIM_MS, 80 * SIM_MS};
    struct sim_knobs *k = &s->k;

    k->n_hosts = 1 + half(s);
    k->n_clients = 1 + (unsigned)sim_below(s, 3);
    k->n_calls = 100 + (unsigned)sim_below(s, 500);
    k->ring_bytes = UINT64_C(4096) << sim_below(s, 3);
    k->cap_bytes = sim_below(s, 3) == 0 ? 16384 + sim_below(s, 40000) : 64 << 20;
    k->window_bytes = half(s) ? 500 + sim_below(s, 4000) : 4 << 20;
    k->group_bytes = half(s) ? 1000 + sim_below(s, 8000) : 0;
    k->batch_rows = rows[sim_below(s, 4)];
    k->batch_age_ns = ages[sim_below(s, 3)];
    k->delay_ns = delays[sim_below(s, 3)];
    k->fault_every_ns = (10 + (int64_t)sim_below(s, 150)) * SIM_MS;
    k->cuts = half(s);
    k->kills = half(s);
    k->kills_inside = half(s);
    k->crashes = half(s);
    k->commit_fails = half(s);
    k->disk_full = half(s);
    k->disk_errors = half(s);
    k->reboots = sim_below(s, 8) == 0;
    k->clock_jumps = half(s);
    k->memory_fails = half(s);
    k->retries = half(s);
    k->clones = half(s);
}

/* ---- faults ---- */

static struct sim_client *any_running(struct sim *s)
{
    struct sim_client *c = &s->clients[sim_below(s, SIM_CLIENTS)];

    return c->state != SIM_DEAD ? c : NULL;
}

static void cut_one(struct sim *s)
{
    unsigned n = 0, k = 0, at;

    for (struct sim_link *l = s->links; l != NULL; l = l->next)
        n++;
    at = n != 0 ? (unsigned)sim_below(s, n) : 0;
    for (struct sim_link *l = s->links; l != NULL; l = l->next)
        if (k++ == at)
            sim_net_cut(s, l);
}

static void reboot(struct sim *s)
{
    unsigned host = (unsigned)sim_below(s, s->k.n_hosts);

    sim_trace(s, "host %u loses power", host);
    s->seen[SIM_REBOOTS]++;
    for (unsigned i = 0; i < SIM_CLIENTS; i++)
        if (s->clients[i].state != SIM_DEAD && s->clients[i].host == host)
            sim_client_kill(&s->clients[i]);
    s->boot[host]++;
    sim_disk_reboot(s, host);
}

static void jump(struct sim *s)
{
    static const int64_t by[] = {-3600 * SIM_S, 86400 * SIM_S, -30 * SIM_S, 7 * SIM_MS};

    s->wall_ahead_ns += by[sim_below(s, 4)];
    if (s->wall_ahead_ns > 20 * 86400 * SIM_S) /* within the horizon: older than that may be set aside (rule 10) */
        s->wall_ahead_ns = 0;
    sim_trace(s, "the wall clock jumps");
}

static void fault_of_a_process(struct sim *s, unsigned kind)
{
    struct sim_client *c = any_running(s);

    if (c == NULL)
        return;
    if (kind == 1 && s->k.kills) {
        sim_client_kill(c);
    } else if (kind == 2 && s->k.kills_inside) {
        c->die_in = 1 + sim_below(s, 12);
    } else if (kind == 3 && s->k.disk_full) {
        c->full_until_ns = sim_soon(s, 800 * SIM_MS);
        sim_trace(s, "client %u: its disk is full", c->slot);
    } else if (kind == 4 && c->state == SIM_RUNNING) {
        sim_client_close(c);
    }
}

static void fault(struct sim *s)
{
    unsigned kind = (unsigned)sim_below(s, 11);

    s->fault_ns = sim_soon(s, 2 * s->k.fault_every_ns);
    if (kind == 0 && s->k.cuts)
        cut_one(s);
    else if (kind >= 1 && kind <= 4)
        fault_of_a_process(s, kind);
    else if (kind == 5 && s->k.crashes && s->server.up)
        sim_server_crash(s);
    else if ((kind == 6 || kind == 7) && s->k.commit_fails && s->server.up)
        hrd_log_memory_fail(s->server.log, 1 + (unsigned)sim_below(s, 4), half(s));
    else if (kind == 8 && s->k.clock_jumps)
        jump(s);
    else if (kind == 9 && s->k.reboots)
        reboot(s);
    else if (kind == 10 && s->k.clones && s->k.n_hosts == 2)
        sim_disk_clone(s);
}

/* ---- the two parts ---- */

static void start_clients(struct sim *s)
{
    for (unsigned i = 0; i < s->k.n_clients; i++) {
        struct sim_client *c = &s->clients[i];

        if (c->state == SIM_DEAD && s->now_ns >= c->start_ns && s->n_folders < SIM_FOLDERS - SIM_CLIENTS)
            sim_client_start(c, false);
    }
}

static bool host_is_clean(const struct sim *s, unsigned host)
{
    for (unsigned i = 0; i < s->n_folders; i++)
        if (s->folders[i].there && s->folders[i].host == host)
            return false;
    return true;
}

/* All is well from now on: whoever runs closes; then one on each host drains what is left. */
static void heal(struct sim *s)
{
    sim_trace(s, "---- all is well now ----");
    s->quiet = true;
    s->fault_ns = SIM_NEVER;
    s->deadline_ns = s->now_ns + HEAL_NS;
    hrd_log_memory_fail(s->server.log, 0, false);
    hrd_log_memory_fail_reopen(s->server.log, 0);
    for (unsigned i = 0; i < SIM_CLIENTS; i++) {
        s->clients[i].die_in = 0;
        s->clients[i].full_until_ns = 0;
        if (s->clients[i].state == SIM_RUNNING)
            sim_client_close(&s->clients[i]);
    }
}

static bool clean_up(struct sim *s)
{
    bool done = true;

    for (unsigned host = 0; host < s->k.n_hosts; host++) {
        bool busy = false;

        if (host_is_clean(s, host))
            continue;
        done = false;
        for (unsigned i = 0; i < SIM_CLIENTS; i++)
            busy = busy || (s->clients[i].state != SIM_DEAD && s->clients[i].host == host);
        for (unsigned i = 0; !busy && i < SIM_CLIENTS; i++)
            if (s->clients[i].state == SIM_DEAD) {
                s->clients[i].host = host;
                sim_client_start(&s->clients[i], true);
                busy = true;
            }
    }
    for (unsigned i = 0; i < SIM_CLIENTS; i++)
        done = done && s->clients[i].state == SIM_DEAD;
    return done;
}

static int64_t next_moment(const struct sim *s)
{
    int64_t at = s->fault_ns, t = sim_net_next(s);

    at = t < at ? t : at;
    t = sim_server_next(s);
    at = t < at ? t : at;
    for (unsigned i = 0; i < SIM_CLIENTS; i++) {
        const struct sim_client *c = &s->clients[i];

        t = c->state != SIM_DEAD ? c->next_ns : !s->quiet && i < s->k.n_clients ? c->start_ns : SIM_NEVER;
        at = t < at ? t : at;
    }
    return at > s->now_ns ? at : s->now_ns;
}

static void round_of_all(struct sim *s)
{
    s->now_ns = next_moment(s);
    if (s->now_ns >= s->fault_ns)
        fault(s);
    sim_net_run(s);
    sim_server_run(s);
    for (unsigned i = 0; i < SIM_CLIENTS; i++)
        if (s->clients[i].state != SIM_DEAD && s->now_ns >= s->clients[i].next_ns)
            sim_client_run(&s->clients[i]);
    if (!s->quiet)
        start_clients(s);
}

static void live(struct sim *s)
{
    bool done = false;

    for (unsigned i = 0; i < MAX_ROUNDS && !done && s->failure[0] == '\0'; i++) {
        round_of_all(s);
        if (!s->quiet && (s->n_logged >= s->k.n_calls || s->now_ns > 60 * SIM_S || s->n_folders >= SIM_FOLDERS - SIM_CLIENTS))
            heal(s);
        done = s->quiet && clean_up(s);
        if (s->quiet && s->now_ns > s->deadline_ns)
            break;
    }
    if (!done)
        sim_fail(s, "what was logged did not arrive, though all is well since long");
}

const char *sim_run(uint64_t seed, bool trace, uint64_t seen[SIM_SEEN_N])
{
    static char failure[512];
    struct sim *s = calloc(1, sizeof *s);

    if (s == NULL)
        abort();
    s->seed = s->random = seed;
    s->trace = trace;
    s->folders = calloc(SIM_FOLDERS, sizeof *s->folders);
    if (s->folders == NULL)
        abort();
    choose(s);
    s->now_ns = SIM_S;
    s->fault_ns = sim_soon(s, s->k.fault_every_ns);
    for (unsigned i = 0; i < SIM_CLIENTS; i++) {
        s->clients[i] = (struct sim_client){.s = s, .slot = i, .host = i % s->k.n_hosts, .start_ns = sim_soon(s, 100 * SIM_MS)};
    }
    if (hrd_log_memory_open(&s->server.log) != 0)
        abort();
    sim_server_start(s);
    live(s);
    if (s->failure[0] == '\0')
        sim_oracle_end(s);
    for (unsigned i = 0; i < SIM_CLIENTS; i++)
        sim_client_forget(&s->clients[i]);
    if (s->server.up)
        sim_server_crash(s);
    sim_net_free(s);
    s->server.log->ops->close(s->server.log);
    sim_disk_free(s);
    memcpy(failure, s->failure, sizeof failure);
    for (unsigned i = 0; i < SIM_SEEN_N; i++)
        seen[i] += s->seen[i];
    free(s);
    return failure[0] != '\0' ? failure : NULL;
}
