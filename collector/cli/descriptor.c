#include "descriptor.h"
#include "alloc.h"
#include "cli.h"
#include "io.h"
#include "proto_text.h"
#include "schema.h"
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#define MAX_SET_BYTES (16u << 20)

static int read_set(const char *path, struct hrp_buf *ret)
{
    uint8_t *p = NULL;
    size_t n = 0;
    int r = hrp_read_file_at(AT_FDCWD, path, MAX_SET_BYTES, &p, &n);

    if (r != 0)
        return r;
    hrp_put_bytes(ret, p, n);
    hrp_free(p);
    return ret->err;
}

int cli_descriptor_read(const char *path, struct hrp_buf *ret)
{
    int r = read_set(path, ret);

    if (r == 0)
        return 0;
    cli_error("cannot read the descriptor set %s: %s", path, r == HR_EIO || r == HR_ENOENT ? strerror(errno) : hr_strerror(r));
    return CLI_FAILED;
}

int cli_descriptor_compile(const char *proto, const char *const *dirs, unsigned n_dirs, struct hrp_buf *ret)
{
    const char *slash = strrchr(proto, '/');
    char folder[4096] = ".";
    const char *own[1] = {folder};
    struct hr_error err;

    if (slash != NULL)
        snprintf(folder, sizeof folder, "%.*s", (int)(slash - proto) + 1, proto);
    if (hrd_proto_parse_path(proto, n_dirs > 0 ? dirs : own, n_dirs > 0 ? n_dirs : 1, ret, &err) == 0)
        return 0;
    cli_error("%s", err.text);
    return CLI_FAILED;
}

/* A set's files stand in dependency order: the last is the one that was meant. FileDescriptorSet.file = 1; of a file: name = 1. */
static bool last_file(const struct hrp_buf *set, const uint8_t **ret_p, size_t *ret_n)
{
    struct hrp_reader r = hrp_reader(set->p, set->n);

    *ret_p = NULL;
    while (hrp_reader_left(&r) > 0 && hrp_read_varint(&r) == (1 << 3 | 2))
        *ret_p = hrp_read_lenbytes(&r, ret_n);
    return !r.bad && *ret_p != NULL;
}

char *cli_descriptor_file(const struct hrp_buf *set)
{
    const uint8_t *file, *text;
    size_t n_file, n;
    struct hrp_reader r;
    char *name = NULL;

    if (!last_file(set, &file, &n_file))
        return NULL;
    r = hrp_reader(file, n_file);
    if (hrp_read_varint(&r) != (1 << 3 | 2) || (text = hrp_read_lenbytes(&r, &n)) == NULL || (name = hrp_malloc(n + 1)) == NULL)
        return NULL;
    memcpy(name, text, n);
    name[n] = '\0';
    return name;
}

/* Field 1 of a whole set is a file: its types alone. */
static int names_of_last(const struct hrp_buf *set, void (*fn)(void *arg, const char *name), void *arg, struct hr_error *err)
{
    struct hrp_buf one = HRP_BUF_INIT;
    const uint8_t *file;
    size_t n;
    int r;

    if (!last_file(set, &file, &n))
        return hrp_schema_list(set->p, set->n, fn, arg, err); /* it says what is wrong */
    hrp_put_varint(&one, 1 << 3 | 2);
    hrp_put_lenbytes(&one, file, n);
    r = one.err != 0 ? hr_error_set(err, one.err, "out of memory") : hrp_schema_list(one.p, one.n, fn, arg, err);
    hrp_buf_fini(&one);
    return r;
}

struct names {
    struct hrp_buf list;
    unsigned n;
    const char *wanted;
    bool found;
};

static void add_name(void *arg, const char *full_name)
{
    struct names *names = arg;

    if (names->wanted != NULL && strcmp(names->wanted, full_name) == 0)
        names->found = true;
    hrp_put_fmt(&names->list, "%s%s", names->n++ > 0 ? " " : "", full_name);
}

int cli_descriptor_type(const struct hrp_buf *set, const char *wanted, char **ret)
{
    struct names names = {.list = HRP_BUF_INIT, .wanted = wanted};
    struct hr_error err;
    int r = wanted != NULL ? hrp_schema_list(set->p, set->n, add_name, &names, &err) : names_of_last(set, add_name, &names, &err);

    hrp_put_u8(&names.list, 0);
    if (r != 0) {
        cli_error("%s", err.text);
    } else if (names.list.err != 0) {
        r = HR_ENOMEM;
    } else if (names.found || (wanted == NULL && names.n == 1)) {
        *ret = hrp_strdup(wanted != NULL ? wanted : (const char *)names.list.p);
        r = *ret != NULL ? 0 : HR_ENOMEM;
    } else if (names.n == 0) {
        cli_error("no message type is there, only other things");
        r = HR_ENOENT;
    } else {
        cli_error("%s%s; there are: %s", wanted != NULL ? "no such message type: " : "say --type; several message types are there",
                  wanted != NULL ? wanted : "", (const char *)names.list.p);
        r = HR_ENOENT;
    }
    if (r == HR_ENOMEM)
        cli_error("out of memory");
    hrp_buf_fini(&names.list);
    return r == 0 ? 0 : r == HR_ENOENT ? CLI_USAGE : CLI_FAILED;
}
