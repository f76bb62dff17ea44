/* What was logged, against what is there. The applications' calls are counted here by themselves; the ledger, being a
 * partition, would balance over anything. */
#include "sim.h"
#include "alloc.h"
#include "status.h"
#include <stdlib.h>

void sim_oracle_call(struct sim *s, struct sim_folder *f, uint32_t lane, uint32_t type, uint64_t value, enum sim_outcome outcome)
{
    struct sim_track *t = &f->tracks[lane][type];

    if (t->n == t->cap) {
        t->cap = t->cap == 0 ? 64 : t->cap * 2;
        t->v = realloc(t->v, t->cap * sizeof *t->v);
        if (t->v == NULL)
            abort();
    }
    t->v[t->n++] = (struct sim_call){.value = value, .outcome = (uint8_t)outcome};
}

size_t sim_text(uint64_t value, char ret[SIM_TEXT_MAX + 1])
{
    uint64_t h = (value + 1) * UINT64_C(0x9e3779b97f4a7c15);
    size_t n = h >> 58 == 0 ? SIM_TEXT_MAX : (size_t)(h >> 40) % 40;

    for (size_t i = 0; i < n; i++)
        ret[i] = (char)('a' + (h >> (i % 50)) % 26);
    ret[n] = '\0';
    return n;
}

/* ---- after each commit ---- */

static uint64_t dropped(const struct hrd_ledger_line *l)
{
    uint64_t sum = 0;

    for (unsigned i = 0; i < HRP_DROP_N; i++)
        sum += l->dropped[i];
    return sum;
}

void sim_oracle_commit(struct sim *s)
{
    uint64_t rows = 0, quarantined = 0, accepted = 0, aside = 0;
    struct hrd_status *st;

    if (!sim_chance(s, 250))
        return;
    if (hrd_committer_status(s->server.committer, sim_wall(s), &st) != 0) {
        sim_fail(s, "no memory for a status");
        return;
    }
    for (uint32_t i = 0; i < st->n_lines; i++) {
        const struct hrd_ledger_line *l = &st->lines[i];

        if (l->logged != l->accepted + l->quarantined + dropped(l) + l->in_flight + l->missing)
            sim_fail(s, "the ledger does not balance after commit %llu", (unsigned long long)st->commits);
        accepted += l->accepted;
        aside += l->quarantined;
    }
    for (uint32_t i = 0; i < st->n_streams; i++) {
        rows += st->streams[i].rows;
        quarantined += st->streams[i].quarantined;
        if (st->streams[i].next_offset != st->streams[i].rows)
            sim_fail(s, "%s: %llu rows, but the next offset is %llu", st->streams[i].name, (unsigned long long)st->streams[i].rows,
                     (unsigned long long)st->streams[i].next_offset);
    }
    if (rows != accepted || quarantined != aside)
        sim_fail(s, "after commit %llu the ledger has %llu and %llu rows, the streams %llu and %llu", (unsigned long long)st->commits,
                 (unsigned long long)accepted, (unsigned long long)aside, (unsigned long long)rows, (unsigned long long)quarantined);
    hrd_status_unref(st);
}

/* ---- at the end: the store, row by row ---- */

static unsigned type_of(struct sim *s, uint32_t stream_id)
{
    struct hrd_stream_info info;

    if (hrd_registry_stream(s->server.registry, stream_id, &info) == 0)
        for (unsigned i = 0; i < SIM_TYPES; i++)
            if (strcmp(info.name, sim_type_name(i)) == 0)
                return i;
    sim_fail(s, "a stream that nobody logged to: %u", stream_id);
    return 0;
}

static struct sim_folder *folder_of(struct sim *s, const struct hrp_id *id)
{
    for (unsigned i = 0; i < s->n_folders; i++)
        if (hrp_id_cmp(&s->folders[i].id, id) == 0)
            return &s->folders[i];
    return NULL;
}

/* The call of a row; NULL: there was none, or its row was there before. */
static struct sim_call *see(struct sim *s, const struct hrp_id *inc, uint32_t lane, unsigned type, uint64_t n)
{
    struct sim_folder *f = folder_of(s, inc);
    struct sim_track *t = f != NULL && lane < SIM_LANES ? &f->tracks[lane][type] : NULL;

    if (t == NULL || n == 0 || n > t->n) {
        sim_fail(s, "a row that nobody logged: lane %u, %s, n %llu", lane, sim_type_name(type), (unsigned long long)n);
        return NULL;
    }
    if (t->v[n - 1].seen) {
        sim_fail(s, "twice: folder %u, lane %u, %s, n %llu", (unsigned)(f - s->folders), lane, sim_type_name(type), (unsigned long long)n);
        return NULL;
    }
    t->v[n - 1].seen = true;
    return &t->v[n - 1];
}

static void check_row(struct sim *s, const struct hrp_batch *b, uint32_t row, const struct hrd_block_head *head, uint32_t lane, unsigned type, uint64_t n)
{
    const struct hrp_column *id = &b->columns[hrp_schema_by_path(b->schema, "id")->id];
    const struct hrp_column *text = &b->columns[hrp_schema_by_path(b->schema, "text")->id];
    struct sim_call *call = see(s, &head->incarnation, lane, type, n);
    char expected[SIM_TEXT_MAX + 1];
    uint32_t n_text;
    const uint8_t *p;

    if (call == NULL)
        return;
    p = hrp_column_bytes(text, row, &n_text);
    if (call->outcome != SIM_ROW && call->outcome != SIM_MAYBE_ROW)
        sim_fail(s, "a row of a call that did not log one (%u): n %llu", call->outcome, (unsigned long long)n);
    else if ((uint64_t)id->i64[id->constant ? 0 : row] != call->value || n_text != sim_text(call->value, expected) || memcmp(p, expected, n_text) != 0)
        sim_fail(s, "another row than was logged: lane %u, %s, n %llu", lane, sim_type_name(type), (unsigned long long)n);
}

static bool selected(const struct hrd_block_head *head, uint32_t row)
{
    for (uint32_t i = 0; i < head->n_selection; i++)
        if (row >= head->selection[i].from && row < head->selection[i].to)
            return true;
    return head->n_selection == 0;
}

static void check_rows(struct sim *s, const struct hrp_batch *b, const struct hrd_block_head *head, unsigned type)
{
    uint32_t row = 0, stored = 0;

    for (uint32_t i = 0; i < b->head.n_segments; i++) {
        const struct hrp_segment *seg = &b->head.segments[i];

        for (uint64_t k = 0; seg->kind == HRP_SEG_ROWS && k < seg->count; k++, row++)
            if (selected(head, row)) {
                check_row(s, b, row, head, seg->lane, type, seg->first_n + k);
                stored++;
            }
    }
    if (stored != head->n_rows)
        sim_fail(s, "a block of %u rows says it has %u", stored, head->n_rows);
}

static void check_block(struct sim *s, const uint8_t *p, size_t n, uint64_t next_offset[SIM_TYPES])
{
    struct hrd_block_head head;
    struct hrp_schema *schema;
    struct hrp_batch *b;
    size_t used;
    unsigned type;

    if (hrd_block_head_read(p, n, &head, &used) != 0) {
        sim_fail(s, "a block's head can't be read");
        return;
    }
    type = type_of(s, head.stream_id);
    if (head.first_offset != next_offset[type])
        sim_fail(s, "%s: offset %llu where %llu was due", sim_type_name(type), (unsigned long long)head.first_offset,
                 (unsigned long long)next_offset[type]);
    next_offset[type] = head.first_offset + head.n_rows;
    schema = hrd_registry_schema(s->server.registry, head.schema_id);
    if (schema == NULL || hrp_batch_open(p + used, n - used, schema, &hrp_limits_default, &b, NULL) != 0)
        sim_fail(s, "a stored batch can't be read");
    else {
        check_rows(s, b, &head, type);
        hrp_batch_free(b);
    }
    hrp_schema_unref(schema);
    hrd_block_head_fini(&head);
}

static void check_quarantined(struct sim *s, const uint8_t *p, size_t n)
{
    struct hrd_quarantined q;
    struct sim_folder *f;
    struct sim_call *call;

    if (hrd_quarantined_read(p, n, &q) != 0) {
        sim_fail(s, "a row that was set aside can't be read");
        return;
    }
    f = folder_of(s, &q.incarnation);
    if (f != NULL && f->lossy)
        return; /* a damaged batch, set aside whole: its rows are told by their number only */
    if (q.n_count != 1) {
        sim_fail(s, "%llu rows were set aside whole: %s", (unsigned long long)q.n_count, q.reason);
        return;
    }
    call = see(s, &q.incarnation, q.lane, type_of(s, q.stream_id), q.n);
    if (call != NULL && call->outcome != SIM_RAW)
        sim_fail(s, "a good row was set aside: %s", q.reason);
}

static void check_store(struct sim *s)
{
    const struct hrd_log_ops *ops = s->server.log->ops;
    uint64_t next_offset[SIM_TYPES] = {0};
    const uint8_t *key, *value;
    struct hrd_snapshot *snap;
    struct hrd_iter *it;
    size_t n_key, n;

    if (ops->snapshot(s->server.log, &snap) != 0)
        abort();
    for (unsigned pass = 0; pass < 2; pass++) {
        if (ops->iter(snap, pass == 0 ? HRD_CF_BLOCKS : HRD_CF_QUARANTINE, "", 0, &it) != 0)
            abort();
        while (ops->next(it, &key, &n_key, &value, &n) == 1)
            if (pass == 0)
                check_block(s, value, n, next_offset);
            else
                check_quarantined(s, value, n);
        ops->iter_free(it);
    }
    ops->snapshot_free(snap);
}

/* ---- at the end: the ledger ---- */

struct tally {
    uint64_t calls, rows, raw, lost, by_outcome[SIM_MEMORY + 1];
};

static void tally_track(const struct sim_track *t, struct tally *sum)
{
    for (size_t i = 0; i < t->n; i++) {
        const struct sim_call *c = &t->v[i];
        bool row = c->outcome == SIM_ROW || c->outcome == SIM_MAYBE_ROW || c->outcome == SIM_RAW;

        sum->calls++;
        sum->by_outcome[c->outcome]++;
        sum->rows += c->seen && c->outcome != SIM_RAW;
        sum->raw += c->seen && c->outcome == SIM_RAW;
        sum->lost += row && !c->seen;
    }
}

static void tally_folder(const struct sim_folder *f, struct tally *sum)
{
    for (unsigned l = 0; l < SIM_LANES; l++)
        for (unsigned t = 0; t < SIM_TYPES; t++)
            tally_track(&f->tracks[l][t], sum);
}

static void check_folder(struct sim *s, unsigned i, const struct hrd_status *st)
{
    const struct hrd_producer_status *p = NULL;
    struct tally sum = {0};

    tally_folder(&s->folders[i], &sum);
    for (uint32_t k = 0; k < st->n_producers; k++)
        if (hrp_id_cmp(&st->producers[k].incarnation, &s->folders[i].id) == 0)
            p = &st->producers[k];
    if (sum.calls == 0 || s->folders[i].lossy)
        return;
    if (p == NULL) {
        sim_fail(s, "folder %u: the collector never heard of its incarnation", i);
        return;
    }
    if (p->logged != sum.calls || p->accepted != sum.rows || p->quarantined != sum.raw || p->missing != 0 || p->in_flight != 0 ||
        p->dropped != sum.calls - sum.rows - sum.raw || !p->closed)
        sim_fail(s, "folder %u: logged %llu, stored %llu and %llu; its ledger says logged %llu = accepted %llu + quarantined %llu + dropped %llu "
                 "+ in flight %llu + missing %llu%s", i, (unsigned long long)sum.calls, (unsigned long long)sum.rows, (unsigned long long)sum.raw,
                 (unsigned long long)p->logged, (unsigned long long)p->accepted, (unsigned long long)p->quarantined,
                 (unsigned long long)p->dropped, (unsigned long long)p->in_flight, (unsigned long long)p->missing, p->closed ? "" : ", open");
}

/* A lane counts its drops by reason, not which number had which. So drops of several reasons that were sent before they were
 * on a disk that is full, by a process that was killed then, may be told again in another order, of which parts are new. */
static void check_drops(struct sim *s, const struct tally *sum, const uint64_t by[HRP_DROP_N])
{
    const uint64_t *o = sum->by_outcome;
    uint64_t told = by[HRP_DROP_FULL] + by[HRP_DROP_TOOBIG] + by[HRP_DROP_MEMORY] + by[HRP_DROP_ABORTED];

    if (told != o[SIM_FULL] + o[SIM_TOOBIG] + o[SIM_MEMORY] + o[SIM_ABORTED] || by[HRP_DROP_TORN] != 0 ||
        (!s->k.disk_full && (by[HRP_DROP_FULL] != o[SIM_FULL] || by[HRP_DROP_TOOBIG] != o[SIM_TOOBIG] ||
                             by[HRP_DROP_MEMORY] != o[SIM_MEMORY] || by[HRP_DROP_ABORTED] != o[SIM_ABORTED])))
        sim_fail(s, "dropped: full %llu of %llu, too big %llu of %llu, memory %llu of %llu, aborted %llu of %llu, torn %llu",
                 (unsigned long long)by[HRP_DROP_FULL], (unsigned long long)o[SIM_FULL], (unsigned long long)by[HRP_DROP_TOOBIG],
                 (unsigned long long)o[SIM_TOOBIG], (unsigned long long)by[HRP_DROP_MEMORY], (unsigned long long)o[SIM_MEMORY],
                 (unsigned long long)by[HRP_DROP_ABORTED], (unsigned long long)o[SIM_ABORTED], (unsigned long long)by[HRP_DROP_TORN]);
}

/* Every call that returned 0 is there, or was given up by a spool that was full, and counted as that. */
static void check_reasons(struct sim *s, const struct hrd_status *st)
{
    uint64_t by[HRP_DROP_N] = {0};
    struct tally sum = {0};

    for (unsigned i = 0; i < s->n_folders; i++) {
        tally_folder(&s->folders[i], &sum);
        if (s->folders[i].lossy)
            return;
    }
    for (uint32_t i = 0; i < st->n_lines; i++)
        for (unsigned r = 0; r < HRP_DROP_N; r++)
            by[r] += st->lines[i].dropped[r];
    if (sum.lost != by[HRP_DROP_EVICTED])
        sim_fail(s, "%llu rows are not there; %llu were given up by a full spool", (unsigned long long)sum.lost, (unsigned long long)by[HRP_DROP_EVICTED]);
    if (by[HRP_DROP_EVICTED] != 0 && s->k.cap_bytes > 1 << 20)
        sim_fail(s, "rows were given up, and the spool was never full");
    check_drops(s, &sum, by);
}

void sim_oracle_end(struct sim *s)
{
    struct hrd_status *st;

    if (!s->server.up)
        sim_server_start(s);
    check_store(s);
    if (s->failure[0] != '\0' || hrd_committer_status(s->server.committer, sim_wall(s), &st) != 0)
        return;
    for (unsigned i = 0; i < s->n_folders && s->failure[0] == '\0'; i++)
        check_folder(s, i, st);
    for (uint32_t i = 0; i < st->n_lines; i++) {
        s->seen[SIM_ROWS] += st->lines[i].accepted;
        s->seen[SIM_TRIMMED] += st->lines[i].trimmed;
        s->seen[SIM_EVICTED] += st->lines[i].dropped[HRP_DROP_EVICTED];
    }
    if (s->failure[0] == '\0')
        check_reasons(s, st);
    hrd_status_unref(st);
}
