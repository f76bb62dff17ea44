#include "options_read.h"
#include "wire_check.h"
#include <math.h>
#include <string.h>

/* ---- the fields of options.proto, and where they go ---- */

enum kind { TEXT, NUMBER, FLAG, REAL, INNER };
struct option {
    uint32_t number;
    const char *name;
    enum kind kind;
    uint32_t most;             /* NUMBER: greatest value */
    bool wide;                 /* NUMBER: a uint32_t, else a uint8_t */
    size_t at;                 /* offset in the struct; TEXT: of a const char *, INNER: of a bool that says it is there */
    const struct option *list; /* INNER: ends with number 0 */
};

#define EVENT(member) offsetof(struct hrp_event_options, member)
#define FIELD(member) offsetof(struct hrp_field_options, member)

static const struct option event_options[] = {
    {1, "owner", TEXT, 0, false, EVENT(owner), NULL},
    {2, "description", TEXT, 0, false, EVENT(description), NULL},
    {3, "expires", TEXT, 0, false, EVENT(expires), NULL},
    {4, "delivery", NUMBER, HRP_DELIVERY_DEFERRED, false, EVENT(delivery), NULL},
    {0},
};
static const struct option personal_options[] = {
    {1, "personal.class", NUMBER, HRP_PERSONAL_SENSITIVE, false, FIELD(personal), NULL},
    {2, "personal.action", NUMBER, HRP_PERSONAL_HASH, false, FIELD(action), NULL},
    {3, "personal.truncate_to", NUMBER, UINT32_MAX, true, FIELD(truncate_to), NULL},
    {0},
};
static const struct option monitor_options[] = {
    {1, "monitor.ignore_drift", FLAG, 0, false, FIELD(ignore_drift), NULL},
    {2, "monitor.max_null_share", REAL, 0, false, FIELD(max_null_share), NULL},
    {3, "monitor.min_value", REAL, 0, false, FIELD(min_value), NULL},
    {4, "monitor.max_value", REAL, 0, false, FIELD(max_value), NULL},
    {0},
};
static const struct option field_options[] = {
    {1, "description", TEXT, 0, false, FIELD(description), NULL},
    {2, "unit", TEXT, 0, false, FIELD(unit), NULL},
    {3, "personal", INNER, 0, false, FIELD(classified), personal_options},
    {4, "monitor", INNER, 0, false, FIELD(monitored), monitor_options},
    {0},
};

/* ---- reading ---- */

enum { MESSAGE_OPTIONS = 7, FIELD_OPTIONS = 8, MOST_PATH = 6 }; /* field numbers in descriptor.proto */

struct reading {
    struct hrp_descset *ds;
    const struct hrp_type *t;
    const struct hrp_type_field *f; /* NULL: options of the message */
    struct hr_error *err;
    int32_t path[MOST_PATH]; /* from the message or field to the extension */
};

/* Goes on from the extension to the option of that name. */
static size_t path_to(const struct option *list, const char *name, int32_t *path)
{
    for (const struct option *o = list; o->number != 0; o++) {
        size_t n = o->kind == INNER ? path_to(o->list, name, path + 1) : 0;

        path[0] = (int32_t)o->number;
        if (n != 0 || strcmp(o->name, name) == 0)
            return n + 1;
    }
    return 0;
}

static int refuse(struct reading *rd, const char *option, const char *sentence)
{
    char place[HRP_MAX_PLACE];
    size_t n_path = 2 + path_to(rd->f != NULL ? field_options : event_options, option, rd->path + 2);

    if (rd->f != NULL)
        hrp_field_place(rd->t, rd->f, rd->path, n_path, place);
    else
        hrp_symbol_place(rd->t->sym, rd->path, n_path, place);
    return hr_error_set(rd->err, HR_ESCHEMA, "%s: %s%s%s: (headrace.%s)%s%s: %s", place, rd->t->sym->name, rd->f != NULL ? "." : "",
                        rd->f != NULL ? rd->f->d->name : "", rd->f != NULL ? "field" : "event", *option != '\0' ? "." : "", option,
                        sentence);
}

static int read_text(struct reading *rd, const struct option *o, struct hrp_reader *r, const char **ret)
{
    size_t n;
    const uint8_t *p = hrp_read_lenbytes(r, &n);
    char *s;

    if (p == NULL || !hrp_utf8_valid(p, n) || (n != 0 && memchr(p, 0, n) != NULL))
        return refuse(rd, o->name, "not text");
    s = hrp_arena_take(rd->ds->arena, n + 1, 1);
    if (s == NULL)
        return hrp_descset_nomem(rd->ds, rd->err);
    if (n != 0)
        memcpy(s, p, n);
    s[n] = '\0';
    *ret = s;
    return 0;
}

static int read_number(struct reading *rd, const struct option *o, struct hrp_reader *r, uint8_t *ret)
{
    uint64_t v = hrp_read_varint(r);
    uint32_t wide = (uint32_t)v;

    if (r->bad || v > o->most)
        return refuse(rd, o->name, "a value that this version does not know");
    if (o->wide)
        memcpy(ret, &wide, sizeof wide);
    else
        *ret = (uint8_t)v;
    return 0;
}

static int read_real(struct reading *rd, const struct option *o, struct hrp_reader *r, uint8_t *ret)
{
    uint64_t bits = hrp_read_u64(r);
    double d;

    memcpy(&d, &bits, sizeof d);
    if (r->bad || isnan(d))
        return refuse(rd, o->name, "not a number");
    memcpy(ret, &d, sizeof d);
    return 0;
}

static unsigned wire_of(enum kind kind)
{
    return kind == TEXT || kind == INNER ? HRP_WIRE_LEN : kind == REAL ? HRP_WIRE_64 : HRP_WIRE_VARINT;
}

static int read_list(struct reading *rd, const struct option *list, const uint8_t *p, size_t n, uint8_t *to);

static int read_option(struct reading *rd, const struct option *o, struct hrp_reader *r, uint8_t *to)
{
    bool yes = true;
    size_t n;
    const uint8_t *p;

    switch (o->kind) {
    case TEXT:
        return read_text(rd, o, r, (const char **)(void *)(to + o->at));
    case NUMBER:
        return read_number(rd, o, r, to + o->at);
    case REAL:
        return read_real(rd, o, r, to + o->at);
    case FLAG:
        yes = hrp_read_varint(r) != 0;
        memcpy(to + o->at, &yes, sizeof yes);
        return 0;
    default:
        p = hrp_read_lenbytes(r, &n);
        if (p == NULL)
            return refuse(rd, o->name, "cut off");
        memcpy(to + o->at, &yes, sizeof yes);
        return read_list(rd, o->list, p, n, to);
    }
}

/* A message of options.proto. What a newer version of it added may forbid us to keep a value: so it is refused. */
static int read_list(struct reading *rd, const struct option *list, const uint8_t *p, size_t n, uint8_t *to)
{
    struct hrp_reader r = hrp_reader(p, n);
    int res = 0;

    while (res == 0 && hrp_reader_left(&r) != 0) {
        uint64_t tag = hrp_read_varint(&r);
        const struct option *o = list;

        while (o->number != 0 && o->number != tag >> 3)
            o++;
        if (r.bad || o->number == 0 || (tag & 7) != wire_of(o->kind))
            return refuse(rd, "", "an option that this version does not know");
        res = read_option(rd, o, &r, to);
    }
    return res == 0 && r.bad ? refuse(rd, "", "cut off") : res;
}

/* All occurrences of the extension, one over the other. *ret_there: there was one. */
static int read_extension(struct reading *rd, const ProtobufCMessage *options, const struct option *list, uint8_t *to, bool *ret_there)
{
    int r = 0;

    rd->path[0] = rd->f != NULL ? FIELD_OPTIONS : MESSAGE_OPTIONS;
    rd->path[1] = HRP_OPTIONS_NUMBER;
    *ret_there = false;
    for (unsigned i = 0; options != NULL && r == 0 && i < options->n_unknown_fields; i++) {
        const ProtobufCMessageUnknownField *u = &options->unknown_fields[i];
        struct hrp_reader in = hrp_reader(u->data, u->len);
        const uint8_t *p;
        size_t n;

        if (u->tag != HRP_OPTIONS_NUMBER)
            continue;
        p = hrp_read_lenbytes(&in, &n);
        if (u->wire_type != PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED || p == NULL)
            return refuse(rd, "", "not the message of headrace/options.proto");
        *ret_there = true;
        r = read_list(rd, list, p, n, to);
    }
    return r;
}

/* ---- sense ---- */

static int digits(const char *s, unsigned n)
{
    int v = 0;

    for (unsigned i = 0; i < n; i++) {
        if (s[i] < '0' || s[i] > '9')
            return -1;
        v = v * 10 + (s[i] - '0');
    }
    return v;
}

bool hrp_is_date(const char *s)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    int y, m, d, most;

    if (strlen(s) != 10 || s[4] != '-' || s[7] != '-')
        return false;
    y = digits(s, 4);
    m = digits(s + 5, 2);
    d = digits(s + 8, 2);
    if (y < 1 || m < 1 || m > 12)
        return false;
    most = days[m - 1] + (m == 2 && y % 4 == 0 && (y % 100 != 0 || y % 400 == 0));
    return d >= 1 && d <= most;
}

static bool is_unit(const char *s)
{
    size_t n = strlen(s);

    for (size_t i = 0; i < n; i++) {
        if (s[i] <= ' ' || s[i] > '~')
            return false;
    }
    return n <= 32;
}

static int event_check(struct reading *rd, const struct hrp_event_options *e)
{
    return *e->expires == '\0' || hrp_is_date(e->expires) ? 0 : refuse(rd, "expires", "not a day: expected YYYY-MM-DD");
}

static int personal_check(struct reading *rd, const struct hrp_field_options *o, bool behind)
{
    bool text = rd->f->pb_type == 9 || rd->f->pb_type == 12;

    if (o->truncate_to != 0 && o->action != HRP_PERSONAL_TRUNCATE)
        return refuse(rd, "personal.truncate_to", "only action TRUNCATE needs it");
    if (o->action == HRP_PERSONAL_KEEP)
        return 0;
    if (o->personal == HRP_PERSONAL_NOT)
        return refuse(rd, "personal.action", "say the class, too: what kind of personal data is it?");
    if (o->action != HRP_PERSONAL_DROP && !text)
        return refuse(rd, "personal.action", "only strings and bytes can be truncated or hashed: drop it instead");
    if (o->action == HRP_PERSONAL_TRUNCATE && o->truncate_to == 0)
        return refuse(rd, "personal.action", "TRUNCATE needs truncate_to, how much to keep");
    if (o->action == HRP_PERSONAL_DROP && rd->f->required)
        return refuse(rd, "personal.action", "a required field cannot be dropped: make it optional");
    if (rd->t->map_entry)
        return refuse(rd, "personal.action", "say it of the map, not of its keys or values");
    if (behind)
        return refuse(rd, "personal.action", "the field is in a message that contains itself or nests too deeply, which is kept as one "
                                             "piece: drop or hash outside of it");
    return 0;
}

static int field_check(struct reading *rd, const struct hrp_field_options *o, bool behind)
{
    if (!is_unit(o->unit))
        return refuse(rd, "unit", "not a unit: at most 32 printable characters without spaces");
    if (o->max_null_share < 0 || o->max_null_share > 1)
        return refuse(rd, "monitor.max_null_share", "not between 0 and 1");
    if (o->min_value > o->max_value)
        return refuse(rd, "monitor.min_value", "greater than max_value");
    return personal_check(rd, o, behind);
}

/* ---- all of an event ---- */

static int field_read(struct reading *rd, struct hrp_type_field *f, bool behind)
{
    struct hrp_field_options o = {.description = "", .unit = "", .max_null_share = NAN, .min_value = NAN, .max_value = NAN}, *copy;
    bool there;
    int r;

    rd->f = f;
    r = read_extension(rd, f->d->options != NULL ? &f->d->options->base : NULL, field_options, (uint8_t *)&o, &there);
    if (r != 0 || !there)
        return r;
    r = field_check(rd, &o, behind);
    if (r != 0)
        return r;
    copy = hrp_arena_take(rd->ds->arena, 1, sizeof *copy);
    if (copy == NULL)
        return hrp_descset_nomem(rd->ds, rd->err);
    *copy = o;
    f->options = copy;
    return 0;
}

/* Which types are in, or behind, a leaf that stays closed: those the rows' columns do not reach. */
static int mark_behind(struct hrp_types *ts, struct hr_error *err)
{
    struct hrp_type **todo = hrp_arena_take(ts->ds->arena, ts->n, sizeof *todo);
    uint32_t n = 0;

    if (todo == NULL)
        return hrp_descset_nomem(ts->ds, err);
    for (uint32_t i = 0; i < ts->n; i++) {
        ts->list[i]->behind = ts->list[i]->opaque_somewhere;
        if (ts->list[i]->behind)
            todo[n++] = ts->list[i];
    }
    while (n > 0) {
        const struct hrp_type *t = todo[--n];

        for (uint32_t i = 0; i < t->n_fields; i++) {
            struct hrp_type *to = t->fields[i].msg;

            if (to != NULL && !to->behind) {
                to->behind = true;
                todo[n++] = to;
            }
        }
    }
    return 0;
}

int hrp_options_read(struct hrp_types *ts, struct hr_error *err)
{
    struct reading rd = {.ds = ts->ds, .t = ts->list[0], .err = err};
    const Google__Protobuf__MessageOptions *options = ts->list[0]->sym->msg->options;
    bool there;
    int r = mark_behind(ts, err);

    ts->event = (struct hrp_event_options){"", "", "", HRP_DELIVERY_NORMAL};
    if (r == 0)
        r = read_extension(&rd, options != NULL ? &options->base : NULL, event_options, (uint8_t *)&ts->event, &there);
    if (r == 0)
        r = event_check(&rd, &ts->event);
    for (uint32_t i = 0; r == 0 && i < ts->n; i++) {
        rd.t = ts->list[i];
        for (uint32_t k = 0; r == 0 && k < ts->list[i]->n_fields; k++)
            r = field_read(&rd, &ts->list[i]->fields[k], ts->list[i]->behind);
    }
    return r;
}
