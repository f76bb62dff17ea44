/* The client's side of TLS: its options, and the shared object with OpenSSL in it, which is loaded when the option `tls` is
 * on. Who does not use it has neither the libraries in the process nor their size. It is never unloaded. */
#ifndef HRS_TLS_H
#define HRS_TLS_H
#include "options.h"
#include "tls_ops.h"

/* *ret NULL: the option is off. Also reads the files once, so that hr_open can refuse them. HR_ENOENT: not installed; HR_EINVAL. */
int hrs_tls_load(const hr_options *opt, const struct hrp_tls_ops **ret, struct hr_error *err);
/* One connection to this host. The files are read anew, since certificates are renewed while a process lives. */
int hrs_tls_open(const hr_options *opt, const struct hrp_tls_ops *ops, const char *host, struct hrp_tls **ret, struct hr_error *err);
#endif
