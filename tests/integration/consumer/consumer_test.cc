#include "shop.headrace.hpp"
#include <headrace_test.h>
#include <iostream>

int main()
{
    headrace::Error err;
    hr_test *test;
    hr_client *client;

    if (hr_test_open(&test, &client, &err) != 0) {
        std::cerr << err.text << '\n';
        return 1;
    }
    shop::CheckoutCompleted event;
    event.order_id = "A-17";
    log(client, event);
    if (hr_test_expect(test, "shop.CheckoutCompleted", R"({"order_id": "A-17"})") != 0)
        std::cerr << hr_test_why(test) << '\n';
    else
        std::cout << "logged " << hr_test_count(test, nullptr) << '\n';
    return hr_test_close(test) != 0;
}
