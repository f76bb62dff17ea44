/* The schema model: what nodes a message becomes, how fields are found, what is refused and how it is said. */
#include "unit.h"
#include "alloc.h"
#include "fdset.h"
#include "schemas.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct hrp_node *at(struct hrp_schema *s, const char *path)
{
    const struct hrp_node *n = hrp_schema_by_path(s, path);

    if (n == NULL)
        fail_msg("no node %s", path);
    return n;
}

static void preorder(void **state)
{
    struct hrp_schema *s = test_schema("everything", "every.Thing");
    const struct hrp_node *n = hrp_schema_nodes(s);

    assert_string_equal(hrp_schema_name(s), "every.Thing");
    assert_int_equal(n[0].end, hrp_schema_n_nodes(s));
    assert_string_equal(n[0].path, "");
    assert_string_equal(n[0].msg_name, "every.Thing");
    for (uint32_t i = 1; i < hrp_schema_n_nodes(s); i++) {
        assert_int_equal(n[i].id, i);
        assert_true(n[i].parent < i && n[i].end > i && n[i].end <= n[n[i].parent].end);
    }
    assert_true(n[n[0].end - 1].unknown); /* a message's last child, here the root's */
    hrp_schema_unref(s);
}

static void kinds(void **state)
{
    struct hrp_schema *s = test_schema("everything", "every.Thing");

    assert_int_equal(at(s, "a_double")->phys, HRP_PHYS_F64);
    assert_int_equal(at(s, "a_float")->phys, HRP_PHYS_F32);
    assert_int_equal(at(s, "a_bool")->phys, HRP_PHYS_I64);
    assert_int_equal(at(s, "a_fixed32")->phys, HRP_PHYS_U64);
    assert_int_equal(at(s, "some_bytes")->phys, HRP_PHYS_BYTES);
    assert_string_equal(at(s, "color")->enm->full_name, "every.Color");
    assert_int_equal(at(s, "color")->enm->n_values, 3);
    assert_int_equal(at(s, "point")->kind, HRP_NODE_MESSAGE);
    assert_string_equal(at(s, "point.x")->json_name, "x");
    assert_string_equal(at(s, "an_int32")->json_name, "anInt32");
    assert_true(at(s, "tree")->opaque); /* it contains itself */
    assert_string_equal(at(s, "tree")->msg_name, "every.Tree");
    assert_true(at(s, "places")->is_map && at(s, "places")->repeated);
    assert_true(at(s, "places.value.x")->phys == HRP_PHYS_F64);
    assert_true(at(s, "outer.inner.tags")->repeated);
    assert_true(at(s, "point._unknown")->unknown);
    hrp_schema_unref(s);
}

static void presence(void **state)
{
    struct hrp_schema *s = test_schema("everything", "every.Thing"), *old = test_schema("proto2", "old2.Item");

    assert_false(at(s, "an_int32")->explicit_presence);
    assert_true(at(s, "opt_int32")->explicit_presence);
    assert_true(at(s, "point")->explicit_presence);
    assert_false(at(s, "points")->explicit_presence);
    assert_true(at(s, "ints")->packed);
    assert_false(at(s, "loose_ints")->packed);
    assert_int_equal(at(s, "payment")->kind, HRP_NODE_ONEOF);
    assert_true(at(s, "cash")->oneof_member);
    assert_int_equal(at(s, "cash")->parent, at(s, "payment")->id);
    assert_false(at(s, "cash")->explicit_presence); /* the case says it */
    assert_true(at(old, "id")->required && at(old, "id")->explicit_presence);
    assert_true(at(old, "name")->explicit_presence);
    assert_false(at(old, "loose")->packed);
    assert_true(at(old, "tight")->packed);
    hrp_schema_unref(s);
    hrp_schema_unref(old);
}

static void fields_are_found(void **state)
{
    struct hrp_schema *s = test_schema("everything", "every.Thing");
    const struct hrp_node *root = hrp_schema_nodes(s);

    assert_ptr_equal(hrp_schema_field(s, root, 16), at(s, "color"));
    assert_ptr_equal(hrp_schema_field(s, root, 63), at(s, "cash")); /* a oneof's member is a field of its message */
    assert_ptr_equal(hrp_schema_field(s, root, 536870911), at(s, "big_number"));
    assert_null(hrp_schema_field(s, root, 0));
    assert_null(hrp_schema_field(s, root, 22));
    assert_null(hrp_schema_field(s, root, UINT32_MAX));
    assert_ptr_equal(hrp_schema_field_by_name(s, root, "an_int32", 8), at(s, "an_int32"));
    assert_ptr_equal(hrp_schema_field_by_name(s, root, "anInt32", 7), at(s, "an_int32"));
    assert_null(hrp_schema_field_by_name(s, root, "anInt3", 6));
    assert_null(hrp_schema_field_by_name(s, root, "payment", 7));
    assert_null(hrp_schema_field_by_name(s, root, "", 0));
    assert_null(hrp_schema_by_path(s, "point.z"));
    hrp_schema_unref(s);
}

static void behind_opaque_leaves(void **state)
{
    struct hrp_schema *s = test_schema("everything", "every.Thing"), *tree = hrp_schema_of_msg(s, at(s, "tree")), *child;

    assert_string_equal(hrp_schema_name(tree), "every.Tree");
    child = hrp_schema_of_msg(tree, at(tree, "children"));
    assert_ptr_equal(child, tree); /* one schema, however deep */
    assert_ptr_equal(hrp_schema_of_msg(tree, at(tree, "named.value")), tree);
    hrp_schema_ref(tree);
    hrp_schema_unref(s);
    assert_string_equal(at(tree, "name")->name, "name"); /* the family lives on */
    hrp_schema_unref(tree);
}

/* What it is depends on the type and the files it needs, not on what else was in the set. */
static void fingerprints(void **state)
{
    struct hrp_schema *a = test_schema("everything", "every.Thing"), *b;
    size_t n;
    const uint8_t *set = hrp_schema_bytes(a, &n);
    struct hr_error err;

    assert_int_equal(hrp_schema_open(set, n, "every.Thing", &hrp_limits_default, &b, &err), 0);
    assert_memory_equal(hrp_schema_fingerprint(a), hrp_schema_fingerprint(b), 16);
    hrp_schema_unref(b);
    assert_int_equal(hrp_schema_open(set, n, "google.protobuf.Timestamp", &hrp_limits_default, &b, &err), 0);
    assert_memory_not_equal(hrp_schema_fingerprint(a), hrp_schema_fingerprint(b), 16);
    set = hrp_schema_bytes(b, &n);
    assert_null(memmem(set, n, "every", 5)); /* the smaller type needs one file of the set */
    hrp_schema_unref(a);
    hrp_schema_unref(b);
}

static void count_names(void *arg, const char *full_name)
{
    unsigned *n = arg;

    *n += strncmp(full_name, "every.", 6) == 0;
    assert_null(strstr(full_name, "Card")); /* top-level ones only */
}

static void listing(void **state)
{
    unsigned n_names = 0;
    size_t n;
    uint8_t *set = test_set_read("everything", &n);

    assert_int_equal(hrp_schema_list(set, n, count_names, &n_names, NULL), 0);
    assert_int_equal(n_names, 3); /* Point, Tree, Thing */
    assert_int_equal(hrp_schema_list(set, n - 1, count_names, &n_names, NULL), HR_ECORRUPT);
    free(set);
}

static void refused(const uint8_t *set, size_t n, const char *name, const struct hrp_limits *lim, int code, const char *sentence)
{
    struct hrp_schema *s;
    struct hr_error err = {0};

    assert_int_equal(hrp_schema_open(set, n, name, lim, &s, &err), code);
    if (strcmp(err.text, sentence) != 0)
        fail_msg("says \"%s\"\nnot  \"%s\"", err.text, sentence);
}

static void refusals(void **state)
{
    struct hrp_limits few = hrp_limits_default;
    size_t n;
    uint8_t *set = test_set_read("everything", &n);

    refused(set, n, "every.thing", &hrp_limits_default, HR_ENOENT, "the set has no message every.thing; did you mean every.Thing?");
    refused(set, n, "Thing", &hrp_limits_default, HR_ENOENT, "the set has no message Thing; did you mean every.Thing?");
    refused(set, n, "every.Color", &hrp_limits_default, HR_ENOENT, "the set has no message every.Color");
    refused(set, n, "every.Thing.CountsEntry", &hrp_limits_default, HR_ESCHEMA,
            "everything.proto: every.Thing.CountsEntry is the entry of a map, not a message of its own");
    refused(set, n - 3, "every.Thing", &hrp_limits_default, HR_ECORRUPT, "not a FileDescriptorSet: the bytes do not parse");
    few.columns = 20;
    refused(set, n, "every.Thing", &few, HR_ELIMIT, "everything.proto: every.Thing: more than 20 fields");
    few.schema_bytes = 100;
    refused(set, n, "every.Thing", &few, HR_ELIMIT, "the descriptor set has 3582 bytes; at most 100 are read");
    free(set);
}

/* ---- sets that protoc does not make ---- */

struct made { /* a set with one file and one message, to be bent */
    struct fd_set *set;
    fd_file *file;
    fd_message *msg;
};

static struct made make(void)
{
    struct made m = {.set = fd_set_new()};

    m.file = fd_file_add(m.set, "a.proto", "p", "proto3");
    m.msg = fd_message_add(m.set, m.file, "M");
    fd_field_add(m.set, m.msg, "x", 1, FD_INT32);
    return m;
}

static void says(struct made m, int code, const char *sentence)
{
    size_t n;
    uint8_t *bytes = fd_set_pack(m.set, &n);

    refused(bytes, n, "p.M", &hrp_limits_default, code, sentence);
    free(bytes);
    fd_set_free(m.set);
}

static void bad_fields(void **state)
{
    struct made m = make();

    fd_field_add(m.set, m.msg, "y", 1, FD_INT32);
    says(m, HR_ESCHEMA, "a.proto: p.M.y: field number 1 is also that of x");
    m = make();
    fd_field_add(m.set, m.msg, "x", 2, FD_INT32);
    says(m, HR_ESCHEMA, "a.proto: p.M.x: the name is there twice");
    m = make();
    fd_field_add(m.set, m.msg, "y", 536870912, FD_INT32);
    says(m, HR_ESCHEMA, "a.proto: p.M.y: field number 536870912 is not within 1 and 536870911");
    m = make();
    fd_typed_add(m.set, m.msg, "y", 2, FD_MESSAGE, ".p.N");
    says(m, HR_ESCHEMA, "a.proto: p.M.y: its type p.N is not in the set");
    m = make();
    fd_typed_add(m.set, m.msg, "y", 2, FD_ENUM, ".p.M");
    says(m, HR_ESCHEMA, "a.proto: p.M.y: p.M is a message, not an enum");
    m = make();
    fd_field_add(m.set, m.msg, "1y", 2, FD_INT32);
    says(m, HR_ESCHEMA, "a.proto: p.M.1y: not a field name of at most 255 bytes");
}

static void bad_files(void **state)
{
    struct made m = make();
    fd_file *b;

    fd_import(m.set, m.file, "b.proto");
    says(m, HR_ESCHEMA, "a.proto: import \"b.proto\" is not in the set (protoc --include_imports puts it there)");
    m = make();
    b = fd_file_add(m.set, "b.proto", "q", "proto3");
    fd_import(m.set, m.file, "b.proto");
    fd_import(m.set, b, "a.proto");
    says(m, HR_ESCHEMA, "b.proto: import \"a.proto\" leads back to this file");
    m = make();
    b = fd_file_add(m.set, "b.proto", "q", "proto3");
    fd_message_add(m.set, b, "N");
    fd_typed_add(m.set, m.msg, "y", 2, FD_MESSAGE, ".q.N");
    says(m, HR_ESCHEMA, "a.proto: p.M.y: its type q.N is in b.proto, which is not imported");
    m = make(); /* a.proto imports both, so nothing is missing; but b.proto alone would be no good */
    b = fd_file_add(m.set, "b.proto", "q", "proto3");
    fd_typed_add(m.set, fd_message_add(m.set, b, "N"), "y", 1, FD_MESSAGE, ".r.O");
    fd_message_add(m.set, fd_file_add(m.set, "c.proto", "r", "proto3"), "O");
    fd_import(m.set, m.file, "b.proto");
    fd_import(m.set, m.file, "c.proto");
    fd_typed_add(m.set, m.msg, "y", 2, FD_MESSAGE, ".q.N");
    says(m, HR_ESCHEMA, "b.proto: q.N.y: its type r.O is in c.proto, which is not imported");
    m = make();
    fd_file_add(m.set, "a.proto", "q", "proto3");
    says(m, HR_ESCHEMA, "a.proto: the file is in the set twice");
    m = make();
    fd_message_add(m.set, m.file, "M");
    says(m, HR_ESCHEMA, "a.proto: p.M is defined twice, also in a.proto");
}

static fd_message *add_ring(struct made *m, const char *name) /* a message that contains itself, so it stays closed */
{
    fd_message *ring = fd_message_add(m->set, m->file, "Ring");

    fd_typed_add(m->set, ring, "next", 1, FD_MESSAGE, ".p.Ring");
    fd_typed_add(m->set, m->msg, name, 2, FD_MESSAGE, ".p.Ring");
    return ring;
}

/* Whoever opens the event's schema must not learn later, from a row, that the type behind a leaf is no good. */
static void bad_behind_opaque_leaves(void **state)
{
    struct made m = make();
    fd_message *ring = add_ring(&m, "ring");
    char name[201], full[16];

    fd_enum_value_add(m.set, fd_enum_add(m.set, m.file, "E"), "NO NAME", 0);
    fd_typed_add(m.set, ring, "e", 2, FD_ENUM, ".p.E");
    says(m, HR_ESCHEMA, "a.proto: p.E: \"NO NAME\" is not a name");
    m = make();
    ring = add_ring(&m, "ring");
    memset(name, 'n', sizeof name - 1);
    name[sizeof name - 1] = '\0';
    for (int i = 0; i < 6; i++) { /* 1,200 bytes of path, below the ring only */
        snprintf(full, sizeof full, ".p.D%d", i);
        fd_typed_add(m.set, i == 0 ? ring : m.file->message_type[m.file->n_message_type - 1], name, 3, FD_MESSAGE, full);
        fd_message_add(m.set, m.file, full + 3);
    }
    says(m, HR_ELIMIT, "a.proto: p.Ring: the path of a field is longer than 1023 bytes");
}

/* The n-th allocation fails, for every n: a code, no leak (the sanitizer looks), and it works the next time. */
static void no_memory(void **state)
{
    size_t n_set;
    uint8_t *set;
    struct hrp_schema *s;
    int r = HR_ENOMEM;

    if (!unit_faults())
        skip();
    set = test_set_read("everything", &n_set);
    for (unsigned long n = 1; r != 0; n++) {
        assert_true(n < 100000);
        s = NULL;
        hrp_alloc_fail_at(n);
        r = hrp_schema_open(set, n_set, "every.Thing", &hrp_limits_default, &s, NULL);
        if (r == 0 && hrp_schema_of_msg(s, hrp_schema_by_path(s, "tree")) == NULL) {
            hrp_schema_unref(s);
            r = HR_ENOMEM;
        }
        hrp_alloc_fail_at(0);
        assert_true(r == 0 || r == HR_ENOMEM);
    }
    hrp_schema_unref(s);
    free(set);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(preorder),
        cmocka_unit_test(kinds),
        cmocka_unit_test(presence),
        cmocka_unit_test(fields_are_found),
        cmocka_unit_test(behind_opaque_leaves),
        cmocka_unit_test(fingerprints),
        cmocka_unit_test(listing),
        cmocka_unit_test(refusals),
        cmocka_unit_test(bad_fields),
        cmocka_unit_test(bad_files),
        cmocka_unit_test(bad_behind_opaque_leaves),
        cmocka_unit_test(no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
