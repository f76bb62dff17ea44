/* Between config.c and config_yaml.c. */
#ifndef HRD_CONFIG_IMPL_H
#define HRD_CONFIG_IMPL_H
#include "config.h"

/* One option from text; err says what is wrong without a place. HR_ENOENT: no such option. */
int hrd_config_set(struct hrd_config *cfg, const char *name, const char *value, struct hr_error *err);
/* "65536", "64KiB", "8MiB", "1GiB"; bare: no unit may follow. HR_EINVAL. */
int hrd_config_number(const char *text, bool bytes, uint64_t *ret, struct hr_error *err);
/* A sink whose settings are complete; takes the strings. */
int hrd_config_add_sink(struct hrd_config *cfg, struct hrd_sink_settings *sink, struct hr_error *err);
void hrd_sink_settings_fini(struct hrd_sink_settings *sink);
/* err: path:line:column: option: what. */
int hrd_config_read_yaml(struct hrd_config *cfg, const char *path, struct hr_error *err);
#endif
