/* Every kind of field through the C++ wrapper, held against JSON by libheadrace-test. */
#include "every.headrace.hpp"
#include "placed.headrace.hpp"
#include <array>
#include <headrace_test.h>
#include <iostream>
#include <type_traits>
#include <vector>

namespace {

hr_test *test;
int failures;

void expect(const char *what, const char *stream, const char *json)
{
    if (hr_test_expect(test, stream, json) == 0)
        return;
    std::cerr << what << ":\n" << hr_test_why(test) << '\n';
    failures++;
}

void check(const char *what, bool ok)
{
    if (ok)
        return;
    std::cerr << what << '\n';
    failures++;
}

void simple(const headrace::Client &client)
{
    order::Placed e;

    e.id = "A-0";
    check("a simple event", log(client, e) == 0);
    expect("all unset", "order.Placed", R"({"id": "A-0"})");
    e.id = "A-1";
    e.coupon = 0;
    e.state = ORDER_STATE_PAID;
    e.token = std::string_view("\0x", 2);
    check("through the C client", log(client.get(), e) == 0);
    expect("scalars", "order.Placed", R"({"id": "A-1", "coupon": 0, "state": "STATE_PAID", "token": "AHg="})");
}

void lists(const headrace::Client &client)
{
    std::vector<order_item> items(2);
    std::array<hr_bytes, 2> tags{headrace::bytes("x"), headrace::bytes("")};
    const order_placed_stock_entry stock[] = {{headrace::bytes("a"), 7}};
    order::Placed e;

    items[0].name = headrace::bytes("cup");
    items[1].has_price = true;
    e.id = "A-2";
    e.items = items;
    e.tags = tags;
    e.stock = stock;
    check("lists", log(client, e) == 0);
    expect("lists", "order.Placed", R"({"id": "A-2", "items": [{"name": "cup"}, {"price": 0}], "stock": {"a": 7}, "tags": ["x", ""]})");
    e.items = {items.data() + 1, 1};
    e.tags = {};
    check("a part of a list", log(client, e) == 0);
    expect("a part of a list", "order.Placed", R"({"id": "A-2", "items": [{"price": 0}], "stock": {"a": 7}})");
}

void nested(const headrace::Client &client)
{
    every_kind_thing_inner inner{};
    every::kind::Thing e;

    inner.name = headrace::bytes("top");
    e.inner = &inner;
    e.ob = false;
    e.os = "";
    check("nested", log(client, e) == 0);
    expect("nested", "every.kind.Thing", R"({"inner": {"name": "top"}, "ob": false, "os": ""})");
    e = {};
    e.ci = 0;
    check("oneof", log(client, e) == 0);
    expect("oneof", "every.kind.Thing", R"({"ci": 0})");
}

void life(headrace::Client &client)
{
    headrace::Options opt;
    headrace::Error err;
    headrace::Client other, moved;

    check("an unknown option", opt.set("spool_dri", "x", &err) == HR_ENOENT && err.code == HR_ENOENT);
    check("not open", !other && log(other, order::Cancelled{}) == HR_EINVAL && other.close(std::chrono::seconds(1)) == 0);
    check("open", opt.set("app", std::string("cxx")) == 0 && other.open(opt, &err) == 0 && other);
    moved = std::move(other);
    check("moved", moved && moved.stat(HR_STAT_LOGGED) == 0 && moved.status_text().empty());
    check("flush", client.flush(std::chrono::seconds(30)) == 0);
    static_assert(!std::is_copy_constructible_v<headrace::Client> && std::is_nothrow_move_constructible_v<headrace::Client>);
}

} // namespace

int main()
{
    headrace::Error err;

    if (hr_test_open(&test, nullptr, &err) != 0) {
        std::cerr << err.text << '\n';
        return 1;
    }
    {
        headrace::Client client;

        check("open", client.open(headrace::Options(), &err) == 0);
        simple(client);
        lists(client);
        nested(client);
        life(client);
    }
    check("close", hr_test_close(test) == 0);
    return failures != 0;
}
