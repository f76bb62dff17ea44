#include "store.h"
#include "alloc.h"

/* ---- types ---- */

const struct hrs_kind *hrs_store_kind(const struct hrs_store *st, const char *stream, const uint8_t fingerprint[16])
{
    for (const struct hrs_kind *k = st->kinds; k != NULL; k = k->next)
        if (strcmp(k->stream, stream) == 0 && (fingerprint == NULL || memcmp(k->fingerprint, fingerprint, 16) == 0))
            return k;
    return NULL;
}

static void kind_free(struct hrs_kind *k)
{
    hrp_rules_free(k->rules);
    hrp_schema_unref(k->schema);
    hrp_free(k->stream);
    hrp_free(k);
}

int hrs_store_learn(struct hrs_store *st, const char *stream, const uint8_t fingerprint[16], const uint8_t *set, size_t n_set,
                    const struct hrs_kind **ret, struct hr_error *err)
{
    struct hrs_kind *k = hrp_calloc(1, sizeof *k);
    int r;

    if (k == NULL)
        return hr_error_set(err, HR_ENOMEM, "%s", hr_strerror(HR_ENOMEM));
    memcpy(k->fingerprint, fingerprint, 16);
    k->stream = hrp_strdup(stream);
    r = k->stream != NULL ? hrp_schema_open(set, n_set, stream, &hrp_limits_default, &k->schema, err)
                          : hr_error_set(err, HR_ENOMEM, "%s", hr_strerror(HR_ENOMEM));
    if (r == 0)
        r = hrp_rules_open(k->schema, NULL, &k->rules, err);
    if (r != 0) {
        kind_free(k);
        return r;
    }
    k->next = st->kinds;
    st->kinds = k;
    *ret = k;
    return 0;
}

/* ---- numbers ---- */

static struct hrs_number *number_of(struct hrs_store *st, const struct hrp_batch_head *head, uint32_t lane)
{
    struct hrs_number *m;

    for (m = st->numbers; m != NULL; m = m->next)
        if (m->type_id == head->type_id && m->lane == lane && hrp_id_cmp(&m->incarnation, &head->incarnation) == 0)
            return m;
    m = hrp_calloc(1, sizeof *m);
    if (m == NULL)
        return NULL;
    *m = (struct hrs_number){.next = st->numbers, .incarnation = head->incarnation, .type_id = head->type_id, .lane = lane, .next_n = 1};
    return st->numbers = m;
}

/* How many of n .. n + count are new, from the end of the run on. A lane's numbers come in order: nothing is retried here. */
static uint64_t take(struct hrs_number *m, uint64_t n, uint64_t count)
{
    uint64_t end = n + count, fresh = end <= m->next_n ? 0 : n >= m->next_n ? count : end - m->next_n;

    if (end > m->next_n)
        m->next_n = end;
    return fresh;
}

/* ---- rows ---- */

static int add(struct hrs_store *st, const struct hrs_kind *kind, struct hrp_buf *json, struct hrp_buf *broken)
{
    struct hrs_seen *s = hrp_calloc(1, sizeof *s);

    if (s == NULL || json->err != 0 || broken->err != 0) {
        hrp_free(s);
        return HR_ENOMEM;
    }
    s->kind = kind;
    if (json->n != 0)
        s->json = hrp_strdup((const char *)json->p);
    if (broken->n != 0)
        s->broken = hrp_strdup((const char *)broken->p);
    if ((json->n != 0 && s->json == NULL) || (broken->n != 0 && s->broken == NULL)) {
        hrp_free(s->json);
        hrp_free(s->broken);
        hrp_free(s);
        return HR_ENOMEM;
    }
    *(st->last != NULL ? &st->last->next : &st->first) = s;
    st->last = s;
    return 0;
}

/* The violations of one row; *at: the first that is not of an earlier row. */
static void put_broken(struct hrp_buf *out, const struct hrp_violations *found, uint32_t row, uint32_t *at)
{
    for (; *at < found->n && found->v[*at].row <= row; ++*at) {
        const struct hrp_violation *v = &found->v[*at];

        if (out->n != 0)
            hrp_put_u8(out, '\n');
        hrp_site_path_put(out, v->site, v->subs);
        hrp_put_fmt(out, "%s%s [%s]", v->site->n_field != 0 ? ": " : "", v->site->message, v->site->rule_id);
    }
    if (out->n != 0)
        hrp_put_u8(out, '\0');
}

static int add_rows(struct hrs_store *st, const struct hrs_kind *kind, const struct hrp_batch *b, const struct hrp_violations *found)
{
    struct hrp_buf json = HRP_BUF_INIT, broken = HRP_BUF_INIT;
    struct hrp_cursor *cur;
    struct hrp_row_id id;
    uint32_t at = 0;
    int r = hrp_cursor_new(b, &cur);

    if (r != 0)
        return r;
    while (r == 0 && (r = hrp_cursor_id(cur, &id)) == 0) {
        struct hrs_number *m = number_of(st, &b->head, id.lane);

        hrp_buf_clear(&json);
        hrp_buf_clear(&broken);
        put_broken(&broken, found, id.row, &at);
        r = m == NULL ? HR_ENOMEM : hrp_cursor_json(cur, &json);
        hrp_put_u8(&json, '\0');
        if (r == 0 && take(m, id.n, 1) != 0)
            r = add(st, kind, &json, &broken);
    }
    hrp_buf_fini(&json);
    hrp_buf_fini(&broken);
    hrp_cursor_free(cur);
    return r == HR_ENOENT ? 0 : r;
}

static int add_raw(struct hrs_store *st, const struct hrs_kind *kind, const struct hrp_raw_row *raw, uint64_t n)
{
    struct hrp_buf none = HRP_BUF_INIT, broken = HRP_BUF_INIT;
    int r = 0;

    for (uint64_t i = 0; r == 0 && i < n; i++) {
        hrp_buf_clear(&broken);
        hrp_put_fmt(&broken, "not of its type: %s [headrace.untyped]", raw[i].reason);
        hrp_put_u8(&broken, '\0');
        r = add(st, kind, &none, &broken);
    }
    hrp_buf_fini(&broken);
    return r;
}

/* Runs of raw rows and of drops; typed rows have been added. */
static int add_runs(struct hrs_store *st, const struct hrs_kind *kind, const struct hrp_batch *b)
{
    uint32_t raw = 0;
    int r = 0;

    for (uint32_t i = 0; r == 0 && i < b->head.n_segments; i++) {
        const struct hrp_segment *s = &b->head.segments[i];
        struct hrs_number *m = s->kind != HRP_SEG_ROWS ? number_of(st, &b->head, s->lane) : NULL;
        uint64_t fresh;

        if (s->kind == HRP_SEG_ROWS)
            continue;
        if (m == NULL)
            return HR_ENOMEM;
        fresh = take(m, s->first_n, s->count);
        if (s->kind == HRP_SEG_DROP)
            st->dropped[s->reason < HRP_DROP_N ? s->reason : 0] += fresh;
        else {
            r = add_raw(st, kind, &b->raw[raw + (s->count - fresh)], fresh);
            raw += (uint32_t)s->count;
        }
    }
    return r;
}

int hrs_store_batch(struct hrs_store *st, const struct hrs_kind *kind, const uint8_t *p, size_t n)
{
    struct hrp_violations found = {0};
    struct hrp_batch *b;
    int r = hrp_batch_open(p, n, kind->schema, &hrp_limits_default, &b, NULL);

    if (r != 0)
        return r;
    r = hrp_rules_check(kind->rules, b, 16, &found);
    if (r == 0)
        r = add_rows(st, kind, b, &found);
    if (r == 0)
        r = add_runs(st, kind, b);
    hrp_violations_fini(&found);
    hrp_batch_free(b);
    return r;
}

/* ---- end ---- */

void hrs_store_clear(struct hrs_store *st)
{
    for (struct hrs_seen *s = st->first, *next; s != NULL; s = next) {
        next = s->next;
        hrp_free(s->json);
        hrp_free(s->broken);
        hrp_free(s);
    }
    st->first = st->last = NULL;
    memset(st->dropped, 0, sizeof st->dropped);
}

void hrs_store_fini(struct hrs_store *st)
{
    hrs_store_clear(st);
    for (struct hrs_kind *k = st->kinds, *next; k != NULL; k = next) {
        next = k->next;
        kind_free(k);
    }
    for (struct hrs_number *m = st->numbers, *next; m != NULL; m = next) {
        next = m->next;
        hrp_free(m);
    }
    *st = (struct hrs_store){0};
}
