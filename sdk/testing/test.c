/* The questions of headrace_test.h. Each one flushes the clients of the process first: then every event whose log call has
 * returned is in the store, and an answer needs no waiting. What is expected goes through the same reader and writer of JSON
 * as what was logged, so 1.50 is 1.5, and a name that the type lacks is an error and no difference. */
#include "alloc.h"
#include "diff.h"
#include "door.h"
#include "json.h"
#include <headrace_test.h>
#include <stdlib.h>
#include <stdio.h>

#define FLUSH_MS 30000
#define FLUSH_SLICE_MS 250
#define MOST_LINES 32u

struct hr_test {
    struct hrs_door door;
    char url[40];
    hr_client *client;   /* NULL: the application's own are all */
    struct hrp_buf why;  /* NUL-terminated */
};

static void say(hr_test *t, const char *text)
{
    if (t->why.n != 0)
        hrp_put_u8(&t->why, '\n');
    hrp_put_bytes(&t->why, text, strlen(text));
}

static bool given_up(hr_test *t)
{
    bool so;

    pthread_mutex_lock(&t->door.mutex);
    so = t->door.broken != 0 || t->door.store.refused.code != 0;
    pthread_mutex_unlock(&t->door.mutex);
    return so;
}

/* ---- life ---- */

static int open_client(hr_test *t, hr_client **ret, struct hr_error *err)
{
    hr_options *opt = hr_options_new();
    int r;

    if (opt == NULL)
        return hr_error_set(err, HR_ENOMEM, "%s", hr_strerror(HR_ENOMEM));
    r = hr_open(opt, &t->client, err); /* HR_TEST says where */
    hr_options_free(opt);
    if (r == 0)
        *ret = t->client;
    return r;
}

int hr_test_open(hr_test **ret, hr_client **ret_client, struct hr_error *err)
{
    hr_test *t = ret != NULL ? hrp_calloc(1, sizeof *t) : NULL;
    int r;

    if (t == NULL)
        return hr_error_set(err, ret != NULL ? HR_ENOMEM : HR_EINVAL, "hr_test_open: %s", hr_strerror(ret != NULL ? HR_ENOMEM : HR_EINVAL));
    r = hrs_door_open(&t->door, err);
    if (r != 0) {
        hrp_free(t);
        return r;
    }
    snprintf(t->url, sizeof t->url, "headrace://127.0.0.1:%u", t->door.port);
    setenv("HR_TEST", t->url, 1);
    if (ret_client != NULL)
        r = open_client(t, ret_client, err);
    if (r != 0)
        hr_test_close(t);
    else
        *ret = t;
    return r;
}

int hr_test_close(hr_test *t)
{
    const char *named = getenv("HR_TEST");
    int r, broken;

    if (t == NULL)
        return 0;
    r = hr_close(t->client, given_up(t) ? 0 : FLUSH_MS);
    if (named != NULL && strcmp(named, t->url) == 0)
        unsetenv("HR_TEST");
    pthread_mutex_lock(&t->door.mutex);
    broken = t->door.broken;
    pthread_mutex_unlock(&t->door.mutex);
    hrs_door_close(&t->door);
    hrp_buf_fini(&t->why);
    hrp_free(t);
    return broken != 0 ? broken : r;
}

const char *hr_test_url(const hr_test *t) { return t->url; }
const char *hr_test_why(const hr_test *t) { return t->why.n != 0 ? (const char *)t->why.p : ""; }

/* ---- a question: everything has arrived, and the store holds still ---- */

static int begin(hr_test *t)
{
    int r = HR_ETIMEOUT;

    for (int ms = 0; r == HR_ETIMEOUT && ms < FLUSH_MS && !given_up(t); ms += FLUSH_SLICE_MS)
        r = hr_flush_all(FLUSH_SLICE_MS);
    hrp_buf_clear(&t->why);
    pthread_mutex_lock(&t->door.mutex);
    if (t->door.broken != 0)
        r = t->door.broken;
    if (t->door.store.refused.code != 0) {
        r = t->door.store.refused.code;
        say(t, t->door.store.refused.text);
    } else if (r != 0)
        hrp_put_fmt(&t->why, "events did not arrive: %s", hr_strerror(r));
    return r;
}

static int end(hr_test *t, int r)
{
    pthread_mutex_unlock(&t->door.mutex);
    if (r != 0)
        hrp_put_u8(&t->why, '\0');
    return t->why.err != 0 ? t->why.err : r;
}

static bool of_stream(const struct hrs_seen *s, const char *stream) { return stream == NULL || strcmp(s->kind->stream, stream) == 0; }

static struct hrs_seen *next_waiting(struct hrs_seen *s, const char *stream)
{
    while (s != NULL && (s->taken || !of_stream(s, stream)))
        s = s->next;
    return s;
}

/* What came instead, a line for each stream. */
static void list_waiting(hr_test *t, const char *stream)
{
    for (struct hrs_seen *s = next_waiting(t->door.store.first, stream); s != NULL; s = next_waiting(s->next, stream)) {
        const struct hrs_seen *before = next_waiting(t->door.store.first, s->kind->stream);
        unsigned long n = 0;

        if (before != s)
            continue; /* told with the first of its stream */
        for (struct hrs_seen *o = s; o != NULL; o = next_waiting(o->next, s->kind->stream))
            n++;
        hrp_put_fmt(&t->why, "%s%lu of %s, the first: ", t->why.n != 0 ? "\n" : "", n, s->kind->stream);
        hrp_put_bytes(&t->why, s->json != NULL ? s->json : s->broken, strlen(s->json != NULL ? s->json : s->broken));
    }
}

static void list_drops(hr_test *t)
{
    for (unsigned i = 0; i < HRP_DROP_N; i++)
        if (t->door.store.dropped[i] != 0)
            hrp_put_fmt(&t->why, "%s%llu calls dropped: %s", t->why.n != 0 ? "\n" : "", (unsigned long long)t->door.store.dropped[i],
                        hrp_drop_name(i));
}

/* ---- expectations ---- */

/* json as our writer writes it, NUL-terminated. */
static int normalize(struct hrp_schema *schema, const char *json, struct hrp_buf *ret, struct hr_error *err)
{
    struct hrp_buf wire = HRP_BUF_INIT;
    int r = hrp_json_to_wire(schema, json, strlen(json), &wire, err);

    if (r == 0)
        r = hrp_json_from_wire(schema, wire.p, wire.n, ret, err);
    hrp_put_u8(ret, '\0');
    hrp_buf_fini(&wire);
    return r != 0 ? r : ret->err;
}

struct wish {
    const char *json;      /* NULL: any */
    bool broken;           /* it breaks a rule: this one, or any if NULL */
    const char *rule_id;
};

static bool breaks(const struct hrs_seen *s, const char *rule_id)
{
    size_t n = rule_id != NULL ? strlen(rule_id) : 0;
    const char *p = s->broken;

    if (rule_id == NULL || p == NULL)
        return p != NULL;
    while ((p = strstr(p, rule_id)) != NULL) {
        if (p[-1] == '[' && p[n] == ']')
            return true;
        p += n;
    }
    return false;
}

/* The lines in which s is not what was wished. */
static int differs(const struct hrs_seen *s, const struct wish *w, struct hrp_buf *out)
{
    struct hrp_buf expected = HRP_BUF_INIT;
    struct hr_error err = {0, ""};
    int r = 0;

    if (w->json != NULL && s->json != NULL) {
        r = normalize(s->kind->schema, w->json, &expected, &err);
        if (r != 0)
            hrp_put_fmt(out, "the expected JSON: %s", err.text);
        else if (hrs_diff((const char *)expected.p, s->json, MOST_LINES, out) != 0)
            r = HR_EROW;
    }
    hrp_buf_fini(&expected);
    if (w->broken && !breaks(s, w->rule_id)) {
        hrp_put_fmt(out, "%sit does not break %s", out->n != 0 ? "\n" : "", w->rule_id != NULL ? w->rule_id : "a rule");
        r = r != 0 ? r : HR_EROW;
    }
    if (s->broken != NULL && (!w->broken || !breaks(s, w->rule_id))) {
        if (out->n != 0)
            hrp_put_u8(out, '\n');
        hrp_put_bytes(out, s->broken, strlen(s->broken));
        r = r != 0 ? r : HR_EROW;
    }
    return r;
}

static int none_there(hr_test *t, const char *stream)
{
    hrp_put_fmt(&t->why, "no event of %s", stream);
    list_waiting(t, NULL);
    list_drops(t);
    return HR_ENOENT;
}

static int match(hr_test *t, const char *stream, const struct wish *w, bool any)
{
    struct hrs_seen *s = next_waiting(t->door.store.first, stream);
    struct hrp_buf lines = HRP_BUF_INIT;
    int r, first_r;

    if (s == NULL)
        return none_there(t, stream);
    first_r = r = differs(s, w, &t->why);
    while (any && r != 0 && (s = next_waiting(s->next, stream)) != NULL) {
        hrp_buf_clear(&lines);
        r = differs(s, w, &lines);
    }
    hrp_buf_fini(&lines);
    if (r != 0)
        return first_r;
    hrp_buf_clear(&t->why);
    s->taken = true;
    return 0;
}

static int expect(hr_test *t, const char *stream, const struct wish *w, bool any)
{
    int r;

    if (t == NULL || stream == NULL)
        return HR_EINVAL;
    r = begin(t);
    return end(t, r != 0 ? r : match(t, stream, w, any));
}

int hr_test_expect(hr_test *t, const char *stream, const char *json) { return expect(t, stream, &(struct wish){json, false, NULL}, false); }
int hr_test_expect_any(hr_test *t, const char *stream, const char *json) { return expect(t, stream, &(struct wish){json, false, NULL}, true); }

int hr_test_expect_broken(hr_test *t, const char *stream, const char *json, const char *rule_id)
{
    return expect(t, stream, &(struct wish){json, true, rule_id}, false);
}

int hr_test_expect_none(hr_test *t, const char *stream)
{
    int r;

    if (t == NULL)
        return HR_EINVAL;
    r = begin(t);
    if (r == 0) {
        list_waiting(t, stream);
        list_drops(t);
        r = t->why.n != 0 ? HR_EROW : 0;
    }
    return end(t, r);
}

/* ---- all of them ---- */

uint64_t hr_test_count(hr_test *t, const char *stream)
{
    uint64_t n = 0;

    begin(t);
    for (const struct hrs_seen *s = t->door.store.first; s != NULL; s = s->next)
        n += of_stream(s, stream);
    end(t, 0);
    return n;
}

static void put_seen(struct hrp_buf *out, const struct hrs_seen *s)
{
    hrp_put_fmt(out, "%s{\"stream\": ", out->n > 1 ? ",\n " : "");
    hrp_json_str(out, s->kind->stream, strlen(s->kind->stream));
    if (s->json != NULL) {
        hrp_put_fmt(out, ", \"row\": ");
        hrp_put_bytes(out, s->json, strlen(s->json));
    }
    if (s->broken != NULL) {
        hrp_put_fmt(out, ", \"broken\": ");
        hrp_json_str(out, s->broken, strlen(s->broken));
    }
    hrp_put_u8(out, '}');
}

char *hr_test_rows_json(hr_test *t, const char *stream)
{
    struct hrp_buf out = HRP_BUF_INIT;

    begin(t);
    hrp_put_u8(&out, '[');
    for (const struct hrs_seen *s = t->door.store.first; s != NULL; s = s->next)
        if (of_stream(s, stream))
            put_seen(&out, s);
    hrp_put_bytes(&out, "]", 2);
    end(t, 0);
    if (out.err == 0)
        return (char *)out.p;
    hrp_buf_fini(&out);
    return NULL;
}

void hr_test_free(char *text) { hrp_free(text); }

void hr_test_reset(hr_test *t)
{
    begin(t);
    hrs_store_clear(&t->door.store);
    hrp_buf_clear(&t->why);
    end(t, 0);
}
