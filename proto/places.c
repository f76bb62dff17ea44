/* Where declarations stand in their files, from SourceCodeInfo. Only sets that a compiler made for people have it; what is
 * stored and sent has not. */
#include "descriptor.h"
#include <stdio.h>
#include <string.h>

typedef Google__Protobuf__SourceCodeInfo__Location location;

/* The location whose path is the longest beginning of the one asked for. */
static const location *nearest(const Google__Protobuf__SourceCodeInfo *info, const int32_t *path, size_t n_path)
{
    const location *best = NULL;

    for (size_t i = 0; info != NULL && i < info->n_location; i++) {
        const location *l = info->location[i];

        if (l->n_path == 0 || l->n_path > n_path || l->n_span < 3 || memcmp(l->path, path, l->n_path * sizeof *path) != 0)
            continue;
        if (best == NULL || l->n_path > best->n_path)
            best = l;
    }
    return best;
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
