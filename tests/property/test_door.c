/* Random batches through door and committer, under random policies, with resends that overlap: each number is resolved once, as the
 * first batch that had it said under the policy of that moment; and the ledger's terms are what a plain count here comes to. */
#include "unit.h"
#include "batches.h"
#include "commit_kit.h"
#include "findings.h"
#include "re2.h"
#include "read.h"
#include "rnd.h"
#include <stdlib.h>
#include <string.h>

#define LANES 2u
#define MOST_N 600u
#define ROUNDS 20u
#define BATCHES 60u

enum kind { GOOD, RULE, MARKED, UNKNOWN, UNTYPED, RULE_AND_UNKNOWN, LOST, KINDS };

struct count {
    uint64_t accepted, flagged, quarantined, invalid, full;
};
struct model {
    struct rnd rnd;
    struct hrp_rules *rules;
    struct ck k;
    struct hrd_policy policy;
    uint8_t kind[LANES][MOST_N];
    bool resolved[LANES][MOST_N];
    struct count counts[LANES];
};

static uint8_t gravest(uint8_t a, uint8_t b)
{
    if (a == HRD_ACTION_QUARANTINE || b == HRD_ACTION_QUARANTINE)
        return HRD_ACTION_QUARANTINE;
    return a == HRD_ACTION_DROP || b == HRD_ACTION_DROP ? HRD_ACTION_DROP : HRD_ACTION_FLAG;
}

/* By hand, from the policy alone. */
static void resolve(struct model *m, uint32_t lane, uint64_t n)
{
    uint8_t rule = m->policy.action[HRD_KIND_RULE], unknown = m->policy.action[HRD_KIND_UNKNOWN_FIELD], action;
    struct count *c = &m->counts[lane];

    if (m->resolved[lane][n])
        return;
    m->resolved[lane][n] = true;
    switch (m->kind[lane][n]) {
    case GOOD:
        c->accepted++;
        return;
    case LOST:
        c->full++;
        return;
    case UNKNOWN:
        action = unknown;
        break;
    case UNTYPED:
        action = m->policy.action[HRD_KIND_UNTYPED];
        break;
    case RULE_AND_UNKNOWN:
        action = gravest(rule, unknown);
        break;
    default:
        action = rule;
    }
    c->accepted += action == HRD_ACTION_FLAG;
    c->flagged += action == HRD_ACTION_FLAG;
    c->quarantined += action == HRD_ACTION_QUARANTINE;
    c->invalid += action == HRD_ACTION_DROP;
}

static void random_policy(struct model *m)
{
    static const uint8_t actions[] = {HRD_ACTION_QUARANTINE, HRD_ACTION_FLAG, HRD_ACTION_DROP};

    m->policy = hrd_policy_default;
    m->policy.action[HRD_KIND_RULE] = actions[rnd_below(&m->rnd, 3)];
    m->policy.action[HRD_KIND_UNKNOWN_FIELD] = actions[rnd_below(&m->rnd, 3)];
    m->policy.action[HRD_KIND_UNTYPED] = rnd_below(&m->rnd, 2) != 0 ? HRD_ACTION_QUARANTINE : HRD_ACTION_DROP;
}

static void add(struct model *m, struct hrp_builder *b, uint32_t lane, uint64_t n)
{
    int64_t time = CK_TIME_NS + (int64_t)lane * 1000000 + (int64_t)n; /* as the kit's audit wants it */
    uint8_t kind = m->kind[lane][n];
    struct hrp_buf row = HRP_BUF_INIT;

    if (kind == LOST) {
        assert_int_equal(hrp_builder_add_drop(b, lane, n, 1, HRP_DROP_FULL), 0);
        return;
    }
    if (kind == UNTYPED) {
        assert_int_equal(hrp_builder_add_raw(b, lane, n, time, "no flight", (const uint8_t *)"{", 1), 0);
        return;
    }
    test_flight_row(&row, time / 1000, kind == RULE || kind == RULE_AND_UNKNOWN ? 99999 : 1, 1, "SFO", "LAX");
    if (kind == UNKNOWN || kind == RULE_AND_UNKNOWN)
        hrp_put_bytes(&row, "\x78\x05", 2);
    assert_int_equal(hrp_builder_add(b, lane, n, time, 1, kind == MARKED ? HRP_ROW_INVALID : 0, row.p, row.n, NULL), 0);
    hrp_buf_fini(&row);
}

static void one_batch(struct model *m)
{
    uint32_t lane = rnd_below(&m->rnd, LANES);
    uint64_t from = 1 + rnd_below(&m->rnd, MOST_N - 42), to = from + 1 + rnd_below(&m->rnd, 40);
    struct hrd_batch_msg *bat = hrd_batch_msg_new();
    struct hrp_builder *b = test_builder(m->k.schema);
    struct hrp_buf out = HRP_BUF_INIT;
    struct hrp_id id = ck_id(1);
    struct ck_verdict v;

    for (uint64_t n = from; n < to; n++) {
        add(m, b, lane, n);
        resolve(m, lane, n);
    }
    assert_int_equal(hrp_builder_seal(b, &id, ++m->k.next_batch, 1, &out), 0);
    hrp_builder_free(b);
    bat->bytes = out.p;
    bat->n_bytes = bat->frame_bytes = out.n;
    bat->stream_id = m->k.stream_id;
    bat->schema_id = m->k.schema_id;
    assert_int_equal(hrp_batch_head_read(bat->bytes, bat->n_bytes, &hrp_limits_default, &bat->head), 0);
    bat->batch = test_opened(&out, m->k.schema);
    hrp_batch_sizes(bat->batch, &bat->sizes);
    assert_int_equal(hrd_findings_judge(bat, m->rules, &m->policy, NULL), 0);
    assert_int_equal(hrd_findings_keep(bat), 0);
    v = ck_commit(&m->k, bat);
    assert_int_equal(v.code, HRD_COMMITTED);
    assert_int_equal(v.accepted + v.quarantined + v.dropped + v.trimmed, to - from);
}

static uint64_t stored_flagged(struct model *m)
{
    const struct hrd_read_block *blk;
    struct hrd_reader *reader;
    struct hrd_rows *rows;
    struct hrp_row_id id;
    struct hrd_gap gap;
    uint64_t n = 0, offset;

    assert_int_equal(hrd_reader_open(m->k.log, m->k.reg, m->k.stream_id, 0, &reader), 0);
    while (hrd_reader_next(reader, &blk, &gap) == 1) {
        assert_int_equal(hrd_rows_open(blk, blk->head.first_offset, &rows), 0);
        while (hrd_rows_next(rows, &id, &offset) == 1) {
            n += (id.flags & HRP_ROW_INVALID) != 0;
            assert_int_equal(hrd_rows_skip(rows), 0);
        }
        hrd_rows_free(rows);
    }
    hrd_reader_free(reader);
    return n;
}

static void compare(struct model *m)
{
    uint64_t flagged = 0;
    struct ck_audit a;

    ck_sound(&m->k);
    ck_audit(&m->k, &a);
    for (uint32_t lane = 0; lane < LANES; lane++) {
        const struct hrd_lane_record *rec = ck_lane(&a, 1, m->k.stream_id, lane);
        const struct count *c = &m->counts[lane];

        flagged += c->flagged;
        if (rec == NULL)
            continue;
        assert_int_equal(rec->accepted, c->accepted);
        assert_int_equal(rec->quarantined, c->quarantined);
        assert_int_equal(rec->dropped[HRP_DROP_INVALID], c->invalid);
        assert_int_equal(rec->dropped[HRP_DROP_FULL], c->full);
    }
    ck_audit_fini(&a);
    assert_int_equal(stored_flagged(m), flagged);
}

static void one_round(uint64_t seed)
{
    struct model *m = calloc(1, sizeof *m);

    assert_non_null(m);
    m->rnd.state = seed;
    ck_init(&m->k);
    hrp_schema_unref(m->k.schema);
    m->k.schema = test_schema("strict_flight", "Flight");
    ck_start(&m->k, 1);
    assert_int_equal(hrp_rules_open_door(m->k.schema, &hrd_re2, &m->rules, NULL), 0);
    for (uint32_t lane = 0; lane < LANES; lane++)
        for (uint32_t n = 0; n < MOST_N; n++)
            m->kind[lane][n] = rnd_below(&m->rnd, 3) != 0 ? GOOD : (uint8_t)rnd_below(&m->rnd, KINDS);
    for (unsigned i = 0; i < BATCHES; i++) {
        random_policy(m);
        one_batch(m);
    }
    compare(m);
    hrp_rules_free(m->rules);
    ck_fini(&m->k);
    free(m);
}

static void terms_are_what_they_should_be(void **state)
{
    for (uint64_t seed = 1; seed <= ROUNDS; seed++)
        one_round(seed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(terms_are_what_they_should_be)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
