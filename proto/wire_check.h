/* Protobuf wire bytes that are kept as they are: are they what they say? Private to proto/. */
#ifndef HRP_WIRE_CHECK_H
#define HRP_WIRE_CHECK_H
#include "schema.h"

enum hrp_wire { HRP_WIRE_VARINT = 0, HRP_WIRE_64 = 1, HRP_WIRE_LEN = 2, HRP_WIRE_32 = 5 };
/* Wire type of one value of a FieldDescriptorProto.Type. */
enum hrp_wire hrp_wire_of(uint8_t pb_type);

bool hrp_utf8_valid(const uint8_t *p, size_t n);
/* Pass over the value of a field with this tag. False: cut off, or a wire type that does not exist (groups too). */
bool hrp_wire_skip(struct hrp_reader *r, uint64_t tag);
/* A message of schema s (its root): wire types, lengths, UTF-8 of strings, at most `depth` levels. NULL: it is good; else
 * what is wrong, static storage, and *ret_node the field, if one is to blame. hrp_wire_no_memory: could not be checked. */
extern const char hrp_wire_no_memory[];
const char *hrp_wire_check(struct hrp_schema *s, const uint8_t *p, size_t n, uint32_t depth, const struct hrp_node **ret_node);
/* A run of fields that msg lacks. One that it has is refused: it would overrule, unchecked, what its own column says. */
bool hrp_wire_check_unknown(struct hrp_schema *s, const struct hrp_node *msg, const uint8_t *p, size_t n);
#endif
