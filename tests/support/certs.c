#include "certs.h"
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>

#define DAY 86400L
#define MUST(x)                                                                                                                    \
    do {                                                                                                                           \
        if (!(x)) {                                                                                                                \
            fprintf(stderr, "certs: %s\n", #x);                                                                                    \
            abort();                                                                                                               \
        }                                                                                                                          \
    } while (0)

static FILE *open_file(const char *dir, const char *name, const char *ext, const char *mode)
{
    char path[1024];
    FILE *f;

    snprintf(path, sizeof path, "%s/%s.%s", dir, name, ext);
    f = fopen(path, mode);
    MUST(f != NULL);
    return f;
}

static EVP_PKEY *load_key(const char *dir, const char *name)
{
    FILE *f = open_file(dir, name, "key", "r");
    EVP_PKEY *key = PEM_read_PrivateKey(f, NULL, NULL, NULL);

    fclose(f);
    MUST(key != NULL);
    return key;
}

static X509 *load_cert(const char *dir, const char *name)
{
    FILE *f = open_file(dir, name, "pem", "r");
    X509 *cert = PEM_read_X509(f, NULL, NULL, NULL);

    fclose(f);
    MUST(cert != NULL);
    return cert;
}

static void extend(X509 *cert, X509 *issuer, int nid, const char *value)
{
    X509V3_CTX ctx;
    X509_EXTENSION *ext;

    X509V3_set_ctx(&ctx, issuer, cert, NULL, NULL, 0);
    ext = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
    MUST(ext != NULL && X509_add_ext(cert, ext, -1) == 1);
    X509_EXTENSION_free(ext);
}

static X509 *new_cert(const char *name, EVP_PKEY *key, int days)
{
    static long serial = 1;
    X509 *cert = X509_new();
    X509_NAME *subject = X509_get_subject_name(cert);

    MUST(X509_set_version(cert, 2) == 1 && ASN1_INTEGER_set(X509_get_serialNumber(cert), serial++) == 1);
    MUST(X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8, (const unsigned char *)name, -1, -1, 0) == 1);
    X509_gmtime_adj(X509_getm_notBefore(cert), -1000 * DAY);
    X509_gmtime_adj(X509_getm_notAfter(cert), days * DAY);
    MUST(X509_set_pubkey(cert, key) == 1);
    return cert;
}

static void store(const char *dir, const char *name, X509 *cert, EVP_PKEY *key)
{
    FILE *f = open_file(dir, name, "pem", "w");

    MUST(PEM_write_X509(f, cert) == 1);
    fclose(f);
    f = open_file(dir, name, "key", "w");
    MUST(PEM_write_PrivateKey(f, key, NULL, NULL, 0, NULL, NULL) == 1);
    fclose(f);
}

static void make(const char *dir, const char *name, const char *issuer, const char *names, int days)
{
    EVP_PKEY *key = EVP_EC_gen("P-256"), *signer = issuer != NULL ? load_key(dir, issuer) : key;
    X509 *cert = new_cert(name, key, days), *by = issuer != NULL ? load_cert(dir, issuer) : cert;

    MUST(X509_set_issuer_name(cert, X509_get_subject_name(by)) == 1);
    if (names != NULL)
        extend(cert, by, NID_subject_alt_name, names);
    extend(cert, by, NID_basic_constraints, names == NULL ? "critical,CA:TRUE" : "CA:FALSE");
    MUST(X509_sign(cert, signer, EVP_sha256()) != 0);
    store(dir, name, cert, key);
    if (issuer != NULL) {
        X509_free(by);
        EVP_PKEY_free(signer);
    }
    X509_free(cert);
    EVP_PKEY_free(key);
}

void certs_ca(const char *dir, const char *name) { make(dir, name, NULL, NULL, 10); }
void certs_leaf(const char *dir, const char *name, const char *issuer, const char *names, int days) { make(dir, name, issuer, names, days); }

void certs_encrypt_key(const char *dir, const char *name, const char *new_name)
{
    EVP_PKEY *key = load_key(dir, name);
    FILE *f = open_file(dir, new_name, "key", "w");

    MUST(PEM_write_PKCS8PrivateKey(f, key, EVP_aes_128_cbc(), "secret", 6, NULL, NULL) == 1);
    fclose(f);
    EVP_PKEY_free(key);
}
