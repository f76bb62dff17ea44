#include "shop.headrace.h"
#include <headrace_row.h> // clean in C++, too
#include <cstdio>
#include <string>

int main()
{
    const std::string order = "A-17";
    shop_money total{};
    shop_checkout_completed row{};
    hr_error err;
    hr_client *client;

    if (hr_open(nullptr, &client, &err) != 0) {
        std::fprintf(stderr, "%s\n", err.text);
        return 1;
    }
    total.units = 1250;
    row.order_id = {order.data(), order.size()};
    row.total = &total;
    row.channel = SHOP_CHANNEL_WEB;
    row.paid_case = SHOP_CHECKOUT_COMPLETED_PAID_CARD;
    row.paid.card = hr_str("visa");
    if (shop_checkout_completed_log(client, &row) != 0)
        return 2;
    std::printf("logged %llu\n", static_cast<unsigned long long>(hr_stats_get(client, HR_STAT_LOGGED)));
    hr_close(client, 0);
    return 0;
}
