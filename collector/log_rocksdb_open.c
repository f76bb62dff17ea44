/* Opening a store: options, its format, and what to do when its WAL is damaged. The traps are told in log_rocksdb.c. */
#include "log_rocksdb_impl.h"
#include "alloc.h"
#include "io.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#define FORMAT 1u /* of everything in the store; a newer one is refused */
#define MIB (1024u * 1024u)
#define WAL_SALVAGE 3
#define LZ4 4 /* rocksdb_lz4_compression */

static const char *const cf_names[HRD_CF_N] = {"default", "schemas", "index", "blocks", "quarantine", "producers", "profiles", "cursors"};

static int error_code(const char *text)
{
    if (strstr(text, "No space left") != NULL || strstr(text, "Disk quota") != NULL)
        return HR_ENOSPC;
    return strncmp(text, "Corruption", 10) == 0 ? HR_ECORRUPT : HR_EIO;
}

/* Frees RocksDB's text and turns it into ours. */
int rocks_take_error(char *text, struct hr_error *err, const char *what)
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

void rocks_make_options(struct rocks_log *k, bool sync)
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

int rocks_open_db(struct rocks_log *k, int wal_mode, struct hr_error *err)
{
    char *text = NULL;
    rocksdb_t *db;

    rocksdb_options_set_wal_recovery_mode(k->options, wal_mode);
    db = rocksdb_open_column_families(k->options, k->path, HRD_CF_N, cf_names, (const rocksdb_options_t *const *)k->cf_options,
                                      k->cfs, &text);
    if (text != NULL)
        return rocks_take_error(text, err, k->path);
    k->db = db;
    return 0;
}

void rocks_close_db(struct rocks_log *k)
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

int rocks_value(struct rocks_log *k, rocksdb_readoptions_t *options, enum hrd_cf cf, const void *key, size_t n_key, struct hrp_buf *ret)
{
    char *text = NULL;
    const char *value;
    size_t n = 0;
    rocksdb_pinnableslice_t *slice = rocksdb_get_pinned_cf(k->db, options, k->cfs[cf], key, n_key, &text);

    if (text != NULL)
        return rocks_take_error(text, NULL, "");
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
    return rocks_take_error(text, err, k->path);
}

/* The store's own format and generation; a new store gets them here. */
int rocks_read_meta(struct rocks_log *k, struct hr_error *err)
{
    rocksdb_readoptions_t *o = rocksdb_readoptions_create();
    struct hrp_buf format = HRP_BUF_INIT, generation = HRP_BUF_INIT;
    int r = rocks_value(k, o, HRD_CF_META, "format", 6, &format);
    struct hrp_reader in = hrp_reader(format.p, format.n);
    uint32_t version = hrp_read_u32(&in);

    if (r == HR_ENOENT) {
        r = write_meta(k, err);
    } else if (r == 0 && (in.bad || version == 0)) {
        r = hr_error_set(err, HR_ECORRUPT, "%s: its format number is damaged", k->path);
    } else if (r == 0 && version > FORMAT) {
        r = hr_error_set(err, HR_EVERSION, "%s: of format %u; this headraced knows up to %u", k->path, version, FORMAT);
    } else if (r == 0) {
        r = rocks_value(k, o, HRD_CF_META, "generation", 10, &generation);
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

bool rocks_ends_with(const char *name, const char *end)
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

    if (!rocks_ends_with(name, ".log"))
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

int rocks_open_or_salvage(struct rocks_log *k, struct hrd_log_damage *damage, struct hr_error *err)
{
    struct hr_error first = {0, ""};
    char name[32] = "";
    int r = check_families(k, err);

    if (r != 0)
        return r;
    r = rocks_open_db(k, ROCKS_WAL_STRICT, &first);
    if (r != HR_ECORRUPT) {
        if (r != 0)
            *err = first;
        return r;
    }
    r = copy_aside(k, name, damage, err);
    if (r == 0)
        r = rocks_open_db(k, WAL_SALVAGE, err);
    if (r == 0)
        snprintf(damage->text, sizeof damage->text, "%.180s; its log is kept in %s/", first.text, name);
    return r;
}
