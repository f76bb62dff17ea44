#include "cli.h"
#include "errors.h"
#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static volatile sig_atomic_t stopped;
static bool progress_shown;

/* hr_error_set escapes control bytes: what a server or a file says must not move a terminal's cursor. */
static void print_escaped(const char *before, const char *fmt, va_list ap)
{
    char text[1024];
    struct hr_error err;

    vsnprintf(text, sizeof text, fmt, ap);
    cli_progress_end();
    for (char *line = text, *next; line != NULL; line = next) {
        next = strchr(line, '\n');
        if (next != NULL)
            *next++ = '\0';
        hr_error_set(&err, HR_EINVAL, "%s", line);
        fprintf(stderr, "%s%s\n", before, err.text);
        before = "  ";
    }
}

void cli_say(const char *text)
{
    struct hr_error err;

    hr_error_set(&err, HR_EINVAL, "%s", text);
    fputs(err.text, stdout);
}

void cli_error(const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    print_escaped("headrace: ", fmt, ap);
    va_end(ap);
}

int cli_usage(const struct cli_verb *verb, const char *fmt, ...)
{
    char before[64];
    va_list ap;

    snprintf(before, sizeof before, "headrace %s: ", verb->name);
    va_start(ap, fmt);
    print_escaped(before, fmt, ap);
    va_end(ap);
    fprintf(stderr, "  `headrace help %s` shows how it is used.\n", verb->name);
    return CLI_USAGE;
}

int cli_option(const struct cli_verb *verb, int argc, char **argv, const char *short_options, const struct option *options)
{
    int c;

    opterr = 0;
    c = getopt_long(argc, argv, short_options, options, NULL); /* short_options begins with ':' */
    if (c == ':')
        cli_usage(verb, "option %s needs a value", argv[optind - 1]);
    else if (c == '?' && optopt != 0 && strchr(short_options, optopt) == NULL && optopt < 128)
        cli_usage(verb, "no such option: -%c", optopt);
    else if (c == '?')
        cli_usage(verb, "no such option: %s", argv[optind - 1]);
    return c == ':' ? '?' : c;
}

int cli_parse_u64(const struct cli_verb *verb, const char *option, const char *text, uint64_t min, uint64_t max, uint64_t *ret)
{
    char *end;
    unsigned long long v;

    errno = 0;
    v = strtoull(text, &end, 10);
    if (errno != 0 || end == text || *end != '\0' || strchr(text, '-') != NULL || v < min || v > max)
        return cli_usage(verb, "%s takes a whole number from %llu to %llu, not \"%s\"", option, (unsigned long long)min,
                         (unsigned long long)max, text);
    *ret = v;
    return 0;
}

int cli_parse_seconds(const struct cli_verb *verb, const char *option, const char *text, int64_t *ret_ms)
{
    char *end;
    double v = strtod(text, &end);

    if (end == text || *end != '\0' || !(v >= 0 && v <= 1e6))
        return cli_usage(verb, "%s takes seconds from 0 to 1000000, not \"%s\"", option, text);
    *ret_ms = (int64_t)(v * 1000);
    return 0;
}

static int64_t unit_ns(const char *unit)
{
    static const struct {
        char name;
        int64_t seconds;
    } units[] = {{'s', 1}, {'m', 60}, {'h', 3600}, {'d', 86400}};

    for (size_t i = 0; i < sizeof units / sizeof *units; i++)
        if (unit[0] == units[i].name && unit[1] == '\0')
            return units[i].seconds * 1000000000;
    return 0;
}

/* RFC 3339, section 5.6; fraction and offset as given. */
bool cli_time_rfc3339(const char *text, int64_t *ret_ns)
{
    struct tm tm = {0};
    const char *p = strptime(text, "%Y-%m-%d", &tm);
    int64_t frac = 0, scale = 100000000, offset_s = 0;
    int hh, mm, used = 0;

    if (p == NULL)
        return false;
    if (*p == 'T' || *p == 't' || *p == ' ') {
        p = strptime(p + 1, "%H:%M:%S", &tm);
        if (p == NULL)
            return false;
        if (*p == '.')
            for (p++; *p >= '0' && *p <= '9'; p++, scale /= 10)
                frac += (*p - '0') * scale;
        if ((*p == '+' || *p == '-') && sscanf(p + 1, "%2d:%2d%n", &hh, &mm, &used) == 2) {
            offset_s = (*p == '-' ? -1 : 1) * (hh * 3600 + mm * 60);
            p += 1 + used;
        } else if (*p == 'Z' || *p == 'z') {
            p++;
        } else {
            return false;
        }
    }
    if (*p != '\0' || tm.tm_year < -200 || tm.tm_year > 361) /* what 64 bits of nanoseconds hold */
        return false;
    *ret_ns = ((int64_t)timegm(&tm) - offset_s) * 1000000000 + frac;
    return true;
}

int cli_parse_time(const struct cli_verb *verb, const char *option, const char *text, int64_t *ret_ns)
{
    char *end;
    long long v;

    if (cli_time_rfc3339(text, ret_ns))
        return 0;
    errno = 0;
    v = strtoll(text, &end, 10);
    if (errno == 0 && end != text && *end == '\0') {
        *ret_ns = v;
        return 0;
    }
    if (errno == 0 && end != text && v >= 0 && unit_ns(end) != 0 && v < INT64_MAX / unit_ns(end)) {
        *ret_ns = cli_wall_ns() - v * unit_ns(end);
        return 0;
    }
    return cli_usage(verb, "%s takes a time like 2026-11-23T18:00:00Z, an age like 15m, or nanoseconds since 1970, not \"%s\"", option, text);
}

void cli_progress(const char *fmt, ...)
{
    va_list ap;

    if (!isatty(2))
        return;
    fputs("\r\033[K", stderr);
    va_start(ap, fmt);
    vfprintf(stderr, fmt, ap);
    va_end(ap);
    fflush(stderr);
    progress_shown = true;
}

void cli_progress_end(void)
{
    if (progress_shown)
        fputs("\r\033[K", stderr);
    progress_shown = false;
}

static int64_t clock_ns(clockid_t clock)
{
    struct timespec ts;

    clock_gettime(clock, &ts);
    return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

int64_t cli_mono_ns(void) { return clock_ns(CLOCK_MONOTONIC); }
int64_t cli_wall_ns(void) { return clock_ns(CLOCK_REALTIME); }

void cli_pause_ms(int ms)
{
    struct timespec ts = {.tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000};

    nanosleep(&ts, NULL);
}

static void on_signal(int sig) { stopped = sig; }

void cli_catch_signals(void)
{
    struct sigaction sa = {.sa_handler = on_signal};

    sa.sa_flags = (int)SA_RESETHAND; /* a second one ends the process at once */
    sigaction(SIGINT, &sa, NULL);
    sigaction(SIGTERM, &sa, NULL);
}

bool cli_stopped(void) { return stopped != 0; }
