/* The only C++ of the validator. RE2's own bounds: a pattern's program has a share of max_mem, and so has what matching keeps;
 * past the first the pattern is refused, past the second matching gets slower, but stays linear. */
#include "re2.h"
#include <new>
#include <re2/re2.h>

namespace {

constexpr size_t kMaxPattern = 4096;   // bytes
constexpr int64_t kMaxMem = 1 << 20;   // bytes, of program and state cache

int Open(const char *pattern, size_t n, void **ret, struct hr_error *err)
{
    RE2::Options options;

    if (n > kMaxPattern)
        return hr_error_set(err, HR_ESCHEMA, "a pattern of %zu bytes; at most %zu are taken", n, kMaxPattern);
    options.set_log_errors(false);
    options.set_max_mem(kMaxMem);
    auto *re = new (std::nothrow) RE2(re2::StringPiece(pattern, n), options);
    if (re == nullptr)
        return hr_error_set(err, HR_ENOMEM, "out of memory");
    if (!re->ok()) {
        int r = hr_error_set(err, HR_ESCHEMA, "%s", re->error().c_str());

        delete re;
        return r;
    }
    *ret = re;
    return 0;
}

bool Match(void *re, const uint8_t *p, size_t n)
{
    return RE2::PartialMatch(re2::StringPiece(reinterpret_cast<const char *>(p), n), *static_cast<RE2 *>(re));
}

void Close(void *re) { delete static_cast<RE2 *>(re); }

}  // namespace

const struct hrp_regex hrd_re2 = {Open, Match, Close};
