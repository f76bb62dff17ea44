/* An event type for tests of the SDK: message t.<Name> { int64 id = 1; string text = 2; }, made without a compiler. */
#ifndef EVENT_TYPE_H
#define EVENT_TYPE_H
#include <headrace.h>

/* Same name: the same object. variant 1 has a third field, so its schema is another. Never NULL; aborts on an error. */
hr_type *event_type(const char *name);
/* A descriptor set of it: freed with free(). */
uint8_t *event_type_set(const char *name, int variant, size_t *ret_n);
/* A row in wire format; returns its bytes (at most 32 + strlen(text)). */
size_t event_row(uint8_t *p, uint64_t id, const char *text);
uint64_t event_row_id(const uint8_t *p, size_t n_bytes); /* 0: not such a row */
int event_log(hr_client *client, hr_type *type, uint64_t id, const char *text); /* by hr_row_begin and hr_row_end */
#endif
