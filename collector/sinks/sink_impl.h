/* What sink.c, sink_cursor.c and sink_deliver.c share. All of it belongs to the sink's thread, but for `told`. */
#ifndef HRD_SINK_IMPL_H
#define HRD_SINK_IMPL_H
#include "log.h"
#include "mailbox.h"
#include "registry.h"
#include "sink.h"

struct sink_intent {                     /* a delivery that was begun, maybe delivered, but whose rows the cursor has not passed */
    bool out;
    struct hrp_id generation;
    uint64_t to;                         /* from: the cursor */
    int64_t hour_ns;
};
struct sink_plan {                       /* the next delivery, as far as its blocks are there */
    uint64_t to, rows, bytes;            /* to: where planning goes on; the cursor at first */
    int64_t hour_ns, since_ns;           /* of receive time: the hour of all its rows; that of the first */
    uint64_t since_mono_ns;              /* when its first row was seen */
};
struct sink_stream {
    bool loaded, damaged;                /* damaged: its cursor can't be read; nothing is delivered until a person decides */
    uint64_t cursor, end;                /* end: of the stream, as last seen */
    struct sink_intent intent;
    struct sink_plan plan;
    uint64_t retry_mono_ns, backoff_ms;  /* after a failure; backoff_ms 0: none */
    char reason[256];                    /* of that failure */
};
enum sink_state {
    SINK_IDLE,
    SINK_INTENT,                         /* an intent is at the committer: (1) */
    SINK_CURSOR,                         /* a cursor is at the committer: (3) */
    SINK_CLOSED,
};
struct sink {
    struct hrd_sink_settings settings;   /* strings are the configuration's */
    struct hrd_log *log;                 /* borrowed, as the next two */
    struct hrd_registry *registry;
    struct hrd_mailbox *committer;
    const struct hrd_sink_kind *kind;
    void *dest;                          /* of the kind */
    uv_loop_t loop;
    uv_thread_t thread;
    bool has_loop;
    struct hrd_mailbox inbox;
    uv_async_t stop;
    uv_timer_t look;
    enum sink_state state;
    bool stopping;
    uint32_t at;                         /* stream id that state speaks of; then the last one that was looked at */
    struct sink_stream *streams;         /* [n_streams], id - 1 */
    uint32_t n_streams;
    struct hrp_buf json, value;          /* scratch */
    struct hrd_sink_status status;
    uv_mutex_t lock;                     /* guards told */
    struct hrd_sink_status told;
};

/* sink_cursor.c: HRD_CF_CURSORS, sink name, 0, stream id u32be > cursor and intent */
#define SINK_KEY_MAX 128u
size_t sink_cursor_key(const struct sink *snk, uint32_t stream_id, uint8_t ret[SINK_KEY_MAX]);
void sink_cursor_put(struct hrp_buf *out, const struct sink_stream *st);
int sink_cursor_read(const uint8_t *p, size_t n, struct sink_stream *ret); /* HR_ECORRUPT, HR_EVERSION */
int sink_cursor_load(struct sink *snk, uint32_t stream_id, struct sink_stream *st);

/* sink_deliver.c */
/* Looks what has come. 1: the plan is a whole delivery; 0: not yet; HR_E*. */
int sink_plan(struct sink *snk, uint32_t stream_id, struct sink_stream *st, int64_t now_wall_ns, uint64_t now_mono_ns);
/* Delivers the stream's intent. err is filled on failure. */
int sink_deliver(struct sink *snk, uint32_t stream_id, const struct sink_stream *st, struct hr_error *err);
#endif
