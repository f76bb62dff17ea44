#include "session_kit.h"
#include "batch.h"
#include "log_memory.h"
#include "schemas.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MUST(cond) ((cond) ? (void)0 : must_failed(#cond, __LINE__))

static _Noreturn void must_failed(const char *what, int line)
{
    fprintf(stderr, "session_kit.c:%d: %s\n", line, what);
    abort();
}

void kit_init(struct session_kit *k)
{
    memset(k, 0, sizeof *k);
    MUST(hrd_log_memory_open(&k->log) == 0);
    MUST(hrd_registry_open(k->log, &k->registry, NULL) == 0);
    k->cfg = hrd_session_cfg_default;
    k->cfg.registry = k->registry;
    k->cfg.generation = k->log->generation;
    k->mono_ns = INT64_C(1000000000);
    k->wall_ns = INT64_C(1800000000000000000);
}

void kit_open(struct session_kit *k) { MUST(hrd_session_open(&k->cfg, 7, &k->counters, k->mono_ns, &k->ses) == 0); }

void kit_fini(struct session_kit *k)
{
    hrd_session_free(k->ses);
    hrd_msgs_free(&k->got);
    hrp_buf_fini(&k->in);
    hrp_buf_fini(&k->out);
    hrd_registry_free(k->registry);
    k->log->ops->close(k->log);
}

/* ---- the producer ---- */

struct hrp_id kit_id(uint8_t first_byte) { return (struct hrp_id){{first_byte, 1, 2, 3}}; }

static ProtobufCBinaryData id_data(struct hrp_id *id) { return (ProtobufCBinaryData){sizeof id->b, id->b}; }

void kit_put(struct session_kit *k, uint8_t type, const ProtobufCMessage *msg)
{
    hrp_frame_put_msg(&k->in, type, msg);
    MUST(k->in.err == 0);
}

void kit_hello(struct session_kit *k)
{
    Headrace__Wire__Hello m = HEADRACE__WIRE__HELLO__INIT;

    m.has_protocol_min = m.has_protocol_max = true;
    m.protocol_min = m.protocol_max = HRP_PROTOCOL_VERSION;
    kit_put(k, HRP_FRAME_HELLO, &m.base);
}

void kit_announce(struct session_kit *k, struct hrp_id inc)
{
    Headrace__Wire__Announce m = HEADRACE__WIRE__ANNOUNCE__INIT;
    char app[] = "app", version[] = "1.0", host[] = "mill";

    m.has_incarnation = m.has_producer = m.has_pid = m.has_born_ns = true;
    m.incarnation = m.producer = id_data(&inc);
    m.app = app;
    m.app_version = version;
    m.host = host;
    m.pid = 42;
    m.born_ns = (uint64_t)k->wall_ns;
    kit_put(k, HRP_FRAME_ANNOUNCE, &m.base);
}

void kit_offer(struct session_kit *k, struct hrp_id inc, uint32_t type_id, const char *stream, bool whole)
{
    Headrace__Wire__SchemaOffer m = HEADRACE__WIRE__SCHEMA_OFFER__INIT;
    struct hrp_schema *schema = test_flight_schema();
    char name[256];
    size_t n;
    uint8_t *set = test_flight_set(&n);

    snprintf(name, sizeof name, "%s", stream != NULL ? stream : "Flight");
    m.has_incarnation = m.has_type_id = m.has_fingerprint = true;
    m.incarnation = id_data(&inc);
    m.type_id = type_id;
    m.stream = name;
    m.fingerprint = (ProtobufCBinaryData){16, (uint8_t *)(uintptr_t)hrp_schema_fingerprint(schema)};
    m.has_descriptor_set = whole;
    if (whole)
        m.descriptor_set = (ProtobufCBinaryData){n, set};
    kit_put(k, HRP_FRAME_OFFER, &m.base);
    hrp_schema_unref(schema);
    free(set);
}

void kit_batch_bytes(struct hrp_buf *out, struct hrp_id inc, uint32_t type_id, uint64_t batch_id, uint64_t first_n, uint32_t n_rows,
                     uint32_t n_raw)
{
    struct hrp_schema *schema = test_flight_schema();
    struct hrp_builder *b;
    struct hrp_buf row = HRP_BUF_INIT;

    MUST(hrp_builder_new(schema, &b) == 0);
    for (uint32_t i = 0; i < n_rows; i++) {
        hrp_buf_clear(&row);
        test_flight_row(&row, 1000 + i, (int32_t)i - 3, 100 + (int32_t)i, "SFO", i % 2 != 0 ? "JFK" : "LAX");
        MUST(hrp_builder_add(b, 0, first_n + i, 1700000000000000000 + i, 1, 0, row.p, row.n, NULL) == 0);
    }
    for (uint32_t i = 0; i < n_raw; i++)
        MUST(hrp_builder_add_raw(b, 0, first_n + n_rows + i, 1700000000000000000, "not a flight", (const uint8_t *)"{}", 2) == 0);
    MUST(hrp_builder_seal(b, &inc, batch_id, type_id, out) == 0);
    hrp_buf_fini(&row);
    hrp_builder_free(b);
    hrp_schema_unref(schema);
}

void kit_batch(struct session_kit *k, struct hrp_id inc, uint32_t type_id, uint64_t batch_id, uint64_t first_n, uint32_t n_rows)
{
    struct hrp_buf b = HRP_BUF_INIT;

    kit_batch_bytes(&b, inc, type_id, batch_id, first_n, n_rows, 0);
    hrp_frame_put(&k->in, HRP_FRAME_BATCH, b.p, (uint32_t)b.n);
    MUST(k->in.err == 0);
    hrp_buf_fini(&b);
}

void kit_report(struct session_kit *k, struct hrp_id inc, uint64_t report_id, uint32_t type_id, uint64_t next, uint64_t floor,
                bool closing)
{
    Headrace__Wire__Report m = HEADRACE__WIRE__REPORT__INIT;
    Headrace__Wire__Report__Position p = HEADRACE__WIRE__REPORT__POSITION__INIT, *ps[1] = {&p};

    p.has_type_id = p.has_lane = p.has_next = p.has_floor = true;
    p.type_id = type_id;
    p.next = next;
    p.floor = floor;
    m.has_incarnation = m.has_report_id = m.has_closing = true;
    m.incarnation = id_data(&inc);
    m.report_id = report_id;
    m.closing = closing;
    m.n_positions = 1;
    m.positions = ps;
    kit_put(k, HRP_FRAME_REPORT, &m.base);
}

static void collect(struct session_kit *k)
{
    struct hrp_buf *out = hrd_session_output(k->ses);
    struct hrd_msg *msg;

    hrp_put_bytes(&k->out, out->p, out->n);
    out->n = 0;
    while ((msg = hrd_session_take(k->ses)) != NULL)
        hrd_msgs_add(&k->got, msg);
}

void kit_feed(struct session_kit *k, size_t piece)
{
    size_t at = 0;

    while (at < k->in.n) {
        size_t n = piece == 0 || piece > k->in.n - at ? k->in.n - at : piece;
        uint8_t *copy = malloc(n); /* of just that size: reading past it is seen */

        MUST(copy != NULL);
        memcpy(copy, k->in.p + at, n);
        hrd_session_input(k->ses, copy, n, k->mono_ns, k->wall_ns);
        free(copy);
        at += n;
    }
    hrp_buf_clear(&k->in);
    collect(k);
}

static const ProtobufCMessageDescriptor *descriptor_of(uint8_t type)
{
    switch (type) {
    case HRP_FRAME_WELCOME: return &headrace__wire__welcome__descriptor;
    case HRP_FRAME_VERDICT: return &headrace__wire__schema_verdict__descriptor;
    case HRP_FRAME_ACK: return &headrace__wire__ack__descriptor;
    case HRP_FRAME_REPORT_ACK: return &headrace__wire__report_ack__descriptor;
    case HRP_FRAME_WINDOW: return &headrace__wire__window__descriptor;
    case HRP_FRAME_GOAWAY: return &headrace__wire__goaway__descriptor;
    case HRP_FRAME_PING: case HRP_FRAME_PONG: return &headrace__wire__ping__descriptor;
    default: return NULL;
    }
}

ProtobufCMessage *kit_heard(struct session_kit *k, uint8_t *ret_type)
{
    struct hrp_frame f;
    size_t used, need;
    ProtobufCMessage *msg = NULL;

    collect(k);
    if (k->out.n == 0)
        return NULL;
    MUST(hrp_frame_next(k->out.p, k->out.n, &hrp_limits_default, &f, &used, &need) == 1);
    MUST(descriptor_of(f.type) != NULL);
    MUST(hrp_msg_unpack(descriptor_of(f.type), f.payload, f.n_bytes, 1u << 20, &msg) == 0);
    *ret_type = f.type;
    memmove(k->out.p, k->out.p + used, k->out.n - used);
    k->out.n -= used;
    return msg;
}

void kit_free(ProtobufCMessage *msg) { protobuf_c_message_free_unpacked(msg, hrp_pb_allocator()); }

/* ---- the committer ---- */

struct hrd_msg *kit_take(struct session_kit *k, enum hrd_msg_type type)
{
    struct hrd_msg *msg;

    collect(k);
    msg = hrd_msgs_take(&k->got);
    MUST(msg != NULL && msg->type == type);
    return msg;
}

static void learn(struct session_kit *k, struct hrd_offer_msg *off)
{
    struct hrd_group g;

    hrd_group_init(&g);
    MUST(hrd_registry_stage_stream(k->registry, off->stream, &g, &off->stream_id) == 0);
    if (off->schema != NULL)
        MUST(hrd_registry_stage_schema(k->registry, off->schema, off->stream_id, NULL, &g, &off->schema_id, &off->known) == 0);
    MUST(k->log->ops->commit(k->log, &g) == 0);
    hrd_registry_publish(k->registry);
    hrd_group_fini(&g);
}

void kit_answer(struct session_kit *k, struct hrd_msg *msg, uint8_t code)
{
    if (msg->type == HRD_MSG_OFFER) {
        learn(k, (struct hrd_offer_msg *)msg);
        msg->type = HRD_MSG_VERDICT;
    } else if (msg->type == HRD_MSG_BATCH) {
        struct hrd_batch_msg *bat = (struct hrd_batch_msg *)msg;

        bat->code = code;
        bat->commit = ++k->commits;
        bat->accepted = bat->head.n_rows - bat->n_asides;
        bat->quarantined = bat->head.n_raw + bat->n_asides;
        msg->type = HRD_MSG_COMMITTED;
    } else {
        MUST(msg->type == HRD_MSG_REPORT);
        msg->type = HRD_MSG_REPORTED;
    }
    hrd_session_answer(k->ses, msg, k->mono_ns);
    hrd_msg_free(msg);
    collect(k);
}
