/* Batches as files: the storage behind spool.h. */
#include "spool_file.h"
#include "alloc.h"
#include "io.h"
#include <fcntl.h>
#include <stdio.h>

#define MAX_BATCH_FILE (8u << 20)

static void batch_name(uint64_t id, char ret[24]) { snprintf(ret, 24, "b-%016llx", (unsigned long long)id); }

static int dir_put(void *arg, struct hrs_inc *inc, uint64_t id, const void *p, size_t n_bytes)
{
    const struct hrs_folder *f = inc->owner;
    char name[24];

    batch_name(id, name);
    return hrs_put_file(f->fd, "batch.tmp", name, p, n_bytes);
}

static int dir_get(void *arg, struct hrs_inc *inc, uint64_t id, struct hrp_buf *out)
{
    const struct hrs_folder *f = inc->owner;
    char name[24];
    uint8_t *p;
    size_t n;
    int r;

    batch_name(id, name);
    r = hrp_read_file_at(f->fd, name, MAX_BATCH_FILE, &p, &n);
    if (r != 0)
        return r;
    hrp_put_bytes(out, p, n);
    hrp_free(p);
    return out->err;
}

static int dir_del(void *arg, struct hrs_inc *inc, uint64_t id)
{
    const struct hrs_folder *f = inc->owner;
    char name[24];

    batch_name(id, name);
    return hrp_unlink_at(f->fd, name);
}

struct ids {
    int (*fn)(void *ctx, uint64_t id);
    void *ctx;
};

static int list_one(void *arg, const char *name)
{
    struct ids *l = arg;
    unsigned long long id;
    char again[24];

    if (sscanf(name, "b-%16llx", &id) != 1)
        return 0;
    batch_name(id, again);
    return strcmp(name, again) == 0 ? l->fn(l->ctx, id) : 0;
}

static int dir_list(void *arg, struct hrs_inc *inc, int (*fn)(void *ctx, uint64_t id), void *ctx)
{
    const struct hrs_folder *f = inc->owner;
    struct ids l = {fn, ctx};

    return hrp_list_at(f->fd, list_one, &l);
}

static int dir_put_store(void *arg, struct hrs_inc *inc, const struct hrp_id *generation)
{
    const struct hrs_folder *f = inc->owner;
    uint32_t check = hrp_check32(generation->b, 16);
    uint8_t p[20];

    memcpy(p, generation->b, 16);
    memcpy(p + 16, &check, 4);
    return hrs_put_file(f->fd, "store.tmp", "store", p, sizeof p);
}

const struct hrs_store_ops hrs_dir_ops = {dir_put, dir_get, dir_del, dir_list, dir_put_store};
