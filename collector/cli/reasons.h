/* Why rows were set aside, counted: reasons that differ in their numbers only are one. */
#ifndef CLI_REASONS_H
#define CLI_REASONS_H
#include <stdint.h>
#include <stdio.h>

#define CLI_MAX_REASONS 20
struct cli_reasons { /* zeroed: empty */
    struct cli_reason {
        char text[160]; /* numbers are folded to # */
        uint64_t n;
    } list[CLI_MAX_REASONS];
    unsigned n;
    uint64_t n_other; /* of reasons that had no room */
};
void cli_reasons_add(struct cli_reasons *r, const char *reason);
void cli_reasons_print(const struct cli_reasons *r, FILE *out); /* most frequent first, a line each */
#endif
