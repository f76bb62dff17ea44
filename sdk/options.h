/* Options by name, from text. The table is options.def. */
#ifndef HRS_OPTIONS_H
#define HRS_OPTIONS_H
#include <headrace.h>
#include <stdbool.h>

enum hrs_option {
#define HRS_OPTION(name, type, unit, def, min, max, sentence) HRS_OPT_##name,
#include "options.def"
#undef HRS_OPTION
    HRS_OPT_N
};
struct hr_options {
    char *text[HRS_OPT_N];     /* TEXT: the value */
    int64_t number[HRS_OPT_N]; /* the others; TIME in ms */
    bool set[HRS_OPT_N];
    hr_log_fn *log_fn;         /* NULL: nobody listens */
    void *log_user;
    enum hr_level log_most;
};
hr_options *hrs_options_copy(const hr_options *opt); /* NULL: the defaults; NULL is returned without memory */
/* Host and port of a headrace:// URL into buffers; HR_EINVAL with its text. */
int hrs_url_parse(const char *url, char host[256], char port[8], struct hr_error *err);
#endif
