/* Types of protobuf-c as descriptor sets. */
#ifndef HRS_PBC_H
#define HRS_PBC_H
#include "bytes.h"
#include "errors.h"
#include <protobuf-c/protobuf-c.h>

/* A FileDescriptorSet of d and all it uses, such that protoc would accept it; the same bytes for the same descriptors.
 * HR_ESCHEMA: the descriptors have no names (option optimize_for = CODE_SIZE), or too many types; HR_ENOMEM. */
int hrs_pbc_set(const ProtobufCMessageDescriptor *d, struct hrp_buf *out, struct hr_error *err);
#endif
