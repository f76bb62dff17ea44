/* A simulation of the whole way of an event: the SDK's agents, the collector's sessions and its committer, as they are, on
 * a virtual clock, network and disk. One thread; everything that happens follows from the seed.
 *
 *   world.c    the clock, the order of things, the faults and when they come
 *   disk.c     incarnation folders: batches, types, lanes; what a kill or a reboot leaves of them
 *   net.c      connections: bytes late, in pieces, cut off; ends that one side does not hear of
 *   app.c      processes that log, are killed, start again and adopt what is there
 *   server.c   a collector: sessions, mailbox, group commits that fail, crashes, restarts on the same store
 *   oracle.c   what was logged, against every row of the store and every term of the ledger
 *
 * A life has two parts. First faults of the kinds this seed has chosen; then all is well, whoever is left closes, somebody
 * drains the folders, and every call must be found exactly once. */
#ifndef SIM_H
#define SIM_H
#include "agent.h"
#include "committer.h"
#include "log_memory.h"
#include "plant.h"
#include "producers.h"
#include "session.h"
#include <stdio.h>

#define SIM_MS INT64_C(1000000)
#define SIM_S INT64_C(1000000000)
#define SIM_NEVER INT64_MAX
#define SIM_TYPES 3u
#define SIM_LANES 3u
#define SIM_HOSTS 2u
#define SIM_CLIENTS 4u
#define SIM_FOLDERS 64u

struct sim;

/* ---- what was logged ---- */
enum sim_outcome {
    SIM_ROW,         /* the call returned 0 */
    SIM_RAW,         /* the same, and it must end in quarantine */
    SIM_MAYBE_ROW,   /* killed inside, after the record was whole */
    SIM_ABORTED,     /* killed inside, after the number was taken */
    SIM_FULL, SIM_TOOBIG, SIM_MEMORY,
};
struct sim_call {
    uint64_t value;  /* the row's id; its text follows from it */
    uint8_t outcome;
    bool seen;       /* found in the store */
};
struct sim_track {   /* the calls of one lane and type: n - 1 is the index */
    struct sim_call *v;
    size_t n, cap;
};

/* ---- disk ---- */
struct sim_file {
    uint64_t id;
    uint8_t *p;
    size_t n;
};
struct sim_lane {
    struct hrs_lane lane;          /* the view of whoever has the folder now */
    uint8_t *region, *frozen;      /* frozen: as it was when its process died inside a call */
    size_t n_bytes;
};
struct sim_folder {
    struct sim *s;
    unsigned host;
    struct hrp_id id;
    bool there;                    /* not removed yet */
    bool lossy;                    /* its machine lost power: what it had not sent may be gone */
    bool other_boot;
    struct sim_client *locked_by;
    struct hrp_buf meta, types, store;
    struct sim_file *files;        /* [n_files], in no order */
    size_t n_files, cap_files;
    struct sim_lane lanes[SIM_LANES];
    uint32_t n_lanes;
    struct sim_track tracks[SIM_LANES][SIM_TYPES];
};
extern const struct hrs_store_ops sim_disk_ops;
struct sim_folder *sim_folder_new(struct sim *s, struct sim_client *c); /* with meta of c's incarnation and its lanes */
int sim_folder_adopt(struct sim_folder *f, struct sim_client *c);      /* into c's agent */
void sim_folder_removed(struct sim_folder *f);
void sim_disk_killed(struct sim_client *c);    /* lets its folders go, as they were when it died */
void sim_disk_clone(struct sim *s); /* a folder that nobody has is on two machines from now on */
void sim_disk_reboot(struct sim *s, unsigned host); /* all of the host's processes are dead */
void sim_disk_free(struct sim *s);

/* ---- processes ---- */
enum sim_client_state { SIM_DEAD, SIM_RUNNING, SIM_CLOSING };
struct sim_link;
struct sim_client {
    struct sim *s;
    unsigned slot, host;
    enum sim_client_state state;
    struct hrs_stats stats;
    struct hrs_agent agent;
    struct sim_folder *own;        /* NULL: drains, or its incarnation is closed */
    struct sim_link *link;
    int64_t next_ns, log_ns, adopt_ns, start_ns, full_until_ns;
    uint64_t die_in;               /* disk operations until it is killed inside one; 0: not planned */
    bool dying;                    /* was killed in this step: nothing it does reaches the disk */
};
void sim_client_run(struct sim_client *c);
void sim_client_start(struct sim_client *c, bool drains);
void sim_client_kill(struct sim_client *c);
void sim_client_close(struct sim_client *c);
void sim_client_heard(struct sim_client *c, const uint8_t *p, size_t n);
void sim_client_lost(struct sim_client *c, const char *why);
void sim_client_forget(struct sim_client *c);  /* the end of the simulation */

/* ---- network ---- */
struct sim_piece {
    struct sim_piece *next;
    int64_t at_ns;
    size_t n;
    bool end;                      /* of the connection, in this direction */
    uint8_t p[];
};
struct sim_pipe {
    struct sim_piece *first, *last;
    bool cut;                      /* what is sent from now on arrives nowhere */
};
struct sim_link {
    struct sim_link *next;
    struct sim_client *client;     /* NULL: it has closed its end, or is dead */
    struct hrd_session *session;   /* NULL: not accepted yet, or closed */
    uint64_t id;
    int64_t open_ns;
    bool opened;
    struct sim_pipe up, down;
};
void sim_net_connect(struct sim_client *c);
void sim_net_send(struct sim *s, struct sim_pipe *p, const uint8_t *bytes, size_t n);
void sim_net_end(struct sim *s, struct sim_pipe *p, bool lossy); /* lossy: some of what is under way is lost */
void sim_net_leave(struct sim_client *c, bool lossy);            /* the client's end of its link */
void sim_net_cut(struct sim *s, struct sim_link *l);
int64_t sim_net_next(const struct sim *s);
void sim_net_run(struct sim *s);
void sim_net_free(struct sim *s);

/* ---- collector ---- */
struct sim_server {
    bool up;
    struct hrd_log *log;
    struct hrd_registry *registry;
    struct hrd_committer *committer;
    struct hrd_session_cfg cfg;
    struct hrd_counters counters;
    struct hrd_msgs inbox, answers;
    uint64_t next_session;
    int64_t start_ns, commit_ns, answer_ns, reopen_ns;
};
void sim_server_start(struct sim *s);
void sim_server_crash(struct sim *s);
void sim_server_accept(struct sim *s, struct sim_link *l);
void sim_server_heard(struct sim *s, struct sim_link *l, const uint8_t *p, size_t n);
void sim_server_ended(struct sim *s, struct sim_link *l);
int64_t sim_server_next(const struct sim *s);
void sim_server_run(struct sim *s);

/* ---- the world ---- */
enum sim_seen { /* what came up, summed over all lives: a simulation that meets no trouble proves nothing */
    SIM_ROWS, SIM_TRIMMED, SIM_EVICTED, SIM_KILLS, SIM_KILLS_INSIDE, SIM_CRASHES, SIM_FAILED_WRITES, SIM_CUTS, SIM_ADOPTED, SIM_SENT_BACK,
    SIM_REBOOTS, SIM_CLONES, SIM_SEEN_N
};
struct sim_knobs { /* chosen by the seed; chances are in 1,000 */
    unsigned n_clients, n_hosts, n_calls;
    uint64_t ring_bytes, cap_bytes, window_bytes, group_bytes;
    uint32_t batch_rows;
    int64_t batch_age_ns, fault_every_ns, delay_ns;
    bool cuts, kills, kills_inside, crashes, commit_fails, disk_full, disk_errors, reboots, clock_jumps, memory_fails, retries, clones;
};
struct sim {
    uint64_t seed, random;
    int64_t now_ns, wall_ahead_ns, fault_ns, deadline_ns;
    bool quiet;                    /* the second part */
    bool trace;
    struct sim_knobs k;
    uint64_t n_logged, next_value, boot[SIM_HOSTS];
    struct sim_folder *folders;    /* [n_folders] */
    unsigned n_folders;
    struct sim_client clients[SIM_CLIENTS];
    struct sim_link *links;
    uint64_t next_link;
    struct sim_server server;
    uint64_t seen[SIM_SEEN_N];
    char failure[512];             /* "": none */
};
uint64_t sim_below(struct sim *s, uint64_t n);              /* 0..n-1 */
bool sim_chance(struct sim *s, unsigned per_mille);
int64_t sim_soon(struct sim *s, int64_t most_ns);           /* a moment up to most_ns from now, later than now */
int64_t sim_wall(const struct sim *s);
void sim_id(struct sim *s, struct hrp_id *ret);
void sim_trace(struct sim *s, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void sim_fail(struct sim *s, const char *fmt, ...) __attribute__((format(printf, 2, 3))); /* keeps the first */
struct hrs_type *sim_type(unsigned type);
const char *sim_type_name(unsigned type);

/* ---- what must hold ---- */
void sim_oracle_call(struct sim *s, struct sim_folder *f, uint32_t lane, uint32_t type, uint64_t value, enum sim_outcome outcome);
/* The row of a value: its text, at most SIM_TEXT_MAX bytes. */
#define SIM_TEXT_MAX 600u
size_t sim_text(uint64_t value, char ret[SIM_TEXT_MAX + 1]);
void sim_oracle_commit(struct sim *s); /* after each: the ledger balances and agrees with the streams */
void sim_oracle_end(struct sim *s);    /* all of it */

/* One life. True: all held; else s->failure of the returned text (static) says what did not. */
const char *sim_run(uint64_t seed, bool trace, uint64_t seen[SIM_SEEN_N]);
int sim_open_types(void);
void sim_close_types(void);
#endif
