/* Lives of a committer against a model of a few lines: random batches of three incarnations, resent, overlapping, out of order,
 * evicted, undecodable; writes that fail, applied or not; reopens that fail; crashes. At the end of each life every number is
 * resolved as the model says, once, and the audit of the store finds nothing wrong.
 *
 * The control: with each planted bug (plant.h) some life must end badly. HEADRACE_SEED=n repeats one life. */
#include "commit_kit.h"
#include "alloc.h"
#include "plant.h"
#include "unit.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define INCS 3u
#define LANES 2u
#define N_MAX 40u
#define STEPS 60u
#define LIVES 1500u
#define LIVES_TO_FIND 60u /* a planted bug shows in far fewer */

enum fate { UNRESOLVED, STORED, QUARANTINED, DROPPED };
struct spec { /* a batch, as the model knows it */
    unsigned inc;
    struct hrp_segment segs[3];
    uint32_t n_segs;
    bool whole;
    uint32_t aside_every; /* 0: none; else rows whose index divides by it */
};
struct life {
    struct ck k;
    uint64_t seed;
    struct spec sent[16];            /* some to send again */
    uint32_t n_sent;
    struct spec waiting[STEPS + 1];  /* added, and not known to be durable */
    uint32_t n_waiting;
    bool applied;                    /* what the next failure leaves behind */
    enum fate fate[INCS][LANES][N_MAX + 1];
    bool acked[INCS][LANES][N_MAX + 1];
    char wrong[512];
};

static uint32_t rnd(struct life *l, uint32_t n)
{
    l->seed = l->seed * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(l->seed >> 33) % n;
}

static void say(struct life *l, const char *what, unsigned inc, unsigned lane, unsigned n)
{
    if (l->wrong[0] == '\0')
        snprintf(l->wrong, sizeof l->wrong, "%s: incarnation %u, lane %u, n %u", what, inc, lane, n);
}

/* ---- the model ---- */

static enum fate fate_of(const struct spec *s, const struct hrp_segment *seg, uint32_t row)
{
    if (seg->kind == HRP_SEG_DROP)
        return DROPPED;
    if (s->whole || seg->kind == HRP_SEG_RAW)
        return QUARANTINED;
    return s->aside_every != 0 && row % s->aside_every == 0 ? QUARANTINED : STORED;
}

/* The first resolution wins. */
static void apply(struct life *l, const struct spec *s)
{
    uint32_t row = 0;

    for (uint32_t i = 0; i < s->n_segs; i++)
        for (uint64_t j = 0; j < s->segs[i].count; j++) {
            enum fate *f = &l->fate[s->inc][s->segs[i].lane][s->segs[i].first_n + j];

            if (*f == UNRESOLVED)
                *f = fate_of(s, &s->segs[i], row);
            row += s->segs[i].kind == HRP_SEG_ROWS;
        }
}

static void apply_waiting(struct life *l)
{
    for (uint32_t i = 0; i < l->n_waiting; i++)
        apply(l, &l->waiting[i]);
}

/* ---- what happens ---- */

static struct spec random_spec(struct life *l)
{
    struct spec s = {.inc = rnd(l, INCS), .n_segs = 1 + rnd(l, 3), .whole = rnd(l, 12) == 0, .aside_every = rnd(l, 4) == 0 ? 2 + rnd(l, 3) : 0};

    for (uint32_t i = 0; i < s.n_segs; i++) {
        uint64_t first = 1 + rnd(l, N_MAX), count = 1 + rnd(l, 8);
        uint32_t kind = rnd(l, 10);

        if (first + count > N_MAX + 1)
            count = N_MAX + 1 - first;
        s.segs[i] = (struct hrp_segment){.lane = rnd(l, LANES), .first_n = first, .count = count,
                                         .kind = kind < 7 ? HRP_SEG_ROWS : kind < 8 ? HRP_SEG_RAW : HRP_SEG_DROP};
        s.segs[i].reason = s.segs[i].kind == HRP_SEG_DROP ? (uint8_t)(1 + rnd(l, HRP_DROP_N - 1)) : 0;
    }
    return s;
}

static void send_batch(struct life *l, const struct spec *s)
{
    struct hrd_batch_msg *bat = ck_batch(&l->k, s->inc, s->segs, s->n_segs);

    for (uint32_t row = 0; s->aside_every != 0 && row < bat->head.n_rows; row += s->aside_every)
        ck_aside(bat, row, "odd");
    if (s->whole)
        ck_whole(bat, "can't be decoded");
    l->waiting[l->n_waiting++] = *s;
    ck_add(&l->k, bat);
}

static void new_or_old_batch(struct life *l)
{
    struct spec s = l->n_sent != 0 && rnd(l, 3) == 0 ? l->sent[rnd(l, l->n_sent)] : random_spec(l);

    if (l->n_sent < 16)
        l->sent[l->n_sent++] = s;
    else
        l->sent[rnd(l, 16)] = s;
    send_batch(l, &s);
}

static void check_answer(struct life *l, const struct hrd_batch_msg *bat)
{
    uint64_t all = 0;

    for (uint32_t i = 0; i < bat->head.n_segments; i++) {
        const struct hrp_segment *seg = &bat->head.segments[i];

        all += seg->count;
        for (uint64_t j = 0; j < seg->count; j++)
            l->acked[(unsigned)bat->head.incarnation.b[2]][seg->lane][seg->first_n + j] = true;
    }
    if (bat->code != HRD_COMMITTED || bat->accepted + bat->quarantined + bat->dropped + bat->trimmed != all)
        say(l, "an answer does not account for its batch", bat->head.incarnation.b[2], 0, 0);
}

static void take_answers(struct life *l)
{
    struct hrd_msg *msg;

    while ((msg = hrd_committer_take(l->k.cm)) != NULL) {
        if (msg->type == HRD_MSG_COMMITTED)
            check_answer(l, (struct hrd_batch_msg *)msg);
        hrd_msg_free(msg);
    }
}

static void commit(struct life *l)
{
    int r = hrd_committer_commit(l->k.cm, l->k.now_ns);

    if (r == 0 || l->applied)
        apply_waiting(l);
    take_answers(l);
    if (r == 0) {
        l->n_waiting = 0;
        return;
    }
    hrd_log_memory_fail_reopen(l->k.log, rnd(l, 2));
    while (hrd_committer_broken(l->k.cm))
        (void)hrd_committer_reopen(l->k.cm, l->k.now_ns, NULL);
}

static void commit_all(struct life *l)
{
    while (hrd_committer_pending(l->k.cm))
        commit(l);
}

static void restart(struct life *l)
{
    ck_crash(&l->k);
    l->n_waiting = 0;
    ck_open(&l->k);
    for (unsigned i = 0; i < INCS; i++)
        ck_announce(&l->k, i, CK_TIME_NS);
    commit_all(l);
}

static void plan_failure(struct life *l)
{
    l->applied = rnd(l, 2) == 0;
    hrd_log_memory_fail(l->k.log, 1 + rnd(l, 2), l->applied);
}

static void other(struct life *l)
{
    unsigned inc = rnd(l, INCS);
    uint64_t next = 1 + rnd(l, N_MAX + 1);

    switch (rnd(l, 4)) {
    case 0: /* a new connection, and the end of the old one */
        ck_announce(&l->k, inc, CK_TIME_NS);
        ck_gone(&l->k, inc);
        break;
    case 1:
        ck_report(&l->k, inc, rnd(l, LANES), next, 1 + rnd(l, (uint32_t)next), rnd(l, 20) == 0);
        break;
    default:
        ck_offer(&l->k, inc, rnd(l, 2) != 0 ? "a.Refused" : "Flight", NULL);
    }
}

static void step(struct life *l)
{
    uint32_t what = rnd(l, 20);

    if (what < 11)
        new_or_old_batch(l);
    else if (what < 15)
        commit(l);
    else if (what < 17)
        plan_failure(l);
    else if (what < 18)
        restart(l);
    else
        other(l);
}

/* ---- the end ---- */

static void check_lane(struct life *l, const struct ck_audit *a, unsigned inc, unsigned lane)
{
    const struct hrd_lane_record *rec = ck_lane(a, inc, l->k.stream_id, lane);
    uint64_t sum[4] = {0}, dropped = 0;

    for (unsigned n = 1; n <= N_MAX; n++) {
        enum fate f = l->fate[inc][lane][n];
        bool resolved = rec != NULL && hrd_ranges_meets(&rec->resolved, n, n + 1);

        sum[f]++;
        if (resolved != (f != UNRESOLVED))
            say(l, resolved ? "resolved out of nothing" : "not resolved", inc, lane, n);
        if (ck_stored(a, inc, lane, n) != (f == STORED))
            say(l, f == STORED ? "lost" : "stored, though resolved otherwise", inc, lane, n);
        if (l->acked[inc][lane][n] && !resolved)
            say(l, "acknowledged and gone", inc, lane, n);
    }
    for (unsigned i = 0; rec != NULL && i < HRP_DROP_N; i++)
        dropped += rec->dropped[i];
    if (rec != NULL && (rec->accepted != sum[STORED] || rec->quarantined != sum[QUARANTINED] || dropped != sum[DROPPED]))
        say(l, "the record's terms are not the model's", inc, lane, 0);
}

static void check_end(struct life *l)
{
    struct ck_audit a;

    ck_audit(&l->k, &a);
    if (a.wrong[0] != '\0' && l->wrong[0] == '\0')
        snprintf(l->wrong, sizeof l->wrong, "%s", a.wrong);
    for (unsigned inc = 0; inc < INCS; inc++)
        for (unsigned lane = 0; lane < LANES; lane++)
            check_lane(l, &a, inc, lane);
    ck_audit_fini(&a);
}

/* True: all went well. */
static bool live(uint64_t seed, char *wrong, size_t n_wrong)
{
    struct life *l = calloc(1, sizeof *l);
    bool well;

    assert_non_null(l);
    l->seed = seed * UINT64_C(0x9e3779b97f4a7c15);
    ck_init(&l->k);
    ck_start(&l->k, 0);
    for (unsigned i = 1; i < INCS; i++)
        ck_announce(&l->k, i, CK_TIME_NS);
    for (unsigned i = 0; i < STEPS; i++)
        step(l);
    commit_all(l);
    check_end(l);
    restart(l); /* and what a new start makes of it */
    check_end(l);
    well = l->wrong[0] == '\0';
    snprintf(wrong, n_wrong, "%s", l->wrong);
    ck_fini(&l->k);
    free(l);
    return well;
}

static void test_every_number_is_resolved_once_in_every_life(void **state)
{
    const char *one = getenv("HEADRACE_SEED");
    uint64_t first = one != NULL ? strtoull(one, NULL, 10) : 1, last = one != NULL ? first : LIVES;
    char wrong[512];

    for (uint64_t seed = first; seed <= last; seed++)
        if (!live(seed, wrong, sizeof wrong))
            fail_msg("HEADRACE_SEED=%llu: %s", (unsigned long long)seed, wrong);
}

static void find(int plant, const char *name)
{
#ifdef HRP_FAULTS
    char wrong[512];

    for (uint64_t seed = 1; seed <= LIVES_TO_FIND; seed++) {
        bool well;

        hrd_plant = (enum hrd_plant)plant;
        well = live(seed, wrong, sizeof wrong);
        hrd_plant = HRD_PLANT_NONE;
        if (!well) {
            print_message("%s: found in life %llu: %s\n", name, (unsigned long long)seed, wrong);
            return;
        }
    }
    fail_msg("%s: not found in %u lives", name, LIVES_TO_FIND);
#else
    skip();
#endif
}

static void test_control_trim_off_is_found(void **state) { find(HRD_PLANT_TRIM_OFF, "trim off"); }
static void test_control_trim_in_worker_is_found(void **state) { find(HRD_PLANT_TRIM_IN_WORKER, "trim in worker"); }
static void test_control_ack_before_commit_is_found(void **state) { find(HRD_PLANT_ACK_BEFORE_COMMIT, "ack before commit"); }
static void test_control_ranges_outside_write_is_found(void **state) { find(HRD_PLANT_RANGES_OUTSIDE_WRITE, "ranges outside the write"); }
static void test_control_watermark_is_found(void **state) { find(HRD_PLANT_WATERMARK, "watermark"); }

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_number_is_resolved_once_in_every_life),
        cmocka_unit_test(test_control_trim_off_is_found),
        cmocka_unit_test(test_control_trim_in_worker_is_found),
        cmocka_unit_test(test_control_ack_before_commit_is_found),
        cmocka_unit_test(test_control_ranges_outside_write_is_found),
        cmocka_unit_test(test_control_watermark_is_found),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
