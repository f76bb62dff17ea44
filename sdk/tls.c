#include "tls.h"
#include <dlfcn.h>

#define LIBRARY "libheadrace-tls.so.1"

static int new_ctx(const hr_options *opt, const struct hrp_tls_ops *ops, struct hrp_tls_ctx **ret, struct hr_error *err)
{
    struct hrp_tls_settings s = {.verify = opt->number[HRS_OPT_tls_verify] != 0,
                                 .ca = opt->text[HRS_OPT_tls_ca],
                                 .cert = opt->text[HRS_OPT_tls_cert],
                                 .key = opt->text[HRS_OPT_tls_key]};

    return ops->ctx_new(&s, ret, err);
}

int hrs_tls_load(const hr_options *opt, const struct hrp_tls_ops **ret, struct hr_error *err)
{
    const struct hrp_tls_ops *ops;
    struct hrp_tls_ctx *ctx;
    void *lib;
    int r;

    *ret = NULL;
    if (opt->number[HRS_OPT_tls] == 0)
        return 0;
    lib = dlopen(LIBRARY, RTLD_NOW | RTLD_LOCAL);
    if (lib == NULL)
        return hr_error_set(err, HR_ENOENT, "tls: is in a library of its own, which is not there: %s", dlerror());
    ops = (const struct hrp_tls_ops *)dlsym(lib, HRP_TLS_SYMBOL_NAME);
    if (ops == NULL)
        return hr_error_set(err, HR_EVERSION, "tls: another version of the library: %s", dlerror());
    r = new_ctx(opt, ops, &ctx, err);
    if (r != 0)
        return r;
    ops->ctx_free(ctx);
    *ret = ops;
    return 0;
}

int hrs_tls_open(const hr_options *opt, const struct hrp_tls_ops *ops, const char *host, struct hrp_tls **ret, struct hr_error *err)
{
    const char *name = opt->text[HRS_OPT_tls_server_name];
    struct hrp_tls_ctx *ctx;
    int r = new_ctx(opt, ops, &ctx, err);

    if (r != 0)
        return r;
    r = ops->open(ctx, name[0] != '\0' ? name : host, ret);
    ops->ctx_free(ctx);
    return r != 0 ? hr_error_set(err, r, "TLS: %s", hr_strerror(r)) : 0;
}
