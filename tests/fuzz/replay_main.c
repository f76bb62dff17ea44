/* Runs a fuzzer's corpus once, as an ordinary test, where there is no libFuzzer: each file of the folders given. */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

static int replay(const char *path)
{
    FILE *f = fopen(path, "rb");
    size_t cap = 1u << 20, n;
    uint8_t *buf = malloc(cap), *exact;

    if (f == NULL || buf == NULL) {
        perror(path);
        free(buf);
        return 1;
    }
    n = fread(buf, 1, cap, f);
    fclose(f);
    exact = malloc(n != 0 ? n : 1); /* of the very size, so that a sanitizer sees a read past the end */
    if (exact != NULL) {
        memcpy(exact, buf, n);
        LLVMFuzzerTestOneInput(exact, n);
    }
    free(exact);
    free(buf);
    return exact == NULL;
}

static unsigned replay_folder(const char *dir, int *failed)
{
    DIR *d = opendir(dir);
    unsigned n = 0;
    char path[4096];

    if (d == NULL) {
        perror(dir);
        return 0;
    }
    for (const struct dirent *e = readdir(d); e != NULL; e = readdir(d)) {
        if (e->d_name[0] == '.')
            continue;
        snprintf(path, sizeof path, "%s/%s", dir, e->d_name);
        *failed |= replay(path);
        n++;
    }
    closedir(d);
    return n;
}

int main(int argc, char **argv)
{
    int failed = 0;

    for (int i = 1; i < argc; i++) {
        unsigned n = replay_folder(argv[i], &failed);

        printf("%s: %u inputs\n", argv[i], n);
        failed |= n == 0; /* a corpus that went missing must not pass */
    }
    return failed;
}
