/* Connections: two pipes of bytes that arrive late and in pieces. A cut loses the end of what is under way, in each
 * direction as it comes; and each side hears of it when it does, or not at all. */
#include "sim.h"
#include <stdlib.h>

static struct sim_piece *add_piece(struct sim *s, struct sim_pipe *p, const uint8_t *bytes, size_t n, int64_t at_ns)
{
    struct sim_piece *piece = malloc(sizeof *piece + n);

    if (piece == NULL)
        abort();
    *piece = (struct sim_piece){.at_ns = at_ns, .n = n};
    if (n != 0)
        memcpy(piece->p, bytes, n);
    if (p->last != NULL && p->last->at_ns > piece->at_ns)
        piece->at_ns = p->last->at_ns;
    *(p->last != NULL ? &p->last->next : &p->first) = piece;
    p->last = piece;
    return piece;
}

void sim_net_send(struct sim *s, struct sim_pipe *p, const uint8_t *bytes, size_t n)
{
    while (n != 0 && !p->cut) {
        size_t part = n > 1 && sim_chance(s, 300) ? 1 + (size_t)sim_below(s, n - 1) : n;

        add_piece(s, p, bytes, part, sim_soon(s, s->k.delay_ns));
        bytes += part;
        n -= part;
    }
}

static void drop_tail(struct sim *s, struct sim_pipe *p)
{
    struct sim_piece **at = &p->first, *last = NULL;

    while (*at != NULL && sim_chance(s, 700)) {
        last = *at;
        at = &last->next;
    }
    for (struct sim_piece *x = *at, *next; x != NULL; x = next) {
        next = x->next;
        free(x);
    }
    *at = NULL;
    p->last = last;
}

void sim_net_end(struct sim *s, struct sim_pipe *p, bool lossy)
{
    if (p->cut)
        return;
    p->cut = true;
    if (lossy)
        drop_tail(s, p);
    add_piece(s, p, NULL, 0, sim_soon(s, lossy ? 3 * SIM_S : s->k.delay_ns))->end = true;
}

/* One direction at times; a direction that is cut without an end is for the pings to notice. */
void sim_net_cut(struct sim *s, struct sim_link *l)
{
    unsigned what = (unsigned)sim_below(s, 6);

    sim_trace(s, "link %llu is cut (%u)", (unsigned long long)l->id, what);
    s->seen[SIM_CUTS]++;
    if (what == 0) {
        drop_tail(s, &l->up);
        l->up.cut = true;
    } else if (what == 1) {
        drop_tail(s, &l->down);
        l->down.cut = true;
    } else {
        sim_net_end(s, &l->up, true);
        sim_net_end(s, &l->down, true);
    }
}

void sim_net_connect(struct sim_client *c)
{
    struct sim *s = c->s;
    struct sim_link *l = calloc(1, sizeof *l);

    if (l == NULL)
        abort();
    l->client = c;
    l->id = ++s->next_link;
    l->open_ns = sim_soon(s, s->k.delay_ns);
    l->next = s->links;
    s->links = l;
    c->link = l;
}

void sim_net_leave(struct sim_client *c, bool lossy)
{
    struct sim_link *l = c->link;

    if (l == NULL)
        return;
    c->link = NULL;
    l->client = NULL;
    sim_net_end(c->s, &l->up, lossy);
}

static int64_t first_at(const struct sim_pipe *p) { return p->first != NULL ? p->first->at_ns : SIM_NEVER; }

int64_t sim_net_next(const struct sim *s)
{
    int64_t at = SIM_NEVER;

    for (const struct sim_link *l = s->links; l != NULL; l = l->next) {
        int64_t t = first_at(&l->up) < first_at(&l->down) ? first_at(&l->up) : first_at(&l->down);

        if (!l->opened)
            t = l->open_ns;
        at = t < at ? t : at;
    }
    return at;
}

static struct sim_piece *take_due(struct sim *s, struct sim_pipe *p)
{
    struct sim_piece *piece = p->first;

    if (piece == NULL || piece->at_ns > s->now_ns)
        return NULL;
    p->first = piece->next;
    if (p->first == NULL)
        p->last = NULL;
    return piece;
}

static void open_link(struct sim *s, struct sim_link *l)
{
    l->opened = true;
    if (l->client == NULL)
        return;
    if (!s->server.up) {
        struct sim_client *c = l->client;

        c->link = NULL;
        l->client = NULL;
        sim_client_lost(c, "refused");
        return;
    }
    sim_server_accept(s, l);
    hrs_conn_connected(&l->client->agent.conn, s->now_ns, sim_wall(s));
    l->client->next_ns = s->now_ns;
}

static void deliver_up(struct sim *s, struct sim_link *l, struct sim_piece *piece)
{
    if (l->session != NULL && piece->end)
        sim_server_ended(s, l);
    else if (l->session != NULL)
        sim_server_heard(s, l, piece->p, piece->n);
    free(piece);
}

static void deliver_down(struct sim *s, struct sim_link *l, struct sim_piece *piece)
{
    struct sim_client *c = l->client;

    if (c != NULL && piece->end) {
        sim_net_leave(c, false);
        sim_client_lost(c, "the collector closed the connection");
    } else if (c != NULL) {
        sim_client_heard(c, piece->p, piece->n);
    }
    free(piece);
}

static void free_pipe(struct sim_pipe *p)
{
    while (p->first != NULL) {
        struct sim_piece *x = p->first;

        p->first = x->next;
        free(x);
    }
}

/* Nobody is at either end. */
static bool sweep(struct sim_link **at)
{
    struct sim_link *l = *at;

    if (!l->opened || l->client != NULL || l->session != NULL)
        return false;
    *at = l->next;
    free_pipe(&l->up);
    free_pipe(&l->down);
    free(l);
    return true;
}

void sim_net_run(struct sim *s)
{
    struct sim_piece *piece;

    for (struct sim_link *l = s->links; l != NULL; l = l->next) {
        if (!l->opened && s->now_ns >= l->open_ns)
            open_link(s, l);
        if (!l->opened)
            continue;
        while ((piece = take_due(s, &l->up)) != NULL)
            deliver_up(s, l, piece);
        while ((piece = take_due(s, &l->down)) != NULL)
            deliver_down(s, l, piece);
    }
    for (struct sim_link **at = &s->links; *at != NULL;)
        if (!sweep(at))
            at = &(*at)->next;
}

void sim_net_free(struct sim *s)
{
    while (s->links != NULL) {
        struct sim_link *l = s->links;

        s->links = l->next;
        free_pipe(&l->up);
        free_pipe(&l->down);
        free(l);
    }
}
