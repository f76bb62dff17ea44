/* Tables for a person: columns as wide as their widest cell, numbers to the right with thousands separators. */
#ifndef CLI_TABLE_H
#define CLI_TABLE_H
#include "bytes.h"
#include <stdio.h>

struct cli_table {
    const char *const *heads; /* [n_columns]; one that begins with '>' is a column of numbers; borrowed */
    unsigned n_columns;
    struct hrp_buf text;      /* cells, NUL-terminated, row by row */
    size_t n_cells;
};
void cli_table_init(struct cli_table *t, const char *const *heads, unsigned n_columns);
void cli_table_fini(struct cli_table *t);
/* The next cell; control bytes are escaped. */
void cli_table_text(struct cli_table *t, const char *s);
void cli_table_number(struct cli_table *t, uint64_t v);
void cli_table_fmt(struct cli_table *t, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
int cli_table_print(const struct cli_table *t, FILE *out); /* 0 or an exit code */
/* "3,201"; ret has room for 32 bytes. Returns ret. */
char *cli_number(uint64_t v, char *ret);
#endif
