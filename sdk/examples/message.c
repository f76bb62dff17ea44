/* An application that has its messages from protobuf-c already logs them as they are: hr_log_message makes the event type
 * of the message's own descriptor. Two threads log; each gets a lane of its own at its first call. */
#include "page.pb-c.h"
#include <headrace.h>
#include <pthread.h>
#include <stdio.h>

#define EACH 500

static void *pages(void *arg)
{
    hr_client *client = arg;
    char path[] = "/basket"; /* protobuf-c's strings are not const */
    int n_dropped = 0;

    for (int i = 0; i < EACH; i++) {
        Shop__PageSeen msg = SHOP__PAGE_SEEN__INIT;

        msg.path = path;
        msg.took_ms = i % 90;
        if (hr_log_message(client, &msg.base, 0) != 0)
            n_dropped++; /* counted by the client, too, with the reason */
    }
    if (n_dropped != 0)
        fprintf(stderr, "%d events were dropped\n", n_dropped);
    return NULL;
}

int main(void)
{
    hr_options *opt = hr_options_new();
    struct hr_error err;
    hr_client *client;
    pthread_t other;
    int r;

    hr_options_set(opt, "app", "shop", NULL);
    r = hr_open(opt, &client, &err);
    hr_options_free(opt);
    if (r != 0) {
        fprintf(stderr, "%s\n", err.text);
        return 1;
    }
    r = pthread_create(&other, NULL, pages, client);
    pages(client);
    if (r == 0)
        pthread_join(other, NULL);
    printf("%llu events logged\n", (unsigned long long)hr_stats_get(client, HR_STAT_LOGGED));
    if (hr_close(client, 5000) == 0)
        return 0;
    fprintf(stderr, "the collector did not acknowledge everything within 5 s\n");
    return 1;
}
