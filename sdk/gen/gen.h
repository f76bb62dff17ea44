/* protoc-gen-headrace: reads what protoc parsed, refuses by place, writes a header and a source for each file.
 *
 * plugin.c takes the request apart and answers; model.c makes the model below; place.c finds lines and comments in
 * SourceCodeInfo; names.c turns names of a .proto into names of C; header.c and source.c write. A program that lives for
 * a moment: what it allocates lies in one arena until the end, and no memory ends it with a sentence. */
#ifndef HRS_GEN_H
#define HRS_GEN_H
#include "bytes.h"
#include "errors.h"
#include <google/protobuf/descriptor.pb-c.h>

typedef Google__Protobuf__FileDescriptorProto gen_file_pb;
typedef Google__Protobuf__DescriptorProto gen_msg_pb;
typedef Google__Protobuf__FieldDescriptorProto gen_field_pb;
typedef Google__Protobuf__EnumDescriptorProto gen_enum_pb;

/* Where something is declared: the path of SourceCodeInfo (descriptor.proto, message Location). */
struct gen_path {
    uint32_t n;
    int32_t at[80]; /* two numbers a level; protoc itself refuses messages nested deeper than 32 */
};

enum gen_kind { /* how a value is put on the wire */
    GEN_VARINT,  /* int32 int64 uint32 uint64 enum */
    GEN_ZIGZAG,  /* sint32 sint64 */
    GEN_BOOL,
    GEN_FIXED32, /* fixed32 sfixed32 */
    GEN_FIXED64,
    GEN_FLOAT,
    GEN_DOUBLE,
    GEN_BYTES, /* string bytes */
    GEN_MESSAGE,
};

struct gen_field {
    const gen_field_pb *d;
    struct gen_path path;
    enum gen_kind kind;
    const char *name; /* of the struct's member */
    const char *aux;  /* has_x, n_x; NULL: none */
    bool repeated, packed;
    bool always;          /* written even when zero: required, and both fields of a map entry */
    uint32_t oneof;       /* index + 1 of a real oneof; 0: none */
    const char *constant; /* oneof member: the constant of its case */
    const char *said;     /* what headrace.field says of it; NULL: nothing */
    const struct gen_msg *msg;
    const struct gen_enum *enm;
};

struct gen_oneof {
    struct gen_path path;
    const char *name;     /* of the union */
    const char *aux;      /* x_case */
    const char *type;     /* of the case: enum `type` */
    const char *constant; /* nothing is set */
};

struct gen_msg {
    const gen_msg_pb *d;
    struct gen_file *file;
    struct gen_path path;
    const char *full_name; /* shop.CheckoutCompleted */
    const char *name;      /* shop_checkout_completed */
    struct gen_field *fields; /* [d->n_field], by number */
    struct gen_oneof *oneofs; /* [n_oneofs], real ones */
    uint32_t n_oneofs;
    const char *time_name; /* an event's own event_time_ns; NULL: no event */
    bool recursive;        /* can contain itself */
    bool is_entry;         /* of a map */
    uint32_t mark;         /* of the walk that last came by */
    const uint8_t *set;    /* events: the canonical descriptor set */
    size_t n_set;
};

struct gen_enum {
    const gen_enum_pb *d;
    struct gen_file *file;
    struct gen_path path;
    const char *full_name;
    const char *name;
    const char **constants; /* [d->n_value] */
};

struct gen_file {
    const gen_file_pb *d;
    const char *base; /* "shop" of shop.proto */
    bool wanted;      /* named on protoc's command line: header, source, log functions */
    bool given;       /* of google.protobuf and used by a wanted file: its header is written too */
    struct gen_file **uses; /* [n_uses]: files whose types stand in this one's structs */
    uint32_t n_uses;
};

struct gen {
    struct gen_file *files;
    struct gen_msg *msgs; /* of all files, in declaration order, an outer one before its inner ones */
    struct gen_enum *enums;
    uint32_t n_files, n_msgs, n_enums;
    uint32_t mark;
    struct hrp_buf set; /* all files as one FileDescriptorSet */
};

/* ---- arena.c ---- */
void *gen_alloc(size_t n_bytes); /* zeroed, never NULL, freed by gen_arena_fini */
char *gen_fmt(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void gen_arena_fini(void);

/* ---- names.c ---- */
const char *gen_snake(const char *name);              /* shop.HTTPRequest -> shop_http_request */
const char *gen_upper(const char *snake);             /* -> SHOP_HTTP_REQUEST */
const char *gen_safe(const char *name);               /* a word of C, C++ or a usual macro gets a '_' */
const char *gen_free_name(const char *name, const char *const *taken, uint32_t n_taken); /* '_' appended until it is free */

/* ---- place.c ---- */
struct gen_path gen_path_at(const struct gen_path *p, int32_t field, int32_t index);
/* "shop.proto:14:3", or "shop.proto" where protoc did not say. */
const char *gen_place(const struct gen_file *f, const struct gen_path *p);
/* Comments of a declaration, without comment marks: before and behind it; "" where there are none. */
void gen_comments(const struct gen_file *f, const struct gen_path *p, const char **ret_before, const char **ret_behind);

/* ---- model.c ---- */
/* HR_ESCHEMA: err says where and why. Afterwards names, kinds and marks are settled; the sets are not made yet. */
int gen_model(struct gen *g, struct hr_error *err);
struct gen_msg *gen_find_msg(const struct gen *g, const char *full_name); /* a leading dot is fine; NULL: none */
/* ---- sets.c ---- */
int gen_sets(struct gen *g, struct hr_error *err); /* descriptor sets of all events, checked by the schema model */

/* ---- header.c, source.c ---- */
void gen_header(const struct gen *g, const struct gen_file *f, struct hrp_buf *out);
void gen_source(struct gen *g, const struct gen_file *f, struct hrp_buf *out);
/* ---- hpp.c ---- */
void gen_hpp(const struct gen *g, const struct gen_file *f, struct hrp_buf *out);
/* shared by the three */
bool gen_implicit(const struct gen_field *f); /* no has_x: a zero is left out */
const char *gen_c_type(const struct gen_field *f);                          /* "int32_t ", "const struct shop_money *" */
const struct gen_field *gen_declared(const struct gen_msg *m, size_t i);    /* the i-th as the file has them */
const char *gen_guard(const struct gen_file *f, const char *suffix);        /* SHOP_HEADRACE_H */
void gen_put_above(struct hrp_buf *out, const struct gen_file *f, const struct gen_path *p, const char *indent);
void gen_put_line_end(struct hrp_buf *out, const struct gen_file *f, const struct gen_path *p);
#endif
