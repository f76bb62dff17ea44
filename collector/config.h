/* The daemon's options, from options.def: defaults, then the YAML file, then the command line. */
#ifndef HRD_CONFIG_H
#define HRD_CONFIG_H
#include "errors.h"
#include "sinks/sink.h"
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#define HRD_MAX_SINKS 16

struct hrd_config {                  /* fixed once parsed; shared by all threads */
#define HRD_TEXT(name, def, sentence) char *name;
#define HRD_BYTES(name, def, least, most, sentence) uint64_t name;
#define HRD_COUNT(name, def, least, most, sentence) uint64_t name;
#define HRD_BOOL(name, def, sentence) bool name;
#include "options.def"
#undef HRD_TEXT
#undef HRD_BYTES
#undef HRD_COUNT
#undef HRD_BOOL
    struct hrd_sink_settings sinks[HRD_MAX_SINKS]; /* YAML `sinks:`; strings owned */
    unsigned n_sinks;
};
enum hrd_config_act { HRD_CONFIG_RUN, HRD_CONFIG_CHECK, HRD_CONFIG_HELP, HRD_CONFIG_VERSION };

/* Reads argv and the file it names. err: `headraced.yaml:3:1: workers: 0 is less than 1`, `--workers: ...`. */
int hrd_config_open(int argc, char *const argv[], struct hrd_config *ret, enum hrd_config_act *ret_act, struct hr_error *err);
void hrd_config_fini(struct hrd_config *cfg);
void hrd_config_help(FILE *f);

/* "127.0.0.1:7411", "[::1]:0", ":7411" (any address). HR_EINVAL. */
int hrd_address_parse(const char *text, char *ret_host, size_t n_host, uint16_t *ret_port, struct hr_error *err);
#endif
