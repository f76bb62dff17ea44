/* The log: commit this group as one, learn when it is durable, read from an offset.
 *
 * A group is a list of puts and deletes on named column families; it becomes durable as a whole or its
 * outcome is unknown. That is all the committer knows of storage, so RocksDB (log_rocksdb.c), memory
 * (log_memory.c: the simulator, unit tests) and later Kafka stand behind the same few functions.
 *
 * Threads: commit, reopen and close: the committer's alone. get, snapshots and iterators: any thread. */
#ifndef HRD_LOG_H
#define HRD_LOG_H
#include "bytes.h"
#include "errors.h"

enum hrd_cf {        /* key > value */
    HRD_CF_META,     /* text > format version, store generation, id counters */
    HRD_CF_SCHEMAS,  /* 'i' schema id u32be > stream id, fingerprint, descriptor set; 'f' fingerprint > schema id; 's' stream name > stream id, next offset; 'c' stream id u32be > causes.h */
    HRD_CF_INDEX,    /* stream id u32be, first offset u64be > block head (block.h) */
    HRD_CF_BLOCKS,   /* the same key > block head, batch as received; blob files */
    HRD_CF_QUARANTINE, /* stream id u32be, quarantine number u64be > row set aside (block.h) */
    HRD_CF_PRODUCERS,/* producers.h: incarnations, resolved ranges, ledger terms */
    HRD_CF_PROFILES, /* profile.h */
    HRD_CF_CURSORS,  /* sink name > cursor and intent (sinks/sink.h) */
    HRD_CF_N
};

struct hrd_put {
    enum hrd_cf cf;
    bool del;                    /* value unused */
    uint32_t key_at, n_key;      /* into group->bytes */
    uint64_t value_at, n_value;
};
struct hrd_group {               /* owned by the one who fills it; reused */
    struct hrp_buf bytes;
    struct hrd_put *puts;
    uint32_t n_puts, cap_puts;
    int err;                     /* sticky HR_ENOMEM */
};
void hrd_group_init(struct hrd_group *g);
void hrd_group_fini(struct hrd_group *g);
void hrd_group_clear(struct hrd_group *g);
void hrd_group_put(struct hrd_group *g, enum hrd_cf cf, const void *key, size_t n_key, const void *value, size_t n_value);
/* A value in two parts, written one after the other: block head, then batch, without a copy of the whole first. */
void hrd_group_put2(struct hrd_group *g, enum hrd_cf cf, const void *key, size_t n_key, const void *v1, size_t n1, const void *v2, size_t n2);
void hrd_group_del(struct hrd_group *g, enum hrd_cf cf, const void *key, size_t n_key);

struct hrd_disk;
struct hrd_log;       /* first member of each kind */
struct hrd_snapshot;  /* a consistent view; the log cannot be reopened while one is out, so keep it for one answer only */
struct hrd_iter;
struct hrd_log_ops {
    int (*commit)(struct hrd_log *log, const struct hrd_group *g);        /* 0: durable. Else outcome unknown: reopen before the next */
    int (*reopen)(struct hrd_log *log, struct hr_error *err);             /* close and open; waits for snapshots; on failure try again later */
    void (*close)(struct hrd_log *log);
    int (*snapshot)(struct hrd_log *log, struct hrd_snapshot **ret);      /* HR_EAGAIN while reopening */
    void (*snapshot_free)(struct hrd_snapshot *snap);
    int (*get)(struct hrd_snapshot *snap, enum hrd_cf cf, const void *key, size_t n_key, struct hrp_buf *ret); /* appends; HR_ENOENT */
    int (*iter)(struct hrd_snapshot *snap, enum hrd_cf cf, const void *from, size_t n_from, struct hrd_iter **ret); /* at the first key >= from */
    int (*iter_back)(struct hrd_snapshot *snap, enum hrd_cf cf, const void *from, size_t n_from, struct hrd_iter **ret); /* at the last key <= from, or at the first of all when there is none; next() goes on upwards */
    /* 1: key and value, borrowed until the next call; 0: end; HR_E*: damaged, named by the log */
    int (*next)(struct hrd_iter *it, const uint8_t **ret_key, size_t *ret_n_key, const uint8_t **ret_value, size_t *ret_n_value);
    void (*iter_free)(struct hrd_iter *it);
    int (*disk)(struct hrd_log *log, struct hrd_disk *ret);               /* sizes, for status and metrics */
    int (*flush)(struct hrd_log *log);                                    /* memory to files (checkpoints, tests); any thread */
};
struct hrd_disk {
    uint64_t wal_bytes, blob_bytes, sst_bytes, cf_bytes[HRD_CF_N];
};
struct hrd_log {
    const struct hrd_log_ops *ops;
    struct hrp_id generation;    /* of the store: a restored one has another (rule 9) */
    uint32_t opened;             /* how often it was opened; +1 by reopen */
};
struct hrd_log_damage { /* what open found and set aside */
    uint64_t files, wal_bytes;
    char text[256];
};
int hrd_log_rocksdb_open(const char *dir, bool sync, struct hrd_log **ret, struct hrd_log_damage *damage, struct hr_error *err);
int hrd_log_memory_open(struct hrd_log **ret);
#endif
