#include "schemas.h"
#include "fdset.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

uint8_t *test_flight_set(size_t *ret_n)
{
    struct fd_set *set = fd_set_new();
    fd_message *m = fd_message_add(set, fd_file_add(set, "flight.proto", NULL, "proto3"), "Flight");
    uint8_t *p;

    fd_field_add(set, m, "time_us", 1, FD_INT64);
    fd_field_add(set, m, "delay", 2, FD_INT32);
    fd_field_add(set, m, "distance", 3, FD_INT32);
    fd_field_add(set, m, "origin", 4, FD_STRING);
    fd_field_add(set, m, "destination", 5, FD_STRING);
    p = fd_set_pack(set, ret_n);
    fd_set_free(set);
    return p;
}

static struct hrp_schema *open_or_abort(uint8_t *set, size_t n, const char *message)
{
    struct hr_error err = {0};
    struct hrp_schema *s;

    if (hrp_schema_open(set, n, message, &hrp_limits_default, &s, &err) != 0) {
        fprintf(stderr, "%s\n", err.text);
        abort();
    }
    free(set);
    return s;
}

struct hrp_schema *test_flight_schema(void)
{
    size_t n;
    uint8_t *set = test_flight_set(&n);

    return open_or_abort(set, n, "Flight");
}

static void put_int(struct hrp_buf *out, uint32_t number, int64_t v)
{
    if (v == 0)
        return;
    hrp_put_varint(out, number << 3);
    hrp_put_varint(out, (uint64_t)v);
}

static void put_text(struct hrp_buf *out, uint32_t number, const char *s)
{
    if (*s == '\0')
        return;
    hrp_put_varint(out, number << 3 | 2);
    hrp_put_str(out, s);
}

void test_flight_row(struct hrp_buf *out, int64_t time_us, int32_t delay, int32_t distance, const char *origin, const char *destination)
{
    put_int(out, 1, time_us);
    put_int(out, 2, delay);
    put_int(out, 3, distance);
    put_text(out, 4, origin);
    put_text(out, 5, destination);
}

uint8_t *test_set_read(const char *name, size_t *ret_n)
{
    const char *build = getenv("HEADRACE_BUILD");
    char path[1024];
    size_t cap = 4u << 20;
    uint8_t *p = malloc(cap);
    FILE *f;

    snprintf(path, sizeof path, "%s/tests/protos/%s.binpb", build != NULL ? build : ".", name);
    f = fopen(path, "rb");
    if (f == NULL || p == NULL) {
        perror(path);
        abort();
    }
    *ret_n = fread(p, 1, cap, f);
    fclose(f);
    return p;
}

struct hrp_schema *test_schema(const char *name, const char *message)
{
    size_t n;
    uint8_t *set = test_set_read(name, &n);

    return open_or_abort(set, n, message);
}
