/* OpenSSL on two memory BIOs. Of what it can do, this is left off: versions before 1.2, renegotiation, compression, session
 * resumption (a producer keeps its connection for days, and a ticket is one more secret to keep), and asking a terminal for a
 * key's password. Ciphertext goes in by small slices, so that a connection's memory is a record or two and not a read buffer. */
#include "tls_ops.h"
#include "alloc.h"
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>

#define SLICE 16384u

struct hrp_tls {
    SSL *ssl;
    BIO *in, *out;               /* ssl's: what came, what is to be sent */
    bool heard;
    bool ended;                  /* an error: OpenSSL wants no further call */
};

static bool given(const char *text) { return text != NULL && text[0] != '\0'; }

/* ---- settings ---- */

/* The newest error says where OpenSSL gave up, the oldest what was wrong. */
static const char *reason(void)
{
    unsigned long e = ERR_peek_error();
    const char *text = e != 0 ? ERR_reason_error_string(e) : NULL;

    if (e != 0 && ERR_SYSTEM_ERROR(e))
        text = strerror(ERR_GET_REASON(e));
    return text != NULL ? text : "OpenSSL gives no reason";
}

static int refuse(const char *what, const char *file, struct hr_error *err)
{
    int r = hr_error_set(err, HR_EINVAL, "%s: %.300s: %s", what, file, reason());

    ERR_clear_error();
    return r;
}

static int no_password(char *buf, int size, int rwflag, void *arg) { return 0; }

static int take_cert(SSL_CTX *ctx, const struct hrp_tls_settings *s, struct hr_error *err)
{
    if (!given(s->cert) && !given(s->key))
        return s->server ? hr_error_set(err, HR_EINVAL, "tls_cert: a certificate is needed") : 0;
    if (!given(s->cert) || !given(s->key))
        return hr_error_set(err, HR_EINVAL, "%s: is needed, too", given(s->cert) ? "tls_key" : "tls_cert");
    if (SSL_CTX_use_certificate_chain_file(ctx, s->cert) != 1)
        return refuse("tls_cert", s->cert, err);
    if (SSL_CTX_use_PrivateKey_file(ctx, s->key, SSL_FILETYPE_PEM) != 1 || SSL_CTX_check_private_key(ctx) != 1)
        return refuse("tls_key", s->key, err);
    return 0;
}

static int take_ca(SSL_CTX *ctx, const struct hrp_tls_settings *s, struct hr_error *err)
{
    const char *name = s->server ? "tls_client_ca" : "tls_ca";

    if (given(s->ca) && SSL_CTX_load_verify_locations(ctx, s->ca, NULL) != 1)
        return refuse(name, s->ca, err);
    if (!s->server && !given(s->ca) && SSL_CTX_set_default_verify_paths(ctx) != 1)
        return refuse(name, "the system's certificates", err);
    if (s->server && given(s->ca)) {
        SSL_CTX_set_client_CA_list(ctx, SSL_load_client_CA_file(s->ca));
        SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
    } else if (!s->server) {
        SSL_CTX_set_verify(ctx, s->verify ? SSL_VERIFY_PEER : SSL_VERIFY_NONE, NULL);
    }
    return 0;
}

static void ctx_free(struct hrp_tls_ctx *ctx) { SSL_CTX_free((SSL_CTX *)ctx); }

static int ctx_new(const struct hrp_tls_settings *s, struct hrp_tls_ctx **ret, struct hr_error *err)
{
    SSL_CTX *ctx;
    int r;

    /* exit must not take OpenSSL's tables from under a thread that is still sending */
    OPENSSL_init_ssl(OPENSSL_INIT_NO_ATEXIT, NULL);
    ERR_clear_error();
    ctx = SSL_CTX_new(s->server ? TLS_server_method() : TLS_client_method());
    if (ctx == NULL)
        return hr_error_set(err, HR_ENOMEM, "tls: %s", reason());
    SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION);
    SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_TICKET | SSL_OP_NO_COMPRESSION | SSL_OP_CIPHER_SERVER_PREFERENCE);
    SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_num_tickets(ctx, 0);
    SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_default_passwd_cb(ctx, no_password);
    r = take_cert(ctx, s, err);
    if (r == 0)
        r = take_ca(ctx, s, err);
    if (r == 0)
        *ret = (struct hrp_tls_ctx *)ctx;
    else
        SSL_CTX_free(ctx);
    return r;
}

/* ---- one connection ---- */

static void tls_close(struct hrp_tls *tls)
{
    if (tls == NULL)
        return;
    SSL_free(tls->ssl); /* and both BIOs */
    hrp_free(tls);
}

/* An address is looked for among the certificate's addresses, and no address is sent as SNI (RFC 6066, section 3). */
static int expect(SSL *ssl, const char *name)
{
    X509_VERIFY_PARAM *param = SSL_get0_param(ssl);

    if (!given(name))
        return 1;
    if (X509_VERIFY_PARAM_set1_ip_asc(param, name) == 1)
        return 1;
    ERR_clear_error();
    X509_VERIFY_PARAM_set_hostflags(param, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    return SSL_set_tlsext_host_name(ssl, name) == 1 && X509_VERIFY_PARAM_set1_host(param, name, 0) == 1;
}

static int begin(struct hrp_tls *tls, const char *name)
{
    tls->in = BIO_new(BIO_s_mem());
    tls->out = BIO_new(BIO_s_mem());
    if (tls->in == NULL || tls->out == NULL) {
        BIO_free(tls->in);
        BIO_free(tls->out);
        return HR_ENOMEM;
    }
    SSL_set_bio(tls->ssl, tls->in, tls->out);
    if (SSL_is_server(tls->ssl)) {
        SSL_set_accept_state(tls->ssl);
        return 0;
    }
    SSL_set_connect_state(tls->ssl);
    if (!expect(tls->ssl, name))
        return HR_ENOMEM;
    SSL_do_handshake(tls->ssl);
    return 0;
}

static int tls_open(struct hrp_tls_ctx *ctx, const char *name, struct hrp_tls **ret)
{
    struct hrp_tls *tls = hrp_calloc(1, sizeof *tls);
    int r;

    if (tls == NULL)
        return HR_ENOMEM;
    ERR_clear_error();
    tls->ssl = SSL_new((SSL_CTX *)ctx);
    r = tls->ssl != NULL ? begin(tls, name) : HR_ENOMEM;
    ERR_clear_error();
    if (r == 0)
        *ret = tls;
    else
        tls_close(tls);
    return r;
}

static bool about_certificates(unsigned long e)
{
    switch (ERR_GET_REASON(e)) {
    case SSL_R_CERTIFICATE_VERIFY_FAILED:
    case SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE:
    case SSL_R_TLSV1_ALERT_UNKNOWN_CA:
    case SSL_R_TLSV13_ALERT_CERTIFICATE_REQUIRED:
    case SSL_R_SSLV3_ALERT_BAD_CERTIFICATE:
    case SSL_R_SSLV3_ALERT_CERTIFICATE_EXPIRED:
    case SSL_R_SSLV3_ALERT_CERTIFICATE_UNKNOWN:
    case SSL_R_SSLV3_ALERT_HANDSHAKE_FAILURE:
        return ERR_GET_LIB(e) == ERR_LIB_SSL;
    default:
        return false;
    }
}

static int failed(struct hrp_tls *tls, struct hr_error *err)
{
    unsigned long e = ERR_peek_error();
    long verdict = SSL_get_verify_result(tls->ssl);
    int r = about_certificates(e) ? HR_EAUTH : HR_EIO;

    tls->ended = true;
    if (verdict != X509_V_OK && SSL_get_verify_mode(tls->ssl) != SSL_VERIFY_NONE)
        r = hr_error_set(err, HR_EAUTH, "TLS: the peer's certificate: %s", X509_verify_cert_error_string(verdict));
    else
        hr_error_set(err, r, "TLS: %s", reason());
    ERR_clear_error();
    return r;
}

/* All that can be read of what has come. */
static int drain(struct hrp_tls *tls, hrp_tls_plain *plain, void *arg, struct hr_error *err)
{
    char buf[SLICE];
    size_t n;
    int r;

    for (;;) {
        ERR_clear_error();
        r = SSL_read_ex(tls->ssl, buf, sizeof buf, &n);
        if (r == 1) {
            r = plain(arg, buf, n);
            if (r != 0)
                return r;
            continue;
        }
        switch (SSL_get_error(tls->ssl, r)) {
        case SSL_ERROR_WANT_READ:
        case SSL_ERROR_WANT_WRITE: /* memory is always writable; without memory the connection stands until a timer ends it */
            return 0;
        case SSL_ERROR_ZERO_RETURN:
            return hr_error_set(err, HR_ECLOSED, "the peer closed the connection");
        default:
            return failed(tls, err);
        }
    }
}

static int input(struct hrp_tls *tls, const void *p, size_t n, hrp_tls_plain *plain, void *arg, struct hr_error *err)
{
    const char *at = (const char *)p;
    int r = 0;

    if (tls->ended)
        return hr_error_set(err, HR_ECLOSED, "%s", hr_strerror(HR_ECLOSED));
    if (!tls->heard && !hrp_tls_like(p, n)) {
        tls->ended = true;
        return hr_error_set(err, HR_EPROTO, "TLS: the peer does not speak it");
    }
    for (tls->heard = true; n > 0 && r == 0;) {
        size_t some = n < SLICE ? n : SLICE;

        if (BIO_write(tls->in, at, (int)some) != (int)some)
            return hr_error_set(err, HR_ENOMEM, "TLS: %s", hr_strerror(HR_ENOMEM));
        at += some;
        n -= some;
        r = drain(tls, plain, arg, err);
    }
    return r;
}

static int output(struct hrp_tls *tls, const void *p, size_t n)
{
    size_t written;

    if (tls->ended)
        return HR_ECLOSED;
    if (!SSL_is_init_finished(tls->ssl))
        return HR_EAGAIN;
    ERR_clear_error();
    if (n == 0 || SSL_write_ex(tls->ssl, p, n, &written) == 1) /* without partial writes: all of it */
        return 0;
    ERR_clear_error();
    tls->ended = true;
    return HR_EIO;
}

static size_t pending(const struct hrp_tls *tls) { return BIO_ctrl_pending(tls->out); }

static size_t take(struct hrp_tls *tls, void *ret, size_t n)
{
    int got = BIO_read(tls->out, ret, n > INT32_MAX ? INT32_MAX : (int)n);

    return got > 0 ? (size_t)got : 0;
}

static bool established(const struct hrp_tls *tls) { return !tls->ended && SSL_is_init_finished(tls->ssl); }

static void bye(struct hrp_tls *tls)
{
    if (established(tls))
        SSL_shutdown(tls->ssl);
    ERR_clear_error();
}

const struct hrp_tls_ops HRP_TLS_SYMBOL = {
    .ctx_new = ctx_new, .ctx_free = ctx_free, .open = tls_open, .close = tls_close, .input = input, .output = output,
    .pending = pending, .take = take, .established = established, .bye = bye,
};
