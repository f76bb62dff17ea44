#include "spool_file.h"
#include "alloc.h"
#include "io.h"
#include <fcntl.h>
#include <stdio.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define STALE_S 60 /* a folder in the making for longer than this has no maker any more */

/* ---- small files ---- */

int hrs_put_file(int dir_fd, const char *tmp, const char *name, const void *p, size_t n_bytes)
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
    r = hrs_put_file(d->fd, tmp, "producer", hex, 33);
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
    if (hrs_lock_take(fd, O_CREAT, &lock_fd) == 0) {
        empty_and_remove(d->fd, name, fd);
        hrs_lock_drop(lock_fd);
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
    hrs_lock_drop(f->lock_fd);
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

struct hrs_folder *hrs_folder_new(struct hrs_dir *d, const char *name)
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
    r = buf.err != 0 ? buf.err : hrs_put_file(f->fd, "meta.tmp", "meta", buf.p, buf.n);
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
    f = hrs_folder_new(d, hex);
    if (f == NULL)
        return HR_ENOMEM;
    r = hrp_mkdir_at(d->fd, fresh, 0700);
    if (r == 0)
        r = hrp_open_at(d->fd, fresh, O_RDONLY | O_DIRECTORY, 0, &f->fd);
    if (r == 0)
        r = hrs_lock_take(f->fd, O_CREAT | O_EXCL, &f->lock_fd);
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
