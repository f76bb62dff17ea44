/* The socket under a connection, and TLS on it: resolves, connects, reads, writes, closes, as hrs_conn wishes. The host is
 * resolved at each connecting; its addresses are tried in turn, beginning with the one that worked last, and none but the last
 * may use more than its share of the time for connecting: so a family of addresses that leads nowhere does not hide the other.
 * Belongs to the sender's thread. */
#ifndef HRS_LINK_H
#define HRS_LINK_H
#include "conn.h"
#include "tls.h"
#include <sys/socket.h>
#include <uv.h>

struct hrs_attempt;              /* one connection with its handles; freed by their close callbacks */
struct hrs_link {
    uv_loop_t *loop;
    struct hrs_conn *conn;
    char host[256], port[8];
    struct hrs_attempt *attempt; /* the present one, NULL: none */
    struct sockaddr_storage good; /* the address that worked last; family 0: none */
    const hr_options *opt;       /* borrowed */
    const struct hrp_tls_ops *tls; /* NULL: no TLS */
};
void hrs_link_init(struct hrs_link *l, uv_loop_t *loop, struct hrs_conn *conn, const hr_options *opt, const struct hrp_tls_ops *tls);
/* Do what conn->want says and write what conn->out holds. */
void hrs_link_act(struct hrs_link *l);
void hrs_link_close(struct hrs_link *l); /* without a word to conn; run the loop afterwards */
int64_t hrs_mono_ns(void);
int64_t hrs_wall_ns(void);
#endif
