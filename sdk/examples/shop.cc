/* The same thousand events in C++17. */
#include "shop.headrace.hpp"
#include <iostream>

int main()
{
    headrace::Options opt;
    headrace::Client client;

    opt.set("app", "shop");
    opt.set("app_version", "1.0");
    opt.set("spool_dir", "spool");
    if (headrace::Error err; client.open(opt, &err) != 0) {
        std::cerr << err.text << '\n';
        return 1;
    }
    for (int i = 1; i <= 1000; i++) {
        std::string id = "A-" + std::to_string(i);
        shop::CheckoutCompleted event;

        event.order_id = id;
        event.amount = i * 1.25;
        event.currency = "EUR";
        if (i % 3 != 0)
            event.items = i % 7;
        log(client, event);
    }
    return client.close(std::chrono::seconds(5)) == 0 ? 0 : 1;
}
