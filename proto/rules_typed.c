/* The typed rules of one field, each to one check: bounds, lists, lengths, formats. Rule ids and messages are protovalidate's
 * (validate.proto, the standard rules' `id` and `message`). */
#include "rules_impl.h"
#include "formats.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define PB(name) GOOGLE__PROTOBUF__FIELD_DESCRIPTOR_PROTO__TYPE__TYPE_##name

struct typed {
    struct compile *c;
    const struct hrp_node *node;     /* of the values */
    const struct hrp_field_rules *fr;
    const char *type;                /* "int32" */
    bool skip_zero;
    int64_t zero;
};

static struct rule_check *add(struct typed *t, uint8_t kind, uint8_t test, const char *id, const char *message, const struct hrp_rule_def *def)
{
    struct rule_check *ck = hrp_rules_add(t->c, t->node, kind, test, id, message, def);

    if (ck != NULL) {
        ck->skip_zero = t->skip_zero;
        ck->zero = t->zero;
        ck->minus_zero = t->c->field[t->c->n_field - 1].subscripted;
    }
    return ck;
}

static const char *id_of(struct typed *t, const char *name) { return hrp_rules_text(t->c, "%s.%s", t->type, name); }

static const char *say(struct typed *t, const char *before, const struct hrp_rule *rule, const char *after, bool list)
{
    const char *v = hrp_rules_value_text(t->c, rule->def, rule->values, rule->n, list);

    return v != NULL ? hrp_rules_text(t->c, "%s%s%s", before, v, after) : NULL;
}

/* ---- bounds: a pair of rules makes one check, flipped when the upper one is below the lower ---- */

enum family { SIGNED, UNSIGNED, FLOATING, TIME };

static __int128 ns_of(const union hrp_rule_value *v) { return (__int128)v->t.seconds * 1000000000 + v->t.nanos; }

static int compare(enum family fam, const union hrp_rule_value *a, const union hrp_rule_value *b)
{
    __int128 x, y;

    switch (fam) {
    case SIGNED:
        return (a->i > b->i) - (a->i < b->i);
    case UNSIGNED:
        return (a->u > b->u) - (a->u < b->u);
    case FLOATING:
        return (a->f > b->f) - (a->f < b->f);
    default:
        x = ns_of(a);
        y = ns_of(b);
        return (x > y) - (x < y);
    }
}

/* Integers have closed bounds only: an open one moves by one, and what leaves no number fails always. */
static void close_integers(struct rule_check *ck, enum family fam)
{
    bool flipped = ck->test == TEST_OUTSIDE, none = false;

    if (ck->has_lo && ck->lo_open != flipped) { /* flipped: lo is the end of what is refused */
        none |= fam == SIGNED ? ck->lo.i == (flipped ? INT64_MIN : INT64_MAX) : ck->lo.u == (flipped ? 0 : UINT64_MAX);
        ck->lo.u += flipped ? UINT64_MAX : 1;
    }
    if (ck->has_hi && ck->hi_open != flipped) {
        none |= fam == SIGNED ? ck->hi.i == (flipped ? INT64_MAX : INT64_MIN) : ck->hi.u == (flipped ? UINT64_MAX : 0);
        ck->hi.u += flipped ? 1 : UINT64_MAX;
    }
    if (!ck->has_lo)
        ck->lo.u = fam == SIGNED ? (uint64_t)INT64_MIN : 0;
    if (!ck->has_hi)
        ck->hi.u = fam == SIGNED ? (uint64_t)INT64_MAX : UINT64_MAX;
    if (none) {
        ck->lo.i = 1;
        ck->hi.i = 0;
    }
}

/* No number compares with NaN: one bound of it refuses nothing but NaN. */
static void forget_nan(struct rule_check *ck)
{
    if (ck->has_lo && isnan(ck->lo.f)) {
        ck->lo.f = -INFINITY;
        ck->lo_open = false;
    }
    if (ck->has_hi && isnan(ck->hi.f)) {
        ck->hi.f = INFINITY;
        ck->hi_open = false;
    }
}

static void set_bounds(struct rule_check *ck, enum family fam, const struct hrp_rule *lo, const struct hrp_rule *hi)
{
    ck->has_lo = lo != NULL;
    ck->has_hi = hi != NULL;
    ck->lo_open = lo != NULL && strcmp(lo->def->name, "gt") == 0;
    ck->hi_open = hi != NULL && strcmp(hi->def->name, "lt") == 0;
    if (fam == TIME) {
        ck->lo.t = lo != NULL ? ns_of(lo->values) : 0;
        ck->hi.t = hi != NULL ? ns_of(hi->values) : 0;
        return;
    }
    if (lo != NULL)
        ck->lo.u = lo->values[0].u;
    if (hi != NULL)
        ck->hi.u = hi->values[0].u;
    if (fam == FLOATING)
        forget_nan(ck);
    else
        close_integers(ck, fam);
}

static int bounds(struct typed *t, enum family fam, uint8_t kind)
{
    const struct hrp_rule *lt = hrp_rule_find(t->fr, "lt"), *gt = hrp_rule_find(t->fr, "gt");
    const struct hrp_rule *hi = lt != NULL ? lt : hrp_rule_find(t->fr, "lte"), *lo = gt != NULL ? gt : hrp_rule_find(t->fr, "gte");
    bool flipped = lo != NULL && hi != NULL && compare(fam, hi->values, lo->values) < 0;
    const char *at_least, *at_most, *message, *id;
    struct rule_check *ck;

    if (lo == NULL && hi == NULL)
        return 0;
    if (fam == FLOATING && lo != NULL && hi != NULL && (isnan(lo->values[0].f) || isnan(hi->values[0].f)))
        return 0; /* neither in order nor flipped: protovalidate's two expressions both pass */
    at_least = lo == NULL ? "" : say(t, gt != NULL ? "greater than " : "greater than or equal to ", lo, "", false);
    at_most = hi == NULL ? "" : say(t, lt != NULL ? "less than " : "less than or equal to ", hi, "", false);
    if (at_least == NULL || at_most == NULL)
        return hrp_rules_err(t->c);
    message = hrp_rules_text(t->c, "must be %s%s%s", at_least, lo != NULL && hi != NULL ? (flipped ? " or " : " and ") : "", at_most);
    id = lo != NULL && hi != NULL ? hrp_rules_text(t->c, "%s.%s_%s%s", t->type, lo->def->name, hi->def->name, flipped ? "_exclusive" : "")
                                  : id_of(t, lo != NULL ? lo->def->name : hi->def->name);
    ck = add(t, kind, flipped ? TEST_OUTSIDE : TEST_RANGE, id, message, lo != NULL ? lo->def : hi->def);
    if (ck == NULL)
        return hrp_rules_err(t->c);
    set_bounds(ck, fam, lo, hi);
    return 0;
}

/* ---- lists of numbers ---- */

static int by_signed(const void *a, const void *b) { return compare(SIGNED, a, b); }
static int by_unsigned(const void *a, const void *b) { return compare(UNSIGNED, a, b); }
static int by_double(const void *a, const void *b) { return compare(FLOATING, a, b); }

static int set_list(struct typed *t, struct rule_check *ck, enum family fam, const struct hrp_rule *rule)
{
    union hrp_rule_value *list = hrp_rules_take(t->c, rule->n, sizeof *list);
    uint32_t n = 0;

    if (list == NULL)
        return hrp_rules_err(t->c);
    for (uint32_t i = 0; i < rule->n; i++)
        if (fam != FLOATING || rule->values[i].f == rule->values[i].f) /* NaN equals nothing */
            list[n++] = rule->values[i];
    qsort(list, n, sizeof *list, fam == SIGNED ? by_signed : fam == UNSIGNED ? by_unsigned : by_double);
    ck->list = list;
    ck->n_list = n;
    return 0;
}

static int times_list(struct typed *t, struct rule_check *ck, const struct hrp_rule *rule)
{
    __int128 *times = hrp_rules_take(t->c, rule->n, sizeof *times);

    if (times == NULL)
        return hrp_rules_err(t->c);
    for (uint32_t i = 0; i < rule->n; i++)
        times[i] = ns_of(&rule->values[i]);
    ck->times = times;
    ck->n_list = rule->n;
    return 0;
}

static int lists(struct typed *t, enum family fam, uint8_t kind)
{
    static const struct {
        const char *name, *before;
        uint8_t test;
        bool list;
    } all[] = {{"const", "must equal ", TEST_IN, false}, {"in", "must be in list ", TEST_IN, true}, {"not_in", "must not be in list ", TEST_NOT_IN, true}};

    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        const struct hrp_rule *rule = hrp_rule_find(t->fr, all[i].name);
        struct rule_check *ck;
        int r;

        if (rule == NULL)
            continue;
        ck = add(t, kind, all[i].test, id_of(t, all[i].name), say(t, all[i].before, rule, "", all[i].list), rule->def);
        if (ck == NULL)
            return hrp_rules_err(t->c);
        r = fam == TIME ? times_list(t, ck, rule) : set_list(t, ck, fam, rule);
        if (r != 0)
            return r;
    }
    return 0;
}

static int numbers(struct typed *t, enum family fam)
{
    const struct hrp_rule *finite = hrp_rule_find(t->fr, "finite");
    int r = lists(t, fam, CHECK_NUMBER);

    if (r == 0)
        r = bounds(t, fam, CHECK_NUMBER);
    if (r == 0 && fam == FLOATING && finite != NULL && finite->values[0].i != 0 &&
        add(t, CHECK_NUMBER, TEST_FINITE, id_of(t, "finite"), "must be finite", finite->def) == NULL)
        r = hrp_rules_err(t->c);
    return r;
}

int hrp_rules_enum_values(struct compile *c, const struct hrp_node *node, const struct hrp_type_field *f, const char *id, const char *message,
                          const struct hrp_rule_def *def)
{
    const pb_enum *e = f->enm->enm;
    struct rule_check *ck = hrp_rules_add(c, node, CHECK_NUMBER, TEST_IN, id, message, def);
    union hrp_rule_value *list = ck != NULL ? hrp_rules_take(c, e->n_value, sizeof *list) : NULL;

    if (list == NULL)
        return hrp_rules_err(c);
    for (size_t i = 0; i < e->n_value; i++)
        list[i].i = e->value[i]->number;
    qsort(list, e->n_value, sizeof *list, by_signed);
    ck->list = list;
    ck->n_list = (uint32_t)e->n_value;
    return 0;
}

static int enum_rules(struct typed *t, const struct hrp_type_field *f)
{
    const struct hrp_rule *defined = hrp_rule_find(t->fr, "defined_only");
    struct rule_program *p;
    int r = 0;

    if (defined != NULL && defined->values[0].i != 0) {
        r = hrp_rules_enum_values(t->c, t->node, f, "enum.defined_only", "value must be one of the defined enum values", defined->def);
        p = &t->c->rules->programs[t->c->i_program];
        if (r == 0) {
            p->checks[p->n - 1].skip_zero = t->skip_zero;
            p->checks[p->n - 1].zero = t->zero;
        }
    }
    return r == 0 ? lists(t, SIGNED, CHECK_NUMBER) : r;
}

/* ---- times ---- */

static int now_rule(struct typed *t, const char *name, uint8_t test, const char *message)
{
    const struct hrp_rule *rule = hrp_rule_find(t->fr, name);

    if (rule == NULL || rule->values[0].i == 0)
        return 0;
    return add(t, CHECK_TIME, test, id_of(t, name), message, rule->def) != NULL ? 0 : hrp_rules_err(t->c);
}

static int times(struct typed *t)
{
    const struct hrp_rule *within = hrp_rule_find(t->fr, "within");
    int r = lists(t, TIME, CHECK_TIME);
    struct rule_check *ck;

    if (r == 0)
        r = bounds(t, TIME, CHECK_TIME);
    if (r == 0)
        r = now_rule(t, "lt_now", TEST_LT_NOW, "must be less than now");
    if (r == 0)
        r = now_rule(t, "gt_now", TEST_GT_NOW, "must be greater than now");
    if (r != 0 || within == NULL)
        return r;
    ck = add(t, CHECK_TIME, TEST_WITHIN, id_of(t, "within"), say(t, "must be within ", within, " of now", false), within->def);
    if (ck == NULL)
        return hrp_rules_err(t->c);
    ck->hi.t = ns_of(within->values);
    return 0;
}

/* ---- strings and bytes ---- */

static bool ip(const uint8_t *p, size_t n) { return hrp_is_ip(p, n, 0); }
static bool ipv4(const uint8_t *p, size_t n) { return hrp_is_ip(p, n, 4); }
static bool ipv6(const uint8_t *p, size_t n) { return hrp_is_ip(p, n, 6); }
static bool address(const uint8_t *p, size_t n) { return hrp_is_hostname(p, n) || hrp_is_ip(p, n, 0); }
static bool with_prefixlen(const uint8_t *p, size_t n) { return hrp_is_ip_prefix(p, n, 0, false); }
static bool v4_with_prefixlen(const uint8_t *p, size_t n) { return hrp_is_ip_prefix(p, n, 4, false); }
static bool v6_with_prefixlen(const uint8_t *p, size_t n) { return hrp_is_ip_prefix(p, n, 6, false); }
static bool prefix(const uint8_t *p, size_t n) { return hrp_is_ip_prefix(p, n, 0, true); }
static bool v4_prefix(const uint8_t *p, size_t n) { return hrp_is_ip_prefix(p, n, 4, true); }
static bool v6_prefix(const uint8_t *p, size_t n) { return hrp_is_ip_prefix(p, n, 6, true); }
static bool host_and_port(const uint8_t *p, size_t n) { return hrp_is_host_and_port(p, n, true); }
static bool fqn(const uint8_t *p, size_t n) { return hrp_is_protobuf_fqn(p, n, false); }
static bool dot_fqn(const uint8_t *p, size_t n) { return hrp_is_protobuf_fqn(p, n, true); }
static bool header_name(const uint8_t *p, size_t n) { return hrp_is_header_name(p, n, true); }
static bool loose_header_name(const uint8_t *p, size_t n) { return hrp_is_header_name(p, n, false); }
static bool header_value(const uint8_t *p, size_t n) { return hrp_is_header_value(p, n, true); }
static bool loose_header_value(const uint8_t *p, size_t n) { return hrp_is_header_value(p, n, false); }

static const struct format {
    const char *name;
    format_fn *fn;
    const char *what;      /* "must be a valid ..." */
    const char *empty;     /* "value is empty, which is not a valid ..."; NULL: an empty one is a value like others */
} formats[] = {
    {"email", hrp_is_email, "email address", "email address"},
    {"hostname", hrp_is_hostname, "hostname", "hostname"},
    {"ip", ip, "IP address", "IP address"},
    {"ipv4", ipv4, "IPv4 address", "IPv4 address"},
    {"ipv6", ipv6, "IPv6 address", "IPv6 address"},
    {"uri", hrp_is_uri, "URI", "URI"},
    {"uri_ref", hrp_is_uri_ref, "URI Reference", NULL},
    {"address", address, "hostname, or ip address", "hostname, or ip address"},
    {"uuid", hrp_is_uuid, "UUID", "UUID"},
    {"tuuid", hrp_is_tuuid, "trimmed UUID", "trimmed UUID"},
    {"ip_with_prefixlen", with_prefixlen, "IP prefix", "IP prefix"},
    {"ipv4_with_prefixlen", v4_with_prefixlen, "IPv4 address with prefix length", "IPv4 address with prefix length"},
    {"ipv6_with_prefixlen", v6_with_prefixlen, "IPv6 address with prefix length", "IPv6 address with prefix length"},
    {"ip_prefix", prefix, "IP prefix", "IP prefix"},
    {"ipv4_prefix", v4_prefix, "IPv4 prefix", "IPv4 prefix"},
    {"ipv6_prefix", v6_prefix, "IPv6 prefix", "IPv6 prefix"},
    {"host_and_port", host_and_port, "host (hostname or IP address) and port pair", "host and port pair"},
    {"ulid", hrp_is_ulid, "ULID", "ULID"},
    {"protobuf_fqn", fqn, "fully-qualified Protobuf name", "fully-qualified Protobuf name"},
    {"protobuf_dot_fqn", dot_fqn, "fully-qualified Protobuf name with a leading dot", "fully-qualified Protobuf name with a leading dot"},
};

/* An empty value breaks a rule of its own, and not the format. */
static int add_format(struct typed *t, const char *id, const struct format *f, const struct hrp_rule_def *def)
{
    struct rule_check *ck = add(t, CHECK_BYTES, TEST_FORMAT, id_of(t, id), hrp_rules_text(t->c, "must be a valid %s", f->what), def);

    if (ck == NULL)
        return hrp_rules_err(t->c);
    ck->format = f->fn;
    if (f->empty == NULL)
        return 0;
    ck->skip_zero = true;
    ck = add(t, CHECK_BYTES, TEST_NOT_EMPTY, hrp_rules_text(t->c, "%s.%s_empty", t->type, id),
             hrp_rules_text(t->c, "value is empty, which is not a valid %s", f->empty), def);
    return ck != NULL ? 0 : hrp_rules_err(t->c);
}

static int well_known_regex(struct typed *t)
{
    const struct hrp_rule *rule = hrp_rule_find(t->fr, "well_known_regex"), *strict = hrp_rule_find(t->fr, "strict");
    bool loose = strict != NULL && strict->values[0].i == 0;
    const struct format name = {"", loose ? loose_header_name : header_name, "HTTP header name", "HTTP header name"};
    const struct format value = {"", loose ? loose_header_value : header_value, "HTTP header value", NULL};

    if (rule == NULL || rule->values[0].i == 0)
        return 0;
    if (rule->values[0].i == 1)
        return add_format(t, "well_known_regex.header_name", &name, rule->def);
    if (rule->values[0].i == 2)
        return add_format(t, "well_known_regex.header_value", &value, rule->def);
    return hr_error_set(t->c->err, HR_ESCHEMA, "%s: well_known_regex %lld is not known", t->node->path, (long long)rule->values[0].i);
}

static int all_formats(struct typed *t)
{
    for (size_t i = 0; i < sizeof formats / sizeof *formats; i++) {
        const struct hrp_rule *rule = hrp_rule_find(t->fr, formats[i].name);
        int r = rule != NULL && rule->values[0].i != 0 ? add_format(t, formats[i].name, &formats[i], rule->def) : 0;

        if (r != 0)
            return r;
    }
    return well_known_regex(t);
}

static int add_sizes(struct typed *t, const char *name, const char *what, uint64_t one, uint64_t other)
{
    const struct hrp_rule *rule = hrp_rule_find(t->fr, name);
    struct rule_check *ck;

    if (rule == NULL || rule->values[0].i == 0)
        return 0;
    ck = add(t, CHECK_BYTES, TEST_SIZES, id_of(t, name), hrp_rules_text(t->c, "must be a valid %s", what), rule->def);
    if (ck == NULL)
        return hrp_rules_err(t->c);
    ck->skip_zero = true;
    ck->lo.u = one;
    ck->hi.u = other;
    ck = add(t, CHECK_BYTES, TEST_NOT_EMPTY, hrp_rules_text(t->c, "bytes.%s_empty", name),
             hrp_rules_text(t->c, "value is empty, which is not a valid %s", what), rule->def);
    return ck != NULL ? 0 : hrp_rules_err(t->c);
}

static int all_sizes(struct typed *t)
{
    int r = add_sizes(t, "ip", "IP address", 4, 16);

    if (r == 0)
        r = add_sizes(t, "ipv4", "IPv4 address", 4, 4);
    if (r == 0)
        r = add_sizes(t, "ipv6", "IPv6 address", 16, 16);
    return r == 0 ? add_sizes(t, "uuid", "UUID", 16, 16) : r;
}

static int length(struct typed *t, const char *name, uint8_t test, const char *before, const char *after, bool least, bool most)
{
    const struct hrp_rule *rule = hrp_rule_find(t->fr, name);
    struct rule_check *ck;

    if (rule == NULL)
        return 0;
    ck = add(t, CHECK_BYTES, test, id_of(t, name), say(t, before, rule, after, false), rule->def);
    if (ck == NULL)
        return hrp_rules_err(t->c);
    ck->lo.u = least ? rule->values[0].u : 0;
    ck->hi.u = most ? rule->values[0].u : UINT64_MAX;
    return 0;
}

static int lengths(struct typed *t, bool text)
{
    int r;

    if (!text) {
        r = length(t, "len", TEST_BYTES, "must be ", " bytes", true, true);
        if (r == 0)
            r = length(t, "min_len", TEST_BYTES, "must be at least ", " bytes", true, false);
        return r == 0 ? length(t, "max_len", TEST_BYTES, "must be at most ", " bytes", false, true) : r;
    }
    r = length(t, "len", TEST_CHARS, "must be ", " characters", true, true);
    if (r == 0)
        r = length(t, "min_len", TEST_CHARS, "must be at least ", " characters", true, false);
    if (r == 0)
        r = length(t, "max_len", TEST_CHARS, "must be at most ", " characters", false, true);
    if (r == 0)
        r = length(t, "len_bytes", TEST_BYTES, "must be ", " bytes", true, true);
    if (r == 0)
        r = length(t, "min_bytes", TEST_BYTES, "must be at least ", " bytes", true, false);
    return r == 0 ? length(t, "max_bytes", TEST_BYTES, "must be at most ", " bytes", false, true) : r;
}

static int by_text(const void *a, const void *b)
{
    const struct check_text *x = a, *y = b;
    int c = memcmp(x->p, y->p, x->n < y->n ? x->n : y->n);

    return c != 0 ? c : (x->n > y->n) - (x->n < y->n);
}

static int texts(struct typed *t, const char *name, uint8_t test, const char *id, const char *message)
{
    const struct hrp_rule *rule = hrp_rule_find(t->fr, name);
    struct check_text *all;
    struct rule_check *ck;

    if (rule == NULL)
        return 0;
    ck = add(t, CHECK_BYTES, test, id, message, rule->def);
    all = ck != NULL ? hrp_rules_take(t->c, rule->n, sizeof *all) : NULL;
    if (all == NULL)
        return hrp_rules_err(t->c);
    for (uint32_t i = 0; i < rule->n; i++)
        all[i] = (struct check_text){rule->values[i].s.p, rule->values[i].s.n};
    qsort(all, rule->n, sizeof *all, by_text);
    ck->texts = all;
    ck->n_list = rule->n;
    return 0;
}

/* The same of each rule that has a text: strings stand between backticks, bytes as hex. */
static int quoted(struct typed *t, const char *name, uint8_t test, const char *before, bool quotes)
{
    const struct hrp_rule *rule = hrp_rule_find(t->fr, name);
    const char *message;

    if (rule == NULL)
        return 0;
    message = say(t, before, rule, "", rule->def->repeated);
    if (message != NULL && quotes)
        message = hrp_rules_text(t->c, "%.*s`%s`", (int)strlen(before), before, message + strlen(before));
    return texts(t, name, test, id_of(t, name), message);
}

static int comparisons(struct typed *t, bool text)
{
    int r = quoted(t, "const", TEST_IN, text ? "must equal " : "must be ", text);

    if (r == 0)
        r = quoted(t, "prefix", TEST_PREFIX, "does not have prefix ", text);
    if (r == 0)
        r = quoted(t, "suffix", TEST_SUFFIX, "does not have suffix ", text);
    if (r == 0)
        r = quoted(t, "contains", TEST_CONTAINS, text ? "does not contain substring " : "does not contain ", text);
    if (r == 0)
        r = quoted(t, "not_contains", TEST_NOT_CONTAINS, "contains substring ", true);
    if (r == 0)
        r = quoted(t, "in", TEST_IN, "must be in list ", false);
    return r == 0 ? quoted(t, "not_in", TEST_NOT_IN, "must not be in list ", false) : r;
}

static int pattern(struct typed *t, bool text)
{
    const struct hrp_rule *rule = hrp_rule_find(t->fr, "pattern");
    const struct hrp_regex *regex = t->c->rules->regex;
    struct hr_error why = {0, ""};
    struct rule_check *ck;
    void *re;
    int r;

    if (rule == NULL)
        return 0;
    if (regex == NULL) {
        t->c->rules->left++;
        return 0;
    }
    r = regex->open((const char *)rule->values[0].s.p, rule->values[0].s.n, &re, &why);
    if (r != 0)
        return hr_error_set(t->c->err, r, "%s: its pattern can't be used: %s", t->node->path, why.text);
    ck = add(t, CHECK_BYTES, TEST_PATTERN, id_of(t, "pattern"),
             say(t, text ? "does not match regex pattern `" : "must match regex pattern `", rule, "`", false), rule->def);
    if (ck == NULL) {
        regex->close(re);
        return hrp_rules_err(t->c);
    }
    ck->re = re;
    return 0;
}

static int strings(struct typed *t, bool text)
{
    int r = lengths(t, text);

    if (r == 0)
        r = comparisons(t, text);
    if (r == 0)
        r = pattern(t, text);
    return r == 0 ? (text ? all_formats(t) : all_sizes(t)) : r;
}

/* ---- messages that have rules of their own ---- */

static int any_rules(struct typed *t)
{
    int r = texts(t, "in", TEST_IN, "any.in", "type URL must be in the allow list");

    return r == 0 ? texts(t, "not_in", TEST_NOT_IN, "any.not_in", "type URL must not be in the block list") : r;
}

static int masks(struct typed *t)
{
    const struct hrp_rule *whole = hrp_rule_find(t->fr, "const");
    struct rule_check *ck;
    int r = 0;

    if (whole != NULL) {
        const char *v = hrp_rules_value_text(t->c, whole->def, whole->values, 1, true);
        struct check_text *text = hrp_rules_take(t->c, 1, sizeof *text);

        ck = v != NULL && text != NULL ? add(t, CHECK_MASK, TEST_IN, "field_mask.const", hrp_rules_text(t->c, "must equal paths %s", v), whole->def) : NULL;
        if (ck == NULL)
            return hrp_rules_err(t->c);
        *text = (struct check_text){whole->values[0].s.p, whole->values[0].s.n};
        ck->texts = text;
        ck->n_list = 1;
        ck->required = true; /* the whole mask */
    }
    for (int i = 0; r == 0 && i < 2; i++) {
        const struct hrp_rule *rule = hrp_rule_find(t->fr, i == 0 ? "in" : "not_in");

        if (rule == NULL)
            continue;
        r = texts(t, rule->def->name, i == 0 ? TEST_IN : TEST_NOT_IN, id_of(t, rule->def->name),
                  say(t, i == 0 ? "must only contain paths in " : "must not contain any paths in ", rule, "", true));
        if (r == 0)
            t->c->rules->programs[t->c->i_program].checks[t->c->rules->programs[t->c->i_program].n - 1].kind = CHECK_MASK;
    }
    return r;
}

static const struct hrp_node *values_node(struct compile *c, const struct hrp_node *node, const struct hrp_type_field *f, uint8_t type)
{
    bool inside = f->msg != NULL && type != HRP_RULES_DURATION && type != HRP_RULES_TIMESTAMP && type != HRP_RULES_FIELD_MASK;

    if (f->msg != NULL && node->opaque) {
        hr_error_set(c->err, HR_ESCHEMA, "%s: nested too deep for its rules to be checked", node->path);
        return NULL;
    }
    return inside ? hrp_schema_field(c->rules->programs[c->i_program].schema, node, 1) : node; /* a wrapper's value, Any's type_url */
}

static int by_type(struct typed *t, const struct hrp_type_field *f)
{
    switch (t->fr->type) {
    case HRP_RULES_FLOAT:
    case HRP_RULES_DOUBLE:
        return numbers(t, FLOATING);
    case HRP_RULES_UINT32:
    case HRP_RULES_UINT64:
    case HRP_RULES_FIXED32:
    case HRP_RULES_FIXED64:
        return numbers(t, UNSIGNED);
    case HRP_RULES_ENUM:
        return enum_rules(t, f);
    case HRP_RULES_STRING:
        return strings(t, true);
    case HRP_RULES_BYTES:
        return strings(t, false);
    case HRP_RULES_ANY:
        return any_rules(t);
    case HRP_RULES_DURATION:
    case HRP_RULES_TIMESTAMP:
        return times(t);
    case HRP_RULES_FIELD_MASK:
        return masks(t);
    default: /* signed integers, bool */
        return numbers(t, SIGNED);
    }
}

int hrp_rules_typed(struct compile *c, const struct hrp_node *node, const struct hrp_type_field *f, const struct hrp_field_rules *fr,
                    bool skip_zero, int64_t zero)
{
    struct typed t = {.c = c, .fr = fr, .type = hrp_rules_type_name(fr->type), .skip_zero = skip_zero, .zero = zero};
    int r;

    if (fr->type == HRP_RULES_NONE || fr->type == HRP_RULES_REPEATED || fr->type == HRP_RULES_MAP)
        return 0;
    t.node = values_node(c, node, f, fr->type);
    if (t.node == NULL)
        return HR_ESCHEMA;
    c->rule[c->n_rule++] = (struct hrp_path_element){.number = fr->type, .name = t.type, .type = PB(MESSAGE)};
    r = by_type(&t, f);
    c->n_rule--;
    return r;
}
