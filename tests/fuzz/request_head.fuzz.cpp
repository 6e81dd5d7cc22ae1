// A connection's bytes: requests come out of them or it is refused, the same in any pieces; and
// what comes out is one that a handler may see.
//
//   u8 size of a piece; then the bytes
#include "http_reading.hpp"

using namespace covey;
using covey::fuzz::claim;

namespace {

std::size_t count(http::request const& in, std::string_view name)
{
    return static_cast<std::size_t>(
        std::count_if(in.fields.begin(), in.fields.end(), [&](auto const& field) {
            return std::equal(field.first.begin(), field.first.end(), name.begin(), name.end(),
                              [](char a, char b) { return (a | 0x20) == b; });
        }));
}

void judge(http::request const& in, http::limits const& bounds)
{
    claim(!in.method_name.empty() && in.method_name != "CONNECT", "it has a method");
    claim(in.target_text.starts_with('/') || (in.target_text == "*" && in.method_name == "OPTIONS"),
          "its target is a path");
    claim(in.target_text.find_first_of("# \r\n") == std::string::npos, "and nothing else");
    claim(in.target_text.size() <= bounds.target_bytes_max, "of some length");
    claim(in.fields.size() <= bounds.fields_max + 1, "its fields are so many");
    claim(count(in, "host") <= 1, "it has one Host");
    claim(count(in, "content-length") <= 1, "and one length");
    claim(count(in, "content-length") == 0 || count(in, "transfer-encoding") == 0,
          "or another way to tell its end");
    claim(in.body_text.size() <= bounds.body_bytes_max, "its body is within its limit");
    for (auto const& [name, value] : in.fields) {
        claim(!name.empty(), "a field has a name");
        claim(value.find_first_of(std::string_view{"\r\n\0", 3}) == std::string::npos,
              "and a value in one line");
    }
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size)
{
    covey::fuzz::script input{data, size};
    auto const bounds = covey::fuzz::small_limits();
    std::size_t const piece = 1 + input.byte() % 64;
    auto const bytes = input.rest();
    auto const whole = covey::fuzz::read(bounds, bytes, bytes.size() + 1);
    for (auto const& each : whole.requests)
        judge(each, bounds);
    covey::fuzz::claim_same(whole, covey::fuzz::read(bounds, bytes, piece));
    return 0;
}
