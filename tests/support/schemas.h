/* Schemas that many tests want. A failure aborts with a sentence. */
#ifndef TEST_SCHEMAS_H
#define TEST_SCHEMAS_H
#include "schema.h"

/* message Flight { int64 time_us = 1; int32 delay = 2; int32 distance = 3; string origin = 4; string destination = 5; }
 * proto3, no package, so the stream is "Flight". */
uint8_t *test_flight_set(size_t *ret_n); /* free() */
struct hrp_schema *test_flight_schema(void);
/* A row of it in wire format, as generated code writes it (zeros and empty strings left out), appended. */
void test_flight_row(struct hrp_buf *out, int64_t time_us, int32_t delay, int32_t distance, const char *origin, const char *destination);

/* tests/protos/<name>.proto as the build compiled it, by headrace_descriptor_set of proto.cmake. */
uint8_t *test_set_read(const char *name, size_t *ret_n); /* free() */
struct hrp_schema *test_schema(const char *name, const char *message); /* "everything", "every.Thing" */
#endif
