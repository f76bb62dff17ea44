/* Rows as JSON, after the protobuf JSON mapping (protobuf.dev/programming-guides/json) with two
 * differences: names are those of the .proto file, and 64-bit integers are numbers, since lakes and
 * databases read them as such (strings are accepted on input). bytes: base64. Enums: by name, unknown
 * numbers as numbers. NaN and infinities: "NaN", "Infinity", "-Infinity". Timestamp and Duration: strings.
 * Maps: objects. Unset explicit-presence fields, empty lists and unset messages are left out;
 * implicit-presence scalars are always written. Unknown fields: "_unknown" with base64 of their wire bytes.
 * A map entry with unknown fields, or with a key that another entry of the map has too, has no place in an
 * object: then the map is an array of {"key": .., "value": ..}, which the reader takes as well.
 *
 * The writer is in the core; the reader is a library of its own (hrp_json), which the SDK does not link. */
#ifndef HRP_JSON_H
#define HRP_JSON_H
#include "schema.h"

void hrp_json_str(struct hrp_buf *out, const char *p, size_t n);     /* quoted and escaped; bad UTF-8 becomes U+FFFD */
void hrp_json_double(struct hrp_buf *out, double v);                 /* shortest text that reads back the same */
void hrp_json_float(struct hrp_buf *out, float v);
void hrp_json_base64(struct hrp_buf *out, const uint8_t *p, size_t n); /* quoted */
void hrp_json_time(struct hrp_buf *out, int64_t time_ns);            /* quoted RFC 3339 UTC, always nanoseconds, so that text sorts as time: "2026-11-23T18:00:00.123456789Z" */
/* The values of google.protobuf.Timestamp and Duration, quoted, with 0, 3, 6 or 9 digits: "2026-11-23T18:00:00.5Z" has
 * ".500Z", "-1.500s". false: outside of what protobuf allows (years 1 to 9999; 315,576,000,000 s; nanos out of range or of
 * another sign); nothing is written, and the message goes out as an object with its two fields, as it does when it has
 * unknown fields. */
bool hrp_json_timestamp(struct hrp_buf *out, int64_t seconds, int64_t nanos);
bool hrp_json_duration(struct hrp_buf *out, int64_t seconds, int64_t nanos);
/* Messages that are written so. */
#define HRP_TIMESTAMP "google.protobuf.Timestamp"
#define HRP_DURATION "google.protobuf.Duration"
/* One protobuf wire message of schema as JSON, by the batch reader (a batch of one row): opaque leaves, tests.
 * HR_ELIMIT: messages behind opaque leaves nest deeper than hrp_limits_default.depth; else as hrp_builder_add. */
int hrp_json_from_wire(struct hrp_schema *s, const uint8_t *p, size_t n, struct hrp_buf *out, struct hr_error *err);

/* One JSON object (text, not NUL-terminated) to protobuf wire, appended to out. err says the field path and what was
 * expected: `title: expected a string, found the number 12`. An unknown key, a key that stands twice, two members of a oneof, a
 * missing required field are errors; null is "not set". Fields come in the order of the text; on failure nothing is
 * appended. HR_EROW, HR_ENOMEM. In hrp_json only. */
int hrp_json_to_wire(struct hrp_schema *s, const char *text, size_t n, struct hrp_buf *out, struct hr_error *err);
#endif
