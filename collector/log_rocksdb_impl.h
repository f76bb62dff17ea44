/* What log_rocksdb.c and log_rocksdb_open.c share. */
#ifndef HRD_LOG_ROCKSDB_IMPL_H
#define HRD_LOG_ROCKSDB_IMPL_H
#include "log.h"
#include <pthread.h>
#include <rocksdb/c.h>

#define ROCKS_WAL_STRICT 0 /* a torn tail is tolerated, any other damage refused */

struct rocks_log {
    struct hrd_log log;
    char *path;                 /* of store/ */
    int dir_fd, lock_fd;
    rocksdb_options_t *options, *cf_options[HRD_CF_N];
    rocksdb_cache_t *cache;
    rocksdb_writeoptions_t *write_options;
    rocksdb_writebatch_t *batch; /* the committer's */
    bool broken, corrupt;        /* the committer's; corrupt: a write failed for damage found in the background */
    pthread_mutex_t lock;        /* guards the rest */
    pthread_cond_t idle;
    rocksdb_t *db;               /* NULL while closed */
    rocksdb_column_family_handle_t *cfs[HRD_CF_N];
    unsigned users;              /* snapshots and calls under way; db stays while there are any */
    bool closing;
};

int rocks_take_error(char *text, struct hr_error *err, const char *what); /* frees RocksDB's text and turns it into ours */
bool rocks_ends_with(const char *name, const char *end);
void rocks_make_options(struct rocks_log *k, bool sync);
int rocks_open_db(struct rocks_log *k, int wal_mode, struct hr_error *err);
void rocks_close_db(struct rocks_log *k);
int rocks_open_or_salvage(struct rocks_log *k, struct hrd_log_damage *damage, struct hr_error *err);
int rocks_read_meta(struct rocks_log *k, struct hr_error *err); /* format and generation; a new store gets them here */
int rocks_value(struct rocks_log *k, rocksdb_readoptions_t *options, enum hrd_cf cf, const void *key, size_t n_key, struct hrp_buf *ret);
#endif
