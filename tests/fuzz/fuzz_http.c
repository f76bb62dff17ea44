/* Bytes of an HTTP connection, and what they ask of the API. The first byte says where they are cut once more: the requests
 * must be the same, since how TCP cuts a stream means nothing. */
#include "http_parse.h"
#include "api_parts.h"
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

struct seen {
    uint64_t hash;
    unsigned n;
    int status;
};

static void add(struct seen *s, const void *p, size_t n) { s->hash = s->hash * 31 + hrp_hash64(p, n); }

static void add_text(struct seen *s, const char *text) { add(s, text, strlen(text) + 1); }

static void ask(struct seen *s, const struct hrd_http_req *req)
{
    struct hrd_api_query q;
    struct hr_error err = {0, ""};
    int r = hrd_api_query(req, HRD_API_FROM | HRD_API_TIMES | HRD_API_LIMIT | HRD_API_WINDOWS, &q, &err);

    if (r != 0 && (r != HR_EINVAL || err.text[0] == '\0'))
        abort();
    if (r == 0)
        add(s, &q, sizeof q);
}

static void add_request(struct seen *s, const struct hrd_http_req *req)
{
    uint8_t flags[5] = {(uint8_t)req->method, req->keep_alive, req->http_1_0, req->gzip, req->foreign};

    s->n++;
    add(s, flags, sizeof flags);
    add_text(s, req->host);
    add_text(s, req->if_none_match != NULL ? req->if_none_match : "");
    add_text(s, req->content_type != NULL ? req->content_type : "");
    if (req->n_body != 0 && !hrd_http_changes(req->method))
        abort();
    add(s, req->body, req->n_body);
    if (req->n_segments > HRD_HTTP_SEGMENTS || req->n_params > HRD_HTTP_PARAMS)
        abort();
    for (unsigned i = 0; i < req->n_segments; i++)
        add_text(s, req->segments[i]);
    for (unsigned i = 0; i < req->n_params; i++) {
        add_text(s, req->params[i].name);
        add_text(s, req->params[i].value);
    }
    ask(s, req);
}

/* 0: goes on; -1: refused. */
static int feed(struct hrd_http_parser *parser, const uint8_t *p, size_t n, struct seen *s)
{
    size_t at = 0, used;
    int r = 1;

    while (r == 1 && at < n) {
        r = hrd_http_parser_feed(parser, p + at, n - at, &used);
        if (used > n - at)
            abort();
        at += used;
        if (parser->text.cap > 4 * HRD_HTTP_HEAD_BYTES || parser->body.n > HRD_HTTP_BODY_BYTES || parser->body.n != parser->n_kept)
            abort();
        if (r == 1) {
            add_request(s, &parser->req);
            hrd_http_parser_next(parser);
        }
    }
    if (r < 0 && (parser->status < 400 || parser->status > 599 || parser->reason == NULL))
        abort();
    s->status = r < 0 ? parser->status : 0;
    return r < 0 ? -1 : 0;
}

static struct seen whole(const uint8_t *p, size_t n, size_t cut)
{
    struct hrd_http_parser parser;
    struct seen s = {0, 0, 0};

    hrd_http_parser_init(&parser);
    if (feed(&parser, p, cut, &s) == 0)
        feed(&parser, p + cut, n - cut, &s);
    hrd_http_parser_fini(&parser);
    return s;
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
    struct seen once, twice;

    if (n == 0)
        return 0;
    once = whole(p + 1, n - 1, 0);
    twice = whole(p + 1, n - 1, n == 1 ? 0 : p[0] % n);
    if (once.n != twice.n || once.hash != twice.hash || once.status != twice.status)
        abort();
    return 0;
}
