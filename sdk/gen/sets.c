/* The descriptor set of each event, made and checked by the schema model itself: what is embedded has the fingerprint the
 * collector will compute, and what the collector would refuse is refused here, with its place in the .proto. */
#include "frame.h"
#include "gen.h"
#include "schema.h"
#include <string.h>

static int make_set(const struct gen *g, struct gen_msg *m, struct hr_error *err)
{
    struct hrp_schema *s;
    uint8_t *copy;
    int r = hrp_schema_open(g->set.p, g->set.n, m->full_name, &hrp_limits_default, &s, err);

    if (r != 0)
        return r;
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
