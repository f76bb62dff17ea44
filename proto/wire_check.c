#include "wire_check.h"
#include <string.h>

enum hrp_wire hrp_wire_of(uint8_t pb_type)
{
    switch (pb_type) {
    case 1:  /* double */
    case 6:  /* fixed64 */
    case 16: /* sfixed64 */
        return HRP_WIRE_64;
    case 2:  /* float */
    case 7:  /* fixed32 */
    case 15: /* sfixed32 */
        return HRP_WIRE_32;
    case 9:  /* string */
    case 11: /* message */
    case 12: /* bytes */
        return HRP_WIRE_LEN;
    case 10:
        return HRP_WIRE_GROUP;
    default:
        return HRP_WIRE_VARINT;
    }
}

/* ---- UTF-8: RFC 3629, section 4; no surrogates, nothing above U+10FFFF, no overlong forms ---- */

static bool is_tail(uint8_t c)
{
    return (c & 0xc0) == 0x80;
}

/* Length of the character at p, which is not ASCII; 0: none. */
static size_t utf8_char(const uint8_t *p, size_t left)
{
    if (p[0] >= 0xc2 && p[0] <= 0xdf)
        return left >= 2 && is_tail(p[1]) ? 2 : 0;
    if (p[0] >= 0xe0 && p[0] <= 0xef) {
        uint8_t least = p[0] == 0xe0 ? 0xa0 : 0x80, most = p[0] == 0xed ? 0x9f : 0xbf;

        return left >= 3 && p[1] >= least && p[1] <= most && is_tail(p[2]) ? 3 : 0;
    }
    if (p[0] >= 0xf0 && p[0] <= 0xf4) {
        uint8_t least = p[0] == 0xf0 ? 0x90 : 0x80, most = p[0] == 0xf4 ? 0x8f : 0xbf;

        return left >= 4 && p[1] >= least && p[1] <= most && is_tail(p[2]) && is_tail(p[3]) ? 4 : 0;
    }
    return 0;
}

bool hrp_utf8_valid(const uint8_t *p, size_t n)
{
    size_t i = 0;

    while (i < n) {
        uint64_t word;
        size_t k;

        if (n - i >= 8) { /* eight ASCII characters at once: nearly all strings are such */
            memcpy(&word, p + i, 8);
            if ((word & 0x8080808080808080u) == 0) {
                i += 8;
                continue;
            }
        }
        k = p[i] < 0x80 ? 1 : utf8_char(p + i, n - i);
        if (k == 0)
            return false;
        i += k;
    }
    return true;
}

const char hrp_wire_not_utf8[] = "not valid UTF-8, which a string has to be whatever its utf8_validation; bytes may hold anything";

/* ---- fields ---- */

static bool skip(struct hrp_reader *r, uint64_t tag, uint32_t groups_left);

static bool skip_group(struct hrp_reader *r, uint64_t tag, uint32_t groups_left, const uint8_t **ret_end)
{
    if (groups_left == 0)
        return false;
    while (hrp_reader_left(r) != 0) {
        const uint8_t *end = r->p;
        uint64_t inner = hrp_read_varint(r);

        if (inner >> 3 == 0 || inner > UINT32_MAX)
            return false;
        if ((inner & 7) == HRP_WIRE_GROUP_END) {
            *ret_end = end;
            return inner >> 3 == tag >> 3;
        }
        if (!skip(r, inner, groups_left - 1))
            return false;
    }
    return false;
}

static bool skip(struct hrp_reader *r, uint64_t tag, uint32_t groups_left)
{
    const uint8_t *end;
    size_t n;

    switch (tag & 7) {
    case HRP_WIRE_VARINT:
        hrp_read_varint(r);
        break;
    case HRP_WIRE_64:
        hrp_read_bytes(r, 8);
        break;
    case HRP_WIRE_LEN:
        hrp_read_lenbytes(r, &n);
        break;
    case HRP_WIRE_32:
        hrp_read_bytes(r, 4);
        break;
    case HRP_WIRE_GROUP:
        return skip_group(r, tag, groups_left, &end);
    default:
        return false;
    }
    return !r->bad;
}

bool hrp_wire_skip(struct hrp_reader *r, uint64_t tag)
{
    return skip(r, tag, HRP_MAX_GROUPS);
}

const uint8_t *hrp_wire_group(struct hrp_reader *r, uint64_t tag, size_t *ret_n)
{
    const uint8_t *start = r->p, *end;

    *ret_n = 0;
    if (!skip_group(r, tag, HRP_MAX_GROUPS, &end))
        return NULL;
    *ret_n = (size_t)(end - start);
    return start;
}

bool hrp_wire_check_unknown(struct hrp_schema *s, const struct hrp_node *msg, const uint8_t *p, size_t n)
{
    struct hrp_reader r = hrp_reader(p, n);

    while (hrp_reader_left(&r) != 0) {
        uint64_t tag = hrp_read_varint(&r);

        if (tag >> 3 == 0 || tag > UINT32_MAX || hrp_schema_field(s, msg, (uint32_t)(tag >> 3)) != NULL || !hrp_wire_skip(&r, tag))
            return false;
    }
    return !r.bad;
}

const char hrp_wire_no_memory[] = "out of memory";
const char hrp_wire_bad_unknown[] = "an unknown field is cut off, or a group that does not end as it began";
const char hrp_wire_no_end[] = "a group without its end";

/* Up to the end of r, or of the group of that number when it is not 0. */
static const char *check_message(struct hrp_schema *s, const struct hrp_node *msg, struct hrp_reader *r, uint64_t group, uint32_t depth,
                                 const struct hrp_node **ret_node);

static const char *check_packed(enum hrp_wire wire, const uint8_t *p, size_t n)
{
    struct hrp_reader r = hrp_reader(p, n);

    while (hrp_reader_left(&r) != 0)
        hrp_wire_skip(&r, wire);
    return r.bad ? "a packed list is cut off" : NULL;
}

static const char *check_below(struct hrp_schema *s, const struct hrp_node *node, struct hrp_reader *r, uint64_t group, uint32_t depth,
                               const struct hrp_node **ret_node)
{
    struct hrp_schema *sub;

    if (!node->opaque)
        return check_message(s, node, r, group, depth - 1, ret_node);
    sub = hrp_schema_of_msg(s, node);
    return sub == NULL ? hrp_wire_no_memory : check_message(sub, hrp_schema_nodes(sub), r, group, depth - 1, ret_node);
}

static const char *check_length_delimited(struct hrp_schema *s, const struct hrp_node *node, struct hrp_reader *r, uint32_t depth,
                                          const struct hrp_node **ret_node)
{
    struct hrp_reader in;
    size_t n;
    const uint8_t *p = hrp_read_lenbytes(r, &n);

    if (p == NULL)
        return "longer than the message it is in";
    if (node->kind == HRP_NODE_MESSAGE || node->opaque) {
        in = hrp_reader(p, n);
        return check_below(s, node, &in, 0, depth, ret_node);
    }
    if (node->pb_type == 9)
        return hrp_utf8_valid(p, n) ? NULL : hrp_wire_not_utf8;
    return node->pb_type == 12 ? NULL : check_packed(hrp_wire_of(node->pb_type), p, n);
}

static const char *check_field(struct hrp_schema *s, const struct hrp_node *node, uint64_t tag, struct hrp_reader *r, uint32_t depth,
                               const struct hrp_node **ret_node)
{
    enum hrp_wire wire = hrp_wire_of(node->pb_type);
    unsigned got = tag & 7;

    if (got != wire && !(got == HRP_WIRE_LEN && node->repeated && wire != HRP_WIRE_GROUP))
        return "a wire type that is not the field's";
    if (got == HRP_WIRE_LEN)
        return check_length_delimited(s, node, r, depth, ret_node);
    if (got == HRP_WIRE_GROUP)
        return check_below(s, node, r, tag >> 3, depth, ret_node);
    return hrp_wire_skip(r, tag) ? NULL : "cut off";
}

const char *hrp_wire_group_ends(uint64_t tag, uint64_t group)
{
    if (group == 0)
        return "the end of a group that did not begin";
    return tag >> 3 == group ? NULL : "the end of another group";
}

static const char *check_message(struct hrp_schema *s, const struct hrp_node *msg, struct hrp_reader *r, uint64_t group, uint32_t depth,
                                 const struct hrp_node **ret_node)
{
    if (depth == 0)
        return "messages nested too deeply";
    while (hrp_reader_left(r) != 0) {
        uint64_t tag = hrp_read_varint(r);
        const struct hrp_node *node;
        const char *wrong;

        if (r->bad || tag >> 3 == 0 || tag > UINT32_MAX)
            return "not a field tag";
        if ((tag & 7) == HRP_WIRE_GROUP_END)
            return hrp_wire_group_ends(tag, group);
        node = hrp_schema_field(s, msg, (uint32_t)(tag >> 3));
        if (node == NULL) {
            if (!hrp_wire_skip(r, tag))
                return hrp_wire_bad_unknown;
            continue;
        }
        wrong = check_field(s, node, tag, r, depth, ret_node);
        if (wrong != NULL) {
            if (*ret_node == NULL)
                *ret_node = node;
            return wrong;
        }
    }
    return group != 0 ? hrp_wire_no_end : NULL;
}

const char *hrp_wire_check(struct hrp_schema *s, const uint8_t *p, size_t n, uint32_t depth, const struct hrp_node **ret_node)
{
    struct hrp_reader r = hrp_reader(p, n);

    *ret_node = NULL;
    return check_message(s, hrp_schema_nodes(s), &r, 0, depth, ret_node);
}
