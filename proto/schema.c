#include "schema.h"
#include "alloc.h"
#include "schema_tree.h"
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

/* A schema and those of the messages behind its opaque leaves are one family: its top owns the lock, the references and
 * the children, so that a type which contains itself has one schema, however deep its messages nest. */
struct hrp_schema {
    struct hrp_tree tree;
    struct hrp_arena *arena;
    struct hrp_schema *top;
    struct hrp_schema *next;                 /* in the top's list of children */
    _Atomic(struct hrp_schema *) *behind;    /* [n_nodes] schemas of opaque leaves, once asked for; NULL without such leaves */
    char *name_and_set;                      /* full name, NUL, canonical set: what the fingerprint is of */
    const uint8_t *set;
    size_t n_name, n_set;
    uint8_t fingerprint[16];
    /* of a top only */
    atomic_uint refs;
    pthread_mutex_t lock;                    /* of children */
    struct hrp_schema *children;
};

/* ---- making one ---- */

static void schema_free(struct hrp_schema *s)
{
    if (s == NULL)
        return;
    hrp_arena_free(s->arena);
    hrp_free(s->behind);
    hrp_free(s->name_and_set);
    hrp_free(s);
}

/* A child has its own print, but borrows its family's set, since a thousand children may have one of 2 MiB. */
static int set_share(struct hrp_schema *s, struct hr_error *err)
{
    char *name = hrp_memdup(s->name_and_set, s->n_name + 1);

    if (name == NULL)
        return hr_error_set(err, HR_ENOMEM, "out of memory");
    hrp_free(s->name_and_set);
    s->name_and_set = name;
    s->set = s->top->set;
    s->n_set = s->top->n_set;
    return 0;
}

static int schema_print(struct hrp_schema *s, struct hrp_descset *ds, const struct hrp_symbol *sym, const struct hrp_limits *lim,
                        struct hr_error *err)
{
    struct hrp_buf b = HRP_BUF_INIT;
    int r = 0;

    s->n_name = strlen(sym->name);
    hrp_put_bytes(&b, sym->name, s->n_name + 1);
    if (b.err != 0)
        r = hr_error_set(err, b.err, "out of memory");
    if (r == 0)
        r = hrp_descset_canonical(ds, sym->file, &b, err);
    if (r == 0 && s->top == NULL && b.n - (s->n_name + 1) > lim->schema_bytes) /* packed otherwise it was shorter */
        r = hr_error_set(err, HR_ELIMIT, "%s: the descriptor set has more than %u bytes", sym->file->name, lim->schema_bytes);
    if (r != 0) {
        hrp_buf_fini(&b);
        return r;
    }
    s->name_and_set = (char *)b.p;
    s->set = b.p + s->n_name + 1;
    s->n_set = b.n - (s->n_name + 1);
    hrp_hash128(b.p, b.n, s->fingerprint);
    return s->top != NULL ? set_share(s, err) : 0;
}

static int schema_tree(struct hrp_schema *s, struct hrp_descset *ds, struct hrp_symbol *sym, const struct hrp_limits *lim, struct hr_error *err)
{
    struct hrp_types types;
    int r = hrp_types_collect(ds, sym, lim, &types, err);

    if (r != 0)
        return r;
    s->arena = hrp_arena_new(lim->decoded_bytes);
    if (s->arena == NULL)
        return hr_error_set(err, HR_ENOMEM, "out of memory");
    r = hrp_tree_make(&types, s->arena, &s->tree, err);
    if (r == 0 && s->tree.has_opaque) {
        s->behind = hrp_calloc(s->tree.n_nodes, sizeof *s->behind);
        if (s->behind == NULL)
            r = hr_error_set(err, HR_ENOMEM, "out of memory");
    }
    return r;
}

/* top NULL: a family of its own, which the caller makes complete. */
static int schema_make(const uint8_t *set, size_t n, const char *full_name, const struct hrp_limits *lim, struct hrp_schema *top,
                       struct hrp_schema **ret, struct hr_error *err)
{
    struct hrp_descset ds = {0};
    struct hrp_symbol *sym;
    struct hrp_schema *s;
    char place[HRP_MAX_PLACE];
    int r = hrp_descset_open(set, n, lim, &ds, err);

    if (r != 0)
        return r;
    sym = hrp_descset_find(&ds, full_name);
    s = hrp_calloc(1, sizeof *s);
    if (sym == NULL || sym->msg == NULL)
        r = hrp_descset_no_message(&ds, full_name, err);
    else if (s == NULL)
        r = hr_error_set(err, HR_ENOMEM, "out of memory");
    else if (sym->msg->options != NULL && sym->msg->options->map_entry)
        r = hr_error_set(err, HR_ESCHEMA, "%s: %s is the entry of a map, not a message of its own", hrp_symbol_place(sym, NULL, 0, place), sym->name);
    if (r == 0) {
        s->top = top;
        r = schema_print(s, &ds, sym, lim, err); /* finds the files in which types may be */
    }
    if (r == 0)
        r = schema_tree(s, &ds, sym, lim, err);
    hrp_descset_fini(&ds);
    if (r != 0)
        schema_free(s);
    else
        *ret = s;
    return r;
}

int hrp_schema_open(const uint8_t *fdset, size_t n, const char *full_name, const struct hrp_limits *lim, struct hrp_schema **ret, struct hr_error *err)
{
    struct hrp_schema *s;
    int r = schema_make(fdset, n, full_name, lim, NULL, &s, err);

    if (r != 0)
        return r;
    if (pthread_mutex_init(&s->lock, NULL) != 0) {
        schema_free(s);
        return hr_error_set(err, HR_ENOMEM, "out of memory");
    }
    s->top = s;
    atomic_init(&s->refs, 1);
    *ret = s;
    return 0;
}

struct hrp_schema *hrp_schema_ref(struct hrp_schema *s)
{
    atomic_fetch_add_explicit(&s->top->refs, 1, memory_order_relaxed); /* who calls holds one already */
    return s;
}

void hrp_schema_unref(struct hrp_schema *s)
{
    struct hrp_schema *top, *c;

    /* acq_rel: the last one sees what the others did before they let go */
    if (s == NULL || atomic_fetch_sub_explicit(&s->top->refs, 1, memory_order_acq_rel) != 1)
        return;
    top = s->top;
    while ((c = top->children) != NULL) {
        top->children = c->next;
        schema_free(c);
    }
    pthread_mutex_destroy(&top->lock);
    schema_free(top);
}

/* ---- behind opaque leaves ---- */

/* Under the family's lock. */
static struct hrp_schema *family_find(struct hrp_schema *top, const char *name)
{
    struct hrp_schema *c;

    if (strcmp(top->name_and_set, name) == 0)
        return top;
    for (c = top->children; c != NULL && strcmp(c->name_and_set, name) != 0; c = c->next)
        ;
    return c;
}

static struct hrp_schema *family_add(struct hrp_schema *top, const char *name)
{
    struct hrp_schema *c;

    /* The set was checked with its family, so that only memory can be missing. */
    if (schema_make(top->set, top->n_set, name, &hrp_limits_default, top, &c, NULL) != 0)
        return NULL;
    c->next = top->children;
    top->children = c;
    return c;
}

struct hrp_schema *hrp_schema_of_msg(struct hrp_schema *s, const struct hrp_node *opaque_leaf)
{
    struct hrp_schema *of = atomic_load_explicit(&s->behind[opaque_leaf->id], memory_order_acquire); /* pairs with the release below */

    if (of != NULL)
        return of;
    pthread_mutex_lock(&s->top->lock);
    of = family_find(s->top, opaque_leaf->msg_name);
    if (of == NULL)
        of = family_add(s->top, opaque_leaf->msg_name);
    if (of != NULL)
        atomic_store_explicit(&s->behind[opaque_leaf->id], of, memory_order_release); /* pairs with the acquire above */
    pthread_mutex_unlock(&s->top->lock);
    return of;
}

/* ---- asking ---- */

const char *hrp_schema_name(const struct hrp_schema *s)
{
    return s->name_and_set;
}

const struct hrp_event_options *hrp_schema_event(const struct hrp_schema *s)
{
    return &s->tree.event;
}

bool hrp_schema_secret(const struct hrp_schema *s)
{
    return s->tree.has_secret;
}

const uint8_t *hrp_schema_fingerprint(const struct hrp_schema *s)
{
    return s->fingerprint;
}

const uint8_t *hrp_schema_bytes(const struct hrp_schema *s, size_t *ret_n)
{
    *ret_n = s->n_set;
    return s->set;
}

uint32_t hrp_schema_n_nodes(const struct hrp_schema *s)
{
    return s->tree.n_nodes;
}

const struct hrp_node *hrp_schema_nodes(const struct hrp_schema *s)
{
    return s->tree.nodes;
}

const struct hrp_field *hrp_schema_fields(const struct hrp_schema *s, const struct hrp_node *parent, uint32_t *ret_n)
{
    *ret_n = s->tree.field_span[parent->id].n;
    return s->tree.fields + s->tree.field_span[parent->id].at;
}

/* Numbers mostly run 1, 2, 3, ...: then the field is found at once. */
const struct hrp_node *hrp_schema_field(const struct hrp_schema *s, const struct hrp_node *parent, uint32_t number)
{
    uint32_t n, lo = 0, hi;
    const struct hrp_field *f = hrp_schema_fields(s, parent, &n);

    if (number - 1 < n && f[number - 1].number == number)
        return &s->tree.nodes[f[number - 1].id];
    for (hi = n; lo < hi;) {
        uint32_t mid = lo + (hi - lo) / 2;

        if (f[mid].number < number)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo < n && f[lo].number == number ? &s->tree.nodes[f[lo].id] : NULL;
}

const struct hrp_node *hrp_schema_field_by_name(const struct hrp_schema *s, const struct hrp_node *parent, const char *name, size_t n_name)
{
    const struct hrp_tree_span *span = &s->tree.name_span[parent->id];
    const struct hrp_tree_name *names = s->tree.names + span->at;
    uint32_t lo = 0, hi = span->n;

    while (lo < hi) { /* the first of equal names: a .proto name goes before a JSON name */
        uint32_t mid = lo + (hi - lo) / 2;

        if (hrp_tree_name_cmp(names[mid].name, names[mid].n_name, name, n_name) < 0)
            lo = mid + 1;
        else
            hi = mid;
    }
    if (lo == span->n || hrp_tree_name_cmp(names[lo].name, names[lo].n_name, name, n_name) != 0)
        return NULL;
    return &s->tree.nodes[names[lo].id];
}

const struct hrp_node *hrp_schema_by_path(const struct hrp_schema *s, const char *path)
{
    for (uint32_t id = 0; id < s->tree.n_nodes; id++) {
        if (strcmp(s->tree.nodes[id].path, path) == 0)
            return &s->tree.nodes[id];
    }
    return NULL;
}

int hrp_schema_list(const uint8_t *fdset, size_t n, void (*fn)(void *arg, const char *full_name), void *arg, struct hr_error *err)
{
    struct hrp_descset ds = {0};
    int r = hrp_descset_open(fdset, n, &hrp_limits_default, &ds, err);

    for (uint32_t i = 0; r == 0 && i < ds.n_symbols; i++) {
        const struct hrp_symbol *sym = &ds.symbols[i];
        size_t n_package = sym->file->package != NULL && *sym->file->package != '\0' ? strlen(sym->file->package) + 1 : 0;

        if (sym->msg != NULL && strchr(sym->name + n_package, '.') == NULL) /* top level */
            fn(arg, sym->name);
    }
    hrp_descset_fini(&ds);
    return r;
}
