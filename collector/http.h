/* An HTTP/1.1 server on one loop: connections, limits, order. What is answered is the handler's matter.
 *
 *   READING > ANSWERING   [a whole request: handler; reading stops, so pipelined requests wait in order]
 *   READING > LINGERING   [a request that can't be read, or no whole one in time: the answer says why]
 *   ANSWERING > READING   [the answer is written, the connection stays]
 *   ANSWERING > LINGERING [it doesn't stay: half-closed, and what the client still sends is thrown away for a moment, since
 *                          closing with unread bytes would take the answer from it]
 *   any > CLOSED          [the client has gone, a deadline passed, the server closes]
 *
 * What changes something (POST, PUT, DELETE) is refused for a page of another origin, and with a body of a type that forms send.
 *
 * An answer is one text at once (hrd_http_reply), or a stream of pieces: then the next piece is asked for when the one before
 * is written, so an answer of any size holds one piece in memory, and a slow client slows down its own answer only. */
#ifndef HRD_HTTP_H
#define HRD_HTTP_H
#include "errors.h"
#include "http_parse.h"
#include <uv.h>
struct hrd_http;
struct hrd_http_conn; /* a request being answered; valid until its answer has ended, or on_gone was called */

struct hrd_http_cfg {              /* copied; what it points to is borrowed */
    const char *host;
    uint16_t port;
    const char *const *hosts;      /* names accepted in Host, besides addresses and localhost; NULL-terminated; may be NULL */
    unsigned max_connections;
    unsigned header_ms, idle_ms, write_ms, linger_ms; /* deadlines: a whole request, the next one, a piece written, the end */
    void (*handler)(void *arg, struct hrd_http_conn *conn, const struct hrd_http_req *req); /* req: for the call */
    void *arg;
};
extern const struct hrd_http_cfg hrd_http_cfg_default; /* 1,024 connections; 10 s, 60 s, 60 s, 2 s */

struct hrd_http_counts {
    uint64_t connections, refused, requests, bytes_sent, by_class[6]; /* by_class[2]: answers of 200 to 299 */
    unsigned open;
};
int hrd_http_open(uv_loop_t *loop, const struct hrd_http_cfg *cfg, struct hrd_http **ret, struct hr_error *err);
uint16_t hrd_http_port(const struct hrd_http *http);
const struct hrd_http_counts *hrd_http_counts(const struct hrd_http *http);
/* Ends all connections (on_gone is called for each that was being answered); done when all handles are closed. */
void hrd_http_close(struct hrd_http *http, void (*done)(void *arg), void *arg);

/* ---- answers ---- */
/* The whole answer. headers: further lines, each ended by \r\n, or NULL. Takes body's memory; on HR_ENOMEM in it: 503. */
void hrd_http_reply(struct hrd_http_conn *conn, int status, const char *type, const char *headers, struct hrp_buf *body);
void hrd_http_reply_static(struct hrd_http_conn *conn, int status, const char *type, const char *headers, const void *body, size_t n);
/* {"error":{"code":"HR_EINVAL","text":"..."}} with the status that fits the code, or the one given. */
void hrd_http_error(struct hrd_http_conn *conn, int status, int code, const char *fmt, ...) __attribute__((format(printf, 4, 5)));
/* 405 with what is allowed: "GET, HEAD". */
void hrd_http_not_allowed(struct hrd_http_conn *conn, const char *allow);
int hrd_http_status_of(int code);  /* HR_EINVAL: 400, ... */

/* For an answer that comes later or in pieces: called once if the client goes first, or wants only the head (HEAD); conn is
 * invalid then. Not after reply or end. */
void hrd_http_on_gone(struct hrd_http_conn *conn, void (*on_gone)(void *arg), void *arg);
/* on_room: write the next piece, or end; called first soon after begin, then whenever a piece is written. */
void hrd_http_stream(struct hrd_http_conn *conn, int status, const char *type, void (*on_room)(void *arg), void *arg);
void hrd_http_write(struct hrd_http_conn *conn, struct hrp_buf *piece); /* takes its memory; one at a time */
/* complete false: the answer is cut off in a way that the client notices. */
void hrd_http_end(struct hrd_http_conn *conn, bool complete);
#endif
