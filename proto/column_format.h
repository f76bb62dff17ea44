/* First bytes of a column's values. Private to column.c and column_read.c; PROTOCOL.md draws them. */
#ifndef HRP_COLUMN_FORMAT_H
#define HRP_COLUMN_FORMAT_H

enum float_kind {
    FLOAT_BITS = 0,    /* an integer stream of the bit patterns */
    FLOAT_DECIMAL = 1, /* integers divided by a power of ten, and exceptions */
    FLOAT_SPLIT = 2,   /* byte k of all values, then byte k + 1, ... */
};
#define DECIMAL_MOST 18 /* 10^18 and all before are exact as double */

enum string_kind {
    STRING_CONST = 0,
    STRING_PLAIN = 1,
    STRING_DICT = 2,
};

static const double power_of_ten[DECIMAL_MOST + 1] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8, 1e9,
                                                      1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18};
#endif
