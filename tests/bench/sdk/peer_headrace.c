/* headrace, at its defaults. HEADRACE_URL names the collector that takes what is logged; lanes and batches are in FOLDER, or,
 * with HEADRACE_LANES, the lanes alone in that folder. What was logged is where it goes when the collector said it is durable. */
#include "flight_row.h"

#define FLUSH_MS 120000

static hr_client *client;

static void must(int r, const char *what)
{
    if (r == 0)
        return;
    fprintf(stderr, "%s: %s\n", what, hr_strerror(r));
    exit(1);
}

static const char *peer_version(void)
{
    static char text[32];

    snprintf(text, sizeof text, "%d.%d.%d", HR_VERSION_MAJOR, HR_VERSION_MINOR, HR_VERSION_PATCH);
    return text;
}

static void peer_open(const struct bench *b)
{
    hr_options *opt = hr_options_new();
    struct hr_error err = {0, ""};

    must(hr_options_set(opt, "app", "bench", NULL), "app");
    must(hr_options_set(opt, "spool_dir", b->folder, &err), err.text);
    if (hr_open(opt, &client, &err) != 0) {
        fprintf(stderr, "%s\n", err.text);
        exit(1);
    }
    hr_options_free(opt);
}

static void peer_thread(const struct bench *b) { (void)b; }
static inline bool peer_log(const struct row *r) { return log_flight(client, r); }
static void peer_settle(void) { must(hr_flush(client, FLUSH_MS), "flush"); }

static uint64_t peer_lost(void)
{
    return hr_stats_get(client, HR_STAT_LOGGED) - hr_stats_get(client, HR_STAT_DROPPED) - hr_stats_get(client, HR_STAT_ACKED_ROWS);
}

static void peer_close(void) { must(hr_close(client, FLUSH_MS), "close"); }
