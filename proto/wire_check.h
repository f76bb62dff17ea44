/* Protobuf wire bytes that are kept as they are: are they what they say? Private to proto/. */
#ifndef HRP_WIRE_CHECK_H
#define HRP_WIRE_CHECK_H
#include "schema.h"

enum hrp_wire {
    HRP_WIRE_VARINT = 0, HRP_WIRE_64 = 1, HRP_WIRE_LEN = 2, HRP_WIRE_GROUP = 3, HRP_WIRE_GROUP_END = 4, HRP_WIRE_32 = 5
};
/* Wire type of one value of a FieldDescriptorProto.Type; of a group: that of the tag before it. */
enum hrp_wire hrp_wire_of(uint8_t pb_type);

bool hrp_utf8_valid(const uint8_t *p, size_t n);
extern const char hrp_wire_not_utf8[]; /* what to say of those that are not */
/* Pass over the value of a field with this tag. False: cut off, a wire type that does not exist, or a group whose end is
 * another's, missing, or more than HRP_MAX_GROUPS levels deep. */
#define HRP_MAX_GROUPS 100
bool hrp_wire_skip(struct hrp_reader *r, uint64_t tag);
/* After the tag of a group: pass over it and its end. What is in it, without tags; NULL: as above. */
const uint8_t *hrp_wire_group(struct hrp_reader *r, uint64_t tag, size_t *ret_n);
/* A message of schema s (its root): wire types, lengths, UTF-8 of strings, at most `depth` levels. NULL: it is good; else
 * what is wrong, static storage, and *ret_node the field, if one is to blame. hrp_wire_no_memory: could not be checked. */
extern const char hrp_wire_no_memory[];
extern const char hrp_wire_bad_unknown[], hrp_wire_no_end[];
const char *hrp_wire_group_ends(uint64_t tag, uint64_t group); /* is this end tag that of the open group (0: there is none)? */
const char *hrp_wire_check(struct hrp_schema *s, const uint8_t *p, size_t n, uint32_t depth, const struct hrp_node **ret_node);
/* A run of fields that msg lacks. One that it has is refused: it would overrule, unchecked, what its own column says. */
bool hrp_wire_check_unknown(struct hrp_schema *s, const struct hrp_node *msg, const uint8_t *p, size_t n);
#endif
