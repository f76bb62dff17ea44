#include "slog.h"
#include "bytes.h"
#include "errors.h"
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define LINE_BYTES 2048

static const char *const level_names[] = {"error", "warn", "info", "debug"};
static const int sd_levels[] = {3, 4, 6, 7}; /* sd-daemon(3) */
static enum hrd_level most_verbose = HRD_INFO; /* set before threads start */

void hrd_slog_level(enum hrd_level most) { most_verbose = most; }

int hrd_slog_level_parse(const char *name, enum hrd_level *ret)
{
    for (unsigned i = 0; i < sizeof level_names / sizeof *level_names; i++)
        if (strcmp(name, level_names[i]) == 0) {
            *ret = (enum hrd_level)i;
            return 0;
        }
    return HR_EINVAL;
}

struct line {
    char text[LINE_BYTES];
    size_t n;
};

static void put_char(struct line *l, char c)
{
    if (l->n < sizeof l->text - 1) /* one stays for the newline */
        l->text[l->n++] = c;
}

static void put_text(struct line *l, const char *s)
{
    for (; *s != '\0'; s++)
        put_char(l, *s);
}

static bool plain(const char *s)
{
    bool ok = *s != '\0';

    for (; *s != '\0'; s++)
        ok = ok && (unsigned char)*s > ' ' && *s != '"' && *s != '=' && *s != '\\' && *s != 0x7f;
    return ok;
}

static void put_value(struct line *l, const char *s)
{
    char esc[8];

    if (plain(s)) {
        put_text(l, s);
        return;
    }
    put_char(l, '"');
    for (; *s != '\0'; s++) {
        if (*s == '"' || *s == '\\') {
            put_char(l, '\\');
            put_char(l, *s);
        } else if ((unsigned char)*s < ' ' || *s == 0x7f) {
            snprintf(esc, sizeof esc, "\\x%02x", (unsigned char)*s);
            put_text(l, esc);
        } else {
            put_char(l, *s);
        }
    }
    put_char(l, '"');
}

static void put_head(struct line *l, enum hrd_level level, const char *event)
{
    struct timespec ts;
    struct tm tm;
    char buf[96];

    clock_gettime(CLOCK_REALTIME, &ts);
    gmtime_r(&ts.tv_sec, &tm);
    if (getenv("JOURNAL_STREAM") != NULL) {
        snprintf(buf, sizeof buf, "<%d>", sd_levels[level]);
        put_text(l, buf);
    }
    snprintf(buf, sizeof buf, "time=%04d-%02d-%02dT%02d:%02d:%02d.%03ldZ level=%s event=", tm.tm_year + 1900, tm.tm_mon + 1,
             tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec, ts.tv_nsec / 1000000, level_names[level]);
    put_text(l, buf);
    put_text(l, event);
}

/* fmt is formatted as a whole with each conversion's text wrapped between \x01 and \x02, so that values that hold blanks or
 * equal signs are still told from keys. */
static void wrap_values(const char *fmt, char *out, size_t n)
{
    size_t at = 0;
    bool in_value = false;

    for (; *fmt != '\0' && at + 3 < n; fmt++) {
        if (in_value && *fmt == ' ') {
            out[at++] = '\x02';
            in_value = false;
        }
        out[at++] = *fmt;
        if (!in_value && *fmt == '=') {
            out[at++] = '\x01';
            in_value = true;
        }
    }
    if (in_value)
        out[at++] = '\x02';
    out[at] = '\0';
}

void hrd_slog(enum hrd_level level, const char *event, const char *fmt, ...)
{
    char wrapped[512], text[LINE_BYTES], *value = NULL;
    struct line l = {.n = 0};
    va_list ap;

    if (level > most_verbose)
        return;
    put_head(&l, level, event);
    wrap_values(fmt, wrapped, sizeof wrapped);
    va_start(ap, fmt);
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
    vsnprintf(text, sizeof text, wrapped, ap);
#pragma GCC diagnostic pop
    va_end(ap);
    if (text[0] != '\0')
        put_char(&l, ' ');
    for (char *p = text; *p != '\0'; p++) {
        if (*p == '\x01' && value == NULL) {
            value = p + 1;
        } else if (*p == '\x02' && value != NULL && (p[1] == ' ' || p[1] == '\0')) {
            *p = '\0';
            put_value(&l, value);
            value = NULL;
        } else if (value == NULL) {
            put_char(&l, *p);
        }
    }
    if (value != NULL) /* cut off */
        put_value(&l, value);
    l.text[l.n++] = '\n';
    if (write(STDERR_FILENO, l.text, l.n) < 0)
        return; /* nowhere to say so */
}
