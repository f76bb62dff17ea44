#include "client.h"
#include "type.h"

static const char *const names[HR_STAT_N] = {
    [HR_STAT_LOGGED] = "logged",
    [HR_STAT_DROPPED] = "dropped",
    [HR_STAT_DROPPED_FULL] = "dropped_full",
    [HR_STAT_DROPPED_TOOBIG] = "dropped_too_big",
    [HR_STAT_DROPPED_CLOSED] = "dropped_closed",
    [HR_STAT_DROPPED_EVICTED] = "dropped_evicted",
    [HR_STAT_SEALED_BATCHES] = "sealed_batches",
    [HR_STAT_SEALED_ROWS] = "sealed_rows",
    [HR_STAT_SEALED_BYTES] = "sealed_bytes",
    [HR_STAT_ACKED_BATCHES] = "acked_batches",
    [HR_STAT_ACKED_ROWS] = "acked_rows",
    [HR_STAT_QUARANTINED_ROWS] = "quarantined_rows",
    [HR_STAT_RESENT_BATCHES] = "resent_batches",
    [HR_STAT_CONNECTS] = "connects",
    [HR_STAT_SPOOL_BYTES] = "spool_bytes",
    [HR_STAT_SPOOL_BATCHES] = "spool_batches",
    [HR_STAT_CONNECTED] = "connected",
    [HR_STAT_ADOPTED] = "adopted",
    [HR_STAT_TORN] = "torn",
    [HR_STAT_LANES] = "lanes",
    [HR_STAT_AVOIDED] = "avoided",
    [HR_STAT_INVALID_ROWS] = "invalid_rows",
};

/* The slots are the counters of calls: summed when asked, so that a log call counts once. */
struct sums {
    uint64_t logged, dropped[HRS_LANE_REASONS];
};

static void sum_lane(const struct hrs_lane *l, struct sums *s)
{
    uint32_t n = hrs_lane_n_opened(l);

    for (uint32_t i = 0; i < n; i++) {
        uint64_t dropped[HRS_LANE_REASONS];

        s->logged += hrs_lane_next_n(l, l->opened[i]) - 1;
        hrs_lane_dropped(l, l->opened[i], dropped);
        for (unsigned k = 0; k < HRS_LANE_REASONS; k++)
            s->dropped[k] += dropped[k];
    }
}

static void sum(const hr_client *c, struct sums *s)
{
    uint32_t n = atomic_load_explicit(&c->n_lanes, memory_order_acquire); /* pairs with the release in lanes.c */

    *s = (struct sums){0};
    for (uint32_t i = 0; i < n; i++)
        sum_lane(&c->lanes[i]->map->lane, s);
}

uint64_t hr_stats_get(hr_client *client, enum hr_stat stat)
{
    uint64_t own, all = 0;
    struct sums s;

    if (client == NULL || (unsigned)stat >= HR_STAT_N)
        return 0;
    own = hrs_stats_read(&client->stats, stat);
    switch (stat) {
    case HR_STAT_LOGGED:
        sum(client, &s);
        return s.logged + hrs_stats_read(&client->stats, HR_STAT_DROPPED); /* those without a number */
    case HR_STAT_DROPPED:
        sum(client, &s);
        for (unsigned k = 0; k < HRS_LANE_REASONS; k++)
            all += s.dropped[k];
        return all + own + hrs_stats_read(&client->stats, HR_STAT_DROPPED_EVICTED);
    case HR_STAT_DROPPED_FULL:
        sum(client, &s);
        return s.dropped[HRS_LANE_FULL];
    case HR_STAT_DROPPED_TOOBIG:
        sum(client, &s);
        return s.dropped[HRS_LANE_TOOBIG];
    case HR_STAT_DROPPED_CLOSED:
        sum(client, &s);
        return s.dropped[HRS_LANE_CLOSED];
    default:
        return own;
    }
}

const char *hr_stats_name(enum hr_stat stat) { return (unsigned)stat < HR_STAT_N ? names[stat] : NULL; }

void hr_status_text(hr_client *client, char *ret, size_t n)
{
    if (ret == NULL || n == 0)
        return;
    ret[0] = '\0';
    if (client == NULL || !hrs_client_alive(client))
        return;
    pthread_mutex_lock(&client->mutex);
    size_t len = strnlen(client->status, sizeof client->status - 1);
    len = len < n - 1 ? len : n - 1;
    memcpy(ret, client->status, len);
    ret[len] = '\0';
    pthread_mutex_unlock(&client->mutex);
}
