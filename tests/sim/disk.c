/* Incarnation folders as the simulated kernel keeps them: they outlive their process, and, less faithfully, their machine.
 * A process can be killed inside any operation, before it took effect or after; what it does in the rest of that step
 * happens in its memory only, so its lanes are put back to what they were. */
#include "sim.h"
#include "alloc.h"
#include <stdlib.h>

/* ---- operations ---- */

static void freeze(struct sim_client *c)
{
    struct sim *s = c->s;

    c->dying = true;
    for (unsigned i = 0; i < s->n_folders; i++)
        for (uint32_t k = 0; s->folders[i].locked_by == c && k < s->folders[i].n_lanes; k++) {
            struct sim_lane *l = &s->folders[i].lanes[k];

            if (l->region == NULL)
                continue;
            l->frozen = malloc(l->n_bytes);
            if (l->frozen == NULL)
                abort();
            memcpy(l->frozen, l->region, l->n_bytes);
        }
}

enum fate { GOES, DIES_BEFORE, DIES_AFTER };

static enum fate fate_of(struct sim_client *c)
{
    if (c->dying)
        return DIES_BEFORE;
    if (c->die_in == 0 || --c->die_in != 0)
        return GOES;
    return sim_below(c->s, 2) == 0 ? DIES_BEFORE : DIES_AFTER;
}

static struct sim_file *find_file(struct sim_folder *f, uint64_t id)
{
    for (size_t i = 0; i < f->n_files; i++)
        if (f->files[i].id == id)
            return &f->files[i];
    return NULL;
}

static void write_file(struct sim_folder *f, uint64_t id, const void *p, size_t n)
{
    struct sim_file *file = find_file(f, id);

    if (file == NULL) {
        if (f->n_files == f->cap_files) {
            f->cap_files = f->cap_files == 0 ? 16 : f->cap_files * 2;
            f->files = realloc(f->files, f->cap_files * sizeof *f->files);
            if (f->files == NULL)
                abort();
        }
        file = &f->files[f->n_files++];
        *file = (struct sim_file){.id = id};
    }
    free(file->p);
    file->p = malloc(n);
    if (file->p == NULL)
        abort();
    memcpy(file->p, p, n);
    file->n = n;
}

static void delete_file(struct sim_folder *f, struct sim_file *file)
{
    free(file->p);
    *file = f->files[--f->n_files];
}

static int disk_put(void *arg, struct hrs_inc *inc, uint64_t id, const void *p, size_t n_bytes)
{
    struct sim_client *c = arg;
    enum fate fate = fate_of(c);

    if (fate == GOES && c->s->now_ns < c->full_until_ns)
        return HR_ENOSPC;
    if (fate != DIES_BEFORE)
        write_file(inc->owner, id, p, n_bytes);
    if (fate != GOES && !c->dying)
        freeze(c);
    return fate == GOES ? 0 : HR_EIO;
}

static int disk_get(void *arg, struct hrs_inc *inc, uint64_t id, struct hrp_buf *out)
{
    struct sim_client *c = arg;
    struct sim_file *file = find_file(inc->owner, id);

    if (c->dying || (c->s->k.disk_errors && !c->s->quiet && sim_chance(c->s, 100)))
        return HR_EIO;
    if (file == NULL)
        return HR_ENOENT;
    hrp_put_bytes(out, file->p, file->n);
    return out->err;
}

static int disk_del(void *arg, struct hrs_inc *inc, uint64_t id)
{
    struct sim_client *c = arg;
    struct sim_file *file = find_file(inc->owner, id);
    enum fate fate = fate_of(c);

    if (fate != DIES_BEFORE && file != NULL)
        delete_file(inc->owner, file);
    if (fate != GOES && !c->dying)
        freeze(c);
    return fate != GOES ? HR_EIO : file != NULL ? 0 : HR_ENOENT;
}

static int disk_list(void *arg, struct hrs_inc *inc, int (*fn)(void *ctx, uint64_t id), void *ctx)
{
    const struct sim_folder *f = inc->owner;
    int r = 0;

    for (size_t i = 0; r == 0 && i < f->n_files; i++)
        r = fn(ctx, f->files[i].id);
    return r;
}

static int disk_put_store(void *arg, struct hrs_inc *inc, const struct hrp_id *generation)
{
    struct sim_client *c = arg;
    struct sim_folder *f = inc->owner;

    if (c->dying || c->s->now_ns < c->full_until_ns)
        return HR_ENOSPC;
    hrp_buf_clear(&f->store);
    hrp_put_bytes(&f->store, generation->b, 16);
    return 0;
}

const struct hrs_store_ops sim_disk_ops = {disk_put, disk_get, disk_del, disk_list, disk_put_store};

/* ---- folders ---- */

static uint8_t *make_region(uint64_t ring_bytes, size_t *ret_n)
{
    uint8_t *p;

    *ret_n = (hrs_lane_region_bytes(ring_bytes) + 63) / 64 * 64;
    p = aligned_alloc(64, *ret_n);
    if (p == NULL)
        abort();
    memset(p, 0, *ret_n);
    *ret_n = hrs_lane_region_bytes(ring_bytes);
    return p;
}

struct sim_folder *sim_folder_new(struct sim *s, struct sim_client *c)
{
    struct sim_folder *f = &s->folders[s->n_folders++];
    struct hrs_inc *inc = c->agent.own;

    *f = (struct sim_folder){.s = s, .host = c->host, .id = inc->id, .there = true, .locked_by = c};
    inc->owner = f;
    hrs_meta_encode(inc, &f->meta);
    f->n_lanes = 1 + (uint32_t)sim_below(s, SIM_LANES);
    for (uint32_t i = 0; i < f->n_lanes; i++) {
        struct sim_lane *l = &f->lanes[i];

        l->region = make_region(s->k.ring_bytes, &l->n_bytes);
        hrs_lane_init(&l->lane, l->region, s->k.ring_bytes, i, &inc->id);
    }
    return f;
}

static int attach_lanes(struct sim_folder *f, struct hrs_lane **ret, uint32_t *ret_n)
{
    *ret_n = 0;
    for (uint32_t i = 0; i < f->n_lanes; i++) {
        int r = f->lanes[i].region != NULL ? hrs_lane_attach(&f->lanes[i].lane, f->lanes[i].region, f->lanes[i].n_bytes, &f->id) : HR_ENOENT;

        if (r == 0)
            ret[(*ret_n)++] = &f->lanes[i].lane;
        else if (r != HR_ENOENT)
            return r;
    }
    return 0;
}

/* Its lanes are as they were when its process died. */
static void let_go(struct sim_folder *f)
{
    f->locked_by = NULL;
    for (uint32_t k = 0; k < f->n_lanes; k++) {
        struct sim_lane *l = &f->lanes[k];

        if (l->frozen != NULL)
            memcpy(l->region, l->frozen, l->n_bytes);
        free(l->frozen);
        l->frozen = NULL;
    }
}

int sim_folder_adopt(struct sim_folder *f, struct sim_client *c)
{
    struct hrs_lane *lanes[SIM_LANES];
    struct hrs_inc *inc = NULL;
    uint64_t torn;
    uint32_t n;
    int r = hrs_meta_decode(f->meta.p, f->meta.n, &inc);

    if (r == 0)
        r = hrs_types_decode(inc, f->types.p, f->types.n, &torn);
    if (r == 0)
        r = attach_lanes(f, lanes, &n);
    if (r != 0) {
        hrs_inc_free(inc);
        return r;
    }
    inc->other_boot = f->other_boot;
    inc->owner = f;
    if (f->store.n == 16) {
        memcpy(inc->store.b, f->store.p, 16);
        inc->store_known = true;
    }
    f->locked_by = c;
    r = hrs_agent_adopt(&c->agent, inc, lanes, n);
    if (r != 0) {
        let_go(f);
        hrs_inc_free(inc);
    }
    return r;
}

static void free_contents(struct sim_folder *f)
{
    for (size_t i = 0; i < f->n_files; i++)
        free(f->files[i].p);
    free(f->files);
    f->files = NULL;
    f->n_files = f->cap_files = 0;
    for (uint32_t i = 0; i < SIM_LANES; i++) {
        free(f->lanes[i].region);
        free(f->lanes[i].frozen);
        f->lanes[i].region = f->lanes[i].frozen = NULL;
    }
    hrp_buf_fini(&f->meta);
    hrp_buf_fini(&f->types);
    hrp_buf_fini(&f->store);
}

void sim_folder_removed(struct sim_folder *f)
{
    f->there = false;
    f->locked_by = NULL;
    free_contents(f);
}

void sim_disk_killed(struct sim_client *c)
{
    struct sim *s = c->s;

    for (unsigned i = 0; i < s->n_folders; i++) {
        struct sim_folder *f = &s->folders[i];

        if (f->locked_by != c)
            continue;
        let_go(f);
    }
}

static void copy_buf(struct hrp_buf *to, const struct hrp_buf *from)
{
    *to = (struct hrp_buf)HRP_BUF_INIT;
    hrp_put_bytes(to, from->p, from->n);
}

/* An image of a machine, with what a dead process left on it, is started once more: two owners send the same rows, batched
 * by each as it comes, and each lets the other's batches be. */
void sim_disk_clone(struct sim *s)
{
    struct sim_folder *f = &s->folders[sim_below(s, s->n_folders + 1u)], *copy = &s->folders[s->n_folders];

    if (f == copy || s->n_folders >= SIM_FOLDERS - SIM_CLIENTS || !f->there || f->locked_by != NULL || f->lossy)
        return;
    for (unsigned i = 0; i < s->n_folders; i++)
        if (&s->folders[i] != f && hrp_id_cmp(&s->folders[i].id, &f->id) == 0)
            return; /* once: a spool folder has one of a name */
    sim_trace(s, "folder %u is cloned", (unsigned)(f - s->folders));
    s->seen[SIM_CLONES]++;
    s->n_folders++;
    *copy = (struct sim_folder){.s = s, .host = 1 - f->host, .id = f->id, .there = true, .n_lanes = f->n_lanes};
    copy_buf(&copy->meta, &f->meta);
    copy_buf(&copy->types, &f->types);
    copy_buf(&copy->store, &f->store);
    for (size_t i = 0; i < f->n_files; i++)
        write_file(copy, f->files[i].id, f->files[i].p, f->files[i].n);
    for (uint32_t i = 0; i < f->n_lanes; i++) {
        if (f->lanes[i].region == NULL)
            continue;
        copy->lanes[i].region = make_region(s->k.ring_bytes, &copy->lanes[i].n_bytes);
        memcpy(copy->lanes[i].region, f->lanes[i].region, f->lanes[i].n_bytes);
    }
}

/* Batches are whole, damaged, cut or gone; lanes are there or not. Meta and types were written long before. */
static void lose_power(struct sim *s, struct sim_folder *f)
{
    f->other_boot = true;
    for (unsigned i = 0; i < s->n_folders; i++) /* its damage is also a clone's, who speaks for the same rows */
        if (hrp_id_cmp(&s->folders[i].id, &f->id) == 0)
            s->folders[i].lossy = true;
    for (size_t i = 0; i < f->n_files;) {
        struct sim_file *file = &f->files[i];
        unsigned what = (unsigned)sim_below(s, 6);

        if (what == 0) {
            delete_file(f, file);
            continue;
        }
        if (what == 1 && file->n != 0)
            file->n = (size_t)sim_below(s, file->n);
        else if (what == 2 && file->n != 0)
            file->p[sim_below(s, file->n)] ^= (uint8_t)(1 + sim_below(s, 255));
        i++;
    }
    for (uint32_t i = 0; i < f->n_lanes; i++)
        if (sim_below(s, 3) != 0) {
            free(f->lanes[i].region);
            f->lanes[i].region = NULL;
        }
}

void sim_disk_reboot(struct sim *s, unsigned host)
{
    for (unsigned i = 0; i < s->n_folders; i++)
        if (s->folders[i].there && s->folders[i].host == host)
            lose_power(s, &s->folders[i]);
}

void sim_disk_free(struct sim *s)
{
    for (unsigned i = 0; i < s->n_folders; i++) {
        free_contents(&s->folders[i]);
        for (unsigned l = 0; l < SIM_LANES; l++)
            for (unsigned t = 0; t < SIM_TYPES; t++)
                free(s->folders[i].tracks[l][t].v);
    }
    free(s->folders);
}
