/* Answers protovalidate's conformance harness: one TestConformanceRequest on stdin, one TestConformanceResponse on stdout.
 *
 * Each case goes the way of an event: its type's schema from the descriptor set, its bytes through a builder into a batch, the
 * batch opened, its columns checked. So it proves the reader of arbitrary messages, too. Every case gets an answer; what the
 * request can't be read beyond is told on stderr, with exit status 1, after all answers there are.
 * Numbers of fields: buf/validate/conformance/harness/harness.proto. */
#include "alloc.h"
#include "re2.h"
#include "rules.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SUCCESS = 1, VIOLATIONS = 2, COMPILATION = 3, RUNTIME = 4, UNEXPECTED = 5 };

struct type { /* one that a case was of */
    char *name;
    struct hrp_schema *schema;
    struct hrp_rules *rules;
    struct hrp_builder *builder;
    struct hr_error err; /* why there are no rules */
};
struct executor {
    const uint8_t *set;
    size_t n_set;
    struct type *types;
    uint32_t n_types, cap_types;
    struct hrp_buf out;
};

/* ---- wire ---- */

static void put_field(struct hrp_buf *out, uint32_t number, const void *p, size_t n)
{
    hrp_put_varint(out, number << 3 | 2);
    hrp_put_lenbytes(out, p, n);
}

/* The next field that is length-delimited; others are passed over. 1, 0 at the end, -1: unreadable. */
static int next_field(struct hrp_reader *r, uint32_t *ret_number, const uint8_t **ret, size_t *ret_n)
{
    while (hrp_reader_left(r) != 0) {
        uint64_t tag = hrp_read_varint(r);

        switch (tag & 7) {
        case 0:
            hrp_read_varint(r);
            break;
        case 1:
            hrp_read_u64(r);
            break;
        case 2:
            *ret = hrp_read_lenbytes(r, ret_n);
            *ret_number = (uint32_t)(tag >> 3);
            return r->bad ? -1 : 1;
        case 5:
            hrp_read_u32(r);
            break;
        default:
            return -1;
        }
    }
    return r->bad ? -1 : 0;
}

/* ---- types ---- */

static struct type *add_type(struct executor *x, const char *name)
{
    uint32_t cap = x->cap_types != 0 ? 2 * x->cap_types : 64;

    if (x->n_types == x->cap_types) {
        struct type *types = realloc(x->types, cap * sizeof *types);

        if (types == NULL)
            abort();
        x->types = types;
        x->cap_types = cap;
    }
    memset(&x->types[x->n_types], 0, sizeof *x->types);
    x->types[x->n_types].name = strdup(name);
    return &x->types[x->n_types++];
}

static struct type *type_of(struct executor *x, const char *name)
{
    struct type *t;
    int r;

    for (uint32_t i = 0; i < x->n_types; i++)
        if (strcmp(x->types[i].name, name) == 0)
            return &x->types[i];
    t = add_type(x, name);
    r = hrp_schema_open(x->set, x->n_set, name, &hrp_limits_default, &t->schema, &t->err);
    if (r == 0)
        r = hrp_rules_open(t->schema, &hrd_re2, &t->rules, &t->err);
    if (r == 0)
        r = hrp_builder_new(t->schema, &t->builder);
    if (r != 0 && t->err.text[0] == '\0')
        hr_error_set(&t->err, r, "%s", hr_strerror(r));
    return t;
}

static void fini(struct executor *x)
{
    for (uint32_t i = 0; i < x->n_types; i++) {
        hrp_builder_free(x->types[i].builder);
        hrp_rules_free(x->types[i].rules);
        hrp_schema_unref(x->types[i].schema);
        free(x->types[i].name);
    }
    free(x->types);
    hrp_buf_fini(&x->out);
}

/* ---- one case ---- */

static int check(struct type *t, const uint8_t *row, size_t n, struct hrp_violations *ret, struct hr_error *err)
{
    struct hrp_buf bytes = HRP_BUF_INIT;
    struct hrp_batch *batch = NULL;
    struct hrp_id id = {{1}};
    int r = hrp_builder_add(t->builder, 0, 1, 0, 1, 0, row, n, err);

    if (r == 0)
        r = hrp_builder_seal(t->builder, &id, 1, 1, &bytes);
    if (r == 0)
        r = hrp_batch_open(bytes.p, bytes.n, t->schema, &hrp_limits_default, &batch, err);
    if (r == 0)
        r = hrp_rules_check(t->rules, batch, UINT16_MAX, ret);
    hrp_batch_free(batch);
    hrp_buf_fini(&bytes);
    return r;
}

static void put_text(struct hrp_buf *out, uint32_t number, const char *text) { put_field(out, number, text, strlen(text)); }

static void answer_row(struct type *t, const uint8_t *row, size_t n, struct hrp_buf *out)
{
    struct hrp_violations found = {0};
    struct hrp_buf list = HRP_BUF_INIT;
    struct hr_error err = {0, ""};
    int r = check(t, row, n, &found, &err);

    if (r != 0) {
        put_text(out, UNEXPECTED, err.text[0] != '\0' ? err.text : hr_strerror(r));
    } else if (found.runtime[0] != '\0') {
        put_text(out, RUNTIME, found.runtime);
    } else if (found.n != 0) {
        hrp_violations_put(&list, found.v, found.n);
        put_field(out, VIOLATIONS, list.p, list.n);
    } else {
        hrp_put_varint(out, SUCCESS << 3);
        hrp_put_varint(out, 1);
    }
    hrp_buf_fini(&list);
    hrp_violations_fini(&found);
}

static void answer_any(struct executor *x, const uint8_t *p, size_t n, struct hrp_buf *out)
{
    struct hrp_reader r = hrp_reader(p, n);
    const uint8_t *field, *row = (const uint8_t *)"";
    size_t n_field, n_row = 0;
    char url[1200] = "", *name;
    uint32_t number;
    struct type *t;
    int res;

    while ((res = next_field(&r, &number, &field, &n_field)) == 1) {
        if (number == 1)
            snprintf(url, sizeof url, "%.*s", (int)(n_field < sizeof url ? n_field : sizeof url - 1), (const char *)field);
        if (number == 2) {
            row = field;
            n_row = n_field;
        }
    }
    name = strrchr(url, '/');
    name = name != NULL ? name + 1 : url;
    if (res < 0 || *name == '\0') {
        put_text(out, UNEXPECTED, "the case is not an Any with a type");
        return;
    }
    t = type_of(x, name);
    if (t->builder != NULL)
        answer_row(t, row, n_row, out);
    else
        put_text(out, t->err.code == HR_ESCHEMA ? COMPILATION : UNEXPECTED, t->err.text);
}

/* An entry of the map: name = 1, Any = 2. */
static void answer_case(struct executor *x, const uint8_t *p, size_t n)
{
    struct hrp_reader r = hrp_reader(p, n);
    struct hrp_buf entry = HRP_BUF_INIT, result = HRP_BUF_INIT;
    const uint8_t *field, *name = (const uint8_t *)"", *any = (const uint8_t *)"";
    size_t n_field, n_name = 0, n_any = 0;
    uint32_t number;

    while (next_field(&r, &number, &field, &n_field) == 1) {
        if (number == 1) {
            name = field;
            n_name = n_field;
        }
        if (number == 2) {
            any = field;
            n_any = n_field;
        }
    }
    answer_any(x, any, n_any, &result);
    put_field(&entry, 1, name, n_name);
    put_field(&entry, 2, result.p, result.n);
    put_field(&x->out, 1, entry.p, entry.n);
    hrp_buf_fini(&entry);
    hrp_buf_fini(&result);
}

/* False: the request is cut off or no request; what could be read of it is answered. */
static bool answer_all(struct executor *x, const uint8_t *p, size_t n)
{
    struct hrp_reader r = hrp_reader(p, n);
    const uint8_t *field;
    size_t n_field;
    uint32_t number;
    int res;

    while ((res = next_field(&r, &number, &field, &n_field)) == 1)
        if (number == 2) { /* before the cases or after them */
            x->set = field;
            x->n_set = n_field;
        }
    r = hrp_reader(p, n);
    while (next_field(&r, &number, &field, &n_field) == 1)
        if (number == 3)
            answer_case(x, field, n_field);
    return res == 0;
}

static bool read_all(FILE *in, struct hrp_buf *ret)
{
    size_t n;

    do {
        uint8_t *to = hrp_buf_reserve(ret, 1 << 20);

        if (to == NULL)
            return false;
        n = fread(to, 1, 1 << 20, in);
        ret->n += n;
    } while (n != 0);
    return ferror(in) == 0;
}

int main(void)
{
    struct executor x = {.out = HRP_BUF_INIT};
    struct hrp_buf in = HRP_BUF_INIT;
    bool good = read_all(stdin, &in) && answer_all(&x, in.p, in.n);

    if (x.out.err != 0 || (x.out.n != 0 && fwrite(x.out.p, 1, x.out.n, stdout) != x.out.n) || fflush(stdout) != 0)
        good = false;
    if (!good)
        fprintf(stderr, "executor: the request can't be read to its end\n");
    fini(&x);
    hrp_buf_fini(&in);
    return good ? 0 : 1;
}
