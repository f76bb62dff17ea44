/* HR_E* codes, their sentences, and the error with a place that goes to a person.
 * Installed as <headrace/errors.h>: part of the public API. C99 and C++ clean. */
#ifndef HEADRACE_ERRORS_H
#define HEADRACE_ERRORS_H

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define HR_API __attribute__((visibility("default")))
#define HR_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))
#else
#define HR_API
#define HR_PRINTF(fmt, args)
#endif

enum hr_errno {
    HR_OK = 0,
#define HR_ERROR(name, value, retry, sentence) name = value,
#include "errors.def"
#undef HR_ERROR
    HR_ERRNO_ABI = -0x7fffffff /* keeps the enum int-sized for every later code */
};

/* An error for a person: what, and where (`shop.proto:14:3: ...`). Filled on failure only. */
struct hr_error {
    int code;       /* HR_E* */
    char text[508]; /* NUL-terminated, one line, place first; control bytes escaped */
};

/* Sentence for a code; never NULL, static storage. Thread: any. */
HR_API const char *hr_strerror(int code);
/* Name of a code, "HR_EFULL"; "HR_E?" for an unknown one. Static storage. Thread: any. */
HR_API const char *hr_errname(int code);
/* 1 if the same call may succeed later without a change by the caller, else 0. */
HR_API int hr_error_retriable(int code);

/* Fill err (may be NULL) and return code, so that a caller can write `return hr_error_set(...)`.
 * Bytes below 0x20 and 0x7f are escaped as \xNN; a text too long is cut. */
HR_API int hr_error_set(struct hr_error *err, int code, const char *fmt, ...) HR_PRINTF(3, 4);

#ifdef __cplusplus
}
#endif
#endif
