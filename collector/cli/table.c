#include "table.h"
#include "cli.h"
#include "errors.h"
#include <stdarg.h>
#include <string.h>

#define MAX_COLUMNS 16

char *cli_number(uint64_t v, char *ret)
{
    char digits[24];
    int n = snprintf(digits, sizeof digits, "%llu", (unsigned long long)v);
    char *out = ret;

    for (int i = 0; i < n; i++) {
        if (i > 0 && (n - i) % 3 == 0)
            *out++ = ',';
        *out++ = digits[i];
    }
    *out = '\0';
    return ret;
}

void cli_table_init(struct cli_table *t, const char *const *heads, unsigned n_columns)
{
    memset(t, 0, sizeof *t);
    t->heads = heads;
    t->n_columns = n_columns < MAX_COLUMNS ? n_columns : MAX_COLUMNS;
}

void cli_table_fini(struct cli_table *t) { hrp_buf_fini(&t->text); }

void cli_table_text(struct cli_table *t, const char *s)
{
    struct hr_error err;

    hr_error_set(&err, HR_EINVAL, "%s", s); /* escapes */
    hrp_put_bytes(&t->text, err.text, strlen(err.text) + 1);
    t->n_cells++;
}

void cli_table_number(struct cli_table *t, uint64_t v)
{
    char text[32];

    cli_table_text(t, cli_number(v, text));
}

void cli_table_fmt(struct cli_table *t, const char *fmt, ...)
{
    char text[256];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    cli_table_text(t, text);
}

/* Letters on the screen, not bytes: UTF-8's continuation bytes take no room. */
static int width(const char *s)
{
    int n = 0;

    for (; *s != '\0'; s++)
        n += ((unsigned char)*s & 0xc0) != 0x80;
    return n;
}

static void print_cell(FILE *out, const char *s, int room, bool right, bool last)
{
    int pad = room - width(s);

    if (right)
        fprintf(out, "%*s%s", pad, "", s);
    else
        fprintf(out, "%s%*s", s, last ? 0 : pad, "");
    fputs(last ? "\n" : "  ", out);
}

int cli_table_print(const struct cli_table *t, FILE *out)
{
    int room[MAX_COLUMNS];
    const char *cell = (const char *)t->text.p;

    if (t->text.err != 0) {
        cli_error("out of memory");
        return CLI_FAILED;
    }
    for (unsigned c = 0; c < t->n_columns; c++)
        room[c] = width(t->heads[c]) - (t->heads[c][0] == '>');
    for (size_t i = 0; i < t->n_cells; i++, cell += strlen(cell) + 1)
        if (width(cell) > room[i % t->n_columns])
            room[i % t->n_columns] = width(cell);
    for (unsigned c = 0; c < t->n_columns; c++) {
        bool right = t->heads[c][0] == '>';

        print_cell(out, t->heads[c] + right, room[c], right, c + 1 == t->n_columns);
    }
    cell = (const char *)t->text.p;
    for (size_t i = 0; i < t->n_cells; i++, cell += strlen(cell) + 1) {
        unsigned c = (unsigned)(i % t->n_columns);

        print_cell(out, cell, room[c], t->heads[c][0] == '>', c + 1 == t->n_columns);
    }
    return 0;
}
