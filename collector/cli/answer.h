/* Answers of the API as verbs show them: values of a JSON object, and the whole of a verb that shows one answer. */
#ifndef CLI_ANSWER_H
#define CLI_ANSWER_H
#include "cli.h"
#include <jansson.h>

uint64_t cli_json_number(const json_t *object, const char *key);                          /* 0: not there, or negative */
const char *cli_json_text(const json_t *object, const char *key, const char *otherwise);  /* borrowed from object */
int cli_json_print(const json_t *root);                                                   /* indented, on stdout */
/* `headrace VERB [--json] [--http URL]`: GETs path and prints it as it is, or by print. Returns the exit code. */
int cli_answer(const struct cli_verb *verb, int argc, char **argv, const char *path, int (*print)(const json_t *root));
#endif
