/* A schema with rules and its rows, both from outside: rules are taken or refused with a sentence, what they find is the same
 * before and after the batch is sealed, and what is stored of it can be read back.
 *
 * The input: the length of a file's descriptor (u16, little-endian), that, then rows, each with its length (u8). The files it may
 * import, validate.proto and the well-known types, stand before it, out of a mutation's reach. */
#include "alloc.h"
#include "re2.h"
#include "rules.h"
#include "rules_seed.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

enum { MOST_NAMES = 4, MOST_ROWS = 32, MOST_PER_ROW = 20 };

struct names {
    char name[MOST_NAMES][256];
    unsigned n;
};

static void take_name(void *arg, const char *full_name)
{
    struct names *names = arg;

    if (strncmp(full_name, "buf.", 4) == 0 || strncmp(full_name, "google.", 7) == 0)
        return;
    if (names->n < MOST_NAMES && strlen(full_name) < sizeof names->name[0])
        strcpy(names->name[names->n++], full_name);
}

static void must(bool holds, const char *what)
{
    if (!holds) {
        fprintf(stderr, "not so: %s\n", what);
        abort();
    }
}

static void count_stored(void *arg, const struct hrp_stored_violation *v)
{
    struct hrp_buf path = HRP_BUF_INIT;

    must(v->n_rule_id != 0, "a violation has a rule");
    must(v->field == NULL || hrp_path_text_put(&path, v->field, v->n_field, true) == 0, "a path of our own is readable");
    ++*(unsigned *)arg;
    hrp_buf_fini(&path);
}

/* Row by row as they are stored, and read back. */
static void store(const struct hrp_violations *found)
{
    for (uint32_t i = 0, k; i < found->n; i = k) {
        struct hrp_buf out = HRP_BUF_INIT;
        unsigned n = 0;

        for (k = i; k < found->n && found->v[k].row == found->v[i].row; k++)
            hrp_site_path_put(&out, found->v[k].site, found->v[k].subs);
        must(k - i <= MOST_PER_ROW, "no more of a row than asked for");
        out.n = 0;
        hrp_violations_put(&out, &found->v[i], k - i);
        must(out.err == 0 && hrp_violations_each(out.p, out.n, count_stored, &n) == 0 && n == k - i, "what is stored is read back");
        hrp_buf_fini(&out);
    }
}

/* By what is stored of them: behind an opaque leaf each list has sites of its own. */
static void same(const struct hrp_violations *a, const struct hrp_violations *b)
{
    struct hrp_buf x = HRP_BUF_INIT, y = HRP_BUF_INIT;

    must(a->n == b->n && a->left_out == b->left_out, "a view and an opened batch break as much");
    for (uint32_t i = 0; i < a->n; i++)
        must(a->v[i].row == b->v[i].row, "in the same rows");
    hrp_violations_put(&x, a->v, a->n);
    hrp_violations_put(&y, b->v, b->n);
    must(x.n == y.n && (x.n == 0 || memcmp(x.p, y.p, x.n) == 0), "the same rules at the same places");
    hrp_buf_fini(&x);
    hrp_buf_fini(&y);
}

static void add_rows(struct hrp_builder *b, const uint8_t *p, size_t n)
{
    struct hr_error err;

    for (unsigned i = 0; i < MOST_ROWS && n > 0; i++) {
        size_t row = p[0] < n ? p[0] : n - 1;

        hrp_builder_add(b, 0, i + 1, 0, 1, 0, p + 1, row, &err);
        p += 1 + row;
        n -= 1 + row;
    }
}

static void check_sealed(const struct hrp_rules *rules, struct hrp_schema *s, struct hrp_builder *b, const struct hrp_violations *seen)
{
    struct hrp_violations found = {0};
    struct hrp_buf sealed = HRP_BUF_INIT;
    struct hrp_batch *batch = NULL;
    struct hr_error err;
    struct hrp_id id = {{1}};

    if (hrp_builder_seal(b, &id, 1, 1, &sealed) == 0 && hrp_batch_open(sealed.p, sealed.n, s, &hrp_limits_default, &batch, &err) == 0 &&
        hrp_rules_check(rules, batch, MOST_PER_ROW, &found) == 0) {
        same(seen, &found);
        store(&found);
    }
    hrp_violations_fini(&found);
    hrp_batch_free(batch);
    hrp_buf_fini(&sealed);
}

static void check_rows(const struct hrp_rules *rules, struct hrp_schema *s, const uint8_t *p, size_t n)
{
    struct hrp_builder *b;
    const struct hrp_batch *view;
    struct hrp_violations seen = {0};

    if (hrp_builder_new(s, &b) != 0)
        return;
    add_rows(b, p, n);
    if (hrp_builder_view(b, &view) == 0 && hrp_rules_check(rules, view, MOST_PER_ROW, &seen) == 0)
        check_sealed(rules, s, b, &seen);
    hrp_violations_fini(&seen);
    hrp_builder_free(b);
}

static void check_type(const uint8_t *set, size_t n_set, const char *name, const uint8_t *rows, size_t n_rows)
{
    struct hrp_limits lim = hrp_limits_default;
    struct hrp_rules *rules = NULL;
    struct hrp_schema *s = NULL;
    struct hr_error err = {0}, why = {0};
    int r, vetted;

    lim.decoded_bytes = 8u << 20;
    if (hrp_schema_open(set, n_set, name, &lim, &s, &err) != 0)
        return;
    vetted = hrp_rules_vet(set, n_set, name, &lim, &hrd_re2, &why);
    r = rows != NULL && n_rows % 2 != 0 ? hrp_rules_open_door(s, &hrd_re2, &rules, &err) : hrp_rules_open(s, &hrd_re2, &rules, &err);
    must(r == 0 || err.text[0] != '\0', "a refusal has a sentence");
    must(vetted == 0 || why.text[0] != '\0', "so has one at registration");
    must(r != HR_ESCHEMA || vetted != 0, "what can't be checked is not registered");
    if (r == 0)
        check_rows(rules, s, rows, n_rows);
    hrp_rules_free(rules);
    hrp_schema_unref(s);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
    struct names names = {.n = 0};
    struct hrp_buf set = HRP_BUF_INIT;
    struct hr_error err;
    size_t n_file;

    if (n < 2)
        return 0;
    n_file = (size_t)p[0] | (size_t)p[1] << 8;
    p += 2;
    n -= 2;
    if (n_file > n)
        n_file = n;
    put_imports(&set);
    hrp_put_bytes(&set, p, n_file);
    must(set.err == 0, "there is memory");
    hrp_schema_list(set.p, set.n, take_name, &names, &err);
    for (unsigned i = 0; i < names.n; i++)
        check_type(set.p, set.n, names.name[i], p + n_file, n - n_file);
    hrp_buf_fini(&set);
    return 0;
}
