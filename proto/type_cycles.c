/* Types that contain themselves: Tarjan's strongly connected components (SIAM J. Comput. 1(2), 1972), without
 * recursion, since a chain of types may be as long as the set. */
#include "types.h"

struct search {
    struct hrp_type **stack; /* Tarjan's stack */
    uint32_t n_stack, n_index;
    struct visit {
        struct hrp_type *t;
        uint32_t next;
    } *visits; /* the call stack it would have been */
    uint32_t n_visits;
};

static void search_enter(struct search *s, struct hrp_type *t)
{
    t->index = t->low = ++s->n_index;
    t->on_stack = true;
    s->stack[s->n_stack++] = t;
    s->visits[s->n_visits++] = (struct visit){t, 0};
}

static void search_leave(struct search *s)
{
    struct hrp_type *t = s->visits[--s->n_visits].t, *u;
    bool alone = s->stack[s->n_stack - 1] == t;

    if (s->n_visits != 0 && t->low < s->visits[s->n_visits - 1].t->low)
        s->visits[s->n_visits - 1].t->low = t->low;
    if (t->low != t->index)
        return;
    do { /* all above t are one component */
        u = s->stack[--s->n_stack];
        u->on_stack = false;
        u->recursive = u->recursive || !alone;
    } while (u != t);
}

static void search_from(struct search *s, struct hrp_type *root)
{
    search_enter(s, root);
    while (s->n_visits != 0) {
        struct visit *v = &s->visits[s->n_visits - 1];
        struct hrp_type *to;

        if (v->next == v->t->n_fields) {
            search_leave(s);
            continue;
        }
        to = v->t->fields[v->next++].msg;
        if (to == NULL)
            continue;
        if (to == v->t)
            to->recursive = true;
        if (to->index == 0)
            search_enter(s, to);
        else if (to->on_stack && to->index < v->t->low)
            v->t->low = to->index;
    }
}

int hrp_types_cycles(struct hrp_types *ts, struct hr_error *err)
{
    struct search s = {0};

    s.stack = hrp_arena_take(ts->ds->arena, ts->n, sizeof *s.stack);
    s.visits = hrp_arena_take(ts->ds->arena, ts->n, sizeof *s.visits);
    if (s.stack == NULL || s.visits == NULL)
        return hrp_descset_nomem(ts->ds, err);
    search_from(&s, ts->list[0]); /* the root reaches them all */
    return 0;
}
