#include "config.h"
#include "config_impl.h"
#include "alloc.h"
#include "slog.h"
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum kind { TEXT, BYTES, COUNT, BOOL };

struct option {
    const char *name;
    enum kind kind;
    size_t offset;               /* in struct hrd_config */
    const char *text;            /* default of TEXT */
    uint64_t number, least, most; /* default and range of the others */
    const char *sentence;
};
static const struct option options[] = {
#define HRD_TEXT(name, def, sentence) {#name, TEXT, offsetof(struct hrd_config, name), def, 0, 0, 0, sentence},
#define HRD_BYTES(name, def, least, most, sentence)                                                                                \
    {#name, BYTES, offsetof(struct hrd_config, name), NULL, def, least, most, sentence},
#define HRD_COUNT(name, def, least, most, sentence)                                                                                \
    {#name, COUNT, offsetof(struct hrd_config, name), NULL, def, least, most, sentence},
#define HRD_BOOL(name, def, sentence) {#name, BOOL, offsetof(struct hrd_config, name), NULL, def, 0, 1, sentence},
#include "options.def"
#undef HRD_TEXT
#undef HRD_BYTES
#undef HRD_COUNT
#undef HRD_BOOL
};
#define N_OPTIONS (sizeof options / sizeof *options)

static const struct option *find(const char *name)
{
    for (unsigned i = 0; i < N_OPTIONS; i++)
        if (strcmp(options[i].name, name) == 0)
            return &options[i];
    return NULL;
}

static char **text_of(struct hrd_config *cfg, const struct option *o) { return (char **)(void *)((char *)cfg + o->offset); }
static uint64_t *number_of(struct hrd_config *cfg, const struct option *o) { return (uint64_t *)(void *)((char *)cfg + o->offset); }
static bool *bool_of(struct hrd_config *cfg, const struct option *o) { return (bool *)(void *)((char *)cfg + o->offset); }

/* ---- values ---- */

int hrd_config_number(const char *text, bool bytes, uint64_t *ret, struct hr_error *err)
{
    static const struct {
        const char *name;
        unsigned shift;
    } units[] = {{"", 0}, {"B", 0}, {"KiB", 10}, {"MiB", 20}, {"GiB", 30}};
    char *end;
    uint64_t v;

    errno = 0;
    v = strtoull(text, &end, 10);
    if (!isdigit((unsigned char)text[0]) || errno != 0 || (!bytes && *end != '\0'))
        return hr_error_set(err, HR_EINVAL, "\"%s\" is not a number", text);
    for (unsigned i = 0; i < sizeof units / sizeof *units; i++)
        if (strcmp(end, units[i].name) == 0 && v <= UINT64_MAX >> units[i].shift) {
            *ret = v << units[i].shift;
            return 0;
        }
    return hr_error_set(err, HR_EINVAL, "\"%s\" is not a number of bytes (64KiB, 8MiB, 1GiB)", text);
}

static int parse_bool(const char *text, bool *ret, struct hr_error *err)
{
    if (strcmp(text, "true") == 0 || strcmp(text, "yes") == 0)
        *ret = true;
    else if (strcmp(text, "false") == 0 || strcmp(text, "no") == 0)
        *ret = false;
    else
        return hr_error_set(err, HR_EINVAL, "\"%s\" is neither true nor false", text);
    return 0;
}

static int check_text(const char *name, const char *value, struct hr_error *err)
{
    char host[64];
    uint16_t port;
    enum hrd_level level;

    if (strcmp(name, "ingest") == 0 || strcmp(name, "http") == 0)
        return hrd_address_parse(value, host, sizeof host, &port, err);
    if (strcmp(name, "log_level") == 0 && hrd_slog_level_parse(value, &level) != 0)
        return hr_error_set(err, HR_EINVAL, "\"%s\" is none of error, warn, info and debug", value);
    return 0;
}

static int set_text(struct hrd_config *cfg, const struct option *o, const char *value, struct hr_error *err)
{
    int r = check_text(o->name, value, err);
    char *copy = r == 0 ? hrp_strdup(value) : NULL;

    if (r != 0)
        return r;
    if (copy == NULL)
        return hr_error_set(err, HR_ENOMEM, "%s", hr_strerror(HR_ENOMEM));
    hrp_free(*text_of(cfg, o));
    *text_of(cfg, o) = copy;
    return 0;
}

static int set_number(struct hrd_config *cfg, const struct option *o, const char *value, struct hr_error *err)
{
    uint64_t v;
    int r = hrd_config_number(value, o->kind == BYTES, &v, err);

    if (r != 0)
        return r;
    if (v < o->least)
        return hr_error_set(err, HR_EINVAL, "%llu is less than %llu", (unsigned long long)v, (unsigned long long)o->least);
    if (v > o->most)
        return hr_error_set(err, HR_EINVAL, "%llu is more than %llu", (unsigned long long)v, (unsigned long long)o->most);
    *number_of(cfg, o) = v;
    return 0;
}

int hrd_config_set(struct hrd_config *cfg, const char *name, const char *value, struct hr_error *err)
{
    const struct option *o = find(name);

    if (o == NULL)
        return hr_error_set(err, HR_ENOENT, "no such option; headraced --help lists them");
    if (o->kind == TEXT)
        return set_text(cfg, o, value, err);
    if (o->kind == BOOL)
        return parse_bool(value, bool_of(cfg, o), err);
    return set_number(cfg, o, value, err);
}

static int set_defaults(struct hrd_config *cfg)
{
    for (unsigned i = 0; i < N_OPTIONS; i++) {
        const struct option *o = &options[i];

        if (o->kind == BOOL)
            *bool_of(cfg, o) = o->number != 0;
        else if (o->kind != TEXT)
            *number_of(cfg, o) = o->number;
        else if ((*text_of(cfg, o) = hrp_strdup(o->text)) == NULL)
            return HR_ENOMEM;
    }
    return 0;
}

/* ---- the command line ---- */

/* An argument as an option's name: "--data-dir" or "--data-dir=x" is data_dir. NULL: none. */
static const struct option *option_of(const char *arg, const char **ret_value)
{
    char name[64];
    size_t n = strcspn(arg + 2, "=");

    if (n >= sizeof name)
        return NULL;
    for (size_t i = 0; i < n; i++)
        name[i] = arg[2 + i] == '-' ? '_' : arg[2 + i];
    name[n] = '\0';
    *ret_value = arg[2 + n] == '=' ? arg + 2 + n + 1 : NULL;
    return find(name);
}

/* A flag stands for true: --sync, --no-sync, --sync=false, --sync false. */
static int set_flag(struct hrd_config *cfg, const char *arg, struct hr_error *err)
{
    const char *value;
    char positive[80];
    const struct option *o;

    if (strncmp(arg, "--no-", 5) != 0)
        return HR_ENOENT;
    snprintf(positive, sizeof positive, "--%s", arg + 5);
    o = option_of(positive, &value);
    return o != NULL && o->kind == BOOL && value == NULL ? hrd_config_set(cfg, o->name, "false", err) : HR_ENOENT;
}

static int take_option(struct hrd_config *cfg, int argc, char *const argv[], int *i, struct hr_error *err)
{
    const char *arg = argv[*i], *value = NULL;
    const struct option *o = strncmp(arg, "--", 2) == 0 ? option_of(arg, &value) : NULL;
    struct hr_error why = {0, ""};
    int r;

    if (o == NULL) {
        r = set_flag(cfg, arg, &why);
        return r == HR_ENOENT ? hr_error_set(err, HR_EINVAL, "%.100s: no such option; headraced --help lists them", arg) : r;
    }
    if (value == NULL && o->kind == BOOL)
        value = *i + 1 < argc && parse_bool(argv[*i + 1], &(bool){false}, NULL) == 0 ? argv[++*i] : "true";
    else if (value == NULL && *i + 1 == argc)
        return hr_error_set(err, HR_EINVAL, "%s: a value is missing", arg);
    else if (value == NULL)
        value = argv[++*i];
    r = hrd_config_set(cfg, o->name, value, &why);
    return r == 0 ? 0 : hr_error_set(err, r, "%.*s: %s", (int)strcspn(arg, "="), arg, why.text);
}

/* "--config FILE", "--config=FILE": how many arguments that is; 0: something else. */
static int take_config(int argc, char *const argv[], int i, const char **ret_file)
{
    if (strncmp(argv[i], "--config=", 9) == 0) {
        *ret_file = argv[i] + 9;
        return 1;
    }
    if (strcmp(argv[i], "--config") != 0)
        return 0;
    *ret_file = i + 1 < argc ? argv[i + 1] : "";
    return 2;
}

static bool take_act(const char *arg, enum hrd_config_act *ret)
{
    if (strcmp(arg, "--help") == 0 || strcmp(arg, "-h") == 0)
        *ret = HRD_CONFIG_HELP;
    else if (strcmp(arg, "--version") == 0)
        *ret = HRD_CONFIG_VERSION;
    else if (strcmp(arg, "--check-config") == 0)
        *ret = HRD_CONFIG_CHECK;
    else
        return false;
    return true;
}

/* First the file that is named, then all else, so that the command line wins wherever --config stands in it. */
static int read_args(struct hrd_config *cfg, int argc, char *const argv[], enum hrd_config_act *ret_act, struct hr_error *err)
{
    const char *file = NULL;
    int r = 0, n;

    *ret_act = HRD_CONFIG_RUN;
    for (int i = 1; i < argc; i++)
        if (!take_act(argv[i], ret_act) && (n = take_config(argc, argv, i, &file)) != 0)
            i += n - 1;
    if (*ret_act == HRD_CONFIG_HELP || *ret_act == HRD_CONFIG_VERSION)
        return 0;
    if (file != NULL)
        r = *file == '\0' ? hr_error_set(err, HR_EINVAL, "--config: a file is missing") : hrd_config_read_yaml(cfg, file, err);
    for (int i = 1; i < argc && r == 0; i++) {
        enum hrd_config_act act;

        n = take_config(argc, argv, i, &file);
        if (n != 0)
            i += n - 1;
        else if (!take_act(argv[i], &act))
            r = take_option(cfg, argc, argv, &i, err);
    }
    return r;
}

/* ---- what is settled last ---- */

static int set_path(char **path, const char *fmt, const char *dir, struct hr_error *err)
{
    char buf[4096];

    if ((size_t)snprintf(buf, sizeof buf, fmt, dir) >= sizeof buf)
        return hr_error_set(err, HR_EINVAL, "data_dir: %.100s...: too long", dir);
    hrp_free(*path);
    *path = hrp_strdup(buf);
    return *path != NULL ? 0 : hr_error_set(err, HR_ENOMEM, "%s", hr_strerror(HR_ENOMEM));
}

/* systemd.exec(5), StateDirectory=; XDG Base Directory Specification: a relative path is to be ignored. */
static int default_data_dir(struct hrd_config *cfg, struct hr_error *err)
{
    const char *state = getenv("STATE_DIRECTORY"), *xdg = getenv("XDG_STATE_HOME"), *home = getenv("HOME");

    if (cfg->data_dir[0] != '\0')
        return 0;
    if (state != NULL && state[0] == '/' && strchr(state, ':') == NULL)
        return set_path(&cfg->data_dir, "%s", state, err);
    if (xdg != NULL && xdg[0] == '/')
        return set_path(&cfg->data_dir, "%s/headrace", xdg, err);
    if (home != NULL && home[0] == '/')
        return set_path(&cfg->data_dir, "%s/.local/state/headrace", home, err);
    return hr_error_set(err, HR_EINVAL, "data_dir: neither it nor XDG_STATE_HOME nor HOME is set");
}

static int add_file_sink(struct hrd_config *cfg, struct hr_error *err)
{
    struct hrd_sink_settings sink = {0};
    struct hr_error why = {0, ""};
    int r;

    if (cfg->file_sink[0] == '\0')
        return 0;
    sink.name = hrp_strdup("file");
    sink.type = hrp_strdup("file");
    sink.dir = hrp_strdup(cfg->file_sink);
    if (sink.name == NULL || sink.type == NULL || sink.dir == NULL)
        r = hr_error_set(&why, HR_ENOMEM, "%s", hr_strerror(HR_ENOMEM));
    else
        r = hrd_config_add_sink(cfg, &sink, &why);
    hrd_sink_settings_fini(&sink);
    return r == 0 ? 0 : hr_error_set(err, r, "file_sink: %s", why.text);
}

int hrd_config_open(int argc, char *const argv[], struct hrd_config *ret, enum hrd_config_act *ret_act, struct hr_error *err)
{
    struct hrd_config cfg;
    enum hrd_config_act act;
    int r;

    memset(&cfg, 0, sizeof cfg);
    r = set_defaults(&cfg);
    if (r != 0)
        hr_error_set(err, r, "%s", hr_strerror(r));
    if (r == 0)
        r = read_args(&cfg, argc, argv, &act, err);
    if (r == 0)
        r = add_file_sink(&cfg, err);
    if (r == 0 && !cfg.micro && (act == HRD_CONFIG_RUN || act == HRD_CONFIG_CHECK))
        r = default_data_dir(&cfg, err);
    if (r != 0) {
        hrd_config_fini(&cfg);
        return r;
    }
    *ret = cfg;
    *ret_act = act;
    return 0;
}

void hrd_config_fini(struct hrd_config *cfg)
{
    for (unsigned i = 0; i < N_OPTIONS; i++)
        if (options[i].kind == TEXT)
            hrp_free(*text_of(cfg, &options[i]));
    for (unsigned i = 0; i < cfg->n_sinks; i++)
        hrd_sink_settings_fini(&cfg->sinks[i]);
    memset(cfg, 0, sizeof *cfg);
}

/* ---- sinks ---- */

void hrd_sink_settings_fini(struct hrd_sink_settings *sink)
{
    hrp_free((char *)(uintptr_t)sink->name); /* const for its readers; ours to free */
    hrp_free((char *)(uintptr_t)sink->type);
    hrp_free((char *)(uintptr_t)sink->dir);
    memset(sink, 0, sizeof *sink);
}

static bool name_valid(const char *s)
{
    size_t n = strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-");

    return n > 0 && n < 64 && s[n] == '\0';
}

int hrd_config_add_sink(struct hrd_config *cfg, struct hrd_sink_settings *sink, struct hr_error *err)
{
    if (sink->name == NULL || !name_valid(sink->name))
        return hr_error_set(err, HR_EINVAL, "name: up to 63 letters, digits, _ and - are needed");
    if (sink->type == NULL || strcmp(sink->type, "file") != 0)
        return hr_error_set(err, HR_EINVAL, "type: only \"file\" is known");
    if (sink->dir == NULL || sink->dir[0] == '\0')
        return hr_error_set(err, HR_EINVAL, "dir: is missing");
    for (unsigned i = 0; i < cfg->n_sinks; i++)
        if (strcmp(cfg->sinks[i].name, sink->name) == 0)
            return hr_error_set(err, HR_EINVAL, "name: there is another sink %s", sink->name);
    if (cfg->n_sinks == HRD_MAX_SINKS)
        return hr_error_set(err, HR_ELIMIT, "more than %d sinks", HRD_MAX_SINKS);
    cfg->sinks[cfg->n_sinks++] = *sink;
    memset(sink, 0, sizeof *sink);
    return 0;
}

/* ---- addresses ---- */

static int bad_address(const char *text, const char *why, struct hr_error *err)
{
    return hr_error_set(err, HR_EINVAL, "\"%.100s\": %s (127.0.0.1:7411, [::1]:0, :7411)", text, why);
}

int hrd_address_parse(const char *text, char *ret_host, size_t n_host, uint16_t *ret_port, struct hr_error *err)
{
    const char *host = text, *colon = strrchr(text, ':');
    size_t n;
    unsigned long port;
    char *end;

    if (colon == NULL)
        return bad_address(text, "a port is missing", err);
    n = (size_t)(colon - text);
    if (text[0] == '[') {
        if (n < 2 || text[n - 1] != ']')
            return bad_address(text, "a bracket is missing", err);
        host = text + 1;
        n -= 2;
    } else if (memchr(text, ':', n) != NULL)
        return bad_address(text, "an IPv6 address needs brackets", err);
    port = strtoul(colon + 1, &end, 10);
    if (!isdigit((unsigned char)colon[1]) || *end != '\0' || port > 65535)
        return bad_address(text, "not a port", err);
    if (n == 0 && text[0] != '[') { /* ":7411": any address */
        host = "::";
        n = 2;
    }
    if (n == 0 || n >= n_host)
        return bad_address(text, "not an address", err);
    memcpy(ret_host, host, n);
    ret_host[n] = '\0';
    *ret_port = (uint16_t)port;
    return 0;
}

/* ---- help ---- */

static void print_value(FILE *f, const struct option *o)
{
    if (o->kind == TEXT && o->text[0] != '\0')
        fprintf(f, " (default %s)", o->text);
    else if (o->kind == BOOL)
        fprintf(f, " (default %s)", o->number != 0 ? "true" : "false");
    else if (o->kind == BYTES && o->number % (1u << 20) == 0)
        fprintf(f, " (default %lluMiB)", (unsigned long long)(o->number >> 20));
    else if (o->kind != TEXT)
        fprintf(f, " (default %llu)", (unsigned long long)o->number);
}

void hrd_config_help(FILE *f)
{
    fputs("Usage: headraced [--config FILE] [OPTION]...\n\n"
          "Takes in events from libheadrace, checks, counts and stores them. Runs without any option.\n\n"
          "  --config FILE        options as YAML: data_dir: /var/lib/headrace\n"
          "  --check-config       say whether the options are right, and end\n"
          "  --help, --version\n\n", f);
    for (unsigned i = 0; i < N_OPTIONS; i++) {
        static const char *const values[] = {"TEXT", "BYTES", "N", ""};
        const struct option *o = &options[i];
        char left[64];
        int n = snprintf(left, sizeof left, "--%s %s", o->name, values[o->kind]);

        for (int k = 2; k < n && left[k] != ' '; k++)
            left[k] = left[k] == '_' ? '-' : left[k];
        fprintf(f, "  %-20s %s", left, o->sentence);
        print_value(f, o);
        fputc('\n', f);
    }
    fputs("\nThe first SIGTERM or SIGINT finishes what is under way; a second one ends at once.\n", f);
}
