/* A log in memory: for the simulator, unit tests and daemons that announce themselves as memory only.
 *
 * Each column family is a sorted table of entries; entries are immutable and counted. A snapshot takes references on the
 * tables; a commit that finds a table shared works on a copy of it, so readers never see half a group. */
#include "log_memory.h"
#include "alloc.h"
#include <string.h>
#include <sys/random.h>
#include <uv.h>

struct entry {
    unsigned refs;
    size_t n_key, n_value;
    uint8_t bytes[]; /* key, then value */
};
struct table {
    unsigned refs;
    size_t n, cap;
    struct entry **v;
};
struct memory_log {
    struct hrd_log log;
    uv_mutex_t lock; /* guards all counts of references, and the rest */
    struct table *tables[HRD_CF_N];
    bool broken;
    unsigned fail_in, fail_reopens;
    bool fail_applied;
};
struct memory_snapshot {
    struct memory_log *log;
    struct table *tables[HRD_CF_N];
};
struct memory_iter {
    const struct table *table; /* the snapshot's */
    size_t at;
};

static int compare(const struct entry *e, const void *key, size_t n_key)
{
    int c = memcmp(e->bytes, key, e->n_key < n_key ? e->n_key : n_key);

    if (c != 0)
        return c;
    return e->n_key < n_key ? -1 : e->n_key > n_key;
}

/* Index of the first entry >= key. */
static size_t lower(const struct table *t, const void *key, size_t n_key)
{
    size_t lo = 0, hi = t->n;

    if (n_key == 0)
        return 0;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;

        if (compare(t->v[mid], key, n_key) < 0)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

static void entry_unref(struct entry *e)
{
    if (--e->refs == 0)
        hrp_free(e);
}

static void table_unref(struct table *t)
{
    if (t == NULL || --t->refs != 0)
        return;
    for (size_t i = 0; i < t->n; i++)
        entry_unref(t->v[i]);
    hrp_free(t->v);
    hrp_free(t);
}

/* A table of the log alone, with room for n more entries: itself, or a copy when a snapshot has it too. */
static struct table *own(struct table *t, size_t n)
{
    size_t cap = t->cap;
    struct table *copy;
    struct entry **v;

    while (cap < t->n + n)
        cap = cap != 0 ? cap * 2 : 16;
    if (t->refs == 1) {
        v = cap == t->cap ? t->v : hrp_realloc(t->v, cap * sizeof *v);
        if (v == NULL && cap != 0)
            return NULL;
        t->v = v;
        t->cap = cap;
        return t;
    }
    copy = hrp_calloc(1, sizeof *copy);
    v = hrp_malloc((cap != 0 ? cap : 1) * sizeof *v);
    if (copy == NULL || v == NULL) {
        hrp_free(copy);
        hrp_free(v);
        return NULL;
    }
    for (size_t i = 0; i < t->n; i++) {
        v[i] = t->v[i];
        v[i]->refs++;
    }
    *copy = (struct table){1, t->n, cap, v};
    table_unref(t);
    return copy;
}

static void apply(struct table *t, const void *key, size_t n_key, struct entry *e) /* e NULL: delete */
{
    size_t i = lower(t, key, n_key);
    bool there = i < t->n && compare(t->v[i], key, n_key) == 0;

    if (there) {
        entry_unref(t->v[i]);
        if (e != NULL) {
            t->v[i] = e;
            return;
        }
        t->n--;
        memmove(&t->v[i], &t->v[i + 1], (t->n - i) * sizeof *t->v);
    } else if (e != NULL) {
        memmove(&t->v[i + 1], &t->v[i], (t->n - i) * sizeof *t->v);
        t->v[i] = e;
        t->n++;
    }
}

static struct entry *entry_new(const struct hrd_group *g, const struct hrd_put *p)
{
    struct entry *e = hrp_malloc(sizeof *e + p->n_key + p->n_value);

    if (e != NULL) {
        e->refs = 1;
        e->n_key = p->n_key;
        e->n_value = p->n_value;
        memcpy(e->bytes, g->bytes.p + p->key_at, p->n_key);
        if (p->n_value != 0)
            memcpy(e->bytes + p->n_key, g->bytes.p + p->value_at, p->n_value);
    }
    return e;
}

/* All memory is taken first, so that a group is applied as a whole or not at all. */
static int apply_group(struct memory_log *m, const struct hrd_group *g)
{
    struct entry **e = hrp_calloc(g->n_puts + 1u, sizeof *e);
    size_t n[HRD_CF_N] = {0};
    int r = e != NULL ? g->err : HR_ENOMEM;

    for (uint32_t i = 0; r == 0 && i < g->n_puts; i++) {
        n[g->puts[i].cf]++;
        if (!g->puts[i].del && (e[i] = entry_new(g, &g->puts[i])) == NULL)
            r = HR_ENOMEM;
    }
    for (unsigned cf = 0; r == 0 && cf < HRD_CF_N; cf++) {
        struct table *t = n[cf] != 0 ? own(m->tables[cf], n[cf]) : m->tables[cf];

        if (t == NULL)
            r = HR_ENOMEM;
        else
            m->tables[cf] = t;
    }
    for (uint32_t i = 0; i < g->n_puts && e != NULL; i++) {
        if (r == 0)
            apply(m->tables[g->puts[i].cf], g->bytes.p + g->puts[i].key_at, g->puts[i].n_key, e[i]);
        else if (e[i] != NULL)
            entry_unref(e[i]);
    }
    hrp_free(e);
    return r;
}

static int memory_commit(struct hrd_log *log, const struct hrd_group *g)
{
    struct memory_log *m = (struct memory_log *)log;
    bool fails;
    int r;

    uv_mutex_lock(&m->lock);
    fails = m->fail_in != 0 && --m->fail_in == 0;
    if (m->broken)
        r = HR_EAGAIN;
    else if (fails && !m->fail_applied)
        r = HR_EIO;
    else
        r = apply_group(m, g);
    if (r == 0 && fails)
        r = HR_EIO;
    if (r != 0)
        m->broken = true;
    uv_mutex_unlock(&m->lock);
    return r;
}

static int memory_reopen(struct hrd_log *log, struct hr_error *err)
{
    struct memory_log *m = (struct memory_log *)log;

    if (m->fail_reopens != 0) {
        m->fail_reopens--;
        return hr_error_set(err, HR_EIO, "the store in memory was told not to open");
    }
    m->broken = false;
    log->opened++;
    return 0;
}

static void memory_close(struct hrd_log *log)
{
    struct memory_log *m = (struct memory_log *)log;

    for (unsigned cf = 0; cf < HRD_CF_N; cf++)
        table_unref(m->tables[cf]);
    uv_mutex_destroy(&m->lock);
    hrp_free(m);
}

static int memory_snapshot(struct hrd_log *log, struct hrd_snapshot **ret)
{
    struct memory_log *m = (struct memory_log *)log;
    struct memory_snapshot *snap = hrp_malloc(sizeof *snap);

    if (snap == NULL)
        return HR_ENOMEM;
    snap->log = m;
    uv_mutex_lock(&m->lock);
    memcpy(snap->tables, m->tables, sizeof snap->tables);
    for (unsigned cf = 0; cf < HRD_CF_N; cf++)
        snap->tables[cf]->refs++;
    uv_mutex_unlock(&m->lock);
    *ret = (struct hrd_snapshot *)snap;
    return 0;
}

static void memory_snapshot_free(struct hrd_snapshot *s)
{
    struct memory_snapshot *snap = (struct memory_snapshot *)s;

    if (snap == NULL)
        return;
    uv_mutex_lock(&snap->log->lock);
    for (unsigned cf = 0; cf < HRD_CF_N; cf++)
        table_unref(snap->tables[cf]);
    uv_mutex_unlock(&snap->log->lock);
    hrp_free(snap);
}

static int memory_get(struct hrd_snapshot *s, enum hrd_cf cf, const void *key, size_t n_key, struct hrp_buf *ret)
{
    const struct table *t = ((struct memory_snapshot *)s)->tables[cf];
    size_t i = lower(t, key, n_key);

    if (i == t->n || compare(t->v[i], key, n_key) != 0)
        return HR_ENOENT;
    hrp_put_bytes(ret, t->v[i]->bytes + t->v[i]->n_key, t->v[i]->n_value);
    return ret->err;
}

static int iter_at(struct hrd_snapshot *s, enum hrd_cf cf, const void *from, size_t n_from, bool back, struct hrd_iter **ret)
{
    struct memory_iter *it = hrp_malloc(sizeof *it);

    if (it == NULL)
        return HR_ENOMEM;
    it->table = ((struct memory_snapshot *)s)->tables[cf];
    it->at = lower(it->table, from, n_from);
    if (back && it->at > 0 && (it->at == it->table->n || compare(it->table->v[it->at], from, n_from) != 0))
        it->at--;
    *ret = (struct hrd_iter *)it;
    return 0;
}

static int memory_iter(struct hrd_snapshot *s, enum hrd_cf cf, const void *from, size_t n_from, struct hrd_iter **ret)
{
    return iter_at(s, cf, from, n_from, false, ret);
}

static int memory_iter_back(struct hrd_snapshot *s, enum hrd_cf cf, const void *from, size_t n_from, struct hrd_iter **ret)
{
    return iter_at(s, cf, from, n_from, true, ret);
}

static int memory_next(struct hrd_iter *iter, const uint8_t **ret_key, size_t *ret_n_key, const uint8_t **ret_value, size_t *ret_n_value)
{
    struct memory_iter *it = (struct memory_iter *)iter;
    const struct entry *e;

    if (it->at >= it->table->n)
        return 0;
    e = it->table->v[it->at++];
    *ret_key = e->bytes;
    *ret_n_key = e->n_key;
    *ret_value = e->bytes + e->n_key;
    *ret_n_value = e->n_value;
    return 1;
}

static void memory_iter_free(struct hrd_iter *it) { hrp_free(it); }

static int memory_disk(struct hrd_log *log, struct hrd_disk *ret)
{
    struct memory_log *m = (struct memory_log *)log;

    memset(ret, 0, sizeof *ret);
    uv_mutex_lock(&m->lock);
    for (unsigned cf = 0; cf < HRD_CF_N; cf++)
        for (size_t i = 0; i < m->tables[cf]->n; i++)
            ret->cf_bytes[cf] += m->tables[cf]->v[i]->n_key + m->tables[cf]->v[i]->n_value;
    uv_mutex_unlock(&m->lock);
    return 0;
}

static int memory_flush(struct hrd_log *log) { return 0; }

static const struct hrd_log_ops memory_ops = {
    .commit = memory_commit, .reopen = memory_reopen, .close = memory_close,
    .snapshot = memory_snapshot, .snapshot_free = memory_snapshot_free, .get = memory_get,
    .iter = memory_iter, .iter_back = memory_iter_back, .next = memory_next, .iter_free = memory_iter_free,
    .disk = memory_disk, .flush = memory_flush,
};

int hrd_log_memory_open(struct hrd_log **ret)
{
    struct memory_log *m = hrp_calloc(1, sizeof *m);
    int r = m != NULL ? 0 : HR_ENOMEM;

    for (unsigned cf = 0; r == 0 && cf < HRD_CF_N; cf++) {
        m->tables[cf] = hrp_calloc(1, sizeof *m->tables[cf]);
        if (m->tables[cf] == NULL)
            r = HR_ENOMEM;
        else
            m->tables[cf]->refs = 1;
    }
    if (r == 0 && (getentropy(m->log.generation.b, sizeof m->log.generation.b) != 0 || uv_mutex_init(&m->lock) != 0))
        r = HR_EIO;
    if (r != 0) {
        for (unsigned cf = 0; m != NULL && cf < HRD_CF_N; cf++)
            table_unref(m->tables[cf]);
        hrp_free(m);
        return r;
    }
    m->log.ops = &memory_ops;
    m->log.opened = 1;
    *ret = &m->log;
    return 0;
}

void hrd_log_memory_fail(struct hrd_log *log, unsigned n, bool applied)
{
    struct memory_log *m = (struct memory_log *)log;

    m->fail_in = n;
    m->fail_applied = applied;
}

void hrd_log_memory_fail_reopen(struct hrd_log *log, unsigned n) { ((struct memory_log *)log)->fail_reopens = n; }
