/* May a schema be the next version of its stream? By mode, by what was deleted, and by compatibility with the versions that are there.
 * A worker or a reader thread asks first, for it can take a while; the committer asks again only when something has changed since. */
#include "registry_impl.h"
#include "alloc.h"
#include <string.h>

#define MOST_COMPARED 256u /* versions, newest first: a transitive mode looks no further back */

struct older {
    struct hrp_schema *schema; /* a reference */
    uint32_t version;
};
struct look {
    struct hrd_settings settings;
    char name[HRD_STREAM_NAME_MAX + 1];
    uint32_t known_id;          /* the same schema is there */
    struct reg_meta known;
    struct older *older;        /* newest first */
    uint32_t n_older;
};

static void look_fini(struct look *l)
{
    for (uint32_t i = 0; i < l->n_older; i++)
        hrp_schema_unref(l->older[i].schema);
    hrp_free(l->older);
}

static struct hrd_settings settings_of(const struct hrd_registry *reg, uint32_t stream_id, bool staged)
{
    const struct hrd_settings *global = staged && reg->has_staged_global ? &reg->staged_global : &reg->global;
    const struct reg_stream *s;

    if (stream_id == 0 || stream_id > reg->n_streams)
        return *global;
    s = &reg->streams[stream_id - 1];
    return reg_settings_merge(global, staged && s->has_staged ? &s->staged : &s->settings);
}

/* Under the lock: what the comparison needs, so that it runs without it. */
static int look(struct hrd_registry *reg, uint32_t stream_id, struct hrp_schema *schema, bool staged, struct look *l, uint32_t *ret_newest)
{
    uint32_t n = staged ? reg->n_schemas : reg->published_schemas, most;

    l->settings = settings_of(reg, stream_id, staged);
    *ret_newest = 0;
    l->known_id = reg_find_schema(reg, hrp_schema_fingerprint(schema), n);
    if (l->known_id != 0) {
        const struct reg_schema *s = &reg->schemas[l->known_id - 1];

        l->known = staged ? *reg_staged_meta(s) : s->meta;
        if ((staged ? reg_staged_schema(s) : s->schema) == NULL)
            l->known_id = 0;
    }
    most = l->settings.compat == HRP_COMPAT_NONE ? 0 : hrp_compat_transitive(l->settings.compat) ? MOST_COMPARED : 1;
    l->older = hrp_calloc(most + 1, sizeof *l->older);
    if (l->older == NULL)
        return HR_ENOMEM;
    for (uint32_t id = n; id > 0 && stream_id != 0; id--) {
        const struct reg_schema *s = &reg->schemas[id - 1];
        const struct reg_meta *meta = staged ? reg_staged_meta(s) : &s->meta;
        struct hrp_schema *there = staged ? reg_staged_schema(s) : s->schema;

        if (there == NULL || s->stream_id != stream_id || (meta->flags & REG_DELETED) != 0)
            continue;
        if (*ret_newest == 0)
            *ret_newest = id;
        if (l->n_older == most)
            break;
        l->older[l->n_older++] = (struct older){hrp_schema_ref(there), meta->version};
    }
    return 0;
}

static const struct hrp_change *first_break(const struct hrp_changes *changes, enum hrp_compat_mode mode)
{
    for (uint32_t i = 0; i < changes->n; i++)
        if (hrp_change_breaks(&changes->list[i], mode))
            return &changes->list[i];
    return NULL;
}

/* Changes from the newest stay in adm, or those from the version that it breaks. */
static int compare(struct hrp_schema *schema, const struct look *l, struct hrd_admission *adm, struct hr_error *err)
{
    for (uint32_t i = 0; i < l->n_older; i++) {
        struct hrp_changes changes = {0};
        const struct hrp_change *c;
        int r = hrp_compat_diff(l->older[i].schema, schema, &changes, err);

        c = r == 0 ? first_break(&changes, l->settings.compat) : NULL;
        if (r != 0 || (c == NULL && i != 0)) {
            hrp_changes_fini(&changes);
        } else {
            hrp_changes_fini(&adm->changes);
            adm->changes = changes;
            adm->against = l->older[i].version;
        }
        if (r != 0)
            return r;
        if (c != NULL) {
            adm->verdict = HRD_ADMIT_INCOMPATIBLE;
            return hr_error_set(err, HR_ESCHEMA, "%s: %s (against version %u of %s, %s)", c->path, c->reason, adm->against,
                                hrp_schema_name(schema), hrp_compat_mode_name(l->settings.compat));
        }
    }
    for (uint32_t i = 0; i < adm->changes.n; i++)
        if ((adm->changes.list[i].what & HRP_SEMANTIC) != 0)
            adm->verdict = HRD_ADMIT_SEMANTIC;
    return 0;
}

static int judge(struct hrp_schema *schema, bool pushed, const struct look *l, struct hrd_admission *adm, struct hr_error *err)
{
    const char *name = hrp_schema_name(schema);
    bool deleted = l->known_id != 0 && (l->known.flags & REG_DELETED) != 0;

    if (l->known_id != 0) {
        adm->known_id = l->known_id;
        adm->known_version = l->known.version;
    }
    if (l->known_id != 0 && !deleted) {
        adm->verdict = HRD_ADMIT_KNOWN;
        if (!pushed || l->settings.mode != HRD_MODE_READONLY || (l->known.flags & REG_PUSHED) != 0)
            return 0;
    }
    adm->verdict = HRD_ADMIT_MODE;
    if (deleted && !pushed)
        return hr_error_set(err, HR_ESCHEMA, "%s: version %u, which this is, was deleted; it can be pushed again", name, l->known.version);
    if (l->settings.mode == HRD_MODE_READONLY)
        return hr_error_set(err, HR_ESCHEMA, "%s: the registry takes no schemas (mode readonly)", name);
    if (l->settings.mode == HRD_MODE_LOCKED && !pushed)
        return hr_error_set(err, HR_ESCHEMA, "%s: this schema was not pushed, and the registry learns none at connect (mode locked)", name);
    adm->verdict = HRD_ADMIT_ACCEPTED;
    return l->known_id != 0 && !deleted ? 0 : compare(schema, l, adm, err);
}

static int admit(struct hrd_registry *reg, uint32_t stream_id, struct hrp_schema *schema, bool pushed, bool staged, struct hrd_admission *ret,
                 struct hr_error *err)
{
    struct look l = {.known_id = 0};
    int r;

    *ret = (struct hrd_admission){.n_changes = hrd_registry_changes(reg)};
    pthread_mutex_lock(&reg->lock);
    r = look(reg, stream_id, schema, staged, &l, &ret->newest);
    pthread_mutex_unlock(&reg->lock);
    if (r == 0)
        r = judge(schema, pushed, &l, ret, err);
    else
        hr_error_set(err, r, "out of memory");
    look_fini(&l);
    return r;
}

int hrd_registry_admit(struct hrd_registry *reg, uint32_t stream_id, struct hrp_schema *schema, bool pushed, struct hrd_admission *ret,
                       struct hr_error *err)
{
    return admit(reg, stream_id, schema, pushed, false, ret, err);
}

void hrd_admission_fini(struct hrd_admission *adm) { hrp_changes_fini(&adm->changes); }

/* Nothing was published since, and nothing of the stream is staged. */
static bool still(struct hrd_registry *reg, uint32_t stream_id, uint32_t newest, uint64_t n_changes)
{
    uint32_t id = reg->n_schemas;

    if (n_changes != hrd_registry_changes(reg) || reg->has_staged_global || (stream_id <= reg->n_streams && reg->streams[stream_id - 1].has_staged))
        return false;
    while (id > 0 && (reg->schemas[id - 1].stream_id != stream_id || reg_staged_schema(&reg->schemas[id - 1]) == NULL ||
                      (reg_staged_meta(&reg->schemas[id - 1])->flags & REG_DELETED) != 0))
        id--;
    return id == newest;
}

int hrd_registry_stage_admit(struct hrd_registry *reg, uint32_t stream_id, struct hrp_schema *schema, bool pushed, uint32_t newest,
                             uint64_t n_changes, struct hr_error *err)
{
    struct hrd_admission adm;
    int r;

    if (still(reg, stream_id, newest, n_changes))
        return 0;
    r = admit(reg, stream_id, schema, pushed, true, &adm, err);
    hrd_admission_fini(&adm);
    return r;
}
