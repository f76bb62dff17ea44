#include "span.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

static const char *skip_space(const char *p, const char *end)
{
    while (p < end && (*p == ' ' || *p == '\t' || *p == '\n' || *p == '\r'))
        p++;
    return p;
}

/* One past the closing quote; NULL: there is none. *p is the opening one. */
static const char *skip_string(const char *p, const char *end)
{
    for (p++; p < end && *p != '"'; p++)
        if (*p == '\\' && p + 1 < end)
            p++;
    return p < end ? p + 1 : NULL;
}

/* One past a value; brackets are counted, not matched by kind: the line comes from our own writer. */
static const char *skip_value(const char *p, const char *end)
{
    unsigned depth = 0;

    while (p < end) {
        if (*p == '"') {
            p = skip_string(p, end);
            if (p == NULL)
                return NULL;
        } else if (*p == '{' || *p == '[') {
            depth++;
            p++;
        } else if (*p == '}' || *p == ']') {
            if (depth == 0)
                return p;
            depth--;
            p++;
        } else if (depth == 0 && (*p == ',' || *p == ' ' || *p == '\n' || *p == '\r' || *p == '\t')) {
            return p;
        } else {
            p++;
            if (depth == 0)
                continue; /* inside a number or a word */
        }
        if (depth == 0)
            return p;
    }
    return depth == 0 ? p : NULL;
}

bool cli_span_get(struct cli_span obj, const char *key, struct cli_span *ret)
{
    const char *end = obj.p + obj.n, *p = skip_space(obj.p, end), *name, *value;
    size_t n_key = strlen(key);

    if (p == end || *p != '{')
        return false;
    for (p = skip_space(p + 1, end); p < end && *p == '"'; p = skip_space(p + 1, end)) {
        name = p + 1;
        p = skip_string(p, end);
        if (p == NULL)
            return false;
        value = skip_space(p, end);
        if (value == end || *value != ':')
            return false;
        value = skip_space(value + 1, end);
        if ((size_t)(p - name) == n_key + 1 && memcmp(name, key, n_key) == 0) {
            p = skip_value(value, end);
            ret->p = value;
            ret->n = p != NULL ? (size_t)(p - value) : 0;
            return ret->n != 0;
        }
        p = skip_value(value, end);
        p = p != NULL ? skip_space(p, end) : end;
        if (p == end || *p != ',')
            return false;
    }
    return false;
}

static bool hex4(const char *p, const char *end, uint32_t *ret)
{
    uint32_t v = 0;

    if (end - p < 4)
        return false;
    for (int i = 0; i < 4; i++) {
        char c = p[i];

        if (c >= '0' && c <= '9')
            v = v * 16 + (uint32_t)(c - '0');
        else if ((c | 32) >= 'a' && (c | 32) <= 'f')
            v = v * 16 + (uint32_t)((c | 32) - 'a' + 10);
        else
            return false;
    }
    *ret = v;
    return true;
}

static void put_utf8(struct hrp_buf *out, uint32_t c)
{
    if (c < 0x80) {
        hrp_put_u8(out, (uint8_t)c);
    } else if (c < 0x800) {
        hrp_put_u8(out, (uint8_t)(0xc0 | c >> 6));
        hrp_put_u8(out, (uint8_t)(0x80 | (c & 63)));
    } else {
        if (c < 0x10000) {
            hrp_put_u8(out, (uint8_t)(0xe0 | c >> 12));
        } else {
            hrp_put_u8(out, (uint8_t)(0xf0 | c >> 18));
            hrp_put_u8(out, (uint8_t)(0x80 | (c >> 12 & 63)));
        }
        hrp_put_u8(out, (uint8_t)(0x80 | (c >> 6 & 63)));
        hrp_put_u8(out, (uint8_t)(0x80 | (c & 63)));
    }
}

/* RFC 8259, section 7: the escape at *p, after its backslash; characters beyond U+FFFF are two \u. */
static bool put_escape(struct hrp_buf *out, const char **p, const char *end)
{
    static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
    const char *at;
    uint32_t c, low;

    if (*p == end)
        return false;
    if (**p != 'u') {
        at = memchr(from, **p, sizeof from - 1);
        if (at == NULL)
            return false;
        hrp_put_u8(out, (uint8_t)to[at - from]);
        (*p)++;
        return true;
    }
    if (!hex4(*p + 1, end, &c))
        return false;
    *p += 5;
    if (c >= 0xd800 && c < 0xdc00 && end - *p >= 6 && (*p)[0] == '\\' && (*p)[1] == 'u' && hex4(*p + 2, end, &low) && low >= 0xdc00 &&
        low < 0xe000) {
        c = 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
        *p += 6;
    }
    put_utf8(out, c);
    return true;
}

bool cli_span_str(struct cli_span v, struct hrp_buf *out)
{
    const char *p = v.p + 1, *end = v.p + v.n - 1, *start;

    if (v.n < 2 || v.p[0] != '"' || *end != '"')
        return false;
    while (p < end) {
        for (start = p; p < end && *p != '\\'; p++)
            ;
        hrp_put_bytes(out, start, (size_t)(p - start));
        if (p == end)
            break;
        p++;
        if (!put_escape(out, &p, end))
            return false;
    }
    return out->err == 0;
}

/* A copy with a NUL, for strto*. */
static bool number_text(struct cli_span v, char *ret, size_t n)
{
    if (v.n == 0 || v.n >= n)
        return false;
    memcpy(ret, v.p, v.n);
    ret[v.n] = '\0';
    errno = 0;
    return true;
}

bool cli_span_i64(struct cli_span v, int64_t *ret)
{
    char text[32], *end;

    if (!number_text(v, text, sizeof text))
        return false;
    *ret = strtoll(text, &end, 10);
    return errno == 0 && *end == '\0' && end != text;
}

bool cli_span_u64(struct cli_span v, uint64_t *ret)
{
    char text[32], *end;

    if (!number_text(v, text, sizeof text) || text[0] == '-')
        return false;
    *ret = strtoull(text, &end, 10);
    return errno == 0 && *end == '\0' && end != text;
}

bool cli_span_is(struct cli_span v, const char *text)
{
    size_t n = strlen(text);

    return v.n == n && memcmp(v.p, text, n) == 0;
}
