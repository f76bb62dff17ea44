#include "config.h"
#include "daemon.h"
#include "slog.h"
#include <stdio.h>

#define EXIT_USAGE 2

static int run(const struct hrd_config *cfg)
{
    struct hr_error err = {0, ""};
    enum hrd_level level = HRD_INFO;
    int status = 0;

    hrd_slog_level_parse(cfg->log_level, &level); /* checked with the options */
    hrd_slog_level(level);
    if (hrd_daemon_run(cfg, &status, &err) == 0)
        return status;
    hrd_slog(HRD_ERROR, "not_started", "code=%s why=%s", hr_errname(err.code), err.text);
    return 1;
}

int main(int argc, char *argv[])
{
    struct hrd_config cfg;
    enum hrd_config_act act;
    struct hr_error err = {0, ""};
    int status = 0;

    if (hrd_config_open(argc, argv, &cfg, &act, &err) != 0) {
        fprintf(stderr, "headraced: %s\n", err.text);
        return EXIT_USAGE;
    }
    if (act == HRD_CONFIG_HELP)
        hrd_config_help(stdout);
    else if (act == HRD_CONFIG_VERSION)
        puts("headraced " HEADRACE_VERSION);
    else if (act == HRD_CONFIG_CHECK)
        puts("the options are right");
    else
        status = run(&cfg);
    hrd_config_fini(&cfg);
    return status;
}
