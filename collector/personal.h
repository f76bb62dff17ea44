/* Personal data that is stored as a keyed hash (options.h, HRP_PERSONAL_HASH): HMAC-SHA256 with the project's key, its first
 * 16 bytes: 32 hex digits in place of a string, raw in place of bytes. Equal values have equal hashes, in all streams, as long as
 * the key is the same; who lacks the key can't try values out. Empty and absent values stay as they are.
 *
 * Rules are checked on the clear value; then the batch is built anew, row by row, and no byte of the clear one goes on to the
 * committer. Only batches of types that have such fields pay for it. */
#ifndef HRD_PERSONAL_H
#define HRD_PERSONAL_H
#include "msg.h"
#define HRD_PERSONAL_KEY_BYTES 32u
#define HRD_PERSONAL_HASH_BYTES 16u
struct hrd_personal; /* the key; immutable: any thread */

/* The key of this file, which is made when it is not there (mode 0600). err names the file: it has another size, or others than
 * its owner may read it. */
int hrd_personal_open(const char *path, struct hrd_personal **ret, struct hr_error *err);
int hrd_personal_of_key(const uint8_t key[HRD_PERSONAL_KEY_BYTES], struct hrd_personal **ret); /* tests */
void hrd_personal_free(struct hrd_personal *p); /* NULL is fine */
int hrd_personal_hash(const struct hrd_personal *p, const void *value, size_t n, uint8_t ret[HRD_PERSONAL_HASH_BYTES]); /* HR_ENOMEM */

bool hrd_personal_hashed(const struct hrp_node *node);       /* the field's action is HASH */
bool hrd_personal_any(const struct hrp_schema *schema);      /* it has such a field */
/* An open and judged batch of such a type, or one with raw rows of a type that has any personal data: bytes, head, batch and
 * sizes are those of one with the same rows, numbers, times, weights and marks, and without what must not be kept. All row
 * indexes hold. HR_ELIMIT: too large then; HR_ENOMEM; bat is as before. */
int hrd_personal_hide(const struct hrd_personal *p, struct hrd_batch_msg *bat);
/* One row in wire format: fields for which `done` says true (NULL: none) are hashes already. Appends to out. */
int hrd_personal_hide_row(const struct hrd_personal *p, struct hrp_schema *schema, bool (*done)(void *arg, const struct hrp_node *node),
                          void *arg, const uint8_t *row, size_t n, struct hrp_buf *out);
#endif
