/* What the parts of the comparison share: both sides as read, the list of findings, what is known of one field.
 * Private to proto/compat*.c. */
#ifndef HRP_COMPAT_IMPL_H
#define HRP_COMPAT_IMPL_H
#include "compat.h"
#include "rules_read.h"

#define HRP_BREAKS_BOTH (HRP_BREAKS_BACKWARD | HRP_BREAKS_FORWARD)

struct hrp_side { /* one version, with the names and types it reaches */
    struct hrp_descset ds;
    struct hrp_types types;
};
struct hrp_compat_pair;
struct hrp_compat {
    struct hrp_side old, now;
    struct hrp_changes *out;
    struct hrp_arena *arena;         /* of the findings: out->arena */
    struct hrp_arena *scratch;       /* as long as the comparison */
    struct hrp_compat_pair *first, *last; /* types to compare, in the order they were met */
    struct hrp_compat_pair **seen;   /* buckets */
    uint32_t n_pairs;
    struct hr_error *err;
    int res;                         /* the first failure; then nothing is told any more */
};

/* A finding at path.name (name NULL: at path). */
void hrp_compat_tell(struct hrp_compat *c, unsigned what, const char *code, const char *path, const char *name, const char *fmt, ...)
    __attribute__((format(printf, 6, 7)));
void hrp_compat_tell_rule(struct hrp_compat *c, bool tightened, const char *code, const char *path, const char *fmt, ...)
    __attribute__((format(printf, 5, 6)));
/* The text in the scratch arena; NULL: c->res is set. */
const char *hrp_compat_text(struct hrp_compat *c, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void *hrp_compat_take(struct hrp_compat *c, uint64_t n, size_t size);
int hrp_compat_fail(struct hrp_compat *c, int r);
/* Have these two compared, too, unless they were. The path of the first field that leads there names the findings. */
void hrp_compat_types(struct hrp_compat *c, struct hrp_type *old, struct hrp_type *now, const char *path);

/* ---- fields ---- */
enum hrp_cardinality { HRP_SINGULAR, HRP_REPEATED, HRP_MAP };
struct hrp_traits {
    uint8_t type;            /* FieldDescriptorProto.Type */
    uint8_t cardinality;     /* enum hrp_cardinality */
    bool required, explicit_presence, packed;
    const char *oneof;       /* NULL: in none */
};
struct hrp_traits hrp_traits_of(const struct hrp_type *t, const struct hrp_type_field *f);
bool hrp_enum_closed(const struct hrp_symbol *enm);
const char *hrp_type_word(uint8_t pb_type); /* "int32" */

struct hrp_field_pair { /* the same number in both versions */
    const struct hrp_type *old_type, *now_type;
    const struct hrp_type_field *old, *now;
    const char *path;        /* of the field, in the new version */
};
void hrp_compat_field(struct hrp_compat *c, const struct hrp_field_pair *p);
void hrp_compat_enum(struct hrp_compat *c, const struct hrp_symbol *old, const struct hrp_symbol *now, const char *path);
/* A field that only one of them has; the other NULL. */
void hrp_compat_rules(struct hrp_compat *c, const struct hrp_field_pair *p);
/* The same field, where its type was widened or narrowed: rules of the two types are not compared one by one. */
void hrp_compat_rules_of_new_type(struct hrp_compat *c, const struct hrp_field_pair *p);
void hrp_compat_message_rules(struct hrp_compat *c, struct hrp_type *old, struct hrp_type *now, const char *path);
void hrp_compat_options(struct hrp_compat *c, const struct hrp_field_pair *p);
void hrp_compat_event_options(struct hrp_compat *c, const struct hrp_event_options *old, const struct hrp_event_options *now, const char *path);

/* ---- reserved numbers and names, of a message or an enum ---- */
struct hrp_reserved {
    struct hrp_reserved_range {
        int64_t first, last; /* both in it */
    } *ranges;               /* ascending, apart */
    uint32_t n_ranges;
    const char **names;      /* ascending */
    uint32_t n_names;
};
int hrp_reserved_of_message(struct hrp_compat *c, const pb_message *m, struct hrp_reserved *ret);
int hrp_reserved_of_enum(struct hrp_compat *c, const pb_enum *e, struct hrp_reserved *ret);
bool hrp_reserved_number(const struct hrp_reserved *r, int64_t number);
bool hrp_reserved_name(const struct hrp_reserved *r, const char *name);
/* Tells what old reserves and now does not. */
void hrp_compat_reserved(struct hrp_compat *c, const struct hrp_reserved *old, const struct hrp_reserved *now, const char *path);
#endif
