/* Events as CSV (RFC 4180): one column per scalar field, dotted for nested messages; lists, maps and messages that contain
 * themselves stand in one column as JSON text. Absent is an empty cell, an empty string is "". */
#ifndef CLI_CSV_H
#define CLI_CSV_H
#include "errors.h"
#include "span.h"

struct hrp_schema;
struct cli_csv;
/* Borrows the schema. safe: a text that begins with = + - @, a tab or a return is preceded by an apostrophe, so that a
 * spreadsheet does not run it (OWASP, CSV injection). Numbers are left alone. */
int cli_csv_open(const struct hrp_schema *schema, bool safe, struct cli_csv **ret);
void cli_csv_free(struct cli_csv *csv);
void cli_csv_head(const struct cli_csv *csv, struct hrp_buf *out);
void cli_csv_row(struct cli_csv *csv, struct cli_span line, struct hrp_buf *out); /* a line of the events API */
#endif
