/* What an application's logger hears, and that the library says nothing anywhere else. */
#include "event_type.h"
#include "fake_collector.h"
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include <cmocka.h>

#define FLUSH_MS 60000

struct heard {
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    enum hr_level level[64];
    char line[64][sizeof ((struct hr_error *)0)->text];
    int n;
    hr_client *client;  /* when set: each line is logged as an event, too */
};

static void hear(void *user, enum hr_level level, const char *message)
{
    struct heard *h = user;

    pthread_mutex_lock(&h->mutex);
    if (h->client != NULL)
        event_log(h->client, event_type("Line"), 1, message);
    if (h->n < 64) {
        h->level[h->n] = level;
        snprintf(h->line[h->n++], sizeof h->line[0], "%s", message);
    }
    pthread_cond_broadcast(&h->changed);
    pthread_mutex_unlock(&h->mutex);
}

static int find(const struct heard *h, enum hr_level level, const char *text)
{
    for (int i = 0; i < h->n; i++)
        if (h->level[i] == level && strstr(h->line[i], text) != NULL)
            return i;
    return -1;
}

static void wait_for(struct heard *h, enum hr_level level, const char *text)
{
    struct timespec until;
    int r = 0;

    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += 60;
    pthread_mutex_lock(&h->mutex);
    while (find(h, level, text) < 0 && r != ETIMEDOUT)
        r = pthread_cond_timedwait(&h->changed, &h->mutex, &until);
    assert_int_equal(r, 0);
    pthread_mutex_unlock(&h->mutex);
}

static hr_client *open_hearing(struct fake_collector *fc, struct heard *h, enum hr_level most)
{
    hr_options *opt = hr_options_new();
    struct hr_error err = {0};
    hr_client *c = NULL;

    pthread_mutex_init(&h->mutex, NULL);
    pthread_cond_init(&h->changed, NULL);
    hr_options_set(opt, "url", fake_collector_url(fc), NULL);
    hr_options_set(opt, "backoff_max_ms", "100", NULL);
    hr_options_set_logger(opt, hear, h, most);
    if (hr_open(opt, &c, &err) != 0)
        fail_msg("%s", err.text);
    hr_options_free(opt);
    return c;
}

static void what_happens_is_said(void **state)
{
    struct fake_collector *fc = fake_collector_start();
    struct heard h = {.n = 0};
    hr_client *c = open_hearing(fc, &h, HR_LEVEL_INFO);

    wait_for(&h, HR_LEVEL_INFO, "connected to headrace://127.0.0.1:");
    fake_collector_refuse_schemas(fc, true);
    assert_int_equal(event_log(c, event_type("Event"), 1, "x"), 0);
    wait_for(&h, HR_LEVEL_WARNING, "refused by the test");
    fake_collector_pause(fc);
    wait_for(&h, HR_LEVEL_INFO, "no longer connected");
    wait_for(&h, HR_LEVEL_WARNING, "127.0.0.1");
    fake_collector_resume(fc);
    hr_close(c, FLUSH_MS);
    fake_collector_stop(fc);
}

static void losses_are_said_with_their_number(void **state)
{
    struct fake_collector *fc = fake_collector_start();
    struct heard h = {.n = 0};
    hr_client *c = open_hearing(fc, &h, HR_LEVEL_WARNING);
    char *big = malloc(HR_MAX_EVENT_BYTES + 1);

    memset(big, 'x', HR_MAX_EVENT_BYTES);
    big[HR_MAX_EVENT_BYTES] = '\0';
    for (int i = 0; i < 3; i++)
        assert_int_equal(event_log(c, event_type("Event"), 1, big), HR_ETOOBIG);
    assert_int_equal(hr_close(c, FLUSH_MS), 0);
    /* in one line or in several; a close tells what is left to tell */
    assert_true(find(&h, HR_LEVEL_WARNING, "events dropped: larger than an event may be") >= 0);
    assert_int_equal(find(&h, HR_LEVEL_INFO, ""), -1); /* not asked for */
    free(big);
    fake_collector_stop(fc);
}

/* The sender's thread has a lane like any other. */
static void a_logger_may_log(void **state)
{
    struct fake_collector *fc = fake_collector_start();
    struct heard h = {.n = 0};
    hr_client *c = open_hearing(fc, &h, HR_LEVEL_INFO);

    wait_for(&h, HR_LEVEL_INFO, "connected to");
    pthread_mutex_lock(&h.mutex);
    h.client = c;
    pthread_mutex_unlock(&h.mutex);
    fake_collector_pause(fc);
    wait_for(&h, HR_LEVEL_INFO, "no longer connected");
    fake_collector_resume(fc);
    assert_int_equal(hr_flush(c, FLUSH_MS), 0);
    assert_true(fake_collector_count(fc, FAKE_ACCEPTED) >= 1);
    hr_close(c, FLUSH_MS);
    fake_collector_stop(fc);
}

static void levels_have_names(void **state)
{
    assert_string_equal(hr_level_name(HR_LEVEL_ERROR), "error");
    assert_string_equal(hr_level_name(HR_LEVEL_WARNING), "warning");
    assert_string_equal(hr_level_name(HR_LEVEL_INFO), "info");
    assert_string_equal(hr_level_name((enum hr_level)0), "?");
    assert_string_equal(hr_level_name((enum hr_level)17), "?");
}

/* ---- silence ---- */

static int redirect(int fd, int to, int *ret_saved)
{
    *ret_saved = dup(fd);
    return *ret_saved >= 0 && dup2(to, fd) >= 0 ? 0 : -1;
}

static void trouble(struct fake_collector *fc)
{
    struct heard none = {.n = 0};
    hr_client *c = open_hearing(fc, &none, HR_LEVEL_ERROR), *c2 = NULL;
    hr_options *opt = hr_options_new();
    struct hr_error err;

    hr_options_set(opt, "url", "nonsense", &err);
    hr_open(opt, &c2, &err);
    hr_options_set(opt, "url", "headrace://127.0.0.1:1", &err);
    hr_options_set(opt, "spool_dir", "/proc/1/nowhere", &err);
    hr_open(opt, &c2, &err);
    hr_options_free(opt);
    hr_log_wire(c, event_type("Event"), 0, "\xff\xff\xff", 3);
    hr_log_raw(c, event_type("Event"), "{", 1, "no JSON");
    fake_collector_pause(fc);
    event_log(c, event_type("Event"), 1, "x");
    hr_flush(c, 50);
    fake_collector_resume(fc);
    hr_close(c, FLUSH_MS);
}

static void nothing_is_printed(void **state)
{
    struct fake_collector *fc = fake_collector_start();
    char name[] = "/tmp/hrsilentXXXXXX";
    int fd = mkstemp(name), saved[2];
    struct stat st;

    unlink(name);
    fflush(NULL);
    assert_int_equal(redirect(1, fd, &saved[0]), 0);
    assert_int_equal(redirect(2, fd, &saved[1]), 0);
    trouble(fc);
    fflush(NULL);
    dup2(saved[0], 1);
    dup2(saved[1], 2);
    close(saved[0]);
    close(saved[1]);
    assert_int_equal(fstat(fd, &st), 0);
    assert_int_equal(st.st_size, 0);
    close(fd);
    fake_collector_stop(fc);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_happens_is_said),
        cmocka_unit_test(losses_are_said_with_their_number),
        cmocka_unit_test(a_logger_may_log),
        cmocka_unit_test(levels_have_names),
        cmocka_unit_test(nothing_is_printed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
