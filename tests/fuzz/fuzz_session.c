/* A producer that says anything, in frames with right checksums or in bytes; a committer that answers in any order.
 *
 *   op, n (u16, little-endian), n bytes   what op wants of the bytes:
 *   1 to 13    a frame of this type with the bytes as its payload
 *   16         the bytes as they are
 *   17         the committer answers one of what waits for it; first byte: which, second: code
 *   18         time passes: first byte, in seconds
 *   19         the collector says goodbye
 *   20 21 22   a good announcement, offer, batch
 *
 * Holds whatever is said: in flight is bounded, output is bounded, a batch is answered at most once, GONE is last and once. */
#include "session_kit.h"
#include "batch.h"
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MUST_HOLD(what) ((what) ? (void)0 : abort()) /* in a release, too */
#define MAX_WAITING 64u
#define OUT_CAP_BYTES 65536u

struct run {
    struct session_kit k;
    struct hrd_msg *waiting[MAX_WAITING];
    unsigned n_waiting, n_batches, n_gone;
    bool over;
};

/* What the session gave out: answered later, or freed. */
static void collect(struct run *run)
{
    struct hrd_msg *msg;

    while ((msg = hrd_msgs_take(&run->k.got)) != NULL) {
        MUST_HOLD(run->n_gone == 0);
        MUST_HOLD(msg->session == 7);
        run->n_gone += msg->type == HRD_MSG_GONE;
        if ((msg->type == HRD_MSG_BATCH || msg->type == HRD_MSG_OFFER || msg->type == HRD_MSG_REPORT) &&
            run->n_waiting < MAX_WAITING)
            run->waiting[run->n_waiting++] = msg;
        else
            hrd_msg_free(msg);
    }
    MUST_HOLD((hrd_session_state(run->k.ses) == HRD_SESSION_CLOSED) == (run->n_gone == 1));
    MUST_HOLD(hrd_session_in_flight(run->k.ses) <= run->k.cfg.window_bytes + hrp_limits_default.frame_bytes);
}

/* The peer reads: every frame must be one. */
static void read_output(struct run *run)
{
    ProtobufCMessage *m;
    uint8_t type;

    while ((m = kit_heard(&run->k, &type)) != NULL)
        kit_free(m);
}

static void answer(struct run *run, const uint8_t *p, size_t n)
{
    unsigned i = run->n_waiting != 0 && n > 0 ? p[0] % run->n_waiting : 0;
    struct hrd_msg *msg;

    if (run->n_waiting == 0)
        return;
    msg = run->waiting[i];
    run->waiting[i] = run->waiting[--run->n_waiting];
    kit_answer(&run->k, msg, n > 1 ? p[1] % 3 : HRD_COMMITTED);
}

static void say_good(struct run *run, uint8_t op)
{
    if (op == 20)
        kit_announce(&run->k, kit_id(1));
    else if (op == 21)
        kit_offer(&run->k, kit_id(1), 3, NULL, true);
    else
        kit_batch(&run->k, kit_id(1), 3, run->n_batches + 1, run->n_batches * 10 + 1, 10);
    run->n_batches += op == 22;
    kit_feed(&run->k, 0);
}

static void obey(struct run *run, uint8_t op, const uint8_t *p, size_t n)
{
    struct session_kit *k = &run->k;

    if (op >= 1 && op <= 13) {
        hrp_frame_put(&k->in, op, p, (uint32_t)n);
        kit_feed(k, 0);
    } else if (op == 16) {
        hrp_put_bytes(&k->in, p, n);
        kit_feed(k, 7);
    } else if (op == 17) {
        answer(run, p, n);
    } else if (op == 18) {
        k->mono_ns += (n > 0 ? p[0] : 1) * INT64_C(1000000000);
        hrd_session_tick(k->ses, k->mono_ns, k->wall_ns);
        kit_feed(k, 0);
    } else if (op == 19) {
        hrd_session_goaway(k->ses, 0, "the collector stops", 0);
        kit_feed(k, 0);
    } else if (op >= 20 && op <= 22) {
        say_good(run, op);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct hrp_reader in = hrp_reader(data, size);
    struct run *run = calloc(1, sizeof *run);

    kit_init(&run->k);
    run->k.cfg.out_cap_bytes = OUT_CAP_BYTES;
    run->k.cfg.window_bytes = 65536;
    kit_open(&run->k);
    while (hrp_reader_left(&in) != 0) {
        uint8_t op = hrp_read_u8(&in);
        size_t n = hrp_read_u16(&in);
        const uint8_t *p = hrp_read_bytes(&in, n);

        if (p == NULL)
            break;
        obey(run, op, p, n);
        collect(run);
        read_output(run);
    }
    hrd_session_lost(run->k.ses, "");
    kit_feed(&run->k, 0);
    collect(run);
    MUST_HOLD(run->n_gone == 1);
    while (run->n_waiting != 0) { /* answers that come after the end */
        answer(run, (const uint8_t *)"", 1);
        collect(run);
    }
    kit_fini(&run->k);
    free(run);
    return 0;
}
