/* The headrace command: what its verbs share. A verb is a file with one `struct cli_verb`; main.c has the table.
 *
 * Output is for a person or a pipe: results on stdout, errors and progress on stderr, progress only on a terminal. The
 * first line of an error says what is wrong and what to do. Names that several files of the command use begin with cli_. */
#ifndef CLI_H
#define CLI_H
#include <getopt.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum cli_exit { /* documented in `headrace help` */
    CLI_OK = 0,
    CLI_FAILED = 1,
    CLI_USAGE = 2,
    CLI_UNREACHABLE = 3,
    CLI_SET_ASIDE = 4,
};

struct cli_verb {
    const char *name, *summary;
    const char *help; /* whole text of --help, beginning with the usage line */
    int (*run)(const struct cli_verb *verb, int argc, char **argv); /* argv[0] is the verb; returns enum cli_exit */
};

/* getopt_long without its messages: -1 at the end; for an unknown option or a missing value it prints the usage error
 * and returns '?', and the verb returns CLI_USAGE. --help was dealt with by main. */
int cli_option(const struct cli_verb *verb, int argc, char **argv, const char *short_options, const struct option *options);
int cli_usage(const struct cli_verb *verb, const char *fmt, ...) __attribute__((format(printf, 2, 3))); /* returns CLI_USAGE */
void cli_error(const char *fmt, ...) __attribute__((format(printf, 1, 2))); /* "headrace: ...", control bytes escaped */

void cli_say(const char *text); /* on stdout, control bytes escaped: what comes from elsewhere must not move a terminal's cursor */

/* Values of options. 0, or CLI_USAGE after printing which option was wrong and what it takes. */
int cli_parse_u64(const struct cli_verb *verb, const char *option, const char *text, uint64_t min, uint64_t max, uint64_t *ret);
int cli_parse_seconds(const struct cli_verb *verb, const char *option, const char *text, int64_t *ret_ms); /* "5", "0.5" */
/* A point in time: RFC 3339 ("2026-11-23T18:00:00Z"), a date, nanoseconds since 1970, or an age before now ("90s", "15m", "2h", "7d"). */
int cli_parse_time(const struct cli_verb *verb, const char *option, const char *text, int64_t *ret_ns);

bool cli_time_rfc3339(const char *text, int64_t *ret_ns); /* RFC 3339 or a date alone; false: it is neither */

/* Rewrites one line of a terminal on stderr; nothing when stderr is no terminal. */
void cli_progress(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void cli_progress_end(void); /* clears the line */

int64_t cli_mono_ns(void);
int64_t cli_wall_ns(void);
void cli_pause_ms(int ms); /* between two questions to a server; ends early on a signal */
/* 1 once SIGINT or SIGTERM came, after cli_catch_signals; a verb that loops ends then as if it were done. */
void cli_catch_signals(void);
bool cli_stopped(void);
#endif
