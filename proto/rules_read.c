/* Options as bytes to rules as values.
 *
 * protoc-c knows nothing of the extensions, so they lie in the options' unknown fields. All occurrences of one, put behind each
 * other, are what protobuf would have merged; the same holds for messages inside. What is not in rules.def is refused: a
 * rule that nobody checks is worse than none. */
#include "rules_read.h"
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define EXTENSION 1159  /* buf.validate.field, .message, .oneof */
#define PREDEFINED 1160
#define FIRST_EXTENSION 1000 /* `extensions 1000 to max` of every rules message */
#define MAX_NESTED 3    /* rules of items of a list inside a list: none of them fits a field */
#define MAX_OF_TYPE 40  /* lines of rules.def of one type */

#define PB(name) GOOGLE__PROTOBUF__FIELD_DESCRIPTOR_PROTO__TYPE__TYPE_##name

static const struct hrp_rule_def defs[] = {
#define HRP_RULE(T, number, name, oneof, type, repeated) {HRP_RULES_##T, number, name, PB(type), repeated, oneof},
#include "rules.def"
#undef HRP_RULE
};
#define N_DEFS (sizeof defs / sizeof *defs)

const struct hrp_rule_def *hrp_rule_defs(uint32_t *ret_n)
{
    *ret_n = N_DEFS;
    return defs;
}

static const char *const type_names[] = {
    [HRP_RULES_NONE] = "no", [HRP_RULES_FLOAT] = "float", [HRP_RULES_DOUBLE] = "double", [HRP_RULES_INT32] = "int32",
    [HRP_RULES_INT64] = "int64", [HRP_RULES_UINT32] = "uint32", [HRP_RULES_UINT64] = "uint64", [HRP_RULES_SINT32] = "sint32",
    [HRP_RULES_SINT64] = "sint64", [HRP_RULES_FIXED32] = "fixed32", [HRP_RULES_FIXED64] = "fixed64", [HRP_RULES_SFIXED32] = "sfixed32",
    [HRP_RULES_SFIXED64] = "sfixed64", [HRP_RULES_BOOL] = "bool", [HRP_RULES_STRING] = "string", [HRP_RULES_BYTES] = "bytes",
    [HRP_RULES_ENUM] = "enum", [HRP_RULES_REPEATED] = "repeated", [HRP_RULES_MAP] = "map", [HRP_RULES_ANY] = "any",
    [HRP_RULES_DURATION] = "duration", [HRP_RULES_TIMESTAMP] = "timestamp", [HRP_RULES_FIELD_MASK] = "field_mask",
};
#define N_TYPES (sizeof type_names / sizeof *type_names)

const char *hrp_rules_type_name(enum hrp_rules_type type) { return type < N_TYPES && type_names[type] != NULL ? type_names[type] : "?"; }

/* ---- which rules fit ---- */

static enum hrp_rules_type of_message(const char *name)
{
    static const struct {
        const char *name;
        enum hrp_rules_type type;
    } known[] = {
        {"Any", HRP_RULES_ANY}, {"Duration", HRP_RULES_DURATION}, {"Timestamp", HRP_RULES_TIMESTAMP}, {"FieldMask", HRP_RULES_FIELD_MASK},
        {"DoubleValue", HRP_RULES_DOUBLE}, {"FloatValue", HRP_RULES_FLOAT}, {"Int64Value", HRP_RULES_INT64},
        {"UInt64Value", HRP_RULES_UINT64}, {"Int32Value", HRP_RULES_INT32}, {"UInt32Value", HRP_RULES_UINT32},
        {"BoolValue", HRP_RULES_BOOL}, {"StringValue", HRP_RULES_STRING}, {"BytesValue", HRP_RULES_BYTES},
    };
    static const char package[] = "google.protobuf.";

    if (strncmp(name, package, sizeof package - 1) != 0)
        return HRP_RULES_NONE;
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (strcmp(name + sizeof package - 1, known[i].name) == 0)
            return known[i].type;
    return HRP_RULES_NONE;
}

enum hrp_rules_type hrp_rules_type_of_element(const struct hrp_type_field *f)
{
    static const uint8_t of_pb[] = {
        [PB(DOUBLE)] = HRP_RULES_DOUBLE, [PB(FLOAT)] = HRP_RULES_FLOAT, [PB(INT64)] = HRP_RULES_INT64, [PB(UINT64)] = HRP_RULES_UINT64,
        [PB(INT32)] = HRP_RULES_INT32, [PB(FIXED64)] = HRP_RULES_FIXED64, [PB(FIXED32)] = HRP_RULES_FIXED32, [PB(BOOL)] = HRP_RULES_BOOL,
        [PB(STRING)] = HRP_RULES_STRING, [PB(BYTES)] = HRP_RULES_BYTES, [PB(UINT32)] = HRP_RULES_UINT32, [PB(ENUM)] = HRP_RULES_ENUM,
        [PB(SFIXED32)] = HRP_RULES_SFIXED32, [PB(SFIXED64)] = HRP_RULES_SFIXED64, [PB(SINT32)] = HRP_RULES_SINT32,
        [PB(SINT64)] = HRP_RULES_SINT64,
    };

    return f->msg != NULL ? of_message(f->msg->sym->name) : (enum hrp_rules_type)of_pb[f->d->type];
}

enum hrp_rules_type hrp_rules_type_of_field(const struct hrp_type_field *f)
{
    if (hrp_field_is_map(f))
        return HRP_RULES_MAP;
    return f->repeated ? HRP_RULES_REPEATED : hrp_rules_type_of_element(f);
}

/* ---- places ---- */

struct reading {
    struct hrp_descset *ds;
    const struct hrp_type *t;
    const struct hrp_type_field *f; /* NULL: rules of the message itself */
    struct hr_error *err;
};

static int refuse(const struct reading *rd, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static int refuse(const struct reading *rd, const char *fmt, ...)
{
    static const int32_t field_option[] = {8, EXTENSION}, message_option[] = {7, EXTENSION}; /* descriptor.proto: `options` */
    char place[HRP_MAX_PLACE], text[384];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    if (rd->f != NULL)
        return hr_error_set(rd->err, HR_ESCHEMA, "%s: %s.%s: %s", hrp_field_place(rd->t, rd->f, field_option, 2, place), rd->t->sym->name,
                            rd->f->d->name, text);
    return hr_error_set(rd->err, HR_ESCHEMA, "%s: %s: %s", hrp_symbol_place(rd->t->sym, message_option, 2, place), rd->t->sym->name, text);
}

static void *take(const struct reading *rd, uint64_t n, size_t size)
{
    void *p = hrp_arena_take(rd->ds->arena, n, size);

    if (p == NULL)
        hrp_descset_nomem(rd->ds, rd->err);
    else
        memset(p, 0, n * size);
    return p;
}

static int arena_err(const struct reading *rd) { return hrp_arena_err(rd->ds->arena); }

/* ---- the extension's bytes ---- */

static bool is_extension(const ProtobufCMessageUnknownField *u, uint32_t number)
{
    return u->tag == number && u->wire_type == PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED;
}

/* Behind each other, all that options (NULL: none) have of it; NULL with *ret_n 0: nothing. False: no memory. */
static bool extension(const struct reading *rd, const ProtobufCMessage *options, const uint8_t **ret, size_t *ret_n)
{
    uint8_t *all = NULL;
    size_t n = 0;

    *ret = NULL;
    *ret_n = 0;
    for (unsigned i = 0; options != NULL && i < options->n_unknown_fields; i++)
        if (is_extension(&options->unknown_fields[i], EXTENSION))
            n += options->unknown_fields[i].len;
    if (n == 0)
        return true;
    all = take(rd, n, 1);
    for (unsigned i = 0; all != NULL && i < options->n_unknown_fields; i++) {
        struct hrp_reader r = hrp_reader(options->unknown_fields[i].data, options->unknown_fields[i].len);
        const uint8_t *p;

        if (!is_extension(&options->unknown_fields[i], EXTENSION))
            continue;
        p = hrp_read_lenbytes(&r, &n);
        if (p != NULL && n != 0)
            memcpy(all + *ret_n, p, n);
        *ret_n += n;
    }
    *ret = all;
    return all != NULL;
}

static bool has_predefined(const ProtobufCMessage *options)
{
    for (unsigned i = 0; options != NULL && i < options->n_unknown_fields; i++)
        if (options->unknown_fields[i].tag == PREDEFINED)
            return true;
    return false;
}

/* One field of a message. */
struct entry {
    uint32_t number, wire;
    uint64_t v;              /* varint, 32 and 64 bits */
    const uint8_t *p;        /* length-delimited */
    size_t n;
};

/* 1: there it is; 0: the end; HR_ESCHEMA. */
static int next_entry(const struct reading *rd, struct hrp_reader *r, struct entry *e)
{
    uint64_t tag;

    if (hrp_reader_left(r) == 0)
        return r->bad ? refuse(rd, "its rules are cut off") : 0;
    tag = hrp_read_varint(r);
    *e = (struct entry){.number = (uint32_t)(tag >> 3), .wire = tag & 7};
    if (e->wire == PROTOBUF_C_WIRE_TYPE_VARINT)
        e->v = hrp_read_varint(r);
    else if (e->wire == PROTOBUF_C_WIRE_TYPE_64BIT)
        e->v = hrp_read_u64(r);
    else if (e->wire == PROTOBUF_C_WIRE_TYPE_32BIT)
        e->v = hrp_read_u32(r);
    else if (e->wire == PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED)
        e->p = hrp_read_lenbytes(r, &e->n);
    else
        r->bad = true;
    if (r->bad || tag > UINT32_MAX || e->number == 0)
        return refuse(rd, "its rules can't be read");
    return 1;
}

/* ---- values ---- */

struct draft { /* of one rule */
    union hrp_rule_value *values;
    uint32_t n, cap;
};

static int append(const struct reading *rd, struct draft *d, union hrp_rule_value v)
{
    if (d->n == d->cap) {
        uint32_t cap = d->cap != 0 ? 2 * d->cap : 4;
        union hrp_rule_value *values = take(rd, cap, sizeof *values);

        if (values == NULL)
            return arena_err(rd);
        if (d->n != 0)
            memcpy(values, d->values, d->n * sizeof *values);
        d->values = values;
        d->cap = cap;
    }
    d->values[d->n++] = v;
    return 0;
}

static uint32_t wire_of(uint8_t pb_type)
{
    switch (pb_type) {
    case PB(DOUBLE):
    case PB(FIXED64):
    case PB(SFIXED64):
        return PROTOBUF_C_WIRE_TYPE_64BIT;
    case PB(FLOAT):
    case PB(FIXED32):
    case PB(SFIXED32):
        return PROTOBUF_C_WIRE_TYPE_32BIT;
    case PB(STRING):
    case PB(BYTES):
    case PB(MESSAGE):
        return PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED;
    default:
        return PROTOBUF_C_WIRE_TYPE_VARINT;
    }
}

static union hrp_rule_value number(uint8_t pb_type, uint64_t bits)
{
    union hrp_rule_value v = {.u = bits};
    uint32_t low = (uint32_t)bits;
    float f;

    switch (pb_type) {
    case PB(FLOAT):
        memcpy(&f, &low, sizeof f);
        v.f = (double)f;
        break;
    case PB(INT32): /* ten bytes when negative, and cut to 32 bits as protobuf does */
    case PB(SFIXED32):
    case PB(ENUM):
        v.i = (int32_t)low;
        break;
    case PB(UINT32):
        v.u = low;
        break;
    case PB(SINT32):
        v.i = (int32_t)hrp_unzigzag(low);
        break;
    case PB(SINT64):
        v.i = hrp_unzigzag(bits);
        break;
    case PB(BOOL):
        v.i = bits != 0;
        break;
    default: /* 64 bits are what they are */
        break;
    }
    return v;
}

static int add_packed(const struct reading *rd, const struct hrp_rule_def *def, const struct entry *e, struct draft *d)
{
    uint32_t wire = wire_of(def->pb_type);
    struct hrp_reader r = hrp_reader(e->p, e->n);
    int res = 0;

    while (res == 0 && hrp_reader_left(&r) != 0) {
        uint64_t bits = wire == PROTOBUF_C_WIRE_TYPE_64BIT ? hrp_read_u64(&r) : wire == PROTOBUF_C_WIRE_TYPE_32BIT ? hrp_read_u32(&r)
                                                                                                                   : hrp_read_varint(&r);

        res = r.bad ? refuse(rd, "its rules can't be read") : append(rd, d, number(def->pb_type, bits));
    }
    return res;
}

/* A singular message that is there twice is one: their bytes behind each other. */
static int add_merged(const struct reading *rd, const struct entry *e, struct draft *d)
{
    union hrp_rule_value *v = &d->values[0];
    uint8_t *both = take(rd, v->s.n + e->n, 1);

    if (both == NULL)
        return arena_err(rd);
    memcpy(both, v->s.p, v->s.n);
    memcpy(both + v->s.n, e->p, e->n);
    v->s.p = both;
    v->s.n += e->n;
    return 0;
}

static int add_value(const struct reading *rd, const struct hrp_rule_def *def, const struct entry *e, struct draft *d)
{
    uint32_t wire = wire_of(def->pb_type);
    union hrp_rule_value v = {.u = 0};

    if (e->wire != wire) {
        if (def->repeated && e->wire == PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED)
            return add_packed(rd, def, e, d);
        return refuse(rd, "its rule %s.%s has another type than is known", hrp_rules_type_name(def->type), def->name);
    }
    if (wire == PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED) {
        static const uint8_t nothing[1];

        v.s.p = e->n != 0 ? e->p : nothing;
        v.s.n = e->n;
        if (def->pb_type == PB(MESSAGE) && !def->repeated && d->n != 0 && e->n != 0)
            return add_merged(rd, e, d);
    } else {
        v = number(def->pb_type, e->v);
    }
    if (!def->repeated)
        d->n = 0;
    return append(rd, d, v);
}

/* google.protobuf.Duration and Timestamp: seconds = 1, nanos = 2. */
static int to_time(const struct reading *rd, union hrp_rule_value *v)
{
    struct hrp_reader r = hrp_reader(v->s.p, v->s.n);
    struct entry e;
    int res;

    v->t.seconds = 0;
    v->t.nanos = 0;
    while ((res = next_entry(rd, &r, &e)) == 1)
        if (e.number == 1)
            v->t.seconds = (int64_t)e.v;
        else if (e.number == 2)
            v->t.nanos = (int32_t)e.v;
    return res;
}

/* google.protobuf.FieldMask: paths = 1, here joined by commas as its JSON has them. */
static int to_mask(const struct reading *rd, union hrp_rule_value *v)
{
    struct hrp_reader r = hrp_reader(v->s.p, v->s.n);
    uint8_t *text = take(rd, v->s.n + 1, 1);
    size_t n = 0;
    bool first = true;
    struct entry e;
    int res;

    if (text == NULL)
        return arena_err(rd);
    while ((res = next_entry(rd, &r, &e)) == 1) { /* each path takes a tag and a length, so there is room for its comma */
        if (e.number != 1 || e.p == NULL)
            continue;
        if (!first)
            text[n++] = ',';
        first = false;
        memcpy(text + n, e.p, e.n);
        n += e.n;
    }
    v->s.p = text;
    v->s.n = n;
    return res;
}

/* ---- rules ---- */

static int read_field_rules(const struct reading *rd, const uint8_t *p, size_t n, unsigned depth, struct hrp_field_rules *ret);

static int read_nested(const struct reading *rd, const union hrp_rule_value *v, unsigned depth, const struct hrp_field_rules **ret)
{
    struct hrp_field_rules *fr;

    if (depth == MAX_NESTED)
        return refuse(rd, "rules of items inside rules of items");
    fr = take(rd, 1, sizeof *fr);
    if (fr == NULL)
        return arena_err(rd);
    *ret = fr;
    return read_field_rules(rd, v->s.p, v->s.n, depth + 1, fr);
}

/* What was bytes so far becomes what it means. */
static int convert(const struct reading *rd, const struct hrp_rule_def *def, struct draft *d, unsigned depth, struct hrp_field_rules *ret)
{
    int r = 0;

    if (def->type == HRP_RULES_REPEATED)
        return read_nested(rd, &d->values[0], depth, &ret->items);
    if (def->type == HRP_RULES_MAP)
        return read_nested(rd, &d->values[0], depth, def->name[0] == 'k' ? &ret->keys : &ret->values);
    for (uint32_t i = 0; r == 0 && i < d->n; i++)
        r = def->type == HRP_RULES_FIELD_MASK ? to_mask(rd, &d->values[i]) : to_time(rd, &d->values[i]);
    return r;
}

static int finish(const struct reading *rd, const struct hrp_rule_def *first, struct draft *drafts, uint32_t n_defs, unsigned depth,
                  struct hrp_field_rules *ret)
{
    struct hrp_rule *rules = take(rd, n_defs, sizeof *rules);
    int r = 0;

    if (rules == NULL)
        return arena_err(rd);
    ret->rules = rules;
    for (uint32_t i = 0; r == 0 && i < n_defs; i++) {
        if (drafts[i].n == 0)
            continue;
        if (first[i].pb_type == PB(MESSAGE))
            r = convert(rd, &first[i], &drafts[i], depth, ret);
        if (first[i].type != HRP_RULES_REPEATED && first[i].type != HRP_RULES_MAP)
            rules[ret->n_rules++] = (struct hrp_rule){&first[i], drafts[i].n, drafts[i].values};
        else if (first[i].pb_type != PB(MESSAGE))
            rules[ret->n_rules++] = (struct hrp_rule){&first[i], drafts[i].n, drafts[i].values};
    }
    return r;
}

static const struct hrp_rule_def *defs_of(uint8_t type, uint32_t *ret_n)
{
    uint32_t i = 0, n = 0;

    while (i < N_DEFS && defs[i].type != type)
        i++;
    while (i + n < N_DEFS && defs[i + n].type == type)
        n++;
    *ret_n = n;
    return &defs[i];
}

static int no_such_rule(const struct reading *rd, uint8_t type, uint32_t number)
{
    const char *name = hrp_rules_type_name(type);

    if (number >= FIRST_EXTENSION)
        return refuse(rd, "predefined rules can't be checked (extension %u of its %s rules): write the rule with standard rules", number, name);
    return refuse(rd, "rule number %u of its %s rules is not known", number, name);
}

static int read_rules(const struct reading *rd, const uint8_t *p, size_t n, unsigned depth, struct hrp_field_rules *ret)
{
    struct draft drafts[MAX_OF_TYPE] = {{NULL, 0, 0}};
    struct hrp_reader r = hrp_reader(p, n);
    uint32_t n_defs;
    const struct hrp_rule_def *first = defs_of(ret->type, &n_defs);
    struct entry e;
    int res;

    while ((res = next_entry(rd, &r, &e)) == 1) {
        uint32_t i = 0;

        while (i < n_defs && first[i].number != e.number)
            i++;
        if (i == n_defs)
            return no_such_rule(rd, ret->type, e.number);
        for (uint32_t k = 0; first[i].oneof != 0 && k < n_defs; k++)
            if (k != i && first[k].oneof == first[i].oneof)
                drafts[k].n = 0;
        res = add_value(rd, &first[i], &e, &drafts[i]);
        if (res != 0)
            return res;
    }
    return res == 0 ? finish(rd, first, drafts, n_defs, depth, ret) : res;
}

static int set_ignore(const struct reading *rd, uint64_t v, struct hrp_field_rules *ret)
{
    if (v != HRP_IGNORE_UNSPECIFIED && v != HRP_IGNORE_IF_ZERO_VALUE && v != HRP_IGNORE_ALWAYS)
        return refuse(rd, "ignore = %llu is not known", (unsigned long long)v);
    ret->ignore = (uint8_t)v;
    ret->has_ignore = true;
    return 0;
}

static int no_cel(const struct reading *rd)
{
    return refuse(rd, "CEL expressions can't be checked: write the rule with standard rules, or leave it out");
}

/* The typed rules' bytes: those of the member that was written last, all of its occurrences. */
static int typed(const struct reading *rd, const struct entry *e, struct draft *d, struct hrp_field_rules *ret)
{
    union hrp_rule_value v = {.u = 0};

    v.s.p = e->p;
    v.s.n = e->n;
    if (e->wire != PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED)
        return refuse(rd, "its rules can't be read");
    if (ret->type == e->number)
        return e->n != 0 ? add_merged(rd, e, d) : 0;
    ret->type = (uint8_t)e->number;
    d->n = 0;
    return append(rd, d, v);
}

static int read_field_rules(const struct reading *rd, const uint8_t *p, size_t n, unsigned depth, struct hrp_field_rules *ret)
{
    struct draft bytes = {NULL, 0, 0};
    struct hrp_reader r = hrp_reader(p, n);
    struct entry e;
    int res;

    while ((res = next_entry(rd, &r, &e)) == 1) {
        if (e.number == 23 || e.number == 29)
            res = no_cel(rd);
        else if (e.number == 25)
            ret->required = e.v != 0;
        else if (e.number == 27)
            res = set_ignore(rd, e.v, ret);
        else if (e.number < N_TYPES && type_names[e.number] != NULL)
            res = typed(rd, &e, &bytes, ret);
        else
            res = refuse(rd, "number %u of its rules is not known", e.number);
        if (res < 0)
            return res;
    }
    if (res == 0 && ret->type != HRP_RULES_NONE)
        res = read_rules(rd, bytes.values[0].s.p, bytes.values[0].s.n, depth, ret);
    return res;
}

/* ---- do they fit ---- */

static int check_fit(const struct reading *rd, const struct hrp_field_rules *fr, enum hrp_rules_type wanted, const char *what)
{
    if (fr == NULL || fr->type == HRP_RULES_NONE || fr->type == wanted)
        return 0;
    if (wanted == HRP_RULES_NONE)
        return refuse(rd, "%s rules on %s that is a message", hrp_rules_type_name(fr->type), what);
    return refuse(rd, "%s rules on %s that takes %s rules", hrp_rules_type_name(fr->type), what, hrp_rules_type_name(wanted));
}

static int check_all(const struct reading *rd, const struct hrp_field_rules *fr)
{
    const struct hrp_type_field *f = rd->f;
    int r = check_fit(rd, fr, hrp_rules_type_of_field(f), "a field");

    if (r == 0 && fr->items != NULL)
        r = check_fit(rd, fr->items, hrp_rules_type_of_element(f), "an item");
    for (uint32_t i = 0; r == 0 && hrp_field_is_map(f) && i < f->msg->n_fields; i++) {
        const struct hrp_type_field *part = &f->msg->fields[i];
        bool key = part->d->number == 1;

        r = check_fit(rd, key ? fr->keys : fr->values, hrp_rules_type_of_field(part), key ? "a key" : "a value");
    }
    return r;
}

/* ---- what others call ---- */

int hrp_rules_of_field(struct hrp_descset *ds, const struct hrp_type *t, const struct hrp_type_field *f, const struct hrp_field_rules **ret,
                       struct hr_error *err)
{
    struct reading rd = {ds, t, f, err};
    const ProtobufCMessage *options = f->d->options != NULL ? &f->d->options->base : NULL;
    struct hrp_field_rules *fr;
    const uint8_t *p;
    size_t n;
    int r;

    *ret = NULL;
    if (has_predefined(options))
        return refuse(&rd, "buf.validate.predefined stands on extensions of rules only, and those can't be checked");
    if (!extension(&rd, options, &p, &n))
        return arena_err(&rd);
    if (p == NULL)
        return 0;
    fr = take(&rd, 1, sizeof *fr);
    if (fr == NULL)
        return arena_err(&rd);
    r = read_field_rules(&rd, p, n, 0, fr);
    if (r == 0)
        r = check_all(&rd, fr);
    if (r == 0)
        *ret = fr;
    return r;
}

static const struct hrp_type_field *field_named(const struct hrp_type *t, const char *name)
{
    for (uint32_t i = 0; i < t->n_fields; i++)
        if (strcmp(t->fields[i].d->name, name) == 0)
            return &t->fields[i];
    return NULL;
}

static int add_oneof_field(const struct reading *rd, const struct entry *e, const char **names, struct hrp_message_oneof *o)
{
    char *name = take(rd, e->n + 1, 1);

    if (name == NULL)
        return arena_err(rd);
    memcpy(name, e->p, e->n);
    if (field_named(rd->t, name) == NULL)
        return refuse(rd, "its oneof rule names \"%s\", which is no field of it", name);
    for (uint32_t i = 0; i < o->n_fields; i++)
        if (strcmp(names[i], name) == 0)
            return refuse(rd, "its oneof rule names \"%s\" twice", name);
    names[o->n_fields++] = name;
    return 0;
}

static int read_oneof(const struct reading *rd, const struct entry *in, struct hrp_message_oneof *ret)
{
    struct hrp_reader r = hrp_reader(in->p, in->n);
    const char **names = take(rd, rd->t->n_fields + 1, sizeof *names); /* none twice */
    struct entry e;
    int res;

    if (names == NULL)
        return arena_err(rd);
    ret->fields = names;
    while ((res = next_entry(rd, &r, &e)) == 1) {
        if (e.number == 1 && e.wire == PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED)
            res = add_oneof_field(rd, &e, names, ret);
        else if (e.number == 2)
            ret->required = e.v != 0;
        else
            res = refuse(rd, "number %u of its oneof rule is not known", e.number);
        if (res < 0)
            return res;
    }
    if (res == 0 && ret->n_fields == 0)
        return refuse(rd, "its oneof rule names no field");
    return res;
}

int hrp_rules_of_message(struct hrp_descset *ds, const struct hrp_type *t, const struct hrp_message_rules **ret, struct hr_error *err)
{
    struct reading rd = {ds, t, NULL, err};
    const pb_message *m = t->sym->msg;
    struct hrp_message_rules *mr;
    struct hrp_message_oneof *oneofs;
    struct hrp_reader r;
    struct entry e;
    const uint8_t *p;
    size_t n;
    int res;

    *ret = NULL;
    if (!extension(&rd, m->options != NULL ? &m->options->base : NULL, &p, &n))
        return arena_err(&rd);
    if (p == NULL)
        return 0;
    mr = take(&rd, 1, sizeof *mr);
    oneofs = mr != NULL ? take(&rd, n / 2 + 1, sizeof *oneofs) : NULL; /* each takes two bytes at least */
    if (oneofs == NULL)
        return arena_err(&rd);
    mr->oneofs = oneofs;
    r = hrp_reader(p, n);
    while ((res = next_entry(&rd, &r, &e)) == 1) {
        if (e.number == 3 || e.number == 5)
            res = no_cel(&rd);
        else if (e.number == 4 && e.wire == PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED)
            res = read_oneof(&rd, &e, &oneofs[mr->n_oneofs++]);
        else
            res = refuse(&rd, "number %u of its rules is not known", e.number);
        if (res < 0)
            return res;
    }
    if (res == 0)
        *ret = mr;
    return res;
}

int hrp_rules_of_oneof(struct hrp_descset *ds, const struct hrp_type *t, uint32_t i, bool *ret_required, struct hr_error *err)
{
    struct reading rd = {ds, t, NULL, err};
    const Google__Protobuf__OneofOptions *options = t->sym->msg->oneof_decl[i]->options;
    struct hrp_reader r;
    struct entry e;
    const uint8_t *p;
    size_t n;
    int res;

    *ret_required = false;
    if (!extension(&rd, options != NULL ? &options->base : NULL, &p, &n))
        return arena_err(&rd);
    r = hrp_reader(p, n);
    while ((res = next_entry(&rd, &r, &e)) == 1) {
        if (e.number != 1)
            return refuse(&rd, "number %u of the rules of its oneof %s is not known", e.number, t->sym->msg->oneof_decl[i]->name);
        *ret_required = e.v != 0;
    }
    return res;
}

const struct hrp_rule *hrp_rule_find(const struct hrp_field_rules *fr, const char *name)
{
    for (uint32_t i = 0; fr != NULL && i < fr->n_rules; i++)
        if (strcmp(fr->rules[i].def->name, name) == 0)
            return &fr->rules[i];
    return NULL;
}
