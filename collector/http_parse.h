/* Bytes of an HTTP/1 connection to requests. The grammar is llhttp's (RFC 9112), always strict; the limits are here: they
 * are checked before anything is kept. No I/O, no clock: the server (http.c) and the fuzzer feed it.
 *
 * Bodies of POST, PUT and DELETE are kept up to HRD_HTTP_BODY_BYTES, and up to a total that the connections of a server share;
 * a length that says more is refused before a byte of the body is read. Those of other methods mean nothing: they are thrown
 * away, up to HRD_HTTP_IGNORED_BYTES. */
#ifndef HRD_HTTP_PARSE_H
#define HRD_HTTP_PARSE_H
#include "bytes.h"
#include <llhttp.h>

#define HRD_HTTP_TARGET_BYTES (8u << 10)
#define HRD_HTTP_HEAD_BYTES (16u << 10)  /* target, names and values of headers */
#define HRD_HTTP_BODY_BYTES (8u << 20)
#define HRD_HTTP_IGNORED_BYTES (64u << 10)
#define HRD_HTTP_HEADERS 100
#define HRD_HTTP_SEGMENTS 8
#define HRD_HTTP_PARAMS 16

enum hrd_http_method { HRD_HTTP_GET, HRD_HTTP_HEAD, HRD_HTTP_POST, HRD_HTTP_PUT, HRD_HTTP_DELETE, HRD_HTTP_OTHER };
static inline bool hrd_http_changes(enum hrd_http_method method) { return method >= HRD_HTTP_POST && method <= HRD_HTTP_DELETE; }

/* A request; its texts live in the parser until the next one. NUL-terminated, and no NUL within. */
struct hrd_http_req {
    enum hrd_http_method method;
    bool keep_alive, http_1_0;
    bool gzip;                    /* accepts it */
    const char *host;             /* without port, in lower case; "" in HTTP/1.0 without one */
    const char *if_none_match;    /* or NULL */
    const char *content_type;     /* as sent, or NULL */
    bool foreign;                 /* sent for a page of another origin: Origin is there and does not name this Host and port */
    const uint8_t *body;          /* of POST, PUT and DELETE; else none */
    size_t n_body;
    unsigned n_segments;          /* of the path, percent-decoded each: "/api/v1" has 2, "/" has 0, "/x/" has "x" and "" */
    const char *segments[HRD_HTTP_SEGMENTS];
    unsigned n_params;            /* of the query, in order, percent-decoded; '+' stays '+', as times have it */
    struct hrd_http_param {
        const char *name, *value;
    } params[HRD_HTTP_PARAMS];
};
struct hrd_http_bodies {          /* of the connections of one server, together */
    size_t used, cap;
};
struct hrd_http_parser {
    llhttp_t llhttp;
    struct hrp_buf text;          /* target, then "name\0value\0" of the headers that are kept */
    uint32_t head_bytes, n_headers, n_body;
    size_t field_at, value_at;    /* of the header being read */
    uint32_t n_target;
    uint32_t host_at, match_at, encoding_at, type_at, origin_at, expect_at; /* into text; 0: not there */
    struct hrp_buf body;
    size_t n_kept;                /* of bodies->used */
    struct hrd_http_bodies *bodies; /* borrowed; NULL: no common limit. Set after init */
    bool wants_continue;          /* the client waits for "100 Continue" before it sends the body; who answers it clears this */
    bool started, head_done, complete; /* started: some byte of this request was seen */
    int status;                   /* the answer to a request that can't be read: 400, 404, 405, 413, 414, 417, 431, 503, 505 */
    const char *reason;
    struct hrd_http_req req;
};
void hrd_http_parser_init(struct hrd_http_parser *p);
void hrd_http_parser_fini(struct hrd_http_parser *p);
/* 1: p->req is a whole request, *ret_used bytes were taken; call hrd_http_parser_next before feeding the rest. 0: all taken,
 * more is needed. -1: p->status and p->reason are the answer, after which the connection is closed. */
int hrd_http_parser_feed(struct hrd_http_parser *p, const void *bytes, size_t n, size_t *ret_used);
void hrd_http_parser_next(struct hrd_http_parser *p);
/* Value of a parameter, NULL: not given. */
const char *hrd_http_param(const struct hrd_http_req *req, const char *name);
/* An IP address, in brackets or not. (DNS rebinding needs a name, so an address in Host is always fine.) */
bool hrd_http_host_is_address(const char *host);
#endif
