/* libheadrace: log structured, schema-checked events; never block, never lose one quietly.
 *
 *     #include <headrace.h>
 *     #include "shop.headrace.h"      // made by protoc-gen-headrace from shop.proto
 *
 *     int main(void)
 *     {
 *         struct hr_error err;
 *         hr_options *opt = hr_options_new();
 *         hr_client *client;
 *
 *         hr_options_set(opt, "app", "checkout", NULL);
 *         hr_options_set(opt, "spool_dir", "/var/lib/checkout/spool", NULL);
 *         if (hr_open(opt, &client, &err) != 0)
 *             return fprintf(stderr, "%s\n", err.text), 1;
 *
 *         struct shop_checkout_completed row = {.order_id = hr_str("A-17"), .amount = 12.5};
 *         shop_checkout_completed_log(client, &row);
 *
 *         hr_close(client, 5000);
 *         hr_options_free(opt);
 *     }
 *
 * C99 and C++ clean. Every function may be called from any thread unless it says otherwise, and none from a signal handler: that
 * would write where the call it interrupted is writing. In a forked child the parent's clients answer HR_EFORK; open another there. */
#ifndef HEADRACE_H
#define HEADRACE_H

#include <stddef.h>
#include <stdint.h>
#include <headrace/errors.h>

#ifdef __cplusplus
extern "C" {
#endif

#define HR_VERSION_MAJOR 0
#define HR_VERSION_MINOR 1
#define HR_VERSION_PATCH 0
#define HR_DEFAULT_URL "headrace://127.0.0.1:7411"
#define HR_MAX_EVENT_BYTES 65536 /* largest encoded event; a larger one is dropped and counted as "too_big" */

typedef struct hr_client hr_client;
typedef struct hr_options hr_options;

/* ---- options: names, units, defaults and ranges are the table of sdk/options.def and of README ---- */

/* All options at their defaults; NULL: out of memory. Free with hr_options_free. Not thread-safe. */
HR_API hr_options *hr_options_new(void);
HR_API void hr_options_free(hr_options *opt); /* NULL is fine */
/* Set one option from text ("250", "64MiB", "5s", "true"). HR_ENOENT: no such option (err suggests the nearest);
 * HR_EINVAL: value out of range or of the wrong type. The strings are copied. */
HR_API int hr_options_set(hr_options *opt, const char *name, const char *value, struct hr_error *err);
/* Calls fn for each option, in table order: for --help and docs. The strings are borrowed for the call. */
HR_API void hr_options_each(void (*fn)(void *arg, const char *name, const char *type, const char *unit,
                                       const char *default_value, const char *range, const char *sentence), void *arg);

/* What the client has to say to whoever runs the application. The library itself writes to no stream: without a logger nobody
 * hears it, but hr_status_text and the counters tell the same. */
enum hr_level {
    HR_LEVEL_ERROR = 1,   /* events were given up */
    HR_LEVEL_WARNING = 2, /* refused, dropped, not connected; the client goes on */
    HR_LEVEL_INFO = 3     /* connected, took over a folder */
};
/* One line without a newline, control bytes escaped; message is borrowed for the call. Called on the client's sender thread without
 * a lock, at most a line of each kind a second; while it runs nothing is sent, so hand over and return. It may log events and read
 * counters, but hr_flush and hr_close would wait for the thread they are on. */
typedef void hr_log_fn(void *user, enum hr_level level, const char *message);
/* fn hears what is at most `most`: HR_LEVEL_WARNING leaves out the information. NULL fn: silence, as without this call.
 * user is borrowed until hr_close of the last client opened with opt has returned. */
HR_API void hr_options_set_logger(hr_options *opt, hr_log_fn *fn, void *user, enum hr_level most);
HR_API const char *hr_level_name(enum hr_level level); /* "error", "warning", "info"; "?" for another */

/* ---- life ---- */

/* Open a client: takes the spool folder, adopts what dead processes left there, starts the sender thread.
 * Does not wait for the collector. opt NULL: all defaults. HEADRACE_URL in the environment stands in for an unset "url",
 * HEADRACE_SPOOL for an unset "spool_dir". HR_TEST=URL in the environment goes before all: events go there, without a token
 * and without a spool folder (headrace_test.h, headraced --micro). The options are copied. Errors: HR_EINVAL, HR_EIO, HR_ENOSPC, HR_ENOMEM;
 * with "tls" also HR_ENOENT: libheadrace-tls.so is not installed. A client that is still open at exit is waited for, "exit_ms" at most. */
HR_API int hr_open(const hr_options *opt, hr_client **ret, struct hr_error *err);
/* Wait until every event whose log call returned before this call is acknowledged as durable by the collector.
 * timeout_ms >= 0. HR_ETIMEOUT: some are not yet; they stay in the spool (or in memory) and are still sent. */
HR_API int hr_flush(hr_client *client, int64_t timeout_ms);
/* The same for every client of this process, one after the other, within timeout_ms in all: for tests, and before an exit when
 * libraries log, too. No client may be closed meanwhile. Returns the first error. */
HR_API int hr_flush_all(int64_t timeout_ms);
/* Flush within timeout_ms, tell the collector that this incarnation ends, stop the sender, free the client.
 * HR_ETIMEOUT: what was not acknowledged stays in the spool folder for the next client or `headrace spool drain`
 * (without a spool folder it is lost, and the return value is the only witness). No other thread may be inside a call on
 * client, or make one afterwards. NULL is fine: 0. */
HR_API int hr_close(hr_client *client, int64_t timeout_ms);

/* ---- logging ---- */

/* An event type: generated code has one static object per event message. Fields are private; zero means "not yet used". */
typedef struct hr_type {
    const char *stream;             /* full message name */
    const uint8_t *descriptor_set;  /* serialized FileDescriptorSet, canonical (schema.h in the sources) */
    size_t descriptor_bytes;
    uint32_t index;                 /* private: process-wide number + 1, set on first use */
} hr_type;

/* Type object from a descriptor set read at run time; the bytes are copied. Never freed before the process ends:
 * lanes may hold rows of it. Same (name, set) again: the same object. HR_ESCHEMA, HR_ENOENT, HR_ENOMEM, HR_ELIMIT. */
HR_API int hr_type_open(const uint8_t *descriptor_set, size_t n_bytes, const char *full_name, hr_type **ret, struct hr_error *err);

/* Log one event that is already in protobuf wire format: n_bytes, at most HR_MAX_EVENT_BYTES, read before it returns. Never blocks,
 * keeps errno; as a generated log function, it is slower in a thread's first call. event_time_ns: since 1970-01-01T00:00:00Z, 0 = now.
 * 0; HR_EFULL, HR_ETOOBIG, HR_ECLOSED, HR_ELIMIT, HR_ENOMEM: dropped and counted by reason; HR_EINVAL: a NULL; HR_EFORK. */
HR_API int hr_log_wire(hr_client *client, hr_type *type, int64_t event_time_ns, const void *row, size_t n_bytes);
/* Log bytes that do not fit their type: they travel as they are and end in quarantine with `reason` (a sentence of at most 255
 * bytes; the rest is cut). Time: now. Returns as hr_log_wire. */
HR_API int hr_log_raw(hr_client *client, hr_type *type, const void *bytes, size_t n_bytes, const char *reason);
/* Log any message that protobuf-c generated (include <protobuf-c/protobuf-c.h>). The type is made from its descriptor
 * on first use. Walks the message twice (size, then bytes); no allocation after a type's first call. */
struct ProtobufCMessage;
HR_API int hr_log_message(hr_client *client, const struct ProtobufCMessage *msg, int64_t event_time_ns);

/* ---- strings in generated structs ---- */
typedef struct hr_bytes {
    const void *p; /* borrowed for the call; may hold NUL; NULL with n 0 is the empty string */
    size_t n;
} hr_bytes;
HR_API hr_bytes hr_str(const char *s); /* NUL-terminated; NULL gives the empty string */

/* ---- counters ---- */
enum hr_stat { /* monotone counters of this client since hr_open, unless marked as a level */
    HR_STAT_LOGGED,          /* calls, dropped ones too */
    HR_STAT_DROPPED,         /* dropped in this process, all reasons */
    HR_STAT_DROPPED_FULL,
    HR_STAT_DROPPED_TOOBIG,
    HR_STAT_DROPPED_CLOSED,
    HR_STAT_DROPPED_EVICTED,
    HR_STAT_SEALED_BATCHES,
    HR_STAT_SEALED_ROWS,     /* rows in sealed batches */
    HR_STAT_SEALED_BYTES,
    HR_STAT_ACKED_BATCHES,
    HR_STAT_ACKED_ROWS,
    HR_STAT_QUARANTINED_ROWS,/* as the collector's acks told */
    HR_STAT_RESENT_BATCHES,
    HR_STAT_CONNECTS,
    HR_STAT_SPOOL_BYTES,     /* level: sealed, not yet acknowledged */
    HR_STAT_SPOOL_BATCHES,   /* level */
    HR_STAT_CONNECTED,       /* level: 1 or 0 */
    HR_STAT_ADOPTED,         /* folders of dead processes taken over */
    HR_STAT_TORN,            /* damaged records or batches found in adopted folders */
    HR_STAT_LANES,           /* level */
    HR_STAT_AVOIDED,         /* level: sealed batches that ended several connections and are now tried rarely */
    HR_STAT_INVALID_ROWS,    /* rows that break a rule of their schema; they are sent, marked. Patterns are the collector's matter */
    HR_STAT_N
};
/* One counter; 0 for an unknown one. Never blocks; sums over the lanes, so it is for once a second, not for each event. */
HR_API uint64_t hr_stats_get(hr_client *client, enum hr_stat stat);
HR_API const char *hr_stats_name(enum hr_stat stat); /* "logged", ...; NULL past the end */
/* Why the last batch, schema or connection was refused, "" when nothing is wrong. Copies at most n bytes with NUL. */
HR_API void hr_status_text(hr_client *client, char *ret, size_t n);

/* ---- spool folders ---- */
/* What a spool folder holds: calls fn for each incarnation folder (32 hex digits, borrowed for the call). locked: 1 if a living process
 * owns it. Changes nothing. HR_EINVAL, HR_ENOENT, HR_EIO, HR_ENOMEM. */
HR_API int hr_spool_list(const char *spool_dir, void (*fn)(void *arg, const char *incarnation, int locked, uint64_t n_batches, uint64_t n_bytes), void *arg, struct hr_error *err);
/* Send what dead processes left in spool_dir and remove their folders; logs nothing of its own. url NULL: HEADRACE_URL, else the
 * default. Waits at most timeout_ms. HR_ETIMEOUT: what was not acknowledged stays; err says why. HR_EINVAL, HR_ENOENT, HR_EIO, HR_ENOMEM. */
HR_API int hr_spool_drain(const char *spool_dir, const char *url, int64_t timeout_ms, struct hr_error *err);

#ifdef __cplusplus
}
#endif
#endif
