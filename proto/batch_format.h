/* Batches byte for byte; PROTOCOL.md, "Batches". Private to proto/. */
#ifndef HRP_BATCH_FORMAT_H
#define HRP_BATCH_FORMAT_H
#include "batch.h"

#define BATCH_VERSION 1
#define BATCH_LZ4 1u         /* flags: the body is one LZ4 block */
#define BATCH_CHECK_BYTES 4

#define ENVELOPE_WEIGHTS 1u  /* first byte after the times: which columns follow */
#define ENVELOPE_FLAGS 2u

#define PRESENCE_ALL 0       /* first byte of a column that can be absent */
#define PRESENCE_BITMAP 1

struct hrp_seal { /* what stands in prelude and header besides the body */
    const struct hrp_id *incarnation;
    uint64_t batch_id;
    uint32_t type_id;
    int64_t min_time, max_time;
    const struct hrp_segment *segments;
    uint32_t n_segments;
};
/* Append prelude, header and body. raw_bytes: of the body before LZ4; 0: it is not compressed. */
void hrp_batch_put(struct hrp_buf *out, const struct hrp_seal *h, const uint8_t *body, size_t n_body, size_t raw_bytes);
#endif
