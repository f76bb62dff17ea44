/* The engine that rules with patterns need, as the validator sees it: of its own, since the engine's side is C++. */
#ifndef HRP_REGEX_H
#define HRP_REGEX_H
#include "errors.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* An engine for RE2 patterns, in linear time. proto/ has none: the collector's is in collector/re2.h. */
struct hrp_regex {
    int (*open)(const char *pattern, size_t n, void **ret, struct hr_error *err); /* HR_ESCHEMA: not RE2's syntax, or too large */
    bool (*match)(void *re, const uint8_t *p, size_t n); /* somewhere in it; any thread */
    void (*close)(void *re);
};
#endif
