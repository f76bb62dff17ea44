/* The outbox by itself, on a disk of this test; then folders on a real one. Tests are named after the promises of spool.h. */
#include "alloc.h"
#include "event_type.h"
#include "io.h"
#include "spool_dir.h"
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#define SECOND INT64_C(1000000000)

/* ---- a disk ---- */

struct disk {
    struct hrp_buf files[64];  /* by batch id; n 0: none */
    int put_err, get_err;
};

static int put(void *arg, struct hrs_inc *inc, uint64_t id, const void *p, size_t n_bytes)
{
    struct disk *d = arg;

    if (d->put_err != 0)
        return d->put_err;
    hrp_buf_clear(&d->files[id]);
    hrp_put_bytes(&d->files[id], p, n_bytes);
    return 0;
}

static int get(void *arg, struct hrs_inc *inc, uint64_t id, struct hrp_buf *out)
{
    struct disk *d = arg;

    if (d->get_err != 0)
        return d->get_err;
    if (d->files[id].n == 0)
        return HR_ENOENT;
    hrp_put_bytes(out, d->files[id].p, d->files[id].n);
    return out->err;
}

static int del(void *arg, struct hrs_inc *inc, uint64_t id)
{
    struct disk *d = arg;

    hrp_buf_clear(&d->files[id]);
    return 0;
}

static int list(void *arg, struct hrs_inc *inc, int (*fn)(void *ctx, uint64_t id), void *ctx)
{
    struct disk *d = arg;
    int r = 0;

    for (uint64_t id = 64; r == 0 && id-- > 0;)
        if (d->files[id].n != 0)
            r = fn(ctx, id);
    return r;
}

static int put_store(void *arg, struct hrs_inc *inc, const struct hrp_id *generation) { return 0; }

static const struct hrs_store_ops ops = {put, get, del, list, put_store};

struct fixture {
    struct disk disk;
    struct hrs_stats stats;
    struct hrs_spool sp;
    struct hrs_inc *inc;
    struct hrs_type *type;
    struct hrp_builder *bld;
    uint64_t next_n;
};

static struct hrs_inc *make_inc(void)
{
    struct hrp_id id = {{7}};
    struct hrs_inc *inc;

    assert_int_equal(hrs_inc_new(&id, &id, "a", "1", "h", "b", 1, 1, &inc), 0);
    inc->own = true;
    return inc;
}

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    size_t n;
    uint8_t *set = event_type_set("Spooled", 0, &n);

    assert_int_equal(hrs_type_new(set, n, "t.Spooled", &f->type, NULL), 0);
    free(set);
    assert_int_equal(hrp_builder_new(f->type->schema, &f->bld), 0);
    f->inc = make_inc();
    atomic_store(&f->inc->types[0], f->type);
    f->next_n = 1;
    hrs_spool_init(&f->sp, &ops, &f->disk, 1 << 20, &f->stats);
    assert_int_equal(hrs_spool_add_inc(&f->sp, f->inc), 0);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    hrs_spool_fini(&f->sp);
    hrp_builder_free(f->bld);
    hrs_inc_free(f->inc);
    hrs_type_free(f->type);
    for (int i = 0; i < 64; i++)
        hrp_buf_fini(&f->disk.files[i]);
    free(f);
    return 0;
}

/* A batch of n rows, added. */
static int add(struct fixture *f, uint32_t n)
{
    struct hrp_buf buf = HRP_BUF_INIT;
    struct hrp_batch_head head;
    uint8_t row[64];
    int r;

    for (uint32_t i = 0; i < n; i++, f->next_n++)
        assert_int_equal(hrp_builder_add(f->bld, 0, f->next_n, 1, 1, 0, row, event_row(row, f->next_n, "text"), NULL), 0);
    assert_int_equal(hrp_builder_seal(f->bld, &f->inc->id, f->inc->next_batch_id++, 0, &buf), 0);
    assert_int_equal(hrp_batch_head_read(buf.p, buf.n, &hrp_limits_default, &head), 0);
    r = hrs_spool_add(&f->sp, f->inc, &head, &buf.p, (uint32_t)buf.n);
    hrp_batch_head_fini(&head);
    if (r != 0)
        hrp_buf_fini(&buf);
    return r;
}

static bool ready(void *arg, const struct hrs_batch *b) { return true; }

static const struct hrp_id here = {{1}}, elsewhere = {{2}};

static struct hrs_batch *next(struct fixture *f, int64_t now) { return hrs_spool_next(&f->sp, &here, now, ready, NULL); }

static struct hrs_batch *send(struct fixture *f, int64_t now)
{
    struct hrs_batch *b = next(f, now);

    if (b != NULL)
        hrs_spool_sent(&f->sp, b, &here);
    return b;
}

/* Numbers that the stored batches resolve, and how many of them by a drop for this reason. */
static uint64_t resolved(struct fixture *f, uint8_t reason, uint64_t *ret_drops)
{
    uint64_t sum = 0;

    *ret_drops = 0;
    for (int i = 0; i < 64; i++) {
        struct hrp_batch_head h;

        if (f->disk.files[i].n == 0)
            continue;
        assert_int_equal(hrp_batch_head_read(f->disk.files[i].p, f->disk.files[i].n, &hrp_limits_default, &h), 0);
        for (uint32_t k = 0; k < h.n_segments; k++) {
            sum += h.segments[k].count;
            *ret_drops += h.segments[k].kind == HRP_SEG_DROP && h.segments[k].reason == reason ? h.segments[k].count : 0;
        }
        hrp_batch_head_fini(&h);
    }
    return sum;
}

/* ---- promises ---- */

static void promise_1_unpublished_batches_wait(void **state)
{
    struct fixture *f = *state;

    f->disk.put_err = HR_ENOSPC;
    assert_int_equal(add(f, 3), 0);
    assert_false(hrs_spool_safe(&f->sp, f->inc, 1));
    hrs_spool_retry_puts(&f->sp);
    assert_false(hrs_spool_safe(&f->sp, f->inc, 1));
    f->disk.put_err = 0;
    hrs_spool_retry_puts(&f->sp);
    assert_true(hrs_spool_safe(&f->sp, f->inc, 1));
    assert_true(f->disk.files[1].n != 0);
    hrs_spool_acked(&f->sp, send(f, 0));
    assert_true(f->disk.files[1].n == 0);
    assert_int_equal(f->sp.n_batches, 0);
    assert_int_equal(f->sp.used_bytes, 0);
}

static void promise_2_at_the_cap_the_oldest_become_drops(void **state)
{
    struct fixture *f = *state;
    uint64_t drops;

    f->sp.cap_bytes = 4 * 4096;
    for (int i = 0; i < 20; i++)
        assert_int_equal(add(f, 5), 0);
    assert_true(f->sp.used_bytes <= f->sp.cap_bytes);
    assert_int_equal(resolved(f, HRP_DROP_EVICTED, &drops), 100);
    assert_int_equal(drops, 100 - 3 * 5); /* the newest three keep their rows; one batch has the drops of all others */
    assert_int_equal(hrs_stats_read(&f->stats, HR_STAT_DROPPED_EVICTED), drops);
    assert_int_equal(hrs_spool_floor(&f->sp, f->inc, 0, 0), 1);
}

static void promise_2_nothing_in_flight_is_given_up(void **state)
{
    struct fixture *f = *state;

    f->sp.cap_bytes = 2 * 4096;
    assert_int_equal(add(f, 5), 0);
    assert_int_equal(add(f, 5), 0);
    assert_non_null(send(f, 0));
    assert_non_null(send(f, 0));
    assert_int_equal(add(f, 5), HR_EFULL);
    assert_int_equal(hrs_stats_read(&f->stats, HR_STAT_DROPPED_EVICTED), 0);
    hrs_spool_acked(&f->sp, f->sp.first);
    assert_int_equal(add(f, 5), 0);
}

static void promise_3_batches_go_to_one_store(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(add(f, 1), 0);
    assert_int_equal(add(f, 1), 0);
    assert_non_null(send(f, 0));
    hrs_spool_lost(&f->sp, false, 0);
    assert_int_equal(hrs_spool_held(&f->sp, &elsewhere), 1);
    assert_int_equal(hrs_spool_next(&f->sp, &elsewhere, 0, ready, NULL)->id, 2);
    assert_int_equal(next(f, 0)->id, 1);
    assert_int_equal(hrs_spool_release(&f->sp, &elsewhere), 1);
    assert_int_equal(hrs_spool_next(&f->sp, &elsewhere, 0, ready, NULL)->id, 1);
}

static void promise_4_a_batch_that_ends_connections_waits_longer_and_longer(void **state)
{
    struct fixture *f = *state;
    int64_t now = 0, waited = 0;

    assert_int_equal(add(f, 1), 0);
    assert_int_equal(add(f, 1), 0);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(send(f, now)->id, 1);
        assert_int_equal(send(f, now)->id, 2);
        hrs_spool_lost(&f->sp, true, now);
    }
    assert_int_equal(hrs_stats_read(&f->stats, HR_STAT_AVOIDED), 1);
    assert_int_equal(send(f, now)->id, 2); /* the other goes on at once */
    hrs_spool_acked(&f->sp, f->sp.last);
    for (int i = 0; i < 12; i++) {
        int64_t due = hrs_spool_next_retry(&f->sp, now);

        assert_null(next(f, due - 1));
        assert_true(due - now >= waited && due - now <= 300 * SECOND);
        waited = due - now;
        now = due;
        assert_int_equal(send(f, now)->id, 1); /* never given up */
        hrs_spool_lost(&f->sp, true, now);
    }
    assert_int_equal(waited, 300 * SECOND);
    now = hrs_spool_next_retry(&f->sp, now);
    hrs_spool_acked(&f->sp, send(f, now));
    assert_int_equal(hrs_stats_read(&f->stats, HR_STAT_AVOIDED), 0);
}

static void an_end_that_was_announced_blames_nobody(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(add(f, 1), 0);
    for (int i = 0; i < 10; i++) {
        assert_non_null(send(f, 0));
        hrs_spool_lost(&f->sp, false, 0);
    }
    assert_non_null(next(f, 0));
}

static void a_parked_batch_is_tried_again(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(add(f, 1), 0);
    hrs_spool_park(&f->sp, send(f, 0), 60 * SECOND);
    assert_int_equal(f->sp.in_flight_bytes, 0);
    assert_null(next(f, 60 * SECOND - 1));
    assert_int_equal(hrs_spool_next_retry(&f->sp, 0), 60 * SECOND);
    assert_non_null(next(f, 60 * SECOND));
    hrs_spool_lost(&f->sp, false, 1); /* the next connection asks at once */
    assert_non_null(next(f, 1));
}

/* ---- what a dead process left ---- */

static void count(void *arg, const struct hrp_batch_head *head) { ++*(int *)arg; }

static void load_again(struct fixture *f, int n_expected)
{
    int n = 0;

    hrs_spool_fini(&f->sp);
    hrs_spool_init(&f->sp, &ops, &f->disk, 1 << 20, &f->stats);
    assert_int_equal(hrs_spool_load(&f->sp, f->inc, count, &n), 0);
    assert_int_equal(hrs_spool_add_inc(&f->sp, f->inc), 0);
    assert_int_equal(n, n_expected);
}

static void batches_are_adopted_in_order(void **state)
{
    struct fixture *f = *state;

    for (int i = 0; i < 5; i++)
        assert_int_equal(add(f, 2), 0);
    f->inc->next_batch_id = 1;
    load_again(f, 5);
    assert_int_equal(f->inc->next_batch_id, 6);
    for (uint64_t id = 1; id <= 5; id++)
        assert_int_equal(send(f, 0)->id, id);
    assert_null(next(f, 0));
}

static void a_torn_batch_is_dropped_by_its_numbers_or_counted(void **state)
{
    struct fixture *f = *state;
    struct hrp_buf scratch = HRP_BUF_INIT;
    uint64_t drops;
    const uint8_t *p;

    for (int i = 0; i < 3; i++)
        assert_int_equal(add(f, 4), 0);
    f->disk.files[1].n = 10;                       /* cut inside its header: nobody knows its numbers */
    load_again(f, 2);
    assert_int_equal(hrs_stats_read(&f->stats, HR_STAT_TORN), 1);
    assert_int_equal(f->disk.files[1].n, 0);
    f->disk.files[2].n--;                          /* cut after it was adopted: they are known */
    assert_int_equal(hrs_spool_bytes(&f->sp, next(f, 0), &scratch, &p), HR_ECORRUPT);
    assert_int_equal(hrs_stats_read(&f->stats, HR_STAT_TORN), 2);
    assert_int_equal(resolved(f, HRP_DROP_TORN, &drops), 8);
    assert_int_equal(drops, 4);
    f->disk.get_err = HR_EIO;                      /* not now is not damaged */
    assert_int_equal(hrs_spool_bytes(&f->sp, next(f, 0), &scratch, &p), HR_EIO);
    hrp_buf_fini(&scratch);
}

/* For every n, the n-th allocation fails: nothing leaks, and the same works afterwards. */
static void the_nth_allocation_fails(void **state)
{
#ifdef HRP_FAULTS
    struct fixture *f = *state;
    int failures = 0;

    f->sp.cap_bytes = 3 * 4096;
    for (unsigned long n = 1; n < 40; n++) {
        struct hrp_buf buf = HRP_BUF_INIT;
        struct hrp_batch_head head;
        int r;

        assert_int_equal(hrp_builder_add_drop(f->bld, 0, f->next_n++, 1, HRP_DROP_FULL), 0);
        assert_int_equal(hrp_builder_seal(f->bld, &f->inc->id, f->inc->next_batch_id++, 0, &buf), 0);
        assert_int_equal(hrp_batch_head_read(buf.p, buf.n, &hrp_limits_default, &head), 0);
        hrp_alloc_fail_at(n);
        r = hrs_spool_add(&f->sp, f->inc, &head, &buf.p, (uint32_t)buf.n);
        hrp_alloc_fail_at(0);
        assert_true(r == 0 || r == HR_ENOMEM || r == HR_EFULL);
        failures += r != 0;
        if (r != 0)
            hrp_buf_fini(&buf);
        hrp_batch_head_fini(&head);
        if (f->sp.n_batches == 3)
            hrs_spool_acked(&f->sp, f->sp.first);
    }
    assert_true(failures > 0);
#else
    skip();
#endif
}

/* ---- folders on a disk ---- */

static void one_owner_at_a_time(void **state)
{
    char path[] = "/tmp/hrspoolXXXXXX", name[33];
    struct hrs_dir dir;
    struct hrs_inc *inc = make_inc(), *other;
    struct hrs_mapping *lane;
    uint64_t torn;
    int status;
    pid_t pid;

    assert_non_null(mkdtemp(path));
    assert_int_equal(hrs_dir_open(path, &dir, NULL), 0);
    assert_int_equal(hrs_folder_create(&dir, inc), 0);
    assert_int_equal(hrs_lane_map_new(inc->owner, &inc->id, 0, 4096, &lane), 0);
    hrp_id_hex(&inc->id, name);
    fflush(NULL);
    for (int i = 0; i < 4; i++) { /* processes that want it, while it has an owner */
        pid = fork();
        if (pid == 0) {
            struct hrs_dir mine;

            if (hrs_dir_open(path, &mine, NULL) != 0)
                _exit(2);
            _exit(hrs_folder_adopt(&mine, name, &other, &torn) == HR_EBUSY ? 0 : 1);
        }
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    }
    hrs_lane_unmap(lane);
    hrs_folder_close(inc->owner);
    assert_int_equal(hrs_folder_adopt(&dir, name, &other, &torn), 0);
    assert_int_equal(hrp_id_cmp(&other->id, &inc->id), 0);
    assert_int_equal(torn, 0);
    hrs_folder_remove(other->owner);
    hrs_inc_free(other);
    hrs_inc_free(inc);
    assert_int_equal(unlinkat(dir.fd, "producer", 0), 0);
    hrs_dir_close(&dir);
    assert_int_equal(rmdir(path), 0); /* nothing is left */
}

int main(void)
{
#define T(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(promise_1_unpublished_batches_wait),
        T(promise_2_at_the_cap_the_oldest_become_drops),
        T(promise_2_nothing_in_flight_is_given_up),
        T(promise_3_batches_go_to_one_store),
        T(promise_4_a_batch_that_ends_connections_waits_longer_and_longer),
        T(an_end_that_was_announced_blames_nobody),
        T(a_parked_batch_is_tried_again),
        T(batches_are_adopted_in_order),
        T(a_torn_batch_is_dropped_by_its_numbers_or_counted),
        T(the_nth_allocation_fails),
        cmocka_unit_test(one_owner_at_a_time),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
