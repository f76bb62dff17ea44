/* Rows in: protobuf wire bytes, taken apart into columns in one pass.
 *
 * Nothing is checked beforehand. Each column remembers its size at the row's start, so a row that turns out bad is simply
 * cut off again; good rows, nearly all, are looked at once. A field's column is found through a table by number. */
#include "build.h"
#include "wire_check.h"
#include "alloc.h"
#include <string.h>

/* What readers with the default limits accept, with room to spare: frame 4 MiB, decoded 64 MiB, 65,536 rows. A batch is
 * never much larger than its wire bytes, since every column has an encoding that is not. */
#define MOST_WIRE (3u << 20)
#define MOST_WEIGHT (32u << 20)
#define MOST_ROWS 65536u
#define MOST_SEGMENTS 16384u
#define STORED_ROOM 8u /* hrp_builder_replace: so many times all of that, and readers with hrp_limits_stored */

/* ---- life ---- */

static int init_columns(struct hrp_builder *b)
{
    int r = 0;

    b->n_cols = hrp_schema_n_nodes(b->schema);
    b->cols = hrp_calloc(b->n_cols, sizeof *b->cols);
    b->touched = hrp_calloc(b->n_cols, sizeof(*b->touched));
    if (b->cols == NULL || b->touched == NULL)
        return HR_ENOMEM;
    for (uint32_t id = 0; id < b->n_cols && r == 0; id++)
        r = hrp_bcol_init(b, id);
    return r;
}

int hrp_builder_new(struct hrp_schema *schema, struct hrp_builder **ret)
{
    struct hrp_builder *b = hrp_calloc(1, sizeof *b);
    int r = 0;

    if (b == NULL)
        return HR_ENOMEM;
    b->room = 1;
    if (schema != NULL) {
        b->schema = hrp_schema_ref(schema);
        r = init_columns(b);
    }
    if (r != 0) {
        hrp_builder_free(b);
        return r;
    }
    *ret = b;
    return 0;
}

static void free_buffers(struct hrp_builder *b)
{
    struct hrp_buf *bufs[] = {&b->times, &b->weights, &b->flags, &b->segments, &b->raw, &b->raw_bytes, &b->body, &b->packed};

    for (size_t i = 0; i < sizeof bufs / sizeof bufs[0]; i++)
        hrp_buf_fini(bufs[i]);
    hrp_scratch_fini(&b->scratch);
}

void hrp_builder_free(struct hrp_builder *b)
{
    if (b == NULL)
        return;
    for (uint32_t id = 0; b->cols != NULL && id < b->n_cols; id++)
        hrp_bcol_fini(&b->cols[id]);
    free_buffers(b);
    hrp_view_free(b->view);
    hrp_free(b->cols);
    hrp_free(b->touched);
    hrp_schema_unref(b->schema);
    hrp_free(b);
}

void hrp_builder_replace(struct hrp_builder *b, hrp_replace_fn *fn, void *arg)
{
    b->replace = fn;
    b->replace_arg = arg;
    b->room = STORED_ROOM;
    for (uint32_t id = 0; id < b->n_cols; id++) {
        const struct hrp_field_options *o = b->cols[id].node->options;

        if (o == NULL || o->action != HRP_PERSONAL_HASH)
            continue;
        b->cols[id].wire = WIRE_PERSONAL;
        b->cols[id].may_pack = false;
        b->cols[id].replaced = true;
    }
}

uint32_t hrp_builder_rows(const struct hrp_builder *b)
{
    return b->n_rows + b->n_raw;
}

size_t hrp_builder_bytes(const struct hrp_builder *b)
{
    return b->n_wire;
}

bool hrp_builder_empty(const struct hrp_builder *b)
{
    return b->n_segments == 0;
}

static bool too_many_segments(const struct hrp_builder *b) { return b->n_segments >= (b->room == 1 ? MOST_SEGMENTS : hrp_limits_stored.segments); }

static bool no_room(const struct hrp_builder *b, size_t n_bytes)
{
    return b->n_wire + n_bytes > (size_t)b->room * MOST_WIRE || b->weight > (uint64_t)b->room * MOST_WEIGHT ||
           hrp_builder_rows(b) >= MOST_ROWS || too_many_segments(b);
}

bool hrp_builder_full(const struct hrp_builder *b)
{
    return no_room(b, HRP_ROW_MAX_BYTES);
}

/* ---- fields ---- */

static int bad(struct hrp_builder *b, const struct hrp_node *node, const char *why)
{
    return hr_error_set(b->err, HR_EROW, "%s%s%s", node->path, node->path[0] != '\0' ? ": " : "", why);
}

/* Bits of one number as its column keeps them: integers as 64-bit ones, cut to the type's width as the protobuf spec says
 * ("Updating a message type"). 0 and *ret, or false: cut off. */
static inline bool read_number(struct hrp_reader *r, uint8_t pb_type, uint64_t *ret)
{
    uint64_t v;

    switch (pb_type) {
    case 1:  /* double */
    case 6:  /* fixed64 */
    case 16: /* sfixed64 */
        v = hrp_read_u64(r);
        break;
    case 2: /* float */
    case 7: /* fixed32 */
        v = hrp_read_u32(r);
        break;
    case 15: /* sfixed32 */
        v = (uint64_t)(int64_t)(int32_t)hrp_read_u32(r);
        break;
    case 3: /* int64 */
    case 4: /* uint64 */
        v = hrp_read_varint(r);
        break;
    case 5:  /* int32 */
    case 14: /* enum */
        v = (uint64_t)(int64_t)(int32_t)hrp_read_varint(r);
        break;
    case 13: /* uint32 */
        v = (uint32_t)hrp_read_varint(r);
        break;
    case 8: /* bool */
        v = hrp_read_varint(r) != 0;
        break;
    case 17: /* sint32 */
        v = (uint64_t)(int64_t)(int32_t)hrp_unzigzag((uint32_t)hrp_read_varint(r));
        break;
    default: /* 18, sint64 */
        v = (uint64_t)hrp_unzigzag(hrp_read_varint(r));
        break;
    }
    *ret = v;
    return !r->bad;
}

static int add_number(struct hrp_builder *b, struct bcol *c, struct hrp_reader *r)
{
    uint64_t v;

    if (!read_number(r, c->pb_type, &v))
        return bad(b, c->node, "cut off");
    return hrp_bcol_add_number(b, c, v);
}

static int add_packed(struct hrp_builder *b, struct bcol *c, const uint8_t *p, size_t n)
{
    struct hrp_reader r = hrp_reader(p, n);
    int res = 0;

    while (res == 0 && hrp_reader_left(&r) != 0)
        res = add_number(b, c, &r);
    return res;
}

/* Kept as bytes, but a reader will open it one day: so it must be good. Two of a singular one are one message, as the
 * bytes behind each other are. */
static int add_opaque(struct hrp_builder *b, struct bcol *c, const uint8_t *p, size_t n, uint32_t depth)
{
    struct hrp_schema *sub = hrp_schema_of_msg(b->schema, c->node);
    const struct hrp_node *node;
    const char *wrong;

    if (sub == NULL)
        return HR_ENOMEM;
    wrong = hrp_wire_check(sub, p, n, depth, &node);
    if (wrong == hrp_wire_no_memory)
        return HR_ENOMEM;
    if (wrong != NULL)
        return hr_error_set(b->err, HR_EROW, "%s: in it, %s%s%s", c->node->path, node != NULL ? node->path : "", node != NULL ? ": " : "",
                            wrong);
    return c->shape == SHAPE_REPEATED ? hrp_bcol_add_string(b, c, p, n) : hrp_bcol_add_bytes_on(b, c, p, n);
}

/* Up to the end of r, or of the group of that number when it is not 0. */
static int add_fields(struct hrp_builder *b, struct bcol *msg, struct hrp_reader *r, uint64_t group, uint32_t depth);

static int add_length_delimited(struct hrp_builder *b, struct bcol *c, struct hrp_reader *r, uint32_t depth)
{
    struct hrp_reader in;
    size_t n;
    const uint8_t *p = hrp_read_lenbytes(r, &n);
    int res;

    if (p == NULL)
        return bad(b, c->node, "longer than the message it is in");
    if (c->node->kind == HRP_NODE_MESSAGE) {
        res = hrp_bcol_add_instance(b, c);
        in = hrp_reader(p, n);
        return res != 0 ? res : add_fields(b, c, &in, 0, depth - 1);
    }
    if (c->node->opaque)
        return add_opaque(b, c, p, n, depth - 1);
    if (c->wire != HRP_WIRE_LEN)
        return add_packed(b, c, p, n);
    if (c->pb_type == 9 && !hrp_utf8_valid(p, n))
        return bad(b, c->node, hrp_wire_not_utf8);
    return hrp_bcol_add_string(b, c, p, n);
}

static int add_group(struct hrp_builder *b, struct bcol *c, struct hrp_reader *r, uint64_t tag, uint32_t depth)
{
    const uint8_t *p;
    size_t n;
    int res;

    if (c->node->kind == HRP_NODE_MESSAGE) {
        res = hrp_bcol_add_instance(b, c);
        return res != 0 ? res : add_fields(b, c, r, tag >> 3, depth - 1);
    }
    p = hrp_wire_group(r, tag, &n);
    return p != NULL ? add_opaque(b, c, p, n, depth - 1) : bad(b, c->node, hrp_wire_no_end);
}

/* Bytes of the first `most` code points, of UTF-8 that is valid. */
static size_t utf8_prefix(const uint8_t *p, size_t n, uint32_t most)
{
    size_t i = 0;

    for (uint32_t k = 0; k < most && i < n; k++) {
        do
            i++;
        while (i < n && (p[i] & 0xc0) == 0x80);
    }
    return i;
}

static int add_truncated(struct hrp_builder *b, struct bcol *c, struct hrp_reader *r)
{
    size_t n;
    const uint8_t *p = hrp_read_lenbytes(r, &n);

    if (p == NULL)
        return bad(b, c->node, "longer than the message it is in");
    if (c->pb_type == 9 && !hrp_utf8_valid(p, n))
        return bad(b, c->node, hrp_wire_not_utf8);
    if (c->pb_type == 9)
        n = utf8_prefix(p, n, c->truncate_to);
    else if (n > c->truncate_to)
        n = c->truncate_to;
    return hrp_bcol_add_string(b, c, p, n);
}

static int add_replaced(struct hrp_builder *b, struct bcol *c, struct hrp_reader *r)
{
    size_t n;
    const uint8_t *p = hrp_read_lenbytes(r, &n);
    int res = 0;

    if (p == NULL)
        return bad(b, c->node, "longer than the message it is in");
    if (c->pb_type == 9 && !hrp_utf8_valid(p, n))
        return bad(b, c->node, hrp_wire_not_utf8);
    if (n != 0)
        res = b->replace(b->replace_arg, c->node, p, n, &p, &n);
    b->n_wire += n; /* hashes are longer than most of what they replace */
    if (res == 0 && b->n_wire > (size_t)b->room * MOST_WIRE)
        res = HR_EFULL;
    return res != 0 ? res : hrp_bcol_add_string(b, c, p, n);
}

/* A value that is not what its column takes: not the field's, or one that must not be kept as it came, but cut short, or
 * passed over as if it were not there. */
static int add_otherwise(struct hrp_builder *b, struct bcol *c, struct hrp_reader *r, uint64_t tag)
{
    unsigned wire = tag & 7, wants = hrp_wire_of(c->pb_type);
    bool fits = wire == wants || (wire == HRP_WIRE_LEN && c->node->repeated && wants != HRP_WIRE_GROUP);

    if (c->wire != WIRE_PERSONAL || !fits)
        return bad(b, c->node, "a wire type that is not the field's");
    if (c->replaced)
        return add_replaced(b, c, r);
    if (c->truncate_to != 0)
        return add_truncated(b, c, r);
    return hrp_wire_skip(r, tag) ? 0 : bad(b, c->node, "cut off");
}

static int add_unknown(struct hrp_builder *b, struct bcol *msg, struct hrp_reader *r, const uint8_t *start, uint64_t tag)
{
    if (r->bad || tag >> 3 == 0 || tag > UINT32_MAX)
        return bad(b, msg->node, "not a field tag");
    if (!hrp_wire_skip(r, tag))
        return bad(b, msg->node, hrp_wire_bad_unknown);
    return hrp_bcol_add_bytes_on(b, msg->unknown, start, (size_t)(r->p - start));
}

static inline struct bcol *find(struct hrp_builder *b, const struct bcol *msg, uint64_t number)
{
    const struct hrp_node *node;

    if (number < msg->n_by_number)
        return msg->by_number[number];
    node = number <= UINT32_MAX >> 3 ? hrp_schema_field(b->schema, msg->node, (uint32_t)number) : NULL;
    return node != NULL ? &b->cols[node->id] : NULL;
}

static int end_of_group(struct hrp_builder *b, const struct bcol *msg, uint64_t tag, uint64_t group)
{
    const char *wrong = hrp_wire_group_ends(tag, group);

    return wrong != NULL ? bad(b, msg->node, wrong) : 0;
}

static int add_fields(struct hrp_builder *b, struct bcol *msg, struct hrp_reader *r, uint64_t group, uint32_t depth)
{
    int res = 0;

    if (depth == 0)
        return bad(b, msg->node, "messages nested too deeply");
    while (res == 0 && hrp_reader_left(r) != 0) {
        const uint8_t *start = r->p;
        uint64_t tag = hrp_read_varint(r);
        struct bcol *c = find(b, msg, tag >> 3);
        unsigned wire = tag & 7;

        if (wire == HRP_WIRE_GROUP_END && tag >> 3 != 0 && tag <= UINT32_MAX)
            return end_of_group(b, msg, tag, group);
        if (c == NULL)
            res = add_unknown(b, msg, r, start, tag);
        else if (wire != c->wire && !(wire == HRP_WIRE_LEN && c->may_pack))
            res = add_otherwise(b, c, r, tag);
        else if (wire == HRP_WIRE_LEN)
            res = add_length_delimited(b, c, r, depth);
        else if (wire == HRP_WIRE_GROUP)
            res = add_group(b, c, r, tag, depth);
        else
            res = add_number(b, c, r);
    }
    return res == 0 && group != 0 ? bad(b, msg->node, hrp_wire_no_end) : res;
}

/* ---- rows ---- */

static struct hrp_segment *last_segment(const struct hrp_builder *b)
{
    return b->n_segments != 0 ? (struct hrp_segment *)(void *)b->segments.p + b->n_segments - 1 : NULL;
}

/* Room for one more segment and one more of each item of a row; after it, taking a row in cannot fail. */
static bool make_room(struct hrp_builder *b)
{
    b->times.err = b->weights.err = b->flags.err = b->segments.err = b->raw.err = b->raw_bytes.err = 0;
    return hrp_buf_reserve(&b->times, 8) != NULL && hrp_buf_reserve(&b->weights, 4) != NULL &&
           hrp_buf_reserve(&b->flags, 4) != NULL && hrp_buf_reserve(&b->segments, sizeof(struct hrp_segment)) != NULL;
}

static void cover(struct hrp_builder *b, uint8_t kind, uint8_t reason, uint32_t lane, uint64_t first_n, uint64_t count)
{
    struct hrp_segment *s = last_segment(b), add = {lane, kind, reason, first_n, count};

    if (s != NULL && s->kind == kind && s->reason == reason && s->lane == lane && s->first_n + s->count == first_n) {
        s->count += count;
        return;
    }
    hrp_put_bytes(&b->segments, &add, sizeof add);
    b->n_segments++;
}

static void see_time(struct hrp_builder *b, int64_t time_ns)
{
    bool first = hrp_builder_rows(b) == 0;

    b->min_time = first || time_ns < b->min_time ? time_ns : b->min_time;
    b->max_time = first || time_ns > b->max_time ? time_ns : b->max_time;
}

static int add_row(struct hrp_builder *b, const uint8_t *row, size_t n_bytes)
{
    struct hrp_reader in = hrp_reader(row, n_bytes);
    uint64_t weight = b->weight;
    struct bcol *root = &b->cols[0];
    int r;

    b->n_touched = 0;
    b->row = b->row + 1 != 0 ? b->row + 1 : 1;
    hrp_bcol_touch(b, root);
    root->now.n_values++;
    b->weight += 8 + (uint64_t)8 * root->n_used;
    r = add_fields(b, root, &in, 0, hrp_limits_default.depth);
    if (r == 0 && b->weight > (uint64_t)b->room * (MOST_WEIGHT + MOST_WEIGHT / 2)) /* one row of a great many elements */
        r = b->n_rows == 0 ? hr_error_set(b->err, HR_EROW, "too many elements in one row") : HR_EFULL;
    if (r != 0) {
        hrp_bcol_take_back(b);
        b->weight = weight;
    }
    return r;
}

int hrp_builder_add(struct hrp_builder *b, uint32_t lane, uint64_t n, int64_t event_time_ns, uint32_t weight, uint32_t flags,
                    const uint8_t *row, size_t n_bytes, struct hr_error *err)
{
    int r;

    if (b->schema == NULL || n == 0 || n == UINT64_MAX)
        return hr_error_set(err, HR_EINVAL, "a typed row needs a schema and a number");
    if (n_bytes > (size_t)b->room * HRP_ROW_MAX_BYTES)
        return hr_error_set(err, HR_ETOOBIG, "a row of %zu bytes", n_bytes);
    if (no_room(b, n_bytes))
        return HR_EFULL;
    if (!make_room(b))
        return HR_ENOMEM;
    b->err = err;
    r = add_row(b, row, n_bytes);
    b->err = NULL;
    if (r != 0)
        return r;
    see_time(b, event_time_ns);
    hrp_put_bytes(&b->times, &event_time_ns, sizeof event_time_ns);
    hrp_put_bytes(&b->weights, &weight, sizeof weight);
    hrp_put_bytes(&b->flags, &flags, sizeof flags);
    b->has_weights |= weight != 1;
    b->has_flags |= flags != 0;
    cover(b, HRP_SEG_ROWS, 0, lane, n, 1);
    b->n_rows++;
    b->n_wire += n_bytes;
    return 0;
}

int hrp_builder_add_raw(struct hrp_builder *b, uint32_t lane, uint64_t n, int64_t event_time_ns, const char *reason,
                        const uint8_t *bytes, size_t n_bytes)
{
    size_t n_reason = strlen(reason);
    struct raw_row row;

    if (n == 0 || n == UINT64_MAX)
        return HR_EINVAL;
    if (b->schema != NULL && hrp_schema_secret(b->schema))
        n_bytes = 0; /* what is personal in them cannot be found, so it cannot be taken out */
    n_reason = n_reason < 1024 ? n_reason : 1024;
    if (n_bytes > (size_t)b->room * HRP_ROW_MAX_BYTES)
        return HR_ETOOBIG;
    if (no_room(b, n_bytes + n_reason))
        return HR_EFULL;
    if (!make_room(b) || hrp_buf_reserve(&b->raw, sizeof row) == NULL ||
        hrp_buf_reserve(&b->raw_bytes, n_reason + 1 + n_bytes) == NULL)
        return HR_ENOMEM;
    row = (struct raw_row){event_time_ns, (uint32_t)n_reason, (uint32_t)n_bytes};
    hrp_put_bytes(&b->raw, &row, sizeof row);
    hrp_put_bytes(&b->raw_bytes, reason, n_reason);
    hrp_put_u8(&b->raw_bytes, 0);
    hrp_put_bytes(&b->raw_bytes, bytes, n_bytes);
    see_time(b, event_time_ns);
    cover(b, HRP_SEG_RAW, 0, lane, n, 1);
    b->n_raw++;
    b->n_wire += n_bytes + n_reason;
    b->weight += 64 + n_bytes;
    return 0;
}

int hrp_builder_add_drop(struct hrp_builder *b, uint32_t lane, uint64_t first_n, uint64_t count, uint8_t reason)
{
    if (first_n == 0 || count == 0 || count > UINT64_MAX - first_n)
        return HR_EINVAL;
    if (too_many_segments(b))
        return HR_EFULL;
    if (!make_room(b))
        return HR_ENOMEM;
    cover(b, HRP_SEG_DROP, reason, lane, first_n, count);
    return 0;
}
