/* From checked message types to nodes: one walk in declaration order. A oneof stands where its first member was
 * declared, with all its members; `unknown` is a message's last child. */
#include "schema_tree.h"
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define TYPE(name) GOOGLE__PROTOBUF__FIELD_DESCRIPTOR_PROTO__TYPE__TYPE_##name
#define LABEL(name) GOOGLE__PROTOBUF__FIELD_DESCRIPTOR_PROTO__LABEL__LABEL_##name

struct seen_enum { /* an enum is kept once, whatever the number of its fields */
    const struct hrp_symbol *sym;
    const struct hrp_enum *enm;
};
struct flat {
    const struct hrp_types *ts;
    struct hrp_arena *arena;
    struct hr_error *err;
    struct hrp_tree *tree;
    uint32_t n; /* nodes so far */
    struct seen_enum *enums; /* open addressing by the symbol's place, n_slots a power of two */
    uint32_t n_slots;
    int res; /* the first failure; what returns pointers answers NULL then */
};

static int message_below(struct flat *fl, const struct hrp_type *t, struct hrp_node *msg, uint32_t depth);

/* err says it already, unless it was the memory. */
static void *fail(struct flat *fl, int r)
{
    fl->res = r;
    return NULL;
}

static void *fail_memory(struct flat *fl)
{
    int r = hrp_arena_err(fl->arena);

    return fail(fl, hr_error_set(fl->err, r, r == HR_ELIMIT ? "%s: the schema needs more memory than it may take" : "%s: out of memory",
                                 fl->ts->list[0]->sym->name));
}

static void *take(struct flat *fl, size_t n, size_t size)
{
    void *p = hrp_arena_take(fl->arena, n, size);

    return p != NULL ? p : fail_memory(fl);
}

/* ---- strings ---- */

static const char *copy_str(struct flat *fl, const char *s)
{
    size_t n = strlen(s) + 1;
    char *p = take(fl, n, 1);

    return p != NULL ? memcpy(p, s, n) : NULL;
}

static const char *join_path(struct flat *fl, const char *parent, const char *name)
{
    size_t n_parent = strlen(parent), n = strlen(name);
    char *p = take(fl, n_parent + n + 2, 1), *q = p;

    if (p == NULL)
        return NULL;
    memcpy(q, parent, n_parent);
    q += n_parent;
    if (n_parent != 0)
        *q++ = '.';
    memcpy(q, name, n + 1);
    return p;
}

/* lowerCamelCase as protoc makes it: an underscore goes, and the letter after it becomes a capital. */
static const char *json_name(struct flat *fl, const pb_field *d)
{
    const char *from = d->json_name != NULL && *d->json_name != '\0' ? d->json_name : NULL;
    bool up = false;
    char *p, *q;

    if (from != NULL)
        return copy_str(fl, from);
    p = q = take(fl, strlen(d->name) + 1, 1);
    if (p == NULL)
        return NULL;
    for (from = d->name; *from != '\0'; from++) {
        if (*from != '_')
            *q++ = up && *from >= 'a' && *from <= 'z' ? (char)(*from - 'a' + 'A') : *from;
        up = *from == '_';
    }
    *q = '\0';
    return p;
}

/* ---- enums ---- */

static const struct hrp_enum *enum_copy(struct flat *fl, const struct hrp_symbol *sym)
{
    struct hrp_enum *e = take(fl, 1, sizeof *e);
    struct hrp_enum_value *v = e != NULL ? take(fl, sym->enm->n_value + 1, sizeof *v) : NULL;

    if (v == NULL)
        return NULL;
    e->full_name = copy_str(fl, sym->name);
    e->n_values = (uint32_t)sym->enm->n_value;
    e->values = v;
    for (uint32_t i = 0; i < e->n_values && fl->res == 0; i++) {
        v[i].number = sym->enm->value[i]->number;
        v[i].name = copy_str(fl, sym->enm->value[i]->name);
    }
    return fl->res == 0 ? e : NULL;
}

static const struct hrp_enum *enum_of(struct flat *fl, const struct hrp_symbol *sym)
{
    uint32_t i = (uint32_t)(sym - fl->ts->ds->symbols) & (fl->n_slots - 1);

    while (fl->enums[i].sym != NULL && fl->enums[i].sym != sym)
        i = (i + 1) & (fl->n_slots - 1);
    if (fl->enums[i].sym == NULL)
        fl->enums[i] = (struct seen_enum){sym, enum_copy(fl, sym)};
    return fl->enums[i].enm;
}

/* ---- options ---- */

static const struct hrp_field_options *field_options(struct flat *fl, const struct hrp_field_options *from)
{
    struct hrp_field_options *o = take(fl, 1, sizeof *o);

    if (o == NULL)
        return NULL;
    *o = *from;
    o->description = copy_str(fl, from->description);
    o->unit = copy_str(fl, from->unit);
    fl->tree->has_secret |= o->action != HRP_PERSONAL_KEEP;
    return o;
}

static void event_options(struct flat *fl)
{
    const struct hrp_event_options *from = &fl->ts->event;

    fl->tree->event = (struct hrp_event_options){copy_str(fl, from->owner), copy_str(fl, from->description), copy_str(fl, from->expires),
                                                 from->delivery};
}

/* ---- nodes ---- */

static enum hrp_phys phys_of(int type)
{
    switch (type) {
    case TYPE(DOUBLE):
        return HRP_PHYS_F64;
    case TYPE(FLOAT):
        return HRP_PHYS_F32;
    case TYPE(STRING):
    case TYPE(BYTES):
    case TYPE(MESSAGE): /* opaque ones */
    case TYPE(GROUP):
        return HRP_PHYS_BYTES;
    case TYPE(UINT32):
    case TYPE(UINT64):
    case TYPE(FIXED32):
    case TYPE(FIXED64):
        return HRP_PHYS_U64;
    default:
        return HRP_PHYS_I64;
    }
}

static struct hrp_node *node_add(struct flat *fl, const struct hrp_node *parent, const char *path, const char *name)
{
    struct hrp_node *n = &fl->tree->nodes[fl->n];

    memset(n, 0, sizeof *n);
    n->id = fl->n++;
    n->parent = parent->id;
    n->end = n->id + 1;
    n->kind = HRP_NODE_LEAF;
    n->name = copy_str(fl, name);
    n->json_name = "";
    n->path = join_path(fl, path, name);
    assert(fl->res != 0 || strlen(n->path) <= HRP_MAX_FULL_NAME); /* as counted */
    return fl->res == 0 ? n : NULL;
}

static int field_message(struct flat *fl, const struct hrp_type_field *f, struct hrp_node *n, uint32_t depth)
{
    n->msg_name = copy_str(fl, f->msg->sym->name);
    if (hrp_field_is_opaque(f, depth)) {
        n->opaque = fl->tree->has_opaque = true;
        n->phys = HRP_PHYS_BYTES;
        return fl->res;
    }
    n->kind = HRP_NODE_MESSAGE;
    n->is_map = f->msg->map_entry;
    return fl->res == 0 ? message_below(fl, f->msg, n, hrp_field_depth(f, depth)) : fl->res;
}

/* `path` is that of the message; the parent may be a oneof of it. */
static int field_add(struct flat *fl, const struct hrp_type_field *f, const struct hrp_node *parent, const char *path, uint32_t depth)
{
    struct hrp_node *n = node_add(fl, parent, path, f->d->name);

    if (n == NULL)
        return fl->res;
    n->json_name = json_name(fl, f->d);
    n->number = (uint32_t)f->d->number;
    n->pb_type = f->pb_type;
    n->repeated = f->repeated;
    n->required = f->required;
    n->packed = f->packed;
    n->explicit_presence = f->explicit_presence;
    n->options = f->options != NULL ? field_options(fl, f->options) : NULL;
    n->oneof_member = parent->kind == HRP_NODE_ONEOF;
    if (f->msg != NULL)
        return field_message(fl, f, n, depth);
    n->phys = phys_of(f->d->type);
    if (f->enm != NULL)
        n->enm = enum_of(fl, f->enm);
    return fl->res;
}

static int oneof_add(struct flat *fl, const struct hrp_type *t, int32_t index, const struct hrp_node *msg, uint32_t depth)
{
    struct hrp_node *n = node_add(fl, msg, msg->path, t->sym->msg->oneof_decl[index]->name);

    if (n == NULL)
        return fl->res;
    n->kind = HRP_NODE_ONEOF;
    for (uint32_t i = 0; i < t->n_fields && fl->res == 0; i++) {
        if (t->fields[i].d->has_oneof_index && t->fields[i].d->oneof_index == index)
            fl->res = field_add(fl, &t->fields[i], n, msg->path, depth);
    }
    n->end = fl->n;
    return fl->res;
}

static bool first_of_oneof(const struct hrp_type *t, uint32_t at)
{
    for (uint32_t i = 0; i < at; i++) {
        if (t->fields[i].d->has_oneof_index && t->fields[i].d->oneof_index == t->fields[at].d->oneof_index)
            return false;
    }
    return true;
}

static int unknown_add(struct flat *fl, const struct hrp_node *msg)
{
    struct hrp_node *n = node_add(fl, msg, msg->path, "_unknown");

    if (n == NULL)
        return fl->res;
    n->name = "";
    n->phys = HRP_PHYS_BYTES;
    n->unknown = n->explicit_presence = true;
    return 0;
}

static int message_below(struct flat *fl, const struct hrp_type *t, struct hrp_node *msg, uint32_t depth)
{
    for (uint32_t i = 0; i < t->n_fields && fl->res == 0; i++) {
        if (!hrp_field_in_oneof(t, &t->fields[i]))
            fl->res = field_add(fl, &t->fields[i], msg, msg->path, depth);
        else if (first_of_oneof(t, i))
            fl->res = oneof_add(fl, t, t->fields[i].d->oneof_index, msg, depth);
    }
    if (fl->res == 0)
        fl->res = unknown_add(fl, msg);
    msg->end = fl->n;
    return fl->res;
}

static int root_add(struct flat *fl)
{
    struct hrp_node *root = &fl->tree->nodes[fl->n++];

    memset(root, 0, sizeof *root);
    root->kind = HRP_NODE_MESSAGE;
    root->name = root->json_name = root->path = "";
    root->msg_name = copy_str(fl, fl->ts->list[0]->sym->name);
    event_options(fl);
    return fl->res == 0 ? message_below(fl, fl->ts->list[0], root, 0) : fl->res;
}

/* ---- indexes ---- */

static int field_cmp(const void *a, const void *b)
{
    uint32_t x = ((const struct hrp_field *)a)->number, y = ((const struct hrp_field *)b)->number;

    return (x > y) - (x < y);
}

int hrp_tree_name_cmp(const char *a, size_t n_a, const char *b, size_t n_b)
{
    int d = memcmp(a, b, n_a < n_b ? n_a : n_b);

    return d != 0 ? d : (n_a > n_b) - (n_a < n_b);
}

static int name_cmp(const void *a, const void *b)
{
    const struct hrp_tree_name *x = a, *y = b;
    int d = hrp_tree_name_cmp(x->name, x->n_name, y->name, y->n_name);

    return d != 0 ? d : x->json - y->json;
}

struct indexing {
    struct hrp_tree *tree;
    uint32_t n_fields, n_names;
};

static void index_name(struct indexing *ix, const char *name, uint32_t id, bool json)
{
    ix->tree->names[ix->n_names++] = (struct hrp_tree_name){name, (uint32_t)strlen(name), id, json};
}

static void index_below(struct indexing *ix, const struct hrp_node *parent)
{
    for (uint32_t id = parent->id + 1; id < parent->end; id = ix->tree->nodes[id].end) {
        const struct hrp_node *n = &ix->tree->nodes[id];

        if (n->kind == HRP_NODE_ONEOF) {
            index_below(ix, n);
        } else if (!n->unknown) {
            ix->tree->fields[ix->n_fields++] = (struct hrp_field){n->number, id};
            index_name(ix, n->name, id, false);
            if (strcmp(n->name, n->json_name) != 0)
                index_name(ix, n->json_name, id, true);
        }
    }
}

static void index_message(struct indexing *ix, const struct hrp_node *msg)
{
    struct hrp_tree_span *f = &ix->tree->field_span[msg->id], *nm = &ix->tree->name_span[msg->id];

    f->at = ix->n_fields;
    nm->at = ix->n_names;
    index_below(ix, msg);
    f->n = ix->n_fields - f->at;
    nm->n = ix->n_names - nm->at;
    qsort(ix->tree->fields + f->at, f->n, sizeof *ix->tree->fields, field_cmp);
    qsort(ix->tree->names + nm->at, nm->n, sizeof *ix->tree->names, name_cmp);
}

static void index_all(struct hrp_tree *tree)
{
    struct indexing ix = {.tree = tree};

    for (uint32_t id = 0; id < tree->n_nodes; id++) {
        tree->field_span[id] = tree->name_span[id] = (struct hrp_tree_span){0, 0};
        if (tree->nodes[id].kind == HRP_NODE_MESSAGE)
            index_message(&ix, &tree->nodes[id]);
    }
}

static int tree_room(struct flat *fl)
{
    struct hrp_tree *t = fl->tree;

    fl->n_slots = 2;
    while (fl->n_slots < 2 * t->n_nodes)
        fl->n_slots *= 2;
    t->nodes = take(fl, t->n_nodes, sizeof *t->nodes);
    t->fields = take(fl, t->n_nodes, sizeof *t->fields);
    t->names = take(fl, 2 * (size_t)t->n_nodes, sizeof *t->names);
    t->field_span = take(fl, t->n_nodes, sizeof *t->field_span);
    t->name_span = take(fl, t->n_nodes, sizeof *t->name_span);
    fl->enums = hrp_arena_take(fl->ts->ds->arena, fl->n_slots, sizeof *fl->enums); /* scratch */
    if (fl->enums == NULL && fl->res == 0)
        fl->res = hrp_descset_nomem(fl->ts->ds, fl->err);
    if (fl->res == 0)
        memset(fl->enums, 0, fl->n_slots * sizeof *fl->enums);
    return fl->res;
}

int hrp_tree_make(const struct hrp_types *ts, struct hrp_arena *arena, struct hrp_tree *ret, struct hr_error *err)
{
    struct hrp_tree tree = {.n_nodes = ts->n_nodes};
    struct flat fl = {.ts = ts, .arena = arena, .err = err, .tree = &tree};

    if (tree_room(&fl) == 0 && root_add(&fl) == 0) {
        assert(fl.n == tree.n_nodes);
        index_all(&tree);
        *ret = tree;
    }
    return fl.res;
}
