/* First byte of an integer stream. Private to ints.c and ints_read.c; PROTOCOL.md draws it. */
#ifndef HRP_INTS_FORMAT_H
#define HRP_INTS_FORMAT_H

enum ints_kind { /* bits 0..2 */
    KIND_CONST = 0,
    KIND_FOR = 1,
    KIND_DELTA = 2,
    KIND_VARINT = 3,
    KIND_DICT = 4,
    KIND_ZEROS = 5,
};
#define KIND_MASK 7u
#define SCALED 8u          /* bit 3, FOR and DELTA: a scale follows the base */
#define BLOCK_SHIFT 4      /* bits 4..6, FOR and DELTA: blocks of 16 << code values; 7: one block */
#define BLOCK_WHOLE 7u
#define BLOCK_CODES 8u
#define MIN_BLOCK 16u
#endif
