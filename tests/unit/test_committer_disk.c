/* The committer on RocksDB, when the process is killed and when the disk takes no more: what was answered is there, once. */
#include "commit_kit.h"
#include "unit.h"
#include <dirent.h>
#include <fcntl.h>
#include <ftw.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static char dir[64];

static int make_dir(void **state)
{
    snprintf(dir, sizeof dir, "/tmp/headrace-committer-XXXXXX");
    return mkdtemp(dir) != NULL ? 0 : -1;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw) { return remove(path); }
static int remove_dir(void **state) { return nftw(dir, remove_one, 16, FTW_DEPTH | FTW_PHYS); }

static void open_kit(struct ck *k)
{
    struct hrd_log_damage damage;
    struct hr_error err = {0, ""};
    struct hrd_log *log;

    if (hrd_log_rocksdb_open(dir, true, &log, &damage, &err) != 0)
        fail_msg("%s", err.text);
    assert_int_equal(damage.files, 0);
    ck_init_on(k, log);
}

/* ---- killed ---- */

#define PIECE 20u /* rows of a batch; each overlaps the one before by half */

struct shared {
    atomic_ullong acked; /* rows 1..acked are answered */
};

/* A collector's life: goes on where the last one was, sending the last batch of unknown outcome again. */
static void work_until_killed(struct shared *sh)
{
    struct ck k;
    uint64_t n = atomic_load(&sh->acked);

    open_kit(&k);
    ck_start(&k, 1);
    for (n = n > PIECE ? n - PIECE + 1 : 1;; n += PIECE / 2) {
        ck_commit(&k, ck_rows(&k, 1, 0, n, PIECE));
        if (n + PIECE - 1 > atomic_load(&sh->acked))
            atomic_store(&sh->acked, n + PIECE - 1);
    }
}

static void test_killed_again_and_again_what_was_answered_is_there_once(void **state)
{
    struct shared *sh = mmap(NULL, sizeof *sh, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    struct ck_audit a;
    struct ck k;

    assert_true(sh != MAP_FAILED);
    for (unsigned round = 0; round < 8; round++) {
        uint64_t target = atomic_load(&sh->acked) + 37 * (round + 1);
        int status;
        pid_t pid = fork();

        assert_true(pid >= 0);
        if (pid == 0)
            work_until_killed(sh);
        while (atomic_load(&sh->acked) < target && waitpid(pid, &status, WNOHANG) == 0)
            sched_yield();
        kill(pid, SIGKILL);
        waitpid(pid, &status, 0);
        assert_true(atomic_load(&sh->acked) >= target);
    }
    open_kit(&k);
    ck_audit(&k, &a);
    assert_string_equal(a.wrong, "");
    assert_true(a.n_rows >= atomic_load(&sh->acked));
    for (uint64_t n = 1; n <= atomic_load(&sh->acked); n++)
        assert_true(ck_stored(&a, 1, 0, n));
    ck_audit_fini(&a);
    ck_fini(&k);
    munmap(sh, sizeof *sh);
}

/* ---- no room ---- */

static void file_limit(rlim_t bytes)
{
    struct rlimit r;

    assert_int_equal(getrlimit(RLIMIT_FSIZE, &r), 0);
    r.rlim_cur = bytes;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &r), 0);
}

/* Files may not grow past 8 kB: WAL writes fail in the middle of a group, as on a full disk. */
static void test_a_disk_without_room_is_waited_for(void **state)
{
    unsigned failures = 0;
    uint64_t n = 1;
    struct ck k;

    signal(SIGXFSZ, SIG_IGN);
    open_kit(&k);
    ck_start(&k, 1);
    for (unsigned i = 0; i < 300; i++, n += 1000) {
        ck_add(&k, ck_rows(&k, 1, 0, n, 1000));
        file_limit(8000);
        if (hrd_committer_commit(k.cm, k.now_ns) != 0) {
            failures++;
            assert_null(hrd_committer_take(k.cm));
            (void)hrd_committer_reopen(k.cm, k.now_ns, NULL); /* may fail, may not: there is no room still */
        }
        file_limit(RLIM_INFINITY);
        ck_settle(&k);
        assert_int_equal(ck_verdict(&k).code, HRD_COMMITTED);
    }
    assert_true(failures > 0);
    print_message("%u writes of 300 failed\n", failures);
    ck_sound(&k);
    assert_int_equal(hrd_committer_counters(k.cm)->commit_failures, failures);
    ck_crash(&k);
    ck_open(&k);
    ck_sound(&k);
    ck_fini(&k);
}

/* ---- damaged ---- */

static void flip_in_largest_table(void)
{
    char path[512], best[512] = "";
    struct dirent *e;
    struct stat st;
    off_t most = 0;
    uint8_t byte;
    DIR *d;
    int fd;

    snprintf(path, sizeof path, "%s/store", dir);
    d = opendir(path);
    assert_non_null(d);
    while ((e = readdir(d)) != NULL) {
        snprintf(path, sizeof path, "%s/store/%.255s", dir, e->d_name);
        if (strstr(e->d_name, ".sst") == NULL || stat(path, &st) != 0 || st.st_size < most)
            continue;
        most = st.st_size;
        snprintf(best, sizeof best, "%s", path);
    }
    closedir(d);
    fd = open(best, O_RDWR);
    assert_true(fd >= 0);
    assert_int_equal(pread(fd, &byte, 1, most / 2), 1);
    byte ^= 0x40;
    assert_int_equal(pwrite(fd, &byte, 1, most / 2), 1);
    close(fd);
}

static void test_a_damaged_file_stops_neither_the_start_nor_the_others(void **state)
{
    unsigned taken = 0, parked = 0;
    struct ck k;

    open_kit(&k);
    ck_start(&k, 1);
    for (unsigned inc = 2; inc < 4000; inc++)
        ck_announce(&k, inc, k.now_ns);
    ck_settle(&k);
    assert_int_equal(ck_commit(&k, ck_rows(&k, 1, 0, 1, 10)).accepted, 10);
    assert_int_equal(ck_commit(&k, ck_rows(&k, 3999, 0, 1, 10)).accepted, 10);
    assert_int_equal(k.log->ops->flush(k.log), 0);
    ck_fini(&k);
    flip_in_largest_table();
    open_kit(&k);
    ck_start(&k, 1);
    for (unsigned inc = 2; inc < 4000; inc++)
        ck_announce(&k, inc, k.now_ns);
    ck_settle(&k);
    assert_int_equal(ck_commit(&k, ck_rows(&k, 1, 0, 1, 12)).accepted, 2);
    assert_int_equal(ck_commit(&k, ck_rows(&k, 3999, 0, 1, 12)).accepted, 2);
    for (unsigned inc = 2; inc < 3999; inc++)
        ck_add(&k, ck_rows(&k, inc, 0, 1, 1));
    ck_settle(&k);
    for (unsigned inc = 2; inc < 3999; inc++) {
        uint8_t code = ck_verdict(&k).code;

        taken += code == HRD_COMMITTED;
        parked += code == HRD_PARK;
    }
    print_message("%u taken, %u parked\n", taken, parked);
    assert_in_range(parked, 1, 400);
    assert_int_equal(taken + parked, 3997);
    ck_fini(&k);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_killed_again_and_again_what_was_answered_is_there_once, make_dir, remove_dir),
        cmocka_unit_test_setup_teardown(test_a_disk_without_room_is_waited_for, make_dir, remove_dir),
        cmocka_unit_test_setup_teardown(test_a_damaged_file_stops_neither_the_start_nor_the_others, make_dir, remove_dir),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
