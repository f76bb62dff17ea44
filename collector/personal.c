/* A value that comes a thousand times in a batch is hashed once: a table of what was hashed, open addressing, with the values in
 * one buffer behind it. Where a value falls depends on the key, so no producer can choose values that fall on one place; and after
 * a few steps a value is hashed again instead of being looked for. */
#include "personal.h"
#include "alloc.h"
#include "io.h"
#include <errno.h>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>

#define STEPS 16u
#define FIRST_CAP 256u

struct hrd_personal {
    uint8_t key[HRD_PERSONAL_KEY_BYTES];
};

/* ---- the key ---- */

int hrd_personal_of_key(const uint8_t key[HRD_PERSONAL_KEY_BYTES], struct hrd_personal **ret)
{
    *ret = hrp_memdup(key, HRD_PERSONAL_KEY_BYTES);
    return *ret != NULL ? 0 : HR_ENOMEM;
}

void hrd_personal_free(struct hrd_personal *p)
{
    if (p != NULL)
        OPENSSL_cleanse(p->key, sizeof p->key);
    hrp_free(p);
}

static int random_bytes(uint8_t *p, size_t n)
{
    while (n != 0) {
        ssize_t got = getrandom(p, n, 0);

        if (got < 0 && errno != EINTR)
            return HR_EIO;
        if (got > 0) {
            p += got;
            n -= (size_t)got;
        }
    }
    return 0;
}

/* The name must be on the disk before the first value is hashed: with another key the same value would have another hash. */
static int sync_folder(const char *path)
{
    const char *slash = strrchr(path, '/');
    char folder[4096] = ".";
    int fd = -1, r;

    if (slash != NULL && (size_t)snprintf(folder, sizeof folder, "%.*s", slash == path ? 1 : (int)(slash - path), path) >= sizeof folder)
        return HR_EINVAL;
    r = hrp_open_at(AT_FDCWD, folder, O_RDONLY | O_DIRECTORY, 0, &fd);
    if (r == 0)
        r = hrp_fsync(fd);
    hrp_close(fd);
    return r;
}

/* O_EXCL: whoever else makes it now is not overwritten. A crash in between leaves a short file, and the next start says so. */
static int make_key(const char *path, struct hr_error *err)
{
    uint8_t key[HRD_PERSONAL_KEY_BYTES];
    int fd = -1, r = hrp_open_at(AT_FDCWD, path, O_WRONLY | O_CREAT | O_EXCL, 0600, &fd);

    if (r == 0)
        r = random_bytes(key, sizeof key);
    if (r == 0)
        r = hrp_write_all(fd, key, sizeof key);
    if (r == 0)
        r = hrp_fsync(fd);
    if (r == 0)
        r = sync_folder(path);
    hrp_close(fd);
    OPENSSL_cleanse(key, sizeof key);
    return r == 0 ? 0 : hr_error_set(err, r, "personal_key_file: %.300s: it can't be made: %s", path, strerror(errno));
}

static int read_key(const char *path, int fd, struct hrd_personal *p, struct hr_error *err)
{
    struct stat st;
    int r = hrp_stat(fd, &st);

    if (r == 0 && (st.st_mode & 077) != 0)
        return hr_error_set(err, HR_EINVAL, "personal_key_file: %.300s: others than its owner may read it: chmod 600", path);
    if (r == 0 && st.st_size != HRD_PERSONAL_KEY_BYTES)
        return hr_error_set(err, HR_EINVAL, "personal_key_file: %.300s: %lld bytes instead of %u", path, (long long)st.st_size,
                            HRD_PERSONAL_KEY_BYTES);
    if (r == 0)
        r = hrp_read_exact(fd, p->key, sizeof p->key);
    return r == 0 ? 0 : hr_error_set(err, r, "personal_key_file: %.300s: %s", path, hr_strerror(r));
}

int hrd_personal_open(const char *path, struct hrd_personal **ret, struct hr_error *err)
{
    struct hrd_personal *p = hrp_calloc(1, sizeof *p);
    int fd = -1, r;

    if (p == NULL)
        return hr_error_set(err, HR_ENOMEM, "%s", hr_strerror(HR_ENOMEM));
    r = hrp_open_at(AT_FDCWD, path, O_RDONLY, 0, &fd);
    if (r == HR_ENOENT) {
        r = make_key(path, err);
        if (r != 0) {
            hrd_personal_free(p);
            return r;
        }
        r = hrp_open_at(AT_FDCWD, path, O_RDONLY, 0, &fd);
    }
    r = r == 0 ? read_key(path, fd, p, err) : hr_error_set(err, r, "personal_key_file: %.300s: %s", path, strerror(errno));
    hrp_close(fd);
    if (r != 0)
        hrd_personal_free(p);
    else
        *ret = p;
    return r;
}

int hrd_personal_hash(const struct hrd_personal *p, const void *value, size_t n, uint8_t ret[HRD_PERSONAL_HASH_BYTES])
{
    uint8_t mac[EVP_MAX_MD_SIZE];
    unsigned n_mac = 0;

    if (HMAC(EVP_sha256(), p->key, sizeof p->key, value, n, mac, &n_mac) == NULL)
        return HR_ENOMEM;
    memcpy(ret, mac, HRD_PERSONAL_HASH_BYTES);
    return 0;
}

/* ---- which fields ---- */

bool hrd_personal_hashed(const struct hrp_node *node) { return node->options != NULL && node->options->action == HRP_PERSONAL_HASH; }

bool hrd_personal_any(const struct hrp_schema *schema)
{
    for (uint32_t id = 0; id < hrp_schema_n_nodes(schema); id++)
        if (hrd_personal_hashed(&hrp_schema_nodes(schema)[id]))
            return true;
    return false;
}

/* ---- each distinct value once ---- */

struct slot {
    uint64_t hash;           /* where it falls; 0: free */
    uint32_t n;
    size_t at;               /* in hiding.values */
    char hex[2 * HRD_PERSONAL_HASH_BYTES];
    uint8_t raw[HRD_PERSONAL_HASH_BYTES];
};
struct hiding {
    const struct hrd_personal *p;
    bool (*done)(void *arg, const struct hrp_node *node);
    void *arg;
    struct slot *slots;      /* [cap], a power of two */
    uint32_t n, cap;
    struct hrp_buf values;
    struct slot once;        /* of a value that found no place */
};

static void hiding_fini(struct hiding *h)
{
    hrp_free(h->slots);
    hrp_buf_fini(&h->values);
}

static struct slot *place(const struct hiding *h, struct slot *slots, uint32_t cap, uint64_t hash, const uint8_t *p, size_t n)
{
    for (uint32_t i = 0; i < STEPS; i++) {
        struct slot *s = &slots[(hash + i) & (cap - 1)];

        if (s->hash == 0 || (p != NULL && s->hash == hash && s->n == n && memcmp(h->values.p + s->at, p, n) == 0))
            return s;
    }
    return NULL;
}

/* Without memory it stays as it is, and more values are hashed again. */
static void grow(struct hiding *h)
{
    uint32_t cap = h->cap != 0 ? 2 * h->cap : FIRST_CAP;
    struct slot *slots = hrp_calloc(cap, sizeof *slots);

    if (slots == NULL)
        return;
    for (uint32_t i = 0; i < h->cap; i++) {
        struct slot *to = h->slots[i].hash != 0 ? place(h, slots, cap, h->slots[i].hash, NULL, 0) : NULL;

        if (to != NULL)
            *to = h->slots[i];
    }
    hrp_free(h->slots);
    h->slots = slots;
    h->cap = cap;
}

static int fill(struct hiding *h, struct slot *s, const uint8_t *p, size_t n)
{
    static const char digits[] = "0123456789abcdef";
    int r = hrd_personal_hash(h->p, p, n, s->raw);

    for (unsigned i = 0; i < HRD_PERSONAL_HASH_BYTES; i++) {
        s->hex[2 * i] = digits[s->raw[i] >> 4];
        s->hex[2 * i + 1] = digits[s->raw[i] & 15];
    }
    return r;
}

static int find(struct hiding *h, const uint8_t *p, size_t n, const struct slot **ret)
{
    uint64_t seed, hash;
    struct slot *s;
    int r;

    memcpy(&seed, h->p->key, sizeof seed);
    hash = hrp_hash64_seeded(p, n, seed) | 1;
    if (h->cap == 0 || h->n > h->cap / 2)
        grow(h);
    s = h->cap != 0 ? place(h, h->slots, h->cap, hash, p, n) : NULL;
    *ret = s != NULL ? s : &h->once;
    if (s != NULL && s->hash != 0)
        return 0;
    r = fill(h, s != NULL ? s : &h->once, p, n);
    if (r != 0 || s == NULL)
        return r;
    s->at = h->values.n;
    s->n = (uint32_t)n;
    hrp_put_bytes(&h->values, p, n);
    if (h->values.err != 0)
        return h->values.err;
    s->hash = hash;
    h->n++;
    return 0;
}

static int replace(void *arg, const struct hrp_node *node, const uint8_t *p, size_t n, const uint8_t **ret_p, size_t *ret_n)
{
    struct hiding *h = arg;
    const struct slot *s;
    bool text = node->pb_type == 9;
    int r;

    if (h->done != NULL && h->done(h->arg, node)) {
        *ret_p = p;
        *ret_n = n;
        return 0;
    }
    r = find(h, p, n, &s);
    if (r != 0)
        return r;
    *ret_p = text ? (const uint8_t *)s->hex : s->raw;
    *ret_n = text ? sizeof s->hex : sizeof s->raw;
    return 0;
}

/* ---- a batch ---- */

struct copy {
    const struct hrd_batch_msg *bat;
    struct hrp_builder *b;
    struct hrp_cursor *cursor; /* NULL: no typed rows */
    struct hrp_buf row;
    uint32_t raw;              /* rows taken so far */
};

static int copy_row(struct copy *c)
{
    struct hrp_row_id id;
    int r = hrp_cursor_id(c->cursor, &id);

    hrp_buf_clear(&c->row);
    if (r == 0)
        r = hrp_cursor_wire(c->cursor, &c->row);
    return r == 0 ? hrp_builder_add(c->b, id.lane, id.n, id.event_time_ns, id.weight, id.flags, c->row.p, c->row.n, NULL) : r;
}

/* With the reason that was given to its record, which repeats no value. */
static int copy_raw(struct copy *c, const struct hrp_segment *seg, uint64_t n)
{
    uint32_t i = c->raw++;

    return hrp_builder_add_raw(c->b, seg->lane, n, c->bat->batch->raw[i].event_time_ns, c->bat->raw_asides[i].reason, NULL, 0);
}

static int copy_segment(struct copy *c, const struct hrp_segment *seg)
{
    int r = 0;

    if (seg->kind == HRP_SEG_DROP)
        return hrp_builder_add_drop(c->b, seg->lane, seg->first_n, seg->count, seg->reason);
    for (uint64_t i = 0; r == 0 && i < seg->count; i++)
        r = seg->kind == HRP_SEG_ROWS ? copy_row(c) : copy_raw(c, seg, seg->first_n + i);
    return r;
}

static int copy_all(struct copy *c, struct hiding *h, struct hrp_buf *out)
{
    const struct hrp_batch_head *head = &c->bat->head;
    int r = hrp_builder_new(c->bat->batch->schema, &c->b);

    if (r == 0)
        hrp_builder_replace(c->b, replace, h);
    if (r == 0 && head->n_rows != 0)
        r = hrp_cursor_new(c->bat->batch, &c->cursor);
    for (uint32_t i = 0; r == 0 && i < head->n_segments; i++)
        r = copy_segment(c, &head->segments[i]);
    if (r == 0)
        r = hrp_builder_seal(c->b, &head->incarnation, head->batch_id, head->type_id, out);
    hrp_cursor_free(c->cursor);
    hrp_builder_free(c->b);
    hrp_buf_fini(&c->row);
    return r;
}

/* The new one takes the old one's place; out is the message's then. */
static int put_in_place(struct hrd_batch_msg *bat, struct hrp_buf *out)
{
    struct hrp_batch_head head;
    struct hrp_batch *batch;
    int r = hrp_batch_head_read(out->p, out->n, &hrp_limits_stored, &head);

    if (r != 0)
        return r;
    r = hrp_batch_open(out->p, out->n, bat->batch->schema, &hrp_limits_stored, &batch, NULL);
    if (r != 0) {
        hrp_batch_head_fini(&head);
        return r;
    }
    hrp_batch_free(bat->batch);
    hrp_batch_head_fini(&bat->head);
    hrp_free(bat->bytes);
    bat->batch = batch;
    bat->head = head;
    bat->bytes = out->p;
    bat->n_bytes = out->n;
    *out = (struct hrp_buf)HRP_BUF_INIT;
    hrp_batch_sizes(batch, &bat->sizes);
    return 0;
}

int hrd_personal_hide(const struct hrd_personal *p, struct hrd_batch_msg *bat)
{
    struct hiding h = {.p = p};
    struct copy c = {.bat = bat, .row = HRP_BUF_INIT};
    struct hrp_buf out = HRP_BUF_INIT;
    int r = copy_all(&c, &h, &out);

    if (r == 0)
        r = put_in_place(bat, &out);
    hiding_fini(&h);
    hrp_buf_fini(&out);
    return r == 0 || r == HR_ENOMEM ? r : HR_ELIMIT;
}

/* ---- a row ---- */

static int hide_row(struct hiding *h, struct hrp_schema *schema, const uint8_t *row, size_t n, struct hrp_buf *out)
{
    static const struct hrp_id nobody;
    struct hrp_buf sealed = HRP_BUF_INIT;
    struct hrp_cursor *cursor = NULL;
    struct hrp_batch *batch = NULL;
    struct hrp_builder *b;
    int r = hrp_builder_new(schema, &b);

    if (r != 0)
        return r;
    hrp_builder_replace(b, replace, h);
    r = hrp_builder_add(b, 0, 1, 0, 1, 0, row, n, NULL);
    if (r == 0)
        r = hrp_builder_seal(b, &nobody, 0, 0, &sealed);
    if (r == 0)
        r = hrp_batch_open(sealed.p, sealed.n, schema, &hrp_limits_stored, &batch, NULL);
    if (r == 0)
        r = hrp_cursor_new(batch, &cursor);
    if (r == 0)
        r = hrp_cursor_wire(cursor, out);
    hrp_cursor_free(cursor);
    hrp_batch_free(batch);
    hrp_builder_free(b);
    hrp_buf_fini(&sealed);
    return r;
}

int hrd_personal_hide_row(const struct hrd_personal *p, struct hrp_schema *schema, bool (*done)(void *arg, const struct hrp_node *node),
                          void *arg, const uint8_t *row, size_t n, struct hrp_buf *out)
{
    struct hiding h = {.p = p, .done = done, .arg = arg};
    int r = hide_row(&h, schema, row, n, out);

    hiding_fini(&h);
    return r;
}
