/* Enums in both versions, number by number. A number outlives its name in every stored row, so the name is its meaning. */
#include "compat_impl.h"
#include <stdlib.h>
#include <string.h>

typedef Google__Protobuf__EnumValueDescriptorProto pb_value;

bool hrp_enum_closed(const struct hrp_symbol *enm) { return enm->features.closed; }

/* Values are few thousands at most, and sorted once: names of one number are neighbours. */
struct values {
    const pb_value **by_number, **by_name;
    size_t n;
};

static int number_cmp(const void *a, const void *b)
{
    int32_t x = (*(const pb_value *const *)a)->number, y = (*(const pb_value *const *)b)->number;

    return (x > y) - (x < y);
}

static int name_cmp(const void *a, const void *b) { return strcmp((*(const pb_value *const *)a)->name, (*(const pb_value *const *)b)->name); }

static int values_sort(struct hrp_compat *c, const pb_enum *e, struct values *ret)
{
    ret->n = e->n_value;
    ret->by_number = hrp_compat_take(c, e->n_value + 1, sizeof *ret->by_number);
    ret->by_name = hrp_compat_take(c, e->n_value + 1, sizeof *ret->by_name);
    if (c->res != 0)
        return c->res;
    for (size_t i = 0; i < e->n_value; i++)
        ret->by_number[i] = ret->by_name[i] = e->value[i];
    qsort(ret->by_number, ret->n, sizeof *ret->by_number, number_cmp);
    qsort(ret->by_name, ret->n, sizeof *ret->by_name, name_cmp);
    return 0;
}

static const pb_value *named(const struct values *v, const pb_value *like)
{
    const pb_value **found = bsearch(&like, v->by_name, v->n, sizeof *found, name_cmp);

    return found != NULL ? *found : NULL;
}

static const pb_value *numbered(const struct values *v, const pb_value *like)
{
    const pb_value **found = bsearch(&like, v->by_number, v->n, sizeof *found, number_cmp);

    return found != NULL ? *found : NULL;
}

struct enums {
    struct values old, now;
    const pb_value **kept;  /* [old.n], beside old.by_number: a constant of that number that both have; NULL: none */
    struct hrp_reserved was, is;
    bool closed;
    const char *path;
};

/* Once for each run of one number, since thousands of constants may share it. */
static int kept_find(struct hrp_compat *c, struct enums *e)
{
    const pb_value *const *v = e->old.by_number;

    e->kept = hrp_compat_take(c, e->old.n + 1, sizeof *e->kept);
    if (e->kept == NULL)
        return c->res;
    for (size_t i = 0, end; i < e->old.n; i = end) {
        const pb_value *kept = NULL;

        for (end = i; end < e->old.n && v[end]->number == v[i]->number; end++) {
            const pb_value *same = named(&e->now, v[end]);

            if (same != NULL && same->number == v[i]->number)
                kept = v[end];
        }
        for (size_t k = i; k < end; k++)
            e->kept[k] = kept;
    }
    return 0;
}

/* False: the old one has no such number. */
static bool kept_of(const struct enums *e, const pb_value *like, const pb_value **ret)
{
    const pb_value **found = bsearch(&like, e->old.by_number, e->old.n, sizeof *found, number_cmp);

    if (found != NULL)
        *ret = e->kept[found - e->old.by_number];
    return found != NULL;
}

static void value_now(struct hrp_compat *c, const struct enums *e, const pb_value *v)
{
    const pb_value *namesake = named(&e->old, v), *same = numbered(&e->old, v), *kept = NULL;

    if (namesake != NULL && namesake->number != v->number) {
        hrp_compat_tell(c, HRP_BREAKS_BOTH, "enum_value_renumbered", e->path, v->name, "its number was %d and is %d: stored rows change their meaning",
                        namesake->number, v->number);
        return;
    }
    if (namesake != NULL)
        return;
    if (same == NULL && hrp_reserved_number(&e->was, v->number))
        hrp_compat_tell(c, HRP_BREAKS_BOTH, "reserved_number_used", e->path, v->name, "number %d was reserved: rows of an earlier version may mean something else by it", v->number);
    else if (same == NULL)
        hrp_compat_tell(c, e->closed ? HRP_BREAKS_FORWARD : 0, "enum_value_added", e->path, v->name, "a new constant, number %d%s", v->number,
                        e->closed ? ": who has the old schema does not know it, and the enum is closed" : "");
    else if (kept_of(e, v, &kept) && kept != NULL)
        hrp_compat_tell(c, 0, "enum_alias_added", e->path, v->name, "another name of %s", kept->name);
    else
        hrp_compat_tell(c, HRP_BREAKS_BOTH, "enum_value_renamed", e->path, v->name, "number %d was named `%s`: JSON and exports go by name", v->number, same->name);
}

static void value_gone(struct hrp_compat *c, const struct enums *e, const pb_value *v)
{
    const pb_value *kept = NULL;

    if (named(&e->now, v) != NULL)
        return;
    if (numbered(&e->now, v) != NULL) {
        if (kept_of(e, v, &kept) && kept != NULL)
            hrp_compat_tell(c, HRP_SEMANTIC, "enum_alias_removed", e->path, v->name, "the name went; its number has another one");
        return; /* renamed: told already */
    }
    if (hrp_reserved_number(&e->is, v->number))
        hrp_compat_tell(c, HRP_SEMANTIC, "enum_value_removed", e->path, v->name, "removed, its number %d is reserved: rows that have it have a value without a name", v->number);
    else
        hrp_compat_tell(c, HRP_BREAKS_BOTH, "enum_value_removed_unreserved", e->path, v->name,
                        "removed, but its number can be given to another: write `reserved %d, \"%s\";`", v->number, v->name);
}

void hrp_compat_enum(struct hrp_compat *c, const struct hrp_symbol *old, const struct hrp_symbol *now, const char *path)
{
    struct enums e = {.closed = hrp_enum_closed(now), .path = path};

    if (values_sort(c, old->enm, &e.old) != 0 || values_sort(c, now->enm, &e.now) != 0 || hrp_reserved_of_enum(c, old->enm, &e.was) != 0 ||
        hrp_reserved_of_enum(c, now->enm, &e.is) != 0 || kept_find(c, &e) != 0)
        return;
    if (hrp_enum_closed(old) != e.closed)
        hrp_compat_tell(c, HRP_SEMANTIC, "enum_openness_changed", path, NULL, "its enum is %s now: numbers without a name %s", e.closed ? "closed" : "open",
                        e.closed ? "become unknown fields" : "are values");
    if (e.closed && old->enm->value[0]->number != now->enm->value[0]->number)
        hrp_compat_tell(c, HRP_SEMANTIC, "default_changed", path, NULL, "its first constant, which stands for `not set`, is another");
    for (size_t i = 0; i < now->enm->n_value && c->res == 0; i++)
        value_now(c, &e, now->enm->value[i]);
    for (size_t i = 0; i < old->enm->n_value && c->res == 0; i++)
        value_gone(c, &e, old->enm->value[i]);
    hrp_compat_reserved(c, &e.was, &e.is, path);
}
