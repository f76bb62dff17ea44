/* Frames on the ingest connection: a fixed header of 12 bytes, then the payload.
 *
 *   0  2  magic "HR"
 *   2  1  protocol version (1)
 *   3  1  type, enum hrp_frame_type
 *   4  4  payload length, little-endian
 *   8  4  low 32 bits of XXH3-64 over bytes 0..7 and the payload
 *
 * The length is checked against the limit before anything is allocated for the payload. */
#ifndef HRP_FRAME_H
#define HRP_FRAME_H
#include "bytes.h"

#define HRP_FRAME_HEADER_BYTES 12
#define HRP_PROTOCOL_VERSION 1

enum hrp_frame_type { /* client > collector, or collector > client; payload message of wire.proto */
    HRP_FRAME_HELLO = 1,     /* c>s Hello: first frame of a connection */
    HRP_FRAME_WELCOME = 2,   /* s>c Welcome */
    HRP_FRAME_ANNOUNCE = 3,  /* c>s Announce: an incarnation whose batches follow */
    HRP_FRAME_OFFER = 4,     /* c>s SchemaOffer */
    HRP_FRAME_VERDICT = 5,   /* s>c SchemaVerdict */
    HRP_FRAME_BATCH = 6,     /* c>s a batch (batch.h), not protobuf */
    HRP_FRAME_ACK = 7,       /* s>c Ack */
    HRP_FRAME_REPORT = 8,    /* c>s Report: next and floor */
    HRP_FRAME_REPORT_ACK = 9,/* s>c ReportAck: the report is durable */
    HRP_FRAME_WINDOW = 10,   /* s>c Window */
    HRP_FRAME_GOAWAY = 11,   /* s>c or c>s Goaway */
    HRP_FRAME_PING = 12,     /* either, Ping */
    HRP_FRAME_PONG = 13,     /* either, Ping echoed + own time */
};

struct hrp_limits { /* what a reader accepts from outside; see hrp_limits_default */
    uint32_t frame_bytes;    /* payload of one frame */
    uint32_t control_bytes;  /* payload of any frame but BATCH and OFFER; pre-scanned and capped before unpack */
    uint32_t schema_bytes;   /* one descriptor set */
    uint32_t raw_bytes;      /* a batch body after LZ4 */
    uint64_t decoded_bytes;  /* all arrays made while reading one batch */
    uint32_t rows;           /* rows and raw rows of one batch */
    uint32_t segments;
    uint32_t columns;        /* nodes of one schema */
    uint32_t depth;          /* nesting of messages, on the wire and in schemas */
};
/* 4 MiB frame, 64 KiB control, 2 MiB schema, 16 MiB raw, 64 MiB decoded, 65,536 rows, 65,536 segments, 4,096 columns, depth 100. */
extern const struct hrp_limits hrp_limits_default;
extern const struct hrp_limits hrp_limits_stored; /* batches that the collector made itself: 32 MiB, 128 MiB raw, 512 MiB decoded */

struct hrp_frame {
    uint8_t type;
    const uint8_t *payload; /* borrowed from the input of hrp_frame_next until it is moved or grown */
    uint32_t n_bytes;
};
/* Append one frame. */
void hrp_frame_put(struct hrp_buf *out, uint8_t type, const void *payload, uint32_t n_bytes);
/* Look at the start of in[n]: 1 and *ret, *ret_used when a whole good frame is there; 0: more bytes are
 * needed (*ret_need = how many in all, never more than header + limit); HR_EPROTO (magic, unknown type),
 * HR_EVERSION, HR_ETOOBIG, HR_ECORRUPT (checksum): close the connection. */
int hrp_frame_next(const uint8_t *in, size_t n, const struct hrp_limits *lim, struct hrp_frame *ret, size_t *ret_used, size_t *ret_need);

/* Pre-scan of protobuf bytes before any unpack (DEPENDENCIES.md section 2): well-formed, depth within
 * max_depth when every length-delimited field that parses is taken for a message, at most max_fields
 * fields in all. HR_ECORRUPT, HR_ELIMIT. */
int hrp_pb_prescan(const uint8_t *p, size_t n, uint32_t max_depth, uint32_t max_fields);
/* Append a control message (protobuf-c) as a frame; unpack one after the pre-scan with a capped allocator. */
struct ProtobufCMessage;
struct ProtobufCMessageDescriptor;
void hrp_frame_put_msg(struct hrp_buf *out, uint8_t type, const struct ProtobufCMessage *msg);
int hrp_msg_unpack(const struct ProtobufCMessageDescriptor *d, const uint8_t *p, size_t n, size_t cap_bytes, struct ProtobufCMessage **ret); /* free with protobuf_c_message_free_unpacked(msg, hrp_pb_allocator()) */
struct ProtobufCAllocator *hrp_pb_allocator(void);
#endif
