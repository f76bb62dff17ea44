#include "reasons.h"
#include "errors.h"
#include "table.h"
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* "title: expected a string, found the number 12": any number would do. */
static void fold(const char *reason, char *out, size_t cap)
{
    size_t n = 0;

    for (const char *p = reason; *p != '\0' && n + 1 < cap; p++) {
        bool digit = *p >= '0' && *p <= '9';

        if (!digit || n == 0 || out[n - 1] != '#')
            out[n++] = digit ? '#' : *p;
    }
    out[n] = '\0';
}

void cli_reasons_add(struct cli_reasons *r, const char *reason)
{
    char text[sizeof r->list[0].text];

    fold(reason, text, sizeof text);
    for (unsigned i = 0; i < r->n; i++) {
        if (strcmp(r->list[i].text, text) == 0) {
            r->list[i].n++;
            return;
        }
    }
    if (r->n == CLI_MAX_REASONS) {
        r->n_other++;
        return;
    }
    memcpy(r->list[r->n].text, text, sizeof text);
    r->list[r->n++].n = 1;
}

static int by_count(const void *a, const void *b)
{
    const struct cli_reason *x = a, *y = b;

    return x->n != y->n ? (x->n < y->n ? 1 : -1) : strcmp(x->text, y->text);
}

void cli_reasons_print(const struct cli_reasons *r, FILE *out)
{
    struct cli_reasons sorted = *r;
    struct hr_error err;
    char n[32];

    qsort(sorted.list, sorted.n, sizeof *sorted.list, by_count);
    for (unsigned i = 0; i < sorted.n; i++) {
        hr_error_set(&err, HR_EROW, "%s", sorted.list[i].text); /* escapes */
        fprintf(out, "  %s: %s\n", cli_number(sorted.list[i].n, n), err.text);
    }
    if (sorted.n_other > 0)
        fprintf(out, "  %s: for other reasons\n", cli_number(sorted.n_other, n));
}
