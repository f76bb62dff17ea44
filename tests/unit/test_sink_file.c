/* The sink's shell and the file sink: a crash at each point leaves neither hole nor duplicate. Promises are those of sink.h.
 *
 * Where a crash leaves the disk in a state that can be written down (an intent, half a temp file), the test writes it down
 * and starts there; a crash before a write is played by a committer that writes nothing more. */
#include "sinks/sink_impl.h"
#include "alloc.h"
#include "commit_kit.h"
#include "daemon.h"
#include "io.h"
#include "puts_kit.h"
#include "read.h"
#include "unit.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAX_ROWS 10u

struct fixture {
    struct ck ck;
    struct puts_kit puts;
    struct hrd_sinks *sinks;
    struct hrd_sink_settings settings;
    char dir[256], out[300];
    uint64_t next_n;
};

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);

    snprintf(f->dir, sizeof f->dir, "%s/headrace-sink-XXXXXX", getenv("TMPDIR") != NULL ? getenv("TMPDIR") : "/tmp");
    if (mkdtemp(f->dir) == NULL)
        abort();
    snprintf(f->out, sizeof f->out, "%s/out", f->dir);
    ck_init(&f->ck);
    ck_start(&f->ck, 1);
    puts_open(&f->puts, f->ck.log);
    f->settings = (struct hrd_sink_settings){.name = "files", .type = "file", .dir = f->out, .max_rows = MAX_ROWS, .max_age_ms = 1};
    f->next_n = 1;
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    puts_close(&f->puts);
    ck_fini(&f->ck);
    test_rm_tree(f->dir);
    free(f);
    return 0;
}

/* ---- steps ---- */

static void commit(struct fixture *f, uint64_t rows, uint64_t again)
{
    again = again < f->next_n - 1 ? again : f->next_n - 1;
    assert_int_equal(ck_commit(&f->ck, ck_rows(&f->ck, 1, 0, f->next_n - again, rows + again)).accepted, rows);
    f->next_n += rows;
}

static void start(struct fixture *f)
{
    struct hrd_sinks_cfg cfg = {.log = f->ck.log, .registry = f->ck.reg, .committer = &f->puts.inbox, .sinks = &f->settings, .n_sinks = 1};
    struct hr_error err = {0, ""};

    if (hrd_sinks_start(&cfg, &f->sinks, &err) != 0)
        fail_msg("%s", err.text);
}

static void stop_sinks(void *arg)
{
    struct fixture *f = arg;

    hrd_sinks_stop(f->sinks);
    f->sinks = NULL;
}

static void stop(struct fixture *f) { puts_while(&f->puts, stop_sinks, f); }

/* The stored cursor. */
static struct sink_stream cursor(struct fixture *f)
{
    struct sink snk = {.log = f->ck.log, .settings = f->settings};
    struct sink_stream st = {.cursor = 0};

    assert_int_equal(sink_cursor_load(&snk, f->ck.stream_id, &st), 0);
    return st;
}

static void set_cursor(struct fixture *f, const struct sink_stream *st)
{
    struct sink snk = {.settings = f->settings};
    struct hrp_buf value = HRP_BUF_INIT;
    uint8_t key[SINK_KEY_MAX];
    struct hrd_group g;

    hrd_group_init(&g);
    sink_cursor_put(&value, st);
    hrd_group_put(&g, HRD_CF_CURSORS, key, sink_cursor_key(&snk, f->ck.stream_id, key), value.p, value.n);
    assert_int_equal(f->ck.log->ops->commit(f->ck.log, &g), 0);
    hrd_group_fini(&g);
    hrp_buf_fini(&value);
}

static struct sink_stream an_intent(struct fixture *f, uint64_t from, uint64_t to)
{
    int64_t hour = INT64_C(3600000000000);

    return (struct sink_stream){.cursor = from, .intent = {.out = true, .generation = f->ck.log->generation, .to = to, .hour_ns = CK_TIME_NS / hour * hour}};
}

static bool all_delivered(void *arg)
{
    struct fixture *f = arg;
    struct sink_stream st = cursor(f);

    return st.cursor == f->next_n - 1 && !st.intent.out;
}

static void deliver_all(struct fixture *f)
{
    start(f);
    puts_until(&f->puts, all_delivered, f);
    stop(f);
}

/* ---- what the folder holds ---- */

struct found {
    char **lines;                        /* [n_rows], by offset; NULL: not found */
    uint64_t n_rows, doubles, strange, files, temps;
};

static void take_line(struct found *found, const char *line)
{
    unsigned long long offset;

    if (sscanf(line, "{\"offset\":%llu,", &offset) != 1 || offset >= found->n_rows)
        found->strange++;
    else if (found->lines[offset] != NULL)
        found->doubles++;
    else
        found->lines[offset] = strdup(line);
}

static void take_file(struct found *found, const char *path)
{
    FILE *file = fopen(path, "r");
    char *line = NULL;
    size_t cap = 0;
    ssize_t n;

    assert_non_null(file);
    while ((n = getline(&line, &cap, file)) > 0) {
        found->strange += line[n - 1] != '\n';
        line[n - 1] = '\0';
        take_line(found, line);
    }
    free(line);
    fclose(file);
}

static void take_folder(struct found *found, const char *path)
{
    DIR *d = opendir(path);
    struct dirent *e;
    char child[1024];
    struct stat sb;

    for (; d != NULL && (e = readdir(d)) != NULL;) {
        if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
            continue;
        snprintf(child, sizeof child, "%s/%s", path, e->d_name);
        assert_int_equal(lstat(child, &sb), 0);
        if (S_ISDIR(sb.st_mode)) {
            take_folder(found, child);
        } else if (e->d_name[0] == '.') {
            found->temps++;
        } else {
            found->files++;
            take_file(found, child);
        }
    }
    if (d != NULL)
        closedir(d);
}

static void found_fini(struct found *found)
{
    for (uint64_t i = 0; i < found->n_rows; i++)
        free(found->lines[i]);
    free(found->lines);
}

/* Each row once, and as the API would show it? */
static bool complete(struct fixture *f, struct found *ret)
{
    const struct hrd_read_block *blk;
    struct hrp_buf want = HRP_BUF_INIT;
    struct hrd_reader *reader;
    struct hrp_row_id id;
    struct hrd_rows *rows;
    struct hrd_gap gap;
    uint64_t offset;
    bool same;

    *ret = (struct found){.n_rows = f->next_n - 1};
    ret->lines = calloc(ret->n_rows + 1, sizeof *ret->lines);
    take_folder(ret, f->out);
    same = ret->doubles == 0 && ret->strange == 0;
    assert_int_equal(hrd_reader_open(f->ck.log, f->ck.reg, f->ck.stream_id, 0, &reader), 0);
    while (hrd_reader_next(reader, &blk, &gap) == 1) {
        assert_int_equal(hrd_rows_open(blk, 0, &rows), 0);
        while (hrd_rows_next(rows, &id, &offset) == 1) {
            hrp_buf_clear(&want);
            assert_int_equal(hrd_rows_json(rows, "shop", "1.1", &want), 0);
            hrp_put_u8(&want, '\0');
            same = same && ret->lines[offset] != NULL && strcmp(ret->lines[offset], (const char *)want.p) == 0;
        }
        hrd_rows_free(rows);
    }
    hrd_reader_free(reader);
    hrp_buf_fini(&want);
    return same;
}

static void check(struct fixture *f)
{
    struct found found;
    bool whole = complete(f, &found);

    if (!whole || found.temps != 0)
        fail_msg("%lu rows: %lu doubles, %lu strange lines, %lu left-over files", found.n_rows, found.doubles, found.strange, found.temps);
    found_fini(&found);
}

static char *hour_folder(struct fixture *f, char ret[512])
{
    snprintf(ret, 512, "%s/Flight/date=2027-01-15/hour=08", f->out); /* of CK_TIME_NS */
    return ret;
}

static void write_half(struct fixture *f, uint64_t from, uint64_t to)
{
    char folder[512], path[900], generation[33];
    FILE *file;

    hrp_id_hex(&f->ck.log->generation, generation);
    assert_int_equal(hrp_mkdir_all(hour_folder(f, folder), 0755), 0);
    snprintf(path, sizeof path, "%s/.%.8s-%020llu-%020llu.ndjson.tmp", folder, generation, (unsigned long long)from, (unsigned long long)to);
    file = fopen(path, "w");
    assert_non_null(file);
    for (unsigned i = 0; i < 1000; i++) /* longer than what will take its place */
        fputs("{\"offset\":0,\"event_time\":\"half a li", file);
    fclose(file);
}

/* ---- tests ---- */

static void test_rows_are_cut_into_files_by_count_and_hour(void **state)
{
    struct fixture *f = *state;
    char folder[512], path[900], generation[33];
    struct found found;

    commit(f, 25, 0);
    commit(f, 5, 12); /* resends: a selection */
    f->ck.now_ns += INT64_C(3600000000000);
    commit(f, 3, 0);
    deliver_all(f);
    check(f);
    hrp_id_hex(&f->ck.log->generation, generation);
    snprintf(path, sizeof path, "%s/%.8s-00000000000000000010-00000000000000000020.ndjson", hour_folder(f, folder), generation);
    assert_int_equal(access(path, R_OK), 0);
    assert_true(complete(f, &found));
    assert_int_equal(found.files, 4);
    found_fini(&found);
}

static void test_1_the_intent_is_durable_first(void **state)
{
    struct fixture *f = *state;
    struct found found;

    commit(f, 5, 0);
    start(f);
    (void)puts_next(&f->puts);
    (void)complete(f, &found);
    assert_int_equal(found.files + found.temps, 0);
    found_fini(&found);
    puts_do(&f->puts);
    assert_true(cursor(f).intent.out);
    assert_int_equal(cursor(f).intent.to, 5);
    stop(f);
}

static void test_2_crash_after_the_intent(void **state)
{
    struct fixture *f = *state;
    struct sink_stream st;

    commit(f, 25, 0);
    st = an_intent(f, 0, 7); /* no plan of today would end there */
    set_cursor(f, &st);
    deliver_all(f);
    check(f);
}

static void test_2_crash_after_the_temp_file(void **state)
{
    struct fixture *f = *state;
    struct sink_stream st;

    commit(f, 25, 0);
    st = an_intent(f, 0, 7);
    set_cursor(f, &st);
    write_half(f, 0, 7);
    deliver_all(f);
    check(f);
}

/* The committer dies after `alive` groups: with an odd number of them an intent is stored and its file is there. */
static void die_after(struct fixture *f, unsigned alive)
{
    start(f);
    for (unsigned i = 0; i < alive; i++)
        puts_do(&f->puts);
    (void)puts_next(&f->puts);
    f->puts.dead = true;
    stop(f);
    f->puts.dead = false;
}

static void test_2_and_3_crash_after_the_rename(void **state)
{
    struct fixture *f = *state;

    for (unsigned round = 0; round < 6; round++) {
        commit(f, 40, round * 3);
        f->settings.max_rows = 7 + round * 3; /* a new plan would end elsewhere */
        die_after(f, round);
    }
    deliver_all(f);
    check(f);
}

static void test_a_delivery_of_an_older_generation_keeps_its_name(void **state)
{
    struct fixture *f = *state;
    struct sink_stream st;
    char folder[512], path[900];

    commit(f, 5, 0);
    st = an_intent(f, 0, 5);
    memset(st.intent.generation.b, 0xab, sizeof st.intent.generation.b);
    set_cursor(f, &st);
    deliver_all(f);
    check(f);
    snprintf(path, sizeof path, "%s/abababab-00000000000000000000-00000000000000000005.ndjson", hour_folder(f, folder));
    assert_int_equal(access(path, R_OK), 0);
}

/* The control: the check must see what a cursor that moves before the rename leaves. */
static void test_control_a_cursor_before_its_file_is_a_hole(void **state)
{
    struct fixture *f = *state;
    struct sink_stream st = {.cursor = 7};
    struct found found;

    commit(f, 25, 0);
    set_cursor(f, &st);
    write_half(f, 0, 7);
    deliver_all(f);
    assert_false(complete(f, &found));
    found_fini(&found);
}

static void status_of(struct fixture *f, struct hrd_sink_status *ret) { hrd_sinks_status(f->sinks, 0, ret); }

static bool is_failing(void *arg)
{
    struct hrd_sink_status s;

    status_of(arg, &s);
    return s.failing;
}

static void test_every_file_call_may_fail_once(void **state)
{
    struct fixture *f = *state;
    struct hrd_sink_status s;
    unsigned failed = 0;

    if (!unit_faults())
        skip();
    for (unsigned n = 1; n <= 24; n++) {
        commit(f, 5, 0);
        hrp_io_fail_at(n, n % 2 != 0 ? ENOSPC : EACCES);
        start(f);
        puts_until(&f->puts, all_delivered, f);
        status_of(f, &s);
        failed += s.failures != 0;
        stop(f);
        hrp_io_fail_at(0, 0);
        check(f);
    }
    assert_true(failed >= 12); /* opening, writing, renaming and syncing take that many calls */
}

static void test_a_folder_that_vanished_is_not_made_again(void **state)
{
    struct fixture *f = *state;
    struct hrd_sink_status s;
    char away[400];

    commit(f, 5, 0);
    start(f);
    puts_until(&f->puts, all_delivered, f);
    snprintf(away, sizeof away, "%s/away", f->dir);
    assert_int_equal(rename(f->out, away), 0);
    commit(f, 5, 0);
    puts_until(&f->puts, is_failing, f);
    status_of(f, &s);
    assert_non_null(strstr(s.reason, f->out));
    assert_int_equal(access(f->out, F_OK), -1);
    assert_int_equal(rename(away, f->out), 0);
    puts_until(&f->puts, all_delivered, f);
    stop(f);
    check(f);
}

static void test_a_damaged_cursor_is_not_guessed(void **state)
{
    struct fixture *f = *state;
    struct sink snk = {.settings = f->settings};
    uint8_t key[SINK_KEY_MAX];
    struct hrd_group g;
    struct hrd_sink_status s;
    struct found found;

    commit(f, 5, 0);
    hrd_group_init(&g);
    hrd_group_put(&g, HRD_CF_CURSORS, key, sink_cursor_key(&snk, f->ck.stream_id, key), "damage", 6);
    assert_int_equal(f->ck.log->ops->commit(f->ck.log, &g), 0);
    hrd_group_fini(&g);
    start(f);
    puts_until(&f->puts, is_failing, f);
    status_of(f, &s);
    assert_non_null(strstr(s.reason, "damaged"));
    stop(f);
    (void)complete(f, &found);
    assert_int_equal(found.files, 0);
    found_fini(&found);
}

static bool has_gap(void *arg)
{
    struct hrd_sink_status s;

    status_of(arg, &s);
    return s.gap_rows != 0 && s.lag_rows == 0;
}

static void test_a_damaged_block_is_passed_and_counted(void **state)
{
    struct fixture *f = *state;
    struct hrd_sink_status s;
    struct found found;
    uint8_t key[12];
    struct hrd_group g;

    commit(f, 4, 0);
    commit(f, 3, 0);
    commit(f, 2, 0);
    hrd_block_key(f->ck.stream_id, 4, key);
    hrd_group_init(&g);
    hrd_group_put(&g, HRD_CF_BLOCKS, key, sizeof key, "damage", 6);
    assert_int_equal(f->ck.log->ops->commit(f->ck.log, &g), 0);
    hrd_group_fini(&g);
    start(f);
    puts_until(&f->puts, has_gap, f);
    status_of(f, &s);
    assert_int_equal(s.gap_rows, 3);
    stop(f);
    (void)complete(f, &found);
    assert_non_null(found.lines[3]);
    assert_null(found.lines[4]);
    assert_non_null(found.lines[7]);
    found_fini(&found);
}

static void test_names_and_types_are_checked(void **state)
{
    struct fixture *f = *state;
    struct hrd_sink_settings two[2] = {f->settings, f->settings};
    struct hrd_sinks_cfg cfg = {.log = f->ck.log, .registry = f->ck.reg, .committer = &f->puts.inbox, .sinks = two, .n_sinks = 2};
    struct hr_error err = {0, ""};
    struct hrd_sinks *sinks;

    assert_int_equal(hrd_sinks_start(&cfg, &sinks, &err), HR_EINVAL);
    two[1].name = "other";
    assert_int_equal(hrd_sinks_start(&cfg, &sinks, &err), HR_EINVAL); /* the same folder */
    two[1].dir = "/nowhere";
    two[1].type = "pigeon";
    assert_int_equal(hrd_sinks_start(&cfg, &sinks, &err), HR_EINVAL);
    assert_non_null(strstr(err.text, "pigeon"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_rows_are_cut_into_files_by_count_and_hour, setup, teardown),
        cmocka_unit_test_setup_teardown(test_1_the_intent_is_durable_first, setup, teardown),
        cmocka_unit_test_setup_teardown(test_2_crash_after_the_intent, setup, teardown),
        cmocka_unit_test_setup_teardown(test_2_crash_after_the_temp_file, setup, teardown),
        cmocka_unit_test_setup_teardown(test_2_and_3_crash_after_the_rename, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_delivery_of_an_older_generation_keeps_its_name, setup, teardown),
        cmocka_unit_test_setup_teardown(test_control_a_cursor_before_its_file_is_a_hole, setup, teardown),
        cmocka_unit_test_setup_teardown(test_every_file_call_may_fail_once, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_folder_that_vanished_is_not_made_again, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_damaged_cursor_is_not_guessed, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_damaged_block_is_passed_and_counted, setup, teardown),
        cmocka_unit_test_setup_teardown(test_names_and_types_are_checked, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
