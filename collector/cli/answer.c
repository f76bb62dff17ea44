#include "answer.h"
#include "http.h"

uint64_t cli_json_number(const json_t *object, const char *key)
{
    json_int_t v = json_integer_value(json_object_get(object, key));

    return v > 0 ? (uint64_t)v : 0;
}

const char *cli_json_text(const json_t *object, const char *key, const char *otherwise)
{
    const char *s = json_string_value(json_object_get(object, key));

    return s != NULL ? s : otherwise;
}

int cli_json_print(const json_t *root)
{
    return json_dumpf(root, stdout, JSON_INDENT(2)) != 0 || puts("") < 0 ? CLI_FAILED : CLI_OK;
}

int cli_answer(const struct cli_verb *verb, int argc, char **argv, const char *path, int (*print)(const json_t *root))
{
    static const struct option options[] = {{"json", no_argument, NULL, 'j'}, {"http", required_argument, NULL, 'H'}, {0}};
    const char *base = NULL;
    bool json = false;
    struct cli_http *http;
    json_t *root = NULL;
    int c, r;

    while ((c = cli_option(verb, argc, argv, ":jH:", options)) != -1) {
        if (c == '?')
            return CLI_USAGE;
        if (c == 'j')
            json = true;
        else
            base = optarg;
    }
    if (optind < argc)
        return cli_usage(verb, "takes no argument: %s", argv[optind]);
    r = cli_http_open(base, &http);
    if (r != 0)
        return r;
    r = cli_http_json(http, path, &root);
    if (r == 0)
        r = json ? cli_json_print(root) : print(root);
    json_decref(root);
    cli_http_close(http);
    return r;
}
