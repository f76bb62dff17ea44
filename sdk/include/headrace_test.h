/* libheadrace-test: an in-process collector for the unit tests of an application.
 *
 *     hr_test *t;
 *     hr_client *client;
 *
 *     if (hr_test_open(&t, &client, &err) != 0)
 *         return fprintf(stderr, "%s\n", err.text), 1;
 *     check_out(client, "A-17");                          // the code under test
 *     if (hr_test_expect(t, "shop.CheckoutCompleted", "{\"order_id\": \"A-17\", \"amount\": 12.5}") != 0 ||
 *         hr_test_expect_none(t, NULL) != 0)
 *         fprintf(stderr, "%s\n", hr_test_why(t));        // amount: expected 12.5, got 125
 *     hr_test_close(t);
 *
 * Events go the whole way that they go in production: the generated function, the thread's lane, the sender, columns, the
 * wire, the schema's rules. Only the collector is another: a thread of this process, on a port of the loopback address, that
 * keeps rows in memory, all of them until hr_test_reset. Rules with patterns (RE2) are not checked here, and what a collector would
 * hash is seen in clear; `headraced --micro` does both.
 *
 * The application may open its clients itself, with its own options: hr_test_open puts HR_TEST=url into the environment, and
 * while that is set, hr_open sends there and keeps nothing on disk, whatever its options say. Each client of the process is
 * flushed before a question is answered, so no test needs to wait.
 *
 * Link with -lheadrace-test -lheadrace. One test object at a time is what most tests want: of several, the last one opened is
 * the one that HR_TEST names. Functions may be called from any thread, but no client may be closed meanwhile. */
#ifndef HEADRACE_TEST_H
#define HEADRACE_TEST_H

#include <headrace.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct hr_test hr_test;

/* Start the collector; before other threads read the environment, which setenv changes. ret_client, unless NULL, gets a client of it, which hr_test_close closes. HR_EIO: no port; HR_ENOMEM. */
HR_API int hr_test_open(hr_test **ret, hr_client **ret_client, struct hr_error *err);
/* Close the client, stop the collector, take HR_TEST out of the environment, free t. The application's own clients are to be
 * closed before. NULL is fine. Returns 0, or what went wrong on the way of any event: HR_EPROTO, HR_ECORRUPT, HR_ENOMEM. */
HR_API int hr_test_close(hr_test *t);
/* "headrace://127.0.0.1:PORT", until hr_test_close. */
HR_API const char *hr_test_url(const hr_test *t);

/* The oldest event of the stream that no call has taken yet is exactly this one, and keeps all rules; then it is taken.
 * json: protobuf's JSON of the whole message; fields that it leaves out are expected to be unset (or zero, in proto3). NULL: any.
 * Events of several threads come in no certain order: see hr_test_expect_any.
 * HR_ENOENT: there is none; HR_EROW: it differs, or breaks a rule, or json is not of its type. hr_test_why tells. */
HR_API int hr_test_expect(hr_test *t, const char *stream, const char *json);
/* The same of any event that was not taken yet; when there is none, hr_test_why tells how the oldest differs. */
HR_API int hr_test_expect_any(hr_test *t, const char *stream, const char *json);
/* The oldest event that was not taken yet breaks this rule ("string.min_len"; NULL: any) and is exactly this one. */
HR_API int hr_test_expect_broken(hr_test *t, const char *stream, const char *json, const char *rule_id);
/* Every event of the stream (NULL: of all) was taken, and no call was dropped. HR_EROW: hr_test_why lists what is left. */
HR_API int hr_test_expect_none(hr_test *t, const char *stream);

/* Events of the stream (NULL: of all) since the start or the last reset, taken ones, too. */
HR_API uint64_t hr_test_count(hr_test *t, const char *stream);
/* They as a JSON array of {"stream": .., "row": .., "broken": ..}. Free with hr_test_free; NULL: out of memory. */
HR_API char *hr_test_rows_json(hr_test *t, const char *stream);
HR_API void hr_test_free(char *text);
/* Forget all events and drops. */
HR_API void hr_test_reset(hr_test *t);
/* What the last call that failed found, a line for each difference; "" after one that did not. Until the next call on t. */
HR_API const char *hr_test_why(const hr_test *t);

#ifdef __cplusplus
}
#endif
#endif
