/* protoc-gen-headrace: protoc runs it for --headrace_out, writes a request to its stdin and reads the answer from its
 * stdout. What is wrong with a .proto is part of the answer (protoc prints it and fails); only a request that cannot be
 * read, or an answer that cannot be written, ends the program with 1. */
#include "alloc.h"
#include "frame.h"
#include "gen.h"
#include <gen/plugin.pb-c.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

typedef Headrace__Gen__Request request_pb;

enum { FIELD_ERROR = 1 << 3 | 2, FIELD_FEATURES = 2 << 3, FIELD_FILE = 15 << 3 | 2, FILE_NAME = 1 << 3 | 2, FILE_CONTENT = 15 << 3 | 2 };
enum { FEATURE_PROTO3_OPTIONAL = 1 };

static int read_all(struct hrp_buf *in)
{
    for (;;) {
        uint8_t *p = hrp_buf_reserve(in, 65536);
        ssize_t n = p != NULL ? read(STDIN_FILENO, p, 65536) : -1;

        if (n <= 0)
            return n == 0 ? 0 : HR_EIO;
        in->n += (size_t)n;
    }
}

static bool named(const request_pb *req, const char *name)
{
    for (size_t i = 0; i < req->n_file_to_generate; i++)
        if (strcmp(req->file_to_generate[i], name) == 0)
            return true;
    return false;
}

static char *base_of(const char *name)
{
    char *base = gen_fmt("%s", name);
    size_t n = strlen(base);

    if (n > 6 && strcmp(base + n - 6, ".proto") == 0)
        base[n - 6] = '\0';
    return base;
}

static int add_file(struct gen *g, const request_pb *req, const ProtobufCBinaryData *bytes, struct hr_error *err)
{
    struct gen_file *f = &g->files[g->n_files];

    f->d = google__protobuf__file_descriptor_proto__unpack(NULL, bytes->len, bytes->data);
    if (f->d == NULL || f->d->name == NULL)
        return hr_error_set(err, HR_ECORRUPT, "protoc sent a file that cannot be read");
    g->n_files++;
    f->base = base_of(f->d->name);
    f->wanted = named(req, f->d->name);
    hrp_put_u8(&g->set, 1 << 3 | 2); /* FileDescriptorSet.file */
    hrp_put_lenbytes(&g->set, bytes->data, bytes->len);
    return g->set.err;
}

static void put_file(struct hrp_buf *out, const char *name, const struct hrp_buf *text)
{
    struct hrp_buf file = HRP_BUF_INIT;

    hrp_put_u8(&file, FILE_NAME);
    hrp_put_str(&file, name);
    hrp_put_u8(&file, FILE_CONTENT);
    hrp_put_lenbytes(&file, text->p, text->n);
    if (file.err != 0 || text->err != 0)
        out->err = HR_ENOMEM;
    hrp_put_u8(out, FIELD_FILE);
    hrp_put_lenbytes(out, file.p, file.n);
    hrp_buf_fini(&file);
}

static void put_files(struct gen *g, struct hrp_buf *out)
{
    for (uint32_t i = 0; i < g->n_files; i++) {
        const struct gen_file *f = &g->files[i];
        struct hrp_buf text = HRP_BUF_INIT;

        if (f->wanted || f->given) {
            gen_header(g, f, &text);
            put_file(out, gen_fmt("%s.headrace.h", f->base), &text);
        }
        hrp_buf_clear(&text);
        if (f->wanted) {
            gen_source(g, f, &text);
            put_file(out, gen_fmt("%s.headrace.c", f->base), &text);
            hrp_buf_clear(&text);
            gen_hpp(g, f, &text);
            put_file(out, gen_fmt("%s.headrace.hpp", f->base), &text);
        }
        hrp_buf_fini(&text);
    }
}

static int answer(struct gen *g, const request_pb *req, struct hrp_buf *out, struct hr_error *err)
{
    int r = 0;

    if (req->parameter != NULL && req->parameter[0] != '\0')
        return hr_error_set(err, HR_EINVAL, "--headrace_out takes no parameters, got \"%s\"", req->parameter);
    g->files = gen_alloc(req->n_proto_file * sizeof *g->files);
    for (size_t i = 0; r == 0 && i < req->n_proto_file; i++)
        r = add_file(g, req, &req->proto_file[i], err);
    if (r == 0)
        r = gen_model(g, err);
    if (r == 0)
        r = gen_sets(g, err);
    if (r == 0)
        put_files(g, out);
    return r;
}

static void free_files(struct gen *g)
{
    for (uint32_t i = 0; i < g->n_files; i++)
        google__protobuf__file_descriptor_proto__free_unpacked((gen_file_pb *)g->files[i].d, NULL);
    hrp_buf_fini(&g->set);
}

static int run(const struct hrp_buf *in, struct hrp_buf *out)
{
    request_pb *req = headrace__gen__request__unpack(NULL, in->n, in->p);
    struct hr_error err = {0};
    struct gen g = {0};

    if (req == NULL)
        return HR_ECORRUPT;
    hrp_put_u8(out, FIELD_FEATURES);
    hrp_put_varint(out, FEATURE_PROTO3_OPTIONAL);
    if (answer(&g, req, out, &err) != 0) {
        hrp_put_u8(out, FIELD_ERROR);
        hrp_put_str(out, err.text[0] != '\0' ? err.text : hr_strerror(HR_ENOMEM));
    }
    free_files(&g);
    gen_arena_fini();
    headrace__gen__request__free_unpacked(req, NULL);
    return out->err;
}

static bool asks(int argc, char **argv, const char *what)
{
    return argc == 2 && strcmp(argv[1], what) == 0;
}

int main(int argc, char **argv)
{
    struct hrp_buf in = HRP_BUF_INIT, out = HRP_BUF_INIT;
    int r;

    if (asks(argc, argv, "--version"))
        return puts("protoc-gen-headrace " HEADRACE_VERSION) < 0;
    if (argc > 1) {
        fputs("protoc-gen-headrace is run by protoc:\n  protoc --headrace_out=DIR shop.proto\n", argc == 2 && asks(argc, argv, "--help") ? stdout : stderr);
        return asks(argc, argv, "--help") ? 0 : 2;
    }
    r = read_all(&in);
    if (r == 0)
        r = run(&in, &out);
    if (r == 0 && (fwrite(out.p, 1, out.n, stdout) != out.n || fflush(stdout) != 0))
        r = HR_EIO;
    if (r != 0)
        fprintf(stderr, "protoc-gen-headrace: %s\n", hr_strerror(r));
    hrp_buf_fini(&in);
    hrp_buf_fini(&out);
    return r != 0;
}
