/* Formats that are a set of characters and a shape: names, ids, addresses of people, headers. */
#include "formats.h"
#include <string.h>

static bool is_digit(uint8_t c) { return c >= '0' && c <= '9'; }
static bool is_letter(uint8_t c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
static bool is_alnum(uint8_t c) { return is_digit(c) || is_letter(c); }
static bool is_hex(uint8_t c) { return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'); }

static bool all_hex(const uint8_t *p, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (!is_hex(p[i]))
            return false;
    return true;
}

/* RFC 1123, 2.1: letters, digits and hyphens, 1 to 63, no hyphen at either end. */
static bool is_label(const uint8_t *p, size_t n)
{
    if (n == 0 || n > 63 || p[0] == '-' || p[n - 1] == '-')
        return false;
    for (size_t i = 0; i < n; i++)
        if (!is_alnum(p[i]) && p[i] != '-')
            return false;
    return true;
}

/* Labels between dots; the last one is told. */
static bool are_labels(const uint8_t *p, size_t n, const uint8_t **ret_last, size_t *ret_n_last)
{
    for (;;) {
        const uint8_t *dot = n != 0 ? memchr(p, '.', n) : NULL;
        size_t n_label = dot != NULL ? (size_t)(dot - p) : n;

        if (!is_label(p, n_label))
            return false;
        *ret_last = p;
        *ret_n_last = n_label;
        if (dot == NULL)
            return true;
        n -= n_label + 1;
        p = dot + 1;
    }
}

/* WHATWG HTML, "valid e-mail address": it leaves out what RFC 5322 allows and nobody has. */
bool hrp_is_email(const uint8_t *p, size_t n)
{
    const uint8_t *at = n != 0 ? memchr(p, '@', n) : NULL, *last;
    size_t n_last;

    if (at == NULL || at == p)
        return false;
    for (const uint8_t *c = p; c < at; c++)
        if (!is_alnum(*c) && (*c == '\0' || strchr(".!#$%&'*+/=?^_`{|}~-", *c) == NULL))
            return false;
    return are_labels(at + 1, n - (size_t)(at + 1 - p), &last, &n_last);
}

/* At most 253 characters; a dot at the end is fine; the last label is not a number, which an address would be. */
bool hrp_is_hostname(const uint8_t *p, size_t n)
{
    const uint8_t *last;
    size_t n_last;
    bool digits = true;

    if (n == 0 || n > 253)
        return false;
    if (p[n - 1] == '.')
        n--;
    if (!are_labels(p, n, &last, &n_last))
        return false;
    for (size_t i = 0; i < n_last; i++)
        digits = digits && is_digit(last[i]);
    return !digits;
}

/* RFC 9562, 4: 8-4-4-4-12 hex digits. */
bool hrp_is_uuid(const uint8_t *p, size_t n)
{
    return n == 36 && p[8] == '-' && p[13] == '-' && p[18] == '-' && p[23] == '-' && all_hex(p, 8) && all_hex(p + 9, 4) &&
           all_hex(p + 14, 4) && all_hex(p + 19, 4) && all_hex(p + 24, 12);
}

bool hrp_is_tuuid(const uint8_t *p, size_t n) { return n == 32 && all_hex(p, n); }

/* github.com/ulid/spec: Crockford's base 32, of which the first digit holds three bits. */
bool hrp_is_ulid(const uint8_t *p, size_t n)
{
    if (n != 26 || p[0] < '0' || p[0] > '7')
        return false;
    for (size_t i = 1; i < n; i++)
        if (!is_alnum(p[i]) || memchr("ILOUilou", p[i], 8) != NULL)
            return false;
    return true;
}

bool hrp_is_protobuf_fqn(const uint8_t *p, size_t n, bool leading_dot)
{
    bool start = true; /* of a part */

    if (leading_dot && (n == 0 || p[0] != '.'))
        return false;
    for (size_t i = leading_dot; i < n; i++) {
        if (p[i] == '.' ? start : !(is_letter(p[i]) || p[i] == '_' || (!start && is_digit(p[i]))))
            return false;
        start = p[i] == '.';
    }
    return !start;
}

/* RFC 9110, 5.1; a colon first, as HTTP/2's pseudo-headers have. */
bool hrp_is_header_name(const uint8_t *p, size_t n, bool strict)
{
    size_t i = strict && n != 0 && p[0] == ':';

    if (i == n)
        return false;
    for (; i < n; i++) {
        if (!strict ? p[i] == '\0' || p[i] == '\n' || p[i] == '\r'
                    : !is_alnum(p[i]) && (p[i] == '\0' || strchr("!#$%&'*+,-.^_|~`", p[i]) == NULL))
            return false;
    }
    return true;
}

bool hrp_is_header_value(const uint8_t *p, size_t n, bool strict)
{
    for (size_t i = 0; i < n; i++)
        if (strict ? (p[i] < 0x20 && p[i] != '\t') || p[i] == 0x7f : p[i] == '\0' || p[i] == '\n' || p[i] == '\r')
            return false;
    return true;
}
