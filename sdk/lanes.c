/* Which thread has which lane. A thread takes a lane at its first call on a client and keeps it to its end; then a later
 * thread gets it. The list of open clients tells a thread that ends whether the client of its lane still is. */
#include "alloc.h"
#include "client.h"
#include "clients.h"
#include "link.h"
#include "type.h"
#include <dlfcn.h>
#include <errno.h>
#include <stdlib.h>

_Atomic uint64_t hrs_epoch = 1;
_Atomic uint32_t hrs_forks;

struct held {                 /* one lane that this thread holds */
    struct held *next;
    uint64_t serial;
    struct hrs_own_lane *lane;
};
static __thread struct held *mine;

static pthread_mutex_t clients_mutex = PTHREAD_MUTEX_INITIALIZER;
static hr_client *clients;
static uint64_t next_serial = 1;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static pthread_key_t key;     /* its destructor runs when a thread that holds lanes ends */
static int key_err;

/* ---- threads that end, processes that fork ---- */

static void thread_ends(void *arg)
{
    while (mine != NULL) {
        struct held *h = mine;

        mine = h->next;
        hrs_client_lane_leave(h->serial, h->lane);
        hrp_free(h);
    }
}

static void before_fork(void)
{
    pthread_mutex_lock(&clients_mutex);
    hrs_types_fork(true);
}

static void after_fork_parent(void)
{
    hrs_types_fork(false);
    pthread_mutex_unlock(&clients_mutex);
}

/* The child has the parent's lanes mapped, but not its sender, and must not write into them. */
static void after_fork_child(void)
{
    clients = NULL;
    atomic_fetch_add_explicit(&hrs_forks, 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&hrs_epoch, 1, memory_order_release);
    after_fork_parent();
}

/* Holding the list: a client that is closed meanwhile is not freed under us. */
static void at_exit(void)
{
    int64_t since_mono_ns = hrs_mono_ns();

    pthread_mutex_lock(&clients_mutex);
    for (hr_client *c = clients; c != NULL; c = c->next)
        hrs_client_exit(c, since_mono_ns);
    pthread_mutex_unlock(&clients_mutex);
}

/* Threads that have logged run thread_ends at their end, and the sender runs: the code must stay when a plugin that brought
 * us in, by our shared object or with us inside, is closed. In a program, where nothing can be closed, this finds nothing. */
static void pin(void)
{
    Dl_info me;

    if (dladdr(&clients_mutex, &me) != 0 && me.dli_fname != NULL)
        (void)dlopen(me.dli_fname, RTLD_NOW | RTLD_NOLOAD | RTLD_NODELETE);
}

static void set_up(void)
{
    pin();
    (void)atexit(at_exit); /* without memory for it an exit does not wait */
    key_err = pthread_key_create(&key, thread_ends);
    if (key_err == 0)
        key_err = pthread_atfork(before_fork, after_fork_parent, after_fork_child);
}

int hrs_clients_add(hr_client *c)
{
    pthread_once(&once, set_up);
    if (key_err != 0)
        return HR_ENOMEM;
    pthread_mutex_lock(&clients_mutex);
    c->serial = next_serial++;
    c->fork_count = atomic_load_explicit(&hrs_forks, memory_order_relaxed);
    c->next = clients;
    clients = c;
    pthread_mutex_unlock(&clients_mutex);
    return 0;
}

void hrs_clients_remove(hr_client *c)
{
    pthread_mutex_lock(&clients_mutex);
    for (hr_client **p = &clients; *p != NULL; p = &(*p)->next)
        if (*p == c) {
            *p = c->next;
            break;
        }
    pthread_mutex_unlock(&clients_mutex);
    atomic_fetch_add_explicit(&hrs_epoch, 1, memory_order_release); /* pairs with the loads in log.c */
}

hr_client *hrs_clients_after(uint64_t serial)
{
    hr_client *next = NULL;

    pthread_mutex_lock(&clients_mutex);
    for (hr_client *c = clients; c != NULL; c = c->next)
        if (c->serial > serial && (next == NULL || c->serial < next->serial))
            next = c;
    pthread_mutex_unlock(&clients_mutex);
    return next;
}

bool hrs_client_alive(const hr_client *c)
{
    return c->fork_count == atomic_load_explicit(&hrs_forks, memory_order_relaxed);
}

void hrs_client_lane_leave(uint64_t serial, struct hrs_own_lane *lane)
{
    pthread_mutex_lock(&clients_mutex);
    for (hr_client *c = clients; c != NULL; c = c->next)
        if (c->serial == serial) {
            pthread_mutex_lock(&c->mutex);
            lane->held = false;
            pthread_mutex_unlock(&c->mutex);
        }
    pthread_mutex_unlock(&clients_mutex);
}

/* ---- lanes ---- */

/* With the client's mutex. Number 0 is the first. */
static struct hrs_own_lane *make_lane(hr_client *c, uint64_t ring_bytes, int *ret_err)
{
    uint32_t n = atomic_load_explicit(&c->n_lanes, memory_order_relaxed);
    struct hrs_own_lane *l;
    int r;

    if (n == HRS_MAX_LANES) {
        *ret_err = HR_ELIMIT;
        return NULL;
    }
    l = hrp_calloc(1, sizeof *l);
    if (l == NULL) {
        *ret_err = HR_ENOMEM;
        return NULL;
    }
    r = hrs_lane_map_new(c->folder, &c->inc->id, n, ring_bytes, &l->map);
    if (r != 0) {
        hrp_free(l);
        *ret_err = r;
        return NULL;
    }
    c->lanes[n] = l;
    atomic_store_explicit(&c->n_lanes, n + 1, memory_order_release);
    hrs_stats_set(&c->stats, HR_STAT_LANES, n); /* lane 0 is no thread's */
    return l;
}

int hrs_client_lane_zero(hr_client *c)
{
    int r = 0;

    return make_lane(c, HRS_LANE_MIN_RING, &r) != NULL ? 0 : r;
}

static struct hrs_own_lane *take_lane(hr_client *c, int *ret_err)
{
    struct hrs_own_lane *l = NULL;
    uint32_t n;

    pthread_mutex_lock(&c->mutex);
    n = atomic_load_explicit(&c->n_lanes, memory_order_relaxed);
    for (uint32_t i = 1; i < n && l == NULL; i++)
        if (!c->lanes[i]->held)
            l = c->lanes[i];
    if (l == NULL)
        l = make_lane(c, c->ring_bytes, ret_err);
    if (l != NULL)
        l->held = true;
    pthread_mutex_unlock(&c->mutex);
    return l;
}

struct hrs_own_lane *hrs_client_lane(hr_client *c, int *ret_err)
{
    struct held *h;

    for (h = mine; h != NULL; h = h->next)
        if (h->serial == c->serial)
            return h->lane;
    h = hrp_calloc(1, sizeof *h);
    if (h == NULL || pthread_setspecific(key, h) != 0) { /* any value: the list is in `mine` */
        hrp_free(h);
        *ret_err = HR_ENOMEM;
        return NULL;
    }
    h->serial = c->serial;
    h->lane = take_lane(c, ret_err);
    if (h->lane == NULL) {
        hrp_free(h);
        return NULL;
    }
    h->next = mine;
    mine = h;
    return h->lane;
}

/* ---- the slow way in ---- */

/* Rule 2: the type's descriptors are in the folder before its first row. With the client's mutex. */
static int know_type(hr_client *c, uint32_t index)
{
    struct hrs_type *t = hrs_type_get(index);
    int r = 0;

    if (hrs_inc_type(c->inc, index) != NULL)
        return 0;
    if (c->folder != NULL)
        r = hrs_folder_add_type(c->folder, index, t);
    if (r == 0)
        atomic_store_explicit(&c->inc->types[index], t, memory_order_release); /* pairs with hrs_inc_type */
    return r;
}

static int open_slot(hr_client *c, struct hrs_own_lane *l, uint32_t index)
{
    int r;

    if (hrs_lane_next_n(&l->map->lane, index) != 0)
        return 0;
    pthread_mutex_lock(&c->mutex);
    r = know_type(c, index);
    if (r == 0)
        r = hrs_lane_room(c->folder, l->map->lane.number, index);
    pthread_mutex_unlock(&c->mutex);
    if (r != 0) {
        l->unopened[index]++; /* they get their numbers when the slot can be made */
        hrs_stats_add(&c->stats, HR_STAT_DROPPED, 1);
        return r;
    }
    hrs_stats_add(&c->stats, HR_STAT_DROPPED, -(uint64_t)l->unopened[index]); /* counted by the slot from now on */
    hrs_lane_open_type(&l->map->lane, index, l->unopened[index]);
    return 0;
}

/* No lane for this thread: the call is counted in lane 0, which all such threads share. */
static void drop_in_lane_zero(hr_client *c, uint32_t index)
{
    struct hrs_own_lane *l = c->lanes[0];

    pthread_mutex_lock(&c->zero_mutex);
    if (open_slot(c, l, index) == 0)
        hrs_lane_drop(&l->map->lane, index, HRS_LANE_MEMORY);
    pthread_mutex_unlock(&c->zero_mutex);
}

static int enter(hr_client *c, hr_type *type, struct hrs_lane **ret_lane, uint32_t *ret_index)
{
    struct hrs_own_lane *l;
    int r;

    if (c == NULL || type == NULL)
        return HR_EINVAL;
    if (!hrs_client_alive(c))
        return HR_EFORK;
    if (c->inc == NULL)
        return HR_ECLOSED;
    r = hrs_type_index(type, ret_index, NULL);
    if (r != 0) {
        hrs_stats_add(&c->stats, HR_STAT_DROPPED, 1); /* without a type there is no number to take */
        return r;
    }
    l = hrs_client_lane(c, &r);
    if (l == NULL) {
        drop_in_lane_zero(c, *ret_index);
        return r;
    }
    r = open_slot(c, l, *ret_index);
    if (r == 0)
        *ret_lane = &l->map->lane;
    return r;
}

int hrs_client_enter(hr_client *c, hr_type *type, struct hrs_lane **ret_lane, uint32_t *ret_index)
{
    int saved = errno, r = enter(c, type, ret_lane, ret_index);

    errno = saved;
    return r;
}
