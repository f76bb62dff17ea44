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
#include "log_rocksdb_impl.h"
#include "alloc.h"
#include "io.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

struct rocks_snapshot {
    struct rocks_log *log;
    const rocksdb_snapshot_t *snap;
    rocksdb_readoptions_t *options;
};
struct rocks_iter {
    rocksdb_iterator_t *it;
    bool moved;
};

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
    r = rocks_take_error(text, NULL, "");
    k->corrupt = k->corrupt || r == HR_ECORRUPT;
    return r;
}

/* Salvage belongs to the start of the daemon alone: damage that shows only now is told, and tried again. */
static int rocks_reopen(struct hrd_log *log, struct hr_error *err)
{
    struct rocks_log *k = (struct rocks_log *)log;
    int r;

    wait_idle(k);
    rocks_close_db(k);
    for (unsigned cf = 0; k->corrupt && cf < HRD_CF_N; cf++)
        rocksdb_options_set_disable_auto_compactions(k->cf_options[cf], 1);
    r = rocks_open_db(k, ROCKS_WAL_STRICT, err);
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
    rocks_close_db(k);
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

    return rocks_value(s->log, s->options, cf, key, n_key, ret);
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
        return rocks_take_error(text, NULL, "");
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
    if (rocks_ends_with(name, ".log"))
        s->disk->wal_bytes += n;
    else if (rocks_ends_with(name, ".blob"))
        s->disk->blob_bytes += n;
    else if (rocks_ends_with(name, ".sst"))
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
        r = rocks_take_error(text, NULL, "");
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
        rocks_make_options(k, sync);
        r = rocks_open_or_salvage(k, damage, err);
    }
    if (r == 0)
        r = rocks_read_meta(k, err);
    if (r != 0) {
        rocks_close_db(k);
        rocks_free(k);
        return r;
    }
    k->log.ops = &rocks_ops;
    k->log.opened = 1;
    *ret = &k->log;
    return 0;
}
