#include "frame.h"
#include "alloc.h"
#include "errors.h"
#include <protobuf-c/protobuf-c.h>
#include <string.h>
#define XXH_INLINE_ALL
#include <xxhash.h>

const struct hrp_limits hrp_limits_default = {
    .frame_bytes = 4u << 20,
    .control_bytes = 64u << 10,
    .schema_bytes = 2u << 20,
    .raw_bytes = 16u << 20,
    .decoded_bytes = 64u << 20,
    .rows = 65536,
    .segments = 65536,
    .columns = 4096,
    .depth = 100,
};

const struct hrp_limits hrp_limits_stored = {
    .frame_bytes = 32u << 20,
    .control_bytes = 64u << 10,
    .schema_bytes = 2u << 20,
    .raw_bytes = 128u << 20,
    .decoded_bytes = 632u << 20,
    .rows = 65536,
    .segments = 65536,
    .columns = 4096,
    .depth = 100,
};

/* ---- frames ---- */

/* The checksum covers the header as well, or a flipped type would pass. */
static uint32_t frame_check(const uint8_t head[8], const uint8_t *payload, size_t n_bytes)
{
    XXH3_state_t st;

    XXH3_64bits_reset(&st);
    XXH3_64bits_update(&st, head, 8);
    XXH3_64bits_update(&st, payload, n_bytes);
    return (uint32_t)XXH3_64bits_digest(&st);
}

/* Fill the header of a frame whose payload already stands behind it. */
static void frame_seal(uint8_t *frame, uint8_t type, uint32_t n_bytes)
{
    uint32_t check;

    frame[0] = 'H';
    frame[1] = 'R';
    frame[2] = HRP_PROTOCOL_VERSION;
    frame[3] = type;
    memcpy(frame + 4, &n_bytes, 4);
    check = frame_check(frame, frame + HRP_FRAME_HEADER_BYTES, n_bytes);
    memcpy(frame + 8, &check, 4);
}

void hrp_frame_put(struct hrp_buf *out, uint8_t type, const void *payload, uint32_t n_bytes)
{
    uint8_t *p = hrp_buf_reserve(out, HRP_FRAME_HEADER_BYTES + (size_t)n_bytes);

    if (p == NULL)
        return;
    if (n_bytes != 0)
        memcpy(p + HRP_FRAME_HEADER_BYTES, payload, n_bytes);
    frame_seal(p, type, n_bytes);
    out->n += HRP_FRAME_HEADER_BYTES + (size_t)n_bytes;
}

void hrp_frame_put_msg(struct hrp_buf *out, uint8_t type, const struct ProtobufCMessage *msg)
{
    size_t n_bytes = protobuf_c_message_get_packed_size(msg);
    uint8_t *p;

    if (n_bytes > UINT32_MAX) {
        out->err = HR_ETOOBIG;
        return;
    }
    p = hrp_buf_reserve(out, HRP_FRAME_HEADER_BYTES + n_bytes);
    if (p == NULL)
        return;
    protobuf_c_message_pack(msg, p + HRP_FRAME_HEADER_BYTES);
    frame_seal(p, type, (uint32_t)n_bytes);
    out->n += HRP_FRAME_HEADER_BYTES + n_bytes;
}

static uint32_t payload_limit(uint8_t type, const struct hrp_limits *lim)
{
    switch (type) {
    case HRP_FRAME_BATCH:
        return lim->frame_bytes;
    case HRP_FRAME_OFFER: /* the set and the message around it */
        return lim->schema_bytes <= UINT32_MAX - 4096 ? lim->schema_bytes + 4096 : UINT32_MAX;
    default:
        return lim->control_bytes;
    }
}

/* What is wrong with the first n (at most 8) bytes of a header; told as early as it can be known. */
static int header_check(const uint8_t *in, size_t n, const struct hrp_limits *lim, uint32_t *ret_bytes)
{
    if ((n > 0 && in[0] != 'H') || (n > 1 && in[1] != 'R'))
        return HR_EPROTO;
    if (n > 2 && in[2] != HRP_PROTOCOL_VERSION)
        return HR_EVERSION;
    if (n > 3 && (in[3] < HRP_FRAME_HELLO || in[3] > HRP_FRAME_PONG))
        return HR_EPROTO;
    if (n < 8)
        return 0;
    memcpy(ret_bytes, in + 4, 4);
    return *ret_bytes > payload_limit(in[3], lim) ? HR_ETOOBIG : 0;
}

int hrp_frame_next(const uint8_t *in, size_t n, const struct hrp_limits *lim, struct hrp_frame *ret, size_t *ret_used, size_t *ret_need)
{
    uint32_t n_bytes = 0, check;
    int r = header_check(in, n, lim, &n_bytes);

    if (r != 0)
        return r;
    *ret_need = HRP_FRAME_HEADER_BYTES + (size_t)n_bytes;
    if (n < *ret_need)
        return 0;
    memcpy(&check, in + 8, 4);
    if (check != frame_check(in, in + HRP_FRAME_HEADER_BYTES, n_bytes))
        return HR_ECORRUPT;
    ret->type = in[3];
    ret->payload = in + HRP_FRAME_HEADER_BYTES;
    ret->n_bytes = n_bytes;
    *ret_used = *ret_need;
    return 1;
}

/* ---- protobuf from outside ---- */

/* protobuf-c has no depth limit: 34 KB of nested messages overflow the stack. So nothing from outside is unpacked
 * before this scan. It knows no types, so it takes each length-delimited field for a message if it parses as one;
 * one that does not parse is a string or bytes. A level costs each byte one look, hence at most n * max_depth. */
struct prescan {
    uint32_t max_depth, fields_left;
};

static int prescan_message(struct prescan *ps, const uint8_t *p, size_t n, uint32_t depth);

static int prescan_field(struct prescan *ps, struct hrp_reader *r, uint32_t depth)
{
    uint64_t tag = hrp_read_varint(r);
    uint32_t fields_left;
    const uint8_t *sub;
    size_t n_sub;
    int res;

    if (r->bad || tag >> 3 == 0 || tag > UINT32_MAX)
        return HR_ECORRUPT;
    if (ps->fields_left-- == 0)
        return HR_ELIMIT;
    switch (tag & 7) {
    case 0:
        hrp_read_varint(r);
        return 0;
    case 1:
        hrp_read_bytes(r, 8);
        return 0;
    case 2:
        sub = hrp_read_lenbytes(r, &n_sub);
        if (sub == NULL || n_sub == 0)
            return 0;
        fields_left = ps->fields_left;
        res = prescan_message(ps, sub, n_sub, depth + 1);
        if (res == HR_ECORRUPT) { /* no message, then: what was counted inside does not count */
            ps->fields_left = fields_left;
            res = 0;
        }
        return res;
    case 5:
        hrp_read_bytes(r, 4);
        return 0;
    default: /* groups (3, 4), which nobody of ours writes, and 6, 7, which do not exist */
        return HR_ECORRUPT;
    }
}

static int prescan_message(struct prescan *ps, const uint8_t *p, size_t n, uint32_t depth)
{
    struct hrp_reader r = hrp_reader(p, n);
    int res = 0;

    if (depth > ps->max_depth)
        return HR_ELIMIT;
    while (res == 0 && hrp_reader_left(&r) != 0)
        res = prescan_field(ps, &r, depth);
    return res == 0 && r.bad ? HR_ECORRUPT : res;
}

int hrp_pb_prescan(const uint8_t *p, size_t n, uint32_t max_depth, uint32_t max_fields)
{
    struct prescan ps = {max_depth, max_fields};

    return prescan_message(&ps, p, n, 1);
}

static void *pb_alloc(void *data, size_t n_bytes)
{
    (void)data;
    return hrp_malloc(n_bytes);
}

static void pb_free(void *data, void *p)
{
    (void)data;
    hrp_free(p);
}

struct ProtobufCAllocator *hrp_pb_allocator(void)
{
    static ProtobufCAllocator a = {pb_alloc, pb_free, NULL}; /* never changed */

    return &a;
}

/* Counts what unpacking takes, also what it gives back at once: a bound, not an account. */
struct cap {
    size_t left;
    int err;
};

static void *cap_alloc(void *data, size_t n_bytes)
{
    struct cap *cap = data;
    void *p;

    if (n_bytes > cap->left) {
        cap->err = HR_ELIMIT;
        return NULL;
    }
    p = hrp_malloc(n_bytes);
    if (p == NULL)
        cap->err = HR_ENOMEM;
    else
        cap->left -= n_bytes;
    return p;
}

int hrp_msg_unpack(const struct ProtobufCMessageDescriptor *d, const uint8_t *p, size_t n, size_t cap_bytes, struct ProtobufCMessage **ret)
{
    struct cap cap = {cap_bytes, 0};
    ProtobufCAllocator a = {cap_alloc, pb_free, &cap};
    ProtobufCMessage *msg;
    int r = hrp_pb_prescan(p, n, hrp_limits_default.depth, UINT32_MAX);

    if (r != 0)
        return r;
    msg = protobuf_c_message_unpack(d, &a, n, p);
    if (msg == NULL)
        return cap.err != 0 ? cap.err : HR_ECORRUPT;
    *ret = msg;
    return 0;
}
