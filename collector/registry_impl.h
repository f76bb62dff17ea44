/* What the files of the registry share: registry.c has the memory and its readers, registry_stage.c what is learned,
 * registry_load.c what comes back from the store, registry_versions.c, registry_settings.c and registry_admit.c what they say. */
#ifndef HRD_REGISTRY_IMPL_H
#define HRD_REGISTRY_IMPL_H
#include "registry.h"
#include <pthread.h>
#include <stdatomic.h>

#define REG_FORMAT_UNNUMBERED 1 /* without version, flags, time and references: still read */
#define REG_FORMAT 2
#define REG_MAX_IDS 65536u /* streams, and schemas */

#define REG_DELETED 1u
#define REG_PUSHED 2u

struct reg_stream {
    char *name;               /* owned; NULL: its record is missing in the store */
    uint32_t schema_id;       /* newest published that is not deleted */
    struct hrd_settings settings, staged;
    bool has_staged;
};
struct reg_meta {
    uint32_t version;         /* of its stream; 0: of an older store, not counted yet */
    uint32_t flags;           /* REG_* */
    int64_t registered_ns;    /* 0: not known */
};
struct reg_schema {
    uint8_t fingerprint[16];
    uint32_t stream_id;       /* 0: only the fingerprint is known, its bytes are damaged */
    struct hrp_schema *schema, *staged; /* references */
    struct reg_meta meta, staged_meta;
    bool has_staged_meta;
    struct hrp_rules *rules;  /* made when first asked for, then kept; NULL: not yet, or they can't be checked */
    char *rules_wrong;        /* why they can't; owned */
};
struct hrd_registry {
    struct hrd_log *log;
    pthread_mutex_t lock;     /* for writing what is published, and for reading by other threads */
    struct reg_stream *streams; /* [n_streams], id - 1 */
    struct reg_schema *schemas; /* [n_schemas], id - 1 */
    uint32_t n_streams, cap_streams, published_streams;
    uint32_t n_schemas, cap_schemas, published_schemas;
    struct hrd_settings global, staged_global;
    bool has_staged_global;
    atomic_uint_least64_t n_settings; /* changes of any setting, and of what is deleted, from 1 */
    uint32_t damaged;
    bool staged;              /* something waits for publish or rollback */
};

/* registry.c: room for ids up to n; readers look at the arrays, so they move under the lock. */
int reg_reserve_streams(struct hrd_registry *reg, uint32_t n);
int reg_reserve_schemas(struct hrd_registry *reg, uint32_t n);
uint32_t reg_find_stream(const struct hrd_registry *reg, const char *name, uint32_t n);            /* 0: none of the first n */
uint32_t reg_find_schema(const struct hrd_registry *reg, const uint8_t fingerprint[16], uint32_t n);
/* registry_stage.c */
void reg_publish_all(struct hrd_registry *reg);
/* As it is for the committer: staged, or else published. NULL, version 0: there is none. */
struct hrp_schema *reg_staged_schema(const struct reg_schema *s);
const struct reg_meta *reg_staged_meta(const struct reg_schema *s);
/* registry_settings.c */
extern const struct hrd_settings reg_settings_default;
int reg_settings_read(const uint8_t *value, size_t n, struct hrd_settings *ret); /* HR_ECORRUPT */
/* The global ones, but for those that are the stream's own. */
struct hrd_settings reg_settings_merge(const struct hrd_settings *global, const struct hrd_settings *own);
#endif
