/* The schemas of the batch fuzzer: an input's first byte is one of these numbers, the rest is the batch. */
#ifndef FUZZ_BATCH_SCHEMAS_H
#define FUZZ_BATCH_SCHEMAS_H
#include "rows.h"
#include "schemas.h"

enum { FUZZ_FLIGHT, FUZZ_EVERYTHING, FUZZ_PROTO2, FUZZ_RANDOM, FUZZ_NONE, FUZZ_SCHEMAS };

static inline struct hrp_schema *fuzz_schema(unsigned which)
{
    struct rnd r = {10};

    switch (which) {
    case FUZZ_FLIGHT:
        return test_flight_schema();
    case FUZZ_EVERYTHING:
        return test_schema("everything", "every.Thing");
    case FUZZ_PROTO2:
        return test_schema("proto2", "old2.Item");
    case FUZZ_RANDOM:
        return test_schema_random(&r);
    default:
        return NULL;
    }
}
#endif
