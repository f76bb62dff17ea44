/* hr_log_message: any message that protobuf-c generated, packed straight into the lane.
 *
 * The type is found by its descriptor's address, in a table that only grows: a slot is set once, by compare and swap, and
 * read without a lock. Two threads may both make the same type; hr_type_open gives them one object, and one entry wins.
 * An address names one type for good, so a library with descriptors must not be unloaded once its messages were logged. */
#include "pbc.h"
#include "alloc.h"
#include "lane.h"
#include <headrace_row.h>
#include <stdatomic.h>

enum { N_SLOTS = 2 * HRS_MAX_TYPES };

struct entry { /* never changed, never freed */
    const ProtobufCMessageDescriptor *d;
    hr_type *type;
    int err; /* why type is NULL: a refusal is remembered, so that it costs no more than a look */
};
static _Atomic(struct entry *) slots[N_SLOTS];

static size_t slot_of(const ProtobufCMessageDescriptor *d)
{
    return (size_t)(((uint64_t)(uintptr_t)d * 0x9e3779b97f4a7c15u) >> 32) % N_SLOTS;
}

static const struct entry *find(const ProtobufCMessageDescriptor *d)
{
    for (size_t i = slot_of(d), n = 0; n < N_SLOTS; i = (i + 1) % N_SLOTS, n++) {
        const struct entry *e = atomic_load_explicit(&slots[i], memory_order_acquire); /* pairs with the swap in keep */

        if (e == NULL || e->d == d)
            return e;
    }
    return NULL;
}

/* Puts e into the table and returns what is there for e->d then; NULL: the table is full. */
static const struct entry *keep(struct entry *e)
{
    for (size_t i = slot_of(e->d), n = 0; n < N_SLOTS; i = (i + 1) % N_SLOTS, n++) {
        struct entry *there = NULL;

        if (atomic_compare_exchange_strong_explicit(&slots[i], &there, e, memory_order_acq_rel, memory_order_acquire))
            return e;
        if (there->d == e->d) {
            hrp_free(e);
            return there;
        }
    }
    hrp_free(e);
    return NULL;
}

static int open_type(const ProtobufCMessageDescriptor *d, hr_type **ret)
{
    struct hrp_buf set = HRP_BUF_INIT;
    int r = hrs_pbc_set(d, &set, NULL);

    if (r == 0)
        r = hr_type_open(set.p, set.n, d->name, ret, NULL);
    hrp_buf_fini(&set);
    return r;
}

/* A type's first call in this process. */
static __attribute__((noinline)) int learn(const ProtobufCMessageDescriptor *d, const struct entry **ret)
{
    hr_type *type = NULL;
    int r = open_type(d, &type);
    struct entry *e;

    if (hr_error_retriable(r))
        return r;
    e = hrp_malloc(sizeof *e);
    if (e == NULL)
        return HR_ENOMEM;
    *e = (struct entry){d, type, r};
    *ret = keep(e);
    return *ret != NULL ? 0 : HR_ELIMIT;
}

int hr_log_message(hr_client *client, const ProtobufCMessage *msg, int64_t event_time_ns)
{
    const struct entry *e;
    hr_row r;
    uint8_t *p;
    int err;

    if (msg == NULL || msg->descriptor == NULL || msg->descriptor->magic != PROTOBUF_C__MESSAGE_DESCRIPTOR_MAGIC)
        return HR_EINVAL;
    e = find(msg->descriptor);
    if (e == NULL) {
        err = learn(msg->descriptor, &e);
        if (err != 0)
            return err;
    }
    if (e->type == NULL)
        return e->err;
    p = hr_row_begin(client, e->type, protobuf_c_message_get_packed_size(msg), event_time_ns, &r);
    return p != NULL ? hr_row_end(&r, p + protobuf_c_message_pack(msg, p)) : r.err;
}
