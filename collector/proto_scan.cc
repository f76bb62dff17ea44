/* A look at the tokens before the parser sees them: it recurses with nesting, so nesting is counted here, without recursion.
 *
 * Full names are what a hostile text can blow up: 80,000 fields in a message whose name has a megabyte take 80 GB. So the
 * length of the open scopes is carried along, and each name costs as much as its full name would. */
#include "proto_text_impl.h"
#include <google/protobuf/io/tokenizer.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>
#include <vector>

using google::protobuf::io::Tokenizer;

namespace {

/* The parser reports what the tokenizer finds; here only the bounds matter. */
class Deaf : public google::protobuf::io::ErrorCollector {
  public:
    void AddError(int, google::protobuf::io::ColumnNumber, const std::string &) override {}
};

struct Scan {
    std::vector<size_t> scopes; /* length of the full name at each open bracket */
    size_t package_bytes = 0;   /* of the scope outside all brackets */
    size_t names_bytes = 0;
    size_t last_name_bytes = 0;
    unsigned n_ranges = 0, n_statements = 0, n_equals = 0;
    unsigned in_list = 0, n_list = 0; /* depth in brackets, and what the outermost holds */
    bool in_package = false, in_ranges = false, first = true;
    std::string sentence;

    size_t scope() const { return scopes.empty() ? package_bytes : scopes.back(); }
    bool refuse(const char *why)
    {
        sentence = why;
        return false;
    }
    bool name(const std::string &text)
    {
        if (first && text == "edition")
            return refuse("text must be proto2 or proto3; a file of an edition comes as a descriptor set, made by a newer protoc or buf");
        if (text.size() > proto_text::max_name_bytes)
            return refuse("a name is longer than 256 bytes");
        if (in_package)
            package_bytes += text.size() + 1;
        if (text == "package" && scopes.empty())
            in_package = true;
        else if (text == "reserved" || text == "extensions")
            in_ranges = true;
        else if (text == "option" && ++n_statements > proto_text::max_options)
            return refuse("more than 4,096 option statements");
        last_name_bytes = text.size();
        names_bytes += scope() + text.size();
        return names_bytes <= proto_text::max_names_bytes || refuse("the full names of its elements take more than 64 MiB");
    }
    bool open(char c)
    {
        if (scopes.size() == (size_t)proto_text::max_nesting)
            return refuse("nested deeper than 64 levels");
        scopes.push_back(scope() + (c == '{' ? last_name_bytes + 1 : 0));
        if (c == '[' && in_list++ == 0)
            n_list = 0;
        return true;
    }
    bool close(char c)
    {
        if (!scopes.empty())
            scopes.pop_back();
        in_list -= c == ']' && in_list > 0;
        return true;
    }
    /* One more of what a comma or a semicolon ends. */
    bool next(char c)
    {
        if (in_ranges && ++n_ranges > proto_text::max_ranges)
            return refuse("more than 4,096 reserved or extension ranges");
        if (in_list > 0 && ++n_list > proto_text::max_options)
            return refuse("more than 4,096 options in one list");
        if (c == ';')
            in_ranges = in_package = false;
        return true;
    }
    bool symbol(char c)
    {
        switch (c) {
        case '{': case '[': case '(': case '<': return open(c);
        case '}': case ']': case ')': case '>': return close(c);
        case ',': case ';': return next(c);
        case '=': return ++n_equals <= proto_text::max_equals || refuse("more than 32,768 fields, constants and options");
        default: return true;
        }
    }
    bool token(const Tokenizer::Token &t)
    {
        bool ok = true;

        if (t.type == Tokenizer::TYPE_IDENTIFIER)
            ok = name(t.text);
        else if (t.type == Tokenizer::TYPE_SYMBOL)
            ok = symbol(t.text[0]);
        first = false;
        return ok;
    }
};

} // namespace

bool proto_text::scan(const char *text, size_t n, int *ret_line, int *ret_column, std::string *ret_sentence)
{
    Deaf deaf;
    Scan s;

    *ret_line = *ret_column = 1;
    if (n > max_file_bytes) {
        *ret_sentence = "the file is larger than 1 MiB";
        return false;
    }
    google::protobuf::io::ArrayInputStream stream(text, (int)n);
    Tokenizer tokens(&stream, &deaf);
    while (tokens.Next()) {
        if (s.token(tokens.current()))
            continue;
        *ret_line = tokens.current().line + 1;
        *ret_column = tokens.current().column + 1;
        *ret_sentence = s.sentence;
        return false;
    }
    return true;
}
