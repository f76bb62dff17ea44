#include "spool_dir.h"
#include "alloc.h"
#include "io.h"
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define MAX_BATCH_FILE (8u << 20)
#define MAX_TYPES_FILE (64u << 20)
#define STALE_S 60 /* a folder in the making for longer than this has no maker any more */

/* ---- locks and forks ---- */

static pthread_mutex_t locks_mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_once_t locks_once = PTHREAD_ONCE_INIT;
static int *lock_fds; /* of every folder this process owns */
static size_t n_lock_fds, cap_lock_fds;

static void before_fork(void) { pthread_mutex_lock(&locks_mutex); }
static void after_fork_parent(void) { pthread_mutex_unlock(&locks_mutex); }
static void after_fork_child(void)
{
    for (size_t i = 0; i < n_lock_fds; i++)
        close(lock_fds[i]); /* the parent's lock stays: only the last close of the open file ends it */
    n_lock_fds = 0;
    pthread_mutex_unlock(&locks_mutex);
}
static void watch_forks(void) { pthread_atfork(before_fork, after_fork_parent, after_fork_child); }

/* Open and lock in one, as seen by a fork. */
static int lock_take(int dir_fd, int flags, int *ret_fd)
{
    int fd = -1, r = 0;

    pthread_once(&locks_once, watch_forks);
    pthread_mutex_lock(&locks_mutex);
    if (n_lock_fds == cap_lock_fds) {
        size_t cap = cap_lock_fds == 0 ? 16 : cap_lock_fds * 2;
        int *p = hrp_realloc(lock_fds, cap * sizeof *p);

        if (p != NULL) {
            lock_fds = p;
            cap_lock_fds = cap;
        } else {
            r = HR_ENOMEM;
        }
    }
    if (r == 0)
        r = hrp_open_at(dir_fd, "lock", O_RDWR | flags, 0600, &fd);
    if (r == 0)
        r = hrp_lock(fd);
    if (r == 0)
        lock_fds[n_lock_fds++] = *ret_fd = fd;
    else
        hrp_close(fd);
    pthread_mutex_unlock(&locks_mutex);
    return r;
}

static void lock_drop(int fd)
{
    if (fd < 0)
        return;
    pthread_mutex_lock(&locks_mutex);
    for (size_t i = 0; i < n_lock_fds; i++)
        if (lock_fds[i] == fd) {
            lock_fds[i] = lock_fds[--n_lock_fds];
            close(fd);
            break;
        }
    if (n_lock_fds == 0) {
        hrp_free(lock_fds);
        lock_fds = NULL;
        cap_lock_fds = 0;
    }
    pthread_mutex_unlock(&locks_mutex);
}

/* ---- small files ---- */

/* A whole file, visible under its name only when it is whole. */
static int put_file(int dir_fd, const char *tmp, const char *name, const void *p, size_t n_bytes)
{
    int fd = -1, r = hrp_open_at(dir_fd, tmp, O_WRONLY | O_CREAT | O_TRUNC, 0600, &fd), closed;

    if (r != 0)
        return r;
    r = hrp_write_all(fd, p, n_bytes);
    closed = hrp_close(fd);
    if (r == 0)
        r = closed;
    if (r == 0)
        r = hrp_rename_at(dir_fd, tmp, name);
    if (r != 0)
        hrp_unlink_at(dir_fd, tmp);
    return r;
}

void hrs_boot_id(char ret[40])
{
    int fd = -1;
    ssize_t n = 0;

    if (hrp_open_at(AT_FDCWD, "/proc/sys/kernel/random/boot_id", O_RDONLY, 0, &fd) == 0) {
        n = read(fd, ret, 36);
        hrp_close(fd);
    }
    ret[n > 0 ? n : 0] = '\0';
}

/* ---- the folder of folders ---- */

static int check_owner(int fd, const char *path, struct hr_error *err)
{
    struct stat st;
    int r = hrp_stat(fd, &st);

    if (r != 0)
        return hr_error_set(err, r, "%s: %s", path, hr_strerror(r));
    if (st.st_uid != geteuid())
        return hr_error_set(err, HR_EINVAL, "%s: the spool folder belongs to another user (uid %u)", path, (unsigned)st.st_uid);
    if ((st.st_mode & (S_IWGRP | S_IWOTH)) != 0)
        return hr_error_set(err, HR_EINVAL, "%s: the spool folder can be written by others (mode %o); 0700 is right", path,
                            (unsigned)st.st_mode & 07777);
    return 0;
}

/* The lineage's name, made by the first client that uses the folder; of two at once the first link wins. */
static int read_producer(struct hrs_dir *d)
{
    uint8_t *p;
    size_t n;
    char hex[33];
    int r = hrp_read_file_at(d->fd, "producer", 64, &p, &n);

    if (r != 0)
        return r;
    if (n >= 32) {
        memcpy(hex, p, 32);
        hex[32] = '\0';
    }
    r = n >= 32 && hrp_id_parse(hex, &d->producer) == 0 ? 0 : HR_ECORRUPT;
    hrp_free(p);
    return r;
}

static int make_producer(struct hrs_dir *d)
{
    struct hrp_id id;
    char hex[34], tmp[48];
    int r;

    if (getrandom(id.b, sizeof id.b, 0) != (ssize_t)sizeof id.b)
        return HR_EIO;
    hrp_id_hex(&id, hex);
    snprintf(tmp, sizeof tmp, "new-%s", hex);
    hex[32] = '\n';
    r = put_file(d->fd, tmp, "producer", hex, 33);
    return r != 0 ? r : read_producer(d);
}

int hrs_dir_open(const char *path, struct hrs_dir *ret, struct hr_error *err)
{
    int r = hrp_mkdir_all(path, 0700);

    ret->fd = -1;
    if (r == 0)
        r = hrp_open_at(AT_FDCWD, path, O_RDONLY | O_DIRECTORY, 0, &ret->fd);
    if (r != 0)
        return hr_error_set(err, r, "%s: %s", path, hr_strerror(r));
    r = check_owner(ret->fd, path, err);
    if (r == 0) {
        r = read_producer(ret);
        if (r == HR_ENOENT || r == HR_ECORRUPT || r == HR_ETOOBIG)
            r = make_producer(ret);
        if (r != 0)
            hr_error_set(err, r, "%s/producer: %s", path, hr_strerror(r));
    }
    if (r != 0)
        hrs_dir_close(ret);
    return r;
}

void hrs_dir_close(struct hrs_dir *d)
{
    hrp_close(d->fd);
    d->fd = -1;
}

struct each {
    int (*fn)(void *arg, const char *name);
    void *arg;
};

static int each_name(void *arg, const char *name)
{
    struct each *e = arg;
    struct hrp_id id;

    return hrp_id_parse(name, &id) == 0 ? e->fn(e->arg, name) : 0;
}

int hrs_dir_each(struct hrs_dir *d, int (*fn)(void *arg, const char *name), void *arg)
{
    struct each e = {fn, arg};

    return hrp_list_at(d->fd, each_name, &e);
}

/* ---- removing ---- */

static int unlink_one(void *arg, const char *name)
{
    if (strcmp(name, "lock") != 0)
        hrp_unlink_at(*(int *)arg, name);
    return 0;
}

static void empty_and_remove(int dir_fd, const char *name, int fd)
{
    hrp_list_at(fd, unlink_one, &fd);
    hrp_unlink_at(fd, "lock");
    hrp_rmdir_at(dir_fd, name);
}

static int sweep_one(void *arg, const char *name)
{
    struct hrs_dir *d = arg;
    bool fresh = strncmp(name, "new-", 4) == 0;
    int fd = -1, lock_fd = -1;
    struct stat st;

    if ((!fresh && strncmp(name, "gone-", 5) != 0) || hrp_stat_at(d->fd, name, &st) != 0)
        return 0;
    if (fresh && time(NULL) - st.st_mtime < STALE_S)
        return 0;
    if (!S_ISDIR(st.st_mode)) {
        hrp_unlink_at(d->fd, name);
        return 0;
    }
    if (hrp_open_at(d->fd, name, O_RDONLY | O_DIRECTORY, 0, &fd) != 0)
        return 0;
    if (lock_take(fd, O_CREAT, &lock_fd) == 0) {
        empty_and_remove(d->fd, name, fd);
        lock_drop(lock_fd);
    }
    hrp_close(fd);
    return 0;
}

void hrs_dir_sweep(struct hrs_dir *d) { hrp_list_at(d->fd, sweep_one, d); }

void hrs_folder_close(struct hrs_folder *f)
{
    if (f == NULL)
        return;
    for (uint32_t i = 0; i < f->n_lanes; i++)
        hrs_lane_unmap(f->lanes[i]);
    hrp_free(f->lanes);
    hrp_close(f->fd);
    lock_drop(f->lock_fd);
    hrp_free(f);
}

void hrs_folder_remove(struct hrs_folder *f)
{
    char gone[48];

    /* Renamed first: a kill in the middle leaves something that is nobody's, not an incarnation with half its files. */
    snprintf(gone, sizeof gone, "gone-%s", f->name);
    if (hrp_rename_at(f->dir->fd, f->name, gone) == 0)
        empty_and_remove(f->dir->fd, gone, f->fd);
    hrs_folder_close(f);
}

/* ---- a new incarnation ---- */

static struct hrs_folder *folder_new(struct hrs_dir *d, const char *name)
{
    struct hrs_folder *f = hrp_calloc(1, sizeof *f);

    if (f == NULL)
        return NULL;
    f->dir = d;
    f->fd = f->lock_fd = -1;
    snprintf(f->name, sizeof f->name, "%s", name);
    return f;
}

static int write_meta(struct hrs_folder *f, const struct hrs_inc *inc)
{
    struct hrp_buf buf = HRP_BUF_INIT;
    int r;

    hrs_meta_encode(inc, &buf);
    r = buf.err != 0 ? buf.err : put_file(f->fd, "meta.tmp", "meta", buf.p, buf.n);
    hrp_buf_fini(&buf);
    return r;
}

int hrs_folder_create(struct hrs_dir *d, struct hrs_inc *inc)
{
    struct hrs_folder *f;
    char hex[33], fresh[48];
    int r;

    hrp_id_hex(&inc->id, hex);
    snprintf(fresh, sizeof fresh, "new-%s", hex);
    f = folder_new(d, hex);
    if (f == NULL)
        return HR_ENOMEM;
    r = hrp_mkdir_at(d->fd, fresh, 0700);
    if (r == 0)
        r = hrp_open_at(d->fd, fresh, O_RDONLY | O_DIRECTORY, 0, &f->fd);
    if (r == 0)
        r = lock_take(f->fd, O_CREAT | O_EXCL, &f->lock_fd);
    if (r == 0)
        r = write_meta(f, inc);
    if (r == 0)
        r = hrp_rename_at(d->fd, fresh, hex);
    if (r == 0) {
        inc->owner = f;
        return 0;
    }
    if (f->fd >= 0)
        empty_and_remove(d->fd, fresh, f->fd);
    else
        hrp_rmdir_at(d->fd, fresh);
    hrs_folder_close(f);
    return r;
}

int hrs_folder_add_type(struct hrs_folder *f, uint32_t type_id, const struct hrs_type *t)
{
    struct hrp_buf buf = HRP_BUF_INIT;
    int fd = -1, r;

    hrs_types_encode(type_id, t, &buf);
    r = buf.err != 0 ? buf.err : hrp_open_at(f->fd, "types", O_WRONLY | O_CREAT, 0600, &fd);
    if (r == 0)
        r = hrp_pwrite_all(fd, buf.p, buf.n, f->types_bytes);
    if (r == 0)
        f->types_bytes += buf.n;
    hrp_close(fd);
    hrp_buf_fini(&buf);
    return r;
}

/* ---- lanes ---- */

static void lane_name(uint32_t number, char ret[16]) { snprintf(ret, 16, "lane-%04x", number & 0xffff); }

/* Head and ring are there now, or HR_ENOSPC is the answer now; slots come a page at a time (hrs_lane_room). */
static int make_lane_file(int dir_fd, const char *tmp, uint64_t ring_bytes, size_t n_bytes, void **ret)
{
    int fd = -1, r = hrp_open_at(dir_fd, tmp, O_RDWR | O_CREAT | O_TRUNC, 0600, &fd);

    if (r == 0)
        r = hrp_truncate(fd, n_bytes);
    if (r == 0)
        r = hrp_allocate_at(fd, 0, HRS_LANE_SLOTS_AT);
    if (r == 0)
        r = hrp_allocate_at(fd, HRS_LANE_RING_AT, ring_bytes);
    if (r == 0)
        r = hrp_map(fd, n_bytes, ret);
    hrp_close(fd);
    return r;
}

static int map_region(struct hrs_folder *f, uint32_t number, uint64_t ring_bytes, const struct hrp_id *inc, struct hrs_mapping *m)
{
    char tmp[24], name[16];
    int r;

    if (f == NULL) {
        m->region = mmap(NULL, m->n_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (m->region == MAP_FAILED) {
            m->region = NULL;
            return HR_ENOMEM;
        }
        hrs_lane_init(&m->lane, m->region, ring_bytes, number, inc);
        return 0;
    }
    lane_name(number, name);
    snprintf(tmp, sizeof tmp, "%s.tmp", name);
    r = make_lane_file(f->fd, tmp, ring_bytes, m->n_bytes, &m->region);
    if (r == 0) {
        hrs_lane_init(&m->lane, m->region, ring_bytes, number, inc);
        r = hrp_rename_at(f->fd, tmp, name);
    }
    if (r != 0)
        hrp_unlink_at(f->fd, tmp);
    return r;
}

int hrs_lane_map_new(struct hrs_folder *f, const struct hrp_id *inc, uint32_t number, uint64_t ring_bytes, struct hrs_mapping **ret)
{
    struct hrs_mapping *m = hrp_calloc(1, sizeof *m);
    int r;

    if (m == NULL)
        return HR_ENOMEM;
    m->n_bytes = hrs_lane_region_bytes(ring_bytes);
    r = map_region(f, number, ring_bytes, inc, m);
    if (r != 0)
        hrs_lane_unmap(m);
    else
        *ret = m;
    return r;
}

void hrs_lane_unmap(struct hrs_mapping *m)
{
    if (m->region != NULL)
        munmap(m->region, m->n_bytes);
    hrp_free(m);
}

int hrs_lane_room(struct hrs_folder *f, uint32_t number, uint32_t type)
{
    uint64_t at = HRS_LANE_SLOTS_AT + (uint64_t)type * sizeof(struct hrs_slot);
    char name[16];
    int fd = -1, r;

    if (f == NULL)
        return 0;
    lane_name(number, name);
    r = hrp_open_at(f->fd, name, O_RDWR, 0, &fd);
    if (r == 0)
        r = hrp_allocate_at(fd, at, sizeof(struct hrs_slot));
    hrp_close(fd);
    return r;
}

/* ---- adopting ---- */

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
    struct adopt ad = {.f = folder_new(d, name)};
    int r;

    if (ad.f == NULL)
        return HR_ENOMEM;
    r = hrp_open_at(d->fd, name, O_RDONLY | O_DIRECTORY, 0, &ad.f->fd);
    if (r == 0)
        r = lock_take(ad.f->fd, O_CREAT, &ad.f->lock_fd);
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
    *ret_locked = lock_take(l.fd, 0, &lock_fd) == HR_EBUSY;
    r = hrp_list_at(l.fd, look_file, &l);
    lock_drop(lock_fd);
    hrp_close(l.fd);
    *ret_batches = l.n_batches;
    *ret_bytes = l.n_bytes;
    return r;
}

/* ---- batches ---- */

static void batch_name(uint64_t id, char ret[24]) { snprintf(ret, 24, "b-%016llx", (unsigned long long)id); }

static int dir_put(void *arg, struct hrs_inc *inc, uint64_t id, const void *p, size_t n_bytes)
{
    const struct hrs_folder *f = inc->owner;
    char name[24];

    batch_name(id, name);
    return put_file(f->fd, "batch.tmp", name, p, n_bytes);
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
    return put_file(f->fd, "store.tmp", "store", p, sizeof p);
}

const struct hrs_store_ops hrs_dir_ops = {dir_put, dir_get, dir_del, dir_list, dir_put_store};
