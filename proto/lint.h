/* What a schema could say and does not: who owns an event, what a number measures, what tells about a person; and what would
 * be refused. Nothing here stops a program: it is for a person to read, and for CI to count. */
#ifndef HRP_LINT_H
#define HRP_LINT_H
#include "rules.h"
#include "schema.h"

enum hrp_lint_severity { HRP_LINT_NOTE, HRP_LINT_WARNING, HRP_LINT_ERROR };
const char *hrp_lint_severity_name(unsigned severity); /* "note", "warning", "error" */

/* Codes, for machines; they do not change:
 *   error    refused               the schema or a rule would be refused at registration
 *            expired               its `expires` lies in the past
 *            required_but_dropped  a rule wants what the SDK takes away
 *   warning  owner_missing, description_missing (event or field)
 *            unit_missing          a measured number without unit
 *            time_without_unit     a point in time as an integer, and nobody knows since when and in what
 *            personal_missing      named like personal data, and not classified
 *            enum_zero             an enum whose 0 is no "unspecified"
 *            name_style            a field's name is not lower_snake_case
 *            rules_on_dropped      rules see the field empty, always
 *   note     rules_missing         no rule of any kind
 *            personal_kept         classified, and stored as it is */
struct hrp_finding {           /* texts are borrowed for the call */
    const char *place;         /* "shop.proto:14:3", or "shop.proto" when the set has no source_code_info; "": none */
    enum hrp_lint_severity severity;
    const char *code;
    const char *path;          /* of the declaration: "shop.Order", "shop.Order.total", "shop.Color"; "": none */
    const char *sentence;
};

/* full_name NULL: all events, which are the messages with the option headrace.event and those that no other message has as a
 * field; google.protobuf, buf.validate and headrace apart. A type that several events reach is looked at once. today:
 * "YYYY-MM-DD", or NULL: nothing is expired. regex NULL: patterns are not compiled.
 * HR_ENOENT, HR_ECORRUPT, HR_ESCHEMA: the set itself cannot be read; HR_ELIMIT, HR_ENOMEM. */
int hrp_lint(const uint8_t *fdset, size_t n, const char *full_name, const char *today, const struct hrp_limits *lim,
             const struct hrp_regex *regex, void (*fn)(void *arg, const struct hrp_finding *finding), void *arg, struct hr_error *err);
#endif
