/* TLS between the real client and the real collector: who is accepted, and that whoever is not learns why. */
#include "certs.h"
#include "daemon.h"
#include "event_type.h"
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <cmocka.h>

#define FLUSH_MS 60000
#define PATIENCE_S 60

static char dir[64], me[1024];

/* ---- fixture ---- */

static int make_certificates(void **state)
{
    snprintf(dir, sizeof dir, "/tmp/hrtlsXXXXXX");
    if (mkdtemp(dir) == NULL)
        return -1;
    certs_ca(dir, "ca");
    certs_ca(dir, "other_ca");
    certs_leaf(dir, "server", "ca", "DNS:localhost,IP:127.0.0.1", 10);
    certs_leaf(dir, "named", "ca", "DNS:collector.example", 10);
    certs_leaf(dir, "expired", "ca", "DNS:localhost,IP:127.0.0.1", -1);
    certs_leaf(dir, "self", NULL, "DNS:localhost,IP:127.0.0.1", 10);
    certs_leaf(dir, "client", "ca", "DNS:app.example", 10);
    certs_leaf(dir, "stranger", "other_ca", "DNS:app.example", 10);
    certs_encrypt_key(dir, "client", "locked");
    return 0;
}

static int remove_certificates(void **state)
{
    test_rm_tree(dir);
    return 0;
}

static const char *file(const char *name)
{
    static char paths[8][128];
    static unsigned next;
    char *path = paths[next++ % 8];

    snprintf(path, sizeof paths[0], "%s/%s", dir, name);
    return path;
}

struct server {
    struct test_daemon d;
    const char *args[16];
    char cert[128], key[128], ca[128];
};

/* name NULL: a plain port. */
static void serve(struct server *s, const char *name, const char *client_ca)
{
    int n = 0;

    memset(s, 0, sizeof *s);
    if (name != NULL) {
        snprintf(s->cert, sizeof s->cert, "%s/%s.pem", dir, name);
        snprintf(s->key, sizeof s->key, "%s/%s.key", dir, name);
        s->args[n++] = "--tls-cert", s->args[n++] = s->cert;
        s->args[n++] = "--tls-key", s->args[n++] = s->key;
    }
    if (client_ca != NULL) {
        snprintf(s->ca, sizeof s->ca, "%s", file(client_ca));
        s->args[n++] = "--tls-client-ca", s->args[n++] = s->ca;
    }
    assert_int_equal(test_daemon_init(&s->d, s->args), 0);
    assert_int_equal(test_daemon_start(&s->d), 0);
}

static void done(struct server *s) { test_daemon_fini(&s->d); }

/* Options as pairs, NULL at the end. */
static hr_options *options(const struct server *s, const char *name, ...)
{
    hr_options *opt = hr_options_new();
    va_list ap;

    assert_int_equal(hr_options_set(opt, "url", s->d.url, NULL), 0);
    assert_int_equal(hr_options_set(opt, "backoff_max_ms", "200", NULL), 0);
    va_start(ap, name);
    for (; name != NULL; name = va_arg(ap, const char *))
        assert_int_equal(hr_options_set(opt, name, va_arg(ap, const char *), NULL), 0);
    va_end(ap);
    return opt;
}

static hr_client *open_client(hr_options *opt)
{
    struct hr_error err = {0, ""};
    hr_client *c = NULL;

    if (hr_open(opt, &c, &err) != 0)
        fail_msg("%s", err.text);
    hr_options_free(opt);
    assert_int_equal(event_log(c, event_type("Event"), 1, "over TLS"), 0);
    return c;
}

static void expect_arrival(hr_options *opt)
{
    hr_client *c = open_client(opt);

    assert_int_equal(hr_flush(c, FLUSH_MS), 0);
    assert_int_equal(hr_stats_get(c, HR_STAT_ACKED_ROWS), 1);
    assert_int_equal(hr_close(c, FLUSH_MS), 0);
}

/* The status text comes to hold `part`; nothing is acknowledged. */
static void expect_refusal(hr_options *opt, const char *part)
{
    time_t until = time(NULL) + PATIENCE_S;
    hr_client *c = open_client(opt);
    char text[256];

    do {
        assert_int_equal(hr_flush(c, 20), HR_ETIMEOUT);
        hr_status_text(c, text, sizeof text);
    } while (strstr(text, part) == NULL && time(NULL) < until);
    if (strstr(text, part) == NULL)
        fail_msg("\"%s\" does not say \"%s\"", text, part);
    assert_int_equal(hr_stats_get(c, HR_STAT_ACKED_ROWS), 0);
    assert_int_equal(hr_close(c, 0), HR_ETIMEOUT);
}

static const char *by_name(struct server *s)
{
    snprintf(s->d.url, sizeof s->d.url, "headrace://localhost:%u", s->d.ingest_port);
    return s->d.url;
}

/* ---- the collector's certificate ---- */

static void the_right_certificate_is_accepted_by_address_and_by_name(void **state)
{
    struct server s;

    serve(&s, "server", NULL);
    expect_arrival(options(&s, "tls", "on", "tls_ca", file("ca.pem"), NULL));
    by_name(&s);
    expect_arrival(options(&s, "tls", "on", "tls_ca", file("ca.pem"), NULL));
    done(&s);
}

static void another_name_is_refused_unless_it_is_the_one_expected(void **state)
{
    struct server s;

    serve(&s, "named", NULL);
    expect_refusal(options(&s, "tls", "on", "tls_ca", file("ca.pem"), NULL), "IP address mismatch");
    by_name(&s);
    expect_refusal(options(&s, "tls", "on", "tls_ca", file("ca.pem"), NULL), "hostname mismatch");
    expect_arrival(options(&s, "tls", "on", "tls_ca", file("ca.pem"), "tls_server_name", "collector.example", NULL));
    done(&s);
}

static void an_expired_one_is_refused(void **state)
{
    struct server s;

    serve(&s, "expired", NULL);
    expect_refusal(options(&s, "tls", "on", "tls_ca", file("ca.pem"), NULL), "certificate has expired");
    done(&s);
}

static void one_that_nobody_vouches_for_is_refused(void **state)
{
    struct server s;

    serve(&s, "server", NULL);
    expect_refusal(options(&s, "tls", "on", "tls_ca", file("other_ca.pem"), NULL), "certificate");
    expect_refusal(options(&s, "tls", "on", NULL), "unable to get local issuer certificate"); /* the system's don't, either */
    done(&s);
}

static void a_self_signed_one_is_its_own_authority(void **state)
{
    struct server s;

    serve(&s, "self", NULL);
    expect_refusal(options(&s, "tls", "on", "tls_ca", file("ca.pem"), NULL), "self-signed certificate");
    expect_arrival(options(&s, "tls", "on", "tls_ca", file("self.pem"), NULL));
    done(&s);
}

static void hear(void *user, enum hr_level level, const char *message)
{
    if (level == HR_LEVEL_WARNING && strstr(message, "tls_verify is off") != NULL)
        __atomic_fetch_add((int *)user, 1, __ATOMIC_RELEASE);
}

static void verify_off_takes_any_and_says_so(void **state)
{
    struct server s;
    hr_options *opt;
    int heard = 0;

    serve(&s, "expired", NULL);
    opt = options(&s, "tls", "on", "tls_verify", "off", NULL);
    hr_options_set_logger(opt, hear, &heard, HR_LEVEL_WARNING);
    expect_arrival(opt);
    assert_int_equal(__atomic_load_n(&heard, __ATOMIC_ACQUIRE), 1);
    done(&s);
}

/* ---- the client's certificate ---- */

static void a_collector_may_ask_for_certificates(void **state)
{
    struct server s;

    serve(&s, "server", "ca.pem");
    expect_refusal(options(&s, "tls", "on", "tls_ca", file("ca.pem"), NULL), "certificate required");
    expect_refusal(options(&s, "tls", "on", "tls_ca", file("ca.pem"), "tls_cert", file("stranger.pem"), "tls_key", file("stranger.key"), NULL),
                   "unknown ca");
    expect_arrival(options(&s, "tls", "on", "tls_ca", file("ca.pem"), "tls_cert", file("client.pem"), "tls_key", file("client.key"), NULL));
    done(&s);
}

/* ---- one side without TLS ---- */

static void a_plain_client_learns_that_the_port_speaks_tls(void **state)
{
    struct server s;

    serve(&s, "server", NULL);
    expect_refusal(options(&s, NULL, NULL), "this port speaks TLS: set the option tls");
    done(&s);
}

static void a_tls_client_learns_that_the_port_does_not(void **state)
{
    struct server s;

    serve(&s, NULL, NULL);
    expect_refusal(options(&s, "tls", "on", "tls_ca", file("ca.pem"), NULL), "does not speak it on this port");
    expect_arrival(options(&s, NULL, NULL));
    done(&s);
}

/* ---- much, long, and renewed ---- */

static void many_batches_and_a_restart(void **state)
{
    struct server s;
    hr_client *c;
    char text[400];

    serve(&s, "server", NULL);
    c = open_client(options(&s, "tls", "on", "tls_ca", file("ca.pem"), NULL));
    for (uint64_t id = 2; id <= 20000; id++) {
        if (id == 10000)
            assert_int_equal(WEXITSTATUS(test_daemon_stop(&s.d, SIGTERM)), 0);
        if (id == 12000)
            assert_int_equal(test_daemon_start(&s.d), 0);
        for (size_t i = 0; i < sizeof text - 1; i++)
            text[i] = (char)('a' + (id * 7919 + i * i * 31) % 26);
        text[sizeof text - 1] = '\0';
        while (event_log(c, event_type("Event"), id, text) == HR_EFULL)
            hr_flush(c, 10);
    }
    assert_int_equal(hr_flush(c, FLUSH_MS), 0);
    assert_int_equal(hr_stats_get(c, HR_STAT_ACKED_ROWS), 20000);
    assert_true(hr_stats_get(c, HR_STAT_CONNECTS) >= 2);
    assert_int_equal(hr_close(c, FLUSH_MS), 0);
    done(&s);
}

static void copy(const char *from, const char *to)
{
    char cmd[512];

    snprintf(cmd, sizeof cmd, "cp %s %s", file(from), file(to));
    assert_int_equal(system(cmd), 0);
}

static int says(void *arg, const char *log) { return strstr(log, arg) != NULL; }

static void wait_for_log(const struct server *s, const char *word)
{
    time_t until = time(NULL) + PATIENCE_S;
    char path[600], buf[65536];
    size_t n;
    FILE *f;

    snprintf(path, sizeof path, "%s/log", s->d.dir);
    do {
        f = fopen(path, "r");
        n = f != NULL ? fread(buf, 1, sizeof buf - 1, f) : 0;
        buf[n] = '\0';
        if (f != NULL)
            fclose(f);
    } while (!says((void *)(uintptr_t)word, buf) && time(NULL) < until);
    assert_non_null(strstr(buf, word));
}

static void certificates_are_renewed_by_sighup(void **state)
{
    struct server s;
    FILE *f;

    copy("expired.pem", "live.pem");
    copy("expired.key", "live.key");
    serve(&s, "live", NULL);
    expect_refusal(options(&s, "tls", "on", "tls_ca", file("ca.pem"), NULL), "certificate has expired");
    copy("server.pem", "live.pem");
    kill(s.d.pid, SIGHUP); /* the key is still the old one's: nothing changes, and nobody dies */
    wait_for_log(&s, "tls_not_reloaded");
    expect_refusal(options(&s, "tls", "on", "tls_ca", file("ca.pem"), NULL), "certificate has expired");
    copy("server.key", "live.key");
    kill(s.d.pid, SIGHUP);
    wait_for_log(&s, "event=tls_reloaded");
    expect_arrival(options(&s, "tls", "on", "tls_ca", file("ca.pem"), NULL));
    f = fopen(file("live.pem"), "w");
    fclose(f);
    test_daemon_stop(&s.d, SIGTERM);
    assert_int_equal(test_daemon_start(&s.d), -1); /* at the start there is nothing to go on with */
    done(&s);
}

/* ---- files that can't be used ---- */

static void expect_open_error(hr_options *opt, int code, const char *a, const char *b)
{
    struct hr_error err = {0, ""};
    hr_client *c = NULL;

    assert_int_equal(hr_open(opt, &c, &err), code);
    if (strstr(err.text, a) == NULL || strstr(err.text, b) == NULL)
        fail_msg("\"%s\" does not say \"%s\" and \"%s\"", err.text, a, b);
    hr_options_free(opt);
}

static void files_that_can_not_be_used_are_refused_at_open(void **state)
{
    struct server s = {.d = {.url = "headrace://127.0.0.1:1"}};

    expect_open_error(options(&s, "tls", "on", "tls_ca", "/nonexistent.pem", NULL), HR_EINVAL, "tls_ca: /nonexistent.pem", "No such file");
    expect_open_error(options(&s, "tls", "on", "tls_cert", file("client.pem"), NULL), HR_EINVAL, "tls_key", "needed");
    expect_open_error(options(&s, "tls", "on", "tls_cert", file("client.pem"), "tls_key", file("server.key"), NULL), HR_EINVAL, "server.key",
                      "mismatch");
    expect_open_error(options(&s, "tls", "on", "tls_cert", file("client.pem"), "tls_key", file("locked.key"), NULL), HR_EINVAL, "locked.key", "tls_key");
}

/* Again without the folder of libheadrace-tls.so in the loader's path. */
static int without_library(void)
{
    struct hr_error err = {0, ""};
    hr_options *opt = hr_options_new();
    hr_client *c = NULL;
    int r;

    hr_options_set(opt, "tls", "on", NULL);
    r = hr_open(opt, &c, &err);
    fprintf(stderr, "%s\n", err.text);
    hr_options_free(opt);
    return r == HR_ENOENT && strstr(err.text, "libheadrace-tls.so.1") != NULL ? 0 : 1;
}

static void a_missing_library_is_told(void **state)
{
    int status = 0;
    pid_t pid = fork();

    if (pid == 0) {
        unsetenv("LD_LIBRARY_PATH");
        execl(me, me, "--without-library", (char *)NULL);
        _exit(127);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_right_certificate_is_accepted_by_address_and_by_name),
        cmocka_unit_test(another_name_is_refused_unless_it_is_the_one_expected),
        cmocka_unit_test(an_expired_one_is_refused),
        cmocka_unit_test(one_that_nobody_vouches_for_is_refused),
        cmocka_unit_test(a_self_signed_one_is_its_own_authority),
        cmocka_unit_test(verify_off_takes_any_and_says_so),
        cmocka_unit_test(a_collector_may_ask_for_certificates),
        cmocka_unit_test(a_plain_client_learns_that_the_port_speaks_tls),
        cmocka_unit_test(a_tls_client_learns_that_the_port_does_not),
        cmocka_unit_test(many_batches_and_a_restart),
        cmocka_unit_test(certificates_are_renewed_by_sighup),
        cmocka_unit_test(files_that_can_not_be_used_are_refused_at_open),
        cmocka_unit_test(a_missing_library_is_told),
    };

    if (argc > 1 && strcmp(argv[1], "--without-library") == 0)
        return without_library();
    snprintf(me, sizeof me, "%s", argv[0]);
    if (argc > 1)
        cmocka_set_test_filter(argv[1]);
    return cmocka_run_group_tests(tests, make_certificates, remove_certificates);
}
