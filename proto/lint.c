#include "lint.h"
#include "lint_names.h"
#include "options_read.h"
#include "rules_read.h"
#include <stdio.h>
#include <string.h>

#define TYPE(name) GOOGLE__PROTOBUF__FIELD_DESCRIPTOR_PROTO__TYPE__TYPE_##name

struct lint {
    struct hrp_descset all;      /* to find events, and to remember what was looked at */
    bool *seen;                  /* [all.n_symbols] */
    const uint8_t *set;
    size_t n_set;
    const char *today;
    const struct hrp_limits *lim;
    const struct hrp_regex *regex;
    void (*fn)(void *arg, const struct hrp_finding *finding);
    void *arg;
    struct hr_error *err;
};

const char *hrp_lint_severity_name(unsigned severity)
{
    return severity == HRP_LINT_NOTE ? "note" : severity == HRP_LINT_WARNING ? "warning" : "error";
}

/* ---- findings ---- */

static void tell(const struct lint *l, enum hrp_lint_severity severity, const char *code, const char *place, const char *path,
                 const char *sentence)
{
    struct hrp_finding f = {place, severity, code, path, sentence};

    l->fn(l->arg, &f);
}

static void tell_type(const struct lint *l, const struct hrp_symbol *sym, enum hrp_lint_severity severity, const char *code,
                      const char *sentence)
{
    char place[HRP_MAX_PLACE];

    tell(l, severity, code, hrp_symbol_place(sym, NULL, 0, place), sym->name, sentence);
}

struct at { /* the field being looked at */
    const struct lint *l;
    const struct hrp_type *t;
    const struct hrp_type_field *f;
};

static void tell_field(const struct at *at, enum hrp_lint_severity severity, const char *code, const char *sentence)
{
    char place[HRP_MAX_PLACE], path[HRP_MAX_FULL_NAME + HRP_MAX_NAME + 2];

    snprintf(path, sizeof path, "%s.%s", at->t->sym->name, at->f->d->name);
    tell(at->l, severity, code, hrp_field_place(at->t, at->f, NULL, 0, place), path, sentence);
}

/* What was refused, with the place at its beginning; the rest is the sentence. */
static void tell_refused(const struct lint *l, const char *name, const struct hr_error *err)
{
    const char *colon = strstr(err->text, ": ");
    char place[sizeof err->text];
    size_t n = colon != NULL ? (size_t)(colon - err->text) : 0;

    memcpy(place, err->text, n);
    place[n] = '\0';
    tell(l, HRP_LINT_ERROR, "refused", place, name, colon != NULL ? colon + 2 : err->text);
}

/* ---- fields ---- */

static bool is_integer(const struct hrp_type_field *f)
{
    switch (f->pb_type) {
    case TYPE(DOUBLE):
    case TYPE(FLOAT):
    case TYPE(BOOL):
    case TYPE(STRING):
    case TYPE(BYTES):
    case TYPE(ENUM):
    case TYPE(MESSAGE):
    case TYPE(GROUP):
        return false;
    default:
        return true;
    }
}

/* Fractions are measured, integers often are counted or name something: of them only those that sound like a quantity. */
static void unit_look(const struct at *at)
{
    const char *name = at->f->d->name;
    bool real = at->f->pb_type == TYPE(DOUBLE) || at->f->pb_type == TYPE(FLOAT);

    if ((at->f->options != NULL && *at->f->options->unit != '\0') || hrp_name_has_unit(name))
        return;
    if (is_integer(at->f) && hrp_name_is_time(name))
        tell_field(at, HRP_LINT_WARNING, "time_without_unit",
                   "a time as an integer: give it a unit (\"us\" since 1970), or make it a google.protobuf.Timestamp");
    else if (real || (is_integer(at->f) && hrp_name_is_quantity(name)))
        tell_field(at, HRP_LINT_WARNING, "unit_missing", "a quantity without a unit; \"1\" is the unit of a plain number");
}

static void personal_look(const struct at *at)
{
    const struct hrp_field_options *o = at->f->options;
    const char *class = hrp_name_personal(at->t->sym->name, at->f->d->name);
    char sentence[160];

    if (o != NULL && o->classified) {
        if (o->personal > HRP_PERSONAL_ID && o->action == HRP_PERSONAL_KEEP)
            tell_field(at, HRP_LINT_NOTE, "personal_kept", "personal data that is stored as it comes; action HASH, TRUNCATE or DROP would spare it");
        return;
    }
    if (class == NULL || at->f->pb_type == TYPE(BOOL) || at->f->pb_type == TYPE(ENUM))
        return;
    snprintf(sentence, sizeof sentence, "sounds like personal data: say personal.class %s, or NOT_PERSONAL", class);
    tell_field(at, HRP_LINT_WARNING, "personal_missing", sentence);
}

static bool is_dropped(const struct hrp_type_field *f)
{
    return f->options != NULL && f->options->action == HRP_PERSONAL_DROP;
}

static int rules_look(const struct at *at, struct hrp_descset *ds, bool one_of_some)
{
    const struct hrp_field_rules *rules;
    int r = hrp_rules_of_field(ds, at->t, at->f, &rules, at->l->err);

    if (r != 0)
        return r;
    if (rules == NULL || (!rules->required && rules->type == HRP_RULES_NONE && rules->ignore == HRP_IGNORE_UNSPECIFIED)) {
        if (!one_of_some && at->f->pb_type != TYPE(BOOL))
            tell_field(at, HRP_LINT_NOTE, "rules_missing", "no rule: every value is as good as any other");
    } else if (is_dropped(at->f) && rules->required) {
        tell_field(at, HRP_LINT_ERROR, "required_but_dropped", "its rules require a value, and personal.action takes it away: each row would break them");
    } else if (is_dropped(at->f) && !at->f->explicit_presence && !at->f->repeated && rules->ignore == HRP_IGNORE_UNSPECIFIED) {
        tell_field(at, HRP_LINT_WARNING, "rules_on_dropped", "personal.action takes its value away, and its rules will see zero; make it optional");
    }
    return 0;
}

static int field_look(const struct at *at, struct hrp_descset *ds)
{
    bool in_oneof = hrp_field_in_oneof(at->t, at->f);

    if (at->t->map_entry)
        return 0; /* the map itself is looked at */
    if (!hrp_name_is_snake(at->f->d->name))
        tell_field(at, HRP_LINT_WARNING, "name_style", "names of fields are lower_snake_case, so that they look alike in every language");
    if (at->f->options == NULL || *at->f->options->description == '\0')
        tell_field(at, HRP_LINT_WARNING, "description_missing", "no description: what does it mean, and when is it absent?");
    unit_look(at);
    personal_look(at);
    return rules_look(at, ds, in_oneof);
}

static bool says_nothing(const char *value)
{
    static const char *const endings[] = {"UNSPECIFIED", "UNKNOWN", "NONE", "UNDEFINED", "INVALID"};
    size_t n = strlen(value);

    for (size_t i = 0; i < sizeof endings / sizeof *endings; i++) {
        size_t n_end = strlen(endings[i]);

        if (n >= n_end && strcmp(value + n - n_end, endings[i]) == 0)
            return true;
    }
    return false;
}

static void enum_look(const struct lint *l, const struct hrp_symbol *sym)
{
    for (size_t i = 0; i < sym->enm->n_value; i++) {
        if (sym->enm->value[i]->number == 0 && says_nothing(sym->enm->value[i]->name))
            return;
    }
    tell_type(l, sym, HRP_LINT_WARNING, "enum_zero", "0 is what an unset field says: name it ..._UNSPECIFIED, and give every meaning another number");
}

/* ---- types ---- */

static bool first_look(const struct lint *l, const char *name)
{
    const struct hrp_symbol *sym = hrp_descset_find(&l->all, name);
    bool first = !l->seen[sym - l->all.symbols];

    l->seen[sym - l->all.symbols] = true;
    return first;
}

/* Files that come with protobuf, with the rules, and with us. */
static bool is_others(const char *name)
{
    static const char *const packages[] = {"google.protobuf.", "buf.validate.", "headrace."};

    for (size_t i = 0; i < sizeof packages / sizeof *packages; i++) {
        if (strncmp(name, packages[i], strlen(packages[i])) == 0)
            return true;
    }
    return false;
}

static int type_look(const struct lint *l, struct hrp_descset *ds, const struct hrp_type *t)
{
    struct at at = {l, t, NULL};
    int r = 0;

    if (is_others(t->sym->name) || !first_look(l, t->sym->name))
        return 0;
    for (uint32_t i = 0; i < t->n_fields && r == 0; i++) {
        at.f = &t->fields[i];
        if (at.f->enm != NULL && !is_others(at.f->enm->name) && first_look(l, at.f->enm->name))
            enum_look(l, at.f->enm);
        r = field_look(&at, ds);
    }
    return r;
}

static void event_look(const struct lint *l, const struct hrp_types *ts)
{
    const struct hrp_symbol *sym = ts->list[0]->sym;
    char sentence[96];

    if (*ts->event.owner == '\0')
        tell_type(l, sym, HRP_LINT_WARNING, "owner_missing", "no owner: whom to ask, once rows are missing or odd?");
    if (*ts->event.description == '\0')
        tell_type(l, sym, HRP_LINT_WARNING, "description_missing", "no description: what happened when it is logged?");
    if (l->today != NULL && *ts->event.expires != '\0' && strcmp(ts->event.expires, l->today) < 0) {
        snprintf(sentence, sizeof sentence, "expired on %s: renew the date, or stop logging it", ts->event.expires);
        tell_type(l, sym, HRP_LINT_ERROR, "expired", sentence);
    }
}

/* ---- events ---- */

static int types_look(const struct lint *l, struct hrp_descset *ds, struct hrp_symbol *sym)
{
    struct hrp_buf canonical = HRP_BUF_INIT;
    struct hrp_types types;
    int r = hrp_descset_canonical(ds, sym->file, &canonical, l->err); /* which also finds the files in which types may be */

    hrp_buf_fini(&canonical);
    if (r == 0)
        r = hrp_types_collect(ds, sym, l->lim, &types, l->err);
    if (r == 0)
        event_look(l, &types);
    for (uint32_t i = 0; r == 0 && i < types.n; i++)
        r = type_look(l, ds, types.list[i]);
    return r;
}

static int event_lint(const struct lint *l, const char *name)
{
    struct hrp_descset ds = {0};
    struct hr_error why = {0};
    struct lint inner = *l;
    int r = hrp_rules_vet(l->set, l->n_set, name, l->lim, l->regex, &why);

    if (r == 0)
        r = hrp_descset_open(l->set, l->n_set, l->lim, &ds, &why);
    inner.err = &why;
    if (r == 0)
        r = types_look(&inner, &ds, hrp_descset_find(&ds, name));
    hrp_descset_fini(&ds);
    if (r == HR_ESCHEMA || r == HR_ELIMIT) {
        tell_refused(l, name, &why);
        return 0;
    }
    return r == 0 ? 0 : hr_error_set(l->err, r, "%s", why.text);
}

static bool is_event_option(const pb_message *m)
{
    const Google__Protobuf__MessageOptions *o = m->options;

    for (unsigned i = 0; o != NULL && i < o->base.n_unknown_fields; i++) {
        if (o->base.unknown_fields[i].tag == HRP_OPTIONS_NUMBER)
            return true;
    }
    return false;
}

/* Marks what fields name as their type. */
static void used_mark(const struct lint *l, bool *used)
{
    for (uint32_t i = 0; i < l->all.n_symbols; i++) {
        const pb_message *m = l->all.symbols[i].msg;

        for (size_t k = 0; m != NULL && k < m->n_field; k++) {
            const char *of = m->field[k]->type_name;
            const struct hrp_symbol *sym = of != NULL && of[0] == '.' ? hrp_descset_find(&l->all, of + 1) : NULL;

            if (sym != NULL && sym->msg != m)
                used[sym - l->all.symbols] = true;
        }
    }
}

static int events_lint(const struct lint *l, bool *used)
{
    int r = 0;

    used_mark(l, used);
    for (uint32_t i = 0; i < l->all.n_symbols && r == 0; i++) {
        const struct hrp_symbol *sym = &l->all.symbols[i];

        if (sym->msg == NULL || is_others(sym->name) || sym->n_path != 2) /* a nested one is nobody's event */
            continue;
        if (!used[i] || is_event_option(sym->msg))
            r = event_lint(l, sym->name);
    }
    return r;
}

int hrp_lint(const uint8_t *fdset, size_t n, const char *full_name, const char *today, const struct hrp_limits *lim,
             const struct hrp_regex *regex, void (*fn)(void *arg, const struct hrp_finding *finding), void *arg, struct hr_error *err)
{
    struct lint l = {.set = fdset, .n_set = n, .today = today, .lim = lim, .regex = regex, .fn = fn, .arg = arg, .err = err};
    const struct hrp_symbol *sym;
    bool *used;
    int r = hrp_descset_open(fdset, n, lim, &l.all, err);

    if (r != 0)
        return r;
    l.seen = hrp_arena_take(l.all.arena, l.all.n_symbols + 1, sizeof *l.seen);
    used = hrp_arena_take(l.all.arena, l.all.n_symbols + 1, sizeof *used);
    if (l.seen == NULL || used == NULL) {
        r = hrp_descset_nomem(&l.all, err);
    } else {
        memset(l.seen, 0, l.all.n_symbols * sizeof *l.seen);
        memset(used, 0, l.all.n_symbols * sizeof *used);
        sym = full_name != NULL ? hrp_descset_find(&l.all, full_name) : NULL;
        if (full_name == NULL)
            r = events_lint(&l, used);
        else
            r = sym != NULL && sym->msg != NULL ? event_lint(&l, full_name) : hrp_descset_no_message(&l.all, full_name, err);
    }
    hrp_descset_fini(&l.all);
    return r;
}
