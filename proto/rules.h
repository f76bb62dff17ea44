/* The one validator: a schema's rules as checks on columns, used by both ends.
 *
 * A numeric column is compared in one pass that the compiler vectorises, a dictionary column once per distinct value, a
 * constant column once. Only what fails is looked at row by row, to find its row, its subscripts and its message. Opaque leaves
 * (schema.h) are opened as child batches, to depth 100, and checked by the rules of their own type.
 * Semantics: protovalidate's standard rules (docs and validate.proto of github.com/bufbuild/protovalidate). */
#ifndef HRP_RULES_H
#define HRP_RULES_H
#include "batch.h"
#include "regex.h"
#include "violation.h"

struct hrp_rules; /* immutable after open: any thread */
/* regex NULL (the SDK): patterns are left to the other end. HR_ESCHEMA with the place: file: message.field: sentence. */
int hrp_rules_open(struct hrp_schema *schema, const struct hrp_regex *regex, struct hrp_rules **ret, struct hr_error *err);
/* The same, and more to find than rules: fields and enum values that the schema does not know ("headrace.unknown_field",
 * "headrace.unknown_enum"; not where enum.defined_only says it). What they mean is for the caller to decide. */
int hrp_rules_open_door(struct hrp_schema *schema, const struct hrp_regex *regex, struct hrp_rules **ret, struct hr_error *err);
void hrp_rules_free(struct hrp_rules *rules); /* NULL is fine */
bool hrp_rules_empty(const struct hrp_rules *rules);   /* nothing to check at all */
uint32_t hrp_rules_left(const struct hrp_rules *rules); /* rules that need the engine which was not given */

/* All rows of an open batch (or of a builder's view). At most `most` violations of a row are kept, the rest counted. Rows for
 * which rules->runtime is set count as broken, too. HR_ENOMEM, HR_ELIMIT: then nothing is known. Thread: any, one per ret. */
int hrp_rules_check(const struct hrp_rules *rules, const struct hrp_batch *batch, uint32_t most, struct hrp_violations *ret);

/* Would a schema of this (raw) set be accepted: refuses what hrp_rules_open refuses, with file:line:column where the set has
 * source_code_info. For registration, push and the generator. */
int hrp_rules_vet(const uint8_t *fdset, size_t n, const char *full_name, const struct hrp_limits *lim, const struct hrp_regex *regex,
                  struct hr_error *err);
#endif
