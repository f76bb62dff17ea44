/* IP addresses and prefixes as text: RFC 791 in dotted decimals, RFC 4291 section 2.2, zones of RFC 4007. */
#include "formats.h"
#include <string.h>

struct text {
    const uint8_t *p;
    size_t n, i;
};

static bool take(struct text *t, uint8_t c)
{
    if (t->i == t->n || t->p[t->i] != c)
        return false;
    t->i++;
    return true;
}

static bool at_digit(const struct text *t) { return t->i < t->n && t->p[t->i] >= '0' && t->p[t->i] <= '9'; }

static int hex_at(const struct text *t)
{
    uint8_t c = t->i < t->n ? t->p[t->i] : 0;

    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* A decimal without leading zeros, at most `most`. */
static bool number(struct text *t, uint32_t most, uint32_t *ret)
{
    size_t start = t->i;
    uint32_t v = 0;

    while (at_digit(t) && t->i - start < 4)
        v = 10 * v + (t->p[t->i++] - '0');
    *ret = v;
    return t->i != start && !at_digit(t) && v <= most && (t->i - start == 1 || t->p[start] != '0');
}

static bool v4_address(struct text *t, uint8_t ret[4])
{
    for (int k = 0; k < 4; k++) {
        uint32_t octet;

        if ((k != 0 && !take(t, '.')) || !number(t, 255, &octet))
            return false;
        ret[k] = (uint8_t)octet;
    }
    return true;
}

/* ---- version 6 ---- */

struct v6 {
    uint16_t pieces[8];
    uint32_t n;          /* pieces found; past 8 they are only counted */
    uint32_t gap;        /* pieces before the "::" */
    bool has_gap, has_zone;
};

static void add_piece(struct v6 *a, uint32_t v)
{
    if (a->n < 8)
        a->pieces[a->n] = (uint16_t)v;
    a->n++;
}

static bool piece(struct text *t, struct v6 *a)
{
    size_t start = t->i;
    uint32_t v = 0;

    for (; hex_at(t) >= 0 && t->i - start <= 4; t->i++)
        v = 16 * v + (uint32_t)hex_at(t);
    add_piece(a, v);
    return t->i - start <= 4;
}

static bool colons(struct text *t, struct v6 *a)
{
    t->i++;
    if (take(t, ':')) {
        if (a->has_gap || take(t, ':'))
            return false;
        a->has_gap = true;
        a->gap = a->n;
        return true;
    }
    return t->i != 1 && t->i != t->n; /* a single one neither begins nor ends an address */
}

/* The last 32 bits in dotted decimals: at least 1.1.1.1. */
static bool at_dotted(const struct text *t)
{
    size_t i = t->i;

    while (i < t->n && ((t->p[i] >= '0' && t->p[i] <= '9') || t->p[i] == '.'))
        i++;
    return i - t->i >= 7;
}

static bool dotted(struct text *t, struct v6 *a)
{
    uint8_t octets[4];

    if (!v4_address(t, octets) || at_digit(t) || (t->i < t->n && t->p[t->i] == '.'))
        return false;
    add_piece(a, (uint32_t)octets[0] << 8 | octets[1]);
    add_piece(a, (uint32_t)octets[2] << 8 | octets[3]);
    return true;
}

static bool v6_address(struct text *t, struct v6 *a)
{
    while (t->i < t->n) {
        if ((a->has_gap || a->n == 6) && at_dotted(t))
            return dotted(t, a);
        if (hex_at(t) >= 0) {
            if (!piece(t, a))
                return false;
        } else if (t->p[t->i] == ':') {
            if (!colons(t, a))
                return false;
        } else {
            break;
        }
    }
    if (t->i < t->n && t->p[t->i] == '%') { /* a zone is any text that is not empty */
        a->has_zone = t->i + 1 < t->n;
        if (!a->has_zone)
            return false;
        t->i = t->n;
    }
    return a->has_gap ? a->n < 8 : a->n == 8;
}

/* Bits past the prefix are zero. */
static bool v6_strict(const struct v6 *a, uint32_t bits)
{
    uint32_t gap = a->has_gap && a->n < 8 ? 8 - a->n : 0;

    if (a->n + gap != 8)
        return true;
    for (uint32_t i = 0; i < a->n; i++) {
        uint32_t at = 16 * (i < a->gap || !a->has_gap ? i : i + gap);
        uint32_t keep = bits <= at ? 0 : bits - at < 16 ? bits - at : 16;

        if ((a->pieces[i] & (0xffffu >> keep)) != 0)
            return false;
    }
    return true;
}

/* ---- what others call ---- */

bool hrp_is_ip(const uint8_t *p, size_t n, int version)
{
    struct text four = {p, n, 0}, six = {p, n, 0};
    struct v6 a = {.n = 0};
    uint8_t octets[4];

    if (version != 6 && v4_address(&four, octets) && four.i == n)
        return true;
    return version != 4 && v6_address(&six, &a) && six.i == n;
}

static bool v4_prefix(const uint8_t *p, size_t n, bool strict)
{
    struct text t = {p, n, 0};
    uint8_t o[4];
    uint32_t bits, address;

    if (!v4_address(&t, o) || !take(&t, '/') || !number(&t, 32, &bits) || t.i != n)
        return false;
    address = (uint32_t)o[0] << 24 | (uint32_t)o[1] << 16 | (uint32_t)o[2] << 8 | o[3];
    return !strict || bits == 32 || (address & (UINT32_MAX >> bits)) == 0;
}

static bool v6_prefix(const uint8_t *p, size_t n, bool strict)
{
    struct text t = {p, n, 0};
    struct v6 a = {.n = 0};
    uint32_t bits;

    if (!v6_address(&t, &a) || a.has_zone || !take(&t, '/') || !number(&t, 128, &bits) || t.i != n)
        return false;
    return !strict || v6_strict(&a, bits);
}

bool hrp_is_ip_prefix(const uint8_t *p, size_t n, int version, bool strict)
{
    return (version != 6 && v4_prefix(p, n, strict)) || (version != 4 && v6_prefix(p, n, strict));
}

static bool is_port(const uint8_t *p, size_t n)
{
    uint32_t v = 0;

    if (n == 0 || n > 5 || (n > 1 && p[0] == '0'))
        return false;
    for (size_t i = 0; i < n; i++) {
        if (p[i] < '0' || p[i] > '9')
            return false;
        v = 10 * v + (p[i] - '0');
    }
    return v <= 65535;
}

bool hrp_is_host_and_port(const uint8_t *p, size_t n, bool port_required)
{
    const uint8_t *colon = n != 0 ? memrchr(p, ':', n) : NULL, *end;
    size_t n_host = colon != NULL ? (size_t)(colon - p) : n;

    if (n == 0)
        return false;
    if (p[0] == '[') {
        end = memrchr(p, ']', n);
        if (end == NULL || !hrp_is_ip(p + 1, (size_t)(end - p) - 1, 6))
            return false;
        if (end + 1 == p + n)
            return !port_required;
        return end + 1 == colon && is_port(colon + 1, n - n_host - 1);
    }
    if (colon == NULL)
        return !port_required && (hrp_is_hostname(p, n) || hrp_is_ip(p, n, 4));
    return (hrp_is_hostname(p, n_host) || hrp_is_ip(p, n_host, 4)) && is_port(colon + 1, n - n_host - 1);
}
