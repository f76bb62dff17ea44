/* A FileDescriptorSet: from a file, or of a .proto. */
#ifndef CLI_DESCRIPTOR_H
#define CLI_DESCRIPTOR_H
#include "bytes.h"

/* Of proto and all it imports from dirs[n_dirs]; none: the folder of the .proto. What google/protobuf, buf/validate and headrace have
 * is there without a folder.
 * 0, or an exit code after printing why. */
int cli_descriptor_compile(const char *proto, const char *const *dirs, unsigned n_dirs, struct hrp_buf *ret);
int cli_descriptor_read(const char *path, struct hrp_buf *ret);
/* Name of the set's last file, the one that was meant; hrp_free. NULL: no set, or no memory. */
char *cli_descriptor_file(const struct hrp_buf *set);
/* The type to use: `wanted`, or the only one of the last file. *ret is in `set`-independent memory, hrp_free it. Prints the names
 * there are when it cannot be told. */
int cli_descriptor_type(const struct hrp_buf *set, const char *wanted, char **ret);
#endif
