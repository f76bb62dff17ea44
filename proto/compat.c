/* Compatibility: two versions of an event, number by number.
 *
 * Both canonical sets are read again, since what is asked (`reserved`, defaults, the order of constants) is not in the columns.
 * Types are compared in pairs, from the event on, each pair once: a type that contains itself ends there, and the first path
 * to a pair names its findings. A type that has another name is compared like the one it replaces: what a row holds
 * depends on its fields, not on the name of the message around them. Time is that of sorting; memory has a budget. */
#include "compat_impl.h"
#include <stdlib.h>
#include <string.h>

#define BUDGET_BYTES (64u << 20)
#define N_BUCKETS 1024u
#define MAX_PAIRS 65536u /* a type may meet many others where the types of fields change */

struct hrp_compat_pair {
    struct hrp_type *old, *now;
    const char *path;
    struct hrp_compat_pair *next, *next_seen;
};

/* ---- modes ---- */

static const char *const mode_names[HRP_COMPAT_N] = {
    [HRP_COMPAT_NONE] = "NONE",
    [HRP_COMPAT_BACKWARD] = "BACKWARD",
    [HRP_COMPAT_BACKWARD_TRANSITIVE] = "BACKWARD_TRANSITIVE",
    [HRP_COMPAT_FORWARD] = "FORWARD",
    [HRP_COMPAT_FORWARD_TRANSITIVE] = "FORWARD_TRANSITIVE",
    [HRP_COMPAT_FULL] = "FULL",
    [HRP_COMPAT_FULL_TRANSITIVE] = "FULL_TRANSITIVE",
};

const char *hrp_compat_mode_name(enum hrp_compat_mode mode)
{
    return (unsigned)mode < HRP_COMPAT_N ? mode_names[mode] : "";
}

int hrp_compat_mode_parse(const char *name, enum hrp_compat_mode *ret)
{
    for (int i = 0; i < HRP_COMPAT_N; i++) {
        if (strcmp(name, mode_names[i]) == 0) {
            *ret = (enum hrp_compat_mode)i;
            return 0;
        }
    }
    return HR_EINVAL;
}

bool hrp_change_breaks(const struct hrp_change *c, enum hrp_compat_mode mode)
{
    switch (mode) {
    case HRP_COMPAT_BACKWARD:
    case HRP_COMPAT_BACKWARD_TRANSITIVE:
        return (c->what & HRP_BREAKS_BACKWARD) != 0;
    case HRP_COMPAT_FORWARD:
    case HRP_COMPAT_FORWARD_TRANSITIVE:
        return (c->what & HRP_BREAKS_FORWARD) != 0;
    case HRP_COMPAT_FULL:
    case HRP_COMPAT_FULL_TRANSITIVE:
        return (c->what & HRP_BREAKS_BOTH) != 0;
    default:
        return false;
    }
}

/* ---- types to compare ---- */

static struct hrp_compat_pair **bucket_of(struct hrp_compat *c, const struct hrp_type *old, const struct hrp_type *now)
{
    const void *key[2] = {old, now};

    return &c->seen[hrp_hash64(key, sizeof key) % N_BUCKETS];
}

void hrp_compat_types(struct hrp_compat *c, struct hrp_type *old, struct hrp_type *now, const char *path)
{
    struct hrp_compat_pair **bucket = bucket_of(c, old, now), *p;

    for (p = *bucket; p != NULL; p = p->next_seen) {
        if (p->old == old && p->now == now)
            return;
    }
    if (c->n_pairs == MAX_PAIRS) {
        hrp_compat_fail(c, HR_ELIMIT);
        return;
    }
    p = hrp_compat_take(c, 1, sizeof *p);
    if (p == NULL)
        return;
    *p = (struct hrp_compat_pair){old, now, path, NULL, *bucket};
    *bucket = p;
    if (c->first == NULL)
        c->first = p;
    else
        c->last->next = p;
    c->last = p;
    c->n_pairs++;
}

/* ---- one pair of messages ---- */

struct fields { /* of one side, to be found again */
    const struct hrp_type *t;
    const struct hrp_type_field **by_number, **by_name; /* [t->n_fields] */
};

static int number_cmp(const void *a, const void *b)
{
    int32_t x = (*(const struct hrp_type_field *const *)a)->d->number, y = (*(const struct hrp_type_field *const *)b)->d->number;

    return (x > y) - (x < y);
}

static int name_cmp(const void *a, const void *b)
{
    return strcmp((*(const struct hrp_type_field *const *)a)->d->name, (*(const struct hrp_type_field *const *)b)->d->name);
}

static int fields_sort(struct hrp_compat *c, const struct hrp_type *t, struct fields *ret)
{
    ret->t = t;
    ret->by_number = hrp_compat_take(c, (uint64_t)t->n_fields + 1, sizeof *ret->by_number);
    ret->by_name = hrp_compat_take(c, (uint64_t)t->n_fields + 1, sizeof *ret->by_name);
    if (c->res != 0)
        return c->res;
    for (uint32_t i = 0; i < t->n_fields; i++)
        ret->by_number[i] = ret->by_name[i] = &t->fields[i];
    qsort(ret->by_number, t->n_fields, sizeof *ret->by_number, number_cmp);
    qsort(ret->by_name, t->n_fields, sizeof *ret->by_name, name_cmp);
    return 0;
}

static const struct hrp_type_field *by_number(const struct fields *fs, const struct hrp_type_field *like)
{
    const struct hrp_type_field **f = bsearch(&like, fs->by_number, fs->t->n_fields, sizeof *f, number_cmp);

    return f != NULL ? *f : NULL;
}

static const struct hrp_type_field *by_name(const struct fields *fs, const struct hrp_type_field *like)
{
    const struct hrp_type_field **f = bsearch(&like, fs->by_name, fs->t->n_fields, sizeof *f, name_cmp);

    return f != NULL ? *f : NULL;
}

static void field_added(struct hrp_compat *c, const struct hrp_field_pair *p, const struct hrp_reserved *was, const char *path)
{
    const pb_field *d = p->now->d;
    struct hrp_traits t = hrp_traits_of(p->now_type, p->now);

    if (hrp_reserved_number(was, d->number))
        hrp_compat_tell(c, HRP_BREAKS_BOTH, "reserved_number_used", path, d->name,
                        "number %d was reserved: rows of an earlier version may hold something else under it", d->number);
    if (hrp_reserved_name(was, d->name))
        hrp_compat_tell(c, HRP_BREAKS_BOTH, "reserved_name_used", path, d->name,
                        "the name was reserved: JSON, SQL columns and features of an earlier version mean something else by it");
    if (t.required)
        hrp_compat_tell(c, HRP_BREAKS_BACKWARD, "field_added_required", path, d->name, "a new required field, which no row so far has");
    else
        hrp_compat_tell(c, 0, "field_added", path, d->name, "a new field, number %d", d->number);
    hrp_compat_rules(c, p);
}

static void field_removed(struct hrp_compat *c, const struct hrp_field_pair *p, const struct hrp_reserved *now, const char *path)
{
    const pb_field *d = p->old->d;

    if (!hrp_reserved_number(now, d->number))
        hrp_compat_tell(c, HRP_BREAKS_BOTH, "field_removed_unreserved", path, d->name,
                        "removed, but its number can be given to another field: write `reserved %d, \"%s\";`", d->number, d->name);
    if (hrp_traits_of(p->old_type, p->old).required)
        hrp_compat_tell(c, HRP_BREAKS_FORWARD, "field_removed_required", path, d->name,
                        "a required field was removed: who has the old schema refuses rows without it");
    else if (hrp_reserved_number(now, d->number))
        hrp_compat_tell(c, 0, "field_removed", path, d->name, "removed, its number %d is reserved", d->number);
    hrp_compat_rules(c, p);
}

/* Same number, other name; or same name, other number. Whether a field was renamed or its number given to another is for a
 * person to know: the type tells them apart as well as can be. */
static bool field_identity(struct hrp_compat *c, const struct hrp_type_field *old, const struct hrp_type_field *now,
                           const struct fields *old_fields, const char *path)
{
    const struct hrp_type_field *namesake = by_name(old_fields, now);

    if (namesake != NULL && namesake->d->number != now->d->number)
        hrp_compat_tell(c, HRP_BREAKS_BOTH, "field_renumbered", path, now->d->name, "its number was %d and is now %d",
                        namesake->d->number, now->d->number);
    if (old == NULL || strcmp(old->d->name, now->d->name) == 0)
        return old != NULL;
    if (namesake == NULL && old->d->type == now->d->type) {
        hrp_compat_tell(c, HRP_BREAKS_BOTH, "field_renamed", path, now->d->name,
                        "number %d was named `%s`: JSON, SQL columns and features go by name", now->d->number, old->d->name);
        return true;
    }
    hrp_compat_tell(c, HRP_BREAKS_BOTH, "field_number_reused", path, now->d->name,
                    "number %d was `%s` (%s) and is given to `%s` (%s)", now->d->number, old->d->name,
                    hrp_type_word((uint8_t)old->d->type), now->d->name, hrp_type_word((uint8_t)now->d->type));
    return false; /* two fields that have nothing to do with each other */
}

static void field_now(struct hrp_compat *c, const struct hrp_compat_pair *pair, const struct hrp_type_field *now,
                      const struct fields *old_fields, const struct hrp_reserved *was)
{
    const struct hrp_type_field *old = by_number(old_fields, now);
    struct hrp_field_pair p = {pair->old, pair->now, old, now, hrp_compat_text(c, "%s.%s", pair->path, now->d->name)};

    if (p.path == NULL)
        return;
    if (field_identity(c, old, now, old_fields, pair->path))
        hrp_compat_field(c, &p);
    else if (old == NULL)
        field_added(c, &p, was, pair->path);
}

static void field_gone(struct hrp_compat *c, const struct hrp_compat_pair *pair, const struct hrp_type_field *old,
                       const struct hrp_reserved *is)
{
    struct hrp_field_pair p = {pair->old, pair->now, old, NULL, hrp_compat_text(c, "%s.%s", pair->path, old->d->name)};

    if (p.path != NULL)
        field_removed(c, &p, is, pair->path);
}

/* ---- oneofs that are in one of the two only ---- */

static bool has_oneof(const struct hrp_type *t, const char *name)
{
    for (uint32_t i = 0; i < t->n_oneofs; i++) {
        if (t->oneof_members[i] != 0 && strcmp(t->sym->msg->oneof_decl[i]->name, name) == 0)
            return true;
    }
    return false;
}

/* A oneof whose fields all stand in one of another name is renamed. Told once, where its first field is. */
static void oneof_names(struct hrp_compat *c, const struct hrp_compat_pair *pair, const struct fields *old_fields)
{
    const struct hrp_type *now = pair->now;
    const char *last = NULL;

    for (uint32_t i = 0; i < now->n_fields; i++) {
        const struct hrp_type_field *f = &now->fields[i], *old = by_number(old_fields, f);
        const char *is = hrp_traits_of(now, f).oneof, *was = old != NULL ? hrp_traits_of(pair->old, old).oneof : NULL;

        if (is == NULL || was == NULL || strcmp(is, was) == 0 || has_oneof(pair->old, is) || has_oneof(now, was) || is == last)
            continue;
        last = is;
        hrp_compat_tell(c, HRP_BREAKS_BOTH, "oneof_renamed", pair->path, is,
                        "the oneof was named `%s`: SQL columns and features go by name", was);
    }
}

static void pair_compare(struct hrp_compat *c, const struct hrp_compat_pair *pair)
{
    struct fields old, now;
    struct hrp_reserved was, is;

    if (fields_sort(c, pair->old, &old) != 0 || fields_sort(c, pair->now, &now) != 0 ||
        hrp_reserved_of_message(c, pair->old->sym->msg, &was) != 0 || hrp_reserved_of_message(c, pair->now->sym->msg, &is) != 0)
        return;
    for (uint32_t i = 0; i < pair->now->n_fields && c->res == 0; i++)
        field_now(c, pair, &pair->now->fields[i], &old, &was);
    oneof_names(c, pair, &old);
    for (uint32_t i = 0; i < pair->old->n_fields && c->res == 0; i++) {
        if (by_number(&now, &pair->old->fields[i]) == NULL)
            field_gone(c, pair, &pair->old->fields[i], &is);
    }
    hrp_compat_reserved(c, &was, &is, pair->path);
    hrp_compat_message_rules(c, pair->old, pair->now, pair->path);
}

/* ---- both sides ---- */

static int side_open(struct hrp_schema *schema, struct hrp_side *ret, struct hr_error *err)
{
    struct hrp_buf canonical = HRP_BUF_INIT; /* made once more for the imports it resolves */
    struct hrp_symbol *sym;
    size_t n;
    const uint8_t *set = hrp_schema_bytes(schema, &n);
    int r = hrp_descset_open(set, n, &hrp_limits_default, &ret->ds, err);

    if (r != 0)
        return r;
    sym = hrp_descset_find(&ret->ds, hrp_schema_name(schema));
    r = hrp_descset_canonical(&ret->ds, sym->file, &canonical, err);
    hrp_buf_fini(&canonical);
    if (r == 0)
        r = hrp_types_collect(&ret->ds, sym, &hrp_limits_default, &ret->types, err);
    return r;
}

static void event_compare(struct hrp_compat *c, struct hrp_schema *old, struct hrp_schema *now)
{
    const char *was = hrp_schema_name(old), *is = hrp_schema_name(now);

    if (strcmp(was, is) != 0)
        hrp_compat_tell(c, HRP_BREAKS_BOTH, "event_renamed", is, NULL, "the event was named %s: another name is another stream", was);
    hrp_compat_event_options(c, hrp_schema_event(old), hrp_schema_event(now), is);
    hrp_compat_types(c, c->old.types.list[0], c->now.types.list[0], is);
    for (const struct hrp_compat_pair *p = c->first; p != NULL && c->res == 0; p = p->next)
        pair_compare(c, p);
}

static void compat_fini(struct hrp_compat *c)
{
    hrp_descset_fini(&c->old.ds);
    hrp_descset_fini(&c->now.ds);
    hrp_arena_free(c->scratch);
}

int hrp_compat_diff(struct hrp_schema *old_schema, struct hrp_schema *new_schema, struct hrp_changes *ret, struct hr_error *err)
{
    struct hrp_changes changes = {.arena = hrp_arena_new(BUDGET_BYTES)};
    struct hrp_compat c = {.out = &changes, .arena = changes.arena, .scratch = hrp_arena_new(BUDGET_BYTES), .err = err};
    int r = c.arena != NULL && c.scratch != NULL ? 0 : hr_error_set(err, HR_ENOMEM, "out of memory");

    if (r == 0)
        r = side_open(old_schema, &c.old, err);
    if (r == 0)
        r = side_open(new_schema, &c.now, err);
    if (r == 0)
        c.seen = hrp_compat_take(&c, N_BUCKETS, sizeof(void *));
    if (r == 0 && c.res == 0) {
        memset(c.seen, 0, N_BUCKETS * sizeof(void *));
        event_compare(&c, old_schema, new_schema);
    }
    if (r == 0)
        r = c.res;
    compat_fini(&c);
    if (r != 0)
        hrp_changes_fini(&changes);
    else
        *ret = changes;
    return r;
}

void hrp_changes_fini(struct hrp_changes *changes)
{
    hrp_arena_free(changes->arena);
    memset(changes, 0, sizeof *changes);
}
