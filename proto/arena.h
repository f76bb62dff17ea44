/* Memory of one decoded batch: taken piece by piece, given back at once, never more than its budget.
 * Private to proto/. */
#ifndef HRP_ARENA_H
#define HRP_ARENA_H
#include <stddef.h>
#include <stdint.h>

struct hrp_arena;
/* The budget covers all that is taken, charged before it is allocated. NULL: no memory. */
struct hrp_arena *hrp_arena_new(uint64_t budget_bytes);
void hrp_arena_free(struct hrp_arena *a); /* NULL is fine */
/* n * size bytes aligned to 16, not cleared. NULL: hrp_arena_err says HR_ELIMIT or HR_ENOMEM. */
void *hrp_arena_take(struct hrp_arena *a, uint64_t n, size_t size);
int hrp_arena_err(const struct hrp_arena *a);
#endif
