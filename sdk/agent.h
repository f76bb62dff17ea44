/* Everything the sender thread decides, without libuv: the client's own incarnation, adopted ones, their batchers, the
 * spool and the connection. sender.c drives it with real time and sockets, the simulator with virtual ones.
 *
 * An incarnation's end: finishing > all batches acknowledged > closing report > its ack > closed > the shell removes
 * the folder. Own ones finish by hrs_agent_close; adopted ones are finishing from the start. */
#ifndef HRS_AGENT_H
#define HRS_AGENT_H
#include "batcher.h"
#include "conn.h"

struct hrs_agent {
    struct hrs_stats *stats;
    struct hrs_batch_limits limits;
    struct hrs_conn_config conn_cfg;
    struct hrs_spool spool;
    struct hrs_conn conn;
    struct hrs_inc *own;          /* NULL: drains what others left */
    /* Removes the folder of a closed incarnation, or lets go of one that is `gone`; the inc is freed after it. */
    void (*release)(void *arg, struct hrs_inc *inc);
    void *arg;
    /* a flush in progress */
    bool flush_wanted, flush_sealed, flush_done;
    uint64_t flush_id;
    bool close_wanted;
    int64_t retry_puts_at_mono_ns;
    int64_t stuck_until_mono_ns;  /* batchers rest until then, or until the spool has shrunk */
    uint64_t stuck_bytes;
    int64_t deadline_mono_ns;
};
/* limits and conn_cfg are copied from a template the caller fills; strings in conn_cfg stay borrowed. */
void hrs_agent_init(struct hrs_agent *a, const struct hrs_store_ops *ops, void *ops_arg, uint64_t spool_cap_bytes,
                    const struct hrs_batch_limits *limits, const struct hrs_conn_config *conn_cfg, struct hrs_stats *stats, uint64_t seed);
void hrs_agent_fini(struct hrs_agent *a); /* frees incarnations, without their folders */

/* The client's own incarnation: takes inc on success. Lanes are added to inc->batcher as threads log. */
int hrs_agent_own(struct hrs_agent *a, struct hrs_inc *inc);
/* An adopted incarnation with its lanes (borrowed until release or fini): loads its sealed batches. Takes inc on success. */
int hrs_agent_adopt(struct hrs_agent *a, struct hrs_inc *inc, struct hrs_lane **lanes, uint32_t n_lanes);

/* One round: drain, seal, timers, send. Then: agent->conn.want, agent->conn.out. */
void hrs_agent_step(struct hrs_agent *a, int64_t now_mono_ns, int64_t now_wall_ns, struct hrs_step *ret);
int64_t hrs_agent_deadline(const struct hrs_agent *a);

/* Flush: everything logged into the own incarnation before this call; done when flush_done is set by a step. */
void hrs_agent_flush(struct hrs_agent *a);
/* No call will be made any more: flush, closing report. Done when own->closed, or own is NULL. */
void hrs_agent_close(struct hrs_agent *a);
bool hrs_agent_closed(const struct hrs_agent *a);
bool hrs_agent_drained(const struct hrs_agent *a); /* no incarnation left */
#endif
