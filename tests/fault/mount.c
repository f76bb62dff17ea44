#include "mount.h"
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

/* Of fs/ext4/ext4.h; NOLOGFLUSH: the journal is not written either. */
#define EXT4_IOC_SHUTDOWN _IOR('X', 125, uint32_t)
#define NOLOGFLUSH 2u

static struct fault_mount *open_mount; /* closed also by a test that fails */

static int run(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
static int run(const char *fmt, ...)
{
    char command[2048];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(command, sizeof command, fmt, ap);
    va_end(ap);
    return system(command) == 0 ? 0 : -1;
}

static int mount_it(struct fault_mount *m)
{
    int r = run("mount -t ext4 -o loop '%s' '%s' 2>/dev/null", m->image, m->dir);

    m->mounted = r == 0;
    return r;
}

static void close_at_exit(void)
{
    if (open_mount != NULL)
        fault_mount_close(open_mount);
}

const char *fault_mount_open(struct fault_mount *m, const char *dir, bool ext4, unsigned size_mb)
{
    *m = (struct fault_mount){.mounted = false};
    open_mount = m;
    atexit(close_at_exit);
    if (geteuid() != 0)
        return "mounting needs root";
    snprintf(m->dir, sizeof m->dir, "%s/mnt", dir);
    if (mkdir(m->dir, 0700) != 0)
        return "no folder to mount on";
    if (!ext4) {
        m->mounted = run("mount -t tmpfs -o size=%um none '%s' 2>/dev/null", size_mb, m->dir) == 0;
        return m->mounted ? NULL : "a tmpfs can't be mounted here";
    }
    snprintf(m->image, sizeof m->image, "%s/disk.img", dir);
    if (run("truncate -s %uM '%s' && mkfs.ext4 -q -F '%s' >/dev/null 2>&1", size_mb, m->image, m->image) != 0)
        return "no mkfs.ext4, or no room for its image";
    return mount_it(m) == 0 ? NULL : "loop mounts are not allowed here";
}

void fault_mount_close(struct fault_mount *m)
{
    if (m->mounted)
        run("umount '%s' || umount -l '%s'", m->dir, m->dir);
    m->mounted = false;
    open_mount = NULL;
}

int fault_mount_cut(struct fault_mount *m)
{
    uint32_t flags = NOLOGFLUSH;
    int fd = open(m->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC), r = fd >= 0 ? ioctl(fd, EXT4_IOC_SHUTDOWN, &flags) : -1;

    if (fd >= 0)
        close(fd);
    return r;
}

int fault_mount_mend(struct fault_mount *m)
{
    if (run("umount '%s'", m->dir) != 0)
        return -1;
    m->mounted = false;
    return mount_it(m);
}

int fault_mount_fill(struct fault_mount *m)
{
    static char block[65536];
    char path[700];
    int fd, r = 0;
    ssize_t n;

    snprintf(path, sizeof path, "%s/ballast", m->dir);
    fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (fd < 0)
        return -1;
    memset(block, 'x', sizeof block);
    do
        n = write(fd, block, sizeof block);
    while (n > 0);
    if (errno != ENOSPC)
        r = -1;
    close(fd);
    return r;
}

int fault_mount_empty(struct fault_mount *m)
{
    char path[700];

    snprintf(path, sizeof path, "%s/ballast", m->dir);
    return unlink(path);
}
