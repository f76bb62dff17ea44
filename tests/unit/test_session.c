/* One producer's connection, by bytes. Promises are those of session.h. */
#include "unit.h"
#include "alloc.h"
#include "session_kit.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FLIGHT 3u /* a type id */

static int setup(void **state)
{
    struct session_kit *k = malloc(sizeof *k);

    kit_init(k);
    *state = k;
    return 0;
}

static int teardown(void **state)
{
    kit_fini(*state);
    free(*state);
    return 0;
}

/* ---- steps ---- */

static ProtobufCMessage *hear(struct session_kit *k, uint8_t type)
{
    uint8_t got = 0;
    ProtobufCMessage *m = kit_heard(k, &got);

    assert_non_null(m);
    assert_int_equal(got, type);
    return m;
}

static void hear_and_forget(struct session_kit *k, uint8_t type) { kit_free(hear(k, type)); }

static void hear_nothing(struct session_kit *k)
{
    uint8_t type = 0;
    ProtobufCMessage *m = kit_heard(k, &type);

    assert_int_equal(type, 0);
    assert_null(m);
}

static void ready(struct session_kit *k)
{
    kit_open(k);
    kit_hello(k);
    kit_feed(k, 0);
    hear_and_forget(k, HRP_FRAME_WELCOME);
    assert_int_equal(hrd_session_state(k->ses), HRD_SESSION_READY);
}

/* Ready, incarnation 1 announced, Flight learned under FLIGHT. */
static void speaking(struct session_kit *k)
{
    ready(k);
    kit_announce(k, kit_id(1));
    kit_offer(k, kit_id(1), FLIGHT, NULL, true);
    kit_feed(k, 0);
    hrd_msg_free(kit_take(k, HRD_MSG_ANNOUNCE));
    if (k->got.first != NULL) /* the kit's first session: later ones offer what is known */
        kit_answer(k, kit_take(k, HRD_MSG_OFFER), 0);
    hear_and_forget(k, HRP_FRAME_VERDICT);
}

/* It has ended, saying why with this code; the last message was GONE. */
static void ended(struct session_kit *k, int code, const char *why)
{
    Headrace__Wire__Goaway *m = (Headrace__Wire__Goaway *)hear(k, HRP_FRAME_GOAWAY);

    assert_int_equal(m->error, code);
    if (strstr(m->reason, why) == NULL)
        fail_msg("\"%s\" is not in \"%s\"", why, m->reason);
    kit_free(&m->base);
    hear_nothing(k);
    assert_int_equal(hrd_session_state(k->ses), HRD_SESSION_CLOSED);
    assert_int_equal(hrd_session_error(k->ses), code);
    hrd_msg_free(kit_take(k, HRD_MSG_GONE));
    assert_null(k->got.first);
}

/* ---- the beginning ---- */

static void hello_is_welcomed(void **state)
{
    struct session_kit *k = *state;
    Headrace__Wire__Welcome *m;

    k->cfg.window_bytes = 123456;
    kit_open(k);
    kit_hello(k);
    kit_feed(k, 0);
    m = (Headrace__Wire__Welcome *)hear(k, HRP_FRAME_WELCOME);
    assert_int_equal(m->protocol, HRP_PROTOCOL_VERSION);
    assert_int_equal(m->store_generation.len, 16);
    assert_memory_equal(m->store_generation.data, k->log->generation.b, 16);
    assert_int_equal(m->window_bytes, 123456);
    assert_int_equal(m->max_frame_bytes, hrp_limits_default.frame_bytes);
    assert_int_equal(m->server_time_ns, (uint64_t)k->wall_ns);
    assert_false(m->memory_only);
    kit_free(&m->base);
}

static void another_version_is_refused(void **state)
{
    struct session_kit *k = *state;
    Headrace__Wire__Hello m = HEADRACE__WIRE__HELLO__INIT;

    kit_open(k);
    m.has_protocol_min = m.has_protocol_max = true;
    m.protocol_min = 2;
    m.protocol_max = 9;
    kit_put(k, HRP_FRAME_HELLO, &m.base);
    kit_feed(k, 0);
    ended(k, HR_EVERSION, "protocol 2 to 9");
}

static void p1_only_hello_before_hello(void **state)
{
    struct session_kit *k = *state;
    const uint8_t head[] = {'H', 'R', HRP_PROTOCOL_VERSION, HRP_FRAME_BATCH};

    kit_open(k);
    hrp_put_bytes(&k->in, head, sizeof head);
    kit_feed(k, 1);
    ended(k, HR_EPROTO, "before Hello"); /* of its first four bytes, not of all it announces */
}

static void p1_a_long_hello_is_refused_by_its_length(void **state)
{
    struct session_kit *k = *state;
    uint8_t head[8] = {'H', 'R', HRP_PROTOCOL_VERSION, HRP_FRAME_HELLO};
    uint32_t n = hrp_limits_default.control_bytes + 1;

    kit_open(k);
    memcpy(head + 4, &n, sizeof n);
    hrp_put_bytes(&k->in, head, sizeof head);
    kit_feed(k, 0);
    ended(k, HR_ETOOBIG, "65537 bytes");
}

static void p1_no_hello_in_time(void **state)
{
    struct session_kit *k = *state;

    kit_open(k);
    assert_int_equal(hrd_session_deadline(k->ses), k->mono_ns + k->cfg.handshake_ns);
    k->mono_ns += k->cfg.handshake_ns - 1;
    hrd_session_tick(k->ses, k->mono_ns, k->wall_ns);
    assert_int_equal(hrd_session_state(k->ses), HRD_SESSION_HELLO);
    k->mono_ns++;
    hrd_session_tick(k->ses, k->mono_ns, k->wall_ns);
    ended(k, HR_ETIMEOUT, "no Hello");
    assert_int_equal(k->counters.sessions_timeout, 1);
}

static void a_second_hello(void **state)
{
    struct session_kit *k = *state;

    ready(k);
    kit_hello(k);
    kit_feed(k, 0);
    ended(k, HR_EPROTO, "second Hello");
}

static void not_this_protocol(void **state)
{
    struct session_kit *k = *state;

    kit_open(k);
    hrp_put_bytes(&k->in, "GET / HTTP/1.1\r\n\r\n", 18);
    kit_feed(k, 0);
    ended(k, HR_EPROTO, "not a frame");
    assert_int_equal(k->counters.sessions_protocol, 1);
}

static void a_damaged_frame(void **state)
{
    struct session_kit *k = *state;

    kit_open(k);
    kit_hello(k);
    k->in.p[k->in.n - 1] ^= 1;
    kit_feed(k, 0);
    ended(k, HR_ECORRUPT, "checksum");
}

/* Every frame that only a collector sends, and every one in READY whose payload is no message of its type. */
static void frames_out_of_place(void **state)
{
    static const uint8_t types[] = {HRP_FRAME_WELCOME, HRP_FRAME_VERDICT, HRP_FRAME_ACK, HRP_FRAME_REPORT_ACK, HRP_FRAME_WINDOW};
    static const uint8_t parsed[] = {HRP_FRAME_HELLO, HRP_FRAME_ANNOUNCE, HRP_FRAME_OFFER, HRP_FRAME_REPORT, HRP_FRAME_PING};
    struct session_kit *k = *state;

    for (unsigned i = 0; i < sizeof types; i++) {
        ready(k);
        hrp_frame_put(&k->in, types[i], "", 0);
        kit_feed(k, 0);
        ended(k, HR_EPROTO, "only a collector");
        hrd_session_free(k->ses);
        k->ses = NULL;
    }
    for (unsigned i = 0; i < sizeof parsed; i++) {
        ready(k);
        hrp_frame_put(&k->in, parsed[i], "\xff\xff\xff", 3);
        kit_feed(k, 0);
        ended(k, HR_EPROTO, "not a message of its type");
        hrd_session_free(k->ses);
        k->ses = NULL;
    }
    kit_open(k);
}

/* ---- incarnations and types ---- */

static void announce_reaches_the_committer_once(void **state)
{
    struct session_kit *k = *state;
    struct hrd_announce_msg *ann;
    struct hrd_gone_msg *gone;
    struct hrp_id one = kit_id(1), two = kit_id(2);

    ready(k);
    kit_announce(k, one);
    kit_announce(k, one);
    kit_announce(k, two);
    kit_feed(k, 0);
    ann = (struct hrd_announce_msg *)kit_take(k, HRD_MSG_ANNOUNCE);
    assert_memory_equal(&ann->incarnation, &one, sizeof one);
    assert_string_equal(ann->app, "app");
    assert_string_equal(ann->version, "1.0");
    assert_string_equal(ann->host, "mill");
    assert_int_equal(ann->pid, 42);
    assert_int_equal(ann->born_ns, k->wall_ns);
    assert_int_equal(ann->msg.session, 7);
    hrd_msg_free(&ann->msg);
    hrd_msg_free(kit_take(k, HRD_MSG_ANNOUNCE));
    assert_null(k->got.first);
    hrd_session_lost(k->ses, "cut");
    gone = (struct hrd_gone_msg *)kit_take(k, HRD_MSG_GONE); /* (5) */
    assert_int_equal(gone->n_incarnations, 2);
    assert_memory_equal(&gone->incarnations[1], &two, sizeof two);
    hrd_msg_free(&gone->msg);
    assert_string_equal(hrd_session_why(k->ses), "cut");
}

static void too_many_incarnations(void **state)
{
    struct session_kit *k = *state;

    k->cfg.max_incarnations = 2;
    ready(k);
    kit_announce(k, kit_id(1));
    kit_announce(k, kit_id(2));
    kit_announce(k, kit_id(2));
    kit_announce(k, kit_id(3));
    kit_feed(k, 0);
    hrd_msg_free(kit_take(k, HRD_MSG_ANNOUNCE));
    hrd_msg_free(kit_take(k, HRD_MSG_ANNOUNCE));
    ended(k, HR_ELIMIT, "more than 2 incarnations");
}

static void a_name_that_is_no_text(void **state)
{
    struct session_kit *k = *state;
    Headrace__Wire__Announce m = HEADRACE__WIRE__ANNOUNCE__INIT;
    struct hrp_id id = kit_id(1);
    char app[] = "\xc3(";

    ready(k);
    m.has_incarnation = true;
    m.incarnation = (ProtobufCBinaryData){16, id.b};
    m.app = app;
    kit_put(k, HRP_FRAME_ANNOUNCE, &m.base);
    kit_feed(k, 0);
    ended(k, HR_EPROTO, "Announce.app");
}

static Headrace__Wire__SchemaVerdict *verdict(struct session_kit *k)
{
    return (Headrace__Wire__SchemaVerdict *)hear(k, HRP_FRAME_VERDICT);
}

static void a_type_is_asked_for_then_learned_then_known(void **state)
{
    struct session_kit *k = *state;
    Headrace__Wire__SchemaVerdict *v;

    ready(k);
    kit_announce(k, kit_id(1));
    kit_offer(k, kit_id(1), FLIGHT, NULL, false);
    kit_feed(k, 0);
    v = verdict(k);
    assert_int_equal(v->code, HEADRACE__WIRE__SCHEMA_VERDICT__CODE__SEND);
    kit_free(&v->base);
    hrd_msg_free(kit_take(k, HRD_MSG_ANNOUNCE));

    kit_offer(k, kit_id(1), FLIGHT, NULL, true);
    kit_feed(k, 0);
    hear_nothing(k); /* not before it is durable */
    kit_answer(k, kit_take(k, HRD_MSG_OFFER), 0);
    v = verdict(k);
    assert_int_equal(v->code, HEADRACE__WIRE__SCHEMA_VERDICT__CODE__LEARNED);
    assert_int_equal(v->type_id, FLIGHT);
    assert_int_equal(v->schema_id, 1);
    kit_free(&v->base);

    kit_offer(k, kit_id(1), FLIGHT + 1, NULL, false);
    kit_feed(k, 0);
    v = verdict(k);
    assert_int_equal(v->code, HEADRACE__WIRE__SCHEMA_VERDICT__CODE__KNOWN);
    assert_int_equal(v->schema_id, 1);
    kit_free(&v->base);
    assert_null(k->got.first);
}

static void refusals_name_the_stream_and_go_on(void **state)
{
    struct session_kit *k = *state;
    Headrace__Wire__SchemaVerdict *v;
    struct hrd_offer_msg *off;
    struct hrd_batch_msg *bat;

    ready(k);
    kit_announce(k, kit_id(1));
    kit_offer(k, kit_id(1), 1, "no such.name", true);
    kit_offer(k, kit_id(1), 2, "demo.Missing", true);
    kit_feed(k, 0);
    hrd_msg_free(kit_take(k, HRD_MSG_ANNOUNCE));
    off = (struct hrd_offer_msg *)kit_take(k, HRD_MSG_OFFER);
    assert_string_equal(off->stream, HRD_STREAM_INVALID);
    assert_null(off->schema);
    kit_answer(k, &off->msg, 0);
    v = verdict(k);
    assert_int_equal(v->code, HEADRACE__WIRE__SCHEMA_VERDICT__CODE__REFUSED);
    assert_non_null(strstr(v->reason, "no such.name"));
    kit_free(&v->base);

    off = (struct hrd_offer_msg *)kit_take(k, HRD_MSG_OFFER);
    assert_string_equal(off->stream, "demo.Missing");
    assert_null(off->schema);
    kit_answer(k, &off->msg, 0);
    v = verdict(k);
    assert_int_equal(v->code, HEADRACE__WIRE__SCHEMA_VERDICT__CODE__REFUSED);
    kit_free(&v->base);
    assert_int_equal(k->counters.schemas_refused, 2);

    kit_batch(k, kit_id(1), 2, 1, 1, 5); /* its rows are set aside whole, with the refusal's reason */
    kit_feed(k, 0);
    bat = (struct hrd_batch_msg *)kit_take(k, HRD_MSG_BATCH);
    assert_null(bat->batch);
    assert_int_equal(bat->schema_id, 0);
    assert_int_equal(bat->head.n_rows, 5);
    assert_non_null(strstr(bat->reason, "demo.Missing"));
    kit_answer(k, &bat->msg, HRD_COMMITTED);
    hear_and_forget(k, HRP_FRAME_ACK);
}

/* A client is done with an incarnation, finds a copy of its folder and begins anew, on the same connection. */
static void a_type_that_was_offered_before_gets_the_same_verdict(void **state)
{
    struct session_kit *k = *state;
    Headrace__Wire__SchemaVerdict *v;

    speaking(k);
    kit_announce(k, kit_id(1));
    kit_offer(k, kit_id(1), FLIGHT, NULL, false);
    kit_feed(k, 0);
    v = verdict(k);
    assert_int_equal(v->code, HEADRACE__WIRE__SCHEMA_VERDICT__CODE__KNOWN);
    kit_free(&v->base);
}

static void offer_another(struct session_kit *k, struct hrp_id inc, uint32_t type_id)
{
    Headrace__Wire__SchemaOffer m = HEADRACE__WIRE__SCHEMA_OFFER__INIT;
    uint8_t fingerprint[16] = {1};

    m.has_incarnation = m.has_type_id = m.has_fingerprint = true;
    m.incarnation = (ProtobufCBinaryData){sizeof inc, inc.b};
    m.type_id = type_id;
    m.stream = (char *)(uintptr_t)"Flight";
    m.fingerprint = (ProtobufCBinaryData){sizeof fingerprint, fingerprint};
    kit_put(k, HRP_FRAME_OFFER, &m.base);
}

static void offers_that_break_the_order(void **state)
{
    struct session_kit *k = *state;

    ready(k);
    kit_offer(k, kit_id(1), FLIGHT, NULL, true);
    kit_feed(k, 0);
    ended(k, HR_EPROTO, "not announced");
    hrd_session_free(k->ses);

    speaking(k);
    offer_another(k, kit_id(1), FLIGHT);
    kit_feed(k, 0);
    ended(k, HR_EPROTO, "was offered before with another schema");
    hrd_session_free(k->ses);

    k->cfg.max_types = 1;
    speaking(k);
    kit_offer(k, kit_id(1), FLIGHT + 1, NULL, true);
    kit_feed(k, 0);
    ended(k, HR_ELIMIT, "more than 1 types");
}

/* ---- batches ---- */

static void p2_a_batch_is_answered_with_what_the_committer_said(void **state)
{
    static const uint8_t codes[] = {HRD_COMMITTED, HRD_RETRY, HRD_PARK};
    struct session_kit *k = *state;

    speaking(k);
    for (unsigned i = 0; i < 3; i++) {
        Headrace__Wire__Ack *m;
        struct hrd_batch_msg *bat;

        kit_batch(k, kit_id(1), FLIGHT, 10 + i, 1 + 5 * i, 5);
        kit_feed(k, 0);
        hear_nothing(k);
        bat = (struct hrd_batch_msg *)kit_take(k, HRD_MSG_BATCH);
        assert_int_equal(bat->head.n_rows, 5);
        assert_non_null(bat->batch);
        assert_int_equal(bat->stream_id, 1);
        assert_int_equal(bat->schema_id, 1);
        assert_true(hrd_session_in_flight(k->ses) == bat->frame_bytes);
        kit_answer(k, &bat->msg, codes[i]);
        m = (Headrace__Wire__Ack *)hear(k, HRP_FRAME_ACK);
        assert_int_equal(m->code, codes[i]);
        assert_int_equal(m->batch_id, 10 + i);
        assert_memory_equal(m->incarnation.data, kit_id(1).b, 16);
        assert_memory_equal(m->store_generation.data, k->log->generation.b, 16);
        if (codes[i] == HRD_COMMITTED) {
            assert_int_equal(m->commit, k->commits);
            assert_int_equal(m->accepted, 5);
        }
        kit_free(&m->base);
        assert_int_equal(hrd_session_in_flight(k->ses), 0);
    }
    assert_int_equal(k->counters.batches_received, 3);
    assert_int_equal(k->counters.batches_committed, 1);
    assert_int_equal(k->counters.batches_retry, 1);
    assert_int_equal(k->counters.batches_parked, 1);
}

static void p3_not_before_its_incarnation_and_type(void **state)
{
    struct session_kit *k = *state;

    ready(k);
    kit_batch(k, kit_id(1), FLIGHT, 1, 1, 5);
    kit_feed(k, 0);
    ended(k, HR_EPROTO, "not announced");
    hrd_session_free(k->ses);

    ready(k);
    kit_announce(k, kit_id(1));
    kit_batch(k, kit_id(1), FLIGHT, 1, 1, 5);
    kit_feed(k, 0);
    hrd_msg_free(kit_take(k, HRD_MSG_ANNOUNCE));
    ended(k, HR_EPROTO, "type 3, which was not offered");
    hrd_session_free(k->ses);

    ready(k); /* offered, but not yet decided */
    kit_announce(k, kit_id(1));
    kit_offer(k, kit_id(1), FLIGHT, NULL, true);
    kit_batch(k, kit_id(1), FLIGHT, 1, 1, 5);
    kit_feed(k, 0);
    hrd_msg_free(kit_take(k, HRD_MSG_ANNOUNCE));
    hrd_msg_free(kit_take(k, HRD_MSG_OFFER));
    ended(k, HR_EPROTO, "offered and decided");
}

static void p4_more_than_the_window(void **state)
{
    struct session_kit *k = *state;
    struct hrp_limits lim = hrp_limits_default;
    uint64_t id = 1;

    lim.frame_bytes = 4096;
    k->cfg.lim = &lim;
    k->cfg.window_bytes = 1000;
    speaking(k);
    while (hrd_session_state(k->ses) == HRD_SESSION_READY && id < 1000) {
        kit_batch(k, kit_id(1), FLIGHT, id, id * 5, 5);
        kit_feed(k, 0);
        id++;
        assert_true(hrd_session_in_flight(k->ses) <= 1000 + 4096);
    }
    assert_true(id < 1000);
    while (k->got.first->type == HRD_MSG_BATCH)
        hrd_msg_free(kit_take(k, HRD_MSG_BATCH));
    ended(k, HR_EPROTO, "the window has 1000");
}

static void a_batch_that_can_t_be_decoded_is_set_aside_by_its_header(void **state)
{
    struct session_kit *k = *state;
    struct hrp_buf b = HRP_BUF_INIT;
    struct hrd_batch_msg *bat;
    Headrace__Wire__Ack *m;

    speaking(k);
    kit_batch_bytes(&b, kit_id(1), FLIGHT, 1, 1, 50, 0);
    b.p[b.n - 1] ^= 1; /* of its body: its own checksum fails, the frame's does not */
    hrp_frame_put(&k->in, HRP_FRAME_BATCH, b.p, (uint32_t)b.n);
    kit_feed(k, 0);
    bat = (struct hrd_batch_msg *)kit_take(k, HRD_MSG_BATCH);
    assert_null(bat->batch);
    assert_int_equal(bat->head.n_rows, 50);
    assert_non_null(strstr(bat->reason, "can't be decoded"));
    assert_int_equal(k->counters.batches_undecodable, 1);
    kit_answer(k, &bat->msg, HRD_COMMITTED);
    m = (Headrace__Wire__Ack *)hear(k, HRP_FRAME_ACK);
    assert_non_null(strstr(m->reason, "can't be decoded"));
    kit_free(&m->base);

    hrp_buf_clear(&b);
    hrp_put_bytes(&b, "HB and nothing else", 19);
    hrp_frame_put(&k->in, HRP_FRAME_BATCH, b.p, (uint32_t)b.n);
    kit_feed(k, 0);
    hear_and_forget(k, HRP_FRAME_GOAWAY); /* without a header there is nothing to answer to */
    hrp_buf_fini(&b);
}

/* ---- reports ---- */

static void a_report_is_answered_when_it_is_durable(void **state)
{
    struct session_kit *k = *state;
    struct hrd_report_msg *rep;
    Headrace__Wire__ReportAck *m;

    speaking(k);
    kit_report(k, kit_id(1), 9, FLIGHT, 100, 90, true);
    kit_feed(k, 0);
    hear_nothing(k);
    rep = (struct hrd_report_msg *)kit_take(k, HRD_MSG_REPORT);
    assert_int_equal(rep->report_id, 9);
    assert_true(rep->closing);
    assert_int_equal(rep->n_positions, 1);
    assert_int_equal(rep->positions[0].stream_id, 1);
    assert_int_equal(rep->positions[0].next, 100);
    assert_int_equal(rep->positions[0].floor, 90);
    kit_answer(k, &rep->msg, 0);
    m = (Headrace__Wire__ReportAck *)hear(k, HRP_FRAME_REPORT_ACK);
    assert_int_equal(m->report_id, 9);
    assert_memory_equal(m->store_generation.data, k->log->generation.b, 16);
    kit_free(&m->base);
}

static void reports_that_can_t_be(void **state)
{
    static const struct {
        uint32_t type_id;
        uint64_t next, floor;
        const char *why;
    } bad[] = {{FLIGHT, 0, 0, "next 0"}, {FLIGHT, 5, 6, "floor 6"}, {FLIGHT, UINT64_MAX, 1, "next 1844"}, {99, 5, 1, "type 99"}};
    struct session_kit *k = *state;

    for (unsigned i = 0; i < sizeof bad / sizeof *bad; i++) {
        speaking(k);
        kit_report(k, kit_id(1), 1, bad[i].type_id, bad[i].next, bad[i].floor, false);
        kit_feed(k, 0);
        ended(k, HR_EPROTO, bad[i].why);
        hrd_session_free(k->ses);
        k->ses = NULL;
    }
    kit_open(k);
}

/* ---- time, slow readers ---- */

static void silence_is_asked_about_and_ends(void **state)
{
    struct session_kit *k = *state;
    Headrace__Wire__Ping *m;

    ready(k);
    k->mono_ns += k->cfg.ping_after_ns;
    hrd_session_tick(k->ses, k->mono_ns, k->wall_ns);
    m = (Headrace__Wire__Ping *)hear(k, HRP_FRAME_PING);
    kit_put(k, HRP_FRAME_PONG, &m->base);
    kit_free(&m->base);
    k->mono_ns += 5;
    kit_feed(k, 0);
    assert_int_equal(hrd_session_deadline(k->ses), k->mono_ns + k->cfg.ping_after_ns);

    k->mono_ns += k->cfg.ping_after_ns;
    hrd_session_tick(k->ses, k->mono_ns, k->wall_ns);
    hear_and_forget(k, HRP_FRAME_PING);
    k->mono_ns += k->cfg.ping_timeout_ns;
    hrd_session_tick(k->ses, k->mono_ns, k->wall_ns);
    ended(k, HR_ETIMEOUT, "silent");
}

static void a_ping_is_answered_with_the_time(void **state)
{
    struct session_kit *k = *state;
    Headrace__Wire__Ping ping = HEADRACE__WIRE__PING__INIT, *m;

    ready(k);
    ping.has_sent_ns = true;
    ping.sent_ns = 77;
    kit_put(k, HRP_FRAME_PING, &ping.base);
    kit_feed(k, 0);
    m = (Headrace__Wire__Ping *)hear(k, HRP_FRAME_PONG);
    assert_int_equal(m->sent_ns, 77);
    assert_int_equal(m->time_ns, (uint64_t)k->wall_ns);
    kit_free(&m->base);
}

static void answers_nobody_reads(void **state)
{
    struct session_kit *k = *state;
    Headrace__Wire__Ping ping = HEADRACE__WIRE__PING__INIT;
    struct hrp_buf one = HRP_BUF_INIT;

    k->cfg.out_cap_bytes = 1000;
    ready(k);
    hrp_frame_put_msg(&one, HRP_FRAME_PING, &ping.base);
    for (int i = 0; i < 1000 && hrd_session_state(k->ses) == HRD_SESSION_READY; i++) {
        hrd_session_input(k->ses, one.p, one.n, k->mono_ns, k->wall_ns); /* its output is left where it is */
        assert_true(hrd_session_output(k->ses)->n <= 1000 + 64);
    }
    assert_int_equal(hrd_session_state(k->ses), HRD_SESSION_CLOSED);
    assert_int_equal(k->counters.sessions_slow, 1);
    assert_int_equal(hrd_session_error(k->ses), HR_EFULL);
    hrp_buf_fini(&one);
}

/* ---- the end ---- */

static void goaway_waits_for_what_is_under_way(void **state)
{
    struct session_kit *k = *state;
    Headrace__Wire__Goaway *m;
    struct hrd_msg *bat;

    speaking(k);
    kit_batch(k, kit_id(1), FLIGHT, 1, 1, 5);
    kit_feed(k, 0);
    bat = kit_take(k, HRD_MSG_BATCH);
    hrd_session_goaway(k->ses, 0, "the collector stops", 1500);
    assert_int_equal(hrd_session_state(k->ses), HRD_SESSION_LEAVING);
    m = (Headrace__Wire__Goaway *)hear(k, HRP_FRAME_GOAWAY);
    assert_int_equal(m->retry_after_ms, 1500);
    assert_string_equal(m->reason, "the collector stops");
    kit_free(&m->base);

    kit_batch(k, kit_id(1), FLIGHT, 2, 6, 5); /* was on its way: it will come again, to whoever is next */
    kit_feed(k, 0);
    assert_null(k->got.first);

    kit_answer(k, bat, HRD_COMMITTED);
    hear_and_forget(k, HRP_FRAME_ACK);
    assert_int_equal(hrd_session_state(k->ses), HRD_SESSION_CLOSED);
    assert_int_equal(hrd_session_error(k->ses), 0);
    hrd_msg_free(kit_take(k, HRD_MSG_GONE));
}

static void goaway_with_nothing_under_way(void **state)
{
    struct session_kit *k = *state;

    ready(k);
    hrd_session_goaway(k->ses, 0, "the collector stops", 0);
    assert_int_equal(hrd_session_state(k->ses), HRD_SESSION_CLOSED);
    hear_and_forget(k, HRP_FRAME_GOAWAY);
}

static void the_producer_says_goodbye(void **state)
{
    struct session_kit *k = *state;
    Headrace__Wire__Goaway bye = HEADRACE__WIRE__GOAWAY__INIT;
    struct hrd_msg *bat;

    speaking(k);
    kit_batch(k, kit_id(1), FLIGHT, 1, 1, 5);
    kit_put(k, HRP_FRAME_GOAWAY, &bye.base);
    kit_feed(k, 0);
    bat = kit_take(k, HRD_MSG_BATCH);
    assert_int_equal(hrd_session_state(k->ses), HRD_SESSION_LEAVING);
    kit_answer(k, bat, HRD_COMMITTED);
    hear_and_forget(k, HRP_FRAME_ACK);
    assert_int_equal(hrd_session_state(k->ses), HRD_SESSION_CLOSED);
}

static void an_answer_after_the_end_is_harmless(void **state)
{
    struct session_kit *k = *state;
    struct hrd_msg *bat, *off;

    speaking(k);
    kit_batch(k, kit_id(1), FLIGHT, 1, 1, 5);
    kit_feed(k, 0);
    bat = kit_take(k, HRD_MSG_BATCH);
    kit_offer(k, kit_id(1), FLIGHT + 1, "demo.Missing", true);
    kit_feed(k, 0);
    off = kit_take(k, HRD_MSG_OFFER);
    hrd_session_lost(k->ses, "cut");
    kit_answer(k, bat, HRD_COMMITTED);
    kit_answer(k, off, 0);
    hear_nothing(k);
}

/* ---- bytes ---- */

/* The whole life in one text, whatever pieces it comes in: the answers are the same. */
static void any_split_says_the_same(void **state)
{
    struct session_kit *k = *state;
    static const size_t pieces[] = {1, 2, 3, 5, 11, 12, 13, 64, 1000, 0};

    for (unsigned i = 0; i < sizeof pieces / sizeof *pieces; i++) {
        kit_open(k);
        kit_hello(k);
        kit_announce(k, kit_id(1));
        kit_offer(k, kit_id(1), FLIGHT, NULL, true);
        kit_feed(k, pieces[i]);
        hear_and_forget(k, HRP_FRAME_WELCOME);
        hrd_msg_free(kit_take(k, HRD_MSG_ANNOUNCE));
        if (i == 0)
            kit_answer(k, kit_take(k, HRD_MSG_OFFER), 0);
        hear_and_forget(k, HRP_FRAME_VERDICT); /* learned the first time, known ever after */
        for (uint64_t b = 1; b <= 3; b++)
            kit_batch(k, kit_id(1), FLIGHT, b, b * 100, 100);
        kit_report(k, kit_id(1), 1, FLIGHT, 400, 1, false);
        kit_feed(k, pieces[i]);
        for (int b = 0; b < 3; b++) {
            kit_answer(k, kit_take(k, HRD_MSG_BATCH), HRD_COMMITTED);
            hear_and_forget(k, HRP_FRAME_ACK);
        }
        kit_answer(k, kit_take(k, HRD_MSG_REPORT), 0);
        hear_and_forget(k, HRP_FRAME_REPORT_ACK);
        hrd_session_lost(k->ses, "");
        hrd_msg_free(kit_take(k, HRD_MSG_GONE));
        hrd_session_free(k->ses);
        k->ses = NULL;
    }
    kit_open(k);
}

/* For every n: with the n-th allocation failing, a life ends with a reason or goes on; the next one is as ever. */
static bool life_with_a_failure(struct session_kit *k, const struct hrp_buf *hello, const struct hrp_buf *types,
                                const struct hrp_buf *batch, unsigned long n)
{
    struct hrd_msg *msg;
    unsigned long used;

    hrp_alloc_fail_at(n);
    if (hrd_session_open(&k->cfg, 7, &k->counters, k->mono_ns, &k->ses) != 0) {
        hrp_alloc_fail_at(0);
        k->ses = NULL;
        return true;
    }
    hrd_session_input(k->ses, hello->p, 5, k->mono_ns, k->wall_ns);
    hrd_session_input(k->ses, hello->p + 5, hello->n - 5, k->mono_ns, k->wall_ns);
    hrd_session_input(k->ses, types->p, types->n, k->mono_ns, k->wall_ns);
    while ((msg = hrd_session_take(k->ses)) != NULL)
        if (msg->type == HRD_MSG_OFFER)
            kit_answer(k, msg, 0);
        else
            hrd_msg_free(msg);
    hrd_session_input(k->ses, batch->p, batch->n, k->mono_ns, k->wall_ns);
    used = hrp_alloc_fail_at(0);
    hrd_session_lost(k->ses, "");
    hrd_session_free(k->ses);
    k->ses = NULL;
    hrd_msgs_free(&k->got);
    return used >= n;
}

static void no_memory_at_any_point(void **state)
{
    struct session_kit *k = *state;
    struct hrp_buf hello = HRP_BUF_INIT, types = HRP_BUF_INIT, batch = HRP_BUF_INIT;
    unsigned long n = 1;

    if (!unit_faults())
        skip();
    speaking(k); /* so that the type is known: learning it is not the session's */
    hrd_session_free(k->ses);
    kit_hello(k);
    hello = k->in;
    k->in = (struct hrp_buf)HRP_BUF_INIT;
    kit_announce(k, kit_id(1));
    kit_offer(k, kit_id(1), FLIGHT, NULL, true);
    kit_offer(k, kit_id(1), 1, NULL, false);
    types = k->in;
    k->in = (struct hrp_buf)HRP_BUF_INIT;
    kit_batch(k, kit_id(1), FLIGHT, 1, 1, 50);
    kit_report(k, kit_id(1), 1, FLIGHT, 51, 1, false);
    batch = k->in;
    k->in = (struct hrp_buf)HRP_BUF_INIT;
    hrp_alloc_fail_at(0);
    while (life_with_a_failure(k, &hello, &types, &batch, n))
        n++;
    assert_true(n > 20);
    hrp_buf_fini(&hello);
    hrp_buf_fini(&types);
    hrp_buf_fini(&batch);
    kit_open(k);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(hello_is_welcomed),
        T(another_version_is_refused),
        T(p1_only_hello_before_hello),
        T(p1_a_long_hello_is_refused_by_its_length),
        T(p1_no_hello_in_time),
        T(a_second_hello),
        T(not_this_protocol),
        T(a_damaged_frame),
        T(frames_out_of_place),
        T(announce_reaches_the_committer_once),
        T(too_many_incarnations),
        T(a_name_that_is_no_text),
        T(a_type_is_asked_for_then_learned_then_known),
        T(refusals_name_the_stream_and_go_on),
        T(a_type_that_was_offered_before_gets_the_same_verdict),
        T(a_type_is_asked_for_then_learned_then_known),
        T(refusals_name_the_stream_and_go_on),
        T(offers_that_break_the_order),
        T(p2_a_batch_is_answered_with_what_the_committer_said),
        T(p3_not_before_its_incarnation_and_type),
        T(p4_more_than_the_window),
        T(a_batch_that_can_t_be_decoded_is_set_aside_by_its_header),
        T(a_report_is_answered_when_it_is_durable),
        T(reports_that_can_t_be),
        T(silence_is_asked_about_and_ends),
        T(a_ping_is_answered_with_the_time),
        T(answers_nobody_reads),
        T(goaway_waits_for_what_is_under_way),
        T(goaway_with_nothing_under_way),
        T(the_producer_says_goodbye),
        T(an_answer_after_the_end_is_harmless),
        T(any_split_says_the_same),
        T(no_memory_at_any_point),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
