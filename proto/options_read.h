/* Our own options, read from the custom options of a checked set; what is nonsense is refused by place. Private to proto/. */
#ifndef HRP_OPTIONS_READ_H
#define HRP_OPTIONS_READ_H
#include "types.h"

#define HRP_OPTIONS_NUMBER 74110 /* of both extensions in headrace/options.proto */

/* Of the event and of all fields of all types: sets ts->event and each field's options; memory is the set's scratch.
 * HR_ESCHEMA, HR_ENOMEM, HR_ELIMIT. */
int hrp_options_read(struct hrp_types *ts, struct hr_error *err);
bool hrp_is_date(const char *s); /* YYYY-MM-DD, and there is such a day */
#endif
