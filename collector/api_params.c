#include "api_parts.h"
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define DEFAULT_LIMIT 1000u
#define MAX_LIMIT 100000u
#define DEFAULT_WINDOWS 60u
#define MAX_WINDOWS 1440u

static bool digits(const char *p, unsigned n, int *ret)
{
    int v = 0;

    for (unsigned i = 0; i < n; i++) {
        if (p[i] < '0' || p[i] > '9')
            return false;
        v = v * 10 + (p[i] - '0');
    }
    *ret = v;
    return true;
}

/* Decimal digits only: no sign, no blank. */
static bool number(const char *text, uint64_t *ret)
{
    uint64_t v = 0;
    const char *p = text;

    for (; *p >= '0' && *p <= '9'; p++)
        if (__builtin_mul_overflow(v, 10, &v) || __builtin_add_overflow(v, (uint64_t)(*p - '0'), &v))
            return false;
    *ret = v;
    return p != text && *p == '\0';
}

static bool nanoseconds(const char *text, int64_t *ret)
{
    bool negative = *text == '-';
    uint64_t v;

    if (!number(text + negative, &v) || v > INT64_MAX)
        return false;
    *ret = negative ? -(int64_t)v : (int64_t)v;
    return true;
}

/* ".123456789": what stands beyond nanoseconds is cut off. */
static bool fraction(const char **p, int64_t *ret_ns)
{
    int64_t scale = 100000000, ns = 0;

    if (**p != '.')
        return true;
    if (*++*p < '0' || **p > '9')
        return false;
    for (; **p >= '0' && **p <= '9'; ++*p, scale /= 10)
        ns += (**p - '0') * scale;
    *ret_ns = ns;
    return true;
}

/* "Z", "+02:00". */
static bool zone(const char *p, int *ret_s)
{
    int hours, minutes;

    if ((*p | 32) == 'z' && p[1] == '\0')
        return true;
    if ((*p != '+' && *p != '-') || strlen(p) != 6 || p[3] != ':' || !digits(p + 1, 2, &hours) || !digits(p + 4, 2, &minutes) ||
        hours > 23 || minutes > 59)
        return false;
    *ret_s = (*p == '-' ? -1 : 1) * (hours * 3600 + minutes * 60);
    return true;
}

/* RFC 3339, section 5.6. */
static bool rfc3339(const char *text, int64_t *ret_ns)
{
    struct tm tm = {0}, given;
    int64_t ns = 0, s;
    int offset_s = 0;
    const char *p = text + 19;

    if (strlen(text) < 20 || text[4] != '-' || text[7] != '-' || (text[10] | 32) != 't' || text[13] != ':' || text[16] != ':' ||
        !digits(text, 4, &tm.tm_year) || !digits(text + 5, 2, &tm.tm_mon) || !digits(text + 8, 2, &tm.tm_mday) ||
        !digits(text + 11, 2, &tm.tm_hour) || !digits(text + 14, 2, &tm.tm_min) || !digits(text + 17, 2, &tm.tm_sec))
        return false;
    tm.tm_year -= 1900;
    tm.tm_mon -= 1;
    given = tm;
    if (tm.tm_hour > 23 || tm.tm_min > 59 || tm.tm_sec > 60 || !fraction(&p, &ns) || !zone(p, &offset_s))
        return false;
    s = timegm(&tm); /* a day that a month lacks becomes one of the next */
    if (tm.tm_mon != given.tm_mon || (tm.tm_mday != given.tm_mday && given.tm_sec != 60))
        return false;
    return !__builtin_mul_overflow(s - offset_s, INT64_C(1000000000), &s) && !__builtin_add_overflow(s, ns, ret_ns);
}

int hrd_api_time(const char *text, int64_t *ret_ns)
{
    return nanoseconds(text, ret_ns) || rfc3339(text, ret_ns) ? 0 : HR_EINVAL;
}

static int read_one(const struct hrd_http_param *param, unsigned allowed, struct hrd_api_query *q, struct hr_error *err)
{
    const char *name = param->name, *value = param->value;

    if ((allowed & HRD_API_FROM) && strcmp(name, "from") == 0)
        return number(value, &q->from) ? 0 : hr_error_set(err, HR_EINVAL, "from: \"%s\" is no offset", value);
    if ((allowed & HRD_API_LIMIT) && strcmp(name, "limit") == 0)
        return number(value, &q->limit) && q->limit >= 1 && q->limit <= MAX_LIMIT
                   ? 0
                   : hr_error_set(err, HR_EINVAL, "limit: \"%s\" is not a number from 1 to %u", value, MAX_LIMIT);
    if ((allowed & HRD_API_WINDOWS) && strcmp(name, "windows") == 0)
        return number(value, &q->windows) && q->windows <= MAX_WINDOWS
                   ? 0
                   : hr_error_set(err, HR_EINVAL, "windows: \"%s\" is not a number from 0 to %u", value, MAX_WINDOWS);
    if ((allowed & HRD_API_TIMES) && (strcmp(name, "since") == 0 || strcmp(name, "until") == 0))
        return hrd_api_time(value, *name == 's' ? &q->since_ns : &q->until_ns) == 0
                   ? 0
                   : hr_error_set(err, HR_EINVAL, "%s: \"%s\" is neither an RFC 3339 time nor nanoseconds since 1970", name, value);
    return hr_error_set(err, HR_EINVAL, "no such parameter here: \"%s\"", name);
}

int hrd_api_query(const struct hrd_http_req *req, unsigned allowed, struct hrd_api_query *ret, struct hr_error *err)
{
    struct hrd_api_query q = {
        .from = 0, .limit = DEFAULT_LIMIT, .windows = DEFAULT_WINDOWS, .since_ns = INT64_MIN, .until_ns = INT64_MAX};
    int r = 0;

    for (unsigned i = 0; r == 0 && i < req->n_params; i++)
        if (*req->params[i].name != '\0' || *req->params[i].value != '\0') /* "?", "a&&b" */
            r = read_one(&req->params[i], allowed, &q, err);
    if (r == 0)
        *ret = q;
    return r;
}
