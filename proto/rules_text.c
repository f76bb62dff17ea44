/* Texts of violations, worded and formatted as protovalidate's: its messages are CEL format strings, so numbers, times and
 * lists are written as CEL's %s writes them (github.com/google/cel-spec, doc/extensions/strings.md, "format"). */
#include "rules_impl.h"
#include "wire_check.h"
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PB(name) GOOGLE__PROTOBUF__FIELD_DESCRIPTOR_PROTO__TYPE__TYPE_##name

const char *hrp_rules_text(struct compile *c, const char *fmt, ...)
{
    va_list ap;
    char *text;
    int n;

    va_start(ap, fmt);
    n = vsnprintf(NULL, 0, fmt, ap);
    va_end(ap);
    text = hrp_rules_take(c, (uint64_t)n + 1, 1);
    if (text == NULL)
        return NULL;
    va_start(ap, fmt);
    vsnprintf(text, (size_t)n + 1, fmt, ap);
    va_end(ap);
    return text;
}

/* ---- numbers ---- */

/* The shortest digits that read back as v, without an exponent: zeros stand where digits say nothing. */
static void put_double(struct hrp_buf *out, double v)
{
    char text[40], digits[20];
    int n = 0, exponent;

    if (isnan(v) || isinf(v)) {
        hrp_put_fmt(out, "%s", isnan(v) ? "NaN" : v > 0 ? "Infinity" : "-Infinity");
        return;
    }
    do
        snprintf(text, sizeof text, "%.*e", n, v);
    while (strtod(text, NULL) != v && ++n < 17);
    exponent = atoi(strchr(text, 'e') + 1);
    n = 0;
    for (const char *p = text; *p != 'e'; p++)
        if (*p >= '0' && *p <= '9')
            digits[n++] = *p;
    hrp_put_fmt(out, "%s", text[0] == '-' ? "-" : "");
    for (int i = exponent < 0 ? exponent : 0; i < n || i <= exponent; i++) /* digits[i] is worth 10^(exponent - i) */
        hrp_put_fmt(out, "%s%c", i == exponent + 1 ? "." : "", i >= 0 && i < n ? digits[i] : '0');
}

/* ---- times ---- */

static void put_nanos(struct hrp_buf *out, uint32_t nanos)
{
    char text[12];
    size_t n = 9;

    if (nanos == 0)
        return;
    snprintf(text, sizeof text, "%09u", nanos);
    while (text[n - 1] == '0')
        n--;
    hrp_put_fmt(out, ".%.*s", (int)n, text);
}

static void put_duration(struct hrp_buf *out, const union hrp_rule_value *v)
{
    __int128 ns = (__int128)v->t.seconds * 1000000000 + v->t.nanos;
    bool minus = ns < 0;

    if (minus)
        ns = -ns;
    hrp_put_fmt(out, "%s%llu", minus ? "-" : "", (unsigned long long)(ns / 1000000000));
    put_nanos(out, (uint32_t)(ns % 1000000000));
    hrp_put_fmt(out, "s");
}

/* Days since 1970 to a date of the Gregorian calendar (Hinnant, "chrono-Compatible Low-Level Date Algorithms", civil_from_days). */
static void put_timestamp(struct hrp_buf *out, const union hrp_rule_value *v)
{
    int64_t s = v->t.seconds + v->t.nanos / 1000000000;
    int64_t day = s / 86400 - (s % 86400 < 0), z, era, year;
    uint32_t sec = (uint32_t)(s - day * 86400), doe, yoe, doy, mp, month;

    if (s < -62135596800 || s > 253402300799) { /* years 1 to 9999, timestamp.proto */
        hrp_put_fmt(out, "%llds", (long long)s);
        return;
    }
    z = day + 719468;
    era = (z >= 0 ? z : z - 146096) / 146097;
    doe = (uint32_t)(z - era * 146097);
    yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
    doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    mp = (5 * doy + 2) / 153;
    month = mp < 10 ? mp + 3 : mp - 9;
    year = (int64_t)yoe + era * 400 + (month <= 2);
    hrp_put_fmt(out, "%04lld-%02u-%02uT%02u:%02u:%02u", (long long)year, month, doy - (153 * mp + 2) / 5 + 1, sec / 3600, sec / 60 % 60, sec % 60);
    put_nanos(out, (uint32_t)(v->t.nanos % 1000000000));
    hrp_put_fmt(out, "Z");
}

/* ---- values ---- */

static void put_hex(struct hrp_buf *out, const uint8_t *p, size_t n)
{
    for (size_t i = 0; i < n; i++)
        hrp_put_fmt(out, "%02x", p[i]);
}

static size_t char_size(uint8_t first) { return first < 0x80 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4; }

/* Bytes as text; what is none is U+FFFD. */
static void put_text(struct hrp_buf *out, const uint8_t *p, size_t n)
{
    for (size_t i = 0, size; i < n; i += size) {
        size = char_size(p[i]);
        if (size <= n - i && hrp_utf8_valid(p + i, size)) {
            hrp_put_bytes(out, p + i, size);
        } else {
            hrp_put_fmt(out, "\xef\xbf\xbd");
            size = 1;
        }
    }
}

static void put_paths(struct hrp_buf *out, const uint8_t *p, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (p[i] == ',')
            hrp_put_fmt(out, ", ");
        else
            hrp_put_bytes(out, p + i, 1);
}

static void put_one(struct hrp_buf *out, const struct hrp_rule_def *def, const union hrp_rule_value *v, bool in_list)
{
    switch (def->pb_type) {
    case PB(DOUBLE):
    case PB(FLOAT):
        put_double(out, v->f);
        break;
    case PB(UINT64):
    case PB(UINT32):
    case PB(FIXED64):
    case PB(FIXED32):
        hrp_put_fmt(out, "%llu", (unsigned long long)v->u);
        break;
    case PB(BOOL):
        hrp_put_fmt(out, "%s", v->i != 0 ? "true" : "false");
        break;
    case PB(BYTES):
        if (!in_list)
            put_hex(out, v->s.p, v->s.n);
        else
            put_text(out, v->s.p, v->s.n);
        break;
    case PB(STRING):
        hrp_put_bytes(out, v->s.p, v->s.n);
        break;
    case PB(MESSAGE):
        if (def->type == HRP_RULES_FIELD_MASK)
            put_paths(out, v->s.p, v->s.n);
        else if (def->type == HRP_RULES_TIMESTAMP && strcmp(def->name, "within") != 0)
            put_timestamp(out, v);
        else
            put_duration(out, v);
        break;
    default:
        hrp_put_fmt(out, "%lld", (long long)v->i);
        break;
    }
}

const char *hrp_rules_value_text(struct compile *c, const struct hrp_rule_def *def, const union hrp_rule_value *v, uint32_t n, bool list)
{
    struct hrp_buf b = HRP_BUF_INIT;
    char *text = NULL;

    if (list)
        hrp_put_fmt(&b, "[");
    for (uint32_t i = 0; i < n; i++) {
        if (i != 0)
            hrp_put_fmt(&b, ", ");
        put_one(&b, def, &v[i], list);
    }
    if (list)
        hrp_put_fmt(&b, "]");
    for (size_t i = 0; b.err == 0 && i < b.n; i++)
        if (b.p[i] == '\0') /* the message is a C string */
            b.p[i] = '?';
    if (b.err != 0)
        hrp_rules_nomem(c);
    else
        text = hrp_rules_take(c, b.n + 1, 1);
    if (text != NULL && b.n != 0)
        memcpy(text, b.p, b.n);
    hrp_buf_fini(&b);
    return text;
}
