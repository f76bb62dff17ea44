/* A group, from what waits to what is answered.
 *
 *   waiting > decided > answers      [hrd_committer_commit: the write is durable]
 *   waiting > decided > waiting      [it failed: broken, until hrd_committer_reopen]
 *
 * Deciding changes memory at once (ranges, offsets, ids), so that later messages of the group see what earlier ones staged.
 * Nothing is undone after a failure: memory is made anew from the store, which also knows what the failed write left there. */
#include "committer_impl.h"
#include "alloc.h"
#include "slog.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define GROUP_BYTES (16u << 20)
#define HORIZON_NS (INT64_C(30) * 24 * 3600 * 1000000000)
#define COMMIT_KEY "commit" /* in HRD_CF_META: number of the last group, u64 */

#ifdef HRP_FAULTS
static void read_plant(void)
{
    static const char *const names[] = {"none", "trim-off", "trim-in-worker", "ack-before-commit", "ranges-outside-write", "watermark"};
    const char *wanted = getenv("HEADRACE_PLANT");

    for (unsigned i = 0; wanted != NULL && i < sizeof names / sizeof *names; i++)
        if (strcmp(wanted, names[i]) == 0)
            hrd_plant = (enum hrd_plant)i;
}
#endif

/* ---- life ---- */

static int read_commits(struct hrd_committer *cm)
{
    struct hrp_buf value = HRP_BUF_INIT;
    struct hrd_snapshot *snap;
    int r = cm->log->ops->snapshot(cm->log, &snap);
    struct hrp_reader in;

    if (r != 0)
        return r;
    r = cm->log->ops->get(snap, HRD_CF_META, COMMIT_KEY, strlen(COMMIT_KEY), &value);
    cm->log->ops->snapshot_free(snap);
    in = hrp_reader(value.p, value.n);
    if (r == 0)
        cm->commits = hrp_read_u64(&in);
    if (r == 0 && in.bad)
        r = HR_ECORRUPT;
    hrp_buf_fini(&value);
    return r == HR_ENOENT ? 0 : r;
}

int hrd_committer_open(struct hrd_log *log, struct hrd_registry *reg, const struct hrd_committer_cfg *cfg, int64_t now_wall_ns,
                       struct hrd_committer **ret, struct hr_error *err)
{
    struct hrd_committer *cm = hrp_calloc(1, sizeof *cm);
    int r;

    if (cm == NULL)
        return hr_error_set(err, HR_ENOMEM, "committer: %s", hr_strerror(HR_ENOMEM));
#ifdef HRP_FAULTS
    read_plant();
#endif
    cm->log = log;
    cm->reg = reg;
    cm->cfg.group_bytes = cfg != NULL && cfg->group_bytes != 0 ? cfg->group_bytes : GROUP_BYTES;
    cm->cfg.horizon_ns = cfg != NULL && cfg->horizon_ns != 0 ? cfg->horizon_ns : HORIZON_NS;
    hrd_group_init(&cm->group);
    r = hrd_producers_open(log, cm->cfg.horizon_ns, now_wall_ns, &cm->prd, err);
    if (r == 0) {
        r = cm_streams_load(cm);
        if (r == 0)
            r = read_commits(cm);
        if (r != 0)
            hr_error_set(err, r, "the streams' records can't be read: %s", hr_strerror(r));
    }
    if (r == 0 && hrd_producers_damaged(cm->prd) != 0)
        hrd_slog(HRD_ERROR, "producers_damaged", "places=%llu", (unsigned long long)hrd_producers_damaged(cm->prd));
    if (r != 0)
        hrd_committer_free(cm);
    else
        *ret = cm;
    return r;
}

void hrd_committer_free(struct hrd_committer *cm)
{
    if (cm == NULL)
        return;
    hrd_msgs_free(&cm->waiting);
    hrd_msgs_free(&cm->decided);
    hrd_msgs_free(&cm->answers);
    hrd_producers_free(cm->prd);
    cm_streams_fini(cm);
    hrd_status_unref(cm->last);
    hrd_group_fini(&cm->group);
    hrp_buf_fini(&cm->value);
    hrd_ranges_fini(&cm->fresh);
    hrd_ranges_fini(&cm->selection);
    hrp_free(cm);
}

void hrd_committer_add(struct hrd_committer *cm, struct hrd_msg **msg)
{
#ifdef HRP_FAULTS
    if (hrd_plant == HRD_PLANT_TRIM_IN_WORKER && (*msg)->type == HRD_MSG_BATCH)
        cm_plant_trim(cm, (struct hrd_batch_msg *)*msg);
#endif
    hrd_msgs_add(&cm->waiting, *msg);
    *msg = NULL;
}

bool hrd_committer_pending(const struct hrd_committer *cm) { return cm->waiting.first != NULL; }
bool hrd_committer_broken(const struct hrd_committer *cm) { return cm->broken; }
struct hrd_msg *hrd_committer_take(struct hrd_committer *cm) { return hrd_msgs_take(&cm->answers); }
uint64_t hrd_committer_commits(const struct hrd_committer *cm) { return cm->commits; }
struct hrd_counters *hrd_committer_counters(struct hrd_committer *cm) { return &cm->counters; }

/* ---- deciding. An error concerns the whole group ---- */

static int decide_announce(struct hrd_committer *cm, const struct hrd_announce_msg *ann, int64_t now_wall_ns)
{
    int r = hrd_producers_announce(cm->prd, ann, now_wall_ns);
    char hex[33];

    if (r != HR_ECORRUPT && r != HR_EVERSION)
        return r;
    hrp_id_hex(&ann->incarnation, hex);
    hrd_slog(HRD_ERROR, "producer_damaged", "incarnation=%s app=%s reason=%s", hex, ann->app, hr_strerror(r));
    return 0; /* its batches are parked: committer_batch.c */
}

/* A position past a limit is left out: its rows are parked for the same reason, so nothing is known of them here. */
static int decide_report(struct hrd_committer *cm, const struct hrd_report_msg *rep, int64_t now_wall_ns)
{
    struct hrd_incarnation *inc = hrd_producers_find(cm->prd, &rep->incarnation);

    for (uint32_t i = 0; inc != NULL && i < rep->n_positions; i++) {
        const struct hrd_position *p = &rep->positions[i];
        struct hrd_lane_record *rec;
        int r;

        if (p->next <= 1 || p->next > HRD_N_MAX || cm_stream(cm, p->stream_id) == NULL)
            continue;
        r = hrd_producers_lane(cm->prd, inc, p->stream_id, p->lane, &rec);
        if (r == HR_ELIMIT)
            continue;
        if (r != 0)
            return r;
        if (p->next <= rec->next && p->floor <= rec->floor)
            continue;
        hrd_lane_record_report(rec, p->next, p->floor);
        hrd_producers_touch(cm->prd, inc, rec, now_wall_ns);
    }
    return inc != NULL && rep->closing ? hrd_producers_close_incarnation(cm->prd, inc, now_wall_ns) : 0;
}

static int decide_puts(struct hrd_committer *cm, const struct hrd_puts_msg *puts)
{
    const struct hrd_group *from = &puts->group;

    for (uint32_t i = 0; from->err == 0 && i < from->n_puts; i++) {
        const struct hrd_put *p = &from->puts[i];
        const uint8_t *key = from->bytes.p + p->key_at;

        if (p->del)
            hrd_group_del(&cm->group, p->cf, key, p->n_key);
        else
            hrd_group_put(&cm->group, p->cf, key, p->n_key, from->bytes.p + p->value_at, p->n_value);
    }
    return cm->group.err;
}

static int decide(struct hrd_committer *cm, struct hrd_msg *msg, int64_t now_wall_ns)
{
    switch (msg->type) {
    case HRD_MSG_ANNOUNCE:
        return decide_announce(cm, (struct hrd_announce_msg *)msg, now_wall_ns);
    case HRD_MSG_OFFER:
        return cm_decide_offer(cm, (struct hrd_offer_msg *)msg, now_wall_ns);
    case HRD_MSG_REGISTER:
        return cm_decide_register(cm, (struct hrd_register_msg *)msg, now_wall_ns);
    case HRD_MSG_BATCH:
        return cm_decide_batch(cm, (struct hrd_batch_msg *)msg, now_wall_ns);
    case HRD_MSG_REPORT:
        return decide_report(cm, (struct hrd_report_msg *)msg, now_wall_ns);
    case HRD_MSG_PUTS:
        return decide_puts(cm, (struct hrd_puts_msg *)msg);
    default:
        return 0; /* GONE has its turn once the group is durable */
    }
}

static bool is_replay(const struct hrd_msg *msg) { return msg->type == HRD_MSG_BATCH && ((const struct hrd_batch_msg *)msg)->replay != NULL; }

static int decide_group(struct hrd_committer *cm, int64_t now_wall_ns)
{
    struct hrd_msg *msg;
    int r = 0;

    cm->has_replay = false;
    while (r == 0 && cm->group.bytes.n < cm->cfg.group_bytes && cm->waiting.first != NULL &&
           !(cm->has_replay && is_replay(cm->waiting.first))) {
        msg = hrd_msgs_take(&cm->waiting);
        cm->has_replay |= is_replay(msg);
        hrd_msgs_add(&cm->decided, msg);
        r = decide(cm, msg, now_wall_ns);
    }
    return r;
}

/* ---- writing ---- */

static int write_group(struct hrd_committer *cm)
{
    struct hrp_buf number = HRP_BUF_INIT;
    int r;

    if (cm->group.n_puts == 0)
        return 0; /* nothing to make durable: an announcement of somebody known */
    hrp_put_u64(&number, cm->commits + 1);
    hrd_group_put(&cm->group, HRD_CF_META, COMMIT_KEY, strlen(COMMIT_KEY), number.p, number.n);
    r = number.err != 0 ? number.err : cm->group.err;
    hrp_buf_fini(&number);
    if (r == 0)
        r = cm->log->ops->commit(cm->log, &cm->group);
    if (r != 0)
        return r;
    cm->commits++;
    cm->counters.commits++;
    cm->counters.commit_bytes += cm->group.bytes.n;
    return 0;
}

/* (1) Rows, ranges, offsets, counts and ids in one write. */
static int stage_and_write(struct hrd_committer *cm)
{
    int r = cm_streams_stage(cm);

#ifdef HRP_FAULTS
    if (r == 0 && hrd_plant == HRD_PLANT_RANGES_OUTSIDE_WRITE) {
        r = write_group(cm);
        hrd_group_clear(&cm->group);
    }
#endif
    if (r == 0)
        r = hrd_producers_stage(cm->prd, &cm->group);
    return r == 0 ? write_group(cm) : r;
}

/* ---- afterwards ---- */

static void count_batch(struct hrd_committer *cm, const struct hrd_batch_msg *bat)
{
    cm->counters.rows_accepted += bat->accepted;
    cm->counters.rows_quarantined += bat->quarantined;
    cm->counters.rows_dropped += bat->dropped;
    cm->counters.rows_trimmed += bat->trimmed;
}

/* Who deletes records of the quarantine without moving their rows is its retention. */
static void count_puts(struct hrd_committer *cm, const struct hrd_puts_msg *puts)
{
    for (uint32_t i = 0; puts->group.err == 0 && i < puts->group.n_puts; i++)
        cm->counters.quarantine_expired += puts->group.puts[i].del && puts->group.puts[i].cf == HRD_CF_QUARANTINE;
}

static void after_gone(struct hrd_committer *cm, const struct hrd_gone_msg *gone)
{
    for (uint32_t i = 0; i < gone->n_incarnations; i++)
        hrd_producers_gone(cm->prd, &gone->incarnations[i]);
}

static void answer(struct hrd_committer *cm, struct hrd_msg *msg)
{
    switch (msg->type) {
    case HRD_MSG_OFFER:
        msg->type = HRD_MSG_VERDICT;
        cm->counters.schemas_learned += ((struct hrd_offer_msg *)msg)->schema_id != 0 && !((struct hrd_offer_msg *)msg)->known;
        break;
    case HRD_MSG_REGISTER:
        msg->type = HRD_MSG_REGISTERED;
        break;
    case HRD_MSG_BATCH:
        msg->type = HRD_MSG_COMMITTED;
        ((struct hrd_batch_msg *)msg)->commit = cm->commits;
        count_batch(cm, (struct hrd_batch_msg *)msg);
        break;
    case HRD_MSG_REPORT:
        msg->type = HRD_MSG_REPORTED;
        break;
    case HRD_MSG_PUTS:
        msg->type = HRD_MSG_PUTS_DONE;
        count_puts(cm, (struct hrd_puts_msg *)msg);
        ((struct hrd_puts_msg *)msg)->commit = ((struct hrd_puts_msg *)msg)->group.err == 0 ? cm->commits : 0;
        break;
    default:
        if (msg->type == HRD_MSG_GONE)
            after_gone(cm, (struct hrd_gone_msg *)msg);
        hrd_msg_free(msg);
        return;
    }
    hrd_msgs_add(&cm->answers, msg);
}

static void answer_all(struct hrd_committer *cm)
{
    struct hrd_msg *msg;

    while ((msg = hrd_msgs_take(&cm->decided)) != NULL)
        answer(cm, msg);
}

/* (2) The same messages wait again, in the same order. */
static void fail(struct hrd_committer *cm, int code)
{
    cm->broken = true;
    cm->counters.commit_failures++;
    snprintf(cm->reason, sizeof cm->reason, "the last write failed: %s", hr_strerror(code));
    hrd_registry_rollback(cm->reg);
    if (hrd_plant == HRD_PLANT_ACK_BEFORE_COMMIT) {
        answer_all(cm);
        return;
    }
    if (cm->decided.first == NULL)
        return;
    cm->decided.last->next = cm->waiting.first;
    if (cm->waiting.first == NULL)
        cm->waiting.last = cm->decided.last;
    cm->waiting.first = cm->decided.first;
    cm->decided = (struct hrd_msgs){NULL, NULL};
}

int hrd_committer_commit(struct hrd_committer *cm, int64_t now_wall_ns)
{
    int r;

    if (cm->broken)
        return HR_EAGAIN;
    hrd_group_clear(&cm->group);
    r = decide_group(cm, now_wall_ns);
    if (r == 0)
        r = stage_and_write(cm);
    if (r != 0) {
        fail(cm, r);
        return r;
    }
    hrd_registry_publish(cm->reg);
    hrd_producers_publish(cm->prd);
    answer_all(cm);
    return 0;
}

static int read_again(struct hrd_committer *cm, int64_t now_wall_ns, struct hr_error *err)
{
    int r = cm->log->ops->reopen(cm->log, err);

    if (r == 0)
        r = hrd_registry_reload(cm->reg, err);
    if (r == 0)
        r = hrd_producers_reload(cm->prd, now_wall_ns, err);
    if (r != 0)
        return r;
    r = cm_streams_load(cm);
    if (r == 0)
        r = read_commits(cm);
    return r == 0 ? 0 : hr_error_set(err, r, "the streams' records can't be read: %s", hr_strerror(r));
}

int hrd_committer_reopen(struct hrd_committer *cm, int64_t now_wall_ns, struct hr_error *err)
{
    struct hr_error why = {0, ""};
    int r = read_again(cm, now_wall_ns, &why);

    if (r != 0) {
        snprintf(cm->reason, sizeof cm->reason, "%.*s", (int)sizeof cm->reason - 1, why.text);
        if (err != NULL)
            *err = why;
        return r;
    }
    cm->broken = false;
    cm->reason[0] = '\0';
    cm->counters.reopens++;
    return 0;
}
