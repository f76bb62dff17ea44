/* The socket under a connection: resolves, connects, reads, writes, closes, as hrs_conn wishes; decides nothing.
 * Belongs to the sender's thread. */
#ifndef HRS_LINK_H
#define HRS_LINK_H
#include "conn.h"
#include <uv.h>

struct hrs_attempt;              /* one connection with its handles; freed by their close callbacks */
struct hrs_link {
    uv_loop_t *loop;
    struct hrs_conn *conn;
    char host[256], port[8];
    struct hrs_attempt *attempt; /* the present one, NULL: none */
};
void hrs_link_init(struct hrs_link *l, uv_loop_t *loop, struct hrs_conn *conn);
/* Do what conn->want says and write what conn->out holds. */
void hrs_link_act(struct hrs_link *l);
void hrs_link_close(struct hrs_link *l); /* without a word to conn; run the loop afterwards */
int64_t hrs_mono_ns(void);
int64_t hrs_wall_ns(void);
#endif
