#include "editions.h"
#include "bytes.h"
#include "wire_check.h"
#include <string.h>

enum { FILE_EDITION = 14, EDITION_2023 = 1000, EDITION_2024 = 1001 };

static const struct hrp_features proto2 = {.presence = HRP_PRESENCE_EXPLICIT, .closed = true, .unverified = true};
static const struct hrp_features proto3 = {.presence = HRP_PRESENCE_IMPLICIT, .packed = true};
static const struct hrp_features edition = {.presence = HRP_PRESENCE_EXPLICIT, .packed = true, .edition = true}; /* 2023 and 2024 */

/* Of an enum with two values: its field's number in FeatureSet has been read, `yes` is the value that sets *io. */
static bool set_flag(uint64_t v, uint64_t no, uint64_t yes, bool *io)
{
    *io = v == yes;
    return v == no || v == yes;
}

static bool set_feature(uint64_t number, uint64_t v, struct hrp_features *io)
{
    switch (number) {
    case 1: /* field_presence */
        io->presence = (uint8_t)v;
        return v >= HRP_PRESENCE_EXPLICIT && v <= HRP_PRESENCE_REQUIRED;
    case 2: /* enum_type: OPEN, CLOSED */
        return set_flag(v, 1, 2, &io->closed);
    case 3: /* repeated_field_encoding: PACKED, EXPANDED */
        return set_flag(v, 2, 1, &io->packed);
    case 4: /* utf8_validation: VERIFY, NONE */
        return set_flag(v, 2, 3, &io->unverified);
    case 5: /* message_encoding: LENGTH_PREFIXED, DELIMITED */
        return set_flag(v, 1, 2, &io->delimited);
    default: /* of JSON, of names, of languages: nothing that rows depend on */
        return true;
    }
}

static bool read_set(const uint8_t *p, size_t n, struct hrp_features *io)
{
    struct hrp_reader r = hrp_reader(p, n);
    bool good = true;

    while (good && hrp_reader_left(&r) != 0) {
        uint64_t tag = hrp_read_varint(&r);

        if ((tag & 7) == HRP_WIRE_VARINT)
            good = set_feature(tag >> 3, hrp_read_varint(&r), io);
        else
            good = hrp_wire_skip(&r, tag);
    }
    return good && !r.bad;
}

void hrp_features_overlay(const ProtobufCMessage *options, uint32_t number, struct hrp_features *io)
{
    if (options == NULL || !io->edition)
        return;
    for (unsigned i = 0; i < options->n_unknown_fields; i++) {
        const ProtobufCMessageUnknownField *u = &options->unknown_fields[i];
        struct hrp_reader r = hrp_reader(u->data, u->len);
        size_t n;
        const uint8_t *p;

        if (u->tag != number)
            continue;
        p = hrp_read_lenbytes(&r, &n);
        if (u->wire_type != PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED || p == NULL || !read_set(p, n, io))
            io->bad = true;
    }
}

static uint64_t edition_of(const Google__Protobuf__FileDescriptorProto *f)
{
    uint64_t v = 0;

    for (unsigned i = 0; i < f->base.n_unknown_fields; i++) {
        const ProtobufCMessageUnknownField *u = &f->base.unknown_fields[i];
        struct hrp_reader r = hrp_reader(u->data, u->len);

        if (u->tag == FILE_EDITION && u->wire_type == PROTOBUF_C_WIRE_TYPE_VARINT)
            v = hrp_read_varint(&r);
    }
    return v;
}

const char *hrp_features_of_file(const Google__Protobuf__FileDescriptorProto *f, struct hrp_features *ret)
{
    const char *syntax = f->syntax != NULL ? f->syntax : "";

    *ret = strcmp(syntax, "proto3") == 0 ? proto3 : strcmp(syntax, "editions") == 0 ? edition : proto2;
    if (!ret->edition)
        return *syntax == '\0' || !ret->closed || strcmp(syntax, "proto2") == 0 ? NULL : "its syntax is none of proto2, proto3 and editions";
    if (edition_of(f) != EDITION_2023 && edition_of(f) != EDITION_2024)
        return "its edition is none of 2023 and 2024";
    hrp_features_overlay(f->options != NULL ? &f->options->base : NULL, HRP_FEATURES_FILE, ret);
    return ret->bad ? "a feature that this version does not know" : NULL;
}
