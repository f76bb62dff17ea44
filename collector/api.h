/* HTTP answers for the page, metrics and tools: dashboard/API.md says which. All of it lives on the main loop; what reads
 * the store runs in two reader threads, a bounded piece at a time. */
#ifndef HRD_API_H
#define HRD_API_H
#include "errors.h"
#include <stdbool.h>
#include <stdint.h>
#include <uv.h>
struct hrd_api;
struct hrd_counters;
struct hrd_keeper;
struct hrd_log;
struct hrd_mailbox;
struct hrd_personal;
struct hrd_registry;
struct hrd_sinks;
struct hrd_status;

#define HRD_API_SLOTS 128u           /* threads that may tell their counters: more than main starts */

struct hrd_api_cfg { /* borrowed until close has finished */
    const char *host;            /* address to bind */
    uint16_t port;               /* 0: any, see hrd_api_port */
    const char *const *hosts;    /* further names accepted in Host, NULL-terminated; may be NULL */
    unsigned max_connections;    /* 0: 1,024 */
    struct hrd_log *log;
    struct hrd_registry *registry;
    struct hrd_keeper *keeper;   /* may be NULL: no quality numbers */
    struct hrd_mailbox *committer; /* writes for the API; may be NULL: nothing can be changed */
    struct hrd_sinks *sinks;     /* may be NULL */
    bool micro;                  /* log is one of micro.h: there is /micro */
    const struct hrd_personal *personal; /* key of hashed fields, for replays; may be NULL */
};
int hrd_api_open(uv_loop_t *loop, const struct hrd_api_cfg *cfg, struct hrd_api **ret, struct hr_error *err);
uint16_t hrd_api_port(const struct hrd_api *api);
/* What other threads told main, on the loop. The newest status replaces the one before; its reference becomes the api's.
 * Before the first one /readyz says 503. Counters are those of one thread since its start. */
void hrd_api_status(struct hrd_api *api, struct hrd_status *status);
void hrd_api_counters(struct hrd_api *api, unsigned slot, const struct hrd_counters *counters); /* slot < HRD_API_SLOTS */
/* Begins to close: no new connection, open answers are ended; done is called on the loop when all is gone and freed, and no
 * reader is in the store any more. The keeper must still run: its answers are waited for. NULL api: done is not called. */
void hrd_api_close(struct hrd_api *api, void (*done)(void *arg), void *arg);
#endif
