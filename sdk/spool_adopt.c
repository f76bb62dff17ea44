/* What a dead process left: taken over under its lock, read without trust. Its identity stays; nothing is appended to it
 * but batches of the rows that still stand in its lanes. */
#include "spool_file.h"
#include "alloc.h"
#include "io.h"
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#define MAX_TYPES_FILE (64u << 20)

static int keep_lane(struct hrs_folder *f, struct hrs_mapping *m)
{
    if (f->n_lanes == f->cap_lanes) {
        uint32_t cap = f->cap_lanes == 0 ? 8 : f->cap_lanes * 2;
        struct hrs_mapping **p = hrp_realloc(f->lanes, cap * sizeof *p);

        if (p == NULL)
            return HR_ENOMEM;
        f->lanes = p;
        f->cap_lanes = cap;
    }
    f->lanes[f->n_lanes++] = m;
    return 0;
}

struct adopt {
    struct hrs_folder *f;
    struct hrs_inc *inc;
    uint64_t torn;
    bool any; /* something other than the lock is there */
};

/* Every page a reader may touch is made real first: a hole on a full disk would be SIGBUS when a floor is stored. */
static int map_old_lane(struct adopt *ad, const char *name)
{
    struct hrs_mapping *m = hrp_calloc(1, sizeof *m);
    struct stat st;
    int fd = -1, r;

    if (m == NULL)
        return HR_ENOMEM;
    r = hrp_open_at(ad->f->fd, name, O_RDWR, 0, &fd);
    if (r == 0)
        r = hrp_stat(fd, &st);
    if (r == 0 && (!S_ISREG(st.st_mode) || st.st_size < HRS_LANE_RING_AT + HRS_LANE_MIN_RING || st.st_size > (off_t)1 << 40))
        r = HR_ECORRUPT;
    if (r == 0) {
        m->n_bytes = (size_t)st.st_size;
        r = hrp_allocate_at(fd, 0, m->n_bytes);
    }
    if (r == 0)
        r = hrp_map(fd, m->n_bytes, &m->region);
    hrp_close(fd);
    if (r == 0)
        r = hrs_lane_attach(&m->lane, m->region, m->n_bytes, &ad->inc->id);
    if (r == 0)
        r = keep_lane(ad->f, m);
    if (r != 0)
        hrs_lane_unmap(m);
    return r;
}

static int adopt_lane(void *arg, const char *name)
{
    struct adopt *ad = arg;
    int r;

    if (strncmp(name, "lane-", 5) != 0 || strchr(name, '.') != NULL)
        return 0;
    r = map_old_lane(ad, name);
    if (r == HR_ECORRUPT) {
        ad->torn++;
        return 0;
    }
    return r;
}

static int note_any(void *arg, const char *name)
{
    struct adopt *ad = arg;

    ad->any = ad->any || strncmp(name, "b-", 2) == 0 || strncmp(name, "lane-", 5) == 0;
    return 0;
}

/* A folder whose meta is lost still has its identity: the name. */
static int inc_without_meta(struct adopt *ad)
{
    struct hrp_id id;
    struct stat st;
    int r = hrp_stat(ad->f->fd, &st);

    if (r == 0)
        r = hrp_id_parse(ad->f->name, &id);
    ad->torn++;
    return r != 0 ? r : hrs_inc_new(&id, &ad->f->dir->producer, "", "", "", "", 0, (int64_t)st.st_mtime * 1000000000, &ad->inc);
}

static int adopt_meta(struct adopt *ad)
{
    char hex[33], boot[40];
    uint8_t *p = NULL;
    size_t n;
    int r = hrp_read_file_at(ad->f->fd, "meta", 1u << 20, &p, &n);

    if (r == 0)
        r = hrs_meta_decode(p, n, &ad->inc);
    hrp_free(p);
    if (r == 0) {
        hrp_id_hex(&ad->inc->id, hex);
        if (strcmp(hex, ad->f->name) != 0) {
            hrs_inc_free(ad->inc);
            ad->inc = NULL;
            r = HR_ECORRUPT;
        }
    }
    if (r == HR_ECORRUPT || r == HR_ENOENT || r == HR_ETOOBIG)
        r = inc_without_meta(ad);
    if (r == 0) {
        hrs_boot_id(boot);
        ad->inc->other_boot = ad->inc->boot[0] != '\0' && boot[0] != '\0' && strcmp(boot, ad->inc->boot) != 0;
    }
    return r;
}

static int adopt_types(struct adopt *ad)
{
    uint8_t *p;
    size_t n;
    uint64_t torn = 0;
    int r = hrp_read_file_at(ad->f->fd, "types", MAX_TYPES_FILE, &p, &n);

    if (r == HR_ENOENT)
        return 0;
    if (r != 0)
        return r;
    r = hrs_types_decode(ad->inc, p, n, &torn);
    ad->torn += torn;
    hrp_free(p);
    return r;
}

static int adopt_store(struct adopt *ad)
{
    uint8_t *p;
    size_t n;
    uint32_t check;
    int r = hrp_read_file_at(ad->f->fd, "store", 64, &p, &n);

    if (r != 0)
        return r == HR_ENOENT ? 0 : r;
    if (n == 20) {
        memcpy(&check, p + 16, 4);
        if (check == hrp_check32(p, 16)) {
            memcpy(ad->inc->store.b, p, 16);
            ad->inc->store_known = true;
        }
    }
    hrp_free(p);
    return 0;
}

/* Between our open and our lock the owner may have finished and removed it, and another made... no other: names are
 * random. So: is the name still this folder? */
static int still_there(struct hrs_dir *d, const struct hrs_folder *f)
{
    struct stat here, there;
    int r = hrp_stat(f->fd, &here);

    if (r == 0)
        r = hrp_stat_at(d->fd, f->name, &there);
    return r != 0 ? r : here.st_ino == there.st_ino && here.st_dev == there.st_dev ? 0 : HR_ENOENT;
}

static int adopt_contents(struct adopt *ad)
{
    int r = hrp_list_at(ad->f->fd, note_any, ad);

    if (r == 0 && !ad->any)
        return HR_ENOENT;
    if (r == 0)
        r = adopt_meta(ad);
    if (r == 0)
        r = adopt_types(ad);
    if (r == 0)
        r = adopt_store(ad);
    if (r == 0)
        r = hrp_list_at(ad->f->fd, adopt_lane, ad);
    return r;
}

int hrs_folder_adopt(struct hrs_dir *d, const char *name, struct hrs_inc **ret, uint64_t *ret_torn)
{
    struct adopt ad = {.f = hrs_folder_new(d, name)};
    int r;

    if (ad.f == NULL)
        return HR_ENOMEM;
    r = hrp_open_at(d->fd, name, O_RDONLY | O_DIRECTORY, 0, &ad.f->fd);
    if (r == 0)
        r = hrs_lock_take(ad.f->fd, O_CREAT, &ad.f->lock_fd);
    if (r == 0)
        r = still_there(d, ad.f);
    if (r != 0) {
        hrs_folder_close(ad.f);
        return r;
    }
    r = adopt_contents(&ad);
    if (r == 0) {
        ad.inc->owner = ad.f;
        *ret = ad.inc;
        *ret_torn = ad.torn;
        return 0;
    }
    hrs_inc_free(ad.inc);
    if (r == HR_ENOENT && !ad.any)
        hrs_folder_remove(ad.f); /* a client that never logged */
    else
        hrs_folder_close(ad.f);
    return r;
}

struct look {
    int fd;
    uint64_t n_batches, n_bytes;
};

static int look_file(void *arg, const char *name)
{
    struct look *l = arg;
    struct stat st;

    if (strncmp(name, "b-", 2) == 0 && hrp_stat_at(l->fd, name, &st) == 0) {
        l->n_batches++;
        l->n_bytes += (uint64_t)st.st_size;
    }
    return 0;
}

int hrs_folder_look(struct hrs_dir *d, const char *name, int *ret_locked, uint64_t *ret_batches, uint64_t *ret_bytes)
{
    struct look l = {.fd = -1};
    int lock_fd = -1, r = hrp_open_at(d->fd, name, O_RDONLY | O_DIRECTORY, 0, &l.fd);

    if (r != 0)
        return r;
    *ret_locked = hrs_lock_take(l.fd, 0, &lock_fd) == HR_EBUSY;
    r = hrp_list_at(l.fd, look_file, &l);
    hrs_lock_drop(lock_fd);
    hrp_close(l.fd);
    *ret_batches = l.n_batches;
    *ret_bytes = l.n_bytes;
    return r;
}
