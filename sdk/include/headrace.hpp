/* libheadrace for C++17: a client that closes itself, and what the generated X.headrace.hpp stands on. Header only, over the C
 * library; nothing throws, errors are the HR_E* values of headrace.h.
 *
 *     #include "shop.headrace.hpp"
 *
 *     headrace::Options opt;
 *     opt.set("app", "checkout");
 *     opt.set("spool_dir", "/var/lib/checkout/spool");
 *
 *     headrace::Client client;
 *     if (headrace::Error err; client.open(opt, &err) != 0)
 *         return std::cerr << err.text << '\n', 1;
 *
 *     shop::CheckoutCompleted event;
 *     event.order_id = "A-17";
 *     event.amount = 12.5;
 *     log(client, event);             // found by the event's namespace; never blocks
 */
#ifndef HEADRACE_HPP
#define HEADRACE_HPP

#include <headrace.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

namespace headrace {

using Error = ::hr_error; /* .code, .text; filled on failure only */

/* A string in a nested message or in a list, which are the C structs. Borrowed. */
inline ::hr_bytes bytes(std::string_view s) noexcept { return ::hr_bytes{s.data(), s.size()}; }

/* A list, borrowed for the log call: of an array, a std::vector, a std::array, or pointer and length. T is const. C++20 has
 * std::span; this is as much of it as is needed. */
template <class T>
class span {
public:
    constexpr span() noexcept = default;
    constexpr span(T *p, std::size_t n) noexcept : p_(p), n_(n) {}
    template <std::size_t N>
    constexpr span(T (&array)[N]) noexcept : p_(array), n_(N) {}
    template <class C, class P = decltype(std::declval<const C &>().data()),
              class = std::enable_if_t<std::is_convertible_v<P, T *> && sizeof(*std::declval<P>()) == sizeof(T)>>
    constexpr span(const C &c) noexcept : p_(c.data()), n_(c.size()) {}

    constexpr T *data() const noexcept { return p_; }
    constexpr std::size_t size() const noexcept { return n_; }

private:
    T *p_ = nullptr;
    std::size_t n_ = 0;
};

/* Options by name, as hr_options_set has them. */
class Options {
public:
    Options() noexcept : opt_(::hr_options_new()) {}

    /* 0; HR_ENOENT, HR_EINVAL, HR_ENOMEM with err's text. */
    int set(const char *name, const char *value, Error *err = nullptr) noexcept
    {
        return opt_ ? ::hr_options_set(opt_.get(), name, value, err) : ::hr_error_set(err, HR_ENOMEM, "%s", ::hr_strerror(HR_ENOMEM));
    }
    int set(const char *name, const std::string &value, Error *err = nullptr) noexcept { return set(name, value.c_str(), err); }
    void set_logger(::hr_log_fn *fn, void *user, ::hr_level most) noexcept { ::hr_options_set_logger(opt_.get(), fn, user, most); }
    const ::hr_options *get() const noexcept { return opt_.get(); }

private:
    struct Free {
        void operator()(::hr_options *opt) const noexcept { ::hr_options_free(opt); }
    };
    std::unique_ptr<::hr_options, Free> opt_;
};

/* A client, closed by its destructor, which waits for acknowledgements as long as `patience` says: 5 seconds unless set.
 * To log is for any thread; to open, move, close and destroy for one at a time, as with any object. A log call on a client that is
 * not open is HR_EINVAL. */
class Client {
public:
    Client() noexcept = default;
    Client(Client &&other) noexcept : client_(std::exchange(other.client_, nullptr)), patience_(other.patience_) {}
    Client &operator=(Client &&other) noexcept
    {
        if (this != &other) {
            close(patience_);
            client_ = std::exchange(other.client_, nullptr);
            patience_ = other.patience_;
        }
        return *this;
    }
    Client(const Client &) = delete;
    Client &operator=(const Client &) = delete;
    ~Client() { close(patience_); }

    /* As hr_open; an open client is closed first. */
    int open(const Options &opt, Error *err = nullptr) noexcept
    {
        close(patience_);
        return opt.get() != nullptr ? ::hr_open(opt.get(), &client_, err)
                                    : ::hr_error_set(err, HR_ENOMEM, "%s", ::hr_strerror(HR_ENOMEM));
    }
    /* As hr_close: HR_ETIMEOUT when some events stay in the spool. 0 when it was not open. */
    int close(std::chrono::milliseconds timeout) noexcept
    {
        return ::hr_close(std::exchange(client_, nullptr), timeout.count() > 0 ? timeout.count() : 0);
    }
    int flush(std::chrono::milliseconds timeout) noexcept { return ::hr_flush(client_, timeout.count() > 0 ? timeout.count() : 0); }
    std::uint64_t stat(::hr_stat stat) const noexcept { return ::hr_stats_get(client_, stat); }
    std::string status_text() const
    {
        char text[256] = "";

        ::hr_status_text(client_, text, sizeof text);
        return text;
    }
    void set_patience(std::chrono::milliseconds patience) noexcept { patience_ = patience; }
    ::hr_client *get() const noexcept { return client_; }
    explicit operator bool() const noexcept { return client_ != nullptr; }

private:
    ::hr_client *client_ = nullptr;
    std::chrono::milliseconds patience_{5000};
};

} // namespace headrace
#endif
