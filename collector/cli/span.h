/* Values found in one line of the API's NDJSON without building a tree: exports keep every digit as it was sent (a
 * 64-bit unsigned number does not fit jansson's integers), and reading back millions of rows stays cheap. */
#ifndef CLI_SPAN_H
#define CLI_SPAN_H
#include "bytes.h"

struct cli_span {  /* the text of one JSON value, borrowed; n 0: none */
    const char *p;
    size_t n;
};
/* Value of a member of an object; false: no such member, or obj is not an object. Keys are compared as they are written. */
bool cli_span_get(struct cli_span obj, const char *key, struct cli_span *ret);
/* A string without quotes and escapes, as UTF-8, appended to out; false: not a string. */
bool cli_span_str(struct cli_span v, struct hrp_buf *out);
bool cli_span_i64(struct cli_span v, int64_t *ret); /* false: not a whole number, or out of range */
bool cli_span_u64(struct cli_span v, uint64_t *ret);
bool cli_span_is(struct cli_span v, const char *text); /* the text of v is exactly this, e.g. "\"LAS\"" */
#endif
