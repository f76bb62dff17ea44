#include "json_lex.h"
#include <stdio.h>
#include <string.h>

char hrp_lex_peek(struct hrp_lex *lex)
{
    while (lex->p < lex->end && (*lex->p == ' ' || *lex->p == '\t' || *lex->p == '\n' || *lex->p == '\r'))
        lex->p++;
    return lex->p < lex->end ? *lex->p : '\0';
}

bool hrp_lex_take(struct hrp_lex *lex, char c)
{
    if (hrp_lex_peek(lex) != c || lex->p == lex->end)
        return false;
    lex->p++;
    return true;
}

static bool is_word_byte(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

bool hrp_lex_word(struct hrp_lex *lex, const char *word)
{
    size_t n = strlen(word);

    if (hrp_lex_peek(lex) != *word || (size_t)(lex->end - lex->p) < n || memcmp(lex->p, word, n) != 0)
        return false;
    if (lex->p + n < lex->end && is_word_byte(lex->p[n]))
        return false;
    lex->p += n;
    return true;
}

/* ---- numbers ---- */

static size_t digits(const char *p, size_t n, size_t at)
{
    size_t i = at;

    while (i < n && p[i] >= '0' && p[i] <= '9')
        i++;
    return i - at;
}

size_t hrp_number_len(const char *p, size_t n)
{
    size_t i = n > 0 && p[0] == '-', d = digits(p, n, i);

    if (d == 0 || (d > 1 && p[i] == '0'))
        return 0;
    i += d;
    if (i < n && p[i] == '.') {
        d = digits(p, n, i + 1);
        if (d == 0)
            return 0;
        i += 1 + d;
    }
    if (i < n && (p[i] == 'e' || p[i] == 'E')) {
        size_t at = i + 1 + (i + 1 < n && (p[i + 1] == '+' || p[i + 1] == '-'));

        d = digits(p, n, at);
        if (d == 0)
            return 0;
        i = at + d;
    }
    return i;
}

size_t hrp_lex_number(struct hrp_lex *lex, const char **ret)
{
    size_t n;

    hrp_lex_peek(lex);
    n = hrp_number_len(lex->p, (size_t)(lex->end - lex->p));
    *ret = lex->p;
    lex->p += n;
    return n;
}

enum { MOST_EXPONENT = 1 << 30 }; /* any text that long would be needed to undo it */

static int64_t exponent(const char *p, const char *end) /* at the 'e', or at the end */
{
    bool minus;
    int64_t e = 0;

    if (p == end)
        return 0;
    minus = *++p == '-';
    for (p += *p == '-' || *p == '+'; p < end; p++)
        e = e < MOST_EXPONENT ? e * 10 + (*p - '0') : e;
    return minus ? -e : e;
}

bool hrp_number_whole(const char *p, size_t n, bool *ret_minus, uint64_t *ret)
{
    const char *end = p + n, *mantissa_end, *point = NULL, *last = NULL; /* last: the last digit that is not 0 */
    uint64_t v = 0;
    int64_t scale;

    *ret_minus = *p == '-';
    p += *ret_minus;
    for (mantissa_end = p; mantissa_end < end && *mantissa_end != 'e' && *mantissa_end != 'E'; mantissa_end++) {
        if (*mantissa_end == '.')
            point = mantissa_end;
        else if (*mantissa_end != '0')
            last = mantissa_end;
    }
    *ret = 0;
    if (last == NULL)
        return true;
    if (point == NULL)
        point = mantissa_end;
    scale = exponent(mantissa_end, end) + (last < point ? point - last - 1 : -(int64_t)(last - point));
    if (scale < 0 || scale > 19)
        return false;
    for (; p <= last; p++) {
        if (*p != '.' && (__builtin_mul_overflow(v, 10, &v) || __builtin_add_overflow(v, (uint64_t)(*p - '0'), &v)))
            return false;
    }
    for (; scale > 0; scale--) {
        if (__builtin_mul_overflow(v, 10, &v))
            return false;
    }
    *ret = v;
    return true;
}

/* ---- strings ---- */

static int hex4(const char *p, const char *end)
{
    int v = 0;

    if (end - p < 4)
        return -1;
    for (int i = 0; i < 4; i++) {
        char c = p[i];
        int d = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;

        if (d < 0)
            return -1;
        v = v << 4 | d;
    }
    return v;
}

static void put_utf8(struct hrp_buf *out, unsigned c)
{
    uint8_t b[4];
    size_t n = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;

    for (size_t i = n - 1; i > 0; i--, c >>= 6)
        b[i] = (uint8_t)(0x80 | (c & 0x3f));
    b[0] = (uint8_t)(n == 1 ? c : (0xf00u >> n & 0xff) | c);
    hrp_put_bytes(out, b, n);
}

/* Behind "\u"; a high surrogate needs its low one right after it. */
static bool unicode(struct hrp_lex *lex, struct hrp_buf *out)
{
    int c = hex4(lex->p, lex->end), low;

    if (c < 0 || (c >= 0xdc00 && c <= 0xdfff))
        return false;
    lex->p += 4;
    if (c >= 0xd800 && c <= 0xdbff) {
        if (lex->end - lex->p < 6 || lex->p[0] != '\\' || lex->p[1] != 'u')
            return false;
        low = hex4(lex->p + 2, lex->end);
        if (low < 0xdc00 || low > 0xdfff)
            return false;
        lex->p += 6;
        c = 0x10000 + ((c - 0xd800) << 10 | (low - 0xdc00));
    }
    put_utf8(out, (unsigned)c);
    return true;
}

/* Behind the backslash. */
static bool escape(struct hrp_lex *lex, struct hrp_buf *out)
{
    static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
    const char *f;

    if (lex->p == lex->end)
        return false;
    if (*lex->p == 'u') {
        lex->p++;
        return unicode(lex, out);
    }
    f = memchr(from, *lex->p, sizeof from - 1);
    if (f == NULL)
        return false;
    hrp_put_u8(out, (uint8_t)to[f - from]);
    lex->p++;
    return true;
}

bool hrp_lex_string(struct hrp_lex *lex, struct hrp_buf *out)
{
    if (!hrp_lex_take(lex, '"'))
        return false;
    while (lex->p < lex->end) {
        const char *from = lex->p, *at;

        while (lex->p < lex->end && *lex->p != '"' && *lex->p != '\\' && (unsigned char)*lex->p >= 0x20)
            lex->p++;
        hrp_put_bytes(out, from, (size_t)(lex->p - from));
        if (lex->p == lex->end || (unsigned char)*lex->p < 0x20)
            return false;
        at = lex->p++;
        if (*at == '"')
            return true;
        if (!escape(lex, out)) {
            lex->p = at; /* to be shown */
            return false;
        }
    }
    return false;
}

/* ---- for a person ---- */

enum { MOST_SHOWN = 40 };

static size_t shown(const char *p, size_t n) /* no more than is wanted, no half character */
{
    if (n <= MOST_SHOWN)
        return n;
    for (n = MOST_SHOWN; n > 0 && (p[n] & 0xc0) == 0x80; n--)
        ;
    return n;
}

static size_t raw_string_len(const char *p, const char *end)
{
    const char *q = p;

    while (q < end && *q != '"')
        q += *q == '\\' && q + 1 < end ? 2 : 1;
    return (size_t)(q - p);
}

void hrp_lex_describe(struct hrp_lex lex, char *ret, size_t n)
{
    const char *number, *what;
    char c = hrp_lex_peek(&lex);
    size_t len;

    if (c == '"') {
        len = raw_string_len(lex.p + 1, lex.end);
        snprintf(ret, n, "the string \"%.*s%s\"", (int)shown(lex.p + 1, len), lex.p + 1, len > MOST_SHOWN ? "..." : "");
        return;
    }
    if ((len = hrp_lex_number(&lex, &number)) != 0) {
        snprintf(ret, n, "the number %.*s%s", (int)shown(number, len), number, len > MOST_SHOWN ? "..." : "");
        return;
    }
    what = lex.p == lex.end              ? "the end"
           : c == '{'                    ? "an object"
           : c == '['                    ? "an array"
           : hrp_lex_word(&lex, "true")  ? "true"
           : hrp_lex_word(&lex, "false") ? "false"
           : hrp_lex_word(&lex, "null")  ? "null"
                                         : NULL;
    if (what != NULL)
        snprintf(ret, n, "%s", what);
    else
        snprintf(ret, n, "%.*s", (int)shown(lex.p, (size_t)(lex.end - lex.p)), lex.p);
}
