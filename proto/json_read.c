#include "json.h"
int hrp_json_to_wire(struct hrp_schema *s, const char *text, size_t n, struct hrp_buf *out, struct hr_error *err)
{
    (void)s, (void)text, (void)n, (void)out;
    return hr_error_set(err, HR_EROW, "not built yet");
}
