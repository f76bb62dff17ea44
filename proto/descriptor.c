#include "descriptor.h"
#include "alloc.h"
#include <stdlib.h>
#include <string.h>

#define MAX_NAMES_BYTES (4u << 20) /* all full names together: nested names repeat their parents' */
#define MAX_SYMBOLS (1u << 20)

int hrp_descset_nomem(const struct hrp_descset *ds, struct hr_error *err)
{
    int r = ds->arena != NULL ? hrp_arena_err(ds->arena) : HR_ENOMEM;

    return hr_error_set(err, r, r == HR_ELIMIT ? "the descriptor set needs more memory than it may take" : "out of memory");
}

bool hrp_is_identifier(const char *s)
{
    if (s == NULL || (*s >= '0' && *s <= '9') || *s == '\0')
        return false;
    for (; *s != '\0'; s++) {
        if (!((*s >= 'a' && *s <= 'z') || (*s >= 'A' && *s <= 'Z') || (*s >= '0' && *s <= '9') || *s == '_'))
            return false;
    }
    return true;
}

/* ---- reading the names ---- */

struct naming {
    struct hrp_descset *ds;
    const pb_file *file;
    struct hr_error *err;
    size_t names_bytes;
    uint32_t n;
};
struct scope { /* what a declaration stands in: a file's package, or a message */
    const char *name;
    struct hrp_features features;
    const int32_t *path;
    uint32_t n_path;
};

static int name_check(struct naming *nm, const char *prefix, const char *name, const char *what)
{
    const char *file = nm->file->name;

    if (name == NULL)
        return hr_error_set(nm->err, HR_ESCHEMA, "%s: %s: %s without a name", file, prefix, what);
    if (strlen(name) > HRP_MAX_NAME || strlen(prefix) + strlen(name) + 1 > HRP_MAX_FULL_NAME)
        return hr_error_set(nm->err, HR_ESCHEMA, "%s: %s: a name longer than %d bytes, or %d in full", file, prefix, HRP_MAX_NAME, HRP_MAX_FULL_NAME);
    if (!hrp_is_identifier(name))
        return hr_error_set(nm->err, HR_ESCHEMA, "%s: %s: \"%s\" is not a name", file, prefix, name);
    return 0;
}

static const int32_t *path_below(struct naming *nm, const struct scope *in, int32_t field, size_t index)
{
    int32_t *path = hrp_arena_take(nm->ds->arena, in->n_path + 2, sizeof *path);

    if (path == NULL)
        return NULL;
    if (in->n_path != 0)
        memcpy(path, in->path, in->n_path * sizeof *path);
    path[in->n_path] = field;
    path[in->n_path + 1] = (int32_t)index;
    return path;
}

/* `field`: number of the list it is in, of FileDescriptorProto or DescriptorProto. */
static int symbol_add(struct naming *nm, const struct scope *in, const char *name, const char *what, int32_t field, size_t index,
                      struct hrp_symbol **ret)
{
    int r = name_check(nm, in->name, name, what);
    size_t n_prefix = strlen(in->name), n_name;
    const int32_t *path;
    char *full;

    if (r != 0)
        return r;
    n_name = strlen(name);
    nm->names_bytes += n_prefix + n_name + 2;
    if (nm->names_bytes > MAX_NAMES_BYTES)
        return hr_error_set(nm->err, HR_ELIMIT, "%s: the names of the set take more than %u bytes", nm->file->name, MAX_NAMES_BYTES);
    full = hrp_arena_take(nm->ds->arena, n_prefix + n_name + 2, 1);
    path = full != NULL ? path_below(nm, in, field, index) : NULL;
    if (path == NULL)
        return hrp_descset_nomem(nm->ds, nm->err);
    memcpy(full, in->name, n_prefix);
    if (n_prefix != 0)
        full[n_prefix++] = '.';
    memcpy(full + n_prefix, name, n_name + 1);
    *ret = &nm->ds->symbols[nm->n++];
    **ret = (struct hrp_symbol){.name = full, .file = nm->file, .features = in->features, .path = path, .n_path = in->n_path + 2};
    return 0;
}

static int enums_add(struct naming *nm, const struct scope *in, int32_t field, pb_enum *const *enums, size_t n)
{
    struct hrp_symbol *sym;
    int r = 0;

    for (size_t i = 0; i < n && r == 0; i++) {
        r = symbol_add(nm, in, enums[i]->name, "an enum", field, i, &sym);
        if (r != 0)
            break;
        sym->enm = enums[i];
        hrp_features_overlay(enums[i]->options != NULL ? &enums[i]->options->base : NULL, HRP_FEATURES_ENUM, &sym->features);
    }
    return r;
}

enum { FILE_MESSAGE = 4, FILE_ENUM = 5, MESSAGE_NESTED = 3, MESSAGE_ENUM = 4 }; /* field numbers in descriptor.proto */

/* Recursion is bounded: the pre-scan has bounded the depth. */
static int messages_add(struct naming *nm, const struct scope *in, int32_t field, pb_message *const *msgs, size_t n)
{
    struct hrp_symbol *sym;
    int r = 0;

    for (size_t i = 0; i < n && r == 0; i++) {
        struct scope inner;

        r = symbol_add(nm, in, msgs[i]->name, "a message", field, i, &sym);
        if (r != 0)
            break;
        sym->msg = msgs[i];
        hrp_features_overlay(msgs[i]->options != NULL ? &msgs[i]->options->base : NULL, HRP_FEATURES_MESSAGE, &sym->features);
        inner = (struct scope){sym->name, sym->features, sym->path, sym->n_path};
        r = enums_add(nm, &inner, MESSAGE_ENUM, msgs[i]->enum_type, msgs[i]->n_enum_type);
        if (r == 0)
            r = messages_add(nm, &inner, MESSAGE_NESTED, msgs[i]->nested_type, msgs[i]->n_nested_type);
    }
    return r;
}

static size_t messages_count(pb_message *const *msgs, size_t n)
{
    size_t sum = n;

    for (size_t i = 0; i < n; i++)
        sum += msgs[i]->n_enum_type + messages_count(msgs[i]->nested_type, msgs[i]->n_nested_type);
    return sum;
}

static bool package_ok(const char *s)
{
    char part[HRP_MAX_NAME + 1];
    size_t n;

    for (;; s += n + 1) {
        n = strcspn(s, ".");
        if (n > HRP_MAX_NAME)
            return false;
        memcpy(part, s, n);
        part[n] = '\0';
        if (!hrp_is_identifier(part))
            return false;
        if (s[n] == '\0')
            return true;
    }
}

static int file_add(struct naming *nm)
{
    const pb_file *f = nm->file;
    const char *package = f->package != NULL ? f->package : "";
    struct scope in = {.name = package};
    int r;

    hrp_features_of_file(f, &in.features); /* if it cannot be read, that is told once somebody needs it */
    if (strlen(package) > HRP_MAX_FULL_NAME || (*package != '\0' && !package_ok(package)))
        return hr_error_set(nm->err, HR_ESCHEMA, "%s: \"%s\" is not a package name", f->name, package);
    r = enums_add(nm, &in, FILE_ENUM, f->enum_type, f->n_enum_type);
    return r == 0 ? messages_add(nm, &in, FILE_MESSAGE, f->message_type, f->n_message_type) : r;
}

static int symbol_cmp(const void *a, const void *b)
{
    return strcmp(((const struct hrp_symbol *)a)->name, ((const struct hrp_symbol *)b)->name);
}

static int symbols_read(struct hrp_descset *ds, struct hr_error *err)
{
    struct naming nm = {.ds = ds, .err = err};
    size_t n = 0;
    int r = 0;

    for (size_t i = 0; i < ds->set->n_file; i++)
        n += ds->set->file[i]->n_enum_type + messages_count(ds->set->file[i]->message_type, ds->set->file[i]->n_message_type);
    if (n > MAX_SYMBOLS)
        return hr_error_set(err, HR_ELIMIT, "the set defines %zu types; at most %u are read", n, MAX_SYMBOLS);
    ds->symbols = hrp_arena_take(ds->arena, n + 1, sizeof *ds->symbols);
    if (ds->symbols == NULL)
        return hrp_descset_nomem(ds, err);
    for (size_t i = 0; i < ds->set->n_file && r == 0; i++) {
        nm.file = ds->set->file[i];
        r = file_add(&nm);
    }
    ds->n_symbols = nm.n;
    if (r != 0)
        return r;
    qsort(ds->symbols, ds->n_symbols, sizeof *ds->symbols, symbol_cmp);
    for (uint32_t i = 1; i < ds->n_symbols; i++) {
        if (symbol_cmp(&ds->symbols[i - 1], &ds->symbols[i]) == 0)
            return hr_error_set(err, HR_ESCHEMA, "%s: %s is defined twice, also in %s", ds->symbols[i].file->name, ds->symbols[i].name,
                                ds->symbols[i - 1].file->name);
    }
    return 0;
}

/* ---- files ---- */

static int import_cmp(const void *a, const void *b)
{
    return strcmp(((const struct hrp_import *)a)->file->name, ((const struct hrp_import *)b)->file->name);
}

static int files_read(struct hrp_descset *ds, struct hr_error *err)
{
    size_t n = ds->set->n_file;

    if (n > HRP_MAX_FILES)
        return hr_error_set(err, HR_ELIMIT, "the set has %zu files; at most %d are read", n, HRP_MAX_FILES);
    ds->imports = hrp_arena_take(ds->arena, n + 1, sizeof *ds->imports);
    if (ds->imports == NULL)
        return hrp_descset_nomem(ds, err);
    for (size_t i = 0; i < n; i++) {
        pb_file *f = ds->set->file[i];

        if (f->name == NULL || *f->name == '\0' || strlen(f->name) > HRP_MAX_FULL_NAME)
            return hr_error_set(err, HR_ESCHEMA, "file %zu of the set has no name, or one longer than %d bytes", i + 1, HRP_MAX_FULL_NAME);
        ds->imports[i] = (struct hrp_import){.file = f};
    }
    qsort(ds->imports, n, sizeof *ds->imports, import_cmp);
    for (size_t i = 1; i < n; i++) {
        if (import_cmp(&ds->imports[i - 1], &ds->imports[i]) == 0)
            return hr_error_set(err, HR_ESCHEMA, "%s: the file is in the set twice", ds->imports[i].file->name);
    }
    return 0;
}

static struct hrp_import *import_find(const struct hrp_descset *ds, const char *name)
{
    pb_file key_file = {.name = (char *)name};
    struct hrp_import key = {.file = &key_file};

    return bsearch(&key, ds->imports, ds->set->n_file, sizeof key, import_cmp);
}

static int syntax_check(const pb_file *f, struct hr_error *err)
{
    struct hrp_features features;
    const char *wrong = hrp_features_of_file(f, &features);

    return wrong == NULL ? 0 : hr_error_set(err, HR_ESCHEMA, "%s: %s", f->name, wrong);
}

struct visit { /* of a file in the depth-first walk over imports */
    struct hrp_import *imp;
    size_t next;
};

static int visit_push(struct visit *stack, size_t *depth, struct hrp_import *imp, struct hr_error *err)
{
    imp->seen = true;
    stack[(*depth)++] = (struct visit){imp, 0};
    return syntax_check(imp->file, err);
}

/* All that it imports is done already. */
static int reach_add(struct hrp_descset *ds, struct hrp_import *imp, struct hr_error *err)
{
    size_t n_words = (ds->set->n_file + 63) / 64, own = (size_t)(imp - ds->imports);

    imp->reach = hrp_arena_take(ds->arena, n_words, sizeof *imp->reach);
    if (imp->reach == NULL)
        return hrp_descset_nomem(ds, err);
    memset(imp->reach, 0, n_words * sizeof *imp->reach);
    imp->reach[own / 64] |= UINT64_C(1) << own % 64;
    for (size_t i = 0; i < imp->file->n_dependency; i++) {
        const struct hrp_import *dep = import_find(ds, imp->file->dependency[i]);

        for (size_t w = 0; w < n_words; w++)
            imp->reach[w] |= dep->reach[w];
    }
    imp->done = true;
    return 0;
}

/* Imports before importers; without recursion, since the chain may be as long as the set. */
static int dependency_order(struct hrp_descset *ds, struct hrp_import *root, pb_file **order, size_t *ret_n, struct hr_error *err)
{
    struct visit *stack = hrp_arena_take(ds->arena, ds->set->n_file, sizeof *stack);
    size_t depth = 0;
    int r;

    if (stack == NULL)
        return hrp_descset_nomem(ds, err);
    *ret_n = 0;
    r = visit_push(stack, &depth, root, err);
    while (r == 0 && depth != 0) {
        struct visit *v = &stack[depth - 1];
        pb_file *f = v->imp->file;
        struct hrp_import *dep;

        if (v->next == f->n_dependency) {
            r = reach_add(ds, v->imp, err);
            order[(*ret_n)++] = f;
            depth--;
            continue;
        }
        dep = import_find(ds, f->dependency[v->next]);
        if (dep == NULL)
            return hr_error_set(err, HR_ESCHEMA, "%s: import \"%s\" is not in the set (protoc --include_imports puts it there)", f->name, f->dependency[v->next]);
        v->next++;
        if (dep->seen && !dep->done)
            return hr_error_set(err, HR_ESCHEMA, "%s: import \"%s\" leads back to this file", f->name, dep->file->name);
        if (!dep->seen)
            r = visit_push(stack, &depth, dep, err);
    }
    return r;
}

int hrp_descset_canonical(struct hrp_descset *ds, const pb_file *file, struct hrp_buf *out, struct hr_error *err)
{
    pb_set set = GOOGLE__PROTOBUF__FILE_DESCRIPTOR_SET__INIT;
    pb_file *bare; /* the files without source_code_info, which errors to come still want */
    pb_file **order;
    size_t n_bytes;
    uint8_t *p;
    int r;

    order = hrp_arena_take(ds->arena, ds->set->n_file, sizeof *order);
    bare = hrp_arena_take(ds->arena, ds->set->n_file, sizeof *bare);
    if (order == NULL || bare == NULL)
        return hrp_descset_nomem(ds, err);
    set.file = order;
    r = dependency_order(ds, import_find(ds, file->name), order, &set.n_file, err);
    if (r != 0)
        return r;
    for (size_t i = 0; i < set.n_file; i++) {
        bare[i] = *order[i];
        bare[i].source_code_info = NULL;
        order[i] = &bare[i];
    }
    n_bytes = protobuf_c_message_get_packed_size(&set.base);
    p = hrp_buf_reserve(out, n_bytes);
    if (p == NULL)
        return hr_error_set(err, HR_ENOMEM, "out of memory");
    out->n += protobuf_c_message_pack(&set.base, p);
    return 0;
}

bool hrp_descset_imports(const struct hrp_descset *ds, const pb_file *file, const pb_file *other)
{
    size_t i = (size_t)(import_find(ds, other->name) - ds->imports);

    return (import_find(ds, file->name)->reach[i / 64] >> i % 64 & 1) != 0;
}

/* ---- open and ask ---- */

static int set_unpack(const uint8_t *p, size_t n, const struct hrp_limits *lim, pb_set **ret, struct hr_error *err)
{
    uint64_t cap = ((uint64_t)64 << 10) + 32 * (uint64_t)n; /* a field takes 13 times its bytes, an empty message 100 times */
    ProtobufCMessage *msg;
    int r;

    if (n > lim->schema_bytes)
        return hr_error_set(err, HR_ELIMIT, "the descriptor set has %zu bytes; at most %u are read", n, lim->schema_bytes);
    if (cap > lim->decoded_bytes)
        cap = lim->decoded_bytes;
    r = hrp_msg_unpack(&google__protobuf__file_descriptor_set__descriptor, p, n, cap, &msg);
    if (r == HR_ELIMIT)
        return hr_error_set(err, r, "the descriptor set nests deeper than %u, or needs more than %llu bytes in memory", lim->depth, (unsigned long long)cap);
    if (r != 0)
        return hr_error_set(err, r, r == HR_ECORRUPT ? "not a FileDescriptorSet: the bytes do not parse" : "out of memory");
    *ret = (pb_set *)msg;
    return 0;
}

int hrp_descset_open(const uint8_t *p, size_t n, const struct hrp_limits *lim, struct hrp_descset *ret, struct hr_error *err)
{
    struct hrp_descset ds = {0};
    int r = set_unpack(p, n, lim, &ds.set, err);

    if (r != 0)
        return r;
    ds.arena = hrp_arena_new(lim->decoded_bytes);
    r = ds.arena != NULL ? files_read(&ds, err) : hrp_descset_nomem(&ds, err);
    if (r == 0)
        r = symbols_read(&ds, err);
    if (r != 0)
        hrp_descset_fini(&ds);
    else
        *ret = ds;
    return r;
}

void hrp_descset_fini(struct hrp_descset *ds)
{
    if (ds->set != NULL)
        protobuf_c_message_free_unpacked(&ds->set->base, hrp_pb_allocator());
    hrp_arena_free(ds->arena);
    memset(ds, 0, sizeof *ds);
}

struct hrp_symbol *hrp_descset_find(const struct hrp_descset *ds, const char *name)
{
    struct hrp_symbol key = {.name = name};

    return bsearch(&key, ds->symbols, ds->n_symbols, sizeof key, symbol_cmp);
}

/* A person tends to leave out the package, or to write the case wrong. */
static bool alike(const char *full, const char *name)
{
    size_t n_full = strlen(full), n = strlen(name);

    return n != 0 && n <= n_full && strcasecmp(full + n_full - n, name) == 0 && (n == n_full || full[n_full - n - 1] == '.');
}

int hrp_descset_no_message(const struct hrp_descset *ds, const char *name, struct hr_error *err)
{
    for (uint32_t i = 0; i < ds->n_symbols; i++) {
        if (ds->symbols[i].msg != NULL && alike(ds->symbols[i].name, name))
            return hr_error_set(err, HR_ENOENT, "the set has no message %s; did you mean %s?", name, ds->symbols[i].name);
    }
    return hr_error_set(err, HR_ENOENT, "the set has no message %s", name);
}
