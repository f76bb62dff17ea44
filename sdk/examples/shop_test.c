/* How an application tests that it logs what it should: no daemon, no waiting. */
#include "shop.headrace.h"
#include <headrace_test.h>
#include <stdio.h>

static void check_out(hr_client *client, const char *order_id, double amount) /* the application */
{
    struct shop_checkout_completed row = {.order_id = hr_str(order_id), .amount = amount, .currency = hr_str("EUR")};

    shop_checkout_completed_log(client, &row);
}

int main(void)
{
    struct hr_error err;
    hr_client *client;
    hr_test *t;
    int failed;

    if (hr_test_open(&t, &client, &err) != 0) {
        fprintf(stderr, "%s\n", err.text);
        return 1;
    }
    check_out(client, "A-17", 12.5);
    failed = hr_test_expect(t, "shop.CheckoutCompleted", "{\"order_id\": \"A-17\", \"amount\": 12.5, \"currency\": \"EUR\"}") != 0 ||
             hr_test_expect_none(t, NULL) != 0;
    if (failed)
        fprintf(stderr, "%s\n", hr_test_why(t)); /* as in: amount: expected 12.5, got 125 */
    return hr_test_close(t) != 0 || failed;
}
