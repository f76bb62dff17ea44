/* u8 1; varint n; n x (rule with its length and NUL, path likewise, u8 kind, u8 action, varint rows, svarint newest); u32 check32. */
#include "causes.h"
#include "alloc.h"
#include "errors.h"
#include <string.h>

#define FORMAT 1

void hrd_causes_fini(struct hrd_causes *c)
{
    for (uint32_t i = 0; i < c->n; i++) {
        hrp_free(c->list[i].rule);
        hrp_free(c->list[i].path);
    }
    hrp_free(c->list);
    memset(c, 0, sizeof *c);
}

static int add(struct hrd_causes *c, const char *rule, const char *path, uint8_t kind, uint8_t action)
{
    struct hrd_cause cause = {.kind = kind, .action = action};

    if (c->n == c->cap) {
        uint32_t cap = c->cap != 0 ? 2 * c->cap : 8;
        struct hrd_cause *list = hrp_realloc(c->list, cap * sizeof *list);

        if (list == NULL)
            return HR_ENOMEM;
        c->list = list;
        c->cap = cap;
    }
    cause.rule = hrp_strdup(rule);
    cause.path = cause.rule != NULL ? hrp_strdup(path) : NULL;
    if (cause.path == NULL) {
        hrp_free(cause.rule);
        return HR_ENOMEM;
    }
    c->list[c->n++] = cause;
    return 0;
}

int hrd_causes_find(struct hrd_causes *c, const char *rule, const char *path, uint8_t kind, uint8_t action, uint32_t *ret)
{
    for (uint32_t i = 0; i < c->n; i++)
        if (c->list[i].action == action && c->list[i].kind == kind && strcmp(c->list[i].rule, rule) == 0 &&
            strcmp(c->list[i].path, path) == 0) {
            *ret = i;
            return 0;
        }
    if (c->n >= HRD_MAX_CAUSES - 1 && strcmp(rule, HRD_CAUSE_OTHER) != 0)
        return hrd_causes_find(c, HRD_CAUSE_OTHER, "", HRD_KIND_RULE, HRD_ACTION_QUARANTINE, ret);
    *ret = c->n;
    return add(c, rule, path, kind, action);
}

int hrd_causes_copy(const struct hrd_causes *c, struct hrd_causes *ret)
{
    memset(ret, 0, sizeof *ret);
    for (uint32_t i = 0; i < c->n; i++) {
        const struct hrd_cause *from = &c->list[i];

        if (add(ret, from->rule, from->path, from->kind, from->action) != 0) {
            hrd_causes_fini(ret);
            return HR_ENOMEM;
        }
        ret->list[i].rows = from->rows;
        ret->list[i].newest_ns = from->newest_ns;
    }
    return 0;
}

void hrd_causes_put(struct hrp_buf *out, const struct hrd_causes *c)
{
    size_t start = out->n;

    hrp_put_u8(out, FORMAT);
    hrp_put_varint(out, c->n);
    for (uint32_t i = 0; i < c->n; i++) {
        const struct hrd_cause *cause = &c->list[i];

        hrp_put_lenbytes(out, cause->rule, strlen(cause->rule) + 1);
        hrp_put_lenbytes(out, cause->path, strlen(cause->path) + 1);
        hrp_put_u8(out, cause->kind);
        hrp_put_u8(out, cause->action);
        hrp_put_varint(out, cause->rows);
        hrp_put_svarint(out, cause->newest_ns);
    }
    if (out->err == 0)
        hrp_put_u32(out, hrp_check32(out->p + start, out->n - start));
}

static const char *read_text(struct hrp_reader *r)
{
    size_t n;
    const char *text = (const char *)hrp_read_lenbytes(r, &n);

    if (text == NULL || n == 0 || text[n - 1] != '\0')
        r->bad = true;
    return r->bad ? "" : text;
}

static int read_cause(struct hrp_reader *r, struct hrd_causes *c)
{
    const char *rule = read_text(r), *path = read_text(r);
    uint8_t kind = hrp_read_u8(r), action = hrp_read_u8(r);
    int res;

    if (r->bad || kind > HRD_KIND_N || action > HRD_ACTION_DROP)
        return HR_ECORRUPT;
    res = add(c, rule, path, kind, action);
    if (res != 0)
        return res;
    c->list[c->n - 1].rows = hrp_read_varint(r);
    c->list[c->n - 1].newest_ns = hrp_read_svarint(r);
    return r->bad ? HR_ECORRUPT : 0;
}

int hrd_causes_read(const uint8_t *p, size_t n, struct hrd_causes *ret)
{
    struct hrp_reader r = hrp_reader(p, n);
    uint64_t n_causes;
    int res = 0;

    memset(ret, 0, sizeof *ret);
    if (n > 0 && p[0] != FORMAT)
        return HR_EVERSION;
    hrp_read_u8(&r);
    n_causes = hrp_read_varint(&r);
    if (r.bad || n_causes > HRD_MAX_CAUSES)
        return HR_ECORRUPT;
    for (uint64_t i = 0; res == 0 && i < n_causes; i++)
        res = read_cause(&r, ret);
    if (res == 0 && (hrp_reader_left(&r) != 4 || hrp_read_u32(&r) != hrp_check32(p, n - 4)))
        res = HR_ECORRUPT;
    if (res != 0)
        hrd_causes_fini(ret);
    return res;
}
