// A target or a host that is like nearly all is accepted at a glance, without Boost.URL: it must be
// one that Boost.URL accepts.
#include "support/catch.hpp"
#include "support/seed.hpp"

#include <boost/url/parse.hpp>
#include <boost/url/url_view.hpp>
#include <covey/worker/http/request_reader.hpp>
#include <cstdint>
#include <random>
#include <string>
#include <string_view>

namespace plain_heads_test {

namespace http = covey::http;
namespace urls = boost::urls;

namespace {

class words
{
  public:
    words(std::string_view letters, std::uint64_t seed)
        : letters_{letters}
        , dice_{seed}
    {}
    std::string next()
    {
        std::string out;
        for (auto left = dice_() % 10; left > 0; --left)
            out += letters_[dice_() % letters_.size()];
        return out;
    }

  private:
    std::string_view letters_;
    std::mt19937_64 dice_;
};

bool is_accepted(std::string const& target, std::string const& host)
{
    http::limits const bounds;
    http::request_reader reader{bounds};
    auto const head = "GET " + target + " HTTP/1.1\r\nHost: " + host + "\r\n\r\n";
    std::string_view bytes = head;
    return reader.read(bytes) == http::request_reader::progress::complete;
}

bool is_host(std::string const& text)
{
    auto const parsed = urls::parse_authority(text);
    return parsed && !parsed->has_userinfo() && !parsed->encoded_host().empty() &&
           text.find(',') == text.npos;
}

} // namespace

TEST_CASE("a target is accepted if Boost.URL accepts it, plain or not", "[worker][strict]")
{
    auto const seed = covey::test::seed();
    CAPTURE(seed);
    words paths{"aZ09-._~!$&'()*+,;=:@//??%", seed};
    int accepted = 0;
    for (int i = 0; i < 20'000; ++i) {
        auto const target = "/" + paths.next();
        bool const good = is_accepted(target, "a");
        accepted += good ? 1 : 0;
        if (good != urls::parse_origin_form(target).has_value())
            FAIL("target " << target << (good ? " accepted" : " refused"));
    }
    CHECK(accepted > 1'000);
    CHECK(accepted < 20'000);
}

TEST_CASE("a host is accepted if Boost.URL accepts it, plain or not", "[worker][strict]")
{
    auto const seed = covey::test::seed();
    CAPTURE(seed);
    words hosts{"aZ09-..::_@[]%,", seed};
    int accepted = 0;
    for (int i = 0; i < 20'000; ++i) {
        auto const host = "h" + hosts.next();
        bool const good = is_accepted("/", host);
        accepted += good ? 1 : 0;
        if (good != is_host(host))
            FAIL("host " << host << (good ? " accepted" : " refused"));
    }
    CHECK(accepted > 1'000);
    CHECK(accepted < 20'000);
}

} // namespace plain_heads_test
