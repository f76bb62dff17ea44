/* Bytes of a connection: every frame in them, and what a control frame's payload unpacks to. */
#include "frame.h"
#include "alloc.h"
#include "errors.h"
#include "wire.pb-c.h"
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

static const ProtobufCMessageDescriptor *message_of(uint8_t type)
{
    switch (type) {
    case HRP_FRAME_HELLO:
        return &headrace__wire__hello__descriptor;
    case HRP_FRAME_WELCOME:
        return &headrace__wire__welcome__descriptor;
    case HRP_FRAME_ANNOUNCE:
        return &headrace__wire__announce__descriptor;
    case HRP_FRAME_OFFER:
        return &headrace__wire__schema_offer__descriptor;
    case HRP_FRAME_VERDICT:
        return &headrace__wire__schema_verdict__descriptor;
    case HRP_FRAME_ACK:
        return &headrace__wire__ack__descriptor;
    case HRP_FRAME_REPORT:
        return &headrace__wire__report__descriptor;
    case HRP_FRAME_REPORT_ACK:
        return &headrace__wire__report_ack__descriptor;
    default:
        return &headrace__wire__goaway__descriptor;
    }
}

/* The checksum would stop nearly every mutation, so payloads are also tried without a frame around them. */
static void unpack(uint8_t type, const uint8_t *p, size_t n)
{
    const ProtobufCMessageDescriptor *d = message_of(type);
    ProtobufCMessage *msg = NULL;
    struct hrp_buf again = HRP_BUF_INIT;

    if (hrp_msg_unpack(d, p, n, 256u << 10, &msg) != 0)
        return;
    hrp_frame_put_msg(&again, HRP_FRAME_HELLO, msg);
    if (again.err != 0)
        abort();
    hrp_buf_fini(&again);
    protobuf_c_message_free_unpacked(msg, hrp_pb_allocator());
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
    struct hrp_limits lim = hrp_limits_default;
    struct hrp_frame f;
    size_t at = 0, used = 0, need = 0;
    int r = 1;

    while (r == 1) {
        need = HRP_FRAME_HEADER_BYTES;
        r = hrp_frame_next(p + at, n - at, &lim, &f, &used, &need);
        if (r == 1 && (used < HRP_FRAME_HEADER_BYTES || used > n - at))
            abort();
        if (r == 0 && need > HRP_FRAME_HEADER_BYTES + (size_t)lim.frame_bytes)
            abort();
        if (r == 1) {
            unpack(f.type, f.payload, f.n_bytes);
            at += used;
        }
    }
    if (n > 0)
        unpack((uint8_t)(p[0] % 14), p + 1, n - 1);
    return 0;
}
