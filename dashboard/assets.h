/* The status page's files as they are compiled into the daemon: made from this folder by embed.cmake. */
#ifndef HRD_ASSETS_H
#define HRD_ASSETS_H
#include <stddef.h>

struct hrd_asset {
    const char *name, *type, *etag;    /* name "" is the page itself; etag with its quotes */
    const unsigned char *bytes, *gzip; /* as it is, and compressed once at build time */
    size_t n_bytes, n_gzip;
};
extern const struct hrd_asset hrd_assets[];
extern const unsigned hrd_n_assets;
#endif
