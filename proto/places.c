/* Where declarations stand in their files, from SourceCodeInfo. Only sets that a compiler made for people have it; what is
 * stored and sent has not. */
#include "descriptor.h"
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

typedef Google__Protobuf__SourceCodeInfo__Location location;

static bool begins(const int32_t *path, size_t n_path, const int32_t *with, size_t n_with)
{
    return n_with <= n_path && (n_with == 0 || memcmp(path, with, n_with * sizeof *with) == 0);
}

/* The declaration itself; else the first thing in it, as `(x).y = 1` has a place and x has none; else the nearest around it. */
static const location *nearest(const Google__Protobuf__SourceCodeInfo *info, const int32_t *path, size_t n_path)
{
    const location *around = NULL, *in = NULL;

    for (size_t i = 0; info != NULL && i < info->n_location; i++) {
        const location *l = info->location[i];

        if (l->n_path == 0 || l->n_span < 3)
            continue;
        if (begins(path, n_path, l->path, l->n_path) && (around == NULL || l->n_path > around->n_path))
            around = l;
        else if (in == NULL && begins(l->path, l->n_path, path, n_path))
            in = l;
    }
    return in == NULL || (around != NULL && around->n_path == n_path) ? around : in;
}

static const char *place_put(const pb_file *file, const location *l, char ret[HRP_MAX_PLACE])
{
    if (l != NULL)
        snprintf(ret, HRP_MAX_PLACE, "%s:%u:%u", file->name, (uint32_t)l->span[0] + 1, (uint32_t)l->span[1] + 1);
    else
        snprintf(ret, HRP_MAX_PLACE, "%s", file->name);
    return ret;
}

const char *hrp_descset_place(const pb_file *file, const int32_t *path, size_t n_path, char ret[HRP_MAX_PLACE])
{
    return place_put(file, nearest(file->source_code_info, path, n_path), ret);
}

const char *hrp_symbol_place(const struct hrp_symbol *sym, const int32_t *below, size_t n_below, char ret[HRP_MAX_PLACE])
{
    int32_t path[256]; /* the pre-scan bounds nesting: 100 levels of messages */

    if (sym->n_path + n_below > sizeof path / sizeof path[0])
        return hrp_descset_place(sym->file, sym->path, sym->n_path, ret);
    memcpy(path, sym->path, sym->n_path * sizeof *path);
    if (n_below != 0)
        memcpy(path + sym->n_path, below, n_below * sizeof *path);
    return hrp_descset_place(sym->file, path, sym->n_path + n_below, ret);
}
