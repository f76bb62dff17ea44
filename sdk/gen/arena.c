#include "gen.h"
#include "alloc.h"
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

static struct block {
    struct block *next;
    max_align_t bytes[];
} *blocks;

void *gen_alloc(size_t n_bytes)
{
    struct block *b = hrp_calloc(1, sizeof *b + n_bytes);

    if (b == NULL) {
        fputs("protoc-gen-headrace: out of memory\n", stderr);
        exit(1);
    }
    b->next = blocks;
    blocks = b;
    return b->bytes;
}

char *gen_fmt(const char *fmt, ...)
{
    va_list ap;
    char *s;
    int n;

    va_start(ap, fmt);
    n = vsnprintf(NULL, 0, fmt, ap);
    va_end(ap);
    s = gen_alloc((size_t)n + 1);
    va_start(ap, fmt);
    vsnprintf(s, (size_t)n + 1, fmt, ap);
    va_end(ap);
    return s;
}

void gen_arena_fini(void)
{
    while (blocks != NULL) {
        struct block *b = blocks;

        blocks = b->next;
        hrp_free(b);
    }
}
