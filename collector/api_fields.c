/* One profile's fields as JSON: what dashboard/API.md says of /quality. */
#include "api_parts.h"
#include "json.h"
#include "profile.h"
#include "schema.h"
#include <string.h>

#define PB_ENUM 14

/* FieldDescriptorProto.Type, 1 to 18. */
static const char *type_name(const struct hrp_node *node)
{
    static const char *const names[] = {"message", "double",   "float",    "int64",  "uint64",  "int32", "fixed64",
                                        "fixed32", "bool",     "string",   "group",  "message", "bytes", "uint32",
                                        "enum",    "sfixed32", "sfixed64", "sint32", "sint64"};

    if (node->unknown)
        return "unknown fields";
    return node->pb_type < sizeof names / sizeof *names ? names[node->pb_type] : "message";
}

static void put_number(struct hrp_buf *out, const char *key, uint8_t phys, union hrd_number v)
{
    hrp_put_fmt(out, ",\"%s\":", key);
    if (phys == HRP_PHYS_I64)
        hrp_put_fmt(out, "%lld", (long long)v.i64);
    else if (phys == HRP_PHYS_F64)
        hrp_json_double(out, v.f64);
    else
        hrp_put_fmt(out, "%llu", (unsigned long long)v.u64);
}

/* Least, greatest and mean: of lengths where the values have no order of numbers; of an enum's numbers they say nothing. */
static void put_range(struct hrp_buf *out, const struct hrp_node *node, const struct hrd_field_profile *f)
{
    bool lengths = f->phys == HRP_PHYS_BYTES;

    if (f->moments.n == 0 || node->pb_type == PB_ENUM)
        return;
    put_number(out, lengths ? "min_length" : "min", f->phys, f->min);
    put_number(out, lengths ? "max_length" : "max", f->phys, f->max);
    hrp_put_fmt(out, ",\"%s\":", lengths ? "mean_length" : "mean");
    hrp_json_double(out, f->moments.mean);
}

static void put_field(struct hrp_buf *out, const struct hrp_node *node, const struct hrd_field_profile *f)
{
    hrp_put_u8(out, '{');
    hrd_json_text(out, "path", node->path);
    hrp_put_fmt(out, ",\"type\":\"%s%s\",", node->is_map ? "map of " : node->repeated ? "repeated " : "", type_name(node));
    hrd_json_u64(out, "present", f->present);
    hrp_put_u8(out, ',');
    hrd_json_u64(out, "null", f->slots - f->present);
    if (node->kind == HRP_NODE_LEAF) {
        hrp_put_u8(out, ',');
        hrd_json_u64(out, "zero", f->zeros);
        if (node->repeated || f->values != f->present)
            hrp_put_fmt(out, ",\"values\":%llu", (unsigned long long)f->values);
        put_range(out, node, f);
        if (f->nans != 0)
            hrp_put_fmt(out, ",\"nan\":%llu", (unsigned long long)f->nans);
        if (f->infs != 0)
            hrp_put_fmt(out, ",\"infinite\":%llu", (unsigned long long)f->infs);
        hrp_put_fmt(out, ",\"distinct\":%llu", (unsigned long long)hrd_field_distinct(f));
    }
    hrp_put_u8(out, '}');
}

void hrd_api_put_fields(struct hrp_buf *out, struct hrp_schema *schema, const struct hrd_profile *prof, bool *first)
{
    const struct hrp_node *nodes = hrp_schema_nodes(schema);
    uint32_t n = hrp_schema_n_nodes(schema);

    for (uint32_t i = 1; i < n && i < prof->n_fields; i++) {
        const struct hrd_field_profile *f = &prof->fields[i];

        if (f->slots == 0 || (nodes[i].unknown && f->present == 0))
            continue;
        if (!*first)
            hrp_put_u8(out, ',');
        *first = false;
        put_field(out, &nodes[i], f);
    }
}
