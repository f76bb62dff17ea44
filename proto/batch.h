/* Column batches: rows of one event type, column by column; the unit that is sent, checked and stored.
 *
 *   prelude   magic "HB", version, flags, varint lengths, check32 of prelude+header, check32 of the body
 *   header    incarnation, batch id, type id, time range, segments: which n of which lane this batch resolves
 *   body      envelope columns, field columns that hold a value, raw rows; LZ4 when that pays
 *
 * Identity of row i is not stored per row: the ROWS segments, in order, enumerate it. Bytes: PROTOCOL.md.
 * Nothing here knows threads or I/O. A reader never trusts a length; limits are checked before allocation. */
#ifndef HRP_BATCH_H
#define HRP_BATCH_H
#include "schema.h"

/* Why a call was dropped before it became a row of a batch. On the wire: never renumber. */
enum hrp_drop {
    HRP_DROP_FULL = 1,     /* lane full */
    HRP_DROP_TOOBIG = 2,   /* event larger than the limit */
    HRP_DROP_CLOSED = 3,   /* client closing */
    HRP_DROP_EVICTED = 4,  /* sealed batch evicted: spool at its cap */
    HRP_DROP_ABORTED = 5,  /* the call never returned (the process died inside) */
    HRP_DROP_TORN = 6,     /* lane or spool bytes damaged */
    HRP_DROP_SAMPLED = 7,
    HRP_DROP_OFF = 8,      /* stream switched off */
    HRP_DROP_MEMORY = 9,   /* no memory */
    HRP_DROP_INVALID = 10, /* broke a rule, and the stream's policy is to drop such rows */
    HRP_DROP_N
};
const char *hrp_drop_name(unsigned reason); /* "full", ...; "other" */

enum hrp_seg_kind { HRP_SEG_ROWS = 0, HRP_SEG_RAW = 1, HRP_SEG_DROP = 2 };
struct hrp_segment {
    uint32_t lane;
    uint8_t kind;   /* enum hrp_seg_kind */
    uint8_t reason; /* enum hrp_drop for DROP, else 0 */
    uint64_t first_n, count; /* first_n >= 1; first_n + count does not wrap */
};

#define HRP_ROW_INVALID 1u /* row flags: breaks a rule, travels typed and marked */

/* ---- building: one builder per stream and thread ---- */
struct hrp_builder;
struct hrp_batch;
int hrp_builder_new(struct hrp_schema *schema, struct hrp_builder **ret); /* takes a reference; NULL schema: raw rows and drops only */
void hrp_builder_free(struct hrp_builder *b);
/* Add one row in protobuf wire format. Checks everything first (lengths, UTF-8 of proto3 strings, depth, wire types):
 * on an error the builder is as before, and the caller adds it raw. Last value wins for a singular scalar that is there
 * twice; singular messages merge, as the protobuf spec says. HR_EROW (err says the field and why), HR_ETOOBIG (more than
 * HRP_ROW_MAX_BYTES), HR_ENOMEM; HR_EFULL from any of the three: one more would make a batch that readers with the default
 * limits refuse: seal, then add the same again. */
#define HRP_ROW_MAX_BYTES (1u << 20)
/* Personal data (options.h): a typed row loses what its fields say is dropped or truncated; a raw row of a schema that drops,
 * truncates or hashes anything (hrp_schema_secret) keeps its reason and loses its bytes. */
int hrp_builder_add(struct hrp_builder *b, uint32_t lane, uint64_t n, int64_t event_time_ns, uint32_t weight, uint32_t flags,
                    const uint8_t *row, size_t n_bytes, struct hr_error *err);
int hrp_builder_add_raw(struct hrp_builder *b, uint32_t lane, uint64_t n, int64_t event_time_ns, const char *reason,
                        const uint8_t *bytes, size_t n_bytes);
int hrp_builder_add_drop(struct hrp_builder *b, uint32_t lane, uint64_t first_n, uint64_t count, uint8_t reason);
/* At the collector: each value of a field whose action is HASH goes through fn, but for empty ones. *ret_p stays fn's, until it
 * is called again; 0 or HR_E*. Such a batch is made to be stored, so it may hold more than one that travels: 8 times the bytes
 * (hrp_limits_stored); rows may be that much larger, too. Before the first row. */
typedef int hrp_replace_fn(void *arg, const struct hrp_node *node, const uint8_t *p, size_t n, const uint8_t **ret_p, size_t *ret_n);
void hrp_builder_replace(struct hrp_builder *b, hrp_replace_fn *fn, void *arg);
uint32_t hrp_builder_rows(const struct hrp_builder *b);   /* typed + raw */
size_t hrp_builder_bytes(const struct hrp_builder *b);    /* wire bytes taken in since the last seal */
bool hrp_builder_empty(const struct hrp_builder *b);      /* no row, no drop */
bool hrp_builder_full(const struct hrp_builder *b);       /* worth sealing now: the next add may answer HR_EFULL */
/* The rows in the builder as an open batch, for the validator: columns point into the builder (strings are never a dictionary).
 * ret is borrowed until the next call on b, and not to be freed; its head has n_rows only. HR_ENOMEM. */
int hrp_builder_view(struct hrp_builder *b, const struct hrp_batch **ret);
/* Adds flags to a row of the builder, by its index among the typed rows. HR_EINVAL: no such row. */
int hrp_builder_mark(struct hrp_builder *b, uint32_t row, uint32_t flags);
/* Empties the builder without a batch; memory is kept. */
void hrp_builder_clear(struct hrp_builder *b);
/* Append the finished batch to out and empty the builder (memory is kept). On HR_ENOMEM nothing is lost: call again. */
int hrp_builder_seal(struct hrp_builder *b, const struct hrp_id *incarnation, uint64_t batch_id, uint32_t type_id, struct hrp_buf *out);

/* ---- reading ---- */
struct hrp_batch_head {
    struct hrp_id incarnation;
    uint64_t batch_id;
    uint32_t type_id;
    uint32_t n_rows, n_raw;             /* typed and raw rows */
    int64_t min_event_time_ns, max_event_time_ns; /* over rows and raw rows; 0 when there are none */
    uint32_t n_segments;
    struct hrp_segment *segments;       /* owned; sum of ROWS counts = n_rows, of RAW counts = n_raw */
    size_t header_bytes, total_bytes;   /* prelude + header; the whole batch */
};
/* Parse and verify prelude and header only: enough to resolve the batch when the body can't be read, or is cut off
 * (total_bytes > n). HR_ECORRUPT, HR_ELIMIT, HR_ENOMEM, HR_EVERSION. */
int hrp_batch_head_read(const uint8_t *p, size_t n, const struct hrp_limits *lim, struct hrp_batch_head *ret);
void hrp_batch_head_fini(struct hrp_batch_head *h);
/* A batch without body that resolves the same numbers as drops: what eviction writes (rule 4). */
int hrp_batch_evict(const struct hrp_batch_head *h, uint64_t batch_id, uint8_t reason, struct hrp_buf *out);

/* One node's column, decoded. Arrays belong to the batch. A column that was not sent: n_values 0 (explicit presence,
 * messages, repeated, oneof: none there), or, for an implicit-presence scalar, constant zero. */
struct hrp_column {
    const struct hrp_node *node;
    uint32_t n_slots;          /* instances of the parent, or elements of a repeated parent */
    uint32_t n_values;         /* values (leaf) or instances (message); for repeated: elements */
    const uint8_t *present;    /* bitmap, bit i of byte i/8; NULL: all slots present, or, when n_values is 0, none */
    const uint32_t *lengths;   /* repeated: [n_slots]; NULL: all 0 */
    const uint32_t *cases;     /* oneof: [n_slots] field numbers; NULL: all 0 */
    bool constant;             /* one value stands for all n_values: element 0 of the array below */
    const int64_t *i64;        /* by node->phys; NULL for others and when n_values is 0 */
    const uint64_t *u64;
    const double *f64;
    const float *f32;
    const uint32_t *offsets;   /* BYTES: entries [n_dict + 1] into data */
    const uint8_t *data;
    uint32_t n_dict;           /* BYTES: number of entries; plain columns have one per value */
    const uint32_t *codes;     /* BYTES: entry of each value [n_values]; NULL: value i is entry i (or 0 when constant) */
};
struct hrp_raw_row {
    int64_t event_time_ns;
    const char *reason;        /* NUL-terminated, owned by the batch */
    const uint8_t *bytes;
    uint32_t n_bytes;
};
struct hrp_batch {
    struct hrp_batch_head head;
    struct hrp_schema *schema;              /* a reference */
    const int64_t *event_time_ns;           /* [n_rows] */
    const uint32_t *weight;                 /* [n_rows], NULL: all 1 */
    const uint32_t *flags;                  /* [n_rows], NULL: all 0 */
    const struct hrp_column *columns;       /* [hrp_schema_n_nodes]; the root's n_slots = n_rows. A NULL schema: NULL */
    const struct hrp_raw_row *raw;          /* [n_raw] */
    struct hrp_arena *arena;                /* private, as the rest */
    struct hrp_batch_parts {
        uint64_t envelope, raw, fields;     /* bytes of the body's parts before LZ4 */
    } parts;
};
/* Verify checksums, decompress and decode all; p is not needed afterwards. With a NULL schema the fields of typed rows
 * stay closed: head, envelope and raw rows are there, columns is NULL. HR_ECORRUPT, HR_ELIMIT, HR_ENOMEM, HR_EVERSION. */
int hrp_batch_open(const uint8_t *p, size_t n, struct hrp_schema *schema, const struct hrp_limits *lim, struct hrp_batch **ret,
                   struct hr_error *err);
void hrp_batch_free(struct hrp_batch *b);
/* Value i (0 <= i < n_values) of a BYTES column. */
static inline const uint8_t *hrp_column_bytes(const struct hrp_column *c, uint32_t i, uint32_t *ret_n)
{
    uint32_t k = c->constant ? 0 : c->codes != NULL ? c->codes[i] : i;

    *ret_n = c->offsets[k + 1] - c->offsets[k];
    return c->data + c->offsets[k];
}

/* Bytes by part, uncompressed sizes scaled to what LZ4 left: for `headrace streams`. */
struct hrp_batch_sizes {
    uint64_t header, envelope, fields, raw;
};
int hrp_batch_sizes(const struct hrp_batch *b, struct hrp_batch_sizes *ret);

/* Walks the rows of a batch in order, keeping one position per column (so nested lists need no index). */
struct hrp_cursor;
int hrp_cursor_new(const struct hrp_batch *b, struct hrp_cursor **ret); /* borrows b */
void hrp_cursor_free(struct hrp_cursor *c);
/* Identity of the row the cursor stands on; the cursor starts on row 0. HR_ENOENT past the last row. */
struct hrp_row_id {
    uint32_t row, lane;
    uint64_t n;
    int64_t event_time_ns;
    uint32_t weight, flags;
};
int hrp_cursor_id(const struct hrp_cursor *c, struct hrp_row_id *ret);
int hrp_cursor_skip(struct hrp_cursor *c);                          /* to the next row */
int hrp_cursor_wire(struct hrp_cursor *c, struct hrp_buf *out);     /* append as protobuf wire, fields in number order; moves on */
int hrp_cursor_json(struct hrp_cursor *c, struct hrp_buf *out);     /* append as one JSON object (json.h); moves on */
#endif
