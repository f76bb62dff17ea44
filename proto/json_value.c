/* Values of fields that are no messages: JSON text to wire bytes, and the errors that say where and what was expected. */
#include "json_reader.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- what is wrong, and where ---- */

enum { MOST_PATH = 160 };

static void put_place(struct hrp_buf *b, const struct hrp_jr_place *here, bool secret)
{
    if (here == NULL)
        return;
    put_place(b, here->up, secret);
    if (here->key != NULL && secret)
        hrp_put_fmt(b, "[...]");
    else if (here->name != NULL)
        hrp_put_fmt(b, "%s%s", b->n != 0 ? "." : "", here->name);
    else if (here->key != NULL)
        hrp_put_fmt(b, "[%.*s]", (int)(here->n_key < 60 ? here->n_key : 60), here->key);
    else
        hrp_put_fmt(b, "[%zu]", here->index);
}

int hrp_jr_wrong(struct hrp_jr *rd, const struct hrp_jr_place *here, const char *sentence)
{
    struct hrp_buf path = HRP_BUF_INIT;
    size_t cut;

    put_place(&path, here, rd->secret);
    cut = path.n > MOST_PATH ? path.n - MOST_PATH : 0; /* the inner end says more than the outer one */
    while (cut < path.n && cut != 0 && (path.p[cut] & 0xc0) == 0x80)
        cut++;
    hr_error_set(rd->err, HR_EROW, "%s%.*s%s%s", cut != 0 ? "..." : "", (int)(path.n - cut),
                 path.n != 0 ? (const char *)path.p + cut : "", path.n != 0 ? ": " : "", sentence);
    hrp_buf_fini(&path);
    return HR_EROW;
}

int hrp_jr_expected(struct hrp_jr *rd, const struct hrp_jr_place *here, struct hrp_lex at, const char *what)
{
    char found[128], sentence[320];

    hrp_lex_describe(at, found, sizeof found);
    snprintf(sentence, sizeof sentence, "expected %.170s, found %s", what, rd->secret ? "something else" : found);
    return hrp_jr_wrong(rd, here, sentence);
}

int hrp_jr_syntax(struct hrp_jr *rd, const struct hrp_jr_place *here, const char *what)
{
    char found[128] = "a control character", sentence[320];

    if (rd->secret)
        strcpy(found, "something else");
    else if (rd->lex.p == rd->lex.end || (unsigned char)*rd->lex.p >= 0x20)
        hrp_lex_describe(rd->lex, found, sizeof found);
    snprintf(sentence, sizeof sentence, "not JSON at byte %zu: expected %.130s, found %s", (size_t)(rd->lex.p - rd->lex.start),
             what, found);
    return hrp_jr_wrong(rd, here, sentence);
}

int hrp_jr_memory(struct hrp_jr *rd)
{
    return hr_error_set(rd->err, HR_ENOMEM, "out of memory");
}

/* ---- bytes on the wire ---- */

void hrp_jr_put_tag(struct hrp_jr *rd, const struct hrp_node *n, enum hrp_wire wire)
{
    hrp_put_varint(rd->out, (uint64_t)n->number << 3 | wire);
}

size_t hrp_jr_begin_len(struct hrp_jr *rd)
{
    hrp_put_u8(rd->out, 0);
    return rd->out->n;
}

int hrp_jr_end_len(struct hrp_jr *rd, size_t at)
{
    struct hrp_buf *out = rd->out;
    struct hrp_buf len = HRP_BUF_INIT;
    size_t n;
    int r;

    if (out->err != 0)
        return hrp_jr_memory(rd);
    n = out->n - at;
    if (n < 0x80) {
        out->p[at - 1] = (uint8_t)n;
        return 0;
    }
    hrp_put_varint(&len, n);
    hrp_buf_reserve(out, len.n);
    r = out->err != 0 || len.err != 0 ? hrp_jr_memory(rd) : 0;
    if (r == 0) {
        memmove(out->p + at - 1 + len.n, out->p + at, n);
        memcpy(out->p + at - 1, len.p, len.n);
        out->n += len.n - 1;
    }
    hrp_buf_fini(&len);
    return r;
}

/* ---- numbers ---- */

struct range {
    const char *text;
    bool is_signed;
    uint8_t bits;
};

static struct range range_of(uint8_t pb_type)
{
    switch (pb_type) {
    case TYPE(INT32):
    case TYPE(SINT32):
    case TYPE(SFIXED32):
        return (struct range){"an integer from -2147483648 to 2147483647", true, 32};
    case TYPE(UINT32):
    case TYPE(FIXED32):
        return (struct range){"an integer from 0 to 4294967295", false, 32};
    case TYPE(UINT64):
    case TYPE(FIXED64):
        return (struct range){"an integer from 0 to 18446744073709551615", false, 64};
    default:
        return (struct range){"an integer from -9223372036854775808 to 9223372036854775807", true, 64};
    }
}

const char *hrp_jr_integer_text(uint8_t pb_type)
{
    return range_of(pb_type).text;
}

/* The bits that travel: of a negative number its two's complement in 64 bits. */
static bool fits(struct range range, bool minus, uint64_t v, uint64_t *ret)
{
    uint64_t most = UINT64_MAX >> (64 - range.bits + range.is_signed);

    *ret = minus ? 0 - v : v;
    return minus && v != 0 ? range.is_signed && v <= most + 1 : v <= most;
}

static void put_bits(struct hrp_jr *rd, uint8_t pb_type, uint64_t bits)
{
    switch (hrp_wire_of(pb_type)) {
    case HRP_WIRE_32:
        hrp_put_u32(rd->out, (uint32_t)bits);
        break;
    case HRP_WIRE_64:
        hrp_put_u64(rd->out, bits);
        break;
    default:
        if (pb_type == TYPE(SINT32) || pb_type == TYPE(SINT64))
            hrp_put_svarint(rd->out, (int64_t)bits);
        else
            hrp_put_varint(rd->out, bits);
    }
}

bool hrp_jr_put_whole(struct hrp_jr *rd, uint8_t pb_type, const char *p, size_t n)
{
    uint64_t v, bits;
    bool minus;

    if (n == 0 || hrp_number_len(p, n) != n || !hrp_number_whole(p, n, &minus, &v) || !fits(range_of(pb_type), minus, v, &bits))
        return false;
    put_bits(rd, pb_type, bits);
    return true;
}

/* Into rd->text, with a NUL: a string without its quotes, or a number. False: neither is next. */
static bool take_text(struct hrp_jr *rd, bool *ret_string)
{
    const char *p;
    size_t n;

    hrp_buf_clear(&rd->text);
    *ret_string = hrp_lex_peek(&rd->lex) == '"';
    if (*ret_string) {
        if (!hrp_lex_string(&rd->lex, &rd->text))
            return false;
    } else {
        n = hrp_lex_number(&rd->lex, &p);
        if (n == 0)
            return false;
        hrp_put_bytes(&rd->text, p, n);
    }
    hrp_put_u8(&rd->text, '\0');
    return true;
}

static int value_integer(struct hrp_jr *rd, const struct hrp_node *n, const struct hrp_jr_place *here)
{
    struct hrp_lex at = rd->lex;
    bool string, ok = take_text(rd, &string);

    if (rd->text.err != 0)
        return hrp_jr_memory(rd);
    ok = ok && hrp_jr_put_whole(rd, n->pb_type, (const char *)rd->text.p, rd->text.n - 1);
    return ok ? 0 : hrp_jr_expected(rd, here, at, range_of(n->pb_type).text);
}

/* Protobuf's names for what JSON has no number for. */
static bool special(const char *text, double *ret)
{
    if (strcmp(text, "NaN") == 0)
        *ret = (double)NAN;
    else if (strcmp(text, "Infinity") == 0)
        *ret = HUGE_VAL;
    else if (strcmp(text, "-Infinity") == 0)
        *ret = -HUGE_VAL;
    else
        return false;
    return true;
}

static bool text_is_number(const struct hrp_buf *text)
{
    return text->n > 1 && hrp_number_len((const char *)text->p, text->n - 1) == text->n - 1;
}

static int value_double(struct hrp_jr *rd, const struct hrp_node *n, const struct hrp_jr_place *here)
{
    struct hrp_lex at = rd->lex;
    const char *what = n->pb_type == TYPE(FLOAT) ? "a number that a float can hold" : "a number that a double can hold", *text;
    bool string, named;
    double d = 0;
    float f;

    if (!take_text(rd, &string))
        return hrp_jr_expected(rd, here, at, what);
    if (rd->text.err != 0)
        return hrp_jr_memory(rd);
    text = (const char *)rd->text.p;
    named = string && special(text, &d) && strlen(text) == rd->text.n - 1;
    if (!named && !text_is_number(&rd->text))
        return hrp_jr_expected(rd, here, at, what);
    if (!named)
        d = strtod_l(text, NULL, rd->c_locale);
    f = named ? (float)d : strtof_l(text, NULL, rd->c_locale); /* of the text: through a double it would be rounded twice */
    if (!named && (n->pb_type == TYPE(FLOAT) ? isinf(f) : isinf(d)))
        return hrp_jr_expected(rd, here, at, what);
    if (n->pb_type == TYPE(FLOAT))
        hrp_put_bytes(rd->out, &f, 4);
    else
        hrp_put_bytes(rd->out, &d, 8);
    return 0;
}

static int value_bool(struct hrp_jr *rd, const struct hrp_jr_place *here)
{
    struct hrp_lex at = rd->lex;
    bool yes = hrp_lex_word(&rd->lex, "true");

    if (!yes && !hrp_lex_word(&rd->lex, "false"))
        return hrp_jr_expected(rd, here, at, "true or false");
    hrp_put_u8(rd->out, yes);
    return 0;
}

/* ---- strings, bytes, enums ---- */

static int value_string(struct hrp_jr *rd, const struct hrp_jr_place *here)
{
    struct hrp_lex at = rd->lex;
    size_t start;

    if (hrp_lex_peek(&rd->lex) != '"')
        return hrp_jr_expected(rd, here, at, "a string");
    start = hrp_jr_begin_len(rd);
    if (!hrp_lex_string(&rd->lex, rd->out))
        return hrp_jr_syntax(rd, here, "the rest of a string");
    return hrp_jr_end_len(rd, start);
}

int hrp_jr_base64(struct hrp_jr *rd, const struct hrp_jr_place *here, struct hrp_buf *out)
{
    struct hrp_lex at = rd->lex;

    hrp_buf_clear(&rd->text);
    if (hrp_lex_peek(&rd->lex) != '"' || !hrp_lex_string(&rd->lex, &rd->text))
        return hrp_jr_expected(rd, here, at, "a string in base64");
    if (rd->text.err != 0)
        return hrp_jr_memory(rd);
    if (!hrp_base64_read((const char *)rd->text.p, rd->text.n, out))
        return hrp_jr_expected(rd, here, at, "a string in base64");
    return 0;
}

static int value_bytes(struct hrp_jr *rd, const struct hrp_jr_place *here)
{
    size_t start = hrp_jr_begin_len(rd);
    int r = hrp_jr_base64(rd, here, rd->out);

    return r != 0 ? r : hrp_jr_end_len(rd, start);
}

static bool enum_number(const struct hrp_enum *e, const char *name, size_t n_name, int32_t *ret)
{
    for (uint32_t i = 0; i < e->n_values; i++) {
        if (strlen(e->values[i].name) == n_name && memcmp(e->values[i].name, name, n_name) == 0) {
            *ret = e->values[i].number;
            return true;
        }
    }
    return false;
}

/* By name, or by any number: a value this schema does not name may have one in a newer version. */
static int value_enum(struct hrp_jr *rd, const struct hrp_node *n, const struct hrp_jr_place *here)
{
    struct hrp_lex at = rd->lex;
    char what[192];
    int32_t number;
    bool string, ok;

    snprintf(what, sizeof what, "a value of %.120s, by name or number", n->enm->full_name);
    if (!take_text(rd, &string))
        return hrp_jr_expected(rd, here, at, what);
    if (rd->text.err != 0)
        return hrp_jr_memory(rd);
    if (!string) {
        ok = hrp_jr_put_whole(rd, TYPE(INT32), (const char *)rd->text.p, rd->text.n - 1);
    } else {
        ok = enum_number(n->enm, (const char *)rd->text.p, rd->text.n - 1, &number);
        if (ok)
            hrp_put_varint(rd->out, (uint64_t)(int64_t)number);
    }
    return ok ? 0 : hrp_jr_expected(rd, here, at, what);
}

int hrp_jr_scalar(struct hrp_jr *rd, const struct hrp_node *n, const struct hrp_jr_place *here)
{
    switch (n->pb_type) {
    case TYPE(DOUBLE):
    case TYPE(FLOAT):
        return value_double(rd, n, here);
    case TYPE(BOOL):
        return value_bool(rd, here);
    case TYPE(STRING):
        return value_string(rd, here);
    case TYPE(BYTES):
        return value_bytes(rd, here);
    case TYPE(ENUM):
        return value_enum(rd, n, here);
    default:
        return value_integer(rd, n, here);
    }
}
