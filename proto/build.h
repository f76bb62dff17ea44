/* The inside of a builder, shared by builder.c (rows in), build_column.c (their values) and seal.c (a batch out).
 *
 * One bcol per schema node. Its slots are filled lazily: a row touches only the columns of fields it has, and a later
 * value, or the seal, fills up the slots between. So a row of a 500-column schema costs what its few fields cost.
 * Each column remembers its sizes at its first touch by a row; taking back a row restores those, which is why a row that
 * turns out bad in its last byte leaves no trace. Private to proto/. */
#ifndef HRP_BUILD_H
#define HRP_BUILD_H
#include "batch.h"
#include "ints.h"

enum shape {
    SHAPE_DENSE,    /* a value in each slot, zero when it was not there: implicit presence, members of oneofs */
    SHAPE_OPTIONAL, /* bitmap */
    SHAPE_REPEATED, /* lengths */
    SHAPE_ONEOF,    /* cases */
};

#define WIRE_PERSONAL 8u /* no tag has it, so that other columns do not pay for the question */

struct bcol_size {
    uint32_t n_slots;  /* slots filled so far: of the bitmap, lengths or cases; members: times chosen */
    uint32_t n_values; /* values, or instances of a message */
    size_t n_data;     /* bytes of strings */
};

struct bcol {
    const struct hrp_node *node;
    struct bcol *owner;       /* the message that holds the field, also through a oneof; root: NULL */
    struct bcol *oneof;       /* members: their oneof's column */
    enum shape shape;
    uint8_t wire;             /* enum hrp_wire of one value; WIRE_PERSONAL: dropped, truncated or replaced on the way in */
    uint8_t pb_type;
    uint8_t value_bytes;      /* of one value in memory: 8 or 4 (float, length of a string); 0: no values */
    bool is_member, used;     /* used: touched since the last seal */
    bool may_pack;            /* comes as a packed list, too */
    bool replaced;            /* WIRE_PERSONAL: by b->replace */
    uint32_t truncate_to;     /* WIRE_PERSONAL: 0 drops the field */
    uint32_t row;             /* builder's row mark of the last touch */
    struct bcol_size now, before;
    size_t cap_values, cap_data, cap_slots; /* bytes */
    uint8_t *values;          /* uint64_t[] or uint32_t[] */
    uint8_t *data;            /* strings, behind each other */
    uint8_t *slots;           /* bitmap, or uint32_t[] of lengths or cases */
    /* messages only */
    struct bcol **by_number;  /* [n_by_number], for small field numbers */
    uint32_t n_by_number;
    struct bcol *unknown;
    uint32_t n_used;          /* children in use: each costs every instance a slot once decoded */
};

struct raw_row {
    int64_t event_time_ns;
    uint32_t n_reason, n_bytes;
};

struct hrp_builder {
    struct hrp_schema *schema;
    struct bcol *cols;
    uint32_t n_cols;
    struct bcol **touched;    /* [n_cols], by the row being added */
    uint32_t n_touched, row;  /* row: mark of the row being added, never 0 */
    uint64_t weight;          /* bound of the bytes a reader will need for the columns */

    uint32_t n_rows, n_raw, n_segments;
    size_t n_wire;            /* wire bytes taken in */
    bool has_weights, has_flags;
    int64_t min_time, max_time;
    struct hrp_buf times, weights, flags, segments; /* int64_t[], uint32_t[], uint32_t[], struct hrp_segment[] */
    struct hrp_buf raw, raw_bytes;                  /* struct raw_row[]; reasons with their NUL, and rows */

    struct hrp_scratch scratch;
    struct hrp_buf body, packed;
    struct hrp_view *view;    /* builder_view.c; made when first asked for */
    struct hr_error *err;     /* of the call under way */
    hrp_replace_fn *replace;  /* hrp_builder_replace; NULL: no column is replaced */
    void *replace_arg;
    unsigned room;            /* how many times a batch that travels it may hold */
};
void hrp_view_free(struct hrp_view *view); /* NULL is fine */

/* build_column.c: all return 0, HR_ENOMEM, or HR_EROW with b->err set. */
int hrp_bcol_init(struct hrp_builder *b, uint32_t id);
void hrp_bcol_fini(struct bcol *c);
void hrp_bcol_touch_first(struct hrp_builder *b, struct bcol *c); /* use hrp_bcol_touch */
static inline void hrp_bcol_touch(struct hrp_builder *b, struct bcol *c)
{
    if (c->row != b->row)
        hrp_bcol_touch_first(b, c);
}
void hrp_bcol_take_back(struct hrp_builder *b); /* the row being added */
void hrp_bcol_reset(struct bcol *c);            /* after a seal */
int hrp_bcol_fill(struct bcol *c, uint32_t n_slots); /* up to n_slots with nothing, or zeros */
/* One more value of the field in the newest instance of its message; the last one wins where there can be one only. */
int hrp_bcol_add_number(struct hrp_builder *b, struct bcol *c, uint64_t bits);
int hrp_bcol_add_string(struct hrp_builder *b, struct bcol *c, const uint8_t *p, size_t n);
int hrp_bcol_add_bytes_on(struct hrp_builder *b, struct bcol *c, const uint8_t *p, size_t n); /* onto a value that is there */
int hrp_bcol_add_instance(struct hrp_builder *b, struct bcol *c);  /* of a message */
#endif
