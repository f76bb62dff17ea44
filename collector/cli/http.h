/* The collector's HTTP API, as a client. Every function returns 0, or the exit code after printing why. One thread. */
#ifndef CLI_HTTP_H
#define CLI_HTTP_H
#include "bytes.h"
#include <jansson.h>

struct cli_http;
/* base NULL: HEADRACE_HTTP, else http://127.0.0.1:7412. Connects on the first request. */
int cli_http_open(const char *base, struct cli_http **ret);
void cli_http_close(struct cli_http *http);
const char *cli_http_base(const struct cli_http *http);
/* Set: an unreachable server is not printed (for `tail -f`, which says it once and tries again). */
void cli_http_quiet(struct cli_http *http, bool quiet);

/* GET; the body is appended to ret. */
int cli_http_get(struct cli_http *http, const char *path, struct hrp_buf *ret);
int cli_http_json(struct cli_http *http, const char *path, json_t **ret); /* json_decref it */
/* method GET, POST, PUT or DELETE, with a body or without (n 0). An answer in JSON that is no error is *ret, whatever its status:
 * a refused schema comes with its reasons. type: of the body; NULL: JSON. */
int cli_http_send(struct cli_http *http, const char *method, const char *path, const char *type, const void *body, size_t n, json_t **ret);
/* GET of NDJSON: fn for each line, without the newline, as they arrive; when fn returns non-zero the transfer ends and that
 * is returned. A body that ends before it should is CLI_UNREACHABLE. */
int cli_http_lines(struct cli_http *http, const char *path, int (*fn)(void *arg, const char *line, size_t n), void *arg);
void cli_http_put_encoded(struct hrp_buf *out, const char *text); /* percent-encoded for a path or a query */
/* "/api/v1/streams/NAME/what", NAME percent-encoded; '\0'-terminated in out. */
void cli_http_stream_path(struct hrp_buf *out, const char *stream, const char *what);
#endif
