/* A network for tests between client and collector: forwards TCP connections, or swallows every byte and tells nobody, as a
 * cable does that was pulled. One thread. */
#ifndef PROXY_H
#define PROXY_H
#include <stdint.h>

struct proxy;
/* Listens on ip (IPv4 or IPv6) and port (0: any), connects to 127.0.0.1:target_port for each connection. NULL: no such address. */
struct proxy *proxy_start(const char *ip, uint16_t port, uint16_t target_port);
uint16_t proxy_port(const struct proxy *p);
/* From now on the bytes of connections that are open are swallowed, both ways; new ones are forwarded. */
void proxy_swallow(struct proxy *p);
unsigned proxy_connections(struct proxy *p); /* so far */
void proxy_stop(struct proxy *p);            /* closes all */
#endif
