#include "commit_kit.h"
#include "alloc.h"
#include "findings.h"
#include "status.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void must(bool ok, const char *what)
{
    if (ok)
        return;
    fprintf(stderr, "commit kit: %s\n", what);
    abort();
}

/* ---- life ---- */

void ck_open(struct ck *k)
{
    struct hr_error err = {0, ""};

    must(hrd_registry_open(k->log, &k->reg, &err) == 0, err.text);
    must(hrd_committer_open(k->log, k->reg, &k->cfg, k->now_ns, &k->cm, &err) == 0, err.text);
}

void ck_init(struct ck *k)
{
    struct hrd_log *log;

    must(hrd_log_memory_open(&log) == 0, "log");
    ck_init_on(k, log);
}

void ck_init_on(struct ck *k, struct hrd_log *log)
{
    memset(k, 0, sizeof *k);
    k->log = log;
    k->schema = test_flight_schema();
    k->now_ns = CK_TIME_NS;
    ck_open(k);
}

void ck_crash(struct ck *k)
{
    hrd_committer_free(k->cm);
    hrd_registry_free(k->reg);
    k->cm = NULL;
    k->reg = NULL;
}

void ck_fini(struct ck *k)
{
    ck_crash(k);
    hrp_schema_unref(k->schema);
    k->log->ops->close(k->log);
}

void ck_start(struct ck *k, unsigned inc)
{
    struct hrd_offer_msg *off;

    ck_announce(k, inc, k->now_ns);
    ck_offer(k, inc, "Flight", k->schema);
    ck_settle(k);
    off = ck_answer(k, HRD_MSG_VERDICT);
    k->stream_id = off->stream_id;
    k->schema_id = off->schema_id;
    hrd_msg_free(&off->msg);
}

/* ---- messages ---- */

struct hrp_id ck_id(unsigned inc) { return (struct hrp_id){{0xc0, (uint8_t)(inc >> 8), (uint8_t)inc}}; }

void ck_add(struct ck *k, void *message)
{
    struct hrd_msg *msg = message;

    hrd_committer_add(k->cm, &msg);
}

void ck_announce(struct ck *k, unsigned inc, int64_t born_ns)
{
    struct hrd_announce_msg *ann = hrd_announce_msg_new();

    ann->incarnation = ann->producer = ck_id(inc);
    ann->app = hrp_strdup("shop");
    ann->version = hrp_strdup(inc % 2 != 0 ? "1.1" : "1.0");
    ann->host = hrp_strdup("host");
    ann->born_ns = born_ns;
    ck_add(k, ann);
}

void ck_gone(struct ck *k, unsigned inc)
{
    struct hrd_gone_msg *gone = hrd_gone_msg_new();

    gone->incarnations = hrp_malloc(sizeof *gone->incarnations);
    gone->incarnations[0] = ck_id(inc);
    gone->n_incarnations = 1;
    ck_add(k, gone);
}

void ck_offer(struct ck *k, unsigned inc, const char *stream, struct hrp_schema *schema)
{
    struct hrd_offer_msg *off = hrd_offer_msg_new();

    off->incarnation = ck_id(inc);
    off->stream = hrp_strdup(stream);
    off->schema = schema != NULL ? hrp_schema_ref(schema) : NULL;
    if (schema != NULL)
        memcpy(off->fingerprint, hrp_schema_fingerprint(schema), sizeof off->fingerprint);
    ck_add(k, off);
}

void ck_report(struct ck *k, unsigned inc, uint32_t lane, uint64_t next, uint64_t floor, bool closing)
{
    struct hrd_report_msg *rep = hrd_report_msg_new();

    rep->incarnation = ck_id(inc);
    rep->closing = closing;
    rep->positions = hrp_calloc(1, sizeof *rep->positions);
    rep->positions[0] = (struct hrd_position){k->stream_id, lane, next, floor};
    rep->n_positions = 1;
    ck_add(k, rep);
}

static int add_row(struct ck *k, struct hrp_builder *b, const struct hrp_segment *seg, uint64_t n)
{
    int64_t time = CK_TIME_NS + (int64_t)seg->lane * 1000000 + (int64_t)n;
    struct hrp_buf row = HRP_BUF_INIT;
    int r;

    if (seg->kind == HRP_SEG_RAW)
        return hrp_builder_add_raw(b, seg->lane, n, time, "not a flight", (const uint8_t *)"{}", 2);
    test_flight_row(&row, time / 1000, (int32_t)n, (int32_t)seg->lane, "SFO", "LAX");
    r = hrp_builder_add(b, seg->lane, n, time, 1, 0, row.p, row.n, NULL);
    hrp_buf_fini(&row);
    return r;
}

struct hrd_batch_msg *ck_batch(struct ck *k, unsigned inc, const struct hrp_segment *segs, uint32_t n_segs)
{
    struct hrd_batch_msg *bat = hrd_batch_msg_new();
    struct hrp_buf out = HRP_BUF_INIT;
    struct hrp_id id = ck_id(inc);
    struct hrp_builder *b;

    must(hrp_builder_new(k->schema, &b) == 0, "builder");
    for (uint32_t i = 0; i < n_segs; i++) {
        if (segs[i].kind == HRP_SEG_DROP)
            must(hrp_builder_add_drop(b, segs[i].lane, segs[i].first_n, segs[i].count, segs[i].reason) == 0, "drop");
        for (uint64_t j = 0; segs[i].kind != HRP_SEG_DROP && j < segs[i].count; j++)
            must(add_row(k, b, &segs[i], segs[i].first_n + j) == 0, "row");
    }
    must(hrp_builder_seal(b, &id, ++k->next_batch, 1, &out) == 0, "seal");
    hrp_builder_free(b);
    bat->bytes = out.p;
    bat->n_bytes = bat->frame_bytes = out.n;
    bat->stream_id = k->stream_id;
    bat->schema_id = k->schema_id;
    must(hrp_batch_head_read(bat->bytes, bat->n_bytes, &hrp_limits_default, &bat->head) == 0, "head");
    must(hrp_batch_open(bat->bytes, bat->n_bytes, k->schema, &hrp_limits_default, &bat->batch, NULL) == 0, "batch");
    hrp_batch_sizes(bat->batch, &bat->sizes);
    must(hrd_findings_judge(bat, NULL, &hrd_policy_default, NULL) == 0, "findings");
    return bat;
}

struct hrd_batch_msg *ck_rows(struct ck *k, unsigned inc, uint32_t lane, uint64_t first_n, uint64_t count)
{
    struct hrp_segment seg = {.lane = lane, .kind = HRP_SEG_ROWS, .first_n = first_n, .count = count};

    return ck_batch(k, inc, &seg, 1);
}

void ck_aside(struct hrd_batch_msg *bat, uint32_t row, const char *reason)
{
    struct hrd_aside *asides = hrp_realloc(bat->asides, (bat->n_asides + 1) * sizeof *asides);

    bat->asides = asides;
    asides[bat->n_asides] = (struct hrd_aside){.row = row, .at = (uint32_t)bat->aside_bytes.n, .n_bytes = 3};
    snprintf(asides[bat->n_asides].reason, sizeof asides->reason, "%s", reason);
    hrp_put_bytes(&bat->aside_bytes, "row", 3);
    bat->n_asides++;
}

void ck_whole(struct hrd_batch_msg *bat, const char *reason)
{
    hrp_batch_free(bat->batch);
    bat->batch = NULL;
    snprintf(bat->reason, sizeof bat->reason, "%s", reason);
}

/* ---- answers ---- */

void ck_settle(struct ck *k)
{
    struct hr_error err = {0, ""};

    for (unsigned i = 0; hrd_committer_broken(k->cm) || hrd_committer_pending(k->cm); i++) {
        must(i < 1000, "the committer never settles");
        if (!hrd_committer_broken(k->cm))
            (void)hrd_committer_commit(k->cm, k->now_ns);
        if (hrd_committer_broken(k->cm))
            (void)hrd_committer_reopen(k->cm, k->now_ns, &err);
    }
}

void *ck_answer(struct ck *k, enum hrd_msg_type type)
{
    struct hrd_msg *msg = hrd_committer_take(k->cm);

    must(msg != NULL, "no answer");
    must(msg->type == type, "an answer of another type");
    return msg;
}

struct ck_verdict ck_verdict(struct ck *k)
{
    struct hrd_batch_msg *bat = ck_answer(k, HRD_MSG_COMMITTED);
    struct ck_verdict v = {bat->code, bat->error, bat->accepted, bat->quarantined, bat->dropped, bat->trimmed, bat->commit, bat->block.first_offset};

    hrd_msg_free(&bat->msg);
    return v;
}

struct ck_verdict ck_commit(struct ck *k, struct hrd_batch_msg *bat)
{
    ck_add(k, bat);
    ck_settle(k);
    return ck_verdict(k);
}

/* ---- audit ---- */

static void say(struct ck_audit *a, const char *fmt, uint64_t x, uint64_t y)
{
    if (a->wrong[0] == '\0')
        snprintf(a->wrong, sizeof a->wrong, fmt, (unsigned long long)x, (unsigned long long)y);
}

static void *one_more(void *list, size_t n, size_t *cap, size_t size)
{
    if (n < *cap)
        return list;
    *cap = *cap != 0 ? *cap * 2 : 64;
    list = hrp_realloc(list, *cap * size);
    must(list != NULL, "memory");
    return list;
}

static bool selected(const struct hrd_block_head *h, uint32_t row)
{
    for (uint32_t i = 0; i < h->n_selection; i++)
        if (row >= h->selection[i].from && row < h->selection[i].to)
            return true;
    return h->n_selection == 0;
}

static void add_rows(struct ck_audit *a, const struct hrd_block_head *h, const struct hrp_batch *batch)
{
    uint64_t offset = h->first_offset;
    uint32_t row = 0;

    for (uint32_t i = 0; i < batch->head.n_segments; i++) {
        const struct hrp_segment *seg = &batch->head.segments[i];

        for (uint64_t j = 0; seg->kind == HRP_SEG_ROWS && j < seg->count; j++, row++) {
            uint64_t n = seg->first_n + j;

            if (!selected(h, row))
                continue;
            a->rows = one_more(a->rows, a->n_rows, &a->cap_rows, sizeof *a->rows);
            a->rows[a->n_rows++] = (struct ck_row){h->incarnation, h->stream_id, seg->lane, n, offset++};
            if (batch->event_time_ns[row] != CK_TIME_NS + (int64_t)seg->lane * 1000000 + (int64_t)n)
                say(a, "row %llu of lane %llu is another one", n, seg->lane);
            if (batch->event_time_ns[row] < h->min_event_time_ns || batch->event_time_ns[row] > h->max_event_time_ns)
                say(a, "row %llu of lane %llu is outside its block's times", n, seg->lane);
        }
    }
    if (offset != h->first_offset + h->n_rows)
        say(a, "a block at %llu has not the %llu rows it states", h->first_offset, h->n_rows);
}

typedef void visit_fn(struct ck *k, struct ck_audit *a, const uint8_t *key, size_t n_key, const uint8_t *value, size_t n);

static void visit_all(struct ck *k, struct ck_audit *a, enum hrd_cf cf, visit_fn *fn)
{
    const struct hrd_log_ops *ops = k->log->ops;
    const uint8_t *key, *value;
    struct hrd_snapshot *snap;
    size_t n_key, n;
    struct hrd_iter *it;
    int r;

    must(ops->snapshot(k->log, &snap) == 0, "snapshot");
    must(ops->iter(snap, cf, NULL, 0, &it) == 0, "iterator");
    while ((r = ops->next(it, &key, &n_key, &value, &n)) == 1)
        fn(k, a, key, n_key, value, n);
    must(r == 0, "iteration");
    ops->iter_free(it);
    ops->snapshot_free(snap);
}

struct next {
    uint64_t offset[CK_STREAMS];
};
static struct next next_of;

static void visit_block(struct ck *k, struct ck_audit *a, const uint8_t *key, size_t n_key, const uint8_t *value, size_t n)
{
    struct hrd_block_head h;
    struct hrp_batch *batch;
    uint8_t expected[12];
    size_t used;

    must(hrd_block_head_read(value, n, &h, &used) == 0 && h.stream_id < CK_STREAMS, "block head");
    hrd_block_key(h.stream_id, h.first_offset, expected);
    if (n_key != 12 || memcmp(key, expected, 12) != 0)
        say(a, "block %llu of stream %llu stands under another key", h.first_offset, h.stream_id);
    if (h.first_offset != next_of.offset[h.stream_id])
        say(a, "a block starts at %llu, not at %llu: offsets are not dense", h.first_offset, next_of.offset[h.stream_id]);
    next_of.offset[h.stream_id] = h.first_offset + h.n_rows;
    must(hrp_batch_open(value + used, n - used, k->schema, &hrp_limits_default, &batch, NULL) == 0, "stored batch");
    add_rows(a, &h, batch);
    hrp_batch_free(batch);
    hrd_block_head_fini(&h);
}

static void visit_quarantined(struct ck *k, struct ck_audit *a, const uint8_t *key, size_t n_key, const uint8_t *value, size_t n)
{
    struct hrd_quarantined q;

    must(hrd_quarantined_read(value, n, &q) == 0 && q.stream_id < CK_STREAMS, "quarantined row");
    a->quarantined[q.stream_id] += q.n_count;
    a->n_quarantine_records++;
}

static void visit_record(struct ck *k, struct ck_audit *a, const uint8_t *key, size_t n_key, const uint8_t *value, size_t n)
{
    struct ck_lane lane;

    if (n_key != 25)
        return;
    memset(&lane, 0, sizeof lane);
    memcpy(lane.incarnation.b, key, 16);
    hrd_lane_record_init(&lane.rec, (uint32_t)(key[19] << 8 | key[20]), (uint32_t)(key[23] << 8 | key[24]));
    must(hrd_lane_record_read(value, n, &lane.rec) == 0, "lane record");
    a->lanes = one_more(a->lanes, a->n_lanes, &a->cap_lanes, sizeof *a->lanes);
    a->lanes[a->n_lanes++] = lane;
}

static void visit_stream(struct ck *k, struct ck_audit *a, const uint8_t *key, size_t n_key, const uint8_t *value, size_t n)
{
    struct hrd_stream_record rec;

    if (key[0] != 's')
        return;
    must(hrd_stream_record_read(value, n, &rec) == 0 && rec.stream_id < CK_STREAMS, "stream record");
    if (rec.next_offset != next_of.offset[rec.stream_id] || rec.rows != rec.next_offset)
        say(a, "a stream's next offset is %llu; its blocks end at %llu", rec.next_offset, next_of.offset[rec.stream_id]);
    if (rec.quarantined != a->quarantined[rec.stream_id])
        say(a, "a stream counts %llu rows in quarantine; there are %llu", rec.quarantined, a->quarantined[rec.stream_id]);
}

static int compare_rows(const void *x, const void *y)
{
    const struct ck_row *a = x, *b = y;
    int c = hrp_id_cmp(&a->incarnation, &b->incarnation);

    if (c != 0)
        return c;
    if (a->stream_id != b->stream_id)
        return a->stream_id < b->stream_id ? -1 : 1;
    if (a->lane != b->lane)
        return a->lane < b->lane ? -1 : 1;
    return a->n < b->n ? -1 : a->n > b->n;
}

static void check_rows(struct ck_audit *a)
{
    if (a->n_rows != 0)
        qsort(a->rows, a->n_rows, sizeof *a->rows, compare_rows);
    for (size_t i = 1; i < a->n_rows; i++)
        if (compare_rows(&a->rows[i - 1], &a->rows[i]) == 0)
            say(a, "n %llu of lane %llu is stored twice", a->rows[i].n, a->rows[i].lane);
}

/* Rows stored under a record are what it says was accepted, all of them resolved; the rest of its sums too. */
static void check_records(struct ck_audit *a)
{
    uint64_t accepted = 0, quarantined[CK_STREAMS] = {0};

    for (size_t i = 0; i < a->n_lanes; i++) {
        const struct hrd_lane_record *rec = &a->lanes[i].rec;
        struct ck_row key = {a->lanes[i].incarnation, rec->stream_id, rec->lane, 0, 0};
        struct hrd_terms t;
        uint64_t stored = 0;

        for (size_t j = 0; j < a->n_rows; j++) {
            key.n = a->rows[j].n;
            if (compare_rows(&key, &a->rows[j]) != 0)
                continue;
            stored++;
            if (!hrd_ranges_meets(&rec->resolved, key.n, key.n + 1))
                say(a, "n %llu of lane %llu is stored and not resolved", key.n, key.lane);
        }
        if (stored != rec->accepted)
            say(a, "a record has accepted %llu rows; %llu are stored", rec->accepted, stored);
        accepted += rec->accepted;
        quarantined[rec->stream_id] += rec->quarantined;
        hrd_lane_record_terms(rec, false, &t);
        if (!hrd_terms_balanced(&t))
            say(a, "the ledger of lane %llu of stream %llu does not balance", rec->lane, rec->stream_id);
    }
    if (accepted != a->n_rows)
        say(a, "%llu rows are accepted; %llu are stored", accepted, a->n_rows);
    for (unsigned i = 0; i < CK_STREAMS; i++)
        if (quarantined[i] != a->quarantined[i])
            say(a, "%llu rows are resolved to quarantine; %llu are there", quarantined[i], a->quarantined[i]);
}

static void check_status(struct ck *k, struct ck_audit *a)
{
    uint64_t logged = 0, accepted = 0, records_logged = 0;
    struct hrd_status *st;
    struct hrd_terms t;

    if (hrd_committer_broken(k->cm))
        return;
    must(hrd_committer_status(k->cm, k->now_ns, &st) == 0, "status");
    for (uint32_t i = 0; i < st->n_lines; i++) {
        const struct hrd_ledger_line *l = &st->lines[i];
        uint64_t sum = l->accepted + l->quarantined + l->in_flight + l->missing;

        for (unsigned d = 0; d < HRP_DROP_N; d++)
            sum += l->dropped[d];
        if (sum != l->logged)
            say(a, "a line of the ledger has %llu logged and %llu in its terms", l->logged, sum);
        logged += l->logged;
        accepted += l->accepted;
    }
    for (size_t i = 0; i < a->n_lanes; i++) {
        hrd_lane_record_terms(&a->lanes[i].rec, false, &t);
        records_logged += t.logged;
    }
    if (logged != records_logged)
        say(a, "the ledger has %llu logged; the records have %llu", logged, records_logged);
    if (accepted != a->n_rows)
        say(a, "the ledger has %llu accepted; %llu are stored", accepted, a->n_rows);
    hrd_status_unref(st);
}

void ck_audit(struct ck *k, struct ck_audit *a)
{
    memset(a, 0, sizeof *a);
    memset(&next_of, 0, sizeof next_of);
    visit_all(k, a, HRD_CF_BLOCKS, visit_block);
    visit_all(k, a, HRD_CF_QUARANTINE, visit_quarantined);
    visit_all(k, a, HRD_CF_PRODUCERS, visit_record);
    visit_all(k, a, HRD_CF_SCHEMAS, visit_stream);
    check_rows(a);
    check_records(a);
    check_status(k, a);
}

void ck_audit_fini(struct ck_audit *a)
{
    for (size_t i = 0; i < a->n_lanes; i++)
        hrd_lane_record_fini(&a->lanes[i].rec);
    hrp_free(a->lanes);
    hrp_free(a->rows);
}

bool ck_stored(const struct ck_audit *a, unsigned inc, uint32_t lane, uint64_t n)
{
    struct hrp_id id = ck_id(inc);

    for (size_t i = 0; i < a->n_rows; i++)
        if (a->rows[i].n == n && a->rows[i].lane == lane && hrp_id_cmp(&a->rows[i].incarnation, &id) == 0)
            return true;
    return false;
}

const struct hrd_lane_record *ck_lane(const struct ck_audit *a, unsigned inc, uint32_t stream_id, uint32_t lane)
{
    struct hrp_id id = ck_id(inc);

    for (size_t i = 0; i < a->n_lanes; i++)
        if (a->lanes[i].rec.stream_id == stream_id && a->lanes[i].rec.lane == lane && hrp_id_cmp(&a->lanes[i].incarnation, &id) == 0)
            return &a->lanes[i].rec;
    return NULL;
}

void ck_sound(struct ck *k)
{
    struct ck_audit a;

    ck_audit(k, &a);
    must(a.wrong[0] == '\0', a.wrong);
    ck_audit_fini(&a);
}
