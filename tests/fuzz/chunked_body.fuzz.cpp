// A chunked body: what is taken is what a plain reading of RFC 9112 7.1 makes of the same bytes,
// and it ends in the same place; the same in any pieces.
//
//   u8 size of a piece; then the body, and whatever comes behind it
#include "http_reading.hpp"

#include <charconv>
#include <optional>

using namespace covey;
using covey::fuzz::claim;

namespace {

struct body
{
    std::string text;
    std::size_t end = 0;
};

std::string_view line(std::string_view from)
{
    return from.substr(0, from.find("\r\n"));
}

// Lenient: where two readings differ, this one takes what the other refuses.
std::optional<body> plainly(std::string_view from)
{
    body out;
    auto const all = from.size();
    for (;;) {
        std::size_t size = 0;
        auto const head = line(from);
        auto const [end, failed] =
            std::from_chars(head.data(), head.data() + head.size(), size, 16);
        if (failed != std::errc{} || head.size() + 2 > from.size())
            return std::nullopt;
        from.remove_prefix(head.size() + 2);
        if (size == 0)
            break;
        if (from.size() < size + 2 || from.substr(size, 2) != "\r\n")
            return std::nullopt;
        out.text += from.substr(0, size);
        from.remove_prefix(size + 2);
    }
    for (;;) { // the trailer
        auto const field = line(from);
        if (field.size() + 2 > from.size())
            return std::nullopt;
        from.remove_prefix(field.size() + 2);
        if (field.empty())
            break;
    }
    out.end = all - from.size();
    return out;
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size)
{
    covey::fuzz::script input{data, size};
    auto const bounds = covey::fuzz::small_limits();
    std::size_t const piece = 1 + input.byte() % 64;
    std::string const head = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
    auto const coded = input.rest();
    auto const bytes = head + std::string{coded};
    auto const whole = covey::fuzz::read(bounds, bytes, bytes.size() + 1);
    if (!whole.requests.empty()) {
        auto const other = plainly(coded);
        claim(other.has_value(), "what is taken is a chunked body");
        claim(other->text == whole.requests.front().body_text, "of the same bytes");
        claim(other->end + head.size() == whole.ends.front(), "with the same end");
        claim(other->text.size() <= bounds.body_bytes_max, "within its limit");
    }
    covey::fuzz::claim_same(whole, covey::fuzz::read(bounds, bytes, piece));
    return 0;
}
