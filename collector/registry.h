/* Streams and schemas: names and fingerprints to small numbers and back.
 *
 * The committer learns (stages, has the store write, then publishes); every other thread reads what is published, which is
 * durable. Entries are only ever added; a schema is immutable and counted, so a reader takes a reference and needs no lock. */
#ifndef HRD_REGISTRY_H
#define HRD_REGISTRY_H
#include "compat.h"
#include "log.h"
#include "policy.h"
#include "rules.h"
struct hrd_registry;

#define HRD_STREAM_NAME_MAX 255u
#define HRD_STREAM_INVALID "_invalid"  /* the stream of offers whose own name is none: their rows are set aside here */

/* [A-Za-z_][A-Za-z0-9_]* joined by single dots, at most HRD_STREAM_NAME_MAX bytes. */
bool hrd_stream_name_valid(const char *name);

/* Reads all from the store. A schema whose bytes are damaged is left out and counted, not fatal. */
int hrd_registry_open(struct hrd_log *log, struct hrd_registry **ret, struct hr_error *err);
void hrd_registry_free(struct hrd_registry *reg);

/* ---- reading; any thread. Ids start at 1; 0 means none ---- */
struct hrd_stream_info {
    uint32_t stream_id, schema_id;   /* schema_id: the newest; 0: none was ever accepted */
    char name[HRD_STREAM_NAME_MAX + 1];
};
uint32_t hrd_registry_n_streams(struct hrd_registry *reg);          /* ids are 1..n */
int hrd_registry_stream(struct hrd_registry *reg, uint32_t stream_id, struct hrd_stream_info *ret);  /* HR_ENOENT */
int hrd_registry_stream_by_name(struct hrd_registry *reg, const char *name, struct hrd_stream_info *ret);
/* A reference: hrp_schema_unref. NULL: no such schema, or its stored bytes are damaged. */
struct hrp_schema *hrd_registry_schema(struct hrd_registry *reg, uint32_t schema_id);
int hrd_registry_by_fingerprint(struct hrd_registry *reg, const uint8_t fingerprint[16], uint32_t *ret_schema_id, uint32_t *ret_stream_id);
uint32_t hrd_registry_damaged(struct hrd_registry *reg);            /* schemas left out at open */

/* ---- versions: subject = stream. A version is a schema under a number, 1.. dense per subject, never reused; ids are global ---- */
enum hrd_mode { HRD_MODE_OPEN, HRD_MODE_LOCKED, HRD_MODE_READONLY }; /* learn at connect; only pushed schemas; nothing new at all */
struct hrd_version {
    uint32_t version, schema_id, stream_id;
    bool deleted;                    /* soft: clients are refused, stored rows stay readable */
    bool pushed;                     /* by an operator; else learnt at connect */
    int64_t registered_ns;
};
/* Versions of a stream, ascending, deleted ones too: *ret is the caller's, hrp_free. */
int hrd_registry_versions(struct hrd_registry *reg, uint32_t stream_id, struct hrd_version **ret, uint32_t *ret_n);
int hrd_registry_version_of(struct hrd_registry *reg, uint32_t schema_id, struct hrd_version *ret); /* HR_ENOENT */
/* The validator of a schema; NULL with err: its rules can't be checked. Borrowed, lives as long as the registry. Any thread. */
const struct hrp_rules *hrd_registry_rules(struct hrd_registry *reg, uint32_t schema_id, struct hr_error *err);
/* Settings of a stream, or the global ones for those not set (stream_id 0: the global ones). policy.h has the actions. */
struct hrd_settings {
    enum hrp_compat_mode compat;
    enum hrd_mode mode;
    struct hrd_policy policy;
    bool own_compat, own_mode, own_policy; /* set for this stream itself */
};
int hrd_registry_settings(struct hrd_registry *reg, uint32_t stream_id, struct hrd_settings *ret);
/* Grows with each change that was published, never 0: who keeps settings looks whether theirs are still those. Any thread, no lock. */
uint64_t hrd_registry_changes(struct hrd_registry *reg);
/* May this schema be the stream's next version (stream_id 0: its first), by mode and by compatibility with the versions that are not
 * deleted? What is known and not deleted always may. pushed: by an operator, so a locked registry takes it. Any thread. */
enum hrd_admit { HRD_ADMIT_ACCEPTED, HRD_ADMIT_KNOWN, HRD_ADMIT_SEMANTIC, HRD_ADMIT_INCOMPATIBLE, HRD_ADMIT_MODE /* or deleted */ };
struct hrd_admission {
    enum hrd_admit verdict;
    uint32_t known_id, known_version; /* the same schema is there, also a deleted one; 0: it is not */
    uint32_t newest;                 /* schema id that it was compared with; 0: none */
    uint64_t n_changes;              /* hrd_registry_changes at that time */
    struct hrp_changes changes;      /* from the newest version, or from the one that it breaks */
    uint32_t against;                /* that version; 0: none */
};
/* 0; HR_ESCHEMA: no, and err is the sentence for whoever offered it; HR_ENOMEM, HR_ELIMIT. ret is to be ended in any case. */
int hrd_registry_admit(struct hrd_registry *reg, uint32_t stream_id, struct hrp_schema *schema, bool pushed, struct hrd_admission *ret,
                       struct hr_error *err);
void hrd_admission_fini(struct hrd_admission *adm);

/* ---- learning; the committer's thread. What is staged is seen by hrd_registry_stage_* only, until publish ---- */
int hrd_registry_stage_stream(struct hrd_registry *reg, const char *name, struct hrd_group *g, uint32_t *ret_stream_id);
/* Once more, against what is staged, unless nothing has changed since newest and n_changes were true. */
int hrd_registry_stage_admit(struct hrd_registry *reg, uint32_t stream_id, struct hrp_schema *schema, bool pushed, uint32_t newest,
                             uint64_t n_changes, struct hr_error *err);
/* Where a schema came from; NULL: learnt at connect, at no known time. What is there already and pushed now is pushed from then on,
 * and not deleted any more, under its old id and version. */
struct hrd_origin {
    bool pushed;
    int64_t now_ns;
};
int hrd_registry_stage_schema(struct hrd_registry *reg, struct hrp_schema *schema, uint32_t stream_id, const struct hrd_origin *from,
                              struct hrd_group *g, uint32_t *ret_schema_id, bool *ret_known);
int hrd_registry_stage_delete(struct hrd_registry *reg, uint32_t schema_id, struct hrd_group *g); /* HR_ENOENT; fine when it is */
struct hrd_settings_change {
    bool compat, mode;               /* which of `to` are meant */
    unsigned kinds;                  /* a bit for each kind of the policy that is */
    bool unset;                      /* back to the global ones; of these, to the default. kinds: all of the policy */
    struct hrd_settings to;
};
/* stream_id 0: the global ones. HR_ENOENT: no such stream. */
int hrd_registry_stage_settings(struct hrd_registry *reg, uint32_t stream_id, const struct hrd_settings_change *c, struct hrd_group *g);
void hrd_registry_publish(struct hrd_registry *reg);   /* the group is durable */
void hrd_registry_rollback(struct hrd_registry *reg);  /* it failed; its outcome is read back by reload */
int hrd_registry_reload(struct hrd_registry *reg, struct hr_error *err); /* after the store was reopened: adds what it lacks */

/* The stream's record in the store, HRD_CF_SCHEMAS 's': what the committer keeps per stream, in the rows' own write. */
struct hrd_stream_record {
    uint32_t stream_id;
    uint64_t next_offset, next_quarantine;
    uint64_t rows, blocks, quarantined;
    uint64_t header_bytes, envelope_bytes, field_bytes, raw_bytes, index_bytes;
    int64_t newest_receive_ns, newest_event_ns;
};
void hrd_stream_record_put(struct hrd_group *g, const char *name, const struct hrd_stream_record *rec, struct hrp_buf *scratch);
int hrd_stream_record_read(const uint8_t *value, size_t n, struct hrd_stream_record *ret);
#endif
