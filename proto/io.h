/* Every file call of ours, so that a test can fail the n-th one (PROOF.md, section 4).
 * They retry EINTR, finish short writes and reads, set close-on-exec, and turn errno into HR_E*
 * (ENOSPC and EDQUOT into HR_ENOSPC, ENOENT into HR_ENOENT, else HR_EIO; errno is kept). */
#ifndef HRP_IO_H
#define HRP_IO_H
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

int hrp_open_at(int dir_fd, const char *name, int flags, mode_t mode, int *ret_fd); /* O_NOFOLLOW added */
int hrp_write_all(int fd, const void *p, size_t n_bytes);
int hrp_pwrite_all(int fd, const void *p, size_t n_bytes, uint64_t offset);
int hrp_read_exact(int fd, void *p, size_t n_bytes);                    /* HR_ECORRUPT: the file is shorter */
int hrp_read_file_at(int dir_fd, const char *name, size_t cap_bytes, uint8_t **ret_p, size_t *ret_n); /* free with hrp_free; HR_ETOOBIG past the cap */
int hrp_fsync(int fd);
int hrp_fdatasync(int fd);
int hrp_rename_at(int dir_fd, const char *from, const char *to);
int hrp_unlink_at(int dir_fd, const char *name);
int hrp_truncate(int fd, uint64_t n_bytes);      /* ftruncate */
int hrp_allocate(int fd, uint64_t n_bytes);      /* posix_fallocate: room is there, or HR_ENOSPC now and not SIGBUS later */
int hrp_allocate_at(int fd, uint64_t offset, uint64_t n_bytes); /* the same for a part */
int hrp_map(int fd, size_t n_bytes, void **ret_p); /* MAP_SHARED, read and write */
int hrp_mkdir_all(const char *path, mode_t mode);
int hrp_mkdir_at(int dir_fd, const char *name, mode_t mode); /* HR_EBUSY: it is there already */
int hrp_rmdir_at(int dir_fd, const char *name);
/* Calls fn for each name but . and .. until it returns non-zero, which is passed on. dir_fd stays the caller's. */
int hrp_list_at(int dir_fd, int (*fn)(void *arg, const char *name), void *arg);
int hrp_lock(int fd);  /* flock, exclusive; HR_EBUSY: another open file has it */
struct stat;
int hrp_stat(int fd, struct stat *ret);
int hrp_stat_at(int dir_fd, const char *name, struct stat *ret); /* of a link itself */
int hrp_close(int fd); /* -1 is fine */
int hrp_errno_to_hr(int err);

/* Test hook as hrp_alloc_fail_at, for the calls above: the n-th one fails with err. */
unsigned long hrp_io_fail_at(unsigned long n, int err);
#endif
