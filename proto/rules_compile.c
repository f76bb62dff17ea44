/* A schema's rules to checks: one walk over the message types, along the schema's nodes, so that each check knows its column
 * and its site (the path from the event, the rule, the message) before the first row comes.
 *
 * Which values a field's rules see depends on presence, as protovalidate has it: a field with presence when it is set; one
 * without always, unless zero is to be ignored. Behind an opaque leaf a program of its own goes on. */
#include "rules_impl.h"
#include "alloc.h"
#include <string.h>

#define PB(name) GOOGLE__PROTOBUF__FIELD_DESCRIPTOR_PROTO__TYPE__TYPE_##name

int hrp_rules_nomem(struct compile *c) { return hr_error_set(c->err, HR_ENOMEM, "out of memory"); }

void *hrp_rules_take(struct compile *c, uint64_t n, size_t size)
{
    void *p = hrp_arena_take(c->rules->ds.arena, n, size);

    if (p == NULL)
        hrp_descset_nomem(&c->rules->ds, c->err);
    else
        memset(p, 0, n * size);
    return p;
}

int hrp_rules_err(const struct compile *c)
{
    int r = hrp_arena_err(c->rules->ds.arena);

    return r != 0 ? r : HR_ENOMEM;
}

/* ---- checks ---- */

static struct rule_check *append(struct compile *c)
{
    struct rule_program *p = &c->rules->programs[c->i_program];
    uint32_t cap = p->cap != 0 ? 2 * p->cap : 16;
    struct rule_check *checks;

    if (p->n == p->cap) {
        checks = hrp_realloc(p->checks, cap * sizeof *checks);
        if (checks == NULL) {
            hrp_rules_nomem(c);
            return NULL;
        }
        p->checks = checks;
        p->cap = cap;
    }
    memset(&p->checks[p->n], 0, sizeof *p->checks);
    return &p->checks[p->n++];
}

static const struct hrp_path_element *copy_path(struct compile *c, const struct hrp_path_element *from, uint32_t n)
{
    struct hrp_path_element *to = hrp_rules_take(c, (uint64_t)n + 1, sizeof *to);

    if (to != NULL)
        memcpy(to, from, n * sizeof *to);
    return to;
}

struct rule_check *hrp_rules_add(struct compile *c, const struct hrp_node *node, uint8_t kind, uint8_t test, const char *id, const char *message,
                                 const struct hrp_rule_def *def)
{
    struct hrp_path_element rule[9];
    uint32_t n_rule = def != NULL ? c->n_rule : 0;
    struct rule_check *ck;
    struct hrp_site site = {.rule_id = id, .message = message, .for_key = c->for_key, .n_field = c->n_field};

    if (id == NULL || message == NULL) /* of a text that found no memory */
        return NULL;
    memcpy(rule, c->rule, n_rule * sizeof *rule);
    if (def != NULL && def->number != 0)
        rule[n_rule++] = (struct hrp_path_element){.number = def->number, .name = def->name, .type = def->pb_type};
    site.n_rule = n_rule;
    site.field = copy_path(c, c->field, c->n_field);
    site.rule = site.field != NULL ? copy_path(c, rule, n_rule) : NULL;
    ck = site.rule != NULL ? append(c) : NULL;
    if (ck == NULL)
        return NULL;
    ck->kind = kind;
    ck->test = test;
    ck->node = node->id;
    ck->site = site;
    c->rules->programs[c->i_program].active = true;
    return ck;
}

/* ---- rule paths ---- */

static void push_rule(struct compile *c, uint32_t number, const char *name)
{
    c->rule[c->n_rule++] = (struct hrp_path_element){.number = number, .name = name, .type = PB(MESSAGE)};
}

static void push_type(struct compile *c, enum hrp_rules_type type) { push_rule(c, type, hrp_rules_type_name(type)); }

/* ---- programs of the types behind opaque leaves ---- */

static int program_of(struct compile *c, const struct hrp_node *leaf, uint32_t *ret)
{
    struct hrp_rules *rules = c->rules;
    struct hrp_schema *schema = hrp_schema_of_msg(rules->programs[c->i_program].schema, leaf);
    struct rule_program *p;

    if (schema == NULL)
        return hrp_rules_nomem(c);
    for (*ret = 0; *ret < rules->n_programs; (*ret)++)
        if (rules->programs[*ret].schema == schema)
            return 0;
    if (rules->n_programs == HRP_MAX_OPAQUE_TYPES)
        return hr_error_set(c->err, HR_ELIMIT, "%s: more than %u types behind fields that stay closed", leaf->path, HRP_MAX_OPAQUE_TYPES);
    if (rules->n_programs == rules->cap_programs) {
        uint32_t cap = rules->cap_programs != 0 ? 2 * rules->cap_programs : 4;

        p = hrp_realloc(rules->programs, cap * sizeof *p);
        if (p == NULL)
            return hrp_rules_nomem(c);
        rules->programs = p;
        rules->cap_programs = cap;
    }
    rules->programs[rules->n_programs++] = (struct rule_program){.schema = schema};
    return 0;
}

static int add_child(struct compile *c, const struct hrp_node *leaf)
{
    struct rule_program *p = &c->rules->programs[c->i_program];
    bool active = p->active; /* whether the child can fail is not known yet */
    uint32_t child = 0;
    int r = program_of(c, leaf, &child);
    struct rule_check *ck = r == 0 ? hrp_rules_add(c, leaf, CHECK_CHILD, 0, "", "", NULL) : NULL;

    if (ck == NULL)
        return r != 0 ? r : hrp_rules_err(c);
    ck->program = child;
    c->rules->programs[c->i_program].active = active;
    return 0;
}

/* ---- messages ---- */

static int walk(struct compile *c, const struct hrp_node *node, struct hrp_type *t);

static struct hrp_schema *schema_of(const struct compile *c) { return c->rules->programs[c->i_program].schema; }

static const struct hrp_node *child(const struct compile *c, const struct hrp_node *node, int32_t number)
{
    return hrp_schema_field(schema_of(c), node, (uint32_t)number);
}

static int oneof_required(struct compile *c, const struct hrp_node *node, struct hrp_type *t, uint32_t i)
{
    const char *name = t->sym->msg->oneof_decl[i]->name;
    const struct hrp_node *oneof = NULL;
    bool wanted;
    int r = hrp_rules_of_oneof(&c->rules->ds, t, i, &wanted, c->err);

    for (uint32_t id = node->id + 1; id < node->end && oneof == NULL; id = c->nodes[id].end)
        if (c->nodes[id].kind == HRP_NODE_ONEOF && strcmp(c->nodes[id].name, name) == 0)
            oneof = &c->nodes[id];
    if (r != 0 || !wanted || oneof == NULL)
        return r;
    c->field[c->n_field++] = (struct hrp_path_element){.name = oneof->name};
    if (hrp_rules_add(c, oneof, CHECK_ONEOF, 0, "required", "exactly one field is required in oneof", NULL) == NULL)
        r = hrp_rules_err(c);
    c->n_field--;
    return r;
}

static const char *names_of(struct compile *c, const struct hrp_message_oneof *o)
{
    const char *all = o->fields[0];

    for (uint32_t i = 1; i < o->n_fields && all != NULL; i++)
        all = hrp_rules_text(c, "%s, %s", all, o->fields[i]);
    return all;
}

static int message_oneof(struct compile *c, const struct hrp_node *node, const struct hrp_message_oneof *o)
{
    const char *names = names_of(c, o);
    uint32_t *fields = hrp_rules_take(c, o->n_fields, sizeof *fields);
    const char *many = names != NULL ? hrp_rules_text(c, "only one of %s can be set", names) : NULL;
    const char *none = many != NULL ? hrp_rules_text(c, "one of %s must be set", names) : NULL;
    struct rule_check *ck;

    for (int pass = 0; pass < 1 + o->required; pass++) {
        ck = fields != NULL ? hrp_rules_add(c, node, CHECK_MESSAGE_ONEOF, 0, "message.oneof", pass == 0 ? many : none, NULL) : NULL;
        if (ck == NULL)
            return hrp_rules_err(c);
        for (uint32_t i = 0; i < o->n_fields; i++)
            fields[i] = hrp_schema_field_by_name(schema_of(c), node, o->fields[i], strlen(o->fields[i]))->id;
        ck->fields = fields;
        ck->n_list = o->n_fields;
        ck->required = pass == 1;
    }
    return 0;
}

static bool in_message_oneof(const struct hrp_message_rules *mr, const char *name)
{
    for (uint32_t i = 0; mr != NULL && i < mr->n_oneofs; i++)
        for (uint32_t k = 0; k < mr->oneofs[i].n_fields; k++)
            if (strcmp(mr->oneofs[i].fields[k], name) == 0)
                return true;
    return false;
}

/* ---- fields ---- */

static const struct hrp_field_rules no_rules;

static bool defined_only(const struct hrp_field_rules *fr)
{
    const struct hrp_rule *rule = fr->type == HRP_RULES_ENUM ? hrp_rule_find(fr, "defined_only") : NULL;

    return rule != NULL && rule->values[0].i != 0;
}

/* Values of one kind: a field, the items of a list, the keys or values of a map. */
static int values(struct compile *c, const struct hrp_node *node, const struct hrp_type_field *f, const struct hrp_field_rules *fr, bool skip_zero,
                  int64_t zero)
{
    int r = hrp_rules_typed(c, node, f, fr, skip_zero, zero);

    if (r == 0 && c->rules->door && f->enm != NULL && !defined_only(fr))
        r = hrp_rules_enum_values(c, node, f, "headrace.unknown_enum", "a number that its enum has no name for", NULL);
    if (r != 0 || f->msg == NULL || f->msg->map_entry)
        return r;
    return node->opaque ? add_child(c, node) : walk(c, node, f->msg);
}

static int64_t zero_of(const struct hrp_type_field *f) /* of an element */
{
    return f->enm != NULL && f->enm->enm->value[0]->has_number ? f->enm->enm->value[0]->number : 0;
}

static int part(struct compile *c, const struct hrp_node *node, const struct hrp_type_field *f, const struct hrp_field_rules *fr, uint32_t number,
                const char *name)
{
    uint32_t n_rule = c->n_rule;
    int r;

    if (fr == NULL)
        fr = &no_rules;
    if (fr->ignore == HRP_IGNORE_ALWAYS)
        return 0;
    push_rule(c, number, name);
    r = values(c, node, f, fr, fr->ignore == HRP_IGNORE_IF_ZERO_VALUE && f->msg == NULL, zero_of(f)); /* a message that is there is not zero */
    c->n_rule = n_rule;
    return r;
}

struct size_rule { /* of a list or a map */
    const char *name, *id, *before, *after; /* what its message has before and after the number */
    bool most;
};
static const struct size_rule map_sizes[] = {{"min_pairs", "map.min_pairs", "map must be at least ", " entries", false},
                                             {"max_pairs", "map.max_pairs", "map must be at most ", " entries", true}};
static const struct size_rule list_sizes[] = {{"min_items", "repeated.min_items", "must contain at least ", " item(s)", false},
                                              {"max_items", "repeated.max_items", "must contain no more than ", " item(s)", true}};

static int size_checks(struct compile *c, const struct hrp_node *node, const struct hrp_field_rules *fr, const struct size_rule sizes[2], bool skip_empty)
{
    for (const struct size_rule *s = sizes; s < sizes + 2; s++) {
        const struct hrp_rule *rule = hrp_rule_find(fr, s->name);
        struct rule_check *ck;
        uint64_t n;

        if (rule == NULL)
            continue;
        n = rule->values[0].u;
        ck = hrp_rules_add(c, node, CHECK_SIZE, TEST_RANGE, s->id, hrp_rules_text(c, "%s%llu%s", s->before, (unsigned long long)n, s->after), rule->def);
        if (ck == NULL)
            return hrp_rules_err(c);
        ck->lo.u = s->most ? 0 : n;
        ck->hi.u = s->most ? n : UINT64_MAX;
        ck->skip_zero = skip_empty;
    }
    return 0;
}

static int map_field(struct compile *c, const struct hrp_node *node, const struct hrp_type_field *f, const struct hrp_field_rules *fr, bool skip)
{
    const struct hrp_type_field *key = &f->msg->fields[0], *value = &f->msg->fields[1];
    struct hrp_path_element *e = &c->field[c->n_field - 1];
    int r;

    if (key->d->number != 1) { /* in any order */
        value = key;
        key = &f->msg->fields[1];
    }
    e->key_type = (uint8_t)key->d->type;
    e->value_type = value->pb_type;
    push_type(c, HRP_RULES_MAP);
    r = size_checks(c, node, fr, map_sizes, skip);
    e->subscripted = true;
    c->for_key = true;
    if (r == 0)
        r = part(c, child(c, node, 1), key, fr->keys, 4, "keys");
    c->for_key = false;
    if (r == 0)
        r = part(c, child(c, node, 2), value, fr->values, 5, "values");
    c->n_rule--;
    return r;
}

static int list_field(struct compile *c, const struct hrp_node *node, const struct hrp_type_field *f, const struct hrp_field_rules *fr, bool skip)
{
    const struct hrp_rule *unique = hrp_rule_find(fr, "unique");
    int r;

    push_type(c, HRP_RULES_REPEATED);
    r = size_checks(c, node, fr, list_sizes, skip);
    if (r == 0 && unique != NULL && unique->values[0].i != 0) {
        if (f->msg != NULL)
            return hr_error_set(c->err, HR_ESCHEMA, "%s: %s: repeated.unique on a list of messages can't be checked", f->msg->sym->file->name,
                                node->path);
        if (hrp_rules_add(c, node, CHECK_UNIQUE, 0, "repeated.unique", "repeated value must contain unique items", unique->def) == NULL)
            r = hrp_rules_err(c);
    }
    c->field[c->n_field - 1].subscripted = true;
    if (r == 0)
        r = part(c, node, f, fr->items, 4, "items");
    c->n_rule--;
    return r;
}

static int field_checks(struct compile *c, const struct hrp_node *node, const struct hrp_type_field *f, const struct hrp_field_rules *fr, bool if_zero)
{
    static const struct hrp_rule_def required = {.number = 25, .name = "required", .pb_type = PB(BOOL)};
    bool skip = if_zero || fr->required;

    if (fr->required && hrp_rules_add(c, node, CHECK_REQUIRED, 0, "required", "value is required", &required) == NULL)
        return hrp_rules_err(c);
    if (hrp_field_is_map(f))
        return map_field(c, node, f, fr, skip);
    if (f->repeated)
        return list_field(c, node, f, fr, skip);
    return values(c, node, f, fr, skip && !node->explicit_presence && !node->oneof_member && f->msg == NULL, 0);
}

static int field(struct compile *c, const struct hrp_node *parent, struct hrp_type *t, const struct hrp_type_field *f,
                 const struct hrp_message_rules *mr)
{
    const struct hrp_node *node = child(c, parent, f->d->number);
    const struct hrp_field_rules *fr;
    bool if_zero;
    int r = hrp_rules_of_field(&c->rules->ds, t, f, &fr, c->err);

    if (r != 0)
        return r;
    if (fr == NULL)
        fr = &no_rules;
    if (fr->ignore == HRP_IGNORE_ALWAYS)
        return 0;
    if (c->n_field + 2 > sizeof c->field / sizeof *c->field)
        return hr_error_set(c->err, HR_ELIMIT, "%s: nested too deep for its rules to be checked", node->path);
    if_zero = fr->ignore == HRP_IGNORE_IF_ZERO_VALUE || (!fr->has_ignore && in_message_oneof(mr, f->d->name));
    c->field[c->n_field++] = (struct hrp_path_element){.number = node->number, .name = node->name, .type = f->pb_type};
    r = field_checks(c, node, f, fr, if_zero);
    c->n_field--;
    return r;
}

static int unknown_fields(struct compile *c, const struct hrp_node *node)
{
    const struct hrp_node *unknown = NULL;

    for (uint32_t id = node->id + 1; id < node->end && unknown == NULL; id = c->nodes[id].end)
        if (c->nodes[id].unknown)
            unknown = &c->nodes[id];
    if (unknown == NULL)
        return 0;
    return hrp_rules_add(c, unknown, CHECK_UNKNOWN, 0, "headrace.unknown_field", "has a field that its schema does not know", NULL) != NULL
               ? 0
               : hrp_rules_err(c);
}

static int walk(struct compile *c, const struct hrp_node *node, struct hrp_type *t)
{
    struct hrp_path_element rule[8];
    uint32_t n_rule = c->n_rule;
    const struct hrp_message_rules *mr;
    bool for_key = c->for_key;
    int r = hrp_rules_of_message(&c->rules->ds, t, &mr, c->err);

    memcpy(rule, c->rule, sizeof rule);
    c->n_rule = 0; /* rules of a message begin anew */
    c->for_key = false;
    if (r == 0 && c->rules->door)
        r = unknown_fields(c, node);
    for (uint32_t i = 0; r == 0 && mr != NULL && i < mr->n_oneofs; i++)
        r = message_oneof(c, node, &mr->oneofs[i]);
    for (uint32_t i = 0; r == 0 && i < t->n_oneofs; i++)
        if (t->oneof_members[i] != 0)
            r = oneof_required(c, node, t, i);
    for (uint32_t i = 0; r == 0 && i < t->n_fields; i++)
        r = field(c, node, t, &t->fields[i], mr);
    memcpy(c->rule, rule, sizeof rule);
    c->n_rule = n_rule;
    c->for_key = for_key;
    return r;
}

/* ---- all of it ---- */

/* A program that can't fail itself is active when one that it leads to is. */
static void spread_active(struct hrp_rules *rules)
{
    bool again = true;

    while (again) {
        again = false;
        for (uint32_t i = 0; i < rules->n_programs; i++) {
            struct rule_program *p = &rules->programs[i];

            for (uint32_t k = 0; k < p->n && !p->active; k++)
                if (p->checks[k].kind == CHECK_CHILD && rules->programs[p->checks[k].program].active)
                    p->active = again = true;
        }
    }
}

static int compile_program(struct hrp_rules *rules, uint32_t i, struct hr_error *err)
{
    struct hrp_schema *schema = rules->programs[i].schema;
    struct compile c = {.rules = rules, .i_program = i, .nodes = hrp_schema_nodes(schema), .err = err};

    return walk(&c, &c.nodes[0], hrp_descset_find(&rules->ds, hrp_schema_name(schema))->type);
}

int hrp_rules_compile(struct hrp_rules *rules, struct hr_error *err)
{
    int r = 0;

    for (uint32_t i = 0; r == 0 && i < rules->n_programs; i++) /* each may add more */
        r = compile_program(rules, i, err);
    if (r != 0)
        return r;
    spread_active(rules);
    rules->empty = !rules->programs[0].active;
    return 0;
}
