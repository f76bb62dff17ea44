/* Requests from bytes, however the bytes are cut: collector/http_parse.c. */
#include "unit.h"
#include "alloc.h"
#include "http_parse.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What became of some bytes: "GET host /a|b ?k=v keep gzip" for each request, then the status of a refusal. */
struct outcome {
    char text[4096];
    int status;
    unsigned n_requests;
};

static void note(struct outcome *o, const char *text) { strncat(o->text, text, sizeof o->text - strlen(o->text) - 1); }

static void note_request(struct outcome *o, const struct hrd_http_req *req)
{
    static const char *const methods[] = {"GET", "HEAD", "POST", "PUT", "DELETE", "OTHER"};

    note(o, methods[req->method]);
    note(o, " ");
    note(o, req->host);
    note(o, " ");
    for (unsigned i = 0; i < req->n_segments; i++) {
        note(o, "/");
        note(o, req->segments[i]);
    }
    for (unsigned i = 0; i < req->n_params; i++) {
        note(o, i == 0 ? "?" : "&");
        note(o, req->params[i].name);
        note(o, "=");
        note(o, req->params[i].value);
    }
    note(o, req->keep_alive ? " keep" : " close");
    note(o, req->gzip ? " gzip" : "");
    note(o, req->if_none_match != NULL ? req->if_none_match : "");
    if (req->content_type != NULL) {
        note(o, " type=");
        note(o, req->content_type);
    }
    note(o, req->foreign ? " foreign" : "");
    if (req->n_body != 0) {
        char body[64];

        snprintf(body, sizeof body, " body=%.*s", (int)req->n_body, (const char *)req->body);
        note(o, body);
    }
    note(o, "\n");
    o->n_requests++;
}

/* In a block of its own size, so that a read past the end is seen. */
static bool feed(struct hrd_http_parser *p, const char *bytes, size_t n, struct outcome *o)
{
    char *exact = malloc(n != 0 ? n : 1);
    size_t at = 0, used;
    int r = 1;

    memcpy(exact, bytes, n);
    while (r == 1 && at < n) {
        r = hrd_http_parser_feed(p, exact + at, n - at, &used);
        assert_true(used <= n - at);
        at += used;
        if (r == 1) {
            note_request(o, &p->req);
            hrd_http_parser_next(p);
        }
    }
    if (r < 0) {
        o->status = p->status;
        assert_non_null(p->reason);
    }
    free(exact);
    return r >= 0;
}

static struct outcome parse_cut(const char *bytes, size_t n, size_t cut)
{
    struct outcome o = {"", 0, 0};
    struct hrd_http_parser p;

    hrd_http_parser_init(&p);
    if (feed(&p, bytes, cut, &o))
        feed(&p, bytes + cut, n - cut, &o);
    hrd_http_parser_fini(&p);
    return o;
}

static struct outcome parse(const char *text) { return parse_cut(text, strlen(text), 0); }

static void expect(const char *text, const char *want)
{
    struct outcome o = parse(text);

    assert_int_equal(o.status, 0);
    assert_string_equal(o.text, want);
}

static void expect_status(const char *text, int status)
{
    struct outcome o = parse(text);

    if (o.status != status || o.n_requests != 0)
        print_error("status %d, %u requests, of:\n%s\n", o.status, o.n_requests, text);
    assert_int_equal(o.status, status);
    assert_int_equal(o.n_requests, 0);
}

#define H "Host: localhost\r\n"

static void requests_are_read(void **state)
{
    (void)state;
    expect("GET / HTTP/1.1\r\n" H "\r\n", "GET localhost  keep\n");
    expect("HEAD /a/b?x=1&y=a%20b+c&z HTTP/1.1\r\n" H "Connection: close\r\n\r\n", "HEAD localhost /a/b?x=1&y=a b+c&z= close\n");
    expect("GET /a/ HTTP/1.1\r\n" H "\r\n", "GET localhost /a/ keep\n");
    expect("GET /%2e%2E/a%2Fb HTTP/1.1\r\n" H "\r\n", "GET localhost /../a/b keep\n");
    expect("GET / HTTP/1.0\r\n\r\n", "GET   close\n");
    expect("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", "GET   keep\n");
    expect("POST / HTTP/1.1\r\n" H "Content-Length: 3\r\n\r\nabc", "POST localhost  keep body=abc\n");
    expect("PUT / HTTP/1.1\r\n" H "Content-Type: a/b; c\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n1\r\nc\r\n0\r\n\r\n",
           "PUT localhost  keep type=a/b; c body=abc\n");
    expect("DELETE /x HTTP/1.1\r\n" H "\r\n", "DELETE localhost /x keep\n");
    expect("GET / HTTP/1.1\r\n" H "Content-Length: 3\r\n\r\nabc", "GET localhost  keep\n");
    expect("PATCH / HTTP/1.1\r\n" H "Content-Length: 3\r\n\r\nabc", "OTHER localhost  keep\n");
    expect("GET http://Example.COM:80/x?y HTTP/1.1\r\nHost: other\r\n\r\n", "GET example.com /x?y= keep\n");
    expect("GET / HTTP/1.1\r\nhOsT: [::1]:7412\r\n\r\n", "GET [::1]  keep\n");
    expect("GET / HTTP/1.1\r\n" H "If-None-Match: \"x\"\r\n\r\n", "GET localhost  keep\"x\"\n");
}

static const char pipelined[] = "GET /a?b=c HTTP/1.1\r\n" H "Accept-Encoding: gzip\r\n\r\n"
                                "POST /x HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n3;e=1\r\nabc\r\n0\r\nHost: evil\r\n\r\n"
                                "HEAD /%41 HTTP/1.1\r\nX: y\r\n" H "Content-Length: 2\r\n\r\nhi"
                                "GET /end HTTP/1.1\r\n" H "\r\n";
static const char pipelined_want[] = "GET localhost /a?b=c keep gzip\nPOST localhost /x keep body=abc\nHEAD localhost /A keep\nGET localhost /end keep\n";

static void every_cut_gives_the_same(void **state)
{
    size_t n = sizeof pipelined - 1;

    (void)state;
    for (size_t cut = 0; cut <= n; cut++) {
        struct outcome o = parse_cut(pipelined, n, cut);

        assert_int_equal(o.status, 0);
        assert_string_equal(o.text, pipelined_want);
    }
}

static void byte_by_byte_gives_the_same(void **state)
{
    struct outcome o = {"", 0, 0};
    struct hrd_http_parser p;

    (void)state;
    hrd_http_parser_init(&p);
    for (size_t i = 0; i < sizeof pipelined - 1; i++)
        assert_true(feed(&p, pipelined + i, 1, &o));
    hrd_http_parser_fini(&p);
    assert_string_equal(o.text, pipelined_want);
}

/* What two servers in a row could read differently is refused. */
static void smuggling_is_refused(void **state)
{
    static const char *const attempts[] = {
        "POST / HTTP/1.1\r\n" H "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
        "POST / HTTP/1.1\r\n" H "Content-Length: 5\r\nContent-Length: 6\r\n\r\nabcdef",
        "POST / HTTP/1.1\r\n" H "Content-Length: 5, 6\r\n\r\nabcdef",
        "POST / HTTP/1.1\r\n" H "Content-Length: +5\r\n\r\nabcde",
        "POST / HTTP/1.1\r\n" H "Content-Length: -1\r\n\r\n",
        "POST / HTTP/1.1\r\n" H "Content-Length: 0x5\r\n\r\nabcde",
        "POST / HTTP/1.1\r\n" H "Content-Length: 99999999999999999999\r\n\r\n",
        "POST / HTTP/1.1\r\n" H "Content-Length : 5\r\n\r\nabcde",
        "POST / HTTP/1.1\r\n" H "Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
        "POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
        "POST / HTTP/1.1\r\n" H "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
        "POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\nzz\r\n\r\n",
        "POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\n",
        "GET / HTTP/1.1\r\n" H " folded\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nhost: a\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a@b\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a, b\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a:80:90\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: [::1\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: [::1]x\r\n\r\n",
        "GET / HTTP/1.1\r\n" H "X: a\x01\r\n\r\n",
        "GET / HTTP/1.1\r\n" H "X y: a\r\n\r\n",
        "GET /\x7f HTTP/1.1\r\n" H "\r\n",
        "GET / / HTTP/1.1\r\n" H "\r\n",
        "GET a HTTP/1.1\r\n" H "\r\n",
        "GET * HTTP/1.1\r\n" H "\r\n",
        "GET /\r\n\r\n",
        "GETX / HTTP/1.1\r\n" H "\r\n",
        "GET / HTTQ/1.1\r\n" H "\r\n",
        "GET /%zz HTTP/1.1\r\n" H "\r\n",
        "GET /%4 HTTP/1.1\r\n" H "\r\n",
        "GET /%00 HTTP/1.1\r\n" H "\r\n",
        "GET /?a=%00 HTTP/1.1\r\n" H "\r\n",
        "\x16\x03\x01\x02",
    };

    (void)state;
    for (size_t i = 0; i < sizeof attempts / sizeof *attempts; i++) {
        struct outcome o = parse(attempts[i]);

        if (o.status < 400)
            print_error("taken: %s\n", attempts[i]);
        assert_true(o.status >= 400 && o.n_requests == 0);
    }
}

static void a_lone_line_feed_or_carriage_return_makes_no_second_header(void **state)
{
    (void)state;
    expect_status("GET / HTTP/1.1\r\n" H "X: a\rHost: b\r\n\r\n", 400);
    expect_status("GET / HTTP/1.1\r\n" H "X: a\r\r\n\r\n", 400);
}

static void versions_and_hosts(void **state)
{
    (void)state;
    expect_status("GET / HTTP/1.1\r\n\r\n", 400);
    expect_status("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505);
    assert_true(parse("GET / HTTP/2.0\r\n" H "\r\n").status >= 400);
    assert_true(parse("GET / HTTP/0.9\r\n" H "\r\n").status >= 400);
}

/* `n` bytes of 'a' between two texts. */
static struct outcome parse_long(const char *before, size_t n, const char *after)
{
    struct hrp_buf b = HRP_BUF_INIT;
    struct outcome o;

    hrp_put_bytes(&b, before, strlen(before));
    for (size_t i = 0; i < n; i++)
        hrp_put_u8(&b, 'a');
    hrp_put_bytes(&b, after, strlen(after));
    o = parse_cut((const char *)b.p, b.n, b.n / 2);
    hrp_buf_fini(&b);
    return o;
}

static void long_ones_are_refused_by_kind(void **state)
{
    (void)state;
    assert_int_equal(parse_long("GET /", HRD_HTTP_TARGET_BYTES - 1, " HTTP/1.1\r\n" H "\r\n").status, 0);
    assert_int_equal(parse_long("GET /", HRD_HTTP_TARGET_BYTES, " HTTP/1.1\r\n" H "\r\n").status, 414);
    assert_int_equal(parse_long("GET / HTTP/1.1\r\n" H "X: ", HRD_HTTP_HEAD_BYTES - 200, "\r\n\r\n").status, 0);
    assert_int_equal(parse_long("GET / HTTP/1.1\r\n" H "X: ", HRD_HTTP_HEAD_BYTES, "\r\n\r\n").status, 431);
    assert_int_equal(parse_long("GET / HTTP/1.1\r\n" H, HRD_HTTP_HEAD_BYTES, ": x\r\n\r\n").status, 431);
    assert_int_equal(parse_long("GET / HTTP/1.1\r\n" H "Content-Length: 65536\r\n\r\n", HRD_HTTP_IGNORED_BYTES, "").status, 0);
    assert_int_equal(parse_long("GET / HTTP/1.1\r\n" H "Content-Length: 65537\r\n\r\n", 0, "").status, 413);
    assert_int_equal(parse_long("GET / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n10001\r\n", HRD_HTTP_IGNORED_BYTES + 1, "\r\n0\r\n\r\n").status, 413);
    assert_int_equal(parse_long("PUT / HTTP/1.1\r\n" H "Content-Length: 8388608\r\n\r\n", HRD_HTTP_BODY_BYTES, "").status, 0);
    expect_status("PUT / HTTP/1.1\r\n" H "Content-Length: 8388609\r\n\r\n", 413);
    assert_int_equal(parse_long("PUT / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n800001\r\n", HRD_HTTP_BODY_BYTES + 1, "").status, 413);
}

static void origins_are_compared_with_the_host(void **state)
{
    (void)state;
    expect("POST / HTTP/1.1\r\nHost: A:80\r\nOrigin: http://a:80\r\n\r\n", "POST a  keep\n");
    expect("POST / HTTP/1.1\r\nHost: a:80\r\nOrigin: http://a:81\r\n\r\n", "POST a  keep foreign\n");
    expect("POST / HTTP/1.1\r\nHost: a\r\nOrigin: https://b\r\n\r\n", "POST a  keep foreign\n");
    expect("POST / HTTP/1.1\r\nHost: a\r\nOrigin: null\r\n\r\n", "POST a  keep foreign\n");
    expect("POST / HTTP/1.1\r\nHost: a\r\nOrigin:\r\n\r\n", "POST a  keep foreign\n");
    expect("POST / HTTP/1.0\r\nOrigin: http://\r\n\r\n", "POST   close foreign\n");
    expect_status("POST / HTTP/1.1\r\nHost: a\r\nOrigin: http://a\r\nOrigin: http://b\r\n\r\n", 400);
    expect_status("POST / HTTP/1.1\r\nHost: a\r\nContent-Type: a/b\r\nContent-Type: c/d\r\n\r\n", 400);
}

/* The client waits only where a body follows, and has not begun. */
static void who_waits_is_known(void **state)
{
    static const struct {
        const char *text;
        bool waits;
    } table[] = {
        {"PUT / HTTP/1.1\r\n" H "Expect: 100-Continue\r\nContent-Length: 3\r\n\r\n", true},
        {"PUT / HTTP/1.1\r\n" H "Expect: 100-continue\r\nTransfer-Encoding: chunked\r\n\r\n", true},
        {"PUT / HTTP/1.1\r\n" H "Expect: 100-continue\r\nContent-Length: 3\r\n\r\na", false},
        {"PUT / HTTP/1.1\r\n" H "Expect: 100-continue\r\nContent-Length: 0\r\n\r\n", false},
        {"PUT / HTTP/1.0\r\n" H "Expect: 100-continue\r\nContent-Length: 3\r\n\r\n", false},
    };

    (void)state;
    for (unsigned i = 0; i < sizeof table / sizeof *table; i++) {
        struct hrd_http_parser p;
        size_t used;

        hrd_http_parser_init(&p);
        assert_true(hrd_http_parser_feed(&p, table[i].text, strlen(table[i].text), &used) >= 0);
        assert_int_equal(p.wants_continue, table[i].waits);
        hrd_http_parser_fini(&p);
    }
    expect_status("PUT / HTTP/1.1\r\n" H "Expect: tea\r\nContent-Length: 3\r\n\r\nabc", 417);
}

static void bodies_share_a_limit(void **state)
{
    static const char text[] = "PUT / HTTP/1.1\r\n" H "Content-Length: 6\r\n\r\nabcdef";
    struct hrd_http_bodies bodies = {0, 10};
    struct hrd_http_parser a, b;
    size_t used;

    (void)state;
    hrd_http_parser_init(&a);
    hrd_http_parser_init(&b);
    a.bodies = b.bodies = &bodies;
    assert_int_equal(hrd_http_parser_feed(&a, text, sizeof text - 1, &used), 1);
    assert_int_equal(hrd_http_parser_feed(&b, text, sizeof text - 1, &used), -1);
    assert_int_equal(b.status, 503);
    hrd_http_parser_fini(&b);
    assert_int_equal(bodies.used, 6);
    hrd_http_parser_next(&a);
    assert_int_equal(bodies.used, 0);
    hrd_http_parser_fini(&a);
}

/* times copies of a text, then the end. */
static struct outcome parse_many(const char *before, const char *each, unsigned times, const char *after)
{
    struct hrp_buf b = HRP_BUF_INIT;
    struct outcome o;

    hrp_put_bytes(&b, before, strlen(before));
    for (unsigned i = 0; i < times; i++)
        hrp_put_bytes(&b, each, strlen(each));
    hrp_put_bytes(&b, after, strlen(after));
    o = parse_cut((const char *)b.p, b.n, 0);
    hrp_buf_fini(&b);
    return o;
}

static void many_ones_are_refused(void **state)
{
    (void)state;
    assert_int_equal(parse_many("GET / HTTP/1.1\r\n" H, "X: y\r\n", HRD_HTTP_HEADERS - 1, "\r\n").status, 0);
    assert_int_equal(parse_many("GET / HTTP/1.1\r\n" H, "X: y\r\n", HRD_HTTP_HEADERS, "\r\n").status, 431);
    assert_int_equal(parse_many("GET ", "/a", HRD_HTTP_SEGMENTS, " HTTP/1.1\r\n" H "\r\n").status, 0);
    assert_int_equal(parse_many("GET ", "/a", HRD_HTTP_SEGMENTS + 1, " HTTP/1.1\r\n" H "\r\n").status, 404);
    assert_int_equal(parse_many("GET /?", "a=b&", HRD_HTTP_PARAMS, " HTTP/1.1\r\n" H "\r\n").status, 0);
    assert_int_equal(parse_many("GET /?", "a=b&", HRD_HTTP_PARAMS + 1, " HTTP/1.1\r\n" H "\r\n").status, 400);
}

/* Trailers are counted and never kept: a connection can't be made to grow by them. */
static void trailers_do_not_pile_up(void **state)
{
    const char *body = "POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n0\r\n";

    (void)state;
    assert_int_equal(parse_many(body, "X: y\r\n", 50, "\r\n").n_requests, 1);
    assert_int_equal(parse_many(body, "X: y\r\n", 200, "\r\n").status, 431);
}

static bool gzip(const char *header)
{
    char text[256];
    struct outcome o;

    snprintf(text, sizeof text, "GET / HTTP/1.1\r\n" H "Accept-Encoding: %s\r\n\r\n", header);
    o = parse(text);
    assert_int_equal(o.n_requests, 1);
    return strstr(o.text, " gzip") != NULL;
}

static void gzip_is_found_in_a_list(void **state)
{
    (void)state;
    assert_true(gzip("gzip"));
    assert_true(gzip("br, GZIP;q=0.5, deflate"));
    assert_true(gzip("deflate,*"));
    assert_true(gzip("gzip;q=0.001"));
    assert_false(gzip("br"));
    assert_false(gzip("xgzip, gzipx"));
    assert_false(gzip("gzip;q=0"));
    assert_false(gzip("gzip; q=0.000, br"));
    assert_false(gzip(""));
}

static void an_address_is_told_from_a_name(void **state)
{
    (void)state;
    assert_true(hrd_http_host_is_address("127.0.0.1"));
    assert_true(hrd_http_host_is_address("[::1]"));
    assert_true(hrd_http_host_is_address("[fe80::1]"));
    assert_false(hrd_http_host_is_address("localhost"));
    assert_false(hrd_http_host_is_address("127.0.0.1.evil.example"));
    assert_false(hrd_http_host_is_address("1.2.3"));
    assert_false(hrd_http_host_is_address("::1"));
    assert_false(hrd_http_host_is_address("["));
    assert_false(hrd_http_host_is_address("[]"));
    assert_false(hrd_http_host_is_address("[evil.example]"));
    assert_false(hrd_http_host_is_address(""));
}

/* Each allocation in turn: 503, and nothing leaks. */
static void without_memory_it_says_so(void **state)
{
    struct outcome o = {"", 503, 0};

    (void)state;
    if (!unit_faults())
        skip();
    for (unsigned long n = 1; o.status == 503; n++) {
        hrp_alloc_fail_at(n);
        o = parse(pipelined);
        hrp_alloc_fail_at(0);
        assert_true(o.status == 503 || o.n_requests == 4);
        assert_true(n < 100);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(requests_are_read),
        cmocka_unit_test(every_cut_gives_the_same),
        cmocka_unit_test(byte_by_byte_gives_the_same),
        cmocka_unit_test(smuggling_is_refused),
        cmocka_unit_test(a_lone_line_feed_or_carriage_return_makes_no_second_header),
        cmocka_unit_test(versions_and_hosts),
        cmocka_unit_test(long_ones_are_refused_by_kind),
        cmocka_unit_test(origins_are_compared_with_the_host),
        cmocka_unit_test(who_waits_is_known),
        cmocka_unit_test(bodies_share_a_limit),
        cmocka_unit_test(many_ones_are_refused),
        cmocka_unit_test(trailers_do_not_pile_up),
        cmocka_unit_test(gzip_is_found_in_a_list),
        cmocka_unit_test(an_address_is_told_from_a_name),
        cmocka_unit_test(without_memory_it_says_so),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
