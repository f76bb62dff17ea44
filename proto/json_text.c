/* What JSON has no type for and protobuf writes as strings: bytes, Timestamp, Duration. The writer's side is in json.c. */
#include "json_lex.h"

/* ---- base64 (RFC 4648, sections 4 and 5) ---- */

static int sextet(char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    return c == '+' || c == '-' ? 62 : c == '/' || c == '_' ? 63 : -1;
}

bool hrp_base64_read(const char *p, size_t n, struct hrp_buf *out)
{
    uint32_t bits = 0, n_bits = 0;

    if (n % 4 == 0 && n != 0 && p[n - 1] == '=')
        n -= p[n - 2] == '=' ? 2 : 1;
    if (n % 4 == 1)
        return false;
    for (size_t i = 0; i < n; i++) {
        int v = sextet(p[i]);

        if (v < 0)
            return false;
        bits = bits << 6 | (uint32_t)v;
        n_bits += 6;
        if (n_bits >= 8) {
            n_bits -= 8;
            hrp_put_u8(out, (uint8_t)(bits >> n_bits));
            bits &= (1u << n_bits) - 1;
        }
    }
    return bits == 0; /* what is left over is no byte, so it must say nothing */
}

/* ---- times ---- */

struct scan { /* sets bad and goes on, like hrp_reader */
    const char *p, *end;
    bool bad;
};

static void expect(struct scan *s, char c)
{
    if (s->p < s->end && *s->p == c)
        s->p++;
    else
        s->bad = true;
}

static int64_t number(struct scan *s, int n_digits)
{
    int64_t v = 0;

    for (; n_digits > 0; n_digits--) {
        if (s->p == s->end || *s->p < '0' || *s->p > '9') {
            s->bad = true;
            return 0;
        }
        v = v * 10 + (*s->p++ - '0');
    }
    return v;
}

static int64_t within(struct scan *s, int64_t v, int64_t least, int64_t most)
{
    s->bad = s->bad || v < least || v > most;
    return v;
}

static bool digit_next(const struct scan *s)
{
    return s->p < s->end && *s->p >= '0' && *s->p <= '9';
}

/* ".5" to ".123456789", or nothing. */
static int32_t nanos(struct scan *s)
{
    int32_t v = 0, n = 0;

    if (s->p == s->end || *s->p != '.')
        return 0;
    for (s->p++; n < 9 && digit_next(s); n++)
        v = v * 10 + (*s->p++ - '0');
    if (n == 0 || digit_next(s))
        s->bad = true;
    for (; n < 9; n++)
        v *= 10;
    return v;
}

/* days_from_civil of howardhinnant.github.io/date_algorithms.html: days since 1970-01-01, year >= 1 here. */
static int64_t days_of(int64_t y, int64_t m, int64_t d)
{
    int64_t era, yoe, doy;

    y -= m <= 2;
    era = y / 400;
    yoe = y - era * 400;
    doy = (153 * (m > 2 ? m - 3 : m + 9) + 2) / 5 + d - 1;
    return era * 146097 + yoe * 365 + yoe / 4 - yoe / 100 + doy - 719468;
}

static int64_t days_in(int64_t y, int64_t m)
{
    static const int8_t days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = (y % 4 == 0 && y % 100 != 0) || y % 400 == 0;

    return days[m - 1] + (m == 2 && leap);
}

static int64_t date(struct scan *s)
{
    int64_t y = within(s, number(s, 4), 1, 9999), m, d;

    expect(s, '-');
    m = within(s, number(s, 2), 1, 12);
    expect(s, '-');
    d = number(s, 2);
    if (s->bad)
        return 0;
    within(s, d, 1, days_in(y, m));
    return days_of(y, m, d);
}

static int64_t clock_time(struct scan *s, bool seconds)
{
    int64_t t = within(s, number(s, 2), 0, 23) * 3600;

    expect(s, ':');
    t += within(s, number(s, 2), 0, 59) * 60;
    if (seconds) {
        expect(s, ':');
        t += within(s, number(s, 2), 0, 59);
    }
    return t;
}

static int64_t zone(struct scan *s)
{
    char sign = s->p < s->end ? *s->p : '\0';

    if (sign != '+' && sign != '-') {
        expect(s, 'Z');
        return 0;
    }
    s->p++;
    return clock_time(s, false) * (sign == '+' ? 1 : -1);
}

bool hrp_timestamp_read(const char *p, size_t n, int64_t *ret_seconds, int32_t *ret_nanos)
{
    struct scan s = {p, p + n, false};
    int64_t days = date(&s), seconds;

    expect(&s, 'T');
    seconds = days * 86400 + clock_time(&s, true);
    *ret_nanos = nanos(&s);
    seconds -= zone(&s);
    *ret_seconds = within(&s, seconds, -62135596800, 253402300799);
    return !s.bad && s.p == s.end;
}

bool hrp_duration_read(const char *p, size_t n, int64_t *ret_seconds, int32_t *ret_nanos)
{
    struct scan s = {p, p + n, false};
    bool minus = n > 0 && *p == '-';
    int64_t v = 0;

    s.p += minus;
    s.bad = !digit_next(&s);
    while (digit_next(&s) && v <= 315576000000)
        v = v * 10 + (*s.p++ - '0');
    *ret_nanos = nanos(&s) * (minus ? -1 : 1);
    expect(&s, 's');
    *ret_seconds = within(&s, v, 0, 315576000000) * (minus ? -1 : 1);
    return !s.bad && s.p == s.end;
}
