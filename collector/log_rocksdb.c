/* The log on RocksDB 7.8, opened so that its known traps are shut:
 *
 *   - Its default WAL recovery drops everything after a flipped byte and says nothing. Opened in mode 0, which refuses such
 *     a WAL and still tolerates a torn tail; then the WAL is copied aside and salvaged in mode 3, and the damage is named.
 *   - Its info log asserts on a full disk and takes the process along. Level 4 keeps that writer silent.
 *   - After a failed write or fsync it never recovers. So a commit that failed makes this log refuse all others until it is
 *     reopened, which waits for the snapshots that are out.
 *   - A compaction that meets a damaged table makes the store refuse writes, again after each opening. Once a write has
 *     failed so, compactions are off until the next start: what can be read stays readable, and events are taken on.
 *   - wal_compression, async_io, atomic_flush, pipelined and unordered writes had recovery bugs fixed after 7.8: all off.
 *
 * The folder holds `lock` (one daemon at a time), `store/` (RocksDB's) and `damaged-<n>/` (copies of what was salvaged). */
#include "log.h"
#include "alloc.h"
#include "io.h"
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <rocksdb/c.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#define FORMAT 1u /* of everything in the store; a newer one is refused */
#define MIB (1024u * 1024u)
#define WAL_STRICT 0
#define WAL_SALVAGE 3
#define LZ4 4 /* rocksdb_lz4_compression */

static const char *const cf_names[HRD_CF_N] = {"default", "schemas", "index", "blocks", "quarantine", "producers", "profiles", "cursors"};

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
struct rocks_snapshot {
    struct rocks_log *log;
    const rocksdb_snapshot_t *snap;
    rocksdb_readoptions_t *options;
};
struct rocks_iter {
    rocksdb_iterator_t *it;
    bool moved;
};

static int error_code(const char *text)
{
    if (strstr(text, "No space left") != NULL || strstr(text, "Disk quota") != NULL)
        return HR_ENOSPC;
    return strncmp(text, "Corruption", 10) == 0 ? HR_ECORRUPT : HR_EIO;
}

/* Frees RocksDB's text and turns it into ours. */
static int take_error(char *text, struct hr_error *err, const char *what)
{
    int code;

    if (text == NULL)
        return 0;
    code = error_code(text);
    hr_error_set(err, code, "%s: %s", what, text);
    rocksdb_free(text);
    return code;
}

/* ---- options ---- */

static void set_db_options(rocksdb_options_t *o)
{
    rocksdb_options_set_create_if_missing(o, 1);
    rocksdb_options_set_create_missing_column_families(o, 1);
    rocksdb_options_set_info_log_level(o, 4);
    rocksdb_options_set_keep_log_file_num(o, 2);
    rocksdb_options_set_stats_dump_period_sec(o, 0);
    rocksdb_options_set_stats_persist_period_sec(o, 0);
    rocksdb_options_set_skip_stats_update_on_db_open(o, 1);
    rocksdb_options_set_max_background_jobs(o, 2);
    rocksdb_options_set_max_open_files(o, 512);
    rocksdb_options_set_max_total_wal_size(o, 64 * MIB); /* bounds recovery, and what quiet families hold back */
    rocksdb_options_set_max_manifest_file_size(o, 4 * MIB);
    rocksdb_options_set_enable_pipelined_write(o, 0);
    rocksdb_options_set_unordered_write(o, 0);
    rocksdb_options_set_atomic_flush(o, 0);
    rocksdb_options_set_allow_concurrent_memtable_write(o, 0); /* one writer */
}

/* Batches are LZ4 inside already and large: blob files, no second compression. All else is small and compresses. */
static void set_cf_options(rocksdb_options_t *o, enum hrd_cf cf)
{
    bool blobs = cf == HRD_CF_BLOCKS || cf == HRD_CF_QUARANTINE;

    rocksdb_options_set_write_buffer_size(o, blobs ? 16 * MIB : 2 * MIB);
    rocksdb_options_set_arena_block_size(o, 128 * 1024);
    rocksdb_options_set_max_write_buffer_number(o, 3);
    rocksdb_options_set_compression(o, blobs ? rocksdb_no_compression : LZ4);
    if (!blobs)
        return;
    rocksdb_options_set_enable_blob_files(o, 1);
    rocksdb_options_set_min_blob_size(o, 512);
    rocksdb_options_set_blob_file_size(o, 256 * MIB);
    rocksdb_options_set_blob_compression_type(o, cf == HRD_CF_BLOCKS ? rocksdb_no_compression : LZ4);
    rocksdb_options_set_enable_blob_gc(o, 1);
}

static void make_options(struct rocks_log *k, bool sync)
{
    rocksdb_block_based_table_options_t *table = rocksdb_block_based_options_create();

    k->cache = rocksdb_cache_create_lru(4 * MIB);
    rocksdb_block_based_options_set_block_cache(table, k->cache);
    k->options = rocksdb_options_create();
    set_db_options(k->options);
    for (unsigned cf = 0; cf < HRD_CF_N; cf++) {
        k->cf_options[cf] = rocksdb_options_create();
        set_cf_options(k->cf_options[cf], (enum hrd_cf)cf);
        rocksdb_options_set_block_based_table_factory(k->cf_options[cf], table);
    }
    rocksdb_block_based_options_destroy(table);
    k->write_options = rocksdb_writeoptions_create();
    rocksdb_writeoptions_set_sync(k->write_options, sync);
    k->batch = rocksdb_writebatch_create();
}

/* ---- opening and closing ---- */

static int open_db(struct rocks_log *k, int wal_mode, struct hr_error *err)
{
    char *text = NULL;
    rocksdb_t *db;

    rocksdb_options_set_wal_recovery_mode(k->options, wal_mode);
    db = rocksdb_open_column_families(k->options, k->path, HRD_CF_N, cf_names, (const rocksdb_options_t *const *)k->cf_options,
                                      k->cfs, &text);
    if (text != NULL)
        return take_error(text, err, k->path);
    k->db = db;
    return 0;
}

static void close_db(struct rocks_log *k)
{
    if (k->db == NULL)
        return;
    for (unsigned cf = 0; cf < HRD_CF_N; cf++)
        rocksdb_column_family_handle_destroy(k->cfs[cf]);
    rocksdb_close(k->db);
    k->db = NULL;
}

/* A column family that this build does not know was made by a newer one. */
static int check_families(struct rocks_log *k, struct hr_error *err)
{
    size_t n = 0;
    char *text = NULL, **names = rocksdb_list_column_families(k->options, k->path, &n, &text);
    int r = 0;

    if (text != NULL) { /* nothing there yet, or damaged: opening will say */
        rocksdb_free(text);
        rocksdb_list_column_families_destroy(names, 0); /* it made an empty list all the same */
        return 0;
    }
    for (size_t i = 0; i < n; i++) {
        bool known = false;

        for (unsigned cf = 0; cf < HRD_CF_N; cf++)
            known = known || strcmp(names[i], cf_names[cf]) == 0;
        if (!known && r == 0)
            r = hr_error_set(err, HR_EVERSION, "%s: made by a newer headraced (it has a column family %s)", k->path, names[i]);
    }
    rocksdb_list_column_families_destroy(names, n);
    return r;
}

static int get(struct rocks_log *k, rocksdb_readoptions_t *options, enum hrd_cf cf, const void *key, size_t n_key, struct hrp_buf *ret)
{
    char *text = NULL;
    const char *value;
    size_t n = 0;
    rocksdb_pinnableslice_t *slice = rocksdb_get_pinned_cf(k->db, options, k->cfs[cf], key, n_key, &text);

    if (text != NULL)
        return take_error(text, NULL, "");
    if (slice == NULL)
        return HR_ENOENT;
    value = rocksdb_pinnableslice_value(slice, &n);
    hrp_put_bytes(ret, value, n);
    rocksdb_pinnableslice_destroy(slice);
    return ret->err;
}

static int write_meta(struct rocks_log *k, struct hr_error *err)
{
    uint8_t format[4] = {FORMAT, 0, 0, 0};
    rocksdb_writeoptions_t *o = rocksdb_writeoptions_create();
    rocksdb_writebatch_t *b = rocksdb_writebatch_create();
    char *text = NULL;

    if (getentropy(k->log.generation.b, sizeof k->log.generation.b) != 0)
        text = strdup("no random bytes");
    rocksdb_writebatch_put_cf(b, k->cfs[HRD_CF_META], "format", 6, (const char *)format, sizeof format);
    rocksdb_writebatch_put_cf(b, k->cfs[HRD_CF_META], "generation", 10, (const char *)k->log.generation.b, sizeof k->log.generation.b);
    rocksdb_writeoptions_set_sync(o, 1);
    if (text == NULL)
        rocksdb_write(k->db, o, b, &text);
    rocksdb_writebatch_destroy(b);
    rocksdb_writeoptions_destroy(o);
    return take_error(text, err, k->path);
}

/* The store's own format and generation; a new store gets them here. */
static int read_meta(struct rocks_log *k, struct hr_error *err)
{
    rocksdb_readoptions_t *o = rocksdb_readoptions_create();
    struct hrp_buf format = HRP_BUF_INIT, generation = HRP_BUF_INIT;
    int r = get(k, o, HRD_CF_META, "format", 6, &format);
    struct hrp_reader in = hrp_reader(format.p, format.n);
    uint32_t version = hrp_read_u32(&in);

    if (r == HR_ENOENT) {
        r = write_meta(k, err);
    } else if (r == 0 && (in.bad || version == 0)) {
        r = hr_error_set(err, HR_ECORRUPT, "%s: its format number is damaged", k->path);
    } else if (r == 0 && version > FORMAT) {
        r = hr_error_set(err, HR_EVERSION, "%s: of format %u; this headraced knows up to %u", k->path, version, FORMAT);
    } else if (r == 0) {
        r = get(k, o, HRD_CF_META, "generation", 10, &generation);
        if (r == 0 && generation.n != sizeof k->log.generation.b)
            r = HR_ECORRUPT;
        if (r == 0)
            memcpy(k->log.generation.b, generation.p, generation.n);
        else
            hr_error_set(err, r, "%s: its generation can't be read", k->path);
    } else {
        hr_error_set(err, r, "%s: its format number can't be read", k->path);
    }
    hrp_buf_fini(&format);
    hrp_buf_fini(&generation);
    rocksdb_readoptions_destroy(o);
    return r;
}

/* ---- salvage ---- */

struct aside {
    int from_fd, to_fd;
    struct hrd_log_damage *damage;
};

static bool ends_with(const char *name, const char *end)
{
    size_t n = strlen(name), m = strlen(end);

    return n >= m && strcmp(name + n - m, end) == 0;
}

static int copy_file(int from, int to)
{
    uint8_t buf[65536];
    ssize_t n;
    int r = 0;

    while (r == 0 && (n = read(from, buf, sizeof buf)) != 0) {
        if (n < 0 && errno != EINTR)
            return hrp_errno_to_hr(errno);
        r = n > 0 ? hrp_write_all(to, buf, (size_t)n) : 0;
    }
    return r == 0 ? hrp_fsync(to) : r;
}

static int copy_wal(void *arg, const char *name)
{
    struct aside *a = arg;
    int from = -1, to = -1, r;
    struct stat st;

    if (!ends_with(name, ".log"))
        return 0;
    r = hrp_open_at(a->from_fd, name, O_RDONLY, 0, &from);
    if (r == 0)
        r = hrp_open_at(a->to_fd, name, O_WRONLY | O_CREAT | O_EXCL, 0600, &to);
    if (r == 0)
        r = copy_file(from, to);
    if (r == 0 && hrp_stat(from, &st) == 0) {
        a->damage->files++;
        a->damage->wal_bytes += (uint64_t)st.st_size;
    }
    hrp_close(from);
    hrp_close(to);
    return r;
}

static int make_aside(struct rocks_log *k, char *name, size_t n_name)
{
    int r = HR_EBUSY;

    for (unsigned i = 1; r == HR_EBUSY && i < 10000; i++) {
        snprintf(name, n_name, "damaged-%u", i);
        r = hrp_mkdir_at(k->dir_fd, name, 0700);
    }
    return r;
}

/* Nothing is salvaged before its copy is on disk: what mode 3 skips is then still there for a person to look at. */
static int copy_aside(struct rocks_log *k, char name[32], struct hrd_log_damage *damage, struct hr_error *err)
{
    struct aside a = {.from_fd = -1, .to_fd = -1, .damage = damage};
    int r = make_aside(k, name, 32);

    if (r == 0)
        r = hrp_open_at(k->dir_fd, name, O_RDONLY | O_DIRECTORY, 0, &a.to_fd);
    if (r == 0)
        r = hrp_open_at(k->dir_fd, "store", O_RDONLY | O_DIRECTORY, 0, &a.from_fd);
    if (r == 0)
        r = hrp_list_at(a.from_fd, copy_wal, &a);
    if (r == 0)
        r = hrp_fsync(a.to_fd);
    if (r == 0)
        r = hrp_fsync(k->dir_fd);
    hrp_close(a.from_fd);
    hrp_close(a.to_fd);
    if (r != 0)
        hr_error_set(err, r, "%s: the damaged log could not be copied aside: %s", k->path, hr_strerror(r));
    return r;
}

static int open_or_salvage(struct rocks_log *k, struct hrd_log_damage *damage, struct hr_error *err)
{
    struct hr_error first = {0, ""};
    char name[32] = "";
    int r = check_families(k, err);

    if (r != 0)
        return r;
    r = open_db(k, WAL_STRICT, &first);
    if (r != HR_ECORRUPT) {
        if (r != 0)
            *err = first;
        return r;
    }
    r = copy_aside(k, name, damage, err);
    if (r == 0)
        r = open_db(k, WAL_SALVAGE, err);
    if (r == 0)
        snprintf(damage->text, sizeof damage->text, "%.180s; its log is kept in %s/", first.text, name);
    return r;
}

/* ---- users: whoever reads keeps the store open ---- */

static int enter(struct rocks_log *k)
{
    int r = 0;

    pthread_mutex_lock(&k->lock);
    if (k->closing || k->db == NULL)
        r = HR_EAGAIN;
    else
        k->users++;
    pthread_mutex_unlock(&k->lock);
    return r;
}

static void leave(struct rocks_log *k)
{
    pthread_mutex_lock(&k->lock);
    if (--k->users == 0)
        pthread_cond_broadcast(&k->idle);
    pthread_mutex_unlock(&k->lock);
}

static void wait_idle(struct rocks_log *k)
{
    pthread_mutex_lock(&k->lock);
    k->closing = true;
    while (k->users != 0)
        pthread_cond_wait(&k->idle, &k->lock);
    pthread_mutex_unlock(&k->lock);
}

/* ---- the log's functions ---- */

static int rocks_commit(struct hrd_log *log, const struct hrd_group *g)
{
    struct rocks_log *k = (struct rocks_log *)log;
    char *text = NULL;
    int r;

    if (k->broken || k->db == NULL)
        return HR_EAGAIN;
    if (g->err != 0)
        return g->err;
    rocksdb_writebatch_clear(k->batch);
    for (uint32_t i = 0; i < g->n_puts; i++) {
        const struct hrd_put *p = &g->puts[i];
        const char *b = (const char *)g->bytes.p;

        if (p->del)
            rocksdb_writebatch_delete_cf(k->batch, k->cfs[p->cf], b + p->key_at, p->n_key);
        else
            rocksdb_writebatch_put_cf(k->batch, k->cfs[p->cf], b + p->key_at, p->n_key, b + p->value_at, p->n_value);
    }
    rocksdb_write(k->db, k->write_options, k->batch, &text);
    k->broken = text != NULL;
    r = take_error(text, NULL, "");
    k->corrupt = k->corrupt || r == HR_ECORRUPT;
    return r;
}

/* Salvage belongs to the start of the daemon alone: damage that shows only now is told, and tried again. */
static int rocks_reopen(struct hrd_log *log, struct hr_error *err)
{
    struct rocks_log *k = (struct rocks_log *)log;
    int r;

    wait_idle(k);
    close_db(k);
    for (unsigned cf = 0; k->corrupt && cf < HRD_CF_N; cf++)
        rocksdb_options_set_disable_auto_compactions(k->cf_options[cf], 1);
    r = open_db(k, WAL_STRICT, err);
    if (r != 0)
        return r;
    k->broken = false;
    log->opened++;
    pthread_mutex_lock(&k->lock);
    k->closing = false;
    pthread_mutex_unlock(&k->lock);
    return 0;
}

static void rocks_free(struct rocks_log *k)
{
    if (k->options != NULL) {
        rocksdb_options_destroy(k->options);
        for (unsigned cf = 0; cf < HRD_CF_N; cf++)
            rocksdb_options_destroy(k->cf_options[cf]);
        rocksdb_cache_destroy(k->cache);
        rocksdb_writeoptions_destroy(k->write_options);
        rocksdb_writebatch_destroy(k->batch);
    }
    pthread_cond_destroy(&k->idle);
    pthread_mutex_destroy(&k->lock);
    hrp_close(k->lock_fd);
    hrp_close(k->dir_fd);
    hrp_free(k->path);
    hrp_free(k);
}

static void rocks_close(struct hrd_log *log)
{
    struct rocks_log *k = (struct rocks_log *)log;

    wait_idle(k);
    close_db(k);
    rocks_free(k);
}

static int rocks_snapshot(struct hrd_log *log, struct hrd_snapshot **ret)
{
    struct rocks_log *k = (struct rocks_log *)log;
    struct rocks_snapshot *s = hrp_malloc(sizeof *s);
    int r = s != NULL ? enter(k) : HR_ENOMEM;

    if (r != 0) {
        hrp_free(s);
        return r;
    }
    s->log = k;
    s->snap = rocksdb_create_snapshot(k->db);
    s->options = rocksdb_readoptions_create();
    rocksdb_readoptions_set_snapshot(s->options, s->snap);
    *ret = (struct hrd_snapshot *)s;
    return 0;
}

static void rocks_snapshot_free(struct hrd_snapshot *snap)
{
    struct rocks_snapshot *s = (struct rocks_snapshot *)snap;

    if (s == NULL)
        return;
    rocksdb_release_snapshot(s->log->db, s->snap);
    rocksdb_readoptions_destroy(s->options);
    leave(s->log);
    hrp_free(s);
}

static int rocks_get(struct hrd_snapshot *snap, enum hrd_cf cf, const void *key, size_t n_key, struct hrp_buf *ret)
{
    struct rocks_snapshot *s = (struct rocks_snapshot *)snap;

    return get(s->log, s->options, cf, key, n_key, ret);
}

static struct rocks_iter *iter_new(struct hrd_snapshot *snap, enum hrd_cf cf)
{
    struct rocks_snapshot *s = (struct rocks_snapshot *)snap;
    struct rocks_iter *it = hrp_calloc(1, sizeof *it);

    if (it != NULL)
        it->it = rocksdb_create_iterator_cf(s->log->db, s->options, s->log->cfs[cf]);
    return it;
}

static int rocks_iter(struct hrd_snapshot *snap, enum hrd_cf cf, const void *from, size_t n_from, struct hrd_iter **ret)
{
    struct rocks_iter *it = iter_new(snap, cf);

    if (it == NULL)
        return HR_ENOMEM;
    rocksdb_iter_seek(it->it, from != NULL ? from : "", n_from);
    *ret = (struct hrd_iter *)it;
    return 0;
}

static int rocks_iter_back(struct hrd_snapshot *snap, enum hrd_cf cf, const void *from, size_t n_from, struct hrd_iter **ret)
{
    struct rocks_iter *it = iter_new(snap, cf);

    if (it == NULL)
        return HR_ENOMEM;
    rocksdb_iter_seek_for_prev(it->it, from != NULL ? from : "", n_from);
    if (!rocksdb_iter_valid(it->it))
        rocksdb_iter_seek_to_first(it->it);
    *ret = (struct hrd_iter *)it;
    return 0;
}

static int rocks_next(struct hrd_iter *iter, const uint8_t **ret_key, size_t *ret_n_key, const uint8_t **ret_value, size_t *ret_n_value)
{
    struct rocks_iter *it = (struct rocks_iter *)iter;
    char *text = NULL;

    if (it->moved && rocksdb_iter_valid(it->it))
        rocksdb_iter_next(it->it);
    it->moved = true;
    if (!rocksdb_iter_valid(it->it)) {
        rocksdb_iter_get_error(it->it, &text);
        return take_error(text, NULL, "");
    }
    *ret_key = (const uint8_t *)rocksdb_iter_key(it->it, ret_n_key);
    *ret_value = (const uint8_t *)rocksdb_iter_value(it->it, ret_n_value);
    return 1;
}

static void rocks_iter_free(struct hrd_iter *iter)
{
    struct rocks_iter *it = (struct rocks_iter *)iter;

    if (it == NULL)
        return;
    rocksdb_iter_destroy(it->it);
    hrp_free(it);
}

/* ---- sizes ---- */

struct sizes {
    int fd;
    struct hrd_disk *disk;
};

static int add_size(void *arg, const char *name)
{
    struct sizes *s = arg;
    struct stat st;
    uint64_t n;

    if (hrp_stat_at(s->fd, name, &st) != 0)
        return 0; /* it went meanwhile */
    n = (uint64_t)st.st_size;
    if (ends_with(name, ".log"))
        s->disk->wal_bytes += n;
    else if (ends_with(name, ".blob"))
        s->disk->blob_bytes += n;
    else if (ends_with(name, ".sst"))
        s->disk->sst_bytes += n;
    return 0;
}

static int rocks_disk(struct hrd_log *log, struct hrd_disk *ret)
{
    static const char *const properties[] = {"rocksdb.total-sst-files-size", "rocksdb.total-blob-file-size"};
    struct rocks_log *k = (struct rocks_log *)log;
    struct sizes s = {-1, ret};
    int r = enter(k);

    if (r != 0)
        return r;
    memset(ret, 0, sizeof *ret);
    r = hrp_open_at(k->dir_fd, "store", O_RDONLY | O_DIRECTORY, 0, &s.fd);
    if (r == 0)
        r = hrp_list_at(s.fd, add_size, &s);
    hrp_close(s.fd);
    for (unsigned cf = 0; cf < HRD_CF_N; cf++)
        for (unsigned i = 0; i < 2; i++) {
            uint64_t v = 0;

            if (rocksdb_property_int_cf(k->db, k->cfs[cf], properties[i], &v) == 0)
                ret->cf_bytes[cf] += v;
        }
    leave(k);
    return r;
}

static int rocks_flush(struct hrd_log *log)
{
    struct rocks_log *k = (struct rocks_log *)log;
    rocksdb_flushoptions_t *o;
    char *text = NULL;
    int r = enter(k);

    if (r != 0)
        return r;
    o = rocksdb_flushoptions_create();
    rocksdb_flushoptions_set_wait(o, 1);
    for (unsigned cf = 0; r == 0 && cf < HRD_CF_N; cf++) {
        rocksdb_flush_cf(k->db, o, k->cfs[cf], &text);
        r = take_error(text, NULL, "");
        text = NULL;
    }
    rocksdb_flushoptions_destroy(o);
    leave(k);
    return r;
}

static const struct hrd_log_ops rocks_ops = {
    .commit = rocks_commit, .reopen = rocks_reopen, .close = rocks_close,
    .snapshot = rocks_snapshot, .snapshot_free = rocks_snapshot_free, .get = rocks_get,
    .iter = rocks_iter, .iter_back = rocks_iter_back, .next = rocks_next, .iter_free = rocks_iter_free,
    .disk = rocks_disk, .flush = rocks_flush,
};

static int open_folder(struct rocks_log *k, const char *dir, struct hr_error *err)
{
    size_t n = strlen(dir) + sizeof "/store";
    int r = hrp_mkdir_all(dir, 0700);

    k->path = hrp_malloc(n);
    if (k->path == NULL)
        return hr_error_set(err, HR_ENOMEM, "%s: %s", dir, hr_strerror(HR_ENOMEM));
    snprintf(k->path, n, "%s/store", dir);
    if (r == 0)
        r = hrp_open_at(AT_FDCWD, dir, O_RDONLY | O_DIRECTORY, 0, &k->dir_fd);
    if (r == 0)
        r = hrp_open_at(k->dir_fd, "lock", O_RDWR | O_CREAT, 0600, &k->lock_fd);
    if (r != 0)
        return hr_error_set(err, r, "%s: %s", dir, strerror(errno));
    r = hrp_lock(k->lock_fd);
    if (r != 0)
        return hr_error_set(err, r, "%s: %s", dir, r == HR_EBUSY ? "in use by another headraced" : strerror(errno));
    return 0;
}

int hrd_log_rocksdb_open(const char *dir, bool sync, struct hrd_log **ret, struct hrd_log_damage *damage, struct hr_error *err)
{
    struct rocks_log *k = hrp_calloc(1, sizeof *k);
    struct hr_error local;
    int r;

    memset(damage, 0, sizeof *damage);
    if (k == NULL)
        return hr_error_set(err, HR_ENOMEM, "%s", hr_strerror(HR_ENOMEM));
    err = err != NULL ? err : &local;
    k->dir_fd = k->lock_fd = -1;
    pthread_mutex_init(&k->lock, NULL);
    pthread_cond_init(&k->idle, NULL);
    r = open_folder(k, dir, err);
    if (r == 0) {
        make_options(k, sync);
        r = open_or_salvage(k, damage, err);
    }
    if (r == 0)
        r = read_meta(k, err);
    if (r != 0) {
        close_db(k);
        rocks_free(k);
        return r;
    }
    k->log.ops = &rocks_ops;
    k->log.opened = 1;
    *ret = &k->log;
    return 0;
}
