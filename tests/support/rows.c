#include "rows.h"
#include "fdset.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- random schemas ---- */

#define N_MESSAGES 4

static const int key_types[] = {FD_INT32, FD_INT64, FD_UINT32, FD_UINT64, FD_SINT32, FD_SINT64, FD_FIXED32, FD_FIXED64,
                                FD_SFIXED32, FD_SFIXED64, FD_BOOL, FD_STRING};

static int scalar_type(struct rnd *r)
{
    static const int types[] = {FD_DOUBLE, FD_FLOAT, FD_INT64, FD_UINT64, FD_INT32, FD_FIXED64, FD_FIXED32, FD_BOOL, FD_STRING,
                                FD_BYTES, FD_UINT32, FD_SFIXED32, FD_SFIXED64, FD_SINT32, FD_SINT64, FD_ENUM, FD_MESSAGE, FD_MESSAGE};

    return types[rnd_below(r, sizeof types / sizeof types[0])];
}

/* The name of the enum or message a field is of; NULL: it is of neither. */
static const char *type_name(struct rnd *r, int type, char *buf, size_t n)
{
    if (type == FD_ENUM)
        return ".rnd.E";
    if (type != FD_MESSAGE && type != FD_GROUP)
        return NULL;
    snprintf(buf, n, ".rnd.M%u", rnd_below(r, N_MESSAGES));
    return buf;
}

static void field_random(struct fd_set *set, struct rnd *r, fd_message *m, bool proto3, int32_t number, int32_t oneof)
{
    char name[32], ref[32], full[32];
    int type = scalar_type(r);
    const char *of = type_name(r, type, ref, sizeof ref);
    fd_field *f;

    snprintf(name, sizeof name, "f%d", number);
    snprintf(full, sizeof full, ".rnd.%s", m->name);
    if (oneof < 0 && rnd_one_in(r, 6)) {
        fd_map_add(set, m, full, name, number, key_types[rnd_below(r, sizeof key_types / sizeof key_types[0])], type, of);
        return;
    }
    if (type == FD_MESSAGE && rnd_one_in(r, 4))
        type = FD_GROUP;
    f = fd_typed_add(set, m, name, number, type, of);
    if (oneof >= 0) {
        fd_in_oneof(f, oneof);
    } else if (rnd_one_in(r, 3)) {
        fd_repeated(f);
        if (type != FD_STRING && type != FD_BYTES && type != FD_MESSAGE && type != FD_GROUP && rnd_one_in(r, 2))
            fd_packed(set, f, (int)rnd_below(r, 2));
    }
}

/* Optional fields of proto3 come last, since their oneofs have to. */
static void message_random(struct fd_set *set, struct rnd *r, fd_message *m, bool proto3)
{
    static const int32_t steps[] = {1, 1, 1, 2, 12, 700, 100000};
    uint32_t n = 1 + rnd_below(r, 7);
    int32_t number = 0, oneof = rnd_one_in(r, 2) ? fd_oneof_add(set, m, "choice") : -1;
    char name[32];

    if (oneof >= 0)
        field_random(set, r, m, proto3, number += steps[rnd_below(r, 7)], oneof);
    for (uint32_t i = 0; i < n; i++)
        field_random(set, r, m, proto3, number += steps[rnd_below(r, 7)], oneof >= 0 && rnd_one_in(r, 2) ? oneof : -1);
    for (uint32_t i = 0; proto3 && i < rnd_below(r, 3); i++) {
        number += steps[rnd_below(r, 7)];
        snprintf(name, sizeof name, "f%d", number);
        fd_optional3(set, m, fd_field_add(set, m, name, number, FD_DOUBLE + (int)rnd_below(r, 2)));
    }
}

static fd_file *edition_random(struct fd_set *set, struct rnd *r)
{
    fd_file *file = fd_edition_add(set, "rnd.proto", "rnd", rnd_one_in(r, 2) ? 1000 : 1001);

    if (rnd_one_in(r, 2))
        fd_feature(set, fd_file_options(set, file), FD_FEATURES_FILE, FD_PRESENCE, 1 + (int)rnd_below(r, 2));
    if (rnd_one_in(r, 2))
        fd_feature(set, fd_file_options(set, file), FD_FEATURES_FILE, FD_MESSAGE_ENCODING, 1 + (int)rnd_below(r, 2));
    if (rnd_one_in(r, 2))
        fd_feature(set, fd_file_options(set, file), FD_FEATURES_FILE, FD_ENCODING, 1 + (int)rnd_below(r, 2));
    return file;
}

uint8_t *test_set_random(struct rnd *r, size_t *ret_n)
{
    struct fd_set *set = fd_set_new();
    bool edition = rnd_one_in(r, 4), proto3 = !edition && !rnd_one_in(r, 3);
    fd_file *file = edition ? edition_random(set, r) : fd_file_add(set, "rnd.proto", "rnd", proto3 ? "proto3" : "proto2");
    fd_enum *e = fd_enum_add(set, file, "E");
    uint8_t *p;

    fd_enum_value_add(set, e, "ZERO", 0);
    fd_enum_value_add(set, e, "LEAST", INT32_MIN);
    fd_enum_value_add(set, e, "FIVE", 5);
    for (unsigned i = 0; i < N_MESSAGES; i++) {
        char name[8];

        snprintf(name, sizeof name, "M%u", i);
        message_random(set, r, fd_message_add(set, file, name), proto3);
    }
    p = fd_set_pack(set, ret_n);
    fd_set_free(set);
    return p;
}

struct hrp_schema *test_schema_random(struct rnd *r)
{
    size_t n;
    uint8_t *set = test_set_random(r, &n);
    struct hrp_schema *s = NULL;
    struct hr_error err = {0};
    int res = hrp_schema_open(set, n, "rnd.M0", &hrp_limits_default, &s, &err);

    free(set);
    if (res != 0 && res != HR_ELIMIT) { /* a few flatten to more columns than are allowed */
        fprintf(stderr, "%s\n", err.text);
        abort();
    }
    return res == 0 ? s : test_schema_random(r);
}

/* ---- random rows ---- */

static unsigned wire_of(uint8_t pb_type)
{
    switch (pb_type) {
    case FD_DOUBLE:
    case FD_FIXED64:
    case FD_SFIXED64:
        return 1;
    case FD_STRING:
    case FD_BYTES:
    case FD_MESSAGE:
        return 2;
    case FD_GROUP:
        return 3;
    case FD_FLOAT:
    case FD_FIXED32:
    case FD_SFIXED32:
        return 5;
    default:
        return 0;
    }
}

static void put_random_number(struct rnd *r, const struct hrp_node *node, struct hrp_buf *out)
{
    static const double doubles[] = {0.0, -0.0, 1.5, -0.1, 1e300, 5e-324, 12.99};
    uint64_t v = rnd_number(r);

    if (node->pb_type == FD_DOUBLE && rnd_one_in(r, 2))
        memcpy(&v, &doubles[rnd_below(r, 7)], 8);
    switch (wire_of(node->pb_type)) {
    case 1:
        hrp_put_u64(out, v);
        break;
    case 5:
        hrp_put_u32(out, (uint32_t)v);
        break;
    default:
        hrp_put_varint(out, v);
        break;
    }
}

static void put_random_text(struct rnd *r, struct hrp_buf *out)
{
    static const char *const pieces[] = {"a", "SFO", "\xc3\xa9", "\xe2\x82\xac", "\xf0\x9f\x99\x82", "\"\\\n", "a longer piece of text", ""};
    struct hrp_buf s = HRP_BUF_INIT;

    for (uint32_t n = rnd_below(r, 4); n > 0; n--)
        hrp_put_fmt(&s, "%s", pieces[rnd_below(r, 8)]);
    hrp_put_lenbytes(out, s.p, s.n);
    hrp_buf_fini(&s);
}

static void put_random_bytes(struct rnd *r, struct hrp_buf *out)
{
    uint8_t bytes[40];
    uint32_t n = rnd_below(r, sizeof bytes);

    for (uint32_t i = 0; i < n; i++)
        bytes[i] = (uint8_t)rnd_next(r);
    hrp_put_lenbytes(out, bytes, n);
}

static void put_random_unknown(struct rnd *r, uint32_t number, struct hrp_buf *out)
{
    static const unsigned wires[] = {0, 1, 2, 3, 5};
    unsigned wire = wires[rnd_below(r, 5)];
    const struct hrp_node as = {.pb_type = wire == 0 ? FD_INT64 : wire == 1 ? FD_FIXED64 : FD_FIXED32};

    hrp_put_varint(out, (uint64_t)number << 3 | wire);
    if (wire == 3) {
        for (uint32_t n = rnd_below(r, 3); n > 0; n--)
            put_random_unknown(r, 1 + rnd_below(r, 9), out);
        hrp_put_varint(out, (uint64_t)number << 3 | 4);
    } else if (wire == 2)
        put_random_bytes(r, out);
    else
        put_random_number(r, &as, out);
}

static void put_random_message(struct rnd *r, struct hrp_schema *s, const struct hrp_node *msg, unsigned depth, struct hrp_buf *out);

/* Behind the tag of a message, or of the group `group` when it is not 0. */
static void put_random_below(struct rnd *r, struct hrp_schema *s, const struct hrp_node *msg, uint32_t group, unsigned depth,
                             struct hrp_buf *out)
{
    struct hrp_buf inner = HRP_BUF_INIT;

    if (depth != 0)
        put_random_message(r, s, msg, depth, &inner);
    if (group == 0) {
        hrp_put_lenbytes(out, inner.p, inner.n);
    } else {
        hrp_put_bytes(out, inner.p, inner.n);
        hrp_put_varint(out, (uint64_t)group << 3 | 4);
    }
    hrp_buf_fini(&inner);
}

static void put_random_packed(struct rnd *r, const struct hrp_node *node, struct hrp_buf *out)
{
    struct hrp_buf inner = HRP_BUF_INIT;

    for (uint32_t n = rnd_below(r, 6); n > 0; n--)
        put_random_number(r, node, &inner);
    hrp_put_lenbytes(out, inner.p, inner.n);
    hrp_buf_fini(&inner);
}

static void put_random_field(struct rnd *r, struct hrp_schema *s, const struct hrp_node *node, unsigned depth, struct hrp_buf *out)
{
    unsigned wire = wire_of(node->pb_type);
    bool packed = wire != 2 && wire != 3 && node->repeated && rnd_one_in(r, 2);
    uint32_t group = wire == 3 ? node->number : 0;

    hrp_put_varint(out, (uint64_t)node->number << 3 | (packed ? 2 : wire));
    if (packed)
        put_random_packed(r, node, out);
    else if (wire != 2 && group == 0)
        put_random_number(r, node, out);
    else if (node->pb_type == FD_STRING)
        put_random_text(r, out);
    else if (node->pb_type == FD_BYTES)
        put_random_bytes(r, out);
    else if (node->opaque)
        put_random_below(r, hrp_schema_of_msg(s, node), hrp_schema_nodes(hrp_schema_of_msg(s, node)), group, depth / 2, out);
    else
        put_random_below(r, s, node, group, depth - 1, out);
}

static void put_random_message(struct rnd *r, struct hrp_schema *s, const struct hrp_node *msg, unsigned depth, struct hrp_buf *out)
{
    uint32_t n_fields, most = depth > 3 ? 8 : 4;
    const struct hrp_field *fields = hrp_schema_fields(s, msg, &n_fields);

    for (uint32_t n = rnd_below(r, most); n > 0; n--) {
        uint32_t number = 1 + rnd_below(r, 1000);

        if (rnd_one_in(r, 12) && hrp_schema_field(s, msg, number) == NULL)
            put_random_unknown(r, number, out);
        else if (n_fields != 0)
            put_random_field(r, s, &hrp_schema_nodes(s)[fields[rnd_below(r, n_fields)].id], depth, out);
    }
}

void test_row_random(struct rnd *r, struct hrp_schema *s, struct hrp_buf *out)
{
    put_random_message(r, s, hrp_schema_nodes(s), 5, out);
}

/* ---- what a row means ---- */

struct item {
    const struct hrp_node *node; /* NULL: overruled by another member of its oneof, or unknown */
    const uint8_t *p;            /* LEN: the bytes; unknown: tag included */
    size_t n;
    uint64_t v;
};
struct items {
    struct item *all;
    size_t n;
};

static void item_add(struct items *l, struct item one)
{
    for (size_t i = 0; i < l->n && one.node != NULL && one.node->oneof_member; i++) {
        struct item *it = &l->all[i];

        if (it->node != NULL && it->node->oneof_member && it->node->parent == one.node->parent && it->node != one.node)
            *it = (struct item){NULL, NULL, 0, 0};
    }
    if ((l->n & (l->n + 1)) == 0 && (l->all = realloc(l->all, (2 * l->n + 1) * sizeof *l->all)) == NULL)
        abort();
    l->all[l->n++] = one;
}

static bool number_add(struct items *l, struct hrp_reader *r, const struct hrp_node *node, unsigned wire)
{
    uint64_t v = wire == 1 ? hrp_read_u64(r) : wire == 5 ? hrp_read_u32(r) : hrp_read_varint(r);

    switch (node->pb_type) {
    case FD_INT32:
    case FD_ENUM:
        v = (uint64_t)(int32_t)v;
        break;
    case FD_UINT32:
        v = (uint32_t)v;
        break;
    case FD_SINT32: /* stays in zigzag form */
        v = (uint32_t)v;
        break;
    case FD_BOOL:
        v = v != 0;
        break;
    default:
        break;
    }
    item_add(l, (struct item){node, NULL, 0, v});
    return !r->bad;
}

static bool skip(struct hrp_reader *r, uint64_t tag, unsigned depth);

/* Up to the end tag of the group, which is not part of what comes back. */
static const uint8_t *group_read(struct hrp_reader *r, uint64_t number, unsigned depth, size_t *ret_n)
{
    const uint8_t *start = r->p;

    while (depth < 100 && hrp_reader_left(r) != 0) {
        const uint8_t *end = r->p;
        uint64_t tag = hrp_read_varint(r);

        *ret_n = (size_t)(end - start);
        if ((tag & 7) == 4)
            return tag >> 3 == number ? start : NULL;
        if (!skip(r, tag, depth + 1))
            return NULL;
    }
    return NULL;
}

static bool skip(struct hrp_reader *r, uint64_t tag, unsigned depth)
{
    unsigned wire = tag & 7;
    size_t n;

    if (tag >> 3 == 0 || tag > UINT32_MAX)
        return false;
    if (wire == 0)
        hrp_read_varint(r);
    else if (wire == 2)
        hrp_read_lenbytes(r, &n);
    else if (wire == 1 || wire == 5)
        hrp_read_bytes(r, wire == 1 ? 8 : 4);
    else
        return wire == 3 && group_read(r, tag >> 3, depth, &n) != NULL;
    return !r->bad;
}

static bool known_add(struct items *l, struct hrp_reader *r, const struct hrp_node *node, unsigned wire)
{
    struct hrp_reader in;
    const uint8_t *p;
    size_t n;

    if (wire == 3 && wire_of(node->pb_type) == 3) {
        p = group_read(r, node->number, 0, &n);
        if (p != NULL)
            item_add(l, (struct item){node, p, n, 0});
        return p != NULL;
    }
    if (wire != 2)
        return wire == wire_of(node->pb_type) && number_add(l, r, node, wire);
    p = hrp_read_lenbytes(r, &n);
    if (p == NULL || (wire_of(node->pb_type) != 2 && !node->repeated) || wire_of(node->pb_type) == 3)
        return false;
    if (wire_of(node->pb_type) == 2) {
        item_add(l, (struct item){node, p, n, 0});
        return true;
    }
    in = hrp_reader(p, n);
    while (hrp_reader_left(&in) != 0) {
        if (!number_add(l, &in, node, wire_of(node->pb_type)))
            return false;
    }
    return true;
}

static bool unknown_add(struct items *l, struct hrp_reader *r, const uint8_t *start, uint64_t tag)
{
    if (!skip(r, tag, 0))
        return false;
    item_add(l, (struct item){NULL, start, (size_t)(r->p - start), 0});
    return true;
}

static bool items_read(struct hrp_schema *s, const struct hrp_node *msg, const uint8_t *p, size_t n, struct items *l)
{
    struct hrp_reader r = hrp_reader(p, n);
    bool good = true;

    while (good && hrp_reader_left(&r) != 0) {
        const uint8_t *start = r.p;
        uint64_t tag = hrp_read_varint(&r);
        const struct hrp_node *node = hrp_schema_field(s, msg, (uint32_t)(tag >> 3));

        if (tag >> 3 == 0 || tag > UINT32_MAX)
            return false;
        good = node != NULL ? known_add(l, &r, node, tag & 7) : unknown_add(l, &r, start, tag);
    }
    return good && !r.bad;
}

static bool put_meaning(struct hrp_schema *s, const struct hrp_node *msg, const uint8_t *p, size_t n, struct hrp_buf *out);

/* Opaque messages stay as they came. */
static bool put_below(struct hrp_schema *s, const struct hrp_node *node, const uint8_t *p, size_t n, struct hrp_buf *out)
{
    struct hrp_buf inner = HRP_BUF_INIT;
    bool good = true;

    hrp_put_varint(out, (uint64_t)node->number << 3 | wire_of(node->pb_type));
    if (node->opaque)
        hrp_put_bytes(&inner, p, n);
    else
        good = put_meaning(s, node, p, n, &inner);
    if (node->pb_type == FD_GROUP) {
        hrp_put_bytes(out, inner.p, inner.n);
        hrp_put_varint(out, (uint64_t)node->number << 3 | 4);
    } else {
        hrp_put_lenbytes(out, inner.p, inner.n);
    }
    hrp_buf_fini(&inner);
    return good;
}

static void put_number(const struct hrp_node *node, uint64_t v, struct hrp_buf *out)
{
    unsigned wire = wire_of(node->pb_type);

    if (wire == 1)
        hrp_put_u64(out, v);
    else if (wire == 5)
        hrp_put_u32(out, (uint32_t)v);
    else
        hrp_put_varint(out, v);
}

static bool put_item(struct hrp_schema *s, const struct item *it, struct hrp_buf *out)
{
    unsigned wire = wire_of(it->node->pb_type);

    if (it->node->pb_type == FD_MESSAGE || it->node->pb_type == FD_GROUP)
        return put_below(s, it->node, it->p, it->n, out);
    hrp_put_varint(out, (uint64_t)it->node->number << 3 | wire);
    if (wire == 2)
        hrp_put_lenbytes(out, it->p, it->n);
    else
        put_number(it->node, it->v, out);
    return true;
}

static bool put_list(struct hrp_schema *s, const struct hrp_node *node, const struct items *l, struct hrp_buf *out)
{
    struct hrp_buf packed = HRP_BUF_INIT;
    bool good = true;

    for (size_t i = 0; i < l->n; i++) {
        if (l->all[i].node == node && node->packed)
            put_number(node, l->all[i].v, &packed);
        else if (l->all[i].node == node)
            good = put_item(s, &l->all[i], out) && good;
    }
    if (packed.n != 0) {
        hrp_put_varint(out, (uint64_t)node->number << 3 | 2);
        hrp_put_lenbytes(out, packed.p, packed.n);
    }
    hrp_buf_fini(&packed);
    return good;
}

static bool put_merged(struct hrp_schema *s, const struct hrp_node *node, const struct items *l, struct hrp_buf *out)
{
    struct hrp_buf all = HRP_BUF_INIT;
    bool there = false, good = true;

    for (size_t i = 0; i < l->n; i++) {
        if (l->all[i].node == node) {
            hrp_put_bytes(&all, l->all[i].p, l->all[i].n);
            there = true;
        }
    }
    if (there)
        good = put_below(s, node, all.p, all.n, out);
    hrp_buf_fini(&all);
    return good;
}

static bool put_last(struct hrp_schema *s, const struct hrp_node *node, bool in_map, const struct items *l, struct hrp_buf *out)
{
    const struct item nothing = {node, NULL, 0, 0}, *last = &nothing;
    bool presence = node->explicit_presence || node->oneof_member, there = false;

    for (size_t i = 0; i < l->n; i++) {
        if (l->all[i].node == node) {
            last = &l->all[i];
            there = true;
        }
    }
    if (!in_map && (presence ? !there : last->v == 0 && last->n == 0))
        return true;
    return put_item(s, last, out);
}

static bool put_meaning(struct hrp_schema *s, const struct hrp_node *msg, const uint8_t *p, size_t n, struct hrp_buf *out)
{
    struct items l = {NULL, 0};
    bool good = items_read(s, msg, p, n, &l);
    uint32_t n_fields;
    const struct hrp_field *fields = hrp_schema_fields(s, msg, &n_fields);

    for (uint32_t i = 0; i < n_fields && good; i++) {
        const struct hrp_node *node = &hrp_schema_nodes(s)[fields[i].id];

        if (node->repeated)
            good = put_list(s, node, &l, out);
        else if (node->pb_type == FD_MESSAGE || node->pb_type == FD_GROUP)
            good = put_merged(s, node, &l, out);
        else
            good = put_last(s, node, msg->is_map, &l, out);
    }
    for (size_t i = 0; i < l.n; i++) {
        if (l.all[i].node == NULL && l.all[i].p != NULL)
            hrp_put_bytes(out, l.all[i].p, l.all[i].n);
    }
    free(l.all);
    return good;
}

bool test_row_canonical(struct hrp_schema *s, const uint8_t *p, size_t n, struct hrp_buf *out)
{
    return put_meaning(s, hrp_schema_nodes(s), p, n, out);
}
