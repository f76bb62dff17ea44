/* Who speaks on a connection, and of what: incarnations announced, types offered and decided. */
#include "session_impl.h"
#include "alloc.h"
#include "re2.h"
#include "wire_check.h"
#include <stdio.h>
#include <string.h>

#define NAME_BYTES 1024u               /* longest app, version or host */
#define ALL_TYPES 65536u               /* of all incarnations of one connection */
#define UNDECIDED_OFFER_BYTES (8u << 20) /* descriptor sets that may wait for the committer */

/* ---- incarnations ---- */

struct ses_inc *ses_inc(struct hrd_session *ses, const char *frame, const uint8_t *id, size_t n)
{
    if (n != sizeof ses->incs->id.b) {
        ses_fail(ses, HR_EPROTO, "%s: an incarnation of %zu bytes; 16 are needed", frame, n);
        return NULL;
    }
    if (ses->last_inc < ses->n_incs && memcmp(ses->incs[ses->last_inc].id.b, id, n) == 0)
        return &ses->incs[ses->last_inc];
    for (uint32_t i = 0; i < ses->n_incs; i++)
        if (memcmp(ses->incs[i].id.b, id, n) == 0) {
            ses->last_inc = i;
            return &ses->incs[i];
        }
    ses_fail(ses, HR_EPROTO, "%s: of an incarnation that was not announced", frame);
    return NULL;
}

static bool announced(const struct hrd_session *ses, const uint8_t *id)
{
    for (uint32_t i = 0; i < ses->n_incs; i++)
        if (memcmp(ses->incs[i].id.b, id, 16) == 0)
            return true;
    return false;
}

/* list[n] with room for one more; NULL: no memory, and the old block stays. */
static void *grow(void *list, uint32_t n, uint32_t *cap, size_t size)
{
    uint32_t more = *cap == 0 ? 4 : *cap * 2;
    void *p;

    if (n < *cap)
        return list;
    p = hrp_realloc(list, more * size);
    if (p != NULL)
        *cap = more;
    return p;
}

static bool name_ok(struct hrd_session *ses, const char *field, const char *s)
{
    if (s == NULL || (strlen(s) <= NAME_BYTES && hrp_utf8_valid((const uint8_t *)s, strlen(s))))
        return true;
    ses_fail(ses, HR_EPROTO, "Announce.%s: longer than %u bytes, or not UTF-8", field, NAME_BYTES);
    return false;
}

static bool announce_ok(struct hrd_session *ses, const Headrace__Wire__Announce *m)
{
    if (m->incarnation.len != 16 || (m->has_producer && m->producer.len != 16))
        ses_fail(ses, HR_EPROTO, "Announce: incarnation and producer have 16 bytes");
    else if (ses->n_incs >= ses->cfg->max_incarnations && !announced(ses, m->incarnation.data))
        ses_fail(ses, HR_ELIMIT, "Announce: more than %u incarnations on one connection", ses->cfg->max_incarnations);
    return ses->state == HRD_SESSION_READY && name_ok(ses, "app", m->app) && name_ok(ses, "app_version", m->app_version) &&
           name_ok(ses, "host", m->host);
}

static struct hrd_announce_msg *announce_msg(const Headrace__Wire__Announce *m)
{
    struct hrd_announce_msg *ann = hrd_announce_msg_new();

    if (ann == NULL)
        return NULL;
    memcpy(ann->incarnation.b, m->incarnation.data, 16);
    if (m->has_producer)
        memcpy(ann->producer.b, m->producer.data, 16);
    ann->app = hrp_strdup(m->app != NULL ? m->app : "");
    ann->version = hrp_strdup(m->app_version != NULL ? m->app_version : "");
    ann->host = hrp_strdup(m->host != NULL ? m->host : "");
    ann->pid = m->pid;
    ann->born_ns = (int64_t)m->born_ns;
    if (ann->app != NULL && ann->version != NULL && ann->host != NULL)
        return ann;
    hrd_msg_free(&ann->msg);
    return NULL;
}

static bool room_for_inc(struct hrd_session *ses)
{
    struct ses_inc *incs = grow(ses->incs, ses->n_incs, &ses->cap_incs, sizeof *incs);
    struct hrp_id *ids = grow(ses->gone->incarnations, ses->gone->n_incarnations, &ses->cap_gone, sizeof *ids);

    if (incs != NULL)
        ses->incs = incs;
    if (ids != NULL)
        ses->gone->incarnations = ids;
    return incs != NULL && ids != NULL;
}

static void add_inc(struct hrd_session *ses, const Headrace__Wire__Announce *m)
{
    struct hrd_announce_msg *ann = announce_msg(m);

    if (ann == NULL || !room_for_inc(ses)) {
        if (ann != NULL)
            hrd_msg_free(&ann->msg);
        ses_fail(ses, HR_ENOMEM, "no memory for an incarnation");
        return;
    }
    ses->gone->incarnations[ses->gone->n_incarnations++] = ann->incarnation;
    ses->incs[ses->n_incs++] = (struct ses_inc){.id = ann->incarnation};
    ses_submit(ses, &ann->msg, false);
}

void ses_on_announce(struct hrd_session *ses, const struct hrp_frame *f)
{
    Headrace__Wire__Announce *m = ses_unpack(ses, &headrace__wire__announce__descriptor, f, 1u << 20);

    if (m == NULL)
        return;
    if (announce_ok(ses, m) && !announced(ses, m->incarnation.data))
        add_inc(ses, m);
    ses_free_msg(m);
}

void ses_incs_fini(struct hrd_session *ses)
{
    for (uint32_t i = 0; i < ses->n_incs; i++) {
        struct ses_inc *inc = &ses->incs[i];

        for (uint32_t k = 0; k < inc->n_types; k++) {
            hrp_schema_unref(inc->types[k].schema);
            hrp_free(inc->types[k].reason);
        }
        hrp_free(inc->types);
    }
    hrp_free(ses->incs);
}

/* ---- types ---- */

static uint32_t type_place(const struct ses_inc *inc, uint32_t type_id)
{
    uint32_t lo = 0, hi = inc->n_types;

    while (lo < hi) {
        uint32_t mid = lo + (hi - lo) / 2;

        if (inc->types[mid].type_id < type_id)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

struct ses_type *ses_type(const struct ses_inc *inc, uint32_t type_id)
{
    uint32_t at = type_place(inc, type_id);

    return at < inc->n_types && inc->types[at].type_id == type_id ? &inc->types[at] : NULL;
}

static struct ses_type *add_type(struct hrd_session *ses, struct ses_inc *inc, uint32_t type_id)
{
    uint32_t at = type_place(inc, type_id);
    struct ses_type *types;

    if (inc->n_types >= ses->cfg->max_types || ses->n_all_types >= ALL_TYPES) {
        ses_fail(ses, HR_ELIMIT, "SchemaOffer: more than %u types of an incarnation, or %u of a connection", ses->cfg->max_types,
                 ALL_TYPES);
        return NULL;
    }
    types = grow(inc->types, inc->n_types, &inc->cap_types, sizeof *types);
    if (types == NULL) {
        ses_fail(ses, HR_ENOMEM, "no memory for a type");
        return NULL;
    }
    inc->types = types;
    memmove(&inc->types[at + 1], &inc->types[at], (inc->n_types - at) * sizeof *inc->types);
    inc->types[at] = (struct ses_type){.type_id = type_id, .state = TYPE_ASKED};
    inc->n_types++;
    ses->n_all_types++;
    return &inc->types[at];
}

static void verdict(struct hrd_session *ses, const struct hrp_id *incarnation, const struct ses_type *t,
                    Headrace__Wire__SchemaVerdict__Code code)
{
    Headrace__Wire__SchemaVerdict m = HEADRACE__WIRE__SCHEMA_VERDICT__INIT;

    m.has_incarnation = m.has_type_id = m.has_code = true;
    m.incarnation = ses_bytes(incarnation, sizeof *incarnation);
    m.type_id = t->type_id;
    m.code = code;
    m.reason = t->reason;
    m.has_schema_id = t->schema_id != 0;
    m.schema_id = t->schema_id;
    ses_say(ses, HRP_FRAME_VERDICT, &m.base);
}

const struct hrd_policy *ses_policy(struct hrd_session *ses, struct ses_type *t)
{
    uint64_t now = hrd_registry_changes(ses->cfg->registry);
    struct hrd_settings settings;

    if (t->policy_of == now)
        return &t->policy;
    t->policy = hrd_registry_settings(ses->cfg->registry, t->stream_id, &settings) == 0 ? settings.policy : hrd_policy_default;
    t->policy_of = now;
    return &t->policy;
}

/* One offer, as it is looked at. */
struct offer {
    const Headrace__Wire__SchemaOffer *m;
    struct ses_inc *inc;
    struct ses_type *type;        /* that of refused offers gets their schema */
    const char *stream;           /* the offered one, or that of offers without a valid name */
    struct hrp_schema *schema;    /* a reference to hand over; NULL: refused */
    uint32_t newest;              /* what it was admitted against */
    uint64_t n_changes;
    char reason[256];
};

/* The schema stays with the type, where it could be opened: its rows can be read, and are set aside one by one. */
static void refuse(struct offer *o, const char *fmt, const char *arg)
{
    snprintf(o->reason, sizeof o->reason, fmt, arg);
    hrp_schema_unref(o->type->schema);
    o->type->schema = o->schema;
    o->schema = NULL;
}

/* The committer gives the stream its number, also that of a refused offer: its rows are set aside under it. */
static void submit_offer(struct hrd_session *ses, struct offer *o)
{
    struct hrd_offer_msg *off = hrd_offer_msg_new();

    if (off != NULL)
        off->stream = hrp_strdup(o->stream);
    if (off == NULL || off->stream == NULL) {
        if (off != NULL)
            hrd_msg_free(&off->msg);
        hrp_schema_unref(o->schema);
        ses_fail(ses, HR_ENOMEM, "no memory for an offer");
        return;
    }
    off->incarnation = o->inc->id;
    off->type_id = o->type->type_id;
    off->schema = o->schema;
    off->newest = o->newest;
    off->n_changes = o->n_changes;
    memcpy(off->fingerprint, o->m->fingerprint.data, sizeof off->fingerprint);
    snprintf(off->reason, sizeof off->reason, "%s", o->reason);
    off->msg.n_bytes = sizeof *off + o->m->descriptor_set.len;
    o->type->state = TYPE_DECIDING;
    o->type->offer_bytes = (uint32_t)o->m->descriptor_set.len;
    ses->offer_bytes += o->type->offer_bytes;
    ses_submit(ses, &off->msg, true);
}

/* Once its schema has an id. What was learned before its rules could be read is refused now. False: the session has failed. */
static bool take_rules(struct hrd_session *ses, struct ses_type *t)
{
    struct hr_error err = {0, ""};

    t->rules = hrd_registry_rules(ses->cfg->registry, t->schema_id, &err);
    if (t->rules != NULL || err.code == HR_ENOENT) /* damaged in the store: rows are checked by their types alone */
        return true;
    if (err.code == HR_ENOMEM) {
        ses_fail(ses, HR_ENOMEM, "no memory for the rules of a schema");
        return false;
    }
    t->refused = true;
    t->reason = hrp_strdup(err.text);
    return true;
}

static bool known(struct hrd_session *ses, struct offer *o)
{
    struct hrd_registry *reg = ses->cfg->registry;
    struct hrd_stream_info info;
    struct hrd_version v;
    uint32_t schema_id, stream_id;

    if (hrd_registry_by_fingerprint(reg, o->m->fingerprint.data, &schema_id, &stream_id) != 0 ||
        hrd_registry_stream(reg, stream_id, &info) != 0 || strcmp(info.name, o->stream) != 0 ||
        hrd_registry_version_of(reg, schema_id, &v) != 0 || v.deleted) /* a deleted one is refused by name, as others are */
        return false;
    o->type->schema = hrd_registry_schema(reg, schema_id);
    if (o->type->schema == NULL) /* damaged in the store: it can be learned again */
        return false;
    o->type->state = TYPE_DECIDED;
    o->type->schema_id = schema_id;
    o->type->stream_id = stream_id;
    if (!take_rules(ses, o->type))
        return true;
    verdict(ses, &o->inc->id, o->type,
            o->type->refused ? HEADRACE__WIRE__SCHEMA_VERDICT__CODE__REFUSED : HEADRACE__WIRE__SCHEMA_VERDICT__CODE__KNOWN);
    return true;
}

/* 0, or HR_ENOMEM: by the mode of its stream, and by what it changes. */
static int admit(struct hrd_session *ses, struct offer *o)
{
    struct hr_error err = {0, ""};
    struct hrd_stream_info info;
    struct hrd_admission adm;
    int r;

    if (hrd_registry_stream_by_name(ses->cfg->registry, o->stream, &info) != 0)
        info.stream_id = 0;
    r = hrd_registry_admit(ses->cfg->registry, info.stream_id, o->schema, false, &adm, &err);
    o->newest = adm.newest;
    o->n_changes = adm.n_changes;
    hrd_admission_fini(&adm);
    if (r == HR_ENOMEM)
        return r;
    if (r != 0)
        refuse(o, "%.255s", err.text);
    return 0;
}

/* 0, or HR_ENOMEM; whatever else is wrong with the set is a refusal with its place. */
static int open_schema(struct hrd_session *ses, struct offer *o)
{
    struct hr_error err = {0, ""};
    int r = hrp_schema_open(o->m->descriptor_set.data, o->m->descriptor_set.len, o->stream, ses->cfg->lim, &o->schema, &err);

    if (r == HR_ENOMEM)
        return r;
    if (r == 0)
        r = hrp_rules_vet(o->m->descriptor_set.data, o->m->descriptor_set.len, o->stream, ses->cfg->lim, &hrd_re2, &err);
    if (r == HR_ENOMEM) {
        hrp_schema_unref(o->schema);
        return r;
    }
    if (r != 0)
        refuse(o, "%.255s", err.text);
    else if (memcmp(hrp_schema_fingerprint(o->schema), o->m->fingerprint.data, 16) != 0)
        refuse(o, "%s: the fingerprint is not that of its descriptor set", o->stream);
    else
        return admit(ses, o);
    return 0;
}

static void decide(struct hrd_session *ses, struct offer *o)
{
    if (o->m->stream == NULL || !hrd_stream_name_valid(o->m->stream)) {
        o->stream = HRD_STREAM_INVALID;
        refuse(o, "%.200s: not a message name", o->m->stream != NULL ? o->m->stream : "");
        submit_offer(ses, o);
        return;
    }
    o->stream = o->m->stream;
    if (known(ses, o))
        return;
    if (!o->m->has_descriptor_set)
        verdict(ses, &o->inc->id, o->type, HEADRACE__WIRE__SCHEMA_VERDICT__CODE__SEND);
    else if (ses->offer_bytes + o->m->descriptor_set.len > UNDECIDED_OFFER_BYTES)
        ses_fail(ses, HR_ELIMIT, "SchemaOffer: more than %u bytes of descriptor sets are undecided", UNDECIDED_OFFER_BYTES);
    else if (open_schema(ses, o) != 0)
        ses_fail(ses, HR_ENOMEM, "no memory for the schema of %s", o->stream);
    else
        submit_offer(ses, o);
}

/* A client may come back to an incarnation that it was done with: a copy of its folder turned up. */
static void repeat_verdict(struct hrd_session *ses, const struct offer *o)
{
    verdict(ses, &o->inc->id, o->type,
            o->type->refused ? HEADRACE__WIRE__SCHEMA_VERDICT__CODE__REFUSED : HEADRACE__WIRE__SCHEMA_VERDICT__CODE__KNOWN);
}

static void look_at(struct hrd_session *ses, const Headrace__Wire__SchemaOffer *m)
{
    struct offer o = {.m = m};

    o.inc = ses_inc(ses, "SchemaOffer", m->incarnation.data, m->incarnation.len);
    if (o.inc == NULL)
        return;
    if (m->fingerprint.len != 16) {
        ses_fail(ses, HR_EPROTO, "SchemaOffer: a fingerprint of %zu bytes; 16 are needed", m->fingerprint.len);
        return;
    }
    if (!m->has_type_id) {
        ses_fail(ses, HR_EPROTO, "SchemaOffer: without type_id");
        return;
    }
    o.type = ses_type(o.inc, m->type_id);
    if (o.type != NULL && memcmp(o.type->fingerprint, m->fingerprint.data, 16) != 0) {
        ses_fail(ses, HR_EPROTO, "SchemaOffer: type %u was offered before with another schema", m->type_id);
        return;
    }
    if (o.type == NULL) {
        o.type = add_type(ses, o.inc, m->type_id);
        if (o.type == NULL)
            return;
        memcpy(o.type->fingerprint, m->fingerprint.data, 16);
    }
    if (o.type->state == TYPE_ASKED)
        decide(ses, &o);
    else if (o.type->state == TYPE_DECIDED)
        repeat_verdict(ses, &o);
}

void ses_on_offer(struct hrd_session *ses, const struct hrp_frame *f)
{
    Headrace__Wire__SchemaOffer *m =
        ses_unpack(ses, &headrace__wire__schema_offer__descriptor, f, 2 * (size_t)ses->cfg->lim->schema_bytes);

    if (m == NULL)
        return;
    look_at(ses, m);
    ses_free_msg(m);
}

/* ---- the committer's answer ---- */

void ses_on_verdict(struct hrd_session *ses, const struct hrd_offer_msg *off)
{
    struct ses_inc *inc =
        ses->state != HRD_SESSION_CLOSED ? ses_inc(ses, "SchemaVerdict", off->incarnation.b, sizeof off->incarnation.b) : NULL;
    struct ses_type *t = inc != NULL ? ses_type(inc, off->type_id) : NULL;

    if (t == NULL)
        return;
    ses->offer_bytes -= t->offer_bytes;
    t->offer_bytes = 0;
    t->state = TYPE_DECIDED;
    t->stream_id = off->stream_id;
    t->schema_id = off->schema_id;
    if (off->schema_id != 0) {
        t->schema = hrd_registry_schema(ses->cfg->registry, off->schema_id);
        if (t->schema == NULL && off->schema != NULL)
            t->schema = hrp_schema_ref(off->schema);
        if (!take_rules(ses, t))
            return;
    } else {
        t->refused = true;
        t->reason = hrp_strdup(off->reason);
        if (t->schema == NULL && off->schema != NULL) /* refused by the committer */
            t->schema = hrp_schema_ref(off->schema);
    }
    ses->counters->schemas_refused += t->refused;
    verdict(ses, &inc->id, t,
            t->refused   ? HEADRACE__WIRE__SCHEMA_VERDICT__CODE__REFUSED
            : off->known ? HEADRACE__WIRE__SCHEMA_VERDICT__CODE__KNOWN
                         : HEADRACE__WIRE__SCHEMA_VERDICT__CODE__LEARNED);
}
