/* The inside of a cursor, shared by cursor.c (the walk, wire) and cursor_json.c. Private to proto/.
 *
 * A batch holds the values of a column one after the other, in the order of the rows; so walking the rows in order needs
 * no index, only how many values of each column were taken so far. One step per schema node keeps that, beside all that
 * writing one of its values needs, so that a row is written without a look at the schema, and without an allocation. */
#ifndef HRP_CURSOR_H
#define HRP_CURSOR_H
#include "batch.h"

enum step_shape {
    STEP_DENSE,    /* value i stands in instance i of the message */
    STEP_ALL,      /* the same, of a field with presence */
    STEP_OPTIONAL, /* where the bitmap says so */
    STEP_REPEATED,
    STEP_MEMBER,   /* where the oneof's case is this field's number */
};

enum step_form { /* of a value on the wire */
    FORM_VARINT,
    FORM_ZIGZAG,
    FORM_32,
    FORM_64,
    FORM_BYTES,
    FORM_RAW,      /* unknown fields: the bytes hold their tags */
    FORM_MESSAGE,
};

struct step {
    const struct hrp_column *col;
    const struct hrp_node *node;
    uint32_t next;           /* values taken so far: OPTIONAL, REPEATED, MEMBER */
    uint32_t every;          /* mask of a value's index: 0 when one value stands for all */
    uint8_t shape, form;     /* enum step_shape, step_form */
    bool packed, always;     /* always: zero is written, too (keys and values of maps) */
    bool group;              /* a tag behind the value instead of a length before it */
    uint8_t n_tag;
    uint64_t tag;            /* the tag's bytes, as they lie in memory */
    const uint8_t *present;  /* OPTIONAL */
    const uint32_t *in_slot; /* REPEATED: lengths; MEMBER: cases of the oneof; both by instance of the message */
    const void *values;      /* numbers, as the column has them */
    const uint32_t *kids;    /* messages: fields that are there somewhere, by number, then `unknown`: [n_kids] ids */
    uint32_t n_kids;
    uint32_t key_at, n_key;  /* JSON: `,"name":` */
};

struct hrp_cursor {
    const struct hrp_batch *batch;
    uint32_t row;
    uint32_t segment, in_segment; /* where the row's number stands */
    struct step *steps;      /* [n_nodes]; NULL: the batch was opened without a schema */
    uint32_t n_steps;
    uint32_t *kids;          /* of all messages */
    struct hrp_buf keys;     /* JSON: made when first asked for */
    struct hrp_buf seen;     /* JSON: keys of the map at hand */
};

/* The values of a field in instance i of its message: how many, and the index of the first. Moves on. */
static inline uint32_t step_take(struct step *s, uint32_t i, uint32_t *ret_first)
{
    uint32_t n = 1;

    if (s->shape <= STEP_ALL) {
        *ret_first = i;
        return 1;
    }
    if (s->shape == STEP_OPTIONAL)
        n = s->present[i / 8] >> i % 8 & 1;
    else if (s->shape == STEP_REPEATED)
        n = s->in_slot[i];
    else
        n = s->in_slot[i] == s->node->number;
    *ret_first = s->next;
    s->next += n;
    return n;
}

/* Value i of a column of 64-bit numbers (doubles as their bits), and of floats. */
static inline uint64_t step_u64(const struct step *s, uint32_t i)
{
    uint64_t v;

    memcpy(&v, (const uint8_t *)s->values + sizeof v * (i & s->every), sizeof v);
    return v;
}
static inline uint32_t step_u32(const struct step *s, uint32_t i)
{
    uint32_t v;

    memcpy(&v, (const uint8_t *)s->values + sizeof v * (i & s->every), sizeof v);
    return v;
}

/* After the row was written to out, which was at start: the cursor goes on, whatever happened; what has no room is cut off. */
int hrp_cursor_done(struct hrp_cursor *c, struct hrp_buf *out, size_t start);
#endif
