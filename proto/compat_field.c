/* One field in both versions: its type, how many there are of it, whether it can be absent, what else its readers lean on.
 *
 * Wire compatibility is not enough here. An int32 that becomes a bool or a uint32 is still read by everybody, and means something
 * else: such swaps break. Widening an integer hurts only who still has the narrow one. */
#include "compat_impl.h"
#include <string.h>

#define PB(name) GOOGLE__PROTOBUF__FIELD_DESCRIPTOR_PROTO__TYPE__TYPE_##name

const char *hrp_type_word(uint8_t pb_type)
{
    static const char *const words[] = {
        [PB(DOUBLE)] = "double", [PB(FLOAT)] = "float", [PB(INT64)] = "int64", [PB(UINT64)] = "uint64", [PB(INT32)] = "int32",
        [PB(FIXED64)] = "fixed64", [PB(FIXED32)] = "fixed32", [PB(BOOL)] = "bool", [PB(STRING)] = "string", [PB(GROUP)] = "group",
        [PB(MESSAGE)] = "message", [PB(BYTES)] = "bytes", [PB(UINT32)] = "uint32", [PB(ENUM)] = "enum", [PB(SFIXED32)] = "sfixed32",
        [PB(SFIXED64)] = "sfixed64", [PB(SINT32)] = "sint32", [PB(SINT64)] = "sint64",
    };

    return pb_type < sizeof words / sizeof *words && words[pb_type] != NULL ? words[pb_type] : "?";
}

struct hrp_traits hrp_traits_of(const struct hrp_type *t, const struct hrp_type_field *f)
{
    return (struct hrp_traits){
        .type = f->pb_type,
        .cardinality = hrp_field_is_map(f) ? HRP_MAP : f->repeated ? HRP_REPEATED : HRP_SINGULAR,
        .required = f->required,
        .explicit_presence = f->explicit_presence,
        .packed = f->packed,
        .oneof = hrp_field_in_oneof(t, f) ? t->sym->msg->oneof_decl[f->d->oneof_index]->name : NULL,
    };
}

/* ---- type ---- */

static bool widens(uint8_t from, uint8_t to)
{
    return (from == PB(INT32) && to == PB(INT64)) || (from == PB(UINT32) && to == PB(UINT64)) || (from == PB(SINT32) && to == PB(SINT64));
}

static bool is_varint(uint8_t t)
{
    return t == PB(INT32) || t == PB(INT64) || t == PB(UINT32) || t == PB(UINT64) || t == PB(SINT32) || t == PB(SINT64) || t == PB(BOOL) ||
           t == PB(ENUM);
}

static bool is_message(uint8_t t) { return t == PB(MESSAGE) || t == PB(GROUP); }

/* True: both are read as the same kind of value, so that what is inside can be compared. */
static bool type_compare(struct hrp_compat *c, const struct hrp_field_pair *p, uint8_t was, uint8_t is)
{
    const char *from = hrp_type_word(was), *to = hrp_type_word(is);

    if (was == is)
        return true;
    if (widens(was, is))
        hrp_compat_tell(c, HRP_BREAKS_FORWARD, "field_type_widened", p->path, NULL, "%s became %s: who has %s cuts off what does not fit", from, to, from);
    else if (widens(is, was))
        hrp_compat_tell(c, HRP_BREAKS_BACKWARD, "field_type_narrowed", p->path, NULL, "%s became %s: values so far may not fit", from, to);
    else if (is_message(was) && is_message(is))
        hrp_compat_tell(c, HRP_BREAKS_BOTH, "field_encoding_changed", p->path, NULL, "a %s became a %s: other bytes on the wire", from, to);
    else if (is_varint(was) && is_varint(is))
        hrp_compat_tell(c, HRP_BREAKS_BOTH, "field_type_changed", p->path, NULL, "%s became %s: the same bytes are read as another value", from, to);
    else if ((was == PB(STRING) && is == PB(BYTES)) || (was == PB(BYTES) && is == PB(STRING)))
        hrp_compat_tell(c, HRP_BREAKS_BOTH, "field_type_changed", p->path, NULL, "%s became %s: text and bytes are stored and exported differently", from, to);
    else
        hrp_compat_tell(c, HRP_BREAKS_BOTH, "field_type_changed", p->path, NULL, "%s became %s", from, to);
    return is_message(was) && is_message(is);
}

static void inside(struct hrp_compat *c, const struct hrp_field_pair *p)
{
    const struct hrp_type_field *old = p->old, *now = p->now;
    const char *was = old->msg != NULL ? old->msg->sym->name : old->enm != NULL ? old->enm->name : "";
    const char *is = now->msg != NULL ? now->msg->sym->name : now->enm != NULL ? now->enm->name : "";

    if (strcmp(was, is) != 0 && !hrp_field_is_map(now)) /* an entry's name follows the field's */
        hrp_compat_tell(c, HRP_SEMANTIC, "field_type_renamed", p->path, NULL, "its type was %s and is %s", was, is);
    if (old->msg != NULL && now->msg != NULL)
        hrp_compat_types(c, old->msg, now->msg, p->path);
    else if (old->enm != NULL && now->enm != NULL)
        hrp_compat_enum(c, old->enm, now->enm, p->path);
}

/* ---- the rest ---- */

static const char *cardinality_word(uint8_t cardinality)
{
    return cardinality == HRP_MAP ? "a map" : cardinality == HRP_REPEATED ? "a list" : "a single value";
}

static void presence(struct hrp_compat *c, const struct hrp_field_pair *p, const struct hrp_traits *was, const struct hrp_traits *is)
{
    if (!was->required && is->required)
        hrp_compat_tell(c, HRP_BREAKS_BACKWARD, "field_now_required", p->path, NULL, "it is required now: rows without it can't be read any more");
    else if (was->required && !is->required)
        hrp_compat_tell(c, HRP_BREAKS_FORWARD, "field_no_longer_required", p->path, NULL, "it was required: who has the old schema refuses rows without it");
    else if (was->explicit_presence != is->explicit_presence && was->cardinality == HRP_SINGULAR && is->cardinality == HRP_SINGULAR &&
             was->oneof == NULL && is->oneof == NULL && is_message(was->type) == is_message(is->type))
        hrp_compat_tell(c, HRP_SEMANTIC, "presence_changed", p->path, NULL, "%s",
                        is->explicit_presence ? "not set and zero are told apart now" : "not set and zero are the same now");
    if (was->cardinality == HRP_REPEATED && is->cardinality == HRP_REPEATED && was->packed != is->packed)
        hrp_compat_tell(c, 0, "packed_changed", p->path, NULL, "it is written %s now; both ways are read", is->packed ? "packed" : "one by one");
}

static bool has_oneof(const struct hrp_type *t, const char *name)
{
    for (uint32_t i = 0; i < t->n_oneofs; i++)
        if (t->oneof_members[i] != 0 && strcmp(t->sym->msg->oneof_decl[i]->name, name) == 0)
            return true;
    return false;
}

static void oneofs(struct hrp_compat *c, const struct hrp_field_pair *p, const char *was, const char *is)
{
    if (was == NULL && is != NULL)
        hrp_compat_tell(c, HRP_BREAKS_BOTH, "field_into_oneof", p->path, NULL, "it joined the oneof `%s`: rows that have it beside another member lose one", is);
    else if (was != NULL && is == NULL)
        hrp_compat_tell(c, HRP_BREAKS_BOTH, "field_out_of_oneof", p->path, NULL, "it left the oneof `%s`: who has the old schema loses one of two members", was);
    else if (was != NULL && strcmp(was, is) != 0 && (has_oneof(p->old_type, is) || has_oneof(p->now_type, was)))
        hrp_compat_tell(c, HRP_BREAKS_BOTH, "field_oneof_changed", p->path, NULL, "it moved from the oneof `%s` to `%s`", was, is);
}

static bool same_text(const char *a, const char *b) { return strcmp(a != NULL ? a : "", b != NULL ? b : "") == 0; }

static void details(struct hrp_compat *c, const struct hrp_field_pair *p)
{
    const pb_field *old = p->old->d, *now = p->now->d;

    if (!same_text(old->default_value, now->default_value))
        hrp_compat_tell(c, HRP_SEMANTIC, "default_changed", p->path, NULL, "its default was `%s` and is `%s`",
                        old->default_value != NULL ? old->default_value : "", now->default_value != NULL ? now->default_value : "");
    if (old->json_name != NULL && now->json_name != NULL && strcmp(old->name, now->name) == 0 && strcmp(old->json_name, now->json_name) != 0)
        hrp_compat_tell(c, HRP_BREAKS_BOTH, "json_name_changed", p->path, NULL, "its JSON name was `%s` and is `%s`", old->json_name, now->json_name);
}

void hrp_compat_field(struct hrp_compat *c, const struct hrp_field_pair *p)
{
    struct hrp_traits was = hrp_traits_of(p->old_type, p->old), is = hrp_traits_of(p->now_type, p->now);
    bool same_kind = type_compare(c, p, was.type, is.type);

    if (was.cardinality != is.cardinality)
        hrp_compat_tell(c, HRP_BREAKS_BOTH, "field_cardinality_changed", p->path, NULL, "%s became %s", cardinality_word(was.cardinality),
                        cardinality_word(is.cardinality));
    else if (same_kind)
        inside(c, p);
    presence(c, p, &was, &is);
    oneofs(c, p, was.oneof, is.oneof);
    details(c, p);
    hrp_compat_options(c, p);
    if (same_kind && was.cardinality == is.cardinality)
        hrp_compat_rules(c, p);
    else if (was.cardinality == is.cardinality && (widens(was.type, is.type) || widens(is.type, was.type)))
        hrp_compat_rules_of_new_type(c, p);
}
