/* Reading a stream back: blocks from an offset on, decoded, with their selection. Any thread; one reader per thread.
 * A reader takes a short snapshot for each block, so it never holds up a reopen of the store. */
#ifndef HRD_READ_H
#define HRD_READ_H
#include "block.h"
#include "log.h"
struct hrd_registry;

struct hrd_read_block {
    struct hrd_block_head head;
    struct hrp_batch *batch;      /* owned by the reader, until the next call */
};
struct hrd_gap {                  /* offsets [from, to) cannot be read */
    uint64_t from, to;
    const char *cause;            /* "damaged", "retention" */
};
struct hrd_reader;
int hrd_reader_open(struct hrd_log *log, struct hrd_registry *reg, uint32_t stream_id, uint64_t from_offset, struct hrd_reader **ret);
/* 1: *ret is the block that holds the cursor's offset, or the first after it; 0: end for now, call again later;
 * 2: *ret_gap, the cursor is moved past it; HR_E*: the store (HR_EAGAIN: reopening). */
int hrd_reader_next(struct hrd_reader *r, const struct hrd_read_block **ret, struct hrd_gap *ret_gap);
/* As hrd_reader_next, by the head alone: the block is passed without being read, (*ret)->batch is NULL. */
int hrd_reader_next_head(struct hrd_reader *r, const struct hrd_read_block **ret, struct hrd_gap *ret_gap);
/* Only blocks that may hold rows within these times are read; the others are passed by their heads. [since, until). */
struct hrd_times {
    int64_t event_since_ns, event_until_ns, receive_since_ns, receive_until_ns;
};
#define HRD_TIMES_ALL ((struct hrd_times){INT64_MIN, INT64_MAX, INT64_MIN, INT64_MAX})
void hrd_reader_times(struct hrd_reader *r, const struct hrd_times *times);
uint64_t hrd_reader_offset(const struct hrd_reader *r);  /* next offset wanted */
void hrd_reader_free(struct hrd_reader *r);

/* One past the last offset of the stream; 0: it has no block; UINT64_MAX: the last head can't be read. */
int hrd_stream_end(struct hrd_log *log, uint32_t stream_id, uint64_t *ret);

/* Rows of one block, selected ones only, offset >= from. */
struct hrd_rows;
int hrd_rows_open(const struct hrd_read_block *blk, uint64_t from_offset, struct hrd_rows **ret);
/* 1: identity of the next row and its offset, and then exactly one of the four calls below; 0: end. */
int hrd_rows_next(struct hrd_rows *rows, struct hrp_row_id *ret_id, uint64_t *ret_offset);
int hrd_rows_skip(struct hrd_rows *rows);
/* One event as the API, tail, export and the file sink show it, without the newline:
 * {"offset":1,"event_time":"...","receive_time":"...","incarnation":"<32 hex>","lane":0,"n":1,"app":"..","version":"..","data":{...}}
 * weight only when it is not 1; "flagged":true only for a row that broke something its stream allows. app and version as given (may be ""). */
int hrd_rows_json(struct hrd_rows *rows, const char *app, const char *version, struct hrp_buf *out);
int hrd_rows_data(struct hrd_rows *rows, struct hrp_buf *out);   /* only the data object */
int hrd_rows_wire(struct hrd_rows *rows, struct hrp_buf *out);   /* in protobuf wire format */
void hrd_rows_free(struct hrd_rows *rows);
#endif
