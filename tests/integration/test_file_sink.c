/* The file sink and the profiles under a collector that is killed again and again: deliveries are made all the time, a few
 * rows each, so that kills meet each of their steps. In the end the files hold each event once, and each field of the
 * profiles has seen as many rows as the ledger has accepted.
 *
 *   integration_file_sink [--rounds N] [--calls N] [--seed N]     N kills, N calls at least */
#include "../fault/run.h"
#include <jansson.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static void write_config(const char *path, const char *files)
{
    FILE *f = fopen(path, "w");

    if (f == NULL || fprintf(f, "sinks:\n  - name: files\n    type: file\n    dir: %s\n    max_rows: 700\n    max_age_ms: 30\n", files) < 0 || fclose(f) != 0)
        abort();
}

static void trouble(struct fault_run *r, unsigned rounds, uint64_t n_calls)
{
    for (unsigned i = 0; i < rounds || fault_calls(r) < n_calls; i++) {
        poll(NULL, 0, (int)(20 + fault_random(r) % 500)); /* a random moment */
        if (i >= rounds)
            continue;
        test_daemon_stop(&r->daemon, SIGKILL);
        fault_start_daemon(r);
    }
}

static int sink_is_through(void *arg, const char *body) { return strstr(body, "\"lag_rows\":0,") != NULL; }

/* Do all fields of the stream's total have `rows` places? The bodies are ours: what is not as documented is wrong. */
static int profiled(void *arg, const char *body)
{
    json_int_t rows = (json_int_t)*(uint64_t *)arg;
    json_t *root = json_loads(body, 0, NULL), *total = json_object_get(root, "total"), *fields = json_object_get(total, "fields"), *field;
    bool all = json_integer_value(json_object_get(total, "rows")) == rows && json_array_size(fields) == 2;
    size_t i;

    json_array_foreach(fields, i, field)
        all = all && json_integer_value(json_object_get(field, "present")) + json_integer_value(json_object_get(field, "null")) == rows;
    json_decref(root);
    return all;
}

static int check_profiles(struct fault_run *r, uint64_t rows)
{
    char *body, path[300];
    json_t *root, *streams, *stream;
    size_t n, i;
    int wrong = 1;

    if (test_http_get(r->daemon.http_port, "/api/v1/streams", &body, &n) != 200)
        return 1;
    root = json_loads(body, 0, NULL);
    streams = json_object_get(root, "streams");
    json_array_foreach(streams, i, stream) { /* there is one */
        snprintf(path, sizeof path, "/api/v1/streams/%s/quality?windows=0&since=2020-01-01T00:00:00Z", json_string_value(json_object_get(stream, "name")));
        wrong = test_http_until(r->daemon.http_port, path, profiled, &rows, 60) != 0;
        if (wrong)
            printf("the profiles never had the %llu rows of the ledger\n", (unsigned long long)rows);
    }
    json_decref(root);
    free(body);
    return wrong;
}

int main(int argc, char **argv)
{
    static struct fault_run r;
    static char files[560], config[560];
    unsigned rounds = (unsigned)fault_argument(argc, argv, "--rounds", 6);
    uint64_t n_calls = fault_argument(argc, argv, "--calls", 20000), rows;
    const char *args[] = {"--config", config, NULL};
    int wrong;

    fault_init(&r, fault_argument(argc, argv, "--seed", (uint64_t)time(NULL)), n_calls * 4 + 1000000, args);
    snprintf(files, sizeof files, "%s/files", r.daemon.dir);
    snprintf(config, sizeof config, "%s/headraced.yaml", r.daemon.dir);
    write_config(config, files);
    atomic_store(&r.oracle->pace_us, 20000u);
    fault_start_daemon(&r);
    fault_start_app(&r);
    trouble(&r, rounds, n_calls);
    fault_wait_app(&r);
    wrong = fault_check(&r, &rows);
    if (test_http_until(r.daemon.http_port, "/api/v1/sinks", sink_is_through, NULL, 60) != 0)
        fault_fail(&r, "the file sink does not come through");
    wrong += oracle_check_files(r.oracle, files, rows);
    wrong += check_profiles(&r, rows);
    printf("%u kills, %llu rows: %s\n", rounds, (unsigned long long)rows, wrong == 0 ? "each once in the files, and in the profiles" : "WRONG");
    fault_fini(&r);
    return wrong != 0;
}
