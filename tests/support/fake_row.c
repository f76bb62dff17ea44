/* Stands in for libheadrace under generated code: a row goes to stdout as one line of hex. Each row gets a block of exactly
 * the bytes that were asked for, so that AddressSanitizer sees a bound that is too low. */
#include <headrace_row.h>
#include <stdio.h>
#include <stdlib.h>

uint8_t *hr_row_begin(hr_client *client, hr_type *type, size_t max_bytes, int64_t event_time_ns, hr_row *r)
{
    (void)client;
    (void)event_time_ns;
    if (max_bytes > HR_MAX_EVENT_BYTES) {
        printf("%s too big: %zu\n", type->stream, max_bytes);
        r->err = HR_ETOOBIG;
        return NULL;
    }
    r->start = malloc(max_bytes != 0 ? max_bytes : 1);
    if (r->start == NULL)
        abort();
    return r->start;
}

int hr_row_end(hr_row *r, uint8_t *end)
{
    for (uint8_t *p = r->start; p < end; p++)
        printf("%02x", *p);
    printf("\n");
    free(r->start);
    return 0;
}
