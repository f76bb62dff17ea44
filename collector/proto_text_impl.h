/* What the parts of proto_text share. C++, and included by nobody else. */
#ifndef HRD_PROTO_TEXT_IMPL_H
#define HRD_PROTO_TEXT_IMPL_H
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <google/protobuf/descriptor_database.h>
#include <string>

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wshadow" /* a struct and a function of one name are two things in C */
extern "C" {
#include "alloc.h"
#include "bytes.h"
#include "io.h"
}
#pragma GCC diagnostic pop
#include "proto_text.h"

namespace proto_text {

/* What a text may hold. libprotobuf recurses by nesting, compares every pair of reserved ranges and of options of one element, and
 * keeps each element's full name: time is bounded by the first three, memory by the product of names and the count of `=`. */
constexpr size_t max_file_bytes = 1u << 20;
constexpr int max_nesting = 64;
constexpr unsigned max_ranges = 4096;
constexpr unsigned max_options = 4096; /* of a list in brackets; statements of a file */
constexpr unsigned max_equals = 32768; /* fields, constants, options */
constexpr size_t max_name_bytes = 256;
constexpr size_t max_names_bytes = 64u << 20; /* of all full names */
constexpr unsigned max_files = 256;
constexpr size_t max_set_bytes = 16u << 20;

/* Is the text within these bounds, and one that the parser knows? false: ret_line and ret_column (from 1) and a sentence. */
bool scan(const char *text, size_t n, int *ret_line, int *ret_column, std::string *ret_sentence);

/* Files that are always there: google/protobuf of the library itself, and ours, compiled in. */
class Builtin : public google::protobuf::DescriptorDatabase {
  public:
    bool FindFileByName(const std::string &name, google::protobuf::FileDescriptorProto *out) override;
    bool FindFileContainingSymbol(const std::string &, google::protobuf::FileDescriptorProto *) override { return false; }
    bool FindFileContainingExtension(const std::string &, int, google::protobuf::FileDescriptorProto *) override { return false; }
};

void be_quiet(); /* the library writes warnings to stderr; what matters comes as an error */

/* Runs fn, which answers 0 or HR_E*; no exception passes. */
template <typename Fn> int guarded(struct hr_error *err, Fn fn) noexcept
{
    try {
        return fn();
    } catch (const std::bad_alloc &) {
        return hr_error_set(err, HR_ENOMEM, "out of memory");
    } catch (const std::exception &e) {
        return hr_error_set(err, HR_ESCHEMA, "the parser gave up: %s", e.what());
    } catch (...) {
        return hr_error_set(err, HR_ESCHEMA, "the parser gave up");
    }
}

} // namespace proto_text

/* Made by proto_embed.cmake. */
extern "C" {
struct hrd_proto_builtin {
    const char *name;
    const unsigned char *text;
    unsigned n;
};
extern const struct hrd_proto_builtin hrd_proto_builtins[];
extern const unsigned hrd_n_proto_builtins;
}
#endif
