/* Lines and comments, from SourceCodeInfo: each declaration has a path of field numbers and indices in the descriptor. */
#include "gen.h"
#include <string.h>

struct gen_path gen_path_at(const struct gen_path *p, int32_t field, int32_t index)
{
    struct gen_path q = *p;

    if (q.n + 2 <= sizeof q.at / sizeof q.at[0]) {
        q.at[q.n++] = field;
        q.at[q.n++] = index;
    }
    return q;
}

static const Google__Protobuf__SourceCodeInfo__Location *find(const struct gen_file *f, const struct gen_path *p)
{
    const Google__Protobuf__SourceCodeInfo *info = f->d->source_code_info;

    for (size_t i = 0; info != NULL && i < info->n_location; i++) {
        const Google__Protobuf__SourceCodeInfo__Location *loc = info->location[i];

        if (loc->n_path == p->n && loc->n_span >= 3 && (p->n == 0 || memcmp(loc->path, p->at, p->n * sizeof p->at[0]) == 0))
            return loc;
    }
    return NULL;
}

const char *gen_place(const struct gen_file *f, const struct gen_path *p)
{
    const Google__Protobuf__SourceCodeInfo__Location *loc = find(f, p);

    return loc != NULL ? gen_fmt("%s:%d:%d", f->d->name, loc->span[0] + 1, loc->span[1] + 1) : f->d->name;
}

void gen_comments(const struct gen_file *f, const struct gen_path *p, const char **ret_before, const char **ret_behind)
{
    const Google__Protobuf__SourceCodeInfo__Location *loc = find(f, p);

    *ret_before = loc != NULL && loc->leading_comments != NULL ? loc->leading_comments : "";
    *ret_behind = loc != NULL && loc->trailing_comments != NULL ? loc->trailing_comments : "";
}
