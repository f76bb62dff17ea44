/* Names of a .proto as names of C.
 *
 * A message or enum gets its package before it, in snake_case, since C has no namespaces: shop.CheckoutCompleted is
 * shop_checkout_completed. Runs of capitals are one word: HTTPRequest is http_request. Members keep the .proto's name.
 * What would be a keyword in C or in C++, a macro of the usual headers, or a type that our headers use, gets a '_' at its
 * end. */
#include "gen.h"
#include <ctype.h>
#include <string.h>

static const char *const reserved[] = {
    "EOF", "INFINITY", "INT32_MAX", "NAN", "NULL", "SIZE_MAX", "alignas", "alignof", "and", "and_eq", "asm", "assert",
    "auto", "bitand", "bitor", "bool", "break", "case", "catch", "char", "char16_t", "char32_t", "char8_t", "class",
    "co_await", "co_return", "co_yield", "compl", "concept", "const", "const_cast", "consteval", "constexpr", "constinit",
    "continue", "decltype", "default", "delete", "do", "double", "dynamic_cast", "else", "enum", "errno", "explicit",
    "export", "extern", "false", "float", "for", "friend", "goto", "hr_bytes", "hr_client", "hr_errno", "hr_error",
    "hr_options", "hr_row", "hr_stat", "hr_type", "if", "inline", "int", "int32_t", "int64_t", "linux", "long", "mutable",
    "namespace", "new", "noexcept", "not", "not_eq", "nullptr", "offsetof", "operator", "or", "or_eq", "private",
    "protected", "public", "register", "reinterpret_cast", "requires", "restrict", "return", "short", "signed", "size_t",
    "sizeof", "static", "static_assert", "static_cast", "stderr", "stdin", "stdout", "struct", "switch", "template", "this",
    "thread_local", "throw", "true", "try", "typedef", "typeid", "typename", "typeof", "typeof_unqual", "uint32_t",
    "uint64_t", "uint8_t", "union", "unix", "unsigned", "using", "virtual", "void", "volatile", "wchar_t", "while", "xor",
    "xor_eq",
};

const char *gen_safe(const char *name)
{
    for (size_t i = 0; i < sizeof reserved / sizeof reserved[0]; i++)
        if (strcmp(name, reserved[i]) == 0)
            return gen_fmt("%s_", name);
    return name;
}

static bool word_starts(const char *name, size_t i)
{
    if (i == 0 || !isupper((unsigned char)name[i]) || name[i - 1] == '_' || name[i - 1] == '.')
        return false;
    if (!isupper((unsigned char)name[i - 1]))
        return true;
    return islower((unsigned char)name[i + 1]) != 0; /* the R of HTTPRequest */
}

const char *gen_snake(const char *name)
{
    size_t n = strlen(name);
    char *s = gen_alloc(2 * n + 1), *p = s;

    for (size_t i = 0; i < n; i++) {
        if (word_starts(name, i))
            *p++ = '_';
        *p++ = name[i] == '.' ? '_' : (char)tolower((unsigned char)name[i]);
    }
    return s;
}

const char *gen_upper(const char *snake)
{
    char *s = gen_fmt("%s", snake);

    for (char *p = s; *p != '\0'; p++)
        *p = (char)toupper((unsigned char)*p);
    return s;
}

const char *gen_free_name(const char *name, const char *const *taken, uint32_t n_taken)
{
    for (uint32_t i = 0; i < n_taken; i++)
        if (strcmp(name, taken[i]) == 0)
            return gen_free_name(gen_fmt("%s_", name), taken, n_taken);
    return name;
}
