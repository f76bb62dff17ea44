#include "json.h"
#include "alloc.h"
#include "batch.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- strings ---- */

/* Bytes of the well-formed UTF-8 sequence at p, 0 if there is none (Unicode 15, table 3-7). */
static size_t utf8_len(const unsigned char *p, size_t n)
{
    unsigned lo = 0x80, hi = 0xbf;
    size_t len;

    if (p[0] < 0x80)
        return 1;
    if (p[0] < 0xc2 || p[0] > 0xf4)
        return 0;
    len = p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : 4;
    if (len > n)
        return 0;
    if (p[0] == 0xe0)
        lo = 0xa0;
    else if (p[0] == 0xed)
        hi = 0x9f; /* surrogates */
    else if (p[0] == 0xf0)
        lo = 0x90;
    else if (p[0] == 0xf4)
        hi = 0x8f;
    if (p[1] < lo || p[1] > hi)
        return 0;
    for (size_t i = 2; i < len; i++) {
        if ((p[i] & 0xc0) != 0x80)
            return 0;
    }
    return len;
}

static void put_escaped(struct hrp_buf *out, unsigned char c)
{
    static const char short_form[] = "\bb\ff\nn\rr\tt\"\"\\\\";
    const char *s;

    for (s = short_form; *s != '\0'; s += 2) {
        if ((unsigned char)*s == c) {
            hrp_put_u8(out, '\\');
            hrp_put_u8(out, (uint8_t)s[1]);
            return;
        }
    }
    hrp_put_fmt(out, "\\u%04x", c);
}

static inline bool is_plain(unsigned char c)
{
    return c >= 0x20 && c < 0x80 && c != '"' && c != '\\';
}

void hrp_json_str(struct hrp_buf *out, const char *p, size_t n)
{
    const unsigned char *s = (const unsigned char *)p;
    size_t from = 0, i = 0; /* [from, i) is good as it is */

    hrp_put_u8(out, '"');
    for (;;) {
        size_t len;

        while (i < n && is_plain(s[i]))
            i++;
        if (i == n)
            break;
        len = utf8_len(s + i, n - i);
        if (len > 1) {
            i += len;
            continue;
        }
        hrp_put_bytes(out, s + from, i - from);
        if (len != 0)
            put_escaped(out, s[i]);
        else
            hrp_put_bytes(out, "\xef\xbf\xbd", 3);
        from = ++i;
    }
    hrp_put_bytes(out, s + from, i - from);
    hrp_put_u8(out, '"');
}

void hrp_json_base64(struct hrp_buf *out, const uint8_t *p, size_t n)
{
    static const char abc[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    size_t n_out = (n + 2) / 3 * 4 + 2;
    uint8_t *q = hrp_buf_reserve(out, n_out);

    if (q == NULL)
        return;
    *q++ = '"';
    for (; n >= 3; n -= 3, p += 3) {
        *q++ = (uint8_t)abc[p[0] >> 2];
        *q++ = (uint8_t)abc[(p[0] & 3) << 4 | p[1] >> 4];
        *q++ = (uint8_t)abc[(p[1] & 15) << 2 | p[2] >> 6];
        *q++ = (uint8_t)abc[p[2] & 63];
    }
    if (n != 0) {
        *q++ = (uint8_t)abc[p[0] >> 2];
        *q++ = (uint8_t)abc[(p[0] & 3) << 4 | (n == 2 ? p[1] >> 4 : 0)];
        *q++ = n == 2 ? (uint8_t)abc[(p[1] & 15) << 2] : '=';
        *q++ = '=';
    }
    *q = '"';
    out->n += n_out;
}

/* ---- numbers ---- */

/* What JSON has no number for. */
static bool put_special(struct hrp_buf *out, double v)
{
    const char *s = isnan(v) ? "\"NaN\"" : !isinf(v) ? NULL : v > 0 ? "\"Infinity\"" : "\"-Infinity\"";

    if (s != NULL)
        hrp_put_bytes(out, s, strlen(s));
    return s != NULL;
}

/* printf's text in any locale, as JSON: a point, and "-0.0", which a reader would otherwise take for the integer 0. */
static void put_number(struct hrp_buf *out, char *text)
{
    for (char *c = text; *c != '\0'; c++) {
        if (!((*c >= '0' && *c <= '9') || *c == '-' || *c == '+' || *c == 'e'))
            *c = '.';
    }
    hrp_put_bytes(out, text, strlen(text));
    if (strcmp(text, "-0") == 0)
        hrp_put_bytes(out, ".0", 2);
}

/* digits / 10^e, with a point if e is not 0. */
static void put_fixed(struct hrp_buf *out, uint64_t digits, unsigned e, bool minus)
{
    char text[24], *p = text + sizeof text;

    for (unsigned i = 0; digits != 0 || i <= e; i++) {
        if (i == e && e != 0)
            *--p = '.';
        *--p = (char)('0' + digits % 10);
        digits /= 10;
    }
    if (minus)
        *--p = '-';
    hrp_put_bytes(out, p, (size_t)(text + sizeof text - p));
}

/* Most doubles were decimals once. If v is an integer of fewer digits than `most` divided by a power of ten, that is its
 * shortest text, since so many digits always survive: the same as below, at a tenth of the price. */
static bool put_decimal(struct hrp_buf *out, double v, double most, bool is_float)
{
    static const double power_of_ten[] = {1, 10, 100, 1e3, 1e4, 1e5, 1e6};
    double a = fabs(v);

    if (!(a >= 1e-4 && a < most))
        return false;
    for (unsigned e = 0; e < sizeof power_of_ten / sizeof power_of_ten[0]; e++) {
        double x = a * power_of_ten[e] + 0.5, back;

        if (x >= most)
            break;
        back = (double)(uint64_t)x / power_of_ten[e];
        if ((is_float ? (double)(float)back : back) == a) {
            put_fixed(out, (uint64_t)x, e, v < 0);
            return true;
        }
    }
    return false;
}

/* 15 digits always survive the way to a double and back, so that %.15g finds every text of at most 15; 17 always tell
 * doubles apart. Only subnormals have fewer digits to give. (6 and 9 for floats.) */
void hrp_json_double(struct hrp_buf *out, double v)
{
    char text[40];

    if (put_decimal(out, v, 1e15, false) || put_special(out, v))
        return;
    for (int digits = fabs(v) < 2.3e-308 ? 1 : 15; digits <= 17; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, v);
        if (strtod(text, NULL) == v)
            break;
    }
    put_number(out, text);
}

void hrp_json_float(struct hrp_buf *out, float v)
{
    char text[40];

    if (put_decimal(out, (double)v, 1e6, true) || put_special(out, (double)v))
        return;
    for (int digits = fabsf(v) < 1.2e-38f ? 1 : 6; digits <= 9; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, (double)v);
        if (strtof(text, NULL) == v)
            break;
    }
    put_number(out, text);
}

/* ---- times ---- */

struct civil {
    int64_t year;
    unsigned month, day;
};

/* Proleptic Gregorian date of a day since 1970-01-01: civil_from_days of howardhinnant.github.io/date_algorithms.html. */
static struct civil civil_of(int64_t days)
{
    int64_t z = days + 719468;
    int64_t era = (z >= 0 ? z : z - 146096) / 146097;
    unsigned doe = (unsigned)(z - era * 146097);
    unsigned yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
    unsigned doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    unsigned mp = (5 * doy + 2) / 153;
    struct civil c = {(int64_t)yoe + era * 400, mp < 10 ? mp + 3 : mp - 9, doy - (153 * mp + 2) / 5 + 1};

    c.year += c.month <= 2;
    return c;
}

static char *digits_at(char *p, uint64_t v, unsigned n)
{
    for (unsigned i = n; i-- > 0; v /= 10)
        p[i] = (char)('0' + v % 10);
    return p + n;
}

/* ".123", with as many groups of three digits as are needed, or all. */
static char *nanos_at(char *p, unsigned nanos, bool all)
{
    if (!all && nanos == 0)
        return p;
    *p++ = '.';
    if (all || nanos % 1000 != 0)
        return digits_at(p, nanos, 9);
    return nanos % 1000000 != 0 ? digits_at(p, nanos / 1000, 6) : digits_at(p, nanos / 1000000, 3);
}

static void put_time(struct hrp_buf *out, int64_t seconds, unsigned nanos, bool all_digits)
{
    int64_t days = seconds / 86400 - (seconds % 86400 < 0);
    unsigned s = (unsigned)(seconds - days * 86400);
    struct civil c = civil_of(days);
    char text[] = "\"yyyy-mm-ddThh:mm:ss.nnnnnnnnnZ\"", *p;

    digits_at(text + 1, (uint64_t)c.year, 4);
    digits_at(text + 6, c.month, 2);
    digits_at(text + 9, c.day, 2);
    digits_at(text + 12, s / 3600, 2);
    digits_at(text + 15, s / 60 % 60, 2);
    p = nanos_at(digits_at(text + 18, s % 60, 2), nanos, all_digits);
    *p++ = 'Z';
    *p++ = '"';
    hrp_put_bytes(out, text, (size_t)(p - text));
}

void hrp_json_time(struct hrp_buf *out, int64_t time_ns)
{
    int64_t seconds = time_ns / 1000000000 - (time_ns % 1000000000 < 0);

    put_time(out, seconds, (unsigned)((uint64_t)time_ns - (uint64_t)seconds * 1000000000u), true);
}

bool hrp_json_timestamp(struct hrp_buf *out, int64_t seconds, int64_t nanos)
{
    if (seconds < -62135596800 || seconds > 253402300799 || nanos < 0 || nanos > 999999999)
        return false;
    put_time(out, seconds, (unsigned)nanos, false);
    return true;
}

bool hrp_json_duration(struct hrp_buf *out, int64_t seconds, int64_t nanos)
{
    bool minus = seconds < 0 || nanos < 0;
    char text[10];

    if (seconds < -315576000000 || seconds > 315576000000 || nanos < -999999999 || nanos > 999999999)
        return false;
    if (minus && (seconds > 0 || nanos > 0))
        return false;
    hrp_put_fmt(out, "\"%s%lld", minus ? "-" : "", (long long)(minus ? -seconds : seconds));
    hrp_put_bytes(out, text, (size_t)(nanos_at(text, (unsigned)(minus ? -nanos : nanos), false) - text));
    hrp_put_bytes(out, "s\"", 2);
    return true;
}

/* ---- one message ---- */

static int row_print(const uint8_t *sealed, size_t n, struct hrp_schema *s, struct hrp_buf *out, struct hr_error *err)
{
    struct hrp_batch *batch;
    struct hrp_cursor *cur = NULL;
    int r = hrp_batch_open(sealed, n, s, &hrp_limits_default, &batch, err);

    if (r != 0)
        return r;
    r = hrp_cursor_new(batch, &cur);
    if (r == 0)
        r = hrp_cursor_json(cur, out);
    if (r != 0)
        hr_error_set(err, r, "%s: %s", hrp_schema_name(s), hr_strerror(r));
    hrp_cursor_free(cur);
    hrp_batch_free(batch);
    return r;
}

int hrp_json_from_wire(struct hrp_schema *s, const uint8_t *p, size_t n, struct hrp_buf *out, struct hr_error *err)
{
    static _Thread_local unsigned depth; /* the cursor comes back here for what is behind an opaque leaf */
    const struct hrp_id nobody = {{0}};
    struct hrp_buf sealed = HRP_BUF_INIT;
    struct hrp_builder *b;
    int r;

    if (depth >= hrp_limits_default.depth)
        return hr_error_set(err, HR_ELIMIT, "%s: messages nest deeper than %u", hrp_schema_name(s), hrp_limits_default.depth);
    r = hrp_builder_new(s, &b);
    if (r != 0)
        return hr_error_set(err, r, "%s: %s", hrp_schema_name(s), hr_strerror(r));
    r = hrp_builder_add(b, 0, 1, 0, 1, 0, p, n, err);
    if (r == 0 && (r = hrp_builder_seal(b, &nobody, 1, 1, &sealed)) != 0)
        hr_error_set(err, r, "%s: %s", hrp_schema_name(s), hr_strerror(r));
    hrp_builder_free(b);
    depth++;
    if (r == 0)
        r = row_print(sealed.p, sealed.n, s, out, err);
    depth--;
    hrp_buf_fini(&sealed);
    return r;
}
