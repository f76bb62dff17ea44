/* Schemas and settings on their way into the store: learnt from a session, or pushed, deleted and set through the API. Who asked has
 * looked whether they may; what has changed since is looked at again here, against what the group has staged so far. */
#include "committer_impl.h"
#include <stdio.h>

static int stage_stream(struct hrd_committer *cm, const char *name, uint32_t *ret_stream_id)
{
    int r = hrd_registry_stage_stream(cm->reg, name, &cm->group, ret_stream_id);

    return r == 0 ? cm_stream_add(cm, *ret_stream_id, name) : r;
}

/* *ret_refused: HR_ELIMIT or HR_ESCHEMA, with reason[256]. Else it is an error of the whole group. */
static int stage_schema(struct hrd_committer *cm, struct hrp_schema *schema, uint32_t stream_id, const struct hrd_origin *from,
                        uint32_t newest, uint64_t n_changes, uint32_t *ret_id, bool *ret_known, char *reason, int *ret_refused)
{
    struct hr_error err = {0, ""};
    int r = hrd_registry_stage_admit(cm->reg, stream_id, schema, from->pushed, newest, n_changes, &err);

    if (r == 0)
        r = hrd_registry_stage_schema(cm->reg, schema, stream_id, from, &cm->group, ret_id, ret_known);
    *ret_refused = 0;
    if (r != HR_ESCHEMA && r != HR_ELIMIT)
        return r;
    if (err.text[0] != '\0')
        snprintf(reason, 256, "%.255s", err.text);
    else
        snprintf(reason, 256, "%.200s: no room for another schema", hrp_schema_name(schema));
    *ret_id = 0;
    *ret_refused = r;
    return 0;
}

int cm_decide_offer(struct hrd_committer *cm, struct hrd_offer_msg *off, int64_t now_wall_ns)
{
    struct hrd_origin from = {.now_ns = now_wall_ns};
    int r = stage_stream(cm, off->stream, &off->stream_id), refused;

    off->schema_id = 0;
    off->known = false;
    if (r == HR_ELIMIT) {
        snprintf(off->reason, sizeof off->reason, "%s: no room for another stream", off->stream);
        return stage_stream(cm, HRD_STREAM_INVALID, &off->stream_id);
    }
    if (r == 0 && off->schema != NULL)
        r = stage_schema(cm, off->schema, off->stream_id, &from, off->newest, off->n_changes, &off->schema_id, &off->known, off->reason,
                         &refused);
    return r;
}

static int push(struct hrd_committer *cm, struct hrd_register_msg *reg, int64_t now_wall_ns)
{
    struct hrd_origin from = {.pushed = true, .now_ns = now_wall_ns};
    int r = stage_stream(cm, reg->stream, &reg->stream_id);

    if (r == HR_ELIMIT) {
        reg->error = r;
        snprintf(reg->reason, sizeof reg->reason, "%s: no room for another stream", reg->stream);
        return 0;
    }
    return r != 0 ? r
                  : stage_schema(cm, reg->schema, reg->stream_id, &from, reg->newest, reg->n_changes, &reg->schema_id, &reg->known,
                                 reg->reason, &reg->error);
}

static int settings(struct hrd_committer *cm, struct hrd_register_msg *reg)
{
    int r = reg->stream != NULL ? stage_stream(cm, reg->stream, &reg->stream_id) : 0;

    if (r == HR_ELIMIT) {
        reg->error = r;
        snprintf(reg->reason, sizeof reg->reason, "%s: no room for another stream", reg->stream);
        return 0;
    }
    return r == 0 ? hrd_registry_stage_settings(cm->reg, reg->stream_id, reg->change, &cm->group) : r;
}

int cm_decide_register(struct hrd_committer *cm, struct hrd_register_msg *reg, int64_t now_wall_ns)
{
    int r = 0;

    reg->error = 0;
    reg->stream_id = reg->schema_id = 0;
    if (reg->verb == HRD_REGISTER_PUSH)
        return push(cm, reg, now_wall_ns);
    if (reg->verb == HRD_REGISTER_SETTINGS)
        return settings(cm, reg);
    for (uint32_t i = 0; r == 0 && i < reg->n_ids; i++) {
        r = hrd_registry_stage_delete(cm->reg, reg->schema_ids[i], &cm->group);
        if (r == HR_ENOENT) {
            reg->error = r;
            r = 0;
        }
    }
    return r;
}
