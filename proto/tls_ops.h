/* TLS as a transformer of bytes: ciphertext in, plain text out, and the other way round. It has OpenSSL's state machine on
 * memory and knows no socket, loop or clock, so that the SDK's link and the collector's conn use the same one. It is a library
 * of its own: the collector links it, the SDK loads it (libheadrace-tls.so) when its option `tls` is on. */
#ifndef HRP_TLS_OPS_H
#define HRP_TLS_OPS_H
#include "errors.h"
#include <stdbool.h>
#include <stddef.h>

struct hrp_tls_ctx;                /* certificates and settings of many connections */
struct hrp_tls;                    /* one connection; belongs to one thread at a time */

struct hrp_tls_settings {          /* borrowed for the call; texts may be NULL or "" */
    bool server, verify;           /* verify, of a client: chain and name. A server asks for certificates if it has a `ca` */
    const char *ca;                /* file, PEM; of a client "" means the system's */
    const char *cert, *key;        /* files, PEM: the chain, own certificate first; its key, not encrypted */
};

typedef int hrp_tls_plain(void *arg, const void *p, size_t n); /* p is borrowed; not 0: stop */

/* What libheadrace-tls.so exports, as HRP_TLS_SYMBOL. */
struct hrp_tls_ops {
    /* HR_EINVAL with the file's name and OpenSSL's reason; HR_ENOMEM. */
    int (*ctx_new)(const struct hrp_tls_settings *s, struct hrp_tls_ctx **ret, struct hr_error *err);
    void (*ctx_free)(struct hrp_tls_ctx *ctx); /* connections made of it go on. NULL is fine */
    /* name: whom a client expects, a host or an address; "" of a server. The first words wait in `take` at once. */
    int (*open)(struct hrp_tls_ctx *ctx, const char *name, struct hrp_tls **ret);
    void (*close)(struct hrp_tls *tls);        /* NULL is fine */
    /* Takes all n bytes of ciphertext; what they held goes to `plain`, in pieces of at most 16 KiB. 0; what plain returned;
     * HR_ECLOSED: the peer said that it ends; HR_EPROTO: the peer's first byte is none of TLS; HR_EAUTH: certificate or name
     * are not accepted, by us or by the peer; HR_EIO: all else. An alert for the peer may wait in `take`. */
    int (*input)(struct hrp_tls *tls, const void *p, size_t n, hrp_tls_plain *plain, void *arg, struct hr_error *err);
    int (*output)(struct hrp_tls *tls, const void *p, size_t n); /* HR_EAGAIN: not established; HR_EIO, HR_ENOMEM */
    size_t (*pending)(const struct hrp_tls *tls); /* ciphertext that waits to be sent */
    size_t (*take)(struct hrp_tls *tls, void *ret, size_t n);
    bool (*established)(const struct hrp_tls *tls);
    void (*bye)(struct hrp_tls *tls);          /* close_notify into `take` */
};
#define HRP_TLS_SYMBOL headrace_tls_ops_1
#define HRP_TLS_SYMBOL_NAME "headrace_tls_ops_1" /* another number when hrp_tls_ops changes */
extern HR_API const struct hrp_tls_ops HRP_TLS_SYMBOL;

/* A record's first byte and version (RFC 8446, section 5.1): is this the beginning of TLS? */
static inline bool hrp_tls_like(const void *p, size_t n)
{
    const unsigned char *b = (const unsigned char *)p;

    return n > 0 && b[0] >= 20 && b[0] <= 23 && (n < 2 || b[1] == 3);
}
#endif
