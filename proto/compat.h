/* Compatibility of two versions of an event's schema: what changed, and whom it hurts.
 *
 * Stricter than wire compatibility where training data suffers: a rename, a number reused, an enum constant renumbered change
 * what a stored value means although every reader still parses it. */
#ifndef HRP_COMPAT_H
#define HRP_COMPAT_H
#include "arena.h"
#include "schema.h"

enum hrp_compat_mode { /* names as Confluent's: "BACKWARD_TRANSITIVE" */
    HRP_COMPAT_NONE, HRP_COMPAT_BACKWARD, HRP_COMPAT_BACKWARD_TRANSITIVE, HRP_COMPAT_FORWARD, HRP_COMPAT_FORWARD_TRANSITIVE,
    HRP_COMPAT_FULL, HRP_COMPAT_FULL_TRANSITIVE, HRP_COMPAT_N
};
const char *hrp_compat_mode_name(enum hrp_compat_mode mode);
int hrp_compat_mode_parse(const char *name, enum hrp_compat_mode *ret); /* HR_EINVAL */
static inline bool hrp_compat_transitive(enum hrp_compat_mode m)
{
    return m == HRP_COMPAT_BACKWARD_TRANSITIVE || m == HRP_COMPAT_FORWARD_TRANSITIVE || m == HRP_COMPAT_FULL_TRANSITIVE;
}

#define HRP_BREAKS_BACKWARD 1u /* who has the new schema misreads or refuses rows written by the old one */
#define HRP_BREAKS_FORWARD 2u  /* who has the old schema misreads or refuses rows written by the new one */
#define HRP_SEMANTIC 4u        /* every value is still read, but it means something else, or other rows are refused */
struct hrp_change {
    unsigned what;             /* bits of the above; 0: harmless, told for a diff */
    bool tightened;            /* a rule refuses rows that it allowed before: run it in the shadow first */
    const char *code;          /* stable, for machines: "field_number_reused" */
    const char *path;          /* "shop.Order.items.price", or "shop.Color.RED" */
    const char *reason;        /* a sentence for a person */
};
struct hrp_changes {
    struct hrp_change *list;   /* in the order of the new file's fields, removed ones last */
    uint32_t n, cap;
    struct hrp_arena *arena;
};
/* All changes from old to new, of everything the event reaches. HR_ENOMEM, HR_ELIMIT. */
int hrp_compat_diff(struct hrp_schema *old_schema, struct hrp_schema *new_schema, struct hrp_changes *ret, struct hr_error *err);
bool hrp_change_breaks(const struct hrp_change *c, enum hrp_compat_mode mode);
void hrp_changes_fini(struct hrp_changes *changes); /* fine on a zeroed one */
#endif
