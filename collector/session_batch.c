/* Batches and reports on their way to the committer, and its answers on their way back. */
#include "session_impl.h"
#include "alloc.h"
#include "findings.h"
#include "ingest.h"
#include "producers.h"
#include <stdio.h>
#include <string.h>

#define RETRY_AFTER_MS 1000u
#define UNANSWERED_REPORT_BYTES (4u << 20)

static uint32_t u32_of(uint64_t v) { return v < UINT32_MAX ? (uint32_t)v : UINT32_MAX; }

/* ---- batches ---- */

static void say_ack(struct hrd_session *ses, const struct hrd_batch_msg *bat, const char *reason)
{
    Headrace__Wire__Ack m = HEADRACE__WIRE__ACK__INIT;

    m.has_incarnation = m.has_batch_id = m.has_store_generation = m.has_code = m.has_error = true;
    m.incarnation = ses_bytes(&bat->head.incarnation, sizeof bat->head.incarnation);
    m.batch_id = bat->head.batch_id;
    m.store_generation = ses_bytes(&ses->cfg->generation, sizeof ses->cfg->generation);
    m.has_commit = bat->code == HRD_COMMITTED;
    m.commit = bat->commit;
    m.code = (Headrace__Wire__Ack__Code)bat->code;
    m.error = bat->error;
    m.reason = reason[0] != '\0' ? (char *)(uintptr_t)reason : NULL;
    m.has_retry_after_ms = bat->code == HRD_RETRY;
    m.retry_after_ms = RETRY_AFTER_MS;
    m.has_accepted = m.has_quarantined = m.has_dropped = m.has_trimmed = bat->code == HRD_COMMITTED;
    m.accepted = u32_of(bat->accepted);
    m.quarantined = u32_of(bat->quarantined);
    m.dropped = u32_of(bat->dropped);
    m.trimmed = u32_of(bat->trimmed);
    ses_say(ses, HRP_FRAME_ACK, &m.base);
}

/* Why rows of a batch were set aside: the whole batch's reason, or that of its first such row. */
static void aside_reason(const struct hrd_batch_msg *bat, char *ret, size_t n)
{
    ret[0] = '\0';
    if (bat->reason[0] != '\0')
        snprintf(ret, n, "%s", bat->reason);
    else if (bat->quarantined != 0 && (bat->n_asides != 0 || bat->raw_asides != NULL))
        snprintf(ret, n, "%llu rows set aside: %s", (unsigned long long)bat->quarantined,
                 bat->n_asides != 0 ? bat->asides[0].reason : bat->raw_asides[0].reason);
    else if (bat->n_asides != 0 && bat->dropped != 0)
        snprintf(ret, n, "rows dropped: %s", bat->asides[0].reason);
}

void ses_on_committed(struct hrd_session *ses, const struct hrd_batch_msg *bat)
{
    char reason[384];

    ses->in_flight_bytes -= bat->frame_bytes;
    if (bat->code == HRD_COMMITTED)
        ses->counters->batches_committed++;
    else if (bat->code == HRD_RETRY)
        ses->counters->batches_retry++;
    else
        ses->counters->batches_parked++;
    aside_reason(bat, reason, sizeof reason);
    say_ack(ses, bat, reason);
}

static struct hrd_batch_msg *batch_msg(const struct hrp_frame *f)
{
    struct hrd_batch_msg *bat = hrd_batch_msg_new();

    if (bat == NULL)
        return NULL;
    bat->bytes = hrp_memdup(f->payload, f->n_bytes);
    bat->n_bytes = bat->frame_bytes = f->n_bytes;
    if (bat->bytes != NULL)
        return bat;
    hrd_msg_free(&bat->msg);
    return NULL;
}

/* (3) Whose batch is it, and of what. NULL: the session has failed. */
static struct ses_type *type_of(struct hrd_session *ses, const struct hrp_batch_head *head)
{
    struct ses_inc *inc = ses_inc(ses, "Batch", head->incarnation.b, sizeof head->incarnation.b);
    struct ses_type *t = inc != NULL ? ses_type(inc, head->type_id) : NULL;

    if (inc != NULL && (t == NULL || t->state != TYPE_DECIDED)) {
        ses_fail(ses, HR_EPROTO, "Batch: of type %u, which was not offered and decided", head->type_id);
        return NULL;
    }
    return t;
}

/* What a decoded batch takes, roughly: its body, and an array for each column that is not constant. */
static size_t decoded_bytes(const struct hrp_batch *batch)
{
    size_t n = batch->parts.envelope + batch->parts.raw + batch->parts.fields + batch->head.n_rows * sizeof(int64_t) +
               batch->head.n_raw * sizeof *batch->raw;

    for (uint32_t i = 0; batch->columns != NULL && i < hrp_schema_n_nodes(batch->schema); i++)
        if (!batch->columns[i].constant)
            n += batch->columns[i].n_values * sizeof(int64_t);
    return n;
}

/* Takes bat: to the committer, or back with RETRY when there is no memory to decode it now. */
static void ingest(struct hrd_session *ses, struct hrd_batch_msg *bat, struct ses_type *t)
{
    struct hrd_ingest_type type = {.schema = t->schema, .rules = t->rules, .policy = ses_policy(ses, t),
                                   .personal = ses->cfg->personal};

    if (t->refused)
        type.refusal = t->reason != NULL ? t->reason : "its schema was refused";
    bat->stream_id = t->stream_id;
    bat->schema_id = t->schema_id;
    bat->error = hrd_ingest_body(bat, &type, ses->cfg->lim);
    if (bat->error != 0) {
        bat->code = HRD_RETRY;
        ses->counters->batches_retry++;
        say_ack(ses, bat, hr_strerror(bat->error));
        hrd_msg_free(&bat->msg);
        return;
    }
    if (bat->batch == NULL)
        ses->counters->batches_undecodable++;
    bat->msg.n_bytes = bat->n_bytes + hrd_findings_bytes(bat);
    if (bat->batch != NULL)
        bat->msg.n_bytes += decoded_bytes(bat->batch);
    ses->in_flight_bytes += bat->frame_bytes;
    ses_submit(ses, &bat->msg, true);
}

void ses_on_batch(struct hrd_session *ses, const struct hrp_frame *f)
{
    struct hrd_batch_msg *bat;
    struct ses_type *t;
    int r;

    if (ses->in_flight_bytes + f->n_bytes > ses->cfg->window_bytes + ses->cfg->lim->frame_bytes) {
        ses_fail(ses, HR_EPROTO, "Batch: %llu bytes in flight; the window has %llu", (unsigned long long)ses->in_flight_bytes,
                 (unsigned long long)ses->cfg->window_bytes);
        return;
    }
    ses->counters->batches_received++;
    bat = batch_msg(f);
    r = bat == NULL ? HR_ENOMEM : hrd_ingest_head(bat, ses->cfg->lim);
    if (r != 0) {
        /* Without a header there is nothing to answer to. The client checks what it sends: this is no damage of its spool. */
        ses_fail(ses, r, "Batch: its header can't be read: %s", hr_strerror(r));
        if (bat != NULL)
            hrd_msg_free(&bat->msg);
        return;
    }
    t = type_of(ses, &bat->head);
    if (t == NULL)
        hrd_msg_free(&bat->msg);
    else
        ingest(ses, bat, t);
}

/* ---- reports ---- */

static bool position(struct hrd_session *ses, const struct ses_inc *inc, const Headrace__Wire__Report__Position *p,
                     struct hrd_position *ret)
{
    const struct ses_type *t = ses_type(inc, p->type_id);

    if (t == NULL || t->state != TYPE_DECIDED) {
        ses_fail(ses, HR_EPROTO, "Report: of type %u, which was not offered and decided", p->type_id);
        return false;
    }
    if (p->next == 0 || p->next > HRD_N_MAX || p->floor > p->next) {
        ses_fail(ses, HR_EPROTO, "Report: type %u, lane %u: next %llu, floor %llu", p->type_id, p->lane,
                 (unsigned long long)p->next, (unsigned long long)p->floor);
        return false;
    }
    *ret =
        (struct hrd_position){.stream_id = t->stream_id, .lane = p->lane, .next = p->next, .floor = p->floor != 0 ? p->floor : 1};
    return true;
}

static void submit_report(struct hrd_session *ses, const struct ses_inc *inc, const Headrace__Wire__Report *m)
{
    struct hrd_report_msg *rep = hrd_report_msg_new();

    if (rep != NULL)
        rep->positions = hrp_calloc(m->n_positions + 1, sizeof *rep->positions);
    if (rep == NULL || rep->positions == NULL) {
        if (rep != NULL)
            hrd_msg_free(&rep->msg);
        ses_fail(ses, HR_ENOMEM, "no memory for a report");
        return;
    }
    rep->incarnation = inc->id;
    rep->report_id = m->report_id;
    rep->closing = m->closing;
    rep->msg.n_bytes = sizeof *rep + m->n_positions * sizeof *rep->positions;
    for (size_t i = 0; i < m->n_positions; i++)
        if (!position(ses, inc, m->positions[i], &rep->positions[rep->n_positions++])) {
            hrd_msg_free(&rep->msg);
            return;
        }
    ses->report_bytes += rep->msg.n_bytes;
    ses_submit(ses, &rep->msg, true);
}

void ses_on_report(struct hrd_session *ses, const struct hrp_frame *f)
{
    Headrace__Wire__Report *m = ses_unpack(ses, &headrace__wire__report__descriptor, f, 4u << 20);
    struct ses_inc *inc = m != NULL ? ses_inc(ses, "Report", m->incarnation.data, m->incarnation.len) : NULL;

    if (inc != NULL && ses->report_bytes > UNANSWERED_REPORT_BYTES)
        ses_fail(ses, HR_ELIMIT, "Report: %llu bytes of reports are unanswered", (unsigned long long)ses->report_bytes);
    else if (inc != NULL)
        submit_report(ses, inc, m);
    if (m != NULL)
        ses_free_msg(m);
}

void ses_on_reported(struct hrd_session *ses, const struct hrd_report_msg *rep)
{
    Headrace__Wire__ReportAck m = HEADRACE__WIRE__REPORT_ACK__INIT;

    ses->report_bytes -= rep->msg.n_bytes;
    m.has_incarnation = m.has_report_id = m.has_store_generation = true;
    m.incarnation = ses_bytes(&rep->incarnation, sizeof rep->incarnation);
    m.report_id = rep->report_id;
    m.store_generation = ses_bytes(&ses->cfg->generation, sizeof ses->cfg->generation);
    ses_say(ses, HRP_FRAME_REPORT_ACK, &m.base);
}
