/* A thousand events of a type of its own, through the function that protoc-gen-headrace made of shop.proto. README shows it. */
#include "shop.headrace.h"
#include <headrace.h>
#include <stdio.h>

int main(void)
{
    struct hr_error err;
    hr_options *opt = hr_options_new();
    hr_client *client;

    hr_options_set(opt, "app", "shop", NULL);
    hr_options_set(opt, "app_version", "1.0", NULL);
    hr_options_set(opt, "spool_dir", "spool", NULL);
    if (hr_open(opt, &client, &err) != 0) {
        fprintf(stderr, "%s\n", err.text);
        return 1;
    }
    for (int i = 1; i <= 1000; i++) {
        char id[16];

        snprintf(id, sizeof id, "A-%d", i);
        struct shop_checkout_completed row = {
            .order_id = hr_str(id), .amount = i * 1.25, .currency = hr_str("EUR"),
            .has_items = i % 3 != 0, .items = i % 7,
        };
        shop_checkout_completed_log(client, &row);
    }
    hr_options_free(opt);
    return hr_close(client, 5000) == 0 ? 0 : 1;
}
