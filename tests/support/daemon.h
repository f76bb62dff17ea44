/* A real headraced for a test: its own folder, free ports, killed and restarted by its own pid.
 *
 *     struct test_daemon d;
 *     test_daemon_init(&d, NULL);
 *     assert_int_equal(test_daemon_start(&d), 0);
 *     ... d.url, d.http ...
 *     test_daemon_stop(&d, SIGKILL);
 *     test_daemon_start(&d);            // the same folder and ports: clients find it again
 *     test_daemon_fini(&d);             // SIGTERM, and the folder goes, unless HEADRACE_KEEP is set
 *
 * The program is $HEADRACE_BUILD/bin/headraced; HEADRACED names another. A daemon dies with the thread that started it. */
#ifndef TEST_DAEMON_H
#define TEST_DAEMON_H
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct test_daemon {
    pid_t pid;                       /* 0: not running */
    uint16_t ingest_port, http_port; /* 0 before the first start */
    const char *const *args;         /* further arguments of each start, NULL-terminated; borrowed; may be NULL */
    char dir[512];                   /* holds data/, ports and log; a config file or a sink's folder may join them */
    char data[544];                  /* dir/data */
    char url[64];                    /* headrace://127.0.0.1:PORT */
    char http[64];                   /* http://127.0.0.1:PORT */
};

/* A fresh folder under $TMPDIR or /tmp; starts nothing. 0 or -1 with errno. */
int test_daemon_init(struct test_daemon *d, const char *const *args);
/* Starts it and waits until it has written its ports (30 s at most). -1: it did not; its log went to stderr. */
int test_daemon_start(struct test_daemon *d);
/* Sends sig and waits for its end; returns the status of waitpid, 0 if it was not running. SIGTERM that is not obeyed
 * within 60 s becomes SIGKILL. */
int test_daemon_stop(struct test_daemon *d, int sig);
void test_daemon_fini(struct test_daemon *d);

/* GET http://127.0.0.1:port/path. Returns the HTTP status, or -1 when there was no whole answer within 60 s. *ret is
 * NUL-terminated, freed with free(). */
int test_http_get(uint16_t port, const char *path, char **ret, size_t *ret_n);
/* GETs path until `done` says 1 (then 0 is returned), or for deadline_s seconds (-1). done sees a NUL-terminated body. */
int test_http_until(uint16_t port, const char *path, int (*done)(void *arg, const char *body), void *arg, int deadline_s);
/* Removes a folder and all in it. */
void test_rm_tree(const char *path);
#endif
