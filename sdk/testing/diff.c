#include "diff.h"
#include "json_lex.h"

struct span { /* a value's text, or a member's key with its quotes */
    const char *p;
    size_t n;
};
struct place { /* from the inside out; key NULL: an index */
    const struct place *up;
    const struct span *key;
    size_t index;
};
struct diff {
    unsigned n, most;
    struct hrp_buf *out;
};

static bool same(const struct span *a, const struct span *b) { return a->n == b->n && memcmp(a->p, b->p, a->n) == 0; }

/* The text is well-formed, as we wrote it: brackets are counted, strings passed over. */
static struct span value_at(struct hrp_lex *lex)
{
    struct hrp_buf text = HRP_BUF_INIT;
    struct span s = {.p = (hrp_lex_peek(lex), lex->p)};
    int depth = 0;

    do {
        char c = hrp_lex_peek(lex);

        hrp_buf_clear(&text);
        if (c == '\0' || (c == '"' && !hrp_lex_string(lex, &text)))
            break;
        depth += (c == '{' || c == '[') - (c == '}' || c == ']');
        if (c != '"')
            lex->p++;
        while (depth == 0 && c != '"' && c != '}' && c != ']' && lex->p < lex->end && strchr(",]}", *lex->p) == NULL)
            lex->p++;
    } while (depth > 0);
    hrp_buf_fini(&text);
    s.n = (size_t)(lex->p - s.p);
    return s;
}

static struct hrp_lex lex_of(const struct span *s) { return (struct hrp_lex){s->p, s->p, s->p + s->n}; }

/* ---- members and elements, one after the other ---- */

static bool next_member(struct hrp_lex *lex, struct span *ret_key, struct span *ret_value)
{
    if (!hrp_lex_take(lex, '{') && !hrp_lex_take(lex, ','))
        return false;
    if (hrp_lex_peek(lex) != '"')
        return false;
    *ret_key = value_at(lex);
    if (!hrp_lex_take(lex, ':'))
        return false;
    *ret_value = value_at(lex);
    return true;
}

static bool next_element(struct hrp_lex *lex, struct span *ret)
{
    if (!hrp_lex_take(lex, '[') && !hrp_lex_take(lex, ','))
        return false;
    if (hrp_lex_peek(lex) == ']')
        return false;
    *ret = value_at(lex);
    return true;
}

static bool find_member(const struct span *object, const struct span *key, struct span *ret)
{
    struct hrp_lex lex = lex_of(object);
    struct span k;

    while (next_member(&lex, &k, ret))
        if (same(&k, key))
            return true;
    return false;
}

/* ---- lines ---- */

static void put_place(struct hrp_buf *out, const struct place *at)
{
    if (at->up == NULL)
        return;
    put_place(out, at->up);
    if (at->key == NULL)
        hrp_put_fmt(out, "[%zu]", at->index);
    else
        hrp_put_fmt(out, "%s%.*s", at->up->up != NULL ? "." : "", (int)at->key->n - 2, at->key->p + 1);
}

/* expected or got NULL: nothing there. */
static void tell(struct diff *d, const struct place *at, const struct span *expected, const struct span *got)
{
    static const struct span nothing = {"nothing", 7};

    if (d->n++ >= d->most)
        return;
    if (d->out->n != 0)
        hrp_put_u8(d->out, '\n');
    put_place(d->out, at);
    expected = expected != NULL ? expected : &nothing;
    got = got != NULL ? got : &nothing;
    hrp_put_fmt(d->out, "%sexpected ", at->up != NULL ? ": " : "");
    hrp_put_bytes(d->out, expected->p, expected->n);
    hrp_put_fmt(d->out, ", got ");
    hrp_put_bytes(d->out, got->p, got->n);
}

static void values(struct diff *d, const struct place *at, const struct span *expected, const struct span *got);

static void objects(struct diff *d, const struct place *up, const struct span *expected, const struct span *got)
{
    struct hrp_lex lex = lex_of(expected);
    struct span key, value, other;
    struct place at = {.up = up, .key = &key};

    while (next_member(&lex, &key, &value)) {
        if (find_member(got, &key, &other))
            values(d, &at, &value, &other);
        else
            tell(d, &at, &value, NULL);
    }
    lex = lex_of(got);
    while (next_member(&lex, &key, &value))
        if (!find_member(expected, &key, &other))
            tell(d, &at, NULL, &value);
}

static void arrays(struct diff *d, const struct place *up, const struct span *expected, const struct span *got)
{
    struct hrp_lex a = lex_of(expected), b = lex_of(got);
    struct place at = {.up = up};
    bool more_a, more_b;
    struct span x, y;

    for (;; at.index++) {
        more_a = next_element(&a, &x);
        more_b = next_element(&b, &y);
        if (!more_a && !more_b)
            return;
        if (more_a && more_b)
            values(d, &at, &x, &y);
        else
            tell(d, &at, more_a ? &x : NULL, more_b ? &y : NULL);
    }
}

static void values(struct diff *d, const struct place *at, const struct span *expected, const struct span *got)
{
    if (same(expected, got))
        return;
    if (expected->n != 0 && got->n != 0 && expected->p[0] == '{' && got->p[0] == '{')
        objects(d, at, expected, got);
    else if (expected->n != 0 && got->n != 0 && expected->p[0] == '[' && got->p[0] == '[')
        arrays(d, at, expected, got);
    else
        tell(d, at, expected, got);
}

unsigned hrs_diff(const char *expected, const char *got, unsigned most, struct hrp_buf *out)
{
    struct span a = {expected, strlen(expected)}, b = {got, strlen(got)};
    struct place root = {.up = NULL};
    struct diff d = {.most = most, .out = out};

    values(&d, &root, &a, &b);
    return d.n;
}
