/* The daemon's own log: logfmt lines on stderr, with the <n> prefix of sd-daemon(3) under systemd.
 *     time=2026-11-23T18:00:00.123Z level=info event=listening ingest=127.0.0.1:7411
 * Values are quoted and control bytes escaped, so nothing from outside can forge a line. Thread: any. */
#ifndef HRD_SLOG_H
#define HRD_SLOG_H
#include <stdint.h>

enum hrd_level { HRD_ERROR, HRD_WARN, HRD_INFO, HRD_DEBUG };
void hrd_slog_level(enum hrd_level most);
int hrd_slog_level_parse(const char *name, enum hrd_level *ret); /* HR_EINVAL */
/* Pairs of key and printf value: hrd_slog(HRD_INFO, "opened", "dir=%s damage=%u", dir, n). Every value stands between '='
 * and the next blank of fmt; it is quoted when it must be. */
void hrd_slog(enum hrd_level level, const char *event, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
#endif
