/* The log's contract, the same for both kinds; and for RocksDB what only a disk can do: crash, torn tail, flipped byte. */
#include "log.h"
#include "log_memory.h"
#include "unit.h"
#include <dirent.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct fixture {
    bool disk;
    char dir[64]; /* of all folders of this test */
    char at[128]; /* of the store */
    struct hrd_log *log;
    struct hrd_log_damage damage;
    struct hrd_group g;
};

static void open_at(struct fixture *f, const char *name)
{
    struct hr_error err = {0, ""};

    if (!f->disk) {
        assert_int_equal(hrd_log_memory_open(&f->log), 0);
        return;
    }
    snprintf(f->at, sizeof f->at, "%s/%s", f->dir, name);
    if (hrd_log_rocksdb_open(f->at, true, &f->log, &f->damage, &err) != 0)
        fail_msg("%s", err.text);
}

static int start(void **state, bool disk)
{
    struct fixture *f = calloc(1, sizeof *f);

    f->disk = disk;
    snprintf(f->dir, sizeof f->dir, "/tmp/headrace-log-XXXXXX");
    assert_non_null(mkdtemp(f->dir));
    hrd_group_init(&f->g);
    open_at(f, "a");
    *state = f;
    return 0;
}

static int setup_memory(void **state) { return start(state, false); }
static int setup_disk(void **state) { return start(state, true); }

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw) { return remove(path); }

static int teardown(void **state)
{
    struct fixture *f = *state;

    hrd_group_fini(&f->g);
    if (f->log != NULL)
        f->log->ops->close(f->log);
    nftw(f->dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    free(f);
    return 0;
}

static void put(struct fixture *f, enum hrd_cf cf, const char *key, const char *value)
{
    hrd_group_put(&f->g, cf, key, strlen(key), value, strlen(value));
}

static void commit(struct fixture *f)
{
    assert_int_equal(f->log->ops->commit(f->log, &f->g), 0);
    hrd_group_clear(&f->g);
}

static void put_now(struct fixture *f, enum hrd_cf cf, const char *key, const char *value)
{
    put(f, cf, key, value);
    commit(f);
}

/* The value, or "" when there is none. */
static const char *look(struct fixture *f, struct hrd_snapshot *snap, enum hrd_cf cf, const char *key)
{
    static char text[4096];
    struct hrp_buf value = HRP_BUF_INIT;
    int r = f->log->ops->get(snap, cf, key, strlen(key), &value);

    assert_true(r == 0 || r == HR_ENOENT);
    snprintf(text, sizeof text, "%.*s", (int)value.n, value.p != NULL ? (const char *)value.p : "");
    hrp_buf_fini(&value);
    return text;
}

static const char *now(struct fixture *f, enum hrd_cf cf, const char *key)
{
    struct hrd_snapshot *snap;
    const char *text;

    assert_int_equal(f->log->ops->snapshot(f->log, &snap), 0);
    text = look(f, snap, cf, key);
    f->log->ops->snapshot_free(snap);
    return text;
}

/* All keys from there on, joined. */
static const char *keys(struct fixture *f, struct hrd_snapshot *snap, enum hrd_cf cf, const char *from, bool back)
{
    static char text[4096];
    const uint8_t *key, *value;
    size_t n_key, n;
    struct hrd_iter *it;
    int r = (back ? f->log->ops->iter_back : f->log->ops->iter)(snap, cf, from, strlen(from), &it);

    assert_int_equal(r, 0);
    text[0] = '\0';
    while ((r = f->log->ops->next(it, &key, &n_key, &value, &n)) == 1)
        snprintf(text + strlen(text), sizeof text - strlen(text), "%.*s ", (int)n_key, (const char *)key);
    assert_int_equal(r, 0);
    f->log->ops->iter_free(it);
    return text;
}

/* ---- both ---- */

static void test_a_group_is_there_as_a_whole(void **state)
{
    struct fixture *f = *state;

    put(f, HRD_CF_BLOCKS, "a", "one");
    put(f, HRD_CF_INDEX, "a", "two");
    hrd_group_put2(&f->g, HRD_CF_PRODUCERS, "b", 1, "thr", 3, "ee", 2);
    put(f, HRD_CF_META, "k", "first");
    put(f, HRD_CF_META, "k", "second"); /* the last put of a key counts */
    put(f, HRD_CF_META, "gone", "x");
    hrd_group_del(&f->g, HRD_CF_META, "gone", 4);
    put(f, HRD_CF_CURSORS, "empty", "");
    commit(f);
    assert_string_equal(now(f, HRD_CF_BLOCKS, "a"), "one");
    assert_string_equal(now(f, HRD_CF_INDEX, "a"), "two");
    assert_string_equal(now(f, HRD_CF_PRODUCERS, "b"), "three");
    assert_string_equal(now(f, HRD_CF_META, "k"), "second");
    assert_string_equal(now(f, HRD_CF_META, "gone"), "");
    assert_string_equal(now(f, HRD_CF_SCHEMAS, "a"), "");
}

static void test_an_empty_value_is_no_missing_one(void **state)
{
    struct fixture *f = *state;
    struct hrp_buf value = HRP_BUF_INIT;
    struct hrd_snapshot *snap;

    put_now(f, HRD_CF_CURSORS, "empty", "");
    assert_int_equal(f->log->ops->snapshot(f->log, &snap), 0);
    assert_int_equal(f->log->ops->get(snap, HRD_CF_CURSORS, "empty", 5, &value), 0);
    assert_int_equal(value.n, 0);
    assert_int_equal(f->log->ops->get(snap, HRD_CF_CURSORS, "other", 5, &value), HR_ENOENT);
    f->log->ops->snapshot_free(snap);
    hrp_buf_fini(&value);
}

static void test_iterators_go_up_in_byte_order(void **state)
{
    struct fixture *f = *state;
    struct hrd_snapshot *snap;
    const char *all[] = {"b", "a", "ab", "c", "\xff", "B"};

    for (unsigned i = 0; i < 6; i++)
        put(f, HRD_CF_INDEX, all[i], "v");
    commit(f);
    assert_int_equal(f->log->ops->snapshot(f->log, &snap), 0);
    assert_string_equal(keys(f, snap, HRD_CF_INDEX, "", false), "B a ab b c \xff ");
    assert_string_equal(keys(f, snap, HRD_CF_INDEX, "aa", false), "ab b c \xff ");
    assert_string_equal(keys(f, snap, HRD_CF_INDEX, "b", false), "b c \xff ");
    assert_string_equal(keys(f, snap, HRD_CF_INDEX, "\xff\xff", false), "");
    assert_string_equal(keys(f, snap, HRD_CF_QUARANTINE, "", false), "");
    f->log->ops->snapshot_free(snap);
}

static void test_iterators_back_start_at_the_last_key_not_above(void **state)
{
    struct fixture *f = *state;
    struct hrd_snapshot *snap;

    put(f, HRD_CF_INDEX, "b", "v");
    put(f, HRD_CF_INDEX, "d", "v");
    put(f, HRD_CF_INDEX, "f", "v");
    commit(f);
    assert_int_equal(f->log->ops->snapshot(f->log, &snap), 0);
    assert_string_equal(keys(f, snap, HRD_CF_INDEX, "e", true), "d f ");
    assert_string_equal(keys(f, snap, HRD_CF_INDEX, "d", true), "d f ");
    assert_string_equal(keys(f, snap, HRD_CF_INDEX, "z", true), "f ");
    assert_string_equal(keys(f, snap, HRD_CF_INDEX, "a", true), "b d f ");
    assert_string_equal(keys(f, snap, HRD_CF_BLOCKS, "a", true), "");
    f->log->ops->snapshot_free(snap);
}

static void test_a_snapshot_does_not_move(void **state)
{
    struct fixture *f = *state;
    struct hrd_snapshot *snap;

    put_now(f, HRD_CF_META, "a", "old");
    put_now(f, HRD_CF_META, "b", "here");
    assert_int_equal(f->log->ops->snapshot(f->log, &snap), 0);
    put(f, HRD_CF_META, "a", "new");
    put(f, HRD_CF_META, "c", "new");
    hrd_group_del(&f->g, HRD_CF_META, "b", 1);
    commit(f);
    assert_string_equal(look(f, snap, HRD_CF_META, "a"), "old");
    assert_string_equal(look(f, snap, HRD_CF_META, "b"), "here");
    assert_string_equal(look(f, snap, HRD_CF_META, "c"), "");
    f->log->ops->snapshot_free(snap);
    assert_string_equal(now(f, HRD_CF_META, "a"), "new");
    assert_string_equal(now(f, HRD_CF_META, "b"), "");
}

static void test_reopen_keeps_what_was_committed(void **state)
{
    struct fixture *f = *state;
    struct hrp_id generation = f->log->generation;
    struct hr_error err = {0, ""};

    put_now(f, HRD_CF_BLOCKS, "a", "one");
    assert_int_equal(f->log->ops->reopen(f->log, &err), 0);
    assert_int_equal(f->log->opened, 2);
    assert_string_equal(now(f, HRD_CF_BLOCKS, "a"), "one");
    assert_int_equal(hrp_id_cmp(&generation, &f->log->generation), 0);
    put_now(f, HRD_CF_BLOCKS, "b", "two");
    assert_string_equal(now(f, HRD_CF_BLOCKS, "b"), "two");
}

static void test_a_group_that_ran_out_of_memory_is_refused(void **state)
{
    struct fixture *f = *state;

    put(f, HRD_CF_META, "a", "half");
    f->g.err = HR_ENOMEM;
    assert_int_equal(f->log->ops->commit(f->log, &f->g), HR_ENOMEM);
    assert_string_equal(now(f, HRD_CF_META, "a"), "");
    hrd_group_clear(&f->g);
    assert_int_equal(f->log->ops->reopen(f->log, NULL), 0);
    put_now(f, HRD_CF_META, "a", "whole");
    assert_string_equal(now(f, HRD_CF_META, "a"), "whole");
}

static void test_disk_tells_what_is_there(void **state)
{
    struct fixture *f = *state;
    struct hrd_disk d;
    char big[4000];

    memset(big, 'x', sizeof big - 1);
    big[sizeof big - 1] = '\0';
    for (unsigned i = 0; i < 100; i++) {
        char key[16];

        snprintf(key, sizeof key, "%08u", i);
        put(f, HRD_CF_BLOCKS, key, big);
    }
    commit(f);
    assert_int_equal(f->log->ops->disk(f->log, &d), 0);
    if (f->disk)
        assert_in_range(d.wal_bytes, 390000, 1000000);
    assert_int_equal(f->log->ops->flush(f->log), 0);
    assert_int_equal(f->log->ops->disk(f->log, &d), 0);
    assert_in_range(d.cf_bytes[HRD_CF_BLOCKS], 390000, 1000000);
    if (f->disk)
        assert_in_range(d.blob_bytes, 390000, 1000000);
}

/* ---- memory ---- */

static void test_memory_fails_when_told_and_knows_the_outcome(void **state)
{
    struct fixture *f = *state;

    hrd_log_memory_fail(f->log, 2, false);
    put_now(f, HRD_CF_META, "a", "1");
    put(f, HRD_CF_META, "b", "1");
    assert_int_equal(f->log->ops->commit(f->log, &f->g), HR_EIO);
    assert_int_equal(f->log->ops->commit(f->log, &f->g), HR_EAGAIN);
    hrd_log_memory_fail_reopen(f->log, 1);
    assert_int_equal(f->log->ops->reopen(f->log, NULL), HR_EIO);
    assert_int_equal(f->log->ops->reopen(f->log, NULL), 0);
    assert_string_equal(now(f, HRD_CF_META, "b"), "");
    hrd_log_memory_fail(f->log, 1, true);
    assert_int_equal(f->log->ops->commit(f->log, &f->g), HR_EIO);
    assert_int_equal(f->log->ops->reopen(f->log, NULL), 0);
    assert_string_equal(now(f, HRD_CF_META, "b"), "1");
}

/* ---- disk ---- */

static void copy_file(const char *from, const char *to)
{
    char buf[65536];
    FILE *in = fopen(from, "rb"), *out = fopen(to, "wb");
    size_t n;

    assert_non_null(in);
    assert_non_null(out);
    while ((n = fread(buf, 1, sizeof buf, in)) > 0)
        assert_int_equal(fwrite(buf, 1, n, out), n);
    fclose(in);
    fclose(out);
}

/* What a power cut would leave, if all that was synced were there: the folder as it is while the store is open. */
static void crash_copy(struct fixture *f, const char *name)
{
    char from[512], to[512];
    struct dirent *e;
    DIR *d;

    snprintf(to, sizeof to, "%s/%s", f->dir, name);
    assert_int_equal(mkdir(to, 0700), 0);
    snprintf(to, sizeof to, "%s/%s/store", f->dir, name);
    assert_int_equal(mkdir(to, 0700), 0);
    snprintf(from, sizeof from, "%s/store", f->at);
    d = opendir(from);
    assert_non_null(d);
    while ((e = readdir(d)) != NULL) {
        if (e->d_name[0] == '.' || strcmp(e->d_name, "LOCK") == 0)
            continue;
        snprintf(from, sizeof from, "%s/store/%s", f->at, e->d_name);
        snprintf(to, sizeof to, "%s/%s/store/%s", f->dir, name, e->d_name);
        copy_file(from, to);
    }
    closedir(d);
    f->log->ops->close(f->log);
    f->log = NULL;
}

/* The newest WAL of the folder, and how many bytes it has. */
static size_t wal(struct fixture *f, const char *name, char *ret, size_t n_ret)
{
    char dir[256], best[256] = "";
    struct dirent *e;
    struct stat st;
    DIR *d;

    snprintf(dir, sizeof dir, "%s/%s/store", f->dir, name);
    d = opendir(dir);
    assert_non_null(d);
    while ((e = readdir(d)) != NULL)
        if (strlen(e->d_name) > 4 && strcmp(e->d_name + strlen(e->d_name) - 4, ".log") == 0 && strcmp(e->d_name, best) > 0)
            snprintf(best, sizeof best, "%s", e->d_name);
    closedir(d);
    assert_string_not_equal(best, "");
    snprintf(ret, n_ret, "%s/%s", dir, best);
    assert_int_equal(stat(ret, &st), 0);
    return (size_t)st.st_size;
}

static void put_numbered(struct fixture *f, unsigned n)
{
    char key[16], value[1024];

    for (unsigned i = 0; i < n; i++) {
        snprintf(key, sizeof key, "%04u", i);
        memset(value, 'a' + (int)(i % 26), sizeof value - 1);
        value[sizeof value - 1] = '\0';
        put_now(f, HRD_CF_PRODUCERS, key, value);
    }
}

static unsigned count_numbered(struct fixture *f)
{
    struct hrd_snapshot *snap;
    unsigned n = 0;

    assert_int_equal(f->log->ops->snapshot(f->log, &snap), 0);
    for (const char *c = keys(f, snap, HRD_CF_PRODUCERS, "", false); *c != '\0'; c++)
        n += *c == ' ';
    f->log->ops->snapshot_free(snap);
    return n;
}

static void test_disk_a_crash_loses_no_group(void **state)
{
    struct fixture *f = *state;
    struct hrp_id generation = f->log->generation;

    put_numbered(f, 100);
    crash_copy(f, "b");
    open_at(f, "b");
    assert_int_equal(f->damage.files, 0);
    assert_int_equal(count_numbered(f), 100);
    assert_int_equal(hrp_id_cmp(&generation, &f->log->generation), 0);
}

static void test_disk_a_torn_tail_is_tolerated(void **state)
{
    struct fixture *f = *state;
    char path[512];
    size_t n;

    put_numbered(f, 100);
    crash_copy(f, "b");
    n = wal(f, "b", path, sizeof path);
    assert_int_equal(truncate(path, (off_t)n - 50), 0); /* within the last group */
    open_at(f, "b");
    assert_int_equal(f->damage.files, 0);
    assert_int_equal(count_numbered(f), 99);
}

static void test_disk_a_flipped_byte_is_salvaged_and_named(void **state)
{
    struct fixture *f = *state;
    char path[512], aside[512];
    struct stat st;
    size_t n;
    int fd;

    put_numbered(f, 200);
    crash_copy(f, "b");
    n = wal(f, "b", path, sizeof path);
    fd = open(path, O_RDWR);
    assert_true(fd >= 0);
    assert_int_equal(pwrite(fd, "!", 1, (off_t)n / 2), 1);
    close(fd);
    open_at(f, "b");
    assert_true(f->damage.files >= 1);
    assert_true(f->damage.wal_bytes >= n);
    print_message("damage: %s\n", f->damage.text);
    assert_non_null(strstr(f->damage.text, "orrupt"));
    assert_non_null(strstr(f->damage.text, "damaged-1/"));
    assert_in_range(count_numbered(f), 160, 199); /* what was before it, and behind the 32 KiB that it was in */
    snprintf(aside, sizeof aside, "%s/b/damaged-1/%s", f->dir, strrchr(path, '/') + 1);
    assert_int_equal(stat(aside, &st), 0);
    assert_int_equal((size_t)st.st_size, n);
    put_now(f, HRD_CF_META, "a", "goes on");
    assert_string_equal(now(f, HRD_CF_META, "a"), "goes on");
}

static void test_disk_a_folder_has_one_owner(void **state)
{
    struct fixture *f = *state;
    struct hr_error err = {0, ""};
    struct hrd_log_damage damage;
    struct hrd_log *second;

    assert_int_equal(hrd_log_rocksdb_open(f->at, true, &second, &damage, &err), HR_EBUSY);
    assert_non_null(strstr(err.text, f->at));
    assert_non_null(strstr(err.text, "another headraced"));
}

static void test_disk_a_newer_format_is_refused(void **state)
{
    struct fixture *f = *state;
    struct hr_error err = {0, ""};

    put_now(f, HRD_CF_META, "format", "\x63\x01\x01\x01");
    f->log->ops->close(f->log);
    f->log = NULL;
    assert_int_equal(hrd_log_rocksdb_open(f->at, true, &f->log, &f->damage, &err), HR_EVERSION);
    assert_non_null(strstr(err.text, f->at));
    assert_null(f->log);
}

#define BOTH(name) \
    {"memory_" #name, test_##name, setup_memory, teardown, NULL}, \
    {"rocksdb_" #name, test_##name, setup_disk, teardown, NULL}
#define DISK(name) {#name, test_##name, setup_disk, teardown, NULL}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BOTH(a_group_is_there_as_a_whole),
        BOTH(an_empty_value_is_no_missing_one),
        BOTH(iterators_go_up_in_byte_order),
        BOTH(iterators_back_start_at_the_last_key_not_above),
        BOTH(a_snapshot_does_not_move),
        BOTH(reopen_keeps_what_was_committed),
        BOTH(a_group_that_ran_out_of_memory_is_refused),
        BOTH(disk_tells_what_is_there),
        {"memory_fails_when_told_and_knows_the_outcome", test_memory_fails_when_told_and_knows_the_outcome, setup_memory, teardown, NULL},
        DISK(disk_a_crash_loses_no_group),
        DISK(disk_a_torn_tail_is_tolerated),
        DISK(disk_a_flipped_byte_is_salvaged_and_named),
        DISK(disk_a_folder_has_one_owner),
        DISK(disk_a_newer_format_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
