/* The daemon's options: each error has its place. */
#include "unit.h"
#include "config.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MAX_ARGS 16

static char path[] = "/tmp/headraced-yaml.XXXXXX";

static void write_yaml(const char *text)
{
    FILE *f = fopen(path, "w");

    assert_non_null(f);
    assert_int_equal(fwrite(text, 1, strlen(text), f), strlen(text));
    fclose(f);
}

static int open_args(struct hrd_config *cfg, enum hrd_config_act *act, struct hr_error *err, const char *const *args)
{
    char *argv[MAX_ARGS + 1] = {(char *)(uintptr_t)"headraced"};
    int argc = 1;

    while (args[argc - 1] != NULL) {
        assert_true(argc < MAX_ARGS);
        argv[argc] = (char *)(uintptr_t)args[argc - 1];
        argc++;
    }
    memset(err, 0, sizeof *err);
    return hrd_config_open(argc, argv, cfg, act, err);
}
#define OPEN(...) open_args(&cfg, &act, &err, (const char *const[]){__VA_ARGS__ __VA_OPT__(,) NULL})

static void refused(const char *text, const char *const *args)
{
    struct hrd_config cfg;
    enum hrd_config_act act;
    struct hr_error err;

    assert_int_not_equal(open_args(&cfg, &act, &err, args), 0);
    if (strcmp(err.text, text) != 0)
        fail_msg("\"%s\" instead of \"%s\"", err.text, text);
}
#define REFUSED(text, ...) refused(text, (const char *const[]){__VA_ARGS__, NULL})

/* The YAML's error, with "FILE" for its path. */
static void yaml_refused(const char *yaml, const char *text)
{
    char whole[600];

    write_yaml(yaml);
    snprintf(whole, sizeof whole, "%s%s", path, text);
    REFUSED(whole, "--config", path);
}

static void without_any(void **state)
{
    struct hrd_config cfg;
    enum hrd_config_act act;
    struct hr_error err;

    unsetenv("STATE_DIRECTORY");
    setenv("HOME", "/home/mill", 1);
    setenv("XDG_STATE_HOME", "/state", 1);
    assert_int_equal(OPEN(), 0);
    assert_int_equal(act, HRD_CONFIG_RUN);
    assert_string_equal(cfg.ingest, "127.0.0.1:7411");
    assert_string_equal(cfg.http, "127.0.0.1:7412");
    assert_string_equal(cfg.data_dir, "/state/headrace");
    assert_true(cfg.sync);
    assert_int_equal(cfg.window, 8 << 20);
    assert_int_equal(cfg.n_sinks, 0);
    hrd_config_fini(&cfg);

    setenv("XDG_STATE_HOME", "relative", 1); /* to be ignored, says the specification */
    assert_int_equal(OPEN(), 0);
    assert_string_equal(cfg.data_dir, "/home/mill/.local/state/headrace");
    hrd_config_fini(&cfg);

    setenv("STATE_DIRECTORY", "/var/lib/headrace", 1);
    assert_int_equal(OPEN(), 0);
    assert_string_equal(cfg.data_dir, "/var/lib/headrace");
    hrd_config_fini(&cfg);
    unsetenv("STATE_DIRECTORY");
}

static void on_the_command_line(void **state)
{
    struct hrd_config cfg;
    enum hrd_config_act act;
    struct hr_error err;

    assert_int_equal(
        OPEN("--data-dir", "/x", "--window=1MiB", "--workers", "3", "--no-sync", "--http=[::1]:0", "--file-sink", "/out"), 0);
    assert_string_equal(cfg.data_dir, "/x");
    assert_int_equal(cfg.window, 1 << 20);
    assert_int_equal(cfg.workers, 3);
    assert_false(cfg.sync);
    assert_string_equal(cfg.http, "[::1]:0");
    assert_int_equal(cfg.n_sinks, 1);
    assert_string_equal(cfg.sinks[0].name, "file");
    assert_string_equal(cfg.sinks[0].type, "file");
    assert_string_equal(cfg.sinks[0].dir, "/out");
    hrd_config_fini(&cfg);
    assert_int_equal(OPEN("--sync=false"), 0);
    assert_false(cfg.sync);
    hrd_config_fini(&cfg);
    assert_int_equal(OPEN("--sync", "false", "--workers", "2"), 0);
    assert_false(cfg.sync);
    assert_int_equal(cfg.workers, 2);
    hrd_config_fini(&cfg);
    assert_int_equal(OPEN("--sync", "--workers", "2"), 0);
    assert_true(cfg.sync);
    hrd_config_fini(&cfg);
    assert_int_equal(OPEN("--help", "--nonsense"), 0); /* help is given to whoever asks */
    assert_int_equal(act, HRD_CONFIG_HELP);
    hrd_config_fini(&cfg);
    assert_int_equal(OPEN("--version"), 0);
    assert_int_equal(act, HRD_CONFIG_VERSION);
    hrd_config_fini(&cfg);
    assert_int_equal(OPEN("--check-config"), 0);
    assert_int_equal(act, HRD_CONFIG_CHECK);
    hrd_config_fini(&cfg);
}

static void wrong_on_the_command_line(void **state)
{
    REFUSED("--nonsense: no such option; headraced --help lists them", "--nonsense");
    REFUSED("stray: no such option; headraced --help lists them", "stray");
    REFUSED("--workers: a value is missing", "--workers");
    REFUSED("--workers: \"many\" is not a number", "--workers", "many");
    REFUSED("--workers: \"-1\" is not a number", "--workers", "-1");
    REFUSED("--workers: 65 is more than 64", "--workers=65");
    REFUSED("--max-sessions: 0 is less than 1", "--max-sessions", "0");
    REFUSED("--window: \"1 gallon\" is not a number of bytes (64KiB, 8MiB, 1GiB)", "--window", "1 gallon");
    REFUSED("--window: 1 is less than 65536", "--window", "1");
    REFUSED("--window: \"18446744073709551615GiB\" is not a number of bytes (64KiB, 8MiB, 1GiB)", "--window",
            "18446744073709551615GiB");
    REFUSED("--sync: \"perhaps\" is neither true nor false", "--sync=perhaps");
    REFUSED("--no-workers: no such option; headraced --help lists them", "--no-workers");
    REFUSED("--log-level: \"loud\" is none of error, warn, info and debug", "--log-level", "loud");
    REFUSED("--ingest: \"7411\": a port is missing (127.0.0.1:7411, [::1]:0, :7411)", "--ingest", "7411");
    REFUSED("--ingest: \"::1:7411\": an IPv6 address needs brackets (127.0.0.1:7411, [::1]:0, :7411)", "--ingest", "::1:7411");
    REFUSED("--ingest: \"[::1:7\": a bracket is missing (127.0.0.1:7411, [::1]:0, :7411)", "--ingest", "[::1:7");
    REFUSED("--ingest: \"127.0.0.1:70000\": not a port (127.0.0.1:7411, [::1]:0, :7411)", "--ingest", "127.0.0.1:70000");
    REFUSED("--config: a file is missing", "--config");
    REFUSED("/no/such/file: No such file or directory", "--config", "/no/such/file");
}

static void as_yaml(void **state)
{
    struct hrd_config cfg;
    enum hrd_config_act act;
    struct hr_error err;

    write_yaml("# the mill\n"
               "data_dir: /var/lib/mill\n"
               "window: 2MiB\n"
               "sync: no\n"
               "workers: 5\n"
               "sinks:\n"
               "  - name: lake\n"
               "    type: file\n"
               "    dir: /lake\n"
               "    max_rows: 10\n"
               "    max_bytes: 1MiB\n"
               "    max_age_ms: 250\n"
               "  - {name: pond, type: file, dir: /pond}\n");
    assert_int_equal(OPEN("--workers", "2", "--config", path), 0); /* the command line wins, wherever it stands */
    assert_string_equal(cfg.data_dir, "/var/lib/mill");
    assert_int_equal(cfg.window, 2 << 20);
    assert_int_equal(cfg.workers, 2);
    assert_false(cfg.sync);
    assert_int_equal(cfg.n_sinks, 2);
    assert_string_equal(cfg.sinks[0].name, "lake");
    assert_int_equal(cfg.sinks[0].max_rows, 10);
    assert_int_equal(cfg.sinks[0].max_bytes, 1 << 20);
    assert_int_equal(cfg.sinks[0].max_age_ms, 250);
    assert_string_equal(cfg.sinks[1].dir, "/pond");
    hrd_config_fini(&cfg);

    write_yaml("# nothing but a comment\n");
    assert_int_equal(OPEN("--config", path), 0);
    hrd_config_fini(&cfg);
    write_yaml("");
    assert_int_equal(OPEN("--config", path), 0);
    hrd_config_fini(&cfg);
}

static void wrong_in_yaml(void **state)
{
    yaml_refused("data_dir: /x\n\nworkers: 65\n", ":3:10: workers: 65 is more than 64");
    yaml_refused("workrs: 1\n", ":1:9: workrs: no such option; headraced --help lists them");
    yaml_refused("workers: 1\nworkers: 2\n", ":2:1: workers: is there twice");
    yaml_refused("workers: [1, 2]\n", ":1:10: workers: one value is expected");
    yaml_refused("- workers\n", ":1:1: options are expected: `data_dir: /var/lib/headrace`");
    yaml_refused("{a: 1}: 2\n", ":1:1: an option's name is expected here");
    yaml_refused("data_dir: \"/x\n", ":2:1: not YAML: found unexpected end of stream");
    yaml_refused("data_dir: \"/x\\0y\"\n", ":1:11: data_dir: one value is expected");
    yaml_refused("sinks: lake\n", ":1:8: sinks: a list of sinks is expected");
    yaml_refused("sinks:\n  - lake\n", ":2:5: sinks: a sink is a mapping with name, type and dir");
    yaml_refused("sinks:\n  - name: lake\n    type: file\n", ":2:5: sinks: dir: is missing");
    yaml_refused("sinks:\n  - name: la/ke\n    type: file\n    dir: /x\n",
                 ":2:5: sinks: name: up to 63 letters, digits, _ and - are needed");
    yaml_refused("sinks:\n  - {name: a, type: kafka, dir: /x}\n", ":2:5: sinks: type: only \"file\" is known");
    yaml_refused("sinks:\n  - {name: a, type: file, dir: /x}\n  - {name: a, type: file, dir: /y}\n",
                 ":3:5: sinks: name: there is another sink a");
    yaml_refused("sinks:\n  - {name: a, type: file, dir: /x, max_rows: 0}\n", ":2:46: max_rows: 0 is not from 1 to 10000000");
    yaml_refused("sinks:\n  - {name: a, colour: red}\n",
                 ":2:23: colour: no such option of a sink (name, type, dir, max_rows, max_bytes, max_age_ms)");
}

static void addresses(void **state)
{
    static const struct {
        const char *text, *host;
        uint16_t port;
    } good[] = {{"127.0.0.1:7411", "127.0.0.1", 7411}, {"[::1]:0", "::1", 0}, {":80", "::", 80}, {"mill:1", "mill", 1}};
    char host[64];
    uint16_t port;

    for (unsigned i = 0; i < sizeof good / sizeof *good; i++) {
        assert_int_equal(hrd_address_parse(good[i].text, host, sizeof host, &port, NULL), 0);
        assert_string_equal(host, good[i].host);
        assert_int_equal(port, good[i].port);
    }
    assert_int_equal(hrd_address_parse("[]:1", host, sizeof host, &port, NULL), HR_EINVAL);
    assert_int_equal(hrd_address_parse("127.0.0.1:7411", host, 5, &port, NULL), HR_EINVAL);
}

static void help_names_each_option(void **state)
{
    char *text;
    size_t n;
    FILE *f = open_memstream(&text, &n);

    hrd_config_help(f);
    fclose(f);
    assert_non_null(strstr(text, "--data-dir TEXT"));
    assert_non_null(strstr(text, "--window BYTES"));
    assert_non_null(strstr(text, "(default 8MiB)"));
    assert_non_null(strstr(text, "--config FILE"));
    assert_null(strchr(text, '\t'));
    free(text);
}

static int make_file(void **state)
{
    int fd = mkstemp(path);

    return fd < 0 ? -1 : close(fd);
}
static int remove_file(void **state) { return unlink(path); }

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_any),
        cmocka_unit_test(on_the_command_line),
        cmocka_unit_test(wrong_on_the_command_line),
        cmocka_unit_test(as_yaml),
        cmocka_unit_test(wrong_in_yaml),
        cmocka_unit_test(addresses),
        cmocka_unit_test(help_names_each_option),
    };

    return cmocka_run_group_tests(tests, make_file, remove_file);
}
