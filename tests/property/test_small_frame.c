/* What a small frame can make the collector allocate: a batch of at most 1 KiB, made to unpack to as much as it can, then
 * changed at random with its checksums made right again, as somebody would who means harm. Every allocation of ours passes
 * through alloc.h, which is wrapped here (-Wl,--wrap), so that the most that was held at one time is known.
 *
 * Stated limits (frame.h): arrays made while reading a batch, decoded_bytes; its body after LZ4, raw_bytes. Next to them a
 * session has its buffers and the rows that are set aside, for which 1 MiB is left. */
#include "alloc.h"
#include "batches.h"
#include "ingest.h"
#include "schemas.h"
#include "unit.h"
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FRAME_BYTES 1024u
#define SLACK (1u << 20)
#define CHANGES 4000u

void *__real_hrp_malloc(size_t n);
void *__real_hrp_calloc(size_t n, size_t size);
void *__real_hrp_realloc(void *p, size_t n);
void *__real_hrp_memdup(const void *p, size_t n);
char *__real_hrp_strdup(const char *s);
void __real_hrp_free(void *p);
void *__wrap_hrp_malloc(size_t n);
void *__wrap_hrp_calloc(size_t n, size_t size);
void *__wrap_hrp_realloc(void *p, size_t n);
void *__wrap_hrp_memdup(const void *p, size_t n);
char *__wrap_hrp_strdup(const char *s);
void __wrap_hrp_free(void *p);

static size_t held, most;

static void *count(void *p)
{
    held += p != NULL ? malloc_usable_size(p) : 0;
    most = held > most ? held : most;
    return p;
}

void *__wrap_hrp_malloc(size_t n) { return count(__real_hrp_malloc(n)); }
void *__wrap_hrp_calloc(size_t n, size_t size) { return count(__real_hrp_calloc(n, size)); }
void *__wrap_hrp_memdup(const void *p, size_t n) { return count(__real_hrp_memdup(p, n)); }
char *__wrap_hrp_strdup(const char *s) { return count(__real_hrp_strdup(s)); }

void *__wrap_hrp_realloc(void *p, size_t n)
{
    size_t before = p != NULL ? malloc_usable_size(p) : 0;
    void *q = __real_hrp_realloc(p, n);

    if (q != NULL)
        held -= before;
    return q != NULL ? count(q) : NULL;
}

void __wrap_hrp_free(void *p)
{
    held -= p != NULL ? malloc_usable_size(p) : 0;
    __real_hrp_free(p);
}

/* As many equal rows of the schema as fit a batch of FRAME_BYTES: 65,536, the most that any reader takes. */
static struct hrp_buf dense(struct hrp_schema *s, uint32_t n_rows, const uint8_t *row, size_t n_row)
{
    struct hrp_builder *b = test_builder(s);
    struct hrp_buf out;

    for (uint64_t n = 1; n <= n_rows; n++)
        if (hrp_builder_add(b, 0, n, 1000, 1, 0, row, n_row, NULL) != 0)
            break;
    out = test_sealed(b);
    hrp_builder_free(b);
    return out;
}

/* The most that is held while the batch is read as a session reads it, beyond what was held before. */
static size_t read_it(const uint8_t *p, size_t n, struct hrp_schema *s)
{
    size_t before = most = held;
    struct hrd_batch_msg *bat = hrd_batch_msg_new();

    assert_non_null(bat);
    bat->bytes = hrp_memdup(p, n);
    bat->n_bytes = n;
    if (hrd_ingest_head(bat, &hrp_limits_default) == 0)
        hrd_ingest_body(bat, &(struct hrd_ingest_type){.schema = s, .policy = &hrd_policy_default}, &hrp_limits_default);
    hrd_msg_free(&bat->msg);
    assert_int_equal(held, before);
    return most - before;
}

static uint64_t next_random(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

static size_t change_and_read(const struct hrp_buf *seed, struct hrp_schema *s, uint64_t *random)
{
    uint8_t p[FRAME_BYTES];
    size_t n = seed->n;

    memcpy(p, seed->p, n);
    for (unsigned i = 0, k = 1 + (unsigned)(next_random(random) % 4); i < k; i++)
        p[next_random(random) % n] = (uint8_t)next_random(random);
    test_batch_fix_checks(p, n);
    return read_it(p, n, s);
}

static void holds(const char *set, const char *name, const uint8_t *row, size_t n_row)
{
    const size_t limit = (size_t)hrp_limits_default.decoded_bytes + hrp_limits_default.raw_bytes + SLACK;
    struct hrp_schema *s = test_schema(set, name);
    uint64_t random = 0x9e3779b97f4a7c15u;
    size_t worst = 0;

    for (uint32_t n_rows = 65536; n_rows != 0; n_rows /= 16) {
        struct hrp_buf seed = dense(s, n_rows, row, n_row);

        if (seed.n <= FRAME_BYTES) {
            for (unsigned i = 0; i < CHANGES; i++) {
                size_t m = i == 0 ? read_it(seed.p, seed.n, s) : change_and_read(&seed, s, &random);

                worst = m > worst ? m : worst;
                assert_true(m <= limit);
            }
        }
        hrp_buf_fini(&seed);
    }
    assert_true(worst > FRAME_BYTES); /* something was read at all */
    print_message("%s: at most %zu bytes at a time, of %zu allowed\n", name, worst, limit);
    hrp_schema_unref(s);
}

static void rows_of_numbers_and_strings(void **state)
{
    static const uint8_t row[] = {1 << 3, 7, 2 << 3, 9};

    holds("flight", "Flight", row, sizeof row);
}

/* Empty rows of a schema with every kind of field, so that each column is the reader's to fill. */
static void rows_of_every_kind(void **state)
{
    holds("everything", "every.Thing", (const uint8_t *)"", 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_of_numbers_and_strings),
        cmocka_unit_test(rows_of_every_kind),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
