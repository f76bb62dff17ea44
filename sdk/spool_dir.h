/* The spool folder on disk: one folder per incarnation, named by it, with one owner at a time.
 *
 *   spool_dir/              0700, ours
 *     producer              the lineage: 32 hex digits
 *     <32 hex>/             an incarnation
 *       lock                locked by whoever answers for it; reading starts after that
 *       meta types          inc.h
 *       store               generation its batches went to, 16 bytes and their check32
 *       lane-<4 hex>        lane.h
 *       b-<16 hex>          one sealed batch
 *     new-<32 hex>/         being made; gone-<32 hex>/ being removed: nobody's, swept
 *
 * What is written becomes visible by rename, so a kill leaves a whole file or none. No fsync: a process that dies
 * leaves its pages to the kernel; what dies with the machine is noticed by checksums and counted. */
#ifndef HRS_SPOOL_DIR_H
#define HRS_SPOOL_DIR_H
#include "spool.h"

struct hrs_dir {
    int fd;                    /* -1: none, memory only */
    struct hrp_id producer;
};
struct hrs_folder {            /* inc->owner of every incarnation with a folder */
    struct hrs_dir *dir;
    char name[33];
    int fd, lock_fd;
    uint64_t types_bytes;      /* good bytes in `types`: a failed write is overwritten by the next */
    uint32_t n_lanes, cap_lanes;
    struct hrs_mapping {
        struct hrs_lane lane;
        void *region;
        size_t n_bytes;
    } **lanes;                 /* own: in order of number; adopted: as found */
};

/* Makes the folder if it is missing. err names the path: not a folder, not ours, open to others, no room. */
int hrs_dir_open(const char *path, struct hrs_dir *ret, struct hr_error *err);
void hrs_dir_close(struct hrs_dir *d);
void hrs_dir_sweep(struct hrs_dir *d); /* remove what other processes did not finish making or removing */

/* The folder of a new incarnation, locked, with its meta. Sets inc->owner. */
int hrs_folder_create(struct hrs_dir *d, struct hrs_inc *inc);
int hrs_folder_add_type(struct hrs_folder *f, uint32_t type_id, const struct hrs_type *t);
/* A lane: its file, mapped, with room for head and ring. Memory only (f NULL): anonymous. */
int hrs_lane_map_new(struct hrs_folder *f, const struct hrp_id *inc, uint32_t number, uint64_t ring_bytes, struct hrs_mapping **ret);
void hrs_lane_unmap(struct hrs_mapping *m);
/* Room for a type's slot, so that touching it can't be SIGBUS. */
int hrs_lane_room(struct hrs_folder *f, uint32_t number, uint32_t type);

/* Calls fn with the name of each incarnation's folder until it returns non-zero. */
int hrs_dir_each(struct hrs_dir *d, int (*fn)(void *arg, const char *name), void *arg);
/* Take over one: lock, meta, types, lanes. HR_EBUSY: its owner lives; HR_ENOENT: gone, or nothing was in it. Damage is
 * counted in torn; what can be read is used. */
int hrs_folder_adopt(struct hrs_dir *d, const char *name, struct hrs_inc **ret, uint64_t *ret_torn);
/* Look without touching: is it locked, what is in it. */
int hrs_folder_look(struct hrs_dir *d, const char *name, int *ret_locked, uint64_t *ret_batches, uint64_t *ret_bytes);
/* Let go (the next one may adopt it), or remove it. Unmaps its lanes. */
void hrs_folder_close(struct hrs_folder *f);
void hrs_folder_remove(struct hrs_folder *f);

extern const struct hrs_store_ops hrs_dir_ops;
/* This boot's id; "" when the system does not tell. */
void hrs_boot_id(char ret[40]);
#endif
