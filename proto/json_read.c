/* One JSON object to protobuf wire bytes, in one pass over the text and without a tree: a field's bytes are written as soon
 * as its value is read, so that the order of the text is the order on the wire.
 *
 * Strict, because what gets through here is stored as typed: a key nobody knows, a key that stands twice (also under its
 * two names), two members of a oneof, a number that does not fit exactly are errors, with the path of the field. What has
 * been set is remembered by a bit for each node of the message, in `seen`, a stack of one piece for each open message. */
#include "json.h"
#include "json_reader.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int value_one(struct hrp_jr *rd, struct hrp_schema *s, const struct hrp_node *n, const struct hrp_jr_place *here);

/* ---- messages ---- */

static bool mark(struct hrp_jr *rd, size_t seen, uint32_t bit) /* false: it was marked already */
{
    uint8_t *b = rd->seen.p + seen + bit / 8, m = (uint8_t)(1u << bit % 8);
    bool fresh = (*b & m) == 0;

    *b |= m;
    return fresh;
}

static int list(struct hrp_jr *rd, struct hrp_schema *s, const struct hrp_node *n, const struct hrp_jr_place *here)
{
    struct hrp_jr_place at = {.up = here};
    struct hrp_lex before = rd->lex;
    size_t start = 0, tag_at = rd->out->n;
    int r = 0;

    if (!hrp_lex_take(&rd->lex, '['))
        return hrp_jr_expected(rd, here, before, n->is_map ? "an object" : "an array");
    if (hrp_lex_take(&rd->lex, ']'))
        return 0;
    if (n->packed) {
        hrp_jr_put_tag(rd, n, HRP_WIRE_LEN);
        start = hrp_jr_begin_len(rd);
    }
    do {
        r = n->packed ? hrp_jr_scalar(rd, n, &at) : value_one(rd, s, n, &at);
        at.index++;
    } while (r == 0 && hrp_lex_take(&rd->lex, ','));
    if (r == 0 && !hrp_lex_take(&rd->lex, ']'))
        r = hrp_jr_syntax(rd, here, "\",\" or \"]\"");
    if (r == 0 && n->packed)
        r = hrp_jr_end_len(rd, start);
    if (r != 0)
        rd->out->n = tag_at;
    return r;
}

/* A map's key is a string in JSON, whatever its type. */
static int map_key(struct hrp_jr *rd, const struct hrp_node *key, const struct hrp_jr_place *here)
{
    struct hrp_lex at = rd->lex;
    const char *text = (const char *)rd->text.p;
    size_t n = rd->text.n;
    bool ok = true;

    hrp_jr_put_tag(rd, key, hrp_wire_of(key->pb_type));
    if (key->pb_type == TYPE(STRING)) {
        hrp_put_lenbytes(rd->out, text, n);
    } else if (key->pb_type == TYPE(BOOL)) {
        bool yes = n == 4 && memcmp(text, "true", 4) == 0;

        ok = yes || (n == 5 && memcmp(text, "false", 5) == 0);
        hrp_put_u8(rd->out, yes);
    } else {
        ok = hrp_jr_put_whole(rd, key->pb_type, text, n);
    }
    at.p = here->key; /* the key itself is what was found */
    return ok ? 0
              : hrp_jr_expected(rd, here->up, at,
                                key->pb_type == TYPE(BOOL) ? "keys true or false" : hrp_jr_integer_text(key->pb_type));
}

struct key_at { /* of an entry of the map at hand, to find keys that stand twice */
    uint64_t hash;
    const char *text;
    size_t n_text;
};

static int key_cmp(const void *a, const void *b)
{
    uint64_t x = ((const struct key_at *)a)->hash, y = ((const struct key_at *)b)->hash;

    return (x > y) - (x < y);
}

static int keys_check(struct hrp_jr *rd, struct hrp_buf *keys, const struct hrp_jr_place *here)
{
    struct key_at *k = (struct key_at *)(void *)keys->p;
    size_t n = keys->n / sizeof *k;

    if (keys->err != 0)
        return hrp_jr_memory(rd);
    if (n > 1)
        qsort(k, n, sizeof *k, key_cmp);
    for (size_t i = 1; i < n; i++) {
        struct hrp_jr_place at = {.up = here, .key = k[i].text, .n_key = k[i].n_text};

        if (k[i].hash == k[i - 1].hash)
            return hrp_jr_wrong(rd, &at, "the key stands twice");
    }
    return 0;
}

static int map_entry(struct hrp_jr *rd, struct hrp_schema *s, const struct hrp_node *n, struct hrp_buf *keys,
                     struct hrp_jr_place *here)
{
    const struct hrp_node *key = hrp_schema_field(s, n, 1), *value = hrp_schema_field(s, n, 2);
    size_t start, key_from;
    struct key_at add;
    int r;

    hrp_lex_peek(&rd->lex);
    here->key = rd->lex.p;
    hrp_buf_clear(&rd->text);
    if (!hrp_lex_string(&rd->lex, &rd->text))
        return hrp_jr_syntax(rd, here->up, "a key in quotes");
    here->n_key = (size_t)(rd->lex.p - here->key);
    if (rd->text.err != 0)
        return hrp_jr_memory(rd);
    hrp_jr_put_tag(rd, n, HRP_WIRE_LEN);
    start = hrp_jr_begin_len(rd);
    key_from = rd->out->n;
    r = map_key(rd, key, here);
    if (r == 0 && rd->out->err != 0)
        r = hrp_jr_memory(rd);
    if (r != 0)
        return r;
    add = (struct key_at){hrp_hash64(rd->out->p + key_from, rd->out->n - key_from), here->key, here->n_key};
    hrp_put_bytes(keys, &add, sizeof add);
    if (!hrp_lex_take(&rd->lex, ':'))
        return hrp_jr_syntax(rd, here, "\":\"");
    r = value_one(rd, s, value, here);
    return r != 0 ? r : hrp_jr_end_len(rd, start);
}

static int map(struct hrp_jr *rd, struct hrp_schema *s, const struct hrp_node *n, const struct hrp_jr_place *here)
{
    struct hrp_buf keys = HRP_BUF_INIT;
    struct hrp_jr_place at = {.up = here};
    int r = 0;

    if (hrp_lex_peek(&rd->lex) != '{')
        return list(rd, s, n, here); /* of entries, see json.h */
    if (rd->depth == hrp_limits_default.depth)
        return hrp_jr_wrong(rd, here, "messages nest too deeply");
    rd->depth++;
    hrp_lex_take(&rd->lex, '{');
    if (!hrp_lex_take(&rd->lex, '}')) {
        do
            r = map_entry(rd, s, n, &keys, &at);
        while (r == 0 && hrp_lex_take(&rd->lex, ','));
        if (r == 0 && !hrp_lex_take(&rd->lex, '}'))
            r = hrp_jr_syntax(rd, here, "\",\" or \"}\"");
    }
    rd->depth--;
    if (r == 0)
        r = keys_check(rd, &keys, here);
    hrp_buf_fini(&keys);
    return r;
}

/* "_unknown": wire bytes of fields that the schema lacks. */
static int unknown(struct hrp_jr *rd, struct hrp_schema *s, const struct hrp_node *msg, const struct hrp_jr_place *here)
{
    size_t at = rd->out->n;
    int r = hrp_jr_base64(rd, here, rd->out);

    if (r == 0 && rd->out->err != 0)
        r = hrp_jr_memory(rd);
    if (r == 0 && rd->out->n != at && !hrp_wire_check_unknown(s, msg, rd->out->p + at, rd->out->n - at))
        r = hrp_jr_wrong(rd, here, "not the wire bytes of fields that the type lacks");
    return r;
}

static int field(struct hrp_jr *rd, struct hrp_schema *s, const struct hrp_node *n, const struct hrp_node *msg, size_t seen,
                 const struct hrp_jr_place *here)
{
    if (!mark(rd, seen, n->id - msg->id))
        return hrp_jr_wrong(rd, here, "stands twice");
    if (hrp_lex_word(&rd->lex, "null"))
        return n->required ? hrp_jr_wrong(rd, here, "is required and not there") : 0;
    if (n->oneof_member && !mark(rd, seen, n->parent - msg->id)) {
        char sentence[320];

        snprintf(sentence, sizeof sentence, "another member of the oneof %.255s is set already",
                 hrp_schema_nodes(s)[n->parent].name);
        return hrp_jr_wrong(rd, here, sentence);
    }
    if (n->is_map)
        return map(rd, s, n, here);
    return n->repeated ? list(rd, s, n, here) : value_one(rd, s, n, here);
}

/* A key and what it names; rd->text has the key. */
static int member_of_key(struct hrp_jr *rd, struct hrp_schema *s, const struct hrp_node *msg, size_t seen,
                         const struct hrp_jr_place *up)
{
    const char *key = (const char *)rd->text.p;
    const struct hrp_node *n = hrp_schema_field_by_name(s, msg, key != NULL ? key : "", rd->text.n);
    struct hrp_jr_place here = {.up = up, .name = n != NULL ? n->name : "_unknown"};
    char sentence[512];

    if (n == NULL && (rd->text.n != 8 || memcmp(key, "_unknown", 8) != 0)) {
        snprintf(sentence, sizeof sentence, "%.200s has no field \"%.*s\"", msg->msg_name,
                 (int)(rd->text.n < 200 ? rd->text.n : 200), rd->text.n != 0 ? key : "");
        return hrp_jr_wrong(rd, up, sentence);
    }
    if (!hrp_lex_take(&rd->lex, ':'))
        return hrp_jr_syntax(rd, &here, "\":\"");
    if (n != NULL)
        return field(rd, s, n, msg, seen, &here);
    if (!mark(rd, seen, 0)) /* the message's own bit stands for its unknown fields */
        return hrp_jr_wrong(rd, &here, "stands twice");
    return hrp_lex_word(&rd->lex, "null") ? 0 : unknown(rd, s, msg, &here);
}

static int members(struct hrp_jr *rd, struct hrp_schema *s, const struct hrp_node *msg, size_t seen, const struct hrp_jr_place *up)
{
    int r = 0;

    if (hrp_lex_take(&rd->lex, '}'))
        return 0;
    do {
        hrp_buf_clear(&rd->text);
        hrp_lex_peek(&rd->lex);
        if (!hrp_lex_string(&rd->lex, &rd->text))
            return hrp_jr_syntax(rd, up, "a key in quotes");
        if (rd->text.err != 0)
            return hrp_jr_memory(rd);
        r = member_of_key(rd, s, msg, seen, up);
    } while (r == 0 && hrp_lex_take(&rd->lex, ','));
    if (r == 0 && !hrp_lex_take(&rd->lex, '}'))
        r = hrp_jr_syntax(rd, up, "\",\" or \"}\"");
    return r;
}

static int required(struct hrp_jr *rd, struct hrp_schema *s, const struct hrp_node *msg, size_t seen, const struct hrp_jr_place *up)
{
    const struct hrp_node *nodes = hrp_schema_nodes(s);
    uint32_t n;
    const struct hrp_field *f = hrp_schema_fields(s, msg, &n);

    for (uint32_t i = 0; i < n; i++) {
        struct hrp_jr_place here = {.up = up, .name = nodes[f[i].id].name};

        if (nodes[f[i].id].required && mark(rd, seen, f[i].id - msg->id))
            return hrp_jr_wrong(rd, &here, "is required and not there");
    }
    return 0;
}

static int object(struct hrp_jr *rd, struct hrp_schema *s, const struct hrp_node *msg, const struct hrp_jr_place *here)
{
    size_t seen = rd->seen.n, n_bits = msg->end - msg->id;
    struct hrp_lex at = rd->lex;
    uint8_t *bits;
    int r;

    if (!hrp_lex_take(&rd->lex, '{'))
        return hrp_jr_expected(rd, here, at, "an object");
    bits = hrp_buf_reserve(&rd->seen, n_bits / 8 + 1);
    if (bits == NULL)
        return hrp_jr_memory(rd);
    memset(bits, 0, n_bits / 8 + 1);
    rd->seen.n += n_bits / 8 + 1;
    r = members(rd, s, msg, seen, here);
    if (r == 0)
        r = required(rd, s, msg, seen, here);
    rd->seen.n = seen;
    return r;
}

static bool has_time_fields(struct hrp_schema *s, const struct hrp_node *msg)
{
    const struct hrp_node *seconds = hrp_schema_field(s, msg, 1), *nanos = hrp_schema_field(s, msg, 2);

    return seconds != NULL && seconds->pb_type == TYPE(INT64) && !seconds->repeated && nanos != NULL &&
           nanos->pb_type == TYPE(INT32) && !nanos->repeated;
}

/* Timestamp and Duration as strings; as objects they are messages like others. */
static int time_text(struct hrp_jr *rd, struct hrp_schema *s, const struct hrp_node *msg, bool duration,
                     const struct hrp_jr_place *here)
{
    struct hrp_lex at = rd->lex;
    const char *what = duration ? "a duration such as \"-1.5s\"" : "a time such as \"2026-11-23T18:00:00.5Z\"";
    int64_t seconds;
    int32_t nanos;
    bool ok;

    hrp_buf_clear(&rd->text);
    if (!hrp_lex_string(&rd->lex, &rd->text))
        return hrp_jr_syntax(rd, here, "the rest of a string");
    if (rd->text.err != 0)
        return hrp_jr_memory(rd);
    ok = duration ? hrp_duration_read((const char *)rd->text.p, rd->text.n, &seconds, &nanos)
                  : hrp_timestamp_read((const char *)rd->text.p, rd->text.n, &seconds, &nanos);
    if (!ok)
        return hrp_jr_expected(rd, here, at, what);
    if (seconds != 0) {
        hrp_jr_put_tag(rd, hrp_schema_field(s, msg, 1), HRP_WIRE_VARINT);
        hrp_put_varint(rd->out, (uint64_t)seconds);
    }
    if (nanos != 0) {
        hrp_jr_put_tag(rd, hrp_schema_field(s, msg, 2), HRP_WIRE_VARINT);
        hrp_put_varint(rd->out, (uint64_t)(int64_t)nanos);
    }
    return 0;
}

static int message(struct hrp_jr *rd, struct hrp_schema *s, const struct hrp_node *n, const struct hrp_jr_place *here)
{
    const struct hrp_node *msg = n;
    bool group = hrp_wire_of(n->pb_type) == HRP_WIRE_GROUP, duration;
    size_t start = group ? 0 : hrp_jr_begin_len(rd);
    int r;

    if (n->opaque) {
        s = hrp_schema_of_msg(s, n);
        if (s == NULL)
            return hrp_jr_memory(rd);
        msg = hrp_schema_nodes(s);
    }
    if (rd->depth == hrp_limits_default.depth)
        return hrp_jr_wrong(rd, here, "messages nest too deeply");
    rd->depth++;
    duration = strcmp(n->msg_name, HRP_DURATION) == 0;
    if (hrp_lex_peek(&rd->lex) == '"' && (duration || strcmp(n->msg_name, HRP_TIMESTAMP) == 0) && has_time_fields(s, msg))
        r = time_text(rd, s, msg, duration, here);
    else
        r = object(rd, s, msg, here);
    rd->depth--;
    if (r != 0 || !group)
        return r != 0 ? r : hrp_jr_end_len(rd, start);
    hrp_jr_put_tag(rd, n, HRP_WIRE_GROUP_END);
    return 0;
}

static bool all_zero(const uint8_t *p, size_t n)
{
    while (n > 0 && p[n - 1] == 0)
        n--;
    return n == 0;
}

/* Tag and value of a singular field, of an element, or of a map's value. */
static int value_one(struct hrp_jr *rd, struct hrp_schema *s, const struct hrp_node *n, const struct hrp_jr_place *here)
{
    const struct hrp_node *parent = &hrp_schema_nodes(s)[n->parent];
    bool implicit = !n->explicit_presence && !n->repeated && !n->oneof_member && !parent->is_map;
    size_t tag_at = rd->out->n, value_at;
    int r;

    if (n->kind == HRP_NODE_MESSAGE || n->opaque) {
        hrp_jr_put_tag(rd, n, hrp_wire_of(n->pb_type));
        return message(rd, s, n, here);
    }
    hrp_jr_put_tag(rd, n, hrp_wire_of(n->pb_type));
    value_at = rd->out->n;
    r = hrp_jr_scalar(rd, n, here);
    if (r == 0 && rd->out->err != 0)
        r = hrp_jr_memory(rd);
    if (r == 0 && implicit && all_zero(rd->out->p + value_at, rd->out->n - value_at))
        rd->out->n = tag_at; /* the default travels as nothing */
    return r;
}

/* ---- one row ---- */

static int row(struct hrp_jr *rd, struct hrp_schema *s)
{
    int r = object(rd, s, hrp_schema_nodes(s), NULL);

    if (r == 0 && (hrp_lex_peek(&rd->lex), rd->lex.p != rd->lex.end))
        r = hrp_jr_syntax(rd, NULL, "nothing behind the object");
    if (r == 0 && rd->out->err != 0)
        r = hrp_jr_memory(rd);
    return r;
}

int hrp_json_to_wire(struct hrp_schema *s, const char *text, size_t n, struct hrp_buf *out, struct hr_error *err)
{
    struct hrp_jr rd = {.lex = {text, text, text + n}, .out = out, .err = err, .depth = 1,
                        .secret = hrp_schema_secret(s)};
    size_t before = out->n;
    int r;

    if (!hrp_utf8_valid((const uint8_t *)text, n))
        return hr_error_set(err, HR_EROW, "not valid UTF-8");
    rd.c_locale = newlocale(LC_ALL_MASK, "C", (locale_t)0); /* glibc has it at hand: no allocation */
    if (rd.c_locale == (locale_t)0)
        return hrp_jr_memory(&rd);
    r = row(&rd, s);
    if (r != 0 && out->n > before)
        out->n = before;
    freelocale(rd.c_locale);
    hrp_buf_fini(&rd.seen);
    hrp_buf_fini(&rd.text);
    return r;
}
