/* JSON text (RFC 8259) as tokens, for the reader of rows. Private to proto/.
 *
 * Numbers stay text until a field says what they are: a library's int64 or double would refuse or round the upper half of
 * uint64, which our own writer prints. The text must be valid UTF-8 as a whole; who opens it checks that. */
#ifndef HRP_JSON_LEX_H
#define HRP_JSON_LEX_H
#include "bytes.h"

struct hrp_lex {
    const char *start, *p, *end;
};
/* The first byte of the next token, '\0' at the end of the text; white space before it is passed over. */
char hrp_lex_peek(struct hrp_lex *lex);
/* Passes over one such byte, or over a word (true, false, null), if it is next. */
bool hrp_lex_take(struct hrp_lex *lex, char c);
bool hrp_lex_word(struct hrp_lex *lex, const char *word);
/* The number that is next, as text; 0 bytes: there is none. */
size_t hrp_lex_number(struct hrp_lex *lex, const char **ret);
/* The string that is next, appended to out without its escapes; it may hold NUL. False: not a string, or a bad one. */
bool hrp_lex_string(struct hrp_lex *lex, struct hrp_buf *out);
/* What is next, for a person: `the number 12`, `an object`, `the string "abc..."`. */
void hrp_lex_describe(struct hrp_lex lex, char *ret, size_t n);

/* ---- values ---- */
size_t hrp_number_len(const char *p, size_t n); /* bytes of the JSON number at p; 0: none */
/* A JSON number as sign and 64 bits: exact, so 1e3 and 12.0 are whole. False: it has a fraction, or more than 64 bits. */
bool hrp_number_whole(const char *p, size_t n, bool *ret_minus, uint64_t *ret);
bool hrp_base64_read(const char *p, size_t n, struct hrp_buf *out); /* both alphabets, with '=' or without */
bool hrp_timestamp_read(const char *p, size_t n, int64_t *ret_seconds, int32_t *ret_nanos); /* RFC 3339, years 1 to 9999 */
bool hrp_duration_read(const char *p, size_t n, int64_t *ret_seconds, int32_t *ret_nanos);  /* "-1.500s" */
#endif
