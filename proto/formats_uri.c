/* URIs and references to them: RFC 3986 appendix A, zones of IPv6 literals by RFC 6874. Cut at the delimiters that end
 * each part, then each part's characters are looked at once. */
#include "formats.h"
#include "wire_check.h"
#include <string.h>

struct span {
    const uint8_t *p;
    size_t n;
};

static bool is_letter(uint8_t c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
static bool is_digit(uint8_t c) { return c >= '0' && c <= '9'; }
static bool in_set(uint8_t c, const char *set) { return c != '\0' && strchr(set, c) != NULL; }

static int hex_of(uint8_t c)
{
    if (is_digit(c))
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool at_escape(struct span s, size_t i) { return s.n - i >= 3 && s.p[i] == '%' && hex_of(s.p[i + 1]) >= 0 && hex_of(s.p[i + 2]) >= 0; }

/* unreserved, pct-encoded, and what `more` has of sub-delims and others. */
static bool only(struct span s, const char *more)
{
    size_t i = 0;

    while (i < s.n) {
        if (at_escape(s, i))
            i += 3;
        else if (is_letter(s.p[i]) || is_digit(s.p[i]) || in_set(s.p[i], "-._~") || in_set(s.p[i], more))
            i++;
        else
            return false;
    }
    return true;
}

#define SUB_DELIMS "!$&'()*+,;="
#define PCHAR SUB_DELIMS ":@"

static struct span cut(struct span *s, uint8_t c, bool *ret_found) /* what stands before c; *s goes on behind it */
{
    const uint8_t *at = s->n != 0 ? memchr(s->p, c, s->n) : NULL;
    struct span before = {s->p, at != NULL ? (size_t)(at - s->p) : s->n};

    *ret_found = at != NULL;
    s->p += before.n + (at != NULL);
    s->n -= before.n + (at != NULL);
    return before;
}

/* ---- authority ---- */

static uint32_t utf8_length(uint8_t first) { return first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2; }

/* RFC 3986, 3.2.2: what is escaped in a host is UTF-8. */
static bool escapes_are_utf8(struct span s)
{
    size_t i = 0;

    while (i < s.n) {
        uint8_t bytes[4];
        uint32_t n = 0, want = 1;

        if (!at_escape(s, i)) {
            i++;
            continue;
        }
        for (; n < want && at_escape(s, i); i += 3) {
            bytes[n++] = (uint8_t)(hex_of(s.p[i + 1]) << 4 | hex_of(s.p[i + 2]));
            if (n == 1 && bytes[0] >= 0x80)
                want = utf8_length(bytes[0]);
        }
        if (n != want || !hrp_utf8_valid(bytes, n))
            return false;
    }
    return true;
}

static bool is_future(struct span s) /* "v" 1*HEXDIG "." 1*( unreserved / sub-delims / ":" ) */
{
    size_t i = 1;

    if (s.n == 0 || s.p[0] != 'v')
        return false;
    while (i < s.n && hex_of(s.p[i]) >= 0)
        i++;
    if (i == 1 || i + 1 >= s.n || s.p[i] != '.')
        return false;
    s.p += i + 1;
    s.n -= i + 1;
    return memchr(s.p, '%', s.n) == NULL && only(s, SUB_DELIMS ":");
}

static bool is_literal(struct span s) /* between the brackets */
{
    struct span address = s, zone;
    size_t i = 0;

    while (i < s.n && (hex_of(s.p[i]) >= 0 || s.p[i] == ':'))
        i++;
    address.n = i;
    if (!hrp_is_ip(address.p, address.n, 6))
        return is_future(s);
    if (i == s.n)
        return true;
    zone = (struct span){s.p + i, s.n - i};
    if (zone.n < 4 || memcmp(zone.p, "%25", 3) != 0)
        return false;
    zone.p += 3;
    zone.n -= 3;
    return only(zone, "") && escapes_are_utf8(zone);
}

static bool is_port(struct span s)
{
    for (size_t i = 0; i < s.n; i++)
        if (!is_digit(s.p[i]))
            return false;
    return true;
}

static bool is_authority(struct span s)
{
    struct span rest = s, user, host;
    bool found;

    user = cut(&rest, '@', &found);
    if (found ? !only(user, SUB_DELIMS ":") : false)
        return false;
    if (!found)
        rest = s;
    if (rest.n != 0 && rest.p[0] == '[') {
        host = cut(&rest, ']', &found);
        if (!found || !is_literal((struct span){host.p + 1, host.n - 1}))
            return false;
        if (rest.n == 0)
            return true;
        return rest.p[0] == ':' && is_port((struct span){rest.p + 1, rest.n - 1});
    }
    host = cut(&rest, ':', &found);
    return only(host, SUB_DELIMS) && escapes_are_utf8(host) && is_port(rest);
}

/* ---- the whole ---- */

static bool begins_with(struct span s, const char *text)
{
    size_t n = strlen(text);

    return s.n >= n && memcmp(s.p, text, n) == 0;
}

/* The path, with the authority before it. relative: the first segment of one that does not begin with a slash has no colon. */
static bool is_hierarchy(struct span s, bool relative)
{
    struct span first;
    bool found;

    if (begins_with(s, "//")) {
        s.p += 2;
        s.n -= 2;
        first = s;
        first = cut(&first, '/', &found);
        return is_authority(first) && only((struct span){s.p + first.n, s.n - first.n}, PCHAR "/");
    }
    if (!only(s, PCHAR "/"))
        return false;
    first = s;
    first = cut(&first, '/', &found);
    return !relative || first.n == 0 || memchr(first.p, ':', first.n) == NULL;
}

static bool is_scheme(struct span s)
{
    for (size_t i = 0; i < s.n; i++)
        if (!is_letter(s.p[i]) && (i == 0 || !(is_digit(s.p[i]) || in_set(s.p[i], "+-."))))
            return false;
    return s.n != 0;
}

/* Query and fragment are cut off; false: they are no such. */
static bool tail_is_good(struct span *s)
{
    struct span fragment = *s, query, path;
    bool found;

    query = cut(&fragment, '#', &found);
    if (found && !only(fragment, PCHAR "/?"))
        return false;
    path = cut(&query, '?', &found);
    if (found && !only(query, PCHAR "/?"))
        return false;
    *s = path;
    return true;
}

bool hrp_is_uri(const uint8_t *p, size_t n)
{
    struct span s = {p, n}, scheme;
    bool found;

    if (!tail_is_good(&s))
        return false;
    scheme = cut(&s, ':', &found);
    return found && is_scheme(scheme) && is_hierarchy(s, false);
}

bool hrp_is_uri_ref(const uint8_t *p, size_t n)
{
    struct span s = {p, n};

    return hrp_is_uri(p, n) || (tail_is_good(&s) && is_hierarchy(s, true));
}
