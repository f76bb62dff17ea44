/* What means something else although every value is still read: rules tightened or loosened, units, meanings, personal data.
 *
 * A rule is tightened when it may refuse a row that it let pass; where that can't be told (a pattern) it counts as tightened, since
 * the price of a doubt is only that it is first tried on the rows of the last day. */
#include "compat_impl.h"
#include <string.h>

#define PB(name) GOOGLE__PROTOBUF__FIELD_DESCRIPTOR_PROTO__TYPE__TYPE_##name

enum move { SAME, TIGHTER, LOOSER, OTHER };

static void tell(struct hrp_compat *c, enum move m, const char *path, const char *rule, const char *how)
{
    if (m == SAME)
        return;
    hrp_compat_tell_rule(c, m != LOOSER, m == LOOSER ? "rule_loosened" : m == TIGHTER ? "rule_tightened" : "rule_changed", path, "%s %s", rule, how);
}

/* ---- values ---- */

static int compare(const struct hrp_rule_def *def, const union hrp_rule_value *a, const union hrp_rule_value *b)
{
    switch (def->pb_type) {
    case PB(FLOAT):
    case PB(DOUBLE):
        return (a->f > b->f) - (a->f < b->f);
    case PB(UINT32):
    case PB(UINT64):
    case PB(FIXED32):
    case PB(FIXED64):
        return (a->u > b->u) - (a->u < b->u);
    case PB(STRING):
    case PB(BYTES):
        if (a->s.n != b->s.n)
            return a->s.n < b->s.n ? -1 : 1;
        return a->s.n != 0 ? memcmp(a->s.p, b->s.p, a->s.n) : 0;
    case PB(MESSAGE):
        if (def->type == HRP_RULES_FIELD_MASK)
            return a->s.n != b->s.n || (a->s.n != 0 && memcmp(a->s.p, b->s.p, a->s.n) != 0);
        if (a->t.seconds != b->t.seconds)
            return a->t.seconds < b->t.seconds ? -1 : 1;
        return (a->t.nanos > b->t.nanos) - (a->t.nanos < b->t.nanos);
    default:
        return (a->i > b->i) - (a->i < b->i);
    }
}

static bool contains(const struct hrp_rule *list, const union hrp_rule_value *v)
{
    for (uint32_t i = 0; i < list->n; i++)
        if (compare(list->def, &list->values[i], v) == 0)
            return true;
    return false;
}

static bool has_all(const struct hrp_rule *list, const struct hrp_rule *of)
{
    for (uint32_t i = 0; i < of->n; i++)
        if (!contains(list, &of->values[i]))
            return false;
    return true;
}

/* ---- one rule ---- */

static bool is_any(const char *name, const char *const *names)
{
    while (*names != NULL && strcmp(name, *names) != 0)
        names++;
    return *names != NULL;
}

static enum move compare_lists(const struct hrp_rule *old, const struct hrp_rule *now)
{
    bool more = has_all(now, old), fewer = has_all(old, now), allows = strcmp(now->def->name, "in") == 0;

    if (more && fewer)
        return SAME;
    if (more)
        return allows ? LOOSER : TIGHTER;
    return fewer && !allows ? LOOSER : TIGHTER;
}

static enum move compare_rule(const struct hrp_rule *old, const struct hrp_rule *now)
{
    static const char *const least[] = {"gt", "gte", "min_len", "min_bytes", "min_items", "min_pairs", NULL};
    static const char *const most[] = {"lt", "lte", "max_len", "max_bytes", "max_items", "max_pairs", "within", NULL};
    const struct hrp_rule_def *def = now->def;
    int order;

    if (def->repeated)
        return compare_lists(old, now);
    order = compare(def, &old->values[0], &now->values[0]);
    if (order == 0)
        return SAME;
    if (def->pb_type == PB(BOOL) && strcmp(def->name, "const") != 0)
        return now->values[0].i != 0 ? TIGHTER : LOOSER;
    if (is_any(def->name, least))
        return order < 0 ? TIGHTER : LOOSER;
    if (is_any(def->name, most))
        return order > 0 ? TIGHTER : LOOSER;
    return OTHER;
}

/* It is written, and says something: false is as good as nothing. */
static bool holds(const struct hrp_rule *rule)
{
    static const char *const say_false[] = {"const", NULL};

    return rule != NULL && !(rule->def->pb_type == PB(BOOL) && !is_any(rule->def->name, say_false) && rule->values[0].i == 0);
}

/* Bounds turned inside out (an upper one below the lower) refuse what lies between: then neither direction is known. */
static bool turned(const struct hrp_field_rules *fr)
{
    const struct hrp_rule *lo = hrp_rule_find(fr, "gt"), *hi = hrp_rule_find(fr, "lt");

    lo = lo != NULL ? lo : hrp_rule_find(fr, "gte");
    hi = hi != NULL ? hi : hrp_rule_find(fr, "lte");
    return lo != NULL && hi != NULL && lo->def->pb_type == hi->def->pb_type && compare(lo->def, &hi->values[0], &lo->values[0]) < 0;
}

static void rule_pair(struct hrp_compat *c, const struct hrp_rule_def *def, const struct hrp_rule *old, const struct hrp_rule *now, bool unclear,
                      const char *path)
{
    const char *name = hrp_compat_text(c, "%s.%s", hrp_rules_type_name(def->type), def->name);
    enum move m;

    if (name == NULL || strcmp(def->name, "example") == 0)
        return;
    if (strcmp(def->name, "strict") == 0) { /* what it says when it is not written */
        bool was = old == NULL || old->values[0].i != 0, is = now == NULL || now->values[0].i != 0;

        tell(c, was == is ? SAME : is ? TIGHTER : LOOSER, path, name, "is another");
        return;
    }
    if (!holds(old) && !holds(now))
        return;
    if (!holds(old)) {
        tell(c, unclear ? OTHER : TIGHTER, path, name, "is new");
        return;
    }
    if (!holds(now)) {
        tell(c, unclear ? OTHER : LOOSER, path, name, "was removed");
        return;
    }
    m = compare_rule(old, now);
    if (m != SAME)
        tell(c, unclear ? OTHER : m, path, name, m == TIGHTER ? "refuses more than before" : m == LOOSER ? "refuses less than before" : "is another");
}

/* ---- the rules of a field, its items, its keys and values ---- */

static const struct hrp_field_rules none;

static int strictness(const struct hrp_field_rules *fr)
{
    return fr->ignore == HRP_IGNORE_ALWAYS ? 0 : fr->ignore == HRP_IGNORE_IF_ZERO_VALUE ? 1 : 2;
}

static void compare_field_rules(struct hrp_compat *c, const struct hrp_field_rules *old, const struct hrp_field_rules *now, const char *path)
{
    uint32_t n_defs;
    const struct hrp_rule_def *defs = hrp_rule_defs(&n_defs);
    bool unclear;

    if (old == NULL && now == NULL)
        return;
    old = old != NULL ? old : &none;
    now = now != NULL ? now : &none;
    unclear = turned(old) || turned(now);
    if (old->required != now->required)
        tell(c, now->required ? TIGHTER : LOOSER, path, "required", now->required ? "is new" : "was removed");
    if (strictness(old) != strictness(now))
        tell(c, strictness(now) > strictness(old) ? TIGHTER : LOOSER, path, "ignore", "is another");
    for (uint32_t i = 0; i < n_defs && c->res == 0; i++) {
        const struct hrp_rule *was = defs[i].type == old->type ? hrp_rule_find(old, defs[i].name) : NULL;
        const struct hrp_rule *is = defs[i].type == now->type ? hrp_rule_find(now, defs[i].name) : NULL;

        if (was != NULL || is != NULL)
            rule_pair(c, &defs[i], was, is, unclear, path);
    }
    if (old->items != NULL || now->items != NULL)
        compare_field_rules(c, old->items, now->items, hrp_compat_text(c, "%s[]", path));
    if (old->keys != NULL || now->keys != NULL)
        compare_field_rules(c, old->keys, now->keys, hrp_compat_text(c, "%s[key]", path));
    if (old->values != NULL || now->values != NULL)
        compare_field_rules(c, old->values, now->values, hrp_compat_text(c, "%s[]", path));
}

/* Rules that can't be read are refused where schemas are; here they are as none. Without memory nothing is known, and said. */
static bool was_read(struct hrp_compat *c, int r)
{
    if (r == HR_ENOMEM || r == HR_ELIMIT)
        hrp_compat_fail(c, r);
    return r == 0;
}

static const struct hrp_field_rules *rules_of(struct hrp_compat *c, struct hrp_side *side, const struct hrp_type *t, const struct hrp_type_field *f)
{
    const struct hrp_field_rules *fr = NULL;

    return f != NULL && was_read(c, hrp_rules_of_field(&side->ds, t, f, &fr, NULL)) ? fr : NULL;
}

/* A wider or narrower integer has rules of another name; which way they moved is not worth knowing beside that. */
void hrp_compat_rules_of_new_type(struct hrp_compat *c, const struct hrp_field_pair *p)
{
    const struct hrp_field_rules *now = rules_of(c, &c->now, p->now_type, p->now);

    if (now != NULL && now->ignore != HRP_IGNORE_ALWAYS && (now->required || now->n_rules != 0 || now->items != NULL))
        tell(c, OTHER, p->path, hrp_rules_type_name(now->type), "rules are those of another type");
}

void hrp_compat_rules(struct hrp_compat *c, const struct hrp_field_pair *p)
{
    const struct hrp_field_rules *old = rules_of(c, &c->old, p->old_type, p->old), *now = rules_of(c, &c->now, p->now_type, p->now);

    if (p->now == NULL)
        return; /* what is not there breaks no rule */
    if (p->old == NULL) {
        if (now != NULL && now->required) /* rows so far have no such field: only that it must be there can hurt them */
            tell(c, TIGHTER, p->path, "required", "is new");
        return;
    }
    compare_field_rules(c, old, now, p->path);
}

/* ---- the rules of a message ---- */

static const char *oneof_text(struct hrp_compat *c, const struct hrp_message_oneof *o)
{
    const char *all = "";

    for (uint32_t i = 0; i < o->n_fields && all != NULL; i++)
        all = hrp_compat_text(c, "%s%s%s", all, i != 0 ? ", " : "", o->fields[i]);
    return all;
}

static const struct hrp_message_oneof *find_oneof(struct hrp_compat *c, const struct hrp_message_rules *mr, const char *text)
{
    for (uint32_t i = 0; mr != NULL && i < mr->n_oneofs; i++) {
        const char *t = oneof_text(c, &mr->oneofs[i]);

        if (t != NULL && strcmp(t, text) == 0)
            return &mr->oneofs[i];
    }
    return NULL;
}

static void message_oneofs(struct hrp_compat *c, const struct hrp_message_rules *old, const struct hrp_message_rules *now, const char *path)
{
    for (uint32_t i = 0; now != NULL && i < now->n_oneofs && c->res == 0; i++) {
        const char *text = oneof_text(c, &now->oneofs[i]);
        const struct hrp_message_oneof *was = text != NULL ? find_oneof(c, old, text) : NULL;

        if (text != NULL && was == NULL)
            hrp_compat_tell_rule(c, true, "rule_tightened", path, "the oneof rule of %s is new", text);
        else if (text != NULL && was->required != now->oneofs[i].required)
            hrp_compat_tell_rule(c, now->oneofs[i].required, now->oneofs[i].required ? "rule_tightened" : "rule_loosened", path,
                                 "the oneof rule of %s %s required", text, now->oneofs[i].required ? "is now" : "is no longer");
    }
    for (uint32_t i = 0; old != NULL && i < old->n_oneofs && c->res == 0; i++) {
        const char *text = oneof_text(c, &old->oneofs[i]);

        if (text != NULL && find_oneof(c, now, text) == NULL)
            hrp_compat_tell_rule(c, false, "rule_loosened", path, "the oneof rule of %s was removed", text);
    }
}

static bool oneof_required(struct hrp_compat *c, struct hrp_side *side, const struct hrp_type *t, const char *name)
{
    bool required = false;

    for (uint32_t i = 0; i < t->n_oneofs; i++)
        if (t->oneof_members[i] != 0 && strcmp(t->sym->msg->oneof_decl[i]->name, name) == 0)
            (void)was_read(c, hrp_rules_of_oneof(&side->ds, t, i, &required, NULL));
    return required;
}

void hrp_compat_message_rules(struct hrp_compat *c, struct hrp_type *old, struct hrp_type *now, const char *path)
{
    const struct hrp_message_rules *was = NULL, *is = NULL;

    if (!was_read(c, hrp_rules_of_message(&c->old.ds, old, &was, NULL)))
        was = NULL;
    if (!was_read(c, hrp_rules_of_message(&c->now.ds, now, &is, NULL)))
        is = NULL;
    message_oneofs(c, was, is, path);
    for (uint32_t i = 0; i < now->n_oneofs && c->res == 0; i++) {
        const char *name = now->sym->msg->oneof_decl[i]->name;
        bool required, before = oneof_required(c, &c->old, old, name);

        if (now->oneof_members[i] == 0 || !was_read(c, hrp_rules_of_oneof(&c->now.ds, now, i, &required, NULL)) || required == before)
            continue;
        hrp_compat_tell_rule(c, required, required ? "rule_tightened" : "rule_loosened", path, "the oneof `%s` %s required", name,
                             required ? "is now" : "is no longer");
    }
}

/* ---- options ---- */

static const struct hrp_field_options no_options = {.description = "", .unit = ""};

void hrp_compat_options(struct hrp_compat *c, const struct hrp_field_pair *p)
{
    const struct hrp_field_options *old = p->old->options != NULL ? p->old->options : &no_options;
    const struct hrp_field_options *now = p->now->options != NULL ? p->now->options : &no_options;

    if (strcmp(old->unit, now->unit) != 0)
        hrp_compat_tell(c, HRP_SEMANTIC, "unit_changed", p->path, NULL, "its unit was \"%s\" and is \"%s\"", old->unit, now->unit);
    if (*old->description != '\0' && strcmp(old->description, now->description) != 0)
        hrp_compat_tell(c, HRP_SEMANTIC, "description_changed", p->path, NULL, "its meaning was \"%.200s\" and is \"%.200s\"", old->description, now->description);
    if (old->action != now->action || old->truncate_to != now->truncate_to)
        hrp_compat_tell(c, HRP_SEMANTIC, "personal_action_changed", p->path, NULL, "what becomes of it as personal data is another");
    else if (old->personal != now->personal)
        hrp_compat_tell(c, 0, "personal_class_changed", p->path, NULL, "its class of personal data is another");
}

void hrp_compat_event_options(struct hrp_compat *c, const struct hrp_event_options *old, const struct hrp_event_options *now, const char *path)
{
    if (*old->description != '\0' && strcmp(old->description, now->description) != 0)
        hrp_compat_tell(c, HRP_SEMANTIC, "description_changed", path, NULL, "its meaning was \"%.200s\" and is \"%.200s\"", old->description, now->description);
    if (strcmp(old->owner, now->owner) != 0)
        hrp_compat_tell(c, 0, "owner_changed", path, NULL, "its owner was \"%.100s\" and is \"%.100s\"", old->owner, now->owner);
    if (strcmp(old->expires, now->expires) != 0)
        hrp_compat_tell(c, 0, "expiry_changed", path, NULL, "it expired \"%s\" and expires \"%s\"", old->expires, now->expires);
    if (old->delivery != now->delivery)
        hrp_compat_tell(c, 0, "delivery_changed", path, NULL, "its delivery class is another");
}
