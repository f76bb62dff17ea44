/* Random schemas, random rows, and what a row means: a second reader of protobuf's wire format, slow and simple, to compare
 * batches with. Out of memory: abort. */
#ifndef TEST_ROWS_H
#define TEST_ROWS_H
#include "rnd.h"
#include "schema.h"

/* A set of a few messages that hold each other, themselves too; the type is "rnd.M0". free() */
uint8_t *test_set_random(struct rnd *r, size_t *ret_n);
struct hrp_schema *test_schema_random(struct rnd *r);

/* Append a well-formed row as no serializer writes it: fields in any order and several times, packed lists in pieces or
 * unpacked, oneofs that change their mind, unknown fields, numbers wider than their type. */
void test_row_random(struct rnd *r, struct hrp_schema *s, struct hrp_buf *out);
/* Append the row with the same meaning as hrp_cursor_wire has to write it. False: p is not well-formed; out is undefined. */
bool test_row_canonical(struct hrp_schema *s, const uint8_t *p, size_t n, struct hrp_buf *out);
#endif
