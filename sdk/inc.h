/* One incarnation: a start of a client, this process's own or that of a dead one whose folder was adopted. Identity, event
 * types, and what its two files say. No file calls here: meta and types are encoded to and decoded from bytes.
 *
 *   meta    "HRMETA1\n", u32 check of the rest, then: id[16], producer[16], u64 born_ns, u64 pid, lenbytes app, app_version,
 *           host, boot id
 *   types   any number of: u32 magic, u32 length of the rest, u32 check of the rest, varint type id, lenbytes stream,
 *           fingerprint[16], lenbytes descriptor set. A torn one at the end is one whose first row was never logged. */
#ifndef HRS_INC_H
#define HRS_INC_H
#include "lane.h"
#include "schema.h"

/* An event type as the SDK knows it. Immutable; own types live as long as the process, adopted ones as their incarnation. */
struct hrs_type {
    char *stream;
    uint8_t fingerprint[16];
    uint8_t *set;              /* canonical FileDescriptorSet */
    size_t n_set;
    struct hrp_schema *schema; /* NULL: the set can't be read (adopted, damaged): rows travel raw */
};
/* Type from a set; any set with the message will do, the canonical one is kept. */
int hrs_type_new(const uint8_t *set, size_t n_set, const char *stream, struct hrs_type **ret, struct hr_error *err);
void hrs_type_free(struct hrs_type *t);

enum hrs_offer { HRS_OFFER_NONE, HRS_OFFER_ASKED, HRS_OFFER_SENT, HRS_OFFER_DONE };

struct hrs_batcher;
struct hrs_inc {
    struct hrp_id id, producer;
    int64_t born_ns;
    uint64_t pid;
    char *app, *app_version, *host, *boot;
    bool own;                  /* this process logs into it; else adopted */
    bool other_boot;           /* adopted, from before a reboot: its lanes' pages may be of different moments, so no drop is
                                  concluded from a gap, and floors are not believed */
    /* Set by the thread that logs the type's first row (own) or before use (adopted). release: pairs with hrs_inc_type */
    _Atomic(struct hrs_type *) types[HRS_MAX_TYPES];

    /* the rest belongs to the thread of the agent */
    struct hrs_batcher *batcher;
    uint64_t next_batch_id;
    struct hrp_id store;       /* generation its batches were first sent to; all zero: never sent (rule 9) */
    bool store_known;
    bool finishing;            /* nothing will be logged any more: a closing report may go when all is acknowledged */
    bool closed;               /* the closing report is durable: the folder can go */
    bool gone;                 /* another took it away: forget it (no more I/O) */
    void *owner;               /* the shell's: its folder */

    /* of the present connection */
    bool announced;
    uint8_t offers[HRS_MAX_TYPES]; /* enum hrs_offer */
    bool refused[HRS_MAX_TYPES];
    uint64_t report_id, closing_report_id;
    int64_t report_at_mono_ns;
    uint64_t reported_sum;     /* of next and floor in the last report: nothing new, nothing sent */
};
/* Strings are copied. */
int hrs_inc_new(const struct hrp_id *id, const struct hrp_id *producer, const char *app, const char *app_version, const char *host,
                const char *boot, uint64_t pid, int64_t born_ns, struct hrs_inc **ret);
void hrs_inc_free(struct hrs_inc *inc); /* also its batcher; adopted types */
static inline struct hrs_type *hrs_inc_type(struct hrs_inc *inc, uint32_t type)
{
    return atomic_load_explicit(&inc->types[type], memory_order_acquire);
}

void hrs_meta_encode(const struct hrs_inc *inc, struct hrp_buf *out);
int hrs_meta_decode(const uint8_t *p, size_t n, struct hrs_inc **ret); /* HR_ECORRUPT, HR_ENOMEM */
void hrs_types_encode(uint32_t type_id, const struct hrs_type *t, struct hrp_buf *out);
/* Adds what can be read to inc; *ret_torn: damaged entries. HR_ENOMEM. */
int hrs_types_decode(struct hrs_inc *inc, const uint8_t *p, size_t n, uint64_t *ret_torn);
#endif
