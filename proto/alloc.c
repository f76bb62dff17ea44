#include "alloc.h"
#include <stdlib.h>
#include <string.h>

#ifdef HRP_FAULTS
#include <stdatomic.h>
#include <stdbool.h>

/* Only counted, nothing is published through them: relaxed is enough. */
static atomic_ulong made, fail_at;

static bool fails(void)
{
    unsigned long k = atomic_fetch_add_explicit(&made, 1, memory_order_relaxed) + 1;

    return k == atomic_load_explicit(&fail_at, memory_order_relaxed);
}

unsigned long hrp_alloc_fail_at(unsigned long n)
{
    atomic_store_explicit(&fail_at, n, memory_order_relaxed);
    return atomic_exchange_explicit(&made, 0, memory_order_relaxed);
}
#else
#define fails() 0

unsigned long hrp_alloc_fail_at(unsigned long n)
{
    (void)n;
    return 0;
}
#endif

void *hrp_malloc(size_t n_bytes)
{
    return fails() ? NULL : malloc(n_bytes != 0 ? n_bytes : 1);
}

void *hrp_calloc(size_t n, size_t size)
{
    return fails() ? NULL : calloc(n != 0 ? n : 1, size != 0 ? size : 1);
}

void *hrp_realloc(void *p, size_t n_bytes)
{
    return fails() ? NULL : realloc(p, n_bytes != 0 ? n_bytes : 1);
}

char *hrp_strdup(const char *s)
{
    return hrp_memdup(s, strlen(s) + 1);
}

void *hrp_memdup(const void *p, size_t n_bytes)
{
    void *copy = hrp_malloc(n_bytes);

    if (copy != NULL && n_bytes != 0)
        memcpy(copy, p, n_bytes);
    return copy;
}

void hrp_free(void *p)
{
    free(p);
}
