/* A file of a descriptor set as text. An option is a name only to who knows its extension: so the whole set goes into a pool,
 * options' own files among it, and DebugString finds them there. */
#include "proto_text_impl.h"
#include <google/protobuf/descriptor.h>
#include <google/protobuf/descriptor.pb.h>

namespace pb = google::protobuf;

namespace {

class FirstError : public pb::DescriptorPool::ErrorCollector {
  public:
    void AddError(const std::string &file, const std::string &element, const pb::Message *, ErrorLocation, const std::string &sentence) override
    {
        if (text.empty())
            text = file + ": " + element + ": " + sentence;
    }
    std::string text;
};

/* The set first, then what is built in: a set may come without the files that everybody has. */
class SetFiles : public pb::DescriptorDatabase {
  public:
    explicit SetFiles(const pb::FileDescriptorSet &set) : set_(set) {}
    bool FindFileByName(const std::string &name, pb::FileDescriptorProto *out) override
    {
        for (const pb::FileDescriptorProto &file : set_.file()) {
            if (file.name() != name)
                continue;
            *out = file;
            return true;
        }
        return builtin_.FindFileByName(name, out);
    }
    bool FindFileContainingSymbol(const std::string &, pb::FileDescriptorProto *) override { return false; }
    bool FindFileContainingExtension(const std::string &, int, pb::FileDescriptorProto *) override { return false; }

  private:
    const pb::FileDescriptorSet &set_;
    proto_text::Builtin builtin_;
};

const pb::FileDescriptorProto *find(const pb::FileDescriptorSet &set, const char *name)
{
    for (const pb::FileDescriptorProto &file : set.file())
        if (file.name() == name)
            return &file;
    return nullptr;
}

int print(const pb::FileDescriptorSet &set, const char *name, struct hrp_buf *ret_text, struct hr_error *err)
{
    const pb::FileDescriptorProto *proto = find(set, name);
    SetFiles files(set);
    FirstError error;
    pb::DescriptorPool pool(&files, &error);
    pb::DebugStringOptions how;
    const pb::FileDescriptor *file;
    std::string text;

    if (proto == nullptr)
        return hr_error_set(err, HR_ENOENT, "%s: the set has no such file", name);
    if (!proto->syntax().empty() && proto->syntax() != "proto2" && proto->syntax() != "proto3")
        return hr_error_set(err, HR_ESCHEMA, "%s: text is written of proto2 and proto3 files; take the descriptor of this one", name);
    (void)pool.FindFileByName("google/protobuf/descriptor.proto"); /* options are read through the pool's own */
    file = pool.FindFileByName(name);
    if (file == nullptr)
        return hr_error_set(err, HR_ESCHEMA, "%s", error.text.empty() ? "a file that it imports is not in the set" : error.text.c_str());
    how.include_comments = true;
    text = file->DebugStringWithOptions(how);
    hrp_put_bytes(ret_text, text.data(), text.size());
    return ret_text->err != 0 ? hr_error_set(err, ret_text->err, "out of memory") : 0;
}

} // namespace

int hrd_proto_print(const uint8_t *set_bytes, size_t n, const char *file, struct hrp_buf *ret_text, struct hr_error *err)
{
    return proto_text::guarded(err, [&] {
        pb::FileDescriptorSet set;

        proto_text::be_quiet();
        if (n > proto_text::max_set_bytes)
            return hr_error_set(err, HR_ELIMIT, "the descriptor set takes more than 16 MiB");
        if (!set.ParseFromArray(set_bytes, (int)n))
            return hr_error_set(err, HR_ECORRUPT, "not a descriptor set");
        return print(set, file, ret_text, err);
    });
}
