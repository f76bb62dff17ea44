/* Profiles: against values counted one by one, against a batch of the selected rows alone, merged in any order, stored and
 * read back, and damaged. */
#include "profile.h"
#include "alloc.h"
#include "rows.h"
#include "schemas.h"
#include "unit.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct hrp_id someone = {{7}};

/* ---- batches ---- */

static struct hrp_batch *seal(struct hrp_builder *b, struct hrp_schema *s)
{
    struct hrp_buf out = HRP_BUF_INIT;
    struct hrp_batch *batch;

    assert_int_equal(hrp_builder_seal(b, &someone, 1, 1, &out), 0);
    assert_int_equal(hrp_batch_open(out.p, out.n, s, &hrp_limits_default, &batch, NULL), 0);
    hrp_buf_fini(&out);
    return batch;
}

/* Rows of `rows` whose bit in keep is set; keep NULL: all. */
static struct hrp_batch *batch_of(struct hrp_schema *s, const struct hrp_buf *rows, uint32_t n, const bool *keep)
{
    struct hrp_builder *b;
    struct hrp_batch *batch;

    assert_int_equal(hrp_builder_new(s, &b), 0);
    for (uint32_t i = 0; i < n; i++)
        if (keep == NULL || keep[i])
            assert_int_equal(hrp_builder_add(b, 0, i + 1, 1000 + (int64_t)i, 1, 0, rows[i].p, rows[i].n, NULL), 0);
    batch = seal(b, s);
    hrp_builder_free(b);
    return batch;
}

static struct hrd_block_head head_of(const struct hrp_batch *batch, uint64_t first_offset)
{
    return (struct hrd_block_head){.stream_id = 3, .schema_id = 4, .first_offset = first_offset, .n_rows = batch->head.n_rows,
                                   .min_event_time_ns = batch->head.min_event_time_ns, .max_event_time_ns = batch->head.max_event_time_ns};
}

static struct hrd_profile *profile_new(void)
{
    struct hrd_profile *prof;

    assert_int_equal(hrd_profile_new(3, 4, 5, &prof), 0);
    return prof;
}

static struct hrd_profile *profile_of(const struct hrp_batch *batch, uint64_t first_offset)
{
    struct hrd_block_head head = head_of(batch, first_offset);
    struct hrd_profile *prof = profile_new();

    assert_int_equal(hrd_profile_add(prof, &head, batch), 0);
    return prof;
}

/* ---- equal but for the rounding of moments ---- */

static void near(double got, double want, double scale)
{
    if (isnan(got) && isnan(want))
        return;
    if (!(fabs(got - want) <= 1e-9 * (fabs(want) + scale)) && !(isinf(got) && got == want))
        fail_msg("%.17g, not %.17g", got, want);
}

static void same_field(const struct hrd_field_profile *a, const struct hrd_field_profile *b)
{
    double scale = 1 + b->moments.mean * b->moments.mean * (double)b->moments.n;

    assert_int_equal(a->slots, b->slots);
    assert_int_equal(a->present, b->present);
    assert_int_equal(a->values, b->values);
    assert_int_equal(a->zeros, b->zeros);
    assert_int_equal(a->nans, b->nans);
    assert_int_equal(a->infs, b->infs);
    assert_int_equal(a->moments.n, b->moments.n);
    if (b->moments.n != 0) {
        assert_true(memcmp(&a->min, &b->min, sizeof a->min) == 0 || a->min.f64 == b->min.f64); /* 0.0 and -0.0 */
        assert_true(memcmp(&a->max, &b->max, sizeof a->max) == 0 || a->max.f64 == b->max.f64);
        if (isfinite(scale) && isfinite(b->moments.m2)) {
            near(a->moments.mean, b->moments.mean, 1 + sqrt(b->moments.m2)); /* great values of both signs */
            near(a->moments.m2, b->moments.m2, scale);
        }
    }
    assert_int_equal(hrd_field_distinct(a), hrd_field_distinct(b));
}

static void same(const struct hrd_profile *a, const struct hrd_profile *b)
{
    assert_int_equal(a->rows, b->rows);
    assert_int_equal(a->min_event_time_ns, b->min_event_time_ns);
    assert_int_equal(a->max_event_time_ns, b->max_event_time_ns);
    assert_int_equal(hrd_ranges_count(&a->offsets), hrd_ranges_count(&b->offsets));
    for (uint32_t i = 0; i < a->n_fields || i < b->n_fields; i++) {
        static const struct hrd_field_profile none;

        same_field(i < a->n_fields ? &a->fields[i] : &none, i < b->n_fields ? &b->fields[i] : &none);
    }
}

/* ---- counted one by one ---- */

static const struct hrd_field_profile *field(const struct hrd_profile *prof, struct hrp_schema *s, const char *path)
{
    const struct hrp_node *node = hrp_schema_by_path(s, path);

    assert_non_null(node);
    assert_true(node->id < prof->n_fields);
    return &prof->fields[node->id];
}

static void test_flights_one_by_one(void **state)
{
    static const char *const airports[] = {"SFO", "LAX", "JFK", "", "O"};
    struct hrp_schema *s = test_flight_schema();
    struct rnd r = {rnd_seed(5)};
    struct hrp_buf rows[2000] = {{0}};
    int64_t min = INT64_MAX, max = INT64_MIN;
    double sum = 0, squares = 0;
    uint64_t zeros = 0, empty = 0;
    struct hrd_profile *prof;
    struct hrp_batch *batch;
    const struct hrd_field_profile *f;

    for (unsigned i = 0; i < 2000; i++) {
        int32_t delay = (int32_t)rnd_below(&r, 300) - 60;
        const char *origin = airports[rnd_below(&r, 5)];

        test_flight_row(&rows[i], 1000000 + i, delay, 7, origin, "SFO");
        min = delay < min ? delay : min;
        max = delay > max ? delay : max;
        sum += delay;
        squares += (double)delay * delay;
        zeros += delay == 0;
        empty += origin[0] == '\0';
    }
    batch = batch_of(s, rows, 2000, NULL);
    prof = profile_of(batch, 0);
    assert_int_equal(prof->rows, 2000);
    f = field(prof, s, "delay");
    assert_int_equal(f->slots, 2000);
    assert_int_equal(f->present, 2000);
    assert_int_equal(f->zeros, zeros);
    assert_int_equal(f->min.i64, min);
    assert_int_equal(f->max.i64, max);
    near(f->moments.mean, sum / 2000, 0);
    near(f->moments.m2, squares - sum * sum / 2000, 1);
    assert_in_range(hrd_field_distinct(f), 290, 300); /* all 300 come up, nearly always */
    f = field(prof, s, "distance");
    assert_int_equal(f->min.i64, 7);
    assert_int_equal(f->max.i64, 7);
    assert_int_equal(hrd_field_distinct(f), 1);
    near(f->moments.m2, 0, 0);
    f = field(prof, s, "origin");
    assert_int_equal(f->zeros, empty);
    assert_int_equal(f->min.u64, 0); /* lengths */
    assert_int_equal(f->max.u64, 3);
    assert_int_equal(hrd_field_distinct(f), 5);
    f = field(prof, s, "time_us");
    assert_in_range(hrd_field_distinct(f), 1900, 2000); /* never more than values; a sketch of 1.6 % */
    hrd_profile_free(prof);
    hrp_batch_free(batch);
    for (unsigned i = 0; i < 2000; i++)
        hrp_buf_fini(&rows[i]);
    hrp_schema_unref(s);
}

/* ---- places: messages, lists, oneofs, presence ---- */

static void put_int(struct hrp_buf *out, uint32_t number, uint64_t v)
{
    hrp_put_varint(out, number << 3);
    hrp_put_varint(out, v);
}

static void put_len(struct hrp_buf *out, uint32_t number, const void *p, size_t n)
{
    hrp_put_varint(out, number << 3 | 2);
    hrp_put_lenbytes(out, p, n);
}

static void put_point(struct hrp_buf *out, uint32_t number, double x)
{
    uint8_t point[9] = {1 << 3 | 1};

    memcpy(point + 1, &x, sizeof x);
    put_len(out, number, point, sizeof point);
}

static void expect(const struct hrd_profile *prof, struct hrp_schema *s, const char *path, uint64_t slots, uint64_t present, uint64_t values)
{
    const struct hrd_field_profile *f = field(prof, s, path);

    if (f->slots != slots || f->present != present || f->values != values)
        fail_msg("%s: %lu places, %lu present, %lu values", path, f->slots, f->present, f->values);
}

static void test_places_of_every_kind(void **state)
{
    struct hrp_schema *s = test_schema("everything", "every.Thing");
    struct hrp_buf rows[4] = {{0}};
    struct hrp_batch *batch;
    struct hrd_profile *prof;

    put_point(&rows[0], 17, 1.5);        /* point */
    put_point(&rows[1], 17, NAN);
    put_int(&rows[0], 31, 0);            /* opt_int32, there and zero */
    put_len(&rows[0], 41, "\1\2\3", 3);  /* ints */
    put_len(&rows[2], 41, "\5", 1);
    put_point(&rows[2], 44, 2);          /* points: two in one row */
    put_point(&rows[2], 44, INFINITY);
    put_int(&rows[1], 63, 9);            /* payment: cash, cash, voucher, none */
    put_int(&rows[2], 63, 0);
    put_len(&rows[3], 62, "v", 1);
    batch = batch_of(s, rows, 4, NULL);
    prof = profile_of(batch, 0);

    expect(prof, s, "an_int32", 4, 4, 4); /* without explicit presence all are there */
    expect(prof, s, "point", 4, 2, 0);
    expect(prof, s, "point.x", 2, 2, 2);  /* places only where the message is */
    assert_int_equal(field(prof, s, "point.x")->nans, 1);
    assert_int_equal(field(prof, s, "point.x")->moments.n, 1);
    assert_true(field(prof, s, "point.x")->max.f64 == 1.5);
    expect(prof, s, "opt_int32", 4, 1, 1);
    assert_int_equal(field(prof, s, "opt_int32")->zeros, 1);
    expect(prof, s, "ints", 4, 2, 4);     /* lists with elements; elements */
    assert_int_equal(field(prof, s, "ints")->max.i64, 5);
    expect(prof, s, "points", 4, 1, 0);
    expect(prof, s, "points.x", 2, 2, 2);
    assert_int_equal(field(prof, s, "points.x")->infs, 1);
    expect(prof, s, "cash", 4, 2, 2);     /* a member's places are the oneof's */
    expect(prof, s, "voucher", 4, 1, 1);
    expect(prof, s, "free", 4, 0, 0);
    hrd_profile_free(prof);
    hrp_batch_free(batch);
    for (unsigned i = 0; i < 4; i++)
        hrp_buf_fini(&rows[i]);
    hrp_schema_unref(s);
}

/* ---- a selection is as good as a batch of those rows alone ---- */

static void select_rows(struct hrd_block_head *head, const bool *keep, uint32_t n)
{
    head->n_rows = 0;
    head->n_selection = 0;
    head->selection = hrp_malloc((n + 1) * sizeof *head->selection);
    for (uint32_t i = 0; i < n; i++) {
        if (!keep[i])
            continue;
        head->n_rows++;
        if (i > 0 && keep[i - 1])
            head->selection[head->n_selection - 1].to++;
        else
            head->selection[head->n_selection++] = (struct hrd_range){i, i + 1};
    }
}

static void selection_of(struct rnd *r, struct hrp_schema *s)
{
    struct hrp_buf rows[40] = {{0}};
    struct hrp_batch *all, *some;
    struct hrd_block_head cut, head;
    struct hrd_profile *a, *b;
    bool keep[40];
    uint32_t n = 2 + rnd_below(r, 38), first = rnd_below(r, 2);

    for (uint32_t i = 0; i < n; i++) {
        test_row_random(r, s, &rows[i]);
        keep[i] = rnd_one_in(r, 3);
    }
    keep[first] = true;                  /* some, not all */
    keep[1 - first] = false;
    all = batch_of(s, rows, n, NULL);
    some = batch_of(s, rows, n, keep);
    cut = head_of(all, 100);
    select_rows(&cut, keep, n);
    head = head_of(some, 100);
    cut.min_event_time_ns = head.min_event_time_ns; /* of the whole batch, else */
    cut.max_event_time_ns = head.max_event_time_ns;
    a = profile_new();
    b = profile_new();
    assert_int_equal(hrd_profile_add(a, &cut, all), 0);
    assert_int_equal(hrd_profile_add(b, &head, some), 0);
    for (uint32_t i = 0; i < a->n_fields; i++) /* unknown fields are told where some are in the batch, selected or not */
        if (hrp_schema_nodes(s)[i].unknown && a->fields[i].present == 0)
            a->fields[i].slots = 0;
    same(a, b);
    hrd_profile_free(a);
    hrd_profile_free(b);
    hrd_block_head_fini(&cut);
    hrp_batch_free(all);
    hrp_batch_free(some);
    for (uint32_t i = 0; i < n; i++)
        hrp_buf_fini(&rows[i]);
}

static void test_a_selection_counts_its_rows_alone(void **state)
{
    struct rnd r = {rnd_seed(6)};

    for (unsigned i = 0; i < 150; i++) {
        struct hrp_schema *s = i % 2 != 0 ? test_schema_random(&r) : test_schema("everything", "every.Thing");

        selection_of(&r, s);
        hrp_schema_unref(s);
    }
}

/* ---- merging ---- */

static struct hrd_profile *copy(const struct hrd_profile *from)
{
    struct hrd_profile *prof = profile_new();

    assert_int_equal(hrd_profile_merge(prof, from), 0);
    return prof;
}

static void test_merging_is_the_same_in_any_order(void **state)
{
    struct hrp_schema *s = test_schema("everything", "every.Thing");
    struct rnd r = {rnd_seed(7)};

    for (unsigned life = 0; life < 30; life++) {
        struct hrd_profile *part[3], *left, *right, *whole = profile_new();

        for (unsigned k = 0; k < 3; k++) {
            struct hrp_buf rows[30] = {{0}};
            struct hrp_batch *batch;
            struct hrd_block_head head;

            for (unsigned i = 0; i < 30; i++)
                test_row_random(&r, s, &rows[i]);
            batch = batch_of(s, rows, 30, NULL);
            part[k] = profile_of(batch, k * 50);
            head = head_of(batch, k * 50);
            assert_int_equal(hrd_profile_add(whole, &head, batch), 0);
            hrp_batch_free(batch);
            for (unsigned i = 0; i < 30; i++)
                hrp_buf_fini(&rows[i]);
        }
        left = copy(part[0]); /* (0 1) 2 */
        assert_int_equal(hrd_profile_merge(left, part[1]), 0);
        assert_int_equal(hrd_profile_merge(left, part[2]), 0);
        right = copy(part[2]); /* (2 1) 0 */
        assert_int_equal(hrd_profile_merge(right, part[1]), 0);
        assert_int_equal(hrd_profile_merge(right, part[0]), 0);
        same(left, right);
        same(left, whole);
        assert_int_equal(hrd_profile_merge(left, part[1]), HR_EINVAL); /* counted already */
        same(left, right);
        for (unsigned k = 0; k < 3; k++)
            hrd_profile_free(part[k]);
        hrd_profile_free(left);
        hrd_profile_free(right);
        hrd_profile_free(whole);
    }
    hrp_schema_unref(s);
}

static void test_a_block_counts_once(void **state)
{
    struct hrp_schema *s = test_flight_schema();
    struct hrp_buf row = HRP_BUF_INIT;
    struct hrp_batch *batch;
    struct hrd_block_head head;
    struct hrd_profile_set *set = hrd_profile_set_new();

    test_flight_row(&row, 1, 2, 3, "SFO", "LAX");
    batch = batch_of(s, &row, 1, NULL);
    head = head_of(batch, 9);
    assert_int_equal(hrd_profile_set_add(set, &head, batch), 0);
    assert_int_equal(hrd_profile_set_add(set, &head, batch), HR_EINVAL);
    assert_int_equal(set->first->rows, 1);
    assert_int_equal(set->lost_rows, 1);
    assert_null(set->first->next);
    head.first_offset = 10;
    head.receive_time_ns = HRD_MINUTE_NS; /* the next minute: a profile of its own */
    assert_int_equal(hrd_profile_set_add(set, &head, batch), 0);
    assert_int_equal(set->first->minute, 1);
    assert_non_null(set->first->next);
    hrd_profile_set_free(set);
    hrp_batch_free(batch);
    hrp_buf_fini(&row);
    hrp_schema_unref(s);
}

/* ---- stored ---- */

static struct hrd_profile *random_profile(struct rnd *r)
{
    struct hrp_schema *s = rnd_one_in(r, 2) ? test_flight_schema() : test_schema_random(r);
    struct hrp_buf rows[60] = {{0}};
    struct hrp_batch *batch;
    struct hrd_profile *prof;

    for (unsigned i = 0; i < 60; i++)
        test_row_random(r, s, &rows[i]);
    batch = batch_of(s, rows, 60, NULL);
    prof = profile_of(batch, rnd_next(r) >> 8);
    hrp_batch_free(batch);
    for (unsigned i = 0; i < 60; i++)
        hrp_buf_fini(&rows[i]);
    hrp_schema_unref(s);
    return prof;
}

static void test_stored_and_read_back(void **state)
{
    struct rnd r = {rnd_seed(8)};

    for (unsigned i = 0; i < 60; i++) {
        struct hrd_profile *prof = random_profile(&r), *back;
        struct hrp_buf one = HRP_BUF_INIT, two = HRP_BUF_INIT;

        hrd_profile_put(&one, prof);
        assert_int_equal(hrd_profile_read(one.p, one.n, &back), 0);
        same(prof, back);
        assert_int_equal(back->stream_id, 3);
        assert_int_equal(back->schema_id, 4);
        assert_int_equal(back->minute, 5);
        hrd_profile_put(&two, back);
        assert_int_equal(one.n, two.n);
        assert_memory_equal(one.p, two.p, one.n);
        hrp_buf_fini(&one);
        hrp_buf_fini(&two);
        hrd_profile_free(prof);
        hrd_profile_free(back);
    }
}

static void test_a_changed_byte_is_seen(void **state)
{
    struct rnd r = {rnd_seed(9)};
    struct hrd_profile *prof = random_profile(&r), *back;
    struct hrp_buf buf = HRP_BUF_INIT;

    hrd_profile_put(&buf, prof);
    for (size_t i = 0; i < buf.n; i++) {
        buf.p[i] ^= (uint8_t)(1u << rnd_below(&r, 8));
        assert_int_equal(hrd_profile_read(buf.p, buf.n, &back), HR_ECORRUPT);
        hrp_buf_clear(&buf);
        hrd_profile_put(&buf, prof);
    }
    for (size_t n = 0; n < buf.n; n++)
        assert_int_equal(hrd_profile_read(buf.p, n, &back), HR_ECORRUPT);
    hrp_buf_fini(&buf);
    hrd_profile_free(prof);
}

static void test_every_allocation_may_fail(void **state)
{
    struct hrp_schema *s = test_schema("everything", "every.Thing");
    struct rnd r = {rnd_seed(10)};
    struct hrp_buf rows[20] = {{0}};
    struct hrp_batch *batch;
    struct hrd_block_head head;
    struct hrd_profile *want;
    int e = HR_ENOMEM;

    if (!unit_faults())
        skip();
    for (unsigned i = 0; i < 20; i++)
        test_row_random(&r, s, &rows[i]);
    batch = batch_of(s, rows, 20, NULL);
    want = profile_of(batch, 0);
    head = head_of(batch, 0);
    for (unsigned n = 1; e == HR_ENOMEM; n++) {
        struct hrd_profile *prof = profile_new();

        hrp_alloc_fail_at(n);
        e = hrd_profile_add(prof, &head, batch);
        hrp_alloc_fail_at(0);
        assert_true(e == 0 || e == HR_ENOMEM);
        if (e == HR_ENOMEM) { /* nothing was counted; the same rows, read again, are */
            assert_int_equal(prof->rows, 0);
            assert_int_equal(hrd_profile_add(prof, &head, batch), 0);
        }
        same(prof, want);
        hrd_profile_free(prof);
    }
    hrd_profile_free(want);
    hrp_batch_free(batch);
    for (unsigned i = 0; i < 20; i++)
        hrp_buf_fini(&rows[i]);
    hrp_schema_unref(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_flights_one_by_one),
        cmocka_unit_test(test_places_of_every_kind),
        cmocka_unit_test(test_a_selection_counts_its_rows_alone),
        cmocka_unit_test(test_merging_is_the_same_in_any_order),
        cmocka_unit_test(test_a_block_counts_once),
        cmocka_unit_test(test_stored_and_read_back),
        cmocka_unit_test(test_a_changed_byte_is_seen),
        cmocka_unit_test(test_every_allocation_may_fail),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
