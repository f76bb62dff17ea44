/* The door of producers: one listening socket on the main loop, whose connections go to the workers in turn. */
#ifndef HRD_LISTENER_H
#define HRD_LISTENER_H
#include "worker.h"
struct hrd_listener;
struct hrp_tls_ctx;

/* host, port: as of hrd_address_parse; port 0: any. The workers are borrowed until close. */
int hrd_listener_open(uv_loop_t *loop, const char *host, uint16_t port, struct hrd_worker *const *workers, unsigned n_workers,
                      struct hrd_listener **ret, struct hr_error *err);
/* Of connections from now on; takes ctx over, NULL: none. Those that are open keep theirs. */
void hrd_listener_tls(struct hrd_listener *lis, struct hrp_tls_ctx *ctx);
uint16_t hrd_listener_port(const struct hrd_listener *lis);
void hrd_listener_close(struct hrd_listener *lis); /* no connection from now on; freed by the loop. NULL is fine */
#endif
