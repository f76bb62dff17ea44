/* Where two JSON texts of one message type differ, a line for each place: `items[2].price: expected 3, got 4`. Both are of our
 * own writer (json.h), so a value is equal when its text is, and only the members of a map may come in another order. */
#ifndef HRS_TESTING_DIFF_H
#define HRS_TESTING_DIFF_H
#include "bytes.h"

/* Appends the lines, without a last newline; returns how many, 0: they are equal. At most `most` are written. */
unsigned hrs_diff(const char *expected, const char *got, unsigned most, struct hrp_buf *out);
#endif
