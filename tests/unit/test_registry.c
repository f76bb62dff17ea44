/* Streams and schemas: what is staged is nobody's business until it is durable. */
#include "registry.h"
#include "alloc.h"
#include "fdset.h"
#include "log_memory.h"
#include "schemas.h"
#include "unit.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct fixture {
    struct hrd_log *log;
    struct hrd_registry *reg;
    struct hrd_group g;
    struct hrp_schema *flight, *order;
};

/* shop.Order with n fields, the last of which has this type: another schema for each n. */
static struct hrp_schema *order_typed(unsigned n_fields, int last)
{
    struct fd_set *set = fd_set_new();
    fd_message *m = fd_message_add(set, fd_file_add(set, "shop.proto", "shop", "proto3"), "Order");
    struct hrp_schema *s;
    uint8_t *bytes;
    size_t n;

    for (unsigned i = 1; i <= n_fields; i++) {
        char name[16];

        snprintf(name, sizeof name, "f%u", i);
        fd_field_add(set, m, name, (int)i, i == n_fields ? last : FD_INT64);
    }
    bytes = fd_set_pack(set, &n);
    fd_set_free(set);
    assert_int_equal(hrp_schema_open(bytes, n, "shop.Order", &hrp_limits_default, &s, NULL), 0);
    free(bytes);
    return s;
}

static struct hrp_schema *order(unsigned n_fields) { return order_typed(n_fields, FD_INT64); }

static void open_registry(struct fixture *f)
{
    struct hr_error err = {0, ""};

    if (hrd_registry_open(f->log, &f->reg, &err) != 0)
        fail_msg("%s", err.text);
}

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);

    assert_int_equal(hrd_log_memory_open(&f->log), 0);
    hrd_group_init(&f->g);
    f->flight = test_flight_schema();
    f->order = order(2);
    open_registry(f);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    hrd_registry_free(f->reg);
    hrd_group_fini(&f->g);
    hrp_schema_unref(f->flight);
    hrp_schema_unref(f->order);
    f->log->ops->close(f->log);
    free(f);
    return 0;
}

static void commit(struct fixture *f)
{
    assert_int_equal(f->log->ops->commit(f->log, &f->g), 0);
    hrd_group_clear(&f->g);
}

static void learn(struct fixture *f, struct hrp_schema *schema, uint32_t *ret_stream, uint32_t *ret_schema)
{
    bool known;

    assert_int_equal(hrd_registry_stage_stream(f->reg, hrp_schema_name(schema), &f->g, ret_stream), 0);
    assert_int_equal(hrd_registry_stage_schema(f->reg, schema, *ret_stream, NULL, &f->g, ret_schema, &known), 0);
}

static void learn_now(struct fixture *f, struct hrp_schema *schema, uint32_t *ret_stream, uint32_t *ret_schema)
{
    learn(f, schema, ret_stream, ret_schema);
    commit(f);
    hrd_registry_publish(f->reg);
}

static void test_names_of_streams(void **state)
{
    char longest[HRD_STREAM_NAME_MAX + 2];

    memset(longest, 'a', sizeof longest);
    longest[HRD_STREAM_NAME_MAX] = '\0';
    assert_true(hrd_stream_name_valid("a"));
    assert_true(hrd_stream_name_valid("shop.v1.Checkout_Completed2"));
    assert_true(hrd_stream_name_valid("_x._y"));
    assert_true(hrd_stream_name_valid(HRD_STREAM_INVALID));
    assert_true(hrd_stream_name_valid(longest));
    longest[HRD_STREAM_NAME_MAX] = 'a';
    longest[HRD_STREAM_NAME_MAX + 1] = '\0';
    assert_false(hrd_stream_name_valid(longest));
    assert_false(hrd_stream_name_valid(""));
    assert_false(hrd_stream_name_valid("."));
    assert_false(hrd_stream_name_valid("a."));
    assert_false(hrd_stream_name_valid(".a"));
    assert_false(hrd_stream_name_valid("a..b"));
    assert_false(hrd_stream_name_valid("a.1b"));
    assert_false(hrd_stream_name_valid("a/b"));
    assert_false(hrd_stream_name_valid("a b"));
    assert_false(hrd_stream_name_valid("\xc3\xa4"));
}

static void test_what_is_staged_is_not_seen_before_it_is_published(void **state)
{
    struct fixture *f = *state;
    struct hrd_stream_info info;
    uint32_t stream, schema, id, of;

    learn(f, f->flight, &stream, &schema);
    assert_int_equal(hrd_registry_n_streams(f->reg), 0);
    assert_int_equal(hrd_registry_stream(f->reg, stream, &info), HR_ENOENT);
    assert_int_equal(hrd_registry_stream_by_name(f->reg, "Flight", &info), HR_ENOENT);
    assert_null(hrd_registry_schema(f->reg, schema));
    assert_int_equal(hrd_registry_by_fingerprint(f->reg, hrp_schema_fingerprint(f->flight), &id, &of), HR_ENOENT);
    commit(f);
    hrd_registry_publish(f->reg);
    assert_int_equal(hrd_registry_n_streams(f->reg), 1);
    assert_int_equal(hrd_registry_stream_by_name(f->reg, "Flight", &info), 0);
    assert_int_equal(info.stream_id, stream);
    assert_int_equal(info.schema_id, schema);
    assert_string_equal(info.name, "Flight");
    assert_int_equal(hrd_registry_by_fingerprint(f->reg, hrp_schema_fingerprint(f->flight), &id, &of), 0);
    assert_int_equal(id, schema);
    assert_int_equal(of, stream);
    assert_int_equal(hrd_registry_stream(f->reg, 0, &info), HR_ENOENT);
    assert_int_equal(hrd_registry_stream(f->reg, 2, &info), HR_ENOENT);
}

static void test_one_group_gives_one_number_to_one_name(void **state)
{
    struct fixture *f = *state;
    uint32_t a, b, c, x, y;
    bool known;

    learn(f, f->flight, &a, &x);
    assert_int_equal(hrd_registry_stage_stream(f->reg, "Flight", &f->g, &b), 0);
    assert_int_equal(hrd_registry_stage_stream(f->reg, "Other", &f->g, &c), 0);
    assert_int_equal(a, b);
    assert_int_not_equal(a, c);
    assert_int_equal(hrd_registry_stage_schema(f->reg, f->flight, a, NULL, &f->g, &y, &known), 0);
    assert_true(known);
    assert_int_equal(x, y);
}

static void test_all_comes_back_from_the_store(void **state)
{
    struct fixture *f = *state;
    uint32_t flight, order_stream, x, y, z, again;
    struct hrp_schema *newer = order(3), *s;
    struct hrd_stream_info info;
    bool known;

    learn_now(f, f->flight, &flight, &x);
    learn_now(f, f->order, &order_stream, &y);
    learn_now(f, newer, &order_stream, &z);
    hrd_registry_free(f->reg);
    open_registry(f);
    assert_int_equal(hrd_registry_n_streams(f->reg), 2);
    assert_int_equal(hrd_registry_stream(f->reg, order_stream, &info), 0);
    assert_int_equal(info.schema_id, z); /* the newest */
    s = hrd_registry_schema(f->reg, y);
    assert_non_null(s);
    assert_memory_equal(hrp_schema_fingerprint(s), hrp_schema_fingerprint(f->order), 16);
    hrp_schema_unref(s);
    assert_int_equal(hrd_registry_stage_schema(f->reg, newer, order_stream, NULL, &f->g, &again, &known), 0);
    assert_true(known);
    assert_int_equal(again, z);
    assert_int_equal(f->g.n_puts, 0);
    hrp_schema_unref(newer);
}

static void test_a_failed_write_is_forgotten_and_its_outcome_read_back(void **state)
{
    struct fixture *f = *state;
    struct hrd_stream_info info;
    uint32_t stream, schema, other, x;

    for (int applied = 0; applied < 2; applied++) {
        struct hrp_schema *s = applied ? f->order : f->flight;

        learn(f, s, &stream, &schema);
        hrd_log_memory_fail(f->log, 1, applied);
        assert_int_equal(f->log->ops->commit(f->log, &f->g), HR_EIO);
        hrd_group_clear(&f->g);
        hrd_registry_rollback(f->reg);
        assert_int_equal(f->log->ops->reopen(f->log, NULL), 0);
        assert_int_equal(hrd_registry_reload(f->reg, NULL), 0);
        assert_int_equal(hrd_registry_stream_by_name(f->reg, hrp_schema_name(s), &info), applied ? 0 : HR_ENOENT);
        learn_now(f, s, &other, &x);
        assert_int_equal(other, stream); /* the same number, whichever way it went */
        assert_int_equal(x, schema);
    }
}

static void test_a_damaged_schema_is_left_out_counted_and_learned_again(void **state)
{
    struct fixture *f = *state;
    uint8_t key[5] = {'i'};
    struct hrd_stream_info info;
    struct hrp_schema *s;
    uint32_t stream, schema, again, x;

    learn_now(f, f->flight, &stream, &schema);
    learn_now(f, f->order, &again, &x);
    key[4] = (uint8_t)schema;
    hrd_group_put(&f->g, HRD_CF_SCHEMAS, key, sizeof key, "\x01\x01garbage", 9);
    commit(f);
    hrd_registry_free(f->reg);
    open_registry(f);
    assert_int_equal(hrd_registry_damaged(f->reg), 1);
    assert_null(hrd_registry_schema(f->reg, schema));
    assert_int_equal(hrd_registry_stream(f->reg, stream, &info), 0);
    assert_int_equal(info.schema_id, 0);
    learn_now(f, f->flight, &again, &x);
    assert_int_equal(x, schema);
    assert_int_equal(hrd_registry_stream(f->reg, stream, &info), 0);
    assert_int_equal(info.schema_id, schema);
    hrd_registry_free(f->reg);
    open_registry(f);
    assert_int_equal(hrd_registry_damaged(f->reg), 0);
    s = hrd_registry_schema(f->reg, schema);
    assert_non_null(s);
    hrp_schema_unref(s);
}

static void test_a_damaged_stream_record_is_no_start_with_other_numbers(void **state)
{
    struct fixture *f = *state;
    struct hrd_registry *reg;
    struct hr_error err = {0, ""};

    hrd_group_put(&f->g, HRD_CF_SCHEMAS, "sFlight", 7, "\x01garbage", 8);
    commit(f);
    assert_int_equal(hrd_registry_open(f->log, &reg, &err), HR_ECORRUPT);
    assert_string_not_equal(err.text, "");
}

static void test_stream_records_survive_and_notice_damage(void **state)
{
    struct fixture *f = *state;
    struct hrd_stream_record rec = {.stream_id = 7, .next_offset = 1u << 30, .next_quarantine = 3, .rows = 5, .blocks = 2, .quarantined = 9,
                                    .header_bytes = 1, .envelope_bytes = 2, .field_bytes = 3, .raw_bytes = 4, .index_bytes = 5,
                                    .newest_receive_ns = -1, .newest_event_ns = INT64_MIN}, got;
    struct hrp_buf scratch = HRP_BUF_INIT;
    uint8_t *value;
    size_t n;

    memset(&got, 0, sizeof got);
    hrd_stream_record_put(&f->g, "a", &rec, &scratch);
    assert_int_equal(f->g.n_puts, 1);
    value = f->g.bytes.p + f->g.puts[0].value_at;
    n = f->g.puts[0].n_value;
    assert_int_equal(hrd_stream_record_read(value, n, &got), 0);
    assert_int_equal(got.next_offset, rec.next_offset);
    assert_int_equal(got.index_bytes, 5);
    assert_true(got.newest_event_ns == INT64_MIN);
    for (size_t i = 0; i < n; i++) {
        value[i] ^= 0x10;
        assert_int_not_equal(hrd_stream_record_read(value, n, &got), 0);
        value[i] ^= 0x10;
        assert_int_not_equal(hrd_stream_record_read(value, i, &got), 0);
    }
    hrp_buf_fini(&scratch);
}

static void test_a_failed_allocation_leaves_nothing_staged_behind(void **state)
{
    struct fixture *f = *state;
    struct hrd_stream_info info;
    uint32_t stream, schema;
    int r = HR_ENOMEM;

    if (!unit_faults())
        skip();
    for (unsigned long n = 1; r != 0; n++) {
        bool known;

        hrp_alloc_fail_at(n);
        r = hrd_registry_stage_stream(f->reg, "Flight", &f->g, &stream);
        if (r == 0)
            r = hrd_registry_stage_schema(f->reg, f->flight, stream, NULL, &f->g, &schema, &known);
        hrp_alloc_fail_at(0);
        assert_true(r == 0 || r == HR_ENOMEM);
        if (r != 0)
            hrd_registry_rollback(f->reg);
        hrd_group_clear(&f->g);
        assert_int_equal(hrd_registry_stream_by_name(f->reg, "Flight", &info), HR_ENOENT);
    }
    hrd_registry_rollback(f->reg);
    learn_now(f, f->flight, &stream, &schema);
    assert_int_equal(stream, 1);
    assert_int_equal(schema, 1);
}

/* Two streams whose schemas take turns: each counts its own, in the order of ids, and only what is published. */
static void test_versions_are_counted_per_stream(void **state)
{
    struct fixture *f = *state;
    struct hrp_schema *newer = order(3);
    struct hrd_version *list, v;
    uint32_t orders, flights, id, n;
    bool known;

    assert_int_equal(hrd_registry_stage_stream(f->reg, "shop.Order", &f->g, &orders), 0);
    assert_int_equal(hrd_registry_stage_stream(f->reg, hrp_schema_name(f->flight), &f->g, &flights), 0);
    assert_int_equal(hrd_registry_stage_schema(f->reg, f->order, orders, NULL, &f->g, &id, &known), 0);
    assert_int_equal(hrd_registry_version_of(f->reg, id, &v), HR_ENOENT);
    assert_int_equal(hrd_registry_stage_schema(f->reg, f->flight, flights, NULL, &f->g, &id, &known), 0);
    assert_int_equal(hrd_registry_stage_schema(f->reg, newer, orders, NULL, &f->g, &id, &known), 0);
    assert_int_equal(hrd_registry_versions(f->reg, orders, &list, &n), HR_ENOENT);
    hrd_registry_publish(f->reg);
    assert_int_equal(hrd_registry_versions(f->reg, orders, &list, &n), 0);
    assert_int_equal(n, 2);
    assert_int_equal(list[0].version, 1);
    assert_int_equal(list[1].version, 2);
    assert_int_equal(list[1].schema_id, id);
    hrp_free(list);
    assert_int_equal(hrd_registry_version_of(f->reg, id, &v), 0);
    assert_int_equal(v.version, 2);
    assert_int_equal(v.stream_id, orders);
    assert_int_equal(hrd_registry_version_of(f->reg, id - 1, &v), 0);
    assert_int_equal(v.version, 1);
    assert_int_equal(v.stream_id, flights);
    assert_int_equal(hrd_registry_version_of(f->reg, id + 1, &v), HR_ENOENT);
    hrp_schema_unref(newer);
}

static struct hrd_version version_of(struct fixture *f, uint32_t schema_id)
{
    struct hrd_version v = {0};

    assert_int_equal(hrd_registry_version_of(f->reg, schema_id, &v), 0);
    return v;
}

static uint32_t add_order(struct fixture *f, unsigned n_fields, bool pushed)
{
    struct hrd_origin from = {.pushed = pushed, .now_ns = 1000 + n_fields};
    struct hrp_schema *s = order(n_fields);
    uint32_t stream, id;
    bool known;

    assert_int_equal(hrd_registry_stage_stream(f->reg, "shop.Order", &f->g, &stream), 0);
    assert_int_equal(hrd_registry_stage_schema(f->reg, s, stream, &from, &f->g, &id, &known), 0);
    commit(f);
    hrd_registry_publish(f->reg);
    hrp_schema_unref(s);
    return id;
}

static void reopen(struct fixture *f)
{
    hrd_registry_free(f->reg);
    open_registry(f);
}

static void test_a_deleted_version_keeps_its_number_and_comes_back_when_it_is_pushed(void **state)
{
    struct fixture *f = *state;
    uint32_t one = add_order(f, 1, false), two = add_order(f, 2, false), three;
    struct hrd_stream_info info;

    assert_int_equal(hrd_registry_stage_delete(f->reg, two, &f->g), 0);
    hrd_registry_rollback(f->reg);
    hrd_group_clear(&f->g);
    assert_false(version_of(f, two).deleted);
    assert_int_equal(hrd_registry_stage_delete(f->reg, two, &f->g), 0);
    assert_false(version_of(f, two).deleted); /* not before it is durable */
    commit(f);
    hrd_registry_publish(f->reg);
    for (int again = 0; again < 2; again++) {
        assert_true(version_of(f, two).deleted);
        assert_int_equal(hrd_registry_stream_by_name(f->reg, "shop.Order", &info), 0);
        assert_int_equal(info.schema_id, one);
        reopen(f);
    }
    three = add_order(f, 3, true);
    assert_int_equal(version_of(f, three).version, 3);
    assert_true(version_of(f, three).pushed);
    assert_int_equal(version_of(f, three).registered_ns, 1003);
    assert_int_equal(add_order(f, 2, false), two); /* learnt again: it stays deleted */
    assert_true(version_of(f, two).deleted);
    assert_int_equal(add_order(f, 2, true), two);
    reopen(f);
    assert_false(version_of(f, two).deleted);
    assert_true(version_of(f, two).pushed);
    assert_int_equal(version_of(f, two).version, 2);
    assert_int_equal(hrd_registry_stage_delete(f->reg, 99, &f->g), HR_ENOENT);
}

/* The newest one's bytes are damaged: its number is not given to the next. */
static void test_the_number_of_a_damaged_version_is_not_given_again(void **state)
{
    struct fixture *f = *state;
    uint32_t two;
    uint8_t key[5] = {'i'};

    add_order(f, 1, false);
    two = add_order(f, 2, false);
    key[4] = (uint8_t)two;
    hrd_group_put(&f->g, HRD_CF_SCHEMAS, key, sizeof key, "\x02\x01garbage", 9);
    commit(f);
    reopen(f);
    assert_int_equal(hrd_registry_damaged(f->reg), 1);
    assert_int_equal(version_of(f, add_order(f, 3, false)).version, 3);
    assert_int_equal(add_order(f, 2, false), two);
    assert_int_equal(version_of(f, two).version, 2);
}

/* The record as it was before versions were stored. */
static void put_old(struct fixture *f, uint32_t id, uint32_t stream, struct hrp_schema *s)
{
    struct hrp_buf key = HRP_BUF_INIT, value = HRP_BUF_INIT;
    const uint8_t *set;
    size_t n;

    set = hrp_schema_bytes(s, &n);
    hrp_put_u8(&key, 'i');
    hrp_put_u32be(&key, id);
    hrp_put_u8(&value, 1);
    hrp_put_varint(&value, stream);
    hrp_put_bytes(&value, hrp_schema_fingerprint(s), 16);
    hrp_put_lenbytes(&value, set, n);
    hrp_put_u32(&value, hrp_check32(value.p, value.n));
    hrd_group_put(&f->g, HRD_CF_SCHEMAS, key.p, key.n, value.p, value.n);
    hrp_buf_clear(&value);
    hrp_put_u8(&value, 'f');
    hrp_put_bytes(&value, hrp_schema_fingerprint(s), 16);
    hrd_group_put(&f->g, HRD_CF_SCHEMAS, value.p, value.n, key.p + 1, 4);
    hrp_buf_fini(&key);
    hrp_buf_fini(&value);
}

static void test_schemas_of_older_stores_are_numbered_in_order(void **state)
{
    struct fixture *f = *state;
    uint32_t one = add_order(f, 1, false), two = add_order(f, 2, false), three;
    struct hrd_stream_info info;
    struct hrp_schema *s[] = {order(1), order(2)};

    assert_int_equal(hrd_registry_stream_by_name(f->reg, "shop.Order", &info), 0);
    put_old(f, one, info.stream_id, s[0]);
    put_old(f, two, info.stream_id, s[1]);
    commit(f);
    reopen(f);
    assert_int_equal(version_of(f, one).version, 1);
    assert_int_equal(version_of(f, two).version, 2);
    assert_false(version_of(f, two).pushed || version_of(f, two).deleted);
    three = add_order(f, 3, false);
    reopen(f);
    assert_int_equal(version_of(f, three).version, 3);
    hrp_schema_unref(s[0]);
    hrp_schema_unref(s[1]);
}

static void set(struct fixture *f, uint32_t stream_id, const struct hrd_settings_change *c)
{
    uint64_t before = hrd_registry_changes(f->reg);

    assert_int_equal(hrd_registry_stage_settings(f->reg, stream_id, c, &f->g), 0);
    assert_int_equal(hrd_registry_changes(f->reg), before);
    commit(f);
    hrd_registry_publish(f->reg);
    assert_true(hrd_registry_changes(f->reg) > before);
}

static void test_settings_are_the_streams_own_or_the_global_ones(void **state)
{
    struct fixture *f = *state;
    struct hrd_settings_change c = {.mode = true, .to = {.mode = HRD_MODE_LOCKED}}, rule = {.kinds = 1u << HRD_KIND_RULE};
    struct hrd_settings s;
    uint32_t stream = version_of(f, add_order(f, 1, false)).stream_id;

    assert_int_equal(hrd_registry_settings(f->reg, stream, &s), 0);
    assert_int_equal(s.compat, HRP_COMPAT_BACKWARD_TRANSITIVE);
    assert_memory_equal(&s.policy, &hrd_policy_default, sizeof s.policy);
    set(f, 0, &c);
    rule.to.policy.action[HRD_KIND_RULE] = HRD_ACTION_DROP;
    set(f, stream, &rule);
    for (int again = 0; again < 2; again++) {
        assert_int_equal(hrd_registry_settings(f->reg, stream, &s), 0);
        assert_int_equal(s.mode, HRD_MODE_LOCKED);
        assert_false(s.own_mode);
        assert_true(s.own_policy);
        assert_int_equal(s.policy.action[HRD_KIND_RULE], HRD_ACTION_DROP);
        assert_int_equal(s.policy.action[HRD_KIND_UNKNOWN_ENUM], HRD_ACTION_FLAG);
        assert_int_equal(hrd_registry_settings(f->reg, 0, &s), 0);
        assert_int_equal(s.policy.action[HRD_KIND_RULE], HRD_ACTION_QUARANTINE);
        reopen(f);
    }
    rule.unset = true;
    set(f, stream, &rule);
    assert_int_equal(hrd_registry_settings(f->reg, stream, &s), 0);
    assert_false(s.own_policy);
    assert_int_equal(s.policy.action[HRD_KIND_RULE], HRD_ACTION_QUARANTINE);
    assert_int_equal(hrd_registry_settings(f->reg, stream + 1, &s), HR_ENOENT);
    assert_int_equal(hrd_registry_stage_settings(f->reg, stream + 1, &c, &f->g), HR_ENOENT);
    hrd_group_put(&f->g, HRD_CF_SCHEMAS, "g", 1, "\x01nonsense", 9);
    commit(f);
    assert_int_equal(hrd_registry_reload(f->reg, NULL), HR_ECORRUPT);
}

static int admit_now(struct fixture *f, uint32_t stream, struct hrp_schema *s, bool pushed, struct hrd_admission *ret, struct hr_error *err)
{
    int r = hrd_registry_admit(f->reg, stream, s, pushed, ret, err);

    hrd_admission_fini(ret); /* what was said of versions stays */
    return r;
}

/* Two go together with what is published, but not with each other: the second is refused, though a worker had said yes. */
static void test_what_was_staged_meanwhile_is_looked_at_again(void **state)
{
    struct fixture *f = *state;
    struct hrd_settings_change c = {.mode = true, .to = {.mode = HRD_MODE_LOCKED}};
    struct hrp_schema *three = order(3), *other = order_typed(3, FD_STRING);
    struct hrd_admission adm, adm_other;
    struct hr_error err = {0, ""};
    uint32_t stream = version_of(f, add_order(f, 2, false)).stream_id, id;
    bool known;

    assert_int_equal(admit_now(f, stream, three, false, &adm, &err), 0);
    assert_int_equal(admit_now(f, stream, other, false, &adm_other, &err), 0);
    assert_int_equal(hrd_registry_stage_admit(f->reg, stream, three, false, adm.newest, adm.n_changes, &err), 0);
    assert_int_equal(hrd_registry_stage_schema(f->reg, three, stream, NULL, &f->g, &id, &known), 0);
    assert_int_equal(hrd_registry_stage_admit(f->reg, stream, other, false, adm_other.newest, adm_other.n_changes, &err), HR_ESCHEMA);
    assert_non_null(strstr(err.text, "shop.Order.f3"));
    assert_int_equal(hrd_registry_stage_admit(f->reg, stream, three, false, adm.newest, adm.n_changes, &err), 0); /* another session was faster */
    hrd_registry_rollback(f->reg);
    hrd_group_clear(&f->g);
    assert_int_equal(hrd_registry_stage_settings(f->reg, 0, &c, &f->g), 0);
    assert_int_equal(hrd_registry_stage_admit(f->reg, stream, three, false, adm.newest, adm.n_changes, &err), HR_ESCHEMA);
    assert_non_null(strstr(err.text, "locked"));
    assert_int_equal(hrd_registry_stage_admit(f->reg, stream, three, true, adm.newest, adm.n_changes, &err), 0);
    hrd_registry_rollback(f->reg);
    hrp_schema_unref(three);
    hrp_schema_unref(other);
}

#define T(name) cmocka_unit_test_setup_teardown(test_##name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names_of_streams),
        T(versions_are_counted_per_stream),
        T(a_deleted_version_keeps_its_number_and_comes_back_when_it_is_pushed),
        T(the_number_of_a_damaged_version_is_not_given_again),
        T(schemas_of_older_stores_are_numbered_in_order),
        T(what_was_staged_meanwhile_is_looked_at_again),
        T(settings_are_the_streams_own_or_the_global_ones),
        T(what_is_staged_is_not_seen_before_it_is_published),
        T(one_group_gives_one_number_to_one_name),
        T(all_comes_back_from_the_store),
        T(a_failed_write_is_forgotten_and_its_outcome_read_back),
        T(a_damaged_schema_is_left_out_counted_and_learned_again),
        T(a_damaged_stream_record_is_no_start_with_other_numbers),
        T(stream_records_survive_and_notice_damage),
        T(a_failed_allocation_leaves_nothing_staged_behind),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
