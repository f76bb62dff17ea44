#include "errors.h"
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

struct entry {
    int code, retriable;
    const char *name, *sentence;
};
static const struct entry table[] = {
    {HR_OK, 0, "HR_OK", "no error"},
#define HR_ERROR(name, value, retry, sentence) {name, retry, #name, sentence},
#include "errors.def"
#undef HR_ERROR
};

static const struct entry *find(int code)
{
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        if (table[i].code == code)
            return &table[i];
    }
    return NULL;
}

const char *hr_strerror(int code)
{
    const struct entry *e = find(code);

    return e != NULL ? e->sentence : "an error code this build does not know";
}

const char *hr_errname(int code)
{
    const struct entry *e = find(code);

    return e != NULL ? e->name : "HR_E?";
}

int hr_error_retriable(int code)
{
    const struct entry *e = find(code);

    return e != NULL && e->retriable;
}

/* Text often quotes bytes from outside; a log line or a terminal must not obey them. */
static void escape(char *dst, size_t cap, const char *src)
{
    static const char hex[] = "0123456789abcdef";
    size_t n = 0;

    for (; *src != '\0'; src++) {
        unsigned char c = (unsigned char)*src;
        if (c >= 0x20 && c != 0x7f) {
            if (n + 2 > cap)
                break;
            dst[n++] = (char)c;
        } else {
            if (n + 5 > cap)
                break;
            dst[n++] = '\\';
            dst[n++] = 'x';
            dst[n++] = hex[c >> 4];
            dst[n++] = hex[c & 15];
        }
    }
    dst[n] = '\0';
}

int hr_error_set(struct hr_error *err, int code, const char *fmt, ...)
{
    char text[sizeof err->text];
    va_list ap;

    if (err == NULL)
        return code;
    va_start(ap, fmt);
    if (vsnprintf(text, sizeof text, fmt, ap) < 0)
        text[0] = '\0';
    va_end(ap);
    err->code = code;
    escape(err->text, sizeof err->text, text);
    return code;
}
