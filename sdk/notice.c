#include "notice.h"
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define EVERY_NS INT64_C(1000000000)

static const struct count {
    enum hr_stat stat;
    enum hr_level level;
    const char *what; /* behind the number */
} counts[HRS_NOTICE_COUNTS] = {
    {HR_STAT_DROPPED_FULL, HR_LEVEL_WARNING, "events dropped: the ring of their thread was full"},
    {HR_STAT_DROPPED_TOOBIG, HR_LEVEL_WARNING, "events dropped: larger than an event may be"},
    {HR_STAT_DROPPED_EVICTED, HR_LEVEL_ERROR, "events dropped: the spool is at its cap, and the collector does not take them"},
    {HR_STAT_TORN, HR_LEVEL_WARNING, "damaged records or batches found in the folders of dead processes"},
    {HR_STAT_ADOPTED, HR_LEVEL_INFO, "folders of dead processes taken over, to send what they hold"},
};

__attribute__((format(printf, 3, 4))) static void tell(const struct hrs_notice *no, enum hr_level level, const char *fmt, ...)
{
    struct hr_error text; /* escapes what came from outside */
    char line[sizeof text.text];
    va_list ap;

    if (level > no->opt->log_most)
        return;
    va_start(ap, fmt);
    vsnprintf(line, sizeof line, fmt, ap);
    va_end(ap);
    hr_error_set(&text, 0, "%s", line);
    no->opt->log_fn(no->opt->log_user, level, text.text);
}

void hrs_notice_init(struct hrs_notice *no, hr_client *client, const hr_options *opt, const struct hrs_agent *agent)
{
    *no = (struct hrs_notice){.opt = opt, .client = client, .agent = agent, .reason_at_mono_ns = INT64_MIN, .counts_at_mono_ns = INT64_MIN};
}

static void look_at_connection(struct hrs_notice *no)
{
    bool connected = no->agent->conn.state == HRS_CONN_READY;

    if (connected == no->connected)
        return;
    no->connected = connected;
    if (connected && no->opt->number[HRS_OPT_tls] != 0 && no->opt->number[HRS_OPT_tls_verify] == 0)
        tell(no, HR_LEVEL_WARNING, "tls_verify is off: nobody checks that %s is the collector", no->opt->text[HRS_OPT_url]);
    if (connected)
        tell(no, HR_LEVEL_INFO, "connected to %s%s", no->opt->text[HRS_OPT_url],
             no->agent->conn.memory_only ? ", which keeps events in memory only" : "");
    else
        tell(no, HR_LEVEL_INFO, "no longer connected to %s", no->opt->text[HRS_OPT_url]);
}

static void look_at_reason(struct hrs_notice *no, int64_t now_mono_ns)
{
    const char *reason = no->agent->conn.reason;

    if (now_mono_ns < no->reason_at_mono_ns || strcmp(no->reason, reason) == 0)
        return;
    snprintf(no->reason, sizeof no->reason, "%s", reason);
    if (reason[0] == '\0')
        return;
    no->reason_at_mono_ns = now_mono_ns < INT64_MAX - EVERY_NS ? now_mono_ns + EVERY_NS : INT64_MAX;
    tell(no, HR_LEVEL_WARNING, "%s", reason);
}

static void look_at_counts(struct hrs_notice *no, int64_t now_mono_ns)
{
    if (now_mono_ns < no->counts_at_mono_ns)
        return;
    no->counts_at_mono_ns = now_mono_ns < INT64_MAX - EVERY_NS ? now_mono_ns + EVERY_NS : INT64_MAX;
    for (int i = 0; i < HRS_NOTICE_COUNTS; i++) {
        uint64_t n = hr_stats_get(no->client, counts[i].stat);

        if (n > no->told[i])
            tell(no, counts[i].level, "%llu %s", (unsigned long long)(n - no->told[i]), counts[i].what);
        no->told[i] = n;
    }
}

void hrs_notice_look(struct hrs_notice *no, int64_t now_mono_ns)
{
    if (no->opt->log_fn == NULL)
        return;
    look_at_connection(no);
    look_at_reason(no, now_mono_ns);
    look_at_counts(no, now_mono_ns);
}
