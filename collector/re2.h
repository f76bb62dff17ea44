/* RE2 for the validator: linear time, bounded memory, whatever the pattern. C++ is behind this header and nowhere else. */
#ifndef HRD_RE2_H
#define HRD_RE2_H
#include "regex.h"

#ifdef __cplusplus
extern "C" {
#endif
extern const struct hrp_regex hrd_re2;
#ifdef __cplusplus
}
#endif
#endif
