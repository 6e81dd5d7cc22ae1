#include "histogram_scale.hpp"

#include <charconv>
#include <system_error>

namespace covey {

std::string histogram_scale::text() const
{
    return "up to " + std::to_string(highest) + ", " + std::to_string(precision_bits) + " bits";
}

std::optional<histogram_scale> histogram_scale::parse(std::string_view text, std::size_t& at)
{
    auto rest = text.substr(at);
    auto const skip = [&](std::string_view token) {
        bool const there = rest.starts_with(token);
        rest.remove_prefix(there ? token.size() : 0);
        return there;
    };
    auto const number = [&](auto& out) {
        auto const [last, failed] = std::from_chars(rest.data(), rest.data() + rest.size(), out);
        rest.remove_prefix(static_cast<std::size_t>(last - rest.data()));
        return failed == std::errc{};
    };
    histogram_scale out;
    if (!skip("up to ") || !number(out.highest) || !skip(", ") || !number(out.precision_bits) ||
        !skip(" bits") || !out.valid())
        return std::nullopt;
    at = text.size() - rest.size();
    return out;
}

} // namespace covey
