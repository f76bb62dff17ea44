/* A chunk of records at a time: read, judged, and those that may go sorted by incarnation into batches under their own numbers.
 * The committer takes them like batches from a session: it is asked to load the incarnation first, and told when we are done. */
#include "replay.h"
#include "alloc.h"
#include "ask.h"
#include "findings.h"
#include "keeper.h"
#include "mailbox.h"
#include "producers.h"
#include "registry.h"
#include "trial.h"
#include <string.h>

#define CHUNK_ROWS 4096u
#define CHUNK_BYTES (4u << 20)

struct record {
    uint64_t number;
    struct hrp_id incarnation;
    uint32_t lane, at, n_bytes; /* bytes in rep->bytes */
    uint32_t violations_at, n_violations; /* there, too */
    uint32_t schema_id;
    uint64_t n;
    int64_t event_time_ns;
    uint8_t form;
    bool taken;              /* into a batch */
};
struct replay {
    const struct hrd_replay_cfg *cfg;
    const struct hrd_replay_what *what;
    struct hrd_replay_result *ret;
    struct hrp_schema *schema;
    struct hrp_schema *by;   /* of the record looked at last; NULL: none, or not to be had */
    uint32_t by_id;
    struct hrd_trial *trial;
    struct record *records;  /* [n_records] of CHUNK_ROWS */
    uint32_t n_records;
    struct hrp_buf bytes;
    bool end;                /* no more records */
};

/* ---- reading ---- */

struct wanted {
    const struct hrd_replay_what *what;
    bool found;
};

static void look_at(void *arg, const struct hrp_stored_violation *v)
{
    struct wanted *w = arg;
    struct hrp_buf path = HRP_BUF_INIT;
    bool rule = w->what->rule == NULL || (strlen(w->what->rule) == v->n_rule_id && memcmp(w->what->rule, v->rule_id, v->n_rule_id) == 0);
    bool place = w->what->path == NULL;

    if (!place && v->field != NULL && hrp_path_text_put(&path, v->field, v->n_field, false) == 0)
        place = path.n == strlen(w->what->path) && memcmp(path.p, w->what->path, path.n) == 0;
    else if (!place)
        place = *w->what->path == '\0' && v->field == NULL;
    hrp_buf_fini(&path);
    w->found |= rule && place;
}

static bool has_cause(const struct replay *rep, const struct hrd_quarantined *q)
{
    struct wanted w = {rep->what, false};

    if (rep->what->rule == NULL && rep->what->path == NULL)
        return true;
    return hrp_violations_each(q->violations, q->n_violations, look_at, &w) == 0 && w.found;
}

static void take(struct replay *rep, uint64_t number, const struct hrd_quarantined *q)
{
    rep->records[rep->n_records++] = (struct record){.number = number, .incarnation = q->incarnation, .lane = q->lane, .n = q->n,
                                                     .event_time_ns = q->event_time_ns, .form = q->form,
                                                     .at = (uint32_t)rep->bytes.n, .n_bytes = (uint32_t)q->n_bytes,
                                                     .violations_at = (uint32_t)(rep->bytes.n + q->n_bytes),
                                                     .n_violations = (uint32_t)q->n_violations, .schema_id = q->schema_id};
    hrp_put_bytes(&rep->bytes, q->bytes, q->n_bytes);
    hrp_put_bytes(&rep->bytes, q->violations, q->n_violations);
}

/* 1: go on; 0: enough. */
static int read_one(struct replay *rep, const uint8_t *key, const uint8_t *value, size_t n_value)
{
    struct hrd_quarantined q;

    if (rep->ret->rows == rep->what->most) {
        rep->ret->more = true;
        return 0;
    }
    if (rep->n_records == CHUNK_ROWS || rep->bytes.n > CHUNK_BYTES)
        return 0;
    rep->ret->next = hrd_block_number(key) + 1;
    if (hrd_quarantined_read(value, n_value, &q) != 0 || !has_cause(rep, &q))
        return 1;
    rep->ret->rows += q.n_count;
    if (q.form == HRD_FORM_BATCH)
        return 1; /* it could not be decoded, and nothing has changed about that */
    take(rep, hrd_block_number(key), &q);
    return rep->bytes.err == 0;
}

static int read_chunk(struct replay *rep)
{
    const struct hrd_log_ops *ops = rep->cfg->log->ops;
    struct hrd_snapshot *snap;
    struct hrd_iter *it;
    const uint8_t *key, *value;
    size_t n_key, n_value;
    uint8_t from[12];
    int r = ops->snapshot(rep->cfg->log, &snap);

    rep->n_records = 0;
    hrp_buf_clear(&rep->bytes);
    if (r != 0)
        return r;
    hrd_block_key(rep->what->stream_id, rep->ret->next, from);
    r = ops->iter(snap, HRD_CF_QUARANTINE, from, sizeof from, &it);
    if (r == 0) {
        while ((r = ops->next(it, &key, &n_key, &value, &n_value)) == 1 && n_key == sizeof from && memcmp(key, from, 4) == 0)
            if (!read_one(rep, key, value, n_value))
                break;
        rep->end = r == 0 || (r == 1 && (n_key != sizeof from || memcmp(key, from, 4) != 0)) || rep->ret->more;
        ops->iter_free(it);
    }
    ops->snapshot_free(snap);
    return r < 0 ? r : rep->bytes.err;
}

/* ---- judging ---- */

/* By which a record was stored; neighbours have the same. */
static struct hrp_schema *schema_of(struct replay *rep, uint32_t id)
{
    if (id != rep->by_id) {
        hrp_schema_unref(rep->by);
        rep->by = id != 0 ? hrd_registry_schema(rep->cfg->registry, id) : NULL;
        rep->by_id = id;
    }
    return rep->by;
}

static int judge(struct replay *rep)
{
    int r = 0;

    hrd_trial_clear(rep->trial);
    for (uint32_t i = 0; r == 0 && i < rep->n_records; i++) {
        const struct record *rec = &rep->records[i];
        const struct hrd_trial_row row = {.form = rec->form, .bytes = rep->bytes.p + rec->at, .n_bytes = rec->n_bytes, .lane = rec->lane,
                                          .n = rec->n, .event_time_ns = rec->event_time_ns,
                                          .violations = rep->bytes.p + rec->violations_at, .n_violations = rec->n_violations,
                                          .by = schema_of(rep, rec->schema_id)};

        r = hrd_trial_add(rep->trial, &row);
        if (r == HR_EFULL) { /* what JSON became took more room than the JSON: the rest is of the next chunk */
            rep->ret->rows -= rep->n_records - i;
            rep->ret->next = rec->number;
            rep->n_records = i;
            rep->end = false;
            r = 0;
        }
    }
    return r == 0 ? hrd_trial_judge(rep->trial, &rep->ret->stay) : r;
}

/* ---- moving ---- */

/* Takes msg; it is never refused as full, since it counts for nothing. */
static int hand_over(struct hrd_mailbox *to, struct hrd_msg *msg)
{
    int r = hrd_mailbox_send(to, &msg);

    hrd_msg_free(msg);
    return r;
}

static int announce(struct replay *rep, const struct hrp_id *incarnation)
{
    struct hrd_incarnation_info info;
    struct hrd_announce_msg *ann = hrd_announce_msg_new();
    int r = ann != NULL ? hrd_incarnation_get(rep->cfg->log, incarnation, &info) : HR_ENOMEM;

    if (r != 0) {
        if (ann != NULL)
            hrd_msg_free(&ann->msg);
        return r;
    }
    ann->incarnation = *incarnation;
    ann->producer = info.producer;
    ann->app = info.app; /* handed over */
    ann->version = info.version;
    ann->host = info.host;
    ann->pid = info.pid;
    ann->born_ns = info.born_ns;
    return hand_over(rep->cfg->committer, &ann->msg);
}

static void say_gone(struct replay *rep, const struct hrp_id *incarnation)
{
    struct hrd_gone_msg *gone = hrd_gone_msg_new();

    if (gone == NULL)
        return; /* it stays in memory until the end: no harm but that */
    gone->incarnations = hrp_memdup(incarnation, sizeof *incarnation);
    gone->n_incarnations = gone->incarnations != NULL;
    (void)hand_over(rep->cfg->committer, &gone->msg);
}

/* What finds no memory is read again at the next start. */
static void profile(struct replay *rep, const struct hrd_batch_msg *bat)
{
    struct hrd_profile_set *set = rep->cfg->keeper != NULL && bat->block.n_rows != 0 ? hrd_profile_set_new() : NULL;
    struct hrd_msg *msg;

    if (set == NULL)
        return;
    hrd_profile_set_add(set, &bat->block, bat->batch);
    msg = hrd_profiles_msg_new(set);
    if (msg != NULL)
        (void)hand_over(rep->cfg->keeper, msg);
    else
        hrd_profile_set_free(set);
}

/* The batch goes to the committer and comes back; *bat is freed. */
static int move_batch(struct replay *rep, struct hrd_batch_msg *bat)
{
    struct hrp_id incarnation = bat->head.incarnation;
    uint32_t n = bat->head.n_rows;
    struct hrd_msg *msg = &bat->msg;
    int r = announce(rep, &incarnation);

    if (r == 0) {
        r = hrd_ask(rep->cfg->committer, &msg);
        say_gone(rep, &incarnation);
    }
    bat = (struct hrd_batch_msg *)msg;
    if (r == 0 && bat->code == HRD_COMMITTED) {
        rep->ret->admitted += bat->accepted;
        rep->ret->gone += n - bat->accepted;
        profile(rep, bat);
    } else if (r == 0) {
        r = bat->error != 0 ? bat->error : HR_EAGAIN;
    }
    hrd_msg_free(msg);
    return r;
}

/* All that may go of the incarnation of records[first], as one batch; fewer when the builder is full. NULL with *ret 0: none. */
static struct hrd_batch_msg *batch_of(struct replay *rep, uint32_t first, int *ret)
{
    const struct hrp_id *incarnation = &rep->records[first].incarnation;
    struct hrd_batch_msg *bat = hrd_batch_msg_new();
    struct hrp_buf out = HRP_BUF_INIT;
    struct hrp_builder *b;
    uint32_t n = 0;

    *ret = bat != NULL ? hrp_builder_new(rep->schema, &b) : HR_ENOMEM;
    if (*ret != 0)
        goto out;
    bat->replay = hrp_calloc(CHUNK_ROWS, sizeof *bat->replay);
    *ret = bat->replay != NULL ? 0 : HR_ENOMEM;
    for (uint32_t i = first; *ret == 0 && i < rep->n_records; i++) {
        struct record *rec = &rep->records[i];
        size_t n_wire;
        const uint8_t *wire = hrd_trial_wire(rep->trial, i, &n_wire);

        if (rec->taken || hrd_trial_verdict(rep->trial, i) == HRD_STAYS || memcmp(&rec->incarnation, incarnation, sizeof *incarnation) != 0)
            continue;
        *ret = hrp_builder_add(b, rec->lane, rec->n, rec->event_time_ns, 1, 0, wire, n_wire, NULL);
        if (*ret == HR_EFULL && n != 0) {
            *ret = 0;
            break;
        }
        if (*ret == 0 && hrd_trial_verdict(rep->trial, i) == HRD_ADMITTED_FLAGGED)
            *ret = hrd_ranges_add(&bat->flagged, n, n + 1);
        rec->taken = true;
        bat->replay[n++] = rec->number;
    }
    if (*ret == 0)
        *ret = hrp_builder_seal(b, incarnation, 0, 0, &out);
    hrp_builder_free(b);
    if (*ret == 0) {
        bat->bytes = out.p;
        bat->n_bytes = bat->frame_bytes = out.n;
        bat->stream_id = rep->what->stream_id;
        bat->schema_id = rep->ret->schema_id;
        *ret = hrp_batch_head_read(bat->bytes, bat->n_bytes, &hrp_limits_default, &bat->head);
    } else {
        hrp_buf_fini(&out);
    }
    if (*ret == 0)
        *ret = hrp_batch_open(bat->bytes, bat->n_bytes, rep->schema, &hrp_limits_default, &bat->batch, NULL);
    if (*ret == 0) {
        hrp_batch_sizes(bat->batch, &bat->sizes);
        return bat;
    }
out:
    if (bat != NULL)
        hrd_msg_free(&bat->msg);
    return NULL;
}

static int move(struct replay *rep)
{
    int r = 0;

    for (uint32_t i = 0; r == 0 && i < rep->n_records; i++) {
        struct hrd_batch_msg *bat;

        while (r == 0 && !rep->records[i].taken && hrd_trial_verdict(rep->trial, i) != HRD_STAYS) {
            bat = batch_of(rep, i, &r);
            if (bat != NULL)
                r = move_batch(rep, bat);
        }
    }
    return r;
}

static void count_admissible(struct replay *rep)
{
    for (uint32_t i = 0; i < rep->n_records; i++)
        rep->ret->admitted += hrd_trial_verdict(rep->trial, i) != HRD_STAYS;
}

/* ---- all of it ---- */

static int open_target(struct replay *rep, struct hr_error *err)
{
    struct hrd_registry *reg = rep->cfg->registry;
    struct hrd_stream_info info;
    struct hrd_settings settings;
    const struct hrp_rules *rules;
    struct hr_error why = {0, ""};
    int r = hrd_registry_stream(reg, rep->what->stream_id, &info);

    if (r != 0)
        return hr_error_set(err, r, "no such stream");
    rep->ret->schema_id = rep->what->schema_id != 0 ? rep->what->schema_id : info.schema_id;
    rep->schema = hrd_registry_schema(reg, rep->ret->schema_id);
    if (rep->schema == NULL)
        return hr_error_set(err, HR_ENOENT, "%s: no schema %u", info.name, rep->ret->schema_id);
    if (strcmp(hrp_schema_name(rep->schema), info.name) != 0)
        return hr_error_set(err, HR_EINVAL, "schema %u is of %s, not of %s", rep->ret->schema_id, hrp_schema_name(rep->schema), info.name);
    rules = hrd_registry_rules(reg, rep->ret->schema_id, &why);
    if (rules == NULL)
        return hr_error_set(err, why.code, "%s", why.text);
    r = hrd_registry_settings(reg, info.stream_id, &settings);
    if (r == 0)
        r = hrd_trial_new(rep->schema, rules, &settings.policy, &rep->trial);
    if (r == 0)
        hrd_trial_personal(rep->trial, rep->cfg->personal);
    return r == 0 ? 0 : hr_error_set(err, r, "%s", hr_strerror(r));
}

int hrd_replay(const struct hrd_replay_cfg *cfg, const struct hrd_replay_what *what, struct hrd_replay_result *ret, struct hr_error *err)
{
    struct replay rep = {.cfg = cfg, .what = what, .ret = ret};
    int r;

    memset(ret, 0, sizeof *ret);
    ret->next = what->from;
    r = open_target(&rep, err);
    if (r == 0) {
        rep.records = hrp_calloc(CHUNK_ROWS, sizeof *rep.records);
        r = rep.records != NULL ? 0 : hr_error_set(err, HR_ENOMEM, "out of memory");
    }
    while (r == 0 && !rep.end) {
        r = read_chunk(&rep);
        if (r == 0)
            r = judge(&rep);
        if (r == 0 && what->dry_run)
            count_admissible(&rep);
        else if (r == 0)
            r = move(&rep);
        if (r != 0)
            hr_error_set(err, r, "%s", r == HR_ETIMEOUT ? "the store does not commit now; run it again later" : hr_strerror(r));
    }
    hrd_trial_free(rep.trial);
    hrp_schema_unref(rep.by);
    hrp_schema_unref(rep.schema);
    hrp_free(rep.records);
    hrp_buf_fini(&rep.bytes);
    return r;
}
