#include "descriptor.h"
#include "alloc.h"
#include "cli.h"
#include "io.h"
#include "schema.h"
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define MAX_DIRS 32
#define MAX_SET_BYTES (16u << 20)

extern char **environ;

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

/* -Idir for each; texts holds the memory. Returns the number of arguments. */
static unsigned put_includes(char **argv, unsigned n, const char *proto, const char *const *dirs, unsigned n_dirs, struct hrp_buf *texts)
{
    const char *slash = strrchr(proto, '/');
    size_t at[MAX_DIRS + 1];
    unsigned n_at = 0;

    for (unsigned i = 0; i < n_dirs && i < MAX_DIRS; i++) {
        at[n_at++] = texts->n;
        hrp_put_fmt(texts, "-I%s", dirs[i]);
        hrp_put_u8(texts, 0);
    }
    if (n_dirs == 0) {
        at[n_at++] = texts->n;
        hrp_put_fmt(texts, "-I%.*s", slash != NULL ? (int)(slash - proto) + 1 : 1, slash != NULL ? proto : ".");
        hrp_put_u8(texts, 0);
    }
    for (unsigned i = 0; texts->err == 0 && i < n_at; i++)
        argv[n++] = (char *)texts->p + at[i];
    return n;
}

/* protoc writes its own messages, with file, line and column, to our stderr. */
static int run_protoc(char **argv, const char *proto)
{
    pid_t pid;
    int status, e = posix_spawnp(&pid, "protoc", NULL, NULL, argv, environ);

    if (e == ENOENT) {
        cli_error("protoc is needed to read %s and was not found in PATH; install it (Debian: protobuf-compiler), or make a set\n"
                  "elsewhere with `protoc --include_imports --descriptor_set_out=x.binpb` and give it as --descriptor-set x.binpb",
                  proto);
        return CLI_FAILED;
    }
    if (e != 0) {
        cli_error("cannot run protoc: %s", strerror(e));
        return CLI_FAILED;
    }
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
        return 0;
    cli_error("protoc could not read %s; its own words are above", proto);
    return CLI_FAILED;
}

int cli_descriptor_compile(const char *proto, const char *const *dirs, unsigned n_dirs, struct hrp_buf *ret)
{
    const char *tmp = getenv("TMPDIR");
    char dir[256], out[288], out_arg[320], *argv[MAX_DIRS + 8];
    struct hrp_buf texts = HRP_BUF_INIT;
    unsigned n = 0;
    int r;

    snprintf(dir, sizeof dir, "%.200s/headrace.XXXXXX", tmp != NULL && *tmp != '\0' ? tmp : "/tmp");
    if (mkdtemp(dir) == NULL) {
        cli_error("cannot make a folder in %s: %s", tmp != NULL ? tmp : "/tmp", strerror(errno));
        return CLI_FAILED;
    }
    snprintf(out, sizeof out, "%s/set", dir);
    snprintf(out_arg, sizeof out_arg, "--descriptor_set_out=%s", out);
    argv[n++] = (char *)"protoc";
    argv[n++] = (char *)"--include_imports";
    argv[n++] = out_arg;
    n = put_includes(argv, n, proto, dirs, n_dirs, &texts);
    argv[n++] = (char *)proto;
    argv[n] = NULL;
    r = texts.err != 0 ? CLI_FAILED : run_protoc(argv, proto);
    if (r == 0)
        r = cli_descriptor_read(out, ret);
    unlink(out);
    rmdir(dir);
    hrp_buf_fini(&texts);
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
    int r = hrp_schema_list(set->p, set->n, add_name, &names, &err);

    hrp_put_u8(&names.list, 0);
    if (r != 0) {
        cli_error("%s", err.text);
    } else if (names.list.err != 0) {
        r = HR_ENOMEM;
    } else if (names.found || (wanted == NULL && names.n == 1)) {
        *ret = hrp_strdup(wanted != NULL ? wanted : (const char *)names.list.p);
        r = *ret != NULL ? 0 : HR_ENOMEM;
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
