#include "arena.h"
#include "alloc.h"
#include "errors.h"

#define CHUNK_BYTES ((size_t)32 << 10)
#define ALIGN 16u

struct chunk {
    struct chunk *next;
    size_t unused; /* keeps what follows aligned */
};
struct hrp_arena {
    struct chunk *chunks;
    uint8_t *at;
    size_t left;         /* of the newest chunk */
    uint64_t budget;     /* what may still be allocated */
    int err;
};

struct hrp_arena *hrp_arena_new(uint64_t budget_bytes)
{
    struct hrp_arena *a = hrp_calloc(1, sizeof *a);

    if (a != NULL)
        a->budget = budget_bytes;
    return a;
}

void hrp_arena_free(struct hrp_arena *a)
{
    if (a == NULL)
        return;
    while (a->chunks != NULL) {
        struct chunk *c = a->chunks;

        a->chunks = c->next;
        hrp_free(c);
    }
    hrp_free(a);
}

int hrp_arena_err(const struct hrp_arena *a)
{
    return a->err;
}

static void *fail(struct hrp_arena *a, int err)
{
    a->err = err;
    return NULL;
}

static struct chunk *add_chunk(struct hrp_arena *a, size_t n_bytes)
{
    struct chunk *c = hrp_malloc(sizeof *c + n_bytes);

    if (c == NULL)
        return NULL;
    c->next = a->chunks;
    a->chunks = c;
    a->budget -= n_bytes;
    return c;
}

void *hrp_arena_take(struct hrp_arena *a, uint64_t n, size_t size)
{
    size_t n_bytes, chunk_bytes;
    struct chunk *c;
    uint8_t *p;

    if (n > (SIZE_MAX - ALIGN) / size)
        return fail(a, HR_ELIMIT);
    n_bytes = ((size_t)n * size + ALIGN - 1) & ~(size_t)(ALIGN - 1);
    if (n_bytes <= a->left) {
        p = a->at;
        a->at += n_bytes;
        a->left -= n_bytes;
        return p;
    }
    if (n_bytes > a->budget)
        return fail(a, HR_ELIMIT);
    if (n_bytes >= CHUNK_BYTES / 4) { /* a chunk of its own; the current one stays in use */
        c = add_chunk(a, n_bytes);
        return c != NULL ? c + 1 : fail(a, HR_ENOMEM);
    }
    chunk_bytes = a->budget < CHUNK_BYTES ? (size_t)a->budget : CHUNK_BYTES;
    c = add_chunk(a, chunk_bytes);
    if (c == NULL)
        return fail(a, HR_ENOMEM);
    p = (uint8_t *)(c + 1);
    a->at = p + n_bytes;
    a->left = chunk_bytes - n_bytes;
    return p;
}
