/* Certificates for tests of TLS, made on the spot: PEM files NAME.pem (certificate) and NAME.key in a folder.
 *
 *     certs_ca(dir, "ca");
 *     certs_leaf(dir, "server", "ca", "DNS:localhost,IP:127.0.0.1", 1); */
#ifndef CERTS_H
#define CERTS_H

/* Each aborts when OpenSSL refuses. */
void certs_ca(const char *dir, const char *name);
/* Signed by `issuer` (NULL: by itself). names: a subjectAltName as OpenSSL's configuration has it. days: how long it is
 * valid from now on; negative: how long it has been expired. */
void certs_leaf(const char *dir, const char *name, const char *issuer, const char *names, int days);
void certs_encrypt_key(const char *dir, const char *name, const char *new_name); /* NEW_NAME.key, with a password */
#endif
