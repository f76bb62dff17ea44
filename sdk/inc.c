#include "inc.h"
#include "alloc.h"
#include "batcher.h"

#define META_MAGIC "HRMETA1\n"
#define META_MAGIC_BYTES 8
#define TYPES_MAGIC 0x59545248u /* "HRTY" */

/* ---- types ---- */

static struct hrs_type *type_alloc(const char *stream, size_t n_stream, const uint8_t *set, size_t n_set)
{
    struct hrs_type *t = hrp_calloc(1, sizeof *t);

    if (t == NULL)
        return NULL;
    t->stream = hrp_calloc(1, n_stream + 1);
    t->set = hrp_memdup(set, n_set);
    if (t->stream == NULL || t->set == NULL) {
        hrs_type_free(t);
        return NULL;
    }
    memcpy(t->stream, stream, n_stream);
    t->n_set = n_set;
    return t;
}

int hrs_type_new(const uint8_t *set, size_t n_set, const char *stream, struct hrs_type **ret, struct hr_error *err)
{
    struct hrp_schema *schema;
    struct hrs_type *t;
    const uint8_t *canonical;
    int r = hrp_schema_open(set, n_set, stream, &hrp_limits_default, &schema, err);

    if (r != 0)
        return r;
    canonical = hrp_schema_bytes(schema, &n_set);
    t = type_alloc(stream, strlen(stream), canonical, n_set);
    if (t == NULL) {
        hrp_schema_unref(schema);
        return hr_error_set(err, HR_ENOMEM, "%s: %s", stream, hr_strerror(HR_ENOMEM));
    }
    memcpy(t->fingerprint, hrp_schema_fingerprint(schema), sizeof t->fingerprint);
    t->schema = schema;
    *ret = t;
    return 0;
}

void hrs_type_free(struct hrs_type *t)
{
    if (t == NULL)
        return;
    hrp_schema_unref(t->schema);
    hrp_free(t->stream);
    hrp_free(t->set);
    hrp_free(t);
}

/* ---- life ---- */

int hrs_inc_new(const struct hrp_id *id, const struct hrp_id *producer, const char *app, const char *app_version, const char *host,
                const char *boot, uint64_t pid, int64_t born_ns, struct hrs_inc **ret)
{
    struct hrs_inc *inc = hrp_calloc(1, sizeof *inc);

    if (inc == NULL)
        return HR_ENOMEM;
    inc->id = *id;
    inc->producer = *producer;
    inc->born_ns = born_ns;
    inc->pid = pid;
    inc->next_batch_id = 1;
    inc->app = hrp_strdup(app);
    inc->app_version = hrp_strdup(app_version);
    inc->host = hrp_strdup(host);
    inc->boot = hrp_strdup(boot);
    if (inc->app == NULL || inc->app_version == NULL || inc->host == NULL || inc->boot == NULL) {
        hrs_inc_free(inc);
        return HR_ENOMEM;
    }
    *ret = inc;
    return 0;
}

void hrs_inc_free(struct hrs_inc *inc)
{
    if (inc == NULL)
        return;
    hrs_batcher_free(inc->batcher);
    for (uint32_t i = 0; !inc->own && i < HRS_MAX_TYPES; i++)
        hrs_type_free(hrs_inc_type(inc, i));
    hrp_free(inc->app);
    hrp_free(inc->app_version);
    hrp_free(inc->host);
    hrp_free(inc->boot);
    hrp_free(inc);
}

/* ---- meta ---- */

void hrs_meta_encode(const struct hrs_inc *inc, struct hrp_buf *out)
{
    struct hrp_buf body = HRP_BUF_INIT;

    hrp_put_bytes(&body, inc->id.b, sizeof inc->id.b);
    hrp_put_bytes(&body, inc->producer.b, sizeof inc->producer.b);
    hrp_put_u64(&body, (uint64_t)inc->born_ns);
    hrp_put_u64(&body, inc->pid);
    hrp_put_str(&body, inc->app);
    hrp_put_str(&body, inc->app_version);
    hrp_put_str(&body, inc->host);
    hrp_put_str(&body, inc->boot);
    if (body.err == 0) {
        hrp_put_bytes(out, META_MAGIC, META_MAGIC_BYTES);
        hrp_put_u32(out, hrp_check32(body.p, body.n));
        hrp_put_bytes(out, body.p, body.n);
    } else {
        out->err = body.err;
    }
    hrp_buf_fini(&body);
}

/* A string of meta, as a C string of its own; bytes after a NUL are cut. */
static char *read_str(struct hrp_reader *r)
{
    size_t n;
    const uint8_t *p = hrp_read_lenbytes(r, &n);
    char *s = hrp_calloc(1, n + 1);

    if (s != NULL && n != 0)
        memcpy(s, p, n);
    return s;
}

int hrs_meta_decode(const uint8_t *p, size_t n, struct hrs_inc **ret)
{
    struct hrp_reader r = hrp_reader(p, n);
    const uint8_t *magic = hrp_read_bytes(&r, META_MAGIC_BYTES), *id, *producer;
    uint32_t check = hrp_read_u32(&r);
    struct hrp_id ids[2];
    int64_t born_ns;
    uint64_t pid;
    char *s[4];
    int res = HR_ECORRUPT;

    if (r.bad || memcmp(magic, META_MAGIC, META_MAGIC_BYTES) != 0 || check != hrp_check32(r.p, hrp_reader_left(&r)))
        return HR_ECORRUPT;
    id = hrp_read_bytes(&r, 16);
    producer = hrp_read_bytes(&r, 16);
    born_ns = (int64_t)hrp_read_u64(&r);
    pid = hrp_read_u64(&r);
    for (int i = 0; i < 4; i++)
        s[i] = read_str(&r);
    if (s[0] == NULL || s[1] == NULL || s[2] == NULL || s[3] == NULL)
        res = HR_ENOMEM;
    else if (!r.bad) {
        memcpy(ids[0].b, id, 16);
        memcpy(ids[1].b, producer, 16);
        res = hrs_inc_new(&ids[0], &ids[1], s[0], s[1], s[2], s[3], pid, born_ns, ret);
    }
    for (int i = 0; i < 4; i++)
        hrp_free(s[i]);
    return res;
}

/* ---- types file ---- */

void hrs_types_encode(uint32_t type_id, const struct hrs_type *t, struct hrp_buf *out)
{
    struct hrp_buf body = HRP_BUF_INIT;

    hrp_put_varint(&body, type_id);
    hrp_put_str(&body, t->stream);
    hrp_put_bytes(&body, t->fingerprint, sizeof t->fingerprint);
    hrp_put_lenbytes(&body, t->set, t->n_set);
    if (body.err == 0) {
        hrp_put_u32(out, TYPES_MAGIC);
        hrp_put_u32(out, (uint32_t)body.n);
        hrp_put_u32(out, hrp_check32(body.p, body.n));
        hrp_put_bytes(out, body.p, body.n);
    } else {
        out->err = body.err;
    }
    hrp_buf_fini(&body);
}

static int decode_type(struct hrs_inc *inc, const uint8_t *p, size_t n)
{
    struct hrp_reader r = hrp_reader(p, n);
    uint64_t type_id = hrp_read_varint(&r);
    size_t n_stream, n_set;
    const uint8_t *stream = hrp_read_lenbytes(&r, &n_stream), *print = hrp_read_bytes(&r, 16), *set = hrp_read_lenbytes(&r, &n_set);
    struct hrs_type *t;
    int res;

    if (r.bad || type_id >= HRS_MAX_TYPES || n_stream == 0 || hrs_inc_type(inc, (uint32_t)type_id) != NULL)
        return HR_ECORRUPT;
    t = type_alloc((const char *)stream, n_stream, set, n_set);
    if (t == NULL)
        return HR_ENOMEM;
    memcpy(t->fingerprint, print, 16);
    res = hrp_schema_open(t->set, t->n_set, t->stream, &hrp_limits_default, &t->schema, NULL);
    if (res == HR_ENOMEM) {
        hrs_type_free(t);
        return res;
    }
    /* Another error: a build that reads fewer schemas than the one that wrote it. The rows travel raw. */
    atomic_store_explicit(&inc->types[type_id], t, memory_order_release);
    return 0;
}

int hrs_types_decode(struct hrs_inc *inc, const uint8_t *p, size_t n, uint64_t *ret_torn)
{
    struct hrp_reader r = hrp_reader(p, n);

    *ret_torn = 0;
    while (hrp_reader_left(&r) != 0) {
        uint32_t magic = hrp_read_u32(&r), length = hrp_read_u32(&r), check = hrp_read_u32(&r);
        const uint8_t *body = hrp_read_bytes(&r, length);
        int res;

        if (r.bad || magic != TYPES_MAGIC || check != hrp_check32(body, length)) {
            (*ret_torn)++;
            return 0; /* lengths can't be trusted from here on */
        }
        res = decode_type(inc, body, length);
        if (res == HR_ENOMEM)
            return res;
        *ret_torn += res != 0;
    }
    return 0;
}
