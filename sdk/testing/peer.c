#include "peer.h"
#include "alloc.h"
#include "frame.h"
#include "wire.pb-c.h"

#define MAX_TYPES 1024u
#define UNPACK_CAP_BYTES (16u << 20)
#define WINDOW_BYTES (8u << 20)

static const struct hrs_kind refused; /* a type that cannot be checked: its batches are taken and thrown away, and the test is told why */

struct hrs_announced {
    struct hrs_announced *next;
    struct hrp_id id;
    const struct hrs_kind *kinds[MAX_TYPES];
};

void hrs_peer_init(struct hrs_peer *p, struct hrs_store *store, const struct hrp_id *generation)
{
    *p = (struct hrs_peer){.store = store, .generation = *generation};
}

void hrs_peer_fini(struct hrs_peer *p)
{
    for (struct hrs_announced *a = p->announced, *next; a != NULL; a = next) {
        next = a->next;
        hrp_free(a);
    }
    hrp_buf_fini(&p->in);
    hrp_buf_fini(&p->out);
}

static struct hrs_announced *find(struct hrs_peer *p, const uint8_t *id, size_t n)
{
    struct hrs_announced *a = NULL;

    if (n == 16)
        for (a = p->announced; a != NULL && memcmp(a->id.b, id, 16) != 0; a = a->next)
            ;
    return a;
}

static ProtobufCBinaryData generation(struct hrs_peer *p) { return (ProtobufCBinaryData){16, p->generation.b}; }

/* ---- what a client says ---- */

static int on_hello(struct hrs_peer *p, const ProtobufCMessage *msg)
{
    Headrace__Wire__Welcome m = HEADRACE__WIRE__WELCOME__INIT;

    m.has_protocol = m.has_store_generation = m.has_window_bytes = m.has_memory_only = true;
    m.protocol = HRP_PROTOCOL_VERSION;
    m.store_generation = generation(p);
    m.window_bytes = WINDOW_BYTES;
    m.memory_only = true;
    m.server = (char *)(uintptr_t)"libheadrace-test";
    hrp_frame_put_msg(&p->out, HRP_FRAME_WELCOME, &m.base);
    return 0;
}

static int on_announce(struct hrs_peer *p, const ProtobufCMessage *msg)
{
    const Headrace__Wire__Announce *m = (const Headrace__Wire__Announce *)msg;
    struct hrs_announced *a = find(p, m->incarnation.data, m->incarnation.len);

    if (a != NULL || m->incarnation.len != 16)
        return a != NULL ? 0 : HR_EPROTO;
    a = hrp_calloc(1, sizeof *a);
    if (a == NULL)
        return HR_ENOMEM;
    memcpy(a->id.b, m->incarnation.data, 16);
    a->next = p->announced;
    p->announced = a;
    return 0;
}

static int on_offer(struct hrs_peer *p, const ProtobufCMessage *msg)
{
    const Headrace__Wire__SchemaOffer *m = (const Headrace__Wire__SchemaOffer *)msg;
    Headrace__Wire__SchemaVerdict v = HEADRACE__WIRE__SCHEMA_VERDICT__INIT;
    struct hrs_announced *a = find(p, m->incarnation.data, m->incarnation.len);
    const struct hrs_kind *kind;
    struct hr_error err = {0, ""};

    if (a == NULL || m->type_id >= MAX_TYPES || m->fingerprint.len != 16 || m->stream == NULL)
        return HR_EPROTO;
    kind = hrs_store_kind(p->store, m->stream, m->fingerprint.data);
    v.has_incarnation = v.has_type_id = v.has_code = true;
    v.incarnation = m->incarnation;
    v.type_id = m->type_id;
    v.code = HEADRACE__WIRE__SCHEMA_VERDICT__CODE__KNOWN;
    if (kind == NULL && !m->has_descriptor_set)
        v.code = HEADRACE__WIRE__SCHEMA_VERDICT__CODE__SEND;
    else if (kind == NULL &&
             hrs_store_learn(p->store, m->stream, m->fingerprint.data, m->descriptor_set.data, m->descriptor_set.len, &kind, &err) != 0) {
        v.code = HEADRACE__WIRE__SCHEMA_VERDICT__CODE__REFUSED;
        v.reason = err.text;
        if (p->store->refused.code == 0)
            p->store->refused = err;
        kind = &refused;
    }
    a->kinds[m->type_id] = kind;
    hrp_frame_put_msg(&p->out, HRP_FRAME_VERDICT, &v.base);
    return 0;
}

static int on_report(struct hrs_peer *p, const ProtobufCMessage *msg)
{
    const Headrace__Wire__Report *m = (const Headrace__Wire__Report *)msg;
    Headrace__Wire__ReportAck ack = HEADRACE__WIRE__REPORT_ACK__INIT;

    ack.has_incarnation = ack.has_report_id = ack.has_store_generation = true;
    ack.incarnation = m->incarnation;
    ack.report_id = m->report_id;
    ack.store_generation = generation(p);
    hrp_frame_put_msg(&p->out, HRP_FRAME_REPORT_ACK, &ack.base);
    return 0;
}

static int on_ping(struct hrs_peer *p, const ProtobufCMessage *msg)
{
    hrp_frame_put_msg(&p->out, HRP_FRAME_PONG, msg);
    return 0;
}

static int on_pong(struct hrs_peer *p, const ProtobufCMessage *msg) { return 0; }
static int on_goaway(struct hrs_peer *p, const ProtobufCMessage *msg) { return HR_ECLOSED; }

static int commit(struct hrs_peer *p, const struct hrp_batch_head *head, const struct hrp_frame *f)
{
    Headrace__Wire__Ack ack = HEADRACE__WIRE__ACK__INIT;
    struct hrs_announced *a = find(p, head->incarnation.b, 16);
    const struct hrs_kind *kind = a != NULL && head->type_id < MAX_TYPES ? a->kinds[head->type_id] : NULL;
    int r = kind == NULL ? HR_EPROTO : kind == &refused ? 0 : hrs_store_batch(p->store, kind, f->payload, f->n_bytes);

    if (r != 0)
        return r;
    ack.has_incarnation = ack.has_batch_id = ack.has_store_generation = ack.has_commit = ack.has_code = true;
    ack.incarnation = (ProtobufCBinaryData){16, (uint8_t *)(uintptr_t)head->incarnation.b};
    ack.batch_id = head->batch_id;
    ack.store_generation = generation(p);
    ack.commit = ++p->commits;
    ack.code = HEADRACE__WIRE__ACK__CODE__COMMITTED;
    hrp_frame_put_msg(&p->out, HRP_FRAME_ACK, &ack.base);
    return 0;
}

static int on_batch(struct hrs_peer *p, const struct hrp_frame *f)
{
    struct hrp_batch_head head;
    int r = hrp_batch_head_read(f->payload, f->n_bytes, &hrp_limits_default, &head);

    if (r != 0)
        return r;
    r = commit(p, &head, f);
    hrp_batch_head_fini(&head);
    return r;
}

/* ---- frames ---- */

static const struct control {
    const ProtobufCMessageDescriptor *descriptor;
    int (*on)(struct hrs_peer *p, const ProtobufCMessage *msg);
} controls[] = {
    [HRP_FRAME_HELLO] = {&headrace__wire__hello__descriptor, on_hello},
    [HRP_FRAME_ANNOUNCE] = {&headrace__wire__announce__descriptor, on_announce},
    [HRP_FRAME_OFFER] = {&headrace__wire__schema_offer__descriptor, on_offer},
    [HRP_FRAME_REPORT] = {&headrace__wire__report__descriptor, on_report},
    [HRP_FRAME_GOAWAY] = {&headrace__wire__goaway__descriptor, on_goaway},
    [HRP_FRAME_PING] = {&headrace__wire__ping__descriptor, on_ping},
    [HRP_FRAME_PONG] = {&headrace__wire__ping__descriptor, on_pong},
};

static int on_frame(struct hrs_peer *p, const struct hrp_frame *f)
{
    const struct control *c = f->type < sizeof controls / sizeof *controls ? &controls[f->type] : NULL;
    ProtobufCMessage *msg;
    int r;

    if (f->type == HRP_FRAME_BATCH)
        return on_batch(p, f);
    if (c == NULL || c->on == NULL)
        return HR_EPROTO;
    r = hrp_msg_unpack(c->descriptor, f->payload, f->n_bytes, UNPACK_CAP_BYTES, &msg);
    if (r != 0)
        return r;
    r = c->on(p, msg);
    protobuf_c_message_free_unpacked(msg, hrp_pb_allocator());
    return r;
}

int hrs_peer_input(struct hrs_peer *p, const void *bytes, size_t n)
{
    struct hrp_frame f;
    size_t at = 0, used, need;
    int r;

    hrp_put_bytes(&p->in, bytes, n);
    if (p->in.err != 0)
        return p->in.err;
    while ((r = hrp_frame_next(p->in.p + at, p->in.n - at, &hrp_limits_default, &f, &used, &need)) == 1) {
        at += used;
        r = on_frame(p, &f);
        if (r != 0)
            return r;
    }
    memmove(p->in.p, p->in.p + at, p->in.n - at);
    p->in.n -= at;
    return r != 0 ? r : p->out.err;
}
