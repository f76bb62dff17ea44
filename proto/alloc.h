/* Every allocation of ours, so that a test can fail the n-th one.
 * In test builds (HRP_FAULTS) a counter decides; in release these are the libc functions. */
#ifndef HRP_ALLOC_H
#define HRP_ALLOC_H
#include <stddef.h>

void *hrp_malloc(size_t n_bytes);
void *hrp_calloc(size_t n, size_t size);
void *hrp_realloc(void *p, size_t n_bytes); /* on failure p stays the caller's */
char *hrp_strdup(const char *s);
void *hrp_memdup(const void *p, size_t n_bytes); /* n_bytes 0: a non-NULL one-byte block */
void hrp_free(void *p);

/* Test hook: fail the n-th allocation from now on (1 = the next); 0 = never. Returns how many
 * allocations were made since the last call. Thread: one test thread at a time. */
unsigned long hrp_alloc_fail_at(unsigned long n);
#endif
