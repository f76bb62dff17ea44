/* A FileDescriptorSet from outside: whatever it says, a schema comes out that keeps its promises, or an error does. */
#include "alloc.h"
#include "schema.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

enum { MOST_NAMES = 4, MOST_OPAQUE = 6 };

struct names {
    char name[MOST_NAMES][256];
    unsigned n;
};

static void take_name(void *arg, const char *full_name)
{
    struct names *names = arg;

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

static void check_node(struct hrp_schema *s, const struct hrp_node *n, const struct hrp_node *all, uint32_t n_all)
{
    must(n == &all[n->id] && n->end > n->id && n->end <= n_all, "a subtree lies in the tree");
    must(n->id == 0 || (n->parent < n->id && n->end <= all[n->parent].end), "a node lies in its parent");
    must(n->name != NULL && n->path != NULL && n->json_name != NULL, "names");
    must(n->pb_type != 14 || (n->enm != NULL && n->enm->n_values != 0), "an enum has values");
    must(n->kind != HRP_NODE_MESSAGE || n->msg_name != NULL, "a message has a name");
    must(!n->is_map || (n->end - n->id >= 4 && hrp_schema_field(s, n, 1) != NULL && hrp_schema_field(s, n, 2) != NULL),
         "a map has key and value");
}

static void check_fields(struct hrp_schema *s, const struct hrp_node *msg, const struct hrp_node *all)
{
    uint32_t n;
    const struct hrp_field *f = hrp_schema_fields(s, msg, &n);

    for (uint32_t i = 0; i < n; i++) {
        const struct hrp_node *node = &all[f[i].id];

        must(i == 0 || f[i - 1].number < f[i].number, "fields are sorted by number");
        must(hrp_schema_field(s, msg, f[i].number) == node, "a field is found by number");
        must(hrp_schema_field_by_name(s, msg, node->name, strlen(node->name)) == node, "a field is found by name");
    }
}

static void check_schema(struct hrp_schema *s, unsigned depth)
{
    const struct hrp_node *all = hrp_schema_nodes(s);
    uint32_t n = hrp_schema_n_nodes(s);
    unsigned n_opaque = 0;

    must(n <= hrp_limits_default.columns, "no more columns than allowed");
    for (uint32_t i = 0; i < n; i++) {
        check_node(s, &all[i], all, n);
        if (all[i].kind == HRP_NODE_MESSAGE)
            check_fields(s, &all[i], all);
        if (all[i].opaque && depth > 0 && n_opaque++ < MOST_OPAQUE) {
            struct hrp_schema *sub = hrp_schema_of_msg(s, &all[i]);

            must(sub != NULL, "what is behind an opaque leaf was checked with the rest");
            must(strcmp(hrp_schema_name(sub), all[i].msg_name) == 0, "and is what it says");
            check_schema(sub, depth - 1);
        }
    }
}

static void check_again(struct hrp_schema *s, const struct hrp_limits *lim)
{
    size_t n;
    const uint8_t *set = hrp_schema_bytes(s, &n);
    struct hrp_schema *again = NULL;
    struct hr_error err = {0};
    int r = hrp_schema_open(set, n, hrp_schema_name(s), lim, &again, &err);

    if (r != 0)
        fprintf(stderr, "%s\n", err.text);
    must(r == 0, "a canonical set is a good set");
    must(memcmp(hrp_schema_fingerprint(s), hrp_schema_fingerprint(again), 16) == 0, "and has the same fingerprint");
    hrp_schema_unref(again);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
    struct hrp_limits lim = hrp_limits_default;
    struct names names = {.n = 0};
    struct hr_error err = {0};

    lim.decoded_bytes = 8u << 20;
    if (hrp_schema_list(p, n, take_name, &names, &err) != 0)
        must(err.text[0] != '\0', "an error has a sentence");
    for (unsigned i = 0; i < names.n; i++) {
        struct hrp_schema *s;
        int r = hrp_schema_open(p, n, names.name[i], &lim, &s, &err);

        if (r != 0) {
            must(err.text[0] != '\0' && err.code == r, "an error has a sentence");
            continue;
        }
        check_schema(s, 2);
        check_again(s, &lim);
        hrp_schema_unref(s);
    }
    return 0;
}
