#include "http.h"
#include "alloc.h"
#include "cli.h"
#include <curl/curl.h>
#include <stdlib.h>
#include <string.h>

#define DEFAULT_BASE "http://127.0.0.1:7412"
#define MAX_LINE_BYTES (8u << 20)  /* an event is at most 64 KiB; its JSON, escaped and in base64, far below this */
#define MAX_BODY_BYTES (256u << 20)
#define MAX_ERROR_BYTES (1u << 20) /* a refused schema comes with every change */

struct cli_http {
    CURL *curl;
    char *base;
    bool quiet;
    struct hrp_buf url;
};

struct transfer {
    CURL *curl;
    struct hrp_buf *out;  /* body, or the unfinished line */
    size_t cap_bytes;
    int (*fn)(void *arg, const char *line, size_t n);
    void *arg;
    int ended;            /* what fn returned */
    struct hrp_buf error; /* body of an answer of 300 and above */
    const char *method;   /* NULL: GET */
    const char *type;     /* of what is sent */
    const void *body;
    size_t n_body;
    json_t **ret_refused; /* an error's body, when it is JSON and says more than an error; NULL: it is printed */
};

int cli_http_open(const char *base, struct cli_http **ret)
{
    struct cli_http *http = hrp_calloc(1, sizeof *http);

    if (base == NULL)
        base = getenv("HEADRACE_HTTP");
    if (base == NULL || *base == '\0')
        base = DEFAULT_BASE;
    if (http != NULL) {
        http->base = hrp_strdup(base);
        http->curl = curl_easy_init();
    }
    if (http == NULL || http->base == NULL || http->curl == NULL) {
        cli_http_close(http);
        cli_error("out of memory");
        return CLI_FAILED;
    }
    for (size_t n = strlen(http->base); n > 0 && http->base[n - 1] == '/'; n--)
        http->base[n - 1] = '\0';
    *ret = http;
    return 0;
}

void cli_http_close(struct cli_http *http)
{
    if (http == NULL)
        return;
    curl_easy_cleanup(http->curl);
    hrp_free(http->base);
    hrp_buf_fini(&http->url);
    hrp_free(http);
}

const char *cli_http_base(const struct cli_http *http) { return http->base; }
void cli_http_quiet(struct cli_http *http, bool quiet) { http->quiet = quiet; }

static size_t take_error(struct transfer *t, const char *p, size_t n)
{
    if (t->error.n + n <= MAX_ERROR_BYTES)
        hrp_put_bytes(&t->error, p, n);
    return n;
}

/* Whole lines go to fn at once, straight from the network's buffer; only a line that spans two calls is copied. */
static size_t take_lines(struct transfer *t, const char *p, size_t n)
{
    const char *end = p + n, *nl;

    while (t->ended == 0 && (nl = memchr(p, '\n', (size_t)(end - p))) != NULL) {
        if (t->out->n == 0) {
            t->ended = t->fn(t->arg, p, (size_t)(nl - p));
        } else {
            hrp_put_bytes(t->out, p, (size_t)(nl - p));
            if (t->out->err != 0)
                return 0;
            t->ended = t->fn(t->arg, (const char *)t->out->p, t->out->n);
            hrp_buf_clear(t->out);
        }
        p = nl + 1;
    }
    if (t->ended != 0 || t->out->n + (size_t)(end - p) > MAX_LINE_BYTES)
        return 0;
    hrp_put_bytes(t->out, p, (size_t)(end - p));
    return t->out->err != 0 ? 0 : n;
}

static size_t on_body(char *p, size_t size, size_t n, void *arg)
{
    struct transfer *t = arg;
    long status = 0;

    n *= size;
    curl_easy_getinfo(t->curl, CURLINFO_RESPONSE_CODE, &status);
    if (status >= 300)
        return take_error(t, p, n);
    if (t->fn != NULL)
        return take_lines(t, p, n);
    if (t->out->n + n > t->cap_bytes)
        return 0;
    hrp_put_bytes(t->out, p, n);
    return t->out->err != 0 ? 0 : n;
}

static int on_progress(void *arg, curl_off_t dl_total, curl_off_t dl_now, curl_off_t ul_total, curl_off_t ul_now)
{
    (void)arg, (void)dl_total, (void)dl_now, (void)ul_total, (void)ul_now;
    return cli_stopped();
}

static void set_up(struct cli_http *http, struct transfer *t)
{
    CURL *c = http->curl;

    curl_easy_reset(c); /* keeps the connection */
    curl_easy_setopt(c, CURLOPT_URL, (const char *)http->url.p);
    curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(c, CURLOPT_PROXY, ""); /* the collector is near; a proxy of the environment is not meant for it */
    curl_easy_setopt(c, CURLOPT_USERAGENT, "headrace/" HEADRACE_VERSION);
    curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(c, CURLOPT_CONNECTTIMEOUT, 10L);
    curl_easy_setopt(c, CURLOPT_LOW_SPEED_LIMIT, 1L);
    curl_easy_setopt(c, CURLOPT_LOW_SPEED_TIME, 60L);
    curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(c, CURLOPT_WRITEDATA, t);
    curl_easy_setopt(c, CURLOPT_NOPROGRESS, 0L);
    curl_easy_setopt(c, CURLOPT_XFERINFOFUNCTION, on_progress);
}

/* {"error":{"code":..,"text":".."}}; {"error_code":..,"message":".."} of the registry's other face; or whatever else answered. */
static int refused(struct cli_http *http, long status, struct transfer *t)
{
    json_t *j = json_loadb((const char *)t->error.p, t->error.n, 0, NULL);
    const char *text = NULL;

    if (t->ret_refused != NULL && json_object_get(j, "verdict") != NULL) {
        *t->ret_refused = j;
        return 0;
    }
    if (json_unpack(j, "{s:{s:s}}", "error", "text", &text) == 0 || json_unpack(j, "{s:s}", "message", &text) == 0)
        cli_error("%s", text);
    else
        cli_error("%s answered with HTTP status %ld; is that a headraced?", http->base, status);
    json_decref(j);
    return CLI_FAILED;
}

static int unreachable(struct cli_http *http, CURLcode code)
{
    if (!http->quiet && !cli_stopped())
        cli_error("no answer from %s: %s; is headraced running? --http or HEADRACE_HTTP names another address", http->base,
                  curl_easy_strerror(code));
    return CLI_UNREACHABLE;
}

/* Returns the headers, to be freed when the transfer is over. */
static struct curl_slist *set_up_body(struct cli_http *http, const struct transfer *t)
{
    char type[128];
    struct curl_slist *headers = NULL;

    if (t->method == NULL)
        return NULL;
    curl_easy_setopt(http->curl, CURLOPT_CUSTOMREQUEST, t->method);
    curl_easy_setopt(http->curl, CURLOPT_LOW_SPEED_TIME, 600L); /* a day's rows may be checked before the answer begins */
    if (t->body == NULL)
        return NULL;
    snprintf(type, sizeof type, "Content-Type: %s", t->type);
    headers = curl_slist_append(curl_slist_append(NULL, type), "Expect:"); /* sent at once: it is small */
    curl_easy_setopt(http->curl, CURLOPT_POSTFIELDS, t->body);
    curl_easy_setopt(http->curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)t->n_body);
    curl_easy_setopt(http->curl, CURLOPT_HTTPHEADER, headers);
    return headers;
}

static int perform(struct cli_http *http, const char *path, struct transfer *t)
{
    struct curl_slist *headers;
    CURLcode code;
    long status = 0;
    int r;

    hrp_buf_clear(&http->url);
    hrp_put_bytes(&http->url, http->base, strlen(http->base));
    hrp_put_bytes(&http->url, path, strlen(path) + 1);
    if (http->url.err != 0) {
        cli_error("out of memory");
        return CLI_FAILED;
    }
    t->curl = http->curl;
    set_up(http, t);
    headers = set_up_body(http, t);
    code = curl_easy_perform(http->curl);
    curl_slist_free_all(headers);
    curl_easy_getinfo(http->curl, CURLINFO_RESPONSE_CODE, &status);
    if (t->ended != 0)
        r = t->ended;
    else if (code == CURLE_WRITE_ERROR)
        r = (cli_error("the answer of %s%s is too large", http->base, path), CLI_FAILED);
    else if (code != CURLE_OK)
        r = unreachable(http, code);
    else
        r = status >= 200 && status < 300 ? 0 : refused(http, status, t);
    hrp_buf_fini(&t->error);
    return r;
}

int cli_http_get(struct cli_http *http, const char *path, struct hrp_buf *ret)
{
    struct transfer t = {.out = ret, .cap_bytes = MAX_BODY_BYTES};

    return perform(http, path, &t);
}

int cli_http_lines(struct cli_http *http, const char *path, int (*fn)(void *arg, const char *line, size_t n), void *arg)
{
    struct hrp_buf rest = HRP_BUF_INIT;
    struct transfer t = {.out = &rest, .fn = fn, .arg = arg};
    int r = perform(http, path, &t);

    if (r == 0 && rest.n != 0) { /* every line ends with a newline */
        cli_error("the answer of %s%s ends in the middle of a line", http->base, path);
        r = CLI_UNREACHABLE;
    }
    hrp_buf_fini(&rest);
    return r;
}

static int read_json(struct cli_http *http, const char *path, const struct hrp_buf *body, json_t **ret)
{
    json_error_t err;

    *ret = json_loadb((const char *)body->p, body->n, JSON_DECODE_ANY, &err);
    if (*ret != NULL)
        return 0;
    cli_error("%s%s did not answer with JSON: %s", http->base, path, err.text);
    return CLI_FAILED;
}

int cli_http_json(struct cli_http *http, const char *path, json_t **ret)
{
    return cli_http_send(http, NULL, path, NULL, NULL, 0, ret);
}

int cli_http_send(struct cli_http *http, const char *method, const char *path, const char *type, const void *body, size_t n, json_t **ret)
{
    struct hrp_buf answer = HRP_BUF_INIT;
    json_t *with_reasons = NULL;
    struct transfer t = {.out = &answer, .cap_bytes = MAX_BODY_BYTES, .method = method, .type = type != NULL ? type : "application/json",
                         .body = body, .n_body = n, .ret_refused = method != NULL ? &with_reasons : NULL};
    int r = perform(http, path, &t);

    if (r == 0 && with_reasons != NULL)
        *ret = with_reasons;
    else if (r == 0)
        r = read_json(http, path, &answer, ret);
    hrp_buf_fini(&answer);
    return r;
}

void cli_http_put_encoded(struct hrp_buf *out, const char *text)
{
    for (const unsigned char *p = (const unsigned char *)text; *p != '\0'; p++) {
        bool plain = (*p >= '0' && *p <= '9') || (*p >= 'A' && *p <= 'Z') || (*p >= 'a' && *p <= 'z') || *p == '.' || *p == '_' || *p == '-';

        if (plain)
            hrp_put_u8(out, *p);
        else
            hrp_put_fmt(out, "%%%02X", *p);
    }
}

void cli_http_stream_path(struct hrp_buf *out, const char *stream, const char *what)
{
    hrp_put_fmt(out, "/api/v1/streams/");
    cli_http_put_encoded(out, stream);
    hrp_put_fmt(out, "/%s", what);
    hrp_put_u8(out, 0);
}
