/* One column: its encodings. Private to proto/. */
#ifndef HRP_COLUMN_H
#define HRP_COLUMN_H
#include "batch.h"
#endif
