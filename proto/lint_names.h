/* What a field's name gives away. English words, between underscores. Private to proto/. */
#ifndef HRP_LINT_NAMES_H
#define HRP_LINT_NAMES_H
#include <stdbool.h>

bool hrp_name_is_snake(const char *name);      /* lower_snake_case */
bool hrp_name_has_unit(const char *name);      /* "latency_ms", "size_bytes" */
bool hrp_name_is_quantity(const char *name);   /* "price", "total_weight" */
bool hrp_name_is_time(const char *name);       /* "created_at", "start_time" */
/* The class it suggests, as options.proto writes it; NULL: none. `message` tells whose a plain "name" is. */
const char *hrp_name_personal(const char *message, const char *name);
#endif
