/* Prints what hrp_compat_diff finds between pairs of schemas, for the tests in Python.
 *
 *     compat_dump MESSAGE < list      lines "old.binpb new.binpb"; for each pair its changes as "what tightened code path", then "." */
#include "alloc.h"
#include "bytes.h"
#include "compat.h"
#include "io.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct hrp_schema *read_schema(const char *path, const char *name)
{
    struct hr_error err = {0, ""};
    struct hrp_schema *schema = NULL;
    FILE *f = fopen(path, "rb");
    uint8_t *p = malloc(4u << 20);
    size_t n = f != NULL && p != NULL ? fread(p, 1, 4u << 20, f) : 0;

    if (f != NULL)
        fclose(f);
    if (hrp_schema_open(p, n, name, &hrp_limits_default, &schema, &err) != 0) {
        printf("! %s: %s\n", path, err.text);
        schema = NULL;
    }
    free(p);
    return schema;
}

static void dump(const struct hrp_changes *changes)
{
    for (uint32_t i = 0; i < changes->n; i++) {
        const struct hrp_change *c = &changes->list[i];

        printf("%s%s%s%s %s %s %s\t%s\n", c->what & HRP_BREAKS_BACKWARD ? "B" : "", c->what & HRP_BREAKS_FORWARD ? "F" : "",
               c->what & HRP_SEMANTIC ? "S" : "", c->what == 0 ? "-" : "", c->tightened ? "tight" : "-", c->code, c->path, c->reason);
    }
}

int main(int argc, char **argv)
{
    char line[4096];

    while (argc == 2 && fgets(line, sizeof line, stdin) != NULL) {
        char *save = NULL, *old_path = strtok_r(line, " \n", &save), *new_path = strtok_r(NULL, " \n", &save);
        struct hrp_schema *old = old_path != NULL ? read_schema(old_path, argv[1]) : NULL;
        struct hrp_schema *now = new_path != NULL ? read_schema(new_path, argv[1]) : NULL;
        struct hrp_changes changes;
        struct hr_error err = {0, ""};

        if (old != NULL && now != NULL && hrp_compat_diff(old, now, &changes, &err) == 0) {
            dump(&changes);
            hrp_changes_fini(&changes);
        } else if (err.code != 0) {
            printf("! %s\n", err.text);
        }
        puts(".");
        hrp_schema_unref(old);
        hrp_schema_unref(now);
    }
    return argc == 2 ? 0 : 2;
}
