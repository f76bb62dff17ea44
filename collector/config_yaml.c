/* The daemon's options from a YAML file. libyaml's document keeps the place of every node, so each error names its line. */
#include "config_impl.h"
#include "alloc.h"
#include "io.h"
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#define FILE_BYTES (1u << 20)

struct source {
    struct hrd_config *cfg;
    const char *path;
    yaml_document_t doc;
    struct hr_error *err;
};

static int fail(const struct source *src, const yaml_node_t *node, int code, const char *key, const char *what)
{
    return hr_error_set(src->err, code, "%.200s:%zu:%zu: %.60s%s%s", src->path, node->start_mark.line + 1,
                        node->start_mark.column + 1, key, key[0] != '\0' ? ": " : "", what);
}

/* A scalar's text; NULL: it is none, or holds a NUL. */
static const char *text_of(const yaml_node_t *node)
{
    const char *s = (const char *)node->data.scalar.value;

    return node->type == YAML_SCALAR_NODE && strlen(s) == node->data.scalar.length ? s : NULL;
}

/* Calls fn for each pair of a mapping; a key that is there twice is refused. */
static int each_pair(struct source *src, const yaml_node_t *map,
                     int (*fn)(struct source *src, void *arg, const char *key, const yaml_node_t *value), void *arg)
{
    const yaml_node_pair_t *pairs = map->data.mapping.pairs.start, *end = map->data.mapping.pairs.top;
    int r = 0;

    for (const yaml_node_pair_t *p = pairs; p < end && r == 0; p++) {
        const yaml_node_t *k = yaml_document_get_node(&src->doc, p->key);
        const char *key = text_of(k);

        if (key == NULL)
            return fail(src, k, HR_EINVAL, "", "an option's name is expected here");
        for (const yaml_node_pair_t *q = pairs; q < p; q++) {
            const char *other = text_of(yaml_document_get_node(&src->doc, q->key));

            if (other != NULL && strcmp(other, key) == 0)
                return fail(src, k, HR_EINVAL, key, "is there twice");
        }
        r = fn(src, arg, key, yaml_document_get_node(&src->doc, p->value));
    }
    return r;
}

/* ---- sinks ---- */

static int set_copy(const char **to, const char *text)
{
    hrp_free((char *)(uintptr_t)*to);
    *to = hrp_strdup(text);
    return *to != NULL ? 0 : HR_ENOMEM;
}

static int set_size(uint64_t *to, const char *text, bool bytes, uint64_t most, struct hr_error *err)
{
    uint64_t v;
    int r = hrd_config_number(text, bytes, &v, err);

    if (r == 0 && (v == 0 || v > most))
        r = hr_error_set(err, HR_EINVAL, "%llu is not from 1 to %llu", (unsigned long long)v, (unsigned long long)most);
    if (r == 0)
        *to = v;
    return r;
}

static int sink_pair(struct source *src, void *arg, const char *key, const yaml_node_t *value)
{
    struct hrd_sink_settings *sink = arg;
    const char *text = text_of(value);
    struct hr_error why = {0, ""};
    uint64_t age_ms = 0;
    int r;

    if (text == NULL)
        return fail(src, value, HR_EINVAL, key, "one value is expected");
    if (strcmp(key, "name") == 0)
        r = set_copy(&sink->name, text);
    else if (strcmp(key, "type") == 0)
        r = set_copy(&sink->type, text);
    else if (strcmp(key, "dir") == 0)
        r = set_copy(&sink->dir, text);
    else if (strcmp(key, "max_rows") == 0)
        r = set_size(&sink->max_rows, text, false, 10000000, &why);
    else if (strcmp(key, "max_bytes") == 0)
        r = set_size(&sink->max_bytes, text, true, UINT64_C(1) << 34, &why);
    else if (strcmp(key, "max_age_ms") == 0) {
        r = set_size(&age_ms, text, false, 3600000, &why);
        if (r == 0)
            sink->max_age_ms = (unsigned)age_ms;
    } else
        r = hr_error_set(&why, HR_EINVAL, "no such option of a sink (name, type, dir, max_rows, max_bytes, max_age_ms)");
    return r == 0 ? 0 : fail(src, value, r, key, why.text[0] != '\0' ? why.text : hr_strerror(r));
}

static int read_sink(struct source *src, const yaml_node_t *node)
{
    struct hrd_sink_settings sink = {0};
    struct hr_error why = {0, ""};
    int r;

    if (node->type != YAML_MAPPING_NODE)
        return fail(src, node, HR_EINVAL, "sinks", "a sink is a mapping with name, type and dir");
    r = each_pair(src, node, sink_pair, &sink);
    if (r == 0) {
        r = hrd_config_add_sink(src->cfg, &sink, &why);
        if (r != 0)
            fail(src, node, r, "sinks", why.text);
    }
    hrd_sink_settings_fini(&sink);
    return r;
}

static int read_sinks(struct source *src, const yaml_node_t *node)
{
    int r = 0;

    if (node->type != YAML_SEQUENCE_NODE)
        return fail(src, node, HR_EINVAL, "sinks", "a list of sinks is expected");
    for (const yaml_node_item_t *it = node->data.sequence.items.start; it < node->data.sequence.items.top && r == 0; it++)
        r = read_sink(src, yaml_document_get_node(&src->doc, *it));
    return r;
}

/* ---- the file ---- */

static int option_pair(struct source *src, void *arg, const char *key, const yaml_node_t *value)
{
    const char *text = text_of(value);
    struct hr_error why = {0, ""};
    int r;

    if (strcmp(key, "sinks") == 0)
        return read_sinks(src, value);
    if (text == NULL)
        return fail(src, value, HR_EINVAL, key, "one value is expected");
    r = hrd_config_set(src->cfg, key, text, &why);
    return r == 0 ? 0 : fail(src, value, r == HR_ENOENT ? HR_EINVAL : r, key, why.text);
}

static int parse_error(const struct source *src, const yaml_parser_t *p)
{
    if (p->error == YAML_MEMORY_ERROR)
        return hr_error_set(src->err, HR_ENOMEM, "%.200s: %s", src->path, hr_strerror(HR_ENOMEM));
    return hr_error_set(src->err, HR_EINVAL, "%.200s:%zu:%zu: not YAML: %s", src->path, p->problem_mark.line + 1,
                        p->problem_mark.column + 1, p->problem != NULL ? p->problem : "?");
}

static int read_document(struct source *src)
{
    const yaml_node_t *root = yaml_document_get_root_node(&src->doc);

    if (root == NULL || (root->type == YAML_SCALAR_NODE && root->data.scalar.length == 0))
        return 0; /* nothing but comments */
    if (root->type != YAML_MAPPING_NODE)
        return fail(src, root, HR_EINVAL, "", "options are expected: `data_dir: /var/lib/headrace`");
    return each_pair(src, root, option_pair, NULL);
}

static int parse(struct source *src, const uint8_t *bytes, size_t n)
{
    yaml_parser_t parser;
    int r;

    if (!yaml_parser_initialize(&parser))
        return hr_error_set(src->err, HR_ENOMEM, "%.200s: %s", src->path, hr_strerror(HR_ENOMEM));
    yaml_parser_set_input_string(&parser, bytes, n);
    if (!yaml_parser_load(&parser, &src->doc)) {
        r = parse_error(src, &parser);
    } else {
        r = read_document(src);
        yaml_document_delete(&src->doc);
    }
    yaml_parser_delete(&parser);
    return r;
}

int hrd_config_read_yaml(struct hrd_config *cfg, const char *path, struct hr_error *err)
{
    struct source src = {.cfg = cfg, .path = path, .err = err};
    char *real = realpath(path, NULL); /* a link is fine here, unlike in hrp_open_at */
    uint8_t *bytes;
    size_t n;
    int r = real != NULL ? hrp_read_file_at(AT_FDCWD, real, FILE_BYTES, &bytes, &n) : hrp_errno_to_hr(errno);

    if (r == HR_ETOOBIG)
        r = hr_error_set(err, r, "%.300s: more than %u bytes", path, FILE_BYTES);
    else if (r != 0)
        r = hr_error_set(err, r, "%.300s: %s", path, strerror(errno));
    else {
        r = parse(&src, bytes, n);
        hrp_free(bytes);
    }
    free(real);
    return r;
}
