#include "options.h"
#include "alloc.h"
#include <ctype.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum type { TEXT, BYTES, TIME, COUNT, BOOL };
static const char *const type_names[] = {"text", "bytes", "time", "count", "bool"};

static const struct option {
    const char *name;
    enum type type;
    const char *unit, *def;
    int64_t min, max;
    const char *sentence;
} table[HRS_OPT_N] = {
#define HRS_OPTION(name, type, unit, def, min, max, sentence) {#name, type, unit, def, min, max, sentence},
#include "options.def"
#undef HRS_OPTION
};

/* ---- values ---- */

static const struct suffix {
    const char *name;
    int64_t factor;
} bytes_suffixes[] = {{"", 1}, {"B", 1}, {"KiB", 1 << 10}, {"MiB", 1 << 20}, {"GiB", 1 << 30}, {"TiB", INT64_C(1) << 40}, {"kB", 1000},
                      {"MB", 1000000}, {"GB", 1000000000}, {NULL, 0}},
  time_suffixes[] = {{"", 1}, {"ms", 1}, {"s", 1000}, {"m", 60000}, {"min", 60000}, {"h", 3600000}, {NULL, 0}},
  no_suffixes[] = {{"", 1}, {NULL, 0}};

static int parse_number(const char *value, const struct suffix *suffixes, int64_t *ret)
{
    int64_t v = 0;
    const char *p = value;

    if (!isdigit((unsigned char)*p))
        return HR_EINVAL;
    for (; isdigit((unsigned char)*p); p++)
        if (__builtin_mul_overflow(v, 10, &v) || __builtin_add_overflow(v, *p - '0', &v))
            return HR_EINVAL;
    while (*p == ' ')
        p++;
    for (; suffixes->name != NULL; suffixes++)
        if (strcmp(p, suffixes->name) == 0)
            return __builtin_mul_overflow(v, suffixes->factor, ret) ? HR_EINVAL : 0;
    return HR_EINVAL;
}

static int parse_bool(const char *value, int64_t *ret)
{
    static const char *const words[] = {"false", "true", "no", "yes", "off", "on", "0", "1"};

    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (strcmp(value, words[i]) == 0) {
            *ret = i & 1;
            return 0;
        }
    return HR_EINVAL;
}

static int parse(const struct option *o, const char *value, int64_t *ret)
{
    switch (o->type) {
    case TEXT:
        *ret = (int64_t)strlen(value);
        return 0;
    case BYTES:
        return parse_number(value, bytes_suffixes, ret);
    case TIME:
        return parse_number(value, time_suffixes, ret);
    case COUNT:
        return parse_number(value, no_suffixes, ret);
    case BOOL:
        return parse_bool(value, ret);
    }
    return HR_EINVAL;
}

static const char *shape(enum type type)
{
    switch (type) {
    case BYTES:
        return "a number of bytes such as 65536 or 64KiB";
    case TIME:
        return "a time such as 250 (milliseconds) or 5s";
    case COUNT:
        return "a whole number";
    case BOOL:
        return "true or false";
    default:
        return "text";
    }
}

static void range_text(const struct option *o, char *ret, size_t n)
{
    if (o->type == TEXT)
        snprintf(ret, n, "at most %lld bytes", (long long)o->max);
    else if (o->type == BOOL)
        snprintf(ret, n, "true, false");
    else
        snprintf(ret, n, "%lld..%lld", (long long)o->min, (long long)o->max);
}

/* ---- names ---- */

/* Levenshtein's distance, two rows; names are short. */
static size_t distance(const char *a, const char *b)
{
    size_t row[64], n = strlen(b);

    if (n >= sizeof row / sizeof *row)
        return SIZE_MAX;
    for (size_t j = 0; j <= n; j++)
        row[j] = j;
    for (size_t i = 1; a[i - 1] != '\0'; i++) {
        size_t diagonal = row[0];

        row[0] = i;
        for (size_t j = 1; j <= n; j++) {
            size_t best = diagonal + (a[i - 1] != b[j - 1]);

            diagonal = row[j];
            if (row[j] + 1 < best)
                best = row[j] + 1;
            if (row[j - 1] + 1 < best)
                best = row[j - 1] + 1;
            row[j] = best;
        }
    }
    return row[n];
}

static int find(const char *name, size_t *ret, struct hr_error *err)
{
    size_t nearest = 0, least = SIZE_MAX;

    for (size_t i = 0; i < HRS_OPT_N; i++) {
        size_t d = distance(name, table[i].name);

        if (d == 0) {
            *ret = i;
            return 0;
        }
        if (d < least) {
            least = d;
            nearest = i;
        }
    }
    return hr_error_set(err, HR_ENOENT, "no option \"%s\"; did you mean \"%s\"?", name, table[nearest].name);
}

/* ---- public ---- */

static int assign(hr_options *opt, size_t i, const char *value, int64_t number)
{
    char *text = table[i].type == TEXT ? hrp_strdup(value) : NULL;

    if (table[i].type == TEXT && text == NULL)
        return HR_ENOMEM;
    hrp_free(opt->text[i]);
    opt->text[i] = text;
    opt->number[i] = number;
    return 0;
}

hr_options *hr_options_new(void)
{
    hr_options *opt = hrp_calloc(1, sizeof *opt);

    for (size_t i = 0; opt != NULL && i < HRS_OPT_N; i++) {
        int64_t number = 0;

        if (parse(&table[i], table[i].def, &number) != 0 || assign(opt, i, table[i].def, number) != 0) {
            hr_options_free(opt);
            opt = NULL;
        }
    }
    return opt;
}

void hr_options_free(hr_options *opt)
{
    if (opt == NULL)
        return;
    for (size_t i = 0; i < HRS_OPT_N; i++)
        hrp_free(opt->text[i]);
    hrp_free(opt);
}

hr_options *hrs_options_copy(const hr_options *opt)
{
    hr_options *copy = hr_options_new();

    for (size_t i = 0; copy != NULL && opt != NULL && i < HRS_OPT_N; i++) {
        if (assign(copy, i, opt->text[i] != NULL ? opt->text[i] : "", opt->number[i]) != 0) {
            hr_options_free(copy);
            return NULL;
        }
        copy->set[i] = opt->set[i];
    }
    if (copy != NULL && opt != NULL)
        hr_options_set_logger(copy, opt->log_fn, opt->log_user, opt->log_most);
    return copy;
}

int hr_options_set(hr_options *opt, const char *name, const char *value, struct hr_error *err)
{
    const struct option *o;
    char range[64];
    int64_t number;
    size_t i = 0; /* gcc does not see that find sets it */
    int r;

    if (opt == NULL || name == NULL || value == NULL)
        return hr_error_set(err, HR_EINVAL, "an option needs a name and a value");
    r = find(name, &i, err);
    if (r != 0)
        return r;
    o = &table[i];
    range_text(o, range, sizeof range);
    if (parse(o, value, &number) != 0)
        return hr_error_set(err, HR_EINVAL, "%s: \"%s\" is not %s", name, value, shape(o->type));
    if (number < o->min || number > o->max)
        return hr_error_set(err, HR_EINVAL, "%s: \"%.64s\" is out of range (%s)", name, value, range);
    r = assign(opt, i, value, number);
    if (r != 0)
        return hr_error_set(err, r, "%s: %s", name, hr_strerror(r));
    opt->set[i] = true;
    return 0;
}

void hr_options_set_logger(hr_options *opt, hr_log_fn *fn, void *user, enum hr_level most)
{
    if (opt == NULL)
        return;
    opt->log_fn = fn;
    opt->log_user = user;
    opt->log_most = most;
}

const char *hr_level_name(enum hr_level level)
{
    static const char *const names[] = {[HR_LEVEL_ERROR] = "error", [HR_LEVEL_WARNING] = "warning", [HR_LEVEL_INFO] = "info"};

    return level >= HR_LEVEL_ERROR && level <= HR_LEVEL_INFO ? names[level] : "?";
}

void hr_options_each(void (*fn)(void *arg, const char *name, const char *type, const char *unit, const char *default_value,
                                const char *range, const char *sentence), void *arg)
{
    char range[64];

    for (size_t i = 0; i < HRS_OPT_N; i++) {
        range_text(&table[i], range, sizeof range);
        fn(arg, table[i].name, type_names[table[i].type], table[i].unit, table[i].def, range, table[i].sentence);
    }
}

/* ---- url ---- */

static int bad_url(const char *url, struct hr_error *err)
{
    return hr_error_set(err, HR_EINVAL, "url: \"%.200s\" is not headrace://HOST:PORT", url);
}

int hrs_url_parse(const char *url, char host[256], char port[8], struct hr_error *err)
{
    static const char scheme[] = "headrace://";
    const char *p = url + strlen(scheme), *end, *colon;
    int64_t number;

    if (strncmp(url, scheme, strlen(scheme)) != 0)
        return bad_url(url, err);
    if (*p == '[') { /* RFC 3986, section 3.2.2: an IPv6 address stands in brackets */
        end = strchr(++p, ']');
        colon = end != NULL && end[1] == ':' ? end + 1 : NULL;
        if (end == NULL || (colon == NULL && end[1] != '\0' && strcmp(end + 1, "/") != 0))
            return bad_url(url, err);
    } else {
        colon = strchr(p, ':');
        end = colon != NULL ? colon : p + strcspn(p, "/");
    }
    if (end == p || end - p >= 256)
        return bad_url(url, err);
    memcpy(host, p, (size_t)(end - p));
    host[end - p] = '\0';
    snprintf(port, 8, "7411");
    if (colon != NULL) {
        size_t n = strcspn(colon + 1, "/");

        if (n == 0 || n > 5)
            return bad_url(url, err);
        memcpy(port, colon + 1, n);
        port[n] = '\0';
        end = colon + 1 + n;
    }
    if (parse_number(port, no_suffixes, &number) != 0 || number < 1 || number > 65535)
        return bad_url(url, err);
    end += *end == ']';
    return *end == '\0' || strcmp(end, "/") == 0 ? 0 : bad_url(url, err);
}
