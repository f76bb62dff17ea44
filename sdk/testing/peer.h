/* The collector's side of the ingest protocol (PROTOCOL.md), as much of it as a test needs: it welcomes, learns every schema,
 * commits every batch to a store in memory and says so. A state machine: bytes in, bytes out. */
#ifndef HRS_TESTING_PEER_H
#define HRS_TESTING_PEER_H
#include "store.h"

struct hrs_announced;        /* an incarnation and its types */
struct hrs_peer {
    struct hrs_store *store;
    struct hrp_id generation;
    uint64_t commits;
    struct hrp_buf in, out;
    struct hrs_announced *announced;
};
void hrs_peer_init(struct hrs_peer *p, struct hrs_store *store, const struct hrp_id *generation);
void hrs_peer_fini(struct hrs_peer *p);
/* 0; HR_ECLOSED: the client says goodbye; another: the protocol was broken, close. */
int hrs_peer_input(struct hrs_peer *p, const void *bytes, size_t n);
#endif
