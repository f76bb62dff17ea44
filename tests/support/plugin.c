/* A plugin that logs: opened and closed by test_life.c. Built twice, with libheadrace.so and with the archive inside. */
#include <headrace.h>

HR_API int plugin_open(const char *url, const uint8_t *set, size_t n_bytes, const char *name);
HR_API int plugin_log(const void *row, size_t n_bytes);
HR_API int plugin_close(void);

static hr_client *client;
static hr_type *type;

int plugin_open(const char *url, const uint8_t *set, size_t n_bytes, const char *name)
{
    hr_options *opt = hr_options_new();
    int r = hr_options_set(opt, "url", url, NULL);

    if (r == 0)
        r = hr_type_open(set, n_bytes, name, &type, NULL);
    if (r == 0)
        r = hr_open(opt, &client, NULL);
    hr_options_free(opt);
    return r;
}

int plugin_log(const void *row, size_t n_bytes) { return hr_log_wire(client, type, 0, row, n_bytes); }
int plugin_close(void) { return hr_close(client, 60000); }
