/* .proto text to a descriptor set. libprotobuf does the work; here are its sources (memory or folders), its errors, and the border.
 *
 * A file that is given wins over a built-in one of the same name: who imports a newer validate.proto gets it, and what we cannot
 * check in it is refused later, by name. */
#include "proto_text_impl.h"
#include <fcntl.h>
#include <filesystem>
#include <google/protobuf/any.pb.h>
#include <google/protobuf/api.pb.h>
#include <google/protobuf/compiler/importer.h>
#include <google/protobuf/compiler/parser.h>
#include <google/protobuf/descriptor.pb.h>
#include <google/protobuf/duration.pb.h>
#include <google/protobuf/empty.pb.h>
#include <google/protobuf/field_mask.pb.h>
#include <google/protobuf/io/tokenizer.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>
#include <google/protobuf/struct.pb.h>
#include <google/protobuf/timestamp.pb.h>
#include <google/protobuf/wrappers.pb.h>
#include <memory>
#include <mutex>
#include <new>
#include <set>
#include <sys/stat.h>
#include <unistd.h>
#include <vector>

namespace pb = google::protobuf;
namespace fs = std::filesystem;
using pb::io::ArrayInputStream;

void proto_text::be_quiet()
{
    static std::once_flag once;

    std::call_once(once, [] { pb::SetLogHandler(nullptr); });
}

/* ---- what is always there ---- */

/* Naming a type of each file keeps it linked, also from a static library. */
static void link_well_known()
{
    (void)pb::Any::descriptor(), (void)pb::Api::descriptor(), (void)pb::Duration::descriptor(), (void)pb::Empty::descriptor();
    (void)pb::FieldMask::descriptor(), (void)pb::Struct::descriptor(), (void)pb::Timestamp::descriptor();
    (void)pb::DoubleValue::descriptor(), (void)pb::FileDescriptorSet::descriptor();
}

static bool parse_text(const unsigned char *text, size_t n, const std::string &name, pb::FileDescriptorProto *out)
{
    class : public pb::io::ErrorCollector {
        void AddError(int, pb::io::ColumnNumber, const std::string &) override {}
    } none;
    ArrayInputStream stream(text, (int)n);
    pb::io::Tokenizer tokens(&stream, &none);
    pb::compiler::Parser parser;

    out->set_name(name);
    if (!parser.Parse(&tokens, out))
        return false;
    out->clear_source_code_info(); /* of interest to nobody: the places are in our own files */
    return true;
}

bool proto_text::Builtin::FindFileByName(const std::string &name, pb::FileDescriptorProto *out)
{
    for (unsigned i = 0; i < hrd_n_proto_builtins; i++)
        if (name == hrd_proto_builtins[i].name)
            return parse_text(hrd_proto_builtins[i].text, hrd_proto_builtins[i].n, name, out);
    if (name.compare(0, 16, "google/protobuf/") != 0)
        return false;
    link_well_known();
    const pb::FileDescriptor *file = pb::DescriptorPool::generated_pool()->FindFileByName(name);
    if (file == nullptr)
        return false;
    file->CopyTo(out);
    file->CopyJsonNameTo(out);
    return true;
}

/* ---- where texts come from ---- */

namespace {

/* Keeps a text alive as long as its stream. */
class TextStream : public pb::io::ZeroCopyInputStream {
  public:
    explicit TextStream(std::string text) : text_(std::move(text)), stream_(text_.data(), (int)text_.size()) {}
    bool Next(const void **data, int *size) override { return stream_.Next(data, size); }
    void BackUp(int count) override { stream_.BackUp(count); }
    bool Skip(int count) override { return stream_.Skip(count); }
    int64_t ByteCount() const override { return stream_.ByteCount(); }

  private:
    std::string text_;
    ArrayInputStream stream_;
};

/* The first error that has a place, and how many came with it. A file that is missing has no place itself: the import has. */
class Errors : public pb::compiler::MultiFileErrorCollector {
  public:
    void AddError(const std::string &file, int line, int column, const std::string &sentence) override
    {
        if (sentence.empty())
            return;
        n_++;
        if (line < 0 && file_.empty())
            missing_ = file + ": " + sentence;
        if (!text_.empty() && (placed_ || line < 0))
            return;
        file_ = file;
        placed_ = line >= 0;
        text_ = placed_ ? file + ":" + std::to_string(line + 1) + ":" + std::to_string(column + 1) + ": " + sentence
                        : file + ": " + sentence;
        if (placed_ && !missing_.empty()) {
            text_ += " (" + missing_ + ")";
            n_--;
        }
    }
    int tell(int code, struct hr_error *err) const
    {
        if (n_ > 1)
            return hr_error_set(err, code, "%.400s (and %u more)", text_.c_str(), n_ - 1);
        return hr_error_set(err, code, "%s", text_.empty() ? "the file could not be read" : text_.c_str());
    }

  private:
    std::string file_, text_, missing_;
    bool placed_ = false;
    unsigned n_ = 0;
};

class Tree : public pb::compiler::SourceTree {
  public:
    explicit Tree(Errors *errors) : errors_(errors) {}
    /* The scan's finding goes out as an error with its place; the file is then as good as missing. */
    pb::io::ZeroCopyInputStream *Open(const std::string &name) override
    {
        std::string text, sentence;
        int line, column;

        why_ = "no such file";
        if (!find(name, &text))
            return nullptr;
        if (++n_files_ > proto_text::max_files) {
            limit = true;
            why_ = "more than 256 files";
        } else if (!proto_text::scan(text.data(), text.size(), &line, &column, &sentence)) {
            errors_->AddError(name, line - 1, column - 1, sentence);
            why_.clear();
        } else {
            return new TextStream(std::move(text));
        }
        return nullptr;
    }
    std::string GetLastErrorMessage() override { return why_; }
    bool limit = false;

  protected:
    /* false: not there, or why_ is set. */
    virtual bool find(const std::string &name, std::string *ret_text) = 0;
    std::string why_;

  private:
    Errors *errors_;
    unsigned n_files_ = 0;
};

class Memory : public Tree {
  public:
    Memory(Errors *errors, const struct hrd_proto_file *files, uint32_t n) : Tree(errors), files_(files), n_(n) {}

  protected:
    bool find(const std::string &name, std::string *ret_text) override
    {
        for (uint32_t i = 0; i < n_; i++) {
            if (name != files_[i].name)
                continue;
            /* One byte more than may be is enough for the scan to refuse it. */
            ret_text->assign(files_[i].text, strnlen(files_[i].text, proto_text::max_file_bytes + 1));
            return true;
        }
        return false;
    }

  private:
    const struct hrd_proto_file *files_;
    uint32_t n_;
};

class Folders : public Tree {
  public:
    Folders(Errors *errors, const char *const *dirs, uint32_t n) : Tree(errors)
    {
        for (uint32_t i = 0; i < n; i++)
            dirs_.push_back(plain(dirs[i]));
        if (n == 0)
            dirs_.push_back(plain("."));
    }
    /* The name under which others import the file at path: below one of the folders, else looked up as it is. */
    std::string name_of(const char *path)
    {
        fs::path file = plain(path);

        for (const fs::path &dir : dirs_) {
            std::string name = file.lexically_relative(dir).generic_string();
            if (!name.empty() && name != "." && name.compare(0, 2, "..") != 0 && access(file.c_str(), F_OK) == 0)
                return name;
        }
        return path;
    }

  protected:
    bool find(const std::string &name, std::string *ret_text) override
    {
        if (name.empty() || name[0] == '/' || ("/" + name + "/").find("/../") != std::string::npos) {
            why_ = "not below the folders of imports (-I)";
            return false;
        }
        for (const fs::path &dir : dirs_)
            if (read(dir / name, ret_text))
                return true;
        return false;
    }

  private:
    static fs::path plain(const char *path)
    {
        std::error_code ec;
        fs::path p = fs::absolute(*path != '\0' ? path : ".", ec).lexically_normal();

        return p.has_filename() ? p : p.parent_path();
    }
    /* Links are followed, as build systems put sources together with them; what is read is a regular file. */
    bool read(const fs::path &path, std::string *ret_text)
    {
        char *real = realpath(path.c_str(), nullptr);
        struct stat st;
        uint8_t *p = nullptr;
        size_t n = 0;
        int r;

        if (real == nullptr)
            return false;
        if (stat(real, &st) != 0 || !S_ISREG(st.st_mode))
            r = HR_ENOENT;
        else
            r = hrp_read_file_at(AT_FDCWD, real, proto_text::max_file_bytes + 1, &p, &n);
        free(real);
        if (r == 0)
            ret_text->assign((const char *)p, n);
        else if (r == HR_ETOOBIG)
            why_ = "larger than 1 MiB";
        else
            why_ = r == HR_ENOENT ? "not a file" : "cannot be read";
        hrp_free(p);
        return r == 0;
    }
    std::vector<fs::path> dirs_;
};

/* ---- the set ---- */

void put_file(const pb::FileDescriptor *file, std::set<const pb::FileDescriptor *> *done, pb::FileDescriptorSet *set)
{
    pb::FileDescriptorProto *out;

    if (!done->insert(file).second)
        return;
    for (int i = 0; i < file->dependency_count(); i++) /* as deep as imports go: at most max_files */
        put_file(file->dependency(i), done, set);
    out = set->add_file();
    file->CopyTo(out);
    file->CopyJsonNameTo(out);
    file->CopySourceCodeInfoTo(out);
}

int parse(Tree *tree, Errors *errors, const std::string &name, struct hrp_buf *ret_set, struct hr_error *err)
{
    proto_text::Builtin builtin;
    pb::compiler::SourceTreeDescriptorDatabase sources(tree, &builtin);
    pb::FileDescriptorSet set;
    std::set<const pb::FileDescriptor *> done;
    std::string bytes;
    const pb::FileDescriptor *file;

    proto_text::be_quiet();
    sources.RecordErrorsTo(errors);
    pb::DescriptorPool pool(&sources, sources.GetValidationErrorCollector());
    pool.EnforceWeakDependencies(true);
    file = pool.FindFileByName(name);
    if (file == nullptr)
        return errors->tell(tree->limit ? HR_ELIMIT : HR_ESCHEMA, err);
    put_file(file, &done, &set);
    if (set.ByteSizeLong() > proto_text::max_set_bytes)
        return hr_error_set(err, HR_ELIMIT, "%s: the descriptor set takes more than 16 MiB", name.c_str());
    if (!set.SerializeToString(&bytes))
        return hr_error_set(err, HR_ESCHEMA, "%s: the descriptor set cannot be written", name.c_str());
    hrp_put_bytes(ret_set, bytes.data(), bytes.size());
    return ret_set->err != 0 ? hr_error_set(err, ret_set->err, "out of memory") : 0;
}

} // namespace

int hrd_proto_parse(const struct hrd_proto_file *files, uint32_t n_files, struct hrp_buf *ret_set, struct hr_error *err)
{
    if (n_files == 0)
        return hr_error_set(err, HR_EINVAL, "no file to parse");
    return proto_text::guarded(err, [&] {
        Errors errors;
        Memory tree(&errors, files, n_files);

        return parse(&tree, &errors, files[0].name, ret_set, err);
    });
}

int hrd_proto_parse_path(const char *path, const char *const *dirs, uint32_t n_dirs, struct hrp_buf *ret_set, struct hr_error *err)
{
    return proto_text::guarded(err, [&] {
        Errors errors;
        Folders tree(&errors, dirs, n_dirs);

        return parse(&tree, &errors, tree.name_of(path), ret_set, err);
    });
}
