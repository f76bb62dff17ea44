/* A FileDescriptorSet for `send`: from a file, or made by protoc from a .proto. */
#ifndef CLI_DESCRIPTOR_H
#define CLI_DESCRIPTOR_H
#include "bytes.h"

/* protoc (found in PATH) --include_imports -I dirs... proto. dirs[n_dirs]; none: the folder of the .proto.
 * 0, or an exit code after printing why. */
int cli_descriptor_compile(const char *proto, const char *const *dirs, unsigned n_dirs, struct hrp_buf *ret);
int cli_descriptor_read(const char *path, struct hrp_buf *ret);
/* The type to use: `wanted`, or the only one there is. *ret is in `set`-independent memory, hrp_free it. Prints the names
 * there are when it cannot be told. */
int cli_descriptor_type(const struct hrp_buf *set, const char *wanted, char **ret);
#endif
