#include "shop.headrace.h"
#include <stdio.h>

int main(void)
{
    const struct shop_money total = {1250, {"EUR", 3}, 0};
    const hr_bytes tags[] = {{"new", 3}, {"gift", 4}};
    const struct shop_checkout_completed_counts_entry counts[] = {{{"pears", 5}, 3}};
    struct shop_checkout_completed row = {0};
    struct hr_error err;
    hr_client *client;
    uint64_t logged;

    if (hr_open(NULL, &client, &err) != 0) {
        fprintf(stderr, "%s\n", err.text);
        return 1;
    }
    row.order_id = hr_str("A-17");
    row.total = &total;
    row.channel = SHOP_CHANNEL_WEB;
    row.has_gift = true;
    row.tags = tags;
    row.n_tags = 2;
    row.counts = counts;
    row.n_counts = 1;
    row.paid_case = SHOP_CHECKOUT_COMPLETED_PAID_CASH;
    row.paid.cash = true;
    if (shop_checkout_completed_log(client, &row) != 0)
        return 2;
    logged = hr_stats_get(client, HR_STAT_LOGGED);
    hr_close(client, 0); /* nobody listens */
    printf("logged %llu\n", (unsigned long long)logged);
    return 0;
}
