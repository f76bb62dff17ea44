/* JSON from a person, and rows that become JSON: what is accepted is well-formed, and going round once more changes nothing.
 * The first byte says which schema, and which of the two comes. */
#include "json.h"
#include "schemas.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

static struct hrp_schema *schema(unsigned which)
{
    static struct hrp_schema *all[2];

    if (all[0] == NULL) {
        all[0] = test_schema("everything", "every.Thing");
        all[1] = test_schema("proto2", "old2.Item");
    }
    return all[which % 2];
}

static void must(int r, const struct hr_error *err, const char *what)
{
    if (r != 0) {
        fprintf(stderr, "%s: %s\n", what, err->text);
        abort();
    }
}

static void same(const struct hrp_buf *a, const struct hrp_buf *b)
{
    if (a->n != b->n || memcmp(a->p, b->p, a->n) != 0) {
        fprintf(stderr, "%.*s\n%.*s\n", (int)a->n, (const char *)a->p, (int)b->n, (const char *)b->p);
        abort();
    }
}

static void go_round(struct hrp_schema *s, const struct hrp_buf *json)
{
    struct hrp_buf wire = HRP_BUF_INIT, again = HRP_BUF_INIT;
    struct hr_error err;
    int r = hrp_json_to_wire(s, (const char *)json->p, json->n, &wire, &err);

    if (r == HR_EROW && strstr(err.text, "is required and not there") != NULL) { /* rows are taken without it, texts are not */
        hrp_buf_fini(&wire);
        return;
    }
    must(r, &err, "our own JSON");
    must(hrp_json_from_wire(s, wire.p, wire.n, &again, &err), &err, "a row of our own");
    same(json, &again);
    hrp_buf_fini(&wire);
    hrp_buf_fini(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
    struct hrp_schema *s = schema(n > 0 ? p[0] : 0);
    struct hrp_buf wire = HRP_BUF_INIT, json = HRP_BUF_INIT;
    struct hr_error err = {0};
    bool text = n > 0 && (p[0] & 2) == 0;

    if (n == 0)
        return 0;
    if (text && hrp_json_to_wire(s, (const char *)p + 1, n - 1, &wire, &err) == 0) {
        must(hrp_json_from_wire(s, wire.p, wire.n, &json, &err), &err, "a row that was read");
        go_round(s, &json);
    } else if (!text && hrp_json_from_wire(s, p + 1, n - 1, &json, &err) == 0 && memmem(json.p, json.n, "_unknown", 8) == NULL) {
        go_round(s, &json);
    }
    hrp_buf_fini(&wire);
    hrp_buf_fini(&json);
    return 0;
}
