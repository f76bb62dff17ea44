/* What the two halves of the reader of JSON share: json_read.c walks messages, json_value.c reads values. Private to proto/. */
#ifndef HRP_JSON_READER_H
#define HRP_JSON_READER_H
#include "descriptor.h"
#include "json_lex.h"
#include "wire_check.h"
#include <locale.h>

#define TYPE(name) GOOGLE__PROTOBUF__FIELD_DESCRIPTOR_PROTO__TYPE__TYPE_##name

struct hrp_jr_place { /* where in the row, from the inside out; one of name, key, index */
    const struct hrp_jr_place *up;
    const char *name;
    const char *key; /* of a map's entry, as it stands in the text, with its quotes */
    size_t n_key;
    size_t index;
};
struct hrp_jr {
    struct hrp_lex lex;
    struct hrp_buf *out;
    struct hrp_buf seen; /* a bit for each node of each open message */
    struct hrp_buf text; /* a string or a number at hand */
    struct hr_error *err;
    uint32_t depth;
    bool secret;         /* errors must not repeat what stood in the text */
    locale_t c_locale;   /* numbers have a point in any locale */
};

/* Each fills err with the place and returns its code. `at`: where the value began that should have been `what`. */
int hrp_jr_wrong(struct hrp_jr *rd, const struct hrp_jr_place *here, const char *sentence);
int hrp_jr_expected(struct hrp_jr *rd, const struct hrp_jr_place *here, struct hrp_lex at, const char *what);
int hrp_jr_syntax(struct hrp_jr *rd, const struct hrp_jr_place *here, const char *what);
int hrp_jr_memory(struct hrp_jr *rd);

void hrp_jr_put_tag(struct hrp_jr *rd, const struct hrp_node *n, enum hrp_wire wire);
/* A length that is known only afterwards: one byte is kept for it, and a longer one moves what follows. */
size_t hrp_jr_begin_len(struct hrp_jr *rd);
int hrp_jr_end_len(struct hrp_jr *rd, size_t at);

int hrp_jr_scalar(struct hrp_jr *rd, const struct hrp_node *n, const struct hrp_jr_place *here); /* the next value, without a tag */
bool hrp_jr_put_whole(struct hrp_jr *rd, uint8_t pb_type, const char *p, size_t n);       /* false: p is no such integer */
const char *hrp_jr_integer_text(uint8_t pb_type); /* "an integer from 0 to 4294967295" */
int hrp_jr_base64(struct hrp_jr *rd, const struct hrp_jr_place *here, struct hrp_buf *out); /* the next string, decoded */
#endif
