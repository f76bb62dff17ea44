/* What registry.c and registry_load.c share. */
#ifndef HRD_REGISTRY_IMPL_H
#define HRD_REGISTRY_IMPL_H
#include "registry.h"
#include <pthread.h>

#define REG_FORMAT 1
#define REG_MAX_IDS 65536u /* streams, and schemas */

struct reg_stream {
    char *name;               /* owned; NULL: its record is missing in the store */
    uint32_t schema_id;       /* newest published */
};
struct reg_schema {
    uint8_t fingerprint[16];
    uint32_t stream_id;       /* 0: only the fingerprint is known, its bytes are damaged */
    struct hrp_schema *schema, *staged; /* references */
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
    uint32_t damaged;
    bool staged;              /* something waits for publish or rollback */
};

/* registry.c: room for ids up to n; readers look at the arrays, so they move under the lock. */
int reg_reserve_streams(struct hrd_registry *reg, uint32_t n);
int reg_reserve_schemas(struct hrd_registry *reg, uint32_t n);
void reg_publish_all(struct hrd_registry *reg);
#endif
