#include "http_parse.h"
#include "errors.h"
#include <arpa/inet.h>
#include <string.h>
#include <strings.h>

static int fail(struct hrd_http_parser *p, int status, const char *reason)
{
    p->status = status;
    p->reason = reason;
    llhttp_set_error_reason(&p->llhttp, reason);
    return -1; /* llhttp stops */
}

static struct hrd_http_parser *of(llhttp_t *ll) { return ll->data; }

static int keep(struct hrd_http_parser *p, const char *at, size_t n)
{
    if (n > HRD_HTTP_HEAD_BYTES - p->head_bytes)
        return fail(p, 431, "the request's header is larger than 16 KiB");
    p->head_bytes += (uint32_t)n;
    hrp_put_bytes(&p->text, at, n);
    return p->text.err != 0 ? fail(p, 503, "out of memory") : 0;
}

static int on_url(llhttp_t *ll, const char *at, size_t n)
{
    struct hrd_http_parser *p = of(ll);

    if (n > HRD_HTTP_TARGET_BYTES - p->n_target)
        return fail(p, 414, "the address is longer than 8 KiB");
    p->n_target += (uint32_t)n;
    return keep(p, at, n);
}

static int on_url_complete(llhttp_t *ll) { return keep(of(ll), "", 1); }

static int on_field(llhttp_t *ll, const char *at, size_t n)
{
    struct hrd_http_parser *p = of(ll);

    if (p->field_at == 0)
        p->field_at = p->text.n;
    return keep(p, at, n);
}

/* RFC 9110, 5.6.2. llhttp lets a blank through within a name. */
static bool is_token(const uint8_t *p, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (p[i] <= ' ' || p[i] >= 0x7f || strchr("\"(),/:;<=>?@[\\]{}", p[i]) != NULL)
            return false;
    return n != 0;
}

static int on_field_complete(llhttp_t *ll)
{
    struct hrd_http_parser *p = of(ll);
    int r;

    if (p->field_at == 0 || !is_token(p->text.p + p->field_at, p->text.n - p->field_at))
        return fail(p, 400, "a malformed header name");
    if (++p->n_headers > HRD_HTTP_HEADERS)
        return fail(p, 431, "more than 100 header lines");
    r = keep(p, "", 1);
    p->value_at = p->text.n;
    return r;
}

static int on_value(llhttp_t *ll, const char *at, size_t n) { return keep(of(ll), at, n); }

static uint32_t *known_header(struct hrd_http_parser *p, const char *name)
{
    const struct {
        const char *name;
        uint32_t *at;
    } known[] = {
        {"host", &p->host_at},         {"if-none-match", &p->match_at}, {"accept-encoding", &p->encoding_at},
        {"content-type", &p->type_at}, {"origin", &p->origin_at},       {"expect", &p->expect_at},
    };

    for (unsigned i = 0; i < sizeof known / sizeof *known; i++)
        if (strcasecmp(name, known[i].name) == 0)
            return known[i].at;
    return NULL;
}

/* Keeps the value of a header we know; the rest of the text is reused. Their bytes stay counted. */
static int on_value_complete(llhttp_t *ll)
{
    struct hrd_http_parser *p = of(ll);
    const char *name = (const char *)p->text.p + p->field_at;
    uint32_t *known = known_header(p, name);

    if (p->head_done) /* a trailer after a chunked body */
        known = NULL;
    if (known == &p->host_at && p->host_at != 0)
        return fail(p, 400, "two Host headers");
    if ((known == &p->type_at || known == &p->origin_at || known == &p->expect_at) && *known != 0)
        return fail(p, 400, "two Content-Type, Origin or Expect headers");
    if (known != NULL && *known == 0) {
        *known = (uint32_t)p->value_at;
        p->field_at = 0;
        return keep(p, "", 1);
    }
    p->text.n = p->field_at;
    p->field_at = 0;
    return 0;
}

static enum hrd_http_method method_of(const llhttp_t *ll)
{
    switch (ll->method) {
    case HTTP_GET:
        return HRD_HTTP_GET;
    case HTTP_HEAD:
        return HRD_HTTP_HEAD;
    case HTTP_POST:
        return HRD_HTTP_POST;
    case HTTP_PUT:
        return HRD_HTTP_PUT;
    case HTTP_DELETE:
        return HRD_HTTP_DELETE;
    default:
        return HRD_HTTP_OTHER;
    }
}

static uint32_t body_cap(const llhttp_t *ll) { return hrd_http_changes(method_of(ll)) ? HRD_HTTP_BODY_BYTES : HRD_HTTP_IGNORED_BYTES; }

static int body_too_large(struct hrd_http_parser *p)
{
    return fail(p, 413, hrd_http_changes(method_of(&p->llhttp)) ? "a body of more than 8 MiB" : "a body of more than 64 KiB");
}

/* RFC 9110, 10.1.1: 100-continue is all there is; HTTP/1.0 knows none, and nobody waits where no body follows. */
static int read_expect(struct hrd_http_parser *p)
{
    const llhttp_t *ll = &p->llhttp;

    if (p->expect_at == 0 || ll->http_minor == 0)
        return 0;
    if (strcasecmp((const char *)p->text.p + p->expect_at, "100-continue") != 0)
        return fail(p, 417, "Expect: 100-continue is the only one there is");
    p->wants_continue = (ll->flags & F_CHUNKED) != 0 || ((ll->flags & F_CONTENT_LENGTH) != 0 && ll->content_length != 0);
    return 0;
}

static int on_headers_complete(llhttp_t *ll)
{
    struct hrd_http_parser *p = of(ll);

    if (ll->http_major != 1 || ll->http_minor > 1)
        return fail(p, 505, "HTTP/1.1 and HTTP/1.0 only");
    if (p->host_at == 0 && ll->http_minor == 1)
        return fail(p, 400, "no Host header");
    if ((ll->flags & F_CONTENT_LENGTH) != 0 && ll->content_length > body_cap(ll))
        return body_too_large(p);
    p->head_done = true;
    return read_expect(p);
}

static int keep_body(struct hrd_http_parser *p, const char *at, size_t n)
{
    if (p->bodies != NULL) {
        if (n > p->bodies->cap - p->bodies->used)
            return fail(p, 503, "too many bodies are being read; try later");
        p->bodies->used += n;
    }
    hrp_put_bytes(&p->body, at, n);
    p->n_kept += n;
    return p->body.err != 0 ? fail(p, 503, "out of memory") : 0;
}

static void drop_body(struct hrd_http_parser *p)
{
    hrp_buf_fini(&p->body);
    if (p->bodies != NULL)
        p->bodies->used -= p->n_kept;
    p->n_kept = 0;
}

static int on_body(llhttp_t *ll, const char *at, size_t n)
{
    struct hrd_http_parser *p = of(ll);

    p->wants_continue = false; /* it did not wait */
    if (n > body_cap(ll) - p->n_body)
        return body_too_large(p);
    p->n_body += (uint32_t)n;
    return hrd_http_changes(method_of(ll)) ? keep_body(p, at, n) : 0;
}

static int on_complete(llhttp_t *ll)
{
    of(ll)->complete = true;
    return HPE_PAUSED;
}

static const llhttp_settings_t settings = {
    .on_url = on_url,
    .on_url_complete = on_url_complete,
    .on_header_field = on_field,
    .on_header_field_complete = on_field_complete,
    .on_header_value = on_value,
    .on_header_value_complete = on_value_complete,
    .on_headers_complete = on_headers_complete,
    .on_body = on_body,
    .on_message_complete = on_complete,
};

void hrd_http_parser_init(struct hrd_http_parser *p)
{
    memset(p, 0, sizeof *p);
    llhttp_init(&p->llhttp, HTTP_REQUEST, &settings);
    p->llhttp.data = p;
}

void hrd_http_parser_fini(struct hrd_http_parser *p)
{
    hrp_buf_fini(&p->text);
    drop_body(p);
}

void hrd_http_parser_next(struct hrd_http_parser *p)
{
    hrp_buf_clear(&p->text);
    p->head_bytes = p->n_headers = p->n_body = p->n_target = 0;
    p->field_at = p->value_at = 0;
    p->host_at = p->match_at = p->encoding_at = p->type_at = p->origin_at = p->expect_at = 0;
    p->complete = p->started = p->head_done = p->wants_continue = false;
    drop_body(p);
    memset(&p->req, 0, sizeof p->req);
    llhttp_resume(&p->llhttp);
}

static int hex(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* In place, up to the end of the text. A bad escape or an encoded NUL: false. */
static bool decode(char *s)
{
    char *to = s;

    for (; *s != '\0'; s++) {
        if (*s == '%') {
            int hi = hex(s[1]), lo = hi < 0 ? -1 : hex(s[2]);

            if (lo < 0 || hi + lo == 0)
                return false;
            *to++ = (char)(hi * 16 + lo);
            s += 2;
        } else {
            *to++ = *s;
        }
    }
    *to = '\0';
    return true;
}

static int split_path(struct hrd_http_parser *p, char *path)
{
    struct hrd_http_req *req = &p->req;
    char *segment = path + 1, *end;
    bool more = path[1] != '\0';

    for (; more; segment = end + 1) {
        if (req->n_segments == HRD_HTTP_SEGMENTS)
            return fail(p, 404, "no such page");
        end = segment + strcspn(segment, "/");
        more = *end == '/';
        *end = '\0';
        if (!decode(segment))
            return fail(p, 400, "a bad percent-escape in the path");
        req->segments[req->n_segments++] = segment;
    }
    return 0;
}

static int split_query(struct hrd_http_parser *p, char *query)
{
    struct hrd_http_req *req = &p->req;
    char *param, *value;

    while (query != NULL) {
        param = strsep(&query, "&");
        if (*param == '\0')
            continue;
        if (req->n_params == HRD_HTTP_PARAMS)
            return fail(p, 400, "more than 16 parameters");
        value = strchr(param, '=');
        if (value != NULL)
            *value++ = '\0';
        else
            value = param + strlen(param);
        if (!decode(param) || !decode(value))
            return fail(p, 400, "a bad percent-escape in the query");
        req->params[req->n_params++] = (struct hrd_http_param){param, value};
    }
    return 0;
}

/* "Name:8080", "1.2.3.4", "[::1]:80" without the port, in lower case. */
static int read_host(struct hrd_http_parser *p, char *host)
{
    char *end = *host == '[' ? strchr(host, ']') : host + strcspn(host, ":");

    if (end == NULL || (*end == ']' && end[1] != '\0' && end[1] != ':') || strpbrk(host, "/@, \t") != NULL)
        return fail(p, 400, "a malformed Host header");
    end += *end == ']';
    if (*end == ':' && end[1 + strspn(end + 1, "0123456789")] != '\0')
        return fail(p, 400, "a malformed Host header");
    *end = '\0';
    for (char *c = host; *c != '\0'; c++)
        if (*c >= 'A' && *c <= 'Z')
            *c = (char)(*c - 'A' + 'a');
    p->req.host = host;
    return 0;
}

/* gzip, or any, and not switched off by q=0 (RFC 9110, 12.5.3). */
static bool accepts_gzip(const char *list)
{
    for (const char *item = list; item != NULL && *item != '\0'; item = strchr(item, ',')) {
        size_t n;
        const char *q;

        item += strspn(item, ", \t");
        n = strcspn(item, ",; \t");
        if (!(n == 4 && strncasecmp(item, "gzip", 4) == 0) && !(n == 1 && *item == '*'))
            continue;
        q = item + n + strspn(item + n, "; \t");
        return !(strncasecmp(q, "q=0", 3) == 0 && strspn(q + 3, ".0") == strcspn(q + 3, ", \t"));
    }
    return false;
}

/* http://host/path, which a server must take (RFC 9112, 3.2.2), becomes host and path. NULL: neither form. */
static char *origin_form(char *target, char **ret_host)
{
    char *path;

    if (*target == '/')
        return target;
    if (strncasecmp(target, "http://", 7) != 0)
        return NULL;
    path = target + 7 + strcspn(target + 7, "/?");
    if (*path != '/')
        return NULL;
    memmove(target, target + 7, (size_t)(path - target) - 7);
    path[-7] = '\0'; /* the path itself stays where it is */
    *ret_host = target;
    return path;
}

/* Origin is scheme://host[:port], or null (RFC 6454, 7). The scheme may differ, for there may be a proxy that ends TLS. An
 * address as such proves nothing here, unlike in Host: a page may come from any. */
static bool same_origin(const char *origin, const char *host)
{
    const char *authority = strstr(origin, "://");

    return authority != NULL && host != NULL && *host != '\0' && strcasecmp(authority + 3, host) == 0;
}

static int make_request(struct hrd_http_parser *p)
{
    char *text = (char *)p->text.p, *host = p->host_at != 0 ? text + p->host_at : NULL, *path, *query;
    const llhttp_t *ll = &p->llhttp;
    int r;

    p->req.method = method_of(ll);
    p->req.http_1_0 = ll->http_minor == 0;
    p->req.keep_alive = !ll->upgrade && llhttp_should_keep_alive(ll);
    p->req.if_none_match = p->match_at != 0 ? text + p->match_at : NULL;
    p->req.gzip = p->encoding_at != 0 && accepts_gzip(text + p->encoding_at);
    p->req.content_type = p->type_at != 0 ? text + p->type_at : NULL;
    p->req.body = p->body.p;
    p->req.n_body = p->body.n;
    p->req.host = "";
    path = origin_form(text, &host);
    if (path == NULL)
        return p->req.method == HRD_HTTP_OTHER ? fail(p, 405, "GET, HEAD, POST, PUT and DELETE only") : fail(p, 400, "a malformed request target");
    query = path + strcspn(path, "?#");
    if (*query != '\0')
        *query++ = '\0';
    r = split_path(p, path);
    if (r == 0)
        r = split_query(p, query);
    if (r == 0)
        p->req.foreign = p->origin_at != 0 && !same_origin(text + p->origin_at, host);
    if (r == 0 && host != NULL)
        r = read_host(p, host);
    return r;
}

int hrd_http_parser_feed(struct hrd_http_parser *p, const void *bytes, size_t n, size_t *ret_used)
{
    enum llhttp_errno e;

    *ret_used = n;
    p->started |= n != 0;
    e = llhttp_execute(&p->llhttp, bytes, n);
    if (p->complete && (e == HPE_PAUSED || e == HPE_PAUSED_UPGRADE)) {
        *ret_used = (size_t)(llhttp_get_error_pos(&p->llhttp) - (const char *)bytes);
        return make_request(p) == 0 ? 1 : -1;
    }
    if (e == HPE_OK)
        return 0;
    if (p->status != 0)
        return -1;
    return fail(p, e == HPE_PAUSED_H2_UPGRADE ? 505 : 400, e == HPE_INVALID_METHOD ? "an unknown method" : "not an HTTP request");
}

const char *hrd_http_param(const struct hrd_http_req *req, const char *name)
{
    for (unsigned i = 0; i < req->n_params; i++)
        if (strcmp(req->params[i].name, name) == 0)
            return req->params[i].value;
    return NULL;
}

bool hrd_http_host_is_address(const char *host)
{
    char v6[INET6_ADDRSTRLEN + 2];
    struct in6_addr addr;
    size_t n = strlen(host);

    if (*host != '[')
        return inet_pton(AF_INET, host, &addr) == 1;
    if (n < 2 || n >= sizeof v6)
        return false;
    memcpy(v6, host + 1, n - 2);
    v6[n - 2] = '\0';
    return inet_pton(AF_INET6, v6, &addr) == 1;
}
