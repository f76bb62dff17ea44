/* The test vectors of PROTOCOL.md (folder tests/vectors), both ways: what is described gives the bytes, and the bytes read
 * back as what is described. One line, one word and its values; `end` closes a case. The words:
 *
 *   ints|doubles|floats|strings <values>      a column's values, ...
 *   frame <type> <payload>                    ... or a frame, ...
 *   schema <flight|everything|proto2|none>    ... or a batch: its rows are for this type
 *   batch <incarnation> <batch id> <type id>  left out: the bytes are only read (LZ4 is free to write others)
 *   row <lane> <n> <time> <weight> <flags> <wire>
 *   raw <lane> <n> <time> <bytes> <reason>
 *   drop <lane> <first n> <count> <reason>
 *   json <text>                               of each row, in order
 *   bytes <hex>                               as many lines as it takes
 *   fingerprint <schema> <hex>                a case of its own
 */
#include "unit.h"
#include "batch.h"
#include "column.h"
#include "json.h"
#include "schemas.h"
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MOST_VALUES 4096

struct vector { /* the case at hand */
    struct hrp_buf bytes, values, data, json;
    char kind[16];
    size_t n;
    uint8_t frame_type;
    struct hrp_schema *schema;
    struct hrp_builder *builder;
    struct hrp_id incarnation;
    uint64_t batch_id;
    uint32_t type_id;
};
static char place[512]; /* file and line, for what is wrong */
static unsigned n_cases;

static char *word(char **line)
{
    char *w = *line;

    while (*w == ' ')
        w++;
    *line = w + strcspn(w, " \n");
    if (**line != '\0')
        *(*line)++ = '\0';
    return w;
}

static char *rest(char *line)
{
    line += strspn(line, " ");
    line[strcspn(line, "\n")] = '\0';
    return line;
}

static void put_hex(struct hrp_buf *out, const char *hex)
{
    unsigned byte;

    for (; hex[0] != '\0' && sscanf(hex, "%2x", &byte) == 1; hex += 2)
        hrp_put_u8(out, (uint8_t)byte);
    if (hex[0] != '\0' && strcmp(hex, "-") != 0)
        fail_msg("%s: not hex: %s", place, hex);
}

static void assert_bytes(const struct hrp_buf *got, const struct hrp_buf *expected)
{
    char hex[8192] = "";

    if (got->n == expected->n && (got->n == 0 || memcmp(got->p, expected->p, got->n) == 0))
        return;
    for (size_t i = 0; i < got->n && 2 * i + 3 < sizeof hex; i++)
        snprintf(hex + 2 * i, 3, "%02x", got->p[i]);
    fail_msg("%s: got %zu bytes: %s", place, got->n, hex);
}

/* ---- columns ---- */

static void read_values(struct vector *v, char *line)
{
    for (char *w = word(&line); *w != '\0'; w = word(&line), v->n++) {
        uint32_t length = strcmp(w, "-") != 0 ? (uint32_t)strlen(w) : 0; /* a lone dash: an empty string */
        double d = strtod(w, NULL);
        float f = strtof(w, NULL);

        if (strcmp(v->kind, "ints") == 0)
            hrp_put_u64(&v->values, w[0] == '-' ? (uint64_t)strtoll(w, NULL, 10) : strtoull(w, NULL, 10));
        else if (strcmp(v->kind, "doubles") == 0)
            hrp_put_bytes(&v->values, &d, 8);
        else if (strcmp(v->kind, "floats") == 0)
            hrp_put_bytes(&v->values, &f, 4);
        else {
            hrp_put_u32(&v->values, length);
            hrp_put_bytes(&v->data, w, length);
        }
    }
}

static void write_column(struct vector *v, struct hrp_buf *out)
{
    struct hrp_scratch s = {0};
    const void *values = v->values.p;

    hrp_buf_reserve(&v->data, 8);
    if (strcmp(v->kind, "ints") == 0)
        hrp_ints_put(&s, out, values, v->n);
    else if (strcmp(v->kind, "doubles") == 0)
        hrp_doubles_put(&s, out, values, v->n);
    else if (strcmp(v->kind, "floats") == 0)
        hrp_floats_put(&s, out, values, v->n);
    else
        hrp_strings_put(&s, out, values, v->data.p, v->n);
    hrp_scratch_fini(&s);
}

static void assert_strings(const struct hrp_column *c, const struct vector *v)
{
    const uint8_t *at = v->data.p;

    for (uint32_t i = 0; i < v->n; i++) {
        uint32_t n, expected;
        const uint8_t *p = hrp_column_bytes(c, i, &n);

        memcpy(&expected, v->values.p + 4 * i, 4);
        assert_int_equal(n, expected);
        assert_memory_equal(p, at, n);
        at += n;
    }
}

static void read_column(struct vector *v)
{
    static const uint8_t pad[HRP_INTS_PAD];
    bool ints = strcmp(v->kind, "ints") == 0, floats = strcmp(v->kind, "floats") == 0, strings = strcmp(v->kind, "strings") == 0;
    const struct hrp_node node = {.kind = HRP_NODE_LEAF, .phys = ints ? HRP_PHYS_U64 : strings ? HRP_PHYS_BYTES : floats ? HRP_PHYS_F32 : HRP_PHYS_F64};
    struct hrp_column c = {.node = &node, .n_slots = (uint32_t)v->n, .n_values = (uint32_t)v->n};
    struct hrp_arena *a = hrp_arena_new(1u << 20);
    struct hrp_reader r = hrp_reader(v->bytes.p, v->bytes.n);
    size_t size = floats ? 4 : 8;
    uint64_t expanded;

    hrp_put_bytes(&v->bytes, pad, sizeof pad);
    r = hrp_reader(v->bytes.p, v->bytes.n - sizeof pad);
    assert_int_equal(hrp_column_values_get(&r, a, &c, &expanded), 0);
    assert_int_equal(hrp_reader_left(&r), 0);
    for (size_t i = 0; i < v->n && !strings; i++) {
        const uint8_t *got = ints ? (const void *)c.u64 : floats ? (const void *)c.f32 : (const void *)c.f64;

        assert_memory_equal(got + (c.constant ? 0 : i * size), v->values.p + i * size, size);
    }
    if (strings)
        assert_strings(&c, v);
    hrp_arena_free(a);
}

/* ---- frames ---- */

static void check_frame(struct vector *v)
{
    struct hrp_buf out = HRP_BUF_INIT;
    size_t used, need;
    struct hrp_frame f;

    hrp_frame_put(&out, v->frame_type, v->values.p, (uint32_t)v->values.n);
    assert_bytes(&out, &v->bytes);
    assert_int_equal(hrp_frame_next(v->bytes.p, v->bytes.n, &hrp_limits_default, &f, &used, &need), 1);
    assert_true(used == v->bytes.n && f.type == v->frame_type && f.n_bytes == v->values.n);
    if (f.n_bytes != 0)
        assert_memory_equal(f.payload, v->values.p, f.n_bytes);
    hrp_buf_fini(&out);
}

/* ---- batches ---- */

static struct hrp_schema *schema_of(const char *name)
{
    if (strcmp(name, "none") == 0)
        return NULL;
    if (strcmp(name, "flight") == 0)
        return test_schema("flight", "Flight");
    return strcmp(name, "proto2") == 0 ? test_schema("proto2", "old2.Item") : test_schema("everything", "every.Thing");
}

static void read_row(struct vector *v, const char *kind, char *line)
{
    uint32_t lane = (uint32_t)strtoul(word(&line), NULL, 10);
    uint64_t n = strtoull(word(&line), NULL, 10);
    int64_t time = strtoll(word(&line), NULL, 10); /* of a drop: its count */
    struct hrp_buf wire = HRP_BUF_INIT;
    struct hr_error err = {0};
    int r;

    if (strcmp(kind, "drop") == 0) {
        r = hrp_builder_add_drop(v->builder, lane, n, (uint64_t)time, (uint8_t)strtoul(word(&line), NULL, 10));
    } else if (strcmp(kind, "raw") == 0) {
        put_hex(&wire, word(&line));
        r = hrp_builder_add_raw(v->builder, lane, n, time, rest(line), wire.p, wire.n);
    } else {
        uint32_t weight = (uint32_t)strtoul(word(&line), NULL, 10), flags = (uint32_t)strtoul(word(&line), NULL, 10);

        put_hex(&wire, word(&line));
        r = hrp_builder_add(v->builder, lane, n, time, weight, flags, wire.p, wire.n, &err);
    }
    if (r != 0)
        fail_msg("%s: %s", place, err.text[0] != '\0' ? err.text : hr_strerror(r));
    hrp_buf_fini(&wire);
}

static void read_batch_line(struct vector *v, char *line)
{
    assert_int_equal(hrp_id_parse(word(&line), &v->incarnation), 0);
    v->batch_id = strtoull(word(&line), NULL, 10);
    v->type_id = (uint32_t)strtoul(word(&line), NULL, 10);
    assert_int_equal(hrp_builder_new(v->schema, &v->builder), 0);
}

static void check_batch(struct vector *v)
{
    struct hrp_buf out = HRP_BUF_INIT;
    struct hrp_batch *batch;
    struct hrp_cursor *c;
    struct hr_error err = {0};

    if (v->builder != NULL) {
        assert_int_equal(hrp_builder_seal(v->builder, &v->incarnation, v->batch_id, v->type_id, &out), 0);
        assert_bytes(&out, &v->bytes);
        hrp_buf_clear(&out);
    }
    if (hrp_batch_open(v->bytes.p, v->bytes.n, v->schema, &hrp_limits_default, &batch, &err) != 0)
        fail_msg("%s: %s", place, err.text);
    assert_int_equal(hrp_cursor_new(batch, &c), 0);
    for (uint32_t i = 0; i < batch->head.n_rows; i++) {
        assert_int_equal(hrp_cursor_json(c, &out), 0);
        hrp_put_u8(&out, '\n');
    }
    hrp_put_u8(&out, 0);
    hrp_put_u8(&v->json, 0);
    if (strcmp((const char *)out.p, (const char *)v->json.p) != 0)
        fail_msg("%s: rows read back as\n%s", place, (const char *)out.p);
    hrp_cursor_free(c);
    hrp_batch_free(batch);
    hrp_buf_fini(&out);
}

/* ---- files ---- */

static void check_case(struct vector *v)
{
    struct hrp_buf out = HRP_BUF_INIT;

    n_cases++;
    if (strcmp(v->kind, "batch") == 0) {
        check_batch(v);
    } else if (strcmp(v->kind, "frame") == 0) {
        check_frame(v);
    } else {
        write_column(v, &out);
        assert_bytes(&out, &v->bytes);
        read_column(v);
    }
    hrp_buf_fini(&out);
}

static void vector_fini(struct vector *v)
{
    hrp_buf_fini(&v->bytes);
    hrp_buf_fini(&v->values);
    hrp_buf_fini(&v->data);
    hrp_buf_fini(&v->json);
    hrp_builder_free(v->builder);
    hrp_schema_unref(v->schema);
    memset(v, 0, sizeof *v);
}

static void check_fingerprint(char *line)
{
    struct hrp_schema *s = schema_of(word(&line));
    struct hrp_buf expected = HRP_BUF_INIT, got = HRP_BUF_INIT;

    put_hex(&expected, word(&line));
    hrp_put_bytes(&got, hrp_schema_fingerprint(s), 16);
    assert_bytes(&got, &expected);
    hrp_buf_fini(&expected);
    hrp_buf_fini(&got);
    hrp_schema_unref(s);
    n_cases++;
}

static void read_line(struct vector *v, char *line)
{
    const char *w = word(&line);

    if (*w == '\0' || *w == '#')
        return;
    if (strcmp(w, "bytes") == 0) {
        put_hex(&v->bytes, word(&line));
    } else if (strcmp(w, "json") == 0) {
        hrp_put_fmt(&v->json, "%s\n", rest(line));
    } else if (strcmp(w, "schema") == 0) {
        snprintf(v->kind, sizeof v->kind, "batch");
        v->schema = schema_of(word(&line));
    } else if (strcmp(w, "batch") == 0) {
        read_batch_line(v, line);
    } else if (strcmp(w, "row") == 0 || strcmp(w, "raw") == 0 || strcmp(w, "drop") == 0) {
        read_row(v, w, line);
    } else if (strcmp(w, "fingerprint") == 0) {
        check_fingerprint(line);
    } else if (strcmp(w, "end") == 0) {
        check_case(v);
        vector_fini(v);
    } else if (strcmp(w, "frame") == 0) {
        snprintf(v->kind, sizeof v->kind, "frame");
        v->frame_type = (uint8_t)strtoul(word(&line), NULL, 10);
        put_hex(&v->values, word(&line));
    } else if (strcmp(w, "ints") == 0 || strcmp(w, "doubles") == 0 || strcmp(w, "floats") == 0 || strcmp(w, "strings") == 0) {
        snprintf(v->kind, sizeof v->kind, "%s", w);
        read_values(v, line);
    } else {
        fail_msg("%s: no such word: %s", place, w);
    }
}

static void check_file(const char *name, unsigned least)
{
    const char *source = getenv("HEADRACE_SOURCE");
    struct vector v = {.n = 0};
    char path[400], *line = NULL;
    size_t cap = 0;
    FILE *f;

    snprintf(path, sizeof path, "%s/tests/vectors/%s", source != NULL ? source : ".", name);
    f = fopen(path, "r");
    if (f == NULL)
        fail_msg("%s cannot be read", path);
    n_cases = 0;
    for (unsigned i = 1; getline(&line, &cap, f) > 0; i++) {
        snprintf(place, sizeof place, "%s:%u", path, i);
        read_line(&v, line);
    }
    assert_int_equal(v.n, 0); /* each case has its end */
    assert_true(n_cases >= least);
    free(line);
    fclose(f);
}

static void columns(void **state)
{
    (void)state;
    check_file("columns.txt", 15);
}
static void frames(void **state)
{
    (void)state;
    check_file("frames.txt", 5);
}
static void batches(void **state)
{
    (void)state;
    check_file("batches.txt", 6);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(columns), cmocka_unit_test(frames), cmocka_unit_test(batches)};

    return cmocka_run_group_tests_name("vectors", tests, NULL, NULL);
}
