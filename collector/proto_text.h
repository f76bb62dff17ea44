/* .proto text to descriptors and back, by libprotobuf's own parser behind a C header: for the registry, whose clients send text,
 * and for `headrace schema`, which reads files. Nesting and size are checked before the parser sees a byte. */
#ifndef HRD_PROTO_TEXT_H
#define HRD_PROTO_TEXT_H
#include "bytes.h"
#include "errors.h"

#ifdef __cplusplus
extern "C" {
#endif
struct hrd_proto_file {
    const char *name;  /* as others import it */
    const char *text;  /* NUL-terminated */
};
/* files[0] is the one that is meant; the others are what it may import, besides google/protobuf, buf/validate/validate.proto and
 * headrace/options.proto, which are always there. Appends a FileDescriptorSet with all imports and source_code_info.
 * HR_ESCHEMA: err has file:line:column and the parser's sentence. HR_ELIMIT, HR_ENOMEM. Thread: any. */
int hrd_proto_parse(const struct hrd_proto_file *files, uint32_t n_files, struct hrp_buf *ret_set, struct hr_error *err);
/* The same from the file system: path is looked up in dirs ("." when there are none), as protoc -I does. */
int hrd_proto_parse_path(const char *path, const char *const *dirs, uint32_t n_dirs, struct hrp_buf *ret_set, struct hr_error *err);
/* Text of one file of a set: custom options are written as such, not as unknown fields. HR_ENOENT: no such file. */
int hrd_proto_print(const uint8_t *set, size_t n, const char *file, struct hrp_buf *ret_text, struct hr_error *err);
#ifdef __cplusplus
}
#endif
#endif
