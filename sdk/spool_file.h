/* What the files of the spool folder share: private to spool_*.c. */
#ifndef HRS_SPOOL_FILE_H
#define HRS_SPOOL_FILE_H
#include "spool_dir.h"

/* Open dir_fd's `lock` (more flags: O_CREAT, O_EXCL) and take it; HR_EBUSY: another has it. Closed in a forked child. */
int hrs_lock_take(int dir_fd, int flags, int *ret_fd);
void hrs_lock_drop(int fd); /* -1 is fine */
/* A whole file, visible under its name only when it is whole. */
int hrs_put_file(int dir_fd, const char *tmp, const char *name, const void *p, size_t n_bytes);
struct hrs_folder *hrs_folder_new(struct hrs_dir *d, const char *name); /* nothing opened yet; hrs_folder_close frees it */
void hrs_lane_name(uint32_t number, char ret[16]);
#endif
