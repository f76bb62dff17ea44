#include "batches.h"
#include "rows.h"
#include "schemas.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void must(bool holds, const char *what)
{
    if (holds)
        return;
    fprintf(stderr, "%s\n", what);
    abort();
}

/* ---- making one ---- */

const struct hrp_id test_incarnation = {{0xaa, 1, 2, 3}};

struct hrp_builder *test_builder(struct hrp_schema *s)
{
    struct hrp_builder *b = NULL;

    must(hrp_builder_new(s, &b) == 0, "no builder");
    return b;
}

void test_add_row(struct hrp_builder *b, uint64_t n, const struct hrp_buf *row)
{
    struct hr_error err = {0};

    must(hrp_builder_add(b, 0, n, (int64_t)n * 1000, 1, 0, row->p, row->n, &err) == 0, err.text);
}

void test_add_flights(struct hrp_builder *b, uint64_t first_n, unsigned n)
{
    static const char *const codes[] = {"SFO", "LAX", "JFK", "OAK", "SEA"};
    struct hrp_buf row = HRP_BUF_INIT;

    for (uint64_t i = first_n; i < first_n + n; i++) {
        hrp_buf_clear(&row);
        test_flight_row(&row, (int64_t)(1000000 + i * 60), (int32_t)(i * 7 % 50) - 5, (int32_t)(i * 131 % 2500), codes[i % 5], codes[i * 3 % 5]);
        test_add_row(b, i, &row);
    }
    hrp_buf_fini(&row);
}

struct hrp_buf test_sealed(struct hrp_builder *b)
{
    struct hrp_buf out = HRP_BUF_INIT;

    must(hrp_builder_seal(b, &test_incarnation, 42, 3, &out) == 0, "no batch");
    return out;
}

struct hrp_batch *test_opened(const struct hrp_buf *p, struct hrp_schema *s)
{
    struct hr_error err = {0};
    struct hrp_batch *b = NULL;

    must(hrp_batch_open(p->p, p->n, s, &hrp_limits_default, &b, &err) == 0, err.text);
    return b;
}

/* ---- from outside ---- */

void test_batch_fix_checks(uint8_t *p, size_t n)
{
    struct hrp_reader r = hrp_reader(p, n);
    const uint8_t *fixed = hrp_read_bytes(&r, 4);
    uint64_t n_header = hrp_read_varint(&r), n_body = hrp_read_varint(&r);
    size_t at_body_check, at_check;
    uint32_t check;

    if (fixed != NULL && (fixed[3] & 1) != 0)
        hrp_read_varint(&r);
    at_body_check = (size_t)(r.p - p);
    hrp_read_u32(&r);
    if (r.bad || n_header > n || n_body > n || hrp_read_bytes(&r, (size_t)n_header) == NULL)
        return;
    at_check = (size_t)(r.p - p);
    if (hrp_read_bytes(&r, 4) == NULL || hrp_reader_left(&r) < n_body)
        return;
    check = hrp_check32(r.p, (size_t)n_body);
    memcpy(p + at_body_check, &check, 4);
    check = hrp_check32(p, at_check);
    memcpy(p + at_check, &check, 4);
}

/* What a batch gives out is what a builder would take in, even from a batch that somebody made up. */
static void must_be_canonical(struct hrp_schema *s, const struct hrp_buf *row)
{
    struct hrp_buf again = HRP_BUF_INIT;
    struct hrp_builder *b;
    int r;

    must(test_row_canonical(s, row->p, row->n, &again), "a row that is not well-formed");
    must(again.n == row->n && (row->n == 0 || memcmp(again.p, row->p, row->n) == 0), "a row that means something else");
    b = test_builder(s);
    r = hrp_builder_add(b, 0, 1, 0, 1, 0, row->p, row->n, NULL);
    must(r == 0 || row->n > HRP_ROW_MAX_BYTES / 4, "a row that no builder takes");
    hrp_builder_free(b);
    hrp_buf_fini(&again);
}

static uint32_t walk(const struct hrp_batch *b, struct hrp_schema *s, int (*step)(struct hrp_cursor *c, struct hrp_buf *out), struct hrp_buf *ret)
{
    struct hrp_buf row = HRP_BUF_INIT;
    struct hrp_row_id id;
    struct hrp_cursor *c;
    uint32_t n = 0;

    must(hrp_cursor_new(b, &c) == 0, "no cursor");
    for (; hrp_cursor_id(c, &id) == 0; n++) {
        hrp_buf_clear(&row);
        must(id.row == n && id.n != 0, "a row's identity");
        must(step(c, &row) == 0, "a row that cannot be written");
        if (step == hrp_cursor_wire && n < 100)
            must_be_canonical(s, &row);
        if (ret != NULL)
            hrp_put_lenbytes(ret, row.p, row.n);
    }
    must(step(c, &row) == HR_ENOENT, "a row past the last");
    hrp_cursor_free(c);
    hrp_buf_fini(&row);
    return n;
}

static int skip(struct hrp_cursor *c, struct hrp_buf *out)
{
    (void)out;
    return hrp_cursor_skip(c);
}

int test_batch_walk(const uint8_t *p, size_t n, struct hrp_schema *s, const struct hrp_limits *lim, struct hrp_buf *ret_wire)
{
    struct hrp_batch *b;
    int r = hrp_batch_open(p, n, s, lim, &b, NULL);

    if (r != 0)
        return r;
    must(walk(b, s, skip, NULL) == b->head.n_rows, "rows skipped");
    if (s != NULL) {
        must(walk(b, s, hrp_cursor_wire, ret_wire) == b->head.n_rows, "rows as wire");
        must(walk(b, s, hrp_cursor_json, NULL) == b->head.n_rows, "rows as JSON");
    }
    hrp_batch_free(b);
    return 0;
}
