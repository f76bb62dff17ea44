/* The status page's files, as compiled into the daemon. Browsers ask again each time and are mostly told "not modified". */
#include "api_parts.h"
#include "assets.h"
#include <stdio.h>
#include <string.h>

static const struct hrd_asset *find(const char *name)
{
    for (unsigned i = 0; i < hrd_n_assets; i++)
        if (strcmp(hrd_assets[i].name, name) == 0)
            return &hrd_assets[i];
    return NULL;
}

/* Weak comparison (RFC 9110, 8.8.3.2): the opaque part, wherever it stands in the list. */
static bool same(const char *if_none_match, const char *etag)
{
    return if_none_match != NULL && (strcmp(if_none_match, "*") == 0 || strstr(if_none_match, etag) != NULL);
}

bool hrd_api_page(struct hrd_http_conn *conn, const struct hrd_http_req *req, const char *name)
{
    const struct hrd_asset *a = find(name);
    char headers[256];

    if (a == NULL)
        return false;
    /* weak: the compressed form has the same one */
    snprintf(headers, sizeof headers, "Cache-Control: no-cache\r\nETag: W/%s\r\nVary: Accept-Encoding\r\n%s", a->etag,
             req->gzip ? "Content-Encoding: gzip\r\n" : "");
    if (same(req->if_none_match, a->etag)) {
        snprintf(headers, sizeof headers, "Cache-Control: no-cache\r\nETag: W/%s\r\nVary: Accept-Encoding\r\n", a->etag);
        hrd_http_reply_static(conn, 304, NULL, headers, "", 0);
    } else if (req->gzip) {
        hrd_http_reply_static(conn, 200, a->type, headers, a->gzip, a->n_gzip);
    } else {
        hrd_http_reply_static(conn, 200, a->type, headers, a->bytes, a->n_bytes);
    }
    return true;
}
