#include "type.h"
#include "alloc.h"
#include <pthread.h>

/* hr_type.index: 0 not used yet; number + 1; or, from here up, UINT32_MAX + code for a type that was refused. */
#define REFUSED (UINT32_MAX - 255)

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static struct hrs_type *types[HRS_MAX_TYPES];
static _Atomic uint32_t n_types;
static struct opened {
    struct opened *next;
    hr_type type;
} *opened; /* of hr_type_open */

void hrs_types_fork(bool before)
{
    if (before)
        pthread_mutex_lock(&mutex);
    else
        pthread_mutex_unlock(&mutex);
}

uint32_t hrs_type_count(void) { return atomic_load_explicit(&n_types, memory_order_acquire); }

struct hrs_type *hrs_type_get(uint32_t index) { return index < hrs_type_count() ? types[index] : NULL; }

/* The number of t, which is taken or freed. */
static int enter(struct hrs_type *t, uint32_t *ret, struct hr_error *err)
{
    uint32_t n = hrs_type_count();
    bool same;

    for (uint32_t i = 0; i < n; i++) {
        if (strcmp(types[i]->stream, t->stream) != 0)
            continue;
        same = memcmp(types[i]->fingerprint, t->fingerprint, sizeof t->fingerprint) == 0;
        *ret = i;
        if (!same)
            hr_error_set(err, HR_ESCHEMA, "%s: this process already logs it with another schema", t->stream);
        hrs_type_free(t);
        return same ? 0 : HR_ESCHEMA;
    }
    if (n == HRS_MAX_TYPES) {
        hr_error_set(err, HR_ELIMIT, "%s: more than %u event types in one process", t->stream, HRS_MAX_TYPES);
        hrs_type_free(t);
        return HR_ELIMIT;
    }
    types[n] = t;
    atomic_store_explicit(&n_types, n + 1, memory_order_release); /* pairs with the acquire in hrs_type_count */
    *ret = n;
    return 0;
}

/* With the mutex. */
static int register_type(hr_type *type, uint32_t *ret, struct hr_error *err)
{
    struct hrs_type *t;
    int r;

    if (type->stream == NULL || type->descriptor_set == NULL)
        return hr_error_set(err, HR_EINVAL, "an event type needs a name and a descriptor set");
    r = hrs_type_new(type->descriptor_set, type->descriptor_bytes, type->stream, &t, err);
    if (r == 0)
        r = enter(t, ret, err);
    if (r == 0)
        __atomic_store_n(&type->index, *ret + 1, __ATOMIC_RELEASE); /* pairs with the acquire in hr_row_begin */
    else if (!hr_error_retriable(r))
        __atomic_store_n(&type->index, UINT32_MAX - (uint32_t)-r, __ATOMIC_RELEASE);
    return r;
}

int hrs_type_index(hr_type *type, uint32_t *ret, struct hr_error *err)
{
    uint32_t index = __atomic_load_n(&type->index, __ATOMIC_ACQUIRE);
    int r = 0;

    if (index == 0) {
        pthread_mutex_lock(&mutex);
        index = type->index;
        if (index == 0)
            r = register_type(type, ret, err);
        pthread_mutex_unlock(&mutex);
        if (index == 0)
            return r;
    }
    if (index > REFUSED) {
        r = -(int)(UINT32_MAX - index);
        return hr_error_set(err, r, "%s: %s", type->stream, hr_strerror(r));
    }
    *ret = index - 1;
    return 0;
}

/* ---- types read at run time ---- */

/* Two sets that mean the same type give the same number, and so the same object. */
static hr_type *find_opened(uint32_t index)
{
    for (struct opened *o = opened; o != NULL; o = o->next)
        if (o->type.index == index + 1)
            return &o->type;
    return NULL;
}

static int add_opened(uint32_t index, hr_type **ret)
{
    const struct hrs_type *t = types[index];
    struct opened *o = hrp_calloc(1, sizeof *o);

    if (o == NULL)
        return HR_ENOMEM;
    o->type.stream = t->stream;
    o->type.descriptor_set = t->set;
    o->type.descriptor_bytes = t->n_set;
    o->type.index = index + 1;
    o->next = opened;
    opened = o;
    *ret = &o->type;
    return 0;
}

int hr_type_open(const uint8_t *descriptor_set, size_t n_bytes, const char *full_name, hr_type **ret, struct hr_error *err)
{
    struct hrs_type *t;
    uint32_t index;
    int r;

    if (descriptor_set == NULL || full_name == NULL || ret == NULL)
        return hr_error_set(err, HR_EINVAL, "an event type needs a name and a descriptor set");
    r = hrs_type_new(descriptor_set, n_bytes, full_name, &t, err);
    if (r != 0)
        return r;
    pthread_mutex_lock(&mutex);
    r = enter(t, &index, err);
    if (r == 0) {
        *ret = find_opened(index);
        if (*ret == NULL)
            r = add_opened(index, ret);
    }
    pthread_mutex_unlock(&mutex);
    return r;
}
