#include "csv.h"
#include "alloc.h"
#include "schema.h"
#include <string.h>

static const char *const envelope[] = {"offset", "event_time", "receive_time", "app", "version"};
#define N_ENVELOPE (sizeof envelope / sizeof *envelope)

struct column {
    const struct hrp_node *nodes[HRP_MAX_FLAT_DEPTH + 2]; /* from below the root to the column's own; oneofs left out */
    unsigned n_nodes;
};
struct cli_csv {
    bool safe;
    struct column *columns;
    size_t n_columns;
    struct hrp_buf text; /* of one cell, reused */
};

/* The events API writes these two as strings (json.h). */
static bool is_time(const struct hrp_node *node)
{
    return node->msg_name != NULL &&
           (strcmp(node->msg_name, "google.protobuf.Timestamp") == 0 || strcmp(node->msg_name, "google.protobuf.Duration") == 0);
}

/* Ends a column: everything below it stands in its cell. */
static bool is_column(const struct hrp_node *node)
{
    return node->kind == HRP_NODE_LEAF || node->repeated || node->opaque || is_time(node);
}

static bool fill_column(struct column *col, const struct hrp_node *all, const struct hrp_node *node)
{
    const struct hrp_node *path[2 * HRP_MAX_FLAT_DEPTH + 4];
    unsigned n = 0;

    for (; node->id != 0; node = &all[node->parent])
        if (node->kind != HRP_NODE_ONEOF && n < sizeof path / sizeof *path)
            path[n++] = node;
    if (n > sizeof col->nodes / sizeof *col->nodes)
        return false;
    for (col->n_nodes = 0; n > 0; col->n_nodes++)
        col->nodes[col->n_nodes] = path[--n];
    return true;
}

int cli_csv_open(const struct hrp_schema *schema, bool safe, struct cli_csv **ret)
{
    uint32_t n = hrp_schema_n_nodes(schema);
    const struct hrp_node *nodes = hrp_schema_nodes(schema);
    struct cli_csv *csv = hrp_calloc(1, sizeof *csv);

    if (csv != NULL)
        csv->columns = hrp_calloc(n, sizeof *csv->columns);
    if (csv == NULL || csv->columns == NULL) {
        cli_csv_free(csv);
        return HR_ENOMEM;
    }
    csv->safe = safe;
    for (uint32_t i = 1; i < n; i = is_column(&nodes[i]) ? nodes[i].end : i + 1)
        if (is_column(&nodes[i]) && !nodes[i].unknown && fill_column(&csv->columns[csv->n_columns], nodes, &nodes[i]))
            csv->n_columns++;
    *ret = csv;
    return 0;
}

void cli_csv_free(struct cli_csv *csv)
{
    if (csv == NULL)
        return;
    hrp_buf_fini(&csv->text);
    hrp_free(csv->columns);
    hrp_free(csv);
}

void cli_csv_head(const struct cli_csv *csv, struct hrp_buf *out)
{
    for (size_t i = 0; i < N_ENVELOPE; i++)
        hrp_put_fmt(out, "%s_%s", i > 0 ? "," : "", envelope[i]);
    for (size_t c = 0; c < csv->n_columns; c++)
        for (unsigned k = 0; k < csv->columns[c].n_nodes; k++)
            hrp_put_fmt(out, "%c%s", k > 0 ? '.' : ',', csv->columns[c].nodes[k]->name);
    hrp_put_fmt(out, "\r\n");
}

/* Quoted when it must be: separators, quotes, line breaks, and an empty text (an empty cell is an absent one). */
static void put_text(struct hrp_buf *out, const char *p, size_t n, bool safe)
{
    bool run = safe && n > 0 && memchr("=+-@\t\r", p[0], 6) != NULL, quote = n == 0;

    for (size_t i = 0; i < n && !quote; i++)
        quote = p[i] == ',' || p[i] == '"' || p[i] == '\n' || p[i] == '\r';
    if (quote)
        hrp_put_u8(out, '"');
    if (run)
        hrp_put_u8(out, '\'');
    for (size_t i = 0; i < n; i++) {
        if (p[i] == '"')
            hrp_put_u8(out, '"');
        hrp_put_u8(out, (uint8_t)p[i]);
    }
    if (quote)
        hrp_put_u8(out, '"');
}

static void put_cell(struct cli_csv *csv, struct cli_span v, struct hrp_buf *out)
{
    hrp_buf_clear(&csv->text);
    if (v.n > 0 && v.p[0] == '"' && cli_span_str(v, &csv->text))
        put_text(out, (const char *)csv->text.p, csv->text.n, csv->safe);
    else
        put_text(out, v.p, v.n, false);
}

void cli_csv_row(struct cli_csv *csv, struct cli_span line, struct hrp_buf *out)
{
    struct cli_span data = {"", 0}, v;

    cli_span_get(line, "data", &data);
    for (size_t i = 0; i < N_ENVELOPE; i++) {
        if (i > 0)
            hrp_put_u8(out, ',');
        if (cli_span_get(line, envelope[i], &v))
            put_cell(csv, v, out);
    }
    for (size_t c = 0; c < csv->n_columns; c++) {
        const struct column *col = &csv->columns[c];
        bool found = true;

        hrp_put_u8(out, ',');
        v = data;
        for (unsigned k = 0; k < col->n_nodes && found; k++)
            found = cli_span_get(v, col->nodes[k]->name, &v);
        if (found)
            put_cell(csv, v, out);
    }
    hrp_put_fmt(out, "\r\n");
    if (csv->text.err != 0)
        out->err = csv->text.err;
}
