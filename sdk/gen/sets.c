/* The descriptor set of each event, made and checked by the schema model itself: what is embedded has the fingerprint the
 * collector will compute, and what the collector would refuse is refused here, with its place in the .proto. */
#include "frame.h"
#include "gen.h"
#include "rules.h"
#include "types.h"
#include <string.h>

/* ---- what options say of fields, as a comment ---- */

static const char *what_happens(const struct hrp_field_options *o)
{
    switch (o->action) {
    case HRP_PERSONAL_TRUNCATE:
        return gen_fmt("Personal: only its first %u are sent.", o->truncate_to);
    case HRP_PERSONAL_DROP:
        return "Personal: not sent.";
    case HRP_PERSONAL_HASH:
        return "Personal: stored as a hash.";
    default:
        return "";
    }
}

static const char *comment_of(const struct hrp_field_options *o)
{
    const char *text = o->description, *personal = what_happens(o);

    if (*o->unit != '\0')
        text = gen_fmt("%s%s[%s]", text, *text != '\0' ? " " : "", o->unit);
    if (*personal != '\0')
        text = gen_fmt("%s%s%s", text, *text != '\0' ? "\n" : "", personal);
    return *text != '\0' ? gen_fmt("%s", text) : NULL;
}

static void see_type(const struct gen *g, const struct hrp_type *t)
{
    struct gen_msg *m = gen_find_msg(g, t->sym->name);

    for (uint32_t i = 0; m != NULL && i < t->n_fields; i++)
        for (size_t k = 0; k < m->d->n_field; k++)
            if (m->fields[k].d->number == t->fields[i].d->number && t->fields[i].options != NULL)
                m->fields[k].said = comment_of(t->fields[i].options);
}

static int see_options(const struct gen *g, const struct gen_msg *m, struct hr_error *err)
{
    struct hrp_descset ds;
    struct hrp_types types = {.n = 0};
    struct hrp_symbol *sym;
    struct hrp_buf canonical = HRP_BUF_INIT;
    int r = hrp_descset_open(g->set.p, g->set.n, &hrp_limits_default, &ds, err);

    if (r != 0)
        return r;
    sym = hrp_descset_find(&ds, m->full_name);
    r = hrp_descset_canonical(&ds, sym->file, &canonical, err);
    if (r == 0)
        r = hrp_types_collect(&ds, sym, &hrp_limits_default, &types, err);
    for (uint32_t i = 0; r == 0 && i < types.n; i++)
        see_type(g, types.list[i]);
    hrp_buf_fini(&canonical);
    hrp_descset_fini(&ds);
    return r;
}

/* ---- sets ---- */

static int make_set(const struct gen *g, struct gen_msg *m, struct hr_error *err)
{
    struct hrp_schema *s;
    uint8_t *copy;
    int r = hrp_rules_vet(g->set.p, g->set.n, m->full_name, &hrp_limits_default, NULL, err); /* the collector compiles patterns */

    if (r == 0)
        r = hrp_schema_open(g->set.p, g->set.n, m->full_name, &hrp_limits_default, &s, err);
    if (r != 0)
        return r;
    m->set = hrp_schema_bytes(s, &m->n_set);
    copy = gen_alloc(m->n_set);
    memcpy(copy, m->set, m->n_set);
    m->set = copy;
    hrp_schema_unref(s);
    return see_options(g, m, err);
}

int gen_sets(struct gen *g, struct hr_error *err)
{
    int r = g->set.err;

    for (uint32_t i = 0; r == 0 && i < g->n_msgs; i++)
        if (g->msgs[i].time_name != NULL)
            r = make_set(g, &g->msgs[i], err);
    return r;
}
