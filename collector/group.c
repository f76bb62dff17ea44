#include "log.h"
#include "alloc.h"
#include <string.h>

void hrd_group_init(struct hrd_group *g) { memset(g, 0, sizeof *g); }

void hrd_group_fini(struct hrd_group *g)
{
    hrp_buf_fini(&g->bytes);
    hrp_free(g->puts);
    memset(g, 0, sizeof *g);
}

void hrd_group_clear(struct hrd_group *g)
{
    hrp_buf_clear(&g->bytes);
    g->n_puts = 0;
    g->err = 0;
}

static struct hrd_put *add(struct hrd_group *g)
{
    uint32_t cap = g->cap_puts != 0 ? g->cap_puts * 2 : 64;
    struct hrd_put *puts = g->puts;

    if (g->err != 0)
        return NULL;
    if (g->n_puts == g->cap_puts) {
        puts = g->n_puts < UINT32_MAX / 2 ? hrp_realloc(g->puts, (size_t)cap * sizeof *puts) : NULL;
        if (puts == NULL) {
            g->err = HR_ENOMEM;
            return NULL;
        }
        g->puts = puts;
        g->cap_puts = cap;
    }
    return &puts[g->n_puts];
}

static void put(struct hrd_group *g, enum hrd_cf cf, bool del, const void *key, size_t n_key, const void *v1, size_t n1,
                const void *v2, size_t n2)
{
    struct hrd_put *p = add(g);

    if (p == NULL)
        return;
    *p = (struct hrd_put){.cf = cf, .del = del, .key_at = (uint32_t)g->bytes.n, .n_key = (uint32_t)n_key,
                          .value_at = g->bytes.n + n_key, .n_value = n1 + n2};
    if (g->bytes.n > UINT32_MAX - n_key) {
        g->err = HR_ENOMEM; /* a group is cut long before */
        return;
    }
    hrp_put_bytes(&g->bytes, key, n_key);
    hrp_put_bytes(&g->bytes, v1, n1);
    hrp_put_bytes(&g->bytes, v2, n2);
    g->err = g->bytes.err;
    if (g->err == 0)
        g->n_puts++;
}

void hrd_group_put(struct hrd_group *g, enum hrd_cf cf, const void *key, size_t n_key, const void *value, size_t n_value)
{
    put(g, cf, false, key, n_key, value, n_value, NULL, 0);
}

void hrd_group_put2(struct hrd_group *g, enum hrd_cf cf, const void *key, size_t n_key, const void *v1, size_t n1, const void *v2,
                    size_t n2)
{
    put(g, cf, false, key, n_key, v1, n1, v2, n2);
}

void hrd_group_del(struct hrd_group *g, enum hrd_cf cf, const void *key, size_t n_key)
{
    put(g, cf, true, key, n_key, NULL, 0, NULL, 0);
}
