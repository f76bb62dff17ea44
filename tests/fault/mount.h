/* A small file system for a daemon's data: made, cut off from its disk, filled, mended, removed. Needs root and loop mounts. */
#ifndef FAULT_MOUNT_H
#define FAULT_MOUNT_H
#include <stdbool.h>
#include <stdint.h>

struct fault_mount {
    char image[600], dir[600];  /* image: "" for tmpfs */
    bool mounted;
};
/* In dir, which exists: dir/mnt on an ext4 image of that size, or on a tmpfs. 0; else why not (a sentence). */
const char *fault_mount_open(struct fault_mount *m, const char *dir, bool ext4, unsigned size_mb);
void fault_mount_close(struct fault_mount *m);
/* As when the power goes: what was not synced is gone. Every writer must be stopped before, and dead before mend. */
int fault_mount_cut(struct fault_mount *m);
int fault_mount_mend(struct fault_mount *m); /* unmount, mount */
/* Takes all the room there is; gives it back. */
int fault_mount_fill(struct fault_mount *m);
int fault_mount_empty(struct fault_mount *m);
#endif
