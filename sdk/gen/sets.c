/* The descriptor set of each event, made and checked by the schema model itself: what is embedded has the fingerprint the
 * collector will compute, and what the collector would refuse is refused here, with its place in the .proto. */
#include "frame.h"
#include "gen.h"
#include "schema.h"
#include <ctype.h>
#include <string.h>

static bool name_char(char c)
{
    return isalnum((unsigned char)c) || c == '_' || c == '.';
}

/* Is `name` in the text, as a whole name? */
static bool mentions(const char *text, const char *name)
{
    size_t n = strlen(name);

    for (const char *p = strstr(text, name); p != NULL; p = strstr(p + 1, name))
        if ((p == text || !name_char(p[-1])) && (!name_char(p[n]) || (p[n] == '.' && !name_char(p[n + 1]))))
            return true;
    return false;
}

/* The longest name the schema model's sentence mentions is what it complains about. */
static const char *place_of(const struct gen *g, const struct gen_msg *event, const char *text)
{
    const char *place = gen_place(event->file, &event->path);
    size_t longest = 0;

    for (uint32_t i = 0; i < g->n_msgs; i++) {
        const struct gen_msg *m = &g->msgs[i];

        if (strlen(m->full_name) > longest && mentions(text, m->full_name)) {
            longest = strlen(m->full_name);
            place = gen_place(m->file, &m->path);
        }
        for (size_t j = 0; j < m->d->n_field; j++) {
            const char *name = gen_fmt("%s.%s", m->full_name, m->fields[j].d->name);

            if (strlen(name) > longest && mentions(text, name)) {
                longest = strlen(name);
                place = gen_place(m->file, &m->fields[j].path);
            }
        }
    }
    return place;
}

/* The sentence without its file, which stands in the place already. */
static const char *without_file(const char *text)
{
    const char *colon = strstr(text, ".proto: ");

    return colon != NULL && memchr(text, ' ', (size_t)(colon - text)) == NULL ? colon + strlen(".proto: ") : text;
}

static int make_set(const struct gen *g, struct gen_msg *m, struct hr_error *err)
{
    struct hr_error why = {0};
    struct hrp_schema *s;
    uint8_t *copy;
    int r = hrp_schema_open(g->set.p, g->set.n, m->full_name, &hrp_limits_default, &s, &why);

    if (r != 0)
        return hr_error_set(err, r, "%s: %s", place_of(g, m, why.text),
                            why.text[0] != '\0' ? without_file(why.text) : hr_strerror(r));
    m->set = hrp_schema_bytes(s, &m->n_set);
    copy = gen_alloc(m->n_set);
    memcpy(copy, m->set, m->n_set);
    m->set = copy;
    hrp_schema_unref(s);
    return 0;
}

int gen_sets(struct gen *g, struct hr_error *err)
{
    int r = g->set.err;

    for (uint32_t i = 0; r == 0 && i < g->n_msgs; i++)
        if (g->msgs[i].time_name != NULL)
            r = make_set(g, &g->msgs[i], err);
    return r;
}
