/* Client options: text in, values and messages out; the collector's address. */
#include "options.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

static int64_t number_of(const char *name, const char *value, enum hrs_option i)
{
    hr_options *opt = hr_options_new();
    struct hr_error err = {0};
    int64_t n;

    assert_non_null(opt);
    if (hr_options_set(opt, name, value, &err) != 0)
        fail_msg("%s", err.text);
    n = opt->number[i];
    hr_options_free(opt);
    return n;
}

static void units_are_understood(void **state)
{
    assert_int_equal(number_of("spool_cap_bytes", "64MiB", HRS_OPT_spool_cap_bytes), 64 << 20);
    assert_int_equal(number_of("spool_cap_bytes", "2GB", HRS_OPT_spool_cap_bytes), 2000000000);
    assert_int_equal(number_of("lane_bytes", "1048576", HRS_OPT_lane_bytes), 1048576);
    assert_int_equal(number_of("batch_age_ms", "250", HRS_OPT_batch_age_ms), 250);
    assert_int_equal(number_of("batch_age_ms", "5s", HRS_OPT_batch_age_ms), 5000);
    assert_int_equal(number_of("batch_age_ms", "1m", HRS_OPT_batch_age_ms), 60000);
    assert_int_equal(number_of("send_to_new_store", "true", HRS_OPT_send_to_new_store), 1);
    assert_int_equal(number_of("send_to_new_store", "no", HRS_OPT_send_to_new_store), 0);
}

static void refused(const char *name, const char *value, int code, const char *says)
{
    hr_options *opt = hr_options_new();
    struct hr_error err = {0};

    assert_int_equal(hr_options_set(opt, name, value, &err), code);
    assert_int_equal(err.code, code);
    if (strstr(err.text, says) == NULL)
        fail_msg("\"%s\" should say \"%s\"", err.text, says);
    hr_options_free(opt);
}

static void what_is_wrong_is_said(void **state)
{
    refused("spool_dri", "/x", HR_ENOENT, "did you mean \"spool_dir\"");
    refused("lane_bytes", "many", HR_EINVAL, "lane_bytes: \"many\" is not a number of bytes");
    refused("lane_bytes", "1KiB", HR_EINVAL, "out of range (262144..1073741824)");
    refused("lane_bytes", "99999999999999999999", HR_EINVAL, "lane_bytes");
    refused("spool_cap_bytes", "99999999TiB", HR_EINVAL, "spool_cap_bytes");
    refused("batch_age_ms", "-1", HR_EINVAL, "is not a time");
    refused("batch_age_ms", "5 parsec", HR_EINVAL, "is not a time");
    refused("url", "", HR_EINVAL, "out of range");
    refused("send_to_new_store", "perhaps", HR_EINVAL, "true or false");
}

struct seen {
    int n, documented;
    const char *first;
};

static void see(void *arg, const char *name, const char *type, const char *unit, const char *default_value, const char *range,
                const char *sentence)
{
    struct seen *s = arg;

    s->first = s->n++ == 0 ? name : s->first;
    s->documented += sentence[0] != '\0' && sentence[strlen(sentence) - 1] == '.' && range[0] != '\0' && type[0] != '\0';
}

static void the_table_can_be_walked(void **state)
{
    struct seen s = {0};

    hr_options_each(see, &s);
    assert_int_equal(s.n, HRS_OPT_N);
    assert_int_equal(s.documented, HRS_OPT_N);
    assert_string_equal(s.first, "url");
}

static void a_copy_is_its_own(void **state)
{
    hr_options *opt = hr_options_new(), *copy;

    assert_int_equal(hr_options_set(opt, "app", "shop", NULL), 0);
    copy = hrs_options_copy(opt);
    hr_options_free(opt);
    assert_string_equal(copy->text[HRS_OPT_app], "shop");
    assert_true(copy->set[HRS_OPT_app]);
    assert_false(copy->set[HRS_OPT_url]);
    assert_string_equal(copy->text[HRS_OPT_url], HR_DEFAULT_URL);
    hr_options_free(copy);
    hr_options_free(NULL);
}

static void addresses_are_taken_apart(void **state)
{
    static const struct {
        const char *url, *host, *port;
    } good[] = {
        {"headrace://127.0.0.1:7411", "127.0.0.1", "7411"}, {"headrace://logs.example", "logs.example", "7411"},
        {"headrace://logs.example:80/", "logs.example", "80"}, {"headrace://[::1]:9", "::1", "9"}, {"headrace://[fe80::1]", "fe80::1", "7411"},
    };
    static const char *const bad[] = {"", "http://x", "headrace://", "headrace://:7411", "headrace://h:", "headrace://h:0", "headrace://h:65536",
                                      "headrace://h:12x", "headrace://[::1", "headrace://[::1]x", "headrace://h/path", "headrace://h:7411/x"};
    char host[256], port[8];

    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        assert_int_equal(hrs_url_parse(good[i].url, host, port, NULL), 0);
        assert_string_equal(host, good[i].host);
        assert_string_equal(port, good[i].port);
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct hr_error err = {0};

        if (hrs_url_parse(bad[i], host, port, &err) != HR_EINVAL)
            fail_msg("\"%s\" was taken", bad[i]);
        assert_non_null(strstr(err.text, "headrace://HOST:PORT"));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(units_are_understood), cmocka_unit_test(what_is_wrong_is_said), cmocka_unit_test(the_table_can_be_walked),
        cmocka_unit_test(a_copy_is_its_own),    cmocka_unit_test(addresses_are_taken_apart),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
