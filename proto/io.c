#include "io.h"
#include "alloc.h"
#include "errors.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#ifdef HRP_FAULTS
#include <stdatomic.h>

/* Only counted, nothing is published through them: relaxed is enough. */
static atomic_ulong made, fail_at;
static atomic_int fail_err;

/* True, with errno set, when this call is the one a test wants to fail. */
static bool fails(void)
{
    unsigned long k = atomic_fetch_add_explicit(&made, 1, memory_order_relaxed) + 1;

    if (k != atomic_load_explicit(&fail_at, memory_order_relaxed))
        return false;
    errno = atomic_load_explicit(&fail_err, memory_order_relaxed);
    return true;
}

unsigned long hrp_io_fail_at(unsigned long n, int err)
{
    atomic_store_explicit(&fail_err, err, memory_order_relaxed);
    atomic_store_explicit(&fail_at, n, memory_order_relaxed);
    return atomic_exchange_explicit(&made, 0, memory_order_relaxed);
}
#else
#define fails() false

unsigned long hrp_io_fail_at(unsigned long n, int err)
{
    (void)n;
    (void)err;
    return 0;
}
#endif

int hrp_errno_to_hr(int err)
{
    switch (err) {
    case 0:
        return 0;
    case ENOSPC:
    case EDQUOT:
        return HR_ENOSPC;
    case ENOENT:
        return HR_ENOENT;
    default:
        return HR_EIO;
    }
}

static int from_errno(void)
{
    return hrp_errno_to_hr(errno != 0 ? errno : EIO);
}

int hrp_open_at(int dir_fd, const char *name, int flags, mode_t mode, int *ret_fd)
{
    int fd;

    if (fails())
        return from_errno();
    do
        fd = openat(dir_fd, name, flags | O_NOFOLLOW | O_CLOEXEC, mode);
    while (fd < 0 && errno == EINTR);
    if (fd < 0)
        return from_errno();
    *ret_fd = fd;
    return 0;
}

int hrp_write_all(int fd, const void *p, size_t n_bytes)
{
    const uint8_t *at = p;

    if (fails())
        return from_errno();
    while (n_bytes != 0) {
        ssize_t n = write(fd, at, n_bytes);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return from_errno();
        at += n;
        n_bytes -= (size_t)n;
    }
    return 0;
}

int hrp_pwrite_all(int fd, const void *p, size_t n_bytes, uint64_t offset)
{
    const uint8_t *at = p;

    if (fails())
        return from_errno();
    while (n_bytes != 0) {
        ssize_t n = pwrite(fd, at, n_bytes, (off_t)offset);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return from_errno();
        at += n;
        offset += (uint64_t)n;
        n_bytes -= (size_t)n;
    }
    return 0;
}

int hrp_read_exact(int fd, void *p, size_t n_bytes)
{
    uint8_t *at = p;

    if (fails())
        return from_errno();
    while (n_bytes != 0) {
        ssize_t n = read(fd, at, n_bytes);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return from_errno();
        if (n == 0)
            return HR_ECORRUPT;
        at += n;
        n_bytes -= (size_t)n;
    }
    return 0;
}

static int read_whole(int fd, size_t cap_bytes, uint8_t **ret_p, size_t *ret_n)
{
    struct stat st;
    uint8_t *p;
    int r;

    if (fstat(fd, &st) != 0)
        return from_errno();
    if (!S_ISREG(st.st_mode))
        return HR_EIO;
    if ((uint64_t)st.st_size > cap_bytes)
        return HR_ETOOBIG;
    p = hrp_malloc((size_t)st.st_size);
    if (p == NULL)
        return HR_ENOMEM;
    r = hrp_read_exact(fd, p, (size_t)st.st_size);
    if (r != 0) {
        hrp_free(p);
        return r;
    }
    *ret_p = p;
    *ret_n = (size_t)st.st_size;
    return 0;
}

int hrp_read_file_at(int dir_fd, const char *name, size_t cap_bytes, uint8_t **ret_p, size_t *ret_n)
{
    int fd = -1;
    /* O_NONBLOCK: a fifo somebody left in our folder must not hang us */
    int r = hrp_open_at(dir_fd, name, O_RDONLY | O_NONBLOCK, 0, &fd);

    if (r == 0)
        r = read_whole(fd, cap_bytes, ret_p, ret_n);
    hrp_close(fd);
    return r;
}

int hrp_fsync(int fd)
{
    int r;

    if (fails())
        return from_errno();
    do
        r = fsync(fd);
    while (r != 0 && errno == EINTR);
    return r != 0 ? from_errno() : 0;
}

int hrp_fdatasync(int fd)
{
    int r;

    if (fails())
        return from_errno();
    do
        r = fdatasync(fd);
    while (r != 0 && errno == EINTR);
    return r != 0 ? from_errno() : 0;
}

int hrp_rename_at(int dir_fd, const char *from, const char *to)
{
    return fails() || renameat(dir_fd, from, dir_fd, to) != 0 ? from_errno() : 0;
}

int hrp_unlink_at(int dir_fd, const char *name)
{
    return fails() || unlinkat(dir_fd, name, 0) != 0 ? from_errno() : 0;
}

int hrp_truncate(int fd, uint64_t n_bytes)
{
    int r;

    if (fails())
        return from_errno();
    do
        r = ftruncate(fd, (off_t)n_bytes);
    while (r != 0 && errno == EINTR);
    return r != 0 ? from_errno() : 0;
}

int hrp_allocate(int fd, uint64_t n_bytes)
{
    return hrp_allocate_at(fd, 0, n_bytes);
}

int hrp_allocate_at(int fd, uint64_t offset, uint64_t n_bytes)
{
    int err;

    if (fails())
        return from_errno();
    do
        err = posix_fallocate(fd, (off_t)offset, (off_t)n_bytes); /* returns the error, leaves errno alone */
    while (err == EINTR);
    errno = err != 0 ? err : errno;
    return hrp_errno_to_hr(err);
}

int hrp_map(int fd, size_t n_bytes, void **ret_p)
{
    void *p;

    if (fails())
        return from_errno();
    p = mmap(NULL, n_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (p == MAP_FAILED)
        return from_errno();
    *ret_p = p;
    return 0;
}

static int make_dir(const char *path, mode_t mode)
{
    struct stat st;

    if (fails())
        return from_errno();
    if (mkdir(path, mode) == 0)
        return 0;
    if (errno == EEXIST && stat(path, &st) == 0) {
        errno = ENOTDIR;
        return S_ISDIR(st.st_mode) ? 0 : from_errno();
    }
    return from_errno();
}

int hrp_mkdir_all(const char *path, mode_t mode)
{
    char part[PATH_MAX];
    size_t n = strlen(path);
    int r = 0;

    if (n == 0 || n >= sizeof part)
        return HR_EINVAL;
    for (size_t i = 1; i <= n && r == 0; i++) {
        if (i != n && path[i] != '/')
            continue;
        memcpy(part, path, i);
        part[i] = '\0';
        r = make_dir(part, mode);
    }
    return r;
}

int hrp_mkdir_at(int dir_fd, const char *name, mode_t mode)
{
    if (fails())
        return from_errno();
    if (mkdirat(dir_fd, name, mode) == 0)
        return 0;
    return errno == EEXIST ? HR_EBUSY : from_errno();
}

int hrp_rmdir_at(int dir_fd, const char *name)
{
    return fails() || unlinkat(dir_fd, name, AT_REMOVEDIR) != 0 ? from_errno() : 0;
}

int hrp_list_at(int dir_fd, int (*fn)(void *arg, const char *name), void *arg)
{
    struct dirent *e;
    int fd = -1, r = hrp_open_at(dir_fd, ".", O_RDONLY | O_DIRECTORY, 0, &fd); /* a position of its own */
    DIR *d;

    if (r != 0)
        return r;
    d = fdopendir(fd);
    if (d == NULL) {
        r = from_errno();
        hrp_close(fd);
        return r;
    }
    while (r == 0 && (errno = 0, e = readdir(d)) != NULL)
        if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
            r = fn(arg, e->d_name);
    if (r == 0 && errno != 0)
        r = from_errno();
    closedir(d);
    return r;
}

int hrp_lock(int fd)
{
    int r;

    if (fails())
        return from_errno();
    do
        r = flock(fd, LOCK_EX | LOCK_NB);
    while (r != 0 && errno == EINTR);
    if (r == 0)
        return 0;
    return errno == EWOULDBLOCK ? HR_EBUSY : from_errno();
}

int hrp_stat(int fd, struct stat *ret)
{
    return fails() || fstat(fd, ret) != 0 ? from_errno() : 0;
}

int hrp_stat_at(int dir_fd, const char *name, struct stat *ret)
{
    return fails() || fstatat(dir_fd, name, ret, AT_SYMLINK_NOFOLLOW) != 0 ? from_errno() : 0;
}

int hrp_close(int fd)
{
    if (fd < 0)
        return 0;
    if (fails()) {
        int err = errno;

        close(fd);
        return hrp_errno_to_hr(err);
    }
    /* On Linux the descriptor is gone even after EINTR: never again. */
    return close(fd) != 0 && errno != EINTR ? from_errno() : 0;
}
