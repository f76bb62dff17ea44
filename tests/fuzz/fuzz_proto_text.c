/* .proto text from a registry's client: a set that opens, or a sentence; and what was parsed can be written. */
#include "proto_text.h"
#include "alloc.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

static void must(bool holds, const char *what)
{
    if (!holds) {
        fprintf(stderr, "not so: %s\n", what);
        abort();
    }
}

/* "a.proto", then, behind a byte 1, "b.proto". */
int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
    struct hrp_buf set = HRP_BUF_INIT, text = HRP_BUF_INIT;
    struct hr_error err = {0};
    char *a = hrp_malloc(n + 1), *b;
    struct hrd_proto_file files[2];
    int r;

    must(a != NULL, "memory");
    if (n != 0)
        memcpy(a, p, n);
    a[n] = '\0';
    b = strchr(a, 1);
    if (b != NULL)
        *b++ = '\0';
    files[0] = (struct hrd_proto_file){"a.proto", a};
    files[1] = (struct hrd_proto_file){"b.proto", b != NULL ? b : ""};
    r = hrd_proto_parse(files, 2, &set, &err);
    must(r == 0 || (err.text[0] != '\0' && err.code == r && set.n == 0), "an error has a sentence, and no bytes");
    if (r == 0) {
        r = hrd_proto_print(set.p, set.n, "a.proto", &text, &err);
        if (r != 0)
            fprintf(stderr, "%s\n", err.text);
        must(r == 0, "what was parsed can be written");
    }
    hrp_buf_fini(&set);
    hrp_buf_fini(&text);
    hrp_free(a);
    return 0;
}
