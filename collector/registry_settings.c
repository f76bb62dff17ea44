/* Settings in HRD_CF_SCHEMAS: 'g', the global ones, and 'p', stream id u32be, those of a stream >
 *   u8 1; u8 which are set (1 compatibility, 2 mode, 4 policy); u8 compatibility; u8 mode; u8 n, n actions by kind; u32 check32
 * What is not set is the global one's, and of that, the default. A record is never taken away: it says that nothing is set. */
#include "registry_impl.h"
#include <string.h>

#define FORMAT 1
#define SET_COMPAT 1u
#define SET_MODE 2u
#define SET_POLICY 4u

const struct hrd_settings reg_settings_default = {
    .compat = HRP_COMPAT_BACKWARD_TRANSITIVE,
    .mode = HRD_MODE_OPEN,
    .policy = {.action = {[HRD_KIND_UNKNOWN_FIELD] = HRD_ACTION_FLAG, [HRD_KIND_UNKNOWN_ENUM] = HRD_ACTION_FLAG}},
};

struct hrd_settings reg_settings_merge(const struct hrd_settings *global, const struct hrd_settings *own)
{
    struct hrd_settings s = *own;

    if (!own->own_compat)
        s.compat = global->compat;
    if (!own->own_mode)
        s.mode = global->mode;
    if (!own->own_policy)
        s.policy = global->policy;
    return s;
}

int hrd_registry_settings(struct hrd_registry *reg, uint32_t stream_id, struct hrd_settings *ret)
{
    int r = 0;

    pthread_mutex_lock(&reg->lock);
    if (stream_id == 0)
        *ret = reg->global;
    else if (stream_id <= reg->published_streams)
        *ret = reg_settings_merge(&reg->global, &reg->streams[stream_id - 1].settings);
    else
        r = HR_ENOENT;
    pthread_mutex_unlock(&reg->lock);
    return r;
}

uint64_t hrd_registry_changes(struct hrd_registry *reg) { return atomic_load_explicit(&reg->n_settings, memory_order_acquire); }

/* ---- stored ---- */

static void put(struct hrd_group *g, uint32_t stream_id, const struct hrd_settings *s)
{
    struct hrp_buf key = HRP_BUF_INIT, value = HRP_BUF_INIT;

    hrp_put_u8(&key, stream_id != 0 ? 'p' : 'g');
    if (stream_id != 0)
        hrp_put_u32be(&key, stream_id);
    hrp_put_u8(&value, FORMAT);
    hrp_put_u8(&value, (uint8_t)((s->own_compat ? SET_COMPAT : 0) | (s->own_mode ? SET_MODE : 0) | (s->own_policy ? SET_POLICY : 0)));
    hrp_put_u8(&value, (uint8_t)s->compat);
    hrp_put_u8(&value, (uint8_t)s->mode);
    hrp_put_u8(&value, HRD_KIND_N);
    hrp_put_bytes(&value, s->policy.action, HRD_KIND_N);
    if (value.err == 0)
        hrp_put_u32(&value, hrp_check32(value.p, value.n));
    if (key.err != 0 || value.err != 0)
        g->err = HR_ENOMEM;
    else
        hrd_group_put(g, HRD_CF_SCHEMAS, key.p, key.n, value.p, value.n);
    hrp_buf_fini(&key);
    hrp_buf_fini(&value);
}

int reg_settings_read(const uint8_t *value, size_t n, struct hrd_settings *ret)
{
    struct hrp_reader r = hrp_reader(value, n);
    uint8_t format = hrp_read_u8(&r), set = hrp_read_u8(&r), compat = hrp_read_u8(&r), mode = hrp_read_u8(&r), kinds = hrp_read_u8(&r);
    const uint8_t *actions = hrp_read_bytes(&r, kinds);

    if (r.bad || format != FORMAT || hrp_reader_left(&r) != 4 || hrp_read_u32(&r) != hrp_check32(value, n - 4) ||
        compat >= HRP_COMPAT_N || mode > HRD_MODE_READONLY || kinds > HRD_KIND_N)
        return HR_ECORRUPT;
    *ret = reg_settings_default;
    ret->own_compat = (set & SET_COMPAT) != 0;
    ret->own_mode = (set & SET_MODE) != 0;
    ret->own_policy = (set & SET_POLICY) != 0;
    ret->compat = (enum hrp_compat_mode)compat;
    ret->mode = (enum hrd_mode)mode;
    for (unsigned i = 0; i < kinds; i++) {
        if (!hrd_policy_allowed((enum hrd_kind)i, (enum hrd_action)actions[i]) || actions[i] > HRD_ACTION_DROP)
            return HR_ECORRUPT;
        ret->policy.action[i] = actions[i];
    }
    return 0;
}

/* ---- staged ---- */

static void change(struct hrd_settings *s, const struct hrd_settings *global, const struct hrd_settings_change *c)
{
    struct hrd_settings merged = reg_settings_merge(global, s);

    if (c->compat) {
        s->own_compat = !c->unset;
        s->compat = c->unset ? reg_settings_default.compat : c->to.compat;
    }
    if (c->mode) {
        s->own_mode = !c->unset;
        s->mode = c->unset ? reg_settings_default.mode : c->to.mode;
    }
    if (c->kinds == 0)
        return;
    s->own_policy = !c->unset;
    s->policy = c->unset ? reg_settings_default.policy : merged.policy;
    for (unsigned i = 0; !c->unset && i < HRD_KIND_N; i++)
        if ((c->kinds & 1u << i) != 0)
            s->policy.action[i] = c->to.policy.action[i];
}

int hrd_registry_stage_settings(struct hrd_registry *reg, uint32_t stream_id, const struct hrd_settings_change *c, struct hrd_group *g)
{
    struct hrd_settings global = reg->has_staged_global ? reg->staged_global : reg->global;
    struct hrd_settings *at;

    if (stream_id > reg->n_streams)
        return HR_ENOENT;
    if (stream_id == 0) {
        at = &reg->staged_global;
        *at = global;
        reg->has_staged_global = true;
    } else {
        struct reg_stream *s = &reg->streams[stream_id - 1];

        at = &s->staged;
        if (!s->has_staged)
            *at = s->settings;
        s->has_staged = true;
    }
    change(at, stream_id != 0 ? &global : at, c);
    reg->staged = true;
    put(g, stream_id, at);
    return g->err;
}
