/* Our own options of events and fields (headrace/options.proto), as read from a schema: who owns it, what it means, what is personal. */
#ifndef HRP_OPTIONS_H
#define HRP_OPTIONS_H
#include <stdbool.h>
#include <stdint.h>

enum hrp_delivery { HRP_DELIVERY_NORMAL = 0, HRP_DELIVERY_CRITICAL = 1, HRP_DELIVERY_DEFERRED = 2 };
struct hrp_event_options {
    const char *owner, *description, *expires; /* "" when not set; expires: YYYY-MM-DD */
    uint8_t delivery;                          /* enum hrp_delivery */
};
enum hrp_personal { HRP_PERSONAL_NOT = 0, HRP_PERSONAL_ID, HRP_PERSONAL_CONTACT, HRP_PERSONAL_LOCATION, HRP_PERSONAL_SENSITIVE };
enum hrp_personal_action {
    HRP_PERSONAL_KEEP = 0,
    HRP_PERSONAL_TRUNCATE = 1, /* the SDK keeps the first truncate_to code points (bytes of a bytes field) */
    HRP_PERSONAL_DROP = 2,     /* the SDK sends the field as absent */
    HRP_PERSONAL_HASH = 3,     /* the collector stores a keyed hash in its place: string and bytes fields */
};
struct hrp_field_options {
    const char *description, *unit;            /* "" when not set; unit: UCUM code or ISO 4217 currency */
    uint8_t personal, action;                  /* enum hrp_personal, hrp_personal_action */
    uint32_t truncate_to;
    bool monitored;                            /* false: hints are all unset */
    bool ignore_drift;                         /* not compared with its past (ids, texts) */
    double max_null_share, min_value, max_value; /* hints; NaN: none */
    bool classified;                           /* the class was said, be it NOT_PERSONAL */
};
#endif
